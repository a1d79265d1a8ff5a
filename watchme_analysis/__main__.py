"""Run the command as ``python -m watchme_analysis``, for an environment whose scripts are not on the path."""

from watchme_analysis.cli import main

if __name__ == "__main__":
    main()

"""Files that a report gives to take away, beside its page."""

from __future__ import annotations

import shutil
from pathlib import Path


def collect_files(left: Path, folder: Path) -> list[str]:
    """Move what the notebook left for its reader into the folder of the run; return the files' names.

    Parameters
    ----------
    left
        Folder of the kernel, see :func:`watchme_analysis.take_away.take_away`; it may be missing.
    folder
        Folder of the run.
    """
    files = sorted(path for path in left.glob("*") if path.is_file())
    for path in files:
        shutil.move(path, folder / path.name)
    return [path.name for path in files]

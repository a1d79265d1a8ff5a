"""Incident investigation for event-driven systems on AWS.

Importing the package loads nothing heavy: pandas, boto3, matplotlib and duckdb are imported by the
functions that use them.
"""

__version__ = "0.1.0"

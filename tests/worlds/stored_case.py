"""A case of a few rows, in memory or in a folder, without evidence files to import."""

import json
from pathlib import Path

import pandas as pd

from watchme_analysis.case.case_folder import Case, read_case
from watchme_analysis.case.manifest import MANIFEST
from watchme_analysis.case.writer import sha256_of
from watchme_analysis.config import WorkItemSettings
from watchme_analysis.schema import FORMAT_VERSION, TABLES, conform

LEARNED = WorkItemSettings()


def case_of(window=None, work_items=LEARNED, **tables):
    """Return a case in memory with the rows of each table, as a list of dictionaries or a frame.

    ``window`` is a start and an end; by default, the first and the last time of the tables. The keys of work
    are learned from the bodies of the messages unless ``work_items`` names them.
    """
    frames = {name: conform(name, pd.DataFrame(rows)) for name, rows in tables.items()}
    return Case(Path(), _manifest(frames, window, work_items, lambda name: ""), frames)


def store_case(folder, window=None, work_items=LEARNED, **tables):
    """Write a case with the rows of each table into a folder, and return it opened."""
    frames = {name: conform(name, pd.DataFrame(rows)) for name, rows in tables.items()}
    (folder / "tables").mkdir(parents=True)
    for name, frame in frames.items():
        frame.to_parquet(folder / "tables" / f"{name}.parquet")
    manifest = _manifest(
        frames, window, work_items, lambda name: sha256_of(folder / "tables" / f"{name}.parquet")
    )
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return read_case(folder)


def _manifest(frames, window, work_items, hash_of):
    tables = {}
    for name, frame in frames.items():
        times = frame[TABLES[name].time].dropna() if TABLES[name].time else frame.iloc[:0, 0]
        start, end = (times.min().isoformat(), times.max().isoformat()) if len(times) else (None, None)
        tables[name] = {
            "rows": len(frame), "start": start, "end": end, "rejected": 0, "truncated": False, "notes": [],
            "files": [], "sha256": hash_of(name),
        }  # fmt: skip
    times = [table[bound] for table in tables.values() for bound in ("start", "end") if table[bound]]
    start, end = window or (min(times, default=None), max(times, default=None))
    return {
        "format_version": FORMAT_VERSION,
        "name": "made-up",
        "title": "",
        "time_zone": "UTC",
        "work_items": work_items.to_dict(),
        "log_words": {},
        "window": {"start": str(start), "end": str(end)} if start and start != end else None,
        "made_with": {},
        "tables": tables,
        "inputs": [],
    }

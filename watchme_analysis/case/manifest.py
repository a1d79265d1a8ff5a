"""Reading and validation of the manifest of a case."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from watchme_analysis.config import LogWords, WorkItemSettings
from watchme_analysis.errors import CaseError
from watchme_analysis.schema import FORMAT_VERSION, TABLES
from watchme_analysis.text.message import restored_texts, stored_texts
from watchme_analysis.text.render import error_message

MANIFEST = "manifest.json"

Check = Callable[[Any], bool]


def case_folders(folder: Path, most_levels: int = 4) -> Iterator[Path]:
    """Yield the folders of cases in a folder and its subfolders; none of them is read.

    Hidden folders, symbolic links and the folders of cases are not entered.
    """
    open_folders = [(folder, 0)]
    while open_folders:
        here, level = open_folders.pop()
        if (here / MANIFEST).is_file():
            yield here
        elif level < most_levels:
            with suppress(OSError):
                below = [each for each in here.iterdir() if not each.name.startswith(".")]
                open_folders += [
                    (each, level + 1) for each in below if each.is_dir() and not each.is_symlink()
                ]


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the validated manifest of a case folder.

    CaseError when it can't be read, is of another version, or has a missing or invalid field.
    """
    path = folder / MANIFEST
    try:
        # Python 3.13 reads values that are nested more deeply than a function can follow.
        manifest = restored_texts(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise CaseError(error_message("error-manifest-unreadable", path=path, reason=error)) from error
    if not isinstance(manifest, dict) or "format_version" not in manifest:
        raise CaseError(error_message("error-manifest-foreign", path=path))
    if manifest["format_version"] != FORMAT_VERSION:
        raise CaseError(error_message("error-manifest-version", folder=folder))
    wrong = _wrong(manifest, _FIELDS)
    if wrong:
        raise CaseError(error_message("error-manifest-damaged", path=path, place=repr(wrong)))
    return manifest


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """Return a manifest as the text of its file; each note is stored with its message."""
    return json.dumps(stored_texts(manifest), indent=1, ensure_ascii=False) + "\n"


def _wrong(entry: Mapping[str, Any], fields: Mapping[str, Check]) -> str:
    """Return the name of the first missing or invalid field; empty when all fields are valid."""
    return next((name for name, check in fields.items() if name not in entry or not check(entry[name])), "")


def _is(*kinds: type) -> Check:
    return lambda value: isinstance(value, kinds)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _is_moment(value: Any) -> bool:
    if value is None:
        return True
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _is_window(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict):
        return False
    bounds = [value.get(name) for name in ("start", "end")]
    if None in bounds or not all(map(_is_moment, bounds)):
        return False
    start, end = (datetime.fromisoformat(str(bound)) for bound in bounds)
    return start < end


def _is_read_by(settings: type[WorkItemSettings | LogWords]) -> Check:
    """Return a check of whether settings can be made of a value."""

    def check(value: Any) -> bool:
        try:
            settings.from_dict(value)
        except (AttributeError, TypeError, ValueError):
            return False
        return True

    return check


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _are_tables(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() <= TABLES.keys() and _are(_TABLE)(list(value.values()))


def _are(fields: Mapping[str, Check]) -> Check:
    """Return a check of whether a value is a list of objects with valid fields."""
    return lambda value: (
        isinstance(value, list)
        and all(isinstance(entry, dict) and not _wrong(entry, fields) for entry in value)
    )


_SPAN = {"start": _is_moment, "end": _is_moment}
_TABLE: dict[str, Check] = {
    "rows": _is_count,
    **_SPAN,
    "rejected": _is_count,
    "truncated": _is(bool),
    "notes": _are_texts,
    "files": _are_texts,
    "sha256": _is(str),
}
_PIECE: dict[str, Check] = {"table": _is(str), "rows": _is_count, "rejected": _is_count, **_SPAN}
_INPUT: dict[str, Check] = {
    "file": _is(str),
    "bytes": _is_count,
    "sha256": _is(str),
    "source": _is(str, type(None)),
    "unread": lambda value: value is None or _are_texts(value),
    "reason": _is(str),
    "tables": _are(_PIECE),
}
_FIELDS: dict[str, Check] = {
    "name": _is(str),
    "title": _is(str, type(None)),
    "time_zone": _is(str),
    "work_items": _is_read_by(WorkItemSettings),
    "log_words": _is_read_by(LogWords),
    "window": _is_window,
    "made_with": _is(dict),
    "tables": _are_tables,
    "inputs": _are(_INPUT),
}

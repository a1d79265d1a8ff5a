"""Folders of evidence of several incidents, told from those of one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from watchme_analysis.case.reader_registry import sources
from watchme_analysis.errors import InputError
from watchme_analysis.files.evidence_file import RawFile, unpacked_name

# Hosts of one incident have an access log, an error log and a configuration each; incidents have more alike.
_ALIKE_FROM = 4
# What was recorded so long after all else is hardly of the same incident.
_APART = timedelta(days=1)
# Modules of a program have the same names in many of its folders.
_REPEATED = "app_source"


class SideBySide(NamedTuple):
    """Folders that each hold a case's evidence.

    Attributes
    ----------
    parent
        Where they lie, relative to the evidence, ``.`` for itself.
    folders
        Their names, sorted.
    files
        Files that two of them or more have, relative to each.
    others
        Further folders with evidence beside them, which may be cases too.
    """

    parent: str
    folders: list[str]
    files: list[str]
    others: list[str]


def check_one_case(source: Path, names: list[str]) -> None:
    """Refuse a folder that holds cases side by side.

    Raises
    ------
    InputError
        When it does.
    """
    found = side_by_side(source, names)
    if found is None:
        return
    beside = f", and beside them lies evidence in {_named(found.others)}" if found.others else ""
    files = ", ".join(found.files[:4]) + (", ..." if len(found.files) > 4 else "")
    raise InputError(
        f"{source / found.parent} seems to hold several cases: {_named(found.folders)} hold the same "
        f"files ({files}){beside}. Give one of them. If all is of one incident, put a file case.toml into "
        f"{source}; an empty one will do."
    )


def _named(folders: list[str]) -> str:
    first, more = ", ".join(folders[:3]), len(folders) - 3
    return f"{first} and {more} more" if more > 0 else first


def side_by_side(root: Path, names: Iterable[str]) -> SideBySide | None:
    """Return the first folders side by side that hold the same kinds of evidence under the same names.

    Taken for one, the evidence of several incidents tells of one that never was. A folder with evidence of
    its own holds one case, whatever lies below it.

    Parameters
    ----------
    root
        Folder of evidence.
    names
        Its files, relative to it.
    """
    below: dict[PurePosixPath, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    own: set[PurePosixPath] = set()
    for path in map(PurePosixPath, names):
        if not _is_evidence(RawFile(root, str(path))):
            continue
        own.add(path.parent)
        for parent in list(path.parents)[1:]:
            child, *rest = path.relative_to(parent).parts
            below[parent][child].add(unpacked_name("/".join(rest)))
    for parent, children in sorted(below.items()):
        if parent in own:
            continue
        counts = Counter(chain.from_iterable(children.values()))
        shared = {file for file, count in counts.items() if count > 1}
        folders = sorted(child for child, files in children.items() if len(files & shared) >= _ALIKE_FROM)
        if len(folders) > 1:
            return SideBySide(str(parent), folders, sorted(shared), sorted(set(children) - set(folders)))
    return None


def far_apart(windows: Mapping[str, Iterable[tuple[datetime, datetime]]]) -> str:
    """Return a sentence on folders whose records lie over a day apart; empty where there are none.

    Parameters
    ----------
    windows
        For each file, relative to the evidence, the first and last moment of what was read from it.
    """
    spans: dict[str, list[datetime]] = defaultdict(list)
    for name, found in windows.items():
        folder, *below = PurePosixPath(name).parts
        if below:
            spans[folder] += chain.from_iterable(found)
    ordered = sorted((min(times), max(times), folder) for folder, times in spans.items() if times)
    ends = [max(end for _, end, _ in ordered[: place + 1]) for place in range(len(ordered))]
    if not any(start - end > _APART for (start, _, _), end in zip(ordered[1:], ends, strict=False)):
        return ""
    told = ", ".join(f"{folder} (from {start.astimezone(UTC):%Y-%m-%d})" for start, _, folder in ordered)
    return (
        f"the folders {told} lie over a day apart (dates in UTC): if they are not of one incident, import "
        f"each by itself, such as {ordered[0][2]}. If they are, an empty case.toml beside them says so."
    )


def _is_evidence(raw: RawFile) -> bool:
    return any(source.knows_name(raw) for source in sources() if source.name != _REPEATED)

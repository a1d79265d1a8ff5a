"""Folders with cases, and evidence folders that mix several incidents."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from watchme_analysis.case.manifest import case_folders
from watchme_analysis.case.reader_registry import sources
from watchme_analysis.errors import CaseError, InputError
from watchme_analysis.files.evidence_file import RawFile, unpacked_name
from watchme_analysis.text.message import Names
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.case.case_folder import Case

# Number of equal file names from which sibling folders count as separate cases. Hosts of the same incident
# share an access log, an error log and a configuration; folders of separate incidents share more.
_ALIKE_FROM = 4
# Records this long after all others hardly belong to the same incident.
_APART = timedelta(days=1)
# Source files are ignored: modules of an application have the same names in many folders.
_REPEATED = "app_source"


class SideBySide(NamedTuple):
    """Sibling folders that each contain the evidence of a case."""

    parent: str  # path relative to the evidence folder, ``.`` for that folder
    folders: list[str]  # names of the siblings, sorted
    files: list[str]  # that at least two of them contain, relative to each folder
    others: list[str]  # siblings with evidence, which may be cases too


def cases_below(folder: Path) -> list[Case]:
    """Return the readable cases in a folder and its subfolders, sorted by path."""
    from watchme_analysis.case.case_folder import read_case

    found: list[Case] = []
    for each in case_folders(folder):
        with suppress(CaseError):  # a manifest of another program, or a damaged case
            found.append(read_case(each))
    return sorted(found, key=lambda case: case.path)


def check_one_case(source: Path, names: list[str]) -> None:
    """Raise InputError if a folder contains several cases in sibling folders."""
    found = side_by_side(source, names)
    if found is None:
        return
    beside = error_message("error-several-cases-beside", folders=_named(found.others)) if found.others else ""
    files = ", ".join(found.files[:4]) + (", ..." if len(found.files) > 4 else "")
    raise InputError(
        error_message(
            "error-several-cases",
            folder=source / found.parent,
            folders=_named(found.folders),
            files=files,
            beside=beside,
            source=source,
        )
    )


def _named(folders: list[str]) -> Names:
    return Names(tuple(folders), limit=3)


def side_by_side(root: Path, names: Iterable[str]) -> SideBySide | None:
    """Return the first sibling folders that contain the same evidence files; None without such folders.

    Evidence of several incidents in a single case would produce a false diagnosis. A folder with evidence
    files at its top level is a single case, whatever its subfolders contain.
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
    """Return a sentence on folders with records more than a day apart; empty without such folders.

    ``windows`` are first and last times by path of the file, relative to the evidence folder.
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
    listed = ", ".join(f"{folder} (from {start.astimezone(UTC):%Y-%m-%d})" for start, _, folder in ordered)
    return (
        f"the folders {listed} lie over a day apart (dates in UTC): if they are not of one incident, import "
        f"each by itself, such as {ordered[0][2]}. If they are, an empty case.toml beside them says so."
    )


def _is_evidence(raw: RawFile) -> bool:
    return any(source.knows_name(raw) for source in sources() if source.name != _REPEATED)

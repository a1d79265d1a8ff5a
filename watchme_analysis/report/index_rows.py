"""Rows of the index of reports, each rendered once.

A finished report does not change. Its row is kept in a hidden file beside the index, and is rendered again
only if its result, or the result that it is compared with, is another one. An index of thousands of reports
then takes about as long as one look at each result's time and size.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from watchme_analysis.present.display import coded
from watchme_analysis.report.folder import ABOUT, PAGE, RESULT, read_result
from watchme_analysis.report.summary import change_since, facts
from watchme_analysis.storage.atomic_write import write_atomically
from watchme_analysis.text.catalogue import read_sources
from watchme_analysis.text.message import message
from watchme_analysis.text.render import label, render
from watchme_analysis.version import __version__

TEMPLATES = Path(__file__).parent / "templates"
# A date, and a number with its Japanese counter.
_DATE = re.compile(r"\d{4}-\d\d-\d\d|[\d,.]+ (?:時間|ms|[件回秒分日個行])")
_TEMPLATE = "index_row.html.j2"
_CACHE = ".index-rows.json"


@dataclass(frozen=True)
class IndexRows:
    """Rows of the index.

    Attributes
    ----------
    html
        HTML of a row for each report, newest first.
    systems
        Class of the rows of each system, by its name.
    foreign
        Folders with an unknown result.
    """

    html: list[str]
    systems: dict[str, str]
    foreign: list[str]


def index_rows(reports: Path, language: str) -> IndexRows:
    """Return the rows of the index.

    Parameters
    ----------
    reports
        Folder of all reports, locked by the caller.
    language
        Language of the index.
    """
    known = _read(reports, language)
    entries = {}
    for name in os.listdir(reports):  # noqa: PTH208  a path for each of thousands of reports takes longer
        if not name.startswith("."):
            entry = _entry(reports, name, known.get(name))
            if entry is not None:
                entries[name] = entry
    foreign = [name for name, entry in entries.items() if entry["at"] is None]
    earlier: dict[tuple[str, ...], str] = {}
    ordered = sorted((entry["at"], name) for name, entry in entries.items() if entry["at"] is not None)
    for _, name in ordered:
        entry = entries[name]
        about = tuple(entry["about"])
        # A redacted case has no name by which its previous run could be found.
        before = None if entry["redacted"] else earlier.get(about)
        follows = [before, entries[before]["stat"]] if before is not None else None
        if "html" not in entry or entry["follows"] != follows:
            try:
                entry["html"] = _rendered(reports, name, before, language)
            except Exception:  # an unknown result must not prevent the index of the others
                foreign.append(name)
                entry["at"] = None
                continue
            entry["follows"] = follows
        if entry["ok"] and not entry["redacted"]:
            earlier[about] = name
    if entries != known:
        _write(reports, language, entries)
    shown = [name for _, name in reversed(ordered) if name not in foreign]
    systems = {entries[name]["system"] for name in shown} - {""}
    return IndexRows(
        [entries[name]["html"] for name in shown],
        {system: _class_of(system) for system in sorted(systems)},
        sorted(foreign),
    )


def _class_of(system: str) -> str:
    """Return the class of the rows of a system, whose name may hold anything."""
    return f"s{hashlib.sha256(system.encode(errors='backslashreplace')).hexdigest()[:10]}"


def _system_of(report: Path, result: Mapping[str, Any]) -> str:
    """Return the system that a report was delivered for, else its first affected resource, else its case."""
    # Another program may have written either file.
    with suppress(OSError, ValueError, LookupError, TypeError):
        return str(json.loads((report / ABOUT).read_text(encoding="utf-8"))["system"])
    with suppress(LookupError, TypeError):
        affected = {one["id"]: one["value"] for one in result["diagnosis"]["facts"]}["affected_resource"]
        return str(affected[0])
    return str(result.get("case") or "")


def _entry(reports: Path, name: str, known: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what is known of a folder, from its result if that has changed; None for another folder."""
    path = os.path.join(reports, name, RESULT)  # noqa: PTH118  see above
    try:
        found = os.stat(path)  # noqa: PTH116
        stat = [found.st_mtime_ns, found.st_size]
    except OSError:
        return _foreign(None) if os.path.lexists(path) else None
    if known is not None and known["stat"] == stat:
        return dict(known)
    result = read_result(reports / name)
    if result is None:
        return _foreign(stat)
    return {
        "stat": stat,
        "at": str(result.get("started_at") or ""),
        "about": [str(result.get("question")), str(result.get("case"))],
        "ok": result.get("status") == "ok",
        "redacted": bool(result.get("redacted")),
        "system": _system_of(reports / name, result),
        "follows": None,
    }


def _foreign(stat: list[int] | None) -> dict[str, Any]:
    return {"stat": stat, "at": None}


def _rendered(reports: Path, name: str, before: str | None, language: str) -> str:
    result = read_result(reports / name) or {}
    earlier = None if before is None else read_result(reports / before)
    notebook = result.get("notebook", "")
    said = facts(result, language)
    # A figure that is zero or unknown is on the page.
    zeros = ("0", render(message("fact-messages", messages=0), language))
    harm = [fact for fact in said.answer.known if fact[1] not in zeros]
    row = {
        "facts": said,
        "harm": harm,
        "system": _system_of(reports / name, result),
        "class": _class_of(_system_of(reports / name, result)),
        "page": _link(reports, name, PAGE),
        "result": _link(reports, name, RESULT),
        "notebook": _link(reports, name, notebook) if notebook else "",
        "change": change_since(earlier, result, language),
    }
    return str(template(_TEMPLATE).render(row=row, label=lambda message_id: label(message_id, language)))


@cache
def template(name: str) -> Any:
    """Return a template of the index, compiled once per process: that takes longer than a small index."""
    from jinja2 import Environment, FileSystemLoader

    # Without the newline at its end, so that rows can be joined.
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, keep_trailing_newline=True)
    filters = {"dates": _with_whole_dates, "coded": coded, "markdown": _markdown, "plain": _plain}
    environment.filters.update(filters)
    return environment.get_template(name)


def _markdown(text: str) -> str:
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    return str(markdown2html_mistune(text))


def _plain(text: str) -> str:
    """Return text without the colours of a terminal."""
    from nbconvert.filters.ansi import strip_ansi

    return str(strip_ansi(text))


def _with_whole_dates(text: str) -> Any:
    """Return a text as HTML in which no line breaks within a date, or between number and counter."""
    from markupsafe import Markup, escape

    return Markup(_DATE.sub(r"<time>\g<0></time>", str(escape(text))))


def _link(reports: Path, folder: str, name: str) -> str:
    """Return the relative URL of a file of a run; empty when there is no such file."""
    if Path(name).name != name or not (reports / folder / name).is_file():
        return ""
    return quote(os.fsencode(f"{folder}/{name}"))


@cache
def _form(language: str) -> str:
    """Return a digest of everything beside the results that rows depend on."""
    texts = [(TEMPLATES / _TEMPLATE).read_text(encoding="utf-8"), json.dumps(read_sources(language))]
    return hashlib.sha256("".join([__version__, language, *texts]).encode()).hexdigest()


def _read(reports: Path, language: str) -> dict[str, dict[str, Any]]:
    try:
        data = json.loads((reports / _CACHE).read_text(encoding="ascii"))
        if data["form"] == _form(language):
            rows: dict[str, dict[str, Any]] = data["rows"]
            return rows
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return {}


def _write(reports: Path, language: str, entries: Mapping[str, Mapping[str, Any]]) -> None:
    # Names and texts may hold lone surrogates, which JSON escapes keep.
    text = json.dumps({"form": _form(language), "rows": entries})
    write_atomically(reports / _CACHE, text.encode("ascii"), follow_links=False)

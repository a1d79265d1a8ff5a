"""From a question and a case to a diagnosis."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from importlib import import_module
from pathlib import Path
from types import ModuleType

from watchme_analysis.case.case_folder import Case
from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import InputError
from watchme_analysis.inference.findings import Diagnosis, Investigation, Missing, registered
from watchme_analysis.text.formats import as_sentence, format_time
from watchme_analysis.window import Window, parse_time

QUESTIONS = ("health", "backlog")
# Tables of which a question needs at least one.
_ABOUT = {
    "health": ("probes", "access_log", "edge_log", "error_log", "app_log"),
    "backlog": ("metrics", "queues", "log_events"),
}


def questions_for(case: Case) -> tuple[str, ...]:
    """Return the questions that a case holds evidence for."""
    held = set(case.tables)
    return tuple(question for question in QUESTIONS if held.intersection(_ABOUT[question]))


def investigate(
    question: str,
    case: Case | str | Path,
    *,
    since: str | None = None,
    until: str | None = None,
    zone: tzinfo | None = None,
    subject: str | None = None,
) -> Investigation:
    """Open a case for a question; parameters and errors as for :func:`diagnose`."""
    if question not in QUESTIONS:
        raise InputError(f"The question {question!r} is unknown: ask {' or '.join(QUESTIONS)}.")
    opened = case if isinstance(case, Case) else open_case(case)
    if question not in questions_for(opened):
        others = "".join(f" It can be asked about {other}." for other in questions_for(opened))
        raise InputError(
            f"The case {opened.name} holds nothing about {question}: it needs one of the tables "
            f"{', '.join(_ABOUT[question])}.{others}"
        )
    options = {}
    if subject is not None:
        name = "endpoint" if question == "health" else "queue"
        _check_subject(opened, name, subject)
        options[name] = subject
    return Investigation(opened, question, _bounds(opened, since, until, zone), options)


def diagnose(
    question: str,
    case: Case | str | Path,
    *,
    since: str | None = None,
    until: str | None = None,
    zone: tzinfo | None = None,
    subject: str | None = None,
) -> Diagnosis:
    """Answer a question about a case.

    Parameters
    ----------
    question
        ``health`` or ``backlog``.
    case
        A case, its folder, or a folder of raw evidence.
    since, until
        Bounds of the window looked at, as :func:`~watchme_analysis.window.parse_time` reads them; the
        case's own where not given. A span such as ``2h`` counts back from the case's end, not from now.
    zone
        Zone of bounds written without one; UTC unless given.
    subject
        The endpoint (a path) or the queue that the question is about; found from the data when None.

    Raises
    ------
    InputError
        When the question, a bound or the subject is unknown, or the case holds nothing to answer with.
    CaseError
        When the case can't be opened.
    """
    return answer(investigate(question, case, since=since, until=until, zone=zone, subject=subject))


def answer(investigation: Investigation) -> Diagnosis:
    """Answer the question of an investigation."""
    found: Diagnosis = _answering(investigation.question).diagnose(investigation)
    return replace(found, missing_evidence=(*_unread(investigation), *found.missing_evidence))


def _unread(investigation: Investigation) -> list[Missing]:
    """Return the files that could not be read, first those that the question is about."""
    asked = {name for entry in registered(investigation.question) for name in entry.needs}
    asked.update(_ABOUT[investigation.question])
    return [
        Missing(
            f"{file.file}, which could not be read",
            f"Nothing of it is in the case: {as_sentence(file.reason)}",
            "repair the file or collect it again, then import the folder again",
        )
        for file in sorted(investigation.case.unread, key=lambda file: asked.isdisjoint(file.tables))
    ]


def absent_tables(investigation: Investigation) -> dict[str, list[str]]:
    """Return the tables without any row in the window that a question asks for, with the causes that do."""
    _answering(investigation.question)
    absent: dict[str, list[str]] = {}
    held = investigation.case.tables
    for entry in registered(investigation.question):
        for name in entry.needs:
            if name not in held or (investigation.window is not None and investigation.table(name).empty):
                absent.setdefault(name, []).append(entry.cause)
    # An edge that is configured as Nginx is has no settings to export.
    if (investigation.table("config_directives")["layer"] == "edge").any():
        absent.pop("edge_settings", None)
    return absent


def _answering(question: str) -> ModuleType:
    """Return the module that answers a question; loading it registers its hypotheses."""
    return import_module(f"watchme_analysis.{question}.hypotheses.diagnosis")


def _bounds(case: Case, since: str | None, until: str | None, zone: tzinfo | None) -> Window | None:
    if since is None and until is None:
        return None
    whole = case.window
    if whole is None:
        raise InputError(f"The case {case.name} has no times, so that a window can't be cut from it.")
    start = whole.start if since is None else parse_time(since, zone, now=whole.end)
    end = whole.end if until is None else parse_time(until, zone, now=whole.end)
    covered = f"The case {case.name} covers {_said(whole.start, whole.end, zone)}"
    if end <= start and since is not None and until is not None:
        raise InputError(f"A window from {_said(start, end, zone)} is empty: swap its bounds. {covered}.")
    if start >= whole.end or end <= whole.start:
        beyond = f"from {since} on" if start >= whole.end else f"before {until}"
        raise InputError(f"{covered} and holds nothing {beyond}.")
    return Window(start, end)


def _said(start: datetime, end: datetime, zone: tzinfo | None) -> str:
    """Return a span of time in the zone that it was asked for in."""
    shown = zone or UTC
    first, last = (format_time(moment, shown, seconds=False) for moment in (start, end))
    return f"{first} to {last} ({shown})"


def _check_subject(case: Case, name: str, subject: str) -> None:
    places = (
        {"probes": "path", "access_log": "path", "edge_log": "path", "app_log": "path"}
        if name == "endpoint"
        else {"metrics": "resource", "queues": "queue"}
    )
    known: dict[str, int] = {}
    for table, column in places.items():
        frame = case.table(table)
        if table == "metrics":
            frame = frame[frame["namespace"] == "AWS/SQS"]
        for value, count in frame[column].value_counts().items():
            known[str(value)] = known.get(str(value), 0) + int(count)
    if subject not in known:
        common = sorted(known, key=lambda value: (-known[value], value))[:8]
        raise InputError(
            f"The {name} {subject!r} does not occur in the case {case.name}: "
            f"it knows {', '.join(common) or 'none'}."
        )

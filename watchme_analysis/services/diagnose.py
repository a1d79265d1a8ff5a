"""Diagnosis of a case for a question."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from importlib import import_module
from pathlib import Path

from watchme_analysis.case.case_folder import Case, UnreadFile
from watchme_analysis.case.opening import open_case
from watchme_analysis.case.reader_registry import aws_tables
from watchme_analysis.config import System, load_config
from watchme_analysis.errors import InputError
from watchme_analysis.inference.causes import causes
from watchme_analysis.inference.findings import Diagnosis, Investigation, Missing
from watchme_analysis.inference.known_lines import written
from watchme_analysis.queues.consumers import consumers_of
from watchme_analysis.text.command_words import explained_commands, in_folder, meanings
from watchme_analysis.text.formats import format_time
from watchme_analysis.text.message import (
    Choice,
    Code,
    Commands,
    Message,
    Quotation,
    Resource,
    Sentences,
    Value,
    message,
)
from watchme_analysis.text.render import error_message
from watchme_analysis.text.shell_quoting import shell_option, shell_path, shell_word
from watchme_analysis.window import Window, parse_time

QUESTIONS = ("health", "backlog")
# Every question that a case has evidence for.
ALL = "all"
# Tables by question; a case needs at least one of them.
_ABOUT = {
    "health": ("probes", "access_log", "edge_log", "error_log", "app_log", "container_events"),
    "backlog": ("metrics", "queues", "log_events"),
}

# Tables that count when a question is asked by name: they may be about the other one.
_MAY_BE_ABOUT = {"health": ("log_events",), "backlog": ("app_log",)}

# Tables about functions, which a queue with another consumer lacks.
_OF_FUNCTION = {"functions", "event_source_mappings", "log_events"}

# What a diagnosis of each question is about.
_SUBJECT_NAMES = {"health": "endpoint", "backlog": "queue"}


def questions_for(case: Case) -> tuple[str, ...]:
    """Return the questions that the case contains evidence for."""
    held = set(case.tables)
    if held.intersection({*_ABOUT["health"], *_ABOUT["backlog"]}) == {"app_log"}:
        # The log of an application or of a function: its lines tell which.
        log = case.table("app_log")
        texts = log["message"].astype("string").fillna("")
        of = [question for question in QUESTIONS if written(question, "app_log", log, texts)]
        return tuple(of) or ("health",)
    found = tuple(question for question in QUESTIONS if held.intersection(_ABOUT[question]))
    if len(found) < len(QUESTIONS):
        return found
    named = {*_described_consumers(case)}
    about_others = held.intersection(_ABOUT["health"]) - {"app_log", "container_events"} or any(
        {*case.table(table)["service"].dropna()} - named for table in ("app_log", "container_events")
    )
    return found if about_others or not named else ("backlog",)


def _described_consumers(case: Case) -> tuple[str, ...]:
    """Return the names of what receives from the queues of a case and is no function."""
    queues = case.table("queues")["queue"].dropna().unique().tolist()
    found = consumers_of(case, queues).values()
    return tuple(one.name for one in found if one.platform != "program")


def chosen_questions(question: str, case: Case) -> tuple[str, ...]:
    """Return the chosen question, or for ``all`` every question that the case has evidence for.

    Raises an InputError if it has none.
    """
    if question != ALL:
        return (question,)
    found = questions_for(case)
    if not found:
        raise InputError(
            error_message(
                "error-case-no-question",
                case=case.name,
                tables=", ".join(case.tables) or message("list-empty"),
            )
        )
    return found


def subject_of_system(question: str, case: Case, system: System | None) -> str | None:
    """Return the health endpoint or the queue of a system, if the case holds it; else None.

    None also for a system with several queues: the affected one is then found from the data.
    """
    if system is None:
        return None
    if question == "health":
        subject = system.health_path
    else:
        subject = system.queues[0] if len(system.queues) == 1 else None
    return subject if subject in _subjects_of(case, _SUBJECT_NAMES[question]) else None


def investigate(
    question: str,
    case: Case | str | Path,
    *,
    since: str | None = None,
    until: str | None = None,
    zone: tzinfo | None = None,
    subject: str | None = None,
) -> Investigation:
    """Return the investigation of a case; parameters and errors as for :func:`diagnose`."""
    if question not in QUESTIONS:
        raise InputError(
            error_message("error-question-unknown", question=repr(question), known=", ".join(QUESTIONS))
        )
    opened = case if isinstance(case, Case) else open_case(case)
    if not {*opened.tables}.intersection(_ABOUT[question] + _MAY_BE_ABOUT[question]):
        others = [
            message("error-question-other", question=Resource(other)) for other in questions_for(opened)
        ]
        raise InputError(
            error_message(
                "error-question-no-evidence",
                case=opened.name,
                question=question,
                tables=", ".join(_ABOUT[question]),
                **collecting(question, opened),
                others=Sentences(tuple(others)),
            )
        )
    options = {}
    if subject is not None:
        name = _SUBJECT_NAMES[question]
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
    """Return the diagnosis of a case for a question.

    Parameters
    ----------
    question
        ``health`` or ``backlog``.
    case
        A case, its folder, or a folder of raw evidence.
    since, until
        Bounds of the window to analyse, in the formats of :func:`~watchme_analysis.window.parse_time`; the
        bounds of the case by default. A span such as ``2h`` counts back from the end of the case, not from
        now.
    zone
        Time zone of bounds without a zone; UTC by default.
    subject
        Endpoint (a path) or queue to diagnose; found from the data when None.

    Raises
    ------
    InputError
        When the question, a bound or the subject is unknown, or the case has no evidence for the question.
    CaseError
        When the case can't be opened.
    """
    return answer(investigate(question, case, since=since, until=until, zone=zone, subject=subject))


def answer(investigation: Investigation) -> Diagnosis:
    """Return the diagnosis of an investigation."""
    found: Diagnosis = import_module(f"watchme_analysis.{investigation.question}.diagnosis").diagnose(
        investigation
    )
    folder = investigation.case.raw_evidence
    missing = (
        replace(item, how=explained_commands(item.how, folder, item.shown_by))
        for item in (*_unread(investigation), *found.missing_evidence)
    )
    # The named cause has one number everywhere: the confidence, which recorded cases have confirmed.
    ranking = tuple(
        replace(entry, probability=found.confidence) if entry.finding.cause == found.cause else entry
        for entry in found.ranking
    )
    return replace(found, missing_evidence=tuple(missing), ranking=ranking)


def _unread(investigation: Investigation) -> list[Missing]:
    """Return the files that could not be read; files for the tables of the question come first."""
    needed = {name for entry in causes(investigation.question) for name in entry.needs}
    needed.update(_ABOUT[investigation.question])
    return [
        Missing(
            message("missing-unread-what", file=Resource(file.file)),
            message("missing-unread-why", reason=Quotation(file.reason)),
            _read_again(investigation, file),
        )
        for file in sorted(investigation.case.unread, key=lambda file: needed.isdisjoint(file.tables))
    ]


def _read_again(investigation: Investigation, file: UnreadFile) -> Message:
    """Return the commands that import a file after its repair; for AWS responses, also the pull."""
    case = investigation.case
    commands = f"watchme case import FOLDER {case.argument}"
    if case.raw_evidence is not None:
        # Raw evidence is imported anew by each command.
        commands = f"watchme diagnose {investigation.question} FOLDER"
    again = {"file": Commands(shell_path(f"FOLDER/{file.file}")), "commands": Commands(commands)}
    if not aws_tables().issuperset(file.tables):
        return message("missing-unread-how", **again)
    pull = f"watchme case pull {investigation.question} "
    pull += shell_option("--queue", investigation.options.get("queue") or _a_queue(case))
    window = investigation.window or investigation.case.window
    if window is not None:
        start, end = (f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in (window.start, window.end))
        pull += f" --since {start} --until {end}"
    return message("missing-unread-how-from-aws", **again, pull=Commands(pull))


def collecting(question: str, case: Case | None) -> dict[str, Value]:
    """Return a command that collects evidence for a question, and what to put in place of unknown values.

    They are the values ``command`` and ``meanings`` of a message.
    """
    if question == "backlog":
        command = f"watchme case pull backlog {shell_option('--queue', _a_queue(case))} --since 2h"
    else:
        system = load_config().chosen_system()
        url = (system.health_url if system is not None else None) or "HEALTH_URL"
        command = f"watchme probe {shell_word(url)} --for 10m --to FOLDER/probes.csv"
    folder = case.raw_evidence if case is not None else None
    command = in_folder(command, folder)
    return {"command": Code(command), "meanings": Sentences(meanings(command))}


def _a_queue(case: Case | None) -> str:
    """Return a queue of the case that is no DLQ, whose connected resources a pull finds; else of the system.

    ``QUEUE`` if both name none.
    """
    if case is not None:
        queues = case.table("queues")
        dlqs = set(queues["dlq"].dropna())
        for name in queues["queue"].dropna():
            if name not in dlqs:
                return str(name)
    system = load_config().chosen_system()
    return system.queues[0] if system is not None and system.queues else "QUEUE"


def absent_tables(investigation: Investigation) -> dict[str, list[str]]:
    """Return the tables that causes of the question need and that have no row in the window.

    The value of each table is the list of the cause ids that need it. A table that was read to its end, and
    is empty, is evidence: nothing was recorded.
    """
    absent: dict[str, list[str]] = {}
    held, covered = investigation.case.tables, investigation.case.coverage()
    for entry in causes(investigation.question):
        for name in entry.needs:
            if name in covered and not covered[name]["rows"] and not covered[name]["truncated"]:
                continue
            if name not in held or (investigation.window is not None and investigation.table(name).empty):
                absent.setdefault(name, []).append(entry.cause)
    if investigation.question == "backlog" and _described_consumers(investigation.case):
        absent = {name: of for name, of in absent.items() if name in held or name not in _OF_FUNCTION}
    # An Nginx edge is described by its configuration and has no settings to export.
    if (investigation.table("config_directives")["layer"] == "edge").any():
        absent.pop("edge_settings", None)
    return absent


def _bounds(case: Case, since: str | None, until: str | None, zone: tzinfo | None) -> Window | None:
    if since is None and until is None:
        return None
    whole = case.window
    if whole is None:
        raise InputError(error_message("error-window-no-times", case=case.name))
    start = whole.start if since is None else parse_time(since, zone, now=whole.end)
    end = whole.end if until is None else parse_time(until, zone, now=whole.end)
    covered = error_message(
        "error-window-covered", case=case.name, window=_window_text(whole.start, whole.end, zone)
    )
    if end <= start and since is not None and until is not None:
        raise InputError(
            error_message("error-window-empty", window=_window_text(start, end, zone), covered=covered)
        )
    if start >= whole.end or end <= whole.start:
        is_late = start >= whole.end
        raise InputError(
            error_message(
                "error-window-outside",
                case=case.name,
                window=_window_text(whole.start, whole.end, zone),
                side=Choice("after" if is_late else "before"),
                time=str(since if is_late else until),
            )
        )
    return Window(start, end)


def _window_text(start: datetime, end: datetime, zone: tzinfo | None) -> Message:
    """Return a time span as text in the time zone of the request; in UTC without a zone."""
    shown = zone or UTC
    first, last = (format_time(moment, shown, seconds=False) for moment in (start, end))
    return error_message("error-window", start=first, end=last, zone=shown)


def _subjects_of(case: Case, name: str) -> dict[str, int]:
    """Return the endpoints or queues of a case with their number of rows."""
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
    return known


def _check_subject(case: Case, name: str, subject: str) -> None:
    known = _subjects_of(case, name)
    if subject not in known:
        common = sorted(known, key=lambda value: (-known[value], value))[:8]
        raise InputError(
            error_message(
                "error-not-in-case",
                kind=Choice(name),
                name=repr(subject),
                case=case.name,
                known=", ".join(common) or message("list-empty"),
            )
        )

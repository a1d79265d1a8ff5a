"""The result of a report as sentences for a page, an index or a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from watchme_analysis import errors
from watchme_analysis.errors import InputError
from watchme_analysis.health.hypotheses.calibration import track_record
from watchme_analysis.inference.weighing import aftermath
from watchme_analysis.text.formats import MISSING, format_percent, format_span, format_time, in_zone
from watchme_analysis.window import parse_zone

VERDICTS = {
    "supported": "supported",
    "inconclusive": "inconclusive",
    "no_incident": "no incident",
}


@dataclass(frozen=True)
class ResultFacts:
    """A result's main points, in words.

    Attributes
    ----------
    question, case, title
        As in the result.
    mark
        A word for style sheets: the verdict, ``failed`` or ``killed``.
    verdict, cause, confidence
        As the diagnosis has them; a dash where there is none.
    incident
        From when to when, in the zone asked for.
    window
        Window looked at, in the zone asked for.
    made, seconds
        When the run began, and how long it took.
    answer
        What the notebook answers to its own question, a sentence each; empty where that is the diagnosis.
    summary
        The diagnosis' conclusion, sentence by sentence.
    track_record
        How often verdicts as sure as this one were right; empty when that is not known.
    error
        What went wrong, in one sentence; empty when nothing did.
    """

    question: str
    case: str
    title: str
    mark: str
    verdict: str
    cause: str
    confidence: str
    incident: str
    window: str
    made: str
    seconds: str
    answer: tuple[str, ...]
    summary: tuple[str, ...]
    track_record: str
    error: str


def facts(result: Mapping[str, Any]) -> ResultFacts:
    """Return the main points of a ``result.json``, also of one that a killed run left half done."""
    zone = _zone(result)
    found = result.get("diagnosis") or {}
    status = result.get("status")
    failed = status != "ok"
    incident = found.get("incident") or {}
    looked_at = result.get("window") or {}
    cause = f"{found.get('cause') or MISSING}{aftermath(found.get('secondary_cause'))}"
    seconds = result.get("seconds")
    return ResultFacts(
        question=str(result.get("question", "")),
        case=str(result.get("case", "")),
        title=str(result.get("title") or result.get("case", "")),
        mark=str(status) if failed else str(found.get("verdict")),
        verdict=str(status) if failed else VERDICTS.get(str(found.get("verdict")), str(found.get("verdict"))),
        cause=cause,
        confidence=format_percent(found["confidence"]) if "confidence" in found else MISSING,
        incident=format_span(incident.get("start"), incident.get("end"), zone),
        window=format_span(looked_at.get("start"), looked_at.get("end"), zone),
        made=format_time(result.get("started_at"), zone, names_zone=True),
        seconds=MISSING if seconds is None else f"{seconds:.1f} s",
        answer=tuple(result.get("answer") or ()),
        summary=tuple(in_zone(text, zone) for text in found.get("summary") or ()),
        track_record=_track_record(result),
        error=sentence(result.get("error")),
    )


def _track_record(result: Mapping[str, Any]) -> str:
    found = result.get("diagnosis") or {}
    if result.get("question") != "health" or "confidence" not in found:
        return ""
    return track_record(str(found.get("verdict")), float(found["confidence"]))


def sentence(error: Any) -> str:
    """Return a result's error as a sentence; empty without one."""
    if not error:
        return ""
    if not isinstance(error, Mapping):
        return str(error)
    # Our own errors are sentences; others need their kind to be understood.
    kind = "" if hasattr(errors, str(error["kind"])) else f"{error['kind']}: "
    where = f"In “{error['section']}”: " if error.get("section") else ""
    return f"{where}{kind}{error['message']}"


def _zone(result: Mapping[str, Any]) -> tzinfo:
    try:
        return parse_zone(str((result.get("parameters") or {}).get("timezone") or "UTC"))
    except InputError:
        return UTC

"""Text of the result of a report for a page, an index or a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from watchme_analysis import errors
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError
from watchme_analysis.health.calibration import track_record
from watchme_analysis.inference.findings import stored_sentences
from watchme_analysis.present.cause_words import with_second_cause
from watchme_analysis.report.impact import impact_of
from watchme_analysis.services.diagnose import QUESTIONS, causes_of
from watchme_analysis.text.catalogue import LANGUAGES
from watchme_analysis.text.formats import MISSING, as_sentence, format_percent, format_time
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Instant,
    Names,
    Resource,
    Text,
    TimeSpan,
    message,
    message_from_dict,
    sentences,
)
from watchme_analysis.text.render import duration_label, label, render, value_label
from watchme_analysis.window import parse_zone

# Observations that a page gives as reasons, at most.
MOST_REASONS = 4
# Verdicts of a diagnosis that have a name in the catalogues, ``verdict-name-…``.
_VERDICTS = ("supported", "inconclusive", "no_incident", "failed", "killed", "running")


@dataclass(frozen=True)
class ResultFacts:
    """The main facts of a result as text.

    Attributes
    ----------
    question, case, title
        As in the result.
    mark
        CSS class: the verdict, ``failed`` or ``killed``.
    headline
        Title of the page: the cause in words, or that there is no incident; empty where neither is known.
    verdict, cause, confidence
        Values of the diagnosis; a dash for a missing value.
    causes
        Title of each named cause; empty without one.
    reasons
        The strongest observations for the named cause, each with its table and number of rows.
    incident
        Start and end of the incident, in the zone of the report.
    duration
        Length of the incident, until the end of the data if it is open; a dash without one.
    impact
        Requests, messages and work items that the incident harmed; empty where unknown.
    window
        Analysed window, in the zone of the report.
    made, seconds
        Start of the run and its duration.
    answer
        Sentences of the answer to the question of the notebook; empty if the answer is the diagnosis.
    summary
        Sentences of the conclusion of the diagnosis.
    track_record
        Sentence on the accuracy of such verdicts in recorded cases; empty if unknown.
    error
        Sentence on the error; empty without an error.
    subject
        Affected queues and functions, or endpoints; empty without an incident.
    """

    question: str
    case: str
    title: str
    mark: str
    headline: str
    verdict: str
    cause: str
    causes: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...]
    confidence: str
    incident: str
    duration: str
    impact: str
    window: str
    made: str
    seconds: str
    answer: tuple[str, ...]
    summary: tuple[str, ...]
    track_record: str
    error: str
    subject: str


def facts(result: Mapping[str, Any]) -> ResultFacts:
    """Return the main facts of a ``result.json``, including an incomplete result of a killed run."""
    zone, language = _zone(result), language_of(result)
    found = result.get("diagnosis") or {}
    status = result.get("status")
    failed = status != "ok"
    incident = found.get("incident") or {}
    looked_at = result.get("window") or {}
    cause = with_second_cause(
        found.get("cause") or MISSING, found.get("secondary_cause"), found.get("other_causes") or ()
    )
    seconds = result.get("seconds")
    causes = () if failed else _causes(found, language)
    subject = "" if failed else _subject(found, language)
    harm = None if failed else impact_of(found)
    return ResultFacts(
        question=str(result.get("question", "")),
        case=str(result.get("case", "")),
        title=str(result.get("title") or result.get("case", "")),
        mark=str(status) if failed else str(found.get("verdict")),
        verdict=_verdict_name(str(status if failed else found.get("verdict")), language),
        headline=_headline(found, causes, language) if not failed and not result.get("answer") else "",
        cause=render(cause, language),
        causes=causes,
        reasons=_reasons(found, language, zone) if causes else (),
        confidence=format_percent(found["confidence"]) if "confidence" in found else MISSING,
        incident=_span(incident, zone, language),
        duration=_duration(incident, looked_at, language),
        impact="" if harm is None else render(harm, language),
        window=_span(looked_at, zone, language),
        made=_moment(result.get("started_at"), zone, language),
        seconds=MISSING if seconds is None else duration_label(float(seconds), language),
        answer=tuple(result.get("answer") or ()),
        summary=stored_sentences(found, "summary", language, zone),
        track_record=_track_record(result, language),
        error=label("report-killed", language)
        if result.get("status") == "killed"
        else sentence(result.get("error"), language),
        subject=subject,
    )


def _subject(found: Mapping[str, Any], language: str) -> str:
    """Return the resources that an incident affected: queues and functions, or endpoints; else empty."""
    if found.get("verdict") == "no_incident":
        return ""
    names = [*(found.get("queues") or ()), *(found.get("functions") or ()), *(found.get("endpoints") or ())]
    return render(message("value", value=Names(tuple(map(str, names)))), language) if names else ""


def _verdict_name(verdict: str, language: str) -> str:
    if verdict not in _VERDICTS:
        return verdict
    return label(f"verdict-name-{verdict.replace('_', '-')}", language)


def _headline(found: Mapping[str, Any], causes: tuple[str, ...], language: str) -> str:
    """Return the title of a page: the first cause in words, or that there is no incident; else empty."""
    if found.get("verdict") == "no_incident":
        return as_sentence(label("verdict-name-no-incident", language)).rstrip(".")
    return causes[0] if causes else ""


def action_rows(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return time, sentence and outcome of each action that the case recorded, as texts of the report."""
    zone, language = _zone(result), language_of(result)
    return [
        (
            format_time(entry["time"], zone),
            render(message_from_dict(entry["message"]), language, zone),
            value_label("action-outcome", str(entry["outcome"]), language),
        )
        for entry in result.get("actions") or ()
    ]


def _causes(found: Mapping[str, Any], language: str) -> tuple[str, ...]:
    """Return the titles of the causes that a diagnosis names, the leading one first."""
    question = found.get("question")
    if found.get("verdict") != "supported" or question not in QUESTIONS:
        return ()
    titles = {one.cause: one.title for one in causes_of(str(question))}
    named = [found.get("cause"), found.get("secondary_cause"), *(found.get("other_causes") or ())]
    return tuple(render(titles[cause], language) for cause in dict.fromkeys(named) if cause in titles)


def _reasons(found: Mapping[str, Any], language: str, zone: tzinfo) -> tuple[tuple[str, str], ...]:
    """Return the strongest observations for the leading cause, each with its table and number of rows."""
    ranking = found.get("ranking") or ()
    mine: Mapping[str, Any] = next(
        (entry for entry in ranking if entry.get("cause") == found.get("cause")), {}
    )
    strongest = sorted(mine.get("evidence") or (), key=lambda item: -item["weight"])[:MOST_REASONS]
    reasons = []
    for item in strongest:
        if item["weight"] > 0:
            said = message_from_dict(item["message"]) if item.get("message") else str(item["statement"])
            rows = message("page-rows", table=Resource(str(item["table"])), rows=int(item["rows"]))
            reasons.append((render(said, language, zone), render(rows, language)))
    return tuple(reasons)


def _span(bounds: Mapping[str, Any], zone: tzinfo, language: str) -> str:
    """Return a time span of a result as text; a dash without a start."""
    if not bounds.get("start"):
        return MISSING
    start, end = datetime.fromisoformat(bounds["start"]), bounds.get("end")
    span = TimeSpan(start, datetime.fromisoformat(end) if end else None)
    return render(message("value", value=span), language, zone)


def _moment(stored: str | datetime | None, zone: tzinfo, language: str) -> str:
    if not stored:
        return MISSING
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return render(message("value", value=Instant(moment)), language, zone)


def _duration(bounds: Mapping[str, Any], window: Mapping[str, Any], language: str) -> str:
    """Return the length of an incident, until the end of the window if it is open."""
    start, end = bounds.get("start"), bounds.get("end")
    until = end or window.get("end")
    if not start or not until:
        return MISSING
    seconds = (datetime.fromisoformat(until) - datetime.fromisoformat(start)).total_seconds()
    state = Choice("ended" if end else "open")
    return render(message("incident-duration", duration=Duration(max(0.0, seconds)), state=state), language)


def change_since(earlier: Mapping[str, Any] | None, result: Mapping[str, Any], language: str) -> str:
    """Return in words how a result differs from the earlier one of the same question and case.

    Parameters
    ----------
    earlier
        The earlier result; None for the first run.
    result
        The later result.
    language
        Language of the words.

    Returns
    -------
    str
        Empty for a first run, and when one of them has no diagnosis.
    """
    zone = _zone(result)
    runs = [one.get("diagnosis") for one in (earlier or {}, result) if one.get("status") == "ok"]
    both = [one for one in runs if isinstance(one, Mapping)]
    if len(both) < 2:
        return ""
    before, now = both
    changes: list[Text] = []
    verdicts = [_verdict_name(str(one.get("verdict")), language) for one in (before, now)]
    causes = ["; ".join(_causes(one, language)) for one in (before, now)]
    if verdicts[0] != verdicts[1]:
        changes.append(message("index-verdict-was", before=Resource(verdicts[0])))
    elif causes[0] != causes[1]:
        changes.append(message("index-cause-was", before=Resource(causes[0])))
    spans = [_span(one.get("incident") or {}, zone, language) for one in (before, now)]
    if spans[0] != spans[1]:
        changes.append(message("index-incident-was", before=Resource(spans[0])))
    harms = [impact_of(one) for one in (before, now)]
    if harms[0] != harms[1] and harms[0] is not None:
        changes.append(message("index-impact-was", before=Resource(render(harms[0], language))))
    return render(sentences(*changes) or message("index-unchanged"), language)


def _track_record(result: Mapping[str, Any], language: str) -> str:
    found = result.get("diagnosis") or {}
    if result.get("question") != "health" or "confidence" not in found:
        return ""
    return render(track_record(str(found.get("verdict")), float(found["confidence"])), language)


def sentence(error: Any, language: str = "en") -> str:
    """Return the error of a result as a sentence; empty without an error."""
    if not error:
        return ""
    if not isinstance(error, Mapping):
        return str(error)
    # Errors of this package are sentences; others need their class name to be understood.
    kind = "" if hasattr(errors, str(error["kind"])) else f"{error['kind']}: "
    said = f"{kind}{error['message']}"
    where = error.get("section")
    return label("page-error-in", language, section=str(where), error=said) if where else said


def language_of(result: Mapping[str, Any]) -> str:
    """Return the language of a report, else the configured language."""
    language = str((result.get("parameters") or {}).get("language"))
    return language if language in LANGUAGES else load_config().language


def _zone(result: Mapping[str, Any]) -> tzinfo:
    try:
        return parse_zone(str((result.get("parameters") or {}).get("timezone") or "UTC"))
    except InputError:
        return UTC

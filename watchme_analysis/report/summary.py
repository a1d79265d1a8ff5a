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
from watchme_analysis.present.short_answer import Answer, stored_answer
from watchme_analysis.text.catalogue import LANGUAGES
from watchme_analysis.text.formats import MISSING, as_sentence, format_time
from watchme_analysis.text.message import (
    Instant,
    Resource,
    Text,
    TimeSpan,
    message,
    message_from_dict,
    sentences,
)
from watchme_analysis.text.render import duration_label, label, render, value_label
from watchme_analysis.window import parse_zone

# Verdicts and states that have a name in the catalogues, ``verdict-name-…``.
_VERDICTS = ("supported", "inconclusive", "no_incident", "failed", "killed", "running", "open", "ended")


@dataclass(frozen=True)
class ResultFacts:
    """The main facts of a result as text.

    Attributes
    ----------
    question, case, title
        As in the result.
    mark
        CSS class: the state of the incident, ``no_incident``, ``failed`` or ``killed``.
    verdict, state
        Name of the verdict, and of the state if it is known; of the status of a run that failed.
    answer
        The short answer of the diagnosis: headline, facts, cause, steps and reasons.
    own
        Sentences of the answer to the question of the notebook; empty if the answer is the diagnosis.
    window
        Analysed window, in the zone of the report.
    made, seconds
        Start of the run and its duration.
    track_record
        Sentence on the accuracy of such verdicts in recorded cases; empty if unknown.
    error
        Sentence on the error; empty without an error.
    """

    question: str
    case: str
    title: str
    mark: str
    verdict: str
    state: str
    answer: Answer
    own: tuple[str, ...]
    window: str
    made: str
    seconds: str
    track_record: str
    error: str

    @property
    def headline(self) -> str:
        """Return the title of the page: the first sentence of its answer, else the verdict."""
        return next(iter(self.own), None) or self.answer.headline or as_sentence(self.verdict).rstrip(".")


def facts(result: Mapping[str, Any], language: str | None = None) -> ResultFacts:
    """Return the main facts of a ``result.json``, including an incomplete result of a killed run.

    Parameters
    ----------
    result
        Content of the file.
    language
        Language of the reader; that of the report by default.
    """
    zone, language = _zone(result), language or language_of(result)
    found = result.get("diagnosis") or {}
    status = result.get("status")
    failed = status != "ok"
    verdict = str(status if failed else found.get("verdict"))
    states = [one["value"] for one in found.get("facts") or () if one["id"] == "state" and one["value"]]
    mark = states[0] if states and not failed else verdict
    seconds = result.get("seconds")
    return ResultFacts(
        question=str(result.get("question", "")),
        case=str(result.get("case", "")),
        title=str(result.get("title") or result.get("case", "")),
        mark=mark,
        verdict=_verdict_name(verdict, language),
        state=_verdict_name(mark, language),
        answer=stored_answer({} if failed else found, language, zone, _started(result)),
        own=() if failed else tuple(result.get("answer") or ()),
        window=_span(result.get("window") or {}, zone, language),
        made=_moment(result.get("started_at"), zone, language),
        seconds=MISSING if seconds is None else duration_label(float(seconds), language),
        track_record="" if failed else _track_record(result, language),
        error=label("report-killed", language)
        if result.get("status") == "killed"
        else sentence(result.get("error"), language),
    )


def _verdict_name(verdict: str, language: str) -> str:
    if verdict not in _VERDICTS:
        return verdict
    return label(f"verdict-name-{verdict.replace('_', '-')}", language)


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


def _span(bounds: Mapping[str, Any], zone: tzinfo, language: str) -> str:
    """Return a time span of a result as text; "unknown" without a start."""
    if not bounds.get("start"):
        return label("count-unknown", language)
    start, end = datetime.fromisoformat(bounds["start"]), bounds.get("end")
    span = TimeSpan(start, datetime.fromisoformat(end) if end else None)
    return render(message("value", value=span), language, zone)


def _moment(stored: str | datetime | None, zone: tzinfo, language: str) -> str:
    if not stored:
        return MISSING
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return render(message("value", value=Instant(moment)), language, zone)


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
    changes: list[Text] = []
    verdicts = [_verdict_name(str(one.get("verdict")), language) for one in both]
    causes = [[one.get(name) for name in ("cause", "secondary_cause", "other_causes")] for one in both]
    answers = [stored_answer(_without_data_end(one), language, zone) for one in both]
    if verdicts[0] != verdicts[1]:
        changes.append(message("index-verdict-was", before=Resource(verdicts[0])))
    elif causes[0] != causes[1]:
        changes.append(message("index-cause-was", before=Resource(answers[0].cause)))
    # A figure that was unknown is not named as one that has changed.
    other = [f"{name}: {value}" for name, value in answers[0].known if (name, value) not in answers[1].known]
    if other:
        changes.append(message("index-facts-were", before=Resource(" · ".join(other))))
    return render(sentences(*changes) or message("index-unchanged"), language)


def _started(result: Mapping[str, Any]) -> datetime | None:
    """Return when a run started."""
    stored = result.get("started_at")
    return datetime.fromisoformat(stored) if isinstance(stored, str) else stored


def _without_data_end(diagnosis: Mapping[str, Any]) -> dict[str, Any]:
    """Return a diagnosis without the end of its data, which differs from run to run."""
    kept = [one for one in diagnosis.get("facts") or () if one["id"] != "data_end"]
    return {**diagnosis, "facts": kept}


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

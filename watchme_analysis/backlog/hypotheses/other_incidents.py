"""Other incidents of the same queues in one case, hours before or after the one that is explained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from watchme_analysis.backlog.hypotheses.other_trouble import APART, apart, trouble_span
from watchme_analysis.backlog.hypotheses.picture import Picture, signs_for
from watchme_analysis.backlog.hypotheses.rows import matching
from watchme_analysis.backlog.hypotheses.weights import weight
from watchme_analysis.inference.findings import Diagnosis, Evidence, Finding, Investigation, registered
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.episodes import TroubleInterval, settled_after, trouble_within
from watchme_analysis.text.formats import counted, within_sentence
from watchme_analysis.text.render import render
from watchme_analysis.window import Window

# Told at most, and the shortest time before or after an incident that is looked at.
MOST, SHORTEST = 4, timedelta(hours=2)
# Trouble that begins so soon after an incident's rest, or ends so near before it, belongs to it.
CUT = timedelta(hours=1)
# What shows now and then as long as it lasts: seen again, it is the same incident.
COMES_AND_GOES = ("poison_messages", "slow_leak", "throttled", "visibility_misconfig")
# Settings of one queue and its mapping.
OF_ONE_QUEUE = ("mapping_disabled", "visibility_misconfig")


@dataclass(frozen=True)
class OtherIncident:
    """An incident beside the one that a diagnosis explains.

    Attributes
    ----------
    queue
        The queue that shows it.
    start, end
        When it began and ended; no end while it is open.
    cause, confidence
        As a diagnosis of that time alone names it; None where it does not separate the causes.
    moved
        What moved, in words.
    asked
        The time that was asked about alone.
    """

    queue: str
    start: datetime
    end: datetime | None
    cause: str | None
    confidence: float
    moved: str
    asked: Window

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of ``other_incidents`` in a diagnosis."""
        start, end = (
            moment and moment.isoformat(timespec="milliseconds") for moment in (self.start, self.end)
        )
        return {
            "queue": self.queue,
            "start": start,
            "end": end,
            "cause": self.cause,
            "confidence": round(self.confidence, 4),
            "moved": self.moved,
        }

    def in_words(self) -> str:
        """Return a sentence that tells of it, and how to ask about it."""
        titles = {entry.cause: render(entry.title) for entry in registered("backlog")}
        why = (
            f"diagnosed alone, “{within_sentence(titles[self.cause])}” (confidence {self.confidence:.0%})"
            if self.cause is not None
            else "its cause is not clear"
        )
        until = f"to {self.end:%Y-%m-%d %H:%M} UTC" if self.end else "on"
        since, till = (f"{moment:%Y-%m-%dT%H:%MZ}" for moment in (self.asked.start, self.asked.end))
        return (
            f"Another incident of {self.queue}, from {self.start:%Y-%m-%d %H:%M} UTC {until}: "
            f"{self.moved}; {why}. Ask again with --queue {self.queue} --since {since} --until {till}."
        )


def other_incidents(
    inv: Investigation, view: Picture, found: Diagnosis, ask: Callable[[Investigation], Diagnosis]
) -> tuple[OtherIncident, ...]:
    """Return the incidents of an incident's own queues that ended well before it or began well after it.

    Parameters
    ----------
    inv, view, found
        The investigation, its picture and what it found.
    ask
        Diagnoses an investigation, here of the time before or after alone.
    """
    if found.verdict == "no_incident" or found.incident_start is None:
        return ()
    elsewhere = apart(view, found.incident_start, found.incident_end)
    told: list[OtherIncident] = []
    for signs in view.affected:
        if signs not in elsewhere:
            told += _of_queue(inv, signs, found, ask, told)
    return tuple(sorted(told, key=lambda item: item.start))


def incidents_elsewhere(
    inv: Investigation, view: Picture, found: Diagnosis, ask: Callable[[Investigation], Diagnosis]
) -> tuple[OtherIncident, ...]:
    """Return the incident of another queue whose cause only seems to rival that of the worst-hit one.

    A setting of one queue harms that queue alone, so that two causes that each show in a queue of their own
    are two incidents.

    Parameters
    ----------
    inv, view, found
        The investigation, its picture and what it found, which is not one cause.
    ask
        Diagnoses an investigation, here of the other queue alone.
    """
    shown = {item.finding.cause: signs_for(view, item.finding.cause) for item in found.ranking[:2]}
    apart_by = [(cause, signs) for cause, signs in shown.items() if signs is not None]
    here = [signs is view.focus for _, signs in apart_by]
    of_one = {*OF_ONE_QUEUE, *_own_limit(shown.get("throttled"))}
    if here.count(True) != 1 or len(here) != 2 or not of_one & set(shown):
        return ()
    cause, signs = apart_by[here.index(False)]
    pipeline = signs.pipeline
    alone = ask(replace(inv, options={**inv.options, "queue": pipeline.queue}, _memory={}))
    if alone.cause != cause or alone.incident_start is None:
        return ()
    step = timedelta(seconds=pipeline.period_s)
    whole = Window(pipeline.frame.index[0].to_pydatetime(), pipeline.frame.index[-1].to_pydatetime() + step)
    bout = trouble_within(pipeline, whole.start, whole.end)
    moved = _moved(bout) if bout is not None else ", ".join(signs.harms).replace("_", " ")
    return (
        OtherIncident(
            pipeline.queue, alone.incident_start, alone.incident_end, cause, alone.confidence, moved, whole
        ),
    )


def _own_limit(signs: QueueAnalysis | None) -> tuple[str, ...]:
    """Return the cause that is of one queue where its function has a limit of its own, not the account's."""
    limited = signs is not None and signs.pipeline.settings.reserved_concurrency is not None
    return ("throttled",) if limited else ()


def explained_elsewhere(inv: Investigation, finding: Finding, others: Sequence[OtherIncident]) -> Finding:
    """Return a finding, with what speaks against a cause that explains another incident of the queue."""
    for other in others:
        if other.cause == finding.cause:
            evidence = Evidence(
                f"It explains another incident of {other.queue}, from {other.start:%Y-%m-%d %H:%M} UTC on "
                f"({other.moved}): what speaks for it belongs there.",
                weight=weight("explained_elsewhere"),
                check="elsewhere",
                **matching(inv, "metrics", ("resource", "=", other.queue), ("time", ">=", other.start)),
            )
            return replace(finding, evidence=(*finding.evidence, evidence))
    return finding


def own_queues(view: Picture, found: Diagnosis) -> set[str]:
    """Return the queues that an incident touched, without those that had trouble at another time alone."""
    others = apart(view, found.incident_start, found.incident_end)
    return set(found.extra.get("queues", ())) - {item.pipeline.queue for item in others}


def spans_of_others(
    view: Picture, found: Diagnosis
) -> dict[str, tuple[tuple[datetime, datetime | None], ...]]:
    """Return by queue, dead-letter queue and function when they had trouble that is none of the incident's.

    Parameters
    ----------
    view, found
        A case's queues and the diagnosis that explains one incident of theirs; no end while trouble is open.
    """
    parse = datetime.fromisoformat
    spans = [
        (item.pipeline.queue, span)
        for item in apart(view, found.incident_start, found.incident_end)
        if (span := trouble_span(item)) is not None
    ] + [
        (other["queue"], (parse(other["start"]), other["end"] and parse(other["end"])))
        for other in found.extra.get("other_incidents", ())
    ]
    told: dict[str, tuple[tuple[datetime, datetime | None], ...]] = {}
    for pipeline in view.flows:
        own = tuple(span for queue, span in spans if queue == pipeline.queue)
        for name in (pipeline.queue, pipeline.dlq, pipeline.function):
            if own and name is not None:
                told[name] = (*told.get(name, ()), *own)
    return told


def _of_queue(
    inv: Investigation,
    signs: QueueAnalysis,
    found: Diagnosis,
    ask: Callable[[Investigation], Diagnosis],
    told: list[OtherIncident],
) -> Iterator[OtherIncident]:
    """Yield the other incidents of a queue, the likeliest part of the rest looked at first."""
    frame, pipeline = signs.pipeline.frame, signs.pipeline
    assert found.incident_start is not None
    if frame.empty:
        return
    step = timedelta(seconds=pipeline.period_s)
    whole = Window(frame.index[0].to_pydatetime(), frame.index[-1].to_pydatetime() + step)
    parts = list(_around(whole, signs, found.incident_start, found.incident_end))
    number = len(told)
    while parts and number < MOST:
        part = parts.pop(0)
        bout = trouble_within(pipeline, part.start, part.end)
        if bout is None or _leads_over(bout, part, whole) or any(_overlaps(bout, item) for item in told):
            continue
        alone = ask(replace(inv, window=part, options={"queue": pipeline.queue}, _memory={}))
        if alone.verdict == "no_incident" or _is_none_of_its_own(bout, alone.cause, found.cause):
            continue
        start, end = alone.incident_start or bout.start, alone.incident_end
        if end is None and part.end < whole.end:
            end = bout.end
        number += 1
        yield OtherIncident(pipeline.queue, start, end, alone.cause, alone.confidence, _moved(bout), part)
        parts += _around(part, signs, min(start, bout.start), None if end is None else max(end, bout.end))


def _around(whole: Window, signs: QueueAnalysis, start: datetime, end: datetime | None) -> Iterator[Window]:
    """Yield what is left of a window before and after an incident and what it leads to."""
    settings = signs.pipeline.settings
    retried = timedelta(seconds=(settings.visibility_timeout_s or 0.0) * (settings.max_receive_count or 0))
    if start - APART >= whole.start + SHORTEST:
        yield Window(whole.start, start - APART)
    if end is not None:
        rest = settled_after(signs.pipeline, end) + max(APART, retried)
        if rest + SHORTEST <= whole.end:
            yield Window(rest, whole.end)


def _is_none_of_its_own(bout: TroubleInterval, cause: str | None, explained: str | None) -> bool:
    """Tell whether trouble is the same incident that shows again, or a wait that nothing explains."""
    return (cause == explained and cause in COMES_AND_GOES) or (bout.only_waited and cause is None)


def _leads_over(bout: TroubleInterval, part: Window, whole: Window) -> bool:
    """Tell whether trouble reaches to where an incident was cut off, and so is part of it."""
    after, before = part.start > whole.start, part.end < whole.end
    return (after and bout.start <= part.start + CUT) or (before and bout.end >= part.end - CUT)


def _overlaps(bout: TroubleInterval, other: OtherIncident) -> bool:
    return bout.end > other.start and (other.end is None or bout.start < other.end)


def _moved(bout: TroubleInterval) -> str:
    """Return in words what moved."""
    said = []
    if bout.count:
        said.append(f"{bout.count:,.0f} of {counted(round(bout.base), 'try', 'tries')} failed")
    if bout.age_s:
        said.append(f"the oldest message was {bout.age_s / 60.0:,.0f} min old")
    return ", ".join(said) or "messages were visible and nobody received any"

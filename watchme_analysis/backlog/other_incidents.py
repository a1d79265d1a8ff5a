"""Other incidents of the same queues in one case, hours before or after the one that is explained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.backlog.chain import QueueSignals, cause_named
from watchme_analysis.backlog.context import BacklogContext
from watchme_analysis.backlog.judge import Judgement
from watchme_analysis.backlog.signals.harm import kinds_of_harm
from watchme_analysis.backlog.signals.queue_context import QueueObservation
from watchme_analysis.inference.findings import Diagnosis, Investigation, iso_time
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.pipeline import Pipeline
from watchme_analysis.queues.pipeline_anomalies import find_failures, find_unpolled
from watchme_analysis.queues.standing import BACKLOG_AGE_S, on_other_days, standing_intervals
from watchme_analysis.stats.intervals import Interval, within
from watchme_analysis.text.message import (
    Code,
    Duration,
    Message,
    Phrases,
    Probability,
    Resource,
    Text,
    TimeSpan,
    message,
    sentences,
    value_of,
)
from watchme_analysis.text.shell_quoting import shell_option
from watchme_analysis.window import Window

if TYPE_CHECKING:
    import pandas as pd

# Trouble of other queues that ended this long before an incident does not belong to it.
APART = timedelta(hours=1)
# Other incidents of one queue that are reported at most.
MAX_OTHER_INCIDENTS = 4
# Shortest time before or after an incident that is diagnosed by itself.
SHORTEST = timedelta(hours=2)
# Trouble that begins so soon after an incident's rest, or ends so near before it, belongs to it.
CUT = timedelta(hours=1)
# What shows now and then as long as it lasts: seen again, it is the same incident.
COMES_AND_GOES = ("poison_messages", "slow_leak", "throttled", "visibility_misconfig")
# Settings of one queue and its mapping.
OF_ONE_QUEUE = ("mapping_disabled", "visibility_misconfig")


@dataclass(frozen=True)
class OtherIncident:
    """An incident of a queue beside the one that a diagnosis explains; no end while it is open.

    ``cause`` and ``confidence`` are those of a diagnosis of the time ``asked`` alone, None where it does not
    separate the causes. ``moved`` states what was observed, as phrases.
    """

    queue: str
    start: datetime
    end: datetime | None
    cause: str | None
    confidence: float
    moved: Message
    asked: Window

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of ``other_incidents`` in a diagnosis."""
        return {
            "queue": self.queue,
            "start": iso_time(self.start),
            "end": iso_time(self.end),
            "cause": self.cause,
            "confidence": round(self.confidence, 4),
            "moved": self.moved,
        }

    def in_words(self) -> Text:
        """Return what is known of it, and the options that diagnose it."""
        since, until = (f"{moment:%Y-%m-%dT%H:%MZ}" for moment in (self.asked.start, self.asked.end))
        options = f"{shell_option('--queue', self.queue)} --since {since} --until {until}"
        return sentences(
            message(
                "backlog-other-incident",
                queue=Resource(self.queue),
                span=TimeSpan(self.start, self.end),
                observed=self.moved,
            ),
            message("backlog-other-cause-unclear")
            if self.cause is None
            else message(
                "backlog-other-cause",
                cause=value_of(cause_named(self.cause).name),
                confidence=Probability(self.confidence),
            ),
            message("backlog-diagnose-other", options=Code(options)),
        )


def other_incidents(
    inv: Investigation, context: BacklogContext, found: Diagnosis, ask: Callable[[Investigation], Diagnosis]
) -> tuple[OtherIncident, ...]:
    """Return the incidents of an incident's own queues that ended well before it or began well after it.

    ``ask`` diagnoses an investigation, here of the time before or after alone.
    """
    if found.verdict == "no_incident" or found.incident_start is None:
        return ()
    elsewhere = apart(context, found.incident_start, found.incident_end)
    others: list[OtherIncident] = []
    for queue in context.affected:
        if queue not in elsewhere:
            others += _of_queue(inv, queue, found, ask, others)
    return tuple(sorted(others, key=lambda item: item.start))


def incidents_elsewhere(
    inv: Investigation, context: BacklogContext, judged: Judgement, ask: Callable[[Investigation], Diagnosis]
) -> tuple[OtherIncident, ...]:
    """Return the incident of another queue whose cause only seems to rival that of the worst-hit one.

    A setting of one queue harms that queue alone, so that two causes that each show in a queue of their own
    are two incidents. ``ask`` diagnoses an investigation, here of the other queue alone.
    """
    two = [item.finding.cause for item in judged.ranking[:2]]
    focus = context.focus
    shown = [judged.shown_by.get(cause) for cause in two]
    if focus is None or None in shown or shown.count(focus.pipeline.queue) != 1:
        return ()
    name = next(queue for queue in shown if queue != focus.pipeline.queue)
    queue = context.queue(str(name))
    cause = two[shown.index(name)]
    # A function's own limit throttles its queue alone, unlike the account's.
    limited = queue.pipeline.settings.reserved_concurrency is not None
    if not {*OF_ONE_QUEUE, *(("throttled",) if limited else ())} & set(two):
        return ()
    pipeline = queue.pipeline
    alone = ask(replace(inv, options={**inv.options, "queue": pipeline.queue}, _memory={}))
    if alone.cause != cause or alone.incident_start is None:
        return ()
    step = timedelta(seconds=pipeline.period_s)
    whole = Window(pipeline.frame.index[0].to_pydatetime(), pipeline.frame.index[-1].to_pydatetime() + step)
    trouble = _trouble_within(pipeline, whole.start, whole.end)
    moved = _moved(trouble) if trouble is not None else message("value", value=kinds_of_harm(queue))
    return (
        OtherIncident(
            pipeline.queue, alone.incident_start, alone.incident_end, cause, alone.confidence, moved, whole
        ),
    )


def set_apart(queues: Sequence[QueueSignals], others: Sequence[OtherIncident]) -> tuple[QueueSignals, ...]:
    """Return the signals of queues without those that show another incident.

    What speaks for the cause of another incident, in its queue and its time, belongs to it.
    """
    return tuple(
        replace(
            queue,
            observations=tuple(
                one
                for one in queue.observations
                if not any(_shows(one, queue.queue, other) for other in others)
            ),
        )
        for queue in queues
    )


def _shows(one: QueueObservation, queue: str, other: OtherIncident) -> bool:
    """Return whether an observation speaks for the cause of another incident, in its queue and its time."""
    if queue != other.queue or other.cause is None or cause_named(other.cause).log_odds(one.signal) <= 0:
        return False
    span = one.span
    return span is None or (
        (span.end is None or span.end > other.start) and (other.end is None or span.start < other.end)
    )


def apart(context: BacklogContext, start: datetime | None, end: datetime | None) -> tuple[QueueAnalysis, ...]:
    """Return the harmed queues whose trouble had ended well before an incident, or began well after it.

    ``end`` is None while the incident is open.
    """
    if start is None:
        return ()
    return tuple(
        item
        for item in context.affected[1:]
        if (span := trouble_span(item)) is not None
        and (span[1] < start - APART or (end is not None and span[0] > end + APART))
    )


def trouble_span(queue: QueueAnalysis) -> tuple[datetime, datetime] | None:
    """Return from the first to the last sign of a queue's trouble; None where none has a time."""
    first = queue.first_trouble()
    found = (
        queue.failures,
        queue.slow,
        queue.redelivery,
        queue.unpolled,
        queue.unmatched_receives,
        queue.throttles,
        queue.hidden,
    )
    ends = [item.end for item in (*found, queue.worst) if item is not None]
    return None if first is None or not ends else (first, max(ends))


def own_queues(context: BacklogContext, found: Diagnosis) -> set[str]:
    """Return the queues that an incident touched, without those that had trouble at another time alone."""
    others = apart(context, found.incident_start, found.incident_end)
    return set(found.extra.get("queues", ())) - {item.pipeline.queue for item in others}


def spans_of_others(
    context: BacklogContext, found: Diagnosis
) -> dict[str, tuple[tuple[datetime, datetime | None], ...]]:
    """Return by queue, DLQ and function when they had trouble that is none of the incident's.

    A span has no end while its trouble is open.
    """
    parse = datetime.fromisoformat
    spans = [
        (item.pipeline.queue, span)
        for item in apart(context, found.incident_start, found.incident_end)
        if (span := trouble_span(item)) is not None
    ] + [
        (other["queue"], (parse(other["start"]), other["end"] and parse(other["end"])))
        for other in found.extra.get("other_incidents", ())
    ]
    by_name: dict[str, tuple[tuple[datetime, datetime | None], ...]] = {}
    for pipeline in context.pipelines:
        own = tuple(span for queue, span in spans if queue == pipeline.queue)
        for name in (pipeline.queue, pipeline.dlq, pipeline.function):
            if own and name is not None:
                by_name[name] = (*by_name.get(name, ()), *own)
    return by_name


def _of_queue(
    inv: Investigation,
    queue: QueueAnalysis,
    found: Diagnosis,
    ask: Callable[[Investigation], Diagnosis],
    others: list[OtherIncident],
) -> Iterator[OtherIncident]:
    """Yield the other incidents of a queue, the likeliest part of the rest looked at first."""
    frame, pipeline = queue.pipeline.frame, queue.pipeline
    assert found.incident_start is not None
    if frame.empty:
        return
    step = timedelta(seconds=pipeline.period_s)
    whole = Window(frame.index[0].to_pydatetime(), frame.index[-1].to_pydatetime() + step)
    parts = list(_around(whole, queue, found.incident_start, found.incident_end))
    number = len(others)
    while parts and number < MAX_OTHER_INCIDENTS:
        part = parts.pop(0)
        trouble = _trouble_within(pipeline, part.start, part.end)
        if (
            trouble is None
            # It reaches to where the incident was cut off, and so is part of it.
            or (part.start > whole.start and trouble.start <= part.start + CUT)
            or (part.end < whole.end and trouble.end >= part.end - CUT)
            or any(
                trouble.end > item.start and (item.end is None or trouble.start < item.end) for item in others
            )
        ):
            continue
        alone = ask(replace(inv, window=part, options={"queue": pipeline.queue}, _memory={}))
        shows_again = alone.cause == found.cause and alone.cause in COMES_AND_GOES
        unexplained = trouble.only_waited and alone.cause is None
        if alone.verdict == "no_incident" or shows_again or unexplained:
            continue
        start, end = alone.incident_start or trouble.start, alone.incident_end
        if end is None and part.end < whole.end:
            end = trouble.end
        number += 1
        yield OtherIncident(pipeline.queue, start, end, alone.cause, alone.confidence, _moved(trouble), part)
        parts += _around(
            part, queue, min(start, trouble.start), None if end is None else max(end, trouble.end)
        )


def _around(whole: Window, queue: QueueAnalysis, start: datetime, end: datetime | None) -> Iterator[Window]:
    """Yield what is left of a window before and after an incident and what it leads to."""
    settings = queue.pipeline.settings
    retried = timedelta(seconds=(settings.visibility_timeout_s or 0.0) * (settings.max_receive_count or 0))
    if start - APART >= whole.start + SHORTEST:
        yield Window(whole.start, start - APART)
    if end is not None:
        rest = _settled_after(queue.pipeline, end) + max(APART, retried)
        if rest + SHORTEST <= whole.end:
            yield Window(rest, whole.end)


def _moved(trouble: TroubleInterval) -> Message:
    said = []
    if trouble.count:
        said.append(
            message("backlog-observed-failures", failed=round(trouble.count), tried=round(trouble.base))
        )
    if trouble.age_s:
        said.append(message("backlog-observed-age", age=Duration(trouble.age_s)))
    return message("value", value=Phrases(tuple(said or [message("backlog-observed-unpolled")])))


@dataclass(frozen=True, kw_only=True)
class TroubleInterval(Interval):
    """Trouble of one queue within a part of the window: ``count`` of ``base`` attempts failed.

    ``age_s`` is the highest age of the oldest message within, 0 where it was not published. ``only_waited``
    is true if old messages are the only evidence of trouble.
    """

    age_s: float
    only_waited: bool


def _trouble_within(pipeline: Pipeline, start: datetime, end: datetime) -> TroubleInterval | None:
    """Return the trouble of a queue within a part of the window, None without trouble.

    Trouble is a clear rise of failed attempts, messages that waited long, or messages that were not received.
    Failures and unpolled intervals that recur on other days at the same time do not count.
    """
    frame = pipeline.frame
    inside = within(frame, start, end)
    if inside.empty:
        return None
    part = replace(pipeline, frame=inside)
    spans = []
    failures = find_failures(part, dead_lettered=0)
    if failures is not None and not on_other_days(frame["failed"], failures.start, failures.end, alike=True):
        spans.append((failures.start, failures.end))
    unpolled = find_unpolled(part)
    if unpolled is not None and not on_other_days(_idle(frame), unpolled.start, unpolled.end, alike=True):
        spans.append((unpolled.start, unpolled.end))
    waited = [
        item
        for item in standing_intervals(pipeline)
        if (item.waiting_age_s or 0.0) >= BACKLOG_AGE_S and not item.daily and start <= item.grew_from < end
    ]
    only_waited = not spans
    if waited:
        worst = max(waited, key=lambda item: item.peak * item.seconds)
        spans.append((worst.grew_from, worst.end))
    if not spans:
        return None
    first, last = spans[0]
    for other in spans[1:]:
        if other[0] <= last and other[1] >= first:
            first, last = min(first, other[0]), max(last, other[1])
    held = within(inside, first, last)
    age = held["age_s"].max()
    return TroubleInterval(
        start=first,
        end=last,
        kind="trouble",
        count=float(held["failed"].sum()),
        base=float(held["tried"].sum()),
        age_s=float(age) if age > 0 else 0.0,
        only_waited=only_waited,
    )


def _settled_after(pipeline: Pipeline, moment: datetime) -> datetime:
    """Return the first time from a moment on without old messages, since an incident leaves a backlog."""
    later = pipeline.frame["age_s"][pipeline.frame.index >= moment].fillna(0.0)
    old = (later >= BACKLOG_AGE_S).to_numpy()
    calm = later.index[~old]
    return (calm[0] if len(calm) else later.index[-1] if len(later) else moment) if old.any() else moment


def _idle(frame: pd.DataFrame) -> pd.Series:
    """Return 1 for each interval in which messages were visible and none was received."""
    return ((frame["visible"].fillna(0.0) > 0) & (frame["received"].fillna(0.0) == 0)).astype(float)

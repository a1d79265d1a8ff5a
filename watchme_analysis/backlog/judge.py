"""The judgement on a backlog, from signals alone: ranking, secondary cause, start and end.

Nothing here reads a table, so that a change of rules is evaluated on the stored signals of many cases in
seconds (``benchmarks/backlog_corpus.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from watchme_analysis.backlog.chain import (
    MEASURED,
    SIGNALS,
    SYSTEM,
    QueueSignals,
    backlog_causes,
    explain,
    is_of_log,
)
from watchme_analysis.backlog.signals.queue_context import QueueObservation, Span
from watchme_analysis.inference.causes import Cause
from watchme_analysis.inference.findings import Ranked
from watchme_analysis.inference.known_lines import names_one_cause
from watchme_analysis.inference.weighing import weigh

QUESTION = "backlog"


@dataclass(frozen=True)
class Undoing:
    """A change that can end some causes of a queue."""

    time: datetime
    queue: str
    causes: tuple[str, ...]


@dataclass(frozen=True)
class Judgement:
    """What the signals say: every cause with its probability, and the cause that is named, or None.

    ``secondary_cause`` is what it set off in turn. Each cause is judged by a queue (``shown_by``) and dated
    by an observation (``leads``). ``span`` is the start of the incident with its bounds; ``end`` is None
    while it is open.
    """

    ranking: tuple[Ranked, ...]
    cause: str | None
    secondary_cause: str | None
    shown_by: Mapping[str, str]
    leads: Mapping[str, QueueObservation]
    span: Span | None
    end: datetime | None


def judge(
    queues: Sequence[QueueSignals], undoing: Sequence[Undoing] = (), *, skip: Collection[str] = ()
) -> Judgement:
    """Return the judgement on the signals of some queues, the worst-hit first.

    ``undoing`` are changes that can end a cause. ``skip`` leaves signals out, to measure what each is worth.
    """
    causes = backlog_causes()
    queues = [explain(without(queue, skip)) for queue in queues]
    affected = [queue for queue in queues if queue.harmed]
    shown_by = {cause.cause: _shown_by(cause, affected).queue for cause in causes} if affected else {}
    # Without metrics, settings are all that speaks of a queue.
    measured = any(
        queue.harmed or any(item.signal in MEASURED for item in queue.observations) for queue in queues
    )
    ranking = weigh(
        causes,
        [item for queue in queues for item in queue.observations],
        SIGNALS,
        lambda cause, one: one.signal in SYSTEM or not measured or one.queue == shown_by.get(cause.cause),
    ).ranking
    top = ranking[0]
    # A setting says what can happen, and not that it did.
    named = top.status == "supported" and any(
        item.weight > 0
        and names_one_cause(QUESTION, item)
        and (measured or item.signal in SYSTEM or is_of_log(item.signal))
        for item in top.finding.evidence
    )
    leads = {
        cause.cause: lead
        for cause in causes
        if affected and (lead := _lead(cause, _shown_by(cause, affected))) is not None
    }
    likeliest = next(cause for cause in causes if cause.cause == top.finding.cause)
    span = end = None
    if affected and not likeliest.complement:
        span, end = _interval(likeliest, leads.get(likeliest.cause), affected, undoing)
    return Judgement(
        ranking,
        likeliest.cause if named else None,
        _secondary(likeliest, affected) if named else None,
        shown_by,
        leads,
        span,
        end,
    )


def without(queue: QueueSignals, skip: Collection[str]) -> QueueSignals:
    """Return the signals of a queue without some."""
    return replace(queue, observations=tuple(one for one in queue.observations if one.signal not in skip))


def _shown_by(cause: Cause, affected: Sequence[QueueSignals]) -> QueueSignals:
    """Return the worst-hit queue that shows what the cause alone does, else the worst-hit queue."""
    for queue in affected:
        consequences = {later for _, later, _ in queue.explained}
        if any(
            cause.log_odds(item.signal) > 0 and item.signal not in consequences for item in queue.observations
        ):
            return queue
    return affected[0]


def _lead(cause: Cause, queue: QueueSignals, *, changes: bool = True) -> QueueObservation | None:
    """Return the observation that dates a cause: the change that brought it, else the weightiest signal."""
    timed = [
        item
        for item in queue.observations
        if item.span is not None and cause.log_odds(item.signal) > 0 and (changes or item.event is None)
    ]
    return max(
        timed,
        key=lambda item: (item.event is not None, cause.log_odds(item.signal) * item.strength),
        default=None,
    )


def _interval(
    cause: Cause,
    lead: QueueObservation | None,
    affected: Sequence[QueueSignals],
    undoing: Sequence[Undoing],
) -> tuple[Span | None, datetime | None]:
    """Return start and end of an incident: those of its leading signal, or of the changes around it."""
    if lead is None or lead.span is None:
        # Nothing speaks for the cause: the first trouble of the worst-hit queue is dated.
        timed = [item for item in affected[0].observations if item.event is None]
        spans = [item.span for item in timed if item.span is not None]
        first = min(spans, key=lambda span: span.shown, default=None)
        return first, None if first is None else first.end
    queue = next(item for item in affected if item.queue == lead.queue)
    effect = _lead(cause, queue, changes=False)
    end = until = None
    if effect is not None and effect.span is not None:
        end, until = effect.span.end, effect.span.until
    span = lead.span if lead.event is not None else _first_on_any_queue(lead, affected)
    undone = next(
        (
            change.time
            for change in undoing
            if change.queue == lead.queue and cause.cause in change.causes and change.time > span.start
        ),
        None,
    )
    # A change ended it that came after the effect stopped showing, and before all was well again.
    slack = queue.slack
    if undone is not None and end is not None and end <= undone + slack:
        end = undone if until is None or undone <= until + slack else end
    return span, end


def _first_on_any_queue(lead: QueueObservation, affected: Sequence[QueueSignals]) -> Span:
    """Return the earliest span of a signal that leads into its span here: a fault can hit many queues."""
    span = lead.span
    assert span is not None
    others = [
        item.span
        for queue in affected
        for item in queue.observations
        if item.signal == lead.signal and item.span is not None and queue.queue != lead.queue
    ]
    for other in sorted(others, key=lambda item: (item.end is None, item.end or item.shown), reverse=True):
        if other.shown < span.shown and (other.end is None or other.end >= span.shown):
            span = other
    return span


def _secondary(cause: Cause, affected: Sequence[QueueSignals]) -> str | None:
    """Return the secondary cause: the first consequence with a name that a signal of the cause explains."""
    for queue in affected:
        for earlier, _, secondary in queue.explained:
            if secondary not in (None, cause.cause) and cause.log_odds(earlier) > 0:
                return secondary
    return None

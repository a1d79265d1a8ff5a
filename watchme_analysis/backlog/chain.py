"""The chain that a message passes, its signals, and the rule that separates causes from consequences.

    senders -> queue settings -> polling -> concurrency -> function -> API,   with the message beside it

One rule: a signal is explained by an earlier, overlapping signal of the same queue that acts on it.
:data:`LINKS` says which signals act on which, and by which mechanism. An explained signal is a consequence:
it counts a quarter, and it is the secondary cause of the cause that its explanation supports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, partial
from itertools import product

from watchme_analysis.backlog.context import BacklogContext
from watchme_analysis.backlog.signals import (
    api,
    concurrency,
    consumer,
    function,
    harm,
    known_lines,
    message,
    polling,
    queue_settings,
    senders,
)
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation
from watchme_analysis.inference.causes import Cause, load_causes
from watchme_analysis.inference.engine import EXPLAINS_FROM, explained_away
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.known_lines import grades_of
from watchme_analysis.inference.signals import Observation, Signal, by_id, observe

# The nodes of the chain and the detectors of their signals, in the order in which a message passes them.
NODES = {
    "senders": senders.DETECTORS,
    "queue_settings": queue_settings.DETECTORS,
    "polling": polling.DETECTORS,
    "concurrency": concurrency.DETECTORS,
    "function": (*function.DETECTORS, *consumer.DETECTORS),
    "api": api.DETECTORS,
    "message": message.DETECTORS,
}
_OF_QUEUE = tuple(detector for detectors in NODES.values() for detector in detectors)
_OF_SYSTEM = (*harm.DETECTORS, *known_lines.DETECTORS)
SIGNALS: Mapping[str, Signal] = by_id((*_OF_QUEUE, *_OF_SYSTEM))
# Signals that are about no queue in particular.
SYSTEM = frozenset(by_id(_OF_SYSTEM))
# Signals of which one shows wherever metrics tell whether messages were harmed.
MEASURED = frozenset({"harm", "no_harm"})
# Metric intervals by which an effect may seem to begin before its cause, or to end before what ended it.
SLACK_INTERVALS = 2

# An API that is asked for more than it can do answers late, refuses, or breaks.
_AT_TIMEOUT = ("invocations_at_timeout", "invocations_at_timeout_since_change")
_WAITED = ("errors_timeout", "errors_timeout_since_change", *_AT_TIMEOUT)
_OVERLOADED = (
    *_WAITED, "invocations_longer", "errors_unreachable", "errors_overload", "errors_of_server",
)  # fmt: skip
_SLOW = ("slower_without_failures", "invocations_longer", *_AT_TIMEOUT, "duration_drifts")
_SWITCHED_OFF = ("unpolled", "mapping_off", "mapping_changed", "waiting_behind_disabled_mapping")


@dataclass(frozen=True)
class Link:
    """Signals that explain others (``acts_on``) by a mechanism (``reason``).

    ``secondary`` names the consequence as a secondary cause.
    """

    signals: tuple[str, ...]
    acts_on: tuple[str, ...]
    secondary: str | None
    reason: str


LINKS = (
    Link(
        ("arrivals_rose",),
        ("throttled", "slower_without_failures"),
        "throttled",
        "Concurrent executions are the arrival rate times the duration (Little's law; AWS Lambda Developer "
        "Guide, Understanding Lambda function scaling).",
    ),
    Link(
        ("arrivals_rose", "unpolled"),
        _OVERLOADED,
        "downstream_saturated",
        "More messages at once, sent or let loose by a mapping that is on again, are more requests at once.",
    ),
    Link(
        _SLOW,
        ("throttled", "reserved_concurrency_low"),
        "throttled",
        "Longer invocations hold the concurrency that was enough before (Little's law).",
    ),
    Link(
        ("duration_drifts",),
        ("errors_unreachable", "errors_of_server", "invocations_short", "invocations_as_long"),
        "downstream_down",
        "A leak that goes on uses up its resource one day.",
    ),
    Link(
        ("all_invocations_fail",),
        _SWITCHED_OFF,
        "mapping_disabled",
        "People switch a mapping off while its function fails, and Lambda disables one that it may not read.",
    ),
    Link(
        ("timeout_lowered", "memory_lowered"),
        (*_WAITED, "invocations_longer"),
        None,
        "The same work needs more time than it is given, or gets less processor.",
    ),
    Link(
        ("only_these_messages_fail",),
        ("errors_timeout", "errors_timeout_since_change", "errors_of_function"),
        None,
        "A bad message may hang or kill its own invocation.",
    ),
    Link(
        ("messages_pass_later",),
        ("some_invocations_fail",),
        None,
        "What fails now and then lets others pass, and the same messages at another try.",
    ),
    Link(
        ("only_added_messages_fail",),
        ("all_invocations_fail",),
        None,
        "Where nobody else sent meanwhile, all that ran were the bad messages.",
    ),
    Link(
        ("group_held_up", "slower_without_failures"),
        ("invocations_succeed",),
        None,
        "A message that holds up its group fails few tries in a long time, and an API that answers late "
        "none.",
    ),
    Link(
        ("errors_of_function",),
        ("unchanged_and_ran_well",),
        None,
        "A disk that fills or a permission that ends is the function's own trouble without a change.",
    ),
    Link(
        ("errors_of_function", "errors_of_code_or_message"),
        ("invocations_as_long",),
        None,
        "Where an error names the code, it is known how far the invocation got.",
    ),
)


@dataclass(frozen=True)
class QueueSignals:
    """The observations of one queue, whose metric intervals last ``period_s`` seconds.

    ``explained`` holds pairs of an explaining and an explained signal, with the secondary cause.
    """

    queue: str
    period_s: float
    harmed: bool
    observations: tuple[QueueObservation, ...]
    explained: tuple[tuple[str, str, str | None], ...] = ()

    @property
    def slack(self) -> timedelta:
        """How far two moments may seem to lie in the wrong order, since both are dated by interval."""
        return timedelta(seconds=SLACK_INTERVALS * self.period_s)


def explain(queue: QueueSignals, links: Sequence[Link] = LINKS) -> QueueSignals:
    """Return the signals of a queue, weakened where an earlier one explains a later one, with these pairs."""
    seen = {item.signal: item for item in queue.observations}
    acts_on = partial(_acts_on, slack=queue.slack)
    explains: dict[str, set[str]] = {}
    pairs = []
    for link in links:
        for earlier, later in product(link.signals, link.acts_on):
            explains.setdefault(earlier, set()).add(later)
            if earlier in seen and later in seen and acts_on(seen[earlier], seen[later]):
                secondary = link.secondary if seen[later].strength >= EXPLAINS_FROM else None
                pairs.append((earlier, later, secondary))
    weakened = explained_away(queue.observations, SIGNALS, explains, acts_on)
    return replace(queue, observations=weakened, explained=tuple(pairs))


def _acts_on(earlier: QueueObservation, later: QueueObservation, slack: timedelta) -> bool:
    """Return whether a signal began first and still acted when the other began.

    A signal without a beginning is a permanent condition: it acts all the time, and did no harm by itself.
    """
    first, then = earlier.span, later.span
    if earlier.strength < EXPLAINS_FROM:
        return False
    if first is None or then is None:
        return True
    return first.shown <= then.shown + slack and (first.until is None or then.shown <= first.until + slack)


def observed(inv: Investigation, context: BacklogContext) -> tuple[QueueSignals, ...]:
    """Return the signals of each queue, the worst-hit first; those of the system belong to the first.

    Lines of logs alone are those of a queue without a name.
    """
    queue_contexts = [QueueContext(inv, item, context.changes) for item in context.by_harm]
    of_system = list(observe(harm.DETECTORS, queue_contexts))
    # Where metrics show harm or none, a line of an error changes nothing.
    if not any(one.signal in MEASURED for one in of_system):
        of_system += observe(known_lines.DETECTORS, inv)
    found: list[QueueSignals] = []
    for queue_context in queue_contexts:
        own = [*observe(_OF_QUEUE, queue_context), *(() if found else of_system)]
        pipeline, is_harmed = queue_context.pipeline, bool(queue_context.queue.harms)
        found.append(QueueSignals(pipeline.queue, pipeline.period_s, is_harmed, _of_queues(own)))
    return tuple(found) or (QueueSignals("", 0.0, False, _of_queues(of_system)),)


def _of_queues(observations: Iterable[Observation]) -> tuple[QueueObservation, ...]:
    return tuple(item for item in observations if isinstance(item, QueueObservation))


@cache
def backlog_causes() -> tuple[Cause, ...]:
    """Return the causes of the question, checked against its signals."""
    found = load_causes("backlog", SIGNALS)
    return tuple(replace(cause, grades={**grades_of(cause), **cause.grades}) for cause in found)


def cause_named(name: str) -> Cause:
    """Return the cause with an id."""
    return next(cause for cause in backlog_causes() if cause.cause == name)

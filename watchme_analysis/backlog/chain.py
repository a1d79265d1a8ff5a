"""The chain that a message passes, its signals, and the rule that separates causes from consequences.

    senders -> queue settings -> polling -> concurrency -> function -> API,   with the message beside it

One rule: a signal is explained by an earlier, overlapping signal of the same queue that acts on it.
:data:`LINKS` says which signals act on which. An explained signal is a consequence:
it counts a quarter, and it is the secondary cause of the cause that its explanation supports.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, partial
from itertools import product
from typing import NamedTuple

from watchme_analysis.backlog.context import BacklogContext
from watchme_analysis.backlog.signals import api, change, function, harm, message, sqs
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation
from watchme_analysis.inference.causes import Cause, cause_folder, causes
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.known_lines import grades_of
from watchme_analysis.inference.signals import Observation, Signal, by_id, observe
from watchme_analysis.inference.weighing import EXPLAINS_FROM, explained_away

# Detectors of the signals of one queue, in the order in which a message passes what they are about.
_OF_QUEUE = (
    *sqs.DETECTORS, *function.DETECTORS, *api.DETECTORS, *message.DETECTORS, change.changes
)  # fmt: skip
_OF_SYSTEM = (*harm.DETECTORS, harm.known_lines)
SIGNALS: Mapping[str, Signal] = by_id((*_OF_QUEUE, *_OF_SYSTEM))
# Signals that are about no queue in particular.
SYSTEM = frozenset(by_id(_OF_SYSTEM))
# Signals of which one shows wherever metrics tell whether messages were harmed.
MEASURED = frozenset({"harm", "no_harm"})
# Metric intervals by which an effect may seem to begin before its cause, or to end before what ended it.
SLACK_INTERVALS = 2


class Link(NamedTuple):
    """Signals that explain others (``acts_on``); ``secondary`` names these as a secondary cause."""

    signals: tuple[str, ...]
    acts_on: tuple[str, ...]
    secondary: str | None = None


def _links() -> tuple[Link, ...]:
    """Return the links of ``causes/_links.toml``, each of which states its mechanism."""
    found = tomllib.loads(cause_folder("backlog").joinpath("_links.toml").read_text(encoding="utf-8"))
    return tuple(
        Link(tuple(link["signals"]), tuple(link["acts_on"]), link.get("secondary")) for link in found["links"]
    )


LINKS = _links()


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


def explain(queue: QueueSignals) -> QueueSignals:
    """Return the signals of a queue, weakened where an earlier one explains a later one, with these pairs."""
    seen = {item.signal: item for item in queue.observations}
    acts_on = partial(_acts_on, slack=queue.slack)
    explains: dict[str, set[str]] = {}
    pairs = []
    for link in LINKS:
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
    of_queues = [list(observe(_OF_QUEUE, queue_context)) for queue_context in queue_contexts]
    of_system = list(observe(harm.DETECTORS, queue_contexts))
    # Where metrics count failures or show no harm, a line of an error changes nothing; nor where the errors
    # of the same log were weighed already.
    counted = any(item.errors_counted for item in context.queues)
    weighed = any(is_of_log(one.signal) for own in of_queues for one in own)
    if not counted and not weighed and not any(one.signal == "no_harm" for one in of_system):
        of_system += observe((harm.known_lines,), inv)
    found: list[QueueSignals] = []
    for queue_context, of_queue in zip(queue_contexts, of_queues, strict=True):
        own = [*of_queue, *(() if found else of_system)]
        pipeline, is_harmed = queue_context.pipeline, bool(queue_context.queue.harms)
        found.append(QueueSignals(pipeline.queue, pipeline.period_s, is_harmed, _of_queues(own)))
    return tuple(found) or (QueueSignals("", 0.0, False, _of_queues(of_system)),)


def _of_queues(observations: Iterable[Observation]) -> tuple[QueueObservation, ...]:
    return tuple(item for item in observations if isinstance(item, QueueObservation))


@cache
def backlog_causes() -> tuple[Cause, ...]:
    """Return the causes of the question, with the grades of known log lines."""
    found = causes("backlog")
    return tuple(replace(cause, grades={**grades_of(cause), **cause.grades}) for cause in found)


def is_of_log(signal: str) -> bool:
    """Return whether a signal is about what a consumer logged."""
    return SIGNALS[signal].group == "error kind"


def cause_named(name: str) -> Cause:
    """Return the cause with an id."""
    return next(cause for cause in backlog_causes() if cause.cause == name)

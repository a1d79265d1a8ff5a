"""Whether FIFO, a fair queue or neither would help a queue, from its case and from simulations.

A fair queue is a standard queue whose messages have a message group id. SQS delivers messages of quiet
groups before those of a noisy one [1]_. A group is noisy with more than 10 % of the messages in flight and at
least 30, or with more than 10 % of the recent processing time [2]_.

.. [1] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
.. [2] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from watchme_analysis.queues.work_items import work_done
from watchme_analysis.remedies.fifo_migration import MOST_IN_BATCH
from watchme_analysis.remedies.queue_settings import compared_figures, lowered, raised
from watchme_analysis.simulation.advice import doubts
from watchme_analysis.simulation.calibration import Agreement
from watchme_analysis.simulation.queue import NOISY_IN_FLIGHT, NOISY_SHARE
from watchme_analysis.simulation.scenarios import Comparison, Load, Scenario
from watchme_analysis.simulation.settings import Settings
from watchme_analysis.text.message import (
    Choice,
    Count,
    Duration,
    Message,
    Resource,
    Share,
    Value,
    message,
)

if TYPE_CHECKING:
    from watchme_analysis.case.case_folder import Case

Kind = Literal["fifo", "fair", "neither"]
# Figures of an outcome in order of importance, with the smallest relevant difference.
FIGURES = {"lost": 1.0, "dead_lettered": 1.0, "others_wait_s": 1.0, "peak_age_s": 60.0, "duplicates": 1.0}


@dataclass(frozen=True)
class Groups:
    """Number of messages of each group, processed or failed, and of those that are in the DLQ."""

    messages: Mapping[str, int]
    failing: Mapping[str, int]

    def of_load(self, load: Load) -> Load:
        """Return a load whose messages and failures belong to these groups; unchanged without any."""
        if not self.messages:
            return load
        names = sorted(self.messages, key=lambda name: (-self.messages[name], name))
        failing = tuple(float(self.failing.get(name, 0)) for name in names)
        return replace(
            load,
            groups=len(names),
            shares=tuple(float(self.messages[name]) for name in names),
            failing_shares=failing if sum(failing) else (),
        )


@dataclass(frozen=True)
class Advice:
    """What would help a queue, with the verdict as a sentence, and why, with numbers."""

    queue: str
    kind: Kind
    verdict: Message
    reasons: tuple[Message, ...]


def groups_of_case(case: Case, queue: str, function: str | None) -> Groups:
    """Return the messages by group, or by work item without one: in the DLQ, and done by the log."""
    frame = case.table("queue_messages")
    own = frame[frame["source_queue"].fillna(frame["queue"]) == queue]
    failing = Counter(str(group) for group in own["group_id"].fillna(own["work_item"]).dropna())
    done = Counter(item for name, item, _ in work_done(case).work if name == (function or ""))
    return Groups(done + failing, failing)


def kinds_of(settings: Settings, load: Load) -> tuple[Scenario, Scenario, Scenario]:
    """Return the queue as configured, as FIFO and as a fair queue, under the same load."""
    fifo = replace(
        settings,
        queue=replace(settings.queue, is_fifo=True),
        poller=replace(settings.poller, batch_size=min(settings.poller.batch_size, MOST_IN_BATCH)),
    )
    fair = replace(settings, queue=replace(settings.queue, is_fair=True))
    return (
        Scenario("as configured", settings, load),
        Scenario("FIFO", fifo, load),
        Scenario("fair", fair, load),
    )


def advice_of(
    queue: str, found: Sequence[Comparison], groups: Groups, agreements: Sequence[tuple[str, Agreement]] = ()
) -> Advice:
    """Return the advice for a queue from the simulations of :func:`kinds_of`.

    ``agreements`` are those of the simulation as configured with the record.
    """
    base, fifo, fair = found
    helps_fifo, helps_fair = (lowered(base, row, FIGURES) for row in (fifo, fair))
    kind: Kind = "neither"
    if helps_fair and not raised(base, fair, FIGURES):
        kind = "fair"
    # A migration is worth it only for what a group id on the standard queue does not reach.
    if not raised(base, fifo, FIGURES) and not {*helps_fifo} <= {*helps_fair}:
        kind = "fifo"
    reasons = [
        _of_groups(groups, base),
        *(
            message("fifo-advice-figure", kind=Choice(name), **values)
            for name, row in (("fifo", fifo), ("fair", fair))
            for values in compared_figures(base, row, FIGURES)
        ),
        _criterion(base),
        *_blocking(base, groups),
        message("fifo-advice-order"),
        *doubts(agreements),
    ]
    verdict = message("fifo-advice", kind=Choice(kind), queue=Resource(queue))
    return Advice(queue, kind, verdict, (*reasons, message("fifo-advice-next", kind=Choice(kind))))


def _of_groups(groups: Groups, base: Comparison) -> Message:
    total = sum(groups.messages.values())
    if not total:
        return message("fifo-advice-no-groups", count=Count(base.scenario.load.groups))
    name = max(groups.messages, key=lambda each: (groups.messages[each], each))
    return message(
        "fifo-advice-groups",
        count=Count(len(groups.messages)),
        messages=Count(total),
        name=Resource(name),
        share=Share(groups.messages[name] / total),
    )


def _criterion(base: Comparison) -> Message:
    """Return whether so many messages can be in flight that one group counts as noisy by them."""
    poller = base.scenario.settings.poller
    limits = [limit for limit in (poller.max_concurrency, poller.reserved_concurrency) if limit is not None]
    values: dict[str, Value] = {
        "needed": Count(NOISY_IN_FLIGHT),
        "share": Share(NOISY_SHARE),
        "batch": Count(poller.batch_size),
    }
    if limits and min(limits) * poller.batch_size < NOISY_IN_FLIGHT:
        most = min(limits)
        return message(
            "fifo-advice-unreached", most=Count(most), in_flight=Count(most * poller.batch_size), **values
        )
    peak = max((each[2] for outcome in base.outcomes for each in outcome.series), default=0)
    return message(
        "fifo-advice-criterion",
        is_reached=Choice("yes" if peak >= NOISY_IN_FLIGHT else "no"),
        peak=Count(peak),
        **values,
    )


def _blocking(base: Comparison, groups: Groups) -> list[Message]:
    queue = base.scenario.settings.queue
    if queue.max_receive_count is None:
        return [message("fifo-risk-blocks-forever")]
    return [
        message(
            "fifo-advice-blocks",
            blocked=Duration(queue.max_receive_count * queue.visibility_timeout_s),
            receives=Count(queue.max_receive_count),
            visibility=Duration(queue.visibility_timeout_s),
            failing=Count(sum(groups.failing.values())),
            groups=Count(sum(1 for count in groups.failing.values() if count)),
        )
    ]

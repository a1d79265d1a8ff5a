"""Whether FIFO, a fair queue or neither would help a queue, from its case and from simulations.

A fair queue is a standard queue whose messages have a message group id. SQS delivers messages of quiet
groups before those of a noisy one [1]_. A group is noisy with more than 10 % of the messages in flight and at
least 30, or with more than 10 % of the recent processing time [2]_.

.. [1] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
.. [2] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from watchme_analysis.remedies.fifo_migration import MOST_IN_BATCH
from watchme_analysis.remedies.queue_settings import compared_figures, moved
from watchme_analysis.simulation.advice import HELPS
from watchme_analysis.simulation.calibration import Agreement
from watchme_analysis.simulation.queue import NOISY_IN_FLIGHT, NOISY_SHARE
from watchme_analysis.simulation.scenarios import Comparison, Load, Scenario
from watchme_analysis.simulation.settings import Settings
from watchme_analysis.text.message import (
    Choice,
    Count,
    Duration,
    Message,
    Number,
    Resource,
    Share,
    Value,
    message,
)

Kind = Literal["fifo", "fair", "neither"]
# Figures of an outcome in order of importance, with the smallest relevant difference.
FIGURES = {"lost": 1.0, "dead_lettered": 1.0, "others_wait_s": 1.0, "peak_age_s": 60.0, "duplicates": 1.0}


@dataclass(frozen=True)
class Groups:
    """Messages by group, as the case shows them.

    Attributes
    ----------
    messages
        Messages of each group, processed or failed.
    failing
        Messages of each group that are in the DLQ.
    """

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
    """The advice for a queue.

    Attributes
    ----------
    queue
        Name of the queue.
    kind
        What would help.
    verdict
        The same as a sentence.
    reasons
        Why, with numbers.
    """

    queue: str
    kind: Kind
    verdict: Message
    reasons: tuple[Message, ...]


def kinds_of(settings: Settings, load: Load) -> tuple[Scenario, Scenario, Scenario]:
    """Return the queue as configured, as FIFO and as a fair queue, under the same load."""
    fifo = replace(
        settings,
        queue=replace(settings.queue, is_fifo=True),
        poller=replace(
            settings.poller,
            batch_size=min(settings.poller.batch_size, MOST_IN_BATCH),
            batching_window_s=0.0,
        ),
    )
    fair = replace(settings, queue=replace(settings.queue, is_fair=True))
    return (
        Scenario("as configured", settings, load),
        Scenario("FIFO", fifo, load),
        Scenario("fair", fair, load),
    )


def advice_of(
    queue: str, found: Sequence[Comparison], groups: Groups, agreements: Sequence[Agreement] = ()
) -> Advice:
    """Return the advice for a queue.

    Parameters
    ----------
    queue
        Name of the queue.
    found
        Simulations of :func:`kinds_of`.
    groups
        Messages by group.
    agreements
        Agreement of the simulation as configured with the record.
    """
    base, fifo, fair = found
    helps: dict[Kind, list[str]] = {"fifo": _lowered(base, fifo), "fair": _lowered(base, fair)}
    harms: dict[Kind, list[str]] = {"fifo": _raised(base, fifo), "fair": _raised(base, fair)}
    kind: Kind = "neither"
    if helps["fair"] and not harms["fair"]:
        kind = "fair"
    # A migration is worth it only for what a group id on the standard queue does not reach.
    if helps["fifo"] and not harms["fifo"] and not set(helps["fifo"]) <= set(helps["fair"]):
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
        *(
            message(
                "settings-doubt",
                figure=Choice(each.figure),
                recorded=Number(each.recorded),
                simulated=Number(each.simulated),
            )
            for each in agreements
            if not each.is_near
        ),
    ]
    verdict = message("fifo-advice", kind=Choice(kind), queue=Resource(queue))
    return Advice(queue, kind, verdict, (*reasons, message("fifo-advice-next", kind=Choice(kind))))


def _lowered(base: Comparison, row: Comparison) -> list[str]:
    return [
        name
        for name, least in FIGURES.items()
        if moved(base, row, name, least) < 0
        and (row.estimate(name).mean or 0.0) <= HELPS * (base.estimate(name).mean or 0.0)
    ]


def _raised(base: Comparison, row: Comparison) -> list[str]:
    return [name for name, least in FIGURES.items() if moved(base, row, name, least) > 0]


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

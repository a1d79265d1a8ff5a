"""A discrete-event model of queues, their pollers and functions, and the APIs that the functions call.

Written after the public documentation of Amazon SQS and of Lambda's event source mappings; what AWS doesn't
publish (how often a throttled batch is tried again, how fast back-off goes) is a setting with its own note.
Not modelled: empty receives and the latency of a receive, cold starts, the account's own concurrency limit,
and a standard queue's rare double delivery and unordered receives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop
from itertools import islice, repeat
from math import inf
from operator import gt

from watchme_analysis.errors import InputError
from watchme_analysis.simulation.api import Processors, WorkerSlots
from watchme_analysis.simulation.event_calendar import EventCalendar
from watchme_analysis.simulation.pipeline import SimulatedPipeline
from watchme_analysis.simulation.settings import Arrivals, Host, Outcome, Settings


def simulate(settings: Settings, arrivals: Arrivals, seed: int = 0) -> Outcome:
    """Run the messages through the queue until all have left it, or the horizon.

    Parameters
    ----------
    settings
        Of the queue, the poller, the function and the API.
    arrivals
        Messages in order of their sending.
    seed
        The same seed gives the same outcome.

    Raises
    ------
    InputError
        If the arrivals are not in order, or have groups for some of the messages only.
    """
    [outcome] = simulate_together(((settings, arrivals),), None, seed)
    return outcome


def simulate_together(
    wanted: Sequence[tuple[Settings, Arrivals]], host: Host | None = None, seed: int = 0
) -> tuple[Outcome, ...]:
    """Run the messages of several queues at the same time, whose APIs share a host.

    Parameters
    ----------
    wanted
        Settings and arrivals of each queue.
    host
        What their APIs share; None for nothing.
    seed
        The same seed gives the same outcome.

    Returns
    -------
    tuple of Outcome
        One a queue, in order.

    Raises
    ------
    InputError
        As :func:`simulate`.
    """
    agenda = EventCalendar()
    desk = WorkerSlots(host.slots) if host is not None and host.slots is not None else None
    processors = Processors(host.cores, agenda) if host is not None and host.cores is not None else None
    lines = []
    for number, (settings, arrivals) in enumerate(wanted):
        _check(arrivals)
        # The first line's numbers don't depend on whether there are others.
        lines.append(SimulatedPipeline(settings, arrivals, seed + 7_919 * number, agenda, (desk, processors)))
    for line in lines:
        line.begin()
    horizon_s = max(settings.horizon_s for settings, _ in wanted)
    sent = _run(agenda, lines, processors, horizon_s)
    return tuple(line.outcome(many, horizon_s) for line, many in zip(lines, sent, strict=True))


def _check(arrivals: Arrivals) -> None:
    sent_s = arrivals.sent_s
    if any(map(gt, sent_s, islice(sent_s, 1, None))):
        raise InputError("The arrivals of a simulation go back in time: sort them.")
    if arrivals.groups and len(arrivals.groups) != len(sent_s):
        raise InputError(
            f"{len(arrivals.groups)} message groups for {len(sent_s)} messages: give one to each, or none."
        )


def _run(
    agenda: EventCalendar, lines: Sequence[SimulatedPipeline], processors: Processors | None, horizon_s: float
) -> list[int]:
    """Go from event to event, and return how many messages each line was sent."""
    arrivals, owners = _merged(lines)
    upcoming = iter(arrivals)
    arrival_s = next(upcoming, inf)
    entries, first, others = agenda.entries, lines[0].queue, [line.queue for line in lines[1:]]
    while (
        arrival_s < inf
        or first.left
        or (others and any(queue.left for queue in others))
        or (processors is not None and processors.work)
    ):
        if entries[0][0] <= arrival_s:
            if entries[0][0] > horizon_s:
                break
            agenda.now_s, _, action, argument = heappop(entries)
            action(argument)
            continue
        if arrival_s > horizon_s:
            break
        agenda.now_s = arrival_s
        line = next(owners)
        queue = line.queue
        queue.send(queue.sent)
        if line.batches < line.allowed:
            line.poll()
        arrival_s = next(upcoming, inf)
    return [line.queue.sent for line in lines]


def _merged(lines: Sequence[SimulatedPipeline]) -> tuple[Sequence[float], Iterator[SimulatedPipeline]]:
    """Return the arrivals of all lines in order, and whose each is."""
    if len(lines) == 1:
        return lines[0].queue.sent_s, repeat(lines[0])
    pairs = sorted((sent_s, number) for number, line in enumerate(lines) for sent_s in line.queue.sent_s)
    return [sent_s for sent_s, _ in pairs], iter([lines[number] for _, number in pairs])

"""A discrete-event model of a queue, its poller and function, and the API that the function calls.

Written after the public documentation of Amazon SQS and of Lambda's event source mappings; what AWS doesn't
publish (how often a throttled batch is tried again, how fast back-off goes) is a setting with its own note.
Not modelled: empty receives and the latency of a receive, cold starts, the account's own concurrency limit,
and a standard queue's rare double delivery and unordered receives.
"""

from __future__ import annotations

from heapq import heappop
from itertools import islice
from math import inf
from operator import gt

from watchme_analysis.errors import InputError
from watchme_analysis.simulation.event_calendar import EventCalendar
from watchme_analysis.simulation.pipeline import SimulatedPipeline
from watchme_analysis.simulation.settings import Arrivals, Outcome, Settings


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
    _check(arrivals)
    calendar = EventCalendar()
    pipeline = SimulatedPipeline(settings, arrivals, seed, calendar)
    pipeline.begin()
    sent = _run(calendar, pipeline, settings.horizon_s)
    return pipeline.outcome(sent, settings.horizon_s)


def _check(arrivals: Arrivals) -> None:
    sent_s = arrivals.sent_s
    if any(map(gt, sent_s, islice(sent_s, 1, None))):
        raise InputError("The arrivals of a simulation go back in time: sort them.")
    if arrivals.groups and len(arrivals.groups) != len(sent_s):
        raise InputError(
            f"{len(arrivals.groups)} message groups for {len(sent_s)} messages: give one to each, or none."
        )


def _run(calendar: EventCalendar, pipeline: SimulatedPipeline, horizon_s: float) -> int:
    """Go from event to event, and return how many messages were sent."""
    queue, entries = pipeline.queue, calendar.entries
    upcoming = iter(queue.sent_s)
    arrival_s = next(upcoming, inf)
    while arrival_s < inf or queue.left:
        if entries[0][0] <= arrival_s:
            if entries[0][0] > horizon_s:
                break
            calendar.now_s, _, action, argument = heappop(entries)
            action(argument)
            continue
        if arrival_s > horizon_s:
            break
        calendar.now_s = arrival_s
        queue.send(queue.sent)
        if pipeline.batches < pipeline.allowed:
            pipeline.poll()
        arrival_s = next(upcoming, inf)
    return queue.sent

"""A discrete-event model of a queue, its poller and function, and the API that the function calls.

The model follows the public documentation of Amazon SQS and of Lambda's event source mappings. Parameters
that AWS does not publish (retry interval of throttled batches, speed of back-off) are settings with a note.
Not modelled: empty receives and the latency of a receive, cold starts, the account's concurrency limit, and
the duplicate deliveries and unordered receives of a standard queue.
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
from watchme_analysis.text.render import error_message


def simulate(settings: Settings, arrivals: Arrivals, seed: int = 0, *, with_times: bool = False) -> Outcome:
    """Return the outcome of a simulation, which ends at the horizon or when the queue is empty.

    The same seed leads to the same outcome. With ``with_times`` it states when each message was processed.
    Arrivals out of order, or groups of only some messages, are an error.
    """
    _check(arrivals)
    calendar = EventCalendar()
    pipeline = SimulatedPipeline(settings, arrivals, seed, calendar, with_times=with_times)
    pipeline.begin()
    sent = _run(calendar, pipeline, settings.horizon_s)
    return pipeline.outcome(sent, settings.horizon_s)


def _check(arrivals: Arrivals) -> None:
    sent_s = arrivals.sent_s
    if any(map(gt, sent_s, islice(sent_s, 1, None))):
        raise InputError(error_message("error-simulate-unsorted"))
    if arrivals.groups and len(arrivals.groups) != len(sent_s):
        raise InputError(
            error_message("error-simulate-groups", groups=len(arrivals.groups), messages=len(sent_s))
        )


def _run(calendar: EventCalendar, pipeline: SimulatedPipeline, horizon_s: float) -> int:
    """Return the number of messages sent, after processing all events."""
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

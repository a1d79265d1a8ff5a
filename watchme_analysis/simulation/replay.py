"""Replay of recorded arrivals at a higher rate: the part that is replayed, its prediction, and its curves.

A run, simulated or measured, is a time of sending and a time of completion for each message. Curves and
figures are computed from these two in one way, so that a measurement can be compared with its prediction.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from watchme_analysis.simulation.run import simulate
from watchme_analysis.simulation.settings import (
    ApiSettings,
    Arrivals,
    PollerSettings,
    QueueSettings,
    Settings,
)

# Seconds for which a simulation continues after the last arrival; what is not done by then is left.
DRAIN_S = 21_600.0
# Points of a curve.
POINTS = 60
# Calls of a client that waits for no earlier response are limited by nothing but the API.
_UNLIMITED_BATCHES = 1_000_000
_FOREVER_S = 1e9
# Figures of a run, in the order in which they are shown. All but the first two are in seconds.
FIGURES = ("done", "most_waiting", "median_s", "p95_s", "longest_s", "drain_s")


@dataclass(frozen=True)
class Replay:
    """The arrivals of a record that are replayed, in ascending seconds from the start of the test.

    In the record they begin at ``start_s`` and take ``recorded_s``.
    """

    sent_s: tuple[float, ...]
    start_s: float
    recorded_s: float


@dataclass(frozen=True)
class CurvePoint:
    """The state of a run at one time: messages sent and done, and the age of the oldest that is not done."""

    time_s: float
    sent: int
    done: int
    oldest_s: float

    @property
    def waiting(self) -> int:
        """Return the number of messages that were sent and not done."""
        return self.sent - self.done


@dataclass(frozen=True)
class Predicted:
    """A figure in simulated runs: mean, lowest and highest; None if no run has it."""

    mean: float | None
    lowest: float | None
    highest: float | None


def busiest_part(arrivals_s: Sequence[float], factor: float, longest_s: float, most: int) -> Replay:
    """Return the part of a record with the most arrivals, to be replayed ``factor`` times as fast.

    Replaying faster keeps the shape of the arrivals: a burst stays a burst, in a shorter time. The replay
    takes at most ``longest_s``. If the part has more than ``most`` arrivals, its later ones are left out.
    """
    if not arrivals_s:
        return Replay((), 0.0, 0.0)
    length_s, best, first = longest_s * factor, 0, 0
    for start, at_s in enumerate(arrivals_s):
        found = bisect_right(arrivals_s, at_s + length_s, lo=start) - start
        if found > best:
            best, first = found, start
    chosen = arrivals_s[first : first + min(best, most)]
    return Replay(tuple((at_s - chosen[0]) / factor for at_s in chosen), chosen[0], chosen[-1] - chosen[0])


def endpoint_settings(mean_s: float, variation: float, slots: int | None, timeout_s: float) -> Settings:
    """Return the settings under which requests go to an API directly, each at its time."""
    return Settings(
        queue=QueueSettings(visibility_timeout_s=_FOREVER_S, retention_s=_FOREVER_S, max_receive_count=None),
        poller=PollerSettings(
            start_batches=_UNLIMITED_BATCHES, max_batches=_UNLIMITED_BATCHES, backs_off=False
        ),
        api=ApiSettings(mean_s, variation, slots),
        function_timeout_s=timeout_s,
    )


def healthy(settings: Settings) -> Settings:
    """Return fitted settings without the faults, pauses, failures and earlier settings of the record."""
    return replace(
        settings,
        api=replace(settings.api, faults=(), failing_share=0.0),
        poller=replace(settings.poller, pauses=()),
        earlier=(),
    )


def predicted_runs(
    settings: Settings, sent_s: Sequence[float], groups: Sequence[int] = (), replications: int = 20
) -> tuple[tuple[float, ...], ...]:
    """Return the times of completion of each simulated run, in seconds; NaN for what is never done."""
    horizon_s = (sent_s[-1] if sent_s else 0.0) + DRAIN_S
    limited = replace(settings, horizon_s=horizon_s)
    arrivals = Arrivals(tuple(sent_s), tuple(groups))
    return tuple(simulate(limited, arrivals, seed, with_times=True).done_s for seed in range(replications))


def figures_of(sent_s: Sequence[float], done_s: Sequence[float]) -> dict[str, float | None]:
    """Return the figures of a run by the names of :data:`FIGURES`.

    ``done`` is the number of messages that were done, ``most_waiting`` the largest number that was sent and
    not done, ``median_s``, ``p95_s`` and ``longest_s`` are latencies from sending to completion, and
    ``drain_s`` is the time from the last sending to the last completion. None where nothing was done.
    """
    latencies = sorted(done - sent for sent, done in zip(sent_s, done_s, strict=True) if not math.isnan(done))
    ends = sorted(done for done in done_s if not math.isnan(done))
    most, left = 0, 0
    for number, sent in enumerate(sent_s, 1):
        left = bisect_right(ends, sent)
        most = max(most, number - left)
    if not latencies:
        return {"done": 0.0, "most_waiting": float(most), **dict.fromkeys(FIGURES[2:])}
    return {
        "done": float(len(latencies)),
        "most_waiting": float(most),
        "median_s": _quantile(latencies, 0.5),
        "p95_s": _quantile(latencies, 0.95),
        "longest_s": latencies[-1],
        "drain_s": max(0.0, ends[-1] - sent_s[-1]),
    }


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def predicted_figures(sent_s: Sequence[float], runs: Sequence[Sequence[float]]) -> dict[str, Predicted]:
    """Return each figure over simulated runs with the same times of sending."""
    found = [figures_of(sent_s, done_s) for done_s in runs]
    return {name: _over([one[name] for one in found]) for name in FIGURES}


def _over(values: Sequence[float | None]) -> Predicted:
    there = [value for value in values if value is not None]
    if not there:
        return Predicted(None, None, None)
    return Predicted(math.fsum(there) / len(there), min(there), max(there))


def curve_of(
    sent_s: Sequence[float], done_s: Sequence[float], until_s: float, points: int = POINTS
) -> tuple[CurvePoint, ...]:
    """Return the state of a run at so many equally spaced times after 0, up to ``until_s``.

    What was never done has NaN as its time of completion.
    """
    ends = sorted(done for done in done_s if not math.isnan(done))
    found = []
    for place in range(points + 1):
        now_s = until_s * place / points
        sent = bisect_right(sent_s, now_s)
        oldest_s = next(
            (now_s - sent_s[number] for number in range(sent) if not done_s[number] <= now_s), 0.0
        )
        found.append(CurvePoint(now_s, sent, bisect_right(ends, now_s), oldest_s))
    return tuple(found)


def rate_steps(sent_s: Sequence[float], steps: int = 10) -> tuple[tuple[float, int], ...]:
    """Return the number of messages sent in equal intervals: the end of each in seconds, and the number."""
    length_s = (sent_s[-1] if sent_s else 0.0) / steps
    if not length_s:
        return ((0.0, len(sent_s)),) if sent_s else ()
    ends = [length_s * (number + 1) for number in range(steps)]
    places = [0, *(bisect_left(sent_s, end) for end in ends[:-1]), len(sent_s)]
    return tuple((end, after - before) for end, before, after in zip(ends, places, places[1:], strict=False))

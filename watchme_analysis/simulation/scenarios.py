"""Measures against backlogs, each simulated with the same arrivals; every figure has an interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from random import Random
from typing import Any

from watchme_analysis.config import LoadSettings
from watchme_analysis.errors import InputError
from watchme_analysis.installation import safe_path
from watchme_analysis.queues.pipeline import ADVISED_VISIBILITY_FACTOR
from watchme_analysis.simulation.run import simulate
from watchme_analysis.simulation.settings import (
    ApiSettings,
    Arrivals,
    BreakerSettings,
    FaultInterval,
    Outcome,
    QueueSettings,
    Settings,
)
from watchme_analysis.text.message import Message, Number, Text, message
from watchme_analysis.text.render import error_message, render

HOUR_S = 3600.0
# Message groups of a FIFO queue where no message shows one.
ASSUMED_GROUPS = 10
CONFIDENCE = 0.95
# Values of the measures.
LONGER_TIMEOUT_S = 60
SHORTER_VISIBILITY_S = 300
FEWER_RECEIVES = 3
MORE_RECEIVES = 5
CONCURRENCY = 2
TENFOLD = 10


@dataclass(frozen=True)
class Load:
    """Messages sent by producers, counted per interval from the start of the simulation on."""

    counts: tuple[float, ...] = field(repr=False)
    interval_s: float = 60.0
    factor: float = 1.0  # by which the counts are multiplied
    groups: int = ASSUMED_GROUPS
    failing_share: float = 0.0  # of the messages for which every invocation fails
    within_s: float | None = None  # of the start of their interval; None for anywhere in it
    # Share of each group in the messages, and in those that always fail; empty for equal ones.
    shares: tuple[float, ...] = ()
    failing_shares: tuple[float, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """Settings and load that are simulated, with the measure that they represent, a noun phrase."""

    measure: Text
    settings: Settings
    load: Load

    @property
    def name(self) -> str:
        """Return the measure in English, by which options and JSON refer to it."""
        return render(self.measure)


@dataclass(frozen=True)
class Estimate:
    """Mean of the replications and half the width of its 95 % confidence interval; None without values."""

    mean: float | None
    half_width: float | None
    seen: int

    @property
    def low(self) -> float | None:
        """Lower end of the interval."""
        return None if self.mean is None or self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float | None:
        """Upper end of the interval."""
        return None if self.mean is None or self.half_width is None else self.mean + self.half_width

    def text(self, unit: float = 1.0) -> str:
        """Return mean and half width, divided by ``unit``; the mean alone where all replications agree."""
        if self.mean is None:
            return "none"
        mean, half = self.mean / unit, (self.half_width or 0.0) / unit
        digits = 1 if (unit > 1 and mean < 10) or 0 < half < 1 else 0
        if not half:
            return f"{mean:,.{digits}f}"
        spread = f"{half:,.{digits}f}" if round(half, digits) else f"<{10.0**-digits:.{digits}f}"
        return f"{mean:,.{digits}f} ± {spread}"


@dataclass(frozen=True)
class Comparison:
    """A scenario with its outcomes, one per replication."""

    scenario: Scenario
    outcomes: tuple[Outcome, ...] = field(repr=False)

    def estimate(self, name: str) -> Estimate:
        """Return the mean of a field of the outcomes with its interval."""
        return estimate([getattr(outcome, name) for outcome in self.outcomes])


def estimate(values: Sequence[float | None]) -> Estimate:
    """Return the mean of the values that are not None, and its interval by Student's t."""
    there = [float(value) for value in values if value is not None]
    many = len(there)
    if not many:
        return Estimate(None, None, 0)
    mean = math.fsum(there) / many
    if many == 1:
        return Estimate(mean, None, 1)
    from scipy.special import stdtrit

    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in there) / (many - 1))
    quantile = float(stdtrit(many - 1, (1.0 + CONFIDENCE) / 2.0))
    return Estimate(mean, quantile * spread / math.sqrt(many), many)


def arrivals_of(load: Load, seed: int) -> Arrivals:
    """Return messages that follow a load; fractional counts are rounded at random to keep the mean."""
    random = Random(seed)
    width_s = load.interval_s if load.within_s is None else load.within_s
    sent_s: list[float] = []
    for position, count in enumerate(load.counts):
        wanted = count * load.factor
        whole = int(wanted) + (random.random() < wanted - int(wanted))
        sent_s += [position * load.interval_s + random.random() * width_s for _ in range(whole)]
    sent_s.sort()
    if load.shares:
        groups = random.choices(range(len(load.shares)), load.shares, k=len(sent_s))
    else:
        groups = [random.randrange(load.groups) for _ in sent_s]
    chances = failing_chances(load)
    failing = frozenset(
        message
        for message, group in enumerate(groups)
        if load.failing_share and random.random() < (chances[group] if chances else load.failing_share)
    )
    return Arrivals(sent_s, groups, failing)


def failing_chances(load: Load) -> list[float]:
    """Return the share of failing messages of each group; empty when all groups have the same."""
    if not load.failing_shares:
        return []
    shares = load.shares or (1.0,) * load.groups
    return [
        min(1.0, load.failing_share * (own / sum(load.failing_shares)) / (share / sum(shares)))
        if share
        else 0.0
        for own, share in zip(load.failing_shares, shares, strict=True)
    ]


def usual_load(settings: LoadSettings) -> Load:
    """Return a load for eight hours: of senders at the same time, or spread evenly over their interval."""
    minutes = 8 * 60
    if not settings.together:
        return Load((60.0 * settings.senders / settings.interval_s,) * minutes, groups=settings.senders)
    counts = [0.0] * minutes
    for place in range(math.ceil(60.0 * minutes / settings.interval_s)):
        counts[int(place * settings.interval_s // 60.0)] += settings.senders
    return Load(tuple(counts), groups=settings.senders)


def usual_settings() -> Settings:
    """Return settings with an API that takes 15 s per call, and 25 s and fails health checks in hour two."""
    fault = FaultInterval(HOUR_S, 2 * HOUR_S, mean_s=25.0, is_unhealthy=True, is_cured_by_restart=True)
    return Settings(
        queue=QueueSettings(visibility_timeout_s=900.0),
        api=ApiSettings(mean_s=15.0, slots=1, faults=(fault,)),
        function_timeout_s=30.0,
    )


def _throughout(settings: Settings, *fields: str) -> Settings:
    """Return settings in which the named fields are constant for the whole simulation."""
    return replace(settings, earlier=tuple(each for each in settings.earlier if each.field not in fields))


def _queue(settings: Settings, **changes: Any) -> Settings:
    return replace(_throughout(settings, *changes), queue=replace(settings.queue, **changes))


def _poller(settings: Settings, **changes: Any) -> Settings:
    return replace(_throughout(settings, *changes), poller=replace(settings.poller, **changes))


def _longer(settings: Settings) -> Settings:
    return replace(_throughout(settings, "function_timeout_s"), function_timeout_s=float(LONGER_TIMEOUT_S))


def _restarting(settings: Settings) -> Settings:
    """Return settings whose API restarts after three failed checks.

    Intervals with calls that take half the function's timeout or more count as unhealthy until the restart.
    """
    limit_s = settings.function_timeout_s / 2
    faults = tuple(
        replace(fault, is_unhealthy=True, is_cured_by_restart=True) if fault.longest_s >= limit_s else fault
        for fault in settings.api.faults
    )
    return replace(settings, api=replace(settings.api, faults=faults, restarts_when_unhealthy=True))


def _mapped(settings: Settings) -> Settings:
    return _poller(settings, max_concurrency=CONCURRENCY, reserved_concurrency=None)


def _reserved(settings: Settings, patience_s: float | None) -> Settings:
    return _poller(
        settings,
        max_concurrency=None,
        reserved_concurrency=CONCURRENCY,
        throttle_patience_s=patience_s,
    )


def _together(settings: Settings) -> Settings:
    queue = {"visibility_timeout_s": _ADVISED_VISIBILITY_S, "max_receive_count": MORE_RECEIVES}
    return _restarting(_mapped(_queue(_longer(settings), **queue)))


def _taken(settings: Settings) -> Settings:
    """Return settings that are often chosen after a backlog: longer timeout, earlier redelivery."""
    queue = {"visibility_timeout_s": float(SHORTER_VISIBILITY_S), "max_receive_count": FEWER_RECEIVES}
    return _queue(_longer(settings), **queue)


_ADVISED_VISIBILITY_S = ADVISED_VISIBILITY_FACTOR * LONGER_TIMEOUT_S
_THREE_SETTINGS = {
    "timeout": LONGER_TIMEOUT_S,
    "visibility": SHORTER_VISIBILITY_S,
    "receives": FEWER_RECEIVES,
    "limit": CONCURRENCY,
}
TOGETHER = message(
    "measure-together",
    timeout=LONGER_TIMEOUT_S,
    visibility=round(_ADVISED_VISIBILITY_S),
    receives=MORE_RECEIVES,
    limit=CONCURRENCY,
)

MEASURES: tuple[tuple[Message, Callable[[Settings], Settings]], ...] = (
    (message("measure-as-configured"), lambda settings: settings),
    (message("measure-function-timeout", seconds=LONGER_TIMEOUT_S), _longer),
    (
        message("measure-visibility-timeout", seconds=SHORTER_VISIBILITY_S),
        lambda settings: _queue(settings, visibility_timeout_s=float(SHORTER_VISIBILITY_S)),
    ),
    (
        message("measure-visibility-factor", factor=Number(ADVISED_VISIBILITY_FACTOR)),
        lambda settings: _queue(
            settings, visibility_timeout_s=ADVISED_VISIBILITY_FACTOR * settings.function_timeout_s
        ),
    ),
    (
        message("measure-receives", receives=FEWER_RECEIVES),
        lambda settings: _queue(settings, max_receive_count=FEWER_RECEIVES),
    ),
    (
        message("measure-receives", receives=MORE_RECEIVES),
        lambda settings: _queue(settings, max_receive_count=MORE_RECEIVES),
    ),
    (message("measure-reserved-guide", limit=CONCURRENCY), lambda settings: _reserved(settings, None)),
    (message("measure-reserved-at-once", limit=CONCURRENCY), lambda settings: _reserved(settings, 0.0)),
    (message("measure-maximum-concurrency", limit=CONCURRENCY), _mapped),
    (
        message("measure-three-settings-reserved", **_THREE_SETTINGS),
        lambda settings: _taken(_reserved(settings, 0.0)),
    ),
    (
        message("measure-three-settings-maximum", **_THREE_SETTINGS),
        lambda settings: _taken(_mapped(settings)),
    ),
    (message("measure-fifo"), lambda settings: _queue(settings, is_fifo=True)),
    (message("measure-breaker"), lambda settings: replace(settings, breaker=BreakerSettings())),
    (message("measure-restart", checks=ApiSettings().checks_to_unhealthy), _restarting),
    (TOGETHER, _together),
)


def scenarios(settings: Settings, load: Load) -> tuple[Scenario, ...]:
    """Return each measure that changes a setting, some measures combined, and ten times the load."""
    tenfold = replace(load, factor=load.factor * TENFOLD)
    return (
        *(
            Scenario(measure, change(settings), load)
            for position, (measure, change) in enumerate(MEASURES)
            if position == 0 or change(settings) != settings
        ),
        Scenario(message("measure-load", factor=TENFOLD), settings, tenfold),
        Scenario(
            message("measure-load-with", factor=TENFOLD, measure=TOGETHER), _together(settings), tenfold
        ),
    )


def _replicate(task: tuple[Scenario, int]) -> Outcome:
    scenario, seed = task
    return simulate(scenario.settings, arrivals_of(scenario.load, seed), seed)


def compare(
    wanted: Sequence[Scenario], replications: int = 20, seed: int = 0, processes: int = 1
) -> tuple[Comparison, ...]:
    """Return the outcomes of scenarios; n-th replications of the same load have the same arrivals.

    They do not depend on the number of processes. More than one start new processes, each of which imports
    the main script.
    """
    if replications < 1:
        raise InputError(error_message("error-simulate-replications", number=replications))
    tasks = [(scenario, seed * 1_000_003 + number) for scenario in wanted for number in range(replications)]
    if processes == 1:
        outcomes = [_replicate(task) for task in tasks]
    else:
        # No fork of this process, in which threads of Arrow, numpy or a notebook may hold locks.
        with safe_path(), ProcessPoolExecutor(processes, get_context("forkserver")) as pool:
            outcomes = list(pool.map(_replicate, tasks, chunksize=max(1, replications // 4)))
    return tuple(
        Comparison(scenario, tuple(outcomes[start : start + replications]))
        for scenario, start in zip(wanted, range(0, len(outcomes), replications), strict=True)
    )

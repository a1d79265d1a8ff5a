"""Back-test of automatic restarts: what a guard would have done at the probes of a case, and changed.

The record is of a service that nobody restarted at these moments. So the number of restarts is that of a
cause which a restart does not cure, and the avoided time is the gain if it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from watchme_analysis.case.case_folder import Case
from watchme_analysis.errors import InputError
from watchme_analysis.evidence.probes import is_success
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.remedies.guard import GuardSettings, decide
from watchme_analysis.simulation.advice import estimate_of_figure
from watchme_analysis.simulation.fit import recorded
from watchme_analysis.simulation.model import model_of
from watchme_analysis.simulation.restarts import restart_scenarios
from watchme_analysis.simulation.scenarios import compare
from watchme_analysis.text.message import Count, Duration, Message, Names, Resource, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.simulation.scenarios import Comparison

# Time of a check and whether it was healthy, in order.
Checks = Sequence[tuple[datetime, bool]]
# Simulated runs of each kind.
REPLICATIONS = 10
# The vantage that a guard on the host has, and what stands for it in a case without it.
_NEAREST = ("host", "inside", "outside")
_FIGURES = ("dead_lettered", "lost", "peak_age_s", "behind_s")


@dataclass(frozen=True)
class RestartEffect:
    """What restarts would have changed for the messages of a queue, by simulation.

    The simulated runs are without a restart, with restarts that cure what the health checks showed, and with
    restarts that do not. In the figures of ``differing``, those without a restart differ from the record by
    more than a fifth.
    """

    queue: str
    unchanged: Comparison
    cured: Comparison
    uncured: Comparison
    differing: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[Message, ...]:
        """Return messages in the DLQ, lost work, age and delay of each, and how far to trust them."""
        runs, queue = len(self.unchanged.outcomes), Resource(self.queue)
        said = [
            message("guard-effect-unchanged", queue=queue, runs=runs, figures=_figures(self.unchanged)),
            message("guard-effect-cured", figures=_figures(self.cured)),
            message("guard-effect-uncured", figures=_figures(self.uncured)),
        ]
        if self.differing:
            said.append(message("guard-effect-differs", count=len(self.differing)))
        return tuple(said)

    def to_dict(self) -> dict[str, Any]:
        """Return mean and half width of the 95 % interval of each figure, ready for JSON."""
        rows = {"unchanged": self.unchanged, "cured": self.cured, "uncured": self.uncured}
        return {
            "queue": self.queue,
            "differing": list(self.differing),
            **{key: {name: vars(row.estimate(name)) for name in _FIGURES} for key, row in rows.items()},
        }


def _figures(row: Comparison) -> Message:
    """Return the figures of simulated runs, each mean with half the width of its 95 % interval."""
    return message(
        "guard-effect-figures",
        **{name.removesuffix("_s"): estimate_of_figure(name, row.estimate(name)) for name in _FIGURES},
    )


@dataclass(frozen=True)
class GuardBacktest:
    """What a guard would have done at recorded checks.

    ``failing_s`` are seconds from the first failed check of each series in ``failing`` to the next healthy
    one; ``avoided_s`` of them remain after the restarts and their recovery. At the restarts in
    ``answered_inside`` the process answered from inside, so that a restart would have changed nothing; None
    without probes from inside. ``stopped`` is when the limit of a day was reached.
    """

    restarts: tuple[datetime, ...]
    stopped: datetime | None
    checks: int
    failed: int
    failing_s: float
    avoided_s: float
    answered_inside: int | None
    failing: tuple[tuple[datetime, datetime], ...] = ()
    effect: RestartEffect | None = None

    @property
    def sentences(self) -> tuple[Message, ...]:
        """Return the result in sentences."""
        found = [
            message(
                "guard-backtest",
                count=len(self.restarts),
                failed=Count(self.failed),
                checks=Count(self.checks),
                failing=Duration(self.failing_s),
            )
        ]
        if self.restarts:
            found.append(
                message("guard-backtest-avoided", avoided=Duration(self.avoided_s), first=self.restarts[0])
            )
        if self.answered_inside:
            found.append(message("guard-backtest-inside", count=self.answered_inside))
        if self.stopped is not None:
            found.append(message("guard-backtest-stopped", time=self.stopped))
        if self.effect is not None:
            found += self.effect.sentences
        elif self.restarts:
            found.append(message("guard-backtest-no-queue"))
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, ready for JSON."""
        return {
            "restarts": [each.isoformat() for each in self.restarts],
            "stopped": self.stopped and self.stopped.isoformat(),
            "checks": self.checks,
            "failed": self.failed,
            "failing_s": self.failing_s,
            "avoided_s": self.avoided_s,
            "answered_inside": self.answered_inside,
            "effect": self.effect and self.effect.to_dict(),
        }


def backtest_guard(settings: GuardSettings, checks: Checks, inside: Checks | None = None) -> GuardBacktest:
    """Return what a guard would have done at recorded checks; ``inside`` are those from inside.

    ``recovery_s`` of the settings is taken as the time from a restart to the first healthy check.
    """
    failures, restarts = 0, list[datetime]()
    stopped: datetime | None = None
    began: datetime | None = None
    failing: list[tuple[datetime, datetime]] = []
    for now, is_healthy in checks:
        if began is not None and is_healthy:
            failing.append((began, now))
            began = None
        elif began is None and not is_healthy:
            began = now
        failures = 0 if is_healthy else failures + 1
        action = decide(settings, failures, restarts, now)
        if action == "restart":
            restarts.append(now)
            failures = 0
        elif action == "stop":
            stopped = stopped or now
    if began is not None:
        failing.append((began, checks[-1][0]))
    avoided_s = 0.0
    for start, end in failing:
        within = [at for at in restarts if start <= at < end]
        if within:
            recovered = within[0] + timedelta(seconds=settings.recovery_s)
            avoided_s += max(0.0, (end - recovered).total_seconds())
    return GuardBacktest(
        restarts=tuple(restarts),
        stopped=stopped,
        checks=len(checks),
        failed=sum(not is_healthy for _, is_healthy in checks),
        failing_s=sum((end - start).total_seconds() for start, end in failing),
        avoided_s=avoided_s,
        answered_inside=None if inside is None else _answered(restarts, inside),
        failing=tuple(failing),
    )


def _answered(restarts: Sequence[datetime], inside: Checks) -> int:
    """Return at how many restarts the last check from inside was healthy."""
    last = ([is_healthy for at, is_healthy in inside if at <= restart][-1:] for restart in restarts)
    return sum(each == [True] for each in last)


def backtest(case: Case, settings: GuardSettings, queue: str | None = None) -> GuardBacktest:
    """Return what a guard would have done at the probes of a case, and changed for its queue.

    The path of the settings' URL selects the probes; those of the vantage nearest to the host count. A probe
    is healthy if it has a status of success within the guard's time limit. Without ``queue``, the messages of
    the one with the oldest message are simulated. A case without such probes is an InputError.
    """
    probes = case.table("probes")
    path = urlsplit(settings.url).path or "/"
    of_path = probes[(probes["path"] == path) & probes["time"].notna()].sort_values("time")
    by_vantage = {vantage: of_path[of_path["vantage"] == vantage] for vantage in _NEAREST}
    chosen = next((each for each in by_vantage.values() if len(each)), None)
    if chosen is None:
        known = ", ".join(sorted(probes["path"].dropna().unique())) or "none"
        raise InputError(error_message("error-guard-no-probes", case=case.name, path=path, known=known))
    inside = by_vantage["inside"]
    found = backtest_guard(
        settings, _checks(chosen, settings), _checks(inside, settings) if len(inside) else None
    )
    effect = _effect(case, queue, found, settings.recovery_s) if found.restarts else None
    return replace(found, effect=effect)


def _effect(case: Case, queue: str | None, found: GuardBacktest, start_up_s: float) -> RestartEffect | None:
    """Return what the restarts would have changed for a queue; None if no queue has metrics at that time."""
    known = pipelines(case, queue)
    if queue is not None and not known:
        names = Names(tuple(each.queue for each in pipelines(case)), limit=100)
        raise InputError(error_message("error-case-no-queue", case=case.name, queue=queue, known=names))
    first, last = found.restarts[0], found.restarts[-1]
    covered = [
        each
        for each in known
        if len(each.frame) and each.frame.index[0] <= first and last <= each.frame.index[-1]
    ]
    if not covered:
        return None
    # The queue that suffered most, unless one is named.
    worst = max(covered, key=lambda each: recorded(each, case).peak_age_s or 0.0)
    try:
        model = model_of(case, worst)
    except InputError:
        if queue is not None:
            raise
        return None
    origin: datetime = worst.frame.index[0].to_pydatetime()

    def seconds(at: datetime) -> float:
        return (at - origin).total_seconds()

    scenarios = restart_scenarios(
        model.fit.settings,
        model.fit.load,
        [(seconds(start), seconds(end)) for start, end in found.failing],
        [seconds(at) for at in found.restarts],
        start_up_s,
    )
    unchanged, cured, uncured = compare(scenarios, REPLICATIONS)
    differing = tuple(each.figure for _, each in model.agreements(unchanged) if not each.is_near)
    return RestartEffect(worst.queue, unchanged, cured, uncured, differing)


def _checks(probes: pd.DataFrame, settings: GuardSettings) -> list[tuple[datetime, bool]]:
    rows = probes[["time", "status", "error", "duration_s"]].astype(object)
    rows = rows.where(rows.notna(), None)
    return [
        (
            row.time.to_pydatetime(),
            is_success(row.status, row.error) and (row.duration_s or 0) <= settings.timeout_s,
        )
        for row in rows.itertuples()
    ]

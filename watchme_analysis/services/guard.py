"""Automatic restarts and a case: their back-test on its probes and queues, and their record in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from watchme_analysis.case.actions import record_actions
from watchme_analysis.case.case_folder import Case
from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import InputError
from watchme_analysis.evidence.probes import is_success
from watchme_analysis.files.journal import read_journal
from watchme_analysis.queues.pipeline import Pipeline, pipelines
from watchme_analysis.remedies.guard import (
    GuardBacktest,
    GuardSettings,
    RestartEffect,
    actions_of_guard,
    backtest_guard,
)
from watchme_analysis.simulation.fit import recorded
from watchme_analysis.simulation.model import model_of
from watchme_analysis.simulation.restarts import restart_scenarios
from watchme_analysis.simulation.scenarios import compare
from watchme_analysis.text.message import Names
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

# Simulated runs of each kind.
REPLICATIONS = 10

# The vantage that a guard on the host has, and what stands for it in a case without it.
_NEAREST = ("host", "inside", "outside")


def backtest(case: Path, settings: GuardSettings, queue: str | None = None) -> GuardBacktest:
    """Return what a guard would have done at the probes of a case, and changed for its queue.

    The probes of the vantage nearest to the host count. A probe is healthy if it has a status of success
    within the guard's time limit.

    Parameters
    ----------
    case
        Case folder, or a folder of raw evidence.
    settings
        Settings of the guard; the path of its URL selects the probes.
    queue
        Queue whose messages are simulated; by default the one with the oldest message.

    Raises
    ------
    InputError
        When the case has no probes of that path, or not the named queue, or it can't be simulated.
    """
    opened = open_case(case)
    probes = opened.table("probes")
    path = urlsplit(settings.url).path or "/"
    of_path = probes[(probes["path"] == path) & probes["time"].notna()].sort_values("time")
    for vantage in _NEAREST:
        chosen = of_path[of_path["vantage"] == vantage]
        if len(chosen):
            break
    else:
        known = ", ".join(sorted(probes["path"].dropna().unique())) or "none"
        raise InputError(error_message("error-guard-no-probes", case=opened.name, path=path, known=known))
    inside = of_path[of_path["vantage"] == "inside"]
    found = backtest_guard(
        settings, _checks(chosen, settings), _checks(inside, settings) if len(inside) else None
    )
    effect = _effect(opened, queue, found, settings.recovery_s) if found.restarts else None
    return replace(found, effect=effect)


def _effect(case: Case, queue: str | None, found: GuardBacktest, start_up_s: float) -> RestartEffect | None:
    """Return what the restarts would have changed for a queue; None if no queue has metrics at that time."""
    known = pipelines(case, queue)
    if queue is not None and not known:
        names = Names(tuple(each.queue for each in pipelines(case)), limit=100)
        raise InputError(error_message("error-case-no-queue", case=case.name, queue=queue, known=names))
    covered = [each for each in known if _covers(each, found.restarts)]
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


def _covers(pipeline: Pipeline, restarts: Sequence[datetime]) -> bool:
    frame = pipeline.frame
    return bool(len(frame)) and all(frame.index[0] <= at <= frame.index[-1] for at in restarts)


def check_case(case: Path) -> None:
    """Check that restarts can be recorded in a case.

    Raises
    ------
    InputError
        When it is a folder of raw evidence.
    """
    if open_case(case).path.resolve() != case.resolve():
        raise InputError(error_message("error-case-is-raw", folder=case))


def record_restarts(case: Path, journal: Path) -> None:
    """Record the restarts of a guard's journal in the table ``actions`` of a case, each once.

    Raises
    ------
    InputError, CaseError
        When the journal can't be read, or the case not be written.
    """
    record_actions(case, actions_of_guard(read_journal(journal)))


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

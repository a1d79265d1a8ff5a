"""What restarts of the API at given times would have changed for the messages of a queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from watchme_analysis.simulation.scenarios import Load, Scenario
from watchme_analysis.simulation.settings import FaultInterval, Settings

UNCHANGED, CURED, UNCURED = "without a restart", "restarts that cure", "restarts that do not cure"


def restart_scenarios(
    settings: Settings,
    load: Load,
    failing_s: Sequence[tuple[float, float]],
    restarts_s: Sequence[float],
    start_up_s: float,
) -> tuple[Scenario, Scenario, Scenario]:
    """Return a queue without restarts, with restarts that cure what checks showed, and that do not.

    Times are seconds from the start of the simulation. A fault of the API counts as what the checks showed if
    it overlaps a period in which they failed (``failing_s``). Where a restart cures, further restarts in the
    same period don't happen, as the checks would have been healthy. Each restart loses the calls in progress,
    and refuses further ones until the API has started (``start_up_s``).
    """
    firsts = [
        next((at_s for at_s in restarts_s if start_s <= at_s <= end_s), None) for start_s, end_s in failing_s
    ]
    first_s = tuple(at_s for at_s in firsts if at_s is not None)
    faults = tuple(
        replace(fault, is_cured_by_restart=True) if _is_shown(fault, failing_s) else fault
        for fault in settings.api.faults
    )
    restarted = replace(settings.api, restart_s=start_up_s)
    return (
        Scenario(UNCHANGED, settings, load),
        Scenario(
            CURED, replace(settings, api=replace(restarted, faults=faults, restarts_at_s=first_s)), load
        ),
        Scenario(UNCURED, replace(settings, api=replace(restarted, restarts_at_s=tuple(restarts_s))), load),
    )


def _is_shown(fault: FaultInterval, failing_s: Sequence[tuple[float, float]]) -> bool:
    return any(fault.start_s < end_s and start_s < fault.end_s for start_s, end_s in failing_s)

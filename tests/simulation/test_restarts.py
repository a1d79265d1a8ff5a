"""Simulated restarts of an API at given times: what they cure, and what they cost."""

from watchme_analysis.simulation.restarts import restart_scenarios
from watchme_analysis.simulation.scenarios import Load, compare
from watchme_analysis.simulation.settings import ApiSettings, FaultInterval, QueueSettings, Settings

# The API hangs for half an hour, so that every call times out.
HANGING = FaultInterval(120.0, 1920.0, mean_s=1000.0)
SETTINGS = Settings(
    queue=QueueSettings(visibility_timeout_s=60.0),
    api=ApiSettings(1.0, 0.0, slots=None, faults=(HANGING,)),
    function_timeout_s=10.0,
)
LOAD = Load((2.0,) * 40)


def dead(scenarios):
    return [[outcome.dead_lettered for outcome in row.outcomes] for row in compare(scenarios, 2)]


def test_a_restart_cures_the_fault_that_checks_showed_and_costs_time_otherwise():
    unchanged, cured, uncured = dead(restart_scenarios(SETTINGS, LOAD, [(150, 1900)], [300, 900], 60))
    assert max(cured) < min(unchanged) / 4
    assert min(uncured) >= max(unchanged) - 1

"""Signals of other services and paths."""

import pytest
from worlds.health_constructed import store_of_two_services
from worlds.health_scenarios import on
from worlds.health_world import HEALTH, JOBS, Signals, case, give, without


@pytest.mark.parametrize(
    ("made", "is_one_onset"),
    [
        pytest.param(store_of_two_services, True, id="one store"),
        pytest.param(lambda: store_of_two_services(neighbour_later_s=6.0), False, id="one service later"),
        pytest.param(
            lambda: store_of_two_services(neighbour_later_s=6.0, first_asked_after_s=7.0),
            False,
            id="one service rarely requested",
        ),
        pytest.param(lambda: case(on(HEALTH, header_s=4.0)), False, id="one service alone"),
        pytest.param(lambda: case(lambda path, second: {"header_s": 4.0}), False, id="all paths"),
    ],
)
def test_paths_of_several_services_that_are_bad_from_one_moment_on(made, is_one_onset):
    found = Signals(made())
    assert ("one_onset" in found) == is_one_onset
    if is_one_onset:
        assert found["one_onset"].effect == 2.0


@pytest.mark.parametrize(
    ("every_s", "least", "most"),
    [
        pytest.param(1.0, 1.0, 1.0, id="all are bad"),
        # Of requests of which one in seven is bad, eight are spared with a chance of 0.3.
        pytest.param(9.0, 0.3, 0.6, id="few are bad"),
    ],
)
def test_a_path_that_is_spared_by_chance_shows_little(every_s, least, most):
    """A process that restarts for a moment again and again spares a path that is requested seldom."""

    def refused(path, second):
        return {"status": 502} if path != JOBS and second % every_s < 1.0 else None

    made = case(refused)
    log = made.table("access_log")
    give(made, "access_log", log[~(log["path"].eq(JOBS) & (log["line"] % 5 > 0))])
    seen = Signals(without(made, "edge_log", "probes"))["some_paths"]
    assert seen.rows >= 8
    assert least <= seen.strength <= most

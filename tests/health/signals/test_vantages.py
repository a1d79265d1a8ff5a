"""Signals of other services and paths."""

import pytest
from worlds.health_constructed import store_of_two_services
from worlds.health_scenarios import on
from worlds.health_world import HEALTH, Signals, case


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

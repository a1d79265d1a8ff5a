"""A simulated API by hand: slots, faults, counted failures, health checks and restarts."""

from random import Random
from types import SimpleNamespace

import pytest
from worlds.together import together

from watchme_analysis.simulation.api import Api
from watchme_analysis.simulation.event_calendar import EventCalendar
from watchme_analysis.simulation.settings import ApiSettings, Arrivals, FaultInterval


class World:
    """An API on a calendar of its own, and the calls that ended: message, success and second."""

    def __init__(self, number=10, groups=(), failing=(), **settings):
        self.calendar, self.ended = EventCalendar(), []
        arrivals = Arrivals([0.0] * number, groups, frozenset(failing))
        given = ApiSettings(**{"mean_s": 5.0, "variation": 0.0, "slots": 1} | settings)
        self.api = Api(given, arrivals, self.calendar, Random(0), self.note)

    def note(self, call, succeeds):
        self.ended.append((call.message, succeeds, self.calendar.now_s))

    def call(self, *messages, now_s=None):
        if now_s is not None:
            self.run(now_s)
        for message in messages:
            self.api.call(SimpleNamespace(message=message, since_s=0.0, is_alive=True))

    def run(self, until_s):
        """Process the events up to a second."""
        entries = self.calendar.entries
        while entries and entries[0][0] <= until_s:
            entry = min(entries)
            entries.remove(entry)
            entries.sort()
            self.calendar.now_s = entry[0]
            entry[2](entry[3])
        self.calendar.now_s = until_s


def test_calls_beyond_the_slots_wait_in_order():
    world = World(slots=2)
    world.call(0, 1, 2, 3)
    world.run(20.0)
    assert world.ended == [(0, True, 5.0), (1, True, 5.0), (2, True, 10.0), (3, True, 10.0)]
    assert (world.api.busy, world.api.started, world.api.waits_s) == (0, 4, 10.0)
    assert (world.api.duplicates, world.api.others_started) == (0, 0)
    world.call(3)
    world.run(30.0)
    assert (world.api.duplicates, world.api.started, world.api.waits_s) == (1, 4, 10.0)


def test_waits_of_all_groups_but_the_busiest_are_counted_apart():
    world = World(3, groups=[7, 7, 8])
    world.call(0, 1, 2)
    world.run(30.0)
    assert (world.api.others_started, world.api.others_waits_s) == (1, 10.0)
    assert (world.api.started, world.api.waits_s) == (3, 15.0)


def test_messages_that_always_fail_end_their_calls_without_success():
    for slots in (1, None):
        world = World(failing=[0], slots=slots)
        world.call(0, 1)
        world.run(20.0)
        assert [one[:2] for one in world.ended] == [(0, False), (1, True)]
        assert list(world.api.undone(3)) == [0, 2]
    assert list(world.api.undone(1)) == [0] and list(world.api.undone(0)) == []


@together(
    ("now_s", "taken_s"),
    [(0.0, 5.0), (9.9, 5.0), (10.0, 8.0), (19.9, 8.0), (20.0, 5.0), (30.0, 5.0), (49.9, 5.0)],
)
def test_a_fault_holds_from_its_start_to_its_end(now_s, taken_s):
    faults = (FaultInterval(10.0, 20.0, 8.0), FaultInterval(30.0, 50.0))
    world = World(faults=faults, slots=None)
    world.call(0, now_s=now_s)
    world.run(100.0)
    assert world.ended == [(0, True, pytest.approx(now_s + taken_s))]


def test_counted_failures_are_drawn_without_replacement_and_retries_pass():
    """Of five calls one failed and one was its retry, so that one of the first four fails."""
    fault = FaultInterval(0.0, 1e9, failing_share=0.2, calls=5, repeats=1)
    for seed in range(5):
        world = World(40, faults=(fault,), slots=None)
        world.api.random = Random(seed)
        world.call(*range(20))
        world.run(10.0)
        failed = [not succeeds for _, succeeds, _ in sorted(world.ended)]
        assert [sum(failed[start : start + 4]) for start in (0, 5, 10, 15)] == [1] * 4
        assert not any(failed[4::5])


def test_a_bad_message_fails_beside_the_counted_failures_and_shares_are_random():
    fault = FaultInterval(0.0, 1e9, failing_share=1.0, calls=2)
    world = World(failing=[0], faults=(fault,), slots=None)
    assert world.api._fate(0) == (5.0, True) and world.api._urns == {}
    assert world.api._fate(1) == (5.0, True) and world.api._urns == {0: [1, 1]}
    certain, never = World(failing_share=1.0), World(failing_share=0.0, failing=[9])
    assert (certain.api._fate(0), never.api._fate(0)) == ((5.0, True), (5.0, False))
    outside = World(failing_share=1.0, faults=(FaultInterval(10.0, 20.0, 8.0),))
    outside.calendar.now_s = 10.0
    assert outside.api._fate(0) == (8.0, False), "a fault has its own share"


def health(**settings):
    usual = {"check_interval_s": 30.0, "check_timeout_s": 10.0, "checks_to_unhealthy": 2}
    return World(**usual | settings)


def test_a_call_that_waits_too_long_fails_checks_until_the_api_is_unhealthy():
    world = health(mean_s=1000.0)
    world.api.begin()
    world.call(0, 1)
    world.run(30.0)
    assert (world.api.unhealthy, world.api._failed_checks) == (0, 1)
    world.run(60.0)
    assert (world.api.unhealthy, world.api.restarts) == (1, 0)
    world.run(120.0)
    assert (world.api.unhealthy, world.api._failed_checks) == (1, 4), "once for each time"


@together(("waited_s", "fails"), [(10.0, False), (10.1, True)])
def test_a_check_fails_beyond_its_timeout(waited_s, fails):
    world = health(mean_s=1000.0)
    world.call(0, 1)
    world.calendar.now_s = waited_s
    world.api.check_health()
    assert world.api._failed_checks == int(fails)
    assert [entry[0] for entry in world.calendar.entries if entry[2] == world.api.check_health] == [
        waited_s + 30.0
    ]


def test_good_checks_in_between_count_from_the_start_again():
    fault = (FaultInterval(20.0, 40.0, is_unhealthy=True), FaultInterval(80.0, 100.0, is_unhealthy=True))
    world = health(faults=fault)
    world.api.begin()
    world.run(100.0)
    assert (world.api.unhealthy, world.api._failed_checks) == (0, 1)


def test_an_unhealthy_api_restarts_loses_its_calls_and_is_cured():
    fault = FaultInterval(0.0, 1e9, mean_s=1000.0, is_unhealthy=True, is_cured_by_restart=True)
    world = health(faults=(fault,), restarts_when_unhealthy=True, restart_s=60.0)
    world.api.begin()
    world.call(0, 1)
    world.run(60.0)
    # At the second failed check both calls end, the one in progress first.
    assert world.ended == [(0, False, 60.0), (1, False, 60.0)]
    assert (world.api.unhealthy, world.api.restarts, world.api.busy) == (1, 1, 0)
    world.call(2)
    world.run(119.9)
    assert world.ended[2:] == [(2, False, pytest.approx(60.1))], "refused while it starts"
    world.call(3, now_s=120.0)
    world.run(200.0)
    assert world.ended[3:] == [(3, True, 125.0)], "quick again"
    assert world.api.unhealthy == 1


def test_a_restart_cures_the_faults_of_one_stretch_alone():
    faults = tuple(
        FaultInterval(start, start + 50.0, 1000.0, is_cured_by_restart=True, stretch_s=stretch)
        for start, stretch in ((0.0, 0.0), (50.0, 0.0), (100.0, 100.0))
    )
    world = World(faults=faults, restarts_at_s=(10.0,), restart_s=5.0, slots=None)
    world.api.begin()
    world.run(20.0)
    found = []
    for now_s in (20.0, 60.0, 110.0):
        world.calendar.now_s = now_s
        found.append(world.api._fate(0)[0])
    assert found == [5.0, 5.0, 1000.0]
    assert world.api.restarts == 1


def test_calls_without_a_caller_complete_their_work():
    world = World(failing=[2])
    world.call(0, 1, 2)
    world.api.is_done[1] = 1
    world.api.settle()
    assert (list(world.api.is_done[:3]), world.api.duplicates) == ([1, 1, 0], 1)

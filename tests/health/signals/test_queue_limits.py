"""The queue of connections of a server, each side of its limits, from literal requests."""

from worlds.health_literal import HEALTH, USUAL, at, context, probe, request, seen
from worlds.messages import messages_in

from watchme_analysis.health.signals.listen_queue import filled, most_waiting, state
from watchme_analysis.health.signals.network import probe_connects
from watchme_analysis.requests.layers import layer_times

PROCESS = {"file": "c.txt", "line": 1, "addr": "192.0.2.11", "port": 8100}


def late(second, connect_s=1.0, **more):
    """A request that was connected late."""
    times = {"connect_s": connect_s, "header_s": connect_s, "response_s": connect_s, "took": connect_s}
    return request(second, bad=True, nginx_status=200.0, **times | more)


def waited(second, took=5.0, **more):
    """A request that was connected at once and waited for its response."""
    return request(second, bad=True, took=took, nginx_status=200.0, header_s=took, response_s=took, **more)


def judged(*requests, sent_again=False, probes=(), **tables):
    found = context(*requests, probes=probes, **tables)
    passed_on = found.joined
    outcome, text = state(
        found, passed_on, layer_times(passed_on, connects_logged=True), is_sent_again=sent_again
    )
    return outcome, messages_in(text)


def test_a_queue_with_room_left_was_never_full():
    short = [PROCESS | {"backlog": 3}]
    waits = [waited(21, took=2.0), waited(22, took=2.0)]
    said = {"health-queue-never-full": {"room": 3, "waiting": 2}}
    assert judged(late(25), *waits, sent_again=True, app_processes=short) == ("connect_lost", said)
    assert judged(late(25), *waits, app_processes=short) == ("connect_slow", {})
    # As many waited as the queue holds: others were served at once between late ones, or not.
    full = judged(late(25), *waits, app_processes=[PROCESS | {"backlog": 2}])
    assert full == ("queue_full", {"health-queue-maybe-full": {"room": 2, "waiting": 2}})
    # Without a backlog in the start command a queue holds 2048.
    assert judged(late(21), app_processes=[PROCESS], sent_again=True)[1] == {
        "health-queue-never-full": {"room": 2048, "waiting": 1}
    }


def test_a_short_queue_beside_requests_that_were_served_at_once():
    quick = [request(21 + number / 10) for number in range(1, 9)]
    # At most one of those that are served in 20 ms waits at a time.
    outcome, said = judged(late(21), late(22), *quick, app_processes=[PROCESS | {"backlog": 1}])
    assert outcome == "queue_short"
    assert {"health-queue-maybe-full", "health-queue-short"} <= set(said)


def test_probes_that_passed_through_the_queue_show_room_in_it():
    probes = [probe(21 + number / 10) for number in range(3)]
    rows = [late(20.5), waited(20.5, took=5.0), waited(20.6, took=5.0)]
    outcome, said = judged(*rows, probes=probes, app_processes=[PROCESS | {"backlog": 1}])
    assert (outcome, said) == ("connect_slow", {"health-queue-had-room": {"room": 1, "probes": 3}})
    outcome, _ = judged(*rows, probes=probes[:2], app_processes=[PROCESS | {"backlog": 1}])
    assert outcome == "queue_full"


def test_without_a_start_command_a_hardly_used_queue_shows_lost_packets():
    quick = [request(21.05 + number / 12) for number in range(10)]
    rows = [late(21), late(22)]
    outcome, said = judged(*rows, *quick, sent_again=True)
    assert outcome == "connect_lost"
    assert said == {"health-queue-hardly-used": {"waiting": 1, "served": 10}}
    assert judged(*rows, *quick[:9], sent_again=True) == ("connect_slow", {})
    assert judged(*rows, *quick) == ("connect_slow", {})
    # Six waited at once: the shortest queue of a server is five.
    waits = [waited(21.5 + number / 100, took=0.1) for number in range(6)]
    assert judged(*rows, *quick, *waits, sent_again=True) == ("connect_slow", {})


def test_a_queue_fills_in_runs():
    # Twelve requests wait connected, then twelve are connected late, twice.
    rows = []
    for start in (21, 29):
        rows += [waited(start + number / 10, took=6.0) for number in range(12)]
        rows += [late(start + 2 + number / 10, took=4.0, connect_s=3.0) for number in range(12)]
    found = context(*rows)
    parts = layer_times(found.joined, connects_logged=True)
    said = messages_in(filled(found.joined, parts))["health-queue-fills"]
    # Four runs; by chance 2 * 24 * 24 / 48 + 1 = 25.
    assert said == {"failed": 24, "connected": 24, "waited": 24, "runs": 4, "expected": 25}
    few = context(*rows[:12], *rows[12:21])
    assert filled(few.joined, layer_times(few.joined, connects_logged=True)) == ""
    # In turn, as lost packets make them.
    mixed = [
        row for pair in zip(rows[:12] + rows[24:36], rows[12:24] + rows[36:], strict=True) for row in pair
    ]
    moved = [row | {"start": at(21 + n / 5), "nginx_start": at(21 + n / 5)} for n, row in enumerate(mixed)]
    turn = context(*moved)
    assert filled(turn.joined, layer_times(turn.joined, connects_logged=True)) == ""


def test_connected_requests_that_wait_at_one_time_are_counted():
    def most(*requests):
        found = context(*requests)
        return most_waiting(found.joined, layer_times(found.joined, connects_logged=True))

    assert most(waited(21, took=1.0), waited(21.5, took=1.0), waited(22.1, took=1.0)) == 2
    assert most(request(21, bad=True, connect_s=None, took=5.0)) == 0
    # A caller that left remains until a later connection was responded to.
    left = request(21, bad=True, took=0.5, response_s=0.5)
    assert most(left, waited(22, took=1.0), waited(22.5, took=0.1)) == 3
    assert most(left, waited(21.2, took=0.1), waited(22, took=1.0)) == 2


def connects(host, inside):
    """Probes that connected within some seconds."""
    probes, table = [], []
    for vantage, times in (("host", host), ("inside", inside)):
        for number, connect_s in enumerate(times):
            probes.append(probe(21 + number / 2, vantage, bad=connect_s > 1))
            table.append(
                {"file": "probes.csv", "line": len(probes) + 1, "time": at(21 + number / 2), "path": HEALTH,
                 "vantage": vantage, "connect_s": connect_s}
            )  # fmt: skip
    found = context(request(21, bad=True), probes=probes)
    columns = {name: [row[name] for row in table] for name in table[0]}
    found.inv.case._frames["probes"] = type(found.joined)(columns)
    return seen(probe_connects, found).get("connect_slow_from_host")


def test_connecting_is_slow_from_the_host_and_quick_from_inside():
    one = connects([1.0] * 3 + [0.01] * 3, [0.02] * 5)
    said = messages_in(one.statement)["health-connect-slow-from-host"]
    # Half of the host's probes: five from inside have a chance of a thirty-second.
    assert said == {
        "services": [USUAL], "longest": 1.0, "slow": 3, "probes": 6, "limit": 0.2, "inside": 5,
        "longest_inside": 0.02,
    }  # fmt: skip
    assert messages_in(one.detail)["health-connect-slow-from-host-detail"] == {
        "services": [USUAL],
        "longest": 1.0,
    }
    assert (one.table, one.rows, one.effect, one.effect_unit, one.strength) == ("probes", 3, 1.0, "s", 0.5)
    assert connects([1.0] * 3 + [0.01] * 3, [0.02] * 4) is None
    assert connects([1.0] * 2 + [0.01], [0.02] * 9) is None
    assert connects([0.2] * 6, [0.02] * 5) is None
    assert connects([1.0] * 6, [0.02] * 2) is None
    assert connects([1.0] * 6, [0.02, 0.02, 0.3]) is None
    assert connects([1.0] * 3 + [0.01] * 27, [0.02] * 30) is not None
    assert connects([1.0] * 3 + [0.01] * 28, [0.02] * 31) is None

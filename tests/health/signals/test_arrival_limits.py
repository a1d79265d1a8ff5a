"""Signals of arriving requests and of places and paths, each on both sides of its limits."""

import pytest
from worlds.health_literal import HEALTH, JOBS, OTHER, USUAL, at, context, probe, request, seen
from worlds.messages import messages_in

from watchme_analysis.health.signals.arrivals import all_well, arrivals, stopped
from watchme_analysis.health.signals.vantages import (
    handler_paths,
    one_onset,
    other_services,
    paths,
    vantages,
)


def spread(count, first, last, path=HEALTH, **more):
    """So many requests, evenly spread over a time."""
    step = (last - first) / count
    return [request(first + step * number, path, **more) for number in range(count)]


def arrived(*requests, bounds=(40.0, 60.0), **more):
    return seen(arrivals, context(*requests, bounds=bounds, **more))


# One request a second before the incident.
CALM = spread(40, 0, 40)


def test_arrivals_are_usual_up_to_half_as_many_again():
    one = arrived(*CALM, *spread(30, 40, 60, bad=True))["arrivals_usual"]
    said = messages_in(one.statement)["health-arrivals-usual"]
    # 30 in 20 s; the busiest 20 s before have 21 requests, both ends included.
    assert said["rate"] == 1.5
    assert said["ratio"] == pytest.approx(1.5 / 1.05)
    assert (one.table, one.rows, one.effect_unit) == ("access_log", 30, "ratio")
    assert one.effect == pytest.approx(1.5 / 1.05)
    assert arrived(*CALM, *spread(36, 40, 60, bad=True)) == {}


def test_twice_as_many_arrivals_are_a_surge():
    rows = spread(50, 40, 60, bad=True, client_addr="192.0.2.66", user_agent="flood/1", took=1.0)
    one = arrived(*CALM, *rows)["arrivals_up"]
    said = messages_in(one.statement)
    assert said["health-arrivals-up"]["rate"] == 2.5
    assert said["health-arrivals-up"]["ratio"] == pytest.approx(2.5 / 1.05)
    assert said["health-arrivals-client"] == {"who": "192.0.2.66"}
    assert said["health-arrivals-route"] == {"who": HEALTH}
    assert "flood" in said["health-arrivals-agent"]["who"]
    assert set(one.facts) == {"client", "agent", "route"}
    assert (one.table, one.rows, one.effect_unit, one.detail) == ("access_log", 50, "ratio", one.statement)
    # Four times as many are beyond doubt.
    assert one.strength == pytest.approx((2.5 / 1.05 - 1) / 3)


def test_a_surge_of_usual_callers_names_none_of_them():
    one = arrived(*CALM, *spread(50, 40, 60, bad=True))["arrivals_up"]
    # All requests have the address of a proxy, and the program of all callers.
    assert set(one.facts) == {"route"}
    half = [
        row | {"client_addr": f"192.0.2.{n}", "path": JOBS, "route": JOBS}
        for n, row in enumerate(spread(25, 40, 60, bad=True))
    ]
    two = arrived(*CALM, *spread(26, 40, 60, bad=True), *half)["arrivals_up"]
    assert two.facts["route"].name == JOBS


def test_a_surge_without_failures_that_is_served_is_absorbed():
    one = arrived(*CALM, *spread(50, 40, 60))["arrivals_absorbed"]
    assert messages_in(one.statement)["health-arrivals-absorbed"]["rate"] == 2.5
    assert (one.table, one.rows, one.effect_unit, one.strength) == ("access_log", 50, "ratio", 1.0)
    assert "health-arrivals-route" in messages_in(one.statement)
    slow = [request(40.1 + number / 5, bad=True, nginx_status=200.0) for number in range(25)]
    assert "arrivals_up" in arrived(*CALM, *spread(25, 40, 60), *slow)
    assert "arrivals_absorbed" in arrived(*CALM, *spread(26, 40, 60), *slow[:24])
    assert "arrivals_up" in arrived(*CALM, *spread(49, 40, 60), request(50, bad=True))


def test_twenty_requests_outside_of_the_incident_show_what_is_usual():
    assert arrived(*spread(19, 0, 40), *spread(50, 40, 60, bad=True)) == {}
    assert "arrivals_up" in arrived(*spread(20, 0, 40), *spread(50, 40, 60, bad=True))
    assert arrived(*CALM) == {}


def test_requests_of_other_services_do_not_arrive_at_this_one():
    others = spread(60, 40, 60, OTHER)
    upstreams = {HEALTH: USUAL, OTHER: "192.0.2.12:8200"}
    one = arrived(*CALM, *spread(20, 40, 60, bad=True), *others, upstreams=upstreams)["arrivals_usual"]
    assert one.rows == 20


def test_a_surge_that_began_before_the_first_failure_belongs_to_it():
    # Three requests a second from 36 s on; the first fails at 40 s.
    one = arrived(*spread(40, -4, 36), *spread(12, 36, 40), *spread(60, 40, 60, bad=True))["arrivals_up"]
    assert one.rows == 72
    # Two a second are no surge of one.
    assert (
        arrived(*spread(40, -4, 36), *spread(7, 36, 40), *spread(60, 40, 60, bad=True))["arrivals_up"].rows
        == 60
    )


def calm(*requests, probes=(), options=None, **tables):
    found = context(*requests, probes=probes, bounds=None, options=options, **tables)
    return seen(all_well, found)["all_well"]


def test_all_is_well_as_far_as_the_logs_show():
    probes = [probe(number, "outside") for number in range(10)]
    one = calm(*spread(20, 0, 40, edge=True), probes=probes)
    # What edge and Nginx logged is one request.
    assert messages_in(one.statement) == {"health-all-well": {"bad": 0, "total": 30}}
    assert (one.rows, one.effect, one.effect_unit, one.strength) == (30, 0.0, "share", 1.0)
    assert calm(*spread(15, 0, 40, edge=True), probes=probes).strength == pytest.approx(25 / 30)


def test_fewer_kinds_of_records_show_less():
    probes = [probe(number, "outside") for number in range(30)]
    assert calm(*spread(30, 0, 40), probes=[]).strength == 0.6
    assert calm(probes=probes).strength == 0.6
    assert calm(*spread(30, 0, 40, edge=True)).strength == 0.9
    only_edge = [row | {"seen_nginx": False} for row in spread(30, 0, 40, edge=True)]
    assert calm(*only_edge).strength == 0.7
    # Probes alone show the endpoint asked about better than all others.
    assert calm(probes=probes, options={"endpoint": HEALTH}).strength == 0.7
    assert calm(*spread(30, 0, 40), options={"endpoint": HEALTH}).strength == 0.6


def test_what_is_strained_is_doubted():
    # Of eight requests at least, a quarter leaves half.
    def strained(count, of):
        rows = [probe(number, "outside") | {"strained": number < count} for number in range(of)]
        return calm(*spread(60, 0, 40, JOBS), probes=rows).strength

    assert strained(2, 8) == pytest.approx(0.9 * 0.5)
    assert strained(2, 7) == pytest.approx(0.9)
    assert strained(4, 8) == 0.0


def test_without_requests_nothing_is_known():
    one = calm()
    assert messages_in(one.statement) == {"health-no-requests": {}}
    assert (one.table, one.rows, one.sql, one.effect, one.strength) == (
        "probes",
        0,
        "select * from probes",
        0.0,
        0.0,
    )


CALLERS = [f"192.0.2.{number}" for number in range(1, 4)]


def quiet(first, last, others=None, callers=CALLERS):
    """A path that three callers ask for each second, but for a time, among others."""
    mine = [
        row | {"client_addr": callers[place % len(callers)]}
        for place, row in enumerate(spread(100, 0, 100))
        if not first <= (row["start"] - at(0)).total_seconds() < last
    ]
    rest = spread(300, 0, 100, JOBS, client_addr=CALLERS[0]) if others is None else others
    rest = [row | {"client_addr": CALLERS[place % 3]} for place, row in enumerate(rest)]
    return seen(stopped, context(*mine, *rest, bounds=None))


def test_a_path_that_is_not_requested_for_a_time_while_others_are():
    found = quiet(40, 70)
    one = found["arrivals_stopped"]
    said = messages_in(one.statement)["health-arrivals-stopped"]
    # From the request at 39 s to that at 70 s: 92 others, three a second.
    assert said == {"span": (at(39), at(70)), "path": HEALTH, "others": 92}
    assert (one.table, one.rows) == ("access_log", 70)
    callers = found["callers_stopped"]
    assert messages_in(callers.statement) == {"health-callers-stopped": {"callers": 3, "path": HEALTH}}
    assert (callers.table, callers.rows) == ("access_log", 70)
    # Until the end of the record.
    assert messages_in(quiet(70, 100)["arrivals_stopped"].statement)["health-arrivals-stopped"]["span"] == (
        at(69), at(100 - 1 / 3 + 0.02),
    )  # fmt: skip


def test_a_short_silence_may_be_chance():
    assert quiet(40, 42) == {}
    # Ten requests of the path, and ten others.
    assert quiet(9, 100, spread(300, 0, 100, JOBS)) == {}
    assert "arrivals_stopped" in quiet(10, 100, spread(300, 0, 100, JOBS))
    assert quiet(40, 70, spread(9, 0, 100, JOBS)) == {}
    # Two callers are too few to have stopped by themselves at once.
    assert set(quiet(40, 70, callers=CALLERS[:2])) == {"arrivals_stopped"}
    assert seen(stopped, context(bounds=None)) == {}


def inside(*probes, requests=None):
    rows = (
        [request(20.5 + number, bad=True, took=1.0) for number in range(20)] if requests is None else requests
    )
    return seen(vantages, context(*rows, probes=probes))


def test_probes_inside_show_whether_the_application_is_well():
    # Made half a second after a caller began to wait a second.
    good = [probe(21 + number, took=0.01 * number) for number in range(10)]
    one = inside(*good)["inside_clear"]
    said = messages_in(one.statement)["health-inside-clear"]
    assert said == {"good": 10, "probes": 10, "paths": [HEALTH], "median": pytest.approx(0.045)}
    assert (one.table, one.rows, one.effect, one.effect_unit, one.strength) == (
        "probes", 10, pytest.approx(0.045), "s", 1.0,
    )  # fmt: skip
    bad = [probe(21 + number, bad=True) for number in range(10)]
    # One of ten is well still; three of ten are bad.
    assert (
        messages_in(inside(*good[:9], bad[9])["inside_clear"].statement)["health-inside-clear"]["good"] == 9
    )
    assert inside(*good[:8], *bad[8:]) == {}
    one = inside(*good[:7], *bad[7:])["inside_bad"]
    said = messages_in(one.statement)["health-inside-bad"]
    assert (said["bad"], said["probes"]) == (3, 10)
    assert (one.rows, one.effect, one.effect_unit, one.strength) == (10, said["median"], "s", 1.0)
    # Six probes count in full.
    assert inside(*good[:3])["inside_clear"].strength == 0.5
    assert inside(*bad[:3])["inside_bad"].strength == 0.5


def test_probes_of_the_host_are_compared_with_those_inside():
    host = [probe(21 + number, "host") for number in range(10)]
    bad = [probe(21 + number, "host", bad=True) for number in range(10)]
    one = inside(*host)["host_clear"]
    assert messages_in(one.statement) == {"health-host-clear": {"bad": 0, "probes": 10, "paths": [HEALTH]}}
    assert (one.table, one.rows, one.strength) == ("probes", 10, 1.0)
    assert "host_clear" in inside(*host[:9], bad[9])
    assert "host_clear" not in inside(*host[:8], *bad[8:])
    assert inside(*host[:2])["host_clear"].strength == pytest.approx(2 / 3)
    well = [probe(21 + number) for number in range(3)]
    one = inside(*well, *host[:7], *bad[7:])["host_bad_inside_clear"]
    assert messages_in(one.statement) == {
        "health-host-bad-inside-clear": {"bad": 3, "probes": 10, "paths": [HEALTH]}
    }
    assert (one.rows, one.strength) == (10, 1.0)
    assert "host_bad_inside_clear" not in inside(*well, *host[:8], *bad[8:])
    assert "host_bad_inside_clear" not in inside(*well[:2], *host[:7], *bad[7:])
    assert "host_bad_inside_clear" not in inside(*host[:7], *bad[7:])


BAD = [request(20.5 + number, bad=True) for number in range(20)]


def test_some_paths_of_a_service_did_well():
    one = seen(paths, context(*BAD, *spread(10, 21, 39, JOBS)))["some_paths"]
    assert messages_in(one.statement) == {"health-some-paths": {"calm": [JOBS], "paths": [HEALTH]}}
    assert (one.table, one.rows, one.effect, one.effect_unit, one.strength) == (
        "access_log", 10, 10.0, "requests", 1.0,
    )  # fmt: skip
    # Ten requests count in full, and five show how a path fares.
    assert seen(paths, context(*BAD, *spread(5, 21, 39, JOBS)))["some_paths"].strength == 0.5
    assert seen(paths, context(*BAD, *spread(4, 21, 39, JOBS))) == {}
    # A path that fails now and then spares others by chance.
    thin = [*BAD[:2], *(request(20.7 + number) for number in range(18))]
    assert seen(paths, context(*thin, *spread(10, 21, 39, JOBS)))["some_paths"].strength == pytest.approx(
        10 * 0.10536 / 2.99573, rel=1e-3
    )


def test_all_paths_of_a_service_were_bad():
    names = [f"/svc/{name}" for name in "abc"]
    known = dict.fromkeys(names, USUAL)
    rows = [row for name in names for row in spread(5, 21, 39, name, bad=True)]
    one = seen(paths, context(*rows, routes=names, upstreams=known))["all_paths"]
    assert messages_in(one.statement) == {"health-all-paths": {"paths": names}}
    assert (one.table, one.rows, one.effect, one.effect_unit) == ("access_log", 15, 3.0, "paths")
    assert seen(paths, context(*rows[:-1], routes=names, upstreams=known)) == {}
    # A calm path of which the service is unknown may be another of this one.
    unsure = spread(5, 21, 39, "/elsewhere")
    assert seen(paths, context(*rows, *unsure, routes=names, upstreams=known)) == {}


def handler(path, runs_on, line=9):
    return {
        "file": "app.py", "line": line, "function": "f", "method": "GET", "path": path, "runs_on": runs_on,
    }  # fmt: skip


def handled(bad, calm, quick=(), **runs_on):
    """Which signal of handlers: bad and calm paths by the first letter of their names."""
    names = [f"/svc/{name}" for name in (*bad, *calm)]
    rows = [request(20.5 + n, f"/svc/{name}", bad=True, took=10.0) for name in bad for n in range(10)]
    rows += [
        row | {"nginx_s": 1.0, "nginx_status": 200.0} if row["path"][-1] in quick else row for row in rows[:0]
    ]
    rows += [row for name in calm for row in spread(10, 21, 39, f"/svc/{name}")]
    handlers = [handler(f"/{name}", place) for name, place in runs_on.items()]
    found = context(
        *rows, routes=names[: len(bad)], upstreams=dict.fromkeys(names, USUAL), app_handlers=handlers
    )
    (one,) = seen(handler_paths, found).values() or (None,)
    return one and (one.signal, messages_in(one.statement), one.table, one.rows)


def test_paths_are_compared_by_where_their_handlers_run():
    pool, loop = "thread_pool", "event_loop"
    p, q = "/svc/p", "/svc/q"
    assert handled("p", "q", p=pool, q=loop) == (
        "pool_paths",
        {"health-pool-paths": {"bad": [p], "good": [q], "elsewhere": "loop"}},
        "app_handlers",
        2,
    )
    assert handled("p", "q", p=loop, q=pool)[:2] == (
        "loop_paths_too", {"health-loop-paths-pool-well": {"bad": [p], "good": [q]}},
    )  # fmt: skip
    assert handled("p", "q", p=loop, q=loop)[:2] == (
        "handler_off_pool",
        {"health-handler-off-pool": {"bad": [p]}},
    )
    assert handled("pq", "", p=loop, q=pool)[:2] == (
        "loop_paths_too",
        {"health-loop-paths-too": {"bad": [p]}},
    )
    assert handled("p", "q", p=pool, q=pool) is None
    assert handled("p", "q", q=loop) is None
    assert handled("p", "q") is None


def test_a_path_of_the_loop_that_was_slowed_a_little_is_well_beside_a_pool():
    names = ["/svc/p", "/svc/q"]

    def signal(took, status=200.0):
        rows = [request(20.5 + n, names[0], bad=True, took=10.0) for n in range(10)]
        rows += [request(20.7 + n, names[1], bad=True, took=took, nginx_status=status) for n in range(10)]
        table = [handler("/p", "thread_pool"), handler("/q", "event_loop")]
        found = context(*rows, routes=names, upstreams=dict.fromkeys(names, USUAL), app_handlers=table)
        return set(seen(handler_paths, found))

    # Less than a quarter of the time of those that stood still; what failed was not slowed a little.
    assert signal(2.4) == {"pool_paths"}
    assert signal(2.5) == {"loop_paths_too"}
    assert signal(2.4, 504.0) == {"loop_paths_too"}


TWO = {HEALTH: USUAL, OTHER: "192.0.2.12:8200"}


def test_all_services_that_callers_requested_were_bad():
    rows = [*spread(5, 21, 39, bad=True), *spread(5, 21, 39, OTHER, bad=True)]
    one = seen(other_services, context(*rows, routes=[HEALTH, OTHER], upstreams=TWO))["others_bad"]
    assert messages_in(one.statement) == {"health-others-bad": {"services": list(TWO.values())}}
    assert (one.table, one.rows) == ("access_log", 10)
    assert seen(other_services, context(*rows, routes=[HEALTH], upstreams=TWO)) == {}
    third = TWO | {JOBS: "192.0.2.13:1"}
    more = spread(5, 21, 39, JOBS)
    assert seen(other_services, context(*rows, *more, routes=[HEALTH, OTHER], upstreams=third)) == {}


def test_paths_of_several_services_that_turned_bad_at_once():
    both = [HEALTH, OTHER]
    known = TWO | {JOBS: USUAL}

    def found(*first, calm=JOBS, usual=0.02):
        before = [*spread(10, 0, 19.9, took=usual), *spread(10, 0, 19.9, OTHER, took=usual)]
        before.append(request(19.8, OTHER))
        rest = [row for path in both for row in spread(20, 21, 39, path, bad=True)]
        rows = [*before, *first, *rest, *spread(10, 21, 39, calm)]
        return seen(one_onset, context(*rows, routes=both, upstreams=known)).get("one_onset")

    bad = [request(20, bad=True), request(20.5, bad=True), request(20.5, OTHER, bad=True)]
    one = found(*bad)
    assert messages_in(one.statement) == {
        "health-one-onset": {"services": [USUAL, TWO[OTHER]], "since": at(20), "paths": 2}
    }
    assert (one.table, one.rows, one.effect, one.effect_unit) == ("access_log", 2, 2.0, "paths")
    # The first request of a path afterwards was served well.
    assert found(*bad[:2], request(20.3, OTHER), bad[2]) is None
    # A twentieth of 20 s: a path that was requested for the last time 1.2 s before.
    assert found(*bad[:2]) is None
    # What began within the usual duration was under way still.
    assert found(bad[0], request(20.01, OTHER), *bad[1:]) is not None


def test_one_endpoint_is_well_inside_and_another_one_is_not():
    known = {HEALTH: USUAL, JOBS: USUAL}
    callers = [request(21 + number, path, bad=True) for path in (HEALTH, JOBS) for number in range(6)]

    def split(clear, bad):
        probes = [probe(21.5 + number) for number in range(clear)]
        probes += [probe(21.5 + number, path=JOBS, bad=number < bad) for number in range(10)]
        found = context(*callers, probes=probes, routes=[HEALTH, JOBS], upstreams=known)
        return seen(vantages, found).get("inside_split")

    one = split(5, 3)
    assert messages_in(one.statement) == {
        "health-inside-split": {"clear": [HEALTH], "good": 5, "probes": 5, "median": 0.01, "bad": [JOBS]}
    }
    assert (one.table, one.rows, one.effect) == ("probes", 5, None)
    assert split(4, 3) is None
    # Three tenths of the probes are bad, and all callers met trouble.
    assert split(5, 2) is None


def test_where_trouble_is_thin_probes_tell_as_much_as_they_would_hardly_have_missed():
    # Two of twelve requests are bad, none of them waits long, and no probe lies between two bad ones.
    rows = [*spread(10, 21, 31), request(32, bad=True), request(36, bad=True)]
    one = seen(vantages, context(*rows, probes=[probe(22 + number) for number in range(6)]))["inside_clear"]
    # Six probes all miss trouble of a sixth with a probability of 0.335; of less than 0.05 they tell all.
    assert one.strength == pytest.approx(6 * 0.18232 / 2.99573, rel=1e-3)
    assert one.rows == 6

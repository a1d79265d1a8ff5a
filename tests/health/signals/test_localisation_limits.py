"""What the fates of bad requests show about the layers, each on both sides of its limits."""

import pytest
from worlds.health_literal import HEALTH, JOBS, OTHER, USUAL, at, context, request, seen
from worlds.messages import messages_in

from watchme_analysis.health.signals.localisation import localised

OWN = "192.0.2.12:8200"
KNOWN = {HEALTH: USUAL, JOBS: USUAL, OTHER: OWN}


def line(second, kind, address=USUAL, path=HEALTH):
    return {
        "file": "e.log", "line": round(second * 100), "time": at(second), "kind": kind, "level": "error",
        "path": path, "upstream_addr": address, "message": kind,
    }  # fmt: skip


def failed(count, kind, first=21.0, step=1.0, *, path=HEALTH, address=USUAL, **more):
    """Bad requests, and the line of the error log of each."""
    given = {"took": 0.0, "nginx_status": 502.0, "upstream_addr": address, "connect_s": None} | more
    moments = [first + step * number for number in range(count)]
    rows = [request(moment, path, bad=True, **given) for moment in moments]
    return rows, [line(moment + given["took"], kind, address, path) for moment in moments]


def found(*groups, requests=(), routes=(HEALTH,), **more):
    rows = [row for group in groups for row in group[0]]
    lines = [one for group in groups for one in group[1]]
    known = {"upstreams": KNOWN} | more
    return seen(localised, context(*rows, *requests, routes=routes, error_log=lines, **known))


def late(count, first=21.0, step=1.0, **more):
    """Requests whose header did not come in 5 s."""
    more = {"took": 5.0, "nginx_status": 504.0, "connect_s": 0.0, "header_s": None, "response_s": 5.0} | more
    return failed(count, "upstream_timeout_header", first, step, **more)


def served(count, path=JOBS, first=20.5, step=1.0, **more):
    return [request(first + step * number, path, **more) for number in range(count)]


def test_a_fate_of_three_tenths_of_the_bad_requests_is_stated():
    one = found(failed(3, "upstream_refused"), failed(7, "upstream_closed", 30))["fate_refused"]
    assert messages_in(one.statement)["health-fate-refused"] == {
        "count": 3, "bad": 10, "paths": [HEALTH], "span": (at(21), at(23)), "upstream": [USUAL],
    }  # fmt: skip
    # The strength is the share, of six requests at least.
    assert (one.table, one.rows, one.strength) == ("error_log", 3, pytest.approx(0.3 * 0.5))
    both = found(failed(3, "upstream_refused"), failed(7, "upstream_closed", 30))
    assert both["fate_connection_dropped"].strength == pytest.approx(0.7)
    assert "fate_refused" not in found(failed(3, "upstream_refused"), failed(8, "upstream_closed", 30))
    # Without a line, the access log holds the rows, and no upstream is known.
    alone = [request(21 + number, bad=True, nginx_status=500.0, upstream_addr=None) for number in range(6)]
    one = found(requests=alone)["fate_application_error"]
    assert messages_in(one.statement)["health-fate-application-error"]["upstream"] == "health-the-upstream"
    assert (one.table, one.rows, one.strength) == ("access_log", 6, 1.0)
    assert found() == {}


TIMED_OUT = "upstream_timeout_connect"


def test_no_connection_came_about_at_all():
    one = found(failed(6, TIMED_OUT))["none_connected"]
    assert messages_in(one.statement) == {"health-none-connected": {"upstream": ["192.0.2.11"], "bad": 6}}
    assert (one.table, one.rows) == ("error_log", 6)
    # Neither where one was served between, nor where a sixth failed otherwise, or was refused.
    assert "none_connected" not in found(failed(6, TIMED_OUT), requests=served(1, HEALTH, 23.5))
    assert "none_connected" in found(failed(17, TIMED_OUT), late(3, 21.5))
    assert "none_connected" not in found(failed(16, TIMED_OUT), late(4, 21.5))
    assert "none_connected" not in found(failed(16, TIMED_OUT), failed(4, "upstream_refused", 21.5))
    assert found(failed(2, TIMED_OUT)).keys() == {"fate_connect_timeout"}


def test_only_connections_failed_among_many_that_were_served():
    rows = served(15, HEALTH, 20.5, 0.5)
    one = found(failed(6, TIMED_OUT), requests=rows)["only_connects_fail"]
    assert messages_in(one.statement) == {"health-only-connects-fail": {"served": 15}}
    assert "only_connects_fail" not in found(failed(6, TIMED_OUT), requests=rows[:14])
    assert "only_connects_fail" not in found(
        failed(6, TIMED_OUT), failed(1, "upstream_refused"), requests=rows
    )


def test_only_the_paths_of_one_route_could_not_be_connected():
    away = failed(6, TIMED_OUT, address="192.0.2.99:1")
    one = found(away, requests=served(5))["one_route_unconnected"]
    assert messages_in(one.statement) == {
        "health-one-route-unconnected": {
            "upstream": ["192.0.2.99:1"], "paths": [HEALTH], "others": [JOBS],
        }
    }  # fmt: skip
    assert (one.table, one.rows) == ("error_log", 6)
    assert "one_route_unconnected" not in found(away, requests=served(4))
    assert "one_route_unconnected" not in found(failed(6, TIMED_OUT), requests=served(5))
    # A path of another service, or a file, says nothing of this one.
    assert "one_route_unconnected" not in found(away, requests=served(5, OTHER))
    assert "one_route_unconnected" not in found(away, requests=served(5, "/svc/site.css"))


def closed(count, took=0.02, others=0):
    rows = failed(count, "upstream_closed", 21, 0.5, took=took)
    between = served(5, HEALTH, 21.2, 1.0)
    return found(rows, failed(others, "upstream_refused", 35, 0.1), requests=between).get("closed_at_once")


def test_connections_that_were_closed_sooner_than_any_response():
    one = closed(15)
    assert messages_in(one.statement) == {"health-closed-at-once": {"closed": 15, "bad": 15, "served": 5}}
    assert (one.table, one.rows) == ("error_log", 15)
    assert closed(14) is None
    # Responses take 20 ms; the log has milliseconds.
    assert closed(15, took=0.021) is not None
    assert closed(15, took=0.0211) is None
    assert closed(17, others=3) is not None
    assert closed(16, others=3) is None


def test_connections_came_about_and_packets_arrived():
    one = found(late(15, step=0.5))["connects_well"]
    assert messages_in(one.statement) == {"health-connects-well": {"late": 15}}
    assert (one.table, one.rows) == ("error_log", 15)
    assert "connects_well" not in found(late(14, step=0.5))
    assert "connects_well" not in found(late(15, step=0.5), failed(1, TIMED_OUT))


def test_the_same_upstream_served_other_paths():
    one = found(late(6), requests=served(5))["same_upstream_served"]
    assert messages_in(one.statement) == {
        "health-same-upstream-served": {"others": [JOBS], "upstream": [USUAL], "served": 5}
    }
    assert (one.table, one.rows) == ("access_log", 5)
    assert "same_upstream_served" not in found(late(6), requests=served(4))
    assert "same_upstream_served" not in found(late(6), requests=served(5, OTHER, upstream_addr=OWN))
    # More of the path's own requests were served than failed.
    assert "same_upstream_served" in found(late(6), requests=[*served(5), *served(6, HEALTH)])
    assert "same_upstream_served" not in found(late(6), requests=[*served(5), *served(7, HEALTH)])
    assert "same_upstream_served" in found(late(17), failed(3, TIMED_OUT, 21.5), requests=served(5))
    assert "same_upstream_served" not in found(late(16), failed(4, TIMED_OUT, 21.5), requests=served(5))


def test_connecting_waiting_and_reading_were_all_slow():
    three = (failed(3, TIMED_OUT), late(3, 25), failed(3, "upstream_timeout_body", 35, 0.2))
    one = found(*three)["all_phases_slow"]
    assert messages_in(one.statement) == {
        "health-all-phases-slow": {"paths": [HEALTH], "connecting": 3, "waiting": 3, "reading": 3}
    }
    assert (one.table, one.rows) == ("error_log", 9)
    assert "all_phases_slow" not in found(failed(2, TIMED_OUT), *three[1:])
    # A twentieth of all.
    assert "all_phases_slow" in found(*three, late(51, 21, 0.3))
    assert "all_phases_slow" not in found(*three, late(52, 21, 0.3))


def untimed(rows):
    return [[row | {"nginx_s": None} for row in rows[0]], rows[1]]


def test_a_route_that_leads_elsewhere_than_the_others():
    away = late(15, address="192.0.2.99:1")
    one = found(away, requests=served(5))["route_elsewhere"]
    assert messages_in(one.statement) == {
        "health-route-elsewhere": {
            "paths": [HEALTH], "upstream": ["192.0.2.99:1"], "others": [JOBS], "usual": [USUAL],
        }
    }  # fmt: skip
    assert (one.table, one.rows) == ("error_log", 15)
    assert "route_elsewhere" not in found(late(14, address="192.0.2.99:1"), requests=served(5))
    # Ten different seconds.
    assert "route_elsewhere" not in found(late(15, step=0.6, address="192.0.2.99:1"), requests=served(5))
    assert "route_elsewhere" in found(late(15, step=0.65, address="192.0.2.99:1"), requests=served(5))


def test_a_route_that_was_never_served_or_between():
    alone = found(untimed(late(15)))["never_served"]
    assert messages_in(alone.statement) == {"health-served-between": {"paths": [HEALTH], "served": 0}}
    assert (alone.table, alone.rows) == ("error_log", 15)
    # A tenth, and five at least.
    between = served(5, HEALTH, 21.5)
    one = found(untimed(late(15)), requests=between)["served_between"]
    assert messages_in(one.statement) == {"health-served-between": {"paths": [HEALTH], "served": 5}}
    assert (one.table, one.rows) == ("access_log", 5)
    assert not {"served_between", "never_served"} & set(found(untimed(late(15)), requests=between[:4]))
    # Where most durations are known they tell more.
    assert "served_between" not in found(late(15), requests=between)


def test_nginx_asks_an_upstream_that_serves_and_waits_long_enough():
    slow = late(6, nginx_status=200.0, header_s=5.0)
    one = found(slow, requests=served(5))["routed_well"]
    assert messages_in(one.statement) == {"health-routed-well": {"upstream": [USUAL], "served": 5}}
    assert (one.table, one.rows) == ("access_log", 5)
    assert "routed_well" not in found(slow, requests=served(4))
    # Another address served these.
    elsewhere = served(5, HEALTH, 21.5, 0.5, upstream_addr=OWN)
    assert "routed_well" not in found(slow, requests=elsewhere)
    # Ended at Nginx's limit, though the path usually takes 4 s.
    usual = served(5, HEALTH, 5, 1.0, took=4.0)
    assert "routed_well" not in found(late(6), requests=[*served(5), *usual])
    assert "routed_well" in found(late(6, took=6.0), requests=[*served(5), *usual])


def test_nginx_asks_the_addresses_that_served_the_path_before():
    before = served(5, HEALTH, 5, 1.0)
    one = found(failed(6, TIMED_OUT), requests=before)["routed_as_before"]
    assert messages_in(one.statement) == {"health-routed-as-before": {"upstream": [USUAL], "served": 5}}
    assert (one.table, one.rows, one.strength) == ("access_log", 5, 1.0)
    assert "routed_as_before" not in found(failed(6, TIMED_OUT), requests=before[:4])
    two = failed(3, TIMED_OUT), failed(3, TIMED_OUT, 21.5, address=OWN)
    assert "routed_as_before" not in found(*two, requests=before)
    # A response may miss a new time limit.
    assert found(untimed(late(6)), requests=before)["routed_as_before"].strength == 0.6


def test_all_routes_of_a_service_or_a_health_check_were_affected():
    names = [f"/svc/{name}" for name in ("a", "b", "health")]
    known = dict.fromkeys([*names, JOBS], USUAL)
    groups = [late(5, path=name) for name in names]
    result = found(*groups, routes=names, upstreams=known)
    assert messages_in(result["all_routes"].statement) == {"health-all-routes": {"paths": names}}
    assert (result["all_routes"].table, result["all_routes"].rows) == ("error_log", 15)
    check = result["health_check"]
    assert messages_in(check.statement) == {"health-check-affected": {"paths": ["/svc/health"]}}
    assert check.rows == 5
    # Three routes with five requests each, of which none is a file, and no other one of theirs was served.
    for rest in (
        [*groups[:2], late(4, path=names[2])],
        [*groups[:2], late(5, path="/svc/x.css")],
    ):
        paths = [*names[:2], rest[-1][0][0]["path"]]
        assert "all_routes" not in found(*rest, routes=paths, upstreams=known)
    assert "all_routes" not in found(*groups, routes=names, upstreams=known, requests=served(5))
    assert "all_routes" in found(*groups, routes=names, upstreams=known, requests=served(4))
    assert "health_check" not in found(*groups[:2], late(2, path=names[2]), routes=names, upstreams=known)


def test_a_health_check_was_served_while_others_waited():
    known = {HEALTH: USUAL, JOBS: USUAL}
    result = found(late(6, path=JOBS), routes=(JOBS,), upstreams=known, requests=served(5, HEALTH))
    one = result["health_check_served"]
    assert messages_in(one.statement) == {"health-check-served": {"paths": [HEALTH]}}
    assert (one.table, one.rows) == ("access_log", 5)
    few = found(late(6, path=JOBS), routes=(JOBS,), upstreams=known, requests=served(4, HEALTH))
    assert "health_check_served" not in few


def quick(usual, other, count=10):
    """Usual medians of the late path and of another path of its process."""
    rows = [
        request(number, path, header_s=took)
        for path, took in ((HEALTH, usual), (JOBS, other))
        for number in range(count)
    ]
    return found(late(6), requests=rows).get("waits_for_nothing")


def test_a_path_that_usually_responds_as_quickly_as_any_other_waits_for_nothing():
    one = quick(0.016, 0.01)
    assert messages_in(one.statement) == {
        "health-waits-for-nothing": {"paths": [HEALTH], "usual": 0.016, "other": JOBS, "quickest": 0.01}
    }
    assert (one.table, one.rows) == ("access_log", 10)
    # Half as long again and a millisecond.
    assert quick(0.0161, 0.01) is None
    assert quick(0.016, 0.01, count=9) is None


def beside(count, overtaking):
    """Each bad request waits 5 s; some that began later are served within half of that."""
    rows = late(count, step=1.0)
    others = [request(21.5 + number, HEALTH, took=1.0) for number in range(overtaking)]
    return found(rows, requests=others).get("served_beside")


def test_later_requests_of_the_path_were_served_while_others_waited():
    # The request at 21 s is overtaken by that from 21.5 to 22.5 s, and so on.
    one = beside(15, 8)
    assert messages_in(one.statement) == {
        "health-served-beside": {"paths": [HEALTH], "overtaken": 8, "bad": 15}
    }
    assert (one.table, one.rows) == ("error_log", 15)
    assert beside(15, 7) is None
    assert beside(14, 14) is None
    # Served after half of the wait.
    slow = [request(21.5 + number, HEALTH, took=2.1) for number in range(15)]
    assert "served_beside" not in found(late(15), requests=slow)
    exact = [request(21.5 + number, HEALTH, took=2.0) for number in range(15)]
    assert "served_beside" in found(late(15), requests=exact)

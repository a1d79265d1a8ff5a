"""Signals of the edge, each on both sides of its limits."""

import pytest
from worlds.health_literal import HEALTH, JOBS, USUAL, at, context, probe, request, seen
from worlds.health_world import _directives
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.health.signals.edge import edge, rewritten, way_to_edge, wrong_host

ORIGIN = "192.0.2.201"
GOOD = [
    request(number, edge=True, origin_addr=ORIGIN, origin_status=200.0, origin_s=0.02) for number in range(10)
]


def bad(count, first=21.0, *, path=HEALTH, **more):
    """Requests that the edge saw as bad: by default Nginx was quick, and the edge took 5 s."""
    given = {
        "bad": True, "edge": True, "nginx_bad": False, "nginx_status": 200.0, "edge_status": 200.0,
        "edge_s": 5.0, "nginx_s": 0.5, "origin_status": 200.0, "origin_s": 0.5, "origin_addr": ORIGIN,
    } | more  # fmt: skip
    rows = []
    for number in range(count):
        moment = first + number / 4
        row = request(moment, path, **given)
        spent = given["edge_s"] if given["edge_s"] is not None else 0.0
        rows.append(row | {"edge_start": at(moment), "edge_end": at(moment + spent)})
    return rows


def lost(count, first=21.0, **more):
    """Requests of which Nginx has no record."""
    return bad(
        count,
        first,
        seen_nginx=False,
        nginx_status=None,
        nginx_s=None,
        nginx_end=None,
        nginx_start=None,
        **more,
    )


def found(*requests, **more):
    # Nginx's log goes on after the incident.
    return seen(edge, context(*GOOD, *requests, request(50, JOBS), **more))


def parts(one):
    return one.table, one.rows, one.effect, one.effect_unit, one.strength, one.share


def test_the_edge_held_requests_that_nginx_answered_quickly():
    one = found(*bad(6))["edge_waits"]
    said = {"held": 6, "bad": 6, "paths": [HEALTH], "edge": 5.0, "origin": 0.5}
    assert messages_in(one.statement) == {"health-edge-waits": said}
    assert messages_in(one.detail)["health-edge-waits-detail"] == {"paths": [HEALTH], "origin": 0.5}
    assert parts(one) == ("edge_log", 6, 4.5, "s", 1.0, 1.0)
    # Three tenths of the bad requests; the others the edge passed on as they were.
    rest = bad(7, 23, nginx_s=5.0, origin_s=5.0, nginx_bad=True)
    assert parts(found(*bad(3), *rest)["edge_waits"]) == ("edge_log", 3, 4.5, "s", 0.5, 0.3)
    assert "edge_waits" not in found(*bad(3), *rest, *bad(1, 26, nginx_s=5.0, origin_s=5.0, nginx_bad=True))
    assert found(*bad(2)) == {}
    # The origin took three fifths of the time.
    assert "edge_waits" not in found(*bad(6, nginx_s=2.0, origin_s=2.0))
    assert "edge_waits" in found(*bad(6, nginx_s=1.9, origin_s=1.9))


def test_the_edge_passed_the_bad_requests_on():
    slow = {"nginx_s": 5.0, "origin_s": 5.0, "nginx_bad": True}
    one = found(*bad(6, **slow))["edge_passes_on"]
    assert messages_in(one.statement) == {"health-edge-passes-on": {"bad": 6, "paths": [HEALTH], "passed": 6}}
    assert (one.table, one.rows, one.strength) == ("edge_log", 6, 1.0)
    assert found(*bad(3, **slow))["edge_passes_on"].strength == 0.5


def test_the_edge_responded_itself():
    alone = {
        "edge_status": 403.0,
        "origin_status": 0.0,
        "origin_s": None,
        "edge_s": 0.01,
        "origin_addr": None,
    }
    one = found(*lost(5, **alone), *lost(1, 24, **alone | {"edge_status": 429.0}))["edge_alone"]
    counted = ["403 (5)", "429 (1)"]
    assert messages_in(one.statement)["health-edge-alone"] == {
        "responses": 6, "bad": 6, "paths": [HEALTH], "statuses": counted,
    }  # fmt: skip
    assert messages_in(one.detail)["health-edge-alone-detail"] == {"paths": [HEALTH], "statuses": counted}
    assert parts(one) == ("edge_log", 6, 6, "requests", 1.0, 1.0)
    assert one.facts["status"].to_json() == {"resource": "403"}
    # A cache that answers with the failure of before; a gateway's status is none of its own otherwise.
    cached = alone | {"edge_status": 502.0, "cache_status": "stale"}
    one = found(*lost(6, **cached))["edge_alone"]
    assert messages_in(one.statement)["health-edge-cache-status"] == {"status": "stale"}
    assert "edge_alone" not in found(*lost(6, **cached | {"cache_status": "dynamic"}))
    assert "edge_alone" not in found(*lost(6, **alone | {"origin_status": 403.0}))


def test_requests_whose_caller_left_were_held_by_the_edge_only_where_nginx_has_no_log():
    left = {"edge_status": 499.0, "origin_status": 0.0, "origin_s": None, "origin_addr": None}
    one = found(*lost(6, **left))["edge_alone"]
    # A caller that left got no response from a rule.
    assert one.facts == {}
    single = [request(21.5 + number, nginx_bad=False) for number in range(2)]
    assert "edge_alone" not in found(*lost(6, **left), *single)
    assert "edge_alone" in found(*lost(7, **left), *single)


def test_the_edge_asked_another_origin_than_usual():
    other = {"origin_addr": "192.0.2.202", "origin_status": 502.0, "edge_status": 502.0}
    one = found(*lost(6, **other))["edge_elsewhere"]
    sent = {"paths": [HEALTH], "origins": ["192.0.2.202"], "usual": ORIGIN}
    assert messages_in(one.statement) == {"health-edge-elsewhere": {"sent": 6, "bad": 6} | sent}
    assert messages_in(one.detail)["health-edge-elsewhere-detail"] == sent
    assert parts(one) == ("edge_log", 6, 6, "requests", 1.0, 1.0)
    assert "edge_elsewhere" not in found(*lost(6, **other | {"origin_addr": ORIGIN}))


def test_the_edge_ended_requests_before_their_usual_time():
    slow = [request(10 + number, took=4.0, edge=True, origin_addr=ORIGIN) for number in range(9)]
    cut = {"edge_status": 524.0, "nginx_status": 499.0, "nginx_s": 3.0, "edge_s": 3.0, "nginx_bad": True}

    def impatient(*requests):
        return found(*slow, *requests).get("edge_impatient")

    one = impatient(*bad(6, **cut))
    times = {"paths": [HEALTH], "cut": 3.0, "needs": 4.0}
    assert messages_in(one.statement) == {"health-edge-impatient": {"ended": 6, "bad": 6} | times}
    assert messages_in(one.detail)["health-edge-impatient-detail"] == times
    assert parts(one) == ("edge_log", 6, 3.0, "s", 1.0, 1.0)
    # Half as long again as usual is long enough.
    assert impatient(*bad(6, **cut | {"edge_s": 6.0})) is None
    assert impatient(*bad(6, **cut | {"edge_s": 5.9})) is not None
    # Without a record of Nginx, a tenth of a second was waited at least.
    away = {"edge_status": 524.0, "origin_status": 0.0}
    assert impatient(*lost(6, **away | {"edge_s": 0.1})) is not None
    assert impatient(*lost(6, **away | {"edge_s": 0.09})) is None


def test_requests_that_the_edge_sent_and_nginx_never_had():
    away = {"edge_status": 522.0, "origin_status": 0.0, "edge_s": 0.05, "origin_s": None}
    others = [request(21 + number, JOBS) for number in range(10)]

    def never(*requests, **more):
        return found(*requests, **more).get("edge_never_arrived")

    one = never(*lost(6, **away), *others)
    assert messages_in(one.statement) == {
        "health-edge-never-arrived": {
            "lost": 6, "bad": 6, "paths": [HEALTH], "statuses": ["522"], "others": 10,
        }
    }  # fmt: skip
    assert (one.table, one.rows, one.strength, one.share) == ("edge_log", 6, 1.0, 1.0)
    assert never(*lost(6, **away), *others[:5]).strength == pytest.approx(0.6)
    assert never(*lost(6, **away), *others[:8]).strength == 0.8
    # Requests of the path at Nginx without a partner may be the same ones.
    single = [request(21.1, nginx_bad=False), request(21.2, nginx_bad=False)]
    assert never(*lost(6, **away), *others, *single) is None
    assert never(*lost(7, **away), *others, *single) is not None
    # Nginx could take no more connections, which it logs as errors alone.
    full = {"file": "e.log", "time": at(22), "kind": "worker_connections", "level": "alert", "message": "x"}
    lines = [full | {"line": number} for number in range(3)]
    assert never(*lost(6, **away), *others, error_log=lines) is None
    assert never(*lost(6, **away), *others, error_log=lines[:2]) is not None


def test_what_ended_after_nginx_log_was_cut_can_not_stand_in_it():
    # Nginx's log ends at 21.02 s; the edge has responses of the origin from later on.
    last = request(21, JOBS)
    away = {"edge_status": 522.0, "origin_status": 0.0, "edge_s": 0.05}
    later = lost(6, 23, **away)
    well = lost(1, 30, origin_status=200.0, edge_bad=False)
    assert seen(edge, context(*GOOD, last, *later, *well)) == {}
    assert "edge_never_arrived" in seen(edge, context(*GOOD, last, *later))


def probes_only(*requests, probes, **more):
    return seen(edge, context(*requests, probes=probes, **more))


OUTSIDE = [probe(21 + number, "outside", bad=True) for number in range(6)]
BEFORE = [request(number) for number in range(10)]


def test_without_a_log_of_the_edge_probes_are_compared_with_nginx():
    well = [request(21 + number, took=0.05) for number in range(10)]
    one = probes_only(*BEFORE, *well, probes=OUTSIDE)["outside_bad_nginx_fine"]
    served = {"paths": [HEALTH], "median": 0.05}
    assert messages_in(one.statement) == {
        "health-outside-bad-nginx-fine": served | {"bad": 0, "requests": 10, "bad_probes": 6, "probes": 6}
    }
    assert messages_in(one.detail) == {"health-outside-bad-nginx-fine-detail": served}
    assert (one.table, one.rows) == ("access_log", 10)
    # A tenth of them bad is still well; three bad ones of twenty are not.
    slow = [request(21.5 + number, bad=True) for number in range(3)]
    assert "outside_bad_nginx_fine" in probes_only(*BEFORE, *well[:9], *slow[:1], probes=OUTSIDE)
    passed = probes_only(*BEFORE, *well, *slow, probes=OUTSIDE)["edge_passes_on"]
    assert messages_in(passed.statement) == {
        "health-edge-passes-on-by-probes": {"bad": 3, "requests": 13, "paths": [HEALTH]}
    }
    assert passed.rows == 13
    assert probes_only(*BEFORE, *well[:2], probes=OUTSIDE) == {}
    # Three tenths of the probes.
    good = [probe(21.5 + number, "outside") for number in range(8)]
    assert probes_only(*BEFORE, *well, probes=[*OUTSIDE[:3], *good[:7]]) != {}
    assert probes_only(*BEFORE, *well, probes=[*OUTSIDE[:3], *good]) == {}


def test_probed_requests_that_nginx_never_had():
    others = [request(21 + number, JOBS) for number in range(10)]
    one = probes_only(*BEFORE, *others, probes=OUTSIDE)["edge_never_arrived"]
    assert messages_in(one.statement) == {
        "health-edge-never-arrived-by-probes": {"paths": [HEALTH], "others": 10, "before": 10}
    }
    assert (one.table, one.rows) == ("access_log", 10)
    assert probes_only(*BEFORE, *others[:9], probes=OUTSIDE) == {}
    assert probes_only(*BEFORE[:2], *others, probes=OUTSIDE) == {}
    assert "edge_never_arrived" in probes_only(*BEFORE[:3], *others, probes=OUTSIDE)
    # What came after the last bad probe may have come when all was well again.
    assert probes_only(*BEFORE, *others, request(25.9), probes=OUTSIDE) == {}
    assert "edge_never_arrived" in probes_only(*BEFORE, *others, request(26), probes=OUTSIDE)


def paths_at_nginx(rows, *, moved):
    """The access log under the paths that Nginx logged."""
    return [
        {"file": "a.log", "line": number, "time": row["nginx_end"],
         "path": "/inner" if number in moved else row["path"]}
        for number, row in enumerate(rows, 1)
    ]  # fmt: skip


def test_nginx_logged_another_path_under_the_same_id():
    rows = [*GOOD, *bad(6, nginx_status=404.0, edge_status=404.0, nginx_bad=True)]

    def renamed(moved):
        return seen(rewritten, context(*rows, access_log=paths_at_nginx(rows, moved=moved))).get(
            "edge_renames"
        )

    one = renamed(range(11, 17))
    said = {"other": "/inner", "path": HEALTH}
    assert messages_in(one.statement) == {
        "health-edge-renames": said | {"renamed": 6, "bad": 6, "paths": [HEALTH]}
    }
    assert messages_in(one.detail)["health-edge-renames-detail"] == said
    assert (one.table, one.rows, one.strength, one.share) == ("access_log", 6, 1.0, 1.0)
    assert parts(renamed(range(11, 14)))[4:] == (0.5, 0.5)
    assert renamed(range(11, 13)) is None
    # A log of rewritten paths differs at all times: more than a tenth of all.
    assert renamed([1, *range(11, 17)]) is not None
    assert renamed([1, 2, *range(11, 17)]) is None


def test_without_an_id_strange_requests_at_nginx_are_those_that_the_edge_lost():
    away = lost(6, edge_status=404.0, origin_status=404.0)
    strange = [request(21 + number / 4, "/inner", nginx_status=404.0) for number in range(6)]

    def renamed(*requests, **more):
        return seen(rewritten, context(*GOOD, *requests, **more)).get("edge_renames")

    one = renamed(*away, *strange)
    values = {"paths": [HEALTH], "other": "/inner", "number": "one"}
    assert messages_in(one.statement) == {
        "health-edge-renames-unjoined": values | {"lost": 6, "hits": 6, "status": "404"}
    }
    assert messages_in(one.detail)["health-edge-renames-unjoined-detail"] == values
    assert (one.table, one.rows, one.strength, one.share) == ("access_log", 6, 1.0, 1.0)
    # As many, up to half or twice as many.
    assert renamed(*away, *strange[:3]) is not None
    assert renamed(*away, *strange[:2]) is None
    assert renamed(*away[:3], *strange) is not None
    assert renamed(*away[:3], *strange, request(25, "/inner", nginx_status=404.0)) is None
    # The path was known before, or has another status.
    assert renamed(*away, *strange, request(5, "/inner")) is None
    assert renamed(*away, *(row | {"nginx_status": 403.0} for row in strange)) is None
    # Nginx's errors name the affected paths: its log has rewritten ones.
    line = {"file": "e.log", "line": 1, "time": at(22), "kind": "x", "path": HEALTH, "message": "x"}
    assert renamed(*away, *strange, error_log=[line]) is None


def logged_hosts(*given, edge_host="svc.example.com"):
    """Refusals of Nginx itself, with the names that it logged."""
    alone = {"upstream_addr": None, "response_s": None, "edge": True, "took": 0.0}
    rows = [request(21 + number, bad=True, nginx_status=404.0, **alone) for number in range(len(given))]
    access = [
        {
            "file": "a.log",
            "line": 100 + number,
            "time": at(21 + number),
            "path": HEALTH,
            "status": 404,
            "host": host,
        }
        for number, host in enumerate(given)
    ]
    access.append(
        {"file": "a.log", "line": 99, "time": at(5), "path": HEALTH, "status": 200, "host": edge_host}
    )
    edges = [
        {"file": "e.log", "line": number, "start": at(21 + number), "path": HEALTH, "host": edge_host}
        for number in range(len(given))
    ]
    found = context(*rows, access_log=access, edge_log=edges)
    return seen(wrong_host, found).get("edge_wrong_host")


def test_the_edge_asks_nginx_for_another_name():
    other, usual = "other.example.com", "svc.example.com"
    one = logged_hosts(*[other] * 6)
    assert messages_in(one.statement) == {
        "health-edge-wrong-host": {"name": usual, "given": other, "renamed": 6, "refused": 6}
    }
    assert messages_in(one.detail) == {"health-edge-wrong-host-detail": {"name": usual, "given": other}}
    assert (one.table, one.rows) == ("access_log", 6)
    assert logged_hosts(*[other] * 3, *[usual] * 3) is not None
    assert logged_hosts(*[other] * 3, *[usual] * 4) is None
    assert logged_hosts(other, other) is None


@together(
    ("header", "given"),
    [
        ({"proxy_set_header": "Host other.example.com"}, "other.example.com"),
        ({"proxy_set_header": "host $proxy_host"}, "nginx.example.com"),
        ({}, "nginx.example.com"),
        # A variable may be the name that callers use.
        ({"proxy_set_header": "Host $host"}, None),
        ({"proxy_set_header": "Host SVC.example.com"}, None),
    ],
)
def test_the_edge_is_configured_to_ask_for_another_name(header, given):
    alone = {"upstream_addr": None, "response_s": None, "edge": True, "took": 0.0}
    rows = [request(21 + number, bad=True, nginx_status=404.0, **alone) for number in range(6)]
    edges = [
        {"file": "e.log", "line": number, "start": at(21 + number), "path": HEALTH, "host": "svc.example.com"}
        for number in range(6)
    ]
    conf = _directives((), (("/", {"proxy_pass": "https://nginx.example.com/x"} | header),))
    served = [
        ("nginx", 50, None, "http", "[]"), ("nginx", 51, 50, "server", "[]"),
        ("nginx", 52, 51, "server_name", '["svc.example.com"]'), ("nginx", 53, 51, "location", '["/"]'),
        ("nginx", 54, 53, "proxy_pass", f'["http://{USUAL}"]'), ("nginx", 60, 50, "server", "[]"),
        ("nginx", 61, 60, "listen", '["80", "default_server"]'), ("nginx", 62, 60, "server_name", '["_"]'),
        ("nginx", 63, 60, "return", '["404"]'),
    ]  # fmt: skip
    table = conf.to_dict("records") + [
        {"file": "nginx.conf", "line": number, "layer": layer, "id": number, "parent": parent,
         "directive": name, "args": args, "block": name in ("http", "server", "location") and number != 52}
        for layer, number, parent, name, args in served
    ]  # fmt: skip
    access = [{"file": "a.log", "line": 1, "time": at(21), "path": HEALTH}]
    found = context(*rows, edge_log=edges, access_log=access, config_directives=table)
    one = seen(wrong_host, found).get("edge_wrong_host")
    assert (one is not None) == (given is not None)
    if one is not None:
        said = messages_in(one.statement)["health-edge-wrong-host-configured"]
        assert said == {
            "name": "svc.example.com", "given": given, "path": HEALTH, "served": ["svc.example.com"],
        }  # fmt: skip
        assert one.table == "config_directives"
        assert one.sql.endswith("directive in ('proxy_set_header', 'server_name')")
        assert one.rows == 2 + len(header)


def timed_probe(number, **times):
    row = {
        "file": "probes.csv",
        "line": number + 2,
        "time": at(21 + number),
        "path": HEALTH,
        "vantage": "outside",
    }
    return row | {"status": 200, "duration_s": 5.0} | times


def not_reached(table, served=None, count=6):
    rows = [request(21 + number, took=0.05) for number in range(10)] if served is None else served
    probes = [probe(21 + number, "outside", bad=True) for number in range(count)]
    found = context(*rows, probes=probes)
    frame = found.inv.case._frames["probes"]
    for name in ("status", "duration_s", "error", "dns_s", "connect_s", "tls_s"):
        frame[name] = [row.get(name) for row in table]
    frame["error"] = frame["error"].astype("string")
    frame["status"] = frame["status"].astype("Int64")
    return seen(way_to_edge, found).get("edge_not_reached")


def test_probes_that_lost_their_time_before_they_asked():
    slow = [timed_probe(number, dns_s=1.0, connect_s=1.0, tls_s=1.0) for number in range(6)]
    one = not_reached(slow)
    assert messages_in(one.statement) == {
        "health-edge-not-reached": {"early": 6, "bad": 6, "paths": [HEALTH], "median": 0.05, "served": 10}
    }
    assert (one.table, one.rows, one.strength) == ("probes", 6, 1.0)
    # Three fifths of their time, in half of the bad probes.
    quick = [timed_probe(number, dns_s=1.0, connect_s=1.0, tls_s=0.9) for number in range(6)]
    assert not_reached(quick) is None
    assert not_reached([*slow[:3], *quick[3:]]).strength == 0.5
    assert not_reached([*slow[:2], *quick[2:]]) is None
    for words in (
        "while connecting",
        "Failed to connect",
        "No route to host",
        "certificate expired",
        "TLS alert",
    ):
        failed = [timed_probe(number, status=None, error=words) for number in range(6)]
        assert not_reached(failed) is not None, words
    assert (
        not_reached([timed_probe(number, status=None, error="read timed out") for number in range(6)]) is None
    )
    assert (
        not_reached([timed_probe(number, status=0, error="no route to host") for number in range(6)])
        is not None
    )
    # Requests of others did well, as far as their durations are known.
    mixed = [request(21 + number, bad=number < 2) for number in range(10)]
    assert not_reached(slow, served=mixed) is None
    assert (
        not_reached(
            slow, served=[request(21, nginx_s=None), request(22, nginx_s=None), request(23, nginx_s=None)]
        )
        is None
    )
    assert not_reached(slow, served=[request(21), request(22)]) is None

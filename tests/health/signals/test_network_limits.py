"""Signals of the way from Nginx into the container, each on both sides of its limits."""

import pytest
from worlds.health_literal import HEALTH, JOBS, USUAL, at, context, probe, request, seen
from worlds.messages import messages_in

from watchme_analysis.health.signals.network import cut_from_host, network, networks, published

GOOD = [request(number) for number in range(10)]


def many(count, first=21.0, **more):
    return [request(first + number / 10, **({"bad": True, "took": 3.0} | more)) for number in range(count)]


def found(*requests, **more):
    return seen(network, context(*GOOD, *requests, **more))


def parts(one):
    return one.table, one.rows, one.effect, one.effect_unit, one.strength


LATE = {"connect_s": 0.5, "header_s": 0.6, "response_s": 0.6, "took": 0.6, "nginx_status": 200.0}


def test_slow_connections_from_a_twentieth_of_the_requests_on():
    # Of 60 requests three were connected late; nothing is known of the queue.
    one = found(*many(3, **LATE), *many(57, 22, bad=False, took=0.02))["connect_slow"]
    said = messages_in(one.statement)["health-connect-slow"]
    assert said == {
        "services": [USUAL], "slow": 3, "requests": 60, "limit": 0.2, "longest": 0.5, "again": 0,
    }  # fmt: skip
    assert messages_in(one.detail) == {
        "health-connect-slow-detail": {"services": [USUAL], "slow": 3, "requests": 60}
    }
    assert parts(one) == ("access_log", 60, 0.05, "share", 0.5)
    quick = found(*many(3, **LATE), *many(58, 22, bad=False, took=0.02))["connect_quick"]
    assert messages_in(quick.statement) == {
        "health-connect-quick": {"quick": 58, "requests": 61, "services": [USUAL], "limit": 0.2}
    }
    assert parts(quick) == ("access_log", 61, pytest.approx(3 / 61), "share", 1.0)
    # 0.2 s is quick still; and five requests at least.
    assert "connect_quick" in found(*many(10, **LATE | {"connect_s": 0.2}))
    assert found(*many(4, **LATE)) == {}
    assert "connect_slow" in found(*many(5, **LATE))


def test_connections_that_came_about_after_a_packet_was_sent_again():
    def again(connect_s):
        times = {"connect_s": connect_s, "header_s": connect_s, "response_s": connect_s, "took": connect_s}
        (one,) = found(*many(6, **LATE | times)).values()
        return messages_in(one.statement)["health-connect-slow"]["again"]

    # 1, 2, 3, 4, 5 and 7 s, and up to 0.12 s later.
    assert [again(second) for second in (1.0, 1.11, 2.05, 3.0, 4.1, 5.0, 7.1)] == [6] * 7
    assert [again(second) for second in (0.99, 1.13, 6.0, 7.2)] == [0] * 4


def test_refused_connections_beside_quick_ones_are_named():
    error = {
        "file": "e.log",
        "line": 1,
        "time": at(25),
        "kind": "upstream_refused",
        "upstream_addr": "192.0.2.1:1",
    }
    one = found(*many(6, bad=False, took=0.02), error_log=[error | {"level": "error"}])["connect_quick"]
    assert "health-connect-quick-or-refused" in messages_in(one.statement)


def waited(*times, **more):
    rows = [
        request(21 + place / 4, bad=True, took=wait, header_s=wait, response_s=wait, nginx_status=200.0)
        for place, wait in enumerate(times)
    ]
    return found(*rows, **more).get("retransmitted")


def test_waits_that_cluster_where_tcp_sends_a_packet_again():
    one = waited(*[0.2] * 10)
    assert messages_in(one.statement) == {
        "health-retransmitted": {"hits": 10, "waits": 10, "services": [USUAL], "time": 0.2}
    }
    assert messages_in(one.detail) == {"health-retransmitted-detail": {"services": [USUAL], "hits": 10}}
    assert parts(one) == ("access_log", 10, 1.0, "share", 1.0)
    assert messages_in(waited(*[1.0] * 5).statement)["health-retransmitted"]["time"] == 1.0
    # Five waits count half; they lie between 195 and 260 ms, or 995 and 1070 ms.
    assert waited(*[0.195] * 5).strength == 0.5
    assert waited(*[0.26] * 5) is not None
    for wait in (0.1949, 0.2601, 0.994, 1.0701):
        assert waited(*[wait] * 5) is None, wait
    assert waited(*[0.2] * 4) is None
    # A seventh of the long waits are too few.
    assert waited(*[0.2] * 6, *[0.6] * 34).effect == 0.15
    assert waited(*[0.2] * 6, *[0.6] * 35) is None
    # Shorter waits, of which there may be three for ten.
    assert waited(*[0.2] * 10, *[0.15] * 3) is not None
    assert waited(*[0.2] * 10, *[0.15] * 4) is None
    # Waits around a second that do not cluster: half of them must.
    assert waited(*[1.0] * 6, *[0.6] * 6) is not None
    assert waited(*[1.0] * 6, *[0.6] * 7) is None
    # A wait of less than half of 195 ms is none.
    assert waited(*[0.2] * 10, *[0.05] * 40).effect == 1.0


BODY = {"header_s": 0.1, "response_s": 3.0, "took": 3.0, "nginx_status": 200.0}


def test_a_response_whose_body_stops_although_its_header_came():
    one = found(*many(5, **BODY), *many(5, 23, nginx_status=504.0))["body_stalls"]
    assert messages_in(one.statement)["health-body-stalls"] == {
        "stalled": 5, "bad": 10, "paths": [HEALTH], "time": 2.9,
    }  # fmt: skip
    assert messages_in(one.detail)["health-body-stalls-detail"] == {"paths": [HEALTH]}
    assert parts(one) == ("access_log", 5, 2.9, "s", pytest.approx(5 / 6))
    assert "body_stalls" not in found(*many(5, **BODY), *many(6, 23, nginx_status=504.0))
    assert "body_stalls" not in found(*many(2, **BODY), *many(3, 23, bad=False, took=0.02))
    # Larger responses than those of the paths that do well.
    large = [row | {"nginx_bytes": 9000.0} for row in (*GOOD, *many(5, **BODY))]
    calm = [request(21 + number, JOBS) for number in range(10)]
    one = seen(network, context(*large, *calm))["body_stalls"]
    sizes = {"large": 9000, "small": 60}
    assert messages_in(one.statement)["health-body-sizes"] == sizes
    assert messages_in(one.detail)["health-body-sizes"] == sizes


def errors(count, kind, first=21.0, **more):
    row = {
        "file": "e.log",
        "kind": kind,
        "level": "error",
        "path": HEALTH,
        "upstream_addr": USUAL,
        "message": "x",
    }
    return [
        row | {"line": round((first + number / 10) * 100), "time": at(first + number / 10)} | more
        for number in range(count)
    ]


def by_errors(*groups, requests=(), upstreams=None, **more):
    lines = [line for group in groups for line in group]
    return seen(network, context(*requests, error_log=lines, upstreams=upstreams, **more))


def test_errors_of_connecting_are_refused_unreachable_or_at_the_own_port():
    one = by_errors(errors(3, "upstream_refused"), errors(7, "upstream_closed", 23))["refused"]
    kind = "nginx-error-upstream-refused"
    assert messages_in(one.statement)["health-upstream-errors"] == {
        "services": [USUAL], "kind": kind, "errors": 3, "total": 10,
    }  # fmt: skip
    assert (one.table, one.rows) == ("error_log", 3)
    assert by_errors(errors(3, "upstream_refused"), errors(8, "upstream_closed", 23)) == {}
    assert by_errors(errors(2, "upstream_refused")) == {}
    one = by_errors(errors(3, "upstream_unreachable"))["unreachable"]
    assert (
        messages_in(one.detail)["health-upstream-errors-detail"]["kind"] == "nginx-error-upstream-unreachable"
    )
    # Errors of an address that no affected path has.
    assert by_errors(errors(3, "upstream_refused", upstream_addr="192.0.2.1:1")) == {}
    # The port that serves at other times, or at which a process is started.
    own = by_errors(errors(3, "upstream_refused"), requests=GOOD)["refused_at_own_port"]
    assert (own.rows, own.table) == (3, "error_log")
    process = {"file": "c.txt", "line": 1, "addr": "192.0.2.11", "port": 8100}
    assert "refused_at_own_port" in by_errors(errors(3, "upstream_refused"), app_processes=[process])


def test_time_limits_in_the_error_log_count_half():
    one = by_errors(errors(3, "upstream_timeout_connect"), errors(7, "upstream_closed", 23))["connect_slow"]
    said = messages_in(one.statement)["health-upstream-errors"]
    assert (said["errors"], said["total"], said["kind"]) == (3, 10, "nginx-error-upstream-timeout-connect")
    assert messages_in(one.detail)["health-connect-timeout-detail"]["times"] == 3
    assert parts(one) == ("error_log", 3, None, None, 0.5)
    body = by_errors(errors(3, "upstream_timeout_body"))["body_stalls"]
    assert messages_in(body.detail) == {"health-body-stalls-detail": {"paths": [HEALTH]}}
    assert parts(body) == ("error_log", 3, None, None, 0.5)
    assert by_errors(errors(3, "upstream_timeout_connect"), errors(8, "upstream_closed", 23)) == {}
    # The access log shows more of the same.
    both = by_errors(errors(3, "upstream_timeout_connect"), requests=many(5, **LATE))
    assert both["connect_slow"].table == "access_log"


def listening(host, services=(), addr=None):
    process = {"file": "c.txt", "line": 1, "host": host, "command": "uvicorn a:b", "addr": addr}
    known = {HEALTH: services} if services else None
    return seen(network, context(*many(3), app_processes=[process], upstreams=known)).get("listens_locally")


def test_a_server_that_listens_on_its_own_loopback_address():
    for host in ("127.0.0.1", "localhost", "::1"):
        one = listening(host)
        assert messages_in(one.statement) == {
            "health-listens-locally": {"host": host, "addresses": ["192.0.2.11"], "command": "uvicorn a:b"}
        }
        assert messages_in(one.detail) == {"health-listens-locally-detail": {"host": host}}
        assert (one.table, one.rows) == ("app_processes", 1)
    assert listening("0.0.0.0") is None
    assert listening("127.0.0.1", addr="192.0.2.11") is not None
    assert listening("127.0.0.1", addr="192.0.2.99") is None
    # Nginx asks at that address as well.
    assert listening("127.0.0.1", "localhost:8100") is None


CUT = {"bad": True, "took": 0.05}


def cut(*probes):
    return seen(cut_from_host, context(probes=probes)).get("cut_from_host")


def test_connections_from_the_host_end_at_once_and_none_from_inside():
    host = [probe(21 + number, "host") for number in range(10)]
    lost = [probe(21 + number, "host", **CUT) for number in range(10)]
    inside = [probe(21.2 + number) for number in range(10)]
    one = cut(*lost[:5], *host[5:], *inside)
    # Five probes from inside are within a second, the usual interval, of one that was cut off.
    assert (
        messages_in(one.statement)
        == {"health-cut-from-host": {"cut": 5, "probes": 10, "paths": [HEALTH], "inside": 5, "near": 1.0}}
        or messages_in(one.statement)["health-cut-from-host"]["near"] == 1.0
    )
    assert messages_in(one.detail)["health-cut-from-host-detail"]["cut"] == 5
    assert parts(one) == ("probes", 5, 0.5, "share", pytest.approx(5 / 6))
    # A tenth of them, and three at least.
    assert cut(*lost[:2], *host[2:], *inside) is None
    assert cut(*lost[:4], *host[4:], *inside) is None  # four probes inside: 0.6 to the power of four is 0.13
    # What takes a tenth of a second is not at once; what failed inside shows another fault.
    slow = [row | {"duration_s": 0.1} for row in lost]
    assert cut(*slow[:5], *host[5:], *inside) is None
    assert cut(*lost[:5], *host[5:], *inside[1:], probe(21.2, bad=True)) is None
    assert cut(*lost[:5], *host[5:], *inside[:2]) is None
    # Such a prober asks at a wrong place always.
    assert cut(*lost[:5], *host[5:], *inside, probe(10, "host", **CUT)) is None


def composed(**services):
    return [
        {"file": "compose.yml", "service": service, "path": path, "value": value}
        for service, settings in services.items()
        for path, value in settings
    ]


def apart(target, proxy, address="svc:8100", **more):
    table = composed(svc=(("image", "app"), *target), proxy=(("image", "nginx:1.27"), *proxy), **more)
    found = context(*many(3), compose_settings=table, upstreams={HEALTH: address})
    return seen(networks, found).get("networks_apart")


def test_nginx_shares_no_network_with_the_container_that_it_asks_by_name():
    one = apart([("networks.0", "inner")], [("networks.0", "outer")])
    said = messages_in(one.statement)
    assert said["health-networks-apart"] == {
        "service": "svc", "networks": ["inner"], "proxy": "proxy", "proxy_networks": ["outer"],
    }  # fmt: skip
    assert said["health-asked-by-name"] == {"address": "svc:8100"}
    assert "health-networks-apart" in messages_in(one.detail)
    assert (one.table, one.rows) == ("compose_settings", 2)
    assert one.sql == (
        "select * from compose_settings where service in ('svc', 'proxy') and path like 'networks%'"
    )
    assert apart([("networks.0", "inner")], [("networks.0", "inner")]) is None
    assert apart([("networks.0", "inner")], [("network_mode", "host")]) is None
    assert apart([("network_mode", "host")], [("networks.0", "outer")]) is None
    assert apart([("networks.0", "inner")], [("networks.0", "outer")], "192.0.2.11:8100") is None
    assert apart([("networks.0", "inner")], [("networks.0", "outer")], "proxy:80") is None


def test_a_port_of_the_host_that_no_container_publishes():
    def gone(ports, address="127.0.0.1:8100", good=3):
        table = composed(svc=(("image", "app"), *((f"ports.{n}", port) for n, port in enumerate(ports))))
        rows = [request(number, upstream_addr=address) for number in range(good)]
        found = context(*rows, compose_settings=table, upstreams={HEALTH: address})
        return seen(published, found).get("not_published")

    one = gone(["8200:8100", "9000"])
    said = messages_in(one.statement)
    assert said["health-not-published"] == {"port": "8100", "published": ["8200 (svc)"]}
    assert said["health-published-before"] == {"address": "127.0.0.1:8100", "requests": 3}
    assert messages_in(one.detail) == {"health-not-published": said["health-not-published"]}
    assert (one.table, one.rows, one.sql) == (
        "compose_settings", 2, "select * from compose_settings where path like 'ports%'",
    )  # fmt: skip
    assert gone(["8200:8100"], good=2) is None
    assert gone(["8100:8100"]) is None
    assert gone(["9000"]) is None
    assert gone(["8200:8100"], "192.0.2.11:8100") is None

"""Signals of a process that is not there, each on both sides of its limits."""

from worlds.health_literal import HEALTH, USUAL, at, context, probe, request, samples, seen
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.health.signals.process_down import (
    connected,
    inside_refused,
    lifecycle,
    metrics_gap,
    refused_past_inside,
    restarts,
)

REFUSED = {"error": "Connection refused"}
BAD = [request(25 + number, bad=True, took=1.0) for number in range(10)]


def probed(*probes, requests=BAD, detector=inside_refused, **tables):
    return seen(detector, context(*requests, probes=probes, **tables))


def test_a_process_that_refuses_inside_its_own_network_does_not_listen():
    found = probed(*(probe(25.1 + number, bad=True, **REFUSED) for number in range(3)), probe(28.2))
    one = found["inside_refused"]
    assert messages_in(one.statement) == {"health-inside-refused": {"refused": 3, "probes": 4}}
    assert messages_in(one.detail) == {"health-inside-refused-detail": {"services": [USUAL]}}
    assert (one.table, one.rows, one.effect, one.effect_unit, one.strength) == (
        "probes",
        3,
        0.75,
        "share",
        1.0,
    )
    # Two of four bad probes at least; two count two thirds.
    other = [probe(25.2 + number, bad=True) for number in range(2)]
    two = [probe(25.1 + number, bad=True, **REFUSED) for number in range(2)]
    assert probed(*two, *other)["inside_refused"].strength == 2 / 3
    assert probed(*two, *other, probe(27.5, bad=True)) == {}
    assert probed(*two[:1]) == {}


def test_bad_probes_that_are_not_refused_show_that_somebody_listens():
    one = probed(*(probe(25.1 + number, bad=True) for number in range(3)))["inside_listens"]
    assert messages_in(one.statement) == {"health-inside-listens": {"bad": 3, "probes": 3}}
    assert (one.table, one.rows) == ("probes", 3)
    assert probed(*(probe(25.1 + number, bad=True) for number in range(2))) == {}
    assert probed() == {}


def error(second, kind="upstream_refused", **more):
    row = {"file": "e.log", "line": int(second * 10), "time": at(second), "kind": kind, "level": "error"}
    return row | {"path": HEALTH, "upstream_addr": USUAL, "message": kind} | more


SERVED = [request(number) for number in range(6)]


def test_an_address_that_refuses_while_the_process_answers_is_not_the_process():
    def found(errors, probes):
        return probed(*probes, requests=[*SERVED, *BAD], detector=refused_past_inside, error_log=errors)

    good = [probe(25.1 + number) for number in range(3)]
    one = found([error(25 + number) for number in range(3)], good)["refused_past_inside"]
    assert messages_in(one.statement) == {
        "health-refused-past-inside": {"services": [USUAL], "errors": 3, "probes": 3}
    }
    assert messages_in(one.detail) == {"health-refused-past-inside-detail": {"services": [USUAL]}}
    assert (one.table, one.rows, one.strength) == ("error_log", 3, 0.5)
    three = [error(25 + number) for number in range(3)]
    assert found(three[:2], good) == {}
    assert found(three, good[:2]) == {}
    assert found(three, [*good, probe(28.5, bad=True)]) == {}
    assert found([error(25 + number, upstream_addr="192.0.2.99:1") for number in range(3)], good) == {}
    assert found([error(25 + number, "upstream_closed") for number in range(3)], good) == {}


def test_nginx_was_connected_for_nearly_all_bad_requests():
    one = seen(connected, context(*SERVED, *BAD))["connected"]
    assert messages_in(one.statement) == {
        "health-connected": {"services": [USUAL], "made": 10, "passed_on": 10}
    }
    assert (one.table, one.rows) == ("access_log", 10)
    # 85 % of those passed on: 17 of 20. And six at least.
    failed = [request(36 + number / 10, bad=True, connect_s=None) for number in range(4)]
    many = [*BAD, *(request(30.5 + number / 10, bad=True) for number in range(7))]
    assert seen(connected, context(*SERVED, *many, *failed[:3]))["connected"].rows == 17
    assert seen(connected, context(*SERVED, *many[:16], *failed)) == {}
    assert "connected" in seen(connected, context(*SERVED, *BAD[:6]))
    assert seen(connected, context(*SERVED, *BAD[:5])) == {}


def test_without_connect_times_errors_show_that_nginx_waited_for_a_response():
    untimed = [row | {"connect_s": None} for row in (*SERVED, *BAD)]

    def found(*errors):
        return seen(connected, context(*untimed, error_log=errors))

    kinds = ("upstream_timeout_header", "upstream_timeout_body")
    waited = [error(25 + number / 10, kinds[number % 2]) for number in range(17)]
    refused = [error(30 + number) for number in range(4)]
    one = found(*waited, *refused[:3])["connected"]
    assert messages_in(one.statement) == {
        "health-connected-errors": {"services": [USUAL], "waited": 17, "errors": 20}
    }
    assert (one.table, one.rows) == ("error_log", 17)
    assert found(*waited[:16], *refused) == {}
    assert "connected" in found(*waited[:6])
    assert found(*waited[:5]) == {}
    # Errors of other upstreams say nothing of this one.
    assert "connected" in found(*waited, error(30, upstream_addr="192.0.2.99:1"))


def gap(*rows):
    return seen(metrics_gap, context(*SERVED, *BAD, host_metrics=[row for part in rows for row in part])).get(
        "metrics_gap"
    )


def test_a_process_that_could_not_be_measured_leaves_a_gap_in_its_samples():
    # A sample a second until 22 s, and again from 38 s on.
    own = samples("cpu_pct", [1.0] * 23), samples("cpu_pct", [1.0] * 5, 38)
    one = gap(*own)
    assert messages_in(one.statement) == {"health-metrics-gap": {"gap": 16.0, "step": 1.0}}
    # Samples of the incident: 20, 21, 22, 38, 39 and 40 s.
    assert (one.table, one.rows, one.effect, one.effect_unit) == ("host_metrics", 6, 16.0, "s")
    assert one.strength == 0.6
    # Another process was measured meanwhile.
    other = gap(*own, samples("cpu_pct", [1.0], 30, service="other"))
    assert messages_in(other.statement) == {"health-metrics-gap-others": {"gap": 16.0, "step": 1.0}}
    assert other.strength == 1.0
    # At the bounds of the gap the other may have been measured together with this one.
    assert gap(*own, samples("cpu_pct", [1.0], 38, service="other")).strength == 0.6


def test_a_gap_counts_from_a_quarter_of_the_incident_on():
    def between(first, last):
        return gap(samples("cpu_pct", [1.0] * (first + 1)), samples("cpu_pct", [1.0] * 50, last))

    assert between(25, 30).strength == 0.6 * 0.5
    assert between(25, 29) is None
    # The part outside of the incident does not count: 20 s to 25 s, and 35 s to 40 s.
    assert between(10, 25).effect == 5.0
    assert between(10, 24) is None
    assert between(35, 45).effect == 5.0
    # Three missed samples are none of a gap; with four samples the usual pace is known.
    assert gap(samples("cpu_pct", [1.0] * 8, 0, 5.0), samples("cpu_pct", [1.0] * 8, 50, 5.0)) is None
    assert gap(samples("cpu_pct", [1.0] * 2, 18), samples("cpu_pct", [1.0], 38)) is None
    assert gap() is None


def line(second, message="x", kind="application", level="INFO", **more):
    row = {"file": "app.log", "line": int(second * 10) + 1, "service": "", "time": at(second), "kind": kind}
    return row | {"level": level, "message": message} | more


def answer(second, **more):
    return line(second, "GET", "access", **more)


ENDED, READY = "Finished server process [7]", "Application startup complete"


def logged(*lines, detector=lifecycle, requests=BAD, **more):
    return seen(detector, context(*requests, app_log=lines, **more))


def test_a_process_that_ended_and_came_back_late_stopped():
    one = logged(line(24, ENDED), line(26), line(36, READY), answer(37))["stopped"]
    # BAD begins at 25 s, and all of it lies between 24 and 36 s.
    said = {"from": at(24), "until": at(36)}
    assert messages_in(one.statement) == {"health-stopped": said | {"bad": 10, "total": 10}}
    place = {"where": "known", "address": USUAL}
    assert messages_in(one.detail) == {"health-stopped-detail": said | place}
    assert (one.table, one.rows, one.effect, one.effect_unit, one.strength) == ("app_log", 3, 12.0, "s", 1.0)
    # An answer shows that it is back as well.
    assert logged(line(24, ENDED), answer(36))["stopped"].effect == 12.0


def test_a_process_that_did_not_come_back_stopped_until_the_end():
    for words in (ENDED, "Application shutdown complete", "Shutting down", "Worker exiting (pid: 7)"):
        one = logged(line(24, words))["stopped"]
        said = {"from": at(24), "until": at(40)}
        assert messages_in(one.statement) == {"health-stopped-open": said | {"bad": 10, "total": 10}}
        assert set(messages_in(one.detail)) == {"health-stopped-open-detail"}


def test_half_of_the_bad_requests_fall_into_the_time_without_the_process():
    one = logged(line(30, ENDED), line(38, READY))["stopped"]
    # From a second before: 29 to 34 s are six of ten. From 85 % on it is the whole.
    assert messages_in(one.statement)["health-stopped"]["bad"] == 6
    assert one.strength == 6 / 8.5
    assert "stopped" in logged(line(31, ENDED), line(38, READY))
    assert logged(line(32, ENDED), line(38, READY)) == {}
    assert logged(line(41, ENDED)) == {}
    # The last end that explains them counts.
    assert logged(line(20, ENDED), line(24, ENDED))["stopped"].effect == 16.0
    assert logged(line(24, ENDED), requests=[]) == {}


TRACE = 'Traceback (most recent call last):\n  File "uvicorn/importer.py", line 22, in import_from_string\n'


def test_starts_that_fail_are_counted_by_their_tracebacks():
    error = "ModuleNotFoundError: No module named 'y'"
    message = f"{TRACE}ModuleNotFoundError: No module named 'x'\n{TRACE}{error}\n\n"
    one = logged(line(25, message, level="ERROR"), line(30, "Error loading ASGI app. Import string"))[
        "start_fails"
    ]
    assert messages_in(one.statement) == {
        "health-start-fails": {"times": 3, "error": "Error loading ASGI app. Import string"}
    }
    one = logged(line(25, message))["start_fails"]
    assert messages_in(one.statement) == {"health-start-fails": {"times": 2, "error": error}}
    assert messages_in(one.detail) == {"health-start-fails-detail": {"error": error}}
    assert (one.table, one.rows, one.effect, one.effect_unit, one.strength) == (
        "app_log",
        1,
        2.0,
        "starts",
        1.0,
    )
    # The last line before the incident may have begun it.
    assert "start_fails" in logged(line(15, message), line(25))
    assert logged(line(15, message), line(16), line(25)) == {}
    assert logged(line(25, "Traceback (most recent call last):\nKeyError: 1")) == {}


def started(second, pid=7):
    return line(second, f"Started server process [{pid}]", "lifecycle")


COMPOSE = (
    ("image", "example"), ("healthcheck.test", "curl -f http://localhost:8100/health"),
    ("healthcheck.interval", "5s"), ("healthcheck.timeout", "2s"), ("healthcheck.retries", "2"),
)  # fmt: skip


def composed(*settings):
    return [
        {"file": "compose.yml", "service": "svc", "path": path, "value": value} for path, value in settings
    ]


def test_a_process_that_was_started_once_or_often():
    one = logged(started(25), detector=restarts)["restarted"]
    assert messages_in(one.statement)["health-restarted"] == {"times": 1}
    assert messages_in(one.detail) == {"health-restarted-detail": {"times": 1}}
    assert (one.table, one.rows, one.strength) == ("app_log", 1, 1.0)
    often = logged(started(25), answer(26), started(30, 8), detector=restarts)["restarted_often"]
    assert messages_in(often.statement)["health-restarted"] == {"times": 2}
    assert logged(started(15), detector=restarts) == {}
    assert logged(line(25, "Started server process [7]"), detector=restarts) == {}


@together(
    ("lines", "times"),
    [
        # Workers that one start brings up.
        ([started(25, 7), started(25.1, 8), started(25.2, 9)], 1),
        ([started(25, 7), answer(26), started(27, 8)], 2),
        ([started(25, 7), line(26, level="ERROR"), started(27, 8)], 2),
        ([started(25, 7), line(26, level="CRITICAL"), started(27, 8)], 2),
        ([started(25, 7), line(26, level="WARNING"), started(27, 8)], 1),
        ([started(25, 7), line(26, ENDED), started(27, 8)], 2),
        ([started(25, 7), line(26, TRACE), started(27, 8)], 2),
        # The first process of a container has the same number each time.
        ([started(25, 1), started(26, 1), started(27, 1)], 3),
    ],
)
def test_starts_are_counted_by_what_happens_between_them(lines, times):
    (one,) = logged(*lines, detector=restarts).values()
    assert messages_in(one.statement)["health-restarted"] == {"times": times}
    assert one.signal == ("restarted" if times == 1 else "restarted_often")


def reason(second, *settings, processes=(), extra=()):
    (one,) = logged(
        started(second),
        *extra,
        detector=restarts,
        compose_settings=composed(*settings),
        app_processes=processes,
    ).values()
    said = messages_in(one.statement)
    assert ("health-restart-follows" in said) == (one.strength == 0.2)
    return {name: value for name, value in said.items() if name.startswith("health-restart-") and value}


def test_a_health_check_explains_a_restart_within_its_time():
    # Two failures: at once, and 5 s later. Hanging: twice 5 s and 2 s, and 15 s until the restart.
    for second, found in ((24.9, False), (25, True), (49, True), (49.1, False)):
        bounds = {"bounds": (20.0, 60.0)}
        (one,) = seen(
            restarts,
            context(*BAD, app_log=[started(second)], compose_settings=composed(*COMPOSE), **bounds),
        ).values()
        assert ("health-restart-unhealthy" in messages_in(one.statement)) == found, second
    assert reason(30, *COMPOSE) == {
        "health-restart-unhealthy": {"soonest": 5.0, "latest": 14.0, "after": 10.0}
    }
    assert reason(30, ("image", "x")) == {}


def test_a_health_check_of_a_port_at_which_nobody_listens_restarts_ever_again():
    other = {"file": "c.txt", "line": 1, "service": "svc", "port": 9000}
    assert reason(21, *COMPOSE, processes=[other]) == {
        "health-restart-wrong-port": {"port": "8100", "listening": ["9000"]}
    }
    assert reason(21, *COMPOSE, processes=[other | {"port": 8100}]) == {}
    # A process of another service listens elsewhere.
    assert reason(21, *COMPOSE, processes=[other | {"service": "else"}]) == {}
    for command in (
        "uvicorn a:b --port 9000",
        "uvicorn a:b --port=9000",
        "gunicorn --bind 0.0.0.0:9000",
        "gunicorn -b :9000",
    ):
        assert "health-restart-wrong-port" in reason(21, *COMPOSE, ("command", command)), command


def test_a_worker_that_did_not_report_in_time_is_restarted():
    one = line(24, "[CRITICAL] WORKER TIMEOUT (pid:7)", level="CRITICAL")
    (found,) = logged(one, started(25), detector=restarts).values()
    assert "health-restart-worker-timeout" in messages_in(found.statement)
    assert found.strength == 0.2

"""Signals of the source, of dependencies and of the event loop's rhythm, on both sides of their limits."""

import json

import pytest
from worlds.health_literal import HEALTH, JOBS, USUAL, at, context, request, samples, seen
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.health.missing import missing_evidence
from watchme_analysis.health.signals.dependency import (
    callers,
    client_timeouts,
    connections,
    pool_of_connections_known,
)
from watchme_analysis.health.signals.event_loop import rhythms
from watchme_analysis.health.signals.source import source

FILE = {"file": "app.py"}


def handler(name, line=1, runs_on="event_loop", **more):
    row = {"line": line, "function": name, "method": "GET", "path": f"/{name}", "runs_on": runs_on}
    return FILE | row | more


def call(name, line, kind="blocking_io", where="event_loop", by="GET /health", **more):
    return (
        FILE
        | {"line": line, "function": "f", "call": name, "kind": kind, "context": where, "reached_from": by}
        | more
    )


def bad(count=6, path=HEALTH, **more):
    return [request(21 + number, path, bad=True, **more) for number in range(count)]


def good(count=6, path=JOBS, first=21.0):
    return [request(first + number, path) for number in range(count)]


HANDLERS = [handler("health", 1), handler("jobs", 2), handler("unused", 3)]
REQUESTS = [*bad(), *good()]


def read(*calls, handlers=HANDLERS, requests=REQUESTS, **more):
    return seen(source, context(*requests, app_handlers=handlers, app_calls=calls, **more))


def test_calls_that_block_the_loop_of_used_handlers():
    one = read(call("time.sleep", 10))["blocking_in_loop"]
    assert messages_in(one.statement)["health-blocking-in-loop"] == {"calls": ["health-call"]}
    assert messages_in(one.statement)["health-call"] == {
        "call": "time.sleep",
        "function": "f",
        "place": {"file": "app.py", "line": 10},
    }
    assert (one.table, one.rows, one.detail) == ("app_calls", 1, one.statement)
    # That of a handler nobody used is left out.
    two = read(call("time.sleep", 10), call("open", 11, by="GET /unused"))["blocking_in_loop"]
    assert "health-blocking-in-used-handlers" in messages_in(two.statement)
    assert two.rows == 1
    assert "reached_from in ('GET /health')" in two.sql
    for where in ("thread_pool", "background_thread_pool", "process"):
        assert "blocking_in_loop" not in read(call("time.sleep", 10, where=where))
    assert "blocking_in_loop" in read(call("time.sleep", 10, where="background_event_loop"))
    assert "blocking_in_loop" not in read(call("asyncio.sleep", 10, "async_wait"))
    # What a start waits for holds nobody up; what no handler leads to may run.
    assert "blocking_in_loop" not in read(call("time.sleep", 10, by="startup load"))
    assert "blocking_in_loop" in read(
        call("time.sleep", 10, by="startup load", where="background_event_loop")
    )
    assert "blocking_in_loop" in read(call("time.sleep", 10, by="middleware log"))
    maybe = read(call("time.sleep", 10, is_certain=False))["blocking_in_loop"]
    assert "health-possible-call" in messages_in(maybe.statement)


def test_computing_holds_the_loop_only_as_long_as_it_uses_cpu():
    computes = call("for x in range(n)", 10, "cpu")
    assert "blocking_in_loop" in read(computes)
    idle = samples("cpu_pct", [5.0] * 10, 15)
    found = read(computes, host_metrics=idle)
    assert "blocking_in_loop" not in found
    said = messages_in(found["no_blocking_in_loop"].statement)["health-no-blocking-in-used-handlers"]
    assert said == {"used": 2, "handlers": 3, "except_for": "cpu-to-spare"}
    assert "blocking_in_loop" in read(computes, host_metrics=samples("cpu_pct", [60.0] * 10, 20))
    both = read(computes, call("time.sleep", 11), host_metrics=idle)["blocking_in_loop"]
    assert both.rows == 1
    assert "'cpu'" not in both.sql


def test_a_source_without_blocking_calls_is_understood_as_far_as_it_was_read():
    one = read()["no_blocking_in_loop"]
    assert messages_in(one.statement)["health-no-blocking-in-used-handlers"] == {
        "used": 2, "handlers": 3, "except_for": "none",
    }  # fmt: skip
    assert (one.table, one.rows) == ("app_handlers", 2)
    assert "concat(method, ' ', path) in ('GET /health', 'GET /jobs')" in one.sql
    whole = read(handlers=HANDLERS[:2])["no_blocking_in_loop"]
    assert messages_in(whole.statement)["health-no-blocking-in-loop"] == {"handlers": 2, "except_for": "none"}
    # Probes alone do not show which handlers are used.
    unknown = read(requests=[])["no_blocking_in_loop"]
    assert messages_in(unknown.statement)["health-no-blocking-in-loop"]["handlers"] == 3
    odd = [HANDLERS[0] | {"unknown_calls": json.dumps(["x.y"])}, *HANDLERS[1:]]
    assert "no_blocking_in_loop" not in read(handlers=odd)
    unused = [*HANDLERS[:2], HANDLERS[2] | {"unknown_calls": json.dumps(["x.y"])}]
    assert "no_blocking_in_loop" in read(handlers=unused)
    assert read(handlers=[]) == {}


def test_work_on_the_pool_and_on_own_threads():
    pool = [handler("health", 1, "thread_pool"), *HANDLERS[1:]]
    work = call("requests.get", 10, where="thread_pool")
    one = read(work, handlers=pool)["pool_work"]
    said = messages_in(one.statement)["health-pool-work"]
    assert said == {"paths": [HEALTH], "calls": ["health-call"]}
    assert (one.table, one.rows, one.detail) == ("app_calls", 1, one.statement)
    assert "context in ('thread_pool', 'background_thread_pool')" in one.sql
    assert "pool_work" in read(work | {"context": "background_thread_pool"}, handlers=pool)
    assert "pool_work" not in read(work | {"reached_from": "GET /jobs"}, handlers=HANDLERS)
    own = call("ThreadPoolExecutor().submit", 10, "thread_pool")
    one = read(own, own | {"line": 11, "call": "Thread", "kind": "unbounded_task"})["threads_of_its_own"]
    assert messages_in(one.statement)["health-own-threads"] == {
        "calls": ["Thread", "ThreadPoolExecutor().submit"]
    }
    assert (one.table, one.rows, one.detail) == ("app_calls", 2, one.statement)
    assert "threads_of_its_own" not in read(own | {"kind": "blocking_io"})
    assert "threads_of_its_own" not in read(own | {"call": "to_thread"})


AWAITS = call("httpx.AsyncClient().get", 10, "async_wait")


def dependent(*calls, requests=REQUESTS, handlers=HANDLERS, **more):
    return seen(callers, context(*requests, app_handlers=handlers, app_calls=calls, **more))


def test_handlers_that_call_wait_and_those_that_call_nothing_do_not():
    one = dependent(AWAITS)["callers_wait"]
    said = messages_in(one.statement)["health-callers-wait-spared"]
    assert said == {"paths": [HEALTH], "calls": ["health-call"], "spared": [JOBS]}
    assert messages_in(one.detail)["health-callers-wait-detail"] == {
        "paths": [HEALTH],
        "calls": ["health-call"],
    }
    assert (one.table, one.rows, one.effect, one.effect_unit, one.strength) == (
        "app_calls", 1, 1.0, "routes", 1.0,
    )  # fmt: skip
    # Without a handler that calls nothing and did well, all may be held up.
    alone = dependent(AWAITS, requests=[*bad(), *good(4)])["callers_wait"]
    assert (next(iter(messages_in(alone.statement))), alone.strength) == ("health-callers-wait", 0.5)
    thread = AWAITS | {"kind": "blocking_io", "context": "thread_pool"}
    assert "callers_wait" in dependent(thread)
    for more in ({"kind": "blocking_io"}, {"call": "asyncio.sleep"}, {"context": "thread_pool"}):
        assert "callers_wait" not in dependent(AWAITS | more), more
    assert "callers_wait" in dependent(AWAITS | {"call": "asyncio.open_connection"})
    assert dependent(AWAITS, handlers=[]) == {}


def test_handlers_that_call_nothing_and_wait_as_well():
    both = [*bad(), *bad(5, JOBS)]
    found = dependent(AWAITS, requests=both, routes=[HEALTH, JOBS])
    one = found["bystanders_wait"]
    assert messages_in(one.statement) == {"health-bystanders-wait": {"paths": [JOBS]}}
    assert (one.table, one.rows) == ("app_handlers", 3)
    assert found["callers_wait"].strength == 0.5
    assert "bystanders_wait" not in dependent(AWAITS, requests=both[:-1], routes=[HEALTH, JOBS])


def test_a_handler_with_unknown_or_further_calls_is_no_bystander():
    both = {"requests": [*bad(), *bad(5, JOBS)], "routes": [HEALTH, JOBS]}
    health, jobs, unused = HANDLERS
    for name in ("unknown_calls", "unknown_in_threads"):
        driver = [health, jobs | {name: json.dumps(["driver.Client().fetch"])}, unused]
        assert "bystanders_wait" not in dependent(AWAITS, handlers=driver, **both), name
        spared = dependent(AWAITS, handlers=driver)["callers_wait"]
        assert "health-callers-wait-spared" not in messages_in(spared.statement)
    more = call("driver.get", 11, by="GET /jobs")
    for kind, where in (
        ("blocking_io", "event_loop"),
        ("blocking_file", "thread_pool"),
        ("cpu", "event_loop"),
        ("async_wait", "event_loop"),
    ):
        found = dependent(AWAITS, more | {"kind": kind, "context": where}, **both)
        assert "bystanders_wait" not in found, kind
    assert "bystanders_wait" in dependent(AWAITS, more | {"call": "asyncio.gather"}, **both)
    assert "bystanders_wait" in dependent(AWAITS, more | {"context": "background_thread_pool"}, **both)


def test_unknown_calls_are_listed_as_missing_evidence():
    odd = [HANDLERS[0] | {"unknown_calls": json.dumps(["driver.get"])}, *HANDLERS[1:]]
    for handlers, calls in ((odd, [{"calls": ["driver.get"]}]), (HANDLERS, [])):
        found = missing_evidence(context(*REQUESTS, app_handlers=handlers, app_calls=[]), {})
        said = [messages_in(item.why).get("missing-stacks-why") for item in found]
        assert [one for one in said if one] == calls


def logged(second, message, **more):
    row = {"file": "app.log", "line": round(second * 10), "service": "", "time": at(second), "level": "ERROR"}
    return row | {"kind": "application", "message": message} | more


def timeouts(*lines):
    first = logged(0, "start", level="INFO")
    return seen(client_timeouts, context(*REQUESTS, app_log=[first, *lines])).get("client_timeouts")


def test_errors_of_clients_are_more_frequent_than_before():
    errors = [logged(21 + number, f"call failed\nhttpx.ReadTimeout {number}") for number in range(6)]
    one = timeouts(*errors)
    assert messages_in(one.statement) == {
        "health-client-timeouts": {"lines": 6, "error": "httpx.ReadTimeout 5"}
    }
    assert (one.table, one.rows, one.effect, one.effect_unit, one.strength, one.detail) == (
        "app_log", 6, 6.0, "lines", 1.0, one.statement,
    )  # fmt: skip
    assert timeouts(*errors[:3]).strength == 0.5
    assert timeouts(*errors[:2]) is None
    # Three times as often: six in 20 s are as many as two in the 20 s before.
    before = [logged(5 + number, "Connection refused") for number in range(3)]
    assert timeouts(*before[:2], *errors) is not None
    assert timeouts(*before, *errors) is None
    assert timeouts(*(line | {"kind": "access"} for line in errors)) is None
    assert timeouts(*(line | {"message": "done"} for line in errors)) is None


LIMIT = call("asyncpg.create_pool", 4, "limit", "unknown", None, at_once=5)
ACQUIRE = call("asyncpg.create_pool().acquire", 9, "async_wait")


def crowded(count, *calls, requests=(), **more):
    """So many bad requests of the health check that are open at once, each for 10 s."""
    rows = [request(21 + number / 10, bad=True, took=10.0) for number in range(count)]
    found = context(*rows, *requests, app_handlers=HANDLERS, app_calls=calls or (LIMIT, ACQUIRE), **more)
    return seen(connections, found).get("connections_full")


def test_more_requests_are_open_than_a_pool_has_connections():
    # The sixth of 12 is the first beyond five: seven of them, half at least.
    one = crowded(12, requests=good())
    place = {"file": "app.py", "line": 4}
    pool = {"pool": "asyncpg.create_pool", "place": place, "size": 5, "paths": [HEALTH]}
    said = messages_in(one.statement)
    assert said["health-connections-full"] == pool | {"crowded": 7, "bad": 12}
    assert said["health-connections-spared"] == {"calm": [JOBS]}
    assert messages_in(one.detail) == {"health-connections-full-detail": pool}
    assert (one.table, one.rows, one.effect, one.effect_unit, one.strength) == (
        "access_log", 7, 5.0, "connections", 1.0,
    )  # fmt: skip
    alone = crowded(12)
    assert "health-connections-spared" not in messages_in(alone.statement)
    assert alone.strength == 0.5
    assert crowded(11).rows == 6
    assert crowded(10) is None
    # Each worker has a pool of its own.
    process = {"file": "c.txt", "line": 1, "workers": 2}
    assert crowded(12, app_processes=[process]) is None
    assert crowded(20, app_processes=[process]).effect == 10.0


def test_a_pool_is_full_only_where_those_that_need_it_wait():
    assert crowded(12, LIMIT) is None
    assert crowded(12, ACQUIRE) is None
    assert crowded(12, LIMIT | {"call": "boto3.client"}, ACQUIRE) is None
    assert crowded(12, LIMIT | {"at_once": None}, ACQUIRE) is None
    needed = ACQUIRE | {"reached_from": "GET /jobs", "line": 10}
    assert crowded(12, LIMIT, ACQUIRE, needed, requests=good()) is None
    # What blocks the loop may hold all of it up, unless other paths did well.
    blocks = call("time.sleep", 20)
    assert crowded(12, LIMIT, ACQUIRE, blocks) is None
    assert crowded(12, LIMIT, ACQUIRE, blocks, requests=good()) is not None


def test_an_application_that_logs_would_log_a_lack_of_connections():
    def known(calls=(), lines=()):
        found = context(*REQUESTS, app_handlers=HANDLERS, app_calls=calls, app_log=lines)
        return seen(pool_of_connections_known, found).get("pool_of_connections_known")

    one = known(lines=[logged(25, "x"), logged(5, "x")])
    assert (messages_in(one.statement), one.table, one.rows) == (
        {"health-app-logged": {"lines": 1}},
        "app_log",
        1,
    )
    one = known(calls=[call("requests.get", 10)])
    assert (messages_in(one.statement), one.table, one.rows) == (
        {"health-no-pooled-calls": {}},
        "app_calls",
        1,
    )
    assert known(calls=[call("sqlalchemy.create_engine", 10)]) is None
    assert known() is None


def answers(*moments):
    return [logged(moment, "GET", kind="access", level="INFO") for moment in moments]


def rhythm(*moments, requests=None, **more):
    """Responses of the application: one each 0.25 s before the incident, and at some moments in it."""
    calm = [number / 4 + 0.001 * (number % 7) for number in range(80)]
    waits = (
        [request(20 + number, bad=True, took=4.0) for number in range(16)] if requests is None else requests
    )
    return seen(rhythms, context(*waits, app_log=answers(*calm, *moments), **more))


def test_an_application_that_stands_still_and_then_answers_all_at_once():
    # Five responses at once every 4 s.
    moments = [start + 0.002 * number for start in (24, 28, 32, 36, 39.9) for number in range(5)]
    one = rhythm(*moments)["stop_and_go"]
    said = messages_in(one.statement)
    assert "health-stop-and-go" in said
    numbers = said["health-rhythm-numbers"]
    # All of the 20 s but the 40 ms of bursts, in gaps longer than 0.5 s.
    assert numbers["silent"] == pytest.approx((20 - 0.1 - 5 * 0.008) / 20, abs=0.01)
    assert numbers["limit"] == 0.5
    assert numbers["longest"] == pytest.approx(4.0, abs=0.01)
    assert numbers["bursts"] == pytest.approx(20 / 24)
    assert (numbers["usual_silent"], numbers["usual_bursts"]) == (0.0, 0.0)
    assert messages_in(one.detail)["health-loop-blocked-detail"]["longest"] == numbers["longest"]
    assert (one.table, one.rows, one.effect_unit) == ("app_log", 25, "share")
    assert one.effect == pytest.approx(numbers["silent"])
    assert "kind = 'access' and coalesce(pid, -1) = -1" in one.sql


def test_an_application_that_answers_in_bursts_or_steadily():
    steady = [20 + number / 4 for number in range(1, 80)]
    one = rhythm(*steady)["steady"]
    assert "health-steady" in messages_in(one.statement)
    assert (one.table, one.rows, one.effect, one.effect_unit) == ("app_log", 79, 0.0, "share")
    bursts = [start + offset for start in (20 + n / 2.5 for n in range(1, 50)) for offset in (0.0, 0.004)]
    one = rhythm(*bursts)["bursts"]
    assert "health-bursts" in messages_in(one.statement)
    assert (one.table, one.rows, one.effect_unit) == ("app_log", 98, "share")
    assert one.effect == pytest.approx(49 / 97)


def test_requests_of_several_paths_that_left_together():
    rows = []
    for start in (25, 29, 33):
        rows += [
            request(
                start - 3 - 0.2 * place,
                path,
                bad=True,
                took=3 + 0.2 * place,
                nginx_status=200.0,
                response_s=None,
            )
            for place, path in enumerate((HEALTH, JOBS, HEALTH))
        ]
    one = rhythm(requests=rows, routes=[HEALTH, JOBS])["bunched"]
    assert messages_in(one.statement) == {"health-bunched": {"together": 9, "slow": 9, "bunches": 3}}
    assert (one.table, one.rows, one.effect, one.effect_unit) == ("access_log", 9, 1.0, "share")
    assert "bunched" not in rhythm(requests=rows[:6], routes=[HEALTH, JOBS])
    # Half of the slow responses.
    late = [request(36 + number / 5, bad=True, took=1.0, nginx_status=200.0) for number in range(10)]
    assert "bunched" in rhythm(requests=[*rows, *late[:9]], routes=[HEALTH, JOBS])
    assert "bunched" not in rhythm(requests=[*rows, *late], routes=[HEALTH, JOBS])


@together("quick", [4, 5])
def test_responses_as_quick_as_ever_between_standstills(quick):
    rows = []
    for start in (25, 29, 33):
        rows += [
            request(start - 3 - 0.2 * place, path, bad=True, took=3 + 0.2 * place, nginx_status=200.0)
            for place, path in enumerate((HEALTH, JOBS, HEALTH))
        ]
    # Half as long again as 20 ms, and 5 ms.
    between = [request(34 + number / 2, took=0.0349) for number in range(quick)]
    slower = [request(34.1 + number / 2, took=0.0351) for number in range(6)]
    found = rhythm(requests=[*rows, *between, *slower], routes=[HEALTH, JOBS])
    if quick < 5:
        assert "quick_between" not in found
        return
    one = found["quick_between"]
    assert messages_in(one.statement) == {
        "health-quick-between": {"quick": 5, "responses": 20, "paths": [HEALTH, JOBS]}
    }
    assert (one.table, one.rows, one.effect, one.effect_unit) == ("access_log", 5, 0.25, "share")


def test_the_application_answered_nobody_while_requests_waited():
    # Six times one request waits 3 s; two others begin meanwhile and are answered with it.
    rows = [
        request(20.2 + 3.2 * turn + place / 10, bad=True, took=3 - place / 10, nginx_status=200.0)
        for turn in range(6)
        for place in range(3)
    ]
    one = rhythm(requests=rows)["held_waits"]
    assert messages_in(one.statement)["health-held-waits"] == {
        "held": 6, "waits": 6, "services": [USUAL], "longest": 3.0,
    }  # fmt: skip
    assert (one.table, one.rows, one.effect, one.effect_unit, one.strength) == (
        "access_log", 6, 1.0, "share", 1.0,
    )  # fmt: skip
    # Six waits at least.
    assert "held_waits" not in rhythm(requests=rows[:-3])
    assert messages_in(one.detail)["health-loop-blocked-detail"] == {"longest": 3.0}

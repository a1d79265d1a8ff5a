"""The affected service in tables, missing evidence, limits and rhythms, from literal rows."""

import pandas as pd
import pytest
from worlds.health_literal import HEALTH, JOBS, USUAL, at, context, probe, request
from worlds.health_world import directives
from worlds.together import together

from watchme_analysis.health.affected_service import (
    answered_by_the_host,
    container_of,
    gauges,
    own_rows,
    own_source,
    own_within,
    service_name,
    source_conditions,
    source_rows,
    waiting,
)
from watchme_analysis.health.configuration import routes
from watchme_analysis.health.missing import addresses, missing_evidence
from watchme_analysis.health.rate_limits import (
    delays_requests,
    held_back,
    limit_lines,
    refused_at_limit,
    statuses_of,
)
from watchme_analysis.health.response_rhythm import count_bunched_responses, held_waits, response_rhythm
from watchme_analysis.health.rows import at_times, lines, of_observed, select, within
from watchme_analysis.schema import conform
from watchme_analysis.window import Window

BAD = [request(21 + number, bad=True) for number in range(3)]
PROCESS = {"file": "c.txt", "line": 1, "addr": "192.0.2.11", "port": 8100, "service": "svc"}


def composed(**services):
    return [
        {"file": "c.yml", "service": service, "path": path, "value": value}
        for service, settings in services.items()
        for path, value in {"image": "x", **settings}.items()
    ]


def container(services, address=USUAL, processes=()):
    found = context(*BAD, upstreams={HEALTH: address}, compose_settings=services, app_processes=processes)
    mine = container_of(found)
    return mine and mine.name


def test_the_container_of_a_service_is_known_by_its_port_its_name_or_its_start_command():
    two = composed(svc={"ports.0": "8100:80"}, other={"ports.0": "9000:80"})
    assert container(composed(svc={})) == "svc"
    assert container([]) is None
    assert container(two, "127.0.0.1:9000") == "other"
    assert container(two, "127.0.0.1:1") is None
    assert container(two, "other:80") == "other"
    assert container(two) is None
    assert container(two, processes=[PROCESS]) == "svc"
    for host, inside in (("127.0.0.1", True), ("localhost", True), ("192.0.2.11", False)):
        assert answered_by_the_host(context(*BAD, upstreams={HEALTH: f"{host}:1"})) is inside


def named(services, *processes, address=USUAL):
    found = context(*BAD, upstreams={HEALTH: address}, app_processes=processes)
    return service_name(found, pd.DataFrame({"service": pd.array(services, dtype="string")}))


def test_a_table_holds_the_service_under_the_name_of_its_start_command():
    assert named(["svc", "other"], PROCESS) == "svc"
    # A file without a suffix is the main service's.
    assert named(["", "svc"]) == ""
    assert named(["", "other"], PROCESS, PROCESS | {"service": "other", "addr": "192.0.2.12"}) == ""
    # Another port of the host is another process, unless each process has an address of its own.
    moved = PROCESS | {"port": 9000, "service": "x"}
    assert named(["x", "z", "z"], moved) == "x"
    assert named(["x", "z", "z"], moved, moved | {"service": "y", "port": 1}) == "z"
    # The name that an affected path holds, else that of most rows.
    assert named(["svc", "other", "other"]) == "svc"
    assert named(["q", "b", "b"]) == "b"
    assert named([]) == ""


def test_rows_of_the_service_are_chosen_with_their_query():
    logs = [
        {"file": "a", "line": number, "service": service, "time": at(25), "kind": "access", "message": "x"}
        for number, service in enumerate(("svc", "svc", "other"), 1)
    ]
    found = context(*BAD, app_log=logs, app_processes=[PROCESS])
    assert own_rows(found, "app_log")["line"].tolist() == [1, 2]
    sql = own_within(found, "app_log", "kind = 'access'")
    assert sql == (
        "select * from app_log where time between timestamptz '2026-03-02T04:00:20+00:00' and timestamptz "
        "'2026-03-02T04:00:40+00:00' and coalesce(service, '') = 'svc' and kind = 'access'"
    )
    window = Window(at(0).to_pydatetime(), at(30).to_pydatetime())
    limited = context(*BAD, window=window)
    assert within(limited, "app_log").endswith(
        "and time >= timestamptz '2026-03-02T04:00:00+00:00' "
        "and time < timestamptz '2026-03-02T04:00:30+00:00'"
    )
    assert within(context(bounds=None), "app_log", "a = 1") == "select * from app_log where a = 1"
    assert select("probes") == "select * from probes"
    assert select("probes", "", "a = 1", "b") == "select * from probes where a = 1 and b"
    assert at_times([at(1), at(2)]) == (
        "time in (timestamptz '2026-03-02T04:00:01+00:00', timestamptz '2026-03-02T04:00:02+00:00')"
    )


def test_a_query_names_runs_of_four_lines_as_ranges():
    def where(*numbers, file="it's.log"):
        rows = pd.DataFrame({"file": file, "line": list(numbers)})
        found = lines("access_log", rows)
        assert (found.table, found.rows) == ("access_log", len(numbers))
        return found.sql.removeprefix("select * from access_log where ")

    assert where(1, 2, 3, 9, 11) == "((file = 'it''s.log' and (line in (1, 2, 3, 9, 11))))"
    assert where(4, 1, 2, 3, 9) == "((file = 'it''s.log' and (line between 1 and 4 or line in (9))))"
    assert where(5, None) == "((file = 'it''s.log' and (line in (5))))"
    assert where(None) == "((file = 'it''s.log' and (false)))"
    assert where(1, file=None) == "false"


def test_rows_of_several_tables_have_what_all_of_them_have():
    rows = pd.DataFrame(
        {"table": ["probes", "edge_log", "error_log", "probes"], "file": "f", "line": [1, 2, 3, 4]}
    )
    found = of_observed(rows)
    assert (found.table, found.rows) == ("edge_log, error_log, probes", 4)
    assert found.sql == (
        "select 'edge_log' as source, file, line, start as time, path, status as status from edge_log where "
        "((file = 'f' and (line in (2)))) union all select 'error_log' as source, file, line, time as time, "
        "path, null::bigint as status from error_log where ((file = 'f' and (line in (3)))) union all select "
        "'probes' as source, file, line, time as time, path, status as status from probes where "
        "((file = 'f' and (line in (1, 4)))) order by time"
    )
    assert of_observed(rows[:1]).sql == "select * from probes where ((file = 'f' and (line in (1))))"


HANDLER = {"line": 1, "function": "health", "method": "GET", "path": "/health", "runs_on": "event_loop"}


def sources(*files, processes=(), routes_of="/health", **more):
    """Handlers of files; each is an application of its own if ``apps`` is set."""
    apps = more.pop("apps", False)
    rows = [
        HANDLER | {"file": file, "application_file": file if apps else None, "path": path}
        for file, path in zip(files, more.pop("paths", [routes_of] * len(files)), strict=True)
    ]
    found = context(*BAD, app_handlers=rows, app_processes=processes)
    return own_source(found, "app_handlers")["file"].tolist(), found


def test_the_source_of_other_services_is_left_out():
    assert sources("a.py", "b.py")[0] == ["a.py", "b.py"]
    # A file is named after its service.
    assert sources("app-svc.py", "app-z.py", processes=[PROCESS])[0] == ["app-svc.py"]
    other = PROCESS | {"service": "z", "addr": "192.0.2.12"}
    assert sources("main.py", "app-z.py", processes=[PROCESS, other])[0] == ["main.py"]
    # Of several applications the one that has the affected routes.
    mine, found = sources("a.py", "b.py", apps=True, paths=["/health", "/jobs"])
    assert mine == ["a.py"]
    assert source_conditions(found, "app_handlers", own_source(found, "app_handlers")) == (
        "(application_file in ('a.py'))",
    )
    assert tuple(source_rows(found, "app_handlers")) == (
        "app_handlers", 1, "select * from app_handlers where (application_file in ('a.py'))",
    )  # fmt: skip
    assert sources("a.py", "b.py", apps=True)[0] == []
    none = sources("a.py", "b.py", apps=True)[1]
    assert source_conditions(none, "app_handlers", own_source(none, "app_handlers")) == ("false",)
    free, found = sources("app-svc.py", "app-z.py", processes=[PROCESS])
    assert source_conditions(found, "app_handlers", own_source(found, "app_handlers")) == (
        "((application_file is null and file in ('app-svc.py')))",
    )
    assert free == ["app-svc.py"]


def test_gauges_have_a_column_each_and_open_requests_are_counted():
    metrics = [
        {"file": "m", "service": "", "metric": name, "time": at(second), "value": value}
        for name, second, value in (
            ("cpu_pct", 1, 5.0),
            ("cpu_pct", 1, 7.0),
            ("threads", 2, 3.0),
            ("x", 3, None),
        )
    ]
    found = context(*[request(second, took=1.0) for second in (1, 1.5, 4)], host_metrics=metrics)
    wide = gauges(found)
    assert wide["cpu_pct"].dropna().tolist() == [7.0]
    assert list(wide.columns) == ["cpu_pct", "threads"]
    # Open from the start until before the end.
    moments = pd.DatetimeIndex([at(second) for second in (0.9, 1, 1.9, 2, 2.5, 4.5)])
    assert waiting(found, moments).tolist() == [0, 1, 2, 1, 0, 1]
    assert waiting(context(request(1, upstream_addr="z:1")), moments) is None
    assert waiting(context(request(1, nginx_s=None)), moments) is None


def test_addresses_of_each_vantage_as_far_as_the_case_tells():
    found = context(*BAD, upstreams={})
    bare = addresses(found)
    assert (bare.public_host, bare.outside, bare.upstream) == (
        "HOST",
        f"https://HOST{HEALTH}",
        "127.0.0.1:PORT",
    )
    assert (bare.service, bare.container, bare.port) == ("SERVICE", "CONTAINER", "PORT")
    access = [{"file": "a", "line": 1, "time": at(1), "path": HEALTH, "host": "svc.example.com"}]
    told = addresses(
        context(
            *BAD,
            access_log=access,
            app_processes=[PROCESS | {"port": 9000}],
            compose_settings=composed(svc={}),
        )
    )
    assert told.outside == f"https://svc.example.com{HEALTH}"
    # The process listens on another port than Nginx asks at.
    assert (told.upstream, told.host) == ("192.0.2.11:9000", f"http://192.0.2.11:9000{HEALTH}")
    assert (told.inside, told.port) == (f"http://localhost:9000{HEALTH}", "9000")
    assert (told.service, told.container) == ("svc", "$(docker compose ps -aq svc)")
    given = addresses(context(*BAD, compose_settings=composed(svc={"container_name": "box"})))
    assert (given.container, given.port, given.upstream) == ("box", "8100", USUAL)
    other = addresses(context(*BAD, app_processes=[PROCESS | {"addr": "192.0.2.99", "port": 7}]))
    assert (other.upstream, other.port) == (USUAL, "7")


def wishes(*requests, **more):
    found = context(*requests, **more)
    probability = {"app_down": 0.5, "edge_config": 0.5}
    return {
        item.what.id.removeprefix("missing-").removesuffix("-what"): item
        for item in missing_evidence(found, probability)
    }


def test_evidence_is_missing_that_no_table_holds():
    everything = {
        "inside-probes", "outside-probes", "host-probes", "access-log", "edge-requests", "nginx-errors",
        "nginx-configuration", "edge-configuration", "metrics", "application-log", "source", "start-command",
        "containers",
    }  # fmt: skip
    assert set(wishes()) == everything
    probes = [probe(21, name) for name in ("inside", "outside", "host")]
    left = wishes(*BAD, probes=probes, app_processes=[PROCESS], compose_settings=composed(svc={}))
    assert set(left) == everything - {
        "inside-probes", "outside-probes", "host-probes", "access-log", "start-command", "containers",
    }  # fmt: skip
    assert "access-log-times" in wishes(*(row | {"response_s": None} for row in BAD))
    # The edge's log shows what callers outside met.
    edge = wishes(request(21, edge=True))
    assert not {"outside-probes", "edge-requests"} & set(edge)
    values = [item.value for item in wishes(*BAD).values()]
    assert values == sorted(values, reverse=True)


def limit(second, message="limiting requests", kind="limit_req", path=JOBS):
    return {"file": "e.log", "line": 1, "time": at(second), "kind": kind, "path": path, "message": message}


def test_lines_of_limits_are_refusals_or_delays():
    log = conform(
        "error_log",
        pd.DataFrame(
            [
                limit(1),
                limit(2, "delaying request"),
                limit(3, "limiting requests, dry run, x"),
                limit(4, kind="x"),
                limit(5, path=None),
            ]
        ),
    )
    found = limit_lines(log)
    assert found[["route", "delays"]].values.tolist() == [[JOBS, False], [JOBS, True]]
    none, _ = routes(context().table("config_directives"))
    assert statuses_of(found, none) == {503.0, 429.0}
    assert delays_requests(found, none)
    assert not delays_requests(found[:1], none)
    # A log may lack the lines on delays: the configuration has a burst whose requests wait.
    for setting, delays in (("zone=peer burst=9", True), ("zone=peer burst=9 nodelay", False)):
        conf = directives((("/", {"proxy_pass": f"http://{USUAL}", "limit_req": setting}),), ())
        nginx, _ = routes(conf)
        assert delays_requests(found[:1], nginx) is delays
        assert statuses_of(found[:1], nginx) == {503.0}


@together(
    ("row", "second", "refused"),
    [
        ({"nginx_status": 503.0}, 21, True), ({"nginx_status": 429.0}, 21, True),
        ({"nginx_status": 502.0}, 21, False),
        ({"nginx_status": 503.0, "upstream_addr": USUAL}, 21, False),
        ({"nginx_status": 503.0}, 19, True), ({"nginx_status": 503.0}, 18.9, False),
        ({"nginx_status": 503.0}, 23, True), ({"nginx_status": 503.0}, 23.1, False),
    ],
)  # fmt: skip
def test_a_request_was_refused_by_a_limit_with_its_status_at_its_time(row, second, refused):
    asked = request(second, JOBS, bad=True, **{"upstream_addr": None} | row)
    found = context(asked, request(5), error_log=[limit(20), limit(22)])
    nginx, _ = routes(found.table("config_directives"))
    result = refused_at_limit(found.observed, found.joined, found.table("error_log"), nginx)
    assert result[found.observed["path"] == JOBS].tolist() == [refused]
    delays = conform("error_log", pd.DataFrame([limit(20, "delaying request")]))
    assert not refused_at_limit(found.observed, found.joined, delays, nginx).any()


def held(served, refused, usual=5, caller="192.0.2.66"):
    """Requests of a path before a limit, and those that were served and refused while it refused."""
    rows = [request(number * 2, JOBS) for number in range(usual)]
    rows += [request(20 + number / 10, JOBS, client_addr="192.0.2.1") for number in range(served)]
    rows += [
        request(20 + number / 10, JOBS, bad=True, nginx_status=503.0, upstream_addr=None, client_addr=caller)
        for number in range(refused)
    ]
    found = context(*rows, request(40, HEALTH), error_log=[limit(20), limit(22)])
    nginx, _ = routes(found.table("config_directives"))
    is_refused = refused_at_limit(found.observed, found.joined, found.table("error_log"), nginx)
    assert is_refused.sum() == refused
    return int(held_back(found.observed, is_refused, found.table("error_log"), lambda route: False).sum())


def test_a_limit_that_refuses_what_is_too_much_harms_nobody():
    # One request in eight seconds before: four in 4 s serve as many as usual.
    assert held(4, 10) == 10
    # A flooder that sent more than any other caller.
    assert held(3, 4, usual=0) == 4
    assert held(3, 3, usual=0) == 0
    assert held(2, 4, usual=0) == 0


def test_the_rhythm_of_responses_in_and_outside_of_an_incident():
    usual = [number / 2 for number in range(30)]  # a response each half a second, to 14.5 s
    moments = pd.Series([at(second) for second in (*usual, 20.001, 20.005, 24.0, 29.0, 32.0)])
    found = response_rhythm(moments, at(20), at(30))
    assert (found.answers, found.burst_share, found.usual_burst_share) == (4, pytest.approx(1 / 3), 0.0)
    # Gaps above half a second: 20.005 to 24, to 29 and to 30 s.
    assert (found.silence_limit_s, found.longest_silence_s) == (0.5, pytest.approx(5.0))
    assert (found.silent_share, found.usual_silent_share) == (pytest.approx(0.9995), 0.0)
    assert response_rhythm(moments[:0], at(20), at(30)) is None
    assert response_rhythm(moments, at(20), at(20.9)) is None
    # Ten gaps outside, and times to the millisecond.
    assert response_rhythm(pd.Series([at(n / 2) for n in range(11)]), at(20), at(30)) is not None
    assert response_rhythm(pd.Series([at(n / 2) for n in range(10)]), at(20), at(30)) is None
    assert response_rhythm(pd.Series([at(n) for n in range(30)]), at(20), at(30)) is None


def test_bunches_and_held_waits_are_counted():
    def bunch(*gaps, paths=(HEALTH, JOBS, HEALTH), spread=0.1):
        ends = [30 + sum(gaps[:place]) for place in range(len(paths))]
        rows = [
            request(25 + spread * place, path, took=end - 25 - spread * place)
            for place, (path, end) in enumerate(zip(paths, ends, strict=True))
        ]
        return count_bunched_responses(context(*rows).joined)

    # Three within 20 ms each, of two paths, whose starts are a fifth of a second apart.
    assert bunch(0.02, 0.02) == (3, 3, 1)
    assert bunch(0.02, 0.021) == (0, 3, 0)
    assert bunch(0.01, 0.01, paths=(HEALTH,) * 3) == (0, 3, 0)
    assert bunch(0.01, 0.01, spread=0.09) == (0, 3, 0)
    assert count_bunched_responses(context().joined) == (0, 0, 0)
    one = request(21, took=3.0, bad=True, nginx_status=200.0)
    others = [request(22 + number / 10, took=2.0 - number / 10) for number in range(2)]
    waits, is_held = held_waits(context(one, *others).joined)
    assert (len(waits), is_held.tolist()) == (1, [True])
    waits, is_held = held_waits(context(one, *others, request(22.5, took=0.1)).joined)
    assert is_held.tolist() == [False] * len(waits)
    assert len(held_waits(context(one, others[0]).joined)[0]) == 0

"""Gauges of the affected process: threads, requests, descriptors, memory and CPU, at each limit."""

import pandas as pd
import pytest
from worlds.health_literal import at, context, request, samples, seen
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.health.signals.cpu import cpu, held, machine
from watchme_analysis.health.signals.process import memory, process

PROCESS = {"file": "c.txt", "line": 1, "addr": "192.0.2.11", "port": 8100, "service": ""}
# A handler on the thread pool of 40.
HANDLER = {
    "file": "app.py", "line": 9, "function": "health", "method": "GET", "path": "/health",
    "runs_on": "thread_pool", "is_async": False,
}  # fmt: skip
DURING = 20.0


def gauges(**metrics):
    """Samples of each second from the incident's start on; values before it are given as NAME_before."""
    rows = []
    for name, values in metrics.items():
        first = DURING - len(values) if name.endswith("_before") else DURING
        rows += samples(name.removesuffix("_before"), values, first)
    return rows


def observed(*requests, handlers=(HANDLER,), processes=(PROCESS,), **metrics):
    found = context(
        *requests, host_metrics=gauges(**metrics), app_handlers=list(handlers), app_processes=list(processes)
    )
    return seen(process, found)


def test_a_pool_whose_threads_are_all_taken_is_full():
    found = observed(threads=[30.0] * 6 + [40.0, 41.0, 41.0, 40.0], in_flight=[41.0] * 10)
    one = found["pool_full"]
    assert messages_in(one.statement)["health-pool-full"] == {
        "threads": 41, "known": "known", "requests": 41, "flat": 4, "samples": 10,
    }  # fmt: skip
    assert messages_in(one.detail)["health-pool-full-detail"] == {
        "threads": 41, "known": "known", "requests": 41, "pool": 40,
    }  # fmt: skip
    assert (one.table, one.rows, one.effect, one.effect_unit) == ("host_metrics", 10, 41.0, "threads")
    assert "metric = 'threads'" in one.sql


@together(
    ("threads", "open_now", "expected"),
    [
        # All threads of 40, in three of ten samples at least, and more requests than threads.
        ([20.0] * 7 + [40.0] * 3, [41.0] * 10, "pool_full"),
        ([20.0] * 8 + [40.0] * 2, [41.0] * 10, None),
        ([20.0] * 7 + [39.0] * 3, [41.0] * 10, None),
        ([20.0] * 7 + [40.0] * 3, [40.0] * 10, None),
        # Within three quarters of the pool it is free, if requests are fewer than half of it.
        ([29.9] * 10, [19.0] * 10, "pool_free"),
        ([30.0] * 10, [19.0] * 10, None),
        ([29.0] * 10, [20.0] * 10, None),
    ],
)
def test_a_pool_is_full_or_free_from_its_limits_on(threads, open_now, expected):
    found = observed(threads=threads, in_flight=open_now)
    assert {"pool_full", "pool_free"} & set(found) == ({expected} if expected else set())


def test_without_a_gauge_of_requests_threads_alone_show_a_full_pool():
    one = observed(threads=[40.0] * 4)["pool_full"]
    assert messages_in(one.statement)["health-pool-full"]["known"] == "unknown"
    assert messages_in(one.statement)["health-pool-full"]["requests"] == 0
    free = observed(threads=[12.0] * 4)["pool_free"]
    assert messages_in(free.statement) == {"health-pool-free": {"threads": 12, "pool": 40}}
    assert (free.effect, free.effect_unit, free.strength) == (12.0, "threads", 1.0)


def test_without_a_gauge_of_threads_few_requests_show_a_free_pool():
    one = observed(in_flight=[10.0, 29.0, 12.0])["pool_free"]
    assert messages_in(one.statement) == {"health-pool-free-by-requests": {"requests": 29, "pool": 40}}
    assert (one.rows, one.effect, one.effect_unit, one.strength) == (3, 29.0, "requests", 0.7)
    assert "metric = 'in_flight'" in one.sql
    assert "pool_free" not in observed(in_flight=[10.0, 30.0, 12.0])


def test_a_single_sample_shows_nothing():
    assert observed(threads=[40.0], in_flight=[50.0]) == {}
    assert set(observed(threads=[40.0] * 2, in_flight=[50.0] * 2)) == {"pool_full"}


def waiting(count, first=19.0):
    """So many requests that Nginx has open from before the incident until after it."""
    return [request(first, took=30.0, bad=True) for _ in range(count)]


def test_requests_that_do_not_arrive_are_open_at_nginx_alone():
    one = observed(*waiting(4), in_flight=[1.0, 2.0, 3.0])["not_arriving"]
    # The mean inside is 2, half of that outside.
    assert messages_in(one.statement) == {
        "health-not-arriving": {"samples": 3, "outside": 4.0, "inside": 2.0}
    }
    assert (one.rows, one.effect, one.effect_unit) == (3, 2.0, "requests")
    assert "time in (" in one.sql
    assert "not_arriving" not in observed(*waiting(4), in_flight=[1.0, 2.0, 3.1])
    # Three samples with two requests at Nginx each.
    assert "not_arriving" not in observed(*waiting(4), in_flight=[1.0, 2.0])
    assert "not_arriving" not in observed(*waiting(1), in_flight=[0.0] * 4)
    assert "not_arriving" in observed(*waiting(2), in_flight=[0.0] * 4)
    # Without times Nginx's log shows no open request.
    untimed = [row | {"nginx_s": None} for row in waiting(4)]
    assert "not_arriving" not in observed(*untimed, in_flight=[0.0] * 4)


def test_files_are_full_from_95_per_cent_of_the_limit_on():
    limited = PROCESS | {"open_files_limit": 100}
    for name in ("open_files", "fds", "open_fds"):
        one = observed(processes=[limited], **{name: [50.0, 60.0, 95.0]})["files_full"]
        assert messages_in(one.statement) == {"health-files-full": {"files": 95, "limit": 100}}
        assert (one.rows, one.effect, one.effect_unit, one.detail) == (3, 95.0, "files", one.statement)
        assert f"metric = '{name}'" in one.sql
    assert "files_full" not in observed(processes=[limited], open_files=[50.0, 60.0, 94.9])
    assert "files_full" not in observed(processes=[limited], open_files=[95.0, 95.0])
    # A limit below what is open is not the one in force.
    assert "files_full" not in observed(processes=[limited], open_files=[50.0, 60.0, 101.0])
    both = [limited, PROCESS | {"open_files_limit": 96, "port": 8101}]
    assert messages_in(observed(processes=both, open_files=[95.0] * 3)["files_full"].statement) == {
        "health-files-full": {"files": 95, "limit": 96}
    }


def series(values, first):
    return pd.Series(values, index=pd.DatetimeIndex([at(first + place) for place in range(len(values))]))


def sql_of(metric, *conditions):
    return f"select {metric}"


EMPTY_LOG = pd.DataFrame(
    {
        "kind": pd.Series(dtype="string"),
        "pid": pd.Series(dtype="Int64"),
        "time": pd.Series(dtype="datetime64[us, UTC]"),
    }
)


def of_memory(before, during, granted=None, log=EMPTY_LOG):
    used = pd.concat([series(before, 20 - len(before)), series(during, 20)])
    found = memory(
        pd.DataFrame({"rss_mb": used}), at(20), at(40), sql_of, log, granted * 2**20 if granted else None
    )
    return {one.signal: one for one in found}


def test_memory_is_at_its_limit_from_85_per_cent_on():
    one = of_memory([300.0] * 3, [400.0, 850.0], 1000)["memory_at_limit"]
    assert messages_in(one.statement) == {
        "health-memory-at-limit": {"before": 300, "most": 850, "granted": 1000}
    }
    assert (one.table, one.rows, one.sql, one.effect, one.effect_unit, one.strength) == (
        "host_metrics", 2, "select rss_mb", 850.0, "MB", 1.0,
    )  # fmt: skip
    assert one.detail == one.statement
    assert "memory_at_limit" not in of_memory([300.0] * 3, [400.0, 849.0], 1000)
    # It always was.
    assert of_memory([850.0] * 3, [860.0], 1000) == {}
    assert "memory_at_limit" in of_memory([849.0] * 3, [860.0], 1000)
    assert of_memory([300.0] * 2, [850.0], 1000) == {}
    assert of_memory([300.0] * 3, [], 1000) == {}
    assert memory(pd.DataFrame({"threads": [1.0]}), at(20), at(40), sql_of, EMPTY_LOG) == []


def test_memory_that_grew_threefold_by_300_mb_is_full():
    one = of_memory([100.0] * 3, [200.0, 400.0])["memory_full"]
    assert messages_in(one.statement) == {"health-memory-grown": {"before": 100, "most": 400}}
    assert one.strength == 0.5
    assert set(of_memory([150.0] * 3, [450.0])) == {"memory_full"}
    assert of_memory([150.0] * 3, [449.0]) == {}
    assert of_memory([149.0] * 3, [448.0]) == {}


def test_memory_that_is_lost_twice_is_that_of_a_process_which_ends():
    one = of_memory([100.0] * 3, [150.0, 75.0, 180.0, 90.0])["memory_lost"]
    assert messages_in(one.statement) == {"health-memory-lost": {"before": 100, "most": 180, "times": 2}}
    assert (one.rows, one.effect, one.strength) == (4, 180.0, 1.0)
    for during in (
        [150.0, 75.0, 180.0, 91.0],  # more than half is left
        [149.0, 74.0, 180.0, 90.0],  # less than half as much again
        [150.0, 75.0, 180.0],  # once, as at a deploy
    ):
        assert of_memory([100.0] * 3, during) == {}, during
    # 50 MB more, at least.
    assert of_memory([90.0] * 3, [139.0, 60.0, 139.0, 60.0]) == {}
    assert "memory_lost" in of_memory([90.0] * 3, [140.0, 60.0, 140.0, 60.0])


def log(*rows):
    frame = pd.DataFrame(
        [(kind, pid, at(second)) for kind, pid, second in rows], columns=["kind", "pid", "time"]
    )
    return frame.astype({"kind": "string", "pid": "Int64", "time": "datetime64[us, UTC]"})


def test_memory_that_a_living_process_gave_back_is_not_lost():
    lost = [150.0, 75.0, 180.0, 90.0]  # for the last time at 23 s
    lives = log(("access", 7, 10), ("access", 7, 24))
    assert of_memory([100.0] * 3, lost, log=lives) == {}
    assert of_memory([100.0] * 3, [500.0, 100.0], log=log(("access", 7, 10), ("access", 7, 22))) == {}
    for rows in (
        [("access", 7, 10), ("access", 8, 24)],  # another process answers
        [("access", 7, 10), ("access", 7, 23)],  # none does afterwards
        [
            ("access", 7, 10),
            ("access", 7, 24),
            ("lifecycle", None, 20),
        ],  # the first of a container is always 1
    ):
        assert "memory_lost" in of_memory([100.0] * 3, lost, log=log(*rows)), rows
    before = log(("access", 7, 10), ("lifecycle", None, 19), ("access", 7, 24))
    assert of_memory([100.0] * 3, lost, log=before) == {}


NONE = pd.DataFrame()


def judged(during, before=(), others=NONE, cores=None, **more):
    """Signals of the CPU by id; further metrics are given as NAME and NAME_before."""
    mine = pd.DataFrame({"cpu_pct": series(during, 20)})
    past = pd.DataFrame({"cpu_pct": series(list(before), 20 - len(before))})
    for name, values in more.items():
        frame = past if name.endswith("_before") else mine
        frame[name.removesuffix("_before")] = list(values)
    return {one.signal: one for one in cpu(mine, others, past, sql_of, cores)}


def test_a_core_is_full_from_88_per_cent_on():
    one = judged([88.0, 88.0, 10.0, 90.0], [10.0] * 4)["cpu_full"]
    assert messages_in(one.statement) == {
        "health-cpu-full": {"full": 3, "samples": 4, "median": 0.88, "before": 0.1}
    }
    assert (one.table, one.rows, one.sql, one.effect, one.effect_unit, one.strength, one.detail) == (
        "host_metrics", 4, "select cpu_pct", 88.0, "pct", 1.0, one.statement,
    )  # fmt: skip
    # In half of the samples, and not before.
    assert "health-cpu-full" in messages_in(judged([88.0, 90.0, 0.0, 0.0], [10.0] * 4)["cpu_full"].statement)
    assert "cpu_full" not in judged([88.0, 0.0, 0.0], [10.0] * 4)
    assert "cpu_full" not in judged([90.0] * 4, [88.0] * 4)
    assert "health-cpu-full" in messages_in(judged([90.0] * 4, [87.0] * 4)["cpu_full"].statement)


def test_a_quota_is_full_by_its_part_of_a_core():
    one = judged([44.0, 44.0, 44.0], [5.0] * 3, cores=0.5)["cpu_full"]
    assert messages_in(one.statement) == {
        "health-cpu-full-of-quota": {"full": 3, "samples": 3, "median": 0.44, "before": 0.05, "cores": 0.5}
    }
    # One sample holds what its neighbour lacks: means of three.
    one = judged([20.0, 68.0, 44.0, 20.0, 68.0, 44.0], [5.0] * 6, cores=0.5)["cpu_full"]
    assert messages_in(one.statement)["health-cpu-full-of-quota"]["full"] == 4
    # More cores than one make a loop no faster.
    assert "health-cpu-full" in messages_in(judged([88.0] * 4, [10.0] * 4, cores=4.0)["cpu_full"].statement)


def others(*values):
    return pd.DataFrame({f"svc{place}": [value] * 4 for place, value in enumerate(values)})


def test_cpu_that_rose_is_shared_level_or_risen():
    shared = judged([50.0] * 4, [20.0] * 4, others(30.0, 8.0))["cpu_full"]
    assert messages_in(shared.statement) == {
        "health-cpu-shared": {"median": 0.5, "before": 0.2, "together": 0.88}
    }
    assert shared.strength == 1.0
    level = judged([50.0] * 4, [20.0] * 4, others(30.0, 7.0))["cpu_full"]
    assert messages_in(level.statement) == {"health-cpu-level": {"median": 0.5, "before": 0.2}}
    assert level.strength == 0.6
    risen = judged([30.0, 30.0, 50.0, 70.0, 70.0], [20.0] * 5)["cpu_full"]
    assert messages_in(risen.statement) == {"health-cpu-rose": {"median": 0.5, "before": 0.2}}
    assert risen.strength == 0.4
    # 1.7 times the usual and 5 % more: 39 of 20. And a quarter of a core at least.
    assert "cpu_full" in judged([39.0] * 4, [20.0] * 4)
    assert "cpu_full" not in judged([38.9] * 4, [20.0] * 4)
    assert "cpu_full" in judged([25.0] * 4, [1.0] * 4)
    assert "cpu_full" not in judged([24.9] * 4, [1.0] * 4)


def test_low_use_has_risen_where_it_is_level_or_a_crowd_of_threads_shares_it():
    # Eight samples, five times the usual and 5 % more: 15 of 2.
    level = judged([15.0] * 8, [2.0] * 8)["cpu_full"]
    assert (list(messages_in(level.statement)), level.strength) == (["health-cpu-level"], 1.0)
    assert "cpu_full" not in judged([15.0] * 7, [2.0] * 8)
    assert "cpu_full" not in judged([14.9] * 8, [2.0] * 8)
    uneven = [5.0, 25.0] * 4
    assert "cpu_full" not in judged(uneven, [2.0] * 8)
    crowd = judged(uneven, [2.0] * 8, threads=[14.0] * 8, threads_before=[6.0] * 8)
    assert list(messages_in(crowd["cpu_full"].statement)) == ["health-cpu-rose"]
    assert "cpu_full" not in judged(uneven, [2.0] * 8, threads=[13.0] * 8, threads_before=[6.0] * 8)


def test_three_more_threads_want_the_cpu():
    one = judged([90.0] * 4, [10.0] * 4, threads=[9.0] * 4, threads_before=[6.0, 6.0, 5.0, 6.0])[
        "cpu_threads"
    ]
    assert messages_in(one.statement) == {"health-cpu-threads": {"threads": 3}}
    assert (one.table, one.rows, one.sql, one.effect, one.effect_unit) == (
        "host_metrics", 4, "select threads", 3.0, "threads",
    )  # fmt: skip
    assert "cpu_threads" not in judged([90.0] * 4, [10.0] * 4, threads=[8.9] * 4, threads_before=[6.0] * 4)


def test_cpu_is_idle_below_35_per_cent_or_half_as_much_again_as_usual():
    one = judged([20.0, 20.0, 34.9])["cpu_idle"]
    assert list(messages_in(one.statement)) == ["health-cpu-idle"]
    values = messages_in(one.statement)["health-cpu-idle"]
    assert values["median"] == 0.2 and values["most"] == pytest.approx(0.3192)
    assert (one.table, one.rows, one.sql, one.effect, one.effect_unit) == (
        "host_metrics", 3, "select cpu_pct", 20.0, "pct",
    )  # fmt: skip
    assert "cpu_idle" in judged([34.9, 34.9], [34.0])
    assert judged([35.0, 35.0]) == {}
    assert "cpu_idle" in judged([44.9, 44.9], [30.0])
    assert judged([45.0, 45.0], [30.0]) == {}
    assert judged([5.0]) == {}
    # Of a quarter of a core.
    assert judged([8.75, 8.75], cores=0.25) == {}
    assert "cpu_idle" in judged([8.74, 8.74], cores=0.25)


UNEVEN = [10.0, 40.0, 5.0, 60.0, 20.0, 2.0, 35.0, 15.0]


def held_by(during, in_flight, before=UNEVEN):
    mine = pd.DataFrame({"cpu_pct": series(during, 20), "in_flight": in_flight})
    past = pd.DataFrame({"cpu_pct": series(before, 20 - len(before))})
    return held(mine, past, sql_of)


def test_a_process_that_uses_the_same_all_the_time_while_requests_wait_is_held():
    (one,) = held_by([10.0] * 8, [3.0] * 8)
    said = messages_in(one.statement)["health-cpu-held"]
    assert (said["median"], said["requests"], said["low"], said["high"]) == (0.1, 3, 0.1, 0.1)
    # The spread of eight equal samples is that of sampling, 0.3: 0.3² / 10 = 0.009. The usual spread is
    # (46 - 4.1) / 2.56 = 16.37, and 16.37² / 17.5 = 15.3: 1,700 times as much, of which a hundred are said.
    assert said["times"] == 100
    assert messages_in(one.detail) == {"health-cpu-held-detail": {"median": 0.1, "requests": 3}}
    assert (one.signal, one.table, one.rows, one.sql, one.effect, one.effect_unit, one.strength) == (
        "cpu_held", "host_metrics", 8, "select cpu_pct", 10.0, "pct", 1.0,
    )  # fmt: skip
    assert held_by([10.0] * 7, [3.0] * 7) == []
    assert held_by([10.0] * 8, [3.0] * 8, UNEVEN[:7]) == []
    assert held_by([1.9] * 8, [3.0] * 8) == []
    assert len(held_by([2.0] * 8, [3.0] * 8)) == 1
    assert held_by(UNEVEN, [3.0] * 8) == []
    # Requests wait in nearly every sample.
    assert held_by([10.0] * 10, [3.0] * 8 + [0.0] * 2) == []
    assert held(pd.DataFrame({"cpu_pct": [10.0] * 8}), pd.DataFrame({"cpu_pct": UNEVEN}), sql_of) == []
    assert held(pd.DataFrame({"cpu_pct": [10.0] * 8, "waiting": [3.0] * 8}), NONE, sql_of) == []


def of_machine(metric, during, before, service="", **own):
    rows = samples(metric, before, 20 - len(before), service=service) + samples(
        metric, during, 20, service=service
    )
    found = context(host_metrics=rows + gauges(**own))
    return seen(machine, found).get("host_cpu_full")


def test_a_machine_without_cpu_left_is_full_from_85_per_cent_on():
    one = of_machine("host_cpu_pct", [85.0] * 6, [20.0] * 6, cpu_pct=[5.0] * 3)
    said = messages_in(one.statement)
    assert said["health-metric-of-host"] == {"metric": "host_cpu_pct", "now": 0.85, "before": 0.2}
    assert "health-little-own-cpu" in said
    assert (one.table, one.rows, one.effect, one.effect_unit, one.strength, one.facts) == (
        "host_metrics", 6, 85.0, "pct", 1.0, {},
    )  # fmt: skip
    assert messages_in(one.detail) == {"health-metric-of-host": said["health-metric-of-host"]}
    assert "metric = 'host_cpu_pct' and coalesce(service, '') = '' and value is not null" in one.sql
    assert of_machine("host_cpu_pct", [84.9] * 6, [20.0] * 6) is None
    assert of_machine("host_cpu_pct", [85.0] * 6, [75.0] * 6) is None
    assert of_machine("host_cpu_pct", [85.0] * 6, [74.9] * 6) is not None
    assert of_machine("host_cpu_pct", [85.0] * 6, []) is not None
    # Three samples at least count half of six.
    assert of_machine("host_cpu_pct", [85.0] * 3, []).strength == 0.5
    assert of_machine("host_cpu_pct", [85.0] * 2, []) is None
    # The process itself uses most of it: six tenths of 85.
    assert of_machine("host_cpu_pct", [85.0] * 6, [], cpu_pct=[51.0] * 3) is None
    assert of_machine("host_cpu_pct", [85.0] * 6, [], cpu_pct=[50.9] * 3) is not None


@together(
    ("metric", "service", "found"),
    [
        ("node_cpu", "", True), ("cgroup_cpu_pct", "", True), ("cpu_total", "", True),
        ("cpu_pct", "svc", False), ("cpu_pct", "host", True), ("cpu_pct", "Node", True),
        ("cpu_pct", "host2", False), ("memory_total", "", False),
    ],
)  # fmt: skip
def test_a_metric_of_the_machine_is_known_by_its_name(metric, service, found):
    assert (of_machine(metric, [90.0] * 6, [], service) is not None) == found


def test_a_sum_over_cores_says_nothing_of_what_is_left():
    assert of_machine("host_cpu_pct", [90.0] * 5 + [100.5], []) is not None
    assert of_machine("host_cpu_pct", [90.0] * 5 + [101.0], []) is None


@together("metric", ["cpu_steal_pct", "psi_cpu_some", "cpu_pressure", "steal"])
def test_time_that_is_stolen_or_waited_for_counts_from_a_fifth_on(metric):
    one = of_machine(metric, [20.0] * 6, [10.0] * 6)
    assert messages_in(one.detail) == {"health-metric-stood": {"metric": metric, "now": 0.2, "before": 0.1}}
    assert of_machine(metric, [19.9] * 6, [1.0] * 6) is None
    assert of_machine(metric, [20.0] * 6, [10.1] * 6) is None


def test_a_quota_that_throttles_is_named():
    # A counter that grows by 1 before and by 3 in the incident.
    one = of_machine("cpu_throttled", [4.0, 7.0, 10.0, 13.0], [0.0, 1.0, 2.0])
    assert messages_in(one.detail) == {
        "health-throttled-rose": {"metric": "cpu_throttled", "now": 3.0, "before": 1.0}
    }
    assert one.facts["quota"].name == "cpu_throttled"
    assert of_machine("cpu_throttled", [4.0, 6.9, 9.8], [0.0, 1.0, 2.0]) is None
    # Two samples before show no pace.
    assert of_machine("cpu_throttled", [4.0, 4.5, 5.0], [0.0, 1.0]) is not None
    # A level.
    one = of_machine("throttled_pct", [30.0, 31.0, 30.0], [10.0, 9.0, 10.0])
    assert messages_in(one.detail) == {
        "health-throttled-stood": {"metric": "throttled_pct", "now": 30.0, "before": 10.0}
    }
    assert of_machine("throttled_pct", [29.0, 31.0, 29.0], [10.0, 9.0, 10.0]) is None
    assert of_machine("throttled_pct", [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]) is None

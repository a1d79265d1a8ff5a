"""Rows behind statements: their number, and the query that returns them."""

from dataclasses import replace

from worlds.one_queue import event, investigation, pipeline_of
from worlds.queue_contexts import at

from watchme_analysis.backlog import rows
from watchme_analysis.window import Window

RAN = {"invocations": [1.0] * 12}


def point(interval, metric="Invocations", resource="worker", stat="Sum"):
    return {
        "time": at(interval), "namespace": "AWS/Lambda", "metric": metric, "resource": resource, "stat": stat,
        "period_s": 300, "value": 1.0,
    }  # fmt: skip


def test_rows_are_counted_and_queried_by_the_same_conditions():
    events = [event("PurgeQueue", name, place) for place, name in enumerate(("a", "b", "it's", None))]
    inv = investigation(changes=events)
    order = " order by time"
    for conditions, number, where in (
        ((), 4, ""),
        ((("resource", "=", "it's"),), 1, " where resource = 'it''s'"),
        ((("resource", "in", ("a", "b")),), 2, " where resource in ('a', 'b')"),
        ((("resource", "in", ()),), 0, " where false"),
        ((("resource", "null or", "a"),), 2, " where (resource is null or resource = 'a')"),
        ((("resource", "known", None),), 3, " where resource is not null"),
        ((("time", ">=", at(1)), ("time", "<", at(3))), 2,
         " where time >= timestamptz '2026-11-24T10:05:00+00:00'"
         " and time < timestamptz '2026-11-24T10:15:00+00:00'"),
    ):  # fmt: skip
        found = rows.matching(inv, "changes", *conditions)
        sql = f"select * from changes{where}{order}"
        assert found == {"table": "changes", "rows": number, "sql": sql}
    once = rows.matching(inv, "changes", once_by="event_name")
    assert once == {"table": "changes", "rows": 1, "sql": "select distinct on (event_name) * from changes"}


def test_the_window_holds_for_rows_and_points():
    window = Window(at(1), at(3))
    inv = investigation(window, changes=[event("PurgeQueue", "a", place) for place in range(4)])
    bounds = (
        "time >= timestamptz '2026-11-24T10:05:00+00:00' and time < timestamptz '2026-11-24T10:15:00+00:00'"
    )
    sql = rows.matching(inv, "changes", ("resource", "=", "a"))["sql"]
    where = f"where resource = 'a' and (time is null or {bounds})"
    assert sql == f"select * from changes {where} order by time"
    assert rows.matching(inv, "queues")["sql"] == "select * from queues"
    assert rows.points(inv, pipeline_of(**RAN), ("sent",))["sql"].endswith(
        f"where false and time is not null and {bounds} order by time, resource, metric"
    )


def test_points_are_those_of_each_series_once_between_the_bounds():
    points = [point(place) for place in range(4)] + [point(place, "Errors") for place in range(3)]
    points += [point(0, "NumberOfMessagesReceived", "jobs"), point(0, "NumberOfMessagesDeleted", "jobs")]
    inv = investigation(metrics=points)
    runs, errors = (
        f"(resource = 'worker' and metric = '{name}' and stat = 'Sum' and period_s = 300)"
        for name in ("Invocations", "Errors")
    )
    ends = " order by time, resource, metric"
    found = rows.points(inv, pipeline_of(**RAN), ("tried", "failed", "invocations", "visible", "cpu_pct"))
    sql = f"select * from metrics where ({runs} or {errors}) and time is not null{ends}"
    assert found == {"table": "metrics", "rows": 7, "sql": sql}
    bounded = rows.points(inv, [pipeline_of(**RAN), pipeline_of(**RAN)], ("invocations",), at(1), at(3))
    bounds = (
        "time >= timestamptz '2026-11-24T10:05:00+00:00' and time < timestamptz '2026-11-24T10:15:00+00:00'"
    )
    sql = f"select * from metrics where ({runs}) and time is not null and {bounds}{ends}"
    assert bounded == {"table": "metrics", "rows": 2, "sql": sql}
    by_message = replace(pipeline_of(**RAN), by_message=True)
    assert rows.points(inv, by_message, ("tried",))["rows"] == 1
    assert rows.points(inv, by_message, ("failed",))["rows"] == 1 + 1 + 3

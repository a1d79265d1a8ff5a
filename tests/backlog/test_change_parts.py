"""Recorded changes, rows behind statements, missing evidence and onsets, each as a whole on little input."""

import json
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
from worlds.looks import at, frame_of, queue_of
from worlds.messages import messages_in, plain
from worlds.together import together

from watchme_analysis.backlog import changes, missing, onset_order, rows
from watchme_analysis.backlog.chain import QueueSignals
from watchme_analysis.backlog.changes import Change
from watchme_analysis.backlog.context import BacklogContext, _severity
from watchme_analysis.backlog.judge import Undoing, judge
from watchme_analysis.backlog.recurrence import _item, _latency_drift, _weekday
from watchme_analysis.backlog.signals.look import QueueObservation, Span
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.pipeline import Pipeline, RecordedSettings
from watchme_analysis.schema import conform, empty
from watchme_analysis.stats.intervals import Interval
from watchme_analysis.text.message import Translated, message
from watchme_analysis.window import Window, parse_zone


class Tables:
    """Tables with these rows; all others are empty."""

    name = "made-up"
    unread = ()
    window = None

    def __init__(self, **given):
        self.tables = {name: conform(name, pd.DataFrame(part)) for name, part in given.items() if part}

    def table(self, name):
        return self.tables.get(name, empty(name))

    def coverage(self):
        return {}


def pipeline_of(queried=(), queue="jobs", settings=None, **columns):
    columns = columns or {"invocations": [1.0] * 12}
    known = RecordedSettings(**(settings or {}))
    return Pipeline(queue, "worker", f"{queue}-dlq", 300, frame_of(**columns), known, frozenset(queried))


def event(name, resource="worker", interval=5, resources=None, **more):
    return {
        "time": at(interval), "event_id": "e-1", "event_name": name, "user": "deployer", "read_only": False,
        "resource": resource, "resources": json.dumps([resource] if resources is None else resources),
        "parameters": json.dumps(more.pop("parameters", {})),
    } | more  # fmt: skip


def recorded(*events, pipelines=None):
    mappings = [{"uuid": "u-1", "queue": "jobs", "function": "worker"}]
    tables = Tables(changes=list(events), event_source_mappings=mappings)
    return changes.recorded_changes(tables, pipelines or (pipeline_of(), pipeline_of(queue="other")))


@together(
    ("name", "parameters", "kind", "what", "values", "settings"),
    [
        ("UpdateFunctionCode20150331v2", {}, "function_code", "backlog-changed-code", {}, {}),
        (
            "UpdateFunctionConfiguration20150331v2", {"timeout": 30}, "function_configuration",
            "backlog-changed-function-timeout", {"value": 30.0}, {"timeout": "30"},
        ),
        (
            "UpdateFunctionConfiguration20150331v2", {"timeout": "long"}, "function_configuration",
            "backlog-changed-function-timeout", {"value": "long"}, {"timeout": "long"},
        ),
        (
            "UpdateFunctionConfiguration20150331v2", {"memorySize": 128}, "function_configuration",
            "backlog-changed-configuration", {}, {},
        ),
        (
            "SetQueueAttributes", {"attributes": {"VisibilityTimeout": "8"}}, "queue_attributes",
            "backlog-changed-visibility-timeout", {"value": 8.0}, {"visibilitytimeout": "8"},
        ),
        (
            "SetQueueAttributes", {"attributes": {"DelaySeconds": "8"}}, "queue_attributes",
            "backlog-changed-queue-attributes", {}, {},
        ),
        (
            "PutFunctionConcurrency20171031", {"reservedConcurrentExecutions": 1}, "concurrency_set",
            "backlog-changed-concurrency", {"value": "1"}, {"reservedconcurrentexecutions": "1"},
        ),
        (
            "PutFunctionConcurrency20171031", {}, "concurrency_set", "backlog-changed-concurrency",
            {"value": "?"}, {},
        ),
        (
            "UpdateEventSourceMapping20150331", {"enabled": False}, "mapping_updated",
            "backlog-mapping-disabled", {}, {"enabled": "false"},
        ),
        (
            "UpdateEventSourceMapping20150331", {"enabled": True}, "mapping_updated",
            "backlog-mapping-enabled", {}, {"enabled": "true"},
        ),
        (
            "UpdateEventSourceMapping20150331", {"batchSize": 5}, "mapping_updated",
            "backlog-mapping-changed", {}, {},
        ),
        ("PurgeQueue", {}, "purge", "backlog-changed-purged", {}, {}),
        (
            "DetachRolePolicy", {}, "permissions", "backlog-changed-permissions",
            {"event": "DetachRolePolicy"}, {},
        ),
        ("TagResource20170331v2", {}, "", "backlog-changed-other", {"event": "TagResource"}, {}),
    ],
)  # fmt: skip
def test_a_change_is_described_with_the_value_that_it_sets(name, parameters, kind, what, values, settings):
    [found] = recorded(event(name, parameters=parameters))
    assert found == Change(
        time=at(5), event_id="e-1", event_name=name, user="deployer", resource="worker", what=found.what,
        queues=("jobs", "other"), kind=kind, settings=settings,
    )  # fmt: skip
    assert messages_in(found.what) == {what: values}
    assert found.to_dict() == {
        "time": "2026-11-24T10:25:00.000+00:00", "event_name": name, "event_id": "e-1", "user": "deployer",
        "resource": "worker", "what": found.what,
    }  # fmt: skip
    assert found.is_recorded and plain(found.of) == "worker"


@together(
    ("given", "queues"),
    [
        (event("PurgeQueue", "jobs"), ("jobs",)),
        (event("PurgeQueue", "jobs-dlq"), ("jobs",)),
        (event("PurgeQueue", "x", resources=["arn:aws:sqs:eu-west-1:123456789012:other"]), ("other",)),
        (event("PurgeQueue", "x", parameters={"queueUrl": "https://sqs.example.com/1/jobs"}), ("jobs",)),
        (event("UpdateEventSourceMapping20150331", "x", parameters={"a": [{"uUID": "u-1"}]}), ("jobs",)),
        (event("PurgeQueue", "x"), ()),
        # What is done to a host touches every queue.
        (event("RebootInstances", "i-1"), ("jobs", "other")),
    ],
)
def test_a_change_touches_the_queues_that_it_names(given, queues):
    [found] = recorded(given)
    assert found.queues == queues


def test_only_successful_writes_with_a_time_are_changes_oldest_first():
    unnamed = {"user": None, "event_id": None, "resource": None}
    found = recorded(
        event("PurgeQueue", "jobs", 7), event("PurgeQueue", "jobs", 6) | unnamed,
        event("PurgeQueue", error_code="AccessDenied"), event("PurgeQueue", read_only=True),
        event("PurgeQueue", time=None), event("PurgeQueue", "jobs", 8, parameters=None) | {"parameters": "{"},
    )  # fmt: skip
    assert [one.time for one in found] == [at(6), at(7), at(8)]
    first = found[0]
    assert (first.user, first.event_id, first.resource) == (None, None, None)
    assert plain(first.of) == "backlog-resource-unknown"
    assert recorded(event("PurgeQueue", resources="{") | {"resources": "{", "parameters": None})


def change(kind="function_code", interval=5, queues=("jobs",), **settings):
    return Change(at(interval), "e", "x", None, None, message("backlog-changed-code"), queues, kind, settings)


def test_an_entry_of_a_cause_file_matches_by_kind_and_values():
    one = change("mapping_updated", enabled="false")
    for entry, matches in (
        ("mapping_updated", True),
        ("UpdateEventSourceMapping", True),
        ("mapping_updated enabled=false", True),
        ("mapping_updated enabled=", True),
        ("mapping_updated enabled=true", False),
        ("mapping_updated timeout=", False),
        ("mapping_deleted", False),
    ):
        assert one.matches(entry) is matches, entry
    assert change(timeout="30").value("timeout") == 30.0
    assert change(timeout="x").value("timeout") is None and change().value("timeout") is None


VISIBILITY = changes.VISIBILITY_EVENTS


@together(
    ("given", "others", "columns", "settings", "fits"),
    [
        # Ordinary invocations survived it, but the longer ones take over eight seconds.
        (change("queue_attributes", 2, visibilitytimeout="8"), (), {"duration_max_s": [9.0] * 12}, {}, True),
        (change("queue_attributes", 2, visibilitytimeout="9"), (), {"duration_max_s": [9.0] * 12}, {}, False),
        (change("queue_attributes", 2, visibilitytimeout="8"), (), {}, {}, False),
        # A timeout of hours keeps what failed once hidden.
        (
            change("queue_attributes", 2, visibilitytimeout="3601"), (), {}, {"function_timeout_s": 30.0},
            True,
        ),
        # The value was replaced before the long invocations.
        (
            change("queue_attributes", 2, visibilitytimeout="8"),
            (change("queue_attributes", 5, visibilitytimeout="300"),),
            {"duration_max_s": [1.0] * 6 + [9.0] * 6}, {}, False,
        ),
        (
            change("queue_attributes", 2, visibilitytimeout="8"),
            (change("queue_attributes", 5, ("other",), visibilitytimeout="300"), change("purge", 5)),
            {"duration_max_s": [1.0] * 6 + [9.0] * 6}, {}, True,
        ),
        (
            change("function_configuration", 2, timeout="60"), (), {"duration_max_s": [50.0] * 12},
            {"visibility_timeout_s": 30.0}, True,
        ),
        (
            change("function_configuration", 2, timeout="30"), (), {"duration_max_s": [50.0] * 12},
            {"visibility_timeout_s": 30.0}, False,
        ),
        (change("function_configuration", 2, timeout="60"), (), {"duration_max_s": [50.0] * 12}, {}, False),
    ],
)  # fmt: skip
def test_a_setting_that_hurts_at_times_may_be_survived(given, others, columns, settings, fits):
    pipeline = pipeline_of(settings=settings, invocations=[1.0] * 12, **columns)
    found = changes.change_before((given, *others), VISIBILITY, pipeline, at(11))
    assert found == (given if fits else None)


@together(("running", "fits"), [([1.0] * 12, True), ([1.0] * 11 + [2.0], False), ([None] * 12, False)])
def test_a_concurrency_below_the_peaks_may_be_survived(running, fits):
    given = change("concurrency_set", 2, reservedconcurrentexecutions="1")
    pipeline = pipeline_of(invocations=[1.0] * 12, concurrency=running)
    found = changes.change_before((given,), ("concurrency_set",), pipeline, at(11))
    assert found == (given if fits else None)
    assert changes.change_before((change(interval=2),), ("function_code",), pipeline, at(11)) is None


def test_the_last_change_that_fits_is_taken():
    early, late = change(interval=4), change(interval=5)
    pipeline = pipeline_of()
    for given, expected in (
        ((early, late), late),
        ((early, change(interval=7)), early),  # begun after the trouble's interval
        ((early, change("purge")), early),
        ((early, change(queues=("other",))), early),
        ((change(interval=1),), None),  # four ordinary invocations in between
        ((change(interval=2),), change(interval=2)),
    ):
        assert changes.change_before(given, ("function_code",), pipeline, at(6)) == expected


def test_configurations_state_their_last_change_within_the_metrics():
    tables = Tables(
        queues=[{"queue": "jobs", "modified_at": at(3)}, {"queue": "other", "modified_at": at(3)}],
        functions=[{"function": "worker", "last_modified": at(2)}],
        event_source_mappings=[
            {"queue": "jobs", "function": "worker", "state": "Disabled", "last_modified": at(1)},
            {"queue": "jobs", "function": "worker", "state": "Enabled", "last_modified": at(4)},
        ],
    )
    pipeline = pipeline_of(settings={"visibility_timeout_s": 180.0})
    found = changes.state_changes(tables, (pipeline, pipeline_of(queue="none", invocations=[])), ())
    stated = [(one.time, one.table, one.kind, one.settings, one.resource, one.what.id) for one in found]
    off, on, hidden = {"enabled": "false"}, {"enabled": "true"}, {"visibilitytimeout": "180"}
    mapped, of_queue = ("event_source_mappings", "mapping_updated"), ("queues", "queue_attributes")
    assert stated == [
        (at(1), *mapped, off, "jobs", "backlog-mapping-disabled"),
        (at(2), "functions", "function_code", {}, "worker", "backlog-changed-code-or-configuration"),
        (at(3), *of_queue, hidden, "jobs", "backlog-changed-queue-attributes"),
        (at(4), *mapped, on, "jobs", "backlog-mapping-changed"),
    ]
    for one in found:
        assert (one.event_id, one.event_name, one.user, one.queues) == (None, "", None, ("jobs",))
        assert not one.is_recorded
    # What a trail recorded is not repeated, as far as it is of the same resource.
    trail = (change("queue_attributes", 5), change("alias_updated", 4), change("purge", 1))
    assert [one.time for one in changes.state_changes(tables, (pipeline,), trail)] == [at(1), at(4)]


@together(("interval", "is_found"), [(-0.1, False), (0, True), (11.9, True), (12, False)])
def test_a_change_of_a_configuration_counts_within_the_metrics(interval, is_found):
    tables = Tables(functions=[{"function": "worker", "last_modified": at(interval)}])
    assert len(changes.state_changes(tables, (pipeline_of(),), ())) == is_found


def point(interval, metric="Invocations", resource="worker", stat="Sum"):
    return {
        "time": at(interval), "namespace": "AWS/Lambda", "metric": metric, "resource": resource, "stat": stat,
        "period_s": 300, "value": 1.0,
    }  # fmt: skip


def investigation(window=None, **given):
    inv = Investigation(Tables(**given), "backlog")
    return inv if window is None else replace(inv, window=window)


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
    assert rows._sql("period_s", "=", 60) == "period_s = 60"


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
    assert rows.points(inv, pipeline_of(), ("sent",))["sql"].endswith(
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
    found = rows.points(inv, pipeline_of(), ("tried", "failed", "invocations", "visible", "cpu_pct"))
    sql = f"select * from metrics where ({runs} or {errors}) and time is not null{ends}"
    assert found == {"table": "metrics", "rows": 7, "sql": sql}
    bounded = rows.points(inv, [pipeline_of(), pipeline_of()], ("invocations",), at(1), at(3))
    bounds = (
        "time >= timestamptz '2026-11-24T10:05:00+00:00' and time < timestamptz '2026-11-24T10:15:00+00:00'"
    )
    sql = f"select * from metrics where ({runs}) and time is not null and {bounds}{ends}"
    assert bounded == {"table": "metrics", "rows": 2, "sql": sql}
    by_message = replace(pipeline_of(), by_message=True)
    assert rows.points(inv, by_message, ("tried",))["rows"] == 1
    assert rows.points(inv, by_message, ("failed",))["rows"] == 1 + 1 + 3


def lacking(queue=None, **given):
    """Return the missing evidence of one queue by the id of its sentence: value, and the values of it."""
    queue = queue or queue_of()
    affected = (queue,) if queue.harms else ()
    found = missing.missing_evidence(investigation(**given), BacklogContext((queue,), affected, ()))
    assert [one.value for one in found] == sorted((one.value for one in found), reverse=True)
    return {one.what.id: one for one in found}


ALL = ("sent", "received", "visible", "age_s", "invocations", "errors", "duration_avg_s", "throttles")
PULL = "watchme case pull backlog CASE --queue jobs --since 2026-11-24T10:00:00Z --until 2026-11-24T10:55:00Z"
AFFECTED = {"harms": ("failures",), "failures": Interval(at(4), at(8), "failures")}


def said(one):
    return messages_in(one.what)[one.what.id], {
        name: values for name, values in messages_in(one.why).items() if name != "sentences"
    }


def commands(one):
    return next(str(value) for values in messages_in(one.how).values() for value in values.values())


def test_missing_metrics_are_worth_most_and_are_pulled_with_their_queue():
    inv = investigation()
    queue = queue_of(**AFFECTED)
    first, second, *_ = missing.missing_evidence(inv, BacklogContext((queue,), (queue,), ()))
    assert said(first) == ({"resources": ["worker"]}, {"missing-function-metrics-why": {}})
    assert said(second) == ({"resources": ["jobs"]}, {"missing-queue-metrics-why": {}})
    assert (first.value, second.value) == (10.0, 9.0)
    assert PULL in commands(first) and PULL in commands(second)
    assert "missing-metrics-of-what" not in lacking(queue_of(queried=ALL, **AFFECTED))
    none = missing.missing_evidence(inv, BacklogContext((), (), ()))
    assert none[0].what.id == none[1].what.id == "missing-all-metrics-what"


def test_statistics_that_do_not_serve_are_named():
    queried = [{"metric": "Duration", "stat": "Minimum", "resource": "worker"}]
    found = missing._unusable(investigation(metric_queries=queried), missing.FUNCTION_SERIES)
    [one] = found
    assert messages_in(one) == {
        "missing-statistic": {"metric": "Duration", "returned": ["Minimum"], "usable": ["Average", "p50"]}
    }
    queried += [{"metric": "Duration", "stat": "p90", "resource": "worker"}]
    assert not list(missing._unusable(investigation(metric_queries=queried), missing.FUNCTION_SERIES))


@together(
    ("facts", "value"),
    [(AFFECTED, 8.0), ({"harms": ("slow",)}, 4.0), ({}, 4.0)],
)
def test_the_functions_log_is_worth_more_where_it_failed(facts, value):
    found = lacking(queue_of(queried=ALL, **facts))["missing-function-errors-what"]
    assert (found.value, said(found)[0]) == (value, {"function": "worker"})
    command = commands(found)
    assert "--log-group-name /aws/lambda/worker --start-time 1795514400 --end-time 1795517700 " in command
    assert command.endswith("> FOLDER/logs/worker-errors.json")


def test_changes_settings_and_dead_letters_are_collected_into_files_of_their_resource():
    dead = SimpleNamespace(at_end=5)
    balance = SimpleNamespace(visible=0, in_flight=0, dead_letters=dead)
    facts = AFFECTED | {"dead_lettered": 5, "balance": balance}
    messages = [{"queue": "jobs-dlq", "message_id": "m"}]
    found = lacking(queue_of(queried=ALL, **facts), queue_messages=messages)
    assert {name: one.value for name, one in found.items()} == {
        "missing-function-errors-what": 8.0, "missing-dead-letters-what": 6.0, "missing-changes-what": 5.0,
        "missing-mapping-what": 4.0, "missing-queue-attributes-what": 4.0, "missing-concurrency-what": 2.0,
        "missing-host-cpu-what": 1.0,
    }  # fmt: skip
    assert said(found["missing-dead-letters-what"])[0] == {"dead": 4, "dlq": "jobs-dlq"}
    for name, ending in (
        ("dead-letters", ">> FOLDER/queues/jobs-dlq-messages.json"),
        ("changes", "> FOLDER/cloudtrail.json"),
        ("mapping", "> FOLDER/functions/worker-mappings.json"),
        ("queue-attributes", "> FOLDER/queues/jobs.json"),
        ("concurrency", "> FOLDER/functions/worker-concurrency.json"),
        ("host-cpu", "--until 2026-11-24T10:55:00Z"),
    ):
        assert commands(found[f"missing-{name}-what"]).endswith(ending), name
    whole = lacking(
        queue_of(
            frame_of(cpu_pct=[1.0]), queried=ALL,
            settings={"mapping_state": "Enabled", "visibility_timeout_s": 30.0},
        ),
        log_queries=[{"function": "worker", "query_name": "errors"}], changes=[event("PurgeQueue")],
        functions=[{"function": "worker", "concurrency_known": True}],
    )  # fmt: skip
    assert whole == {}
    assert lacking(queue_of(queried=ALL))["missing-changes-what"].value == 1.0


def test_more_errors_are_collected_in_parts_where_the_query_was_cut():
    cut = SimpleNamespace(truncated=True)
    queries = [{"function": "worker", "query_name": "errors"}]
    found = lacking(queue_of(queried=ALL, **AFFECTED | {"errors": cut}), log_queries=queries)
    one = found["missing-more-errors-what"]
    assert (one.value, said(one)[0]) == (2.0, {"function": "worker"})
    assert "--function worker --since" in commands(one)
    for facts in (AFFECTED | {"errors": SimpleNamespace(truncated=False)}, {"errors": cut}):
        assert "missing-more-errors-what" not in lacking(queue_of(queried=ALL, **facts), log_queries=queries)


def test_without_a_window_commands_keep_words_for_it():
    assert missing._window(BacklogContext((), (), ())) == ("START", "END")
    assert (missing._epoch("START"), missing._epoch("2026-11-24T10:00:00Z")) == ("START", "1795514400")
    assert missing._file("queues", "a/b") == "FOLDER/queues/a-b.json"


def test_a_queue_is_the_worse_the_more_messages_were_harmed():
    nothing = SimpleNamespace(lost=0)
    assert _severity(queue_of(balance=nothing)) == 0.0
    facts = {
        "dead_lettered": 2, "balance": SimpleNamespace(lost=3), "failures": Interval(at(0), at(1), "f", 7.0),
        "worst": SimpleNamespace(peak=4.0), "redelivery": Interval(at(0), at(1), "r", 10.0),
        "throttles": Interval(at(0), at(1), "t", 200.0), "creeping": True,
    }  # fmt: skip
    assert _severity(queue_of(**facts)) == 6.0 + 9.0 + 7.0 + 8.0 + 2.0 + 2.0 + 20.0
    one, two = queue_of(), queue_of(first_trouble=lambda: at(3))
    two.pipeline = replace(two.pipeline, queue="more")
    context = BacklogContext((one, two), (two,), ())
    assert context.by_harm == (two, one) and context.focus is two
    assert context.first_trouble == at(3) and BacklogContext((), (), ()).first_trouble is None
    assert context.pipelines == (one.pipeline, two.pipeline)


def leaves(values, first):
    return onset_order._leaves_usual(pd.Series(frame_of(x=values)["x"]), at(first), 300)


def test_a_metric_leaves_its_usual_range_with_two_points_beyond_it():
    usual = [1.0, 2.0] * 12
    # A tenth beyond the highest of the points before.
    assert leaves([*usual, 2.2, 2.3, 2.3], 25) == at(25)
    assert leaves([*usual, 2.2, 2.3, 2.2], 25) is None, "a single point"
    assert leaves([*usual, 0.8, 0.8], 25) == at(24)
    assert leaves([*usual, 0.9, 0.9], 25) is None
    assert leaves([0.0, 1.0, 1.0], 0) == at(1), "without a history anything above nothing is beyond"
    assert leaves([1.0, 1.0, None], 99) is None
    assert leaves([*usual, 3.0, *[1.0] * 8, 3.0], 25) == at(24), "within ten points"
    assert leaves([*usual, 3.0, *[1.0] * 9, 3.0], 25) is None


def test_an_onset_states_the_hour_after_it_against_the_time_before():
    values = [1.0, 3.0, None, 9.0, 7.0, *[1.0] * 11, 99.0]
    row = onset_order._onset_row(pipeline_of(age_s=values), "age_s", pd.Timestamp(at(3)))
    assert row == {
        "queue": "jobs", "function": "worker", "metric": "age_s", "onset": pd.Timestamp(at(3)),
        "onset_earliest": pd.Timestamp(at(2)), "uncertainty_s": 300.0, "direction": "up", "baseline": 2.0,
        "value": 9.0, "effect": row["effect"],
    }  # fmt: skip
    down = onset_order._onset_row(pipeline_of(age_s=[5.0, 5.0, 1.0]), "age_s", pd.Timestamp(at(2)))
    assert (down["direction"], down["baseline"], down["value"]) == ("down", 5.0, 1.0)
    first = onset_order._onset_row(pipeline_of(age_s=[5.0]), "age_s", pd.Timestamp(at(0)))
    assert (first["direction"], first["baseline"], first["onset_earliest"]) == ("up", None, None)
    later = onset_order._onset_row(pipeline_of(age_s=[5.0]), "age_s", pd.Timestamp(at(1)))
    assert (later["direction"], later["value"]) == ("up", None)


def onsets(**facts):
    frame = {name: [0.0] * 24 + [5.0] * 12 for name in ("sent", "errors", "throttles", "age_s", "failed")}
    usual = {"balance": SimpleNamespace(dead_letters=SimpleNamespace(first_seen=None))}
    queue = queue_of(frame_of(**frame), **usual | facts)
    found = onset_order.onset_rows((queue,))
    return {row["metric"]: row["onset"].to_pydatetime() for row in found.to_dict("records")}


def test_arrivals_failures_throttles_and_dead_letters_are_dated_by_their_own_analyses():
    surge, failures = Interval(at(20), at(30), "surge"), Interval(at(25), at(30), "failures")
    facts = {
        "first_trouble": lambda: at(25), "surge": surge, "failures": failures,
        "throttles": Interval(at(26), at(30), "throttles"),
        "balance": SimpleNamespace(dead_letters=SimpleNamespace(first_seen=at(28))),
    }  # fmt: skip
    assert onsets(**facts) == {
        "sent": at(20), "age_s": at(24), "errors": at(25), "throttles": at(26), "dlq_visible": at(28)
    }  # fmt: skip
    daily = onsets(**facts | {"surge_daily": True})
    assert "sent" not in daily
    by_message = onsets(**facts | {"by_message": True})
    assert by_message["failed"] == at(25) and "errors" not in by_message
    assert onsets() == {}
    drifting = onsets(creeping=SimpleNamespace(start=at(24)))
    assert drifting == {"age_s": at(24)}


def drifted(**columns):
    """Return what bounds a start by the host's load, between a good attempt and the first bad one."""
    frame = frame_of(**columns)
    return onset_order.host_moved(frame, at(26), at(31))


def test_the_hosts_load_narrows_a_start_where_it_left_its_usual_range_for_good():
    usual = [2.0, 1.0] * 13  # the points before the good attempt's interval
    assert drifted(cpu_pct=[*usual, *[2.6] * 6]) == (at(26), at(27))
    assert drifted(cpu_pct=[*usual, *[2.5] * 6]) is None, "a quarter above the highest is usual"
    assert drifted(cpu_pct=[*usual, 2.6, 1.0, 2.6, 2.6, 2.6, 2.6]) == (at(27), at(29))
    assert drifted(cpu_pct=[*usual, 2.6, 2.6, 2.6, 2.6, 1.0, 9.0]) is None
    assert drifted(cpu_pct=[2.0] * 23) is None and drifted(cpu_pct=[None] * 32) is None
    # After more than three missing points nothing was published since the last.
    assert drifted(cpu_pct=[*usual, 1.0, *[None] * 5]) == (at(26), at(28))


def signals(name, *observations, harmed=True):
    return QueueSignals(name, 300, harmed, observations)


def seen(signal, queue="jobs", start=6, event=None):
    """Return a signal that lasted up to the ninth interval."""
    span = Span(at(start), at(start), at(start - 1), at(start + 1), at(9))
    return QueueObservation(signal, "", "metrics", 1, queue=queue, span=span, event=event)


CODE = (seen("all_invocations_fail"), seen("errors_of_function"), seen("invocations_short"))


@together(
    ("undone", "queue", "causes", "end"),
    [
        (10, "jobs", ("consumer_failing",), 10),  # changed an interval after the last failure
        (10, "other", ("consumer_failing",), 9),
        (10, "jobs", ("throttled",), 9),
        (6, "jobs", ("consumer_failing",), 9),  # not after the start
    ],
)
def test_a_change_that_ends_a_cause_dates_its_end(undone, queue, causes, end):
    found = judge([signals("jobs", *CODE)], [Undoing(at(undone), queue, causes)])
    assert found.likeliest == "consumer_failing"
    assert (found.span.start, found.end) == (at(6), at(end))


def test_a_change_after_all_was_well_again_ended_nothing():
    well = tuple(replace(one, span=replace(one.span, until=at(9))) for one in CODE)
    late = judge([signals("jobs", *well)], [Undoing(at(40), "jobs", ("consumer_failing",))])
    assert late.end == at(9)
    open_ = tuple(replace(one, span=replace(one.span, end=None)) for one in CODE)
    found = judge([signals("jobs", *open_)], [Undoing(at(10), "jobs", ("consumer_failing",))])
    assert found.end is None


def test_a_recorded_change_dates_the_start_of_what_it_brought():
    changed = seen("function_changed", start=4, event="UpdateFunctionCode")
    found = judge([signals("jobs", *CODE, changed)])
    assert found.leads["consumer_failing"] == changed
    assert (found.span, found.end) == (changed.span, at(9))
    assert found.shown_by["consumer_failing"] == "jobs"


def test_the_worst_queue_that_shows_a_cause_is_the_one_that_it_is_judged_by():
    found = judge([signals("worst", seen("polled", "worst")), signals("jobs", *CODE)])
    assert found.shown_by["consumer_failing"] == "jobs"
    assert found.shown_by["mapping_disabled"] == "worst"
    calm = judge([signals("jobs", *CODE, harmed=False)])
    assert (calm.span, calm.end, dict(calm.shown_by), dict(calm.leads)) == (None, None, {}, {})


def analysed(**facts):
    queue = queue_of(frame_of(dlq_visible=[0.0] * 12), **facts)
    return queue


def test_patterns_state_their_effect_and_their_sentence():
    found = _item(analysed(by_item=Counter(a=9, b=1, c=1, d=1)), Translated("device", "機器"))
    assert (found["pattern"], found["effect"], found["effect_unit"], found["chance"]) == (
        "one item", 0.75, "share", None
    )  # fmt: skip
    assert messages_in(found["says"])["pattern-says-item"]["share"] == 0.75
    assert messages_in(found["says"])["pattern-says-item"]["even"] == 0.25
    drift = SimpleNamespace(
        growth=2.0, hours=36.0, correlation=0.9, steepest_share=0.2, before_s=1.0, after_s=2.0,
        start_low=at(1), start_high=at(2),
    )  # fmt: skip
    found = _latency_drift(analysed(drift=drift, settings={"function_timeout_s": 30.0}))
    assert {name: found[name] for name in ("pattern", "effect", "effect_unit", "chance")} == {
        "pattern": "creeping run time", "effect": 2.0, "effect_unit": "ratio", "chance": None
    }  # fmt: skip
    texts = messages_in(found["says"])
    assert texts["pattern-says-drift"] == {"function": "worker", "before": 1.0, "after": 2.0, "days": 1.5}
    assert texts["pattern-says-timeout"] == {"timeout": 30.0}
    assert texts["pattern-says-began"] == {"earliest": at(1), "latest": at(2)}
    assert "pattern-says-timeout" not in messages_in(_latency_drift(analysed(drift=drift))["says"])
    assert _latency_drift(analysed()) is None
    nothing = queue_of(frame_of(dlq_visible=[]))
    assert _weekday(nothing, pd.DataFrame({"sent_at": []}), parse_zone("UTC")) is None

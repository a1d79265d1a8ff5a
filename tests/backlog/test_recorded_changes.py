"""Recorded changes: what they are called, what they touch and which of them fit a trouble."""

from worlds.messages import messages_in, plain
from worlds.one_queue import Tables, event, pipeline_of
from worlds.queue_contexts import at
from worlds.together import together

from watchme_analysis.backlog import changes
from watchme_analysis.backlog.changes import Change
from watchme_analysis.text.message import message

RAN = {"invocations": [1.0] * 12}


OTHER = pipeline_of(queue="other", dlq="other-dlq", **RAN)


def recorded(*events, pipelines=None):
    mappings = [{"uuid": "u-1", "queue": "jobs", "function": "worker"}]
    tables = Tables(changes=list(events), event_source_mappings=mappings)
    return changes.recorded_changes(tables, pipelines or (pipeline_of(**RAN), OTHER))


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
    pipeline = pipeline_of(**RAN)
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
    pipeline = pipeline_of(settings={"visibility_timeout_s": 180.0}, **RAN)
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
    assert len(changes.state_changes(tables, (pipeline_of(**RAN),), ())) == is_found

"""Recorded changes: what they are called, what they touch and which of them fit a trouble."""

from worlds.messages import plain
from worlds.one_queue import Tables, event, pipeline_of
from worlds.queue_contexts import at
from worlds.together import together

from watchme_analysis.backlog import changes

RAN = {"invocations": [1.0] * 12}


OTHER = pipeline_of(queue="other", dlq="other-dlq", **RAN)


def recorded(*events, pipelines=None):
    mappings = [{"uuid": "u-1", "queue": "jobs", "function": "worker"}]
    tables = Tables(changes=list(events), event_source_mappings=mappings)
    return changes.recorded_changes(tables, pipelines or (pipeline_of(**RAN), OTHER))


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

"""Work named by messages, the lines that send them again, and what the log and the counters prove done."""

import json
from dataclasses import replace

import pandas as pd
from worlds.one_queue import INTERVAL, analysis, balance, pipeline_of
from worlds.one_queue import Tables as Given
from worlds.queue_contexts import at
from worlds.together import together

from watchme_analysis.config import WorkItemSettings
from watchme_analysis.queues import redrive_list, work_done, work_items
from watchme_analysis.queues.dlq_stock import DeadLetterStock
from watchme_analysis.queues.work_done import Done, Failed, moment_key, surely_ran

KEYS = WorkItemSettings(item_keys=("device",), time_keys=("at",), day_keys=("day",), time_zone="Asia/Tokyo")


class Tables(Given):
    """Tables whose messages name devices, moments and days."""

    work_items = KEYS


@together(
    ("content", "key", "expected"),
    [
        # A moment of the evening in UTC is of the next day in Tokyo.
        ({"at": "2026-11-24T16:00:00Z"}, None, ("2026-11-24T16:00:00Z", "2026-11-25")),
        ({"at": "2026-11-24T16:00:00"}, None, ("2026-11-24T16:00:00", "2026-11-24")),
        ({"at": "2026-11-24"}, None, ("2026-11-24", "2026-11-24")),
        ({"at": "soon"}, None, ("soon", None)),
        ({"day": "2026-11-23", "at": "2026-11-24T16:00:00Z"}, None, ("2026-11-24T16:00:00Z", "2026-11-23")),
        ({"day": "2026-11-23"}, "2026-11-24", (None, "2026-11-23")),
        ({}, "2026-11-24T16:00:00Z", ("2026-11-24T16:00:00Z", "2026-11-25")),
        ({"file": "/a/2026-11-22/b"}, None, (None, "2026-11-22")),
        ({"file": "/a/b"}, None, (None, None)),
        ({"file": "/a/2026-11-22/b"}, "2026-11-24", ("2026-11-24", "2026-11-24")),
    ],
)
def test_the_moment_and_the_local_day_of_work(content, key, expected):
    assert work_items._work_of(content, key, KEYS) == expected


@together(
    ("body", "key"),
    [
        ('{"day": "2026-11-23", "at": "x"}', "2026-11-23"),
        ('{"at": "x"}', "x"),
        ("{}", None),
        ("[1]", None),
        ("{", None),
        (None, None),
    ],
)
def test_the_key_of_work_is_its_day_or_its_moment(body, key):
    assert work_items.key_in_body(body, KEYS) == key


def test_a_message_becomes_a_row_with_its_work_and_its_fate():
    body = json.dumps({"device": "d-1", "at": "2026-11-24T10:00:00Z"})
    common = {
        "work_item": "d-1", "work_key": "2026-11-24T10:00:00Z", "receive_count": 4, "group_id": "g",
        "deduplication_id": "dd", "source_queue": "jobs",
    }  # fmt: skip
    messages = [
        common | {"queue": "jobs-dlq", "message_id": "m-1", "sent_at": at(1), "body": body},
        common | {"queue": "jobs", "message_id": "m-2", "sent_at": at(2), "body": body, "source_queue": None},
        common | {"queue": "jobs-dlq", "message_id": "m-3", "sent_at": at(-1), "body": body},
        common | {"queue": "elsewhere", "message_id": "m-4", "sent_at": at(1), "source_queue": "unknown"},
    ]
    events = [
        event("r-1", "application", "messageId=m-1"),
        event("r-1", "error", "HTTPError: 404 Client Error", error_type="HTTPError"),
    ]
    settings = {"retention_s": 600.0, "dlq_retention_s": 6000.0}
    held = balance(dead_letters=DeadLetterStock(moved=1, held=1))
    signs = (analysis(pipeline_of(sent=[1.0] * 12, settings=settings), balance=held, failures=INTERVAL),)
    found = work_items.message_work(Tables(queue_messages=messages, log_events=events), signs)
    rows = [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in found.to_dict("records")
    ]
    dead = {
        "queue": "jobs", "state": "dead_lettered", "message_id": "m-1", "work_item": "d-1",
        "work_time": "2026-11-24T10:00:00Z", "work_date": "2026-11-24", "sent_at": pd.Timestamp(at(1)),
        "receive_count": 4, "processed": None, "recoverable": None,
        "expires_at": pd.Timestamp(at(21)), "passed_retention": False, "before_window": False,
        "group_id": "g", "deduplication_id": "dd", "body": body,
    }  # fmt: skip
    assert [row["message_id"] for row in rows] == ["m-1", "m-2", "m-3"]
    named = rows[0]["recoverable"]
    assert rows[0] | {"recoverable": None} == dead
    assert named in (None, False)
    assert rows[1] == dead | {
        "state": "waiting", "message_id": "m-2", "sent_at": pd.Timestamp(at(2)),
        "expires_at": pd.Timestamp(at(4)), "passed_retention": True,
    }  # fmt: skip
    assert rows[2]["before_window"] is True
    kinds = {name: str(kind) for name, kind in found.dtypes.items()}
    assert kinds["receive_count"] == "Int64" and kinds["processed"] == kinds["before_window"] == "boolean"
    assert kinds["sent_at"] == kinds["expires_at"] == "datetime64[us, UTC]" and kinds["body"] == "string"


def test_pairs_of_work_are_distinct_sorted_and_complete():
    rows = [
        ("b", None, "2"), ("a", "1 10:00", "1"), ("a", "1 11:00", "1"), ("a", "1 11:00", "1"),
        (None, "1", "1"), ("a", None, None),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["work_item", "work_time", "work_date"])
    # Moments of one day are different work; a day stands for a moment that is not stated.
    assert work_items.work_pairs(frame) == [["a", "1 10:00"], ["a", "1 11:00"], ["b", "2"]]
    assert work_items.day_pairs(frame) == [["a", "1"], ["b", "2"]]


@together(
    ("message_id", "function", "item", "key", "done"),
    [
        ("m-1", None, None, None, True),
        ("m-2", "f", "d", "2026-11-24T10:00:00Z", True),
        ("m-2", "f", "d", "2026-11-24T19:00:00+09:00", True),
        ("m-2", "g", "d", "2026-11-24T10:00:00Z", False),
        ("m-2", "f", "e", "2026-11-24T10:00:00Z", False),
        ("m-2", "f", None, "2026-11-24T10:00:00Z", False),
        ("m-2", "f", "d", None, False),
    ],
)
def test_work_is_done_by_its_message_or_its_item_and_moment(message_id, function, item, key, done):
    known = Done(frozenset({"m-1"}), frozenset({("f", "d", moment_key("2026-11-24T10:00:00Z"))}))
    assert known.has(message_id, function, item, key) is done
    assert moment_key("2026-11-24") == "2026-11-24" and moment_key("half past ten") == "half past ten"


def event(request, kind, message="", **more):
    return {"request_id": request, "kind": kind, "function": "worker", "message": message} | more


ID, OTHER = (f"00000000-0000-4000-8000-00000000000{place}" for place in (1, 2))


def test_invocations_that_ended_well_did_the_work_that_they_named():
    events = [
        event("r-1", "application", f"messageId={ID} device=d at=2026-11-24T10:00:00Z"), event("r-1", "end"),
        event("r-2", "application", f"messageId={OTHER} device=e at=2026-11-24"), event("r-2", "end"),
        event("r-2", "error", "KeyError: 'x'", error_type="KeyError"),
        event("r-3", "application", "device=f at=2026-11-24"),  # has not ended
        event(None, "application", "device=g at=2026-11-24"),
    ]  # fmt: skip
    found = work_done.work_done(Tables(log_events=events))
    assert found.messages == {ID}
    assert found.work == {("worker", "d", moment_key("2026-11-24T10:00:00Z"))}
    assert work_done.work_done(Tables()) == Done()
    assert work_done.failed_with(Tables(log_events=events)) == {OTHER: Failed("KeyError", "KeyError: 'x'")}


def counted(failed=(), settings=None, received=4.0, **columns):
    """Return a queue whose messages are received three times, hidden for an interval each time."""
    usual = {
        "received": [received] * 40, "invocations": [4.0] * 40, "deleted": [0.0] * 40,
        "throttles": [0.0] * 40,
        "failed": [1.0 if place in failed else 0.0 for place in range(40)], "visible": [0.0] * 40,
    }  # fmt: skip
    known = {"max_receive_count": 3, "visibility_timeout_s": 300.0} | (settings or {})
    return pipeline_of(settings=known, **usual | columns)


@together(
    ("pipeline", "sent", "ran"),
    [
        # It was received from the tenth interval to the thirteenth, with an interval of slack on both sides.
        (counted(), 10, True),
        (counted([9, 14]), 10, True),
        (counted([9, 12, 14]), 10, False),
        (counted([8, 9, 14]), 10, True),
        (counted([9, 14, 15]), 10, True),
        (counted(), None, False),
        (counted(), -1, False),
        (counted(settings={"max_receive_count": None}), 10, False),
        (counted(settings={"visibility_timeout_s": None}), 10, False),
        (counted(received=0.0), 10, False),
        (counted(received=4.09), 10, False),  # invocations for fewer than 98 % of the receives
        (counted(received=4.08), 10, True),
        (counted(received=8.0, deleted=[8.0] * 40), 10, True),
        # While messages were visible, it may have waited for its receive.
        (counted([12, 17, 18], visible=[9.0 if 10 <= k < 15 else 0.0 for k in range(40)]), 10, False),
        (
            counted([9, 12, 20], settings={"function_timeout_s": 300.0}),
            10,
            False,
        ),  # six timeouts hide it longer
    ],
)
def test_fewer_failures_than_receives_prove_that_a_message_ran_well(pipeline, sent, ran):
    assert surely_ran(pipeline)(None if sent is None else at(sent)) is ran
    unknown = replace(pipeline, queried=pipeline.queried - {"failed"})
    assert surely_ran(unknown)(at(10)) is False


def row(**more):
    return {
        "queue": "jobs", "message_id": "m", "body": "{}", "message_attributes": None, "group_id": None,
        "work_item": None, "deduplication_id": None, "processed": None, "recoverable": True,
    } | more  # fmt: skip


ORIGINAL = {"resent_message_id": {"DataType": "String", "StringValue": "m"}}


@together(
    ("given", "more"),
    [
        (row(), {"MessageAttributes": ORIGINAL}),
        (row(message_attributes='{"a": {"b": "c"}}'), {"MessageAttributes": {"a": {"b": "c"}} | ORIGINAL}),
        (row(message_attributes="[1]"), {"MessageAttributes": ORIGINAL}),
        (row(message_id=None), {"MessageAttributes": {}}),
        # With ten attributes there is no room for another.
        (
            row(message_attributes=json.dumps(dict.fromkeys("abcdefghij", 1))),
            {"MessageAttributes": dict.fromkeys("abcdefghij", 1)},
        ),
        (
            row(message_attributes=dict.fromkeys("abcdefghi", 1)),
            {"MessageAttributes": dict.fromkeys("abcdefghi", 1) | ORIGINAL},
        ),
    ],
)  # fmt: skip
def test_a_line_sends_the_body_with_its_attributes_and_the_original_id(given, more):
    urls = {"jobs": "https://sqs.example.com/123456789012/jobs"}
    assert (
        json.loads(redrive_list._line(given, urls)) == {"QueueUrl": urls["jobs"], "MessageBody": "{}"} | more
    )
    assert json.loads(redrive_list._line(given, {}))["QueueUrl"] == "URL_OF_jobs"


@together(
    ("more", "group", "deduplication"),
    [
        ({"group_id": "g", "deduplication_id": "d", "work_item": "w"}, "g", "d"),
        ({"work_item": "w"}, "w", "m"),
        ({}, "m", "m"),
    ],
)
def test_a_line_of_a_fifo_queue_has_a_group_and_a_deduplication_id(more, group, deduplication):
    found = json.loads(redrive_list._line(row(queue="jobs.fifo", **more), {}))
    assert (found["MessageGroupId"], found["MessageDeduplicationId"]) == (group, deduplication)
    alone = json.loads(redrive_list.message_line("https://sqs.example.com/1/jobs.fifo/", "m", "é", None, "g"))
    assert alone == {
        "QueueUrl": "https://sqs.example.com/1/jobs.fifo/", "MessageBody": "é", "MessageGroupId": "g",
        "MessageDeduplicationId": "m", "MessageAttributes": ORIGINAL,
    }  # fmt: skip


def test_urls_are_those_of_arns_with_region_and_account():
    queues = [
        {
            "queue": name, "arn": f"arn:{partition}:sqs:{region}:123456789012:{name}", "region": region,
            "account_id": "123456789012",
        }
        for name, partition, region in (("a", "aws", "eu-west-1"), ("b", "aws-cn", "cn-north-1"))
    ]  # fmt: skip
    queues.append({"queue": "c"})
    assert redrive_list._urls(Tables(queues=queues)) == {
        "a": "https://sqs.eu-west-1.amazonaws.com/123456789012/a",
        "b": "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/b",
    }
    old = Tables()
    old.tables["queue_messages"] = pd.DataFrame({"message_id": ["m"]})
    assert redrive_list._given_attributes(old) == {}

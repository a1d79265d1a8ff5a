import json

import pandas as pd
import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.aws_shapes import cloudtrail, lambda_functions, sqs
from watchme_analysis.aws_shapes.names import (
    region_of,
)
from watchme_analysis.case.importer import import_folder
from watchme_analysis.case.opening import open_case
from watchme_analysis.config import WorkItemSettings
from watchme_analysis.files.evidence_file import RawFile, TablePart
from watchme_analysis.text.message import message_of

ARN = "arn:aws:sqs:ap-southeast-2:123456789012:"


@pytest.fixture
def raw(tmp_path):
    def write(name, value):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return RawFile(tmp_path, name)

    return write


def only(result):
    return TablePart("", *result)


def message(name, count, body='{"device_id": "d1", "recorded_at": "2025-12-11T10:30:00+09:00"}'):
    attributes = {
        "ApproximateReceiveCount": str(count),
        "SentTimestamp": "1764667186984",
        "DeadLetterQueueSourceArn": ARN + "sed-queue",
    }
    return {"MessageId": name, "Body": body, "Attributes": attributes}


def test_messages_of_batches_are_kept_once_with_the_highest_count(raw):
    raw("queues/sed-queue-dlq.json", {"Attributes": {"QueueArn": ARN + "sed-queue-dlq"}})
    batches = [{"Messages": [message("a", 4), message("b", 4)]}, {"Messages": [message("a", 5)]}]
    piece = only(sqs.read_messages(raw("queues/sed-queue-dlq-messages.json", batches)))
    frame, notes = sqs.finish("queue_messages", piece.frame)
    assert frame.set_index("message_id").receive_count.to_dict() == {"b": 4, "a": 5}
    assert frame.queue.unique().tolist() == ["sed-queue-dlq"]
    assert frame.source_queue.unique().tolist() == ["sed-queue"]
    assert frame.sent_at.iloc[0] == pd.Timestamp("2025-12-02T09:19:46.984Z")
    assert notes and notes[0].startswith("1 ")


KEYS = WorkItemSettings(("device_id",), ("recorded_at",), ("local_date",))


@pytest.mark.parametrize(
    ("body", "item"),
    [
        ({"device_id": "d", "local_date": "2025-12-11", "recorded_at": "t"}, ("d", "t")),
        ({"device_id": "d", "local_date": "2025-12-11"}, ("d", "2025-12-11")),
        ({"Type": "Notification", "Message": json.dumps({"device_id": "d", "recorded_at": "t"})}, ("d", "t")),
        ({"Records": [{"body": {"device_id": 7}}]}, ("7", None)),
        ("no json at all", (None, None)),
    ],
)
def test_work_items(body, item):
    assert sqs.work_item(body if isinstance(body, str) else json.dumps(body), KEYS) == item


CONFIGURATION = {
    "FunctionName": "sed-worker",
    "FunctionArn": "arn:aws:lambda:ap-southeast-2:123456789012:function:sed-worker",
    "Handler": "lambda_function.lambda_handler",
    "Timeout": 60,
    "Role": "arn:aws:iam::123456789012:role/service-role/worker-role",
    "LastModified": "2025-11-08T19:44:46.000+0000",
}


@pytest.mark.parametrize(("printed", "known"), [("{}", True), ("", True), (None, False)])
def test_no_reservation_is_distinguished_from_not_requested(raw, printed, known):
    if printed is not None:
        beside = raw("functions/sed-worker-concurrency.json", printed)
    function = raw("functions/sed-worker.json", CONFIGURATION)
    row = only(lambda_functions.read_function(function)).frame.iloc[0]
    assert pd.isna(row.reserved_concurrency)
    assert bool(row.concurrency_known) is known
    if printed is not None:
        assert only(lambda_functions.read_concurrency(beside)).frame.empty


def imported(tmp_path, table):
    return open_case(import_folder(tmp_path / "evidence", tmp_path / "case").case.path).table(table)


@pytest.mark.parametrize(
    "name", ["functions/all.json", "functions/list-functions.json", "all-functions.json", "functions.json"]
)
def test_each_function_of_a_list_is_one(raw, tmp_path, name):
    (tmp_path / "evidence").mkdir()
    arn = CONFIGURATION["FunctionArn"].replace("sed-worker", "asr-worker")
    other = {"FunctionName": "asr-worker", "FunctionArn": arn, "Runtime": "python3.12", "Timeout": 30}
    raw(f"evidence/{name}", {"Functions": [CONFIGURATION, other]})
    folder = f"evidence/{name}".rpartition("/")[0]
    raw(f"{folder}/asr-worker-concurrency.json", {"ReservedConcurrentExecutions": 2})

    found = imported(tmp_path, "functions")

    columns = ["function", "timeout_s", "log_group", "reserved_concurrency", "concurrency_known"]
    reserved = found["reserved_concurrency"].fillna(-1)
    assert found.assign(reserved_concurrency=reserved)[columns].to_numpy().tolist() == [
        ["sed-worker", 60, "/aws/lambda/sed-worker", -1, False],
        ["asr-worker", 30, "/aws/lambda/asr-worker", 2, True],
    ]


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ({"Functions": [{"Timeout": 3}, "asr-worker", CONFIGURATION]}, 2),
        ({"Functions": [CONFIGURATION, {"Functions": []}]}, 1),
        ([CONFIGURATION, {"Configuration": None}], 1),
    ],
)
def test_entries_without_a_name_are_rejected_and_counted(raw, value, problems):
    piece = only(lambda_functions.read_function(raw("functions/all.json", value)))
    assert piece.frame["function"].tolist() == ["sed-worker"]
    assert len(piece.retrieval.rejected) == problems


def plain(frame):
    """Return the columns of each row that have a value."""
    found = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{name: value for name, value in row.items() if value is not None} for row in found]


def notes_of(notes):
    found = [messages_in(message_of(each)) for each in notes]
    inner = [each["note-of-file"]["note"] if "note-of-file" in each else next(iter(each)) for each in found]
    return [(name, each[name]) for name, each in zip(inner, found, strict=True)]


EVENT = {
    "eventTime": "2025-12-11T01:00:00Z",
    "eventID": "e1",
    "eventName": "UpdateFunctionConfiguration20150331v2",
    "eventSource": "lambda.amazonaws.com",
    "userIdentity": {"arn": "arn:aws:iam::123456789012:user/ann"},
    "readOnly": False,
    "requestParameters": {
        "functionName": "worker",
        "environment": {"variables": {"API_TOKEN": "abc"}, "x": 1},
    },
    "responseElements": {"functionArn": "arn:aws:lambda:r:1:function:worker", "roleName": "r"},
    "errorCode": "Denied",
}


def test_an_event_of_a_trail_and_of_a_lookup(raw):
    """The log file of a trail has the record alone, a lookup its text and a summary."""
    expected = {
        "file": "cloudtrail.json",
        "time": pd.Timestamp("2025-12-11T01:00Z"),
        "event_id": "e1",
        "event_name": EVENT["eventName"],
        "event_source": "lambda.amazonaws.com",
        "user": "arn:aws:iam::123456789012:user/ann",
        "read_only": False,
        "resources": '["listed", "worker", "r"]',
        "resource": "listed",
        "parameters": '{"environment": {"variables": {"API_TOKEN": "***"}, "x": 1}, '
        '"functionName": "worker"}',
        "error_code": "Denied",
    }
    record = EVENT | {"resources": [{"ARN": "arn:aws:sns:r:1:listed"}, {}, 5]}
    piece = only(cloudtrail.read_events(raw("cloudtrail.json", {"Records": [record]})))
    assert plain(piece.frame) == [expected]
    looked_up = {
        "EventId": "e2",
        "EventName": "PurgeQueue",
        "EventTime": "2025-12-11T02:00:00Z",
        "EventSource": "sqs.amazonaws.com",
        "Username": "bob",
        "ReadOnly": "true",
        "Resources": [{"ResourceName": "listed"}],
        "CloudTrailEvent": json.dumps(EVENT),
    }
    damaged = {"EventId": "e3", "CloudTrailEvent": "{"}
    value = {"Events": [looked_up, damaged], "NextToken": "t"}
    piece = only(cloudtrail.read_events(raw("cloudtrail.json", value)))
    assert plain(piece.frame) == [
        expected
        | {
            "event_id": "e2",
            "event_name": "PurgeQueue",
            "time": pd.Timestamp("2025-12-11T02:00Z"),
            "event_source": "sqs.amazonaws.com",
            "user": "bob",
            "read_only": True,
        },
        {"file": "cloudtrail.json", "event_id": "e3"},
    ]
    assert notes_of(piece.retrieval.notes) == [
        ("note-entries-missing", {}),
        ("note-untimed", {"entries": 1}),
        ("note-events-damaged", {"events": 1}),
    ]
    assert piece.retrieval.truncated
    frame = pd.DataFrame({"event_id": ["a", None, "a", None]})
    kept, notes = cloudtrail.finish("changes", frame)
    assert kept["event_id"].isna().tolist() == [False, True, True]
    assert notes_of(notes) == [("note-repeated-events", {"repeated": 1, "table": "changes"})]


def test_every_column_of_a_function_and_of_a_mapping(raw):
    configuration = CONFIGURATION | {
        "Environment": {"Variables": {"API_TOKEN": "abc"}},
        "Runtime": "python3.12",
        "MemorySize": 256,
        "CodeSha256": "c",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "LoggingConfig": {"LogGroup": "/own"},
    }
    full = {"Configuration": configuration, "Concurrency": {"ReservedConcurrentExecutions": 5}}
    (row,) = plain(only(lambda_functions.read_function(raw("functions/a.json", full))).frame)
    assert row == {
        "file": "functions/a.json",
        "function": "sed-worker",
        "arn": CONFIGURATION["FunctionArn"],
        "role": "worker-role",
        "runtime": "python3.12",
        "handler": "lambda_function.lambda_handler",
        "timeout_s": 60.0,
        "memory_mb": 256.0,
        "code_sha256": "c",
        "last_modified": pd.Timestamp("2025-11-08T19:44:46Z"),
        "state": "Active",
        "last_update_status": "Successful",
        "environment": '{"API_TOKEN": "***"}',
        "log_group": "/own",
        "reserved_concurrency": 5,
        "concurrency_known": True,
    }
    # get-function leaves the concurrency out if none is reserved.
    (row,) = plain(
        only(lambda_functions.read_function(raw("functions/a.json", {"Configuration": {"Timeout": 3}}))).frame
    )
    assert (row["function"], row["concurrency_known"], row.get("reserved_concurrency")) == ("a", True, None)
    piece = only(
        lambda_functions.read_function(raw("functions/a.json", [{"Timeout": 3}, {}, {"Timeout": 4}]))
    )
    assert (len(piece.frame), len(piece.retrieval.rejected)) == (0, 3)
    mapping = {
        "UUID": "u",
        "EventSourceArn": ARN + "jobs",
        "State": "Enabled",
        "StateTransitionReason": "USER",
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 5,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "FilterCriteria": {"Filters": []},
        "LastModified": 1765411200,
    }
    for name, function in (("functions/worker-mappings.json", "worker"), ("functions/esm.json", None)):
        (row,) = plain(only(lambda_functions.read_mappings(raw(name, mapping))).frame)
        expected = {
            "file": name,
            "function": function,
            "uuid": "u",
            "source_arn": ARN + "jobs",
            "queue": "jobs",
            "state": "Enabled",
            "state_reason": "USER",
            "batch_size": 10,
            "batching_window_s": 5.0,
            "response_types": '["ReportBatchItemFailures"]',
            "last_modified": pd.Timestamp("2025-12-11T00:00Z"),
        }
        assert row == {key: value for key, value in expected.items() if value is not None}


@together(
    ("host", "region"),
    [
        ("sqs.eu-west-1.amazonaws.com", "eu-west-1"),
        ("sqs-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("sqs.ap-northeast-1.api.aws", "ap-northeast-1"),
        ("vpce-0abc-1234.sqs.us-east-2.vpce.amazonaws.com", "us-east-2"),
        ("eu-west-1.queue.amazonaws.com", "eu-west-1"),
        ("queue.amazonaws.com", "us-east-1"),
        ("127.0.0.1:5000", None),
        ("queues.example.com", None),
    ],
)
def test_each_form_of_a_url_states_its_region(host, region):
    assert region_of(f"https://{host}/123456789012/uploads") == region
    assert region_of("arn:aws:sns:eu-west-1:1:x") == "eu-west-1"
    assert region_of("arn:aws:s3:::b") is region_of("uploads") is None

import json

import pandas as pd
import pytest
from worlds.together import together

from watchme_analysis.aws_shapes import alarms, cloudtrail, lambda_functions, sqs
from watchme_analysis.aws_shapes.names import log_group_function, resource_name
from watchme_analysis.case.importer import import_folder
from watchme_analysis.case.opening import open_case
from watchme_analysis.config import WorkItemSettings
from watchme_analysis.files.evidence_file import RawFile, TablePart

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


@together(
    ("text", "name"),
    [
        ("arn:aws:lambda:ap-southeast-2:123456789012:function:sed-worker:$LATEST", "sed-worker"),
        (ARN + "sed-queue-v2.fifo", "sed-queue-v2.fifo"),
        ("https://sqs.ap-southeast-2.amazonaws.com/123456789012/sed-queue", "sed-queue"),
        ("arn:aws:iam::123456789012:role/worker-role", "worker-role"),
        ("arn:aws:cloudwatch:ap-southeast-2:123456789012:alarm:dlq: visible", "dlq: visible"),
        ("arn:aws:logs:ap-southeast-2:123456789012:log-group:/aws/lambda/a:*", "/aws/lambda/a"),
        ("sed-queue", "sed-queue"),
    ],
)
def test_names(text, name):
    assert resource_name(text) == name


def test_functions_of_log_groups():
    assert log_group_function("/aws/lambda/a") == "a"
    assert log_group_function("123456789012:/aws/lambda/a") == "a"
    assert log_group_function("/ecs/api") is None


@pytest.mark.parametrize("attributes", [{}, ["QueueArn"], "none"])
def test_queue_attributes_that_say_nothing_make_no_queue(raw, attributes):
    piece = only(sqs.read_queue(raw("queues/sed-queue.json", {"Attributes": attributes})))
    assert piece.frame.empty
    assert len(piece.retrieval.rejected) == 1


def test_a_redrive_policy_that_is_torn_is_reported(raw):
    def notes(policy):
        attributes = {"QueueArn": ARN + "sed-queue", "RedrivePolicy": policy}
        piece = only(sqs.read_queue(raw("queues/sed-queue.json", {"Attributes": attributes})))
        assert len(piece.frame) == 1
        return piece.retrieval.notes

    assert "the RedrivePolicy of sed-queue can't be read" in notes('{"deadLetterTargetArn":')[0]
    assert notes('{"maxReceiveCount": 3}') == notes("") == ()


def test_queue_attributes(raw):
    redrive = json.dumps({"deadLetterTargetArn": ARN + "sed-queue-dlq", "maxReceiveCount": "3"})
    attributes = {
        "QueueArn": ARN + "sed-queue",
        "VisibilityTimeout": "300",
        "ApproximateNumberOfMessages": "49",
        "CreatedTimestamp": "1751661605",
        "RedrivePolicy": redrive,
    }
    row = only(sqs.read_queue(raw("queues/any.json", {"Attributes": attributes}))).frame.iloc[0]
    assert (row.queue, row.dlq, row.max_receive_count, row.visible) == ("sed-queue", "sed-queue-dlq", 3, 49)
    assert (row.region, row.account_id) == ("ap-southeast-2", "123456789012")
    assert row.created_at == pd.Timestamp(1751661605, unit="s", tz="UTC")
    assert pd.isna(row.in_flight)
    assert not row.is_fifo


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


def test_batches_appended_to_one_file(raw):
    text = json.dumps({"Messages": [message("a", 1)]}) + "\n" + json.dumps({"Messages": [message("b", 1)]})
    piece = only(sqs.read_messages(raw("queues/q-messages.json", text)))
    assert piece.frame.message_id.tolist() == ["a", "b"]
    assert not piece.retrieval.truncated


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


def test_no_messages_is_no_error(raw):
    piece = only(sqs.read_messages(raw("queues/q-messages.json", "")))
    assert piece.frame.empty
    assert sqs.SOURCES[0].looks_like(raw("queues/q-messages.json", ""))


CONFIGURATION = {
    "FunctionName": "sed-worker",
    "FunctionArn": "arn:aws:lambda:ap-southeast-2:123456789012:function:sed-worker",
    "Handler": "lambda_function.lambda_handler",
    "Timeout": 60,
    "Role": "arn:aws:iam::123456789012:role/service-role/worker-role",
    "LastModified": "2025-11-08T19:44:46.000+0000",
    "Environment": {
        "Variables": {
            "API_URL": "http://192.0.2.7:8017",
            "OPENAI_API_KEY": "abc",
            "supabaseToken": "abc",
            "MONKEY": "banana",
            "DATABASE_URL": "postgres://user:hunter2@db.example.com/x",
            "BLOB": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9x8Qz7Kp2",
            "QUEUE_URL": "https://sqs.ap-southeast-2.amazonaws.com/123456789012/watchme-sed-queue-v2.fifo",
        }
    },
}


def test_function_with_its_concurrency_and_masked_secrets(raw):
    raw("functions/sed-worker-concurrency.json", {"ReservedConcurrentExecutions": 2})
    row = only(lambda_functions.read_function(raw("functions/sed-worker.json", CONFIGURATION))).frame.iloc[0]
    assert (row.function, row.timeout_s, row.reserved_concurrency) == ("sed-worker", 60, 2)
    assert (row.log_group, row.role) == ("/aws/lambda/sed-worker", "worker-role")
    environment = json.loads(row.environment)
    assert environment["OPENAI_API_KEY"] == environment["supabaseToken"] == environment["BLOB"] == "***"
    assert environment["DATABASE_URL"] == "postgres://***@db.example.com/x"
    assert environment["MONKEY"] == "banana"
    assert environment["API_URL"] == "http://192.0.2.7:8017"
    assert environment["QUEUE_URL"].endswith(".fifo")


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


def test_mappings(raw):
    mapping = {
        "UUID": "u",
        "EventSourceArn": ARN + "sed-queue",
        "FunctionArn": CONFIGURATION["FunctionArn"] + ":live",
        "State": "Disabled",
        "ScalingConfig": {"MaximumConcurrency": 5},
        "FilterCriteria": {"Filters": [{"Pattern": '{"body": {"kind": ["audio"]}}'}]},
    }
    stream = {"UUID": "v", "EventSourceArn": "arn:aws:kinesis:ap-southeast-2:123456789012:stream/s"}
    value = {"EventSourceMappings": [mapping, stream]}
    frame = only(lambda_functions.read_mappings(raw("functions/sed-worker-mappings.json", value))).frame
    assert frame.queue.fillna("-").tolist() == ["sed-queue", "-"]
    assert frame.function.tolist() == ["sed-worker", "sed-worker"]
    assert frame.max_concurrency.iloc[0] == 5
    assert frame.filters.fillna("-").tolist() == ['["{\\"body\\": {\\"kind\\": [\\"audio\\"]}}"]', "-"]


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
    "name", ["functions/mappings.json", "functions/all-mappings.json", "functions/esm.json", "esm.json"]
)
def test_mappings_belong_to_the_function_that_they_name(raw, tmp_path, name):
    (tmp_path / "evidence").mkdir()
    arn = CONFIGURATION["FunctionArn"]
    listed = [
        {"UUID": word, "EventSourceArn": f"{ARN}{word}-queue", "FunctionArn": arn.replace("sed", word)}
        for word in ("sed", "asr")
    ]
    raw(f"evidence/{name}", {"EventSourceMappings": listed})

    assert imported(tmp_path, "functions").empty
    found = imported(tmp_path, "event_source_mappings")
    assert found[["function", "queue"]].to_numpy().tolist() == [
        ["sed-worker", "sed-queue"],
        ["asr-worker", "asr-queue"],
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


def test_a_page_of_a_list_says_that_functions_are_missing(raw):
    value = {"Functions": [CONFIGURATION], "NextMarker": "more"}
    assert only(lambda_functions.read_function(raw("functions/all.json", value))).retrieval.truncated


def test_a_move_task_is_about_the_queue_that_it_empties():
    call = {"eventName": "StartMessageMoveTask", "requestParameters": {"sourceArn": ARN + "sed-queue-dlq"}}
    row = cloudtrail.change_row("cloudtrail.json", {"CloudTrailEvent": json.dumps(call)})
    assert row["resource"] == "sed-queue-dlq"


def test_metric_math_and_composite_alarms(raw):
    def metric(name):
        dimensions = [{"Name": "FunctionName", "Value": "sed-worker"}]
        stat = {"Metric": {"MetricName": name, "Dimensions": dimensions}, "Period": 300, "Stat": "Sum"}
        return {"Id": name.lower(), "MetricStat": stat}

    math = {
        "AlarmName": "rate",
        "Metrics": [
            {"Id": "e", "Expression": "100*errors/invocations"},
            metric("Errors"),
            metric("Invocations"),
        ],
        "Threshold": 10.0,
        "StateValue": "OK",
    }
    value = {"MetricAlarms": [math], "CompositeAlarms": [{"AlarmName": "all", "AlarmRule": "ALARM(rate)"}]}
    frame = only(alarms.read_alarms(raw("alarms.json", value))).frame.set_index("alarm")
    assert frame.loc["rate", "resource"] == "sed-worker"
    assert frame.kind.to_dict() == {"rate": "metric", "all": "composite"}


def test_alarm_history(raw):
    data = json.dumps({"oldState": {"stateValue": "OK"}, "newState": {"stateValue": "ALARM"}})
    item = {
        "AlarmName": "a",
        "Timestamp": "2025-12-11T10:00:00+09:00",
        "HistoryItemType": "StateUpdate",
        "HistoryData": data,
    }
    frame = only(alarms.read_history(raw("alarm-history.json", {"AlarmHistoryItems": [item, item]}))).frame
    kept, notes = alarms.finish("alarm_history", frame)
    assert kept[["from_state", "to_state"]].to_numpy().tolist() == [["OK", "ALARM"]]
    assert notes


def test_changes_name_each_resource_once(raw):
    detail = {
        "eventTime": "2025-12-11T01:00:00Z",
        "requestParameters": {"functionName": "sed-worker", "environment": {"variables": {"API_KEY": "x"}}},
        "errorCode": "AccessDenied",
    }
    event = {
        "EventId": "e",
        "EventName": "UpdateFunctionConfiguration20150331v2",
        "ReadOnly": "false",
        "EventTime": "2025-12-11T10:00:00+09:00",
        "Resources": [{"ResourceName": "sed-worker"}, {"ResourceName": CONFIGURATION["FunctionArn"]}],
        "CloudTrailEvent": json.dumps(detail),
    }
    frame = only(cloudtrail.read_events(raw("cloudtrail.json", {"Events": [event, event]}))).frame
    frame, notes = cloudtrail.finish("changes", frame)
    (row,) = frame.itertuples()
    assert json.loads(row.resources) == ["sed-worker"]
    assert row.error_code == "AccessDenied"
    assert row.time == pd.Timestamp("2025-12-11T01:00Z")
    assert json.loads(row.parameters)["environment"]["variables"] == {"API_KEY": "***"}
    assert notes == ["1 repeated event of changes dropped."]


def test_a_purge_is_known_by_its_queue(raw):
    url = "https://sqs.ap-southeast-2.amazonaws.com/123456789012/sed-queue"
    event = {
        "EventName": "PurgeQueue",
        "CloudTrailEvent": json.dumps({"requestParameters": {"queueUrl": url}}),
    }
    frame = only(cloudtrail.read_events(raw("cloudtrail.json", {"Events": [event]}))).frame
    assert frame.resource.tolist() == ["sed-queue"]

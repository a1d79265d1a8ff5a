"""AWS answers that are cut, mixed up or of other types: what is no row is rejected or noted."""

import json

import pytest

from watchme_analysis.aws_shapes.alarms import read_alarms, read_history
from watchme_analysis.aws_shapes.cloudtrail import read_events
from watchme_analysis.aws_shapes.lambda_functions import read_concurrency, read_function, read_mappings
from watchme_analysis.aws_shapes.metric_points import metric_data_parts
from watchme_analysis.aws_shapes.sqs import read_messages, read_queue
from watchme_analysis.files.evidence_file import RawFile, TablePart

EVENT = {"EventId": "e", "EventName": "PurgeQueue", "EventTime": "2025-12-11T01:00:00Z"}
LISTS = (
    (read_events, "Events"),
    (read_events, "Records"),
    (read_messages, "Messages"),
    (read_mappings, "EventSourceMappings"),
    (read_alarms, "MetricAlarms"),
    (read_alarms, "CompositeAlarms"),
    (read_history, "AlarmHistoryItems"),
    (metric_data_parts, "MetricDataResults"),
)


def read_documents(reader, folder, *documents, name="q-messages.json"):
    texts = [one if isinstance(one, str) else json.dumps(one) for one in documents]
    (folder / name).write_text("\n".join(texts))
    result = reader(RawFile(folder, name))
    return TablePart("", *result) if isinstance(result, tuple) else next(iter(result))


@pytest.mark.parametrize(("reader", "key"), LISTS)
def test_what_stands_where_a_list_should_is_rejected(tmp_path, reader, key):
    for odd in ({"a": 1}, "x", [None], [3]):
        found = read_documents(reader, tmp_path, {key: odd}).retrieval
        assert (found.rows, len(found.rejected)) == (0, 1), odd
    for empty in ({}, {key: None}, {key: []}, {"ResponseMetadata": {"RetryAttempts": 0}}):
        found = read_documents(reader, tmp_path, empty).retrieval
        assert (found.rows, found.rejected) == (0, ()), empty


@pytest.mark.parametrize(("reader", "key"), LISTS)
def test_a_second_document_of_another_kind_is_rejected(tmp_path, reader, key):
    found = read_documents(reader, tmp_path, {key: []}, {"Misspelt": [{"a": 1}]}).retrieval

    assert [one.text for one in found.rejected] == ['{"Misspelt": [{"a": 1}]}']


def test_strange_events_and_records_are_each_rejected_once(tmp_path):
    found = read_documents(read_events, tmp_path, {"Events": [1, EVENT], "Records": [2]}, 3).retrieval

    assert (found.rows, [one.text for one in found.rejected]) == (1, ["1", "2", "3"])


def test_events_that_can_be_read_in_part_are_noted(tmp_path):
    events = [
        EVENT | {"EventTime": "yesterday"},
        EVENT | {"CloudTrailEvent": '{"cut'},
        EVENT | {"Resources": "x", "CloudTrailEvent": '{"userIdentity": "root", "resources": 1}'},
    ]

    frame, found = read_documents(read_events, tmp_path, {"Events": events})[1:3]

    assert len(frame) == 3
    assert found.notes == (
        "q-messages.json: 1 entry without a readable time.",
        "q-messages.json: the details of 1 event can't be read.",
    )


@pytest.mark.parametrize(
    ("reader", "key", "token"),
    [
        (read_events, "Events", "NextToken"),
        (read_mappings, "EventSourceMappings", "NextMarker"),
        (read_mappings, "EventSourceMappings", "NextToken"),
        (read_alarms, "MetricAlarms", "NextToken"),
        (read_history, "AlarmHistoryItems", "NextToken"),
    ],
)
def test_a_page_of_several_is_truncated_and_the_last_one_is_not(tmp_path, reader, key, token):
    found = read_documents(reader, tmp_path, {key: [], token: "more"}).retrieval
    assert found.truncated
    assert found.notes == ("q-messages.json: entries are missing, this is one page of several (NextToken).",)
    assert not read_documents(reader, tmp_path, {key: [], token: "more"}, {key: []}).retrieval.truncated


def test_a_reservation_that_can_not_be_read_is_not_known(tmp_path):
    for text in ('{"ReservedConcurrentExecutions": "two"}', '{"ReservedConcurrentExecutions": '):
        frame, found = read_documents(read_concurrency, tmp_path, text, name="f-concurrency.json")[1:3]
        assert frame["concurrency_known"].tolist() == [False]
        assert len(found.rejected) == 1

    configuration = {"FunctionName": "f", "Environment": "x", "LoggingConfig": 1}
    frame = read_documents(read_function, tmp_path, configuration, name="f.json").frame
    assert frame["concurrency_known"].tolist() == [False]
    assert frame["log_group"].tolist() == ["/aws/lambda/f"]


def test_a_part_of_another_type_costs_itself_alone(tmp_path):
    mapping = read_documents(
        read_mappings, tmp_path, {"EventSourceMappings": [{"UUID": "u", "ScalingConfig": "x"}]}
    )
    queue = read_documents(read_queue, tmp_path, {"Attributes": {"QueueArn": 5, "VisibilityTimeout": "30"}})
    alarm = read_documents(
        read_alarms, tmp_path, {"MetricAlarms": [{"AlarmName": "a", "Metrics": [{"MetricStat": "x"}]}]}
    )
    history = read_documents(
        read_history, tmp_path, {"AlarmHistoryItems": [{"HistoryData": '{"oldState": "OK"}'}]}
    )
    points = {"Id": "m", "Timestamps": [1e30, 1765415400], "Values": [1, 2]}
    metrics = read_documents(metric_data_parts, tmp_path, {"MetricDataResults": [points]})

    assert mapping.frame["uuid"].tolist() == ["u"]
    assert queue.frame["visibility_timeout_s"].tolist() == [30]
    assert alarm.frame["alarm"].tolist() == ["a"]
    assert history.retrieval.rows == 1
    assert metrics.frame["value"].tolist() == [2]
    assert any("1 points without a readable time" in note for note in metrics.retrieval.notes)

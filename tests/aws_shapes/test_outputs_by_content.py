"""Outputs of the AWS CLI are recognised by their content, whatever their file is called."""

import json

import pytest

from watchme_analysis.case.importer import recognise
from watchme_analysis.files.evidence_file import RawFile

OUTPUTS = {
    "alarms": {
        "MetricAlarms": [{"AlarmName": "a", "ComparisonOperator": "GreaterThanThreshold"}],
        "CompositeAlarms": [],
    },
    "alarm_history": {"AlarmHistoryItems": [{"AlarmName": "a", "HistoryItemType": "StateUpdate"}]},
    "cloudtrail": {"Events": [{"EventId": "e", "EventName": "PurgeQueue", "CloudTrailEvent": "{}"}]},
    "sqs_messages": {"Messages": [{"MessageId": "a", "ReceiptHandle": "h", "Body": "{}"}]},
    "sqs_queue": {"Attributes": {"QueueArn": "arn:aws:sqs:eu-west-1:123456789012:uploads"}},
    "lambda_mappings": {
        "EventSourceMappings": [{"UUID": "u", "EventSourceArn": "arn:aws:sqs:eu-west-1:1:q"}]
    },
    "lambda_function": {"Configuration": {"FunctionName": "orders", "Handler": "a.b", "CodeSha256": "x"}},
    "xray": {"TraceSummaries": [{"Id": "1-5759e988-bd862e3fe1be46a994272793", "HasFault": True}]},
}


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("indent", [None, 4])
def test_an_output_is_recognised_by_its_content(tmp_path, name, indent):
    (tmp_path / "output-7.txt").write_text(json.dumps(OUTPUTS[name], indent=indent))

    source, reason = recognise(RawFile(tmp_path, "output-7.txt"), None)

    assert source is not None, reason
    assert source.name == name


def test_a_log_file_of_a_trail_is_recognised(tmp_path):
    record = {"eventVersion": "1.08", "eventSource": "sqs.amazonaws.com", "eventName": "PurgeQueue"}
    name = "123456789012_CloudTrail_eu-west-1_20251211T0110Z_x.json"
    (tmp_path / name).write_text(json.dumps({"Records": [record]}))

    assert recognise(RawFile(tmp_path, name), None)[0].name == "cloudtrail"

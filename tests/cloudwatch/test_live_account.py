"""Queues, functions, messages, alarms and changes as they are requested from an account."""

import pytest
from worlds.messages import messages_in
from worlds.scripted_aws import ScriptedAws

from watchme_analysis.cloudwatch.account_state import (
    sample_messages,
)

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:"
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/"


def mapping(number, queue="jobs", function="worker"):
    return {
        "UUID": str(number),
        "EventSourceArn": QUEUE + queue,
        "FunctionArn": FUNCTION + function,
    }


STREAM = {"UUID": "9", "EventSourceArn": "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"}
ATTRIBUTES = {
    "jobs": {"QueueArn": QUEUE + "jobs", "RedrivePolicy": f'{{"deadLetterTargetArn": "{QUEUE}jobs-dlq"}}'},
    "jobs-dlq": {"QueueArn": QUEUE + "jobs-dlq"},
    "other": {"QueueArn": QUEUE + "other", "RedrivePolicy": f'{{"deadLetterTargetArn": "{QUEUE}jobs-dlq"}}'},
}
# Mappings by what they are listed for. A mapping of an alias is listed for its queue alone.
MAPPINGS = {
    "worker": [mapping(1), STREAM],
    QUEUE + "jobs": [mapping(1), mapping(2, function="worker:live"), mapping(3, function="audit")],
    "audit": [mapping(3, function="audit")],
}


def account(**more):
    def listed(FunctionName=None, EventSourceArn=None):  # noqa: N803 - as boto3 names them
        return {"EventSourceMappings": MAPPINGS.get(FunctionName or EventSourceArn, [])}

    def attributes(QueueUrl, AttributeNames):  # noqa: N803 - as boto3 names them
        assert AttributeNames == ["All"]
        return {"Attributes": ATTRIBUTES[QueueUrl.rpartition("/")[2]]}

    answers = {
        "get_function_configuration": lambda **given: given,
        "list_event_source_mappings": listed,
        "get_queue_url": lambda **given: {"QueueUrl": URL + given["QueueName"]},
        "get_queue_attributes": attributes,
    }
    return ScriptedAws(**answers | more)


def message(number):
    return {"MessageId": str(number), "ReceiptHandle": f"handle {number}", "Body": "{}"}


def received(*numbers):
    return {"Messages": [message(number) for number in numbers]}


def requests_of(aws, operation):
    return [given for name, given in aws.calls if name == f"sqs:{operation}"]


def test_messages_are_read_once_and_made_visible_again():
    aws = ScriptedAws(
        receive_message=[received(*range(9)), received(8), {}, received(9), {}, {}],
        change_message_visibility_batch=[{}, {}],
        limits=type("Limits", (), {"long_poll_s": 1}),
    )
    found = sample_messages(aws, URL, 12)
    assert found == [{"MessageId": str(number), "Body": "{}"} for number in range(10)]
    # An empty response proves nothing; a long poll without a message does.
    requests = requests_of(aws, "receive_message")
    assert [each["WaitTimeSeconds"] for each in requests] == [0, 0, 0, 1, 0, 1]
    assert [each["MaxNumberOfMessages"] for each in requests] == [10, 3, 3, 3, 2, 2]
    assert requests[0] == {
        "QueueUrl": URL,
        "MaxNumberOfMessages": 10,
        "VisibilityTimeout": 120,
        "WaitTimeSeconds": 0,
        "MessageSystemAttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    }
    handles = [*range(9), 8, 9]
    entries = [
        {"Id": str(at % 10), "ReceiptHandle": f"handle {number}", "VisibilityTimeout": 0}
        for at, number in enumerate(handles)
    ]
    assert requests_of(aws, "change_message_visibility_batch") == [
        {"QueueUrl": URL, "Entries": entries[:10]},
        {"QueueUrl": URL, "Entries": entries[10:]},
    ]


def failed(number, sender=False):
    return {"Failed": [{"Id": str(number), "Code": "InternalError", "SenderFault": sender}]}


def test_messages_that_stay_hidden_are_noted():
    """Three attempts for those that failed; one whose timeout has expired is visible."""
    aws = ScriptedAws(
        receive_message=[received(1, 2)], change_message_visibility_batch=[failed(1), failed(1), {}]
    )
    assert len(sample_messages(aws, URL, 2)) == 2
    batches = [
        [entry["Id"] for entry in each["Entries"]]
        for each in requests_of(aws, "change_message_visibility_batch")
    ]
    assert batches == [["0", "1"], ["1"], ["1"]]
    aws = ScriptedAws(receive_message=[received(1)], change_message_visibility_batch=[failed(0, sender=True)])
    assert len(sample_messages(aws, URL, 1)) == 1
    aws = ScriptedAws(receive_message=[received(1)], change_message_visibility_batch=[failed(0)] * 3)
    notes = []
    assert len(sample_messages(aws, URL, 1, notes)) == 1
    assert messages_in(notes[0]) == {
        "error-sample-hidden": {"seconds": 120, "problem": "aws-returned"},
        "aws-returned": {"call": "sqs:ChangeMessageVisibility", "code": "InternalError"},
    }


@pytest.mark.parametrize(("call_s", "number"), [(0.02, 300), (2.0, 300), (10.0, 8)])
def test_a_sample_ends_by_time_and_by_receives(queue_server, clocked, call_s, number):
    service = queue_server.new()
    service.call_s, service.sparse = call_s, True
    dlq = service.queue("dlq")
    for _ in range(number):
        service.send(dlq, "x")
    found = sample_messages(clocked, dlq.url, number + 100)
    assert len(found) == len({each["MessageId"] for each in found}) > 0
    assert service.calls.count("ReceiveMessage") <= 10 + 4 * (number + 100) / 10
    assert max(at_s for at_s, _, what, *_ in service.history if what == "received") <= 120
    assert all(each.visible_s <= service.clock.now for each in dlq.messages.values())

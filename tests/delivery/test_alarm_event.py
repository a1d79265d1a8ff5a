"""Events of CloudWatch alarms in every shape that AWS delivers them in."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from worlds.together import together

from watchme_analysis.config import System
from watchme_analysis.delivery.alarm_event import parse_alarm_event, systems_of_event
from watchme_analysis.errors import InputError

TIME = datetime(2025, 11, 25, 0, 45, 12, 345000, tzinfo=UTC)
ARN = "arn:aws:cloudwatch:ap-southeast-2:123456789012:alarm:"
ORDERS = System("orders", queues=("orders",), dlqs=("orders-dlq",), functions=("orders-worker",))
REFUNDS = System("refunds", queues=("refunds",))


def event_bridge(configuration, state=None):
    value = {"value": "ALARM", "timestamp": "2025-11-25T00:45:12.345+0000", "reason": "Threshold Crossed"}
    return {
        "version": "0",
        "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": "123456789012",
        "time": "2025-11-25T00:45:13Z",
        "region": "ap-southeast-2",
        "resources": [f"{ARN}dlq-visible"],
        "detail": {
            "alarmName": "dlq-visible",
            "state": value | (state or {}),
            "previousState": {"value": "OK"},
            "configuration": configuration,
        },
    }


def metric(name, value, period=300):
    stat = {
        "metric": {"namespace": "AWS/SQS", "name": "x", "dimensions": {name: value}},
        "period": period,
        "stat": "Average",
    }
    return {"id": "m1", "metricStat": stat, "returnData": True}


NOTIFICATION = {
    "AlarmName": "dlq-visible",
    "AlarmDescription": None,
    "AWSAccountId": "123456789012",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed",
    "StateChangeTime": "2025-11-25T00:45:12.345+0000",
    "Region": "Asia Pacific (Sydney)",
    "AlarmArn": f"{ARN}dlq-visible",
    "OldStateValue": "OK",
    "Trigger": {
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Namespace": "AWS/SQS",
        "Statistic": "AVERAGE",
        "Dimensions": [{"value": "orders-dlq", "name": "QueueName"}],
        "Period": 300,
        "EvaluationPeriods": 3,
        "Threshold": 10.0,
    },
}
METRIC_MATH = NOTIFICATION | {
    "Trigger": {
        "Period": 60,
        "EvaluationPeriods": 15,
        "Metrics": [
            {"Id": "rate", "Expression": "errors / calls", "ReturnData": True},
            {
                "Id": "errors",
                "MetricStat": {
                    "Metric": {
                        "Dimensions": [{"value": "orders-worker:live", "name": "Resource"}],
                        "MetricName": "Errors",
                        "Namespace": "AWS/Lambda",
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            },
        ],
    }
}
POINTS = {"reasonData": json.dumps({"period": 300, "evaluatedDatapoints": [{}, {}, {}]})}
METRIC_EVENT = event_bridge({"metrics": [metric("QueueName", "orders-dlq")]}, POINTS)
INVOCATION = {
    "source": "aws.cloudwatch",
    "alarmArn": f"{ARN}dlq-visible",
    "accountId": "123456789012",
    "time": "2025-11-25T00:45:12.345+0000",
    "region": "ap-southeast-2",
    "alarmData": METRIC_EVENT["detail"],
}


def in_envelope(message):
    return {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:x", "Message": json.dumps(message)}


@together(
    ("event", "resource"),
    [
        (METRIC_EVENT, "orders-dlq"),
        (INVOCATION, "orders-dlq"),
        (NOTIFICATION, "orders-dlq"),
        (METRIC_MATH, "orders-worker"),
        (in_envelope(NOTIFICATION), "orders-dlq"),
        ({"Records": [{"EventSource": "aws:sns", "Sns": in_envelope(NOTIFICATION)}]}, "orders-dlq"),
        ({"Messages": [{"MessageId": "1", "Body": json.dumps(in_envelope(NOTIFICATION))}]}, "orders-dlq"),
        (
            {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(in_envelope(METRIC_EVENT))}]},
            "orders-dlq",
        ),
    ],
)
def test_every_shape_of_a_metric_alarm_names_its_resource_and_window(event, resource):
    found = parse_alarm_event(json.dumps(event))
    assert (found.alarm, found.state, found.time) == ("dlq-visible", "ALARM", TIME)
    assert found.resources == (resource,) and found.span == timedelta(minutes=15)
    window = found.window(timedelta(hours=24), TIME + timedelta(days=9))
    assert (window.start, window.end) == (TIME - timedelta(hours=24), TIME + timedelta(minutes=15))
    assert found.window(timedelta(minutes=1), TIME + timedelta(days=9)).start == TIME - timedelta(minutes=45)
    assert found.window(timedelta(hours=24), TIME + timedelta(seconds=5)).end == TIME + timedelta(seconds=5)
    assert systems_of_event(found, [REFUNDS, ORDERS]) == [ORDERS]


COMPOSITE = event_bridge(
    {"alarmRule": 'ALARM("deep") OR ALARM(other)', "actionsSuppressor": "x"},
    {"reasonData": json.dumps({"triggeringAlarms": [{"arn": f"{ARN}deep", "state": {"value": "ALARM"}}]})},
)
COMPOSITE_NOTIFICATION = {
    **{name: NOTIFICATION[name] for name in ("AlarmName", "NewStateValue", "StateChangeTime")},
    "AlarmRule": f"ALARM({ARN}deep) AND NOT OK('other')",
    "TriggeringChildren": [{"Arn": f"{ARN}deep", "State": {"Value": "ALARM"}}],
}
DESCRIBED = {
    "CompositeAlarms": [{"AlarmName": "deep", "AlarmRule": "ALARM(leaf) OR ALARM(deep)"}],
    "MetricAlarms": [{"AlarmName": "leaf", "Dimensions": [{"Name": "QueueName", "Value": "orders"}]}],
}


@pytest.mark.parametrize("event", [COMPOSITE, COMPOSITE_NOTIFICATION])
def test_a_composite_alarm_leads_to_the_resources_of_its_children(event):
    found = parse_alarm_event(json.dumps(event))
    assert set(found.children) == {"deep", "other"} and found.resources == ()
    assert systems_of_event(found, [ORDERS, REFUNDS], lambda: DESCRIBED) == [ORDERS]
    with pytest.raises(InputError, match="dlq-visible is about no queue, function or instance"):
        systems_of_event(found, [ORDERS, REFUNDS], dict)


def test_without_the_alarms_of_the_account_the_names_of_the_children_are_searched():
    event = event_bridge({"alarmRule": "ALARM(refunds-age) OR ALARM(norders)"})
    assert systems_of_event(parse_alarm_event(json.dumps(event)), [ORDERS, REFUNDS]) == [REFUNDS]


@together(
    ("text", "said"),
    [
        ("", "not one of a CloudWatch alarm"),
        ("[1]", "not one of a CloudWatch alarm"),
        ("{}", "not one of a CloudWatch alarm"),
        ('{"detail-type": "EC2 Instance State-change Notification", "detail": {}}', "not one of a"),
        ('{"detail-type": "CloudWatch Alarm State Change", "detail": {"state": 7}}', "not one of a"),
        (json.dumps(in_envelope("x")), "not one of a CloudWatch alarm"),
        (json.dumps({"Records": [{}, {}]}), "holds 2 records"),
        (json.dumps(NOTIFICATION | {"NewStateValue": "BAD"}), "unknown state 'BAD'"),
        (json.dumps(NOTIFICATION | {"StateChangeTime": "then"}), "not one of a CloudWatch alarm"),
        ("[" * 100_000, "not one of a CloudWatch alarm"),
        (" " * 1_000_001, "longer than 1,000,000 characters"),
    ],
)
def test_an_unknown_event_is_one_sentence(text, said):
    with pytest.raises(InputError, match=said) as error:
        parse_alarm_event(text)
    assert "\n" not in str(error.value)


def test_an_event_from_the_future_is_refused():
    with pytest.raises(InputError, match="in the future"):
        parse_alarm_event(json.dumps(NOTIFICATION)).window(timedelta(hours=1), TIME)

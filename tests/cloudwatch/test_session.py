"""What the retrieval builds on, held against the API model that is installed."""

import re

import pytest
from botocore.session import get_session

from watchme_analysis.cloudwatch.account_state import TRAIL_RETENTION
from watchme_analysis.cloudwatch.insights.query_api import MAX_LIMIT, MAX_LOG_GROUPS, UNFINISHED_STATUSES
from watchme_analysis.cloudwatch.metrics import MAX_POINTS, MAX_QUERIES, RETENTION
from watchme_analysis.cloudwatch.session import ACTIONS, SAMPLING_ACTIONS, Aws, SessionTarget
from watchme_analysis.errors import ServiceError


def model(service):
    return get_session().get_service_model(service)


def text(documentation):
    return " ".join(re.sub(r"<[^>]+>", " ", documentation).split())


@pytest.mark.slow
def test_start_query():
    requested = model("logs").operation_model("StartQuery").input_shape.members
    assert requested["limit"].metadata["max"] == MAX_LIMIT
    assert f"up to {MAX_LOG_GROUPS} log groups" in text(requested["logGroupNames"].documentation)
    for bound in ("startTime", "endTime"):
        assert "range is inclusive" in text(requested[bound].documentation)
        assert "number of seconds" in text(requested[bound].documentation)
    whole = text(model("logs").operation_model("StartQuery").documentation)
    assert "time out after 60 minutes" in whole
    assert "up to 100 concurrent" in whole


@pytest.mark.slow
def test_get_query_results():
    operation = model("logs").operation_model("GetQueryResults")
    statuses = set(operation.output_shape.members["status"].enum)
    # The others end a query; a status that is new here needs a decision.
    assert statuses == UNFINISHED_STATUSES | {"Complete", "Failed", "Cancelled", "Timeout"}
    statistics = set(operation.output_shape.members["statistics"].members)
    assert statistics >= {"recordsMatched", "recordsScanned", "bytesScanned", "estimatedBytesSkipped"}
    rows = text(operation.output_shape.members["statistics"].members["resultCount"].documentation)
    assert "total number of output rows across all pages" in rows
    assert "expires after 1 hour" in text(operation.input_shape.members["nextToken"].documentation)
    assert "Running , this operation returns only partial results" in text(operation.documentation)
    assert model("logs").metadata["protocol"] == "json"  # whose rows are taken out before botocore reads them


def test_get_metric_data():
    operation = model("cloudwatch").operation_model("GetMetricData")
    whole = text(operation.documentation)
    assert f"as many as {MAX_QUERIES} different metrics" in whole
    assert f"as many as {MAX_POINTS:,} data points" in whole
    for age, period in RETENTION:
        assert re.search(rf"period of {period} seconds [^.]*available for {age.days} days", whole)
    requested = operation.input_shape.members
    assert "default of TimestampDescending" in text(requested["ScanBy"].documentation)
    assert "Round down" in text(requested["StartTime"].documentation)
    assert "exclusive" in text(requested["EndTime"].documentation)


def test_a_start_of_metrics_is_rounded_by_its_age():
    start = text(
        model("cloudwatch").operation_model("GetMetricData").input_shape.members["StartTime"].documentation
    )
    assert "less than 15 days ago - Round down to the nearest whole minute" in start
    assert "greater than 63 days ago - Round down to the nearest 1-hour" in start


def test_what_a_sample_of_messages_relies_on():
    sqs = model("sqs")
    whole = text(sqs.operation_model("ChangeMessageVisibilityBatch").documentation)
    assert "check for batch errors even when the call returns an HTTP status code of 200" in whole
    assert "SenderFault" in sqs.shape_for("BatchResultErrorEntry").members
    receive = sqs.operation_model("ReceiveMessage")
    assert "you might not receive any messages in a particular" in text(receive.documentation)
    assert "returns more messages than this value" in text(
        receive.input_shape.members["MaxNumberOfMessages"].documentation
    )


def test_changes_are_looked_up_for_so_long_and_by_one_attribute():
    operation = model("cloudtrail").operation_model("LookupEvents")
    whole = text(operation.documentation)
    assert f"within the last {TRAIL_RETENTION.days} days" in whole
    assert "limited to two per second" in whole
    assert "can contain only one item" in text(
        operation.input_shape.members["LookupAttributes"].documentation
    )


@pytest.mark.slow
def test_alarm_history_has_metric_alarms_alone_unless_requested():
    requested = model("cloudwatch").operation_model("DescribeAlarmHistory").input_shape.members
    assert "only metric alarms are returned" in text(requested["AlarmTypes"].documentation)
    whole = text(model("cloudwatch").operation_model("DescribeAlarmHistory").documentation)
    assert "either all metric alarms or all composite alarms" in whole


@pytest.mark.slow
def test_every_action_is_an_operation_of_its_service(subtests):
    for action in [*ACTIONS, *SAMPLING_ACTIONS]:
        with subtests.test(action=action):
            service, _, operation = action.partition(":")
            # Batches of a call are allowed under the name of the call.
            assert operation in model(service).operation_names


@pytest.mark.parametrize(
    ("variable", "region"), [("AWS_DEFAULT_REGION", "eu-west-1"), ("AWS_REGION", "sa-east-1")]
)
def test_the_region_is_chosen_as_by_the_aws_cli(monkeypatch, variable, region):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(ServiceError, match="No region is configured: give --region"):
        _ = Aws().region
    monkeypatch.setenv(variable, region)
    assert Aws().region == region
    assert Aws(SessionTarget(region="eu-north-1")).region == "eu-north-1"

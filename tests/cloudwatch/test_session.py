"""What the retrieval builds on, held against the API model that is installed."""

import re

import pytest
from botocore.session import get_session
from worlds.aws_front import FAST

from watchme_analysis.cloudwatch.iam_policy import PULL_ACTIONS
from watchme_analysis.cloudwatch.insights.query_api import MAX_LIMIT, MAX_LOG_GROUPS, UNFINISHED_STATUSES
from watchme_analysis.cloudwatch.metrics import MAX_POINTS, MAX_QUERIES, RETENTION
from watchme_analysis.cloudwatch.session import Aws, SessionTarget
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


@pytest.mark.slow
def test_every_action_is_an_operation_of_its_service(subtests):
    for action in PULL_ACTIONS:
        with subtests.test(action=action):
            service, _, operation = action.partition(":")
            # Batches of a call are allowed under the name of the call.
            assert operation in model(service).operation_names


def test_throttled_calls_are_retried_and_refused_ones_name_their_code(front):
    aws = Aws(rate_limits=FAST)
    front.faults["ListQueues"].extend(["throttle", "500", "reset"])
    assert aws.items("sqs", "list_queues", "QueueUrls") == []
    assert front.calls["ListQueues"] == 4
    front.faults["ListQueues"].append("denied")
    with pytest.raises(ServiceError, match="AccessDeniedException"):
        aws.call("sqs", "list_queues")
    assert front.calls["ListQueues"] == 5


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

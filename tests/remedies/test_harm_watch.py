"""Harm that a load test does elsewhere: limits, signs, and when each resource is read."""

from datetime import UTC, datetime, timedelta

import pytest
from worlds.messages import refusal
from worlds.scripted_aws import ScriptedAws

from watchme_analysis.errors import ServiceError
from watchme_analysis.remedies.harm_watch import HarmLimit, limits_from_the_hour_before

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
NOW = datetime(2026, 3, 2, 5, tzinfo=UTC)


@pytest.fixture
def aws():
    account = ScriptedAws(
        get_metric_data=lambda **given: data(given["MetricDataQueries"]),
        get_queue_attributes=lambda **given: {"Attributes": account.counts.get(given["QueueUrl"], {})},
    )
    account.counts, account.values, account.status = {}, {}, "Complete"

    def data(queries):
        """Return the values of each metric by its name."""
        results = []
        for query in queries:
            values = account.values.get(query["MetricStat"]["Metric"]["MetricName"], [])
            times = [NOW + timedelta(minutes=number) for number in range(len(values))]
            results.append(
                {
                    "Id": query["Id"],
                    "Label": "x",
                    "Timestamps": times,
                    "Values": values,
                    "StatusCode": account.status,
                }
            )
        return [{"MetricDataResults": results}]

    return account


def test_limits_are_the_highest_of_the_hour_before_and_of_now(aws):
    kinds = [
        ("depth", URL + "orders"), ("dlq", URL + "dead"), ("age", "orders"), ("errors", "worker"),
        ("throttles", "worker"), ("health", "https://example.com"),
    ]  # fmt: skip
    # A few messages and a minute are no harm in any queue.
    found = limits_from_the_hour_before(aws, kinds)
    assert [each.most for each in found] == [10.0, 0.0, 60.0, 0.0, 0.0, 0.0]
    assert [(each.kind, each.resource) for each in found] == kinds
    aws.values = {
        "ApproximateNumberOfMessagesVisible": [3.0, 20.0, 4.0], "ApproximateAgeOfOldestMessage": [90.0, 5.0],
        "Errors": [2.0],
    }  # fmt: skip
    visible, hidden = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"
    aws.counts[URL + "dead"] = {visible: "1", hidden: "1"}
    assert [each.most for each in limits_from_the_hour_before(aws, kinds)] == [20.0, 2.0, 90.0, 2.0, 0.0, 0.0]
    # Visible messages now, hidden ones left out.
    aws.counts[URL + "orders"] = {visible: "24", hidden: "1"}
    assert limits_from_the_hour_before(aws, kinds[:1])[0].most == 24.0
    # An endpoint alone is watched without AWS.
    assert limits_from_the_hour_before(None, kinds[5:]) == (HarmLimit("health", "https://example.com", 0.0),)
    aws.status = "Forbidden"
    refused = refusal(limits_from_the_hour_before, aws, kinds[3:4], error=ServiceError)
    assert refused == {"error-metric-not-returned": {"metric": "x"}}

"""Links into the AWS console, decoded as the console decodes them."""

import json
import re
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import pytest

from watchme_analysis.aws_shapes.console_links import Place
from watchme_analysis.window import Window

PLACE = Place("eu-west-1", "123456789012")
WINDOW = Window(datetime(2025, 11, 18, 1, tzinfo=UTC), datetime(2025, 11, 18, 3, tzinfo=UTC))
HOST = "eu-west-1.console.aws.amazon.com"


def jsurl(text):
    """Return the value of a JSURL text, by its grammar: ~'string, ~(key~value), ~(~item)."""

    def value(at):
        if text[at : at + 2] == "~(":
            at += 2
            if text[at] == "~":
                items = []
                while text[at] != ")":
                    item, at = value(at)
                    items.append(item)
                return items, at + 1
            found = {}
            while text[at] != ")":
                name = re.compile(r"~?(\w+)").match(text, at)
                found[name[1]], at = value(name.end())
            return found, at + 1
        end = re.compile(r"[~)]").search(text, at + 1).start()
        assert text[at : at + 2] == "~'"
        return unquote(text[at + 2 : end].replace("*", "%")), end

    found, end = value(0)
    assert end == len(text)
    return found


@pytest.mark.parametrize("group", ["/aws/lambda/orders-worker", "/ecs/a~b(c)'d"])
def test_logs_insights_gets_query_groups_and_window(group):
    query = "fields @timestamp, @message\n| filter @message like /ERROR|'x'~(y)|100%/\n| limit 20"
    link = urlsplit(PLACE.logs_insights(query, [group, "second"], WINDOW))
    assert (link.netloc, link.path, link.query) == (HOST, "/cloudwatch/home", "region=eu-west-1")
    start = "logsV2:logs-insights"
    assert link.fragment.startswith(start)
    once = unquote(link.fragment.removeprefix(start).replace("$", "%"))
    detail = jsurl(unquote(once.removeprefix("?queryDetail=")))
    assert detail == {
        "end": "2025-11-18T03:00:00.000Z",
        "start": "2025-11-18T01:00:00.000Z",
        "timeType": "ABSOLUTE",
        "tz": "UTC",
        "editorString": query,
        "source": [group, "second"],
    }


def test_a_graph_has_metrics_window_statistic_and_period():
    metric = ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "orders & co"]
    link = urlsplit(PLACE.metrics([metric], WINDOW, "Maximum", 300))
    assert (link.netloc, link.path) == (HOST, "/cloudwatch/deeplink.js")
    graph = json.loads(unquote(link.fragment.removeprefix("metricsV2:graph=")))
    assert graph["metrics"] == [metric]
    assert (graph["region"], graph["stat"], graph["period"]) == ("eu-west-1", "Maximum", 300)
    assert (graph["start"], graph["end"]) == ("2025-11-18T01:00:00.000Z", "2025-11-18T03:00:00.000Z")


@pytest.mark.parametrize(
    ("region", "host", "service"),
    [
        ("eu-west-1", HOST, "amazonaws.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com", "amazonaws.com"),
    ],
)
def test_a_queue_is_named_by_its_address_in_its_partition(region, host, service):
    link = urlsplit(Place(region, "123456789012").queue("orders.fifo"))
    assert (link.netloc, link.path) == (host, "/sqs/v3/home")
    address = unquote(link.fragment.removeprefix("/queues/"))
    assert address == f"https://sqs.{region}.{service}/123456789012/orders.fifo"


def test_functions_and_events_are_named_in_the_fragment():
    assert urlsplit(PLACE.function("orders-worker")).fragment == "/functions/orders-worker"
    event = "90c72977-31e0-4079-9a74-ee25e5d7aadf"
    assert urlsplit(PLACE.event(event)).fragment == f"/events/{event}"

"""Events to test a deployment with: from files, and from the DLQ messages of a case."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from worlds.messages import refusal
from worlds.stored_case import store_case

from watchme_analysis.remedies.deployment import sqs_event
from watchme_analysis.services.deploy import recorded_events
from watchme_analysis.text.message import Resource, message
from watchme_analysis.text.render import render

SENT = datetime(2026, 3, 2, 4, tzinfo=UTC)


def dead(message_id, body, minute, queue="orders-dlq", source="orders", **attributes):
    return {
        "queue": queue, "message_id": message_id, "body": body, "sent_at": SENT + timedelta(minutes=minute),
        "source_queue": source, "attributes": json.dumps(attributes) if attributes else None,
    }  # fmt: skip


def label(queue, language="en"):
    return render(message("deploy-event-dlq", queue=Resource(queue)), language)


@pytest.fixture
def case(tmp_path):
    """Two queues of the function `worker` with their DLQs, and one of another function."""
    arn = "arn:aws:sqs:eu-west-1:123456789012:orders"
    return store_case(
        tmp_path / "case",
        queues=[
            {"queue": "orders", "dlq": "orders-dlq"}, {"queue": "bills", "dlq": "bills-dlq"},
            {"queue": "other", "dlq": "other-dlq"},
        ],
        event_source_mappings=[
            {"queue": "orders", "function": "worker", "state": "Enabled"},
            {"queue": "bills", "function": "worker", "state": "Enabled"},
            {"queue": "other", "function": "another", "state": "Enabled"},
        ],
        queue_messages=[
            dead("m2", "second", 2, DeadLetterQueueSourceArn=arn, SenderId="A"),
            dead("m1", "first", 1),
            dead("m3", None, 3),
            dead("m4", "of the DLQ's name", 1, "bills-dlq", None),
            dead("m5", "of another", 9, "other-dlq", "other"),
        ],
    )  # fmt: skip


def test_the_newest_message_of_each_dlq_of_the_function(case):
    arn = "arn:aws:sqs:eu-west-1:123456789012:orders"
    attributes = {"DeadLetterQueueSourceArn": arn, "SenderId": "A"}
    assert recorded_events([], case.path, "worker", "en") == [
        # A reader that did not request the attributes: queue and region are unknown.
        (label("bills-dlq"), sqs_event("of the DLQ's name", "m4", "arn:aws:sqs:::bills", {}, "")),
        (label("orders-dlq"), sqs_event("second", "m2", arn, attributes, "eu-west-1")),
    ]
    [(shown, event)] = recorded_events([], case.path, "another", "ja")
    assert (shown, event["Records"][0]["messageId"]) == (label("other-dlq", "ja"), "m5")


def test_files_come_before_messages(case, tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text('{"Records": []}')
    second.write_text("null")
    files = [("a.json", {"Records": []}), ("b.json", None)]
    assert recorded_events([first, second], None, "worker", "en") == files
    both = recorded_events([first, second], case.path, "worker", "en")
    assert (both[:2], len(both)) == (files, 4)


def test_events_that_are_missing_or_unreadable(case, tmp_path):
    assert refusal(recorded_events, [], case.path, "absent", "en") == {
        "error-deploy-no-message": {"case": "made-up", "function": "absent", "known": "no queue"}
    }
    bare = store_case(
        tmp_path / "bare",
        queues=[{"queue": "b"}, {"queue": "a"}],
        event_source_mappings=[
            {"queue": name, "function": "worker", "state": "Enabled"} for name in ("b", "a")
        ],
    )
    refused = refusal(recorded_events, [], bare.path, "worker", "en")
    assert refused["error-deploy-no-message"]["known"] == "a, b"
    path = tmp_path / "event.json"
    unreadable = refusal(recorded_events, [path], None, "worker", "en")
    assert unreadable["error-event-unreadable"]["path"] == str(path)
    for text in ("{", "[" * 100_000):
        path.write_text(text)
        foreign = refusal(recorded_events, [path], None, "worker", "en")
        assert foreign["error-event-no-json"]["path"] == str(path)

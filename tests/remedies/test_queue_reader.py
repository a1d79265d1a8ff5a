"""Reading of a queue: batches, failed entries, hidden messages and counts that settle."""

from dataclasses import replace

import pytest
from worlds.aws_front import FAST
from worlds.memory_queues import URL, MemoryQueues
from worlds.messages import messages_in, refusal

from watchme_analysis.errors import ServiceError
from watchme_analysis.remedies.queue_reader import (
    QueueCounts,
    await_visible,
    check_readable,
    counts_of,
    dead_letter_queue_url,
    delete_messages,
    queue_attributes,
    queue_url,
    receive_batches,
    release_messages,
    settled_counts,
)

Q = URL + "q"


@pytest.fixture
def aws():
    account = MemoryQueues(rate_limits=replace(FAST, long_poll_s=20, backoff_s=0.5, max_backoff_s=5.0))
    account.held["q"] = {}
    return account


def test_urls_of_a_queue_and_of_its_dlq(aws):
    assert queue_url(aws, "q") == Q
    for given in ("https://example.com/q", "http://127.0.0.1/q"):
        assert queue_url(aws, given) == given
    assert dead_letter_queue_url(aws, Q) is None
    aws.held["dead"] = {}
    aws.attributes["q"] = {"RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:1:dead"}'}
    assert dead_letter_queue_url(aws, Q) == URL + "dead"
    aws.attributes["q"] = {"RedrivePolicy": "[]"}
    assert dead_letter_queue_url(aws, Q) is None
    aws.attributes["q"] = {"DelaySeconds": 5}
    assert queue_attributes(aws, Q)["DelaySeconds"] == "5"
    check_readable(queue_attributes(aws, Q), Q)
    assert refusal(check_readable, {"RedrivePolicy": "{}"}, Q) == {"error-queue-with-redrive": {"queue": Q}}


def test_a_queue_is_read_until_three_empty_responses_in_a_row(aws):
    aws.put("q", *"abcdefghijkl")
    aws.answers["receive_message"] = []
    late = iter([None, None, None, "late"])  # a message that comes at the fourth call
    aws.before["receive_message"] = [lambda: [aws.put("q", body) for body in [next(late, None)] if body]]
    seen = {"earlier"}
    batches = list(receive_batches(aws, Q, 300, seen))
    assert [[one["Body"] for one in batch] for batch in batches] == [list("abcdefghij"), list("kl"), ["late"]]
    assert seen == {"earlier", *(f"m{number}" for number in range(1, 14))}
    # After an empty response SQS is asked to wait for messages.
    request = {
        "QueueUrl": Q, "MaxNumberOfMessages": 10, "VisibilityTimeout": 300,
        "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"],
    }  # fmt: skip
    waits = [0, 0, 0, 20, 0, 20, 20]
    assert aws.made == [("receive_message", {**request, "WaitTimeSeconds": wait}) for wait in waits]
    # Messages that were received first become visible again: nothing is received any more.
    assert list(receive_batches(aws, Q, 0)) == []
    assert len(aws.made) == len(waits)


def test_failed_entries_of_a_batch_are_repeated_three_times(aws):
    handles = {name: f"handle-{name}" for name in aws.put("q", *"abcdefghijklm")}
    assert delete_messages(aws, Q, handles) == {}
    assert [len(parameters["Entries"]) for _, parameters in aws.made] == [10, 3]
    assert aws.made[1][1] == {
        "QueueUrl": Q,
        "Entries": [{"Id": str(n), "ReceiptHandle": f"handle-m{11 + n}"} for n in range(3)],
    }
    assert (aws.held["q"], aws.waits) == ({}, [])

    aws.made.clear()
    busy = {"SenderFault": False, "Code": "InternalError"}
    aws.answers["delete_message_batch"] = [
        {
            "Successful": [{"Id": "0"}],
            "Failed": [
                {"Id": "1", "SenderFault": True, "Code": "ReceiptHandleIsInvalid"},
                {"Id": "2", **busy},
                {"Id": "3", **busy},
                {"Id": "4", "SenderFault": True},
            ],
        },
        # The two that are left are numbered anew.
        {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", **busy}]},
        {"Failed": [{"Id": "0", **busy}]},
    ]
    five = {name: f"handle-{name}" for name in "abcde"}
    assert delete_messages(aws, Q, five) == {
        "b": "ReceiptHandleIsInvalid", "d": "InternalError", "e": "unknown"
    }  # fmt: skip
    assert [[entry["ReceiptHandle"] for entry in made["Entries"]] for _, made in aws.made] == [
        [f"handle-{name}" for name in "abcde"], ["handle-c", "handle-d"], ["handle-d"]
    ]  # fmt: skip
    assert len(aws.waits) == 3
    aws.answers["delete_message_batch"] = [{"Successful": [{"Id": "0"}]}]
    assert refusal(delete_messages, aws, Q, five, error=ServiceError) == {
        "error-sqs-no-result": {
            "operation": "delete_message_batch", "target": "eu-west-1", "number": "4"
        }
    }  # fmt: skip
    aws.answers["delete_message_batch"] = [{"Failed": [{"Id": "0", "SenderFault": False}]}] * 3
    assert delete_messages(aws, Q, {"a": "handle-a"}) == {"a": "unknown"}


def test_messages_are_released_unless_they_are_in_flight_no_more(aws):
    aws.put("q", "a", "b")
    aws.hidden |= {"m1", "m2"}
    assert release_messages(aws, Q, {"m1": "handle-m1", "m2": "handle-m2"}) == {}
    assert aws.hidden == set()
    assert aws.made[0][1]["Entries"][1] == {
        "Id": "1", "ReceiptHandle": "handle-m2", "VisibilityTimeout": 0
    }  # fmt: skip
    codes = ("ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue", "AccessDenied")
    failed = [{"Id": str(n), "SenderFault": True, "Code": code} for n, code in enumerate(codes)]
    aws.answers["change_message_visibility_batch"] = [{"Failed": failed}]
    assert release_messages(aws, Q, dict(zip("abcd", "abcd", strict=True))) == {"d": "AccessDenied"}


def test_hidden_messages_are_waited_for(aws):
    assert (await_visible(aws, Q, 60), aws.waits) == (0, [])
    aws.put("q", "a", "b")
    aws.hidden |= {"m1", "m2"}
    aws.on_sleep = aws.hidden.pop
    assert await_visible(aws, Q, 60) == 0
    assert aws.waits == [FAST.queue_poll_s] * 2
    aws.hidden.add("m1")
    assert await_visible(aws, Q, 0) == 1
    aws.waits.clear()
    aws.on_sleep = aws.hidden.clear
    await_visible(aws, Q, 0.01)  # not longer than the rest of the time
    assert aws.waits == [pytest.approx(0.01, abs=0.005)]


def test_counts_are_relied_on_when_they_agree_for_the_whole_settling_time(aws):
    assert counts_of({"ApproximateNumberOfMessages": "3"}) == QueueCounts(3, 0, 0)
    assert (QueueCounts(5, 2, 1).total, QueueCounts(5, 2, 1).to_dict()) == (
        8, {"visible": 5, "in_flight": 2, "delayed": 1}
    )  # fmt: skip
    aws.rate_limits = replace(aws.rate_limits, queue_poll_s=20.0, counts_settle_s=60.0)

    def read(*totals, in_flight=0):
        """Return the counts and the seconds waited; the last total is stated from then on."""
        aws.waits.clear()
        readings = iter(totals)
        state = {}

        def answer(parameters):
            state["total"] = next(readings, state.get("total"))
            visible = state["total"] - in_flight - 1
            return {
                "Attributes": {
                    "ApproximateNumberOfMessages": str(visible),
                    "ApproximateNumberOfMessagesNotVisible": str(in_flight),
                    "ApproximateNumberOfMessagesDelayed": "1",
                }
            }

        aws.get_queue_attributes = lambda name, parameters: answer(parameters)
        said = []
        found = settled_counts(aws, Q, 3, said.append)
        assert [messages_in(each) for each in said] == [
            {"queue-counts-settling": {"settle": 60.0, "within": 120.0}}
        ]
        return found.total, sum(aws.waits)

    assert read(3) == (3, 60.0)
    assert read(5, 3, 3, 3) == (3, 80.0)  # they settle some time after the change
    assert read(3, 3, 4, 3) == (3, 120.0)  # an early agreement is no proof
    assert read(5) == (5, 60.0)
    assert read(3, 3, 3, 5) == (5, 60.0)
    assert read(4, 3, 3, 3, 4, 3) == (4, 80.0)  # others use the queue
    assert read(3, in_flight=1) == (3, 60.0)

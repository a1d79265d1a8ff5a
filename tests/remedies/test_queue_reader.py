"""Messages of a queue that a run holds: failed entries of a batch, and counts that settle."""

from dataclasses import replace

import pytest
from worlds.aws_front import FAST
from worlds.memory_queues import URL, MemoryQueues
from worlds.messages import messages_in, refusal

from watchme_analysis.errors import ServiceError
from watchme_analysis.remedies.queue_reader import HeldMessages, settled_counts

Q = URL + "q"
BUSY = {"SenderFault": False, "Code": "InternalError"}


@pytest.fixture
def aws():
    account = MemoryQueues(rate_limits=replace(FAST, backoff_s=0.5, max_backoff_s=5.0))
    account.held["q"] = {}
    return account


@pytest.fixture
def held(aws):
    """Thirteen messages that are held, with the calls of their reading left out."""
    aws.put("q", *"abcdefghijklm")
    held = HeldMessages(aws, Q, 300)
    assert [len(batch) for batch in held.receive()] == [10, 3]
    aws.made.clear()
    return held


def test_failed_entries_of_a_batch_are_tried_three_times(aws, held):
    aws.answers["delete_message_batch"] = [
        {
            "Successful": [{"Id": "0"}],
            "Failed": [
                {"Id": "1", "SenderFault": True, "Code": "ReceiptHandleIsInvalid"},
                {"Id": "2", **BUSY},
                {"Id": "3", **BUSY},
            ],
        },
        # The two that are left are numbered anew.
        {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", **BUSY}]},
        {"Failed": [{"Id": "0", **BUSY}]},
    ]
    assert held.delete(["m1", "m2", "m3", "m4"]) == {"m1", "m3"}
    assert [[entry["ReceiptHandle"] for entry in made["Entries"]] for _, made in aws.made] == [
        [f"handle-m{number}" for number in (1, 2, 3, 4)], ["handle-m3", "handle-m4"], ["handle-m4"]
    ]  # fmt: skip
    others = {"m2", *(f"m{number}" for number in range(4, 14))}
    assert held.delete(others) == others
    assert (list(aws.held["q"]), held.until) == (["m1", "m3"], {})


def test_entry_without_a_result_is_an_error(aws, held):
    aws.answers["delete_message_batch"] = [{"Successful": [{"Id": "0"}]}]
    found = refusal(held.delete, ["m1", "m2", "m3"], error=ServiceError)
    assert found["error-sqs-no-result"]["number"] == "2"


def test_what_is_in_flight_no_more_counts_as_released(aws, held):
    codes = ("ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue", "AccessDenied")
    failed = [{"Id": str(n), "SenderFault": True, "Code": code} for n, code in enumerate(codes)]
    aws.answers["change_message_visibility_batch"] = [{"Failed": failed}]
    assert held.release(["m1", "m2", "m3", "m4"]) == 1
    assert held.release() == 0
    assert aws.hidden == {"m1", "m2", "m3", "m4"}  # by a scripted response alone


def test_counts_are_relied_on_when_they_agree_for_the_whole_settling_time(aws):
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

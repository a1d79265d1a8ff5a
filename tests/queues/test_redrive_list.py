import json

import pandas as pd
from worlds.backlog_world import START, World

from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.redrive_list import messages_to_redrive
from watchme_analysis.queues.work_items import work_items

ARN = "arn:aws:sqs:ap-southeast-2:123456789012:jobs"


def broken(error="Runtime.ImportModuleError: No module named 'requests'", share=1.0):
    world = World()
    world.fail(600, 720, 0.2, error, share)
    world.dead = [(minute, f"device-{place}") for place, (minute, _) in enumerate(world.dead)]
    queues = world.table("queues")
    queues.loc[queues["queue"] == "jobs", ["arn", "region", "account_id"]] = [
        ARN, "ap-southeast-2", "123456789012",
    ]  # fmt: skip
    return world


def redrive(world):
    return messages_to_redrive(Investigation(world, "backlog"))


def change(world, place, **values):
    messages = world.table("queue_messages")
    for name, value in values.items():
        messages.loc[messages.index[place], name] = value


def test_each_dead_letter_becomes_a_line_that_the_aws_cli_takes():
    world = broken()
    found = redrive(world)
    assert len(found.lines) == len(world.dead) == 40
    assert found.left_out == () and found.without_url == ()
    first = json.loads(found.lines[0])
    assert first["QueueUrl"] == "https://sqs.ap-southeast-2.amazonaws.com/123456789012/jobs"
    assert first["MessageBody"] == world.table("queue_messages")["body"].iloc[0]
    sent = first["MessageAttributes"]["resent_message_id"]
    assert sent == {"DataType": "String", "StringValue": "00000000-0000-4000-8000-000000000000"}
    assert found.text.count("\n") == len(found.lines)


def test_messages_are_listed_in_the_order_of_their_sending():
    world = broken()
    first, *others = redrive(world).listed
    # The dump holds them in any order.
    change(world, 0, sent_at=world.table("queue_messages")["sent_at"].max() + pd.Timedelta(minutes=1))
    assert redrive(world).listed == (*others, first)


def test_each_message_is_work_of_its_own_unless_keys_are_stated():
    world = broken()
    # Three kinds of work for one device and day, as in the bodies of many systems, and one sent twice.
    day = {"device_id": "d", "local_date": "2025-12-09"}
    for place, kind in enumerate(("emotion", "behavior", "vibe", "vibe")):
        change(world, place, body=json.dumps({**day, "kind": kind}), work_item="d")
    everything = redrive(world)
    assert (len(everything.lines), everything.left_out) == (len(world.dead), ())

    def joined(*keys):
        found = messages_to_redrive(Investigation(world, "backlog"), same_work=keys)
        assert len(found.lines) + sum(count for _, count in found.left_out) == len(world.dead)
        return found.same_work, dict(found.left_out)

    keys = ("device_id", "local_date", "kind")
    assert joined(*keys) == (keys, {"same-work": 1})
    assert joined(*keys[:2]) == (keys[:2], {"same-work": 3})
    assert joined(keys[0]) == (keys[:1], {"same-work": 3})
    # A message that lacks a key is not the same work as another.
    assert joined("absent") == (("absent",), {})


def test_what_can_only_fail_again_is_left_out():
    found = redrive(broken("HTTPError: 404 Client Error: Not Found for url: x", share=0.2))
    assert found.lines == ()
    ((reason, number),) = found.left_out
    assert reason == "cannot-succeed" and number > 0


def test_messages_that_alone_failed_every_try_wait_for_a_look():
    world = World()
    world.fail(600, 720, 30.0, "Task timed out after 30.00 seconds", share=0.2)
    hung = redrive(world)
    assert hung.lines == () and hung.left_out[0][0] == "unknown-outcome"
    # In an outage all fail alike.
    assert redrive(broken("Task timed out after 30.00 seconds")).left_out == ()


def test_only_a_line_that_says_so_of_its_id_shows_a_message_as_processed():
    world = broken()
    messages = world.table("queue_messages")
    ids, bodies = messages["message_id"].tolist(), [json.loads(body) for body in messages["body"]]
    later = START + pd.Timedelta(minutes=900)
    work = f"device_id={bodies[4]['device_id']} recorded_at={bodies[4]['recorded_at']}"
    said = [
        f"processed message_id={ids[0]}",
        f"received message_id={ids[1]}",
        f"processed message_id={ids[2]}",
        f"processed message_id={ids[3]}",
        f"processed {work}",  # by whatever message
    ]
    rows = []
    for number, line in enumerate(said):
        request, error = f"r-{number}", "ConnectionError" if number == 2 else None
        rows += [(request, "application", line, None), (request, "end", "END", None)]
        if number != 3:
            rows.append((request, "report", "REPORT", error))
    events = world.table("log_events")
    for place, (request, kind, message, error) in enumerate(rows):
        events.loc[len(events)] = {
            **dict.fromkeys(events.columns, None),
            "function": "job-runner", "time": later, "request_id": request, "kind": kind,
            "message": message, "error_type": error, "ptr": f"later-{place}", "query_name": "recent",
        }  # fmt: skip
    found = redrive(world)
    assert (found.left_out, found.excluded) == ((("processed", 1),), (("jobs", ids[0], "processed"),))
    # The others may have been processed, so that the plan states a risk.
    assert found.may_have_run >= 2


def test_a_message_without_a_body_is_counted_and_not_made_up():
    world = broken()
    change(world, 0, body=None)
    assert dict(redrive(world).left_out) == {"no-body": 1}


def test_a_fifo_message_keeps_its_group_and_a_missing_arn_is_said():
    world = World(queue="jobs.fifo", dlq="jobs-dlq.fifo")
    world.fail(600, 720, 0.2, "Runtime.ImportModuleError: No module named 'requests'")
    change(world, 0, group_id="device-0-sed", deduplication_id="abc")
    found = redrive(world)
    first, second = (json.loads(line) for line in found.lines[:2])
    assert (first["MessageGroupId"], first["MessageDeduplicationId"]) == ("device-0-sed", "abc")
    assert second["MessageGroupId"] == "device-1"
    assert found.without_url == ("jobs.fifo",) and first["QueueUrl"] == "URL_OF_jobs.fifo"


def test_dead_letters_of_runs_that_all_succeeded_may_have_been_processed():
    world = World(visibility_s=5.0)
    for minute in range(601, 1400, 30):
        # Twice as many receives and runs as messages, none of them failing.
        world.at["received"][minute] = world.at["invocations"][minute] = 20
    world.dead = [(631, "device-1"), (661, "device-2")]
    world.at["dlq_visible"][640:] = 2
    inv = Investigation(world, "backlog")
    assert work_items(inv)["processed"].tolist() == [True, True]
    # Counters do not say which message succeeded, so that both are listed, with the risk.
    listed = messages_to_redrive(inv, include_unknown=True)
    assert (listed.left_out, len(listed.lines), listed.may_have_run) == ((), 2, 2)
    # A run of ten messages is one; that each ended well shows by its delete.
    for minute in range(1, 1440, 30):
        world.at["deleted"][minute] = world.at["received"][minute]
        world.at["invocations"][minute] = world.at["received"][minute] / 10
    world.tables = {}
    assert work_items(world)["processed"].tolist() == [True, True]
    failing = World(visibility_s=5.0)
    failing.fail(600, 720, 0.2, "Runtime.ImportModuleError: No module named 'requests'")
    assert work_items(failing)["processed"].isna().all()

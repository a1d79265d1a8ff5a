import json

import pandas as pd
from worlds.backlog_world import START, World

from watchme_analysis.backlog.sections.tables import redrive_table
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.redrive_list import messages_to_redrive
from watchme_analysis.queues.work_items import work_items
from watchme_analysis.text.render import label

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


def test_the_same_work_is_sent_once():
    world = broken()
    first = json.loads(world.table("queue_messages")["body"].iloc[0])
    change(world, 1, body=json.dumps(dict(reversed(first.items()))), work_item="device-0")
    found = redrive(world)
    assert len(found.lines) == len(world.dead) - 1
    assert found.left_out == (("same-work", 1),)


def test_a_day_is_one_piece_of_work_whatever_set_it_off():
    world = broken()
    for place in (0, 1, 2):
        day = "2025-12-09" if place < 2 else "2025-12-08"
        body = {"device_id": "d", "local_date": day, "recorded_at": f"2025-12-10T0{place}:00:00+09:00"}
        change(world, place, body=json.dumps(body), work_item="d")
    found = redrive(world)
    assert dict(found.left_out) == {"same-work": 1}


def test_what_can_only_fail_again_is_left_out():
    found = redrive(broken("HTTPError: 404 Client Error: Not Found for url: x", share=0.2))
    assert found.lines == ()
    ((reason, number),) = found.left_out
    assert reason == "cannot-succeed" and number > 0


def test_what_may_be_the_message_s_own_fault_waits_for_a_look():
    inv = Investigation(broken("KeyError: 'file_path'", share=0.2), "backlog")
    found = messages_to_redrive(inv)
    assert found.lines == () and found.left_out[0][0] == "unknown-outcome"
    assert len(messages_to_redrive(inv, include_unknown=True).lines) == found.left_out[0][1]


def test_messages_that_failed_every_try_among_good_ones_wait_for_a_look_whatever_they_died_of():
    world = World()
    world.fail(600, 720, 30.0, "Task timed out after 30.00 seconds", share=0.2)
    hung = redrive(world)
    assert hung.lines == () and hung.left_out[0][0] == "unknown-outcome"
    # In an outage all fail alike.
    assert redrive(broken("Task timed out after 30.00 seconds")).left_out == ()


def test_what_a_throttled_delivery_may_have_done_is_said():
    assert redrive(broken()).may_have_run == 0
    world = World()
    world.at["throttles"][630:640] = 3
    world.fail(600, 720, 0.2, "Runtime.ImportModuleError: No module named 'requests'")
    found = redrive(world)
    assert found.may_have_run == len(found.lines) > 0
    assert redrive_table(found).rows[0][1:] == (str(len(found.lines)), label("redrive-may-have-run", "en"))


def test_work_that_ran_later_is_not_sent_again():
    world = broken()
    done, other = (json.loads(body) for body in world.table("queue_messages")["body"].iloc[:2])
    later = START + pd.Timedelta(minutes=900)
    # The same moment, written in another zone, by another message.
    moment = pd.Timestamp(done["recorded_at"]).tz_convert("UTC").isoformat()
    rows = [
        ("r-1", "application", f"begin device_id={done['device_id']} recorded_at={moment}"),
        ("r-1", "end", "END"),
        ("r-2", "application", f"begin device_id={other['device_id']} recorded_at={other['recorded_at']}"),
        ("r-2", "error", "[ERROR] again"),
        ("r-2", "end", "END"),
    ]
    events = world.table("log_events")
    for place, (request, kind, message) in enumerate(rows):
        events.loc[len(events)] = {
            **dict.fromkeys(events.columns, None),
            "function": "job-runner", "time": later, "request_id": request, "kind": kind,
            "message": message, "ptr": f"later-{place}", "query_name": "recent",
        }  # fmt: skip
    found = redrive(world)
    assert found.left_out == (("processed", 1),)
    assert not any(f'{done["device_id"]}\\"' in line for line in found.lines)


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


def test_messages_that_passed_their_retention_are_said_to_have():
    world = broken()
    change(world, 0, sent_at=START - pd.Timedelta(days=15))
    passed = work_items(world)["passed_retention"]
    assert passed.tolist() == [True] + [False] * (len(passed) - 1)


def test_dead_letters_of_runs_that_all_succeeded_were_processed():
    world = World(visibility_s=5.0)
    for minute in range(601, 1400, 30):
        # Twice as many receives and runs as messages, none of them failing.
        world.at["received"][minute] = world.at["invocations"][minute] = 20
    world.dead = [(631, "device-1"), (661, "device-2")]
    world.at["dlq_visible"][640:] = 2
    inv = Investigation(world, "backlog")
    assert work_items(inv)["processed"].tolist() == [True, True]
    assert messages_to_redrive(inv).left_out == (("processed", 2),)
    # A run of ten messages is one; that each ended well shows by its delete.
    for minute in range(1, 1440, 30):
        world.at["deleted"][minute] = world.at["received"][minute]
        world.at["invocations"][minute] = world.at["received"][minute] / 10
    world.tables = {}
    assert work_items(world)["processed"].tolist() == [True, True]
    failing = World(visibility_s=5.0)
    failing.fail(600, 720, 0.2, "Runtime.ImportModuleError: No module named 'requests'")
    assert work_items(failing)["processed"].isna().all()

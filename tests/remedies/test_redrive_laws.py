"""Laws of the redrive, for drawn handlers, faults, kills, other consumers and operators.

The account is `worlds.queue_service`, which knows what really happened to each message.
"""

import json
import uuid
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from worlds import queue_service
from worlds.clocked_session import Plan
from worlds.dead_letters import QUEUE_CALLS, World, faults, kill_plans, session_of
from worlds.drawn import drawn
from worlds.kills import KilledError, kills

from watchme_analysis.case.actions import actions_in
from watchme_analysis.config import WorkItemSettings
from watchme_analysis.remedies.redrive import RedriveLimits, message_key, run_redrive
from watchme_analysis.storage.journal import open_journal, read_journal

# Time is virtual, but each reading of the log is a call over HTTP.
LIMITS = RedriveLimits(visibility_timeout_s=120, confirm_within_s=180.0, poll_s=10.0)
PROCESSED = {"deleted", "gone", "processed"}
CALLS = (*QUEUE_CALLS, "SendMessage", "FilterLogEvents")
ACTORS = ("peeks", "resends", "discards", "consumes", "holds", "arrives", "fails")


def redrive(world, session, journal, plan=None, limits=LIMITS, **options):
    """Return the audit of a run, None if it was killed, and check what it claims at its end."""
    try:
        audit = run_redrive(world.task(), journal, session_of(session, plan), limits, **options)
    except KilledError:
        return None
    check_audit(world, audit, is_same_work="work_items" in options)
    return audit


def check_audit(world, audit, *, is_same_work=False):
    """Check what an audit says with the truth at this moment."""
    service = world.service
    rows = {row.message_id: row for row in audit.rows}
    for name, body in world.planned.items():
        row, done = rows[name], service.processed[body] or is_same_work
        assert row.state not in PROCESSED or done, f"{row.state}, but never processed"
        sends = len(service.sent_by.get((service.sender, body), ()))
        assert row.sends >= sends, f"sent {sends} times, reported {row.sends}"
        if audit.outcome == "complete":
            assert done or name in world.dlq.messages, f"complete without {body}"
            assert done or row.state not in PROCESSED, f"complete, {row.state}"


def check_messages(world):
    """Check the truth about each planned message after everything has ended."""
    service = world.service
    for place, (_, queue, what, name, body, by) in enumerate(service.history):
        if (queue, what, by) == (world.dlq.name, "deleted", "tool"):
            done = [each for each in service.history[:place] if each[2] == "processed" and each[4] == body]
            assert done, f"{body} was deleted before it was processed"
            assert name in world.planned, f"{body} was deleted although it is not in the list"
    service.settle()
    for name, body in world.planned.items():
        is_safe = service.processed[body] or service.holds(body) or world.dlq.deleted.get(name) == "operator"
        assert is_safe, f"{body} is lost"


# Most messages and functions work, else no run comes to its later steps.
WORKS = st.just(("work",))
BEHAVIOURS = (
    WORKS | WORKS | st.lists(st.sampled_from(queue_service.BEHAVIOURS), min_size=1, max_size=3).map(tuple)
)
FUNCTIONS = st.fixed_dictionaries(
    {
        "names": st.sampled_from(("after", "after", "after", "both", "before", "never")),
        "json_logs": st.booleans(),
        "reports": st.booleans(),
        "batch_size": st.sampled_from((1, 10)),
        "prints": st.booleans(),
        "environments": st.sampled_from((1, 2)),
    }
)
WORLDS = st.fixed_dictionaries(
    {
        "scripts": st.lists(WORKS, min_size=1, max_size=4) | st.lists(BEHAVIOURS, min_size=1, max_size=4),
        "function": FUNCTIONS,
        "actors": st.lists(st.tuples(st.floats(0, 120), st.sampled_from(ACTORS)), max_size=3),
        "faults": faults(CALLS),
        "seed": st.integers(0, 1000),
        "sparse": st.booleans(),
        "partial": st.sampled_from((0.0, 0.3)),
        "repeats": st.sampled_from((0.0, 0.1)),
        "log_delay_s": st.sampled_from((1.0, 20.0)),
        "count_delay_s": st.sampled_from((0.0, 60.0)),
    }
)


def check_runs(world, session, journal, kill):
    """Kill a run, repeat it twice, and check the laws at the end of each run and when all is over."""
    runs = [redrive(world, session, journal, Plan(kill)), redrive(world, session, journal)]
    for body in world.planned.values():
        sent = world.service.sent_by.get(("tool", body), ())
        assert len(sent) <= 1, f"{body} was sent {len(sent)} times, although nobody asked for it"
    runs.append(redrive(world, session, journal, retry_unconfirmed=True))
    event(", ".join(audit.outcome if audit else "killed" for audit in runs))
    check_messages(world)


@given(world=WORLDS, kill=kill_plans(CALLS))
def test_no_message_is_lost_and_no_claim_is_false(queue_server, clocked, tmp_path_factory, world, kill):
    check_runs(
        World(queue_server, **world), clocked, tmp_path_factory.mktemp("redrive") / "journal.jsonl", kill
    )


@pytest.mark.fuzz
@drawn(least=10, per_s=0.3)
@given(world=WORLDS, kill=kill_plans(CALLS))
def test_drawn_worlds_break_no_law(queue_server, clocked, tmp_path_factory, world, kill):
    check_runs(
        World(queue_server, **world), clocked, tmp_path_factory.mktemp("redrive") / "journal.jsonl", kill
    )


@pytest.mark.parametrize("batch_size", [1, 10])
@pytest.mark.parametrize("again", ["raise", "timeout", "report"])
def test_reported_failure_is_not_processed_though_no_later_line_names_it(
    queue_server, clocked, tmp_path, again, batch_size
):
    function = {"names": "after", "reports": True, "batch_size": batch_size}
    world = World(queue_server, [("claim", again)], function=function)
    audit = redrive(world, clocked, tmp_path / "journal.jsonl")
    row = audit.rows[0]
    assert (audit.outcome, row.state, row.in_dlq) == ("stopped", "failed", True), audit
    check_messages(world)


@pytest.mark.parametrize("poll_every_s", [42, 46, 58, 80, 100])
def test_reported_failure_that_is_received_again_late_is_not_processed(
    queue_server, clocked, tmp_path, poll_every_s
):
    function = {"names": "after", "reports": True}
    world = World(queue_server, [("claim", "raise")], function=function, log_delay_s=1.0, count_delay_s=0.0)
    clock, function = world.service.clock, world.service.functions["worker"]
    for second in range(900):  # it polls after the message is visible again, and the DLQ has it late
        is_enabled = second % poll_every_s < 2
        clock.at(clock.now + second, lambda value=is_enabled: setattr(function, "enabled", value))
    audit = redrive(world, clocked, tmp_path / "journal.jsonl", limits=replace(LIMITS, poll_s=1.0))
    row = audit.rows[0]
    assert (audit.outcome, row.in_dlq) == ("stopped", True) and row.state in ("failed", "sent"), audit
    check_messages(world)


@pytest.mark.parametrize("is_busy", [False, True])
def test_healthy_function_that_reports_failures_ends_complete(queue_server, clocked, tmp_path, is_busy):
    world = World(queue_server, [("work",)] * 12, function={"names": "after", "reports": True})
    if is_busy:
        for second in range(3600):
            world.service.clock.at(world.service.clock.now + second, world.arrives)
    audit = redrive(world, clocked, tmp_path / "journal.jsonl")
    assert audit.outcome == "complete", audit
    check_messages(world)


@settings(max_examples=15)
@given(
    scripts=st.lists(BEHAVIOURS, min_size=1, max_size=3),
    others=st.lists(st.tuples(st.floats(-300, 60), st.sampled_from(("work", "raise", "skip"))), max_size=3),
    function=st.fixed_dictionaries({"names": st.sampled_from(("after", "both")), "reports": st.booleans()}),
)
def test_other_message_confirms_the_same_work_only_after_the_send(
    queue_server, clocked, tmp_path_factory, scripts, others, function
):
    function["named"] = lambda message: json.loads(message.body)["device"]
    world = World(queue_server, scripts, function=function)
    service = world.service
    for place, (at_s, act) in enumerate(others):
        body = json.dumps({"device": f"device-{place}", "kind": "other"})
        world.scripts[body] = (act,)
        service.clock.at(service.clock.now + 300 + at_s, lambda body=body: service.send(world.source, body))
    service.settle(300)
    before, journal = Counter(service.processed), tmp_path_factory.mktemp("redrive") / "journal.jsonl"
    audit = redrive(world, clocked, journal, work_items=WorkItemSettings(("device",)))
    event(audit.outcome)
    for row in audit.rows:
        if row.state in PROCESSED:
            device = json.loads(world.planned[row.message_id])["device"]
            assert any(device in body for body in service.processed - before), row


@pytest.mark.parametrize("json_logs", [False, True])
@pytest.mark.parametrize("names", ["after", "both"])
def test_healthy_function_ends_complete(queue_server, clocked, tmp_path, names, json_logs):
    world = World(queue_server, [("work",)] * 12, function={"names": names, "json_logs": json_logs})
    audit = redrive(world, clocked, tmp_path / "journal.jsonl")
    assert audit.outcome == "complete", audit
    assert not world.dlq.messages and set(world.service.processed.values()) == {1}
    assert all(row.request_id and row.sent_as and row.in_dlq is False for row in audit.rows)
    actions = actions_in(read_journal(tmp_path / "journal.jsonl"), "redrive")
    assert [row["outcome"] for row in actions].count("deleted") == 12
    check_messages(world)


def test_deletion_that_sqs_refuses_is_not_reported_as_done(queue_server, clocked, tmp_path):
    world = World(queue_server, [("work",)] * 3, function={"names": "after"})
    kept, *_ = world.planned
    world.refuse_deletion(kept)
    audit = redrive(world, clocked, tmp_path / "journal.jsonl")
    states = {row.message_id: (row.state, row.in_dlq) for row in audit.rows}
    assert audit.outcome == "stopped" and states.pop(kept) == ("processed", True), audit
    assert {*states.values()} == {("deleted", False)}
    check_messages(world)


@settings(max_examples=12)
@given(hidden=st.integers(0, 3), seed=st.integers(0, 1000))
def test_unexplained_messages_are_those_that_others_hide(
    queue_server, clocked, tmp_path_factory, hidden, seed
):
    """The counts of a queue may be wrong until a minute after its last change."""
    world = World(queue_server, [("work",)] * 3, function={"names": "after"}, seed=seed, count_delay_s=60.0)
    taken = world.service.receive(world.dlq, hidden, queue_service.MOST_HIDDEN_S)
    audit = redrive(world, clocked, tmp_path_factory.mktemp("redrive") / "journal.jsonl")
    assert audit.unexplained == len(taken), audit.counts
    assert audit.counts.total == len(world.dlq.messages)


def test_limit_is_the_number_of_messages_that_a_run_sends(queue_server, clocked, tmp_path):
    world = World(queue_server, [("work",)] * 5, function={"names": "after"})
    for sent in (2, 4, 5):
        redrive(world, clocked, tmp_path / "journal.jsonl", limits=replace(LIMITS, most=2))
        assert sum(world.service.processed.values()) == sent == world.service.calls.count("SendMessage")


def test_run_killed_at_any_moment_is_completed(queue_server, clocked, tmp_path, subtests):
    worlds = []

    def begin(moment):
        worlds.append(World(queue_server, [("work",)] * 2, function={"names": "after"}))
        aws = session_of(clocked)
        return lambda: run_redrive(worlds[-1].task(), tmp_path / f"j{moment}", aws, LIMITS)

    for moment in kills(begin, real=None):
        world, journal = worlds[-1], tmp_path / f"j{moment}"
        with subtests.test(moment=moment):
            again = redrive(world, clocked, journal)  # at once, while the killed run still hides messages
            assert not {"hidden", "not-received"} & {row.reason for row in again.rows}, again.rows
            audit = redrive(world, clocked, journal, retry_unconfirmed=True)
            assert audit.outcome == "complete", audit.rows
            check_messages(world)
            # A message that was being sent may have been sent, and is then sent once more on demand.
            assert sum(world.service.processed.values()) <= 3
    assert moment > 10


EVENTS = st.lists(
    st.sampled_from(("sending", "sent", "not sent", "processed", "failed", "deleting", "deleted", "gone")),
    max_size=4,
)


@given(
    scripts=st.lists(BEHAVIOURS, min_size=1, max_size=4),
    claims=st.lists(EVENTS, min_size=4, max_size=4),
    discarded=st.integers(0, 3),
)
def test_journal_of_somebody_else_proves_nothing(
    queue_server, clocked, tmp_path_factory, scripts, claims, discarded
):
    world = World(queue_server, scripts, function={"names": "after"})
    path = tmp_path_factory.mktemp("redrive") / "journal.jsonl"
    with open_journal(path, clocked.now) as journal:
        for item, events in zip(world.task().items, claims, strict=False):
            sent_as = str(uuid.uuid4())
            for said in events:
                more = {"as": sent_as} if said == "sent" else {}
                journal.write(
                    message_key(item.line), said, id=item.message_id, queue=world.source.url, **more
                )
    for _ in range(discarded):
        world.discards()
    audit = redrive(world, clocked, path)
    event(audit.outcome)
    check_messages(world)


@pytest.mark.parametrize("last", ["sent", "processed", "deleting"])
def test_id_of_another_processed_message_proves_nothing(queue_server, clocked, tmp_path, last):
    world = World(queue_server, [("raise",), ("work",)], function={"names": "after"})
    other = world.service.send(world.source, json.dumps({"device": "other"}))
    world.service.settle(60)
    assert world.service.processed[other.body]
    item = world.task().items[0]
    with open_journal(tmp_path / "j", clocked.now) as journal:
        about = {"id": item.message_id, "queue": world.source.url}
        journal.write(message_key(item.line), "sending", **about)
        journal.write(message_key(item.line), "sent", **about, **{"as": other.id})
        if last != "sent":
            journal.write(message_key(item.line), last, **about)
    row = redrive(world, clocked, tmp_path / "j").rows[0]
    assert (row.state, row.in_dlq) == ("sent", True), row
    check_messages(world)


def test_finished_redrive_is_complete_again_while_the_log_shows_it(queue_server, clocked, tmp_path):
    world = World(queue_server, [("work",)] * 3, function={"names": "after"})
    path = tmp_path / "journal.jsonl"
    first, again = redrive(world, clocked, path), redrive(world, clocked, path)
    assert (again.outcome, again.states) == (first.outcome, first.states) == ("complete", {"deleted": 3})
    world.service.logs.clear()
    audit = redrive(world, clocked, path)
    assert (audit.outcome, audit.states) == ("stopped", {"unproven": 3})
    assert set(world.service.processed.values()) == {1}


@settings(max_examples=12)
@given(at=st.integers(1, 60), count=st.integers(1, 4), delay_s=st.sampled_from((1.0, 20.0)))
def test_two_operators_send_nothing_twice(queue_server, clocked, tmp_path_factory, at, count, delay_s):
    home = tmp_path_factory.mktemp("redrive")
    world = World(queue_server, [("work",)] * count, function={"names": "after"}, log_delay_s=delay_s)

    def second():
        world.service.sender = "second"
        redrive(world, clocked, home / "second.jsonl")
        world.service.sender = "tool"

    # The first run stands still during the whole second one, and can't extend the time for which it holds.
    patient = replace(LIMITS, visibility_timeout_s=1800)
    redrive(world, clocked, home / "first.jsonl", Plan(act_at=at, act=second), patient)
    second()
    check_messages(world)
    assert set(world.service.processed.values()) == {1}

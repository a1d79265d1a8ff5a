"""Laws of archive and purge, for drawn faults, kills, arrivals and other readers of the queue.

The account is `worlds.queue_service`, which knows what really happened to each message.
"""

import json

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from worlds import dead_letters
from worlds.clocked_session import Plan
from worlds.dead_letters import QUEUE_CALLS, faults, kill_plans, session_of
from worlds.drawn import drawn
from worlds.kills import KilledError, kills
from worlds.messages import messages_in
from worlds.queue_service import EPOCH_S

from watchme_analysis.errors import ServiceError
from watchme_analysis.remedies.queue_archive import archive_queue, read_archive
from watchme_analysis.remedies.queue_purge import purge_queue, record_of

VISIBILITY_S = 120
COUNTS_SETTLE_S = 60.0
ACTORS = ("peeks", "discards", "fails")
WORLDS = st.fixed_dictionaries(
    {
        "count": st.integers(0, 25),
        "seed": st.integers(0, 1000),
        "sparse": st.booleans(),
        "partial": st.sampled_from((0.0, 0.0, 0.3)),
        "repeats": st.sampled_from((0.0, 0.1)),
        "count_delay_s": st.sampled_from((0.0, 60.0)),
    }
)
# What happens during the run: who else acts after how many seconds, which calls fail, and when the run dies.
ACTS = st.lists(st.tuples(st.floats(0, 200), st.sampled_from(ACTORS)), max_size=3)
RUNS = st.tuples(ACTS, faults(QUEUE_CALLS), kill_plans(QUEUE_CALLS))


class World(dead_letters.World):
    """A DLQ with messages, and people who read it as well."""

    def __init__(self, server, count, seed, **account):
        super().__init__(server, [("work",)] * count, seed=seed, **account)

    def left(self, archive):
        """Return the archived messages in the queue that its counts must show.

        SQS may deliver a message that was deleted, from a copy on another server. Counts show it a minute
        later.
        """
        names, settled_s = set(), self.service.clock.now - EPOCH_S - COUNTS_SETTLE_S
        for name in archive.messages.keys() & self.dlq.messages.keys():
            events = [(at, what) for at, _, what, each, *_ in self.service.history if each == name]
            deleted = [place for place, (_, what) in enumerate(events) if what == "deleted"]
            came_back_s = events[deleted[-1] + 1][0] if deleted else 0.0
            names |= {name} if came_back_s < settled_s else set()
        return names


def archived(world, session, path, plan=None):
    """Return the archive, None without one, and check that it lost nothing and claims nothing false."""
    before = set(world.dlq.messages)
    try:
        archive = archive_queue(session_of(session, plan), world.dlq.url, path, VISIBILITY_S)
    except (ServiceError, KilledError):
        archive = None
    after = set(world.dlq.messages)
    assert not world.deleted() and before - after <= set(world.dlq.deleted)
    if archive is not None:
        assert read_archive(path).messages == archive.messages
        assert archive.missed or before & after <= set(archive.messages), "the archive is not complete"
    return archive


@given(world=WORLDS, run=RUNS)
def test_archive_is_complete_or_states_what_may_be_missing(
    queue_server, clocked, tmp_path_factory, world, run
):
    acts, faults, kill = run
    world = World(queue_server, **world, faults=faults)
    world.act(acts)
    path = tmp_path_factory.mktemp("archive") / "dlq.jsonl.gz"
    archive = archived(world, clocked, path, Plan(kill)) or archived(world, clocked, path)
    event("none" if archive is None else "missed" if archive.missed else "complete")
    world.service.settle()
    assert all(each.visible_s <= world.service.clock.now for each in world.dlq.messages.values())


def purged(world, session, archive, plan=None):
    """Return the result of a purge, None if it was killed or failed, and check it and its record."""
    try:
        result = purge_queue(
            session_of(session, plan), world.dlq.url, archive, "test", visibility_timeout_s=VISIBILITY_S
        )
    except (ServiceError, KilledError):
        result = None
    deleted, gone = world.deleted(), set(archive.messages) - world.left(archive)
    assert deleted <= set(archive.messages), "a message was deleted that is not in the archive"
    record = {"deleted": 0, "uncertain": []}
    if record_of(archive.path).exists():
        record = json.loads(record_of(archive.path).read_text(encoding="utf-8"))
    assert record["deleted"] <= len(gone), "a message that is left was recorded as deleted"
    assert len(deleted - set(world.dlq.messages)) <= record["deleted"] + len(record["uncertain"])
    if result is not None and result.record is not None:
        stated = (result.outcome, result.deleted, list(result.uncertain))
        assert (record["state"], record["deleted"], record["uncertain"]) == stated
    if result is not None and result.outcome == "complete":
        assert not world.left(archive), "complete, but messages are left"
    return result


def check_purge(world, session, path, run):
    """Kill a purge of an archive, repeat it, and check the laws at the end of each."""
    acts, faults, kill = run
    archive = archived(world, session, path)
    world.act(acts)
    world.service.calls.clear()
    world.service.faults = faults
    results = [purged(world, session, archive, Plan(kill)), purged(world, session, archive)]
    event(", ".join(result.outcome if result else "none" for result in results))
    assert world.deleted() <= set(archive.messages)


@given(world=WORLDS, run=RUNS)
def test_purge_deletes_archived_messages_alone_and_counts_them(
    queue_server, clocked, tmp_path_factory, world, run
):
    check_purge(World(queue_server, **world), clocked, tmp_path_factory.mktemp("purge") / "dlq.gz", run)


def test_purge_killed_at_any_moment_is_completed_and_its_record_is_true(
    queue_server, clocked, tmp_path, subtests
):
    begun = []

    def begin(moment):
        world = World(queue_server, 12, 1)
        archive = archived(world, clocked, tmp_path / f"{moment}.gz")
        begun.append((world, archive))
        aws = session_of(clocked)
        return lambda: purge_queue(aws, world.dlq.url, archive, "test", visibility_timeout_s=VISIBILITY_S)

    for moment in kills(begin, real=None):
        world, archive = begun[-1]
        with subtests.test(moment=moment):
            world.service.settle(VISIBILITY_S)  # what the killed run hid is visible again
            assert purged(world, clocked, archive).outcome == "complete"
            assert world.deleted() == set(archive.messages)
    assert moment > 5


def test_archive_killed_at_any_moment_is_repeated(queue_server, clocked, tmp_path, subtests):
    world = World(queue_server, 2, 1)

    def begin(moment):
        aws = session_of(clocked)
        return lambda: archive_queue(aws, world.dlq.url, tmp_path / f"{moment}.gz", VISIBILITY_S)

    for moment in kills(begin, real=None):
        path = tmp_path / f"{moment}.gz"
        with subtests.test(moment=moment):
            world.service.settle(VISIBILITY_S)  # what the killed run hid is visible again
            found = read_archive(path) if path.exists() else archived(world, clocked, path)
            assert (len(found.messages), found.missed) == (2, ())
    assert moment > 3


class Meddling(Plan):
    """Another reader receives what the purge holds, right before the first deletion."""

    def __init__(self, world, hidden_s, kill=None):
        super().__init__(kill)
        self.world, self.hidden_s = world, hidden_s

    def before(self, operation):
        if operation == "DeleteMessageBatch" and operation not in self.calls:
            for message in self.world.dlq.messages.values():
                message.visible_s = 0.0  # its visibility timeout has ended
            self.world.service.receive(self.world.dlq, 10, self.hidden_s)
        super().before(operation)


@pytest.mark.parametrize(
    ("hidden_s", "outcome"), [(5, "complete"), (30_000, "stopped")], ids=["for 5 s", "for hours"]
)
def test_deletion_that_sqs_accepts_without_an_effect_is_not_recorded(
    queue_server, clocked, tmp_path, hidden_s, outcome
):
    """An older receipt handle deletes nothing. The message is deleted when it can be received again."""
    world = World(queue_server, 4, 1, count_delay_s=60.0)
    archive = archived(world, clocked, tmp_path / "dlq.gz")
    assert (
        purged(world, clocked, archive, Meddling(world, hidden_s, ("DeleteMessageBatch", 1, "after"))) is None
    )
    record = json.loads(record_of(archive.path).read_text(encoding="utf-8"))
    requested = set(record["uncertain"])
    assert requested and (record["deleted"], world.deleted()) == (0, set())
    result = purged(world, clocked, archive, Meddling(world, hidden_s))
    assert result.outcome == outcome
    if outcome == "complete":
        assert world.deleted() == set(archive.messages)
    else:
        assert (result.deleted, set(result.uncertain)) == (0, requested)
        assert "purge-in-flight" in messages_in(result.sentence)


def test_counts_of_other_messages_prove_no_deletion(queue_server, clocked, tmp_path):
    """As many messages as were left are in the queue, but another one than that which was left."""
    world = World(queue_server, 1, 1)
    archive = archived(world, clocked, tmp_path / "dlq.gz")
    world.fails()
    (late,) = world.dlq.messages.keys() - archive.messages.keys()

    class Discarding(Meddling):
        def after(self, operation):
            if operation == "ChangeMessageVisibilityBatch" and late in world.dlq.messages:
                world.service.delete(world.dlq, world.dlq.messages[late].handles[-1], "operator")
            super().after(operation)

    result = purged(world, clocked, archive, Discarding(world, 5))
    assert (result.outcome, result.deleted, world.deleted()) == ("complete", 1, set(archive.messages))


def test_purge_claims_nothing_before_the_counts_have_settled(queue_server, clocked, tmp_path):
    for count, late in ((0, 0), (12, 0), (12, 1)):
        world = World(queue_server, count, 1, count_delay_s=0.0)  # right at once, which no reader can know
        archive = archived(world, clocked, tmp_path / f"{count} {late}.gz")
        began_s = world.service.clock.now
        for _ in range(late):
            world.fails()
        said = []
        options = {"visibility_timeout_s": VISIBILITY_S, "report": said.append}
        result = purge_queue(session_of(clocked), world.dlq.url, archive, "test", **options)
        deleted_s = [EPOCH_S + at for at, _, what, *_ in world.service.history if what == "deleted"]
        assert world.service.clock.now - max([began_s, *deleted_s]) >= COUNTS_SETTLE_S
        assert (result.deleted, result.uncertain, len(result.left)) == (count, (), late)
        assert [next(iter(messages_in(each))) for each in said] == ["queue-counts-settling"]


@pytest.mark.fuzz
@drawn(least=10, per_s=0.3)
@given(world=WORLDS, run=RUNS)
def test_drawn_purges_break_no_law(queue_server, clocked, tmp_path_factory, world, run):
    check_purge(World(queue_server, **world), clocked, tmp_path_factory.mktemp("purge") / "dlq.gz", run)

"""Messages that entered and left a DLQ, from its stock, its messages and recorded changes."""

from worlds.one_queue import EVERYTHING, SHARED, Tables, ids, message_in, pipeline_of, purge, snapshot, some
from worlds.queue_contexts import at
from worlds.together import together

from watchme_analysis.queues import dlq_stock
from watchme_analysis.queues.dlq_stock import DeadLetterStock
from watchme_analysis.text.render import label, render
from watchme_analysis.window import Window


def stock(visible, tables=None, **more):
    pipeline = pipeline_of(dlq_visible=visible, sent=[0.0] * len(visible), **more)
    return dlq_stock.dead_letter_stock(pipeline, tables or Tables())


def test_a_dlq_that_fills_is_counted_from_its_stock():
    found = stock([2.0] * 20 + [5.0] * 10, Tables(queues=[snapshot(6, 1)]))
    # The description of the queue is the last count.
    assert found == DeadLetterStock(moved=5, held=2, at_end=7, first_seen=at(20), exact=False, notes=())
    empty_before = stock([0.0] * 20 + [5.0] * 10, Tables(queues=[snapshot(5)]))
    assert (empty_before.moved, empty_before.held, empty_before.exact) == (5, 0, True)
    # Without a description the last points count, approximately.
    assert stock([0.0] * 20 + [5.0] * 10) == DeadLetterStock(
        moved=5, at_end=5, first_seen=at(20), exact=False
    )
    # A single message more than those held is noise.
    assert stock([2.0] * 20 + [3.0] * 10).first_seen is None


FALLEN = [0.0] + [40.0] * 19 + [0.0] * 200


@together(
    ("tables", "more", "way"),
    [
        ({}, {}, "left_for_unknown_reason"),
        ({"changes": [purge()]}, {}, "purged"),
        ({"changes": [purge(interval=22)]}, {}, "purged"),
        ({"changes": [purge(interval=23)]}, {}, "purged"),  # three periods are the slack
        ({"changes": [purge(interval=23.1)]}, {}, "left_for_unknown_reason"),
        ({"changes": [purge(error_code="AccessDenied")]}, {}, "left_for_unknown_reason"),
        ({"changes": [purge(resource="other", resources='["other"]')]}, {}, "left_for_unknown_reason"),
        ({"changes": [purge(resource=None)]}, {}, "purged"),
        ({"changes": [purge("StartMessageMoveTask")]}, {}, "redriven"),
        # As many messages were sent to the source queue at once, and at hardly any other time.
        ({}, {"sent": some(220, (20, 21), value=40.0)}, "redriven"),
        ({}, {"sent": some(220, (20, 21), value=39.0)}, "left_for_unknown_reason"),
        ({}, {"sent": [40.0] * 220}, "left_for_unknown_reason"),
    ],
)
def test_messages_that_left_a_dlq_are_counted_by_the_way(tables, more, way):
    pipeline = pipeline_of(**{"dlq_visible": FALLEN, "sent": [0.0] * 220} | more)
    found = dlq_stock.dead_letter_stock(pipeline, Tables(**tables))
    ways = ("purged", "expired", "redriven", "left_for_unknown_reason")
    assert {name: getattr(found, name) for name in ways} == dict.fromkeys(ways, 0) | {way: 40}
    assert found.lost == (0 if way == "redriven" else 40)
    assert ids(found.notes) == {"stock-left": {"messages": 40, "dlq": "jobs-dlq"}}
    assert (found.moved, found.at_end, found.exact) == (40, 0, False)


@together(("age", "is_expired"), [(99.0, True), (98.9, False)])
def test_messages_that_reached_the_retention_of_the_dlq_expired(age, is_expired):
    point = {
        "time": at(19), "namespace": "AWS/SQS", "metric": "ApproximateAgeOfOldestMessage",
        "resource": "jobs-dlq", "stat": "Maximum", "period_s": 300, "value": age,
    }  # fmt: skip
    settings = {"settings": {"dlq_retention_s": 100.0}}
    assert (stock(FALLEN, Tables(metrics=[point]), **settings).expired == 40) is is_expired
    assert stock(FALLEN, Tables(metrics=[point])).expired == 0


@together(
    ("messages", "columns", "moved", "by"),
    [
        # A complete dump names the source of each message.
        ([(1, "jobs"), (2, "jobs"), (3, "jobs"), (4, "more")], {}, 3, "messages"),
        # Else the counters are compared: ten sent and eight deleted.
        ([(1, "jobs")], {"sent": [10.0], "deleted": [8.0]}, 2, "counters"),
        ([(1, "jobs")], {"sent": [10.0], "deleted": [10.0]}, 1, "counters"),
        ([(1, "jobs")], {"sent": [10.0], "deleted": [1.0]}, 4, "counters"),
        # Without counters, the share in the messages that were seen.
        ([(1, "jobs"), (2, "more")], {"queried": ()}, 2, "counters"),
        ([], {"queried": ()}, 4, "counters"),
    ],
)
def test_a_shared_dlq_is_divided_by_its_messages_or_by_counters(messages, columns, moved, by):
    columns = dict(columns)
    queried = columns.pop("queried", EVERYTHING)
    padded = {name: values + [0.0] * 9 for name, values in columns.items()}
    pipeline = pipeline_of(queried, dlq_visible=[0.0] * 5 + [4.0] * 5, **padded)
    rows = [message_in("jobs-dlq", number, source) for number, source in messages]
    found = dlq_stock.dead_letter_stock(pipeline, Tables(queues=SHARED, queue_messages=rows))
    assert (found.moved, found.moved_by_all, found.exact) == (moved, 4, by == "messages")
    assert ids(found.notes)["stock-shared"] == {"dlq": "jobs-dlq", "queues": ["more"], "by": by}


@together(
    ("queues", "messages", "queried", "expected"),
    [
        ([snapshot(3)], [], EVERYTHING, (3, 3, "stock-no-metric")),
        ([snapshot(1)], [message_in("jobs-dlq", k) for k in (1, 2, 2)], (), (2, 2, "stock-no-metric")),
        ([snapshot(0)], [], (), (0, 0, None)),
        ([], [], EVERYTHING, (0, 0, None)),
        ([], [], (), (None, 0, "stock-unknown")),
    ],
)
def test_without_a_series_the_description_and_the_messages_count(queues, messages, queried, expected):
    pipeline = pipeline_of(queried, sent=[0.0] * 3)
    found = dlq_stock.dead_letter_stock(pipeline, Tables(queues=queues, queue_messages=messages))
    moved, at_end, note = expected
    assert (found.moved, found.at_end) == (moved, at_end)
    assert set(ids(found.notes)) == ({note} if note else set())
    assert found.exact is (note != "stock-no-metric")


def test_a_queue_without_a_dlq_moves_nothing_and_another_policy_is_noted():
    none = dlq_stock.dead_letter_stock(pipeline_of(dlq=None, sent=[0.0]), Tables())
    assert (none.moved, set(ids(none.notes))) == (0, {"stock-no-dlq"})
    other = Tables(queues=[{"queue": "jobs", "dlq": "new-dlq"}])
    found = dlq_stock.dead_letter_stock(pipeline_of(dlq_visible=[0.0] * 9), other)
    assert ids(found.notes)["stock-other-policy"] == {"named": "new-dlq", "dlq": "jobs-dlq"}
    window = Tables()
    window.window = Window(at(0), at(3))
    assert dlq_stock.dead_letter_stock(pipeline_of(sent=[0.0] * 3), window).moved == 0
    # The description is of another time, and without a query nothing is known of the window.
    window.tables["queues"] = Tables(queues=[snapshot(3)]).table("queues")
    assert dlq_stock.dead_letter_stock(pipeline_of(sent=[0.0] * 3), window).moved == 0
    assert dlq_stock.dead_letter_stock(pipeline_of((), sent=[0.0] * 3), window).moved == 3


def test_the_oldest_messages_sent_before_the_window_were_held():
    rows = [message_in("jobs-dlq", k) | {"sent_at": at(k)} for k in (-1, -3, 2, -2)]
    frame = Tables(queue_messages=rows).table("queue_messages")
    pipeline = pipeline_of(sent=[0.0])
    assert list(dlq_stock.from_before(frame, pipeline, 2)) == [1, 3]
    assert list(dlq_stock.from_before(frame, pipeline, 9)) == [1, 3, 0]
    assert list(dlq_stock.from_before(frame, pipeline, 0)) == []


def test_notes_are_texts_in_a_language():
    found = dlq_stock.dead_letter_stock(pipeline_of(dlq=None, sent=[0.0]), Tables())
    assert render(found.notes[0], "ja") == label("stock-no-dlq", "ja")

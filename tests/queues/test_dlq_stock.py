"""Messages that entered and left a DLQ, from its stock, its messages and recorded changes."""

from worlds.one_queue import EVERYTHING, SHARED, Tables, ids, message_in, pipeline_of, purge, snapshot, some
from worlds.queue_contexts import at
from worlds.together import together

from watchme_analysis.queues import dlq_stock
from watchme_analysis.queues.dlq_stock import DeadLetterStock


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


def hidden_between(first, last, count=60, messages=40.0):
    """Return the visible and the hidden messages of a DLQ that a reader hides between two intervals."""
    is_hidden = [first <= place < last for place in range(count)]
    return [0.0 if each else messages for each in is_hidden], [
        messages if each else 0.0 for each in is_hidden
    ]


def test_messages_that_a_reader_hides_have_not_left(subtests):
    """Archives, redrives and pulls hide messages for minutes or hours, also until the end of the data."""
    for first, last in ((20, 21), (20, 26), (20, 44), (50, 60), (59, 60)):
        with subtests.test(first=first, last=last):
            visible, hidden = hidden_between(first, last)
            # The points of the first and the last interval contain both counts.
            both = [*hidden]
            both[first] = both[min(last, 59)] = 40.0
            for in_flight in (hidden, both):
                found = stock(visible, dlq_in_flight=in_flight)
                assert (found.moved, found.left_for_unknown_reason, found.lost) == (0, 0, 0)
                assert (found.held, found.at_end, ids(found.notes)) == (40, 40, {})
            # A message that arrives meanwhile is one that was moved, and one that is deleted then has left.
            more = [each + (5.0 if place >= 45 else 0.0) for place, each in enumerate(visible)]
            assert stock(more, dlq_in_flight=hidden).moved == 5
            delayed = stock([0.0] * 60, dlq_in_flight=visible, dlq_delayed=hidden)
            assert (delayed.lost, delayed.held, delayed.at_end) == (0, 40, 40)


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

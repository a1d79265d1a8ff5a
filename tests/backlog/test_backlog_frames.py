"""Frames behind tables and figures: dead letters by a key, and changes near an incident."""

from datetime import UTC, datetime, timedelta

import pytest
from worlds.one_queue import Tables
from worlds.together import together

from watchme_analysis.backlog.frames import dead_letters_by

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def dead(number, item, days, receives=4, queue="jobs"):
    """Return a message of a DLQ that was sent so many days before."""
    return {
        "queue": f"{queue}-dlq", "message_id": f"m-{number}", "body": None, "sent_at": AT - days * DAY,
        "receive_count": receives, "source_queue": queue, "work_item": item, "work_key": str(number),
    }  # fmt: skip


DEAD = [
    dead(1, "a", 1), dead(2, "b", 3), dead(3, "b", 2, 5), dead(4, "b", 0.5), dead(5, "c", 1, queue="other"),
    dead(6, "a", 1) | {"queue": "jobs", "source_queue": None},  # waits in the queue itself
]  # fmt: skip
QUEUES = [
    {"queue": f"{name}{dlq}", "dlq": None if dlq else f"{name}-dlq", "visible": 1, "in_flight": 0}
    for name in ("jobs", "other")
    for dlq in ("", "-dlq")
]


def counted(key, *more, **tables):
    found = dead_letters_by(Tables(queue_messages=DEAD, queues=QUEUES, **tables), key, *more)
    assert list(found.columns) == [
        "queue", *([] if key == "queue" else [key]), "messages", "share", "first_sent", "last_sent"
    ]  # fmt: skip
    return [
        (
            *row[:-3],
            pytest.approx(row[-3]),
            *((AT - moment).total_seconds() / 86_400 for moment in row[-2:]),
        )
        for row in found.itertuples(index=False, name=None)
    ]


@together(
    ("key", "expected"),
    [
        # Messages, share within the DLQ of a queue, and days since the first and the last of them.
        (
            "work_item",
            [
                ("jobs", "b", 3, 0.75, 3.0, 0.5),
                ("jobs", "a", 1, 0.25, 1.0, 1.0),
                ("other", "c", 1, 1.0, 1.0, 1.0),
            ],
        ),
        ("queue", [("jobs", 4, 1.0, 3.0, 0.5), ("other", 1, 1.0, 1.0, 1.0)]),
        (
            "receive_count",
            [
                ("jobs", 4, 3, 0.75, 3.0, 0.5),
                ("jobs", 5, 1, 0.25, 2.0, 2.0),
                ("other", 4, 1, 1.0, 1.0, 1.0),
            ],
        ),
        # Whole days until the newest of metrics and messages, which was sent half a day before.
        (
            "age_days",
            [
                ("jobs", 0, 2, 0.5, 1.0, 0.5),
                ("jobs", 1, 1, 0.25, 2.0, 2.0),
                ("jobs", 2, 1, 0.25, 3.0, 3.0),
                ("other", 0, 1, 1.0, 1.0, 1.0),
            ],
        ),
    ],
)
def test_dead_letters_are_counted_by_a_key(key, expected):
    assert counted(key) == expected

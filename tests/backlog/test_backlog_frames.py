"""Frames behind tables and figures: dead letters by a key, and changes near an incident."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from worlds.one_queue import Tables
from worlds.together import together

from watchme_analysis.backlog.frames import changes_near, dead_letters_by
from watchme_analysis.errors import InputError
from watchme_analysis.text.render import label, value_label

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


def test_the_age_of_dead_letters_is_counted_to_the_last_metric():
    point = {
        "time": AT + DAY, "namespace": "AWS/SQS", "metric": "NumberOfMessagesSent", "resource": "jobs",
        "stat": "Sum", "period_s": 60, "value": 0.0,
    }  # fmt: skip
    assert [row[1] for row in counted("age_days", metrics=[point])] == [1, 2, 3, 4, 2]


MAPPINGS = [{"uuid": "u-1", "function": "worker", "queue": "jobs", "state": "Enabled"}]


def logged(*kinds):
    """Return events with an error of each kind, none of which names a message."""
    text = {"refused": "ConnectionError: refused", "import": "ImportError: no module"}
    return [
        {
            "query_name": "errors", "function": "worker", "time": AT, "message": text[kind],
            "ptr": str(place), "kind": "error", "error_type": text[kind].split(":")[0],
        }
        for place, kind in enumerate(kinds)
    ]  # fmt: skip


@together(
    ("refused", "others", "is_usual", "language"),
    [(19, 1, True, "en"), (18, 1, False, "en"), (1, 0, True, "ja")],  # nineteen of twenty are enough
)
def test_an_error_that_no_log_joins_to_its_message_is_the_usual_one(refused, others, is_usual, language):
    events = logged(*["refused"] * refused, *["import"] * others)
    rows = counted("error", language, log_events=events, event_source_mappings=MAPPINGS)
    kind = value_label("error-kind", "unreachable", language)
    usual = label("error-kind-usual", language, kind=kind, function="worker")
    unknown = label("error-kind-unknown", language)
    assert [row[:3] for row in rows] == [
        ("jobs", usual if is_usual else unknown, 4),
        ("other", unknown, 1),
    ]


def test_an_unknown_key_is_refused_and_no_dead_letters_are_an_empty_frame():
    known = "work_item, error, receive_count, age_days, queue"
    with pytest.raises(InputError, match=f"'colour'.*{known}"):
        dead_letters_by(Tables(), "colour")
    none = dead_letters_by(Tables())
    assert none.empty
    assert list(none.columns) == ["queue", "work_item", "messages", "share", "first_sent", "last_sent"]
    assert list(dead_letters_by(Tables(), "queue").columns)[:2] == ["queue", "messages"]


def change(minutes, **more):
    return {
        "time": AT + timedelta(minutes=minutes), "event_id": "e",
        "event_name": "UpdateFunctionCode20150331v2",
        "user": "deployer", "read_only": False, "resource": "worker", "resources": '["worker"]',
        "parameters": "{}",
    } | more  # fmt: skip


def test_changes_have_their_distance_from_the_start_and_what_they_can_cause():
    case = Tables(
        queues=QUEUES, event_source_mappings=MAPPINGS, changes=[change(-90), change(0), change(30, user=None)]
    )
    found = changes_near(case, AT)
    assert found["minutes_before_start"].tolist() == [90.0, 0.0, -30.0]
    assert found["named"].tolist() == [False, True, False]
    first = found.iloc[0].to_dict()
    assert (first["event_name"], first["user"], first["resource"]) == (
        "UpdateFunctionCode20150331v2", "deployer", "worker"
    )  # fmt: skip
    assert (first["queues"], first["description"].id) == ("jobs", "backlog-changed-code")
    assert "consumer_failing" in first["could_cause"].split(", ")
    assert first["what"] == label("backlog-changed-code", "en")
    assert first["time"] == AT - timedelta(minutes=90)
    assert pd.isna(found.iloc[2]["user"])
    unknown = changes_near(case)
    assert unknown["minutes_before_start"].isna().all() and not unknown["named"].any()
    columns = {
        "time": "datetime64[us, UTC]", "event_name": "string", "user": "string", "resource": "string",
        "what": "string", "description": "object", "queues": "string", "minutes_before_start": "Float64",
        "could_cause": "string", "named": "boolean",
    }  # fmt: skip
    assert {name: str(kind) for name, kind in changes_near(Tables(), AT).dtypes.items()} == columns
    assert {name: str(kind) for name, kind in found.dtypes.items()} == columns

"""The balance of a queue: every message is deleted, waiting, dead, lost or unexplained."""

import pytest
from worlds.one_queue import EVERYTHING, Tables, ids, pipeline_of, purge
from worlds.together import together

from watchme_analysis.queues import accounting


def accounted(tables=None, settings=None, **columns):
    """Return the balance of a queue with these series; what is not named is 0."""
    length = max((len(values) for values in columns.values()), default=12)
    usual = {name: [0.0] * length for name in EVERYTHING if name not in ("tried", "failed")}
    pipeline = pipeline_of(settings=settings, **usual | columns)
    return accounting.queue_balance(pipeline, tables or Tables())


def first(value, length=12):
    return [value] + [0.0] * (length - 1)


def test_every_message_sent_is_deleted_waiting_or_dead():
    found = accounted(
        sent=first(20.0), received=first(20.0), deleted=first(12.0), visible=[0.0] * 9 + [3.0] * 3,
        in_flight=[0.0] * 11 + [1.0], dlq_visible=[0.0] * 4 + [4.0] * 8, age_s=[9999.0] * 12,
    )  # fmt: skip
    assert (found.sent, found.received, found.deleted, found.stock_before) == (20, 20, 12, 0)
    assert (found.visible, found.in_flight, found.dead_lettered, found.unexplained) == (3, 1, 4, 0)
    assert (found.expired, found.purged, found.duplicate_deletes, found.lost) == (0, 0, 0, 0)
    # Ten messages stood for an interval of 300 s each, over twenty arrivals.
    assert found.mean_stay_s == pytest.approx((3 * 3 + 1) * 300 / 20)
    assert (found.retry_amplification, found.reasons) == (1.0, ())


@together(
    ("columns", "settings", "tables", "field", "number", "message_id"),
    [
        ({"deleted": [0.0, 25.0] + [0.0] * 10}, {}, {}, "duplicate_deletes", 5, "balance-duplicates"),
        ({"deleted": first(15.0)}, {}, {}, "unexplained", 5, "balance-unexplained"),
        (
            {"deleted": first(15.0)}, {}, {"changes": [purge(resource="jobs", interval=5)]}, "purged", 5,
            "balance-purged",
        ),
        # AWS refused this purge.
        (
            {"deleted": first(15.0)}, {},
            {"changes": [purge(resource="jobs", interval=5, error_code="AccessDenied")]}, "unexplained", 5,
            "balance-unexplained",
        ),
        # Half of the remainder vanished at once without a receive.
        (
            {"deleted": first(15.0), "visible": [0.0] * 3 + [3.0] * 3 + [0.0] * 6}, {}, {}, "purged", 5,
            "balance-purged",
        ),
        (
            {"deleted": first(15.0), "visible": [0.0] * 3 + [2.0] * 3 + [0.0] * 6}, {}, {}, "unexplained", 5,
            "balance-unexplained",
        ),
        (
            {"deleted": first(15.0), "age_s": [98.0] * 12}, {"retention_s": 100.0}, {}, "expired", 5,
            "balance-expired",
        ),
        (
            {"deleted": first(15.0), "age_s": [97.9] * 12}, {"retention_s": 100.0}, {}, "unexplained", 5,
            "balance-unexplained",
        ),
    ],
)  # fmt: skip
def test_a_remainder_is_a_loss_only_with_evidence(columns, settings, tables, field, number, message_id):
    found = accounted(Tables(**tables), settings, **{"sent": first(20.0), "received": first(20.0)} | columns)
    fields = ("duplicate_deletes", "unexplained", "purged", "expired")
    assert {name: getattr(found, name) for name in fields} == dict.fromkeys(fields, 0) | {field: number}
    assert set(ids(found.reasons)) == {message_id}
    assert found.lost == (number if field in ("purged", "expired") else 0)


@together(("left_by", "deleted", "lost"), [("PurgeQueue", 14.0, 6), ("StartMessageMoveTask", 20.0, 0)])
def test_purged_dead_letters_are_lost_and_redriven_ones_return(left_by, deleted, lost):
    found = accounted(
        Tables(changes=[purge(left_by)]), sent=first(20.0, 40), received=first(20.0, 40),
        deleted=first(deleted, 40), dlq_visible=[0.0] * 5 + [6.0] * 15 + [0.0] * 20,
    )  # fmt: skip
    assert (found.dead_lettered, found.lost) == (6, lost)
    assert (found.duplicate_deletes, found.unexplained) == (0, 0)


def test_unknown_counters_leave_the_balance_open():
    pipeline = pipeline_of(queried=("sent",), sent=[5.0], deleted=[5.0], dlq_visible=[0.0])
    found = accounting.queue_balance(pipeline, Tables())
    assert (found.sent, found.received, found.deleted, found.unexplained) == (5, None, None, None)
    assert set(ids(found.reasons)) == {"balance-open"}
    assert found.retry_amplification is None and found.mean_stay_s is None

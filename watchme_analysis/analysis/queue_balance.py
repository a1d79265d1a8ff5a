"""Where the messages of a queue went: everything sent is accounted for, and the remainder is named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.dead_letter_stock import DeadLetterStock, dead_letter_stock
from watchme_analysis.analysis.flows import Flow, Tables, flows

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Balance:
    """The balance of a queue over a window, in messages; None where nothing tells.

    ``stock_before + sent = deleted - duplicate_deletes + visible + in_flight + dead_lettered + expired +
    purged + unexplained``
    """

    queue: str
    sent: int | None
    received: int | None
    deleted: int | None
    stock_before: int
    visible: int
    in_flight: int
    dead_lettered: int | None
    expired: int
    purged: int
    duplicate_deletes: int
    unexplained: int | None
    reasons: tuple[str, ...]
    dead_letters: DeadLetterStock

    @property
    def lost(self) -> int:
        """Messages deleted unprocessed from the queue or from its dead-letter queue."""
        return self.expired + self.purged + self.dead_letters.lost

    @property
    def retry_amplification(self) -> float | None:
        """Receives a message."""
        if not self.sent or self.received is None:
            return None
        return self.received / self.sent


def queue_balance(flow: Flow, tables: Tables) -> Balance:
    """Account for every message of a flow over its whole frame.

    Parameters
    ----------
    flow
        The flow.
    tables
        For the snapshot of the queue and the recorded purges.

    Notes
    -----
    A remainder above zero is loss only where something shows it: a recorded PurgeQueue, a fall of the
    backlog that no receive explains, or an age that had reached the retention. A remainder below zero
    means that messages were deleted more often than they were sent, which a second run of the same
    message does.
    """
    sent, received, deleted = (_whole(flow.count(name)) for name in ("sent", "received", "deleted"))
    stock = dead_letter_stock(flow, tables)
    frame = flow.frame
    before = _stock_before(frame)
    visible, in_flight = _at_end(flow, tables)
    reasons = list(stock.notes)
    if sent is None or deleted is None or stock.moved is None:
        reasons.append("The balance stays open: sent, deleted or dead-lettered messages are unknown.")
        return Balance(
            flow.queue, sent, received, deleted, before, visible, in_flight, stock.moved, 0, 0, 0, None,
            tuple(reasons), stock,
        )  # fmt: skip
    # What a move task put back came in without being sent.
    rest = before + stock.redriven + sent - deleted - visible - in_flight - stock.moved
    if not stock.exact and 0 < abs(rest) <= max(3, 0.1 * stock.moved):
        # The counters are exact where the stock of the dead-letter queue is approximate.
        purged_dead = stock.purged + rest if stock.purged else 0
        stock = replace(stock, moved=stock.moved + rest, purged=max(0, purged_dead))
        reasons.append(f"{stock.moved} dead letters follow from the queue's own counters.")
        rest = 0
    expired = purged = duplicates = 0
    if rest < 0:
        duplicates, rest = -rest, 0
        reasons.append(
            f"{duplicates} more deletes than messages: these messages ran more than once, "
            "or were deleted by an old receipt after they had reached the dead-letter queue."
        )
    elif rest > 0:
        if _purge_events(flow, tables) or _unreceived_fall(flow) >= 0.5 * rest:
            purged, rest = rest, 0
            reasons.append(f"{purged} messages vanished from the backlog without being received: a purge.")
        elif _reached_retention(flow):
            expired, rest = rest, 0
            reasons.append(f"{expired} messages reached the queue's retention and expired.")
        else:
            reasons.append(
                f"{rest} messages remain unexplained: the counts of CloudWatch are approximate, "
                "and messages on their way at either end of the window are counted once."
            )
    return Balance(
        flow.queue, sent, received, deleted, before, visible, in_flight, stock.moved, expired, purged,
        duplicates, rest, tuple(reasons), stock,
    )  # fmt: skip


def balance_frame(tables: Tables, interval_s: float | None = None) -> pd.DataFrame:
    """Return the balance of every queue as a frame, one row a queue or a queue and interval."""
    import pandas as pd

    rows = []
    for flow in flows(tables):
        if interval_s is None:
            rows.append(_row(flow, queue_balance(flow, tables)))
        else:
            rows.extend(_by_interval(flow, interval_s))
    columns = [
        "queue", "start", "end", "sent", "stock_before", "received", "deleted", "visible", "in_flight",
        "dead_lettered", "expired", "purged", "duplicate_deletes", "unexplained", "reasons",
        "retry_amplification",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    whole = [name for name in columns[3:14] if name != "reasons"]
    return frame.astype(dict.fromkeys(whole, "Int64") | {"retry_amplification": "Float64"})


def _row(flow: Flow, entry: Balance) -> dict[str, Any]:
    index = flow.frame.index
    return {
        "queue": flow.queue,
        "start": index[0] if len(index) else None,
        "end": index[-1] + timedelta(seconds=flow.period_s) if len(index) else None,
        **{
            name: getattr(entry, name)
            for name in (
                "sent", "stock_before", "received", "deleted", "visible", "in_flight", "dead_lettered",
                "expired", "purged", "duplicate_deletes", "unexplained", "retry_amplification",
            )
        },
        "reasons": " ".join(entry.reasons),
    }  # fmt: skip


def _by_interval(flow: Flow, interval_s: float) -> list[dict[str, Any]]:
    """Account interval by interval; what an interval leaves over is named unexplained."""
    import pandas as pd

    rows = []
    previous = float(_stock_before(flow.frame))
    previous_dead = 0.0
    for start, part in flow.frame.groupby(pd.Grouper(freq=f"{int(interval_s)}s")):
        if part.empty:
            continue
        sums = {name: part[name].sum() for name in ("sent", "received", "deleted")}
        visible, in_flight = (_last(part[name]) for name in ("visible", "in_flight"))
        dead = part["dlq_visible"].dropna()
        moved = max(0.0, float(dead.iloc[-1]) - previous_dead) if len(dead) else 0.0
        previous_dead = float(dead.iloc[-1]) if len(dead) else previous_dead
        rest = previous + sums["sent"] - sums["deleted"] - visible - in_flight - moved
        rows.append(
            {
                "queue": flow.queue,
                "start": start,
                "end": start + timedelta(seconds=interval_s),
                **{name: round(value) for name, value in sums.items()},
                "stock_before": round(previous),
                "visible": round(visible),
                "in_flight": round(in_flight),
                "dead_lettered": round(moved),
                "expired": None,
                "purged": None,
                "duplicate_deletes": None,
                "unexplained": round(rest),
                "reasons": "The stock is a maximum of its last minute, and dead letters show late."
                if round(rest)
                else "",
                "retry_amplification": sums["received"] / sums["sent"] if sums["sent"] else None,
            }
        )
        previous = visible + in_flight
    return rows


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _last(series: pd.Series) -> float:
    known = series.dropna()
    return float(known.iloc[-1]) if len(known) else 0.0


def _stock_before(frame: pd.DataFrame) -> int:
    """Return the messages that were there when the window began.

    The first interval's maximum holds what was sent in that interval too, so that is taken off.
    """
    if frame.empty:
        return 0
    first = frame.iloc[0].fillna(0.0)
    return max(0, round(float(first["visible"] + first["in_flight"] + first["deleted"] - first["sent"])))


def _at_end(flow: Flow, tables: Tables) -> tuple[int, int]:
    """Return visible and in-flight messages at the end: the snapshot where the window is whole."""
    queues = tables.table("queues")
    rows = queues[queues["queue"] == flow.queue]
    if getattr(tables, "window", None) is None and len(rows) and rows["visible"].notna().any():
        last = rows.iloc[-1].fillna(0)
        return int(last["visible"]) + int(last["delayed"]), int(last["in_flight"])
    if flow.frame.empty:
        return 0, 0
    tail = flow.frame.iloc[-3:]
    return round(_last(tail["visible"])), round(_last(tail["in_flight"]))


def _purge_events(flow: Flow, tables: Tables) -> int:
    changes = tables.table("changes")
    named = (changes["resource"] == flow.queue) & (changes["event_name"] == "PurgeQueue")
    return int((named & changes["error_code"].isna()).sum())


def _unreceived_fall(flow: Flow) -> float:
    """Return the largest fall of the visible backlog, within two intervals, that receives don't explain."""
    frame = flow.frame
    if not {"visible", "received"} <= flow.asked:
        return 0.0
    visible = frame["visible"].fillna(0.0)
    fall = visible.shift(2) - visible
    taken = frame["received"].fillna(0.0).rolling(3, min_periods=1).sum()
    return float((fall - taken).max()) if len(frame) > 2 else 0.0


def _reached_retention(flow: Flow) -> bool:
    limit = flow.settings.retention_s
    ages = flow.frame["age_s"].dropna()
    return bool(limit is not None and len(ages) and float(ages.max()) >= 0.98 * limit)

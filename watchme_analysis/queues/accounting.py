"""Message accounting: every message sent to a queue is deleted, waiting, in a DLQ, lost or unexplained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.cloudtrail import event_kind
from watchme_analysis.queues.dlq_stock import ASLEEP_AFTER, DeadLetterStock, dead_letter_stock
from watchme_analysis.queues.pipeline import Pipeline, Tables, pipelines
from watchme_analysis.stats.gaps import lost_points
from watchme_analysis.text.message import Duration, sentences
from watchme_analysis.text.render import label, note, render

if TYPE_CHECKING:
    import pandas as pd

# Fewer vanished messages count as a purge only if a purge was recorded, because counts are approximate.
LEAST_PURGE = 3


@dataclass(frozen=True)
class Balance:
    """The balance of a queue over a window, in messages; None where unknown.

    ``stock_before + sent + sent_unseen = deleted - duplicate_deletes + visible + in_flight + dead_lettered +
    expired + purged + unexplained``

    ``sent_unseen`` counts messages that arrived before CloudWatch resumed the metrics of an inactive queue.

    ``mean_stay_s`` is the average time in the queue in seconds by Little's law: mean stock over arrivals.
    """

    queue: str
    sent: int | None
    received: int | None
    deleted: int | None
    stock_before: int
    visible: int
    in_flight: int
    dead_lettered: int | None
    dead_letters: DeadLetterStock
    sent_unseen: int = 0
    expired: int = 0
    purged: int = 0
    duplicate_deletes: int = 0
    unexplained: int | None = None
    reasons: tuple[str, ...] = ()
    mean_stay_s: float | None = None

    @property
    def lost(self) -> int:
        """Number of messages deleted unprocessed from the queue or from its DLQ."""
        return self.expired + self.purged + self.dead_letters.lost

    @property
    def retry_amplification(self) -> float | None:
        """Receives per message."""
        if not self.sent or self.received is None:
            return None
        return self.received / self.sent


def known_total(numbers: Iterable[int | None]) -> int | None:
    """Return the sum of counts; None without any, and where a zero would only be that of the known ones."""
    counts = list(numbers)
    total = sum(number or 0 for number in counts)
    return total if total or (counts and None not in counts) else None


def queue_balance(pipeline: Pipeline, tables: Tables) -> Balance:
    """Return the balance of a pipeline over its whole frame, with Little's law as a check.

    A remainder above zero counts as loss only with evidence: a recorded PurgeQueue, a fall of the backlog
    that no receive explains, or an age that had reached the retention. A remainder below zero means that
    messages were deleted more often than they were sent, as happens when a message is processed twice.
    """
    found = _accounted(pipeline, tables)
    stay_s, contradiction = mean_stay(pipeline)
    reasons = (*found.reasons, contradiction) if contradiction else found.reasons
    return replace(found, mean_stay_s=stay_s, reasons=reasons)


def mean_stay(pipeline: Pipeline) -> tuple[float | None, str | None]:
    """Return the average time in the queue in seconds by Little's law, and a sentence if it is impossible.

    The stock of an interval is its maximum, so the result is too long by up to an interval.
    """
    stock = pipeline.frame["visible"].fillna(0.0) + pipeline.frame["in_flight"].fillna(0.0)
    sent = pipeline.count("sent")
    if not sent or not {"visible", "in_flight"} <= pipeline.queried:
        return None, None
    stay_s = float(stock.sum()) * pipeline.period_s / sent
    oldest = pipeline.frame["age_s"].max()
    if (
        "age_s" not in pipeline.queried
        or not oldest >= 0
        or stay_s <= float(oldest) + 2.0 * pipeline.period_s
    ):
        return stay_s, None
    return stay_s, note("balance-stay", stay=Duration(stay_s), oldest=Duration(float(oldest)))


def _accounted(pipeline: Pipeline, tables: Tables) -> Balance:
    """Return the balance of a pipeline, without Little's law."""
    sent, received, deleted = (_whole(pipeline.count(name)) for name in ("sent", "received", "deleted"))
    stock = dead_letter_stock(pipeline, tables)
    frame = pipeline.frame
    before = stock_before(frame)
    visible, in_flight = _at_end(pipeline, tables)
    found = Balance(
        queue=pipeline.queue,
        sent=sent,
        received=received,
        deleted=deleted,
        stock_before=before,
        visible=visible,
        in_flight=in_flight,
        dead_lettered=stock.moved,
        dead_letters=stock,
    )
    reasons = list(stock.notes)
    if sent is None or deleted is None or stock.moved is None:
        reasons.append(note("balance-open"))
        return replace(found, reasons=tuple(reasons))
    # A redrive adds messages without counting them as sent.
    unseen = _woke_with(pipeline)
    if unseen:
        reasons.append(note("balance-woke", messages=unseen))
    rest = before + unseen + stock.redriven + sent - deleted - visible - in_flight - stock.moved
    lost = int(lost_points(frame, ("sent", "received", "deleted", "visible")).sum())
    near = 0 < abs(rest) <= max(3, 0.1 * stock.moved)
    if not stock.exact and not lost and near and stock.moved + rest >= 0:
        # The queue's counters are exact, whereas the stock of the DLQ is approximate.
        moved = stock.moved + rest
        stock = replace(stock, moved=moved, purged=_purged_dead(replace(stock, moved=moved)))
        reasons.append(note("balance-moved", messages=moved))
        rest = 0
    expired = purged = duplicates = 0
    if lost and rest:
        reasons.append(note("balance-lost-points", intervals=lost))
    if rest < 0:
        duplicates, rest = -rest, 0
        reasons.append(note("balance-duplicates", deletes=duplicates))
    elif rest > 0:
        if _purge_events(pipeline, tables) or _unreceived_fall(pipeline) >= max(LEAST_PURGE, 0.5 * rest):
            purged, rest = rest, 0
            reasons.append(note("balance-purged", messages=purged))
        elif _reached_retention(pipeline):
            expired, rest = rest, 0
            reasons.append(note("balance-expired", messages=expired))
        else:
            reasons.append(note("balance-unexplained", messages=rest))
    return replace(
        found,
        dead_lettered=stock.moved,
        sent_unseen=unseen,
        expired=expired,
        purged=purged,
        duplicate_deletes=duplicates,
        unexplained=rest,
        reasons=tuple(reasons),
        dead_letters=stock,
    )


def balance_frame(tables: Tables, interval_s: float | None = None, language: str = "en") -> pd.DataFrame:
    """Return the balance of every queue, one row per queue, or per queue and interval.

    Columns: ``queue``, ``start``, ``end``, ``sent``, ``stock_before``, ``received``, ``deleted``,
    ``visible``, ``in_flight``, ``dead_lettered``, ``expired``, ``purged``, ``duplicate_deletes``,
    ``unexplained``, ``reasons`` (text in a language), ``retry_amplification`` (receives per message),
    ``mean_stay_s`` (by Little's law; null for an interval).
    """
    import pandas as pd

    rows = []
    for pipeline in pipelines(tables):
        if interval_s is None:
            rows.append(_row(pipeline, queue_balance(pipeline, tables), language))
        else:
            rows.extend(_by_interval(pipeline, tables, interval_s, language))
    columns = [
        "queue", "start", "end", "sent", "stock_before", "received", "deleted", "visible", "in_flight",
        "dead_lettered", "expired", "purged", "duplicate_deletes", "unexplained", "reasons",
        "retry_amplification", "mean_stay_s",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    whole = [name for name in columns[3:14] if name != "reasons"]
    return frame.astype(
        dict.fromkeys(whole, "Int64") | {"retry_amplification": "Float64", "mean_stay_s": "Float64"}
    )


def _row(pipeline: Pipeline, entry: Balance, language: str) -> dict[str, Any]:
    index = pipeline.frame.index
    # Without the counts that a balance needs, it tells nothing of messages that went another way.
    unknown = {"expired", "purged", "duplicate_deletes"} if entry.unexplained is None else set()
    if pipeline.settings.visibility_timeout_s is None:  # nor is there a snapshot of the queue
        unknown |= {name for name in ("visible", "in_flight") if pipeline.frame[name].isna().all()}
    if pipeline.frame[["visible", "received"]].isna().all(axis=None):
        unknown.add("stock_before")
    return {
        "queue": pipeline.queue,
        "start": index[0] if len(index) else None,
        "end": index[-1] + timedelta(seconds=pipeline.period_s) if len(index) else None,
        **{
            name: None if name in unknown and not getattr(entry, name) else getattr(entry, name)
            for name in (
                "sent", "stock_before", "received", "deleted", "visible", "in_flight", "dead_lettered",
                "expired", "purged", "duplicate_deletes", "unexplained", "retry_amplification", "mean_stay_s",
            )
        },
        "reasons": render(sentences(*entry.reasons), language),
    }  # fmt: skip


def _by_interval(
    pipeline: Pipeline, tables: Tables, interval_s: float, language: str
) -> list[dict[str, Any]]:
    """Return a row per interval; a remainder is unexplained, and unknown counts stay null."""
    import pandas as pd

    rows = []
    previous = float(stock_before(pipeline.frame))
    known = {"sent", "deleted", "visible", "in_flight"} <= pipeline.queried
    shared = dead_letter_stock(pipeline, tables).moved_by_all is not None
    previous_dead = 0.0
    for start, part in pipeline.frame.groupby(pd.Grouper(freq=f"{int(interval_s)}s")):
        if part.empty:
            continue
        sums = {
            name: float(part[name].sum()) if name in pipeline.queried else None
            for name in ("sent", "received", "deleted")
        }
        visible, in_flight = (_last(part[name]) for name in ("visible", "in_flight"))
        dead = pipeline.dlq_messages.loc[part.index].dropna()
        moved = max(0.0, float(dead.iloc[-1]) - previous_dead) if len(dead) else 0.0
        previous_dead = float(dead.iloc[-1]) if len(dead) else previous_dead
        rest, reason = None, "shared-dlq"
        if not known:
            reason = "unknown"
        elif not shared:
            rest = previous + (sums["sent"] or 0.0) - (sums["deleted"] or 0.0) - visible - in_flight - moved
            reason = "delayed"
        rows.append(
            {
                "queue": pipeline.queue,
                "start": start,
                "end": start + timedelta(seconds=interval_s),
                **{name: _whole(value) for name, value in sums.items()},
                "stock_before": round(previous),
                "visible": round(visible) if "visible" in pipeline.queried else None,
                "in_flight": round(in_flight) if "in_flight" in pipeline.queried else None,
                "dead_lettered": None if shared else round(moved),
                "unexplained": _whole(rest),
                "reasons": (
                    "" if rest is not None and not round(rest) else label(f"balance-step-{reason}", language)
                ),
                "retry_amplification": (
                    sums["received"] / sums["sent"] if sums["received"] is not None and sums["sent"] else None
                ),
            }
        )
        previous = visible + in_flight
    return rows


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _last(series: pd.Series) -> float:
    known = series.dropna()
    return float(known.iloc[-1]) if len(known) else 0.0


def stock_before(frame: pd.DataFrame) -> int:
    """Return the smallest stock at the start of the window that explains its first interval.

    The maxima of that interval include messages sent and received in it, and messages in flight may be
    deleted later in it, so stocks and deletes cannot be added up.
    """
    if frame.empty:
        return 0
    sent, received, deleted, visible, in_flight = (
        float(frame[name].iloc[:1].fillna(0.0).iloc[0])
        for name in ("sent", "received", "deleted", "visible", "in_flight")
    )
    waited, ran = max(received, visible) - sent, max(deleted, in_flight) - received
    return round(max(0.0, waited) + max(0.0, ran))


def _woke_with(pipeline: Pipeline) -> int:
    """Return the stock of a queue when its metrics resumed; it was empty while they were missing."""
    if not {"sent", "received", "deleted", "visible", "in_flight"} <= pipeline.queried:
        return 0
    stock = pipeline.frame[["visible", "in_flight"]].dropna(how="all").sum(axis="columns")
    silent = stock.index.to_series().diff() >= ASLEEP_AFTER
    woke = stock.index[silent & (stock.shift() == 0)]
    return sum(stock_before(pipeline.frame.loc[[moment]]) for moment in woke)


def _at_end(pipeline: Pipeline, tables: Tables) -> tuple[int, int]:
    """Return visible and in-flight messages at the end: from the snapshot unless a window was selected."""
    queues = tables.table("queues")
    rows = queues.loc[queues["queue"] == pipeline.queue, ["visible", "in_flight", "delayed"]]
    if getattr(tables, "window", None) is None and len(rows) and rows["visible"].notna().any():
        last = rows.iloc[-1].fillna(0)
        return int(last["visible"]) + int(last["delayed"]), int(last["in_flight"])
    if pipeline.frame.empty:
        return 0, 0
    tail = pipeline.frame.iloc[-3:]
    return round(_last(tail["visible"])), round(_last(tail["in_flight"]))


def _purged_dead(stock: DeadLetterStock) -> int:
    """Return the messages purged from the DLQ: exact arrivals minus those still there or gone otherwise."""
    if not stock.purged or stock.moved is None or stock.moved_by_all is not None:
        return stock.purged
    otherwise = stock.expired + stock.redriven + stock.left_for_unknown_reason
    return max(0, stock.held + stock.moved - stock.at_end - otherwise)


def _purge_events(pipeline: Pipeline, tables: Tables) -> int:
    changes = tables.table("changes")
    named = (changes["resource"] == pipeline.queue) & (changes["event_name"].map(event_kind) == "purge")
    return int((named & changes["error_code"].isna()).sum())


def _unreceived_fall(pipeline: Pipeline) -> float:
    """Return the largest fall of visible messages, within two intervals, that receives do not explain."""
    if not {"visible", "received"} <= pipeline.queried:
        return 0.0
    # Points that are not yet published do not mean that the queue is empty.
    frame = pipeline.frame.loc[: pipeline.frame["visible"].last_valid_index()]
    visible = frame["visible"].fillna(0.0)
    fall = visible.shift(2) - visible
    taken = frame["received"].fillna(0.0).rolling(3, min_periods=1).sum()
    lost = lost_points(frame, ("visible", "received")).astype(float).rolling(3, min_periods=1).max() > 0
    return float((fall - taken).mask(lost, 0.0).max()) if len(frame) > 2 else 0.0


def _reached_retention(pipeline: Pipeline) -> bool:
    limit = pipeline.settings.retention_s
    ages = pipeline.frame["age_s"].dropna()
    return bool(limit is not None and len(ages) and float(ages.max()) >= 0.98 * limit)

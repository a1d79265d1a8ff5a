"""Slow or recurring trouble: latency drift, and DLQ messages of one weekday or one work item."""

from __future__ import annotations

import math
from datetime import date, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from watchme_analysis.queues.anomalies import QueueAnalysis, analyse_queues
from watchme_analysis.queues.pipeline import Tables
from watchme_analysis.queues.work_items import unit_of, work_item_settings
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Instant,
    Number,
    Resource,
    Share,
    Translated,
    message,
    sentences,
)
from watchme_analysis.text.render import render

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("queue", "pattern", "effect", "effect_unit", "chance", "says")
# Smallest share of DLQ messages of one item, its smallest multiple of an even share, and fewest messages.
ITEM_SHARE, ITEM_TIMES, ITEM_MESSAGES = 0.4, 3.0, 5
# Fewest weeks for a weekly rhythm, and the highest probability of chance after correction for seven weekdays.
# Each is tested with all days that have a DLQ message, and with days that have this share of the worst day's.
WEEKS, CHANCE, MANY = 2, 0.01, 0.25
# Thresholds of a drift that is worth a report before it does harm: factor, hours, rank correlation,
# steepness.
DRIFT_GROWTH, DRIFT_HOURS, DRIFT_CORRELATION, DRIFT_STEEPEST = 1.3, 24.0, 0.8, 0.5
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def patterns(tables: Tables, zone: tzinfo, language: str = "en") -> pd.DataFrame:
    """Return slow and periodic trouble of all queues, affected or not; the zone separates the days.

    Columns: ``queue``, ``pattern`` (``one item``, ``one weekday``, ``creeping run time``), ``effect`` with
    its ``effect_unit`` (``share``, ``ratio``), ``chance`` (probability of the effect by chance; null without
    a test), ``says`` (a sentence).
    """
    import pandas as pd

    messages = tables.table("queue_messages")
    unit = unit_of(work_item_settings(tables))
    rows: list[dict[str, Any]] = []
    for signs in analyse_queues(tables):
        own = messages[
            (messages["queue"] == signs.pipeline.dlq)
            & (messages["source_queue"].fillna(signs.pipeline.queue) == signs.pipeline.queue)
        ]
        found = (_item(signs, unit), _weekday(signs, own, zone), _latency_drift(signs))
        rows.extend(
            {"queue": signs.pipeline.queue, **item, "says": render(item["says"], language, zone)}
            for item in found
            if item is not None
        )
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    text = dict.fromkeys(("queue", "pattern", "effect_unit", "says"), "string")
    return frame.astype(text | {"effect": "Float64", "chance": "Float64"})


def _item(signs: QueueAnalysis, unit: Translated) -> dict[str, Any] | None:
    total = sum(signs.by_item.values())
    if total < ITEM_MESSAGES or len(signs.by_item) < 2:
        return None
    item, number = signs.by_item.most_common(1)[0]
    share, even = number / total, 1.0 / len(signs.by_item)
    if share < ITEM_SHARE or share < ITEM_TIMES * even:
        return None
    return {
        "pattern": "one item",
        "effect": share,
        "effect_unit": "share",
        # Messages of one item are not independent, so no test applies.
        "chance": None,
        "says": message(
            "pattern-says-item",
            messages=number,
            total=total,
            share=Share(share),
            unit=unit,
            item=Resource(str(item)),
            items=len(signs.by_item),
            even=Share(even),
        ),
    }


def _weekday(signs: QueueAnalysis, dead: pd.DataFrame, zone: tzinfo) -> dict[str, Any] | None:
    """Return the weekday of most DLQ messages, by Fisher's exact test over days; None without one."""
    frame = signs.pipeline.frame
    if frame.empty:
        return None
    first, last = (moment.tz_convert(zone).date() for moment in (frame.index[0], frame.index[-1]))
    days = [first + timedelta(days=k) for k in range((last - first).days + 1)]
    counts = {day: n for day, n in _dead_letters_a_day(signs, dead, zone).items() if day in set(days)}
    if len(days) < 7 * WEEKS or not counts:
        return None
    candidates = []
    # The selection of days does not depend on the weekday, so the test stays exact.
    for least in sorted({1, math.ceil(MANY * max(counts.values()))}):
        hit = {day for day, number in counts.items() if number >= least}
        if len(hit) >= WEEKS:
            candidates += [
                (_fisher(days, hit, weekday), weekday, least, hit)
                for weekday in {day.weekday() for day in hit}
            ]
    if not candidates:
        return None
    chance, weekday, least, hit = min(candidates, key=lambda item: item[:3])
    chance = min(1.0, 7 * len({frozenset(item[3]) for item in candidates}) * chance)
    if chance > CHANCE:
        return None
    on = sum(day.weekday() == weekday for day in hit)
    all_such = sum(day.weekday() == weekday for day in days)
    return {
        "pattern": "one weekday",
        "effect": on / len(hit),
        "effect_unit": "share",
        "chance": chance,
        "says": message(
            "pattern-says-weekday",
            least=least,
            weekday=Choice(WEEKDAYS[weekday]),
            hit=on,
            such=all_such,
            others=len(hit) - on,
            days=len(days) - all_such,
            zone=Resource(str(zone)),
        ),
    }


def _dead_letters_a_day(signs: QueueAnalysis, dead: pd.DataFrame, zone: tzinfo) -> dict[date, int]:
    """Return the DLQ messages by day: those sent or the rise of the stock, since purges empty the dump."""
    stock = signs.pipeline.dlq_messages.dropna()
    rises = stock - stock.shift(1, fill_value=0.0)
    if len(rises) and rises.index[0] == signs.pipeline.frame.index[0]:
        rises = rises.iloc[1:]  # the stock at the start of the window
    rises = rises[rises >= 1.0]
    rose = rises.groupby(rises.index.tz_convert(zone).date).sum()
    sent = dead["sent_at"].dropna().dt.tz_convert(zone).dt.date.value_counts()
    return {
        day: round(max(float(rose.get(day, 0.0)), float(sent.get(day, 0))))
        for day in {*rose.index, *sent.index}
    }


def _fisher(days: list[date], hit: set[date], weekday: int) -> float:
    """Return the probability that as many of the hit days fall on a weekday by chance (one-sided)."""
    such = sum(day.weekday() == weekday for day in days)
    on, drawn, others = sum(day.weekday() == weekday for day in hit), len(hit), len(days) - such
    ways = sum(math.comb(such, k) * math.comb(others, drawn - k) for k in range(on, min(such, drawn) + 1))
    return ways / math.comb(len(days), drawn)


def _latency_drift(signs: QueueAnalysis) -> dict[str, Any] | None:
    drift = signs.drift
    if drift is None or drift.growth < DRIFT_GROWTH or drift.hours < DRIFT_HOURS:
        return None
    if drift.correlation < DRIFT_CORRELATION or drift.steepest_share > DRIFT_STEEPEST:
        return None
    limit = signs.pipeline.settings.function_timeout_s
    return {
        "pattern": "creeping run time",
        "effect": drift.growth,
        "effect_unit": "ratio",
        "chance": None,
        "says": sentences(
            message(
                "pattern-says-drift",
                function=Resource(str(signs.pipeline.function)),
                before=Duration(drift.before_s),
                after=Duration(drift.after_s),
                days=Number(drift.hours / 24.0, 2),
            ),
            message("pattern-says-timeout", timeout=Duration(limit)) if limit else None,
            message(
                "pattern-says-began", earliest=Instant(drift.start_low), latest=Instant(drift.start_high)
            ),
        ),
    }

"""Work items named by messages: items that reached a DLQ, and those of them that were never done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from watchme_analysis.config import WorkItemSettings
from watchme_analysis.errors import InputError
from watchme_analysis.files.json_values import read_json
from watchme_analysis.queues.anomalies import QueueAnalysis, analyse_queues
from watchme_analysis.queues.dlq_stock import from_before
from watchme_analysis.queues.error_kinds import error_kind
from watchme_analysis.queues.pipeline import Pipeline, Tables, cached_per_case
from watchme_analysis.queues.retries import retries
from watchme_analysis.queues.work_done import (
    Failed,
    failed_with,
    first_of,
    surely_ran,
    work_done,
    work_item_settings,
)
from watchme_analysis.safe_regex import compiled
from watchme_analysis.window import parse_time, parse_zone

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "queue", "state", "message_id", "work_item", "work_time", "work_date", "sent_at", "receive_count",
    "processed", "recoverable", "expires_at", "passed_retention", "before_window", "group_id",
    "deduplication_id", "body",
)  # fmt: skip
_AS_SENT = ("message_id", "work_item", "receive_count", "group_id", "deduplication_id", "body")
DEAD = "dead_lettered"
# Kinds of errors of unclear origin, and shares from which a function's errors apply to each of its messages.
UNCLEAR = ("code_or_message", "other")
NEARLY_ALL, ALL_FAILED = 0.95, 0.15


def message_work(tables: Tables, signs: tuple[QueueAnalysis, ...]) -> pd.DataFrame:
    """Return one row per message of the analysed queues and DLQs, with its work (:data:`COLUMNS`).

    ``state`` is ``dead_lettered`` or ``waiting``. ``processed`` is true where the log or the counters show
    that an invocation with this message, or another message of the same work, succeeded; else null.
    ``recoverable`` is true when a redrive can succeed, false when the error names a missing or unreadable
    input, null when unknown. ``expires_at`` is the time at which the queue drops the message, and
    ``passed_retention`` is true if that is before the end of the case. ``before_window`` is true for messages
    that were in the DLQ at the start of the window, which its metrics and logs do not cover.
    """
    import pandas as pd

    messages = tables.table("queue_messages").drop_duplicates(["queue", "message_id"], keep="last")
    settings = work_item_settings(tables)
    by_queue = {item.pipeline.queue: item for item in signs}
    by_dlq = {item.pipeline.dlq: item for item in signs if item.pipeline.dlq}
    done, failed = work_done(tables), failed_with(tables)

    @cache
    def ran_surely(queue: str) -> Callable[[datetime | None], bool]:
        item = by_queue[queue]
        return surely_ran(item.pipeline, None if item.redelivery is None else item.redelivery.start)

    ends = _end(tables, signs)
    old = {
        row for item in signs for row in from_before(messages, item.pipeline, item.balance.dead_letters.held)
    }
    rows = []
    # True for queues whose failures lie in the messages; computed once for each queue with messages.
    own_faults: dict[str, bool] = {}
    stated = messages.astype(object).where(messages.notna(), None).to_dict("records")
    for place, said in zip(messages.index, stated, strict=True):
        own = (
            by_queue.get(str(said["source_queue"]))
            or by_dlq.get(said["queue"])
            or by_queue.get(said["queue"])
        )
        if own is None:
            continue
        content = _content(said["body"])
        found = _message(said, content, own.pipeline, settings, ends)
        key = _key_of(content, settings) or found["work_time"] or found["work_date"]
        is_dead = found["state"] == DEAD
        ran = done.has(said["message_id"], own.pipeline.function, found["work_item"], key)
        ran = ran or (is_dead and ran_surely(own.pipeline.queue)(found["sent_at"]))
        error = failed.get(str(said["message_id"]))
        found["before_window"] = place in old
        found["processed"] = True if ran else None
        is_explained = is_dead and (place not in old or error is not None)
        found["recoverable"] = None
        if is_explained:
            if own.pipeline.queue not in own_faults:
                tried = retries(own)
                own_faults[own.pipeline.queue] = tried is not None and tried.lies_in_the_message
            fault = own_faults[own.pipeline.queue]
            found["recoverable"] = _recoverable(own, found["body"], error, own_fault=fault)
        rows.append(found)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    text = (
        "queue", "state", "message_id", "work_item", "work_time", "work_date", "group_id",
        "deduplication_id", "body",
    )  # fmt: skip
    return frame.astype(
        dict.fromkeys(text, "string")
        | {"receive_count": "Int64"}
        | dict.fromkeys(("processed", "recoverable", "passed_retention", "before_window"), "boolean")
        | dict.fromkeys(("sent_at", "expires_at"), "datetime64[us, UTC]")
    )


def _message(
    said: Mapping[str, Any],
    content: Mapping[str, Any],
    pipeline: Pipeline,
    settings: WorkItemSettings,
    ends: datetime | None,
) -> dict[str, Any]:
    """Return the columns that follow from a message itself, its content and its queue's settings."""
    is_dead = said["queue"] != pipeline.queue
    retention = pipeline.settings.dlq_retention_s if is_dead else pipeline.settings.retention_s
    sent_at = None if said["sent_at"] is None else said["sent_at"].to_pydatetime()
    expires = None if retention is None or sent_at is None else sent_at + timedelta(seconds=retention)
    moment, local = _work_of(content, said["work_key"], settings)
    return {
        "queue": pipeline.queue,
        "state": DEAD if is_dead else "waiting",
        "work_time": moment,
        "work_date": local,
        "sent_at": sent_at,
        "expires_at": expires,
        "passed_retention": None if expires is None or ends is None else expires <= ends,
    } | {name: said[name] for name in _AS_SENT}


def _end(tables: Tables, signs: tuple[QueueAnalysis, ...]) -> datetime | None:
    """Return the end of the case: of the selected window, else of the metrics."""
    window = getattr(tables, "window", None)
    if window is not None:
        return window.end  # type: ignore[no-any-return]
    ends = [
        item.pipeline.frame.index[-1].to_pydatetime() + timedelta(seconds=item.pipeline.period_s)
        for item in signs
        if len(item.pipeline.frame)
    ]
    return max(ends, default=None)


def _recoverable(
    signs: QueueAnalysis, body: str | None, error: Failed | None, *, own_fault: bool
) -> bool | None:
    """Return whether a DLQ message can succeed when redriven after the cause is removed; None when unknown.

    The message's own error counts most, else the error of nearly all failures of its function. If all
    invocations failed, the messages were not the cause. If the same messages failed at every attempt while
    others succeeded (``own_fault``), a message may be the cause, whatever its error.
    """
    if body is None:
        return None
    if error is not None:
        kind = error_kind(f"{error.type} {error.text}")
        return False if kind == "message" else None if kind in UNCLEAR or own_fault else True
    errors = signs.errors
    all_failed = signs.passed_share is not None and signs.passed_share <= ALL_FAILED
    if not errors.total:
        return True if all_failed or (signs.failures is None and signs.errors_counted) else None
    if errors.share("message") >= NEARLY_ALL:
        return False
    if own_fault:
        return None
    unclear = errors.share("message", *UNCLEAR)
    return True if all_failed or unclear <= 1.0 - NEARLY_ALL else None


def work_pairs(frame: pd.DataFrame) -> list[list[str]]:
    """Return the distinct pairs of item and moment of messages, sorted; without incomplete pairs.

    The local date stands for the moment of a message that states none.
    """
    return _pairs(frame.assign(when=frame["work_time"].fillna(frame["work_date"])), "when")


def day_pairs(frame: pd.DataFrame) -> list[list[str]]:
    """Return the distinct pairs of item and local date of messages, sorted; without incomplete pairs."""
    return _pairs(frame, "work_date")


def _pairs(frame: pd.DataFrame, column: str) -> list[list[str]]:
    named = frame.dropna(subset=["work_item", column])
    pairs = set(zip(named["work_item"], named[column], strict=True))
    return sorted([str(item), str(when)] for item, when in pairs)


def _content(body: str | None) -> dict[str, Any]:
    """Return the fields of a message's body; none of a body that is no JSON object."""
    if body is None:
        return {}
    try:
        parsed = read_json(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _work_of(
    content: Mapping[str, Any], key: str | None, settings: WorkItemSettings
) -> tuple[str | None, str | None]:
    """Return the moment as sent and the local date of the work, also from the path of its file."""
    zone = parse_zone(settings.time_zone)
    moment = first_of(content, settings.time_keys)
    local = first_of(content, settings.day_keys)
    if moment is None and local is None:
        moment = key
    if local is None and moment is not None:
        try:
            # A bare date is already a day; a time without a zone is in the zone of local dates.
            text = str(moment)
            local = text if len(text) == 10 else parse_time(text, zone).astimezone(zone).date().isoformat()
        except InputError:
            local = None
    if local is None and moment is None:
        day_in_path = compiled(settings.day_in_path)
        days = [match[1] for value in content.values() if (match := day_in_path.search(str(value)))]
        local = days[0] if days else None
    return (None if moment is None else str(moment), None if local is None else str(local))


def key_in_body(body: str | None, settings: WorkItemSettings) -> str | None:
    """Return the day of a message about a whole day, or the moment of any other message."""
    return _key_of(_content(body), settings)


def _key_of(content: Mapping[str, Any], settings: WorkItemSettings) -> str | None:
    found = first_of(content, settings.day_keys) or first_of(content, settings.time_keys)
    return None if found is None else str(found)


def work_items(tables: Tables) -> pd.DataFrame:
    """Return the work named by DLQ messages and by messages seen waiting.

    Returns
    -------
    pandas.DataFrame
        ``queue``, ``state`` (``dead_lettered``, ``waiting``), ``message_id``, ``work_item``,
        ``work_time`` (text as sent), ``work_date``, ``sent_at``, ``receive_count``, ``processed``,
        ``recoverable``, ``expires_at``, ``passed_retention``, ``before_window``, ``group_id``,
        ``deduplication_id``, ``body``; see :func:`watchme_analysis.queues.work_items.message_work`.
    """
    return cached_per_case(tables, _work_items).copy(deep=False)


def _work_items(tables: Tables) -> pd.DataFrame:
    return message_work(tables, analyse_queues(tables))

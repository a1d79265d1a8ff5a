"""The work that messages name: what reached a dead-letter queue, what of it was never done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.flows import Flow, Tables
from watchme_analysis.errors import InputError
from watchme_analysis.window import parse_time, parse_zone

if TYPE_CHECKING:
    import pandas as pd

# The team's days are Japanese days; a daily analysis belongs to one of them.
TEAM_ZONE = "Asia/Tokyo"
COLUMNS = (
    "queue", "state", "message_id", "device_id", "recorded_at", "local_date", "sent_at", "receive_count",
    "processed", "recoverable", "expires_at", "body",
)  # fmt: skip


def message_work(
    tables: Tables, flows: tuple[Flow, ...], never_failed: Mapping[str, bool], zone: str = TEAM_ZONE
) -> pd.DataFrame:
    """Return one row a message seen in a queue or a dead-letter queue, with the work that it names.

    Parameters
    ----------
    tables
        Case or investigation.
    flows
        The flows; messages of other queues are left out.
    never_failed
        By queue, whether the evidence shows that every run of its function succeeded: its dead letters
        were then processed, at least once each.
    zone
        IANA zone of the local date.

    Returns
    -------
    pandas.DataFrame
        See :data:`COLUMNS`: ``state`` is ``dead_lettered`` or ``waiting``; ``processed`` is null where
        the evidence can't tell; ``recoverable`` is false when the error says that the work's input is
        gone, null when unknown; ``expires_at`` is when the queue drops the message.
    """
    import pandas as pd

    messages = tables.table("queue_messages").drop_duplicates(["queue", "message_id"], keep="last")
    place = parse_zone(zone)
    dead = {flow.dlq: flow for flow in flows if flow.dlq}
    live = {flow.queue: flow for flow in flows}
    done = _processed_ids(tables)
    rows = []
    for row in messages.itertuples():
        flow = live.get(row.source_queue) if _known(row.source_queue) else None
        flow = flow or dead.get(row.queue) or live.get(row.queue)
        if flow is None:
            continue
        is_dead = row.queue != flow.queue
        retention = flow.settings.dlq_retention_s if is_dead else flow.settings.retention_s
        processed: bool | None = True if row.message_id in done else None
        if is_dead and never_failed.get(flow.queue):
            processed = True
        expires = None
        if retention is not None and _known(row.sent_at):
            expires = row.sent_at + timedelta(seconds=retention)
        body = row.body if _known(row.body) else None
        recorded, local = _work_of(body, row.work_key if _known(row.work_key) else None, place)
        rows.append(
            {
                "queue": flow.queue,
                "state": "dead_lettered" if is_dead else "waiting",
                "message_id": row.message_id,
                "device_id": row.device_id if _known(row.device_id) else None,
                "recorded_at": recorded,
                "local_date": local,
                "sent_at": row.sent_at if _known(row.sent_at) else None,
                "receive_count": row.receive_count,
                "processed": processed,
                "recoverable": None,
                "expires_at": expires,
                "body": body,
            }
        )
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    text = ("queue", "state", "message_id", "device_id", "recorded_at", "local_date", "body")
    return frame.astype(
        dict.fromkeys(text, "string")
        | {"receive_count": "Int64", "processed": "boolean", "recoverable": "boolean"}
        | dict.fromkeys(("sent_at", "expires_at"), "datetime64[us, UTC]")
    )


def work_pairs(frame: pd.DataFrame) -> list[list[str]]:
    """Return the distinct ``[device_id, local_date]`` pairs of messages, sorted; nameless ones left out."""
    named = frame.dropna(subset=["device_id", "local_date"])
    pairs = set(zip(named["device_id"], named["local_date"], strict=True))
    return sorted([str(device), str(date)] for device, date in pairs)


def _known(value: Any) -> bool:
    """Tell whether a value is there."""
    import pandas as pd

    return value is not None and not pd.isna(value)


def _work_of(body: str | None, key: str | None, zone: tzinfo) -> tuple[str | None, str | None]:
    """Return recorded_at as sent and the local date of the work."""
    content: dict[str, Any] = {}
    if body is not None:
        try:
            parsed = json.loads(body)
            content = parsed if isinstance(parsed, dict) else {}
        except ValueError:
            content = {}
    recorded = content.get("recorded_at")
    local = content.get("local_date")
    if recorded is None and local is None:
        recorded = key
    if local is None and recorded is not None:
        try:
            # A bare date is a day already; a time without a zone is the team's.
            text = str(recorded)
            local = text if len(text) == 10 else parse_time(text, zone).astimezone(zone).date().isoformat()
        except InputError:
            local = None
    return (None if recorded is None else str(recorded), None if local is None else str(local))


def _processed_ids(tables: Tables) -> frozenset[str]:
    """Return message ids whose run, by the worker's own log, ended well.

    A run is joined by request id: it named the message and its records hold no error, and it ended.
    """
    import re

    events = tables.table("log_events")
    if events.empty:
        return frozenset()
    events = events[events["request_id"].notna()]
    failed = set(events.loc[events["kind"].isin(["error", "timeout"]), "request_id"])
    ended = set(events.loc[events["kind"].isin(["end", "report"]), "request_id"]) - failed
    named = events[events["message"].str.contains("message", case=False, na=False)]
    pattern = re.compile(r"message_?id[\"']?\s*[=:]\s*[\"']?([0-9a-f-]{36})", re.IGNORECASE)
    found = set()
    for request, message in zip(named["request_id"], named["message"], strict=True):
        if request in ended:
            found.update(pattern.findall(message))
    return frozenset(found)

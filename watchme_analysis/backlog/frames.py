"""Frames of dead letters and changes for the page of a backlog.

Every function takes an object with ``table(name)`` (a case or an investigation), reads nothing else and
returns a tidy frame. Times are UTC and mark the start of an interval; missing values stay null.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from watchme_analysis.backlog.changes import recorded_changes
from watchme_analysis.queues.error_kinds import logged_errors
from watchme_analysis.queues.pipeline import Tables, pipelines
from watchme_analysis.queues.work_items import failed_with, work_items
from watchme_analysis.text.render import error_message, label, render, value_label

if TYPE_CHECKING:
    import pandas as pd


def dead_letters_by(tables: Tables, key: str = "work_item", language: str = "en") -> pd.DataFrame:
    """Return DLQ message counts by ``work_item``, ``error``, ``receive_count``, ``age_days`` or ``queue``.

    Columns: ``queue``, the key, ``messages``, ``share``, ``first_sent``, ``last_sent``; sorted by descending
    messages, or by ascending receive count or age. Errors that are known only by their kind are described in
    a language.
    """
    import pandas as pd

    from watchme_analysis.errors import InputError

    keys = ("work_item", "error", "receive_count", "age_days", "queue")
    if key not in keys:
        raise InputError(error_message("error-dlq-key", key=repr(key), known=", ".join(keys)))
    frame = work_items(tables)
    frame = frame[frame["state"] == "dead_lettered"]
    columns = ["queue", *([] if key == "queue" else [key]), "messages", "share", "first_sent", "last_sent"]
    if frame.empty:
        return pd.DataFrame(columns=columns)
    if key == "error":
        frame = frame.assign(error=_errors_of(tables, frame, language))
    elif key == "age_days":
        last = pd.concat([tables.table("metrics")["time"], frame["sent_at"]]).max()
        frame = frame.assign(age_days=(last - frame["sent_at"]).dt.days.astype("Int64"))
    groups = frame.groupby(columns[: columns.index("messages")], dropna=False)
    counted = groups.agg(
        messages=("message_id", "nunique"), first_sent=("sent_at", "min"), last_sent=("sent_at", "max")
    ).reset_index()
    counted["share"] = counted["messages"] / counted.groupby("queue")["messages"].transform("sum")
    order = ["queue", key] if key in ("receive_count", "age_days") else ["messages", "queue"]
    counted = counted.sort_values(order, ascending=[order[0] == "queue", True], kind="stable")
    return counted[columns].reset_index(drop=True)


def _errors_of(tables: Tables, frame: pd.DataFrame, language: str) -> list[str]:
    """Return the error of each DLQ message: by request if the log names the message, else the usual error.

    The usual error applies if nineteen of twenty logged errors of the function are of one kind.
    """
    events = tables.table("log_events")
    by_message = {name: error.type or "error" for name, error in failed_with(tables).items()}
    usual: dict[str, str] = {}
    for pipeline in pipelines(tables):
        errors = logged_errors(events, tables.table("log_queries"), pipeline.function)
        if errors.main is not None and errors.share(errors.main) >= 0.95:
            usual[pipeline.queue] = label(
                "error-kind-usual",
                language,
                kind=value_label("error-kind", errors.main, language),
                function=str(pipeline.function),
            )
    unknown = label("error-kind-unknown", language)
    return [
        by_message.get(str(row.message_id), usual.get(str(row.queue), unknown)) for row in frame.itertuples()
    ]


def changes_near(
    tables: Tables, start: datetime | None = None, named: datetime | None = None
) -> pd.DataFrame:
    """Return the recorded changes with their distance from the incident's first harm.

    Columns: ``time``, ``event_name``, ``user``, ``resource``, ``what`` (in English), ``description`` (the
    same as a message), ``queues`` (affected through the topology, text), ``minutes_before_start`` (negative
    after it), ``could_cause`` (causes that such a change can bring about, text), ``named`` (true for the
    change that the diagnosis names, which was made at ``named``).
    """
    import pandas as pd

    rows = []
    for change in recorded_changes(tables, pipelines(tables)):
        minutes = None if start is None else (start - change.time).total_seconds() / 60.0
        rows.append(
            {
                "time": change.time,
                "event_name": change.event_name,
                "user": change.user,
                "resource": change.resource,
                "what": render(change.what),
                "description": change.what,
                "queues": ", ".join(change.queues),
                "minutes_before_start": minutes,
                "could_cause": ", ".join(change.begins),
                "named": change.time == named,
            }
        )
    columns = [
        "time", "event_name", "user", "resource", "what", "description", "queues", "minutes_before_start",
        "could_cause", "named",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    text = dict.fromkeys(("event_name", "user", "resource", "what", "queues", "could_cause"), "string")
    return frame.astype(
        text | {"time": "datetime64[us, UTC]", "minutes_before_start": "Float64", "named": "boolean"}
    )

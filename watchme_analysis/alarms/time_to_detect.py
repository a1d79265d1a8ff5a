"""Time at which people noticed an incident, according to alarms and recorded changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.cloudtrail import event_kind
from watchme_analysis.aws_shapes.responses import child, json_value
from watchme_analysis.queues.pipeline import Pipeline, Tables
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import pandas as pd

# Deployments are also routine, so they count as a reaction only near the end of an incident.
_DEPLOYMENTS = frozenset({"function_code", "function_configuration", "alias_updated"})
# Kinds of recorded changes with which people react to a backlog.
_REACTIONS = _DEPLOYMENTS | {
    "purge",
    "redrive_started",
    "queue_attributes",
    "mapping_updated",
    "concurrency_set",
    "concurrency_removed",
    "instance_power",
}
ANSWERED = timedelta(hours=1)
# A change this soon after the start is more likely the cause than a reaction.
REACTION_TIME = timedelta(minutes=5)


@dataclass(frozen=True)
class Detection:
    """Detection of an incident by people: the time, and a phrase that describes the detection."""

    at: datetime
    how: str


def first_reaction(
    tables: Tables, pipelines: Iterable[Pipeline], start: datetime | None, end: datetime | None = None
) -> Detection | None:
    """Return the first alarm or change on an affected resource after the start of an incident; else None.

    It is read from the tables ``alarm_history`` and ``changes``; the end of the incident is None while open.
    """
    if start is None:
        return None
    names = {
        name for pipeline in pipelines for name in (pipeline.queue, pipeline.function, pipeline.dlq) if name
    }
    found = [
        *_fired(tables, start, names),
        *_changed(tables.table("changes"), start, end, names),
    ]
    # A reaction long after the end belongs to another incident.
    in_time = (each for each in found if end is None or each.at <= end + ANSWERED)
    return min(in_time, key=lambda each: each.at, default=None)


def alarms_fired(tables: Tables) -> pd.DataFrame:
    """Return the rows of ``alarm_history`` in which an evaluation changed an alarm to ALARM.

    A state set by hand to test the notification has a reason, and no data of an evaluation [1]_.

    .. [1] https://docs.aws.amazon.com/cli/latest/reference/cloudwatch/describe-alarm-history.html#examples
    """
    history = tables.table("alarm_history")
    fired = history[history["to_state"] == "ALARM"]
    return fired[~fired["data"].map(_is_set_by_hand).astype(bool)]


def _is_set_by_hand(data: Any) -> bool:
    state = child(json_value(data), "newState")
    return "stateReason" in state and "stateReasonData" not in state


def _fired(tables: Tables, start: datetime, names: set[str]) -> list[Detection]:
    """Return when alarms fired, without those on known resources that are not affected."""
    watched = tables.table("alarms").dropna(subset="resource")
    unrelated = watched.loc[~watched["resource"].isin(names), "alarm"] if names else ()
    fired = alarms_fired(tables)
    rows = fired[(fired["time"] >= start) & ~fired["alarm"].isin(unrelated)]
    return [
        Detection(row.time.to_pydatetime(), note("detect-alarm", alarm=Resource(str(row.alarm))))
        for row in rows.itertuples()
    ]


def _changed(
    changes: pd.DataFrame, start: datetime, end: datetime | None, names: set[str]
) -> list[Detection]:
    rows = changes[(changes["time"] >= start + REACTION_TIME) & changes["error_code"].isna()]
    ended = end is not None and rows["time"].between(end - ANSWERED, end + ANSWERED)
    rows = rows[ended | ~rows["event_name"].map(event_kind).isin(_DEPLOYMENTS)]
    return [
        Detection(
            row.time.to_pydatetime(),
            note(
                "detect-change",
                user=Resource(str(row.user)),
                event=Resource(str(row.event_name)),
                resource=Resource(str(row.resource)),
            ),
        )
        for row in rows.itertuples()
        if event_kind(row.event_name) in _REACTIONS and _named(row.resource) in names
    ]


def _named(resource: Any) -> str:
    return str(resource).rsplit(":", 1)[-1].rsplit("/", 1)[-1]

"""Recorded changes: affected resources, possible causes, and a comparison of their time with the trouble.

Changes come from CloudTrail and from the modification times in the configurations of queues, functions and
mappings.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.cloudtrail import base_event_name, changed_settings, event_kind
from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.inference.causes import causes
from watchme_analysis.queues.pipeline import Pipeline, Tables
from watchme_analysis.queues.redelivery import hides_long
from watchme_analysis.text.message import Duration, Message, Resource, message

if TYPE_CHECKING:
    import pandas as pd

# Events by the part of the chain that they change, as cause files name them: an event of CloudTrail or a kind
# of :data:`watchme_analysis.aws_shapes.cloudtrail.EVENT_TYPES`, then values that it must set.
FUNCTION_EVENTS = (
    "function_code",
    "function_configuration",
    "alias_updated",
    "layer_published",
    "permissions",
)
CONCURRENCY_EVENTS = ("concurrency_set",)
MAPPING_EVENTS = ("mapping_deleted", "mapping_updated enabled=false")
VISIBILITY_EVENTS = ("queue_attributes visibilitytimeout=", "function_configuration timeout=")
HOST_EVENTS = ("host", "instance_power")
# A change is not the cause of trouble that began after more intervals with ordinary invocations than this.
SURVIVED = 3


@dataclass(frozen=True)
class Change:
    """A change to a queue, function, mapping or host, as recorded.

    ``event_name`` has no API version, ``kind`` is such as ``function_code``, ``settings`` are the values that
    it sets, by lower-case name, and ``queues`` those whose pipeline it affects. ``table`` is its source:
    ``changes``, or the configuration table that holds the time of the last change.
    """

    time: datetime
    event_id: str | None
    event_name: str
    user: str | None
    resource: str | None
    what: Message
    queues: tuple[str, ...]
    kind: str
    settings: Mapping[str, str] = field(default_factory=dict)
    table: str = "changes"

    @property
    def is_recorded(self) -> bool:
        """Return whether it is an event of CloudTrail."""
        return self.table == "changes"

    @property
    def of(self) -> Message | Resource:
        """What was changed, by name."""
        return Resource(self.resource) if self.resource else message("backlog-resource-unknown")

    @property
    def begins(self) -> tuple[str, ...]:
        """Causes that it can bring about."""
        return self._named("begins")

    @property
    def undoes(self) -> tuple[str, ...]:
        """Causes that it can end."""
        return self._named("undoes")

    def _named(self, name: str) -> tuple[str, ...]:
        return tuple(
            cause.cause for cause in causes("backlog") if any(map(self.matches, cause.events.get(name, ())))
        )

    def matches(self, event: str) -> bool:
        """Return whether an entry of a cause file means this change: name or kind, then values to set."""
        name, *values = event.split()
        if self.kind not in (name, event_kind(name)):
            return False
        pairs = (value.partition("=") for value in values)
        return all(
            key in self.settings and (not wanted or self.settings[key] == wanted) for key, _, wanted in pairs
        )

    def value(self, name: str) -> float | None:
        """Return the number that it sets under a name, None without one."""
        try:
            return float(self.settings[name])
        except (KeyError, ValueError):
            return None

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary that is ready for JSON, but for the description, which is a message."""
        return {
            "time": self.time.isoformat(timespec="milliseconds"),
            "event_name": self.event_name,
            "event_id": self.event_id,
            "user": self.user,
            "resource": self.resource,
            "what": self.what,
        }


def recorded_changes(tables: Tables, pipelines: tuple[Pipeline, ...]) -> tuple[Change, ...]:
    """Return the successful write events, oldest first."""
    frame = tables.table("changes")
    frame = frame[frame["error_code"].isna() & ~frame["read_only"].fillna(False) & frame["time"].notna()]
    mappings = tables.table("event_source_mappings")
    found = []
    frame = frame.sort_values("time", kind="stable").astype(object)
    for row in frame.where(frame.notna(), None).itertuples():
        parameters = json_value(row.parameters)
        names = {str(item) for item in (*(json_value(row.resources) or ()), *_leaves(parameters))}
        names |= {re.split(r"[:/]", name)[-1] for name in names}
        touched = tuple(pipeline for pipeline in pipelines if _touches(pipeline, names, mappings))
        kind, settings = str(event_kind(row.event_name) or ""), changed_settings(parameters)
        if kind in HOST_EVENTS:
            touched = pipelines
        found.append(
            Change(
                time=row.time.to_pydatetime(),
                event_id=row.event_id and str(row.event_id),
                event_name=str(row.event_name),
                user=row.user and str(row.user),
                resource=row.resource and str(row.resource),
                what=_description(str(row.event_name), kind, settings),
                queues=tuple(pipeline.queue for pipeline in touched),
                kind=kind,
                settings=settings,
            )
        )
    return tuple(found)


def change_before(
    changes: tuple[Change, ...], events: Collection[str], pipeline: Pipeline, first_bad: datetime
) -> Change | None:
    """Return the last of some changes whose time fits the first trouble of a pipeline.

    It fits if it affects the pipeline, precedes the first trouble (or lies within its interval), and at most
    :data:`SURVIVED` intervals with ordinary invocations lie in between, because a change that many messages
    survived is not the cause. A setting that is harmful only at times (a visibility timeout below the longer
    durations, a concurrency below the peaks) may be survived if its value is in the harmful range.
    """
    step = timedelta(seconds=pipeline.period_s)
    runs = pipeline.frame.index[pipeline.frame["invocations"].fillna(0.0) > 0]
    for change in reversed(changes):
        if not any(map(change.matches, events)) or pipeline.queue not in change.queues:
            continue
        if change.time >= first_bad + step:
            continue
        survived = int(((runs > change.time) & (runs < first_bad)).sum())
        if survived <= SURVIVED or _hurts_at_times(change, changes, pipeline):
            return change
    return None


def _hurts_at_times(change: Change, changes: tuple[Change, ...], pipeline: Pipeline) -> bool:
    """Return whether the value of a change is in the range that ordinary load reached while it applied."""
    later = pipeline.frame[pipeline.frame.index >= change.time]
    for other in changes:
        if (
            other.time > change.time
            and pipeline.queue in other.queues
            and set(other.settings) & set(change.settings)
        ):
            later = later[later.index < other.time]
    longest = later["duration_max_s"].dropna()
    run_s = float(longest.quantile(0.9)) if len(longest) else 0.0
    if (hidden_s := change.value("visibilitytimeout")) is not None:
        return hidden_s < run_s or hides_long(pipeline, hidden_s)
    if (limit_s := change.value("timeout")) is not None:
        # Durations exceed the visibility timeout only if the function's timeout permits it.
        hidden_s = pipeline.settings.visibility_timeout_s
        return hidden_s is not None and hidden_s < min(limit_s, run_s)
    if (reserved := change.value("reservedconcurrentexecutions")) is not None:
        running = later["concurrency"].dropna()
        return bool(len(running)) and float(running.max()) <= reserved
    return False


def _description(event: str, kind: str, settings: Mapping[str, str]) -> Message:
    if kind in FUNCTION_EVENTS and "timeout" in settings:
        return message("backlog-changed-function-timeout", value=_seconds(settings["timeout"]))
    if kind == "queue_attributes" and "visibilitytimeout" in settings:
        return message("backlog-changed-visibility-timeout", value=_seconds(settings["visibilitytimeout"]))
    if kind == "concurrency_set":
        reserved = Resource(str(settings.get("reservedconcurrentexecutions", "?")))
        return message("backlog-changed-concurrency", value=reserved)
    if kind in ("mapping_updated", "mapping_created"):
        state = {"false": "disabled", "true": "enabled"}.get(settings.get("enabled", ""), "changed")
        return message(f"backlog-mapping-{state}")
    if kind in _DESCRIBED:
        return message(f"backlog-changed-{_DESCRIBED[kind]}")
    name = "permissions" if kind == "permissions" else "host" if kind in HOST_EVENTS else "other"
    return message(f"backlog-changed-{name}", event=Resource(base_event_name(event)))


# Descriptions of changes without a value, by kind.
_DESCRIBED = {
    "function_code": "code",
    "function_configuration": "configuration",
    "alias_updated": "configuration",
    "layer_published": "configuration",
    "concurrency_removed": "concurrency-removed",
    "mapping_deleted": "mapping-deleted",
    "queue_attributes": "queue-attributes",
    "purge": "purged",
}


def _seconds(text: str) -> Duration | Resource:
    """Return a recorded number of seconds, or what is recorded instead of one."""
    try:
        return Duration(float(text))
    except ValueError:
        return Resource(text)


def _touches(pipeline: Pipeline, names: set[str], mappings: pd.DataFrame) -> bool:
    own = {pipeline.queue, pipeline.function, pipeline.dlq, pipeline.settings.role} - {None}
    uuids = set(mappings.loc[mappings["queue"] == pipeline.queue, "uuid"].dropna())
    return bool(names & (own | uuids))


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [] if value is None else [value]


# The resource whose configuration holds the time of the last change of a kind.
_PART = {
    **dict.fromkeys(set(FUNCTION_EVENTS) - {"permissions"}, "function"),
    **dict.fromkeys(("mapping_created", "mapping_updated", "mapping_deleted"), "mapping"),
    "queue_attributes": "queue",
}
# A mapping that is disabled is modified again when its state has changed: metrics do not separate two changes
# within as many of their intervals.
SAME_INTERVALS = 2


def state_changes(
    tables: Tables, pipelines: tuple[Pipeline, ...], recorded: tuple[Change, ...]
) -> tuple[Change, ...]:
    """Return the last change of each queue, function and mapping within the metrics, oldest first.

    A change that CloudTrail recorded, with more details, is not repeated. AWS keeps only the time of the last
    change, without its user and, except for a mapping's state, without its content. Reserved concurrency has
    no such time.
    """
    found = []
    for pipeline in (pipeline for pipeline in pipelines if len(pipeline.frame)):
        step = timedelta(seconds=pipeline.period_s)
        for table, moment, what, kind, settings in _modified(tables, pipeline):
            if not pipeline.frame.index[0] <= moment < pipeline.frame.index[-1] + step:
                continue
            if any(
                abs(other.time - moment) <= SAME_INTERVALS * step
                and pipeline.queue in other.queues
                and _PART.get(kind) == _PART.get(other.kind)
                for other in recorded
            ):
                continue
            resource = pipeline.function if table == "functions" else pipeline.queue
            found.append(
                Change(
                    time=moment,
                    event_id=None,
                    event_name="",
                    user=None,
                    resource=resource,
                    what=what,
                    queues=(pipeline.queue,),
                    kind=kind,
                    settings=settings,
                    table=table,
                )
            )
    return tuple(sorted(found, key=lambda change: change.time))


def _modified(
    tables: Tables, pipeline: Pipeline
) -> Iterator[tuple[str, datetime, Message, str, dict[str, str]]]:
    """Yield table, time, description, kind and values of the last changes that touch a pipeline."""
    queues, functions = tables.table("queues"), tables.table("functions")
    hidden_s = pipeline.settings.visibility_timeout_s
    for moment in _times(queues.loc[queues["queue"] == pipeline.queue, "modified_at"]):
        settings = {} if hidden_s is None else {"visibilitytimeout": f"{hidden_s:g}"}
        yield "queues", moment, message("backlog-changed-queue-attributes"), "queue_attributes", settings
    for moment in _times(functions.loc[functions["function"] == pipeline.function, "last_modified"]):
        yield "functions", moment, message("backlog-changed-code-or-configuration"), "function_code", {}
    mappings = tables.table("event_source_mappings")
    own = mappings.loc[mappings["queue"] == pipeline.queue, ["state", "last_modified"]]
    own = own.dropna(subset=["last_modified"])
    for state, moment in zip(own["state"], _times(own["last_modified"]), strict=True):
        off = str(state).startswith("Disabl")
        what = message("backlog-mapping-disabled" if off else "backlog-mapping-changed")
        yield "event_source_mappings", moment, what, "mapping_updated", {"enabled": str(not off).lower()}


def _times(column: pd.Series) -> list[datetime]:
    return [moment.to_pydatetime() for moment in column.dropna()]

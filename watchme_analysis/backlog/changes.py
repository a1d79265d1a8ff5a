"""Recorded changes: affected resources, possible causes, and a comparison of their time with the trouble.

Changes come from CloudTrail and from the modification times in the configurations of queues, functions and
mappings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.cloudtrail import base_event_name, event_kind
from watchme_analysis.files.json_values import read_json
from watchme_analysis.queues.pipeline import Pipeline, Tables
from watchme_analysis.queues.redelivery import hides_long

if TYPE_CHECKING:
    import pandas as pd

_DEPLOYMENTS = frozenset({"function_code", "function_configuration", "alias_updated", "layer_published"})
_HOST = frozenset({"host", "instance_power"})


@dataclass(frozen=True)
class Change:
    """A change to a queue, function, mapping or host.

    Attributes
    ----------
    time, event_id, event_name, user, resource
        As recorded, with the name of the event without its API version.
    what
        Description, with the new value if there is one.
    queues
        Queues whose pipeline it affects.
    causes
        Causes that it can bring about, and causes that it can remove (``undo:…``).
    value
        The number set, if the change sets a number.
    table
        Source: ``changes``, or the configuration table that holds the time of the last change.
    """

    time: datetime
    event_id: str | None
    event_name: str
    user: str | None
    resource: str | None
    what: str
    queues: tuple[str, ...]
    causes: tuple[str, ...]
    value: float | None = None
    table: str = "changes"

    @property
    def is_recorded(self) -> bool:
        """Return whether it is an event of CloudTrail."""
        return self.table == "changes"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
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
    for row in frame.sort_values("time", kind="stable").itertuples():
        parameters = _json(row.parameters)
        names = {str(item) for item in _json(row.resources, [])} | {str(v) for v in _leaves(parameters)}
        names |= {re.split(r"[:/]", name)[-1] for name in names}
        touched = tuple(pipeline for pipeline in pipelines if _touches(pipeline, names, mappings))
        what, causes = _meaning(str(row.event_name), parameters)
        if event_kind(row.event_name) in _HOST:
            touched = pipelines
        found.append(
            Change(
                time=row.time.to_pydatetime(),
                event_id=None if _missing(row.event_id) else str(row.event_id),
                event_name=str(row.event_name),
                user=None if _missing(row.user) else str(row.user),
                resource=None if _missing(row.resource) else str(row.resource),
                what=what,
                queues=tuple(pipeline.queue for pipeline in touched),
                causes=causes,
                value=_value(parameters),
            )
        )
    return tuple(found)


def fitting_change(
    changes: tuple[Change, ...], cause: str, pipeline: Pipeline, first_bad: datetime
) -> Change | None:
    """Return the last change that can bring about a cause and whose time fits the first trouble.

    It fits if it affects the pipeline, precedes the first trouble (or lies within its interval), and at most
    three intervals with ordinary invocations lie in between, because a change that many messages survived is
    not the cause. A setting that is harmful only at times (a visibility timeout below the longer durations, a
    concurrency below the peaks) may be survived if its value is in the harmful range.
    """
    step = timedelta(seconds=pipeline.period_s)
    runs = pipeline.frame.index[pipeline.frame["invocations"].fillna(0.0) > 0]
    for change in reversed(changes):
        if cause not in change.causes or pipeline.queue not in change.queues:
            continue
        if change.time >= first_bad + step:
            continue
        survived = int(((runs > change.time) & (runs < first_bad)).sum())
        if survived <= 3 or _hurts_at_times(change, changes, cause, pipeline):
            return change
    return None


def _hurts_at_times(change: Change, changes: tuple[Change, ...], cause: str, pipeline: Pipeline) -> bool:
    """Return whether the value of a change is in the range that ordinary load reached while it applied."""
    if change.value is None:
        return False
    kinds = {cause, f"undo:{cause}"}
    later = pipeline.frame[pipeline.frame.index >= change.time]
    for other in changes:
        if other.time > change.time and pipeline.queue in other.queues and kinds & set(other.causes):
            later = later[later.index < other.time]
    if cause == "visibility_misconfig":
        longest = later["duration_max_s"].dropna()
        hidden_s = change.value
        if _sets_time_limit(change):
            # Durations exceed the visibility timeout only if the function's timeout permits it.
            hidden_s = pipeline.settings.visibility_timeout_s or float("inf")
            if change.value <= hidden_s:
                return False
        too_short = bool(len(longest)) and hidden_s < float(longest.quantile(0.9))
        return too_short or (hidden_s == change.value and hides_long(pipeline, hidden_s))
    if cause == "throttled":
        running = later["concurrency"].dropna()
        return bool(len(running)) and float(running.max()) <= change.value
    return False


def _sets_time_limit(change: Change) -> bool:
    """Return whether a change sets the timeout of a function, not a setting of its queue."""
    return event_kind(change.event_name) in _DEPLOYMENTS


def undoing_change(
    changes: tuple[Change, ...], cause: str, pipeline: Pipeline, after: datetime
) -> Change | None:
    """Return the first later change to the pipeline that can remove the cause, such as a reverted setting."""
    for change in changes:
        if change.time > after and pipeline.queue in change.queues and f"undo:{cause}" in change.causes:
            return change
    return None


def _meaning(event: str, parameters: Any) -> tuple[str, tuple[str, ...]]:
    """Return the description of a change and the causes it can bring about or remove."""
    what, kind = base_event_name(event), event_kind(event)
    causes: tuple[str, ...] = ()
    if kind in _DEPLOYMENTS:
        timeout = _find(parameters, "timeout")
        what = "new code deployed" if kind == "function_code" else "configuration changed"
        causes = ("consumer_failing", "undo:consumer_failing")
        if timeout is not None:
            what = f"function timeout set to {timeout} s"
            causes = ("consumer_failing", "visibility_misconfig")
    elif kind == "concurrency_set":
        what = f"reserved concurrency set to {_find(parameters, 'reservedconcurrentexecutions')}"
        causes = ("throttled", "undo:throttled")
    elif kind == "concurrency_removed":
        what, causes = "reserved concurrency removed", ("undo:throttled",)
    elif kind == "mapping_deleted":
        what, causes = "event source mapping deleted", ("mapping_disabled",)
    elif kind in ("mapping_updated", "mapping_created"):
        enabled = str(_find(parameters, "enabled")).lower()
        words = {"false": "switched off", "true": "switched on"}
        what = f"event source mapping {words.get(enabled, 'changed')}"
        causes = ("mapping_disabled",) if enabled == "false" else ("undo:mapping_disabled",)
    elif kind == "queue_attributes":
        seconds = _find(parameters, "visibilitytimeout")
        what = "queue attributes changed"
        if seconds is not None:
            what = f"visibility timeout set to {seconds} s"
            causes = ("visibility_misconfig", "undo:visibility_misconfig")
    elif kind == "purge":
        what = "queue purged"
    elif kind in _HOST:
        what, causes = f"host or network changed ({what})", ("downstream_down", "downstream_slow")
    elif kind == "permissions":
        what = f"permissions changed ({what})"
        causes = ("consumer_failing", "undo:consumer_failing")
    return what, causes


def _value(parameters: Any) -> float | None:
    """Return the number that a change sets: a visibility timeout, a concurrency or a timeout."""
    for name in ("visibilitytimeout", "reservedconcurrentexecutions", "timeout"):
        try:
            return float(_find(parameters, name))
        except (TypeError, ValueError):
            continue
    return None


def _touches(pipeline: Pipeline, names: set[str], mappings: pd.DataFrame) -> bool:
    own = {pipeline.queue, pipeline.function, pipeline.dlq, pipeline.settings.role} - {None}
    uuids = set(mappings.loc[mappings["queue"] == pipeline.queue, "uuid"].dropna())
    return bool(names & (own | uuids))


def _json(text: Any, default: Any = None) -> Any:
    if _missing(text):
        return {} if default is None else default
    try:
        return read_json(text)
    except ValueError:
        return {} if default is None else default


def _leaves(value: Any) -> list[Any]:
    """Return the scalar values inside a JSON value."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [] if value is None else [value]


def _find(value: Any, name: str) -> Any:
    """Return the first scalar value under a key of that name, at any depth, ignoring case."""
    if isinstance(value, dict):
        for key, item in value.items():
            if str(key).lower() == name and not isinstance(item, dict | list):
                return item
        for item in value.values():
            inner = _find(item, name)
            if inner is not None:
                return inner
    return None


def _missing(value: Any) -> bool:
    import pandas as pd

    return value is None or (not isinstance(value, dict | list) and bool(pd.isna(value)))


# A mapping that is disabled is modified again when its state has changed.
SAME = timedelta(minutes=2)
CAUSES = {
    "queues": ("visibility_misconfig", "undo:visibility_misconfig"),
    "functions": ("consumer_failing", "undo:consumer_failing"),
}
WORDS = {"queues": "queue attributes changed", "functions": "new code or configuration"}


def state_changes(
    tables: Tables, pipelines: tuple[Pipeline, ...], recorded: tuple[Change, ...]
) -> tuple[Change, ...]:
    """Return the last change of each queue, function and mapping within the metrics, oldest first.

    Parameters
    ----------
    tables
        ``queues``, ``functions`` and ``event_source_mappings`` are read.
    pipelines
        Pipelines that the changes may affect.
    recorded
        Changes recorded by CloudTrail, which hold more details, so the same change is not repeated.

    Notes
    -----
    AWS keeps only the time of the last change, without its user and, except for a mapping's state, without
    its content. Reserved concurrency has no such time.
    """
    found = []
    for pipeline in (pipeline for pipeline in pipelines if len(pipeline.frame)):
        for table, moment, what, causes, value in _modified(tables, pipeline):
            if (
                not pipeline.frame.index[0]
                <= moment
                < pipeline.frame.index[-1] + timedelta(seconds=pipeline.period_s)
            ):
                continue
            if any(
                abs(other.time - moment) <= SAME
                and pipeline.queue in other.queues
                and set(causes) & set(other.causes)
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
                    causes=causes,
                    value=value,
                    table=table,
                )
            )
    return tuple(sorted(found, key=lambda change: change.time))


def _modified(
    tables: Tables, pipeline: Pipeline
) -> Iterator[tuple[str, datetime, str, tuple[str, ...], float | None]]:
    """Yield table, time, meaning, causes and value of the last changes that touch a pipeline."""
    queues, functions = tables.table("queues"), tables.table("functions")
    for moment in _times(queues.loc[queues["queue"] == pipeline.queue, "modified_at"]):
        yield "queues", moment, WORDS["queues"], CAUSES["queues"], pipeline.settings.visibility_timeout_s
    for moment in _times(functions.loc[functions["function"] == pipeline.function, "last_modified"]):
        yield "functions", moment, WORDS["functions"], CAUSES["functions"], None
    mappings = tables.table("event_source_mappings")
    for row in mappings[mappings["queue"] == pipeline.queue].itertuples():
        off = str(row.state).startswith("Disabl")
        causes = ("mapping_disabled",) if off else ("undo:mapping_disabled",)
        what = f"event source mapping {'switched off' if off else 'changed'}"
        for moment in _times(mappings.loc[[row.Index], "last_modified"]):
            yield "event_source_mappings", moment, what, causes, None


def _times(column: pd.Series) -> list[datetime]:
    return [moment.to_pydatetime() for moment in column.dropna()]

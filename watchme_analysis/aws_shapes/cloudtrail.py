"""CloudTrail: recorded API calls from ``aws cloudtrail lookup-events`` or the log files of a trail.

``cloudtrail_events.toml`` is the only list of event names in the package, with the kind of change of each.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.responses import (
    ResponseProblems,
    boolean,
    child,
    documents,
    has_next_page,
    json_object,
    json_text,
    json_value,
    objects_by_key,
    of_file,
    rows_from,
    table_result,
    untimed_notes,
    utc_time,
    without_repeated,
)
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.redact import mask_secrets
from watchme_analysis.text.message import Resource

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval


class EventType(NamedTuple):
    """One API call that CloudTrail records as an event.

    The types stand in ``cloudtrail_events.toml``, which explains the fields.
    """

    kind: str  # of change, such as ``function_code``; several calls may share one
    api_version: str = ""  # suffix of the event name, which Lambda's calls have
    looked_up: bool = True


_STATED = tomllib.loads(Path(__file__).with_name("cloudtrail_events.toml").read_text(encoding="utf-8"))
# Event name without its API version -> type. All lists of events in the package are derived from this table.
EVENT_TYPES = {name: EventType(**entry) for name, entry in _STATED["events"].items()}
_EVENT_PATTERNS = {kind: re.compile("".join(pieces)) for kind, pieces in _STATED["patterns"].items()}
_API_VERSION = re.compile(r"\d{8}(v\d+)?$")
# Names as CloudTrail writes them, for LookupEvents.
LOOKED_UP_EVENTS = tuple(
    name + event_type.api_version for name, event_type in EVENT_TYPES.items() if event_type.looked_up
)


def base_event_name(event_name: str) -> str:
    """Return an event name without the API version that Lambda appends.

    Examples
    --------
    >>> base_event_name("UpdateFunctionCode20150331v2")
    'UpdateFunctionCode'
    """
    return _API_VERSION.sub("", event_name)


def event_kind(event_name: object) -> str | None:
    """Return the kind of change of an event: of :data:`EVENT_TYPES`, ``host``, ``permissions``, or None."""
    name = base_event_name(str(event_name))
    if name in EVENT_TYPES:
        return EVENT_TYPES[name].kind
    return next((kind for kind, pattern in _EVENT_PATTERNS.items() if pattern.search(name)), None)


# Settings of queues, functions and mappings that changes set, in lower case.
_SETTINGS = (
    "visibilitytimeout",
    "maxreceivecount",
    "reservedconcurrentexecutions",
    "maximumconcurrency",
    "timeout",
    "enabled",
)


def changed_settings(parameters: Any) -> dict[str, str]:
    """Return the settings in the parameters of a call, at any depth, by lower-case name as lower-case text.

    A policy is JSON text within the parameters. Of a setting that is stated twice, the outer value counts.
    """
    if isinstance(parameters, str) and parameters[:1] == "{":
        parameters = json_value(parameters)
    if not isinstance(parameters, dict):
        return {}
    inner: dict[str, str] = {}
    for value in reversed(parameters.values()):
        inner |= changed_settings(value)
    own = {
        key.lower(): str(value).lower()
        for key, value in reversed(parameters.items())
        if key.lower() in _SETTINGS and value is not None and not isinstance(value, dict | list)
    }
    return inner | own


def read_events(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the recorded calls of a file as ``changes``."""
    values, damage = documents(raw)
    found, unexpected = objects_by_key(values, {"Events": "CloudTrailEvent", "Records": None})
    events = [*found["Events"], *map(_as_event, found["Records"])]
    rows = rows_from(events, lambda event: change_row(raw.relative, event), unexpected)
    notes = untimed_notes(raw, rows)
    damaged = [event for event in events if event.get("CloudTrailEvent") and not _detail(event)]
    if damaged:
        notes.append(of_file(raw, "note-events-damaged", events=len(damaged)))
    problems = ResponseProblems(damage, unexpected, has_next_page(values))
    return table_result(raw, "cloudtrail", "changes", rows, problems, notes=notes)


def _detail(event: dict[str, Any]) -> dict[str, Any]:
    """Return the full record of an event, which LookupEvents returns as JSON text; {} if it is damaged."""
    return json_object(event.get("CloudTrailEvent"))


def change_row(file: str, event: dict[str, Any]) -> dict[str, Any]:
    """Return the row of ``changes`` for an event as LookupEvents returns it."""
    detail = _detail(event)
    user = child(detail, "userIdentity")
    resources = _resources(event, detail)
    return {
        "file": file,
        "time": utc_time(event.get("EventTime")) or utc_time(detail.get("eventTime")),
        "event_id": event.get("EventId") or detail.get("eventID"),
        "event_name": event.get("EventName") or detail.get("eventName"),
        "event_source": event.get("EventSource") or detail.get("eventSource"),
        "user": event.get("Username") or user.get("userName") or user.get("arn"),
        "read_only": boolean(event.get("ReadOnly", detail.get("readOnly"))),
        "resources": json_text(resources) if resources else None,
        "resource": resources[0] if resources else None,
        "parameters": json_text(_without_secrets(detail.get("requestParameters"))),
        "error_code": detail.get("errorCode"),
    }


def _resources(event: dict[str, Any], detail: dict[str, Any]) -> list[str]:
    """Return the names of all resources of an event, each once; those that the event lists come first."""
    names = [resource.get("ResourceName") for resource in _objects(event.get("Resources"))]
    for side in ("requestParameters", "responseElements"):
        names += [child(detail, side).get(key) for key in _STATED["resource_keys"]]
    return list(dict.fromkeys(resource_name(str(name)) for name in names if name))


def _without_secrets(parameters: Any) -> Any:
    """Return the parameters of a call with secret environment variables masked."""
    environment = child(parameters, "environment")
    variables = environment.get("variables")
    if not isinstance(variables, dict):
        return parameters
    return {**parameters, "environment": {**environment, "variables": mask_secrets(variables)}}


def _as_event(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of a trail's log file in the shape of LookupEvents."""
    resources = [{"ResourceName": resource.get("ARN")} for resource in _objects(record.get("resources"))]
    return {"CloudTrailEvent": record, "Resources": resources}


def _objects(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def finish(table: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return each event once; LookupEvents lists an event with several resources under each of them."""
    is_repeated = frame["event_id"].notna() & frame["event_id"].duplicated()
    return without_repeated(frame, is_repeated, "note-repeated-events", table=Resource(table))

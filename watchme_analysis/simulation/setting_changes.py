"""Settings that were changed within a case's window, read from CloudTrail."""

from __future__ import annotations

from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.cloudtrail import changed_settings, event_kind
from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.queues.pipeline import ADVISED_VISIBILITY_FACTOR, Pipeline, Tables
from watchme_analysis.simulation.settings import EarlierSetting
from watchme_analysis.text.message import Choice, Duration, Message, Number, message

if TYPE_CHECKING:
    from datetime import datetime


def earlier_settings(
    pipeline: Pipeline, tables: Tables
) -> tuple[tuple[EarlierSetting, ...], tuple[Message, ...]]:
    """Return the settings of a pipeline before their changes in the window, and the assumptions.

    A CloudTrail event holds the new value, not the previous one. The previous value is taken from the event
    before it, or assumed: no concurrency limit where nothing was throttled, and six function timeouts for a
    visibility timeout, as AWS recommends. Other settings are taken as constant up to their first change, and
    a note reports it.
    """
    if not len(pipeline.frame):
        return (), ()
    start, names = pipeline.frame.index[0], {pipeline.queue, pipeline.function}
    found: list[tuple[str, float, float | None]] = []
    changes = tables.table("changes")
    succeeded = changes[changes["error_code"].isna() & changes["time"].notna()]
    for row in succeeded.sort_values("time", kind="stable").itertuples():
        at_s = (row.time - start).total_seconds()
        touched = {row.resource, *(json_value(row.resources) or ())}
        if at_s > 0 and row.time <= pipeline.frame.index[-1] and names & touched:
            found += [(field, at_s, value) for field, value in _set(str(row.event_name), row.parameters)]
    earlier: list[EarlierSetting] = []
    notes = []
    for field, calls in groupby(sorted(found, key=lambda each: each[:2]), key=lambda each: each[0]):
        first, *more = calls
        before, note = _before(pipeline, field, start, first)
        notes.append(note)
        if before is not _UNKNOWN:
            earlier.append(EarlierSetting(field, first[1], before))
        previous = first
        for call in more:
            earlier.append(EarlierSetting(field, call[1], previous[2]))
            previous = call
    return tuple(sorted(earlier, key=lambda each: each.until_s)), tuple(notes)


_UNKNOWN: Any = object()
# Fields by setting, for each kind of change.
_FIELDS = {
    "queue_attributes": {"visibilitytimeout": "visibility_timeout_s", "maxreceivecount": "max_receive_count"},
    "concurrency_set": {"reservedconcurrentexecutions": "reserved_concurrency"},
    "function_configuration": {"timeout": "function_timeout_s"},
    "mapping_updated": {"maximumconcurrency": "max_concurrency"},
}


def _before(
    pipeline: Pipeline, field: str, start: datetime, first: tuple[str, float, float | None]
) -> tuple[Any, Message]:
    """Return the value of a setting before its first change, and a message about it."""
    after = Duration(first[1])
    if field == "visibility_timeout_s" and pipeline.settings.function_timeout_s:
        value = ADVISED_VISIBILITY_FACTOR * pipeline.settings.function_timeout_s
        factor = Number(ADVISED_VISIBILITY_FACTOR)
        return value, message("fit-changed-visibility", after=after, value=Duration(value), factor=factor)
    if field == "reserved_concurrency":
        seconds = (pipeline.frame.index - start).total_seconds()
        if not pipeline.frame["throttles"][seconds < first[1]].fillna(0.0).sum():
            return None, message("fit-changed-reserved", after=after)
    return _UNKNOWN, message("fit-changed", setting=Choice(field), after=after)


def _set(event: str, parameters: Any) -> list[tuple[str, float | None]]:
    """Return the fields that a call sets, with their values."""
    kind = event_kind(event) or ""
    if kind == "concurrency_removed":
        return [("reserved_concurrency", None)]
    given = changed_settings(parameters)
    found: list[tuple[str, float | None]] = []
    for name, field in _FIELDS.get(kind, {}).items():
        with suppress(KeyError, ValueError):
            found.append((field, float(given[name])))
    return found

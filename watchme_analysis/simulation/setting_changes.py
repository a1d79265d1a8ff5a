"""Settings that were changed within a case's window, read from CloudTrail."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.cloudtrail import event_kind
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
        touched = {row.resource, *_loaded(row.resources, list)}
        if at_s > 0 and row.time <= pipeline.frame.index[-1] and names & touched:
            parameters = _loaded(row.parameters, dict)
            found += [(field, at_s, value) for field, value in _set(str(row.event_name), parameters)]
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


def _set(event: str, parameters: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    """Return the fields that a call sets, with their values."""
    readers: dict[str, Callable[[Mapping[str, Any]], list[tuple[str, float | None]]]] = {
        "queue_attributes": _of_queue,
        "concurrency_set": lambda given: _number(
            "reserved_concurrency", given.get("reservedConcurrentExecutions")
        ),
        "concurrency_removed": lambda _: [("reserved_concurrency", None)],
        "function_configuration": lambda given: _number("function_timeout_s", given.get("timeout")),
        "mapping_updated": lambda given: _number(
            "max_concurrency", _loaded(given.get("scalingConfig"), dict).get("maximumConcurrency")
        ),
    }
    read = readers.get(event_kind(event) or "")
    return read(parameters) if read else []


def _of_queue(parameters: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    attributes = _loaded(parameters.get("attributes"), dict)
    redrive = _loaded(attributes.get("RedrivePolicy"), dict)
    return [
        *_number("visibility_timeout_s", attributes.get("VisibilityTimeout")),
        *_number("max_receive_count", redrive.get("maxReceiveCount")),
    ]


def _number(field: str, value: Any) -> list[tuple[str, float | None]]:
    try:
        return [(field, float(value))]
    except (TypeError, ValueError):
        return []


def _loaded(value: Any, kind: type) -> Any:
    """Return a mapping or a list, parsed if it is JSON text; empty for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return kind()
    return value if isinstance(value, kind) else kind()

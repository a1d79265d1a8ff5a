"""CloudWatch alarms and their history in the shapes of the AWS CLI.

``alarms.json`` is ``aws cloudwatch describe-alarms``, ``alarm-history.json`` is
``aws cloudwatch describe-alarm-history``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.names import dimension_map, dimension_resource
from watchme_analysis.aws_shapes.responses import (
    ResponseProblems,
    child,
    documents,
    fields,
    has_next_page,
    json_text,
    json_value,
    objects_by_key,
    objects_under,
    rows_from,
    table_result,
    untimed_notes,
    without_repeated,
)
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.text.message import Resource

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval


def read_alarms(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the metric and composite alarms of a file as ``alarms``."""
    values, damage = documents(raw)
    found, unexpected = objects_by_key(
        values, {"MetricAlarms": "ComparisonOperator", "CompositeAlarms": "AlarmRule"}
    )
    rows = [
        row
        for key, kind in (("MetricAlarms", "metric"), ("CompositeAlarms", "composite"))
        for row in rows_from(found[key], partial(alarm_row, raw.relative, kind=kind), unexpected)
    ]
    problems = ResponseProblems(damage, unexpected, has_next_page(values))
    return table_result(raw, "alarms", "alarms", rows, problems)


def alarm_row(file: str, alarm: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the row of ``alarms`` for an alarm as DescribeAlarms returns it; ``metric`` or ``composite``."""
    dimensions = dimension_map(alarm.get("Dimensions"))
    return {
        "file": file,
        "kind": kind,
        **fields(alarm, "DescribeAlarms"),
        "dimensions": json_text(dimensions) if "Dimensions" in alarm else None,
        "resource": dimension_resource(dimensions) or _resource_of_metric_math(alarm),
        "stat": alarm.get("Statistic") or alarm.get("ExtendedStatistic"),
        "definition": json_text(alarm),
    }


def _resource_of_metric_math(alarm: dict[str, Any]) -> str | None:
    """Return the resource of an alarm on metric math, if all of its metrics have the same."""
    resources = {
        resource
        for query in alarm.get("Metrics") or []
        if isinstance(query, dict)
        if (resource := dimension_resource(_dimensions_of(query)))
    }
    return resources.pop() if len(resources) == 1 else None


def _dimensions_of(query: dict[str, Any]) -> dict[str, str]:
    return dimension_map(child(child(query, "MetricStat"), "Metric").get("Dimensions"))


def read_history(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the alarm history of a file as ``alarm_history``."""
    values, damage = documents(raw)
    items, unexpected = objects_under(values, "AlarmHistoryItems", "HistoryItemType")
    rows = rows_from(items, lambda item: history_row(raw.relative, item), unexpected)
    problems = ResponseProblems(damage, unexpected, has_next_page(values))
    notes = untimed_notes(raw, rows)
    return table_result(raw, "alarm_history", "alarm_history", rows, problems, notes=notes)


def history_row(file: str, item: dict[str, Any]) -> dict[str, Any]:
    """Return the row of ``alarm_history`` for an item as DescribeAlarmHistory returns it."""
    data = json_value(item.get("HistoryData"))
    return {
        "file": file,
        **fields(item, "DescribeAlarmHistory"),
        "from_state": child(data, "oldState").get("stateValue"),
        "to_state": child(data, "newState").get("stateValue"),
        "data": json_text(data if data is not None else item.get("HistoryData")),
    }


def finish(table: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return each entry once, also when several files list it."""
    is_repeated = frame.drop(columns="file").duplicated()
    return without_repeated(frame, is_repeated, "note-repeated-entries", table=Resource(table))

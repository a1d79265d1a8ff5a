"""CloudWatch alarms and their history from the AWS CLI.

``alarms.json`` is ``aws cloudwatch describe-alarms``, ``alarm-history.json`` is
``describe-alarm-history``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.names import dimension_map, dimension_resource
from watchme_analysis.aws_shapes.responses import (
    ResponseProblems,
    as_json,
    documents,
    has_key,
    has_more,
    is_blank,
    listed,
    listed_under,
    moment,
    number,
    parsed,
    part,
    rows_of,
    table_part,
    truth,
    untimed,
    whole,
)
from watchme_analysis.files.evidence_file import RawFile, Source, TablePart

if TYPE_CHECKING:
    import pandas as pd


def read_alarms(raw: RawFile) -> Iterator[TablePart]:
    """Read metric and composite alarms into ``alarms``."""
    values, problems = documents(raw)
    found, odd = listed_under(values, {"MetricAlarms": "ComparisonOperator", "CompositeAlarms": "AlarmRule"})
    rows = rows_of(found["MetricAlarms"], lambda alarm: alarm_row(raw.relative, alarm, "metric"), odd)
    rows += rows_of(found["CompositeAlarms"], lambda alarm: alarm_row(raw.relative, alarm, "composite"), odd)
    yield table_part(raw, "alarms", "alarms", rows, ResponseProblems(problems, odd, has_more(values)))


def alarm_row(file: str, alarm: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return a row of ``alarms``; a metric math alarm is known by the queues and functions it reads."""
    dimensions = dimension_map(alarm.get("Dimensions"))
    resource = dimension_resource(dimensions)
    if resource is None:
        named = {
            found
            for query in alarm.get("Metrics") or []
            if isinstance(query, dict)
            if (found := dimension_resource(_dimensions_of(query)))
        }
        # One resource in all of the expression's metrics is what the alarm is about.
        resource = named.pop() if len(named) == 1 else None
    return {
        "file": file,
        "alarm": alarm.get("AlarmName"),
        "kind": kind,
        "namespace": alarm.get("Namespace"),
        "metric": alarm.get("MetricName"),
        "dimensions": as_json(dimensions) if "Dimensions" in alarm else None,
        "resource": resource,
        "stat": alarm.get("Statistic") or alarm.get("ExtendedStatistic"),
        "period_s": whole(alarm.get("Period")),
        "threshold": number(alarm.get("Threshold")),
        "comparison": alarm.get("ComparisonOperator"),
        "evaluation_periods": whole(alarm.get("EvaluationPeriods")),
        "datapoints_to_alarm": whole(alarm.get("DatapointsToAlarm")),
        "treat_missing_data": alarm.get("TreatMissingData"),
        "state": alarm.get("StateValue"),
        "state_updated_at": moment(alarm.get("StateUpdatedTimestamp")),
        "actions_enabled": truth(alarm.get("ActionsEnabled")),
        "alarm_actions": as_json(alarm.get("AlarmActions")),
        "definition": as_json(alarm),
    }


def _dimensions_of(query: dict[str, Any]) -> dict[str, str]:
    return dimension_map(part(part(query, "MetricStat"), "Metric").get("Dimensions"))


def read_history(raw: RawFile) -> Iterator[TablePart]:
    """Read alarm history into ``alarm_history``."""
    values, problems = documents(raw)
    items, odd = listed(values, "AlarmHistoryItems", "HistoryItemType")
    rows = rows_of(items, lambda item: history_row(raw.relative, item), odd)
    trouble = ResponseProblems(problems, odd, has_more(values))
    yield table_part(raw, "alarm_history", "alarm_history", rows, trouble, notes=untimed(raw, rows))


def history_row(file: str, item: dict[str, Any]) -> dict[str, Any]:
    """Return a row of ``alarm_history``."""
    data = parsed(item.get("HistoryData"))
    states = data if isinstance(data, dict) else {}
    return {
        "file": file,
        "alarm": item.get("AlarmName"),
        "time": moment(item.get("Timestamp")),
        "kind": item.get("HistoryItemType"),
        "from_state": part(states, "oldState").get("stateValue"),
        "to_state": part(states, "newState").get("stateValue"),
        "summary": item.get("HistorySummary"),
        "data": as_json(data) if data is not None else as_json(item.get("HistoryData")),
    }


def finish(table: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Drop entries that another file told already."""
    again = frame.drop(columns="file").duplicated()
    if not again.any():
        return frame, []
    return frame[~again].reset_index(drop=True), [f"{int(again.sum())} repeated entries of {table} dropped."]


SOURCES = (
    Source(
        name="alarms",
        tables=("alarms",),
        patterns=("alarms*.json",),
        looks_like=lambda raw: (
            has_key(raw, "MetricAlarms", "CompositeAlarms", "ComparisonOperator", "AlarmRule")
            or is_blank(raw)
        ),
        read=read_alarms,
        finish=finish,
        samples=(('{"MetricAlarms": [{"AlarmName": "a"}], "CompositeAlarms": []}', 1),),
    ),
    Source(
        name="alarm_history",
        tables=("alarm_history",),
        patterns=("alarm-history*.json", "alarm_history*.json"),
        looks_like=lambda raw: has_key(raw, "AlarmHistoryItems", "HistoryItemType") or is_blank(raw),
        read=read_history,
        finish=finish,
        samples=(('{"AlarmHistoryItems": [{"AlarmName": "a", "HistoryItemType": "StateUpdate"}]}', 1),),
    ),
)

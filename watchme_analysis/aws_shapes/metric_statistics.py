"""CloudWatch metrics as ``aws cloudwatch get-metric-statistics`` and the console's CSV show them.

Both name a metric, but often no queue or function. The name of the file adds it: ``metrics/NAME-Errors.json``
holds the ``Errors`` of the function ``NAME``. If it names none, and the evidence describes a single queue or
function, the metric is that resource's: the console leaves out of its labels what all series share.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from watchme_analysis.aws_shapes.metric_points import series_parts
from watchme_analysis.aws_shapes.metric_series import KNOWN_METRICS
from watchme_analysis.aws_shapes.responses import ResponseProblems, documents, only_described
from watchme_analysis.files.csv_table import quoted_rows
from watchme_analysis.files.evidence_file import RawFile, TablePart
from watchme_analysis.text.message import message
from watchme_analysis.values import number

_STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_TIME = re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d:\d\d(?::\d\d)?)(.*)")
# Rows of the console above the points, the most telling first.
_LABELS = ("full label", "label")


def statistics_parts(raw: RawFile) -> Iterator[TablePart]:
    """Yield the points of GetMetricStatistics responses as ``metrics``, one series for each statistic."""
    values, damage = documents(raw)
    results: list[dict[str, Any]] = []
    unexpected: list[Any] = []
    for value in values:
        points = value.get("Datapoints") if isinstance(value, dict) else None
        if not isinstance(points, list) or not isinstance(value.get("Label"), str):
            unexpected.append(value)
            continue
        label = value["Label"]
        known = [point for point in points if isinstance(point, dict)]
        unexpected += [point for point in points if not isinstance(point, dict)]
        for statistic, found in _by_statistic(known).items():
            results.append(
                {
                    "Id": label,
                    "Label": f"{_label(raw, label)} {statistic}",
                    "Timestamps": [point.get("Timestamp") for point, _ in found],
                    "Values": [value for _, value in found],
                }
            )
    problems = ResponseProblems(damage, unexpected)
    yield from series_parts(
        raw, results, problems, message("advice-metric-file"), source="cloudwatch_metric_statistics"
    )


def _by_statistic(points: list[dict[str, Any]]) -> dict[str, list[tuple[dict[str, Any], Any]]]:
    """Return the points and their values by statistic."""
    found: dict[str, list[tuple[dict[str, Any], Any]]] = {}
    for point in points:
        extended = point.get("ExtendedStatistics")
        named = {name: point[name] for name in _STATISTICS if name in point}
        for statistic, value in {**named, **(extended if isinstance(extended, dict) else {})}.items():
            found.setdefault(str(statistic), []).append((point, value))
    return found


def console_parts(raw: RawFile) -> Iterator[TablePart]:
    """Yield the points of a CSV file of the CloudWatch console as ``metrics``, one series for each column.

    Rows above the points name the series. A time without an offset is in the zone of the evidence; the
    console shows UTC or the reader's own zone.
    """
    content = raw.content
    found = list(quoted_rows(content.data))
    rows = [row.cells for row in found if row.problem is None]
    labels = _column_labels(rows)
    results: list[dict[str, Any]] = [
        {"Id": f"column_{at}", "Label": _label(raw, label), "Timestamps": [], "Values": []}
        for at, label in enumerate(labels, 1)
    ]
    unexpected: list[Any] = [row.text for row in found if row.problem is not None]
    for row in rows:
        time = _TIME.fullmatch(row[0].strip())
        if time is None:
            continue
        if len(row) != len(labels) + 1:
            unexpected.append(",".join(row))
            continue
        moment = f"{time[1]}-{time[2]}-{time[3]}T{time[4]}{time[5].strip()}"
        for result, cell in zip(results, row[1:], strict=True):
            try:
                value = number(cell)
            except ValueError:
                unexpected.append(",".join(row))
                continue
            # An empty cell is a missing point, not zero.
            if value is not None:
                result["Timestamps"].append(moment)
                result["Values"].append(value)
    problems = ResponseProblems([content.problem] if content.problem else [], unexpected)
    yield from series_parts(
        raw, results, problems, message("advice-metric-file"), source="cloudwatch_metric_csv"
    )


def _column_labels(rows: list[list[str]]) -> list[str]:
    named = {row[0].strip().lower(): row[1:] for row in reversed(rows) if not _TIME.fullmatch(row[0].strip())}
    return next((named[name] for name in _LABELS if name in named), [])


def _label(raw: RawFile, label: str) -> str:
    """Return a label with the resource in front, which the name of the file adds if the label is a metric."""
    if label not in KNOWN_METRICS:
        return label
    # The name of a FIFO queue ends with `.fifo`.
    stem = re.sub(r"\.(?:json|csv)$", "", PurePath(raw.name).name)
    resource = re.sub(re.escape(label), "", stem, flags=re.IGNORECASE).strip("-_ ")
    if resource in ("", stem):
        resource = only_described(raw, KNOWN_METRICS[label].dimension) or resource
    return f"{resource} {label}"


def is_console_csv(raw: RawFile) -> bool:
    """Return True for a CSV file of the CloudWatch console."""
    head = raw.head(4096).removeprefix(b"\xef\xbb\xbf")
    return re.match(rb'"?(?:Full label|Label)"?,', head, re.IGNORECASE) is not None

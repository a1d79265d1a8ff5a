"""Identify the metric of each series in a GetMetricData response.

The response contains only an id and a label per series. The id leads to the query if the queries are
available; otherwise the default label (``orders NumberOfMessagesSent``) is interpreted where it is
unambiguous.
"""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.aws_shapes.names import dimension_map, dimension_resource
from watchme_analysis.aws_shapes.responses import (
    documents,
    has_key,
    integer,
    json_text,
    objects_under,
    of_file,
)
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.text.message import Choice, Resource

if TYPE_CHECKING:
    import pandas as pd

# Columns that identify a series, in the order of the data dictionary.
KEYS = (
    "id",
    "label",
    "namespace",
    "metric",
    "dimensions",
    "resource",
    "stat",
    "period_s",
    "expression",
)


class KnownMetric(NamedTuple):
    """A metric of ``known_metrics.toml`` in this folder, which explains the fields."""

    namespace: str
    dimension: str
    pulled: tuple[str, ...]
    whole: str | None


def _known_metrics() -> dict[str, KnownMetric]:
    text = Path(__file__).with_name("known_metrics.toml").read_text(encoding="utf-8")
    return {
        entry["name"]: KnownMetric(
            namespace, group["dimension"], tuple(entry.get("pulled", ())), entry.get("whole")
        )
        for namespace, group in tomllib.loads(text).items()
        for entry in group["metrics"]
    }


# Metrics by name.
KNOWN_METRICS = _known_metrics()
_STAT = re.compile(r"Sum|Average|Maximum|Minimum|SampleCount|IQM|(?:p|tm|wm|tc|ts)\d+(?:\.\d+)?")
# Periods in seconds below a minute that CloudWatch accepts.
_SHORT_PERIODS = (1, 5, 10, 20, 30)


def query_definitions(values: list[Any]) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return the identity of each query of ``metric-data-queries.json``, and all values that are no query.

    The document is the list of queries, or an object with ``MetricDataQueries`` (``--cli-input-json``).
    """
    queries: list[dict[str, Any]] = []
    unexpected: list[Any] = []
    for value in values:
        items = value if isinstance(value, list) else [value]
        for item in items:
            if isinstance(item, dict) and "MetricDataQueries" in item:
                found, more = objects_under([item], "MetricDataQueries")
                queries.extend(found)
                unexpected.extend(more)
            elif isinstance(item, dict) and "Id" in item:
                queries.append(item)
            else:
                unexpected.append(item)
    return [_definition(query) for query in queries if query.get("ReturnData", True) is not False], unexpected


def _definition(query: dict[str, Any]) -> dict[str, Any]:
    stat = query.get("MetricStat")
    stat = stat if isinstance(stat, dict) else {}
    metric = stat.get("Metric")
    metric = metric if isinstance(metric, dict) else {}
    dimensions = dimension_map(metric.get("Dimensions"))
    return {
        "id": query.get("Id"),
        "label": query.get("Label"),
        "namespace": metric.get("Namespace"),
        "metric": metric.get("MetricName"),
        "dimensions": json_text(dimensions) if metric else None,
        "resource": dimension_resource(dimensions),
        "stat": stat.get("Stat"),
        "period_s": integer(stat.get("Period", query.get("Period"))),
        "expression": query.get("Expression"),
    }


@dataclass
class Identities:
    """Identities of series by id, from the lists of queries beside a response."""

    raw: RawFile
    known: dict[str, list[dict[str, Any]]]  # several for an id when several lists of queries lie side by side
    notes: list[str] = field(default_factory=list)  # on series that were not identified by their id

    @classmethod
    def beside(cls, raw: RawFile) -> Identities:
        """Return the identities from the lists of queries in the folder of a response."""
        known: dict[str, list[dict[str, Any]]] = {}
        files = raw.beside("*queries*.json", "*queries*.json.txt")
        for file in files:
            if not is_queries(file):
                continue
            for definition in query_definitions(documents(file).values)[0]:
                entries = known.setdefault(str(definition["id"]), [])
                if definition not in entries:
                    entries.append(definition)
        notes: list[str] = [] if known else [of_file(raw, "note-no-metric-queries")]
        return cls(raw, known, notes)

    def of(self, result: dict[str, Any]) -> dict[str, Any]:
        """Return the identity of a series: of its query, else by its label."""
        name, label = result.get("Id"), result.get("Label")
        name = name if isinstance(name, str) else None
        label = label if isinstance(label, str) else None
        entries = [entry for entry in self.known.get(name or "", []) if _agrees(entry, label)]
        if len(entries) == 1:
            return {**entries[0], "label": label}
        if self.known:
            self.notes.append(
                of_file(
                    self.raw,
                    "note-series-by-label",
                    series=Resource(str(name)),
                    label=Resource(str(label)),
                    why=Choice("several" if entries else "none"),
                )
            )
        return {**_from_label(label), "id": name, "label": label}


def _agrees(entry: dict[str, Any], label: str | None) -> bool:
    """Return True when a label may belong to a query.

    If the label names another known metric than the query, the query is from another response. A label that
    the query itself sets may be anything.
    """
    if label is None or entry["expression"] is not None or entry["label"] is not None:
        return True
    named = [word for word in label.split() if word in KNOWN_METRICS]
    return not named or entry["metric"] in named


def _from_label(label: str | None) -> dict[str, Any]:
    """Return the identity in a default label (``RESOURCE METRIC [STAT]``); None where it is ambiguous."""
    identity: dict[str, Any] = dict.fromkeys(KEYS)
    words = (label or "").split()
    stat = words.pop() if words and _STAT.fullmatch(words[-1]) else None
    if len(words) == 2 and words[1] in KNOWN_METRICS:
        known = KNOWN_METRICS[words[1]]
        identity.update(
            namespace=known.namespace,
            metric=words[1],
            dimensions=json_text({known.dimension: words[0]}),
            resource=words[0],
            stat=stat,
        )
    return identity


def inferred_period(series: list[pd.Series]) -> int | None:
    """Return the period in seconds that fits the spacing of all points; None when no period does."""
    step = 0
    for times in series:
        ordered = times.sort_values()
        for gap in ordered.diff().dropna().dt.total_seconds().unique():
            step = math.gcd(step, round(gap))
    return step if step and (step in _SHORT_PERIODS or step % 60 == 0) else None


def infer_stats(series: list[dict[str, Any]], frames: list[pd.DataFrame]) -> int:
    """Set the statistic of series identified by labels, where their values show it; return how many.

    A counter in whole numbers is a sum, a level in whole numbers a maximum. Of two series with the same
    label, the series that is never below the other is the maximum, and the other the average. ``frames`` hold
    the points of each series (``time``, ``value``).
    """
    ambiguous: dict[tuple[Any, ...], list[int]] = {}
    for at, row in enumerate(series):
        if row["metric"] is not None and row["stat"] is None:
            ambiguous.setdefault((row["metric"], row["dimensions"]), []).append(at)
    inferred = 0
    for (metric, _), members in ambiguous.items():
        values = [frames[at].set_index("time")["value"] for at in members]
        stats: list[str] = []
        whole = KNOWN_METRICS[metric].whole if metric in KNOWN_METRICS else None
        if len(members) == 1 and (values[0] % 1 == 0).all():
            stats = [whole] if whole else []
        elif len(members) == 2 and whole == "Maximum":
            first, second = values[0].align(values[1], join="inner")
            if (first >= second).all():
                stats = ["Maximum", "Average"]
            elif (second >= first).all():
                stats = ["Average", "Maximum"]
        for at, stat in zip(members, stats, strict=False):
            series[at]["stat"] = stat
            inferred += 1
    return inferred


def is_queries(raw: RawFile) -> bool:
    """Return True when a file is a list of metric queries."""
    return has_key(raw, "MetricStat", "Expression") and not has_key(raw, "MetricDataResults")

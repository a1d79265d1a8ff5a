"""Traces of X-Ray: which segment of a request failed, and which took the time.

``aws xray batch-get-traces`` (segments, each a JSON document inside of the response) and
``get-trace-summaries`` (one row for a trace).

Sources: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html, and
https://docs.aws.amazon.com/xray/latest/api/API_TraceSummary.html.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.responses import (
    ResponseProblems,
    child,
    documents,
    fields,
    has_next_page,
    json_value,
    number,
    objects_by_key,
    of_file,
    table_result,
)
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.text.message import Count, Duration, Resource

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval

_TABLE = "trace_segments"
# Resource of a call to AWS.
_RESOURCES = ("queue_url", "table_name", "function_name", "bucket_name", "topic_arn", "resource_names")
# Segments that a note names.
_NAMED = 3


def read_traces(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the segments and summaries of traces as ``trace_segments``, with notes on time and failures."""
    values, damage = documents(raw)
    found, unexpected = objects_by_key(values, {"Traces": "Segments", "TraceSummaries": "HasFault"})
    rows: list[dict[str, Any]] = []
    for trace in found["Traces"]:
        segments: list[dict[str, Any]] = []
        for segment in trace.get("Segments") or []:
            document = json_value(segment.get("Document")) if isinstance(segment, dict) else None
            if isinstance(document, dict):
                segments += _segments(document, document.get("parent_id"))
            else:
                unexpected.append(segment)
        _add_own_time(segments)
        rows += [{"file": raw.relative, "trace_id": trace.get("Id"), **segment} for segment in segments]
    for summary in found["TraceSummaries"]:
        seconds = number(summary.get("Duration"))
        spent = None if seconds is None else round(seconds * 1e3, 3)
        rows.append({"file": raw.relative, **fields(summary, "GetTraceSummaries"), "duration_ms": spent})
    problems = ResponseProblems(damage, unexpected, has_next_page(values))
    return table_result(raw, "xray", _TABLE, rows, problems, notes=list(_notes(raw, rows)))


def _segments(document: dict[str, Any], parent: Any) -> Iterator[dict[str, Any]]:
    """Yield the row of a segment document, and those of its subsegments."""
    row = fields(document, "BatchGetTraces")
    start, end = (number(document.get(name)) for name in ("start_time", "end_time"))
    aws = child(document, "aws")
    resource = next((aws[name] for name in _RESOURCES if aws.get(name)), None)
    exceptions = child(document, "cause").get("exceptions")
    first = exceptions[0] if isinstance(exceptions, list) and exceptions else None
    first = first if isinstance(first, dict) else {}
    spent = None if start is None or end is None else round((end - start) * 1e3, 3)
    yield {
        **row,
        "parent_id": parent,
        "duration_ms": spent,
        "resource": str(resource[0] if isinstance(resource, list) else resource) if resource else None,
        "exception": first.get("type"),
        "message": first.get("message"),
    }
    for inner in document.get("subsegments") or []:
        if isinstance(inner, dict):
            yield from _segments(inner, document.get("id"))


def _add_own_time(segments: Iterable[dict[str, Any]]) -> None:
    """Add the time of each segment in which none of those that it called was under way."""
    children: dict[Any, list[tuple[Any, Any]]] = defaultdict(list)
    for segment in segments:
        if segment["start"] is not None and segment["end"] is not None:
            children[segment["parent_id"]].append((segment["start"], segment["end"]))
    for segment in segments:
        if segment["duration_ms"] is None:
            continue
        at, own = segment["start"], segment["duration_ms"]
        for start, end in sorted(children[segment["segment_id"]]):
            begun, ended = max(start, at), min(end, segment["end"])
            if ended > begun:
                own -= (ended - begun).total_seconds() * 1e3
                at = ended
        segment["own_ms"] = max(0.0, round(own, 3))


def _notes(raw: RawFile, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a note on the segments that took most of the time, and on those that failed first."""
    own: Counter[str] = Counter()
    for row in rows:
        if row.get("own_ms") and row.get("name"):
            own[str(row["name"])] += row["own_ms"]
    total = sum(own.values())
    for name, spent in own.most_common(1):
        yield of_file(
            raw,
            "note-trace-time",
            name=Resource(name),
            spent=Duration(spent / 1e3),
            total=Duration(total / 1e3),
        )
    failing = {row.get("parent_id") for row in rows if row.get("fault") and row.get("parent_id")}
    # A segment fails as well where one that it called failed.
    faults = (row for row in rows if row.get("fault") and row.get("segment_id") not in failing)
    first = Counter(str(row["name"]) for row in faults if row.get("name"))
    for name, count in first.most_common(_NAMED):
        yield of_file(raw, "note-trace-failed", name=Resource(name), failures=Count(count))

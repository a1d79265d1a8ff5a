"""Answers that were asked live, in the files that the AWS CLI would have written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from watchme_analysis.aws_shapes.responses import iso_time
from watchme_analysis.cloudwatch.insights.query_api import Answer, InsightsQuery

_BIG = 100_000


def write_answer(folder: Path, name: str, value: Any) -> None:
    """Write an answer as JSON below a folder, gzipped when it is long.

    Parameters
    ----------
    folder
        Folder of the evidence.
    name
        Relative name without ``.gz``.
    value
        Answer of boto3, times included.
    """
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=1, ensure_ascii=False, default=iso_time).encode()
    if len(text) > _BIG:
        path = path.with_name(path.name + ".gz")
        text = gzip.compress(text, 6, mtime=0)
    path.write_bytes(text)


def query_entry(
    query: InsightsQuery, answer: Answer | None, usd_per_gb: float | None = None
) -> dict[str, Any]:
    """Return an entry of ``queries.json``; its limit is what the answer's rows would have to reach.

    Beside what StartQuery takes it says at what price was scanned, and when the part was asked that came
    from the cache.
    """
    entry: dict[str, Any] = {
        "logGroupName": query.log_groups[0],
        "startTime": int(query.window.start.timestamp()),
        "endTime": int(query.window.end.timestamp()),
        "queryString": query.text,
        "output": f"{query.name}.json",
    }
    if answer is not None and query.whole is None:
        entry["limit"] = max(1, len(answer.rows)) if answer.truncated else None
    if answer is not None:
        entry["usdPerGb"] = usd_per_gb
        entry["cachedAt"] = answer.cached_at
    return {name: value for name, value in entry.items() if value is not None}


def query_answer(answer: Answer) -> dict[str, Any]:
    """Return an answer as GetQueryResults would have, all pages in one."""
    results = [[{"field": name, "value": value} for name, value in row.items()] for row in answer.rows]
    matched = answer.matched if answer.matched is not None else len(answer.rows)
    if answer.truncated and answer.status == "Complete":
        # More matched than came; by how much is not always known.
        matched = max(matched, len(answer.rows) + 1)
    statistics = {
        "recordsMatched": float(matched),
        "recordsScanned": answer.scanned,
        "bytesScanned": answer.bytes_scanned,
    }
    return {"results": results, "statistics": statistics, "status": answer.status}

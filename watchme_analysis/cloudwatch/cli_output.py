"""Write responses that were retrieved live as the files that the AWS CLI would have written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from watchme_analysis.aws_shapes.responses import iso_time
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery, QueryResult
from watchme_analysis.errors import InputError
from watchme_analysis.text.file_names import is_file_name
from watchme_analysis.text.render import error_message

# JSON documents longer than this many bytes are compressed.
_GZIP_FROM_BYTES = 100_000


def write_response(folder: Path, name: str, value: Any) -> None:
    """Write a response of boto3 as JSON below a folder; a long one is compressed, and its name gets ``.gz``.

    A name that would lead out of the folder is an InputError.
    """
    if not all(map(is_file_name, name.split("/"))):
        raise InputError(error_message("error-no-file-name", name=repr(name), folder=folder))
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=1, ensure_ascii=False, default=iso_time).encode()
    if len(text) > _GZIP_FROM_BYTES:
        path = path.with_name(path.name + ".gz")
        text = gzip.compress(text, 6, mtime=0)
    path.write_bytes(text)


def query_entry(
    query: InsightsQuery, result: QueryResult | None, usd_per_gb: float | None = None
) -> dict[str, Any]:
    """Return the entry of ``queries.json`` for a query.

    Besides the parameters of StartQuery it holds the price of scanning one GB and the time at which a cached
    part was retrieved. The ``limit`` of a truncated result is its number of rows, so that readers of the file
    recognize it as truncated.
    """
    entry: dict[str, Any] = {
        "logGroupName": query.log_groups[0],
        "startTime": int(query.window.start.timestamp()),
        "endTime": int(query.window.end.timestamp()),
        "queryString": query.text,
        "output": f"{query.name}.json",
    }
    if result is not None and query.unsplittable_reason is None:
        entry["limit"] = max(1, len(result.rows)) if result.truncated else None
    if result is not None:
        entry["usdPerGb"] = usd_per_gb
        entry["cachedAt"] = result.cached_at
    return {name: value for name, value in entry.items() if value is not None}


def query_response(result: QueryResult) -> dict[str, Any]:
    """Return a result in the shape of GetQueryResults, all pages in one."""
    results = [[{"field": name, "value": value} for name, value in row.items()] for row in result.rows]
    matched = result.records_matched if result.records_matched is not None else len(result.rows)
    if result.truncated and result.status == "Complete":
        # More events matched than rows were returned; their number is not always known.
        matched = max(matched, len(result.rows) + 1)
    statistics = {
        "recordsMatched": float(matched),
        "recordsScanned": result.records_scanned,
        "bytesScanned": result.bytes_scanned,
    }
    return {"results": results, "statistics": statistics, "status": result.status}

"""Summary of a scan of access logs as a JSON-ready object, for programs and pages."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.error_requests import errors_by_kind
from watchme_analysis.access_logs.grouped_sums import OTHER
from watchme_analysis.access_logs.latency_histogram import most_off_pct
from watchme_analysis.access_logs.summary import BY_TIME
from watchme_analysis.access_logs.surges import SENDERS
from watchme_analysis.redact import MASK, redacted_values, shortened
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.access_logs.summary import AccessSummary
    from watchme_analysis.access_logs.surges import SenderCounts
    from watchme_analysis.retrieval import Retrieval

SCHEMA_VERSION = 1
# Words by which groups can be ordered, and their columns; the largest values come first.
ORDERS = {
    "requests": "requests",
    "p50": "p50_s",
    "p99": "p99_s",
    "max": "max_s",
    "bytes": "bytes",
    "upstream": "upstream_p99_s",
    "4xx": "client_error_pct",
    "5xx": "server_error_pct",
}
_EPOCH = datetime.fromtimestamp(0, UTC)
_EXAMPLES = 5
# Rows that are converted at once: each takes a thousand bytes, and there may be tens of thousands.
_ROWS = 1000
_MOST_ERRORS = 10_000


def access_report(
    summary: AccessSummary,
    retrievals: Sequence[Retrieval],
    notes: Iterable[str] = (),
    order: str = "requests",
    senders: SenderCounts | None = None,
) -> dict[str, Any]:
    """Return the report of a scan.

    - ``summary``: summary of the rows.
    - ``retrievals``: a retrieval for each input.
    - ``notes``: sentences about all inputs.
    - ``order``: a word of :data:`ORDERS`; minutes and hours stay in order of time.
    - ``senders``: senders of the summary's surge, None if there is none or they were not counted.

    JSON-ready: times are ISO 8601 in UTC, missing is None.
    """
    starts = [one.start for one in retrievals if one.start]
    ends = [one.end for one in retrievals if one.end]
    groups = summary.by_key()
    by_time = summary.by in BY_TIME
    groups = groups.sort_by([("key", "ascending") if by_time else (ORDERS[order], "descending")])
    found = {
        "schema_version": SCHEMA_VERSION,
        "window": {"start": min(starts, default=None), "end": max(ends, default=None)},
        "lines": sum(one.lines or 0 for one in retrievals),
        "rows": sum(one.rows for one in retrievals),
        "rejected": sum(one.rejected_lines for one in retrievals),
        "blank": sum(one.blank_lines for one in retrievals),
        "left_out": sum(one.filtered for one in retrievals),
        "truncated": any(one.truncated for one in retrievals),
        "requests": summary.requests,
        "slower_than_s": summary.choice.slower_than_s,
        "only": [f"{name}={text}" for name, text in summary.choice.only],
        "untimed": summary.untimed,
        "notes": [*notes, *_bounds(summary)],
        "inputs": [_input(one) for one in retrievals],
        "most_missed": summary.most_missed,
        "percentiles_off_pct": summary.most_off_pct,
        "total": summary.total(),
        "statuses": {
            "-" if status is None else str(status): count for status, count in summary.statuses().items()
        },
        "by": summary.by,
        "sort": order,
        "groups": (row for batch in groups.to_batches(_ROWS) for row in batch.to_pylist()),
        "upstreams": summary.upstreams().to_pylist(),
        "slowest": _slowest(summary),
        "surge": _surge(summary, senders),
    }
    return _shareable(found)


def _surge(summary: AccessSummary, senders: SenderCounts | None) -> dict[str, Any] | None:
    found = summary.arrivals.surge()
    if found is None:
        return None
    named = dict.fromkeys(SENDERS) | ({} if senders is None else senders.leading())
    return {**found.report(), "senders_counted": senders is not None, **named}


def _bounds(summary: AccessSummary) -> Iterator[str]:
    """Yield sentences on precision that was reduced to keep memory bounded."""
    if summary.most_missed:
        yield note(
            "access-note-rarest",
            by=Resource(summary.by),
            other=Resource(OTHER),
            missed=int(summary.most_missed),
        )
    if summary.most_off_pct > most_off_pct(0):
        yield note(
            "access-note-percentiles",
            by=Resource(summary.by),
            off=Resource(f"{summary.most_off_pct:.1f} %"),
            total=Resource(f"{most_off_pct(0):.1f} %"),
        )


def error_report(
    linked: pd.DataFrame, retrievals: Sequence[Retrieval], notes: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the report of the error logs of a scan.

    ``retrievals``: a retrieval for each error log; ``notes``: sentences for the report.

    JSON-ready; ``lines`` holds the errors in order of time, only the last of very many.
    """
    columns = [
        "time",
        "kind",
        "link",
        "message",
        "method",
        "path",
        "upstream_addr",
        "status",
        "request_time_s",
    ]
    columns += ["file", "line", "request_file", "request_line", "request_ended"]
    # Logs are read consecutively; lines without a time come first.
    ordered = linked.sort_values("time", kind="stable", na_position="first", ignore_index=True)
    last = ordered.index[-_MOST_ERRORS:].union(ordered.index[ordered["request_line"].notna()][-_MOST_ERRORS:])
    cut = []
    if len(last) < len(ordered):
        cut.append(note("access-note-last-errors", errors=len(ordered), listed=_MOST_ERRORS))
    found = {
        "inputs": [_input(one) for one in retrievals],
        "errors": len(linked),
        "notes": [*notes, *cut],
        "kinds": _records(errors_by_kind(linked)),
        "lines": _records(ordered.loc[last, columns]),
    }
    return _shareable(found)


def _shareable(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON-ready report with secrets masked and a note if there were any.

    Iterators are converted to lists one by one, so that no large data exists twice.
    """
    hidden = False

    def masked_value(value: Any) -> Any:
        nonlocal hidden
        unmasked = plain(value)
        masked = redacted_values(unmasked)
        hidden |= masked != unmasked
        return masked

    report = {
        name: [masked_value(one) for one in value] if isinstance(value, Iterator) else masked_value(value)
        for name, value in found.items()
    }
    if hidden:
        report["notes"] = [*report["notes"], note("access-note-masked", mask=Resource(MASK))]
    return report


def _slowest(summary: AccessSummary) -> list[dict[str, Any]]:
    table = summary.slowest()
    # Arrow would load pandas (25 MB) to convert times.
    moments = table["time"].cast("int64").to_pylist()
    rows = table.drop_columns("time").to_pylist()
    return [
        {"time": None if moment is None else _EPOCH + timedelta(microseconds=moment), **row}
        for moment, row in zip(moments, rows, strict=True)
    ]


def _input(one: Retrieval) -> dict[str, Any]:
    reasons = Counter(item.reason for item in one.rejected)
    return {
        "name": one.origin,
        "lines": one.lines,
        "rows": one.rows,
        "rejected": one.rejected_lines,
        "blank": one.blank_lines,
        "left_out": one.filtered,
        "start": one.start,
        "end": one.end,
        "truncated": one.truncated,
        "notes": list(one.notes),
        "rejected_reasons": dict(reasons.most_common()),
        "first_rejected": [
            {"line": item.line, "reason": item.reason, "text": shortened(item.text, 200)}
            for item in one.rejected[:_EXAMPLES]
        ],
    }


def is_unread(one: Mapping[str, Any]) -> bool:
    """Return whether none of the lines of an input, an entry of a report's ``inputs``, could be parsed."""
    return one["rejected"] > 0 and not one["rows"] + one["left_out"]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    import pandas as pd

    return [
        {str(name): None if value is pd.NA or value is pd.NaT else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def plain(value: Any) -> Any:
    """Return a value for JSON: missing is None, times are ISO 8601."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    return value

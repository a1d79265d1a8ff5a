"""``watchme access``: percentiles and shares of access logs of any format and size."""

from __future__ import annotations

import json
import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.errors import InputError
from watchme_analysis.window import parse_span, parse_time, parse_zone

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.analysis.access_summary import AccessSummary
    from watchme_analysis.retrieval import Retrieval
    from watchme_analysis.sources.access_logs import AccessScan

_SCHEMA_VERSION = 1
_BY = ("path", "full-path", "status", "upstream", "minute", "method", "host", "client", "agent")


@click.command("access")
@click.argument("files", nargs=-1, required=True)
@click.option("--by", type=click.Choice(_BY), default="path", show_default=True, help="What to group by.")
@click.option(
    "--slow", metavar="SPAN", help="Count only requests that took at least this, such as 3s or 500ms."
)
@click.option("--since", help="From this time on: ISO 8601, or a span before now such as 2h.")
@click.option("--until", help="Up to this time.")
@click.option("--path", "prefix", help="Only paths that begin like this.")
@click.option("--format", "log_format", help="log_format: a name in the configuration, or its text.")
@click.option(
    "--nginx-conf",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Configuration with the formats; else nginx.conf beside each log.",
)
@click.option("--top", type=click.IntRange(1), default=20, show_default=True, help="Rows of the table.")
@click.option(
    "--timezone", default="Asia/Tokyo", show_default=True, help="Zone of the times shown and given."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with everything.")
@click.option("--parquet", type=click.Path(path_type=Path), help="Also write the requests to this file.")
def access(files: tuple[str, ...], as_json: bool, timezone: str, top: int, **asked: Any) -> None:
    """Say what Nginx access logs hold: how many requests, how slow, how they failed.

    FILES are files, 'quoted*patterns', folders, - for standard input, or s3:// names; gzip and Zstandard are
    unpacked. Each log's format is found beside it (nginx.conf), else it is combined, else JSON. Every line is
    counted: what can't be read is shown as rejected.
    """
    from watchme_analysis.analysis.access_summary import AccessSummary, columns_for
    from watchme_analysis.sources.access_columns import ACCESS_COLUMNS
    from watchme_analysis.sources.access_engine import Selection
    from watchme_analysis.sources.access_logs import AccessScan, LogOptions

    zone = parse_zone(timezone)
    columns = columns_for(asked["by"]) if asked["parquet"] is None else ACCESS_COLUMNS
    since, until = (_microseconds(asked[name], zone) for name in ("since", "until"))
    selection = Selection(columns, since, until, asked["prefix"])
    # Times in a log that name no zone are UTC, as everywhere.
    scan = AccessScan(files, LogOptions(asked["log_format"], asked["nginx_conf"]), selection)
    summary = AccessSummary(asked["by"], _seconds(asked["slow"]))
    _gather(scan, summary, asked["parquet"])
    result = _result(scan, summary)
    if as_json:
        click.echo(json.dumps(_plain(result), indent=1, ensure_ascii=False))
    else:
        click.echo(_page(result, summary.by, top, zone))


def _microseconds(text: str | None, zone: Any) -> int | None:
    return None if text is None else round(parse_time(text, zone).timestamp() * 1_000_000)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    if text.endswith("ms") and text[:-2].replace(".", "", 1).isdigit():
        return float(text[:-2]) / 1000
    return parse_span(text).total_seconds()


def _gather(scan: AccessScan, summary: AccessSummary, parquet: Path | None) -> None:
    """Add every chunk to the summary, and write the chunks where asked."""
    if parquet is None:
        for chunk in scan:
            summary.add(chunk.table)
        return
    import pyarrow.parquet as pq

    writer: pq.ParquetWriter | None = None
    unfinished = parquet.with_name(parquet.name + ".part")
    try:
        for chunk in scan:
            summary.add(chunk.table)
            if writer is None:
                writer = pq.ParquetWriter(unfinished, chunk.table.schema, compression="zstd")
            writer.write_table(chunk.table)
    except OSError as error:
        raise InputError(f"{parquet} can't be written: {error.strerror or error}.") from error
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise InputError(f"{parquet} was not written: the logs hold no line.")
    unfinished.replace(parquet)


def _result(scan: AccessScan, summary: AccessSummary) -> dict[str, Any]:
    found = scan.retrievals
    starts = [one.start for one in found if one.start]
    ends = [one.end for one in found if one.end]
    return {
        "schema_version": _SCHEMA_VERSION,
        "window": {"start": min(starts, default=None), "end": max(ends, default=None)},
        "lines": sum(one.lines or 0 for one in found),
        "rows": sum(one.rows for one in found),
        "rejected": sum(_rejected(one) for one in found),
        "blank": sum(one.blank_lines for one in found),
        "left_out": sum(one.left_out for one in found),
        "requests": summary.requests,
        "notes": list(scan.notes),
        "inputs": [
            {
                "name": one.origin,
                "lines": one.lines,
                "rows": one.rows,
                "rejected": _rejected(one),
                "start": one.start,
                "end": one.end,
                "truncated": one.truncated,
                "notes": list(one.notes),
                "first_rejected": [
                    {"line": item.line, "reason": item.reason, "text": item.text[:200]}
                    for item in one.rejected[:5]
                ],
            }
            for one in found
        ],
        "total": summary.total(),
        "statuses": {str(status): int(count) for status, count in summary.statuses().items()},
        "by": summary.by,
        "groups": _records(summary.by_key()),
        "upstreams": _records(summary.upstreams()),
        "slowest": _records(summary.slowest()),
    }


def _rejected(one: Retrieval) -> int:
    return (one.lines or 0) - one.rows - one.blank_lines - one.left_out


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it: missing is null, times are ISO 8601."""
    import pandas as pd

    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return None if value is pd.NaT else value.isoformat()
    if value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float):
        return round(value, 6)
    return value


def _page(result: dict[str, Any], by: str, top: int, zone: Any) -> str:
    """Return the summary for a person."""
    total = result["total"]
    parts = [_heading(result, zone), ""]
    if result["requests"]:
        names = {"4xx": "client_error_pct", "5xx": "server_error_pct", "499": "499_pct", "502": "502_pct"}
        shares = {name: _share(total[column]) for name, column in {**names, "504": "504_pct"}.items()}
        parts += [
            "   ".join(f"{name} {share}" for name, share in shares.items()),
            "statuses " + "  ".join(f"{status}: {count:,}" for status, count in result["statuses"].items()),
            "",
        ]
        header = [by, "requests", "p50 s", "p90 s", "p99 s", "max s", "upstr p50", "p99", "4xx", "5xx", "504"]
        rows = [_group(row) for row in [*result["groups"][:top], total]]
        parts += _table(header, rows)
        hidden = len(result["groups"]) - top
        parts += [f"({hidden} more: --top {len(result['groups'])})"] if hidden > 0 else []
        parts += ["", "Slowest requests"]
        slow_header = ["ended", "request s", "upstream s", "status", "request", "upstream"]
        parts += _table(slow_header, [_slow(row, zone) for row in result["slowest"]])
        if result["upstreams"]:
            parts += ["", "Statuses by upstream"]
            shown = ("upstream_addr", "upstream_status", "status", "requests")
            rows = [[_word(row[name]) for name in shown] for row in result["upstreams"][:top]]
            parts += _table(["upstream", "its status", "sent", "requests"], rows)
    return "\n".join(parts)


def _heading(result: dict[str, Any], zone: Any) -> str:
    window = result["window"]
    lines = [
        f"{_clock(window['start'], zone)} .. {_clock(window['end'], zone)}   {len(result['inputs'])} logs, "
        f"{result['lines']:,} lines: {result['rows']:,} requests, {result['rejected']:,} rejected, "
        f"{result['blank']:,} blank, {result['left_out']:,} not asked for"
    ]
    if result["requests"] != result["rows"]:
        lines.append(f"{result['requests']:,} of the requests are slow enough to be counted below")
    lines += result["notes"]
    for one in result["inputs"]:
        lines += [f"{one['name']}: {note}" for note in one["notes"]]
        lines += [
            f"{one['name']}:{item['line']}: rejected, {item['reason']}: {item['text'][:100]}"
            for item in one["first_rejected"]
        ]
    return "\n".join(lines)


def _group(row: dict[str, Any]) -> list[str]:
    return [
        str(row["key"])[:60],
        f"{row['requests']:,}",
        *(_time(row[name]) for name in ("p50_s", "p90_s", "p99_s", "max_s")),
        _time(row["upstream_p50_s"]),
        _time(row["upstream_p99_s"]),
        _share(row["client_error_pct"]),
        _share(row["server_error_pct"]),
        _share(row["504_pct"]),
    ]


def _slow(row: dict[str, Any], zone: Any) -> list[str]:
    return [
        _clock(_plain_time(row["time"]), zone),
        _time(row["request_time_s"]),
        _time(row["upstream_response_time_s"]),
        _word(row["status"]),
        f"{_word(row['method'])} {_word(row['path'])}"[:70],
        _word(row["upstream_addr"]),
    ]


def _plain_time(value: Any) -> datetime | None:
    import pandas as pd

    return None if pd.isna(value) else value.to_pydatetime()


def _clock(moment: datetime | None, zone: Any) -> str:
    return "-" if moment is None else moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def _time(value: Any) -> str:
    import pandas as pd

    return "-" if pd.isna(value) else f"{value:.3f}"


def _share(value: Any) -> str:
    return "-" if value is None else f"{value:.1f}%"


def _word(value: Any) -> str:
    import pandas as pd

    return "-" if pd.isna(value) else str(value)


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    """Return aligned lines: the first column and words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    numeric = [
        all(cell[:1].isdigit() or cell == "-" for cell in column) for column in zip(*rows, strict=True)
    ]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in [header, *rows]
    ]

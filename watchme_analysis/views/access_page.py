"""The report of access logs as a person reads it on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from tabulate import tabulate

from watchme_analysis.analysis.access_report import is_unread

Report = Mapping[str, Any]

_KEY_WIDTH = 44
_REQUEST_WIDTH = 60
_TIMES = ("p50_s", "p90_s", "p99_s", "max_s")
_SHARES = {
    "client_error_pct": "4xx",
    "server_error_pct": "5xx",
    "499_pct": "499",
    "502_pct": "502",
    "504_pct": "504",
}
_REJECTED_SHOWN = 3


def access_page(report: Report, top: int, zone: tzinfo) -> str:
    """Return the report for a person.

    Parameters
    ----------
    report
        From :func:`access_report`; under ``errors``, where it has that, one of :func:`error_report`.
    top
        Most rows of a table.
    zone
        Zone of the times shown.
    """
    parts = [_heading(report, zone)]
    if report["requests"]:
        parts += [_shares(report), _groups(report, top, zone), _failures(report, top, zone)]
        parts += [_slowest(report, zone), _upstreams(report, top)]
    if report.get("errors"):
        parts.append(_errors(report["errors"], top, zone))
    return "\n\n".join(part for part in parts if part)


def _heading(report: Report, zone: tzinfo) -> str:
    window = report["window"]
    counts = {name: report[name] for name in ("rows", "rejected", "blank", "left_out")}
    told = [
        _counted(counts["rows"], "request"),
        *(f"{counts[name]:,} {name}" for name in ("rejected", "blank")),
        f"{counts['left_out']:,} not asked for",
    ]
    logs = _counted(len(report["inputs"]), "log")
    span = f"{_clock(window['start'], zone)} .. {_clock(window['end'], zone)} {zone}   "
    lines = [
        f"{span if window['start'] else ''}{logs}, {_counted(report['lines'], 'line')}: {', '.join(told)}"
    ]
    if not report["lines"] and not report["truncated"]:
        lines.append("The log is empty." if len(report["inputs"]) == 1 else "The logs are empty.")
    if report["left_out"] and not report["rows"]:
        lines.append("No request is in the window, or of the path, that was asked for.")
    if report["requests"] != report["rows"]:
        lines.append(f"{report['requests']:,} of the requests are slow enough to be counted below")
    lines += report["notes"]
    for one in report["inputs"]:
        lines += _about(one)
    return "\n".join(lines)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _about(one: Report) -> list[str]:
    """Return what there is to say of an input: its notes, and what was rejected by reason."""
    lines = [f"{one['name']}: {note}" for note in one["notes"]]
    if one["truncated"]:
        lines.append(f"{one['name']}: INCOMPLETE, rows are missing")
    if one["rejected"]:
        share = _percent(100 * one["rejected"] / one["lines"])
        lines.append(f"{one['name']}: {_counted(one['rejected'], 'line')} rejected ({share}), such as")
    examples = one["first_rejected"][:_REJECTED_SHOWN]
    lines += [
        # What is torn off is no line.
        f"  line {item['line']}: {item['reason']}: {_cut(item['text'], 80)}"
        if item["line"]
        else f"  {item['reason']}"
        for item in examples
    ]
    if is_unread(one):
        lines.append("  None of its lines was understood: --format says how they are written.")
    return lines


def _shares(report: Report) -> str:
    total = report["total"]
    statuses = "  ".join(f"{status}: {count:,}" for status, count in report["statuses"].items())
    lines = ["   ".join(f"{word} {_percent(total[name])}" for name, word in _SHARES.items())]
    lines.append(f"statuses  {statuses}")
    if total["max_s"] is None:
        lines.append(
            "These logs have no request times: a log_format with $request_time and "
            "$upstream_response_time writes them."
        )
    return "\n".join(lines)


def _groups(report: Report, top: int, zone: tzinfo) -> str:
    """Return times by key; those that no request has are left away."""
    measures = {"": "", "upstream_": "upstream "}
    known = [name for name in measures if report["total"][f"{name}max_s"] is not None]
    header = [report["by"], "requests", "%"]
    for name in known:
        header += [measures[name] + "p50 s", "p90", "p99", "max"]
    chosen = _chosen(report, top)
    rows = []
    for row in [*chosen, report["total"]]:
        times = [_seconds(row[name + one]) for name in known for one in _TIMES]
        rows.append([_key(row, report, zone), f"{row['requests']:,}", _percent(row["share_pct"], ""), *times])
    hidden = len(report["groups"]) - len(chosen)
    more = f"\n({hidden:,} more: --top {len(report['groups'])})" if hidden > 0 else ""
    return _table(header, rows, words=1) + more


def _chosen(report: Report, top: int) -> Sequence[Report]:
    # Of minutes the latest tell most.
    rows: Sequence[Report] = report["groups"]
    return rows[-top:] if report["by"] == "minute" else rows[:top]


def _failures(report: Report, top: int, zone: tzinfo) -> str:
    failing = [row for row in report["groups"] if row["client_error_pct"] or row["server_error_pct"]]
    if not failing:
        return ""
    rows = [
        [_key(row, report, zone), f"{row['requests']:,}", *(_percent(row[name]) for name in _SHARES)]
        for row in _chosen({**report, "groups": failing}, top)
    ]
    return "Failed, as a share of each one's requests\n" + _table(
        [report["by"], "requests", *_SHARES.values()], rows, words=1
    )


def _slowest(report: Report, zone: tzinfo) -> str:
    if not report["slowest"]:
        return ""
    rows = [
        [
            _clock(row["time"], zone),
            _seconds(row["request_time_s"]),
            _seconds(row["upstream_response_time_s"]),
            _word(row["status"]),
            _cut(f"{_word(row['method'])} {_word(row['path'])}", _REQUEST_WIDTH),
            _word(row["upstream_addr"]),
        ]
        for row in report["slowest"]
    ]
    header = ["ended", "request s", "upstream s", "status", "request", "upstream"]
    return "Slowest requests\n" + tabulate(
        rows,
        header,
        "plain",
        disable_numparse=True,
        colalign=("left", "right", "right", "right", "left", "left"),
    )


def _upstreams(report: Report, top: int) -> str:
    if not report["upstreams"]:
        return ""
    rows = [
        [
            _word(row["upstream_addr"]),
            _word(row["upstream_status"]),
            _word(row["status"]),
            f"{row['requests']:,}",
        ]
        for row in report["upstreams"][:top]
    ]
    return "Statuses by upstream\n" + _table(["upstream", "its status", "sent", "requests"], rows, words=1)


def _errors(errors: Report, top: int, zone: tzinfo) -> str:
    """Return error log lines by kind, and of each kind the last that belong to a request."""
    lines = []
    for one in errors["inputs"]:
        lines.append(f"Error log {one['name']}: {one['lines']:,} lines, {one['rejected']:,} rejected")
        lines += _about({**one, "notes": [*one["notes"]]})
    lines += errors["notes"]
    if not errors["errors"]:
        return "\n".join([*lines, "None of its lines are in this window."])
    rows = [
        [
            row["kind"],
            f"{row['errors']:,}",
            f"{row['linked']:,}",
            _clock(row["first"], zone),
            _clock(row["last"], zone),
            _word(row["statuses"] or None),
            _seconds(row["p50_s"]),
            _cut(row["paths"] or "-", _KEY_WIDTH),
            _cut(row["upstreams"] or "-", _KEY_WIDTH),
        ]
        for row in errors["kinds"]
    ]
    header = ["kind", "errors", "linked", "first", "last", "sent", "p50 s", "paths", "upstreams"]
    align = ["left", "right", "right", "left", "left", "left", "right", "left", "left"]
    lines += ["", tabulate(rows, header, "plain", disable_numparse=True, colalign=align)]
    linked = [row for row in errors["lines"] if row["request_line"] is not None]
    if linked:
        lines += ["", f"Errors and the requests they belong to (the last {min(top, len(linked))})"]
        rows = [
            [
                _clock(row["time"], zone),
                row["kind"],
                _word(row["status"]),
                _seconds(row["request_time_s"]),
                _cut(f"{_word(row['method'])} {_word(row['path'])}", _REQUEST_WIDTH),
                f"{row['request_file']}:{row['request_line']}",
                f"{row['file']}:{row['line']}",
            ]
            for row in linked[-top:]
        ]
        header = ["error", "kind", "sent", "request s", "request", "request's line", "error's line"]
        align = ["left", "left", "right", "right", "left", "left", "left"]
        lines.append(tabulate(rows, header, "plain", disable_numparse=True, colalign=align))
    return "\n".join(lines)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> str:
    """Return aligned lines: so many columns of words to the left, numbers to the right."""
    align = ["left"] * words + ["right"] * (len(header) - words)
    return tabulate(rows, header, "plain", disable_numparse=True, colalign=align)


def _key(row: Report, report: Report, zone: tzinfo) -> str:
    key = str(row["key"])
    if report["by"] == "minute" and key[:4].isdigit():
        return _clock(key.replace("Z", "+00:00"), zone).removesuffix(":00")
    return _cut(key, _KEY_WIDTH)


def _clock(moment: str | None, zone: tzinfo) -> str:
    if moment is None:
        return "-"
    return datetime.fromisoformat(moment).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None, unit: str = "%") -> str:
    """Return a share; what is not quite nothing or everything doesn't look like it."""
    if value is None:
        return "-"
    if 0 < value < 0.05:
        return f"<0.1{unit}"
    if 99.95 <= value < 100:
        return f">99.9{unit}"
    return f"{value:.1f}{unit}"


def _word(value: object) -> str:
    return "-" if value is None else str(value)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"

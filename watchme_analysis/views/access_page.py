"""The report of access logs as a person reads it on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from watchme_analysis.analysis.access.report import is_unread
from watchme_analysis.analysis.access.summary import BY_TIME
from watchme_analysis.views.plain_lines import aligned, cut, page_width, squeezed
from watchme_analysis.wording import counted

Report = Mapping[str, Any]

_KEY_WIDTH = 44
_REQUEST_WIDTH = 60
# Of any address and port of IPv4.
_ADDRESS_WIDTH = 21
_LEAST_WIDTH = 12
_TIMES = ("p50_s", "p90_s", "p99_s", "max_s")
_SHARES = {
    "client_error_pct": "4xx",
    "server_error_pct": "5xx",
    "499_pct": "499",
    "502_pct": "502",
    "504_pct": "504",
}
_REJECTED_SHOWN = 3
# What stands below a kind of error.
_ABOUT = {"paths": "paths", "upstreams": "upstreams", "sent": "statuses"}


@dataclass(frozen=True)
class _Page:
    """What all parts of a page share.

    Attributes
    ----------
    top
        Most rows of a table.
    width
        Columns that a line should not exceed.
    zone
        Zone of the times shown.
    moment
        How they are written: no more of the date than differs.
    """

    top: int
    width: int
    zone: tzinfo
    moment: str


def access_page(report: Report, top: int, zone: tzinfo, width: int | None = None) -> str:
    """Return the report for a person.

    Parameters
    ----------
    report
        From :func:`access_report`; under ``errors``, where it has that, one of :func:`error_report`.
    top
        Most rows of a table.
    zone
        Zone of the times shown.
    width
        Columns of the page; those of the terminal unless given.
    """
    ends = [_clock(report["window"][name], zone) for name in ("start", "end")]
    moment = "%H:%M:%S" if ends[0][:10] == ends[1][:10] else "%m-%d %H:%M:%S"
    page = _Page(top, max(60, width or page_width()), zone, moment)
    parts = [_heading(report, page)]
    if report["requests"]:
        parts += [_shares(report, page), _groups(report, page), _failures(report, page)]
        parts += [_slowest(report, page), _upstreams(report, page)]
    if report.get("errors"):
        parts.append(_errors(report["errors"], page))
    return "\n\n".join(part for part in parts if part)


def _heading(report: Report, page: _Page) -> str:
    window = report["window"]
    counts = {name: report[name] for name in ("rows", "rejected", "blank", "left_out")}
    told = [
        counted(counts["rows"], "request"),
        *(f"{counts[name]:,} {name}" for name in ("rejected", "blank")),
        f"{counts['left_out']:,} not asked for",
    ]
    lines = []
    if window["start"]:
        start, end = (_clock(window[name], page.zone) for name in ("start", "end"))
        lines.append(f"{start} .. {end} {page.zone}")
    logs = counted(len(report["inputs"]), "log")
    lines.append(f"{logs}, {counted(report['lines'], 'line')}: {', '.join(told)}")
    if not report["lines"] and not report["truncated"]:
        lines.append("The log is empty." if len(report["inputs"]) == 1 else "The logs are empty.")
    if report["left_out"] and not report["rows"]:
        none = "No request is in the window, or of the path, that was asked for"
        lines.append(_wrapped(f"{none}{_reach(report, page)}.", page))
    lines += _choice(report, page)
    lines += [*report["notes"], *_notes(report["inputs"])]
    for one in report["inputs"]:
        lines += _about(one, page)
    return "\n".join(lines)


def _reach(report: Report, page: _Page) -> str:
    """Return from when to when the logs reach, where that is known."""
    start, end = (report.get("reach", {}).get(name) for name in ("start", "end"))
    if start is None:
        return ""
    first, last = _clock(start, page.zone), _clock(end, page.zone)
    return f": the logs begin at {first}" if end is None else f": the logs reach from {first} to {last}"


def _choice(report: Report, page: _Page) -> list[str]:
    """Return how many requests are counted, and why no more."""
    asked = [f"are of {', '.join(report['only'])}"] if report["only"] else []
    untimed = ""
    if report["slower_than_s"] is not None:
        asked.append(f"took {report['slower_than_s']:g} s or longer")
        untimed = f"; {report['untimed']:,} have no time to compare" if report["untimed"] else ""
    if not asked:
        return []
    told = f"{', '.join(asked)} and are counted below{untimed}"
    return [_wrapped(f"{report['requests']:,} of the requests {told}", page)]


def _notes(inputs: Sequence[Report]) -> list[str]:
    """Return the notes of all inputs, those that several share once."""
    names: dict[str, list[str]] = {}
    for one in inputs:
        for note in one["notes"]:
            names.setdefault(note, []).append(one["name"])
    return [f"{of[0] if len(of) == 1 else f'{len(of)} logs'}: {note}" for note, of in names.items()]


def _about(one: Report, page: _Page) -> list[str]:
    """Return what is missing of an input, and what was rejected."""
    lines = [f"{one['name']}: INCOMPLETE, rows are missing"] if one["truncated"] else []
    if one["rejected"]:
        share = _percent(100 * one["rejected"] / one["lines"])
        lines.append(f"{one['name']}: {counted(one['rejected'], 'line')} rejected ({share}), such as")
    for item in one["first_rejected"][:_REJECTED_SHOWN]:
        if item["line"]:
            lines.append(cut(f"  line {item['line']}: {item['reason']}: {item['text']}", page.width))
        else:
            # What is torn off is no line.
            lines.append(f"  {item['reason']}")
    if is_unread(one):
        known = "--nginx-conf /etc/nginx/nginx.conf, or --format, says how they are written"
        lines.append(_wrapped(f"  None of its lines was understood: {known}.", page, "  "))
    return lines


def _shares(report: Report, page: _Page) -> str:
    total = report["total"]
    statuses = "  ".join(f"{status}: {count:,}" for status, count in report["statuses"].items())
    lines = ["   ".join(f"{word} {_percent(total[name])}" for name, word in _SHARES.items())]
    lines.append(_wrapped(f"statuses  {statuses}", page, "          "))
    if total["max_s"] is None:
        told = "These logs have no request times: a log_format with $request_time and "
        lines.append(_wrapped(f"{told}$upstream_response_time writes them.", page))
    return "\n".join(lines)


def _groups(report: Report, page: _Page) -> str:
    """Return times by key, in two tables where one is too wide; those that no request has are left away."""
    measures = {"": "", "upstream_": "upstream "}
    known = [name for name in measures if report["total"][f"{name}max_s"] is not None]
    chosen = _chosen(report, page)
    by_bytes = report["sort"] == "bytes"

    def table(shown: Sequence[str]) -> str:
        header = [report["by"], "requests", "%", *(["MB"] if by_bytes else [])]
        for name in shown:
            header += [measures[name] + "p50 s", "p90", "p99", "max"]
        rows = []
        for row in [*chosen, report["total"]]:
            times = [_seconds(row[name + one]) for name in shown for one in _TIMES]
            share = _percent(row["share_pct"], "")
            sent = [f"{row['bytes'] / 1e6:,.1f}"] if by_bytes else []
            rows.append([_key(row, report, page), f"{row['requests']:,}", share, *sent, *times])
        return _table(header, rows, page)

    hidden = len(report["groups"]) - len(chosen)
    more = f"\n({hidden:,} more: --top {len(report['groups'])})" if hidden > 0 else ""
    both = table(known)
    # Of a time that is cut short too little is left.
    too_wide = both.index("\n") > page.width or (report["by"] in BY_TIME and "…" in both)
    if len(known) > 1 and too_wide:
        return "\n\n".join(table([name]) for name in known) + more
    return both + more


def _chosen(report: Report, page: _Page) -> Sequence[Report]:
    # Of minutes and hours the latest tell most.
    rows: Sequence[Report] = report["groups"]
    return rows[-page.top :] if report["by"] in BY_TIME else rows[: page.top]


def _failures(report: Report, page: _Page) -> str:
    failing = [row for row in report["groups"] if row["client_error_pct"] or row["server_error_pct"]]
    if not failing:
        return ""
    rows = [
        [_key(row, report, page), f"{row['requests']:,}", *(_percent(row[name]) for name in _SHARES)]
        for row in _chosen({**report, "groups": failing}, page)
    ]
    header = [report["by"], "requests", *_SHARES.values()]
    return "Failed, as a share of each one's requests\n" + _table(header, rows, page)


def _slowest(report: Report, page: _Page) -> str:
    if not report["slowest"]:
        return ""
    rows = [
        [
            squeezed(f"{_word(row['method'])} {_word(row['path'])}", _REQUEST_WIDTH),
            _moment(row["time"], page),
            _seconds(row["request_time_s"]),
            _seconds(row["upstream_response_time_s"]),
            _word(row["status"]),
            squeezed(_word(row["upstream_addr"]), _ADDRESS_WIDTH),
        ]
        for row in report["slowest"]
    ]
    header = ["request", "ended", "request s", "upstream s", "status", "upstream"]
    return "Slowest requests\n" + _table(header, rows, page, words=(0, 1, 5))


def _upstreams(report: Report, page: _Page) -> str:
    if not report["upstreams"]:
        return ""
    rows = [
        [
            _word(row["upstream_addr"]),
            _word(row["upstream_status"]),
            _word(row["status"]),
            f"{row['requests']:,}",
        ]
        for row in report["upstreams"][: page.top]
    ]
    return "Statuses by upstream\n" + _table(["upstream", "its status", "sent", "requests"], rows, page)


def _errors(errors: Report, page: _Page) -> str:
    """Return error log lines by kind, and of each kind the last that belong to a request."""
    lines = []
    for one in errors["inputs"]:
        lines.append(
            f"Error log {one['name']}: {counted(one['lines'], 'line')}, {one['rejected']:,} rejected"
        )
        lines += [*_notes([one]), *_about(one, page)]
    lines += errors["notes"]
    if not errors["errors"]:
        return "\n".join([*lines, "None of its lines are in this window."])
    return "\n".join([*lines, "", _error_kinds(errors["kinds"], page), *_linked(errors["lines"], page)])


def _error_kinds(kinds: Sequence[Report], page: _Page) -> str:
    rows = [
        [
            row["kind"],
            f"{row['errors']:,}",
            f"{row['linked']:,}",
            _moment(row["first"], page),
            _moment(row["last"], page),
            _seconds(row["p50_s"]),
        ]
        for row in kinds
    ]
    header = ["kind", "errors", "linked", "first", "last", "p50 s"]
    first, *table = aligned(header, rows, words=(0, 3, 4)).splitlines()
    lines = [first]
    for row, line in zip(kinds, table, strict=True):
        about = [f"{word} {row[name]}" for word, name in _ABOUT.items() if row[name]]
        lines += [line, *(_wrapped(f"  {one}", page, "    ") for one in about)]
    return "\n".join(lines)


def _linked(errors: Sequence[Report], page: _Page) -> list[str]:
    linked = [row for row in errors if row["request_line"] is not None]
    if not linked:
        return []
    shown = linked[-page.top :]
    rows = [
        [
            squeezed(f"{_word(row['method'])} {_word(row['path'])}", _REQUEST_WIDTH),
            _moment(row["time"], page),
            row["kind"],
            _word(row["status"]),
            _seconds(row["request_time_s"]),
        ]
        for row in shown
    ]
    header = ["request", "error", "kind", "sent", "request s"]
    first, *table = _table(header, rows, page, words=(0, 1, 2)).splitlines()
    lines = ["", f"Errors and the requests they belong to (the last {len(shown)})", first]
    for row, line in zip(shown, table, strict=True):
        places = f"{row['request_file']}:{row['request_line']}", f"{row['file']}:{row['line']}"
        lines += [line, f"  {places[0]}  {places[1]}"]
    return lines


def _table(
    header: Sequence[str], rows: Sequence[Sequence[str]], page: _Page, words: Sequence[int] = (0,)
) -> str:
    """Return aligned lines: columns of words to the left, numbers to the right.

    Where it is too wide the first column, which names what a line is about, is cut short.
    """
    first = max(len(row[0]) for row in rows)
    whole = aligned(header, rows, words)
    over = max(map(len, whole.splitlines())) - page.width
    if over <= 0:
        return whole
    room = max(_LEAST_WIDTH, first - over)
    return aligned(header, [[squeezed(row[0], room), *row[1:]] for row in rows], words)


def _wrapped(text: str, page: _Page, rest: str = "") -> str:
    return textwrap.fill(
        text, page.width, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )


def _key(row: Report, report: Report, page: _Page) -> str:
    key = str(row["key"])
    if report["by"] in BY_TIME and key[:4].isdigit():
        return _clock(key.replace("Z", "+00:00"), page.zone).removesuffix(":00")
    return squeezed(key, _KEY_WIDTH)


def _moment(moment: str | None, page: _Page) -> str:
    return _clock(moment, page.zone, page.moment)


def _clock(moment: str | None, zone: tzinfo, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    if moment is None:
        return "-"
    return datetime.fromisoformat(moment).astimezone(zone).strftime(form)


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

"""The report of access logs as a person reads it on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from watchme_analysis.analysis.access.key_sums import OTHER
from watchme_analysis.analysis.access.summary import BY_TIME, TIMED
from watchme_analysis.views.access_cells import (
    REQUEST_WIDTH,
    Page,
    Report,
    about,
    as_percent,
    as_seconds,
    as_word,
    clock,
    moment_of,
    notes_of,
    table_of,
    wrapped,
)
from watchme_analysis.views.access_errors import errors_part
from watchme_analysis.views.plain_lines import page_width, squeezed
from watchme_analysis.wording import counted

_KEY_WIDTH = 44
# Between the first and the last moment of a row that is of several.
_TO = "/"
# Of any address and port of IPv4.
_ADDRESS_WIDTH = 21
_TIMES = ("p50_s", "p90_s", "p99_s", "max_s")
_SHARES = {
    "client_error_pct": "4xx",
    "server_error_pct": "5xx",
    "499_pct": "499",
    "502_pct": "502",
    "504_pct": "504",
}


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
    ends = [clock(report["window"][name], zone) for name in ("start", "end")]
    moment = "%H:%M:%S" if ends[0][:10] == ends[1][:10] else "%m-%d %H:%M:%S"
    page = Page(top, max(60, page_width()), zone, moment)
    parts = [_heading(report, page)]
    if report["requests"]:
        parts += [_shares(report, page), _groups(report, page), _failures(report, page)]
        parts += [_slowest(report, page), _upstreams(report, page)]
    if report.get("errors"):
        parts.append(errors_part(report["errors"], page))
    return "\n\n".join(part for part in parts if part)


def _heading(report: Report, page: Page) -> str:
    window = report["window"]
    counts = {name: report[name] for name in ("rows", "rejected", "blank", "left_out")}
    told = [
        counted(counts["rows"], "request"),
        *(f"{counts[name]:,} {name}" for name in ("rejected", "blank")),
        f"{counts['left_out']:,} not asked for",
    ]
    lines = []
    if window["start"]:
        start, end = (clock(window[name], page.zone) for name in ("start", "end"))
        lines.append(f"{start} .. {end} {page.zone}")
    logs = counted(len(report["inputs"]), "log")
    lines.append(f"{logs}, {counted(report['lines'], 'line')}: {', '.join(told)}")
    if not report["lines"] and not report["truncated"]:
        lines.append("The log is empty." if len(report["inputs"]) == 1 else "The logs are empty.")
    if report["left_out"] and not report["rows"]:
        none = "No request is in the window, or of the path, that was asked for"
        lines.append(wrapped(f"{none}{_reach(report, page)}.", page))
    lines += _choice(report, page)
    lines += [*report["notes"], *notes_of(report["inputs"])]
    for one in report["inputs"]:
        lines += about(one, page)
    return "\n".join(lines)


def _reach(report: Report, page: Page) -> str:
    """Return from when to when the logs reach, where that is known."""
    start, end = (report.get("reach", {}).get(name) for name in ("start", "end"))
    if start is None:
        return ""
    first, last = clock(start, page.zone), clock(end, page.zone)
    return f": the logs begin at {first}" if end is None else f": the logs reach from {first} to {last}"


def _choice(report: Report, page: Page) -> list[str]:
    """Return how many requests are counted, and why no more."""
    asked = [f"are of {', '.join(report['only'])}"] if report["only"] else []
    untimed = ""
    if report["slower_than_s"] is not None:
        asked.append(f"took {report['slower_than_s']:g} s or longer")
        untimed = f"; {report['untimed']:,} have no time to compare" if report["untimed"] else ""
    if not asked:
        return []
    told = f"{', '.join(asked)} and are counted below{untimed}"
    return [wrapped(f"{report['requests']:,} of the requests {told}", page)]


def _shares(report: Report, page: Page) -> str:
    total = report["total"]
    statuses = "  ".join(f"{status}: {count:,}" for status, count in report["statuses"].items())
    lines = ["   ".join(f"{word} {as_percent(total[name])}" for name, word in _SHARES.items())]
    lines.append(wrapped(f"statuses  {statuses}", page, "          "))
    if total["max_s"] is None:
        told = "These logs have no request times: a log_format with $request_time and "
        lines.append(wrapped(f"{told}$upstream_response_time writes them.", page))
    return "\n".join(lines)


def _groups(report: Report, page: Page) -> str:
    """Return times by key, in two tables where one is too wide; those that no request has are left away."""
    measures = {"": "", "upstream_": "upstream "}
    known = [name for name in measures if report["total"][f"{name}max_s"] is not None]
    chosen = _chosen(report, page)
    lines = [*_with_gaps(chosen, report), report["total"]]
    # Percentiles of fewer requests than the row counts carry their own count.
    partly = [name for name in known if any(row[f"{name}timed"] != row["requests"] for row in lines)]
    by_bytes = report["sort"] == "bytes"

    def table(shown: Sequence[str]) -> str:
        header = [report["by"], "requests", "%", *(["MB"] if by_bytes else [])]
        for name in shown:
            header += [measures[name] + "timed"] if name in partly else []
            header += [measures[name] + "p50 s", "p90", "p99", "max"]
        rows = []
        for row in lines:
            times = []
            for name in shown:
                times += [f"{row[f'{name}timed']:,}"] if name in partly else []
                times += [as_seconds(row[name + one]) for one in _TIMES]
            share = as_percent(row["share_pct"], "")
            sent = [f"{row['bytes'] / 1e6:,.1f}"] if by_bytes else []
            rows.append([_key(row, report, page), f"{row['requests']:,}", share, *sent, *times])
        return table_of(header, rows, page)

    hidden = len(report["groups"]) - len(chosen)
    more = f"\n({hidden:,} more: --top {len(report['groups'])})" if hidden > 0 else ""
    both = table(known)
    # Of a time that is cut short too little is left.
    too_wide = both.index("\n") > page.width or (report["by"] in BY_TIME and "…" in both)
    if len(known) > 1 and too_wide:
        return "\n\n".join(table([name]) for name in known) + more
    return both + more


def _chosen(report: Report, page: Page) -> Sequence[Report]:
    # Of minutes and hours the latest tell most.
    rows: Sequence[Report] = report["groups"]
    return rows[-page.top :] if report["by"] in BY_TIME else rows[: page.top]


def _with_gaps(rows: Sequence[Report], report: Report) -> Iterator[Report]:
    """Yield the rows, and between those of moments apart one that says that there was nothing."""
    # Of very many moments those with few requests are one row, wherever they lie.
    step = None if any(row["key"] == OTHER for row in report["groups"]) else BY_TIME.get(report["by"])
    nothing = dict.fromkeys(report["total"]) | dict.fromkeys(("requests", "bytes", *TIMED), 0)
    nothing |= {"share_pct": 0.0}
    before = None
    for row in rows:
        moment = _moment_of_key(row["key"]) if step else None
        if step and before and moment and moment - before > step:
            first, last = before + step, moment - step
            until = "" if first == last else f"{_TO}{last.isoformat()}"
            yield nothing | {"key": first.isoformat() + until}
        before = moment
        yield row


def _moment_of_key(key: str) -> datetime | None:
    return datetime.fromisoformat(key) if key[:4].isdigit() else None


def _failures(report: Report, page: Page) -> str:
    failing = [row for row in report["groups"] if row["client_error_pct"] or row["server_error_pct"]]
    if not failing:
        return ""
    rows = [
        [_key(row, report, page), f"{row['requests']:,}", *(as_percent(row[name]) for name in _SHARES)]
        for row in _chosen({**report, "groups": failing}, page)
    ]
    header = [report["by"], "requests", *_SHARES.values()]
    return "Failed, as a share of each one's requests\n" + table_of(header, rows, page)


def _slowest(report: Report, page: Page) -> str:
    if not report["slowest"]:
        return ""
    rows = [
        [
            squeezed(f"{as_word(row['method'])} {as_word(row['path'])}", REQUEST_WIDTH),
            moment_of(row["time"], page),
            as_seconds(row["request_time_s"]),
            as_seconds(row["upstream_response_time_s"]),
            as_word(row["status"]),
            squeezed(as_word(row["upstream_addr"]), _ADDRESS_WIDTH),
        ]
        for row in report["slowest"][: page.top]
    ]
    header = ["request", "ended", "request s", "upstream s", "status", "upstream"]
    return "Slowest requests\n" + table_of(header, rows, page, words=(0, 1, 5))


def _upstreams(report: Report, page: Page) -> str:
    if not report["upstreams"]:
        return ""
    rows = [
        [
            as_word(row["upstream_addr"]),
            as_word(row["upstream_status"]),
            as_word(row["status"]),
            f"{row['requests']:,}",
        ]
        for row in report["upstreams"][: page.top]
    ]
    return "Statuses by upstream\n" + table_of(["upstream", "its status", "sent", "requests"], rows, page)


def _key(row: Report, report: Report, page: Page) -> str:
    key = str(row["key"])
    if report["by"] in BY_TIME and key[:4].isdigit():
        first, *last = (clock(one, page.zone).removesuffix(":00") for one in key.split(_TO))
        # The day of the last is said where it is another.
        return " .. ".join([first, *(one.removeprefix(first[:11]) for one in last)])
    return squeezed(key, _KEY_WIDTH)

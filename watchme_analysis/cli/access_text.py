"""Terminal output of ``watchme access``: tables of requests and of error log lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watchme_analysis.access_logs.grouped_sums import OTHER
from watchme_analysis.access_logs.summary import BY_TIME, TIMED
from watchme_analysis.access_logs.summary_json import is_unread
from watchme_analysis.access_logs.surges import SENDERS
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.present.text_table import aligned_lines, terminal_width, truncate, truncate_middle
from watchme_analysis.text.formats import format_percent, format_time
from watchme_analysis.text.message import Choice, Duration, Names, Resource
from watchme_analysis.text.shell_quoting import shell_word
from watchme_analysis.text.wrapping import display_width, wrapped

Report = Mapping[str, Any]

REQUEST_WIDTH = 60
_LEAST_WIDTH = 12
_REJECTED_SHOWN = 3
# A log_format for JSON, which the reader completes.
_JSON_FORMAT = """'{"KEY":"$request_uri","KEY":"$status"}'"""


@dataclass(frozen=True)
class Page:
    """Settings that all parts of a page share.

    Attributes
    ----------
    top
        Largest number of rows in a table.
    width
        Largest width of a line in columns.
    out
        Printer with the language and the time zone of the reader.
    skipped
        Number of leading characters of the date that all times of the page share, and that are omitted.
    """

    top: int
    width: int
    out: Printer
    skipped: int

    def heads(self, *names: str) -> list[str]:
        """Return the headings of columns."""
        return [self.out.words(f"access-column-{name}") for name in names]


def table_of(
    header: Sequence[str], rows: Sequence[Sequence[str]], page: Page, words: Sequence[int] = (0,)
) -> str:
    """Return a table as aligned lines: text columns to the left, numbers to the right.

    If the table is too wide, the cells of the first column are shortened.
    """
    return "\n".join(_table_lines(header, rows, page, words))


def _table_lines(
    header: Sequence[str], rows: Sequence[Sequence[str]], page: Page, words: Sequence[int] = (0,)
) -> list[str]:
    """Return the lines of :func:`table_of` as a list: the header, then one item for each row."""
    first = max(len(row[0]) for row in rows)
    whole = aligned_lines(header, rows, words)
    over = max(map(display_width, whole)) - page.width
    if over <= 0:
        return whole
    room = max(_LEAST_WIDTH, first - over)
    return aligned_lines(header, [[truncate_middle(row[0], room), *row[1:]] for row in rows], words)


def _paragraph(text: str, page: Page, rest: str = "", indent: str = "") -> str:
    """Return a sentence wrapped to the width of the page; further lines are indented by ``rest``."""
    return "\n".join(wrapped(text, page.width, indent, rest))


def notes_of(inputs: Sequence[Report], page: Page) -> list[str]:
    """Return the notes of all inputs; a note that several inputs share is listed once."""
    names: dict[str, list[str]] = {}
    for one in inputs:
        for note in one["notes"]:
            names.setdefault(page.out.text(note), []).append(one["name"])
    return [
        f"{of[0] if len(of) == 1 else page.out.words('access-logs', logs=len(of))}: {note}"
        for note, of in names.items()
    ]


def about(one: Report, page: Page, *, is_error_log: bool = False) -> list[str]:
    """Return lines on missing rows and rejected lines of an input, with advice if no line could be read."""
    out = page.out
    lines = [out.words("access-incomplete", log=one["name"])] if one["truncated"] else []
    if one["rejected"]:
        share = as_percent(100 * one["rejected"] / one["lines"])
        lines.append(out.words("access-rejected", log=one["name"], lines=one["rejected"], share=share))
    for item in one["first_rejected"][:_REJECTED_SHOWN]:
        reason = out.text(item["reason"])
        if item["line"]:
            said = out.words("access-rejected-line", line=Resource(str(item["line"])), reason=reason)
            lines.append(truncate(f"  {said}: {item['text']}", page.width))
        else:
            # Line 0 stands for a truncated end of the file.
            lines.append(f"  {reason}")
    if is_unread(one):
        is_json = any(item["text"].startswith("{") for item in one["first_rejected"])
        kind = "errors" if is_error_log else "json" if is_json else "text"
        said = out.words("access-unread", kind=Choice(kind), json_format=_JSON_FORMAT)
        lines.append(_paragraph(said, page, "  ", "  "))
    return lines


def moment_of(moment: str | None, page: Page) -> str:
    """Return a time in the format of the page; a dash for None."""
    return "-" if moment is None else format_time(moment, page.out.zone)[page.skipped :]


def as_seconds(value: float | None) -> str:
    """Return seconds with three decimal places; a dash for None."""
    return "-" if value is None else f"{value:.3f}"


def as_percent(value: float | None) -> str:
    """Return a percentage with one decimal place; a dash for None."""
    return "-" if value is None else format_percent(value / 100, 1)


def as_word(value: object) -> str:
    """Return a value as text; a dash for None."""
    return "-" if value is None else str(value)


# Labels and fields of the lines below a kind of error.
_ABOUT = {"paths": "paths", "upstreams": "upstreams", "sent": "statuses"}


def errors_part(errors: Report, page: Page) -> str:
    """Return the error log lines by kind, and the last lines that are linked to a request."""
    lines = []
    for one in errors["inputs"]:
        lines.append(
            page.out.words("access-error-log", log=one["name"], lines=one["lines"], rejected=one["rejected"])
        )
        lines += [*notes_of([one], page), *about(one, page, is_error_log=True)]
    lines += map(page.out.text, errors["notes"])
    if not errors["errors"]:
        return "\n".join([*lines, page.out.words("access-no-errors")])
    return "\n".join([*lines, "", _error_kinds(errors["kinds"], page), *_linked(errors["lines"], page)])


def _error_kinds(kinds: Sequence[Report], page: Page) -> str:
    partly = any(row["timed"] != row["linked"] for row in kinds)
    rows = [
        [
            row["kind"],
            f"{row['errors']:,}",
            f"{row['linked']:,}",
            moment_of(row["first"], page),
            moment_of(row["last"], page),
            *([f"{row['timed']:,}"] if partly else []),
            as_seconds(row["p50_s"]),
        ]
        for row in kinds
    ]
    names = ("kind", "errors", "linked", "first", "last", *(["timed"] if partly else []))
    header = [*page.heads(*names), "p50 s"]
    first, *table = aligned_lines(header, rows, words=(0, 3, 4))
    lines = [first]
    for row, line in zip(kinds, table, strict=True):
        about = [
            f"{page.out.words(f'access-column-{word}')} {row[name]}"
            for word, name in _ABOUT.items()
            if row[name]
        ]
        lines += [line, *(_paragraph(one, page, "    ", "  ") for one in about)]
    return "\n".join(lines)


def _linked(errors: Sequence[Report], page: Page) -> list[str]:
    linked = [row for row in errors if row["request_line"] is not None]
    if not linked:
        return []
    shown = linked[-page.top :]
    rows = [
        [
            truncate_middle(f"{as_word(row['method'])} {as_word(row['path'])}", REQUEST_WIDTH),
            moment_of(row["time"], page),
            row["kind"],
            as_word(row["status"]),
            as_seconds(row["request_time_s"]),
        ]
        for row in shown
    ]
    header = page.heads("request", "error", "kind", "sent", "request-s")
    first, *table = _table_lines(header, rows, page, words=(0, 1, 2))
    lines = ["", page.out.words("access-linked", count=len(shown)), first]
    for row, line in zip(shown, table, strict=True):
        locations = f"{row['request_file']}:{row['request_line']}", f"{row['file']}:{row['line']}"
        lines += [line, f"  {locations[0]}  {locations[1]}"]
    return lines


_KEY_WIDTH = 44
# Number of fields without a column that are listed, and their width.
_MOST_FIELDS, _FIELD_WIDTH = 20, 40
# Separator between the first and last time in the key of a row that covers several intervals.
_TO = "/"
# Longest IPv4 address with a port.
_ADDRESS_WIDTH = 21
_TIMES = ("p50_s", "p90_s", "p99_s", "max_s")
_SHARES = {
    "client_error_pct": "4xx",
    "server_error_pct": "5xx",
    "499_pct": "499",
    "502_pct": "502",
    "504_pct": "504",
}


def access_page(report: Report, top: int, out: Printer) -> str:
    """Return the report as text for a terminal.

    Parameters
    ----------
    report
        Report from :func:`watchme_analysis.access_logs.summary_json.access_report`. Its optional key
        ``errors`` comes from :func:`watchme_analysis.access_logs.summary_json.error_report`.
    top
        Largest number of rows in a table.
    out
        Printer with the language and the time zone of the reader.
    """
    ends = [format_time(report["window"][name], out.zone) for name in ("start", "end")]
    skipped = len("2025-12-11 ") if ends[0][:10] == ends[1][:10] else len("2025-")
    page = Page(top, max(60, terminal_width()), out, skipped)
    parts = [_heading(report, page)]
    if report["requests"]:
        parts += [_shares(report, page), _surge(report, page), _groups(report, page), _failures(report, page)]
        parts += [_slowest(report, page), _upstreams(report, page)]
    if report.get("errors"):
        parts.append(errors_part(report["errors"], page))
    return "\n\n".join(part for part in parts if part)


def _heading(report: Report, page: Page) -> str:
    window = report["window"]
    out = page.out
    lines = []
    if window["start"]:
        start, end = (format_time(window[name], out.zone) for name in ("start", "end"))
        lines.append(f"{start} .. {end} {out.zone}")
    counts = {name: report[name] for name in ("lines", "rejected", "blank", "left_out")}
    logs = len(report["inputs"])
    lines.append(out.words("access-lines", logs=logs, requests=report["rows"], **counts))
    if not report["lines"] and not report["truncated"]:
        lines.append(out.words("access-empty", logs=logs))
    if report["left_out"] and not report["rows"]:
        lines.append(_paragraph(_no_match(report, page), page))
    lines += _choice(report, page)
    lines += [*map(out.text, report["notes"]), *notes_of(report["inputs"], page)]
    for one in report["inputs"]:
        lines += about(one, page)
    return "\n".join(lines)


def _no_match(report: Report, page: Page) -> str:
    """Return a sentence on a selection without requests, with the time range of the logs if known."""
    start, end = (report.get("reach", {}).get(name) for name in ("start", "end"))
    return page.out.words(
        "access-no-match",
        known=Choice("nothing" if start is None else "start" if end is None else "both"),
        start=format_time(start, page.out.zone),
        end=format_time(end, page.out.zone),
    )


def _choice(report: Report, page: Page) -> list[str]:
    """Return a sentence on the number of requests that match the filters; empty without filters."""
    only, slow_s = report["only"], report["slower_than_s"]
    if not only and slow_s is None:
        return []
    said = page.out.words(
        "access-chosen",
        count=report["requests"],
        filters=Choice("only" if slow_s is None else "both" if only else "slow"),
        only=", ".join(only),
        seconds=f"{slow_s or 0:g}",
        untimed=report["untimed"] if slow_s is not None else 0,
    )
    return [_paragraph(said, page)]


def _shares(report: Report, page: Page) -> str:
    total = report["total"]
    statuses = "  ".join(f"{status}: {count:,}" for status, count in report["statuses"].items())
    lines = ["   ".join(f"{word} {as_percent(total[name])}" for name, word in _SHARES.items())]
    word = page.out.words("access-statuses")
    lines.append(_paragraph(f"{word}  {statuses}", page, " " * (2 + display_width(word))))
    if total["max_s"] is None:
        lines.append(_paragraph(_no_times(report, page), page))
    return "\n".join(lines)


def _surge(report: Report, page: Page) -> str:
    """Return when far more requests came than usual, and the client and agent that most of them come from."""
    surge = report["surge"]
    if surge is None:
        return ""
    out = page.out
    start, end = (format_time(surge[name], out.zone) for name in ("start", "end"))
    said = out.words(
        "access-surge",
        start=start,
        end=end,
        requests=surge["requests"],
        steps=surge["steps"],
        step=Duration(surge["step_s"]),
        usual=round(surge["usual_requests"]),
    )
    lines = [_paragraph(said, page, "  ")]
    for word in SENDERS:
        sender = surge[word]
        if sender is not None:
            part = sender.get("distinguishing", sender["value"])
            chosen = sender["value"] if part == sender["value"] else f"*{part}*"
            said = out.words(
                "access-surge-sender",
                share=as_percent(sender["excess_pct"]),
                kind=Choice(word),
                sender=truncate(part, REQUEST_WIDTH),
                requests=sender["requests"],
                only=f"--only {shell_word(f'{word}={chosen}')}",
            )
            lines.append(f"  {said}")
    if not any(surge[word] for word in SENDERS):
        counted = Choice("yes" if surge["senders_counted"] else "no")
        lines.append(f"  {out.words('access-surge-no-sender', counted=counted)}")
    return "\n".join(lines)


def _no_times(report: Report, page: Page) -> str:
    """Return sentences on why there are no request times, and how to get them."""
    unknown = report.get("further_fields")
    if logged := report.get("fields_of_times"):
        return (
            "These logs have no request times. The program that wrote them logs them as "
            f"{', '.join(logged)}, if its log format is configured to."
        )
    if not unknown:
        return page.out.words("access-no-times")
    names = Names(tuple(truncate(name, _FIELD_WIDTH) for name in unknown), limit=_MOST_FIELDS)
    return page.out.words("access-unknown-fields", fields=names)


def _groups(report: Report, page: Page) -> str:
    """Return a table of the times by key, split in two if it is too wide; times without data are omitted."""
    measures = {"": "", "upstream_": "upstream-"}
    known = [name for name in measures if report["total"][f"{name}max_s"] is not None]
    chosen = _chosen(report, page)
    lines = [*_with_gaps(chosen, report), report["total"]]
    # Percentiles that are based on fewer requests than the row have their own count.
    partly = [name for name in known if any(row[f"{name}timed"] != row["requests"] for row in lines)]
    by_bytes = report["sort"] == "bytes"

    def table(shown: Sequence[str]) -> str:
        header = [report["by"], *page.heads("requests"), "%", *(["MB"] if by_bytes else [])]
        for name in shown:
            header += page.heads(f"{measures[name]}timed") if name in partly else []
            header += [*page.heads(f"{measures[name]}p50-s"), "p90", "p99", "max"]
        rows = []
        for row in lines:
            times = []
            for name in shown:
                times += [f"{row[f'{name}timed']:,}"] if name in partly else []
                times += [as_seconds(row[name + one]) for one in _TIMES]
            share = as_percent(row["share_pct"]).removesuffix("%")
            sent = [f"{row['bytes'] / 1e6:,.1f}"] if by_bytes else []
            rows.append([_key(row, report, page), f"{row['requests']:,}", share, *sent, *times])
        return table_of(header, rows, page)

    hidden = len(report["groups"]) - len(chosen)
    more = ""
    if hidden > 0:
        option = f"--top {len(report['groups'])}"
        more = "\n" + page.out.words("access-more", count=hidden, option=option)
    both = table(known)
    # A shortened time would be unreadable.
    too_wide = display_width(both.partition("\n")[0]) > page.width or (
        report["by"] in BY_TIME and "…" in both
    )
    if len(known) > 1 and too_wide:
        return "\n\n".join(table([name]) for name in known) + more
    return both + more


def _chosen(report: Report, page: Page) -> Sequence[Report]:
    # The latest minutes and hours are the most relevant.
    rows: Sequence[Report] = report["groups"]
    return rows[-page.top :] if report["by"] in BY_TIME else rows[: page.top]


def _with_gaps(rows: Sequence[Report], report: Report) -> Iterator[Report]:
    """Yield the rows, with a row of zeros for each interval without requests between them."""
    # With too many keys, those with few requests share a row, so gaps are unknown.
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
    failing = [row for row in report["groups"] if _failed(row)]
    if not failing:
        return ""
    if report["by"] not in BY_TIME:
        failing.sort(key=_failed, reverse=True)
    rows = [
        [
            _key(row, report, page),
            f"{_failed(row):,}",
            f"{row['requests']:,}",
            *(as_percent(row[name]) for name in _SHARES),
        ]
        for row in _chosen({**report, "groups": failing}, page)
    ]
    header = [report["by"], *page.heads("failed", "requests"), *_SHARES.values()]
    return f"{page.out.words('access-failures')}\n{table_of(header, rows, page)}"


def _failed(row: Report) -> int:
    """Return the number of a group's requests with a status of 400 to 599."""
    shares = (row["client_error_pct"] or 0.0) + (row["server_error_pct"] or 0.0)
    failed: int = round(row["requests"] * shares / 100)
    return failed


def _slowest(report: Report, page: Page) -> str:
    if not report["slowest"]:
        return ""
    rows = [
        [
            truncate_middle(f"{as_word(row['method'])} {as_word(row['path'])}", REQUEST_WIDTH),
            moment_of(row["time"], page),
            as_seconds(row["request_time_s"]),
            as_seconds(row["upstream_response_time_s"]),
            as_word(row["status"]),
            truncate_middle(as_word(row["upstream_addr"]), _ADDRESS_WIDTH),
        ]
        for row in report["slowest"][: page.top]
    ]
    header = page.heads("request", "ended", "request-s", "upstream-s", "status", "upstream")
    return f"{page.out.words('access-slowest')}\n{table_of(header, rows, page, words=(0, 1, 5))}"


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
    header = page.heads("upstream", "upstream-status", "sent", "requests")
    return f"{page.out.words('access-upstreams')}\n{table_of(header, rows, page)}"


def _key(row: Report, report: Report, page: Page) -> str:
    key = str(row["key"])
    if report["by"] in BY_TIME and key[:4].isdigit():
        first, *last = (format_time(one, page.out.zone).removesuffix(":00") for one in key.split(_TO))
        # The date of the last time is shown only if it differs.
        return " .. ".join([first, *(one.removeprefix(first[:11]) for one in last)])
    return truncate_middle(key, _KEY_WIDTH)

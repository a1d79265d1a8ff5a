"""Terminal output of ``watchme access``: tables of requests and of error log lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from watchme_analysis.access_logs.engine.reference_parser import suggestion_of
from watchme_analysis.access_logs.formats.w3c import lacks_fields
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
# The cell of a row.
Cell = Callable[[Report], str]

_REQUEST_WIDTH = 60
_KEY_WIDTH = 44
# Longest IPv4 address with a port.
_ADDRESS_WIDTH = 21
_LEAST_WIDTH = 12
_REJECTED_SHOWN = 3
# Number of fields without a column that are listed, and their width.
_MOST_FIELDS, _FIELD_WIDTH = 20, 40
# Separator between the first and last time in the key of a row that covers several intervals.
_TO = "/"
# A log_format for JSON, which the reader completes.
_JSON_FORMAT = """'{"KEY":"$request_uri","KEY":"$status"}'"""
_SHARES = {
    "client_error_pct": "4xx",
    "server_error_pct": "5xx",
    "499_pct": "499",
    "502_pct": "502",
    "504_pct": "504",
}
# Labels and fields of the lines below a kind of error.
_ABOUT = {"paths": "paths", "upstreams": "upstreams", "sent": "statuses"}


def _word(name: str) -> Cell:
    return lambda row: "-" if row[name] is None else str(row[name])


def _count(name: str) -> Cell:
    return lambda row: f"{row[name]:,}"


def _seconds(name: str) -> Cell:
    return lambda row: "-" if row[name] is None else f"{row[name]:.3f}"


def _percent(name: str) -> Cell:
    return lambda row: _as_percent(row[name])


def _as_percent(value: float | None) -> str:
    return "-" if value is None else format_percent(value / 100, 1)


def _request(row: Report) -> str:
    return truncate_middle(f"{_word('method')(row)} {_word('path')(row)}", _REQUEST_WIDTH)


def _failed(row: Report) -> int:
    """Return the number of a group's requests with a status of 400 to 599."""
    shares = (row["client_error_pct"] or 0.0) + (row["server_error_pct"] or 0.0)
    failed: int = round(row["requests"] * shares / 100)
    return failed


def _moment_of_key(key: str) -> datetime | None:
    return datetime.fromisoformat(key) if key[:4].isdigit() else None


class AccessPage:
    """The report of a scan as text for a terminal.

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

    def __init__(self, report: Report, top: int, out: Printer) -> None:
        self._report, self._top, self._out = report, top, out
        self._width = max(60, terminal_width())
        start, end = (format_time(report["window"][name], out.zone)[:10] for name in ("start", "end"))
        # Leading characters of the date that all times of the page share, and that are omitted.
        self._skipped = len("2025-12-11 ") if start == end else len("2025-")

    def lines(self) -> Iterator[str]:
        """Yield the page."""
        parts = [self._heading()]
        if self._report["requests"]:
            parts += [self._shares(), self._surge(), self._groups(), self._failures()]
            parts += [self._slowest(), self._upstreams()]
        if self._report.get("errors"):
            parts.append(self._errors(self._report["errors"]))
        yield "\n\n".join(filter(None, parts))

    def _head(self, name: str) -> str:
        return self._out.words(f"access-column-{name}")

    def _paragraph(self, text: str, rest: str = "", indent: str = "") -> str:
        return "\n".join(wrapped(text, self._width, indent, rest))

    def _moment(self, name: str) -> Cell:
        """Return the cell of a time without the part of the date that is omitted."""
        zone, skipped = self._out.zone, self._skipped
        return lambda row: "-" if row[name] is None else format_time(row[name], zone)[skipped:]

    def _table(
        self, rows: Sequence[Report], columns: Sequence[tuple[str, Cell]], words: Sequence[int] = (0,)
    ) -> list[str]:
        """Return the aligned lines of a table: the headings, then an item for each row.

        Columns of words are aligned to the left. If the table is too wide, the cells of the first column are
        shortened.
        """
        heads = [head for head, _ in columns]
        cells = [[cell(row) for _, cell in columns] for row in rows]
        lines = aligned_lines(heads, cells, words)
        over = max(map(display_width, lines)) - self._width
        if over <= 0:
            return lines
        room = max(_LEAST_WIDTH, max(len(first) for first, *_ in cells) - over)
        return aligned_lines(heads, [[truncate_middle(row[0], room), *row[1:]] for row in cells], words)

    def _heading(self) -> str:
        report, out = self._report, self._out
        lines = []
        if report["window"]["start"]:
            start, end = (format_time(report["window"][name], out.zone) for name in ("start", "end"))
            lines.append(f"{start} .. {end} {out.zone}")
        counts = {name: report[name] for name in ("lines", "rejected", "blank", "left_out")}
        logs = len(report["inputs"])
        lines.append(out.words("access-lines", logs=logs, requests=report["rows"], **counts))
        if not report["lines"] and not report["truncated"]:
            lines.append(out.words("access-empty", logs=logs))
        if report["left_out"] and not report["rows"]:
            lines.append(self._paragraph(self._no_match()))
        if report["only"] or report["slower_than_s"] is not None:
            lines.append(self._paragraph(self._chosen_requests()))
        lines += map(out.text, report["notes"])
        return "\n".join([*lines, *self._inputs(report["inputs"])])

    def _no_match(self) -> str:
        """Return a sentence on a selection without requests, with the time range of the logs if known."""
        start, end = (self._report.get("reach", {}).get(name) for name in ("start", "end"))
        return self._out.words(
            "access-no-match",
            known=Choice("nothing" if start is None else "start" if end is None else "both"),
            start=format_time(start, self._out.zone),
            end=format_time(end, self._out.zone),
        )

    def _chosen_requests(self) -> str:
        """Return a sentence on the number of requests that match the filters."""
        only, slow_s = self._report["only"], self._report["slower_than_s"]
        return self._out.words(
            "access-chosen",
            count=self._report["requests"],
            filters=Choice("only" if slow_s is None else "both" if only else "slow"),
            only=", ".join(only),
            seconds=f"{slow_s or 0:g}",
            untimed=self._report["untimed"] if slow_s is not None else 0,
        )

    def _inputs(self, inputs: Sequence[Report], *, are_error_logs: bool = False) -> Iterator[str]:
        """Yield the notes of inputs, a shared one once, and what is missing of each."""
        names: dict[str, list[str]] = {}
        for one in inputs:
            for note in one["notes"]:
                names.setdefault(self._out.text(note), []).append(one["name"])
        for note, of in names.items():
            yield f"{of[0] if len(of) == 1 else self._out.words('access-logs', logs=len(of))}: {note}"
        for one in inputs:
            yield from self._missing(one, is_error_log=are_error_logs)

    def _missing(self, one: Report, *, is_error_log: bool) -> Iterator[str]:
        """Yield lines on missing rows and rejected lines of an input, with advice if no line was read."""
        out = self._out
        if one["truncated"]:
            yield out.words("access-incomplete", log=one["name"])
        if one["rejected"]:
            share = _as_percent(100 * one["rejected"] / one["lines"])
            yield out.words("access-rejected", log=one["name"], lines=one["rejected"], share=share)
        for item in one["first_rejected"][:_REJECTED_SHOWN]:
            reason = out.text(item["reason"])
            if item["line"]:
                said = out.words("access-rejected-line", line=Resource(str(item["line"])), reason=reason)
                yield truncate(f"  {said}: {item['text']}", self._width)
            else:
                # Line 0 stands for a truncated end of the file.
                yield f"  {reason}"
        if is_unread(one):
            texts = [item["text"] for item in one["first_rejected"] if item["text"]]
            proposed = suggestion_of(texts[0].encode())[1] if texts else None
            kinds = {
                "errors": is_error_log,
                "fields": any(lacks_fields(text.encode()) for text in texts),
                "proposed": proposed is not None,
                "json": any(text.startswith("{") for text in texts),
            }
            kind = next((kind for kind, applies in kinds.items() if applies), "text")
            given = shell_word(proposed or "")
            said = out.words("access-unread", kind=Choice(kind), json_format=_JSON_FORMAT, proposed=given)
            yield self._paragraph(said, "  ", "  ")

    def _shares(self) -> str:
        total = self._report["total"]
        lines = ["   ".join(f"{word} {_as_percent(total[name])}" for name, word in _SHARES.items())]
        word = self._out.words("access-statuses")
        statuses = "  ".join(f"{status}: {count:,}" for status, count in self._report["statuses"].items())
        lines.append(self._paragraph(f"{word}  {statuses}", " " * (2 + display_width(word))))
        if total["max_s"] is None:
            lines.append(self._paragraph(self._no_times()))
        return "\n".join(lines)

    def _no_times(self) -> str:
        """Return sentences on why there are no request times, and how to get them."""
        if logged := self._report.get("fields_of_times"):
            return self._out.words("access-fields-of-times", fields=", ".join(logged))
        unknown = self._report.get("further_fields")
        if not unknown:
            return self._out.words("access-no-times")
        names = Names(tuple(truncate(name, _FIELD_WIDTH) for name in unknown), limit=_MOST_FIELDS)
        return self._out.words("access-unknown-fields", fields=names)

    def _surge(self) -> str:
        """Return when far more requests came than usual, and from which client and agent most of them."""
        surge, out = self._report["surge"], self._out
        if surge is None:
            return ""
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
        lines = [self._paragraph(said, "  ")]
        for word in SENDERS:
            if (sender := surge[word]) is not None:
                part = sender.get("distinguishing", sender["value"])
                chosen = sender["value"] if part == sender["value"] else f"*{part}*"
                said = out.words(
                    "access-surge-sender",
                    share=_as_percent(sender["excess_pct"]),
                    kind=Choice(word),
                    sender=truncate(part, _REQUEST_WIDTH),
                    requests=sender["requests"],
                    only=f"--only {shell_word(f'{word}={chosen}')}",
                )
                lines.append(f"  {said}")
        if not any(surge[word] for word in SENDERS):
            counted = Choice("yes" if surge["senders_counted"] else "no")
            lines.append(f"  {out.words('access-surge-no-sender', counted=counted)}")
        return "\n".join(lines)

    @property
    def _is_by_time(self) -> bool:
        return self._report["by"] in BY_TIME

    def _first(self, rows: Sequence[Report]) -> Sequence[Report]:
        """Return the rows that are shown: of minutes and hours the latest, which are the most relevant."""
        return rows[-self._top :] if self._is_by_time else rows[: self._top]

    def _groups(self) -> str:
        """Return a table of the times by key, split in two if too wide; unknown times are omitted."""
        groups, total = self._report["groups"], self._report["total"]
        shown = self._first(groups)
        rows = [*self._with_gaps(shown), total]
        known = [name for name in ("", "upstream_") if total[f"{name}max_s"] is not None]
        hidden, option = len(groups) - len(shown), f"--top {len(groups)}"
        more = f"\n{self._out.words('access-more', count=hidden, option=option)}" if hidden > 0 else ""
        both = "\n".join(self._table(rows, self._columns_of_times(rows, known)))
        # A shortened time would be unreadable.
        is_cut = self._is_by_time and "…" in both
        if len(known) > 1 and (is_cut or display_width(both.partition("\n")[0]) > self._width):
            parts = (self._table(rows, self._columns_of_times(rows, [name])) for name in known)
            return "\n\n".join(map("\n".join, parts)) + more
        return both + more

    def _columns_of_times(self, rows: Sequence[Report], measures: Sequence[str]) -> list[tuple[str, Cell]]:
        columns: list[tuple[str, Cell]] = [
            (self._report["by"], self._key),
            (self._head("requests"), _count("requests")),
            ("%", lambda row: _as_percent(row["share_pct"]).removesuffix("%")),
        ]
        if self._report["sort"] == "bytes":
            columns.append(("MB", lambda row: f"{row['bytes'] / 1e6:,.1f}"))
        for measure in measures:
            prefix = measure.replace("_", "-")
            # Percentiles that are based on fewer requests than the row have their own count.
            if any(row[f"{measure}timed"] != row["requests"] for row in rows):
                columns.append((self._head(f"{prefix}timed"), _count(f"{measure}timed")))
            columns.append((self._head(f"{prefix}p50-s"), _seconds(f"{measure}p50_s")))
            columns += [(name, _seconds(f"{measure}{name}_s")) for name in ("p90", "p99", "max")]
        return columns

    def _with_gaps(self, rows: Sequence[Report]) -> Iterator[Report]:
        """Yield the rows, with a row of zeros for each interval without requests between them."""
        # With too many keys, those with few requests share a row, so gaps are unknown.
        has_others = any(row["key"] == OTHER for row in rows)
        step = None if has_others else BY_TIME.get(self._report["by"])
        nothing = dict.fromkeys(self._report["total"]) | dict.fromkeys(("requests", "bytes", *TIMED), 0)
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

    def _key(self, row: Report) -> str:
        key = str(row["key"])
        if self._is_by_time and key[:4].isdigit():
            zone = self._out.zone
            first, *last = (format_time(one, zone).removesuffix(":00") for one in key.split(_TO))
            # The date of the last time is shown only if it differs.
            return " .. ".join([first, *(one.removeprefix(first[:11]) for one in last)])
        return truncate_middle(key, _KEY_WIDTH)

    def _failures(self) -> str:
        failing = [row for row in self._report["groups"] if _failed(row)]
        if not failing:
            return ""
        if not self._is_by_time:
            failing.sort(key=_failed, reverse=True)
        columns: list[tuple[str, Cell]] = [
            (self._report["by"], self._key),
            (self._head("failed"), lambda row: f"{_failed(row):,}"),
            (self._head("requests"), _count("requests")),
            *((word, _percent(name)) for name, word in _SHARES.items()),
        ]
        return "\n".join([self._out.words("access-failures"), *self._table(self._first(failing), columns)])

    def _slowest(self) -> str:
        rows = self._report["slowest"][: self._top]
        if not rows:
            return ""
        columns: list[tuple[str, Cell]] = [
            (self._head("request"), _request),
            (self._head("ended"), self._moment("time")),
            (self._head("request-s"), _seconds("request_time_s")),
            (self._head("upstream-s"), _seconds("upstream_response_time_s")),
            (self._head("status"), _word("status")),
            (
                self._head("upstream"),
                lambda row: truncate_middle(_word("upstream_addr")(row), _ADDRESS_WIDTH),
            ),
        ]
        return "\n".join([self._out.words("access-slowest"), *self._table(rows, columns, words=(0, 1, 5))])

    def _upstreams(self) -> str:
        rows = self._report["upstreams"][: self._top]
        if not rows:
            return ""
        columns = [
            (self._head("upstream"), _word("upstream_addr")),
            (self._head("upstream-status"), _word("upstream_status")),
            (self._head("sent"), _word("status")),
            (self._head("requests"), _count("requests")),
        ]
        return "\n".join([self._out.words("access-upstreams"), *self._table(rows, columns)])

    def _errors(self, errors: Report) -> str:
        """Return the error log lines by kind, and the last lines that are linked to a request."""
        lines = []
        for one in errors["inputs"]:
            counts = {"lines": one["lines"], "rejected": one["rejected"]}
            lines.append(self._out.words("access-error-log", log=one["name"], **counts))
            lines += self._inputs([one], are_error_logs=True)
        lines += map(self._out.text, errors["notes"])
        if not errors["errors"]:
            return "\n".join([*lines, self._out.words("access-no-errors")])
        return "\n".join([*lines, "", *self._error_kinds(errors["kinds"]), *self._linked(errors["lines"])])

    def _error_kinds(self, kinds: Sequence[Report]) -> Iterator[str]:
        columns = [
            (self._head("kind"), _word("kind")),
            (self._head("errors"), _count("errors")),
            (self._head("linked"), _count("linked")),
            (self._head("first"), self._moment("first")),
            (self._head("last"), self._moment("last")),
        ]
        if any(row["timed"] != row["linked"] for row in kinds):
            columns.append((self._head("timed"), _count("timed")))
        columns.append(("p50 s", _seconds("p50_s")))
        first, *table = self._table(kinds, columns, words=(0, 3, 4))
        yield first
        for row, line in zip(kinds, table, strict=True):
            yield line
            for word, name in _ABOUT.items():
                if row[name]:
                    yield self._paragraph(f"{self._head(word)} {row[name]}", "    ", "  ")

    def _linked(self, errors: Sequence[Report]) -> Iterator[str]:
        shown = [row for row in errors if row["request_line"] is not None][-self._top :]
        if not shown:
            return
        columns = [
            (self._head("request"), _request),
            (self._head("error"), self._moment("time")),
            (self._head("kind"), _word("kind")),
            (self._head("sent"), _word("status")),
            (self._head("request-s"), _seconds("request_time_s")),
        ]
        first, *table = self._table(shown, columns, words=(0, 1, 2))
        yield from ("", self._out.words("access-linked", count=len(shown)), first)
        for row, line in zip(shown, table, strict=True):
            yield line
            yield f"  {row['request_file']}:{row['request_line']}  {row['file']}:{row['line']}"

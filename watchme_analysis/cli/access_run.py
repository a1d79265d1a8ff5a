"""Execution of ``watchme access``: local or Spark scans, error logs, Parquet files and Athena tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.terminal import Printer, show_status
from watchme_analysis.errors import InputError
from watchme_analysis.storage.atomic_write import check_replaceable
from watchme_analysis.text.message import Choice, Duration, Message, Resource, message
from watchme_analysis.text.render import error_message, error_sentence, note, text_of_error
from watchme_analysis.window import parse_zone

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from watchme_analysis.access_logs.engine.chunk import Chunk
    from watchme_analysis.access_logs.error_requests import ErrorCandidates
    from watchme_analysis.access_logs.filters import RequestFilter
    from watchme_analysis.access_logs.scan import AccessScan
    from watchme_analysis.access_logs.summary import AccessSummary
    from watchme_analysis.access_logs.surges import SenderCounts
    from watchme_analysis.files.evidence_file import RawFile
    from watchme_analysis.retrieval import Retrieval

    Options = Mapping[str, Any]

NO_ERRORS = "none"
# Largest size in bytes of an error log that is read without --errors.
_MOST_ERROR_BYTES = 64 << 20
_LEAD_US = 60_000_000
# Number of unreadable lines from which a wrong format is likelier than a few leading lines of another
# program.
_MANY_LINES = 50_000
# Seconds between two states of the progress.
_STATUS_EVERY_S = 0.5
# Seconds after which the rate of reading is reliable.
_PACE_AFTER_S = 2
# Seconds left from which whole minutes are shown.
_MOST_SECONDS = 90


@dataclass(frozen=True)
class Found:
    """Result of a scan: the summary, the retrieval of each log, the report on error logs and the senders.

    The last two are None without error logs, and without a surge whose senders could be counted.
    """

    summary: AccessSummary
    retrievals: Sequence[Retrieval]
    errors: dict[str, Any] | None = None
    senders: SenderCounts | None = None


def make_scan(
    files: Sequence[str], options: Options, window: tuple[int | None, int | None], choice: RequestFilter
) -> AccessScan:
    """Return the scan of the files for the options of the command; the window is in microseconds."""
    from watchme_analysis.access_logs.engine.chunk import ACCESS_COLUMNS, Selection
    from watchme_analysis.access_logs.scan import AccessScan
    from watchme_analysis.access_logs.summary import columns_for

    columns = columns_for(options["by"], choice)
    if options["parquet"] is not None:
        columns = tuple(dict.fromkeys((*(_named_columns(options) or ACCESS_COLUMNS), *columns)))
    scan = AccessScan(
        files,
        Selection(columns, *window, options["prefix"]),
        log_format=options["log_format"],
        nginx_conf=options["nginx_conf"],
        zone=_log_zone(options),
        engine="auto" if options["engine"] == "spark" else options["engine"],
        decode_escapes=options["decode_escapes"],
    )
    # With an explicit format, readable lines may come late in the log, so it is not skipped.
    scan.skips_unreadable = options["log_format"] is None
    return scan


def _log_zone(options: Options) -> tzinfo:
    """Return the zone of times without one, which records how it was used in this process."""
    from watchme_analysis.files.zones import NotedZone

    zone = parse_zone(options["log_timezone"] or "UTC")
    if options["engine"] == "spark":
        return zone
    return NotedZone(zone, is_assumed=not options["log_timezone"])


def _named_columns(options: Options) -> tuple[str, ...]:
    return tuple(one.strip() for one in (options["columns"] or "").split(",") if one.strip())


def _written_columns(scan: AccessScan, options: Options) -> list[str]:
    return list(_named_columns(options) or scan.selection.columns)


def _counted(choice: RequestFilter, columns: Sequence[str], table: pa.Table) -> pa.Table:
    return choice.of(table).select(columns)


def run_here(scan: AccessScan, new: Callable[[], AccessSummary], options: Options, out: Printer) -> Found:
    """Return the result of a scan in this process; write Parquet and link error log lines on request."""
    import pyarrow as pa

    from watchme_analysis.access_logs.parquet import ParquetFile

    _check_target(scan, options["parquet"])
    logs = _error_files(scan, options)
    # Read only if present: error logs need pandas, which takes a fifth of the memory of a scan.
    errors = ErrorLogs(scan, logs) if logs else None
    summary = new()
    summary.compiled = scan.uses_compiled_parser
    # Arrow's own memory pool, which malloc does not share, is useful only for frames that are kept.
    pa.default_memory_pool().release_unused()
    pa.set_memory_pool(pa.system_memory_pool())
    if summary.compiled:
        _load_compiled_parser(out)
    written = _written_columns(scan, options)
    if errors is not None and len(errors.log):
        columns = tuple(dict.fromkeys((*scan.selection.columns, *errors.candidates.columns)))
        scan.selection = replace(scan.selection, columns=columns)
    with ParquetFile(options["parquet"]) if options["parquet"] else nullcontext() as file:
        try:
            for chunk in _watched(scan, out):
                summary.add(chunk.table)
                if errors is not None:
                    errors.candidates.add(chunk.table)
                if file is not None:
                    file.add(_counted(summary.choice, written, chunk.table))
        except KeyboardInterrupt:
            if file is not None:
                raise
            scan.notes.append(note("access-note-stopped", unread=len(scan.inputs) - len(scan.retrievals)))
    if file is not None and not file.rows:
        raise InputError(error_message("error-parquet-empty", file=options["parquet"]))
    return Found(
        summary,
        [*scan.unread, *scan.retrievals],
        errors.report(scan) if errors is not None else None,
        _senders(scan, summary, out),
    )


def _senders(scan: AccessScan, summary: AccessSummary, out: Printer) -> SenderCounts | None:
    """Return the senders of the summary's surge, for which the logs are read again.

    None without a surge, after an interruption, and for a pipe, which can be read only once.
    """
    from watchme_analysis.access_logs.surges import SenderCounts

    surge = summary.arrivals.surge()
    stopped = len(scan.retrievals) < len(scan.inputs) or any(one.truncated for one in scan.retrievals)
    if surge is None or stopped or any(one.size is None for one in scan.inputs):
        return None
    senders = SenderCounts(surge, summary.choice)
    try:
        for chunk in _watched(scan.again(senders.columns), out):
            senders.add(chunk.table)
    except KeyboardInterrupt:
        return None
    return senders


def _load_compiled_parser(out: Printer) -> None:
    """Load the compiled parser, with a message on a terminal, because compiling it takes a while."""
    show_status(out.words("access-compiling"))
    # numba imports them if they are installed: for linear algebra, and to detect coverage measurement.
    hidden = [name for name in ("scipy", "coverage") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: the import fails
    try:
        # Loaded now, because it would otherwise import scipy with the first function.
        import numba.np.arraymath  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]
    from watchme_analysis.access_logs.engine.engine import load_loops

    load_loops()
    show_status()


def _check_target(scan: AccessScan, name: str | None) -> None:
    target = None if name is None else Path(name)
    if target is None or not target.exists():
        return
    if target.is_dir():
        raise InputError(error_message("error-parquet-folder", file=name))
    if any(one.path is not None and one.path.samefile(target) for one in scan.inputs):
        raise InputError(error_message("error-parquet-is-log", file=name))
    check_replaceable(target, lambda first: first.startswith(b"PAR1"), "parquet")


def run_on_spark(scan: AccessScan, new: Callable[[], AccessSummary], options: Options, out: Printer) -> Found:
    """Return the result of a scan on Spark; write Parquet on request."""
    from watchme_analysis.access_logs.spark import SparkScan
    from watchme_analysis.access_logs.surges import SenderCounts

    pairs = [one.partition("=") for one in options["spark_options"]]
    for name, equals, _ in pairs:
        if not equals:
            raise click.UsageError(error_sentence("error-spark-setting", value=repr(name)))
    settings = {name.strip(): value.strip() for name, _, value in pairs}
    spark = SparkScan(scan, settings)
    summary = spark.aggregate(new)
    keep = partial(_counted, summary.choice, _written_columns(scan, options))
    if options["parquet"] is not None and not spark.write(options["parquet"], keep):
        raise InputError(error_message("error-parquet-empty", file=options["parquet"]))
    retrievals = [*scan.unread, *spark.retrievals()]
    surge = summary.arrivals.surge()
    if surge is None:
        return Found(summary, retrievals)
    new_senders = partial(SenderCounts, surge, summary.choice)
    again = SparkScan(scan.again(new_senders().columns), settings)
    return Found(summary, retrievals, senders=again.aggregate(new_senders))


def athena_ddl(files: Sequence[str], options: Options, language: str) -> str:
    """Return the DDL of an Athena table for the format of the files, or for the format in the options."""
    from watchme_analysis.access_logs.athena import athena_table
    from watchme_analysis.access_logs.scan import AccessScan, formats_of

    stated = {name: options[name] for name in ("log_format", "nginx_conf")}
    if files:
        log_format = AccessScan(files, **stated).most_common_format()
    elif options["log_format"]:
        log_format = formats_of(None, **stated).formats[0]
    else:
        raise click.UsageError(error_sentence("error-athena-needs-files"))
    return athena_table(log_format, options["athena_ddl"], language=language)


class ErrorLogs:
    """The error logs of a scan that has not been read yet, and the requests that their lines may belong to.

    They are read as a whole; raises an InputError when one can't be read.
    """

    def __init__(self, scan: AccessScan, logs: Sequence[RawFile]) -> None:
        import pandas as pd

        from watchme_analysis.access_logs.error_log import read_error_log
        from watchme_analysis.access_logs.error_requests import LINK_COLUMNS, ErrorCandidates, within

        read = [read_error_log(raw) for raw in logs]
        self.retrievals = [retrieval for _, retrieval in read]
        whole = pd.concat([frame for frame, _ in read], ignore_index=True)
        bounds = scan.selection
        self.log: pd.DataFrame = within(whole, bounds.since, bounds.until, bounds.path_prefix)
        # The connection number has no column of its own.
        further = ("extra",) if "connection" in scan.variables else ()
        self.candidates: ErrorCandidates = ErrorCandidates(self.log, (*LINK_COLUMNS, *further))

    def report(self, scan: AccessScan) -> dict[str, Any]:
        """Return the report on the error log lines in the window of the scan, which must have been read."""
        from watchme_analysis.access_logs.error_requests import errors_with_requests, within
        from watchme_analysis.access_logs.frame import frame_of
        from watchme_analysis.access_logs.summary_json import error_report

        found = frame_of(self.candidates.tables(), self.candidates.columns)
        starts = [one.start for one in scan.retrievals if one.start]
        ends = [one.end for one in scan.retrievals if one.end]
        inside = self.log
        if starts and ends:
            # Errors of a request may be logged long before its line in the access log.
            since, until = (round(moment.timestamp() * 1e6) for moment in (min(starts), max(ends)))
            inside = within(self.log, since - _LEAD_US, until + _LEAD_US, None)
        notes = []
        if len(inside) < len(self.log):
            notes.append(note("access-note-outside", lines=len(self.log) - len(inside)))
            if not len(inside):
                notes.append(note("access-note-error-zone"))
        complete_from = self.candidates.complete_from
        if complete_from is not None:
            moment = datetime.fromtimestamp(complete_from // 1_000_000, UTC)
            notes.append(note("access-note-unlinked", time=moment))
        return error_report(errors_with_requests(inside, found, complete_from), self.retrievals, notes)


def _error_files(scan: AccessScan, options: Options) -> list[RawFile]:
    """Return the error logs from the options, else those beside the access logs; notes list skipped files."""
    from watchme_analysis.access_logs.input import find_inputs
    from watchme_analysis.files.evidence_file import RawFile

    # Nginx writes both logs with the same clock, but only the access log contains the zone.
    zone = parse_zone(options["log_timezone"]) if options["log_timezone"] else scan.zone_written()
    if options["error_logs"]:
        names = [name for name in options["error_logs"] if name != NO_ERRORS]
        return [
            RawFile(Path(), one.name if one.path is None else str(one.path), zone)
            for one in find_inputs(names, "error")
        ]
    found = []
    folders = dict.fromkeys(one.path.parent for one in scan.inputs if one.path is not None)
    for path in (path for folder in folders for path in sorted(folder.glob("*error*.log*"))):
        from watchme_analysis.access_logs.error_log import looks_like  # rarely needed; it has many patterns

        raw = RawFile(Path(), str(path), zone)
        if not path.is_file():
            continue
        if path.stat().st_size > _MOST_ERROR_BYTES:
            scan.notes.append(note("access-note-large", file=Resource(str(path))))
            continue
        try:
            if path.stat().st_size and looks_like(raw):
                found.append(raw)
        except InputError as error:
            scan.notes.append(text_of_error(error))
    return found


def _watched(scan: AccessScan, out: Printer) -> Iterator[Chunk]:
    """Yield the chunks of a scan with its progress; say once if none of many lines could be read."""
    began = shown = time.monotonic()
    lines, is_doubtful = 0, True
    try:
        for chunk in scan:
            yield chunk
            lines += chunk.lines
            is_doubtful = is_doubtful and not (len(chunk.table) or chunk.filtered)
            if is_doubtful and lines > _MANY_LINES:
                out.print_message("access-doubted", err=True, lines=lines)
                is_doubtful = False
            now = time.monotonic()
            if now - shown > _STATUS_EVERY_S:
                shown = now
                show_status(out.text(progress_message(scan, lines, now - began)))
    finally:
        show_status()


def progress_message(scan: AccessScan, lines: int, took: float) -> Message:
    """Return the progress of a scan after so many lines and seconds, with the time left if known."""
    share = scan.share_read() or 0.0
    # The rate at the start is not reliable.
    is_steady = share > 0 and took > _PACE_AFTER_S
    left_s = took / share - took if is_steady else 0.0
    unit_s = 1 if left_s < _MOST_SECONDS else 60
    done = len(scan.retrievals)
    return message(
        "access-progress",
        known=Choice("time" if is_steady else "share" if share else "nothing"),
        share=Resource(f"{share:.0%}"),
        left=Duration(round(left_s / unit_s) * unit_s),
        log=done + 1,
        logs=len(scan.inputs),
        lines=lines,
        rate=round(lines / took),
        name=Resource(scan.inputs[done].name),
    )

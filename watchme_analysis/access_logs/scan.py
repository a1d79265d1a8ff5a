"""Scan sets of access logs of any size and location, chunk by chunk or into one frame.

The time range of logs is determined from their first and last lines alone.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from watchme_analysis.access_logs.accounting import AccessLogAccounting, note_file_change, unreadable_log
from watchme_analysis.access_logs.engine.chunk import ACCESS_COLUMNS, Chunk, RejectedLine, Selection, shifted
from watchme_analysis.access_logs.engine.engine import FAST_FROM, Engine, has_numba
from watchme_analysis.access_logs.engine.reference_parser import ReferenceParser, misfit_notes, with_extended
from watchme_analysis.access_logs.formats.candidates import Candidates, candidate_formats
from watchme_analysis.access_logs.formats.extended import is_unnamed
from watchme_analysis.access_logs.formats.json_log import time_keys
from watchme_analysis.access_logs.formats.log_format import LogFormat
from watchme_analysis.access_logs.formats.variable_names import VARIABLE_OF_LABEL
from watchme_analysis.access_logs.frame import frame_of
from watchme_analysis.access_logs.input import Input, find_inputs, readable, without_copies
from watchme_analysis.access_logs.line_blocks import (
    BLOCK_BYTES,
    KEPT_BLOCK_BYTES,
    Block,
    Buffers,
    in_order,
    with_fields,
)
from watchme_analysis.config import load_config
from watchme_analysis.errors import FormatError, InputError
from watchme_analysis.files.decompress import PACKED_MAGIC, TruncatedError
from watchme_analysis.files.encodings import not_utf8
from watchme_analysis.files.evidence_file import PACKED_ENDINGS, RawFile
from watchme_analysis.files.limit_notes import limit_reached
from watchme_analysis.files.lines import long_line_problem, split_lines
from watchme_analysis.files.zones import NotedZone, offset_in
from watchme_analysis.limits import MIB
from watchme_analysis.retrieval import Retrieval, combined
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import error_message, note, text_of_error
from watchme_analysis.window import Window, moment_of, parse_zone

if TYPE_CHECKING:
    import pandas as pd

# Number of lines that are checked for a common prefix.
_FIRST_LINES = 32
_TAIL_BYTES = 1 << 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def first_time(one: Input, reader: ReferenceParser) -> int | None:
    """Return the time of a log's first request in microseconds since the epoch; None if it is not found."""
    lines = split_lines(one.head())
    reader.prepare(lines[:_FIRST_LINES])
    return _first(lines, reader)


def last_time(one: Input, reader: ReferenceParser) -> int | None:
    """Return the time of a log's last request, as :func:`first_time`; None for compressed logs and pipes."""
    if one.open_anywhere is None or one.size is None:
        return None
    with one.open_anywhere() as stream:
        head = stream.read(_TAIL_BYTES)
        if head.startswith(PACKED_MAGIC):
            return None
        stream.seek(max(0, one.size - _TAIL_BYTES))
        tail = stream.read(_TAIL_BYTES)
    reader.prepare(split_lines(head)[:_FIRST_LINES])
    return _first(reversed(split_lines(tail)), reader)


def _first(lines: Iterable[bytes], reader: ReferenceParser) -> int | None:
    for line in lines:
        try:
            time = reader.row(line).get("time")
        except ValueError:
            continue
        if isinstance(time, int):
            return time
    return None


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


_LOG = logging.getLogger(__name__)
# More inputs than this are neither sorted by time nor compared for copies, since that reads a part of each.
MANY_INPUTS = 1000
# Number of bytes to search for an offset from UTC.
_HEAD_BYTES = 4096
# Bytes of a block by which its encoding is determined.
_ENCODING_BYTES = 1 << 16
# Compressed logs decompress to hardly more than this many times their size.
_PACKED_TIMES = 15


def _first_lines(one: Input) -> list[bytes]:
    """Return the first lines of a log; none of a pipe, which can be read only once."""
    return [] if one.size is None else split_lines(one.head())[:_FIRST_LINES]


class AccessScan:
    """Chunks of a set of access logs, in the order of the logs' first times.

    Iterate over it once; afterwards ``retrievals`` holds a retrieval for each input. Unreadable inputs are in
    ``unread`` instead, unless all inputs are unreadable.

    ``names``: as for :func:`find_inputs`; ``selection``: columns, time window and path prefix; all others: as
    for :func:`read_access_logs`. Raises InputError if a name matches no input, no input is readable,
    or a selected column is unknown. Raises FormatError if the stated format is unknown or cannot be compiled.
    """

    def __init__(  # noqa: PLR0913 - plain keywords instead of objects with options
        self,
        names: Sequence[str | Path],
        selection: Selection | None = None,
        *,
        log_format: str | None = None,
        nginx_conf: Path | None = None,
        zone: tzinfo = UTC,
        engine: str = "auto",
        decode_escapes: bool = False,
    ) -> None:
        self._zone, self._chosen, self._decode = zone, engine, decode_escapes
        self._is_stated = log_format is not None
        self.selection = selection or Selection()
        unknown = sorted(set(self.selection.columns) - set(ACCESS_COLUMNS))
        if unknown:
            raise InputError(
                error_message(
                    "error-access-log-column", columns=", ".join(unknown), known=", ".join(ACCESS_COLUMNS)
                )
            )
        inputs, self.unread = readable(find_inputs([str(name) for name in names]))
        self.notes: list[str] = []
        is_compared = 1 < len(inputs) <= MANY_INPUTS
        if is_compared:
            inputs, self.notes = without_copies(inputs)
        elif inputs[1:]:
            self.notes = [note("access-note-not-compared", logs=len(inputs))]
        known: dict[Hashable, Any] = {}
        self._candidates = {one.name: formats_of(one.path, log_format, nginx_conf, known) for one in inputs}
        compared = inputs if is_compared else []
        begins = {one.name: first_time(one, self._reader(one)) or 0 for one in compared if one.size}
        self.inputs = sorted(inputs, key=lambda one: (begins.get(one.name, 0), one.name))
        is_large = any((one.size or 0) >= FAST_FROM for one in inputs)
        if is_large and engine == "auto" and not has_numba():
            self.notes.append(note("access-note-without-numba"))
        self.retrievals: list[Retrieval] = []
        self.block_bytes = BLOCK_BYTES
        # True to skip a large log if no line of a sample can be parsed.
        self.skips_unreadable = False
        self._formats: dict[str, list[LogFormat]] = {}
        self._stream: BinaryIO | None = None

    def __iter__(self) -> Iterator[Chunk]:
        """Yield chunks, with lines numbered within their input."""
        for one in self.inputs:
            yield from self._scan(one)

    def again(self, columns: Sequence[str]) -> AccessScan:
        """Return a scan of the same inputs and requests with other columns."""
        found = copy(self)
        found.selection = replace(self.selection, columns=tuple(columns))
        found.retrievals, found._stream = [], None
        return found

    def _reader(self, one: Input) -> ReferenceParser:
        return ReferenceParser(self._candidates[one.name].formats, self._zone)

    @property
    def variables(self) -> set[str]:
        """Variables of the formats that may have written the logs."""
        return {name for found in self._candidates.values() for one in found.formats for name in one.names}

    @property
    def uses_assumed_zone(self) -> bool:
        """Return whether times without a zone were read in a zone that was assumed."""
        zone = self._zone
        return isinstance(zone, NotedZone) and zone.used and zone.is_assumed

    def local_time_notes(self) -> list[str]:
        """Return sentences about local times without a zone that occur twice or never."""
        zone = self._zone
        return list(zone.notes()) if isinstance(zone, NotedZone) else []

    def time_range(self) -> tuple[datetime | None, datetime | None]:
        """Return the first and last time in the logs, before selection; None for a last that a log lacks."""
        firsts = [first_time(one, self._reader(one)) if one.size else None for one in self.inputs]
        lasts = [last_time(one, self._reader(one)) for one in self.inputs]
        begins = [moment for moment in firsts if moment is not None]
        ends = [moment for moment in lasts if moment is not None]
        return _moment(min(begins, default=None)), _moment(
            max(ends, default=None) if len(ends) == len(lasts) else None
        )

    def zone_written(self) -> tzinfo:
        """Return the zone of the last time with a zone at the start of a log, else UTC."""
        for one in reversed([one for one in self.inputs if one.path is not None]):
            found = offset_in(one.head(_HEAD_BYTES))
            if found is not None:
                return found
        return UTC

    def further_fields(self) -> list[str]:
        """Return the names of fields in the first lines that are of no known variable, in their order.

        Fields of programs whose fields are all known, such as proxies that log JSON, are left out.
        """
        known = set(VARIABLE_OF_LABEL.values())
        found: dict[str, None] = {}
        for one in self.inputs[:MANY_INPUTS]:
            lines = _first_lines(one)
            reader = self._reader(one)
            reader.prepare(lines)
            for line in lines:
                if time_keys(line) is not None:
                    continue
                try:
                    row, log_format = reader.row_and_format(line)
                except ValueError:
                    continue
                named = set() if log_format is None else {*log_format.names}
                extra = json.loads(str(row["extra"])) if row.get("extra") else {}
                found.update(dict.fromkeys(name for name in extra if is_unnamed(name) or name not in named))
        return [name for name in found if name not in known and not name.startswith("http_")]

    def fields_of_times(self) -> list[str]:
        """Return the fields in which the programs that wrote the first lines would log times of requests."""
        lines = [line for one in self.inputs[:MANY_INPUTS] for line in _first_lines(one)]
        return [*dict.fromkeys(key for line in lines for key in time_keys(line) or ())]

    def most_common_format(self) -> LogFormat:
        """Return the most common format of the first lines of the first input.

        Raises FormatError if no plan describes their format.
        """
        for one in self.inputs:
            lines = [line for line in split_lines(one.head())[:-1] if line.strip(b" \t\0")]
            reader = self._reader(one)
            reader.order_formats(lines)
            if any(reader.formats[0].match(line) for line in lines):
                return reader.formats[0]
        names = ", ".join(one.name for one in self.inputs)
        raise FormatError(error_message("error-no-known-log-format", names=names))

    def expected_rows(self, first: int) -> int:
        """Return the approximate number of rows, extrapolated from the first chunk, rather too high."""
        unpacked = sum(
            (one.size or 0) * (_PACKED_TIMES if one.name.endswith(PACKED_ENDINGS) else 1)
            for one in self.inputs
        )
        return first + int(1.1 * first * unpacked / self.block_bytes)

    @property
    def uses_compiled_parser(self) -> bool:
        """Return whether the compiled loop parses any input, so that numba is loaded."""
        return any(self.engine_for(one).is_compiled for one in self.inputs)

    def engine_for(self, one: Input) -> Engine:
        """Return an engine for the lines of an input."""
        lines = [] if one.size is None else split_lines(one.head())
        if one.name not in self._formats:
            formats = self._candidates[one.name].formats
            self._formats[one.name] = with_extended(formats, lines[:_FIRST_LINES], self._zone)
        formats = self._formats[one.name]
        engine = Engine(formats, self._zone, self.selection, engine=self._chosen, decode=self._decode)
        if self._chosen == "auto" and one.size is not None:
            # Loading numba takes as long as the reference parser takes for a small log.
            engine.is_compiled = _is_large(one, one.size) and engine.uses_compiled_parser(lines)
        return engine

    def account_for(self, one: Input) -> AccessLogAccounting:
        """Return the accounting of an input before it is read."""
        found = self._candidates[one.name]
        notes = list(found.notes)
        if self._is_stated:
            notes += misfit_notes(found.formats, _first_lines(one), self._zone)
        return AccessLogAccounting(one.name, notes)

    def share_read(self) -> float | None:
        """Return the share of the inputs' stored bytes that was read, 0 to 1; None when a size is unknown."""
        sizes = [one.size or 0 for one in self.inputs]
        if not all(sizes):
            return None
        at = len(self.retrievals)
        done = sum(sizes[:at])
        if self._stream is not None and at < len(sizes):
            try:
                # A log may grow while it is read.
                done += min(self._stream.tell(), sizes[at])
            except ValueError:
                # Another thread has read it to its end and closed it.
                done += sizes[at]
        return done / sum(sizes)

    def _scan(self, one: Input) -> Iterator[Chunk]:
        def opened() -> BinaryIO:
            self._stream = one.open()
            return self._stream

        left = unreadable_log(one, self._reader(one)) if self.skips_unreadable else None
        if left is not None:
            self.retrievals.append(left)
            return
        account = self.account_for(one)
        constants = {"file": one.name, "service": None}
        engine = self.engine_for(one)
        self._stream = None
        blocks = partial(_with_encoding, partial(replace(one, open=opened).blocks, self.block_bytes), account)
        _LOG.info("%s: reading, %s bytes stored", one.name, one.size)
        try:
            yield from chunks_of(blocks, engine, account, constants)
        except KeyboardInterrupt:
            account.truncate(note("access-note-not-finished"))
            self.retrievals.append(account.retrieval())
            raise
        _LOG.info(
            "%s: %d lines, %d rows, %d rejected",
            one.name,
            account.lines,
            account.row_count,
            account.rejected_lines,
        )
        note_file_change(one, account)
        self.retrievals.append(account.retrieval())


def _with_encoding(
    blocks: Callable[[Buffers], Iterator[Block]], account: AccessLogAccounting, buffers: Buffers
) -> Iterator[Block]:
    """Yield blocks, and note the encoding of a log whose bytes are not UTF-8."""
    is_noted = False
    for block in blocks(buffers):
        if not is_noted:
            beginning = bytes(block.data[block.start : min(block.stop, block.start + _ENCODING_BYTES)])
            remark = not_utf8(beginning)
            account.notes += [remark] if remark else []
            is_noted = bool(remark)
        yield block


def formats_of(
    path: Path | None,
    log_format: str | None,
    nginx_conf: Path | None,
    known: dict[Hashable, Any] | None = None,
) -> Candidates:
    """Return the formats that may have written a file, or an input without a folder.

    ``log_format``, ``nginx_conf``: as for :func:`read_access_logs`; ``known`` caches the content of folders
    for callers with many files.

    Raises FormatError as :func:`candidate_formats`.
    """
    settings = {"log_format": log_format, "nginx_conf": nginx_conf}
    path = path or Path("/dev/null")
    known = {} if known is None else known
    return candidate_formats(RawFile(path.parent, path.name, settings=settings, known=known))


def chunks_of(
    blocks: Callable[[Buffers], Iterator[Block]],
    engine: Engine,
    account: AccessLogAccounting,
    constants: dict[str, Any],
    threads: int | None = None,
) -> Iterator[Chunk]:
    """Yield the chunks of blocks, with line numbers that continue those of the accounting, and count them.

    Truncated data ends the chunks and is recorded in the accounting. ``blocks`` receives the buffers from
    which blocks take their memory, and to which it is returned.
    """
    buffers = Buffers()
    began = time.monotonic()
    read_bytes = 0

    def read(block: Block) -> Chunk:
        nonlocal read_bytes
        read_bytes += max(len(block), block.line_bytes)
        if block.line_bytes:
            return _without_long_line(engine.read(Block(b"", 0, 0), constants), block)
        try:
            return engine.read(block, constants)
        finally:
            buffers.give(block)

    try:
        for chunk in in_order(read, with_fields(blocks(buffers)), threads):
            table = shifted(chunk.table, account.lines)
            account.add(chunk, table)
            yield chunk._replace(table=table)
            late_s = time.monotonic() - began - read_bytes / MIB
            # No limit is below a second, and to look the limits up takes longer than to read a small log.
            if late_s > 1 or account.rejected_lines > account.row_count + account.filtered:
                _check_limits(account, late_s, read_bytes)
    except TruncatedError as error:
        account.truncate(text_of_error(error))


def _check_limits(account: AccessLogAccounting, late_s: float, read_bytes: int) -> None:
    """Raise TruncatedError for a log that takes too long, or whose lines are mostly rejected.

    ``late_s``: time taken so far in seconds, less one for each MiB of ``read_bytes``.
    """
    limits = load_config().limits
    lines = Resource(str(account.lines))
    if late_s > limits.file_s:
        seconds = Resource(f"{limits.file_s + read_bytes / MIB:.0f}")
        limit = limit_reached(limits, "file_s")
        raise TruncatedError(note("problem-log-time", lines=lines, seconds=seconds, limit=limit))
    if account.rejected_lines > max(limits.rejected_lines, account.row_count + account.filtered):
        limit = limit_reached(limits, "rejected_lines")
        raise TruncatedError(note("problem-log-unknown", lines=lines, limit=limit))


def _without_long_line(chunk: Chunk, block: Block) -> Chunk:
    """Return an empty chunk with the block's only line, which exceeds the limit, as a rejected line."""
    problem = long_line_problem(block.line_bytes)
    return chunk._replace(lines=1, rejected=[RejectedLine(1, problem, bytes(block))])


def _is_large(one: Input, size: int) -> bool:
    """Return whether an input is large enough for the compiled loop."""
    # A compressed log has a tenth of its size or less.
    return size >= FAST_FROM or (size >= FAST_FROM // 20 and len(one.head(FAST_FROM)) >= FAST_FROM)


def read_access_logs(  # noqa: PLR0913 - plain keywords instead of objects with options
    names: str | Path | Iterable[str | Path],
    *,
    since: str | datetime | timedelta | None = None,
    until: str | datetime | timedelta | None = None,
    columns: Iterable[str] = ACCESS_COLUMNS,
    path_prefix: str | None = None,
    log_format: str | None = None,
    nginx_conf: str | Path | None = None,
    zone: str | tzinfo = UTC,
    engine: str = "auto",
    decode_escapes: bool = False,
) -> tuple[pd.DataFrame, Retrieval]:
    """Return access logs of any size and format as one frame, and how they were obtained.

    Parameters
    ----------
    names
        A file, pattern, folder, ``-`` (standard input) or ``s3://`` name, or several of them.
    since, until
        Bounds of the window: ISO 8601 or a span before now as text (``2h``), a datetime, or a timedelta.
    columns
        Columns of the table ``access_log``, in their order; all by default.
    path_prefix
        Prefix of the path of the requests.
    log_format
        Name or text of the format; detected by default.
    nginx_conf
        Configuration that defines the formats; by default that in each log's folder.
    zone
        Zone of times without a zone, as IANA name or tzinfo.
    engine
        ``auto``, ``numba`` or ``exact``; all return the same rows.
    decode_escapes
        True to decode the escapes of Nginx's default escaping, or Apache's, in texts; ``path_prefix`` is
        still compared with the logged text.

    Returns
    -------
    frame, retrieval
        The selected columns, with times in UTC; and rows, rejected lines and lines outside the selection,
        with one of ``parts`` for each log.

    Raises
    ------
    InputError, FormatError
        As :class:`AccessScan`; and when a bound or the zone is invalid.
    """
    since_us = until_us = None
    if since is not None or until is not None:
        own_zone = parse_zone(load_config().time_zone)
        start, end = (None if bound is None else moment_of(bound, own_zone) for bound in (since, until))
        if start is not None and end is not None:
            Window(start, end)  # raises an error if they are swapped
        since_us, until_us = (
            None if one is None else (one - _EPOCH) // timedelta(microseconds=1) for one in (start, end)
        )
    selection = Selection(tuple(columns), since_us, until_us, path_prefix)
    scan = AccessScan(
        [names] if isinstance(names, (str, Path)) else list(names),
        selection,
        log_format=log_format,
        nginx_conf=None if nginx_conf is None else Path(nginx_conf),
        zone=parse_zone(zone) if isinstance(zone, str) else zone,
        engine=engine,
        decode_escapes=decode_escapes,
    )
    scan.block_bytes = KEPT_BLOCK_BYTES
    frame = frame_of((chunk.table for chunk in scan), list(selection.columns), scan.expected_rows)
    parts = [*scan.unread, *scan.retrievals]
    how = combined(parts) if parts else Retrieval("nginx_access", "", lines=0)
    return frame, how.with_notes(*scan.notes)

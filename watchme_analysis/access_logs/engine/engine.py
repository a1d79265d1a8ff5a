"""Blocks of an access log into tables: by a fast parser, and ambiguous lines by the reference parser.

The format of a block is that of most lines of a sample. All engines return the same rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import tzinfo
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.access_logs.engine.chunk import Chunk, RejectedLine, Selection, merged
from watchme_analysis.access_logs.engine.columns import rows_table
from watchme_analysis.access_logs.engine.escapes import unescaped_row, unescaped_table
from watchme_analysis.access_logs.engine.program import Program, compile_program
from watchme_analysis.access_logs.engine.reference_parser import ReferenceParser
from watchme_analysis.access_logs.formats.extended import known_part
from watchme_analysis.access_logs.formats.json_log import shape_of
from watchme_analysis.access_logs.formats.load_balancer import TYPES, load_balancer_plan
from watchme_analysis.access_logs.formats.log_format import LogFormat
from watchme_analysis.access_logs.line_blocks import ROOM_BYTES, Block, block_of
from watchme_analysis.access_logs.reject_reasons import reject_reason
from watchme_analysis.errors import InputError
from watchme_analysis.files.lines import prefix_sizes
from watchme_analysis.installation import require
from watchme_analysis.text.render import error_message, text_of_error

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from watchme_analysis.access_logs.engine.compiled_parser import CompiledLines

    Array = np.ndarray[Any, Any]

    Bounds = tuple[Array, Array]

# Beginnings of lines without a configured format whose format follows from one line.
_SHAPED = (b"{", *TYPES)


def most_common_plan(size: int, reader: ReferenceParser) -> LogFormat | None:
    """Return the format of most lines of a sample, None for lines that only the reference parser reads.

    Parameters
    ----------
    size
        Number of lines of the sample.
    reader
        Reference parser that has been prepared with the sample.
    """
    if reader.fields is not None:
        return None
    shaped = [line for line in reader.others if line.startswith(_SHAPED)]
    if 2 * len(shaped) > size:
        plans = Counter(_plan_of(line, reader) for line in shaped)
        plan = plans.most_common(1)[0][0]
        if plan is not None:
            return plan
    return reader.formats[0] if len(reader.others) < size else None


def _plan_of(line: bytes, reader: ReferenceParser) -> LogFormat | None:
    return shape_of(line, reader.keys) if line.startswith(b"{") else load_balancer_plan(line)


# Bytes below which loading the compiled parser costs more than it saves.
FAST_FROM = 16 << 20
# How lines are read: by the fastest parser that is installed, by loops that numba compiles, by Arrow in whole
# columns, or one by one by the reference parser.
ENGINES = ("auto", "numba", "arrow", "exact")
# Number of lines of a block whose formats are compared.
_SAMPLE = 32
# Lines of a block that may be truncated lines of a longer format are rejected below this count and this share
# of the block; more of them are hardly all truncated at the same position.
_MOST_TRUNCATED = 3
_TRUNCATED_SHARE = 0.002
# A carriage return.
_RETURN = 13


@cache
def _has_numba() -> bool:
    return find_spec("numba") is not None


def chosen_engine(requested: str) -> str:
    """Return the engine to use: the stated one, for ``auto`` the compiled parser where numba is installed.

    Raises
    ------
    InputError
        If the engine does not exist, or needs a package that is not installed.
    """
    if requested not in ENGINES:
        raise InputError(
            error_message("error-unknown-engine", engine=repr(requested), known=", ".join(ENGINES))
        )
    if requested == "numba" and not _has_numba():
        require("access", "parsers")
    if requested == "auto":
        return "numba" if _has_numba() else "arrow"
    return requested


class Engine:
    """Parses blocks of whole lines; several threads may parse blocks at the same time.

    Parameters
    ----------
    formats
        Formats that may have written the lines, the most probable first.
    zone
        Zone of times without a zone.
    selection
        Columns, time window and path prefix.
    engine
        A value of :data:`ENGINES`; all return the same rows.
    decode
        True to decode the escapes of Nginx's default escaping, or Apache's.
    """

    def __init__(
        self,
        formats: Sequence[LogFormat],
        zone: tzinfo,
        selection: Selection | None = None,
        *,
        engine: str = "auto",
        decode: bool = False,
    ) -> None:
        self._formats = tuple(formats)
        self._zone = zone
        self._selection = selection or Selection()
        self._engine = chosen_engine(engine)
        self._decode = decode
        self._programs: dict[LogFormat, Program | None] = {}

    def read(self, data: Block | bytes | memoryview, constants: dict[str, Any] | None = None) -> Chunk:
        """Return a parsed chunk.

        Parameters
        ----------
        data
            Whole lines; the last line may lack its end.
        constants
            Columns with the same value in every row, such as ``file``.
        """
        import numpy as np

        block = block_of(data)
        size = len(block)
        buf = block.array(ROOM_BYTES)
        bounds = self._bounds(buf, size)
        lines = len(bounds[0])
        reader = ReferenceParser(self._formats, self._zone, fields=block.fields)
        sample = _lines(buf, bounds, _sample_rows(lines))
        reader.prepare(sample)
        given = constants or {}
        chunk = buf[:size], bounds
        program = self._program_for(len(sample), reader)
        if program is None:
            return self._by_reference(chunk, np.arange(lines), reader, given)
        # A line without its end may be truncated, and is left to the reference parser.
        whole = lines - (not _has_line_end(chunk[0]))
        bounds = bounds[0][:whole], bounds[1][:whole]
        if reader.prefixed:
            bounds = bounds[0] + prefix_sizes(chunk[0], bounds), bounds[1]
        quick = (
            self._compiled(program, buf, bounds)
            if self._engine == "numba" and program.fits_compiled_parser
            else self._columnar(program, chunk[0], bounds, given)
        )
        ambiguous = self._by_reference(chunk, np.append(quick.others, np.arange(whole, lines)), reader, given)
        if self._decode:
            table = quick.table(given, ambiguous.table[:0])
            table = merged(unescaped_table(table, program.log_format.escape), ambiguous.table)
        else:
            table = quick.table(given, ambiguous.table)
        name = program.log_format.described
        return ambiguous._replace(
            table=table,
            lines=lines,
            filtered=quick.read - len(quick.rows) + ambiguous.filtered,
            formats=ambiguous.formats + Counter({name: quick.read}),
        )

    def _bounds(self, buf: Array, size: int) -> Bounds:
        """Return the starts and ends of the lines in the first bytes; ``ROOM_BYTES`` more bytes follow."""
        import numpy as np

        if self._engine != "numba":
            return _line_bounds(buf[:size])
        from watchme_analysis.access_logs.engine.compiled_parser import line_bounds

        starts, ends = line_bounds(buf, size)
        if _has_line_end(buf[:size]):
            return starts, ends
        start = int(buf[:size].tobytes().rfind(b"\n")) + 1
        stop = size - (size > start and buf[size - 1] == _RETURN)
        return np.append(starts, start), np.append(ends, stop)

    def _compiled(self, program: Program, buf: Array, bounds: Bounds) -> CompiledLines:
        from watchme_analysis.access_logs.engine.compiled_parser import CompiledLines

        return CompiledLines(program, buf, bounds, self._selection)

    def _columnar(self, program: Program, buf: Array, bounds: Bounds, constants: dict[str, Any]) -> _Columnar:
        from watchme_analysis.access_logs.engine.arrow_parser import arrow_table

        table, others = arrow_table(program, (buf, bounds), self._selection.needed, constants)
        return _Columnar(len(table), self._selection.apply(table), others)

    def uses_compiled_parser(self, lines: Sequence[bytes]) -> bool:
        """Return whether the compiled parser parses most of such lines."""
        reader = ReferenceParser(self._formats, self._zone)
        reader.prepare(lines)
        program = self._program_for(len(lines), reader)
        return self._engine == "numba" and program is not None and program.fits_compiled_parser

    def _program_for(self, size: int, reader: ReferenceParser) -> Program | None:
        """Return the program for the format of most lines of a sample, None for the reference parser."""
        plan = most_common_plan(size, reader)
        program = None if plan is None else self._program(plan)
        # Only the reference parser reads the time of a prefix.
        timeless = program is not None and reader.prefixed and not program.sources.times
        return None if timeless else program

    def _program(self, log_format: LogFormat) -> Program | None:
        if log_format not in self._programs:
            program = compile_program(log_format, self._selection.needed)
            self._programs[log_format] = program if self._suits(program) else None
        return self._programs[log_format]

    def _suits(self, program: Program | None) -> bool:
        if program is None or self._engine == "exact":
            return False
        from watchme_analysis.access_logs.engine.arrow_parser import can_read

        return (self._engine == "numba" and program.fits_compiled_parser) or can_read(program)

    def _by_reference(
        self, chunk: tuple[Array, Bounds], rows: Array, reader: ReferenceParser, constants: dict[str, Any]
    ) -> Chunk:
        buf, bounds = chunk
        found: list[dict[str, Any]] = []
        rejected: list[RejectedLine] = []
        shorter: dict[LogFormat, list[tuple[dict[str, Any], RejectedLine]]] = {}
        blank = filtered = 0
        for row, line in zip(rows, _lines(buf, bounds, rows), strict=True):
            if not reader.strip_prefix(line).strip(b" \t\0") or reader.is_directive(line):
                blank += 1
                continue
            # A write after a truncation leaves NUL bytes before the line.
            try:
                values, log_format = reader.row_and_format(line.lstrip(b"\0"))
            except ValueError as error:
                rejected.append(RejectedLine(int(row) + 1, text_of_error(error), line))
                continue
            is_cut = row + 1 == len(bounds[0]) and not _has_line_end(buf)
            known = None
            if is_cut and log_format is not None and not log_format.literals[-1]:
                reader.used[log_format.described] -= 1
                plain = reader.strip_prefix(line)
                known = known_part(log_format, plain)
                if known is None:
                    rejected.append(RejectedLine(int(row) + 1, reject_reason("reject-cut"), line))
                    continue
                # A blank follows the known part, so that only fields behind it may be cut.
                values, log_format = reader.row_and_format(line[: len(line) - len(plain)] + known)
            if not self._selection.takes(values):
                filtered += 1
                continue
            # Decoded after the selection, which applies to the logged text.
            if self._decode and log_format is not None:
                values = unescaped_row(values, log_format.escape)
            found.append({**values, **constants, "line": int(row) + 1})
            if log_format is not None and known is None and log_format.begins(reader.formats[0]):
                reason = reject_reason("reject-truncated", format=reader.formats[0].name)
                truncated = RejectedLine(int(row) + 1, reason, line)
                shorter.setdefault(log_format, []).append((found[-1], truncated))
        for log_format, pairs in shorter.items():
            if len(pairs) < max(_MOST_TRUNCATED, _TRUNCATED_SHARE * len(bounds[0])):
                reader.used[log_format.described] -= len(pairs)
                found = [row for row in found if not any(row is one for one, _ in pairs)]
                rejected = sorted([*rejected, *(line for _, line in pairs)])
        table = rows_table(found, self._selection.needed)
        return Chunk(table, rejected, len(rows), blank, filtered, reader.used, len(rows), _has_line_end(buf))


class _Columnar(NamedTuple):
    """The rows that Arrow parsed of a block; the same interface as :class:`CompiledLines`."""

    read: int
    rows: pa.Table
    others: Array

    def table(self, _constants: dict[str, Any], further: pa.Table) -> pa.Table:
        """Return the selected rows, with further rows at their places."""
        return merged(self.rows, further)


def _has_line_end(buf: Array) -> bool:
    return len(buf) == 0 or bool(buf[-1] == 10)


def _line_bounds(buf: Array) -> Bounds:
    """Return the starts and ends of lines, without their line ends."""
    import numpy as np

    breaks = np.flatnonzero(buf == 10)
    ends = breaks if len(buf) == 0 or buf[-1] == 10 else np.append(breaks, len(buf))
    starts = np.empty_like(ends)
    starts[:1] = 0
    starts[1:] = ends[:-1] + 1
    returns = (ends > starts) & (buf[ends - 1] == 13) if len(ends) else np.zeros(0, bool)
    return starts, ends - returns


def _lines(buf: Array, bounds: Bounds, rows: Any) -> list[bytes]:
    starts, ends = bounds
    return [buf[starts[row] : ends[row]].tobytes() for row in rows]


def _sample_rows(lines: int) -> list[int]:
    step = max(1, lines // _SAMPLE)
    return list(range(0, lines, step))[:_SAMPLE]

"""Blocks of an access log into tables: by the compiled loop, and all other lines by the reference parser.

The format of a block is that of most lines of a sample. Both parsers return the same rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, tzinfo
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.engine.chunk import Chunk, Selection, in_order
from watchme_analysis.access_logs.engine.escapes import unescaped_table
from watchme_analysis.access_logs.engine.program import Program, compile_program
from watchme_analysis.access_logs.engine.reference_lines import ReferenceLines
from watchme_analysis.access_logs.engine.reference_parser import ReferenceParser
from watchme_analysis.access_logs.formats.column_sources import column_sources
from watchme_analysis.access_logs.formats.json_log import shape_of
from watchme_analysis.access_logs.formats.log_format import LogFormat
from watchme_analysis.access_logs.line_blocks import ROOM_BYTES, Block
from watchme_analysis.errors import InputError
from watchme_analysis.files.lines import prefix_sizes
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

    Bounds = tuple[Array, Array]


# Bytes below which loading the compiled parser costs more than it saves.
FAST_FROM = 16 << 20
# Lines are read by the compiled loop where it pays and is installed, by the loop, or by the reference parser.
ENGINES = ("auto", "numba", "exact")
# Number of lines of a block whose formats are compared.
_SAMPLE = 32
# Bytes in which line ends are looked for at once.
_COMPARED_BYTES = 1 << 17


@cache
def has_numba() -> bool:
    """Return whether numba is installed."""
    return find_spec("numba") is not None


def _chosen_engine(requested: str) -> str:
    """Return the engine to use: the stated one, for ``auto`` the compiled loop where numba is installed.

    Raises InputError if the engine does not exist, or numba is not installed, as on Macs with an Intel
    processor.
    """
    if requested not in ENGINES:
        raise InputError(
            error_message("error-unknown-engine", engine=repr(requested), known=", ".join(ENGINES))
        )
    if requested == "numba" and not has_numba():
        raise InputError(error_message("error-numba-missing"))
    if requested == "auto":
        return "numba" if has_numba() else "exact"
    return requested


class Engine:
    """Parses blocks of whole lines; several threads may parse blocks at the same time.

    - ``formats``: formats that may have written the lines, the most probable first.
    - ``zone``: zone of times without a zone.
    - ``selection``: columns, time window and path prefix.
    - ``engine``: a value of :data:`ENGINES`; all return the same rows.
    - ``decode``: true to decode the escapes of Nginx's default escaping, or Apache's.
    - ``is_compiled``: true if the compiled loop parses the lines that it can.
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
        self.is_compiled = _chosen_engine(engine) == "numba"
        self._decode = decode
        self._programs: dict[LogFormat, Program | None] = {}

    def read(self, data: Block | bytes, constants: dict[str, Any] | None = None) -> Chunk:
        """Return a parsed chunk.

        ``data``: whole lines; the last line may lack its end; ``constants``: columns with the same value in
        every row, such as ``file``.
        """
        import numpy as np

        block = data if isinstance(data, Block) else Block(data, 0, len(data))
        size = len(block)
        buf = block.array(ROOM_BYTES)
        bounds = _line_bounds(buf[:size])
        lines = len(bounds[0])
        reader = ReferenceParser(self._formats, self._zone, fields=block.fields)
        sample = _lines(buf, bounds, _sample_rows(lines))
        reader.prepare(sample)
        given = constants or {}
        chunk = buf[:size], bounds
        plan = self._plan(len(sample), reader)
        program = None if plan is None else self._program(plan)
        if plan is None or program is None:
            return self._by_reference(chunk, np.arange(lines), reader, given, plan)
        # A line without its end may be truncated, and is left to the reference parser.
        whole = lines - (not _has_line_end(chunk[0]))
        bounds = bounds[0][:whole], bounds[1][:whole]
        if reader.prefixed:
            bounds = bounds[0] + prefix_sizes(chunk[0], bounds), bounds[1]
        from watchme_analysis.access_logs.engine.compiled_parser import CompiledLines

        compiled = CompiledLines(program, buf, bounds, self._selection)
        others = np.append(compiled.others, np.arange(whole, lines))
        ambiguous = self._by_reference(chunk, others, reader, given)
        if self._decode:
            table = compiled.table(given, ambiguous.table[:0])
            table = in_order([unescaped_table(table, plan.escape), ambiguous.table])
        else:
            table = compiled.table(given, ambiguous.table)
        return ambiguous._replace(
            table=table,
            lines=lines,
            filtered=compiled.read - len(compiled.rows) + ambiguous.filtered,
            formats=ambiguous.formats + Counter({plan.described: compiled.read}),
        )

    def uses_compiled_parser(self, lines: Sequence[bytes]) -> bool:
        """Return whether the compiled parser parses most of such lines."""
        reader = ReferenceParser(self._formats, self._zone)
        reader.prepare(lines)
        plan = self._plan(len(lines), reader)
        return plan is not None and self._program(plan) is not None

    def _plan(self, size: int, reader: ReferenceParser) -> LogFormat | None:
        """Return the format of most lines of a sample, None for lines that only the reference parser reads.

        ``size``: number of lines of the sample; ``reader``: reference parser that has been prepared with it.
        """
        if reader.fields is not None:
            return None
        plan = reader.formats[0] if len(reader.others) < size else None
        shaped = [line for line in reader.others if line.startswith(b"{")]
        if 2 * len(shaped) > size:
            shapes = Counter(shape_of(line, reader.keys) for line in shaped)
            plan = shapes.most_common(1)[0][0] or plan
        # Only the reference parser reads the time of a prefix.
        timeless = plan is not None and reader.prefixed and not column_sources(plan.names).times
        return None if timeless else plan

    def _program(self, log_format: LogFormat) -> Program | None:
        """Return the program of the compiled loop for a format, None for the reference parser."""
        if not self.is_compiled:
            return None
        if log_format not in self._programs:
            self._programs[log_format] = compile_program(log_format, self._selection.needed)
        return self._programs[log_format]

    def _by_reference(
        self,
        chunk: tuple[Array, Bounds],
        rows: Array,
        reader: ReferenceParser,
        constants: dict[str, Any],
        plan: LogFormat | None = None,
    ) -> Chunk:
        buf, bounds = chunk
        has_end = _has_line_end(buf)
        lines = ReferenceLines(reader, self._selection, constants, decode=self._decode)
        numbered = [*zip(rows.tolist(), _lines(buf, bounds, rows), strict=True)]
        table = lines.read(numbered, plan, -1 if has_end else len(bounds[0]) - 1)
        return Chunk(
            table, lines.rejected, len(rows), lines.blank, lines.filtered, reader.used, len(rows), has_end
        )


def _has_line_end(buf: Array) -> bool:
    return len(buf) == 0 or bool(buf[-1] == 10)


def _line_bounds(buf: Array) -> Bounds:
    """Return the starts and ends of lines, without their line ends."""
    import numpy as np

    # In parts that stay in the processor's cache.
    parts = range(0, len(buf), _COMPARED_BYTES)
    found = [np.flatnonzero(buf[at : at + _COMPARED_BYTES] == 10) + at for at in parts]
    breaks = np.concatenate(found) if found else np.zeros(0, np.int64)
    ends = breaks if len(buf) == 0 or buf[-1] == 10 else np.append(breaks, len(buf))
    starts = np.empty_like(ends)
    starts[:1] = 0
    starts[1:] = ends[:-1] + 1
    returns = (ends > starts) & (buf[ends - 1] == 13) if len(ends) else np.zeros(0, bool)
    return starts, ends - returns


def _lines(buf: Array, bounds: Bounds, rows: Array) -> list[bytes]:
    data = buf.data
    starts, ends = (side[rows].tolist() for side in bounds)
    return [bytes(data[start:end]) for start, end in zip(starts, ends, strict=True)]


def _sample_rows(lines: int) -> Array:
    import numpy as np

    return np.arange(0, lines, max(1, lines // _SAMPLE))[:_SAMPLE]


def load_loops() -> None:
    """Load the compiled loops; the first time on a machine they are compiled and cached."""
    from watchme_analysis.access_logs.formats.known_formats import stock_format
    from watchme_analysis.access_logs.routes import compiled_routes

    line = b'192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "GET /a?b HTTP/1.1" 200 5 "-" "curl"\n'
    chunk = Engine([stock_format("combined")], UTC, engine="numba").read(line)
    compiled_routes(chunk.table["path"].combine_chunks())

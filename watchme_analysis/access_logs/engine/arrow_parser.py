"""The parser of access logs for machines without numba: whole columns with numpy and Arrow.

:func:`find_spans` locates the values in the lines of a block. It selects only unambiguous lines: of printable
ASCII, with the format's number of quotation marks and tabs, every literal at its position, and no text
without quotation marks that looks like the beginning of a line. :func:`arrow_table` extracts the values,
checks them against the pattern of their kind, and converts them. Lines with an ambiguous value are left to
the reference parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.access_logs.engine.columns import KINDS
from watchme_analysis.access_logs.engine.program import REQUEST_COLUMNS, Program
from watchme_analysis.access_logs.formats.column_sources import (
    DURATIONS,
    QUERIES,
    REQUEST_PARTS,
    TIMES,
    UPSTREAM_TIMES,
    upstream_columns,
)
from watchme_analysis.access_logs.formats.derived import DerivedFormat
from watchme_analysis.access_logs.formats.log_format import LONG_LINE, LogFormat
from watchme_analysis.access_logs.formats.log_variables import Variable
from watchme_analysis.files.arrow_arrays import (
    array_of,
    arrow_type,
    bool_array,
    joined,
    nulls,
    nulls_of,
    number_array,
    numbers_of,
    repeated,
    scalar_of,
    slices_of,
    truths_of,
    unless_empty,
    where,
)
from watchme_analysis.files.field_values import microseconds
from watchme_analysis.files.request_line import PLAIN_REQUEST, PLAIN_TARGET
from watchme_analysis.files.time_columns import moments_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

_DASH = b"-"
_MILLISECONDS = r"\A[0-9]{10}\.[0-9]{3}\z"
_ONE_TRY = {
    **dict.fromkeys(UPSTREAM_TIMES.values(), r"\A[0-9]{1,9}(?:\.[0-9]{1,6})?\z"),
    "upstream_status": r"\A[0-9]{1,9}\z",
    "upstream_addr": r'\A[^\s,"]+\z',
}
_UPSTREAM_COLUMNS = (*UPSTREAM_TIMES, "upstream_addr", "upstream_status", "upstream_tries", "upstream_raw")
# Longest number for which Arrow and Python agree, in characters, whole or decimal.
_PLAIN_NUMBER = 15


class ArrowTable(NamedTuple):
    """The rows of the unambiguous lines of a block, and the indexes of its other lines."""

    table: pa.Table
    ambiguous: Array


def can_read(program: Program) -> bool:
    """Return whether Arrow can parse lines of a program's format."""
    return can_find(program.log_format)


def arrow_table(
    program: Program,
    chunk: tuple[Array, tuple[Array, Array]],
    columns: Sequence[str],
    constants: dict[str, Any],
) -> ArrowTable:
    """Return the rows of a chunk's unambiguous lines.

    Parameters
    ----------
    program
        Program for which :func:`can_read` holds.
    chunk
        Bytes, and the starts and ends of lines without their line ends.
    columns
        Names in order; ``line`` counts from 1 at the chunk's start.
    constants
        Columns with the same value in every row.
    """
    import numpy as np
    import pyarrow as pa

    buf, bounds = chunk
    found = find_spans(program.log_format, buf, bounds)
    values = _Values(program, buf, found)
    for variable in program.log_format.variables:
        values.require_readable(variable)
    arrays = [
        repeated(constants[column], len(found.rows)) if column in constants else values.column(column)
        for column in columns
    ]
    table = pa.table(arrays, names=list(columns))
    ambiguous = np.ones(len(bounds[0]), bool)
    ambiguous[found.rows[values.unambiguous]] = False
    if not values.unambiguous.all():
        table = table.filter(bool_array(values.unambiguous))
    return ArrowTable(table, np.flatnonzero(ambiguous))


class _Values:
    """The values of split lines, by column; ``unambiguous`` is the mask of the lines to keep."""

    def __init__(self, program: Program, buf: Array, found: FoundSpans) -> None:
        import numpy as np

        self.unambiguous = np.ones(len(found.rows), bool)
        self._program = program
        self._log_format = program.log_format
        self._buf = buf
        self._found = found
        self._texts: dict[str, pa.Array] = {}
        self._moments: dict[str, pa.Array] = {}
        self._parts: dict[str, pa.Array] | None = None
        self._upstreams: dict[str, pa.Array] | None = None
        self._nothing = [_DASH]
        if isinstance(self._log_format, DerivedFormat):
            self._nothing.append(self._log_format.derivation.nothing)
            made, sure = self._log_format.derivation.make(self._text)
            self._texts.update(made)
            self.unambiguous &= sure

    def require_readable(self, variable: Variable) -> None:
        """Leave lines to the reference parser whose value of a variable is not of its kind."""
        import pyarrow.compute as pc

        if variable.name == "time_text":
            self._require(pc.is_valid(self._times(variable.name)))
        if variable.kind == "text":
            return
        values = self._text(variable.name)
        pattern = self._log_format.value_pattern(variable).decode()
        fits = pc.match_substring_regex(values, rf"\A(?:{pattern})\z")
        # A null has no pattern: its representation in a number, `-`, matches any pattern but that of a time.
        never_null = variable.name in TIMES or self._log_format.is_bare(variable)
        self._require(fits, null=not never_null)
        if variable.kind in ("int", "decimal"):
            is_short = pc.less_equal(pc.binary_length(values), scalar_of(_PLAIN_NUMBER, "int"))
            self._require(is_short, null=True)
        if variable.name in TIMES:
            self._require(pc.is_valid(self._times(variable.name)))
        elif not self._log_format.writes_nothing:
            at = self._log_format.names.index(variable.name)
            empty = self._found.starts[at] == self._found.ends[at]
            self.unambiguous &= ~empty

    def column(self, column: str) -> pa.Array:
        """Return a column of ``access_log``."""
        import pyarrow.compute as pc

        kind = KINDS[column]
        found: pa.Array | None = None
        if column == "line":
            return number_array(self._found.rows + 1)
        if column == "extra":
            return self._extra()
        if column in _UPSTREAM_COLUMNS:
            found = self._upstream().get(column)
        elif column in REQUEST_COLUMNS:
            found = self._request().get(column)
        elif kind == "float":
            name = self._program.decimals.get(column)
            found = (
                None
                if name is None
                else pc.divide(self._number(name, "float"), scalar_of(DURATIONS[name], "float"))
            )
        elif kind == "time":
            names = self._program.wholes.get(column, ())
            found = self._times(names[0]).cast(arrow_type(kind)) if names else None
        elif kind == "int":
            numbers = [self._number(name, kind) for name in self._program.wholes.get(column, ())]
            found = pc.coalesce(*numbers) if numbers else None
        else:
            texts = [self._text(name) for name in self._program.texts.get(column, ())]
            found = pc.coalesce(*texts) if texts else None
        return nulls(len(self.unambiguous), arrow_type(kind)) if found is None else found

    def _require(self, sure: pa.Array, *, null: bool = False) -> None:
        self.unambiguous &= truths_of(sure, null=null)

    def _text(self, name: str) -> pa.Array:
        """Return a variable's values, null for empty values and ``-``."""
        import numpy as np

        if name not in self._texts:
            at = self._log_format.names.index(name)
            starts, ends = self._found.starts[at], self._found.ends[at]
            size = ends - starts
            missing = size == 0
            for nothing in self._nothing:
                said = size == len(nothing)
                for step, byte in enumerate(nothing):
                    said &= self._buf[np.minimum(starts + step, len(self._buf) - 1)] == byte
                missing |= said
            self._texts[name] = slices_of(self._buf, starts, ends, missing)
        return self._texts[name]

    def _number(self, name: str, kind: str) -> pa.Array:
        """Return a variable's values as numbers, null for ambiguous values."""
        return where(self.unambiguous, self._text(name)).cast("int64" if kind == "int" else "float64")

    def _times(self, name: str) -> pa.Array:
        """Return microseconds since the epoch, null for values that are not times."""
        import pyarrow.compute as pc

        if name not in self._moments:
            values = self._text(name)
            if name == "msec":
                plain = pc.match_substring_regex(values, _MILLISECONDS)
                digits = pc.replace_substring(where(plain, values), ".", "").cast("int64")
                self._moments[name] = number_array(numbers_of(digits) * 1000, ~nulls_of(digits))
            elif name == "time_text":
                self._moments[name] = moments_of(values)
            else:
                # Many requests end in the same second.
                coded = values.dictionary_encode()
                moments = [microseconds(text) for text in coded.dictionary.to_pylist()]
                self._moments[name] = array_of(moments, "int").take(coded.indices)
        return self._moments[name]

    @property
    def _target_may_be_replaced(self) -> bool:
        """Return whether another variable may replace a missing request line or target."""
        sources = self._program.sources
        return sources.repeats_request or sources.has_several_targets

    def _request(self) -> dict[str, pa.Array]:
        """Return the columns that a request line, or its parts, fill."""
        import pyarrow.compute as pc

        if self._parts is None:
            parts = {
                column: self._text(self._program.texts[column][0])
                for column in ("method", "protocol", "query")
                if self._program.texts[column]
            }
            name = self._program.sources.request
            if name is not None:
                values = self._text(name)
                pattern = PLAIN_REQUEST if name == "request" else PLAIN_TARGET
                split = pc.extract_regex(values, pattern)
                sure = pc.is_valid(split)
                # Another variable may replace a missing value.
                if not self._target_may_be_replaced:
                    sure = pc.or_(sure, pc.is_null(values))
                self._require(sure)
                found = {field.name: split.field(field.name) for field in split.type}
                found = {one: where(pc.is_valid(split), part) for one, part in found.items()}
                found["query"] = unless_empty(found["query"])
                if "query" in parts:
                    found["query"] = pc.coalesce(found["query"], parts["query"])
                parts.update(found)
            self._parts = parts
        return self._parts

    def _upstream(self) -> dict[str, pa.Array]:
        """Return the columns of the upstreams: single tries by Arrow, several by the reference parser."""
        import numpy as np
        import pyarrow.compute as pc

        if self._upstreams is not None:
            return self._upstreams
        logged = {name: self._text(name) for name in self._program.sources.upstream}
        several = np.zeros(len(self.unambiguous), bool)
        has_upstream = np.zeros(len(self.unambiguous), bool)
        for name, values in logged.items():
            single = pc.match_substring_regex(values, _ONE_TRY[name])
            several |= ~truths_of(single, null=True)
            has_upstream |= ~nulls_of(values)
        single = ~several & self.unambiguous
        found: dict[str, pa.Array] = {}
        for column in _UPSTREAM_COLUMNS if logged else ():
            kind = arrow_type(KINDS[column])
            name = UPSTREAM_TIMES.get(column, column)
            found[column] = (
                where(single, logged[name]).cast(kind) if name in logged else nulls(len(several), kind)
            )
        if logged:
            found["upstream_tries"] = number_array(has_upstream.astype(np.int64))
        rows = np.flatnonzero(several & self.unambiguous)
        if len(rows):
            further = self._several_tries(logged, rows)
            mask = np.zeros(len(several), bool)
            mask[rows] = True
            for column, values in found.items():
                replaced = array_of([row.get(column) for row in further], KINDS[column])
                found[column] = pc.replace_with_mask(values, bool_array(mask), replaced)
        self._upstreams = found
        return found

    def _several_tries(self, logged: dict[str, pa.Array], rows: Array) -> list[dict[str, Any]]:
        import pyarrow as pa

        entries = pa.table(logged).take(number_array(rows)).to_pylist()
        found: list[dict[str, Any]] = []
        for row, values in zip(rows, entries, strict=True):
            try:
                found.append(upstream_columns(values))
            except ValueError:
                self.unambiguous[row] = False
                found.append({})
        return found

    def _extra(self) -> pa.Array:
        """Return the variables without a column as JSON objects; only backslashes need an escape here."""
        import pyarrow.compute as pc

        if self._target_may_be_replaced:
            # The reference parser selects the replacement of a missing target.
            self._request()
        pieces = []
        for name in self._program.further:
            values = self._text(name)
            for chosen in self._chosen_over(name):
                values = where(~truths_of(pc.equal(values, chosen)), values)
            escaped = pc.replace_substring(values, "\\", "\\\\")
            pieces.append(pc.coalesce(joined(f', "{name}": "', escaped, '"'), scalar_of("", "text")))
        if not pieces:
            return nulls(len(self.unambiguous), arrow_type("text"))
        inside = unless_empty(pc.utf8_slice_codeunits(joined(*pieces), start=len(", ")))
        return joined("{", inside, "}")

    def _chosen_over(self, name: str) -> list[pa.Array]:
        """Return the values of the columns that a further variable could have filled."""
        import pyarrow.compute as pc

        if self._program.sources.repeats_request and name in REQUEST_PARTS:
            said = self._request()
            if name == "server_protocol":
                return [said["protocol"]]
            target = pc.coalesce(joined(said["path"], "?", said["query"]), said["path"])
            return [target, said["method"], said["query"], said["path"]]
        if name in QUERIES:
            query = self._request().get("query")
            return [] if query is None else [query]
        for candidates in (*self._program.texts.values(), *self._program.wholes.values()):
            if name in candidates:
                return [pc.coalesce(*(self._text(one) for one in candidates))]
        return []


_QUOTE, _SPACE, _COLON, _BACKSLASH, _LETTER_Z, _LAST_PRINTABLE = 34, 32, 58, 92, 90, 126
_TIME_LOCAL_SIZE, _ISO_ZONE_AT, _ISO_UTC_SIZE, _ISO_SIZE = 26, 19, 20, 25
# Characters of greedily parsed values; a literal that begins with them would not mark the end of the value.
_DIGITS = b"0123456789-"
_GREEDY = {
    "int": _DIGITS,
    "decimal": _DIGITS + b".",
    "msec": _DIGITS + b".",
    "address": _DIGITS + b".:%_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
}


class FoundSpans(NamedTuple):
    """Split lines: their indexes, ascending, and the start and end of each variable's value."""

    rows: Array
    starts: list[Array]
    ends: list[Array]


def can_find(log_format: LogFormat) -> bool:
    """Return whether a format's literals mark the ends of its values."""
    return all(
        _shows_end(variable, literal, is_last=at == len(log_format.variables))
        for at, (variable, literal) in enumerate(
            zip(log_format.variables, log_format.literals[1:], strict=True), 1
        )
    )


def _shows_end(variable: Variable, literal: bytes, *, is_last: bool) -> bool:
    if not literal:
        return is_last
    if variable.kind == "list":
        return literal[:1] in (b'"', b" ", b"\t")
    return literal[0] not in _GREEDY.get(variable.kind, b"")


def find_spans(log_format: LogFormat, buf: Array, bounds: tuple[Array, Array]) -> FoundSpans:
    """Return the unambiguous lines and the positions of their values.

    Parameters
    ----------
    log_format
        Format for which :func:`can_find` holds.
    buf
        Bytes of the chunk, ``uint8[..]``.
    bounds
        Starts and ends of lines, without their line ends: two ``int64[lines]``.
    """
    import numpy as np

    rows = _plain_lines(log_format, buf, bounds)
    at, end = bounds[0][rows], bounds[1][rows]
    marks = _Marks(buf, room=max(map(len, log_format.literals)) + _ISO_SIZE + _TIME_LOCAL_SIZE)
    alive = marks.follows(log_format.literals[0], at, end)
    at = at + len(log_format.literals[0])
    starts, ends = [], []
    for variable, literal in zip(log_format.variables, log_format.literals[1:], strict=True):
        stop = marks.value_end(variable, literal, at, end)
        alive &= (stop <= end) & marks.is_whole(variable, at, stop)
        if log_format.is_unbounded(variable) and log_format.start_sign[0] >= 0:
            alive &= ~marks.may_be_two(at, stop, literal, log_format)
        alive &= marks.follows(literal, stop, end)
        starts.append(at)
        ends.append(stop)
        # Lines that have already failed are processed further, but not beyond the chunk.
        at = np.minimum(stop + len(literal), len(buf))
    alive &= at == end
    return FoundSpans(rows[alive], [one[alive] for one in starts], [one[alive] for one in ends])


def _plain_lines(log_format: LogFormat, buf: Array, bounds: tuple[Array, Array]) -> Array:
    """Return a mask of lines of ordinary length and characters, with expected quotation marks and tabs."""
    import numpy as np

    starts, ends = bounds
    # Unsigned bytes wrap around, so all but printable ASCII is above the limit; line ends are only between
    # lines.
    marks = {_QUOTE, *(byte for byte in b"".join(log_format.literals) if byte < _SPACE)}
    odd = (buf - _SPACE) > _LAST_PRINTABLE - _SPACE
    for byte in marks - {_QUOTE}:
        odd &= buf != byte
    if log_format.escape == "json":
        odd |= buf == _BACKSLASH
    taken = (ends > starts) & (ends - starts <= LONG_LINE)
    # A line that begins with a space or a tab may be blank.
    taken &= buf[np.minimum(starts, len(buf) - 1)] > _SPACE
    unexpected = np.flatnonzero(odd)
    taken &= np.searchsorted(unexpected, starts) == np.searchsorted(unexpected, ends)
    for byte in marks:
        places = np.flatnonzero(buf == byte)
        expected = sum(literal.count(byte) for literal in log_format.literals)
        taken &= np.searchsorted(places, ends) - np.searchsorted(places, starts) == expected
    found: Array = np.flatnonzero(taken)
    return found


class _Marks:
    """Positions of single bytes in a chunk, searched once per byte.

    Parameters
    ----------
    buf
        The chunk.
    room
        Number of zero bytes behind the chunk's end at which a position may be.
    """

    def __init__(self, buf: Array, room: int) -> None:
        import numpy as np

        self._buf = np.concatenate([buf, np.zeros(room, np.uint8)])
        self._size = len(buf)
        self._places: dict[int, Array] = {}
        self._openings: dict[bytes, Array] = {}

    def following(self, byte: int, at: Array) -> Any:
        """Return the next position of a byte from each position on, the chunk's end without one."""
        import numpy as np

        if byte not in self._places:
            found = np.flatnonzero(self._buf[: self._size] == byte)
            self._places[byte] = np.append(found, self._size)
        places = self._places[byte]
        return places[np.minimum(np.searchsorted(places, at), len(places) - 1)]

    def follows(self, literal: bytes, at: Array, end: Array) -> Any:
        """Return a mask of the positions that a literal follows before the line's end."""
        fits = at + len(literal) <= end
        for offset, byte in enumerate(literal):
            fits &= self._buf[at + offset] == byte
        return fits

    def value_end(self, variable: Variable, literal: bytes, at: Array, end: Array) -> Any:
        """Return the end of each line's value of a variable, before the next literal."""
        import numpy as np

        if variable.kind == "time_local":
            return at + _TIME_LOCAL_SIZE
        if variable.kind == "time_iso8601":
            in_utc = self._buf[at + _ISO_ZONE_AT] == _LETTER_Z
            return at + np.where(in_utc, _ISO_UTC_SIZE, _ISO_SIZE)
        if not literal:
            return np.maximum(at, end)
        return self.following(literal[0], at)

    def is_whole(self, variable: Variable, at: Array, stop: Array) -> Any:
        """Return a mask of values that certainly end at their position and hide no other value."""
        if variable.quoted:
            # A quotation mark after a backslash may be a part of the value.
            return (stop == at) | (self._buf[stop - 1] != _BACKSLASH)
        if variable.kind == "list":
            # After a space, the list may continue with a colon.
            return self._buf[stop + 1] != _COLON
        return stop >= at

    def may_be_two(self, at: Array, stop: Array, literal: bytes, log_format: LogFormat) -> Any:
        """Return a mask of unquoted texts, ended by a literal, in which another line may begin."""
        import numpy as np

        index, mark, *distances = log_format.start_sign
        opening = log_format.literals[index]
        if opening not in self._openings:
            places = np.append(np.flatnonzero(self._buf[: self._size] == opening[0]), self._size)
            begins = self.follows(opening, places, np.full(len(places), self._size))
            if mark >= 0:
                near, far = (self._buf[np.maximum(places - one, 0)] == mark for one in distances)
                begins &= near | far
            begins[-1] = True
            self._openings[opening] = places[begins]
        found = self._openings[opening]
        following = found[np.minimum(np.searchsorted(found, at), len(found) - 1)]
        return (self.following(_SPACE, at) < stop) & (following < stop + len(literal))

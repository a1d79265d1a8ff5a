"""Chunks of an access log by numpy and Arrow alone: for machines without numba.

Values are cut out of the chunk in whole columns, held to the plan's own pattern of their kind, and converted
by Arrow or, where few differ, by the exact way's functions. A line with a value in doubt is left to the exact
way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.sources.access.mix import KINDS
from watchme_analysis.sources.access.program import ARGS, REQUEST_COLUMNS, REQUEST_PARTS, TARGETS, Program
from watchme_analysis.sources.access.spans import FoundSpans, can_find, find_spans
from watchme_analysis.sources.access.times import moments_of
from watchme_analysis.sources.arrow_arrays import (
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
from watchme_analysis.sources.formats.derived_format import DerivedFormat
from watchme_analysis.sources.formats.nginx_fields import DURATIONS, SUMS, TIMES, UPSTREAM, upstream_columns
from watchme_analysis.sources.lines import microseconds

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from watchme_analysis.sources.formats.nginx_variables import Variable

    Array = np.ndarray[Any, Any]

_DASH = b"-"
# Whatever else a request may be is for the exact way.
_TARGET = r"(?P<path>/[^? ]*)(?:\?(?P<query>[^ ]*))?"
_HOST = "(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?# ]*)?"
_REQUEST = rf"\A(?P<method>[A-Z][A-Z0-9_-]*) {_HOST}{_TARGET} (?P<protocol>HTTP/[0-9](?:\.[0-9])?)\z"
_MILLISECONDS = r"\A[0-9]{10}\.[0-9]{3}\z"
_ONE_TRY = {
    **dict.fromkeys(SUMS.values(), r"\A[0-9]{1,9}(?:\.[0-9]{1,6})?\z"),
    "upstream_status": r"\A[0-9]{1,9}\z",
    "upstream_addr": r'\A[^\s,"]+\z',
}
_UPSTREAM_COLUMNS = (*SUMS, "upstream_addr", "upstream_status", "upstream_tries", "upstream_raw")
# As many characters a whole or decimal number may have to be read the same by Arrow as by Python.
_PLAIN_NUMBER = 15


class ArrowTable(NamedTuple):
    """The rows of a chunk that are beyond doubt, and the indexes of its other lines."""

    table: pa.Table
    doubtful: Array


def can_read(program: Program) -> bool:
    """Tell whether lines of a program's format can be read here."""
    return can_find(program.log_format)


def arrow_table(
    program: Program,
    chunk: tuple[Array, tuple[Array, Array]],
    columns: Sequence[str],
    constants: dict[str, Any],
) -> ArrowTable:
    """Read the lines of a chunk.

    Parameters
    ----------
    program
        Program for which :func:`can_read` holds.
    chunk
        Bytes, and where lines start and end without their ends.
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
        values.check(variable)
    arrays = [
        repeated(constants[column], len(found.rows)) if column in constants else values.column(column)
        for column in columns
    ]
    table = pa.table(arrays, names=list(columns))
    doubtful = np.ones(len(bounds[0]), bool)
    doubtful[found.rows[values.sure]] = False
    if not values.sure.all():
        table = table.filter(bool_array(values.sure))
    return ArrowTable(table, np.flatnonzero(doubtful))


class _Values:
    """The values of lines that were taken apart, by column; ``sure`` tells which lines are beyond doubt."""

    def __init__(self, program: Program, buf: Array, found: FoundSpans) -> None:
        import numpy as np

        self.sure = np.ones(len(found.rows), bool)
        self._program = program
        self._log_format = program.log_format
        self._names = program.names
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
            self.sure &= sure

    def check(self, variable: Variable) -> None:
        """Doubt the lines in which a variable's value is none of its kind."""
        import pyarrow.compute as pc

        if variable.name == "time_text":
            self._doubt_unless(pc.is_valid(self._times(variable.name)))
        if variable.kind == "text":
            return
        values = self._text(variable.name)
        pattern = self._log_format.value_pattern(variable).decode()
        fits = pc.match_substring_regex(values, rf"\A(?:{pattern})\z")
        # A null has no pattern: what stands for one in a number, `-`, fits any but a time.
        never_null = variable.name in TIMES or self._log_format.is_bare(variable)
        self._doubt_unless(fits, null=not never_null)
        if variable.kind in ("int", "decimal"):
            is_short = pc.less_equal(pc.binary_length(values), scalar_of(_PLAIN_NUMBER, "int"))
            self._doubt_unless(is_short, null=True)
        if variable.name in TIMES:
            self._doubt_unless(pc.is_valid(self._times(variable.name)))
        elif not self._log_format.writes_nothing:
            at = self._log_format.names.index(variable.name)
            empty = self._found.starts[at] == self._found.ends[at]
            self.sure &= ~empty

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
        return nulls(len(self.sure), arrow_type(kind)) if found is None else found

    def _doubt_unless(self, sure: pa.Array, *, null: bool = False) -> None:
        self.sure &= truths_of(sure, null=null)

    def _text(self, name: str) -> pa.Array:
        """Return a variable's values; empty ones and ``-`` are null."""
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
        """Return a variable's values as numbers, those in doubt null."""
        return where(self.sure, self._text(name)).cast("int64" if kind == "int" else "float64")

    def _times(self, name: str) -> pa.Array:
        """Return microseconds since the epoch, null where a value is no time."""
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
                # Many requests end within the same second.
                coded = values.dictionary_encode()
                moments = [microseconds(text) for text in coded.dictionary.to_pylist()]
                self._moments[name] = array_of(moments, "int").take(coded.indices)
        return self._moments[name]

    def _request(self) -> dict[str, pa.Array]:
        """Return the columns that a request line, or its parts, fill."""
        import pyarrow.compute as pc

        if self._parts is None:
            parts = {
                column: self._text(self._program.texts[column][0])
                for column in ("method", "protocol", "query")
                if self._program.texts[column]
            }
            name = next((one for one in ("request", *TARGETS) if one in self._names), None)
            if name is not None:
                values = self._text(name)
                pattern = _REQUEST if name == "request" else rf"\A{_TARGET}\z"
                split = pc.extract_regex(values, pattern)
                sure = pc.is_valid(split)
                # For what is missing another variable may stand in.
                if not self._program.repeats_request and sum(one in self._names for one in TARGETS) < 2:
                    sure = pc.or_(sure, pc.is_null(values))
                self._doubt_unless(sure)
                found = {field.name: split.field(field.name) for field in split.type}
                found = {one: where(pc.is_valid(split), part) for one, part in found.items()}
                found["query"] = unless_empty(found["query"])
                if "query" in parts:
                    found["query"] = pc.coalesce(found["query"], parts["query"])
                parts.update(found)
            self._parts = parts
        return self._parts

    def _upstream(self) -> dict[str, pa.Array]:
        """Return the columns of the upstreams: of one try by Arrow, of several by the exact way."""
        import numpy as np
        import pyarrow.compute as pc

        if self._upstreams is not None:
            return self._upstreams
        logged = {name: self._text(name) for name in UPSTREAM if name in self._names}
        several = np.zeros(len(self.sure), bool)
        asked = np.zeros(len(self.sure), bool)
        for name, values in logged.items():
            single = pc.match_substring_regex(values, _ONE_TRY[name])
            several |= ~truths_of(single, null=True)
            asked |= ~nulls_of(values)
        single = ~several & self.sure
        found: dict[str, pa.Array] = {}
        for column in _UPSTREAM_COLUMNS if logged else ():
            kind = arrow_type(KINDS[column])
            name = SUMS.get(column, column)
            found[column] = (
                where(single, logged[name]).cast(kind) if name in logged else nulls(len(several), kind)
            )
        if logged:
            found["upstream_tries"] = number_array(asked.astype(np.int64))
        rows = np.flatnonzero(several & self.sure)
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

        asked = pa.table(logged).take(number_array(rows)).to_pylist()
        found: list[dict[str, Any]] = []
        for row, values in zip(rows, asked, strict=True):
            try:
                found.append(upstream_columns(values))
            except ValueError:
                self.sure[row] = False
                found.append({})
        return found

    def _extra(self) -> pa.Array:
        """Return the variables without a column as JSON objects; backslashes alone need an escape here."""
        import pyarrow.compute as pc

        if self._program.repeats_request or sum(one in self._names for one in TARGETS) > 1:
            # Whether another stands in for what is missing is for the exact way to tell.
            self._request()
        pieces = []
        for name in self._program.further:
            values = self._text(name)
            for chosen in self._chosen_over(name):
                values = where(~truths_of(pc.equal(values, chosen)), values)
            escaped = pc.replace_substring(values, "\\", "\\\\")
            pieces.append(pc.coalesce(joined(f', "{name}": "', escaped, '"'), scalar_of("", "text")))
        if not pieces:
            return nulls(len(self.sure), arrow_type("text"))
        inside = unless_empty(pc.utf8_slice_codeunits(joined(*pieces), start=len(", ")))
        return joined("{", inside, "}")

    def _chosen_over(self, name: str) -> list[pa.Array]:
        """Return what fills the columns that a further variable could have filled."""
        import pyarrow.compute as pc

        if self._program.repeats_request and name in REQUEST_PARTS:
            said = self._request()
            if name == "server_protocol":
                return [said["protocol"]]
            target = pc.coalesce(joined(said["path"], "?", said["query"]), said["path"])
            return [target, said["method"], said["query"], said["path"]]
        if name in ARGS:
            query = self._request().get("query")
            return [] if query is None else [query]
        for candidates in (*self._program.texts.values(), *self._program.wholes.values()):
            if name in candidates:
                return [pc.coalesce(*(self._text(one) for one in candidates))]
        return []

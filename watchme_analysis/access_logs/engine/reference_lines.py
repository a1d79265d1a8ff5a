"""Lines of a block by the reference parser: alike lines together, others one by one.

Values of lines with the same variables are converted column by column, which takes a tenth of the time that
single lines take. The rows are those of :meth:`ReferenceParser.row`, to which lines with an invalid value are
left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.access_logs.engine.chunk import KINDS, RejectedLine, Selection, in_order, rows_table
from watchme_analysis.access_logs.engine.escapes import unescaped_table
from watchme_analysis.access_logs.engine.reference_parser import Reading, ReferenceParser
from watchme_analysis.access_logs.formats.column_sources import columns_of
from watchme_analysis.access_logs.formats.extended import known_part
from watchme_analysis.access_logs.formats.log_format import LogFormat
from watchme_analysis.access_logs.reject_reasons import reject_reason
from watchme_analysis.files.arrow_arrays import (
    array_of,
    arrow_type,
    nulls,
    numbers_of,
    repeated,
)
from watchme_analysis.files.lines import long_line_problem
from watchme_analysis.text.render import text_of_error

if TYPE_CHECKING:
    import pyarrow as pa

    # The index of a line, and the values of its variables.
    Values = tuple[int, Sequence[str | None]]
    # The index of a line, the line, and its reading if that is the only one.
    Single = tuple[int, bytes, Reading | None]

# Number of lines that are converted together; an invalid value costs several conversions of these.
_AT_ONCE = 512


class _Alike(NamedTuple):
    """What lines that are converted together have in common.

    ``name``: name of their format in notes; ``log_format``: the format, None for lines of programs without
    one; ``variables``: names of their variables.
    """

    name: str
    log_format: LogFormat | None
    variables: tuple[str, ...]


class ReferenceLines:
    """The lines of a block that the reference parser reads.

    ``reader``: parser that has been prepared with a sample of the block; ``selection``: columns, time window
    and path prefix; ``constants``: columns with the same value in every row; ``decode``: true to decode the
    escapes of texts. ``rejected``: lines that are no requests; ``blank``, ``filtered``: number of blank lines
    and directives, and of rows that the selection left out.
    """

    def __init__(
        self, reader: ReferenceParser, selection: Selection, constants: dict[str, Any], *, decode: bool
    ) -> None:
        self._reader = reader
        self._selection = selection
        self._constants = constants
        self._decode = decode
        self.rejected: list[RejectedLine] = []
        self.blank = self.filtered = 0

    def read(self, lines: Sequence[tuple[int, bytes]], plan: LogFormat | None, cut: int) -> pa.Table:
        """Return the selected rows of lines.

        ``lines``: indexes in ascending order, and lines; ``plan``: format of most lines, if they have one;
        ``cut``: index of a line without its end, which may be cut; -1 without one.
        """
        alike, single = self._sorted_out(lines, plan, cut)
        tables = []
        for kind, values in alike.items():
            table = self._converted(kind.variables, values)
            if len(table) < len(values):
                done, texts = set(numbers_of(table["line"]).tolist()), dict(lines)
                for index, given in values:
                    if index + 1 not in done:
                        reading = Reading(kind.name, dict(zip(kind.variables, given, strict=True)))
                        single.append((index, texts[index], reading if kind.log_format is None else None))
            self._reader.used[kind.name] += len(table)
            tables.append(self._selected(table, kind.log_format))
        for log_format, rows in self._one_by_one(single, cut).items():
            tables.append(self._selected(rows_table(rows, self._selection.needed), log_format))
        self.rejected.sort()
        return in_order(tables) if tables else rows_table([], self._selection.needed)

    def _selected(self, table: pa.Table, log_format: LogFormat | None) -> pa.Table:
        """Return the selected rows of a format, decoded on request, after counting all others."""
        # Decoded after the selection, which applies to the logged text.
        selected = self._selection.apply(table)
        self.filtered += len(table) - len(selected)
        if log_format is None or not self._decode:
            return selected
        return unescaped_table(selected, log_format.escape)

    def _sorted_out(
        self, lines: Sequence[tuple[int, bytes]], plan: LogFormat | None, cut: int
    ) -> tuple[dict[_Alike, list[Values]], list[Single]]:
        """Return the values of alike lines, and single lines, after counting all others."""
        reader = self._reader
        planned: list[Values] = []
        alike = {} if plan is None else {_Alike(plan.described, plan, plan.names): planned}
        single: list[Single] = []
        for index, line in lines:
            if problem := long_line_problem(len(line)):
                self.rejected.append(RejectedLine(index + 1, problem, line))
                continue
            text = reader.strip_prefix(line)
            if not text.strip(b" \t\0") or reader.is_directive(line):
                self.blank += 1
            elif index == cut:
                single.append((index, line, None))
            elif plan is not None and (values := plan.plain_values(text)) is not None:
                planned.append((index, values))
            else:
                try:
                    # A write after a truncation leaves NUL bytes before the line.
                    found = reader.first_reading(reader.strip_prefix(line.lstrip(b"\0")))
                except ValueError as error:
                    self.rejected.append(RejectedLine(index + 1, text_of_error(error), line))
                    continue
                if found.may_wrap:
                    single.append((index, line, None))
                else:
                    kind = _Alike(found.name, found.log_format, tuple(found.values))
                    alike.setdefault(kind, []).append((index, tuple(found.values.values())))
        return alike, single

    def _converted(self, variables: Sequence[str], lines: Sequence[Values]) -> pa.Table:
        """Return the rows of alike lines with valid values."""
        import pyarrow as pa

        groups = (lines[start : start + _AT_ONCE] for start in range(0, len(lines), _AT_ONCE))
        parts = [part for group in groups for part in self._parts(variables, group)]
        count = sum(len(part["line"]) for part in parts)
        arrays = []
        for column in self._selection.needed:
            if column in self._constants:
                arrays.append(repeated(self._constants[column], count))
            elif parts and column in parts[0]:
                values = [*chain.from_iterable(part[column] for part in parts)]
                arrays.append(array_of(values, KINDS[column]))
            else:
                arrays.append(nulls(count, arrow_type(KINDS[column])))
        return pa.table(arrays, names=list(self._selection.needed))

    def _parts(self, variables: Sequence[str], lines: Sequence[Values]) -> Iterator[dict[str, Sequence[Any]]]:
        """Yield columns of lines, in as few parts as invalid values allow; their lines are left out."""
        values = zip(*(values for _, values in lines), strict=True)
        try:
            columns = columns_of(dict(zip(variables, values, strict=True)), self._reader.zone)
            # The time of a prefix replaces a missing time.
            is_whole = not self._reader.prefixed or None not in columns.get("time", (None,))
        except ValueError:
            is_whole = False
        half = len(lines) // 2
        if is_whole:
            yield {**columns, "line": [index + 1 for index, _ in lines]}
        elif half:
            yield from self._parts(variables, lines[:half])
            yield from self._parts(variables, lines[half:])

    def _one_by_one(self, lines: Sequence[Single], cut: int) -> dict[LogFormat | None, list[dict[str, Any]]]:
        """Return the rows of single lines by their format, None for lines of programs without one."""
        reader = self._reader
        found: dict[LogFormat | None, list[dict[str, Any]]] = {}
        for index, line, reading in lines:
            try:
                values, log_format = reader.row_and_format(line.lstrip(b"\0"), reading)
            except ValueError as error:
                self.rejected.append(RejectedLine(index + 1, text_of_error(error), line))
                continue
            if index == cut and log_format is not None and not log_format.literals[-1]:
                reader.used[log_format.described] -= 1
                plain = reader.strip_prefix(line)
                known = known_part(log_format, plain)
                if known is None:
                    self.rejected.append(RejectedLine(index + 1, reject_reason("reject-cut"), line))
                    continue
                # A blank follows the known part, so that only fields behind it may be cut.
                values, log_format = reader.row_and_format(line[: len(line) - len(plain)] + known)
            found.setdefault(log_format, []).append({**values, **self._constants, "line": index + 1})
        return found

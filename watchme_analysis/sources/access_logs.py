"""Sets of access logs, of any size, from anywhere: scanned chunk by chunk, or read into one frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from watchme_analysis.errors import InputError
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.schema import empty
from watchme_analysis.sources.access_blocks import blocks_from, in_order
from watchme_analysis.sources.access_columns import ACCESS_COLUMNS, to_frame
from watchme_analysis.sources.access_engine import FAST_FROM, Chunk, Engine, Selection, rejected_at, shifted
from watchme_analysis.sources.access_input import Input, TornError, find_inputs, without_copies
from watchme_analysis.sources.line_reader import LineReader
from watchme_analysis.sources.lines import split_lines
from watchme_analysis.sources.nginx import format_notes
from watchme_analysis.sources.nginx_conf_formats import Candidates, candidate_formats
from watchme_analysis.sources.raw import RawFile

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Rejected lines are counted without end, and kept up to this many for each input.
KEPT_REJECTED = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LogOptions:
    r"""What is known of the logs.

    Attributes
    ----------
    log_format
        Name or text of the format; found out unless given.
    nginx_conf
        Configuration that defines the formats; those beside each log unless given.
    zone
        Zone of times written without one.
    engine
        A word of :data:`ENGINES`; all give the same rows. A small log is read exactly unless one is named.
    decode_escapes
        Whether texts that Nginx's default escaping wrote as ``\xXX`` are given as they were sent; a path that
        is asked for is still compared with what was logged.
    """

    log_format: str | None = None
    nginx_conf: Path | None = None
    zone: tzinfo = UTC
    engine: str = "auto"
    decode_escapes: bool = False


class AccessScan:
    """Chunks of a set of access logs, in the order of the logs' first times.

    Iterate over it once; afterwards ``retrievals`` holds an account for each input.

    Parameters
    ----------
    names
        As for :func:`find_inputs`.
    options
        What is known of the logs.
    selection
        What is asked of them.

    Raises
    ------
    InputError
        When a name stands for nothing, or a column asked for is unknown.
    FormatError
        When the stated format is unknown or can't be compiled.
    """

    def __init__(
        self,
        names: Sequence[str | Path],
        options: LogOptions | None = None,
        selection: Selection | None = None,
    ) -> None:
        self._options = options or LogOptions()
        self.selection = selection or Selection()
        unknown = sorted(set(self.selection.columns) - set(ACCESS_COLUMNS))
        if unknown:
            raise InputError(
                f"An access log has no column {', '.join(unknown)}: it has {', '.join(ACCESS_COLUMNS)}."
            )
        inputs, self.notes = without_copies(find_inputs([str(name) for name in names]))
        self._candidates = {one.name: self._formats(one) for one in inputs}
        self.inputs = sorted(inputs, key=lambda one: (self._first_time(one), one.name))
        self.retrievals: list[Retrieval] = []

    def __iter__(self) -> Iterator[Chunk]:
        """Yield chunks, their lines numbered within their input."""
        for one in self.inputs:
            yield from self._scan(one)

    def _formats(self, one: Input) -> Candidates:
        settings = {"log_format": self._options.log_format, "nginx_conf": self._options.nginx_conf}
        # Standard input and objects have nothing beside them.
        path = one.path or Path("/dev/null")
        return candidate_formats(RawFile(path.parent, path.name, settings=settings))

    def _first_time(self, one: Input) -> int:
        if one.name == "-":
            return 0
        reader = LineReader(self._candidates[one.name].formats, self._options.zone)
        for line in split_lines(one.head()):
            try:
                time = reader.row(line).get("time")
            except ValueError:
                continue
            if isinstance(time, int):
                return time
        return 0

    def _scan(self, one: Input) -> Iterator[Chunk]:
        formats, notes = self._candidates[one.name]
        asked = self._options.engine
        name = "exact" if asked == "auto" and not _is_worth_it(one) else asked
        engine = Engine(
            formats, self._options.zone, self.selection, engine=name, decode=self._options.decode_escapes
        )
        constants = {"file": one.name, "service": None}
        tally = _Tally(one.name, list(notes))
        blocks = blocks_from(one.pieces())
        try:
            for chunk in in_order(lambda block: engine.read(block, constants), blocks):
                table = shifted(chunk.table, tally.lines)
                tally.add(chunk, table)
                yield chunk._replace(table=table)
        except TornError as error:
            tally.tear(str(error))
        self.retrievals.append(tally.retrieval())


def _is_worth_it(one: Input) -> bool:
    """Tell whether an input has so many lines that loading the compiled loop pays."""
    if one.path is None or one.path.stat().st_size >= FAST_FROM:
        return True
    # Packed it may be; logs shrink to a tenth or less.
    return one.path.stat().st_size >= FAST_FROM // 20 and len(one.head(FAST_FROM)) >= FAST_FROM


class _Tally:
    """The account of an input while it is scanned."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.lines = 0
        self._name = name
        self._notes = notes
        self._rows = self._blank = self._left_out = self._refused = 0
        self._rejected: list[Rejected] = []
        self._formats: Counter[str] = Counter()
        self._span: list[int] = []
        self._torn = False
        self._ended = True

    def add(self, chunk: Chunk, table: pa.Table) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = len(chunk.table)
        assert chunk.lines == rows + len(chunk.refused) + chunk.blank + chunk.left_out, self._name
        self._rejected += rejected_at(chunk, self._name, self.lines)[: KEPT_REJECTED - len(self._rejected)]
        self.lines += chunk.lines
        self._rows += rows
        self._blank += chunk.blank
        self._left_out += chunk.left_out
        self._refused += len(chunk.refused)
        self._formats += chunk.formats
        self._ended = chunk.ended
        if "time" in table.column_names and rows:
            bounds = pc.min_max(table["time"].cast(pa.int64()))
            self._span += [one for one in (bounds["min"].as_py(), bounds["max"].as_py()) if one is not None]
            self._span = [min(self._span), max(self._span)] if self._span else []

    def tear(self, reason: str) -> None:
        self._torn = True
        self._rejected.append(Rejected(self._name, 0, reason))

    def retrieval(self) -> Retrieval:
        notes = [*self._notes, *format_notes(self._formats)]
        if self._refused > len(self._rejected):
            notes.append(f"{self._refused} lines rejected, the first {KEPT_REJECTED} kept")
        if not self._ended:
            notes.append("the last line has no line end: it may be cut, or still being written")
        start, end = (
            (_EPOCH + timedelta(microseconds=one) for one in self._span) if self._span else (None, None)
        )
        return Retrieval(
            source="nginx_access",
            origin=self._name,
            rows=self._rows,
            lines=self.lines,
            blank_lines=self._blank,
            left_out=self._left_out,
            rejected=tuple(self._rejected),
            start=start,
            end=end,
            truncated=self._torn or self._refused > len(self._rejected),
            notes=tuple(notes),
        )


def read_access_logs(
    names: Iterable[str | Path], options: LogOptions | None = None, selection: Selection | None = None
) -> tuple[pd.DataFrame, list[Retrieval]]:
    """Read a set of access logs into one frame.

    Parameters
    ----------
    names
        Files, patterns, folders, ``-``, or ``s3://`` names.
    options
        What is known of the logs.
    selection
        Columns, window and path asked for; everything unless given.

    Returns
    -------
    frame, retrievals
        The columns asked for, of the table ``access_log``; and an account for each log.

    Raises
    ------
    InputError, FormatError
        As :class:`AccessScan`.
    """
    import pyarrow as pa

    scan = AccessScan(list(names), options, selection)
    tables = [chunk.table for chunk in scan]
    columns = list(scan.selection.columns)
    frame = to_frame(pa.concat_tables(tables).select(columns)) if tables else empty("access_log")[columns]
    return frame, scan.retrievals

"""Access logs scanned by Spark: the local scan's plan, engine and account, part by part on many machines.

The driver lists and cuts the inputs; a task reads its part (an input, or a range of a plain file or object)
through the same code as the local scan, and answers with what it gathered and its account of the lines.
Nothing goes through Spark's own readers. Executors need this package, and must see files under the same names
as the driver does.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from watchme_analysis.errors import InputError, ServiceError, WatchmeError
from watchme_analysis.sources.access.blocks import BLOCK_BYTES, blocks_from, filling
from watchme_analysis.sources.access.logs import AccessScan, chunks_of
from watchme_analysis.sources.access.parquet import write_parquet
from watchme_analysis.sources.access.parts import Part, parts_of
from watchme_analysis.sources.access.spark_session import SparkSettings, reason_of, spark_session
from watchme_analysis.sources.access.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa

    from watchme_analysis.retrieval import Retrieval

    # What a task makes of a part: its number, and the tables of its rows.
    Work = Callable[[int, Iterator[pa.Table]], Any]
    # What of a table is to be written.
    Keep = Callable[[pa.Table], pa.Table]

_ANSWER = "at long, answer binary"


class Gatherer(Protocol):
    """What takes in the rows of a scan; what was gathered of parts adds up."""

    def add(self, table: pa.Table) -> None:
        """Take in rows."""

    def merge(self, other: Self) -> None:
        """Take in what another has gathered."""


Gathered = TypeVar("Gathered", bound=Gatherer)


class SparkScan:
    """A scan of access logs that runs on Spark.

    Parameters
    ----------
    scan
        What to read and what is asked of it; it is not iterated over.
    settings
        How Spark is used.

    Raises
    ------
    InputError
        When standard input is to be read.
    """

    def __init__(self, scan: AccessScan, settings: SparkSettings | None = None) -> None:
        for one in scan.inputs:
            if one.size is None:
                raise InputError(
                    f"The engine spark can't read {one.name}: only this process can; give files."
                )
        self._scan = scan
        self._settings = settings or SparkSettings()
        self._parts = parts_of(scan.inputs, self._settings.part_bytes)
        self._tallies: list[Tally] = []

    def gather(self, new: Callable[[], Gathered]) -> Gathered:
        """Return what all rows come to.

        Parameters
        ----------
        new
            Makes what takes in rows; both it and what it makes must be picklable.

        Raises
        ------
        InputError
            When pyspark or Java is missing, or an input can't be read.
        ServiceError
            When Spark gives up.
        """
        whole = new()
        for gathered in self._run(partial(_gathered, new)):
            whole.merge(gathered)
        return whole

    def write(self, folder: str, keep: Keep | None = None) -> int:
        """Write all rows as Parquet files below a folder (``s3://`` or one that all machines share).

        The logs are read again, and once more if they were not read yet: which line of its log a row stood on
        is known when the parts before it are counted.

        Parameters
        ----------
        folder
            Where to.
        keep
            Makes of a table what of it is to be written; must be picklable. Everything unless given.

        Returns
        -------
        int
            Number of rows.
        """
        if not self._tallies:
            self._run(_drained)
        return sum(self._run(partial(_written, folder, keep)))

    def retrievals(self) -> list[Retrieval]:
        """Return an account of each input, in their order, after the logs were read."""
        found = []
        pairs = zip(self._parts, self._tallies, strict=True)
        for of, some in groupby(pairs, key=lambda pair: pair[0].of):
            whole = self._scan.tally_for(self._scan.inputs[of])
            for _, tally in some:
                whole.merge(tally)
            found.append(whole.retrieval())
        return found

    def _run(self, work: Work) -> list[Any]:
        """Return the work's answer for each part, and keep the parts' accounts."""
        if not self._parts:
            return []
        task = partial(_task, self._scan, self._parts, self._lines_before(), work)
        session = spark_session(self._settings)
        count = len(self._parts)
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            with warnings.catch_warnings():
                # Of Spark's own use of pandas, which there is none of here.
                warnings.simplefilter("ignore", FutureWarning)
                table = session.range(count, numPartitions=count).mapInArrow(task, _ANSWER).toArrow()
        except (PySparkException, Py4JError) as error:
            raise _failure(error) from error
        answers = {at: pickle.loads(answer.as_py()) for at, answer in zip(*_columns(table), strict=True)}
        ordered = [answers[at] for at in range(count)]
        self._tallies = [tally for tally, _ in ordered]
        return [value for _, value in ordered]

    def _lines_before(self) -> list[int]:
        """Return how many lines of its input come before each part, 0 while that is unknown."""
        before = [0] * len(self._parts)
        for at in range(1, len(self._tallies)):
            if self._parts[at].of == self._parts[at - 1].of:
                before[at] = before[at - 1] + self._tallies[at - 1].lines
        return before


def _columns(table: pa.Table) -> tuple[list[int], Any]:
    return table["at"].to_pylist(), table["answer"]


def _task(
    scan: AccessScan,
    parts: list[Part],
    lines_before: list[int],
    work: Work,
    batches: Iterator[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """Read the parts named in the batches: what Spark calls on an executor."""
    import pyarrow as pa

    for batch in batches:
        for at in batch.column(0).to_pylist():
            tally, value = _read(scan, parts[at], lines_before[at], partial(work, at))
            answer = pa.array([pickle.dumps((tally, value))], pa.binary())
            yield pa.RecordBatch.from_arrays([pa.array([at], pa.int64()), answer], names=["at", "answer"])


def _read(
    scan: AccessScan, part: Part, lines_before: int, work: Callable[[Iterator[pa.Table]], Any]
) -> tuple[Tally, Any]:
    import pyarrow.compute as pc

    one = scan.inputs[part.of]
    tally = Tally(one.name)
    constants = {"file": one.name, "service": None}
    columns = list(scan.selection.columns)

    def tables() -> Iterator[pa.Table]:
        blocks = partial(blocks_from, filling(part.pieces(one)), BLOCK_BYTES)
        # A task has one processor.
        for chunk in chunks_of(blocks, scan.engine_for(one), tally, constants, threads=1):
            table = chunk.table
            if lines_before:
                at = table.column_names.index("line")
                table = table.set_column(at, "line", pc.add(table["line"], lines_before))
            yield table.select(columns)

    try:
        value = work(tables())
    except OSError as error:
        raise InputError(f"{one.name} can't be read: {error.strerror or error}.") from error
    return tally, value


def _gathered(new: Callable[[], Gathered], _: int, tables: Iterator[pa.Table]) -> Gathered:
    gathered = new()
    for table in tables:
        gathered.add(table)
    return gathered


def _written(folder: str, keep: Keep | None, at: int, tables: Iterator[pa.Table]) -> int:
    if not folder.startswith("s3://"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    return write_parquet(f"{folder.rstrip('/')}/part-{at:05}.parquet", map(keep, tables) if keep else tables)


def _drained(_: int, tables: Iterator[pa.Table]) -> None:
    for _ in tables:
        pass


def _failure(error: Exception) -> WatchmeError:
    """Return the sentence of a task's own error where there is one, else Spark's."""
    for line in str(error).splitlines():
        kind, _, sentence = line.partition(": ")
        if sentence and kind.endswith("errors.InputError"):
            return InputError(sentence)
    return ServiceError(f"Spark gave up: {reason_of(error)}")

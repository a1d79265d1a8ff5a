"""Access logs scanned by Spark, part by part on many machines, with the same parsers as the local scan.

The driver lists the inputs and cuts them into parts: byte ranges of plain files and objects, compressed files
whole. A task reads its part and returns an aggregate of the rows and the account of the lines. Spark's own
readers are not used. Executors need this package, and must see files under the same names as the driver.
"""

from __future__ import annotations

import os
import pickle
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import groupby, pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

from watchme_analysis.access_logs.accounting import AccessLogAccounting
from watchme_analysis.access_logs.engine.chunk import shifted
from watchme_analysis.access_logs.input import REQUEST_BYTES, Input
from watchme_analysis.access_logs.line_blocks import BLOCK_BYTES, blocks_from
from watchme_analysis.access_logs.parquet import write_parquet
from watchme_analysis.access_logs.scan import AccessScan, chunks_of
from watchme_analysis.errors import InputError, ServiceError, WatchmeError
from watchme_analysis.files.decompress import PACKED_MAGIC, filling
from watchme_analysis.installation import python_command, safe_path
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

    from watchme_analysis.retrieval import Retrieval

    Work = Callable[[int, Iterator[pa.Table]], Any]

    Keep = Callable[[pa.Table], pa.Table]

PART_BYTES = 64 << 20
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
_LEAST_READ = 64 << 10


@dataclass(frozen=True)
class Part:
    """Lines of an input whose first byte lies in a range; all lines without a range.

    ``of``: position of the input among all inputs; ``start``, ``stop``: the range ``start <= byte < stop``;
    ``stop`` is None for the whole input.
    """

    of: int
    start: int = 0
    stop: int | None = None

    def pieces(self, one: Input) -> Iterator[bytes]:
        """Yield the part's decompressed lines as bytes; raises as :meth:`Input.pieces`."""
        if self.stop is None:
            yield from one.pieces()
        elif one.open_anywhere is not None:
            with one.open_anywhere() as stream:
                yield from range_pieces(stream, self.start, self.stop)


def parts_of(inputs: Iterable[Input], part_bytes: int = PART_BYTES) -> list[Part]:
    """Return the parts of inputs, in the order of their lines.

    ``inputs``: inputs to read. Inputs that can be read only once, are compressed, or begin with directives
    are one part; ``part_bytes``: largest size of a part in bytes, without the rest of its last line.
    """
    found: list[Part] = []
    for at, one in enumerate(inputs):
        if one.size is None or one.size <= part_bytes or _is_one_piece(one):
            found.append(Part(at))
            continue
        # Of equal size, so that no part is much smaller than the others.
        count = -(-one.size // part_bytes)
        edges = [one.size * turn // count for turn in range(count + 1)]
        found += [Part(at, start, stop) for start, stop in pairwise(edges)]
    return found


def _is_one_piece(one: Input) -> bool:
    """Return whether an input is compressed, or begins with directives that all its parts need."""
    assert one.open_anywhere is not None
    with one.open_anywhere() as stream:
        return stream.read(max(map(len, PACKED_MAGIC))).startswith((*PACKED_MAGIC, b"#"))


def range_pieces(stream: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    """Yield the lines of a stream whose first byte lies in a range.

    All ranges but the first begin after the first line end at or after the byte before them, and all end with
    the line of their last byte, so every line belongs to exactly one range.

    ``stream``: stream with random access; ``start``, ``stop``: the range in bytes, ``start <= byte < stop``.
    """
    at = max(0, start - 1)
    stream.seek(at)
    inside = start == 0
    while piece := stream.read(min(REQUEST_BYTES, max(_LEAST_READ, stop - at))):
        begin = 0
        if not inside:
            begin = piece.find(b"\n") + 1
            if at + (begin or len(piece)) >= stop:
                # A line that began before the range extends to its end or beyond.
                return
            inside = begin > 0
        if inside:
            end = piece.find(b"\n", max(begin, stop - 1 - at)) + 1
            yield piece[begin : end or len(piece)]
            if end:
                return
        at += len(piece)


def spark_session(settings: Mapping[str, str]) -> SparkSession:
    """Return the running session, or a new session with settings such as ``spark.master``.

    Other settings are those of ``spark-submit`` and the environment; without a cluster, Spark runs on this
    machine. Raises InputError if pyspark or Java is missing, ServiceError if no session can be created.
    """
    if find_spec("pyspark") is None:
        raise InputError(error_message("error-spark-missing"))
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and shutil.which(f"{home}/bin/java")):
        raise InputError(error_message("error-spark-java"))
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    # Tasks on this machine run the Python of this process; the setting of a cluster is not changed.
    os.environ.setdefault("PYSPARK_PYTHON", python_command()[0])
    options = {"spark.app.name": "watchme access", "spark.log.level": "ERROR", **settings}
    options.setdefault("spark.ui.showConsoleProgress", str(sys.stderr.isatty()).lower())
    if options.get("spark.master", os.environ.get("MASTER", "local")).startswith("local"):
        # Only this machine communicates with the driver.
        options = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", **options}
        options.setdefault("spark.ui.enabled", "false")
        quiet = f"-Dlog4j2.configurationFile={Path(__file__).with_name('spark_log4j2.properties').as_uri()}"
        given = options.get("spark.driver.extraJavaOptions", "")
        options["spark.driver.extraJavaOptions"] = f"{quiet} {given}".strip()
    builder = SparkSession.builder
    for name, value in options.items():
        builder = builder.config(name, value)
    try:
        # The workers of Java's process inherit its environment.
        with warnings.catch_warnings(), safe_path():
            warnings.simplefilter("ignore", FutureWarning)
            return builder.getOrCreate()
    except (PySparkException, Py4JError, OSError, RuntimeError) as error:
        raise ServiceError(error_message("error-spark-start", reason=error)) from error


def reason_of(error: Exception) -> str:
    """Return the line with Java's own error if there is one, else the first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    java = [line.removeprefix(": ") for line in lines if line.startswith(": ")]
    return (java or lines or [type(error).__name__])[0]


_ANSWER = "at long, answer binary"


class SparkScan:
    """A scan of access logs that runs on Spark.

    ``scan``: inputs and selection; it is not iterated over; ``settings``: as of :func:`spark_session`;
    ``part_bytes``: largest part of an uncompressed file per task. Raises InputError if an input is standard
    input.
    """

    def __init__(
        self, scan: AccessScan, settings: Mapping[str, str] = NO_SETTINGS, part_bytes: int = PART_BYTES
    ) -> None:
        for one in scan.inputs:
            if one.size is None:
                raise InputError(error_message("error-spark-input", name=one.name))
        self._scan = scan
        self._settings = settings
        self._parts = parts_of(scan.inputs, part_bytes)
        self._accounts: list[AccessLogAccounting] = []

    def aggregate(self, new: Callable[[], Any]) -> Any:
        """Return an aggregate of all rows.

        ``new``: creates an empty aggregate, which adds tables of rows by ``add`` and the aggregates of parts
        by ``merge``; both the function and the aggregate must be picklable. Raises InputError if pyspark or
        Java is missing, or an input cannot be read. Raises ServiceError if Spark fails.
        """
        whole = new()
        for found in self._run(partial(_aggregated, new)):
            whole.merge(found)
        return whole

    def write(self, folder: str, keep: Keep | None = None) -> int:
        """Return the number of rows after writing them as Parquet files below a shared folder (or ``s3://``).

        The logs are read again, and twice if they were not read yet, because line numbers are known only
        after the parts before them are counted.

        ``folder``: destination of the files; ``keep``: selects the part of a table to write; must be
        picklable. Everything by default.
        """
        if not self._accounts:
            self._run(_drained)
        return sum(self._run(partial(_written, folder, keep)))

    def retrievals(self) -> list[Retrieval]:
        """Return the retrieval of each input, in order, after the logs were read."""
        found = []
        pairs = zip(self._parts, self._accounts, strict=True)
        for of, some in groupby(pairs, key=lambda pair: pair[0].of):
            whole = self._scan.account_for(self._scan.inputs[of])
            for _, account in some:
                whole.merge(account)
            found.append(whole.retrieval())
        return found

    def _run(self, work: Work) -> list[Any]:
        """Return the result of the work for each part, and keep the parts' retrievals."""
        if not self._parts:
            return []
        task = partial(_task, self._scan, self._parts, self._lines_before(), work)
        session = spark_session(self._settings)
        count = len(self._parts)
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            with warnings.catch_warnings():
                # A warning about Spark's own use of pandas, which is not used here.
                warnings.simplefilter("ignore", FutureWarning)
                table = session.range(count, numPartitions=count).mapInArrow(task, _ANSWER).toArrow()
        except (PySparkException, Py4JError) as error:
            raise _failure(error) from error
        pairs = zip(table["at"].to_pylist(), table["answer"].to_pylist(), strict=True)
        answers = {at: pickle.loads(answer) for at, answer in pairs}
        ordered = [answers[at] for at in range(count)]
        self._accounts = [account for account, _ in ordered]
        return [value for _, value in ordered]

    def _lines_before(self) -> list[int]:
        """Return the number of lines of the same input before each part, 0 while it is unknown."""
        before = [0] * len(self._parts)
        for at in range(1, len(self._accounts)):
            if self._parts[at].of == self._parts[at - 1].of:
                before[at] = before[at - 1] + self._accounts[at - 1].lines
        return before


def _task(
    scan: AccessScan,
    parts: list[Part],
    lines_before: list[int],
    work: Work,
    batches: Iterator[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """Yield the results of the parts named in the batches; Spark runs this on an executor."""
    import pyarrow as pa

    for batch in batches:
        for at in batch.column(0).to_pylist():
            account, value = _read(scan, parts[at], lines_before[at], partial(work, at))
            answer = pa.array([pickle.dumps((account, value))], pa.binary())
            yield pa.RecordBatch.from_arrays([pa.array([at], pa.int64()), answer], names=["at", "answer"])


def _read(
    scan: AccessScan, part: Part, lines_before: int, work: Callable[[Iterator[pa.Table]], Any]
) -> tuple[AccessLogAccounting, Any]:
    one = scan.inputs[part.of]
    account = AccessLogAccounting(one.name)
    constants = {"file": one.name, "service": None}
    columns = list(scan.selection.columns)

    def tables() -> Iterator[pa.Table]:
        blocks = partial(blocks_from, filling(part.pieces(one)), BLOCK_BYTES)
        # A task has a single processor.
        for chunk in chunks_of(blocks, scan.engine_for(one), account, constants, threads=1):
            yield shifted(chunk.table, lines_before).select(columns)

    try:
        value = work(tables())
    except OSError as error:
        raise InputError(error_message("error-file-unreadable", path=one.name, reason=error)) from error
    return account, value


def _aggregated(new: Callable[[], Any], _: int, tables: Iterator[pa.Table]) -> Any:
    found = new()
    for table in tables:
        found.add(table)
    return found


def _written(folder: str, keep: Keep | None, at: int, tables: Iterator[pa.Table]) -> int:
    if not folder.startswith("s3://"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    return write_parquet(f"{folder.rstrip('/')}/part-{at:05}.parquet", map(keep, tables) if keep else tables)


def _drained(_: int, tables: Iterator[pa.Table]) -> None:
    for _ in tables:
        pass


def _failure(error: Exception) -> WatchmeError:
    """Return the error message of a task if there is one, else that of Spark."""
    for line in str(error).splitlines():
        kind, _, sentence = line.partition(": ")
        if sentence and kind.endswith("errors.InputError"):
            return InputError(sentence)
    return ServiceError(error_message("error-spark-failed", reason=reason_of(error)))

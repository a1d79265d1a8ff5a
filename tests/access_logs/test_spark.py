"""The scan by Spark with a stand-in for Spark's session, which runs the tasks in this process.

Real Spark runs the same scans in ``test_access_spark``.
"""

import gzip
import io
import os
import sys
from types import ModuleType, SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.access_logs import spark
from watchme_analysis.access_logs.engine.chunk import Selection
from watchme_analysis.access_logs.filters import RequestFilter
from watchme_analysis.access_logs.scan import AccessScan
from watchme_analysis.access_logs.spark import (
    Part,
    SparkScan,
    SparkSettings,
    parts_of,
    range_pieces,
    reason_of,
    spark_session,
)
from watchme_analysis.access_logs.summary import AccessSummary
from watchme_analysis.errors import InputError, ServiceError

LINE = '192.0.2.{} - - [11/Dec/2025:10:10:{:02} +0900] "GET /jobs/{} HTTP/1.1" {} 12 "-" "curl"\n'


def lines(start, stop):
    return "".join(
        LINE.format(at % 200, at % 60, at, 504 if at % 5 == 0 else 200) for at in range(start, stop)
    )


class SparkError(Exception):
    """Stands for an error of Spark, and for one of its connection to Java."""


class Session:
    """Runs a function on the batches of each partition, as ``mapInArrow`` does, the last partition first."""

    def __init__(self):
        self.ranges = []
        self.failure = None

    def range(self, count, numPartitions):  # noqa: N803 - Spark's own name
        self.ranges.append((count, numPartitions))
        return SimpleNamespace(mapInArrow=lambda task, schema: self.answers(count, task, schema))

    def answers(self, count, task, schema):
        assert schema == "at long, answer binary"
        if self.failure is not None:
            raise self.failure
        batches = [
            batch
            for at in reversed(range(count))
            for batch in task(iter([pa.record_batch([pa.array([at], pa.int64())], ["id"])]))
        ]
        return SimpleNamespace(toArrow=lambda: pa.Table.from_batches(batches))


@pytest.fixture
def session(monkeypatch):
    pretend(monkeypatch, {})
    found = Session()
    monkeypatch.setattr(spark, "spark_session", lambda settings: found)
    return found


def pretend(monkeypatch, sql):
    """Let the modules of pyspark be importable, with these names in ``pyspark.sql``."""
    names = {
        "pyspark": {},
        "pyspark.sql": sql,
        "pyspark.errors": {"PySparkException": SparkError},
        "py4j": {},
        "py4j.protocol": {"Py4JError": type("JavaError", (Exception,), {})},
    }
    for name, values in names.items():
        module = ModuleType(name)
        vars(module).update(values)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def logs(tmp_path):
    """A log of several parts with a torn line, one within gzip, and one without a line end."""
    (tmp_path / "access.log").write_text(lines(0, 40) + "junk\n\n" + lines(40, 80))
    (tmp_path / "access.log.1.gz").write_bytes(gzip.compress(lines(200, 230).encode()))
    (tmp_path / "b-access.log").write_text(lines(300, 310)[:-1])
    return tmp_path


def scanned(folder, selection=None):
    return SparkScan(AccessScan([folder], selection=selection), SparkSettings(part_bytes=2000))


def local(folder):
    scan, summary = AccessScan([folder]), AccessSummary()
    for chunk in scan:
        summary.add(chunk.table)
    return summary, scan.retrievals


def test_parts_are_summed_up_as_the_whole(session, logs):
    found = scanned(logs)
    summary = found.aggregate(AccessSummary)
    expected, retrievals = local(logs)

    # Sizes of 80 lines and of 10 lines make parts of at most 2,000 bytes; the packed log is one.
    assert session.ranges == [(6, 6)]
    assert summary.requests == expected.requests == 120
    assert summary.by_key().equals(expected.by_key())
    assert summary.statuses() == {200: 96, 504: 24}
    assert found.retrievals() == retrievals
    assert {one.origin: (one.rows, one.lines) for one in retrievals} == {
        str(logs / "access.log"): (80, 82),
        str(logs / "access.log.1.gz"): (30, 30),
        str(logs / "b-access.log"): (10, 10),
    }
    rejected = [(line.file, line.line, line.text) for one in retrievals for line in one.rejected]
    assert rejected == [(str(logs / "access.log"), 41, "junk")]


def test_rows_are_written_with_their_lines_within_the_whole_log(session, logs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "rows"
    found = scanned(logs)
    assert found.write(str(folder) + "/") == 120
    # The first round counts the lines before each part.
    assert len(session.ranges) == 2
    assert found.write(str(folder)) == 120
    assert len(session.ranges) == 3

    names = sorted(one.name for one in folder.iterdir())
    assert names == [f"part-{at:05}.parquet" for at in range(6)]
    rows = pa.concat_tables([pq.read_table(folder / name) for name in names]).to_pylist()
    plain = [row for chunk in AccessScan([logs]) for row in chunk.table.to_pylist()]
    assert [(row["file"], row["line"], row["path"], row["service"]) for row in rows] == [
        (row["file"], row["line"], row["path"], None) for row in plain
    ]
    assert {row["line"] for row in rows if row["file"] == str(logs / "access.log")} == {
        *range(1, 41),
        *range(43, 83),
    }


def test_a_selection_of_rows_is_written(session, logs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    few = RequestFilter(only=(("status", "504"),))
    found = scanned(logs, Selection(("line", "status")))
    assert found.write(str(folder), few.of) == 24
    tables = [pq.read_table(one) for one in folder.iterdir()]
    assert {tuple(table.column_names) for table in tables} == {("line", "status")}
    assert sum(map(len, tables)) == 24


def test_no_inputs_need_no_session(session):
    found = SparkScan(SimpleNamespace(inputs=[], selection=None))
    assert (found.aggregate(AccessSummary).requests, found.retrievals(), session.ranges) == (0, [], [])
    assert found.settings == SparkSettings({}, 64 << 20)


def test_standard_input_is_refused():
    with pytest.raises(InputError) as caught:
        SparkScan(AccessScan(["-"]))
    assert messages_in(caught.value.args[0])["error-spark-input"] == {"name": "-"}


def test_a_log_that_cant_be_read_is_an_error_of_its_task(logs, session, monkeypatch):
    found = scanned(logs / "access.log")

    def fails(pieces):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(spark, "filling", fails)
    with pytest.raises(InputError) as caught:
        found.aggregate(AccessSummary)
    said = messages_in(caught.value.args[0])["error-file-unreadable"]
    assert said == {"path": str(logs / "access.log"), "reason": "reason-denied"}


def test_a_failure_of_spark_is_an_error_of_the_service(session, logs):
    session.failure = SparkError("\n  first line \nsecond")
    with pytest.raises(ServiceError) as caught:
        scanned(logs).aggregate(AccessSummary)
    assert messages_in(caught.value.args[0])["error-spark-failed"] == {"reason": "first line"}


@together(
    ("text", "reason"),
    [
        ("An error occurred\n: java.net.BindException: in use\n\tat a\n", "java.net.BindException: in use"),
        ("\n first \nsecond", "first"),
        ("", "SparkError"),
    ],
)
def test_the_reason_is_that_of_java_if_there_is_one(text, reason):
    assert reason_of(SparkError(text)) == reason


class Builder:
    """Records the settings of a session."""

    def __init__(self, failure=None):
        self.options = {}
        self.failure = failure

    def config(self, name, value):
        self.options[name] = value
        return self

    def getOrCreate(self):  # noqa: N802 - Spark's own name
        if self.failure:
            raise self.failure
        self.environment = dict(os.environ)
        return self


def test_a_session_on_this_machine_speaks_to_this_machine_alone(monkeypatch):
    for name in ("MASTER", "PYSPARK_PYTHON", "PYTHONSAFEPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(spark, "find_spec", lambda name: name)
    monkeypatch.setattr(spark.shutil, "which", lambda name: name)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    builder = Builder()
    pretend(monkeypatch, {"SparkSession": SimpleNamespace(builder=builder)})

    assert spark_session(SparkSettings({"spark.driver.extraJavaOptions": "-Da=b"})) is builder
    assert os.environ["PYSPARK_PYTHON"] == sys.executable
    # Only what Spark starts imports nothing from the working directory: the caller's processes do as before.
    assert builder.environment["PYTHONSAFEPATH"] and "PYTHONSAFEPATH" not in os.environ
    quiet = builder.options.pop("spark.driver.extraJavaOptions")
    assert quiet.startswith("-Dlog4j2.configurationFile=file:///") and quiet.endswith("properties -Da=b")
    assert builder.options == {
        "spark.app.name": "watchme access",
        "spark.log.level": "ERROR",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
    }


def test_settings_of_a_cluster_and_of_the_caller_are_kept(monkeypatch):
    monkeypatch.setenv("PYSPARK_PYTHON", "/opt/python")
    monkeypatch.setattr(spark, "find_spec", lambda name: name)
    monkeypatch.setattr(spark.shutil, "which", lambda name: name)
    given = {"spark.app.name": "own", "spark.log.level": "INFO", "spark.ui.showConsoleProgress": "true"}
    for master, further in (
        ("spark://master:7077", {}),
        ("local[2]", {"spark.driver.host": "192.0.2.1", "spark.ui.enabled": "true"}),
    ):
        builder = Builder()
        pretend(monkeypatch, {"SparkSession": SimpleNamespace(builder=builder)})
        options = {**given, **further, "spark.master": master}
        spark_session(SparkSettings(options))
        added = {name: value for name, value in builder.options.items() if options.get(name) != value}
        expected = ["spark.driver.bindAddress", "spark.driver.extraJavaOptions"] if further else []
        assert sorted(added) == expected
    assert os.environ["PYSPARK_PYTHON"] == "/opt/python"
    # The environment names a cluster too.
    monkeypatch.setenv("MASTER", "spark://master:7077")
    builder = Builder()
    pretend(monkeypatch, {"SparkSession": SimpleNamespace(builder=builder)})
    spark_session(SparkSettings())
    assert "spark.driver.host" not in builder.options


def test_a_session_that_cant_be_created_is_an_error_with_its_reason(monkeypatch):
    monkeypatch.setattr(spark, "find_spec", lambda name: name)
    monkeypatch.setattr(spark.shutil, "which", lambda name: name)
    for failure in (SparkError("no memory"), OSError("no memory"), RuntimeError("no memory")):
        pretend(monkeypatch, {"SparkSession": SimpleNamespace(builder=Builder(failure))})
        with pytest.raises(ServiceError) as caught:
            spark_session(SparkSettings())
        assert "error-spark-start" in messages_in(caught.value.args[0])


def test_what_is_missing_is_named(monkeypatch):
    found = []
    monkeypatch.setattr(spark, "find_spec", found.append)
    with pytest.raises(InputError) as caught:
        spark_session(SparkSettings())
    assert (found, [*messages_in(caught.value.args[0])]) == (["pyspark"], ["error-spark-missing"])
    monkeypatch.setattr(spark, "find_spec", lambda name: name)
    for home, programs in ((None, []), ("/opt/java", [])):
        asked = []
        monkeypatch.setattr(spark.shutil, "which", lambda name, asked=asked: asked.append(name))
        monkeypatch.setenv("JAVA_HOME", home) if home else monkeypatch.delenv("JAVA_HOME", raising=False)
        with pytest.raises(InputError) as caught:
            spark_session(SparkSettings())
        assert [*messages_in(caught.value.args[0])] == ["error-spark-java"]
        assert asked == (["java", "/opt/java/bin/java"] if home else ["java"]), programs


@together(
    ("size", "parts"),
    [
        (1000, [Part(0)]),
        (1001, [Part(0, 0, 500), Part(0, 500, 1001)]),
        (2000, [Part(0, 0, 1000), Part(0, 1000, 2000)]),
        (2001, [Part(0, 0, 667), Part(0, 667, 1334), Part(0, 1334, 2001)]),
        (None, [Part(0)]),
    ],
)
def test_parts_are_of_equal_size(size, parts):
    one = SimpleNamespace(size=size, open_anywhere=lambda: io.BytesIO(b"GET"))
    assert parts_of([one], 1000) == parts


@together("first", [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0", b"#Fields"])
def test_what_needs_its_beginning_is_one_part(first):
    one = SimpleNamespace(size=5000, open_anywhere=lambda: io.BytesIO(first + b"x" * 5000))
    assert parts_of([one, one], 1000) == [Part(0), Part(1)]


def test_a_range_of_a_stream_is_its_lines(monkeypatch):
    data = b"aa\nbb\ncccccc\ndd"
    ranges = [(0, 1), (1, 3), (3, 4), (4, 7), (7, 11), (11, 14), (13, 15)]
    expected = [b"aa\n", b"", b"bb\n", b"cccccc\n", b"", b"dd", b"dd"]
    for least in (64 << 10, 2):
        monkeypatch.setattr(spark, "_LEAST_READ", least)
        assert [b"".join(range_pieces(io.BytesIO(data), *one)) for one in ranges] == expected

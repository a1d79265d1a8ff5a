"""Spark against the local scan: the same rows, the same sums, the same account of every line."""

import gzip
import importlib.util
import io
import shutil
from functools import partial

import boto3
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer

from watchme_analysis.access_logs.athena import athena_table
from watchme_analysis.access_logs.filters import RequestFilter
from watchme_analysis.access_logs.formats.known_formats import stock_formats
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.access_logs.scan import AccessScan, read_access_logs
from watchme_analysis.access_logs.spark import SparkScan, parts_of, spark_session
from watchme_analysis.access_logs.summary import AccessSummary
from watchme_analysis.errors import InputError

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("pyspark") is None, reason="pyspark is missing: python3 tasks.py spark"
    ),
    pytest.mark.skipif(shutil.which("java") is None, reason="Java is missing"),
    pytest.mark.spark,
]

FORMAT = '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time "$upstream_addr"'
PART_BYTES = 31_000


def line(at, path=None):
    path = path or f"/jobs/{at}"
    seconds = 0.001 * (at * 7919 % 3001)
    return (
        f'192.0.2.{at % 250} [2025-12-11T10:{at // 60 % 60:02}:{at % 60:02}+09:00] "GET {path} HTTP/1.1" '
        f'{(200, 504, 202)[at % 3]} {at} {seconds:.3f} "192.0.2.20:80{at % 2}"\n'
    ).encode()


def many(start, stop):
    return b"".join(map(line, range(start, stop)))


@pytest.fixture(scope="module")
def bucket():
    """A bucket that tasks see too: their environment is that of the session's start."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="logs")
        yield client
    server.stop()


@pytest.fixture(scope="module")
def session(bucket, tmp_path_factory):
    options = {
        "spark.master": "local[2]",
        "spark.driver.memory": "512m",
        # For Hive's own reader of lines, with tables that last as long as the session.
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:tables;create=true",
        "spark.driver.extraJavaOptions": "-Dderby.stream.error.file=/dev/null",
        "spark.hadoop.datanucleus.schema.autoCreateAll": "true",
    }
    found = spark_session(options)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def torn_set():
    """Logs by name; the plain one's middle lies in a torn line, and one line is longer than a part."""
    torn = line(5, "/torn-while-it-was-written")[:-40] + line(6)
    left = many(0, 800) + b"\n" + b"junk\n" + many(800, 900)
    right = many(900, 1000) + line(1000)[:-30]
    right = line(7, "/long/".ljust(len(left) - len(right) - len(line(7, "")) + 6, "x")) + right
    return {"access.log": left + torn + right, "access.log.1.gz": gzip.compress(many(2000, 2900) + b"junk\n")}


def local(names):
    scan = AccessScan(names, log_format=FORMAT)
    summary = AccessSummary()
    for chunk in scan:
        summary.add(chunk.table)
    return summary, scan.retrievals


def same(one, other):
    assert one.requests == other.requests
    assert one.total() == other.total()
    assert one.by_key().equals(other.by_key())
    assert one.statuses() == other.statuses()
    assert one.upstreams().equals(other.upstreams())
    seconds = [found.slowest()["request_time_s"].to_pylist() for found in (one, other)]
    assert seconds[0] == seconds[1]


def test_a_split_set_is_the_whole_set(session, torn_set, tmp_path):
    for name, data in torn_set.items():
        (tmp_path / name).write_bytes(data)
    plain = torn_set["access.log"]
    parts = parts_of(AccessScan([tmp_path / "access.log"], log_format=FORMAT).inputs, PART_BYTES)
    cuts = [part.start for part in parts if part.start]
    for begin, count in ((b"/torn-while", 1), (b"/long/", 2)):
        at = plain.index(begin)
        assert sum(at < cut < plain.index(b"\n", at) for cut in cuts) >= count

    spark = SparkScan(AccessScan([tmp_path], log_format=FORMAT), part_bytes=PART_BYTES)
    summary = spark.aggregate(AccessSummary)
    assert spark.write(str(tmp_path / "rows")) == summary.requests
    frame = pd.read_parquet(tmp_path / "rows")

    expected, retrievals = local([tmp_path])
    assert spark.retrievals() == retrievals
    assert sum(len(one.rejected) for one in retrievals) >= 4
    same(summary, expected)
    rows, _ = read_access_logs([tmp_path], log_format=FORMAT)
    keys = ["file", "line"]
    pd.testing.assert_frame_equal(
        frame.convert_dtypes().sort_values(keys, ignore_index=True),
        rows.convert_dtypes().sort_values(keys, ignore_index=True),
        check_dtype=False,
    )


def test_objects_are_read_and_written_by_the_tasks_themselves(session, bucket, torn_set):
    for name, data in torn_set.items():
        bucket.put_object(Bucket="logs", Key=f"web/{name}", Body=data)

    spark = SparkScan(AccessScan(["s3://logs/web/"], log_format=FORMAT), part_bytes=PART_BYTES)
    summary = spark.aggregate(partial(AccessSummary, "status"))
    assert spark.write("s3://logs/out/") == summary.requests
    few = RequestFilter(only=(("status", "200"),))
    assert spark.write("s3://logs/few/", few.of) == summary.statuses()[200]
    assert spark.aggregate(partial(AccessSummary, "status", few)).statuses() == {200: summary.statuses()[200]}

    expected, retrievals = local(["s3://logs/web/"])
    assert spark.retrievals() == retrievals
    assert summary.total() == expected.total()
    assert sum(summary.by_key()["requests"].to_pylist()) == expected.requests
    listed = bucket.list_objects_v2(Bucket="logs", Prefix="out/")["Contents"]
    bodies = [bucket.get_object(Bucket="logs", Key=one["Key"])["Body"].read() for one in listed]
    rows = pd.concat(pd.read_parquet(io.BytesIO(body)) for body in bodies)
    frame, _ = read_access_logs(["s3://logs/web/"], log_format=FORMAT)
    assert rows["line"].tolist() == frame["line"].tolist()


def test_standard_input_is_for_this_process_alone():
    with pytest.raises(InputError, match="can't read -"):
        SparkScan(AccessScan(["-"], log_format=FORMAT))


TIMED = compile_format(
    '$remote_addr [$time_iso8601] "$request" $status $request_time "$upstream_addr" '
    '"$upstream_response_time" it\'s $request_id'
)
JSON = compile_format(
    '{"t":"$msec","uri":"$request_uri","agent":"$http_user_agent","status":$status}', "json"
)
UNMATCHED = ("", "junk", '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /torn')
LINES = {
    "combined": (
        stock_formats()[0],
        '192.0.2.7 - a user [11/Dec/2025:10:10:30 +0900] "GET /a?b=\\x22c HTTP/1.1" 200 12 "-" "cu\\"rl"',
        '2001:db8::7 - - [11/Dec/2025:10:10:30 +0900] "\\x16\\x03\\x01" 400 0 "-" "-"',
        '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "" 400 0 "-" "" "further"',
        '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET / HTTP/1.1" two 12 "-" "curl"',
    ),
    "timed": (
        TIMED,
        '192.0.2.7 [2025-12-11T10:10:30+09:00] "GET /" 504 3.1 "192.0.2.1:80, [::1]:80" "1.5, 1.6" it\'s 7',
        '192.0.2.7 [2025-12-11T10:10:30+09:00] "GET / HTTP/1.1" 200 0.1 "-" "-" it\'s -',
        '192.0.2.7 [2025-12-11T10:10:30+09:00] "GET / HTTP/1.1" 200 0.1 "-" "-" its -',
    ),
    "json": (
        JSON,
        '{"t":"1765415430.123","uri":"/ü?a=\\"b\\"","agent":"\\u0007 a\\\\","status":200}',
        '{"t":"1765415430.123","uri":"/","agent":"","status":}',
        '{"t":"1765415430.123","uri":"/"","agent":"","status":200}',
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_athenas_table_reads_a_line_as_the_plan_does(session, tmp_path, name):
    log_format, *lines = LINES[name]
    lines += UNMATCHED
    (tmp_path / "access.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    statements = athena_table(log_format, "s3://logs/nginx/", name).split(";\n\n")
    table = statements[0].replace("s3://logs/nginx/", tmp_path.as_uri())

    session.sql(table[table.index("CREATE") :])
    rows = [tuple(row) for row in session.table(f"{name}_lines").collect()]

    nothing = (None,) * len(log_format.names)
    expected = [log_format.match(line.encode()) for line in lines]
    assert sum(found is None for found in expected) >= len(UNMATCHED) + 1
    assert sum(found is not None for found in expected) >= 2
    assert rows == [
        nothing if found is None else tuple(value.decode() for value in found) for found in expected
    ]

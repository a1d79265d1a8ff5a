"""Logs in S3, read from moto's server."""

import gzip

import boto3
import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer

from watchme_analysis.access_logs.parquet import GROUP_ROWS, ParquetFile
from watchme_analysis.access_logs.scan import read_access_logs

LINE = b'192.0.2.7 - - [11/Dec/2025:10:10:%02d +0900] "GET /%d HTTP/1.1" 200 12 "-" "curl"\n'


@pytest.fixture
def bucket(monkeypatch):
    """A bucket of a server of this test's own."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="logs")
        client.put_object(Bucket="logs", Key="web/access.log", Body=LINE % (30, 3))
        client.put_object(
            Bucket="logs", Key="web/access.log.1.gz", Body=gzip.compress(LINE % (1, 1) + LINE % (2, 2))
        )
        yield "s3://logs"
    finally:
        server.stop()


@pytest.mark.slow
def test_objects_and_prefixes_are_read(bucket):
    one, _ = read_access_logs([f"{bucket}/web/access.log"])
    whole, how = read_access_logs([f"{bucket}/web/"])
    retrievals = how.parts

    assert one["path"].tolist() == ["/3"]
    assert whole["path"].tolist() == ["/1", "/2", "/3"]
    assert [found.origin for found in retrievals] == [
        "s3://logs/web/access.log.1.gz",
        "s3://logs/web/access.log",
    ]


@pytest.mark.slow
def test_a_failure_leaves_no_object_behind(bucket):
    rows = pa.table({"at": range(GROUP_ROWS)})  # which are written at once
    with pytest.raises(ZeroDivisionError), ParquetFile(f"{bucket}/web/out.parquet") as file:
        file.add(rows)
        raise ZeroDivisionError
    with ParquetFile(f"{bucket}/web/whole.parquet") as file:
        file.add(rows)

    listed = boto3.client("s3").list_objects_v2(Bucket="logs", Prefix="web/")["Contents"]
    names = [one["Key"] for one in listed if not one["Key"].endswith("/")]
    assert names == ["web/access.log", "web/access.log.1.gz", "web/whole.parquet"]

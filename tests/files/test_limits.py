"""Limits on evidence: a file is read up to a limit, the report names it, and other files are read."""

import bz2
import gzip
import json
import lzma
import time
from io import BytesIO
from uuid import UUID

import pyarrow as pa
import pytest

from watchme_analysis.access_logs.error_log import read_error_log
from watchme_analysis.access_logs.line_blocks import blocks_from
from watchme_analysis.access_logs.scan import AccessScan, read_access_logs
from watchme_analysis.case.importer import import_folder
from watchme_analysis.errors import InputError
from watchme_analysis.evidence.app_log import read_app_log
from watchme_analysis.evidence.edge import read_edge
from watchme_analysis.files.decompress import TruncatedError, filling, unpacked
from watchme_analysis.files.evidence_file import RawFile, read_content
from watchme_analysis.files.time_limit import TimeLimitError, time_limit
from watchme_analysis.files.yaml_values import read_yaml
from watchme_analysis.limits import MIB, Limits

LINE = b'192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /health HTTP/1.1" 200 15 "-" "curl"\n'
PACKINGS = {
    "gz": lambda data: gzip.compress(data, 9),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


@pytest.fixture
def limit(monkeypatch):
    def put(**values):
        for key, value in values.items():
            monkeypatch.setenv(f"WATCHME_LIMIT_{key.upper()}", str(value))

    return put


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_bomb_is_unpacked_up_to_its_ratio(limit, packing):
    limit(unpacked_mib=2, unpacked_times=20)
    stream = BytesIO(PACKINGS[packing](b"\0" * (8 * MIB)))
    read = 0
    with pytest.raises(TruncatedError, match="unpacked_times = 20"):
        for piece in unpacked(stream):
            read += len(piece)
    assert 2 * MIB <= read < 4 * MIB


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_in_memory_is_cut_at_its_size(pack):
    content = read_content(BytesIO(pack(b"x" * (2 * MIB))), Limits(file_mib=1))
    assert len(content.data) == MIB
    assert "file_mib = 1" in content.problem
    assert read_content(BytesIO(pack(b"x" * MIB)), Limits(file_mib=1)).problem is None


@pytest.mark.parametrize("lines", [1, 3, 400_000])
def test_a_file_in_memory_is_cut_at_its_lines(lines):
    data = b"abc\n" * 700_000
    content = read_content(BytesIO(data), Limits(lines=lines))
    assert content.data == b"abc\n" * lines
    assert f"lines = {lines}" in content.problem
    assert read_content(BytesIO(data), Limits(lines=700_000)) == (data, None)


def pieces(data, size):
    return filling(data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.slow(fast=5)
@pytest.mark.parametrize("place", ["first", "middle", "last", "last without an end"])
def test_of_a_long_line_of_a_stream_only_the_beginning_is_held(limit, place):
    limit(line_mib=1)
    length = 12 * MIB
    long = b"y" * length + b"\n"
    before, after = (b"" if place == "first" else LINE * 40_000), (LINE * 9 if place == "middle" else b"")
    data = before + (long.rstrip(b"\n") if place.endswith("an end") else long) + (after or LINE)
    if place.startswith("last"):
        data = data.removesuffix(LINE)
    found = [(bytes(block), block.line_bytes) for block in blocks_from(pieces(data, 300_000))]
    (skipped,) = [one for one in found if one[1]]
    assert skipped[1] == length + (not place.endswith("an end"))
    assert long.startswith(skipped[0])
    assert len(skipped[0]) < 10_000
    kept = b"".join(text for text, size in found if not size)
    assert kept == data.replace(long.rstrip(b"\n") + (b"" if place.endswith("an end") else b"\n"), b"")


@pytest.mark.parametrize("engine", ["numba", "exact"])
def test_a_long_line_costs_itself_alone(limit, tmp_path, engine):
    limit(line_mib=1)
    log = tmp_path / "access.log"
    log.write_bytes(LINE * 3 + b"z" * (5 * MIB) + b"\n" + LINE * 2)
    frame, retrieval = read_access_logs([log], engine=engine)
    assert list(frame["line"]) == [1, 2, 3, 5, 6]
    assert (retrieval.lines, retrieval.rows) == (6, 5)
    (rejected,) = retrieval.rejected
    assert rejected.line == 4
    assert "line_mib = 1" in rejected.reason


@pytest.mark.slow
def test_what_is_no_log_at_all_is_not_read_to_its_end(limit, tmp_path):
    limit(rejected_lines=1000)
    log = tmp_path / "access.log"
    log.write_bytes(LINE * 5 + b"x\n" * 200_000)
    scan = AccessScan([log])
    scan.block_bytes = 4096
    assert sum(len(chunk.table) for chunk in scan) == 5
    (retrieval,) = scan.retrievals
    assert retrieval.truncated
    assert retrieval.lines < 100_000
    assert "rejected_lines = 1000" in retrieval.rejected[-1].reason


def test_a_log_that_takes_too_long_is_read_up_to_there(limit, tmp_path):
    limit(file_s=1)
    log = tmp_path / "access.log"
    log.write_bytes(LINE * 20_000)
    scan = AccessScan([log])
    scan.block_bytes = 4096
    rows = 0
    for chunk in scan:
        rows += len(chunk.table)
        time.sleep(0.4)  # a slow reader of the chunks
    (retrieval,) = scan.retrievals
    assert retrieval.truncated
    assert 0 < rows == retrieval.lines < 20_000
    assert "file_s = 1" in retrieval.rejected[-1].reason


TEXT_LOGS = {
    "app.log": (read_app_log, b"2025-12-11 01:10:30,471 INFO [17] service: done\n"),
    "error.log": (read_error_log, b"2025/12/11 01:10:30 [notice] 31#31: start worker process 32\n"),
    "edge.jsonl": (
        read_edge,
        b'{"RayID":"8f1","ClientIP":"192.0.2.7","EdgeStartTimestamp":1765415400000000000}\n',
    ),
}


@pytest.mark.parametrize("name", TEXT_LOGS)
def test_a_long_line_of_any_log_costs_itself_alone(limit, tmp_path, name):
    limit(line_mib=1)
    read, line = TEXT_LOGS[name]
    (tmp_path / name).write_bytes(line * 3 + b"z" * (2 * MIB) + b"\n" + line * 2)
    frame, retrieval = read(RawFile(tmp_path, name))
    assert list(frame["line"]) == [1, 2, 3, 5, 6]
    (rejected,) = retrieval.rejected
    assert rejected.line == 4
    assert "line_mib = 1" in rejected.reason
    assert len(rejected.text) < 3000


def test_a_long_line_among_log_events_costs_itself_alone(limit, tmp_path):
    limit(line_mib=1)
    line = b"2026-03-02T01:10:30.471Z START RequestId: %s Version: 1\n" % str(UUID(int=1)).encode()
    (tmp_path / "raw" / "logs").mkdir(parents=True)
    (tmp_path / "raw" / "logs" / "jobs.txt").write_bytes(line * 2 + b"z" * (2 * MIB) + b"\n" + line)
    found = import_folder(tmp_path / "raw", tmp_path / "case").case
    assert [len(message) < 100 for message in found.table("log_events")["message"]] == [True] * 3
    (row,) = found.table("rejected_lines").itertuples()
    assert "line_mib = 1" in row.text
    assert len(row.text) < 3000


@pytest.mark.slow
def test_brackets_take_time_in_proportion_to_their_number():
    began = time.process_time()
    assert read_yaml("[" * 10_000 + "]" * 10_000)
    assert time.process_time() - began < 10  # the library's own way takes more than twice as long


def test_reading_ends_in_time(limit):
    limit(file_s=1)
    with pytest.raises(TimeLimitError, match="file_s = 1"), time_limit(0):
        time.sleep(5)
    with time_limit(0):
        pass


@pytest.mark.slow
def test_a_file_that_reaches_a_limit_costs_no_other(tmp_path, limit):
    limit(unpacked_mib=1, unpacked_times=20)
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "app.log.gz").write_bytes(gzip.compress(b"INFO:     started\n" * 200_000))
    (evidence / "access.log").write_bytes(LINE * 5)
    case = import_folder(evidence, tmp_path / "case").case
    assert len(case.table("access_log")) == 5
    assert 0 < len(case.table("app_log")) < 200_000
    entry = case.coverage()["app_log"]
    assert entry["truncated"]
    (lost,) = case.sql("select reason from rejected_lines where file = 'app.log.gz'")["reason"]
    assert "unpacked_times = 20" in lost
    assert json.dumps(entry)


@pytest.mark.parametrize("name", ["queues/jobs.json", "edge_settings.json"])
def test_json_of_very_many_values_is_not_parsed(tmp_path, limit, name):
    """Three bytes of an empty object take sixty of memory, so that a packed file of 250 kB took 7 GB."""
    arn = "arn:aws:sqs:us-east-1:123456789012:jobs"
    documents = {
        "queues/jobs.json": f'{{"Attributes": {{"QueueArn": "{arn}"}}, "x": [{"{}," * 1_000}{{}}]}}',
        "edge_settings.json": f'{{"proxy_read_timeout": 100, "x": [{"{}," * 1_000}{{}}]}}',
    }
    (tmp_path / "raw" / "queues").mkdir(parents=True)
    (tmp_path / "raw" / name).write_text(documents[name])
    limit(json_values=3_000)
    assert all(
        entry["unread"] is None
        for entry in import_folder(tmp_path / "raw", tmp_path / "a").case.manifest["inputs"]
    )
    limit(json_values=2_000)
    problem = "json_values = 2000"
    try:
        (entry,) = import_folder(tmp_path / "raw", tmp_path / "b").case.manifest["inputs"]
        assert problem in str(entry)
    except InputError as error:
        assert problem in str(error)

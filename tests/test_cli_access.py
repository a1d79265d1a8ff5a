import json

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from watchme_analysis.cli_access import access

FORMAT = '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time "$upstream_addr"'
LINES = (
    '192.0.2.7 [2025-12-11T10:10:30+09:00] "GET /health HTTP/1.1" 200 15 0.004 "192.0.2.20:80"\n'
    "junk\n"
    "\n"
    '192.0.2.7 [2025-12-11T10:11:30+09:00] "GET /health HTTP/1.1" 504 15 30.001 "192.0.2.20:80"\n'
    '192.0.2.7 [2025-12-11T10:12:30+09:00] "POST /jobs/17 HTTP/1.1" 202 15 0.020 "-"\n'
)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "access.log"
    path.write_text(LINES)
    return path


def run(*arguments):
    return CliRunner().invoke(access, [*map(str, arguments)], catch_exceptions=False)


def test_a_page_for_a_person(log):
    page = run(log, "--format", FORMAT).output

    assert "2025-12-11 10:10:30 JST .. 2025-12-11 10:12:30 JST" in page
    assert "5 lines: 3 requests, 1 rejected, 1 blank" in page
    assert f"{log}:2: rejected" in page
    assert "504 33.3%" in page
    assert [row.split()[0] for row in page.splitlines() if row.startswith("/")][-2:] == ["/health", "/jobs/*"]


def test_json_says_the_same(log):
    result = json.loads(run(log, "--format", FORMAT, "--json").output)

    assert (result["lines"], result["rows"], result["rejected"], result["blank"]) == (5, 3, 1, 1)
    assert result["window"]["start"] == "2025-12-11T01:10:30+00:00"
    assert [(row["key"], row["requests"], row["max_s"]) for row in result["groups"]] == [
        ("/health", 2, 30.001),
        ("/jobs/*", 1, 0.02),
    ]
    assert result["statuses"] == {"200": 1, "202": 1, "504": 1}
    assert result["slowest"][0]["request_time_s"] == 30.001
    assert result["inputs"][0]["first_rejected"][0]["text"] == "junk"


@pytest.mark.parametrize(
    ("options", "requests", "left_out"),
    [
        (["--slow", "3s"], 1, 0),
        (["--slow", "20ms"], 2, 0),
        (["--since", "2025-12-11T10:11"], 2, 1),
        (["--until", "2025-12-11T10:11"], 1, 2),
        (["--path", "/jobs"], 1, 2),
    ],
)
def test_what_is_asked_is_counted(log, options, requests, left_out):
    result = json.loads(run(log, "--format", FORMAT, "--json", *options).output)

    assert (result["requests"], result["left_out"]) == (requests, left_out)


def test_requests_are_written_to_parquet(log, tmp_path):
    run(log, "--format", FORMAT, "--parquet", tmp_path / "out.parquet")

    table = pq.read_table(tmp_path / "out.parquet")
    assert table["line"].to_pylist() == [1, 4, 5]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["access.log", "out.parquet"]


def test_an_empty_log_is_no_error(tmp_path):
    (tmp_path / "access.log").write_text("")

    assert "0 lines" in run(tmp_path / "access.log").output

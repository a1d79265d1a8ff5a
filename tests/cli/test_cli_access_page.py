"""The page of ``watchme access``, line by line, and the parts that only some logs have."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from worlds.printed import lines_of, one_line, said
from worlds.together import together

from watchme_analysis.cli import access_run
from watchme_analysis.cli.access_text import (
    Page,
    about,
    errors_part,
    notes_of,
    table_of,
)
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.text.message import Resource

OUT = Printer("en", ZoneInfo("Asia/Tokyo"))
PAGE = Page(2, 200, OUT, len("2025-12-11 "))
FORMAT = '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time "$upstream_addr"'
LINES = (
    '192.0.2.7 [2025-12-11T10:10:30+09:00] "GET /health HTTP/1.1" 200 15 0.004 "192.0.2.20:80"\n'
    "junk\n"
    "\n"
    '192.0.2.7 [2025-12-11T10:11:30+09:00] "GET /health HTTP/1.1" 504 15 30.001 "192.0.2.20:80"\n'
    '192.0.2.7 [2025-12-11T10:12:30+09:00] "POST /jobs/17 HTTP/1.1" 202 15 0.020 "-"\n'
)
ERROR = (
    "2025/12/11 10:11:30 [error] 31#31: *7 upstream timed out (110: Connection timed out) while reading "
    'response header from upstream, client: 192.0.2.7, server: _, request: "GET /health HTTP/1.1", '
    'upstream: "http://192.0.2.20:80/health", host: "api.example.com"\n'
)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "access.log"
    path.write_text(LINES)
    return path


def heads(*names):
    return one_line(" ".join(said(f"access-column-{name}") for name in names))


def test_the_page_has_each_part_with_its_numbers(watchme, log):
    ended = watchme("access", log, "--format", FORMAT, columns=160)
    times = f"{said('access-column-p50-s')} p90 p99 max"
    counts = {"logs": 1, "requests": 3, "lines": 5, "rejected": 1, "blank": 1, "left_out": 0}
    lines = lines_of(ended.stdout)
    assert lines[2].startswith(f"{log}: ")
    assert [*lines[:2], *lines[3:]] == [
        "2025-12-11 10:10:30 .. 2025-12-11 10:12:30 Asia/Tokyo",
        said("access-lines", **counts),
        said("access-rejected", log=str(log), lines=1, share="20.0%"),
        one_line(said("access-rejected-line", line="2", reason=REASON) + ": junk"),
        "4xx 0.0% 5xx 33.3% 499 0.0% 502 0.0% 504 33.3%",
        said("access-statuses") + " 200: 1 202: 1 504: 1",
        f"path {heads('requests')} % {times}",
        "/health 2 66.7 0.004 30.001 30.001 30.001",
        "/jobs/* 1 33.3 0.020 0.020 0.020 0.020",
        "all 3 100.0 0.020 30.001 30.001 30.001",
        said("access-failures"),
        f"path {heads('failed', 'requests')} 4xx 5xx 499 502 504",
        "/health 1 2 0.0% 50.0% 0.0% 0.0% 50.0%",
        said("access-slowest"),
        heads("request", "ended", "request-s", "upstream-s", "status", "upstream"),
        "GET /health 10:11:30 30.001 - 504 192.0.2.20:80",
        "POST /jobs/17 10:12:30 0.020 - 202 -",
        "GET /health 10:10:30 0.004 - 200 192.0.2.20:80",
        said("access-upstreams"),
        heads("upstream", "upstream-status", "sent", "requests"),
        "192.0.2.20:80 - 200 1",
        "192.0.2.20:80 - 504 1",
    ]
    assert (ended.returncode, ended.stderr) == (0, "")
    assert watchme("access", log, "--format", FORMAT, "--strict").returncode == 1


REASON = "it is of none of the formats"


def test_json_has_the_same_numbers(watchme, log):
    found = json.loads(watchme("access", log, "--format", FORMAT, "--json").stdout)
    [health, jobs] = found.pop("groups")
    names = ("key", "requests", "share_pct", "timed", "p50_s", "max_s", "upstream_timed", "bytes", "504_pct")
    assert [health[name] for name in names] == ["/health", 2, 66.666667, 2, 0.004, 30.001, 0, 30, 50.0]
    assert [jobs[name] for name in names] == ["/jobs/*", 1, 33.333333, 1, 0.02, 0.02, 0, 15, 0.0]
    assert [found["total"][name] for name in names[1:]] == [3, 100.0, 3, 0.02, 30.001, 0, 45, 33.333333]
    [read] = found["inputs"]
    assert (read["rows"], read["rejected_reasons"]) == (3, {REASON: 1})
    assert read["first_rejected"] == [{"line": 2, "reason": REASON, "text": "junk"}]
    window = {"start": "2025-12-11T01:10:30+00:00", "end": "2025-12-11T01:12:30+00:00"}
    about_it = {
        "window": window, "lines": 5, "rows": 3, "rejected": 1, "blank": 1, "left_out": 0, "truncated": False,
        "requests": 3, "slower_than_s": None, "only": [], "untimed": 0, "by": "path", "sort": "requests",
        "surge": None, "notes": [], "statuses": {"200": 1, "202": 1, "504": 1},
    }  # fmt: skip
    assert {name: found[name] for name in about_it} == about_it
    rows = watchme("access", log, "--format", FORMAT, "--output", "jsonl").stdout.splitlines()
    assert [json.loads(row)["key"] for row in rows] == ["/health", "/jobs/*"]


def test_the_errors_of_requests_are_linked_to_them(watchme, log, tmp_path):
    (tmp_path / "error.log").write_text(ERROR)
    ended = watchme("access", log, "--format", FORMAT, columns=200)
    lines = lines_of(ended.stdout)
    at = lines.index(said("access-error-log", log=str(tmp_path / "error.log"), lines=1, rejected=0))
    below = [line for line in lines[at + 1 :] if not line.startswith(str(tmp_path / "error.log") + ": ")]
    paths, upstreams, sent = (said(f"access-column-{name}") for name in ("paths", "upstreams", "sent"))
    assert below == [
        heads("kind", "errors", "linked", "first", "last") + " p50 s",
        "upstream_timeout_header 1 1 10:11:30 10:11:30 30.001",
        f"{paths} /health (1)", f"{upstreams} 192.0.2.20:80 (1)", f"{sent} 504 (1)",
        said("access-linked", count=1),
        heads("request", "error", "kind", "sent", "request-s"),
        "GET /health 10:11:30 upstream_timeout_header 504 30.001",
        f"{log}:4 {tmp_path / 'error.log'}:1",
    ]  # fmt: skip
    # Of another day: none is about these requests, which a wrong zone would explain.
    (tmp_path / "error.log").write_text(ERROR.replace("2025/12/11", "2025/12/21"))
    other = lines_of(watchme("access", log, "--format", FORMAT, columns=200).stdout)
    assert other[-3:] == [
        said("access-note-outside", lines=1), said("access-note-error-zone"), said("access-no-errors")
    ]  # fmt: skip


def test_a_large_error_log_beside_the_log_is_named_and_not_read(watchme, log, tmp_path, monkeypatch):
    monkeypatch.setattr(access_run, "_MOST_ERROR_BYTES", 10)
    (tmp_path / "error.log").write_text(ERROR)
    (tmp_path / "error.log.d").mkdir()
    lines = lines_of(watchme("access", log, "--format", FORMAT, columns=200).stdout)
    assert said("access-note-large", file=str(tmp_path / "error.log")) in lines
    assert not any("upstream_timeout_header" in line for line in lines)


def test_a_log_without_a_zone_says_which_was_assumed(watchme, tmp_path):
    path = tmp_path / "access.log"
    path.write_text(
        "192.0.2.7:33317 [11/Dec/2025:10:10:00.655] in api/one 0/0/30/69/109 200 275 - - ---- 1/1/1/1/0 0/0 "
        '"GET /health HTTP/1.1"\n'
    )
    assert said("access-note-assumed-zone") in one_line(watchme("access", path).stdout)
    stated = one_line(watchme("access", path, "--log-timezone", "Asia/Tokyo").stdout)
    # Of the stated zone, and shown in the reader's, which is the same.
    assert said("access-note-assumed-zone") not in stated and stated.startswith("2025-12-11 10:10:00 ")


def test_parquet_without_a_request_and_over_another_file_is_refused(watchme, log, tmp_path):
    out = tmp_path / "out.parquet"
    none = watchme("access", log, "--format", FORMAT, "--only", "status=999", "--parquet", out)
    assert none.returncode == 2 and said("error-parquet-empty", file=str(out)) in one_line(none.stderr)
    assert not out.exists()
    out.write_text("something else")
    other = watchme("access", log, "--format", FORMAT, "--parquet", out)
    assert (other.returncode, out.read_text()) == (2, "something else")
    out.unlink()
    for _ in range(2):  # its own file is replaced
        assert watchme("access", log, "--format", FORMAT, "--parquet", out).returncode == 0
    assert out.read_bytes().startswith(b"PAR1")


@together(
    ("words", "message_id"),
    [
        (("--format", "$status", "--engine", "spark", "--spark", "memory"), "error-spark-setting"),
        (("--spark", "a=b"), "error-spark-needs-engine"),
        (("--columns", "path"), "error-columns-need-parquet"),
        (("--engine", "spark", "--errors", "x"), "error-errors-without-spark"),
        (("--since", "2025-01-02T00:00", "--until", "2025-01-02T00:00"), "error-until-before-since"),
        (("--slow", "0s"), "error-slow-duration"),
    ],
)
def test_options_that_do_not_fit_are_one_sentence(words, message_id):
    from click.testing import CliRunner

    from watchme_analysis.cli.access import access

    file = str(Path(__file__))  # some file: the options are refused before it is read
    ended = CliRunner().invoke(access, [file, *words, "--language", "en"], standalone_mode=False)
    values = {"value": "'memory'"} if message_id == "error-spark-setting" else {}
    assert one_line(getattr(ended.exception, "message", "")) == said(message_id, **values)


# Parts of the page


def test_a_table_is_shortened_in_its_first_column():
    rows = [["a" * 40, "1"], ["b", "22"]]
    narrow = Page(2, 20, OUT, 0)
    lines = table_of(["key", "n"], rows, narrow).splitlines()
    assert max(map(len, lines)) == 20 and lines[2].split() == ["b", "22"]
    assert "…" in lines[1]
    # Never below twelve characters.
    assert len(table_of(["key", "n"], rows, Page(2, 5, OUT, 0)).splitlines()[1].split()[0]) == 12
    assert table_of(["key", "n"], rows, PAGE).splitlines()[1] == "a" * 40 + "   1"


def read(**changes):
    return {
        "name": "a.log", "lines": 4, "rows": 3, "rejected": 0, "truncated": False, "first_rejected": [],
        "notes": [], "blank": 0, "left_out": 0,
    } | changes  # fmt: skip


def test_what_an_input_lacks_is_listed():
    rejected = [{"line": number, "reason": "No.", "text": "x"} for number in (1, 2, 3, 4)]
    assert about(read(), PAGE) == []
    found = about(read(rejected=1, truncated=True, first_rejected=rejected), PAGE)
    listed = [f"  {said('access-rejected-line', line=Resource(str(n)), reason='No.')}: x" for n in (1, 2, 3)]
    assert found == [
        said("access-incomplete", log="a.log"),
        said("access-rejected", log="a.log", lines=1, share="25.0%"),
        *listed,
    ]
    # Line 0 is the torn end of a file.
    torn = [{"line": 0, "reason": "It is cut.", "text": ""}]
    assert about(read(rejected=1, first_rejected=torn), PAGE)[1:] == ["  It is cut."]


def test_a_note_of_several_inputs_is_told_once():
    inputs = [read(notes=["One."]), read(name="b.log", notes=["One.", "Two."])]
    assert notes_of(inputs, PAGE) == [f"{said('access-logs', logs=2)}: One.", "b.log: Two."]


def test_errors_without_a_request_are_counted_and_the_last_linked_ones_shown():
    def line(number, linked=True):
        return {
            "method": "GET", "path": f"/{number}", "time": "2025-12-11T01:00:00+00:00", "kind": "k",
            "status": 504, "request_time_s": None, "request_line": number if linked else None,
            "request_file": "a.log", "file": "e.log", "line": number,
        }  # fmt: skip

    kind = {
        "kind": "k", "errors": 1234, "linked": 3, "timed": 2, "p50_s": None, "paths": "", "upstreams": "",
        "statuses": "504", "first": None, "last": "2025-12-11T01:00:00+00:00",
    }  # fmt: skip
    errors = {
        "inputs": [read(notes=["A note."])], "notes": ["Another."], "errors": 1234, "kinds": [kind],
        "lines": [line(1), line(2), line(9, linked=False), line(3)],
    }  # fmt: skip
    assert lines_of(errors_part(errors, PAGE)) == [
        said("access-error-log", log="a.log", lines=4, rejected=0),
        "a.log: A note.",
        "Another.",
        # The median is of fewer requests than are linked, so their number is shown.
        heads("kind", "errors", "linked", "first", "last", "timed") + " p50 s",
        "k 1,234 3 - 10:00:00 2 -",
        said("access-column-sent") + " 504",
        said("access-linked", count=2),
        heads("request", "error", "kind", "sent", "request-s"),
        "GET /2 10:00:00 k 504 -", "a.log:2 e.log:2", "GET /3 10:00:00 k 504 -", "a.log:3 e.log:3",
    ]  # fmt: skip
    assert lines_of(errors_part(errors | {"errors": 0}, PAGE))[-1] == said("access-no-errors")


# Progress

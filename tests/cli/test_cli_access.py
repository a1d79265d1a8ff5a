"""``watchme access``: its page, its JSON, what is counted, the errors of requests, and its exit code."""

import gzip
import json
import shlex
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from worlds.printed import lines_of, one_line, said

FORMAT = '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time "$upstream_addr"'
LINES = (
    '192.0.2.7 [2025-12-11T10:10:30+09:00] "GET /health HTTP/1.1" 200 15 0.004 "192.0.2.20:80"\n'
    "junk\n"
    "\n"
    '192.0.2.7 [2025-12-11T10:11:30+09:00] "GET /health HTTP/1.1" 504 15 30.001 "192.0.2.20:80"\n'
    '192.0.2.7 [2025-12-11T10:12:30+09:00] "POST /jobs/17 HTTP/1.1" 202 15 0.020 "-"\n'
)
COMBINED = '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /a HTTP/1.1" 200 12 "-" "curl"\n'
# As a host in Japan writes it, whose access log has the offset.
ERROR = (
    "2025/12/11 10:11:30 [error] 31#31: *7 upstream timed out (110: Connection timed out) while reading "
    'response header from upstream, client: 192.0.2.7, server: _, request: "GET /health HTTP/1.1", '
    'upstream: "http://192.0.2.20:80/health", host: "api.example.com"\n'
)
STARTED = "2025/12/11 10:11:40 [notice] 31#31: start worker process 32\n"
REASON = "it is of none of the formats"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "access.log"
    path.write_text(LINES)
    return path


@pytest.fixture
def run(watchme, tmp_path):
    """Return a function that summarises logs in the FORMAT."""

    def run(*words, columns=160):
        return watchme("access", *words, "--format", FORMAT, cwd=tmp_path, columns=columns)

    return run


@pytest.fixture
def found(run):
    """Return a function that summarises logs in the FORMAT as JSON."""
    return lambda *words: json.loads(run(*words, "--json").stdout)


def heads(*names):
    return one_line(" ".join(said(f"access-column-{name}") for name in names))


def test_the_page_has_each_part_with_its_numbers(run, log):
    ended = run(log)
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
        f"path {heads('requests')} % {said('access-column-p50-s')} p90 p99 max",
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


def test_json_has_the_same_numbers(run, found, log):
    report = found(log)
    [health, jobs] = report.pop("groups")
    names = ("key", "requests", "share_pct", "timed", "p50_s", "max_s", "upstream_timed", "bytes", "504_pct")
    assert [health[name] for name in names] == ["/health", 2, 66.666667, 2, 0.004, 30.001, 0, 30, 50.0]
    assert [jobs[name] for name in names] == ["/jobs/*", 1, 33.333333, 1, 0.02, 0.02, 0, 15, 0.0]
    assert [report["total"][name] for name in names[1:]] == [3, 100.0, 3, 0.02, 30.001, 0, 45, 33.333333]
    [read] = report["inputs"]
    assert (read["rows"], read["rejected_reasons"]) == (3, {REASON: 1})
    assert read["first_rejected"] == [{"line": 2, "reason": REASON, "text": "junk"}]
    about = {
        "window": {"start": "2025-12-11T01:10:30+00:00", "end": "2025-12-11T01:12:30+00:00"},
        "lines": 5, "rows": 3, "rejected": 1, "blank": 1, "left_out": 0, "truncated": False, "requests": 3,
        "slower_than_s": None, "only": [], "untimed": 0, "by": "path", "sort": "requests", "surge": None,
        "notes": [], "statuses": {"200": 1, "202": 1, "504": 1},
    }  # fmt: skip
    assert {name: report[name] for name in about} == about
    rows = run(log, "--output", "jsonl").stdout.splitlines()
    assert [json.loads(row)["key"] for row in rows] == ["/health", "/jobs/*"]


LONG = "/a/" + "path" * 14


@pytest.mark.parametrize(("columns", "tables"), [(80, 2), (160, 1)])
def test_the_page_fits_a_terminal(watchme, tmp_path, columns, tables):
    for day in (1, 2):
        lines = (
            f'192.0.2.7 [2025-12-1{day}T10:11:3{at}+09:00] "GET {LONG}/{"abc"[at % 3]} HTTP/1.1" 50{at % 5} '
            f'15 30.00{at} "192.0.2.20:8{at:03}" "29.00{at}"\n'
            for at in range(9)
        )
        (tmp_path / f"access.log.{day}").write_text("".join(lines) + "j" * 300 + "\n")
    (tmp_path / "error.log").write_text(ERROR.replace("GET /health", f"GET {LONG}/a"))
    words = ("--format", f'{FORMAT} "$upstream_response_time"', "--by", "full-path")
    page = watchme("access", tmp_path, *words, columns=columns).stdout
    assert [line for line in page.splitlines() if len(line) > columns and str(tmp_path) not in line] == []
    assert page.count("full-path  ") == tables + 1
    # Shortened texts are still distinguishable.
    assert len({line.split()[0] for line in page.splitlines() if line.startswith("/a/")}) >= 3
    # The day is shown where there are several; what all logs share is said once.
    assert "12-11 10:11:38" in page and "2 logs: log_format as stated" in page


@pytest.mark.slow
def test_minutes_without_a_request_have_a_row(watchme, tmp_path):
    moments = ("10:10:30", "10:11:59", "10:13:00", "10:14:10", "10:59:59")
    lines = [COMBINED.replace("10:10:30", moment) for moment in moments]
    lines += [COMBINED.replace("11/Dec/2025:10:10:30", "13/Dec/2025:00:00:01")]
    (tmp_path / "access.log").write_text("".join(lines))
    page = watchme("access", tmp_path / "access.log", "--by", "minute").stdout
    rows = [row.split()[:-1] for row in page.splitlines() if row.startswith("2025-12-") and row[-1] != "o"]
    assert [" ".join(row) for row in rows] == [
        "2025-12-11 10:10 1",
        "2025-12-11 10:11 1",
        "2025-12-11 10:12 0",
        "2025-12-11 10:13 1",
        "2025-12-11 10:14 1",
        "2025-12-11 10:15 .. 10:58 0",
        "2025-12-11 10:59 1",
        "2025-12-11 11:00 .. 2025-12-12 23:59 0",
        "2025-12-13 00:00 1",
    ]
    few = watchme("access", tmp_path / "access.log", "--by", "minute", "--top", "2").stdout
    assert "(4 more: --top 6)" in few


def test_a_surge_names_its_sender_and_how_to_choose_it(watchme, tmp_path):
    line = '{} - - [11/Dec/2025:10:{:02}:{:02} +0900] "GET /a HTTP/1.1" 200 12 "-" "{}"\n'
    lines = []
    for second in range(0, 3600, 10):
        at = divmod(second, 60)
        lines.append(line.format(f"192.0.2.{10 + second % 70}", *at, f"curl/{second % 7}"))
        lines += [line.format("192.0.2.9", *at, "ExampleBot")] * (19 if 1800 <= second < 2100 else 0)
    (tmp_path / "access.log").write_text("".join(lines))
    page = watchme("access", tmp_path / "access.log", "--timezone", "Asia/Tokyo").stdout
    assert "10:30:00" in page and "10:35:00" in page
    for word in ("client=192.0.2.9", "agent=ExampleBot"):
        assert f"--only {word})" in page


@pytest.mark.slow
def test_filters_and_orders_choose_what_is_counted(found, log):
    for options, requests, left_out in (
        (["--slow", "3s"], 1, 0),
        (["--slow", "20ms"], 2, 0),
        (["--since", "2025-12-11T10:11"], 2, 1),
        (["--until", "2025-12-11T10:11"], 1, 2),
        (["--path", "/jobs"], 1, 2),
        (["--only", "status=5xx"], 1, 0),
        (["--only", "status=202,504"], 2, 0),
        (["--only", "path=/jobs/*", "--only", "status=504"], 0, 0),
        (["--only", "upstream=192.0.2.*", "--slow", "3s"], 1, 0),
    ):
        report = found(log, *options)
        assert (report["requests"], report["left_out"]) == (requests, left_out), options
    for order, keys in (("requests", ["GET", "POST"]), ("p50", ["POST", "GET"]), ("max", ["GET", "POST"])):
        assert [row["key"] for row in found(log, "--by", "method", "--sort", order)["groups"]] == keys


def test_a_chosen_agent_may_hold_a_comma(watchme, tmp_path):
    agent = "Mozilla/5.0 (KHTML, like Gecko)"
    (tmp_path / "access.log").write_text(COMBINED + COMBINED.replace("curl", agent))
    ended = watchme("access", tmp_path / "access.log", "--only", f"agent={agent}", "--json")
    assert json.loads(ended.stdout)["requests"] == 1


def test_counted_requests_are_written_to_parquet(run, log, tmp_path):
    out = tmp_path / "out.parquet"
    run(log, "--parquet", out)
    assert pq.read_table(out)["line"].to_pylist() == [1, 4, 5]
    # Its own file is replaced.
    options = ("--only", "client=192.0.2.7", "--only", "method=GET", "--slow", "20ms")
    run(log, "--parquet", out, "--columns", "path,status", *options)
    assert pq.read_table(out).to_pylist() == [{"path": "/health", "status": 504}]


@pytest.mark.parametrize(
    "options",
    [
        ["--parquet", "out", "--path", "/none"],
        ["--parquet", "none/out"],
        ["--parquet", "access.log"],
        ["--parquet", "."],
        ["--parquet", "other"],
    ],
)
def test_parquet_takes_the_place_of_nothing_else(run, log, tmp_path, options):
    (tmp_path / "other").write_text("something else")
    assert run(log, *options).returncode == 2
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "access.log": LINES,
        "other": "something else",
    }


def test_error_logs_beside_the_log_show_their_requests(run, found, log, tmp_path):
    errors = tmp_path / "error.log"
    errors.write_text(ERROR)
    lines = lines_of(run(log).stdout)
    at = lines.index(said("access-error-log", log=str(errors), lines=1, rejected=0))
    paths, upstreams, sent = (said(f"access-column-{name}") for name in ("paths", "upstreams", "sent"))
    assert [line for line in lines[at + 1 :] if not line.startswith(f"{errors}: ")] == [
        heads("kind", "errors", "linked", "first", "last") + " p50 s",
        "upstream_timeout_header 1 1 10:11:30 10:11:30 30.001",
        f"{paths} /health (1)", f"{upstreams} 192.0.2.20:80 (1)", f"{sent} 504 (1)",
        said("access-linked", count=1),
        heads("request", "error", "kind", "sent", "request-s"),
        "GET /health 10:11:30 upstream_timeout_header 504 30.001",
        f"{log}:4 {errors}:1",
    ]  # fmt: skip
    [line] = found(log)["errors"]["lines"]
    assert (line["request_line"], line["status"], line["request_time_s"]) == (4, 504, 30.001)
    # Of another day: none is about these requests, which a wrong zone would explain.
    errors.write_text(ERROR.replace("2025/12/11", "2025/12/21"))
    assert lines_of(run(log).stdout)[-3:] == [
        said("access-note-outside", lines=1), said("access-note-error-zone"), said("access-no-errors")
    ]  # fmt: skip


@pytest.mark.slow
def test_options_choose_the_errors(run, found, log, tmp_path):
    (tmp_path / "error.log").write_text((ERROR + STARTED) * 2)
    (tmp_path / "other.log").write_text(ERROR + STARTED)
    both = {"startup": 1, "upstream_timeout_header": 1}
    for options, kinds in (
        (["--errors", "none"], None),
        (["--errors", "other.log"], both),
        (["--errors", "other.log", "--log-timezone", "Asia/Tokyo"], both),
        (["--errors", "other.log", "--path", "/health"], {"upstream_timeout_header": 1}),
        (["--errors", "other.log", "--since", "2025-12-11T10:11:35"], {"startup": 1}),
        (["--errors", "other.log", "--log-timezone", "UTC"], {}),
    ):
        errors = found(log, *options).get("errors")
        shown = None if errors is None else {row["kind"]: row["errors"] for row in errors["kinds"]}
        assert shown == kinds, options
    unread = run(log, "--errors", log).stdout.partition("Error log")[2]
    assert "None of its lines could be read: they are not in the format" in unread


def test_an_unread_log_is_told_the_format_that_reads_it(watchme, tmp_path):
    log = tmp_path / "access.log"
    log.write_text('192.0.2.7;11/Dec/2025:10:10:30;504;"GET /health HTTP/1.1"\n' * 3)

    advice = one_line(watchme("access", log).stdout).partition("would fit ")[2]
    _, proposed = shlex.split(advice.partition(": check")[0])

    assert " 3 requests, 0 rejected" in watchme("access", log, "--format", proposed).stdout


COMPRESSED = gzip.compress(COMBINED.encode() * 99)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "options", "code"),
    [
        (COMBINED.encode(), [], 0),
        (COMBINED.encode() + b"junk\n", [], 0),
        (COMBINED.encode() + b"junk\n", ["--strict"], 1),
        (b"junk\n\n", [], 1),
        (b"", ["--strict"], 0),
        (COMPRESSED, [], 0),
        (COMPRESSED[:-20], [], 1),
    ],
    ids=["whole", "rejected", "strict", "unread", "empty", "compressed", "torn"],
)
def test_the_exit_code_says_whether_all_was_read(watchme, tmp_path, data, options, code):
    (tmp_path / "access.log").write_bytes(data)
    ended = watchme("access", tmp_path / "access.log", *options)
    assert ended.returncode == code
    assert ("INCOMPLETE" in ended.stdout) == (data == COMPRESSED[:-20])


@pytest.mark.parametrize(
    ("words", "message_id"),
    [
        ([], "error-files-missing"),
        (["access.log", "--columns", "time"], "error-columns-need-parquet"),
        (["access.log", "--spark", "a=b"], "error-spark-needs-engine"),
        (["access.log", "--engine", "spark", "--errors", "x"], "error-errors-without-spark"),
        (["access.log", "--slow", "0s"], "error-slow-duration"),
        (["access.log", "--since", "2025-12-11", "--until", "2025-12-10"], "error-until-before-since"),
    ],
)
def test_options_that_do_not_fit_are_refused(watchme, tmp_path, words, message_id):
    ended = watchme("access", *words, cwd=tmp_path)
    assert (ended.returncode, said(message_id) in one_line(ended.stderr)) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numba", "exact"])
def test_a_summary_loads_no_pandas_and_no_scipy(tmp_path, engine):
    # Lines of the exact way as well; pandas alone takes a fifth of the memory that a summary may take.
    (tmp_path / "access.log").write_text(LINES + LINES.replace("health", "監視"))
    code = (
        "import sys; from watchme_analysis.cli import cli; "
        "cli.main(sys.argv[1:], standalone_mode=False); "
        "print(*sorted({'pandas', 'scipy', 'coverage'} & set(sys.modules)), sep=',')"
    )
    words = ["access", tmp_path / "access.log", "--format", FORMAT, "--engine", engine, "--errors", "none"]
    ran = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=True
    )
    assert "6 requests, 2 rejected" in ran.stdout and ran.stdout.splitlines()[-1] == ""


@pytest.mark.slow
def test_format_zone_and_escapes_are_taken_from_where_they_are_stated(watchme, log, tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    # Upstream and referer by their places: nothing in the lines tells them apart.
    log_format = f"log_format own '{FORMAT}'; access_log /var/log/a.log own;"
    (folder / "nginx.conf").write_text(f"http {{ {log_format} }}\n")
    stated = watchme("access", log, "--nginx-conf", folder / "nginx.conf", "--json", "--by", "upstream")
    assert json.loads(stated.stdout)["requests"] == 3
    haproxy = (
        "192.0.2.7:33317 [11/Dec/2025:10:10:00.655] in api/one 0/0/30/69/109 200 275 - - ---- 1/1/1/1/0 0/0 "
        '"GET /health HTTP/1.1"\n'
    )
    log.write_text(haproxy)
    assert said("access-note-assumed-zone") in one_line(watchme("access", log).stdout)
    zoned = one_line(watchme("access", log, "--log-timezone", "Asia/Tokyo").stdout)
    assert said("access-note-assumed-zone") not in zoned and zoned.startswith("2025-12-11 10:10:00 ")
    log.write_text(COMBINED.replace("/a", "/caf\\xC3\\xA9"))
    assert "/caf\\xC3" in watchme("access", log, "--by", "full-path").stdout
    assert "/café" in watchme("access", log, "--by", "full-path", "--decode-escapes").stdout

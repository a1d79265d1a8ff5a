import fcntl
import gzip
import io
import json
import signal
import subprocess
import sys
import termios
import time
from array import array
from pathlib import Path

import click
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from worlds.together import together

from watchme_analysis.access_logs.engine import compilation, compile_cache
from watchme_analysis.access_logs.scan import AccessScan, LogOptions
from watchme_analysis.cli import cli
from watchme_analysis.cli.access import access
from watchme_analysis.cli.access_run import progress_message
from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Choice, Duration
from watchme_analysis.text.render import render

FORMAT = '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time "$upstream_addr"'
LINES = (
    '192.0.2.7 [2025-12-11T10:10:30+09:00] "GET /health HTTP/1.1" 200 15 0.004 "192.0.2.20:80"\n'
    "junk\n"
    "\n"
    '192.0.2.7 [2025-12-11T10:11:30+09:00] "GET /health HTTP/1.1" 504 15 30.001 "192.0.2.20:80"\n'
    '192.0.2.7 [2025-12-11T10:12:30+09:00] "POST /jobs/17 HTTP/1.1" 202 15 0.020 "-"\n'
)

COMBINED = '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /a HTTP/1.1" 200 12 "-" "curl"\n'
ERROR = (
    "2025/12/11 01:11:30 [error] 31#31: *7 upstream timed out (110: Connection timed out) while reading "
    'response header from upstream, client: 192.0.2.7, server: _, request: "GET /health HTTP/1.1", '
    'upstream: "http://192.0.2.20:80/health", host: "api.example.com"\n'
    "2025/12/11 01:11:40 [notice] 31#31: start worker process 32\n"
)


# As a host in Japan writes it, whose access log says so.
LOCAL_ERROR = ERROR.replace(" 01:11:", " 10:11:")


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "access.log"
    path.write_text(LINES)
    return path


def run(*arguments, **given):
    return CliRunner().invoke(
        access, [*map(str, arguments)], catch_exceptions=False, standalone_mode=False, **given
    )


@pytest.mark.slow
def test_a_page_for_a_person(log):
    page = run(log, "--format", FORMAT).output

    assert page.startswith(
        "2025-12-11 10:10:30 .. 2025-12-11 10:12:30 Asia/Tokyo\n1 log, 5 lines: 3 requests"
    )
    assert "1 rejected, 1 blank" in page
    assert "  line 2: it is of none of the formats: junk" in page
    assert "504 33.3%" in page
    times, _, further = page.partition("Failed requests")
    assert [row.split() for row in times.splitlines() if row.startswith("/")][-2:] == [
        ["/health", "2", "66.7", "0.004", "30.001", "30.001", "30.001"],
        ["/jobs/*", "1", "33.3", "0.020", "0.020", "0.020", "0.020"],
    ]
    assert ["/health", "1", "2", "0.0%", "50.0%", "0.0%", "0.0%", "50.0%"] in map(
        str.split, further.splitlines()
    )
    assert "GET /health" in further.partition("Slowest requests")[2].splitlines()[2]
    assert ["192.0.2.20:80", "-", "504", "1"] in map(str.split, further.splitlines())


LONG = "/a/" + "path" * 14


def wide_log(folder):
    upstream = ' "$upstream_response_time"'
    for day in (1, 2):
        (folder / f"access.log.{day}").write_text(
            "".join(
                f'192.0.2.7 [2025-12-1{day}T10:11:3{at}+09:00] "GET {LONG}/{"abc"[at % 3]} HTTP/1.1" '
                f'50{at % 5} 15 30.00{at} "192.0.2.20:8{at:03}" "29.00{at}"\n'
                for at in range(9)
            )
            + "j" * 300
            + "\n"
        )
    errors = "".join(
        LOCAL_ERROR.replace("GET /health", f"GET {LONG}/a").replace(":30 [error]", f":3{at} [error]")
        for at in range(9)
    )
    (folder / "error.log").write_text(errors)
    return FORMAT + upstream


@pytest.mark.parametrize(("columns", "tables"), [(80, 2), (160, 1)])
def test_the_page_fits_a_terminal(tmp_path, monkeypatch, columns, tables):
    log_format = wide_log(tmp_path)
    monkeypatch.setenv("COLUMNS", str(columns))

    page = run(tmp_path, "--format", log_format, "--by", "full-path").output

    assert [line for line in page.splitlines() if len(line) > columns and str(tmp_path) not in line] == []
    assert page.count("p50 s  ") + page.count("p50 s\n") == 3
    assert page.count("full-path  ") == tables + 1
    # Shortened texts are still distinguishable.
    assert len({line.split()[0] for line in page.splitlines() if line.startswith("/a/")}) >= 3
    assert "upstream_timeout_header" in page
    # The day is reported where there are several; what all logs share is said once.
    assert "12-11 10:11:38" in page
    assert "2 logs: log_format as stated" in page


@pytest.mark.slow
def test_a_log_without_times_says_so(tmp_path):
    (tmp_path / "access.log").write_text(COMBINED)

    page = run(tmp_path / "access.log").output

    assert "have no request times" in page
    assert "p50" not in page
    assert "Slowest" not in page


@pytest.mark.slow
def test_percentiles_of_some_requests_carry_their_count(tmp_path):
    times = ["0.200" if at % 20 == 0 else "-" for at in range(1000)]
    lines = [f'192.0.2.7 [2025-12-11T10:10:30+09:00] "GET /a HTTP/1.1" 200 15 {one} "-"\n' for one in times]
    (tmp_path / "access.log").write_text("".join(lines))

    page = run(tmp_path / "access.log", "--format", FORMAT).output
    report = json.loads(run(tmp_path / "access.log", "--format", FORMAT, "--json").output)

    head, row, total = (line.split() for line in page.splitlines() if line.startswith(("path", "/a", "all")))
    assert head[:4] == ["path", "requests", "%", "timed"]
    assert row[:4] == ["/a", "1,000", "100.0", "50"]
    assert total[:4] == ["all", "1,000", "100.0", "50"]
    assert (report["total"]["requests"], report["total"]["timed"]) == (1000, 50)
    assert (report["groups"][0]["timed"], report["groups"][0]["upstream_timed"]) == (50, 0)


@pytest.mark.slow
def test_all_requests_with_a_time_need_no_count_of_their_own(log):
    assert "timed" not in run(log, "--format", FORMAT).output.replace("upstream timed", "")


def test_minutes_stand_in_their_order_and_zone(log):
    page = run(log, "--format", FORMAT, "--by", "minute", "--top", "2").output

    times = page.partition("Failed")[0].splitlines()
    assert [row[:16] for row in times if row.startswith("2025-12-11 10:1") and ".." not in row] == [
        "2025-12-11 10:11",
        "2025-12-11 10:12",
    ]
    assert "(1 more: --top 3)" in page


def test_a_surge_names_its_sender_and_how_to_choose_it(tmp_path):
    line = '{} - - [11/Dec/2025:10:{:02}:{:02} +0900] "GET /a HTTP/1.1" 200 12 "-" "{}"\n'
    lines = []
    for second in range(0, 3600, 10):
        at = divmod(second, 60)
        lines.append(line.format(f"192.0.2.{10 + second % 70}", *at, f"curl/{second % 7}"))
        lines += [line.format("192.0.2.9", *at, "ExampleBot")] * (19 if 1800 <= second < 2100 else 0)
    (tmp_path / "access.log").write_text("".join(lines))
    page = run(str(tmp_path / "access.log"), "--timezone", "Asia/Tokyo").stdout
    assert "10:30:00" in page and "10:35:00" in page
    for word in ("client=192.0.2.9", "agent=ExampleBot"):
        assert f"--only {word})" in page


@pytest.mark.slow
def test_moments_without_a_request_are_said(tmp_path):
    moments = ("10:10:30", "10:11:59", "10:13:00", "10:14:10", "10:59:59")
    lines = [COMBINED.replace("10:10:30", moment) for moment in moments]
    lines += [COMBINED.replace("11/Dec/2025:10:10:30", "13/Dec/2025:00:00:01")]
    (tmp_path / "access.log").write_text("".join(lines))

    page = run(tmp_path / "access.log", "--by", "minute").output

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
    assert "10:11 .. 10:12" not in run(tmp_path / "access.log", "--by", "status").output


def test_moments_that_are_one_row_with_others_are_no_gap(tmp_path, monkeypatch):
    monkeypatch.setattr("watchme_analysis.access_logs.grouped_sums._MOST_KEYS", 2)
    lines = [COMBINED.replace("10:10:30", f"10:{minute}:00") for minute in (10, 10, 11, 12, 13, 14, 14)]
    (tmp_path / "access.log").write_text("".join(lines))

    page = run(tmp_path / "access.log", "--by", "minute").output

    assert "(others)" in page
    assert "10:11" not in page


@pytest.mark.slow
def test_top_says_how_many_rows_any_table_has(tmp_path):
    line = LINES.partition("\n")[0] + "\n"
    (tmp_path / "access.log").write_text(line * 30)
    slowest = run(tmp_path / "access.log", "--format", FORMAT, "--top", "12").output.partition("Slowest")[2]

    assert slowest.count("GET /health") == 12


@pytest.mark.slow
@pytest.mark.parametrize(
    ("order", "keys"), [("requests", ["GET", "POST"]), ("p50", ["POST", "GET"]), ("max", ["GET", "POST"])]
)
def test_groups_can_be_ordered(log, order, keys):
    result = json.loads(run(log, "--format", FORMAT, "--by", "method", "--sort", order, "--json").output)

    assert [row["key"] for row in result["groups"]] == keys


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "requests", "left_out"),
    [
        (["--slow", "3s"], 1, 0),
        (["--slow", "20ms"], 2, 0),
        (["--since", "2025-12-11T10:11"], 2, 1),
        (["--until", "2025-12-11T10:11"], 1, 2),
        (["--path", "/jobs"], 1, 2),
        (["--only", "status=5xx"], 1, 0),
        (["--only", "status=202,504"], 2, 0),
        (["--only", "path=/jobs/*"], 1, 0),
        (["--only", "path=/jobs/*", "--only", "status=504"], 0, 0),
        (["--only", "upstream=192.0.2.*", "--slow", "3s"], 1, 0),
    ],
)
def test_what_is_requested_is_counted(log, options, requests, left_out):
    result = json.loads(run(log, "--format", FORMAT, "--json", *options).output)

    assert (result["requests"], result["left_out"]) == (requests, left_out)


@pytest.mark.slow
def test_what_slow_leaves_out_is_reported(log, tmp_path):
    other = tmp_path / "other-access.log"
    other.write_text(COMBINED)

    page = run(log, other, "--format", FORMAT, "--slow", "30s").output

    page = " ".join(page.split())
    assert "1 of the requests took 30 s or longer and are counted below; 1 have no time to compare" in page


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--since", "2025-12-12"], ["--path", "/none"]])
def test_where_nothing_is_in_the_window_the_logs_say_where_they_are(log, options):
    page = " ".join(run(log, "--format", FORMAT, *options).output.split())

    assert "the logs reach from 2025-12-11 10:10:30 to 2025-12-11 10:12:30." in page


@pytest.mark.slow
def test_who_stops_a_scan_gets_what_was_read_until_then():
    command = [Path(sys.executable).with_name("watchme"), "access", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdin.write(COMBINED * 5_000)
        process.stdin.flush()
        # Until the pipe is read empty.
        while True:
            time.sleep(0.2)
            waiting = array("i", [0])
            fcntl.ioctl(process.stdin, termios.FIONREAD, waiting)
            if not waiting[0]:
                break
        process.send_signal(signal.SIGINT)
        page = process.stdout.read()

    assert process.returncode == 1
    assert "5,000 lines: 5,000 requests" in page
    assert "Stopped: the summary covers the lines read until then." in page
    assert "-: INCOMPLETE, rows are missing" in page


@pytest.mark.slow
def test_what_is_chosen_is_reported(log):
    page = run(log, "--format", FORMAT, "--only", "status=5xx", "--only", "upstream=-", "--slow", "3s").output

    page = " ".join(page.split())
    assert "0 of the requests are of status=5xx, upstream=-, took 3 s or longer and are counted below" in page


@pytest.mark.slow
def test_times_are_never_cut_short(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    line = LINES.partition("\n")[0]
    (tmp_path / "access.log").write_text(line.replace("0.004 ", "0.004 0.003 ") + "\n")
    text = FORMAT.replace(' "$upstream_addr"', ' $upstream_response_time "$upstream_addr"')

    page = run(tmp_path / "access.log", "--format", text, "--by", "hour", "--sort", "bytes").output

    assert "…" not in page
    assert page.count("2025-12-11 10:00  ") == 2


@pytest.mark.slow
def test_what_was_sent_is_shown_where_it_orders(log):
    page = run(log, "--format", FORMAT, "--by", "status", "--sort", "bytes").output

    assert "MB" in page
    assert "MB" not in run(log, "--format", FORMAT, "--by", "status").output


def test_a_folder_without_logs_is_distinguished_from_nothing(tmp_path):
    with pytest.raises(InputError, match=r"holds no access log .* \*access\*\.log"):
        run(tmp_path)


@pytest.mark.slow
def test_a_window_without_requests_is_reported(log):
    assert "No request matches the window" in run(log, "--format", FORMAT, "--since", "2h").output


def test_what_is_counted_is_written_to_parquet(log, tmp_path):
    out = tmp_path / "out.parquet"
    options = ("--only", "client=192.0.2.7", "--only", "method=GET", "--slow", "20ms")
    run(log, "--format", FORMAT, "--parquet", out, "--columns", "path,status", *options)

    assert pq.read_table(out).to_pylist() == [{"path": "/health", "status": 504}]


@pytest.mark.slow
def test_requests_are_written_to_parquet(log, tmp_path):
    run(log, "--format", FORMAT, "--parquet", tmp_path / "out.parquet")

    table = pq.read_table(tmp_path / "out.parquet")
    assert table["line"].to_pylist() == [1, 4, 5]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["access.log", "out.parquet"]


def test_an_empty_log_is_no_error(tmp_path):
    (tmp_path / "access.log").write_text("")

    assert "0 lines" in run(tmp_path / "access.log").output


@pytest.mark.slow
def test_columns_can_be_chosen(log, tmp_path):
    out = tmp_path / "out.parquet"

    run(log, "--format", FORMAT, "--parquet", out, "--columns", "time,status", "--path", "/health")

    assert pq.read_table(out).column_names == ["time", "status"]
    assert pq.read_table(out)["status"].to_pylist() == [200, 504]


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--parquet", "out", "--path", "/none"], ["--parquet", "none/out"]])
def test_parquet_that_can_not_be_written_leaves_nothing(log, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InputError, match="written"):
        run(log, "--format", FORMAT, *options)

    assert [path.name for path in tmp_path.iterdir()] == ["access.log"]


@pytest.mark.parametrize(("name", "reason"), [("access.log", "one of the logs"), (".", "a folder")])
def test_parquet_never_takes_the_place_of_a_log(log, tmp_path, monkeypatch, name, reason):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InputError, match=reason):
        run(log, "--format", FORMAT, "--parquet", name)

    assert log.read_text() == LINES


def test_error_logs_beside_the_log_show_their_requests(log, tmp_path):
    (tmp_path / "error.log").write_text(LOCAL_ERROR)

    page = run(log, "--format", FORMAT).output
    result = json.loads(run(log, "--format", FORMAT, "--json").output)["errors"]

    assert [row["kind"] for row in result["kinds"]] == ["startup", "upstream_timeout_header"]
    assert result["kinds"][1]["linked"] == 1
    assert result["lines"][0]["request_line"] == 4
    assert (result["lines"][0]["status"], result["lines"][0]["request_time_s"]) == (504, 30.001)
    assert f"{log}:4" in page
    assert f"{tmp_path / 'error.log'}:1" in page


@pytest.mark.slow
def test_errors_are_linked_by_the_connection_that_both_logs_name(tmp_path):
    (tmp_path / "access.log").write_text(
        "".join(
            f'192.0.2.7 [2025-12-11T10:11:30+09:00] "GET /health HTTP/1.1" 504 15 9.1 "192.0.2.20:80" {one}\n'
            for one in (6, 7, 8)
        )
    )
    (tmp_path / "error.log").write_text(LOCAL_ERROR)

    options = (tmp_path, "--format", f"{FORMAT} $connection", "--json")
    lines = json.loads(run(*options).output)["errors"]["lines"]

    assert [row["request_line"] for row in lines] == [2, None]


@pytest.mark.slow
def test_error_logs_of_a_folder_are_those_with_their_name(log, tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    with pytest.raises(InputError, match=r"holds no error log .* \*error\*\.log"):
        run(log, "--format", FORMAT, "--errors", folder)
    (folder / "error.log").write_text(LOCAL_ERROR)
    (folder / "access.log").write_text(LINES)

    found = json.loads(run(log, "--format", FORMAT, "--errors", folder, "--json").output)["errors"]

    assert [one["name"] for one in found["inputs"]] == [str(folder / "error.log")]
    with pytest.raises(InputError, match="no error log missing"):
        run(log, "--format", FORMAT, "--errors", "missing")


def test_what_is_no_error_log_is_not_required_to_state_its_format(log):
    _, _, errors = run(log, "--format", FORMAT, "--errors", log).output.partition("Error log")

    assert "None of its lines could be read: they are not in the format" in errors
    assert "--format" not in errors


def test_a_torn_error_log_makes_the_answer_incomplete(log, tmp_path):
    (tmp_path / "error.log.gz").write_bytes(gzip.compress(LOCAL_ERROR.encode())[:-12])

    assert run(log, "--format", FORMAT, "--errors", tmp_path / "error.log.gz").return_value == 1
    assert run(log, "--format", FORMAT, "--errors", "none").return_value == 0


def test_an_error_log_that_may_not_be_read_is_left_out(log, tmp_path, monkeypatch):
    path, plain = tmp_path / "error.log", Path.open
    path.write_text(LOCAL_ERROR)

    def refuse(one, *arguments, **options):
        if one == path:
            raise PermissionError(13, "Permission denied")
        return plain(one, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    page = run(log, "--format", FORMAT).output

    assert f"{path} can't be read: Permission denied" in page
    assert "3 requests" in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        (["--errors", "none"], None),
        (["--errors", "other.log"], {"startup": 1, "upstream_timeout_header": 1}),
        (
            ["--errors", "other.log", "--log-timezone", "Asia/Tokyo"],
            {"startup": 1, "upstream_timeout_header": 1},
        ),
        (["--errors", "other.log", "--path", "/health"], {"upstream_timeout_header": 1}),
        (["--errors", "other.log", "--since", "2025-12-11T10:11:35"], {"startup": 1}),
        (["--errors", "other.log", "--log-timezone", "UTC", "--since", "2025-12-11T10:00"], {}),
        (["--errors", "other.log", "--log-timezone", "UTC"], {}),
    ],
)
def test_which_errors_are_shown(log, tmp_path, monkeypatch, options, kinds):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "error.log").write_text(LOCAL_ERROR * 2)
    (tmp_path / "other.log").write_text(LOCAL_ERROR)

    result = json.loads(run(log, "--format", FORMAT, "--json", *options).output)

    found = result.get("errors")
    assert (None if found is None else {row["kind"]: row["errors"] for row in found["kinds"]}) == kinds


@pytest.mark.slow
def test_an_error_log_of_another_time_is_distinguished(log, tmp_path):
    (tmp_path / "error.log").write_text(LOCAL_ERROR)

    page = run(log, "--format", FORMAT, "--log-timezone", "UTC").output

    assert "2 lines are outside the window" in page
    assert "--log-timezone" in page


@pytest.mark.slow
def test_a_case_answers_which_request_an_error_is_about(log, tmp_path):
    (tmp_path / "error.log").write_text(LOCAL_ERROR)
    (tmp_path / "nginx.conf").write_text(
        f"http {{ log_format timed '{FORMAT}'; access_log access.log timed; }}"
    )
    query = "select kind, link, request_file, request_line, status from linked_errors order by line"

    done = CliRunner().invoke(cli, ["case", "sql", str(tmp_path), query, "--csv"], catch_exceptions=False)

    assert done.output.splitlines()[1:] == [
        "upstream_timeout_header,alone,access.log,4,504",
        "startup,no_request,,,",
    ]


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    ("good", "options", "words"),
    [
        (0, [], "it was not read: none of"),
        (0, ["--format", FORMAT], "0 requests, 5,000 rejected"),
        (500, [], "500 requests, 5,000 rejected"),
    ],
    ids=["none", "stated", "late"],
)
def test_a_large_log_of_no_known_format_is_left_early(tmp_path, monkeypatch, good, options, words):
    monkeypatch.setattr("watchme_analysis.access_logs.accounting.LARGE_BYTES", 1 << 16)
    junk = "".join(f"{at}: what another program wrote\n" for at in range(5000))
    (tmp_path / "access.log").write_text(junk + good * COMBINED)

    result = run(tmp_path / "access.log", *options)

    assert words in result.output
    assert result.return_value == (0 if good else 1)
    assert "line 1: " in result.output


@pytest.mark.slow
def test_many_lines_of_which_none_can_be_read_are_reported_at_once(monkeypatch):
    monkeypatch.setattr("watchme_analysis.cli.access_run._MANY_LINES", 10)
    for rest, reported in ((b"", 1), (COMBINED.encode(), 0)):
        result = run("-", input=rest + 2000 * b"junk\n")
        assert result.stderr.count("of the first 2,000 lines could be read") == reported


@pytest.mark.slow
def test_escapes_are_decoded_where_requested(tmp_path):
    line = COMBINED.replace("/a", "/caf\\xC3\\xA9")
    (tmp_path / "access.log").write_text(line)

    assert "/caf\\xC3" in run(tmp_path / "access.log", "--by", "full-path").output
    assert "/café" in run(tmp_path / "access.log", "--by", "full-path", "--decode-escapes").output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "options", "code"),
    [
        (COMBINED.encode(), [], 0),
        (COMBINED.encode() + b"junk\n", [], 0),
        (COMBINED.encode() + b"junk\n", ["--strict"], 1),
        (b"junk\n", [], 1),
        (b"junk\n\n", [], 1),
        (b"", ["--strict"], 0),
        (gzip.compress(COMBINED.encode() * 99)[:-20], [], 1),
    ],
    ids=["whole", "rejected", "strict", "unread", "unread and blank", "empty", "torn"],
)
def test_the_exit_code_says_whether_all_was_read(tmp_path, data, options, code):
    (tmp_path / "access.log").write_bytes(data)

    result = run(tmp_path / "access.log", *options)

    assert result.return_value == code
    assert ("INCOMPLETE" in result.output) == (data[:2] == b"\x1f\x8b")


@pytest.mark.slow
def test_standard_input_is_read():
    result = json.loads(run("-", "--json", input=COMBINED).output)

    assert (result["rows"], result["inputs"][0]["name"]) == (1, "-")


@together(
    ("arguments", "message"),
    [
        ([], "FILES are missing"),
        (["x", "--columns", "time"], "--columns needs --parquet"),
        (["x", "--spark", "a=b"], "--spark needs --engine spark"),
        (["x", "--engine", "spark", "--errors", "error.log"], "cannot be combined"),
        (["--athena-ddl", "s3://bucket/x/"], "wants FILES"),
        (["x.log", "--slow", "0s"], "such as 3s or 500ms"),
        (["x.log", "--path", "health"], "such as /health"),
        (["x.log", "--since", "2025-12-11", "--until", "2025-12-10"], "must be after --since"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(click.UsageError, match=message):
        run(*arguments)


def test_an_athena_table_is_printed_for_a_log_or_a_format(log):
    of_log = run(log, "--format", FORMAT, "--athena-ddl", "s3://bucket/nginx/").output
    stated = run("--format", FORMAT, "--athena-ddl", "s3://bucket/nginx/").output

    assert of_log == stated
    assert "CREATE EXTERNAL TABLE" in of_log


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numba", "exact"])
def test_a_summary_loads_no_pandas_and_no_scipy(tmp_path, engine):
    # Lines of the exact way as well; pandas alone takes a fifth of the memory that a summary may take.
    (tmp_path / "access.log").write_text(LINES + LINES.replace("health", "監視"))
    run = (
        "import sys; from watchme_analysis.cli import cli; "
        "cli.main(sys.argv[1:], standalone_mode=False); "
        "print(*sorted({'pandas', 'scipy', 'coverage'} & set(sys.modules)), sep=','); "
        "import scipy, numba; print(scipy is not None)"
    )
    words = [
        "access",
        str(tmp_path / "access.log"),
        "--format",
        FORMAT,
        "--engine",
        engine,
        "--errors",
        "none",
    ]
    requested = subprocess.run(
        [sys.executable, "-c", run, *words], capture_output=True, text=True, check=True
    )
    assert "6 requests, 2 rejected" in requested.stdout
    assert "Slowest requests" in requested.stdout
    assert requested.stdout.splitlines()[-2:] == ["", "True"]


@pytest.mark.parametrize(
    ("engine", "kept", "times"), [("numba", False, 1), ("numba", True, 0), ("exact", False, 0)]
)
def test_the_loop_is_compiled_apart_once_and_only_where_it_reads(log, monkeypatch, engine, kept, times):
    made = []
    monkeypatch.setattr(compile_cache, "is_compiled", lambda: kept)
    monkeypatch.setattr(compilation, "compile_in_subprocesses", lambda: made.append(engine))
    assert "3 requests" in run(log, "--format", FORMAT, "--engine", engine).output
    assert len(made) == times


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_progress_is_a_share_of_what_is_stored_and_a_rough_time(tmp_path, pack):
    # Of different sizes, so that a share of the logs would be another one.
    for name, count in (("access.log", 40_000), ("access.log.1", 120_000)):
        lines = (COMBINED.replace("/a", f"/{name}/{at}") for at in range(count))
        (tmp_path / name).write_bytes(pack("".join(lines).encode()))
    scan = AccessScan([tmp_path], LogOptions(log_format="combined"))
    seen = [(scan.share_read(), *(progress_message(scan, 5, took) for took in (1.0, 200.0))) for _ in scan]

    shares = [share for share, _, _ in seen]
    first = scan.inputs[0].size / sum(one.size for one in scan.inputs)
    assert shares == sorted(shares)
    assert first in shares
    assert shares[-1] == 1
    share, early, late = seen[0]
    assert render(early) == f"{share:.0%}, log 1 of 2, 5 lines, 5 a second: {scan.inputs[0].name}"
    assert late.values["left"] == Duration(round((200 / share - 200) / 60) * 60)
    assert late.values["known"] == Choice("time")


def test_progress_of_what_has_no_size_is_its_lines(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(COMBINED.encode() * 9)))
    scan = AccessScan(["-"])

    assert [render(progress_message(scan, 9, 200.0)) for _ in scan] == ["9 lines, 0 a second: -"]


@pytest.mark.slow
def test_a_format_stands_in_a_configuration_that_lies_elsewhere(log, tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    # Upstream and referer by their places: nothing in the lines tells them apart.
    log_format = f"log_format own '{FORMAT}'; access_log /var/log/a.log own;"
    (folder / "nginx.conf").write_text(f"http {{ {log_format} }}\n")
    options = ("--json", "--by", "upstream")
    found = json.loads(run(log, "--nginx-conf", folder / "nginx.conf", *options).output)
    assert (found["requests"], found["rejected"]) == (3, 1)
    assert json.loads(run(log, *options).output)["requests"] == 0


@pytest.mark.slow
def test_an_assumed_zone_is_named_unless_it_is_stated_or_logged(tmp_path):
    log = tmp_path / "access.log"
    line = (
        "192.0.2.7:33317 [11/Dec/2025:10:10:00.655] in api/one 0/0/30/69/109 200 275 - - ---- 1/1/1/1/0 0/0"
    )

    def notes(*words):
        found = CliRunner().invoke(access, [str(log), "--json", *words], standalone_mode=False)
        return [note for note in json.loads(found.stdout)["notes"] if "--log-timezone" in note]

    log.write_text(f'{line} "GET /health HTTP/1.1"\n')
    assert len(notes()) == 1
    assert notes("--log-timezone", "Asia/Tokyo") == []
    log.write_text('192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /health HTTP/1.1" 200 15 "-" "curl"\n')
    assert notes() == []

"""Logs that went through syslog, journald, Docker or Kubernetes on their way."""

import json
from datetime import UTC

import pytest

from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.error_log import looks_like, read_error_log
from watchme_analysis.access_logs.formats.known_formats import stock_formats
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.access_logs.scan import AccessScan, read_access_logs
from watchme_analysis.files.evidence_file import RawFile

LINE = '192.0.2.{} - - [11/Dec/2025:10:10:{:02} +0900] "GET /{} HTTP/1.1" 200 12 "-" "curl"'
ERROR = (
    "2025/12/11 01:10:30 [error] 31#31: *7 connect() failed (111: Connection refused) while connecting to "
    'upstream, client: 192.0.2.7, server: _, request: "GET /a HTTP/1.1", upstream: "http://192.0.2.20:80/a", '
    'host: "api.example.com"'
)
PREFIXES = {
    "syslog of nginx": "<190>Dec 11 10:10:30 web1 nginx: ",
    "syslog without a host": "<190>Dec  1 10:10:30 nginx: ",
    "syslog file": "Dec 11 10:10:30 web1 nginx[123]: ",
    "syslog file with ISO times": "2025-12-11T10:10:30.123456+09:00 web1 nginx: ",
    "RFC 5424": '<190>1 2025-12-11T01:10:30.123Z web1 nginx 12 access [x@1 a="b"] ',
    "docker logs --timestamps": "2025-12-11T01:10:30.123456789Z ",
    "docker compose logs": "web-1  | ",
    "docker compose logs --ansi always": "\x1b[36mweb-1  | \x1b[0m",
    "docker compose logs -t": "web-1  | 2025-12-11T01:10:30.123456789Z ",
    "docker service logs": "web.1.x5kf@node-1    | ",
    "aws logs tail --format short": "2025-12-11T01:10:30 ",
    "aws logs tail": "2025-12-11T01:10:30.123000+00:00 web/nginx/0a1b-2c ",
    "logcli": '2025-12-11T10:10:30+09:00 {job="nginx", pod="web-1"} ',
    "kubernetes": "2025-12-11T01:10:30.1234Z stdout F ",
    "kubectl logs --prefix": "[pod/web-5d9c/nginx] ",
    "journalctl -o short-iso": "2025-12-11T10:10:30+0900 web1 nginx[9]: ",
}
prefixes = pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)


def read(lines, engine="exact", formats=None):
    data = "".join(f"{line}\n" for line in lines).encode()
    formats = formats or stock_formats()
    return Engine(formats, UTC, engine=engine).read(data)


@pytest.mark.slow(fast=12)
@pytest.mark.parametrize("engine", ENGINES[1:])
@prefixes
def test_what_stands_before_the_lines_is_taken_off(prefix, engine):
    lines = [LINE.format(at % 250, at % 60, at) for at in range(100)]
    lines[40], lines[50], lines[60] = "", "started", "it is no request"
    plain = read(lines)
    chunk = read([f"{prefix}{line}" for line in lines], engine)

    assert len(chunk.table) == 97
    assert chunk.table.to_pylist() == plain.table.to_pylist()
    assert (chunk.blank, chunk.reference_lines) == (1, 100 if engine == "exact" else 3)
    assert [(one.line, one.text) for one in chunk.rejected] == [
        (51, f"{prefix}started".encode()),
        (61, f"{prefix}it is no request".encode()),
    ]


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_time_that_the_format_writes_is_no_prefix(engine):
    timed = compile_format("$time_iso8601 " + stock_formats()[0].text + " $request_time", name="timed")
    whole = f"2025-12-11T10:10:30+09:00 {LINE.format(7, 30, 'a')}"
    chunk = read([f"{whole} 0.5", whole, f"{whole} 0.5"], engine, [timed, *stock_formats()])

    # Torn, the second would be a request of combined behind a time. The end of the time is no port either.
    assert chunk.table["request_time_s"].to_pylist() == [0.5, 0.5]
    assert [one.line for one in chunk.rejected] == [2]


@pytest.mark.parametrize("key", ["log", "message", "MESSAGE"])
def test_lines_that_others_wrapped_in_json_are_unwrapped(key):
    lines = [LINE.format(7, 30, "a") + "\n", "started\n", LINE.format(8, 31, "b")]
    chunk = read(
        [json.dumps({key: line, "stream": "stdout", "time": "2025-12-11T01:10:30Z"}) for line in lines]
    )

    assert chunk.table["path"].to_pylist() == ["/a", "/b"]
    assert [(one.line, one.reason) for one in chunk.rejected] == [
        (2, f"no request: no status or no target among its keys {key}, stream, time")
    ]


@pytest.mark.slow(fast=2)
@prefixes
def test_prefixed_logs_are_read_in_the_order_of_their_times(tmp_path, prefix):
    for name, second in (("access.log", 20), ("access.log.1", 10)):
        (tmp_path / name).write_text(f"{prefix}{LINE.format(7, second, second)}\n")

    frame, _ = read_access_logs([tmp_path])

    assert frame["path"].tolist() == ["/10", "/20"]
    assert [one.name[-1] for one in AccessScan([tmp_path]).inputs] == ["1", "g"]


@prefixes
def test_error_logs_lose_their_prefixes_too(tmp_path, prefix):
    # A container writes both logs to one place.
    lines = [ERROR, "a second line of it", LINE.format(7, 30, "a"), ERROR]
    (tmp_path / "error.log").write_text("".join(f"{prefix}{line}\n" for line in lines))
    raw = RawFile(tmp_path, "error.log", UTC)

    frame, account = read_error_log(raw)

    assert looks_like(raw)
    assert frame["kind"].tolist() == ["upstream_refused"] * 2
    assert frame["path"].iloc[1] == "/a"
    assert [(one.line, one.reason) for one in account.rejected] == [(3, "it is a line of another program")]
    assert account.joined_lines == 1

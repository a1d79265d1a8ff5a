"""Lines of labels and values (LTSV, key=value, JSON), as their programs and documentation write them."""

import json
from datetime import UTC, datetime

import pytest

from watchme_analysis.access_logs.engine.engine import Engine
from watchme_analysis.access_logs.formats.known_formats import stock_formats
from watchme_analysis.access_logs.scan import AccessScan

APACHE_LTSV = (
    "time:[11/Dec/2025:10:10:30 +0900]\thost:192.0.2.7\tforwardedfor:-\treq:GET /health?x=1 HTTP/1.1\t"
    "status:504\tsize:167\treferer:-\tua:curl/8.5.0\treqtime:30.002\tapptime:30.001\tvhost:api.example.com"
)
NGINX_LTSV = (
    "time:2025-12-11T10:10:30+09:00\thost:192.0.2.7\tmethod:GET\turi:/health?x=1\tstatus:200\t"
    "size:15\treqtime_microsec:250000"
)
KEY_VALUE = (
    'time="2025-12-11T10:10:30+09:00" remote_addr=192.0.2.7 method=GET path="/health?x=1" status=504 '
    'bytes=167 duration=30.002 user_agent="curl/8.5.0 (\\"x\\")"'
)
HEROKU = (
    '2025-12-11T01:10:30.123456+00:00 heroku[router]: at=info method=GET path="/health" '
    'host=api.example.com request_id=8601b555-6a83-4c12-8269-97c8e32cdb22 fwd="192.0.2.7" dyno=web.1 '
    "connect=1ms service=250ms status=200 bytes=15 protocol=https"
)


def read(*lines, engine="exact"):
    data = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines).encode()
    return Engine(stock_formats(), UTC, engine=engine).read(data)


def row(line, engine="exact"):
    (found,) = read(line, engine=engine).table.to_pylist()
    return found


def at(text):
    return datetime.fromisoformat(text)


def test_ltsv_labels_have_the_meaning_that_ltsv_gives_them():
    found = row(APACHE_LTSV)

    assert found["time"] == at("2025-12-11T01:10:30+00:00")
    assert (found["client_addr"], found["host"]) == ("192.0.2.7", "api.example.com")
    assert (found["method"], found["path"], found["query"]) == ("GET", "/health", "x=1")
    assert (found["status"], found["body_bytes"], found["user_agent"]) == (504, 167, "curl/8.5.0")
    assert (found["request_time_s"], found["upstream_response_time_s"]) == (30.002, 30.001)
    assert row(NGINX_LTSV)["request_time_s"] == 0.25


def test_key_value_lines_have_quoted_values_with_escapes():
    found = row(KEY_VALUE)

    assert found["time"] == at("2025-12-11T01:10:30+00:00")
    assert (found["path"], found["status"], found["request_time_s"]) == ("/health", 504, 30.002)
    assert found["user_agent"] == 'curl/8.5.0 ("x")'


def test_a_router_of_heroku_times_the_dyno_and_the_prefix_has_the_time():
    found = row(HEROKU)

    assert found["time"] == at("2025-12-11T01:10:30.123456+00:00")
    assert (found["upstream_connect_time_s"], found["request_time_s"]) == (0.001, 0.251)
    assert (found["upstream_addr"], found["client_addr"]) == ("web.1", "192.0.2.7")


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        (
            '{"time":"2025-12-11T01:10:30Z","path":"/a","status":200,"duur":0.25,"http_x_real_ip":"-"}',
            ["duur"],
        ),
        ('192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /a HTTP/1.1" 200 15 "-" "curl" 0.25', ["field_1"]),
        ('192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /a HTTP/1.1" 200 15 "-" "curl" "192.0.2.8"', []),
        ('INFO:     192.0.2.7:50312 - "GET /a HTTP/1.1" 200 OK', []),
    ],
)
def test_fields_that_are_not_understood_are_named(tmp_path, line, unknown):
    (tmp_path / "access.log").write_text(f"{line}\n" * 3)

    assert AccessScan([tmp_path / "access.log"]).further_fields() == unknown


@pytest.mark.parametrize("line", [APACHE_LTSV, KEY_VALUE])
def test_merged_and_torn_lines_of_labels_are_no_request(line):
    separator = "\t" if "\t" in line else " "
    torn = line.partition("status")[0]
    chunk = read(line, line + separator + line, torn, "", line)

    assert (chunk.table["line"].to_pylist(), chunk.blank) == ([1, 5], 1)
    assert [one.line for one in chunk.rejected] == [2, 3]

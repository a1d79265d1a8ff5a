"""A stated format that fits no line is explained, and the format that the line would take is proposed."""

import shlex

import pytest
from worlds.messages import messages_in

from watchme_analysis.access_logs.formats.suggested import suggested_format
from watchme_analysis.access_logs.scan import read_access_logs

PIPES = 'www.example.com|192.0.2.7|2025-12-11T10:10:30+09:00|"GET /health HTTP/1.1"|504|rt=0.250'
BARE = "11/Dec/2025:10:10:30 +0900 192.0.2.7:5012 GET /health HTTP/1.1 504 0.250 10 curl/8"
APPENDED = (
    '192.0.2.7 - bob [11/Dec/2025:10:10:30 +0900] x "GET /health HTTP/1.1" 504 167 "-" "curl/8.5.0" 0.250'
)
TIME_FIRST = '2025-12-11T10:10:30+09:00 192.0.2.7 "GET /health HTTP/1.1" 504 167 0.250'
SPACED = "192.0.2.7 | 2025-12-11T10:10:30+09:00 | GET /health HTTP/1.1 | 504 | 0.250"
MILLISECONDS = '192.0.2.7 [11/Dec/2025:10:10:30 +0900] "GET /health HTTP/1.1" 504 250ms'
WITHOUT_ZONE = '192.0.2.7 [11/Dec/2025:01:10:30.000] "GET /health HTTP/1.1" 504 0.250'
TRIES = (
    '192.0.2.7 [11/Dec/2025:10:10:30 +0900] "GET /health HTTP/1.1" 504 192.0.2.20:80, 192.0.2.21:80 0.250 '
    "0.100, 0.150 502, 504"
)
JSON = (
    '{"at": "2025-12-11T10:10:30+09:00", "code": 504, "path": "/health", "took": 0.25, "peer": "192.0.2.7"}'
)
COMBINED = '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /health HTTP/1.1" 504 167 "-" "curl/8.5.0"'


def read(tmp_path, line, log_format):
    (tmp_path / "access.log").write_text(line + "\n")
    frame, how = read_access_logs(tmp_path / "access.log", log_format=log_format)
    return frame, {
        key: value for note in how.parts[0].notes for key, value in messages_in(note.message).items()
    }


@pytest.mark.parametrize(
    "line",
    [PIPES, BARE, APPENDED, TIME_FIRST, SPACED, MILLISECONDS, WITHOUT_ZONE, TRIES, JSON],
)
def test_the_proposed_format_reads_the_line(tmp_path, line):
    frame, said = read(tmp_path, line, suggested_format(line))
    (row,) = frame.to_dict("records")

    assert (row["status"], row["path"], row["request_time_s"], row["client_addr"]) == (
        504,
        "/health",
        0.25,
        "192.0.2.7",
    )
    assert row["time"].isoformat() == "2025-12-11T01:10:30+00:00"
    assert "note-format-misfit" not in said


def test_a_note_says_where_the_line_departs_and_proposes_a_format(tmp_path):
    _, said = read(tmp_path, PIPES, '$host|$remote_addr|$time_local|"$request"|$status')

    values = said["note-format-misfit"]
    assert values["variable"] == "$time_local"
    assert values["text"].startswith("2025-12-11T10:10:30")
    assert values["format"] == f"--format {shlex.quote(suggested_format(PIPES))}"


@pytest.mark.parametrize(
    ("line", "variable", "text"),
    [
        # The time of a line, and what precedes it, may look like the prefix of a container runtime.
        (TIME_FIRST, "$remote_addr", "2025-12-11T10:10:30"),
        (SPACED, "$time_local", "2025-12-11T10:10:30"),
        # A value that goes on is quoted from its beginning.
        (MILLISECONDS, "$request_time", "250ms"),
        (JSON, "$remote_addr", '{"at": "2025'),
    ],
)
def test_a_misfit_is_quoted_from_the_value_that_departs(tmp_path, line, variable, text):
    stated = {
        SPACED: "$remote_addr | $time_local | $request",
        MILLISECONDS: '$remote_addr [$time_local] "$request" $status $request_time',
        JSON: '{"peer":"$remote_addr","target":"$request_uri","status":"$status"}',
    }
    _, said = read(tmp_path, line, stated.get(line, "$remote_addr $request $status"))

    values = said["note-format-misfit"]
    assert (values["variable"], values["text"].startswith(text)) == (variable, True)
    assert values["format"] == f"--format {shlex.quote(suggested_format(line))}"


def test_a_note_names_the_known_format_of_the_line(tmp_path):
    frame, said = read(tmp_path, COMBINED, "$remote_addr $status")

    assert len(frame) == 1
    assert (said["note-format-misfit"]["variable"], said["note-format-misfit"]["format"]) == (
        "$status",
        "combined",
    )


@pytest.mark.parametrize(
    "line", ["hello world", "", "[x", '"GET /', "192.0.2.7 - - [11/Dec/2025:10:10:30 +0900]"]
)
def test_no_format_is_proposed_for_a_line_without_a_request(line):
    assert suggested_format(line) is None

r"""Apache's ``LogFormat``: the same plan, Apache's escapes and units."""

import json
from datetime import UTC

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.engine.escapes import unescaped
from watchme_analysis.access_logs.formats.apache import compile_apache
from watchme_analysis.access_logs.scan import read_access_logs
from watchme_analysis.errors import FormatError

COMBINED = r"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""
LINE = (
    rb'192.0.2.7 - ann [11/Dec/2025:10:10:30 +0900] "GET /a?q=\"x\" HTTP/1.1" 304 - "-" "say \"hi\" \\ \xe9"'
)


def row(text, line, **options):
    (found,) = Engine([compile_apache(text)], UTC, **options).read(line + b"\n").table.to_pylist()
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_line_of_apache_is_read_by_every_engine(engine):
    assert row(COMBINED, LINE, engine=engine) == {
        "line": 1,
        "time": pd.Timestamp("2025-12-11T01:10:30Z"),
        "client_addr": "192.0.2.7",
        "remote_user": "ann",
        "method": "GET",
        "path": "/a",
        "query": r"q=\"x\"",
        "protocol": "HTTP/1.1",
        "status": 304,
        "user_agent": r"say \"hi\" \\ \xe9",
    }


def written(text):
    """Write a text as ap_escape_logitem does."""
    letters = {8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 13: "\\r", 34: '\\"', 92: "\\\\"}
    return "".join(
        letters.get(one, chr(one) if 32 <= one < 127 else f"\\x{one:02x}") for one in text.encode()
    )


@pytest.mark.slow
@given(st.text())
def test_a_text_written_as_apache_does_is_read_back(text):
    assert unescaped(written(text), "apache") == text


@pytest.mark.parametrize(
    ("directive", "value", "seconds"),
    [
        ("%D", "1234567", 1.234567),
        ("%{ms}T", "1234", 1.234),
        ("%{us}T", "20", 0.00002),
        ("%T", "3", 3.0),
        ("%T %D", "3 3456789", 3.456789),
    ],
)
@pytest.mark.parametrize("engine", ENGINES[1:])
def test_durations_of_every_unit_are_seconds(directive, value, seconds, engine):
    found = row(
        f"%h %t {directive}", f"192.0.2.7 [11/Dec/2025:10:10:30 +0900] {value}".encode(), engine=engine
    )

    assert found["request_time_s"] == pytest.approx(seconds, abs=0)


@pytest.mark.parametrize(
    ("shape", "value", "moment"),
    [
        ("%t", "[11/Dec/2025:10:10:30 +0900]", "2025-12-11T01:10:30Z"),
        ("[%{%d/%b/%Y:%T %z}t]", "[11/Dec/2025:10:10:30 +0900]", "2025-12-11T01:10:30Z"),
        ("%{%d/%b/%Y:%T}t.%{msec_frac}t %{%z}t", "11/Dec/2025:10:10:30.250 +0900", "2025-12-11T01:10:30.25Z"),
        ("%{%Y-%m-%dT%T%z}t", "2025-12-11T10:10:30+0900", "2025-12-11T01:10:30Z"),
        ("%{%Y-%m-%dT%T}t.%{usec_frac}tZ", "2025-12-11T01:10:30.250001Z", "2025-12-11T01:10:30.250001Z"),
        ("%{sec}t", "1765415430", "2025-12-11T01:10:30Z"),
        ("%{msec}t", "1765415430250", "2025-12-11T01:10:30.25Z"),
        ("%{sec}t.%{msec_frac}t", "1765415430.250", "2025-12-11T01:10:30.25Z"),
        ("%{begin:usec}t", "1765415430250001", "2025-12-11T01:10:30.250001Z"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES[1:])
def test_times_of_any_shape_are_the_same_moment(shape, value, moment, engine):
    assert row(f"{shape} %>s", f"{value} 200".encode(), engine=engine)["time"] == pd.Timestamp(moment)


def test_a_final_status_outranks_the_first_and_what_has_no_column_is_kept():
    text = '%a %h %s %>s %X "%{X-Forwarded-For}i" %{Set-Cookie}o %400,501{sid}C %{UNIQUE_ID}e "%m %U%q %H" %%'
    line = b'192.0.2.1 host.example.com 302 200 + "192.0.2.3" - 7f abc "GET /a?b HTTP/2.0" %'

    found = row(text, line)

    assert (found["status"], found["request_id"], found["path"], found["query"]) == (200, "abc", "/a", "b")
    assert json.loads(found["extra"]) == {
        "connection_status": "+",
        "cookie_sid": "7f",
        "http_x_forwarded_for": "192.0.2.3",
        "original_status": "302",
        "remote_addr_2": "host.example.com",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("%h%u", "without anything between"),
        ("%h %Z", "%Z, which is nothing that Apache logs"),
        ("%h %", "write %% for one"),
        ("%{%m/%d/%y}t", "'12/11/25', which can't be read back"),
        ("100%%", "no variable"),
    ],
)
def test_what_can_not_be_read_back_is_refused_with_a_sentence(text, words):
    with pytest.raises(FormatError, match=words):
        compile_apache(text)


def test_a_configuration_of_apache_beside_the_log_says_the_format(tmp_path):
    (tmp_path / "apache2.conf").write_text(
        'LogFormat "%h %l %u %t \\"%r\\" %>s \\\n%b %D" timed\n<VirtualHost *:443>\n'
        'CustomLog ${APACHE_LOG_DIR}/access.log timed env=!dontlog\nCustomLog x "%h %Z"\n</VirtualHost>\n'
    )
    (tmp_path / "access.log").write_bytes(LINE.split(b' "-"')[0] + b" 2500\n")

    frame, how = read_access_logs([tmp_path / "access.log"])
    (retrieval,) = how.parts

    assert frame["request_time_s"].tolist() == [0.0025]
    assert retrieval.notes[-1] == "log_format timed"
    assert "%Z" in retrieval.notes[0]

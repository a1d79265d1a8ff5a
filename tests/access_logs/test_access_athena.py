"""Athena's statements as text; that Java reads the lines as the plan does is shown beside Spark."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchme_analysis.access_logs.athena import LAST_ENTRY, athena_table, java_pattern
from watchme_analysis.access_logs.formats.column_sources import split_list
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.access_logs.formats.stock import stock_formats
from watchme_analysis.access_logs.scan import AccessScan, LogOptions
from watchme_analysis.errors import FormatError, InputError
from watchme_analysis.files.request_line import SQL_REQUEST, split_request

COMBINED = stock_formats()[0]
WORDS = st.text(st.sampled_from("/ab ?=:.TPH1"), max_size=12)


def test_a_table_has_a_column_for_each_variable_and_warns():
    ddl = athena_table(compile_format("$remote_addr [$time_local] $status $STATUS"), "s3://bucket/nginx")

    assert "LOCATION 's3://bucket/nginx/';" in ddl
    assert re.findall(r"^  `(\w+)` string", ddl, re.MULTILINE) == [
        "remote_addr",
        "time_local",
        "status",
        "status_4",
    ]
    assert "row of nulls" in ddl
    assert 'WHERE "remote_addr" IS NULL' in ddl
    assert "PARTITIONED" not in ddl


def test_backslashes_and_apostrophes_survive_hives_text():
    log_format = compile_format("it's $status")
    ddl = athena_table(log_format, "s3://bucket/nginx/")

    written = re.search(r"'input.regex' = '(.*)'$", ddl, re.MULTILINE)[1]
    assert "it\\'s" in written
    assert written.replace("\\'", "'").replace("\\\\", "\\") == java_pattern(log_format)


@pytest.mark.parametrize(
    ("place", "location", "template", "day"),
    [
        ("s3://b/nginx/yyyy/MM/dd/", "s3://b/nginx/", "s3://b/nginx/${day}/", "yyyy/MM/dd"),
        ("s3://b/dt=yyyy-MM-dd/web", "s3://b/", "s3://b/dt=${day}/web/", "yyyy-MM-dd"),
    ],
)
def test_a_place_with_a_day_is_partitioned_by_it(place, location, template, day):
    ddl = athena_table(COMBINED, place)

    assert "PARTITIONED BY (`day` string)" in ddl
    assert f"LOCATION '{location}'" in ddl
    assert f"'storage.location.template' = '{template}'" in ddl
    assert f"'projection.day.format' = '{day}'" in ddl
    assert '  "day"\nFROM' in ddl


@pytest.mark.parametrize("place", ["/var/log", "s3://bucket", "s3://bucket/it's/", "s3:///x/"])
def test_a_place_elsewhere_is_refused(place):
    with pytest.raises(InputError, match="below a prefix"):
        athena_table(COMBINED, place)


@pytest.mark.slow
@given(
    st.builds(
        "{}{}{}".format, st.sampled_from(["GET ", "", "get "]), WORDS, st.sampled_from(["", " HTTP/1.1"])
    )
)
@example("GET /a b?c=d HTTP/1.1")
@example("GET http://api.example.com/a?b HTTP/1.1")
@example("GET /old")
@example(r"\x16\x03\x01")
def test_the_view_splits_requests_as_the_reader_does(request_line):
    expected = split_request(request_line)

    found = re.search(SQL_REQUEST, request_line)

    assert (found is None) == (expected is None)
    if found is not None:
        assert [part or None for part in found.groups()] == list(expected.values())


@pytest.mark.parametrize(
    "value", ["192.0.2.1:80", "192.0.2.1:80, [2001:db8::1]:80", "unix:/run/a : b:1", "a:1, -", "-"]
)
def test_the_view_takes_the_last_try(value):
    assert re.search(LAST_ENTRY, value)[1] == split_list(value)[-1]


def test_the_format_of_a_log_is_found(tmp_path):
    (tmp_path / "access.log").write_text('192.0.2.7 "/a" 200\n' * 3 + "junk\n")
    options = LogOptions('$remote_addr "$uri" $status')
    assert AccessScan([tmp_path], options).most_common_format().names == ("remote_addr", "uri", "status")

    (tmp_path / "access.log").write_text('{"request": "GET / HTTP/1.1", "status": 200}\n')
    with pytest.raises(FormatError, match="--format"):
        AccessScan([tmp_path]).most_common_format()

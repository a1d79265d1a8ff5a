"""Athena's statements as text; that Java reads the lines as the plan does is shown beside Spark."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchme_analysis.access_logs.athena import LAST_ENTRY, athena_table, java_pattern
from watchme_analysis.access_logs.formats.column_sources import split_list
from watchme_analysis.access_logs.formats.known_formats import stock_formats
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.access_logs.scan import AccessScan, LogOptions
from watchme_analysis.errors import FormatError, InputError
from watchme_analysis.files.request_line import SQL_REQUEST, SQL_TARGET, split_request

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


def value(column):
    return f"nullif(nullif(\"{column}\", '-'), '')"


def test_the_statements_of_a_format_are_complete():
    log_format = compile_format(
        '$remote_addr [$time_local] "$request" $status $body_bytes_sent "$http_x_a"', name="own"
    )
    comment, table, view = athena_table(log_format, "s3://bucket/nginx/", "web").split("\n\n")
    lines = comment.splitlines()
    assert all(line.startswith("-- ") for line in lines)
    assert "own" in comment and 'WHERE "remote_addr" IS NULL GROUP BY 1;' in comment
    pattern = java_pattern(log_format).replace("\\", "\\\\")
    assert table == (
        "CREATE EXTERNAL TABLE IF NOT EXISTS web_lines (\n"
        "  `remote_addr` string,\n  `time_local` string,\n  `request` string,\n  `status` string,\n"
        "  `body_bytes_sent` string,\n  `http_x_a` string\n)\n"
        "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe'\n"
        f"WITH SERDEPROPERTIES (\n  'input.regex' = '{pattern}'\n)\n"
        "STORED AS TEXTFILE\nLOCATION 's3://bucket/nginx/';"
    )
    time = f"parse_datetime({value('time_local')}, 'dd/MMM/yyyy:HH:mm:ss Z')"
    parts = [
        f"nullif(regexp_extract({value('request')}, '{SQL_REQUEST}', {group}), '') AS \"{column}\""
        for group, column in enumerate(("method", "path", "query", "protocol"), 1)
    ]
    columns = [
        '"$path" AS "file"',
        f"CAST({time} AT TIME ZONE 'UTC' AS timestamp) AS \"time\"",
        f'{value("remote_addr")} AS "client_addr"',
        *parts,
        f'TRY_CAST({value("status")} AS bigint) AS "status"',
        f'TRY_CAST({value("body_bytes_sent")} AS bigint) AS "body_bytes"',
    ]
    rest = ["remote_addr", "time_local", "request", "body_bytes_sent", "http_x_a"]
    listed = ",\n".join(f"  {one}" for one in [*columns, *(f'"{one}"' for one in rest)])
    assert view == (
        f'CREATE OR REPLACE VIEW web AS\nSELECT\n{listed}\nFROM web_lines\nWHERE "remote_addr" IS NOT NULL;\n'
    )
    assert athena_table(log_format, "s3://bucket/nginx/", "web", "ja").split("\n\n")[1:] == [table, view]


def columns_of(text, escape="default", place="s3://bucket/nginx/"):
    """Return the expression of each column of the view."""
    view = athena_table(compile_format(text, escape), place).split("\n\n")[2]
    listed = view.partition("SELECT\n")[2].partition("\nFROM")[0].split(",\n")
    pairs = (one.strip().rpartition(" AS ") for one in listed)
    return {column: expression or column for expression, _, column in pairs}


def test_parts_of_a_request_have_columns_of_their_own():
    found = columns_of("$time_iso8601 $request_method $request_uri $server_protocol $status")
    moment = f"from_iso8601_timestamp({value('time_iso8601')})"
    assert found['"time"'] == f"CAST({moment} AT TIME ZONE 'UTC' AS timestamp)"
    assert found['"method"'] == value("request_method")
    assert found['"protocol"'] == value("server_protocol")
    for column, group in (('"path"', 1), ('"query"', 2)):
        assert found[column] == f"nullif(regexp_extract({value('request_uri')}, '{SQL_TARGET}', {group}), '')"
    assert "from_unixtime(CAST(" in columns_of("$msec $status")['"time"']
    assert '"time"' not in columns_of("$status $request_method")
    assert '"method"' not in columns_of("$msec $request_uri")


def test_durations_are_in_seconds_and_upstreams_those_of_the_last_try():
    found = columns_of(
        "$status $request_time $upstream_addr $upstream_status $upstream_response_time $status"
    )
    assert found['"request_time_s"'] == f"TRY_CAST({value('request_time')} AS double)"
    assert columns_of("$status $request_time_ms")['"request_time_s"'].endswith(" AS double) / 1000")
    last = f"nullif(regexp_extract(\"upstream_addr\", '{LAST_ENTRY}', 1), '-')"
    assert found['"upstream_addr"'] == last
    assert (
        found['"upstream_status"']
        == f"TRY_CAST({last.replace('upstream_addr', 'upstream_status')} AS bigint)"
    )
    entries = """regexp_extract_all("upstream_response_time", '[0-9]+(?:[.][0-9]+)?')"""
    added = "CAST(NULL AS double), (s, x) -> coalesce(s, 0e0) + CAST(x AS double), s -> s"
    assert found['"upstream_response_time_s"'] == f"reduce({entries}, {added})"
    # The first of two equal variables counts, and the other is a column as it is.
    assert found['"status"'] == f"TRY_CAST({value('status')} AS bigint)"
    assert found['"status_6"'] == '"status_6"'


def test_texts_of_json_are_unescaped_and_alternatives_follow_one_another():
    found = columns_of('{"a":"$http_user_agent","s":"$status","h":"$host","b":"$http_host"}', "json")
    raw = '"http_user_agent"'
    text = f"""json_extract_scalar('"' || {raw} || '"', '$')"""
    assert found['"user_agent"'] == f"nullif(nullif({text}, '-'), '')"
    assert found['"host"'].startswith("coalesce(")
    day = columns_of("$status $host", place="s3://bucket/yyyy/MM/dd/")
    assert day['"day"'] == '"day"'
    assert '"day"' not in found


def test_the_name_of_a_format_or_its_text_is_in_the_heading():
    for name in ("", "own"):
        comment = athena_table(compile_format("$status   $host", name=name), "s3://bucket/a/").split("\n\n")[
            0
        ]
        assert ("own" in comment) is bool(name)
    assert "access_log_lines" in comment

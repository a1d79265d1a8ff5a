"""Athena's statements as text; that Java reads the lines as the plan does is shown beside Spark."""

import duckdb
import pytest

from watchme_analysis.access_logs.athena import athena_table, java_pattern
from watchme_analysis.access_logs.formats.known_formats import stock_formats
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.values import SQL_REQUEST

COMBINED = stock_formats()[0]


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


def test_texts_of_json_are_unescaped_and_alternatives_follow_one_another():
    found = columns_of('{"a":"$http_user_agent","s":"$status","h":"$host","b":"$http_host"}', "json")
    raw = '"http_user_agent"'
    text = f"""json_extract_scalar('"' || {raw} || '"', '$')"""
    assert found['"user_agent"'] == f"nullif(nullif({text}, '-'), '')"
    assert found['"host"'].startswith("coalesce(")
    day = columns_of("$status $host", place="s3://bucket/yyyy/MM/dd/")
    assert day['"day"'] == '"day"'
    assert '"day"' not in found


@pytest.mark.parametrize(
    ("variable", "logged"),
    [("request_time", "0.25"), ("request_time_ms", "250"), ("request_time_us", "250000")],
)
def test_a_duration_is_in_seconds_whatever_the_log_has(variable, logged):
    expression = columns_of(f"$status ${variable}")['"request_time_s"']
    assert duckdb.sql(f"select {expression} from (select '{logged}' as {variable})").fetchall() == [(0.25,)]

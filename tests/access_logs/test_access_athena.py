"""Athena's statements as text; that Java reads the lines as the plan does is shown beside Spark."""

import duckdb
import pytest

from watchme_analysis.access_logs.athena import athena_table
from watchme_analysis.access_logs.formats.known_formats import stock_formats
from watchme_analysis.access_logs.formats.log_format import compile_format

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


def columns_of(text, escape="default", place="s3://bucket/nginx/"):
    """Return the expression of each column of the view."""
    view = athena_table(compile_format(text, escape), place).split("\n\n")[2]
    listed = view.partition("SELECT\n")[2].partition("\nFROM")[0].split(",\n")
    pairs = (one.strip().rpartition(" AS ") for one in listed)
    return {column: expression or column for expression, _, column in pairs}


@pytest.mark.parametrize(
    ("variable", "logged"),
    [("request_time", "0.25"), ("request_time_ms", "250"), ("request_time_us", "250000")],
)
def test_a_duration_is_in_seconds_whatever_the_log_has(variable, logged):
    expression = columns_of(f"$status ${variable}")['"request_time_s"']
    assert duckdb.sql(f"select {expression} from (select '{logged}' as {variable})").fetchall() == [(0.25,)]

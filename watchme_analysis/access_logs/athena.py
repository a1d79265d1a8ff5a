r"""An Athena table for logs of a format: a Java regular expression, and a view with typed columns.

The table's columns are the format's variables, as text, read by Hive's RegexSerDe. The view has the names and
meanings of ``access_log``. Python's and Java's regular expressions agree in all features used here. Two lines
merged into one within an unquoted text are not recognized, and no lines are counted: a line that does not
match is a row of nulls.

Sources: https://docs.aws.amazon.com/athena/latest/ug/regex-serde.html and .../partition-projection.html;
functions as in Trino, which Athena's engine is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from watchme_analysis.access_logs.formats.column_sources import DURATIONS, column_sources
from watchme_analysis.access_logs.formats.log_format import LogFormat
from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Choice, Resource, message, value_of
from watchme_analysis.text.render import error_message, render
from watchme_analysis.values import SQL_REQUEST, SQL_TARGET

_SERDE = "org.apache.hadoop.hive.serde2.RegexSerDe"
_DAY = re.compile(r"yyyy(.?)MM(.?)dd")
_NEEDLESS = re.compile(r"\\(.)", re.DOTALL)
_PLAIN = ' "#&~-'
LAST_ENTRY = r"([^ ,]+)(?:, | : )?$"
_DECIMAL = r"[0-9]+(?:[.][0-9]+)?"


def java_pattern(log_format: LogFormat) -> str:
    """Return the Java regular expression of a whole line, with a group for each variable.

    It requires ``Pattern.DOTALL``, which RegexSerDe sets, and a match of the whole line.
    """
    text = log_format.expression.decode()
    return _NEEDLESS.sub(lambda found: found[1] if found[1] in _PLAIN else found[0], text)


def athena_table(log_format: LogFormat, place: str, name: str = "access_log", language: str = "en") -> str:
    """Return the SQL statements that create a table and a view of logs in S3.

    ``log_format``: format of the lines; ``place``: ``s3://bucket/prefix/``. A prefix that contains the day,
    as in ``s3://bucket/prefix/yyyy/MM/dd/``, becomes a projected partition, which needs no maintenance;
    ``name``: name of the view; the table has the same name with the suffix ``_lines``; ``language``: language
    of the comment. Raises InputError if ``place`` is not an S3 prefix.
    """
    if not re.fullmatch(r"s3://[^/\s'\\]+/[^\s'\\]*", place):
        raise InputError(error_message("error-athena-place", place=repr(place)))
    prefix = place if place.endswith("/") else place + "/"
    columns = _column_names(log_format)
    lines = f"{name}_lines"
    parts = [_heading(log_format, lines, columns[0], language), _table(log_format, columns, prefix, lines)]
    parts.append(_view(log_format, columns, lines, name, day=_DAY.search(prefix) is not None))
    return "\n\n".join(parts) + "\n"


def _column_names(log_format: LogFormat) -> list[str]:
    """Return a name for each variable; Hive ignores case and requires unique names."""
    found: list[str] = []
    for name in map(str.lower, log_format.names):
        found.append(name if name not in found else f"{name}_{len(found) + 1}")
    return found


def _heading(log_format: LogFormat, lines: str, first: str, language: str) -> str:
    """Return the comment above the statements."""
    text = Resource(" ".join(log_format.text.split()))
    query = Resource(f'SELECT "$path", count(*) FROM {lines} WHERE {_quoted(first)} IS NULL GROUP BY 1;')
    has = Choice("name" if log_format.name else "text")
    name = value_of(log_format.name)
    said = render(message("athena-heading", has=has, name=name, text=text, query=query), language)
    return "\n".join(f"-- {line}" for line in said.splitlines())


def _table(log_format: LogFormat, columns: list[str], prefix: str, name: str) -> str:
    listed = ",\n".join(f"  `{column}` string" for column in columns)
    day = _DAY.search(prefix)
    # Backslashes are escapes in Hive's texts and again in regular expressions.
    pattern = java_pattern(log_format).replace("\\", "\\\\").replace("'", "\\'")
    statement = f"CREATE EXTERNAL TABLE IF NOT EXISTS {name} (\n{listed}\n)\n"
    if day is not None:
        statement += "PARTITIONED BY (`day` string)\n"
    place = prefix[: day.start()].rpartition("/")[0] + "/" if day is not None else prefix
    statement += f"ROW FORMAT SERDE '{_SERDE}'\nWITH SERDEPROPERTIES (\n  'input.regex' = '{pattern}'\n)\n"
    statement += f"STORED AS TEXTFILE\nLOCATION '{place}'"
    if day is not None:
        template = f"{prefix[: day.start()]}${{day}}{prefix[day.end() :]}"
        statement += f"""
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = '{day[0]}',
  'projection.day.range' = 'NOW-400DAYS,NOW+1DAY',
  'storage.location.template' = '{template}'
)"""
    return statement + ";"


def _view(log_format: LogFormat, columns: list[str], lines: str, name: str, *, day: bool) -> str:
    chosen = [*_Columns(log_format, columns).typed()]
    taken = {column for _, column in chosen}
    rest = [(_quoted(column), column) for column in columns if column not in taken]
    if day:
        rest.append(('"day"', "day"))
    named = [
        f"  {expression} AS {_quoted(column)}" if expression != _quoted(column) else f"  {expression}"
        for expression, column in (*chosen, *rest)
    ]
    listed = ",\n".join(named)
    return (
        f'CREATE OR REPLACE VIEW {name} AS\nSELECT\n  "$path" AS "file",\n{listed}\n'
        f"FROM {lines}\nWHERE {_quoted(columns[0])} IS NOT NULL;"
    )


class _Columns:
    """Expressions of the columns of ``access_log`` over the columns of the table."""

    def __init__(self, log_format: LogFormat, columns: list[str]) -> None:
        self._texts = {one.name for one in log_format.variables if one.kind == "text"}
        self._unescapes = log_format.escape == "json"
        # If a variable occurs twice, the first value counts.
        self._column = dict(reversed([*zip(log_format.names, columns, strict=True)]))
        self._sources = column_sources(tuple(dict.fromkeys(log_format.names)))

    def typed(self) -> Iterator[tuple[str, str]]:
        """Yield expressions and their column names."""
        sources = self._sources
        time = next((name for name in sources.times if name in _MOMENTS), None)
        if time is not None:
            # Views support no times with a zone.
            moment = _MOMENTS[time].format(self._value(time))
            yield f"CAST({moment} AT TIME ZONE 'UTC' AS timestamp)", "time"
        for column, names in sources.texts.items():
            found = [self._value(name) for name in names]
            if found:
                yield found[0] if len(found) == 1 else f"coalesce({', '.join(found)})", column
        yield from self._request()
        for column, names in sources.integers.items():
            if names:
                yield f"TRY_CAST({self._value(names[0])} AS bigint)", column
        if sources.duration is not None:
            factor = DURATIONS[sources.duration]
            divided = "" if factor == 1.0 else f" / {factor:.0f}"
            yield f"TRY_CAST({self._value(sources.duration)} AS double){divided}", "request_time_s"
        yield from self._upstream()

    def _request(self) -> Iterator[tuple[str, str]]:
        request = self._sources.request
        if request == "request":
            parts = zip(("method", "path", "query", "protocol"), range(1, 5), strict=True)
            for column, group in parts:
                yield (
                    f"nullif(regexp_extract({self._value('request')}, '{SQL_REQUEST}', {group}), '')",
                    column,
                )
            return
        if "request_method" in self._column:
            yield self._value("request_method"), "method"
        if request is not None:
            for column, group in (("path", 1), ("query", 2)):
                yield f"nullif(regexp_extract({self._value(request)}, '{SQL_TARGET}', {group}), '')", column
        if "server_protocol" in self._column:
            yield self._value("server_protocol"), "protocol"

    def _upstream(self) -> Iterator[tuple[str, str]]:
        """Yield the sums of the times over all tries, and the last address and status."""
        for name, cast in (("upstream_addr", "{}"), ("upstream_status", "TRY_CAST({} AS bigint)")):
            if name in self._column:
                last = f"nullif(regexp_extract({_quoted(self._column[name])}, '{LAST_ENTRY}', 1), '-')"
                yield cast.format(last), name
        for column, name in self._sources.upstream_times.items():
            entries = f"regexp_extract_all({_quoted(self._column[name])}, '{_DECIMAL}')"
            added = "(s, x) -> coalesce(s, 0e0) + CAST(x AS double), s -> s"
            yield f"reduce({entries}, CAST(NULL AS double), {added})", column

    def _value(self, name: str) -> str:
        """Return a variable's value, null if the log has no value."""
        column = _quoted(self._column[name])
        if self._unescapes and name in self._texts:
            column = f"""json_extract_scalar('"' || {column} || '"', '$')"""
        return f"nullif(nullif({column}, '-'), '')"


_MOMENTS = {
    "msec": "from_unixtime(CAST({} AS double))",
    "time_iso8601": "from_iso8601_timestamp({})",
    "time_local": "parse_datetime({}, 'dd/MMM/yyyy:HH:mm:ss Z')",
}


def _quoted(column: str) -> str:
    return f'"{column}"'

"""Facts about the text of a Logs Insights query: commands, limit, columns, and whether it can be split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from watchme_analysis.text.message import Code, Resource
from watchme_analysis.text.render import note

# Row of a result: field to value, all text.
Row = dict[str, str]
# StartQuery: "limit ... the default of 10,000 is used" where neither the call nor the query states one.
DEFAULT_LIMIT = 10_000

# Commands that treat each event alone: the rows of all windows together are those of the whole.
_PER_EVENT = frozenset({"fields", "display", "filter", "parse", "unmask", "filterindex"})
# Commands that turn each event into a row.
_UNFILTERED = frozenset({"fields", "display", "parse", "unmask", "sort"})
# Commands that work only on the events that earlier commands leave, so that a filter in front applies to all.
_FILTERABLE = _PER_EVENT | {"stats", "sort", "limit", "head", "tail", "dedup", "pattern"}
_LIMIT = re.compile(r"(?:limit|head|tail)\s+(?P<limit>\d+)", re.IGNORECASE)
_SORT = re.compile(r"sort\s+@timestamp(?:\s+(?P<direction>asc|desc))?", re.IGNORECASE)
_ALIAS = re.compile(r"\s+as\s+(?P<alias>\S+)\s*$", re.IGNORECASE)
# After these words a slash begins a pattern; anywhere else it divides.
_BEFORE_PATTERN = re.compile(r"(?:\blike|=~|\bparse(?:\s+\S+)?)\s*$", re.IGNORECASE)
# Columns by which windows are split and joined.
_JOIN_COLUMNS = ("@timestamp", "@ptr")
# Expressions whose kind is known, whatever their values look like.
_KINDS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE | re.DOTALL))
    for kind, pattern in (
        ("time", r"@timestamp|@ingestionTime|(?:bin|datefloor|dateceil|fromMillis)\s*\(.*\)"),
        ("time", r"(?:min|max|earliest|latest)\s*\(\s*@(?:timestamp|ingestionTime)\s*\)"),
        ("whole", r"(?:count|count_distinct)\s*\([^()]*\)"),
        ("number", r"(?:avg|pct|median|stddev|percentile)\s*\([^()]*\)"),
        ("number", r"@(?:duration|billedDuration|initDuration|memorySize|maxMemoryUsed)"),
        ("text", r"@(?:message|logStream|log|ptr|requestId|type|entity|xrayTraceId|xraySegmentId)"),
    )
)
# Columns of a query without ``fields``, ``display`` or ``stats``.
_DEFAULT_COLUMNS = ("@timestamp", "@message")


@dataclass(frozen=True)
class QueryFacts:
    """Facts about the text of a query.

    Attributes
    ----------
    commands, names
        Commands, and their names in lower case.
    limit
        Limit that the query states (the last of several applies); None without one.
    is_ascending
        True when the oldest rows come first; without ``sort`` the newest do.
    is_unfiltered
        True when every event becomes a row, because no command filters events out.
    accepts_filter
        True when a filter in front applies to all events that the query uses: ``diff`` also uses earlier
        ones, ``join`` and subqueries others, and ``source`` must be the first command.
    unsplittable_reason
        Reason why the query cannot be split by time; None when it treats each event alone, is ordered by time
        or not at all, and states no limit: the rows of its windows are then the rows of the whole.
    columns
        Expressions of the columns, as far as the text determines them. ``display`` and ``stats`` replace
        earlier columns; ``fields`` and ``parse`` add columns.
    determines_columns
        True when the text determines all columns, which it does not with ``pattern`` and others.
    """

    commands: tuple[str, ...]
    names: tuple[str, ...]
    limit: int | None
    is_ascending: bool
    is_unfiltered: bool
    accepts_filter: bool
    unsplittable_reason: str | None
    columns: dict[str, str]
    determines_columns: bool


@lru_cache(maxsize=256)
def query_facts(query: str) -> QueryFacts:
    """Return the facts about a query; it is read once, however often they are needed."""
    commands = tuple(split_commands(query))
    names = tuple(map(command_name, commands))
    limits = [int(found["limit"]) for command in commands if (found := _LIMIT.fullmatch(command))]
    sorts = [found for command in commands if (found := _SORT.fullmatch(command))]
    return QueryFacts(
        commands,
        names,
        limit=limits[-1] if limits else None,
        is_ascending=bool(sorts) and (sorts[0]["direction"] or "desc").lower() == "asc",
        is_unfiltered=_UNFILTERED.issuperset(names),
        accepts_filter=_FILTERABLE.issuperset(names) and not any(map(_has_subquery, commands)),
        unsplittable_reason=_unsplittable_reason(commands),
        columns=_column_expressions(commands),
        determines_columns=(_FILTERABLE - {"pattern"}).issuperset(names),
    )


def split_commands(query: str) -> list[str]:
    """Return the commands of a query; pipes in quotes, patterns, comments and subqueries don't separate."""
    return _split(_without_comments(query), "|")


def _without_comments(query: str) -> str:
    kept, start = [], 0
    for at in _outside_quotes(query):
        if query[at] == "#" and at >= start:
            kept.append(query[start:at])
            end = query.find("\n", at)
            start = end if end >= 0 else len(query)
    kept.append(query[start:])
    return "".join(kept)


def _outside_quotes(text: str) -> list[int]:
    """Return the positions outside of quotes and of /patterns/."""
    found, quote, at = [], "", 0
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote or (quote == "#" and char == "\n"):
                quote = ""
        elif char in "\"'`" or (char == "/" and _BEFORE_PATTERN.search(text[:at])):
            quote = char
        else:
            found.append(at)
            if char == "#":
                quote = "#"
        at += 1
    return found


def _split(text: str, separator: str) -> list[str]:
    """Return the parts between separators outside of quotes and parentheses."""
    parts, depth, start = [], 0, 0
    for at in _outside_quotes(text):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if text[at] == separator and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def command_name(command: str) -> str:
    """Return the name of a command in lower case."""
    return command.split(maxsplit=1)[0].lower() if command.strip() else ""


def _unsplittable_reason(commands: Sequence[str]) -> str | None:
    sorts = 0
    for command in commands:
        name = command_name(command)
        if _has_subquery(command):
            return note("unsplittable-subquery")
        if name in _PER_EVENT:
            column = _redefined_column(command, name)
            if column:
                return note("unsplittable-column", column=Code(column))
        elif name == "sort":
            sorts += 1
            if sorts > 1 or not _SORT.fullmatch(command):
                return note("unsplittable-order", command=Code(command))
        elif name in {"limit", "head", "tail"}:
            return note("unsplittable-limit", command=Code(command))
        else:
            return note("unsplittable-command", command=Resource(name))
    return None


def _has_subquery(command: str) -> bool:
    """Return True when a command contains a subquery."""
    return any(command[at] == "|" for at in _outside_quotes(command))


def _redefined_column(command: str, name: str) -> str | None:
    """Return the column of _JOIN_COLUMNS to which a command gives another meaning; None without one."""
    shown = dict.fromkeys(_parsed_columns(command), "") if name == "parse" else {}
    if name in {"fields", "display"}:
        shown = dict(_column(part) for part in _split(command[len(name) :], ","))
    return next((column for column in _JOIN_COLUMNS if shown.get(column, column) != column), None)


def with_direction(query: str) -> str:
    """Return the query with the direction of a sort by ``@timestamp``, of which AWS documents no default."""
    commands = query_facts(query).commands
    directed = tuple(
        f"{one} desc" if (found := _SORT.fullmatch(one)) and not found["direction"] else one
        for one in commands
    )
    return query if directed == commands else " | ".join(directed)


def with_timestamp(query: str) -> str:
    """Return the query with ``@timestamp`` among its columns, by which windows are split."""
    facts = query_facts(query)
    if "@timestamp" in facts.columns:
        return query
    if "display" not in facts.names:
        return " | ".join(["fields @timestamp", *facts.commands])
    commands = [*facts.commands]
    commands[max(at for at, name in enumerate(facts.names) if name == "display")] += ", @timestamp"
    return " | ".join(commands)


def counting_query(query: str, group: str) -> str:
    """Return a query that counts the rows (``n``) of a splittable query by a field or an expression."""
    kept = [one for one in query_facts(query).commands if command_name(one) not in {"display", "sort"}]
    return " | ".join([*kept, f"stats count(*) as n by {group}"])


def column_kinds(query: str) -> dict[str, str]:
    """Return the kinds of the columns whose expression determines it.

    A kind is ``time``, ``whole``, ``number`` or ``text``.
    """
    kinds = {}
    for name, expression in query_facts(query).columns.items():
        kind = next((kind for kind, pattern in _KINDS if pattern.fullmatch(expression)), None)
        if kind is not None:
            kinds[name] = kind
    return kinds


def _column_expressions(commands: Sequence[str]) -> dict[str, str]:
    shown: dict[str, str] = {}
    fixed = aggregated = False
    for command in commands:
        name = command_name(command)
        rest = command[len(name) :]
        if name in {"display", "stats"}:
            shown, fixed, aggregated = {}, True, aggregated or name == "stats"
        if name == "stats":
            values, _, keys = _partition_by(rest)
            shown = dict(_column(part) for part in [*_split(keys, ","), *_split(values, ",")])
        elif name in {"fields", "display"}:
            shown |= dict(_column(part) for part in _split(rest, ","))
        elif name == "parse" and not fixed:
            shown |= dict.fromkeys(_parsed_columns(rest), "")
    shown = shown or {name: name for name in _DEFAULT_COLUMNS}
    return shown if aggregated else shown | {"@ptr": "@ptr"}


def _partition_by(text: str) -> tuple[str, str, str]:
    inside = set(_outside_quotes(text))
    for found in re.finditer(r"\bby\b", text, re.IGNORECASE):
        if found.start() in inside:
            return text[: found.start()], "by", text[found.end() :]
    return text, "", ""


def _column(text: str) -> tuple[str, str]:
    alias = _ALIAS.search(text)
    expression = (text[: alias.start()] if alias else text).strip().strip("`")
    return (alias["alias"].strip("`") if alias else expression), expression


def _parsed_columns(text: str) -> list[str]:
    named = re.findall(r"\(\?<([A-Za-z_]\w*)>", text)
    alias = re.search(r"\bas\s+(?P<names>[^/\"']+)$", text, re.IGNORECASE)
    return named + ([name.strip() for name in alias["names"].split(",")] if alias else [])

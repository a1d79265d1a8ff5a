"""Runs the part of the Logs Insights language that the tests need over events, through DuckDB.

What it doesn't know it rejects as malformed, so that no query passes by being ignored.
"""

import re
import threading

import duckdb
import pandas as pd

from watchme_analysis.aws_shapes.insights_query_text import command_name, split_commands

DISCOVERED = {
    "@timestamp": "ts",
    "@message": "message",
    "@logStream": "stream",
    "@log": "log_group",
    "@ptr": "ptr",
    "@requestId": r"nullif(regexp_extract(message, "
    r"'(?:RequestId: |^\S+Z[\t ])([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})', 1), '')",
    "@type": "nullif(regexp_extract(message, '^(START|END|REPORT) RequestId', 1), '')",
    "@duration": r"try_cast(regexp_extract(message, '\tDuration: ([\d.]+) ms', 1) as double)",
    "@billedDuration": r"try_cast(regexp_extract(message, 'Billed Duration: ([\d.]+) ms', 1) as double)",
    "@memorySize": r"try_cast(regexp_extract(message, 'Memory Size: ([\d.]+) MB', 1) as double) * 1e6",
    "@maxMemoryUsed": r"try_cast(regexp_extract(message, 'Max Memory Used: ([\d.]+) MB', 1) as double) * 1e6",
    "@initDuration": r"try_cast(regexp_extract(message, 'Init Duration: ([\d.]+) ms', 1) as double)",
}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
TOKEN = re.compile(
    r"\s*(?:(?P<regex>/(?:\\.|[^/\\])*/)|(?P<string>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')"
    r"|(?P<number>\d+(?:\.\d+)?(?![A-Za-z]))|(?P<span>\d+[smhd]\b)|(?P<name>[@A-Za-z_][\w.@]*)|(?P<quoted>`[^`]+`)"
    r"|(?P<op><=|>=|!=|=~|[-+*/%=<>(),\[\]]))"
)
AGGREGATES = {
    "count": "count",
    "sum": "sum",
    "avg": "avg",
    "min": "min",
    "max": "max",
    "count_distinct": "count(distinct ",
    "earliest": "min",
    "latest": "max",
}


class MalformedError(Exception):
    """A query that the engine doesn't know."""


def text_of(token):
    body = token[1:-1]
    return "'" + re.sub(r"\\(.)", r"\1", body).replace("'", "''") + "'"


class Expression:
    """Turns an Insights expression into SQL over the columns known so far."""

    def __init__(self, text, columns):
        self.columns, self.tokens, at = columns, [], 0
        while at < len(text.rstrip()):
            found = TOKEN.match(text, at)
            if not found or found.end() == at:
                raise MalformedError(f"unexpected {text[at:]!r}")
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()

    def sql(self):  # noqa: PLR0912 - one branch for each kind of token
        out, tokens = [], self.tokens
        at = 0
        while at < len(tokens):
            kind, token = tokens[at]
            word = token.lower()
            following = tokens[at + 1] if at + 1 < len(tokens) else (None, "")
            if kind == "name" and word in {"like", "in", "and", "or", "not"} and word != "like":
                out.append(word)
            elif (kind == "name" and word == "like") or token == "=~":
                negated = bool(out) and out[-1] == "not"
                if negated:
                    out.pop()
                left = out.pop()
                if following[0] == "regex":
                    pattern = following[1][1:-1].replace("\\/", "/").replace("'", "''")
                    test = f"regexp_matches(cast({left} as varchar), '{pattern}')"
                elif following[0] == "string":
                    test = f"contains(cast({left} as varchar), {text_of(following[1])})"
                else:
                    raise MalformedError("like needs a text or a pattern")
                out.append(f"(not {test})" if negated else f"({test})")
                at += 1
            elif kind == "name" and following[1] == "(":
                end = self.closing(at + 1)
                inner = list(self.split_arguments(at + 2, end))
                out.append(self.function(word, inner))
                at = end
            elif kind in {"name", "quoted"}:
                out.append(self.column(token.strip("`")))
            elif kind == "string":
                out.append(text_of(token))
            elif kind == "number":
                out.append(token)
            elif kind == "op":
                out.append({"[": "(", "]": ")"}.get(token, token))
            else:
                raise MalformedError(f"unexpected {token!r}")
            at += 1
        return " ".join(out)

    def closing(self, at):
        depth = 0
        for index in range(at, len(self.tokens)):
            depth += {"(": 1, ")": -1}.get(self.tokens[index][1], 0)
            if depth == 0:
                return index
        raise MalformedError("unbalanced")

    def split_arguments(self, start, end):
        depth, part = 0, []
        for token in self.tokens[start:end]:
            depth += {"(": 1, ")": -1}.get(token[1], 0)
            if token[1] == "," and depth == 0:
                yield part
                part = []
            else:
                part.append(token)
        if part:
            yield part

    def of(self, tokens):
        other = Expression("", self.columns)
        other.tokens = tokens
        return other.sql()

    def function(self, name, arguments):  # noqa: PLR0911 - one answer for each function
        if name == "bin":
            span = arguments[0][0][1]
            seconds = int(span[:-1]) * UNITS[span[-1]]
            return f"(ts // {seconds * 1000}) * {seconds * 1000}"
        if name == "count" and arguments and arguments[0][0][1] == "*":
            return "count(*)"
        values = [self.of(argument) for argument in arguments]
        if name == "pct":
            return f"quantile_cont(try_cast({values[0]} as double), {values[1]} / 100.0)"
        if name == "count_distinct":
            return f"count(distinct {values[0]})"
        if name in {"sum", "avg"}:
            return f"{name}(try_cast({values[0]} as double))"
        if name in AGGREGATES:
            return f"{AGGREGATES[name]}({values[0]})"
        simple = {
            "tomillis": "{0}",
            "ispresent": "({0} is not null)",
            "strcontains": "contains({0}, {1})",
            "coalesce": "coalesce(" + ", ".join(values) + ")",
            "concat": "concat(" + ", ".join(values) + ")",
            "abs": "abs({0})",
        }
        if name not in simple:
            raise MalformedError(f"unknown function {name}")
        return simple[name].format(*values)

    def column(self, name):
        if name in self.columns:
            return f'"{name}"'
        if name in DISCOVERED:
            return f"({DISCOVERED[name]})"
        return "null"


def split_list(text):
    parts, depth, start, quote = [], 0, 0, ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'/`":
            quote = char
        elif char in "()[]":
            depth += 1 if char in "([" else -1
        elif char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


def alias_of(text):
    found = re.fullmatch(r"(?P<what>.+?)\s+as\s+(?P<alias>[`@\w.]+)", text, re.IGNORECASE | re.DOTALL)
    return (found["what"], found["alias"].strip("`")) if found else (text, text.strip("`"))


class Engine:
    """Events of log groups, and queries over them."""

    def __init__(self):
        self.connection = duckdb.connect()
        self.connection.execute("set threads = 1")
        self.lock = threading.Lock()
        self.tables = {}

    def load(self, group, events):
        """Take (epoch milliseconds, message, stream) triples as a group's events."""
        frame = pd.DataFrame(events, columns=["ts", "message", "stream"])
        frame["ptr"] = [f"{group}#{number}" for number in range(len(frame))]
        frame["log_group"] = "123456789012:" + group
        with self.lock:
            table = self.tables.setdefault(group, f"events_{len(self.tables)}")
            self.connection.register("incoming", frame)
            self.connection.execute(f"create or replace table {table} as select * from incoming")
            self.connection.unregister("incoming")

    def incoming(self, group, what):
        """Return what came in by minute (epoch seconds), as CloudWatch counts it."""
        value = "sum(strlen(message) + 26)" if what == "bytes" else "count(*)"
        with self.lock:
            rows = self.connection.execute(
                f"select ts // 60000 * 60 as minute, {value} from {self.tables[group]} group by minute"
            ).fetchall()
        return {int(minute): float(amount) for minute, amount in rows}

    def run(self, query, groups, first_ms, last_ms, default_limit):
        """Return rows (lists of fields) and statistics of a query over [first_ms, last_ms]."""
        sources = " union all ".join(f"select * from {self.tables[group]}" for group in groups)
        base = f"select * from ({sources}) where ts between {first_ms} and {last_ms}"
        state = {
            "sql": base,
            "columns": {},
            "shown": [],
            "aggregated": False,
            "limit": None,
            "order": "ts desc",
        }
        state["matched"] = base
        for command in split_commands(query):
            handler = getattr(self, "do_" + command_name(command), None)
            if handler is None:
                raise MalformedError(f"unknown command {command_name(command)}")
            handler(state, command[len(command_name(command)) :].strip())
        shown = state["shown"] or ["@timestamp", "@message"]
        if not state["aggregated"] and "@ptr" not in shown:
            shown = [*shown, "@ptr"]
        picked = ", ".join(f'{Expression(name, state["columns"]).sql()} as "{name}"' for name in shown)
        if state["aggregated"]:
            picked = ", ".join(f'"{name}"' for name in shown)
        order = f"order by {state['order']}" if state["order"] else ""
        limit = state["limit"] or default_limit
        with self.lock:
            matched = self.connection.execute(f"select count(*) from ({state['matched']})").fetchone()[0]
            scanned, size = self.connection.execute(
                f"select count(*), coalesce(sum(strlen(message) + 26), 0) from ({base})"
            ).fetchone()
            rows = self.connection.execute(
                f"select {picked} from ({state['sql']}) {order} limit {limit}"
            ).fetchall()
        times = {name for name in shown if name == "@timestamp" or state["columns"].get(name) == "time"}
        results = [
            [
                {"field": name, "value": self.written(value, name in times)}
                for name, value in zip(shown, row, strict=True)
                if value is not None
            ]
            for row in rows
        ]
        return results, {
            "recordsMatched": float(matched),
            "recordsScanned": float(scanned),
            "bytesScanned": float(size),
        }

    def written(self, value, is_time):
        if is_time:
            moment = pd.Timestamp(int(value), unit="ms")
            return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{int(value) % 1000:03d}"
        if isinstance(value, float):
            return str(int(value)) if value.is_integer() else repr(value)
        return str(value)

    def do_fields(self, state, rest):
        for part in split_list(rest):
            what, alias = alias_of(part)
            if alias != what.strip("`"):
                sql = Expression(what, state["columns"]).sql()
                state["sql"] = f'select *, {sql} as "{alias}" from ({state["sql"]})'
                state["columns"][alias] = "time" if what.strip() == "@timestamp" else "value"
            state["shown"].append(alias)

    def do_display(self, state, rest):
        state["shown"] = [alias_of(part)[1] for part in split_list(rest)]

    def do_filter(self, state, rest):
        state["sql"] = f"select * from ({state['sql']}) where {Expression(rest, state['columns']).sql()}"
        if not state["aggregated"]:
            state["matched"] = state["sql"]

    def do_parse(self, state, rest):
        found = re.match(
            r"(?:(?P<field>[@\w.]+)\s+)?(?P<pattern>\"[^\"]*\"|'[^']*'|/.*/)(?:\s+as\s+(?P<names>.+))?$", rest
        )
        if not found:
            raise MalformedError(f"can't parse {rest!r}")
        source = Expression(found["field"] or "@message", state["columns"]).sql()
        pattern = found["pattern"][1:-1]
        if found["pattern"][0] == "/":
            names = re.findall(r"\(\?<(\w+)>", pattern)
            pattern = re.sub(r"\(\?<\w+>", "(", pattern)
        else:
            names = [name.strip() for name in (found["names"] or "").split(",")]
            pieces = [re.escape(piece) for piece in pattern.split("*")]
            pattern = "(.*?)".join(pieces) + ("$" if pattern.endswith("*") else "")
        pattern = pattern.replace("'", "''")
        pattern = f"'(?s){pattern}'"
        picks = ", ".join(
            f"case when regexp_matches({source}, {pattern}) "
            f'then regexp_extract({source}, {pattern}, {n}) end as "{name}"'
            for n, name in enumerate(names, 1)
        )
        state["sql"] = f"select *, {picks} from ({state['sql']})"
        state["columns"].update(dict.fromkeys(names, "value"))
        if not state["aggregated"]:
            state["shown"] += names

    def do_stats(self, state, rest):
        split = re.split(r"\bby\b", rest, maxsplit=1)
        keys = [alias_of(part) for part in split_list(split[1])] if len(split) > 1 else []
        values = [alias_of(part) for part in split_list(split[0])]
        picks = [f'{Expression(what, state["columns"]).sql()} as "{alias}"' for what, alias in keys + values]
        groups = ", ".join(str(n + 1) for n in range(len(keys)))
        state["sql"] = f"select {', '.join(picks)} from ({state['sql']})" + (
            f" group by {groups}" if groups else ""
        )
        times = {alias for what, alias in keys if re.match(r"bin\s*\(", what)}
        times |= {
            alias
            for what, alias in values
            if re.fullmatch(r"(?:min|max|earliest|latest)\(@timestamp\)", what)
        }
        state["columns"] = {alias: "time" if alias in times else "value" for _, alias in keys + values}
        state["shown"] = list(state["columns"])
        state["aggregated"], state["order"] = True, None

    def do_sort(self, state, rest):
        orders = []
        for part in split_list(rest):
            found = re.fullmatch(r"(?P<what>.+?)(?:\s+(?P<way>asc|desc))?", part, re.IGNORECASE)
            orders.append(f"{Expression(found['what'], state['columns']).sql()} {found['way'] or 'asc'}")
        state["order"] = ", ".join(orders)

    def do_limit(self, state, rest):
        if not rest.isdigit():
            raise MalformedError("limit needs a number")
        state["limit"] = int(rest)

    do_head = do_limit

    def do_dedup(self, state, rest):
        keys = ", ".join(Expression(part, state["columns"]).sql() for part in split_list(rest))
        state["sql"] = (
            f"select * from ({state['sql']}) "
            f"qualify row_number() over (partition by {keys} order by ts desc) = 1"
        )

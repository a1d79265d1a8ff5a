import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.aws_shapes.insights_query_text import (
    column_kinds,
    columns_known,
    columns_of,
    command_name,
    counting_query,
    filter_applies_to_all,
    is_ascending,
    is_unfiltered,
    query_limit,
    split_commands,
    unsplittable_reason,
    with_timestamp,
)
from watchme_analysis.text.message import message_of


def test_commands_and_limits():
    query = (
        'fields @message | filter @message like /a|b#/ # | limit 3\n| parse @message "x|*" as y | limit 20'
    )
    assert split_commands(query) == [
        "fields @message",
        "filter @message like /a|b#/",
        'parse @message "x|*" as y',
        "limit 20",
    ]
    assert query_limit(query) == 20
    assert query_limit("fields @message | limit 5 | head 3") == 3
    assert query_limit("fields limit_5") is None
    assert query_limit("fields dislike / 2 as half | limit 4") == 4
    assert query_limit("parse /a|b(?<x>c)/ | limit 5") == 5
    assert split_commands("fields a, (b | c) | filter d") == ["fields a, (b | c)", "filter d"]


@pytest.mark.parametrize(
    "query",
    [
        "fields @timestamp, @message",
        "fields @timestamp | filter @message like /stats|limit/ | sort @timestamp asc",
        'parse @message "a *" as b | filter b > 3 | display b',
        "fields @timestamp, timestamp, @@timestamp, @message as timestamp",
    ],
)
def test_queries_over_single_events_can_be_split(query):
    assert unsplittable_reason(query) is None


@together(
    ("query", "word"),
    [
        ("stats count(*) by bin(5m)", "stats"),
        ("fields @message | dedup @message", "dedup"),
        ("pattern @message", "pattern"),
        ("fields @message | limit 20", "limits itself"),
        ("fields @message | sort @duration desc", "order"),
        ("fields @message | sort @timestamp, @message", "order"),
        ("fields @message | diff", "diff"),
        ("fields a | join type=left left=x right=y on x.a=y.a (SOURCE z)", "join"),
        ("anomaly a", "anomaly"),
        ("filter a in (SOURCE 'g' | filter b = 1 | fields a) | fields @message", "subquery"),
        ("fields @ingestionTime as @timestamp, @message", "@timestamp"),
        ('parse @message "* *" as @timestamp, b', "@timestamp"),
        ("fields a as @ptr", "@ptr"),
    ],
)
def test_queries_over_several_events_cannot_and_say_why(query, word):
    assert word in unsplittable_reason(query)


def test_columns():
    assert columns_of("fields @timestamp, @message as m") == ["@timestamp", "m", "@ptr"]
    assert columns_of("stats count(*) as n, max(@duration) by bin(5m) as t, status") == [
        "t",
        "status",
        "n",
        "max(@duration)",
    ]
    assert columns_of('parse @message "status=*, t=*" as status, t | display status') == ["status", "@ptr"]
    assert columns_of("parse @message /x=(?<x>\\d+)/") == ["x", "@ptr"]


def test_kinds_of_columns():
    text = "stats count(*) as n, max(@timestamp) as last, avg(@duration), sum(x) as s by bin(5m), status"
    assert column_kinds(text) == {"bin(5m)": "time", "n": "whole", "last": "time", "avg(@duration)": "number"}
    assert column_kinds("fields @timestamp as t, @message, x") == {
        "t": "time",
        "@message": "text",
        "@ptr": "text",
    }
    assert columns_known(text)
    assert not columns_known("pattern @message")


def test_timestamp_is_added_where_windows_need_it():
    assert with_timestamp("fields @message") == "fields @timestamp | fields @message"
    assert with_timestamp("fields @timestamp, a") == "fields @timestamp, a"
    assert "@timestamp" in columns_of(with_timestamp("fields a | display a"))


def test_counting_and_order():
    query = "fields a | filter a > 1 | sort @timestamp asc"
    assert (
        counting_query(query, "@logStream") == "fields a | filter a > 1 | stats count(*) as n by @logStream"
    )
    assert is_ascending(query)
    assert not is_ascending("fields a")


def test_a_filter_in_front_bounds_what_looks_at_events_of_the_window_alone():
    assert filter_applies_to_all("filter a > 1 | stats count(*) by b | sort b | limit 3")
    assert not filter_applies_to_all("pattern @message | diff")
    assert not filter_applies_to_all("source logGroups() | fields @message")
    assert not filter_applies_to_all("filter a in (SOURCE 'g' | fields a) | stats count(*)")


def test_without_a_filter_each_event_is_a_row():
    assert is_unfiltered("fields a | parse @message 'x *' as x | sort @timestamp asc | display x")
    assert not is_unfiltered("fields a | filter a > 1")
    assert not is_unfiltered("filterIndex a = 1 | fields a")


@together(
    ("query", "reason"),
    [
        ("filter a in (SOURCE 'g' | fields a)", {"unsplittable-subquery": {}}),
        ("fields x as @ptr", {"unsplittable-column": {"column": "@ptr"}}),
        ("parse @message /(?<a>b)/ as @timestamp", {"unsplittable-column": {"column": "@timestamp"}}),
        ("sort @timestamp | sort @timestamp", {"unsplittable-order": {"command": "sort @timestamp"}}),
        ("sort a", {"unsplittable-order": {"command": "sort a"}}),
        ("head 5", {"unsplittable-limit": {"command": "head 5"}}),
        ("tail 5", {"unsplittable-limit": {"command": "tail 5"}}),
        ("STATS count(*)", {"unsplittable-command": {"command": "stats"}}),
    ],
)
def test_the_reason_that_a_query_cannot_be_split(query, reason):
    assert messages_in(message_of(unsplittable_reason(query))) == reason


@together(
    ("query", "commands"),
    [
        ("# first | x\nfields a | b", ["fields a", "b"]),
        ("fields a # rest | x", ["fields a"]),
        ("fields `a|b`, 'c|\\'|' | filter d", ["fields `a|b`, 'c|\\'|'", "filter d"]),
        ("filter a =~ /x|y/ | z", ["filter a =~ /x|y/", "z"]),
        ("fields a / b | c / d", ["fields a / b", "c / d"]),
        ("| a || b |", ["a", "b"]),
        ("", []),
        ("fields a #c\n#d\n| b", ["fields a", "b"]),
        ("fields (a, (b | c)) | d)", ["fields (a, (b | c))", "d)"]),
    ],
)
def test_pipes_that_separate(query, commands):
    assert [" ".join(command.split()) for command in split_commands(query)] == commands


@together(
    ("query", "limit"),
    [("limit 5", 5), ("LIMIT  7 ", 7), ("tail 3", 3), ("limit 5x", None), (None, None), ("", None)],
)
def test_stated_limits(query, limit):
    assert query_limit(query) == limit


@together(
    ("query", "ascending"),
    [
        ("sort @timestamp", False),
        ("sort @timestamp DESC", False),
        ("fields a | SORT @timestamp ASC", True),
        ("sort a asc", False),
    ],
)
def test_the_order_of_rows(query, ascending):
    assert is_ascending(query) is ascending


@together(
    ("query", "columns"),
    [
        ("", ["@timestamp", "@message", "@ptr"]),
        ("fields a | fields b as c", ["a", "c", "@ptr"]),
        ("fields a | display `b`, c as `d`", ["b", "d", "@ptr"]),
        ("display a | parse @message '*' as b", ["a", "@ptr"]),
        ("stats count(*)", ["count(*)"]),
        ("stats count(*) as n by a | display n", ["n"]),
        ("stats sum(`by y`) as s by concat(a, ' by ') as k", ["k", "s"]),
        ("parse @message '* by *' as by, b", ["by", "b", "@ptr"]),
        ("fields concat(a, b) as c, d", ["c", "d", "@ptr"]),
    ],
)
def test_columns_of_more_queries(query, columns):
    assert columns_of(query) == columns


@together(
    ("expression", "kind"),
    [
        ("@ingestionTime", "time"),
        ("datefloor(@timestamp, 5m)", "time"),
        ("MIN(@timestamp)", "time"),
        ("count_distinct(a)", "whole"),
        ("pct(@duration, 99)", "number"),
        ("@maxMemoryUsed", "number"),
        ("@requestId", "text"),
        ("sum(a)", None),
        ("max(a)", None),
    ],
)
def test_the_kind_of_an_expression(expression, kind):
    assert column_kinds(f"stats {expression} as x") == ({} if kind is None else {"x": kind})


def test_texts_of_queries_about_windows():
    assert (
        with_timestamp("fields a | display a | display b") == "fields a | display a | display b, @timestamp"
    )
    assert with_timestamp("fields a | filter b") == "fields @timestamp | fields a | filter b"
    counted = "fields a | filter b | stats count(*) as n by bin(60s) as b"
    text = "fields a | filter b | display a | sort @timestamp desc"
    assert counting_query(text, "bin(60s) as b") == counted
    assert columns_known("fields a | stats count(*) by b | sort b | limit 3 | dedup b")
    assert not columns_known("fields a | anomaly a")
    assert command_name("  FIELDS a") == "fields"
    assert command_name("  ") == ""

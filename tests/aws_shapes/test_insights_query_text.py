import pytest
from worlds.together import together

from watchme_analysis.aws_shapes.insights_query_text import (
    column_kinds,
    columns_known,
    columns_of,
    counting_query,
    filter_applies_to_all,
    is_ascending,
    is_unfiltered,
    query_limit,
    split_commands,
    unsplittable_reason,
    with_timestamp,
)


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
    assert counting_query(query, 60).startswith(
        "fields a | filter a > 1 | stats count(*) as n by bin(60s) as b"
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

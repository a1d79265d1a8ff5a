import pytest

from watchme_analysis.sources.insights_text import (
    ascending,
    columns_of,
    counting_query,
    query_limit,
    split_commands,
    why_whole,
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


@pytest.mark.parametrize(
    "query",
    [
        "fields @timestamp, @message",
        "fields @timestamp | filter @message like /stats|limit/ | sort @timestamp asc",
        'parse @message "a *" as b | filter b > 3 | display b',
    ],
)
def test_queries_over_single_events_can_be_split(query):
    assert why_whole(query) is None


@pytest.mark.parametrize(
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
    ],
)
def test_queries_over_several_events_cannot_and_say_why(query, word):
    assert word in why_whole(query)


def test_columns():
    assert columns_of("fields @timestamp, @message as m") == ["@timestamp", "m", "@ptr"]
    assert columns_of("stats count(*) as n, max(@duration) by bin(5m) as t, status") == [
        "t",
        "status",
        "n",
        "max(@duration)",
    ]
    assert columns_of('parse @message "status=*, t=*" as status, t | display status') == ["status"]
    assert columns_of("parse @message /x=(?<x>\\d+)/") == ["x", "@ptr"]


def test_timestamp_is_added_where_windows_need_it():
    assert with_timestamp("fields @message") == "fields @timestamp | fields @message"
    assert with_timestamp("fields @timestamp, a") == "fields @timestamp, a"
    assert "@timestamp" in columns_of(with_timestamp("fields a | display a"))


def test_counting_and_order():
    query = "fields a | filter a > 1 | sort @timestamp asc"
    assert counting_query(query, 60).startswith(
        "fields a | filter a > 1 | stats count(*) as n by bin(60s) as b"
    )
    assert ascending(query)
    assert not ascending("fields a")

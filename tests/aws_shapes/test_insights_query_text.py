from worlds.together import together

from watchme_analysis.aws_shapes.insights_query_text import query_facts, split_commands


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
    assert query_facts(query).limit == 20
    assert query_facts("fields @message | limit 5 | head 3").limit == 3
    assert query_facts("fields limit_5").limit is None
    assert query_facts("fields dislike / 2 as half | limit 4").limit == 4
    assert query_facts("parse /a|b(?<x>c)/ | limit 5").limit == 5
    assert split_commands("fields a, (b | c) | filter d") == ["fields a, (b | c)", "filter d"]


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
    assert word in query_facts(query).unsplittable_reason


def test_a_filter_in_front_bounds_what_looks_at_events_of_the_window_alone():
    assert query_facts("filter a > 1 | stats count(*) by b | sort b | limit 3").accepts_filter
    assert not query_facts("pattern @message | diff").accepts_filter
    assert not query_facts("source logGroups() | fields @message").accepts_filter
    assert not query_facts("filter a in (SOURCE 'g' | fields a) | stats count(*)").accepts_filter


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
    assert [*query_facts(query).columns] == columns

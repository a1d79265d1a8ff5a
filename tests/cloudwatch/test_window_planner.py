"""What retrievals scan and how often they poll, over a model of the service on a clock of its own."""

import itertools
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds.insights_model import Model, least
from worlds.together import together

import watchme_analysis.cloudwatch.insights.run as retrieval
from watchme_analysis.cloudwatch.insights import run as flight
from watchme_analysis.cloudwatch.insights import window_planner as outlook
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery
from watchme_analysis.cloudwatch.insights.window_planner import (
    CrowdedBin,
    EndBounds,
    QueryWindow,
    WindowPlanner,
    count_bin_seconds,
    epoch_ms,
    windows_by_count,
    windows_from_edge,
)
from watchme_analysis.window import Window

START = datetime(2025, 12, 11, 1, tzinfo=UTC)
T0 = int(START.timestamp()) * 1000
HOUR_MS = 3_600_000


def retrieve(offsets, *, known=True, cap=1000, whole=True, order="asc", takes=0.0):
    """Retrieve an hour of events; return the model, the answer and what was scanned over the least."""
    model = Model([T0 + offset for offset in offsets], whole, takes)
    bins = Counter(moment // 60_000 * 60 for moment in model.moments)
    counts = (tuple(sorted(bins.items())) or ((T0 // 1000, 0),)) if known else ()
    text = f"fields @timestamp, @message | sort @timestamp {order}"
    query = InsightsQuery(text, ("g",), Window(START, START + timedelta(hours=1)), counts=counts)
    with pytest.MonkeyPatch.context() as patch:
        for module in (retrieval, flight):
            patch.setattr(module, "time", model)
        answer = retrieval.run_queries(model, [query], row_limit=cap)[0]
    numbers = [int(row["@ptr"]) for row in answer.rows]
    assert len(numbers) == len(set(numbers))
    if not answer.truncated:
        assert sorted(numbers) == list(range(len(offsets)))
    return model, answer, sum(model.scanned.values()) / max(1, least(model.moments, cap))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    second=st.one_of(
        st.integers(0, 3598),
        st.integers(1, 59).map(lambda n: 60 * n),
        st.integers(1, 47).map(lambda n: 75 * n),
    ),
    aside_ms=st.sampled_from([0, 17, -1000, -983, -500, 1000]),
    rows=st.sampled_from([900, 1500, 3000]),
    known=st.booleans(),
    whole=st.booleans(),
    order=st.sampled_from(["asc", "desc"]),
    seed=st.integers(0, 99),
)
def test_a_burst_of_a_second_is_scanned_little_more_than_it_must(second, aside_ms, rows, known, **more):
    spread = random.Random(more.pop("seed"))
    at = min(max(0, second * 1000 + aside_ms), HOUR_MS - 1000)
    offsets = [spread.randrange(HOUR_MS) for _ in range(500)]
    offsets += [at + spread.randrange(1000) for _ in range(rows)]
    _, answer, scanned = retrieve(offsets, known=known, **more)
    assert not answer.truncated
    assert scanned <= (1.6 if known else 2)


def uneven(seed):
    """Events with bursts of any width, some falling off, some at a border of minutes or slices."""
    spread = random.Random(seed)
    offsets = [spread.randrange(HOUR_MS) for _ in range(spread.choice([0, 50, 500]))]
    for _ in range(spread.choice([1, 1, 2, 4])):
        rows, width = spread.choice([50, 90, 300, 1000]), spread.choice([100, 1000, 5000, 30_000, 300_000])
        at = spread.choice([spread.randrange(HOUR_MS), spread.randrange(60) * 60_000])
        power = spread.choice([1, 2])
        offsets += [min(HOUR_MS - 1, at + int(width * spread.random() ** power)) for _ in range(rows)]
    return offsets


@pytest.mark.slow
@pytest.mark.parametrize(("known", "usual", "most"), [(True, 1.4, 3), (False, 1.8, 4)])
def test_bursts_of_all_kinds_are_scanned_about_once(known, usual, most):
    found = []
    for seed in range(60):
        how = {"whole": seed % 2 == 0, "order": "asc" if seed % 3 else "desc"}
        _, answer, scanned = retrieve(uneven(seed), known=known, cap=100, **how)
        if not answer.truncated:
            found.append(scanned)
    assert len(found) > 50
    assert sum(found) / len(found) <= usual
    assert max(found) <= most


def burst(rows, width_ms, seed):
    spread = random.Random(seed)
    at = spread.randrange(HOUR_MS - width_ms)
    return [spread.randrange(HOUR_MS) for _ in range(500)] + [
        at + spread.randrange(width_ms) for _ in range(rows)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("width_ms", "times"), [(1000, 10), (4000, 1.3), (15_000, 4), (60_000, 10)])
def test_a_burst_in_a_known_minute_is_scanned_once_where_queries_are_worth_it(width_ms, times, monkeypatch):
    monkeypatch.setattr(outlook, "_EVENTS_PER_QUERY", 0)
    found, most = [], 0
    for seed in range(8):
        how = {"whole": seed % 2 == 0, "order": "asc" if seed % 3 else "desc"}
        _, answer, scanned = retrieve(burst(round(1000 * times), width_ms, seed), **how)
        assert not answer.truncated
        found.append(scanned)
        most = max(most, answer.queries_started)
    # Windows of a crowded second itself are planned to be four fifths full.
    assert sum(found) / len(found) <= (1.25 if width_ms == 1000 else 1.05)
    assert max(found) <= (1.45 if width_ms == 1000 else 1.2)
    assert most <= 3 * 60


@pytest.mark.slow
def test_few_queries_are_made_where_little_is_to_be_saved():
    _, answer, _ = retrieve(burst(4000, 4000, 1))
    assert answer.queries_started < 30
    # So many crowded minutes are no burst, and one whose rows lie evenly is cut evenly.
    evenly = [60_000 * minute + n * 12 for minute in range(10) for n in range(5000)]
    assert retrieve(evenly)[1].queries_started < 100


def test_a_minute_whose_rows_lie_evenly_is_cut_evenly(monkeypatch):
    monkeypatch.setattr(outlook, "_EVENTS_PER_QUERY", 0)
    _, answer, scanned = retrieve([600_000 + n * 12 for n in range(5000)])
    assert answer.queries_started <= 4 + 2 * 7
    assert scanned <= 1.05


@pytest.mark.parametrize("whole", [True, False])
def test_neighbours_share_no_second(whole):
    offsets = [500 + 1000 * n for n in range(3600)]
    model, answer, _ = retrieve(offsets, cap=400, whole=whole)
    # One event is scanned twice: it tells how far an end reaches.
    assert Counter(model.scanned.values()) in ({1: 3600}, {1: 3599, 2: 1})
    assert model.service_facts == {"insights_end_includes_second": whole}
    assert not answer.truncated


def test_nothing_is_learned_from_nothing():
    model, answer, _ = retrieve([])
    assert (answer.rows, model.service_facts, len(model.queries)) == ([], {}, 1)


@pytest.mark.parametrize(
    ("takes", "most_polls", "most_late"), [(0.5, 3, 0.3), (2, 8, 0.5), (30, 20, 6), (300, 40, 15)]
)
def test_a_query_is_polled_as_its_length_asks_for(takes, most_polls, most_late):
    model, _, _ = retrieve([1], takes=takes)
    assert model.polls <= most_polls
    assert model.now - takes <= most_late


@pytest.mark.slow
def test_later_queries_are_polled_when_the_first_ones_let_expect():
    offsets = [500 + 1000 * n for n in range(3600)]
    model, answer, _ = retrieve(offsets, cap=100, takes=2)
    assert answer.queries_started >= 60
    # The first ten are polled as if nothing was known, the others about twice each.
    assert model.polls <= 8 * 10 + 2.5 * (answer.queries_started - 10)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_the_rows_of_a_window_that_was_cut_in_vain_are_counted(order):
    """Bursts at 1, 2, 4, 8, ... ms: the density near the last row shows nothing of the rest."""
    bursts = [2**power + number for power in range(21) for number in range(30)]
    offsets = bursts if order == "desc" else [HOUR_MS - 1 - offset for offset in bursts]
    model, answer, _ = retrieve(offsets, known=False, cap=20, order=order)  # which checks the rows
    assert not answer.truncated
    counting = [each for each in model.started if " by bin(" in each["queryString"]]
    assert len(counting) == 2
    for each in counting:
        text = each["queryString"].partition(" | ")[2]
        # The seconds around 1,048,576 ms and 524,288 ms, counted by the second.
        assert (
            text
            == "fields @timestamp, @message | stats count(*) as n by bin(1s) as b | sort b asc | limit 10000"
        )
        assert each["limit"] == 10_000
    # Most seconds are scanned about once: what was counted is scanned again.
    assert len(model.started) <= 141


@together(
    ("span", "width", "cuts"),
    [
        ((0, 60_000), 20_000, [20_000, 40_000]),
        ((500, 60_000), 20_100, [20_000, 40_000]),
        ((0, 3000), 1300, [1000, 2000]),
        ((700, 3000), 500, [1000, 1500, 2000, 2500]),
        ((1200, 1800), 300, [1500]),
        ((1200, 1800), 299.9, [1500]),
        ((1999, 2001), 1, [2000]),
    ],
)
def test_parts_meet_at_whole_seconds_where_they_are_wide_and_share_few_where_not(span, width, cuts):
    assert [
        part.from_ms for part in QueryWindow(*span).cut_at(QueryWindow(*span).cut_points(width))[1:]
    ] == cuts


def spans(windows):
    return [(window.from_ms, window.to_ms) for window in windows]


def between(*cuts):
    return list(itertools.pairwise(cuts))


def test_a_window_counts_the_seconds_that_it_touches():
    window = QueryWindow(1500, 4200)
    assert (window.first_second, window.end_second, window.length_ms, window.seconds) == (1, 5, 2700, 2.7)
    assert (
        QueryWindow(0, 1).end_second,
        QueryWindow(0, 1000).end_second,
        QueryWindow(0, 1001).end_second,
    ) == (
        1,
        1,
        2,
    )
    inside = [(1500, 4200), (1501, 4199), (1499, 4200), (1500, 4201)]
    assert [QueryWindow(*span) in window for span in inside] == [True, True, False, False]


def test_a_part_filters_by_the_millisecond_and_a_whole_window_does_not():
    assert QueryWindow(1, 2, is_part=False).with_filter("fields x") == "fields x"
    assert QueryWindow(1, 2).with_filter("fields x") == (
        "filter toMillis(@timestamp) >= 1 and toMillis(@timestamp) < 2 | fields x"
    )


@together(
    ("span", "count", "parts"),
    [
        ((0, 9000), 3, between(0, 3000, 6000, 9000)),
        ((0, 9000), 1, between(0, 4000, 9000)),  # at least two, which meet at a whole second
        ((0, 2), 2, between(0, 1, 2)),
        ((0, 1), 2, []),  # a millisecond cannot be cut
    ],
)
def test_equal_parts_of_a_window(span, count, parts):
    assert spans(QueryWindow(*span).parts(count)) == parts


@together(
    ("span", "width", "cuts"),
    [
        ((500, 4500), 2000, [2000]),  # wide parts meet at whole seconds
        ((500, 4500), 1999, [1000, 2000, 3000, 4000]),  # narrow ones are cut within each second
        ((0, 6015), 3000, [3000]),  # half a percent too wide is accepted
        ((0, 6060), 3000, [2000, 4000]),  # two percent is not
        ((1000, 2000), 496, [1333, 1666]),
        ((1000, 2000), 498, [1500]),
        ((0, 2000), 334, [333, 666, 1000, 1333, 1666]),
    ],
)
def test_where_parts_meet(span, width, cuts):
    assert QueryWindow(*span).cut_points(width) == cuts


@together(("rows", "parts"), [(80, 1), (81, 2), (160, 2), (161, 3)])
def test_parts_are_four_fifths_full(rows, parts):
    assert len(QueryWindow(0, 60_000).parts_for(rows, 100)) == parts
    assert QueryWindow(0, 60_000, is_part=False).parts_for(80, 100) == [QueryWindow(0, 60_000)]


def test_times_of_rows_and_bins_of_counts():
    assert epoch_ms("1970-01-01 00:00:01.234") == 1234
    # At most 2,000 bins.
    found = [count_bin_seconds(QueryWindow(0, seconds * 1000)) for seconds in (1, 2000, 2001, 4001)]
    assert found == [1, 1, 2, 3]


@together(
    ("counts", "cuts"),
    [
        # With a limit of 100 a part holds 80 rows: 50 + 30, then 1 + 79.
        ([(0, 50), (60, 30), (120, 1), (180, 79)], [120]),
        ([(0, 50), (60, 31), (120, 49), (180, 1)], [60, 180]),
        # A bin of exactly 80 rows is cut nowhere, one of 160 rows in its middle.
        ([(0, 80), (60, 0)], []),
        ([(0, 10), (60, 160), (120, 40), (180, 40)], [60, 90, 120]),
        ([(0, 10), (60, 160), (120, 41), (180, 40)], [60, 90, 120, 180]),
        ([], []),
    ],
)
def test_windows_by_the_rows_of_each_minute(counts, cuts):
    found = windows_by_count(QueryWindow(0, 240_000), counts, 60, 100)
    assert spans(found) == between(0, *(1000 * cut for cut in cuts), 240_000)


@together(
    ("length", "missing", "width", "ascending", "cuts"),
    [
        # 400 rows fill five windows of 5 s near the edge: four are cut, the rest starts at a whole second.
        (100_000, 400, 5000, True, [5000, 10_000, 15_000, 20_000, 21_000]),
        (100_000, 400, 5000, False, [80_000, 85_000, 90_000, 95_000]),
        # They would fill all of it, so it is cut evenly.
        (25_000, 400, 5000, True, [5000, 10_000, 15_000, 20_000]),
        (25_001, 400, 5000, True, [5000, 10_000, 15_000, 20_000, 21_000]),
        # One window's rows, and a width below a millisecond.
        (100_000, 10, 5000, True, [5000, 6000]),
        (100_000, 10, 0.5, True, [1, 1000]),
        (100_000, 10, 0.5, False, [99_000, 99_999]),
    ],
)
def test_the_rest_of_an_overfull_window_is_cut_near_its_edge(length, missing, width, ascending, cuts):
    rest = QueryWindow(0, length)
    found = windows_from_edge(rest, missing, width, 100, ascending=ascending)
    assert spans(found) == between(0, *cuts, length)


SECONDS = [(1000 * second, 1000 * second + 1000) for second in range(60)]
# Of 60 pieces four run first: each in the middle of a quarter.
PROBED = [SECONDS[second] for second in (7, 22, 37, 52)]


def other_windows(matched):
    """Return the windows of a minute with 6,000 rows after its probed pieces; at most 1,000 rows come."""
    crowded = CrowdedBin(QueryWindow(0, 60_000), 6000)
    assert spans(crowded.pending) == PROBED
    found = [
        crowded.record(piece, rows, 1000) for piece, rows in zip(crowded.pending[:], matched, strict=True)
    ]
    assert (found[:3], crowded.pending) == ([[], [], []], [])
    return spans(found[3])


def test_a_crowded_minute_is_cut_evenly_when_its_pieces_hold_half_to_twice_their_share():
    # Each gap of 14 seconds holds 1,400 rows, two windows; the outer ones of 7 and 7 seconds one each.
    even = [
        (0, 7000),
        *between(8000, 15_000, 22_000),
        *between(23_000, 30_000, 37_000),
        *between(38_000, 45_000, 52_000),
        (53_000, 60_000),
    ]
    assert other_windows([100, 50, 200, 100]) == even
    piecewise = [second for second in SECONDS if second not in PROBED]
    for uneven in (49, 201, None):
        assert other_windows([100, uneven, 100, 100]) == piecewise


def test_a_short_crowded_bin_has_pieces_of_a_second():
    crowded = CrowdedBin(QueryWindow(0, 10_000), 1000)
    assert spans(crowded.pending) == [SECONDS[second] for second in (1, 3, 6, 8)]


def minutes(*rows):
    return tuple((60 * number, count) for number, count in enumerate(rows))


def planner(counts, seconds=None, row_limit=100, **more):
    window = QueryWindow(0, 1000 * (seconds or 60 * len(counts)), is_part=False)
    return WindowPlanner(window, counts, 60, row_limit, **more)


def test_the_first_windows_with_counts():
    whole = planner(minutes(40, 40))
    assert whole.first_windows() == [whole.window]
    assert spans(planner(minutes(41, 40)).first_windows()) == between(0, 60_000, 120_000)
    # Eight windows run at once. Of nine, three run first unless every event is a row.
    each = between(*range(0, 600_000, 60_000))
    assert spans(planner(minutes(*[80] * 8)).first_windows()) == each[:8]
    assert spans(planner(minutes(*[80] * 9)).first_windows()) == [each[0], each[4], each[8]]
    assert spans(planner(minutes(*[80] * 9), unfiltered=True).first_windows()) == each


def test_the_first_windows_without_counts():
    short = planner((), 47)
    assert short.first_windows() == [short.window]
    assert spans(planner((), 48).first_windows()) == [(0, 1000), (24_000, 25_000), (47_000, 48_000)]
    # 100 s are 34 slices of 3 s, of which the last is shorter.
    assert spans(planner((), 100).first_windows()) == [(0, 3000), (51_000, 54_000), (99_000, 100_000)]


def windows_after(plan, *matched):
    """Return the windows that follow the three that run first, of which these numbers of rows matched."""
    first = plan.first_windows()
    found = [plan.next_windows(window, rows) for window, rows in zip(first, matched, strict=True)]
    assert found[:2] == [[], []]
    assert plan.next_windows(first[0], 1) == []
    return spans(found[2])


@together(
    ("matched", "cuts"),
    [
        # Half of the events match in one of them at most: 40 rows of each minute, two in a window.
        ((8, 40, 0), [60, 180, 240]),
        ((None, 40, None), [60, 180, 240]),
        # Every event, even if more rows match than were counted.
        ((80, 0, 0), [60, 120, 180, 240]),
        ((160, 0, 0), [60, 120, 180, 240]),
        ((None, None, None), [60, 120, 180, 240]),
        # None matched, so at least one of a hundred is assumed.
        ((0, 0, 0), [60, 240]),
    ],
)
def test_the_highest_share_of_three_windows_cuts_the_others(matched, cuts):
    expected = between(*(1000 * cut for cut in cuts))
    second = between(*(1000 * (cut + 240) for cut in cuts))  # the other gap, behind the middle window
    assert windows_after(planner(minutes(*[80] * 9)), *matched) == [*expected, *second]


def test_a_hundredth_of_the_events_is_assumed_at_least():
    # 4,000 events a minute, none of which matched: 40 rows each.
    plan = planner(minutes(*[4000] * 9))
    windows = plan.first_windows()
    assert len(windows) == 3
    for window in windows[:2]:
        plan.next_windows(window, 0)
    rest = plan.next_windows(windows[2], 0)
    assert max(window.length_ms for window in rest) == 120_000


@together(
    ("matched", "cuts", "behind"),
    [
        # Median of 10 rows a second: 230 rows, then 220 rows, are three windows each.
        ((10, 1000, 10), [8000, 16_000], [32_000, 39_000]),
        ((None, 10, None), [8000, 16_000], [32_000, 39_000]),
        ((0, 0, 0), [], []),
        ((None, None, None), [], []),
    ],
)
def test_without_counts_the_median_of_three_slices_cuts_the_others(matched, cuts, behind):
    found = windows_after(planner((), 48), *matched)
    assert found == [*between(1000, *cuts, 24_000), *between(25_000, *behind, 47_000)]


def test_expected_rows_of_a_part_of_its_minutes():
    plan = planner(minutes(60, 120, 6))
    found = [
        plan.expected_rows(QueryWindow(*span)) for span in [(30_000, 90_000), (0, 1), (179_000, 300_000)]
    ]
    assert found == [30 + 60, pytest.approx(0.001), pytest.approx(0.1)]


def test_the_rest_of_a_window_is_cut_by_counts_that_are_fine_enough():
    plan = planner(minutes(80, 40, 40, 40, 80))
    # Twice as many rows as events in the rest, so each minute is a window.
    assert spans(plan.windows_for(QueryWindow(60_000, 240_000), 240)) == between(
        60_000, 120_000, 180_000, 240_000
    )
    assert spans(plan.windows_for(QueryWindow(60_000, 240_000), 120)) == between(60_000, 180_000, 240_000)
    assert plan.windows_for(QueryWindow(60_001, 240_000), 240) == []  # less than three minutes
    assert planner(minutes(81, 0, 0, 0)).windows_for(QueryWindow(60_000, 240_000), 240) == []  # none counted
    assert planner((), 240).windows_for(QueryWindow(0, 240_000), 240) == []


def test_pieces_of_a_few_crowded_minutes_run_first():
    """A minute of more than 60,000 events is worth four queries."""
    crowded = [(start + 60_000, end + 60_000) for start, end in PROBED]
    plan = planner(minutes(10, 60_001, 10), row_limit=50_000, unfiltered=True)
    assert spans(plan.first_windows()) == [(0, 60_000), (120_000, 180_000), *crowded]
    assert [plan.next_windows(QueryWindow(0, 60_000), 10)] == [[]]
    found = [plan.next_windows(QueryWindow(*piece), 1000) for piece in crowded]
    assert found[:3] == [[], [], []]
    # An even minute: 14 seconds hold 14,000 rows, less than 40,000.
    assert spans(found[3]) == [
        (60_000, 67_000),
        (68_000, 82_000),
        (83_000, 97_000),
        (98_000, 112_000),
        (113_000, 120_000),
    ]
    evenly = between(0, 60_000, 90_000, 120_000, 180_000)
    for rows, limit in (((10, 60_000, 10), 50_000), ((10, 60_001, 10), 60_001)):
        windows = planner(minutes(*rows), row_limit=limit, unfiltered=True).first_windows()
        assert spans(windows) == evenly, "no more than the limit, or too few to be worth it"
    assert spans(planner(minutes(10, 60_001, 10), row_limit=50_000).first_windows()) == evenly  # filtered
    many = planner(minutes(*[60_001] * 4), row_limit=50_000, unfiltered=True).first_windows()
    assert spans(many) == between(*range(0, 241_000, 30_000))  # four are no burst
    three = planner(minutes(*[60_001] * 3), row_limit=50_000, unfiltered=True).first_windows()
    assert len(three) == 3 * 4
    # The window ends within the crowded minute.
    cut = planner(minutes(10, 60_001), 110, row_limit=50_000, unfiltered=True).first_windows()
    assert spans(cut) == between(0, 60_000, 90_000, 110_000)


@together(
    ("to_ms", "known", "leave_no_gap", "last"),
    [
        (10_000, {}, True, 10),  # whatever the end includes, all rows come
        (10_000, {}, False, 9),  # as if it included the whole second
        (10_000, {"uncertain": True}, False, 10),
        (9001, {}, True, 9),  # the last millisecond is the first of its second
        (9002, {}, True, 10),
        (10_000, {"includes_second": True}, True, 9),
        (10_000, {"includes_second": False}, False, 10),
        (5001, {"needs_two_seconds": True, "includes_second": True}, False, 6),
        (6000, {"needs_two_seconds": True}, False, 6),
        (8000, {"needs_two_seconds": True, "includes_second": True}, False, 7),
    ],
)
def test_the_last_second_of_a_query(to_ms, known, leave_no_gap, last):
    window = QueryWindow(5000, to_ms)
    assert EndBounds(**known).last_second(window, leave_no_gap=leave_no_gap) == last


def at(*seconds):
    return [{"@timestamp": f"1970-01-01 00:00:{second:06.3f}"} for second in seconds]


def test_what_rows_show_of_the_end_of_a_query():
    bounds = EndBounds()
    bounds.observe(0, at(1, 2), 2)
    assert bounds == EndBounds(uncertain=True)  # events at whole seconds show nothing
    # The quietest second is the third; the last may hold more rows than came.
    bounds.observe(1, at(1.5, 1.6, 2.5, 3.1), 9)
    assert bounds == EndBounds(probe_event=(1, 2500))
    bounds.observe(0, at(1, 2), 2)
    assert bounds == EndBounds(probe_event=(1, 2500))  # one event is enough
    for rows, event_ms in ((at(1.5, 3.1), 1500), (at(3.1, 1.5), 3100)):  # in any order
        seen = EndBounds(uncertain=True)
        seen.observe(0, rows, 3)
        assert (seen.includes_second, seen.uncertain) == (True, False)
        seen.observe(4, at(8.5), 1)
        assert seen.probe_event == (0, event_ms)  # what is known is not looked for again
    single = EndBounds()
    single.observe(2, at(7.25), 9)
    assert single == EndBounds(probe_event=(2, 7250))


def test_gaps_are_queried_when_the_end_is_known_or_no_query_is_left():
    bounds = EndBounds()
    bounds.add_gap(0, QueryWindow(0, 10_000), 10)
    bounds.add_gap(0, QueryWindow(0, 9001), 9)
    assert bounds.gaps == []
    assert bounds.due_gaps(idle=True) == []
    assert not bounds.uncertain
    bounds.add_gap(0, QueryWindow(0, 10_000), 9)
    bounds.add_gap(1, QueryWindow(9500, 10_000), 9)
    gaps = [(0, QueryWindow(9001, 10_000)), (1, QueryWindow(9500, 10_000))]
    assert bounds.gaps == gaps
    assert (bounds.due_gaps(idle=False), bounds.gaps) == ([], gaps)
    assert (bounds.due_gaps(idle=True), bounds.gaps, bounds.uncertain) == (gaps, [], True)
    for includes, due in ((True, []), (False, gaps)):
        known = EndBounds(includes_second=includes, gaps=gaps, uncertain=True)
        assert (known.due_gaps(idle=False), known.gaps, known.uncertain) == (due, [], False)
    known = EndBounds(includes_second=True)
    known.add_gap(0, QueryWindow(0, 10_000), 9)
    assert known.gaps == []


def test_the_end_is_probed_once_where_that_helps():
    useful = {"probe_event": (1, 2500), "gaps": [(0, QueryWindow(9001, 10_000))]}
    assert EndBounds(**useful).probe == (1, QueryWindow(2500, 2501))
    for useless in (
        {"gaps": []},
        {"probe_event": None},
        {"probed": True},
        {"needs_two_seconds": True},
        {"includes_second": False},
    ):
        assert EndBounds(**useful | useless).probe is None, useless

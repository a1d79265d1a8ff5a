"""What retrievals scan and how often they poll, over a model of the service on a clock of its own."""

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
from watchme_analysis.cloudwatch.insights.window_planner import QueryWindow
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
        answer = retrieval.run_query(model, query, row_limit=cap)
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

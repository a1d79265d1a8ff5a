"""Laws of a retrieval: each row once, little scanned twice, few polls; over a model on a clock of its own."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds.insights_model import Model, least

from watchme_analysis.cloudwatch.insights import run as retrieval
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery
from watchme_analysis.cloudwatch.insights.window_planner import QueryWindow, windows_by_count
from watchme_analysis.window import Window

START = datetime(2025, 12, 11, 1, tzinfo=UTC)
T0 = int(START.timestamp()) * 1000
HOUR_MS = 3_600_000


def retrieve(offsets, *, known=True, cap=1000, whole=True, order="asc", takes=0.0, streams=1):
    """Retrieve an hour of events; return the model, the answer and what was scanned over the least."""
    model = Model([T0 + offset for offset in offsets], whole, takes, streams)
    bins = Counter(moment // 60_000 * 60 for moment in model.moments)
    counts = (tuple(sorted(bins.items())) or ((T0 // 1000, 0),)) if known else ()
    text = f"fields @timestamp, @message | sort @timestamp {order}"
    query = InsightsQuery(text, ("g",), Window(START, START + timedelta(hours=1)), counts=counts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "time", model)
        answer = retrieval.run_queries(model, [query], row_limit=cap)[0]
    numbers = [int(row["@ptr"]) for row in answer.rows]
    assert len(numbers) == len(set(numbers))
    times = [row["@timestamp"] for row in answer.rows]
    assert times == sorted(times, reverse=order == "desc")
    if not answer.truncated:
        assert sorted(numbers) == list(range(len(offsets)))
    return model, answer, sum(model.scanned.values()) / max(1, least(model.moments, cap))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    bursts=st.lists(
        st.tuples(
            st.integers(0, HOUR_MS - 1),
            st.sampled_from([1, 90, 300, 1500]),
            st.sampled_from([1, 3, 1000, 5000, 30_000, 300_000]),
        ),
        max_size=4,
    ),
    cap=st.sampled_from([20, 100, 1000]),
    known=st.booleans(),
    whole=st.booleans(),
    order=st.sampled_from(["asc", "desc"]),
    streams=st.sampled_from([1, 40]),
    seed=st.integers(0, 99),
)
def test_every_row_comes_once_and_only_full_milliseconds_lack_rows(bursts, seed, **how):
    spread = random.Random(seed)
    offsets = [
        min(HOUR_MS - 1, at + spread.randrange(width)) for at, rows, width in bursts for _ in range(rows)
    ]
    model, answer, _ = retrieve(offsets, **how)
    # Rows of one millisecond and one log stream that exceed the limit can't be told apart by any query.
    crowded = max(Counter(zip(model.moments, model.streams, strict=True)).values(), default=0)
    assert answer.truncated == (crowded > how["cap"])


@pytest.mark.slow
@pytest.mark.parametrize(("known", "usual"), [(True, 2), (False, 2.5)])
def test_bursts_are_scanned_about_twice(known, usual):
    ratios = []
    for seed in range(40):
        spread = random.Random(seed)
        offsets = [spread.randrange(HOUR_MS) for _ in range(500)]
        width = spread.choice([1000, 5000, 30_000, 300_000])
        at = spread.randrange(HOUR_MS - width)
        offsets += [at + spread.randrange(width) for _ in range(3000)]
        order = "asc" if seed % 3 else "desc"
        ratios.append(retrieve(offsets, known=known, whole=seed % 2 == 0, order=order)[2])
    assert sum(ratios) / len(ratios) <= usual
    assert max(ratios) <= 4


@pytest.mark.parametrize("whole", [True, False])
def test_windows_of_known_counts_share_at_most_a_second(whole):
    offsets = [500 + 1000 * n for n in range(3600)]
    model, answer, _ = retrieve(offsets, cap=400, whole=whole)
    assert answer.queries_started == 12
    assert sum(model.scanned.values()) <= 3600 + 12


def test_no_event_takes_one_query():
    _, answer, _ = retrieve([])
    assert (answer.rows, answer.truncated, answer.queries_started) == ([], False, 1)


@pytest.mark.parametrize(
    ("takes", "most_polls", "most_late"), [(0.5, 3, 0.3), (2, 8, 0.5), (30, 20, 6), (300, 40, 15)]
)
def test_a_query_is_polled_in_proportion_to_its_age(takes, most_polls, most_late):
    model, _, _ = retrieve([1], takes=takes)
    assert model.polls <= most_polls
    assert model.now - takes <= most_late


@given(
    counts=st.dictionaries(st.integers(0, 59), st.integers(0, 500)),
    most_rows=st.integers(1, 200),
    start=st.integers(0, 3_000_000),
    length=st.integers(1, 3_600_000),
)
def test_windows_partition_the_interval(counts, most_rows, start, length):
    window = QueryWindow(start, start + length)
    bins = [(60 * minute, rows) for minute, rows in sorted(counts.items())]
    parts = windows_by_count(window, bins, 60, most_rows)
    assert (parts[0].from_ms, parts[-1].to_ms) == (window.from_ms, window.to_ms)
    assert all(a.to_ms == b.from_ms for a, b in pairwise(parts))
    assert all(part.length_ms > 0 for part in parts)
    halves = window.parts(2)
    assert (len(halves) > 1) == (length > 1)

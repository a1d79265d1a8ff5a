from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds.access_samples import requests

from watchme_analysis.access_logs.filters import RequestFilter
from watchme_analysis.access_logs.routes import compiled_routes, route_of
from watchme_analysis.access_logs.summary import AccessSummary
from watchme_analysis.files.arrow_arrays import array_of


def timed(seconds, **row):
    return requests(*({"request_time_s": one, **row} for one in seconds))


def test_requests_are_counted_by_family_of_path():
    summary = AccessSummary()
    summary.add(
        requests({"path": "/jobs/1"}, {"path": "/jobs/22", "status": 504}, {"path": "/a"}, {"path": None})
    )

    frame = summary.by_key().to_pandas()

    assert frame[["key", "requests"]].to_numpy().tolist() == [["/jobs/*", 2], ["-", 1], ["/a", 1]]
    assert frame.loc[0, ["504_pct", "server_error_pct", "client_error_pct"]].tolist() == [50.0, 50.0, 0.0]
    assert frame.loc[0, "share_pct"] == 50.0
    assert frame["p50_s"].isna().all()


def test_percentiles_carry_the_number_of_requests_with_a_time():
    left, right = AccessSummary(), AccessSummary()
    left.add(timed([0.2] * 50))
    left.add(requests(*[{"upstream_response_time_s": 0.1}] * 30))
    right.add(requests(*[{"path": "/b"}] * 920))
    left.merge(right)

    names = ["key", "requests", "timed", "upstream_timed", "p50_s", "upstream_p50_s"]
    assert [[row[name] for name in names] for row in left.by_key().to_pylist()] == [
        ["/b", 920, 0, 0, None, None],
        ["/a", 80, 50, 30, 0.2, 0.1],
    ]
    assert [left.total()[name] for name in names] == ["all", 1000, 50, 30, 0.2, 0.1]
    assert [AccessSummary().total()[name] for name in names[1:]] == [0, 0, 0, None, None]


@pytest.mark.slow
@given(st.lists(st.integers(0, 100_000).map(lambda one: one / 1000), min_size=1, max_size=200))
def test_percentiles_are_right_within_a_bucket(seconds):
    summary = AccessSummary()
    for at in range(0, len(seconds), 50):
        summary.add(timed(seconds[at : at + 50]))
    ordered = sorted(seconds)

    total = summary.total()

    for q, name in ((0.5, "p50_s"), (0.9, "p90_s"), (0.99, "p99_s")):
        exact = ordered[max(1, int(np.ceil(q * len(ordered)))) - 1]
        assert total[name] == pytest.approx(exact, rel=0.011, abs=1e-9)


def test_parts_add_up_to_the_whole():
    whole, left, right = (AccessSummary(choice=RequestFilter(slower_than_s=0.01)) for _ in range(3))
    a = timed([0.1, None, 0.2, 9.0], upstream_addr="192.0.2.1:80")
    b = timed([None, 3.0, None, 0.05], path="/b", status=502)
    whole.add(a)
    whole.add(b)
    left.add(a)
    right.add(b)
    left.merge(right)

    assert left.by_key().equals(whole.by_key())
    assert left.total() == whole.total()
    assert left.untimed == whole.untimed == 3  # no time to compare
    assert left.slowest()["request_time_s"].to_pylist() == [9.0, 3.0, 0.2, 0.1, 0.05]
    assert left.upstreams().equals(whole.upstreams())


@pytest.mark.slow
def test_memory_stays_bounded_when_every_request_has_its_own_path():
    summary = AccessSummary("full-path")
    for start in range(0, 50_000, 2_000):
        paths = ({"path": f"/{at}", "request_time_s": 0.1} for at in range(start, start + 2_000))
        summary.add(requests(*paths, by="full-path"))

    frame = summary.by_key().to_pandas()

    assert frame["requests"].sum() == 50_000
    assert len(frame) <= 40_001
    assert frame.loc[0, "key"] == "(others)"


@pytest.mark.slow
@pytest.mark.parametrize(("rare", "padding"), [(60_000, ""), (30_000, "x" * 600)])
def test_counts_that_rare_keys_lost_are_bounded(rare, padding):
    """Many short paths, and paths that are long together."""
    parts = [f"/{(at * at) % 23}" for at in range(400)]
    parts += [f"/rare{at}{padding}" for at in range(rare)] + 5 * [f"/rare{rare * 3 // 4}{padding}"]
    left, right = AccessSummary("full-path"), AccessSummary("full-path")
    for at in range(0, len(parts), 2_005):
        rows = ({"path": path} for path in parts[at : at + 2_005])
        (left if at % 2 else right).add(requests(*rows, by="full-path"))
    left.merge(right)

    found = dict(zip(*(left.by_key()[name].to_pylist() for name in ("key", "requests")), strict=True))

    counts = Counter(parts)
    assert len(found) < len(counts)
    assert sum(found.values()) == len(parts)
    lacking = [counts[key] - count for key, count in found.items() if key != "(others)"]
    assert 0 < max(lacking) <= left.most_missed
    assert all(counts[path] <= left.most_missed for path in set(parts) - set(found))


parts = st.one_of(
    st.from_regex(r"[0-9]{0,12}", fullmatch=True),
    st.from_regex(r"[0-9a-fA-F]{6,10}", fullmatch=True),
    st.from_regex(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{7,9}(-[0-9a-f]{3,5}){3}-[0-9a-f]{11,13}", fullmatch=True),
    st.from_regex(r"20[0-9]{2}-[0-9]{1,2}-[0-9]{2}.{0,4}", fullmatch=True),
    st.from_regex(r"[0-9A-Za-z_-]{14,18}", fullmatch=True),
    st.text("ab9_-.*é٣\n", max_size=20),
)
paths = st.one_of(st.none(), st.lists(parts, min_size=1, max_size=4).map(lambda found: "/" + "/".join(found)))


@pytest.mark.slow
@given(st.lists(paths, max_size=12), st.integers(0, 3))
def test_the_loop_finds_the_families_that_the_pattern_finds(given_paths, cut):
    values = array_of(given_paths, "text").slice(cut)
    found = compiled_routes(values)
    assert found.to_pylist() == [one if one is None else route_of(one) for one in given_paths[cut:]]

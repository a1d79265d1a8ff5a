import tracemalloc

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchme_analysis.access_logs import error_requests
from watchme_analysis.access_logs.error_requests import (
    LINK_COLUMNS,
    ErrorCandidates,
    errors_by_kind,
    errors_to_requests,
    errors_with_requests,
)
from watchme_analysis.access_logs.frame import frame_of
from watchme_analysis.schema import conform, empty

START = pd.Timestamp("2026-03-02T04:00:00Z")
SECONDS = st.integers(0, 40)
PATHS = st.sampled_from(["/health", "/jobs", None])


def access(*rows):
    base = {"file": "access.log", "method": "GET", "path": "/health", "status": 504, "request_time_s": 3.0}
    made = [base | {"line": number} | row for number, row in enumerate(rows, 1)]
    return conform("access_log", pd.DataFrame(made)) if made else empty("access_log")


def errors(*rows):
    base = {
        "file": "error.log",
        "pid": 31,
        "method": "GET",
        "path": "/health",
        "message": "upstream timed out",
    }
    kind = {"kind": "upstream_timeout_header"}
    made = [base | kind | {"line": number} | row for number, row in enumerate(rows, 1)]
    return conform("error_log", pd.DataFrame(made)) if made else empty("error_log")


def at(second):
    return START + pd.Timedelta(seconds=second)


def candidates(error_log, access_log, size=3):
    found = ErrorCandidates(error_log)
    table = pa.Table.from_pandas(access_log[list(LINK_COLUMNS)], preserve_index=False)
    for start in range(0, len(access_log), size):
        found.add(table.slice(start, size))
    return frame_of(found.tables(), LINK_COLUMNS)


def test_a_request_without_a_time_shows_no_client():
    error_log = errors({"time": at(7), "path": "/jobs"})
    error_log["client_addr"] = pd.array(["192.0.2.7"], "string")
    access_log = access(
        {"time": None, "path": "/health", "client_addr": "192.0.2.7"},
        {"time": at(0), "path": "/health", "client_addr": "192.0.2.7"},
        {"time": at(7), "path": "/jobs", "client_addr": "192.0.2.8"},
    )
    found = errors_with_requests(error_log, candidates(error_log, access_log))
    assert found["link"].tolist() == ["none"]


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.fixed_dictionaries({"time": SECONDS.map(at), "path": PATHS}), max_size=20).map(
        lambda rows: errors(*rows)
    ),
    st.lists(
        st.fixed_dictionaries(
            {
                "time": st.one_of(st.none(), st.integers(0, 40_000).map(lambda ms: at(ms / 1000))),
                "path": PATHS,
                "request_time_s": st.one_of(st.none(), st.integers(0, 20_000).map(lambda ms: ms / 1000)),
                "client_addr": st.sampled_from(["192.0.2.7", "192.0.2.8", None]),
            }
        ),
        min_size=1,
        max_size=30,
    ).map(lambda rows: access(*rows)),
)
def test_the_candidates_are_linked_as_the_whole_log_is(error_log, access_log):
    error_log["client_addr"] = pd.array(["192.0.2.7"] * len(error_log), "string")

    some = candidates(error_log, access_log)
    found = errors_with_requests(error_log, some)

    whole = errors_to_requests(error_log, access_log)
    lines = access_log["line"].reindex(whole["access_row"].astype("Float64").fillna(-1).astype("int64"))
    assert found["request_line"].fillna(0).tolist() == lines.fillna(0).tolist()
    assert found["link"].tolist() == whole["link"].tolist()
    assert found["candidates"].tolist() == whole["candidates"].tolist()


@pytest.mark.parametrize("is_reversed", [False, True])
def test_of_too_many_candidates_the_latest_are_kept(monkeypatch, is_reversed):
    monkeypatch.setattr(error_requests, "MOST_CANDIDATES", 20)
    log = errors(*({"time": at(10 * one), "client_addr": "192.0.2.7"} for one in range(200)))
    requests = access(*({"time": at(10 * one + 0.5), "client_addr": "192.0.2.7"} for one in range(200)))
    table = pa.Table.from_pandas(requests[list(LINK_COLUMNS)], preserve_index=False)
    found = ErrorCandidates(log)

    for start in sorted(range(0, 200, 4), reverse=is_reversed):
        found.add(table.slice(start, 4))

    kept = sum(map(len, found.tables()))
    assert 15 <= kept <= 20
    linked = errors_with_requests(log, frame_of(found.tables(), LINK_COLUMNS), found.complete_from)
    is_linked = linked["request_line"].notna()
    assert linked["line"][is_linked].tolist() == [*range(201 - is_linked.sum(), 201)]
    assert is_linked.sum() >= 14
    assert (linked["request_line"] == linked["line"])[is_linked].all()
    assert linked["link"][~is_linked].isna().all()


@pytest.mark.slow
def test_kinds_are_counted_with_what_was_sent():
    log = errors(
        {"time": at(10), "upstream_addr": "192.0.2.20:80"},
        {"time": at(20)},
        {"time": at(50)},
        {"time": at(5), "kind": "startup", "path": None, "method": None},
    )
    requests = access({"time": at(10.4)}, {"time": at(20.2), "status": 504}, {"time": at(20.3)})

    frame = errors_by_kind(errors_with_requests(log, requests))

    assert frame["kind"].tolist() == ["upstream_timeout_header", "startup"]
    counts = ["errors", "linked", "ambiguous", "unmatched", "no_request"]
    assert frame[counts].to_numpy().tolist() == [[3, 1, 1, 1, 0], [1, 0, 0, 0, 1]]
    first = frame.iloc[0]
    assert (first["first"], first["last"]) == (at(10), at(50))
    assert (first["paths"], first["upstreams"], first["statuses"]) == (
        "/health (3)",
        "192.0.2.20:80 (1)",
        "504 (1)",
    )
    assert first["p50_s"] == 3.0
    assert np.isnan(frame["p50_s"][1])
    assert len(errors_by_kind(errors_with_requests(errors(), requests))) == 0


@pytest.mark.slow
def test_a_flood_of_one_second_is_linked_in_order_within_little_memory():
    log = errors(*({"time": at(10)} for _ in range(3_000)))
    requests = access(*({"time": at(10.4), "request_time_s": 0.1} for _ in range(3_000)))
    tracemalloc.start()
    try:
        links = errors_to_requests(log, requests)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert links["access_row"].tolist() == [*range(3_000)]
    assert set(links["link"]) == {"order"}
    assert set(links["candidates"]) == {3_000}
    # All pairs of lines would take 72 MB for each of their values.
    assert peak < 20e6

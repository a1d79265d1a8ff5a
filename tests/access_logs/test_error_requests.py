import tracemalloc

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchme_analysis.access_logs.error_requests import (
    LINK_COLUMNS,
    ErrorCandidates,
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


@pytest.mark.slow
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

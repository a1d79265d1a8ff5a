"""Claims about a cause: the reason by rows in and outside of the incident, and the judgement as a whole."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from worlds.messages import messages_in

from watchme_analysis.inference.findings import Diagnosis, Evidence, Finding, Ranked
from watchme_analysis.mcp.claims import check_claim
from watchme_analysis.window import Window

START = datetime(2026, 3, 2, 4, tzinfo=UTC)
NO_TIMES, NO_ROWS = "select count(*) from app_handlers", "select * from error_log"


def minutes(*numbers):
    return [START + timedelta(minutes=number) for number in numbers]


def case(rows, window_minutes=100):
    """Return a case with some tables that answers each query with the same rows."""
    window = window_minutes and Window(START, START + timedelta(minutes=window_minutes))
    tables = ["access_log", "error_log", "app_handlers"]
    return SimpleNamespace(name="case", tables=tables, window=window, sql=lambda query: rows)


def diagnosis(start=40, end=60, statuses=None, **more):
    ranking = tuple(
        Ranked(Finding(cause, (Evidence("", "probes", 1, weight, sql="x"),)), probability, status)
        for cause, weight, probability, status in statuses
        or (
            ("app_threadpool", 2.0, 0.8, "supported"),
            ("dependency_slow", 0.1, 0.1, "inconclusive"),
            ("edge_config", -4.0, 0.01, "refuted"),
        )
    )
    bounds = [None if one is None else minutes(one)[0] for one in (start, end)]
    return Diagnosis(
        "health", "case", more.pop("verdict", "supported"), more.pop("cause", "app_threadpool"), 0.9, *bounds,
        ranking, {}, **more,
    )  # fmt: skip


def checked(rows, query="select * from access_log", cause="app_threadpool", window=100, **about):
    return check_claim(case(rows, window), cause, query, diagnosis=diagnosis(**about))


@pytest.mark.parametrize(
    ("at", "about", "judgement", "why", "within", "share"),
    [
        ([45, 50, 55, 41], {}, "supported", "claim-within", 4, 0.2),
        # Chance puts a fifth of all rows into a fifth of the window.
        ([45, 1, 2, 3, 4], {}, "undecided", "claim-as-often", 1, 0.2),
        ([45, 50, 1], {}, "undecided", "claim-as-often", 2, 0.2),
        ([45, 50, 1, 44, 46, 47], {}, "supported", "claim-within", 5, 0.2),
        ([1, 2, 39, 61], {}, "contradicted", "claim-outside", 0, None),
        ([40, 60], {}, "supported", "claim-within", 2, 0.2),
        ([45, 99], {"end": None}, "undecided", "claim-as-often", 2, 0.6),
        ([1, 50], {"start": 0, "end": 96}, "supported", "claim-within", 2, 0.96),
        ([45], {"start": None}, "undecided", "claim-no-incident", None, None),
    ],
)
def test_rows_are_a_reason_if_they_are_more_frequent_in_the_incident(
    at, about, judgement, why, within, share
):
    for times in (pd.to_datetime(minutes(*at)), pd.to_datetime(minutes(*at)).tz_localize(None)):
        found = checked(pd.DataFrame({"n": 1, "time": times}), **about)
        assert (found.judgement, found.reason.why.id, found.reason.within) == (judgement, why, within)
        assert (found.cause, len(found.reason.rows)) == ("supported", len(at))
        said = messages_in(found.reason.why)[why]
        assert said["count"] == len(at)
        assert said.get("share") == (share and pytest.approx(share))


def test_without_rows_or_times_the_tables_that_were_read_decide():
    none, one = pd.DataFrame({"n": []}), pd.DataFrame({"n": [1]})
    for rows, query, judgement, why in (
        (none, "select * from access_log", "contradicted", "claim-no-rows"),
        (none, "select * from ACCESS_LOG, queue_messages", "undecided", "claim-no-table"),
        (one, "select count(*) from access_log", "undecided", "claim-no-times"),
        (one, "select 1", "undecided", "claim-no-times"),
        (one, "select * from app_handlers", "supported", "claim-rows"),
    ):
        found = checked(rows, query).reason
        assert (found.judgement, found.why.id, found.within) == (judgement, why, None), query
    missing = checked(none, "select * from access_log, queue_messages").reason.why
    assert missing.values["tables"].items == ("queue_messages",)
    timed = pd.DataFrame({"time": pd.to_datetime(minutes(45))})
    assert checked(timed, window=None).reason.why.id == "claim-no-incident"

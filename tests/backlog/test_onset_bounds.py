"""When metrics and the load of a host left their usual range."""

from types import SimpleNamespace

import pandas as pd
from worlds.one_queue import pipeline_of
from worlds.queue_contexts import at, frame_of, queue_of

from watchme_analysis.backlog import onset_order
from watchme_analysis.stats.intervals import Interval


def leaves(values, first):
    return onset_order._leaves_usual(pd.Series(frame_of(x=values)["x"]), at(first), 300)


def test_a_metric_leaves_its_usual_range_with_two_points_beyond_it():
    usual = [1.0, 2.0] * 12
    # A tenth beyond the highest of the points before.
    assert leaves([*usual, 2.2, 2.3, 2.3], 25) == at(25)
    assert leaves([*usual, 2.2, 2.3, 2.2], 25) is None, "a single point"
    assert leaves([*usual, 0.8, 0.8], 25) == at(24)
    assert leaves([*usual, 0.9, 0.9], 25) is None
    assert leaves([0.0, 1.0, 1.0], 0) == at(1), "without a history anything above nothing is beyond"
    assert leaves([1.0, 1.0, None], 99) is None
    assert leaves([*usual, 3.0, *[1.0] * 8, 3.0], 25) == at(24), "within ten points"
    assert leaves([*usual, 3.0, *[1.0] * 9, 3.0], 25) is None


def test_an_onset_states_the_hour_after_it_against_the_time_before():
    values = [1.0, 3.0, None, 9.0, 7.0, *[1.0] * 11, 99.0]
    row = onset_order._onset_row(pipeline_of(age_s=values), "age_s", pd.Timestamp(at(3)))
    assert row == {
        "queue": "jobs", "function": "worker", "metric": "age_s", "onset": pd.Timestamp(at(3)),
        "onset_earliest": pd.Timestamp(at(2)), "uncertainty_s": 300.0, "direction": "up", "baseline": 2.0,
        "value": 9.0, "effect": row["effect"],
    }  # fmt: skip
    down = onset_order._onset_row(pipeline_of(age_s=[5.0, 5.0, 1.0]), "age_s", pd.Timestamp(at(2)))
    assert (down["direction"], down["baseline"], down["value"]) == ("down", 5.0, 1.0)
    first = onset_order._onset_row(pipeline_of(age_s=[5.0]), "age_s", pd.Timestamp(at(0)))
    assert (first["direction"], first["baseline"], first["onset_earliest"]) == ("up", None, None)
    later = onset_order._onset_row(pipeline_of(age_s=[5.0]), "age_s", pd.Timestamp(at(1)))
    assert (later["direction"], later["value"]) == ("up", None)


def onsets(**facts):
    frame = {name: [0.0] * 24 + [5.0] * 12 for name in ("sent", "errors", "throttles", "age_s", "failed")}
    usual = {"balance": SimpleNamespace(dead_letters=SimpleNamespace(first_seen=None))}
    queue = queue_of(frame_of(**frame), **usual | facts)
    found = onset_order.onset_rows((queue,))
    return {row["metric"]: row["onset"].to_pydatetime() for row in found.to_dict("records")}


def test_arrivals_failures_throttles_and_dead_letters_are_dated_by_their_own_analyses():
    surge, failures = Interval(at(20), at(30), "surge"), Interval(at(25), at(30), "failures")
    facts = {
        "first_trouble": lambda: at(25), "surge": surge, "failures": failures,
        "throttles": Interval(at(26), at(30), "throttles"),
        "balance": SimpleNamespace(dead_letters=SimpleNamespace(first_seen=at(28))),
    }  # fmt: skip
    assert onsets(**facts) == {
        "sent": at(20), "age_s": at(24), "errors": at(25), "throttles": at(26), "dlq_visible": at(28)
    }  # fmt: skip
    daily = onsets(**facts | {"surge_daily": True})
    assert "sent" not in daily
    by_message = onsets(**facts | {"by_message": True})
    assert by_message["failed"] == at(25) and "errors" not in by_message
    assert onsets() == {}
    nothing = queue_of(balance=SimpleNamespace(dead_letters=SimpleNamespace(first_seen=at(1))))
    assert onset_order.onset_rows((nothing,)).empty, "without trouble no metric is dated"
    drifting = onsets(creeping=SimpleNamespace(start=at(24)))
    assert drifting == {"age_s": at(24)}


def drifted(**columns):
    """Return what bounds a start by the host's load, between a good attempt and the first bad one."""
    frame = frame_of(**columns)
    return onset_order.host_moved(frame, at(26), at(31))


def test_the_hosts_load_narrows_a_start_where_it_left_its_usual_range_for_good():
    usual = [2.0, 1.0] * 13  # the points before the good attempt's interval
    assert drifted(cpu_pct=[*usual, *[2.6] * 6]) == (at(26), at(27))
    assert drifted(cpu_pct=[*usual, *[2.5] * 6]) is None, "a quarter above the highest is usual"
    assert drifted(cpu_pct=[*usual, 2.6, 1.0, 2.6, 2.6, 2.6, 2.6]) == (at(27), at(29))
    assert drifted(cpu_pct=[*usual, 2.6, 2.6, 2.6, 2.6, 1.0, 9.0]) is None
    assert drifted(cpu_pct=[2.0] * 23) is None and drifted(cpu_pct=[None] * 32) is None
    # After more than three missing points nothing was published since the last.
    assert drifted(cpu_pct=[*usual, 1.0, *[None] * 5]) == (at(26), at(28))

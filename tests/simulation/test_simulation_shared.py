"""Queues that share a host, fitted together."""

from __future__ import annotations

import pandas as pd
import pytest

from watchme_analysis.queues.pipeline import COLUMNS, Pipeline
from watchme_analysis.queues.pipeline import RecordedSettings as Known
from watchme_analysis.schema import empty
from watchme_analysis.simulation.fit import fit, recorded
from watchme_analysis.simulation.model import model_of
from watchme_analysis.simulation.scenarios import compare
from watchme_analysis.simulation.shared_host import late_shares, shared_fit, sharing

pytestmark = pytest.mark.slow

MINUTES = 600
COST_S = 3.0
SURGE = range(480, 540)


class Tables:
    def __init__(self, **tables):
        self.tables = tables

    def table(self, name):
        return self.tables[name]


def tables(hosts=("10.0.0.1", "10.0.0.1", "10.0.0.2")):
    functions = pd.DataFrame(
        {
            "function": [f"worker-{name}" for name in "abc"],
            "environment": [f'{{"API_URL": "http://{host}:8000"}}' for host in hosts],
        }
    )
    changes = pd.DataFrame(
        columns=["time", "event_name", "resource", "resources", "parameters", "error_code"]
    )
    return Tables(
        functions=functions,
        changes=changes,
        queues=pd.DataFrame(columns=["queue"]),
        queue_messages=empty("queue_messages"),
    )


def flow(name, slows=True, busy=True):
    """Ten messages each half hour, and twenty-four a minute in the surge, in which answers slow down."""
    index = pd.date_range("2025-12-01", periods=MINUTES, freq="60s", tz="UTC")
    frame = pd.DataFrame(index=index, columns=list(COLUMNS), dtype="float64")
    frame[["sent", "visible", "errors"]] = 0.0
    frame["cpu_pct"] = 2.0
    left_s = 0.0
    for minute in range(MINUTES):
        many = 24.0 if minute in SURGE else 10.0 if minute % 30 == 0 else 0.0
        # Two queues send to the host.
        work_s = left_s + 2 * many * COST_S
        done_s = min(work_s, 115.2)
        left_s = work_s - done_s
        frame.iloc[minute, frame.columns.get_loc("cpu_pct")] = 2.0 + done_s / 1.2 if busy else 2.0
        if not many:
            continue
        slowed = 1.0 + max(left_s - 120.0, 0.0) / 20.0 if slows else 1.0
        duration_s = min(slowed, 30.0)
        row = {
            "sent": many, "invocations": many, "duration_avg_s": duration_s, "duration_max_s": duration_s,
            "errors": many if duration_s == 30.0 else 0.0, "visible": max(slowed - 1, 0.0),
            "age_s": duration_s,
        }  # fmt: skip
        for column, value in row.items():
            frame.iloc[minute, frame.columns.get_loc(column)] = value
    frame[["tried", "failed"]] = frame[["invocations", "errors"]]
    known = Known(300.0, 345_600.0, 3, 30.0, max_concurrency=20)
    return Pipeline(f"queue-{name}", f"worker-{name}", None, 60, frame, known, frozenset(COLUMNS))


def fits(flows, world):
    return [fit(each, recorded(each, world)) for each in flows]


def test_flows_share_a_host_that_slows_them_when_it_is_full():
    world = tables()
    a, b, c = flow("a"), flow("b"), flow("c")
    assert sharing((a, b, c), world) == (a, b)
    assert sharing((a, flow("b", slows=False)), world) == (a,)
    assert sharing((flow("a", busy=False),), world) == ()


def test_what_a_run_costs_and_how_answers_slow_down_is_read_off_the_record():
    world, pair = tables(), (flow("a"), flow("b"))
    shared = shared_fit(pair, fits(pair, world))
    assert shared is not None
    api = shared.fits[0].settings.api
    assert api.background_s == pytest.approx(COST_S, rel=0.05)
    assert api.answers[0] == (0.0, api.mean_s)
    begins_s, quick_s = api.answers[1]
    # In the record they are as usual up to 120 s, and twice as long with 20 s more.
    assert quick_s == api.mean_s
    assert 60 <= begins_s <= 140
    work_s, slow_s = api.answers[-1]
    assert slow_s / api.mean_s == pytest.approx(1 + (work_s - 120) / 20, rel=0.3)
    assert "share one host" in shared.note
    assert [each.fits[0].settings.api.late_share for each in late_shares(shared)] == [0, 0.25, 0.5, 0.75, 1]


def test_a_record_that_shows_no_slowing_can_not_be_fitted_together():
    world, pair = tables(), (flow("a", slows=False), flow("b", slows=False))
    assert shared_fit(pair, fits(pair, world)) is None


def test_queues_on_one_host_are_modelled_together_whichever_is_asked_about():
    world, flows = tables(), (flow("a"), flow("b"), flow("c", slows=False))
    model = model_of(world, flows, flows[1])
    assert [each.queue for each in model.flows] == ["queue-a", "queue-b"]
    assert model_of(world, flows, flows[0]) == model
    assert len(model_of(world, flows, flows[2]).flows) == 1
    assert len(model_of(world, flows, flows[0], slots=1).flows) == 1
    assert (model.host.cores, model_of(world, flows, flows[0], cores=1.0).host.cores) == (2.0, 1.0)
    # Nothing is said of them that holds for a queue alone.
    assert not any("as measured" in note or "extrapolated" in note for note in model.notes)
    assert model.in_all.sent == sum(each.frame["sent"].sum() for each in model.flows)
    [alone, *_] = compare(model.scenarios[:1], replications=2)
    assert {queue for queue, _ in model.agreements(alone)} == {"queue-a", "queue-b"}
    assert alone.estimate("sent").mean == model.in_all.sent
    # Ten times as much on the same host: the more has to wait.
    heavy = next(each for each in model.scenarios if each.name == "10 x load")
    [found] = compare([heavy], replications=1)
    assert found.estimate("peak_age_s").mean > 3 * alone.estimate("peak_age_s").mean

import math

import pandas as pd
import pytest
from worlds.backlog_world import START as BEGUN
from worlds.backlog_world import World

from watchme_analysis.queues.baseline import baseline_comparison, binned
from watchme_analysis.queues.pipeline import COLUMNS, Pipeline

START = pd.Timestamp("2025-12-10T00:00:00Z")


def pipeline(columns, period_s=60, function="worker", dlq=None, queried=None):
    """Return a pipeline with these columns; the others have no point."""
    length = max(map(len, columns.values()), default=0)
    index = pd.date_range(START, periods=length, freq=f"{period_s}s")
    names = (*COLUMNS, "tried", "failed")
    frame = pd.DataFrame({name: columns.get(name, [math.nan] * length) for name in names}, index=index)
    return Pipeline(
        "jobs", function, dlq, period_s, frame.astype(float), queried=queried or frozenset(columns)
    )


def test_counts_are_summed_durations_averaged_and_levels_taken_at_their_highest():
    made = pipeline(
        {
            "sent": [1, 2, 3, 4, math.nan, math.nan, 5, 6, 7],
            "duration_avg_s": [1, 2, 3, math.nan, math.nan, math.nan, 4, 4, 4],
            "visible": [9, 8, 7, 1, 2, 3, math.nan, math.nan, math.nan],
            "failed": [1, 1, 0, 0, 0, 2, 0, 0, 1],
        }
    )
    found = binned([made], most=2)
    at = [START, START + pd.Timedelta(minutes=5)]
    expected = pd.DataFrame(
        {
            "queue": "jobs",
            "series": [name for name in ("sent", "visible", "duration_avg_s", "failed") for _ in at],
            "time": at * 4,
            "value": [10.0, 18.0, 9.0, 3.0, 2.0, 4.0, 2.0, 3.0],
            "step_s": 300,
        }
    )
    order = ["series", "time"]
    found = found.sort_values(order, ignore_index=True)
    expected = expected.sort_values(order, ignore_index=True)
    assert found.to_dict("list") == expected.to_dict("list")


def test_metrics_are_compared_with_the_time_before_the_incident():
    world = World()
    world.fail(600, 800, 0.1, "ImportError: no module")
    sent, errors = world.at["sent"], world.at["errors"]
    began, ended = (BEGUN + pd.Timedelta(minutes=minute) for minute in (600, 800))
    found = baseline_comparison(world, began, ended).set_index("metric")
    assert found.loc["errors", "resource"] == "job-runner" and found.loc["sent", "resource"] == "jobs"
    assert found.loc["sent", "baseline_total"] == sent[:600].sum()
    assert found.loc["sent", "incident_per_h"] == pytest.approx(sent[600:800].sum() / 200 * 60)
    assert found.loc["errors", "incident_total"] == errors[600:800].sum() > 0
    assert pd.isna(found.loc["visible", "incident_total"]), "a level has no total"
    assert found["rank"].dropna().between(0, 1).all()
    still_open = baseline_comparison(world, began).set_index("metric")
    assert still_open.loc["sent", "incident_total"] == sent[600:].sum()
    assert baseline_comparison(world).empty

import math

import numpy as np
import pandas as pd
import pytest

from watchme_analysis.queues.baseline import COMPARISON_COLUMNS, binned, comparison_rows, has_moved, rates
from watchme_analysis.queues.pipeline import COLUMNS, Pipeline
from watchme_analysis.stats.comparison import probability_larger

START = pd.Timestamp("2025-12-10T00:00:00Z")


def detected_rises(shift, before, during):
    """Return in how many of sixty metrics, each drawn anew, a rise of so many spreads is detected."""
    rng = np.random.default_rng(before + during)
    draws = [(rng.normal(0, 1, before), rng.normal(shift, 1, during)) for _ in range(60)]
    effects = [probability_larger(*map(pd.Series, pair)) for pair in draws]
    return sum(has_moved(effect, before, during) for effect in effects)


def test_few_points_of_metrics_that_stand_still_are_not_reported_to_have_moved():
    assert detected_rises(0.0, 60, 11) + detected_rises(0.0, 60, 45) + detected_rises(0.0, 90, 300) <= 1


def test_what_moved_is_recognised_by_few_points_if_far_and_by_many_if_little():
    assert detected_rises(2.5, 60, 11) == detected_rises(0.4, 600, 400) == 60
    assert detected_rises(0.05, 3000, 3000) == 0, "so little that nobody needs to know"


def pipeline(columns, period_s=60, function="worker", dlq=None, queried=None):
    """Return a pipeline with these columns; the others have no point."""
    length = max(map(len, columns.values()), default=0)
    index = pd.date_range(START, periods=length, freq=f"{period_s}s")
    frame = pd.DataFrame({name: columns.get(name, [math.nan] * length) for name in COLUMNS}, index=index)
    return Pipeline(
        "jobs", function, dlq, period_s, frame.astype(float), queried=queried or frozenset(columns)
    )


def test_counts_are_summed_durations_averaged_and_levels_taken_at_their_highest():
    made = pipeline(
        {
            "sent": [1, 2, 3, 4, math.nan, math.nan, 5, 6, 7],
            "duration_avg_s": [1, 2, 3, math.nan, math.nan, math.nan, 4, 4, 4],
            "visible": [9, 8, 7, 1, 2, 3, math.nan, math.nan, math.nan],
        }
    )
    found = binned([made], most=2)
    at = [START, START + pd.Timedelta(minutes=5)]
    expected = pd.DataFrame(
        {
            "queue": "jobs",
            "series": [name for name in ("sent", "visible", "duration_avg_s") for _ in at],
            "time": at * 3,
            "value": [10.0, 18.0, 9.0, 3.0, 2.0, 4.0],
            "step_s": 300,
        }
    )
    order = ["series", "time"]
    found = found.sort_values(order, ignore_index=True)
    expected = expected.sort_values(order, ignore_index=True)
    assert found.to_dict("list") == expected.to_dict("list")


def test_the_shortest_step_that_fits_is_taken_and_never_one_shorter_than_the_period():
    hour = pipeline({"sent": [1] * 61})
    assert [binned([hour], most)["step_s"].iloc[0] for most in (60, 59, 12, 11, 1)] == [
        60,
        300,
        300,
        600,
        3600,
    ]
    assert set(binned([pipeline({"sent": [1] * 4}, period_s=300)], most=1000)["step_s"]) == {300}
    years = pipeline({"sent": [1] * 1000}, period_s=86400)
    assert set(binned([years])["step_s"]) == {86400}


def test_without_a_point_the_bins_have_their_columns_and_no_row():
    empty = binned([])
    assert empty.empty and list(empty) == ["queue", "series", "time", "value", "step_s"]
    assert [str(kind) for kind in empty.dtypes] == [
        "string",
        "string",
        "datetime64[us, UTC]",
        "float64",
        "int64",
    ]
    assert binned([pipeline({})]).empty
    assert binned([pipeline({"sent": [math.nan, math.nan]})]).empty


def test_rates_before_and_during_an_incident_are_by_the_hour():
    made = pipeline(
        {"sent": [6, 6, 6, 12, 24], "errors": [0, math.nan, 0, 3, 1], "visible": [1] * 5}, period_s=600
    )
    start, end = START + pd.Timedelta(minutes=30), START + pd.Timedelta(minutes=40)
    columns = ["resource", "metric", "baseline_total", "incident_total", "baseline_per_h", "incident_per_h"]
    assert rates([made], start, end).to_dict("split")["data"] == [
        ["jobs", "sent", 18.0, 12.0, 36.0, 72.0],
        ["worker", "errors", 0.0, 3.0, 0.0, 18.0],
    ]
    still_open = rates([made], start, None)
    assert list(still_open) == columns
    assert still_open["incident_total"].tolist() == [36.0, 4.0]
    assert still_open["incident_per_h"].tolist() == [108.0, 12.0]
    from_the_first = rates([made], START, end)
    assert from_the_first["baseline_per_h"].isna().all()
    assert from_the_first["incident_total"].tolist() == [30.0, 3.0]


def test_rates_leave_out_what_was_not_queried_what_has_no_owner_and_what_has_no_incident():
    made = pipeline({"sent": [1, 2], "errors": [1, 1]}, queried=frozenset({"sent"}))
    assert rates([made], START, None)["metric"].tolist() == ["sent"]
    alone = pipeline({"sent": [1, 2], "errors": [1, 1]}, function=None)
    assert rates([alone], START, None)["metric"].tolist() == ["sent"]
    assert rates([made], None, None).empty
    assert rates([pipeline({})], START, None).empty


def test_metrics_are_compared_with_the_time_before_the_incident():
    made = pipeline(
        {"sent": [1, 2, 3, 4, math.nan, 40, 80, 7], "dlq_visible": [0] * 8, "cpu_pct": [5] * 8}, dlq="dead"
    )
    start, end = START + pd.Timedelta(minutes=5), START + pd.Timedelta(minutes=7)
    found = comparison_rows((made, made), start, end).set_index("metric")
    assert list(found.reset_index()) == ["metric", *(name for name in COMPARISON_COLUMNS if name != "metric")]
    assert found["resource"].to_dict() == {"sent": "jobs", "dlq_visible": "dead", "cpu_pct": "host"}
    assert found["unit"].to_dict() == {"sent": "messages", "dlq_visible": "messages", "cpu_pct": "%"}
    sent = found.loc["sent"].drop(["resource", "unit", "rank"]).to_dict()
    assert sent == pytest.approx(
        {
            "baseline_points": 4,
            "incident_points": 2,
            "baseline_median": 2.5,
            "incident_median": 60.0,
            "baseline_p90": 3.7,
            "incident_p90": 76.0,
            "ratio": 24.0,
            "effect": 1.0,
        }
    )
    assert found.loc["cpu_pct", "effect"] == 0.5 and found.loc["cpu_pct", "ratio"] == 1.0
    assert pd.isna(found.loc["dlq_visible", "ratio"]), "nothing can be divided by zero"
    still_open = comparison_rows((made,), start, None).set_index("metric")
    assert still_open.loc["sent", "incident_points"] == 3
    assert comparison_rows((made,), None, None).empty


def test_a_side_without_points_is_null_and_a_metric_without_any_has_no_row():
    new = pipeline({"sent": [math.nan, math.nan, 3, 4]}, function=None)
    (row,) = comparison_rows((new,), START + pd.Timedelta(minutes=2), None).itertuples()
    assert (row.baseline_points, row.incident_points, row.incident_median) == (0, 2, 3.5)
    assert all(
        pd.isna(value) for value in (row.baseline_median, row.baseline_p90, row.ratio, row.effect, row.rank)
    )
    gone = pipeline({"sent": [3, 4, math.nan]}, function=None)
    (row,) = comparison_rows((gone,), START + pd.Timedelta(minutes=2), None).itertuples()
    assert (row.baseline_median, row.baseline_p90) == (3.5, pytest.approx(3.9))
    assert pd.isna(row.incident_median) and pd.isna(row.ratio) and pd.isna(row.rank)


def test_the_rank_is_the_share_of_past_windows_nearer_to_the_usual_median():
    def rank(before, during):
        made = pipeline({"sent": [*before, *during]}, function=None)
        return comparison_rows((made,), START + pd.Timedelta(minutes=len(before)), None)["rank"].iloc[0]

    # Medians of windows of two: 10, 10, 10, 10 and 30 around a usual 10.
    past = [10, 10, 30, 30, 10, 10, 10, 10, 10, 10]
    assert rank(past, [20, 20]) == pytest.approx(0.8)
    assert rank(past, [40, 40]) == 1.0
    assert rank(past, [30, 30]) == pytest.approx(0.8), "one as far away is not nearer"
    assert rank(past, [10, 10]) == 0.0
    assert rank([99, *past], [40, 40]) == 1.0, "windows end where the incident begins"
    assert pd.isna(rank(past[:8], [40, 40])), "four windows are too few"
    assert pd.isna(rank([math.nan] * 4 + past[4:], [40, 40])), "windows without a point do not count"


def test_an_effect_counts_from_five_points_on_each_side():
    assert has_moved(1.0, 5, 40) and has_moved(0.0, 40, 5)
    assert not has_moved(1.0, 4, 40) and not has_moved(1.0, 40, 4) and not has_moved(None, 40, 40)

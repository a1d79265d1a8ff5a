"""How queues are paired with functions and DLQs, and which series become the columns of a pipeline."""

import pandas as pd
from worlds.one_queue import Tables
from worlds.queue_contexts import at

from watchme_analysis.queues import pipeline as parts
from watchme_analysis.queues.pipeline import RecordedSettings, pipelines

LAMBDA = {"namespace": "AWS/Lambda"}
VISIBLE = "ApproximateNumberOfMessagesVisible"


def points(resource, metric, *values, stat="Sum", period_s=300, first=0, namespace="AWS/SQS"):
    """Return a point in each interval; None is no point."""
    return [
        {
            "time": at(first + place * period_s / 300), "namespace": namespace, "metric": metric,
            "resource": resource, "stat": stat, "period_s": period_s, "value": value,
        }
        for place, value in enumerate(values)
        if value is not None
    ]  # fmt: skip


def queried(resource, metric, stat="Sum", **more):
    return {
        "id": metric, "namespace": "AWS/SQS", "metric": metric, "resource": resource, "stat": stat,
        "period_s": 300, "points": 0, "status": "Complete", "file": "a.json",
    } | more  # fmt: skip


def test_the_dlq_of_a_queue_is_the_one_that_holds_its_messages_else_its_policys_or_by_name():
    tables = Tables(
        queues=[{"queue": "a", "dlq": "a-old"}, {"queue": "b", "dlq": "b-dead"}, {"queue": "c-queue"}],
        queue_messages=[
            {"queue": dlq, "source_queue": "a", "message_id": dlq + str(place)}
            for dlq, number in (("a-new", 2), ("a-old", 1))
            for place in range(number)
        ],
        metrics=points("c-dlq", "X", 1.0) + points("d.fifo", "X", 1.0) + points("d-dlq.fifo", "X", 1.0),
    )
    assert parts.dead_letter_queues(tables) == {
        "a": "a-new", "b": "b-dead", "c-queue": "c-dlq", "d.fifo": "d-dlq.fifo"
    }  # fmt: skip


def test_a_series_is_of_the_preferred_statistic_and_the_finest_whole_period():
    indexed = parts.metric_groups(
        Tables(
            metrics=[
                *points("q", "M", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, period_s=300),
                *points("q", "M", *[9.0] * 20, period_s=60, first=1),  # covers 19 of 25 minutes
                *points("q", "M", 7.0, stat="Maximum"),
                *points("q", "N", 5.0, 6.0), *points("q", "N", 8.0),
            ]
        )
    )  # fmt: skip
    series, period_s = parts.series_of(indexed, "q", "M", ("Average", "Sum"))
    assert (period_s, series.tolist()) == (300, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert parts.series_of(indexed, "q", "M", ("Maximum", "Sum"))[0].tolist() == [7.0]
    again, _ = parts.series_of(indexed, "q", "N", ("Sum",))
    assert again.to_dict() == {pd.Timestamp(at(0)): 8.0, pd.Timestamp(at(1)): 6.0}, "the last of equal times"
    assert parts.series_of(indexed, "q", "other", ("Sum",)) is None
    fine = parts.metric_groups(
        Tables(metrics=[*points("q", "M", *[1.0] * 6), *points("q", "M", *[9.0] * 21, period_s=60)])
    )
    assert parts.series_of(fine, "q", "M", ("Sum",))[1] == 60, "four fifths of the time are most of it"


def test_a_pipeline_has_its_settings_and_its_series_on_one_grid():
    tables = Tables(
        queues=[
            {
                "queue": "jobs", "dlq": "jobs-dlq", "visibility_timeout_s": 180.0, "retention_s": 9.0,
                "max_receive_count": 3, "is_fifo": False, "modified_at": at(1),
            },
            {"queue": "jobs-dlq", "retention_s": 99.0},
        ],
        functions=[
            {
                "function": "worker", "timeout_s": 30.0, "reserved_concurrency": 2, "role": "r",
                "last_modified": at(2),
            }
        ],
        event_source_mappings=[
            {
                "uuid": "u-1", "queue": "jobs", "function": "worker", "state": "Enabled", "batch_size": 10,
                "max_concurrency": 5, "filters": "[]", "response_types": "ReportBatchItemFailures",
            }
        ],
        metrics=[
            *points("jobs", "NumberOfMessagesSent", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, period_s=60),
            *points("jobs", "NumberOfMessagesReceived", 5.0, None, 7.0),
            *points("jobs", VISIBLE, 1.0, 9.0, 2.0, stat="Maximum", period_s=60),
            *points("jobs-dlq", VISIBLE, 1.0, 2.0, 3.0, stat="Average", period_s=60),
            *points("worker", "Duration", 2000.0, 4000.0, stat="Average", period_s=60, **LAMBDA),
            *points("i-1", "CPUUtilization", 10.0, 20.0, stat="Average", namespace="AWS/EC2"),
            *points("i-2", "CPUUtilization", 30.0, 5.0, stat="Average", namespace="AWS/EC2"),
        ],
        metric_queries=[queried("jobs", "NumberOfMessagesSent"), queried("jobs", "NumberOfMessagesDeleted")],
    )  # fmt: skip
    [found] = pipelines(tables)
    assert (found.queue, found.function, found.dlq, found.period_s) == ("jobs", "worker", "jobs-dlq", 300)
    assert found.name == "jobs"
    assert found.settings == RecordedSettings(
        visibility_timeout_s=180.0, retention_s=9.0, max_receive_count=3, function_timeout_s=30.0,
        reserved_concurrency=2, max_concurrency=5, batch_size=10, mapping_uuid="u-1",
        mapping_state="Enabled", mapping_filters="[]", is_fifo=False, reports_failures=True,
        dlq_retention_s=99.0, queue_modified_at=at(1), function_modified_at=at(2), role="r",
    )  # fmt: skip
    frame = found.frame
    assert list(frame.index) == [pd.Timestamp(at(place)) for place in range(3)]
    # Counts are added up, levels are the highest, the DLQ's the last, and durations are means in seconds.
    assert frame["sent"].tolist()[:2] == [15.0, 6.0]
    assert frame["received"].isna().tolist() == [False, True, False]
    assert (frame["visible"].iloc[0], frame["dlq_visible"].iloc[0]) == (9.0, 3.0)
    assert frame["duration_avg_s"].iloc[0] == 3.0
    assert frame["cpu_pct"].tolist()[:2] == [30.0, 20.0], "of the busiest host"
    assert found.by_message
    assert {"sent", "deleted", "received", "visible", "dlq_visible", "duration_avg_s"} <= found.queried
    assert {"tried", "failed"} <= found.queried and "errors" not in found.queried
    assert found.count("sent") == 21.0 and found.count("errors") is None
    assert pipelines(tables, "other") == () and len(pipelines(tables, "jobs")) == 1

"""How queues are paired with functions and DLQs, and which series become the columns of a pipeline."""

import pandas as pd
from worlds.one_queue import Tables
from worlds.queue_contexts import at

from watchme_analysis.queues import pipeline as parts


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


def test_the_dlq_is_known_by_its_messages_else_by_policy_or_name():
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

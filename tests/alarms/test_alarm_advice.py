"""Advice on alarms, the evidence for one, and its sensitivity: complete results on few points."""

import functools
from datetime import timedelta

import pandas as pd
from worlds.backlog_world import START
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.alarms.advice import advise
from watchme_analysis.alarms.specification import parse_specs
from watchme_analysis.queues.pipeline import Pipeline, RecordedSettings
from watchme_analysis.text.message import message_of

AT = START.to_pydatetime()
AGE = {
    "name": "age", "over": "queue", "metric": "ApproximateAgeOfOldestMessage", "stat": "Maximum",
    "period_s": 60, "threshold": 600, "treat_missing_data": "notBreaching",
}  # fmt: skip
FAILED = {
    "name": "failed", "over": "function", "metric": "Errors", "stat": "Sum", "period_s": 60, "threshold": 0,
    "treat_missing_data": "notBreaching",
}  # fmt: skip


def minute(number):
    return AT + timedelta(minutes=number)


def specs(*alarms):
    return parse_specs({"alarms": list(alarms)})


METRICS = {
    "age_s": ("jobs", "ApproximateAgeOfOldestMessage", "Maximum", 1.0),
    "invocations": ("job-runner", "Invocations", "Sum", 1.0),
    "errors": ("job-runner", "Errors", "Sum", 1.0),
    "duration_avg_s": ("job-runner", "Duration", "Average", 1000.0),
    "duration_max_s": ("job-runner", "Duration", "Maximum", 1000.0),
}
SETTINGS = RecordedSettings(visibility_timeout_s=180.0, max_receive_count=3, function_timeout_s=30.0)


class Recorded:
    """Metrics of one queue and its function, minute by minute: these values, and nothing else."""

    def __init__(self, hours=2, **series):
        index = pd.date_range(START, periods=60 * hours, freq="1min", name="time")
        self.frame = pd.DataFrame(index=index, columns=list(METRICS), dtype="float64")
        self.frame["age_s"] = 0.0
        for name, values in series.items():
            self.frame.loc[index[list(values)], name] = list(values.values())
        parts = []
        for name, (resource, metric, stat, scale) in METRICS.items():
            known = self.frame[name].dropna().mul(scale).rename("value").reset_index()
            parts.append(known.assign(resource=resource, metric=metric, stat=stat, period_s=60))
        names = ["resource", "metric", "stat"]
        queries = pd.DataFrame([each[:3] for each in METRICS.values()], columns=names)
        queries = queries.assign(period_s=60, points=0)
        self.tables = {"metrics": pd.concat(parts, ignore_index=True), "metric_queries": queries}
        self.once = functools.cache(lambda compute: compute(self))

    def table(self, name):
        return self.tables[name]

    @property
    def pipelines(self):
        queried = frozenset(METRICS)
        return (Pipeline("jobs", "job-runner", "jobs-dlq", 60, self.frame, SETTINGS, queried),)


def advised(world, *alarms, start=0, span_s=7200.0, elsewhere=None):
    """Return alarm, resource and the messages of each advice."""
    begun = None if start is None else minute(start)
    found = advise(world, world.pipelines, specs(*alarms), begun, span_s, elsewhere)
    return [
        (each.alarm, each.resource, *map(said, (each.finding, each.instead, each.effect))) for each in found
    ]


def said(text):
    """Return the messages of a note by id, or the text of a word."""
    return messages_in(message_of(text)) or text


def fires(minutes, fired=1, false_alarms=None):
    return {
        "effect-fires": {
            "minutes": minutes, "fired": fired, "is_vain": "none" if false_alarms is None else "some",
            "false_alarms": false_alarms or "0.0",
        }
    }  # fmt: skip


NEVER = {"effect-never": {}}


@together(
    ("oldest", "message_id", "effect"),
    [
        # A message moves to the DLQ after 3 x 180 = 540 s; half of it is 270 s.
        (300.0, "advice-unreachable-recorded", fires("1")),
        (270.0, "advice-unreachable-recorded", NEVER),
        (269.0, "advice-unreachable", NEVER),
        (0.0, "advice-unreachable", NEVER),
    ],
)
def test_an_age_that_no_message_reaches_is_lowered_to_half_of_its_life(oldest, message_id, effect):
    world = Recorded(age_s={10: oldest})
    assert advised(world, AGE, start=10) == [
        (
            "age_gt_600_max_60s_1of1",
            "jobs",
            {
                message_id: {
                    "receives": "3", "visibility": "180", "lasts": "540", "highest": f"{oldest:.0f}",
                    "threshold": "600",
                }
            },
            {"advice-lower": {"limit": "270", "points": "1", "periods": "None"}},
            effect,
        )
    ]  # fmt: skip


def test_a_function_that_seldom_runs_can_not_fill_m_of_n():
    world = Recorded(invocations={30: 5.0}, errors={30: 5.0})
    often = FAILED | {"period_s": 300, "evaluation_periods": 12, "datapoints_to_alarm": 2}
    assert advised(world, often, start=30) == [
        (
            "failed",
            "job-runner",
            {"advice-too-few": {"most": "1", "periods": "12", "period": "300", "points": "2"}},
            {"advice-one-of-one": {}},
            fires("1"),
        )
    ]
    for enough in ({30: 5.0, 35: 5.0}, {}):
        assert advised(Recorded(invocations=enough), often) == []
    # Within one hour, the two runs are within some twelve periods; an hour and a period apart, they are not.
    assert advised(Recorded(invocations={10: 5.0, 69: 5.0}), often) == []
    assert len(advised(Recorded(invocations={10: 5.0, 75: 5.0}), often)) == 1
    of_queue = often | {"over": "queue", "metric": "NumberOfMessagesSent"}
    assert advised(world, of_queue) == []


def test_an_alarm_that_missing_points_clear_again_and_again_ignores_them():
    bursts = dict.fromkeys(range(10, 70, 10), 5.0)
    world = Recorded(invocations=bursts, errors=bursts)
    finding = {"advice-flapping": {"fired": 6, "treated": "notBreaching"}}
    flapping = ("failed", "job-runner", finding, {"advice-ignore-missing": {}}, fires("1"))
    assert advised(world, FAILED, start=10) == [flapping]
    assert advised(world, FAILED | {"treat_missing_data": "ignore"}, start=10) == []
    assert advised(world, FAILED, start=None) == []
    fewer = dict.fromkeys(range(10, 60, 10), 5.0)
    assert advised(Recorded(invocations=fewer, errors=fewer), FAILED, start=10) == []

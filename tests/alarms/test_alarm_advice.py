"""Advice on alarms, the evidence for one, and its sensitivity: complete results on few points."""

import functools
from datetime import timedelta

import pandas as pd
import pytest
from worlds.backlog_world import START
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.alarms.advice import Advice, advise
from watchme_analysis.alarms.evidence import Evidence, evidence_of, is_better_together
from watchme_analysis.alarms.sensitivity import UNPUBLISHED, sensitivity, unpublished_sensitivity
from watchme_analysis.alarms.specification import parse_specs
from watchme_analysis.queues.pipeline import Pipeline, RecordedSettings
from watchme_analysis.text.message import message, message_of

AT = START.to_pydatetime()
HOUR_S = 3600.0
AGE = {
    "name": "age", "over": "queue", "metric": "ApproximateAgeOfOldestMessage", "stat": "Maximum",
    "period_s": 60, "threshold": 600, "treat_missing_data": "notBreaching",
}  # fmt: skip
FAILED = {
    "name": "failed", "over": "function", "metric": "Errors", "stat": "Sum", "period_s": 60, "threshold": 0,
    "treat_missing_data": "notBreaching",
}  # fmt: skip


PROBES = {"name": "health", "over": "probes"}


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


@pytest.mark.parametrize(("threshold", "is_said"), [(540, True), (539, False)])
def test_an_age_below_the_life_of_a_message_is_reached(threshold, is_said):
    found = advised(Recorded(), AGE | {"threshold": threshold})
    assert [each[0] for each in found] == ["age"] * is_said
    below = AGE | {"threshold": threshold, "comparison": "LessThanThreshold"}
    assert advised(Recorded(), below) == []


def test_a_lower_age_that_fires_too_often_is_held_for_an_hour():
    # Six single points far apart fire six times; one of the points of an hour holds the alarm between them.
    bursts = {10 * place: 300.0 for place in range(1, 7)}
    [(_, _, _, instead, effect)] = advised(Recorded(age_s=bursts), AGE, start=10)
    assert instead == {"advice-lower-calm": {"limit": "270", "points": "1", "periods": "60"}}
    assert effect == fires("1")
    del bursts[10]
    [(_, _, _, instead, effect)] = advised(Recorded(age_s=bursts), AGE, start=10)
    assert "advice-lower" in instead and effect == fires("11", 5)


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


DURATION = {
    "name": "long", "over": "function", "metric": "Duration", "stat": "Average", "period_s": 60,
    "threshold": 20_000, "treat_missing_data": "notBreaching",
}  # fmt: skip
LONG = {"invocations": {30: 5.0}, "duration_avg_s": {30: 2.0}, "duration_max_s": {30: 29.0}}


def test_a_maximum_fires_where_an_average_hides_it():
    finding = {
        "advice-average": {"average": "effect-never", "maximum": "effect-fires"},
        **NEVER,
        **fires("1"),
    }
    assert advised(Recorded(**LONG), DURATION, start=30) == [
        ("long", "job-runner", finding, "Maximum", fires("1"))
    ]
    assert advised(Recorded(**LONG), DURATION | {"stat": "Maximum"}, start=30) == [
        ("long", "job-runner", finding, "Maximum", {"effect-unchanged": {}})
    ]


@together(
    ("average", "maximum", "is_said"),
    [
        ({30: 2.0, 40: 29.0}, {30: 29.0, 40: 29.0}, True),  # ten minutes later
        ({30: 29.0, 40: 2.0}, {30: 29.0, 40: 29.0}, False),
        ({30: 2.0}, {30: 19.0}, False),
        ({20: 29.0, 30: 29.0}, {20: 2.0, 30: 2.0}, False),
    ],
)
def test_an_average_is_as_good_where_it_fires_as_early(average, maximum, is_said):
    world = Recorded(invocations=dict.fromkeys(average, 5.0), duration_avg_s=average, duration_max_s=maximum)
    assert len(advised(world, DURATION, start=30)) == is_said


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


def test_good_points_between_bad_ones_clear_an_alarm_whatever_is_missing():
    bursts = dict.fromkeys(range(10, 70, 5), 5.0)
    bad = {place: 5.0 if place % 10 == 0 else 0.0 for place in bursts}
    assert advised(Recorded(invocations=bursts, errors=bad), FAILED, start=10) == []


def test_resources_with_the_same_advice_are_one():
    found = advise(
        (world := Recorded(age_s={10: 300.0})),
        world.pipelines * 2,
        specs(AGE),
        minute(10),
        7200.0,
    )
    assert [(each.alarm, each.resource) for each in found] == [("age_gt_600_max_60s_1of1", "jobs, jobs")]
    assert isinstance(found[0], Advice)


def test_false_alarms_are_counted_a_week_and_those_of_another_incident_are_none():
    # Once before the incident within two hours: 84 times in a week of 168 hours.
    world = Recorded(hours=4, age_s={10: 300.0, 200: 300.0})
    [(*_, effect)] = advised(world, AGE, start=200)
    assert effect == fires("1", 2, "84.0")
    spans = {"jobs": [(minute(10), minute(20))]}
    [(*_, effect)] = advised(world, AGE, start=200, elsewhere=spans)
    assert effect == fires("1", 2)
    [(*_, effect)] = advised(world, AGE, start=230)
    assert effect == fires("0", 2, "84.0") or "effect-not-for-it" in effect


def backtested(**row):
    """Return a back-test of one alarm on one resource, as far as evidence reads it."""
    usual = {
        "alarm": "dead", "resource": "jobs-dlq", "times_raised": 2, "false_a_week": 84.0,
        "minutes_after_start": 30.0,
    }  # fmt: skip
    return pd.DataFrame([usual | row])


FALSE = {"false": 1, "span": 7200.0}


@together(
    ("row", "start", "affected", "numbers", "sentence"),
    [
        (
            {},
            AT,
            {"jobs-dlq"},
            (1800.0, 2, 1),
            {"alarm-evidence-fires": {"moment": minute(30), "after": 1800.0, "held": 7, "dead": 9, **FALSE}},
        ),
        (
            {"minutes_after_start": None},
            AT,
            {"jobs-dlq"},
            (None, 2, 1),
            {"alarm-evidence-silent": {"moment": AT, **FALSE}},
        ),
        ({}, AT, (), (None, 2, 1), {"alarm-evidence-elsewhere": FALSE}),
        ({}, None, {"jobs-dlq"}, (None, 2, 1), {"alarm-evidence-calm": FALSE}),
        ({"false_a_week": None}, None, (), (None, 2, 0), {"alarm-evidence-calm": FALSE | {"false": 0}}),
        ({"times_raised": None}, AT, {"jobs-dlq"}, (None, None, 0), {"alarm-evidence-none": {}}),
    ],
)
def test_the_evidence_for_an_alarm_is_its_delay_and_its_false_alarms(row, start, affected, numbers, sentence):
    # 84 false alarms a week are one in two hours.
    found = evidence_of(
        backtested(**row), start, 7200.0, affected, 9, lambda at: 7 if at == minute(30) else 0
    )
    [(key, one)] = found.items()
    assert key == ("dead", "jobs-dlq")
    assert (one.after_s, one.times, one.false) == numbers
    assert messages_in(one.sentence) == sentence


def test_no_more_messages_were_held_than_died_in_the_incident():
    [one] = evidence_of(backtested(), AT, 7200.0, {"jobs-dlq"}, 5, lambda _: 7).values()
    assert messages_in(one.sentence)["alarm-evidence-fires"]["held"] == 5
    [none] = evidence_of(backtested(), AT, 7200.0, {"jobs-dlq"}).values()
    values = messages_in(none.sentence)["alarm-evidence-fires"]
    assert (values["held"], values["dead"]) == (0, 0)


def evidence(after_s, times, false):
    return Evidence(after_s, times, false, message("alarm-evidence-none"))


FIRST, SECOND = (evidence(600.0, 4, 2), 60.0), (evidence(None, 2, 0), 300.0)


@together(
    ("composite", "members", "is_better"),
    [
        (evidence(900.0, 1, 1), [FIRST, SECOND], True),
        (evidence(901.0, 1, 1), [FIRST, SECOND], False),  # more than one period of the slowest later
        (evidence(600.0, 3, 2), [FIRST, SECOND], True),  # half of the members' six
        (evidence(600.0, 4, 2), [FIRST, SECOND], False),
        (evidence(600.0, 1, 3), [FIRST, SECOND], False),
        (evidence(600.0, 1, 2), [(evidence(600.0, 3, 2), 60.0), SECOND], False),  # five are few
        (None, [FIRST], False),
        (evidence(None, 1, 0), [FIRST], False),
        (evidence(600.0, None, 0), [FIRST], False),
        (evidence(600.0, 1, 0), [SECOND], False),  # no member fires for the incident
        (evidence(600.0, 1, 0), [(None, 60.0)], False),
        (evidence(600.0, 1, 0), [(evidence(0.0, None, 9), 60.0)], False),
        (evidence(600.0, 1, 1), [FIRST, (evidence(0.0, None, 9), 900.0)], True),
    ],
)
def test_a_composite_alarm_is_better_with_fewer_false_alarms_or_half_the_notifications(
    composite, members, is_better
):
    assert is_better_together(composite, members) is is_better


def test_sensitivity_states_what_each_variant_would_have_done():
    world = Recorded(age_s={10: 300.0, 11: 300.0, 12: 300.0})
    found = sensitivity(
        world,
        world.pipelines,
        specs(AGE | {"threshold": 200}, {"name": "both", "composite": "ALARM(age)"}, PROBES),
        minute(10),
        7200.0,
    )
    columns = [
        "alarm", "resource", "threshold_factor", "threshold", "threshold_unit", "datapoints_to_alarm",
        "evaluation_periods", "times_raised", "minutes_after_start",
    ]  # fmt: skip
    # Below 300 s it fires after one to three points in a row; at 400 s never.
    expected = [
        ("age", "jobs", factor, 200.0 * factor, "s", n, n, *((1, n) if factor < 2 else (0, None)))
        for factor in (0.25, 0.5, 1.0, 2.0, 4.0)
        for n in (1, 2, 3)
    ]
    shown = found[columns].astype({"minutes_after_start": "float64"})
    pd.testing.assert_frame_equal(shown, pd.DataFrame(expected, columns=columns), check_dtype=False)
    assert found["false_a_week"].tolist() == [0.0] * 15


def test_alarms_that_depend_on_what_is_not_published_are_shown_for_each_assumption():
    """An alarm on three of three points: those of minutes 30 and 36 breach, and all others are missing.

    A lone point fires it when it is three periods old, at minutes 33 and 39. It stays until the point leaves
    the range: of eight periods (N + 5), only after the second has fired it again.
    """
    lone = FAILED | {"name": "lone", "evaluation_periods": 3, "treat_missing_data": "missing"}
    world = Recorded(invocations={30: 5.0, 36: 5.0}, errors={30: 5.0, 36: 5.0})
    both = {"name": "both", "composite": "ALARM(lone)"}
    found = unpublished_sensitivity(world, world.pipelines, specs(lone, both, PROBES), HOUR_S)
    rings = {"N + 0": 2, "N + 2": 2, "N + 5": 1, "insufficient": 2, "ok": 2}
    assert list(UNPUBLISHED) == list(rings)
    expected = {"alarm": "lone", "resource": "job-runner"}
    for name, number in rings.items():
        expected |= {f"first_{name}": pd.Timestamp(minute(33)), f"rings_{name}": number}
    assert found.to_dict("records") == [expected]
    once = Recorded(invocations={30: 5.0}, errors={30: 5.0})
    alike = unpublished_sensitivity(once, once.pipelines, specs(lone, FAILED), HOUR_S)
    assert alike.empty and list(alike.columns) == list(expected)

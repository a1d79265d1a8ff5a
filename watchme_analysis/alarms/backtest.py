"""Back-test of an alarm rule on a recorded metric: times at which the alarm would have fired and cleared."""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from watchme_analysis.alarms.evaluation import check_rule_numbers, evaluate
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError
from watchme_analysis.files.limit_notes import limit_reached
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_HOW = {"Sum": "sum", "SampleCount": "sum", "Average": "mean", "Maximum": "max", "Minimum": "min"}
STEP_S = 60
# Seconds between evaluations of an alarm with a period below one minute.
_FINE_STEP_S = 10
# Start and end; None for an unknown bound.
Span = tuple[datetime | None, datetime | None]
LOW_SAMPLES = ("evaluate", "ignore")


@dataclass(frozen=True)
class Rule:
    """The rule of a metric alarm; threshold and comparison as CloudWatch has them, in the metric's unit."""

    period_s: int  # of a data point
    threshold: float
    evaluation_periods: int = 1  # N
    datapoints_to_alarm: int = 1  # M
    comparison: str = "GreaterThanThreshold"
    treat_missing_data: str = "missing"  # a value of evaluation.evaluate, as lone_point is
    # By how many periods the evaluation range is longer than N. CloudWatch does not publish it; its examples
    # show two.
    extra_periods: int = 2
    lone_point: str = "keep"
    # For a percentile: ``evaluate``, or ``ignore``, which keeps the state while the evaluation periods have
    # fewer samples than samples_needed.
    low_samples: str = "evaluate"
    # True for an evaluation every minute (every ten seconds for a period below one minute) over the last
    # period, which is CloudWatch's default. False for an evaluation at the end of each period aligned to the
    # clock, as with the evaluation window ``WallClockWindow``.
    sliding: bool = True


@dataclass(frozen=True)
class AlarmRun:
    """States of an alarm over a recorded metric, by the time of evaluation.

    ``raised`` are start and end of each ALARM interval; the end is None while still in alarm. A time may be
    late by up to ``uncertainty_s``, because the recorded period is longer than that of the rule.
    """

    raised: tuple[tuple[datetime, datetime | None], ...]
    states: pd.Series
    uncertainty_s: float = 0.0

    @property
    def first(self) -> datetime | None:
        """Return the time at which the alarm first fired; None if it did not."""
        return self.raised[0][0] if self.raised else None

    @property
    def in_alarm_at_end(self) -> bool:
        """Return True if the alarm was still in state ALARM at the end."""
        return bool(self.raised) and self.raised[-1][1] is None


@dataclass(frozen=True)
class History:
    """A recorded metric: values by the start of the period (UTC); missing values are absent or null."""

    series: pd.Series
    stat: str
    period_s: int
    _by_period: dict[int, pd.Series] = field(default_factory=dict, init=False, repr=False, compare=False)
    _points: dict[tuple[Any, ...], pd.Series] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def by_period(self, period_s: int) -> pd.Series:
        """Return the values combined by period, computed once for rules with windows of several periods."""
        if period_s not in self._by_period:
            self._by_period[period_s] = _by_period(self.series.dropna(), f"{period_s}s", self.how)
        return self._by_period[period_s]

    @property
    def how(self) -> str:
        """How values of shorter periods are combined."""
        return _HOW.get(self.stat, "max")

    def points(self, rule: Rule, span: Span | None = None) -> pd.Series:
        """Return :func:`period_values`, computed once for rules that differ in their thresholds alone."""
        key = (rule.period_s, rule.sliding, span)
        if key not in self._points:
            self._points[key] = period_values(self, rule, span)
        return self._points[key]


def backtest(
    history: History, rule: Rule, span: Span | None = None, samples: pd.Series | None = None
) -> AlarmRun:
    """Return the states of an alarm over a recorded metric.

    The rule's period must be a multiple of the recorded one. ``span`` is start and end of the recording, so
    that a sparse metric is evaluated where it has no data points too; from its first to its last data point
    by default. ``samples`` is the SampleCount of the metric at the same period, needed when
    ``rule.low_samples`` is ``ignore``.
    """
    _check(rule, history.period_s)
    values = history.points(rule, span)
    enough = None
    if rule.low_samples == "ignore" and history.stat.startswith("p") and samples is not None:
        counted = History(samples, "SampleCount", history.period_s)
        counts = counted.points(rule, span).reindex(values.index)
        stride = _stride(rule, history.period_s)
        over_all = sum(
            counts.fillna(0.0).shift(k * stride, fill_value=0.0) for k in range(rule.evaluation_periods)
        )
        enough = list(over_all >= samples_needed(history.stat))
    return _run(values, rule, _stride(rule, history.period_s), enough)


def backtest_math(
    expression: str, histories: Mapping[str, History], rule: Rule, span: Span | None = None
) -> AlarmRun:
    """Return the states of an alarm over a metric math expression of recorded metrics by id.

    Rule and span are those of :func:`backtest`.
    """
    from watchme_analysis.alarms.metric_math import calculate

    period_s = max(history.period_s for history in histories.values())
    _check(rule, period_s)
    span = _common(histories.values(), span)
    points = {
        name: (history if history.period_s == period_s else replace(history, period_s=period_s)).points(
            rule, span
        )
        for name, history in histories.items()
    }
    index = None
    for values in points.values():
        index = values.index if index is None else index.union(values.index)
    values = calculate(expression, {name: values.reindex(index) for name, values in points.items()})
    return _run(values, rule, _stride(rule, period_s), None)


def _common(histories: Iterable[History], span: Span | None) -> Span:
    """Return the common time range of all metrics, so that a sparse metric is evaluated to the end."""
    first, end = span or (None, None)
    there = [history for history in histories if len(history.series)]
    starts = [history.series.index.min().to_pydatetime() for history in there]
    ends = [
        (history.series.index.max() + timedelta(seconds=history.period_s)).to_pydatetime()
        for history in there
    ]
    return first or min(starts, default=None), max([*ends, *([end] if end else [])], default=None)


def samples_needed(stat: str) -> float:
    """Return the number of samples that a percentile such as ``p99`` needs to be evaluated.

    Source: CloudWatch User Guide, "Percentile-based alarms and low data samples": 10/(1 - p) for p from 0.5,
    10/p below.
    """
    share = float(stat.removeprefix("p")) / 100.0
    return 10.0 / (1.0 - share) if share >= 0.5 else 10.0 / share


def check_periods(rule: Rule) -> None:
    """Raise an InputError for a rule over so many periods that its evaluation would not end."""
    limits = load_config().limits
    if rule.evaluation_periods + rule.extra_periods > limits.periods:
        raise InputError(
            error_message(
                "error-alarm-periods", periods=rule.evaluation_periods, limit=limit_reached(limits, "periods")
            )
        )


def _check(rule: Rule, history_period_s: int) -> None:
    check_periods(rule)
    check_rule_numbers(rule.evaluation_periods, rule.datapoints_to_alarm, rule.treat_missing_data)
    if rule.comparison not in COMPARISONS:
        raise InputError(
            error_message(
                "error-alarm-comparison", comparison=repr(rule.comparison), known=", ".join(COMPARISONS)
            )
        )
    if rule.low_samples not in LOW_SAMPLES:
        raise InputError(
            error_message(
                "error-alarm-low-samples", value=repr(rule.low_samples), known=", ".join(LOW_SAMPLES)
            )
        )
    if rule.period_s < history_period_s or rule.period_s % history_period_s:
        raise InputError(error_message("error-alarm-period", period=rule.period_s, history=history_period_s))


def _stride(rule: Rule, history_period_s: int) -> int:
    return 1 if not rule.sliding else rule.period_s // _step(rule, history_period_s)


def _run(values: pd.Series, rule: Rule, stride: int, enough: list[bool] | None) -> AlarmRun:
    """Return the alarm states over data points indexed by the end of their periods."""
    import numpy as np

    breaching = COMPARISONS[rule.comparison](values, rule.threshold)
    points = np.array(breaching, dtype=object)
    points[values.isna()] = None
    return run_of_points(points.tolist(), values.index, rule, stride, enough)


def run_of_points(
    points: Sequence[bool | None],
    times: pd.DatetimeIndex,
    rule: Rule,
    stride: int = 1,
    enough: Sequence[bool] | None = None,
) -> AlarmRun:
    """Return the states of an alarm that is evaluated at each data point.

    Points are True for breaching, False for not breaching, None for missing, oldest first; ``times`` are
    those of each evaluation. ``stride`` is the number of points from one period to the next, above 1 for a
    sliding window. Where an evaluation has not ``enough`` samples, the state stays; None: all have.
    """
    import numpy as np
    import pandas as pd

    length = (rule.evaluation_periods + rule.extra_periods - 1) * stride
    changes = _window_changes(points, length, stride, enough)
    states: list[str] = []
    lengths: list[int] = []
    state = "INSUFFICIENT_DATA"
    cache: dict[tuple[Any, ...], str] = {}
    i = 0
    while i < len(points):
        before = state
        if enough is None or enough[i]:
            window = tuple(points[max(i - length, i % stride) : i + 1 : stride])
            key = (window, state)
            if key not in cache:
                cache[key] = evaluate(
                    window,
                    rule.evaluation_periods,
                    rule.datapoints_to_alarm,
                    rule.treat_missing_data,
                    state,
                    rule.lone_point,
                )
            state = cache[key]
        # A state that an evaluation kept stays until there is something else to evaluate.
        until = changes[bisect_right(changes, i)] if state == before else i + 1
        states.append(state)
        lengths.append(until - i)
        i = until
    repeated = pd.array(states, dtype="string").repeat(lengths)
    in_alarm = np.repeat(np.array([state == "ALARM" for state in states], dtype=bool), lengths)
    return AlarmRun(_raised(in_alarm, times), pd.Series(repeated, index=times, name="state"))


def _window_changes(
    points: Sequence[bool | None], length: int, stride: int, enough: Sequence[bool] | None
) -> list[int]:
    """Return the evaluations that see other points than the one before, and the number of points at the end.

    The first evaluations see ever more points.
    """
    import numpy as np

    values = np.array([-1 if point is None else int(point) for point in points], dtype="int8")
    differs = np.ones(len(values), dtype=bool)
    differs[1:] = values[1:] != values[:-1]
    changed = differs.copy()
    for back in range(stride, length + 1, stride):
        changed[back:] |= differs[: max(0, len(values) - back)]
    changed[: length + 1] = True
    if enough is not None:
        changed[1:] |= np.diff(np.array(enough, dtype="int8")) != 0
    return [*np.flatnonzero(changed).tolist(), len(values)]


def run_of_states(states: pd.Series, uncertainty_s: float = 0.0) -> AlarmRun:
    """Return the alarm run of a series of states, indexed by the time of evaluation."""
    in_alarm = (states == "ALARM").to_numpy(dtype=bool)
    return AlarmRun(_raised(in_alarm, states.index), states, uncertainty_s)


def _raised(in_alarm: np.ndarray, times: pd.DatetimeIndex) -> tuple[tuple[datetime, datetime | None], ...]:
    """Return start and end of each interval in state ALARM."""
    import numpy as np

    # Changes alternate: the state ALARM begins, then it ends.
    changes = times[np.flatnonzero(np.diff(in_alarm, prepend=False))].to_pydatetime().tolist()
    return tuple(zip_longest(changes[::2], changes[1::2]))


def _step(rule: Rule, history_period_s: int) -> int:
    if not rule.sliding:
        return rule.period_s
    return max(_FINE_STEP_S if rule.period_s < STEP_S else STEP_S, history_period_s)


def period_values(history: History, rule: Rule, span: Span | None = None) -> pd.Series:
    """Return the data points of a rule, indexed by the end of the period that they cover.

    A sliding evaluation moves by one minute, by ten seconds for a period below one minute, or by the period
    of the history if that is longer. Percentiles of shorter periods can't be combined, so the highest stands
    for the whole period.
    """
    import pandas as pd

    series, stat = history.series, history.stat
    if stat not in _HOW and not stat.startswith(("p", "tm")):
        raise InputError(error_message("error-alarm-statistic", stat=repr(stat), known=", ".join(_HOW)))
    first, end = span or (None, None)
    if series.empty and (first is None or end is None):
        return pd.Series(dtype="float64", index=pd.DatetimeIndex([], tz="UTC"))
    step = _step(rule, history.period_s)
    floor = f"{history.period_s if rule.sliding else rule.period_s}s"
    starts = [moment for moment in (first, series.index.min()) if not pd.isna(moment)]
    begin = min(map(pd.Timestamp, starts)).floor(floor)
    ends = [end, series.index.max() + timedelta(seconds=history.period_s)]
    last = max(pd.Timestamp(moment) for moment in ends if not pd.isna(moment))
    if not rule.sliding:
        grid = pd.date_range(begin, last.ceil(floor), freq=floor, inclusive="left")
        values = history.by_period(rule.period_s).reindex(grid)
        values.index = values.index + timedelta(seconds=rule.period_s)
        return values
    grid = pd.date_range(begin, last, freq=f"{step}s", inclusive="left")
    placed = history.by_period(step).reindex(grid)
    width = rule.period_s // step
    values = placed.rolling(width, min_periods=1).agg(history.how) if width > 1 else placed
    values.index = values.index + timedelta(seconds=step)
    # Data before the first whole period was not recorded, which differs from a missing data point.
    return values.iloc[width - 1 :]


def _by_period(known: pd.Series, period: str, how: str) -> pd.Series:
    """Return values combined by period; as they are where each period has one, as a recorded metric has."""
    starts = known.index.floor(period)
    if starts.is_monotonic_increasing and starts.is_unique:
        return known.set_axis(starts)
    return known.groupby(starts).agg(how)

"""Changes to alarms that improve the back-test result, with numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.alarms.specification import AlarmSpec
from watchme_analysis.alarms.trials import Spans, backtest_alarms, backtest_frame
from watchme_analysis.queues.pipeline import Pipeline, Tables
from watchme_analysis.text.message import Choice, MessageText, Resource, value_of
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import pandas as pd

AGE = "ApproximateAgeOfOldestMessage"
# Share of the time until a failing message moves to the DLQ. The alarm must fire well before that time.
EARLY = 0.5
# Evaluation periods in seconds that cover the pauses between half-hourly bursts.
HOUR_S = 3600
# Notifications per incident from which people stop reacting.
FLAPS = 6


@dataclass(frozen=True)
class Advice:
    """A weakness of an alarm, with the proposed change and its effect."""

    alarm: str
    resource: str
    finding: str
    instead: str
    effect: str


def advise(
    tables: Tables,
    pipelines: tuple[Pipeline, ...],
    specs: Iterable[AlarmSpec],
    start: datetime | None,
    span_s: float,
    elsewhere: Spans | None = None,
) -> tuple[Advice, ...]:
    """Return the weaknesses of alarms on these pipelines, with proposed changes.

    There are four checks: an age threshold that no message reaches before it moves to the DLQ; M of N data
    points that a rarely invoked function does not produce; an average that hides a high maximum; and an alarm
    that fires repeatedly for one incident because data points are missing between bursts.
    """
    specs = tuple(spec for spec in specs if not spec.composite)
    world = _World(tables, pipelines, start, span_s, elsewhere)
    found: list[Advice] = []
    for spec in specs:
        if spec.metrics == (AGE,) and spec.rule.comparison.startswith("Greater"):
            found += world.ages(spec)
        of_invocations = set(spec.metrics) <= {"Errors", "Invocations", "Duration"}
        if spec.over == "function" and of_invocations and spec.rule.datapoints_to_alarm > 1:
            found += world.too_few_points(spec)
        if spec.stat in ("Average", "Maximum") and len(spec.metrics) == 1:
            found += world.averages(spec)
        found += world.flapping(spec)
    return _joined(found)


def _joined(found: Iterable[Advice]) -> tuple[Advice, ...]:
    """Return advice with one entry for all resources that share the same texts."""
    same: dict[tuple[str, ...], list[str]] = {}
    for each in found:
        same.setdefault((each.alarm, each.finding, each.instead, each.effect), []).append(each.resource)
    return tuple(Advice(key[0], ", ".join(names), *key[1:]) for key, names in same.items())


@dataclass(frozen=True)
class _World:
    tables: Tables
    pipelines: tuple[Pipeline, ...]
    start: datetime | None
    span_s: float
    elsewhere: Spans | None

    def ages(self, spec: AlarmSpec) -> list[Advice]:
        """Return advice on queues whose messages move to the DLQ before they reach the age threshold."""
        found = []
        for pipeline in self.pipelines:
            receives, visibility_s = (
                pipeline.settings.max_receive_count,
                pipeline.settings.visibility_timeout_s,
            )
            if receives is None or visibility_s is None or receives * visibility_s > spec.rule.threshold:
                continue
            lasts_s = receives * visibility_s
            highest = _number(pipeline.frame["age_s"].max())
            is_recorded = highest is not None and highest >= EARLY * lasts_s
            limit = float(round(lasts_s * EARLY))
            better, calmed = self._calm(replace(spec, rule=replace(spec.rule, threshold=limit)), pipeline)
            found.append(
                Advice(
                    spec.name,
                    pipeline.queue,
                    note(
                        "advice-unreachable-recorded" if is_recorded else "advice-unreachable",
                        receives=Resource(str(receives)),
                        visibility=Resource(f"{visibility_s:.0f}"),
                        lasts=Resource(f"{lasts_s:.0f}"),
                        highest=Resource(f"{highest or 0.0:.0f}"),
                        threshold=Resource(f"{spec.rule.threshold:.0f}"),
                    ),
                    note(
                        "advice-lower-calm" if calmed else "advice-lower",
                        limit=Resource(f"{limit:.0f}"),
                        points=Resource(str(spec.rule.datapoints_to_alarm)),
                        periods=Resource(str(calmed)),
                    ),
                    self._effect(better, pipeline),
                )
            )
        return found

    def too_few_points(self, spec: AlarmSpec) -> list[Advice]:
        """Return advice on functions that are invoked in fewer periods than M of the alarm."""
        found = []
        rule = spec.rule
        for pipeline in self.pipelines:
            if pipeline.function is None or "invocations" not in pipeline.queried:
                continue
            ran = (pipeline.frame["invocations"].fillna(0.0) > 0).astype("int64")
            width = max(rule.period_s // pipeline.period_s, 1)
            points = ran.rolling(width, min_periods=1).max()
            together = sum(points.shift(k * width, fill_value=0.0) for k in range(rule.evaluation_periods))
            most = int(together.max()) if len(points) else 0
            if not 0 < most < rule.datapoints_to_alarm:
                continue
            better = replace(spec, rule=replace(rule, evaluation_periods=1, datapoints_to_alarm=1))
            found.append(
                Advice(
                    spec.name,
                    pipeline.function,
                    note(
                        "advice-too-few",
                        most=Resource(str(most)),
                        periods=Resource(str(rule.evaluation_periods)),
                        period=Resource(str(rule.period_s)),
                        points=Resource(str(rule.datapoints_to_alarm)),
                    ),
                    note("advice-one-of-one"),
                    self._effect(better, pipeline),
                )
            )
        return found

    def averages(self, spec: AlarmSpec) -> list[Advice]:
        """Return advice on resources where an alarm on the maximum fires earlier than on the average."""
        other = replace(spec, stat="Maximum" if spec.stat == "Average" else "Average")
        frames = [self._backtest(one).set_index("resource") for one in (spec, other)]
        by_stat = dict(zip((spec.stat, other.stat), frames, strict=True))
        average, maximum = by_stat["Average"], by_stat["Maximum"]
        found = []
        for resource in maximum.index:
            if resource not in average.index or _number(average.loc[resource, "times_raised"]) is None:
                continue
            late, early = average.loc[resource], maximum.loc[resource]
            if not _number(early["times_raised"]) or not _is_later(late, early):
                continue
            found.append(
                Advice(
                    spec.name,
                    str(resource),
                    note("advice-average", average=_effect_of(late), maximum=_effect_of(early)),
                    "Maximum",
                    note("effect-unchanged") if spec.stat == "Maximum" else _effect_of(early),
                )
            )
        return found

    def flapping(self, spec: AlarmSpec) -> list[Advice]:
        """Return advice on alarms that fire repeatedly in an incident because missing points clear them."""
        if self.start is None or spec.over == "probes" or spec.rule.treat_missing_data == "ignore":
            return []
        frame = self._backtest(spec)
        held = self._backtest(_holding(spec)).set_index("resource")
        found = []
        for _, row in frame[frame["minutes_after_start"].notna()].iterrows():
            pages, fewer = int(row["times_raised"]), _number(held.loc[row["resource"], "times_raised"])
            if pages < FLAPS or fewer is None or fewer > pages / 2:
                continue
            found.append(
                Advice(
                    spec.name,
                    str(row["resource"]),
                    note("advice-flapping", fired=pages, treated=Resource(spec.rule.treat_missing_data)),
                    note("advice-ignore-missing"),
                    _effect_of(held.loc[row["resource"]]),
                )
            )
        return found

    def _calm(self, spec: AlarmSpec, pipeline: Pipeline) -> tuple[AlarmSpec, int | None]:
        """Return the alarm with N covering an hour, and N, if this halves frequent notifications.

        Otherwise the alarm is returned unchanged, with None.
        """
        hour = max(HOUR_S // spec.rule.period_s, spec.rule.evaluation_periods)
        longer = replace(spec, rule=replace(spec.rule, evaluation_periods=hour))
        pages, fewer = (
            _number(self._backtest(each, pipeline).iloc[0]["times_raised"]) or 0.0 for each in (spec, longer)
        )
        if pages < FLAPS or fewer > pages / 2:
            return spec, None
        return longer, hour

    def _backtest(self, spec: AlarmSpec, pipeline: Pipeline | None = None) -> pd.DataFrame:
        pipelines = self.pipelines if pipeline is None else (pipeline,)
        results = backtest_alarms(self.tables, pipelines, (spec,))
        return backtest_frame(results, self.start, self.span_s, elsewhere=self.elsewhere)

    def _effect(self, spec: AlarmSpec, pipeline: Pipeline) -> str:
        return _effect_of(self._backtest(spec, pipeline).iloc[0])


def _holding(spec: AlarmSpec) -> AlarmSpec:
    """Return the alarm with missing data points ignored, so that it keeps its state."""
    return replace(spec, rule=replace(spec.rule, treat_missing_data="ignore"))


def _is_later(late: Any, early: Any) -> bool:
    if not _number(late["times_raised"]):
        return True
    pair = _number(late["minutes_after_start"]), _number(early["minutes_after_start"])
    return pair[0] is not None and pair[1] is not None and pair[0] > pair[1]


def _number(value: Any) -> float | None:
    import pandas as pd

    return None if pd.isna(value) else float(value)


def _effect_of(row: Any) -> MessageText:
    """Return a text on the delay of an alarm after the start of the incident, and its false alarms a week."""
    if _number(row["times_raised"]) is None:
        return note("effect-not-evaluated", reason=value_of(row["note"]))
    after, false = _number(row["minutes_after_start"]), _number(row["false_a_week"]) or 0.0
    if after is None and not row["times_raised"]:
        return note("effect-never")
    return note(
        "effect-not-for-it" if after is None else "effect-fires",
        minutes=Resource(f"{after or 0.0:.0f}"),
        fired=int(row["times_raised"]),
        is_vain=Choice("some" if false else "none"),
        false_alarms=Resource(f"{false:.1f}"),
    )

"""Changes to alarms that improve the back-test result, with numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

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
    trial = _Trial(tables, pipelines, start, span_s, elsewhere)
    # The resources that share the same texts.
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for spec in specs:
        if not spec.composite:
            for resource, finding, instead, effect in trial.weaknesses(spec):
                found.setdefault((spec.name, finding, instead, effect), []).append(resource)
    return tuple(Advice(alarm, ", ".join(resources), *texts) for (alarm, *texts), resources in found.items())


# Resource, weakness, proposed change and its effect.
_Weakness: TypeAlias = tuple[str, str, str, str]


@dataclass(frozen=True)
class _Trial:
    tables: Tables
    pipelines: tuple[Pipeline, ...]
    start: datetime | None
    span_s: float
    elsewhere: Spans | None

    def weaknesses(self, spec: AlarmSpec) -> Iterator[_Weakness]:
        """Yield the weaknesses of an alarm."""
        if spec.metrics == (AGE,) and spec.rule.comparison.startswith("Greater"):
            yield from self._ages(spec)
        of_invocations = set(spec.metrics) <= {"Errors", "Invocations", "Duration"}
        if spec.over == "function" and of_invocations and spec.rule.datapoints_to_alarm > 1:
            yield from self._too_few_points(spec)
        if spec.stat in ("Average", "Maximum") and len(spec.metrics) == 1:
            yield from self._averages(spec)
        if self.start is not None and spec.over != "probes" and spec.rule.treat_missing_data != "ignore":
            yield from self._flapping(spec)

    def _ages(self, spec: AlarmSpec) -> Iterator[_Weakness]:
        """Yield queues whose messages move to the DLQ before they reach the age threshold."""
        rule = spec.rule
        for pipeline in self.pipelines:
            receives = pipeline.settings.max_receive_count
            visibility_s = pipeline.settings.visibility_timeout_s
            if receives is None or visibility_s is None or receives * visibility_s > rule.threshold:
                continue
            lasts_s = receives * visibility_s
            highest = _number(pipeline.frame["age_s"].max()) or 0.0
            limit = float(round(lasts_s * EARLY))
            better, calmed = self._calm(replace(spec, rule=replace(rule, threshold=limit)), pipeline)
            ages = {"visibility": visibility_s, "lasts": lasts_s, "highest": highest}
            finding = note(
                "advice-unreachable-recorded" if highest >= EARLY * lasts_s else "advice-unreachable",
                receives=Resource(str(receives)),
                threshold=Resource(f"{rule.threshold:.0f}"),
                **{name: Resource(f"{age_s:.0f}") for name, age_s in ages.items()},
            )
            instead = note(
                "advice-lower-calm" if calmed else "advice-lower",
                limit=Resource(f"{limit:.0f}"),
                points=Resource(str(rule.datapoints_to_alarm)),
                periods=Resource(str(calmed)),
            )
            yield pipeline.queue, finding, instead, self._effect(better, pipeline)

    def _too_few_points(self, spec: AlarmSpec) -> Iterator[_Weakness]:
        """Yield functions that are invoked in fewer periods than M of the alarm."""
        rule = spec.rule
        better = replace(spec, rule=replace(rule, evaluation_periods=1, datapoints_to_alarm=1))
        for pipeline in self.pipelines:
            if pipeline.function is None or "invocations" not in pipeline.queried:
                continue
            ran = (pipeline.frame["invocations"].fillna(0.0) > 0).astype("int64")
            width = max(rule.period_s // pipeline.period_s, 1)
            points = ran.rolling(width, min_periods=1).max()
            together = sum(points.shift(k * width, fill_value=0.0) for k in range(rule.evaluation_periods))
            most = int(together.max()) if len(points) else 0
            if 0 < most < rule.datapoints_to_alarm:
                counts = {
                    "most": most, "periods": rule.evaluation_periods, "period": rule.period_s,
                    "points": rule.datapoints_to_alarm,
                }  # fmt: skip
                finding = note(
                    "advice-too-few", **{name: Resource(str(count)) for name, count in counts.items()}
                )
                yield pipeline.function, finding, note("advice-one-of-one"), self._effect(better, pipeline)

    def _averages(self, spec: AlarmSpec) -> Iterator[_Weakness]:
        """Yield resources where an alarm on the maximum fires earlier than on the average."""
        average, maximum = (
            self._backtest(replace(spec, stat=stat)).set_index("resource") for stat in ("Average", "Maximum")
        )
        for resource in maximum.index.intersection(average.index, sort=False):
            late, early = average.loc[resource], maximum.loc[resource]
            if _number(late["times_raised"]) is None or not _number(early["times_raised"]):
                continue
            if _is_later(late, early):
                finding = note("advice-average", average=_effect_of(late), maximum=_effect_of(early))
                is_used = spec.stat == "Maximum"
                effect = note("effect-unchanged") if is_used else _effect_of(early)
                yield str(resource), finding, "Maximum", effect

    def _flapping(self, spec: AlarmSpec) -> Iterator[_Weakness]:
        """Yield resources for which an alarm fires repeatedly in an incident: missing points clear it."""
        frame = self._backtest(spec)
        treated = spec.rule.treat_missing_data
        # With missing data points ignored, it keeps its state.
        held = self._backtest(replace(spec, rule=replace(spec.rule, treat_missing_data="ignore")))
        held = held.set_index("resource")
        for _, row in frame[frame["minutes_after_start"].notna()].iterrows():
            pages, calm = int(row["times_raised"]), held.loc[row["resource"]]
            fewer = _number(calm["times_raised"])
            if pages >= FLAPS and fewer is not None and fewer <= pages / 2:
                finding = note("advice-flapping", fired=pages, treated=Resource(treated))
                yield str(row["resource"]), finding, note("advice-ignore-missing"), _effect_of(calm)

    def _calm(self, spec: AlarmSpec, pipeline: Pipeline) -> tuple[AlarmSpec, int | None]:
        """Return the alarm with N covering an hour, and N, if this halves frequent notifications.

        Otherwise the alarm is returned unchanged, with None.
        """
        hour = max(HOUR_S // spec.rule.period_s, spec.rule.evaluation_periods)
        longer = replace(spec, rule=replace(spec.rule, evaluation_periods=hour))
        pages, fewer = (
            _number(self._backtest(each, pipeline).iloc[0]["times_raised"]) or 0.0 for each in (spec, longer)
        )
        return (longer, hour) if pages >= FLAPS and fewer <= pages / 2 else (spec, None)

    def _backtest(self, spec: AlarmSpec, pipeline: Pipeline | None = None) -> pd.DataFrame:
        pipelines = self.pipelines if pipeline is None else (pipeline,)
        results = backtest_alarms(self.tables, pipelines, (spec,))
        return backtest_frame(results, self.start, self.span_s, elsewhere=self.elsewhere)

    def _effect(self, spec: AlarmSpec, pipeline: Pipeline) -> str:
        return _effect_of(self._backtest(spec, pipeline).iloc[0])


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

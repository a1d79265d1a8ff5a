"""Back-test of alarms on the recorded metrics and probes of a case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.alarms.backtest import (
    AlarmRun,
    History,
    Rule,
    Span,
    backtest,
    backtest_math,
    run_of_points,
)
from watchme_analysis.alarms.composite import CompositeRule, always, composite_run, parse_rule
from watchme_analysis.alarms.specification import KINDS, STANDARD, AlarmSpec
from watchme_analysis.errors import InputError
from watchme_analysis.queues.pipeline import Pipeline, Tables, metric_groups, once_per_case, series_of
from watchme_analysis.text.message import Message, Names, Resource, Sentences, message
from watchme_analysis.text.render import note, text_of_error

if TYPE_CHECKING:
    import pandas as pd


def recorded_history(tables: Tables, resource: str, metric: str, stat: str) -> History | None:
    """Return a recorded metric; None when the case lacks it. The rules that are tried on it share its points.

    The series is empty when the metric was queried and the response had no data points.
    """
    known = _histories(tables)
    key = (resource, metric, stat)
    if key not in known:
        known[key] = _recorded(tables, resource, metric, stat)
    return known[key]


@once_per_case
def _histories(tables: Tables) -> dict[tuple[str, str, str], History | None]:
    """Return where :func:`recorded_history` keeps the metrics of a case."""
    del tables
    return {}


def _recorded(tables: Tables, resource: str, metric: str, stat: str) -> History | None:
    import pandas as pd

    found = series_of(metric_groups(tables), resource, metric, (stat,))
    if found is not None:
        return History(found[0], stat, found[1])
    queried = tables.table("metric_queries")
    hit = (queried["resource"] == resource) & (queried["metric"] == metric) & (queried["stat"] == stat)
    hit &= queried["points"].notna()
    if not hit.any():
        return None
    none = pd.Series(dtype="float64", index=pd.DatetimeIndex([], tz="UTC"))
    return History(none, stat, int(queried.loc[hit, "period_s"].min()))


def probe_runs(probes: pd.DataFrame, rule: Rule, slower_than_s: float | None = None) -> dict[str, AlarmRun]:
    """Return the states of an alarm on failed checks of the table ``probes``, by path and vantage.

    A check fails without a response, with a status of 400 or above, or when it is slow. N and M are numbers
    of checks, regardless of the time between them: three in a row are 3 of 3.
    """
    import pandas as pd

    known = probes.dropna(subset=["time", "path"]).sort_values("time", kind="stable")
    failed = known["status"].isna() | (known["status"] == 0) | (known["status"] >= 400).fillna(False)
    if slower_than_s is not None:
        failed |= (known["duration_s"] > slower_than_s).fillna(False)
    found = {}
    for (path, vantage), rows in failed.groupby([known["path"], known["vantage"]], sort=True):
        # A failure is known only when the response arrives or the time limit has passed.
        moments = known.loc[rows.index, "time"] + pd.to_timedelta(
            known.loc[rows.index, "duration_s"].fillna(0.0).astype("float64"), unit="s"
        )
        points = [bool(value) for value in rows]
        found[f"{path} from {vantage}"] = run_of_points(
            points, pd.DatetimeIndex(moments), replace(rule, extra_periods=0)
        )
    return found


# Times of incidents by resource: start and end; the end is None while open.
Spans = Mapping[str, Sequence[tuple[datetime, datetime | None]]]
WEEK_S = 604_800.0
MINUTE_S = 60.0
# Time before the diagnosed start of an incident in which an alarm still counts for it.
EARLY = timedelta(hours=1)
COLUMNS = (
    "alarm", "label", "resource", "rule", "first", "cleared", "times_raised", "minutes_after_start",
    "lead_minutes", "false_a_week", "in_alarm_at_end", "note",
)  # fmt: skip


@dataclass(frozen=True)
class AlarmBacktest:
    """Back-test of an alarm on a resource; ``run`` is None when it could not be evaluated."""

    spec: AlarmSpec
    resource: str
    run: AlarmRun | None
    note: str = ""
    queue: str | None = None


def backtest_alarms(
    tables: Tables, pipelines: tuple[Pipeline, ...], specs: Iterable[AlarmSpec]
) -> tuple[AlarmBacktest, ...]:
    """Return the back-test of every alarm on every resource that it monitors.

    Composite alarms are evaluated on the states of the other alarms.

    A rule with a shorter period than the recorded data points is evaluated at the recorded period. The note
    then states how much earlier the alarm may have fired.
    """
    specs = tuple(specs)
    ends = [
        pipeline.frame.index[-1] + timedelta(seconds=pipeline.period_s)
        for pipeline in pipelines
        if len(pipeline.frame)
    ]
    span = (
        min((pipeline.frame.index[0] for pipeline in pipelines if len(pipeline.frame)), default=None),
        max(ends, default=None),
    )
    found: list[AlarmBacktest] = []
    for spec in specs:
        if spec.composite:
            continue
        if spec.over == "probes":
            runs = probe_runs(tables.table("probes"), spec.rule, spec.slower_than_s)
            found += [AlarmBacktest(spec, name, run) for name, run in runs.items()]
            continue
        found += [
            try_alarm(tables, spec, name, pipeline, span) for name, pipeline in _resources(pipelines, spec)
        ]
    for spec in specs:
        if spec.composite:
            found += _composites(spec, found, pipelines)
    order = {spec.name: place for place, spec in enumerate(specs)}
    return tuple(sorted(found, key=lambda item: order[item.spec.name]))


def _composites(
    spec: AlarmSpec, results: list[AlarmBacktest], pipelines: tuple[Pipeline, ...]
) -> list[AlarmBacktest]:
    """Return the back-tests of a composite alarm: one per queue, or one for a named resource."""
    rule = parse_rule(spec.composite)
    named = [item for item in results if item.spec.name in rule.names]
    unknown = [name for name in rule.names if name not in {item.spec.name for item in named}]
    lacking = note("trial-unknown", alarms=Names(tuple(unknown))) if unknown else ""
    queues = [pipeline.queue for pipeline in pipelines] if spec.over in KINDS else [None]
    found = []
    for queue in queues:
        mine = [item for item in named if queue is None or item.queue in {queue, None}]
        runs = {item.spec.name: item.run for item in mine if item.run is not None}
        unevaluated = [item.spec.name for item in mine if item.run is None]
        run, why = _either_way(rule, runs, unevaluated) if runs else (None, note("trial-no-state"))
        found.append(AlarmBacktest(spec, queue or spec.over, run, lacking or why, queue))
    return found


def _either_way(
    rule: CompositeRule, runs: Mapping[str, AlarmRun], unevaluated: Sequence[str]
) -> tuple[AlarmRun | None, str]:
    """Return the run of a composite alarm, or None and the reason if untested alarms would change it."""
    ways = [
        composite_run(rule, {**runs, **dict.fromkeys(unevaluated, always(state, runs))})
        for state in ("ALARM", "OK")
    ]
    if ways[0].raised != ways[1].raised:
        return None, note("trial-depends", alarms=Names(tuple(unevaluated)))
    return ways[0], ""


def _resources(pipelines: tuple[Pipeline, ...], spec: AlarmSpec) -> list[tuple[str, Pipeline | None]]:
    if spec.over not in KINDS:
        return [(spec.over, None)]
    found: dict[str, Pipeline | None] = {}
    for pipeline in pipelines:
        name = {"dlq": pipeline.dlq, "function": pipeline.function, "queue": pipeline.queue}[spec.over]
        if name is not None:
            found.setdefault(name, pipeline)
    return list(found.items())


def try_alarm(
    tables: Tables, spec: AlarmSpec, resource: str, pipeline: Pipeline | None, span: Span
) -> AlarmBacktest:
    """Return the back-test of an alarm on a resource, or the reason why there is none."""
    queue = None if pipeline is None else pipeline.queue

    def refused(reason: str) -> AlarmBacktest:
        return AlarmBacktest(spec, resource, None, reason, queue)

    rule = spec.rule
    if spec.of_timeout is not None:
        timeout_s = pipeline.settings.function_timeout_s if pipeline is not None else None
        if timeout_s is None:
            return refused(note("trial-no-timeout", resource=Resource(resource)))
        rule = replace(rule, threshold=spec.of_timeout * timeout_s * 1000.0)
    wanted = _inputs(spec, resource)
    if not wanted:
        return refused(note("trial-not-static"))
    histories = {}
    for name, (where, metric, stat) in wanted.items():
        recorded = recorded_history(tables, where, metric, stat)
        if recorded is None:
            return refused(
                note(
                    "trial-no-metric",
                    metric=Resource(metric),
                    stat=Resource(stat),
                    resource=Resource(where),
                )
            )
        histories[name] = recorded
    rule, uncertainty_s = _at_most_as_fine(rule, histories)
    remarks: list[Message] = []
    if uncertainty_s:
        remarks.append(
            message(
                "trial-coarse",
                period=Resource(str(rule.period_s)),
                earlier=Resource(f"{uncertainty_s:.0f}"),
            )
        )
    try:
        if spec.expression or len(spec.metrics) == 2:
            run = backtest_math(spec.expression or "100 * above / below", histories, rule, span)
        else:
            [history] = histories.values()
            samples = None
            if rule.low_samples == "ignore":
                counted = recorded_history(tables, resource, spec.metrics[0], "SampleCount")
                samples = None if counted is None else counted.series
                if samples is None:
                    remarks.append(message("trial-no-samples"))
            run = backtest(history, rule, span, samples)
    except InputError as error:
        return refused(text_of_error(error))
    remark = note("sentences", sentences=Sentences(tuple(remarks))) if remarks else ""
    return AlarmBacktest(spec, resource, replace(run, uncertainty_s=uncertainty_s), remark, queue)


def _inputs(spec: AlarmSpec, resource: str) -> dict[str, tuple[str, str, str]]:
    """Return resource, metric and statistic of each input of an alarm, by name in the expression."""
    if spec.expression:
        return {item.id: (item.resource, item.metric, item.stat) for item in spec.inputs}
    names = ("above", "below") if len(spec.metrics) == 2 else ("value",)
    return {
        name: (resource, metric, spec.stat)
        for name, metric in zip(names, spec.metrics, strict=bool(spec.metrics))
    }


def _at_most_as_fine(rule: Rule, histories: dict[str, History]) -> tuple[Rule, float]:
    """Return the rule at a recorded period, and the increase of its period in seconds."""
    coarsest_s = max(history.period_s for history in histories.values())
    if coarsest_s <= rule.period_s:
        return rule, 0.0
    return replace(rule, period_s=coarsest_s), float(coarsest_s - rule.period_s)


def backtest_frame(
    results: Iterable[AlarmBacktest],
    start: datetime | None,
    span_s: float,
    noticed: datetime | None = None,
    elsewhere: Spans | None = None,
) -> pd.DataFrame:
    """Return the back-test as a frame with :data:`COLUMNS`.

    ``start`` is that of the incident, None without one, and ``span_s`` the length of the window in seconds.
    ``elsewhere`` are times of other incidents by resource, the end None while open: an alarm that fires for
    one is not a false alarm, and does not count as detection of this incident.

    ``label`` is the name in the specification where that differs. ``minutes_after_start`` is of the first
    time that the alarm fired for the incident; an alarm in state ALARM since long before the start notifies
    nobody. ``lead_minutes`` are from then until people ``noticed`` (None if unknown); negative when people
    were earlier. ``false_a_week`` are false alarms a week: those before the start that no other incident
    explains, or all without an incident.
    """
    import pandas as pd

    spans = elsewhere or {}
    rows = [_row(item, start, span_s, noticed, spans.get(item.resource, ())) for item in results]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    # As strings of pandas, texts would lose the messages by which other languages show them.
    texts = {name: pd.Series([row[name] for row in rows], dtype=object) for name in ("rule", "note")}
    return frame.assign(**texts).astype(
        dict.fromkeys(("first", "cleared"), "datetime64[us, UTC]")
        | dict.fromkeys(("minutes_after_start", "lead_minutes", "false_a_week"), "Float64")
        | {"times_raised": "Int64", "in_alarm_at_end": "boolean"}
    )


def _row(
    item: AlarmBacktest,
    start: datetime | None,
    span_s: float,
    noticed: datetime | None,
    elsewhere: Sequence[tuple[datetime, datetime | None]],
) -> dict[str, object | None]:
    run = item.run
    raised = run.raised if run else ()
    own = [
        (begin, cleared)
        for begin, cleared in raised
        if not any(
            first - EARLY <= begin and (last is None or begin <= last + EARLY) for first, last in elsewhere
        )
    ]
    after = [
        max(begin, start)
        for begin, cleared in own
        if start is not None and (cleared is None or cleared > start) and begin >= start - EARLY
    ]
    false = len(own) - len(after)
    known = bool(after) and start is not None
    return {
        "alarm": item.spec.name,
        "label": item.spec.label,
        "resource": item.resource,
        "rule": item.spec.in_words,
        "first": raised[0][0] if raised else None,
        "cleared": raised[0][1] if raised else None,
        "times_raised": len(raised) if run else None,
        "minutes_after_start": (after[0] - start).total_seconds() / MINUTE_S if known and start else None,
        "lead_minutes": (noticed - after[0]).total_seconds() / MINUTE_S if known and noticed else None,
        "false_a_week": false * WEEK_S / span_s if run and span_s else None,
        "in_alarm_at_end": run.in_alarm_at_end if run else None,
        "note": item.note,
    }


# The same alarms with CloudWatch's other evaluation window: exactly N periods aligned to the clock.
WALL_CLOCK = tuple(
    replace(spec, rule=replace(spec.rule, extra_periods=0, sliding=False)) for spec in STANDARD
)


def standard_alarms(tables: Tables, pipelines: tuple[Pipeline, ...]) -> list[dict[str, Any]]:
    """Return the back-test results of the standard alarms, one per alarm and resource.

    ``first`` (datetime), ``times_raised``, ``in_alarm_at_end`` and ``uncertainty_s`` are evaluated on periods
    aligned to the clock: the true time is earlier by at most ``uncertainty_s``, because the metric has a
    longer period than the alarm. They are None without the metric, ``first`` also where the alarm would not
    have fired. ``sliding`` has the same four values with the sliding window, which is CloudWatch's default
    (Amazon CloudWatch User Guide, "Alarm evaluation window").
    """
    by_clock = backtest_alarms(tables, pipelines, WALL_CLOCK)
    sliding = backtest_alarms(tables, pipelines, STANDARD)
    return [
        {
            "alarm": clock.spec.name,
            "resource": clock.resource,
            **_figures(clock),
            "note": clock.note,
            "sliding": _figures(slid),
        }
        for clock, slid in zip(by_clock, sliding, strict=True)
    ]


def _figures(result: AlarmBacktest) -> dict[str, Any]:
    run = result.run
    return {
        "first": run.first if run else None,
        "times_raised": len(run.raised) if run else None,
        "in_alarm_at_end": run.in_alarm_at_end if run else None,
        "uncertainty_s": run.uncertainty_s if run else None,
    }

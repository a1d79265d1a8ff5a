"""Proposed alarms, written down as a specification, and what each would have done on a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.alarm_backtest import Rule, Run, backtest
from watchme_analysis.analysis.alarms import check
from watchme_analysis.analysis.flows import Flow, Tables
from watchme_analysis.analysis.standard_alarms import ratio_series, recorded_series
from watchme_analysis.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("dlq", "function", "queue")
_KEYS = {
    "name", "over", "metric", "ratio", "stat", "period_s", "threshold", "of_timeout", "comparison",
    "evaluation_periods", "datapoints_to_alarm", "treat_missing_data", "extra_periods",
}  # fmt: skip


@dataclass(frozen=True)
class AlarmSpec:
    """A proposed alarm.

    Attributes
    ----------
    name
        Name.
    over
        ``dlq``, ``function`` or ``queue``, which stand for all of them, or the name of one resource.
    metrics
        One metric, or two of which the first is a percentage of the second.
    stat
        Statistic.
    rule
        Rule; its threshold is in the metric's unit (``Duration`` in milliseconds).
    of_timeout
        Threshold as a share of the function's own timeout, instead of the rule's.
    """

    name: str
    over: str
    metrics: tuple[str, ...]
    stat: str
    rule: Rule
    of_timeout: float | None = None


def parse_specs(content: Any, origin: str = "the specification") -> tuple[AlarmSpec, ...]:
    """Return the alarms of a parsed specification.

    Parameters
    ----------
    content
        A mapping with a list ``alarms``, as the YAML file holds it.
    origin
        File name, for messages.

    Raises
    ------
    InputError
        When an entry lacks something, has an unknown key or an impossible rule.
    """
    entries = content.get("alarms") if isinstance(content, Mapping) else None
    if not isinstance(entries, list) or not entries:
        raise InputError(
            f"{origin} has no list `alarms`: write one entry an alarm, see the bundled team.yaml."
        )
    return tuple(_spec(entry, number, origin) for number, entry in enumerate(entries, 1))


def _spec(entry: Any, number: int, origin: str) -> AlarmSpec:
    where = f"alarm {number} of {origin}"
    if not isinstance(entry, Mapping) or not entry.get("name"):
        raise InputError(f"{where} has no name: give it one.")
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise InputError(
            f"{where} has the unknown key {unknown[0]!r}: the keys are {', '.join(sorted(_KEYS))}."
        )
    metrics = tuple(entry.get("ratio") or ([entry["metric"]] if entry.get("metric") else []))
    if not metrics or (entry.get("ratio") and len(metrics) != 2):
        raise InputError(f"{where} needs a `metric`, or a `ratio` of two metrics.")
    missing = [key for key in ("over", "stat", "period_s") if key not in entry]
    if missing or ("threshold" in entry) == ("of_timeout" in entry):
        lacks = ", ".join(missing) or "either threshold or of_timeout"
        raise InputError(f"{where} needs {lacks}.")
    periods = int(entry.get("evaluation_periods", 1))
    rule = Rule(
        period_s=int(entry["period_s"]),
        threshold=float(entry.get("threshold", 0.0)),
        evaluation_periods=periods,
        datapoints_to_alarm=int(entry.get("datapoints_to_alarm", periods)),
        comparison=str(entry.get("comparison", "GreaterThanThreshold")),
        treat_missing_data=str(entry.get("treat_missing_data", "missing")),
        extra_periods=int(entry.get("extra_periods", 2)),
    )
    check(rule.evaluation_periods, rule.datapoints_to_alarm, rule.treat_missing_data)
    share = entry.get("of_timeout")
    return AlarmSpec(
        str(entry["name"]),
        str(entry["over"]),
        metrics,
        str(entry["stat"]),
        rule,
        None if share is None else float(share),
    )


@dataclass(frozen=True)
class Tried:
    """What a proposed alarm did on one resource; ``run`` is None where it could not be tried."""

    spec: AlarmSpec
    resource: str
    run: Run | None
    note: str = ""


def try_alarms(tables: Tables, flows: tuple[Flow, ...], specs: tuple[AlarmSpec, ...]) -> tuple[Tried, ...]:
    """Try every alarm on every resource that it stands over.

    A rule finer than the recorded points is tried at their period, and the note says how much earlier the
    alarm can have fired.
    """
    ends = [flow.frame.index[-1] + timedelta(seconds=flow.period_s) for flow in flows if len(flow.frame)]
    found = []
    for spec in specs:
        for resource, flow in _resources(flows, spec):
            found.append(_try(tables, spec, resource, flow, max(ends, default=None)))
    return tuple(found)


def _resources(flows: tuple[Flow, ...], spec: AlarmSpec) -> list[tuple[str, Flow | None]]:
    if spec.over not in KINDS:
        return [(spec.over, None)]
    found: dict[str, Flow | None] = {}
    for flow in flows:
        name = {"dlq": flow.dlq, "function": flow.function, "queue": flow.queue}[spec.over]
        if name is not None:
            found.setdefault(name, flow)
    return list(found.items())


def _try(tables: Tables, spec: AlarmSpec, resource: str, flow: Flow | None, end: datetime | None) -> Tried:
    rule = spec.rule
    if spec.of_timeout is not None:
        timeout = flow.settings.function_timeout_s if flow is not None else None
        if timeout is None:
            return Tried(spec, resource, None, f"The timeout of {resource} is not in the case.")
        rule = replace(rule, threshold=spec.of_timeout * timeout * 1000.0)
    pair = (
        ratio_series(tables, resource, spec.metrics, spec.stat, rule.period_s)
        if len(spec.metrics) == 2
        else recorded_series(tables, resource, spec.metrics[0], spec.stat)
    )
    if pair is None:
        return Tried(
            spec, resource, None, f"{spec.metrics[0]} ({spec.stat}) of {resource} is not in the case."
        )
    series, period = pair
    note = ""
    if period > rule.period_s:
        note = f"Points of {period} s only: it can have fired up to {period - rule.period_s} s earlier."
        rule = replace(rule, period_s=period)
    return Tried(spec, resource, backtest(series, spec.stat, period, rule, end), note)


def tried_frame(tried: tuple[Tried, ...], start: datetime | None, span_s: float) -> pd.DataFrame:
    """Return the back-test as a table.

    Parameters
    ----------
    tried
        Of :func:`try_alarms`.
    start
        Start of the incident; None when there was none.
    span_s
        Length of the window in seconds.

    Returns
    -------
    pandas.DataFrame
        ``alarm``, ``resource``, ``first``, ``cleared``, ``times_raised``, ``minutes_after_start`` (of the
        first ring at or after the incident's start), ``false_a_week`` (rings before the start, or all
        where nothing happened, a week), ``in_alarm_at_end``, ``note``.
    """
    import pandas as pd

    rows = []
    for item in tried:
        raised = item.run.raised if item.run else ()
        after = [
            begin for begin, cleared in raised if start is not None and (cleared is None or cleared > start)
        ]
        false = sum(
            1 for begin, cleared in raised if start is None or (cleared is not None and cleared <= start)
        )
        rows.append(
            {
                "alarm": item.spec.name,
                "resource": item.resource,
                "first": raised[0][0] if raised else None,
                "cleared": raised[0][1] if raised else None,
                "times_raised": len(raised) if item.run else None,
                "minutes_after_start": (after[0] - start).total_seconds() / 60.0 if after and start else None,
                "false_a_week": false * 604800.0 / span_s if item.run and span_s else None,
                "in_alarm_at_end": item.run.in_alarm_at_end if item.run else None,
                "note": item.note,
            }
        )
    columns = [
        "alarm", "resource", "first", "cleared", "times_raised", "minutes_after_start", "false_a_week",
        "in_alarm_at_end", "note",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype(
        dict.fromkeys(("first", "cleared"), "datetime64[us, UTC]")
        | dict.fromkeys(("minutes_after_start", "false_a_week"), "Float64")
        | {"times_raised": "Int64", "in_alarm_at_end": "boolean"}
    )


def sensitivity(
    tables: Tables,
    flows: tuple[Flow, ...],
    specs: tuple[AlarmSpec, ...],
    start: datetime | None,
    span_s: float,
) -> pd.DataFrame:
    """Return how the back-test moves with the threshold (half, as set, double) and with M (down to 1)."""
    import pandas as pd

    parts = []
    for spec in specs:
        for factor in (0.5, 1.0, 2.0) if spec.rule.threshold or spec.of_timeout else (1.0,):
            for needed in sorted({1, spec.rule.datapoints_to_alarm, spec.rule.evaluation_periods}):
                changed = replace(
                    spec,
                    rule=replace(
                        spec.rule, threshold=spec.rule.threshold * factor, datapoints_to_alarm=needed
                    ),
                    of_timeout=None if spec.of_timeout is None else spec.of_timeout * factor,
                )
                frame = tried_frame(try_alarms(tables, flows, (changed,)), start, span_s)
                parts.append(frame.assign(threshold_factor=factor, datapoints_to_alarm=needed))
    return pd.concat(parts, ignore_index=True)

"""Alarm specifications, read from a YAML file, the bundled file, or ``describe-alarms`` output."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import isfinite
from pathlib import Path
from typing import Any

from watchme_analysis.alarms.backtest import Rule, check_periods
from watchme_analysis.alarms.composite import parse_rule, with_names
from watchme_analysis.alarms.evaluation import check_lone_point, check_rule_numbers
from watchme_analysis.config import load_config
from watchme_analysis.errors import FormatError, InputError
from watchme_analysis.files.yaml_values import read_yaml
from watchme_analysis.queues.pipeline import Tables
from watchme_analysis.redact import shortened
from watchme_analysis.text.message import Choice, Message, Resource, message
from watchme_analysis.text.render import error_message, note, render

KINDS = ("dlq", "function", "queue", "probes")
# Kind of the value of each key of an entry.
_KEYS: Mapping[str, str] = {
    **dict.fromkeys(
        ("name", "over", "metric", "stat", "comparison", "treat_missing_data", "low_samples", "lone_point",
         "composite"), "text",
    ),
    "ratio": "names",
    **dict.fromkeys(("period_s", "evaluation_periods", "datapoints_to_alarm", "extra_periods"), "whole"),
    **dict.fromkeys(("threshold", "of_timeout", "slower_than_s"), "number"),
}  # fmt: skip
_RULE_KEYS = {each.name for each in fields(Rule)} & set(_KEYS)
_STAT = re.compile(r"Sum|Average|Maximum|Minimum|SampleCount|(p|tm)\d{1,2}(\.\d+)?|p100")
_RULE = Rule(60, 0.0)
_SHORTEST_S = 60
# Longest range that CloudWatch evaluates, of periods of less than an hour and of longer ones, in seconds.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
_LONG_PERIOD_S = 3600
_LONGEST_RANGE_S = 86_400
_LONGEST_RANGE_OF_LONG_S = 604_800
# Characters of an invalid value that an error shows.
_LONGEST_VALUE = 60


# Unit of a threshold that follows the timeout of a function.
OF_TIMEOUT = "% of the timeout"


@dataclass(frozen=True)
class MathInput:
    """A metric used in a metric math expression."""

    id: str
    resource: str
    metric: str
    stat: str


@dataclass(frozen=True)
class AlarmSpec:
    """A proposed or existing alarm.

    ``over`` is ``dlq``, ``function``, ``queue`` or ``probes`` for all resources of that kind, or the name of
    a single resource. With two ``metrics``, the first is a percentage of the second.
    """

    name: str
    over: str
    metrics: tuple[str, ...] = ()
    stat: str = ""
    rule: Rule = _RULE  # its threshold is in the unit of the metric (``Duration`` in milliseconds)
    of_timeout: float | None = None  # share of the function timeout that replaces the threshold of the rule
    # Rule over the states of other alarms. Over a kind of resource, those of the same queue are combined.
    composite: str = ""
    expression: str = ""  # metric math of the inputs
    inputs: tuple[MathInput, ...] = ()
    slower_than_s: float | None = None  # for probes: a slower response is a failed check too
    # Name in its file, where the alarm is a standard alarm and so has the name of that one everywhere.
    label: str = ""

    @property
    def in_words(self) -> str:
        """Return the rule on one line, such as ``Average > 10, 300 s, 1 of 1``."""
        return note("value", value=self.summary)

    @property
    def summary(self) -> Message:
        """Return the rule as a noun phrase."""
        if self.composite:
            return message("value", value=Resource(self.composite))
        rule = self.rule
        what = self.expression or " / ".join(self.metrics)
        value, unit = self.limit
        sign = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}.get(
            rule.comparison, "≥" if rule.comparison.startswith("Greater") else "≤"
        )
        kind = "checks" if self.over == "probes" else "timeout" if self.of_timeout is not None else "value"
        return message(
            "alarm-rule",
            kind=Choice(kind),
            what=Resource(f"{what} {self.stat}".strip()),
            sign=Resource(sign),
            limit=Resource(f"{value:g} {unit}".rstrip() if kind == "value" else f"{value:g}"),
            period=Resource(f"{rule.period_s}"),
            points=Resource(f"{rule.datapoints_to_alarm}"),
            periods=Resource(f"{rule.evaluation_periods}"),
        )

    @property
    def limit(self) -> tuple[float, str]:
        """Return the threshold in display units, and the unit; empty for a count or an unknown unit."""
        if self.of_timeout is not None:
            return round(100.0 * self.of_timeout, 6), OF_TIMEOUT
        if len(self.metrics) == 2:
            return self.rule.threshold, "%"
        if self.metrics == ("Duration",):
            return self.rule.threshold / 1000.0, "s"  # the metric is in milliseconds
        return self.rule.threshold, "s" if self.metrics == ("ApproximateAgeOfOldestMessage",) else ""


_DLQ_DEPTH, _AGE = ("ApproximateNumberOfMessagesVisible",), ("ApproximateAgeOfOldestMessage",)
# The alarms of every backlog diagnosis. Names consist of metric, threshold, period and M of N. Missing data
# is not breaching, as resources without activity have no data.
STANDARD = tuple(
    AlarmSpec(name, over, metrics, stat, Rule(period_s, threshold, n, m, treat_missing_data="notBreaching"))
    for name, over, metrics, stat, period_s, threshold, m, n in (
        ("dlq_visible_gt_10_avg_300s_1of1", "dlq", _DLQ_DEPTH, "Average", 300, 10.0, 1, 1),
        ("error_rate_gt_10pct_300s_3of12", "function", ("Errors", "Invocations"), "Sum", 300, 10.0, 3, 12),
        ("age_gt_600_max_60s_1of1", "queue", _AGE, "Maximum", 60, 600.0, 1, 1),
        ("age_gt_600_max_300s_1of1", "queue", _AGE, "Maximum", 300, 600.0, 1, 1),
    )
)


def threshold_label(value: str, unit: str, language: str) -> str:
    """Return a threshold with its unit, one of those of :attr:`AlarmSpec.limit`, in a language."""
    kind = {"": "count", "s": "seconds", "%": "percent", OF_TIMEOUT: "timeout"}[unit]
    return render(message("alarm-threshold", value=Resource(value), unit=Choice(kind)), language)


def parse_specs(content: Any, origin: str = "the specification") -> tuple[AlarmSpec, ...]:
    """Return the alarms of a parsed specification: a mapping with a list ``alarms``, as in the YAML file.

    An alarm with the definition of a standard alarm of a diagnosis is that alarm: it gets its name, and keeps
    that of the file as label. An entry that lacks a key, or has an unknown key or an invalid rule, is an
    InputError that names its place in ``origin``.
    """
    entries = content.get("alarms") if isinstance(content, Mapping) else None
    if not isinstance(entries, list) or not entries:
        raise InputError(error_message("error-alarms-no-list", file=origin, bundled=BUNDLED))
    specs = [_spec(entry, number, origin) for number, entry in enumerate(entries, 1)]
    labels: dict[str, str] = {}
    for spec in specs:
        name = _standard_name(spec)
        if name is not None:
            # Of two equal alarms, the first is the standard one; the other keeps its own name.
            labels.setdefault(name, spec.name)
    names = {label: name for name, label in labels.items()}
    return tuple(_renamed(spec, names) for spec in specs)


def _standard_name(spec: AlarmSpec) -> str | None:
    """Return the name of the standard alarm that an alarm is; None for any other."""
    return next((one.name for one in STANDARD if replace(spec, name=one.name) == one), None)


def _renamed(spec: AlarmSpec, names: Mapping[str, str]) -> AlarmSpec:
    """Return an alarm under its standard name, if it has one, and with such names in a composite rule."""
    if spec.composite:
        held = not names.keys().isdisjoint(parse_rule(spec.composite).names)
        return replace(spec, composite=with_names(spec.composite, names)) if held else spec
    name = names.get(spec.name, spec.name)
    return spec if name == spec.name else replace(spec, name=name, label=spec.name)


def _spec(entry: Any, number: int, origin: str) -> AlarmSpec:
    where = f"alarm {number} of {origin}"
    if not isinstance(entry, Mapping) or not entry.get("name"):
        raise InputError(error_message("error-alarms-no-name", place=where))
    unknown = sorted(set(entry) - set(_KEYS), key=str)
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise InputError(
            error_message("error-alarms-unknown-key", place=where, key=repr(unknown[0]), known=known)
        )
    _check_kinds(entry, where)
    if entry.get("composite"):
        try:
            text = parse_rule(str(entry["composite"])).text
        except InputError as error:
            raise InputError(error_message("error-alarms-in-place", place=where, problem=error)) from error
        return AlarmSpec(entry["name"], entry.get("over", "queue"), composite=text)
    is_probing = entry.get("over") == "probes"
    metrics = entry.get("ratio") or ([entry["metric"]] if entry.get("metric") else [])
    if not is_probing and (not metrics or (entry.get("ratio") and len(metrics) != 2)):
        raise InputError(error_message("error-alarms-no-metric", place=where))
    missing = [key for key in ("over", "stat", "period_s") if key not in entry and not is_probing]
    if missing:
        raise InputError(error_message("error-alarms-lacks", place=where, key=", ".join(missing)))
    if not is_probing and ("threshold" in entry) == ("of_timeout" in entry):
        raise InputError(error_message("error-alarms-one-threshold", place=where))
    if not is_probing and not _STAT.fullmatch(entry["stat"]):
        raise InputError(error_message("error-alarms-stat", place=where, stat=repr(entry["stat"])))
    try:
        rule = _rule(entry)
    except InputError as error:
        raise InputError(error_message("error-alarms-in-place", place=where, problem=error)) from error
    share, slower_than_s = (
        float(entry[key]) if key in entry else None for key in ("of_timeout", "slower_than_s")
    )
    return AlarmSpec(
        entry["name"],
        entry["over"],
        ("failed checks",) if is_probing else tuple(metrics),
        entry.get("stat", ""),
        rule,
        share,
        slower_than_s=slower_than_s,
    )


def _check_kinds(entry: Mapping[str, Any], where: str) -> None:
    """Raise an error if a value of an entry is of another kind than its key has."""
    for key in sorted(entry):
        value, kind = entry[key], _KEYS[key]
        said = {"place": where, "value": shortened(ascii(value), _LONGEST_VALUE, "...")}
        if kind == "text" and not isinstance(value, str):
            raise InputError(error_message("error-alarms-text", key=key, **said))
        if kind == "names" and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            raise InputError(error_message("error-alarms-ratio", **said))
        if kind in ("whole", "number") and not _is_number(value, is_whole=kind == "whole"):
            raise InputError(error_message("error-alarms-number", key=key, kind=Choice(kind), **said))


def _is_number(value: Any, *, is_whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if is_whole else int | float):
        return False
    try:
        return isfinite(float(value))
    except OverflowError:
        return False


def _rule(entry: Mapping[str, Any]) -> Rule:
    stated = {key: entry[key] for key in entry.keys() & _RULE_KEYS}
    rule = Rule(
        **{"period_s": 60, "datapoints_to_alarm": entry.get("evaluation_periods", 1)}
        | stated
        | {"threshold": float(entry.get("threshold", 0.0))}
    )
    check_periods(rule)
    check_rule_numbers(rule.evaluation_periods, rule.datapoints_to_alarm, rule.treat_missing_data)
    check_lone_point(rule.lone_point)
    if rule.period_s not in (10, 20, 30) and (rule.period_s < 60 or rule.period_s % 60):
        raise InputError(error_message("error-alarms-period", period=rule.period_s))
    # Metrics of queues and functions have a point a minute, so a shorter period is planned as one of 60 s.
    range_s = rule.evaluation_periods * max(rule.period_s, _SHORTEST_S)
    most_s = _LONGEST_RANGE_S if rule.period_s < _LONG_PERIOD_S else _LONGEST_RANGE_OF_LONG_S
    if range_s > most_s:
        values = {"periods": rule.evaluation_periods, "period": rule.period_s, "range": range_s}
        raise InputError(error_message("error-alarms-range", most=most_s, **values))
    return rule


_RESOURCE_KEYS = ("QueueName", "FunctionName", "InstanceId", "LoadBalancer")


def existing_alarms(tables: Tables) -> tuple[AlarmSpec, ...]:
    """Return the existing alarms in the case.

    An alarm without a static threshold (anomaly detection band, Metrics Insights query), or with a definition
    that can't be read, is returned without metrics, and its back-test has a note on it.
    """
    found = []
    alarms = tables.table("alarms").dropna(subset="definition")
    for name, text in zip(alarms["alarm"], alarms["definition"], strict=True):
        try:
            found.append(_existing(json.loads(text)))
        except (InputError, ValueError, TypeError, AttributeError, KeyError, ArithmeticError, RecursionError):
            # The back-test says that it can't be evaluated.
            found.append(AlarmSpec(str(name), str(name)))
    return tuple(found)


def _existing(definition: Mapping[str, Any]) -> AlarmSpec:
    if definition.get("AlarmRule"):
        name = str(definition.get("AlarmName"))
        return AlarmSpec(name, name, composite=parse_rule(str(definition["AlarmRule"])).text)
    return _metric_alarm(definition)


def _existing_treatment(definition: Mapping[str, Any], stats: Sequence[Any]) -> str:
    """Return how an existing alarm treats missing data.

    Alarms on metrics of DynamoDB always ignore it, whatever they state (Amazon CloudWatch User Guide,
    "Configuring how CloudWatch alarms treat missing data").
    """
    namespaces = {definition.get("Namespace")}
    namespaces |= {(stat.get("Metric") or {}).get("Namespace") for stat in stats}
    if "AWS/DynamoDB" in namespaces:
        return "ignore"
    return str(definition.get("TreatMissingData") or "missing")


def _metric_alarm(definition: Mapping[str, Any]) -> AlarmSpec:
    name = str(definition.get("AlarmName"))
    queries = [query for query in definition.get("Metrics") or [] if isinstance(query, Mapping)]
    stats = [query["MetricStat"] for query in queries if query.get("MetricStat")]
    period_s = definition.get("Period") or next((stat.get("Period") for stat in stats), None) or 60
    n = int(definition.get("EvaluationPeriods") or 1)
    rule = Rule(
        period_s=int(period_s),
        threshold=float(definition.get("Threshold") or 0.0),
        evaluation_periods=n,
        datapoints_to_alarm=int(definition.get("DatapointsToAlarm") or n),
        comparison=str(definition.get("ComparisonOperator")),
        treat_missing_data=_existing_treatment(definition, stats),
        low_samples=str(definition.get("EvaluateLowSampleCountPercentile") or "evaluate"),
    )
    if definition.get("MetricName"):
        stat = str(definition.get("Statistic") or definition.get("ExtendedStatistic"))
        over = _resource(definition.get("Dimensions")) or name
        return AlarmSpec(name, over, (str(definition["MetricName"]),), stat, rule)
    inputs = tuple(
        MathInput(
            str(query.get("Id")),
            _resource(query["MetricStat"].get("Metric", {}).get("Dimensions")) or "",
            str(query["MetricStat"].get("Metric", {}).get("MetricName")),
            str(query["MetricStat"].get("Stat")),
        )
        for query in queries
        if query.get("MetricStat")
    )
    returned = next((query for query in queries if query.get("ReturnData", True)), {})
    expression = _inlined(str(returned.get("Expression") or returned.get("Id") or ""), queries)
    over = next((item.resource for item in inputs if item.resource), name)
    return AlarmSpec(name, over, rule=rule, expression=expression, inputs=inputs)


def _inlined(expression: str, queries: list[Mapping[str, Any]]) -> str:
    """Return an expression with ids of other expressions replaced, up to a limit, by those expressions."""
    limits = load_config().limits
    inner = {str(query.get("Id")): str(query["Expression"]) for query in queries if query.get("Expression")}
    for _ in range(min(len(inner), limits.nesting)):
        # Expressions that refer to each other twice double in length each time.
        if len(expression) > limits.expression_chars:
            break
        expression = re.sub(
            r"[A-Za-z_]\w*", lambda word: f"({inner[word[0]]})" if word[0] in inner else word[0], expression
        )
    return expression


def _resource(dimensions: Any) -> str | None:
    named = {str(item.get("Name")): str(item.get("Value")) for item in dimensions or []}
    return next((named[key] for key in _RESOURCE_KEYS if key in named), None)


BUNDLED = "default.yaml"


def read_specs(path: Path | str = "") -> tuple[AlarmSpec, ...]:
    """Return the alarms of a YAML file; without ``path``, of that of ``watchme.toml`` or of the package.

    A file that can't be read, is not YAML, or has an invalid alarm is an InputError or FormatError.
    """
    from importlib.resources import files

    import yaml

    path = path or load_config().alarms or ""
    place = Path(path) if path else files("watchme_analysis") / "alarms" / BUNDLED
    try:
        return parse_specs(read_yaml(place.read_text(encoding="utf-8")), str(path or BUNDLED))
    except OSError as error:
        raise InputError(error_message("error-alarms-unreadable", path=path, reason=error)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FormatError(error_message("error-alarms-not-yaml", path=path, reason=error)) from error

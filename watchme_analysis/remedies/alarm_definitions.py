"""Alarms as CloudWatch defines them: the parameters of PutMetricAlarm and PutCompositeAlarm.

Both calls replace a whole alarm: actions that a call leaves out are gone [1]_. :func:`updated` keeps them.

.. [1] https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from functools import cache
from typing import Any

import jmespath

from watchme_analysis.alarms.chains import Chain, cannot_fire
from watchme_analysis.alarms.composite import parse_rule, with_names
from watchme_analysis.alarms.evidence import Evidence, is_better_together
from watchme_analysis.alarms.specification import KINDS, AlarmSpec
from watchme_analysis.text.message import Code, Message, Names, Resource, message
from watchme_analysis.text.render import render

# Metric that `watchme probe --publish` writes: 1 for a failed check, 0 for a good one.
HEALTH_NAMESPACE = "Watchme"
HEALTH_METRIC = "HealthCheckFailed"
HEALTH_DIMENSION = "Url"
HEALTH_PERIOD_S = 60
# Metrics of queues and functions have a point a minute.
_LEAST_PERIOD_S = 60
_SQS = ("AWS/SQS", "QueueName")
_METRICS_OF = {"queue": _SQS, "dlq": _SQS, "function": ("AWS/Lambda", "FunctionName")}
# Separates the words of people from the evidence in a description.
MARK = "[watchme]"
_MOST_DESCRIPTION = 1024
# What an alarm does in each of its states.
ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
_PLAIN = (
    "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Unit", "Period", "EvaluationPeriods",
    "DatapointsToAlarm", "Threshold", "ThresholdMetricId", "ComparisonOperator", "TreatMissingData",
    "EvaluateLowSampleCountPercentile", "ActionsEnabled", "AlarmDescription", "AlarmRule",
    "ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod",
)  # fmt: skip
_EMPTY = "`[]`"
# JMESPath expression that yields everything that a definition states, in one order, for an alarm of
# DescribeAlarms and for the parameters of the call alike.
_DIMENSIONS = f"sort_by({{}} || {_EMPTY}, &Name)"
DEFINED = (
    "{"
    + ", ".join(
        [f"{name}: {name}" for name in _PLAIN]
        + [f"{name}: sort({name} || {_EMPTY})" for name in ACTIONS]
        + [f"Dimensions: {_DIMENSIONS.format('Dimensions')}"]
    )
    + f", Metrics: sort_by(Metrics || {_EMPTY}, &Id)[].{{Id: Id, Expression: Expression, Period: Period, "
    "ReturnData: ReturnData, Stat: MetricStat.Stat, StatPeriod: MetricStat.Period, Unit: MetricStat.Unit, "
    "Namespace: MetricStat.Metric.Namespace, MetricName: MetricStat.Metric.MetricName, "
    f"Dimensions: {_DIMENSIONS.format('MetricStat.Metric.Dimensions')}}}}}"
)


@dataclass(frozen=True)
class Definition:
    """An alarm that is wanted: its requirement, what it watches, and the parameters of the call.

    ``resource`` is the queue, function, DLQ, URL or, for a composite alarm, the queue; ``evidence`` its
    back-test.
    """

    spec: AlarmSpec
    resource: str
    parameters: Mapping[str, Any]
    evidence: Evidence | None = None

    @property
    def name(self) -> str:
        """Name of the alarm."""
        return str(self.parameters["AlarmName"])

    @property
    def is_composite(self) -> bool:
        """Whether it is an alarm over the states of others."""
        return "AlarmRule" in self.parameters


@dataclass(frozen=True)
class Wanted:
    """The alarms of a specification, one per alarm and resource, composite alarms last.

    ``cannot_fire`` is the arithmetic of each alarm that can't fire for a failure; ``notes`` state which
    alarms and resources are left out, and why.
    """

    definitions: tuple[Definition, ...]
    cannot_fire: tuple[Message, ...] = ()
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True)
class AlarmRequest:
    """What alarms are defined from: requirements, and the queues, functions and DLQs that they watch.

    ``topic`` is the name or ARN of the SNS topic that alarms notify, ``evidence`` the back-test by name of
    the specification and resource. `watchme probe --publish` writes the checks of ``health_urls``. Language
    and zone are those of the descriptions.
    """

    specs: Sequence[AlarmSpec]
    chains: Sequence[Chain] = ()
    topic: str = ""
    evidence: Mapping[tuple[str, str], Evidence] = field(default_factory=dict)
    health_urls: Sequence[str] = ()
    language: str = "en"
    zone: tzinfo = UTC


def wanted_alarms(request: AlarmRequest) -> Wanted:
    """Return an alarm for every queue, function, DLQ and checked URL that a requirement is about.

    A composite alarm is used only where the back-test shows that it is better. It then notifies in the place
    of its members.
    """
    found: dict[str, Definition] = {}
    never: list[Message] = []
    notes: dict[Message, None] = {}
    for spec in request.specs:
        never += () if spec.over == "probes" else cannot_fire(spec, request.chains)
        for each in _alarms_of(spec, request):
            if isinstance(each, Message):
                notes[each] = None
            else:
                found.setdefault(each.name, each)
    for spec in (each for each in request.specs if each.composite):
        not_better = []
        for chain in request.chains:
            made = _composite(spec, chain, found, request)
            if made == {} and chain.queue is not None:
                not_better.append(chain.queue)
            found |= made or {}
        if not_better:
            queues = Names(tuple(not_better))
            notes[message("alarm-composite-not-better", alarm=Resource(spec.name), queues=queues)] = None
    ordered = sorted(found.values(), key=lambda each: each.is_composite)
    return Wanted(tuple(ordered), tuple(never), tuple(notes))


def _alarms_of(spec: AlarmSpec, request: AlarmRequest) -> Iterator[Definition | Message]:
    """Yield the alarms of a requirement, one per resource, and notes on those that are left out."""
    name = Resource(spec.name)
    if spec.over == "probes":
        yield from (_health_alarm(spec, url, request) for url in request.health_urls)
        if not request.health_urls:
            yield message("alarm-without-url", alarm=name)
        return
    if spec.composite or not spec.metrics:
        return
    watched = [(chain, chain.resource(spec.over)) for chain in request.chains]
    for chain, resource in watched:
        if resource is None:
            if spec.over == "dlq" and chain.queue is not None:
                yield message("alarm-without-dlq", queue=Resource(chain.queue))
        elif spec.of_timeout is not None and chain.settings.function_timeout_s is None:
            yield message("alarm-without-timeout", alarm=name, function=Resource(resource))
        else:
            yield _metric_alarm(spec, chain, resource, request)
    if spec.over not in KINDS and all(resource is None for _, resource in watched):
        yield message("alarm-without-resource", alarm=name, resource=Resource(spec.over))


def _composite(
    spec: AlarmSpec, chain: Chain, found: Mapping[str, Definition], request: AlarmRequest
) -> dict[str, Definition] | None:
    """Return a composite alarm with its silenced members, by name.

    It is empty where the composite alarm is not better than they are, and None where a member is missing.
    """
    names = parse_rule(spec.composite).names
    watched = {chain.queue, chain.function, chain.dlq}
    members = {
        each.spec.name: each
        for each in found.values()
        if each.spec.name in names and each.resource in watched
    }
    if len(members) < len(names) or chain.queue is None:
        return None
    evidence = _evidence(spec, chain.queue, request)
    periods = [(each.evidence, float(each.spec.rule.period_s)) for each in members.values()]
    if not is_better_together(evidence, periods):
        return {}
    parameters = {
        "AlarmName": alarm_name(chain.queue, spec),
        "AlarmDescription": _description(spec, chain.queue, request),
        "ActionsEnabled": True,
        "AlarmActions": [request.topic],
        "AlarmRule": with_names(spec.composite, {name: each.name for name, each in members.items()}),
    }
    silent = [replace(each, parameters={**each.parameters, "AlarmActions": []}) for each in members.values()]
    return {each.name: each for each in (*silent, Definition(spec, chain.queue, parameters, evidence))}


def alarm_name(resource: str, spec: AlarmSpec) -> str:
    """Return the name of the alarm of a requirement on a resource."""
    return f"{resource}-{spec.label or spec.name}"


def _metric_alarm(spec: AlarmSpec, chain: Chain, resource: str, request: AlarmRequest) -> Definition:
    namespace, dimension = _METRICS_OF[chain.kind_of(resource)]
    rule = spec.rule
    threshold = rule.threshold
    if spec.of_timeout is not None and chain.settings.function_timeout_s is not None:
        threshold = round(spec.of_timeout * chain.settings.function_timeout_s * 1000.0, 6)
    period_s = max(rule.period_s, _LEAST_PERIOD_S)
    common = _common(spec, resource, request) | {"Threshold": threshold}
    dimensions = [{"Name": dimension, "Value": resource}]
    if len(spec.metrics) == 1:
        parameters = common | {
            "Namespace": namespace,
            "MetricName": spec.metrics[0],
            "Dimensions": dimensions,
            "Period": period_s,
            **_statistic(spec),
        }
        return Definition(spec, resource, parameters, _evidence(spec, resource, request))
    # The same names and the same expression as in the back-test.
    metrics: list[dict[str, Any]] = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions},
                "Period": period_s,
                "Stat": spec.stat,
            },
            "ReturnData": False,
        }
        for name, metric in zip(("above", "below"), spec.metrics, strict=True)
    ]
    metrics.append({"Id": "share", "Expression": "100 * above / below", "ReturnData": True})
    return Definition(spec, resource, common | {"Metrics": metrics}, _evidence(spec, resource, request))


def _health_alarm(spec: AlarmSpec, url: str, request: AlarmRequest) -> Definition:
    parameters = _common(spec, url, request) | {
        "AlarmName": f"{spec.name} {url}"[:255],
        "Namespace": HEALTH_NAMESPACE,
        "MetricName": HEALTH_METRIC,
        "Dimensions": [{"Name": HEALTH_DIMENSION, "Value": url}],
        "Period": HEALTH_PERIOD_S,
        "Statistic": "Minimum",
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0.0,
        # Without checks, nobody knows whether the service is healthy.
        "TreatMissingData": "breaching",
    }
    tested = (
        each
        for (name, at), each in request.evidence.items()
        if name == spec.name and url.endswith(at.split()[0])
    )
    return Definition(spec, url, parameters, next(tested, None))


def _common(spec: AlarmSpec, resource: str, request: AlarmRequest) -> dict[str, Any]:
    rule = spec.rule
    return {
        "AlarmName": alarm_name(resource, spec),
        "AlarmDescription": _description(spec, resource, request),
        "ActionsEnabled": True,
        "AlarmActions": [request.topic],
        "EvaluationPeriods": rule.evaluation_periods,
        "DatapointsToAlarm": rule.datapoints_to_alarm,
        "ComparisonOperator": rule.comparison,
        "TreatMissingData": rule.treat_missing_data,
    }


def _statistic(spec: AlarmSpec) -> dict[str, str]:
    if not spec.stat.startswith(("p", "tm")):
        return {"Statistic": spec.stat}
    return {"ExtendedStatistic": spec.stat, "EvaluateLowSampleCountPercentile": spec.rule.low_samples}


def _evidence(spec: AlarmSpec, resource: str, request: AlarmRequest) -> Evidence | None:
    return request.evidence.get((spec.name, resource))


def _description(spec: AlarmSpec, resource: str, request: AlarmRequest) -> str:
    said = message("alarm-description", rule=Code(spec.in_words), resource=Resource(resource))
    words = render(said, request.language).replace("`", "")
    evidence = _evidence(spec, resource, request)
    if evidence is None:
        return words[:_MOST_DESCRIPTION]
    return f"{words} {MARK} {render(evidence.sentence, request.language, request.zone)}"[:_MOST_DESCRIPTION]


def defined(alarm: Mapping[str, Any] | None) -> Any:
    """Return everything that the definition of an alarm states, in one order; None without an alarm."""
    return None if alarm is None else jmespath.search(DEFINED, dict(alarm))


def differs(existing: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Return whether an alarm differs from its wanted definition, the description left out."""
    one, other = defined(existing), defined(parameters)
    return bool({**one, "AlarmDescription": None} != {**other, "AlarmDescription": None})


def is_same_watch(existing: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Return whether two alarms have the same rule on the same metric, whatever they are called or do."""
    ignored = dict.fromkeys((*ACTIONS, "AlarmDescription", "ActionsEnabled"))
    return bool({**defined(existing), **ignored} == {**defined(parameters), **ignored})


def is_other_watch(existing: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Return whether two alarms watch different metrics, so that neither may replace the other."""
    subjects = ("MetricName", "Namespace", "Dimensions", "ThresholdMetricId")
    one, other = defined(existing), defined(parameters)
    metrics = ("Namespace", "MetricName", "Dimensions")
    return bool(
        any(one[name] != other[name] for name in subjects)
        or [[each[name] for name in metrics] for each in one["Metrics"]]
        != [[each[name] for name in metrics] for each in other["Metrics"]]
        or ("AlarmRule" in existing) != ("AlarmRule" in parameters)
    )


def updated(existing: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters that turn an alarm into the wanted one and keep everything else that it has.

    Actions of both are combined, its actions stay disabled if they are, and the words of people in its
    description stay.
    """
    kept = parameters_of(existing)
    merged = {**kept, **parameters, "ActionsEnabled": kept.get("ActionsEnabled", True)}
    for name in ACTIONS:
        both = [*kept.get(name, ()), *parameters.get(name, ())]
        if both:
            merged[name] = list(dict.fromkeys(both))
    merged["AlarmDescription"] = with_evidence(
        str(kept.get("AlarmDescription", "")), str(parameters["AlarmDescription"])
    )
    return merged


def with_evidence(own: str, generated: str) -> str:
    """Return a description with its own words and the evidence of a generated one."""
    words, _, evidence = generated.partition(MARK)
    own = own.partition(MARK)[0].strip() or words.strip()
    if not evidence:
        return own
    return f"{own} {MARK}{evidence}"[:_MOST_DESCRIPTION]


def parameters_of(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of the call that would create an alarm of DescribeAlarms as it is."""
    call = "PutCompositeAlarm" if "AlarmRule" in alarm else "PutMetricAlarm"
    return {
        name: alarm[name]
        for name in _inputs(call)
        if name != "Tags" and alarm.get(name) not in (None, [], "")
    }


@cache
def _inputs(operation: str) -> tuple[str, ...]:
    """Return the names of the parameters of an operation of CloudWatch; no session is needed."""
    from watchme_analysis.cloudwatch.service_models import model_loader

    model = model_loader().load_service_model("cloudwatch", "service-2")
    shape = model["operations"][operation]["input"]["shape"]
    return tuple(model["shapes"][shape]["members"])

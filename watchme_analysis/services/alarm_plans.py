"""Alarms for everything that discovery finds: planned with the evidence of a case, exported, and tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from watchme_analysis.alarms.chains import Chain
from watchme_analysis.alarms.evidence import Evidence, evidence_of
from watchme_analysis.alarms.specification import AlarmSpec, read_specs
from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.sqs import queue_row
from watchme_analysis.case.opening import open_case
from watchme_analysis.cloudwatch.account_state import describe_alarms, discover_scope
from watchme_analysis.errors import InputError
from watchme_analysis.queues.dlq_stock import dead_lettered_by
from watchme_analysis.queues.pipeline import RecordedSettings
from watchme_analysis.remedies.alarm_definitions import Request, Wanted, wanted_alarms
from watchme_analysis.remedies.alarms import Place, alarm_plan, read_topic, topic_arn, verify_plan
from watchme_analysis.services.backtest import CaseBacktest
from watchme_analysis.services.diagnose import answer, investigate, questions_for
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.account_state import Scope
    from watchme_analysis.cloudwatch.session import Aws
    from watchme_analysis.remedies.plan import Plan


@dataclass(frozen=True)
class AlarmRequest:
    """What alarms are planned from.

    Attributes
    ----------
    case
        Case for the back-test; None without one.
    queues, functions
        Names to start the discovery from, beside those of the case.
    spec
        YAML file of the requirements; empty for that of ``watchme.toml`` or of the package.
    topic
        Name or ARN of the SNS topic.
    emails
        Addresses to subscribe.
    health_urls
        URLs whose checks `watchme probe --publish` writes.
    language, zone
        Language of the descriptions, and zone of their times.
    everything
        Whether the discovery starts from every queue of the account and region.
    """

    case: Path | None = None
    queues: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    spec: str = ""
    topic: str = ""
    emails: tuple[str, ...] = ()
    health_urls: tuple[str, ...] = ()
    language: str = "en"
    zone: tzinfo = UTC
    everything: bool = False


@dataclass(frozen=True)
class _Tested:
    """What a case contributes: its chains and the back-test on them."""

    chains: tuple[Chain, ...] = ()
    evidence: Mapping[tuple[str, str], Evidence] = field(default_factory=dict)


def plan_alarms(aws: Aws, request: AlarmRequest) -> Plan:
    """Return the plan of the alarms that the account lacks or that differ.

    Raises
    ------
    InputError
        When nothing is named, a requirement is invalid, a queue of the case does not exist in the account,
        CloudWatch can't publish to the topic, or an alarm of the same name watches something else.
    ServiceError
        When AWS can't be called.
    """
    if not request.topic:
        raise InputError(error_message("error-topic-needed"))
    specs = read_specs(request.spec)
    tested = _tested(request, specs)
    queues = {*request.queues, *(each.queue for each in tested.chains if each.queue)}
    if request.everything:
        urls = aws.items("sqs", "list_queues", "QueueUrls", MaxResults=1000)
        queues |= {resource_name(str(url)) for url in urls}
    functions = {*request.functions, *(each.function for each in tested.chains if each.function)}
    if not queues and not functions and not request.health_urls:
        raise InputError(error_message("error-alarms-nothing-named"))
    chains = live_chains(aws, discover_scope(aws, sorted(queues), sorted(functions)))
    account, region = aws.account(), aws.region
    arn = topic_arn(request.topic, account, region, aws.client("sns").meta.partition)
    topic = read_topic(aws, arn, request.emails)
    wanted = _wanted(request, specs, chains, arn, tested.evidence)
    return alarm_plan(wanted, describe_alarms(aws), topic, Place(account, region, datetime.now(UTC)))


def export_alarms(request: AlarmRequest) -> Wanted:
    """Return the alarms of a case for export; AWS is not called.

    Raises
    ------
    InputError
        When the case has no queue, or a requirement is invalid.
    """
    specs = read_specs(request.spec)
    tested = _tested(request, specs)
    if not tested.chains and not request.health_urls:
        raise InputError(error_message("error-alarms-nothing-to-watch", case=request.case))
    return _wanted(request, specs, tested.chains, request.topic, tested.evidence)


def plan_verification(aws: Aws, names: Sequence[str], *, each_alarm: bool = False) -> Plan:
    """Return the plan that tests the notification of alarms, once for each topic.

    Raises
    ------
    InputError
        When an alarm does not exist, or none can be tested.
    """
    found = describe_alarms(aws)
    by_name = {str(each["AlarmName"]): each for each in [*found["MetricAlarms"], *found["CompositeAlarms"]]}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise InputError(error_message("error-alarm-missing", alarm=missing[0], target=aws.target_name))
    place = Place(aws.account(), aws.region, datetime.now(UTC))
    alarms = [by_name[name] for name in dict.fromkeys(names)]
    return verify_plan(alarms, place, tuple(by_name.values()), each_alarm=each_alarm)


def _wanted(
    request: AlarmRequest,
    specs: Sequence[AlarmSpec],
    chains: Sequence[Chain],
    arn: str,
    evidence: Mapping[tuple[str, str], Evidence],
) -> Wanted:
    return wanted_alarms(
        Request(specs, chains, arn, evidence, request.health_urls, request.language, request.zone)
    )


def _tested(request: AlarmRequest, specs: tuple[AlarmSpec, ...]) -> _Tested:
    if request.case is None:
        return _Tested()
    case = open_case(request.case)
    question = "backlog" if "backlog" in questions_for(case) else "health"
    opened = investigate(question, case)
    found = answer(opened)
    tests = CaseBacktest(opened, found, specs)
    dead = int(found.extra.get("dead_letters_of_incident") or 0)
    evidence = evidence_of(
        tests.frame(tests.proposed_results),
        tests.start,
        tests.span_s,
        {name for each in tests.affected for name in (each.queue, each.function, each.dlq) if name},
        dead,
        lambda moment: dead_lettered_by(tests.affected, moment),
    )
    return _Tested(tuple(map(Chain.of, tests.pipelines)), evidence)


def live_chains(aws: Aws, scope: Scope) -> tuple[Chain, ...]:
    """Return the queues, functions and DLQs that discovery found, with the settings that alarms depend on."""
    timeouts = {
        name: float(aws.call("lambda", "get_function_configuration", FunctionName=name)["Timeout"])
        for name in scope.functions
    }
    chains = []
    drained: set[str] = set()
    for name, attributes in scope.queues.items():
        row = queue_row("", attributes)
        functions: list[str | None] = [
            function
            for function, mappings in scope.mappings.items()
            if any(resource_name(str(each.get("EventSourceArn"))) == name for each in mappings)
        ]
        drained |= {function for function in functions if function}
        if name in scope.dead_letter and not functions and not row["dlq"]:
            continue
        for function in functions or [None]:
            settings = RecordedSettings(
                visibility_timeout_s=row["visibility_timeout_s"],
                max_receive_count=row["max_receive_count"],
                function_timeout_s=timeouts.get(function) if function else None,
            )
            chains.append(Chain(name, function, row["dlq"], settings))
    chains += [
        Chain(None, function, None, RecordedSettings(function_timeout_s=timeouts[function]))
        for function in scope.functions
        if function not in drained
    ]
    return tuple(chains)

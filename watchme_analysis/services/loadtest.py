"""Load tests: planned from a case for a declared test system, applied, and recorded in the case."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.case.actions import actions_in, record_actions
from watchme_analysis.case.case_folder import Case
from watchme_analysis.case.opening import open_case
from watchme_analysis.config import FILE, Config, System, load_config
from watchme_analysis.errors import InputError
from watchme_analysis.queues.pipeline import Pipeline, pipelines
from watchme_analysis.remedies.apply import read_value
from watchme_analysis.remedies.harm_watch import Kind, limits_from_the_hour_before
from watchme_analysis.remedies.load_plan import LoadItem, LoadLimits, LoadPlan, LoadTarget
from watchme_analysis.remedies.loadtest import REMEDY, LoadResult, run_load_test
from watchme_analysis.remedies.plan import Call, Condition
from watchme_analysis.remedies.queue_reader import queue_attributes, queue_url
from watchme_analysis.simulation.fit import fit, recorded
from watchme_analysis.simulation.replay import (
    Replay,
    busiest_part,
    endpoint_settings,
    healthy,
    predicted_figures,
    predicted_runs,
)
from watchme_analysis.simulation.scenarios import Load, arrivals_of
from watchme_analysis.simulation.settings import Settings
from watchme_analysis.storage.journal import read_journal
from watchme_analysis.text.message import Code, Count, Duration, Message, Names, Number, Resource, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.cloudwatch.session import Aws

# Methods whose requests have a body.
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_FIFO = ".fifo"
_URLS = ("http://", "https://")
# Quantiles of the standard normal distribution between which half of it lies are this far apart.
_QUARTILES_APART = 1.349
_SERVER_ERROR = 500


@dataclass(frozen=True)
class LoadRequest:
    """What a load test is to be.

    Attributes
    ----------
    system
        Name of the test system; None for the only one that is declared as such.
    queue, endpoint
        Queue of the case, or path of its access log, whose arrivals are replayed. With ``endpoint``, requests
        are sent to the API of the system, else messages to its queue.
    factor
        Ratio of the replayed to the recorded rate.
    longest_s, most
        Longest time of sending in seconds, and largest number of messages.
    template
        Body of each message with placeholders; None sends the bodies of the case's messages.
    watch
        Further queues by name, and URLs of health endpoints, to watch.
    slots
        Number of calls that the API processes at once; None for no limit.
    limits
        Patience and bounds.
    replications
        Number of simulated runs.
    """

    system: str | None = None
    queue: str | None = None
    endpoint: str | None = None
    factor: float = 1.0
    longest_s: float = 600.0
    most: int = 1000
    template: str | None = None
    watch: tuple[str, ...] = ()
    slots: int | None = None
    limits: LoadLimits = field(default_factory=LoadLimits)
    replications: int = 20


def plan_load_test(
    case: Path, wanted: LoadRequest, *, profile: str | None = None, region: str | None = None
) -> LoadPlan:
    """Return the plan of a load test; nothing is sent.

    Parameters
    ----------
    case
        Case whose arrivals are replayed.
    wanted
        What the test is to be.
    profile, region
        Account and region of the test system and of what is watched.

    Raises
    ------
    InputError
        When the system is not declared as a test system, nothing would be watched, or the case lacks
        arrivals, durations or bodies.
    ServiceError
        When AWS can't be read.
    """
    config = load_config()
    system = check_test_system(config, wanted.system)
    opened = open_case(case)
    others = [each for each in config.systems.values() if not each.is_test]
    watches_aws = any((each.queues or each.dlqs or each.functions) for each in others)
    watches_aws = watches_aws or not all(name.startswith(_URLS) for name in wanted.watch)
    if not watches_aws and not wanted.watch and not any(each.health_url for each in others):
        raise InputError(error_message("error-loadtest-nothing-watched", system=system.name, file=FILE))
    aws = _session(profile, region) if wanted.endpoint is None or watches_aws else None
    mark = f"loadtest-{uuid.uuid4().hex[:8]}"
    planner = _endpoint_parts if wanted.endpoint is not None else _queue_parts
    parts = planner(opened, system, wanted, mark, aws)
    watched = limits_from_the_hour_before(aws, watched_kinds(config, wanted.watch, parts.target, aws))
    sent_s = parts.replay.sent_s
    plan = LoadPlan(
        id=mark,
        case=opened.name,
        source=parts.source,
        made=datetime.now(UTC),
        account="" if aws is None else aws.account(),
        region="" if aws is None else aws.region,
        target=parts.target,
        factor=float(wanted.factor),
        recorded_start=parts.origin + timedelta(seconds=parts.replay.start_s),
        recorded_s=parts.replay.recorded_s,
        items=parts.items,
        limits=wanted.limits,
        watched=watched,
        relies_on=parts.relies_on,
        model=parts.model,
        predicted={},
        replications=wanted.replications,
        notes=parts.notes,
    )
    runs = predicted_runs(parts.model, sent_s, plan.groups, wanted.replications)
    return replace(plan, predicted=predicted_figures(sent_s, runs))


def apply_load_test(  # noqa: PLR0913  what is applied, where, and where it is recorded
    plan: LoadPlan,
    journal: Path,
    *,
    case: Path | None = None,
    headers: Mapping[str, str] = {},
    profile: str | None = None,
    region: str | None = None,
    report: Callable[[Message], None] = lambda _: None,
) -> LoadResult:
    """Run a planned load test, and record it in the table ``actions`` of a case, also when it stops.

    Parameters
    ----------
    plan, journal, headers, report
        As for :func:`watchme_analysis.remedies.loadtest.run_load_test`.
    case
        Case folder to record in.
    profile, region
        Account and region; the region is that of the plan by default.

    Raises
    ------
    InputError
        When the target is not declared as a test system any more, or as :func:`run_load_test`.
    ServiceError
        When AWS can't be read before anything was sent.
    """
    config = load_config()
    system = check_test_system(config, plan.target.system)
    stated = map(resource_name, system.queues) if plan.target.kind == "queue" else (system.api,)
    if (plan.target.name if plan.target.kind == "queue" else plan.target.url) not in stated:
        raise InputError(
            error_message(
                "error-loadtest-target-gone", target=plan.target.name, system=system.name, file=FILE
            )
        )
    if case is not None and open_case(case).path.resolve() != case.resolve():
        raise InputError(error_message("error-case-is-raw", folder=case))
    aws = _session(profile, region or plan.region) if plan.region else None
    try:
        return run_load_test(
            plan,
            journal,
            aws,
            headers=headers,
            work_items=config.work_items,
            words=config.log_words,
            report=report,
        )
    finally:
        if case is not None:
            record_actions(case, actions_in(read_journal(journal), REMEDY))


def check_test_system(config: Config, name: str | None) -> System:
    """Return a system that is declared as a test system.

    Raises
    ------
    InputError
        When there is none, it is not declared, or another system without the declaration has the same queue
        or API.
    """
    declared = [system for system in config.systems.values() if system.is_test]
    if name is None and len(declared) != 1:
        if not declared:
            raise InputError(error_message("error-loadtest-no-system", file=FILE))
        known = ", ".join(system.name for system in declared)
        raise InputError(error_message("error-loadtest-several-systems", file=FILE, known=known))
    system = declared[0] if name is None else config.chosen_system(name)
    if system is None or not system.is_test:
        raise InputError(error_message("error-loadtest-not-test", system=name, file=FILE))
    for other in config.systems.values():
        shared = ({*map(resource_name, other.queues), other.api} - {None}) & {
            *map(resource_name, system.queues),
            system.api,
        }
        if not other.is_test and shared:
            names = {"shared": min(map(str, shared)), "system": system.name, "other": other.name}
            raise InputError(error_message("error-loadtest-shared", file=FILE, **names))
    return system


@dataclass(frozen=True)
class _Parts:
    """What differs between a queue and an endpoint; ``origin`` is the time of second 0 of the record."""

    target: LoadTarget
    source: str
    origin: datetime
    replay: Replay
    items: tuple[LoadItem, ...]
    model: Settings
    notes: tuple[Message, ...]
    relies_on: tuple[Condition, ...] = ()


def _queue_parts(case: Case, system: System, wanted: LoadRequest, mark: str, aws: Aws | None) -> _Parts:
    if aws is None:
        raise AssertionError  # pragma: no cover - a queue is never planned without AWS
    if len(system.queues) != 1:
        count = Count(len(system.queues))
        raise InputError(
            error_message("error-loadtest-one-queue", system=system.name, count=count, file=FILE)
        )
    pipeline = _pipeline(case, wanted.queue)
    measured = fit(pipeline, recorded(pipeline, case))
    arrivals = arrivals_of(Load(measured.load.counts, measured.load.interval_s), 0)
    replay = _replay(arrivals.sent_s, wanted, pipeline.queue)
    target, relies_on, model = _live_queue(aws, system, measured.settings, wanted.slots)
    bodies = _bodies(case, [pipeline.queue, pipeline.dlq], wanted.template, len(replay.sent_s), mark)
    is_fifo = target.url.endswith(_FIFO)
    items = tuple(
        LoadItem(at_s, body, (group or mark) if is_fifo else None)
        for at_s, (body, group) in zip(replay.sent_s, bodies, strict=True)
    )
    notes = [
        message("loadtest-note-healthy", queue=Resource(pipeline.queue)),
        message("loadtest-note-live", visibility=Duration(model.queue.visibility_timeout_s),
                timeout=Duration(model.function_timeout_s)),
    ]  # fmt: skip
    if wanted.slots is None:
        notes.append(message("loadtest-note-slots", option=Code("--api-slots")))
    origin = pipeline.frame.index[0].to_pydatetime()
    return _Parts(target, pipeline.queue, origin, replay, items, model, tuple(notes), relies_on)


def _pipeline(case: Case, queue: str | None) -> Pipeline:
    known = {pipeline.queue: pipeline for pipeline in pipelines(case)}
    if queue is None and len(known) == 1:
        return next(iter(known.values()))
    if queue in known:
        return known[queue]
    names = Names(tuple(known), limit=100)
    if queue is None:
        raise InputError(error_message("error-loadtest-give-queue", known=names))
    raise InputError(error_message("error-case-no-queue", case=case.name, queue=queue, known=names))


def _replay(arrivals_s: Sequence[float], wanted: LoadRequest, source: str) -> Replay:
    replay = busiest_part(arrivals_s, wanted.factor, wanted.longest_s, wanted.most)
    if not replay.sent_s:
        raise InputError(error_message("error-loadtest-no-arrivals", source=source))
    return replay


def _live_queue(
    aws: Aws, system: System, fitted: Settings, slots: int | None
) -> tuple[LoadTarget, tuple[Condition, ...], Settings]:
    """Return the tested queue, the readings that the plan relies on, and the model of the test system.

    The model is the fit without the incident, under the settings of the test system.
    """
    url = queue_url(aws, system.queues[0])
    attributes = queue_attributes(aws, url)
    policy = json_value(attributes.get("RedrivePolicy"))
    policy = policy if isinstance(policy, dict) else {}
    dlq = policy.get("deadLetterTargetArn")
    enabled = [
        one for one in _mappings(aws, attributes) if one.get("State") in ("Enabled", "Enabling", "Updating")
    ]
    if not enabled:
        raise InputError(error_message("error-loadtest-no-mapping", queue=resource_name(url)))
    function = resource_name(str(enabled[0]["FunctionArn"]))
    configuration = aws.call("lambda", "get_function_configuration", FunctionName=function)
    concurrency = aws.call("lambda", "get_function_concurrency", FunctionName=function)
    target = LoadTarget(
        system.name,
        "queue",
        url,
        None if dlq is None else queue_url(aws, resource_name(str(dlq))),
        function,
        "ReportBatchItemFailures" in enabled[0].get("FunctionResponseTypes", []),
        configuration.get("MemorySize"),
    )
    readings = (
        (Call("sqs", "get_queue_attributes", {"QueueUrl": url, "AttributeNames": ["All"]}),
         "Attributes.[VisibilityTimeout, RedrivePolicy]"),
        (Call("lambda", "list_event_source_mappings", {"EventSourceArn": attributes["QueueArn"]}),
         "EventSourceMappings[].[FunctionArn, State, BatchSize, ScalingConfig.MaximumConcurrency]"),
        (Call("lambda", "get_function_configuration", {"FunctionName": function}), "[Timeout, MemorySize]"),
    )  # fmt: skip
    relies_on = []
    for call, select in readings:
        condition = Condition(call, select, None)
        relies_on.append(replace(condition, value=read_value(condition, aws)))
    settings, receives = healthy(fitted), policy.get("maxReceiveCount")
    model = replace(
        settings,
        queue=replace(
            settings.queue,
            visibility_timeout_s=float(attributes.get("VisibilityTimeout", 30)),
            max_receive_count=None if receives is None else int(receives),
            is_fifo=url.endswith(_FIFO),
        ),
        poller=replace(
            settings.poller,
            batch_size=int(enabled[0].get("BatchSize") or 10),
            max_concurrency=(enabled[0].get("ScalingConfig") or {}).get("MaximumConcurrency"),
            reserved_concurrency=concurrency.get("ReservedConcurrentExecutions"),
            partial_batch_responses=target.reports_failures,
        ),
        api=replace(settings.api, slots=slots),
        function_timeout_s=float(configuration.get("Timeout", 3)),
    )
    return target, tuple(relies_on), model


def _endpoint_parts(case: Case, system: System, wanted: LoadRequest, mark: str, aws: Aws | None) -> _Parts:
    del aws  # an endpoint is called without it
    if system.api is None:
        raise InputError(error_message("error-loadtest-no-api", system=system.name, file=FILE))
    path = wanted.endpoint or "/"
    log = case.table("access_log")
    rows = log[(log["path"] == path) & log["time"].notna() & log["method"].notna()].copy()
    if rows.empty:
        known = Names(tuple(log["path"].dropna().value_counts().index[:5]), limit=5)
        said = error_message("error-loadtest-no-requests", case=case.name, path=path, known=known)
        raise InputError(said)
    import pandas as pd

    # The log has the end of a request.
    rows["begun"] = rows["time"] - pd.to_timedelta(rows["request_time_s"].fillna(0.0), unit="s")
    rows = rows.sort_values("begun", kind="stable")
    origin = rows["begun"].iloc[0]
    at_s = [(begun - origin).total_seconds() for begun in rows["begun"]]
    replay = _replay(at_s, wanted, path)
    first = at_s.index(replay.start_s)
    chosen = rows.iloc[first : first + len(replay.sent_s)]
    mean_s, variation = usual_duration(rows)
    methods = [str(method) for method in chosen["method"]]
    needs_body = any(method in _WITH_BODY for method in methods)
    bodies = (
        _bodies(case, None, wanted.template, len(methods), mark)
        if needs_body
        else [("", None)] * len(methods)
    )
    target_path = urlsplit(system.api).path
    items = tuple(
        LoadItem(
            sent_s,
            body if method in _WITH_BODY else "",
            method=method,
            target=_target(target_path, path, query),
        )
        for sent_s, method, query, (body, _) in zip(
            replay.sent_s, methods, chosen["query"], bodies, strict=True
        )
    )
    model = endpoint_settings(mean_s, variation, wanted.slots, wanted.limits.timeout_s)
    notes = [message("loadtest-note-durations", path=Resource(path), variation=Number(variation, 2))]
    if wanted.slots is None:
        notes.append(message("loadtest-note-slots", option=Code("--api-slots")))
    return _Parts(
        LoadTarget(system.name, "endpoint", system.api),
        path,
        origin.to_pydatetime(),
        replay,
        items,
        model,
        tuple(notes),
    )


def _target(of_api: str, recorded_path: str, query: Any) -> str:
    """Return path and query of a request: the path of the API, or the recorded one where the API has none."""
    path = of_api if of_api.strip("/") else recorded_path
    return f"{path}?{query}" if isinstance(query, str) and query else path


def usual_duration(rows: pd.DataFrame) -> tuple[float, float]:
    """Return mean in seconds and variation of a lognormal distribution with the quartiles of good requests.

    Quartiles leave an incident out as long as most requests are outside of it.

    Parameters
    ----------
    rows
        Requests of the table ``access_log``.

    Raises
    ------
    InputError
        When no request with a duration succeeded.
    """
    good = rows[(rows["status"] < _SERVER_ERROR) & (rows["request_time_s"] > 0)]["request_time_s"].astype(
        float
    )
    if good.empty:
        raise InputError(error_message("error-loadtest-no-durations"))
    low, middle, high = (float(good.quantile(share)) for share in (0.25, 0.5, 0.75))
    sigma = math.log(high / low) / _QUARTILES_APART
    return middle * math.exp(sigma**2 / 2), math.sqrt(math.expm1(sigma**2))


def _bodies(
    case: Case, queues: Sequence[str | None] | None, template: str | None, count: int, mark: str
) -> list[tuple[str, str | None]]:
    """Return the body and the group of each message: those of the case in turn, or a filled template."""
    messages = case.table("queue_messages")
    if queues is not None:
        messages = messages[messages["queue"].isin(queues) & messages["body"].notna()]
        own = messages["source_queue"].isna() | messages["source_queue"].isin(queues)
        messages = messages[own]
    messages = messages.sort_values("sent_at", kind="stable")
    if template is None:
        known = messages[messages["body"].notna()]
        if known.empty:
            raise InputError(error_message("error-loadtest-no-bodies", case=case.name))
        groups = known["group_id"].fillna(known["work_item"])
        pairs = [(str(body), _text(group)) for body, group in zip(known["body"], groups, strict=True)]
        return [pairs[number % len(pairs)] for number in range(count)]
    work = list(dict.fromkeys(zip(messages["work_item"], messages["work_key"], strict=True)))
    work = [(str(item), _text(key) or "") for item, key in work if isinstance(item, str)]
    if not work and ("{item}" in template or "{key}" in template):
        raise InputError(
            error_message(
                "error-loadtest-template-items",
                case=case.name,
                item="{item}",
                key="{key}",
                number="{number}",
            )
        )
    found: list[tuple[str, str | None]] = []
    for number in range(count):
        item, key = work[number % len(work)] if work else ("", "")
        values = {"{item}": _quoted(item), "{key}": _quoted(key), "{number}": str(number), "{test}": mark}
        body = template
        for name, value in values.items():
            body = body.replace(name, value)
        found.append((body, item or None))
    return found


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _quoted(text: str) -> str:
    """Return a text as it stands within a string of JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def watched_kinds(
    config: Config, named: Iterable[str], target: LoadTarget, aws: Aws | None
) -> list[tuple[Kind, str]]:
    """Return kind and resource of what is watched, without the tested queue, its DLQ and its function.

    Parameters
    ----------
    config
        Its systems that are no test systems are watched.
    named
        Further queues and URLs.
    target
        What is tested.
    aws
        Session in which the queues are looked up; None when there are none.
    """
    others = [each for each in config.systems.values() if not each.is_test]
    urls = [each.health_url for each in others if each.health_url is not None]
    urls += [name for name in named if name.startswith(_URLS)]
    queues = [name for each in others for name in each.queues]
    queues += [name for name in named if not name.startswith(_URLS)]
    dlqs = [name for each in others for name in each.dlqs]
    functions = [name for each in others for name in each.functions]
    found: dict[tuple[Kind, str], None] = {}
    if aws is not None:
        for url in (queue_url(aws, name) for name in queues):
            if url == target.url:
                continue
            found[("depth", url)] = found[("age", resource_name(url))] = None
            attributes = queue_attributes(aws, url)
            policy = json_value(attributes.get("RedrivePolicy"))
            dlq = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
            dlqs += [resource_name(str(dlq))] if dlq else []
            functions += [resource_name(str(one["FunctionArn"])) for one in _mappings(aws, attributes)]
        found |= dict.fromkeys(("dlq", url) for url in (queue_url(aws, name) for name in dlqs))
        found.pop(("dlq", str(target.dlq_url)), None)
    for name in functions:
        if name != target.function:
            found[("errors", name)] = found[("throttles", name)] = None
    found |= dict.fromkeys(("health", url) for url in urls)
    return list(found)


def _mappings(aws: Aws, attributes: Mapping[str, str]) -> list[Any]:
    """Return the event source mappings of a queue."""
    return aws.items(
        "lambda", "list_event_source_mappings", "EventSourceMappings", EventSourceArn=attributes["QueueArn"]
    )


def _session(profile: str | None, region: str | None) -> Aws:
    from watchme_analysis.cloudwatch.session import Aws, SessionTarget

    return Aws(SessionTarget(profile, region))

"""Planning a load test of a declared test system from the arrivals of a case."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.case.case_folder import Case
from watchme_analysis.config import FILE, Config, System, load_config
from watchme_analysis.errors import InputError
from watchme_analysis.queues.pipeline import Pipeline, pipelines
from watchme_analysis.remedies.apply import read_value
from watchme_analysis.remedies.harm_watch import Kind, limits_from_the_hour_before
from watchme_analysis.remedies.live_queue import read_drained_queue
from watchme_analysis.remedies.load_plan import LoadItem, LoadLimits, LoadPlan, LoadTarget, groups_of
from watchme_analysis.remedies.plan import Call, Condition
from watchme_analysis.remedies.queue_reader import dead_letter_queue_url, queue_attributes, queue_url
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

    ``system`` is the test system; None for the only one that is declared as such. With ``endpoint``, a path
    of the access log, requests are sent to the API of the system, else messages to its queue. ``template`` is
    the body of each message with placeholders; None sends those of the case. ``watch`` names further queues,
    and URLs of health endpoints. ``slots`` is the number of calls that the API processes at once; None for
    no limit.
    """

    system: str | None = None
    queue: str | None = None
    endpoint: str | None = None
    factor: float = 1.0
    longest_s: float = 600.0  # of sending
    most: int = 1000  # messages
    template: str | None = None
    watch: tuple[str, ...] = ()
    slots: int | None = None
    limits: LoadLimits = field(default_factory=LoadLimits)
    replications: int = 20


def plan_load_test(case: Case, wanted: LoadRequest, session: Callable[[], Aws]) -> LoadPlan:
    """Return the plan of a load test from the arrivals of a case; nothing is sent.

    ``session`` returns that of the test system and of what is watched; it is not called when AWS is not
    needed. It is an InputError when the system is not declared as a test system, nothing would be watched, or
    the case lacks arrivals, durations or bodies.
    """
    config = load_config()
    system = check_test_system(config, wanted.system)
    others = [each for each in config.systems.values() if not each.is_test]
    watches_aws = any((each.queues or each.dlqs or each.functions) for each in others)
    watches_aws = watches_aws or not all(name.startswith(_URLS) for name in wanted.watch)
    if not watches_aws and not wanted.watch and not any(each.health_url for each in others):
        raise InputError(error_message("error-loadtest-nothing-watched", system=system.name, file=FILE))
    needs_aws = watches_aws or wanted.endpoint is None
    aws = session() if needs_aws else None
    mark = f"loadtest-{uuid.uuid4().hex[:8]}"
    if wanted.endpoint is not None:
        tested = _endpoint_test(case, system, wanted, wanted.endpoint, mark)
    else:
        assert aws is not None
        tested = _queue_test(case, system, wanted, aws, mark)
    if wanted.slots is None:
        tested.notes.append(message("loadtest-note-slots", option=Code("--api-slots")))
    model, items, replay = tested.model, tested.items, tested.replay
    groups = groups_of(items)
    runs = predicted_runs(model, replay.sent_s, groups, wanted.replications)
    return LoadPlan(
        id=mark,
        case=case.name,
        source=tested.source,
        made=datetime.now(UTC),
        account="" if aws is None else aws.account(),
        region="" if aws is None else aws.region,
        target=tested.target,
        factor=float(wanted.factor),
        recorded_start=tested.origin + timedelta(seconds=replay.start_s),
        recorded_s=replay.recorded_s,
        items=items,
        limits=wanted.limits,
        model=model,
        replications=wanted.replications,
        relies_on=tested.relies_on,
        watched=limits_from_the_hour_before(aws, watched_kinds(config, wanted.watch, tested.target, aws)),
        predicted=predicted_figures(replay.sent_s, runs),
        notes=tuple(tested.notes),
    )


@dataclass(frozen=True)
class _Tested:
    """What is sent to a queue or an endpoint; ``origin`` is the time of second 0 of the record."""

    source: str
    origin: datetime
    replay: Replay
    target: LoadTarget
    items: tuple[LoadItem, ...]
    model: Settings
    notes: list[Message]
    relies_on: tuple[Condition, ...] = ()


def check_test_system(config: Config, name: str | None) -> System:
    """Return a system that is declared as a test system.

    It is refused if another system without the declaration has the same queue or API.
    """
    declared = [system for system in config.systems.values() if system.is_test]
    if name is None and not declared:
        raise InputError(error_message("error-loadtest-no-system", file=FILE))
    if name is None and len(declared) > 1:
        known = ", ".join(system.name for system in declared)
        raise InputError(error_message("error-loadtest-several-systems", file=FILE, known=known))
    system = declared[0] if name is None else config.chosen_system(name)
    if system is None or not system.is_test:
        raise InputError(error_message("error-loadtest-not-test", system=name, file=FILE))
    own = _targets(system)
    for other in config.systems.values():
        shared = _targets(other) & own
        if not other.is_test and shared:
            names = {"shared": min(shared), "system": system.name, "other": other.name}
            raise InputError(error_message("error-loadtest-shared", file=FILE, **names))
    return system


def _targets(system: System) -> set[str]:
    """Return the queues by name, and the API, to which a load test of a system could send."""
    return {*map(resource_name, system.queues), *([system.api] if system.api is not None else [])}


def check_target(config: Config, target: LoadTarget) -> None:
    """Check that the target of a plan still belongs to a test system."""
    system = check_test_system(config, target.system)
    if target.name not in _targets(system):
        raise InputError(
            error_message("error-loadtest-target-gone", target=target.name, system=system.name, file=FILE)
        )


def _replay(arrivals_s: Sequence[float], wanted: LoadRequest, source: str) -> Replay:
    replay = busiest_part(arrivals_s, wanted.factor, wanted.longest_s, wanted.most)
    if not replay.sent_s:
        raise InputError(error_message("error-loadtest-no-arrivals", source=source))
    return replay


def _queue_test(case: Case, system: System, wanted: LoadRequest, aws: Aws, mark: str) -> _Tested:
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
    items = tuple(
        LoadItem(at_s, body, (group or mark) if target.url.endswith(_FIFO) else None)
        for at_s, (body, group) in zip(replay.sent_s, bodies, strict=True)
    )
    live = message(
        "loadtest-note-live",
        visibility=Duration(model.queue.visibility_timeout_s),
        timeout=Duration(model.function_timeout_s),
    )
    notes = [message("loadtest-note-healthy", queue=Resource(pipeline.queue)), live]
    origin = pipeline.frame.index[0].to_pydatetime()
    return _Tested(pipeline.queue, origin, replay, target, items, model, notes, relies_on)


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


def _live_queue(
    aws: Aws, system: System, fitted: Settings, slots: int | None
) -> tuple[LoadTarget, tuple[Condition, ...], Settings]:
    """Return the tested queue, the readings that the plan relies on, and the model of the test system.

    The model is the fit without the incident, under the settings of the test system.
    """
    live = read_drained_queue(aws, system.queues[0], "error-loadtest-no-mapping")
    queue, mapping = live.queue, live.mapping
    if mapping.get("State") not in ("Enabled", "Enabling", "Updating"):
        raise InputError(error_message("error-loadtest-no-mapping", queue=queue.name))
    target = LoadTarget(
        system.name,
        "queue",
        queue.url,
        None if live.dlq is None else live.dlq.url,
        live.function,
        "ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []),
        live.configuration.get("MemorySize"),
    )
    readings = (
        (Call("sqs", "get_queue_attributes", {"QueueUrl": queue.url, "AttributeNames": ["All"]}),
         "Attributes.[VisibilityTimeout, RedrivePolicy]"),
        (Call("lambda", "list_event_source_mappings", {"EventSourceArn": queue.arn}),
         "EventSourceMappings[].[FunctionArn, State, BatchSize, ScalingConfig.MaximumConcurrency]"),
        (Call("lambda", "get_function_configuration", {"FunctionName": live.function}),
         "[Timeout, MemorySize]"),
    )  # fmt: skip
    conditions = [Condition(call, select, None) for call, select in readings]
    relies_on = tuple(replace(each, value=read_value(each, aws)) for each in conditions)
    settings = healthy(fitted)
    receives = queue.policy_of("RedrivePolicy").get("maxReceiveCount")
    model = replace(
        settings,
        queue=replace(
            settings.queue,
            visibility_timeout_s=queue.visibility_s,
            max_receive_count=None if receives is None else int(receives),
            is_fifo=queue.name.endswith(_FIFO),
        ),
        poller=replace(
            settings.poller,
            batch_size=int(mapping.get("BatchSize") or 10),
            max_concurrency=live.most,
            reserved_concurrency=live.reserved,
            partial_batch_responses=target.reports_failures,
        ),
        api=replace(settings.api, slots=slots),
        function_timeout_s=live.timeout_s,
    )
    return target, relies_on, model


def _endpoint_test(case: Case, system: System, wanted: LoadRequest, path: str, mark: str) -> _Tested:
    if system.api is None:
        raise InputError(error_message("error-loadtest-no-api", system=system.name, file=FILE))
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
    bodies = [""] * len(methods)
    if not _WITH_BODY.isdisjoint(methods):
        bodies = [body for body, _ in _bodies(case, None, wanted.template, len(methods), mark)]
    # The path of the API, or the recorded one where the API has none.
    own_path = urlsplit(system.api).path
    called = own_path if own_path.strip("/") else path
    items = tuple(
        LoadItem(
            sent_s,
            body if method in _WITH_BODY else "",
            method=method,
            target=f"{called}?{query}" if isinstance(query, str) and query else called,
        )
        for sent_s, method, query, body in zip(
            replay.sent_s, methods, chosen["query"], bodies, strict=True
        )
    )  # fmt: skip
    durations = message("loadtest-note-durations", path=Resource(path), variation=Number(variation, 2))
    target = LoadTarget(system.name, "endpoint", system.api)
    model = endpoint_settings(mean_s, variation, wanted.slots, wanted.limits.timeout_s)
    return _Tested(path, origin.to_pydatetime(), replay, target, items, model, [durations])


def usual_duration(rows: pd.DataFrame) -> tuple[float, float]:
    """Return mean in seconds and variation of a lognormal distribution with the quartiles of good requests.

    Quartiles leave an incident out as long as most requests of the table ``access_log`` are outside of it.
    """
    good = rows[(rows["status"] < _SERVER_ERROR) & (rows["request_time_s"] > 0)]["request_time_s"]
    if good.empty:
        raise InputError(error_message("error-loadtest-no-durations"))
    low, middle, high = (float(each) for each in good.astype(float).quantile([0.25, 0.5, 0.75]))
    sigma = math.log(high / low) / _QUARTILES_APART
    return middle * math.exp(sigma**2 / 2), math.sqrt(math.expm1(sigma**2))


def _bodies(
    case: Case, queues: Sequence[str | None] | None, template: str | None, count: int, mark: str
) -> list[tuple[str, str | None]]:
    """Return the body and the group of each message: those of the case in turn, or a filled template."""
    messages = case.table("queue_messages").sort_values("sent_at", kind="stable")
    if queues is not None:
        own = messages["source_queue"].isna() | messages["source_queue"].isin(queues)
        messages = messages[own & messages["queue"].isin(queues) & messages["body"].notna()]
    if template is None:
        known = messages[messages["body"].notna()]
        if known.empty:
            raise InputError(error_message("error-loadtest-no-bodies", case=case.name))
        groups = known["group_id"].fillna(known["work_item"])
        pairs = [(str(body), _text(group)) for body, group in zip(known["body"], groups, strict=True)]
        return [pairs[number % len(pairs)] for number in range(count)]
    pairs = list(dict.fromkeys(zip(messages["work_item"], messages["work_key"], strict=True)))
    work = [(item, _text(key) or "") for item, key in pairs if isinstance(item, str)]
    if not work and ("{item}" in template or "{key}" in template):
        names = {name: f"{{{name}}}" for name in ("item", "key", "number")}
        raise InputError(error_message("error-loadtest-template-items", case=case.name, **names))
    found: list[tuple[str, str | None]] = []
    for number in range(count):
        item, key = work[number % len(work)] if work else ("", "")
        body = template
        values = {"{item}": _quoted(item), "{key}": _quoted(key), "{number}": str(number), "{test}": mark}
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

    These are the systems that are no test systems, and further queues and URLs in ``named``. Without ``aws``,
    queues are not looked up.
    """
    others = [each for each in config.systems.values() if not each.is_test]
    urls = [each.health_url for each in others if each.health_url is not None]
    urls += [name for name in named if name.startswith(_URLS)]
    queues = [name for each in others for name in each.queues]
    queues += [name for name in named if not name.startswith(_URLS)]
    functions = [name for each in others for name in each.functions]
    found: dict[tuple[Kind, str], None] = {}
    if aws is not None:
        dlqs = [queue_url(aws, name) for each in others for name in each.dlqs]
        for url in (queue_url(aws, name) for name in queues):
            if url == target.url:
                continue
            found[("depth", url)] = found[("age", resource_name(url))] = None
            dlq = dead_letter_queue_url(aws, url)
            dlqs += [dlq] if dlq is not None else []
            functions += [resource_name(str(each["FunctionArn"])) for each in _mappings(aws, url)]
        found |= dict.fromkeys(("dlq", url) for url in dlqs if url != target.dlq_url)
    for name in functions:
        if name != target.function:
            found[("errors", name)] = found[("throttles", name)] = None
    found |= dict.fromkeys(("health", url) for url in urls)
    return list(found)


def _mappings(aws: Aws, url: str) -> list[Any]:
    """Return the event source mappings of a queue."""
    arn = queue_attributes(aws, url)["QueueArn"]
    return aws.items("lambda", "list_event_source_mappings", "EventSourceMappings", EventSourceArn=arn)

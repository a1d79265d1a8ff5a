"""The audit of settings: each with its rule, source, current value, consequence and recommended value.

A rule reads the tables of a case. It reports what conforms as well, so that a reader sees what was checked.
A setting that the case lacks is ``unknown``, never a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.alarms.chains import Chain, cannot_fire
from watchme_analysis.alarms.specification import AlarmSpec, existing_alarms
from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.evidence.compose import ComposeService, compose_services, duration_s
from watchme_analysis.nginx_conf.defaults import PROXY_READ_TIMEOUT_S
from watchme_analysis.nginx_conf.routing import places_of, route_among
from watchme_analysis.queues.pipeline import ADVISED_VISIBILITY_FACTOR, Pipeline, Tables, pipelines
from watchme_analysis.text.message import Code, Count, Duration, Message, Names, Resource, message

if TYPE_CHECKING:
    import pandas as pd

Status = Literal["ok", "change", "choice", "unknown"]
_AWS = "https://docs.aws.amazon.com/"
_SQS = f"{_AWS}AWSSimpleQueueService/latest/SQSDeveloperGuide/"
# Page on which each rule is stated.
SOURCES = {
    "visibility_timeout": f"{_AWS}lambda/latest/dg/services-sqs-configure.html",
    "receive_count": f"{_AWS}lambda/latest/dg/services-sqs-configure.html",
    "dlq": f"{_SQS}sqs-dead-letter-queues.html",
    "dlq_retention": f"{_SQS}sqs-dead-letter-queues.html",
    "redrive_allow_policy": f"{_AWS}AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html",
    "concurrency": f"{_AWS}lambda/latest/dg/services-sqs-scaling.html",
    "timeout_chain": f"{_AWS}wellarchitected/latest/reliability-pillar/"
    "rel_mitigate_interaction_failure_client_timeouts.html",
    "partial_batch": f"{_AWS}lambda/latest/dg/services-sqs-errorhandling.html",
    "alarm": f"{_SQS}dead-letter-queues-alarms-cloudwatch.html",
    "alarm_can_fire": f"{_AWS}AmazonCloudWatch/latest/monitoring/alarm-evaluation.html",
    "encryption": f"{_SQS}sqs-server-side-encryption.html",
    "health_check": "https://docs.docker.com/reference/dockerfile/#healthcheck",
    "restart_policy": "https://docs.docker.com/engine/containers/start-containers-automatically/",
    "workers": "https://fastapi.tiangolo.com/deployment/server-workers/",
    "thread_pool": "https://www.starlette.io/threadpool/",
}
# Receives that AWS recommends at least, so that throttles alone do not move a message to the DLQ.
_LEAST_RECEIVES = 5
# The longest retention of a queue, in seconds.
LONGEST_RETENTION_S = 1_209_600.0
# Metrics of which one alarm is expected, by kind of resource.
_EXPECTED = {
    "dlq": ("ApproximateNumberOfMessagesVisible",),
    "function": ("Errors",),
    "queue": ("ApproximateAgeOfOldestMessage",),
}


@dataclass(frozen=True)
class Setting:
    """A setting that was checked by a rule of :data:`SOURCES`.

    Its status is ``ok``, ``change``, ``choice`` for a trade-off that its owner has decided, or ``unknown``
    when the case lacks it. ``consequence`` says what the current value leads to; None when it conforms.
    """

    rule: str
    resource: str
    status: Status
    current: Message
    recommended: Message
    consequence: Message | None = None

    @property
    def source(self) -> str:
        """Address of the page on which the rule is stated."""
        return SOURCES[self.rule]


def audit(tables: Tables, *, knows_alarms: bool) -> tuple[Setting, ...]:
    """Return every setting that the rules check in a case: those to change first, then by rule.

    A case that does not know the list of alarms, which may be empty, leaves alarms unknown.
    """
    lines = pipelines(tables)
    found = [setting for each in lines for setting in _of_pipeline(tables, each)]
    for rule in (_redrive_policies, _timeout_chain, _encryption, _containers, _processes):
        found += rule(tables)
    found += _alarms(tables, knows_alarms=knows_alarms)
    statuses, rules = ("change", "choice", "unknown", "ok"), [*SOURCES]
    return tuple(sorted(found, key=lambda each: (statuses.index(each.status), rules.index(each.rule))))


def _setting(
    rule: str,
    resource: str,
    current: Message | None,
    recommended: Message | None,
    consequence: Message | None,
) -> Setting:
    """Return a setting; without a current value it is unknown, without a consequence it conforms."""
    wanted = message("audit-unknown") if recommended is None else recommended
    if current is None:
        return Setting(rule, resource, "unknown", message("audit-unknown"), wanted)
    return Setting(rule, resource, "change" if consequence else "ok", current, wanted, consequence)


def _time(seconds: float | None, kind: str = "time") -> Message | None:
    return None if seconds is None else message(f"audit-{kind}", value=Duration(seconds))


def _number(value: float | None, kind: str = "number") -> Message | None:
    return None if value is None else message(f"audit-{kind}", value=Count(int(value)))


def _code(text: object) -> Message:
    return message("audit-code", value=Code(str(text)))


def _of_pipeline(tables: Tables, each: Pipeline) -> Iterator[Setting]:
    """Yield the settings of a queue, its function and its DLQ."""
    is_known = _attributes(tables, each.queue) is not None
    if each.function is not None and each.settings.function_timeout_s is not None:
        yield _visibility(tables, each, each.function, each.settings.function_timeout_s)
    if each.dlq is not None and each.function is not None:
        yield _receives(each)
    if is_known and each.dlq is None:
        retention_s = each.settings.retention_s
        why = message("audit-dlq-missing")
        if retention_s is not None:
            why = message("audit-dlq-missing-after", retention=Duration(retention_s))
        yield _setting("dlq", each.queue, message("audit-unset"), message("audit-dlq"), why)
    elif is_known and each.dlq is not None:
        name = message("audit-name", value=Resource(each.dlq))
        yield _setting("dlq", each.queue, name, message("audit-dlq"), None)
        if each.settings.retention_s is not None:
            yield _dlq_retention(each, each.dlq, each.settings.retention_s)
    if each.function is not None:
        yield from _concurrency(each)
    yield from _partial_batches(each)


def _visibility(tables: Tables, each: Pipeline, function: str, timeout_s: float) -> Setting:
    hidden_s, mappings = each.settings.visibility_timeout_s, tables.table("event_source_mappings")
    windows = mappings.loc[mappings["queue"] == each.queue, "batching_window_s"].dropna()
    window_s = float(windows.max()) if len(windows) else 0.0
    advised_s = ADVISED_VISIBILITY_FACTOR * timeout_s + window_s
    why = None
    if hidden_s is not None and hidden_s < timeout_s:
        why = message("audit-visibility-below-timeout", timeout=Duration(timeout_s))
    elif hidden_s is not None and hidden_s < advised_s:
        why = message(
            "audit-visibility-short",
            function=Resource(function),
            timeout=Duration(timeout_s),
            window=Duration(window_s),
        )
    return _setting("visibility_timeout", each.queue, _time(hidden_s), _time(advised_s, "at-least"), why)


def _receives(each: Pipeline) -> Setting:
    count, hidden_s = each.settings.max_receive_count, each.settings.visibility_timeout_s
    why = None
    if count is not None and count < _LEAST_RECEIVES:
        why = message("audit-receives-few", count=Count(count))
        if hidden_s is not None:
            why = message(
                "audit-receives-few-after",
                count=Count(count),
                visibility=Duration(hidden_s),
                total=Duration(count * hidden_s),
            )
    advised = _number(_LEAST_RECEIVES, "receives-advised")
    found = _setting("receive_count", each.queue, _number(count), advised, why)
    # More receives repeat work that fails: how many are right is a decision of the owner.
    return replace(found, status="choice") if why is not None else found


def _dlq_retention(each: Pipeline, dlq: str, source_s: float) -> Setting:
    own_s, short = each.settings.dlq_retention_s, None
    if own_s is not None and own_s <= source_s and own_s < LONGEST_RETENTION_S:
        # The time in the source queue counts; only FIFO queues begin anew
        # (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html).
        short = message("audit-retention-short", source=Duration(source_s), own=Duration(own_s))
    return _setting("dlq_retention", dlq, _time(own_s), _time(LONGEST_RETENTION_S), short)


def _concurrency(each: Pipeline) -> Iterator[Setting]:
    reserved, most = each.settings.reserved_concurrency, each.settings.max_concurrency
    if reserved is None and most is None:
        return
    why, advised = None, most
    if reserved is not None and most is None:
        why, advised = message("audit-reserved-alone", reserved=Count(reserved)), reserved
    elif reserved is not None and most is not None and most > reserved:
        why = message("audit-most-above-reserved", most=Count(most), reserved=Count(reserved))
        advised = reserved
    current = message("audit-unset") if most is None else _number(most)
    yield _setting("concurrency", each.queue, current, _number(advised, "number-at-most"), why)


def _partial_batches(each: Pipeline) -> Iterator[Setting]:
    size, reports = each.settings.batch_size, each.settings.reports_failures
    if size is None or size <= 1:
        return
    advised, why = _code("ReportBatchItemFailures"), None
    current = None if reports is None else advised
    if reports is False:
        current, why = message("audit-unset"), message("audit-batch-repeated", size=Count(size))
    yield _setting("partial_batch", each.queue, current, advised, why)


def _redrive_policies(tables: Tables) -> Iterator[Setting]:
    sources: dict[str, list[str]] = {}
    for each in pipelines(tables):
        if each.dlq is not None:
            sources.setdefault(each.dlq, []).append(each.queue)
    for dlq, queues in sources.items():
        attributes = _attributes(tables, dlq)
        if attributes is None:
            continue
        policy = _loaded(attributes.get("RedriveAllowPolicy"))
        permission = str(policy.get("redrivePermission", "allowAll"))
        allowed = {str(arn).rsplit(":", 1)[-1] for arn in policy.get("sourceQueueArns", ())}
        names, refused = tuple(queues), tuple(name for name in queues if name not in allowed)
        why = None
        if permission == "denyAll" or (permission == "byQueue" and refused):
            why = message("audit-redrive-refused", queues=Names(refused or names))
        elif permission == "allowAll":
            why = message("audit-redrive-open")
        advised = message("audit-redrive-by-queue", queues=Names(names))
        yield _setting("redrive_allow_policy", dlq, _code(permission), advised, why)


def _encryption(tables: Tables) -> Iterator[Setting]:
    for name in tables.table("queues")["queue"].dropna().unique():
        attributes = _attributes(tables, str(name)) or {}
        key, managed = attributes.get("KmsMasterKeyId"), attributes.get("SqsManagedSseEnabled")
        current, why = None, None
        if key:
            current = _code(key)
        elif managed is not None:
            is_on = str(managed).lower()
            current = _code(f"SqsManagedSseEnabled={is_on}")
            why = None if is_on == "true" else message("audit-unencrypted")
        yield _setting("encryption", str(name), current, _code("SqsManagedSseEnabled=true"), why)


def _alarms(tables: Tables, *, knows_alarms: bool) -> Iterator[Setting]:
    alarms, specs = tables.table("alarms"), existing_alarms(tables)
    seen: set[str] = set()
    for chain in map(Chain.of, pipelines(tables)):
        for kind, metrics in _EXPECTED.items():
            resource = chain.resource(kind)
            if resource is None or resource in seen:
                continue
            seen.add(resource)
            own = [spec for spec in specs if _watches(spec, resource, metrics)]
            current, why = None, None
            if knows_alarms and not own:
                why = message("audit-alarm-missing", resource=Resource(resource))
                current = message("audit-unset")
            elif knows_alarms:
                current = message("audit-names", values=Names(tuple(spec.name for spec in own)))
                if not any(_notifies(alarms, spec.name) for spec in own):
                    why = message("audit-alarm-silent")
            advised = message("audit-alarm-on", metric=Code(metrics[0]))
            yield _setting("alarm", resource, current, advised, why)
            for spec in own if knows_alarms else ():
                reason = next(iter(cannot_fire(spec, [chain])), None)
                can = message("audit-alarm-reachable")
                yield _setting("alarm_can_fire", spec.name, _code(spec.in_words), can, reason)


def _watches(spec: AlarmSpec, resource: str, metrics: tuple[str, ...]) -> bool:
    named = {*spec.metrics, *(each.metric for each in spec.inputs)}
    resources = {spec.over, *(each.resource for each in spec.inputs)}
    return resource in resources and bool(named & {*metrics})


def _notifies(alarms: pd.DataFrame, name: str) -> bool:
    rows = alarms[alarms["alarm"] == name]
    if rows.empty:
        return False
    row = rows.iloc[-1]
    is_disabled = row["actions_enabled"] is False or str(row["actions_enabled"]) == "False"
    return not is_disabled and bool(_loaded(row["alarm_actions"]))


def _timeout_chain(tables: Tables) -> Iterator[Setting]:
    """Yield the timeouts from the outside in: function, edge, Nginx, calls of the application.

    Each must be longer than the next inner one. Otherwise the outer side gives up while the inner one still
    works, and a repetition adds to the load.
    """
    directives = tables.table("config_directives")
    edge_places = places_of(directives, "edge")
    # Of each path, what a caller within the system waits at most: the edge may wait longer than Nginx.
    slowest_s: dict[str, float] = {}
    for place in places_of(directives):
        if place["path"] is None or not place["proxy_pass"]:
            continue
        path = str(place["path"])
        nginx_s = slowest_s[path] = _read_timeout_s(place)
        edge = route_among(edge_places, path)
        if edge is not None:
            edge_s = _read_timeout_s(edge)
            why = message("audit-edge-gives-up", edge=Duration(edge_s), nginx=Duration(nginx_s))
            yield _outer_timeout(f"edge {path}", edge_s, nginx_s, why)
            slowest_s[path] = max(edge_s, nginx_s)
        longest_s = _longest_call_s(tables, path)
        if longest_s is not None:
            why = message("audit-nginx-gives-up", nginx=Duration(nginx_s), call=Duration(longest_s))
            yield _outer_timeout(f"nginx {path}", nginx_s, longest_s, why)
    if not slowest_s:
        return
    path, api_s = max(slowest_s.items(), key=lambda item: item[1])
    for each in pipelines(tables):
        timeout_s = each.settings.function_timeout_s
        if each.function is not None and timeout_s is not None:
            why = message("audit-function-gives-up", path=Resource(path), api=Duration(api_s))
            yield _outer_timeout(each.function, timeout_s, api_s, why)


def _outer_timeout(resource: str, outer_s: float, inner_s: float, why: Message) -> Setting:
    """Return the timeout of a side that must wait longer than the side that it calls."""
    consequence = why if outer_s <= inner_s else None
    return _setting("timeout_chain", resource, _time(outer_s), _time(inner_s, "above"), consequence)


def _read_timeout_s(place: Any) -> float:
    values = place["directives"].get("proxy_read_timeout")
    if not values or not values[0]:
        return PROXY_READ_TIMEOUT_S
    text = str(values[0][0])
    found = float(text) if text.isdecimal() else duration_s(text)
    return PROXY_READ_TIMEOUT_S if found is None else found


def _longest_call_s(tables: Tables, path: str) -> float | None:
    """Return the longest timeout of a call that a handler below a path waits for."""
    calls = tables.table("app_calls").dropna(subset=["timeout_s", "reached_from"])
    return max(
        (
            float(row.timeout_s)
            for row in calls.itertuples()
            if not str(row.context).startswith("background")
            and str(row.reached_from).partition(" ")[2].startswith(path)
        ),
        default=None,
    )


def _containers(tables: Tables) -> Iterator[Setting]:
    """Yield the settings of each service; of an overlay, only those that differ from its base."""
    seen: set[tuple[str, str, Setting]] = set()
    for service in compose_services(tables.table("compose_settings")):
        several = len(set(service.files.values())) > 1
        for setting in _of_container(service):
            key = service.file, service.name, setting
            if key in seen:
                continue
            seen.add(key)
            named = (service.files_of(path) for path in _STATED_AS[setting.rule])
            files = next(filter(None, named), ()) if several else ()
            yield replace(setting, resource=f"{service.name} ({', '.join(files)})") if files else setting


# Paths in a compose file by rule; the first one that is set is in force.
_STATED_AS = {
    "health_check": ("healthcheck",),
    "restart_policy": ("restart", "deploy.restart_policy"),
}


def _of_container(service: ComposeService) -> Iterator[Setting]:
    """Yield the settings of a service of merged compose files."""
    # An overlay without its base states only what it changes.
    is_overlay = not any(re.match(r"(image|build)(\.|$)", path) for path in service.files)
    if service.is_one_shot:
        return
    check, advised = service.health, message("audit-check-soon")
    if check is not None:
        current = message(
            "audit-check",
            interval=Duration(check.interval_s),
            timeout=Duration(check.timeout_s),
            retries=Count(check.retries),
        )
        slow = message("audit-check-slow", latest=Duration(check.latest_s))
        why = slow if check.timeout_s >= check.interval_s else None
        yield _setting("health_check", service.name, current, advised, why)
    elif service.health_disabled or (service.image_known and not is_overlay):
        missing = message("audit-check-missing")
        yield _setting("health_check", service.name, message("audit-unset"), advised, missing)
    elif not is_overlay:  # the image may have one
        yield _setting("health_check", service.name, None, advised, None)
    stated = ("restart", "restart_policy.condition")
    if not is_overlay or any(path.endswith(stated) for path in service.files):
        why = message("audit-no-restart") if service.restart == "no" else None
        yield _setting("restart_policy", service.name, _code(service.restart), _code("unless-stopped"), why)


def _processes(tables: Tables) -> Iterator[Setting]:
    import pandas as pd

    processes = tables.table("app_processes")
    for row in processes.itertuples():
        name = str(row.service if isinstance(row.service, str) else row.app)
        workers = None if pd.isna(row.workers) else int(row.workers)
        why = message("audit-one-worker") if workers == 1 else None
        yield _setting("workers", name, _number(workers), _number(2, "number-at-least"), why)
    handlers = tables.table("app_handlers")
    pooled = handlers[handlers["runs_on"] == "thread_pool"]
    calls = tables.table("app_calls")
    blocking = calls[
        (calls["context"] == "thread_pool") & calls["kind"].astype("string").str.startswith("blocking")
    ]
    # Each application has a process and a pool of its own.
    busy: dict[str, set[str]] = {}
    for file, route_called in zip(
        blocking["application_file"].fillna(""), blocking["reached_from"], strict=True
    ):
        if isinstance(route_called, str):
            busy.setdefault(str(file), set()).add(route_called)
    for row in pooled.itertuples():
        mine = f"{row.method} {row.path}"
        own = busy.get(row.application_file if isinstance(row.application_file, str) else "", set())
        others = tuple(sorted(own - {mine}))
        if mine in own:
            continue  # a handler that blocks belongs on the thread pool
        why = message("audit-shared-pool", others=Names(others)) if others else None
        recommended = message("audit-async-handler")
        yield _setting("thread_pool", mine, message("audit-on-pool"), recommended, why)


def _attributes(tables: Tables, queue: str) -> dict[str, Any] | None:
    """Return the attributes of a queue; None when the case lacks them."""
    queues = tables.table("queues")
    rows = queues[queues["queue"] == queue]
    return None if rows.empty else _loaded(rows.iloc[-1]["attributes"])


def _loaded(text: Any) -> Any:
    """Return parsed JSON; an empty mapping for anything else."""
    found = json_value(text)
    return found if isinstance(found, (dict, list)) else {}

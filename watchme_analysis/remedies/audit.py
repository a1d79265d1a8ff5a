"""The audit of settings: each with its rule, source, current value, consequence and recommended value.

A rule reads the tables of a case. It reports what conforms as well, so that a reader sees what was checked.
A setting that the case lacks is ``unknown``, never a finding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.alarms.chains import Chain, cannot_fire
from watchme_analysis.alarms.specification import AlarmSpec, existing_alarms
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


_Rule = Callable[[Tables], Iterator[Setting]]


def audit(tables: Tables, *, knows_alarms: bool) -> tuple[Setting, ...]:
    """Return every setting that the rules check in a case, those to change first.

    A case that does not know the list of alarms, which may be empty, leaves alarms unknown.
    """
    found = [each for rule in _RULES for each in rule(tables)]
    found += _alarms(tables, knows_alarms=knows_alarms)
    order = {"change": 0, "choice": 1, "unknown": 2, "ok": 3}
    return tuple(sorted(found, key=lambda each: order[each.status]))


def _setting(
    rule: str,
    resource: str,
    current: Message | None,
    recommended: Message,
    consequence: Message | None,
) -> Setting:
    """Return a setting; without a current value it is unknown, without a consequence it conforms."""
    if current is None:
        return Setting(rule, resource, "unknown", message("audit-unknown"), recommended)
    return Setting(rule, resource, "change" if consequence else "ok", current, recommended, consequence)


def _time_message(seconds: float | None) -> Message | None:
    return None if seconds is None else message("audit-time", value=Duration(seconds))


def _at_least_message(seconds: float) -> Message:
    return message("audit-at-least", value=Duration(seconds))


def _number_message(value: float | None) -> Message | None:
    return None if value is None else message("audit-number", value=Count(int(value)))


def _visibility(tables: Tables) -> Iterator[Setting]:
    mappings = tables.table("event_source_mappings")
    for each in pipelines(tables):
        timeout_s, hidden_s = each.settings.function_timeout_s, each.settings.visibility_timeout_s
        if each.function is None or timeout_s is None:
            continue
        windows = mappings.loc[mappings["queue"] == each.queue, "batching_window_s"].dropna()
        window_s = float(windows.max()) if len(windows) else 0.0
        advised_s = ADVISED_VISIBILITY_FACTOR * timeout_s + window_s
        why = None
        if hidden_s is not None and hidden_s < timeout_s:
            why = message("audit-visibility-below-timeout", timeout=Duration(timeout_s))
        elif hidden_s is not None and hidden_s < advised_s:
            why = message(
                "audit-visibility-short",
                function=Resource(each.function),
                timeout=Duration(timeout_s),
                window=Duration(window_s),
            )
        yield _setting(
            "visibility_timeout", each.queue, _time_message(hidden_s), _at_least_message(advised_s), why
        )


def _receives(tables: Tables) -> Iterator[Setting]:
    for each in pipelines(tables):
        count = each.settings.max_receive_count
        if each.dlq is None or each.function is None:
            continue
        why = None
        if count is not None and count < _LEAST_RECEIVES:
            hidden_s = each.settings.visibility_timeout_s
            why = (
                message("audit-receives-few", count=Count(count))
                if hidden_s is None
                else message(
                    "audit-receives-few-after",
                    count=Count(count),
                    visibility=Duration(hidden_s),
                    total=Duration(count * hidden_s),
                )
            )
        recommended = message("audit-receives-advised", value=Count(_LEAST_RECEIVES))
        found = _setting("receive_count", each.queue, _number_message(count), recommended, why)
        # More receives repeat work that fails: how many are right is a decision of the owner.
        yield replace(found, status="choice") if why is not None else found


def _dlqs(tables: Tables) -> Iterator[Setting]:
    for each in pipelines(tables):
        if _attributes(tables, each.queue) is None:
            continue
        recommended = message("audit-dlq")
        if each.dlq is None:
            retention_s = each.settings.retention_s
            why = (
                message("audit-dlq-missing")
                if retention_s is None
                else message("audit-dlq-missing-after", retention=Duration(retention_s))
            )
            yield _setting("dlq", each.queue, message("audit-unset"), recommended, why)
            continue
        yield _setting("dlq", each.queue, message("audit-name", value=Resource(each.dlq)), recommended, None)
        source_s, own_s = each.settings.retention_s, each.settings.dlq_retention_s
        if source_s is None:
            continue
        short: Message | None = None
        if own_s is not None and own_s <= source_s and own_s < LONGEST_RETENTION_S:
            # The time in the source queue counts; only FIFO queues begin anew
            # (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html).
            short = message("audit-retention-short", source=Duration(source_s), own=Duration(own_s))
        longest = message("audit-time", value=Duration(LONGEST_RETENTION_S))
        yield _setting("dlq_retention", each.dlq, _time_message(own_s), longest, short)


def _redrive_policies(tables: Tables) -> Iterator[Setting]:
    sources: dict[str, list[Pipeline]] = {}
    for each in pipelines(tables):
        if each.dlq is not None:
            sources.setdefault(each.dlq, []).append(each)
    for dlq, queues in sources.items():
        attributes = _attributes(tables, dlq)
        if attributes is None:
            continue
        policy = _loaded(attributes.get("RedriveAllowPolicy"))
        permission = str(policy.get("redrivePermission", "allowAll"))
        allowed = {str(arn).rsplit(":", 1)[-1] for arn in policy.get("sourceQueueArns", ())}
        names = tuple(each.queue for each in queues)
        refused = tuple(name for name in names if name not in allowed)
        why = None
        if permission == "denyAll" or (permission == "byQueue" and refused):
            why = message("audit-redrive-refused", queues=Names(refused or names))
        elif permission == "allowAll":
            why = message("audit-redrive-open")
        recommended = message("audit-redrive-by-queue", queues=Names(names))
        current = message("audit-code", value=Code(permission))
        yield _setting("redrive_allow_policy", dlq, current, recommended, why)


def _concurrency(tables: Tables) -> Iterator[Setting]:
    for each in pipelines(tables):
        reserved, most = each.settings.reserved_concurrency, each.settings.max_concurrency
        if each.function is None or (reserved is None and most is None):
            continue
        why, recommended = None, most
        if reserved is not None and most is None:
            why, recommended = message("audit-reserved-alone", reserved=Count(reserved)), reserved
        elif reserved is not None and most is not None and most > reserved:
            why = message("audit-most-above-reserved", most=Count(most), reserved=Count(reserved))
            recommended = reserved
        current = message("audit-unset") if most is None else message("audit-number", value=Count(most))
        at_most = message("audit-number-at-most", value=Count(int(recommended or 0)))
        yield _setting("concurrency", each.queue, current, at_most, why)


def _partial_batches(tables: Tables) -> Iterator[Setting]:
    for each in pipelines(tables):
        size, reports = each.settings.batch_size, each.settings.reports_failures
        if size is None or size <= 1:
            continue
        current = None if reports is None else message("audit-code", value=Code("ReportBatchItemFailures"))
        why = None
        if reports is False:
            current, why = message("audit-unset"), message("audit-batch-repeated", size=Count(size))
        recommended = message("audit-code", value=Code("ReportBatchItemFailures"))
        yield _setting("partial_batch", each.queue, current, recommended, why)


def _encryption(tables: Tables) -> Iterator[Setting]:
    for name in tables.table("queues")["queue"].dropna().unique():
        attributes = _attributes(tables, str(name)) or {}
        key, managed = attributes.get("KmsMasterKeyId"), attributes.get("SqsManagedSseEnabled")
        recommended = message("audit-code", value=Code("SqsManagedSseEnabled=true"))
        why = None
        current: Message | None = None
        if key:
            current = message("audit-code", value=Code(str(key)))
        elif managed is not None:
            current = message("audit-code", value=Code(f"SqsManagedSseEnabled={str(managed).lower()}"))
            why = None if str(managed).lower() == "true" else message("audit-unencrypted")
        yield _setting("encryption", str(name), current, recommended, why)


def _alarms(tables: Tables, *, knows_alarms: bool) -> Iterator[Setting]:
    alarms = tables.table("alarms")
    chains = tuple(map(Chain.of, pipelines(tables)))
    specs = existing_alarms(tables)
    seen: set[str] = set()
    for chain in chains:
        for kind, metrics in _EXPECTED.items():
            resource = chain.resource(kind)
            if resource is None or resource in seen:
                continue
            seen.add(resource)
            own = [spec for spec in specs if _watches(spec, resource, metrics)]
            recommended = message("audit-alarm-on", metric=Code(metrics[0]))
            silent = [spec.name for spec in own if not _notifies(alarms, spec.name)]
            if not knows_alarms:
                yield _setting("alarm", resource, None, recommended, None)
                continue
            if not own:
                missing = message("audit-alarm-missing", resource=Resource(resource))
                yield _setting("alarm", resource, message("audit-unset"), recommended, missing)
                continue
            current = message("audit-names", values=Names(tuple(spec.name for spec in own)))
            why = message("audit-alarm-silent") if len(silent) == len(own) else None
            yield _setting("alarm", resource, current, recommended, why)
            for spec in own:
                reasons = cannot_fire(spec, [chain])
                rule = message("audit-code", value=Code(spec.in_words))
                can = message("audit-alarm-reachable")
                yield _setting("alarm_can_fire", spec.name, rule, can, reasons[0] if reasons else None)


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
        nginx_s = _read_timeout_s(place)
        slowest_s[path] = nginx_s
        edge = route_among(edge_places, path)
        if edge is not None:
            edge_s = _read_timeout_s(edge)
            why = None
            if edge_s <= nginx_s:
                why = message("audit-edge-gives-up", edge=Duration(edge_s), nginx=Duration(nginx_s))
            yield _setting(
                "timeout_chain", f"edge {path}", _time_message(edge_s), _above_message(nginx_s), why
            )
            slowest_s[path] = max(edge_s, nginx_s)
        longest_s = _longest_call_s(tables, path)
        if longest_s is not None:
            why = None
            if longest_s >= nginx_s:
                why = message("audit-nginx-gives-up", nginx=Duration(nginx_s), call=Duration(longest_s))
            yield _setting(
                "timeout_chain", f"nginx {path}", _time_message(nginx_s), _above_message(longest_s), why
            )
    if not slowest_s:
        return
    path, api_s = max(slowest_s.items(), key=lambda item: item[1])
    for each in pipelines(tables):
        timeout_s = each.settings.function_timeout_s
        if each.function is None or timeout_s is None:
            continue
        why = None
        if timeout_s <= api_s:
            why = message("audit-function-gives-up", path=Resource(path), api=Duration(api_s))
        yield _setting("timeout_chain", each.function, _time_message(timeout_s), _above_message(api_s), why)


def _above_message(seconds: float) -> Message:
    return message("audit-above", value=Duration(seconds))


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
    if not service.is_one_shot:
        why: Message | None
        check = service.health
        recommended = message("audit-check-soon")
        # An overlay without its base states only what it changes.
        is_overlay = not any(re.match(r"(image|build)(\.|$)", path) for path in service.files)
        if check is None and not service.health_disabled and (is_overlay or not service.image_known):
            # The image may have one.
            if not is_overlay:
                yield _setting("health_check", service.name, None, recommended, None)
        elif check is None:
            why = message("audit-check-missing")
            yield _setting("health_check", service.name, message("audit-unset"), recommended, why)
        else:
            current = message(
                "audit-check",
                interval=Duration(check.interval_s),
                timeout=Duration(check.timeout_s),
                retries=Count(check.retries),
            )
            why = None
            if check.timeout_s >= check.interval_s:
                why = message("audit-check-slow", latest=Duration(check.latest_s))
            yield _setting("health_check", service.name, current, recommended, why)
        if is_overlay and not any(
            path.endswith(("restart", "restart_policy.condition")) for path in service.files
        ):
            return
        why = message("audit-no-restart") if service.restart == "no" else None
        current = message("audit-code", value=Code(service.restart))
        recommended = message("audit-code", value=Code("unless-stopped"))
        yield _setting("restart_policy", service.name, current, recommended, why)


def _processes(tables: Tables) -> Iterator[Setting]:
    import pandas as pd

    processes = tables.table("app_processes")
    for row in processes.itertuples():
        name = str(row.service if isinstance(row.service, str) else row.app)
        workers = None if pd.isna(row.workers) else int(row.workers)
        why = message("audit-one-worker") if workers == 1 else None
        at_least = message("audit-number-at-least", value=Count(2))
        yield _setting("workers", name, _number_message(workers), at_least, why)
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


_RULES: tuple[_Rule, ...] = (
    _visibility,
    _receives,
    _dlqs,
    _redrive_policies,
    _concurrency,
    _partial_batches,
    _timeout_chain,
    _encryption,
    _containers,
    _processes,
)


def _attributes(tables: Tables, queue: str) -> dict[str, Any] | None:
    """Return the attributes of a queue; None when the case lacks them."""
    queues = tables.table("queues")
    rows = queues[queues["queue"] == queue]
    return None if rows.empty else _loaded(rows.iloc[-1]["attributes"])


def _loaded(text: Any) -> Any:
    """Return parsed JSON; an empty mapping for anything else."""
    if not isinstance(text, str):
        return text if isinstance(text, (dict, list)) else {}
    try:
        return json.loads(text)
    except ValueError:
        return {}

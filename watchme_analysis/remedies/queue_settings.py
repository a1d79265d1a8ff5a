"""Plans of settings that simulations have shown to help: queue, function and event source mapping.

Only five settings are changed: visibility timeout, receives before the DLQ, function timeout, maximum
concurrency, and the removal of reserved concurrency. A measure that also changes something else, such as a
FIFO queue or a restart, is another remedy's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.cloudwatch.account_state import describe_function, discover_scope
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.plan import Call, Condition, Plan, Step
from watchme_analysis.simulation.advice import HELPS
from watchme_analysis.simulation.calibration import Agreement
from watchme_analysis.simulation.scenarios import Comparison
from watchme_analysis.simulation.settings import Settings
from watchme_analysis.text.catalogue import LANGUAGES
from watchme_analysis.text.message import (
    Choice,
    Count,
    Duration,
    Message,
    Number,
    Phrases,
    Resource,
    Value,
    message,
    value_of,
)
from watchme_analysis.text.render import error_message, render

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

REMEDY = "settings"
# SQS takes up to 60 seconds to apply attributes, Lambda some seconds to update a function or mapping.
_APPLIED_WITHIN_S = 120.0
# Figures of an outcome in order of importance, with the smallest relevant difference.
FIGURES = {"lost": 1.0, "dead_lettered": 1.0, "peak_age_s": 60.0, "duplicates": 1.0}


@dataclass(frozen=True)
class LiveSettings:
    """A queue, its only function and their event source mapping, as the account has them now."""

    queue: str
    url: str
    attributes: dict[str, Any]
    function: str
    timeout_s: float
    reserved: int | None  # concurrency of the function; None when none is reserved
    mapping: str
    most: int | None  # maximum concurrency of the mapping; None without a limit

    @property
    def redrive_policy(self) -> dict[str, Any]:
        """Redrive policy of the queue; empty without one."""
        policy = json.loads(self.attributes.get("RedrivePolicy") or "{}")
        return policy if isinstance(policy, dict) else {}

    def values(self) -> dict[str, float | None]:
        """Return the settings by their names in a simulation."""
        receives = self.redrive_policy.get("maxReceiveCount")
        return {
            "visibility_timeout_s": float(self.attributes["VisibilityTimeout"]),
            "max_receive_count": None if receives is None else float(receives),
            "function_timeout_s": self.timeout_s,
            "max_concurrency": _float(self.most),
            "reserved_concurrency": _float(self.reserved),
        }


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)


def values_of(settings: Settings) -> dict[str, float | None]:
    """Return the settings of a simulation that can be changed, by name."""
    queue, poller = settings.queue, settings.poller
    return {
        "visibility_timeout_s": queue.visibility_timeout_s,
        "max_receive_count": _float(queue.max_receive_count),
        "function_timeout_s": settings.function_timeout_s,
        "max_concurrency": _float(poller.max_concurrency),
        "reserved_concurrency": _float(poller.reserved_concurrency),
    }


def changed_values(base: Settings, other: Settings) -> dict[str, float | None] | None:
    """Return the settings in which a measure differs; None when it changes something else as well."""
    queue = replace(
        other.queue,
        visibility_timeout_s=base.queue.visibility_timeout_s,
        max_receive_count=base.queue.max_receive_count,
    )
    poller = replace(
        other.poller,
        max_concurrency=base.poller.max_concurrency,
        reserved_concurrency=base.poller.reserved_concurrency,
    )
    rest = replace(
        other,
        queue=queue,
        poller=poller,
        function_timeout_s=base.function_timeout_s,
        earlier=base.earlier,
    )
    if rest != base:
        return None
    now, then = values_of(base), values_of(other)
    found = {name: value for name, value in then.items() if value != now[name]}
    # Reserved concurrency alone sends healthy messages to the DLQ, so it is only ever removed.
    return None if found.get("reserved_concurrency") is not None else found


def lowered(base: Comparison, row: Comparison, figures: Mapping[str, float] = FIGURES) -> tuple[str, ...]:
    """Return the figures that a measure lowers, beyond the intervals of both and by a relevant share."""
    return tuple(
        name
        for name, least in figures.items()
        if moved(base, row, name, least) < 0
        and (row.estimate(name).mean or 0.0) <= HELPS * (base.estimate(name).mean or 0.0)
    )


def raised(base: Comparison, row: Comparison, figures: Mapping[str, float] = FIGURES) -> tuple[str, ...]:
    """Return the figures that a measure raises beyond the intervals of both."""
    return tuple(name for name, least in figures.items() if moved(base, row, name, least) > 0)


def moved(base: Comparison, row: Comparison, name: str, least: float) -> int:
    """Return -1, 0 or 1: a figure is lower, about the same or higher, beyond both intervals.

    ``least`` is the smallest relevant difference.
    """
    now, then = base.estimate(name), row.estimate(name)
    if now.mean is None or then.mean is None:
        return 0
    difference = then.mean - now.mean
    if abs(difference) < least or abs(difference) <= (now.half_width or 0) + (then.half_width or 0):
        return 0
    return 1 if difference > 0 else -1


def helpful(found: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Return the measures that settings alone bring about, and that lower a figure; the best first.

    Measures that raise none come first. Those that raise lost work or messages in the DLQ, and those of
    another load than the first scenario, which is as configured, are left out.
    """
    base = found[0]
    rows = [
        row
        for row in found[1:]
        if row.scenario.load == base.scenario.load
        and changed_values(base.scenario.settings, row.scenario.settings)
        and lowered(base, row)
        and not {"lost", "dead_lettered"} & {*raised(base, row)}
    ]

    def rank(row: Comparison) -> tuple[float, ...]:
        figures = [round((row.estimate(name).mean or 0.0) / least) for name, least in FIGURES.items()]
        # Of two equal measures, the one that changes less.
        changes = changed_values(base.scenario.settings, row.scenario.settings) or {}
        return (len(raised(base, row)), *figures, len(changes))

    return tuple(sorted(rows, key=rank))


def plan_settings(
    aws: Aws,
    queue: str,
    found: Sequence[Comparison],
    agreements: Sequence[Agreement] = (),
    measure: str | None = None,
) -> Plan:
    """Return the plan of the measure that helps most, or of a named one that helps.

    ``found`` are the simulated scenarios of the queue, as configured first; ``measure`` is named as
    `watchme simulate` shows it, in any language. It is an InputError when no measure of settings helps, the
    named one does not, the account differs from the case, or the queue has not exactly one function.
    """
    base, rows = found[0], helpful(found)
    names = Phrases(tuple(message("measure-quoted", measure=value_of(row.scenario.measure)) for row in rows))
    named = {render(row.scenario.measure, language): row for language in LANGUAGES for row in rows}
    if measure is not None and measure not in named:
        known = Count(len(rows))
        raise InputError(error_message("error-measure", measure=repr(measure), known=known, names=names))
    clear = [row for row in rows if not raised(base, row)]
    if measure is None and not clear:
        traded = error_message("error-settings-traded", names=names) if rows else ""
        raise InputError(error_message("error-settings-no-help", queue=queue, traded=traded))
    chosen = clear[0] if measure is None else named[measure]
    return settings_plan(aws, base, chosen, live_settings(aws, queue), agreements)


def live_settings(aws: Aws, queue: str) -> LiveSettings:
    """Return the settings of a queue, its function and its mapping; it must have exactly one mapping."""
    scope = discover_scope(aws, [queue], [])
    mappings = [
        (function, each)
        for function, found in scope.mappings.items()
        for each in found
        if resource_name(str(each.get("EventSourceArn"))) == queue
    ]
    if len(mappings) != 1:
        raise InputError(error_message("error-settings-mappings", queue=queue, number=len(mappings)))
    [(function, mapping)] = mappings
    configuration, concurrency = describe_function(aws, function)
    return LiveSettings(
        queue,
        scope.urls[queue],
        scope.queues[queue],
        function,
        float(configuration["Timeout"]),
        concurrency.get("ReservedConcurrentExecutions"),
        str(mapping["UUID"]),
        (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency"),
    )


def settings_plan(
    aws: Aws,
    base: Comparison,
    chosen: Comparison,
    live: LiveSettings,
    agreements: Sequence[Agreement] = (),
) -> Plan:
    """Return the plan that brings about a measure.

    It is refused when the account differs from the simulation ``base`` as configured, or when AWS would
    refuse the combination.
    """
    changes = changed_values(base.scenario.settings, chosen.scenario.settings) or {}
    now, simulated = live.values(), values_of(base.scenario.settings)
    for name, value in now.items():
        if value != simulated[name]:
            raise InputError(
                error_message(
                    "error-setting-differs",
                    name=name,
                    queue=live.queue,
                    has=_is_set(value),
                    live=Number(value or 0.0, digits=6),
                    had=_is_set(simulated[name]),
                    simulated=Number(simulated[name] or 0.0, digits=6),
                )
            )
    after = now | changes
    hidden_s, timeout_s = after["visibility_timeout_s"] or 0.0, after["function_timeout_s"] or 0.0
    if hidden_s < timeout_s:
        raise InputError(
            error_message("error-visibility-below-timeout", hidden=f"{hidden_s:g}", timeout=f"{timeout_s:g}")
        )
    # The visibility timeout must never be below the function timeout, not even between two steps.
    order = ["visibility_timeout_s", "function_timeout_s"]
    if hidden_s < (now["visibility_timeout_s"] or 0.0):
        order.reverse()
    order += ["max_receive_count", "max_concurrency", "reserved_concurrency"]
    steps = tuple(_step(name, changes[name], live) for name in order if name in changes)
    measure = value_of(chosen.scenario.measure)
    return Plan(
        remedy=REMEDY,
        title=message("settings-plan", queue=Resource(live.queue), measure=measure),
        made=datetime.now(UTC),
        account=aws.account(),
        region=aws.region,
        steps=steps,
        relies_on=tuple(condition for step in steps for condition in step.before),
        reasons=(
            message("settings-reason", count=Count(len(chosen.outcomes)), measure=measure),
            *(message("settings-figure", **values) for values in compared_figures(base, chosen, FIGURES)),
        ),
        costs=(message("settings-cost"),),
        risks=(
            *(message("settings-raised", figure=Choice(name)) for name in raised(base, chosen)),
            *doubts(agreements),
        ),
    )


def doubts(agreements: Sequence[Agreement]) -> tuple[Message, ...]:
    """Return the figures in which a simulation as configured differs from the record."""
    return tuple(
        message(
            "settings-doubt",
            figure=Choice(each.figure),
            recorded=Number(each.recorded),
            simulated=Number(each.simulated),
        )
        for each in agreements
        if not each.is_near
    )


def _is_set(value: float | None) -> Choice:
    return Choice("nothing" if value is None else "value")


def compared_figures(base: Comparison, row: Comparison, names: Iterable[str]) -> Iterator[dict[str, Value]]:
    """Yield the values of sentences that compare figures of two simulations, seconds or numbers.

    Each has the mean of the figure with the half width of its interval, now and then. Figures that are zero
    in both are left out.
    """
    for name in names:
        now, then = base.estimate(name), row.estimate(name)
        if now.mean is None or then.mean is None or not (now.mean or then.mean):
            continue
        unit: type[Duration | Number] = Duration if name.endswith("_s") else Number
        yield {
            "figure": Choice(name),
            "now": unit(now.mean),
            "now_half": unit(now.half_width or 0.0),
            "then": unit(then.mean),
            "then_half": unit(then.half_width or 0.0),
        }


def _step(name: str, value: float | None, live: LiveSettings) -> Step:
    old = live.values()[name]
    queue: dict[str, Any] = {"QueueUrl": live.url}
    function, mapping = {"FunctionName": live.function}, {"UUID": live.mapping}

    def why(resource: str) -> Message:
        kind: type[Duration | Number] = Duration if name.endswith("_s") else Number
        return message(
            "settings-step",
            setting=Choice(name),
            has=_is_set(old),
            gets=_is_set(value),
            old=kind(old or 0.0),
            new=kind(value or 0.0),
            resource=Resource(resource),
        )

    match name:
        case "visibility_timeout_s":
            texts = [f"{each:.0f}" for each in (old, value)]
            step, resource, select = "visibility timeout", live.queue, "Attributes.VisibilityTimeout"
            read = Call("sqs", "get_queue_attributes", {**queue, "AttributeNames": ["VisibilityTimeout"]})
            states: list[Any] = [*texts]
            attributes = [{"VisibilityTimeout": text} for text in texts]
            calls = [
                Call("sqs", "set_queue_attributes", {**queue, "Attributes": each}) for each in attributes
            ]
        case "max_receive_count":
            return _receives(int(value or 0), live, why(live.queue))
        case "function_timeout_s":
            timeouts = [int(each or 0) for each in (old, value)]
            step, resource, select = "function timeout", live.function, "[Timeout, LastUpdateStatus]"
            read = Call("lambda", "get_function_configuration", function)
            states = [[each, "Successful"] for each in timeouts]
            calls = [
                Call("lambda", "update_function_configuration", {**function, "Timeout": each})
                for each in timeouts
            ]
        case "max_concurrency":
            limits = [None if each is None else int(each) for each in (old, value)]
            step, resource = "maximum concurrency", live.queue
            select = "[ScalingConfig.MaximumConcurrency, State]"
            read = Call("lambda", "get_event_source_mapping", mapping)
            states = [[each, "Enabled"] for each in limits]
            scaling = [{} if each is None else {"MaximumConcurrency": each} for each in limits]
            calls = [
                Call("lambda", "update_event_source_mapping", {**mapping, "ScalingConfig": each})
                for each in scaling
            ]
        case _:
            reserved = {"ReservedConcurrentExecutions": live.reserved}
            step, resource, select = "reserved concurrency", live.function, "ReservedConcurrentExecutions"
            read = Call("lambda", "get_function_concurrency", function)
            states = [live.reserved, None]
            calls = [
                Call("lambda", "put_function_concurrency", function | reserved),
                Call("lambda", "delete_function_concurrency", function),
            ]
    before, after = (Condition(read, select, state) for state in states)
    return Step(
        step, resource, why(resource), calls[1], (before,),
        until=(replace(after, within_s=_APPLIED_WITHIN_S),),
        undo=(calls[0],), undo_until=(replace(before, within_s=_APPLIED_WITHIN_S),),
    )  # fmt: skip


def _receives(count: int, live: LiveSettings, why: Message) -> Step:
    old_text, policy = str(live.attributes["RedrivePolicy"]), live.redrive_policy
    parameters = {"QueueUrl": live.url, "AttributeNames": ["RedrivePolicy"]}
    read = Call("sqs", "get_queue_attributes", parameters)

    def shows(count: int) -> Condition:
        # SQS may return the policy with other spaces and order than it was given.
        forms = [
            f'"maxReceiveCount":{gap}{text}'
            for gap in ("", " ")
            for text in (f"{count}}}", f"{count},", f'"{count}"')
        ]
        select = " || ".join(f"contains(Attributes.RedrivePolicy, '{form}')" for form in forms)
        return Condition(read, select, True, _APPLIED_WITHIN_S)

    def change(text: str) -> Call:
        parameters = {"QueueUrl": live.url, "Attributes": {"RedrivePolicy": text}}
        return Call("sqs", "set_queue_attributes", parameters)

    return Step(
        "receives before the DLQ", live.queue, why,
        change(json.dumps({**policy, "maxReceiveCount": count})),
        (Condition(read, "Attributes.RedrivePolicy", old_text),),
        until=(shows(count),),
        undo=(change(old_text),), undo_until=(shows(int(policy["maxReceiveCount"])),),
    )  # fmt: skip

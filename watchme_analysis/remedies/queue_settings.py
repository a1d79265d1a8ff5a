"""Plans of settings that simulations have shown to help: queue, function and event source mapping.

Only five settings are changed: visibility timeout, receives before the DLQ, function timeout, maximum
concurrency, and the removal of reserved concurrency. A measure that also changes something else, such as a
FIFO queue or a restart, is another remedy's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from watchme_analysis.errors import InputError
from watchme_analysis.remedies.allowed_calls import SOURCE_QUEUE
from watchme_analysis.remedies.live_queue import DrainedQueue, read_drained_queue
from watchme_analysis.remedies.plan import Call, Condition, Plan, Step, change
from watchme_analysis.simulation.advice import HELPS, doubts, estimate_of_figure, moved
from watchme_analysis.simulation.calibration import Agreement
from watchme_analysis.simulation.scenarios import Comparison
from watchme_analysis.simulation.settings import Settings
from watchme_analysis.text.catalogue import LANGUAGES
from watchme_analysis.text.message import (
    Choice,
    Count,
    Duration,
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


# The settings that can be changed, by name, in the order of their steps.
_SETTINGS: Mapping[str, Callable[[Settings], float | None]] = {
    name.rpartition(".")[2]: attrgetter(name)
    for name in (
        "queue.visibility_timeout_s", "function_timeout_s", "queue.max_receive_count",
        "poller.max_concurrency", "poller.reserved_concurrency",
    )
}  # fmt: skip


def live_values(live: DrainedQueue) -> dict[str, float | None]:
    """Return the settings that the account has now, by their names in a simulation."""
    return {
        "visibility_timeout_s": live.queue.visibility_s,
        "function_timeout_s": live.timeout_s,
        "max_receive_count": live.queue.policy_of("RedrivePolicy").get("maxReceiveCount"),
        "max_concurrency": live.most,
        "reserved_concurrency": live.reserved,
    }


def values_of(settings: Settings) -> dict[str, float | None]:
    """Return the settings of a simulation that can be changed, by name."""
    return {name: value_in(settings) for name, value_in in _SETTINGS.items()}


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
    agreements: Sequence[tuple[str, Agreement]] = (),
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
    live = read_drained_queue(aws, queue, "error-settings-mappings")
    return settings_plan(aws, base, chosen, live, agreements)


def settings_plan(
    aws: Aws,
    base: Comparison,
    chosen: Comparison,
    live: DrainedQueue,
    agreements: Sequence[tuple[str, Agreement]] = (),
) -> Plan:
    """Return the plan that brings about a measure.

    It is refused when the account differs from the simulation ``base`` as configured, or when AWS would
    refuse the combination.
    """
    changes = changed_values(base.scenario.settings, chosen.scenario.settings) or {}
    now, simulated = live_values(live), values_of(base.scenario.settings)
    for name, value in now.items():
        if value != simulated[name]:
            raise InputError(
                error_message(
                    "error-setting-differs",
                    name=name,
                    queue=live.queue.name,
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
    first, second, *others = _SETTINGS
    order = [first, second, *others] if hidden_s >= live.queue.visibility_s else [second, first, *others]
    steps = tuple(_step(name, changes[name], live) for name in order if name in changes)
    measure = value_of(chosen.scenario.measure)
    return Plan(
        remedy=REMEDY,
        title=message("settings-plan", queue=Resource(live.queue.name), measure=measure),
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


def _is_set(value: float | None) -> Choice:
    return Choice("nothing" if value is None else "value")


def compared_figures(base: Comparison, row: Comparison, names: Iterable[str]) -> Iterator[dict[str, Value]]:
    """Yield the values of sentences that compare figures of two simulations.

    Figures that are zero in both are left out.
    """
    for name in names:
        now, then = base.estimate(name), row.estimate(name)
        if now.mean is not None and then.mean is not None and (now.mean or then.mean):
            estimates = {"now": estimate_of_figure(name, now), "then": estimate_of_figure(name, then)}
            yield {"figure": Choice(name), **estimates}


@dataclass(frozen=True)
class _Way:
    """How a setting is read and changed: the state that a reading shows for a value, and the call for it."""

    step: str
    resource: str
    read: Call
    select: str
    state: Callable[[int | None], Any]
    call: Callable[[int | None], Call]


def _ways(live: DrainedQueue) -> dict[str, _Way]:
    queue, function = {"QueueUrl": live.queue.url}, {"FunctionName": live.function}
    mapping = {"UUID": str(live.mapping["UUID"])}

    def attribute(name: str) -> Call:
        return Call("sqs", "get_queue_attributes", {**queue, "AttributeNames": [name]})

    def visibility(value: int | None) -> Call:
        return Call("sqs", "set_queue_attributes", {**queue, "Attributes": {"VisibilityTimeout": str(value)}})

    def receives(value: int | None) -> Call:
        policy = live.queue.attributes["RedrivePolicy"]
        if value != live_values(live)["max_receive_count"]:
            policy = json.dumps({**live.queue.policy_of("RedrivePolicy"), "maxReceiveCount": value})
        return Call("sqs", "set_queue_attributes", {**queue, "Attributes": {"RedrivePolicy": policy}})

    def timeout(value: int | None) -> Call:
        return Call("lambda", "update_function_configuration", {**function, "Timeout": value})

    def most(value: int | None) -> Call:
        scaling = {} if value is None else {"MaximumConcurrency": value}
        return Call("lambda", "update_event_source_mapping", {**mapping, "ScalingConfig": scaling})

    def reserved(value: int | None) -> Call:
        if value is None:
            return Call("lambda", "delete_function_concurrency", function)
        return Call("lambda", "put_function_concurrency", {**function, "ReservedConcurrentExecutions": value})

    name = live.queue.name
    return {
        "visibility_timeout_s": _Way(
            "visibility timeout", name, attribute("VisibilityTimeout"), "Attributes.VisibilityTimeout", str,
            visibility,
        ),
        "function_timeout_s": _Way(
            "function timeout", live.function, Call("lambda", "get_function_configuration", function),
            "[Timeout, LastUpdateStatus]", lambda value: [value, "Successful"], timeout,
        ),
        "max_receive_count": _Way(
            "receives before the DLQ", name, attribute("RedrivePolicy"), "", lambda _: True, receives
        ),
        "max_concurrency": _Way(
            "maximum concurrency", name, Call("lambda", "get_event_source_mapping", mapping),
            "[ScalingConfig.MaximumConcurrency, State]", lambda value: [value, "Enabled"], most,
        ),
        "reserved_concurrency": _Way(
            "reserved concurrency", live.function, Call("lambda", "get_function_concurrency", function),
            "ReservedConcurrentExecutions", lambda value: value, reserved,
        ),
    }  # fmt: skip


def _step(name: str, value: float | None, live: DrainedQueue) -> Step:
    old, way = live_values(live)[name], _ways(live)[name]
    unit: type[Duration | Number] = Duration if name.endswith("_s") else Number
    why = message(
        "settings-step",
        setting=Choice(name),
        has=_is_set(old),
        gets=_is_set(value),
        old=unit(old or 0.0),
        new=unit(value or 0.0),
        resource=Resource(way.resource),
    )

    def shows(whole: int | None) -> Condition:
        # SQS may return a redrive policy with other spaces and order than it was given.
        return Condition(way.read, way.select or _states_receives(whole), way.state(whole), _APPLIED_WITHIN_S)

    values = tuple(None if each is None else round(each) for each in (old, value))
    step = change(way.step, way.resource, why, (values[0], values[1]), shows, way.call)
    if name == "max_concurrency":
        of_queue = (Condition(way.read, SOURCE_QUEUE, live.queue.arn),)
        return replace(step, before=of_queue + step.before, undo_before=of_queue)
    if name == "max_receive_count":
        exactly = Condition(way.read, "Attributes.RedrivePolicy", live.queue.attributes["RedrivePolicy"])
        return replace(step, before=(exactly,))
    return step


def _states_receives(count: int | None) -> str:
    forms = [
        f'"maxReceiveCount":{gap}{text}'
        for gap in ("", " ")
        for text in (f"{count}}}", f"{count},", f'"{count}"')
    ]
    return " || ".join(f"contains(Attributes.RedrivePolicy, '{form}')" for form in forms)

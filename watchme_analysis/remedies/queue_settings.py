"""Plans of settings that simulations have shown to help: queue, function and event source mapping.

Only five settings are changed: visibility timeout, receives before the DLQ, function timeout, maximum
concurrency, and the removal of reserved concurrency. A measure that also changes something else, such as a
FIFO queue or a restart, is another remedy's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from watchme_analysis.errors import InputError
from watchme_analysis.remedies.plan import Call, Condition, Plan, Step
from watchme_analysis.simulation.advice import HELPS
from watchme_analysis.simulation.calibration import Agreement
from watchme_analysis.simulation.scenarios import Comparison
from watchme_analysis.simulation.settings import Settings
from watchme_analysis.text.message import (
    Choice,
    Count,
    Duration,
    Number,
    Resource,
    Value,
    message,
    value_of,
)
from watchme_analysis.text.render import error_message

REMEDY = "settings"
# SQS takes up to 60 seconds to apply attributes, Lambda some seconds to update a function or mapping.
_APPLIED_WITHIN_S = 120.0
# Figures of an outcome in order of importance, with the smallest relevant difference.
FIGURES = {"lost": 1.0, "dead_lettered": 1.0, "peak_age_s": 60.0, "duplicates": 1.0}


@dataclass(frozen=True)
class LiveSettings:
    """A queue and what drains it, as the account has them now.

    Attributes
    ----------
    queue, url, attributes
        Name, URL and attributes of the queue.
    function, timeout_s, reserved
        Function with its timeout and reserved concurrency; None when none is reserved.
    mapping, most
        UUID of the event source mapping and its maximum concurrency; None without a limit.
    """

    queue: str
    url: str
    attributes: dict[str, Any]
    function: str
    timeout_s: float
    reserved: int | None
    mapping: str
    most: int | None

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


def lowered(base: Comparison, row: Comparison) -> tuple[str, ...]:
    """Return the figures that a measure lowers, beyond the intervals of both and by a relevant share."""
    return tuple(
        name
        for name in FIGURES
        if moved(base, row, name, FIGURES[name]) < 0
        and (row.estimate(name).mean or 0.0) <= HELPS * (base.estimate(name).mean or 0.0)
    )


def raised(base: Comparison, row: Comparison) -> tuple[str, ...]:
    """Return the figures that a measure raises beyond the intervals of both."""
    return tuple(name for name in FIGURES if moved(base, row, name, FIGURES[name]) > 0)


def moved(base: Comparison, row: Comparison, name: str, least: float) -> int:
    """Return -1, 0 or 1: a figure is lower, about the same or higher, beyond both intervals.

    Parameters
    ----------
    base, row
        Simulations to compare.
    name
        Field of their outcomes.
    least
        Smallest relevant difference.
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

    Measures that raise none come first. Those that raise lost work or messages in the DLQ are left out.

    Parameters
    ----------
    found
        Simulated scenarios, as configured first. Those of another load are ignored.
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


def settings_plan(
    base: Comparison,
    chosen: Comparison,
    live: LiveSettings,
    agreements: Sequence[Agreement],
    empty: Plan,
) -> Plan:
    """Return the plan that brings about a measure.

    Parameters
    ----------
    base, chosen
        Simulations as configured, and with the measure.
    live
        The account.
    agreements
        Agreement of the simulation as configured with the record.
    empty
        Plan without steps, of the account and region.

    Raises
    ------
    InputError
        When the account differs from the simulation, or AWS would refuse the combination.
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
    is_raised = changes.get("visibility_timeout_s", 0.0) or 0.0
    # The visibility timeout must never be below the function timeout, not even between two steps.
    order = ["visibility_timeout_s", "function_timeout_s"]
    if is_raised < (now["visibility_timeout_s"] or 0.0):
        order.reverse()
    order += ["max_receive_count", "max_concurrency", "reserved_concurrency"]
    steps = tuple(_step(name, changes[name], live) for name in order if name in changes)
    count = len(chosen.outcomes)
    measure = value_of(chosen.scenario.measure)
    return replace(
        empty,
        remedy=REMEDY,
        title=message("settings-plan", queue=Resource(live.queue), measure=measure),
        steps=steps,
        relies_on=tuple(condition for step in steps for condition in step.before),
        reasons=(
            message("settings-reason", count=Count(count), measure=measure),
            *(message("settings-figure", **values) for values in compared_figures(base, chosen, FIGURES)),
        ),
        costs=(message("settings-cost"),),
        risks=(
            *(message("settings-raised", figure=Choice(name)) for name in raised(base, chosen)),
            *(
                message(
                    "settings-doubt",
                    figure=Choice(each.figure),
                    recorded=Number(each.recorded),
                    simulated=Number(each.simulated),
                )
                for each in agreements
                if not each.is_near
            ),
        ),
    )


def _is_set(value: float | None) -> Choice:
    return Choice("nothing" if value is None else "value")


def compared_figures(base: Comparison, row: Comparison, names: Iterable[str]) -> Iterator[dict[str, Value]]:
    """Yield the values of sentences that compare figures of two simulations.

    Figures that are zero in both are left out.

    Yields
    ------
    dict of str to Value
        ``figure``, its mean with the half width of its interval now and then: seconds, or a number.
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
    steps = {
        "visibility_timeout_s": _visibility,
        "max_receive_count": _receives,
        "function_timeout_s": _timeout,
        "max_concurrency": _most,
        "reserved_concurrency": _unreserved,
    }
    made = steps[name](value, live)
    old = live.values()[name]
    kind: type[Duration | Number] = Duration if name.endswith("_s") else Number
    why = message(
        "settings-step",
        setting=Choice(name),
        has=_is_set(old),
        gets=_is_set(value),
        old=kind(old or 0.0),
        new=kind(value or 0.0),
        resource=Resource(made.resource),
    )
    return replace(made, why=why)


_WHY = message("settings-cost")  # replaced by the reason of the step


def _visibility(value: float | None, live: LiveSettings) -> Step:
    old, new = live.attributes["VisibilityTimeout"], f"{value:.0f}"

    def shows(wanted: str, within_s: float = 0.0) -> Condition:
        parameters = {"QueueUrl": live.url, "AttributeNames": ["VisibilityTimeout"]}
        read = Call("sqs", "get_queue_attributes", parameters)
        return Condition(read, "Attributes.VisibilityTimeout", wanted, within_s)

    def change(text: str) -> Call:
        attributes = {"VisibilityTimeout": text}
        return Call("sqs", "set_queue_attributes", {"QueueUrl": live.url, "Attributes": attributes})

    return Step(
        "visibility timeout", live.queue, _WHY, change(new), (shows(old),),
        until=(shows(new, _APPLIED_WITHIN_S),),
        undo=(change(old),), undo_until=(shows(old, _APPLIED_WITHIN_S),),
    )  # fmt: skip


def _receives(value: float | None, live: LiveSettings) -> Step:
    old_text = str(live.attributes["RedrivePolicy"])
    policy = live.redrive_policy
    new_text = json.dumps({**policy, "maxReceiveCount": int(value or 0)})
    read = Call("sqs", "get_queue_attributes", {"QueueUrl": live.url, "AttributeNames": ["RedrivePolicy"]})

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
        return Call(
            "sqs", "set_queue_attributes", {"QueueUrl": live.url, "Attributes": {"RedrivePolicy": text}}
        )

    return Step(
        "receives before the DLQ", live.queue, _WHY, change(new_text),
        (Condition(read, "Attributes.RedrivePolicy", old_text),),
        until=(shows(int(value or 0)),),
        undo=(change(old_text),), undo_until=(shows(int(policy["maxReceiveCount"])),),
    )  # fmt: skip


def _timeout(value: float | None, live: LiveSettings) -> Step:
    def shows(seconds: float, within_s: float = 0.0) -> Condition:
        read = Call("lambda", "get_function_configuration", {"FunctionName": live.function})
        return Condition(read, "[Timeout, LastUpdateStatus]", [int(seconds), "Successful"], within_s)

    def change(seconds: float) -> Call:
        parameters = {"FunctionName": live.function, "Timeout": int(seconds)}
        return Call("lambda", "update_function_configuration", parameters)

    return Step(
        "function timeout", live.function, _WHY, change(value or 0.0), (shows(live.timeout_s),),
        until=(shows(value or 0.0, _APPLIED_WITHIN_S),),
        undo=(change(live.timeout_s),), undo_until=(shows(live.timeout_s, _APPLIED_WITHIN_S),),
    )  # fmt: skip


def _most(value: float | None, live: LiveSettings) -> Step:
    def shows(most: int | None, within_s: float = 0.0) -> Condition:
        read = Call("lambda", "get_event_source_mapping", {"UUID": live.mapping})
        return Condition(read, "[ScalingConfig.MaximumConcurrency, State]", [most, "Enabled"], within_s)

    def change(most: int | None) -> Call:
        scaling = {} if most is None else {"MaximumConcurrency": most}
        return Call("lambda", "update_event_source_mapping", {"UUID": live.mapping, "ScalingConfig": scaling})

    new = None if value is None else int(value)
    return Step(
        "maximum concurrency", live.queue, _WHY, change(new), (shows(live.most),),
        until=(shows(new, _APPLIED_WITHIN_S),),
        undo=(change(live.most),), undo_until=(shows(live.most, _APPLIED_WITHIN_S),),
    )  # fmt: skip


def _unreserved(_: float | None, live: LiveSettings) -> Step:
    def shows(reserved: int | None, within_s: float = 0.0) -> Condition:
        read = Call("lambda", "get_function_concurrency", {"FunctionName": live.function})
        return Condition(read, "ReservedConcurrentExecutions", reserved, within_s)

    name = {"FunctionName": live.function}
    restored = Call(
        "lambda", "put_function_concurrency", {**name, "ReservedConcurrentExecutions": live.reserved}
    )
    return Step(
        "reserved concurrency", live.function, _WHY, Call("lambda", "delete_function_concurrency", name),
        (shows(live.reserved),),
        until=(shows(None, _APPLIED_WITHIN_S),),
        undo=(restored,), undo_until=(shows(live.reserved, _APPLIED_WITHIN_S),),
    )  # fmt: skip

"""Plans: every call that a remedy would make, as data that people review and :mod:`apply` carries out.

A plan is a JSON file. It states each call, why it is made, what it costs and risks, and how to undo it. It
also states what it relies on: readings of the system from the time of planning. If one of them has changed,
the plan is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import jmespath

from watchme_analysis.storage.atomic_write import check_replaceable, write_atomically
from watchme_analysis.text.message import Message, message_from_dict
from watchme_analysis.text.shell_quoting import shell_word

FORMAT = "watchme-plan"
FORMAT_VERSION = 1
# A parameter {"$from": "STEP.NAME"} stands for a value that the response of an earlier step contained, and
# STEP.at_ms for the time at which it was done, in milliseconds since 1970.
REFERENCE = "$from"
# A parameter {"$file": PATH, "sha256": HASH} stands for the bytes of a file, which must have that hash.
CONTENT = "$file"
# A parameter {"$now": SECONDS} stands for the time of the call, that many seconds later, as ISO 8601.
NOW = "$now"
# A parameter {"$read": CALL, "select": JMESPATH, "with": VALUES} stands for what a reading yields at the time
# of the call, with the given values in it. So neither plan nor journal holds the rest, such as secrets.
READING = "$read"


@dataclass(frozen=True)
class Call:
    """A call to AWS.

    Attributes
    ----------
    service, operation
        boto3's names, such as ``sqs`` and ``set_queue_attributes``.
    parameters
        Parameters of the operation, ready for JSON.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """Return the call as a command of the AWS CLI."""
        text = json.dumps(self.parameters, ensure_ascii=False)
        return f"aws {self.service} {self.operation.replace('_', '-')} --cli-input-json {shell_word(text)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the call, ready for JSON."""
        return {"service": self.service, "operation": self.operation, "parameters": dict(self.parameters)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Call:
        """Return the call of :meth:`to_dict`."""
        return cls(str(data["service"]), str(data["operation"]), dict(data["parameters"]))


@dataclass(frozen=True)
class Condition:
    """Something that a reading of the system must show.

    Attributes
    ----------
    call
        Call that only reads.
    select
        JMESPath expression over its response [1]_.
    value
        What the expression must yield. A response "not found" yields None.
    within_s
        How long to wait for it, in seconds.
    held_s
        How long it must hold without a break, in seconds, beyond that wait.

    References
    ----------
    .. [1] https://jmespath.org/specification.html
    """

    call: Call
    select: str
    value: Any
    within_s: float = 0.0
    held_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the condition, ready for JSON."""
        found = {
            "call": self.call.to_dict(), "select": self.select, "value": self.value, "within_s": self.within_s
        }  # fmt: skip
        # Left out where it is not used: people read plans.
        return found | ({"held_s": self.held_s} if self.held_s else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Condition:
        """Return the condition of :meth:`to_dict`."""
        jmespath.compile(data["select"])
        return cls(
            Call.from_dict(data["call"]),
            data["select"],
            data["value"],
            float(data["within_s"]),
            float(data.get("held_s", 0.0)),
        )


@dataclass(frozen=True)
class Step:
    """One call of a plan, or one wait.

    Attributes
    ----------
    name
        Key of the step in the plan and in the journal.
    resource
        Name or ARN of what it changes.
    why
        Reason, with numbers.
    call
        The call; None for a step that only waits for ``until``.
    before
        Conditions that must hold just before the call.
    expect
        JMESPath expression over the response, and the value it must yield. Anything else is a surprise.
    until
        Conditions that hold in the system once the step has worked. They verify the step, and decide after a
        kill whether its call has happened.
    is_repeatable
        Whether the same call twice has the effect of one. Otherwise a call whose outcome is unknown is
        reported instead of repeated, unless ``until`` decides.
    keep
        Values of the response that later steps refer to: JMESPath expression by name.
    undo
        Calls that undo the step, in their order.
    undo_until
        Conditions that hold once the step is undone.
    may_be_unseen
        Whether the plan goes on when ``until`` does not hold in time, because nothing happened that would
        show it. Only for a step without a call.
    undo_before
        Conditions that must hold just before the last call of ``undo``.
    hint, undo_hint
        What people can do when a condition of the step, or of its undo, does not hold in time.
    """

    name: str
    resource: str
    why: Message
    call: Call | None = None
    before: tuple[Condition, ...] = ()
    expect: Mapping[str, Any] = field(default_factory=dict)
    until: tuple[Condition, ...] = ()
    is_repeatable: bool = True
    keep: Mapping[str, str] = field(default_factory=dict)
    undo: tuple[Call, ...] = ()
    undo_until: tuple[Condition, ...] = ()
    may_be_unseen: bool = False
    undo_before: tuple[Condition, ...] = ()
    hint: Message | None = None
    undo_hint: Message | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the step, ready for JSON."""
        # Left out where they are not used: people read plans.
        used: dict[str, Any] = {}
        if self.undo_before:
            used["undo_before"] = [each.to_dict() for each in self.undo_before]
        if self.hint is not None:
            used["hint"] = self.hint.to_dict()
        if self.undo_hint is not None:
            used["undo_hint"] = self.undo_hint.to_dict()
        return used | {
            "name": self.name,
            "resource": self.resource,
            "why": self.why.to_dict(),
            "call": self.call and self.call.to_dict(),
            "before": [each.to_dict() for each in self.before],
            "expect": dict(self.expect),
            "until": [each.to_dict() for each in self.until],
            "is_repeatable": self.is_repeatable,
            "keep": dict(self.keep),
            "undo": [each.to_dict() for each in self.undo],
            "undo_until": [each.to_dict() for each in self.undo_until],
            "may_be_unseen": self.may_be_unseen,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Step:
        """Return the step of :meth:`to_dict`."""
        return cls(
            name=str(data["name"]),
            resource=str(data["resource"]),
            why=message_from_dict(data["why"]),
            call=None if data["call"] is None else Call.from_dict(data["call"]),
            before=tuple(map(Condition.from_dict, data["before"])),
            expect=dict(data["expect"]),
            until=tuple(map(Condition.from_dict, data["until"])),
            is_repeatable=bool(data["is_repeatable"]),
            keep=dict(data["keep"]),
            undo=tuple(map(Call.from_dict, data["undo"])),
            undo_until=tuple(map(Condition.from_dict, data["undo_until"])),
            may_be_unseen=bool(data["may_be_unseen"]),
            undo_before=tuple(map(Condition.from_dict, data.get("undo_before", ()))),
            hint=message_from_dict(data["hint"]) if "hint" in data else None,
            undo_hint=message_from_dict(data["undo_hint"]) if "undo_hint" in data else None,
        )


@dataclass(frozen=True)
class Plan:
    """What a remedy would do.

    Attributes
    ----------
    remedy
        Name of the remedy, such as ``alarms``.
    title
        What the plan achieves.
    made
        Time of planning.
    account, region
        Where it applies; it is refused anywhere else.
    steps
        Calls and waits, in their order.
    relies_on
        Readings from the time of planning. If one differs when the plan is applied, it is refused.
    reasons, costs, risks
        Sentences with numbers.
    notes
        What the plan leaves alone, and why.
    undo_on_surprise
        Whether a surprise undoes the steps done so far, such as the rollback of a deployment.
    """

    remedy: str
    title: Message
    made: datetime
    account: str
    region: str
    steps: tuple[Step, ...] = ()
    relies_on: tuple[Condition, ...] = ()
    reasons: tuple[Message, ...] = ()
    costs: tuple[Message, ...] = ()
    risks: tuple[Message, ...] = ()
    notes: tuple[Message, ...] = ()
    undo_on_surprise: bool = False

    @property
    def digest(self) -> str:
        """Return a hash of the plan; a journal belongs to the plan with the same one."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]

    @property
    def calls(self) -> tuple[Call, ...]:
        """Return every call that applying, verifying or undoing the plan may make."""
        conditions = [*self.relies_on]
        found: list[Call] = []
        for step in self.steps:
            conditions += [*step.before, *step.until, *step.undo_before, *step.undo_until]
            found += [*([step.call] if step.call else []), *step.undo]
        made = [*(condition.call for condition in conditions), *found]
        return (*made, *(each for call in made for each in _readings(call.parameters)))

    def to_dict(self) -> dict[str, Any]:
        """Return the plan, ready for JSON."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "remedy": self.remedy,
            "title": self.title.to_dict(),
            "made": self.made.isoformat(timespec="seconds"),
            "account": self.account,
            "region": self.region,
            "reasons": [each.to_dict() for each in self.reasons],
            "costs": [each.to_dict() for each in self.costs],
            "risks": [each.to_dict() for each in self.risks],
            "notes": [each.to_dict() for each in self.notes],
            "relies_on": [each.to_dict() for each in self.relies_on],
            "undo_on_surprise": self.undo_on_surprise,
            "steps": [each.to_dict() for each in self.steps],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """Return the plan of :meth:`to_dict`.

        Raises
        ------
        KeyError, TypeError, ValueError, MessageError
            When the data is not a plan.
        """
        if (data["format"], data["format_version"]) != (FORMAT, FORMAT_VERSION):
            raise ValueError(f"its format is {data['format']} {data['format_version']}")
        steps = tuple(map(Step.from_dict, data["steps"]))
        if len({step.name for step in steps}) < len(steps):
            raise ValueError("two steps have the same name")
        made = datetime.fromisoformat(data["made"])
        if made.tzinfo is None:
            raise ValueError("its time has no zone")
        return cls(
            remedy=str(data["remedy"]),
            title=message_from_dict(data["title"]),
            made=made,
            account=str(data["account"]),
            region=str(data["region"]),
            steps=steps,
            relies_on=tuple(map(Condition.from_dict, data["relies_on"])),
            reasons=_messages(data["reasons"]),
            costs=_messages(data["costs"]),
            risks=_messages(data["risks"]),
            notes=_messages(data["notes"]),
            undo_on_surprise=bool(data["undo_on_surprise"]),
        )


def _readings(value: Any) -> Iterator[Call]:
    """Yield the calls that parameters stand for."""
    if isinstance(value, Mapping):
        if READING in value:
            yield Call.from_dict(value[READING])
        for each in value.values():
            yield from _readings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _readings(each)


def _messages(stored: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    return tuple(map(message_from_dict, stored))


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan to a file; only a file with an earlier plan is replaced.

    Raises
    ------
    InputError
        When the file holds something else or can't be written.
    """
    check_replaceable(path, lambda first: FORMAT.encode() in first[:100], "plan")
    text = json.dumps(plan.to_dict(), ensure_ascii=False, indent=2)
    write_atomically(path, f"{text}\n".encode(errors="surrogatepass"))

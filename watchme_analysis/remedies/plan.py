"""Plans: every call that a remedy would make, as data that people review and :mod:`apply` carries out.

A plan is a JSON file. It states each call, why it is made, what it costs and risks, and how to undo it. It
also states what it relies on: readings of the system from the time of planning. If one of them has changed,
the plan is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Self

import jmespath

from watchme_analysis.cloudwatch.iam_policy import action_of, api_names
from watchme_analysis.storage.atomic_write import check_replaceable, write_atomically
from watchme_analysis.storage.records import Record
from watchme_analysis.text.message import Message
from watchme_analysis.text.shell_quoting import shell_word

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
class Call(Record):
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

    def to_dict(self) -> dict[str, Any]:
        """Return the call, whose parameters stay as they are: AWS takes texts alone."""
        return {**vars(self)}

    @property
    def api_name(self) -> str:
        """Return service and operation by boto3's names, such as ``sqs set_queue_attributes``."""
        return f"{self.service} {self.operation}"

    @property
    def command_name(self) -> str:
        """Return service and operation as the AWS CLI names them, such as ``sqs set-queue-attributes``."""
        return self.api_name.replace("_", "-")

    @property
    def action(self) -> str:
        """Return the IAM action, such as ``sqs:SetQueueAttributes``."""
        return action_of(self.service, api_names(self.service)[self.operation])

    @property
    def command(self) -> str:
        """Return the call as a command of the AWS CLI."""
        text = json.dumps(self.parameters, ensure_ascii=False)
        return f"aws {self.command_name} --cli-input-json {shell_word(text)}"


@dataclass(frozen=True)
class Condition(Record):
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

    RARE: ClassVar[tuple[str, ...]] = ("held_s",)

    call: Call
    select: str
    value: Any
    within_s: float = 0.0
    held_s: float = 0.0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the condition of :meth:`to_dict`, whose expression is valid."""
        jmespath.compile(data["select"])
        return super().from_dict(data)


@dataclass(frozen=True)
class Step(Record):
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

    RARE: ClassVar[tuple[str, ...]] = ("undo_before", "hint", "undo_hint")

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

    @property
    def calls(self) -> tuple[Call, ...]:
        """Return the call, and those that undo the step."""
        return (*([self.call] if self.call else ()), *self.undo)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Return the conditions of the step and of its undo."""
        return (*self.before, *self.until, *self.undo_before, *self.undo_until)


def change(
    name: str,
    resource: str,
    why: Message,
    values: tuple[Any, Any],
    shows: Callable[[Any], Condition],
    call: Callable[[Any], Call],
) -> Step:
    """Return the step that changes a value of the system, and whose undo changes it back.

    ``values`` are the old and the new one. ``shows`` returns the condition that a reading shows a value in
    time, ``call`` the call that sets it.
    """
    old, new = values
    return Step(
        name,
        resource,
        why,
        call(new),
        before=(replace(shows(old), within_s=0.0),),
        until=(shows(new),),
        undo=(call(old),),
        undo_until=(shows(old),),
    )


class StoredPlan(Record):
    """A plan as a file, which states its format; errors name its kind."""

    FORMAT: ClassVar[str]
    KIND: ClassVar[str]

    @property
    def digest(self) -> str:
        """Return a hash of the plan; a journal belongs to the plan with the same one."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]

    def to_dict(self) -> dict[str, Any]:
        """Return the plan, ready for JSON."""
        return {"format": self.FORMAT, "format_version": FORMAT_VERSION, **super().to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the plan of :meth:`to_dict`, with the errors of its parts."""
        if (data["format"], data["format_version"]) != (cls.FORMAT, FORMAT_VERSION):
            raise ValueError(f"its format is {data['format']} {data['format_version']}")
        return super().from_dict(data)


@dataclass(frozen=True)
class Plan(StoredPlan):
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

    FORMAT: ClassVar[str] = "watchme-plan"
    KIND: ClassVar[str] = "plan"

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
    def calls(self) -> tuple[Call, ...]:
        """Return every call that applying, verifying or undoing the plan may make."""
        conditions = (*self.relies_on, *(each for step in self.steps for each in step.conditions))
        made = (*(each.call for each in conditions), *(each for step in self.steps for each in step.calls))
        return (*made, *(each for call in made for each in readings_in(call.parameters)))

    def to_dict(self) -> dict[str, Any]:
        """Return the plan, ready for JSON; its steps come last."""
        parts = super().to_dict()
        return {**parts, "steps": parts.pop("steps")}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the plan of :meth:`to_dict`, with the errors of its parts."""
        plan = super().from_dict(data)
        if len({step.name for step in plan.steps}) < len(plan.steps):
            raise ValueError("two steps have the same name")
        return plan


def readings_in(value: Any) -> Iterator[Call]:
    """Yield the calls that parameters stand for."""
    if isinstance(value, Mapping):
        if READING in value:
            yield Call.from_dict(value[READING])
        for each in value.values():
            yield from readings_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from readings_in(each)


def write_plan(plan: StoredPlan, path: Path) -> None:
    """Write a plan to a file; only a file with an earlier plan of its format is replaced.

    Raises
    ------
    InputError
        When the file holds something else or can't be written.
    """
    check_replaceable(path, lambda first: plan.FORMAT.encode() in first[:100], plan.KIND)
    text = json.dumps(plan.to_dict(), ensure_ascii=False, indent=2)
    write_atomically(path, f"{text}\n".encode(errors="surrogatepass"))

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
    """A call to AWS by boto3's names, such as ``sqs`` and ``set_queue_attributes``; ready for JSON."""

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

    ``select`` is a JMESPath expression over the response (https://jmespath.org/specification.html). A
    response "not found" yields None.
    """

    RARE: ClassVar[tuple[str, ...]] = ("held_s",)

    call: Call  # only reads
    select: str
    value: Any  # what the expression must yield
    within_s: float = 0.0  # how long to wait for it
    held_s: float = 0.0  # how long it must hold without a break, beyond that wait

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the condition of :meth:`to_dict`, whose expression is valid."""
        jmespath.compile(data["select"])
        return super().from_dict(data)


@dataclass(frozen=True)
class Step(Record):
    """One call of a plan, or one wait.

    ``until`` holds in the system once the step has worked. It verifies the step, and decides after a kill
    whether its call has happened. Without it, a call that is not repeatable, and whose outcome is unknown, is
    reported instead of repeated.
    """

    RARE: ClassVar[tuple[str, ...]] = ("undo_before", "hint", "undo_hint")

    name: str  # key of the step in the plan and in the journal
    resource: str  # name or ARN of what it changes
    why: Message  # with numbers
    call: Call | None = None  # None for a step that only waits
    before: tuple[Condition, ...] = ()  # must hold just before the call
    # JMESPath expression over the response, and the value it must yield. Anything else is a surprise.
    expect: Mapping[str, Any] = field(default_factory=dict)
    until: tuple[Condition, ...] = ()
    is_repeatable: bool = True  # the same call twice has the effect of one
    # Values of the response that later steps refer to: JMESPath expression by name.
    keep: Mapping[str, str] = field(default_factory=dict)
    undo: tuple[Call, ...] = ()  # in their order
    undo_until: tuple[Condition, ...] = ()
    undo_before: tuple[Condition, ...] = ()  # must hold just before the last call of the undo
    # What people can do when a condition of the step, or of its undo, does not hold in time.
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
    """What a remedy, such as ``alarms``, would do.

    It is refused outside of its account and region, and if a reading of ``relies_on``, from the time of
    planning, differs when it is applied. ``notes`` state what it leaves alone, and why.
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
    undo_on_surprise: bool = False  # undo the steps done so far, such as the rollback of a deployment

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
    """Write a plan to a file; one that holds something else than an earlier plan is an InputError."""
    check_replaceable(path, lambda first: plan.FORMAT.encode() in first[:100], plan.KIND)
    text = json.dumps(plan.to_dict(), ensure_ascii=False, indent=2)
    write_atomically(path, f"{text}\n".encode(errors="surrogatepass"))

"""Applying a plan: step by step, journalled, resumable, verified in the system, and stopped by any surprise.

A step is on record before its call and after it. After a kill, a step without a result is settled by reading
the system: its ``until`` decides whether the call has happened. Without ``until``, a repeatable call is made
again, and any other is reported as uncertain. A step whose ``until`` came true only after the time limit is
settled in the same way; as long as it has not, the next run waits for it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import jmespath

from watchme_analysis.case.actions import actions_in, record_actions
from watchme_analysis.case.opening import open_case
from watchme_analysis.cloudwatch.session import NotFoundError, ThrottledError, without_retries
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.remedies.allowed_calls import granting_conditions
from watchme_analysis.remedies.plan import CONTENT, NOW, READING, REFERENCE, Call, Condition, Plan, Step
from watchme_analysis.storage.journal import (
    DONE,
    FAILED,
    INTENDED,
    NOT_DONE,
    Journal,
    open_journal,
    read_journal,
)
from watchme_analysis.text.message import (
    Code,
    Duration,
    Message,
    Quotation,
    Resource,
    message,
    message_from_dict,
)
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

# What returns the value that a mapping with the key of a stand-in has.
_StandIns: TypeAlias = Mapping[str, Callable[[Mapping[str, Any]], Any]]
Outcome = Literal["complete", "refused", "stopped", "undone"]
_PLAN = "plan"
UNCERTAIN = "uncertain"
# Account or region of a resource whose name or URL does not state it.
UNKNOWN = "unknown"
# Events of a step at which a run has ended.
ENDED_BADLY = frozenset({FAILED, NOT_DONE, UNCERTAIN})
# Seconds between two readings of a condition; the last of them from then on.
_READINGS_S = (0.2, 1.0, 2.0, 5.0)
# Attempts of a call that AWS throttles.
_THROTTLED_ATTEMPTS = 8
_RESPONSE_CHARACTERS = 200


@dataclass(frozen=True)
class ApplyResult:
    """Result of applying a plan, and why the run ended so.

    ``complete``: every step is done and verified. ``refused``: the system differs from the plan, nothing was
    called. ``stopped``: a step failed or is uncertain; the ones before it are done. ``undone``: what was done
    was undone, and that was verified. ``done`` names the steps that are done, also by earlier runs.
    """

    outcome: Outcome
    done: tuple[str, ...]
    sentence: Message
    journal: Path


class SurpriseError(Exception):
    """The system is not as expected; carries the sentence."""

    def __init__(self, sentence: Message, event: str = FAILED) -> None:
        super().__init__(sentence.id)
        self.sentence, self.event = sentence, event


class NeverError(SurpriseError):
    """A condition did not hold in time."""


def journal_of(plan: Path) -> Path:
    """Return the journal of a plan's file, ``PLAN.journal.jsonl`` beside it."""
    return plan.with_name(f"{plan.name}.journal.jsonl")


@contextmanager
def recorded(case: Path | None, journal_path: Path, remedy: str) -> Iterator[None]:
    """Record in the table ``actions`` of a case what the journal says at the end of the context.

    A folder of raw evidence is an InputError, before anything is done.
    """
    if case is not None and open_case(case).path.resolve() != case.resolve():
        raise InputError(error_message("error-case-is-raw", folder=case))
    try:
        yield
    finally:
        if case is not None:
            record_actions(case, actions_in(read_journal(journal_path), remedy))


def apply_plan(
    plan: Plan,
    journal_path: Path,
    aws: Aws,
    on_step: Callable[[Step, Message], None] | None = None,
    case: Path | None = None,
) -> ApplyResult:
    """Apply a plan, or the rest of it after an interruption; the same journal belongs to all its runs.

    ``on_step`` is called with each step and what has become of it. The steps are recorded in ``case``, also
    when the run stops. It is an InputError when the journal is another plan's, is in use, or can't be read or
    written, or the case can't be; and a ServiceError when the account can't be read.
    """
    report = on_step or (lambda _step, _sentence: None)
    with recorded(case, journal_path, plan.remedy), open_journal(journal_path) as journal:
        _check_owner(plan, journal)
        for call in plan.calls:
            _replaced(call.parameters, {CONTENT: _content})  # a missing file is found before any call
        try:
            check_place(aws, plan.account, plan.region, is_from_plan=True)
            is_new = journal.event(_PLAN) is None
            # A journal may come with the plan of somebody else: what a plan grants is checked by each run.
            for condition in plan.relies_on if is_new else granting_conditions(plan):
                require(condition, aws, {})
            if is_new:
                journal.write(_PLAN, INTENDED, plan=plan.digest, remedy=plan.remedy)
        except SurpriseError as surprise:
            return ApplyResult("refused", (), message("plan-refused", why=surprise.sentence), journal.path)
        stopped = _earlier_surprise(plan, journal) if plan.undo_on_surprise else None
        if stopped is None and (failed := _run_steps(plan.steps, journal, aws, report)):
            step, why = failed
            stopped = message("plan-stopped", step=Code(step.name), why=why)
        if stopped is not None and plan.undo_on_surprise:
            failed = _run_steps(undo_plan(plan, journal).steps, journal, aws, report)
            if failed is None:
                return ApplyResult("undone", (), message("plan-undone", why=stopped), journal.path)
            stopped = message("plan-undo-failed", why=stopped, undo=failed[1])
        if stopped is not None:
            return ApplyResult("stopped", done_steps(plan, journal), stopped, journal.path)
        journal.write(_PLAN, DONE, plan=plan.digest, sentence=plan.title.to_dict())
        sentence = message("plan-complete", count=len(plan.steps))
        return ApplyResult("complete", done_steps(plan, journal), sentence, journal.path)


def _run_steps(
    steps: Iterable[Step], journal: Journal, aws: Aws, report: Callable[[Step, Message], None]
) -> tuple[Step, Message] | None:
    """Do steps in their order; return the one that failed, with the reason."""
    for step in steps:
        try:
            _do(step, journal, aws, report)
        except SurpriseError as surprise:
            said = surprise.sentence
            if step.hint is not None and isinstance(surprise, NeverError):
                said = message("plan-hint", why=said, hint=step.hint)
            _record(journal, step, surprise.event, said)
            report(step, said)
            return step, said
    return None


def undo(
    plan: Plan,
    journal_path: Path,
    aws: Aws,
    on_step: Callable[[Step, Message], None] | None = None,
    case: Path | None = None,
) -> ApplyResult:
    """Undo the steps of a plan that its journal records, as a plan with a journal of its own beside it."""
    with open_journal(journal_path) as journal:  # held, so that nobody applies the plan meanwhile
        reverse = undo_plan(plan, journal)
        return apply_plan(reverse, journal_path.with_name(f"{journal_path.name}.undo"), aws, on_step, case)


def undo_plan(plan: Plan, journal: Journal) -> Plan:
    """Return the plan that undoes the steps that a journal records as done or uncertain, the last first."""
    made = _results(journal)
    steps = [
        Step(
            name=f"undo {step.name}" + (f" {number}" if number > 1 else ""),
            resource=step.resource,
            why=message("plan-undo-step", step=Code(step.name)),
            call=replace(call, parameters=_with_references(call.parameters, made)),
            before=step.undo_before if number == len(step.undo) else (),
            until=step.undo_until if number == len(step.undo) else (),
            hint=step.undo_hint,
        )
        for step in reversed(plan.steps)
        if _may_have_been_called(step, journal)
        for number, call in enumerate(step.undo, 1)
    ]
    return replace(
        plan,
        title=message("plan-undo", plan=plan.title),
        steps=tuple(steps),
        relies_on=(),
        reasons=(),
        costs=(),
        risks=(),
        undo_on_surprise=False,
    )


def done_steps(plan: Plan, journal: Journal) -> tuple[str, ...]:
    """Return the names of the plan's steps that a journal records as done."""
    return tuple(step.name for step in plan.steps if journal.event(step.name) == DONE)


def read_value(condition: Condition, aws: Aws, made: Mapping[str, Any] | None = None) -> Any:
    """Return what the expression of a condition yields now, ready for JSON; None when nothing is found.

    ``made`` has the values that earlier steps kept, by ``STEP.NAME``. A call that fails for another reason
    than a missing resource is a ServiceError.
    """
    call = condition.call
    try:
        response = _all_pages(call, aws, _resolved(call.parameters, aws, made or {}))
    except NotFoundError:
        return None
    return jmespath.search(condition.select, plain(response))


def _all_pages(call: Call, aws: Aws, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the response of a call, with the items of all its pages."""
    if not aws.client(call.service).can_paginate(call.operation):
        return aws.call(call.service, call.operation, **parameters)
    whole: dict[str, Any] = {}
    for page in aws.pages(call.service, call.operation, **parameters):
        for key, value in page.items():
            is_more = isinstance(value, list) and isinstance(whole.get(key), list)
            whole[key] = [*whole[key], *value] if is_more else value
    return whole


def plain(value: Any) -> Any:
    """Return a response ready for JSON: times as ISO 8601, a streamed payload as what it contains.

    ``LogResult`` of Lambda's Invoke is decoded; it is the end of the log in base64.
    """
    if isinstance(value, Mapping):
        return {
            str(key): plain(base64.b64decode(each) if key == "LogResult" else each)
            for key, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, bytes):
        text = value.decode(errors="replace")
        try:
            return json.loads(text)
        except ValueError:
            return text
    return value


def _check_owner(plan: Plan, journal: Journal) -> None:
    entry = journal.last.get(_PLAN)
    if entry is not None and entry.get("plan") != plan.digest:
        raise InputError(error_message("error-journal-other-plan", path=journal.path))
    if entry is None and journal.entries:
        raise InputError(error_message("error-journal-other-remedy", path=journal.path))


def check_place(aws: Aws, account: str, region: str, *, is_from_plan: bool = False) -> None:
    """Check that a session is of an account and region; another one is a SurpriseError.

    Each of them may be :data:`UNKNOWN`, except in a plan, which always states both.
    """
    own_account, own_region = aws.account(), aws.region
    unknown = () if is_from_plan else (UNKNOWN,)
    if account not in (own_account, *unknown) or region not in (own_region, *unknown):
        raise SurpriseError(
            message(
                "plan-other-place",
                account=Resource(own_account),
                region=Resource(own_region),
                planned_account=Resource(account),
                planned_region=Resource(region),
            )
        )


def _do(step: Step, journal: Journal, aws: Aws, report: Callable[[Step, Message], None]) -> None:
    event = journal.event(step.name)
    if event == DONE:
        return
    made = _results(journal)
    calls = step.call is not None
    if step.call is not None and _may_have_been_called(step, journal):
        # A response that was not as expected is not made good by reading.
        settled = None if event == FAILED and step.expect else _settled(step, aws, made)
        if settled:
            _record(journal, step, DONE, settled=True)
            report(step, message("plan-step-settled"))
            return
        if settled is None and not step.is_repeatable:
            raise SurpriseError(message("plan-step-uncertain", call=_name(step.call)), UNCERTAIN)
        if event == FAILED:
            # The call was made, and its effect may still come: it is repeated only if nothing has changed.
            is_unchanged = all(_holds(condition, aws, made) for condition in step.before)
            calls = settled is None or (step.is_repeatable and is_unchanged)
    if calls and event not in {INTENDED, UNCERTAIN}:
        for condition in step.before:
            require(condition, aws, made)
    kept: dict[str, Any] = {}
    if step.call is not None and calls:
        journal.write(step.name, INTENDED, call=step.call.command_name, resource=step.resource)
        response = _called(step, step.call, aws, made)
        for select, wanted in step.expect.items():
            _expect(step.call, select, wanted, response)
        kept = {name: jmespath.search(select, response) for name, select in step.keep.items()}
    made |= {f"{step.name}.{name}": value for name, value in kept.items()}
    for condition in step.until:
        require(condition, aws, made)
    more: dict[str, Any] = {"made": kept} if kept else {}
    _record(journal, step, DONE, None, **more)
    report(step, message("plan-step-done"))


def _record(journal: Journal, step: Step, event: str, said: Message | None = None, **more: Any) -> None:
    """Record what has become of a step, with the sentence for the table ``actions``."""
    call = {"call": step.call.command_name} if step.call is not None else {}
    sentence = (said or step.why).to_dict()
    journal.write(step.name, event, **more, **call, resource=step.resource, sentence=sentence)


def _may_have_been_called(step: Step, journal: Journal) -> bool:
    """Return whether a journal records a call of the step that was not refused."""
    called = False
    for entry in journal.entries:
        if entry["key"] == step.name and entry["event"] in {INTENDED, DONE, UNCERTAIN, NOT_DONE}:
            called = entry["event"] != NOT_DONE
    return called


def _settled(step: Step, aws: Aws, made: Mapping[str, Any]) -> bool | None:
    """Return whether the call of an interrupted step has happened, by reading; None when that can't tell.

    A step that keeps values of its response is never settled by reading: the response is lost.
    """
    if not step.until or step.keep:
        return None
    return all(_holds(condition, aws, made) for condition in step.until)


def _called(step: Step, call: Call, aws: Aws, made: Mapping[str, Any]) -> Any:
    resolved = replace(call, parameters=_resolved(call.parameters, aws, made))
    if not step.is_repeatable:
        return plain(call_once(resolved, aws))
    try:
        return plain(aws.call(resolved.service, resolved.operation, **resolved.parameters))
    except ServiceError as error:
        raise SurpriseError(_failure(call, error), NOT_DONE) from error


def call_once(call: Call, aws: Aws) -> dict[str, Any]:
    """Return the response of a call that is repeated only while AWS throttles it: it was not accepted then.

    A call that failed is a SurpriseError with the :class:`ServiceError` as its cause. Its event is
    :data:`UNCERTAIN` if AWS may have accepted the call: the error is a temporary one, and there was a
    connection.
    """
    from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

    single = without_retries(aws)
    for attempt in count():
        try:
            return single.call(call.service, call.operation, **call.parameters)
        except ThrottledError as error:
            problem: ServiceError = error
        except ServiceError as error:
            was_sent = not isinstance(error.__cause__, EndpointConnectionError | ConnectTimeoutError)
            event = UNCERTAIN if error.retryable and was_sent else NOT_DONE
            raise SurpriseError(_failure(call, error), event) from error
        if attempt + 1 >= _THROTTLED_ATTEMPTS:
            raise SurpriseError(_failure(call, problem), NOT_DONE) from problem
        aws.sleep(aws.backoff(attempt))
    raise AssertionError  # pragma: no cover - the loop returns or raises


def _expect(call: Call, select: str, wanted: Any, response: Any) -> None:
    found = jmespath.search(select, response)
    if found != wanted:
        raise SurpriseError(
            message(
                "plan-unexpected",
                call=_name(call),
                select=Code(select),
                found=_response_text(found),
                wanted=_response_text(wanted),
            )
        )


def require(condition: Condition, aws: Aws, made: Mapping[str, Any]) -> None:
    """Wait until a condition holds, at most its ``within_s``, and then as long as it must hold.

    A condition that does not hold, or can't be read, is a SurpriseError.
    """
    waited_s, held_s, number = 0.0, 0.0, 0
    while True:
        try:
            found = read_value(condition, aws, made)
            wanted = _with_references(condition.value, made)
        except ServiceError as error:
            raise SurpriseError(_failure(condition.call, error)) from error
        if found == wanted:
            if held_s >= condition.held_s:
                return
        else:
            held_s = 0.0
            if waited_s >= condition.within_s:
                break
        left_s = condition.held_s - held_s if found == wanted else condition.within_s - waited_s
        pause_s = min(_READINGS_S[min(number, len(_READINGS_S) - 1)], left_s)
        aws.sleep(pause_s)
        if found == wanted:
            held_s += pause_s
        else:
            waited_s += pause_s
        number += 1
    values = {
        "call": _name(condition.call),
        "select": Code(condition.select),
        "found": _response_text(found),
        "wanted": _response_text(wanted),
    }
    if condition.within_s:
        raise NeverError(message("plan-never", within=Duration(condition.within_s), **values))
    raise SurpriseError(message("plan-differs", **values))


def _holds(condition: Condition, aws: Aws, made: Mapping[str, Any]) -> bool:
    try:
        return bool(read_value(condition, aws, made) == _with_references(condition.value, made))
    except ServiceError as error:
        raise SurpriseError(_failure(condition.call, error), UNCERTAIN) from error


def _earlier_surprise(plan: Plan, journal: Journal) -> Message | None:
    """Return why an earlier run began to undo the plan; None when none did."""
    for step in plan.steps:
        entry = journal.last.get(step.name, {})
        if entry.get("event") in ENDED_BADLY:
            return message("plan-stopped", step=Code(step.name), why=message_from_dict(entry["sentence"]))
    return None


def _results(journal: Journal) -> dict[str, Any]:
    """Return the values that the done steps kept, by ``STEP.NAME``, and when each was done."""
    found: dict[str, Any] = {}
    for key, entry in journal.last.items():
        if entry["event"] == DONE:
            found[f"{key}.at_ms"] = round(datetime.fromisoformat(entry["at"]).timestamp() * 1000)
            found |= {f"{key}.{name}": value for name, value in entry.get("made", {}).items()}
    return found


def _resolved(value: Any, aws: Aws, made: Mapping[str, Any]) -> Any:
    """Return parameters with each reference, file, time and reading replaced by its value."""

    def read(stated: Mapping[str, Any]) -> Any:
        return _reading(_replaced(stated, stand_ins), aws)

    stand_ins: _StandIns = {REFERENCE: partial(_kept, made), CONTENT: _content, NOW: _now}
    return _replaced(value, {**stand_ins, READING: read})


def _replaced(value: Any, stand_ins: _StandIns) -> Any:
    """Return a value with each mapping that has the key of a stand-in replaced by what that returns."""
    if isinstance(value, Mapping):
        marker = next(filter(value.__contains__, stand_ins), None)
        if marker is not None:
            return stand_ins[marker](value)
        return {key: _replaced(each, stand_ins) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(each, stand_ins) for each in value]
    return value


def _with_references(value: Any, made: Mapping[str, Any]) -> Any:
    return _replaced(value, {REFERENCE: partial(_kept, made)})


def _kept(made: Mapping[str, Any], stated: Mapping[str, Any]) -> Any:
    found = made.get(stated[REFERENCE])
    # Anything else of a response could stand for a call or a file itself.
    if not isinstance(found, str | int | float):
        raise InputError(error_message("error-plan-reference", name=repr(stated[REFERENCE])))
    return found


def _now(stated: Mapping[str, Any]) -> str:
    return (datetime.now(UTC) + timedelta(seconds=stated[NOW])).isoformat(timespec="seconds")


def _reading(stated: Mapping[str, Any], aws: Aws) -> Any:
    """Return what a reading yields now, with the values of ``with`` in it; nothing is a NotFoundError."""
    call = Call.from_dict(stated[READING])
    found = jmespath.search(stated["select"], plain(_all_pages(call, aws, dict(call.parameters))))
    if found is None:
        raise NotFoundError(
            error_message("error-plan-reading", call=call.command_name, select=stated["select"])
        )
    return {**found, **stated["with"]} if "with" in stated else found


def _content(stated: Mapping[str, Any]) -> bytes:
    path = Path(stated[CONTENT])
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(error_message("error-plan-file-unreadable", path=path, reason=error)) from error
    if hashlib.sha256(data).hexdigest() != stated["sha256"]:
        raise InputError(error_message("error-plan-file-changed", path=path))
    return data


def _name(call: Call) -> Code:
    return Code(call.command_name)


def _failure(call: Call, error: ServiceError) -> Message:
    return message("plan-call-failed", call=_name(call), error=Quotation(str(error)))


def _response_text(value: Any) -> Code:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return Code(text if len(text) <= _RESPONSE_CHARACTERS else f"{text[:_RESPONSE_CHARACTERS]}…")

"""Applying a plan to an account, and recording in a case what was done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from watchme_analysis.case.actions import actions_in, record_actions
from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.apply import ApplyResult, apply_plan, undo_plan
from watchme_analysis.remedies.plan import Plan, Step
from watchme_analysis.storage.journal import open_journal, read_journal
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws
    from watchme_analysis.text.message import Message

JOURNAL_SUFFIX = ".journal.jsonl"


def journal_of(plan: Path) -> Path:
    """Return the journal of a plan's file, ``PLAN.journal.jsonl`` beside it."""
    return plan.with_name(plan.name + JOURNAL_SUFFIX)


def apply_and_record(
    plan: Plan,
    journal: Path,
    aws: Aws,
    case: Path | None = None,
    on_step: Callable[[Step, Message], None] | None = None,
) -> ApplyResult:
    """Apply a plan, and record its steps in the table ``actions`` of a case, also when it stops.

    Parameters
    ----------
    plan
        The plan.
    journal
        Journal of the plan, such as :func:`journal_of` its file.
    aws
        Session of the account and region.
    case
        Case folder to record in.
    on_step
        Called with each step and what has become of it.

    Raises
    ------
    InputError, ServiceError, CaseError
        As :func:`watchme_analysis.remedies.apply.apply_plan`; or the case can't be written.
    """
    if case is not None and open_case(case).path.resolve() != case.resolve():
        raise InputError(error_message("error-remedy-raw-evidence", case=case))
    try:
        return apply_plan(plan, journal, aws, on_step)
    finally:
        if case is not None:
            record_actions(case, actions_in(read_journal(journal), plan.remedy))


def undo(
    plan: Plan,
    journal: Path,
    aws: Aws,
    case: Path | None = None,
    on_step: Callable[[Step, Message], None] | None = None,
) -> ApplyResult:
    """Undo the steps of a plan that its journal records, as a plan with a journal of its own.

    The parameters and errors are those of :func:`apply_and_record`. The undo's journal is beside the plan's.
    """
    with open_journal(journal) as opened:  # held, so that nobody applies the plan meanwhile
        reverse = undo_plan(plan, opened)
        return apply_and_record(reverse, journal.with_name(f"{journal.name}.undo"), aws, case, on_step)

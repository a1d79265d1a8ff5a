"""Redrive of the messages of a case: selection, and sending each message once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from watchme_analysis.case.case_folder import Case, UnreadFile
from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import InputError
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.queues.redrive_list import RedriveList, messages_to_redrive
from watchme_analysis.remedies.redrive import RedriveResult, Target, pending_messages, redrive, targets

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

# Seconds between two messages; the rate is far below the quota of a standard queue.
SEND_GAP_S = 0.01
_JOURNAL_SUFFIX = ".redrive-journal.jsonl"
# Suffix of journals of the first release. An existing journal is still used, or messages would be sent twice.
_FORMER_JOURNAL_SUFFIX = ".resent.jsonl"
_TABLE = "queue_messages"


@dataclass(frozen=True)
class RedrivePlan:
    """Messages of a case to redrive that no earlier run has sent.

    Attributes
    ----------
    found
        Messages of the case that were never processed, and the number of excluded messages by reason.
    pending
        Lines of ``found`` that :func:`send_redrive` would send.
    earlier
        Results of earlier runs, from the journal.
    journal
        File that records every message sent.
    holds_messages
        Whether the case contains messages of a queue.
    unread
        Files with messages that could not be read.
    retry_unconfirmed, retry_rejected
        As for :func:`plan_redrive`.
    """

    found: RedriveList
    pending: tuple[str, ...]
    earlier: RedriveResult
    journal: Path
    holds_messages: bool
    unread: tuple[UnreadFile, ...]
    retry_unconfirmed: bool = False
    retry_rejected: bool = False

    @property
    def text(self) -> str:
        """Return the pending messages as JSON Lines for ``aws sqs send-message --cli-input-json``."""
        return "".join(f"{line}\n" for line in self.pending)

    def targets(self, limit: int | None = None) -> list[Target]:
        """Return the queues that the first ``limit`` pending messages go to; all messages when None."""
        return targets(self.pending[:limit])


def plan_redrive(
    case: Case | str | Path,
    queue: str | None = None,
    *,
    include_unknown: bool = False,
    journal: Path | None = None,
    retry_unconfirmed: bool = False,
    retry_rejected: bool = False,
) -> RedrivePlan:
    """Return the plan of a redrive; no message is sent.

    Parameters
    ----------
    case
        A case, its folder, or a folder of raw evidence.
    queue
        Only messages of this source queue; of all queues when None.
    include_unknown
        Include messages for which no evidence shows whether their content caused the failure.
    journal
        Journal of the messages sent; by default :func:`journal_beside` the case.
    retry_unconfirmed
        Include messages that an interrupted run may have sent already.
    retry_rejected
        Include messages that SQS rejected in an earlier run.

    Raises
    ------
    InputError
        When the case has no such queue, or the journal can't be read.
    CaseError
        When the case can't be opened.
    """
    opened = case if isinstance(case, Case) else open_case(case)
    # Analyses of an investigation are computed once.
    investigation = Investigation(opened, "backlog")
    known = [pipeline.queue for pipeline in pipelines(investigation)]
    if queue is not None and queue not in known:
        raise InputError(
            f"The case {opened.name} has no queue {queue!r}: its queues are {', '.join(known) or 'unknown'}."
        )
    found = messages_to_redrive(investigation, queue, include_unknown=include_unknown)
    journal = journal or journal_beside(opened.path if isinstance(case, Case) else Path(case))
    pending, earlier = pending_messages(
        found.lines, journal, retry_unconfirmed=retry_unconfirmed, retry_rejected=retry_rejected
    )
    return RedrivePlan(
        found=found,
        pending=tuple(pending),
        earlier=earlier,
        journal=journal,
        holds_messages=not opened.table(_TABLE).empty,
        unread=tuple(file for file in opened.unread if _TABLE in file.tables),
        retry_unconfirmed=retry_unconfirmed,
        retry_rejected=retry_rejected,
    )


def send_redrive(plan: RedrivePlan, limit: int | None = None, *, profile: str | None = None) -> RedriveResult:
    """Send pending messages to their source queues, each once, and record them in the journal.

    Parameters
    ----------
    plan
        From :func:`plan_redrive`.
    limit
        Largest number of messages to send; all when None.
    profile
        Profile of the AWS configuration; the profile of the environment by default. The regions are those of
        the queue URLs.

    Raises
    ------
    InputError
        When the URL of a queue is unknown, another run uses the journal, or it can't be written.
    """
    if plan.found.without_url:
        raise InputError(
            f"The URL of {', '.join(plan.found.without_url)} is unknown, so nothing is sent: write the list "
            "with --out and add the URL, or pull the queue's attributes into the case."
        )
    return redrive(
        plan.found.lines,
        plan.journal,
        _aws_by_region(profile),
        limit,
        retry_unconfirmed=plan.retry_unconfirmed,
        retry_rejected=plan.retry_rejected,
    )


def journal_beside(case: Path) -> Path:
    """Return the journal of a case's redrive, ``CASE.redrive-journal.jsonl`` beside its folder.

    If ``CASE.resent.jsonl``, the name used by the first release, exists, it is returned instead.
    """
    folder = case.resolve()
    former = folder.with_name(folder.name + _FORMER_JOURNAL_SUFFIX)
    return former if former.exists() else folder.with_name(folder.name + _JOURNAL_SUFFIX)


def _aws_by_region(profile: str | None) -> Callable[[str | None], Aws]:
    """Return a function that returns the session of a region, created once per region.

    Calls are not retried: a retry after a broken connection could send a message twice.
    """
    from watchme_analysis.cloudwatch.session import Aws, RateLimits, SessionTarget

    def aws_of(region: str | None) -> Aws:
        return Aws(SessionTarget(profile, region), RateLimits(gap_s=SEND_GAP_S, attempts=1))

    return cache(aws_of)

"""Purge of an archived queue, with the errors of a case in its record and its end in the case."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from watchme_analysis.case.actions import actions_in, record_actions
from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import InputError
from watchme_analysis.queues.work_done import failed_with
from watchme_analysis.remedies.queue_archive import Archive, ReadingOptions
from watchme_analysis.remedies.queue_purge import REMEDY, PurgeResult, journal_of, purge_queue
from watchme_analysis.storage.journal import read_journal
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws


def errors_of_case(archive: Archive, case: Path) -> dict[str, int]:
    """Return the number of archived messages by the error with which they failed, according to a case."""
    failed = failed_with(open_case(case))
    found = Counter(failed[name].type or failed[name].text for name in archive.messages if name in failed)
    return dict(found.most_common())


def purge_and_record(
    aws: Aws,
    queue: str,
    archive: Archive,
    reason: str,
    *,
    case: Path | None,
    reading: ReadingOptions,
) -> PurgeResult:
    """Purge a queue, and record it in the table ``actions`` of a case, if there is one.

    The parameters and errors are those of :func:`watchme_analysis.remedies.queue_purge.purge_queue`.
    """
    if case is not None and open_case(case).path.resolve() != case.resolve():
        raise InputError(error_message("error-purge-raw-evidence", case=case))
    errors = None if case is None else errors_of_case(archive, case)
    try:
        return purge_queue(aws, queue, archive, reason, errors=errors, reading=reading)
    finally:
        if case is not None:
            record_actions(case, actions_in(read_journal(journal_of(archive.path)), REMEDY))

"""The command ``watchme queue``: an archive of a queue, and its purge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from watchme_analysis.cli.aws import session_of, session_options
from watchme_analysis.cli.exit_codes import OF_OUTCOME, ExitCode
from watchme_analysis.cli.options import (
    case_option,
    policy_option,
    queue_argument,
    visibility_option,
)
from watchme_analysis.cli.output import check_folder, file_option
from watchme_analysis.cli.plans import remedy_grants
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.cloudwatch.iam_policy import Grant
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.queue_archive import Archive, archive_queue, read_archive
from watchme_analysis.text.message import Choice, Code, Duration, Message, Resource, message
from watchme_analysis.text.render import error_message
from watchme_analysis.text.shell_quoting import shell_path

# Senders or errors named in a line.
_MOST_NAMES = 5


def _grants(remedy: str, queue: str | None, **_: Any) -> Iterator[Grant]:
    return remedy_grants(remedy, [queue] if queue else ())


@click.group("queue", short_help="Archive dead-letter queues, and purge what is archived.")
def queue_group() -> None:
    """Archive the messages of a dead-letter queue, and purge what is archived."""


@queue_group.command(
    "archive",
    short_help="Write every message of a dead-letter queue to a file.",
    epilog="""\b
Examples:
  watchme queue archive uploads-dlq --to uploads-dlq.jsonl.gz
  watchme queue archive uploads-dlq --to uploads-dlq.jsonl.gz --visibility-timeout 1800

Exit codes: 0 complete; 1 messages may be missing, or AWS failed; 2 bad input.""",
)
@queue_argument
@file_option("the messages, such as DLQ.jsonl.gz")
@visibility_option
@policy_option(lambda options: _grants("queue archive", **options), "queue", "to")
@session_options
@renders(writes_to_file=False)
def archive_command(out: Printer, queue: str, to: Path, **options: Any) -> Result:
    """Write every message of a QUEUE, a name or a URL, to a file of compressed JSON Lines.

    The messages stay in the queue. While it is read, they are hidden for the visibility timeout at most, and
    made visible again; their receive count rises by one. The file ends with a hash, and with the counts that
    the queue's attributes state one to two minutes after the reading, when they have settled. What may be
    missing is stated in the file and printed.

    A queue with a redrive policy of its own is refused, since reading could move its messages. After an
    interruption, repeat the command.
    """
    check_folder(to)
    found = archive_queue(session_of(options), queue, to, options["visibility_timeout"], out.say)
    about = {"queue": queue, "archive": str(to), "messages": len(found.messages), "sha256": found.sha256}
    values: dict[str, Any] = {
        "count": len(found.messages),
        "queue": Resource(queue),
        "archive": Resource(str(to)),
    }
    said = message("archive-incomplete", **values) if found.missed else message("archive-done", **values)
    return Result(
        (said, *found.missed, message("archive-hash", hash=Code(found.sha256))),
        [about | {"missed": len(found.missed)}],
        about | {"missed": [*map(out.document, found.missed)]},
        outcome=ExitCode.FAILED if found.missed else ExitCode.DONE,
    )


@queue_group.command(
    "purge",
    short_help="Delete the archived messages of a dead-letter queue.",
    epilog="""\b
Examples:
  watchme queue purge uploads-dlq --archive uploads-dlq.jsonl.gz --reason "input files are lost"
  watchme queue purge uploads-dlq --archive uploads-dlq.jsonl.gz --reason "input files are lost" --apply

Exit codes: 0 the queue is empty; 1 messages are left, or may be, or AWS failed; 2 refused, or bad input.""",
)
@queue_argument
@click.option(
    "--archive",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Archive of this queue, of `watchme queue archive`.",
)
@click.option("--reason", help="Why the messages are removed, for the record.")
@case_option
@click.option("--apply", "apply_now", is_flag=True, help="Delete; without it, only the plan is printed.")
@visibility_option
@policy_option(lambda options: _grants("queue purge", **options), "queue")
@session_options
@renders()
def purge_command(out: Printer, queue: str, **options: Any) -> Result:
    """Delete the messages of a QUEUE, a name or a URL, that a complete archive holds.

    Every message is received and compared with the archive before it is deleted. A message that is not in
    the archive, or differs from it, stays. A deletion counts only after the queue's counts have agreed for a
    minute, so the command takes one to two minutes more. ARCHIVE.purge-record.json states time, reason,
    number, oldest, newest, senders and errors, and which deletions are done or uncertain. The journal
    ARCHIVE.purge-journal.jsonl lets an interrupted run continue: repeat the command.
    """
    if options["archive"] is None or not (options["reason"] or "").strip():
        raise InputError(error_message("error-purge-needs"))
    from watchme_analysis.remedies.queue_purge import errors_of_case, purge_queue

    said: list[Message] = []
    archive = read_archive(options["archive"])

    def result_of(about: dict[str, Any], outcome: ExitCode) -> Result:
        sentences = [*map(out.document, said)]
        rows = ({**about, "sentence": each["sentence"]} for each in sentences)
        return Result(said, rows, about | {"sentences": sentences}, outcome=outcome)

    if not options["apply_now"]:
        errors = {} if options["case"] is None else errors_of_case(archive, options["case"])
        said += _plan(queue, archive, errors, options["visibility_timeout"])
        return result_of({"queue": queue, "messages": len(archive.messages)}, ExitCode.DONE)

    result = purge_queue(
        session_of(options),
        queue,
        archive,
        options["reason"].strip(),
        case=options["case"],
        visibility_timeout_s=options["visibility_timeout"],
        report=out.say,
    )
    if result.outcome != "refused":
        said.append(message("purge-deleted", count=result.deleted))
    if result.uncertain:
        said.append(message("purge-uncertain", count=len(result.uncertain), outcome=Choice(result.outcome)))
    said.append(result.sentence)
    said += [message("purge-record", record=Resource(str(result.record)))] if result.record else []
    record = str(result.record) if result.record else None
    numbers = {"deleted": result.deleted, "uncertain": len(result.uncertain)}
    about = {"queue": queue, "outcome": result.outcome, **numbers, "record": record}
    return result_of(about, OF_OUTCOME[result.outcome])


def _plan(queue: str, archive: Archive, errors: dict[str, int], visibility_timeout_s: int) -> list[Message]:
    summary = archive.summary
    if not archive.messages:
        return [message("purge-plan-empty")]
    times = {name: Resource(str(summary[name])) for name in ("oldest", "newest")}
    said = [message("purge-plan", count=len(archive.messages), queue=Resource(queue), **times)]
    said.append(message("purge-plan-delete", visibility=Duration(visibility_timeout_s)))
    said.append(message("purge-plan-senders", senders=_numbers(summary["senders"])))
    if errors or summary["errors"]:
        said.append(message("purge-plan-errors", errors=_numbers(errors or summary["errors"])))
    command = f"watchme redrive --from {shell_path(archive.path)} --queue SOURCE --apply"
    said.append(message("purge-plan-undo", command=Code(command)))
    said.append(message("purge-plan-apply", option=Code("--apply")))
    return said


def _numbers(counts: dict[str, int]) -> Resource:
    named = [f"{name} ({number:,d})" for name, number in counts.items()]
    return Resource(", ".join(named[:_MOST_NAMES]) + (", ..." if len(named) > _MOST_NAMES else ""))

"""The command ``watchme queue``: an archive of a queue, and its purge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.options import language_option, profile_option, region_option
from watchme_analysis.cli.terminal import echo, echo_json
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.plan import Call
from watchme_analysis.remedies.policy import policy_of
from watchme_analysis.remedies.queue_archive import Archive, ReadingLimits, archive_queue, read_archive
from watchme_analysis.remedies.queue_purge import METHODS, PURGE_S, calls_of_purge
from watchme_analysis.remedies.queue_reader import calls_of_reading
from watchme_analysis.text.message import Code, Duration, Message, Resource, message
from watchme_analysis.text.render import error_message, render
from watchme_analysis.text.shell_quoting import shell_word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from watchme_analysis.cloudwatch.session import Aws

_INCOMPLETE = 1
_EXIT_CODES = {"complete": 0, "stopped": _INCOMPLETE, "refused": 2}
# Senders or errors named in a line.
_MOST_NAMES = 5

visibility_option = click.option(
    "--visibility-timeout",
    type=click.IntRange(30, 43200),
    default=300,
    show_default=True,
    help="Seconds for which messages are hidden at most while the queue is read.",
)
policy_option = click.option("--print-policy", is_flag=True, help="Print the IAM policy that this needs.")


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
@click.argument("queue")
@click.option(
    "--to", type=click.Path(dir_okay=False, path_type=Path), help="File to write, such as DLQ.jsonl.gz."
)
@visibility_option
@policy_option
@language_option
@region_option
@profile_option
def archive_command(queue: str, to: Path | None, **options: Any) -> int:
    """Write every message of a QUEUE, a name or a URL, to a file of compressed JSON Lines.

    The messages stay in the queue. While it is read, they are hidden for the visibility timeout at most, and
    made visible again; their receive count rises by one. The file ends with a hash, and with the counts that
    the queue's attributes state after the reading. What may be missing is stated in the file and printed.

    A queue with a redrive policy of its own is refused, since reading could move its messages. After an
    interruption, repeat the command.
    """
    if options["print_policy"]:
        return _print_policy(calls_of_reading("QUEUE"))
    if to is None:
        raise InputError(error_message("error-archive-no-file"))
    found = archive_queue(_aws(options), queue, to, ReadingLimits(options["visibility_timeout"]))
    number, name, file = len(found.messages), Resource(queue), Resource(str(to))
    said = [
        message("archive-incomplete", count=number, queue=name, archive=file)
        if found.missed
        else message("archive-done", count=number, queue=name, archive=file),
        *found.missed,
        message("archive-hash", hash=Code(found.sha256)),
    ]
    _say(said, options["language"])
    return _INCOMPLETE if found.missed else 0


@queue_group.command(
    "purge",
    short_help="Delete the archived messages of a dead-letter queue.",
    epilog="""\b
Examples:
  watchme queue purge uploads-dlq --archive uploads-dlq.jsonl.gz --reason "input files are lost"
  watchme queue purge uploads-dlq --archive uploads-dlq.jsonl.gz --reason "input files are lost" --apply

Exit codes: 0 the queue is empty; 1 messages are left, or AWS failed; 2 refused, or bad input.""",
)
@click.argument("queue")
@click.option(
    "--archive",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Archive of this queue, of `watchme queue archive`.",
)
@click.option("--reason", help="Why the messages are removed, for the record.")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default=METHODS[0],
    show_default=True,
    help="delete: delete each archived message; purge: call PurgeQueue, which also deletes messages that "
    "arrive meanwhile.",
)
@click.option("--case", type=click.Path(path_type=Path), help="Case to record the purge in.")
@click.option("--apply", "apply_now", is_flag=True, help="Delete; without it, only the plan is printed.")
@visibility_option
@policy_option
@language_option
@region_option
@profile_option
def purge_command(queue: str, **options: Any) -> int:
    """Delete the messages of a QUEUE, a name or a URL, that a complete archive holds.

    Every message is received and compared with the archive before it is deleted. A message that is not in
    the archive, or differs from it, stays. The queue must be empty in the end; its counts are read several
    times. ARCHIVE.purge-record.json states time, reason, number, oldest, newest, senders and errors. The
    journal ARCHIVE.purge-journal.jsonl lets an interrupted run continue: repeat the command.
    """
    language = options["language"]
    if options["print_policy"]:
        return _print_policy(calls_of_purge("QUEUE", options["method"]))
    if options["archive"] is None or not (options["reason"] or "").strip():
        raise InputError(error_message("error-purge-needs"))
    from watchme_analysis.services.queue_purge import errors_of_case, purge_and_record

    archive, limits = read_archive(options["archive"]), ReadingLimits(options["visibility_timeout"])
    if not options["apply_now"]:
        errors = {} if options["case"] is None else errors_of_case(archive, options["case"])
        _say(_plan(queue, archive, options["method"], errors, limits), language)
        return 0
    result = purge_and_record(
        _aws(options),
        queue,
        archive,
        options["reason"].strip(),
        method=options["method"],
        case=options["case"],
        limits=limits,
        report=lambda said: echo(render(said, language)),
    )
    said = [message("purge-deleted", count=result.deleted)] if result.deleted is not None else []
    said += [result.sentence]
    said += [message("purge-record", record=Resource(str(result.record)))] if result.record else []
    _say(said, language)
    return _EXIT_CODES[result.outcome]


def _plan(
    queue: str, archive: Archive, method: str, errors: dict[str, int], limits: ReadingLimits
) -> list[Message]:
    summary = archive.summary
    if not archive.messages:
        return [message("purge-plan-empty")]
    times = {name: Resource(str(summary[name])) for name in ("oldest", "newest")}
    said = [message("purge-plan", count=len(archive.messages), queue=Resource(queue), **times)]
    if method == "delete":
        said.append(message("purge-plan-delete", visibility=Duration(limits.visibility_timeout_s)))
    else:
        said.append(message("purge-plan-purge", duration=Duration(PURGE_S)))
    said.append(message("purge-plan-senders", senders=_numbers(summary["senders"])))
    if errors or summary["errors"]:
        said.append(message("purge-plan-errors", errors=_numbers(errors or summary["errors"])))
    command = f"watchme redrive --from {shell_word(str(archive.path))} --queue SOURCE --apply"
    said.append(message("purge-plan-undo", command=Code(command)))
    said.append(message("purge-plan-apply", option=Code("--apply")))
    return said


def _numbers(counts: dict[str, int]) -> Resource:
    named = [f"{name} ({number:,d})" for name, number in counts.items()]
    return Resource(", ".join(named[:_MOST_NAMES]) + (", ..." if len(named) > _MOST_NAMES else ""))


def _aws(options: dict[str, Any]) -> Aws:
    from watchme_analysis.cloudwatch.session import Aws, SessionTarget

    return Aws(SessionTarget(options["profile"], options["region"]))


def _say(sentences: Iterable[Message], language: str) -> None:
    for said in sentences:
        echo(render(said, language))


def _print_policy(calls: Iterable[Call]) -> int:
    echo_json(json.dumps(policy_of(calls), indent=2))
    return 0

"""The command ``watchme resend``: dead letters whose work was never done, listed or sent again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.terminal import echo, echo_json
from watchme_analysis.files.atomic_write import write_atomically
from watchme_analysis.text.formats import counted

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws
    from watchme_analysis.queues.redrive_list import RedriveList
    from watchme_analysis.remedies.redrive import RedriveResult, Rejection

INCOMPLETE = 1
_NAMED = 5


class _Count(click.ParamType):  # type: ignore[type-arg]  # generic in the stubs of some versions only
    name = "N|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "all" or (str(value).isdecimal() and int(value) > 0):
            return value
        return self.fail(f"{value!r} is neither a number from 1 on nor 'all'", param, ctx)


@click.command(
    short_help="List dead letters to send again, or send them.",
    epilog="""\b
Examples:
  watchme resend cases/last-night > resend.jsonl     what would be sent
  watchme resend cases/last-night --send 1           one, to see that it is processed
  watchme resend cases/last-night --send all         the rest; once more after a kill or an error""",
)
@click.argument("case", type=click.Path(path_type=Path))
@click.option("--queue", help="Only dead letters of this queue.")
@click.option(
    "--unknown-too", is_flag=True, help="Also those that may have failed by their own content: look first."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write, not the screen.")
@click.option("--send", type=_Count(), help="Send so many of those that were not sent yet.")
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that knows what was sent; CASE.resent.jsonl beside the case if not given.",
)
@click.option("--send-unsure", is_flag=True, help="Also those that a killed run may have sent already.")
@click.option("--send-rejected", is_flag=True, help="Also those that SQS rejected in an earlier run.")
@click.option("--profile", help="Profile of the AWS configuration to send with.")
def resend(case: Path, queue: str | None, *, unknown_too: bool, **options: Any) -> int:
    """List the messages of a CASE to send again, as JSON Lines; with --send, send them.

    Each line is what `aws sqs send-message --cli-input-json` takes: one message to one queue, with the body
    it had. The list holds each dead letter of the dump whose work was never done, once. Left out, and counted
    on standard error: what ran all the same, other messages of the same work, what can only fail again, and
    what an earlier run has sent.
    Remove the cause first (`watchme diagnose backlog CASE`), then send one and see that it is processed.

    What is sent is written to a journal, so that no run sends what another has sent; a message that was being
    sent when a run was killed is named, and sent again only with --send-unsure. A message that SQS rejects
    for its content is recorded with the reason, the run goes on, and only --send-rejected tries it again.
    Queue, account, region and number of messages are printed before the first is sent. Sending needs
    sqs:SendMessage. The dead letters stay in their queue until they expire or are purged. Exits with 1 when
    a message could not be sent, or may have been.
    """
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.errors import InputError
    from watchme_analysis.queues.pipeline import pipelines
    from watchme_analysis.queues.redrive_list import MAY_HAVE_RUN, messages_to_redrive
    from watchme_analysis.remedies.redrive import pending_messages

    opened = open_case(case)
    known = [flow.queue for flow in pipelines(opened)]
    if queue is not None and queue not in known:
        raise InputError(f"{case} knows no queue {queue!r}; it has {', '.join(known) or 'none'}.")
    found = messages_to_redrive(opened, queue, unknown_too=unknown_too)
    folder = case.resolve()
    journal: Path = options["journal"] or folder.with_name(f"{folder.name}.resent.jsonl")
    lines, done = pending_messages(
        found.lines, journal, unsure_too=options["send_unsure"], rejected_too=options["send_rejected"]
    )
    text = "".join(f"{line}\n" for line in lines)
    out: Path | None = options["out"]
    if out is not None:
        write_atomically(out, text.encode())
    elif options["send"] is None:
        echo_json(text, nl=False)
    echo(f"{counted(len(lines), 'message')} to send again{f' in {out}' if out else ''}", err=True)
    if done.before:
        echo(f"  left out {done.before:,d}: sent before, says {journal}", err=True)
    if done.unsure:
        echo(f"  left out {len(done.unsure):,d}: perhaps sent before (see --send-unsure)", err=True)
    if done.rejected_before:
        echo(
            f"  left out {len(done.rejected_before):,d}: rejected by SQS before (see --send-rejected): "
            f"{_first_few(done.rejected_before)}",
            err=True,
        )
    if found.may_have_run:
        which = "these" if len(lines) == len(found.lines) else f"all {len(found.lines):,d}"
        echo(f"  of {which} {found.may_have_run:,d}: {MAY_HAVE_RUN}", err=True)
    if opened.table("queue_messages").empty:
        echo("  the case holds no message: watchme pull backlog --queue NAME reads dead letters", err=True)
    for file in opened.unread:
        if "queue_messages" in file.tables:
            echo(f"  {file.file} could not be read, its messages are not listed: {file.reason}", err=True)
    for reason, number in found.left_out:
        echo(f"  left out {number}: {reason}", err=True)
    if found.without_url:
        names = ", ".join(found.without_url)
        echo(f"  fill in the URL of {names}: its attributes are not in the case", err=True)
    return 0 if options["send"] is None else _sent(found, lines, journal, options)


def _sent(found: RedriveList, lines: list[str], journal: Path, options: dict[str, Any]) -> int:
    from watchme_analysis.errors import InputError
    from watchme_analysis.remedies.redrive import redrive, targets

    if found.without_url:
        raise InputError(
            f"The URL of {', '.join(found.without_url)} is not known: nothing is sent. See --out."
        )
    most = None if options["send"] == "all" else int(options["send"])
    for target in targets(lines[:most]):
        profile = f", profile {options['profile']}" if options["profile"] else ""
        echo(
            f"sending {counted(target.messages, 'message')} to queue {target.queue}, "
            f"account {target.account}, region {target.region}{profile}",
            err=True,
        )
    result = redrive(
        found.lines,
        journal,
        _aws_by_region(options["profile"]),
        most,
        unsure_too=options["send_unsure"],
        rejected_too=options["send_rejected"],
    )
    _tell(result, journal)
    incomplete = result.stopped or result.unsure or result.rejected or result.rejected_before
    return INCOMPLETE if incomplete else 0


def _aws_by_region(profile: str | None) -> Any:
    """Return what gives the caller of a region, the same one each time."""
    from functools import cache

    from watchme_analysis.cloudwatch.session import Aws, RateLimits, SessionTarget

    def aws_of(region: str | None) -> Aws:
        return Aws(SessionTarget(profile, region), RateLimits(gap_s=0.01, attempts=1))

    return cache(aws_of)


def _tell(result: RedriveResult, journal: Path) -> None:
    rejected = len(result.rejected) + len(result.rejected_before)
    echo(
        f"sent {result.sent:,d} now, {result.before:,d} before, {result.left:,d} not yet"
        + (f", {rejected:,d} rejected" if rejected else "")
    )
    echo(f"journal {journal}: keep it, it knows what was sent")
    if result.unsure:
        names = ", ".join(result.unsure[:_NAMED]) + (", ..." if len(result.unsure) > _NAMED else "")
        echo(
            f"unsure: {counted(len(result.unsure), 'message')} may have been sent or not, as a run ended or "
            f"the connection broke meanwhile: {names}. Look for resent_message_id in the queue or in what "
            "its function logs; --send-unsure sends them, perhaps for the second time.",
            err=True,
        )
    if result.rejected:
        echo(
            f"rejected: SQS does not accept {counted(len(result.rejected), 'message')}: "
            f"{_first_few(result.rejected)}. The journal holds the reasons; later runs leave them out unless "
            "--send-rejected is given.",
            err=True,
        )
    if result.stopped:
        echo(f"stopped: {result.stopped} Then the same command goes on where it stopped.", err=True)


def _first_few(rejections: list[Rejection]) -> str:
    """Return the first rejected messages with their reasons."""
    named = "; ".join(f"{one.message_id} ({one.reason})" for one in rejections[:_NAMED])
    return named + ("; ..." if len(rejections) > _NAMED else "")

"""The command ``watchme resend``: dead letters whose work was never done, ready to be sent again."""

from __future__ import annotations

from pathlib import Path

import click

from watchme_analysis.wording import counted


@click.command(
    short_help="List dead letters to send again, as JSON Lines; send nothing.",
    epilog="""\b
Examples:
  watchme resend cases/last-night > resend.jsonl
  head -1 resend.jsonl > one.json && aws sqs send-message --cli-input-json file://one.json
  while read -r line; do aws sqs send-message --cli-input-json "$line"; done < resend.jsonl""",
)
@click.argument("case", type=click.Path(path_type=Path))
@click.option("--queue", help="Only dead letters of this queue.")
@click.option(
    "--unknown-too", is_flag=True, help="Also those that may have failed by their own content: look first."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write, not the screen.")
def resend(case: Path, queue: str | None, *, unknown_too: bool, out: Path | None) -> None:
    """List the messages of a CASE to send again, as JSON Lines; nothing is sent.

    Each line is what `aws sqs send-message --cli-input-json` takes: one message to one queue, with the body
    it had. The list holds each dead letter of the dump whose work was never done, once. Left out, and counted
    on standard error: what ran all the same, other messages of the same work, and what can only fail again.
    Remove the cause first (`watchme diagnose backlog CASE`), then send one and see that it is processed.
    """
    from watchme_analysis.analysis.backlog.flows import flows
    from watchme_analysis.analysis.backlog.resend import messages_to_resend
    from watchme_analysis.case import open_case
    from watchme_analysis.errors import InputError

    opened = open_case(case)
    known = [flow.queue for flow in flows(opened)]
    if queue is not None and queue not in known:
        raise InputError(f"{case} knows no queue {queue!r}; it has {', '.join(known) or 'none'}.")
    found = messages_to_resend(opened, queue, unknown_too=unknown_too)
    if out is None:
        click.echo(found.text, nl=False)
    else:
        out.write_text(found.text, encoding="utf-8")
    where = "" if out is None else f" in {out}"
    click.echo(f"{counted(len(found.lines), 'message')} to send again{where}", err=True)
    if opened.table("queue_messages").empty:
        click.echo(
            "  the case holds no message: watchme pull backlog --queue NAME reads dead letters", err=True
        )
    for reason, number in found.left_out:
        click.echo(f"  left out {number}: {reason}", err=True)
    if found.without_url:
        names = ", ".join(found.without_url)
        click.echo(f"  fill in the URL of {names}: its attributes are not in the case", err=True)

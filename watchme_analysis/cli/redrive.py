"""The command ``watchme redrive``: listing DLQ messages and sending them to their source queues."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from watchme_analysis.aws_shapes.names import region_of, resource_name
from watchme_analysis.cli.aws import session_options
from watchme_analysis.cli.completion import CASE, complete_queues
from watchme_analysis.cli.exit_codes import OF_OUTCOME, ExitCode
from watchme_analysis.cli.options import (
    FiniteRange,
    Seconds,
    language_option,
    policy_option,
    visibility_option,
)
from watchme_analysis.cli.output import (
    JSON_LINES,
    TABLE,
    Output,
    check_folder,
    file_option,
    form_options,
    output_of,
)
from watchme_analysis.cli.plans import remedy_grants
from watchme_analysis.cli.result import Result, render_result
from watchme_analysis.cli.terminal import Printer, echo, echo_json
from watchme_analysis.cloudwatch.iam_policy import Grant
from watchme_analysis.errors import InputError
from watchme_analysis.storage.atomic_write import check_replaceable, write_atomically
from watchme_analysis.text.message import (
    Choice,
    Names,
    Number,
    Phrases,
    Resource,
    Text,
    message,
    value_of,
)
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.remedies.redrive import RedriveAudit
    from watchme_analysis.remedies.redrive_plan import RedrivePlan

# Largest number of message ids in an output line.
_MOST_IDS = 5
# First bytes of each line of a list, and characters of a body in a table.
_LISTED = b'{"QueueUrl": '
_SHOWN = 80
# Messages per second when nothing shows what the function can process: fewer than any usual API takes.
DEFAULT_RATE_PER_S = 1.0
# States of messages in the audit, in the order in which they are printed; the first ones need nobody.
_SETTLED = ("deleted", "gone", "excluded")
_STATES = (
    "deleted", "gone", "processed", "unproven", "failed", "sent", "unconfirmed", "rejected", "not_sent",
    "returned", "excluded", "new",
)  # fmt: skip


def _grants(options: Mapping[str, Any]) -> Iterator[Grant]:
    """Yield what IAM must allow: messages are received from the dead-letter queues of the case alone."""
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.queues.pipeline import pipelines

    case, queue = options["case"], options["queue"]
    chains = pipelines(open_case(case)) if case is not None else ()
    return remedy_grants("redrive", [each.dlq for each in chains if each.dlq and queue in (None, each.queue)])


@click.command(
    "redrive",
    short_help="List or redrive messages of dead-letter queues.",
    epilog="""\b
Examples:
  watchme redrive cases/last-night > redrive.jsonl    list the messages, send nothing
  watchme redrive cases/last-night --plan             show what --apply would do
  watchme redrive cases/last-night --apply            send, confirm, delete, audit
  watchme redrive --from uploads-dlq.jsonl.gz --queue uploads --apply
  watchme redrive cases/last-night --create body.json --queue daily --plan

Exit codes: 0 done; 1 a message is not sent, not confirmed or still in the dead-letter queue, or a file of
messages can't be read; 2 bad input.""",
)
@click.argument("case", type=CASE, required=False)
@click.option(
    "--queue",
    shell_complete=complete_queues,
    help="Only messages of this source queue; with --from, the queue to send to.",
)
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the messages of this archive of `watchme queue archive`, or of this list of --to; a CASE "
    "leaves out those that need no redrive.",
)
@click.option(
    "--create",
    "template",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Create messages for work that no message names: the body of a message, in which {item} and {day} "
    "are replaced by each item and day of the CASE that was not processed.",
)
@click.option(
    "--include-unknown",
    is_flag=True,
    help="Include messages that may have failed because of their own content: look at them first.",
)
@click.option(
    "--same-work",
    metavar="KEY",
    multiple=True,
    help="Of messages whose bodies have the same value of this key, send the first only; repeat it for more "
    "keys. By default each message is work of its own.",
)
@file_option("the list, or with --apply what has become of each message (JSON)")
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that records every message sent; by default CASE.redrive-journal.jsonl beside the case.",
)
@click.option(
    "--retry-unconfirmed",
    is_flag=True,
    help="Include messages that an earlier run has sent, or may have sent, and not confirmed.",
)
@click.option("--retry-rejected", is_flag=True, help="Include messages that SQS rejected in an earlier run.")
@click.option("--plan", "show_plan", is_flag=True, help="Show what --apply would do, and do nothing.")
@click.option(
    "--apply",
    "apply_now",
    is_flag=True,
    help="Send one message, confirm that it was processed, send the rest, delete each processed message from "
    "the dead-letter queue, and audit every message.",
)
@click.option(
    "--rate",
    type=FiniteRange(0, min_open=True),
    help="Messages per second of --apply.  [default: what the case shows that the function can process "
    f"beside its usual load, else {DEFAULT_RATE_PER_S:g}]",
)
@click.option("--limit", type=click.IntRange(1), help="Largest number of messages of this --apply.")
@click.option(
    "--confirm-within",
    "confirm_within_s",
    type=Seconds(),
    help="Time in which the function's log must show the invocation of a message.  [default: twice the "
    "visibility timeout of its queue, at least 10m]",
)
@visibility_option
@policy_option(_grants)
@language_option
@session_options
@form_options(default="jsonl for the list, else table")
def redrive(case: Path | None, queue: str | None, *, to: Path | None, **options: Any) -> int:
    """List the messages of a CASE to redrive, as JSON Lines; with --apply, redrive them to the end.

    A line is the input of `aws sqs send-message --cli-input-json`: one message for its source queue, with the
    body it had. The list holds each message of a dead-letter queue. Messages that are left out are counted on
    standard error: the log says that they were processed after all, they can only fail again, an earlier run
    has sent them, or another message has the same values of the keys of --same-work. Fix the cause first
    (`watchme diagnose backlog CASE`).

    --apply receives the messages from the dead-letter queue and hides them from others until it ends. It
    sends one message and waits until it was processed: the function's log says so of its id, and neither the
    log nor the dead-letter queue shows it again for twice the visibility timeout of its queue. It sends the
    rest at a rate, deletes each message from the dead-letter queue after it was processed, and ends with an
    audit: found, sent, processed, deleted and remaining, by message id. It stops at the first failure.

    A message that was sent and not confirmed stays in the dead-letter queue. A journal records each message
    before and after it is sent, so that no run sends it twice; --retry-unconfirmed sends it again. A message
    that SQS rejects is recorded with the reason, the others are sent. Account and region of the queue are
    shown, and checked before the first call.
    """
    is_form_stated = options["form"] is not None or options["as_json"]
    is_list = not (options["apply_now"] or options["show_plan"])
    output = output_of(options, JSON_LINES if is_list else TABLE)
    out = Printer(options["language"], is_for_people=output.form == TABLE)
    check_folder(to)
    if to is not None:
        if options["apply_now"]:
            check_replaceable(to, lambda first: b'"outcome"' in first, "audit")
        else:
            check_replaceable(to, lambda first: first.startswith(_LISTED), "messages")
    plan = _planned(case, queue, options)
    _check_region(plan, options["region"])
    if not is_list:
        return render_result(_complete(plan, to, options, out), output, out)
    if to is not None:
        write_atomically(to, plan.text.encode())
    if to is None or is_form_stated:
        _show_list(plan, output, out)
    _print_plan(plan, to, out)
    return ExitCode.FAILED if plan.unread else ExitCode.DONE


def _show_list(plan: RedrivePlan, output: Output, out: Printer) -> None:
    """Print the messages to redrive; JSON Lines are the very lines that are sent."""
    from watchme_analysis.present.text_table import align_rows

    if output.form == JSON_LINES:
        echo_json(plan.text, nl=False)
        return
    rows = [json.loads(line) for line in plan.pending]
    heads = [out.words(f"redrive-column-{name}") for name in ("queue", "body")]
    cells = [(resource_name(row["QueueUrl"]), _short(row["MessageBody"])) for row in rows]
    render_result(Result([align_rows(heads, cells, words=(0, 1))] if cells else (), rows), output, out)


def _short(body: str) -> str:
    return body if len(body) <= _SHOWN else body[:_SHOWN] + "…"


def _check_region(plan: RedrivePlan, region: str | None) -> None:
    """Raise an error if ``--region`` was given and the URL of a queue names another one."""
    if click.get_current_context().get_parameter_source("region") is not ParameterSource.COMMANDLINE:
        return
    for url in dict.fromkeys(json.loads(line)["QueueUrl"] for line in plan.pending):
        if (named := region_of(url)) not in (None, region):
            queue = resource_name(url)
            raise InputError(error_message("error-redrive-region", queue=queue, region=named, stated=region))


def _planned(case: Path | None, queue: str | None, options: dict[str, Any]) -> RedrivePlan:
    """Return the plan of a case, of a file, or of work without messages."""
    from watchme_analysis.remedies.redrive_plan import plan_from_file, plan_of_work, plan_redrive

    source, template = options["source"], options["template"]
    journal = {name: options[name] for name in ("journal", "retry_unconfirmed", "retry_rejected")}
    if source is not None and template is not None:
        raise InputError(error_message("error-from-or-create"))
    if source is not None:
        return plan_from_file(source, queue, case, **journal)
    if case is None:
        raise InputError(error_message("error-redrive-no-messages"))
    if template is None:
        chosen = {name: options[name] for name in ("include_unknown", "same_work")}
        return plan_redrive(case, queue, **journal, **chosen)
    if queue is None:
        raise InputError(error_message("error-redrive-no-queue"))
    return plan_of_work(case, queue, template.read_text(encoding="utf-8").strip(), **journal)


def _complete(plan: RedrivePlan, to: Path | None, options: dict[str, Any], out: Printer) -> Result:
    """Return the plan of a complete redrive; with --apply, print it, carry it out and return the audit."""
    from watchme_analysis.remedies.redrive import RedriveLimits
    from watchme_analysis.remedies.redrive_plan import complete_redrive, known_rate, plan_sentences

    limits = RedriveLimits(
        rate_per_s=options["rate"] or known_rate(plan) or DEFAULT_RATE_PER_S,
        confirm_within_s=options["confirm_within_s"],
        visibility_timeout_s=options["visibility_timeout"],
        most=options["limit"],
    )
    sentences = plan_sentences(plan, limits)
    if not options["apply_now"]:
        said = [*map(out.document, sentences)]
        return Result(
            sentences,
            ({"sentence": each["sentence"]} for each in said),
            {"messages": len(plan.pending), "rate_per_s": limits.rate_per_s, "sentences": said},
        )
    for line in sentences:
        out.say(line)
    audit = complete_redrive(
        plan, limits, profile=options["profile"], region=options["region"], report=out.say
    )
    found = audit.to_dict()
    if to is not None:
        text = json.dumps(found, ensure_ascii=False, indent=2)
        write_atomically(to, f"{text}\n".encode(errors="surrogatepass"))
    return Result(
        _audit_lines(audit, out),
        found["messages"],
        {"sentence": out.text(audit.sentence)} | found,
        conclusion=audit.sentence,
        outcome=OF_OUTCOME[audit.outcome],
    )


def _audit_lines(audit: RedriveAudit, out: Printer) -> Iterator[str]:
    from watchme_analysis.remedies.redrive import HIDDEN, NOT_RECEIVED

    # A message that was created is in no queue: nothing is left to do once it was processed.
    created = [row for row in audit.rows if row.state == "processed" and row.message_id is None]
    if created:
        yield f"  {out.words('redrive-audit-created', count=len(created))}"
    rows = [row for row in audit.rows if row not in created]
    # Messages that could not be received from the DLQ have lines of their own.
    absent = {reason: [row for row in rows if row.reason == reason] for reason in (HIDDEN, NOT_RECEIVED)}
    received = [row for row in rows if row.reason not in absent]
    shown = {state: [row for row in received if row.state == state] for state in _STATES}
    for state, of_state in (shown | absent).items():
        ids = [row.message_id or row.sent_as or "-" for row in of_state]
        if ids:
            said = out.words(f"redrive-audit-{state.replace('_', '-')}", count=len(ids))
            named = "" if state in _SETTLED else f": {', '.join(ids[:_MOST_IDS])}"
            yield f"  {said}{named}{', ...' if named and len(ids) > _MOST_IDS else ''}"
    if again := sum(row.sends > 1 for row in audit.rows):
        yield f"  {out.words('redrive-audit-sent-again', count=again)}"
    if any(row.sends for row in audit.rows):
        yield f"  {out.words('redrive-audit-rate', rate=Number(audit.rate_per_s))}"
    if audit.counts is not None:
        yield f"  {out.words('redrive-audit-dlq', count=audit.counts.total)}"
    if audit.unexplained:
        yield f"  {out.words('redrive-audit-unexplained', count=audit.unexplained)}"
    yield out.text(audit.sentence)
    yield out.words("redrive-audit-journal", journal=str(audit.journal))


def _print_plan(plan: RedrivePlan, file: Path | None, out: Printer) -> None:
    """Print on standard error the number of listed messages, and the reasons for those left out."""
    from watchme_analysis.services.diagnose import collecting

    found, earlier = plan.found, plan.earlier
    lines: list[Text] = [
        message(
            "redrive-list",
            messages=len(plan.pending),
            written=Choice("yes" if file else "no"),
            file=Resource(str(file or "")),
        )
    ]
    if earlier.sent:
        journal = Resource(str(plan.journal))
        lines.append(message("redrive-left-before", count=earlier.sent, journal=journal))
    if earlier.unconfirmed:
        lines.append(message("redrive-left-unconfirmed", count=len(earlier.unconfirmed)))
    if earlier.rejected:
        reasons = Phrases(
            tuple(
                message("redrive-rejection", id=Resource(name), reason=value_of(reason))
                for name, reason in earlier.rejected
            ),
            limit=_MOST_IDS,
        )
        lines.append(message("redrive-left-rejected", count=len(earlier.rejected), reasons=reasons))
    if found.may_have_run:
        which = Choice("these" if len(plan.pending) == len(found.lines) else "all")
        lines.append(
            message(
                "redrive-of-these",
                which=which,
                all=len(found.lines),
                count=found.may_have_run,
                reason=message("redrive-may-have-run"),
            )
        )
    if not plan.holds_messages:
        lines.append(message("redrive-no-messages", **collecting("backlog", plan.case)))
    lines += [
        error_message("redrive-file-unread", file=file.file, reason=value_of(file.reason))
        for file in plan.unread
    ]
    lines += [
        message("redrive-list-left-out", count=number, reason=message(f"redrive-{reason}"))
        for reason, number in found.left_out
    ]
    if found.same_work:
        lines.append(message("redrive-same-work-keys", keys=Names(found.same_work)))
    if found.without_url:
        queues = Names(tuple(found.without_url), limit=len(found.without_url))
        lines.append(message("redrive-list-without-url", queues=queues))
    first, *below = map(out.text, lines)
    echo("\n".join([first, *(f"  {line}" for line in below)]), err=True)

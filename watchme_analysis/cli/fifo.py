"""The command ``watchme fifo``: whether FIFO or fair queues would help, and a migration without loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import session_of, session_options
from watchme_analysis.cli.completion import CASE
from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.cli.options import (
    policy_option,
    queue_argument,
    queue_option,
    simulation_options,
    together,
)
from watchme_analysis.cli.plans import (
    add_plan_commands,
    finish_plan,
    journal_option,
    planning_options,
    remedy_grants,
)
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.text.message import Choice, Text, message
from watchme_analysis.text.render import error_message, error_sentence

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws
    from watchme_analysis.remedies.fifo_checks import Check
    from watchme_analysis.remedies.fifo_migration import MigrationOptions, Source


@click.group(short_help="Advise on FIFO and fair queues, and migrate to FIFO.")
def fifo() -> None:
    """State whether FIFO or fair queues would help a queue, and migrate it to FIFO without loss."""


add_plan_commands(fifo)
_migration_options = together(
    click.option(
        "--case",
        type=click.Path(exists=True, path_type=Path),
        help="Case with messages of the queue, whose groups and deduplication ids are checked.",
    ),
    click.option("--name", help="Name of the new queue; by default that of the QUEUE with .fifo."),
    click.option(
        "--group-key",
        help="Key of a message body that names its group; by default the first of [work_items].",
    ),
    click.option(
        "--standard-throughput",
        is_flag=True,
        help="Deduplicate and limit by queue, not by message group: 300 calls a second.",
    ),
    click.option(
        "--content-based",
        "is_content_based",
        is_flag=True,
        help="Let SQS use the hash of the body as deduplication id.",
    ),
)


@fifo.command(
    "advise",
    short_help="State whether FIFO or fair queues would help a queue of a CASE.",
    epilog="""\b
Examples:
  watchme fifo advise cases/last-night
  watchme fifo advise cases/last-night --queue orders --replications 40 --json""",
)
@click.argument("case", type=CASE)
@queue_option
@simulation_options(2)
@renders()
def advise_command(out: Printer, case: Path, **options: Any) -> Result:
    """State whether FIFO, a fair queue or neither would help a queue, and why.

    The queue of the CASE is simulated as it is, as FIFO, and as a fair queue: a standard queue whose messages
    have a message group id, which needs no migration. The groups, and what fails in them, are those of the
    case. A kind helps if it lowers lost work, messages in the DLQ, the wait of other groups, the age of the
    oldest message or duplicates by a tenth, beyond the spread of the simulations, and raises none. Nothing is
    changed.
    """
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.errors import InputError
    from watchme_analysis.present.console import filled
    from watchme_analysis.remedies.fifo_advice import advice_of, groups_of_case, kinds_of
    from watchme_analysis.services.what_if import what_if_of_case
    from watchme_analysis.simulation.scenarios import compare

    opened = open_case(case)
    _, model = what_if_of_case(opened, options.pop("queue"))
    name = model.pipeline.queue
    if model.fit.settings.queue.is_fifo:
        raise InputError(error_message("error-fifo-already", queue=name))
    groups = groups_of_case(opened, name, model.pipeline.function)
    tried = compare(kinds_of(model.fit.settings, groups.of_load(model.fit.load)), **options)
    found = advice_of(name, tried, groups, model.agreements(tried[0]))
    about = {"queue": found.queue, "kind": found.kind}
    reasons = (filled(f"- {out.text(reason)}", rest="  ") for reason in found.reasons)
    return Result(
        (filled(out.text(found.verdict)), *reasons),
        ({**about, "sentence": out.text(each)} for each in (found.verdict, *found.reasons)),
        about | {"verdict": out.document(found.verdict), "reasons": [*map(out.document, found.reasons)]},
    )


@fifo.command(
    "plan",
    short_help="Plan the migration of a QUEUE to FIFO.",
    epilog="""\b
Examples:
  watchme fifo plan orders --case cases/last-night --to fifo.plan.json
  watchme fifo plan orders --name orders-v2 --switch checkout:QUEUE_URL --to fifo.plan.json

Exit codes: 0 planned; 1 the check found problems, or AWS failed; 2 bad input.""",
)
@queue_argument
@_migration_options
@click.option(
    "--switch",
    "switches",
    multiple=True,
    metavar="FUNCTION:VARIABLE",
    help="Function that sends to the QUEUE, and its environment variable with the URL. Repeatable.",
)
@click.option(
    "--keep-order",
    "keeps_order",
    is_flag=True,
    help="Poll the new queue only after the old one is empty, to keep the order.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=1),
    default=900.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a run waits for people, such as for producers to be switched.",
)
@click.option(
    "--observe",
    "window_s",
    type=click.FloatRange(min=60, max=86_400),
    metavar="SECONDS",
    help="How long the old queue must have received nothing; by default three visibility timeouts, 15 "
    "minutes or one and a half times its longest silence in 14 days, whichever is longest.",
)
@click.option("--skip-check", is_flag=True, help="Plan also if the check finds problems; they become risks.")
@planning_options("fifo", "queue")
def plan_command(out: Printer, queue: str, **options: Any) -> Result:
    """Plan the migration of a standard QUEUE to FIFO, and state what producers must send.

    The plan creates a FIFO queue and DLQ with the attributes, policy and tags of the old ones, and maps the
    new queue to the same function. It waits until producers send to the new queue, and until the old queue is
    empty and has received nothing for several visibility timeouts, or for longer than its usual silence. Then
    it stops polling the old queue. Nothing is deleted, and `watchme fifo undo` reverts each step.

    Producers are switched by people, or by --switch where a function reads the URL of its queue from an
    environment variable. It changes nothing.
    """
    from watchme_analysis.remedies.fifo_migration import migration_plan

    aws = session_of(options)
    source, chosen, checks = _prepared(aws, queue, options)
    problems = [each.sentence for each in checks if each.status == "problem"]
    if problems and not options["skip_check"]:
        return replace(_checked(checks, out), notes=[message("fifo-refused")])
    return finish_plan(migration_plan(aws, source, chosen, problems), options["to"], out)


@fifo.command(
    "check",
    short_help="Check a QUEUE before its migration, or account for every message after it.",
    epilog="""\b
Examples:
  watchme fifo check orders --case cases/last-night
  watchme fifo check --after fifo.plan.json

Exit codes: 0 no problem; 1 a problem, or AWS failed; 2 bad input.""",
)
@queue_argument
@click.option(
    "--after",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Plan that was applied: account for the messages of both queues since.",
)
@journal_option
@_migration_options
@session_options
@policy_option(lambda _: remedy_grants("fifo"))
@renders()
def check_command(out: Printer, queue: str | None, after: Path | None, **options: Any) -> Result:
    """Check a QUEUE before its migration, or with --after every message since a PLAN was applied.

    Before: limits of FIFO queues, senders that cannot send to one, delays per message, number of groups,
    deduplication ids, messages in the DLQ. After: messages sent, deleted, held and in the DLQ of both queues,
    and what is unexplained. Nothing is changed.
    """
    if (queue is None) == (after is None):
        raise click.UsageError(error_sentence("error-fifo-queue-or-plan"))
    aws = session_of(options)
    if after is not None:
        from watchme_analysis.remedies.allowed_calls import read_plan
        from watchme_analysis.remedies.apply import journal_of
        from watchme_analysis.remedies.fifo_checks import checks_after
        from watchme_analysis.storage.journal import read_journal

        checks = checks_after(aws, read_plan(after), read_journal(options["journal"] or journal_of(after)))
    else:
        _, _, checks = _prepared(aws, str(queue), options)
    return _checked(checks, out, is_after=after is not None)


def _prepared(
    aws: Aws, queue: str, options: Mapping[str, Any]
) -> tuple[Source, MigrationOptions, tuple[Check, ...]]:
    """Return the queue, the options of its migration, and the checks."""
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.remedies.fifo_checks import checks_before
    from watchme_analysis.remedies.fifo_migration import MigrationOptions, Switch
    from watchme_analysis.remedies.fifo_source import prepared

    switches = []
    for text in options.get("switches", ()):
        function, _, variable = text.rpartition(":")
        if not function or not variable:
            raise click.UsageError(error_sentence("error-fifo-switch", text=text))
        switches.append(Switch(function, variable))
    of_options = ("keeps_order", "is_content_based", "window_s", "wait_s")
    stated = {name: options[name] for name in of_options if options.get(name) is not None}
    high = not options["standard_throughput"]
    wanted = MigrationOptions(switches=tuple(switches), is_high_throughput=high, **stated)
    case = None if options["case"] is None else open_case(options["case"])
    names = {name: options[name] for name in ("name", "group_key")}
    source, chosen, traffic, messages = prepared(aws, queue, wanted, **names, case=case)
    return source, chosen, checks_before(source, chosen, traffic, messages)


def _checked(checks: Sequence[Check], out: Printer, *, is_after: bool = False) -> Result:
    """Return the result of checks."""
    from watchme_analysis.present.console import filled

    problems = sum(each.status == "problem" for each in checks)
    lines: list[Text] = []
    for each in checks:
        status = out.words("fifo-check-status", status=Choice(each.status))
        lines.append(filled(f"{status}: {out.text(each.sentence)}", rest="  "))
    lines.append(message("fifo-accounted" if is_after else "fifo-ready", problems=problems))
    rows = [
        {"rule": each.rule, "status": each.status, "sentence": out.text(each.sentence)} for each in checks
    ]
    document = [row | out.document(each.sentence) for row, each in zip(rows, checks, strict=True)]
    return Result(lines, rows, document, outcome=ExitCode.FAILED if problems else ExitCode.DONE)

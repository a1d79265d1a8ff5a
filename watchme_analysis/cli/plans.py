"""What all remedies print: a plan, the progress of its steps, the result, and the IAM policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from watchme_analysis.cli.aws import session_of, session_options
from watchme_analysis.cli.exit_codes import OF_OUTCOME
from watchme_analysis.cli.options import case_option, policy_option, together
from watchme_analysis.cli.output import file_option
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer, echo
from watchme_analysis.cloudwatch.iam_policy import Grant, grants_of
from watchme_analysis.remedies.allowed_calls import calls_of, read_plan
from watchme_analysis.remedies.apply import apply_plan, journal_of, undo
from watchme_analysis.remedies.plan import Call, Plan, Step, write_plan
from watchme_analysis.text.message import Code, Message, Text, message
from watchme_analysis.text.render import error_message, render
from watchme_analysis.text.shell_quoting import shell_path

F = TypeVar("F", bound=Callable[..., Any])
journal_option = click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that records each step; by default PLAN.journal.jsonl beside the plan.",
)
# Remedies whose undo has a name of its own.
_UNDO_VERBS = {"deploy": "rollback"}


def planning_options(remedy: str, *required: str) -> Callable[[F], F]:
    """Return a decorator that adds the options of a command that plans; :func:`finish_plan` takes the file.

    The ``required`` parameters are those that only ``--print-policy`` can do without.
    """
    return together(
        file_option(f"the plan, for `{remedy} apply`"),
        session_options,
        policy_option(lambda _: remedy_grants(remedy), *required),
        renders(writes_to_file=False),
    )


def remedy_grants(remedy: str, queues: Iterable[str] = ()) -> Iterator[Grant]:
    """Yield what IAM must allow for a remedy; ``queues`` are those from which it receives, if known."""
    return grants_of((call.action for call in calls_of(remedy)), queues)


def finish_plan(plan: Plan, path: Path | None, out: Printer) -> Result:
    """Write a plan to the file of ``--to``, and return it for review."""
    if path is not None:
        write_plan(plan, path)
    return Result(_review(plan, out.language, path), _step_rows(plan, out), plan.to_dict())


def _review(plan: Plan, language: str, path: Path | None) -> Iterator[Text]:
    """Yield the lines of a plan, and how to apply it."""
    yield from plan_lines(plan, language)
    if plan.steps:
        command = f"watchme {plan.remedy} apply {shell_path(path) if path else 'PLAN'}"
        yield message("plan-how-to-apply", command=Code(command))


def _step_rows(plan: Plan, out: Printer) -> Iterator[dict[str, Any]]:
    for step in plan.steps:
        yield {
            "step": step.name,
            "resource": step.resource,
            "why": out.text(step.why),
            "command": step.call and step.call.command,
        }


def plan_lines(plan: Plan, language: str) -> Iterator[str]:
    """Yield the lines of a plan."""

    def rendered(text: Message) -> str:
        return render(text, language)

    yield rendered(plan.title)
    for heading, texts in (
        (message("plan-reasons"), plan.reasons),
        (message("plan-costs"), plan.costs),
        (message("plan-risks"), plan.risks),
        (message("plan-notes"), plan.notes),
    ):
        if texts:
            yield f"\n{rendered(heading)}:"
            yield from (f"  - {rendered(text)}" for text in texts)
    if not plan.steps:
        yield f"\n{rendered(message('plan-nothing'))}"
        return
    yield f"\n{rendered(message('plan-steps', count=len(plan.steps)))}:"
    for number, step in enumerate(plan.steps, 1):
        yield f"  {number}. {step.name}: {rendered(step.why)}"
        if step.call is not None:
            yield f"     {step.call.command}"
        for call in step.undo:
            yield f"     {rendered(message('plan-undo-call', command=Code(call.command)))}"
        if step.call is not None and not step.undo:
            yield f"     {rendered(message('plan-no-undo'))}"
    yield ""


def _changes(plan: Plan, *, is_undo: bool) -> Iterator[tuple[Step, Call]]:
    """Yield the calls that a run may make to change something, with their steps, in their order."""
    if not is_undo:
        yield from ((step, step.call) for step in plan.steps if step.call is not None)
    if is_undo or plan.undo_on_surprise:
        yield from ((step, call) for step in reversed(plan.steps) for call in step.undo)


def applying_options(command: F) -> F:
    """Return a command with the argument and the options of commands that apply or undo a plan."""
    return together(
        click.argument("path", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path)),
        case_option,
        journal_option,
        click.option("--dry-run", is_flag=True, help="Print every call of the plan, and make none."),
        session_options,
        policy_option(lambda options: grants_of(call.action for call in read_plan(options["path"]).calls)),
        renders(),
    )(command)


_COMMANDS_HELP = {
    "apply": """Apply the PLAN of `watchme {remedy} plan --to PLAN`, step by step.

The plan is refused if what it relies on has changed since. Each step is recorded before and after its call
in PLAN.journal.jsonl, and checked in AWS. After an interruption, the same command does the rest.""",
    "undo": """Undo the steps of an applied PLAN, the last first, and check it in AWS.

Values that a step changed are in the PLAN. After an interruption, the same command does the rest.""",
}


def add_plan_commands(group: click.Group) -> None:
    """Add the commands that apply and undo the plans of a remedy to its group, which has its name."""
    remedy = str(group.name)
    undo_name = _UNDO_VERBS.get(remedy, "undo")
    titles = {"apply": "Apply a PLAN, or the rest of it.", "undo": "Undo the steps of an applied PLAN."}

    def added(kind: str, name: str) -> None:
        epilog = f"\b\nExamples:\n  watchme {remedy} {name} {remedy}.plan.json --case cases/last-night"
        text = _COMMANDS_HELP[kind].format(remedy=remedy)

        @group.command(name, help=text, short_help=titles[kind], epilog=epilog)
        @applying_options
        def command(out: Printer, path: Path, **options: Any) -> Result:
            return run_plan(path, remedy, out, options, is_undo=kind == "undo")

    added("apply", "apply")
    added("undo", undo_name)


def run_plan(
    path: Path,
    remedy: str,
    out: Printer,
    options: Mapping[str, Any],
    *,
    is_undo: bool = False,
    undo_hint: bool = True,
) -> Result:
    """Apply or undo the plan of a file with the options of :func:`applying_options`, and print each step.

    The session is in the plan's region unless another one is given; then the plan is refused. A plan that
    leaves nothing to undo is printed without ``undo_hint``.
    """
    from watchme_analysis.errors import InputError

    plan = read_plan(path)
    if plan.remedy != remedy:
        raise InputError(error_message("error-plan-of-other-remedy", path=path, remedy=plan.remedy))
    changes = [*_changes(plan, is_undo=is_undo)]
    calls = [{"step": step.name, **call.to_dict()} for step, call in changes]
    # Every call that a run may make, with its parameters, before the first one is made.
    out.print_message("plan-calls", err=not out.is_for_people, count=len(calls))
    for step, call in changes:
        echo(f"  {step.name}: {call.command}", err=not out.is_for_people)
    if options.get("dry_run"):
        return Result((), calls, {"calls": calls})
    aws = session_of({**options, "region": options["region"] or plan.region})
    rows: list[dict[str, Any]] = []

    def on_step(step: Step, sentence: Message) -> None:
        rows.append({"step": step.name, "sentence": out.text(sentence)})
        out.say(f"{step.name}: {rows[-1]['sentence']}")

    run = undo if is_undo else apply_plan
    result = run(plan, options.get("journal") or journal_of(path), aws, on_step, options["case"])

    lines: list[Text] = [result.sentence]
    if result.done and undo_hint and not is_undo:
        verb = _UNDO_VERBS.get(remedy, "undo")
        lines.append(message("plan-undo-how", command=Code(f"watchme {remedy} {verb} {shell_path(path)}")))
    document = out.document(result.sentence) | {
        "outcome": result.outcome,
        "done": list(result.done),
        "journal": str(result.journal),
        "calls": calls,
    }
    return Result(lines, rows, document, conclusion=result.sentence, outcome=OF_OUTCOME[result.outcome])

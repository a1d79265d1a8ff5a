"""What all remedies print: a plan, the progress of its steps, the result, and the IAM policy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from watchme_analysis.cli.options import language_option, profile_option, region_option
from watchme_analysis.cli.terminal import echo, echo_json
from watchme_analysis.remedies.plan import Plan, Step, read_plan
from watchme_analysis.services.remedies import apply_and_record, journal_of, undo
from watchme_analysis.text.message import Code, Message, message
from watchme_analysis.text.render import error_message, render
from watchme_analysis.text.shell_quoting import shell_word

F = TypeVar("F", bound=Callable[..., Any])
case_option = click.option(
    "--case",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Case to record the steps in (table `actions`).",
)
journal_option = click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that records each step; by default PLAN.journal.jsonl beside the plan.",
)
# Remedies whose undo has a name of its own.
_UNDO_VERBS = {"deploy": "rollback"}
_EXIT_CODES = {"complete": 0, "undone": 1, "stopped": 1, "refused": 2}


def print_plan(plan: Plan, language: str, apply_command: str) -> None:
    """Print a plan for review: reasons, cost, risks, each step with its call, and how to apply it."""
    for line in plan_lines(plan, language):
        echo(line)
    if plan.steps:
        echo(render(message("plan-how-to-apply", command=Code(apply_command)), language))


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
        if step.call is not None and not step.undo:
            yield f"     {rendered(message('plan-no-undo'))}"
    yield ""


def print_policy(path: Path) -> int:
    """Print the least IAM policy that the plan of a file needs."""
    from watchme_analysis.remedies.policy import policy_of

    echo_json(json.dumps(policy_of(read_plan(path).calls), indent=2))
    return 0


def apply_and_print(  # noqa: PLR0913  options of a command
    path: Path,
    *,
    remedy: str,
    profile: str | None = None,
    region: str | None = None,
    journal: Path | None = None,
    case: Path | None = None,
    language: str = "en",
    as_json: bool = False,
    is_undo: bool = False,
    undo_hint: bool = True,
) -> int:
    """Apply or undo the plan of a file, print each step and the result, and return the exit code.

    The session is in the plan's region unless another one is given; then the plan is refused. A plan that
    leaves nothing to undo is printed without ``undo_hint``.
    """
    from watchme_analysis.cloudwatch.session import Aws, SessionTarget
    from watchme_analysis.errors import InputError

    plan = read_plan(path)
    if plan.remedy != remedy:
        raise InputError(error_message("error-plan-of-other-remedy", path=path, remedy=plan.remedy))
    aws = Aws(SessionTarget(profile, region or plan.region))

    def on_step(step: Step, sentence: Message) -> None:
        if not as_json:
            echo(f"{step.name}: {render(sentence, language)}")

    run = undo if is_undo else apply_and_record
    result = run(plan, journal or journal_of(path), aws, case, on_step)
    if as_json:
        said: dict[str, Any] = {"sentence": render(result.sentence, language)}
        said |= {"message": result.sentence.to_dict(), "outcome": result.outcome, "done": list(result.done)}
        echo_json(json.dumps(said | {"journal": str(result.journal)}, ensure_ascii=False, indent=2))
    else:
        echo(render(result.sentence, language))
        if result.done and undo_hint and not is_undo:
            verb = _UNDO_VERBS.get(remedy, "undo")
            command = Code(f"watchme {remedy} {verb} {shell_word(str(path))}")
            echo(render(message("plan-undo-how", command=command), language))
    return _EXIT_CODES[result.outcome]


def plan_options(command: F) -> F:
    """Return a command with the argument and the options of commands that apply or undo a plan."""
    for option in reversed(
        (
            click.argument("path", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path)),
            case_option,
            journal_option,
            profile_option,
            region_option,
            language_option,
            click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
            click.option(
                "--print-policy", is_flag=True, help="Print the IAM policy that the plan needs, and stop."
            ),
        )
    ):
        command = option(command)
    return command


def run_plan(remedy: str, path: Path, options: dict[str, Any], *, is_undo: bool = False) -> int:
    """Apply or undo the plan of a file with the options of :func:`plan_options`; return the exit code."""
    if options.pop("print_policy"):
        return print_policy(path)
    return apply_and_print(path, remedy=remedy, is_undo=is_undo, **options)

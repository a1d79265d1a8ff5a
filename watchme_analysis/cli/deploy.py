"""The command ``watchme deploy``: check of a function's package, deployment by a plan, and rollback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.options import FiniteRange, language_option, profile_option, region_option
from watchme_analysis.cli.plans import apply_and_print, case_option, journal_option, print_plan, print_policy
from watchme_analysis.cli.terminal import echo, echo_json
from watchme_analysis.remedies.lambda_runtime import ARCHITECTURES, runtime_names
from watchme_analysis.remedies.package_check import DEFAULT_HANDLER, DEFAULT_RUNTIME, Function, check_package
from watchme_analysis.text.message import message
from watchme_analysis.text.render import render
from watchme_analysis.text.shell_quoting import shell_word

if TYPE_CHECKING:
    from watchme_analysis.remedies.package_check import PackageCheck
    from watchme_analysis.text.message import Message

# Exit code when the package would fail.
_PROBLEMS = 1


@click.group(short_help="Check, deploy and roll back a function.")
def deploy() -> None:
    """Check a function's package, deploy it by a plan that verifies itself, and roll it back."""


@deploy.command(
    "check",
    short_help="Check that the handler of a PACKAGE can be imported in Lambda.",
    epilog="""\b
Examples:
  watchme deploy check function.zip
  watchme deploy check build/ --handler app.main.handler --layer libraries.zip --architecture arm64

Exit codes: 0 ready to deploy; 1 problems were found; 2 bad input.""",
)
@click.argument("package", type=click.Path(path_type=Path))
@click.option(
    "--handler", default=DEFAULT_HANDLER, show_default=True, help="MODULE.FUNCTION of the function."
)
@click.option(
    "--runtime",
    type=click.Choice(runtime_names()),
    default=DEFAULT_RUNTIME,
    show_default=True,
    help="Runtime of the function.",
)
@click.option(
    "--architecture",
    type=click.Choice([*ARCHITECTURES]),
    default="x86_64",
    show_default=True,
    help="Architecture of the function.",
)
@click.option(
    "--layer",
    "layers",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Zip or folder of a layer, with its folder `python`. Repeatable, in the function's order.",
)
@click.option(
    "--upload",
    type=click.Choice(["direct", "s3"]),
    default="direct",
    show_default=True,
    help="How the zip reaches Lambda. A direct upload is limited to 50 MiB.",
)
@language_option
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: each sentence with its message id and values."
)
def check_command(package: Path, layers: tuple[Path, ...], *, as_json: bool, **options: Any) -> int:
    """Check that the handler of a PACKAGE, a zip or a folder, can be imported in Lambda.

    Every import is resolved against the package, its layers and the modules of the runtime, through all
    modules that the handler's module imports. Native modules are compared with the architecture and the
    Python version, sizes with Lambda's limits. Nothing is executed, imported or unpacked, and AWS is not
    called.

    An import in a function is reported as "when called". An import whose ImportError is caught is a note.

    Exits with 0 if the package is ready to deploy, with 1 if it has problems, and with 2 for bad input.
    """
    language = options["language"]
    function = Function(
        options["handler"], options["runtime"], options["architecture"], options["upload"] == "direct"
    )
    found = check_package(package, layers, function)
    if as_json:
        echo_json(json.dumps(_as_json(package, function, found, language), ensure_ascii=False, indent=2))
    else:
        for problem in found.problems:
            echo(render(problem, language))
        for note in found.notes:
            echo(render(message("print-note", text=note), language))
        echo(render(found.verdict, language))
    return _PROBLEMS if found.problems else 0


@deploy.command(
    "plan",
    short_help="Plan the deployment of a PACKAGE to a function.",
    epilog="""\b
Examples:
  watchme deploy plan function.zip --function uploads --case cases/last-night --to deploy.json
  watchme deploy plan build/ --function orders --alias live --event order.json --to deploy.json
  watchme deploy apply deploy.json

Exit codes: 0 planned; 1 the package has problems, or AWS can't be reached; 2 bad input.""",
)
@click.argument("package", type=click.Path(exists=True, path_type=Path))
@click.option("--function", "name", required=True, help="Name of the function.")
@click.option("--alias", help="Alias that the event source or the callers use; without one, $LATEST.")
@click.option(
    "--event",
    "events",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="JSON file with an event to invoke the new code with. Repeatable.",
)
@click.option(
    "--case",
    type=click.Path(exists=True, path_type=Path),
    help="Case whose DLQ messages become events: the newest one of each DLQ of the function.",
)
@click.option(
    "--layer",
    "layers",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Zip or folder of a layer, with its folder `python`. Repeatable, in the function's order.",
)
@click.option(
    "--watch",
    "watch_s",
    type=FiniteRange(min=0),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="Longest wait for real invocations; 0 for none.",
)
@click.option(
    "--watch-invocations",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Real invocations that must be seen without an error.",
)
@click.option("--skip-check", is_flag=True, help="Plan also if the check finds problems; they become risks.")
@click.option(
    "--to",
    "path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the plan. The new and the current code are stored beside it.",
)
@profile_option
@region_option
@language_option
def plan_command(package: Path, name: str, path: Path, **options: Any) -> int:
    """Plan the deployment of a PACKAGE: check it, and store the current code to go back to.

    The plan publishes the current code as a version, updates the code, waits until Lambda has updated it,
    invokes the new code with recorded events, switches the alias, and watches the first real invocations. If
    one of these fails, the plan undoes itself and verifies that the old code runs again.

    Nothing is changed until `watchme deploy apply`.
    """
    from watchme_analysis.cloudwatch.session import Aws, SessionTarget
    from watchme_analysis.remedies.deployment import DeploymentOptions, plan_deployment
    from watchme_analysis.remedies.package_check import PackageCheck
    from watchme_analysis.remedies.plan import write_plan
    from watchme_analysis.services.deploy import recorded_events

    language = options["language"]
    aws = Aws(SessionTarget(options["profile"], options["region"]))
    chosen = DeploymentOptions(
        alias=options["alias"],
        events=recorded_events(options["events"], options["case"], name, language),
        layers=options["layers"],
        watch_s=options["watch_s"],
        watch_invocations=options["watch_invocations"],
    )
    plan = plan_deployment(package, name, aws, path, chosen, skip_check=options["skip_check"])
    if isinstance(plan, PackageCheck):
        for problem in plan.problems:
            echo(render(problem, language))
        echo(render(plan.verdict, language))
        echo(render(message("deploy-refused"), language), err=True)
        return _PROBLEMS
    write_plan(plan, path)
    print_plan(plan, language, f"watchme deploy apply {shell_word(str(path))}")
    return 0


@deploy.command(
    "apply",
    short_help="Apply a PLAN, or the rest of it after an interruption.",
    epilog="""\b
Examples:
  watchme deploy apply worker.plan.json
  watchme deploy apply worker.plan.json --case cases/last-night

\b
Exit codes: 0 done and verified; 1 stopped or rolled back; 2 refused, or bad input.""",
)
@click.argument("path", metavar="PLAN", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@case_option
@journal_option
@profile_option
@region_option
@language_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--print-policy", is_flag=True, help="Print the IAM policy that the plan needs, and stop.")
def apply_command(path: Path, **options: Any) -> int:
    """Apply a PLAN of `watchme deploy plan`, verify it, and roll back if it fails.

    Each step is recorded before and after its call in PLAN.journal.jsonl. After an interruption, run the same
    command again: it goes on where it was, or finishes the rollback. The plan is refused if the function's
    code or alias has changed since.
    """
    if options.pop("print_policy"):
        return print_policy(path)
    return apply_and_print(path, remedy="deploy", **options)


@deploy.command(
    "rollback",
    short_help="Undo an applied PLAN: the old code, and the old version of the alias.",
    epilog="""\b
Examples:
  watchme deploy rollback worker.plan.json""",
)
@click.argument("path", metavar="PLAN", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@case_option
@journal_option
@profile_option
@region_option
@language_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def rollback_command(path: Path, **options: Any) -> int:
    """Undo the steps of an applied PLAN, the last first, and verify that the old code runs."""
    return apply_and_print(path, remedy="deploy", is_undo=True, **options)


def _as_json(package: Path, function: Function, found: PackageCheck, language: str) -> dict[str, Any]:
    return {
        "package": str(package),
        "handler": function.handler,
        "runtime": function.runtime,
        "architecture": function.architecture,
        "verdict": _said(found.verdict, language),
        "problems": [_said(each, language) for each in found.problems],
        "notes": [_said(each, language) for each in found.notes],
        "modules": found.modules,
    }


def _said(text: Message, language: str) -> dict[str, Any]:
    return {"sentence": render(text, language), "message": text.to_dict()}

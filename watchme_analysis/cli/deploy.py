"""The command ``watchme deploy``: check of a function's package, deployment by a plan, and rollback."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import session_of
from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.cli.options import (
    ChoiceWithSuggestion,
    FiniteRange,
)
from watchme_analysis.cli.plans import add_plan_commands, finish_plan, planning_options
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.remedies.lambda_runtime import ARCHITECTURES, runtime_names
from watchme_analysis.remedies.package_check import DEFAULT_HANDLER, DEFAULT_RUNTIME, Function, check_package
from watchme_analysis.text.message import message

if TYPE_CHECKING:
    from watchme_analysis.remedies.package_check import PackageCheck


@click.group(short_help="Check, deploy and roll back a function.")
def deploy() -> None:
    """Check a function's package, deploy it by a plan that verifies itself, and roll it back."""


add_plan_commands(deploy)


_layers_option = click.option(
    "--layer",
    "layers",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Zip or folder of a layer, with its folder `python`. Repeatable, in the function's order.",
)


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
    type=ChoiceWithSuggestion(runtime_names()),
    default=DEFAULT_RUNTIME,
    show_default=True,
    help="Runtime of the function.",
)
@click.option(
    "--architecture",
    type=ChoiceWithSuggestion([*ARCHITECTURES]),
    default="x86_64",
    show_default=True,
    help="Architecture of the function.",
)
@_layers_option
@click.option(
    "--upload",
    type=ChoiceWithSuggestion(["direct", "s3"]),
    default="direct",
    show_default=True,
    help="How the zip reaches Lambda. A direct upload is limited to 50 MiB.",
)
@renders()
def check_command(out: Printer, package: Path, layers: tuple[Path, ...], **options: Any) -> Result:
    """Check that the handler of a PACKAGE, a zip or a folder, can be imported in Lambda.

    Every import is resolved against the package, its layers and the modules of the runtime, through all
    modules that the handler's module imports. Native modules are compared with the architecture and the
    Python version, sizes with Lambda's limits. Nothing is executed, imported or unpacked, and AWS is not
    called.

    An import in a function is reported as "when called". An import whose ImportError is caught is a note.

    Exits with 0 if the package is ready to deploy, with 1 if it has problems, and with 2 for bad input.
    """
    function = Function(
        options["handler"], options["runtime"], options["architecture"], options["upload"] == "direct"
    )
    return _checked(check_package(package, layers, function), out, package, function)


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
@click.argument("package", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--function", "name", help="Name of the function.")
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
@_layers_option
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
@planning_options("deploy", "package", "name", "to")
def plan_command(out: Printer, package: Path, name: str, **options: Any) -> Result:
    """Plan the deployment of a PACKAGE: check it, and store the current code to go back to.

    The plan publishes the current code as a version, updates the code, waits until Lambda has updated it,
    invokes the new code with recorded events, switches the alias, and watches the first real invocations. If
    one of these fails, the plan undoes itself and verifies that the old code runs again.

    The new and the current code are stored beside the plan. Nothing is changed until `watchme deploy apply`.
    """
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.remedies.deployment import DeploymentOptions, plan_deployment, recorded_events
    from watchme_analysis.remedies.package_check import PackageCheck

    case = None if options["case"] is None else open_case(options["case"])
    chosen = DeploymentOptions(
        events=recorded_events(options["events"], case, name, out.language),
        **{key: options[key] for key in ("alias", "layers", "watch_s", "watch_invocations")},
    )
    plan = plan_deployment(
        package, name, session_of(options), options["to"], chosen, skip_check=options["skip_check"]
    )
    if isinstance(plan, PackageCheck):
        return replace(_checked(plan, out, package), notes=[message("deploy-refused")])
    return finish_plan(plan, options["to"], out)


def _checked(found: PackageCheck, out: Printer, package: Path, function: Function | None = None) -> Result:
    """Return the result of a check; notes are shown where the function was stated."""
    names = () if function is None else ("handler", "runtime", "architecture")
    notes = () if function is None else found.notes
    kinds = (("problem", found.problems), ("note", found.notes))
    return Result(
        (*found.problems, *(message("print-note", text=note) for note in notes), found.verdict),
        ({"kind": kind, "sentence": out.text(each)} for kind, texts in kinds for each in texts),
        {
            "package": str(package),
            **{name: getattr(function, name) for name in names},
            "verdict": out.document(found.verdict),
            "problems": [*map(out.document, found.problems)],
            "notes": [*map(out.document, found.notes)],
            "modules": found.modules,
        },
        outcome=ExitCode.FAILED if found.problems else ExitCode.DONE,
    )

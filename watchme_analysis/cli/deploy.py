"""The command ``watchme deploy``: the check of a function's package before it is deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.options import language_option
from watchme_analysis.cli.terminal import echo, echo_json
from watchme_analysis.remedies.lambda_runtime import ARCHITECTURES, runtime_names
from watchme_analysis.remedies.package_check import DEFAULT_HANDLER, DEFAULT_RUNTIME, Function, check_package
from watchme_analysis.text.message import message
from watchme_analysis.text.render import render

if TYPE_CHECKING:
    from watchme_analysis.remedies.package_check import PackageCheck
    from watchme_analysis.text.message import Message

# Exit code when the package would fail.
_PROBLEMS = 1


@click.group()
def deploy() -> None:
    """Check a function's package before it is deployed."""


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

"""The command ``watchme explain``: what pasted log lines mean."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.files.lines import decoded


@click.command(
    epilog="""\b
Examples:
  watchme explain error.log
  docker compose logs --since 10m | watchme explain
  watchme explain --json < pasted.txt""",
)
@click.argument(
    "pasted",
    metavar="[FILE]",
    default="-",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@renders()
def explain(out: Printer, pasted: Path) -> Result:
    """Explain the log lines in FILE, or on standard input.

    Lines of Nginx, uvicorn, gunicorn, Node.js, containers, Kubernetes, load balancers, Cloudflare, Lambda,
    SQS, botocore and databases may be mixed, incomplete and without a time. Each kind of message is explained
    in a sentence, with the layer that wrote it, the layers that it excludes, the likely causes and the
    commands that decide between them. --output csv and jsonl have a row for each kind.

    Exit codes: 0 also where no line is known; 2 for empty or binary input.
    """
    from watchme_analysis.services.explain import MOST_CHARACTERS
    from watchme_analysis.services.explain import explain as explain_text

    if str(pasted) == "-":
        if sys.stdin.isatty():
            out.print_message("explain-paste", err=True)
        data = sys.stdin.buffer.read(4 * MOST_CHARACTERS)
    else:
        with pasted.open("rb") as stream:
            data = stream.read(4 * MOST_CHARACTERS)
    explanation = explain_text(decoded(data))
    return Result([explanation.text(out.language)], explanation.to_list(out.language))

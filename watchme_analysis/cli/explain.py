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
  watchme explain error.log app.log
  docker compose logs --since 10m | watchme explain
  watchme explain --json < pasted.txt""",
)
@click.argument(
    "pasted",
    metavar="[FILE]...",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@renders()
def explain(out: Printer, pasted: tuple[Path, ...]) -> Result:
    """Explain the log lines in each FILE, or on standard input.

    Lines of Nginx, uvicorn, gunicorn, Node.js, containers, Kubernetes, load balancers, Cloudflare, Lambda,
    SQS, botocore and databases may be mixed, incomplete and without a time. Each kind of message is explained
    in a sentence, with the layer that wrote it, the layers that it excludes, the likely causes and the
    commands that decide between them. --output csv and jsonl have a row for each kind.

    Exit codes: 0 also where no line is known; 2 for empty or binary input.
    """
    from watchme_analysis.services.explain import MOST_CHARACTERS
    from watchme_analysis.services.explain import explain as explain_text

    texts = []
    for file in pasted or (Path("-"),):
        if str(file) == "-" and sys.stdin.isatty():
            out.print_message("explain-paste", err=True)
        with click.open_file(str(file), "rb") as stream:
            texts.append(decoded(stream.read(4 * MOST_CHARACTERS)))
    explanation = explain_text("\n".join(texts))
    return Result([explanation.text(out.language)], explanation.to_list(out.language))

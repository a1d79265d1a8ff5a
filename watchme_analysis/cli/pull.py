"""The command ``watchme pull``: retrieval of evidence from AWS into a case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import PARTLY_FAILED, Progress, asking_of, aws_options, window_of
from watchme_analysis.cli.options import profile_option, region_option
from watchme_analysis.cli.terminal import echo, echo_json
from watchme_analysis.text.formats import counted
from watchme_analysis.text.shell_quoting import shell_path

if TYPE_CHECKING:
    from watchme_analysis.services.collect import Pulled


@click.command(
    epilog="""\b
Examples:
  watchme pull backlog --queue uploads --since 2025-12-10
  watchme pull health CASE --function worker --instance i-0123456789abcdef0
  watchme pull --print-policy"""
)
@click.argument("question", required=False, type=click.Choice(["health", "backlog"]))
@click.argument("case", required=False, type=click.Path(path_type=Path))
@click.option("--queue", "queues", multiple=True, help="Queue; may be given several times.")
@click.option("--function", "functions", multiple=True, help="Lambda function; may be given several times.")
@click.option("--instance", "instances", multiple=True, help="EC2 instance id; may be given several times.")
@click.option("--log-group", "log_groups", multiple=True, help="Further log group, pulled whole.")
@profile_option
@region_option
@click.option(
    "--dlq-sample",
    type=click.IntRange(min=0),
    help="Messages to read of each dead-letter queue at most; they stay in it. [default: 1000 for backlog]",
)
@click.option(
    "--raw",
    type=click.Path(path_type=Path),
    help="Keep the raw answers in this folder, as the AWS CLI prints them.",
)
@click.option("--print-policy", is_flag=True, help="Print the least IAM policy needed, and do nothing.")
@aws_options
def pull(question: str | None, case: Path | None, **options: Any) -> int:
    """Pull the evidence of an incident from AWS into a CASE.

    QUESTION is health or backlog. Name a queue, a function or an instance: the functions that a queue
    feeds, the queues that feed a function and every dead-letter queue are found. Metrics, logs, queue and
    function state, alarms and recorded changes are asked; nothing in the account is changed, but for the
    receive count of dead letters that are read (--dlq-sample 0 reads none).

    What is pulled is kept, so that the same command with --offline gives the case again without AWS. Exits
    with 1 when a part could not be had; the case holds the others, and says what is missing.
    """
    from watchme_analysis.cloudwatch.session import Aws, SessionTarget, iam_policy
    from watchme_analysis.services.collect import Request
    from watchme_analysis.services.collect import pull as pull_case

    sample = options["dlq_sample"]
    if sample is None:
        sample = 0 if question == "health" else 1000
    if options["print_policy"]:
        echo_json(json.dumps(iam_policy(sampling=sample > 0), indent=2))
        return 0
    if question is None:
        raise click.UsageError("Say what to pull: health or backlog.")
    aws = Aws(SessionTarget(options["profile"], options["region"]))
    asking = asking_of(options, aws)
    named = {kind: options[kind] for kind in ("queues", "functions", "instances", "log_groups")}
    window = window_of(options, asking, ["pull", question, *map(list, named.values())])
    request = Request(
        window,
        **named,
        sample=sample,
        max_scan_gb=options["max_scan_gb"],
        usd_per_gb=options["usd_per_gb"],
        options=asking,
    )
    target = case or Path(f"{question}-{window.start:%Y%m%dT%H%MZ}")
    progress = Progress()
    try:
        pulled = pull_case(aws, request, target, raw=options["raw"], progress=progress, announce=progress.say)
    finally:
        progress.done()
    _tell(pulled, target)
    if pulled.failures:
        start, end = (moment.isoformat(timespec="seconds") for moment in (window.start, window.end))
        # A relative window ends at the current time, for which the cache has no entry, so absolute times are
        # printed.
        echo(f"again: --since {start} --until {end} asks anew for what is missing alone", err=True)
    echo(f"next: watchme diagnose {question} {shell_path(target)}")
    return PARTLY_FAILED if pulled.failures else 0


def _tell(pulled: Pulled, target: Path) -> None:
    from watchme_analysis.aws_shapes.prices import format_size, format_usd

    case = pulled.report.case
    scope = pulled.scope
    echo(f"queues: {', '.join(scope.queues) or 'none'}")
    echo(f"functions: {', '.join(scope.functions) or 'none'}")
    for table, entry in case.coverage().items():
        echo(f"  {table:<22} {entry['rows']:>9,} {'row' if entry['rows'] == 1 else 'rows'}")
    queries = case.table("log_queries")
    answered = queries[queries["truncated"] & queries["rows"].notna()]
    cut = [name for name in answered["query_name"] if name not in pulled.failures]
    if cut:
        echo(f"samples, cut at their limit: {', '.join(cut)}")
    echo(f"log queries scanned {format_size(pulled.bytes_scanned)}, {format_usd(pulled.usd)}")
    for note in pulled.notes:
        echo(f"note: {note}", err=True)
    for part, why in pulled.failures.items():
        echo(f"missing: {part}: {why}", err=True)
    echo(f"case {target}: {counted(len(case.tables), 'table')}")

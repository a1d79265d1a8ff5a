"""The command ``watchme settings``: changes of settings that the simulation has shown to help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from watchme_analysis.cli.options import language_option, profile_option, region_option, simulation_options
from watchme_analysis.cli.plans import plan_options, print_plan, run_plan
from watchme_analysis.cli.terminal import echo_json
from watchme_analysis.text.render import error_sentence
from watchme_analysis.text.shell_quoting import shell_path


@click.group(short_help="Plan and apply settings that the simulation favours.")
def settings() -> None:
    """Change settings of queue and function that the simulation has shown to help."""


@settings.command(
    "plan",
    short_help="Plan the change that helps most in the simulation of a CASE.",
    epilog="""\b
Examples:
  watchme settings plan cases/last-night --to settings.plan.json
  watchme settings plan cases/last-night --queue orders --measure "maximum concurrency 2" """,
)
@click.argument("case", type=click.Path(path_type=Path), required=False)
@click.option("--queue", help="Queue of the CASE; by default the affected one with the oldest message.")
@click.option("--measure", help="A measure of `watchme simulate`; by default the one that helps most.")
@simulation_options(2)
@click.option(
    "--to", type=click.Path(path_type=Path, dir_okay=False), help="File of the plan, for `settings apply`."
)
@language_option
@profile_option
@region_option
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.option("--print-policy", is_flag=True, help="Print the smallest sufficient IAM policy and exit.")
def plan_command(case: Path | None, queue: str | None, to: Path | None, **options: Any) -> int:
    """Simulate the measures of `watchme simulate`, and plan the one that helps most.

    Only visibility timeout, receives before the DLQ, function timeout and maximum concurrency are changed,
    and reserved concurrency is removed. A measure helps if it lowers lost work, messages in the DLQ, the age
    of the oldest message or duplicates by a tenth, beyond the spread of the simulations, and raises none.
    --measure also accepts one that raises age or duplicates, which is then a risk of the plan. The plan
    contains these numbers, each call, the old value and how to undo it. It changes nothing.

    The plan is refused if the account has other settings than the CASE, since the simulation is then of
    another system.
    """
    from watchme_analysis.cloudwatch.session import Aws, SessionTarget
    from watchme_analysis.remedies.plan import write_plan
    from watchme_analysis.remedies.policy import policy_of
    from watchme_analysis.remedies.queue_settings import CALLS
    from watchme_analysis.services.queue_settings import plan_settings, simulated

    if options["print_policy"]:
        echo_json(json.dumps(policy_of(CALLS), indent=2))
        return 0
    if case is None:
        raise click.UsageError(error_sentence("error-case-argument-missing"))
    tried = simulated(case, queue, *(options[name] for name in ("replications", "seed", "processes")))
    aws = Aws(SessionTarget(options["profile"], options["region"]))
    plan = plan_settings(aws, tried, options["measure"])
    if to is not None:
        write_plan(plan, to)
    if options["as_json"]:
        echo_json(json.dumps(plan.to_dict(), ensure_ascii=False, indent=2))
        return 0
    print_plan(plan, options["language"], f"watchme settings apply {shell_path(to) if to else 'PLAN'}")
    return 0


@settings.command(
    "apply",
    short_help="Apply a PLAN of settings, or the rest of it.",
    epilog="""\b
Examples:
  watchme settings apply uploads.plan.json
  watchme settings apply uploads.plan.json --case cases/last-night""",
)
@plan_options
def apply_command(path: Path, **options: Any) -> int:
    """Apply the PLAN of `watchme settings plan --to PLAN`, step by step.

    The plan is refused if a setting has changed since. Each step is checked in AWS, and the old values are in
    the plan. After an interruption, the same command does the rest.
    """
    return run_plan("settings", path, options)


@settings.command(
    "undo",
    short_help="Give the settings of a PLAN their old values again.",
    epilog="""\b
Examples:
  watchme settings undo uploads.plan.json""",
)
@plan_options
def undo_command(path: Path, **options: Any) -> int:
    """Give every setting that a PLAN changed its old value again, the last first."""
    return run_plan("settings", path, options, is_undo=True)

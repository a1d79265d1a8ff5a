"""The command ``watchme settings``: changes of settings that the simulation has shown to help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from watchme_analysis.cli.aws import session_of
from watchme_analysis.cli.completion import CASE
from watchme_analysis.cli.options import queue_option, simulation_options
from watchme_analysis.cli.plans import add_plan_commands, finish_plan, planning_options
from watchme_analysis.cli.result import Result
from watchme_analysis.cli.terminal import Printer


@click.group(short_help="Plan and apply settings that the simulation favours.")
def settings() -> None:
    """Change settings of queue and function that the simulation has shown to help."""


add_plan_commands(settings)


@settings.command(
    "plan",
    short_help="Plan the change that helps most in the simulation of a CASE.",
    epilog="""\b
Examples:
  watchme settings plan cases/last-night --to settings.plan.json
  watchme settings plan cases/last-night --queue orders --measure "maximum concurrency 2" """,
)
@click.argument("case", type=CASE, required=False)
@queue_option
@click.option("--measure", help="A measure of `watchme simulate`; by default the one that helps most.")
@simulation_options(2)
@planning_options("settings", "case")
def plan_command(out: Printer, case: Path, queue: str | None, **options: Any) -> Result:
    """Simulate the measures of `watchme simulate`, and plan the one that helps most.

    Only visibility timeout, receives before the DLQ, function timeout and maximum concurrency are changed,
    and reserved concurrency is removed. A measure helps if it lowers lost work, messages in the DLQ, the age
    of the oldest message or duplicates by a tenth, beyond the spread of the simulations, and raises none.
    --measure also accepts one that raises age or duplicates, which is then a risk of the plan. The plan
    contains these numbers, each call, the old value and how to undo it. It changes nothing.

    The plan is refused if the account has other settings than the CASE, since the simulation is then of
    another system.
    """
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.remedies.queue_settings import plan_settings
    from watchme_analysis.services.what_if import what_if_of_case
    from watchme_analysis.simulation.scenarios import compare

    _, model = what_if_of_case(open_case(case), queue)
    wanted = [each for each in model.scenarios if each.load == model.scenarios[0].load]
    found = compare(wanted, *(options[name] for name in ("replications", "seed", "processes")))
    agreements = model.agreements(found[0])
    plan = plan_settings(session_of(options), model.pipeline.queue, found, agreements, options["measure"])
    return finish_plan(plan, options["to"], out)

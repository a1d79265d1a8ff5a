"""The command ``watchme simulate``: simulation of measures against backlogs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.completion import CASE, complete_queues
from watchme_analysis.cli.options import FiniteRange, shown_zone_option, simulation_options
from watchme_analysis.cli.output import TABLE, output_of, output_options
from watchme_analysis.cli.terminal import echo
from watchme_analysis.config import load_config
from watchme_analysis.text.formats import counted, format_duration
from watchme_analysis.text.render import error_sentence

if TYPE_CHECKING:
    from watchme_analysis.simulation.calibration import Agreement
    from watchme_analysis.simulation.fit import Recorded
    from watchme_analysis.simulation.model import Model
    from watchme_analysis.simulation.scenarios import Comparison

# Field of an outcome, short heading for a terminal, and divisor from the unit of the field to that of the
# heading.
COLUMNS = (
    ("dead_lettered", "in DLQ", 1.0),
    ("dead_unfailed", "never failed", 1.0),
    ("lost", "lost", 1.0),
    ("duplicates", "duplicates", 1.0),
    ("peak_visible", "peak backlog", 1.0),
    ("peak_age_s", "oldest (min)", 60.0),
    ("drain_s", "drain (min)", 60.0),
    ("throttles", "throttles", 1.0),
)
LEGEND = (
    "never failed: in the DLQ without a failed invocation, because throttled receives count too",
    "lost: in the DLQ or expired without completed work; duplicates: work completed more than once",
    'drain: the longest interval in which messages waited for over a minute; "not" if a replication ended '
    "with messages left",
    "as AWS's guide describes it: a poller that backs off retries a throttled batch until the visibility "
    'timeout has passed. AWS does not publish how often, so "given up at once" is the worst case '
    "(`watchme report what-if` simulates the range between)",
)


@click.command(
    short_help="Simulate measures against a backlog.",
    epilog="""\b
Examples:
  watchme simulate
  watchme simulate cases/last-night --queue uploads --replications 40
  watchme simulate cases/last-night --queue uploads --api-slots 1 --json""",
)
@click.argument("case", type=CASE, required=False)
@click.option(
    "--queue",
    shell_complete=complete_queues,
    help="Queue of the CASE; by default the affected one with the oldest message.",
)
@click.option("--api-slots", type=click.IntRange(1), help="Calls that the API processes at the same time.")
# Without effect since queues are no longer simulated together; accepted for one release.
@click.option("--cores", type=FiniteRange(0, min_open=True), hidden=True)
@simulation_options(1)
@shown_zone_option
@output_options(["json"])
def simulate(case: Path | None, queue: str | None, api_slots: int | None, **options: Any) -> None:
    """Simulate measures against backlogs and DLQ messages with a model of queue, function and API.

    Every measure is simulated with the same arrivals: alone, in combinations, and with ten times the load.
    Arrivals, durations and settings are fitted to a CASE. Without a CASE, the senders of [load] in
    watchme.toml, else ten senders of a message each every 10 minutes, send to an API that processes one call
    at a time and becomes unhealthy in the second hour. Figures are means with 95 % intervals.
    """
    from watchme_analysis.alarms.sections import spared_by_a_check
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.present.console import filled
    from watchme_analysis.present.text_table import fit_table
    from watchme_analysis.services.what_if import what_if_of_case
    from watchme_analysis.simulation import scenarios as model
    from watchme_analysis.simulation.advice import advice, configured, doubts, warnings
    from watchme_analysis.simulation.figures import figures_note, measures_rows
    from watchme_analysis.window import parse_zone

    output, zone = output_of(options), parse_zone(options["timezone"])
    measured: Recorded | None = None
    fitted: Model | None = None
    notes: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    if case is None:
        if queue is not None:
            raise click.UsageError(error_sentence("error-queue-needs-case"))
        stated = load_config().load
        settings, load = model.usual_settings(), model.usual_load(stated)
        every = format_duration(stated.interval_s)
        together = ", all at the same time" if stated.together else ""
        title = f"{counted(stated.senders, 'sender')}, a message each every {every} for 8 hours{together}; "
        title += "an API of one slot"
        if api_slots is not None:
            settings = replace(settings, api=replace(settings.api, slots=api_slots))
            title = title.replace("one slot", f"{api_slots} slots")
        wanted = model.scenarios(settings, load)
    else:
        opened = open_case(case)
        diagnosis, fitted = what_if_of_case(opened, queue, api_slots)
        for note in opened.coverage().get("metrics", {}).get("notes", ()):
            echo(f"metrics: {note}", err=True)
        spared = spared_by_a_check(diagnosis, zone)
        wanted, measured, notes = fitted.scenarios, fitted.recorded, fitted.notes
        if options["cores"] is not None:
            notes = (*notes, f"--cores has no effect: {fitted.pipeline.queue} is simulated alone.")
        title = f"{fitted.pipeline.queue}; fitted to {case}"
    found = model.compare(wanted, options["replications"], options["seed"], options["processes"])
    near = () if fitted is None else fitted.agreements(found[0])
    notes = (configured(found[0].scenario.settings), *notes)
    loud = (*warnings(found), *doubts(near))
    if output.form != TABLE:
        document = _json(found, measured, (*loud, *spared, *notes), near)
        output.write_document(document, lambda: document["scenarios"])
        return
    runs = counted(options["replications"], "replication")
    echo(f"{title}; {runs}, seed {options['seed']}\n")
    for sentence in (*loud, *advice(found)[:1], *spared):
        echo(filled(sentence) + "\n")
    heads = ["measure", *(head for _, head, _ in COLUMNS)]
    echo(fit_table(heads, measures_rows(found, measured, COLUMNS)) + "\n")
    for note in (figures_note(options["replications"]), *LEGEND, *notes):
        echo(filled(note, rest="  "))


def _json(
    found: tuple[Comparison, ...],
    measured: Recorded | None,
    notes: tuple[str, ...],
    near: tuple[tuple[str, Agreement], ...],
) -> dict[str, Any]:
    from dataclasses import asdict

    from watchme_analysis.simulation.figures import estimate_of

    def figures(row: Comparison) -> dict[str, Any]:
        names = ["sent", "errors", "timeouts", "restarts", *(name for name, _, _ in COLUMNS)]
        return {name: asdict(estimate_of(row, name)) for name in names}

    return {
        "recorded": None if measured is None else asdict(measured),
        "agreement": [{"queue": queue, **asdict(each)} for queue, each in near],
        "notes": list(notes),
        "scenarios": [{"name": row.scenario.name, **figures(row)} for row in found],
    }

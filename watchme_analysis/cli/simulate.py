"""The command ``watchme simulate``: simulation of measures against backlogs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.completion import CASE
from watchme_analysis.cli.options import (
    language_option,
    queue_option,
    simulation_options,
    timezone_option,
    window_options,
)
from watchme_analysis.cli.output import TABLE, output_of, output_options
from watchme_analysis.cli.terminal import echo
from watchme_analysis.config import load_config
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Message,
    Resource,
    Text,
    Value,
    message,
    message_of,
)
from watchme_analysis.text.render import error_sentence, label, render

if TYPE_CHECKING:
    from watchme_analysis.simulation.calibration import Agreement
    from watchme_analysis.simulation.fit import Recorded
    from watchme_analysis.simulation.model import Model
    from watchme_analysis.simulation.scenarios import Comparison

# Field of an outcome, name of its heading in the catalogues without ``column-``, and divisor from the unit of
# the field to that of the heading.
COLUMNS = (
    ("dead_lettered", "in-dlq", 1.0),
    ("dead_unfailed", "unfailed", 1.0),
    ("lost", "lost", 1.0),
    ("duplicates", "duplicates", 1.0),
    ("peak_visible", "peak-backlog", 1.0),
    ("peak_age_s", "oldest-min", 60.0),
    ("drain_s", "drain-min", 60.0),
    ("throttles", "throttles", 1.0),
)
# Explanations below the table.
LEGEND = (
    "never-failed",
    "lost",
    "drain",
    "reserved",
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
@queue_option
@click.option("--api-slots", type=click.IntRange(1), help="Calls that the API processes at the same time.")
@window_options()
@simulation_options(1)
@timezone_option
@language_option
@output_options()
def simulate(case: Path | None, api_slots: int | None, **options: Any) -> None:
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

    output, zone, language = output_of(options), parse_zone(options["timezone"]), str(options["language"])
    runs = message("simulate-runs", count=options["replications"])
    scope: dict[str, Value] = {"runs": runs, "seed": Resource(str(options["seed"]))}
    measured: Recorded | None = None
    fitted: Model | None = None
    notes: tuple[Text, ...] = ()
    spared: tuple[Text, ...] = ()
    if case is None:
        for name in ("queue", "since", "until"):
            if options[name] is not None:
                raise click.UsageError(error_sentence("error-option-needs-case", option=name))
        stated = load_config().load
        settings, load = model.usual_settings(), model.usual_load(stated)
        if api_slots is not None:
            settings = replace(settings, api=replace(settings.api, slots=api_slots))
        title = message(
            "simulate-load",
            senders=stated.senders,
            interval=Duration(stated.interval_s),
            together=Choice("together" if stated.together else "spread"),
            slots=settings.api.slots or 0,
            **scope,
        )
        wanted = model.scenarios(settings, load)
    else:
        opened = open_case(case)
        diagnosis, fitted = what_if_of_case(
            opened, options["queue"], api_slots, since=options["since"], until=options["until"], zone=zone
        )
        for note in opened.coverage().get("metrics", {}).get("notes", ()):
            echo(f"metrics: {note}", err=True)
        spared = spared_by_a_check(diagnosis, zone)
        wanted, measured, notes = fitted.scenarios, fitted.recorded, fitted.notes
        title = message(
            "simulate-fitted", queue=Resource(fitted.pipeline.queue), case=Resource(str(case)), **scope
        )
    found = model.compare(wanted, options["replications"], options["seed"], options["processes"])
    near = () if fitted is None else fitted.agreements(found[0])
    notes = (configured(found[0].scenario.settings), *notes)
    loud = (*warnings(found), *doubts(near))
    if output.form != TABLE:
        document = _json(found, measured, (*loud, *spared, *notes), near, language)
        output.write_document(document, lambda: document["scenarios"])
        return

    def rendered(text: Text) -> str:
        return render(text, language, zone)

    echo(rendered(title) + "\n")
    for sentence in (*loud, *advice(found)[:1], *spared):
        echo(filled(rendered(sentence)) + "\n")
    heads = [label(f"column-{head}", language) for head in ("measure", *(head for _, head, _ in COLUMNS))]
    echo(fit_table(heads, measures_rows(found, measured, COLUMNS, language)) + "\n")
    legend = (message(f"simulate-legend-{name}") for name in LEGEND)
    for note in (figures_note(options["replications"]), *legend, *notes):
        echo(filled(rendered(note), rest="  "))


def _json(
    found: tuple[Comparison, ...],
    measured: Recorded | None,
    notes: tuple[Text, ...],
    near: tuple[tuple[str, Agreement], ...],
    language: str,
) -> dict[str, Any]:
    from dataclasses import asdict

    from watchme_analysis.simulation.figures import estimate_of

    def figures(row: Comparison) -> dict[str, Any]:
        names = ["sent", "errors", "timeouts", "restarts", *(name for name, _, _ in COLUMNS)]
        return {name: asdict(estimate_of(row, name)) for name in names}

    def message_in(text: Text) -> dict[str, Any] | None:
        found = message_of(text)
        return found.to_dict() if isinstance(found, Message) else None

    return {
        "recorded": None if measured is None else asdict(measured),
        "agreement": [{"queue": queue, **asdict(each)} for queue, each in near],
        "notes": [render(note, language) for note in notes],
        "notes_messages": [message_in(note) for note in notes],
        "scenarios": [
            {
                "name": row.scenario.name,
                "measure": render(row.scenario.measure, language),
                "measure_message": message_in(row.scenario.measure),
                **figures(row),
            }
            for row in found
        ],
    }

"""The command ``watchme simulate``: simulation of measures against backlogs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.completion import CASE
from watchme_analysis.cli.options import queue_option, simulation_options, window_options
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer
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
from watchme_analysis.text.render import error_sentence

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
@renders(has_zone=True)
def simulate(out: Printer, case: Path | None, api_slots: int | None, **options: Any) -> Result:
    """Simulate measures against backlogs and DLQ messages with a model of queue, function and API.

    Every measure is simulated with the same arrivals: alone, in combinations, and with ten times the load.
    Arrivals, durations and settings are fitted to a CASE. Without a CASE, the senders of [load] in
    watchme.toml, else ten senders of a message each every 10 minutes, send to an API that processes one call
    at a time and becomes unhealthy in the second hour. Figures are means with 95 % intervals.
    """
    from watchme_analysis.alarms.sections import spared_by_a_check
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.services.what_if import what_if_of_case
    from watchme_analysis.simulation import scenarios as model
    from watchme_analysis.simulation.advice import advice, configured, doubts, warnings
    from watchme_analysis.simulation.figures import figures_note

    runs = message("simulate-runs", count=options["replications"])
    scope: dict[str, Value] = {"runs": runs, "seed": Resource(str(options["seed"]))}
    fitted: Model | None = None
    spared: Sequence[Text] = ()
    coverage_notes: Sequence[Text] = ()
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
            opened, options["queue"], api_slots, since=options["since"], until=options["until"], zone=out.zone
        )
        coverage_notes = opened.coverage().get("metrics", {}).get("notes", ())
        spared = spared_by_a_check(diagnosis, out.zone)
        wanted = fitted.scenarios
        title = message(
            "simulate-fitted", queue=Resource(fitted.pipeline.queue), case=Resource(str(case)), **scope
        )
    found = model.compare(wanted, options["replications"], options["seed"], options["processes"])
    near = () if fitted is None else fitted.agreements(found[0])
    notes = (configured(found[0].scenario.settings), *(() if fitted is None else fitted.notes))
    loud = (*warnings(found), *doubts(near))
    recorded = None if fitted is None else fitted.recorded
    legend = (message(f"simulate-legend-{name}") for name in LEGEND)
    sentences = [*loud, *advice(found)[:1], *spared]
    explanations = [figures_note(options["replications"]), *legend, *notes]
    document = _document(found, recorded, (*loud, *spared, *notes), near, Printer(out.language))
    return Result(
        _lines(title, sentences, _table(found, recorded, out), explanations, out),
        document["scenarios"],
        document,
        notes=[f"metrics: {out.text(note)}" for note in coverage_notes],
    )


def _lines(
    title: Message, sentences: Sequence[Text], table: str, explanations: Sequence[Text], out: Printer
) -> Iterator[str]:
    from watchme_analysis.present.console import filled

    yield out.text(title) + "\n"
    yield from (filled(out.text(sentence)) + "\n" for sentence in sentences)
    yield table + "\n"
    yield from (filled(out.text(text), rest="  ") for text in explanations)


def _table(found: tuple[Comparison, ...], recorded: Recorded | None, out: Printer) -> str:
    from watchme_analysis.present.text_table import fit_table
    from watchme_analysis.simulation.figures import measures_rows

    heads = [out.words(f"column-{head}") for head in ("measure", *(head for _, head, _ in COLUMNS))]
    return fit_table(heads, measures_rows(found, recorded, COLUMNS, out.language))


def _document(
    found: tuple[Comparison, ...],
    recorded: Recorded | None,
    notes: tuple[Text, ...],
    near: tuple[tuple[str, Agreement], ...],
    out: Printer,
) -> dict[str, Any]:
    names = ["sent", "errors", "timeouts", "restarts", *(name for name, _, _ in COLUMNS)]

    def message_in(text: Text) -> dict[str, Any] | None:
        carried = message_of(text)
        return carried.to_dict() if isinstance(carried, Message) else None

    return {
        "recorded": None if recorded is None else asdict(recorded),
        "agreement": [{"queue": queue, **asdict(each)} for queue, each in near],
        "notes": [out.text(note) for note in notes],
        "notes_messages": [message_in(note) for note in notes],
        "scenarios": [
            {
                "name": row.scenario.name,
                "measure": out.text(row.scenario.measure),
                "measure_message": message_in(row.scenario.measure),
                **{name: asdict(row.estimate(name)) for name in names},
            }
            for row in found
        ],
    }

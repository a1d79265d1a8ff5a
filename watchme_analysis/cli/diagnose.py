"""The command ``watchme diagnose``: the cause of an incident as text or JSON."""

from __future__ import annotations

import json
from pathlib import Path

import click

from watchme_analysis.cli.options import (
    ChoiceWithSuggestion,
    endpoint_option,
    language_option,
    since_option,
    timezone_option,
    until_option,
)
from watchme_analysis.cli.terminal import echo, echo_json
from watchme_analysis.text.message import message
from watchme_analysis.text.shell_quoting import shell_path
from watchme_analysis.window import parse_zone


@click.command(
    epilog="""\b
Examples:
  watchme diagnose health ~/incident
  watchme diagnose health cases/last-night --endpoint /api/health --since 2h
  watchme diagnose backlog cases/last-night --queue uploads --json"""
)
@click.argument("question", type=ChoiceWithSuggestion(["health", "backlog"]))
@click.argument("case", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/evidence.md).")
@click.option("--sql", "with_sql", is_flag=True, help="Print below each statement the query for its rows.")
@since_option
@until_option
@endpoint_option
@click.option("--queue", help="backlog: the queue that is asked about; found from the data if not given.")
@timezone_option
@language_option
def diagnose(question: str, case: Path, as_json: bool, with_sql: bool, **options: str | None) -> None:
    """Name the cause behind a CASE, or say what evidence would decide.

    CASE is a case or a folder of raw evidence. The answer is supported (one cause), inconclusive (the
    evidence does not separate the causes, or is missing) or no incident, with the probability of every cause
    considered, the evidence for and against it, what could not be seen and the next test.
    """
    from watchme_analysis.health.hypotheses.calibration import track_record
    from watchme_analysis.present import console
    from watchme_analysis.report.cause_page import remedy_page
    from watchme_analysis.services.diagnose import diagnose as find

    zone = parse_zone(str(options["timezone"]))
    wrong = "queue" if question == "health" else "endpoint"
    if options[wrong] is not None:
        raise click.UsageError(f"--{wrong} does not go with the question {question!r}.")
    found = find(
        question,
        case,
        since=options["since"],
        until=options["until"],
        zone=zone,
        subject=options["endpoint"] or options["queue"],
    )
    language = str(options["language"])
    if as_json:
        echo_json(json.dumps(found.to_dict(language), ensure_ascii=False, indent=1))
        return
    told = found.to_dict(language, zone)
    record = track_record(found.verdict, found.confidence) if question == "health" else ""
    here = Path.cwd()
    pages = [
        str(page.relative_to(here) if page.is_relative_to(here) else page)
        for page in remedy_page(told).values()
    ]
    remedies = message("print-remedies", pages=pages) if pages else ""
    text = console.diagnosis_text(
        told,
        zone,
        with_sql=with_sql,
        notes=[remedies, record],
        case=shell_path(case),
        language=language,
    )
    echo(text)

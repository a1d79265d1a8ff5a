"""The command ``watchme diagnose``: the cause of an incident as text or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.completion import CASE, complete_question_or_case
from watchme_analysis.cli.options import (
    FOUND,
    ChoiceWithSuggestion,
    CommandWithOptionalQuestion,
    endpoint_option,
    fail_on_option,
    language_option,
    meets,
    queue_option,
    system_option,
    timezone_option,
    window_options,
)
from watchme_analysis.cli.output import TABLE, output_of, output_options
from watchme_analysis.cli.terminal import echo
from watchme_analysis.config import load_config
from watchme_analysis.services.diagnose import ALL, QUESTIONS
from watchme_analysis.text.message import Code, message
from watchme_analysis.text.render import error_sentence
from watchme_analysis.text.shell_quoting import shell_path
from watchme_analysis.window import parse_zone

if TYPE_CHECKING:
    from watchme_analysis.inference.findings import Diagnosis

# Option that states the subject of each question.
_SUBJECTS = {"health": "endpoint", "backlog": "queue"}
# Colour of the line on the cause.
_COLOURS = {"supported": "red", "inconclusive": "yellow", "no_incident": "green"}


@click.command(
    cls=CommandWithOptionalQuestion,
    epilog="""\b
Examples:
  watchme diagnose ~/incident
  watchme diagnose health cases/last-night --endpoint /api/health --since 2h
  watchme diagnose backlog cases/last-night --queue uploads --json
  watchme diagnose cases/last-night --fail-on incident""",
)
@click.argument(
    "question",
    required=False,
    type=ChoiceWithSuggestion([*QUESTIONS, ALL]),
    shell_complete=complete_question_or_case,
)
@click.argument("case", type=CASE)
@output_options()
@click.option("--all", "everything", is_flag=True, help="Print all causes, their evidence and the coverage.")
@click.option(
    "--sql", "with_sql", is_flag=True, help="As --all, with the query for the rows of each statement."
)
@window_options()
@endpoint_option
@queue_option
@system_option
@timezone_option
@language_option
@fail_on_option
def diagnose(question: str, case: Path, everything: bool, with_sql: bool, **options: Any) -> int:
    """Name the cause behind a CASE, or say what evidence would decide.

    CASE is a case, a folder of raw evidence or a file of it. Without QUESTION, or with `all`, health and
    backlog are answered, as far as the CASE has evidence for them; --json is then an object by question.
    --output csv and jsonl have a row for each cause.

    Printed are headline, facts, cause, what to do now and three reasons, in 25 lines; --all prints the rest.

    The answer is supported (one cause), inconclusive (the evidence does not separate the causes, or is
    missing) or no incident, with the probability of every cause considered, the evidence for and against it,
    what could not be seen and the next test.

    Exit codes: 0 a diagnosis was made, whatever it says; 2 bad input; 3 with --fail-on, if a diagnosis meets
    it.
    """
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.services.diagnose import chosen_questions, subject_of_system
    from watchme_analysis.services.diagnose import diagnose as find

    config = load_config()
    # A system that nobody chose would hide an affected endpoint or queue of another one.
    system = config.chosen_system(options["system"]) if options["system"] or config.system else None
    output = output_of(options)
    zone = parse_zone(str(options["timezone"]))
    _check_subjects((question,) if question != ALL else QUESTIONS, options)
    opened = open_case(case)
    questions = chosen_questions(question, opened)
    _check_subjects(questions, options)
    found = {
        each: find(
            each,
            opened,
            since=options["since"],
            until=options["until"],
            zone=zone,
            subject=options[_SUBJECTS[each]] or subject_of_system(each, opened, system),
        )
        for each in questions
    }
    language = str(options["language"])
    results = {}
    if options["fail_on"] or output.form != TABLE:
        results = {each: diagnosis.to_dict(language) for each, diagnosis in found.items()}
    code = FOUND if any(meets(options["fail_on"], result) for result in results.values()) else 0
    if output.form != TABLE:
        whole = results if question == ALL else results[question]
        output.write_document(whole, lambda: (row for each in results.values() for row in _rows(each)))
        return code
    for at, (each, diagnosis) in enumerate(found.items()):
        if len(found) > 1:
            echo(("\n" if at else "") + f"{each}\n{'=' * len(each)}\n")
        if everything or with_sql:
            echo(_text(diagnosis, case, zone, language, with_sql))
        else:
            _print_short(diagnosis, f"watchme diagnose {each} {shell_path(case)} --all", zone, language)
    return code


def _print_short(diagnosis: Diagnosis, more: str, zone: tzinfo, language: str) -> None:
    """Print the short answer of a diagnosis, in bold and colour on a terminal."""
    from watchme_analysis.present.console import width
    from watchme_analysis.present.short_answer import short_answer, stored_answer
    from watchme_analysis.text.render import render

    answer = stored_answer(diagnosis.to_dict(language, zone), language, zone)
    last = render(message("answer-more", command=Code(more)), language)
    for part, line in short_answer(answer, width(), last):
        style: dict[str, Any] = {"bold": True} if part in ("headline", "cause") else {}
        if part == "cause":
            style["fg"] = _COLOURS[diagnosis.verdict]
        echo(line, **style)


def _rows(diagnosis: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row for each cause that a diagnosis considers, the most probable first."""
    about = {name: diagnosis[name] for name in ("question", "case", "verdict")}
    bounds = {f"incident_{bound}": diagnosis["incident"][bound] for bound in ("start", "end")}
    for entry in diagnosis["ranking"]:
        yield about | {name: entry[name] for name in ("cause", "probability", "status", "log_odds")} | bounds


def _check_subjects(questions: tuple[str, ...], options: Mapping[str, Any]) -> None:
    """Raise an error if a subject is given that belongs to none of the questions."""
    for question, name in _SUBJECTS.items():
        if options[name] is not None and question not in questions:
            raise click.UsageError(
                error_sentence("error-option-other-question", option=name, question=repr(questions[0]))
            )


def _text(diagnosis: Diagnosis, case: Path, zone: tzinfo, language: str, with_sql: bool) -> str:
    """Return a diagnosis as text for a terminal."""
    from watchme_analysis.health.calibration import track_record
    from watchme_analysis.present import console
    from watchme_analysis.report.cause_page import remedy_page

    result = diagnosis.to_dict(language, zone)
    is_health = diagnosis.question == "health"
    record = track_record(diagnosis.verdict, diagnosis.confidence) if is_health else ""
    here = Path.cwd()
    pages = [
        str(page.relative_to(here) if page.is_relative_to(here) else page)
        for page in remedy_page(result, language).values()
    ]
    remedies = message("print-remedies", pages=pages) if pages else ""
    return console.diagnosis_text(
        result,
        zone,
        with_sql=with_sql,
        notes=[remedies, record],
        case=shell_path(case),
        language=language,
    )

"""The command ``watchme diagnose``: the cause of an incident as text or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.completion import CASE, complete_question_or_case
from watchme_analysis.cli.exit_codes import exit_code_of
from watchme_analysis.cli.options import (
    ChoiceWithSuggestion,
    CommandWithOptionalQuestion,
    endpoint_option,
    fail_on_option,
    queue_option,
    system_option,
    window_options,
)
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer, Styled
from watchme_analysis.config import load_config
from watchme_analysis.services.diagnose import ALL, QUESTIONS
from watchme_analysis.text.message import Code, message
from watchme_analysis.text.render import error_sentence, render
from watchme_analysis.text.shell_quoting import shell_path

if TYPE_CHECKING:
    from watchme_analysis.inference.findings import Diagnosis

# Option that states the subject of each question.
_SUBJECTS = {"health": "endpoint", "backlog": "queue"}
# Colour of the headline, by the state of the incident.
_COLOURS = {"open": "red", "ended": "blue", "no_incident": "green"}


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
@click.option("--all", "everything", is_flag=True, help="Print all causes, their evidence and the coverage.")
@click.option(
    "--sql", "with_sql", is_flag=True, help="As --all, with the query for the rows of each statement."
)
@window_options()
@endpoint_option
@queue_option
@system_option
@fail_on_option
@renders(has_zone=True)
def diagnose(
    out: Printer, question: str, case: Path, everything: bool, with_sql: bool, **options: Any
) -> Result:
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
            zone=out.zone,
            subject=options[_SUBJECTS[each]] or subject_of_system(each, opened, system),
        )
        for each in questions
    }
    results = {each: diagnosis.to_dict(out.language) for each, diagnosis in found.items()}
    is_whole = everything or with_sql

    def lines() -> Iterator[str | Styled]:
        for at, (each, diagnosis) in enumerate(found.items()):
            if len(found) > 1:
                yield ("\n" if at else "") + f"{each}\n{'=' * len(each)}\n"
            if is_whole:
                yield _text(diagnosis, case, out, with_sql)
            else:
                yield from _short(diagnosis, f"watchme diagnose {each} {shell_path(case)} --all", out)

    return Result(
        lines(),
        [row for each in results.values() for row in _rows(each)],
        results if question == ALL else results[question],
        outcome=exit_code_of(options["fail_on"], results.values()),
    )


def _short(diagnosis: Diagnosis, more: str, out: Printer) -> Iterator[str | Styled]:
    """Yield the lines of the short answer of a diagnosis, in bold and colour for a terminal."""
    from watchme_analysis.present.console import width
    from watchme_analysis.present.short_answer import short_answer, stored_answer

    stored = diagnosis.to_dict(out.language, out.zone)
    answer = stored_answer(stored, out.language, out.zone, datetime.now(UTC))
    last = render(message("answer-more", command=Code(more)), out.language)
    state = next((one.value for one in diagnosis.facts if one.id == "state"), diagnosis.verdict)
    for part, line in short_answer(answer, width(), last):
        if part in ("headline", "cause"):
            yield Styled(line, _COLOURS.get(state) if part == "headline" else None)
        else:
            yield line


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


def _text(diagnosis: Diagnosis, case: Path, out: Printer, with_sql: bool) -> str:
    """Return a diagnosis as text for a terminal."""
    from watchme_analysis.health.calibration import track_record
    from watchme_analysis.present import console
    from watchme_analysis.report.cause_page import remedy_page

    result = diagnosis.to_dict(out.language, out.zone)
    is_health = diagnosis.question == "health"
    record = track_record(diagnosis.verdict, diagnosis.confidence) if is_health else ""
    here = Path.cwd()
    pages = [
        str(page.relative_to(here) if page.is_relative_to(here) else page)
        for page in remedy_page(result, out.language).values()
    ]
    remedies = message("print-remedies", pages=pages) if pages else ""
    return console.diagnosis_text(
        result,
        out.zone,
        with_sql=with_sql,
        notes=[remedies, record],
        case=shell_path(case),
        language=out.language,
    )

"""The command ``watchme loadtest``: a case's arrivals, replayed against a declared test system."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import session_of, session_options
from watchme_analysis.cli.exit_codes import OF_OUTCOME
from watchme_analysis.cli.options import (
    FiniteRange,
    Seconds,
    case_option,
    policy_option,
    queue_option,
    seconds_option,
)
from watchme_analysis.cli.output import file_option
from watchme_analysis.cli.plans import journal_option, remedy_grants
from watchme_analysis.cli.probe import with_message
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.cloudwatch.iam_policy import Grant, grants_of
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.load_plan import FACTORS, LONGEST_S, MOST_MESSAGES
from watchme_analysis.text.message import Code, Resource, Text, message
from watchme_analysis.text.render import error_message
from watchme_analysis.text.shell_quoting import shell_path

if TYPE_CHECKING:
    from watchme_analysis.remedies.load_plan import LoadPlan


def _plan_in(source: Path | None) -> LoadPlan | None:
    from watchme_analysis.remedies.load_plan import read_load_plan

    return None if source is None or source.is_dir() else read_load_plan(source)


def _grants(options: Mapping[str, Any]) -> Iterator[Grant]:
    """Yield what IAM must allow for the plan, else for every load test."""
    from watchme_analysis.remedies.loadtest import calls_of_load_test

    plan = _plan_in(options["source"])
    if plan is None:
        return remedy_grants("loadtest")
    if not (calls := calls_of_load_test(plan)):
        raise InputError(error_message("error-loadtest-no-policy"))
    return grants_of(call.action for call in calls)


@click.command(
    "loadtest",
    short_help="Replay a case's arrivals against a declared test system.",
    epilog="""\b
Examples:
  watchme loadtest cases/last-night --queue orders --factor 3 --to load.json
  watchme loadtest load.json --apply --case cases/last-night --figure load.png
  watchme loadtest cases/last-night --endpoint /orders --for 2m --most 200 --to load.json

The test system must be declared in watchme.toml:
  [systems.staging]
  test = true
  queue = "orders-staging"

Exit codes: 0 done; 1 the test stopped, or a service failed; 2 refused, or bad input.""",
)
@click.argument("source", metavar="CASE|PLAN", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--system", metavar="NAME", help="Test system; by default the only one with `test = true`.")
@queue_option
@click.option(
    "--endpoint",
    metavar="PATH",
    help="Path in the access log of the CASE whose requests are replayed, to the `api` of the test system.",
)
@click.option(
    "--factor",
    type=FiniteRange(*FACTORS),
    default=1.0,
    show_default=True,
    help="How many times as fast as recorded.",
)
@click.option(
    "--for",
    "longest_s",
    type=Seconds(),
    default="10m",
    show_default=True,
    help="Longest time of sending, at most 1h. The busiest part of the CASE is taken.",
)
@click.option(
    "--most",
    type=click.IntRange(1, MOST_MESSAGES),
    default=1000,
    show_default=True,
    help="Largest number of messages or requests.",
)
@click.option(
    "--template",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Body to send instead of those of the CASE; {item}, {key}, {number} and {test} are replaced.",
)
@click.option(
    "--watch",
    multiple=True,
    metavar="QUEUE|URL",
    help="Further queue or health endpoint to watch, beside those of the other systems in watchme.toml.",
)
@click.option(
    "--api-slots", "slots", type=click.IntRange(1), help="Calls that the API processes at the same time."
)
@seconds_option("--drain", "drain_s", "10m", "Longest wait for messages to be processed in the end.")
@seconds_option("--timeout", "timeout_s", "30s", "Time limit of a request.")
@click.option(
    "--most-errors",
    type=FiniteRange(0, 1),
    default=0.1,
    show_default=True,
    help="Share of failures of the test itself above which it stops.",
)
@file_option("the plan, or with --apply the result")
@click.option("--apply", "apply_now", is_flag=True, help="Send what the PLAN states.")
@journal_option
@case_option
@click.option(
    "--header", "headers", multiple=True, help="NAME: VALUE of each request, or @FILE of such lines."
)
@click.option(
    "--figure", type=click.Path(dir_okay=False, path_type=Path), help="Draw the result to this PNG file."
)
@session_options
@policy_option(_grants)
@renders(has_zone=True, writes_to_file=False)
def loadtest(out: Printer, source: Path | None, *, apply_now: bool, **options: Any) -> Result:
    """Plan a load test from a CASE; with --apply, run a PLAN.

    The busiest part of the CASE's arrivals is replayed, one to ten times as fast, against a queue or an
    endpoint of a system that watchme.toml declares with `test = true`. Anything else is refused. Without
    --apply nothing is sent: the plan states how many messages at which rate, the cost, what the simulation
    predicts, what is watched, and the limits.

    --apply sends each message at its time, marked as one of the test. Meanwhile it watches the queues,
    functions and health endpoints of the other systems, and stops at the first value that exceeds the highest
    of the hour before. In the end the measured figures stand beside the predicted ones. A journal records
    each message before and after it is sent. A test that was killed is not continued, since its times are
    lost: the same command then states what was sent, and what became of it.
    """
    plan = _plan_in(source)
    if source is None:
        raise InputError(error_message("error-loadtest-no-case"))
    if plan is not None and apply_now:
        return _apply(plan, source, out, options)
    if plan is not None:
        return _shown_plan(plan, source, out)
    if apply_now:
        raise InputError(error_message("error-loadtest-apply-needs-plan"))
    return _plan(source, out, options)


def _plan(case: Path, out: Printer, options: dict[str, Any]) -> Result:
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.remedies.load_plan import LoadLimits
    from watchme_analysis.remedies.load_planning import LoadRequest, plan_load_test
    from watchme_analysis.remedies.plan import write_plan

    if options["longest_s"] > LONGEST_S:
        raise InputError(error_message("error-loadtest-long"))
    names = ("system", "queue", "endpoint", "factor", "longest_s", "most", "watch", "slots")
    wanted = LoadRequest(
        **{name: options[name] for name in names},
        template=_template(options["template"]),
        limits=LoadLimits(**{name: options[name] for name in ("drain_s", "timeout_s", "most_errors")}),
    )
    plan = plan_load_test(open_case(case), wanted, lambda: session_of(options))
    if options["to"] is not None:
        write_plan(plan, options["to"])
    return _shown_plan(plan, options["to"], out)


def _template(path: Path | None) -> str | None:
    try:
        return None if path is None else path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise InputError(error_message("error-loadtest-template", path=path)) from error


def _shown_plan(plan: LoadPlan, path: Path | None, out: Printer) -> Result:
    from watchme_analysis.remedies.load_plan import load_plan_sentences

    sentences = [*map(out.text, load_plan_sentences(plan))]
    first, *rest = sentences
    command = Code(f"watchme loadtest {shell_path(path) if path else 'PLAN'} --apply")
    how = message("loadtest-how-to-apply" if path else "loadtest-how-to-write", command=command)
    lines: list[Text] = [first, *(f"  - {sentence}" for sentence in rest), how]
    return Result(lines, ({"sentence": each} for each in sentences), plan.to_dict())


def _apply(plan: LoadPlan, path: Path, out: Printer, options: dict[str, Any]) -> Result:
    from watchme_analysis.evidence.prober import read_headers
    from watchme_analysis.remedies.apply import journal_of
    from watchme_analysis.remedies.loadtest import apply_load_test
    from watchme_analysis.storage.atomic_write import check_replaceable, write_atomically

    if options["to"] is not None:
        check_replaceable(options["to"], lambda first: b'"outcome"' in first, "result")
    if options["figure"] is not None:
        check_replaceable(options["figure"], lambda first: first.startswith(b"\x89PNG"), "figure")
    try:
        headers = read_headers(options["headers"])
    except (OSError, ValueError) as error:
        raise InputError(error_message("error-as-is", text=with_message(error))) from error
    result = apply_load_test(
        plan,
        options["journal"] or journal_of(path),
        session_of({**options, "region": options["region"] or plan.region}) if plan.region else None,
        case=options["case"],
        headers=headers,
        report=out.say,
    )
    found = result.to_dict()
    if options["to"] is not None:
        text = json.dumps(found, ensure_ascii=False, indent=2)
        write_atomically(options["to"], f"{text}\n".encode(errors="surrogatepass"))
    if options["figure"] is not None and result.sent_s:
        from watchme_analysis.remedies.load_figures import plot_load_test

        write_atomically(options["figure"], plot_load_test(plan, result, out.language).png)
    return Result(
        (*result.sentences, message("loadtest-journal", journal=Resource(str(result.journal)))),
        found["compared"],
        found,
        conclusion=result.sentence,
        outcome=OF_OUTCOME[result.outcome],
    )

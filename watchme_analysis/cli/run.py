"""The command ``watchme run``: pull, diagnose, report and deliver, for the systems of watchme.toml."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import cache_option, session_of, session_options
from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.cli.options import language_option, seconds_option
from watchme_analysis.cli.output import JSON, TABLE, output_of, output_options
from watchme_analysis.cli.result import Result, render_result
from watchme_analysis.cli.terminal import Printer, echo, echo_json
from watchme_analysis.config import FILE, Config, Destination, System, load_config
from watchme_analysis.errors import InputError, WatchmeError
from watchme_analysis.text.render import (
    error_message,
    error_sentence,
    in_language,
    masked_text,
    text_of_error,
)
from watchme_analysis.window import Window, parse_span, parse_zone

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

# Folder of the state, beside the file that states the system.
_STATE = ".watchme"
_LOG = "run.log"


@click.command(
    short_help="Pull, diagnose, report and deliver what changed, for a timer or an alarm.",
    epilog="""\b
Examples:
  watchme run
  watchme run orders refunds --wait 10m
  watchme run --event alarm.json
  aws sqs receive-message ... | watchme run --event -
  watchme run orders --offline --dry-run
  watchme run --digest 7d
  watchme run orders --language ja

\b
Exit codes:
  0  every run is complete, and every delivery is confirmed
  1  a run failed or is busy, evidence is missing, or a delivery failed or is uncertain
  2  bad input, nothing was run""",
)
@click.argument("systems", metavar="[SYSTEM]...", nargs=-1)
@click.option(
    "--event",
    type=click.File("r", encoding="utf-8"),
    help="Event of a CloudWatch alarm as EventBridge or SNS delivers it; - reads standard input. Names the "
    "systems and the window.",
)
@click.option("--offline", is_flag=True, help="Use cached responses only, with the window of the last run.")
@click.option("--dry-run", is_flag=True, help="Store and deliver nothing; print what would be delivered.")
@seconds_option("--wait", "wait_s", "0s", "Time to wait for another run of the same system.")
@click.option(
    "--take-over",
    is_flag=True,
    help="Run the systems from this machine from now on, although another one does; stop that one first.",
)
@click.option(
    "--digest",
    metavar="SPAN",
    help="Deliver a digest of the days before the last midnight, such as 7d, instead of an investigation.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Folder of the state; by default state of [run], else {_STATE} beside {FILE}.",
)
@cache_option
@output_options(default="table on a terminal, else json in one line")
@language_option
@session_options
def run(systems: tuple[str, ...], event: Any, language: str, **options: Any) -> int:
    """Run the investigation of each SYSTEM of watchme.toml, by default of all, once.

    A run pulls the evidence, diagnoses it, compares the result with the run before, and delivers what changed
    to the destinations of the system. Without destinations, it writes a report to the folder of the system's
    reports. One run of a system is in progress at a time. A run that is killed is continued by the next one.

    Prints a summary on a terminal, else one line of JSON, as --json does; csv and jsonl have a row for each
    system. --language is that of its sentences, and of texts and reports of destinations that state none.
    [run] in watchme.toml states the window and the limits.
    """
    from watchme_analysis.cli.report import hide_address_grammar

    began, output = time.monotonic(), output_of(options, TABLE if sys.stdout.isatty() else JSON)
    span = _digest_span(options["digest"], event)
    config = replace(load_config(), language=language)
    config.check_confirmed()
    aws = session_of(options)
    chosen, window = _chosen(config, systems, event, None if options["offline"] else aws)
    runs = [_planned(config, system, window, options) for system in chosen]
    results = []
    hide_address_grammar()
    for planned in runs:
        results.append(in_language(_result(planned, span), language, planned.zone))
        if output.form != TABLE and sys.stderr.isatty():
            for said in _result_lines(results[-1]):
                echo(said, err=True)
    status = _worst(results)
    line = {"status": status, "systems": results, "seconds": round(time.monotonic() - began, 1)}
    if output.form == JSON and output.file is None:  # one line for each run in a log
        echo_json(json.dumps(line, ensure_ascii=False))
    else:
        lines = (text for result in results for text in _result_lines(result))
        render_result(Result(lines, results, line), output, Printer(language))
    return ExitCode.DONE if status == "ok" else ExitCode.FAILED


def _chosen(
    config: Config, names: Sequence[str], event: Any, aws: Aws | None
) -> tuple[list[System], Window | None]:
    """Return the systems to run, and the window of the event."""
    if not config.systems:
        raise InputError(error_message("error-run-no-system", file=FILE))
    named = [system for name in dict.fromkeys(names) if (system := config.chosen_system(name))]
    if event is None:
        return named or list(config.systems.values()), None
    from watchme_analysis.cloudwatch.account_state import describe_alarms
    from watchme_analysis.delivery.alarm_event import parse_alarm_event, systems_of_event

    found = parse_alarm_event(event.read())
    window = found.window(parse_span(config.run.window), datetime.now(UTC))
    if named:
        return named, window
    describe = None if aws is None else lambda: describe_alarms(aws)
    return systems_of_event(found, config.systems.values(), describe), window


def _planned(config: Config, system: System, window: Window | None, options: Mapping[str, Any]) -> Any:
    """Return the run of a system."""
    from watchme_analysis.delivery.destinations.registry import account_of, ownership_of, sender_of
    from watchme_analysis.delivery.run import Run
    from watchme_analysis.delivery.stages import AwsSource
    from watchme_analysis.delivery.state import State

    destinations = destinations_of(config, system)
    source = AwsSource(
        system,
        session_of(options),
        config.run,
        window,
        options["cache"],
        options["offline"],
        config.time_zone,
    )
    state = State(options["state"] or state_folder(config, system))
    aws_of = account_of(options["profile"], options["region"])
    return Run(
        system,
        destinations,
        {name: sender_of(each, state.folder.absolute(), aws_of) for name, each in destinations.items()},
        source,
        state,
        config.run,
        options["offline"],
        language=config.language,
        zone=parse_zone(config.time_zone),
        wait_s=options["wait_s"],
        is_dry=options["dry_run"],
        ownership=ownership_of(system.name, destinations.values(), aws_of, takes_over=options["take_over"]),
    )


def destinations_of(config: Config, system: System) -> dict[str, Destination]:
    """Return the destinations of a system; without any, the folder of its reports for every run."""
    if not system.destinations:
        settings = {"folder": system.reports or "reports"}
        return {"reports": Destination("reports", "files", "every-run", settings=settings)}
    return {name: config.destinations[name] for name in system.destinations}


def state_folder(config: Config, system: System) -> Path:
    """Return the folder of the state of all systems of the file that states a system."""
    if config.run.state is not None:
        return Path(config.run.state)
    stated = next(
        (source for key, source in config.sources.items() if key.startswith(f"systems.{system.name}.")), FILE
    )
    return Path(stated).absolute().parent / _STATE


def _digest_span(digest: str | None, event: Any) -> timedelta | None:
    if digest is None:
        return None
    if event is not None:
        raise click.UsageError(error_sentence("error-digest-without-event"))
    span = parse_span(digest)
    if span < timedelta(days=1) or span % timedelta(days=1):
        raise InputError(error_message("error-digest-days", value=repr(digest)))
    return span


def _result(planned: Any, span: timedelta | None) -> dict[str, Any]:
    """Return the result of a run; an error becomes a result, so that other systems are run as well."""
    from watchme_analysis.delivery.run import logged, run_system
    from watchme_analysis.delivery.run_lock import RunInProgressError
    from watchme_analysis.delivery.state import private_folder

    name = planned.system.name
    try:
        private_folder(planned.state.folder)
        with logged(planned.state.folder / _LOG):
            return run_system(planned, span)
    except RunInProgressError as error:
        return {"system": name, "status": "busy", "error": text_of_error(error)}
    except WatchmeError as error:
        return {"system": name, "status": "failed", "error": masked_text(text_of_error(error))}


def _worst(results: Sequence[Mapping[str, Any]]) -> str:
    order = ("failed", "busy", "partial", "ok")
    return min((str(result["status"]) for result in results), key=order.index)


def _result_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the result of a run, for people."""
    for question, found in result.get("questions", {}).items():
        changed = f" ({', '.join(found['changes'])})" if found["changes"] else ""
        yield f"{result['system']} {question}{changed}: {found['headline']} {found['cause_line']}"
    for each in result.get("deliveries", ()):
        yield f"  {each['destination']}: {each['status']} {each['detail']}".rstrip()
    if result["error"]:
        yield f"{result['system']}: {result['error']}"

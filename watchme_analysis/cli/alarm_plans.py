"""The commands ``watchme alarms plan``, ``apply``, ``undo``, ``verify`` and ``export``."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import session_of, session_options
from watchme_analysis.cli.completion import CASE
from watchme_analysis.cli.options import (
    ChoiceWithSuggestion,
    case_option,
    functions_option,
    language_option,
    queues_option,
    systems_option,
    timezone_option,
    together,
)
from watchme_analysis.cli.output import output_of, to_options
from watchme_analysis.cli.plans import finish_plan, planning_options, run_plan
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer, echo
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError
from watchme_analysis.text.render import error_message, error_sentence
from watchme_analysis.window import parse_zone

if TYPE_CHECKING:
    from watchme_analysis.remedies.alarm_definitions import AlarmRequest

_FORMATS = ("cloudformation", "terraform", "cli")
_HEALTH_CHECKS = ("canary", "lambda")


spec_option = click.option(
    "--spec",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file of alarms; by default that of the system or of watchme.toml, else those of the package.",
)
_source_options = together(
    queues_option,
    functions_option,
    systems_option,
    spec_option,
    click.option("--topic", metavar="NAME|ARN", help="SNS topic that the alarms notify."),
    click.option("--health-url", "health_urls", multiple=True, metavar="URL",
                 help="URL whose checks `watchme probe --publish` writes. Repeatable."),
    timezone_option,
)  # fmt: skip


def _request(
    case: Path | None, options: dict[str, Any], out: Printer
) -> tuple[AlarmRequest, tuple[str, ...], tuple[str, ...]]:
    """Return what alarms are defined from, and the queues and functions that the options name."""
    from watchme_analysis.alarms.chains import Chain
    from watchme_analysis.alarms.specification import read_specs
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.remedies.alarm_definitions import AlarmRequest
    from watchme_analysis.services.backtest import backtest_of_case

    named = [load_config().chosen_system(name) for name in options["systems"] or (None,)]
    systems = [system for system in named if system is not None]
    queues, functions = options["queues"], options["functions"]
    if case is None and not queues and not functions and not options.get("everything"):
        queues = tuple(queue for system in systems for queue in system.queues)
        functions = tuple(function for system in systems for function in system.functions)
    urls = options["health_urls"] or tuple(
        system.health_url for system in systems if system.health_url is not None
    )
    files = {str(options["spec"])} if options["spec"] else {str(system.alarms or "") for system in systems}
    if len(files) > 1:
        raise InputError(error_message("error-alarms-several-specs", systems=", ".join(options["systems"])))
    request = AlarmRequest(
        read_specs(next(iter(files), "")),
        topic=options["topic"] or _topic_of_settings(),
        health_urls=urls,
        language=out.language,
        zone=parse_zone(str(options["timezone"])),
    )
    if case is not None:
        tests = backtest_of_case(open_case(case), tuple(request.specs))
        chains = tuple(map(Chain.of, tests.pipelines))
        request = replace(request, chains=chains, evidence=tests.evidence())
    return request, queues, functions


def _topic_of_settings() -> str:
    """Return the topic of the only destination of type sns; empty without one."""
    topics = [each.settings["topic"] for each in load_config().destinations.values() if each.type == "sns"]
    return str(topics[0]) if len(topics) == 1 else ""


@click.command(
    "plan",
    short_help="Plan the alarms that are missing or differ.",
    epilog="""\b
Examples:
  watchme alarms plan cases/last-night --topic on-call --email ops@example.com --to alarms.plan.json
  watchme alarms plan --live --queue orders --topic on-call --to alarms.plan.json
  watchme alarms plan --all --topic on-call --to alarms.plan.json""",
)
@click.argument("case", type=CASE, required=False)
@click.option("--live", is_flag=True, help="Without a CASE: start from --queue, --function or the system.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Without a CASE: start from every queue of the account and region.",
)
@_source_options
@click.option("--email", "emails", multiple=True, help="Address to subscribe to the topic. Repeatable.")
@planning_options("alarms")
def plan_command(out: Printer, case: Path | None, live: bool, **options: Any) -> Result:
    """Plan an alarm for every queue, function and DLQ of a CASE, and for everything connected to them.

    The requirements are those of `watchme alarms backtest`. The back-test on the CASE is the evidence in each
    description. The plan lists only what is missing or differs, and changes nothing. Existing actions, tags
    and other alarms stay. An alarm that cannot fire is reported with the arithmetic.
    """
    from watchme_analysis.remedies.alarms import plan_alarms

    if (case is None) != (live or options["everything"]):
        raise click.UsageError(error_sentence("error-case-or-live"))
    if not (options["topic"] or _topic_of_settings()):
        raise InputError(error_message("error-topic-needed"))
    request, queues, functions = _request(case, options, out)
    more = {name: options[name] for name in ("emails", "everything")}
    plan = plan_alarms(session_of(options), request, queues=queues, functions=functions, **more)
    return finish_plan(plan, options["to"], out)


@click.command(
    "verify",
    short_help="Test once that alarms notify somebody.",
    epilog="""\b
Examples:
  watchme alarms verify --plan alarms.plan.json
  watchme alarms verify orders-dlq-dead-letters-any""",
)
@click.argument("names", nargs=-1, metavar="ALARM...")
@click.option("--plan", type=click.Path(path_type=Path, dir_okay=False), help="Test the alarms of this plan.")
@click.option("--all", "each_alarm", is_flag=True, help="Test each alarm; by default, one for each topic.")
@case_option
@session_options
@renders()
def verify_command(out: Printer, names: tuple[str, ...], plan: Path | None, **options: Any) -> Result:
    """Set alarms to ALARM once, and check in their history that the notification was sent.

    People receive one notification for each topic, which says that it is a test. Afterwards, the alarm has
    its former state again. The history shows that SNS accepted the notification, not that anybody read it.
    """
    from watchme_analysis.remedies.alarms import plan_verification
    from watchme_analysis.remedies.allowed_calls import read_plan
    from watchme_analysis.remedies.plan import write_plan

    if plan is not None:
        steps = read_plan(plan).steps
        names += tuple(each.name for each in steps if each.call and "alarm" in each.call.operation)
    if not names:
        raise InputError(error_message("error-no-alarm-named"))
    made = plan_verification(session_of(options), names, each_alarm=options["each_alarm"])
    with tempfile.TemporaryDirectory() as folder:
        # A test that is killed is simply repeated, so its journal is not kept.
        path = Path(folder) / "verify.plan.json"
        write_plan(made, path)
        for note in made.notes:
            echo(out.text(note), err=not out.is_for_people)
        return run_plan(path, "alarms", out, options, undo_hint=False)


@click.command(
    "export",
    short_help="Write the alarms of a CASE as infrastructure code.",
    epilog="""\b
Examples:
  watchme alarms export cases/last-night --format terraform --to alarms.tf.json
  watchme alarms export cases/last-night --format cloudformation \\
      --health-url https://example.com/health --health-check lambda""",
)
@click.argument("case", type=CASE, required=False)
@click.option(
    "--format",
    "infrastructure",
    type=ChoiceWithSuggestion(_FORMATS),
    required=True,
    help="Format of the text.",
)
@_source_options
@click.option(
    "--health-check",
    type=ChoiceWithSuggestion(_HEALTH_CHECKS),
    help="Also a CloudWatch Synthetics canary, or a scheduled Lambda, that checks the --health-url.",
)
@language_option
@to_options("Write the code to this new file, such as alarms.tf.json.")
def export_command(case: Path | None, infrastructure: str, health_check: str | None, **options: Any) -> None:
    """Write the alarms for every queue, function and DLQ of a CASE as code; AWS is not called.

    Terraform is written in its JSON syntax, for a file `*.tf.json`. The topic is created unless --topic is an
    ARN. The price of a health check is printed on standard error.
    """
    from watchme_analysis.remedies.alarm_definitions import wanted_alarms
    from watchme_analysis.remedies.alarm_export import exported, health_check_usd
    from watchme_analysis.text.message import Number

    output, out = output_of(options, infrastructure), Printer(options["language"])
    request, _, _ = _request(case, options, out)
    if case is None and not request.health_urls:
        raise InputError(error_message("error-case-or-health-url"))
    if health_check is not None and not request.health_urls:
        raise InputError(error_message("error-health-check-needs-url"))
    if not request.chains and not request.health_urls:
        raise InputError(error_message("error-alarms-nothing-to-watch", case=case))
    wanted = wanted_alarms(request)
    text = exported(wanted.definitions, infrastructure, request.topic, request.health_urls, health_check)
    output.write_text(text)
    for said in (*wanted.cannot_fire, *wanted.notes):
        echo(out.text(said), err=True)
    if health_check is not None:
        usd = Number(health_check_usd(health_check))
        out.print_message("alarm-health-check-cost", err=True, usd=usd)

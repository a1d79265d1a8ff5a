"""The command ``watchme guard``: automatic restart after failed health checks, evidence first."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from watchme_analysis.cli.aws import session_of, session_options
from watchme_analysis.cli.options import (
    Seconds,
    case_option,
    language_option,
    queue_option,
    seconds_option,
    system_option,
    timezone_option,
)
from watchme_analysis.cli.output import JSON, TABLE, Output, output_of, output_options
from watchme_analysis.cli.probe import with_message
from watchme_analysis.cli.result import Result, render_result
from watchme_analysis.cli.terminal import Printer, echo
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError, WatchmeError
from watchme_analysis.text.render import error_message, error_sentence, text_of_error
from watchme_analysis.window import parse_zone

if TYPE_CHECKING:
    from watchme_analysis.config import System
    from watchme_analysis.remedies.guard import Guard, GuardSettings
    from watchme_analysis.text.message import Message

HEARTBEAT = ("Watchme", "GuardHeartbeat")
_NOTIFY_S = 60.0
# Options that a run which an alarm starts takes over, and those that contradict it.
_EXPORTED = frozenset(
    {"command", "container", "folder", "outside_url", "failures", "timeout_s", "cooldown_s", "recovery_s"}
    | {"most_per_day", "topic", "notify_command", "heartbeat", "profile", "region", "language"}
)
_NOT_EXPORTED = ("interval_s", "backtest", "case")
_TEMPLATE = "cloudformation"


@click.command(
    "guard",
    short_help="Restart a service after failed health checks; save evidence first.",
    epilog="""\b
Examples:
  watchme guard http://127.0.0.1:8017/health --docker api --evidence /var/lib/watchme --sns ARN
  watchme guard http://127.0.0.1:8000/health --restart "systemctl restart a" --evidence evidence --every 5s
  watchme guard http://127.0.0.1:8000/health --backtest cases/last-night --recovery 40s
  watchme guard http://127.0.0.1:8017/health --docker api --evidence /var/lib/watchme --export \\
      --alarm health --ssm i-0123456789abcdef0 --to guard.json

Exit codes: 0 checked, or back-tested; 1 a service failed; 2 bad input.""",
)
@click.argument("url", required=False)
@click.option("--restart", "command", help="Command that restarts the service; run without a shell.")
@click.option("--docker", "container", help="Docker container to restart.")
@click.option("--ssm", "instance", help="Instance on which AWS Systems Manager runs the commands.")
@click.option(
    "--evidence",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for evidence and for the guard's state.",
)
@click.option("--outside", "outside_url", help="URL through the edge, probed for the evidence.")
@click.option(
    "--failures", type=click.IntRange(min=1), default=3, show_default=True, help="Failed checks in a row."
)
@click.option(
    "--every",
    "interval_s",
    type=Seconds(),
    help="Go on, with this interval between two checks.  [default: one check, for a timer]",
)
@seconds_option("--timeout", "timeout_s", "5s", "Time limit of a check.")
@seconds_option("--cooldown", "cooldown_s", "10m", "Least time between two restarts.")
@seconds_option("--recovery", "recovery_s", "2m", "Longest wait for a healthy check after a restart.")
@click.option(
    "--most-per-day",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Restarts in 24 hours; then a person is notified.",
)
@click.option("--sns", "topic", help="SNS topic that notifies a person of each restart.")
@click.option(
    "--notify", "notify_command", help="Command that notifies a person; the sentence is its last argument."
)
@click.option(
    "--heartbeat",
    is_flag=True,
    help=f"Publish the metric {'/'.join(HEARTBEAT)} once a minute (USD 0.30 a month).",
)
@click.option(
    "--backtest",
    type=click.Path(exists=True, path_type=Path),
    help="Only show how often it would have restarted in this case.",
)
@click.option(
    "--export", "is_export", is_flag=True, help="Only write a template by which an alarm starts one run."
)
@click.option(
    "--alarm", metavar="NAME", help="Alarm for --export; by default the health alarm of the system."
)
@system_option
@queue_option
@case_option
@session_options
@language_option
@timezone_option
@output_options()
def guard(url: str | None, **options: Any) -> int:
    """Check the health endpoint URL once, and restart its service after failed checks in a row.

    A timer of systemd or cron begins each check; --every goes on by itself. Failed checks, cool-down and
    restarts are counted in the folder of --evidence. Before a restart, evidence is saved there: threads,
    sockets, processes, state and logs of the container, and the recent checks. Then the restart is recorded,
    made, and verified: the guard waits until the service is healthy. After the limit of a day it only
    notifies. A check that was killed never exceeds a limit.

    A restart cures few causes. Run --backtest on a case first: it states how often the guard would have
    restarted, what that would have avoided, and at how many restarts the process answered inside. If the case
    has a queue, the messages of --queue are simulated without the restarts, with restarts that cure, and with
    restarts that do not; --recovery is then the time that the service takes to start. --output and --to are
    for a back-test.

    With --export, a CloudFormation template is written: when the alarm fires, EventBridge runs the guard once
    on the instance of --ssm, by default that of the system. The alarm has counted the failed checks, so one
    more of the guard suffices, unless --failures is given. Without URL, the port of the system is checked.
    """
    from watchme_analysis.remedies.guard import GuardSettings

    output = output_of(options, _TEMPLATE if options["is_export"] else TABLE)
    system = load_config().chosen_system(options["system"])
    if url is None and system is not None:
        url = system.local_health_url
    if url is None:
        raise InputError(error_message("error-guard-no-url"))
    names = ("timeout_s", "failures", "cooldown_s", "most_per_day", "recovery_s")
    settings = GuardSettings(url, **{name: options[name] for name in names})
    if options["is_export"]:
        return _export(settings, system, output, options)
    if options["alarm"] is not None:
        raise click.UsageError(error_sentence("error-guard-alarm-needs-export"))
    if options["backtest"] is not None:
        return _backtest(options["backtest"], settings, output, options)
    if output.form != TABLE:
        raise click.UsageError(error_sentence("error-output-needs-backtest"))
    made = _guard(settings, options)
    made.run()
    while options["interval_s"] is not None:
        time.sleep(options["interval_s"])
        made.run()
    return 0


def _backtest(case: Path, settings: GuardSettings, output: Output, options: dict[str, Any]) -> int:
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.remedies.guard_backtest import backtest

    out = Printer(options["language"], parse_zone(options["timezone"]))
    found = backtest(open_case(case), settings, options["queue"])
    result = Result(
        found.sentences,
        ({"restart": each.isoformat()} for each in found.restarts),
        found.to_dict() | {"sentences": [*map(out.document, found.sentences)]},
        conclusion=" ".join(map(out.text, found.sentences)),
    )
    return render_result(result, output, out)


def _check(settings: GuardSettings, options: dict[str, Any]) -> None:
    """Raise an error unless the options state one restart, a folder, and URLs that can be checked."""
    from watchme_analysis.evidence import prober

    if (options["command"] is None) == (options["container"] is None):
        raise InputError(error_message("error-guard-one-restart"))
    if options["folder"] is None:
        raise InputError(error_message("error-guard-no-evidence"))
    for address in filter(None, (settings.url, options["outside_url"])):
        try:
            prober.check_url(address)
        except ValueError as error:
            raise with_message(error) from error


def _export(settings: GuardSettings, system: System | None, output: Output, options: dict[str, Any]) -> int:
    from watchme_analysis.remedies.guard import alarm_template

    if output.form not in {_TEMPLATE, JSON}:
        forms = f"{output.form}, {_TEMPLATE}"
        raise click.UsageError(error_sentence("error-output-forms", forms=forms))
    if any(options[name] is not None for name in _NOT_EXPORTED):
        raise click.UsageError(error_sentence("error-guard-export-alone"))
    _check(settings, options)
    if not options["folder"].is_absolute():
        raise InputError(error_message("error-guard-export-folder", folder=options["folder"]))
    alarm = options["alarm"] or _health_alarm(system)
    if alarm is None:
        raise InputError(error_message("error-guard-export-alarm"))
    instances = (options["instance"],) if options["instance"] else system.instances if system else ()
    instance = instances[0] if len(instances) == 1 else ""
    template = alarm_template(alarm, instance, ["guard", *_stated_options(), "--", settings.url])
    output.write_text(json.dumps(template, ensure_ascii=False, indent=2) + "\n")
    return 0


def _health_alarm(system: System | None) -> str | None:
    """Return the name of the health alarm that `watchme alarms` creates; None if not just one."""
    from watchme_analysis.alarms.specification import read_specs
    from watchme_analysis.remedies.alarm_definitions import AlarmRequest, wanted_alarms

    if system is None or system.health_url is None:
        return None
    request = AlarmRequest(read_specs(system.alarms or ""), health_urls=(system.health_url,))
    names = [each.name for each in wanted_alarms(request).definitions if each.spec.over == "probes"]
    return names[0] if len(names) == 1 else None


def _stated_options() -> list[str]:
    """Return the options of this command line that the exported run takes over."""
    context, words = click.get_current_context(), []
    for param in context.command.params:
        name = str(param.name)
        if name in _EXPORTED and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            words.append(param.opts[0] if value is True else f"{param.opts[0]}={value}")
        elif name == "failures":
            words.append("--failures=1")
    return words


def _guard(settings: GuardSettings, options: dict[str, Any]) -> Guard:
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.remedies.guard import Guard, Host, LocalHost, ManagedHost, evidence_commands

    command, container, instance = options["command"], options["container"], options["instance"]
    _check(settings, options)
    case, out = options["case"], Printer(options["language"])
    if case is not None and open_case(case).path.resolve() != case.resolve():
        raise InputError(error_message("error-case-is-raw", folder=case))
    aws = session_of(options) if instance or options["topic"] or options["heartbeat"] else None
    host: Host = ManagedHost(aws, instance) if instance and aws else LocalHost()

    def notify(sentence: Message) -> None:
        text = out.text(sentence)
        if options["topic"] and aws is not None:
            aws.call("sns", "publish", TopicArn=options["topic"], Subject="watchme guard", Message=text)
        if options["notify_command"]:
            LocalHost().run(f"{options['notify_command']} {shlex.quote(text)}", _NOTIFY_S)

    def beat() -> None:
        if options["heartbeat"] and aws is not None:
            data = [{"MetricName": HEARTBEAT[1], "Value": 1}]
            with _reporting(out):  # the alarm on the missing heartbeat tells
                aws.call("cloudwatch", "put_metric_data", Namespace=HEARTBEAT[0], MetricData=data)

    def record(rows: list[dict[str, Any]]) -> None:
        from watchme_analysis.case.actions import record_actions

        if case is not None:
            with _reporting(out):
                record_actions(case, rows)

    return Guard(
        settings=settings,
        host=host,
        restart_command=command or f"docker restart {shlex.quote(container)}",
        commands=evidence_commands(settings.url, container),
        folder=options["folder"],
        notify=notify,
        heartbeat=beat,
        outside_url=options["outside_url"],
        report=lambda sentence: echo(out.text(sentence)),
        record=record,
    )


@contextmanager
def _reporting(out: Printer) -> Iterator[None]:
    """Print an error instead of ending the guard."""
    try:
        yield
    except WatchmeError as error:
        echo(out.text(text_of_error(error)), err=True)

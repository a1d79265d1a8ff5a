"""The command ``watchme guard``: automatic restart after failed health checks, evidence first."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import session_of, session_options
from watchme_analysis.cli.options import (
    case_option,
    language_option,
    queue_option,
    seconds_option,
    timezone_option,
)
from watchme_analysis.cli.output import TABLE, Output, output_of, output_options
from watchme_analysis.cli.probe import with_message
from watchme_analysis.cli.terminal import Printer, echo
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.text.render import error_message, error_sentence, render, text_of_error
from watchme_analysis.window import parse_zone

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws
    from watchme_analysis.remedies.guard import Guard, GuardSettings
    from watchme_analysis.text.message import Message

HEARTBEAT = ("Watchme", "GuardHeartbeat")
_HEARTBEAT_S = 60.0


@click.command(
    "guard",
    short_help="Restart a service after failed health checks; save evidence first.",
    epilog="""\b
Examples:
  watchme guard http://127.0.0.1:8017/health --docker api --evidence /var/lib/watchme --sns ARN
  watchme guard http://127.0.0.1:8000/health --restart "systemctl restart orders" --evidence evidence
  watchme guard http://127.0.0.1:8000/health --backtest cases/last-night --recovery 40s

Exit codes: 0 ended by a signal, or back-tested; 1 a service failed; 2 bad input.""",
)
@click.argument("url")
@click.option("--restart", "command", help="Command that restarts the service; run without a shell.")
@click.option("--docker", "container", help="Docker container to restart.")
@click.option("--ssm", "instance", help="Instance on which AWS Systems Manager runs the commands.")
@click.option(
    "--evidence",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for evidence and for the guard's journal.",
)
@click.option("--outside", "outside_url", help="URL through the edge, probed for the evidence.")
@click.option(
    "--failures", type=click.IntRange(min=1), default=3, show_default=True, help="Failed checks in a row."
)
@seconds_option("--every", "interval_s", "10s", "Interval between two checks.")
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
@queue_option
@case_option
@session_options
@language_option
@timezone_option
@output_options()
def guard(url: str, **options: Any) -> int:
    """Check the health endpoint URL, and restart its service after failed checks in a row.

    Before a restart, evidence is saved to a folder of its own: threads, sockets, processes, state and logs of
    the container, and the recent checks. Afterwards the guard waits until the service is healthy, keeps a
    cool-down, and stops at the limit of a day. Each restart is recorded before it happens; a guard that was
    killed knows its restarts.

    A restart cures few causes. Run --backtest on a case first: it states how often the guard would have
    restarted, what that would have avoided, and at how many restarts the process answered inside. If the case
    has a queue, the messages of --queue are simulated without the restarts, with restarts that cure, and with
    restarts that do not; --recovery is then the time that the service takes to start. --output and --to are
    for a back-test.
    """
    from watchme_analysis.remedies.guard import GuardSettings, check_settings

    output = output_of(options)
    names = ("interval_s", "timeout_s", "failures", "cooldown_s", "most_per_day", "recovery_s")
    settings = GuardSettings(url, **{name: options[name] for name in names})
    check_settings(settings)
    if options["backtest"] is not None:
        return _backtest(options["backtest"], settings, output, options)
    if output.form != TABLE:
        raise click.UsageError(error_sentence("error-output-needs-backtest"))
    made = _guard(settings, options)
    journal = options["folder"] / "guard.journal.jsonl"
    if options["case"] is not None:
        made.record = _recorder(options["case"], journal, Printer(options["language"]))
    stop = _stop_on_signals()
    made.run(journal, stop)
    return 0


def _recorder(case: Path, journal: Path, out: Printer) -> Callable[[], None]:
    """Return a function that records the restarts in a case; a failure must not end the guard."""
    from watchme_analysis.errors import WatchmeError
    from watchme_analysis.services.guard import check_case, record_restarts

    check_case(case)

    def record() -> None:
        try:
            record_restarts(case, journal)
        except WatchmeError as error:
            echo(out.text(text_of_error(error)), err=True)

    return record


def _backtest(case: Path, settings: GuardSettings, output: Output, options: dict[str, Any]) -> int:
    from watchme_analysis.services.guard import backtest

    out = Printer(options["language"], parse_zone(options["timezone"]))
    found = backtest(case, settings, options["queue"])

    def document() -> dict[str, Any]:
        return {
            "restarts": [each.isoformat() for each in found.restarts],
            "stopped": found.stopped and found.stopped.isoformat(),
            "checks": found.checks,
            "failed": found.failed,
            "failing_s": found.failing_s,
            "avoided_s": found.avoided_s,
            "answered_inside": found.answered_inside,
            "effect": found.effect and found.effect.to_dict(),
            "sentences": [*map(out.document, found.sentences)],
        }

    output.show(
        lambda: map(out.text, found.sentences),
        document,
        lambda: ({"restart": each.isoformat()} for each in found.restarts),
        " ".join(map(out.text, found.sentences)),
    )
    return 0


def _guard(settings: GuardSettings, options: dict[str, Any]) -> Guard:
    from watchme_analysis.evidence import prober
    from watchme_analysis.remedies.guard import Guard, Host, LocalHost, ManagedHost, evidence_commands

    command, container, instance = options["command"], options["container"], options["instance"]
    if (command is None) == (container is None):
        raise InputError(error_message("error-guard-one-restart"))
    if options["folder"] is None:
        raise InputError(error_message("error-guard-no-evidence"))
    for address in filter(None, (settings.url, options["outside_url"])):
        try:
            prober.check_url(address)
        except ValueError as error:
            raise with_message(error) from error
    language = options["language"]
    aws = session_of(options) if instance or options["topic"] or options["heartbeat"] else None
    host: Host = ManagedHost(aws, instance) if instance and aws else LocalHost()
    restart = command or f"docker restart {shlex.quote(container)}"
    return Guard(
        settings=settings,
        host=host,
        restart_command=restart,
        commands=evidence_commands(settings.url, container),
        folder=options["folder"],
        notify=_notifier(options, aws, language),
        heartbeat=_heartbeat(aws, Printer(options["language"]))
        if options["heartbeat"] and aws
        else lambda: None,
        outside_url=options["outside_url"],
        report=lambda sentence: echo(render(sentence, language)),
    )


def _notifier(options: dict[str, Any], aws: Aws | None, language: str) -> Callable[[Message], None]:
    from watchme_analysis.remedies.guard import LocalHost

    def notify(sentence: Message) -> None:
        text = render(sentence, language)
        if options["topic"] and aws is not None:
            aws.call("sns", "publish", TopicArn=options["topic"], Subject="watchme guard", Message=text)
        if options["notify_command"]:
            LocalHost().run(f"{options['notify_command']} {shlex.quote(text)}", _HEARTBEAT_S)

    return notify


def _heartbeat(aws: Aws, out: Printer) -> Callable[[], None]:
    """Return a function that publishes the heartbeat at most once a minute, and survives an AWS failure."""
    import time

    last = -_HEARTBEAT_S

    def beat() -> None:
        nonlocal last
        if time.monotonic() - last < _HEARTBEAT_S:
            return
        last = time.monotonic()
        namespace, name = HEARTBEAT
        try:
            aws.call(
                "cloudwatch",
                "put_metric_data",
                Namespace=namespace,
                MetricData=[{"MetricName": name, "Value": 1}],
            )
        except ServiceError as error:  # the alarm on the missing heartbeat tells
            echo(out.text(text_of_error(error)), err=True)

    return beat


def _stop_on_signals() -> threading.Event:
    from watchme_analysis.evidence import prober

    return prober.stop_on_signals()

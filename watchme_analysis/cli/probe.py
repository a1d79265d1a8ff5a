"""The command ``watchme probe``: health probes from this machine, written to ``probes.csv``.

`evidence.probes` explains the vantages ``inside``, ``host`` and ``outside``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import session_of, session_options
from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.cli.options import (
    Seconds,
    language_option,
    seconds_option,
    system_option,
)
from watchme_analysis.cli.terminal import Printer, echo, echo_data
from watchme_analysis.config import FILE, load_config
from watchme_analysis.errors import InputError
from watchme_analysis.evidence import prober
from watchme_analysis.evidence.curl_script import curl_lines
from watchme_analysis.text.message import Choice
from watchme_analysis.text.printable import printable
from watchme_analysis.text.render import error_message, error_sentence, text_of_error

if TYPE_CHECKING:
    from watchme_analysis.remedies.health_metric import MetricPublisher


def _headers(pairs: tuple[str, ...]) -> dict[str, str]:
    try:
        return prober.read_headers(pairs)
    except (OSError, ValueError) as error:
        raise click.BadParameter(text_of_error(with_message(error)), param_hint="--header") from error


def with_message(error: Exception) -> Exception:
    """Return an error of the prober, which works without this package, with its message."""
    if isinstance(error, prober.InvalidInputError):
        return InputError(error_message(f"error-probe-{error.kind}", **error.values))
    return error


# With a URL, the option adds that URL; without, it sets the vantage of all other URLs.
HERE = "-"
_VANTAGE_OPTION: dict[str, Any] = {"multiple": True, "is_flag": False, "flag_value": HERE, "metavar": "[URL]"}


def _targets(
    urls: tuple[str, ...], inside: tuple[str, ...], host: tuple[str, ...], system: str | None
) -> list[tuple[str, str]]:
    """Return vantage and URL of each target; URLs without an option of their own come first."""
    if HERE in inside and HERE in host:
        raise InputError(error_message("error-probe-inside-host"))
    default = "inside" if HERE in inside else "host" if HERE in host else "outside"
    if not urls and not {*inside, *host} - {HERE}:
        urls = _urls_of_system(system, default)
    found = [(default, url) for url in urls]
    for vantage, own in (("host", host), ("inside", inside)):
        found += [(vantage, url) for url in own if url != HERE]
    if not found:
        raise InputError(error_message("error-probe-nothing"))
    return found


def _urls_of_system(name: str | None, vantage: str) -> tuple[str, ...]:
    """Return the URL of the system's health endpoint at a vantage; none without a system that states it.

    Raises
    ------
    InputError
        When the system does not state what makes up the URL.
    """
    system = load_config().chosen_system(name)
    if system is None:
        return ()
    url = system.health_url if vantage == "outside" else system.local_health_url
    if url is None and name is not None:
        needed = Choice("health" if vantage == "outside" else "port")
        raise InputError(error_message("error-probe-system", system=name, needed=needed, file=FILE))
    return () if url is None else (url,)


@click.command(
    short_help="Probe URLs at an interval and record the results.",
    epilog="""\b
Examples:
  watchme probe https://example.com/api/health --host http://127.0.0.1:8017/health
  watchme probe --system orders --for 10m
  watchme probe https://example.com/api/health --publish --slower-than 10s
  watchme probe --standalone > probe.py; docker cp probe.py api:/tmp/ && docker exec -d api \\
      python /tmp/probe.py --to /tmp/probes.csv http://127.0.0.1:8017/health
  watchme probe --curl --inside http://127.0.0.1:8017/health

Exit codes: 0 every probe was written, whatever it found; 1 some were not, or not published; 2 bad input.""",
)
@click.argument("urls", nargs=-1, metavar="[URL]...")
@system_option
@click.option(
    "--inside",
    **_VANTAGE_OPTION,
    help="Probe this URL in the container's own network; without a URL, all URLs are in it.",
)
@click.option(
    "--host",
    **_VANTAGE_OPTION,
    help="Probe this URL on the host, before Nginx; without a URL, all URLs are there.",
)
@seconds_option("--every", "every_s", "10s", "Interval between two probes of a URL.")
@click.option("--for", "for_s", type=Seconds(), help="Duration, such as 10m.  [default: until Ctrl-C]")
@seconds_option("--timeout", "timeout_s", "30s", "Time limit of a probe, all steps together.")
@click.option(
    "--header",
    multiple=True,
    metavar="NAME: VALUE",
    help="Further request header, such as Host. @FILE reads headers from a file; use it for secrets.",
)
@click.option("--insecure", is_flag=True, help="Accept invalid certificates.")
@click.option(
    "--to",
    type=click.Path(dir_okay=False),
    default="probes.csv",
    show_default=True,
    help="Append the probes to this file.",
)
@click.option("--quiet", is_flag=True, help="Do not print each probe.")
@click.option(
    "--publish",
    is_flag=True,
    help="Also write the CloudWatch metric HealthCheckFailed once a minute; its price is printed.",
)
@click.option(
    "--slower-than",
    "slow_s",
    type=Seconds(),
    help="With --publish: a response slower than this has failed too.",
)
@session_options
@language_option
@click.option("--standalone", is_flag=True, help="Print a script that needs only Python, and exit.")
@click.option("--curl", is_flag=True, help="Print equivalent shell lines with curl, and exit.")
def probe(urls: tuple[str, ...], inside: tuple[str, ...], host: tuple[str, ...], **options: Any) -> int:
    """Probe URLs at an interval and append the results to probes.csv.

    The vantage of a URL is `outside`, through the edge, unless --inside or --host is given. All URLs are
    probed at the same moments, each over a new connection; a URL never has two probes in progress. Each row
    has time, status, error, and the durations of name lookup, connection, TLS and first byte. The command can
    run for days, and the file may be rotated meanwhile. Request headers are not recorded. Put the file beside
    the logs of an incident, and `watchme case import` reads it.

    Without a URL, the health endpoint of the system in watchme.toml is probed; with --host or --inside, on
    the port of its service.
    """
    if options["standalone"]:
        echo_data(Path(prober.__file__).read_text(encoding="utf-8"))
        return 0
    targets = _targets(urls, inside, host, options["system"])
    for _, url in targets:
        try:
            prober.check_url(url)
        except ValueError as error:
            raise with_message(error) from error
    every_s, timeout_s, for_s, slow_s = (
        options[name] for name in ("every_s", "timeout_s", "for_s", "slow_s")
    )
    if every_s < prober.MIN_INTERVAL_S or timeout_s <= 0:
        raise InputError(error_message("error-probe-every"))
    headers = _headers(options["header"])
    if options["curl"]:
        if for_s is not None:
            raise click.UsageError(error_sentence("error-for-without-curl"))
        same = {"output": options["to"], "insecure": options["insecure"]}
        echo(curl_lines(targets, every_s, timeout_s, options["header"], **same))
        return 0
    if slow_s is not None and not options["publish"]:
        raise click.UsageError(error_sentence("error-slower-needs-publish"))
    out = Printer(options["language"])
    writer = prober.Writer(options["to"], options["quiet"], partial(_line_of, out))
    try:
        prober.append(options["to"], [])
    except ValueError as error:
        raise with_message(error) from error

    def fetch(url: str) -> dict[str, Any]:
        return prober.fetch(url, timeout_s, headers, options["insecure"])

    stop = prober.stop_on_signals()
    if not options["publish"]:
        prober.run(targets, every_s, for_s, fetch, writer, stop)
        return _summary(writer, out)
    publisher = _publisher(targets, slow_s, options, out)

    def fetch_and_publish(url: str) -> dict[str, Any]:
        result = fetch(url)
        publisher.add(url, result)
        return result

    with publisher:
        prober.run(targets, every_s, for_s, fetch_and_publish, writer, stop)
    echo(out.text(publisher.summary()), err=True)
    return _summary(writer, out) or (ExitCode.FAILED if publisher.unwritten else ExitCode.DONE)


def _line_of(out: Printer, row: dict[str, Any], problem: Exception | None) -> str:
    """Return the line that reports a probe; the error of a probe stays as it is recorded."""
    seen = row["error"] or out.words("probe-seen", status=str(row["status"]), seconds=f"{row['seconds']:.3f}")
    line = f"{row['timestamp']} {row['vantage']} {row['path']} {seen}"
    if problem is not None:
        line += f" - {out.text(error_message('probe-not-written', reason=with_message(problem)))}"
    return printable(line)


def _summary(writer: prober.Writer, out: Printer) -> int:
    """Print how many probes were written, and return the exit code."""
    out.print_message("probe-written", err=True, rows=writer.rows, lost=writer.lost, file=writer.path)
    return ExitCode.FAILED if writer.lost else ExitCode.DONE


def _publisher(
    targets: list[tuple[str, str]], slow_s: float | None, options: dict[str, Any], out: Printer
) -> MetricPublisher:
    """Return the publisher of the targets; print its price."""
    from watchme_analysis.remedies.health_metric import MetricPublisher, monthly_usd

    urls = tuple(dict.fromkeys(url for _, url in targets))
    aws = session_of(options)
    usd = f"{monthly_usd(len(urls)):.2f}"
    out.print_message("probe-price", err=True, urls=len(urls), place=aws.target_name, usd=usd)
    return MetricPublisher(aws, slow_s)

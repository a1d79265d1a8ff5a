"""The evidence that a `/health` diagnosis lacks, and the commands that collect it, ready to be pasted.

Words in capitals stand for what the case does not show; :mod:`watchme_analysis.text.command_words` says
what to put there. Lines that begin with ``#`` say where to run the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from ipaddress import ip_address

from watchme_analysis.health.affected_service import container_of, named_service
from watchme_analysis.health.context import HealthContext, once_per_context
from watchme_analysis.health.detectors import SIGNALS, health_causes
from watchme_analysis.health.running_platform import (
    MANAGED_PLATFORMS,
    balanced,
    command_table,
    commands,
    platform_of,
    running_object,
)
from watchme_analysis.health.signals.source import unknown_calls
from watchme_analysis.inference.findings import Missing
from watchme_analysis.inference.weighing import separation
from watchme_analysis.text.message import Commands, Names, Text, message
from watchme_analysis.text.render import filled
from watchme_analysis.text.shell_quoting import shell_word

# Names of unknown calls that are listed.
UNKNOWN_CALLS = 5
# What no function, and no service behind a load balancer of AWS alone, has.
_OF_HOST = {"inside-probes", "host-probes", "metrics", "source", "start-command", "containers"}
_OF_NGINX = {"access-log", "access-log-times", "nginx-errors", "nginx-configuration"}
# Longest window that one call of Cloudflare's logs/received covers.
_MOST_EDGE_LOG = timedelta(hours=1)


def missing_evidence(context: HealthContext, probability: Mapping[str, float]) -> tuple[Missing, ...]:
    """Return the evidence that is not there; what separates the causes still in question best comes first."""
    at, said = addresses(context), []
    shown_by = commands(at.platform, at.service, at.container, "shown_by")
    for name in _absent(context, at.platform):
        fills = command_table()["collect"][name]["fills"]
        what, why = (message(f"missing-{name}-{part}") for part in ("what", "why"))
        value = separation(fills, health_causes(), SIGNALS.values(), probability)
        values = _hour_of_incident(context) | {"target_group": _target_group(context)}
        said.append(Missing(what, why, how_to_collect(name, at, **values), value, shown_by))
    if calls := unknown_calls(context):
        why = message("missing-stacks-why", calls=Names(tuple(calls), UNKNOWN_CALLS))
        said.append(Missing(message("missing-stacks-what"), why, how_to_collect("stacks", at), 0.0, shown_by))
    return tuple(sorted(said, key=lambda item: -item.value))


@once_per_context
def addresses(context: HealthContext) -> Addresses:
    """Return where the affected endpoint is asked from each vantage, as far as the case tells."""
    endpoint = context.example_path
    inner = context.nginx_routes.passed_as([endpoint]).get(endpoint, endpoint)
    upstream = service_address(context) or "127.0.0.1:PORT"
    hosts = [context.table(name)["host"].dropna() for name in ("edge_log", "access_log", "error_log")]
    host = next((str(names.mode().iloc[0]) for names in hosts if len(names)), None)
    host = host or context.edge_routes.host_of(endpoint) or context.nginx_routes.host_of(endpoint) or "HOST"
    service, container = _service_and_container(context)
    processes = context.table("app_processes")
    mine = processes[processes["addr"] == upstream.rsplit(":", 1)[0]]
    ports = (mine if len(mine) else processes)["port"].dropna().unique()
    port = str(int(ports[0])) if len(ports) == 1 else upstream.rsplit(":", 1)[-1]
    if len(mine) and len(ports) == 1:
        # Nginx may ask for another port than the one on which the process listens.
        upstream = f"{upstream.rsplit(':', 1)[0]}:{port}"
    return Addresses(
        public_host=shell_word(host, "HOST"),
        origin_ip=_origin_ip(context) or "ORIGIN_IP",
        outside=f"https://{host}{endpoint}",
        upstream=upstream,
        host=f"http://{upstream}{inner}",
        inside=f"http://localhost:{port}{inner}",
        port=port,
        service=service,
        container=container,
        platform=platform_of(context),
        since=_hour_of_incident(context)["first_time"].replace("START", "1h"),
    )


def service_address(context: HealthContext) -> str | None:
    """Return host and port of the affected service, without an incident the only ones in lines of errors."""
    if context.services:
        return context.services[0]
    named = context.table("error_log")["upstream_addr"].dropna().unique()
    return str(named[0]) if len(named) == 1 and not str(named[0]).startswith("unix:") else None


def _origin_ip(context: HealthContext) -> str | None:
    """Return the origin's IP address: that of most requests at the edge, else as configured there."""
    seen = context.table("edge_log")["origin_addr"].dropna()
    servers = context.edge_routes.servers(context.example_path)
    for address in [*seen.mode(), *(server["address"] for server in servers)]:
        host = str(address).split(",")[0].strip()
        if not _is_ip(host):
            host = host.rpartition(":")[0]
        if _is_ip(host):
            return host
    return None


def _is_ip(host: str) -> bool:
    try:
        ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _service_and_container(context: HealthContext) -> tuple[str, str]:
    running = running_object(context)
    if running is not None:
        return shell_word(running[0], "SERVICE"), shell_word(running[1], "CONTAINER")
    composed = container_of(context)
    if composed is None:
        named = named_service(context)
        return ("SERVICE", "CONTAINER") if named is None else (shell_word(named, "SERVICE"),) * 2
    service = shell_word(composed.name, "SERVICE")
    if composed.container_name:
        return service, shell_word(composed.container_name, "CONTAINER")
    # The name that Compose makes depends on the folder in which it was started.
    return service, f"$(docker compose ps -aq {service})"


def _absent(context: HealthContext, platform: str) -> list[str]:
    access, edge_log = context.table("access_log"), context.table("edge_log")
    vantages = set(context.table("probes")["vantage"].dropna())
    layers = set(context.table("config_directives")["layer"].dropna())
    metrics = set(context.table("host_metrics")["metric"].dropna().unique())
    is_timed = access["upstream_response_time_s"].notna().any()
    absent = {
        # A process of systemd usually has the host's own network.
        "inside-probes": "inside" not in vantages and platform != "systemd",
        "outside-probes": "outside" not in vantages and edge_log.empty,
        "host-probes": "host" not in vantages,
        "access-log": access.empty,
        "access-log-times": len(access) > 0 and not is_timed,
        "edge-requests": edge_log.empty,
        "nginx-errors": not context.collected("error_log"),
        "nginx-configuration": "nginx" not in layers,
        "edge-configuration": "edge" not in layers and not context.has("edge_settings"),
        "metrics": not {"threads", "cpu_pct"} <= metrics,
        "application-log": not context.has("app_log") and platform != "lambda",
        "source": not context.has("app_handlers"),
        "start-command": not context.has("app_processes"),
        # A unit file says how systemd starts a process, and its limits.
        "containers": platform != "systemd"
        and not context.compose_services
        and not context.has("container_settings"),
    }
    unfit = _OF_NGINX | _OF_HOST if platform in MANAGED_PLATFORMS else set()
    if platform == "kubernetes" and access.empty:
        # The Ingress controller writes both to one output.
        unfit = {"nginx-errors"}
    checked = context.table("container_events")["probe"].eq("lb").any()
    if absent["nginx-errors"] and (balanced(context).all() if len(access) else checked):
        unfit |= _OF_NGINX
        checks = context.table("container_settings")["probe"]
        states = context.table("container_events")["platform"]
        absent["targets"] = not (states.eq("alb").any() or checks.eq("lb").any())
    return [name for name, is_absent in absent.items() if is_absent and name not in unfit]


def _target_group(context: HealthContext) -> str:
    """Return the target group of most failed requests, else of most, as a word of a shell."""
    rows = context.table("access_log")[balanced(context)]
    failed = rows[rows["status"] >= 500]
    named = (failed if len(failed) else rows)["extra"].str.extract(r'"target_group_arn": "([^"]+)"')[0].mode()
    if named.empty:
        # Amazon ECS names the target group in its events about health checks.
        named = context.table("container_events")["reason"].str.extract(r"target-group ([^\s)]+)")[0].mode()
    return shell_word(str(named.iloc[0]), "TARGET_GROUP_ARN") if len(named) else "TARGET_GROUP_ARN"


@dataclass(frozen=True)
class Addresses:
    """Where an endpoint is requested and what serves it; words in capitals where the case does not show it.

    ``public_host`` is the name that callers use, ``origin_ip`` where the edge reaches the origin,
    ``upstream`` where Nginx reaches the process, ``port`` the one inside the container. ``outside``, ``host``
    and ``inside`` are URLs through the edge, as Nginx asks, and in the container's own network. ``service``
    and ``container`` are words of a shell; ``platform``, a table of `commands.toml`, runs them. Its log is
    read from ``since`` on.
    """

    public_host: str
    origin_ip: str
    outside: str
    upstream: str
    host: str
    inside: str
    port: str
    service: str
    container: str
    platform: str = "docker"
    since: str = "1h"

    @property
    def commands(self) -> dict[str, str]:
        """The commands of the platform for this service, by placeholder."""
        return commands(self.platform, self.service, self.container, since=self.since)

    def log_between(self, start: str, end: str) -> str:
        """Return the command that shows the service's log between two times, given in ISO 8601."""
        return self.commands["log_between"].replace("START", start).replace("END", end)


def how_to_collect(name: str, at: Addresses, **values: str) -> Text:
    """Return how to collect some evidence by its name: commands, with a sentence where more is to be said."""
    usual = command_table()["collect"][name]
    entry = command_table()["collect_on"].get(at.platform, {}).get(name, usual)
    values |= {
        **at.commands,
        "inside_url": shell_word(at.inside),
        "outside_url": shell_word(at.outside),
        "host_url": shell_word(at.host),
        "metrics_port": at.port if at.port.isdecimal() else "PORT",
    }
    texts = {
        key: filled(text, values, "en") for key, text in entry.items() if key not in ("fills", "sentence")
    }
    if "sentence" not in entry:
        return texts["commands"]
    return message(f"collect-{entry['sentence']}", **{key: Commands(text) for key, text in texts.items()})


def _hour_of_incident(context: HealthContext) -> dict[str, str]:
    """Return start and end of the incident, else of the window, in UTC: an hour at most."""
    span = context.incident or context.inv.window or context.inv.case.window
    if span is None:
        return {"first_time": "START", "last_time": "END"}
    first = span.start.astimezone(UTC).replace(second=0, microsecond=0)
    last = min((span.end or first + _MOST_EDGE_LOG) + timedelta(minutes=1), first + _MOST_EDGE_LOG)
    return {"first_time": f"{first:%Y-%m-%dT%H:%M:%SZ}", "last_time": f"{last:%Y-%m-%dT%H:%M:%SZ}"}

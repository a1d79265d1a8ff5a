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
from watchme_analysis.health.detection import SIGNALS, health_causes
from watchme_analysis.health.running_platform import commands, platform_of, running_object, shown_by
from watchme_analysis.health.signals.source import unknown_calls
from watchme_analysis.inference.engine import separation
from watchme_analysis.inference.findings import Missing
from watchme_analysis.text.message import Commands, Message, Names, Text, message
from watchme_analysis.text.shell_quoting import shell_word

# Names of unknown calls that are listed.
UNKNOWN_CALLS = 5
LOG_FORMAT = (
    'log_format timed \'$remote_addr - [$time_iso8601] $msec $request_id "$request" $status '
    "$body_bytes_sent rt=$request_time uct=$upstream_connect_time uht=$upstream_header_time "
    "urt=$upstream_response_time ua=$upstream_addr us=$upstream_status ray=$http_cf_ray "
    '"$http_user_agent"\';\n'
    "access_log /var/log/nginx/access.log timed;"
)
_EDGE_FIELDS = (
    "RayID", "ClientIP", "ClientRequestHost", "ClientRequestMethod", "ClientRequestPath", "ClientRequestURI",
    "EdgeStartTimestamp", "EdgeEndTimestamp", "EdgeResponseStatus", "EdgeResponseBytes",
    "EdgeTimeToFirstByteMs", "CacheCacheStatus", "OriginIP", "OriginResponseStatus",
    "OriginResponseDurationMs", "OriginTCPHandshakeDurationMs",
)  # fmt: skip
_EDGE_PHASES = (
    "http_request_cache_settings", "http_request_firewall_custom", "http_request_firewall_managed",
    "http_ratelimit", "http_request_origin", "http_config_settings", "http_request_dynamic_redirect",
    "http_request_transform", "http_request_late_transform",
)  # fmt: skip
# Longest window that one call of Cloudflare's logs/received covers.
_MOST_EDGE_LOG = timedelta(hours=1)
_CLOUDFLARE = "https://api.cloudflare.com/client/v4/zones/ZONE"


@dataclass(frozen=True)
class _Wish:
    """Evidence that may be missing: whether it is, its name in messages, how to get it, and what it fills."""

    absent: bool
    name: str
    how: Text
    evidence: tuple[str, ...]


def missing_evidence(context: HealthContext, probability: Mapping[str, float]) -> tuple[Missing, ...]:
    """Return the evidence that is not there; what separates the causes still in question best comes first."""
    said = []
    for wish in _wishes(context):
        if wish.absent:
            value = separation(wish.evidence, health_causes(), SIGNALS.values(), probability)
            what, why = (message(f"missing-{wish.name}-{part}") for part in ("what", "why"))
            said.append(Missing(what, why, wish.how, value))
    if calls := unknown_calls(context):
        why = message("missing-stacks-why", calls=Names(tuple(calls), UNKNOWN_CALLS))
        said.append(Missing(message("missing-stacks-what"), why, stacks(addresses(context)), 0.0))
    return tuple(sorted(said, key=lambda item: -item.value))


@once_per_context
def addresses(context: HealthContext) -> Addresses:
    """Return where the affected endpoint is asked from each vantage, as far as the case tells."""
    endpoint = context.example_path
    inner = context.nginx_routes.passed_as([endpoint]).get(endpoint, endpoint)
    upstream = context.services[0] if context.services else "127.0.0.1:PORT"
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
    )


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


def _wishes(context: HealthContext) -> list[_Wish]:
    at = addresses(context)
    access = context.table("access_log")
    vantages = set(context.table("probes")["vantage"].dropna())
    untimed = len(access) > 0 and not access["upstream_response_time_s"].notna().any()
    return [
        _Wish(
            # A process of systemd usually has the host's own network.
            "inside" not in vantages and at.platform != "systemd",
            "inside-probes",
            inside_probes(at),
            ("probes/inside",),
        ),
        _Wish(
            "outside" not in vantages and context.table("edge_log").empty,
            "outside-probes",
            outside_probes(at),
            ("probes/outside",),
        ),
        _Wish("host" not in vantages, "host-probes", host_probes(at), ("probes/host",)),
        _Wish(access.empty, "access-log", timed_access_log(), ("access_log",)),
        _Wish(untimed, "access-log-times", timed_access_log(), ("access_log/times",)),
        *_of_layers(context),
        *_of_application(context, at),
    ]


def _of_layers(context: HealthContext) -> list[_Wish]:
    config = set(context.table("config_directives")["layer"].dropna())
    no_edge_config = "edge" not in config and context.table("edge_settings").empty
    return [
        _Wish(context.table("edge_log").empty, "edge-requests", edge_log(context), ("edge_log",)),
        _Wish(not context.collected("error_log"), "nginx-errors", error_log(), ("error_log",)),
        _Wish(
            "nginx" not in config, "nginx-configuration", nginx_configuration(), ("config_directives/nginx",)
        ),
        _Wish(
            no_edge_config,
            "edge-configuration",
            edge_configuration(),
            ("config_directives/edge", "edge_settings"),
        ),
    ]


def _of_application(context: HealthContext, at: Addresses) -> list[_Wish]:
    metrics = set(context.table("host_metrics")["metric"].dropna().unique())
    return [
        _Wish(not {"threads", "cpu_pct"} <= metrics, "metrics", process_metrics(at), ("host_metrics",)),
        _Wish(context.table("app_log").empty, "application-log", application_log(at), ("app_log",)),
        _Wish(
            context.table("app_handlers").empty,
            "source",
            application_source(at),
            ("app_handlers", "app_calls"),
        ),
        _Wish(context.table("app_processes").empty, "start-command", start_command(at), ("app_processes",)),
        _Wish(
            not context.compose_services and not context.has("container_settings"),
            "containers",
            definition(at),
            ("compose_settings",),
        ),
    ]


@dataclass(frozen=True)
class Addresses:
    """Where an endpoint is requested and what serves it; words in capitals where the case does not show it.

    ``public_host`` is the name that callers use, ``origin_ip`` where the edge reaches the origin,
    ``upstream`` where Nginx reaches the process, ``port`` the one inside the container. ``outside``, ``host``
    and ``inside`` are URLs through the edge, as Nginx asks, and in the container's own network. ``service``
    and ``container`` are words of a shell; ``platform`` (``docker``, ``kubernetes``, ``ecs`` or ``systemd``)
    runs them.
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

    @property
    def commands(self) -> dict[str, str]:
        """The commands of the platform for this service, by placeholder."""
        return commands(self.platform, self.service, self.container)

    def log_between(self, start: str, end: str) -> str:
        """Return the command that shows the service's log between two times, given in ISO 8601."""
        return self.commands["log_between"].replace("START", start).replace("END", end)

    @property
    def process(self) -> str:
        """Id of the container's first process on the host, as a word of a shell."""
        return self.commands["process"]

    def shown_by(self) -> dict[str, str]:
        """Return the commands that show values of this container."""
        return shown_by(self.platform, self.service, self.container)


def inside_probes(at: Addresses) -> str:
    """Return how to probe from inside the container for ten minutes; nothing is installed there."""
    inside, copy, place = (at.commands[name] for name in ("inside", "copy_command", "copy_place"))
    return (
        "watchme probe --standalone > probe.py\n"
        f"{copy} probe.py {place}:/tmp/probe.py\n"
        f"{inside} python /tmp/probe.py --to /tmp/probes.csv --for 600 {shell_word(at.inside)}\n"
        f"{copy} {place}:/tmp/probes.csv FOLDER/probes-inside.csv"
    )


def outside_probes(at: Addresses) -> str:
    """Return how to probe through the edge for ten minutes."""
    return f"watchme probe {shell_word(at.outside)} --every 10s --for 10m --to FOLDER/probes-outside.csv"


def host_probes(at: Addresses) -> Message:
    """Return how to probe past Nginx for ten minutes."""
    command = f"watchme probe --host {shell_word(at.host)} --every 10s --for 10m --to FOLDER/probes-host.csv"
    return message("collect-on-host", commands=Commands(command))


def timed_access_log() -> Message:
    """Return how to have Nginx log the time of each layer."""
    return message(
        "collect-timed-access-log",
        configuration=Commands(LOG_FORMAT),
        reload=Commands("nginx -t && nginx -s reload"),
        copy=Commands("cp /var/log/nginx/access.log* FOLDER/; nginx -T > FOLDER/nginx.conf"),
    )


def error_log() -> Message:
    """Return how to copy Nginx's error log."""
    return message(
        "collect-error-log",
        commands=Commands("cp /var/log/nginx/error.log* FOLDER/"),
        setting=Commands("error_log /var/log/nginx/error.log warn;"),
    )


def nginx_configuration() -> str:
    """Return how to dump Nginx's configuration with its includes expanded."""
    return "nginx -T > FOLDER/nginx.conf"


def edge_log(context: HealthContext) -> Message:
    """Return how to fetch the edge's request log: of the incident, else of the window, an hour at most."""
    start, end = "START", "END"
    span = context.incident or context.inv.window or context.inv.case.window
    if span is not None:
        first = span.start.astimezone(UTC).replace(second=0, microsecond=0)
        last = min((span.end or first + _MOST_EDGE_LOG) + timedelta(minutes=1), first + _MOST_EDGE_LOG)
        start, end = f"{first:%Y-%m-%dT%H:%M:%SZ}", f"{last:%Y-%m-%dT%H:%M:%SZ}"
    fetch = (
        f"curl -sH 'Authorization: Bearer TOKEN' '{_CLOUDFLARE}/logs/received?start={start}&end={end}"
        f"&timestamps=unixnano&fields={','.join(_EDGE_FIELDS)}' > FOLDER/edge.jsonl"
    )
    return message("collect-edge-log", commands=Commands(fetch))


def edge_configuration() -> str:
    """Return how to export the zone's settings and the rules that concern a request."""
    return (
        f"curl -sH 'Authorization: Bearer TOKEN' {_CLOUDFLARE}/settings > FOLDER/edge-settings.json\n"
        f"curl -sH 'Authorization: Bearer TOKEN' {_CLOUDFLARE}/pagerules > FOLDER/edge-settings-pages.json\n"
        f"for phase in {' '.join(_EDGE_PHASES)}; do curl -sH 'Authorization: Bearer TOKEN' "
        f"{_CLOUDFLARE}/rulesets/phases/$phase/entrypoint > FOLDER/edge-settings-$phase.json; done"
    )


def process_metrics(at: Addresses) -> Message:
    """Return how to sample, each second, what process and host use, and how often a quota throttled it."""
    port = at.port if at.port.isdecimal() else "PORT"
    sample = (
        f"P={at.process}; H=$(getconf CLK_TCK)\n"
        "used() { sed 's/.*) //' /proc/$P/stat | awk '{print $12 + $13}'; }\n"
        "host() { awk '/^cpu / {print $2 + $3 + $4 + $7 + $8 + $9, $5 + $6}' /proc/stat; }\n"
        "C=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/$P/cgroup)/cpu.stat\n"
        "echo timestamp,cpu_pct,in_flight,threads,rss_mb,open_files,host_cpu_pct,nr_throttled "
        "> FOLDER/metrics.csv\n"
        "A=$(used); set -- $(host); while sleep 1; do B=$(used); set -- $(host) $1 $2; "
        'echo "$(date +%s),$(( (B - A) * 100 / H )),'
        f"$(nsenter -t $P -n ss -Htn state established '( sport = :{port} )' | wc -l),"
        "$(awk '/^Threads/ {print $2}' /proc/$P/status),"
        "$(awk '/^VmRSS/ {print int($2 / 1024)}' /proc/$P/status),"
        "$(ls /proc/$P/fd | wc -l),$(( ($1 - $3) * 100 / ($1 - $3 + $2 - $4) )),"
        "$(awk '/^nr_throttled/ {print $2}' $C 2>/dev/null)\" >> FOLDER/metrics.csv; A=$B; done"
    )
    return message("collect-process-metrics", commands=Commands(sample))


def application_log(at: Addresses) -> str:
    """Return how to copy the application's log with the time of each line."""
    return f"{at.commands['log']} > FOLDER/app.log 2>&1"


def application_source(at: Addresses) -> Message:
    """Return how to copy the application's source; it is read, never run."""
    return message(
        "collect-application-source",
        commands=Commands(at.commands["source_command"]),
        where=Commands(at.commands["source_folder"]),
        stacks=Commands(f"sudo py-spy dump --pid {at.process}"),
    )


def stacks(at: Addresses) -> str:
    """Return how to save what each thread of the process does at the moment."""
    return f"sudo py-spy dump --pid {at.process} > FOLDER/stacks.txt"


def start_command(at: Addresses) -> str:
    """Return how to note the start command of the server."""
    return at.commands["start_command"]


def definition(at: Addresses) -> str:
    """Return how to print the settings of the service's containers, with everything merged in."""
    return at.commands["definition_command"]

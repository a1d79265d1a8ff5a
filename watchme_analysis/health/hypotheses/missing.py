"""What to collect next for the ``/health`` question, and exactly how."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from watchme_analysis.health.hypotheses import collect
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.weights import BEFORE_APPLICATION, CAUSES, OF_PROCESS
from watchme_analysis.inference.findings import Missing

# More than any other piece of evidence is worth.
DECIDES = 3.0


@dataclass(frozen=True)
class _Wish:
    """Evidence that may be missing: whether it is, how to get it, what it separates, the table it fills."""

    absent: bool
    what: str
    why: str
    how: str
    separates: tuple[str, ...]
    importance: float
    table: str = ""


def missing_evidence(
    found: Facts, probability: Mapping[str, float], deciding: Collection[str] = ()
) -> tuple[Missing, ...]:
    """Return what is not there, the most useful for the causes still in question first.

    Parameters
    ----------
    found
        The facts.
    probability
        By cause.
    deciding
        Tables without which two likely causes look the same: what fills them comes before all else.
    """
    wishes = [wish for wish in _wishes(found) if wish.absent or wish.table in deciding]
    total = sum(probability.values()) or 1.0
    entropy = 1.0 - max(probability.values(), default=1.0) / total
    said = []
    for wish in wishes:
        concerned = sum(probability.get(cause, 0.0) for cause in wish.separates) / total
        value = wish.importance * (0.2 + concerned + entropy) + (DECIDES if wish.table in deciding else 0.0)
        said.append(Missing(wish.what, wish.why, wish.how, value))
    return tuple(sorted(said, key=lambda item: -item.value))


def addresses(found: Facts) -> collect.Addresses:
    """Return where the affected endpoint is asked from each vantage, as far as the case tells."""
    endpoint = found.endpoints[0] if found.endpoints else "/health"
    inner = found.nginx_routes.passed_as([endpoint]).get(endpoint, endpoint)
    upstream = found.services[0] if found.services else "127.0.0.1:PORT"
    hosts = [found.table(name)["host"].dropna() for name in ("edge_log", "access_log")]
    host = next((str(names.mode().iloc[0]) for names in hosts if len(names)), "HOST")
    processes = found.table("app_processes")
    mine = processes[processes["addr"] == upstream.rsplit(":", 1)[0]]
    ports = (mine if len(mine) else processes)["port"].dropna().unique()
    port = str(int(ports[0])) if len(ports) == 1 else upstream.rsplit(":", 1)[-1]
    return collect.Addresses(
        outside=f"https://{host}{endpoint}",
        host=f"http://{upstream}{inner}",
        inside=f"http://localhost:{port}{inner}",
        port=port,
    )


def _wishes(found: Facts) -> list[_Wish]:
    at = addresses(found)
    access = found.table("access_log")
    vantages = set(found.table("probes")["vantage"].dropna())
    untimed = len(access) > 0 and not access["upstream_response_time_s"].notna().any()
    return [
        _Wish(
            "inside" not in vantages,
            "probes from inside the container",
            "they tell a stuck application from everything before it",
            collect.inside_probes(at),
            CAUSES,
            1.0,
        ),
        _Wish(
            "outside" not in vantages and found.table("edge_log").empty,
            "probes from outside, through the edge",
            "they show what callers meet and when",
            collect.outside_probes(at),
            BEFORE_APPLICATION,
            0.8,
        ),
        _Wish(
            "host" not in vantages,
            "probes from the host, past Nginx",
            "they tell the container's network from Nginx and the edge",
            collect.host_probes(at),
            BEFORE_APPLICATION,
            0.35,
        ),
        _Wish(
            access.empty,
            "Nginx's access log with upstream times",
            "it shows which layer takes the time of each request",
            collect.timed_access_log(),
            CAUSES,
            1.0,
        ),
        _Wish(
            untimed,
            "upstream times and addresses in Nginx's access log",
            "the log's format carries no timing, so that connecting, waiting and reading look alike",
            collect.timed_access_log(),
            CAUSES,
            1.0,
        ),
        *_of_layers(found),
        *_of_application(found, at),
    ]


def _of_layers(found: Facts) -> list[_Wish]:
    config = set(found.table("config_directives")["layer"].dropna())
    no_edge_config = "edge" not in config and found.table("edge_settings").empty
    return [
        _Wish(
            found.table("edge_log").empty,
            "the edge's request log",
            "it shows whether the edge held or refused requests that Nginx answered well",
            collect.edge_log(),
            ("edge_config", "nginx_config", "docker_network"),
            0.7,
        ),
        _Wish(
            not found.collected("error_log"),
            "Nginx's error log",
            "it tells connecting from waiting for the header and names limits",
            collect.error_log(),
            ("nginx_config", "docker_network"),
            0.5,
        ),
        _Wish(
            "nginx" not in config,
            "Nginx's configuration",
            "it shows where the endpoint's location differs from its neighbours",
            collect.nginx_configuration(),
            ("nginx_config",),
            0.6,
        ),
        _Wish(
            no_edge_config,
            "the edge's configuration",
            "it shows cache, rules and limits that concern the endpoint",
            collect.edge_configuration(),
            ("edge_config",),
            0.6,
        ),
    ]


def _of_application(found: Facts, at: collect.Addresses) -> list[_Wish]:
    metrics = set(found.table("host_metrics")["metric"].dropna())
    return [
        _Wish(
            not {"threads", "cpu_pct"} <= metrics,
            "CPU, threads, open requests and files of the process, and the host's CPU, each second",
            "they tell a full thread pool, a lack of CPU and exhausted descriptors from a blocked loop",
            collect.process_metrics(at),
            OF_PROCESS,
            0.8,
            "host_metrics",
        ),
        _Wish(
            found.table("app_log").empty,
            "the application's log with milliseconds",
            "its silences and bursts tell a blocked loop, its errors an exhausted process",
            collect.application_log(),
            OF_PROCESS,
            0.7,
            "app_log",
        ),
        _Wish(
            found.table("app_handlers").empty,
            "the application's source",
            "it shows which handlers run on the event loop and what blocks there",
            collect.application_source(),
            OF_PROCESS,
            0.5,
        ),
        _Wish(
            found.table("app_processes").empty,
            "the start command",
            "it shows workers, connection limits and the address listened on",
            collect.start_command(),
            ("app_saturation", "docker_network"),
            0.25,
        ),
        _Wish(
            found.table("compose_settings").empty,
            "the containers' settings",
            "they show networks, published ports, limits, and when a health check calls it unhealthy",
            collect.compose_file(),
            ("app_saturation", "docker_network"),
            0.15,
        ),
    ]

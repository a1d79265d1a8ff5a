"""What to collect next for the ``/health`` question, and exactly how."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from watchme_analysis.health.hypotheses import collect
from watchme_analysis.health.hypotheses.facts import Facts, once_per_facts
from watchme_analysis.health.hypotheses.signals import SIGNALS, health_causes
from watchme_analysis.inference.engine import separation
from watchme_analysis.inference.findings import Missing
from watchme_analysis.text.message import Text, message

# Log-odds by which evidence comes first that would separate two likely causes which look the same.
DECIDES = 10.0


@dataclass(frozen=True)
class _Wish:
    """Evidence that may be missing: whether it is, its name in messages, how to get it, and what it fills."""

    absent: bool
    name: str
    how: Text
    evidence: tuple[str, ...]


def missing_evidence(
    found: Facts, probability: Mapping[str, float], deciding: Collection[str] = ()
) -> tuple[Missing, ...]:
    """Return the evidence that is not there; what separates the causes still in question best comes first.

    Parameters
    ----------
    found
        The facts.
    probability
        By cause.
    deciding
        Tables without which two likely causes look the same: what fills them comes before all else.
    """
    said = []
    for wish in _wishes(found):
        decides = not set(deciding).isdisjoint(wish.evidence)
        if wish.absent or decides:
            value = separation(wish.evidence, health_causes(), SIGNALS, probability) + DECIDES * decides
            what, why = (message(f"missing-{wish.name}-{part}") for part in ("what", "why"))
            said.append(Missing(what, why, wish.how, value))
    return tuple(sorted(said, key=lambda item: -item.value))


@once_per_facts
def addresses(found: Facts) -> collect.Addresses:
    """Return where the affected endpoint is asked from each vantage, as far as the case tells."""
    endpoint = found.example_path
    inner = found.nginx_routes.passed_as([endpoint]).get(endpoint, endpoint)
    upstream = found.services[0] if found.services else "127.0.0.1:PORT"
    hosts = [found.table(name)["host"].dropna() for name in ("edge_log", "access_log")]
    host = next((str(names.mode().iloc[0]) for names in hosts if len(names)), "HOST")
    processes = found.table("app_processes")
    mine = processes[processes["addr"] == upstream.rsplit(":", 1)[0]]
    ports = (mine if len(mine) else processes)["port"].dropna().unique()
    port = str(int(ports[0])) if len(ports) == 1 else upstream.rsplit(":", 1)[-1]
    if len(mine) and len(ports) == 1:
        # Nginx may ask for another port than the one on which the process listens.
        upstream = f"{upstream.rsplit(':', 1)[0]}:{port}"
    return collect.Addresses(
        outside=f"https://{host}{endpoint}",
        upstream=upstream,
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
            "inside-probes",
            collect.inside_probes(at),
            ("probes/inside",),
        ),
        _Wish(
            "outside" not in vantages and found.table("edge_log").empty,
            "outside-probes",
            collect.outside_probes(at),
            ("probes/outside",),
        ),
        _Wish(
            "host" not in vantages,
            "host-probes",
            collect.host_probes(at),
            ("probes/host",),
        ),
        _Wish(
            access.empty,
            "access-log",
            collect.timed_access_log(),
            ("access_log",),
        ),
        _Wish(
            untimed,
            "access-log-times",
            collect.timed_access_log(),
            ("access_log/times",),
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
            "edge-requests",
            collect.edge_log(),
            ("edge_log",),
        ),
        _Wish(
            not found.collected("error_log"),
            "nginx-errors",
            collect.error_log(),
            ("error_log",),
        ),
        _Wish(
            "nginx" not in config,
            "nginx-configuration",
            collect.nginx_configuration(),
            ("config_directives/nginx",),
        ),
        _Wish(
            no_edge_config,
            "edge-configuration",
            collect.edge_configuration(),
            ("config_directives/edge", "edge_settings"),
        ),
    ]


def _of_application(found: Facts, at: collect.Addresses) -> list[_Wish]:
    metrics = set(found.table("host_metrics")["metric"].dropna())
    return [
        _Wish(
            not {"threads", "cpu_pct"} <= metrics,
            "metrics",
            collect.process_metrics(at),
            ("host_metrics",),
        ),
        _Wish(
            found.table("app_log").empty,
            "application-log",
            collect.application_log(),
            ("app_log",),
        ),
        _Wish(
            found.table("app_handlers").empty,
            "source",
            collect.application_source(),
            ("app_handlers", "app_calls"),
        ),
        _Wish(
            found.table("app_processes").empty,
            "start-command",
            collect.start_command(),
            ("app_processes",),
        ),
        _Wish(
            found.table("compose_settings").empty,
            "containers",
            collect.compose_file(),
            ("compose_settings",),
        ),
    ]

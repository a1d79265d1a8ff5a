"""The detectors of the `/health` question, its causes checked against their signals, and the observations."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from watchme_analysis.health.context import HealthContext, health_context
from watchme_analysis.health.explaining_away import EXPLAINS
from watchme_analysis.health.signals.app_log import log_words, turned_away
from watchme_analysis.health.signals.arrivals import all_well, arrivals, stopped
from watchme_analysis.health.signals.cpu import cpu_sampled, machine, starved
from watchme_analysis.health.signals.dependency import (
    callers,
    client_timeouts,
    connections,
    pool_of_connections_known,
)
from watchme_analysis.health.signals.edge import edge, rewritten, way_to_edge, wrong_host
from watchme_analysis.health.signals.event_loop import rhythms
from watchme_analysis.health.signals.localisation import localised
from watchme_analysis.health.signals.network import (
    cut_from_host,
    network,
    networks,
    new_connections,
    probe_connects,
    published,
)
from watchme_analysis.health.signals.nginx import at_once, nginx, reloads
from watchme_analysis.health.signals.process import process
from watchme_analysis.health.signals.process_down import (
    connected,
    inside_refused,
    lifecycle,
    metrics_gap,
    refused_past_inside,
    restarts,
)
from watchme_analysis.health.signals.rules import edge_rules, nginx_rules
from watchme_analysis.health.signals.source import handler_paths, source
from watchme_analysis.health.signals.upstreams import wrong_port
from watchme_analysis.health.signals.vantages import other_services, paths, vantages
from watchme_analysis.inference.causes import Cause, load_causes
from watchme_analysis.inference.engine import explained_away
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.signals import Observation, Signal, by_id, observe

# Detectors for a case without an incident, and for one with an incident.
DETECTORS_WITHOUT_INCIDENT: tuple[Callable[[HealthContext], list[Observation]], ...] = (all_well, stopped)

DETECTORS: tuple[Callable[[HealthContext], list[Observation]], ...] = (
    localised,
    vantages,
    paths,
    handler_paths,
    other_services,
    at_once,
    edge,
    way_to_edge,
    edge_rules,
    wrong_host,
    rewritten,
    nginx,
    nginx_rules,
    reloads,
    wrong_port,
    network,
    new_connections,
    probe_connects,
    cut_from_host,
    rhythms,
    process,
    log_words,
    restarts,
    turned_away,
    connections,
    machine,
    published,
    networks,
    source,
    inside_refused,
    refused_past_inside,
    connected,
    metrics_gap,
    lifecycle,
    arrivals,
    callers,
    client_timeouts,
    cpu_sampled,
    pool_of_connections_known,
)

# Signals by id. `starved` follows from what the other detectors returned.
SIGNALS: dict[str, Signal] = by_id((*DETECTORS_WITHOUT_INCIDENT, *DETECTORS, starved))


@cache
def health_causes() -> tuple[Cause, ...]:
    """Return the causes of the question, checked against its signals."""
    return load_causes("health", SIGNALS)


def detected(inv: Investigation) -> tuple[Observation, ...]:
    """Return the observations of all detectors; use as ``inv.once(detected)``."""
    found = inv.once(health_context)
    if found.incident is None:
        return observe(DETECTORS_WITHOUT_INCIDENT, found)
    seen = observe(DETECTORS, found)
    return (*seen, *starved(found, seen))


def observed(inv: Investigation) -> tuple[Observation, ...]:
    """Return the observations, weakened where one follows from another; use as ``inv.once(observed)``."""
    return explained_away(inv.once(detected), SIGNALS, EXPLAINS)

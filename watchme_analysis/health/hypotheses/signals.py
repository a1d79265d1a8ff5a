"""The signals of the ``/health`` question, and its causes checked against them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from watchme_analysis.health.hypotheses.answers import at_once
from watchme_analysis.health.hypotheses.app import source
from watchme_analysis.health.hypotheses.arrivals import arrivals
from watchme_analysis.health.hypotheses.calm import all_well
from watchme_analysis.health.hypotheses.connections import connections
from watchme_analysis.health.hypotheses.container import container
from watchme_analysis.health.hypotheses.dependency import callers, client_timeouts
from watchme_analysis.health.hypotheses.down import (
    connected,
    inside_refused,
    lifecycle,
    metrics_gap,
    refused_past_inside,
)
from watchme_analysis.health.hypotheses.edge import edge
from watchme_analysis.health.hypotheses.edge_paths import rewritten
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.host import wrong_host
from watchme_analysis.health.hypotheses.localisation import localised, stopped
from watchme_analysis.health.hypotheses.log_words import log_words
from watchme_analysis.health.hypotheses.network import network
from watchme_analysis.health.hypotheses.new_connections import new_connections
from watchme_analysis.health.hypotheses.nginx import nginx
from watchme_analysis.health.hypotheses.probe_connects import cut_from_host, probe_connects
from watchme_analysis.health.hypotheses.process import process
from watchme_analysis.health.hypotheses.reloads import reloads
from watchme_analysis.health.hypotheses.rhythms import rhythms
from watchme_analysis.health.hypotheses.rules import edge_rules, nginx_rules
from watchme_analysis.health.hypotheses.separating_evidence import cpu_sampled, pool_of_connections_known
from watchme_analysis.health.hypotheses.starved import starved
from watchme_analysis.health.hypotheses.upstreams import wrong_port
from watchme_analysis.health.hypotheses.vantages import paths, vantages
from watchme_analysis.health.hypotheses.way_to_edge import way_to_edge
from watchme_analysis.inference.causes import Cause, load_causes
from watchme_analysis.inference.signals import Observation, Signal, by_id

# Detectors for a case without an incident, and for one with an incident.
WITHOUT_INCIDENT: tuple[Callable[[Facts], list[Observation]], ...] = (all_well, stopped)
CHECKS: tuple[Callable[[Facts], list[Observation]], ...] = (
    localised,
    vantages,
    paths,
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
    connections,
    container,
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
SIGNALS: dict[str, Signal] = by_id((*WITHOUT_INCIDENT, *CHECKS, starved))


@cache
def health_causes() -> tuple[Cause, ...]:
    """Return the causes of the question, checked against its signals."""
    return load_causes("health", SIGNALS)

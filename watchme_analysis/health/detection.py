"""The detectors of the `/health` question, its causes checked against their signals, and the observations."""

from __future__ import annotations

from functools import cache

from watchme_analysis.health.context import health_context
from watchme_analysis.health.explaining_away import EXPLAINS
from watchme_analysis.health.signals import (
    app_log,
    arrivals,
    cpu,
    dependency,
    edge,
    event_loop,
    localisation,
    network,
    nginx,
    process,
    process_down,
    rules,
    source,
    upstreams,
    vantages,
)
from watchme_analysis.inference.causes import Cause, load_causes
from watchme_analysis.inference.engine import explained_away
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.signals import Observation, Signal, by_id, observe

# The topics of signals, from where an incident lies to its mechanism.
_TOPICS = (
    localisation,
    vantages,
    edge,
    rules,
    nginx,
    upstreams,
    network,
    event_loop,
    process,
    cpu,
    app_log,
    source,
    process_down,
    dependency,
    arrivals,
)
DETECTORS = tuple(detector for topic in _TOPICS for detector in topic.DETECTORS)
DETECTORS_WITHOUT_INCIDENT = (*arrivals.DETECTORS_WITHOUT_INCIDENT, nginx.unaccepted)
# Signals by id. `starved` follows from what the other detectors returned.
SIGNALS: dict[str, Signal] = by_id((*DETECTORS_WITHOUT_INCIDENT, *DETECTORS, cpu.starved))


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
    return (*seen, *cpu.starved(found, seen))


def observed(inv: Investigation) -> tuple[Observation, ...]:
    """Return the observations, weakened where one follows from another; use as ``inv.once(observed)``."""
    return explained_away(inv.once(detected), SIGNALS, EXPLAINS)

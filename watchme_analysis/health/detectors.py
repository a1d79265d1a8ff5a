"""The detectors of the `/health` question, its causes, and the observations."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from watchme_analysis.health.context import edge_visible, is_timed
from watchme_analysis.health.context_builder import health_context
from watchme_analysis.health.signals import (
    app_log,
    arrivals,
    cpu,
    dependency,
    edge,
    event_loop,
    known_lines,
    localisation,
    network,
    nginx,
    orchestrator,
    process,
    process_down,
    rules,
    source,
    upstreams,
    vantages,
    workers,
)
from watchme_analysis.inference.causes import Cause, causes, explained
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.known_lines import grades_of
from watchme_analysis.inference.signals import Observation, Signal, by_id, observe
from watchme_analysis.inference.weighing import explained_away

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
    workers,
    cpu,
    app_log,
    source,
    process_down,
    orchestrator,
    dependency,
    arrivals,
)
DETECTORS = tuple(detector for topic in _TOPICS for detector in topic.DETECTORS)
DETECTORS_WITHOUT_INCIDENT = (*arrivals.DETECTORS_WITHOUT_INCIDENT, nginx.unaccepted)
SIGNALS: dict[str, Signal] = by_id((*DETECTORS_WITHOUT_INCIDENT, *DETECTORS, known_lines.known_lines))


@cache
def health_causes() -> tuple[Cause, ...]:
    """Return the causes of the question, with the grades of known log lines."""
    return tuple(replace(cause, grades={**grades_of(cause), **cause.grades}) for cause in causes("health"))


def detected(inv: Investigation) -> tuple[Observation, ...]:
    """Return the observations of all detectors; use as ``inv.once(detected)``."""
    found = inv.once(health_context)
    if found.incident is None:
        # Where the evidence shows that callers were well, a line of an error changes nothing.
        is_clear = is_timed(found) and edge_visible(found)
        further = () if is_clear else (known_lines.known_lines, *orchestrator.DETECTORS)
        return observe((*DETECTORS_WITHOUT_INCIDENT, *further), found)
    return observe((*DETECTORS, known_lines.known_lines), found)


def observed(inv: Investigation) -> tuple[Observation, ...]:
    """Return the observations, weakened where one follows from another; use as ``inv.once(observed)``."""
    return explained_away(inv.once(detected), SIGNALS, explained("health"))

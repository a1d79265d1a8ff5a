"""Causes that look alike until one piece of evidence tells them apart, and what happens while it is missing.

A weight says how much likelier an observation is under one cause than under others when all evidence is at
hand. Where the piece that tells two causes apart is missing, what both of them predict must not favour one:
the lookalike gets the same weight, the two share what the observation says, and the missing piece is asked
for first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from watchme_analysis.health.hypotheses.cpu import FEWEST_SAMPLES
from watchme_analysis.health.hypotheses.explains import STANDSTILL, WAITING_FOR_THREADS
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.process import gauges, own_source, service_name
from watchme_analysis.health.hypotheses.weights import WEIGHTS

# A lookalike this likely leaves a verdict open.
IN_QUESTION = 0.1
# Clients that wait for a free connection of a pool of their own, as calls of the source name them.
_POOLED = (
    r"sqlalchemy|psycopg|asyncpg|aiopg|mysql|oracle|odbc|mongo|redis|supabase|postgrest|httpx|cursor|[Pp]ool"
)


@dataclass(frozen=True)
class Lookalike:
    """Two causes that predict the same observations.

    Attributes
    ----------
    cause
        The one that the weights of these observations favour.
    other
        The one that looks the same.
    outcomes
        Keys of the observations that both predict.
    told
        Whether a case holds what tells them apart.
    table
        The table that would, first among what to collect while it is missing.
    reason
        A sentence for a statement that both share.
    """

    cause: str
    other: str
    outcomes: tuple[str, ...]
    told: Callable[[Facts], bool]
    table: str
    reason: str


def _knows_cpu(found: Facts) -> bool:
    """Tell whether the CPU of the affected process was sampled in the incident."""
    if not found.has("host_metrics"):
        return False
    wide = gauges(found)
    if "cpu_pct" not in wide:
        return False
    return int(wide.loc[found.start : found.end, "cpu_pct"].notna().sum()) >= FEWEST_SAMPLES


def _knows_connections(found: Facts) -> bool:
    """Tell whether the application could have said that it lacks connections, or its source that it can't."""
    log, calls = found.table("app_log"), own_source(found, "app_calls")
    if len(log) and len(found.of_incident(log[log["service"].fillna("") == service_name(found, log)])):
        return True
    return len(calls) > 0 and not calls["call"].fillna("").str.contains(_POOLED, regex=True).any()


LOOKALIKES = (
    Lookalike(
        "app_event_loop",
        "app_saturation",
        STANDSTILL,
        _knows_cpu,
        "host_metrics",
        "A process without CPU would show the same, and its CPU is not known.",
    ),
    Lookalike(
        "app_threadpool",
        "app_saturation",
        WAITING_FOR_THREADS,
        _knows_connections,
        "app_log",
        "Threads that wait for a free connection would show the same, and what the application says is not "
        "known.",
    ),
)


def untold(found: Facts) -> tuple[Lookalike, ...]:
    """Return the lookalikes that a case does not tell apart."""
    return tuple(pair for pair in LOOKALIKES if not pair.told(found))


def shared_weight(outcome: str, cause: str, alike: Iterable[Lookalike]) -> float:
    """Return the log-odds of an observation for a cause, its lookalikes' where they are not told apart."""
    by_cause = WEIGHTS[outcome].by_cause
    same = [pair.cause for pair in alike if pair.other == cause and outcome in pair.outcomes]
    return max(by_cause.get(name, 0.0) for name in (cause, *same))


def deciding_tables(alike: Iterable[Lookalike], probability: Mapping[str, float]) -> set[str]:
    """Return the tables that would tell apart lookalikes that are both likely."""
    return {
        pair.table
        for pair in alike
        if min(probability.get(pair.cause, 0.0), probability.get(pair.other, 0.0)) >= IN_QUESTION
    }

"""The hypotheses about a slow or failing ``/health``, and the diagnosis made of them.

Each hypothesis is one registered function: it takes what every check saw, weighs it for its own cause by
the table in :mod:`watchme_analysis.health.hypotheses.weights`, and names the sub-cause, its blind spots and
the next test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from watchme_analysis.access_logs.routes import route_of
from watchme_analysis.health.application_errors import monitored_routes
from watchme_analysis.health.hypotheses.answers import at_once
from watchme_analysis.health.hypotheses.apart import told_apart
from watchme_analysis.health.hypotheses.app import source
from watchme_analysis.health.hypotheses.connections import connections
from watchme_analysis.health.hypotheses.container import container
from watchme_analysis.health.hypotheses.edge import edge
from watchme_analysis.health.hypotheses.edge_paths import rewritten
from watchme_analysis.health.hypotheses.explains import EXPLAINED_STRENGTH, EXPLAINS
from watchme_analysis.health.hypotheses.facts import Facts, facts, share
from watchme_analysis.health.hypotheses.host import wrong_host
from watchme_analysis.health.hypotheses.log_words import log_words
from watchme_analysis.health.hypotheses.lookalikes import Lookalike, shared_weight, untold
from watchme_analysis.health.hypotheses.network import network
from watchme_analysis.health.hypotheses.new_connections import new_connections
from watchme_analysis.health.hypotheses.next import next_test, not_covered
from watchme_analysis.health.hypotheses.nginx import nginx
from watchme_analysis.health.hypotheses.probe_connects import cut_from_host, probe_connects
from watchme_analysis.health.hypotheses.process import process
from watchme_analysis.health.hypotheses.rhythms import rhythms
from watchme_analysis.health.hypotheses.rules import edge_rules, nginx_rules
from watchme_analysis.health.hypotheses.seen import Seen
from watchme_analysis.health.hypotheses.sql import of_observed, select, tables_of
from watchme_analysis.health.hypotheses.starved import starved
from watchme_analysis.health.hypotheses.vantages import paths, vantages
from watchme_analysis.health.hypotheses.verdict import conclude
from watchme_analysis.health.hypotheses.way_to_edge import way_to_edge
from watchme_analysis.health.hypotheses.weights import NONE_PRIOR, SHRINK, WEIGHTS
from watchme_analysis.health.incident import BLIP_S, judge_requests
from watchme_analysis.inference.findings import (
    Diagnosis,
    Evidence,
    Finding,
    Investigation,
    hypothesis,
    registered,
)
from watchme_analysis.requests.observations import ERROR_KINDS

CHECKS: tuple[Callable[[Facts], list[Seen]], ...] = (
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
)
LOGS = ("probes", "access_log", "edge_log", "error_log")
# How much calm says that one kind of record shows, against all three: probes show the paths that they ask,
# Nginx's log what an edge before it let through, and an edge's log all that callers asked.
ONE_PLACE, PART_OF_ALL = 0.7, 0.65


def observed(inv: Investigation) -> tuple[Seen, ...]:
    """Return what every check saw; use as ``inv.once(observed)``."""
    found = inv.once(facts)
    if found.incident is None:
        return (_all_well(found),)
    seen = [one for check in CHECKS for one in check(found)]
    seen += starved(found, seen)
    return (*_mild(found), *(_shared(one, inv.once(alike)) for one in _explained(seen)))


def alike(inv: Investigation) -> tuple[Lookalike, ...]:
    """Return the causes that this case does not tell apart; use as ``inv.once(alike)``."""
    found = inv.once(facts)
    return untold(found) if found.incident is not None else ()


def _shared(one: Seen, pairs: tuple[Lookalike, ...]) -> Seen:
    """Say of what was seen that another cause would show the same."""
    reasons = [pair.reason for pair in pairs if one.outcome in pair.outcomes]
    return replace(one, statement=" ".join([one.statement, *reasons])) if reasons else one


def _explained(seen: list[Seen]) -> list[Seen]:
    """Weaken what follows from something else that was seen: it is no second witness."""
    strong = [one for one in seen if one.outcome in EXPLAINS and one.strength >= 0.5]
    by = {name: WEIGHTS[one.outcome].check for one in strong for name in EXPLAINS[one.outcome]}
    return [
        one
        if one.outcome not in by
        else replace(
            one,
            statement=f"{one.statement} That follows from what was seen of {by[one.outcome]}.",
            strength=one.strength * EXPLAINED_STRENGTH,
        )
        for one in seen
    ]


def _mild(found: Facts) -> list[Seen]:
    if found.incident is None or not found.incident.is_mild:
        return []
    outer = found.outer
    slower = outer[outer["during"] & outer["strained"]]
    once = slower[~(slower["row"].duplicated() & (slower["row"] >= 0))]
    text = f"{len(once):,d} requests and probes were slower than usual, hardly one of them by much."
    return [Seen("mild", text, tables_of(once), len(once), of_observed(once))]


def _all_well(found: Facts) -> Seen:
    outer = found.outer
    if asked := found.inv.options.get("endpoint"):
        outer = outer[outer["family"] == route_of(asked)]
    # A request that edge and Nginx logged is one request.
    once = outer[~(outer["row"].duplicated() & (outer["row"] >= 0))]
    judged = judge_requests(outer)
    bad, total = int(judged["bad"].sum()), len(judged)
    table = next((name for name in LOGS if found.has(name)), "probes")
    text = f"No endpoint was slow or failing for long: {share(bad, total)} requests and probes were bad."
    if not total:
        text = "No request or probe is there that could have been slow or failing."
    # What the edge refused shows in its own log alone, and what is strained may be an incident's edge.
    places = sum(found.has(name) for name in ("probes", "access_log", "edge_log"))
    alone = ONE_PLACE if found.has("edge_log") or (asked and table == "probes") else PART_OF_ALL
    # What others went through is no doubt of the endpoint asked about.
    mine = monitored_routes(found.observed)
    told = outer[outer["family"].isin(mine)] if mine else outer
    shares = told.groupby("family")["strained"].agg(["mean", "size"])
    worst = float(shares.loc[shares["size"] >= 8, "mean"].max()) if (shares["size"] >= 8).any() else 0.0
    strength = min(1.0, total / 30) * {3: 1.0, 2: 0.9}.get(places, alone) * max(0.0, 1 - 2 * worst)
    strength *= 0.5 if _upstream_trouble(found) else 1.0
    sql = of_observed(once) if len(once) else select(table)
    return Seen(
        "all_well", text, tables_of(once) or table, len(once), sql, bad / max(total, 1), "share", strength
    )


def _upstream_trouble(found: Facts) -> bool:
    """Tell whether Nginx's error log has failures of upstreams at several times, as no restart leaves."""
    errors = found.table("error_log")
    times = errors.loc[errors["kind"].isin(ERROR_KINDS), "time"].sort_values()
    return int((times.diff().dt.total_seconds() > BLIP_S).sum()) >= 2


def _finding(inv: Investigation, cause: str) -> Finding:
    """Weigh what was seen for one cause."""
    evidence, details = [], []
    for one in inv.once(observed):
        weight = WEIGHTS[one.outcome]
        value = shared_weight(one.outcome, cause, inv.once(alike)) * one.strength * SHRINK
        if cause in one.details and weight.by_cause.get(cause, 0.0) > 0:
            details.append((value, one.details[cause], weight.check))
        if value:
            evidence.append(
                Evidence(
                    one.statement,
                    one.table,
                    one.rows,
                    value,
                    one.effect,
                    one.effect_unit,
                    one.sql,
                    weight.check,
                )
            )
    evidence.sort(key=lambda item: -abs(item.weight))
    found = inv.once(facts)
    details.sort(key=lambda item: -item[0])
    # The strongest says what happened; what the source adds says where.
    said = details[:1] + [item for item in details[1:] if item[2] == "source"][:1]
    detail = ". In the source: ".join(item[1] for item in said) or None
    return Finding(cause, tuple(evidence), detail, not_covered(found, cause), next_test(found, cause))


@hypothesis(
    "health",
    title="Nginx refuses, holds, misdirects or cuts off the endpoint",
    needs=("access_log", "error_log", "config_directives", "probes"),
    cannot_see=("a configuration that was changed back before it was copied",),
)
def nginx_config(inv: Investigation) -> Finding:
    """Predict: Nginx answers alone, waits alone, or asks an address of its own; inside all is well."""
    return _finding(inv, "nginx_config")


@hypothesis(
    "health",
    title="The edge holds, refuses or misdirects the endpoint",
    needs=("edge_log", "access_log", "probes", "config_directives", "edge_settings"),
    cannot_see=("rules of the edge that it does not export", "the way from the client to the edge"),
)
def edge_config(inv: Investigation) -> Finding:
    """Predict: bad at the edge, well at Nginx or never arrived there."""
    return _finding(inv, "edge_config")


@hypothesis(
    "health",
    title="The way from the host into the container loses or refuses packets",
    needs=("probes", "access_log", "error_log"),
    cannot_see=("packets: no capture is part of a case",),
)
def docker_network(inv: Investigation) -> Finding:
    """Predict: slow or failed connects, or stalled bodies; inside and other containers are well."""
    return _finding(inv, "docker_network")


@hypothesis(
    "health",
    title="Synchronous work blocks the application's event loop",
    needs=("probes", "app_log", "access_log", "host_metrics", "app_calls"),
    cannot_see=("the stack of the blocked process",),
)
def app_event_loop(inv: Investigation) -> Finding:
    """Predict: every path of the service stands still together, inside as well, then all answer at once."""
    return _finding(inv, "app_event_loop")


@hypothesis(
    "health",
    title="Synchronous work uses up the application's thread pool",
    needs=("probes", "host_metrics", "app_handlers", "access_log"),
    cannot_see=("which function each thread of the pool runs",),
)
def app_threadpool(inv: Investigation) -> Finding:
    """Predict: handlers that need a thread are bad, inside as well; `async def` handlers are well."""
    return _finding(inv, "app_threadpool")


@hypothesis(
    "health",
    title="The process or host is out of CPU, memory, descriptors or connections",
    needs=("host_metrics", "app_log", "probes", "access_log", "app_processes"),
    cannot_see=("what other processes of the host use, unless a metric tells",),
)
def app_saturation(inv: Investigation) -> Finding:
    """Predict: every path is slow, inside as well, and a resource stands at its limit."""
    return _finding(inv, "app_saturation")


@hypothesis(
    "health",
    title="None of these: nothing happened, or a cause that is not on the list",
    needs=LOGS,
    cannot_see=("what none of the tables records",),
    prior=NONE_PRIOR,
)
def none(inv: Investigation) -> Finding:
    """Predict: no endpoint was bad for long."""
    return _finding(inv, "none")


def diagnose(inv: Investigation) -> Diagnosis:
    """Say what made ``/health`` slow or fail, from the evidence of a case."""
    return _weighed(inv, told_apart(inv, _weighed))


def _weighed(inv: Investigation, pair: tuple[Diagnosis, ...] = ()) -> Diagnosis:
    """Weigh all causes; those of a pair of faults are weighed already, each by its own requests."""
    entries = registered("health")
    findings = [entry.found(inv) for entry in entries]
    priors = {entry.cause: entry.prior for entry in entries}
    return conclude(inv.once(facts), findings, priors, inv.once(alike), pair)

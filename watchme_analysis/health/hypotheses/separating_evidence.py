"""Detectors of evidence that separates causes which otherwise look alike; it supports none of them."""

from __future__ import annotations

from watchme_analysis.health.hypotheses.cpu import FEWEST_SAMPLES
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.process import gauges, own_source, service_name, source_conditions
from watchme_analysis.health.hypotheses.sql import quoted, select, within
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.text.message import message

# Clients that wait for a free connection of a pool of their own, as calls of the source name them.
_POOLED = (
    r"sqlalchemy|psycopg|asyncpg|aiopg|mysql|oracle|odbc|mongo|redis|supabase|postgrest|httpx|cursor|[Pp]ool"
)


@detects("cpu_sampled", group="cpu", needs=("host_metrics",))
def cpu_sampled(found: Facts) -> list[Observation]:
    """Return whether the CPU of the affected process was sampled in the incident."""
    if not found.has("host_metrics"):
        return []
    wide = gauges(found)
    if "cpu_pct" not in wide:
        return []
    rows = int(wide.loc[found.start : found.end, "cpu_pct"].notna().sum())
    if rows < FEWEST_SAMPLES:
        return []
    of_service = f"coalesce(service, '') = {quoted(service_name(found, found.table('host_metrics')))}"
    sql = within(found, "host_metrics", of_service, "metric = 'cpu_pct'", "value is not null")
    text = message("health-cpu-sampled", samples=rows)
    return [Observation("cpu_sampled", text, "host_metrics", rows, sql)]


@detects("pool_of_connections_known", group="connections", needs=("app_log", "app_calls"))
def pool_of_connections_known(found: Facts) -> list[Observation]:
    """Return whether the application could have logged a lack of connections, or its source excludes one."""
    log, calls = found.table("app_log"), own_source(found, "app_calls")
    if len(log):
        service = service_name(found, log)
        mine = found.of_incident(log[log["service"].fillna("") == service])
        if len(mine):
            text = message("health-app-logged", lines=len(mine))
            sql = within(found, "app_log", f"coalesce(service, '') = {quoted(service)}")
            return [Observation("pool_of_connections_known", text, "app_log", len(mine), sql)]
    if len(calls) and not calls["call"].fillna("").str.contains(_POOLED, regex=True).any():
        text = message("health-no-pooled-calls")
        sql = select("app_calls", *source_conditions(found, "app_calls", calls))
        return [Observation("pool_of_connections_known", text, "app_calls", len(calls), sql)]
    return []

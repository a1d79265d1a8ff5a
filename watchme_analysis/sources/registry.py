"""Every kind of evidence file, in the order in which the importer asks."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from watchme_analysis.sources.raw import Source

# The one place to add a module that declares SOURCES.
MODULES = (
    # Ahead of nginx, whose patterns fit its names too.
    "edge_access",
    "nginx",
    "nginx_errors",
    "edge",
    "probes",
    "app_log",
    "host_metrics",
    "nginx_config",
    "edge_settings",
    "app_process",
    "compose",
    "app_source",
    "cloudwatch_metrics",
    "cloudwatch_logs",
    "sqs",
    "lambda_functions",
    "alarms",
    "cloudtrail",
)


@cache
def sources() -> tuple[Source, ...]:
    """Return all sources."""
    found: list[Source] = []
    for name in MODULES:
        found.extend(import_module(f"watchme_analysis.sources.{name}").SOURCES)
    return tuple(found)

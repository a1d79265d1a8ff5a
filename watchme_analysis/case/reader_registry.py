"""Readers of evidence files, in the order in which the importer tries them."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from watchme_analysis.access_logs.server_log import SERVER_LOG
from watchme_analysis.evidence.app_log import UNKNOWN_TEXT
from watchme_analysis.files.evidence_file import Source

# Modules that declare SOURCES; add a new reader here.
MODULES = (
    # Before access_log, because the patterns of access_log match these file names too.
    "access_logs.edge_access_log",
    "access_logs.access_log",
    "access_logs.error_log",
    "evidence.edge",
    "evidence.probes",
    "evidence.app_log",
    "evidence.host_metrics",
    # Before nginx_conf, because a pool of PHP-FPM may lie in a folder conf.d as well.
    "app_source.worker_settings",
    "nginx_conf.parse",
    "evidence.edge_settings",
    "app_source.start_command",
    "evidence.compose",
    "evidence.kubernetes",
    "evidence.docker_engine",
    "evidence.ecs",
    "app_source.reader",
    "aws_shapes.metric_points",
    "aws_shapes.metric_statistics",
    "aws_shapes.insights_results",
    "aws_shapes.log_events",
    "aws_shapes.sqs",
    "aws_shapes.lambda_functions",
    "aws_shapes.alarms",
    "aws_shapes.cloudtrail",
    "aws_shapes.xray",
    "evidence.flow_logs",
)


@cache
def sources() -> tuple[Source, ...]:
    """Return all readers in the order of :data:`MODULES`."""
    found: list[Source] = []
    for name in MODULES:
        found.extend(import_module(f"watchme_analysis.{name}").SOURCES)
    return (*found, UNKNOWN_TEXT, SERVER_LOG)


@cache
def aws_tables() -> frozenset[str]:
    """Return the names of the tables that AWS responses fill, which ``watchme case pull`` collects."""
    modules = [
        import_module(f"watchme_analysis.{name}") for name in MODULES if name.startswith("aws_shapes.")
    ]
    return frozenset(table for module in modules for source in module.SOURCES for table in source.tables)

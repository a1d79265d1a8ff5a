"""Tables of the configuration: locations of the paths, handlers in the source, processes and containers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from watchme_analysis.present.display import TableView
from watchme_analysis.text.formats import format_number
from watchme_analysis.text.message import Duration, Message, Number, message, sentences
from watchme_analysis.text.render import label, render

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.evidence.compose import ComposeService, HealthCheck

_MB = 2**20
_HANDLER_COLUMNS = ("route", "function", "written_as", "runs_on", "in_answer", "in_background")


def settings_table(frame: pd.DataFrame, paths: Sequence[str], language: str = "en") -> TableView:
    """Return the settings in force for each path, with differences marked."""
    rows = tuple(
        (
            label(f"on-{row['layer']}", language),
            str(row["setting"]),
            *("–" if row[path] is None or row[path] != row[path] else str(row[path]) for path in paths),
            "≠" if row["differs"] else "",
        )
        for _, row in frame.iterrows()
    )
    known = dict.fromkeys(frame["line"]) if len(frame) else ()
    lines = "; ".join(known)
    note = label("settings-note", language, lines=lines) if rows else label("settings-none", language)
    heads = (label("column-layer", language), label("column-setting", language), *paths, "")
    return TableView(label("settings-caption", language), heads, rows, note)


# More handlers than these are not shown one and all.
_SHOWN_HANDLERS = 30


def code_table(frame: pd.DataFrame, called: Collection[str] = (), language: str = "en") -> TableView:
    """Return where each handler runs and which calls may block in it.

    Of many handlers those of paths that callers used (``called``) are shown.
    """
    whole = len(frame)
    if whole > _SHOWN_HANDLERS:
        paths = frame["route"].str.partition(" ")[2]
        frame = frame[paths.isin(called)] if paths.isin(called).any() else frame
        frame = frame[:_SHOWN_HANDLERS]
    rows = tuple(tuple(str(row[name]) or "–" for name in _HANDLER_COLUMNS) for _, row in frame.iterrows())
    said = [message("handlers-note" if rows else "handlers-none")]
    if len(frame) < whole:
        said.append(message("handlers-more", handlers=whole - len(frame)))
    heads = tuple(label(f"column-{name.replace('_', '-')}", language) for name in _HANDLER_COLUMNS)
    note = render(sentences(*said), language)
    return TableView(label("handlers-caption", language), heads, rows, note)


def processes_table(
    processes: pd.DataFrame,
    services: Sequence[ComposeService],
    memory_mb: dict[str, float],
    language: str = "en",
) -> TableView:
    """Return the start command of each process, its container's limits, and its health check.

    ``memory_mb`` is the most memory that was measured, by service; it is shown beside the limit.
    """
    rows = [row for process in processes.itertuples() for row in _process_rows(process, language)]
    for service in services:
        rows += _service_rows(service, memory_mb, language)
    note = label("processes-note" if rows else "processes-none", language)
    heads = tuple(label(f"column-{name}", language) for name in ("service", "setting", "value", "source"))
    return TableView(label("processes-caption", language), heads, tuple(rows), note)


def _process_rows(process: Any, language: str) -> list[tuple[str, str, str, str]]:
    name = str(process.service) if isinstance(process.service, str) else "–"
    where = f"{process.file}:{process.line}"
    values = (
        ("application", process.app, "–"),
        ("address", _address(process.host, process.port), "–"),
        ("workers", process.workers, "1"),
        ("connections", process.limit_concurrency, label("setting-no-limit", language)),
        ("listen-backlog", process.backlog, "2048"),
        ("keep-alive", process.timeout_keep_alive_s, "5"),
        ("open-files", process.open_files_limit, label("setting-of-shell", language)),
    )
    return [
        (name, label(f"setting-{what}", language), _setting_text(value, own, language), where)
        for what, value, own in values
    ]


def _address(host: Any, port: Any) -> str:
    import pandas as pd

    return f"{host if isinstance(host, str) else '127.0.0.1'}:{8000 if pd.isna(port) else int(port)}"


def _setting_text(value: Any, own: str, language: str) -> str:
    import pandas as pd

    if isinstance(value, str):
        return value
    if value is None or pd.isna(value):
        return label("setting-unset", language, default=own)
    return format_number(float(value))


# Settings of compose files that a row of the table shows, for the name of the file that sets them.
_SETTINGS = {
    "command": ("command",),
    "network": ("network_mode", "networks"),
    "ports": ("ports",),
    "cpus": ("cpus", "deploy.resources.limits.cpus"),
    "memory": ("mem_limit", "deploy.resources.limits.memory"),
    "processes": ("pids_limit", "deploy.resources.limits.pids"),
    "open-files": ("ulimits.nofile",),
    "restart": ("restart",),
    "health-check": ("healthcheck.test", "healthcheck"),
    "check-interval": ("healthcheck.interval", "healthcheck.timeout", "healthcheck.retries"),
}


def _service_rows(
    service: ComposeService, memory_mb: dict[str, float], language: str
) -> list[tuple[str, str, str, str]]:
    used, unlimited = memory_mb.get(service.name), label("setting-no-limit", language)
    memory = unlimited if service.memory_bytes is None else f"{format_number(service.memory_bytes / _MB)} MB"
    if used is not None:
        memory = label("setting-memory-measured", language, limit=memory, used=Number(used))
    of_docker = label("setting-of-docker", language)
    values = [
        ("network", service.network_mode or ", ".join(service.networks)),
        (
            "ports",
            ", ".join(_port(*port, language) for port in service.ports) or label("list-empty", language),
        ),
        ("cpus", unlimited if service.cpus is None else format_number(service.cpus)),
        ("memory", memory),
        ("processes", unlimited if service.processes is None else format_number(service.processes)),
        ("open-files", of_docker if service.open_files is None else format_number(service.open_files)),
        ("restart", service.restart),
        *_health_rows(service, language),
    ]
    if service.command:
        values.insert(0, ("command", service.command))
    return [
        (service.name, label(f"setting-{what}", language), value, service.file_of(*_SETTINGS.get(what, ())))
        for what, value in values
    ]


def _port(address: str, host: str, inner: str, language: str) -> str:
    return f"{address}:{host or label('setting-any-port', language)} → {inner}"


def _health_rows(service: ComposeService, language: str) -> list[tuple[str, str]]:
    check = service.health
    if check is None:
        absent = "disabled" if service.health_disabled else "none"
        return [("health-check", label(f"setting-health-check-{absent}", language))]
    interval = {
        "interval": Duration(check.interval_s), "timeout": Duration(check.timeout_s), "retries": check.retries
    }  # fmt: skip
    rows = [
        ("health-check", check.test or label("setting-health-check-of-image", language)),
        ("check-interval", label("setting-check-interval-value", language, **interval)),
        ("unhealthy-after", render(unhealthy_after(check), language)),
    ]
    if check.start_period_s:
        period = Duration(check.start_period_s)
        rows.append(("start-period", label("setting-start-period-value", language, period=period)))
    return rows


def unhealthy_after(check: HealthCheck) -> Message:
    """Return the time after which a container with a fault counts as unhealthy."""
    return message(
        "setting-unhealthy-after-value", soonest=Duration(check.soonest_s), latest=Duration(check.latest_s)
    )

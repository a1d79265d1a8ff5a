"""Tables of the configuration: locations of the paths, handlers in the source, processes and containers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from watchme_analysis.present.display import TableView
from watchme_analysis.text.formats import format_duration, format_number

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.evidence.compose import ComposeService, HealthCheck

_LAYERS = {"edge": "edge", "nginx": "Nginx"}
_MB = 2**20
_HANDLER_HEADS = {
    "route": "route",
    "function": "function",
    "written_as": "written as",
    "runs_on": "runs on",
    "in_answer": "can block before the answer",
    "in_background": "left to the background",
}


def settings_table(frame: pd.DataFrame, paths: Sequence[str]) -> TableView:
    """Return the settings in force for each path, with differences marked.

    Parameters
    ----------
    frame
        Frame of :func:`watchme_analysis.health.configuration.settings_by_path`.
    paths
        Paths, a column each.
    """
    rows = tuple(
        (
            _LAYERS[row["layer"]],
            str(row["setting"]),
            *("–" if row[path] is None or row[path] != row[path] else str(row[path]) for path in paths),
            "≠" if row["differs"] else "",
        )
        for _, row in frame.iterrows()
    )
    known = dict.fromkeys(frame["line"]) if len(frame) else ()
    note = (
        f"≠: not the same for all of these paths. The locations stand in {'; '.join(known)}."
        if rows
        else "No rows: neither Nginx's nor the edge's configuration is part of the case."
    )
    return TableView("What is in force for each path", ("layer", "setting", *paths, ""), rows, note)


# More handlers than these are not shown one and all.
_SHOWN_HANDLERS = 30


def code_table(frame: pd.DataFrame, asked: Collection[str] = ()) -> TableView:
    """Return where each handler runs and which calls may block in it.

    Parameters
    ----------
    frame
        Frame of :func:`watchme_analysis.health.configuration.handlers_table`.
    asked
        Paths of the handlers that callers asked: of many handlers these are shown.
    """
    whole = len(frame)
    if whole > _SHOWN_HANDLERS:
        paths = frame["route"].str.partition(" ")[2]
        frame = frame[paths.isin(asked)] if paths.isin(asked).any() else frame
        frame = frame[:_SHOWN_HANDLERS]
    rows = tuple(tuple(str(row[name]) or "–" for name in _HANDLER_HEADS) for _, row in frame.iterrows())
    note = (
        "Read from the source, not run. A `def` handler waits for one of the pool's threads (40 unless set "
        "otherwise); what blocks on the event loop stops every handler of the process."
        if rows
        else "No rows: no application source is part of the case."
    )
    if len(frame) < whole:
        note += f" {whole - len(frame)} more handlers, not asked by callers or too many: app_handlers."
    return TableView("Handlers in the source", tuple(_HANDLER_HEADS.values()), rows, note)


def processes_table(
    processes: pd.DataFrame, services: Sequence[ComposeService], memory_mb: dict[str, float]
) -> TableView:
    """Return the start command of each process, its container's limits, and its health check.

    Parameters
    ----------
    processes
        Table ``app_processes``.
    services
        Services of the compose files.
    memory_mb
        Most memory that was measured, by service; shown beside the limit.
    """
    rows = [row for process in processes.itertuples() for row in _process_rows(process)]
    for service in services:
        rows += _service_rows(service, memory_mb)
    note = (
        "Unset means the program's own. How long until a container counts as unhealthy runs from the fault: "
        "the sooner when each check fails at once, the later when each hangs for its whole time limit."
        if rows
        else "No rows: neither a start command nor a compose file is part of the case."
    )
    return TableView("Processes and containers", ("service", "setting", "value", "from"), tuple(rows), note)


def _process_rows(process: Any) -> list[tuple[str, str, str, str]]:
    name = str(process.service) if isinstance(process.service, str) else "–"
    where = f"{process.file}:{process.line}"
    values = (
        ("application", process.app, "–"),
        ("listens on", _address(process.host, process.port), "–"),
        ("workers", process.workers, "1"),
        ("connections at once", process.limit_concurrency, "no limit"),
        ("listen backlog", process.backlog, "2048"),
        ("keep-alive (s)", process.timeout_keep_alive_s, "5"),
        ("open files", process.open_files_limit, "the shell's"),
    )
    return [(name, what, _said(value, own), where) for what, value, own in values]


def _address(host: Any, port: Any) -> str:
    import pandas as pd

    return f"{host if isinstance(host, str) else '127.0.0.1'}:{8000 if pd.isna(port) else int(port)}"


def _said(value: Any, own: str) -> str:
    import pandas as pd

    if isinstance(value, str):
        return value
    return f"unset ({own})" if value is None or pd.isna(value) else format_number(float(value))


# Settings of compose files that a row of the table shows, for the name of the file that sets them.
_SETTINGS = {
    "command": ("command",),
    "network": ("network_mode", "networks"),
    "published ports": ("ports",),
    "CPUs": ("cpus", "deploy.resources.limits.cpus"),
    "memory": ("mem_limit", "deploy.resources.limits.memory"),
    "processes": ("pids_limit", "deploy.resources.limits.pids"),
    "open files": ("ulimits.nofile",),
    "restart": ("restart",),
    "health check": ("healthcheck.test", "healthcheck"),
    "each": ("healthcheck.interval", "healthcheck.timeout", "healthcheck.retries"),
}


def _service_rows(service: ComposeService, memory_mb: dict[str, float]) -> list[tuple[str, str, str, str]]:
    used = memory_mb.get(service.name)
    memory = "no limit" if service.memory_bytes is None else f"{format_number(service.memory_bytes / _MB)} MB"
    values = [
        ("network", service.network_mode or ", ".join(service.networks)),
        ("published ports", ", ".join(_port(*port) for port in service.ports) or "none"),
        ("CPUs", "no limit" if service.cpus is None else format_number(service.cpus)),
        ("memory", memory + (f" (at most {format_number(used)} MB measured)" if used is not None else "")),
        ("processes", "no limit" if service.processes is None else format_number(service.processes)),
        ("open files", "Docker's own" if service.open_files is None else format_number(service.open_files)),
        ("restart", service.restart),
        *_health_rows(service),
    ]
    if service.command:
        values.insert(0, ("command", service.command))
    return [(service.name, what, value, service.file_of(*_SETTINGS.get(what, ()))) for what, value in values]


def _port(address: str, host: str, inner: str) -> str:
    return f"{address}:{host or 'any'} → {inner}"


def _health_rows(service: ComposeService) -> list[tuple[str, str]]:
    check = service.health
    if check is None:
        return [
            ("health check", "disabled" if service.health_disabled else "none here (the image may have one)")
        ]
    rows = [
        ("health check", check.test or "the image's"),
        (
            "each",
            f"{format_duration(check.interval_s)}, at most {format_duration(check.timeout_s)}, "
            f"{check.retries} in a row",
        ),
        ("unhealthy after", unhealthy_after(check)),
    ]
    if check.start_period_s:
        rows.append(("start period", f"{format_duration(check.start_period_s)}: failures in it do not count"))
    return rows


def unhealthy_after(check: HealthCheck) -> str:
    """Return the time after which a container with a fault counts as unhealthy."""
    return f"{format_duration(check.soonest_s)} to {format_duration(check.latest_s)} of failures"

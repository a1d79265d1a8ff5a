"""The source that runs: the application files that serve an address, by start commands and compose files.

A repository often holds several applications with the same routes. The start command of a process, or the
image and the ports of a container, tell which one answers. Only its source is evidence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from posixpath import basename, commonpath, dirname
from typing import TYPE_CHECKING

from watchme_analysis.app_source.start_command import parse_command
from watchme_analysis.evidence.compose import ComposeService

if TYPE_CHECKING:
    import pandas as pd

# Addresses of the host itself, at which Docker publishes ports of containers.
LOOPBACK = ("127.0.0.1", "localhost", "::1", "0.0.0.0")


def running_applications(
    addresses: Iterable[str],
    processes: pd.DataFrame,
    services: Sequence[ComposeService],
    known: Collection[str],
) -> frozenset[str]:
    """Return the files of the applications that serve an address; empty if the evidence does not tell.

    In this order: the start command of a process with this address (given under all its names), the container
    that publishes the port or has the name, and the only start command with this port. ``known`` are the
    files of all applications of the case.
    """
    located = processes.dropna(subset=["application_file"])
    for address in addresses:
        host, _, port = address.rpartition(":")
        named = located["addr"].isin([host, address])
        by_port = located["port"].astype("string").fillna("8000").eq(port)
        mine = located[named & by_port] if (named & by_port).any() else located[named]
        files = set(mine["application_file"])
        for service in services:
            inner = _container_port(service, host, port)
            if not files and inner is not None:
                files = _of_container(service, inner, located, known)
        if not files:
            # Commands of other hosts' addresses say nothing about this one.
            files = set(located.loc[by_port & located["addr"].isna(), "application_file"])
            files = files if len(files) == 1 else set()
        if files:
            return frozenset(map(str, files))
    return frozenset()


def _container_port(service: ComposeService, host: str, port: str) -> str | None:
    """Return the port inside of a container at which an address ends; None for other containers."""
    if host in LOOPBACK:
        return next((inner for _, outer, inner in service.ports if outer == port), None)
    return port if host == service.name else None


def _of_container(
    service: ComposeService, inner: str, located: pd.DataFrame, known: Collection[str]
) -> set[str]:
    """Return the application files of a container: by its own command, its build, or the image beside it."""
    built = located[located["file"] == service.dockerfile] if service.dockerfile else located[:0]
    if service.started:
        try:
            command = parse_command(
                service.started, service.environment, lambda script, _: {"app": script} if script else None
            )
        except ValueError:
            command = None
        app = str((command or {}).get("app") or "")
        same = built.loc[built["app"] == app, "application_file"]
        if app and same.empty:
            return _by_module(app, service, known)
        return set(same) if app else set()
    if service.dockerfile:
        return set(built["application_file"])
    # A published image: the Dockerfile beside the compose file whose server listens on the container's port.
    folder = dirname(service.file)
    beside = located["file"].map(lambda name: dirname(name) == folder and "ockerfile" in basename(name))
    port = located["port"].astype("string").fillna("8000").eq(inner)
    files = set(located.loc[beside.astype(bool) & port, "application_file"])
    return files if len(files) == 1 else set()


def _by_module(app: str, service: ComposeService, known: Collection[str]) -> set[str]:
    """Return the only application file in a container's folder that has the path of a module."""
    module = app.partition(":")[0]
    path = module if module.endswith(".py") else module.replace(".", "/") + ".py"
    folder = service.build_context or dirname(service.file)
    fitting = {
        name
        for name in known
        if (name == path or name.endswith(f"/{path}")) and (not folder or name.startswith(f"{folder}/"))
    }
    return fitting if len(fitting) == 1 else set()


def of_applications(table: pd.DataFrame, files: Collection[str]) -> pd.DataFrame:
    """Return the rows of ``app_handlers`` or ``app_calls`` that belong to the applications of some files.

    Rows without an application (limits, unreached calls, routers mounted at run time) belong to the
    application whose folder is nearest.
    """
    all_files = sorted({*files, *table["application_file"].dropna()})

    def nearest(name: str) -> bool:
        if name in all_files:
            return name in files
        depth = {at: _common_depth(name, at) for at in all_files}
        return any(depth[at] == max(depth.values()) for at in files)

    own = table["application_file"].isin(list(files))
    free = table["application_file"].isna() & table["file"].notna()
    beside = {name: nearest(name) for name in table.loc[free, "file"].unique()}
    return table[own | (free & table["file"].map(beside).eq(True))]


def _common_depth(name: str, other: str) -> int:
    folders = dirname(name), dirname(other)
    shared = commonpath(folders) if all(folders) else ""
    return len(shared.split("/")) if shared else 0

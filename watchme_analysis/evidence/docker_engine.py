"""Docker: ``docker events`` (text or ``--format '{{json .}}'``), ``docker inspect`` and ``docker ps``.

Fields and actions follow https://docs.docker.com/reference/cli/docker/system/events/ and
https://docs.docker.com/reference/api/engine/ (ContainerInspect), states those of
https://docs.docker.com/reference/cli/docker/container/ls/. A container that the kernel killed for its
memory has the event ``oom`` before ``die``, and ``OOMKilled`` in its state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from watchme_analysis.aws_shapes.responses import (
    boolean,
    child,
    documents,
    integer,
    number,
    utc_time,
)
from watchme_analysis.evidence.container_rows import (
    KINDS,
    ContainerRows,
    cells_of,
    header_of,
    within_year_one,
)
from watchme_analysis.files.evidence_file import RawFile, TablePart
from watchme_analysis.files.json_values import read_json
from watchme_analysis.files.line_accounting import TextAccounting
from watchme_analysis.files.lines import decoded
from watchme_analysis.text.render import note
from watchme_analysis.values import microseconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (?P<type>[a-z]+) "
    r"(?P<action>[a-z_]+(?:: [^(]*)?) ?(?P<id>[\w.:/-]+)? ?(?:\((?P<attributes>.*)\))?$"
)
_ATTRIBUTE = re.compile(r"(?:^|, )(?P<name>[\w./-]+)=(?P<value>(?:(?!, [\w./-]+=).)*)")
_LIST_HEADER = re.compile(r"^(?:CONTAINER ID|NAMES?) +.*\bCOMMAND\b.* STATUS +PORTS", re.M)
_STATUS = re.compile(r"(?P<state>Restarting|Exited|Dead|Up)(?: \((?P<code>\d+)\))?")
_STATES = {"Restarting": "crash_loop", "Exited": "stopped", "Dead": "stopped"}
# Names by which Compose and Swarm label the service of a container.
_SERVICE_LABELS = ("com.docker.compose.service", "com.docker.swarm.service.name")
_NANOSECONDS = 1e9
# Lines that show what a file holds: most of them are events.
_SHOWING = 20


def is_events(raw: RawFile) -> bool:
    """Return True when most of the first lines are events."""
    lines = [line for line in raw.head().decode("utf-8", errors="replace").splitlines() if line.strip()]
    fitting = sum(map(_is_event, lines[:_SHOWING]))
    return 2 * fitting > len(lines[:_SHOWING])


def _is_event(line: str) -> bool:
    if line.startswith("{"):
        return '"Actor"' in line and '"Action"' in line
    found = _LINE.match(line)
    return found is not None and found["attributes"] is not None


def read_events(raw: RawFile) -> Iterable[TablePart]:
    """Return the parts of a file of ``docker events``, a row for each event."""
    rows = ContainerRows(raw, "docker")
    account = TextAccounting(raw, "docker_events", "container_events")
    for at, line in account.lines_of(raw.content.data):
        text = decoded(line).strip()
        if not text:
            account.blank_lines += 1
            continue
        event = _json_event(text) if text.startswith("{") else _text_event(text, raw)
        if event is None:
            account.reject(at, note("reject-no-event"), line)
        else:
            _add_event(rows, at, *event)
    return rows.parts_of_lines(account)


def _text_event(text: str, raw: RawFile) -> tuple[datetime, str, str, dict[str, str]] | None:
    found = _LINE.match(text)
    moment = microseconds(found["time"], raw.zone) if found else None
    if found is None or moment is None:
        return None
    given = {one["name"]: one["value"] for one in _ATTRIBUTE.finditer(found["attributes"] or "")}
    given.setdefault("name", found["id"] or "")
    # A status and a command stand before the id of the container, with nothing between.
    action = re.sub(r"^(health_status: \w+) .*", r"\1", found["action"].strip())
    return _EPOCH + timedelta(microseconds=moment), found["type"], action, given


def _json_event(text: str) -> tuple[datetime, str, str, dict[str, str]] | None:
    try:
        event = read_json(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    stamp = integer(event.get("timeNano")) or integer(event.get("time"))
    moment = microseconds(stamp) if stamp else None
    if moment is None or not event.get("Action"):
        return None
    given = {str(name): str(value) for name, value in child(event.get("Actor"), "Attributes").items()}
    given.setdefault("name", str(child(event, "Actor").get("ID") or event.get("id") or ""))
    return _EPOCH + timedelta(microseconds=moment), str(event.get("Type")), str(event["Action"]), given


def _add_event(
    rows: ContainerRows, line: int, time: datetime, kind: str, action: str, given: Mapping[str, str]
) -> None:
    name = given.get("name", "")
    said = ", ".join(f"{key}={given[key]}" for key in ("signal", "exitCode") if key in given)
    rows.event(
        KINDS["docker"].get(action, "other") if kind == "container" else "other",
        f"{kind} {action}" + (f" ({said})" if said else ""),
        line=line,
        time=time,
        object=name,
        service=_service(given, name),
        probe="container" if action.startswith("health_status") else None,
        exit_code=integer(given.get("exitCode")),
        count=1,
    )


def _service(labels: Mapping[str, Any], name: str) -> str:
    """Return the service of a container by its labels, else by its name as Compose makes it."""
    stated = next((labels[label] for label in _SERVICE_LABELS if labels.get(label)), None)
    made = re.fullmatch(r"(?:[\w.]+[-_])?(?P<service>[\w.]+(?:-[\w.]+)*)[-_]\d+", name)
    return str(stated) if stated else made["service"] if made else name


def read_inspect(raw: RawFile) -> Iterable[TablePart]:
    """Return the parts of ``docker inspect``: states, health checks and limits of containers.

    Of the part that ``--format`` prints of a container, those of ``State`` or ``State.Health`` are read.
    """
    values, damage = documents(raw)
    rows = ContainerRows(raw, "docker")
    rows.each(
        (one for value in values for one in (value if isinstance(value, list) else [value])), _add_container
    )
    return rows.parts("docker_inspect", damage)


def _add_container(rows: ContainerRows, item: dict[str, Any]) -> None:
    if "FailingStreak" in item:
        item = {"State": {"Health": item}}
    elif "State" not in item and ("Health" in item or "OOMKilled" in item):
        item = {"State": item}
    state, host, config = item["State"], child(item, "HostConfig"), child(item, "Config")
    # A part of the output names no container, and its file is usually named like it.
    name = str(item.get("Name") or item.get("Id") or Path(rows.raw.name).stem).removeprefix("/")
    networks = child(child(item, "NetworkSettings"), "Networks").values()
    addresses = [one["IPAddress"] for one in networks if isinstance(one, dict) and one.get("IPAddress")]
    whose = {
        "object": name,
        "service": _service(child(config, "Labels"), name),
        "address": next(iter(addresses), None),
    }
    started, ended = (within_year_one(utc_time(_micro(state.get(at)))) for at in ("StartedAt", "FinishedAt"))
    if ended is not None:
        code = integer(state.get("ExitCode"))
        kind = "killed_for_memory" if boolean(state.get("OOMKilled")) else "stopped"
        said = f"Exited ({code}) {state.get('Error') or ''}" + (" OOMKilled" if kind != "stopped" else "")
        rows.event(kind, said, time=ended, exit_code=code, count=1, **whose)
    if started is not None:
        rows.event("started", str(state.get("Status") or ""), time=started, count=1, **whose)
    if boolean(state.get("Restarting")):
        rows.event("crash_loop", "Restarting", count=1, **whose)
    if restarts := integer(item.get("RestartCount")):
        rows.event("restarted", f"RestartCount: {restarts}", count=restarts, **whose)
    health = child(state, "Health")
    for entry in health.get("Log") or ():
        if isinstance(entry, dict) and integer(entry.get("ExitCode")) not in (0, None):
            said, moment = str(entry.get("Output") or ""), utc_time(_micro(entry.get("Start")))
            rows.failed_probe(said, time=moment, probe="container", count=1, **whose)
    if health.get("Status") in ("healthy", "unhealthy"):
        rows.event(
            health["Status"], f"FailingStreak: {health.get('FailingStreak')}", probe="container", **whose
        )
    check = child(config, "Healthcheck")
    if check.get("Test") not in (None, [], ["NONE"]):
        rows.setting(
            **whose,
            probe="container",
            path=_path(check["Test"]),
            # Defaults of HEALTHCHECK: https://docs.docker.com/reference/dockerfile/#healthcheck
            period_s=_seconds(check.get("Interval")) or 30.0,
            timeout_s=_seconds(check.get("Timeout")) or 30.0,
            failure_threshold=integer(check.get("Retries")) or 3,
            start_delay_s=_seconds(check.get("StartPeriod")) or 0.0,
        )
    nano = number(host.get("NanoCpus"))
    cpus = nano / _NANOSECONDS if nano else None
    rows.setting(**whose, memory_bytes=integer(host.get("Memory")) or None, cpus=cpus)


def is_list(raw: RawFile) -> bool:
    """Return True for the table of ``docker ps`` or ``docker compose ps``."""
    return _LIST_HEADER.search(raw.head().decode("utf-8", errors="replace")) is not None


def read_list(raw: RawFile) -> Iterable[TablePart]:
    """Return the parts of ``docker ps`` or ``docker compose ps``: the state of each container."""
    rows = ContainerRows(raw, "docker")
    account = TextAccounting(raw, "docker_ps", "container_events")
    header: list[re.Match[str]] = []
    for at, line in account.lines_of(raw.content.data):
        text = decoded(line).rstrip()
        if not text:
            account.blank_lines += 1
        elif _LIST_HEADER.match(text):
            header = header_of(text)
            account.filtered += 1
        elif (cells := cells_of(text, header) if header else None) is None:
            account.reject(at, note("reject-no-event"), line)
        else:
            name = cells.get("NAMES") or cells.get("NAME") or ""
            service = cells.get("SERVICE") or _service({}, name)
            rows.ages += 1
            _add_state(rows, cells["STATUS"], line=at, object=name, service=service, count=1)
    return rows.parts_of_lines(account)


def _add_state(rows: ContainerRows, status: str, **values: Any) -> None:
    """Add what the status of a container states, such as ``Restarting (3) 38 seconds ago``."""
    found = _STATUS.match(status)
    state, code = (found["state"], integer(found["code"])) if found else ("", None)
    health = re.search(r"\((un)?healthy\)", status)
    if health:
        rows.event(health[0].strip("()"), status, probe="container", **values)
    else:
        rows.event(_STATES.get(state, "other"), status, exit_code=code, **values)


def _path(test: Any) -> str | None:
    found = re.search(r"https?://[^/\s\"']+(?P<path>/[^\s\"'?]*)", " ".join(map(str, test)))
    return found["path"] if found else None


def _seconds(nanoseconds: Any) -> float | None:
    found = number(nanoseconds)
    return None if found is None else found / _NANOSECONDS


def _micro(value: Any) -> str:
    """Return a time of nine digits with six."""
    return re.sub(r"(\.\d{6})\d+", r"\1", str(value))

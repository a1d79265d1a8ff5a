"""Kubernetes: ``kubectl get events``, ``get pods``, ``describe pod``, and ``get -o json``.

Fields follow https://kubernetes.io/docs/reference/kubernetes-api/ (Event v1, Pod v1), reasons of events the
kubelet's ``pkg/kubelet/events/event.go``, and defaults of probes
https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/.

Tables state ages (``2m15s``) instead of times. They become times only if the moment is known at which kubectl
ran: a line before the table (as ``date`` prints it), or ``collected_at`` of ``case.toml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from watchme_analysis.aws_shapes.responses import child, documents, integer, number, utc_time
from watchme_analysis.evidence.container_rows import (
    KINDS,
    ContainerRows,
    cells_of,
    header_of,
    within_year_one,
)
from watchme_analysis.files.evidence_file import RawFile, TablePart
from watchme_analysis.files.line_accounting import TextAccounting
from watchme_analysis.files.lines import decoded
from watchme_analysis.text.render import note

_REASONS = KINDS["kubernetes"]
_IMAGE = re.compile(r"pull(?:ing)? image|ImagePull|ErrImage", re.I)
_PROBE = re.compile(r"(?P<probe>liveness|readiness|startup) probe", re.I)
_PROBES = ("liveness", "readiness", "startup")
# Names that controllers give: suffixes of rand.SafeEncodeString, after a hash for those of a Deployment.
_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"
_POD_NAME = re.compile(rf"(?P<workload>.+?)(?:-{_SAFE}{{6,10}}-{_SAFE}{{5}}|-{_SAFE}{{5}}|-\d+)")
_AGE = re.compile(r"(?=\d)(?:\d{1,2}y)?(?:\d{1,5}d)?(?:\d{1,6}h)?(?:\d{1,6}m)?(?:\d{1,6}s)?")
_COUNTED = re.compile(r"(?P<last>\S+)(?: \(x(?P<count>\d+) over (?P<first>\S+)\))?")
_UNITS_S = {"y": 365 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}
_UNITS = {
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "m": 1e-3,
    "": 1.0,
}  # fmt: skip
_EVENTS_HEADER = re.compile(r"^(?:NAMESPACE +)?LAST SEEN +.*REASON .*MESSAGE", re.M)
_PODS_HEADER = re.compile(r"^(?:NAMESPACE +)?NAME +READY +STATUS +RESTARTS +AGE", re.M)
# Lines that a described pod has.
_DESCRIBED = (re.compile(r"^Name: +\S", re.M), re.compile(r"^(?:Containers|Events):", re.M))
_PROBE_SETTING = re.compile(
    r"(?P<action>http-get (?:https?://)?\S*?:(?P<port>\w+)(?P<path>/\S*)?|\S+.*?) delay=(?P<delay>\S+) "
    r"timeout=(?P<timeout>\S+) period=(?P<period>\S+) #success=\d+ #failure=(?P<failure>\d+)"
)
# As `date` prints the time of a zone that everybody knows.
_DATE = re.compile(r"\w{3} (?P<month>\w{3}) +(?P<day>\d+) (?P<time>[\d:]{8}) (?:UTC|GMT) (?P<year>\d{4})")


def workload_of(pod: str) -> str:
    """Return the workload of a pod by the pod's name: that of its Deployment, StatefulSet or DaemonSet.

    Examples
    --------
    >>> workload_of("api-5d4f7c9b8-x2x7k")
    'api'
    """
    found = _POD_NAME.fullmatch(pod)
    return found["workload"] if found else pod


def _kind(reason: str, message: str) -> str:
    if reason == "Killing":
        # Without a probe, it was requested: a deployment, a deletion or a scale-down.
        return "stopped" if _PROBE.search(message) else "other"
    if reason in ("Failed", "BackOff") and _IMAGE.search(message):
        return "image_error"
    return _REASONS.get(reason, "other")


def _add_event(rows: ContainerRows, reason: str, message: str, **values: Any) -> None:
    """Add an event by its reason and message."""
    found = _PROBE.search(message)
    said = f"{reason}: {message}"
    if reason == "Unhealthy":
        rows.failed_probe(said, probe=found["probe"].lower() if found else None, **values)
    else:
        rows.event(_kind(reason, message), said, probe=found["probe"].lower() if found else None, **values)


# JSON


def read_json_objects(raw: RawFile) -> Iterable[TablePart]:
    """Return the parts of ``kubectl get -o json``: events, pods, and probes and limits of workloads."""
    values, damage = documents(raw)
    rows = ContainerRows(raw, "kubernetes")
    rows.each(_items(values), _add_object)
    return rows.parts("kubernetes", damage)


def _add_object(rows: ContainerRows, item: dict[str, Any]) -> None:
    if item["kind"] == "Event":
        _event_object(rows, item)
    elif item["kind"] == "Pod":
        _pod(rows, item)
    else:
        # A Deployment, or what else has a template of pods.
        spec, name = item["spec"]["template"]["spec"], item["metadata"]["name"]
        if (desired := integer(item["spec"].get("replicas"))) is not None:
            given = (one for each in spec.get("containers") or () for one in each.get("env") or ())
            rows.consumer(
                "deployment",
                ((one.get("name"), one.get("value")) for one in given),
                name=name,
                cluster=item["metadata"].get("namespace"),
                desired=desired,
                running=integer(child(item, "status").get("readyReplicas")) or 0,
            )
        _containers(rows, spec, {"service": name})


def _items(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _items(value)
        elif isinstance(value, dict) and isinstance(value.get("items"), list):
            kind = str(value.get("kind") or "").removesuffix("List")
            # Items of a typed list, such as PodList, need not repeat their kind.
            yield from ({"kind": kind, **item} if isinstance(item, dict) else item for item in value["items"])
        else:
            yield value


def _event_object(rows: ContainerRows, event: dict[str, Any]) -> None:
    about = child(event, "involvedObject") or child(event, "regarding")
    series = child(event, "series")
    last = (
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("deprecatedLastTimestamp")
        or event.get("eventTime")
        or child(event, "metadata").get("creationTimestamp")
    )
    counts = (series.get("count"), event.get("count"), event.get("deprecatedCount"))
    first = event.get("firstTimestamp") or event.get("deprecatedFirstTimestamp")
    _add_event(
        rows,
        str(event.get("reason") or ""),
        str(event.get("message") or event.get("note") or ""),
        time=within_year_one(utc_time(last)),
        first_time=within_year_one(utc_time(first)),
        count=next(filter(None, map(integer, counts)), None),
        **_whose(str(about.get("kind") or ""), str(about.get("name") or "")),
    )


def _whose(kind: str, name: str) -> dict[str, Any]:
    """Return object and workload of an event; nodes belong to no workload."""
    if kind.lower() == "replicaset":
        return {"object": name, "service": _owner_of(name)}
    of = {"pod": workload_of(name), "node": None}
    return {"object": name, "service": of.get(kind.lower(), name)}


def _owner_of(replica_set: str) -> str:
    """Return the Deployment of a ReplicaSet: its name without the hash that every pod's name repeats."""
    return workload_of(f"{replica_set}-2b2b2")


def _pod(rows: ContainerRows, pod: dict[str, Any]) -> None:
    meta, status = child(pod, "metadata"), child(pod, "status")
    name = str(meta["name"])
    owner: dict[str, Any] = next(iter(meta.get("ownerReferences") or ()), {})
    labels = child(meta, "labels")
    service = str(owner.get("name") or labels.get("app.kubernetes.io/name") or labels.get("app") or "")
    if owner.get("kind") == "ReplicaSet":
        service = service.removesuffix(f"-{labels.get('pod-template-hash')}")
    whose = {"object": name, "service": service or workload_of(name), "address": status.get("podIP")}
    for container in status.get("containerStatuses") or ():
        _container_status(rows, container, whose)
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready":
            kind = "healthy" if condition.get("status") == "True" else "unhealthy"
            said = f"Ready: {condition.get('status')} {condition.get('reason') or ''}"
            changed = utc_time(condition.get("lastTransitionTime"))
            rows.event(kind, said, time=changed, probe="readiness", **_line(condition), **whose)
    if status.get("reason") == "Evicted":
        rows.event("evicted", f"Evicted: {status.get('message') or ''}", count=1, **whose)
    _containers(rows, child(pod, "spec"), whose)


def _container_status(rows: ContainerRows, container: dict[str, Any], whose: Mapping[str, Any]) -> None:
    restarts = integer(container.get("restartCount"))
    for state in (child(container, "lastState"), child(container, "state")):
        if ended := child(state, "terminated"):
            reason, code = str(ended.get("reason") or ""), integer(ended.get("exitCode"))
            said = f"{container.get('name')}: {reason} (exit code {code}) {ended.get('message') or ''}"
            kind = "killed_for_memory" if reason == "OOMKilled" else "stopped"
            ended_at = utc_time(ended.get("finishedAt"))
            rows.event(kind, said, time=ended_at, exit_code=code, count=1, **_line(ended), **whose)
        if waiting := child(state, "waiting"):
            reason, said = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
            rows.event(_kind(reason, said), f"{reason}: {said}", count=1, **_line(waiting), **whose)
        if running := child(state, "running"):
            since = utc_time(running.get("startedAt"))
            rows.event("started", f"{container.get('name')}: running", time=since, **_line(running), **whose)
    if restarts:
        place = {"line": container["restart_line"]} if "restart_line" in container else {}
        rows.event("restarted", f"restartCount: {restarts}", count=restarts, **place, **whose)


def _line(state: Mapping[str, Any]) -> dict[str, Any]:
    return {"line": state["line"]} if "line" in state else {}


def _containers(rows: ContainerRows, spec: Mapping[str, Any], whose: Mapping[str, Any]) -> None:
    """Add the probes and limits of the containers of a pod's specification."""
    for container in spec.get("containers") or ():
        named = {**whose, "container": container.get("name")}
        ports = {one.get("name"): one.get("containerPort") for one in container.get("ports") or ()}
        for kind in _PROBES:
            probe = child(container, f"{kind}Probe")
            if probe:
                action = child(probe, "httpGet") or child(probe, "tcpSocket") or child(probe, "grpc")
                port = action.get("port")
                rows.setting(
                    **named,
                    probe=kind,
                    path=child(probe, "httpGet").get("path"),
                    port=None if port is None else str(ports.get(port, port)),
                    period_s=number(probe.get("periodSeconds")) or 10.0,
                    timeout_s=number(probe.get("timeoutSeconds")) or 1.0,
                    failure_threshold=integer(probe.get("failureThreshold")) or 3,
                    start_delay_s=number(probe.get("initialDelaySeconds")) or 0.0,
                )
        limits = child(child(container, "resources"), "limits")
        memory = _quantity(limits.get("memory"))
        rows.setting(
            **named,
            memory_bytes=None if memory is None else int(memory),
            cpus=_quantity(limits.get("cpu")),
        )


def _quantity(text: Any) -> float | None:
    """Return the number that a quantity such as ``256Mi`` or ``500m`` states; None for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]i|[kMGTm]?)", str(text))
    return float(found[1]) * _UNITS[found[2]] if found else None


# Tables


def _age_s(text: str) -> float | None:
    if not _AGE.fullmatch(text):
        return None
    return float(sum(int(size) * _UNITS_S[unit] for size, unit in re.findall(r"(\d+)([ydhms])", text)))


def _stated_moment(text: str, raw: RawFile) -> datetime | None:
    """Return the time that a line states and nothing else; None for other lines."""
    found = _DATE.fullmatch(text.strip())
    if found:
        plain = f"{found['day']} {found['month']} {found['year']} {found['time']} +0000"
        return parsedate_to_datetime(plain)
    return utc_time(text.strip(), raw.zone) if re.match(r"\d{4}-\d\d-\d\d", text) else None


class _Ages:
    """The times of ages, counted from the moment at which kubectl ran, as far as it is known."""

    def __init__(self, rows: ContainerRows) -> None:
        self.rows = rows
        self.now: datetime | None = rows.raw.settings.get("collected_at")

    def times(self, text: str, first: str = "") -> dict[str, Any]:
        """Return the columns that a cell such as ``2m15s (x3 over 10m)`` states."""
        found = _COUNTED.match(text)
        if found is None:
            return {}
        ages = {"time": _age_s(found["last"]), "first_time": _age_s(found["first"] or first)}
        count = int(found["count"]) if found["count"] else None
        if self.now is None:
            self.rows.ages += ages["time"] is not None
            return {"count": count}
        now = self.now
        times = {name: None if age is None else now - timedelta(seconds=age) for name, age in ages.items()}
        return {"count": count, **times}


def read_tables(raw: RawFile) -> Iterable[TablePart]:
    """Return the parts of the table of ``kubectl get events``, ``kubectl events`` or ``kubectl get pods``."""
    rows = ContainerRows(raw, "kubernetes")
    account = TextAccounting(raw, "kubernetes_table", "container_events")
    ages = _Ages(rows)
    header: list[re.Match[str]] = []
    for at, line in account.lines_of(raw.content.data):
        text = decoded(line).rstrip()
        moment = None if header else _stated_moment(text, raw)
        if not text:
            account.blank_lines += 1
        elif _EVENTS_HEADER.match(text) or _PODS_HEADER.match(text):
            header = header_of(text)
            account.filtered += 1
        elif moment is not None:
            ages.now = moment
            account.filtered += 1
        elif (cells := cells_of(text, header) if header else None) is None:
            account.reject(at, note("reject-no-event"), line)
        elif "MESSAGE" in cells:
            _event_line(rows, ages, at, cells)
        else:
            _pod_line(rows, ages, at, cells)
    return rows.parts_of_lines(account)


def _event_line(rows: ContainerRows, ages: _Ages, at: int, cells: Mapping[str, str]) -> None:
    kind, _, name = cells.get("OBJECT", "").partition("/")
    stated = ages.times(cells.get("LAST SEEN", ""), cells.get("FIRST SEEN", ""))
    count = integer(cells.get("COUNT")) or stated.pop("count", None)
    _add_event(
        rows, cells["REASON"], cells["MESSAGE"], line=at, count=count, **stated, **_whose(kind, name or kind)
    )


def _pod_line(rows: ContainerRows, ages: _Ages, at: int, cells: Mapping[str, str]) -> None:
    """Add the state of a pod: its last restart where the status tells nothing of its own."""
    status, name = cells["STATUS"].removeprefix("Init:"), cells["NAME"]
    restarts = re.match(r"(?P<count>\d+)(?: \((?P<age>\w+) ago\))?", cells["RESTARTS"])
    count = int(restarts["count"]) if restarts else 0
    kind = _REASONS.get(status) or ("stopped" if status == "Error" else "restarted" if count else "other")
    stated = ages.times((restarts["age"] if restarts else None) or "") if count else {}
    address = cells.get("IP")
    rows.event(
        kind,
        f"{cells['STATUS']}, {cells['READY']} ready, {cells['RESTARTS']} restarts",
        **{**stated, "count": count or 1},
        line=at,
        object=name,
        service=workload_of(name),
        address=address if address and address[:1].isdigit() else None,
    )


# Descriptions


def read_description(raw: RawFile) -> Iterable[TablePart]:
    """Return the parts of ``kubectl describe pod``, of one pod or of several."""
    rows = ContainerRows(raw, "kubernetes")
    account = TextAccounting(raw, "kubernetes_description", "container_events")
    ages = _Ages(rows)
    pods: list[dict[str, Any]] = []
    path: list[tuple[int, str]] = []
    header: list[re.Match[str]] = []
    for at, line in account.lines_of(raw.content.data):
        text = decoded(line).rstrip()
        indent = len(text) - len(text.lstrip())
        if not text:
            account.blank_lines += 1
            continue
        account.joined_lines += 1
        if not pods and (moment := _stated_moment(text, raw)) is not None:
            ages.now = moment
        elif text.startswith("Name:"):
            # Events are the last section of a pod.
            header = []
            pods.append({"name": text.partition(":")[2].strip(), "containers": {}, "events": []})
        elif re.match(r"\s+Type +Reason +Age", text):
            header = header_of(text)
        elif header and pods and (cells := cells_of(text, header)) is not None:
            if not cells["REASON"].startswith("---"):
                pods[-1]["events"].append((at, cells))
        elif header or not pods:
            account.joined_lines -= 1
            account.reject(at, note("reject-no-event"), line)
        else:
            _described(pods[-1], path, indent, at, text)
    for pod in pods:
        _pod(rows, _as_object(pod))
        for at, cells in pod["events"]:
            times = ages.times(cells["AGE"])
            _add_event(
                rows, cells["REASON"], cells["MESSAGE"], line=at, **times, **_whose("pod", pod["name"])
            )
    # A container's state stands in several lines, of which the first is its row.
    account.joined_lines -= len(rows.events)
    return rows.parts_of_lines(account)


def _described(pod: dict[str, Any], path: list[tuple[int, str]], indent: int, line: int, text: str) -> None:
    """Note what a line of a description states, by the keys that lead to it, whose indents ``path`` holds."""
    key, _, value = (part.strip() for part in text.partition(":"))
    while path and path[-1][0] >= indent:
        path.pop()
    path.append((indent, key))
    top, *below = (name for _, name in path)
    if len(path) == 1:
        if top in ("IP", "Controlled By"):
            pod[top] = value
        return
    if top != "Containers":
        return
    container = pod["containers"].setdefault(below[0], {})
    name = below[1] if len(below) > 1 else ""
    if name in ("State", "Last State"):
        state = container.setdefault(name, {"is": "", "line": line})
        if len(below) == 2:  # the state itself, whose fields are a level deeper
            state["is"] = value
        else:
            state[below[2]] = value
    elif name == "Restart Count":
        container["restartCount"], container["restart_line"] = value, line
    elif name == "Limits" and len(below) > 2:
        container.setdefault("limits", {})[below[2]] = value
    elif name.lower() in _PROBES:
        container[name.lower()] = value


def _as_object(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return a described pod as ``kubectl get pod -o json`` has it."""
    kind, _, owner = str(pod.get("Controlled By", "")).partition("/")
    if kind == "ReplicaSet":
        owner = _owner_of(owner)
    statuses, specs = [], []
    for name, one in pod["containers"].items():
        statuses.append(
            {
                "name": name,
                "state": _state(one.get("State", {})),
                "lastState": _state(one.get("Last State", {})),
                **{key: one[key] for key in ("restartCount", "restart_line") if key in one},
            }
        )
        probes = {f"{kind}Probe": _probe(one[kind]) for kind in _PROBES if kind in one}
        specs.append({"name": name, "resources": {"limits": one.get("limits", {})}, **probes})
    return {
        "metadata": {"name": pod["name"], "ownerReferences": [{"name": owner}] if owner else []},
        "status": {"podIP": pod.get("IP"), "containerStatuses": statuses},
        "spec": {"containers": specs},
    }


def _state(said: Mapping[str, Any]) -> dict[str, Any]:
    name = str(said.get("is", "")).lower()
    fields = {
        "reason": said.get("Reason"),
        "message": said.get("Message"),
        "exitCode": said.get("Exit Code"),
        "startedAt": _described_time(said.get("Started")),
        "finishedAt": _described_time(said.get("Finished")),
        "line": said.get("line"),
    }
    return {name: fields} if name in ("waiting", "running", "terminated") else {}


def _described_time(text: Any) -> datetime | None:
    try:
        return within_year_one(parsedate_to_datetime(str(text)).astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _probe(text: str) -> dict[str, Any]:
    found = _PROBE_SETTING.match(text)
    if found is None:
        return {}
    names = {"initialDelaySeconds": "delay", "timeoutSeconds": "timeout", "periodSeconds": "period"}
    asked = {"httpGet": {"path": found["path"], "port": found["port"]}} if found["port"] else {}
    times = {name: _age_s(found[group]) for name, group in names.items()}
    return {**asked, **times, "failureThreshold": found["failure"]}


def is_table(raw: RawFile) -> bool:
    """Return True for a table of events or pods."""
    return bool(_EVENTS_HEADER.search(_head(raw)) or _PODS_HEADER.search(_head(raw)))


def is_description(raw: RawFile) -> bool:
    """Return True for the description of a pod."""
    return all(line.search(_head(raw)) for line in _DESCRIBED)


def _head(raw: RawFile) -> str:
    return raw.head(1 << 16).decode("utf-8", errors="replace")

"""Consumers that are no Lambda function: ECS services, Auto Scaling groups, Deployments and other programs.

A consumer is a queue's if its environment names the queue, else if its name is like the queue's. A service
that sends to a queue names it as well: of several, the one with a name like the queue's, or of a worker, is
taken, and none if these are several. Where nothing describes a consumer, the only log of a program belongs to
the only queue that no function drains.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from watchme_analysis.text.shell_quoting import shell_option, shell_word

if TYPE_CHECKING:
    import pandas as pd

# Share of the words that two names have in common, from which on they are alike, by choice.
ALIKE = 0.5
# Words that the names of queues and consumers often have besides.
_USUAL = {"", "queue", "worker", "fifo", "consumer", "service"}
_WORKER = re.compile(r"worker|consumer", re.IGNORECASE)
# The last line of a Python traceback says most, and the last cause of an exception of Java.
_BEFORE_LAST = (
    r"(?s)^.*Traceback \(most recent call last\).*\n(?=[^\s].*$)"
    r"|^.*\n(?:Caused by: )?(?=(?:\w+\.)+\w*(?:Exception|Error)\b)"
)
# Events of containers that end, or do not start, by themselves.
BROKEN = (
    "stopped", "killed_for_memory", "restarted", "crash_loop", "image_error", "start_failed",
    "scheduling_failed",
)  # fmt: skip

# How systemd begins its lines about a service (systemd/systemd, src/core/unit.h, `log_unit_full`).
_UNIT = re.compile(r"^([\w@:.\\-]+)\.service: ")


class Tables(Protocol):
    """Anything that returns the glossary's tables by name."""

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the data dictionary."""
        ...


@dataclass(frozen=True)
class Consumer:
    """A consumer as its platform (``ecs``, ``ec2``, ``kubernetes``) described it, else None.

    The fields are those of the table ``consumers``. ``service`` is the name under which ``app_log`` holds its
    log, ``before`` the task definition that ran before. A ``program`` is known by its log alone; ``runtime``
    (``docker``, ``ecs``, ``kubernetes`` or ``systemd``) runs it as ``unit``, None where nothing names it.
    """

    platform: str
    name: str
    cluster: str | None = None
    definition: str | None = None
    desired: int | None = None
    running: int | None = None
    log_group: str | None = None
    service: str | None = None
    before: str | None = None
    runtime: str | None = None
    unit: str | None = None

    @property
    def log(self) -> tuple[str, str, str] | None:
        """Table, column and value of its log; None without a log."""
        if self.service is not None:
            return "app_log", "service", self.service
        return None if self.log_group is None else ("log_events", "log_group", self.log_group)

    def commands(self, since: str) -> Mapping[str, str]:
        """Return the commands that show, start and roll back, print revisions, and the log since a time.

        No platform but ECS and Kubernetes keeps the version that ran before.
        """
        platform, wanted = self.runtime or self.platform, str(self.desired or 1)
        revisions = back = ""
        name = shell_word(self.name if self.runtime is None else self.unit or "CONTAINER", "CONTAINER")
        log = f"aws logs tail {shell_word(self.log_group or 'LOG_GROUP', 'LOG_GROUP')} --since {since}"
        if platform == "ecs":
            of = f"{shell_option('--cluster', self.cluster or 'CLUSTER', 'CLUSTER')} --service {name}"
            state = f"aws ecs describe-services {of.replace('--service ', '--services ')}"
            start = f"aws ecs update-service {of} --desired-count {wanted}"
            family = shell_word((self.definition or "FAMILY").partition(":")[0], "FAMILY")
            revisions = f"aws ecs list-task-definitions --family-prefix {family} --sort DESC"
            before = shell_word(self.before or "REVISION", "REVISION")
            back = f"aws ecs update-service {of} --task-definition {before}"
        elif platform == "ec2":
            group = f"--auto-scaling-group-name {name}"
            state = f"aws autoscaling describe-scaling-activities {group}"
            start = f"aws autoscaling set-desired-capacity {group} --desired-capacity {wanted}"
        elif platform == "systemd":
            state, start = f"systemctl status {name}", f"systemctl restart {name}"
            # Spans of time begin with a sign, and old versions know no RFC 3339 (systemd.time(7)).
            moment = since.replace("T", " ").replace("Z", " UTC")
            log = f"journalctl -u {name} --since {shell_word(moment if moment != since else f'-{since}')}"
        elif platform == "docker":
            state, start = "docker ps --all", f"docker restart {name}"
            log = f"docker logs --since {since} {name}"
        else:
            of = f"{name}{' -n ' + shell_word(self.cluster) if self.cluster else ''}"
            state = f"kubectl describe deployment {of}"
            start = f"kubectl scale deployment {of} --replicas={wanted}"
            back = f"kubectl rollout undo deployment {of}"
            log = f"kubectl logs deployment/{of} --previous"
        return {
            "consumer": name, "consumer_state": state, "consumer_start": start, "consumer_log": log,
            "consumer_rollback": f" (`{back}`)" if back else "", "consumer_revisions": revisions,
        }  # fmt: skip


def likeness(queue: str, name: str) -> float:
    """Return the share of words that the names of a queue and its consumer have in common."""
    words = [set(re.split(r"[-_.\d]+", one.lower())) - _USUAL for one in (queue, name)]
    return len(words[0] & words[1]) / max(1, len(words[0] | words[1]))


def consumers_of(tables: Tables, queues: list[str]) -> dict[str, Consumer]:
    """Return the consumers of queues that no function drains."""
    rows = tables.table("consumers").drop_duplicates(["platform", "kind", "name", "cluster"], keep="last")
    listed = rows.astype(object).where(rows.notna(), None).to_dict("records")
    given = {row["definition"]: row for row in listed if row["kind"] == "definition"}
    running = [row for row in listed if row["kind"] != "definition" and row["name"]]
    found = {}
    for queue in queues:
        named = [row for row in running if queue in _queues_of(row, given)]
        alike = [row for row in running if likeness(queue, row["name"]) >= ALIKE]
        workers = [row for row in named if row in alike or _WORKER.search(row["name"])]
        chosen = named if len(named) == 1 else workers if named else alike
        if len(chosen) == 1:
            found[queue] = _consumer(tables, chosen[0], given)
    program = None if running or len(queues) != 1 else only_program(tables)
    return found if program is None else dict.fromkeys(queues, program)


def only_program(tables: Tables) -> Consumer | None:
    """Return the program whose log is the only application log; None for several, and for a web server."""
    log = tables.table("app_log")
    services = log["service"].dropna().unique().tolist()
    if len(services) != 1 or log["kind"].eq("access").any():
        return None
    runtime, unit = _runtime_of(tables, log)
    name = unit if unit is not None and runtime == "systemd" else services[0]
    return Consumer("program", name, service=services[0], runtime=runtime, unit=unit)


def systemd_units(log: pd.DataFrame) -> list[str]:
    """Return the units of services that systemd names in an application log."""
    return list(log["message"].astype("string").str.extract(_UNIT)[0].dropna().unique())


def _runtime_of(tables: Tables, log: pd.DataFrame) -> tuple[str, str | None]:
    """Return what runs the only program of a case, and its name there; Docker where nothing tells."""
    if len(units := systemd_units(log)) == 1:
        return "systemd", units[0]
    rows = tables.table("container_events")
    rows = rows[rows["platform"].isin(["docker", "ecs", "kubernetes"])]
    if rows["service"].nunique() != 1:
        return "docker", None
    named = rows["object"].where(rows["platform"].eq("docker"), rows["service"])
    found = {*zip(rows["platform"].tolist(), named.tolist(), strict=True)}
    return found.pop() if len(found) == 1 else ("docker", None)


def _queues_of(row: dict[str, Any], given: Mapping[str, dict[str, Any]]) -> list[str]:
    named = [one["queues"] for one in (row, given.get(row["definition"], {})) if one.get("queues")]
    return [queue for text in named for queue in json.loads(text)]


def _consumer(tables: Tables, row: dict[str, Any], given: Mapping[str, dict[str, Any]]) -> Consumer:
    services = tables.table("app_log")["service"].dropna().unique().tolist()
    own = [one for one in services if one == row["name"] or len(services) == 1]
    desired, running = (None if row[name] is None else int(row[name]) for name in ("desired", "running"))
    log_group = row["log_group"] or given.get(row["definition"], {}).get("log_group")
    return Consumer(
        row["platform"], row["name"], row["cluster"], row["definition"], desired, running, log_group,
        own[0] if own else None, row["definition_before"],
    )  # fmt: skip


def logged_by(tables: Tables, consumer: Consumer) -> pd.DataFrame | None:
    """Return a consumer's log in the columns of ``log_events`` by which errors are counted; None without."""
    if consumer.log is None:
        return None
    table, column, value = consumer.log
    rows = tables.table(table)
    rows = rows[rows[column].eq(value).fillna(False)]
    if table == "app_log":
        # What a program logs before a traceback says less than its last line.
        said = rows["message"].str.replace(_BEFORE_LAST, "", regex=True)
        # A program may write a line twice within a moment, so each row is an event of its own.
        own = {"log_group": None, "log_stream": range(len(rows)), "request_id": None}
        rows = rows.assign(**own, error_type=None, message=said)
    return rows.assign(function=consumer.name)

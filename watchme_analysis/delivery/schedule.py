"""Schedules of `watchme run`: units of systemd, lines of a crontab, and a container with its CloudFormation.

Only texts are made here, from the files in ``schedules/``; :mod:`watchme_analysis.cli.schedule` shows and
installs them.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from watchme_analysis.cloudwatch.iam_policy import policy_of, pull_grants
from watchme_analysis.config import FILE, Destination, System
from watchme_analysis.delivery.destinations.registry import type_of_sender
from watchme_analysis.delivery.secret_values import secret_grants
from watchme_analysis.errors import InputError
from watchme_analysis.text.render import error_message

MARK = "Managed by watchme schedule"
_TEMPLATES = Path(__file__).with_name("schedules")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_HOUR_MINUTES, _DAY_HOURS = 60, 24
# A run waits this long for another one of the same system, as after an alarm.
_WAIT = "10m"


@dataclass(frozen=True)
class Job:
    """A scheduled run of a system, or of all systems where its name is empty.

    The run names the file of settings in the folder, and thereby trusts its later content.
    """

    system: str
    every: timedelta
    folder: Path
    command: Path
    file: str = FILE

    @property
    def name(self) -> str:
        """Return the name of the units, such as ``watchme-orders``."""
        return f"watchme-{self.system or 'all'}"

    @property
    def arguments(self) -> list[str]:
        """Return the command with its arguments."""
        return [str(self.command), "--config", str(self.folder / self.file), "run", *self.options]

    @property
    def options(self) -> list[str]:
        """Return the arguments after ``run``."""
        return [*([self.system] if self.system else []), "--wait", _WAIT]


def check_job(job: Job) -> None:
    """Check that the name can be part of a file name, and that the interval is at least a minute."""
    if job.system and not _NAME.fullmatch(job.system):
        raise InputError(error_message("error-unit-name", system=repr(job.system)))
    if job.every < timedelta(minutes=1):
        raise InputError(error_message("error-schedule-every"))


def systemd_units(job: Job) -> dict[str, str]:
    """Return the service and the timer of a job, by name of the file [1]_.

    A missed run is caught up once. Runs of several systems are spread by up to a tenth of the interval.

    References
    ----------
    .. [1] https://www.freedesktop.org/software/systemd/man/latest/systemd.timer.html
    """
    seconds = round(job.every.total_seconds())
    values = {
        "name": job.name,
        "system": job.system or "of all systems",
        # A setting that takes a path unquoted: only ``%`` has a meaning there.
        "folder": str(job.folder).replace("%", "%%"),
        "command": " ".join(map(_unit_word, job.arguments)),
        "interval": _interval(job.every),
        "seconds": seconds,
        "spread": seconds // 10,
    }
    return {
        f"{job.name}.{kind}": template(f"systemd.{kind}").format(**values) for kind in ("service", "timer")
    }


def template(name: str) -> str:
    """Return the text of a file in ``schedules/``."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _unit_word(word: str) -> str:
    """Return a word of ``ExecStart``, with what systemd would expand or split."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if re.search(r"[\s'\"\\;]", word) or not word else text


def crontab_line(job: Job, log: Path) -> str:
    """Return the line of a crontab for a job, with its mark at the end.

    An interval that does not divide an hour or a day, as cron requires, is an InputError.
    """
    minutes, rest = divmod(round(job.every.total_seconds()), 60)
    if not rest and minutes < _HOUR_MINUTES and _HOUR_MINUTES % minutes == 0:
        when = f"*/{minutes} * * * *" if minutes > 1 else "* * * * *"
    elif not rest and minutes % _HOUR_MINUTES == 0 and _DAY_HOURS % (minutes // _HOUR_MINUTES) == 0:
        hours = minutes // _HOUR_MINUTES
        when = "0 0 * * *" if hours == _DAY_HOURS else f"0 */{hours} * * *" if hours > 1 else "0 * * * *"
    else:
        raise InputError(error_message("error-cron-interval", interval=_interval(job.every)))
    folder, output = shlex.quote(str(job.folder)), shlex.quote(str(log))
    command = f"cd {folder} && {shlex.join(job.arguments)} >> {output} 2>&1"
    # A percent sign ends a command of a crontab.
    return f"{when} {command.replace('%', chr(92) + '%')} # {MARK}: {job.name}"


def with_crontab_line(crontab: str, job: Job, line: str | None) -> str:
    """Return a crontab with the line of a job replaced, added, or removed when it is None.

    All other lines stay as they are.
    """
    kept = [each for each in crontab.splitlines() if not each.endswith(f"# {MARK}: {job.name}")]
    return "".join(f"{each}\n" for each in [*kept, *([line] if line else [])])


def scheduled_in_crontab(crontab: str) -> dict[str, str]:
    """Return the lines of a crontab that were installed here, by name of the job."""
    parts = (line.rpartition(f" # {MARK}: ") for line in crontab.splitlines())
    return {name: before for before, mark, name in parts if mark}


def _interval(every: timedelta) -> str:
    minutes = every.total_seconds() / 60
    return f"{minutes / 60:g} h" if minutes % _HOUR_MINUTES == 0 else f"{minutes:g} min"


def container_policy(systems: Iterable[System], destinations: Iterable[Destination]) -> dict[str, Any]:
    """Return the IAM policy of a container that runs: what a pull needs, and the calls of the destinations.

    Each destination's calls are allowed for its own bucket, topic, bus or secret only, and messages may be
    received from the dead-letter queues that the systems name.
    """
    grants = [*pull_grants(name for system in systems for name in system.dlqs)]
    for each in destinations:
        grants += type_of_sender(each).grants(each.settings)
        grants += (grant for value in each.settings.values() for grant in secret_grants(str(value)))
    return policy_of(grants)


def cloudformation(jobs: Sequence[Job], policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template that runs the image on a schedule: EventBridge Scheduler starts a Fargate task [1]_.

    The state of the systems is in a file system that the tasks share, since a task has no disk that lasts.
    The outputs are what another scheduler needs to start the task, such as a state machine of Step Functions.
    Each job has one schedule; the policy of the task is from :func:`container_policy`.

    References
    ----------
    .. [1] https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
    """
    made: dict[str, Any] = json.loads(template("cloudformation.json"))
    resources = made["Resources"]
    resources["TaskRole"]["Properties"]["Policies"][0]["PolicyDocument"] = dict(policy)
    schedule = resources.pop("Schedule")
    for number, job in enumerate(jobs, 1):
        minutes = round(job.every.total_seconds() / 60)
        overrides = {"containerOverrides": [{"name": "watchme", "command": job.options}]}
        resources[f"Schedule{number}"] = deepcopy(schedule)
        properties = resources[f"Schedule{number}"]["Properties"]
        properties["Description"] = f"watchme run {job.system}".rstrip()
        properties["ScheduleExpression"] = f"rate({minutes} {'minute' if minutes == 1 else 'minutes'})"
        properties["Target"]["Input"] = json.dumps(overrides)
    return made

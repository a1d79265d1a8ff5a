"""The command ``watchme schedule``: timers for `watchme run`, shown before they are installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.options import Seconds, language_option
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer, echo
from watchme_analysis.config import FILE, Config, Destination, System, load_config
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.storage.atomic_write import check_replaceable, write_atomically
from watchme_analysis.text.message import Text, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.delivery.schedule import Job

_USER_UNITS, _SYSTEM_UNITS = Path(".config/systemd/user"), Path("/etc/systemd/system")


@click.group(short_help="Install and export timers for `watchme run`.")
def schedule() -> None:
    """Install, list and remove timers for `watchme run`, or export a container with its schedule."""


def _job_options(function: Any) -> Any:
    for option in (
        click.argument("systems", metavar="[SYSTEM]...", nargs=-1),
        click.option(
            "--every", type=Seconds(), default="15m", show_default=True, help="Interval between two runs."
        ),
    ):
        function = option(function)
    return function


_kind_option = click.option(
    "--cron", "is_cron", is_flag=True, help="Use the user's crontab instead of timers of systemd."
)
_for_all_option = click.option(
    "--system-wide", is_flag=True, help="Units of the machine, not of the user; needs root."
)
_yes_option = click.option("--yes", is_flag=True, help="Do it; without, it is only shown.")


@schedule.command(
    "install",
    short_help="Show the timers, and install them with --yes.",
    epilog="""\b
Examples:
  watchme schedule install --every 15m
  watchme schedule install orders --every 1h --yes
  watchme schedule install --every 15m --cron --yes

Exit codes: 0 shown or installed; 1 systemd or cron failed; 2 bad input.""",
)
@_job_options
@_kind_option
@_for_all_option
@_yes_option
@language_option
def install(systems: tuple[str, ...], every: float, **options: Any) -> None:
    """Install a timer for each SYSTEM of watchme.toml; without one, a timer that runs all of them.

    The units or lines are shown first. With --yes they are written, checked by systemd, and started. A timer
    of the user runs while the user is logged in, or always after `loginctl enable-linger`. Installing again
    replaces the timer of the same name.
    """
    from watchme_analysis.delivery.schedule import crontab_line, systemd_units, with_crontab_line

    jobs = _jobs(systems, every)
    if options["is_cron"]:
        crontab = _read_crontab() if options["yes"] else ""
        for job in jobs:
            line = crontab_line(job, job.folder / ".watchme" / "cron.log")
            echo(line)
            crontab = with_crontab_line(crontab, job, line)
            if options["yes"]:
                (job.folder / ".watchme").mkdir(exist_ok=True)
        if options["yes"]:
            _run(["crontab", "-"], crontab)
        _say_how(Printer(options["language"]), is_done=options["yes"], kind="crontab")
        return
    folder = _unit_folder(system_wide=options["system_wide"])
    units = {name: text for job in jobs for name, text in systemd_units(job).items()}
    for name, text in units.items():
        echo(f"{folder / name}:")
        echo(text)
    if options["yes"]:
        _write_units(folder, units)
        _systemctl(options["system_wide"], "daemon-reload")
        for job in jobs:
            _systemctl(options["system_wide"], "enable", "--now", f"{job.name}.timer")
    _say_how(Printer(options["language"]), is_done=options["yes"], kind="systemd")


@schedule.command(
    "list",
    short_help="List the timers that were installed here.",
    epilog="""\b
Examples:
  watchme schedule list
  watchme schedule list --output json""",
)
@_for_all_option
@renders()
def list_command(out: Printer, *, system_wide: bool) -> Result:
    """List timers and crontab lines that `watchme schedule install` has installed."""
    from watchme_analysis.delivery.schedule import scheduled_in_crontab

    folder = _unit_folder(system_wide=system_wide)
    found = [
        {"timer": path.stem, "kind": "systemd", "at": str(path)}
        for path in _installed(folder, "watchme-*.timer")
    ]
    if shutil.which("crontab"):
        found += [
            {"timer": name, "kind": "crontab", "at": line}
            for name, line in scheduled_in_crontab(_read_crontab()).items()
        ]
    lines: list[Text] = [
        f"{each['timer']}: {'crontab: ' if each['kind'] == 'crontab' else ''}{each['at']}" for each in found
    ]
    return Result(lines or [message("schedule-none")], found)


@schedule.command(
    "remove",
    short_help="Show what would be removed, and remove it with --yes.",
    epilog="""\b
Examples:
  watchme schedule remove orders
  watchme schedule remove orders --yes""",
)
@click.argument("systems", metavar="[SYSTEM]...", nargs=-1)
@_kind_option
@_for_all_option
@_yes_option
@language_option
def remove(systems: tuple[str, ...], *, is_cron: bool, system_wide: bool, yes: bool, language: str) -> None:
    """Remove the timer of each SYSTEM; without one, the timer that runs all of them.

    Only what `watchme schedule install` has installed is removed.
    """
    from watchme_analysis.delivery.schedule import scheduled_in_crontab, with_crontab_line

    jobs = _jobs(systems, 3600.0, must_exist=False)
    if is_cron:
        crontab = _read_crontab()
        installed = scheduled_in_crontab(crontab)
        for job in jobs:
            if job.name not in installed:
                raise InputError(error_message("error-crontab-no-line", job=job.name))
            echo(installed[job.name])
            crontab = with_crontab_line(crontab, job, None)
        if yes:
            _run(["crontab", "-"], crontab)
        _say_how(Printer(language), is_done=yes, kind="crontab")
        return
    folder = _unit_folder(system_wide=system_wide)
    for job in jobs:
        paths = _installed(folder, f"{job.name}.*")
        if not paths:
            raise InputError(error_message("error-units-missing", folder=folder, job=job.name))
        for path in paths:
            echo(str(path))
        if yes:
            _systemctl(system_wide, "disable", "--now", f"{job.name}.timer")
            for path in paths:
                path.unlink()
            _systemctl(system_wide, "daemon-reload")
    _say_how(Printer(language), is_done=yes, kind="systemd")


@schedule.command(
    "export",
    short_help="Write a Dockerfile, CloudFormation and an IAM policy.",
    epilog="""\b
Examples:
  watchme schedule export --every 15m --to deploy/
  aws cloudformation deploy --template-file deploy/watchme.json --stack-name watchme --capabilities \\
      CAPABILITY_IAM --parameter-overrides Image=URI Vpc=VPC Subnet=SUBNET""",
)
@_job_options
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Write Dockerfile.watchme, watchme.json and policy.json to this folder.",
)
@language_option
def export(systems: tuple[str, ...], every: float, folder: Path, language: str) -> None:
    """Write what runs `watchme run` in AWS: EventBridge Scheduler starts a Fargate task on a schedule.

    The policy has the calls of a pull and of the destinations in watchme.toml. It allows to receive messages
    from the queues that a system names as `dlq`. The state of the systems is in a file system (EFS), so that
    nothing is delivered twice.
    """
    from watchme_analysis.delivery.schedule import MARK, cloudformation, container_policy, template

    config = load_config()
    policy = container_policy(*_systems_and_destinations(config, systems))
    jobs = _jobs(systems, every)
    files = {
        "Dockerfile.watchme": template("Dockerfile.watchme"),
        "watchme.json": json.dumps(cloudformation(jobs, policy), indent=2) + "\n",
        "policy.json": json.dumps(policy, indent=2) + "\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    marks = {"Dockerfile.watchme": b"watchme run", "watchme.json": MARK.encode(), "policy.json": b"Watchme"}
    for name, mark in marks.items():
        check_replaceable(folder / name, partial(_holds, mark), "export")
    for name, text in files.items():
        write_atomically(folder / name, text.encode())
        echo(str(folder / name))


def _holds(mark: bytes, first: bytes) -> bool:
    return mark in first


def _systems_and_destinations(
    config: Config, systems: tuple[str, ...]
) -> tuple[list[System], list[Destination]]:
    chosen = [config.systems[name] for name in systems] if systems else [*config.systems.values()]
    names = dict.fromkeys(name for system in chosen for name in system.destinations)
    return chosen, [config.destinations[name] for name in names]


def _jobs(systems: tuple[str, ...], every: float, *, must_exist: bool = True) -> list[Job]:
    from watchme_analysis.delivery.schedule import Job, check_job

    config = load_config()
    if must_exist:
        config.check_confirmed()
        if not config.systems:
            raise InputError(error_message("error-schedule-no-system", file=FILE))
        for name in systems:
            config.chosen_system(name)
    file = _file(config)
    jobs = [
        Job(name, timedelta(seconds=every), file.parent, _program(), file.name)
        for name in dict.fromkeys(systems or ("",))
    ]
    for job in jobs:
        check_job(job)
    return jobs


def _file(config: Config) -> Path:
    """Return the file that states the systems; else that of the working directory."""
    stated = (source for key, source in config.sources.items() if key.startswith("systems."))
    return Path(next(stated, FILE)).absolute()


def _program() -> Path:
    """Return the path of the program ``watchme``: beside this Python, or as it was called."""
    beside = Path(sys.executable).with_name("watchme")
    return beside if beside.exists() else Path(shutil.which("watchme") or "watchme")


def _unit_folder(*, system_wide: bool) -> Path:
    return _SYSTEM_UNITS if system_wide else Path.home() / _USER_UNITS


def _installed(folder: Path, pattern: str) -> list[Path]:
    """Return the unit files that were installed here."""
    return sorted(path for path in folder.glob(pattern) if path.is_file() and _is_own(path.read_bytes()))


def _is_own(first: bytes) -> bool:
    from watchme_analysis.delivery.schedule import MARK

    return first.startswith(f"# {MARK}".encode())


def _write_units(folder: Path, units: dict[str, str]) -> None:
    """Write the units, and remove them again if systemd does not accept them."""
    folder.mkdir(parents=True, exist_ok=True)
    before = {name: (folder / name).read_bytes() for name in units if (folder / name).exists()}
    for name in units:
        check_replaceable(folder / name, _is_own, "unit")
    for name, text in units.items():
        write_atomically(folder / name, text.encode())
    if not shutil.which("systemd-analyze"):
        return
    done = _ran(["systemd-analyze", "verify", *(str(folder / name) for name in units)])
    problems = [line for line in done.stderr.splitlines() if any(name in line for name in units)]
    if done.returncode and problems:
        for name in units:
            if name in before:
                write_atomically(folder / name, before[name])
            else:
                (folder / name).unlink()
        raise InputError(error_message("error-units-refused", problem=problems[0]))


def _systemctl(system_wide: bool, *arguments: str) -> None:
    _run(["systemctl", *([] if system_wide else ["--user"]), *arguments])


def _read_crontab() -> str:
    """Return the user's crontab; empty without one."""
    done = _ran(["crontab", "-l"])
    return done.stdout if done.returncode == 0 else ""


def _run(command: list[str], text: str | None = None) -> None:
    done = _ran(command, text)
    if done.returncode:
        printed = " ".join(done.stderr.split())[:300]
        raise ServiceError(error_message("error-schedule-failed", command=" ".join(command), error=printed))


def _ran(command: list[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Return how a program ended; a ServiceError where it can't be started."""
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    except OSError as error:
        kind = "crontab" if command[0] == "crontab" else "command"
        said = error_message(f"error-{kind}-unavailable", command=command[0], reason=error)
        raise ServiceError(said) from error


def _say_how(out: Printer, *, is_done: bool, kind: str) -> None:
    if is_done:
        out.print_message("schedule-done", err=True)
    else:
        out.print_message("schedule-unchanged", err=True, kind=kind)

"""Timers: shown first, installed with --yes, checked by systemd, and removed only if they are ours."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from worlds.settings_file import write_settings

from watchme_analysis.cli.schedule import schedule
from watchme_analysis.config import Destination, System
from watchme_analysis.delivery.schedule import (
    Job,
    cloudformation,
    container_policy,
    crontab_line,
    scheduled_in_crontab,
    systemd_units,
    template,
    with_crontab_line,
)
from watchme_analysis.errors import InputError

ROOT = Path(__file__).parents[2]
DOCKERFILE = template("Dockerfile.watchme")
TOML = """
[systems.orders]
queue = "orders"
destinations = ["chat", "site"]

[systems.refunds]
queue = "refunds"

[destinations.chat]
type = "sns"
topic = "arn:aws:sns:ap-southeast-2:123456789012:on-call"

[destinations.site]
type = "s3"
bucket = "reports-example"
"""
PROGRAM = """#!/bin/sh
echo "$(basename "$0") $@" >> "$LOG"
case "$1" in -l) cat "$TAB" 2>/dev/null || exit 1;; -) cat > "$TAB";; esac
"""


def job(folder="/srv/team", every=timedelta(minutes=15), system="orders", command="/usr/bin/watchme"):
    return Job(system, every, Path(folder), Path(command))


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose systemctl and crontab record their calls."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("systemctl", "crontab"):
        (programs / name).write_text(PROGRAM)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("TAB", str(tmp_path / "crontab"))
    monkeypatch.setenv("HOME", str(tmp_path))
    team = tmp_path / "a team's 100%"
    team.mkdir()
    write_settings(team, TOML)
    monkeypatch.chdir(team)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(schedule, [*map(str, arguments)], catch_exceptions=False, standalone_mode=False)


def calls(machine):
    path = machine / "log"
    return path.read_text().splitlines() if path.exists() else []


def units(machine):
    return sorted(path.name for path in (machine / ".config/systemd/user").glob("*"))


def test_units_are_installed_listed_and_removed(machine):
    run("install", "orders", "refunds", "--every", "1h", "--yes")
    names = [
        "watchme-orders.service",
        "watchme-orders.timer",
        "watchme-refunds.service",
        "watchme-refunds.timer",
    ]
    assert units(machine) == names
    assert calls(machine)[-1] == "systemctl --user enable --now watchme-refunds.timer"
    assert "watchme-orders" in run("list").stdout
    run("install", "orders", "--yes")
    assert "OnUnitActiveSec=900" in (machine / ".config/systemd/user/watchme-orders.timer").read_text()
    run("remove", "orders")
    assert units(machine) == names
    run("remove", "orders", "--yes")
    assert units(machine) == names[2:]


def test_units_of_others_are_neither_replaced_nor_removed(machine):
    folder = machine / ".config/systemd/user"
    folder.mkdir(parents=True)
    (folder / "watchme-orders.service").write_text("[Service]\n")
    with pytest.raises(InputError, match="choose another place"):
        run("install", "orders", "--yes")
    with pytest.raises(InputError, match="has no units"):
        run("remove", "orders", "--yes")
    assert units(machine) == ["watchme-orders.service"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path):
    folder = tmp_path / "100% of a team's"
    folder.mkdir()
    made = systemd_units(job(folder, command=sys.executable))
    for name, text in made.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / name) for name in made)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in done.stderr.splitlines() if "watchme-orders" in line] == []


def test_the_crontab_keeps_its_other_lines(machine):
    (machine / "crontab").write_text("5 * * * * other\n")
    run("install", "orders", "--cron", "--yes")
    run("install", "orders", "--cron", "--every", "1h", "--yes")
    first, own = (machine / "crontab").read_text().splitlines()
    assert first == "5 * * * * other"
    assert own.startswith("0 * * * * cd ")
    assert "watchme-orders: crontab" in run("list").stdout
    run("install", "refunds", "--cron", "--yes")
    assert (machine / "crontab").read_text().splitlines()[:2] == [first, own]
    run("remove", "refunds", "--cron", "--yes")
    assert (machine / "crontab").read_text().splitlines() == [first, own]
    run("remove", "orders", "--cron", "--yes")
    assert (machine / "crontab").read_text() == "5 * * * * other\n"


def test_the_line_of_a_crontab_runs_in_a_shell(tmp_path):
    """cron passes the command to a shell, after it has removed the escapes of percent signs."""
    folder = tmp_path / "a team's 100%"
    folder.mkdir()
    program = tmp_path / "my watchme"
    program.write_text('#!/bin/sh\npwd; printf "%s\\n" "$@"\n')
    program.chmod(0o755)
    line = crontab_line(job(folder, command=program), folder / "log")
    command = line.split(" ", 5)[5].replace("\\%", "%")
    subprocess.run(["sh", "-c", command], check=True)
    words = ["--config", str(folder / "watchme.toml"), "run", "orders", "--wait", "10m"]
    assert (folder / "log").read_text().splitlines() == [str(folder), *words]


@pytest.mark.parametrize(
    ("every", "when"),
    [
        (timedelta(minutes=1), "* * * * *"),
        (timedelta(minutes=15), "*/15 * * * *"),
        (timedelta(hours=1), "0 * * * *"),
        (timedelta(hours=6), "0 */6 * * *"),
        (timedelta(days=1), "0 0 * * *"),
    ],
)
def test_intervals_of_cron(every, when):
    line = crontab_line(job(every=every), Path("/log"))
    assert line.startswith(f"{when} cd ")
    assert [*scheduled_in_crontab(line)] == ["watchme-orders"]
    assert with_crontab_line(f"{line}\n", job(), None) == ""


def test_the_export_has_a_valid_template_with_the_calls_of_the_destinations(machine, tmp_path):
    run("export", "orders", "--to", tmp_path / "out")
    policy = json.loads((tmp_path / "out/policy.json").read_text())
    allowed = [(each["Action"], each["Resource"]) for each in policy["Statement"]]
    assert allowed[-2:] == [
        (["sns:Publish"], ["arn:aws:sns:ap-southeast-2:123456789012:on-call"]),
        (["s3:GetObject", "s3:PutObject"], ["arn:aws:s3:::reports-example/*"]),
    ]
    template = tmp_path / "out/watchme.json"
    assert json.loads(template.read_text())["Resources"]["Task"]["Properties"]["TaskRoleArn"]
    run("export", "--to", tmp_path / "out")  # replaces its own files
    template.write_text("{}")
    with pytest.raises(InputError, match="choose another place"):
        run("export", "--to", tmp_path / "out")


def test_the_policy_allows_each_call_for_its_own_resource_only():
    destinations = [
        Destination("a", "s3", settings={"bucket": "b", "prefix": "/team/", "keep": "9d", "kms_key": "k"}),
        Destination("b", "eventbridge", settings={"bus": "default"}),
        Destination("c", "slack", settings={"webhook": "secretsmanager:hook#url"}),
        Destination("d", "apprise", settings={"url": "ssm:/team/hook"}),
    ]
    found = {
        action: each["Resource"]
        for each in container_policy([], destinations)["Statement"]
        if each["Resource"] != ["*"]
        for action in each["Action"]
    }
    assert found == {
        "s3:GetObject": ["arn:aws:s3:::b/team/*"],
        "s3:PutObject": ["arn:aws:s3:::b/team/*"],
        "s3:DeleteObject": ["arn:aws:s3:::b/team/*"],
        "s3:ListBucket": ["arn:aws:s3:::b"],
        "kms:Decrypt": ["arn:aws:kms:*:*:key/k"],
        "kms:GenerateDataKey": ["arn:aws:kms:*:*:key/k"],
        "events:PutEvents": ["arn:aws:events:*:*:event-bus/default"],
        "secretsmanager:GetSecretValue": ["arn:aws:secretsmanager:*:*:secret:hook-??????"],
        "ssm:GetParameter": ["arn:aws:ssm:*:*:parameter/team/hook"],
    }


@pytest.mark.slow
def test_cfn_lint_accepts_the_template(tmp_path):
    policy = container_policy(
        [System("x", dlqs=("x-dlq",))],
        [Destination("chat", "slack", settings={"webhook": "ssm:/watchme/slack"})],
    )
    assert "ssm:GetParameter" in str(policy)
    path = tmp_path / "template.json"
    path.write_text(json.dumps(cloudformation([job(), job(system="", every=timedelta(minutes=1))], policy)))
    done = subprocess.run(
        [sys.executable, "-m", "cfnlint", str(path), "--region", "ap-southeast-2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""


def test_the_dockerfile_copies_files_that_exist_and_all_that_the_wheel_needs():
    lines = DOCKERFILE.splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in shlex.split(line)[1:-1]]
    assert [name for name in copied if name != "watchme.toml" and not (ROOT / name).exists()] == []
    import tomllib

    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(build["only-include"]) <= set(copied)
    assert lines[-1] == 'ENTRYPOINT ["watchme", "run"]'
    assert lines.index("USER 10001") > max(at for at, line in enumerate(lines) if line.startswith("RUN"))

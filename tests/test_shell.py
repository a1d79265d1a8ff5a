"""Commands that are offered for pasting do nothing else, whatever evidence calls its queues and paths."""

import json
import re
import shlex
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from worlds.backlog_world import World

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.cli import cli
from watchme_analysis.health import missing
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.text.render import render
from watchme_analysis.text.shell_quoting import shell_option, shell_path, shell_word

# Each leaves a file behind when a shell takes it for more than a word.
HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "a;touch pwned",
    "it's; touch pwned",
    "x' ; touch pwned ; '",
    'x" ; touch pwned ; "',
    "a b&touch pwned",
    "a|touch pwned",
    "a>pwned",
    "${x:=$(touch pwned)}",
    "-rf",
    "~",
    "*",
    "!!",
    "a#b",
]
PROGRAMS = (
    "aws",
    "cat",
    "cp",
    "curl",
    "date",
    "docker",
    "grep",
    "nginx",
    "nsenter",
    "ping",
    "ss",
    "watchme",
    "wc",
)
COMMAND = re.compile(rf"`((?:{'|'.join(PROGRAMS)}) [^`]+)`")


@pytest.fixture
def shell(tmp_path):
    """Return what runs a command among programs that do nothing, and tells whether it did anything else."""
    home, here = tmp_path / "bin", tmp_path / "here"
    home.mkdir()
    (here / "FOLDER").mkdir(parents=True)
    for folder in ("logs", "functions", "queues"):
        (here / "FOLDER" / folder).mkdir()
    for name in PROGRAMS:
        (home / name).write_text("#!/bin/sh\nexit 0\n")
        (home / name).chmod(0o755)
    (home / "touch").symlink_to("/usr/bin/touch")

    def run(command):
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=here,
            env={"PATH": str(home)},
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=20,
        )
        assert b"yntax" not in done.stderr, command
        assert [path.name for path in here.iterdir()] in (
            ["FOLDER"],
            ["FOLDER", "probe.py"],
            ["probe.py", "FOLDER"],
        )

    return run


def offered(diagnosis):
    """Every command that a diagnosis offers, in a field of its own or in a sentence."""
    sentences = [entry["next_test"] for entry in diagnosis["ranking"]] + list(diagnosis["summary"])
    return [item["how"] for item in diagnosis["missing_evidence"]] + [
        command for text in sentences for command in COMMAND.findall(text)
    ]


# All at once, as a diagnosis of requests takes longer.
EVERYTHING = "-rf $(touch pwned) `touch pwned` ' ; touch pwned ; ' \" ; touch pwned # > pwned"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["$(touch pwned)", EVERYTHING])
def test_what_a_backlog_diagnosis_offers_takes_a_name_as_one_word(name, shell):
    world = World(queue=f"{name}", function=f"{name}", dlq=f"{name}-dlq")
    world.fail(600, 1200, 0.1, "Runtime.ImportModuleError: No module named 'requests'")
    sparse = ("changes", "log_queries", "log_events", "queues", "functions", "queue_messages")
    whole = diagnose(Investigation(world, "backlog")).to_dict()
    found = diagnose(Investigation(world.without(*sparse), "backlog")).to_dict()
    commands = offered(found) + offered(whole)
    assert len(commands) > 6
    named = 0
    for command in commands:
        shell(command)
        for line in command.splitlines():
            words = shlex.split(line.partition("  # ")[0])
            for option in ("--queue", "--function", "--function-name"):
                values = [words[at + 1] for at, word in enumerate(words[:-1]) if word == option]
                values += [word.partition("=")[2] for word in words if word.startswith(f"{option}=")]
                assert set(values) <= {name, "FUNCTION", "QUEUE"}, command
                named += len(values)
    assert named > 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["$(touch pwned)", EVERYTHING])
def test_what_a_health_diagnosis_offers_takes_a_path_and_a_host_as_one_word(name, shell, tmp_path):
    folder = tmp_path / "evidence"
    folder.mkdir()
    begin = datetime(2026, 3, 2, 4, tzinfo=UTC)
    with (folder / "access.log").open("w") as file:
        for second in range(900):
            is_bad = second % 2 == 0 and 300 <= second < 600
            path = f"/{name}" if second % 2 == 0 else "/ok"
            took = 30.0 if is_bad else 0.01
            row = {
                "time_iso8601": (begin + timedelta(seconds=second)).isoformat(),
                "remote_addr": "192.0.2.7",
                "request_method": "GET",
                "uri": path,
                "request_uri": path,
                "host": name,
                "status": 504 if is_bad else 200,
                "request_time": took,
                "upstream_response_time": str(took),
                "upstream_addr": f"{name}:8017",
            }
            file.write(json.dumps(row) + "\n")
    reported = CliRunner().invoke(cli, ["diagnose", "health", str(folder), "--json"], standalone_mode=False)
    diagnosis = json.loads(reported.stdout)
    commands = offered(diagnosis)
    assert len(commands) > 6
    for command in commands:
        shell(command)


def test_each_probe_is_one_word(subtests, shell):
    for name in HOSTILE:
        with subtests.test(name=name):
            outside, host, inside = (f"http://{name}/{part}" for part in ("o", "h", "i"))
            at = missing.Addresses(
                public_host=shell_word(name, "HOST"),
                origin_ip="192.0.2.1",
                outside=outside,
                upstream=f"{name}:8000",
                host=host,
                inside=inside,
                port=name,
                service=shell_word(name, "SERVICE"),
                container=shell_word(name, "CONTAINER"),
            )
            for probes in ("inside-probes", "outside-probes", "host-probes"):
                command = render(missing.how_to_collect(probes, at))
                shell(command)
                words = [word for line in command.splitlines() for word in shlex.split(line, comments=True)]
                assert len([word for word in words if word in {at.outside, at.host, at.inside}]) == 1
            # The port stands within a quoted program, and the container is a word as above.
            assert "pwned" not in render(missing.how_to_collect("metrics", replace(at, container="api")))


@pytest.mark.parametrize("name", ["$(touch pwned)", "-rf", EVERYTHING])
def test_the_next_command_takes_the_case_as_one_word(name, evidence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    case = name.replace("/", "-")
    done = CliRunner().invoke(cli, ["case", "import", str(evidence), "--", case], standalone_mode=False)
    (line,) = [line for line in done.stdout.splitlines() if line.strip().startswith("watchme diagnose")]
    words = shlex.split(line)
    assert len(words) == 4
    assert words[3].removeprefix("./") == case and not words[3].startswith("-")


def test_a_word_is_the_value_and_nothing_else(subtests):
    for value in HOSTILE:
        with subtests.test(value=value):
            assert shlex.split(shell_word(value)) == [value]
            assert shlex.split(shell_option("--queue", value))[-1].removeprefix("--queue=") == value
            assert shlex.split(shell_path(value))[0].removeprefix("./") == value


def test_a_value_that_a_sentence_or_a_program_would_misread_is_replaced():
    for value, word in (("a", "a"), ("a`b", "NAME"), ("-rf", "NAME"), ("a b", "'a b'")):
        assert shell_word(value, "NAME") == word
    assert shell_word("a`b") == "'a`b'"
    for value, option in (("a`b", "--queue NAME"), ("-rf", "--queue=-rf"), ("a b", "--queue 'a b'")):
        assert shell_option("--queue", value, "NAME") == option
    assert shell_option("--queue", "a`b") == "--queue 'a`b'"
    assert [shell_path(path) for path in ("-x", Path("a b"))] == ["./-x", "'a b'"]
    # Control characters, which could hide a part of a command on the terminal, become question marks.
    assert shell_word("a\x1b[2K\r\u202eb\n") == "'a?[2K??b?'"

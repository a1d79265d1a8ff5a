"""Nothing that a command prints can command the terminal or reverse what is read."""

import ast
import json
import os
import pty
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from click.testing import CliRunner
from worlds.marked_evidence import write_backlog, write_health
from worlds.together import together

import watchme_analysis
from watchme_analysis.cli import terminal

PACKAGE = Path(watchme_analysis.__file__).parent
# Red text, a window title, an erased line, a name that ends in another suffix than it seems to, a tag.
HOSTILE = "\x1b[31m\x1b]0;t\x07\x9b2K\x08\r\u202egnp.exe\u2066\u200f\u061c\ufeff\U000e0041"


def obeyed(text):
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    # Whole lines of the command's own are bold, and perhaps in a colour.
    text = re.sub("^(?:\x1b\\[3[123]m)?\x1b\\[1m(.*)\x1b\\[0m$", r"\1", text, flags=re.MULTILINE)
    return {c for c in text if unicodedata.category(c) in kinds and c not in "\n\t"}


@together(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\x00b\x7fc\x9b", r"a\x00b\x7fc\x9b"),
        ("line\r\n\tnext", "line\\x0d\n\tnext"),
        ("\u202etxt.exe\u2066\u200f\u061c", r"\u202etxt.exe\u2066\u200f\u061c"),
        ("a\u200bb\u2028c\ufeff", r"a\u200bb\u2028c\ufeff"),
        ("dev\ud83d", r"dev\ud83d"),
        ("\U000e0041", r"\U000e0041"),
        (
            "日報 – ▲ ‘é’ \u0646\u0645\u06cc\u200c\u062e 👩\u200d🔬",
            "日報 – ▲ ‘é’ \u0646\u0645\u06cc\u200c\u062e 👩\u200d🔬",
        ),
    ],
)
def test_what_a_terminal_obeys_or_hides_is_shown_as_escapes(text, shown):
    assert terminal.printable(text) == shown
    assert terminal.printable(shown) == shown


def printing(path):
    """The calls in a module that print."""
    names = {
        "print",
        "logging.Formatter",
        "logging.basicConfig",
        "click.echo",
        "click.secho",
        "sys.stdout.write",
        "sys.stderr.write",
        "echo_via_pager",
    }
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return [ast.unparse(call.func) for call in calls if ast.unparse(call.func) in names]


@pytest.mark.slow
def test_nothing_prints_past_the_terminal():
    # The script for containers stands alone; the tool for notebooks is no command of `watchme`; a cell of a
    # notebook is no terminal; the process of a query writes to the one that started it.
    apart = {
        PACKAGE / "mcp/query_process.py",
        PACKAGE / "evidence/prober.py",
        PACKAGE / "report/stored_notebooks.py",
        PACKAGE / "notebook/magics.py",
    }
    found = {path: printing(path) for path in PACKAGE.rglob("*.py") if path not in apart}
    assert {path for path, calls in found.items() if calls} == {PACKAGE / "cli/terminal.py"}


# One process for all commands, each of which ends with its exit code between these.
END = "\0"
COMMANDS = """
import json, sys
from watchme_analysis.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["watchme", *words]
    try:
        main()
    except SystemExit as ended:
        print(end=f"\\0{ended.code}\\0", flush=True)
"""


def run(commands, cwd):
    """Run commands of `watchme` with all their output on a terminal; yield what it got, and the exit code."""
    main, side = pty.openpty()
    environment = os.environ | {"COLUMNS": "100"}
    command = [sys.executable, "-c", COMMANDS, json.dumps(commands, default=str)]
    with subprocess.Popen(command, stdout=side, stderr=side, stdin=side, cwd=cwd, env=environment):
        os.close(side)
        said = b""
        while True:
            try:
                piece = os.read(main, 65536)
            except OSError:
                break
            if not piece:
                break
            said += piece
    os.close(main)
    # The terminal itself ends lines with a carriage return; show_status begins with one and an erasure.
    parts = said.decode().replace("\r\n", "\n").replace("\r\033[K", "").split(END)
    assert parts.pop() == ""
    return [(text, int(code)) for text, code in zip(parts[::2], parts[1::2], strict=True)]


@pytest.mark.slow
def test_commands_over_hostile_evidence_print_nothing_that_a_terminal_obeys(data, tmp_path):
    # A segment of its own: ids in paths make no further routes.
    health = write_health(data / "health-threadpool", tmp_path / "health", f"/{HOSTILE}")
    backlog = write_backlog(tmp_path / "backlog", HOSTILE)
    case = tmp_path / "case"
    requested = (
        (("case", "import", health, case), "a service"),
        (("case", "show", case), "a service"),
        (("diagnose", "health", case, "--sql"), "a path"),
        (("case", "sql", case, "select access_log.path from access_log, app_log limit 3"), "a path"),
        (("case", "sql", case, "select path from access_log limit 3", "--csv"), "a path"),
        (("access", health / "access.log", "--errors", health / "error.log"), "paths of requests and errors"),
        (("diagnose", "backlog", backlog, "--queue", f"asr{HOSTILE}-queue"), "a queue"),
        (("redrive", backlog, "--queue", HOSTILE), "an unknown queue"),
        (("case", "show", tmp_path / HOSTILE), "a missing folder"),
        (("case", "sql", case, f'select "{HOSTILE}" from access_log'), "an unknown column"),
        (("diagnose", HOSTILE, case), "an unknown question"),
    )
    answers = run([words for words, _ in requested], tmp_path)
    for (words, shows), (said, code) in zip(requested, answers, strict=True):
        assert not obeyed(said), words
        assert r"\x1b[31m" in said, (words, f"nothing shows {shows}")
        assert code != 1, (words, said)


@pytest.mark.slow
def test_json_of_hostile_evidence_is_json_with_the_names_as_they_are(tmp_path):
    from watchme_analysis.cli.diagnose import diagnose

    folder = write_backlog(tmp_path / "backlog", HOSTILE)
    done = CliRunner().invoke(diagnose, ["backlog", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    assert not obeyed(done.stdout)
    assert any(HOSTILE in queue for queue in json.loads(done.stdout)["queues"])

"""One grammar: the same option in every command that it suits, with the same meaning; examples that parse."""

import re
import shlex
from pathlib import Path

import click
import pytest

from watchme_analysis.cli import cli

OUTPUT = {"--output", "--json"}
# Commands without rows: they act on this machine or run until they are stopped.
WITHOUT_ROWS = {
    "alarms export": "its forms are those of infrastructure code, chosen by --format",
    "config trust": "one sentence",
    "demo": "runs two other commands",
    "cause": "shows a page",
    "lab": "opens JupyterLab",
    "mcp": "answers on standard output in its protocol",
    "probe": "appends to a file",
    "schedule export": "writes three files",
    "schedule install": "shows the units; `schedule list` has rows",
    "schedule remove": "shows the units; `schedule list` has rows",
}
WITHOUT_TO = {"cause", "config trust", "lab", "mcp", "schedule install", "schedule remove"}
# Options of one meaning: the same sentence in each command but those that are named, for a reason.
SAME = {
    "--output": set(), "--json": set(), "--csv": set(), "--language": set(),
    "--force": {"case import", "case pull"},
    "-v": set(), "--debug": set(), "--since": set(), "--until": set(),
    "--system": {"loadtest", "alarms plan", "alarms export"},  # the last two take several
    "--profile": {"query run"}, "--region": {"query run"},  # repeatable there
    "--timezone": {"case import"},  # first of all the zone of the logs
    "--function": {"deploy plan"}, "--fail-on": set(), "--redact": set(), "--cache": set(),
    "--print-policy": set(), "--visibility-timeout": set(), "--journal": {"redrive"},  # beside the case
}  # fmt: skip
QUEUES = {
    "Queue to examine; by default the affected one.",
    "Queue to examine; repeatable. By default those of the system.",
    "The same as the argument QUEUE.",
}
OTHER_QUEUES = {"config init": "a pattern as well", "redrive": "the queue that messages are sent to"}


def leaves(command=cli, path=(), parent=None):
    context = click.Context(command, info_name=(path or ("watchme",))[-1], parent=parent)
    if not isinstance(command, click.Group):
        yield " ".join(path), command, context
        return
    for name in command.list_commands(context):
        yield from leaves(command.get_command(context, name), (*path, name), context)


@pytest.fixture(scope="module")
def commands():
    return {name: (command, context) for name, command, context in leaves()}


@pytest.fixture(scope="module")
def options(commands):
    """Help of each visible option, by command."""
    return {
        command: {
            option: param.help
            for param in found.get_params(context)
            if isinstance(param, click.Option) and not param.hidden
            for option in param.opts
        }
        for command, (found, context) in commands.items()
    }


def having(options, option):
    return {command for command, found in options.items() if option in found}


def arguments(command):
    return {param.name for param in command.params if isinstance(param, click.Argument)}


def test_commands_have_the_options_that_suit_them(commands, options):
    everything = set(options)
    assert set(WITHOUT_ROWS) <= everything
    for option in OUTPUT:
        assert having(options, option) == everything - set(WITHOUT_ROWS), option
    assert having(options, "--to") == everything - WITHOUT_TO
    call_aws = having(options, "--profile")
    assert having(options, "--print-policy") < call_aws == having(options, "--region")
    assert having(options, "--since") == having(options, "--until")
    of_a_queue = {name for name, (command, _) in commands.items() if "queue" in arguments(command)}
    assert of_a_queue and of_a_queue < having(options, "--queue")
    for option in ("--language", "-v", "--debug"):
        assert having(options, option) == everything, option


def test_an_option_means_the_same_in_every_command(options):
    for option, others in SAME.items():
        commands = having(options, option)
        assert others <= commands, option
        sentences = {options[command][option] for command in commands - others}
        assert len(sentences) == 1, (option, sentences)
    queues = having(options, "--queue") - set(OTHER_QUEUES)
    assert {options[command]["--queue"] for command in queues} <= QUEUES
    begins = {sentence.split()[0] for found in options.values() if (sentence := found.get("--to"))}
    assert begins == {"Write", "Append"}  # probes are appended to the file


def test_exit_codes_are_documented_in_every_command(commands):
    unsaid = [
        name
        for name, (command, _) in commands.items()
        if not re.search(r"[Ee]xit(s with| code)", f"{command.help}{command.epilog}")
    ]
    assert unsaid == []
    failing = [name for name, (command, _) in commands.items() if "3 with --fail-on" in command.help]
    assert failing == ["diagnose", "report"]


def words_of_examples(command):
    """Yield the arguments of each call of watchme below "Examples:"."""
    for line in re.sub(r"\\\n\s*", "", command.epilog).splitlines():
        if "watchme " not in line:
            continue
        before_explanation = re.split(r"\s{3,}", line.strip())[0]
        lexer = shlex.shlex(before_explanation, posix=True, punctuation_chars="|;<>&")
        lexer.whitespace_split = True
        words = []
        for word in [*lexer, ";"]:
            if set(word) <= set("|;<>&"):
                if words[:1] == ["watchme"]:
                    yield words[1:]
                words = []
            elif words or not re.fullmatch(r"[A-Z_]+=\S+", word):
                words.append(word)


def refused(command, words):
    """Return why a command would refuse arguments, in a folder with the files that it wants; else empty."""
    while True:
        try:
            command.make_context("watchme", [*words])
        except click.BadParameter as error:
            name = re.search(r"'([^']+)'(?: does not exist|: No such file)", error.message)
            if name is None:
                return error.format_message()
            path = Path(name[1])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch() if path.suffix else path.mkdir()
        except click.UsageError as error:
            return error.format_message()
        else:
            return ""


@pytest.mark.slow
def test_every_command_has_examples_that_it_accepts(commands, subtests, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, (command, _) in commands.items():
        with subtests.test(command=name):
            assert "Examples:\n" in (command.epilog or "")
            examples = [*words_of_examples(command)]
            own = [words[len(name.split()) :] for words in examples if " ".join(words).startswith(name)]
            assert own
            assert [said for words in own if (said := refused(command, words))] == []

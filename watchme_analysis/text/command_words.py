"""Words in capitals that stand for values which a case does not hold, and what to put in their place.

Entry points: :func:`with_meanings` for a sentence that contains commands, :func:`explained_commands` for
commands to paste. Each word stands for one value everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import filterfalse
from types import MappingProxyType

from watchme_analysis.text.message import (
    Code,
    Commands,
    Message,
    Resource,
    Sentences,
    Text,
    message,
    sentences,
)
from watchme_analysis.text.render import render
from watchme_analysis.text.shell_quoting import shell_path

# Command that shows the value, by word.
_SHOWN_BY = {
    "CONTAINER": "docker ps -a",
    "SERVICE": "docker compose ps",
    "CONTAINER_IP": "docker inspect CONTAINER",
    "PORT": "docker ps",
    "HOST": "nginx -T | grep server_name",
    "FUNCTION": "aws lambda list-functions",
    "QUEUE": "aws sqs list-queues",
    "UUID": "aws lambda list-event-source-mappings",
    "SECONDS": "aws lambda list-functions",
    "CLUSTER": "aws ecs list-clusters",
    "LOG_GROUP": "aws logs describe-log-groups",
    "REVISION": "aws ecs list-task-definitions --sort DESC",
    "VERSION": "aws lambda list-versions-by-function --function-name FUNCTION",
    "ALIAS": "aws lambda list-aliases --function-name FUNCTION",
    "TASK": "aws ecs list-tasks --cluster CLUSTER",
    "IMAGE": "docker images",
    "COMMIT": "git log --oneline -20",
    "FAMILY": "aws ecs list-task-definition-families",
    "TARGET_GROUP_ARN": "aws elbv2 describe-target-groups",
    "INSTANCE_ID": "aws ec2 describe-instances",
}
# Words whose value no command shows: a message says what they are.
_DESCRIBED = ("CASE", "FOLDER", "HEALTH_URL", "ORIGIN_IP", "START", "END", "TOKEN", "URL", "ZONE")
WORDS = (*_SHOWN_BY, *_DESCRIBED)
# Programs that advice calls: other code in backticks is a directive, a call or a setting.
_PROGRAMS = (
    "apachectl", "aws", "awk", "caddy", "cp", "curl", "df", "docker", "envoy", "fly", "gcloud", "git",
    "haproxy", "heroku", "journalctl", "kubectl", "nginx", "nomad", "nsenter", "pgrep", "ping", "render",
    "ss", "sudo", "systemctl", "systemd-cgtop", "top", "vmstat", "watchme",
)  # fmt: skip


def commands_in(text: str) -> list[str]:
    """Return the commands in a text that run as they stand, in their order; they are in backticks."""
    quoted = re.findall(r"`([^`]+)`", text)
    return [code for code in quoted if code.split()[0] in _PROGRAMS and not held_words(code)]


def held_words(text: str) -> list[str]:
    """Return the words in a text that stand for a value; variables of a shell, such as ``$URL``, do not."""
    return [word for word in WORDS if re.search(rf"(?<![\w$-]){word}\b(?![-=(])", text)]


def meanings(text: str, shown_by: Mapping[str, str] = MappingProxyType({})) -> tuple[Message, ...]:
    """Return how to find what each word of a text stands for: commands, in their order, then descriptions.

    A command that shows a word may itself hold another, whose command then comes first.
    """
    commands = _SHOWN_BY | dict(shown_by)
    words: dict[str, None] = {}
    for word in held_words(text):
        words |= dict.fromkeys([*held_words(commands.get(word, "")), word])
    return (
        *(
            message("value-shown-by", word=Resource(word), command=Code(commands[word]))
            for word in words
            if word in commands
        ),
        *(message(f"placeholder-{word.lower().replace('_', '-')}") for word in words if word not in commands),
    )


def with_meanings(text: Text, shown_by: Mapping[str, str] = MappingProxyType({})) -> Text:
    """Return a text after the commands that find what its words in capitals stand for, before descriptions.

    A command that stands in the text itself is not repeated. ``shown_by`` has commands that show the value of
    a word, where the case makes them more exact.
    """
    words = render(text)

    def is_new(one: Message) -> bool:
        command = one.values.get("command")
        return not isinstance(command, Code) or f"`{command.text}`" not in words

    said = [*filter(is_new, meanings(words, shown_by))]
    return sentences(*filter(finds_value, said), text, *filterfalse(finds_value, said))


def finds_value(text: Text) -> bool:
    """Return whether a sentence says how to find what a word in capitals stands for."""
    return isinstance(text, Message) and text.id == "value-shown-by"


def explained_commands(
    how: Text, folder: str | None, shown_by: Mapping[str, str] = MappingProxyType({})
) -> Text:
    """Return commands with the folder of the evidence, if it is known, and comments on the words that remain.

    ``how`` are commands, or a message whose values contain them; ``shown_by`` is as in :func:`with_meanings`.
    """
    if isinstance(how, str):
        how = in_folder(how, folder)
    else:
        values = {
            name: Commands(in_folder(value.text, folder)) if isinstance(value, Commands) else value
            for name, value in how.values.items()
        }
        how = replace(how, values=MappingProxyType(values))
    said = meanings(render(how), shown_by)
    shown = Commands(how) if isinstance(how, str) else how
    return message("collect-placeholders", meanings=Sentences(said), how=shown) if said else how


def in_folder(command: str, folder: str | None) -> str:
    """Return a command with the folder of the evidence in place of ``FOLDER``, if it is known."""
    if folder is None:
        return command
    # A word that is quoted already goes on after the folder: `'FOLDER/my log'`, `raw'/my log'`.
    return re.sub(r"('?)\bFOLDER\b", lambda word: f"{shell_path(folder)}{word[1]}", command)

"""A command line that starts an application server, as a shell or a container would take it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)
_SEPARATORS = {"&&", "||", ";", "|", "&"}
# Servers of which options are read; other words before a server's name are programs that run it.
_SERVERS = {"uvicorn", "gunicorn", "hypercorn", "granian"}
# Programs that only write down what is behind them, install it or end it.
_NO_RUNNERS = {"echo", "printf", "pip", "pip3", "pkill", "killall", "grep", "which"}
_SHELLS = {"sh", "bash", "ash", "dash"}
_UVICORN = {
    "--host": "host",
    "--port": "port",
    "--workers": "workers",
    "--limit-concurrency": "limit_concurrency",
    "--backlog": "backlog",
    "--timeout-keep-alive": "timeout_keep_alive_s",
}
_GUNICORN = {
    "-b": "bind",
    "--bind": "bind",
    "-w": "workers",
    "--workers": "workers",
    "--worker-connections": "limit_concurrency",
    "--backlog": "backlog",
    "--keep-alive": "timeout_keep_alive_s",
}
_HYPERCORN = {
    "-b": "bind",
    "--bind": "bind",
    "-w": "workers",
    "--workers": "workers",
    "--backlog": "backlog",
    "--keep-alive": "timeout_keep_alive_s",
}
_GRANIAN = {
    "--host": "host",
    "--port": "port",
    "--workers": "workers",
    "--backlog": "backlog",
    "--backpressure": "limit_concurrency",
}
# What a server does unless told otherwise, where that is not what uvicorn does.
_OWN: dict[str, dict[str, int | float]] = {
    "gunicorn": {"timeout_keep_alive_s": 2.0},
    "hypercorn": {"backlog": 100},
    "granian": {"backlog": 1024},
}
_FLAGS = {
    "--reload",
    "--proxy-headers",
    "--no-proxy-headers",
    "--server-header",
    "--no-server-header",
    "--date-header",
    "--no-date-header",
    "--access-log",
    "--no-access-log",
    "--use-colors",
    "--no-use-colors",
    "--factory",
    "--preload",
    "--daemon",
}
_INTEGERS = {"port", "workers", "limit_concurrency", "backlog"}


def parse_command(command: str) -> dict[str, Any] | None:
    """Read one command line.

    Parameters
    ----------
    command
        Such as ``ulimit -n 1024 && NAME=x uvicorn main:app --workers 1``.

    Returns
    -------
    dict or None
        Columns of ``app_processes`` that the command states; None when it starts neither uvicorn, gunicorn,
        hypercorn, granian nor FastAPI's own command. What stands before one (``tini --``, ``uv run``) is
        passed over, and so is an option whose number only a variable knows.

    Raises
    ------
    ValueError
        When a quote is not closed, or an option that takes a number has none.
    """
    lexer = shlex.shlex(command, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words = list(lexer)
    # The exec form of a Dockerfile or a compose file.
    if words and words[0].upper() in {"CMD", "ENTRYPOINT"}:
        words = words[1:]
    if words and words[0].startswith("["):
        words = [str(word) for word in json.loads(command[command.index("[") :])]
    for at, word in enumerate(words[:-2]):
        if word.rsplit("/", 1)[-1] in _SHELLS and re.fullmatch(r"-\w*c", words[at + 1]):
            return parse_command(words[at + 2])
    found: dict[str, Any] = {}
    environment: dict[str, str] = {}
    for part in _split(words):
        if part[:1] == ["ulimit"] and "-n" in part and part[-1].isdigit():
            found["open_files_limit"] = int(part[-1])
            continue
        where = _server_at(part)
        if where is not None:
            before = filter(None, map(_ASSIGNMENT.fullmatch, part[:where]))
            environment |= {assignment["name"]: assignment["value"] for assignment in before}
            server = part[where].rsplit("/", 1)[-1]
            rest = [_expanded(word, environment) for word in part[where + 1 + (server == "fastapi") :]]
            found |= _OWN.get(server, {}) | _options(server, rest)
            found["environment"] = json.dumps(environment, sort_keys=True, ensure_ascii=False)
            _from_environment(found, server, environment)
            if environment.get("SERVICE_NAME"):
                found["service"] = environment["SERVICE_NAME"]
            return found
        set_here = filter(None, map(_ASSIGNMENT.fullmatch, part))
        environment |= {assignment["name"]: assignment["value"] for assignment in set_here}
    return None


def _split(words: list[str]) -> Iterator[list[str]]:
    """Yield the simple commands of a line."""
    part: list[str] = []
    for word in words:
        if word in _SEPARATORS:
            yield part
            part = []
        else:
            part.append(word)
    yield part


def _server_at(words: list[str]) -> int | None:
    """Return where a command names the server that it starts: at its head, or behind what runs it."""
    programs = (word for word in words if not _ASSIGNMENT.fullmatch(word))
    if next(programs, "").rsplit("/", 1)[-1] in _NO_RUNNERS:
        return None
    for at, word in enumerate(words):
        name = word.rsplit("/", 1)[-1]
        if name in _SERVERS or (name == "fastapi" and words[at + 1 : at + 2] in (["run"], ["dev"])):
            return at
    return None


def _expanded(word: str, environment: Mapping[str, str]) -> str:
    """Return a word with the variables that are known, or have a default in place: ``${PORT:-8000}``."""

    def value(variable: re.Match[str]) -> str:
        name, default = variable[1] or variable[3], variable[2]
        return environment.get(name) or (variable[0] if default is None else default)

    return re.sub(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))", value, word)


def _options(server: str, words: list[str]) -> dict[str, Any]:
    names = {"gunicorn": _GUNICORN, "hypercorn": _HYPERCORN, "granian": _GRANIAN}.get(server, _UVICORN)
    found: dict[str, Any] = {}
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if not word.startswith("-"):
            found.setdefault("app", word)
            continue
        option, equals, value = word.partition("=")
        if option in _FLAGS:
            continue
        if not equals:
            value = words[at] if at < len(words) else ""
            at += 1
        column = names.get(option)
        if column == "bind":
            # host:port, :port, host, or unix:PATH
            host, _, port = value.rpartition(":") if ":" in value else (value, "", "")
            found["host"] = host.strip("[]") or None
            if port.isdigit():
                found["port"] = int(port)
        elif column and "$" not in value:
            found[column] = _value(option, column, value)
    return found


def _value(option: str, column: str, value: str) -> str | int | float:
    try:
        if column in _INTEGERS:
            return int(value)
        return float(value) if column.endswith("_s") else value
    except ValueError as error:
        raise ValueError(f"{option} wants a number, not {value!r}") from error


def _from_environment(found: dict[str, Any], server: str, environment: dict[str, str]) -> None:
    """Fill in what uvicorn and gunicorn read from variables when the option is not given."""
    if "workers" not in found and environment.get("WEB_CONCURRENCY", "").isdigit():
        found["workers"] = int(environment["WEB_CONCURRENCY"])
    if server in ("uvicorn", "fastapi"):
        for option, column in _UVICORN.items():
            value = environment.get("UVICORN_" + option.strip("-").upper().replace("-", "_"))
            if value is not None and column not in found:
                found[column] = _value(option, column, value)

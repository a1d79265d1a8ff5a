"""A command line that starts an application server, as a shell or a container would take it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)
_SEPARATORS = {"&&", "||", ";", "|", "&"}
# Words that may stand before the server's own name and change nothing in what it does.
_PREFIXES = {"exec", "nohup", "env", "sudo", "setsid", "poetry", "pipenv", "uv", "pdm", "run", "--"}
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
        Columns of ``app_processes`` that the command states; None when it starts neither uvicorn, nor
        gunicorn, nor FastAPI's own command.

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
        if words[:2] in (["sh", "-c"], ["bash", "-c"], ["/bin/sh", "-c"], ["/bin/bash", "-c"]):
            return parse_command(words[2]) if len(words) > 2 else None
    found: dict[str, Any] = {}
    environment: dict[str, str] = {}
    for part in _split(words):
        if part[:1] == ["ulimit"] and "-n" in part and part[-1].isdigit():
            found["open_files_limit"] = int(part[-1])
            continue
        rest = part[1:] if part[:1] == ["export"] else part
        while rest and (rest[0] in _PREFIXES or _ASSIGNMENT.fullmatch(rest[0])):
            if assignment := _ASSIGNMENT.fullmatch(rest[0]):
                environment[assignment["name"]] = assignment["value"]
            rest = rest[1:]
        server = _server(rest)
        if server:
            found |= _options(server[0], server[1])
            found["environment"] = json.dumps(environment, sort_keys=True, ensure_ascii=False)
            _from_environment(found, server[0], environment)
            if environment.get("SERVICE_NAME"):
                found["service"] = environment["SERVICE_NAME"]
            return found
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


def _server(words: list[str]) -> tuple[str, list[str]] | None:
    """Return the server's name and its arguments."""
    if not words:
        return None
    name = words[0].rsplit("/", 1)[-1]
    if re.fullmatch(r"python[\d.]*", name) and "-m" in words:
        at = words.index("-m") + 1
        words, name = words[at:], words[at] if at < len(words) else ""
    if name in {"uvicorn", "gunicorn"}:
        return name, words[1:]
    if name == "fastapi" and words[1:2] in (["run"], ["dev"]):
        return "fastapi", words[2:]
    return None


def _options(server: str, words: list[str]) -> dict[str, Any]:
    names = _GUNICORN if server == "gunicorn" else _UVICORN
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
        elif column:
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
    if server != "gunicorn":
        for option, column in _UVICORN.items():
            value = environment.get("UVICORN_" + option.strip("-").upper().replace("-", "_"))
            if value is not None and column not in found:
                found[column] = _value(option, column, value)

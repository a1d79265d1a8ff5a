"""How an application server is started: uvicorn and gunicorn command lines.

A file holds command lines as a shell would take them. A comment line before a command may name the
service and the address that it listens on: ``# behavior, 172.28.0.11``.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.schema import conform
from watchme_analysis.sources.raw import Piece, RawFile, Source

if TYPE_CHECKING:
    import pandas as pd

_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)
_ADDRESS = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:]+\]?(?::\d+)?)$")
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


def _logical_lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield first line number, number of lines and text, lines ending in a backslash joined."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        first, line = at, lines[at]
        while line.rstrip().endswith("\\") and at + 1 < len(lines):
            at += 1
            line = line.rstrip()[:-1] + " " + lines[at].strip()
        at += 1
        yield first + 1, at - first, line


def _comment(text: str) -> dict[str, str]:
    """Return service and address that a comment such as ``# behavior, 172.28.0.11`` names."""
    found: dict[str, str] = {}
    for word in re.split(r"[,\s()]+", text.lstrip("# \t")):
        if _ADDRESS.match(word):
            found.setdefault("addr", word)
        elif re.fullmatch(r"[A-Za-z0-9_.-]+", word):
            found.setdefault("service", word)
    return found


def parse_app_processes(text: str, name: str = "uvicorn_command.txt") -> tuple[pd.DataFrame, Retrieval]:
    """Read a file of command lines.

    Parameters
    ----------
    text
        The file.
    name
        Its name, for the column ``file``.

    Returns
    -------
    frame, retrieval
        Table ``app_processes``: one row per command that starts a server. A comment counts as joined to
        the command after it; a line that starts no server is rejected.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    rejected: list[Rejected] = []
    blank = joined = total = 0
    comment: dict[str, str] = {}
    for number, count, line in _logical_lines(text):
        total += count
        stripped = line.strip()
        if not stripped:
            blank += count
            continue
        if stripped.startswith("#"):
            joined += count
            comment = _comment(stripped)
            continue
        joined += count - 1
        command = re.sub(r"^\$\s+", "", stripped)
        reason = "it starts neither uvicorn nor gunicorn"
        try:
            found = parse_command(command)
        except ValueError as error:
            found, reason = None, str(error)
        if found is None:
            rejected.append(Rejected(name, number, reason, line[:2000]))
        else:
            rows.append({"file": name, "line": number, "command": command, **comment, **found})
        comment = {}
    frame = conform("app_processes", pd.DataFrame(rows))
    return frame, Retrieval(
        source="app_process",
        origin=name,
        rows=len(frame),
        lines=total,
        blank_lines=blank,
        joined_lines=joined,
        rejected=tuple(rejected),
    )


def _read(raw: RawFile) -> Iterable[Piece]:
    content = raw.content
    frame, retrieval = parse_app_processes(
        content.data.decode("utf-8-sig", errors="backslashreplace"), raw.name
    )
    service = raw.service("uvicorn_command") or raw.service("gunicorn_command")
    if service is not None:
        frame["service"] = frame["service"].fillna(service)
    if content.problem:
        retrieval = retrieval.with_notes(f"{raw.name}: {content.problem}.")
    yield Piece("app_processes", frame, retrieval)


def _looks_like(raw: RawFile) -> bool:
    head = raw.head()
    return not head.strip() or any(word in head for word in (b"uvicorn", b"gunicorn", b"fastapi"))


SOURCES = (
    Source(
        name="app_process",
        tables=("app_processes",),
        patterns=(
            "uvicorn_command*.txt",
            "gunicorn_command*.txt",
            "uvicorn*.txt",
            "start*.sh",
            "*command*.txt",
        ),
        looks_like=_looks_like,
        read=_read,
        keep=True,
        samples=(
            (
                "# api, 192.0.2.7\nulimit -n 1024 && uvicorn main:app --host 0.0.0.0 --port 8017\n",
                1,
            ),
            ("gunicorn -k uvicorn.workers.UvicornWorker \\\n  -w 4 -b :8000 main:app\n", 1),
        ),
    ),
)

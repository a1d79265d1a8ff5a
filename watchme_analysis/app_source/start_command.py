"""Start commands of servers: uvicorn, gunicorn, hypercorn, granian, uWSGI and FastAPI's own command.

Reads files of command lines in shell syntax, and the last ``CMD`` or ``ENTRYPOINT`` of a Dockerfile. A
comment before a command may name the service and the address on which it listens: ``# billing,
172.28.0.11``.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING, Any

from watchme_analysis.app_source.image_files import (
    HEREDOC,
    Image,
    build_stages,
    exec_words,
    images_of,
    logical_lines,
    reason_of_command,
)
from watchme_analysis.app_source.started_application import (
    FindFile,
    application_file,
    default_fastapi_file,
    script_of,
    server_of_script,
)
from watchme_analysis.files.evidence_file import RawFile, TablePart, is_file_below
from watchme_analysis.files.storable_values import frame_of_rows
from watchme_analysis.redact import MASK, mask_secrets, shortened
from watchme_analysis.retrieval import Rejected, Retrieval, check_lines
from watchme_analysis.text.message import Resource, value_of
from watchme_analysis.text.render import error_message, note

if TYPE_CHECKING:
    import pandas as pd

# Returns the settings of the server that a script starts, by its path and the variables that are set.
RunScript = Callable[[str, Mapping[str, str]], dict[str, Any] | None]
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)
_SEPARATORS = {"&&", "||", ";", "|", "&"}
# Programs that run the command after their options. Any other program only mentions a server.
_RUNNERS = re.compile(
    r"exec|nohup|sudo|env|nice|ionice|taskset|setsid|stdbuf|timeout|time|chroot|numactl|unshare|setpriv|runuser"
    r"|tini|dumb-init|gosu|su-exec|s6-setuidgid|chpst|catatonit|with-contenv|python[\d.]*|pypy[\d.]*"
    r"|opentelemetry-instrument|ddtrace-run|newrelic-admin|scalene|py-spy|coverage|strace|perf|watchmedo"
    r"|doppler|chamber|infisical|aws-vault|dotenv|honcho|systemd-run|entrypoint|.*entrypoint.*|.*\.sh"
)
# Programs of which only some subcommands run a command.
_WITH_SUBCOMMAND = re.compile(
    r"(uv|poetry|pipenv|pdm|rye|hatch|conda|mamba|micromamba|docker|podman|op|docker-compose)"
)
_SUBCOMMANDS = {"run", "exec"}
# Words of the shell before a command.
_KEYWORDS = {"then", "do", "else", "{", "("}
# Lines that a quote of a script may span.
_QUOTED_LINES = 100
_SHELLS = {"sh", "bash", "ash", "dash"}
# Servers whose options are parsed; words before a server's name are programs that run it.
_SERVER_OPTIONS = tomllib.loads(Path(__file__).with_name("server_options.toml").read_text(encoding="utf-8"))
_UVICORN: dict[str, str] = _SERVER_OPTIONS["options"]["uvicorn"]
UWSGI_ASYNC = tuple(_SERVER_OPTIONS["uwsgi_async"])
_INTEGERS = {"port", "workers", "threads", "limit_concurrency", "backlog"}
# What `gunicorn` reads from its folder without `--config` (docs.gunicorn.org, settings, "config").
_GUNICORN_FILE = "gunicorn.conf.py"


def parse_command(
    command: str, given: Mapping[str, str] | None = None, run_script: RunScript | None = None
) -> dict[str, Any] | None:
    """Return the settings of a command line that starts an application server; None when it starts none.

    The settings are columns of ``app_processes`` and ``app_dir``, the folder of its modules, if stated.
    Programs before the server (``tini --``, ``uv run``) are skipped, and so are options whose number is in an
    unknown variable. ``given`` are variables that are set before; ``run_script`` returns the settings of the
    server that a Python script starts. ValueError if a quote is not closed, or the number of an option is
    missing.
    """
    lexer = shlex.shlex(command, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words = list(lexer)
    # The exec form of a Dockerfile or a compose file.
    if words and words[0].upper() in {"CMD", "ENTRYPOINT"}:
        words = words[1:]
    if words and words[0].startswith("["):
        words = exec_words(command[command.index("[") :])
    for at, word in enumerate(words[:-2]):
        if word.rsplit("/", 1)[-1] in _SHELLS and re.fullmatch(r"-\w*c", words[at + 1]):
            lines = (parse_command(line, given, run_script) for line in words[at + 2].splitlines())
            return next((one for one in lines if one is not None), None)
    found: dict[str, Any] = {}
    environment = dict(given or {})
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
            stated = _options(server, rest)
            if server in ("uvicorn", "hypercorn", "granian") and "app" not in stated:
                return None
            found |= (
                _SERVER_OPTIONS["defaults"].get(server, {})
                | stated
                | {"server": "uvicorn" if server == "fastapi" else server}
            )
            found["environment"] = json.dumps(environment, sort_keys=True, ensure_ascii=False)
            _from_environment(found, server, environment)
            if environment.get("SERVICE_NAME"):
                found["service"] = environment["SERVICE_NAME"]
            return found
        script = script_of(part) if run_script is not None else None
        if script is not None and run_script is not None:
            settings = run_script(script, environment)
            if settings is not None:
                found |= settings | {"server": "uvicorn"}
                found["environment"] = json.dumps(environment, sort_keys=True, ensure_ascii=False)
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
    """Return the position of the server's name in a command: first, or after programs that run it."""
    for at, word in enumerate(words):
        name = word.rsplit("/", 1)[-1]
        if name in _SERVER_OPTIONS["options"] or (
            name == "fastapi" and words[at + 1 : at + 2] in (["run"], ["dev"])
        ):
            return at if _runs(words[:at]) else None
    return None


def _runs(before: list[str]) -> bool:
    """Return True when the words before a server's name run it, rather than mention it."""
    words = [word for word in before if not _ASSIGNMENT.fullmatch(word) and word not in _KEYWORDS]
    if not words or words[-1] == "--":
        return True
    name = words[0].rsplit("/", 1)[-1]
    if _WITH_SUBCOMMAND.fullmatch(name):
        return not _SUBCOMMANDS.isdisjoint(words)
    return _RUNNERS.fullmatch(name) is not None or words[0].startswith(("./", "/app/", "/opt/"))


def _expanded(word: str, environment: Mapping[str, str]) -> str:
    """Return a word with known variables and defaults (``${PORT:-8000}``) replaced."""

    def value(variable: re.Match[str]) -> str:
        name, default = variable[1] or variable[3], variable[2]
        return environment.get(name) or (variable[0] if default is None else default)

    return re.sub(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))", value, word)


def _options(server: str, words: list[str]) -> dict[str, Any]:
    names = _SERVER_OPTIONS["options"].get(server, _UVICORN)
    found: dict[str, Any] = {}
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if not word.startswith("-"):
            is_file = server == "uwsgi" and word.endswith((".ini", ".yaml", ".yml", ".json", ".xml"))
            found.setdefault("settings_file" if is_file else "app", word)
            continue
        option, equals, value = word.partition("=")
        if option in _SERVER_OPTIONS["flags"]:
            continue
        if not word.startswith("--") and len(option) > 2 and word[:2] in names:
            # The value of a short option may follow it at once: -w4.
            option, value = word[:2], word[2:].removeprefix("=")
        elif not equals:
            # Flags of uWSGI are too many to be listed.
            is_flag = server == "uwsgi" and words[at : at + 1] and words[at].startswith("-")
            value = words[at] if at < len(words) and not is_flag else ""
            at += not is_flag
        column = names.get(option)
        if column == "bind":
            # host:port, :port, host, or unix:PATH
            host, _, port = value.rpartition(":") if ":" in value else (value, "", "")
            found["host"] = host.strip("[]") or None
            if port.isdigit():
                found["port"] = int(port)
        elif column and "$" not in value:
            found[column] = option[2:] if option[2:] in UWSGI_ASYNC else _value(option, column, value)
    return found


def _value(option: str, column: str, value: str) -> str | int | float:
    try:
        if column in _INTEGERS:
            return int(value)
        return float(value) if column.endswith("_s") else value
    except ValueError as error:
        raise ValueError(error_message("value-option-number", option=option, value=repr(value))) from error


def _from_environment(found: dict[str, Any], server: str, environment: dict[str, str]) -> None:
    """Add the settings that uvicorn and gunicorn read from variables when an option is missing."""
    if "workers" not in found and environment.get("WEB_CONCURRENCY", "").isdigit():
        found["workers"] = int(environment["WEB_CONCURRENCY"])
    if server in ("uvicorn", "fastapi"):
        for option, column in _UVICORN.items():
            if column == "app_dir":
                continue
            value = environment.get("UVICORN_" + option.strip("-").upper().replace("-", "_"))
            if value is not None and column not in found:
                found[column] = _value(option, column, value)


def _script_lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the lines of a shell script as :func:`logical_lines` does, without texts that it writes.

    The lines of a quote are one line, and those of a here-document are left out.
    """
    lines = list(logical_lines(text))
    at, until = 0, ""
    while at < len(lines):
        number, count, line = lines[at]
        at += 1
        if until:
            until = "" if line.strip() == until else until
            continue
        if line.lstrip().startswith("#"):
            yield number, count, line
            continue
        whole = line
        for following in range(at, min(at + _QUOTED_LINES, len(lines) + 1)):
            if not _has_open_quote(whole):
                count += sum(one[1] for one in lines[at:following])
                at, line = following, whole
                break
            whole += "\n" + lines[following][2] if following < len(lines) else ""
        begun = HEREDOC.search(line)
        until = begun[1] if begun else ""
        yield number, count, line


def _has_open_quote(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return True
    return False


_WORDS = (b"uvicorn", b"gunicorn", b"fastapi", b"hypercorn", b"granian", b"uwsgi")
_ADDRESS = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:]+\]?(?::\d+)?)$")


def _comment(text: str) -> dict[str, str]:
    """Return the service and the address of a comment such as ``# billing, 172.28.0.11``."""
    found: dict[str, str] = {}
    for word in re.split(r"[,\s()]+", text.lstrip("# \t")):
        if _ADDRESS.match(word):
            found.setdefault("addr", word)
        elif re.fullmatch(r"[A-Za-z0-9_.-]+", word):
            found.setdefault("service", word)
    return found


def parse_app_processes(
    text: str, name: str = "uvicorn_command.txt", root: Path | None = None
) -> tuple[pd.DataFrame, Retrieval]:
    """Return the table ``app_processes``, one row per command that starts a server, and the retrieval.

    A comment counts as joined to the command after it; a line that starts no server is rejected. ``root`` is
    the folder of the case, in which the application's file is looked for beside the commands.
    """
    rows: list[dict[str, Any]] = []
    rejected: list[Rejected] = []
    blank = joined = total = 0
    comment: dict[str, str] = {}
    find = _beside(root, name)
    for number, count, line in _script_lines(text) if name.endswith(".sh") else logical_lines(text):
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
        try:
            found = parse_command(command, None, _script_runner(root, find))
        except ValueError as error:
            found, reason = None, reason_of_command(error)
        else:
            reason = note("reject-no-server") if found is None else ""
        if found is None:
            rejected.append(Rejected(name, number, reason, shortened(line, 2000)))
        else:
            row = {"file": name, "line": number, "command": command, **comment, **found}
            rows.append(_without_secrets(_located(row, root, find)))
        comment = {}
    notes: list[str] = []
    frame = frame_of_rows("app_processes", rows, notes)
    if not name.endswith(".sh"):
        check_lines(name, total, len(frame) + len(rejected) + blank + joined)
    return frame, Retrieval(
        source="app_process",
        origin=name,
        rows=len(frame),
        lines=total,
        blank_lines=blank,
        joined_lines=joined,
        rejected=tuple(rejected),
        notes=tuple(notes),
    )


def _without_secrets(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with secrets masked in its variables and in its command."""
    given = json.loads(row["environment"])
    masked = mask_secrets(given)
    command = row["command"]
    for variable in (name for name, value in given.items() if value != masked[name]):
        command = re.sub(rf"\b{variable}=(\"[^\"]*\"|'[^']*'|\S*)", f"{variable}={MASK}", command)
    return row | {"environment": json.dumps(masked, sort_keys=True, ensure_ascii=False), "command": command}


def _beside(root: Path | None, name: str) -> FindFile:
    """Return a search for files beside a file of commands."""

    def find(path: str) -> str | None:
        relative = normpath(join(dirname(name), path))
        return relative if root is not None and is_file_below(root, relative) else None

    return find


def _script_runner(root: Path | None, find: FindFile) -> RunScript | None:
    """Return the way to read the server that a script starts; None without a folder."""
    if root is None:
        return None

    def run(script: str, environment: Mapping[str, str]) -> dict[str, Any] | None:
        file = find(script)
        settings = server_of_script(root, file, environment) if file is not None else None
        if file is None or settings is None:
            return None
        if ":" in settings.get("app", ""):
            # The variable is one of the script itself, or imported there.
            variable = settings["app"].partition(":")[2]
            settings["application_file"] = application_file(root, f"{script}:{variable}", find)
        return settings

    return run


def _located(row: dict[str, Any], root: Path | None, find: FindFile) -> dict[str, Any]:
    """Return a row with the file of its application, if it is found."""
    folder = row.pop("app_dir", "") or ""
    if root is not None and row.get("server") == "gunicorn":
        row = _with_settings_file(row, root, find)
    if root is None or row.get("application_file") is not None:
        return row
    app, service = row.get("app"), row.get("service")
    variables = json.loads(row["environment"])
    folders = (folder, *filter(None, str(variables.get("PYTHONPATH", "")).split(":")))
    if app is None:
        return row | {"application_file": default_fastapi_file(find)}
    # Beside other services, the file of a service carries its name: app-billing.py.
    own = find(f"{app.partition(':')[0]}-{service}.py") if service else None
    return row | {"application_file": own or application_file(root, app, find, folders)}


def _with_settings_file(row: dict[str, Any], root: Path, find: FindFile) -> dict[str, Any]:
    """Return the row of a gunicorn with what its configuration file sets and the command does not.

    What the file computes remains unknown.
    """
    stated = row.get("settings_file")
    file = find((stated or _GUNICORN_FILE).removeprefix("file:"))
    if file is None:
        return row
    try:
        module = ast.parse((root / file).read_bytes())
    except (SyntaxError, ValueError):
        return row | {"settings_file": file}
    assigned: dict[str, Any] = {"worker_class": "sync", "workers": 1, "threads": 1}
    for statement in module.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        for target in (one for one in targets if isinstance(one, ast.Name)):
            literal = statement.value if isinstance(statement, ast.Assign) else None
            assigned[target.id] = literal.value if isinstance(literal, ast.Constant) else None
    found = {
        name: assigned[name]
        for name, kind in (("worker_class", str), ("workers", int), ("threads", int), ("backlog", int))
        if row.get(name) is None and isinstance(assigned.get(name), kind)
    }
    return row | found | {"settings_file": file}


def parse_dockerfile(
    text: str, name: str = "Dockerfile", root: Path | None = None
) -> tuple[pd.DataFrame, Retrieval]:
    """Return the process that the ``ENTRYPOINT`` and ``CMD`` of a Dockerfile start, with its variables.

    ``app_processes`` has one row when the image starts a server, else none. Lines are not counted, because
    the others are irrelevant to this table. The files that ``COPY`` puts into the image are looked for below
    ``root``.
    """
    rows: list[dict[str, Any]] = []
    problems: list[tuple[int, str, str]] = []
    stages = build_stages(text, problems)
    rejected = [Rejected(name, line, reason, shortened(found, 2000)) for line, reason, found in problems]
    images: list[Image | None] = [*images_of(root, name, stages)] if root is not None and stages else [None]
    instructions = stages[-1].started() if stages else []
    for started in instructions:
        # The build context is unknown: the nearest folder that has the application's file.
        for image in images:
            find = image.file if image is not None else _nothing
            try:
                found = parse_command(started.text, stages[-1].environment, _script_runner(root, find))
            except ValueError as error:
                rejected.append(
                    Rejected(name, started.line, reason_of_command(error), shortened(started.text, 2000))
                )
                break
            if found is None:
                continue
            row = {"file": name, "line": started.line, "command": started.text, **found}
            row = _located(row, root, find)
            if not rows or row.get("application_file") is not None:
                rows = [_without_secrets(row)]
            if row.get("application_file") is not None:
                break
        if rows:
            break
    # The base image may have one; a CMD that a line before it has swallowed is missing as well.
    notes: list[str] = [] if instructions else [note("note-no-start-command", file=Resource(name))]
    frame = frame_of_rows("app_processes", rows, notes)
    return frame, Retrieval(
        source="app_process", origin=name, rows=len(frame), rejected=tuple(rejected), notes=tuple(notes)
    )


def _nothing(path: str) -> None:
    """Return None: without a folder, no file is found."""


def read_dockerfile(raw: RawFile) -> Iterable[TablePart]:
    """Yield the process that an image starts, and the settings of the image."""
    text = raw.content.data.decode("utf-8-sig", errors="backslashreplace")
    yield TablePart("app_processes", *parse_dockerfile(text, raw.relative, raw.root))
    stages = build_stages(text)
    if stages:
        # The settings of the image, which those of a compose file go over.
        last = stages[-1]
        values = {
            "base": last.base,
            **{f"healthcheck.{name}": value for name, value in last.healthcheck.items()},
        }
        rows = [
            {"file": raw.relative, "service": None, "path": f"image.{name}", "value": json.dumps(value)}
            for name, value in values.items()
        ]
        frame = frame_of_rows("compose_settings", rows, raw.remarks)
        yield TablePart("compose_settings", frame, Retrieval("dockerfile", raw.relative, rows=len(frame)))


def read_commands(raw: RawFile) -> Iterable[TablePart]:
    """Yield the processes that the command lines of a file start."""
    content = raw.content
    frame, retrieval = parse_app_processes(
        content.data.decode("utf-8-sig", errors="backslashreplace"), raw.relative, raw.root
    )
    if raw.name.endswith((".sh", ".service")):
        # The other lines of a script or systemd unit are irrelevant to this table.
        errors = tuple(
            piece
            for piece in retrieval.rejected
            if piece.reason != note("reject-no-server")
            and any(word.decode() in piece.text for word in _WORDS)
        )
        retrieval = replace(retrieval, lines=0, blank_lines=0, joined_lines=0, rejected=errors)
    service = raw.service("uvicorn_command") or raw.service("gunicorn_command")
    if raw.name.endswith(".service"):
        service = Path(raw.name).stem
    if service is not None:
        frame["service"] = frame["service"].fillna(service)
    if content.problem:
        lost = note("note-of-file", file=Resource(raw.relative), note=value_of(content.problem))
        retrieval = retrieval.with_notes(lost)
    yield TablePart("app_processes", frame, retrieval)

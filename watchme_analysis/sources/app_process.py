"""How an application server is started: command lines of uvicorn, gunicorn and their like.

A file holds command lines as a shell would take them. A comment line before a command may name the
service and the address that it listens on: ``# behavior, 172.28.0.11``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from watchme_analysis.redact import MASK, shortened
from watchme_analysis.retrieval import Rejected, Retrieval, check_lines
from watchme_analysis.sources.lambda_functions import mask_secrets
from watchme_analysis.sources.python_source.command import parse_command
from watchme_analysis.sources.raw import Piece, RawFile, Source
from watchme_analysis.sources.storable import frame_of_rows

if TYPE_CHECKING:
    import pandas as pd

_WORDS = (b"uvicorn", b"gunicorn", b"fastapi", b"hypercorn", b"granian")
_NO_SERVER = "it starts no server that is known here"
_ADDRESS = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:]+\]?(?::\d+)?)$")


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
        reason = _NO_SERVER
        try:
            found = parse_command(command)
        except ValueError as error:
            found, reason = None, str(error)
        if found is None:
            rejected.append(Rejected(name, number, reason, shortened(line, 2000)))
        else:
            row = {"file": name, "line": number, "command": command, **comment, **found}
            rows.append(_without_secrets(row))
        comment = {}
    notes: list[str] = []
    frame = frame_of_rows("app_processes", rows, notes)
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
    """Return a row whose variables are masked where they look like secrets, in the command as well."""
    given = json.loads(row["environment"])
    masked = mask_secrets(given)
    command = row["command"]
    for variable in (name for name, value in given.items() if value != masked[name]):
        command = re.sub(rf"\b{variable}=(\"[^\"]*\"|'[^']*'|\S*)", f"{variable}={MASK}", command)
    return row | {"environment": json.dumps(masked, sort_keys=True, ensure_ascii=False), "command": command}


def parse_dockerfile(text: str, name: str = "Dockerfile") -> tuple[pd.DataFrame, Retrieval]:
    """Read the last ``CMD`` or ``ENTRYPOINT`` of a Dockerfile, with its ``ENV`` lines.

    Returns
    -------
    frame, retrieval
        Table ``app_processes``: one row when the image starts a server, else none. Lines are not counted: the
        others are none of this table's business.
    """
    environment: dict[str, str] = {}
    row: dict[str, Any] = {}
    rejected = []
    for number, _, line in _logical_lines(text):
        word, _, rest = line.strip().partition(" ")
        if word.upper() == "ENV":
            environment |= dict(re.findall(r"(\w+)=(\S+)", rest))
        elif word.upper() in ("CMD", "ENTRYPOINT"):
            try:
                found = parse_command(line.strip())
            except ValueError as error:
                rejected.append(Rejected(name, number, str(error), shortened(line, 2000)))
                continue
            if found:
                given = environment | json.loads(found["environment"])
                row = {"file": name, "line": number, "command": rest.strip(), **found}
                row["environment"] = json.dumps(given, sort_keys=True, ensure_ascii=False)
    notes: list[str] = []
    frame = frame_of_rows("app_processes", [_without_secrets(row)] if row else [], notes)
    return frame, Retrieval(
        source="app_process", origin=name, rows=len(frame), rejected=tuple(rejected), notes=tuple(notes)
    )


def _read_dockerfile(raw: RawFile) -> Iterable[Piece]:
    text = raw.content.data.decode("utf-8-sig", errors="backslashreplace")
    yield Piece("app_processes", *parse_dockerfile(text, raw.relative))


def _read(raw: RawFile) -> Iterable[Piece]:
    content = raw.content
    frame, retrieval = parse_app_processes(
        content.data.decode("utf-8-sig", errors="backslashreplace"), raw.relative
    )
    if raw.name.endswith(".sh"):
        # The other lines of a script are none of this table's business.
        errors = tuple(piece for piece in retrieval.rejected if piece.reason != _NO_SERVER)
        retrieval = replace(retrieval, lines=0, blank_lines=0, joined_lines=0, rejected=errors)
    service = raw.service("uvicorn_command") or raw.service("gunicorn_command")
    if service is not None:
        frame["service"] = frame["service"].fillna(service)
    if content.problem:
        retrieval = retrieval.with_notes(f"{raw.relative}: {content.problem}.")
    yield Piece("app_processes", frame, retrieval)


def _looks_like(raw: RawFile) -> bool:
    head = raw.head()
    return not head.strip() or any(word in head for word in _WORDS)


SOURCES = (
    Source(
        name="app_process",
        tables=("app_processes",),
        patterns=(
            "uvicorn_command*.txt",
            "gunicorn_command*.txt",
            "uvicorn*.txt",
            "start*.sh",
            "*entrypoint*.sh",
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
    Source(
        name="dockerfile",
        tables=("app_processes",),
        patterns=("Dockerfile*", "*.dockerfile"),
        looks_like=lambda raw: not raw.head().strip() or b"FROM" in raw.head().upper(),
        read=_read_dockerfile,
        keep=True,
        samples=(('FROM python:3.11\nCMD ["uvicorn", "main:app", "--port", "8017"]\n', 1),),
    ),
)

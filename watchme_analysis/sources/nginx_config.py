"""Nginx configurations, read by crossplane with their includes expanded.

An edge that is an Nginx (``edge.conf``) is read the same way, as layer ``edge``.
"""

from __future__ import annotations

import glob
import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.schema import conform
from watchme_analysis.sources.raw import Piece, RawFile, Source

if TYPE_CHECKING:
    import pandas as pd

# Ids of the second main file of a folder start here, so that an id stays unique within its layer.
IDS_PER_FILE = 1_000_000
MAIN_PATTERNS = ("nginx*.conf", "edge*.conf")
PART_PATTERNS = ("conf.d/*.conf", "sites-enabled/*", "sites-available/*")
MAX_INCLUDE_DEPTH = 10
_STATEMENT = re.compile(
    rb"^\s*(?:(?:events|http|server|location\s[^\n{;]+|upstream\s+\S+)\s*\{"
    rb"|(?:proxy_pass|worker_processes|listen|include|server_name)\s+[^\n;]+;)",
    re.MULTILINE,
)
_WHOLE_SERVER = re.compile(rb"^\s*(?:http|server)\s*\{.*^\s*(?:listen|location)\s", re.MULTILINE | re.DOTALL)


@dataclass
class _Reading:
    """What is gathered while a main file and its includes are walked."""

    root: RawFile
    layer: str
    next_id: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    truncated: bool = False


def parse_nginx_config(text: str, name: str = "nginx.conf") -> tuple[list[dict[str, Any]], list[Rejected]]:
    """Parse one configuration file as crossplane sees it; includes are left as they stand.

    Parameters
    ----------
    text
        The configuration.
    name
        Name for the rejected pieces.

    Returns
    -------
    statements, rejected
        Statements as crossplane's payload has them (``directive``, ``line``, ``args``, ``block``). When
        the text breaks off, or a brace is one too many, the statements before that place are kept, the
        open blocks are closed, and the rest is rejected.
    """
    import crossplane

    with tempfile.TemporaryDirectory(prefix="watchme-") as folder:
        path = Path(folder) / "nginx.conf"

        def payload(content: str) -> dict[str, Any]:
            path.write_text(content, encoding="utf-8")
            answer = crossplane.parse(str(path), single=True, check_ctx=False)
            config: dict[str, Any] = answer["config"][0]
            return config

        config = payload(text)
        rejected = []
        if not config["parsed"] and config["errors"]:
            repaired, line, reason = _repair(path)
            tail = text.splitlines()[line - 1 :]
            rejected.append(Rejected(name, line, reason, "\n".join(tail)[:2000]))
            config = payload(repaired)
    lines = text.splitlines()
    for error in config["errors"]:
        number = error["line"] or 0
        # crossplane ends its sentence with the file's name and line, which stand in their own columns.
        reason = re.sub(r" in \S+nginx\.conf:\d+$", "", str(error["error"]))
        content = lines[number - 1] if 0 < number <= len(lines) else ""
        rejected.append(Rejected(name, number, reason, content[:2000]))
    return config["parsed"], rejected


def _repair(path: Path) -> tuple[str, int, str]:
    """Return the whole statements of a broken file with the open blocks closed, where it broke, and why."""
    import crossplane
    from crossplane.errors import NgxParserBaseException

    tokens: list[tuple[str, int, bool]] = []
    reason = "the file ends inside a statement"
    line = 1
    try:
        for token, line, quoted in crossplane.lex(str(path)):
            if quoted or not token.startswith("#"):
                tokens.append((token, line, quoted))
    except NgxParserBaseException as error:
        reason, line = str(error.strerror), error.lineno or line
    whole = 0
    for at, (token, _, quoted) in enumerate(tokens, 1):
        if token in (";", "{", "}") and not quoted:
            whole = at
    if whole < len(tokens):
        line = tokens[whole][1]
    text, at_line, depth = "", 1, 0
    for token, token_line, quoted in tokens[:whole]:
        text += "\n" * (token_line - at_line) + " "
        at_line = max(at_line, token_line)
        if not quoted and token in "{}":
            depth += 1 if token == "{" else -1
        text += '"' + token.replace('"', '\\"') + '"' if quoted else token
    return text + "}" * depth + "\n", line, reason


def _decode(data: bytes) -> str:
    return data.decode("utf-8-sig", errors="backslashreplace")


def _included(main: RawFile, pattern: str) -> list[RawFile]:
    """Return the files of the imported folder that an include means; never one from outside of it.

    A relative pattern counts from the main file's folder, as in nginx. An absolute one names a place on
    the machine that was recorded: its tail is looked for beside the main file (``/etc/nginx/conf.d/*.conf``
    as ``conf.d/*.conf``).
    """
    parts = [part for part in PurePosixPath(pattern).parts if part not in ("/", ".", "..")]
    tails = [parts] if not pattern.startswith("/") else [parts[at:] for at in range(len(parts))]
    base = main.path.parent
    for tail in tails:
        wild = any(glob.has_magic(part) for part in tail)
        if not tail or (wild and len(tail) == 1 and pattern.startswith("/")):
            continue
        relative = "/".join(tail)
        found = {path for name in (relative, f"{relative}.gz") for path in base.glob(name) if path.is_file()}
        found = {path for path in found if path.resolve().is_relative_to(main.root.resolve())}
        if found:
            return [
                RawFile(main.root, path.relative_to(main.root).as_posix(), main.zone, main.settings)
                for path in sorted(found)
            ]
    return []


def _walk(
    reading: _Reading, raw: RawFile, statements: list[dict[str, Any]], parent: int | None, stack: list[str]
) -> None:
    """Add a row for each statement, depth first, descending into includes where they stand."""
    for statement in statements:
        number = reading.next_id
        reading.next_id += 1
        block = statement.get("block")
        reading.rows.append(
            {
                "file": raw.name,
                "line": statement["line"],
                "layer": reading.layer,
                "id": number,
                "parent": parent,
                "directive": statement["directive"],
                "args": json.dumps(statement["args"], ensure_ascii=False),
                "block": block is not None,
            }
        )
        if block is not None:
            _walk(reading, raw, block, number, stack)
        elif statement["directive"] == "include" and statement["args"]:
            pattern = statement["args"][0]
            files = _included(reading.root, pattern)
            if not files:
                reading.notes.append(f"{raw.name}:{statement['line']} includes {pattern}, which is not here.")
            for file in files:
                _walk_file(reading, file, parent, stack)


def _walk_file(reading: _Reading, raw: RawFile, parent: int | None, stack: list[str]) -> None:
    if raw.name in stack or len(stack) >= MAX_INCLUDE_DEPTH:
        reading.notes.append(f"{raw.name} is included by itself ({' > '.join(stack)}); the circle is cut.")
        return
    content = raw.content
    statements, rejected = parse_nginx_config(_decode(content.data), raw.name)
    reading.rejected.extend(rejected)
    if content.problem:
        reading.rejected.append(Rejected(raw.name, 0, content.problem))
        reading.truncated = True
    _walk(reading, raw, statements, parent, [*stack, raw.name])


def _layer(raw: RawFile) -> str:
    return "edge" if Path(raw.name).name.startswith("edge") else "nginx"


def _mains(raw: RawFile) -> list[RawFile]:
    """Return the main configurations of the imported folder, in a fixed order."""
    found = []
    for path in sorted(raw.root.rglob("*.conf")) + sorted(raw.root.rglob("*.conf.gz")):
        main = RawFile(raw.root, path.relative_to(raw.root).as_posix(), raw.zone, raw.settings)
        if path.is_file() and any(PurePosixPath(main.name).match(pattern) for pattern in MAIN_PATTERNS):
            found.append(main)
    return found


def _includes_of(main: RawFile, stack: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the names of all files that a main file includes, directly or not."""
    for pattern in re.findall(r"^\s*include\s+[\"']?([^;\"']+)", _decode(main.content.data), re.MULTILINE):
        for file in _included(main, pattern.strip()):
            if file.name not in stack and len(stack) < MAX_INCLUDE_DEPTH:
                yield file.name
                yield from _includes_of(file, (*stack, file.name))


def read_nginx_config(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Read a configuration and everything it includes.

    Parameters
    ----------
    raw
        ``nginx.conf``, ``edge.conf``, or a part such as ``conf.d/api.conf`` that no main file includes.

    Returns
    -------
    frame, retrieval
        Table ``config_directives``: one row per directive in the order nginx reads them, the ``include``
        statements themselves among them. A part that a main file includes gives no rows of its own.
        Missing includes stand in the notes.
    """
    import pandas as pd

    mains = _mains(raw)
    owner = next((m for m in mains if m.name != raw.name and raw.name in set(_includes_of(m))), None)
    names = [main.name for main in mains if _layer(main) == _layer(raw)]
    index = names.index(raw.name) if raw.name in names else len(names) + _part_index(raw)
    reading = _Reading(raw, _layer(raw), index * IDS_PER_FILE)
    if owner is None:
        _walk_file(reading, raw, None, [])
    else:
        reading.notes.append(f"{raw.name} is read where {owner.name} includes it.")
    frame = conform("config_directives", pd.DataFrame(reading.rows))
    return frame, Retrieval(
        source="nginx_config",
        origin=raw.name,
        rows=len(frame),
        rejected=tuple(reading.rejected),
        truncated=reading.truncated,
        notes=tuple(dict.fromkeys(reading.notes)),
    )


def _part_index(raw: RawFile) -> int:
    everything = sorted(p.relative_to(raw.root).as_posix() for p in raw.root.rglob("*") if p.is_file())
    return everything.index(raw.relative)


def _read(raw: RawFile) -> Iterable[Piece]:
    yield Piece("config_directives", *read_nginx_config(raw))


def _looks_like(raw: RawFile) -> bool:
    head = raw.head()
    return not head.strip() or _STATEMENT.search(head) is not None


def _looks_like_server(raw: RawFile) -> bool:
    return raw.name.endswith(".conf") and _WHOLE_SERVER.search(raw.head()) is not None


SOURCES = (
    Source(
        name="nginx_config",
        tables=("config_directives",),
        patterns=MAIN_PATTERNS + PART_PATTERNS,
        looks_like=_looks_like,
        read=_read,
        keep=True,
        samples=(
            ("events {}\nhttp {\n  server {\n    listen 80;\n  }\n}\n", 4),
            ("server {\n  listen 443 ssl;\n  location /a/ { proxy_pass http://127.0.0.1:8017/; }\n}\n", 4),
        ),
    ),
    Source(
        name="nginx_config_part",
        tables=("config_directives",),
        patterns=(),
        looks_like=_looks_like_server,
        read=_read,
        by_content=True,
        keep=True,
        samples=(("server {\n  listen 80;\n  return 204;\n}\n", 3),),
    ),
)

"""Nginx configurations: parsed by crossplane, with their includes where they stand, also when truncated.

An edge that is an Nginx (``edge.conf``) is read the same way, as layer ``edge``. Includes are followed by one
rule (:func:`included_files`) and never out of the imported folder.
"""

from __future__ import annotations

import contextlib
import glob
import json
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from watchme_analysis.files.evidence_file import PACKED_ENDINGS, RawFile, link_problem
from watchme_analysis.files.lines import split_text
from watchme_analysis.files.storable_values import frame_of_rows
from watchme_analysis.redact import shortened
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.text.message import CodePlace, Resource
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import pandas as pd


# Ids of the second main file of a folder start here, so that an id stays unique within its layer.
IDS_PER_FILE = 1_000_000
# Names of main configurations.
MAIN_PATTERNS = ("nginx*.conf", "edge*.conf")
# Files that include each other deeper than this are taken for a circle.
MAX_INCLUDE_DEPTH = 10
# Blocks within blocks. Real configurations have fewer than ten; crossplane calls itself for each, and at some
# depth, which depends on Python, it ends or reports a wrong error.
MAX_NESTED_BLOCKS = 100
_STATEMENT = re.compile(
    rb"^\s*(?:(?:events|http|server|location\s[^\n{;]+|upstream\s+\S+)\s*\{"
    rb"|(?:proxy_pass|worker_processes|listen|include|server_name)\s+[^\n;]+;)",
    re.MULTILINE,
)
_DIRECTIVE = re.compile(rb"^\s*[a-z_]+\s[^\n]*[;{]\s*$", re.MULTILINE)
_INCLUDE = re.compile(r"(?:^|[;{}])\s*include\s+[\"']?([^;\"'\n]+)", re.MULTILINE)
_DUMPED = re.compile(r"# configuration file (\S+):\s*$")
_WHOLE_SERVER = re.compile(rb"^\s*(?:http|server)\s*\{.*^\s*(?:listen|location)\s", re.MULTILINE | re.DOTALL)


def parse_nginx_config(text: str, name: str = "nginx.conf") -> tuple[list[dict[str, Any]], list[Rejected]]:
    """Parse one configuration file as crossplane sees it; includes are left as they stand.

    ``name``: name for the rejected pieces.

    Statements as crossplane's payload has them (``directive``, ``line``, ``args``, ``block``). When the text
    breaks off, or a brace is one too many, the statements before that place are kept, the open blocks are
    closed, and the rest is rejected. A text whose blocks are nested more than :data:`MAX_NESTED_BLOCKS` deep
    is rejected as a whole.
    """
    import crossplane

    with tempfile.TemporaryDirectory(prefix="watchme-") as folder:
        path = Path(folder) / "nginx.conf"
        # crossplane ignores a last word that no space follows.
        path.write_text(f"{text}\n", encoding="utf-8")
        # Few configurations have so many blocks that they must be read twice.
        if text.count("{") > MAX_NESTED_BLOCKS and _is_nested_too_deeply(path):
            return [], [Rejected(name, 0, note("reject-nginx-nested"), shortened(text, 2000))]

        def payload() -> dict[str, Any]:
            answer = crossplane.parse(str(path), single=True, check_ctx=False)
            config: dict[str, Any] = answer["config"][0]
            return config

        rejected = []
        config = payload()
        if not config["parsed"] and config["errors"]:
            repaired, line, reason = _repair(path)
            tail = split_text(text)[line - 1 :]
            rejected.append(Rejected(name, line, reason, shortened("\n".join(tail), 2000)))
            path.write_text(repaired, encoding="utf-8")
            config = payload()
    lines = split_text(text)
    for error in config["errors"]:
        number = error["line"] or 0
        # crossplane ends its sentence with the file's name and line, which stand in their own columns.
        reason = re.sub(r" in \S+nginx\.conf:\d+$", "", str(error["error"]))
        content = lines[number - 1] if 0 < number <= len(lines) else ""
        rejected.append(
            Rejected(name, number, note("reject-nginx", error=Resource(reason)), shortened(content, 2000))
        )
    return config["parsed"], rejected


def included_files(main: RawFile, pattern: str) -> list[RawFile]:
    """Return the files of the imported folder that an include means.

    A relative pattern counts from the main file's folder, as in nginx. An absolute one names a place on
    the machine that was recorded: its tail is looked for beside the main file (``/etc/nginx/conf.d/*.conf``
    as ``conf.d/*.conf``). Nothing outside of the imported folder is read.
    """
    parts = [part for part in PurePosixPath(pattern).parts if part not in ("/", ".", "..")]
    tails = [parts] if not pattern.startswith("/") else [parts[at:] for at in range(len(parts))]
    base = main.path.parent
    for tail in tails:
        wild = any(glob.has_magic(part) for part in tail)
        if not tail or (wild and len(tail) == 1 and pattern.startswith("/")):
            continue
        relative = "/".join(tail)
        names = (relative, *(relative + ending for ending in PACKED_ENDINGS))
        found = {path for name in names for path in base.glob(name) if path.is_file()}
        found = {path for path in found if path.resolve().is_relative_to(main.root.resolve())}
        if found:
            return [
                RawFile(
                    main.root,
                    path.relative_to(main.root).as_posix(),
                    main.zone,
                    main.settings,
                    known=main.known,
                )
                for path in sorted(found)
            ]
    return []


def _is_nested_too_deeply(path: Path) -> bool:
    """Return whether blocks are nested more than :data:`MAX_NESTED_BLOCKS` deep."""
    import crossplane
    from crossplane.errors import NgxParserBaseException

    depth = 0
    with contextlib.suppress(NgxParserBaseException):
        for token, _, quoted in crossplane.lex(str(path)):
            if token in ("{", "}") and not quoted:
                depth += 1 if token == "{" else -1
            if depth > MAX_NESTED_BLOCKS:
                return True
    return False


def _repair(path: Path) -> tuple[str, int, str]:
    """Return the whole statements of a broken file with the open blocks closed, where it broke, and why."""
    import crossplane
    from crossplane.errors import NgxParserBaseException

    tokens: list[tuple[str, int, bool]] = []
    reason: str = note("reject-nginx-end")
    line = 1
    try:
        for token, line, quoted in crossplane.lex(str(path)):
            if quoted or not token.startswith("#"):
                tokens.append((token, line, quoted))
    except NgxParserBaseException as error:
        reason, line = note("reject-nginx", error=Resource(str(error.strerror))), error.lineno or line
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


@dataclass(frozen=True)
class Statement:
    """A directive of a configuration, in the order in which nginx reads it.

    ``file``, ``line``: where it stands; line numbers of an ``nginx -T`` output count in that output;
    ``number``, ``parent``: position among all statements, and that of the block around it; None at the top;
    ``directive``, ``args``: name and arguments as crossplane reads them; ``is_block``: whether it has braces.
    """

    file: str
    line: int
    number: int
    parent: int | None
    directive: str
    args: tuple[str, ...]
    is_block: bool


@dataclass
class Configuration:
    """A main file with everything that it includes.

    - ``statements``: directives in the order in which nginx reads them, the ``include`` statements among
      them.
    - ``rejected``: parts that are no statements.
    - ``missing``: sentences about includes that are not in the imported folder.
    - ``circles``: sentences about files that include themselves.
    - ``truncated``: true when a file ends early.
    - ``is_dump``: true when the file is the output of ``nginx -T``, which holds its includes.
    """

    statements: list[Statement] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    circles: list[str] = field(default_factory=list)
    truncated: bool = False
    is_dump: bool = False


@dataclass(frozen=True)
class _Part:
    """The text of one configuration file, under the name of the file at hand and one of its own."""

    file: str
    key: str
    text: str
    problem: str | None


def _decode(data: bytes) -> str:
    return data.decode("utf-8-sig", errors="backslashreplace")


def _part(raw: RawFile) -> _Part:
    return _Part(raw.relative, raw.name, _decode(raw.content.data), raw.content.problem)


def _dump(main: _Part) -> list[_Part]:
    """Return the files inside the output of ``nginx -T``, the main one first; none when it is no such output.

    Each keeps its lines where they stand in the output, so that line numbers fit the file at hand.
    """
    lines = split_text(main.text)
    starts = [(at, found[1]) for at, line in enumerate(lines) if (found := _DUMPED.match(line))]
    ends = [at for at, _ in starts[1:]] + [len(lines)]
    return [
        _Part(main.file, path, "\n" * (at + 1) + "\n".join(lines[at + 1 : end]) + "\n", None)
        for (at, path), end in zip(starts, ends, strict=False)
    ]


def parse_configuration(main: RawFile) -> Configuration:
    """Return the statements of a main file and of everything it includes, in nginx's order.

    Includes are looked for by :func:`included_files`, and those of an ``nginx -T`` output in that output.
    """
    part = _part(main)
    dumped = _dump(part)
    found = Configuration(is_dump=bool(dumped))

    def included(pattern: str) -> list[_Part]:
        if not dumped:
            return [_part(raw) for raw in included_files(main, pattern)]
        base = PurePosixPath(dumped[0].key).parent
        whole = pattern if pattern.startswith("/") else str(base / pattern)
        return [part for part in dumped[1:] if PurePosixPath(part.key).match(whole)]

    def add_file(part: _Part, parent: int | None, stack: list[str]) -> None:
        if part.key in stack or len(stack) >= MAX_INCLUDE_DEPTH:
            way = Resource(" > ".join(stack))
            found.circles.append(note("note-include-circle", file=Resource(part.key), way=way))
            return
        statements, rejected = parse_nginx_config(part.text, part.file)
        found.rejected.extend(rejected)
        if part.problem:
            found.rejected.append(Rejected(part.file, 0, part.problem))
            found.truncated = True
        add_statements(part, statements, parent, [*stack, part.key])

    def add_statements(
        part: _Part, statements: list[dict[str, Any]], parent: int | None, stack: list[str]
    ) -> None:
        for statement in statements:
            number, line = len(found.statements), statement["line"]
            name, args, block = statement["directive"], tuple(statement["args"]), statement.get("block")
            found.statements.append(Statement(part.file, line, number, parent, name, args, block is not None))
            if block is not None:
                add_statements(part, block, number, stack)
            elif name == "include" and args:
                inner = included(args[0])
                if not inner:
                    found.missing.append(
                        note("note-include-missing", place=CodePlace(part.file, line), file=Resource(args[0]))
                    )
                for file in inner:
                    add_file(file, parent, stack)

    add_file(dumped[0] if dumped else part, None, [])
    return found


def _layer(raw: RawFile) -> str:
    return "edge" if Path(raw.name).name.startswith("edge") else "nginx"


def _mains(raw: RawFile) -> list[RawFile]:
    """Return the main configurations of the imported folder, in a fixed order."""
    found = []
    names = ("*.conf", *(f"*.conf{ending}" for ending in PACKED_ENDINGS))
    for path in (path for name in names for path in sorted(raw.root.rglob(name))):
        main = RawFile(
            raw.root, path.relative_to(raw.root).as_posix(), raw.zone, raw.settings, known=raw.known
        )
        if link_problem(raw.root, path):
            continue
        if path.is_file() and any(PurePosixPath(main.name).match(pattern) for pattern in MAIN_PATTERNS):
            found.append(main)
    return found


def _includes_of(main: RawFile) -> list[str]:
    """Return the names of all files that a main file includes, directly or not."""
    found: dict[str, None] = {}
    open_files = [main]
    while open_files:
        for pattern in _INCLUDE.findall(_decode(open_files.pop().content.data)):
            # Wherever it stands, a relative pattern counts from the main file's folder.
            for file in included_files(main, pattern.strip()):
                if file.name not in found:
                    found[file.name] = None
                    open_files.append(file)
    return list(found)


def _owner(raw: RawFile) -> RawFile | None:
    """Return the main configuration that includes a file, None when none does."""
    return next(
        (main for main in _mains(raw) if main.name != raw.name and raw.name in _includes_of(main)), None
    )


def read_nginx_config(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Read a configuration and everything it includes.

    ``raw``: ``nginx.conf`` (or the output of ``nginx -T`` under that name), ``edge.conf``, or a part such as
    ``conf.d/api.conf`` that no main file includes.

    Table ``config_directives``: one row per directive in the order nginx reads them, the ``include``
    statements themselves among them. A part that a main file includes gives no rows of its own. Missing
    includes stand in the notes.
    """
    mains = _mains(raw)
    owner = _owner(raw)
    names = [main.name for main in mains if _layer(main) == _layer(raw)]
    index = names.index(raw.name) if raw.name in names else len(names) + _part_index(raw)
    notes: list[str] = []
    found = Configuration()
    if owner is None:
        found = parse_configuration(raw)
    else:
        notes.append(note("note-config-part", part=Resource(raw.name), main=Resource(owner.name)))
    first_id = index * IDS_PER_FILE
    rows = [
        {
            "file": statement.file,
            "line": statement.line,
            "layer": _layer(raw),
            "id": first_id + statement.number,
            "parent": None if statement.parent is None else first_id + statement.parent,
            "directive": statement.directive,
            "args": json.dumps(statement.args, ensure_ascii=False),
            "block": statement.is_block,
        }
        for statement in found.statements
    ]
    frame = frame_of_rows("config_directives", rows, raw.remarks)
    return frame, Retrieval(
        source="nginx_config",
        origin=raw.relative,
        rows=len(frame),
        rejected=tuple(found.rejected),
        truncated=found.truncated,
        notes=tuple(dict.fromkeys([*notes, *found.missing, *found.circles])),
    )


def _part_index(raw: RawFile) -> int:
    everything = sorted(p.relative_to(raw.root).as_posix() for p in raw.root.rglob("*") if p.is_file())
    return everything.index(raw.relative)


def is_main(raw: RawFile) -> bool:
    """Return True when the content has a statement of a configuration, or nothing."""
    head = raw.head()
    return not head.strip() or _STATEMENT.search(head) is not None


def is_part(raw: RawFile) -> bool:
    """Return True when a file of any name is a whole server, or what a main configuration includes."""
    if Path(raw.name).suffix in {".md", ".rst", ".log", ".html", ".sh", ".py", ".json"}:
        return False
    if _WHOLE_SERVER.search(raw.head()) is not None:
        return True
    return _DIRECTIVE.search(raw.head()) is not None and _owner(raw) is not None

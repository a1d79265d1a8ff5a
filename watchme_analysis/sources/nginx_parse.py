"""One Nginx configuration file as statements, through crossplane, also when it is torn."""

from __future__ import annotations

import glob
import re
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from watchme_analysis.redact import shortened
from watchme_analysis.retrieval import Rejected
from watchme_analysis.sources.raw import PACKED_ENDINGS, RawFile


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
            rejected.append(Rejected(name, line, reason, shortened("\n".join(tail), 2000)))
            config = payload(repaired)
    lines = text.splitlines()
    for error in config["errors"]:
        number = error["line"] or 0
        # crossplane ends its sentence with the file's name and line, which stand in their own columns.
        reason = re.sub(r" in \S+nginx\.conf:\d+$", "", str(error["error"]))
        content = lines[number - 1] if 0 < number <= len(lines) else ""
        rejected.append(Rejected(name, number, reason, shortened(content, 2000)))
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
                RawFile(main.root, path.relative_to(main.root).as_posix(), main.zone, main.settings)
                for path in sorted(found)
            ]
    return []


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

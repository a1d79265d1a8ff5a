"""Routes of Express in JavaScript and TypeScript: method, path, file and line. Nothing more is analysed.

The text is searched, not parsed: https://expressjs.com/en/guide/routing.html. Routes that are built in loops
or by other functions are not found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath
from typing import Any

_METHODS = "get|post|put|patch|delete|head|options|all"
_USES_EXPRESS = re.compile(r"""(?:from|require\(|import\()\s*['"]express['"]""")
# A comment, a text, or a regular expression behind a character after which no division can stand.
_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`"""
    r"""|(?<=[(,=:\[!&|?{};])\s*/(?![/*])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/""",
    re.DOTALL,
)
_MADE = re.compile(
    r"(?:const|let|var)\s+(\w+)\s*(?::[^=;]{1,200})?=\s*(?:new\s+)?(express\(|express\.Router\(|Router\()"
)
# Names of applications and routers that a function is given.
_NAMED = re.compile(r"app|router|\w+(?:App|Router)")
_CALL = re.compile(rf"(?<![\w.$])(\w+)\s*\.\s*({_METHODS}|use|route)\s*\(")
_CHAINED = re.compile(rf"\s*\.\s*({_METHODS})\s*\(")
_BOUND = re.compile(
    r"""(?:const|let|var)\s+(\w+|\{[^}]*\})\s*=\s*require\(\s*(['"])(?P<a>\.[^'"]*)\2"""
    r"""|import\s+(?P<names>[\w{}\s,*]{1,1000}?)\s+from\s+(['"])(?P<b>\.[^'"]*)\5"""
)
_REQUIRED = re.compile(r"""require\(\s*['"](\.[^'"]*)['"]\s*\)""")
_PARAMETER = re.compile(r":(\w+)(?:\([^)]*\))?\??")
_ENDINGS = ("", ".js", ".ts", ".mjs", ".cjs", ".mts", ".cts", "/index.js", "/index.ts")


@dataclass
class _Script:
    """What a file registers: owners (name in this file) with routes, and mounts of owners or files."""

    applications: set[str] = field(default_factory=set)
    routers: set[str] = field(default_factory=set)
    routes: list[tuple[str, str, str, str | None, int]] = field(default_factory=list)
    mounts: list[tuple[str, str, str]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


# A name of an application or router in a file.
_Owner = tuple[str, str]


def express_routes(texts: dict[str, bytes]) -> list[dict[str, Any]]:
    """Return rows of ``app_handlers`` for scripts by relative path; what is not analysed is null."""
    if not any(_USES_EXPRESS.search(data.decode("utf-8", "replace")) for data in texts.values()):
        return []
    scripts = {name: _script(data.decode("utf-8", "replace")) for name, data in texts.items()}
    parents: dict[_Owner, list[tuple[_Owner, str]]] = {}
    for name, script in scripts.items():
        for owner, prefix, mounted in script.mounts:
            for child in _owners(scripts, name, mounted):
                parents.setdefault(child, []).append(((name, owner), prefix))
    rows = []
    for name, script in scripts.items():
        for owner, method, path, function, line in script.routes:
            for (file, top), prefix in _tops(parents, (name, owner), ()):
                rows.append(
                    {
                        "file": name,
                        "line": line,
                        "function": function,
                        "method": method,
                        "path": re.sub("/{2,}", "/", f"{prefix}/{path}").rstrip("/") or "/",
                        "framework": "express",
                        "application_file": file if top in scripts[file].applications else None,
                    }
                )
    return rows


def _owners(scripts: dict[str, _Script], name: str, mounted: str) -> list[_Owner]:
    """Return the routers that an expression may be: one of the file, or those of a file that it requires."""
    script = scripts[name]
    if mounted in script.routers | script.applications:
        return [(name, mounted)]
    required = _REQUIRED.search(mounted)
    relative = required[1] if required else script.files.get(re.split(r"\W", mounted)[0], "")
    path = normpath(join(dirname(name), relative)) if relative else None
    file = next((path + ending for ending in _ENDINGS if path and path + ending in scripts), None)
    if file is None:
        return []
    inner = scripts[file]
    local = {child for _, _, child in inner.mounts}
    return [(file, router) for router in sorted((inner.routers | inner.applications) - local)]


def _tops(
    parents: dict[_Owner, list[tuple[_Owner, str]]], owner: _Owner, seen: tuple[_Owner, ...]
) -> list[tuple[_Owner, str]]:
    """Return the outermost applications and routers that contain one, each with its full prefix."""
    found = [
        (top, above + prefix)
        for parent, prefix in parents.get(owner, [])
        if parent not in seen
        for top, above in _tops(parents, parent, (*seen, owner))
    ]
    return found or [(owner, "")]


def _script(text: str) -> _Script:
    found = _Script()
    tokens = {token.start(): token.end() for token in _TOKEN.finditer(text)}
    # Neither comments nor texts are code.
    code = _TOKEN.sub(lambda token: re.sub(r"[^\n]", " ", token[0]), text)
    for made in _MADE.finditer(code):
        (found.applications if made[2] == "express(" else found.routers).add(made[1])
    for bound in _BOUND.finditer(text):
        path = bound["a"] or bound["b"]
        found.files |= dict.fromkeys(re.findall(r"\w+", bound[1] or bound["names"]), path)
    for call in _CALL.finditer(code):
        owner, kind = call[1], call[2]
        is_owner = owner in found.applications | found.routers or _NAMED.fullmatch(owner)
        if not is_owner:
            continue
        if owner not in found.applications:
            found.routers.add(owner)
        given, end = _arguments(text, call.end(), tokens)
        line = code.count("\n", 0, call.start()) + 1
        if kind == "use":
            path = _paths(given[0])[0] if given and given[0][:1] in ("'", '"', "`") else ""
            found.mounts += [
                (owner, path, mounted) for mounted in given if mounted[:1] not in ("'", '"', "`")
            ]
        elif kind == "route" and given:
            while chained := _CHAINED.match(code, end):
                handlers, end = _arguments(text, chained.end(), tokens)
                _add(found, owner, chained[1], given[:1] + handlers, code.count("\n", 0, chained.end()) + 1)
        # With one argument, `get` reads a setting.
        elif len(given) > 1:
            _add(found, owner, kind, given, line)
    return found


def _add(found: _Script, owner: str, method: str, given: list[str], line: int) -> None:
    function = given[-1] if re.fullmatch(r"[\w.]+", given[-1]) else None
    method = "ANY" if method == "all" else method.upper()
    found.routes += [(owner, method, path, function, line) for path in _paths(given[0])]


def _paths(written: str) -> list[str]:
    """Return the paths of an argument, with parameters in braces; one that is no text is kept in braces."""
    texts = re.findall(r"""(['"`])((?:(?!\1)[^\\]|\\.)*)\1""", written)
    if not texts or not written.startswith(("'", '"', "`", "[")):
        return [f"{{{written}}}"]
    return [re.sub(r"\$\{([^}]*)\}", r"{\1}", _PARAMETER.sub(r"{\1}", path)) for _, path in texts]


def _arguments(text: str, at: int, tokens: dict[int, int]) -> tuple[list[str], int]:
    """Return the arguments of a call as written, and the position behind it."""
    found, start, depth = [], at, 0
    while at < len(text):
        letter = text[at]
        if at in tokens:
            at = tokens[at]
            continue
        if letter in ")]}" and depth == 0:
            break
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            found.append(text[start:at].strip())
            start = at + 1
        at += 1
    found.append(text[start:at].strip())
    return [one for one in found if one], at + 1

"""Compose files that belong together: a file and the one that overrides it.

Follows https://docs.docker.com/reference/compose-file/merge/: a later file's value goes over an earlier
one's, lists of ports and the like grow, and commands are replaced as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_NAME = re.compile(r"(?P<base>.*compose)(?:\.(?P<variant>[^/]+))?\.ya?ml(?:\.\w+)?")
# Settings that a later file replaces as a whole, and lists to which it adds.
_WHOLE = re.compile(r"(command|entrypoint|healthcheck\.test)(\.\d+)?")
_GROWS = re.compile(r"(ports|expose|networks|dns|volumes|devices)\.(\d+)(.*)")


def in_order(files: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the files that are read as one, the one that is overridden first.

    Docker reads ``compose.override.yml`` beside ``compose.yml`` by itself. Another variant, such as
    ``compose.prod.yml``, is taken to be in force where it is the only one.
    """
    found: dict[str, list[str]] = {}
    variants: dict[str, list[str]] = {}
    for file in dict.fromkeys(files):
        parts = _NAME.fullmatch(file)
        if parts is None or parts["variant"] is None:
            found.setdefault(parts["base"] if parts else file, []).insert(0, file)
        else:
            variants.setdefault(parts["base"], []).append(file)
    for base, names in variants.items():
        others = [name for name in names if ".override." not in name]
        for name in sorted(names, key=lambda name: name in others):
            alone = name in others and len(others) > 1
            found.setdefault(name if alone else base, []).append(name)
    return [tuple(names) for names in found.values()]


def merged(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a service, by dotted path, as two files have them together."""
    replaced = {found[1] for path in later if (found := _WHOLE.fullmatch(path))}
    values = {
        path: value
        for path, value in earlier.items()
        if not ((found := _WHOLE.fullmatch(path)) and found[1] in replaced)
    }
    sizes: dict[str, int] = {}
    for path in values:
        if found := _GROWS.fullmatch(path):
            sizes[found[1]] = max(sizes.get(found[1], 0), int(found[2]) + 1)
    for path, value in later.items():
        found = _GROWS.fullmatch(path)
        place = f"{found[1]}.{int(found[2]) + sizes.get(found[1], 0)}{found[3]}" if found else path
        values[place] = value
    return values

"""Nested values flattened to dotted paths, as the tables of settings hold them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# Levels that are taken apart. A YAML anchor can contain itself, without end.
_DEEPEST = 100
_TOO_DEEP = json.dumps("nested too deeply to be read")


def flatten(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield each leaf of a nested value with its dotted path.

    Parameters
    ----------
    value
        Nested dictionaries and lists; positions in a list count from 0.
    path
        Path of the value itself.
    depth
        Levels around the value.

    Yields
    ------
    path, value
        The value is JSON text with sorted keys; an empty list or dictionary is a leaf.
    """
    if depth >= _DEEPEST:
        yield path, _TOO_DEEP
        return
    children: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    if not children:
        yield path, json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    for key, child in children:
        yield from flatten(child, f"{path}.{key}" if path else str(key), depth + 1)


def leaf(text: Any) -> Any:
    """Return the value of a leaf; what is no JSON is the text itself."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text

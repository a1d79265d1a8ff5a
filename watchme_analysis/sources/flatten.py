"""Nested values flattened to dotted paths, as the tables of settings hold them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each leaf of a nested value with its dotted path.

    Parameters
    ----------
    value
        Nested dictionaries and lists; positions in a list count from 0.
    path
        Path of the value itself.

    Yields
    ------
    path, value
        The value is JSON text with sorted keys; an empty list or dictionary is a leaf.
    """
    children: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    if not children:
        yield path, json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    for key, child in children:
        yield from flatten(child, f"{path}.{key}" if path else str(key))


def leaf(text: Any) -> Any:
    """Return the value of a leaf; what is no JSON is the text itself."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text

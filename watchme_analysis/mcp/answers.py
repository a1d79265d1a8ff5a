"""Answers of a bounded size: whole parts are left out, the least important first, and counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# Bounds of an answer: an agent pays for every token, and a cell of a row may hold a whole response.
MOST_CHARACTERS, MOST_CELL = 24_000, 400
# Lists of rows; long texts in their cells are cut, and end with their length.
_ROWS = ("records", "first_rows", "alarms")
# Lists whose last parts are left out, in this order: first the work of messages, of which a fact has the
# number, then the evidence of the causes of the lowest rank.
_LEFT_OUT_FIRST = (
    "dead_lettered_work", "missed_work", "waiting_work", "evidence", "first_rows", "evidence_against",
    "evidence_for", "not_covered", "layers", "endpoints",
    "records", "alarms", "measures", "missing_evidence", "cases", "ranking", "summary",
)  # fmt: skip
# Characters that the statement of what was left out may take.
_STATEMENT = 400


def bounded(value: dict[str, Any], most: int = MOST_CHARACTERS) -> dict[str, Any]:
    """Return an answer whose JSON has at most so many characters.

    Sentences and queries are whole or left out. ``left_out`` has the number of parts that were left out, by
    the name of their list.
    """
    result: dict[str, Any] = _with_short_cells(value)
    excess = _size(result) - most
    if excess <= 0:
        return result
    excess += _STATEMENT
    left_out: dict[str, int] = {}
    for name in _LEFT_OUT_FIRST:
        for items, depth in reversed(list(_lists(result, name, 1))):
            while items and excess > 0:
                excess -= _size(items.pop(), depth)
                left_out[name] = left_out.get(name, 0) + 1
    result |= {"left_out": left_out}
    if _size(result) > most:
        return {"note": f"The answer has more than {most:,} characters: ask for less."}
    return result


def _size(value: Any, depth: int = 0) -> int:
    """Return the characters of a value within so many others, as the protocol writes an answer."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return len(text) + (2 * depth * (text.count("\n") + 1) + 2 if depth else 0)


def _lists(value: Any, name: str, depth: int) -> Iterator[tuple[list[Any], int]]:
    """Yield the lists of a name in an answer, in their order, with the depth of their items."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key == name and isinstance(each, list):
                yield each, depth + 1
            yield from _lists(each, name, depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _lists(each, name, depth + 1)


def _with_short_cells(value: Any, is_row: bool = False) -> Any:
    """Return a copy of an answer in which the texts of rows are cut."""
    if isinstance(value, str) and is_row and len(value) > MOST_CELL:
        return f"{value[:MOST_CELL]}… ({len(value):,} characters)"
    if isinstance(value, dict):
        return {key: _with_short_cells(each, is_row or key in _ROWS) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_with_short_cells(each, is_row) for each in value]
    return value

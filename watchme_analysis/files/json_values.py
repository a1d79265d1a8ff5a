"""JSON values of single lines, restricted to storable text.

Nested values can be flattened to dotted paths, as in the tables of settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from watchme_analysis.config import load_config
from watchme_analysis.files.limit_notes import limit_reached
from watchme_analysis.files.storable_values import escape_surrogates, holds_surrogates
from watchme_analysis.text.render import note

# Levels down to which a value is parsed; deeper values stay text. Python itself fails before 1,000.
DEEPEST = 100
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def json_value(data: bytes | str) -> Any:
    r"""Return the JSON value of a line; undecodable bytes become ``\xff``, half surrogate pairs ``\ud800``.

    If a key occurs repeatedly, the first keeps its name and the next is ``key#2``. A value that is nested
    too deeply is its text.

    Raises ValueError if the line is not JSON.
    """
    text = data.decode("utf-8", errors="surrogateescape") if isinstance(data, bytes) else data
    return read_json(text, object_pairs_hook=_object, strict=False)


def read_json(
    text: str,
    object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None,
    strict: bool = True,
) -> Any:
    r"""Return the JSON value of a text, restricted to values that tables can hold.

    Halves of surrogate pairs become their escape, ``\ud800``; a value more than :data:`DEEPEST` levels down
    is its JSON text.

    Raises ValueError if the text is not JSON.
    """
    if text.count("[") + text.count("{") > DEEPEST:
        text = shallow(text)[0]
    value = json.loads(text, object_pairs_hook=object_pairs_hook, strict=strict)
    return _plain(value) if "\\u" in text or holds_surrogates(text) else value


def _whole_or_text(digits: str) -> int | str:
    """Return a whole number; its digits if Python refuses to convert so many."""
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


# Python's own limit is 4,300 digits, and no evidence has numbers of more than 400.
_MOST_DIGITS = 1000
# Control characters within a text are damage of that text, not the end of the document.
_DECODER = json.JSONDecoder(strict=False)
_LONG_NUMBERS = json.JSONDecoder(strict=False, parse_int=_whole_or_text)


def json_at(text: str, at: int = 0) -> tuple[Any, int]:
    """Return the JSON value that begins at a position of a text, and the position behind it.

    Raises ValueError if no JSON value begins there. Raises RecursionError if the value is nested too deeply.
    """
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return _LONG_NUMBERS.raw_decode(text, at)


def shallow(text: str, deepest: int = DEEPEST) -> tuple[str, int]:
    """Return JSON text in which values below a level are strings of their JSON, and their number.

    ``text``: JSON, possibly truncated, possibly several documents; ``deepest``: levels of lists and objects
    that are kept.
    """
    kept: list[str] = []
    depth = count = at = start = 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in ("[", "{"):
            depth += 1
            if depth == deepest + 1:
                start = token.start()
        elif mark in ("]", "}"):
            if depth == deepest + 1:
                kept += [text[at:start], json.dumps(text[start : token.end()], ensure_ascii=False)]
                at = token.end()
                count += 1
            depth = max(0, depth - 1)
    if depth > deepest:
        # The text is truncated within the value.
        kept += [text[at:start], json.dumps(text[start:], ensure_ascii=False)]
        at = len(text)
        count += 1
    return "".join([*kept, text[at:]]), count


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    found = {}
    seen: dict[str, int] = {}
    for key, value in pairs:
        seen[key] = turn = seen.get(key, 0) + 1
        found[key if turn == 1 else f"{key}#{turn}"] = value
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return escape_surrogates(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    return value


_TOO_DEEP = json.dumps("nested too deeply to be read")


def flatten(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the dotted path and the value of each leaf of a nested value.

    ``value``: nested dictionaries and lists; positions in a list count from 0; ``path``: path of the value
    itself; ``depth``: number of levels above the value.

    The value is JSON text with sorted keys; an empty list or dictionary is a leaf.
    """
    # A YAML anchor can contain itself, which never ends.
    if depth >= DEEPEST:
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


def within_limit(rows: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], str | None]:
    """Return as many rows of a file of settings as the limit allows, and the problem if there are more."""
    limits = load_config().limits
    found = list(islice(rows, limits.settings + 1))
    if len(found) <= limits.settings:
        return found, None
    return found[:-1], note(
        "problem-settings", values=limits.settings, limit=limit_reached(limits, "settings")
    )


def leaf(text: Any) -> Any:
    """Return the value of a leaf; text that is not JSON unchanged."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text

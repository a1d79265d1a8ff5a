"""JSON values of single lines, with nothing in them that a text can't hold."""

from __future__ import annotations

import json
import re
from typing import Any

_HALF_PAIR = re.compile("[\ud800-\udfff]")


def json_value(data: bytes | str) -> Any:
    r"""Return the JSON value of a line; what no text can hold becomes ``\xff`` or ``\ud800``.

    That is bytes that are no UTF-8, and halves of surrogate pairs. Of a key that stands twice the first has
    the name, the next is called ``key#2``.

    Raises
    ------
    ValueError
        When it is no JSON.
    """
    text = data.decode("utf-8", errors="surrogateescape") if isinstance(data, bytes) else data
    try:
        value = json.loads(text, object_pairs_hook=_object, strict=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return _plain(value) if "\\u" in text or _HALF_PAIR.search(text) else value


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
        return _HALF_PAIR.sub(_shown_half, value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    return value


def _shown_half(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"

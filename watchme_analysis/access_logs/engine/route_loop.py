"""The compiled loop that converts paths to routes, with ``*`` for IDs."""

from __future__ import annotations

from typing import Any

from watchme_analysis.access_logs.engine.ascii_codes import UNDERSCORE
from watchme_analysis.access_logs.engine.jit import compiled
from watchme_analysis.access_logs.engine.value_loops import int64

_SLASH, _DASH, _STAR = 47, 45, 42
_UUID_SIZE = 36


@compiled
def replace_ids(texts: Any, offsets: Any, data: Any, bounds: Any, ambiguous: Any) -> Any:
    """Fill in the routes of paths as by :func:`watchme_analysis.access_logs.routes.route_of`.

    Parameters
    ----------
    texts, offsets
        Consecutive paths as UTF-8, the start of each and the end of the last.
    data, bounds
        Output arrays for as many bytes and offsets.
    ambiguous
        Mask of paths with a line feed or a character beyond ASCII, left to `route_of`: ``bool[paths]``.

    Returns
    -------
    int
        Number of ambiguous paths.
    """
    to, count = int64(0), 0
    bounds[0] = 0
    for index in range(len(offsets) - 1):
        stop = offsets[index + 1]
        first = offsets[index]
        ambiguous[index] = False
        while True:
            # A path segment, classified while it is copied.
            begin = to
            digits, hexes, letters, dashes = 0, 0, 0, 0
            at = first
            while at < stop and texts[at] != _SLASH:
                char = texts[at]
                data[to] = char
                to += 1
                at += 1
                if 48 <= char <= 57:
                    digits += 1
                elif 65 <= char <= 70 or 97 <= char <= 102:
                    hexes += 1
                elif 65 <= char <= 90 or 97 <= char <= 122 or char == UNDERSCORE:
                    letters += 1
                elif char == _DASH:
                    dashes += 1
                elif char >= 128 or char == 10:
                    ambiguous[index] = True
            size = at - first
            plain = digits + hexes
            is_id = digits > 0 and (
                digits == size
                or (plain == size and size >= 8)
                or (plain + letters + dashes == size and size >= 16 and digits >= 4)
                or (size >= 10 and _is_date(data, begin))
            )
            if not is_id and size == _UUID_SIZE and dashes == 4 and plain == size - 4:
                is_id = _has_dashes(data, begin)
            if is_id:
                data[begin] = _STAR
                to = begin + 1
            if at == stop:
                break
            data[to] = _SLASH
            to += 1
            first = at + 1
        bounds[index + 1] = to
        count += ambiguous[index]
    return count


@compiled
def _is_date(data: Any, at: int) -> Any:
    """Return whether a segment begins like 2025-12-10."""
    for place in range(10):
        char = data[at + place]
        if place == 4 or place == 7:  # noqa: PLR1714
            if char != _DASH:
                return False
        elif char < 48 or char > 57:
            return False
    return True


@compiled
def _has_dashes(data: Any, at: int) -> Any:
    """Return whether a segment of the length of a UUID has dashes at the positions of a UUID."""
    return (
        data[at + 8] == _DASH and data[at + 13] == _DASH and data[at + 18] == _DASH and data[at + 23] == _DASH
    )

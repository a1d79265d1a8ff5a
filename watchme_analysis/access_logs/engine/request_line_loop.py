"""Compiled loops over request lines: into method, path, query and protocol, or told to be none."""
# ruff: noqa: PLR1714 - numba compiles plain comparisons best

from __future__ import annotations

from typing import Any

from watchme_analysis.access_logs.engine.jit import compiled
from watchme_analysis.access_logs.engine.kernel import run_end
from watchme_analysis.access_logs.engine.vectors import byte_at, starts_with

# A space and HTTP/, as a word, and which of its bytes those are.
SPACE_HTTP = int.from_bytes(b" HTTP/", "little")
SPACE_HTTP_BYTES = (1 << 48) - 1


@compiled
def split_request(at: int, end: int, whole: bool) -> Any:
    """Split a request line, or a target alone.

    Returns
    -------
    tuple
        Where the method ends, and the path begins and ends, and the target ends (one byte before the
        protocol, or with the request); -1 first when in doubt. The method ends where it begins in a target
        alone, and in what is no request line.
    """
    if not whole:
        if byte_at(at) != 47 or byte_at(end - 1) <= 32:
            return -1, at, at, at
        return at, at, query_mark(at, end), end
    place = at
    while 65 <= byte_at(place) <= 90 or (place > at and in_method(byte_at(place))):
        place += 1
    target, stop = place + 1, end - protocol_size(place, end)
    if place == at or byte_at(place) != 32 or target > end:
        return at, end, end, end
    if stop == end or stop <= target or byte_at(target) == 32 or byte_at(stop - 1) == 32:
        # HTTP/0.9 has no protocol, and a target without spaces; the rest is garbage.
        is_old = byte_at(target) == 47 and run_end(target, 33, 127, 127) >= end
        return (place, target, query_mark(target, end), end) if is_old else (at, end, end, end)
    path = path_start(target, stop)
    return (place, path, query_mark(path, stop), stop) if path >= 0 else (-1, at, at, at)


@compiled
def query_mark(at: int, end: int) -> Any:
    """Return where the first question mark stands, or where the target ends."""
    # A quotation mark ends the request, unless it is an escaped one.
    mark = run_end(at, 32, 63, 34)
    while mark < end and byte_at(mark) != 63:
        mark = run_end(mark + 1, 32, 63, 34)
    return min(mark, end)


@compiled
def path_start(at: int, end: int) -> Any:
    """Return where the path of a target begins, behind a scheme and a host; -1 when nothing follows those."""
    if not 97 <= (byte_at(at) | 32) <= 122:
        return at
    place = at
    while in_scheme(byte_at(place)):
        place += 1
    if place + 3 > end or byte_at(place) != 58 or byte_at(place + 1) != 47 or byte_at(place + 2) != 47:
        return at
    place += 3
    while place < end and byte_at(place) != 47 and byte_at(place) != 63 and byte_at(place) != 35:
        place += 1
    return place if place < end else -1


@compiled
def in_scheme(char: int) -> Any:
    """Tell whether the name of a scheme may hold a character behind its first."""
    return 97 <= (char | 32) <= 122 or 48 <= char <= 57 or char == 43 or char == 45 or char == 46


@compiled
def protocol_size(begin: int, end: int) -> Any:
    """Return the size of a space and ``HTTP/1.1`` or ``HTTP/2``, with any digits, before an end, or 0."""
    for size in (9, 7):
        at = end - size
        if at <= begin or not starts_with(at, SPACE_HTTP, SPACE_HTTP_BYTES):
            continue
        is_whole = size == 7 or (byte_at(at + 7) == 46 and 48 <= byte_at(at + 8) <= 57)
        if is_whole and 48 <= byte_at(at + 6) <= 57:
            return size
    return 0


@compiled
def in_method(char: int) -> Any:
    """Tell whether a method may hold a character behind its first."""
    return 48 <= char <= 57 or char == 95 or char == 45

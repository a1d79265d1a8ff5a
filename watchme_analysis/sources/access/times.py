"""Times with parts of a second, ``2025-12-11T10:10:30.123456+09:00``, in whole columns.

A log repeats its seconds and its fractions far more often than the times that they make: each is read once,
by the function that reads single times.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from watchme_analysis.sources.arrow_arrays import (
    nulls_of,
    number_array,
    numbers_of,
    scalar_of,
    slices_of,
)
from watchme_analysis.sources.lines import microseconds

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

_SECOND = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", re.ASCII)
_SECOND_SIZE = 19
_REST = re.compile(r"(?:[.,](?P<fraction>\d{1,9}))?(?P<zone>Z|[+-]\d\d:?\d\d)", re.ASCII)
_SHAPE = re.compile(_SECOND.pattern + _REST.pattern, re.ASCII)
_ANY_DAY = "2000-01-01T00:00:00"
_UNKNOWN = -(2**63)


def is_zoned_time(text: str) -> bool:
    """Tell whether a text looks like a time that :func:`moments_of` reads."""
    return _SHAPE.fullmatch(text) is not None


def moments_at(buf: Array, starts: Array, ends: Array) -> tuple[Array, Array]:
    """Return the moments of times that stand in a buffer, and which are known; see :func:`moments_of`."""
    moments = moments_of(slices_of(buf, starts, ends, starts < 0))
    return numbers_of(moments), ~nulls_of(moments)


def moments_of(times: pa.Array) -> pa.Array:
    """Return microseconds since the epoch; null for what is none, or is written in another way or no zone."""
    import numpy as np
    import pyarrow.compute as pc

    nothing = scalar_of("", "text")
    plain = pc.coalesce(pc.if_else(pc.string_is_ascii(times), times, nothing), nothing)
    seconds = pc.utf8_slice_codeunits(plain, 0, _SECOND_SIZE).dictionary_encode()
    rests = pc.utf8_slice_codeunits(plain, _SECOND_SIZE).dictionary_encode()
    whole = np.array([_second(text) for text in seconds.dictionary.to_pylist()] or [0], np.int64)
    part = np.array([_rest(text) for text in rests.dictionary.to_pylist()] or [0], np.int64)
    whole, part = (
        values[np.frombuffer(coded.indices.buffers()[1], np.int32, len(coded))]
        for values, coded in ((whole, seconds), (part, rests))
    )
    unknown = (whole == _UNKNOWN) | (part == _UNKNOWN)
    return number_array(np.where(unknown, 0, whole + part), ~unknown)


def _second(text: str) -> int:
    """Return the moment of a time of UTC."""
    found = microseconds(f"{text}Z") if _SECOND.fullmatch(text) else None
    return _UNKNOWN if found is None else found


def _rest(text: str) -> int:
    """Return the microseconds that a fraction, and a zone's distance from UTC, add to a second."""
    found = _REST.fullmatch(text)
    here, there = microseconds(f"{_ANY_DAY}Z"), found and microseconds(f"{_ANY_DAY}{found['zone']}")
    if found is None or here is None or there is None:
        return _UNKNOWN
    return there - here + int((found["fraction"] or "0")[:6].ljust(6, "0"))

"""Times with fractional seconds, ``2025-12-11T10:10:30.123456+09:00``, parsed as whole columns.

Seconds and zones repeat far more often in a log than whole times, so each distinct value is parsed once, by
the function that parses single times.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from watchme_analysis.files.arrow_arrays import nulls_of, number_array, numbers_of, scalar_of, slices_of
from watchme_analysis.values import microseconds

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

_SECOND = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", re.ASCII)
_SECOND_SIZE = 19
_REST = re.compile(r"(?:[.,](?P<fraction>\d{1,9}))?(?P<zone>Z|[+-]\d\d:?\d\d)", re.ASCII)
_BEHIND = rf"\A{_REST.pattern}\z"
_SHAPE = re.compile(_SECOND.pattern + _REST.pattern, re.ASCII)
_ANY_DAY = "2000-01-01T00:00:00"
_MICROSECOND_SIZE = 6
# Far enough below all times that it stays below them after additions.
_UNKNOWN = -(2**62)


def is_zoned_time(text: str) -> bool:
    """Return whether a text has the shape of times that :func:`moments_of` parses."""
    return _SHAPE.fullmatch(text) is not None


def moments_at(buf: Array, starts: Array, ends: Array) -> tuple[Array, Array]:
    """Return the times at positions of a buffer, and which are known; see :func:`moments_of`."""
    moments = moments_of(slices_of(buf, starts, ends, starts < 0))
    return numbers_of(moments), ~nulls_of(moments)


def moments_of(times: pa.Array) -> pa.Array:
    """Return microseconds since the epoch; null for text that is no time, has another shape or no zone."""
    import numpy as np
    import pyarrow.compute as pc

    nothing = scalar_of("", "text")
    plain = pc.coalesce(pc.if_else(pc.string_is_ascii(times), times, nothing), nothing)
    # After the seconds, the zone repeats often, and the fraction hardly.
    behind = pc.extract_regex(pc.utf8_slice_codeunits(plain, _SECOND_SIZE), _BEHIND)
    seconds = pc.utf8_slice_codeunits(plain, 0, _SECOND_SIZE)
    whole = _by_text(seconds, _second) + _by_text(pc.struct_field(behind, "zone"), _offset)
    digits = pc.utf8_rpad(pc.struct_field(behind, "fraction"), _MICROSECOND_SIZE, "0")
    part = pc.utf8_slice_codeunits(digits, 0, _MICROSECOND_SIZE).cast("int64")
    unknown = (whole < _UNKNOWN // 2) | nulls_of(part)
    return number_array(np.where(unknown, 0, whole + numbers_of(part)), ~unknown)


def _by_text(texts: pa.Array, value_of: Callable[[str], int]) -> Array:
    """Return a number for each text, computed once per distinct text; null texts are unknown."""
    import numpy as np

    coded = texts.dictionary_encode()
    values = np.array([*map(value_of, coded.dictionary.to_pylist()), _UNKNOWN], np.int64)
    return values[np.where(nulls_of(texts), -1, numbers_of(coded.indices.cast("int64")))]


def _second(text: str) -> int:
    """Return the microseconds since the epoch of a UTC time without a fraction."""
    found = microseconds(f"{text}Z") if _SECOND.fullmatch(text) else None
    return _UNKNOWN if found is None else found


def _offset(zone: str) -> int:
    """Return the offset in microseconds that a zone adds to a time."""
    here, there = microseconds(f"{_ANY_DAY}Z"), microseconds(f"{_ANY_DAY}{zone}")
    return _UNKNOWN if here is None or there is None else there - here

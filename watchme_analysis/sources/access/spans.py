"""Where a format's values stand in the lines of a chunk, found by numpy alone.

Only lines without any doubt are taken: printable ASCII, as many quotation marks and tabs as the format
has, every literal in its place, nothing like a line's beginning in a text that nothing encloses. Whether a
value is one of its kind is for the reader of the values to check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.sources.formats.nginx_format import LONG_LINE, LogFormat
from watchme_analysis.sources.formats.nginx_variables import Variable

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_QUOTE, _SPACE, _COLON, _BACKSLASH, _LETTER_Z, _LAST_PRINTABLE = 34, 32, 58, 92, 90, 126
_TIME_LOCAL_SIZE, _ISO_ZONE_AT, _ISO_UTC_SIZE, _ISO_SIZE = 26, 19, 20, 25
# What a value may hold that is read as far as it goes; a literal that begins so wouldn't show its end.
_DIGITS = b"0123456789-"
_GREEDY = {
    "int": _DIGITS,
    "decimal": _DIGITS + b".",
    "msec": _DIGITS + b".",
    "address": _DIGITS + b".:%_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
}


class FoundSpans(NamedTuple):
    """Lines taken apart: their indexes, ascending, and for each variable where its value starts and ends."""

    rows: Array
    starts: list[Array]
    ends: list[Array]


def can_find(log_format: LogFormat) -> bool:
    """Tell whether a format's literals show where its values end."""
    return all(
        _shows_end(variable, literal, is_last=at == len(log_format.variables))
        for at, (variable, literal) in enumerate(
            zip(log_format.variables, log_format.literals[1:], strict=True), 1
        )
    )


def _shows_end(variable: Variable, literal: bytes, *, is_last: bool) -> bool:
    if not literal:
        return is_last
    if variable.kind == "list":
        return literal[:1] in (b'"', b" ", b"\t")
    return literal[0] not in _GREEDY.get(variable.kind, b"")


def find_spans(log_format: LogFormat, buf: Array, bounds: tuple[Array, Array]) -> FoundSpans:
    """Return the lines without doubt and where their values stand.

    Parameters
    ----------
    log_format
        Format for which :func:`can_find` holds.
    buf
        Bytes of the chunk, ``uint8[..]``.
    bounds
        Where lines start and end, without their ends: two ``int64[lines]``.
    """
    import numpy as np

    rows = _plain_lines(log_format, buf, bounds)
    at, end = bounds[0][rows], bounds[1][rows]
    marks = _Marks(buf, room=max(map(len, log_format.literals)) + _ISO_SIZE + _TIME_LOCAL_SIZE)
    alive = marks.follows(log_format.literals[0], at, end)
    at = at + len(log_format.literals[0])
    starts, ends = [], []
    for variable, literal in zip(log_format.variables, log_format.literals[1:], strict=True):
        stop = marks.value_end(variable, literal, at, end)
        alive &= (stop <= end) & marks.is_whole(variable, at, stop)
        if log_format.is_unbounded(variable) and log_format.start_sign[0] >= 0:
            alive &= ~marks.may_be_two(at, stop, literal, log_format)
        alive &= marks.follows(literal, stop, end)
        starts.append(at)
        ends.append(stop)
        # Lines that failed already are followed blindly, but not out of the chunk.
        at = np.minimum(stop + len(literal), len(buf))
    alive &= at == end
    return FoundSpans(rows[alive], [one[alive] for one in starts], [one[alive] for one in ends])


def _plain_lines(log_format: LogFormat, buf: Array, bounds: tuple[Array, Array]) -> Array:
    """Return lines of ordinary length and characters, with as many quotation marks and tabs as they must."""
    import numpy as np

    starts, ends = bounds
    # Bytes wrap around, so that all but printable ASCII lies above; line ends stand between lines only.
    marks = {_QUOTE, *(byte for byte in b"".join(log_format.literals) if byte < _SPACE)}
    odd = (buf - _SPACE) > _LAST_PRINTABLE - _SPACE
    for byte in marks - {_QUOTE}:
        odd &= buf != byte
    if log_format.escape == "json":
        odd |= buf == _BACKSLASH
    taken = (ends > starts) & (ends - starts <= LONG_LINE)
    # What begins with a space or a tab may be blank.
    taken &= buf[np.minimum(starts, len(buf) - 1)] > _SPACE
    strange = np.flatnonzero(odd)
    taken &= np.searchsorted(strange, starts) == np.searchsorted(strange, ends)
    for byte in marks:
        places = np.flatnonzero(buf == byte)
        expected = sum(literal.count(byte) for literal in log_format.literals)
        taken &= np.searchsorted(places, ends) - np.searchsorted(places, starts) == expected
    found: Array = np.flatnonzero(taken)
    return found


class _Marks:
    """Places of single bytes in a chunk, each byte's looked for once.

    Parameters
    ----------
    buf
        The chunk.
    room
        How far behind the chunk's end a place may lie; there stand zeros.
    """

    def __init__(self, buf: Array, room: int) -> None:
        import numpy as np

        self._buf = np.concatenate([buf, np.zeros(room, np.uint8)])
        self._size = len(buf)
        self._places: dict[int, Array] = {}
        self._openings: dict[bytes, Array] = {}

    def following(self, byte: int, at: Array) -> Any:
        """Return the first place of a byte from each place on, the chunk's end where there is none."""
        import numpy as np

        if byte not in self._places:
            found = np.flatnonzero(self._buf[: self._size] == byte)
            self._places[byte] = np.append(found, self._size)
        places = self._places[byte]
        return places[np.minimum(np.searchsorted(places, at), len(places) - 1)]

    def follows(self, literal: bytes, at: Array, end: Array) -> Any:
        """Tell where a literal stands before the line's end."""
        fits = at + len(literal) <= end
        for offset, byte in enumerate(literal):
            fits &= self._buf[at + offset] == byte
        return fits

    def value_end(self, variable: Variable, literal: bytes, at: Array, end: Array) -> Any:
        """Return where a value ends."""
        import numpy as np

        if variable.kind == "time_local":
            return at + _TIME_LOCAL_SIZE
        if variable.kind == "time_iso8601":
            in_utc = self._buf[at + _ISO_ZONE_AT] == _LETTER_Z
            return at + np.where(in_utc, _ISO_UTC_SIZE, _ISO_SIZE)
        if not literal:
            return np.maximum(at, end)
        return self.following(literal[0], at)

    def is_whole(self, variable: Variable, at: Array, stop: Array) -> Any:
        """Tell where a value surely ends there and nothing hides in it."""
        if variable.quoted:
            # A quotation mark behind a backslash may be a part of the value.
            return (stop == at) | (self._buf[stop - 1] != _BACKSLASH)
        if variable.kind == "list":
            # Behind a space the list may go on with a colon.
            return self._buf[stop + 1] != _COLON
        return stop >= at

    def may_be_two(self, at: Array, stop: Array, literal: bytes, log_format: LogFormat) -> Any:
        """Tell where another line may begin in a text that nothing encloses and that a literal ends."""
        import numpy as np

        index, mark, *distances = log_format.start_sign
        opening = log_format.literals[index]
        if opening not in self._openings:
            places = np.append(np.flatnonzero(self._buf[: self._size] == opening[0]), self._size)
            begins = self.follows(opening, places, np.full(len(places), self._size))
            if mark >= 0:
                near, far = (self._buf[np.maximum(places - one, 0)] == mark for one in distances)
                begins &= near | far
            begins[-1] = True
            self._openings[opening] = places[begins]
        found = self._openings[opening]
        following = found[np.minimum(np.searchsorted(found, at), len(found) - 1)]
        return (self.following(_SPACE, at) < stop) & (following < stop + len(literal))

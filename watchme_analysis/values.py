"""Times, numbers and HTTP request lines of evidence, parsed once for every reader.

`microseconds` and `split_request` are the references. Faster implementations must agree with them: for whole
columns of times `files.time_columns`, for large access logs the compiled loops of `access_logs.engine`, for
Trino the expression `SQL_REQUEST`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from watchme_analysis.text.render import error_message

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Range of times, in microseconds, that both tables and Python's datetime can hold.
_FIRST, _LAST = (
    (moment.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
    for moment in (datetime.min, datetime.max)
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_CLF_TIME = re.compile(
    r"(?P<day>\d\d?)/(?P<month>[A-Z][a-z]{2})/(?P<year>\d{4}):(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    r"(?:[.,](?P<fraction>\d{1,9}))?(?: (?P<sign>[+-])(?P<zone_hour>\d\d)(?P<zone_minute>\d\d))?"
)
# More digits than any epoch has; Python refuses to parse thousands.
_MOST_DIGITS = 40
_HALF_AN_HOUR = 30 * 60 * 10**6
_SECOND_US = 10**6
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Units of epochs by magnitude: seconds until the year 5138, then milliseconds, microseconds, nanoseconds.
_EPOCH_UNITS = ((10**11, 10**6), (10**14, 10**3), (10**17, 1))


def microseconds(value: object, zone: tzinfo = UTC) -> int | None:
    """Return a time as microseconds since the epoch.

    Parameters
    ----------
    value
        Epoch in seconds, milliseconds, microseconds or nanoseconds (distinguished by size; number or text),
        an ISO 8601 text, also with a comma or a space inside, or ``24/Nov/2026:15:21:03 +0000``.
    zone
        Zone of times without a zone.

    Returns
    -------
    int or None
        None when the value is not a time of the years 1 to 9999.
    """
    found = _microseconds(value, zone)
    return found if found is not None and _FIRST <= found <= _LAST else None


def _microseconds(value: object, zone: tzinfo) -> int | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return _from_epoch(value)
    text = str(value).strip()
    if _NUMBER.fullmatch(text):
        return _from_decimal(text)
    clf = _CLF_TIME.fullmatch(text)
    try:
        moment = _clf_moment(clf) if clf else _iso_moment(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _from_epoch(value: int) -> int | None:
    for limit, factor in _EPOCH_UNITS:
        if abs(value) < limit:
            return value * factor
    return value // 1000 if abs(value) < 10**20 else None


def _from_decimal(text: str) -> int | None:
    whole, dot, fraction = text.partition(".")
    if len(whole) > _MOST_DIGITS:
        return None
    if "e" in text or "E" in text:
        number = float(text)
        return _from_epoch(int(number)) if abs(number) < 10**20 else None
    if not dot:
        return _from_epoch(int(text))
    if abs(int(whole)) >= _EPOCH_UNITS[0][0]:
        return _from_epoch(int(whole))
    part = int(fraction[:6].ljust(6, "0"))
    return int(whole) * 10**6 + (-part if text.startswith("-") else part)


def _clf_moment(found: re.Match[str]) -> datetime:
    moment = datetime(
        int(found["year"]),
        MONTHS.index(found["month"]) + 1,
        int(found["day"]),
        int(found["hour"]),
        int(found["minute"]),
        int(found["second"]),
        int((found["fraction"] or "0")[:6].ljust(6, "0")),
    )
    if found["sign"] is None:
        return moment
    offset = timedelta(hours=int(found["zone_hour"]), minutes=int(found["zone_minute"]))
    return (moment - offset if found["sign"] == "+" else moment + offset).replace(tzinfo=UTC)


def _iso_moment(text: str) -> datetime:
    if not text[:4].isdigit() or len(text) < 10:
        raise ValueError(text)
    return datetime.fromisoformat(text.replace(" UTC", "+00:00").replace(",", ".").replace("/", "-"))


def across_repeated_hours(moments: Sequence[int], zone: tzinfo) -> list[int]:
    """Return a log's times (microseconds since the epoch), with the second pass of a repeated hour shifted.

    If clocks are set back, local times of an hour occur twice. The second pass begins with a time more than
    half an hour before the preceding time; in a log that begins during that pass it cannot be recognized.
    """
    found: list[int] = []
    again = False
    for moment in moments:
        local = (_EPOCH + timedelta(microseconds=moment)).astimezone(zone)
        offsets = [local.replace(fold=fold).utcoffset() or timedelta() for fold in (0, 1)]
        between = (offsets[0] - offsets[1]) // timedelta(microseconds=1)
        again = between > 0 and (again or bool(found and moment < found[-1] - _HALF_AN_HOUR))
        found.append(moment + between * again)
    return found


def number(value: object) -> float | None:
    """Return a finite number from a number or its text; None for an empty text, null and ``-``.

    Raises
    ------
    ValueError
        If the value is not a finite number.
    """
    if value is None or isinstance(value, bool):
        if value is None:
            return None
        raise ValueError(error_message("value-no-number", value=repr(value)))
    text = str(value).strip()
    if text in ("", "-"):
        return None
    found = float(text) if _NUMBER.fullmatch(text) else math.inf
    if not math.isfinite(found):
        raise ValueError(error_message("value-no-number", value=repr(text[:_MOST_DIGITS])))
    return found


_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_PART = re.compile(r"(\d{1,18}(?:\.\d{1,18})?) ?(ns|us|µs|ms|s|m|h)")
# Go writes hours and minutes only before seconds.
_DURATION = re.compile(r"(?:\d{1,18}h)?(?:\d{1,18}m(?!s))?\d{1,18}(?:\.\d{1,18})? ?(?:ns|us|µs|ms|s)")


def duration_s(value: object) -> float | None:
    """Return the seconds of a text with units, such as ``0.004s``, ``12 ms`` or Go's ``1m5s``; else None."""
    if not isinstance(value, str) or not _DURATION.fullmatch(text := value.strip()):
        return None
    return sum(float(count) * _UNITS_S[unit] for count, unit in _DURATION_PART.findall(text))


def span_ms(start: int, end: int, estimate_ms: float | None) -> float | None:
    """Return the milliseconds between two times in microseconds, which may be in whole seconds.

    Times in whole seconds are off by up to a second. If they agree with the estimate within that error, the
    estimate is returned; without it, a duration of up to a second is unknown (None).
    """
    spent = (end - start) / 1000
    if start % _SECOND_US or end % _SECOND_US:
        return spent
    if estimate_ms is not None and estimate_ms > 0 and abs(spent - estimate_ms) <= _SECOND_US / 1000:
        return float(estimate_ms)
    return spent if spent * 1000 > _SECOND_US else None


_DIGITS = re.compile(r"-?[0-9]{1,40}")
# Largest value of the tables' Int64 columns.
LARGEST_WHOLE = 2**63 - 1


def whole_number(value: object) -> int | None:
    """Return a whole number as :func:`number` does.

    Raises
    ------
    ValueError
        If the value is not a whole number.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        whole = value
    elif isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        whole = int(value)  # a conversion through float would lose digits of large numbers
    else:
        found = number(value)
        if found is None:
            return None
        if not found.is_integer():
            raise ValueError(error_message("value-no-whole-number", value=repr(value)))
        whole = int(found)
    if abs(whole) > LARGEST_WHOLE:
        raise ValueError(error_message("value-too-large", value=repr(value)))
    return whole


_REQUEST = re.compile(
    r"(?P<method>[A-Z][A-Z0-9_-]*) (?P<target>\S(?:.*\S)?) (?P<protocol>HTTP/\d(?:\.\d)?)", re.DOTALL
)
_OLD_REQUEST = re.compile(r"(?P<method>[A-Z][A-Z0-9_-]*) (?P<target>/\S*)")
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")

# For Trino: groups 1 to 4 are method, path, query and protocol. Scheme and host are dropped.
_SQL_TARGET = r"(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?([^?]*?)(?:[?](.*?))?"
_SQL_PROTOCOL = r"HTTP/[0-9](?:[.][0-9])?"
# Without a protocol, as in HTTP/0.9, a target has no spaces.
_SQL_WHOLE = rf"(?=/\S*$|\S(?:.*\S)? {_SQL_PROTOCOL}$)"
SQL_REQUEST = rf"^([A-Z][A-Z0-9_-]*) {_SQL_WHOLE}{_SQL_TARGET}(?: ({_SQL_PROTOCOL}))?$"
SQL_TARGET = rf"^{_SQL_TARGET}$"


def split_request(request: str) -> dict[str, str | None] | None:
    """Return method, path, query and protocol of a request line, None for other text.

    Scheme and host of a target are dropped. HTTP/0.9 requests have no protocol.
    """
    found = _REQUEST.fullmatch(request) or _OLD_REQUEST.fullmatch(request)
    if found is None:
        return None
    path, query = split_target(found["target"])
    protocol = found["protocol"] if "protocol" in found.re.groupindex else None
    return {"method": found["method"], "path": path, "query": query, "protocol": protocol}


def split_target(target: str) -> tuple[str | None, str | None]:
    """Return path and query of a request target, None for each if missing."""
    authority = _AUTHORITY.match(target)
    if authority is not None:
        target = target[authority.end() :] or "/"
    path, _, query = target.partition("?")
    return path or None, query or None

"""Time windows: aware, UTC inside, half-open."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchme_analysis.errors import InputError
from watchme_analysis.text.render import error_message

_SPAN = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|s|m|h|d|w)", re.ASCII)
# Units as people write them, after a number: `1 hour`, `2 hours 30 min`.
_WORDS = re.compile(
    r"(?<=\d)\s*(s|m|h|d|w)(?:ec(?:ond)?s?|in(?:ute)?s?|(?:ou)?rs?|ays?|eeks?)\b\s*", re.ASCII
)
# Days before today, whose beginning a word names.
_DAYS = {"today": 0, "yesterday": 1}
# Zones that have no IANA name of this form, and one meaning.
_ZONES = {"JST": "Japan"}
_LONGEST = timedelta(days=36525)
# So many characters of a text that can't be used are shown.
_SHOWN = 60
# No log has earlier moments, and nanoseconds since 1970 reach no further.
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open interval of time, ``start <= t < end``.

    Parameters
    ----------
    start, end
        Aware datetimes of any zone; kept in UTC.

    Raises
    ------
    InputError
        When a bound has no zone or lies outside of the years 1900 to 2261, or the end is not after the start.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            value: datetime = getattr(self, name)
            if value.tzinfo is None:
                raise InputError(error_message("error-time-without-zone", time=value.isoformat()))
            object.__setattr__(self, name, _known(value, value.isoformat()))
        if self.end <= self.start:
            raise InputError(
                error_message(
                    "error-window-backwards", end=self.end.isoformat(), start=self.start.isoformat()
                )
            )

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return (self.end - self.start).total_seconds()

    def contains(self, moment: datetime) -> bool:
        """Return True when an aware time lies in ``start <= moment < end``."""
        return self.start <= moment < self.end

    def __str__(self) -> str:
        return f"{self.start.isoformat()} .. {self.end.isoformat()}"


def parse_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name such as ``Europe/Berlin``; an unknown one is an InputError."""
    try:
        return ZoneInfo(_ZONES.get(name, name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(error_message("error-zone-unknown", name=repr(name))) from error


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _known(moment: datetime, text: str) -> datetime:
    """Return an aware time in UTC; an error names its text when the year can't be stored."""
    try:
        found = moment.astimezone(UTC)
    except OverflowError:
        found = None
    if found is None or not _EARLIEST <= found < _LATEST:
        raise InputError(error_message("error-time-range", time=repr(_short(text))))
    return found


def parse_span(text: str) -> timedelta:
    """Return the time span of a text such as ``90s``, ``2h``, ``1d12h``, ``500ms``, ``1 hour``.

    Any other text is an InputError.
    """
    short = _WORDS.sub(r"\1", text.strip())
    parts = list(_SPAN.finditer(short))
    if not parts or "".join(part.group() for part in parts) != short:
        raise InputError(error_message("error-duration-invalid", text=repr(_short(text))))
    seconds = sum(float(part["number"]) * _SECONDS[part["unit"]] for part in parts)
    if seconds > _LONGEST.total_seconds():
        raise InputError(error_message("error-duration-long", text=repr(_short(text))))
    return timedelta(seconds=seconds)


def parse_time(text: str, zone: tzinfo | None = None, now: datetime | None = None) -> datetime:
    """Return the UTC time of an ISO 8601 time, an epoch, or a span before now.

    The text is ``2025-12-11T10:00+09:00``, ``2025-12-11``, ``1765415400`` (epoch seconds), ``now``, ``2h`` or
    ``2 hours`` (before ``now``), ``today`` or ``yesterday`` (its beginning); any other is an InputError.
    ``zone`` is that of times written without one, UTC unless given.
    """
    text = text.strip()
    current = now or datetime.now(UTC)
    if text == "now":
        return current.astimezone(UTC)
    if re.fullmatch(r"\d{9,11}(\.\d+)?", text):
        return _known(datetime.fromtimestamp(float(text), UTC), text)
    if text in _DAYS:
        local = current.astimezone(zone or UTC) - timedelta(days=_DAYS[text])
        return _known(local.replace(hour=0, minute=0, second=0, microsecond=0), text)
    if re.fullmatch(r"(?:\d+(?:\.\d+)?[smhdw])+", _WORDS.sub(r"\1", text)):
        return _known(current - parse_span(text), text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(error_message("error-time-invalid", text=repr(_short(text)))) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone or UTC)
    return _known(moment, text)


def moment_of(
    value: str | datetime | timedelta, zone: tzinfo | None = None, now: datetime | None = None
) -> datetime:
    """Return the UTC time of a bound as Python code states it.

    That is a text as for :func:`parse_time`, a datetime (in ``zone`` when it has none), or a span before now;
    anything else is an InputError.

    Examples
    --------
    >>> noon = datetime(2025, 12, 11, 12, tzinfo=UTC)
    >>> moment_of("2h", now=noon) == moment_of(timedelta(hours=2), now=noon)
    True
    """
    if isinstance(value, str):
        return parse_time(value, zone, now)
    if isinstance(value, timedelta):
        return _known((now or datetime.now(UTC)) - value, str(value))
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=zone or UTC)
        return _known(moment, value.isoformat())
    raise InputError(error_message("error-time-kind", value=_short(repr(value))))

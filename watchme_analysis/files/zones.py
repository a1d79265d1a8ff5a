"""Time zones of logs: those that their times state, and those that are assumed for times without one."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo

# An offset from UTC behind a time of $time_local or $time_iso8601.
_OFFSET = re.compile(rb"\d\d:\d\d:\d\d ?([+-])([01]\d):?([0-5]\d)\b")


def offset_in(data: bytes) -> timezone | None:
    """Return the zone of the first time with an offset in a text; None without such a time."""
    found = _OFFSET.search(data)
    if found is None:
        return None
    sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == b"-" else offset)


class NotedZone(tzinfo):
    """A zone that records whether a time without a zone was read with it.

    Attributes
    ----------
    zone
        The zone itself.
    used
        True after a time was read with it.
    """

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self.used = False

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        """Return the offset from UTC."""
        self.used = True
        return self.zone.utcoffset(dt)

    def dst(self, dt: datetime | None) -> timedelta | None:
        """Return the share of daylight saving time in the offset."""
        return self.zone.dst(dt)

    def tzname(self, dt: datetime | None) -> str | None:
        """Return the name of the zone."""
        return self.zone.tzname(dt)

    def fromutc(self, dt: datetime) -> datetime:
        """Return a time in UTC in this zone."""
        return self.zone.fromutc(dt.replace(tzinfo=self.zone)).replace(tzinfo=self)

    def __str__(self) -> str:
        return str(self.zone)

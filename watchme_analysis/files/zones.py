"""Time zones of logs: those that their times state, and those that are assumed for times without one."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo

from watchme_analysis.text.message import MessageText, Resource
from watchme_analysis.text.render import note

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
    """A zone that records which times without a zone were read with it.

    ``zone``: the zone itself; ``is_assumed``: whether nobody stated the zone; ``used``: true after a time was
    read with it; ``repeated``, ``skipped``: local times that occur twice, because clocks are set back, or
    never, because they are set forward.
    """

    def __init__(self, zone: tzinfo, *, is_assumed: bool = False) -> None:
        self.zone = zone
        self.is_assumed = is_assumed
        self.used = False
        self.repeated: set[datetime] = set()
        self.skipped: set[datetime] = set()

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        """Return the offset from UTC."""
        self.used = True
        offset = self.zone.utcoffset(dt)
        if dt is not None and offset is not None:
            other = self.zone.utcoffset(dt.replace(fold=1 - dt.fold))
            if other is not None and other != offset:
                # The offset falls when clocks are set back.
                falls = (offset > other) == (dt.fold == 0)
                (self.repeated if falls else self.skipped).add(dt.replace(tzinfo=None, fold=0))
        return offset

    def notes(self) -> list[MessageText]:
        """Return sentences about local times that occur twice or never."""
        found = (("repeated", self.repeated), ("skipped", self.skipped))
        return [
            note(
                f"note-times-{kind}",
                times=len(times),
                zone=Resource(str(self)),
                first=Resource(min(times).isoformat(" ", "seconds")),
            )
            for kind, times in found
            if times
        ]

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

"""Lines and moments of text logs: split, counted, read, accounted for.

What syslog, journald, Docker, Compose and Kubernetes put before a line that a program wrote.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from watchme_analysis.files.storable_values import frame_of_rows
from watchme_analysis.redact import shortened
from watchme_analysis.retrieval import Rejected, Retrieval, check_lines
from watchme_analysis.schema import conform

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from watchme_analysis.files.evidence_file import RawFile

    Array = np.ndarray[Any, Any]

TEXT_LIMIT = 2000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The moments that tables and Python's own times both hold, in microseconds.
_FIRST, _LAST = (
    (moment.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
    for moment in (datetime.min, datetime.max)
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_CLF_TIME = re.compile(
    r"(?P<day>\d\d)/(?P<month>[A-Z][a-z]{2})/(?P<year>\d{4}):(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    r"(?:[.,](?P<fraction>\d{1,9}))?(?: (?P<sign>[+-])(?P<zone_hour>\d\d)(?P<zone_minute>\d\d))?"
)
# More than any epoch has; Python refuses to read thousands.
_MOST_DIGITS = 40
_HALF_AN_HOUR = 30 * 60 * 10**6
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Epochs told apart by size: seconds until the year 5138, then milliseconds, microseconds, nanoseconds.
_EPOCH_UNITS = ((10**11, 10**6), (10**14, 10**3), (10**17, 1))


def split_lines(data: bytes) -> list[bytes]:
    """Return the physical lines without their ends (line feed, or carriage return and line feed)."""
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    return [line[:-1] if line.endswith(b"\r") else line for line in lines]


def unpadded(line: bytes) -> bytes:
    """Return a line without the NUL bytes that a write leaves before it, in a log that was cut meanwhile."""
    return line.lstrip(b"\0")


def shown(data: bytes) -> str:
    """Return a line as text for a reader: undecodable bytes escaped, cut at 2000 characters."""
    return shortened(data[: TEXT_LIMIT * 4].decode("utf-8", errors="backslashreplace"), TEXT_LIMIT)


def decoded(data: bytes) -> str:
    r"""Return bytes as text; what is no UTF-8 becomes ``\xNN``."""
    return data.decode("utf-8", errors="backslashreplace")


def microseconds(value: object, zone: tzinfo = UTC) -> int | None:
    """Return the moment as microseconds since the epoch.

    Parameters
    ----------
    value
        Epoch in seconds, milliseconds, microseconds or nanoseconds (told apart by size; number or text), an
        ISO 8601 text, also with a comma or a space inside, or ``24/Nov/2026:15:21:03 +0000``.
    zone
        Zone of times written without one.

    Returns
    -------
    int or None
        None when the value is no moment of the years 1 to 9999.
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
    """Return the moments of a log's local times with an hour's second pass told from its first.

    When clocks are set back an hour is written twice. Its second pass begins with a time half an hour or more
    before the one above it; a log that begins in that pass can't show it.
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


def time_column(moments: Sequence[int | None]) -> pd.Series[Any]:
    """Return microseconds since the epoch as a column of UTC times; None becomes NaT."""
    import numpy as np
    import pandas as pd

    missing = np.iinfo(np.int64).min
    values = np.array([missing if moment is None else moment for moment in moments], dtype=np.int64)
    return pd.Series(values.view("datetime64[us]")).dt.tz_localize("UTC")


def number(value: object) -> float | None:
    """Return a finite number from a number or its text; None for an empty text, null and ``-``.

    Raises
    ------
    ValueError
        When the value is no finite number.
    """
    if value is None or isinstance(value, bool):
        if value is None:
            return None
        raise ValueError(f"{value!r} is no number")
    text = str(value).strip()
    if text in ("", "-"):
        return None
    found = float(text) if _NUMBER.fullmatch(text) else math.inf
    if not math.isfinite(found):
        raise ValueError(f"{text[:_MOST_DIGITS]!r} is no number")
    return found


_DIGITS = re.compile(r"-?[0-9]{1,40}")
# What the tables' Int64 columns hold.
LARGEST_WHOLE = 2**63 - 1


def whole_number(value: object) -> int | None:
    """Return a whole number as :func:`number` does.

    Raises
    ------
    ValueError
        When the value is no whole number.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        whole = value
    elif isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        whole = int(value)  # by way of a float, large ones would lose digits
    else:
        found = number(value)
        if found is None:
            return None
        if not found.is_integer():
            raise ValueError(f"{value!r} is no whole number")
        whole = int(found)
    if abs(whole) > LARGEST_WHOLE:
        raise ValueError(f"{value!r} is larger than any count or status")
    return whole


@dataclass
class TextAccounting:
    """What became of the lines of a file, while it is read.

    Attributes
    ----------
    raw
        The file.
    source, table
        Reader and table.
    rows
        Rows by column; times are microseconds since the epoch.
    """

    raw: RawFile
    source: str
    table: str
    rows: list[dict[str, object]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    lines: int | None = 0
    blank_lines: int = 0
    joined_lines: int = 0
    notes: list[str] = field(default_factory=list)

    def reject(self, line: int, reason: str, text: bytes = b"") -> None:
        """Keep a piece that could not become a row."""
        self.rejected.append(Rejected(self.raw.relative, line, reason, shown(text), len(text)))

    def retrieval(self, rows: int, span: tuple[datetime | None, datetime | None]) -> Retrieval:
        """Return the account; a torn file is truncated and its lost tail rejected as line 0."""
        problem = self.raw.content.problem
        tail = (Rejected(self.raw.relative, 0, problem),) if problem else ()
        if self.lines is not None:
            found = rows + len(self.rejected) + self.blank_lines + self.joined_lines
            check_lines(self.raw.relative, self.lines, found)
        return Retrieval(
            source=self.source,
            origin=self.raw.relative,
            rows=rows,
            lines=self.lines,
            blank_lines=self.blank_lines,
            joined_lines=self.joined_lines,
            rejected=(*self.rejected, *tail),
            start=span[0],
            end=span[1],
            truncated=problem is not None,
            notes=tuple(self.notes),
        )

    def finish(self, times: Iterable[str]) -> tuple[pd.DataFrame, Retrieval]:
        """Return the rows as the table's frame, and the account.

        Parameters
        ----------
        times
            Names of the time columns, the one that orders the table first.
        """
        import pandas as pd

        def made(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
            frame = pd.DataFrame(rows)
            for name in (name for name in times if name in frame.columns):
                frame[name] = time_column([None if pd.isna(value) else int(value) for value in frame[name]])
            return conform(self.table, frame)

        frame = frame_of_rows(self.table, self.rows, self.raw.remarks, made)
        return frame, self.retrieval(len(frame), time_span(frame, next(iter(times), None)))


def time_span(frame: pd.DataFrame, column: str | None) -> tuple[datetime | None, datetime | None]:
    """Return the first and last moment of a time column, None where there is none."""
    if column is None or frame[column].isna().all():
        return None, None
    return frame[column].min().to_pydatetime(), frame[column].max().to_pydatetime()


_ISO = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_BSD = rb"[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d"
_PREFIX = re.compile(
    # `docker compose logs`, `docker service logs`, `kubectl logs --prefix`, and the priority of syslog.
    rb"(?:[\w.@-]+ +\| )?(?:\[pod/\S+\] )?(?:<\d{1,3}>)?"
    # RFC 5424: version, time, host, program, process, message, data.
    rb"(?:1 " + _ISO + rb" \S+ \S+ \S+ \S+ (?:-|(?:\[[^\]]*\])+) (?:\xef\xbb\xbf)?"
    # RFC 3164, as nginx sends it (with or without its host), syslog daemons write it and journalctl shows it.
    rb"|(?:" + _ISO + rb"|" + _BSD + rb") (?:\S+ )?[\w./-]+(?:\[\d+\])?: "
    # `docker logs --timestamps`, and the files of a Kubernetes node; P marks a part of a line.
    # `aws logs tail` with the stream of an ECS task; Loki's `logcli` with the labels of a stream.
    rb"|" + _ISO + rb" (?:(?:stdout|stderr) F |[A-Za-z][\w.-]*/[\w./-]+ |\{[^{}]*\} )?"
    rb")?"
)


def prefix_size(line: bytes) -> int:
    """Return how many bytes stand before what a program wrote, 0 where nothing does."""
    return _end(line, 0, len(line))


def prefix_sizes(buf: Array, bounds: tuple[Array, Array]) -> Array:
    """Return :func:`prefix_size` of lines that start and end at some places."""
    import numpy as np

    data = buf.tobytes()
    ends = [_end(data, *one) for one in zip(*(one.tolist() for one in bounds), strict=True)]
    return np.array(ends, np.int64) - bounds[0]


def _end(data: bytes, start: int, end: int) -> int:
    found = _PREFIX.match(data, start, end)
    # It can be nothing, so that it always fits.
    return found.end() if found else start

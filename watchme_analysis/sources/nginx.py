"""Nginx access logs of any ``log_format``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import TYPE_CHECKING

from watchme_analysis.errors import FormatError
from watchme_analysis.sources.lines import Account, decoded, split_lines
from watchme_analysis.sources.nginx_conf_formats import candidate_formats
from watchme_analysis.sources.nginx_fields import row_of
from watchme_analysis.sources.nginx_format import LogFormat
from watchme_analysis.sources.nginx_json import is_request, keys_of, unescape, values_of
from watchme_analysis.sources.raw import Piece, RawFile, Source

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval

SAMPLE_LINES = 200


@dataclass
class LineReader:
    """Reads lines one by one, exactly, in the formats that may have written them.

    Attributes
    ----------
    formats
        In the order in which they are tried.
    zone
        Zone of times written without one.
    used
        How many lines were of which format; JSON by its keys counts as ``JSON``.
    """

    formats: Sequence[LogFormat]
    zone: tzinfo
    used: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._keys: dict[str, str] = {}
        for found in self.formats:
            if found.text.lstrip().startswith("{"):
                self._keys = {**keys_of(found), **self._keys}

    def row(self, line: bytes) -> dict[str, object]:
        """Return a line's columns.

        Raises
        ------
        ValueError
            Why the line is no request.
        """
        reason = "it is of none of the formats"
        for log_format in self.formats:
            values = format_values(log_format, line)
            if values is None:
                continue
            try:
                row = row_of(values, self.zone)
            except ValueError as error:
                reason = str(error)
                continue
            self.used[log_format.name or log_format.text] += 1
            return row
        if line.lstrip().startswith(b"{"):
            by_key = values_of(line, self._keys)
            if by_key is None:
                raise ValueError("no JSON object")
            if not is_request(by_key):
                raise ValueError("no request: neither status nor target")
            row = row_of(by_key, self.zone)
            self.used["JSON"] += 1
            return row
        raise ValueError(reason)

    def sort_by(self, sample: Iterable[bytes]) -> None:
        """Try first the format that most lines of a sample are of; ties stay in order."""
        lines = list(sample)
        self.formats = sorted(
            self.formats, key=lambda found: -sum(found.match(line) is not None for line in lines)
        )


def format_values(log_format: LogFormat, line: bytes) -> dict[str, str | None] | None:
    """Return the variables of a line by a format, missing values None; None when it is not of the format."""
    found = log_format.match(line)
    if found is None:
        return None
    values: dict[str, str | None] = {}
    for name, value in zip(log_format.names, found, strict=True):
        text = decoded(value)
        if log_format.escape == "json":
            text = unescape(text)
        if values.get(name) is None:
            values[name] = None if text in ("", "-") else text
    return values


def sample_of(raw: RawFile) -> list[bytes]:
    """Return the first whole lines that aren't blank."""
    lines = split_lines(raw.head(1 << 18))
    return [line for line in lines if line.strip(b" \t\0")][:SAMPLE_LINES]


def looks_like(raw: RawFile) -> bool:
    """Tell whether one of the first lines is a request in a format that may have written it."""
    lines = sample_of(raw)
    if not lines:
        return SOURCES[0].knows_name(raw)
    try:
        reader = LineReader(candidate_formats(raw).formats, raw.zone)
    except FormatError:
        # Let the reader say what is wrong with the stated format.
        return True
    for line in lines:
        try:
            reader.row(line)
        except ValueError:
            continue
        return True
    return False


def read_access_log(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Read an access log into the table ``access_log``.

    Parameters
    ----------
    raw
        File. Its format is what ``case.toml`` states, else that of the configuration beside it, else a stock
        format, else JSON by the names of its keys; a line of another of these formats is read by that one,
        and the notes say so.

    Returns
    -------
    frame, retrieval
        Every physical line is a row, rejected, or blank.

    Raises
    ------
    FormatError
        When the stated format is unknown or can't be compiled.
    """
    account = Account(raw, "nginx_access", "access_log")
    formats, notes = candidate_formats(raw)
    reader = LineReader(formats, raw.zone)
    reader.sort_by(sample_of(raw))
    service = raw.service("access")
    for at, line in enumerate(split_lines(raw.content.data), 1):
        account.lines = at
        if not line.strip(b" \t\0"):
            account.blank_lines += 1
            continue
        # A write after a truncation leaves NUL bytes before the line.
        try:
            row = reader.row(line.lstrip(b"\0"))
        except ValueError as error:
            account.reject(at, str(error), line)
            continue
        account.rows.append({"file": raw.relative, "line": at, "service": service, **row})
    account.notes += [*notes, *_format_notes(reader)]
    return account.finish(["time"])


def _format_notes(reader: LineReader) -> list[str]:
    if len(reader.used) < 2:
        return [f"log_format {name}" for name in reader.used]
    return [f"{count} lines of log_format {name}" for name, count in reader.used.most_common()]


def _read(raw: RawFile) -> Iterable[Piece]:
    return (Piece("access_log", *read_access_log(raw)),)


SOURCES = (
    Source(
        name="nginx_access",
        tables=("access_log",),
        patterns=("access.log*", "access[-_]*.log*", "*access*.log*"),
        looks_like=looks_like,
        read=_read,
        by_content=True,
        samples=(
            (
                '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /health?x=1 HTTP/1.1" 504 167 "-" "curl"\n',
                1,
            ),
            ('192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "\\x16\\x03\\x01" 400 157 "-" "-"\n', 1),
            ('{"time":"2025-12-11T10:10:30+09:00","status":"200","request_uri":"/health"}\n', 1),
        ),
    ),
)

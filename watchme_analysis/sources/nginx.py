"""Nginx access logs of any ``log_format``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from watchme_analysis.errors import FormatError
from watchme_analysis.schema import conform
from watchme_analysis.sources.access.blocks import blocks_of, in_order
from watchme_analysis.sources.access.chunk import rejected_at, shifted
from watchme_analysis.sources.access.engine import FAST_FROM, Engine
from watchme_analysis.sources.access.line_reader import LineReader
from watchme_analysis.sources.formats.nginx_conf_formats import candidate_formats
from watchme_analysis.sources.formats.w3c_lines import with_fields
from watchme_analysis.sources.lines import Account, split_lines, time_span
from watchme_analysis.sources.raw import Piece, RawFile, Source
from watchme_analysis.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from watchme_analysis.retrieval import Retrieval

SAMPLE_LINES = 200


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
    reader.look_at(lines)
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
    from watchme_analysis.sources.access.columns import ACCESS_COLUMNS
    from watchme_analysis.sources.access.frame import frame_of

    account = Account(raw, "nginx_access", "access_log")
    formats, notes = candidate_formats(raw)
    data = raw.content.data
    engine = Engine(formats, raw.zone, engine="auto" if len(data) >= FAST_FROM else "arrow")
    constants = {"file": raw.relative, "service": raw.service("access")}
    used: Counter[str] = Counter()

    def tables() -> Iterator[pa.Table]:
        lines = 0
        for chunk in in_order(lambda block: engine.read(block, constants), with_fields(blocks_of(data))):
            account.rejected += rejected_at(chunk, raw.relative, lines)
            account.blank_lines += chunk.blank
            used.update(chunk.formats)
            yield shifted(chunk.table, lines)
            lines += chunk.lines
        account.lines = lines

    frame = conform("access_log", frame_of(tables(), ACCESS_COLUMNS))
    account.notes += [*notes, *format_notes(used)]
    return frame, account.retrieval(len(frame), time_span(frame, "time"))


def format_notes(used: Counter[str]) -> list[str]:
    """Return sentences about the formats that lines were of."""
    if len(used) < 2:
        return [f"log_format {name}" for name in used]
    return [f"{counted(count, 'line')} of log_format {name}" for name, count in used.most_common()]


def _read(raw: RawFile) -> Iterable[Piece]:
    if raw.is_large:
        from watchme_analysis.sources.access.spill import spill_access_log

        return (spill_access_log(raw),)
    return (Piece("access_log", *read_access_log(raw)),)


SOURCES = (
    Source(
        name="nginx_access",
        tables=("access_log",),
        patterns=("access.log*", "access[-_]*.log*", "*access*.log*"),
        looks_like=looks_like,
        read=_read,
        by_content=True,
        declined=lambda _: (
            "its lines are of no format known here: put the nginx.conf that holds their "
            "log_format beside it, or say log_format = '...' in a case.toml"
        ),
        samples=(
            (
                '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /health?x=1 HTTP/1.1" 504 167 "-" "curl"\n',
                1,
            ),
            ('192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "\\x16\\x03\\x01" 400 157 "-" "-"\n', 1),
            ('{"time":"2025-12-11T10:10:30+09:00","status":"200","request_uri":"/health"}\n', 1),
            (
                "#Fields: date time c-ip cs-method cs-uri-stem sc-status time-taken\n"
                "2025-12-11\t01:10:30\t192.0.2.7\tGET\t/health\t504\t30.001\n",
                1,
            ),
            (
                "192.0.2.7:3317 [11/Dec/2025:10:10:00.655] http-in api/one 0/0/30/69/109 200 275 - - ---- "
                '1/1/1/1/0 0/0 "GET /health HTTP/1.1"\n',
                1,
            ),
        ),
    ),
)

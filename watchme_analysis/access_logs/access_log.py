"""Access logs too large to be held: read in pieces, their rows written to a file on the way.

Nginx access logs of any ``log_format``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.accounting import UNENDED, LineAccounting, format_notes
from watchme_analysis.access_logs.engine.chunk import Selection, rejected_at, shifted
from watchme_analysis.access_logs.engine.columns import ACCESS_COLUMNS
from watchme_analysis.access_logs.engine.engine import FAST_FROM, Engine
from watchme_analysis.access_logs.engine.reference_parser import ReferenceParser
from watchme_analysis.access_logs.formats.candidates import candidate_formats
from watchme_analysis.access_logs.input import input_of
from watchme_analysis.access_logs.line_blocks import BLOCK_BYTES, blocks_of, in_order, with_fields
from watchme_analysis.access_logs.logs import chunks_of
from watchme_analysis.access_logs.parquet import write_parquet
from watchme_analysis.errors import FormatError
from watchme_analysis.files.evidence_file import RawFile, Source, TablePart
from watchme_analysis.files.lines import TextAccounting, split_lines, time_span
from watchme_analysis.schema import conform, empty

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from watchme_analysis.retrieval import Retrieval


def spill_access_log(raw: RawFile) -> TablePart:
    """Read an access log as :func:`nginx.read_access_log` does, in bounded memory.

    Of very many rejected lines the text of the first is kept; all are counted.

    Parameters
    ----------
    raw
        File with a folder to spill into.

    Returns
    -------
    Piece
        Without rows in its frame: they lie in its file.

    Raises
    ------
    InputError, FormatError
        As :func:`nginx.read_access_log`, and when the folder can't be written to.
    """
    assert raw.spill is not None
    formats, notes = candidate_formats(raw)
    tally = LineAccounting(raw.relative, list(notes))
    constants = {"file": raw.relative, "service": raw.service("access")}
    engine = Engine(formats, raw.zone, Selection(ACCESS_COLUMNS))
    target = raw.spill.folder / f"{sha256(raw.relative.encode()).hexdigest()[:16]}.parquet"
    chunks = chunks_of(partial(input_of(raw.path).blocks, BLOCK_BYTES), engine, tally, constants)
    rows = write_parquet(target, (chunk.table.select(list(ACCESS_COLUMNS)) for chunk in chunks))
    found = tally.retrieval()
    # A table's notes are those of all its files.
    notes = [f"{raw.relative}: {note}" if note == UNENDED else note for note in found.notes]
    return TablePart(
        "access_log",
        empty("access_log"),
        replace(found, notes=tuple(notes)),
        target if rows else None,
    )


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
        reader = ReferenceParser(candidate_formats(raw).formats, raw.zone)
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
    from watchme_analysis.access_logs.engine.columns import ACCESS_COLUMNS
    from watchme_analysis.access_logs.frame import frame_of

    account = TextAccounting(raw, "nginx_access", "access_log")
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


def _read(raw: RawFile) -> Iterable[TablePart]:
    if raw.is_large:
        pass

        return (spill_access_log(raw),)
    return (TablePart("access_log", *read_access_log(raw)),)


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

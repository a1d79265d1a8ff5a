"""Access logs as evidence: read into the table ``access_log``, in memory or into a Parquet file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.accounting import AccessLogAccounting, no_line_end
from watchme_analysis.access_logs.engine.chunk import ACCESS_COLUMNS, Selection
from watchme_analysis.access_logs.engine.engine import FAST_FROM, Engine
from watchme_analysis.access_logs.engine.reference_parser import ReferenceParser, misfit_notes, with_extended
from watchme_analysis.access_logs.formats.candidates import candidate_formats
from watchme_analysis.access_logs.formats.known_formats import application_formats
from watchme_analysis.access_logs.formats.w3c import lacks_fields
from watchme_analysis.access_logs.frame import frame_of
from watchme_analysis.access_logs.input import input_of
from watchme_analysis.access_logs.line_blocks import BLOCK_BYTES, Block, Buffers, blocks_of
from watchme_analysis.access_logs.parquet import write_parquet
from watchme_analysis.access_logs.scan import chunks_of
from watchme_analysis.errors import FormatError
from watchme_analysis.files.evidence_file import RawFile, TablePart, is_blank
from watchme_analysis.files.lines import split_lines
from watchme_analysis.schema import conform, empty
from watchme_analysis.text.message import Resource, value_of
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from watchme_analysis.retrieval import Retrieval


SAMPLE_LINES = 200
# Key of each line of Cloudflare's Logpush.
_LOGPUSH_KEY = b"EdgeResponseStatus"
# Number of lines of a sample whose formats are compared.
_FORMAT_LINES = 32


def sample_of(raw: RawFile) -> list[bytes]:
    """Return the first complete lines that are not blank."""
    lines = split_lines(raw.head(1 << 18))
    return [line for line in lines if line.strip(b" \t\0")][:SAMPLE_LINES]


def looks_like(raw: RawFile) -> bool:
    """Return whether one of the first lines is a request in a format that may have written it.

    Lines of applications' servers and of Cloudflare belong to other tables, which other readers fill.
    """
    lines = sample_of(raw)
    if not lines:
        return is_blank(raw)
    try:
        return any(_requests_of(raw, lines))
    except FormatError:
        # The reader reports the problem of the stated format.
        return True


def is_made_of_requests(raw: RawFile) -> bool:
    """Return whether most of the first lines are such requests, whatever the name of the file says.

    JSON is not counted, as applications log their own requests in it.
    """
    lines = sample_of(raw)
    try:
        found = sum(_requests_of(raw, [line for line in lines if not line.startswith(b"{")]))
    except FormatError:
        return False
    return 2 * found > len(lines)


def _requests_of(raw: RawFile, lines: list[bytes]) -> Iterator[bool]:
    """Yield whether each line is a request in a format that may have written the file."""
    reader = ReferenceParser(candidate_formats(raw).formats, raw.zone)
    reader.prepare(lines)
    yield from (_is_request(line, reader) for line in lines)


def _is_request(line: bytes, reader: ReferenceParser) -> bool:
    try:
        _, name = reader.row_and_name(line)
    except ValueError:
        return False
    return name not in application_formats() and _LOGPUSH_KEY not in line


def declined(raw: RawFile) -> str:
    """Return the reason why a file with the name of an access log is not read as one."""
    if _LOGPUSH_KEY in raw.head():
        return note("left-cloudflare")
    lines = sample_of(raw)
    if any(line.startswith(b"INFO: ") for line in lines):
        return note("left-uvicorn")
    return note("left-no-fields" if any(map(lacks_fields, lines)) else "left-unknown-format")


def read_access_log(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the table ``access_log`` of an access log, and its retrieval.

    ``raw``: file. Its format is stated in ``case.toml``, else that of the configuration in its folder, else a
    stock format, else JSON with known keys. A line in another of these formats is parsed with that format,
    and a note reports it.

    Every physical line is a row, rejected, or blank. Raises FormatError if the stated format is unknown or
    cannot be compiled.
    """
    data, problem = raw.content
    account = AccessLogAccounting(raw.relative)
    engine = "auto" if len(data) >= FAST_FROM else "exact"
    tables = _tables(raw, lambda _: blocks_of(data), account, engine)
    frame = conform("access_log", frame_of(tables, ACCESS_COLUMNS))
    if problem is not None:
        account.truncate(problem)
    return frame, _retrieval(account)


def spill_access_log(raw: RawFile) -> TablePart:
    """Return a large access log as a Parquet file, read in bounded memory as by :func:`read_access_log`.

    ``raw``: file with a folder for spilled rows.

    The rows are in its file, and its frame is empty. Raises InputError, FormatError as
    :func:`read_access_log`, and when the folder is not writable.
    """
    assert raw.spill is not None
    account = AccessLogAccounting(raw.relative)
    target = raw.spill.folder / f"{sha256(raw.relative.encode()).hexdigest()[:16]}.parquet"
    tables = _tables(raw, partial(replace(input_of(raw.path), open=raw.open).blocks, BLOCK_BYTES), account)
    rows = write_parquet(target, (table.select(list(ACCESS_COLUMNS)) for table in tables))
    return TablePart("access_log", empty("access_log"), _retrieval(account), target if rows else None)


def _tables(
    raw: RawFile,
    blocks: Callable[[Buffers], Iterator[Block]],
    account: AccessLogAccounting,
    engine: str = "auto",
) -> Iterator[pa.Table]:
    """Yield the rows of a file's blocks as tables, and count its lines."""
    formats, notes = candidate_formats(raw)
    account.notes += notes
    sample = sample_of(raw)[:_FORMAT_LINES]
    if raw.settings.get("log_format"):
        account.notes += misfit_notes(formats, sample, raw.zone)
    formats = with_extended(formats, sample, raw.zone)
    reader = Engine(formats, raw.zone, Selection(ACCESS_COLUMNS), engine=engine)
    constants = {"file": raw.relative, "service": raw.service("access")}
    for chunk in chunks_of(blocks, reader, account, constants):
        yield chunk.table


def _retrieval(account: AccessLogAccounting) -> Retrieval:
    """Return the retrieval; notes name their file, because a table joins the notes of all its files."""
    found = account.retrieval()
    file = Resource(account.file)
    notes = [
        note("note-of-file", file=file, note=value_of(text)) if text == no_line_end() else text
        for text in found.notes
    ]
    return replace(found, notes=tuple(notes))


def read(raw: RawFile) -> Iterable[TablePart]:
    """Return the access log as a frame, a large one as a Parquet file."""
    return (spill_access_log(raw) if raw.is_large else TablePart("access_log", *read_access_log(raw)),)

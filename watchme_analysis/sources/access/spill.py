"""Access logs too large to be held: read in pieces, their rows written to a file on the way."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from hashlib import sha256

from watchme_analysis.schema import empty
from watchme_analysis.sources.access.blocks import BLOCK_BYTES
from watchme_analysis.sources.access.columns import ACCESS_COLUMNS
from watchme_analysis.sources.access.engine import Engine, Selection
from watchme_analysis.sources.access.input import input_of
from watchme_analysis.sources.access.logs import chunks_of
from watchme_analysis.sources.access.parquet import write_parquet
from watchme_analysis.sources.access.tally import UNENDED, Tally
from watchme_analysis.sources.formats.nginx_conf_formats import candidate_formats
from watchme_analysis.sources.raw import Piece, RawFile


def spill_access_log(raw: RawFile) -> Piece:
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
    tally = Tally(raw.relative, list(notes))
    constants = {"file": raw.relative, "service": raw.service("access")}
    engine = Engine(formats, raw.zone, Selection(ACCESS_COLUMNS))
    target = raw.spill.folder / f"{sha256(raw.relative.encode()).hexdigest()[:16]}.parquet"
    chunks = chunks_of(partial(input_of(raw.path).blocks, BLOCK_BYTES), engine, tally, constants)
    rows = write_parquet(target, (chunk.table.select(list(ACCESS_COLUMNS)) for chunk in chunks))
    found = tally.retrieval()
    # A table's notes are those of all its files.
    notes = [f"{raw.relative}: {note}" if note == UNENDED else note for note in found.notes]
    return Piece(
        "access_log",
        empty("access_log"),
        replace(found, notes=tuple(notes)),
        target if rows else None,
    )

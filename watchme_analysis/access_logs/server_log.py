"""Requests that an application's own server logged: rows of ``app_log``, beside the application's messages.

A case holds the requests of proxies in ``access_log``, so that a request is compared where it came in and
where it was handled. Formats with ``layer = "application"`` are those of the servers. `evidence.app_log`
reads them where their lines state a level, as through Python's logging; this module reads the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.access_logs.access_log import sample_of
from watchme_analysis.access_logs.engine.reference_parser import ReferenceParser
from watchme_analysis.access_logs.formats.known_formats import application_formats
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.files.line_accounting import TextAccounting
from watchme_analysis.files.lines import decoded, split_lines, unpadded
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval

_COLUMNS = ("time", "client_addr", "method", "path", "status")


def looks_like(raw: RawFile) -> bool:
    """Return True when one of the first lines is a request that an application's server logged."""
    lines = sample_of(raw)
    reader = ReferenceParser((), raw.zone)
    reader.prepare(lines)
    return any(_row_of(reader, line) is not None for line in lines)


def _row_of(reader: ReferenceParser, line: bytes) -> dict[str, object] | None:
    """Return the columns of a request that an application's server logged; None for another line."""
    try:
        row, name = reader.row_and_name(line)
    except ValueError:
        return None
    return row if name in application_formats() else None


def read_server_log(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the requests of a server's log as ``app_log``, and the retrieval; other lines are rejected."""
    account = TextAccounting(raw, "server_log", "app_log")
    reader = ReferenceParser((), raw.zone)
    reader.prepare(split_lines(raw.head()))
    for at, line in account.lines_of(raw.content.data):
        text = reader.strip_prefix(unpadded(line))
        if not text.strip(b" \t\0"):
            account.blank_lines += 1
            continue
        row = _row_of(reader, unpadded(line))
        if row is None:
            account.reject(at, note("reject-unknown-line"), line)
            continue
        request = {column: row.get(column) for column in _COLUMNS}
        where = {"file": raw.relative, "line": at, "service": ""}
        account.add({**where, "kind": "access", "message": decoded(text), **request})
    return account.finish(["time"])

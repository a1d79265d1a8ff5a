"""The accounting of an access log while it is scanned, with notes on its formats and changes of the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.engine.chunk import Chunk
from watchme_analysis.access_logs.engine.reference_parser import ReferenceParser
from watchme_analysis.access_logs.input import Input, now_at
from watchme_analysis.files.decompress import PACKED_MAGIC
from watchme_analysis.files.line_accounting import LineAccounting
from watchme_analysis.files.lines import display_text, split_lines
from watchme_analysis.retrieval import LateNotes, Rejected, Retrieval, check_lines
from watchme_analysis.text.message import Resource, value_of
from watchme_analysis.text.render import note, text_of_error

if TYPE_CHECKING:
    import pyarrow as pa


def format_notes(used: Counter[str]) -> list[str]:
    """Return sentences about the formats of the lines."""
    if len(used) < 2:
        return [note("note-log-format", name=value_of(name)) for name in used]
    return [
        note("note-log-format-lines", lines=count, name=value_of(name)) for name, count in used.most_common()
    ]


# Largest number of rejected lines whose text is kept; all are counted.
KEPT_REJECTED = 10_000


def no_line_end() -> str:
    """Return the note on a log whose last line has no line end."""
    return note("note-log-no-line-end")


class AccessLogAccounting(LineAccounting):
    """The accounting of an access log while it is scanned, chunk by chunk.

    ``file``: name of the log; ``notes``: sentences about the formats tried. ``formats``: number of lines of
    each format; ``has_line_end``: true if the last line has a line end.
    """

    def __init__(self, file: str, notes: Iterable[str] = ()) -> None:
        super().__init__(file, "nginx_access", notes=list(notes), kept_rejected=KEPT_REJECTED)
        self.formats: Counter[str] = Counter()
        self.has_line_end = True

    def add(self, chunk: Chunk, table: pa.Table) -> None:
        """Count a chunk whose rows, with line numbers within the log, are in a table."""
        rows = len(chunk.table)
        check_lines(self.file, chunk.lines, rows + len(chunk.rejected) + chunk.blank + chunk.filtered)
        for line, reason, text in chunk.rejected:
            self.reject(self.lines + line, reason, text)
        self.lines += chunk.lines
        self.row_count += rows
        self.blank_lines += chunk.blank
        self.filtered += chunk.filtered
        self.formats += chunk.formats
        self.has_line_end = chunk.has_line_end
        if "time" in table.column_names:
            import pyarrow.compute as pc

            bounds = pc.min_max(table["time"].cast("int64")).as_py()
            self.widen_span([time for time in bounds.values() if time is not None])

    def merge(self, later: LineAccounting) -> None:
        """Add the accounting of the part that follows in the same log."""
        super().merge(later)
        if isinstance(later, AccessLogAccounting):
            self.formats += later.formats
            self.has_line_end = later.has_line_end if later.lines else self.has_line_end

    def all_notes(self, dropped: int) -> Sequence[str]:
        """Return the notes with those on formats and on a missing line end."""
        known, formats, has_end = super().all_notes(dropped), self.formats.copy(), self.has_line_end
        return LateNotes(lambda: [*known, *format_notes(formats), *([] if has_end else [no_line_end()])])


def note_file_change(one: Input, account: LineAccounting) -> None:
    """Add a note if a file changed while it was read: appended to, truncated, or rotated."""
    if one.path is None or one.size is None:
        return
    try:
        # logrotate's copytruncate empties the file itself, which then has another beginning.
        is_same = one.path.exists() and one.path.stat().st_ino == one.inode
        here = one.path if is_same else now_at(one.path, one.begin)
        size = here.stat().st_size
    except FileNotFoundError:
        account.notes.append(note("note-log-moved"))
        return
    if here != one.path:
        account.notes.append(note("note-log-rotated", file=Resource(str(here))))
    if size > one.size:
        account.notes.append(note("note-log-grew", bytes=size - one.size))
    elif size < one.size:
        account.is_truncated = True
        account.notes.append(note("note-log-shrank", bytes=one.size - size))


# A smaller log is read quickly.
LARGE_BYTES = 16 << 20
_PLACES, _PLACE_BYTES, _LINES_AT = 48, 1 << 16, 16
# Fewer lines, which are very long in that case, are insufficient evidence.
_LEAST_LINES = 100
_EXAMPLES = 5


def unreadable_log(one: Input, reader: ReferenceParser) -> Retrieval | None:
    """Return the retrieval of a large log in which none of many sampled lines can be parsed, else None.

    Also None for inputs without random access: streams and compressed files. A single line that can be
    parsed, at any position, is enough for None, because logs may begin with lines of another program.
    """
    if one.open_anywhere is None or one.size is None or one.size < LARGE_BYTES:
        return None
    refused: list[Rejected] = []
    for at, lines in _lines_all_over(one, one.size):
        if not at and lines[:1] and lines[0].startswith((*PACKED_MAGIC, b"#")):
            return None
        reader.prepare(lines)
        for number, line in enumerate(lines, 1):
            if not line.strip(b" \t\0"):
                continue
            try:
                reader.row(line)
            except ValueError as error:
                refused.append(
                    Rejected(
                        one.name, 0 if at else number, text_of_error(error), display_text(line), len(line)
                    )
                )
            else:
                return None
    if len(refused) < _LEAST_LINES:
        return None
    reason = note("reject-sampled", lines=len(refused))
    first = [each for each in refused[:_EXAMPLES] if each.line]
    return Retrieval(
        "nginx_access", one.name, lines=0, rejected=(Rejected(one.name, 0, reason), *first), truncated=True
    )


def _lines_all_over(one: Input, size: int) -> Iterator[tuple[int, list[bytes]]]:
    """Yield complete lines at several positions of a log, including its beginning."""
    assert one.open_anywhere is not None
    with one.open_anywhere() as stream:
        for at in range(0, size, max(1, size // _PLACES)):
            stream.seek(at)
            piece = stream.read(_PLACE_BYTES)
            begin = piece.find(b"\n") + 1 if at else 0
            yield at, split_lines(piece[begin : piece.rfind(b"\n") + 1])[:_LINES_AT]

"""Rows of evidence as tables: a value that a table cannot hold loses only itself, not its row or file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.errors import InputError
from watchme_analysis.redact import redacted, shortened
from watchme_analysis.schema import conform, table_schema
from watchme_analysis.text.message import Choice, Resource
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import pandas as pd

    Rows = Sequence[Mapping[str, Any]]

_HALF_PAIR = re.compile("[\ud800-\udfff]")
# Errors of a table that cannot hold one of its values.
UNSTORABLE = (TypeError, ValueError, OverflowError, InputError)
# Longest quotation of a value in a note, in characters.
_SHOWN = 80


def holds_surrogates(text: str) -> bool:
    """Return whether a text has halves of surrogate pairs, which files and tables cannot hold."""
    return _HALF_PAIR.search(text) is not None


def escape_surrogates(text: str) -> str:
    r"""Return a text with halves of surrogate pairs as ``\ud83d``, undecodable bytes as ``\xff``."""
    return _HALF_PAIR.sub(_escaped_half, text)


def _escaped_half(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def frame_of_rows(
    table: str, rows: Rows, notes: list[str], make: Callable[[Rows], pd.DataFrame] | None = None
) -> pd.DataFrame:
    r"""Return all rows as a table of the data dictionary.

    ``table``: name of the table; ``rows``: a mapping of columns to values for each row; ``notes``: receives a
    sentence for each column with values that the table cannot hold. Halves of surrogate pairs are kept as
    ``\ud83d``; numbers out of range and values of another kind become null; ``make``: converts rows that the
    table can hold to a frame; by default :func:`conform`. Raises InputError if a row has a column that is not
    in the glossary.
    """
    import pandas as pd

    made = make or (lambda given: conform(table, pd.DataFrame(given)))
    try:
        return made(rows)
    except UNSTORABLE:
        # Checks each value, which few files need.
        return made(storable_rows(table, rows, notes))


def storable_rows(table: str, rows: Rows, notes: list[str]) -> list[dict[str, Any]]:
    """Return rows with values that their table can hold; parameters as for :func:`frame_of_rows`."""
    kinds = {column.name: column.kind for column in table_schema(table).columns}
    replaced: dict[str, list[tuple[Any, Any]]] = {}
    found = []
    for row in rows:
        plain = {}
        for column, value in row.items():
            kept = _storable(value, kinds.get(column, "text"))
            plain[column] = kept
            if kept is not value:
                replaced.setdefault(column, []).append((value, kept))
        found.append(plain)
    for column, pairs in replaced.items():
        value, kept = pairs[0]
        # The note appears in responses and pages.
        shown = shortened(redacted(escape_surrogates(str(value))), _SHOWN, "...")
        how = Choice("left-out" if kept is None else "escaped")
        notes.append(
            note(
                "note-not-storable",
                values=len(pairs),
                column=Resource(column),
                how=how,
                first=Resource(shown),
            )
        )
    return found


def _storable(value: Any, kind: str) -> Any:
    """Return the value if a column of the kind can hold it, else its storable part or None."""
    if isinstance(value, str):
        text = escape_surrogates(value) if holds_surrogates(value) else value
        return text if kind in ("text", "json") else None
    if value is None or kind in ("text", "json"):
        return value
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if kind == "time":
        moment = isinstance(value, datetime) or (isinstance(value, int) and abs(value) < 2**63)
        return value if moment else None
    return value if _is_number(value, kind) else None


def _is_number(value: Any, kind: str) -> bool:
    if not isinstance(value, int | float):
        return False
    try:
        number = float(value)
    except OverflowError:
        return False
    return kind == "float" or (number.is_integer() and abs(number) < 2**63)

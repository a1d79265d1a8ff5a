r"""Decode the escapes that Nginx and Apache write into a log.

With its default escaping Nginx writes quotation marks, backslashes and all bytes outside of printable ASCII
as ``\x`` and two upper-case hexadecimal digits (ngx_http_log_escape). Apache writes ``\"``, ``\\``, ``\n``
etc., and lower-case digits for other bytes (ap_escape_logitem).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from watchme_analysis.files.arrow_arrays import array_of, bool_array, truths_of
from watchme_analysis.schema import table_schema

if TYPE_CHECKING:
    import pyarrow as pa

_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"v": b"\v"}
# Bytes that are not UTF-8 are displayed with lower-case digits, and are not decoded again.
_ESCAPED = {
    "default": re.compile(rb"\\x([0-9A-F]{2})"),
    "apache": re.compile(rb"\\(?:x([0-9a-f]{2})|([\"\\ntrbv]))"),
}
_OURS = ("file", "service")
_COLUMNS = {
    column.name: column.kind
    for column in table_schema("access_log").columns
    if column.kind in ("text", "json") and column.name not in _OURS
}


def unescaped(text: str, escape: str = "default") -> str:
    r"""Return a text with its escapes decoded once; bytes that are not UTF-8 become ``\xff``."""
    data = _ESCAPED[escape].sub(_byte, text.encode())
    return data.decode("utf-8", errors="backslashreplace")


def _byte(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return bytes.fromhex(found[1].decode())
    return _LETTERS.get(found[2], found[2])


def unescaped_table(table: pa.Table, escape: str) -> pa.Table:
    """Return a table of ``access_log`` with the escapes of its texts decoded."""
    import pyarrow.compute as pc

    for at, name in enumerate(table.column_names if escape in _ESCAPED else ()):
        if name not in _COLUMNS:
            continue
        values = table[name].combine_chunks()
        escaped = bool_array(truths_of(pc.match_substring(values, "\\")))
        if pc.any(escaped).as_py():
            found = [_decoded(name, value, escape) for value in values.filter(escaped).to_pylist()]
            changed = pc.replace_with_mask(values, escaped, array_of(found, "text"))
            table = table.set_column(at, name, changed)
    return table


def _decoded(name: str, value: Any, escape: str) -> Any:
    if _COLUMNS[name] == "text":
        return unescaped(value, escape)
    plain = {key: unescaped(one, escape) for key, one in json.loads(value).items()}
    return json.dumps(plain, sort_keys=True, ensure_ascii=False)

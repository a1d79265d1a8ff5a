r"""What Nginx wrote as ``\xXX``, turned back into the characters it stands for.

With its default escaping Nginx writes quotation marks, backslashes and everything outside of printable ASCII
as ``\x`` and two large hexadecimal digits (ngx_http_log_escape).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from watchme_analysis.schema import table_schema

if TYPE_CHECKING:
    import pyarrow as pa

# Bytes of a log that are no UTF-8 are shown with small digits, and stay so.
_ESCAPED = re.compile(rb"\\x([0-9A-F]{2})")
_OURS = ("file", "service")
_COLUMNS = {
    column.name: column.kind
    for column in table_schema("access_log").columns
    if column.kind in ("text", "json") and column.name not in _OURS
}


def unescaped(text: str) -> str:
    r"""Return a text with its escapes decoded, once; what is no UTF-8 then is written like ``\xff``."""
    data = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode())
    return data.decode("utf-8", errors="backslashreplace")


def unescaped_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of ``access_log`` with the escapes of its texts decoded."""
    return {name: _decoded(name, value) if name in _COLUMNS else value for name, value in row.items()}


def unescaped_table(table: pa.Table) -> pa.Table:
    """Return a table of ``access_log`` with the escapes of its texts decoded."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for at, name in enumerate(table.column_names):
        if name not in _COLUMNS:
            continue
        values = table[name].combine_chunks()
        escaped = pc.fill_null(pc.match_substring(values, "\\x"), False)
        if pc.any(escaped).as_py():
            found = [_decoded(name, value) for value in values.filter(escaped).to_pylist()]
            changed = pc.replace_with_mask(values, escaped, pa.array(found, values.type))
            table = table.set_column(at, name, changed)
    return table


def _decoded(name: str, value: str | None) -> str | None:
    if value is None or "\\x" not in value:
        return value
    if _COLUMNS[name] == "text":
        return unescaped(value)
    plain = {key: unescaped(one) for key, one in json.loads(value).items()}
    return json.dumps(plain, sort_keys=True, ensure_ascii=False)

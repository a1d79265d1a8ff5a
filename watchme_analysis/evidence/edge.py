"""HTTP requests logged by the edge: JSON lines with the field names of Cloudflare Logpush.

Source: https://developers.cloudflare.com/logs/reference/log-fields/zone/http_requests/
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.files.json_values import json_value
from watchme_analysis.files.line_accounting import TextAccounting
from watchme_analysis.files.lines import split_lines, unpadded
from watchme_analysis.text.render import error_message, note, text_of_error
from watchme_analysis.values import microseconds, number, span_ms, whole_number

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _lower(value: object) -> str | None:
    text = _text(value)
    return text.lower() if text else None


_FIELDS: dict[str, tuple[str, Callable[[object], object]]] = {
    "RayID": ("ray_id", _text),
    "ClientIP": ("client_addr", _text),
    "ClientRequestHost": ("host", _text),
    "ClientRequestMethod": ("method", _text),
    "ClientRequestPath": ("path", _text),
    "ClientRequestURI": ("uri", _text),
    "ClientRequestUserAgent": ("user_agent", _text),
    "EdgeResponseStatus": ("status", whole_number),
    "EdgeResponseBytes": ("body_bytes", whole_number),
    "EdgeTimeToFirstByteMs": ("ttfb_ms", number),
    "CacheCacheStatus": ("cache_status", _lower),
    "OriginIP": ("origin_addr", _text),
    "OriginResponseStatus": ("origin_status", whole_number),
    "OriginResponseDurationMs": ("origin_duration_ms", number),
    "OriginTCPHandshakeDurationMs": ("origin_handshake_ms", number),
}
_TIMES = {"EdgeStartTimestamp": "start", "EdgeEndTimestamp": "end"}
_KNOWN = set(_FIELDS) | set(_TIMES)


def looks_like(raw: RawFile) -> bool:
    """Return True for an empty file, or if one of the first lines is an object with three of the fields."""
    lines = [line for line in split_lines(raw.head()) if line.strip()][:20]
    return not lines or any(len(_KNOWN & set(_object(line) or ())) >= 3 for line in lines)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json_value(unpadded(line))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def read_edge(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the table ``edge_log`` and the retrieval of a log of the edge.

    Times are RFC 3339 texts or epochs of any unit, distinguished by size. A line that is not an object, or
    has an invalid time or number, is rejected; fields without a column of the table are stored in ``extra``.
    """
    account = TextAccounting(raw, "edge_requests", "edge_log")
    for at, line in account.lines_of(raw.content.data.removeprefix(b"\xef\xbb\xbf")):
        if not line.strip(b" \t\0"):
            account.blank_lines += 1
            continue
        record = _object(line)
        if record is None:
            account.reject(at, note("reject-no-json"), line)
            continue
        try:
            row = _row(record, raw)
        except ValueError as error:
            account.reject(at, text_of_error(error), line)
            continue
        account.add({"file": raw.relative, "line": at, **row})
    return account.finish(["start", "end"])


def _row(record: dict[str, Any], raw: RawFile) -> dict[str, object]:
    row: dict[str, object] = {}
    for field, name in _TIMES.items():
        value = record.get(field)
        row[name] = None
        if value not in (None, "", 0):
            row[name] = microseconds(value, raw.zone)
            if row[name] is None:
                raise ValueError(error_message("value-no-time", value=f"{field} {value!r}"))
    if row["start"] is None and row["end"] is None:
        raise ValueError(error_message("reject-edge-no-time"))
    for field, (name, convert) in _FIELDS.items():
        try:
            row[name] = convert(record.get(field))
        except ValueError as error:
            raise ValueError(error_message("problem-of", of=field, problem=error)) from None
    start, end = row["start"], row["end"]
    if isinstance(start, int) and isinstance(end, int):
        row["duration_ms"] = span_ms(start, end, number(row["ttfb_ms"]))
    if row["path"] is None and isinstance(row["uri"], str):
        row["path"] = row["uri"].partition("?")[0]
    further = {key: value for key, value in record.items() if key not in _KNOWN}
    row["extra"] = json.dumps(further, sort_keys=True, ensure_ascii=False) if further else None
    return row

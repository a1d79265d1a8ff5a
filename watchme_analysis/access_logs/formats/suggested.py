"""The format that a line would take: a ``log_format`` from the values of the line.

Values between blanks, in quotation marks or in brackets become variables by their shape and order. A label
such as ``rt=`` names its variable. The user checks the names, so a wrong guess costs a look.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from watchme_analysis.access_logs.formats.json_log import flattened, is_request
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.access_logs.formats.log_variables import PATTERNS
from watchme_analysis.access_logs.formats.variable_names import VARIABLE_OF_LABEL, plain_label
from watchme_analysis.errors import FormatError
from watchme_analysis.files.json_values import json_value

# Values of several tries of an upstream, in any order of the separators.
_ADDRESS_OF_TRY = r"[\w.-]+:\d{1,5}"
_SECONDS_OF_TRY = r"\d{1,6}\.\d{3}"
_STATUS_OF_TRY = r"[1-5]\d\d"
_TRIES = "|".join(f"{one}(?:(?:, | : ){one})+" for one in (_ADDRESS_OF_TRY, _SECONDS_OF_TRY, _STATUS_OF_TRY))
_SECONDS_OF_TRIES = rf"{_SECONDS_OF_TRY}(?:, {_SECONDS_OF_TRY})*"
# Times with a fraction, or without a zone.
_TIME_TEXT = (
    r"\d{1,2}/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: [+-]\d{4})?"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
)
# A label, and a value in quotation marks, in brackets or without either.
_VALUE = re.compile(
    r'(?P<label>[A-Za-z][\w.-]{0,40}[=:](?=["\[\w.-]))?'
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|\[(?P<bracketed>[^\]]*)\]|(?P<bare>'
    + "|".join((PATTERNS["time_local"].decode(), _TIME_TEXT, _TRIES))
    + r'|[^\s"\[\]|,;]+))'
)
# A duration with its unit, which a variable states in its name.
_WITH_UNIT = re.compile(r"\d{1,9}(?:\.\d{1,9})?(?P<unit>ms|us)")
# Variables by the shapes of their values; each occurs once, the first that fits and is not taken.
_SHAPES: tuple[tuple[str, str], ...] = (
    ("time_local", PATTERNS["time_local"].decode()),
    ("time_iso8601", PATTERNS["time_iso8601"].decode()),
    ("msec", r"\d{9,10}\.\d{3}"),
    ("time_text", _TIME_TEXT),
    ("request", r"[A-Z][A-Z_-]* \S+ HTTP/\d(?:\.\d)?"),
    ("request_method", r"GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE"),
    ("server_protocol", r"HTTP/\d(?:\.\d)?"),
    ("request_uri", r"(?:https?:/)?/\S*"),
    ("status", r"[1-5]\d\d"),
    ("upstream_addr", r"(?:[\w.\[\]:-]+:\d{1,5}|unix:\S+?)(?:, \S+)*"),
    ("upstream_cache_status", r"MISS|BYPASS|EXPIRED|STALE|UPDATING|REVALIDATED|HIT"),
    ("remote_addr", r"\d{1,3}(?:\.\d{1,3}){3}|[\da-fA-F]{0,4}(?::[\da-fA-F]{0,4}){2,7}"),
    ("http_x_forwarded_for", r"\d{1,3}(?:\.\d{1,3}){3}(?:, .*)?"),
    ("http_referer", r"https?://.*"),
    ("http_user_agent", r"[A-Za-z][\w.-]*/\d.*"),
    ("request_time", r"\d{1,5}\.\d{3}"),
    ("upstream_response_time", _SECONDS_OF_TRIES),
    ("upstream_header_time", _SECONDS_OF_TRIES),
    ("upstream_connect_time", _SECONDS_OF_TRIES),
    ("body_bytes_sent", r"\d{1,12}"),
    ("upstream_status", r"[1-5]\d\d(?:, [1-5]\d\d)*"),
    ("request_length", r"\d{1,12}"),
    ("request_id", r"[\da-f]{32}|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}"),
    ("host", r"(?:[\w-]+\.)+[A-Za-z][\w-]*"),
)
_ADDRESS_AND_PORT = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[\da-fA-F:]+\]):\d{1,5}")
_NO_VALUES = ("", "-")
# Variables of missing values, before and after the request.
_BEFORE, _AFTER = (
    ("remote_logname", "remote_user"),
    ("http_referer", "http_user_agent", "http_x_forwarded_for"),
)


def suggested_format(line: str) -> str | None:
    """Return the text of a ``log_format`` that a line fits; None if it shows no request."""
    if line.startswith("{"):
        return _json_format(line)
    text = ""
    names: list[str] = []
    at = 0
    for found in _VALUE.finditer(line):
        kind = found.lastgroup or "bare"
        value = found[kind]
        opening, closing = {"quoted": ('"', '"'), "bracketed": ("[", "]")}.get(kind, ("", ""))
        label = found["label"] or ""
        labelled = VARIABLE_OF_LABEL.get(label.rstrip("=:").lower().replace("-", "_"), "")
        name = labelled if labelled not in ("", *names) else None
        name = name or suggested_variable(value, names, quoted=kind == "quoted") or f"field_{len(names) + 1}"
        text += line[at : found.start()] + label + opening
        if name == "remote_addr" and _ADDRESS_AND_PORT.fullmatch(value):
            text += "$remote_addr:$remote_port"
            names.append("remote_port")
        elif (unit := _WITH_UNIT.fullmatch(value)) and f"request_time_{unit['unit']}" not in names:
            name = f"request_time_{unit['unit']}"
            text += f"${{{name}}}{unit['unit']}"
        else:
            text += f"${name}"
        names.append(name)
        text += closing
        at = found.end()
    text += line[at:]
    try:
        fits = compile_format(text).match(line.encode()) is not None
    except FormatError:
        return None
    return text if fits and is_request(dict.fromkeys(names)) else None


def _json_format(line: str) -> str | None:
    """Return the format of a JSON line by the names and the values of its keys; None without a request."""
    try:
        record = json_value(line.encode())
    except ValueError:
        return None
    names: dict[str, str] = {}
    for key, value in flattened(record).items() if isinstance(record, dict) else ():
        taken = [*names.values()]
        # JSON drops the zeros by which a duration has the shape of Nginx's.
        written = f"{value:.3f}" if isinstance(value, float) else str(value)
        labelled = VARIABLE_OF_LABEL.get(plain_label(key))
        suggested = None if written in _NO_VALUES else suggested_variable(written, taken, quoted=False)
        if name := suggested if labelled in (None, *taken) else labelled:
            names[key] = name
    template = json.dumps({key: f"${name}" for key, name in names.items()}, ensure_ascii=False)
    return template if is_request(dict.fromkeys(names.values())) else None


def suggested_variable(value: str, taken: Sequence[str], *, quoted: bool) -> str | None:
    """Return the variable that a value suggests by its shape and order; None for a value of no known shape.

    ``taken``: variables of the values before it; ``quoted``: whether quotation marks enclose the value.
    """
    has_request = any(name in taken for name in ("request", "request_uri"))
    if _ADDRESS_AND_PORT.fullmatch(value) and "remote_addr" not in taken:
        return "remote_addr"
    usual: tuple[str, ...] = ()
    if value in _NO_VALUES:
        usual = _AFTER if has_request and quoted else () if has_request else _BEFORE
    elif quoted and has_request:
        usual = ("http_user_agent",) if "http_referer" in taken else ()
    shaped = (name for name, shape in _SHAPES if re.fullmatch(shape, value))
    return next((name for name in (*usual, *shaped) if name not in taken), None)

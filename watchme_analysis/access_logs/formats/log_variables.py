"""Kinds of the variables of a ``log_format``, and the patterns of their values.

`column_sources` selects the column of ``access_log`` that a variable fills.

Source: https://nginx.org/en/docs/http/ngx_http_core_module.html#variables and the pages of other modules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "int", "decimal", "msec", "time_local", "time_iso8601", "address", "list", "token", "text", "rest"
]

_NAMES: dict[Kind, str] = {
    "int": "status body_bytes_sent bytes_sent request_length connection connection_requests pid remote_port "
    "server_port original_status bytes_total first_byte_us first_request_byte_us",
    "decimal": "request_time request_time_ms request_time_us connection_time gzip_ratio",
    "msec": "msec",
    "time_local": "time_local",
    "time_iso8601": "time_iso8601",
    "address": "remote_addr realip_remote_addr server_addr",
    # The last is text from the client without restrictions.
    "token": "request_id host server_name scheme request_method server_protocol pipe hostname https http2 "
    "http3 ssl_protocol ssl_cipher ssl_session_reused upstream_cache_status nginx_version "
    "request_completion connection_status content_length",
}
_KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_LISTS = re.compile(
    r"upstream_(addr|status|(connect|header|response|first_byte|session|queue)_time|response_length"
    r"|bytes_(received|sent))"
)
# RE2's \s lacks the vertical tab, so white space is stated by its bytes.
ELEMENT = {"addr": rb"[^\t-\r ,\"]+?", "status": rb"\d+|-", "time": rb"\d+(?:\.\d+)?|-"}
_IPV4 = rb"\d{1,3}(?:\.\d{1,3}){3}"
_PART = rb"[0-9A-Fa-f]{1,4}"
# Complete, or with one gap, because a truncated and a following value together would have two.
_IPV6 = rb"(?:(?:P:){6}(?:P:P|V)|(?:P(?::P){0,6})?::(?:(?:P:){0,6}(?:P|V))?)"
_IPV6 = _IPV6.replace(b"P", _PART).replace(b"V", _IPV4)
_ADDRESS = rb"-|unix:|" + _IPV4 + b"|" + _IPV6 + rb"(?:%\w+)?|[A-Za-z_][\w.-]*|(?:[\w-]+\.)+[A-Za-z][\w-]*"
PATTERNS: dict[str, bytes] = {
    "int": rb"-|\d+",
    "decimal": rb"-|\d+(?:\.\d+)?",
    "msec": rb"\d+\.\d+",
    # Nginx and Apache write two digits of the day; other programs leave the first out, or write a blank.
    "time_local": rb"[ \d]?\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}",
    "time_iso8601": rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[+-]\d\d:\d\d|Z)",
    "address": _ADDRESS,
    "token": rb"[^\t-\r \"]*?",
    # Everything up to the end of the line.
    "rest": rb".*",
}
# Apache logs the names of its hosts without a port, and an IPv6 address in brackets.
APACHE_HOST = rb"\[[^\t-\r \"\]]*\]|[^\t-\r \":]*?"
# Kinds with distinctive values, and patterns that hardly any other text matches.
SURE_PATTERNS = {
    "address": _IPV4 + b"|" + _IPV6,
    "msec": rb"\d{9,10}\.\d{3}",
    "time_local": PATTERNS["time_local"],
    "time_iso8601": PATTERNS["time_iso8601"],
}
# A byte of these times, and its distance from their end, in both formats.
TIME_MARKS = {
    "msec": (ord("."), 4, 4),
    "time_local": (ord(":"), 9, 9),
    "time_iso8601": (ord(":"), 3, 4),
}


def kind_of(variable: str) -> Kind:
    """Return the kind of a variable's values; ``text`` for names of clients, maps and applications."""
    if _LISTS.fullmatch(variable):
        return "list"
    return _KINDS.get(variable, "text")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a plan: its name, the kind of its values, and whether quotation marks enclose it."""

    name: str
    kind: Kind
    quoted: bool

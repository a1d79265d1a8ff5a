"""Logs in the W3C extended format: CloudFront's standard logs, and those of IIS.

Lines that begin with ``#`` are directives. ``#Fields`` names the values of the lines below it, and IIS writes
it again whenever it opens the log. Times are UTC.

Sources: https://www.w3.org/TR/WD-logfile.html,
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html (seconds), and
https://learn.microsoft.com/en-us/windows/win32/http/w3c-logging (milliseconds).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from watchme_analysis.access_logs.formats.json_log import is_request
from watchme_analysis.access_logs.reject_reasons import reject_reason
from watchme_analysis.files.lines import decoded

NAME = "W3C"
_VARIABLES = {
    "c-ip": "remote_addr",
    "cs-username": "remote_user",
    "cs-method": "request_method",
    "cs-uri": "request_uri",
    "cs-version": "server_protocol",
    "cs-protocol-version": "server_protocol",
    "sc-status": "status",
    # SHOUTcast
    "c-status": "status",
    "sc-bytes": "bytes_sent",
    "cs-bytes": "request_length",
    "time-taken": "request_time",
    "x-edge-request-id": "http_x_amz_cf_id",
    "x-edge-result-type": "upstream_cache_status",
    "x-host-header": "host",
    "cs-host": "http_host",
    "cs(Host)": "http_host",
    "x-forwarded-for": "http_x_forwarded_for",
    "s-port": "server_port",
}
_TAKEN_TOGETHER = ("date", "time", "cs-uri-stem", "cs-uri-query")
# Of a request: cs(Name). Of a response: sc(Name).
_HEADER = re.compile(r"([cs])[cs]?\(([\w-]+)\)")
_DIRECTIVE = re.compile(rb"#(Fields|Software):[ \t]*([^\r\n]*)", re.IGNORECASE)
# A value in quotation marks, or one without; values are separated by blanks.
_QUOTED = re.compile(r'(?<!\S)(?:"((?:[^"]|"")*)"|([^\s"]\S*))(?!\S)')
ANY_DIRECTIVE = re.compile(rb"#[A-Za-z-]+:")
DIRECTIVES = re.compile(rb"^" + _DIRECTIVE.pattern, re.IGNORECASE | re.MULTILINE)
# Date, time, and a method among the values: a line of IIS or CloudFront whose fields were selected.
_LINE = re.compile(
    rb"\d{4}-\d\d-\d\d[ \t]+\d\d:\d\d:\d\d[ \t]+(?:\S+[ \t]+){0,9}[A-Z]{3,7}[ \t]+(?:\S+[ \t]+){3,}\S+$"
)


def lacks_fields(line: bytes) -> bool:
    """Return whether a line, which no format explains, has values that only ``#Fields`` could name."""
    return _LINE.match(line) is not None


@dataclass(frozen=True)
class W3cFields:
    """Content of the directives above a line.

    ``names``: fields in their order; empty before ``#Fields``; ``per_second``: units per second of
    ``time-taken``; ``plus_is_space``: true if a space in a header is written as a plus sign.
    """

    names: tuple[str, ...] = ()
    per_second: float = 1.0
    plus_is_space: bool = False

    def after(self, line: bytes) -> W3cFields | None:
        """Return the content that applies below a directive; None for another line."""
        if not line.startswith(b"#"):
            return None
        found = _DIRECTIVE.match(line)
        if found is None:
            return self if ANY_DIRECTIVE.match(line) else None
        if found[1].lower() == b"fields":
            return replace(self, names=tuple(decoded(found[2]).split()))
        is_iis = b"Microsoft" in found[2]
        return replace(self, per_second=1e3 if is_iis else 1.0, plus_is_space=is_iis)

    def values(self, line: bytes) -> dict[str, str | None]:
        """Return the variables of a line.

        Raises ValueError if the number of values differs from that of fields, or the fields are not those of
        a request.
        """
        text = decoded(line)
        parts = text.split("\t" if "\t" in text else " ")
        if len(parts) != len(self.names):
            # Values in quotation marks, and several blanks between values.
            parts = _quoted_parts(text) if '"' in text else text.split()
        if len(parts) != len(self.names):
            raise ValueError(
                reject_reason("reject-values", values=str(len(parts)), fields=str(len(self.names)))
            )
        given = {
            name: None if part in ("", "-") else part for name, part in zip(self.names, parts, strict=True)
        }
        values = {
            _variable(name): self._header(value) if "(" in name else value
            for name, value in given.items()
            if name not in _TAKEN_TOGETHER
        }
        if given.get("date") and given.get("time"):
            values["time_iso8601"] = f"{given['date']}T{given['time']}Z"
        stem, query = given.get("cs-uri-stem"), given.get("cs-uri-query")
        if stem is not None:
            values["request_uri"] = stem if query is None else f"{stem}?{query}"
        if not is_request(values):
            raise ValueError(reject_reason("reject-no-status"))
        if values.get("request_time") and self.per_second != 1:
            values["request_time_ms"] = values.pop("request_time")
        return values

    def _header(self, value: str | None) -> str | None:
        if value is None:
            return None
        return unquote(value.replace("+", " ") if self.plus_is_space else value)


def _quoted_parts(text: str) -> list[str]:
    """Return the values of a line of which some are enclosed in quotation marks, doubled inside of them."""
    return [bare or quoted.replace('""', '"') for quoted, bare in _QUOTED.findall(text)]


def _variable(name: str) -> str:
    known = _VARIABLES.get(name) or _VARIABLES.get(name.lower())
    if known is not None:
        return known
    header = _HEADER.fullmatch(name)
    if header is None:
        return name
    return ("http_" if header[1] == "c" else "sent_http_") + header[2].lower().replace("-", "_")

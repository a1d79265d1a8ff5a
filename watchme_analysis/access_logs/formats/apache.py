r"""Apache's ``LogFormat``, compiled to the same plan as a ``log_format`` of Nginx.

Variables have Nginx's names for the same values, so that later steps know them. Apache writes ``\"`` and
``\\`` for these two characters, ``\n`` etc. for white space, and ``\xhh`` in lower case for other unprintable
bytes. ``-`` is null in all variables: ``%b`` without bytes of a body, and ``%X`` of a connection that was
closed.

Source: https://httpd.apache.org/docs/2.4/mod/mod_log_config.html, and ap_escape_logitem in server/util.c.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from watchme_analysis.access_logs.formats.log_format import LogFormat, assemble
from watchme_analysis.errors import FormatError
from watchme_analysis.files.lines import split_text
from watchme_analysis.text.render import error_message
from watchme_analysis.values import microseconds

_DIRECTIVE = re.compile(
    r"%(?:!?\d{3}(?:,\d{3})*)?(?P<which>[<>])?(?:\{(?P<of>[^}]*)\})?"
    r"(?P<code>\^F[BU]|\^t[io]|[A-Za-z])"
)
_PIECE = re.compile(rf"(?P<percent>%%)|{_DIRECTIVE.pattern}|(?P<plain>[^%]+)|(?P<bad>%)", re.DOTALL)
_PLAIN = {
    "a": "remote_addr",
    "A": "server_addr",
    "b": "body_bytes_sent",
    "B": "body_bytes_sent",
    "D": "request_time_us",
    "f": "request_filename",
    "h": "remote_addr",
    "H": "server_protocol",
    "I": "request_length",
    "k": "connection_requests",
    "l": "remote_logname",
    "L": "log_id",
    "m": "request_method",
    "O": "bytes_sent",
    "p": "server_port",
    "P": "pid",
    "q": "query_mark",
    "r": "request",
    "R": "handler",
    "s": "status",
    "S": "bytes_total",
    "T": "request_time",
    "u": "remote_user",
    "U": "uri",
    "v": "server_name",
    "V": "host",
    "X": "connection_status",
    "^FB": "first_byte_us",
    "^FU": "first_request_byte_us",
}
_NAMED = {"i": "http_", "o": "sent_http_", "C": "cookie_", "e": "env_", "n": "note_", "x": "", "c": "ssl_"}
_OF = {
    ("T", "us"): "request_time_us",
    ("T", "ms"): "request_time_ms",
    ("T", "s"): "request_time",
    ("a", "c"): "realip_remote_addr",
    ("p", "remote"): "remote_port",
    ("p", "local"): "server_port",
    ("p", "canonical"): "server_port",
    ("P", "pid"): "pid",
    ("P", "tid"): "thread_id",
    ("P", "hextid"): "thread_id",
    ("e", "UNIQUE_ID"): "request_id",
}
# Variables that together form the request line, and the target.
_WHOLES = (("%m %U%q %H", "%r"), ("%U%q", "%{}U"))
_FRACTIONS = {"msec_frac": "123", "usec_frac": "123456"}
_EPOCHS = {"sec": "1765415430", "msec": "1765415430123", "usec": "1765415430123456"}
_SAMPLE = datetime(2025, 12, 11, 1, 10, 30, tzinfo=UTC)
_CONFIG_LINE = re.compile(r"[ \t]*(LogFormat|CustomLog)[ \t]+(.+)", re.IGNORECASE)
_NAMES = {"logformat": "LogFormat", "customlog": "CustomLog"}
_ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_CONFIG_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CONFIG_CHARS = {"n": "\n", "t": "\t"}


def looks_like_apache(text: str) -> bool:
    """Return whether a format is an Apache format: it has a percent directive and no variable."""
    return "$" not in text and _DIRECTIVE.search(text.replace("%%", "")) is not None


def compile_apache(text: str, name: str = "") -> LogFormat:
    r"""Return a compiled ``LogFormat``.

    ``text``: the format, with or without the backslashes that ``\"`` needs in a configuration; ``name``: name
    of the format. Raises FormatError if the format has no directive, an unknown directive, a time that cannot
    be parsed, or two values without a separator.
    """
    plain = _CONFIG_ESCAPE.sub(lambda found: _CONFIG_CHARS.get(found[1], found[1]), text)
    for parts, whole in _WHOLES:
        plain = plain.replace(parts, whole)
    known = name or text
    literals, names = [""], []
    final = "%>s" in plain
    for found in _PIECE.finditer(plain):
        if found["bad"]:
            raise FormatError(error_message("error-apache-percent", format=repr(known)))
        if found["code"] is None:
            literals[-1] += found["plain"] or "%"
        elif found["code"] == "t" and found["of"] is None:
            literals[-1] += "["
            names.append("time_local")
            literals.append("]")
        elif found["code"] == "t" and names and names[-1].startswith("%"):
            # Seconds and their fraction are two directives of a single time.
            names[-1] += literals.pop() + f"%{{{found['of']}}}"
            literals.append("")
        else:
            variable = f"%{{{found['of']}}}" if found["code"] == "t" else _variable(found, known)
            if variable == "status" and final and found["which"] != ">":
                variable = "original_status"
            names.append(variable)
            literals.append("")
    written: Counter[str] = Counter()
    for at, variable in enumerate(names):
        if variable.startswith("%"):
            in_utc = literals[at + 1].startswith("Z")
            literals[at + 1] = literals[at + 1].removeprefix("Z")
            variable = _time_variable(variable + ("Z" if in_utc else ""), known)  # noqa: PLW2901
            names[at] = variable
        elif written[variable]:
            names[at] = f"{variable}_{written[variable] + 1}"
        written[variable] += 1
    return assemble(name, text, "apache", literals, names)


def _variable(found: re.Match[str], known: str) -> str:
    code, of = found["code"], found["of"]
    if (code, of) == ("U", ""):
        return "request_uri"
    if of is None or code in ("s", "h"):
        variable = _PLAIN.get(code)
    else:
        variable = _OF.get((code, of))
        if variable is None and code in _NAMED and of:
            variable = _NAMED[code] + re.sub(r"\W", "_", of.lower())
    if variable is None:
        raise FormatError(error_message("error-apache-directive", format=repr(known), directive=found[0]))
    return variable


def _time_variable(shape: str, known: str) -> str:
    """Return the variable for a time of a shape such as ``%{%d/%b/%Y:%T}.%{msec_frac}``."""
    if re.sub(r"%T", "%H:%M:%S", shape) == "%{%d/%b/%Y:%H:%M:%S %z}":
        return "time_local"
    if shape == "%{sec}.%{msec_frac}":
        return "msec"

    def written(found: re.Match[str]) -> str:
        of = re.sub(r"^(begin|end):", "", found[1])
        return _FRACTIONS.get(of) or _EPOCHS.get(of) or _SAMPLE.strftime(of)

    sample = re.sub(r"%\{([^}]*)\}", written, shape)
    moment = microseconds(sample)
    expected = int(_SAMPLE.timestamp()) * 1_000_000
    if moment is None or not expected <= moment < expected + 1_000_000:
        raise FormatError(error_message("error-apache-time", format=repr(known), sample=repr(sample)))
    return "time_text"


def apache_directives(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the access log directives of a configuration: documented name, arguments."""
    for line in split_text(text.replace("\\\n", "")):
        found = _CONFIG_LINE.match(line)
        if found is not None:
            arguments = [
                quoted.replace('\\"', '"') if quoted else bare for quoted, bare in _ARGUMENT.findall(found[2])
            ]
            yield _NAMES[found[1].lower()], arguments

"""Lines of text files: split, decoded, and stripped of the prefixes of container runtimes and syslog.

A line ends at a line feed, optionally preceded by a carriage return, and nowhere else: `str.splitlines` also
splits at form feeds and U+2028, which would shift the line numbers.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.config import load_config
from watchme_analysis.files.limit_notes import limit_reached
from watchme_analysis.limits import MIB
from watchme_analysis.redact import shortened
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import note
from watchme_analysis.values import microseconds

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

# Bytes that are split into lines at once.
_SPLIT_BYTES = 1 << 20
# Longest text of a rejected line in the accounting, in characters.
TEXT_LIMIT = 2000


def split_lines(data: bytes) -> list[bytes]:
    """Return the physical lines without their ends (line feed, or carriage return and line feed)."""
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    return [line[:-1] if line.endswith(b"\r") else line for line in lines]


def each_line(data: bytes) -> Iterator[bytes]:
    """Yield the lines that :func:`split_lines` returns, without a list of all of them."""
    at = 0
    while at < len(data):
        end = data.rfind(b"\n", at, at + _SPLIT_BYTES)
        if end < 0:
            end = data.find(b"\n", at + _SPLIT_BYTES)
        if end < 0:
            end = len(data)
        for line in data[at:end].split(b"\n"):
            yield line[:-1] if line.endswith(b"\r") else line
        at = end + 1


def long_line_problem(size: int) -> str:
    """Return the reason why a line of so many bytes is not read; empty within the limit."""
    # No limit is below this size, and to look it up takes longer than to read a line.
    if size <= MIB:
        return ""
    limits = load_config().limits
    if size <= limits.line_mib * MIB:
        return ""
    return note("problem-long-line", bytes=Resource(str(size)), limit=limit_reached(limits, "line_mib"))


def split_text(text: str, *, keep_ends: bool = False) -> list[str]:
    """Return the physical lines of a text as :func:`split_lines` does, with their ends on request."""
    lines = io.StringIO(text, newline="\n").readlines()
    return lines if keep_ends else [line.removesuffix("\n").removesuffix("\r") for line in lines]


def unpadded(line: bytes) -> bytes:
    """Return a line without leading NUL bytes, which a write after a truncation of the log leaves."""
    return line.lstrip(b"\0")


def display_text(data: bytes) -> str:
    """Return a line as text for display: undecodable bytes escaped, at most 2000 characters."""
    return shortened(data[: TEXT_LIMIT * 4].decode("utf-8", errors="backslashreplace"), TEXT_LIMIT)


def decoded(data: bytes) -> str:
    r"""Return bytes as text; bytes that are not UTF-8 become ``\xNN``."""
    return data.decode("utf-8", errors="backslashreplace")


# Before every line: `docker compose logs`, also with its colours, `docker service logs`, and
# `kubectl logs --prefix`.
_COLOUR = rb"(?:\x1b\[[0-9;]*m)*"
_CONTAINER = (
    rb"(?:" + _COLOUR + rb"(?P<container>[\w.@-]+) +\|" + _COLOUR + rb" " + _COLOUR + rb")?(?:\[pod/\S+\] )?"
)
_ISO = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_BSD = rb"[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d"
# Python programs begin their lines with a level, which is no name of a program.
_NO_LEVEL = rb"(?!(?:TRACE|DEBUG|INFO|WARNING|ERROR|CRITICAL): )"
# The file of a Kubernetes node; P instead of F marks a part of a line.
_NODE_STREAM = rb"(?:stdout|stderr) F "
_PREFIX = re.compile(
    # A container's name, then the priority of syslog.
    _CONTAINER + rb"(?:<\d{1,3}>)?"
    # RFC 5424: version, time, host, program, process, message, data.
    rb"(?:1 " + _ISO + rb" \S+ \S+ \S+ \S+ (?:-|(?:\[[^\]]*\])+) (?:\xef\xbb\xbf)?"
    # RFC 3164, as nginx sends it (with or without its host), syslog daemons write it and journalctl shows it;
    # Heroku has the name of a dyno or router in place of the process id.
    rb"|(?:" + _ISO + rb"|" + _BSD + rb") (?:\S+ )?" + _NO_LEVEL + rb"[\w./-]+(?:\[[\w.]{1,40}\])?: "
    # `docker logs --timestamps`, and the file of a Kubernetes node.
    # `aws logs tail` with the stream of an ECS task; Loki's `logcli` with the labels of a stream.
    rb"|" + _ISO + rb" (?:" + _NODE_STREAM + rb"|[A-Za-z][\w.-]*/[\w./-]+ |\{[^{}]*\} )?"
    rb")?"
)
_PREFIX_TIME = re.compile(_ISO)
# After the name of a service: the number that Compose gives a container, or Swarm's number, task and node.
_REPLICA = re.compile(r"[-_]\d+$|\.\d+\..*$")
# An application writes times of its own, so only others' times belong to the prefix: a container runtime's,
# with nine digits or before the name of a stream, and syslog's and journalctl's, before host and program.
_CONTAINER_PREFIX = re.compile(
    (
        _CONTAINER
        + rb"(?:<\d{1,3}>)?"
        + rb"(?:(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(?:\d{9}Z|\d{1,9}Z(?= "
        + _NODE_STREAM
        + rb"))) ?"
        rb"(?:"
        + _NODE_STREAM
        + rb")?|"
        + _BSD
        + rb" \S+ (?P<program>[\w./()-]+)(?:\[[\w.]{1,40}\])?: |(?P<iso>"
        + _ISO
        + rb") \S+ (?P<process>kernel|[\w./()-]+(?=\[))(?:\[\d{1,10}\])?: )?"
    ).decode(),
    re.ASCII,
)


class ContainerPrefix(NamedTuple):
    """The prefix of a container runtime or of syslog: size in characters, time, service and program.

    The time is None without one, or without its year; the service is that of Compose or Swarm, the program
    that which syslog or journald names.
    """

    size: int
    time: str | None
    service: str | None
    program: str | None = None


def container_prefix(line: str) -> ContainerPrefix:
    """Return the prefix of a line; its size is 0 without one."""
    found = _CONTAINER_PREFIX.match(line)
    if found is None:
        return ContainerPrefix(0, None, None)
    name = found["container"]
    service = _REPLICA.sub("", name) if name else None
    program = found["program"] or found["process"]
    return ContainerPrefix(found.end(), found["time"] or found["iso"], service, program)


def prefix_size(line: bytes) -> int:
    """Return the size in bytes of the prefix before the program's own text, 0 without a prefix."""
    found = _PREFIX.match(line)
    # The pattern also matches the empty prefix, so it always matches.
    return found.end() if found else 0


def prefix_time(line: bytes, zone: tzinfo) -> int | None:
    """Return the time of a line's prefix in microseconds since the epoch; None without a time with a year."""
    found = _PREFIX_TIME.search(line, 0, prefix_size(line))
    return None if found is None else microseconds(found[0].decode(), zone)


def prefix_sizes(buf: Array, bounds: tuple[Array, Array]) -> Array:
    """Return :func:`prefix_size` of lines by their start and end positions in a buffer."""
    import numpy as np

    data = buf.tobytes()
    lines = zip(*(side.tolist() for side in bounds), strict=True)
    return np.array([prefix_size(data[start:end]) for start, end in lines], np.int64)

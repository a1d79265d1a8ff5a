"""Nginx error logs.

A line is ``time [level] pid#tid: *connection message, key: value, ..`` (ngx_log_error_core); the tail after
the message is written by ngx_http_log_error and the upstream module. Texts of the messages follow the
sources of nginx 1.18 to 1.28.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from watchme_analysis.access_logs.reject_reasons import reject_reason
from watchme_analysis.files.evidence_file import RawFile, is_blank
from watchme_analysis.files.line_accounting import TextAccounting
from watchme_analysis.files.lines import decoded, each_line, prefix_size, split_lines, unpadded
from watchme_analysis.files.zones import offset_in
from watchme_analysis.text.message import Code, Resource
from watchme_analysis.text.render import note
from watchme_analysis.values import across_repeated_hours, microseconds, split_request

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval

_LINE = re.compile(
    r"(?:(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) )?"
    r"\[(?P<level>debug|info|notice|warn|error|crit|alert|emerg)\] "
    r"(?P<pid>\d{1,10})#\d+: (?:\*(?P<connection>\d{1,18}) )?(?P<message>.*)",
    re.DOTALL,
)
# A line begins with its time, whatever a collector has put before it: program, host, stream or file.
_BEGINNING = re.compile(
    rb"(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )?"
    rb"\[(?:debug|info|notice|warn|error|crit|alert|emerg)\] \d{1,10}#\d+: "
)
_PREFIX_BYTES = 512
# In the order in which nginx writes them; a quoted value may hold any character.
_TAIL = re.compile(
    r", client: (?P<client>[^,]+)"
    r"(?:, server: (?P<server>[^,]*))?"
    r'(?:, request: "(?P<request>.*?)"(?=, (?:subrequest|upstream|host|referrer): "|$))?'
    r'(?:, subrequest: "(?P<subrequest>.*?)"(?=, (?:upstream|host|referrer): "|$))?'
    r'(?:, upstream: "(?P<upstream>.*?)"(?=, (?:host|referrer): "|$))?'
    r'(?:, host: "(?P<host>.*?)"(?=, referrer: "|$))?'
    r'(?:, referrer: "(?P<referrer>.*)")?$',
    re.DOTALL,
)
# The first match determines the kind. Errors of the system have the words of glibc or, in images of Alpine,
# of musl (git.musl-libc.org/cgit/musl/tree/src/errno/__strerror.h).
_KINDS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("upstream_timeout_connect", r"upstream timed out .*while (connecting|SSL handshaking) to upstream"),
        ("upstream_timeout_header", r"upstream timed out .*while reading response header from upstream"),
        ("upstream_timeout_send", r"upstream timed out .*while sending (request )?to upstream"),
        ("upstream_timeout_body", r"upstream timed out"),
        ("no_live_upstream", r"no live upstreams"),
        ("upstream_disabled", r"upstream server temporarily disabled"),
        (
            "upstream_closed",
            r"upstream prematurely closed|upstream closed (prematurely|keepalive|connection)",
        ),
        ("upstream_invalid", r"upstream (prematurely )?sent |upstream rejected request"),
        ("open_files", r"Too many open files|getrlimit.*exceeded|exceed open file resource limit"),
        ("open_files", r"but only \d+ files are available|No file descriptors available"),
        ("disk_full", r"No space left on device|Disk quota exceeded"),
        ("worker_connections", r"worker_connections are (not enough|more than)"),
        # Error 11: something listens at a Unix socket, but takes no connections: its queue is full (unix(7)).
        ("upstream_queue_full", r"connect\(\).*\(11: .*upstream"),
        ("upstream_refused", r"Connection refused.*upstream"),
        ("upstream_reset", r"(Connection reset by peer|Broken pipe).*(upstream|proxying)"),
        ("upstream_unreachable", r"(No route to host|(Host|Network) (is )?unreachable).*upstream"),
        (
            "upstream_unreachable",
            r"Cannot assign requested address.*upstream|connect\(\).* failed .*upstream",
        ),
        ("limit_conn", r"limiting connections"),
        ("limit_req", r"(limiting|delaying) requests?,"),
        ("buffering_to_disk", r"is buffered to a temporary file"),
        ("tls", r"\(SSL: |PROXY protocol.* SSL|client sent plain HTTP request to HTTPS port"),
        ("request_too_large", r"client (intended to send|sent) too (large|long)"),
        ("denied", r"access forbidden by rule|directory index of .* is forbidden|rewritten URI has a zero"),
        ("missing_file", r"(open|stat|openat)\(\) \".*\" failed \((2|20): |\" is not found \((2|20): "),
        ("client_invalid", r"client sent |invalid host in|PROXY protocol"),
        (
            "client_closed",
            r"client (\S+ )?(prematurely )?closed|client .*(reset|timed out)|\(.*\) while .*client",
        ),
        ("client_closed", r"client (canceled|terminated|reset) stream"),
        ("resolver", r"could not be resolved|host not found|resolver|while resolving|no port in upstream"),
        ("tls", r"SSL_|\bssl\b|certificate|OCSP|\bTLS\b"),
        ("worker_crash", r"exited on signal|exited with fatal code"),
        ("shutdown", r"gracefully shutting down|^exiting|^exit$|SIGQUIT|SIGTERM|SIGINT|SIGWINCH"),
        ("shutdown", r"process \d+ exited"),
        ("reload", r"reconfiguring|SIGHUP|reopening logs|SIGUSR1"),
        ("startup", r"start (worker|cache)|using the \"|^nginx/|^built by|^OS: |getrlimit\("),
        ("startup", r"\bbind\(\)|listen\(\) to|changing binary"),
        # The configuration parser ends its messages with the file's name and line.
        ("configuration", r" in \S+:\d+$"),
    )
)
# Nginx says where it stood; from the header on, the status had been sent.
_BEFORE_HEADER = re.compile(r"while (?:connecting|SSL handshaking|reading response header|sending request)")
# A container often writes access and application lines to the same file; no message of Nginx goes on so.
_OTHER_RECORD = re.compile(
    rb"(?:[\w.@-]+ +\| )?(?:\{\"|\S+ - .{1,200}? \[\d\d/[A-Z][a-z][a-z]/\d{4}:"
    rb"|[\[(]?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL): )"
)
_FIRST_LINES = 50
# Number of bytes of an access log to search for an offset from UTC.
_OFFSET_BYTES = 4096
_WENT_AWAY = re.compile(r"(reset by peer|broken pipe)\) while ", re.IGNORECASE)


# An error that lasts is logged thousands of times.
@lru_cache(maxsize=64)
def kind_of(message: str, upstream: str | None) -> str:
    """Return the kind of an error log line, a value of `schema`.

    ``message``: the message without its ``key: value`` tail; ``upstream``: the upstream that the tail names,
    if any.
    """
    for kind, pattern in _KINDS:
        if pattern.search(message):
            return kind
    # The message contains nginx's own action when the other side disconnected; the tail identifies that side.
    if _WENT_AWAY.search(message):
        return "client_closed" if upstream is None else "upstream_reset"
    return "other"


def failed_before_header(messages: pd.Series) -> pd.Series:
    """Return which messages on an upstream say that its response had not begun, so that another can be tried.

    ``messages``: column ``message`` of the table ``error_log``.
    """
    return messages.str.contains(_BEFORE_HEADER, na=False).astype(bool)


def looks_like(raw: RawFile) -> bool:
    """Return whether one of the first lines is a line of an Nginx error log."""
    lines = [line for line in split_lines(raw.head()) if line.strip()][:_FIRST_LINES]
    if not lines:
        return is_blank(raw)
    prefixed = _is_prefixed(lines)
    return any(_LINE.match(decoded(_written(line, prefixed=prefixed))) for line in lines)


def _is_prefixed(written: Iterable[bytes]) -> bool:
    """Return whether most of the first lines with text have a prefix of a container runtime or syslog."""
    lines = list(islice((line for line in map(unpadded, written) if line.strip()), _FIRST_LINES))
    return 2 * sum(prefix_size(line) > 0 for line in lines) > len(lines)


def _written(line: bytes, *, prefixed: bool) -> bytes:
    """Return a line without padding, and without its prefix."""
    line = unpadded(line)
    if begin := _BEGINNING.search(line, 0, _PREFIX_BYTES):
        return line[begin.start() :]
    return line[prefix_size(line) :] if prefixed else line


def read_error_log(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the table ``error_log`` of an Nginx error log, and its retrieval.

    ``raw``: file; its times have no zone and are in ``raw.zone``.

    Lines without a level continue the line before (a message may hold line breaks). Before the first line
    with one they are rejected, as are requests, which a container writes between them.
    """
    account = TextAccounting(raw, "nginx_error", "error_log")
    zone = raw.zone
    beside = _zone_beside(raw) if raw.settings.get("zone_is_assumed") else None
    if beside is not None:
        zone = beside[0]
        account.notes.append(
            note(
                "note-zone-beside",
                zone=Resource(str(zone)),
                file=Resource(str(beside[1])),
                option=Code("--timezone"),
                setting=Code("time_zone"),
            )
        )
    records: list[tuple[int, list[bytes]]] = []
    prefixed = _is_prefixed(each_line(raw.content.data))
    for at, written in account.lines_of(raw.content.data):
        line = _written(written, prefixed=prefixed)
        if not line.strip(b" \t\0"):
            account.blank_lines += 1
        elif _LINE.match(decoded(line)):
            records.append((at, [line]))
        elif not records:
            account.reject(at, reject_reason("reject-error-head"), line)
        elif line[:5].rstrip(b"/").isdigit() and line[4:5] == b"/":
            account.reject(at, reject_reason("reject-error-like"), line)
        elif _OTHER_RECORD.match(line):
            account.reject(at, reject_reason("reject-other-program"), line)
        else:
            records[-1][1].append(line)
            account.joined_lines += 1
    service = raw.service("error")
    for at, lines in records:
        row = _row(b"\n".join(lines), service, zone)
        if row is None:
            account.joined_lines -= len(lines) - 1
            for offset, line in enumerate(lines):
                account.reject(at + offset, reject_reason("reject-invalid-time"), line)
            continue
        account.rows.append({"file": raw.relative, "line": at, **row})
    _date(account, zone)
    return account.finish(["time"])


def _date(account: TextAccounting, zone: tzinfo) -> None:
    """Correct the times of the rows in an hour that clocks repeated, and note rows without a time."""
    timed = [row for row in account.rows if row["time"] is not None]
    moments = across_repeated_hours([int(str(row["time"])) for row in timed], zone)
    for row, moment in zip(timed, moments, strict=True):
        row["time"] = moment
    if untimed := len(account.rows) - len(timed):
        account.notes.append(note("note-lines-without-time", lines=untimed))


def _zone_beside(raw: RawFile) -> tuple[tzinfo, str] | None:
    """Return the zone that the access logs of the folder state, and the first of them.

    Nginx writes both logs in its local time, but only the access log contains the offset. None if the logs
    state none, or several, or the one that would be assumed anyway.
    """
    found: dict[tzinfo, str] = {}
    for log in raw.beside("access*.log*", "*[-_.]access*.log*"):
        offset = offset_in(log.head(_OFFSET_BYTES))
        if offset is not None:
            found.setdefault(offset, log.relative)
    if len(found) != 1:
        return None
    ((zone, name),) = found.items()
    is_same = zone.utcoffset(None) == timedelta(0) and str(raw.zone) == "UTC"
    return None if is_same else (zone, name)


def _row(line: bytes, service: str | None, zone: tzinfo) -> dict[str, object] | None:
    found = _LINE.match(decoded(line))
    assert found is not None
    moment = _moment(found["time"], zone) if found["time"] else None
    if moment is None and found["time"]:
        return None
    message, tail = _message_and_tail(found["message"])
    upstream = tail["upstream"] if tail else None
    request = split_request(tail["request"] or "") if tail else None
    return {
        "service": service,
        "time": moment,
        "level": found["level"],
        "pid": int(found["pid"]),
        "connection": int(found["connection"]) if found["connection"] else None,
        "kind": kind_of(message.replace("\n", " "), upstream),
        "message": message,
        "client_addr": tail["client"] if tail else None,
        "server": (tail["server"] or None) if tail else None,
        "method": request["method"] if request else None,
        "path": request["path"] if request else None,
        "upstream": upstream,
        "upstream_addr": _address(upstream),
        "host": (tail["host"] or None) if tail else None,
    }


@lru_cache(maxsize=64)
def _moment(text: str, zone: tzinfo) -> int | None:
    """Return the microseconds of a time; in a flood, thousands of lines have the same second."""
    return microseconds(text, zone)


def _message_and_tail(text: str) -> tuple[str, re.Match[str] | None]:
    """Return a record's message, and its tail with the request; None without one.

    What a program writes to the log below a complete line does not change its request, and a message of
    several lines has its tail at the end. A paste may be wrapped anywhere.
    """
    first, _, below = text.partition("\n")
    for part, rest in ((first, below), (text, ""), (" ".join(text.split()), "")):
        at = part.find(", client: ")
        tail = _TAIL.match(part, at) if at >= 0 else None
        if tail is not None:
            return "\n".join(filter(None, (part[:at], rest))), tail
    return text, None


@lru_cache(maxsize=64)
def _address(upstream: str | None) -> str | None:
    """Return host:port of an upstream URL, or the path of a socket."""
    if not upstream:
        return None
    _, _, rest = upstream.partition("://")
    if rest.startswith("unix:"):
        return rest.rpartition(":")[0] if rest.count(":") > 1 else rest
    try:
        return urlsplit(upstream).netloc or None
    except ValueError:
        return None

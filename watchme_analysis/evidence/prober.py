#!/usr/bin/env python3
"""Probe URLs at a gentle pace and append the results to probes.csv.

Needs Python 3.8 or newer and nothing else, so that `watchme probe` and a copy of this file in a container do
exactly the same:

    python3 probe.py --vantage inside http://127.0.0.1:8017/health
    python3 probe.py --header 'Host: api.example.com' --header @headers.txt http://127.0.0.1/health

Each probe opens a new connection past any proxy and writes one line: timestamp (UTC), vantage, path, status
(empty: no response), seconds, error, dns_s, connect_s, tls_s (durations of these steps) and ttfb_s (from the
start of the probe to the first byte). Headers are sent and never written down; a header that a file holds
(`Authorization: ...`) does not show in the list of processes either. Stop it with Ctrl-C.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import csv
import errno
import functools
import http.client
import io
import os
import re
import selectors
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

COLUMNS = (
    "timestamp",
    "vantage",
    "path",
    "status",
    "seconds",
    "error",
    "dns_s",
    "connect_s",
    "tls_s",
    "ttfb_s",
)
# Where a probe is sent from: in the container's own network, on the host before Nginx, or through the edge.
VANTAGES = ("inside", "host", "outside")
AGENT = "watchme-probe/1"
# Up to Python 3.9 these were two types.
TIMEOUTS = (TimeoutError, socket.timeout)
# Names of the steps of a probe in error messages.
LOOKING_UP = "looking up the name"
CONNECTING = "connecting"
SHAKING_HANDS = "shaking hands over TLS"
WAITING = "waiting for the response"
READING = "reading the response"
# Bytes read of a response, because an endless page would otherwise be read until the time limit.
ENOUGH_BYTES = 1_000_000
# Seconds after which the next address of a name is tried as well (RFC 8305, section 8).
NEXT_ADDRESS_S = 0.25
# Shortest interval between two probes of a URL, in seconds.
MIN_INTERVAL_S = 1.0


class InvalidInputError(ValueError):
    """An input that can't be used: an English sentence, and its kind with values for other languages."""

    def __init__(self, sentence: str, kind: str, **values: str) -> None:
        super().__init__(sentence)
        self.kind, self.values = kind, values


def check_url(url: str) -> str:
    """Return the URL when it can be probed.

    Raises InvalidInputError when it is not an http or https URL with a host, or not written in ASCII.
    """
    if re.search(r"[^!-~]", url):
        ascii_url = _in_ascii(url)
        example = f", such as {ascii_url}" if ascii_url else ""
        sentence = f"{url!r} can't be probed: write it in ASCII without spaces{example}."
        kind = "ascii-example" if ascii_url else "ascii"
        raise InvalidInputError(sentence, kind, url=repr(url), example=ascii_url)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        sentence = f"{url!r} can't be probed: give an http or https URL such as https://example.com/health."
        raise InvalidInputError(sentence, "url", url=repr(url))
    return url


def _in_ascii(url: str) -> str:
    """Return the ASCII form of a URL; empty where that is not known."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        port = f":{parts.port}" if parts.port else ""
        if parts.username is not None or parts.password is not None or not host:
            return ""
    except ValueError:
        return ""
    path, query = (quote(text, "/%:@!$&'()*+,;=?~-._") for text in (parts.path, parts.query))
    found = urlunsplit((parts.scheme, host + port, path, query, ""))
    return "" if re.search(r"[^!-~]", found) else found  # the host has a space


def read_headers(pairs: Iterable[str]) -> dict[str, str]:
    """Return the request headers stated as ``NAME: VALUE`` or ``@FILE``, a file of such lines.

    Raises InvalidInputError for an invalid header. Messages never repeat a value, which may be a secret.
    """
    found: dict[str, str] = {}
    for number, pair in enumerate(pairs, 1):
        lines, where = [pair], f"--header number {number}"
        if pair.startswith("@"):
            where = pair[1:]
            with open(where, encoding="utf-8") as file:  # noqa: PTH123
                lines = [line for line in file.read().splitlines() if line.strip()]
        for line in lines:
            name, colon, value = (part.strip(" \t") for part in line.partition(":"))
            # A line break would begin another header.
            if (
                not colon
                or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)
                or not re.fullmatch(r"[ -~]*", value)
            ):
                sentence = f"{where} is not a header: write NAME: VALUE, in one line of ASCII."
                raise InvalidInputError(sentence, "header", place=where)
            found[name] = value
    return found


def error_text(step: str, error: Exception, timeout_s: float) -> str:
    """Return the error of a probe with its step; the error of a timeout begins with the word timeout."""
    if isinstance(error, TIMEOUTS):
        return f"timeout after {timeout_s:g} s, while {step}"
    if isinstance(error, ConnectionRefusedError):
        return f"refused, while {step}"
    if isinstance(error, http.client.IncompleteRead):
        return "incomplete: the response ended early"
    if type(error) is http.client.BadStatusLine:
        return f"the response is not HTTP/1, while {step}"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    # The server controls this text.
    text = "".join(c if c.isprintable() else "?" for c in text[:200].strip())
    return f"{text}, while {step}"


class _Reads(io.RawIOBase):
    """Read from a socket, each time within the remaining time, because headers may arrive byte by byte."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self.sock, self.left = sock, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.sock.settimeout(self.left())
        return self.sock.recv_into(buffer)


class _Socket:
    """The part of a socket that http.client needs; the caller closes the socket itself."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self.sendall = sock.sendall
        self.makefile = lambda _mode: io.BufferedReader(_Reads(sock, left))

    def close(self) -> None:
        """Leave the socket open: the response is still to be read."""


def _addresses(host: str, port: int, left: Callable[[], float]) -> list[Any]:
    """Return the addresses of a name from getaddrinfo, within the remaining time.

    The resolver cannot be stopped, so a slow lookup is abandoned in a thread of its own.
    """
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            found.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(left())
    left()
    if isinstance(found[0], Exception):
        raise found[0]
    addresses: list[Any] = found[0]
    return addresses


def _first_connected(addresses: list[Any], left: Callable[[], float]) -> socket.socket:
    """Return a socket that is connected to the first address that accepts.

    While an address neither accepts nor refuses, the next addresses are tried as well (RFC 8305), because
    many machines have unreachable IPv6 addresses.
    """
    problem, rest = OSError("the name has no address"), list(addresses)
    pending: list[socket.socket] = []
    with selectors.DefaultSelector() as selector:
        try:
            while rest or pending:
                if rest:
                    family, kind, proto, _, address = rest.pop(0)
                    try:
                        sock = socket.socket(family, kind, proto)
                    except OSError as error:
                        problem = error
                        continue
                    pending.append(sock)
                    sock.setblocking(False)
                    code = sock.connect_ex(address)
                    if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
                        problem = OSError(code, os.strerror(code))
                        pending.remove(sock)
                        sock.close()
                        continue
                    selector.register(sock, selectors.EVENT_WRITE)
                for key, _ in selector.select(min(left(), NEXT_ADDRESS_S) if rest else left()):
                    ready: Any = key.fileobj
                    selector.unregister(ready)
                    pending.remove(ready)
                    code = ready.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if code == 0:
                        connected: socket.socket = ready
                        return connected
                    problem = OSError(code, os.strerror(code))
                    ready.close()
        finally:
            for sock in pending:
                sock.close()
    raise problem


def _connect(host: str, port: int, left: Callable[[], float], result: dict[str, Any]) -> socket.socket:
    """Return a connected socket after the name lookup; the step and its duration are set in the result."""
    start = time.perf_counter()
    addresses = _addresses(host, port, left)
    result["dns_s"] = time.perf_counter() - start
    result["step"] = CONNECTING
    start = time.perf_counter()
    sock = _first_connected(addresses, left)
    result["connect_s"] = time.perf_counter() - start
    return sock


@functools.cache
def _tls_context(insecure: bool) -> ssl.SSLContext:
    """Return TLS settings with the system's certificates, cached because loading them takes long."""
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _request_headers(parts: Any, headers: dict[str, str]) -> dict[str, str]:
    """Return the headers of a request; a user in the URL becomes an Authorization header."""
    own = {"User-Agent": AGENT, "Connection": "close"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        own["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    given = {name.lower() for name in headers}
    return {**{name: value for name, value in own.items() if name.lower() not in given}, **headers}


def fetch(url: str, timeout_s: float, headers: dict[str, str], insecure: bool = False) -> dict[str, Any]:
    """Send one GET request over a new HTTP/1.1 connection, within a time limit for all steps together.

    Returns a dictionary of ``status``, ``seconds``, ``error`` (text), ``dns_s``, ``connect_s``, ``tls_s``
    (durations of the steps) and ``ttfb_s`` (from the start to the first byte); steps that were not reached
    are None. A server that cannot be reached is a result, not an exception. The path is sent unchanged,
    redirects are not followed, and only the beginning of a long response is read.
    """
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    context = _tls_context(insecure) if tls else None
    result: dict[str, Any] = dict.fromkeys(("status", "error", "dns_s", "connect_s", "tls_s", "ttfb_s"))
    result["step"] = LOOKING_UP
    start = time.perf_counter()

    def left() -> float:
        rest = timeout_s - (time.perf_counter() - start)
        if rest <= 0:
            raise TimeoutError
        return rest

    sock = None
    try:
        sock = _connect(parts.hostname or "", parts.port or (443 if tls else 80), left, result)
        sock.settimeout(left())
        if context is not None:
            result["step"] = SHAKING_HANDS
            begun = time.perf_counter()
            sock = context.wrap_socket(sock, server_hostname=parts.hostname)
            result["tls_s"] = time.perf_counter() - begun
        result["step"] = WAITING
        kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port)
        connection.sock = _Socket(sock, left)
        target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        connection.request("GET", target, headers=_request_headers(parts, headers))
        response = connection.getresponse()
        result["ttfb_s"] = time.perf_counter() - start
        result["status"] = response.status
        result["step"] = READING
        size = 0
        # From Python 3.12 on, a response that was read to its end closes itself, and the socket with it.
        while not response.isclosed() and size < ENOUGH_BYTES:
            # Each read is at most one receive, so that a slow response cannot exceed the time limit.
            part = response.read1(65536)
            size += len(part)
            if not part:
                break
        if response.length and size < ENOUGH_BYTES:
            raise http.client.IncompleteRead(b"")
    except (OSError, http.client.HTTPException, ValueError) as error:
        result["error"] = error_text(result["step"], error, timeout_s)
    finally:
        if sock is not None:
            sock.close()
    result["seconds"] = time.perf_counter() - start
    del result["step"]
    return result


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)


def _ends_a_line(path: str) -> bool:
    with open(path, "rb") as file:  # noqa: PTH123
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def append(path: str, rows: Iterable[dict[str, Any]]) -> None:
    """Append rows to the CSV file, whole lines in one write, with the header first in a new file.

    The file is opened each time, so that it may be rotated or removed in between.
    """
    text = io.StringIO()
    with open(path, "a+", encoding="utf-8", errors="backslashreplace", newline="") as file:  # noqa: PTH123
        file.seek(0)
        header = next(csv.reader([file.readline(4096)]), None)
        if header and not {"timestamp", "vantage", "seconds"} <= set(header):
            sentence = f"{path} holds something else than probes: give another file with --output."
            raise InvalidInputError(sentence, "file", path=path)
        if header:
            # A truncated last line must not swallow the first new line.
            text.write("" if _ends_a_line(path) else "\n")
        writer = csv.writer(text, lineterminator="\n")
        if not header:
            writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([_cell(row.get(name)) for name in header or COLUMNS])
        file.write(text.getvalue())
        file.flush()


def probe(vantage: str, url: str, ask: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Return the row of a single probe."""
    moment = datetime.now(timezone.utc)  # noqa: UP017
    stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"timestamp": stamp, "vantage": vantage, "path": urlsplit(url).path or "/", **ask(url)}


def run(
    targets: Iterable[tuple[str, str]],
    every_s: float,
    for_s: float | None,
    ask: Callable[[str], dict[str, Any]],
    write: Callable[[dict[str, Any]], None],
    stop: threading.Event,
) -> None:
    """Probe all targets at the same times until the time is over or the event is set.

    A target without a response by the time of its next probe skips that probe, so there is never more than
    one probe of a target in progress.
    """
    begun = time.monotonic()

    def loop(vantage: str, url: str) -> None:
        while not stop.is_set():
            write(probe(vantage, url, ask))
            spent = time.monotonic() - begun
            wait = every_s - spent % every_s
            if for_s is not None and spent + wait >= for_s:
                return
            stop.wait(wait)

    threads = [threading.Thread(target=loop, args=target, daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) and not stop.is_set():
        for thread in threads:
            thread.join(0.2)


def stop_on_signals() -> threading.Event:
    """Return an event that is set by Ctrl-C and SIGTERM."""
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), lambda *_: stop.set())
    return stop


def line_of(row: dict[str, Any], problem: Exception | None) -> str:
    """Return the line that reports a row, with the problem because of which it was not written."""
    seen = row["error"] or f"{row['status']} in {row['seconds']:.3f} s"
    lost = f" - NOT WRITTEN: {problem}" if problem else ""
    return f"{row['timestamp']} {row['vantage']} {row['path']} {seen}{lost}"


class Writer:
    """Appends each row immediately and reports it on standard error, as a line that ``line`` returns."""

    def __init__(
        self,
        path: str,
        quiet: bool = False,
        line: Callable[[dict[str, Any], Exception | None], str] = line_of,
    ) -> None:
        self.path, self.quiet, self.line, self.rows, self.lost = path, quiet, line, 0, 0
        self._lock = threading.Lock()

    def __call__(self, row: dict[str, Any]) -> None:
        """Append a row; after a failure, report it and continue, because disk space may become available."""
        problem = None
        with self._lock:
            try:
                append(self.path, [row])
                self.rows += 1
            except (OSError, ValueError) as error:
                self.lost += 1
                problem = error
            if not self.quiet:
                print_error(self.line(row, problem))

    def summary(self) -> str:
        """Return the number of rows that were written, and of those that could not be written."""
        lost = f", {self.lost} could not be written" if self.lost else ""
        return f"{self.rows} probes written to {self.path}{lost}"


def print_error(text: str) -> None:
    """Write a line to standard error if possible: a terminal may be closed, or a disk full."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and probe."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("url", nargs="+", help="such as http://127.0.0.1:8017/health")
    add("--vantage", choices=VANTAGES, default="inside", help="where this runs (default: inside)")
    add("--every", type=float, default=10, metavar="S", help="seconds between probes (default: 10)")
    add("--for", type=float, dest="for_s", metavar="S", help="seconds to go on (default: until Ctrl-C)")
    add("--timeout", type=float, default=30, metavar="S", help="time limit of a probe (default: 30)")
    add("--header", action="append", default=[], metavar="H", help="NAME: VALUE, or @FILE of such lines")
    add(
        "--to",
        "--output",
        default="probes.csv",
        metavar="FILE",
        help="file to append to (default: probes.csv)",
    )
    add("--insecure", action="store_true", help="accept any certificate")
    options = parser.parse_args(arguments)
    if options.every < MIN_INTERVAL_S or options.timeout <= 0:
        parser.error("probe at most once a second, with a time limit above 0")
    writer = Writer(options.to)
    try:
        for url in options.url:
            check_url(url)
        headers = read_headers(options.header)
        append(options.to, [])
    except (OSError, ValueError) as error:
        parser.error(str(error))

    def ask(url: str) -> dict[str, Any]:
        return fetch(url, options.timeout, headers, options.insecure)

    targets = [(options.vantage, url) for url in options.url]
    run(targets, options.every, options.for_s, ask, writer, stop_on_signals())
    print_error(writer.summary())


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Probe URLs at a gentle pace and append what was seen to probes.csv.

Needs Python 3.8 or newer and nothing else, so that it can be copied into a container:

    python3 probe.py --vantage inside http://127.0.0.1:8017/health
    python3 probe.py --header 'Host: api.example.com' --header @headers.txt http://127.0.0.1/health

Each probe opens a new connection and writes one line: timestamp (UTC), vantage, path, status (empty: no
answer), seconds, error, dns_s, connect_s, tls_s (how long each step took) and ttfb_s (from the start of the
probe to the first byte). Headers are sent and never written down; one in a file (`Authorization: ...`) does
not show in the list of processes either. Stop it with Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import http.client
import io
import os
import re
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

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
VANTAGES = ("inside", "host", "outside")
AGENT = "watchme-probe/1"
# Until Python 3.9 they were two.
TIMEOUTS = (TimeoutError, socket.timeout)
# Steps of a probe as they are named in errors.
LOOKING_UP, CONNECTING, SHAKING_HANDS = "looking up the name", "connecting", "shaking hands over TLS"
WAITING, READING = "waiting for the answer", "reading the answer"
# So much of an answer is read: a page that never ends would be fetched for all of the time limit, each time.
ENOUGH_BYTES = 1_000_000


def read_headers(pairs: Iterable[str]) -> dict[str, str]:
    """Return the request headers given as ``NAME: VALUE`` or ``@FILE``, a file of such lines.

    Raises ValueError for what is no header. A message never repeats a value: it may be a secret.
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
                raise ValueError(f"{where} is no header: write NAME: VALUE, in one line of ASCII.")
            found[name] = value
    return found


def error_text(step: str, error: Exception, timeout_s: float) -> str:
    """Return what went wrong in a probe; a timeout begins with the word."""
    if isinstance(error, TIMEOUTS):
        return f"timeout after {timeout_s:g} s, while {step}"
    if isinstance(error, ConnectionRefusedError):
        return f"refused, while {step}"
    if isinstance(error, http.client.IncompleteRead):
        return "incomplete: the answer ended early"
    if type(error) is http.client.BadStatusLine:
        return f"the answer is no HTTP/1, while {step}"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    # What a server says may hold anything.
    text = "".join(c if c.isprintable() else "?" for c in text[:200].strip())
    return f"{text}, while {step}"


class _Reads(io.RawIOBase):
    """Reads from a socket, each time within what is left: a header may trickle in, byte by byte."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self.sock, self.left = sock, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.sock.settimeout(self.left())
        return self.sock.recv_into(buffer)


class _Socket:
    """What http.client wants of a socket; who made the socket closes it."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self.sendall = sock.sendall
        self.makefile = lambda _mode: io.BufferedReader(_Reads(sock, left))

    def close(self) -> None:
        """Leave the socket open, for the answer is still to be read."""


def _connect(host: str, port: int, left: Callable[[], float], result: dict[str, Any]) -> socket.socket:
    """Look the name up, then try each address in turn; times go into the result."""
    start = time.perf_counter()
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    result["dns_s"] = time.perf_counter() - start
    # Nothing can stop the resolver; a name that came too late is no fault of connecting.
    left()
    result["step"] = CONNECTING
    start = time.perf_counter()
    problem: OSError | None = None
    for family, kind, proto, _, address in addresses:
        sock = socket.socket(family, kind, proto)
        try:
            sock.settimeout(left())
            sock.connect(address)
        except OSError as error:
            sock.close()
            problem = error
            continue
        result["connect_s"] = time.perf_counter() - start
        return sock
    raise problem or OSError("the name has no address")


def fetch(url: str, timeout_s: float, headers: dict[str, str], insecure: bool = False) -> dict[str, Any]:
    """Ask for a URL once, over a new connection, within a time limit for everything.

    Returns a dictionary of status, seconds, error and the times of the steps; what did not come to pass is
    None. Redirects are not followed, and of a long answer only the beginning is read.
    """
    parts = urlsplit(url)
    tls = parts.scheme == "https"
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
        if tls:
            result["step"] = SHAKING_HANDS
            begun = time.perf_counter()
            context = ssl.create_default_context()
            if insecure:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            sock = context.wrap_socket(sock, server_hostname=parts.hostname)
            result["tls_s"] = time.perf_counter() - begun
        result["step"] = WAITING
        kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port)
        connection.sock = _Socket(sock, left)
        target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        connection.request("GET", target, headers={"User-Agent": AGENT, "Connection": "close", **headers})
        answer = connection.getresponse()
        result["ttfb_s"] = time.perf_counter() - start
        result["status"] = answer.status
        result["step"] = READING
        size = 0
        # From Python 3.12 on an answer that was read to its end closes itself, and the socket with it.
        while not answer.isclosed() and size < ENOUGH_BYTES:
            # One read is one receive at most, so that a trickle can't outlast the time limit.
            part = answer.read1(65536)
            size += len(part)
            if not part:
                break
        if answer.length and size < ENOUGH_BYTES:
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

    The file is opened anew each time, so that it may be rotated or removed in between.
    """
    text = io.StringIO()
    with open(path, "a+", encoding="utf-8", newline="") as file:  # noqa: PTH123
        file.seek(0)
        header = next(csv.reader([file.readline(4096)]), None)
        if header and not {"timestamp", "vantage", "seconds"} <= set(header):
            raise ValueError(f"{path} holds something else than probes: give another file with --output.")
        if header:
            # A last line that was cut off must not swallow the first new one.
            text.write("" if _ends_a_line(path) else "\n")
        writer = csv.writer(text, lineterminator="\n")
        if not header:
            writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([_cell(row.get(name)) for name in header or COLUMNS])
        file.write(text.getvalue())
        file.flush()


def probe(vantage: str, url: str, ask: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Probe once and return the row."""
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
    """Probe all targets at the same moments until the time is over or the event is set.

    A target that has not answered when its next turn comes sits that turn out: there is never more than
    one probe of a target on its way.
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
    """Return an event that Ctrl-C and a polite kill set."""
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), lambda *_: stop.set())
    return stop


class Writer:
    """Appends each row as it comes and says so on standard error."""

    def __init__(self, path: str, quiet: bool = False) -> None:
        self.path, self.quiet, self.rows, self.lost = path, quiet, 0, 0
        self._lock = threading.Lock()

    def __call__(self, row: dict[str, Any]) -> None:
        """Append a row; where that fails, say so and go on, for the disk may have room again later."""
        seen = row["error"] or f"{row['status']} in {row['seconds']:.3f} s"
        with self._lock:
            try:
                append(self.path, [row])
                self.rows += 1
            except (OSError, ValueError) as error:
                self.lost += 1
                seen += f" - NOT WRITTEN: {error}"
            if not self.quiet:
                say(f"{row['timestamp']} {row['vantage']} {row['path']} {seen}")

    def summary(self) -> str:
        """Return how many rows were written, and how many could not be."""
        lost = f", {self.lost} could not be written" if self.lost else ""
        return f"{self.rows} probes written to {self.path}{lost}"


def say(text: str) -> None:
    """Write a line to standard error, if there still is one: a terminal may be closed, or a disk full."""
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
    add("--output", default="probes.csv", help="file to append to (default: probes.csv)")
    add("--insecure", action="store_true", help="accept any certificate")
    options = parser.parse_args(arguments)
    for url in options.url:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            parser.error(f"{url} is no http or https URL")
    if options.every < 1 or options.timeout <= 0:
        parser.error("probe at most once a second, with a time limit above 0")
    writer = Writer(options.output)
    try:
        headers = read_headers(options.header)
        append(options.output, [])
    except (OSError, ValueError) as error:
        parser.error(str(error))

    def ask(url: str) -> dict[str, Any]:
        return fetch(url, options.timeout, headers, options.insecure)

    targets = [(options.vantage, url) for url in options.url]
    run(targets, options.every, options.for_s, ask, writer, stop_on_signals())
    say(writer.summary())


if __name__ == "__main__":
    main()

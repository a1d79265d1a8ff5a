"""Probing: health probes made on purpose, through libcurl, and the ways to make them without this package."""

from __future__ import annotations

import errno
import http.client
import re
import shlex
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from watchme_analysis.errors import InputError
from watchme_analysis.evidence import prober_standalone as probe_standalone
from watchme_analysis.evidence.prober_standalone import (
    AGENT,
    CONNECTING,
    ENOUGH_BYTES,
    LOOKING_UP,
    READING,
    SHAKING_HANDS,
    WAITING,
    error_text,
)

MIN_INTERVAL_S = 1.0


def check_url(url: str) -> str:
    """Return the URL when it can be probed.

    Raises
    ------
    InputError
        When it is not an http or https URL with a host, or not written in ASCII.
    """
    if re.search(r"[^!-~]", url):
        raise InputError(f"{url!r} can't be probed: write it in ASCII without spaces{_in_ascii(url)}.")
    try:
        parts = urlsplit(url)
        usable = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        usable = False
    if not usable:
        raise InputError(
            f"{url!r} can't be probed: give an http or https URL such as https://example.com/health."
        )
    return url


def _in_ascii(url: str) -> str:
    """Return how a URL is written in ASCII, as the end of a sentence; empty where that is not known."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        port = f":{parts.port}" if parts.port else ""
        if parts.username is not None or parts.password is not None or not host:
            return ""
    except ValueError:
        return ""
    path, query = (quote(text, "/%:@!$&'()*+,;=?~-._") for text in (parts.path, parts.query))
    return f", such as {urlunsplit((parts.scheme, host + port, path, query, ''))}"


def fetch(url: str, timeout_s: float, headers: Mapping[str, str], insecure: bool = False) -> dict[str, Any]:
    """Ask for a URL once, over a new connection and past any proxy.

    Parameters
    ----------
    url
        What to ask for, by GET; redirects are not followed, and of a long answer only the beginning is read.
    timeout_s
        Limit for everything together, in seconds.
    headers
        Further request headers.
    insecure
        Accept any certificate.

    Returns
    -------
    dict
        ``status``, ``seconds``, ``error`` (text), ``dns_s``, ``connect_s``, ``tls_s`` (how long each step
        took), ``ttfb_s`` (from the start to the first byte). What did not come to pass is None. A server
        that can't be reached is an answer, not an exception.
    """
    import pycurl

    curl = pycurl.Curl()
    try:
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.TIMEOUT_MS, round(timeout_s * 1000))
        # Without it libcurl gives up on connecting after 300 s of its own.
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, round(timeout_s * 1000))
        curl.setopt(pycurl.FORBID_REUSE, 1)
        curl.setopt(pycurl.USERAGENT, AGENT)
        curl.setopt(pycurl.HTTPHEADER, ["Connection: close", *(f"{k}: {v}" for k, v in headers.items())])
        read = _Read()
        curl.setopt(pycurl.WRITEFUNCTION, read)
        if insecure:
            curl.setopt(pycurl.SSL_VERIFYPEER, 0)
            curl.setopt(pycurl.SSL_VERIFYHOST, 0)
        elif bundle := _certificates():
            curl.setopt(pycurl.CAINFO, bundle)
        error = None
        try:
            curl.perform()
        except pycurl.error as failure:
            error = failure if read.size < ENOUGH_BYTES else None
        return _result(curl, error, timeout_s)
    finally:
        curl.close()


class _Read:
    """Counts what is read, and stops libcurl when it is enough."""

    def __init__(self) -> None:
        self.size = 0

    def __call__(self, part: bytes) -> int:
        """Take a part of an answer; return how much of it was taken, less than there is to stop."""
        self.size += len(part)
        return len(part) if self.size < ENOUGH_BYTES else 0


def _certificates() -> str | None:
    """Return the machine's own certificates, else certifi's; libcurl brings none along."""
    import certifi

    return ssl.get_default_verify_paths().cafile or certifi.where()


def _result(curl: Any, failure: Any, timeout_s: float) -> dict[str, Any]:
    """Return what a finished transfer has to say; libcurl's times all count from the start."""
    import pycurl

    looked_up, connected, shaken, first = (
        curl.getinfo(name) or None
        for name in (
            pycurl.NAMELOOKUP_TIME,
            pycurl.CONNECT_TIME,
            pycurl.APPCONNECT_TIME,
            pycurl.STARTTRANSFER_TIME,
        )
    )
    error = None
    if failure is not None:
        step = LOOKING_UP if looked_up is None else CONNECTING
        if connected is not None:
            is_tls = str(curl.getinfo(pycurl.EFFECTIVE_URL)).lower().startswith("https")
            step = SHAKING_HANDS if is_tls and shaken is None else WAITING if first is None else READING
        code, message = failure.args[:2]
        error = error_text(step, _exception(code, curl.getinfo(pycurl.OS_ERRNO), message), timeout_s)
    return {
        "status": curl.getinfo(pycurl.RESPONSE_CODE) or None,
        "seconds": curl.getinfo(pycurl.TOTAL_TIME),
        "error": error,
        "dns_s": looked_up,
        "connect_s": connected - (looked_up or 0.0) if connected is not None else None,
        "tls_s": shaken - (connected or 0.0) if shaken is not None else None,
        "ttfb_s": first,
    }


def _exception(code: int, number: int, message: str) -> Exception:
    """Return the exception that says in Python what libcurl's code says."""
    import pycurl

    if code == pycurl.E_OPERATION_TIMEDOUT:
        return TimeoutError()
    if code == pycurl.E_PARTIAL_FILE:
        return http.client.IncompleteRead(b"")
    if code == pycurl.E_COULDNT_CONNECT and number == errno.ECONNREFUSED:
        return ConnectionRefusedError()
    return OSError(message)


def standalone_script() -> str:
    """Return a script that probes with Python's standard library alone."""
    return Path(probe_standalone.__file__).read_text(encoding="utf-8")


def curl_lines(
    targets: Iterable[tuple[str, str]],
    every_s: float,
    timeout_s: float,
    headers: Iterable[str] = (),
    *,
    output: str = "probes.csv",
    insecure: bool = False,
) -> str:
    """Return shell lines that probe with curl and write the same columns.

    Parameters
    ----------
    targets
        Vantage and URL of each.
    every_s, timeout_s
        Pause between probes and time limit of each, in seconds.
    headers
        Request headers as ``NAME: VALUE`` or ``@FILE``. Values are not printed but for ``Host``: the lines
        read them from variables, since what is printed may end up in a log.
    output
        File that they append to.
    insecure
        Accept any certificate.
    """
    unset, options = _curl_headers(headers)
    options += "-k " * insecure
    file = shlex.quote(output)
    # curl's times all count from the start: awk takes the steps apart. Status 000 means no answer.
    wanted = "%{http_code},%{time_total},%{exitcode},%{time_namelookup},%{time_connect},%{time_appconnect},"
    wanted += "%{time_starttransfer}"
    awk = (
        # 63: the answer is longer than what is read of it.
        '{print $1, $2, ($3 > 0 && $3 != 63 ? "curl error " $3 : ""), $4, ($5 > 0 ? $5 - $4 : ""), '
        '($6 > 0 ? $6 - $5 : ""), ($7 > 0 ? $7 : "")}'
    )
    begin = f"[ -s {file} ] || echo {','.join(probe_standalone.COLUMNS)} >> {file}"
    # A last line that was cut off must not swallow the first new one.
    mend = f'[ -z "$(tail -c 1 {file})" ] || echo >> {file}'
    lines = [*unset, begin, mend, "while :; do"]
    for vantage, url in targets:
        path = urlsplit(url).path or "/"
        prefix = f"%Y-%m-%dT%H:%M:%SZ,{vantage},{path.replace('%', '%%')},"
        lines.append(
            # One write for each line, so that a kill leaves none half written.
            f"  printf '%s%s\\n' \"$(date -u {shlex.quote('+' + prefix)})\" "
            f"\"$(curl -s -o /dev/null --noproxy '*' --max-time {timeout_s:g} "
            f"--max-filesize {ENOUGH_BYTES} -w {shlex.quote(wanted)} "
            f'{options}{shlex.quote(url)} | awk -F, -v OFS=, {shlex.quote(awk)})" >> {file}'
        )
    return "\n".join([*lines, f"  sleep {every_s:g}", "done"])


def _curl_headers(headers: Iterable[str]) -> tuple[list[str], str]:
    """Return lines that ask for the values that are not printed, and curl's options."""
    unset, options = [], []
    for header in headers:
        name = header.partition(":")[0].strip()
        if header.startswith("@") or name.lower() == "host":
            options.append(f"-H {shlex.quote(header)} ")
            continue
        variable = re.sub(r"\W", "_", name.upper())
        unset.append(f': "${{{variable}:?set it to the value of the header {name}}}"')
        options.append(f'-H "{name}: ${variable}" ')
    return unset, "".join(options)

"""HTTP POST, which tells what certainly did not arrive from what may have arrived."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event, Timer
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from watchme_analysis.delivery.destinations.base import DeliveryError
from watchme_analysis.errors import WatchmeError
from watchme_analysis.text.render import as_message, error_message

TIMEOUT_S = 15.0
JSON = "application/json; charset=utf-8"
# Bytes of a response that are read: an error, or the message that was posted.
_MOST_READ = 200_000
# A gateway that gives up may have passed the request on.
_GATEWAY_STATUSES = (502, 504)
_SECONDS = re.compile(r"[0-9]{1,9}")
_TEMPORARY_STATUSES = (408, 425, 429)


def post_json(url: str, body: Mapping[str, Any], timeout_s: float = TIMEOUT_S) -> str:
    """Return the text of the response to a POST request with a JSON object, see :func:`post`."""
    return post(url, json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace"), timeout_s)


def post(
    url: str,
    data: bytes,
    timeout_s: float = TIMEOUT_S,
    content_type: str = JSON,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the text of the response to a POST request.

    The URL is a secret, so errors name neither it nor its host.

    Parameters
    ----------
    url
        HTTP or HTTPS URL.
    data, content_type
        Body of the request, and its type.
    headers
        Further headers.
    timeout_s
        Seconds to wait for the connection, and then for the whole response.

    Raises
    ------
    DeliveryError
        When the response is not a success. Redirects are not followed.
    """
    sent = {"Content-Type": content_type, "User-Agent": "watchme-analysis", **headers}
    connection, path = _connected(url, timeout_s)
    is_over = Event()
    watcher = Timer(timeout_s, _cut_off, (connection.sock, is_over))
    watcher.daemon = True
    watcher.start()
    try:
        try:
            connection.request("POST", path, data, sent)
            response = connection.getresponse()
            text = response.read(_MOST_READ).decode(errors="replace")
            if is_over.is_set():  # what ends without a length ends at any moment
                raise TimeoutError
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, TimeoutError) or is_over.is_set():
                said = error_message("error-no-response", seconds=f"{timeout_s:g}")
            else:
                said = error_message("error-connection-broke", reason=type(error).__name__)
            raise DeliveryError(said, may_have_arrived=True) from error
    finally:
        watcher.cancel()
        connection.close()
    if 200 <= response.status < 300:
        return text
    raise _refused(response.status, response.reason, response.headers.get("Retry-After"))


def _cut_off(connection: socket.socket, is_over: Event) -> None:
    """End a connection whose time is over, although its other side sends something now and then."""
    is_over.set()
    with suppress(OSError):
        # Not the method of a TLS connection, which would take its state from the thread that reads.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _connected(url: str, timeout_s: float) -> tuple[http.client.HTTPConnection, str]:
    """Return an open connection and the path; after an error, nothing was sent."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = None, None, None
    if parts is None or parts.scheme not in ("http", "https") or not host or not url.isascii():
        raise DeliveryError(error_message("error-secret-no-url"))
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    proxy = None if proxy_bypass(host) else getproxies().get(parts.scheme)
    made: http.client.HTTPConnection
    through = urlsplit(proxy) if proxy else None
    place = (host, port) if through is None else (str(through.hostname), through.port)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        made = http.client.HTTPSConnection(*place, timeout=timeout_s, context=context)
        if through is not None:
            made.set_tunnel(host, port)
    else:
        made = http.client.HTTPConnection(*place, timeout=timeout_s)
        path = url if through is not None else path
    try:
        made.connect()
    except ssl.SSLError as error:
        made.close()
        raise DeliveryError(
            error_message("error-tls-failed", reason=error.reason or type(error).__name__), is_temporary=True
        ) from error
    except TimeoutError as error:
        raise DeliveryError(
            error_message("error-no-connection", seconds=f"{timeout_s:g}"), is_temporary=True
        ) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DeliveryError(
            error_message("error-destination-unreachable", reason=reason), is_temporary=True
        ) from error
    return made, path


def _refused(status: int, reason: str, retry_after: str | None) -> DeliveryError:
    return DeliveryError(
        error_message("error-destination-status", status=f"{status} {reason}".rstrip()),
        may_have_arrived=status in _GATEWAY_STATUSES,
        is_temporary=status >= 500 or status in _TEMPORARY_STATUSES,
        retry_after_s=retry_after_s(retry_after),
    )


def retry_after_s(value: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header: a number, or a date; None without a valid one."""
    if value is None:
        return None
    if _SECONDS.fullmatch(value.strip()):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def secret_error(error: WatchmeError) -> DeliveryError:
    """Return the error of a secret that can't be read, as that of a delivery."""
    return DeliveryError(as_message(error), is_temporary=error.retryable)

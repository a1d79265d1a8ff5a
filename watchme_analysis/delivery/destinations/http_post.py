"""HTTP POST, which tells what certainly did not arrive from what may have arrived."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from watchme_analysis.delivery.destinations.base import DeliveryError
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from urllib3.exceptions import HTTPError

JSON = "application/json; charset=utf-8"
# Printable ASCII characters, as a request line holds them.
_URL = re.compile(r"https?://[!-~]+", re.IGNORECASE)
# Bytes of a response that are read: an error, or the message that was posted.
_MOST_READ = 200_000
# A gateway that gives up may have passed the request on.
_GATEWAY_STATUSES = (502, 504)
_TEMPORARY_STATUSES = (408, 425, 429)
_SECONDS = re.compile(r"[0-9]{1,9}")


def post(
    url: str,
    data: bytes,
    timeout_s: float,
    content_type: str = JSON,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the text of the response to a POST request; one that is not a success is a DeliveryError.

    Redirects are not followed. The URL is a secret, so errors name neither it nor its host. ``timeout_s``
    counts for the connection, and then for each part of the response; the outbox ends a delivery that takes
    too long in all.
    """
    from urllib3.exceptions import HTTPError

    sent = {"Content-Type": content_type, "User-Agent": "watchme-analysis", **headers}
    options = {"timeout": timeout_s, "retries": False, "redirect": False, "preload_content": False}
    try:
        with _pool(url) as pool, pool.request("POST", url, body=data, headers=sent, **options) as response:
            text = response.read(_MOST_READ).decode(errors="replace")
    except HTTPError as error:
        raise _broken(error, timeout_s) from error
    if 200 <= response.status < 300:
        return str(text)
    raise status_error(response.status, response.reason, response.headers.get("Retry-After"))


def status_error(status: int, reason: str | None = None, retry_after: str | None = None) -> DeliveryError:
    """Return the error of a response that is not a success."""
    return DeliveryError(
        error_message("error-destination-status", status=f"{status} {reason or ''}".rstrip()),
        may_have_arrived=status in _GATEWAY_STATUSES,
        is_temporary=status >= 500 or status in _TEMPORARY_STATUSES,
        retry_after_s=retry_after_s(retry_after),
    )


def _pool(url: str) -> Any:
    """Return a pool of connections, through the proxy that the environment states for the URL."""
    from urllib3 import PoolManager, ProxyManager

    try:
        parts = urlsplit(url)
        host, is_valid = parts.hostname, bool(_URL.fullmatch(url) and parts.hostname) and parts.port != 0
    except ValueError:
        host, is_valid = None, False
    if not host or not is_valid:
        raise DeliveryError(error_message("error-destination-no-url"))
    context = ssl.create_default_context()
    proxy = None if proxy_bypass(host) else getproxies().get(parts.scheme)
    return ProxyManager(proxy, ssl_context=context) if proxy else PoolManager(ssl_context=context)


def _broken(error: HTTPError, timeout_s: float) -> DeliveryError:
    """Return the error of a connection that was not made, or that broke before the response."""
    from urllib3.exceptions import (
        ConnectTimeoutError,
        LocationValueError,
        NewConnectionError,
        ProxyError,
        ReadTimeoutError,
        SSLError,
    )

    raised = error.original_error if isinstance(error, ProxyError) else error
    inner = raised.__cause__ or next((each for each in raised.args if isinstance(each, Exception)), raised)
    kind, seconds = type(inner).__name__, f"{timeout_s:g}"
    if isinstance(raised, ReadTimeoutError):
        return DeliveryError(error_message("error-no-response", seconds=seconds), may_have_arrived=True)
    if isinstance(raised, SSLError):
        said = error_message("error-tls-failed", reason=getattr(inner, "reason", None) or kind)
    elif isinstance(raised, NewConnectionError | LocationValueError | OSError):
        reason = getattr(inner, "strerror", None) or kind
        said = error_message("error-destination-unreachable", reason=reason)
    elif isinstance(raised, ConnectTimeoutError):
        said = error_message("error-no-connection", seconds=seconds)
    else:
        return DeliveryError(error_message("error-connection-broke", reason=kind), may_have_arrived=True)
    return DeliveryError(said, is_temporary=True)


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

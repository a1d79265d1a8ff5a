"""Times of Nginx's directives in seconds, and the values that a configuration leaves out.

Source: https://nginx.org/en/docs/http/ngx_http_proxy_module.html.
"""

from __future__ import annotations

import re

PROXY_CONNECT_TIMEOUT_S = 60.0
PROXY_READ_TIMEOUT_S = 60.0

# Units of times in a configuration: https://nginx.org/en/docs/syntax.html.
_UNITS_S = {"ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = re.compile(r"(?:\d{1,9}(?:ms|[smhd])\s?)*(?:\d{1,9})?")
_PART = re.compile(r"(\d+)(ms|[smhd]|)")


def seconds_of(text: str) -> float | None:
    """Return the seconds of a time such as ``5s``, ``500ms`` or ``1m 30s``; None for other values."""
    if not text or not _TIME.fullmatch(text):
        return None
    return sum(int(count) * _UNITS_S[unit] for count, unit in _PART.findall(text))

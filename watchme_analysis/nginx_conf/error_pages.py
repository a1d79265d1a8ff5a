"""Pages that Nginx sends in place of its own for a status: ``error_page``.

Source: https://nginx.org/en/docs/http/ngx_http_core_module.html#error_page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchme_analysis.nginx_conf.routing import Location, route_among


@dataclass(frozen=True)
class ErrorPage:
    """The page of a status.

    ``uri``: a path, a named location, or a URL to which clients are redirected; ``keeps_status``: whether
    clients get the status itself. With ``=`` they get the stated one, or that of the page.
    """

    uri: str
    keeps_status: bool


def error_page(places: Sequence[Location], path: str, status: int) -> ErrorPage | None:
    """Return the page that is set for a status of requests for a path; None for Nginx's own page.

    ``places``: locations of a configuration, from :func:`watchme_analysis.nginx_conf.routing.places_of`;
    ``path``: path as the client sent it; ``status``: status of an error, such as 502.
    """
    row = route_among(places, path)
    for args in row["directives"].get("error_page", []) if row is not None else []:
        uri = str(args[-1])
        if str(status) in map(str, args[:-1]):
            changes = any(str(word).startswith("=") for word in args[:-1])
            return ErrorPage(uri, keeps_status=not changes and "://" not in uri)
    return None

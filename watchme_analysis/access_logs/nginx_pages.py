"""Sizes of the pages that Nginx itself responds with, which distinguish its responses from an application's.

A log in the format ``combined`` names no upstream, but each response has its size. Nginx's page for a status
has one of few sizes (``src/http/ngx_http_special_response.c``): they differ by the version that it shows and
by the padding that it adds for some browsers. With ``error_page`` it sends a file instead; packages bring
such files.
"""

from __future__ import annotations

from functools import cache

_TITLES = {
    301: "301 Moved Permanently", 302: "302 Found", 303: "303 See Other", 307: "307 Temporary Redirect",
    308: "308 Permanent Redirect", 400: "400 Bad Request", 401: "401 Authorization Required",
    402: "402 Payment Required", 403: "403 Forbidden", 404: "404 Not Found", 405: "405 Not Allowed",
    406: "406 Not Acceptable", 408: "408 Request Time-out", 409: "409 Conflict", 410: "410 Gone",
    411: "411 Length Required", 412: "412 Precondition Failed", 413: "413 Request Entity Too Large",
    414: "414 Request-URI Too Large", 415: "415 Unsupported Media Type",
    416: "416 Requested Range Not Satisfiable", 421: "421 Misdirected Request", 429: "429 Too Many Requests",
    500: "500 Internal Server Error", 501: "501 Not Implemented", 502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable", 504: "504 Gateway Time-out",
    505: "505 HTTP Version Not Supported", 507: "507 Insufficient Storage",
}  # fmt: skip
_PAGE = (
    "<html>\r\n<head><title>{title}</title></head>\r\n<body{attributes}>\r\n"
    "<center><h1>{title}</h1></center>\r\n<hr><center>{server}</center>\r\n</body>\r\n</html>\r\n"
)
# Nginx had a background colour in its pages before 1.15.
_ATTRIBUTES = ("", ' bgcolor="white"')
# What `server_tokens` shows: a name alone, a version of one or two digits a part, with a packager's note.
_SERVERS = ("nginx", "nginx/1.9.9", "nginx/1.26.3", "nginx/1.10.10", "nginx/1.18.0 (Ubuntu)", "openresty")
_PADDING = "<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n" * 6


@cache
def nginx_page_sizes(status: int) -> frozenset[int]:
    """Return the sizes in bytes that Nginx's own page for a status can have; empty for other statuses."""
    if status not in _TITLES:
        return frozenset()
    sizes = {
        len(_PAGE.format(title=_TITLES[status], attributes=attributes, server=server))
        for attributes in _ATTRIBUTES
        for server in _SERVERS
    }
    # Only pages of errors are padded.
    return frozenset(sizes | {size + len(_PADDING) for size in sizes if status >= 400})


# Sizes in bytes of the files that packages bring and their configurations set by ``error_page``: versions of
# docs/html/50x.html in Nginx's repository, and 404.html and 50x.html of Red Hat's packages (EPEL 7, RHEL 8).
# Debian and Ubuntu set no ``error_page``.
_PACKAGED_FILES = {
    "50x.html": frozenset({383, 494, 497, 537, 3693, 4020}),
    "404.html": frozenset({3650, 3971}),
}


def packaged_page_sizes(uri: str) -> frozenset[int]:
    """Return the sizes in bytes of the packaged page at a URI of ``error_page``; empty for other pages."""
    return _PACKAGED_FILES.get(uri.rpartition("/")[2], frozenset())

"""Log formats that programs use without a configuration, each with sample lines.

A further format is one more row of the table: its name, its text, and its sample lines.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple

from watchme_analysis.access_logs.formats.apache import compile_apache
from watchme_analysis.access_logs.formats.log_format import LogFormat, compile_format


class StockFormat(NamedTuple):
    """A format that needs no configuration.

    Attributes
    ----------
    name
        Its name, as used in ``log_format = "NAME"`` in a ``case.toml``.
    text
        A ``log_format`` of Nginx or a ``LogFormat`` of Apache.
    samples
        Sample lines.
    dialect
        Program whose format syntax it uses.
    """

    name: str
    text: str
    samples: tuple[str, ...]
    dialect: Literal["nginx", "apache"] = "nginx"


UVICORN = "uvicorn"
_COMMON = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'
_COMBINED = f'{_COMMON} "$http_referer" "$http_user_agent"'
_SAMPLE = '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /health?x=1 HTTP/1.1" 504 167'
# In the order in which they are tried.
STOCK_FORMATS = (
    StockFormat("combined", _COMBINED, (f'{_SAMPLE} "-" "curl/8.5.0"',)),
    # From the packages of nginx.org.
    StockFormat(
        "main",
        f'{_COMBINED} "$http_x_forwarded_for"',
        (f'{_SAMPLE} "-" "curl/8.5.0" "192.0.2.8, 192.0.2.9"',),
    ),
    StockFormat("common", _COMMON, (_SAMPLE,)),
    # From the ingress-nginx of Kubernetes.
    StockFormat(
        "upstreaminfo",
        f"{_COMBINED} $request_length $request_time [$proxy_upstream_name] "
        "[$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time "
        "$upstream_status $req_id",
        (
            '192.0.2.7 - - [11/Dec/2025:01:10:30 +0000] "GET /health HTTP/1.1" 504 160 "-" "curl/8.5.0" 81 '
            "30.002 [shop-api-80] [] 192.0.2.20:8017, 192.0.2.21:8017 0, 0 15.001, 15.001 504, 504 0f1e2d3c",
            # The request was sent to no upstream.
            '192.0.2.7 - - [11/Dec/2025:01:10:30 +0000] "GET / HTTP/1.1" 404 146 "-" "curl/8.5.0" 73 '
            "0.000 [upstream-default-backend] [] - - - - 4b5a69",
        ),
    ),
    # From the health logs of Elastic Beanstalk.
    StockFormat(
        "healthd",
        '$msec"$uri"$status"$request_time"$upstream_response_time"$http_x_forwarded_for',
        ('1765415430.250"/health"504"30.002"30.001"192.0.2.7, 192.0.2.8',),
    ),
    # From the image nginx-proxy.
    StockFormat(
        "vhost",
        f'$host {_COMBINED} "$upstream_addr"',
        (
            'api.example.com 192.0.2.7 - - [11/Dec/2025:01:10:30 +0000] "GET /health HTTP/1.1" 200 15 "-" '
            '"curl/8.5.0" "192.0.2.20:8017"',
        ),
    ),
    # What a diagnosis advises to log, and docs/investigation-health.md.
    StockFormat(
        "timed",
        '$remote_addr - [$time_iso8601] $msec $request_id "$request" $status $body_bytes_sent '
        "rt=$request_time uct=$upstream_connect_time uht=$upstream_header_time urt=$upstream_response_time "
        'ua=$upstream_addr us=$upstream_status ray=$http_cf_ray "$http_user_agent"',
        (
            "192.0.2.7 - [2025-12-11T10:10:30+09:00] 1765415430.250 0f1e2d3c4b5a69788796a5b4c3d2e1f0 "
            '"GET /health HTTP/1.1" 504 167 rt=30.002 uct=0.001 uht=- urt=30.001 ua=192.0.2.20:8017 us=504 '
            'ray=8f1e2d3c4b5a6978-NRT "curl/8.5.0"',
            "192.0.2.7 - [2025-12-11T10:10:31+09:00] 1765415431.250 0f1e2d3c4b5a69788796a5b4c3d2e1f1 "
            '"GET / HTTP/1.1" 404 146 rt=0.000 uct=- uht=- urt=- ua=- us=- ray=- "curl/8.5.0"',
        ),
    ),
    StockFormat(
        "timing",
        '$remote_addr [$time_iso8601] "$request" $status $request_time $upstream_addr $upstream_status '
        "$upstream_connect_time $upstream_header_time $upstream_response_time",
        (
            '192.0.2.7 [2025-12-11T10:10:30+09:00] "GET /health HTTP/1.1" 504 30.002 192.0.2.20:8017 504 '
            "0.001 - 30.001",
        ),
    ),
    # https://github.com/encode/uvicorn: the lines have no time, so that of a prefix counts.
    StockFormat(
        UVICORN,
        'INFO:     $remote_addr:$remote_port - "$request" $status $status_phrase',
        (
            '2025-12-11T01:10:30.123456789Z INFO:     192.0.2.7:50312 - "GET /health HTTP/1.1" 200 OK',
            'api-1  | 2025-12-11T01:10:30.123Z INFO:     192.0.2.7:50312 - "GET /health HTTP/1.1" 500 '
            "Internal Server Error",
        ),
    ),
    # The same where a shipper of logs, or a formatter of the application, wrote a single blank.
    StockFormat(
        "uvicorn_trimmed",
        'INFO: $remote_addr:$remote_port - "$request" $status $status_phrase',
        ('2025-12-11T01:10:30.123456789Z INFO: 192.0.2.7:50312 - "GET /health HTTP/1.1" 200 OK',),
    ),
    # From Debian's Apache, for virtual hosts without a log of their own.
    StockFormat(
        "vhost_combined",
        r'%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"',
        (
            f'www.example.com:443 {_SAMPLE} "-" "curl/8.5.0"',
            f'[2001:db8::7]:443 {_SAMPLE} "-" "curl/8.5.0"',
        ),
        "apache",
    ),
    # The same without referer and agent, to which administrators append further fields.
    StockFormat(
        "vhost_common",
        r'%v:%p %h %l %u %t "%r" %>s %O',
        (f"www.example.com:443 {_SAMPLE}",),
        "apache",
    ),
    # From the image bunkerity/bunkerweb.
    StockFormat(
        "bunkerweb",
        '$host $remote_addr - $request_id $remote_user [$time_local] "$request" $status $body_bytes_sent '
        '"$http_referer" "$http_user_agent"',
        (
            "www.example.com 192.0.2.7 - 0f1e2d3c4b5a69788796a5b4c3d2e1f0 - [11/Dec/2025:10:10:30 +0900] "
            '"GET /health?x=1 HTTP/1.1" 504 167 "-" "curl/8.5.0"',
        ),
    ),
    # Virtual hosts that share a log, each line with the name of its host.
    StockFormat(
        "host_combined",
        r'%v %h - %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
        (f'www.example.com {_SAMPLE} "-" "curl/8.5.0"',),
        "apache",
    ),
    StockFormat("host_common", r'%v %h - %u %t "%r" %>s %b', (f"www.example.com {_SAMPLE}",), "apache"),
    # From https://github.com/NginxProxyManager/nginx-proxy-manager: proxy hosts, and other hosts.
    StockFormat(
        "proxy_manager",
        "[$time_local] $upstream_cache_status $upstream_status $status - $request_method $scheme $host "
        '"$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $server] '
        '"$http_user_agent" "$http_referer"',
        (
            '[11/Dec/2025:01:10:30 +0000] - 504 504 - GET https api.example.com "/health?x=1" '
            '[Client 192.0.2.7] [Length 167] [Gzip -] [Sent-to 192.0.2.20] "curl/8.5.0" "-"',
        ),
    ),
    StockFormat(
        "proxy_manager_other",
        '[$time_local] $status - $request_method $scheme $host "$request_uri" [Client $remote_addr] '
        '[Length $body_bytes_sent] [Gzip $gzip_ratio] "$http_user_agent" "$http_referer"',
        (
            '[11/Dec/2025:01:10:30 +0000] 404 - GET http www.example.com "/" [Client 192.0.2.7] [Length 150] '
            '[Gzip 3.10] "curl/8.5.0" "-"',
        ),
    ),
)


@cache
def stock_format(name: str) -> LogFormat:
    """Return the compiled stock format of a name."""
    found = next(one for one in STOCK_FORMATS if one.name == name)
    return (
        compile_apache(found.text, name)
        if found.dialect == "apache"
        else compile_format(found.text, name=name)
    )


def stock_formats() -> list[LogFormat]:
    """Return the stock formats in the order in which they are tried."""
    return [stock_format(found.name) for found in STOCK_FORMATS]

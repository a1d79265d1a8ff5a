"""Text access logs of Envoy (and Istio), HAProxy, Traefik, uWSGI, S3 and Classic Load Balancers.

Each logs the start of a request and its duration, from which its end follows, the time of a request here.

Sources: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage and
https://istio.io/latest/docs/tasks/observability/logs/access-log/ (milliseconds),
https://docs.haproxy.org/3.0/configuration.html#8.2.3 (milliseconds; local times),
https://doc.traefik.io/traefik/observability/access-logs/ (milliseconds),
https://uwsgi-docs.readthedocs.io/en/latest/LogFormat.html (milliseconds or microseconds; local times),
https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html (milliseconds), and
https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html (seconds).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property

from watchme_analysis.access_logs.formats.json_proxies import end_of, without_port
from watchme_analysis.access_logs.reject_reasons import reject_reason
from watchme_analysis.files.field_values import number
from watchme_analysis.files.lines import decoded

Values = dict[str, str | None]

_CLF = r"\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d"
_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
# As of C's ctime.
_C_TIME = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"
_LONG = 1 << 13
_NOTHING = ("", "-", "-1")
_AUTHORITY = re.compile(r"\S+ [a-z]+://(\[[^\]]+\]|[^/:? ]+)")


@dataclass(frozen=True)
class TextProxy:
    """The text access log of a program.

    Attributes
    ----------
    name
        Name of the program, for notes.
    shape
        Regular expression of a line, with a group for each variable; ``start`` is the start of the request,
        and values without a column keep their names. None of the programs escapes quotation marks, so
        a client's own text may contain them.
    beginning
        Pattern that matches only a line's beginning; a match inside of a line means that two were merged.
    samples
        Sample lines.
    units_per_s
        Units per second of its times; None if ``complete`` converts them to seconds.
    complete
        Fills in values that follow from the groups, times in seconds.
    ending
        The end of every line, which is compared before the whole pattern.
    """

    name: str
    shape: str
    beginning: re.Pattern[str]
    samples: tuple[str, ...]
    units_per_s: float | None = None
    complete: Callable[[Values], None] | None = None
    ending: str = ""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The compiled pattern of a line."""
        return re.compile(self.shape, re.DOTALL)

    @cached_property
    def narrow_pattern(self) -> re.Pattern[str]:
        """As :attr:`pattern`, for lines too long for backtracking over the ends of texts."""
        return re.compile(self.shape.replace(".*?", '[^"]*'), re.DOTALL)


def _seconds(count: str | None, units_per_s: float) -> str | None:
    found = number(count)
    return None if found is None else f"{found / units_per_s:.3f}"


def _haproxy(values: Values) -> None:
    """Fill in the upstream's time: from the connection to it, after a server was chosen, to the end."""
    request, queue, connect, header, total = (
        number(values.pop(name)) for name in ("t_request", "t_queue", "t_connect", "t_header", "t_total")
    )
    values["request_time"] = None if total is None else f"{total / 1000:.3f}"
    backend, server = values.pop("backend"), values.pop("server")
    if server is None or server.startswith("<"):
        # No upstream was involved: no server was available, or HAProxy responded itself.
        values["backend"] = backend
        return
    values["upstream_addr"] = f"{backend}/{server}"
    if connect is not None:
        values["upstream_connect_time"] = f"{connect / 1000:.3f}"
        if header is not None:
            values["upstream_header_time"] = f"{(connect + header) / 1000:.3f}"
    if None not in (request, queue, total):
        values["upstream_response_time"] = f"{((total or 0) - (request or 0) - (queue or 0)) / 1000:.3f}"


def _classic(values: Values) -> None:
    """Add up the parts of the duration; requests that were sent to no server have times of -1."""
    parts = [number(values.pop(name)) for name in ("t_request", "t_backend", "t_response")]
    if None not in parts:
        values["request_time"] = f"{sum(part or 0 for part in parts):.6f}"
    values["upstream_response_time"] = None if parts[1] is None else f"{parts[1]:.6f}"
    authority = _AUTHORITY.match(values["request"] or "")
    values["host"] = authority[1] if authority else None


def _uwsgi(values: Values) -> None:
    _, month, day, clock, year = (values["start"] or "").split()
    values["start"] = f"{int(day):02}/{month}/{year}:{clock}"
    spent = number(values.pop("t_spent"))
    per_s = 1e3 if values.pop("t_unit") == "msecs" else 1e6
    values["request_time"] = None if spent is None else f"{spent / per_s:.6f}"


PROXIES = (
    TextProxy(
        "Envoy",
        (
            rf'\[(?P<start>{_ISO})\] "(?P<request>.*?)" (?P<status>\d{{1,3}}) (?P<response_flags>\S+) '
            r'(?:(?P<response_code_details>[^\s"\d]\S*) (?P<connection_termination_details>\S+) )?'
            r'(?:"(?P<upstream_transport_failure_reason>[^"]*)" )?'
            r"(?P<request_length>\d+) (?P<bytes_sent>\d+) (?P<request_time>\d+|-) "
            r'(?P<upstream_response_time>\d+|-) "(?P<http_x_forwarded_for>[^"]*)" "(?P<http_user_agent>.*?)" '
            r'"(?P<request_id>[^"]*)" "(?P<host>[^"]*)" "(?P<upstream_addr>[^"]*)"'
            r"(?: (?P<upstream_cluster>\S+) (?P<upstream_local_address>\S+) "
            r"(?P<downstream_local_address>\S+) (?P<remote_addr>\S+) "
            r"(?P<requested_server_name>\S+) (?P<route_name>\S+))?"
        ),
        re.compile(rf'\[{_ISO}\] "'),
        (
            '[2025-12-11T01:10:00.310Z] "POST /api/v1/locations?x=1 HTTP/2" 204 - 154 0 30226 100 '
            '"192.0.2.28" "say "hi" twice" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "api.example.com" "tcp://192.0.2.20:80"',
            # Istio
            '[2025-12-11T01:10:00.409Z] "GET /health HTTP/1.1" 504 UT response_timeout - "-" 0 24 5000 - "-" '
            '"curl/8.5.0" "84961386-6d84-929d-98bd-c5aee93b5c88" "api:8000" "192.0.2.20:8017" '
            "outbound|8000||api 192.0.2.7:41854 192.0.2.8:80 192.0.2.9:37652 outbound_.8000 default",
        ),
        units_per_s=1e3,
    ),
    TextProxy(
        "HAProxy",
        (
            rf"(?P<remote_addr>\S+):\d+ \[(?P<start>{_CLF}(?:\.\d+)?)\] (?P<frontend>\S+) "
            r"(?P<backend>[^\s/]+)/(?P<server>\S+) "
            r"(?P<t_request>-?\d+)/(?P<t_queue>-?\d+)/(?P<t_connect>-?\d+)/(?P<t_header>-?\d+)/"
            r"\+?(?P<t_total>-?\d+) (?P<status>-?\d+) \+?(?P<bytes_sent>\d+) \S+ \S+ "
            r"(?P<termination_state>\S{2,4}) (?P<connections>\d+/\d+/\d+/\d+/\+?\d+) (?P<queues>\d+/\d+) "
            r'(?:\{(?P<captured_request>[^"]*?)\} )?(?:\{(?P<captured_response>[^"]*?)\} )?'
            r'"(?P<request>[^"]*)"(?: \S+/\S+/\S+/\S+/\S+ (?P<ssl>\S+/\S+/\S+))?'
        ),
        re.compile(rf"\[{_CLF}(?:\.\d+)?\] \S+ [^\s/]+/\S+ -?\d+/-?\d+/"),
        (
            "192.0.2.7:33317 [11/Dec/2025:10:10:00.655] http-in~ static/srv1 10/20/30/69/30139 504 2750 - - "
            'sH-- 1/1/1/1/0 0/0 {api.example.com|curl} {} "GET /health?x=1 HTTP/1.1"',
            # No server was available.
            "192.0.2.7:33318 [11/Dec/2025:10:10:00.655] http-in static/<NOSRV> 10/-1/-1/-1/109 503 212 - - "
            'SC-- 1/1/1/1/0 0/0 "<BADREQ>"',
        ),
        complete=_haproxy,
    ),
    TextProxy(
        "Traefik",
        (
            rf"(?P<remote_addr>\S+) - (?P<remote_user>[^\[]*) \[(?P<start>{_CLF} [+-]\d{{4}})\] "
            r'"(?P<request>.*?)" (?P<status>\d+|-) (?P<body_bytes_sent>\d+|-) "(?P<http_referer>[^"]*)" '
            r'"(?P<http_user_agent>.*?)" \d+ "(?P<router>[^"]*)" "(?P<upstream_addr>[^"]*)" '
            r"(?P<request_time>\d+)ms"
        ),
        re.compile(rf'\[{_CLF} [+-]\d{{4}}\] "'),
        (
            '192.0.2.7 - bob [11/Dec/2025:01:10:00 +0000] "GET /health HTTP/1.1" 502 12 "-" "curl/8" 2 '
            '"api@docker" "http://192.0.2.20:8017" 30001ms',
        ),
        units_per_s=1e3,
        ending="ms",
    ),
    TextProxy(
        "uWSGI",
        (
            r"\[pid: (?P<pid>\d+)\|app: (?P<app>-?\d+)\|req: (?P<request_number>-?\d+/\d+)\] "
            r"(?P<remote_addr>\S+) \((?P<remote_user>[^)]*)\) "
            rf"\{{\d+ vars in (?P<request_length>\d+) bytes\}} \[(?P<start>{_C_TIME})\] "
            r"(?P<request_method>\S+) (?P<request_uri>.*?) => generated (?P<body_bytes_sent>\d+) bytes in "
            r"(?P<t_spent>\d+) (?P<t_unit>msecs|micros) (?:via \S+ )?"
            r"\((?P<server_protocol>\S+) (?P<status>\d+)\) "
            r"\d+ headers in \d+ bytes \(\d+ switches on core \d+\)"
        ),
        re.compile(rf"\}} \[{_C_TIME}\] \S+ "),
        (
            "[pid: 88185|app: 0|req: 1/1] 192.0.2.7 () {38 vars in 696 bytes} [Thu Dec 11 01:10:30 2025] "
            "POST /health?x=1 => generated 47 bytes in 129 msecs (HTTP/1.1 504) 9 headers in 378 bytes "
            "(1 switches on core 3)",
        ),
        complete=_uwsgi,
    ),
    TextProxy(
        "S3 server access log",
        (
            rf"(?P<bucket_owner>[0-9a-f]{{64}}|-) (?P<host>\S+) \[(?P<start>{_CLF} [+-]\d{{4}})\] "
            r"(?P<remote_addr>\S+) (?P<requester>\S+) (?P<request_id>\S+) (?P<operation>[A-Z]\S+) "
            r'(?P<key>\S+) (?:"(?P<request>[^"]*)"|-) (?P<status>\d+|-) (?P<error_code>\S+) '
            r"(?P<body_bytes_sent>\d+|-) (?P<object_bytes>\d+|-) (?P<request_time>\d+|-) "
            r"(?P<turn_around_ms>\d+|-) "
            r'(?:"(?P<http_referer>[^"]*)"|-) (?:"(?P<http_user_agent>.*?)"|-)'
            # S3 has appended fields over the years, this one first.
            r'(?: (?P<version_id>[^\s"]+)(?: [^\s"]+)*)?'
        ),
        re.compile(rf"\[{_CLF} [+-]\d{{4}}\] \S+ \S+ \S+ [A-Z]"),
        (
            f"{'7' * 64} example-bucket [11/Dec/2025:01:10:00 +0000] 192.0.2.7 {'7' * 64} 3E57427F3EXAMPLE "
            'REST.GET.OBJECT a/b.wav "GET /example-bucket/a/b.wav?x HTTP/1.1" 404 NoSuchKey 113 - 70 69 "-" '
            '"S3Console/0.4" - s9lzHYrFp76ZVxRcpX9= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader '
            "example-bucket.s3.us-west-1.amazonaws.com TLSV1.2 - -",
            f"{'7' * 64} example-bucket [11/Dec/2025:01:10:00 +0000] 192.0.2.7 {'7' * 64} 3E57427F3EXAMPLE "
            'WEBSITE.GET.OBJECT a.html "GET /a.html HTTP/1.1" 504 - 113 113 70 69 "-" "curl/8.5.0"',
        ),
        units_per_s=1e3,
    ),
    TextProxy(
        "Classic Load Balancer",
        (
            rf"(?P<start>{_ISO}) (?P<elb>\S+) (?P<remote_addr>\S+:\d+) (?P<upstream_addr>\S+:\d+|-) "
            r"(?P<t_request>-1|\d+\.\d+) (?P<t_backend>-1|\d+\.\d+) (?P<t_response>-1|\d+\.\d+) "
            r"(?P<status>\d+|-) (?P<upstream_status>\d+|-) (?P<request_length>\d+) (?P<bytes_sent>\d+) "
            r'"(?P<request>[^"]*)"(?: "(?P<http_user_agent>(?:[^"\\]|\\.)*)" (?P<ssl_cipher>\S+) '
            r"(?P<ssl_protocol>\S+))?"
        ),
        re.compile(rf"{_ISO} \S+ \S+:\d+ \S+ [\d.-]+ [\d.-]+ [\d.-]+ "),
        (
            "2025-12-11T01:10:00.945958Z my-elb 192.0.2.39:2817 192.0.2.20:80 0.000086 1.001048 0.001337 "
            '200 200 0 57 "GET https://www.example.com:443/a?b=1 HTTP/1.1" "curl/7.38.0" '
            "DHE-RSA-AES128-SHA TLSv1.2",
            # The request was sent to no server.
            "2025-12-11T01:10:00.945958Z my-elb 192.0.2.39:2817 - -1 -1 -1 503 0 0 0 "
            '"GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -',
        ),
        complete=_classic,
    ),
)


def text_values(line: bytes, zone: tzinfo) -> tuple[str, Values] | None:
    """Return the program that wrote a line, and the line's variables; None for another program.

    Parameters
    ----------
    line
        A line without the prefix of syslog or a container runtime.
    zone
        Zone of the times of HAProxy and uWSGI, which have none.

    Raises
    ------
    ValueError
        If a time is invalid, or the line consists of two merged lines.
    """
    # No line begins with so long a word, over which each pattern would backtrack byte by byte.
    if b" " not in line[:_LONG]:
        return None
    text = decoded(line)
    for proxy in PROXIES:
        if not text.endswith(proxy.ending):
            continue
        found = (proxy.pattern if len(text) < _LONG else proxy.narrow_pattern).fullmatch(text)
        if found is None:
            continue
        first = proxy.beginning.search(text)
        if first is not None and proxy.beginning.search(text, first.start() + 1):
            raise ValueError(reject_reason("reject-another-line"))
        values = {name: None if value in _NOTHING else value for name, value in found.groupdict().items()}
        if proxy.units_per_s is not None:
            for name in ("request_time", "upstream_response_time"):
                values[name] = _seconds(values.get(name), proxy.units_per_s)
        if proxy.complete is not None:
            proxy.complete(values)
        if values.get("upstream_addr"):
            # Traefik logs a URL, and so did Envoy before version 1.10.
            values["upstream_addr"] = re.sub(r"^[a-z]+://(?=.)", "", values["upstream_addr"] or "")
        values["msec"] = end_of(values.pop("start"), values.get("request_time"), zone)
        if values.get("remote_addr"):
            values["remote_addr"] = without_port(values["remote_addr"])
        return proxy.name, values
    return None

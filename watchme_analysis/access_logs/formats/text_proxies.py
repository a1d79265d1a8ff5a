"""Access log lines of Envoy (and so Istio), HAProxy, Traefik, S3 and Classic Load Balancers, as text.

Each logs when a request began, and how long it took: its end, which is the time of a request here, follows.

Sources: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage and
https://istio.io/latest/docs/tasks/observability/logs/access-log/ (milliseconds),
https://docs.haproxy.org/3.0/configuration.html#8.2.3 (milliseconds; local times),
https://doc.traefik.io/traefik/observability/access-logs/ (milliseconds),
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
from watchme_analysis.files.field_values import number
from watchme_analysis.files.lines import decoded

Values = dict[str, str | None]

_CLF = r"\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d"
_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
_LONG = 1 << 13
_NOTHING = ("", "-", "-1")
_AUTHORITY = re.compile(r"\S+ [a-z]+://(\[[^\]]+\]|[^/:? ]+)")


@dataclass(frozen=True)
class TextProxy:
    """How a program writes its requests.

    Attributes
    ----------
    name
        Its name, for notes.
    shape
        A line as a regular expression, with a group for each variable; ``start`` is when the request began,
        and what the table has no column for keeps its name. None of them escapes quotation marks, so that a
        client's own text may hold some.
    beginning
        What only a line's beginning looks like: where it stands inside of one, two are run into one.
    complete
        Fills in what follows from the groups, times in seconds.
    ending
        What every line ends with: far sooner told than that the shape doesn't fit.
    """

    name: str
    shape: str
    beginning: re.Pattern[str]
    complete: Callable[[Values], None]
    ending: str = ""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The line, compiled."""
        return re.compile(self.shape, re.DOTALL)

    @cached_property
    def narrow_pattern(self) -> re.Pattern[str]:
        """As :attr:`pattern`, for lines so long that it takes too long to try where each text may end."""
        return re.compile(self.shape.replace(".*?", '[^"]*'), re.DOTALL)


def _milliseconds(values: Values) -> None:
    for name in ("request_time", "upstream_response_time"):
        values[name] = _seconds(values.get(name))


def _seconds(milliseconds: str | None) -> str | None:
    count = number(milliseconds)
    return None if count is None else f"{count / 1000:.3f}"


def _envoy(values: Values) -> None:
    _milliseconds(values)
    # Before version 1.10 the address of an upstream began with its scheme.
    address = values["upstream_addr"]
    values["upstream_addr"] = address.removeprefix("tcp://") if address else None


def _traefik(values: Values) -> None:
    _milliseconds(values)
    # The whole URL of the server that was asked.
    address = values["upstream_addr"]
    values["upstream_addr"] = address.partition("://")[2] or address if address else None


def _haproxy(values: Values) -> None:
    """Fill in the upstream's part: from the connection to it, once a server was chosen, to the end."""
    request, queue, connect, header, total = (
        number(values.pop(name)) for name in ("t_request", "t_queue", "t_connect", "t_header", "t_total")
    )
    values["request_time"] = None if total is None else f"{total / 1000:.3f}"
    backend, server = values.pop("backend"), values.pop("server")
    if server is None or server.startswith("<"):
        # Nobody was asked: there was no server, or HAProxy answered by itself.
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
    """Add up the parts; what was not sent to a server has times of -1."""
    parts = [number(values.pop(name)) for name in ("t_request", "t_backend", "t_response")]
    if None not in parts:
        values["request_time"] = f"{sum(part or 0 for part in parts):.6f}"
    values["upstream_response_time"] = None if parts[1] is None else f"{parts[1]:.6f}"
    authority = _AUTHORITY.match(values["request"] or "")
    values["host"] = authority[1] if authority else None


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
        _envoy,
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
        _haproxy,
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
        _traefik,
        "ms",
    ),
    TextProxy(
        "S3 server access log",
        (
            rf"(?P<bucket_owner>[0-9a-f]{{64}}|-) (?P<host>\S+) \[(?P<start>{_CLF} [+-]\d{{4}})\] "
            r"(?P<remote_addr>\S+) (?P<requester>\S+) (?P<request_id>\S+) (?P<operation>[A-Z]\S+) "
            r'(?P<key>\S+) (?:"(?P<request>[^"]*)"|-) (?P<status>\d+|-) (?P<error_code>\S+) '
            r"(?P<body_bytes_sent>\d+|-) (?P<object_bytes>\d+|-) (?P<request_time>\d+|-) "
            r"(?P<turn_around_ms>\d+|-) "
            r'(?:"(?P<http_referer>[^"]*)"|-) (?:"(?P<http_user_agent>.*?)"|-) (?P<version_id>[^\s"]+)'
            r'(?: [^\s"]+)*'
        ),
        re.compile(rf"\[{_CLF} [+-]\d{{4}}\] \S+ \S+ \S+ [A-Z]"),
        _milliseconds,
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
        _classic,
    ),
)


def text_values(line: bytes, zone: tzinfo) -> tuple[str, Values] | None:
    """Return the program that wrote a line, and the line's variables; None for another's.

    Parameters
    ----------
    line
        Without what syslog or a container's runtime put before it.
    zone
        Zone of HAProxy's times, which name none.

    Raises
    ------
    ValueError
        When a time is none, or the line is two that run into one.
    """
    # None begins with a word so long, which each pattern would go back over byte by byte.
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
            raise ValueError("another line begins inside of it")
        values = {name: None if value in _NOTHING else value for name, value in found.groupdict().items()}
        proxy.complete(values)
        values["msec"] = end_of(values.pop("start"), values.get("request_time"), zone)
        if values.get("remote_addr"):
            values["remote_addr"] = without_port(values["remote_addr"])
        return proxy.name, values
    return None

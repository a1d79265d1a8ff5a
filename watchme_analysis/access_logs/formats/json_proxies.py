"""JSON access logs of Traefik, Caddy and Envoy (and Istio), by the documented fields of each.

Sources: https://doc.traefik.io/traefik/observability/access-logs/ (durations are Go's, in nanoseconds),
https://caddyserver.com/docs/caddyfile/directives/log (seconds, headers are lists), and
https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage with the keys that
Istio assigns to its command operators (milliseconds).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from watchme_analysis.files.field_values import microseconds, number

_DAY_S = 86_400


@dataclass(frozen=True)
class Proxy:
    """The JSON access log of a proxy.

    Attributes
    ----------
    marks
        Keys, by dotted path, that identify its lines: all of them have these keys, and no other program's.
    variables
        Variable of each key.
    per_second
        Units per second of its durations.
    duration
        Key of the duration of a request.
    samples
        Sample lines.
    start
        Key of the start time of a request; None if the logged time is that of its end.
    """

    marks: frozenset[str]
    variables: Mapping[str, str]
    per_second: float
    duration: str
    samples: tuple[str, ...]
    start: str | None = None


def _headers(pattern: str) -> dict[str, str]:
    names = ("User-Agent", "Referer", "X-Forwarded-For", "Cf-Connecting-Ip", "Cf-Ray", "X-Request-Id")
    return {pattern.format(name): f"http_{name.lower().replace('-', '_')}" for name in names}


PROXIES = (
    Proxy(
        marks=frozenset({"DownstreamStatus", "RequestMethod", "RequestPath"}),
        variables={
            "time": "time_iso8601",
            "ClientHost": "remote_addr",
            "ClientUsername": "remote_user",
            "RequestMethod": "request_method",
            "RequestPath": "request_uri",
            "RequestProtocol": "server_protocol",
            "RequestHost": "host",
            "DownstreamStatus": "status",
            "DownstreamContentSize": "body_bytes_sent",
            "Duration": "request_time",
            "OriginDuration": "upstream_response_time",
            "OriginStatus": "upstream_status",
            "ServiceAddr": "upstream_addr",
            **_headers("request_{}"),
        },
        per_second=1e9,
        duration="Duration",
        start="StartUTC",
        samples=(
            '{"ClientAddr":"192.0.2.7:31073","ClientHost":"192.0.2.7","ClientPort":"31073",'
            '"ClientUsername":"-","DownstreamContentSize":75,"DownstreamStatus":404,"Duration":1964899,'
            '"OriginContentSize":75,"OriginDuration":1694568,"OriginStatus":404,"Overhead":270331,'
            '"RequestHost":"api.example.com","RequestMethod":"GET","RequestPath":"/500?x=1",'
            '"RequestProtocol":"HTTP/1.1","RetryAttempts":0,"RouterName":"web@docker",'
            '"ServiceAddr":"192.0.2.20:3000","ServiceURL":{"Scheme":"http","User":null,'
            '"Host":"192.0.2.20:3000","ForceQuery":false},"StartUTC":"2025-02-28T12:11:34.10912886Z",'
            '"entryPointName":"http","level":"info","msg":"","request_User-Agent":"curl/8.5.0",'
            '"time":"2025-02-28T12:11:34Z"}',
        ),
    ),
    Proxy(
        marks=frozenset({"request.method", "request.uri", "status", "duration"}),
        variables={
            "ts": "time_iso8601",
            "request.client_ip": "remote_addr",
            "request.remote_ip": "realip_remote_addr",
            "user_id": "remote_user",
            "request.method": "request_method",
            "request.uri": "request_uri",
            "request.proto": "server_protocol",
            "request.host": "host",
            "status": "status",
            "size": "body_bytes_sent",
            "duration": "request_time",
            **_headers("request.headers.{}"),
        },
        per_second=1.0,
        duration="duration",
        samples=(
            '{"level":"info","ts":1646861401.5241024,"logger":"http.log.access","msg":"handled request",'
            '"request":{"remote_ip":"127.0.0.1","remote_port":"41342","client_ip":"192.0.2.7",'
            '"proto":"HTTP/2.0","method":"GET","host":"localhost","uri":"/a?b=1",'
            '"headers":{"User-Agent":["curl/7.82.0"],"X-Forwarded-For":["192.0.2.7","192.0.2.8"]},'
            '"tls":{"resumed":false,"version":772,"proto":"h2"}},"bytes_read":0,"user_id":"",'
            '"duration":0.000929675,"size":10900,"status":200,"resp_headers":{"Server":["Caddy"]}}',
        ),
    ),
    Proxy(
        marks=frozenset({"start_time", "response_code", "duration"}),
        variables={
            "downstream_remote_address": "remote_addr",
            "x_forwarded_for": "http_x_forwarded_for",
            "request_id": "request_id",
            "method": "request_method",
            "path": "request_uri",
            "protocol": "server_protocol",
            "authority": "host",
            "response_code": "status",
            "bytes_sent": "body_bytes_sent",
            "duration": "request_time",
            "upstream_service_time": "upstream_response_time",
            "upstream_host": "upstream_addr",
            "user_agent": "http_user_agent",
        },
        per_second=1e3,
        duration="duration",
        start="start_time",
        samples=(
            '{"authority":"api.example.com","bytes_received":0,"bytes_sent":91,'
            '"downstream_local_address":"192.0.2.30:8080",'
            '"downstream_remote_address":"[2001:db8::7]:47250","duration":5004,"method":"GET",'
            '"path":"/health","protocol":"HTTP/1.1","request_id":"a4cadca4-662f-4a9c-9a8e-1d2f3a4b5c6d",'
            '"response_code":504,"response_flags":"UT","start_time":"2025-12-11T01:10:30.250Z",'
            '"upstream_cluster":"outbound|80||api","upstream_host":"192.0.2.20:8080",'
            '"upstream_service_time":null,"user_agent":"curl/8.5.0","x_forwarded_for":null}',
        ),
    ),
)
_TIMES = ("request_time", "upstream_response_time")


def proxy_of(record: Mapping[str, Any]) -> Proxy | None:
    """Return the proxy that wrote a line, by the dotted paths of its keys; None for another program."""
    return next((one for one in PROXIES if one.marks <= record.keys()), None)


def proxy_values(proxy: Proxy, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of a proxy's line, with times in seconds; unknown keys keep their names.

    Raises
    ------
    ValueError
        If a time is invalid, or not in the proxy's unit.
    """
    values: dict[str, Any] = {}
    for key, value in record.items():
        name = proxy.variables.get(key, key)
        if name in _TIMES:
            values[name] = _seconds(key, value, proxy.per_second)
        elif isinstance(value, list) and key != name:
            # A header that occurred several times.
            values[name] = ", ".join(map(str, value))
        else:
            values[name] = value
    if "realip_remote_addr" in values and "remote_addr" not in values:
        values["remote_addr"] = values.pop("realip_remote_addr")
    if values.get("upstream_status") == 0:
        # A request without an upstream.
        values["upstream_status"] = None
    if "remote_addr" in values:
        values["remote_addr"] = without_port(values["remote_addr"])
    if proxy.start is not None and record.get(proxy.start) is not None:
        values["msec"] = end_of(record[proxy.start], values["request_time"])
    return values


def _seconds(key: str, value: Any, per_second: float) -> str | None:
    try:
        count = number(value)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
    if count is None:
        return None
    if per_second == 1 and isinstance(value, int) and value >= _DAY_S:
        raise ValueError(f"{key}: {value} can't be seconds: the log must be written with times in seconds")
    return f"{count / per_second:.9f}"


def end_of(start: Any, seconds: str | None, zone: tzinfo = UTC) -> str:
    """Return the end time of a request, as ``$msec``, from its start time and its duration in seconds.

    Raises
    ------
    ValueError
        If the start time is invalid.
    """
    began = microseconds(start, zone)
    if began is None:
        raise ValueError(f"{start!r} is not a time")
    whole, part = divmod(began + round(float(seconds or 0) * 1e6), 10**6)
    return f"{whole}.{part:06}"


def without_port(address: Any) -> Any:
    """Return an address without its port; an IPv6 address with a port has brackets."""
    text = str(address)
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        return host.strip("[]")
    return address

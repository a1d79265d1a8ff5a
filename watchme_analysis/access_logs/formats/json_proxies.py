"""JSON access logs of Traefik, Caddy, Envoy, Kong, Cloudflare, API Gateway and Google's load balancers.

Each is read by its documented fields.

Sources: https://doc.traefik.io/traefik/observability/access-logs/ (durations are Go's, in nanoseconds),
https://caddyserver.com/docs/caddyfile/directives/log (seconds, headers are lists), and
https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage with the keys that
Istio assigns to its command operators, and https://gateway.envoyproxy.io/v1.1/tasks/observability/proxy-accesslog
(milliseconds),
https://developer.konghq.com/plugins/http-log (milliseconds),
https://developers.cloudflare.com/logs/reference/log-fields/zone/http_requests/ (Logpush, milliseconds),
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html and the page of its variables
(milliseconds), and https://cloud.google.com/load-balancing/docs/https/https-logging-monitoring (texts with a
unit; requests of Cloud Run have the same fields).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from watchme_analysis.files.field_values import duration_s, microseconds, number, span_ms
from watchme_analysis.text.render import error_message

_DAY_S = 86_400
# Of Cloudflare's fields, a job of Logpush writes those that it was configured for.
LOGPUSH_KEY = "EdgeResponseStatus"


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
    samples
        Sample lines.
    start
        Key of the start time of a request; None if the logged time is that of its end.
    complete
        Fills in values that follow from the record.
    """

    marks: frozenset[str]
    variables: Mapping[str, str]
    per_second: float
    samples: tuple[str, ...]
    start: str | None = None
    complete: Callable[[dict[str, Any], Mapping[str, Any]], None] | None = None


def _headers(pattern: str) -> dict[str, str]:
    names = ("User-Agent", "Referer", "X-Forwarded-For", "Cf-Connecting-Ip", "Cf-Ray", "X-Request-Id")
    return {pattern.format(name): f"http_{name.lower().replace('-', '_')}" for name in names}


def _logpush(values: dict[str, Any], record: Mapping[str, Any]) -> None:
    """Fill in end, duration and target from the fields that are present; all fields are optional."""
    start, end = (_time(key, record.get(key)) for key in ("EdgeStartTimestamp", "EdgeEndTimestamp"))
    if start is not None and end is not None:
        spent = span_ms(start, end, number(record.get("EdgeTimeToFirstByteMs")))
        values["request_time"] = None if spent is None else f"{spent / 1e3:.6f}"
    moment = start if end is None else end
    if moment is not None:
        values["msec"] = _epoch(moment)
    values.setdefault("request_uri", values.pop("ClientRequestPath", None))


def _time(key: str, value: Any) -> int | None:
    found = microseconds(value)
    if found is None and value not in (None, "", 0):
        problem = error_message("value-no-time", value=repr(value))
        raise ValueError(error_message("problem-of", of=key, problem=problem))
    return found


def _api_gateway(values: dict[str, Any], record: Mapping[str, Any]) -> None:
    """Fill in the target: the path, else the resource or the route, which are templates."""
    route = str(record.get("routeKey") or "").rpartition(" ")[2]
    for target in (values.get("request_uri"), record.get("resourcePath"), route):
        if target and str(target).startswith("/"):
            values["request_uri"] = target
            return
    values["request_uri"] = None


def _google(values: dict[str, Any], record: Mapping[str, Any]) -> None:
    found = _AUTHORITY.match(str(record.get("httpRequest.requestUrl")))
    values["host"] = found[1] if found else None


_AUTHORITY = re.compile(r"[a-z]+://([^/?#]+)")
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
        marks=frozenset({"start_time", "response_code"}),
        variables={
            "downstream_remote_address": "remote_addr",
            "x_forwarded_for": "http_x_forwarded_for",
            "request_id": "request_id",
            "method": "request_method",
            "path": "request_uri",
            "protocol": "server_protocol",
            "authority": "host",
            # The keys of Envoy Gateway.
            "x-envoy-origin-path": "request_uri",
            ":authority": "host",
            "user-agent": "http_user_agent",
            "x-forwarded-for": "http_x_forwarded_for",
            "x-request-id": "request_id",
            "response_code": "status",
            "bytes_sent": "body_bytes_sent",
            "duration": "request_time",
            "upstream_service_time": "upstream_response_time",
            "x-envoy-upstream-service-time": "upstream_response_time",
            "upstream_host": "upstream_addr",
            "user_agent": "http_user_agent",
        },
        per_second=1e3,
        start="start_time",
        samples=(
            '{"authority":"api.example.com","bytes_received":0,"bytes_sent":91,'
            '"downstream_local_address":"192.0.2.30:8080",'
            '"downstream_remote_address":"[2001:db8::7]:47250","duration":5004,"method":"GET",'
            '"path":"/health","protocol":"HTTP/1.1","request_id":"a4cadca4-662f-4a9c-9a8e-1d2f3a4b5c6d",'
            '"response_code":504,"response_flags":"UT","start_time":"2025-12-11T01:10:30.250Z",'
            '"upstream_cluster":"outbound|80||api","upstream_host":"192.0.2.20:8080",'
            '"upstream_service_time":null,"user_agent":"curl/8.5.0","x_forwarded_for":null}',
            # Envoy Gateway
            '{":authority":"api.example.com","bytes_received":0,"bytes_sent":91,'
            '"downstream_remote_address":"192.0.2.7:47250","duration":5004,"method":"GET","protocol":"HTTP/2",'
            '"response_code":504,"response_flags":"UT","start_time":"2025-12-11T01:10:30.250Z",'
            '"upstream_host":"192.0.2.20:8080","user-agent":"curl/8.5.0","x-envoy-origin-path":"/health",'
            '"x-envoy-upstream-service-time":null,"x-forwarded-for":"192.0.2.7","x-request-id":"a4cadca4"}',
        ),
    ),
    Proxy(
        marks=frozenset({LOGPUSH_KEY}),
        variables={
            "RayID": "http_cf_ray",
            "ClientIP": "remote_addr",
            "ClientRequestHost": "host",
            "ClientRequestMethod": "request_method",
            "ClientRequestURI": "request_uri",
            "ClientRequestProtocol": "server_protocol",
            "ClientRequestReferer": "http_referer",
            "ClientRequestUserAgent": "http_user_agent",
            "ClientRequestBytes": "request_length",
            "EdgeResponseStatus": "status",
            "EdgeResponseBytes": "body_bytes_sent",
            "CacheCacheStatus": "upstream_cache_status",
            "OriginIP": "upstream_addr",
            "OriginResponseStatus": "upstream_status",
            "OriginResponseDurationMs": "upstream_response_time",
        },
        per_second=1e3,
        complete=_logpush,
        samples=(
            '{"RayID":"8f1e2d3c4b5a6978","ClientIP":"192.0.2.7","ClientRequestHost":"api.example.com",'
            '"ClientRequestMethod":"GET","ClientRequestPath":"/health","ClientRequestURI":"/health?x=1",'
            '"ClientRequestUserAgent":"curl/8.5.0","EdgeStartTimestamp":1765415400000000000,'
            '"EdgeEndTimestamp":1765415430250000000,"EdgeResponseStatus":504,"EdgeResponseBytes":167,'
            '"CacheCacheStatus":"dynamic","OriginIP":"192.0.2.20","OriginResponseStatus":0,'
            '"OriginResponseDurationMs":0}',
            # Times in whole seconds, and the path without its query.
            '{"ClientRequestMethod":"GET","ClientRequestPath":"/health","EdgeResponseStatus":200,'
            '"EdgeStartTimestamp":"2025-12-11T01:10:30Z","EdgeEndTimestamp":"2025-12-11T01:10:30Z",'
            '"EdgeTimeToFirstByteMs":250}',
        ),
    ),
    Proxy(
        marks=frozenset({"requestId", "requestTime", "httpMethod", "status"}),
        variables={
            "requestId": "request_id",
            "extendedRequestId": "http_x_request_id",
            "ip": "remote_addr",
            "sourceIp": "remote_addr",
            "user": "remote_user",
            "httpMethod": "request_method",
            "path": "request_uri",
            "protocol": "server_protocol",
            "domainName": "host",
            "status": "status",
            "responseLength": "body_bytes_sent",
            "responseLatency": "request_time",
            "integrationLatency": "upstream_response_time",
            "integrationStatus": "upstream_status",
            "userAgent": "http_user_agent",
        },
        per_second=1e3,
        start="requestTime",
        complete=_api_gateway,
        samples=(
            '{ "requestId":"c6af9ac6-7b61-11e6-9a41-93e8deadbeef","ip": "192.0.2.7", "caller":"-", '
            '"user":"-","requestTime":"11/Dec/2025:01:10:00 +0000", "httpMethod":"GET",'
            '"resourcePath":"/health", "status":"504","protocol":"HTTP/1.1", "responseLength":"42" }',
            '{"requestId":"JKJaXmPLvHcESHA=","ip":"192.0.2.7","requestTime":"11/Dec/2025:01:10:00 +0000",'
            '"httpMethod":"GET","routeKey":"GET /health","status":"200","protocol":"HTTP/1.1",'
            '"responseLength":"15","responseLatency":"250","integrationLatency":"240"}',
        ),
    ),
    Proxy(
        marks=frozenset({"httpRequest.requestUrl", "httpRequest.status"}),
        variables={
            "httpRequest.latency": "request_time",
            "httpRequest.protocol": "server_protocol",
            "httpRequest.referer": "http_referer",
            "httpRequest.remoteIp": "remote_addr",
            "httpRequest.requestMethod": "request_method",
            "httpRequest.requestSize": "request_length",
            "httpRequest.requestUrl": "request_uri",
            "httpRequest.responseSize": "body_bytes_sent",
            "httpRequest.serverIp": "upstream_addr",
            "httpRequest.status": "status",
            "httpRequest.userAgent": "http_user_agent",
            "trace": "http_x_cloud_trace_context",
        },
        per_second=1.0,
        start="timestamp",
        complete=_google,
        samples=(
            '{"httpRequest":{"latency":"30.002s","remoteIp":"192.0.2.7","requestMethod":"GET",'
            '"requestSize":"81","requestUrl":"https://api.example.com/health?x=1","responseSize":"167",'
            '"serverIp":"192.0.2.20","status":504,"userAgent":"curl/8.5.0"},"insertId":"1f2e3d",'
            '"jsonPayload":{"statusDetails":"backend_timeout"},'
            '"receiveTimestamp":"2025-12-11T01:10:31.2Z","resource":{"type":"http_load_balancer"},'
            '"severity":"WARNING","timestamp":"2025-12-11T01:10:00.123456Z"}',
        ),
    ),
    Proxy(
        marks=frozenset({"started_at", "request.method", "request.uri", "response.status"}),
        variables={
            "client_ip": "remote_addr",
            "request.method": "request_method",
            "request.uri": "request_uri",
            "request.size": "request_length",
            "request.id": "request_id",
            "request.headers.host": "host",
            "request.headers.user-agent": "http_user_agent",
            "request.headers.referer": "http_referer",
            "request.headers.x-forwarded-for": "http_x_forwarded_for",
            "response.status": "status",
            "response.size": "bytes_sent",
            "latencies.request": "request_time",
            "latencies.proxy": "upstream_response_time",
            "upstream_status": "upstream_status",
        },
        per_second=1e3,
        start="started_at",
        samples=(
            '{"client_ip":"192.0.2.7","latencies":{"kong":1,"proxy":5001,"request":5004},"request":{"headers":'
            '{"host":"api.example.com","user-agent":"curl/8.5.0"},"id":"2f6946328ffc4946b8c9120704a4a155",'
            '"method":"GET","querystring":{},"size":75,"uri":"/health"},"response":{"headers":{"via":"kong"},'
            '"size":434,"status":504},"service":{"host":"192.0.2.20"},"started_at":1765415430250,'
            '"upstream_status":"504"}',
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
        values["msec"] = end_of(record[proxy.start], values.get("request_time"))
    if proxy.complete is not None:
        proxy.complete(values, record)
    return values


def _seconds(key: str, value: Any, per_second: float) -> str | None:
    stated = duration_s(value)
    if stated is not None:
        return f"{stated:.9f}"
    try:
        count = number(value)
    except ValueError as error:
        raise ValueError(error_message("problem-of", of=key, problem=error)) from None
    if count is None:
        return None
    if per_second == 1 and isinstance(value, int) and value >= _DAY_S:
        problem = error_message("value-no-seconds", value=value)
        raise ValueError(error_message("problem-of", of=key, problem=problem))
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
        raise ValueError(error_message("value-no-time", value=repr(start)))
    return _epoch(began + round(float(seconds or 0) * 1e6))


def _epoch(moment: int) -> str:
    """Return a time in microseconds as ``$msec``."""
    whole, part = divmod(moment, 10**6)
    return f"{whole}.{part:06}"


def without_port(address: Any) -> Any:
    """Return an address without its port; an IPv6 address with a port has brackets."""
    text = str(address)
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        return host.strip("[]")
    return address

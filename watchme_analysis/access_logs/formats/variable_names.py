"""Usual labels of values in JSON, LTSV and ``key=value``, and the variables that they stand for.

Labels are compared in lower case, with ``_`` for ``-``. The names with dots are those of pino-http
(https://github.com/pinojs/pino-http) and of Elastic Common Schema (https://www.elastic.co/guide/en/ecs/current/).
"""

from __future__ import annotations

from collections.abc import Iterable

from watchme_analysis.values import duration_s

VARIABLE_OF_LABEL: dict[str, str] = {
    alias: variable
    for variable, aliases in {
        "msec": "msec epoch",
        "time_iso8601": "time timestamp @timestamp ts datetime date time_iso8601 iso8601",
        "time_local": "time_local timelocal",
        "request_id": "request_id requestid req_id",
        "http_cf_ray": "cf_ray http_cf_ray ray ray_id cfray",
        "remote_addr": "remote_addr client client_ip clientip client_addr remote_ip remoteip ip "
        "remote_address source_ip source.ip source.address client.ip client.address req.remoteaddress",
        "http_cf_connecting_ip": "http_cf_connecting_ip cf_connecting_ip",
        "http_x_forwarded_for": "http_x_forwarded_for x_forwarded_for xff forwarded_for",
        "remote_user": "remote_user user",
        "request": "request request_line",
        "request_method": "method request_method requestmethod verb http_method httpmethod "
        "http.request.method req.method",
        "request_uri": "request_uri requesturi uri url path target request_path requestpath request_url "
        "http_path "
        "url.original url.path req.url",
        "args": "args query query_string url.query",
        "server_protocol": "protocol server_protocol http_version",
        "status": "status status_code statuscode response_status responsestatus response_code http_status "
        "http.response.status_code res.statuscode",
        "body_bytes_sent": "body_bytes_sent bytes body_bytes size body_bytes_out response_size "
        "http.response.body.bytes http.response.bytes",
        "bytes_sent": "bytes_sent",
        "request_length": "request_length bytes_received request_bytes",
        "request_time": "request_time rt request_duration request_time_s duration_s",
        "request_time_ms": "request_time_ms rt_ms duration_ms latency_ms elapsed_ms response_time_ms",
        "request_time_us": "request_time_us duration_us latency_us",
        "upstream_connect_time": "upstream_connect_time uct",
        "upstream_header_time": "upstream_header_time uht",
        "upstream_response_time": "upstream_response_time urt upstream_time",
        "upstream_addr": "upstream_addr upstream upstream_address",
        "upstream_status": "upstream_status",
        "upstream_cache_status": "upstream_cache_status cache_status cache",
        "host": "host vhost",
        "http_host": "http_host",
        "server_name": "server_name",
        "http_referer": "referer referrer http_referer http_referrer",
        "http_user_agent": "user_agent http_user_agent agent useragent ua user_agent.original",
    }.items()
    for alias in aliases.split()
}
# Labels of durations that programs write in different units.
_NANOSECONDS = "event.duration"
DURATION_LABELS = frozenset(
    {
        "response_time",
        "responsetime",
        "duration",
        "latency",
        "elapsed",
        "elapsed_time",
        "took",
        "request_latency",
        "processing_time",
        _NANOSECONDS,
    }
)


def plain_label(label: str) -> str:
    """Return a label as it is compared with those of this module."""
    return label.lower().lstrip("$").rpartition("nginx.")[2].replace("-", "_")


def request_seconds(label: str, value: str) -> str | None:
    """Return the duration of a request in seconds, as text, from a label without a unit.

    A unit of the value counts (``4ms``). Without one, a number with a fraction is in seconds, as Nginx,
    Apache's ``%T`` and Python write it, and a whole number in milliseconds, as JavaScript and Java write it.

    None for another label, or a value that is no duration.
    """
    plain = plain_label(label)
    if plain not in DURATION_LABELS:
        return None
    stated = duration_s(value)
    whole, dot, fraction = value.partition(".")
    if stated is None and not (whole.isdecimal() and whole.isascii() and (fraction.isdecimal() or not dot)):
        return None
    if stated is None:
        stated = float(value) / (1e9 if plain == _NANOSECONDS else 1.0 if dot else 1e3)
    return f"{stated:.9f}".rstrip("0").rstrip(".")


def is_target(value: str) -> bool:
    """Return whether the value of a request is a target alone, not a request line."""
    return value.startswith(("/", "http://", "https://"))


def adapted(values: dict[str, str | None], labels: Iterable[str] = ()) -> dict[str, str | None]:
    """Return variables whose labels have several meanings, by their values.

    ``values``: variables with their values; unknown labels keep their names; ``labels``: labels that a format
    names, which keep the meaning stated there.
    """
    request = values.get("request")
    if request is not None and "request_uri" not in values and is_target(request):
        values["request_uri"] = values.pop("request")
    if not any(name in values for name in ("request_time", "request_time_ms", "request_time_us")):
        for label in [name for name in values if name not in labels]:
            value = values[label]
            seconds = None if value is None else request_seconds(label, value)
            if seconds is not None:
                del values[label]
                values["request_time"] = seconds
                break
    return values

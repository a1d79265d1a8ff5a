"""Access logs in JSON: by the format that wrote them, or by what their keys are usually called."""

from __future__ import annotations

import json
import re
from typing import Any

from watchme_analysis.access_logs.formats.json_proxies import proxy_of, proxy_values
from watchme_analysis.access_logs.formats.log_format import LogFormat
from watchme_analysis.files.json_values import json_value
from watchme_analysis.files.lines import decoded

_ALIASES: dict[str, str] = {
    alias: variable
    for variable, aliases in {
        "msec": "msec epoch",
        "time_iso8601": "time timestamp @timestamp ts datetime date time_iso8601 iso8601",
        "time_local": "time_local timelocal",
        "request_id": "request_id requestid req_id",
        "http_cf_ray": "cf_ray http_cf_ray ray ray_id cfray",
        "remote_addr": "remote_addr client client_ip clientip client_addr remote_ip ip remote_address",
        "http_cf_connecting_ip": "http_cf_connecting_ip cf_connecting_ip",
        "http_x_forwarded_for": "http_x_forwarded_for x_forwarded_for xff forwarded_for",
        "remote_user": "remote_user user",
        "request": "request request_line",
        "request_method": "method request_method verb http_method",
        "request_uri": "request_uri uri url path target",
        "args": "args query query_string",
        "server_protocol": "protocol server_protocol http_version",
        "status": "status status_code response_status http_status",
        "body_bytes_sent": "body_bytes_sent bytes body_bytes size body_bytes_out",
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
        "http_user_agent": "user_agent http_user_agent agent useragent ua",
    }.items()
    for alias in aliases.split()
}
_WHOLE_VALUE = re.compile(r"\$\{?(\w+)\}?")


def unescape(value: bytes) -> str:
    r"""Return a value written with ``escape=json`` as it was; a value with a broken escape stays as it is."""
    if b"\\" in value:
        try:
            return str(json_value(b'"' + value + b'"'))
        except ValueError:
            pass
    return decoded(value)


def keys_of(log_format: LogFormat) -> dict[str, str]:
    """Return the variable behind each key of a JSON format, by the key's dotted path."""
    # Numbers are written without quotation marks; quoted, the format itself is a JSON text.
    text = re.sub(r"(?<=[:\[,])\s*(\$\{?\w+\}?)(?=\s*[,}\]])", r'"\1"', log_format.text)
    try:
        template = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(template, dict):
        return {}
    found = {}
    for key, value in _flat(template).items():
        variable = _WHOLE_VALUE.fullmatch(str(value))
        if variable:
            found[key] = variable[1]
    return found


def values_of(line: bytes, keys: dict[str, str]) -> dict[str, str | None] | None:
    """Return the variables of a JSON line, None when it is no object.

    Without keys of a format, lines of the proxies of :data:`PROXIES` are read as those write them.

    Parameters
    ----------
    line
        The line.
    keys
        Variables by key, from :func:`keys_of`; other keys are told by their usual names, and what is not
        known stays under its own name.

    Raises
    ------
    ValueError
        When a proxy's line has a time that is none.
    """
    try:
        record = json_value(line)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    flat = _flat(record)
    proxy = None if keys else proxy_of(flat)
    if proxy is not None:
        return {name: _text(value) for name, value in proxy_values(proxy, flat).items()}
    values: dict[str, str | None] = {}
    for key, value in flat.items():
        name = variable_of(key, keys)
        if name in values and values[name] is not None:
            name = key
        values[name] = _text(value)
    return values


def is_of_proxy(line: bytes) -> bool:
    """Tell whether a line, an object, is one that a proxy of :data:`PROXIES` writes."""
    return proxy_of(_flat(json_value(line))) is not None


def variable_of(key: str, keys: dict[str, str]) -> str:
    """Return the variable behind a key, by its dotted path; the key itself when it is none that is known."""
    plain = key.lower().lstrip("$").rpartition("nginx.")[2].replace("-", "_")
    return keys.get(key) or _ALIASES.get(plain, key)


def is_request(values: dict[str, str | None]) -> bool:
    """Tell whether the variables are those of a request: a status, and a target or a request line."""
    return "status" in values and any(name in values for name in ("request", "request_uri"))


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict) and value:
            found.update(_flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = value
    return found


def _text(value: object) -> str | None:
    if value is None or value in ("", "-"):
        return None
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False)

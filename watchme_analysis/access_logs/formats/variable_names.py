"""Usual labels of values in JSON, LTSV and ``key=value``, and the variables that they stand for."""

from __future__ import annotations

VARIABLE_OF_LABEL: dict[str, str] = {
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

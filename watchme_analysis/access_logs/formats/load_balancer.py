"""The access log of an Application Load Balancer.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html.
New fields are added at the end of a line from time to time.
"""

from __future__ import annotations

import re

from watchme_analysis.access_logs.formats.json_proxies import without_port
from watchme_analysis.files.field_values import microseconds, number
from watchme_analysis.files.lines import decoded

NAME = "Application Load Balancer"
_ARN = "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067"
# Sample lines.
SAMPLES = (
    (
        "https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.0.2.39:2817 "
        '192.0.2.20:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/a?b=1 HTTP/1.1" '
        f'"curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 {_ARN} '
        '"Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" '
        '"arn:aws:acm:us-east-2:123456789012:certificate/12345678" 1 2018-07-02T22:22:48.364000Z '
        '"authenticate,forward" "-" "-" "192.0.2.20:80" "200" "-" "-" TID_123456'
    ),
    # The request was sent to no target.
    (
        "http 2018-11-30T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 [2001:db8::7]:2817 - "
        '-1 -1 -1 503 - 34 366 "GET http://www.example.com:80/ HTTP/1.1" "a \\"b\\" c" - - '
        f'{_ARN} "Root=1-58337364-23a8c76965a2ef7629b185e3" "-" "-" 0 2018-11-30T22:22:48.364000Z '
        '"forward" "-" "TargetConnectionError" "-" "-" "-" "-"'
    ),
)
TYPES = (b"http ", b"https ", b"h2 ", b"grpcs ", b"ws ", b"wss ")
_FIELD = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[^\s"]+')
AUTHORITY = re.compile(r"\S+ [a-z]+://(\[[^\]]+\]|[^/:? ]+)")
NAMES = (  # noqa: SIM905 - a list of thirty quoted words is harder to read
    "type time_iso8601 elb client target request_processing_time target_processing_time "
    "response_processing_time status upstream_status request_length bytes_sent request http_user_agent "
    "ssl_cipher ssl_protocol target_group_arn http_x_amzn_trace_id domain_name chosen_cert_arn "
    "matched_rule_priority request_creation_time actions_executed redirect_url error_reason targets "
    "target_statuses classification classification_reason conn_trace_id"
).split()
# Number of fields of the oldest lines, which end with the trace id.
_MIN_FIELDS = NAMES.index("http_x_amzn_trace_id") + 1
PARTS = ("request_processing_time", "target_processing_time", "response_processing_time")


def fields_of(line: bytes) -> list[str] | None:
    """Return the raw fields of a line, None for a line of another program."""
    if not line.startswith(TYPES):
        return None
    text = decoded(line)
    fields = _FIELD.findall(text)
    # Text that is not a field was skipped by the pattern.
    return fields if len(fields) >= _MIN_FIELDS and " ".join(fields) == text else None


def load_balancer_values(line: bytes) -> dict[str, str | None] | None:
    """Return the variables of a line, times in seconds; None for another program's line.

    Raises
    ------
    ValueError
        If a time is invalid.
    """
    written = fields_of(line)
    if written is None:
        return None
    fields = [field[1:-1] if field.startswith('"') else field for field in written]
    # Requests that were sent to no target have times of -1.
    known = {
        name: None if value in ("", "-", "-1") else value for name, value in zip(NAMES, fields, strict=False)
    }
    parts = [number(known.pop(name)) for name in PARTS]
    authority = AUTHORITY.match(known["request"] or "")
    host = known.pop("domain_name", None) or (authority and authority[1])
    return {
        **{name: value for name, value in known.items() if name not in ("client", "target")},
        "remote_addr": without_port(known["client"]),
        "upstream_addr": known["target"],
        "host": host,
        "request_time": _request_time(parts, known),
        "upstream_response_time": None if parts[1] is None else f"{parts[1]:.6f}",
    }


def _request_time(parts: list[float | None], known: dict[str, str | None]) -> str | None:
    """Return the duration of a request: the sum of its parts, else the time from creation to response.

    Without a response of a target some parts are missing, and these requests take longest.
    """
    if None not in parts:
        return f"{sum(part or 0 for part in parts):.6f}"
    began, ended = (microseconds(known.get(name)) for name in ("request_creation_time", "time_iso8601"))
    return None if began is None or ended is None or ended < began else f"{(ended - began) / 1e6:.6f}"

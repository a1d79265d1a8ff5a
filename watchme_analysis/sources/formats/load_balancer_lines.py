"""Lines of an Application Load Balancer's access log.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html.
New fields are added at the end of a line from time to time.
"""

from __future__ import annotations

import re

from watchme_analysis.sources.formats.json_proxies import without_port
from watchme_analysis.sources.lines import decoded, microseconds, number

NAME = "Application Load Balancer"
TYPES = (b"http ", b"https ", b"h2 ", b"grpcs ", b"ws ", b"wss ")
_FIELD = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[^\s"]+')
AUTHORITY = re.compile(r"\S+ [a-z]+://(\[[^\]]+\]|[^/:? ]+)")
NAMES = (  # noqa: SIM905 - thirty words in quotation marks hide what they say
    "type time_iso8601 elb client target request_processing_time target_processing_time "
    "response_processing_time status upstream_status request_length bytes_sent request http_user_agent "
    "ssl_cipher ssl_protocol target_group_arn http_x_amzn_trace_id domain_name chosen_cert_arn "
    "matched_rule_priority request_creation_time actions_executed redirect_url error_reason targets "
    "target_statuses classification classification_reason conn_trace_id"
).split()
# Up to here lines went from the start.
_LEAST = NAMES.index("http_x_amzn_trace_id") + 1
PARTS = ("request_processing_time", "target_processing_time", "response_processing_time")


def fields_of(line: bytes) -> list[str] | None:
    """Return the fields of a line as they are written, None for another program's."""
    if not line.startswith(TYPES):
        return None
    text = decoded(line)
    fields = _FIELD.findall(text)
    # What is no field was passed over.
    return fields if len(fields) >= _LEAST and " ".join(fields) == text else None


def load_balancer_values(line: bytes) -> dict[str, str | None] | None:
    """Return the variables of a line, times in seconds; None for another program's.

    Raises
    ------
    ValueError
        When a time is none.
    """
    written = fields_of(line)
    if written is None:
        return None
    fields = [field[1:-1] if field.startswith('"') else field for field in written]
    # What was not sent anywhere has times of -1.
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
    """Return how long a request took: the sum of its parts, else from when it came until it was answered.

    Where no target answered some parts are missing, and these are the requests that took longest.
    """
    if None not in parts:
        return f"{sum(part or 0 for part in parts):.6f}"
    began, ended = (microseconds(known.get(name)) for name in ("request_creation_time", "time_iso8601"))
    return None if began is None or ended is None or ended < began else f"{(ended - began) / 1e6:.6f}"

"""Lines of labels and values: LTSV, and ``key=value`` (logfmt).

Sources: http://ltsv.org (the labels of access logs), https://brandur.org/logfmt, and the routers of Heroku,
https://devcenter.heroku.com/articles/http-routing#heroku-router-log-format.
"""

from __future__ import annotations

import re

from watchme_analysis.access_logs.formats.variable_names import VARIABLE_OF_LABEL, adapted, plain_label
from watchme_analysis.access_logs.reject_reasons import reject_reason
from watchme_analysis.files.lines import decoded
from watchme_analysis.values import duration_s

LTSV, KEY_VALUE = "LTSV", "key=value"
# Labels that LTSV gives a meaning of its own.
_LTSV_LABELS = {
    "host": "remote_addr",
    "vhost": "host",
    "req": "request",
    "reqtime": "request_time",
    "reqtime_microsec": "request_time_us",
    "reqsize": "request_length",
    "apptime": "upstream_response_time",
    "forwardedfor": "http_x_forwarded_for",
}
_FIELD = re.compile(r"(?P<label>[A-Za-z0-9_.-]+):(?P<value>[^\t]*)")
_PAIR = re.compile(
    r"(?P<label>[A-Za-z_@][\w.@/-]*)=(?:\"(?P<quoted>[^\"\\]*+(?:\\.[^\"\\]*+)*+)\"|(?P<bare>[^\s\"]*))(?:\s+|\Z)"
)
_ESCAPED = re.compile(r"\\([\"\\])")
_LEAST_FIELDS = 3
Values = dict[str, str | None]


def labelled_values(line: bytes) -> tuple[str, Values, list[str]] | None:
    """Return the format of a line of labels, its variables, and the labels; None for other lines.

    Raises ValueError if the line consists of two merged lines.
    """
    text = decoded(line)
    name, pairs = LTSV, _ltsv(text) if "\t" in text else None
    if pairs is None and "=" in text:
        name, pairs = KEY_VALUE, _key_value(text)
    if pairs is None or len(pairs) < _LEAST_FIELDS:
        return None
    labels = [label for label, _ in pairs]
    if len(set(labels)) < len(labels):
        raise ValueError(reject_reason("reject-label-twice"))
    values: Values = {}
    for label, value in pairs:
        plain = plain_label(label)
        own = _LTSV_LABELS.get(plain) if name == LTSV else None
        variable = own or VARIABLE_OF_LABEL.get(plain, label)
        values[label if values.get(variable) is not None else variable] = (
            None if value in ("", "-") else value
        )
    if {"dyno", "connect", "service"} <= values.keys():
        _complete_heroku(values)
    return name, adapted(values), labels


def _ltsv(text: str) -> list[tuple[str, str]] | None:
    fields = [_FIELD.fullmatch(part) for part in text.rstrip("\t").split("\t")]
    pairs = [(field["label"], field["value"]) for field in fields if field is not None]
    if len(pairs) < len(fields):
        return None
    # Apache encloses its times in brackets.
    return [
        (label, value[1:-1] if label == "time" and value[:1] + value[-1:] == "[]" else value)
        for label, value in pairs
    ]


def _key_value(text: str) -> list[tuple[str, str]] | None:
    pairs: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if found is None:
            return None
        quoted = found["quoted"]
        pairs.append((found["label"], found["bare"] if quoted is None else _ESCAPED.sub(r"\1", quoted)))
        at = found.end()
    return pairs


def _complete_heroku(values: Values) -> None:
    """Fill in the times of a router: to connect to the dyno, and from then to the end of the response."""
    connect, service = (duration_s(values.get(name)) for name in ("connect", "service"))
    if connect is not None and service is not None:
        values["request_time"] = values["upstream_response_time"] = f"{connect + service:.3f}"
        values["upstream_connect_time"] = f"{connect:.3f}"
        del values["connect"], values["service"]
    values["upstream_addr"] = values.pop("dyno")
    values["http_x_forwarded_for"] = values.pop("fwd", None)

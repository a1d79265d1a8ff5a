"""Keys of message bodies that name the work: configured in ``watchme.toml``, else learned from the bodies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.config import WorkItemSettings

# Levels of envelopes (SNS, S3, EventBridge) within a body that are searched for the keys of a work item.
MAX_ENVELOPES = 8
# Bodies that are examined, and the share of them that must have a key for it to be learned.
_EXAMINED = 1000
_SHARE = 0.5
_ITEM_KEY = re.compile(r"(?i:(?:^|[_-])id)$|[a-z]I[dD]$")
# Ids of the delivery instead of the work, in AWS's envelopes and in the usual ones of tracing.
_DELIVERY_KEY = re.compile(
    r"(?i)(message|request|trace|span|correlation|event|account|principal|delivery|resource|configuration"
    r"|aws|amz)[\w-]*id|id"
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*")
# Times of the delivery in AWS's envelopes: SNS, EventBridge, S3.
_DELIVERY_TIMES = frozenset({"Timestamp", "time", "eventTime"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def levels(value: Any) -> Iterator[list[Any]]:
    """Yield the values of a body level by level, from the outermost; JSON within a text is read as well."""
    level = [value]
    for _ in range(MAX_ENVELOPES):
        parsed = [
            json_value(item) if isinstance(item, str) and item.lstrip()[:1] in {"{", "["} else item
            for item in level
        ]
        yield parsed
        level = [
            inner
            for item in parsed
            for inner in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        ]


def learned_keys(settings: WorkItemSettings, bodies: Iterable[Any]) -> WorkItemSettings:
    """Return the settings with keys that they leave open learned from message bodies, as sent or parsed.

    A key is learned if at least half of the bodies have it, and all of its values fit: names that end in
    ``id`` name the item, times the moment, and bare dates the day. A key that more bodies have comes first,
    then the one that stands first.
    """
    if settings.item_keys and settings.time_keys and settings.day_keys:
        return settings
    present: dict[str, Counter[str]] = {"item_keys": Counter(), "time_keys": Counter(), "day_keys": Counter()}
    contrary: set[tuple[str, str]] = set()
    examined = 0
    for body, _ in zip(bodies, range(_EXAMINED), strict=False):
        examined += 1
        for key, value in _entries(body).items():
            for name, fits in _roles(key, value).items():
                if fits:
                    present[name][key] += 1
                else:
                    contrary.add((name, key))
    learned = {
        name: tuple(
            key
            for key, count in counts.most_common()
            if count >= _SHARE * examined and (name, key) not in contrary
        )
        for name, counts in present.items()
        if not getattr(settings, name)
    }
    return replace(settings, **learned)  # type: ignore[arg-type]


def _entries(body: Any) -> dict[str, Any]:
    """Return the texts and numbers of a body by key; of equal keys the outermost."""
    found: dict[str, Any] = {}
    for level in levels(body):
        for item in level:
            if isinstance(item, dict):
                for key, value in item.items():
                    if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
                        found.setdefault(key, value)
    return found


def _roles(key: str, value: str | int) -> dict[str, bool]:
    """Return for each role that a key may have whether this value of it fits."""
    if _ITEM_KEY.search(key):
        return {} if _DELIVERY_KEY.fullmatch(key) else {"item_keys": True}
    text = str(value)
    if key in _DELIVERY_TIMES:
        return {}
    return {
        "time_keys": _MOMENT.fullmatch(text) is not None,
        "day_keys": _DATE.fullmatch(text) is not None,
    }

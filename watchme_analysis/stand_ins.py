"""Texts that may be shared: secrets masked, and identities replaced by stable stand-ins.

The levels, each with all of the one before:

- ``secrets``: what :func:`watchme_analysis.redact.redacted` recognises, and values that the case itself names
  as secret, such as an environment variable ``PASSWORD``, wherever they occur.
- ``ids``: devices, addresses, accounts, users, hosts, UUIDs and home folders become stand-ins of the same
  shape, the same one everywhere, so that joins and diagnoses still work.
- ``share``: the bodies of messages and rejected lines are masked as a whole.

Detectors such as detect-secrets and gitleaks look for secrets in source code, where a false alarm costs a
look. Here it would cost evidence, so their token formats are used (in :mod:`watchme_analysis.redact`) and
their entropy rules are not; neither is a dependency.

Entry point: `Redactor`.

Imports: `redact` and the standard library.

Never: reads a file.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from watchme_analysis.redact import MASK, redacted, redacted_values

LEVELS = ("secrets", "ids", "share")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_HEX = r"[0-9A-Fa-f]{1,4}"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("uuid", re.compile(r"(?i)(?<![0-9a-f-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f-])")),
    ("address", re.compile(rf"(?<![\d.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\d.]*\d)")),
    # Whole, or with a double colon; a time of day has neither.
    (
        "address6",
        re.compile(
            rf"(?<![\w:.])(?:(?:{_HEX}:){{7}}{_HEX}|{_HEX}(?::{_HEX})*::(?:{_HEX}(?::{_HEX})*)?)(?![\w:])"
        ),
    ),
    ("account", re.compile(r"(?<![\d.])\d{12}(?![\d.])")),
    ("user", re.compile(r"(?:(?<=/home/)|(?<=/Users/))[^/\s\"']+|(?<=\\Users\\)[^\\\s\"']+")),
    ("host", re.compile(r"(?:(?<=://)|(?<=\*\*\*@))(?!\d)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")),
)
# Addresses of the machine itself say nothing about anybody.
_KEPT = re.compile(r"127\.\d+\.\d+\.\d+|0\.0\.0\.0|255\.255\.255\.255|.*\.amazonaws\.com|0{8}-.*")
_SHAPES: Mapping[str, Callable[[int], str]] = {
    "uuid": lambda number: f"00000000-0000-4000-8000-{number:012x}",
    # The addresses for benchmarks, RFC 2544, and for documentation, RFC 3849.
    "address": lambda number: f"198.18.{number // 250 % 250}.{number % 250 + 1}",
    "address6": lambda number: f"2001:db8::{number:x}",
    "account": lambda number: f"{number:012d}",
    "user": lambda number: f"user-{number}",
    "host": lambda number: f"host-{number}.example",
    "device": lambda number: f"device-{number}",
}
# Shorter values are parts of other words; digits alone are counts.
_SHORTEST_SECRET, _SHORTEST_NUMBER, _SHORTEST_NAME = 6, 5, 2


class Redactor:
    """Redaction of the texts of one case, with the same stand-in for the same identity everywhere.

    Parameters
    ----------
    level
        A value of :data:`LEVELS`.
    secrets
        Values that are secret wherever they occur.
    identities
        Kind (``device``, ``user``, ``host``) of each value that names somebody.
    """

    def __init__(
        self, level: str, secrets: Iterable[str] = (), identities: Mapping[str, str] | None = None
    ) -> None:
        self.level = level
        kept = [one for one in secrets if len(one) >= _SHORTEST_SECRET]
        self._secrets = _any_of(kept, whole=False)
        named = (
            {} if level == "secrets" else {n: kind for n, kind in (identities or {}).items() if _is_name(n)}
        )
        self._kinds = named
        self._identities = _any_of(named, whole=True)
        self._numbers: Counter[str] = Counter()
        self._stand_ins: dict[tuple[str, str], str] = {}
        self._made: set[str] = set()

    def text(self, text: str) -> str:
        """Return a text at the level."""
        if self._secrets is not None:
            text = self._secrets.sub(MASK, text)
        text = redacted(text)
        if self.level == "secrets":
            return text
        if self._identities is not None:
            text = self._identities.sub(lambda found: self._stand_in(self._kinds[found[0]], found[0]), text)
        for kind, pattern in _PATTERNS:
            text = pattern.sub(lambda found, kind=kind: self._stand_in(kind, found[0]), text)  # type: ignore[misc]
        return text

    def json_text(self, text: str) -> str:
        """Return JSON text at the level; text that is not JSON as :meth:`text`."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return self.text(text)
        return json.dumps(self.value(redacted_values(value, frozenset())), ensure_ascii=False)

    def value(self, value: Any) -> Any:
        """Return a JSON value with every text in it, and every key, at the level."""
        if isinstance(value, str):
            # JSON within JSON, such as the body of a message in an attribute.
            return self.json_text(value) if value[:1] in ("{", "[") else self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, int) and self.level != "secrets" and len(str(value)) == 12:
            return self.text(str(value))
        return value

    def _stand_in(self, kind: str, value: str) -> str:
        if _KEPT.fullmatch(value) or value in self._made:
            return value
        key = (kind, value)
        if key not in self._stand_ins:
            self._numbers[kind] += 1
            self._stand_ins[key] = _SHAPES[kind](self._numbers[kind])
            self._made.add(self._stand_ins[key])
        return self._stand_ins[key]


def _is_name(value: str) -> bool:
    return len(value) >= (_SHORTEST_NUMBER if value.isdigit() else _SHORTEST_NAME) and value not in ("-", "_")


def _any_of(values: Iterable[str], *, whole: bool) -> re.Pattern[str] | None:
    """Return a pattern for any of the values, the longest first; None without values."""
    found = "|".join(map(re.escape, sorted(set(values), key=lambda one: (-len(one), one))))
    if not found:
        return None
    return re.compile(rf"(?<![A-Za-z0-9])(?:{found})(?![A-Za-z0-9])" if whole else found)

"""Texts that may be shared: secrets masked, and identities replaced by stable stand-ins.

The levels, each with all of the one before:

- ``secrets``: what :func:`watchme_analysis.redact.redacted` recognises, and values that the case itself names
  as secret, such as an environment variable ``PASSWORD``, wherever they occur.
- ``ids``: devices, addresses, accounts, users, hosts, instances, UUIDs, phone and card numbers and home
  folders become stand-ins, the same one everywhere, so that joins and diagnoses still work.
- ``share``: the bodies of messages and rejected lines are masked as a whole.

Detectors such as detect-secrets and gitleaks look for secrets in source code, where a false alarm costs a
look. Here it would cost evidence, so the token formats of gitleaks are used (in
:mod:`watchme_analysis.redact`) and entropy rules are not. Neither is a dependency: gitleaks is a program, and
detect-secrets 1.5 knows 22 of the 112 formats of gitleaks 8.

Entry point: `Redactor`.

Imports: `redact` and the standard library.

Never: reads a file.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from watchme_analysis.redact import MASK, redacted, redacted_values

LEVELS = ("secrets", "ids", "share")
_PATTERNS = [
    (each["kind"], re.compile("".join(each["pattern"]), re.ASCII if each.get("ascii") else 0))
    for each in tomllib.loads(Path(__file__).with_name("identities.toml").read_text(encoding="utf-8"))[
        "identity"
    ]
]
# Addresses of the machine itself say nothing about anybody.
_KEPT = re.compile(
    r"127\.\d+\.\d+\.\d+|0\.0\.0\.0|255\.255\.255\.255|(?:00:){5}00|(?:[Ff]{2}:){5}[Ff]{2}|.*\.amazonaws\.com|0{8}-.*"
)
# Card numbers of Visa, Mastercard, American Express, Diners Club, JCB and Discover.
_CARD = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|35\d{14}|6(?:011|5\d\d)\d{12}"
)
# Digits of a phone number with the code of its country, ITU-T E.164; shorter ones are differences.
_PHONE_DIGITS = range(8, 16)
_DOMESTIC_DIGITS = range(10, 12)
_SHAPES: Mapping[str, Callable[[int], str]] = {
    "uuid": lambda number: f"00000000-0000-4000-8000-{number:012x}",
    # The addresses for benchmarks, RFC 2544, and for documentation, RFC 3849.
    "address": lambda number: f"198.18.{number // 250 % 250}.{number % 250 + 1}",
    "address6": lambda number: f"2001:db8::{number:x}",
    # A locally administered address.
    "mac": lambda number: f"02:00:00:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
    "instance": lambda number: f"i-{number:017x}",
    "phone": lambda number: f"phone-{number}",
    "card": lambda number: f"card-{number}",
    "account": lambda number: f"{number:012d}",
    "user": lambda number: f"user-{number}",
    "host": lambda number: f"host-{number}.example",
    "device": lambda number: f"device-{number}",
}
# Shorter values are parts of other words; digits alone are counts.
_SHORTEST_SECRET, _SHORTEST_NUMBER, _SHORTEST_NAME = 6, 5, 2
# Characters by which values are looked up; no value is shorter.
_HEAD = _SHORTEST_NAME
# Different beginnings of values up to which a regular expression finds them.
_MOST_HEADS = 50
# Digits of a number in JSON that may be an account; numbers of cards are longer.
_SHORTEST_ID = 12


class Redactor:
    """Redaction of the texts of one case, with the same stand-in for the same identity everywhere.

    ``secrets`` are values that are secret wherever they occur; ``identities`` has the kind (``device``,
    ``user``, ``host``) of each value that names somebody.
    """

    def __init__(
        self, level: str, secrets: Iterable[str] = (), identities: Mapping[str, str] | None = None
    ) -> None:
        self.level = level
        kept = [one for one in secrets if len(one) >= _SHORTEST_SECRET]
        self._secrets = _Values(kept, whole=False)
        named = (
            {} if level == "secrets" else {n: kind for n, kind in (identities or {}).items() if _is_name(n)}
        )
        self._kinds = named
        self._identities = _Values(named, whole=True)
        self._numbers: Counter[str] = Counter()
        self._stand_ins: dict[tuple[str, str], str] = {}
        self._made: set[str] = set()

    def text(self, text: str) -> str:
        """Return a text at the level."""
        text = redacted(self._secrets.sub(lambda _: MASK, text))
        if self.level == "secrets":
            return text
        text = self._identities.sub(lambda name: self._stand_in(self._kinds[name], name), text)
        for kind, pattern in _PATTERNS:
            text = pattern.sub(lambda found, kind=kind: self._replaced(kind, found), text)  # type: ignore[misc]
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
        if isinstance(value, int) and self.level != "secrets" and len(str(value)) >= _SHORTEST_ID:
            text = self.text(str(value))
            return value if text == str(value) else text
        return value

    def _replaced(self, kind: str, found: re.Match[str]) -> str:
        name = found["name"] if "name" in found.re.groupindex else found[0]
        if (kind == "card" and not _is_card(name)) or (kind == "phone" and not _is_phone(name)):
            return found[0]
        return found[0][: len(found[0]) - len(name)] + self._stand_in(kind, name)

    def _stand_in(self, kind: str, value: str) -> str:
        if _KEPT.fullmatch(value) or value in self._made:
            return value
        key = (kind, value)
        if key not in self._stand_ins:
            self._numbers[kind] += 1
            self._stand_ins[key] = _SHAPES[kind](self._numbers[kind])
            self._made.add(self._stand_ins[key])
        return self._stand_ins[key]


def _is_card(value: str) -> bool:
    """Return True for the number of a card: its beginning, its length and its check digit (Luhn) fit."""
    digits = re.sub(r"\D", "", value)
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return (
        _CARD.fullmatch(digits) is not None
        and sum(number // 10 + number % 10 for number in doubled) % 10 == 0
    )


def _is_phone(value: str) -> bool:
    digits = sum(map(str.isdigit, value))
    return digits in (_PHONE_DIGITS if value.startswith("+") else _DOMESTIC_DIGITS)


def _is_name(value: str) -> bool:
    return len(value) >= (_SHORTEST_NUMBER if value.isdigit() else _SHORTEST_NAME) and value not in ("-", "_")


class _Values:
    """Values that are replaced in texts, the longest first, in time that does not grow with their number."""

    def __init__(self, values: Iterable[str], *, whole: bool) -> None:
        self._values = frozenset(values)
        self._whole = whole
        lengths: dict[str, set[int]] = {}
        for value in self._values:
            lengths.setdefault(value[:_HEAD], set()).add(len(value))
        self._lengths = {head: sorted(found, reverse=True) for head, found in lengths.items()}
        # An alternative for each beginning is tried at every place of a text, so many are looked up instead.
        heads = "|".join(map(re.escape, sorted(lengths)))
        if len(lengths) > _MOST_HEADS:
            heads = f"[{''.join(map(re.escape, sorted({head[0] for head in lengths})))}]"
        self._beginning = re.compile(rf"(?<![A-Za-z0-9])(?:{heads})" if whole else heads)

    def sub(self, replaced: Callable[[str], str], text: str) -> str:
        """Return a text with each value replaced."""
        if not self._values:
            return text
        parts, done, at = [], 0, 0
        while (place := self._beginning.search(text, at)) is not None:
            start = place.start()
            at = start + 1
            for length in self._lengths.get(text[start : start + _HEAD], ()):
                value, after = text[start : start + length], text[start + length : start + length + 1]
                if value in self._values and not (self._whole and after.isascii() and after.isalnum()):
                    parts += [text[done:start], replaced(value)]
                    done = at = start + length
                    break
        return "".join([*parts, text[done:]])

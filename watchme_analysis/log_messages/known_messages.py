"""Known log messages as data.

Each entry in ``log_messages/known/*.toml`` is one message of one program::

    [[message]]
    id = "nginx-connect-refused"
    text = ['connect() failed (111: Connection refused){}upstream: "{}://{host}:{port}']
    speaker = "nginx"                     # the layer that wrote the line
    meaning = "Nginx reached {host}, and nothing listened on port {port} there."
    ja = "..."                            # the same in Japanese, with the same values
    excluded = ["edge"]                   # layers that cannot be the cause once this line is there
    causes = ["app_down", "nginx_config"] # likeliest first, of one question
    commands = ["ss -ltnp 'sport = :{port}'"]  # the first two whose values are known are shown
    sample = '...'                        # a line that shows the message
    source = "https://..."                # where the vendor states or writes it
    ordinary = true                       # optional: healthy systems write it as well
    health = { causes = [...], excluded = [...] }  # optional: the same in front of an endpoint, for a message
                                          # whose own causes are those of a queue; `backlog` the other way

A text is the message as the program writes it. ``{}`` stands for anything, ``{name}`` for a value that the
meaning and the commands can use. Commands can also use ``{site}`` and ``{site_port}``: the host that a pasted
text names last before the message. Adding an entry is enough: nothing else lists them.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from watchme_analysis.text.message import Text, translated
from watchme_analysis.text.render import filled, placeholders

_PLACEHOLDER = re.compile(r"\{(\w*)\}")
# Characters of the part of a text by which lines are looked up, by choice: rare enough, and in every text.
_PART = 5
# Commands that are shown for a message, by choice.
MOST_COMMANDS = 2
# Values of a command come from evidence: no character that a shell interprets, and no option.
_SAFE_VALUE = re.compile(r"[A-Za-z0-9][\w.:@/-]{0,199}", re.ASCII)
# What commands say where the text names no host: the name that is reserved for examples.
NO_SITE = {"site": "example.com", "site_port": "443"}
# A value ends before these characters where the text does not say what follows it.
_VALUE_END = re.compile(r"""[\s"'`,;)\]<>/]|$""")


@dataclass(frozen=True)
class Pattern:
    """The text of a message: literals in their order, and the name of the value after each of them.

    Attributes
    ----------
    literals
        Texts that a line contains in this order; the first one is empty where a value begins the text.
    names
        Name of the value after each literal, empty for one that is not used; as many as literals, or one
        fewer.
    """

    literals: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def parts(self) -> frozenset[str]:
        """Return each run of `_PART` characters of the literals; a line with the message has all."""
        return frozenset(
            literal[at : at + _PART] for literal in self.literals for at in range(len(literal) - _PART + 1)
        )

    def values(self, line: str) -> dict[str, str] | None:
        """Return the values that a line states; None if it does not contain the message.

        The literals are searched from left to right, so the time is linear in the length of the line.
        """
        found: dict[str, str] = {}
        at = 0
        for number, literal in enumerate(self.literals):
            # A host in brackets is an IPv6 address, whose colons end no value (RFC 3986, section 3.2.2).
            is_bracketed = number > 0 and self.names[number - 1] == "host" and line[at : at + 1] == "["
            start = line.find(literal, max(at, line.find("]", at)) if is_bracketed else at)
            if start < 0:
                return None
            if number and (name := self.names[number - 1]):
                found[name] = line[at:start].strip()
            at = start + len(literal)
        if len(self.names) == len(self.literals) and (name := self.names[-1]):
            end = _VALUE_END.search(line, at)
            found[name] = line[at : end.start() if end else None]
        return found


@dataclass(frozen=True)
class KnownMessage:
    """One message of one program; the module shows each field."""

    id: str
    patterns: tuple[Pattern, ...]
    speaker: str
    meaning: Text
    excluded: tuple[str, ...]
    causes: tuple[str, ...]
    commands: tuple[str, ...]
    sample: str
    source: str
    ordinary: bool
    questions: Mapping[str, Mapping[str, tuple[str, ...]]]

    def of_question(self, question: str) -> KnownMessage:
        """Return the message with its causes and excluded layers for a question."""
        return replace(self, **self.questions.get(question, {}))  # type: ignore[arg-type]

    def commands_with(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """Return the first commands whose values are all known; no placeholder reaches a reader."""
        safe = safe_values(NO_SITE | {**values})
        complete = [filled(command, safe, "en") for command in self.commands]
        return tuple(each for each in complete if not placeholders(each))[:MOST_COMMANDS]

    @property
    def names(self) -> frozenset[str]:
        """Return the names of the values that every text of the message states."""
        return frozenset.intersection(*(frozenset(each.names) - {""} for each in self.patterns))


def safe_values(values: Mapping[str, str]) -> dict[str, str]:
    """Return those of some values from evidence that may stand in a command."""
    return {name: value for name, value in values.items() if _SAFE_VALUE.fullmatch(value)}


@cache
def known_messages() -> tuple[KnownMessage, ...]:
    """Return all known messages, in the order of their files."""
    folder = files(__package__).joinpath("known")
    found = []
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            entries = tomllib.loads(file.read_text(encoding="utf-8"))["message"]
            found += [_parsed(entry) for entry in entries]
    return tuple(found)


def known_message(line: str) -> tuple[KnownMessage, dict[str, str]] | None:
    """Return the known message that a line contains, with its values; of several, the longest text counts."""
    parts = {line[at : at + _PART] for at in range(len(line) - _PART + 1)}
    found = _patterns_of_part()
    for number in sorted({number for part in parts & found.keys() for number in found[part]}):
        pattern, known = _patterns()[number]
        values = pattern.values(line)
        if values is not None:
            return known, values
    return None


@cache
def _patterns() -> tuple[tuple[Pattern, KnownMessage], ...]:
    """Return the texts of all known messages, the longest first."""
    texts = [(pattern, known) for known in known_messages() for pattern in known.patterns]
    return tuple(sorted(texts, key=lambda text: -sum(map(len, text[0].literals))))


@cache
def _patterns_of_part() -> dict[str, list[int]]:
    """Return the numbers of the texts by one part of each, the one that the fewest texts contain."""
    parts = [pattern.parts for pattern, _ in _patterns()]
    count = Counter(part for each in parts for part in each)
    found: dict[str, list[int]] = {}
    for number, each in enumerate(parts):
        found.setdefault(min(each, key=lambda part: (count[part], part)), []).append(number)
    return found


def _parsed(entry: dict[str, Any]) -> KnownMessage:
    texts = [entry["text"]] if isinstance(entry["text"], str) else entry["text"]
    return KnownMessage(
        id=entry["id"],
        patterns=tuple(_pattern(text) for text in texts),
        speaker=entry["speaker"],
        meaning=translated(entry["meaning"], entry["ja"]),
        excluded=tuple(entry["excluded"]),
        causes=tuple(entry["causes"]),
        commands=tuple(entry["commands"]),
        sample=entry["sample"],
        source=entry["source"],
        ordinary=entry.get("ordinary", False),
        questions={
            question: {name: tuple(names) for name, names in entry[question].items()}
            for question in ("health", "backlog")
            if question in entry
        },
    )


def _pattern(text: str) -> Pattern:
    parts = _PLACEHOLDER.split(text)
    literals, names = parts[::2], parts[1::2]
    return Pattern(tuple(literals[:-1] if not literals[-1] else literals), tuple(names))

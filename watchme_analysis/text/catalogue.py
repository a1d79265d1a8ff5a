"""Catalogues: the patterns of all messages in one language, read from ``catalogues/<language>/*.ftl``.

The files are in Fluent's syntax (https://projectfluent.org/fluent/guide/): text, placeholders, and variants
that a number or a key selects. A pattern is parsed when it is first used, because a diagnosis needs few of
them and parsing all takes longer than the diagnosis itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from watchme_analysis.errors import MessageError
from watchme_analysis.text.message import Choice

if TYPE_CHECKING:
    from fluent.syntax import ast as ftl

LANGUAGES = ("en", "ja")
FOLDER = Path(__file__).parent / "catalogues"
# The id of a message stands at the beginning of a line; everything up to the next one belongs to it.
_ENTRY = re.compile(r"^([a-z][a-z0-9-]*) *=", re.MULTILINE)

# A value of a pattern: finished text; a number or key, which also select variants.
Argument: TypeAlias = str | int | Choice


class _Placeholder(NamedTuple):
    """The place of a value in a pattern."""

    name: str


class _Variants(NamedTuple):
    """Patterns from which a value selects one: by number, by its plural category, or by key."""

    name: str
    patterns: tuple[tuple[int | str, _Pattern], ...]
    default: _Pattern


_Pattern: TypeAlias = tuple["str | _Placeholder | _Variants", ...]


class Catalogue:
    """The messages of one language."""

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise MessageError(
                f"No catalogue for the language {language!r}: known are {', '.join(LANGUAGES)}."
            )
        self.language = language
        self._sources = read_sources(language)
        # Threads that need a pattern at the same time parse it twice, with the same result.
        self._patterns: dict[str, _Pattern] = {}

    @cached_property
    def ids(self) -> frozenset[str]:
        """Return the ids of all messages."""
        return frozenset(self._sources)

    def names(self, message_id: str) -> frozenset[str]:
        """Return the names of the values that a message has."""
        return frozenset(_names(self._pattern(message_id)))

    def format(self, message_id: str, values: Mapping[str, Argument]) -> str:
        """Return the text of a message; a MessageError names an unknown id or a missing value.

        A value is finished text, which stays as it is, a whole number, or a key.
        """
        try:
            return self._filled(self._pattern(message_id), values)
        except KeyError as missing:
            raise MessageError(
                f"The message {message_id!r} can't be rendered in {self.language!r}: the value "
                f"{missing.args[0]!r} is missing. Its values are: {', '.join(sorted(values)) or 'none'}."
            ) from None

    def _filled(self, pattern: _Pattern, values: Mapping[str, Argument]) -> str:
        """Return a pattern with its values; raise ``KeyError`` where one is missing."""
        shown = []
        for part in pattern:
            if isinstance(part, str):
                shown.append(part)
            elif isinstance(part, _Variants):
                shown.append(self._filled(self._selected(part, values[part.name]), values))
            else:
                value = values[part.name]
                value = value.key if isinstance(value, Choice) else value
                shown.append(f"{value:,d}" if isinstance(value, int) else value)
        return "".join(shown)

    def _selected(self, variants: _Variants, value: Argument) -> _Pattern:
        """Return the first pattern that a value selects, else the default; finished text selects none."""
        if isinstance(value, str):
            return variants.default
        keys = (value.key,) if isinstance(value, Choice) else (value, plural_category(value, self.language))
        return next((pattern for key, pattern in variants.patterns if key in keys), variants.default)

    def _pattern(self, message_id: str) -> _Pattern:
        """Return the pattern of a message, which is parsed when it is first used."""
        if message_id in self._patterns:
            return self._patterns[message_id]
        from fluent.syntax import FluentParser
        from fluent.syntax.ast import Message, Pattern

        source = self._sources.get(message_id)
        if source is None:
            raise MessageError(
                f"The message {message_id!r} is not in the catalogue {self.language!r}: add it to "
                f"a file in text/catalogues/{self.language}."
            )
        entry = FluentParser(with_spans=False).parse_entry(source)
        pattern = entry.value if isinstance(entry, Message) else None
        if not isinstance(pattern, Pattern):
            raise MessageError(
                f"The message {message_id!r} of the catalogue {self.language!r} is not valid Fluent, or has "
                "no text."
            )
        try:
            self._patterns[message_id] = _parts(pattern)
        except NotImplementedError as error:
            raise MessageError(
                f"The message {message_id!r} of the catalogue {self.language!r} has a {error}: catalogues "
                "have text, placeholders, literals, and variants that a placeholder selects."
            ) from None
        return self._patterns[message_id]


def _names(pattern: _Pattern) -> Iterator[str]:
    """Yield the names of the placeholders of a pattern, those of its variants included."""
    for part in pattern:
        if not isinstance(part, str):
            yield part.name
        if isinstance(part, _Variants):
            for _, variant in (*part.patterns, ("", part.default)):
                yield from _names(variant)


def plural_category(number: int, language: str) -> str:
    """Return the plural category of a whole number; Japanese has one category.

    The rules are those of Unicode's CLDR (https://www.unicode.org/cldr/charts/latest/supplemental/
    language_plural_rules.html).

    Examples
    --------
    >>> plural_category(1, "en"), plural_category(1, "ja")
    ('one', 'other')
    """
    return "one" if language == "en" and abs(number) == 1 else "other"


def _parts(source: ftl.Pattern) -> _Pattern:
    """Return a pattern of Fluent as text and places; raise ``NotImplementedError`` for other syntax."""
    from fluent.syntax.ast import (
        Identifier,
        Placeable,
        SelectExpression,
        StringLiteral,
        TextElement,
        VariableReference,
    )

    parts: list[str | _Placeholder | _Variants] = []
    for element in source.elements:
        inner = element.expression if isinstance(element, Placeable) else element
        if isinstance(inner, TextElement):
            parts.append(inner.value)
        elif isinstance(inner, StringLiteral):
            parts.append(inner.parse()["value"])
        elif isinstance(inner, VariableReference):
            parts.append(_Placeholder(inner.id.name))
        elif isinstance(inner, SelectExpression) and isinstance(inner.selector, VariableReference):
            patterns: list[tuple[int | str, _Pattern]] = []
            default: _Pattern = ()
            for one in inner.variants:
                key, pattern = one.key, _parts(one.value)
                patterns.append((key.name if isinstance(key, Identifier) else int(key.value), pattern))
                default = pattern if one.default else default
            parts.append(_Variants(inner.selector.id.name, tuple(patterns), default))
        else:
            raise NotImplementedError(type(inner).__name__)
    return tuple(parts)


@cache
def catalogue(language: str) -> Catalogue:
    """Return the catalogue of a language, read once per process."""
    return Catalogue(language)


def read_sources(language: str) -> dict[str, str]:
    """Return the Fluent source of each message of a language, by id; two of one id are a MessageError."""
    sources: dict[str, str] = {}
    for path in sorted((FOLDER / language).glob("*.ftl")):
        text = path.read_text(encoding="utf-8")
        starts = list(_ENTRY.finditer(text))
        ends = [each.start() for each in starts[1:]] + [len(text)]
        for start, end in zip(starts, ends, strict=True):
            if start[1] in sources:
                raise MessageError(f"{path.name} defines the message {start[1]!r} a second time.")
            sources[start[1]] = text[start.start() : end]
    return sources

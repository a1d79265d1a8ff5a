"""Catalogues: the patterns of all messages in one language, read from ``catalogues/<language>/*.ftl``.

The files are in Fluent's syntax (https://projectfluent.org/fluent/guide/). A pattern is parsed when it is
first used, because a diagnosis needs few of them and parsing all takes longer than the diagnosis itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.errors import MessageError

if TYPE_CHECKING:
    from fluent.runtime import FluentBundle

LANGUAGES = ("en", "ja")
FOLDER = Path(__file__).parent / "catalogues"
# Characters of a value that Fluent takes with certainty; its own limit is 2,500.
_LONGEST_VALUE = 2000
# The id of a message stands at the beginning of a line; everything up to the next one belongs to it.
_ENTRY = re.compile(r"^([a-z][a-z0-9-]*) *=", re.MULTILINE)


class Catalogue:
    """The messages of one language.

    Parameters
    ----------
    language
        ``en`` or ``ja``.
    """

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise MessageError(
                f"No catalogue for the language {language!r}: known are {', '.join(LANGUAGES)}."
            )
        self.language = language
        self._sources = read_sources(language)
        self._bundle: FluentBundle | None = None
        self._plain: dict[str, tuple[tuple[str, bool], ...]] = {}

    @cached_property
    def ids(self) -> frozenset[str]:
        """Return the ids of all messages."""
        return frozenset(self._sources)

    def format(self, message_id: str, values: Mapping[str, Any]) -> str:
        """Return the text of a message.

        Parameters
        ----------
        message_id
            Id of the message.
        values
            Text, Fluent number or Fluent value by placeholder.

        Raises
        ------
        MessageError
            When the id is unknown, or a value is missing.
        """
        plain = self._plain.get(message_id)
        if plain:
            shown = [_text(values.get(part)) if is_name else part for part, is_name in plain]
            if None not in shown:
                return "".join(map(str, shown))
        bundle = self._parsed(message_id)
        pattern = bundle.get_message(message_id).value
        if pattern is None:
            raise MessageError(f"The message {message_id!r} has no text in the catalogue {self.language!r}.")
        if plain is None:
            self._plain[message_id] = _plain_parts(pattern)
        # Fluent refuses longer values, and a path or a list of sentences may be longer.
        texts = {name: getattr(value, "text", value) for name, value in values.items()}
        long = [name for name, text in texts.items() if isinstance(text, str) and len(text) > _LONGEST_VALUE]
        marks = {name: f"\ue000{number}\ue001" for number, name in enumerate(long)}
        found, problems = bundle.format_pattern(pattern, {**values, **marks})
        if problems:
            missing = "; ".join(str(problem) for problem in problems)
            raise MessageError(
                f"The message {message_id!r} can't be rendered in {self.language!r}: {missing.rstrip('.')}. "
                f"Its values are: {', '.join(sorted(values)) or 'none'}."
            )
        formatted = str(found)
        for name, mark in marks.items():
            formatted = formatted.replace(mark, texts[name])
        return formatted

    def _parsed(self, message_id: str) -> FluentBundle:
        """Return the bundle with this message in it."""
        from fluent.runtime import FluentBundle, FluentResource

        if self._bundle is None:
            # Isolation marks are bidi characters, which a terminal or a file should not hold.
            self._bundle = FluentBundle([self.language], use_isolating=False)
        if not self._bundle.has_message(message_id):
            if message_id not in self._sources:
                raise MessageError(
                    f"The message {message_id!r} is not in the catalogue {self.language!r}: add it to "
                    f"a file in text/catalogues/{self.language}."
                )
            self._bundle.add_resource(FluentResource(self._sources[message_id]))
            if not self._bundle.has_message(message_id):
                raise MessageError(
                    f"The message {message_id!r} of the catalogue {self.language!r} is not valid Fluent."
                )
        return self._bundle


def _text(value: Any) -> str | None:
    """Return a value that is finished text; None for a number, which Fluent formats, or a missing value."""
    return value if isinstance(value, str) else getattr(value, "text", None)


def _plain_parts(pattern: Any) -> tuple[tuple[str, bool], ...]:
    """Return the parts of a pattern of text and names only, as pairs of a part and whether it is a name.

    Empty for a pattern with variants. A damaged log has thousands of lines with such a sentence, and joining
    its parts takes a fifth of the time that Fluent takes.
    """
    from fluent.runtime.resolver import Placeable, TextElement, VariableReference

    parts: list[tuple[str, bool]] = []
    for element in getattr(pattern, "elements", [pattern]):
        inner = element.expression if isinstance(element, Placeable) else element
        if isinstance(inner, TextElement):
            parts.append((inner.value, False))
        elif isinstance(inner, VariableReference):
            parts.append((inner.id.name, True))
        else:
            return ()
    return tuple(parts)


@cache
def catalogue(language: str) -> Catalogue:
    """Return the catalogue of a language, read once per process."""
    return Catalogue(language)


def read_sources(language: str) -> dict[str, str]:
    """Return the Fluent source of each message of a language, by id.

    Raises
    ------
    MessageError
        When two messages have the same id.
    """
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

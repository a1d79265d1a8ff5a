"""Catalogues: the patterns of all messages in one language, read from ``catalogues/<language>/*.ftl``.

The files are in Fluent's syntax (https://projectfluent.org/fluent/guide/). A pattern is parsed when it is
first used, because a diagnosis needs few of them and parsing all takes longer than the diagnosis itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
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

    @property
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
        bundle = self._parsed(message_id)
        pattern = bundle.get_message(message_id).value
        if pattern is None:
            raise MessageError(f"The message {message_id!r} has no text in the catalogue {self.language!r}.")
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

"""Sentences as data: an id and typed values, rendered in any language by :mod:`watchme_analysis.text.render`.

A value knows its kind, so that all instants, durations or shares of a page have the same format. Text from
evidence is a value as well: it is inserted as it is, and never interpreted as a pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from watchme_analysis.errors import MessageError
from watchme_analysis.redact import redacted

# Names listed before the rest is counted, such as "a, b, c, d and 3 more".
_LISTED = 4


@dataclass(frozen=True, slots=True)
class Instant:
    """A point in time with a time zone."""

    time: datetime

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"instant": _iso(self.time)}


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A time span; without an end it is still open at the end of the data."""

    start: datetime
    end: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"time_span": {"start": _iso(self.start), "end": self.end and _iso(self.end)}}


@dataclass(frozen=True, slots=True)
class Count:
    """A number of things; the catalogue selects the plural form by it."""

    number: int

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"count": self.number}


@dataclass(frozen=True, slots=True)
class Number:
    """A measured number without a unit, with up to ``digits`` significant figures."""

    value: float
    digits: int = 3

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"number": _json_number(self.value), "digits": self.digits}


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole between 0 and 1, shown as a percentage."""

    value: float

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"share": _json_number(self.value)}


@dataclass(frozen=True, slots=True)
class Probability:
    """A probability between 0 and 1; nothing is shown as certain or impossible."""

    value: float

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"probability": _json_number(self.value)}


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration in seconds; NaN is unknown."""

    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"duration_s": _json_number(self.seconds)}


@dataclass(frozen=True, slots=True)
class Bytes:
    """A size in bytes."""

    number: float

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"bytes": self.number}


@dataclass(frozen=True, slots=True)
class Resource:
    """The name of something: a path, queue, function, service, table, file or address."""

    name: str

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"resource": self.name}


@dataclass(frozen=True, slots=True)
class Code:
    """Code, such as a command to paste, a directive or an expression of the source."""

    text: str

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"code": self.text}


@dataclass(frozen=True, slots=True)
class Commands:
    """Lines of a shell script to paste, shown as they are."""

    text: str

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"commands": self.text}


@dataclass(frozen=True, slots=True)
class CodePlace:
    """A line of a file."""

    file: str
    line: int

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"code_place": {"file": self.file, "line": self.line}}


@dataclass(frozen=True, slots=True)
class Quotation:
    """Text that a system wrote, such as an error; secrets in it are masked when it is shown or stored."""

    text: str

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"quotation": redacted(self.text)}


@dataclass(frozen=True, slots=True)
class Choice:
    """A key by which a pattern selects a variant; never shown itself."""

    key: str

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"choice": self.key}


@dataclass(frozen=True, slots=True)
class Translated:
    """A text that a data file holds in each language, such as the title of a cause."""

    en: str
    ja: str

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"translated": {"en": self.en, "ja": self.ja}}


@dataclass(frozen=True, slots=True)
class Names:
    """Several names; beyond ``limit`` they are counted."""

    items: tuple[str, ...]
    limit: int = _LISTED

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"names": list(self.items), "limit": self.limit}


@dataclass(frozen=True)
class Message:
    """A sentence, or a noun phrase within one, that a catalogue renders.

    Attributes
    ----------
    id
        Id in the catalogues.
    values
        Value by the name of its placeholder.
    """

    id: str
    values: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to copy or pickle the message, since a mapping proxy can be neither."""
        return message_from_dict, (self.to_dict(),)

    def __hash__(self) -> int:
        """Return a hash, so that messages can be compared as sets."""
        return hash((self.id, tuple(sorted(self.values.items(), key=lambda item: item[0]))))

    def to_json(self) -> dict[str, Any]:
        """Return the message as the value of another one."""
        return {"message": self.to_dict()}

    def items_of(self, name: str) -> tuple[Text, ...]:
        """Return the texts of a value that is a list of phrases or sentences; empty for other kinds."""
        value = self.values[name]
        return value.items if isinstance(value, Phrases | Sentences) else ()

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"id": ..., "values": {name: {kind: value}}}``, ready for JSON."""
        return {"id": self.id, "values": {name: value.to_json() for name, value in self.values.items()}}


@dataclass(frozen=True, slots=True)
class Phrases:
    """Noun phrases that are listed like names: ``a, b and c``; beyond ``limit`` they are counted."""

    items: tuple[Text, ...]
    limit: int = 100

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"phrases": [_text_to_json(item) for item in self.items], "limit": self.limit}


@dataclass(frozen=True, slots=True)
class Sentences:
    """Whole sentences, one after the other."""

    items: tuple[Text, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the value under the name of its kind."""
        return {"sentences": [_text_to_json(item) for item in self.items]}


Value: TypeAlias = (
    Instant
    | TimeSpan
    | Count
    | Number
    | Share
    | Probability
    | Duration
    | Bytes
    | Resource
    | Code
    | Commands
    | CodePlace
    | Quotation
    | Choice
    | Translated
    | Names
    | Phrases
    | Sentences
    | Message
)
# A sentence that is not in the catalogues yet is a plain string.
Text: TypeAlias = str | Message


class MessageText(str):
    """The English text of a message, with the message, by which other languages show it.

    Notes on evidence are strings where they are written into tables, logs and errors. A case stores both
    parts, so that it stays readable when a later version has no such message.

    Attributes
    ----------
    message
        The message.
    """

    message: Message
    __slots__ = ("message",)

    def __new__(cls, text: str, said: Message) -> MessageText:  # noqa: D102 - see the class
        found = super().__new__(cls, text)
        found.message = said
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to copy or pickle the text, since a mapping proxy can be neither."""
        return _message_text, (str(self), self.message.to_dict())


def _message_text(text: str, said: Mapping[str, Any]) -> MessageText:
    return MessageText(text, message_from_dict(said))


def message_of(text: Text) -> Text:
    """Return the message of a text that has one; a plain string is returned as it is."""
    return text.message if isinstance(text, MessageText) else text


def stored_texts(value: Any) -> Any:
    """Return a value for JSON in which each text of a message is ``{"text": ..., "message": ...}``."""
    if isinstance(value, MessageText):
        return {"text": str(value), "message": value.message.to_dict()}
    if isinstance(value, Mapping):
        return {key: stored_texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [stored_texts(item) for item in value]
    return value


def restored_texts(value: Any) -> Any:
    """Return a value of :func:`stored_texts` with its texts; an unknown message leaves its text."""
    if isinstance(value, list):
        return [restored_texts(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() != {"text", "message"}:
        return {key: restored_texts(item) for key, item in value.items()}
    try:
        return MessageText(str(value["text"]), message_from_dict(value["message"]))
    except (AttributeError, LookupError, MessageError, StopIteration, TypeError, ValueError):
        return str(value["text"])


def in_both_languages(english: str, japanese: str) -> MessageText:
    """Return a text of a data file that states it in each language."""
    return MessageText(english, message("cause-text", text=Translated(english, japanese)))


def message(message_id: str, /, **values: Value | int | datetime | Iterable[str] | Iterable[int]) -> Message:
    """Return a message; a whole number is a count, a datetime an instant, and any iterable names.

    Parameters
    ----------
    message_id
        Id in the catalogues.
    **values
        Values of the placeholders. A text must say what it is: :class:`Resource`, :class:`Code`,
        :class:`Quotation` or :class:`Choice`.

    Raises
    ------
    MessageError
        When a value has no type.

    Examples
    --------
    >>> message("list-more", head=Resource("a, b"), count=3).to_dict()["values"]["count"]
    {'count': 3}
    """
    return Message(
        message_id, MappingProxyType({name: _typed(message_id, name, each) for name, each in values.items()})
    )


def sentences(*texts: Text | None) -> Text:
    """Return sentences as one text without empty ones; a single sentence is returned as it is."""
    parts: list[Text] = []
    for text in texts:
        if isinstance(text, Message) and text.id == "sentences":
            parts += text.items_of("sentences")
        elif text:
            parts.append(text)
    if not parts:
        return ""
    return parts[0] if len(parts) == 1 else message("sentences", sentences=Sentences(tuple(parts)))


def values_of(text: Text) -> dict[str, Value]:
    """Return the values of a sentence by name, or those of several sentences; the first of a name counts."""
    if not isinstance(text, Message):
        return {}
    if text.id != "sentences":
        return dict(text.values)
    parts = [values_of(item) for item in text.items_of("sentences")]
    return {name: value for part in reversed(parts) for name, value in part.items()}


def translated(english: str, japanese: str | None) -> Text:
    """Return a text of a data file; without a Japanese text, the English one in all languages."""
    return english if japanese is None else message("cause-text", text=Translated(english, japanese))


def value_of(text: Text) -> Message | Resource:
    """Return a text as the value of a message."""
    said = message_of(text)
    return Resource(said) if isinstance(said, str) else said


def in_each_language(text: Text, change: Callable[[str, str], str]) -> Text:
    """Return a text of a data file after a change to it in each language.

    Parameters
    ----------
    text
        A plain string, or a message from :func:`translated`; other messages are returned as they are.
    change
        Receives the language and the text in it.
    """
    if isinstance(text, str):
        return change("en", text)
    value = text.values.get("text")
    if not isinstance(value, Translated):
        return text
    return translated(change("en", value.en), change("ja", value.ja))


def _typed(message_id: str, name: str, value: Any) -> Value:
    if isinstance(value, Value):
        return value
    if isinstance(value, MessageText):
        return value.message
    if isinstance(value, datetime):
        return Instant(value)
    if hasattr(value, "__index__") and not isinstance(value, bool):  # numpy's integers as well
        return Count(int(value))
    if isinstance(value, Iterable) and not isinstance(value, str):
        return Names(tuple(map(str, value)))
    raise MessageError(
        f"The value {name!r} of the message {message_id!r} has the type {type(value).__name__}: give it a "
        "kind such as Resource, Duration or Quotation."
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _json_number(number: float) -> float | None:
    """Return a number for JSON, null for NaN.

    It has twelve significant digits: the last ones of a sum depend on the version of Python.
    """
    return None if number != number else float(f"{number:.12g}")  # noqa: PLR0124  NaN alone differs from itself


def _text_to_json(text: Text) -> Any:
    said = message_of(text)
    return said if isinstance(said, str) else said.to_dict()


def message_from_dict(data: Mapping[str, Any]) -> Message:
    """Return the message of a dictionary from :meth:`Message.to_dict`.

    Raises
    ------
    MessageError
        When a value has an unknown kind.
    """
    values = {name: _value_from_dict(name, value) for name, value in data["values"].items()}
    return Message(str(data["id"]), MappingProxyType(values))


def _value_from_dict(name: str, data: Mapping[str, Any]) -> Value:
    # Other keys, such as the digits of a number, may come first where keys were sorted.
    first = next(iter(data.items()))
    kind, stored = next((pair for pair in data.items() if pair[0] in _FROM_JSON), first)
    if kind not in _FROM_JSON:
        raise MessageError(f"The value {name!r} of a message has the unknown kind {kind!r}.")
    made: Value = _FROM_JSON[kind](stored, data)
    return made


def counts_message(name: str, **counts: int | None) -> Message:
    """Return the message of counts; where one is unknown, the message ``NAME-partly``, which says so.

    Parameters
    ----------
    name
        Id of the message whose counts are all known.
    counts
        Counts; None where unknown.
    """
    known = {each: Count(count) for each, count in counts.items() if count is not None}
    if len(known) == len(counts):
        return message(name, **known)
    return message(f"{name}-partly", **(dict.fromkeys(counts, message("count-unknown")) | known))


def _text_from_json(stored: Any) -> Text:
    return stored if isinstance(stored, str) else message_from_dict(stored)


def _number(stored: float | None) -> float:
    return float("nan") if stored is None else stored


_FROM_JSON: dict[str, Any] = {
    "instant": lambda stored, _: Instant(datetime.fromisoformat(stored)),
    "time_span": lambda stored, _: TimeSpan(
        datetime.fromisoformat(stored["start"]), stored["end"] and datetime.fromisoformat(stored["end"])
    ),
    "count": lambda stored, _: Count(stored),
    "number": lambda stored, data: Number(_number(stored), data["digits"]),
    "share": lambda stored, _: Share(_number(stored)),
    "probability": lambda stored, _: Probability(_number(stored)),
    "duration_s": lambda stored, _: Duration(_number(stored)),
    "bytes": lambda stored, _: Bytes(stored),
    "resource": lambda stored, _: Resource(stored),
    "code": lambda stored, _: Code(stored),
    "commands": lambda stored, _: Commands(stored),
    "code_place": lambda stored, _: CodePlace(stored["file"], stored["line"]),
    "quotation": lambda stored, _: Quotation(stored),
    "choice": lambda stored, _: Choice(stored),
    "translated": lambda stored, _: Translated(stored["en"], stored["ja"]),
    "names": lambda stored, data: Names(tuple(stored), data["limit"]),
    "phrases": lambda stored, data: Phrases(tuple(map(_text_from_json, stored)), data["limit"]),
    "sentences": lambda stored, _: Sentences(tuple(map(_text_from_json, stored))),
    "message": lambda stored, _: message_from_dict(stored),
}

"""Sentences as data: an id and typed values, rendered in any language by :mod:`watchme_analysis.text.render`.

A value knows its kind, so that all instants, durations or shares of a page have the same format. Text from
evidence is a value as well: it is inserted as it is, and never interpreted as a pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
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


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A time span; without an end it is still open at the end of the data."""

    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """A number of things; the catalogue selects the plural form by it."""

    number: int


@dataclass(frozen=True, slots=True)
class Number:
    """A measured number without a unit, with up to ``digits`` significant figures."""

    value: float
    digits: int = 3


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole between 0 and 1, shown as a percentage."""

    value: float


@dataclass(frozen=True, slots=True)
class Probability:
    """A probability between 0 and 1; nothing is shown as certain or impossible."""

    value: float


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration in seconds; NaN is unknown."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Bytes:
    """A size in bytes."""

    number: float


@dataclass(frozen=True, slots=True)
class Resource:
    """The name of something: a path, queue, function, service, table, file or address."""

    name: str


@dataclass(frozen=True, slots=True)
class Code:
    """Code, such as a command to paste, a directive or an expression of the source."""

    text: str


@dataclass(frozen=True, slots=True)
class Commands:
    """Lines of a shell script to paste, shown as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class CodePlace:
    """A line of a file."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Quotation:
    """Text that a system wrote, such as an error; secrets in it are masked when it is shown or stored."""

    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A key by which a pattern selects a variant; never shown itself."""

    key: str


@dataclass(frozen=True, slots=True)
class Translated:
    """A text that a data file holds in each language, such as the title of a cause."""

    en: str
    ja: str


@dataclass(frozen=True, slots=True)
class Names:
    """Several names; beyond ``limit`` they are counted."""

    items: tuple[str, ...]
    limit: int = _LISTED


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

    def items_of(self, name: str) -> tuple[Text, ...]:
        """Return the texts of a value that is a list of phrases or sentences; empty for other kinds."""
        value = self.values[name]
        return value.items if isinstance(value, Phrases | Sentences) else ()

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"id": ..., "values": {name: {kind: value}}}``, ready for JSON."""
        return {"id": self.id, "values": {name: to_json(value) for name, value in self.values.items()}}


@dataclass(frozen=True, slots=True)
class Phrases:
    """Noun phrases that are listed like names: ``a, b and c``; beyond ``limit`` they are counted."""

    items: tuple[Text, ...]
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Sentences:
    """Whole sentences, one after the other."""

    items: tuple[Text, ...]


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

    A text must say what it is: :class:`Resource`, :class:`Code`, :class:`Quotation` or :class:`Choice`; for
    another type of value, a MessageError is raised.

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
    parts = [part for text in texts for part in parts_of(text)]
    if not parts:
        return ""
    return parts[0] if len(parts) == 1 else message("sentences", sentences=Sentences(tuple(parts)))


def parts_of(text: Text | None) -> tuple[Text, ...]:
    """Return the sentences of a text from :func:`sentences`; any other text is one, an empty one none."""
    if isinstance(text, Message) and text.id == "sentences":
        return text.items_of("sentences")
    return (text,) if text else ()


def values_of(text: Text) -> dict[str, Value]:
    """Return the values of a sentence by name, or those of several sentences; the first of a name counts."""
    found: dict[str, Value] = {}
    for part in reversed(parts_of(text)):
        found |= part.values if isinstance(part, Message) else {}
    return found


def translated(english: str, japanese: str | None) -> Text:
    """Return a text of a data file; without a Japanese text, the English one in all languages."""
    return english if japanese is None else message("cause-text", text=Translated(english, japanese))


def value_of(text: Text) -> Message | Resource:
    """Return a text as the value of a message."""
    said = message_of(text)
    return Resource(said) if isinstance(said, str) else said


def in_each_language(text: Text, change: Callable[[str, str], str]) -> Text:
    """Return a text of a data file, or several sentences of some, after a change in each language.

    The text is a plain string, or a message from :func:`translated`; other messages are returned as they are.
    """
    if len(parts := parts_of(text)) > 1:
        return sentences(*(in_each_language(part, change) for part in parts))
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
    """Return the message of :meth:`Message.to_dict`; a MessageError is raised for a value of unknown kind."""
    values = {name: _from_json(name, value) for name, value in data["values"].items()}
    return Message(str(data["id"]), MappingProxyType(values))


def counts_message(name: str, **counts: int | None) -> Message:
    """Return the message of counts; where one is None, the message ``NAME-partly``, which says so."""
    known = {each: Count(count) for each, count in counts.items() if count is not None}
    if len(known) == len(counts):
        return message(name, **known)
    return message(f"{name}-partly", **(dict.fromkeys(counts, message("count-unknown")) | known))


def _text_from_json(stored: Any) -> Text:
    return stored if isinstance(stored, str) else message_from_dict(stored)


def to_json(value: Value) -> dict[str, Any]:
    """Return a value under the name of its kind, with its digits or its limit beside it."""
    if isinstance(value, Message):
        return {"message": value.to_dict()}
    name, stored, _ = _KINDS[type(value)]
    more = {key: getattr(value, key) for key in _MORE if hasattr(value, key)}
    return {name: stored(value), **more}


def _from_json(name: str, data: Mapping[str, Any]) -> Value:
    """Return the value of :func:`to_json`; ``name`` is that of its placeholder, for an error."""
    more = {key: data[key] for key in _MORE if key in data}
    kind = next((key for key in data if key not in _MORE), "")
    if kind not in _FROM_JSON:
        raise MessageError(f"The value {name!r} of a message has the unknown kind {kind!r}.")
    # Null is a number that is not known.
    stored = float("nan") if data[kind] is None else data[kind]
    made: Value = _FROM_JSON[kind](stored, **more)
    return made


def _span_to_json(span: TimeSpan) -> dict[str, Any]:
    return {"start": _iso(span.start), "end": span.end and _iso(span.end)}


def _span_from_json(stored: Mapping[str, Any]) -> TimeSpan:
    end = stored["end"]
    return TimeSpan(datetime.fromisoformat(stored["start"]), end and datetime.fromisoformat(end))


def _texts_to_json(value: Phrases | Sentences) -> list[Any]:
    return list(map(_text_to_json, value.items))


# Keys beside the one that names the kind.
_MORE = ("digits", "limit")
# Name of each kind in JSON, and the functions to JSON and back.
_KINDS: dict[Any, tuple[str, Callable[[Any], Any], Callable[..., Any]]] = {
    Instant: ("instant", lambda one: _iso(one.time), lambda stored: Instant(datetime.fromisoformat(stored))),
    TimeSpan: ("time_span", _span_to_json, _span_from_json),
    Count: ("count", lambda one: one.number, Count),
    Number: ("number", lambda one: _json_number(one.value), Number),
    Share: ("share", lambda one: _json_number(one.value), Share),
    Probability: ("probability", lambda one: _json_number(one.value), Probability),
    Duration: ("duration_s", lambda one: _json_number(one.seconds), Duration),
    Bytes: ("bytes", lambda one: one.number, Bytes),
    Resource: ("resource", lambda one: one.name, Resource),
    Code: ("code", lambda one: one.text, Code),
    Commands: ("commands", lambda one: one.text, Commands),
    CodePlace: ("code_place", asdict, lambda stored: CodePlace(**stored)),
    Quotation: ("quotation", lambda one: redacted(one.text), Quotation),
    Choice: ("choice", lambda one: one.key, Choice),
    Translated: ("translated", asdict, lambda stored: Translated(**stored)),
    Names: ("names", lambda one: list(one.items), lambda stored, **more: Names(tuple(stored), **more)),
    Phrases: (
        "phrases",
        _texts_to_json,
        lambda stored, **more: Phrases(tuple(map(_text_from_json, stored)), **more),
    ),
    Sentences: (
        "sentences",
        _texts_to_json,
        lambda stored: Sentences(tuple(map(_text_from_json, stored))),
    ),
}
_FROM_JSON = {name: made for name, _, made in _KINDS.values()} | {"message": message_from_dict}

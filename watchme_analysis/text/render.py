"""Rendering of messages: the sentence for a language and a time zone."""

from __future__ import annotations

import errno
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Any, NamedTuple

from watchme_analysis.errors import InputError, WatchmeError, reason_of
from watchme_analysis.redact import redacted, redacted_values, shortened
from watchme_analysis.text.catalogue import LANGUAGES, Argument, Catalogue, catalogue
from watchme_analysis.text.formats import (
    duration_parts,
    format_bytes,
    format_duration,
    format_number,
    format_percent,
    format_time,
)
from watchme_analysis.text.message import (
    Bytes,
    Choice,
    Code,
    CodePlace,
    Commands,
    Count,
    Duration,
    Instant,
    Message,
    MessageText,
    Names,
    Number,
    Phrases,
    Probability,
    Quotation,
    Resource,
    Sentences,
    Share,
    Text,
    TimeSpan,
    Translated,
    Value,
    message,
    message_of,
    restored_texts,
    stored_texts,
)
from watchme_analysis.text.printable import printable

# Mark a Japanese duration, quotation or phrase while a sentence is built: patterns have spaces around a
# value, and none belongs between two Japanese words.
_BEGIN, _END = "\ue003", "\ue002"
_JAPANESE = "[ぁ-んァ-ヶー一-龥「」]"
_BETWEEN = rf"(?<={_JAPANESE})(?:{_END}+ {_BEGIN}*| {_BEGIN}+)(?={_JAPANESE})|[{_BEGIN}{_END}]"
_PLACEHOLDER = re.compile(r"(?<![%${])\{([a-z_]+)\}")
# Characters of a quotation that are shown.
_QUOTED = 300


def render(text: Text, language: str = "en", zone: tzinfo = UTC) -> str:
    """Return a sentence in a language, with times in the time zone of the reader.

    The text is a message, or a string that carries one; a plain string is returned as it is. A MessageError
    is raised when the catalogue has no such message, or a value is missing.
    """
    if isinstance(text, MessageText) and (language != "en" or zone is not UTC):
        said_id = text.message.id
        text = text.message if said_id == "sentences" or said_id in catalogue(language).ids else text
    if isinstance(text, str):
        return str(text)
    said = _Renderer(catalogue(language), zone).message(text)
    return re.sub(_BETWEEN, "", said) if language == "ja" else said


def placeholders(pattern: str) -> set[str]:
    """Return the names in a text of a data file that :func:`filled` replaces."""
    return set(_PLACEHOLDER.findall(pattern))


def filled(pattern: str, values: Mapping[str, str], language: str) -> str:
    """Return a text of a data file with values for its placeholders ``{name}``; others stay.

    ``%{time_total}``, ``${NAME}`` and ``{{end}}`` in a command are no placeholders. Japanese has no space
    between words: one beside a placeholder goes where a Japanese value takes it.
    """

    def value(match: re.Match[str]) -> str:
        found = values.get(match[1])
        if found is None:
            return match[0]
        return f"{_BEGIN}{found}{_END}" if language == "ja" else found

    said = _PLACEHOLDER.sub(value, pattern)
    return re.sub(_BETWEEN, "", said) if language == "ja" else said


def note(message_id: str, /, **values: Any) -> MessageText:
    """Return a sentence about evidence: its English text, with the message that other languages render."""
    return _english(message(message_id, **values))


def in_language(value: Any, language: str, zone: tzinfo = UTC) -> Any:
    """Return a value for JSON in which each text that carries a message is rendered in a language."""
    if isinstance(value, MessageText):
        return render(value, language, zone)
    if isinstance(value, Mapping):
        return {
            in_language(key, language, zone): in_language(item, language, zone) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [in_language(item, language, zone) for item in value]
    return value


def masked_text(text: str) -> str:
    """Return a text with secrets masked, also in the values of the message that it carries."""
    masked: str = restored_texts(redacted_values(stored_texts(text)))
    return masked


class ErrorMessage(Message):
    """The sentence of an error; ``str()`` of it, and so of the error, is the English text."""

    def __str__(self) -> str:
        """Return the English text."""
        return render(self)


def error_message(message_id: str, /, **values: object) -> ErrorMessage:
    """Return the sentence of an error; ``raise InputError(error_message("…"))``.

    What is no value of a message is shown as one line of text; an exception as the sentence that it carries,
    or the reason of the operating system.
    """
    return ErrorMessage(
        message_id, MappingProxyType({name: _of_error(value) for name, value in values.items()})
    )


def _of_error(value: object) -> Value:
    if isinstance(value, BaseException):
        value = message_of_error(value)
    if isinstance(value, MessageText):
        return value.message
    if isinstance(value, Value):
        return value
    return Resource(" ".join(line.strip() for line in str(value).splitlines()))


# Reasons of the operating system that people meet, by their number.
_REASONS = {
    errno.ENOENT: "missing",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.EISDIR: "folder",
    errno.ENOTDIR: "no-folder",
    errno.EEXIST: "exists",
    errno.ENOSPC: "full",
    errno.EROFS: "read-only",
    errno.ENAMETOOLONG: "long-name",
    errno.ELOOP: "loop",
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "unreachable",
    errno.EADDRINUSE: "port-in-use",
}


def message_of_error(error: BaseException) -> Text:
    """Return the message that an error carries, else its reason in one line."""
    said = error.args[0] if len(error.args) == 1 else None
    if isinstance(said, Message | MessageText):
        return message_of(said)
    if isinstance(error, WatchmeError):  # a whole sentence, with its full stop
        return " ".join(str(error).split())
    return _reason(error) or reason_of(error)


def _reason(error: BaseException) -> Message | None:
    """Return the message on a reason of Python or the operating system that people meet; None for others."""
    if isinstance(error, RecursionError):
        return message("reason-nested")
    if isinstance(error, UnicodeDecodeError):
        return message("reason-encoding", encoding=Resource(error.encoding.upper()), at=error.start)
    if isinstance(error, json.JSONDecodeError):
        place = {"line": Resource(str(error.lineno)), "column": Resource(str(error.colno))}
        return message("reason-json", problem=Resource(error.msg), **place)
    if isinstance(error, OSError) and error.errno in _REASONS:
        return message(f"reason-{_REASONS[error.errno]}")
    return None


def as_message(error: BaseException) -> Message:
    """Return the message that an error carries, else one of its text."""
    said = message_of_error(error)
    return error_message("error-as-is", text=said) if isinstance(said, str) else said


def error_sentence(message_id: str, /, **values: object) -> MessageText:
    """Return the sentence of an error whose type takes only text, such as click's."""
    return _english(error_message(message_id, **values))


def text_of_error(error: BaseException) -> str:
    """Return the sentence of an error, with its message if it has one, to be stored or told later."""
    if len(error.args) == 1 and isinstance(error.args[0], MessageText):
        return error.args[0]
    said = message_of_error(error)
    return _english(said) if isinstance(said, Message) else str(error)


def in_words(error: WatchmeError, language: str) -> WatchmeError:
    """Return an error whose text is in a language, for notebooks: they show an error as its text."""
    return error if language == "en" else type(error)(render(text_of_error(error), language))


def _english(said: Message) -> MessageText:
    return MessageText(render(said), said)


def label(message_id: str, language: str, /, **values: Any) -> str:
    """Return a short message, such as a heading or the name of a column; a plain text is shown as it is."""
    typed = {name: Resource(value) if isinstance(value, str) else value for name, value in values.items()}
    return render(message(message_id, **typed), language)


def duration_label(value: timedelta | float, language: str) -> str:
    """Return a time span, or seconds, as the cell of a table; an en dash for NaN, which is missing."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if language == "en" or math.isnan(seconds):
        return format_duration(seconds)
    return label("value", language, value=Duration(seconds))


def value_label(kind: str, value: str, language: str) -> str:
    """Return the words for a value in a table; a value without words as it is.

    Their ids begin with the kind, such as ``vantage``.
    """
    said = value_message(kind, value)
    return render(said, language) if isinstance(said, Message) else value


def value_message(kind: str, value: str) -> Message | Resource:
    """Return the words of :func:`value_label` as the value of a message."""
    message_id = f"{kind}-{value.replace('_', '-').replace(' ', '-')}"
    return message(message_id) if message_id in catalogue("en").ids else Resource(value)


def parse_language(name: str) -> str:
    """Return the name of a language that has a catalogue; an InputError names the known ones."""
    if name not in LANGUAGES:
        raise InputError(error_message("error-language-unknown", name=repr(name), known=", ".join(LANGUAGES)))
    return name


class _Renderer(NamedTuple):
    """A catalogue with the time zone of the reader."""

    words: Catalogue
    zone: tzinfo

    def message(self, text: Text) -> str:
        if isinstance(text, str):
            return render(text, self.words.language, self.zone)
        values = {name: self.value(value) for name, value in text.values.items()}
        if text.id == "sentences":
            return str(values["sentences"])
        return self.words.format(text.id, values).rstrip(" ")  # after an empty value at its end

    def value(self, value: Value) -> Argument:  # noqa: PLR0911, PLR0912  one return per kind is a table
        """Return a value as a catalogue takes it: a number or key that selects variants, or finished text."""
        words = self.words
        match value:
            case Count(number):
                return int(number)
            case Choice():
                return value
            case Instant(time):
                (shown,) = self._times(time)
                return words.format("instant", {"time": shown, "zone": str(self.zone)})
            case TimeSpan(start, datetime() as end):
                first, last = self._times(start, end)
                last = last[11:] if last[:10] == first[:10] else last
                return words.format("time-span", {"start": first, "end": last, "zone": str(self.zone)})
            case TimeSpan(start):
                (first,) = self._times(start)
                return words.format("time-span-open", {"start": first, "zone": str(self.zone)})
            case Number(amount, digits):
                return (
                    words.format("number-unknown", {})
                    if math.isnan(amount)
                    else format_number(amount, digits)
                )
            case Share(share) | Probability(share):
                is_share = isinstance(value, Share)
                # No probability is certain, also when it was rounded.
                shown = format_percent(share if is_share else min(max(share, 0.001), 0.999))
                if shown[0] not in "<>":
                    return shown
                bound = "under" if shown[0] == "<" else "over"
                return self._marked(
                    words.format(
                        f"share-{bound}" if is_share else f"probability-{bound}", {"share": shown[1:]}
                    )
                )
            case Duration(seconds):
                return self._duration(seconds)
            case Bytes(number):
                return format_bytes(number)
            case Resource(name):
                return _one_line(name)
            case Code(text):
                return f"`{text}`"
            case Commands(text):
                return text
            case CodePlace(file, line):
                return f"{_one_line(file)}:{line}"
            case Quotation(text):
                quoted = shortened(redacted(" ".join(text.split())), _QUOTED, "…")
                return self._marked(words.format("quotation", {"text": quoted}))
            case Translated(en, ja):
                return {"en": en, "ja": ja}[words.language]
            case Names(items, limit):
                return self._list([_one_line(item) for item in items], limit)
            case Phrases(items, limit):
                return self._marked(self._list([self.message(item) for item in items], limit))
            case Sentences(items):
                between = "" if words.language == "ja" else " "
                return between.join(self.message(item) for item in items)
            case Message():
                return self._marked(self.message(value))
            case _:
                raise TypeError(f"A value of type {type(value).__name__} has no format.")

    def _marked(self, said: str) -> str:
        return f"{_BEGIN}{said}{_END}" if self.words.language == "ja" else said

    def _times(self, *moments: datetime) -> list[str]:
        """Return times, without seconds where all are whole minutes, as intervals of metrics are."""
        seconds = any(moment.second or moment.microsecond for moment in moments)
        return [format_time(moment, self.zone, seconds=seconds) for moment in moments]

    def _duration(self, seconds: float) -> str:
        if math.isnan(seconds):
            return self.words.format("duration-unknown", {})
        parts = duration_parts(abs(seconds))
        text = " ".join(self.words.format(f"unit-{unit}", {"value": value}) for value, unit in parts)
        text = f"−{text}" if seconds < 0 else text
        return text + _END if self.words.language == "ja" else text

    def _list(self, items: Sequence[str], limit: int) -> str:
        """Return a list in words: ``a, b and c``, or ``a, b, c, d and 3 more``."""
        if not items:
            return self.words.format("list-empty", {})
        shown, rest = items[:limit], len(items) - limit
        last = shown[-1] if rest <= 0 and len(shown) > 1 else None
        head = shown[0]
        for item in shown[1:-1] if last is not None else shown[1:]:
            head = self.words.format("list-next", {"head": head, "next": item})
        if last is not None:
            return self.words.format("list-last", {"head": head, "last": last})
        if rest > 0:
            return self._marked(self.words.format("list-more", {"head": head, "count": rest}))
        return head


def _one_line(name: str) -> str:
    """Return a name from evidence in one line, with what a terminal would act on as escapes."""
    return printable(name).replace("\n", "\\n").replace("\t", "\\t")

"""Messages as tests read them: by id and plain values, never by wording."""

import pytest

from watchme_analysis.errors import InputError
from watchme_analysis.text.message import (
    Message,
    MessageText,
    Names,
    Number,
    Phrases,
    Sentences,
    TimeSpan,
    to_json,
)


def messages_in(text):
    """Return the values of each message in a text by its id; those within phrases and values as well."""
    found = {}
    if isinstance(text, MessageText):
        text = text.message
    if not isinstance(text, Message):
        return found
    found[text.id] = {name: plain(value) for name, value in text.values.items()}
    for value in text.values.values():
        for inner in value.items if isinstance(value, Phrases | Sentences) else [value]:
            found |= messages_in(inner)
    return found


def refusal(call, *arguments, error=InputError, **options):
    """Return the messages of the error that a call raises, by id."""
    with pytest.raises(error) as raised:
        call(*arguments, **options)
    return messages_in(raised.value.args[0])


def plain(value):
    """Return a value without its kind: a number, a text, a list of texts, or the id of a message."""
    if isinstance(value, Message):
        return value.id
    if isinstance(value, Phrases | Sentences):
        return [plain(item) if isinstance(item, Message) else item for item in value.items]
    if isinstance(value, Names):
        return list(value.items)
    if isinstance(value, Number):
        return value.value
    if isinstance(value, TimeSpan):
        return value.start, value.end
    kinds = list(to_json(value).values())
    return getattr(value, "time", kinds[0])

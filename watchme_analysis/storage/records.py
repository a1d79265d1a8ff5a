"""Dataclasses as JSON and back, by the names and types of their fields: plans, and the state of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

from watchme_analysis.text.message import Message, message_from_dict, restored_texts, stored_texts


class Record:
    """A dataclass whose JSON has parts of its own, or is checked when it is read."""

    # Fields that are written only where they are used: people read plans.
    RARE: ClassVar[tuple[str, ...]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the record, ready for JSON."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]
        return {name: to_json(value) for name, value in values.items() if value or name not in self.RARE}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the record of :meth:`to_dict`; what it lacks is as by default.

        Raises
        ------
        KeyError, TypeError, ValueError, AttributeError, MessageError
            When the data is something else.
        """
        return cls(**_values(cls, data))


def _values(kind: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    kinds, names = get_type_hints(kind), [each.name for each in fields(kind)]
    return {name: from_json(kinds[name], data[name]) for name in names if name in data}


def to_json(value: Any) -> Any:
    """Return a value ready for JSON; times are ISO 8601, and texts keep their message."""
    if isinstance(value, Record | Message):
        return value.to_dict()
    if is_dataclass(value):
        return {each.name: to_json(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: to_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(each) for each in value]
    return stored_texts(value)


def from_json(kind: Any, value: Any) -> Any:  # noqa: PLR0911  one return per kind is a table
    """Return the value of a type from :func:`to_json`; of no stated type, it stays as it is.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError, MessageError
        When the data is something else.
    """
    inner, outer = get_args(kind), get_origin(kind)
    if outer is Literal:
        if value not in inner:
            raise ValueError(f"{value!r} is none of {inner}")
        return value
    if type(None) in inner:
        return None if value is None else from_json(inner[0], value)
    if Ellipsis in inner:
        return tuple(from_json(inner[0], each) for each in value)
    if outer is tuple:
        return tuple(map(from_json, inner, value))
    if inner:
        return {name: from_json(inner[1], each) for name, each in value.items()}
    if kind is Message:
        return message_from_dict(value)
    if kind is datetime:
        return _time(value)
    if isinstance(kind, type) and is_dataclass(kind):
        return kind.from_dict(value) if issubclass(kind, Record) else kind(**_values(kind, value))
    if kind is str:
        text = restored_texts(value)
        return text if isinstance(text, str) else str(text)
    return kind(value) if kind in (bool, int, float) else value


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("its time has no zone")
    return time

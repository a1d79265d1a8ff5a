"""Records of the state as JSON and back, by the types of the fields of their dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from watchme_analysis.text.message import restored_texts, stored_texts


def to_json(record: Any) -> Any:
    """Return a record ready for JSON; times are ISO 8601, and texts keep their message."""
    if is_dataclass(record):
        return {each.name: to_json(getattr(record, each.name)) for each in fields(record)}
    if isinstance(record, datetime):
        return record.isoformat()
    if isinstance(record, Mapping):
        return {name: to_json(value) for name, value in record.items()}
    if isinstance(record, list | tuple):
        return [to_json(value) for value in record]
    return stored_texts(record)


def from_json(kind: Any, value: Any) -> Any:
    """Return the record of a type from a value of :func:`to_json`."""
    origin, arguments = get_origin(kind), get_args(kind)
    found: Any
    if value is None:
        found = None
    elif kind is datetime:
        found = datetime.fromisoformat(value)
    elif is_dataclass(kind):
        types = get_type_hints(kind)
        found = kind(**{name: from_json(types[name], each) for name, each in value.items()})  # type: ignore[operator]
    elif origin is UnionType:  # with None
        found = from_json(arguments[0], value)
    elif origin is tuple and arguments[1:] == (...,):
        found = tuple(from_json(arguments[0], each) for each in value)
    elif origin is tuple:
        found = tuple(map(from_json, arguments, value))
    elif origin is Mapping:
        found = {name: from_json(arguments[1], each) for name, each in value.items()}
    else:
        found = restored_texts(value)
    return found

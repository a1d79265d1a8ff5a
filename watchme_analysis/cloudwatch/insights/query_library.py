"""The library of Logs Insights queries: data files with typed parameters and expected columns."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from watchme_analysis.errors import InputError

_PLACE = re.compile(r"\{([a-z_]+)\}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a query.

    Attributes
    ----------
    name, description
        For the reader.
    type
        ``integer`` (positive), ``uuid`` or ``text`` (no quotes, backslashes or line breaks).
    default
        Value unless given; None: it must be given.
    """

    name: str
    type: str
    description: str
    default: str | None = None

    def checked(self, value: str) -> str:
        """Return the value as it stands in the query.

        Raises
        ------
        InputError
            When it is not of the type.
        """
        value = value.strip()
        fits = {
            "integer": re.fullmatch(r"[1-9]\d{0,8}", value),
            "uuid": _UUID.fullmatch(value),
            "text": re.fullmatch(r"[^\"'`\\\r\n]+", value),
        }
        if not fits[self.type]:
            raise InputError(f"The parameter {self.name} is a {self.type}, not {value!r}.")
        return value.lower() if self.type == "uuid" else value


@dataclass(frozen=True)
class LibraryQuery:
    """A query of the library.

    Attributes
    ----------
    name, description
        For the reader.
    log_groups
        Pattern of the log groups that it is meant for.
    columns
        Columns of its rows.
    text
        The query, parameters in braces.
    parameters
        Its parameters.
    """

    name: str
    description: str
    log_groups: str
    columns: tuple[str, ...]
    text: str
    parameters: tuple[Parameter, ...] = ()

    def filled(self, values: Mapping[str, str] | None = None) -> str:
        """Return the query's text with its parameters.

        Raises
        ------
        InputError
            When a parameter is missing, unknown, or not of its type.
        """
        given = dict(values or {})
        known = {parameter.name: parameter for parameter in self.parameters}
        unknown = sorted(set(given) - set(known))
        if unknown:
            takes = ", ".join(known) or "none"
            raise InputError(
                f"The query {self.name} has no parameter {', '.join(unknown)}; it takes {takes}."
            )
        ready = {}
        for name, parameter in known.items():
            value = given.get(name, parameter.default)
            if value is None:
                raise InputError(
                    f"The query {self.name} needs {name} ({parameter.description}): add -p {name}=VALUE."
                )
            ready[name] = parameter.checked(value)
        return _PLACE.sub(lambda found: ready.get(found[1], found[0]), self.text).strip()

    def groups_among(self, log_groups: Sequence[str]) -> list[str]:
        """Return the log groups that the query is meant for."""
        return [group for group in log_groups if fnmatch.fnmatchcase(group, self.log_groups)]


@cache
def library() -> dict[str, LibraryQuery]:
    """Return all queries by name."""
    import yaml

    folder = files("watchme_analysis.cloudwatch.insights") / "queries"
    found = {}
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        name, _, ending = file.name.rpartition(".")
        if ending == "yaml":
            found[name] = _query(name, yaml.safe_load(file.read_text(encoding="utf-8")))
    return found


def library_query(name: str) -> LibraryQuery:
    """Return a query by name.

    Raises
    ------
    InputError
        When the library has none of that name.
    """
    try:
        return library()[name]
    except KeyError as error:
        raise InputError(f"The library has no query {name!r}; it has {', '.join(library())}.") from error


def _query(name: str, data: dict[str, Any]) -> LibraryQuery:
    parameters = tuple(
        Parameter(key, value["type"], value["description"], _text(value.get("default")))
        for key, value in data.get("parameters", {}).items()
    )
    return LibraryQuery(
        name, data["description"], data["log_groups"], tuple(data["columns"]), data["query"], parameters
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)

"""Library of Logs Insights queries: YAML files in ``queries/`` with typed parameters and expected columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from watchme_analysis.aws_shapes.names import LAMBDA_LOG_GROUP
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Message, MessageText, translated
from watchme_analysis.text.render import error_message

# Log groups of a query that names none: those of all functions.
USUAL_GROUPS = f"{LAMBDA_LOG_GROUP}*"
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class Parameter:
    """Parameter of a query.

    Its type is ``integer`` (positive), ``uuid``, ``text`` (no quotes, backslashes or line breaks), ``name``
    (letters, digits, dots, hyphens and underscores) or ``words`` (a list with commas; the query gets them as
    further branches of a regular expression).
    """

    name: str
    type: str
    description: str
    default: str | None = None  # None when the parameter is required
    default_from: str | None = None  # key of ``watchme.toml`` that states the default

    @property
    def configured(self) -> str | None:
        """Return the default value, which ``watchme.toml`` may state; None when the parameter is required."""
        if self.default_from is None:
            return self.default
        table, key = self.default_from.split(".")
        stated: tuple[str, ...] = getattr(getattr(load_config(), table), key)
        if self.type == "words":
            return ",".join(stated)
        return stated[0] if stated else self.default

    def checked(self, value: str) -> str:
        """Return a value in the form that the query contains; InputError if it does not have the type."""
        value = value.strip()
        matches = {
            "integer": re.fullmatch(r"[1-9]\d{0,8}", value),
            "uuid": _UUID.fullmatch(value),
            "text": re.fullmatch(r"[^\"'`\\\r\n]+", value),
            "name": re.fullmatch(r"[\w.-]+", value),
            "words": re.fullmatch(r"[^\"'`\\\r\n/]*", value),
        }
        if not matches[self.type]:
            raise InputError(
                error_message("error-query-parameter-type", name=self.name, type=self.type, value=repr(value))
            )
        if self.type == "words":
            return "".join(f"|{re.escape(word.strip())}" for word in value.split(",") if word.strip())
        return value.lower() if self.type == "uuid" else value


@dataclass(frozen=True)
class LibraryQuery:
    """Query of the library; its text has parameters in braces."""

    name: str
    description: str
    log_groups: str  # pattern of the log groups that it is meant for, such as ``/aws/lambda/*``
    columns: tuple[str, ...]  # of its rows
    text: str
    parameters: tuple[Parameter, ...] = ()

    def filled(self, values: Mapping[str, str] | None = None) -> str:
        """Return the text of the query with the values of its parameters.

        InputError if a parameter is missing or unknown, or a value does not have its type.
        """
        given = dict(values or {})
        known = {parameter.name: parameter for parameter in self.parameters}
        unknown = sorted(set(given) - set(known))
        if unknown:
            takes = ", ".join(known) or "none"
            raise InputError(
                error_message(
                    "error-query-no-parameter", query=self.name, names=", ".join(unknown), known=takes
                )
            )
        checked = {}
        for name, parameter in known.items():
            value = given.get(name, parameter.configured)
            if value is None:
                raise InputError(
                    error_message(
                        "error-query-needs-parameter",
                        query=self.name,
                        name=name,
                        description=parameter.description,
                    )
                )
            checked[name] = parameter.checked(value)
        return _PLACEHOLDER.sub(lambda match: checked.get(match[1], match[0]), self.text).strip()


@cache
def library() -> dict[str, LibraryQuery]:
    """Return all queries of the library by name."""
    import yaml

    folder = files("watchme_analysis.cloudwatch.insights") / "queries"
    found = {}
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        name, _, ending = file.name.rpartition(".")
        if ending == "yaml":
            found[name] = _query(name, yaml.safe_load(file.read_text(encoding="utf-8")))
    return found


def library_query(name: str) -> LibraryQuery:
    """Return a query of the library by name; InputError if there is none."""
    try:
        return library()[name]
    except KeyError as error:
        raise InputError(
            error_message("error-query-unknown", name=repr(name), known=", ".join(library()))
        ) from error


def _query(name: str, data: dict[str, Any]) -> LibraryQuery:
    parameters = tuple(
        Parameter(
            key, value["type"], _description(value), _text(value.get("default")), value.get("default_from")
        )
        for key, value in data.get("parameters", {}).items()
    )
    return LibraryQuery(
        name,
        _description(data),
        data.get("log_groups", USUAL_GROUPS),
        tuple(data["columns"]),
        data["query"],
        parameters,
    )


def _description(data: Mapping[str, Any]) -> str:
    """Return a description, as a text that other languages show as their own."""
    english, japanese = data["description"], data.get("description_ja")
    said = translated(english, japanese)
    return MessageText(english, said) if isinstance(said, Message) else english


def _text(value: Any) -> str | None:
    return None if value is None else str(value)

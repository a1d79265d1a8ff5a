"""Filters of requests by duration, status and other values, parsed from the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.grouped_sums import Names
from watchme_analysis.access_logs.routes import routes_of
from watchme_analysis.errors import InputError
from watchme_analysis.files.arrow_arrays import bool_array, scalar_of, whole
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]
    Accepts = Callable[[str], bool]

# Values by which requests can be filtered, and their columns.
CHOSEN_BY = {
    "path": "path",
    "full-path": "path",
    "status": "status",
    "upstream": "upstream_addr",
    "method": "method",
    "host": "host",
    "client": "client_addr",
    "agent": "user_agent",
    "referer": "referer",
}
# Missing values are displayed and selected as a dash.
_NONE = "-"
_CLASS = re.compile(r"[1-5]xx", re.IGNORECASE)


@dataclass(frozen=True)
class RequestFilter:
    """Conditions on requests.

    ``slower_than_s``: smallest duration in seconds; None for all requests, also those without a time;
    ``only``: pairs of a word of :data:`CHOSEN_BY` and a text: a request must match one of the texts for each
    word. ``*`` matches any text (in paths it matches itself, the placeholder of an ID); ``5xx`` matches every
    status from 500 to 599; ``-`` matches missing values.
    """

    slower_than_s: float | None = None
    only: tuple[tuple[str, str], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of requests that the filter needs."""
        timed = () if self.slower_than_s is None else ("request_time_s",)
        return tuple(dict.fromkeys((*timed, *(CHOSEN_BY[name] for name, _ in self.only))))

    def named(self, table: pa.Table) -> pa.Table:
        """Return the requests of a table that match ``only``, whatever their duration."""
        for name in dict.fromkeys(name for name, _ in self.only):
            accepted = [_acceptance(name, text) for of, text in self.only if of == name]
            table = table.filter(bool_array(_fits(name, table[CHOSEN_BY[name]], accepted)))
        return table

    def slow(self, table: pa.Table) -> pa.Table:
        """Return the requests of a table that took long enough."""
        import pyarrow.compute as pc

        if self.slower_than_s is None:
            return table
        least = scalar_of(self.slower_than_s, "float")
        return table.filter(pc.greater_equal(table["request_time_s"], least))

    def of(self, table: pa.Table) -> pa.Table:
        """Return the matching requests of a table with the columns of :attr:`columns`."""
        return self.slow(self.named(table))


def _fits(name: str, column: pa.ChunkedArray, accepted: Iterable[Accepts]) -> Array:
    """Return a mask of requests whose group name is accepted."""
    import numpy as np
    import pyarrow as pa

    values = whole(column)
    texts = values if values.type == pa.large_string() else values.cast(pa.large_string())
    names = Names()
    numbers = names.numbers(texts, routes_of if name == "path" else list, _NONE)
    known = np.array([any(one(text or _NONE) for one in accepted) for text in names.texts()], bool)
    return known[numbers]


def _acceptance(name: str, text: str) -> Accepts:
    """Return a function that decides if a group's name matches a text."""
    if name in ("path", "full-path"):
        return lambda value: value == text
    if name == "status" and _CLASS.fullmatch(text):
        return lambda value: len(value) == len(text) and value.startswith(text[0])
    pattern = re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)
    return lambda value: pattern.fullmatch(value) is not None


def parse_only(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs of texts such as ``status=5xx,499``, with commas between alternatives.

    Raises InputError if a text names no known value, or an invalid status.
    """
    found = []
    for text in texts:
        name, _, values = text.partition("=")
        name = name.strip()
        if name not in CHOSEN_BY or not values:
            raise InputError(
                error_message("error-filter-without-effect", filter=repr(text), known=", ".join(CHOSEN_BY))
            )
        # Values written by clients may hold commas.
        several = [values] if CHOSEN_BY[name] in ("path", "user_agent", "referer") else values.split(",")
        for value in map(str.strip, several):
            if name == "status" and not re.fullmatch(r"[\d*]+|-", value) and not _CLASS.fullmatch(value):
                raise InputError(error_message("error-filter-status", filter=repr(text), value=repr(value)))
            found.append((name, value))
    return tuple(found)

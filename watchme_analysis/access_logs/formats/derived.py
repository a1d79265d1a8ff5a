"""Plans of lines with variables that are derived from others according to a program's documentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.access_logs.formats.log_format import LogFormat

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# Returns the texts of a variable, with null for missing values.
Texts = Callable[[str], "pa.Array"]


class Derivation(NamedTuple):
    """The derivation of variables from those of a line, for whole columns.

    Attributes
    ----------
    used_up
        Variables of the line that are not needed any further.
    nothing
        Text of a missing value, such as a dash.
    made
        Names of the derived variables.
    make
        Returns the derived variables, and a mask of unambiguous lines.
    """

    used_up: frozenset[str]
    nothing: bytes
    made: tuple[str, ...]
    make: Callable[[Texts], tuple[dict[str, pa.Array], np.ndarray[Any, Any]]]


@dataclass(frozen=True, eq=False)
class DerivedFormat(LogFormat):
    """A plan for column-wise parsing of lines that the reference parser parses with a special function."""

    derivation: Derivation = field(kw_only=True)

    @cached_property
    def known_names(self) -> tuple[str, ...]:
        """Names of the variables that fill columns: remaining variables of the line, and those derived."""
        kept = (name for name in self.names if name not in self.derivation.used_up)
        return (*kept, *self.derivation.made)


def known_names(log_format: LogFormat) -> tuple[str, ...]:
    """Return the names of the variables that fill the columns of a plan's lines."""
    return log_format.known_names if isinstance(log_format, DerivedFormat) else log_format.names

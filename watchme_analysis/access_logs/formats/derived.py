"""Plans of lines whose variables have to be worked out: from others, as a program's documentation says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.access_logs.formats.log_format import LogFormat

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# Gives the texts of a variable, null for nothing.
Texts = Callable[[str], "pa.Array"]


class Derivation(NamedTuple):
    """How variables follow from those of a line, for whole columns.

    Attributes
    ----------
    used_up
        Variables of the line that say nothing further.
    nothing
        What stands for no value, as a dash does.
    made
        Names of those that follow.
    make
        Returns them, and which lines are beyond doubt.
    """

    used_up: frozenset[str]
    nothing: bytes
    made: tuple[str, ...]
    make: Callable[[Texts], tuple[dict[str, pa.Array], np.ndarray[Any, Any]]]


@dataclass(frozen=True, eq=False)
class DerivedFormat(LogFormat):
    """A plan, read in columns alone, of lines that the reference parser reads by a function of their own."""

    derivation: Derivation = field(kw_only=True)

    @cached_property
    def known_names(self) -> tuple[str, ...]:
        """Names of the variables that fill columns: of the line, unless used up, and what follows."""
        kept = (name for name in self.names if name not in self.derivation.used_up)
        return (*kept, *self.derivation.made)


def known_names(log_format: LogFormat) -> tuple[str, ...]:
    """Return the names of the variables that fill the columns of a plan's lines."""
    return log_format.known_names if isinstance(log_format, DerivedFormat) else log_format.names

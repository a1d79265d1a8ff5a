"""What a check saw, before it is weighed for any cause."""

from __future__ import annotations

from dataclasses import dataclass, field

# From so many requests, probes or lines of a kind on, they count whole: six are hardly chance.
ENOUGH = 6


def by_count(count: float, enough: float = ENOUGH) -> float:
    """Return how much so many rows say, 0 to 1."""
    return min(1.0, count / enough)


@dataclass(frozen=True)
class Seen:
    """One observation, before it is weighed.

    Attributes
    ----------
    outcome
        Key into the table of :mod:`watchme_analysis.health.hypotheses.weights`.
    statement
        A sentence with its numbers.
    table, rows, sql
        Where it was read, how many rows stand behind it, and the query that returns them.
    effect, effect_unit
        Size of the effect, where there is one.
    strength
        0 to 1, by how many rows stand behind it.
    details
        Sub-causes in words, by cause.
    """

    outcome: str
    statement: str
    table: str
    rows: int
    sql: str | None = None
    effect: float | None = None
    effect_unit: str | None = None
    strength: float = 1.0
    details: dict[str, str] = field(default_factory=dict)

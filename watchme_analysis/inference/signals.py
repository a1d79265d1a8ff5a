"""Signals: functions that detect observations and know no cause.

A detector is a function that receives the context of a question (for ``/health`` its facts) and returns the
observations that it made. :func:`detects` declares the signals it can return, their group and the evidence
they need. Causes refer to signals by id (:mod:`watchme_analysis.inference.causes`), and
:mod:`watchme_analysis.inference.weighing` weighs the observations for each cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Text, Value, values_of

# From so many requests, probes or lines of a kind on, they count in full: six are hardly chance.
ENOUGH = 6

D = TypeVar("D", bound=Callable[..., Any])


@dataclass(frozen=True)
class Observation:
    """One observation, before it is weighed for any cause.

    ``statement`` is a sentence with its numbers, based on so many ``rows`` of ``table``, which the query
    ``sql`` returns. ``strength`` (0 to 1) follows from their number. ``detail`` is the mechanism in words,
    for the causes that the signal supports most. ``share`` is the share of the bad requests that it is about,
    where the strength does not tell. ``facts`` are values that a remedy may name, beside those of sentences.
    """

    signal: str
    statement: Text
    table: str
    rows: int
    sql: str | None = None
    effect: float | None = None
    effect_unit: str | None = None
    strength: float = 1.0
    detail: Text | None = None
    share: float = 1.0
    facts: Mapping[str, Value] = field(default_factory=dict)

    def values(self) -> dict[str, Value]:
        """Return the values that the observation states, by name: the facts, then those of its sentences."""
        return {**values_of(self.statement), **values_of(self.detail or ""), **self.facts}


@dataclass(frozen=True)
class Signal:
    """A kind of observation: the id by which causes refer to it, its group and its needs.

    Observations of one ``group`` are not independent: the strongest counts in full, further ones a quarter.
    The group is also the row of the matrix figure. ``needs`` is the evidence in which the signal can be
    detected: names of tables, or ``table/part`` for a part of a table, such as ``probes/inside``.
    """

    id: str
    group: str
    needs: tuple[str, ...]


def detects(*ids: str, group: str, needs: Iterable[str]) -> Callable[[D], D]:
    """Declare the signals that a detector returns; may be repeated, once for each group."""
    mine = tuple(Signal(name, group, tuple(needs)) for name in ids)

    def declare(detector: D) -> D:
        detector.signals = (*mine, *signals_of(detector))  # type: ignore[attr-defined]
        return detector

    return declare


def signals_of(detector: Callable[..., Any]) -> tuple[Signal, ...]:
    """Return the signals that a detector declares."""
    return getattr(detector, "signals", ())


def by_id(detectors: Iterable[Callable[..., Any]]) -> dict[str, Signal]:
    """Return the signals of some detectors by id; an id with two different groups or needs is an error."""
    found: dict[str, Signal] = {}
    for one in (signal for detector in detectors for signal in signals_of(detector)):
        if found.setdefault(one.id, one) != one:
            raise InputError(f"The signal {one.id!r} is declared twice with different properties.")
    return found


def observe(
    detectors: Sequence[Callable[[Any], Iterable[Observation]]], context: Any
) -> tuple[Observation, ...]:
    """Return the observations of all detectors in a context; an undeclared signal is an error."""
    found: list[Observation] = []
    for detector in detectors:
        declared = {one.id for one in signals_of(detector)}
        for one in detector(context):
            if one.signal not in declared:
                name = getattr(detector, "__name__", detector)
                raise InputError(f"The detector {name!r} returns the signal {one.signal!r} undeclared.")
            found.append(one)
    return tuple(found)


def by_count(count: float, enough: float = ENOUGH) -> float:
    """Return the strength of so many rows, 0 to 1."""
    return min(1.0, count / enough)

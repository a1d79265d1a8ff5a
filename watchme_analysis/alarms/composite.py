"""Composite alarms: a rule over the states of other alarms.

Source: Amazon CloudWatch API Reference, ``PutCompositeAlarm``, ``AlarmRule``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchme_analysis.alarms.backtest import AlarmRun, run_of_states
from watchme_analysis.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_TOKEN = re.compile(
    r"""\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"(?P<quoted>[^"]*)"|'(?P<single>[^']*)'"""
    r"""|(?P<bare>[^\s()"']+))\s*\)|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<bracket>[()]))""",
    re.IGNORECASE,
)
# Tells whether the rule holds, given the state of each alarm.
Condition = Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True)
class CompositeRule:
    """A rule that was read: its text, the alarms that it names, and its condition."""

    text: str
    names: tuple[str, ...]
    holds: Condition


def parse_rule(text: str) -> CompositeRule:
    """Read a composite alarm's rule.

    Parameters
    ----------
    text
        ``ALARM("a") AND (NOT OK(b) OR TRUE)``: NOT binds closest, then AND, then OR. An alarm may be given by
        its ARN, of which the name counts.

    Raises
    ------
    InputError
        When it can't be read.
    """
    reader = _RuleReader(text)
    holds = reader.either()
    if reader.left():
        raise reader.refusal()
    return CompositeRule(text, tuple(dict.fromkeys(reader.names)), holds)


class _RuleReader:
    """Reads a rule from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0
        self.names: list[str] = []

    def refusal(self) -> InputError:
        return InputError(
            f"The composite rule {self.text!r} can't be read from {self.text[self.position :][:30]!r} on: "
            'write ALARM("a"), OK("a") or INSUFFICIENT_DATA("a"), joined by AND, OR, NOT and brackets.'
        )

    def left(self) -> bool:
        return bool(self.text[self.position :].strip())

    def _next(self) -> re.Match[str] | None:
        return _TOKEN.match(self.text, self.position)

    def _accept(self, word: str) -> bool:
        found = self._next()
        if found is None or (found["word"] or found["bracket"] or "").upper() != word:
            return False
        self.position = found.end()
        return True

    def either(self) -> Condition:
        parts = [self._both()]
        while self._accept("OR"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda states: any(part(states) for part in parts)

    def _both(self) -> Condition:
        parts = [self._one()]
        while self._accept("AND"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda states: all(part(states) for part in parts)

    def _one(self) -> Condition:
        if self._accept("NOT"):
            denied = self._one()
            return lambda states: not denied(states)
        if self._accept("("):
            inner = self.either()
            if not self._accept(")"):
                raise self.refusal()
            return inner
        if self._accept("TRUE"):
            return lambda states: True
        if self._accept("FALSE"):
            return lambda states: False
        found = self._next()
        if found is None or found["state"] is None:
            raise self.refusal()
        self.position = found.end()
        wanted = found["state"].upper()
        name = (found["quoted"] or found["single"] or found["bare"]).rsplit(":alarm:", 1)[-1]
        self.names.append(name)
        return lambda states: states.get(name, "INSUFFICIENT_DATA") == wanted


def always(state: str, runs: Mapping[str, AlarmRun]) -> AlarmRun:
    """Return a run that is in one state for as long as others last."""
    import pandas as pd

    began = sorted(run.states.index[0] for run in runs.values() if len(run.states))[:1]
    index = pd.DatetimeIndex(began, tz="UTC")
    return run_of_states(pd.Series([state] * len(began), index=index, dtype="string", name="state"))


def composite_run(rule: CompositeRule, runs: Mapping[str, AlarmRun]) -> AlarmRun:
    """Return what a composite alarm does over the states of others.

    Parameters
    ----------
    rule
        From :func:`parse_rule`.
    runs
        What the named alarms did. Each state holds until its next evaluation; before its first, and for an
        alarm that is not given, it is INSUFFICIENT_DATA.
    """
    import pandas as pd

    known = {name: runs[name].states for name in rule.names if name in runs and len(runs[name].states)}
    if not known:
        return run_of_states(pd.Series(dtype="string", index=pd.DatetimeIndex([], tz="UTC")))
    frame = pd.concat(known, axis=1, sort=True).ffill().fillna("INSUFFICIENT_DATA")
    cache: dict[tuple[str, ...], str] = {}
    states = []
    for row in frame.itertuples(index=False, name=None):
        if row not in cache:
            cache[row] = "ALARM" if rule.holds(dict(zip(frame.columns, row, strict=True))) else "OK"
        states.append(cache[row])
    result: pd.Series = pd.Series(states, index=frame.index, dtype="string", name="state")
    return run_of_states(result, max(runs[name].uncertainty_s for name in known))

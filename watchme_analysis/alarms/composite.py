"""Composite alarms: a rule over the states of other alarms.

Source: Amazon CloudWatch API Reference, ``PutCompositeAlarm``, ``AlarmRule``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchme_analysis.alarms.backtest import AlarmRun, run_of_states
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError
from watchme_analysis.redact import shortened
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

# A state with an alarm name, or an operator. Alarm names may contain characters that Python names can't.
_TERM = re.compile(
    r"""\b(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*"""
    r"""(?:"(?P<quoted>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s()"']+))\s*\)"""
    r"""|\b(?P<word>AND|OR|NOT|TRUE|FALSE)\b""",
    re.IGNORECASE,
)
_PYTHON_WORDS = {"AND": "and", "OR": "or", "NOT": "not", "TRUE": "True", "FALSE": "False"}
# Returns whether the rule holds, given the state of each alarm.
Condition = Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True)
class CompositeRule:
    """A parsed rule: text, names of its alarms, and the condition over their states."""

    text: str
    names: tuple[str, ...]
    holds: Condition


def parse_rule(text: str) -> CompositeRule:
    """Return the parsed rule of a composite alarm, such as ``ALARM("a") AND (NOT OK(b) OR TRUE)``.

    NOT binds closest, then AND, then OR, as in Python, whose parser is used. Of an alarm ARN, only the name
    is used. A text that is no valid rule is an InputError.
    """
    names: list[str] = []

    def as_python(term: re.Match[str]) -> str:
        if term["word"]:
            return f" {_PYTHON_WORDS[term['word'].upper()]} "
        name = next(given for given in (term["quoted"], term["single"], term["bare"]) if given is not None)
        names.append(name.rsplit(":alarm:", 1)[-1])
        return f" {term['state'].upper()}({names[-1]!r}) "

    rest = re.search(r"[^\s()]", _TERM.sub(lambda term: " " * len(term[0]), text))
    if rest is not None:
        raise _refusal(text, text[rest.start() :])
    expression = re.sub(r"[\r\n\t\f\v]+", " ", _TERM.sub(as_python, text)).strip()
    try:
        holds = _condition(ast.parse(expression, mode="eval").body, load_config().limits.nesting)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refusal(text, text) from error
    return CompositeRule(text, tuple(dict.fromkeys(names)), holds)


def with_names(text: str, names: Mapping[str, str]) -> str:
    """Return a rule with the alarm names in ``names`` replaced; states and operators in capitals."""

    def replaced(term: re.Match[str]) -> str:
        if term["word"]:
            return term["word"].upper()
        name = next(given for given in (term["quoted"], term["single"], term["bare"]) if given is not None)
        return f'{term["state"].upper()}("{names.get(name, name)}")'

    return _TERM.sub(replaced, text)


def _refusal(text: str, rest: str) -> InputError:
    rule = repr(shortened(text, 200, "…"))
    return InputError(error_message("error-composite-rule", rule=rule, rest=repr(rest[:30])))


def _condition(node: ast.expr, levels: int) -> Condition:
    """Return the condition of a node in the syntax tree of a rule with at most so many levels."""
    if not levels:
        raise ValueError("nested too deeply")
    if isinstance(node, ast.BoolOp):
        parts = [_condition(value, levels - 1) for value in node.values]
        combine = all if isinstance(node.op, ast.And) else any
        return lambda states: combine(part(states) for part in parts)
    if isinstance(node, ast.UnaryOp):
        denied = _condition(node.operand, levels - 1)
        return lambda states: not denied(states)
    if isinstance(node, ast.Constant):
        constant = bool(node.value)
        return lambda states: constant
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        [name], wanted = [ast.literal_eval(argument) for argument in node.args], node.func.id
        return lambda states: states.get(name, "INSUFFICIENT_DATA") == wanted
    raise ValueError(f"not part of a composite rule: {ast.unparse(node)}")


def always(state: str, runs: Mapping[str, AlarmRun]) -> AlarmRun:
    """Return a run with a constant state, from the earliest start of the other runs."""
    import pandas as pd

    began = sorted(run.states.index[0] for run in runs.values() if len(run.states))[:1]
    index = pd.DatetimeIndex(began, tz="UTC")
    return run_of_states(pd.Series([state] * len(began), index=index, dtype="string", name="state"))


def composite_run(rule: CompositeRule, runs: Mapping[str, AlarmRun]) -> AlarmRun:
    """Return the states of a composite alarm over the runs of other alarms by name.

    Each state holds until the next evaluation of that alarm. It is INSUFFICIENT_DATA before the first
    evaluation and for an absent alarm.
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

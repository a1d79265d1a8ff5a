"""Metric math of alarms: CloudWatch's arithmetic on the data points of several metrics.

Source: Amazon CloudWatch User Guide, "Using math expressions with CloudWatch metrics". Supported are numbers,
ids of metrics and of other expressions, ``+ - * / ^``, comparisons, parentheses, and the functions below.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError
from watchme_analysis.files.limit_notes import limit_reached
from watchme_analysis.redact import shortened
from watchme_analysis.text.message import Choice, Count, Names
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARED: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ACROSS = {"SUM": "sum", "AVG": "mean", "MAX": "max", "MIN": "min"}
# Raised by Python for an expression that it can't parse, or whose values don't fit an operation.
_FAILURES = (
    SyntaxError,
    ValueError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    TypeError,
    AttributeError,
)
FUNCTIONS = ("ABS", "CEIL", "FILL", "FLOOR", "IF", *_ACROSS)


def calculate(expression: str, series: Mapping[str, pd.Series]) -> pd.Series:
    """Return the data points of a metric math expression, such as ``100 * errors / invocations``.

    ``series`` are data points by id, all on the same index; null for a missing data point, as in the result.
    An expression that can't be parsed, or has an unknown id or function, is an InputError.

    If one operand has a data point and the other has not, the missing operand counts as 0. If both are
    missing, the result is missing. A division by zero results in a missing data point. ``FILL(id, value)``
    replaces missing data points; ``REPEAT`` and ``LINEAR`` fill them from the neighbouring data points.
    """
    import numpy as np
    import pandas as pd

    index = next(iter(series.values())).index if series else pd.DatetimeIndex([], tz="UTC")
    found = _Reader(expression, series).read()
    if not isinstance(found, pd.Series):
        found = pd.Series(float(found), index=index)
    return found.astype("float64").replace([np.inf, -np.inf], np.nan)


class _Reader:
    """Evaluator of the syntax tree of an expression."""

    def __init__(self, expression: str, series: Mapping[str, pd.Series]) -> None:
        self.expression = expression
        self.series = series

    def read(self) -> Any:
        limits = load_config().limits
        if len(self.expression) > limits.expression_chars:
            raise InputError(
                error_message(
                    "error-metric-math-long",
                    expression=repr(shortened(self.expression, 30, "…")),
                    limit=limit_reached(limits, "expression_chars"),
                )
            )
        try:
            # CloudWatch writes ^ for a power.
            return self._value(ast.parse(self.expression.strip().replace("^", "**"), mode="eval").body)
        except _FAILURES as error:
            raise self._refusal("unclear") from error

    def _refusal(self, problem: str, part: str = "", arguments: int = 0) -> InputError:
        return InputError(
            error_message(
                "error-metric-math",
                expression=repr(shortened(self.expression, 200, "…")),
                problem=Choice(problem),
                part=part,
                arguments=Count(arguments),
                functions=", ".join(FUNCTIONS),
                ids=Names(tuple(self.series), limit=100),
            )
        )

    def _value(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return float(node.value)
        if isinstance(node, ast.Name) and node.id in self.series:
            return self.series[node.id]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self._value(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return _combined(_BINARY[type(node.op)], self._value(node.left), self._value(node.right))
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARED:
            pair = self._value(node.left), self._value(node.comparators[0])
            return _combined(_COMPARED[type(node.ops[0])], *pair)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._called(node.func.id.upper(), node.args)
        raise self._refusal("part", repr(ast.unparse(node)))

    def _called(self, name: str, arguments: list[ast.expr]) -> Any:
        import numpy as np
        import pandas as pd

        if name in _ACROSS and len(arguments) == 1 and isinstance(arguments[0], ast.List):
            across = pd.concat([self._value(item) for item in arguments[0].elts], axis=1)
            found = across.agg(_ACROSS[name], axis=1)
            return found.where(across.notna().any(axis=1))
        if name in _ACROSS:
            # For one series the result is one number over all requested points; the range that an alarm
            # requests is unpublished.
            raise self._refusal("no-list", name)
        if name in {"ABS", "CEIL", "FLOOR"} and len(arguments) == 1:
            return getattr(np, name.lower())(self._value(arguments[0]))
        if name == "IF" and len(arguments) == 3:
            condition, then, otherwise = map(self._value, arguments)
            return _chosen(condition, then, otherwise)
        if name == "FILL" and len(arguments) == 2:
            filled, how = self._value(arguments[0]), arguments[1]
            word = how.id.upper() if isinstance(how, ast.Name) else ""
            if word == "REPEAT":
                return filled.ffill()
            if word == "LINEAR":
                return filled.interpolate(limit_area="inside")
            return filled.fillna(self._value(how))
        raise self._refusal("arguments", name, len(arguments))


def _combined(how: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """Return the pointwise result; a missing operand counts as 0, a division by zero results in null."""
    import numpy as np
    import pandas as pd

    known = [side.notna() for side in (left, right) if isinstance(side, pd.Series)]
    if not known:
        if how is operator.truediv and not right:
            return np.nan
        return how(left, right)
    there = known[0] | known[-1]
    left, right = (side.fillna(0.0) if isinstance(side, pd.Series) else side for side in (left, right))
    if how is operator.truediv:
        right = right.replace(0.0, np.nan) if isinstance(right, pd.Series) else right or np.nan
    return how(left, right).astype("float64").where(there)


def _chosen(condition: Any, then: Any, otherwise: Any) -> Any:
    import pandas as pd

    if not isinstance(condition, pd.Series):
        return then if condition else otherwise
    picked = pd.Series(otherwise, index=condition.index, dtype="float64")
    if isinstance(otherwise, pd.Series):
        picked = otherwise.astype("float64")
    return picked.where(~condition.fillna(0.0).astype(bool), then).where(condition.notna())

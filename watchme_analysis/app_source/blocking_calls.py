"""Kinds of calls: blocking, awaiting, long computation, or use of a shared resource.

The calls are listed in ``blocking_calls.toml`` in this folder, by the dotted name that
:class:`~watchme_analysis.app_source.names.Project` finds for them. An awaited call is never
a blocking call.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from watchme_analysis.app_source.syntax import COMPREHENSIONS, keywords_of, last_name, source_text


@dataclass(frozen=True, slots=True)
class _Rule:
    """A pattern of calls, their kind, and whether they return plain values, whose methods do not block.

    ``certain`` is False for calls that block only if there is much to do.
    """

    kind: str
    pattern: re.Pattern[str]
    returns_values: bool
    certain: bool

    def fits(self, dotted: str) -> bool:
        """Return True if a call is of this kind."""
        return self.pattern.fullmatch(dotted) is not None and not self.is_method_of_a_result(dotted)

    def is_method_of_a_result(self, dotted: str) -> bool:
        """Return True for a method of what a call of this kind returned: ``client.create().text.strip``."""
        if not self.returns_values:
            return False
        inner = (dotted[: found.start()] for found in re.finditer(r"\(\)(?=[.\[])", dotted))
        return any(self.pattern.fullmatch(call) for call in inner)


@cache
def _entries() -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@cache
def _rules(table: str) -> tuple[_Rule, ...]:
    return tuple(
        _Rule(
            entry.get("kind", table),
            re.compile(entry["pattern"], re.VERBOSE),
            entry.get("returns_values", False),
            entry.get("certain", True),
        )
        for entry in _entries()[table]
    )


@lru_cache(maxsize=65536)
def is_quick(dotted: str) -> bool:
    """Return True when a call, by its dotted name, is known to neither block nor compute for long.

    These are the calls listed as such, methods of what a call with plain results returned, and methods of
    built-in types by unmistakable names. Every other call is unknown.
    """
    if kind_of(dotted, awaited=False) is not None:
        return False
    if any(rule.pattern.fullmatch(dotted) for rule in _rules("call")):
        # A method of a result, as the rule says.
        return True
    quick = _rules("quick")
    if any(rule.pattern.fullmatch(dotted) or rule.is_method_of_a_result(dotted) for rule in quick):
        return True
    base, _, method = dotted.rpartition(".")
    return bool(base) and any(rule.pattern.fullmatch(method) for rule in _rules("method"))


_LOCKS = re.compile(r"(threading|multiprocessing)\.(Lock|RLock|Semaphore|BoundedSemaphore|Condition)\(\)")
# The end of their block waits for all work that was given to them.
_EXECUTORS = re.compile(r"concurrent\.futures(\.\w+)?\.\w+Executor\(\)|multiprocessing(\.pool)?\.\w*Pool\(\)")
_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
_CLOCK = re.compile(r"\b(time|monotonic|perf_counter|process_time)\(")
LOOPS = (ast.For, ast.While, *COMPREHENSIONS)
# Loops with fewer steps than this are not reported.
HEAVY_STEPS = 10_000
# Step of a range that indicates processing in blocks, and the assumed number of blocks if the end is unknown.
_BLOCK, _BLOCKS = 64, 1000.0


@lru_cache(maxsize=65536)
def kind_of(dotted: str, awaited: bool) -> str | None:
    """Return the kind of a call by its dotted name, a value of ``app_calls.kind``; None for other calls."""
    rule = next((rule for rule in _rules("call") if rule.fits(dotted)), None)
    if awaited:
        return (
            rule.kind if rule is not None and rule.kind in ("thread_pool", "process_pool") else "async_wait"
        )
    return rule.kind if rule is not None else None


@lru_cache(maxsize=65536)
def is_certain(dotted: str) -> bool:
    """Return False for a call that blocks only if there is much to do."""
    return next((rule.certain for rule in _rules("call") if rule.fits(dotted)), True)


def is_short(call: ast.Call) -> bool:
    """Return True when a call is given nothing but literals and encoded texts, whose size is small."""
    return all(
        isinstance(value, ast.Constant)
        or (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and value.func.attr == "encode"
        )
        for value in call.args
    )


def tries_only(call: ast.Call) -> bool:
    """Return True when a call requests a lock or an item without waiting for it."""
    given = keywords_of(call)
    last = last_name(call.func)
    if last == "acquire":
        blocks = given.get("blocking") or (call.args[0] if call.args else None)
    else:
        blocks = given.get("block")
    return isinstance(blocks, ast.Constant) and blocks.value is False


def is_thread_lock(dotted: str) -> bool:
    """Return True when a value used in ``with`` is a lock that blocks its thread."""
    return _LOCKS.fullmatch(dotted) is not None


def waits_at_end(dotted: str) -> bool:
    """Return True when the end of a ``with`` block of a value waits for work on threads or processes."""
    return _EXECUTORS.fullmatch(dotted) is not None


def heavy_loop(node: ast.AST, constants: dict[str, float]) -> str | None:
    """Return the source of a loop that computes for long without awaiting; None for other statements.

    A loop without ``await`` is reported if it takes at least :data:`HEAVY_STEPS` steps over ranges, including
    those of inner loops, or if it is a busy wait for a time. ``constants`` are the module's numbers by name.
    """
    if isinstance(node, ast.While):
        test = source_text(node.test)
        # A condition that also tests other values ends with those.
        if not isinstance(node.test, ast.Compare) or not _CLOCK.search(test) or _waits(node):
            return None
        called = " ".join(source_text(n.func) for n in ast.walk(node) if isinstance(n, ast.Call))
        return None if "sleep" in called else f"while {test}"
    if isinstance(node, COMPREHENSIONS):
        lengths = [_range_length(part.iter, constants) for part in node.generators]
        heavy = math.prod(map(_assumed, lengths)) >= HEAVY_STEPS and any(n is not None for n in lengths)
        first = node.generators[0]
        return (
            f"for {source_text(first.target)} in {source_text(first.iter)}"
            if heavy and not _waits(node)
            else None
        )
    if isinstance(node, ast.For):
        ranges = [n for n in ast.walk(node) if isinstance(n, ast.For) and _length(n, constants) is not None]
        if ranges and not _waits(node) and _steps(node, constants) >= HEAVY_STEPS:
            return f"for {source_text(node.target)} in {source_text(node.iter)}"
    return None


def _waits(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Await | ast.Yield | ast.YieldFrom) for inner in ast.walk(node))


def _steps(node: ast.AST, constants: dict[str, float]) -> float:
    """Return the number of steps of a statement with its inner loops, at least one."""
    inside = sum(_steps(child, constants) for child in ast.iter_child_nodes(node) if _loops(child))
    lengths: list[float | None] = []
    if isinstance(node, ast.For):
        lengths = [_length(node, constants)]
    elif isinstance(node, COMPREHENSIONS):
        lengths = [_range_length(part.iter, constants) for part in node.generators]
    return max(inside, 1) * math.prod(map(_assumed, lengths))


def _assumed(length: float | None) -> float:
    """Return the assumed number of steps: 100 for an unknown range, 10 for a collection.

    A loop over all pairs is therefore heavy, and a loop over the parts of each item is not.
    """
    return 10 if length is None else 100 if length < 0 else length


def _loops(node: ast.AST) -> bool:
    return any(isinstance(inner, LOOPS) for inner in ast.walk(node))


def _length(loop: ast.For, constants: dict[str, float]) -> float | None:
    return _range_length(loop.iter, constants)


def _range_length(node: ast.expr, constants: dict[str, float]) -> float | None:
    """Return the known length of a ``range``, -1 when it is unknown, None for another iterable."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"):
        return None
    values = [_at_most(argument, constants) for argument in node.args]
    if not values or any(value is None for value in values):
        least = _factor(node.args[min(len(node.args), 2) - 1], constants) if node.args else 1.0
        # Data that is processed in blocks is long.
        by_blocks = len(node.args) > 2 and (_at_most(node.args[2], constants) or 0) >= _BLOCK
        return max(least, _BLOCKS) if least > 1000 or by_blocks else -1
    known = [value for value in values if value is not None]
    if len(known) == 1:
        return max(known[0], 0)
    step = known[2] if len(known) > 2 else 1
    return max((known[1] - known[0]) / step, 0) if step else -1


def _factor(node: ast.expr, constants: dict[str, float]) -> float:
    """Return the constant factors of a product such as ``int(seconds * 48000)``: 48000."""
    if isinstance(node, ast.Call) and len(node.args) == 1:
        return _factor(node.args[0], constants)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _factor(node.left, constants) * _factor(node.right, constants)
    known = number(node, constants)
    return known if known is not None and known >= 1 else 1.0


def _at_most(node: ast.expr, constants: dict[str, float]) -> float | None:
    """Return the number of an expression, or its upper bound, as in ``min(len(rows), 50)``."""
    if isinstance(node, ast.Call) and last_name(node.func) == "min":
        known = [value for argument in node.args if (value := number(argument, constants)) is not None]
        return min(known, default=None)
    return number(node, constants)


def number(node: ast.expr | None, constants: dict[str, float]) -> float | None:
    """Return the number of a literal or of a module's constant."""
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    ):
        return float(node.value)
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.BinOp):
        left, right = number(node.left, constants), number(node.right, constants)
        compute = _OPERATORS.get(type(node.op))
        if compute and left is not None and right is not None:
            return float(compute(left, right))
    return None


def timeout_s(call: ast.Call, dotted: str, constants: dict[str, float]) -> float | None:
    """Return the timeout of a call in seconds, if it is a literal or a module's constant."""
    for keyword in call.keywords:
        if keyword.arg in ("timeout", "timeout_s", "timeout_seconds"):
            value = keyword.value
            # requests accepts (connect, read), httpx a Timeout
            if isinstance(value, ast.Tuple) and value.elts:
                value = value.elts[-1]
            if isinstance(value, ast.Call) and value.args:
                value = value.args[0]
            return number(value, constants)
    position = {"asyncio.wait_for": 1, "urllib.request.urlopen": 2, "socket.create_connection": 1}.get(dotted)
    if dotted.endswith((".acquire", ".result", ".join", ".wait")) and dotted.startswith(
        ("threading", "concurrent")
    ):
        position = 1 if dotted.endswith("acquire") else 0
    return (
        number(call.args[position], constants) if position is not None and len(call.args) > position else None
    )

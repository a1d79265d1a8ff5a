"""Loops that compute for long, the lengths of ranges, and the time limits of calls, without other sources."""

import ast

from worlds.together import together

from watchme_analysis.app_source.blocking_calls import (
    heavy_loop,
)

CONSTANTS = {"RATE": 48_000.0, "FEW": 3.0, "LIMIT": 2.5}


def statement(text):
    (node,) = ast.parse(text).body
    return node.value if isinstance(node, ast.Expr) else node


@together(
    ("text", "found"),
    [
        ("for i in range(10000): f(i)", "for i in range(10000)"),
        ("for i in range(9999): f(i)", None),
        ("for i in range(0, 20000, 2): f(i)", "for i in range(0, 20000, 2)"),
        ("for i in range(0, 20000, 3): f(i)", None),
        ("for i in range(5000, 15000): f(i)", "for i in range(5000, 15000)"),
        ("for i in range(5001, 15000): f(i)", None),
        ("for i in range(9, 0): f(i)", None),
        ("for i in range(int(seconds * RATE)): f(i)", "for i in range(int(seconds * RATE))"),
        ("for i in range(int(seconds * FEW)): f(i)", None),
        ("for i in range(n):\n  for j in range(n): f(i, j)", "for i in range(n)"),
        ("for i in range(n):\n  for j in range(99): f(i, j)", None),
        ("for i in range(n):\n  for j in range(min(len(x), 100)): f(i, j)", "for i in range(n)"),
        ("for i in range(n):\n  for j in range(min(len(x), 20)): f(i, j)", None),
        ("for i in range(n):\n  for j in items: f(i, j)", None),
        ("for i in range(1000):\n  for j in items: f(i, j)", "for i in range(1000)"),
        ("for i in range(0, len(x), 64):\n  for j in items: f(j)", "for i in range(0, len(x), 64)"),
        ("for i in range(0, len(x), 63):\n  for j in items: f(j)", None),
        ("for i in range(100):\n  [g(j) for j in range(100)]", "for i in range(100)"),
        ("for i in range(100 * 100): f(i)", "for i in range(100 * 100)"),
        ("for i in range(100 / 2): f(i)", None),
        ("for i in items: f(i)", None),
        ("for i in range(): f(i)", None),
        ("async def x():\n  for i in range(10000): await f(i)", None),
        ("[f(i) for i in range(10000)]", "for i in range(10000)"),
        ("[f(i) for i in range(9999)]", None),
        ("[f(i, j) for i in range(100) for j in range(100)]", "for i in range(100)"),
        ("[f(i) for i in items]", None),
        ("{i: f(i) for i in range(1000) for j in items}", "for i in range(1000)"),
        ("while time.time() < end: pass", "while time.time() < end"),
        ("while time.monotonic() < end: f()", "while time.monotonic() < end"),
        ("while time.time() < end: time.sleep(1)", None),
        ("while time.time() < end and not done: pass", None),
        ("while x < end: pass", None),
        ("x = 1", None),
    ],
)
def test_a_loop_is_heavy_from_ten_thousand_steps(text, found):
    assert heavy_loop(statement(text), CONSTANTS) == found

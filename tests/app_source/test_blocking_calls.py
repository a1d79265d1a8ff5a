"""Loops that compute for long, the lengths of ranges, and the time limits of calls, without other sources."""

import ast

import pytest
from worlds.together import together

from watchme_analysis.app_source.blocking_calls import (
    heavy_loop,
    is_quick,
    is_thread_lock,
    kind_of,
    number,
    timeout_s,
    tries_only,
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


def test_a_loop_that_awaits_or_yields_is_not_heavy():
    for text in (
        "for i in range(20000):\n    await f(i)",
        "for i in range(20000):\n    yield i",
        "while time.time() < end:\n    await f()",
        "[await f(i) for i in range(20000)]",
    ):
        (function,) = ast.parse(f"async def x():\n  {text}").body
        node = function.body[0]
        assert heavy_loop(node.value if isinstance(node, ast.Expr) else node, {}) is None, text


@together(
    ("text", "value"),
    [("3", 3.0), ("2.5", 2.5), ("True", None), ("'3'", None), ("RATE", 48_000.0), ("other", None),
     ("FEW * 2 + 1", 7.0), ("FEW - 1", 2.0), ("FEW / 2", None), ("FEW * other", None)],
)  # fmt: skip
def test_numbers_are_literals_constants_and_what_is_computed_of_them(text, value):
    assert number(statement(text), CONSTANTS) == value
    assert number(None, CONSTANTS) is None


@together(
    ("text", "dotted", "seconds"),
    [
        ("f(timeout=5)", "requests.get", 5.0),
        ("f(timeout=LIMIT)", "requests.get", 2.5),
        ("f(timeout_s=4)", "x", 4.0),
        ("f(timeout_seconds=4)", "x", 4.0),
        ("f(timeouts=4)", "x", None),
        ("f(timeout=(3, 20))", "requests.get", 20.0),
        ("f(timeout=httpx.Timeout(7))", "httpx.get", 7.0),
        ("f(timeout=httpx.Timeout())", "httpx.get", None),
        ("f(x, 9)", "asyncio.wait_for", 9.0),
        ("f(x)", "asyncio.wait_for", None),
        ("f(x, data, 8)", "urllib.request.urlopen", 8.0),
        ("f(x, 8)", "urllib.request.urlopen", None),
        ("f(x, 6)", "socket.create_connection", 6.0),
        ("f(True, 2)", "threading.Lock().acquire", 2.0),
        ("f(3)", "threading.Thread().join", 3.0),
        ("f(3)", "threading.Event().wait", 3.0),
        ("f(3)", "concurrent.futures.Future().result", 3.0),
        ("f(3)", "subprocess.Popen().wait", None),
        ("f(3)", "requests.get", None),
    ],
)
def test_the_time_limit_of_a_call(text, dotted, seconds):
    assert timeout_s(statement(text), dotted, CONSTANTS) == seconds


@together(
    ("text", "only"),
    [
        ("lock.acquire(False)", True),
        ("lock.acquire(blocking=False)", True),
        ("lock.acquire(blocking=True)", False),
        ("lock.acquire()", False),
        ("lock.acquire(True)", False),
        ("q.get(block=False)", True),
        ("q.get(False)", False),
        ("q.get(block=maybe)", False),
    ],
)
def test_a_call_may_only_try(text, only):
    assert tries_only(statement(text)) is only


@pytest.mark.parametrize(
    ("dotted", "awaited", "kind", "quick"),
    [
        ("time.sleep", False, "blocking_sleep", False),
        ("requests.get", False, "blocking_io", False),
        ("asyncio.sleep", True, "async_wait", True),
        ("anything.at_all", True, "async_wait", False),
        ("len", False, None, True),
        ("os.path.join", False, None, True),
        ("unknown.function", False, None, False),
    ],
)
def test_calls_have_kinds_and_others_may_be_known_as_quick(dotted, awaited, kind, quick):
    assert kind_of(dotted, awaited) == kind
    assert is_quick(dotted) is quick


def test_locks_block_their_thread_and_other_contexts_do_not():
    for dotted in ("threading.Lock()", "multiprocessing.RLock()", "threading.BoundedSemaphore()"):
        assert is_thread_lock(dotted)
    for dotted in ("asyncio.Lock()", "threading.Lock", "threading.Event()", "x.threading.Lock()"):
        assert not is_thread_lock(dotted)

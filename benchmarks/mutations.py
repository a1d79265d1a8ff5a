"""Seed mutations in copies of the package, and count those that the fast tests detect.

    .venv/bin/python benchmarks/mutations.py [--seed S] [--count N] [--quick]

A mutation is one small mistake: `<` becomes `<=`, a condition is always true, a statement is removed, two
arguments are swapped. First a line of a function is drawn, among those on which a mistake is possible, then a
kind of mistake, then the place on the line. The same seed draws the same mutations from the same code.
Docstrings, annotations and formatted strings stay as they are.

1. The package is copied with a probe before each drawn line, and the fast tests run once in this copy. The
   probes record which tests run which line. A mutation on a line that no test runs survives.
2. For each other mutation, the tests of its line run in a copy with this mutation alone, up to the first
   failure. A mutant that exceeds the limit of time or memory is detected as well.
3. If these tests pass, all fast tests run, because a value that tests share is computed by one of them.
   `--quick` leaves this step out.

A mutation that changes nothing that can be observed is listed as survived too; a reader has to recognise it.
Twenty mutations take two to ten minutes on two cores: a survivor runs all fast tests.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tasks import FAST  # noqa: E402

PACKAGE = "watchme_analysis"
PYTEST = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=no", "-p", "no:nbval", "-p", "no:cacheprovider"]
ALL = ["-n", "auto", "--maxprocesses", "4", "--dist", "worksteal", "tests"]
LIMIT_S = 240  # three times what all fast tests take
LIMIT_BYTES = 12 * 2**30  # of addresses, for a mutant that collects without an end; a worker takes half of it
MOST_TESTS = 150  # of a line that more tests run, these are drawn
# The operator in the source, as a pattern, and what it becomes.
OPERATORS = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.In: (r"\bin\b", "not in"),
    ast.Is: (r"\bis\b", "is not"),
    ast.NotIn: (r"not\s+in", "in"), ast.IsNot: (r"is\s+not", "is"), ast.And: (r"\band\b", "or"),
    ast.Or: (r"\bor\b", "and"), ast.Add: (r"\+", "-"), ast.Sub: ("-", "+"), ast.Mult: (r"\*", "/"),
    ast.Div: ("/", "*"), ast.FloorDiv: ("//", "/"), ast.Mod: ("%", "*"), ast.BitAnd: ("&", "|"),
    ast.BitOr: (r"\|", "&"),
}  # fmt: skip
OPPOSITE = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "minimum": "maximum",
    "maximum": "minimum",
}
PROBE = """import os
_seen = set()
def hit(number):
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    if (number, test) not in _seen:
        _seen.add((number, test))
        file = os.open(f"{folder}/{{os.getpid()}}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f"{{number}} {{test}}\\n".encode())
        os.close(file)
"""
HIT = f'__import__("{PACKAGE}._probe", fromlist=["hit"]).hit'
Span = tuple[int, int]


class Mutation(NamedTuple):
    """Bytes of a file to replace; its probe goes before a statement (an empty span) or around an expression.

    Code that numba compiles has no probe.
    """

    path: str
    line: int
    kind: str
    span: Span
    new: str
    probe: Span | None

    def applied(self) -> bytes:
        source = (ROOT / self.path).read_bytes()
        return source[: self.span[0]] + self.new.encode() + source[self.span[1] :]

    def __str__(self) -> str:
        texts = ((ROOT / self.path).read_bytes(), self.applied())
        before, after = (text.splitlines()[self.line - 1].decode().strip() for text in texts)
        return f"{self.path}:{self.line} ({self.kind})\n    {before}\n    {after}"


class Finder:
    """All mutations of a file."""

    def __init__(self, path: str) -> None:
        self.path, self.source = path, (ROOT / path).read_bytes()
        self.found: list[Mutation] = []
        self.starts = [0]
        for line in self.source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        for node in ast.walk(ast.parse(self.source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                compiled = any("compiled" in self.text(decorator) for decorator in node.decorator_list)
                body = node.body[ast.get_docstring(node) is not None :]
                for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)) if body else ():
                    self.visit(default, self.probe(body[0]), compiled=compiled)
                for statement in body:
                    self.visit(statement, None, compiled=compiled)

    def span(self, node: ast.AST) -> Span:
        at = vars(node)
        return (
            self.starts[at["lineno"] - 1] + at["col_offset"],
            self.starts[at["end_lineno"] - 1] + at["end_col_offset"],
        )

    def text(self, node: ast.AST) -> str:
        return self.source[slice(*self.span(node))].decode()

    def visit(self, node: ast.AST, probe: Span | None, *, compiled: bool) -> None:
        """Collect the mutations of a node and below it; inner functions have their own visit."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.JoinedStr):
            return
        if isinstance(node, ast.stmt) and not compiled:
            probe = self.probe(node)
        for kind, span, new in self.changes(node):
            line = self.source.count(b"\n", 0, span[0]) + 1
            self.found.append(Mutation(self.path, line, kind, span, new, None if compiled else probe))
        for child in ast.iter_child_nodes(node):
            if child is not getattr(node, "annotation", None):
                self.visit(child, probe, compiled=compiled)

    def probe(self, node: ast.AST) -> Span:
        match node:
            case ast.If(test=first) | ast.While(test=first) | ast.Match(subject=first):
                return self.span(first)
            case ast.For(iter=first) | ast.AsyncFor(iter=first):
                return self.span(first)
            case ast.With(items=[item, *_]) | ast.AsyncWith(items=[item, *_]):
                return self.span(item.context_expr)
            case ast.Try(body=[first, *_]):
                return self.probe(first)
        return (self.span(node)[0],) * 2

    def changes(self, node: ast.AST) -> Iterator[tuple[str, Span, str]]:  # noqa: PLR0912
        match node:
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                yield from self.operator("comparison", left, operator, right)
            case ast.BinOp(left=left, op=operator, right=right):
                yield from self.operator("arithmetic", left, operator, right)
            case ast.BoolOp(op=operator, values=[left, right, *_]):
                yield from self.operator("and, or", left, operator, right)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield "negation", self.span(node), f"({self.text(operand)})"
            case ast.Constant(value=bool(value)):
                yield "constant", self.span(node), str(not value)
            case ast.Constant(value=int(value)):
                yield "constant", self.span(node), str(value + 1)
            case ast.Constant(value=float(value)):
                yield "constant", self.span(node), str(value * 2 or 1.0)
            case ast.Constant(value=str(text)):
                yield "string", self.span(node), repr(f"{text}x")
            case ast.Call(args=[first, second, *_]) if not isinstance(second, ast.Starred):
                (start, end), (again, last) = self.span(first), self.span(second)
                between = self.source[end:again].decode()
                yield "arguments swapped", (start, last), self.text(second) + between + self.text(first)
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in OPPOSITE:
                end = self.span(node)[1]
                yield "opposite function", (end - len(name), end), OPPOSITE[name]
            case ast.If(test=test) | ast.IfExp(test=test):
                yield "condition", self.span(test), "True"
                yield "condition", self.span(test), "False"
            case ast.While(test=test):
                yield "condition", self.span(test), "False"
            case ast.comprehension(ifs=[test, *_]):
                yield "condition", self.span(test), "True"
            case ast.Return(value=ast.expr() as value):
                yield "returned value", self.span(value), "None"
            case ast.Assign(targets=[ast.Name()], value=value) | ast.AnnAssign(value=ast.expr() as value):
                yield "assigned value", self.span(value), "None"
            case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Assign() | ast.Delete():
                yield "removed statement", self.span(node), "pass"
            case ast.Raise() | ast.Continue() | ast.Break():
                yield "removed statement", self.span(node), "pass"

    def operator(self, kind: str, *nodes: ast.AST) -> Iterator[tuple[str, Span, str]]:
        left, operator, right = nodes
        texts = [side for side in (left, right) if isinstance(side, ast.JoinedStr | ast.List | ast.Constant)]
        if kind == "arithmetic" and not all(
            isinstance(vars(side).get("value"), int | float) for side in texts
        ):
            return  # of texts and lists, where a mistake would raise a TypeError
        start = self.span(left)[1]
        pattern, new = OPERATORS.get(type(operator), ("$^", ""))
        if found := re.search(pattern, self.source[start : self.span(right)[0]].decode("latin-1")):
            yield kind, (start + found.start(), start + found.end()), new


def drawn(seed: int, count: int) -> list[Mutation]:
    """Return mutations of different lines, each of which compiles to different code."""
    by_line: dict[tuple[str, int], dict[str, list[Mutation]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        for mutation in Finder(str(path.relative_to(ROOT))).found if path.name != "__main__.py" else ():
            by_line[mutation.path, mutation.line][mutation.kind].append(mutation)
    generator = random.Random(seed)
    chosen: list[Mutation] = []
    for line in generator.sample(sorted(by_line), len(by_line)):
        kinds = by_line[line]
        mutation = generator.choice(kinds[generator.choice(sorted(kinds))])
        with contextlib.suppress(SyntaxError):
            after, before = (
                ast.parse(text) for text in (mutation.applied(), (ROOT / mutation.path).read_bytes())
            )
            if ast.dump(after) != ast.dump(before):
                chosen.append(mutation)
        if len(chosen) == count:
            break
    return chosen


def copied(tree: Path) -> Path:
    """Copy the files that are in the repository, or would be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(lambda name: (ROOT / name).is_file(), names):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    return tree


def failures(tree: Path, arguments: list[str]) -> list[str]:
    """Run fast tests in a copy; return those that failed, or how pytest ended before any ran."""
    chosen = tree / "chosen.txt"
    chosen.write_text("\n".join(arguments))
    # Compiled files are kept, since no run writes a file twice at the same second.
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": ""}
    command = [*PYTEST, "-m", FAST, f"@{chosen}"]
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            command, cwd=tree, env=environment, stdout=out, stderr=out, start_new_session=True
        )
        if hasattr(resource, "prlimit"):  # Linux
            resource.prlimit(process.pid, resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
        try:
            code = process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            return ["the time limit"]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        out.seek(0)
        found = re.findall(r"^(?:FAILED|ERROR) (tests/\S+)", out.read(), flags=re.MULTILINE)
    return found or [f"pytest, which ends with {code}"] * bool(code)


def tests_of(mutations: list[Mutation], tree: Path) -> list[set[str]]:
    """Run the fast tests in a copy with probes; return the tests of each line, '' for no test."""
    folder = tree / "hits"
    folder.mkdir()
    (tree / PACKAGE / "_probe.py").write_text(PROBE.format(folder=folder))
    pieces: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, mutation in enumerate(mutations):
        if mutation.probe:
            start, end = mutation.probe
            pieces[mutation.path] += [(start, f"({HIT}({number}) or ("), (end, "))")] * (start < end)
            pieces[mutation.path] += [(start, f"{HIT}({number}); ")] * (start == end)
    for path, inserted in pieces.items():
        source = (ROOT / path).read_bytes()
        for place, piece in sorted(inserted, reverse=True):
            source = source[:place] + piece.encode() + source[place:]
        (tree / path).write_bytes(source)
    failed = failures(tree, ALL)
    for path in pieces:
        shutil.copy2(ROOT / path, tree / path)
    (tree / PACKAGE / "_probe.py").unlink()
    if failed and (again := failures(tree, failed)):  # without probes, which tests of the sources refuse
        raise SystemExit(f"These tests fail without a mutation: {', '.join(again)}. Correct them first.")
    found: list[set[str]] = [set() if mutation.probe else {""} for mutation in mutations]
    for file in folder.iterdir():
        for line in file.read_text().splitlines():
            number, _, test = line.partition(" ")
            found[int(number)].add(test)
    return found


def detected(mutation: Mutation, tree: Path, tests: list[str]) -> list[str]:
    """Return the failures of these tests in a copy with this mutation."""
    (tree / mutation.path).write_bytes(mutation.applied())
    try:
        return failures(tree, ["-x", *tests])
    finally:
        shutil.copy2(ROOT / mutation.path, tree / mutation.path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="seed of the mutations; 1 by default")
    parser.add_argument("--count", type=int, default=20, help="number of mutations; 20 by default")
    parser.add_argument("--quick", action="store_true", help="run only the tests that run the mutated line")
    options = parser.parse_args()
    mutations = drawn(options.seed, options.count)
    with tempfile.TemporaryDirectory() as home:
        count = os.cpu_count() or 1
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(count):
            trees.put(copied(Path(home, str(number))))
        runs = tests_of(mutations, Path(home, "0"))

        def by_its_tests(mutation: Mutation, tests: set[str]) -> list[str]:
            named = sorted(tests - {""})
            chosen = random.Random(0).sample(named, min(MOST_TESTS, len(named)))
            tree = trees.get()
            try:
                found = detected(mutation, tree, chosen) if chosen else []
            finally:
                trees.put(tree)
            return [] if found and found[0].startswith("pytest") else found

        with ThreadPoolExecutor(count) as pool:
            results = list(pool.map(by_its_tests, mutations, runs))
        for number, (mutation, tests) in enumerate(zip(mutations, runs, strict=True)):
            if tests and not results[number] and not options.quick:
                results[number] = detected(mutation, Path(home, "0"), ALL)
            how = f"detected by {results[number][0]}" if results[number] else f"survived {len(tests)} tests"
            print(f"{number + 1}. {mutation}\n    {how}", flush=True)
    total = sum(map(bool, results))
    print(f"The fast tests detect {total} of {len(mutations)} mutations of seed {options.seed}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

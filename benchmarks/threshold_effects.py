"""Double and halve each threshold of the `/health` engine, and list what changes in raw cases.

    python benchmarks/threshold_effects.py [FOLDER...] [--made-up] [--only TEXT] [--cases N] [--literals]
        [--without | --conditions]

Each FOLDER holds folders of raw evidence, such as those of a recorder. All cases are read once. A threshold
is a number, or a number in a tuple, that a module of the engine names, with ``--literals`` also one within a
function. The engine is loaded with a look-up in place of each, which notes who reads it: only detectors that
read a threshold run again with another value, and the whole case where its context depends on it. Looking at
a threshold ends with the first case whose verdict, layers or confidence (by more than 0.02) change, after
three with other observations, or after N cases. A threshold that changes nothing is none, or the case that
shows its use is missing. ``--without`` sets each threshold to its extremes instead. ``--conditions`` takes
each condition of the code as always met, in the cases where it was not, and as never met, in the cases where
it was: one that is met by all cases can go, and so can the branch that no case takes.
Thresholds that are defaults of arguments keep their values, and so does what a module computes from one.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("health", "inference", "requests")
# Modules that state or show a verdict and decide none.
SHOWING = ("sections", "summary", "missing", "frames", "rows", "findings", "waterfall", "timeline")
NO_CHANGE = 0.02
# Cases with other observations after which a threshold need not be looked at further.
ENOUGH_CHANGED = 3
# A value that no count, time or ratio exceeds; a share does not exceed one.
ENDLESS, MORE_THAN_ALL = 1e9, 1.01


@dataclass
class Threshold:
    """A number of the engine, where it stands, and the value that the engine sees at present.

    A condition is two of them, always met and never met, and its value is whether that is so at present.
    """

    place: str
    value: Any
    now: Any

    def variants(self, *, extreme: bool) -> Iterator[tuple[str, Any]]:
        """Yield other values with a label, one for each number and factor or extreme."""
        if self.value is False:
            yield "without", True
            return
        numbers = self.value if isinstance(self.value, tuple) else (self.value,)
        for at, number in enumerate(numbers):
            most = MORE_THAN_ALL if isinstance(number, float) and number < 1 else ENDLESS
            changes = (("0", 0.0), ("most", most)) if extreme else (("x 2", number * 2), ("/ 2", number / 2))
            for label, changed in changes:
                other = type(number)(changed)
                if isinstance(self.value, tuple):
                    yield f"[{at}] {label}", (*numbers[:at], other, *numbers[at + 1 :])
                else:
                    yield label, other


THRESHOLDS: list[Threshold] = []
READ: set[int] = set()


def look_up(number: int) -> Any:
    """Return the present value of a threshold, and note that it was read."""
    READ.add(number)
    return THRESHOLDS[number].now


def condition(number: int, value: Any) -> Any:
    """Return a condition's value or the one that it is held at, and note which one would change it."""
    column = str(getattr(value, "dtype", "")) in ("bool", "boolean")
    if hasattr(value, "__and__") and not column and not isinstance(value, int):
        return value
    if THRESHOLDS[number].now:
        return value | True if column else value or True
    if THRESHOLDS[number + 1].now:
        return value & False if column else False
    if not (value.all() if column else value):
        READ.add(number)
    if value.any() if column else value:
        READ.add(number + 1)
    return value


def numbers_in(node: ast.expr) -> Any:
    """Return the value of a number or a tuple of numbers; None for other expressions."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    parts = value if isinstance(value, tuple) else (value,)
    plain = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in parts)
    is_status = all(isinstance(one, int) and 100 <= one < 600 for one in parts)
    return value if plain and parts and not is_status else None


class Conditions(ast.NodeTransformer):
    """Put a look-up around each condition within functions, and each part that "and" or "or" join."""

    def __init__(self, file: str) -> None:
        self.file = file

    def _of(self, node: ast.expr) -> ast.expr:
        if isinstance(node, (ast.BoolOp, ast.Constant)):
            return node
        place = f"{self.file}:{node.lineno}: {ast.unparse(node)}".replace("|", "\\|")
        THRESHOLDS.extend(Threshold(f"{place} {kind}", False, False) for kind in ("always", "never"))
        call = ast.Call(ast.Name("_condition_", ast.Load()), [ast.Constant(len(THRESHOLDS) - 2), node], [])
        return ast.copy_location(call, node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        node.values = [self._of(one) for one in node.values]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, (ast.BitAnd, ast.BitOr)):
            node.left, node.right = self._of(node.left), self._of(node.right)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, (ast.If, ast.IfExp, ast.While)):
            node.test = self._of(node.test)
        elif isinstance(node, ast.comprehension):
            node.ifs = [self._of(one) for one in node.ifs]
        return node


class LookUps(ast.NodeTransformer):
    """Put a look-up in place of each threshold within functions."""

    def __init__(self, file: str, names: dict[str, int], *, literals: bool) -> None:
        self.file, self.names, self.literals, self.depth = file, names, literals, 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.depth += 1
        node.body = [self.visit(statement) for statement in node.body]
        self.depth -= 1
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        named = self.depth and isinstance(node.ctx, ast.Load) and node.id in self.names
        return self._call(node, self.names[node.id]) if named else node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not self.literals or not self.depth or numbers_in(node) in (None, 0, 1):
            return node
        THRESHOLDS.append(Threshold(f"{self.file}:{node.lineno}", node.value, node.value))
        return self._call(node, len(THRESHOLDS) - 1)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.JoinedStr:
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.Subscript:
        node.value = self.visit(node.value)
        return node

    @staticmethod
    def _call(node: ast.expr, number: int) -> ast.expr:
        call = ast.Call(ast.Name("_look_up_", ast.Load()), [ast.Constant(number)], [])
        return ast.copy_location(call, node)


class Finder(importlib.abc.MetaPathFinder):
    """Load the engine's modules with look-ups."""

    def __init__(self, *, literals: bool, conditions: bool) -> None:
        self.literals, self.conditions = literals, conditions
        self.trees: dict[str, tuple[Path, ast.Module]] = {}
        self.named: dict[tuple[str, str], int] = {}
        for path in (path for name in PACKAGES for path in (ROOT / "watchme_analysis" / name).rglob("*.py")):
            if path.name == "__init__.py" or not {path.stem, path.parent.name}.isdisjoint(SHOWING):
                continue
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            self.trees[module] = path, ast.parse(path.read_text(encoding="utf-8"))
            for statement in self.trees[module][1].body:
                self._note(module, path, statement)

    def _note(self, module: str, path: Path, statement: ast.stmt) -> None:
        if not isinstance(statement, ast.Assign):
            return
        target, value = statement.targets[0], statement.value
        paired = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
        pairs = zip(target.elts, value.elts, strict=True) if paired else [(target, value)]  # type: ignore[attr-defined]
        for name, expression in pairs:
            number = numbers_in(expression)
            if isinstance(name, ast.Name) and number is not None:
                self.named[module, name.id] = len(THRESHOLDS)
                THRESHOLDS.append(Threshold(f"{path.relative_to(ROOT)}: {name.id}", number, number))

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in self.trees:
            return None
        file = str(self.trees[name][0])
        return importlib.util.spec_from_file_location(name, file, loader=Loader(name, file, self))


class Loader(SourceFileLoader):
    """Compile a module with look-ups in place of thresholds, those that it imports too."""

    def __init__(self, name: str, file: str, finder: Finder) -> None:
        super().__init__(name, file)
        self.finder = finder

    def get_code(self, fullname: str) -> Any:
        path, tree = self.finder.trees[fullname]
        names = {name: number for (module, name), number in self.finder.named.items() if module == fullname}
        for node in (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)):
            for one in node.names:
                if (str(node.module), one.name) in self.finder.named:
                    names[one.asname or one.name] = self.finder.named[str(node.module), one.name]
        file = str(path.relative_to(ROOT))
        if self.finder.conditions:
            for node in (node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))):
                Conditions(file).visit(node)
        changed = LookUps(file, names, literals=self.finder.literals).visit(tree)
        return compile(ast.fix_missing_locations(changed), str(path), "exec")


@dataclass
class Run:
    """A case with what its detectors returned, and which thresholds each of them and the context read."""

    name: str
    case: Any
    found: Any
    tables: dict[Any, Any]
    seen: dict[Any, tuple[Any, ...]] = field(default_factory=dict)
    read: dict[Any, set[int]] = field(default_factory=dict)
    said: Any = None


class Engine:
    """The engine with look-ups, imported once they are in place."""

    def __init__(self) -> None:
        from watchme_analysis.health import detection, diagnosis, judge
        from watchme_analysis.health.context_builder import health_context
        from watchme_analysis.inference.findings import Investigation

        self.detection, self.diagnosis, self.judge = detection, diagnosis, judge
        self.context, self.investigation = health_context, Investigation

    def opened(self, run: Run) -> Any:
        """Return a context without results of other values."""
        inv = self.investigation(run.case, "health")
        inv._memory.update(run.tables)
        if run.found is None:
            return inv.once(self.context)
        found = replace(run.found, inv=inv)
        inv._memory[self.context] = found
        return found

    def detectors(self, found: Any) -> tuple[Callable[..., Any], ...]:
        """Return the detectors of a case."""
        if found.incident is None:
            return tuple(self.detection.DETECTORS_WITHOUT_INCIDENT)
        return tuple(self.detection.DETECTORS)

    def detect(self, run: Run, number: int | None = None, found: Any = None) -> list[Any]:
        """Return all observations; with a number of a threshold only detectors that read it run again."""
        seen: list[Any] = []
        for detector in self.detectors(found or run.found):
            if number is not None and found is None and number not in run.read[detector]:
                seen += run.seen[detector]
                continue
            READ.clear()
            mine = tuple(detector(found or self.opened(run)))
            seen += mine
            if number is None:
                run.seen[detector], run.read[detector] = mine, set(READ)
        return seen

    def say(self, found: Any, seen: list[Any]) -> tuple[Any, float]:
        """Return the verdict with its layers, and its confidence."""
        where = self.diagnosis.situation(found)
        said = self.judge.decide(seen, where)
        layers = self.judge.layer_findings(said, seen, is_incident=where.incident)
        refuted = sorted(one.layer for one in layers if one.status == "refuted")
        named = said.verdict, said.cause, said.other, self.judge.named_layer(layers), refuted
        return named, said.confidence

    def read(self, name: str, case: Any) -> Run:
        """Run a case with the values as they are."""
        run = Run(name, case, None, {})
        READ.clear()
        run.found = self.opened(run)
        run.read["context"] = set(READ)
        # Tables are kept, results are not.
        kept = run.found.inv._memory.items()
        run.tables = {key: value for key, value in kept if isinstance(key, tuple) and key[0] == "table"}
        seen = self.detect(run)
        READ.clear()
        run.said = self.say(self.opened(run), seen)
        run.read["verdict"] = set(READ)
        return run

    def rerun(self, run: Run, number: int) -> tuple[bool, bool]:
        """Return whether a case has other observations, and another verdict, with a threshold's value."""
        found = self.opened(replace(run, found=None)) if number in run.read["context"] else None
        seen = self.detect(run, number, found)
        before = [one for some in run.seen.values() for one in some]
        facts = [[(one.signal, round(one.strength, 3)) for one in some] for some in (before, seen)]
        said, confidence = self.say(found or self.opened(run), seen)
        changed = said != run.said[0] or abs(confidence - run.said[1]) > NO_CHANGE
        return facts[0] != facts[1], changed


def effect(engine: Engine, runs: list[Run], number: int, value: Any, most: int) -> str:
    """Return in words what another value of a threshold changes."""
    one = THRESHOLDS[number]
    readers = [run for run in runs if any(number in read for read in run.read.values())][:most]
    changed = 0
    one.now = value
    try:
        for run in readers:
            other, verdict = engine.rerun(run, number)
            if verdict:
                return f"verdict of {run.name}"
            changed += other
            if changed == ENOUGH_CHANGED:
                return f"signals of {changed} or more"
    except Exception as error:  # a value that no run can have shows that it matters
        return type(error).__name__
    finally:
        one.now = one.value
    return f"signals of {changed} of {len(readers)}" if changed else f"nothing in {len(readers)}"


def main(arguments: list[str]) -> int:
    """Print a table of thresholds and their effects."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--made-up", action="store_true", help="with the constructed worlds of the tests")
    parser.add_argument("--only", default="", metavar="TEXT", help="thresholds whose place contains TEXT")
    parser.add_argument("--cases", type=int, default=40, metavar="N", help="cases of each value, at most")
    parser.add_argument("--literals", action="store_true", help="with numbers within functions")
    parser.add_argument("--without", action="store_true", help="thresholds at their extremes")
    parser.add_argument("--conditions", action="store_true", help="conditions in place of thresholds")
    options = parser.parse_args(arguments)
    builtins._look_up_ = look_up  # type: ignore[attr-defined]
    builtins._condition_ = condition  # type: ignore[attr-defined]
    sys.meta_path.insert(0, Finder(literals=options.literals, conditions=options.conditions))
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from watchme_analysis.case.opening import open_case

    engine = Engine()
    sources = [
        (f"{folder.name}/{path.name}", lambda path=path: open_case(path))
        for folder in options.folders
        for path in sorted(folder.iterdir())
        if path.is_dir()
    ]
    if options.made_up:
        from worlds.health_constructed import CONSTRUCTED
        from worlds.health_scenarios import SCENARIOS

        builders = (*SCENARIOS, *(one.build for one in CONSTRUCTED))
        sources += [(build.__name__, build) for build in builders]
    runs = [engine.read(name, opened()) for name, opened in sources]
    print("| threshold | value | changed | effect |\n|---|--:|--:|---|")
    for number, one in enumerate(THRESHOLDS):
        if options.only not in one.place or options.conditions != (one.value is False):
            continue
        for label, value in one.variants(extreme=options.without):
            done = effect(engine, runs, number, value, options.cases)
            print(f"| {one.place} | {one.value} | {label} | {done} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

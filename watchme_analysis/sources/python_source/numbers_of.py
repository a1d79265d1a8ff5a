"""The numbers that names stand for: constants of a module, and what callers may ask a handler for."""

from __future__ import annotations

import ast

from watchme_analysis.sources.python_source.blocking_calls import HEAVY_STEPS, number
from watchme_analysis.sources.python_source.tree import Function, Module, parameters_of


def constants_of(module: Module) -> dict[str, float]:
    """Return the numbers that names of a module are bound to."""
    found: dict[str, float] = {}
    for node in module.tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=False))
                for name, value in pairs:
                    known = number(value, found)
                    if isinstance(name, ast.Name) and known is not None:
                        found[name.id] = known
    return found


def asked_for(function: Function, constants: dict[str, float]) -> dict[str, float]:
    """Return what callers may ask for by a handler's whole numbers, by name: many, or as FastAPI bounds it.

    Numbers that the handler compares or sets anew are left out: it may bound them itself.

    Parameters
    ----------
    function
        A handler.
    constants
        Numbers that names of its module stand for.
    """
    parts = list(ast.walk(function.node))
    bounded = {one.id for one in parts if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    for part in parts:
        if isinstance(part, ast.Compare):
            bounded |= {one.id for one in ast.walk(part) if isinstance(one, ast.Name)}
    found: dict[str, float] = {}
    for argument, default in parameters_of(function):
        said = [inner for part in (argument.annotation, default) if part for inner in ast.walk(part)]
        if argument.arg in bounded or not any(isinstance(one, ast.Name) and one.id == "int" for one in said):
            continue
        bounds = [
            known
            for call in said
            if isinstance(call, ast.Call)
            for keyword in call.keywords
            if keyword.arg in ("le", "lt") and (known := number(keyword.value, constants)) is not None
        ]
        found[argument.arg] = min([HEAVY_STEPS, *bounds])
    return found

"""Readers of evidence files, as ``readers.toml`` in this folder lists and explains them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from watchme_analysis.aws_shapes.responses import has_key
from watchme_analysis.files.evidence_file import RawFile, Source, is_blank, name_fits, one_table

# Keys of an entry that name functions of its module.
_FUNCTIONS = ("read", "read_table", "looks_like", "finish", "declined")


@cache
def _entries() -> list[dict[str, Any]]:
    text = Path(__file__).with_name("readers.toml").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = tomllib.loads(text)["reader"]
    return entries


@cache
def sources() -> tuple[Source, ...]:
    """Return all readers in the order in which the importer tries them."""
    return tuple(map(_source, _entries()))


@cache
def aws_tables() -> frozenset[str]:
    """Return the names of the tables that AWS responses fill, which ``watchme case pull`` collects."""
    of_aws = (entry for entry in _entries() if entry["module"].startswith("aws_shapes."))
    return frozenset(table for entry in of_aws for table in entry["tables"])


def _named(path: str) -> Any:
    """Return what a module of the package names."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(f"watchme_analysis.{module}"), name)


def _source(entry: dict[str, Any]) -> Source:
    """Return the reader of an entry."""
    tables, files = tuple(entry["tables"]), tuple(entry.get("files", ()))
    functions = {
        key: _named(entry[key] if "." in entry[key] else f"{entry['module']}.{entry[key]}")
        for key in _FUNCTIONS
        if key in entry
    }
    if "read_table" in functions:
        functions["read"] = one_table(tables[0], functions.pop("read_table"))
    return Source(
        name=entry["name"],
        tables=tables,
        patterns=files,
        looks_like=functions.pop("looks_like", _content_check(entry, files)),
        by_content=entry.get("by_content", False),
        keep=entry.get("keep", False),
        samples=tuple((sample["text"], sample["rows"]) for sample in entry["samples"]),
        **functions,
    )


def _content_check(entry: dict[str, Any], files: tuple[str, ...]) -> Callable[[RawFile], bool]:
    """Return the check of a content by the keys or words of an entry."""
    words = [word.encode() for word in entry.get("words", ())]

    def fits(raw: RawFile) -> bool:
        if words:
            head = raw.head()
            return not head.strip() or any(word in head for word in words)
        if is_blank(raw):
            return "blank" in entry
        if_named = entry.get("keys_if_named", ()) if name_fits(raw.name, files) else ()
        are_there = (all(has_key(raw, key) for key in keys.split()) for keys in (*entry["keys"], *if_named))
        return any(are_there) and not has_key(raw, *entry.get("without", ()))

    return fits

"""An Nginx configuration as a tree of blocks, and the directives in force in each block.

A directive is in force in its block and in the blocks inside, until an inner block states it again: then only
the inner statements count, also for directives that may be repeated. Directives that act only in their own
block (``proxy_pass``, ``return``, ``rewrite``, ``try_files``) are not inherited.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Directives with a meaning of their own for routing.
DIRECTIVES = tomllib.loads(Path(__file__).with_name("directives.toml").read_text(encoding="utf-8"))
NOT_INHERITED = frozenset(DIRECTIVES["not_inherited"])


@dataclass
class Block:
    """A directive with the directives inside of it."""

    number: int
    file: str
    line: int
    name: str
    args: tuple[str, ...]
    parent: Block | None = None
    children: list[Block] = field(default_factory=list)

    def inside(self, name: str) -> list[Block]:
        """Return the directives of a name that stand directly inside."""
        return [child for child in self.children if child.name == name]

    def first(self, name: str) -> tuple[str, ...] | None:
        """Return the arguments of the first directive of a name directly inside."""
        return next((child.args for child in self.children if child.name == name), None)


def configuration_tree(directives: pd.DataFrame, layer: str) -> Block:
    """Return the configuration of a layer: a nameless block around everything.

    ``layer``: ``nginx`` or ``edge``.

    An empty one when the layer has no directives. ``server`` and ``upstream`` blocks that stand outside of an
    ``http`` block (a ``conf.d`` file read alone) are put into the first ``http`` block there is.
    """
    import pandas as pd

    rows = directives[directives["layer"] == layer]
    top = Block(-1, "", 0, "", ())
    blocks: dict[int, Block] = {}
    for row in rows.sort_values("id", kind="stable").to_dict("records"):
        block = Block(
            int(row["id"]), row["file"], int(row["line"]), row["directive"], tuple(json.loads(row["args"]))
        )
        parent = row["parent"]
        # A case that was edited by hand may lack a parent.
        block.parent = top if pd.isna(parent) else blocks.get(int(parent), top)
        block.parent.children.append(block)
        blocks[block.number] = block
    https = top.inside("http")
    for child in [child for child in top.children if child.name in ("server", "upstream")]:
        if https:
            top.children.remove(child)
            child.parent = https[0]
            https[0].children.append(child)
    return top


def ancestry(block: Block) -> list[Block]:
    """Return the blocks around a block, itself first, outermost last."""
    found = [block]
    while found[-1].parent is not None:
        found.append(found[-1].parent)
    return found


def in_force(block: Block) -> dict[str, list[Block]]:
    """Return, by name, the directives in force in a block: its own, else those of the nearest outer one.

    Directives of :data:`NOT_INHERITED` hold in the block in which they are written only.
    """
    found: dict[str, list[Block]] = {}
    for depth, level in enumerate(ancestry(block)):
        here: dict[str, list[Block]] = defaultdict(list)
        for child in level.children:
            if not child.children and (depth == 0 or child.name not in NOT_INHERITED):
                here[child.name].append(child)
        for name, statements in here.items():
            found.setdefault(name, statements)
    return found


def locations_of(block: Block) -> list[tuple[Block, str, str]]:
    """Return the locations directly inside a server or location: block, modifier, pattern."""
    found = []
    for child in block.inside("location"):
        args = child.args
        modifier, pattern = (args[0], args[1]) if len(args) > 1 else ("", args[0] if args else "")
        if not modifier and pattern.startswith("@"):
            modifier = "@"
        # nginx reads `location ~*\.png$` as modifier and pattern, too.
        if not modifier and (joined := re.match(r"(=|\^~|~\*|~)(.+)", pattern)):
            modifier, pattern = joined[1], joined[2]
        found.append((child, modifier, pattern))
    return found

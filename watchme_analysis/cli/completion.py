"""Shell completion of cases, queues, systems and queries; click completes commands and options itself.

Nothing is printed and no error is raised here: a shell calls this while somebody types. Cases are found by
their manifest alone, so that no table is read and pandas is not imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from watchme_analysis.case.manifest import MANIFEST, case_folders
from watchme_analysis.config import Config, load_config
from watchme_analysis.errors import WatchmeError

# Column of the queue's name in the tables of a case that have one.
_QUEUE_COLUMNS = {"queues": "queue", "queue_messages": "queue"}


class CasePath(click.Path):
    """Path of a case, or of a folder of evidence; a shell completes cases, then folders."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the cases whose path begins with what was typed, else folders."""
        home = Path(incomplete).parent if "/" in incomplete else Path()
        return _items(map(str, case_folders(home)), incomplete) or [CompletionItem(incomplete, type="dir")]


CASE = CasePath()


def complete_queues(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the queues of the systems in watchme.toml, and of the case that was typed before."""
    names = [queue for system in _config().systems.values() for queue in system.queues]
    # Where the option is the last word, click stops parsing and leaves the arguments unnamed.
    words = [ctx.params.get("case"), *(ctx.params.get("cases") or ()), *ctx.args]
    for folder in dict.fromkeys(Path(word) for word in words if word):
        names += _queues_of_case(folder)
    return _items(names, incomplete)


def complete_systems(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the systems of watchme.toml."""
    return _items(_config().systems, incomplete)


def complete_queries(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the queries of the library, each with its description."""
    from watchme_analysis.cloudwatch.insights.query_library import library

    return [
        CompletionItem(item.name, help=item.description)
        for item in library().values()
        if item.name.startswith(incomplete)
    ]


def complete_question_or_case(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the questions of an argument, and the cases that may take its place."""
    questions = param.type.shell_complete(ctx, param, incomplete)
    return [*questions, *CASE.shell_complete(ctx, param, incomplete)]


def _config() -> Config:
    with suppress(WatchmeError):
        return load_config()
    return Config()


def _queues_of_case(folder: Path) -> list[str]:
    """Return the names of the queues in the tables of a case; none for another folder or a damaged case."""
    from watchme_analysis.case.case_folder import read_case

    names: dict[str, None] = {}
    if not (folder / MANIFEST).is_file():
        return []
    for table, column in _QUEUE_COLUMNS.items():
        with suppress(Exception):  # a damaged file must not print anything into the shell
            found = read_case(folder).table(table)[column].dropna().unique()
            names |= dict.fromkeys(str(value) for value in found if value)
    return [*names]


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    found = dict.fromkeys(name for name in names if name.startswith(incomplete))
    return [CompletionItem(name) for name in sorted(found)]

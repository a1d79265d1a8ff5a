"""Sentences and tables as Markdown for wikis and pull requests (GitHub Flavored Markdown).

Text from evidence is escaped, so that it neither formats the page nor links, embeds or mentions anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from watchme_analysis.present.display import TableView
from watchme_analysis.redact import redacted, redacted_cell

# Characters that format, link, embed, quote or mention, wherever they stand. The hyphen, the plus sign and
# the dot act at the start of a line only, where no sentence of this package has them.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~&@!])")
# The colon of an address, which GitHub would make a link.
_ADDRESS = re.compile(r"\b(https?|ftp|www)([:.])", re.IGNORECASE)


def markdown_text(sentence: str) -> str:
    """Return a sentence on one line as Markdown, with text between backticks as code and secrets masked."""
    parts = re.split(r"`([^`]+)`", redacted(" ".join(sentence.split())))
    return "".join(_code(part) if at % 2 else _escaped(part) for at, part in enumerate(parts))


def markdown_block(text: str, kind: str = "") -> str:
    """Return code, such as commands or a query, as a fenced block."""
    ticks = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, ticks + 1)
    return f"{fence}{kind}\n{text.rstrip()}\n{fence}"


def markdown_rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text as a table."""
    lines = [[markdown_text(head) for head in heads], ["---"] * len(heads)]
    lines += [
        [markdown_text(redacted_cell(head, text)) for head, text in zip(heads, row, strict=True)]
        for row in rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_table(view: TableView) -> str:
    """Return a table of a page with its caption and note; without rows, the note alone."""
    note = markdown_text(view.note)
    if not view.rows:
        return note
    parts = [f"**{markdown_text(view.caption)}**", markdown_rows(view.heads, view.rows), note]
    return "\n\n".join(filter(None, parts))


def _escaped(text: str) -> str:
    return _ADDRESS.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", text))


def _code(text: str) -> str:
    """Return code without a pipe, which would end the cell of a table even within code."""
    return f"`{text}`" if "|" not in text else _escaped(text)

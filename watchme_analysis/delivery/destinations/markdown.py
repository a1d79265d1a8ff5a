"""Markdown files: one per incident, replaced with each change, for further automation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from watchme_analysis.delivery.content import Content
from watchme_analysis.delivery.destinations.base import Delivery, DeliveryError
from watchme_analysis.files.atomic_write import write_atomically
from watchme_analysis.report.folder import slug

# Characters with which text from evidence could make links, headings or tables.
_MARKS = re.compile(r"([\[\]<>|#\\])")


@dataclass(frozen=True)
class MarkdownSender:
    """Delivery as a file below a folder.

    Attributes
    ----------
    folder
        The folder; created when missing.
    """

    folder: Path
    wants_page: ClassVar[bool] = False
    repeatable_for: ClassVar[timedelta] = timedelta.max

    def send(self, delivery: Delivery) -> str:
        """Write the file; return its path."""
        path = self.folder / f"{slug(delivery.notice.thread)}.md"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, as_markdown(delivery.content).encode(errors="backslashreplace"))
        except OSError as error:
            raise DeliveryError(f"{path} can't be written ({error.strerror}).", is_temporary=True) from error
        return str(path)

    def link(self, delivery: Delivery) -> str | None:
        """Return None: no report is stored here."""
        del delivery
        return None


def as_markdown(content: Content) -> str:
    """Return the texts of a notice as Markdown."""
    parts = [f"# {_escaped(content.title)}"]
    parts += [f"**{_escaped(text)}**" for text in content.changes]
    parts += map(_escaped, content.sentences)
    if content.steps:
        parts += [f"## {content.steps_label}", *map(_escaped, content.steps)]
    if content.facts:
        parts.append("\n".join(f"- {_escaped(name)}: {_escaped(value)}" for name, value in content.facts))
    if content.link:
        parts.append(f"[{content.link_label}](<{content.link}>)")
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    """Return a text in one line whose marks are shown as they are, except in code."""
    pieces = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(piece if at % 2 else _MARKS.sub(r"\\\1", piece) for at, piece in enumerate(pieces))

"""Markdown files: one per incident, replaced with each change, for further automation.

A file begins with what has changed; the postmortem of `watchme report --format markdown` follows.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from watchme_analysis.delivery.content import Content
from watchme_analysis.delivery.destinations.base import (
    POSTMORTEM_FORM,
    Delivery,
    DeliveryError,
    Sender,
)
from watchme_analysis.delivery.destinations.files import write_sample
from watchme_analysis.present.markdown import markdown_text
from watchme_analysis.storage.atomic_write import write_atomically
from watchme_analysis.text.file_names import slug
from watchme_analysis.text.render import error_message


class MarkdownSender(Sender):
    """Delivery as a file below a folder, which is created when missing."""

    form: ClassVar[str] = POSTMORTEM_FORM

    def send(self, delivery: Delivery) -> str:
        """Write the file; return its path."""
        folder = Path(self.settings["folder"]).absolute()
        path = folder / f"{slug(delivery.notice.thread)}.md"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            text = as_markdown(delivery.content)
            if delivery.page is not None:
                text += "\n" + delivery.page.read_text(encoding="utf-8")
            write_atomically(path, text.encode(errors="backslashreplace"), follow_links=False)
        except OSError as error:
            raise DeliveryError(
                error_message("error-destination-unwritable", path=path, reason=error), is_temporary=True
            ) from error
        return str(path)

    def send_sample(self, delivery: Delivery) -> str:
        """Write the file of the sample; return its path."""
        return write_sample(Path(self.settings["folder"]).absolute(), delivery)


def as_markdown(content: Content) -> str:
    """Return the texts of a notice as Markdown."""
    parts = [f"# {markdown_text(content.title)}"]
    parts += [f"**{markdown_text(text)}**" for text in content.changes]
    if content.facts:
        parts.append(
            "\n".join(f"- {markdown_text(name)}: {markdown_text(value)}" for name, value in content.facts)
        )
    parts += map(markdown_text, content.sentences)
    if content.steps:
        parts += [f"## {content.steps_label}", *map(markdown_text, content.steps)]
    if content.link:
        parts.append(f"[{content.link_label}](<{content.link}>)")
    return "\n\n".join(parts) + "\n"

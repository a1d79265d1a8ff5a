"""The page in ``docs/causes`` that explains how to confirm, fix and prevent a cause."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGES = Path(__file__).resolve().parents[2] / "docs" / "causes"
_LINK = re.compile(r"\[([^\]]+)\]\(\w+\.md\)")


def remedy_page(diagnosis: Mapping[str, Any] | None) -> dict[str, Path]:
    """Return the page of each cause that a diagnosis supports; empty where none is, or without a clone.

    Parameters
    ----------
    diagnosis
        As :meth:`watchme_analysis.inference.findings.Diagnosis.to_dict` gives it.
    """
    if not diagnosis or diagnosis.get("verdict") != "supported":
        return {}
    causes = (diagnosis.get("cause"), diagnosis.get("secondary_cause"))
    pages = {str(cause): PAGES / f"{cause}.md" for cause in causes if cause}
    return {cause: page for cause, page in pages.items() if page.is_file()}


def steps(page: Path) -> str:
    """Return how to make sure, fix and prevent, from a cause's page, as Markdown that stands alone.

    Headings become bold, so that they are none of the report's, and links to other pages their words.
    """
    text = page.read_text(encoding="utf-8")
    told = text[text.index("## Confirm") :]
    return re.sub(r"^## (.+)$", r"**\1**", _LINK.sub(r"\1", told), flags=re.MULTILINE)

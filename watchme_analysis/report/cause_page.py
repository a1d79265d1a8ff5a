"""The page in ``docs/causes`` that explains how to confirm, fix and prevent a cause."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from watchme_analysis.inference.causes import causes
from watchme_analysis.installation import PROJECT_FILES
from watchme_analysis.services.diagnose import QUESTIONS

PAGES = PROJECT_FILES / "docs" / "causes"
_LINK = re.compile(r"\[([^\]]+)\]\([\w.]+\.md\)")


def remedy_page(diagnosis: Mapping[str, Any] | None, language: str) -> dict[str, Path]:
    """Return the page of each supported cause of a diagnosis in a language, by cause id.

    The result is empty without a supported cause.

    Parameters
    ----------
    diagnosis
        Dictionary from :meth:`watchme_analysis.inference.findings.Diagnosis.to_dict`; None without a
        diagnosis.
    language
        Language of the reader. Beside ``throttled.md`` lies ``throttled.ja.md``.
    """
    # The result of a report is a file, which another program or release may have written.
    question = (diagnosis or {}).get("question")
    if not diagnosis or diagnosis.get("verdict") != "supported" or question not in QUESTIONS:
        return {}
    named = [str(diagnosis.get(name) or "") for name in ("cause", "secondary_cause")]
    named += diagnosis.get("other_causes") or []
    known = {one.cause: one.page for one in causes(question)}
    pages = {cause: PAGES / page for cause in named if (page := known.get(cause))}
    found = {cause: in_language(page, language) for cause, page in pages.items()}
    return {cause: page for cause, page in found.items() if page.is_file()}


def in_language(page: Path, language: str) -> Path:
    """Return the path of a page in a language; that of the English page if there is no other."""
    other = page.with_suffix(f".{language}{page.suffix}")
    return other if other.is_file() else page


def steps(page: Path) -> str:
    """Return the sections on confirming, fixing and preventing a cause as self-contained Markdown.

    Headings become bold text, to keep them out of the headings of the report. Links to other pages become
    text.
    """
    text = page.read_text(encoding="utf-8")
    before = re.search(r"^## (?:Confirm|確認)$", text, re.MULTILINE)
    section = text[before.start() :] if before else ""
    return re.sub(r"^## (.+)$", r"**\1**", _LINK.sub(r"\1", section), flags=re.MULTILINE)

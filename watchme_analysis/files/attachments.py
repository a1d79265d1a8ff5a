"""Files that a notebook attaches to its report."""

from __future__ import annotations

import os
from pathlib import Path

# Environment variable: folder where attachments are collected, as for a report.
TAKE_AWAY_VARIABLE = "WATCHME_TAKE_AWAY"


def is_report() -> bool:
    """Return True in the kernel of a report, which collects attachments and renders a page."""
    return bool(os.environ.get(TAKE_AWAY_VARIABLE))


def attach(name: str, text: str) -> None:
    """Write an attachment if attachments are collected; a notebook that is run by hand writes none."""
    folder = os.environ.get(TAKE_AWAY_VARIABLE)
    if folder:
        place = Path(folder)
        place.mkdir(exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")

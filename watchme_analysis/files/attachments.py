"""Files that a notebook gives its reader to take away, where somebody collects them."""

from __future__ import annotations

import os
from pathlib import Path

# Environment variable: folder where files to take away are collected, as a report does beside its page.
TAKE_AWAY_VARIABLE = "WATCHME_TAKE_AWAY"


def attach(name: str, text: str) -> None:
    """Leave a file for whoever collects; a notebook that is run by hand writes none."""
    folder = os.environ.get(TAKE_AWAY_VARIABLE)
    if folder:
        place = Path(folder)
        place.mkdir(exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")

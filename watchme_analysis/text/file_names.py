"""Names that become parts of paths: of systems, cases, queues and reports.

A name from a file or a service must never lead out of the folder in which its file is made.
"""

from __future__ import annotations

import re

_LONGEST_SLUG = 60
# Separators of any system, and what no file system accepts.
_SEPARATORS = re.compile(r"[/\\\0]|^[A-Za-z]:")


def is_file_name(text: str) -> bool:
    """Return whether a text is the name of a file within a folder, as it is.

    It is neither empty nor hidden, and has no separator, so that it is not ``..`` either.
    """
    return bool(text) and not text.startswith(".") and _SEPARATORS.search(text) is None


def slug(text: str) -> str:
    """Return a text as part of a file name: words in any script, joined by hyphens."""
    return re.sub(r"[^\w.]+", "-", text).strip("-.")[:_LONGEST_SLUG].strip("-.") or "unnamed"

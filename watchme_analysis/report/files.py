"""Files that a report gives to take away, beside its page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from watchme_analysis.report.request import Request


def write_files(request: Request, diagnosis: Mapping[str, Any] | None, folder: Path) -> list[str]:
    """Write the messages to send again, if a report about a backlog found any; return the files' names.

    Parameters
    ----------
    request
        What was asked.
    diagnosis
        What the notebook found, None when it failed.
    folder
        Folder of the run.
    """
    if diagnosis is None or not diagnosis.get("dead_lettered_work"):
        return []
    from watchme_analysis.analysis.backlog_resend import FILE, messages_to_resend

    found = messages_to_resend(request.case, request.parameters.get("queue") or None)
    if not found.lines:
        return []
    (folder / FILE).write_text(found.text, encoding="utf-8")
    return [FILE]

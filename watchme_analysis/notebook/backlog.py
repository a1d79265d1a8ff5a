"""The page of the question why a queue backs up."""

from __future__ import annotations

from dataclasses import dataclass

from watchme_analysis.notebook.page import Page


@dataclass
class BacklogPage(Page):
    """Sections of the backlog notebook, each one call."""

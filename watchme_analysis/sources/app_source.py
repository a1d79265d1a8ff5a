"""An application's Python source: handlers, and calls that can block, read without running it."""

from __future__ import annotations

from watchme_analysis.sources.raw import Source

SOURCES: tuple[Source, ...] = ()

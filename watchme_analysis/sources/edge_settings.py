"""Exports of the edge's configuration (zone settings, rules), flattened to dotted paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.schema import conform
from watchme_analysis.sources.flatten import flatten
from watchme_analysis.sources.raw import RawFile, Source, load_json, one_table

if TYPE_CHECKING:
    import pandas as pd


def read_edge_settings(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Read an export such as Cloudflare's zone settings and rules.

    Returns
    -------
    frame, retrieval
        Table ``edge_settings``: one row per leaf. Of a torn document the whole part is kept.
    """
    import pandas as pd

    content = raw.content
    value, problem = load_json(content.data) if content.data.strip() else (None, None)
    rows = [] if value is None else [{"file": raw.relative, "path": p, "value": v} for p, v in flatten(value)]
    problems = [reason for reason in (content.problem, problem) if reason]
    frame = conform("edge_settings", pd.DataFrame(rows))
    return frame, Retrieval(
        source="edge_settings",
        origin=raw.relative,
        rows=len(frame),
        rejected=tuple(Rejected(raw.relative, 0, reason) for reason in problems),
        truncated=bool(problems),
    )


def _looks_like(raw: RawFile) -> bool:
    head = raw.head(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    return not head or head[:1] in (b"{", b"[")


SOURCES = (
    Source(
        name="edge_settings",
        tables=("edge_settings",),
        patterns=("edge-settings*.json", "edge_settings*.json", "zone-settings*.json"),
        looks_like=_looks_like,
        read=one_table("edge_settings", read_edge_settings),
        keep=True,
        samples=(('{"rules": [{"action": "bypass", "paths": []}], "proxied": true}', 3),),
    ),
)

"""Exports of the edge's configuration (zone settings, rules), flattened to dotted paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchme_analysis.errors import FormatError
from watchme_analysis.files.evidence_file import RawFile, load_json, name_fits
from watchme_analysis.files.json_values import flatten, within_limit
from watchme_analysis.files.storable_values import frame_of_rows
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.text.message import Resource, message
from watchme_analysis.text.render import error_message, note

if TYPE_CHECKING:
    import pandas as pd


# Names by which any JSON is taken for settings.
_NAMES = ("edge-settings*.json", "edge_settings*.json", "zone-settings*.json")
# Text of an API response for a zone without rules of a phase, which is not a failure.
_NO_RULES = "could not find entrypoint ruleset"
# Keys that together identify a ruleset, a page rule or a setting of a zone.
_KINDS = ({"phase", "kind"}, {"targets", "actions"}, {"id", "value", "editable"})


def read_edge_settings(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the table ``edge_settings``, one row per leaf of an export, and the retrieval.

    The export is such as Cloudflare's zone settings and rules. Of a truncated document the complete part is
    kept; a response with an error is rejected, and a file with counts of requests is a FormatError.
    """
    content = raw.content
    value, problem = load_json(content.data) if content.data.strip() else (None, None)
    if _is_analytics(value):
        raise FormatError(error_message("error-edge-analytics"))
    refusal = _refusal(value)
    if refusal is not None:
        value, problem = None, refusal or problem
    leaves = () if value is None else flatten(value)
    rows, cut = within_limit({"file": raw.relative, "path": path, "value": leaf} for path, leaf in leaves)
    problems = [reason for reason in (content.problem, problem, cut) if reason]
    frame = frame_of_rows("edge_settings", rows, raw.remarks)
    return frame, Retrieval(
        source="edge_settings",
        origin=raw.relative,
        rows=len(frame),
        rejected=tuple(Rejected(raw.relative, 0, reason) for reason in problems),
        truncated=bool(problems),
    )


def _refusal(value: Any) -> str | None:
    """Return the reason why an API response holds no settings; empty for a phase without rules; else None."""
    if not isinstance(value, dict) or value.get("success") is not False:
        return None
    errors = value.get("errors")
    said = [str(one.get("message", one)) for one in errors or [] if isinstance(one, dict)]
    if any(_NO_RULES in text for text in said):
        return ""
    reason = Resource("; ".join(said)) if said else message("error-edge-refused-no-reason")
    return note("error-edge-refused", reason=reason)


def _is_analytics(value: Any) -> bool:
    data = value.get("data") if isinstance(value, dict) else None
    return isinstance(data, dict) and "viewer" in data


def looks_like(raw: RawFile) -> bool:
    """Return True for a settings file by its name, or for a response with rules or settings of a zone."""
    head = raw.head(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if name_fits(raw.name, _NAMES):
        return not head or head[:1] in (b"{", b"[")
    if head[:1] != b"{" or not (b'"result"' in head or b'"viewer"' in head):
        return False
    value, _ = load_json(raw.content.data)
    result = value.get("result") if isinstance(value, dict) else None
    first = result[0] if isinstance(result, list) and result else result
    return _is_analytics(value) or (isinstance(first, dict) and any(kind <= set(first) for kind in _KINDS))

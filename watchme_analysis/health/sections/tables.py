"""Tables of a health question that put several columns of a frame into one."""

from __future__ import annotations

import math
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from watchme_analysis.present.display import TableView, cell
from watchme_analysis.text.formats import format_duration, format_number

if TYPE_CHECKING:
    import pandas as pd

_HEADS = (
    "endpoint",
    "seen from",
    "bad, baseline",
    "bad, incident",
    "of these failed",
    "median, baseline → incident",
    "p90, baseline → incident",
    "ratio of medians",
    "effect (Cliff's δ)",
)


def comparison_table(frame: pd.DataFrame, zone: tzinfo) -> TableView:
    """Return baseline against incident, counts beside medians and effects.

    Parameters
    ----------
    frame
        Frame of :func:`watchme_analysis.health.frames.baseline_comparison`.
    zone
        Zone of the reader.
    """
    # Medians of fewer requests than the row counts have their own count.
    partly = bool(
        (frame["baseline_timed"] != frame["baseline_count"]).any()
        or (frame["incident_timed"] != frame["incident_count"]).any()
    )
    rows = tuple(
        (
            str(row.family),
            str(row.vantage),
            f"{row.baseline_bad:,d} of {row.baseline_count:,d}",
            f"{row.incident_bad:,d} of {row.incident_count:,d}",
            cell(int(row.incident_failed), zone),
            _change(row.baseline_median_s, row.incident_median_s) + (_timed(row) if partly else ""),
            _change(row.baseline_p90_s, row.incident_p90_s),
            "–" if math.isnan(row.median_ratio) else f"× {format_number(row.median_ratio, 2)}",
            "–" if math.isnan(row.cliffs_delta) else f"{row.cliffs_delta:+.2f}",
        )
        for row in frame.itertuples()
    )
    note = (
        "Bad: failed, or over twice its usual time and half a second more. Cliff's δ: +1 when every request "
        "of the incident took longer than every other, 0 when there is no difference."
        if rows
        else "No rows: no request or probe was recorded."
    )
    caption = "Baseline (all time outside the incident) against incident"
    return TableView(caption, _HEADS, rows, note, _from(2, len(_HEADS)))


def _timed(row: Any) -> str:
    return f" ({row.baseline_timed:,d} → {row.incident_timed:,d} timed)"


def _change(before: float, during: float) -> str:
    known = ["–" if math.isnan(value) else format_duration(float(value)) for value in (before, during)]
    return f"{known[0]} → {known[1]}" if known != ["–", "–"] else "–"


_HOPS = {"to_nginx": "to Nginx", "to_app": "Nginx to application"}
_KINDS = ("new", "kept", "not told")
_BY_CONNECTION = (
    "connection",
    "endpoint",
    *(f"bad of {kind}, baseline → incident" for kind in ("new", "kept", "those not told")),
    *(f"median of {kind}, baseline → incident" for kind in ("new", "kept")),
)


def by_connection_table(frame: pd.DataFrame, overtaken: tuple[int, int]) -> TableView:
    """Return results of requests over new and over keep-alive connections.

    Parameters
    ----------
    frame
        Frame of :func:`watchme_analysis.requests.connection_reuse.outcome_by_connection`.
    overtaken
        Bad requests of the incident over new connections that one over a kept connection overtook, of how
        many.
    """
    rows = []
    for (hop, family), group in frame.groupby(["hop", "family"], sort=False):
        kinds = {row.connection: row for row in group.itertuples()}
        rows.append(
            (
                _HOPS[hop],
                str(family),
                *(_bad(kinds.get(kind)) for kind in _KINDS),
                *(
                    _change(kinds[kind].baseline_median_s, kinds[kind].incident_median_s)
                    if kind in kinds
                    else "–"
                    for kind in _KINDS[:2]
                ),
            )
        )
    note = (
        "A new connection needs the way, room in the queue and a process that accepts it; a kept one needs "
        "an answer alone. More new ones are opened in a jam, so that more of these being bad says little by "
        "itself. Not told: connected in under half a millisecond or kept, and no answer in the application's "
        "log that would say which."
    )
    if overtaken[1]:
        note += (
            f" Of {overtaken[1]:,d} bad requests to the application over new connections {overtaken[0]:,d} "
            "were overtaken by a later one for the same endpoint, over a kept connection: it was answered "
            "before they ended."
        )
    if not rows:
        note = (
            "No rows: neither the edge's handshakes nor $connection_requests, $upstream_connect_time or the "
            "ports in the application's log were recorded."
        )
    caption = "New connections against kept ones"
    return TableView(caption, _BY_CONNECTION, tuple(rows), note, _from(2, len(_BY_CONNECTION)))


def _bad(row: Any) -> str:
    if row is None:
        return "–"
    return f"{row.baseline_bad:,d} of {row.baseline:,d} → {row.incident_bad:,d} of {row.incident:,d}"


def status_table(frame: pd.DataFrame) -> TableView:
    """Return counts of responses by class of status, baseline → incident in one cell.

    Parameters
    ----------
    frame
        Frame of :func:`watchme_analysis.requests.layers.status_classes`.
    """
    classes = [
        name for name in frame.columns if name not in ("family", "vantage", "phase") and frame[name].sum()
    ]
    rows = []
    for (family, vantage), group in frame.groupby(["family", "vantage"], sort=False):
        counts = [
            [int(group.loc[group["phase"] == phase, name].sum()) for phase in ("baseline", "incident")]
            for name in classes
        ]
        cells = [f"{before:,d} → {during:,d}" if before or during else "0" for before, during in counts]
        rows.append((str(family), str(vantage), *cells))
    note = "" if rows else "No rows: no request or probe was recorded."
    heads = ("endpoint", "seen from", *classes)
    return TableView("Answers by status, baseline → incident", heads, tuple(rows), note, _from(2, len(heads)))


def _from(first: int, length: int) -> frozenset[int]:
    return frozenset(range(first, length))

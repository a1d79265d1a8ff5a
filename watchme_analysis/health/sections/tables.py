"""Tables of a health question that put several columns of a frame into one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from watchme_analysis.present.display import TableView, cell
from watchme_analysis.text.formats import format_number
from watchme_analysis.text.render import duration_label, label, value_label

if TYPE_CHECKING:
    import pandas as pd

_COMPARED = (
    "endpoint",
    "vantage",
    "bad-baseline",
    "bad-incident",
    "of-these-failed",
    "median-change",
    "p90-change",
    "ratio-of-medians",
    "cliffs-delta",
)


def comparison_table(frame: pd.DataFrame, zone: tzinfo, language: str = "en") -> TableView:
    """Return baseline against incident, counts beside medians and effects."""
    # Medians of fewer requests than the row counts have their own count.
    partly = bool(
        (frame["baseline_timed"] != frame["baseline_count"]).any()
        or (frame["incident_timed"] != frame["incident_count"]).any()
    )
    rows = tuple(
        (
            str(row.route),
            value_label("vantage", str(row.vantage), language),
            label("part-of", language, part=int(row.baseline_bad), whole=int(row.baseline_count)),
            label("part-of", language, part=int(row.incident_bad), whole=int(row.incident_count)),
            cell(int(row.incident_failed), zone),
            _change(row.baseline_median_s, row.incident_median_s, language)
            + (_timed(row, language) if partly else ""),
            _change(row.baseline_p90_s, row.incident_p90_s, language),
            "–" if math.isnan(row.median_ratio) else f"× {format_number(row.median_ratio, 2)}",
            "–" if math.isnan(row.cliffs_delta) else f"{row.cliffs_delta:+.2f}",
        )
        for row in frame.itertuples()
    )
    note = label("comparison-note" if rows else "requests-none", language)
    return TableView(
        label("baseline-caption", language), _heads(_COMPARED, language), rows, note, _from(2, len(_COMPARED))
    )


def _heads(names: Iterable[str], language: str) -> tuple[str, ...]:
    return tuple(label(f"column-{name}", language) for name in names)


def _timed(row: Any, language: str) -> str:
    counts = {"baseline": int(row.baseline_timed), "incident": int(row.incident_timed)}
    return f" {label('comparison-timed', language, **counts)}"


def _change(before: float, during: float, language: str) -> str:
    known = [duration_label(float(value), language) for value in (before, during)]
    return f"{known[0]} → {known[1]}" if known != ["–", "–"] else "–"


# Kinds of connections, by their name in the frame.
_KINDS = ("new", "kept", "not told")
_BY_CONNECTION = (
    "connection",
    "endpoint",
    "bad-over-new",
    "bad-over-keep-alive",
    "bad-over-unknown",
    "median-over-new",
    "median-over-keep-alive",
)


def by_connection_table(frame: pd.DataFrame, language: str = "en") -> TableView:
    """Return :func:`requests.connection_reuse.outcome_by_connection` as a table."""
    rows = []
    for (hop, route), group in frame.groupby(["hop", "route"], sort=False):
        kinds = {row.connection: row for row in group.itertuples()}
        rows.append(
            (
                label(f"hop-{str(hop).replace('_', '-')}", language),
                str(route),
                *(_bad(kinds.get(kind), language) for kind in _KINDS),
                *(
                    _change(kinds[kind].baseline_median_s, kinds[kind].incident_median_s, language)
                    if kind in kinds
                    else "–"
                    for kind in _KINDS[:2]
                ),
            )
        )
    return TableView(
        label("by-connection-caption", language),
        _heads(_BY_CONNECTION, language),
        tuple(rows),
        label("by-connection-note" if rows else "by-connection-none", language),
        _from(2, len(_BY_CONNECTION)),
    )


def _bad(row: Any, language: str) -> str:
    if row is None:
        return "–"
    pairs = ((row.baseline_bad, row.baseline), (row.incident_bad, row.incident))
    return " → ".join(label("part-of", language, part=int(bad), whole=int(every)) for bad, every in pairs)


def status_table(frame: pd.DataFrame, language: str = "en") -> TableView:
    """Return counts of responses by status, baseline → incident in one cell."""
    statuses = sorted(frame["status"].unique(), key=lambda status: (not status.isdigit(), status))
    rows = []
    for (route, vantage), group in frame.groupby(["route", "vantage"]):
        counts = group["count"].groupby([group["status"], group["phase"].eq("incident")]).sum()
        pairs = [[int(counts.get((status, during), 0)) for during in (False, True)] for status in statuses]
        cells = [f"{before:,d} → {during:,d}" if before or during else "0" for before, during in pairs]
        rows.append((str(route), value_label("vantage", str(vantage), language), *cells))
    note = "" if rows else label("requests-none", language)
    heads = (
        *_heads(("endpoint", "vantage"), language),
        *(value_label("status", name, language) for name in statuses),
    )
    caption = label("statuses-caption", language)
    return TableView(caption, heads, tuple(rows), note, _from(2, len(heads)))


def _from(first: int, length: int) -> frozenset[int]:
    return frozenset(range(first, length))

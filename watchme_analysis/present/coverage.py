"""Tables on the coverage of a case and its gaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from watchme_analysis.present.display import TableView, cell, with_zone
from watchme_analysis.text.formats import format_time
from watchme_analysis.text.message import Duration, Resource, message, value_of
from watchme_analysis.text.render import label, render

Stretch = tuple[datetime, datetime]


def coverage_table(
    coverage: Mapping[str, Mapping[str, Any]], zone: tzinfo, language: str = "en"
) -> TableView:
    """Return a table with rows, window and losses of every table with input.

    The coverage is from :meth:`watchme_analysis.case.case_folder.Case.coverage`.
    """
    rows = []
    for name, entry in coverage.items():
        start, end = (_moment(entry[bound], zone) for bound in ("start", "end"))
        rejected = cell(int(entry["rejected"]), zone)
        notes = "; ".join(render(text, language) for text in entry["notes"])
        if entry["truncated"]:
            first, *more = entry["notes"] or [label("coverage-uncounted", language)]
            cut = message("coverage-cut-off", note=value_of(first))
            if more:
                cut = message("coverage-cut-off-more", note=value_of(first), more=len(more))
            notes = render(cut, language)
        rows.append((name, cell(int(entry["rows"]), zone), start, end, rejected, notes))
    names = ("table", "rows", "first", "last", "rejected-lines", "notes")
    heads = tuple(label(f"column-{name}", language) for name in names)
    caption = with_zone(label("coverage-caption", language), zone, language)
    return TableView(caption, heads, tuple(rows), numeric=frozenset({1, 4}))


def _moment(text: str | None, zone: tzinfo) -> str:
    return "–" if text is None else format_time(datetime.fromisoformat(text), zone)


def losses_table(
    coverage: Mapping[str, Mapping[str, Any]],
    gaps: Mapping[str, Sequence[Stretch]],
    absent: Mapping[str, Iterable[str]],
    zone: tzinfo,
    language: str = "en",
) -> TableView:
    """Return a table of missing data, so that missing data is not taken for the absence of failures.

    The coverage is from :meth:`watchme_analysis.case.case_folder.Case.coverage`. ``gaps`` are intervals
    without rows, by table; ``absent`` are tables without rows, with the hypotheses that need them.
    """

    def _render_message(message_id: str, **values: Any) -> str:
        return render(message(message_id, **values), language, zone)

    rows = [
        (
            name,
            _render_message("losses-no-row"),
            _render_message("losses-needed-by", causes=[cause.replace("_", " ") for cause in sorted(causes)]),
        )
        for name, causes in absent.items()
    ]
    for name, entry in coverage.items():
        if entry["rejected"]:
            kept = _render_message("losses-kept", table=Resource("rejected_lines"))
            rows.append((name, _render_message("losses-rejected", lines=int(entry["rejected"])), kept))
        if entry["truncated"]:
            notes = entry["notes"] or [_render_message("coverage-uncounted")]
            rows += [(name, _render_message("losses-cut-off"), render(text, language)) for text in notes]
    for name, stretches in gaps.items():
        rows += [
            (
                name,
                _render_message("losses-gap", lasted=Duration((end - start).total_seconds())),
                _render_message(
                    "losses-between",
                    start=Resource(format_time(start, zone)),
                    end=Resource(format_time(end, zone)),
                ),
            )
            for start, end in stretches
        ]
    note = "" if rows else _render_message("losses-none")
    heads = tuple(label(f"column-{name}", language) for name in ("table", "loss", "detail"))
    return TableView(with_zone(_render_message("losses-caption"), zone, language), heads, tuple(rows), note)

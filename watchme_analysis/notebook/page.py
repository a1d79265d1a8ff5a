"""Parts shared by the pages of all questions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError, WatchmeError
from watchme_analysis.inference.causes import cause_names
from watchme_analysis.inference.findings import Diagnosis, Investigation
from watchme_analysis.installation import PROJECT_FILES
from watchme_analysis.notebook.section import Section, records, section, sections_of
from watchme_analysis.present.coverage import coverage_table, losses_table
from watchme_analysis.present.display import (
    FigureView,
    TableView,
    TextView,
    column_heads,
    table,
    with_zone,
)
from watchme_analysis.present.finding import FindingsView, VerdictView, conclusion, next_evidence
from watchme_analysis.present.matrix import plot_evidence_matrix
from watchme_analysis.present.style import AxisSpan, Mark, drawn_language, mark_letter
from watchme_analysis.redact import described
from watchme_analysis.schema import TABLES
from watchme_analysis.services.diagnose import absent_tables, answer, causes_of, investigate
from watchme_analysis.stats.gaps import silent_intervals
from watchme_analysis.text.formats import format_time
from watchme_analysis.text.message import Resource, Text, message
from watchme_analysis.text.render import error_message, in_words, label, parse_language, render
from watchme_analysis.window import Window, parse_zone

if TYPE_CHECKING:
    import pandas as pd

# Tables with rows at all times while the system is up, so that a gap is significant.
_STEADY = ("probes", "access_log", "edge_log", "app_log", "host_metrics", "metrics")


def open_page(
    question: str, case: str, bounds: tuple[str, str], subject: str, shown: tuple[str, str]
) -> tuple[Investigation, tzinfo, str]:
    """Return the investigation, the time zone and the language for the parameters of a notebook.

    Parameters and errors as for :func:`watchme_analysis.notebook.open_health`.
    """
    timezone, language = shown
    about = "endpoint" if question == "health" else "queue"
    names = ("case", "since", "until", about, "timezone", "language")
    for name, value in zip(names, (case, *bounds, subject, *shown), strict=True):
        if not isinstance(value, str):
            raise InputError(error_message("error-page-parameter", name=name, value=repr(value)))
    language = parse_language(language or load_config().language)
    try:
        zone = parse_zone(timezone or load_config().time_zone)
        investigation = investigate(
            question,
            _resolved(case),
            since=bounds[0] or None,
            until=bounds[1] or None,
            zone=zone,
            subject=subject or None,
        )
    except WatchmeError as error:
        raise in_words(error, language) from None
    return investigation, zone, language


def _resolved(case: str) -> Path:
    """Return a folder relative to the working directory, else to the project or its notebooks."""
    path = Path(case)
    if not case.strip():
        raise InputError(error_message("error-page-no-case"))
    here = [path] if path.is_absolute() else [path, PROJECT_FILES / path, PROJECT_FILES / "notebooks" / path]
    return next((place for place in here if place.is_dir()), path)


def _utc(times: pd.Series) -> pd.Series:
    """Return times in UTC, also those of texts."""
    import pandas as pd

    return pd.to_datetime(times.astype("object"), utc=True, format="ISO8601").dt.as_unit("us")


@dataclass(repr=False)
class Page:
    """Sections that the notebooks of all questions have.

    Attributes
    ----------
    investigation
        Case, question and window.
    zone
        Time zone of the times shown.
    language
        Language of the texts shown, ``en`` or ``ja``.
    """

    investigation: Investigation
    zone: tzinfo
    language: str

    def __repr__(self) -> str:
        """Return question and case in one line."""
        return described(self, f"of {self.investigation!r}")

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """Return the diagnosis, computed once."""
        return answer(self.investigation)

    @property
    def incident(self) -> tuple[datetime, datetime | None] | None:
        """Return start and end of the incident; None without an incident or a known start."""
        found = self.diagnosis
        if found.incident_start is None or found.verdict == "no_incident":
            return None
        return found.incident_start, found.incident_end

    @property
    def _bounds(self) -> tuple[datetime | None, datetime | None]:
        """Return start and end of the incident; None for an unknown bound."""
        return self.incident or (None, None)

    @property
    def _start(self) -> datetime | None:
        return self._bounds[0]

    @property
    def window(self) -> Window:
        """Return the window of the figures: that of the parameters, else that of the case."""
        case = self.investigation.case
        window = self.investigation.window or case.window
        if window is None:
            raise InputError(error_message("error-page-no-times", case=case.name))
        return window

    def span(self, marks: tuple[Mark, ...] = ()) -> AxisSpan:
        """Return the contents that the time axes of this page share."""
        shown = tuple(mark for mark in marks if self.window.contains(mark.time))
        return AxisSpan(self.window, self.zone, self.incident, shown, self.language)

    @section(lambda page: page._coverage_rows(), lambda page: page._row_counts())
    def coverage(self) -> TableView:
        """Return a table of the tables of the case with rows, windows and losses."""
        return coverage_table(self.investigation.case.coverage(), self.zone, self.language)

    @section(lambda page: page._loss_rows(), lambda page: page._row_counts())
    def losses(self) -> TableView:
        """Return a table of missing data: absent tables, rejected lines, truncated rows and gaps."""
        absent = absent_tables(self.investigation)
        gaps = {}
        for name in _STEADY:
            stretches = silent_intervals(self.investigation.table(name)[str(TABLES[name].time)])
            if stretches:
                gaps[name] = stretches
        return losses_table(self.investigation.case.coverage(), gaps, absent, self.zone, self.language)

    @section(lambda page: page._evidence_rows(), lambda page: page._leading_query())
    def matrix(self) -> FigureView:
        """Return a figure of the weights of evidence by check and hypothesis."""
        names = cause_names(self.investigation.question)
        return plot_evidence_matrix(self.diagnosis.ranking, names, self.language)

    @section(lambda page: page._evidence_rows(), lambda page: page._leading_query(), plot="matrix")
    def findings(self) -> FindingsView:
        """Return all hypotheses with numbers, blind spots and next tests."""
        case = self.investigation.case.argument
        return FindingsView(self.diagnosis.ranking, self._titles(), self.zone, self.language, case)

    @section(lambda page: page._verdict_row(), lambda page: page._leading_query())
    def verdict(self) -> VerdictView:
        """Return headline, facts, cause and steps; the output also contains the full diagnosis as JSON."""
        return VerdictView(self.diagnosis, self.zone, language=self.language)

    @section(sql=lambda page: page._leading_query())
    def conclusion(self) -> TextView:
        """Return the conclusion as sentences."""
        return conclusion(self.diagnosis, self.zone, self.language)

    @section(lambda page: page._missing_rows())
    def next_evidence(self) -> TableView:
        """Return a table of the evidence to collect next."""
        return next_evidence(self.diagnosis.missing_evidence, self.zone, self.language)

    @property
    def sections(self) -> dict[str, Section[Any]]:
        """Return the sections by name."""
        return sections_of(self)

    def _coverage_rows(self) -> pd.DataFrame:
        found = self.investigation.case.coverage()
        columns = ("table", "rows", "rejected", "truncated", "start", "end")
        rows = ({"table": name, **entry} for name, entry in found.items())
        frame = records(rows, columns)
        return frame.assign(**{name: _utc(frame[name]) for name in ("start", "end")})

    def _loss_rows(self) -> pd.DataFrame:
        frame = self._coverage_rows()[["table", "rows", "rejected", "truncated"]]
        lost = frame[frame["rejected"].gt(0) | frame["truncated"]].assign(is_absent=False)
        absent = records(
            ({"table": name, "rows": 0, "is_absent": True} for name in absent_tables(self.investigation)),
            (*lost.columns,),
        )
        import pandas as pd

        return pd.concat([part for part in (lost, absent) if len(part)] or [lost], ignore_index=True)

    def _row_counts(self) -> str:
        """Return the query that counts the rows of each table of the case."""
        return " union all ".join(
            f"select '{name}' as \"table\", count(*) as rows from {name}"
            for name in self.investigation.case.tables
        )

    def _evidence_rows(self) -> pd.DataFrame:
        """Return one row for each statement about each cause."""
        ranking = self.diagnosis.to_dict(self.language, self.zone)["ranking"]
        columns = ("cause", "probability", "status", "statement", "weight", "table", "rows", "sql")
        about = ("cause", "probability", "status")
        rows = (
            {name: entry[name] for name in about} | item for entry in ranking for item in entry["evidence"]
        )
        return records(({name: row.get(name) for name in columns} for row in rows), columns)

    def _leading_query(self) -> str | None:
        """Return the query of the statement with the most weight about the leading cause."""
        frame = self._evidence_rows()
        frame = frame[frame["sql"].fillna("").ne("")]
        if frame.empty:
            return None
        own = frame[frame["cause"].eq(frame.loc[frame["probability"].idxmax(), "cause"])]
        return str(own.loc[own["weight"].abs().idxmax(), "sql"])

    def _verdict_row(self) -> pd.DataFrame:
        found = self.diagnosis
        about = ("question", "case", "verdict", "cause", "secondary_cause", "confidence")
        row = {name: getattr(found, name) for name in about}
        frame = records([row | {"start": self._bounds[0], "end": self._bounds[1]}], (*about, "start", "end"))
        return frame.assign(**{name: _utc(frame[name]) for name in ("start", "end")})

    def _missing_rows(self) -> pd.DataFrame:
        rows = (item.to_dict(self.language, self.zone) for item in self.diagnosis.missing_evidence)
        columns = ("what", "why", "how")
        return records(({name: row[name] for name in columns} for row in rows), columns)

    def subjects(self) -> list[str]:
        """Return the queues or endpoints that a page can be limited to."""
        return []

    def reopened(self, bounds: tuple[str, str], subject: str) -> Self:
        """Return the page of the same case for another time range, and another queue or endpoint.

        Parameters
        ----------
        bounds
            Start and end in ISO 8601; empty for the whole case.
        subject
            Queue or endpoint; empty for all.
        """
        current = self.investigation
        shown = (str(self.zone), self.language)
        investigation, _, _ = open_page(current.question, str(current.case.path), bounds, subject, shown)
        return replace(self, investigation=investigation)

    def explore(self) -> Any:
        """Return widgets that choose time range, queue or endpoint, and section; needs the extra ``lab``."""
        from watchme_analysis.notebook.lab import Explorer

        return Explorer(self)

    def sql(self, query: str) -> pd.DataFrame:
        """Return the rows of a query over the tables of the case.

        Parameters
        ----------
        query
            SQL for :meth:`watchme_analysis.case.case_folder.Case.sql`, such as the query of a finding.

        Raises
        ------
        QueryError
            When DuckDB rejects the query.
        """
        return self.investigation.case.sql(query)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self._opened()._repr_mimebundle_()

    def _titles(self) -> dict[str, Text]:
        return {entry.cause: entry.title for entry in causes_of(self.investigation.question)}

    def _opened(self) -> TableView:
        current = self.investigation
        window = self.window
        start, end = (Resource(format_time(bound, self.zone)) for bound in (window.start, window.end))
        rows = [
            (self._label("opened-question"), current.question),
            (self._label("opened-case"), render(current.case.title, self.language)),
            (
                self._label("opened-window"),
                render(message("losses-between", start=start, end=end), self.language),
            ),
            *((self._label(f"opened-{name}"), value) for name, value in sorted(current.options.items())),
        ]
        is_drawn_in_english = drawn_language(self.language) != self.language
        note = self._label("opened-no-font") if is_drawn_in_english else ""
        return TableView(self._with_zone(self._label("opened-caption")), ("", ""), tuple(rows), note)

    def _label(self, message_id: str) -> str:
        return label(message_id, self.language)

    def _table(
        self, frame: pd.DataFrame, columns: dict[str, str], caption: str, empty: str, *, limit: int = 40
    ) -> TableView:
        """Return a frame as a table in the language of the page.

        Parameters
        ----------
        frame, caption, empty, limit
            As for :func:`watchme_analysis.present.display.table`.
        columns
            Name of the heading in the catalogues by column, see
            :func:`watchme_analysis.present.display.column_heads`.
        """
        heads = column_heads(columns, self.language)
        return table(frame, caption, self.zone, heads, limit=limit, empty=empty, language=self.language)

    def _with_zone(self, caption: str) -> str:
        """Return the caption of a table with times."""
        return with_zone(caption, self.zone, self.language)

    def _marks_table(self, marks: tuple[Mark, ...]) -> TableView:
        shown = self.span(marks).marks
        rows = tuple(
            (mark_letter(place), format_time(mark.time, self.zone), mark.label)
            for place, mark in enumerate(shown)
        )
        note = "" if rows else self._label("changes-none")
        heads = tuple(self._label(f"column-{name}") for name in ("mark", "time", "change"))
        return TableView(self._with_zone(self._label("changes-caption")), heads, rows, note)

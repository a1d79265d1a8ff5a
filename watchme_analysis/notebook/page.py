"""Parts shared by the pages of all questions."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict

from watchme_analysis.aws_shapes.prices import check_price, size_message, usd_message
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError, WatchmeError
from watchme_analysis.files.attachments import is_report
from watchme_analysis.inference.causes import cause_names
from watchme_analysis.inference.findings import Diagnosis, Investigation
from watchme_analysis.installation import PROJECT_FILES
from watchme_analysis.notebook import readings
from watchme_analysis.notebook.lab import Explorer, show_figures_as_widgets
from watchme_analysis.notebook.section import OnPage, Rows, Section, records, section, sections_of
from watchme_analysis.present.bars import plot_bars, plot_spans
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
from watchme_analysis.text.message import Resource, Text, message, message_of, value_of
from watchme_analysis.text.render import error_message, in_words, label, parse_language, render, value_label
from watchme_analysis.text.shell_quoting import shell_path
from watchme_analysis.window import Window, parse_zone

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.services.collect import Pulled

# The log queries of a pull, each over one or more log groups.
_QUERIES = """select query, list(distinct log_group order by log_group) as log_groups,
    sum(rows)::bigint as rows, sum(bytes_scanned) / 1e9 as gigabytes, sum(cost_usd) as cost_usd,
    bool_or(truncated) as truncated
from log_queries where query is not null group by query order by gigabytes desc, query"""
# Tables with rows at all times while the system is up, so that a gap is significant.
_STEADY = ("probes", "access_log", "edge_log", "app_log", "host_metrics", "metrics")


class PageParameters(TypedDict, total=False):
    """Parameters of every notebook; plain texts, empty for the default."""

    case: str
    example: str
    system: str
    profile: str
    region: str
    max_usd: float
    since: str
    until: str
    timezone: str
    language: str


_NUMBERS = ("max_usd", "replications", "seed")
# Parameters of a pull, which a case does not need.
_OF_A_PULL = ("system", "profile", "region")
# First line of the cell that papermill adds for the parameters that it is given.
_INJECTED = "# Parameters"


def open_page(
    question: str, parameters: Mapping[str, Any], known: Iterable[str]
) -> tuple[Investigation, tzinfo, str, Pulled | None]:
    """Return the investigation, the time zone, the language and the pull for the parameters of a notebook.

    Parameters
    ----------
    question
        Question of the diagnosis.
    parameters
        Parameters as for :func:`watchme_analysis.notebook.open_health`.
    known
        Names of all parameters of the notebook.

    Raises
    ------
    InputError
        When a parameter is unknown or malformed, or the case does not contain it.
    """
    names = [*known]
    for name in (*parameters, *_injected()):
        if name not in names:
            raise InputError(error_message("error-page-unknown", name=name, known=", ".join(names)))
    for name in names:
        if name not in _NUMBERS and not isinstance(parameters.get(name, ""), str):
            value = repr(parameters[name])
            raise InputError(error_message("error-page-parameter", name=name, value=value))
    given = {name: parameters.get(name, "") for name in names}
    check_price(parameters.get("max_usd", 1.0))
    about = "endpoint" if question == "health" else "queue"
    language = parse_language(given["language"] or load_config().language)
    try:
        zone = parse_zone(given["timezone"] or load_config().time_zone)
        pulled = _pulled(question, given)
        bounds = ("", "") if pulled else (given["since"], given["until"])
        investigation = investigate(
            question,
            pulled.case if pulled else _resolved(given["case"].strip() or given["example"]),
            since=bounds[0] or None,
            until=bounds[1] or None,
            zone=zone,
            subject=given[about] or None,
        )
    except WatchmeError as error:
        raise in_words(error, language) from None
    show_figures_as_widgets(language)
    return investigation, zone, language, pulled


def _injected() -> list[str]:
    """Return the names that papermill gave to the running notebook, also those that it does not know."""
    import sys

    shell = "IPython" in sys.modules and sys.modules["IPython"].get_ipython()
    cells = shell.user_ns.get("In", ()) if shell else ()
    trees = (ast.parse(cell) for cell in cells if cell.startswith(_INJECTED))
    return [
        target.id
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]


def _pulled(question: str, given: Mapping[str, Any]) -> Pulled | None:
    """Return the evidence pulled for a queue or a system; None with a case, or for the example."""
    queue = given.get("queue", "")
    if given["case"].strip():
        if unused := [name for name in _OF_A_PULL if given[name]]:
            raise InputError(error_message("error-page-case-and-pull", name=unused[0]))
        return None
    if not (queue or any(given[name] for name in _OF_A_PULL)):
        return None
    from watchme_analysis.services.pull import pull

    limit = {"max_usd": given["max_usd"]} if given["max_usd"] != "" else {}
    plain = {name: given[name] for name in (*_OF_A_PULL, "since", "until")}
    return pull(question, queue=queue, **plain, **limit)


def _resolved(case: str) -> Path:
    """Return a folder relative to the working directory, else to the project or its notebooks."""
    path = Path(case)
    if not case.strip():
        raise InputError(error_message("error-page-no-case"))
    here = [path] if path.is_absolute() else [path, PROJECT_FILES / path, PROJECT_FILES / "notebooks" / path]
    return next((place for place in here if place.is_dir()), path)


def utc_times(times: pd.Series) -> pd.Series:
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
    pulled
        How the evidence was pulled from AWS; None for a case.
    shown
        Names of the sections that were displayed.
    """

    investigation: Investigation
    zone: tzinfo
    language: str
    pulled: Pulled | None = field(default=None, kw_only=True)
    shown: set[str] = field(default_factory=set, init=False)

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

    @section(
        lambda page: page._coverage_rows(),
        lambda page: page._row_counts(),
        plot=lambda page: page._plot_coverage(),
        reading=lambda page: readings.coverage(page.coverage.frame, absent_tables(page.investigation)),
    )
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

    @section(
        lambda page: page._query_rows(),
        Rows("log_queries"),
        reading=lambda page: readings.queries(page._query_rows()),
    )
    def queries(self) -> TableView:
        """Return a table of the log queries that fetched the data, with rows, scanned bytes and price."""
        rows = self._query_rows()
        heads = {"query": "query", "log_groups": "log-groups", "rows": "rows", "gigabytes": "scanned-gb"}
        found = self._table(
            rows,
            {**heads, "cost_usd": "cost-usd", "truncated": "truncated"},
            self._label("queries-caption"),
            self._label("queries-none"),
        )
        return replace(found, commands=frozenset({0}) if len(rows) else frozenset())

    def _query_rows(self) -> pd.DataFrame:
        return self.sql(_QUERIES)

    def _plot_coverage(self) -> FigureView:
        rows = self.coverage.frame.dropna(subset=["start", "end"])
        spans = [(f"{row.table} ({row.rows:,d})", row.start, row.end) for row in rows.itertuples()]
        return plot_spans(spans, self.span(), "coverage")

    @section(
        lambda page: page._evidence_rows(),
        lambda page: page._leading_query(),
        plot="matrix",
        reading=lambda page: readings.findings(page.diagnosis, page._titles()),
    )
    def findings(self) -> FindingsView:
        """Return all hypotheses with numbers, blind spots and next tests."""
        case = self.investigation.case.argument
        return FindingsView(self.diagnosis.ranking, self._titles(), self.zone, self.language, case)

    @section(lambda page: page._verdict_row(), lambda page: page._leading_query())
    def verdict(self) -> VerdictView:
        """Return headline, facts, cause and steps; the output also contains the full diagnosis as JSON."""
        return VerdictView(self.diagnosis, self.zone, language=self.language, strip=self.strip)

    def strip(self) -> FigureView | None:
        """Return a small timeline of what the reasons of the diagnosis are about; None without one."""
        return None

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

    def further(self) -> TableView | OnPage:
        """Return a table of all sections; a report then shows those that no cell displayed before."""
        view = TableView(
            self._label("further-caption"),
            (self._label("column-section"), self._label("column-shows")),
            tuple((f"page.{name}()", section.title) for name, section in self.sections.items()),
            commands=frozenset({0}),
        )
        if is_report():
            from IPython.display import display

            for section in [one for name, one in self.sections.items() if name not in self.shown]:
                display({"text/markdown": f"### {section.title}"}, raw=True)  # type: ignore[no-untyped-call]
                display(section)  # type: ignore[no-untyped-call]
            return OnPage(view, None)
        return view

    def _coverage_rows(self) -> pd.DataFrame:
        found = self.investigation.case.coverage()
        columns = ("table", "rows", "rejected", "truncated", "start", "end")
        rows = ({"table": name, **entry} for name, entry in found.items())
        frame = records(rows, columns)
        return frame.assign(**{name: utc_times(frame[name]) for name in ("start", "end")})

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
        return frame.assign(**{name: utc_times(frame[name]) for name in ("start", "end")})

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
        investigation = investigate(
            current.question,
            current.case,
            since=bounds[0] or None,
            until=bounds[1] or None,
            zone=self.zone,
            subject=subject or None,
        )
        return replace(self, investigation=investigation)

    def explore(self) -> Any:
        """Return widgets that choose time range, queue or endpoint, and section; needs the extra ``lab``."""
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
        if self.pulled is not None:
            rows += self._pulled_rows(self.pulled)
        is_drawn_in_english = drawn_language(self.language) != self.language
        note = self._label("opened-no-font") if is_drawn_in_english else ""
        return TableView(self._with_zone(self._label("opened-caption")), ("", ""), tuple(rows), note)

    def _pulled_rows(self, pulled: Pulled) -> list[tuple[str, str]]:
        """Return price and completeness of the pull, with the missing parts and the notes."""
        price = message(
            "pull-scanned", size=size_message(pulled.bytes_scanned), price=usd_message(pulled.usd)
        )
        said = [
            message("pull-missing", part=value_of(part), reason=value_of(why))
            for part, why in pulled.failures.items()
        ] or [message("pull-complete")]
        lines = [price, *said, *map(message_of, pulled.notes)]
        return [
            (self._label("opened-folder"), shell_path(pulled.case.path)),
            (
                self._label("opened-pulled"),
                "; ".join(render(text, self.language, self.zone) for text in lines),
            ),
        ]

    def _words(self, kind: str, values: Iterable[object], language: str = "") -> dict[str, str]:
        """Return the words for values of the evidence, by value; ``kind`` begins their ids."""
        return {value: value_label(kind, value, language or self.language) for value in map(str, values)}

    def _plot_named(
        self, frame: pd.DataFrame, about: tuple[str, str], kind: str, values: Mapping[str, str], name: str
    ) -> FigureView:
        """Return bars of rows that are named by a resource and by the words for a value.

        Parameters
        ----------
        frame, values, name
            As for :func:`watchme_analysis.present.bars.plot_bars`.
        about
            Columns of the resource and of the value.
        kind
            Beginning of the ids of the words.
        """
        resources = frame[about[0]].astype("string").fillna("–")

        def names(language: str) -> list[str]:
            words = self._words(kind, frame[about[1]], language)
            return [
                f"{one} · {words[str(value)]}" for one, value in zip(resources, frame[about[1]], strict=True)
            ]

        drawn = names(drawn_language(self.language))
        named = frame.assign(name=names(self.language))
        return plot_bars(named, "name", values, name, self.language, drawn=drawn, stacked=False)

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

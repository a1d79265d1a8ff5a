"""Parts shared by the pages of all questions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict

from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError, WatchmeError
from watchme_analysis.files.attachments import is_report
from watchme_analysis.inference.causes import cause_names, causes
from watchme_analysis.inference.findings import Diagnosis, Investigation
from watchme_analysis.installation import PROJECT_FILES
from watchme_analysis.notebook import readings
from watchme_analysis.notebook.lab import Explorer, show_figures_as_widgets
from watchme_analysis.notebook.section import OnPage, Section, section, section_titles
from watchme_analysis.present.bars import plot_bars, plot_spans
from watchme_analysis.present.coverage import coverage_table, losses_table
from watchme_analysis.present.display import (
    FigureView,
    LinksView,
    TableView,
    column_heads,
    table,
    with_zone,
)
from watchme_analysis.present.finding import VerdictView, conclusion, findings_view, next_evidence
from watchme_analysis.present.matrix import plot_evidence_matrix
from watchme_analysis.present.style import AxisSpan, Mark, drawn_language, mark_letter
from watchme_analysis.prices import check_price, size_message, usd_message
from watchme_analysis.redact import described, shortened
from watchme_analysis.schema import TABLES
from watchme_analysis.services.diagnose import absent_tables, answer, investigate
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
# Changes that are described below a strip, and characters of each.
_MOST_NOTES, _LONGEST_NOTE = 4, 90
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
    from watchme_analysis.services.collect import pull

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


def records(rows: Iterable[Mapping[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return dictionaries as a frame with these columns, typed by their values."""
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns)).convert_dtypes()


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
        """Return first harm and end of the incident; None without an incident or a known start."""
        found = self.diagnosis
        if found.first_harm is None or found.verdict == "no_incident":
            return None
        return found.first_harm, found.incident_end

    @property
    def _bounds(self) -> tuple[datetime | None, datetime | None]:
        """Return start and end of the incident; None for an unknown bound."""
        return self.incident or (None, None)

    @property
    def _start(self) -> datetime | None:
        return self._bounds[0]

    @property
    def window(self) -> Window:
        """Return the window of the figures: that of the parameters, else of the case.

        Evidence without times gets the last hour, in which the figures are empty.
        """
        return self._known_window or Window(self._opened_at - timedelta(hours=1), self._opened_at)

    @property
    def _known_window(self) -> Window | None:
        return self.investigation.window or self.investigation.case.window

    @cached_property
    def _opened_at(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0)

    @property
    def between(self) -> Text:
        """Return from when to when the page looks, in words."""
        window = self._known_window
        if window is None:
            return message("count-unknown")
        start, end = (Resource(format_time(bound, self.zone)) for bound in (window.start, window.end))
        return message("losses-between", start=start, end=end)

    def span(self, marks: tuple[Mark, ...] = ()) -> AxisSpan:
        """Return the contents that the time axes of this page share."""
        shown = tuple(mark for mark in marks if self.window.contains(mark.time))
        # Tables compare the incident without its recovery; the facts name the end of all harm.
        harmed = self.incident and (self.incident[0], self.diagnosis.last_harm)
        return AxisSpan(self.window, self.zone, harmed, shown, self.language)

    @section
    def coverage(self) -> Section:
        """Return a table of the tables of the case with rows, windows and losses."""
        coverage = self.investigation.case.coverage()
        columns = ("table", "rows", "rejected", "truncated", "start", "end")
        frame = records(({"table": name, **entry} for name, entry in coverage.items()), columns)
        frame = frame.assign(**{name: utc_times(frame[name]) for name in ("start", "end")})
        known = frame.dropna(subset=["start", "end"])
        spans = [(f"{row.table} ({row.rows:,d})", row.start, row.end) for row in known.itertuples()]
        return Section(
            coverage_table(coverage, self.zone, self.language),
            frame,
            self._row_counts(),
            plot=lambda: plot_spans(spans, self.span(), "coverage"),
            reading=lambda: readings.coverage(frame, absent_tables(self.investigation)),
        )

    @section
    def losses(self) -> Section:
        """Return a table of missing data: absent tables, rejected lines, truncated rows and gaps."""
        import pandas as pd

        absent = absent_tables(self.investigation)
        gaps = {
            name: silent_intervals(self.investigation.table(name)[str(TABLES[name].time)]) for name in _STEADY
        }
        frame = self.coverage.frame[["table", "rows", "rejected", "truncated"]]
        lost = frame[frame["rejected"].gt(0) | frame["truncated"]].assign(is_absent=False)
        rows = ({"table": name, "rows": 0, "is_absent": True} for name in absent)
        parts = [part for part in (lost, records(rows, (*lost.columns,))) if len(part)]
        coverage = self.investigation.case.coverage()
        return Section(
            losses_table(coverage, gaps, absent, self.zone, self.language),
            pd.concat(parts or [lost], ignore_index=True),
            self._row_counts(),
        )

    @section
    def matrix(self) -> Section:
        """Return a figure of the weights of evidence by check and hypothesis."""
        names = cause_names(self.investigation.question)
        figure = plot_evidence_matrix(self.diagnosis.ranking, names, self.language)
        return Section(figure, self._evidence, self._leading_query)

    @section
    def queries(self) -> Section:
        """Return a table of the log queries that fetched the data, with rows, scanned bytes and price."""
        frame = self.sql(_QUERIES)
        view = self._table(
            frame,
            {
                "query": "query",
                "log_groups": "log-groups",
                "rows": "rows",
                "gigabytes": "scanned-gb",
                "cost_usd": "cost-usd",
                "truncated": "truncated",
            },
            "queries-caption",
            "queries-none",
        )
        return Section(
            replace(view, commands=frozenset({0}) if len(frame) else frozenset()),
            frame,
            self._rows("log_queries"),
            reading=lambda: readings.queries(frame),
        )

    @section
    def findings(self) -> Section:
        """Return all hypotheses with numbers, blind spots and next tests."""
        titles: dict[str, Text] = {entry.cause: entry.title for entry in causes(self.investigation.question)}
        case = self.investigation.case.argument
        return Section(
            findings_view(self.diagnosis.ranking, titles, self.zone, self.language, case),
            self._evidence,
            self._leading_query,
            plot="matrix",
            reading=lambda: readings.findings(self.diagnosis, titles),
        )

    @section
    def verdict(self) -> Section:
        """Return headline, facts, cause and steps; the output also contains the full diagnosis as JSON."""
        found = self.diagnosis
        about = ("question", "case", "verdict", "cause", "secondary_cause", "confidence")
        row = {name: getattr(found, name) for name in about}
        frame = records([row | {"start": self._bounds[0], "end": self._bounds[1]}], (*about, "start", "end"))
        frame = frame.assign(**{name: utc_times(frame[name]) for name in ("start", "end")})
        view = VerdictView(found, self.zone, self._track_record, self.language, self.strip)
        return Section(view, frame, self._leading_query)

    @property
    def _track_record(self) -> Text:
        """Return the accuracy of such verdicts in recorded cases; empty if unknown."""
        return ""

    def strip(self) -> FigureView | None:
        """Return a small timeline of what the reasons of the diagnosis are about; None without one."""
        return None

    def _noted(self, strip: FigureView, marks: tuple[Mark, ...]) -> FigureView:
        """Return a strip with notes on what its colour means and on its first changes: letter, time, what."""
        shown = self.span(marks).marks
        days = {self._local(bound).date() for bound in (self.window.start, self.window.end)}
        form = "%H:%M:%S" if len(days) == 1 else "%m-%d %H:%M"
        notes = [self._label("strip-shaded")] if self.incident else []
        for place, mark in enumerate(shown[:_MOST_NOTES]):
            said = shortened(mark.label, _LONGEST_NOTE, "…")
            notes.append(f"{mark_letter(place)} {self._local(mark.time):{form}} {said}")
        if len(shown) > _MOST_NOTES:
            notes.append(self._label("strip-more-changes", changes=len(shown) - _MOST_NOTES))
        return replace(strip, notes=tuple(notes))

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    @section
    def conclusion(self) -> Section:
        """Return the conclusion as sentences."""
        return Section(conclusion(self.diagnosis, self.zone, self.language), sql=self._leading_query)

    @section
    def next_evidence(self) -> Section:
        """Return a table of the evidence to collect next."""
        missing, columns = self.diagnosis.missing_evidence, ("what", "why", "how")
        said = (item.to_dict(self.language, self.zone) for item in missing)
        rows = ({name: row[name] for name in columns} for row in said)
        return Section(next_evidence(missing, self.zone, self.language), records(rows, columns))

    @property
    def sections(self) -> dict[str, str]:
        """Return the title of each section by its name."""
        return section_titles(type(self), self.language)

    def further(self) -> TableView | OnPage:
        """Return a table of all sections; a report then shows those that no cell displayed before."""
        view = TableView(
            self._label("further-caption"),
            (self._label("column-section"), self._label("column-shows")),
            tuple((f"page.{name}()", title) for name, title in self.sections.items()),
            commands=frozenset({0}),
        )
        if not is_report():
            return view
        from IPython.display import display

        for name, title in self.sections.items():
            if name not in self.shown:
                display({"text/markdown": f"### {title}"}, raw=True)  # type: ignore[no-untyped-call]
                display(getattr(self, name))  # type: ignore[no-untyped-call]
        return OnPage(view, None)

    def _row_counts(self) -> str:
        """Return the query that counts the rows of each table of the case."""
        return " union all ".join(
            f"select '{name}' as \"table\", count(*) as rows from {name}"
            for name in self.investigation.case.tables
        )

    def _rows(self, table: str, where: str = "") -> str:
        """Return the query of the rows of a table in the window of the page that meet a condition."""
        time = TABLES[table].time
        conditions = [where] if where else []
        window = self._known_window
        if time is not None and window is not None:
            start, end = (bound.isoformat() for bound in (window.start, window.end))
            conditions += [f"{time} >= timestamptz '{start}'", f"{time} < timestamptz '{end}'"]
        filtered = f" where {' and '.join(conditions)}" if conditions else ""
        return f"select * from {table}{filtered}" + (f" order by {time}" if time else "")

    @cached_property
    def _evidence(self) -> pd.DataFrame:
        """Return one row for each statement about each cause."""
        ranking = self.diagnosis.to_dict(self.language, self.zone)["ranking"]
        columns = ("cause", "probability", "status", "statement", "weight", "table", "rows", "sql")
        about = ("cause", "probability", "status")
        rows = (
            {name: entry[name] for name in about} | item for entry in ranking for item in entry["evidence"]
        )
        return records(({name: row.get(name) for name in columns} for row in rows), columns)

    @property
    def _leading_query(self) -> str | None:
        """Return the query of the statement with the most weight about the leading cause."""
        frame = self._evidence
        frame = frame[frame["sql"].fillna("").ne("")]
        if frame.empty:
            return None
        own = frame[frame["cause"].eq(frame.loc[frame["probability"].idxmax(), "cause"])]
        return str(own.loc[own["weight"].abs().idxmax(), "sql"])

    def subjects(self) -> list[str]:
        """Return the queues or endpoints that a page can be limited to."""
        return []

    def reopened(self, bounds: tuple[str, str], subject: str) -> Self:
        """Return the page of the same case for another time range, and another queue or endpoint.

        ``bounds`` are start and end in ISO 8601, empty for the whole case; an empty ``subject`` stands for
        all.
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

    def _opened(self) -> TableView:
        current = self.investigation
        rows = [
            ("question", current.question),
            ("case", render(current.case.title, self.language)),
            ("window", render(self.between, self.language)),
            *sorted(current.options.items()),
            *(self._pulled_rows(self.pulled) if self.pulled else ()),
        ]
        is_drawn_in_english = drawn_language(self.language) != self.language
        note = self._label("opened-no-font") if is_drawn_in_english else ""
        named = tuple((self._label(f"opened-{name}"), value) for name, value in rows)
        return TableView(self._with_zone("opened-caption"), ("", ""), named, note)

    def _pulled_rows(self, pulled: Pulled) -> list[tuple[str, str]]:
        """Return folder, price and completeness of the pull, with the missing parts and the notes."""
        price = message(
            "pull-scanned", size=size_message(pulled.bytes_scanned), price=usd_message(pulled.usd)
        )
        said = [
            message("pull-missing", part=value_of(part), reason=value_of(why))
            for part, why in pulled.failures.items()
        ] or [message("pull-complete")]
        lines = [price, *said, *map(message_of, pulled.notes)]
        told = "; ".join(render(text, self.language, self.zone) for text in lines)
        return [("folder", shell_path(pulled.case.path)), ("pulled", told)]

    def _plot_named(
        self, frame: pd.DataFrame, about: tuple[str, str], kind: str, values: Mapping[str, str], name: str
    ) -> FigureView:
        """Return bars of rows that are named by a resource and by the words for a value.

        ``about`` has the columns of both, and the ids of the words begin with ``kind``; the rest as for
        :func:`watchme_analysis.present.bars.plot_bars`.
        """
        resources, told = (frame[column].astype("string").fillna("–") for column in about)

        def names(language: str) -> list[str]:
            words = (value_label(kind, value, language) for value in told)
            return [f"{resource} · {word}" for resource, word in zip(resources, words, strict=True)]

        return self._plot_rows(frame, names, values, name)

    def _plot_rows(
        self, frame: pd.DataFrame, names: Callable[[str], list[str]], values: Mapping[str, str], name: str
    ) -> FigureView:
        """Return bars of rows whose names depend on the language of the reader, and of the figure's font."""
        drawn = names(drawn_language(self.language))
        named = frame.assign(name=names(self.language))
        return plot_bars(named, "name", values, name, self.language, drawn=drawn, stacked=False)

    def _label(self, message_id: str, /, **values: Any) -> str:
        return label(message_id, self.language, **values)

    def _with_words(self, frame: pd.DataFrame, **kinds: str) -> pd.DataFrame:
        """Return a frame with the words for the values of columns, whose ids begin with the kind."""

        def named(column: str, kind: str) -> pd.Series:
            known = frame[column].dropna().unique()
            return frame[column].map({value: value_label(kind, str(value), self.language) for value in known})

        return frame.assign(**{column: named(column, kind) for column, kind in kinds.items()})

    def _table(
        self,
        frame: pd.DataFrame,
        columns: Mapping[str, str],
        caption: str,
        empty: str,
        *,
        limit: int = 40,
        **values: Any,
    ) -> TableView:
        """Return a frame as a table in the language of the page.

        ``columns`` has the name of the heading in the catalogues by column, ``caption`` and ``empty`` are
        ids of messages with these ``values``.
        """
        return table(
            frame,
            self._label(caption, **values),
            self.zone,
            column_heads(columns, self.language, **values),
            limit=limit,
            empty=self._label(empty, **values),
            language=self.language,
        )

    def _with_zone(self, caption: str) -> str:
        """Return the caption of a table with times."""
        return with_zone(self._label(caption), self.zone, self.language)

    def _links(self, found: Iterable[tuple[Text, str]], table: str) -> Section:
        """Return text and address of links into the AWS console, which are computed from a table."""
        shown = [(render(text, self.language, self.zone), url) for text, url in found]
        view = LinksView(self._label("console-caption"), tuple(shown), self._label("console-none"))
        rows = ({"link": text, "url": url} for text, url in shown)
        return Section(view, records(rows, ("link", "url")), self._rows(table))

    def _marks_table(self, marks: tuple[Mark, ...]) -> TableView:
        shown = self.span(marks).marks
        rows = tuple(
            (mark_letter(place), format_time(mark.time, self.zone), mark.label)
            for place, mark in enumerate(shown)
        )
        note = "" if rows else self._label("changes-none")
        heads = tuple(self._label(f"column-{name}") for name in ("mark", "time", "change"))
        return TableView(self._with_zone("changes-caption"), heads, rows, note)

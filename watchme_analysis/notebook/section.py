"""Sections of a page: each displays itself, and gives the numbers and the query behind what it shows.

``page.balance`` is a :class:`Section`. A step of a notebook shows its data (``page.balance.show("queue")``),
its figure (``page.balance.plot()``) and what these say (``page.balance.reading``). A report shows the whole
table instead of the data; ``page.balance()`` returns that display.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from watchme_analysis.errors import InputError
from watchme_analysis.files.attachments import is_report
from watchme_analysis.inference.findings import FINDING_MIME
from watchme_analysis.present.display import FigureView, LinksView, TableView, TextView
from watchme_analysis.present.finding import FindingsView, VerdictView
from watchme_analysis.present.frame_view import FrameView
from watchme_analysis.schema import TABLES
from watchme_analysis.text.message import Text
from watchme_analysis.text.render import error_message, in_words, render, value_label

if TYPE_CHECKING:
    import pandas as pd

# Output of a cell that a report shows instead of the cell's HTML.
PAGE_MIME = "application/vnd.watchme.page+html"
# What a stored notebook keeps of a diagnosis: not the lists of its evidence and its work items.
_STORED = ("question", "case", "verdict", "cause", "secondary_cause", "confidence", "incident", "headline")

View = TypeVar("View", bound=FigureView | LinksView | TableView | TextView | FindingsView | VerdictView)


@dataclass(frozen=True)
class Rows:
    """Rows of the case that a section is computed from.

    Attributes
    ----------
    table
        Table of the data dictionary.
    where
        Condition besides the window of the page; empty for none.
    """

    table: str
    where: str = ""

    def query(self, page: Any) -> str:
        """Return the query of these rows within the window of a page."""
        table = TABLES[self.table]
        conditions = [self.where] if self.where else []
        if table.time is not None:
            start, end = (bound.isoformat() for bound in (page.window.start, page.window.end))
            conditions += [f"{table.time} >= timestamptz '{start}'", f"{table.time} < timestamptz '{end}'"]
        filtered = f" where {' and '.join(conditions)}" if conditions else ""
        return f"select * from {self.table}{filtered}" + (f" order by {table.time}" if table.time else "")


@dataclass(frozen=True)
class _Source:
    """How the numbers of a section are found; see :func:`section`."""

    frame: Callable[[Any], pd.DataFrame] | None
    sql: Rows | Callable[[Any], str | None] | None
    plot: str | Callable[[Any], FigureView]
    reading: Callable[[Any], Text] | None


@dataclass(frozen=True, repr=False)
class Section(Generic[View]):
    """A section of a page, which a notebook displays.

    Attributes
    ----------
    name
        Name of the section on its page.
    page
        The page.
    """

    name: str
    page: Any
    _view: Callable[[Any], View]
    _source: _Source

    def __call__(self) -> View:
        """Return the display: a table, a figure or sentences."""
        self.page.shown.add(self.name)
        return self._view(self.page)

    def show(self, *columns: str, rows: int = 6) -> FrameView | OnPage:
        """Return the first rows of the frame with types and query, for a cell to display.

        Parameters
        ----------
        columns
            Names of the columns to show; all by default.
        rows
            Largest number of rows.

        Raises
        ------
        InputError
            When the frame has no such column.
        """
        frame = self.frame
        if unknown := [name for name in columns if name not in frame.columns]:
            known = ", ".join(frame.columns)
            error = error_message("error-section-column", name=unknown[0], section=self.name, known=known)
            raise in_words(InputError(error), self.page.language)
        shown = frame[[*columns]] if columns else frame
        source = f"page.{self.name}.frame"
        found = FrameView(shown, source, self.sql or "", self.page.zone, self.page.language, rows)
        # On the page, a figure is the output of its own cell.
        is_figure = self._view.__annotations__["return"] == FigureView.__name__
        return OnPage(found, None if is_figure else self()) if is_report() else found

    @property
    def reading(self) -> TextView:
        """Return what the data say in one sentence.

        Raises
        ------
        InputError
            When the section has no such sentence.
        """
        if self._source.reading is None:
            error = InputError(error_message("error-section-no-reading", section=self.name))
            raise in_words(error, self.page.language)
        return TextView((render(self._source.reading(self.page), self.page.language, self.page.zone),))

    @property
    def title(self) -> str:
        """Return the title in the language of the page."""
        return value_label("section", self.name, self.page.language)

    @property
    def frame(self) -> pd.DataFrame:
        """Return the numbers behind the section, typed, with times in UTC and all rows.

        A section of sentences has the column ``sentence``.
        """
        if self._source.frame is not None:
            return self._source.frame(self.page).reset_index(drop=True)
        import pandas as pd

        view = self()
        sentences = [*view.paragraphs, *view.items] if isinstance(view, TextView) else []
        return pd.DataFrame({"sentence": sentences}, dtype="string")

    @property
    def sql(self) -> str | None:
        """Return the query for ``page.sql`` of the case's rows that the section is computed from.

        None for a section that no rows of the case are behind, such as what to collect next.
        """
        source = self._source.sql
        return source.query(self.page) if isinstance(source, Rows) else source and source(self.page)

    def plot(self) -> FigureView:
        """Return the figure of the section.

        Raises
        ------
        InputError
            When the section has none.
        """
        drawn = self._source.plot
        if isinstance(drawn, str) and drawn:
            return getattr(self.page, drawn).plot()  # type: ignore[no-any-return]
        view = drawn(self.page) if callable(drawn) else self()
        if not isinstance(view, FigureView):
            error = InputError(error_message("error-section-no-figure", section=self.name))
            raise in_words(error, self.page.language)
        return view

    def zoom(self) -> Any:
        """Return the figure of the section with zoom, pan and hover; needs the extra ``lab``.

        Raises
        ------
        InputError
            When the section has no figure.
        """
        from watchme_analysis.notebook.lab import interactive

        return interactive(self.plot(), self.page.language)

    def __repr__(self) -> str:
        return f"<Section {self.name}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle: Any = self()._repr_mimebundle_(**options)
        if isinstance(bundle, dict) and FINDING_MIME in bundle and not is_report():
            found = {name: value for name, value in bundle[FINDING_MIME].items() if name in _STORED}
            bundle = {**bundle, FINDING_MIME: found}
        return bundle


@dataclass(frozen=True)
class OnPage:
    """An output of a report whose page shows something else than its notebook.

    Attributes
    ----------
    frame
        Display in the notebook.
    view
        Display on the page; None for nothing.
    """

    frame: FrameView | TableView
    view: Any

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        html = "" if self.view is None else self.view._repr_mimebundle_()["text/html"]
        return {**self.frame._repr_mimebundle_(), PAGE_MIME: html}


class _SectionOf(Generic[View]):
    """Method of a page that gives its section."""

    def __init__(self, view: Callable[[Any], View], source: _Source) -> None:
        self._view, self._source = view, source
        self.__doc__ = view.__doc__
        self.name = view.__name__

    @overload
    def __get__(self, page: None, owner: type) -> _SectionOf[View]: ...
    @overload
    def __get__(self, page: object, owner: type) -> Section[View]: ...
    def __get__(self, page: object | None, owner: type) -> _SectionOf[View] | Section[View]:
        return self if page is None else Section(self.name, page, self._view, self._source)


def section(
    frame: Callable[[Any], pd.DataFrame] | None = None,
    sql: Rows | Callable[[Any], str | None] | None = None,
    plot: str | Callable[[Any], FigureView] = "",
    reading: Callable[[Any], Text] | None = None,
) -> Callable[[Callable[[Any], View]], _SectionOf[View]]:
    """Return a decorator that makes a section of a method that returns its display.

    Parameters
    ----------
    frame
        Returns the numbers for a page; needless for sentences.
    sql
        Rows of the case that the section is computed from, or a function of the page that returns the query.
    plot
        Name of the section with the figure of a table, or a function of the page that draws it.
    reading
        Returns what the numbers say in one sentence, for a page.
    """
    source = _Source(frame, sql, plot, reading)
    return lambda view: _SectionOf(view, source)


def sections_of(page: object) -> dict[str, Section[Any]]:
    """Return the sections of a page by name, in the order of their definition."""
    return {name: getattr(page, name) for name in sections_of_class(type(page))}


def sections_of_class(page: type) -> list[str]:
    """Return the names of the sections of a page's class, in the order of their definition."""
    owners = reversed(page.__mro__)
    # A page may define a section of its base anew; it stays in its place.
    return list(
        dict.fromkeys(
            name for owner in owners for name, one in vars(owner).items() if isinstance(one, _SectionOf)
        )
    )


def records(rows: Any, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return dictionaries as a frame with these columns, typed by their values."""
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns)).convert_dtypes()

"""Sections of a page: each displays itself, and gives the numbers and the query behind what it shows.

``page.balance`` is a :class:`Section`. A step of a notebook shows its data (``page.balance.show("queue")``),
its figure (``page.balance.plot()``) and what these say (``page.balance.reading``). A report shows the whole
table instead of the data; ``page.balance()`` returns that display.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from watchme_analysis.errors import InputError
from watchme_analysis.files.attachments import is_report
from watchme_analysis.inference.findings import FINDING_MIME
from watchme_analysis.present.display import SECTION_MIME, FigureView, TextView, View
from watchme_analysis.present.finding import VerdictView
from watchme_analysis.present.frame_view import FrameView
from watchme_analysis.text.message import Text
from watchme_analysis.text.render import error_message, in_words, render, value_label

if TYPE_CHECKING:
    import pandas as pd

# What a stored notebook keeps of a diagnosis: not the lists of its evidence and its work items.
_STORED = ("question", "case", "verdict", "cause", "secondary_cause", "confidence", "incident", "headline")


class Section:
    """A section of a page, which a notebook displays.

    Parameters
    ----------
    view
        What a cell displays: a table, a figure or sentences.
    frame
        The numbers behind it; needless for sentences.
    sql
        Query for ``page.sql`` of the case's rows that the section is computed from; None for a section that
        no rows of the case are behind, such as what to collect next.
    plot
        The figure of a section that displays something else: a function that draws it, or the name of the
        section that has it.
    reading
        Returns what the numbers say in one sentence.

    Attributes
    ----------
    name, page
        Name of the section, and its page.
    sql
        As the parameter.
    """

    name = ""
    page: Any = None

    def __init__(
        self,
        view: View | FigureView | VerdictView,
        frame: pd.DataFrame | None = None,
        sql: str | None = None,
        *,
        plot: Callable[[], FigureView] | str = "",
        reading: Callable[[], Text] | None = None,
    ) -> None:
        self.sql = sql
        self._view, self._frame, self._plot, self._reading = view, frame, plot, reading

    def __call__(self) -> Any:
        """Return the display: a table, a figure or sentences."""
        self.page.shown.add(self.name)
        return self._view

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
            raise self._error("error-section-column", name=unknown[0], section=self.name, known=known)
        shown = frame[[*columns]] if columns else frame
        source = f"page.{self.name}.frame"
        found = FrameView(shown, source, self.sql or "", self.page.zone, self.page.language, rows)
        # On the page, a figure is the output of its own cell.
        is_figure = isinstance(self._view, FigureView)
        return OnPage(found, None if is_figure else self()) if is_report() else found

    @property
    def reading(self) -> TextView:
        """Return what the data say in one sentence.

        Raises
        ------
        InputError
            When the section has no such sentence.
        """
        if self._reading is None:
            raise self._error("error-section-no-reading", section=self.name)
        return TextView((render(self._reading(), self.page.language, self.page.zone),))

    @property
    def frame(self) -> pd.DataFrame:
        """Return the numbers behind the section, typed, with times in UTC and all rows.

        A section of sentences has the column ``sentence``.
        """
        if self._frame is not None:
            return self._frame.reset_index(drop=True)
        import pandas as pd

        view = self._view
        sentences = [*view.paragraphs, *view.items] if isinstance(view, TextView) else []
        return pd.DataFrame({"sentence": sentences}, dtype="string")

    def plot(self) -> FigureView:
        """Return the figure of the section.

        Raises
        ------
        InputError
            When the section has none.
        """
        if isinstance(self._plot, str):
            view = getattr(self.page, self._plot).plot() if self._plot else self()
        else:
            view = self._plot()
        if not isinstance(view, FigureView):
            raise self._error("error-section-no-figure", section=self.name)
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

    def _error(self, message_id: str, **values: str) -> Exception:
        return in_words(InputError(error_message(message_id, **values)), self.page.language)

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
    """An output of a report whose page shows another view than its notebook, or nothing."""

    shown: Any
    view: View | None

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        data = {"view": None} if self.view is None else self.view.page_data()
        return {**self.shown._repr_mimebundle_(), SECTION_MIME: data}


class _SectionProperty(cached_property[Section]):
    """A section of a page, computed once."""


def section(method: Callable[[Any], Section]) -> _SectionProperty:
    """Return the section that a method of a page computes, with its name and its page."""

    def named(page: Any) -> Section:
        found = method(page)
        found.name, found.page = method.__name__, page
        return found

    named.__doc__ = method.__doc__
    return _SectionProperty(named)


def section_titles(page: type, language: str) -> dict[str, str]:
    """Return the title of each section of a page's class by its name, in the order of their definition."""
    # A page may define a section of its base anew; it stays in its place.
    names = dict.fromkeys(
        name
        for owner in reversed(page.__mro__)
        for name, one in vars(owner).items()
        if isinstance(one, _SectionProperty)
    )
    return {name: value_label("section", name, language) for name in names}

"""Interactive parts of a page in JupyterLab: figures with zoom, pan and hover, and widgets that choose.

They need the extra ``lab``. Reports do not use them: matplotlib's pictures stay the default.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime
from typing import Any

from watchme_analysis.errors import WatchmeError
from watchme_analysis.installation import require
from watchme_analysis.present.display import FigureView
from watchme_analysis.present.style import annotate_on_hover
from watchme_analysis.text.formats import format_time
from watchme_analysis.text.message import Resource, message
from watchme_analysis.text.render import label, render, text_of_error

# Environment variable of JupyterLab's kernels: every figure of a page is a widget.
WIDGETS_VARIABLE = "WATCHME_WIDGETS"
# Steps of the slider for the time range.
_STEPS = 60
# Endpoints or queues to choose from.
_MOST_SUBJECTS = 50


def interactive(view: FigureView, language: str = "en") -> Any:
    """Return a figure as a widget with zoom, pan, and values at the pointer.

    Parameters
    ----------
    view
        Figure of a section.
    language
        Language of the buttons.

    Raises
    ------
    InputError
        Without the extra ``lab``.
    """
    require("lab", "lab-figures")
    from ipympl.backend_nbagg import Canvas, FigureManager

    # A Japanese font without a bold weight is no news to a reader; canvases draw whenever they like.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    canvas = Canvas(view.figure)
    FigureManager(canvas, 0)
    canvas.header_visible = False
    canvas.toolbar.toolitems = [
        (name, label(f"figure-button-{name.lower()}", language), *rest)
        for name, _, *rest in canvas.toolbar.toolitems
    ]
    annotate_on_hover(view.figure)
    return canvas


def show_figures_as_widgets(language: str) -> None:
    """Let cells display figures with zoom and hover, in a kernel of ``watchme lab``."""
    if not os.environ.get(WIDGETS_VARIABLE):
        return
    from IPython import get_ipython
    from IPython.display import display

    shell: Any = get_ipython()
    if shell is not None:
        shown = shell.display_formatter.ipython_display_formatter
        shown.for_type(FigureView, lambda view: display(interactive(view, language)))  # type: ignore[no-untyped-call]


class Explorer:
    """Widgets that choose time range, queue or endpoint, and section of a page, with the section below them.

    Parameters
    ----------
    page
        Page to begin with; each choice opens a new page of the same case.

    Attributes
    ----------
    page
        The page that is shown.
    box
        The widget to display.
    """

    def __init__(self, page: Any) -> None:
        require("lab", "widgets")
        import ipywidgets as widgets

        self.page = page
        language = page.language
        window = page.window
        step = (window.end - window.start) / _STEPS
        moments = [window.start + step * place for place in range(_STEPS)] + [window.end]
        self._whole = (window.start, window.end)
        self.range = widgets.SelectionRangeSlider(
            options=[(format_time(moment, page.zone), moment) for moment in moments],
            index=(0, _STEPS),
            description=label("explore-time", language),
            continuous_update=False,
            readout=False,
            layout=widgets.Layout(width="460px"),
        )
        # The slider's own text is as narrow as a number.
        self._bounds = widgets.Label()
        about = "endpoint" if page.investigation.question == "health" else "queue"
        every = (label("explore-all", language), "")
        self.subject = widgets.Dropdown(
            options=[every, *((name, name) for name in page.subjects()[:_MOST_SUBJECTS])],
            value="",
            description=label(f"opened-{about}", language),
        )
        names = list(page.sections)
        self.section = widgets.Dropdown(
            options=[(title, name) for name, title in page.sections.items()],
            value="timeline" if "timeline" in names else names[0],
            description=label("explore-section", language),
        )
        self._shown = widgets.VBox()
        times = widgets.HBox([self.range, self._bounds])
        choices = widgets.HBox([self.subject, self.section])
        self.box = widgets.VBox([times, choices, self._shown])
        for control in (self.range, self.subject):
            control.observe(self._open, names="value")
        self.section.observe(self._draw, names="value")
        self._show_bounds()
        self._draw()

    def _open(self, _: Any) -> None:
        """Open the page of the chosen range and subject, and show its section."""
        import ipywidgets as widgets

        chosen = self._show_bounds()
        # Another window is diagnosed anew, which takes seconds.
        self._shown.children = (widgets.HTML(label("explore-opening", self.page.language)),)
        bounds = ("", "") if chosen == self._whole else (chosen[0].isoformat(), chosen[1].isoformat())
        try:
            self.page = self.page.reopened(bounds, self.subject.value)
        except WatchmeError as error:
            self._show_error(error)
            return
        self._draw()

    def _show_bounds(self) -> tuple[datetime, datetime]:
        """Write the chosen time range beside the slider and return it."""
        chosen: tuple[datetime, datetime] = self.range.value
        start, end = (Resource(format_time(moment, self.page.zone)) for moment in chosen)
        self._bounds.value = render(message("losses-between", start=start, end=end), self.page.language)
        return chosen

    def _draw(self, _: Any = None) -> None:
        section = getattr(self.page, self.section.value)
        try:
            self._shown.children = (widget_of(section, self.page.language),)
        except WatchmeError as error:
            self._show_error(error)

    def _show_error(self, error: WatchmeError) -> None:
        from html import escape

        import ipywidgets as widgets

        said = render(text_of_error(error), self.page.language, self.page.zone)
        self._shown.children = (widgets.HTML(f"<p><strong>{escape(said)}</strong></p>"),)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.box)  # type: ignore[no-untyped-call]


def widget_of(section: Any, language: str = "en") -> Any:
    """Return a section as a widget: a figure with zoom and hover, else its HTML.

    Parameters
    ----------
    section
        Section of a page.
    language
        Language of the figure's buttons.
    """
    import ipywidgets as widgets

    view = section()
    if isinstance(view, FigureView):
        return interactive(view, language)
    bundle = view._repr_mimebundle_()
    return widgets.HTML(str(bundle["text/html"]))

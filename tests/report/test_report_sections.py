"""The page of a report holds every section of its notebook's page, also those that no step shows."""

from html import escape

import pytest

from watchme_analysis.present.display import FigureView, TableView


@pytest.mark.slow
def test_the_page_has_every_table_and_figure_once(shorter_page, shorter_report):
    page = shorter_report.read_text()
    for name in shorter_page.sections:
        view = getattr(shorter_page, name)()
        shown = view.alt if isinstance(view, FigureView) else getattr(view, "caption", "")
        assert page.count(escape(shown)) >= 1, name
        if isinstance(view, TableView) and view.rows:
            assert page.count(f">{escape(view.caption)}</caption>") == 1, name
    assert shorter_page.balance.reading.paragraphs[0] in page
    assert "page.further" not in page.replace("page.further()</code>", "")

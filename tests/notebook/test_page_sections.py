"""Each section of each page displays itself, and gives its numbers, its query and its figure."""

import pytest

from watchme_analysis import notebook
from watchme_analysis.notebook.section import section_titles
from watchme_analysis.present.display import FigureView

PAGES = {
    "health": lambda bundled, _: notebook.open_health(case=str(bundled("health-threadpool").path)),
    "backlog": lambda _, shorter: notebook.open_backlog(case=str(shorter.path)),
    "alarms": lambda _, shorter: notebook.open_alarms(case=str(shorter.path)),
    "what-if": lambda _, shorter: notebook.open_what_if(case=str(shorter.path), replications=2),
}
# Sections that no rows of the case are behind.
WITHOUT_QUERY = {"next_evidence", "rules", "throttling", "warning"}


@pytest.fixture(scope="module", params=PAGES)
def page(request, bundled, shorter):
    return PAGES[request.param](bundled, shorter)


@pytest.mark.slow
def test_every_section_gives_typed_numbers_and_a_query_that_runs(page):
    assert len(page.sections) >= 12
    for name in page.sections:
        section = getattr(page, name)
        frame = section.frame
        assert len(frame.columns), name
        assert all(isinstance(column, str) for column in frame.columns), name
        times = [kind for kind in frame.dtypes if "datetime64" in str(kind)]
        assert {str(kind) for kind in times} <= {"datetime64[us, UTC]"}, name
        assert (section.sql is None) == (name in WITHOUT_QUERY), name
        if section.sql is not None:
            assert len(page.sql(f"select * from ({section.sql}) limit 3").columns), name


@pytest.mark.slow
def test_a_section_displays_what_its_call_returns_and_plots_where_it_has_a_figure(evidence):
    page = notebook.open_health(case=str(evidence))
    assert page.errors._repr_mimebundle_() == page.errors()._repr_mimebundle_()
    assert isinstance(page.findings.plot(), FigureView)
    assert page.matrix.plot() == page.matrix()


@pytest.mark.slow
def test_equal_seeds_simulate_the_same_and_another_seed_does_not(shorter):
    first, again, other = (
        notebook.open_what_if(case=str(shorter.path), replications=2, seed=seed).measures.frame
        for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first.equals(other)


def test_every_section_has_a_title_in_both_languages():
    for page in (notebook.HealthPage, notebook.BacklogPage, notebook.AlarmPage, notebook.WhatIfPage):
        for language in ("en", "ja"):
            titles = section_titles(page, language)
            assert all(title != name for name, title in titles.items())

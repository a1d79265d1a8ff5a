"""Notebooks and results that somebody else made are used or refused in one sentence, whatever they hold."""

import json

import pytest
from worlds.hostile_rows import hostile_documents
from worlds.report_parts import PARAMETERS, answer_cell, result
from worlds.small_evidence import ACCESS

from watchme_analysis.case.importer import import_folder
from watchme_analysis.errors import WatchmeError
from watchme_analysis.report.folder import write_result
from watchme_analysis.report.html_page import write_index
from watchme_analysis.report.request import find_notebooks, plan


def cell(source, **metadata):
    return {
        "cell_type": "code",
        "source": source,
        "metadata": metadata,
        "outputs": [],
        "execution_count": None,
    }


NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"watchme": {"question": "health"}, "kernelspec": {"name": "python3"}},
    "cells": [
        {"cell_type": "markdown", "source": ["# Why?\n", "x"], "metadata": {"ja": "x"}},
        cell(PARAMETERS, tags=["parameters"]),
        cell(answer_cell(), tags=["answer"]),
    ],
}
OTHERS = [
    "",
    "[]",
    "3",
    "{",
    "[" * 100_000,
    '{"cells": 3, "metadata": {}}',
    '{"worksheets": []}',
    "\0",
    "\ud800",
]


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    home = tmp_path_factory.mktemp("hostile-files")
    (home / "evidence").mkdir()
    (home / "evidence" / "access.log").write_text(ACCESS)
    return import_folder(home / "evidence", home / "case").case.path


def test_a_notebook_of_any_content_is_planned_or_refused_in_one_sentence(case, tmp_path):
    hostile = [*hostile_documents(NOTEBOOK, 80), *(text.encode(errors="surrogatepass") for text in OTHERS)]
    refused = 0
    for content in hostile:
        (tmp_path / "why.ipynb").write_bytes(content)
        try:
            find_notebooks(tmp_path)
            plan("health", [case], {}, tmp_path)
        except WatchmeError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused >= len(OTHERS)


def test_a_result_of_any_content_costs_no_other_its_row(tmp_path):
    reports = tmp_path / "reports"
    for number, content in enumerate(
        [*hostile_documents(result(), 80), *(text.encode(errors="surrogatepass") for text in OTHERS)]
    ):
        run = reports / f"run-{number}"
        run.mkdir(parents=True)
        (run / "result.json").write_bytes(content)
    good = reports / "20251211T020000Z-health-good"
    good.mkdir()
    write_result(good, result(title="the good one"))
    page = write_index(reports).read_text()
    assert "the good one" in page
    assert all(f"run-{number}" in page for number in range(80, 80 + len(OTHERS)))


def test_a_notebook_of_the_test_is_sound(case, tmp_path):
    (tmp_path / "why.ipynb").write_text(json.dumps(NOTEBOOK))
    (request,) = plan("health", [case], {}, tmp_path)
    assert request.parameters["timezone"]

import nbformat
import pytest
from worlds.report_parts import PARAMETERS

from watchme_analysis.report.run import write_reports


@pytest.fixture
def notebooks(tmp_path):
    """Write a folder with one notebook on health: prose and code, as a list of sources."""

    def write(*sources, parameters=PARAMETERS):
        cells = [nbformat.v4.new_markdown_cell("# Why does it time out?\n\nA question.")]
        cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        for source in sources:
            make = nbformat.v4.new_markdown_cell if source.startswith("#") else nbformat.v4.new_code_cell
            cells.append(make(source))
        folder = tmp_path / "notebooks"
        folder.mkdir(exist_ok=True)
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"watchme": {"question": "health"}})
        nbformat.write(notebook, folder / "why.ipynb")
        return folder

    return write


@pytest.fixture(scope="session")
def shorter_report(shorter, common):
    """The page of a report about the case `shorter`, written once for all workers."""
    with common("shorter-report") as folder:
        if not folder.exists():
            (result,) = write_reports("backlog", [shorter.path], folder)
            assert result["error"] is None
        (page,) = folder.glob("*/report.html")
        return page

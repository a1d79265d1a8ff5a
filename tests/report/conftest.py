import nbformat
import pytest
from worlds.report_parts import PARAMETERS


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

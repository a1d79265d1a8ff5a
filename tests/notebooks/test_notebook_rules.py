"""What every stored notebook keeps to; and that each rule notices a notebook that doesn't."""

import ast
import copy
import json
import re
from functools import cache

import nbformat
import pytest
from worlds.notebook_cells import bundle_of, run_cells

from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import WatchmeError
from watchme_analysis.inference.findings import FINDING_MIME
from watchme_analysis.report.request import notebooks_folder, parameter_names
from watchme_analysis.report.stored_notebooks import text_of
from watchme_analysis.services.diagnose import QUESTIONS, questions_for

NOTEBOOKS = sorted(notebooks_folder().glob("*.ipynb"))
MOST_LINES = 8
MOST_BYTES = 300_000
KNOWN_PARAMETERS = {
    "case", "example", "system", "profile", "region", "max_usd", "since", "until", "timezone", "language",
    "endpoint", "queue", "spec", "noticed", "replications", "seed",
}  # fmt: skip
FORBIDDEN_MODULES = {"re", "boto3", "botocore", "os", "pathlib", "glob", "subprocess"}
LOOPS = (ast.For, ast.While, ast.AsyncFor, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
PATH = re.compile(r"(^|\s)(\.{1,2}|~)?/\w|\w/[\w/.-]*\.\w{2,8}$|^[A-Za-z]:\\")
ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
CHECKED = "nbval-check-output"
UNCHECKED = {"nbval-skip", "nbval-ignore-output", "raises-exception"}


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return set(cell.metadata.get("tags", ()))


def checked(cell):
    return CHECKED in tags(cell) or "# NBVAL_CHECK_OUTPUT" in cell.source.splitlines()


def parameter_cells(notebook):
    return [cell for cell in notebook.cells if "parameters" in tags(cell)]


def working_cells(notebook):
    """Yield each code cell but the parameters' with its syntax tree."""
    for cell in code_cells(notebook):
        if "parameters" not in tags(cell):
            yield cell, ast.parse(cell.source)


def nodes(notebook):
    for cell, tree in working_cells(notebook):
        for node in ast.walk(tree):
            yield cell, node


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_text_on_a_page_of_a_question_is_there_in_japanese(question):
    (path,) = (
        one for one in NOTEBOOKS if json.loads(one.read_text())["metadata"]["watchme"]["question"] == question
    )
    texts = [cell for cell in stored(path).cells if cell.cell_type == "markdown"]
    shown = [cell for cell in texts if "notebook-only" not in tags(cell)]
    assert len(shown) > 10
    for cell in shown:
        translated = cell.metadata["ja"]
        assert re.search(r"[ぁ-んァ-ン一-龥]", translated), cell.id
        # The same heading level and the same code.
        assert re.match(r"#*", translated)[0] == re.match(r"#*", cell.source)[0], cell.id
        assert set(re.findall(r"`[^`]*`", translated)) == set(re.findall(r"`[^`]*`", cell.source)), cell.id


def short_cells(notebook):
    return [cell.source for cell, _ in working_cells(notebook) if len(cell.source.splitlines()) > MOST_LINES]


def no_definitions_or_loops(notebook):
    return [cell.source for cell, node in nodes(notebook) if isinstance(node, (*DEFINITIONS, *LOOPS))]


def no_tools_of_the_package(notebook):
    """Regular expressions, AWS and the file system are the package's business."""
    named = [
        (cell, alias.name)
        for cell, node in nodes(notebook)
        if isinstance(node, ast.Import)
        for alias in node.names
    ]
    named += [(cell, node.module or "") for cell, node in nodes(notebook) if isinstance(node, ast.ImportFrom)]
    opened = [
        cell.source for cell, node in nodes(notebook) if isinstance(node, ast.Name) and node.id == "open"
    ]
    return opened + [cell.source for cell, name in named if name.split(".")[0] in FORBIDDEN_MODULES]


def no_paths_but_the_parameters(notebook):
    strings = [
        node for _, node in nodes(notebook) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return [node.value for node in strings if PATH.search(node.value)]


def plain_known_parameters(notebook):
    cells = parameter_cells(notebook)
    if len(cells) != 1:
        return [f"{len(cells)} cells are tagged parameters"]
    complaints = []
    for statement in ast.parse(cells[0].source).body:
        plain = (
            isinstance(statement, ast.Assign)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str | int | float)
            and all(
                isinstance(target, ast.Name) and target.id in KNOWN_PARAMETERS for target in statement.targets
            )
        )
        if not plain:
            complaints.append(ast.unparse(statement))
    return complaints


def ordered_opening(notebook):
    """Title, then parameters, before anything else is run."""
    complaints = []
    if not notebook.cells[0].source.startswith("# "):
        complaints.append("the first cell is no title")
    if "parameters" not in tags(code_cells(notebook)[0]):
        complaints.append("the first code cell is not the parameters'")
    return complaints


def run_in_order(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    return [] if counts == list(range(1, len(counts) + 1)) else [f"execution counts are {counts}"]


def checked_cells_have_outputs(notebook):
    cells = [cell for cell in code_cells(notebook) if checked(cell)]
    if not cells:
        return ["no cell is checked"]
    return [cell.source for cell in cells if cell.execution_count is None or not cell.outputs]


def whatever_is_text_is_checked(notebook):
    """nbval leaves pictures alone; every other output is compared, but those of cells to change.

    Their frames are displayed by pandas, whose text is as wide as the terminal of a kernel.
    """
    compared = (
        output
        for cell in code_cells(notebook)
        if not checked(cell) and not cell.id.startswith("go-on-")
        for output in cell.outputs
    )
    return [str(output)[:200] for output in compared if "image/png" not in output.get("data", {})] + [
        cell.source
        for cell in code_cells(notebook)
        if tags(cell) & UNCHECKED or "# NBVAL_" in cell.source.replace("# NBVAL_CHECK_OUTPUT", "")
    ]


def shows_its_answer(notebook):
    shown = [
        output.data[FINDING_MIME]
        for cell in code_cells(notebook)
        for output in cell.outputs
        if FINDING_MIME in output.get("data", {})
    ]
    named = notebook.metadata.get("watchme", {})
    question = named.get("about", named.get("question"))
    if question not in QUESTIONS:
        return [f"metadata names the question {question!r}"]
    return [] if any(each.get("question") == question for each in shown) else ["no diagnosis is displayed"]


def outputs_are_repeatable(notebook):
    text = json.dumps([cell.outputs for cell in code_cells(notebook)])
    complaints = ADDRESS.findall(text)
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type in ("error", "stream"):
                complaints.append(output.get("name") or output.get("ename"))
    return complaints


def pictures_are_described(notebook):
    pictures = [
        output
        for cell in code_cells(notebook)
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    return [picture.metadata for picture in pictures if not picture.metadata.get("image/png", {}).get("alt")]


RULES = (
    short_cells,
    no_definitions_or_loops,
    no_tools_of_the_package,
    no_paths_but_the_parameters,
    plain_known_parameters,
    ordered_opening,
    run_in_order,
    checked_cells_have_outputs,
    whatever_is_text_is_checked,
    shows_its_answer,
    outputs_are_repeatable,
    pictures_are_described,
)
by_name = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@cache
def stored(path):
    """Return a stored notebook, read and validated once; no rule changes it."""
    return nbformat.read(path, as_version=4)


@by_name
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule(path, rule):
    assert rule(stored(path)) == []


@by_name
def test_small_and_canonical(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < MOST_BYTES
    assert text == text_of(copy.deepcopy(stored(path))), (
        "run: python -m watchme_analysis.report.stored_notebooks notebooks/"
    )


def question_of(notebook):
    return notebook.metadata.watchme.question


def subject_of(notebook):
    """Return the question whose diagnosis the notebook builds on."""
    return notebook.metadata.watchme.get("about", question_of(notebook))


def default_case(path, notebook):
    """Return the folder that a notebook's parameter ``example`` names."""
    values = {}
    exec(parameter_cells(notebook)[0].source, values)
    return (path.parent / values["example"]).resolve()


@by_name
def test_defaults_are_a_committed_case(path, data):
    assert default_case(path, stored(path)).parent == data


@pytest.mark.slow
@by_name
def test_runs_with_other_parameters_on_another_case(path, evidence, shorter, monkeypatch):
    """In this process, and what is text: figures of other cases are drawn by the tests of reports."""
    notebook = stored(path)
    subject = subject_of(notebook)
    other = evidence if subject == "health" else shorter.path
    assert other != default_case(path, notebook)
    case = open_case(other)
    assert subject in questions_for(case)
    middle = case.window.start + (case.window.end - case.window.start) / 8
    options = {"case": str(other), "timezone": "America/New_York", "since": middle.isoformat()}
    if "replications" in parameter_names(path):
        options["replications"] = 2
    monkeypatch.chdir(path.parent)
    shown = [bundle_of(value) for value in run_cells(path, CHECKED, **options)]
    (answer,) = (each[FINDING_MIME] for each in shown if FINDING_MIME in each)
    assert (answer["case"], answer["question"]) == (other.name, subject)
    text = "\n".join(str(each.get("text/html", each.get("text/plain"))) for each in shown)
    assert "America/New_York" in text
    assert "Asia/Tokyo" not in text


MALFORMED = {
    "case": "nowhere",
    "example": 8,
    "system": "nothing",
    "profile": "nobody",
    "region": "nowhere-1",
    "max_usd": "much",
    "since": "tomorrow",
    "until": "tomorrow",
    "timezone": "Mars/Olympus",
    "language": "tlh",
    "endpoint": "/nothing",
    "queue": "nothing",
    "spec": "nowhere.yaml",
    "noticed": "some day",
    "replications": 0,
    "seed": "one",
}


@by_name
def test_malformed_parameters_are_refused_before_anything_is_shown(path, evidence, shorter, monkeypatch):
    notebook = stored(path)
    small = evidence if subject_of(notebook) == "health" else shorter.path
    monkeypatch.chdir(path.parent)
    cells = code_cells(notebook)
    values = {}
    exec(cells[0].source, values)
    names = set(values) & KNOWN_PARAMETERS
    assert "case" in names
    first = next(place for place, cell in enumerate(cells) if cell.outputs)
    until_first_output = "\n".join(cell.source for cell in cells[1 : first + 1])
    exec(until_first_output, values | {"case": str(small)})
    for name in sorted(names):
        with pytest.raises(WatchmeError):
            exec(until_first_output, values | {"case": str(small), name: MALFORMED[name]})

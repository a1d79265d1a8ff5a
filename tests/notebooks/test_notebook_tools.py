import base64
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from watchme_analysis.report.stored_notebooks import canonical, main, text_of, without_notes


def tools(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*notes):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(notes) + pixels + chunk(b"IEND", b"")


def untidy():
    make = nbformat.v4
    picture = base64.b64encode(png(chunk(b"tEXt", b"Software\0matplotlib"))).decode()
    outputs = [
        make.new_output("stream", name="stdout", text="one "),
        make.new_output("stream", name="stdout", text="line\n"),
        make.new_output("stream", name="stderr", text="warned\n"),
        make.new_output("display_data", {"image/png": picture}),
        make.new_output("execute_result", {"text/plain": "x"}, execution_count=41),
    ]
    metadata = {"tags": ["b", "a"], "collapsed": True, "execution": {"iopub.status.busy": "2025-12-11"}}
    return make.new_notebook(
        metadata={"watchme": {"question": "health"}, "papermill": {"duration": 3}, "toc": {}},
        cells=[
            make.new_markdown_cell("# Title  \n"),
            make.new_code_cell("look()   \n", outputs=outputs, execution_count=41, metadata=metadata),
            make.new_code_cell("x = 1", metadata={"tags": ["injected-parameters"]}),
            make.new_code_cell("never_run()"),
        ],
    )


def test_canonical_drops_what_differs_from_run_to_run():
    tidy = canonical(untidy())
    title, looked, never = tidy.cells
    assert tidy.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "watchme": {"question": "health"},
    }
    assert title.source == "# Title"
    assert looked.source == "look()"
    assert looked.metadata == {"tags": ["a", "b"]}
    assert (looked.execution_count, never.execution_count) == (1, None)
    reported, warned, picture, result = looked.outputs
    assert (reported.text, warned.text) == ("one line\n", "warned\n")
    assert base64.b64decode(picture.data["image/png"]) == png()
    assert result.execution_count == 1


def test_canonical_changes_nothing_twice():
    once = text_of(untidy())
    assert text_of(nbformat.reads(once, as_version=4)) == once


def test_a_picture_that_is_none_stays_as_it_is():
    assert without_notes(b"GIF89a") == b"GIF89a"


def test_check_says_what_a_rewrite_mends(tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(untidy(), path)
    before = path.read_bytes()
    check = tools("--check", tmp_path)
    assert (check.exit_code, path.read_bytes()) == (1, before)
    assert "a.ipynb: not canonical" in check.output
    assert tools(tmp_path).exit_code == 0
    assert path.read_bytes() != before
    assert tools("--check", path).exit_code == 0


def test_bad_input_is_one_sentence(tmp_path):
    (tmp_path / "bad.ipynb").write_text("{")
    for place in (tmp_path, tmp_path / "bad.ipynb", Path(__file__)):
        said = tools(place)
        assert said.exit_code == 2
        assert said.stderr.count("\n") == 1


def stored(tmp_path, source):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["nbval-check-output"]})
    path = tmp_path / "stored.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


@pytest.mark.slow
def test_run_stores_outputs_and_nbval_notices_another_finding(tmp_path):
    finding = "application/vnd.watchme.finding+json"
    path = stored(tmp_path, f"display({{'{finding}': {{'cause': 'throttled', 'rows': 12}}}}, raw=True)")
    ran = tools("--run", path)
    assert ran.exit_code == 0, ran.stderr
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].outputs[0].data[finding] == {"cause": "throttled", "rows": 12}

    notebook.cells[0].outputs[0].data[finding]["rows"] = 13
    nbformat.write(notebook, tmp_path / "other.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-rA"]
    command += ["-p", "no:cacheprovider", "-c", "/dev/null", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120).stdout
    assert re.search(r"PASSED \S*stored.ipynb::Cell 0", said)
    assert re.search(r"FAILED \S*other.ipynb::Cell 0", said)


@pytest.mark.slow
def test_two_runs_store_the_same_bytes(evidence, tmp_path, monkeypatch):
    source = (
        "from watchme_analysis import notebook\n"
        f"page = notebook.open_health(case={str(evidence)!r})\n"
        "display(page.verdict(), page.timeline(), page.findings())"
    )
    path = stored(tmp_path, source)
    runs = []
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        ran = tools("--run", path)
        assert ran.exit_code == 0, ran.stderr
        runs.append(path.read_bytes())
    assert b"image/png" in runs[0]
    assert runs[0] == runs[1]


@pytest.mark.slow
def test_a_failing_notebook_stores_nothing(tmp_path):
    path = stored(tmp_path, "1 / 0")
    before = path.read_bytes()
    said = tools("--run", path)
    assert said.exit_code == 2
    assert "division by zero" in said.stderr
    assert path.read_bytes() == before

"""Files of other programs in the folder of reports cost no report its place in the index."""

import json
import os

import pytest
from worlds.report_parts import result

from watchme_analysis.report.folder import read_result, write_result
from watchme_analysis.report.html_page import write_index

FOREIGN = {
    "a list": "[1]",
    "a status of its own": '{"status": "passed", "tests": 3}',
    "a status that is no word": '{"status": {"code": 200}}',
    "a text for the diagnosis": '{"status": "ok", "diagnosis": "fine"}',
    "no times": '{"status": "ok", "started_at": 17, "window": {"start": "soon"}}',
    "a text for the parameters": '{"status": "failed", "parameters": "none"}',
    "a kind of error alone": '{"status": "failed", "error": {"code": 3}}',
    "a number for the notebook": '{"status": "ok", "notebook": 7}',
    "nested without end": '{"status": "ok", "diagnosis": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "cut off": '{"status": "ok"',
    "no UTF-8": '{"status": "ok", "title": "\udcff"}',
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_result_is_left_out_and_named(tmp_path, name):
    (tmp_path / "own").mkdir()
    write_result(tmp_path / "own", result())
    folder = tmp_path / f"{name} <b>"
    folder.mkdir()
    (folder / "result.json").write_text(FOREIGN[name], errors="surrogateescape")
    index = write_index(tmp_path).read_text()
    assert index.count("<article class=") == 1
    assert "1 report, newest first" in index
    assert f"<code>{name} &lt;b&gt;</code>." in index


def test_without_foreign_results_nothing_is_said_of_them(tmp_path):
    (tmp_path / "notes").mkdir()
    assert "Left out" not in write_index(tmp_path).read_text()


def test_a_result_that_is_no_file_is_not_waited_for(tmp_path):
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "result.json")
    assert "<code>pipe</code>." in write_index(tmp_path).read_text()


def test_no_link_leads_out_of_a_run(tmp_path):
    (tmp_path / "secret.ipynb").write_text("{}")
    (tmp_path / "run").mkdir()
    write_result(tmp_path / "run", result(notebook="../secret.ipynb"))
    assert "secret" not in write_index(tmp_path).read_text()


def test_half_a_surrogate_pair_costs_neither_result_nor_index(tmp_path):
    (tmp_path / "run").mkdir()
    write_result(tmp_path / "run", result(title="dev\ud83d"))
    assert json.loads((tmp_path / "run" / "result.json").read_text())["title"] == "dev\ud83d"
    assert r"dev\ud83d" in write_index(tmp_path).read_text()


def test_a_run_whose_name_is_no_utf8_is_linked(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    write_result(folder, result())
    assert 'href="caf%E9/result.json"' in write_index(tmp_path).read_text()


def test_a_killed_run_with_a_foreign_result_is_taken_up_as_killed(tmp_path):
    folder = tmp_path / ".x.part"
    folder.mkdir()
    (folder / "result.json").write_text('{"status": "ok", "title": "\\ud83d", "diagnosis": 3}')
    write_index(tmp_path)
    assert read_result(tmp_path / "x")["status"] == "killed"

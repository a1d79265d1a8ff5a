"""The table ``actions``: each row once, kept by a new import, exported with redaction, readable by SQL."""

import json

import pytest

from watchme_analysis.case.actions import FILE, read_actions, record_actions
from watchme_analysis.case.export import export_case
from watchme_analysis.case.importer import import_folder
from watchme_analysis.errors import CaseError
from watchme_analysis.text.message import Resource, message

ROW = {
    "time": "2025-11-21T01:02:03.000+00:00",
    "remedy": "settings",
    "step": "set VisibilityTimeout",
    "resource": "arn:aws:sqs:ap-southeast-2:123456789012:uploads",
    "call": "sqs set-queue-attributes",
    "outcome": "done",
    "message": message("plan-undo-step", step=Resource("x")).to_dict(),
    "plan": "abc",
    "number": 1,
}


@pytest.mark.slow
def test_rows_are_recorded_once_and_found_by_sql(evidence, tmp_path):
    case = import_folder(evidence, tmp_path / "case").case
    assert len(case.table("actions")) == 0
    assert record_actions(case.path, [ROW, {**ROW, "number": 2}]) == 2
    assert record_actions(case.path, [ROW]) == 0
    again = import_folder(evidence, tmp_path / "case").case
    assert list(again.sql("select step from actions").step) == ["set VisibilityTimeout"] * 2


@pytest.mark.slow
def test_a_new_import_keeps_the_rows(evidence, tmp_path):
    case = import_folder(evidence, tmp_path / "case").case
    record_actions(case.path, [ROW])
    (evidence / "more.log").write_text("2025-11-21T00:00:00Z INFO hello\n")
    assert import_folder(evidence, tmp_path / "case").changed
    assert len(read_actions(tmp_path / "case")) == 1


def test_the_line_of_a_killed_run_is_left_out_and_recorded_again(tmp_path):
    line = json.dumps(ROW)
    (tmp_path / FILE).write_text(line[:50])
    assert len(read_actions(tmp_path)) == 0
    assert record_actions(tmp_path, [ROW]) == 1
    assert len(read_actions(tmp_path)) == 1


def test_an_export_redacts_them(evidence, tmp_path):
    case = import_folder(evidence, tmp_path / "case").case
    record_actions(case.path, [ROW])
    export_case(case, tmp_path / "shared", "ids")
    assert "123456789012" not in (tmp_path / "shared" / FILE).read_text()
    assert len(read_actions(tmp_path / "shared")) == 1


@pytest.mark.parametrize("change", [{"number": "x"}, {"surprise": 1}, {"time": {}}, {"number": [1]}])
def test_damaged_rows_are_one_sentence(tmp_path, change):
    (tmp_path / FILE).write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, **change}) + "\n")
    with pytest.raises(CaseError, match="is damaged"):
        read_actions(tmp_path)

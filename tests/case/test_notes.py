"""Notes on evidence keep their messages through an import, so that each language shows them."""

import json

from watchme_analysis.case.case_folder import read_case
from watchme_analysis.case.importer import import_folder
from watchme_analysis.text.message import MessageText
from watchme_analysis.text.render import render

CONFIG = "http { include mime.types; server { listen 80; } }\n"


def imported(tmp_path):
    """Return a case whose configuration includes a file that is not there."""
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "nginx.conf").write_text(CONFIG)
    return import_folder(evidence, tmp_path / "case").case


def rewritten(case, change):
    """Return a case after a change to its stored notes."""
    path = case.path / "manifest.json"
    manifest = json.loads(path.read_text())
    entry = manifest["tables"]["config_directives"]
    entry["notes"] = [change(stored) for stored in entry["notes"]]
    path.write_text(json.dumps(manifest))
    return read_case(case.path).coverage()["config_directives"]["notes"]


def test_a_stored_note_is_read_with_its_message(tmp_path):
    (found,) = imported(tmp_path).coverage()["config_directives"]["notes"]
    assert found.message.id == "note-include-missing"
    assert found.message.to_dict()["values"] == {
        "place": {"code_place": {"file": "nginx.conf", "line": 1}},
        "file": {"resource": "mime.types"},
    }
    assert render(found, "en") == found != render(found, "ja")


def test_notes_of_later_versions_are_read_as_text(tmp_path):
    case = imported(tmp_path)
    unknown = {"id": "note-of-a-later-version", "values": {}}
    (found,) = rewritten(case, lambda stored: {**stored, "message": unknown})
    assert "mime.types" in render(found, "ja")
    other = {"id": "note-include-missing", "values": {"file": {"later": 1}}}
    (found,) = rewritten(case, lambda stored: {**stored, "message": other})
    assert "mime.types" in found and not isinstance(found, MessageText)

"""What an import reads, leaves, notes and refuses, on small folders."""

import os
import socket
from pathlib import Path

import pytest
from worlds.messages import messages_in
from worlds.small_evidence import PROBES

from watchme_analysis.case.importer import import_folder, read_file
from watchme_analysis.files.evidence_file import RawFile, Source, TablePart
from watchme_analysis.retrieval import Retrieval
from watchme_analysis.schema import empty
from watchme_analysis.text.message import message_of


def notes_of(text):
    return next(iter(messages_in(message_of(text)).items()))


def test_every_path_of_a_folder_is_accounted_for(evidence, tmp_path):
    (evidence / "notes.xyz").write_text("x")
    (evidence / ".hidden").write_text("x")
    (evidence / "sub").mkdir()
    (evidence / "sub" / "probes-2.csv").write_text(PROBES.replace("2025-12-11", "2025-12-12"))
    (evidence / "link").symlink_to(evidence / "sub")
    (evidence / "probes-away.csv").symlink_to("/etc/hostname")
    os.mkfifo(evidence / "access-pipe.log")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(evidence)
        listening.bind("socket")
        os.chdir(here)
    seen = []
    report = import_folder(evidence, tmp_path / "case", progress=seen.append)
    assert report.changed
    assert seen == ["access.log", "notes.xyz", "probes.csv", "sub/probes-2.csv"]
    inputs = {entry["file"]: entry for entry in report.case.manifest["inputs"]}
    assert list(inputs)[:4] == seen
    assert {name: (entry["source"], entry["unread"]) for name, entry in inputs.items()} == {
        "access.log": ("nginx_access", None),
        "notes.xyz": (None, None),
        "probes.csv": ("probes", None),
        "sub/probes-2.csv": ("probes", None),
        ".hidden": (None, None),
        "access-pipe.log": (None, ["access_log"]),
        "link": (None, None),
        "probes-away.csv": (None, ["probes"]),
        "socket": (None, None),
    }
    reasons = {name: notes_of(entry["reason"]) for name, entry in inputs.items() if entry["reason"]}
    assert reasons.pop("probes-away.csv")
    assert reasons == {
        "notes.xyz": ("left-not-recognised", {}),
        ".hidden": ("left-hidden", {}),
        "access-pipe.log": ("left-no-file", {"kind": "pipe"}),
        "link": ("left-folder-link", {}),
        "socket": ("left-no-file", {"kind": "socket"}),
    }
    assert inputs["probes.csv"]["bytes"] == len(PROBES)
    assert len(report.case.table("probes")) == 4
    assert not import_folder(evidence, tmp_path / "case").changed


def source_of(read, **more):
    return Source(
        name="s", tables=("probes",), patterns=("s*",), looks_like=lambda _: True, read=read, **more
    )


def test_values_nested_too_deeply_are_cut_and_the_file_is_read_again(tmp_path):
    calls = []

    def read(raw):
        calls.append(raw.content.data)
        if len(calls) != 2:
            raise RecursionError
        yield TablePart("probes", empty("probes"), Retrieval("s", "a.json"))

    (tmp_path / "a.json").write_text('{"a": ' + "[" * 5000 + "]" * 5000 + "}")
    (piece,) = read_file(source_of(read), RawFile(tmp_path, "a.json"))
    assert len(calls) == 2
    assert b'["[[[' in calls[1], "what is deeper is text"
    found = messages_in(message_of(piece.retrieval.notes[0]))
    assert found["note-of-file"] == {"file": "a.json", "note": "note-nested"}
    assert found["note-nested"]["values"] == 1
    for text in ("x" + "[" * 6000, "{" + " " * 6000 + '"[[[["}'):
        (tmp_path / "a.json").write_text(text)
        calls.clear()
        with pytest.raises(RecursionError):
            read_file(source_of(read), RawFile(tmp_path, "a.json"))

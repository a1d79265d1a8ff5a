"""What an import reads, leaves, notes and refuses, on small folders."""

import os
import socket
import stat
from pathlib import Path

import pytest
from worlds.messages import messages_in
from worlds.small_evidence import ACCESS, PROBES
from worlds.together import together

from watchme_analysis.case import importer
from watchme_analysis.case.folders import cases_below, check_one_case
from watchme_analysis.case.importer import import_folder, read_file, recognise
from watchme_analysis.case.settings import CaseSettings, read_settings
from watchme_analysis.config import LogWords, WorkItemSettings
from watchme_analysis.errors import CaseError, InputError
from watchme_analysis.files.evidence_file import RawFile, Source, TablePart
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.schema import empty
from watchme_analysis.text.message import message_of
from watchme_analysis.text.render import note
from watchme_analysis.window import parse_zone


def error_of(call, *arguments, **options):
    with pytest.raises((CaseError, InputError)) as raised:
        call(*arguments, **options)
    return messages_in(raised.value.args[0])


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


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_closed_folder_and_a_closed_file(evidence, tmp_path):
    (evidence / "closed").mkdir()
    (evidence / "probes-2.csv").write_text(PROBES)
    for path in (evidence / "closed", evidence / "probes-2.csv"):
        path.chmod(0)
    try:
        inputs = import_folder(evidence, tmp_path / "case").case.manifest["inputs"]
    finally:
        (evidence / "closed").chmod(stat.S_IRWXU)
    left = {
        entry["file"]: (notes_of(entry["reason"])[0], entry["unread"]) for entry in inputs if entry["reason"]
    }
    assert left == {"closed": ("left-unreadable", []), "probes-2.csv": ("left-unreadable", ["probes"])}


def test_a_file_that_goes_away_is_left(evidence, tmp_path, monkeypatch):
    before = importer.HashedFile.of

    def gone(path):
        if path.name == "probes.csv":
            path.unlink()
        return before(path)

    monkeypatch.setattr(importer.HashedFile, "of", gone)
    inputs = import_folder(evidence, tmp_path / "case").case.manifest["inputs"]
    entry = next(entry for entry in inputs if entry["file"] == "probes.csv")
    assert (entry["source"], entry["unread"], entry["bytes"]) == (None, ["probes"], 0)
    assert notes_of(entry["reason"])[0] == "left-unreadable"


def test_folders_that_hold_no_evidence(tmp_path, evidence):
    source = tmp_path / "source"
    assert next(iter(error_of(import_folder, source, tmp_path / "case"))) == "error-no-folder"
    source.mkdir()
    assert error_of(import_folder, source, tmp_path / "case") == {
        "error-evidence-empty": {"source": str(source), "first": ""}
    }
    (source / ".a").write_text("")
    found = error_of(import_folder, source, tmp_path / "case")
    assert found["error-evidence-empty"]["first"] == "error-evidence-first-left"
    assert found["error-evidence-first-left"]["file"] == ".a"
    for name in "abcd":
        (source / name).write_bytes(b"\0x\0x")
    found = error_of(import_folder, source, tmp_path / "case")
    assert len(found["error-no-evidence"]["left"]) == 5
    assert error_of(import_folder, evidence, evidence) == {
        "error-case-in-evidence": {"target": str(evidence)}
    }
    case = import_folder(evidence, tmp_path / "made").case.path
    assert error_of(import_folder, case, tmp_path / "case") == {
        "error-evidence-is-case": {"source": str(case)}
    }
    (tmp_path / "above").mkdir()
    case.rename(tmp_path / "above" / "made")
    found = error_of(import_folder, tmp_path / "above", tmp_path / "case")
    assert found["error-evidence-holds-cases"]["first"] == str(tmp_path / "above/made")
    assert not (tmp_path / "case").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["above", "evidence", "source"]


def test_a_case_within_the_evidence_is_left(evidence, tmp_path):
    case = import_folder(evidence, evidence / "case").case
    again = import_folder(evidence, evidence / "case")
    assert not again.changed, "its own folder is not evidence"
    other = import_folder(evidence, tmp_path / "other").case
    (entry,) = [entry for entry in other.manifest["inputs"] if entry["file"].startswith("case/")]
    assert (entry["file"], entry["source"], entry["unread"]) == ("case/manifest.json", None, None)
    assert notes_of(entry["reason"])[0] == "left-own-case"
    assert [found.path for found in cases_below(tmp_path)] == [case.path, other.path]
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/manifest.json").write_text("{")
    assert len(cases_below(tmp_path)) == 2


def test_a_log_without_a_last_line_end_is_noted(evidence, tmp_path):
    (evidence / "access.log").write_text(ACCESS.rstrip("\n"))
    case = import_folder(evidence, tmp_path / "case").case
    notes = [messages_in(message_of(each)) for each in case.manifest["tables"]["access_log"]["notes"]]
    assert {
        "note-of-file": {"file": "access.log", "note": "note-no-line-end"},
        "note-no-line-end": {},
    } in notes
    whole = import_folder(evidence, tmp_path / "case2").case.manifest["tables"]["probes"]["notes"]
    assert not any("note-no-line-end" in messages_in(message_of(each)) for each in whole)


@together(
    ("data", "noted"),
    [(b"a", True), (b"a\n", False), (b"a\r", False), (b"", False), (b" \t", False)],
)
def test_data_whose_last_line_may_be_torn(data, noted):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.log").write_bytes(data)
        raw = RawFile(Path(folder), "a.log")
        lined = TablePart("probes", empty("probes"), Retrieval("s", "a.log", lines=1))
        assert bool(importer._with_torn_line(lined, raw).retrieval.notes) is noted
        unlined = lined._replace(retrieval=Retrieval("s", "a.log"))
        assert importer._with_torn_line(unlined, raw) is unlined


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


def test_remarks_of_a_reader_are_notes_of_its_first_table(tmp_path):
    def read(raw):
        raw.remarks.extend([note("note-no-line-end")] * 2)
        for _ in range(2):
            yield TablePart("probes", empty("probes"), Retrieval("s", "a.json", notes=("own",)))

    (tmp_path / "a.json").write_text("{}")
    first, second = read_file(source_of(read), RawFile(tmp_path, "a.json"))
    assert first.retrieval.notes[0] == "own" and len(first.retrieval.notes) == 2
    assert second.retrieval.notes == ("own",)


def test_a_reader_that_fails_does_not_stop_the_import(evidence, tmp_path, monkeypatch):
    def read(raw):
        raise ZeroDivisionError("by zero")
        yield

    (evidence / "s.bin").write_text("x")
    known = (source_of(read), *importer.sources())
    monkeypatch.setattr(importer, "sources", lambda: known)
    inputs = import_folder(evidence, tmp_path / "case").case.manifest["inputs"]
    (entry,) = [entry for entry in inputs if entry["file"] == "s.bin"]
    assert (entry["source"], entry["unread"]) == (None, ["probes"])
    assert notes_of(entry["reason"]) == (
        "left-reader-failed",
        {"reader": "s", "error": "ZeroDivisionError: by zero"},
    )


def test_a_file_of_which_nothing_could_be_read_is_unread(tmp_path):
    def part(rows, *rejected):
        return TablePart("probes", empty("probes"), Retrieval("s", "a", rows=rows, rejected=rejected))

    whole, line = Rejected("a", 0, "torn"), Rejected("a", 3, "bad line")
    source = source_of(None)
    assert importer._nothing_read(source, [part(0, line, whole)]) == (("probes",), "torn")
    assert importer._nothing_read(source, [part(0, whole), part(1)]) == (None, "")
    assert importer._nothing_read(source, [part(0, line)]) == (None, "")
    (tmp_path / "a").write_text("x")
    raw = RawFile(tmp_path, "a")
    assert importer._problem(raw, [part(1, whole)], "") == ""
    assert importer._problem(raw, [part(1)], "grew") == "grew"


def test_readers_by_kind_name_and_content(tmp_path):
    (tmp_path / "x.txt").write_text(ACCESS)
    (tmp_path / "probes.csv").write_text("a,b\n")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a.json").write_text('{"a": 1}')

    def named(name, kind=None):
        source, reason = recognise(RawFile(tmp_path, name), kind)
        return (source and source.name, reason and notes_of(reason))

    assert named("x.txt", "access.log") == ("nginx_access", "")
    assert named("x.txt", "probes") == ("probes", "")
    assert named("probes.csv") == (None, ("left-named-like", {"reader": "probes"}))
    assert named("logs/a.json")[1][0] == "left-other-output"
    found = error_of(recognise, RawFile(tmp_path, "x.txt"), "no kind")["error-unknown-kind"]
    assert (found["file"], found["kind"]) == ("x.txt", "'no kind'")
    assert "probes" in found["known"].split(", ")


def test_a_folder_that_cannot_be_replaced_is_an_error_after_three_attempts(tmp_path, monkeypatch):
    attempts = []

    def rename(path, target):
        attempts.append(path.name)
        if path.name == "work":
            raise OSError("busy")

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="busy"):
        importer._replace(tmp_path / "work", tmp_path / "case")
    assert attempts == ["case", "work"] * 3


def test_the_fingerprint_depends_on_inputs_and_settings(evidence, tmp_path):
    case = tmp_path / "case"
    first = import_folder(evidence, case).case.manifest["fingerprint"]
    zoned = import_folder(evidence, case, zone_name="Asia/Tokyo")
    assert zoned.changed and zoned.case.manifest["fingerprint"] != first
    assert zoned.case.manifest["time_zone"] == "Asia/Tokyo"
    assert import_folder(evidence, case).case.manifest["fingerprint"] == first
    # A damaged table is written again.
    (case / "tables/probes.parquet").write_bytes(b"x")
    assert import_folder(evidence, case).changed
    (case / "tables/probes.parquet").unlink()
    assert import_folder(evidence, case).changed
    (evidence / "probes.csv").unlink()
    assert import_folder(evidence, case).case.tables == ["access_log"]


def test_every_setting_of_a_case(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "case.toml").write_text(
        'title = "t"\ntimezone = "Asia/Tokyo"\nlog_format = "f"\nwork_time_zone = "Asia/Seoul"\n'
        '[window]\nstart = 2025-12-11T10:00:00\nend = "2025-12-11T11:00"\n[files]\n"a.txt" = "app.log"\n'
    )
    found = read_settings(tmp_path, "UTC")
    assert found == CaseSettings(
        file="case.toml",
        title="t",
        zone=parse_zone("Asia/Tokyo"),
        zone_name="Asia/Tokyo",
        states_zone=True,
        zone_is_assumed=False,
        window={"start": "2025-12-11T01:00:00+00:00", "end": "2025-12-11T02:00:00+00:00"},
        log_format="f",
        kinds={"a.txt": "app.log"},
        work_items=WorkItemSettings(time_zone="Asia/Seoul"),
        log_words=LogWords(),
    )
    assert found.of_readers == {
        "log_format": "f",
        "work_items": found.work_items,
        "log_words": found.log_words,
        "zone_is_assumed": False,
    }
    assert found.of_manifest == {
        "work_items": found.work_items.to_dict(),
        "log_words": found.log_words.to_dict(),
    }


@together(
    ("text", "message", "values"),
    [
        ("b = 1\na = 1", "error-case-unknown-setting", {"names": "a, b"}),
        ("title = 5", "error-case-title", {}),
        ("title = {en = 'a', ja = 5}", "error-case-title", {}),
        ("files = 5", "error-case-files-table", {}),
        ("[files]\n'x' = 'y'", "error-case-names-missing-file", {"name": "'x'"}),
        ("window = 5", "error-case-window-table", {}),
        ("[window]\nstart = 1\nend = 2\nx = 3", "error-case-window-table", {}),
        ("time_zone = 'Mars'", "error-zone-unknown", {"name": "'Mars'"}),
        ("x", "error-case-settings-unreadable", {}),
    ],
)
def test_the_error_of_each_wrong_setting(text, message, values):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "case.toml").write_text(text)
        found = error_of(read_settings, Path(folder))[message]
        assert {name: found[name] for name in values} == values


def test_settings_behind_a_link_are_refused(tmp_path):
    (tmp_path / "case.toml").symlink_to("/etc/hostname")
    assert next(iter(error_of(read_settings, tmp_path))) == "error-settings-link"


def test_evidence_of_several_cases_side_by_side(tmp_path):
    files = ("access.log", "error.log", "probes.csv", "nginx.conf", "edge.jsonl")
    for folder in ("b", "a"):
        (tmp_path / folder).mkdir()
        for name in files:
            (tmp_path / folder / name).touch()
    (tmp_path / "c").mkdir()
    (tmp_path / "c/probes.csv").touch()
    names = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    found = error_of(check_one_case, tmp_path, names)["error-several-cases"]
    assert (found["folder"], found["folders"], found["source"]) == (str(tmp_path), ["a", "b"], str(tmp_path))
    assert found["files"] == "access.log, edge.jsonl, error.log, nginx.conf, ..."
    assert check_one_case(tmp_path, names[:3]) is None

import bz2
import errno
import gzip
import hashlib
import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from worlds.messages import messages_in
from worlds.small_evidence import ACCESS, PROBES

from watchme_analysis.access_logs.formats.candidates import candidate_formats
from watchme_analysis.case.importer import check_new_case, import_folder
from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import CaseError, InputError
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.present.console import import_text
from watchme_analysis.text.message import message_of
from watchme_analysis.text.render import as_message


def test_a_case_goes_where_nothing_else_is(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").write_text("")
    for target, message_id in (
        ("file", "error-target-no-case"),
        ("full", "error-target-no-case"),
        ("file/case", "error-target-below-file"),
    ):
        with pytest.raises(CaseError) as refused:
            check_new_case(tmp_path / target)
        assert as_message(refused.value).id == message_id
    check_new_case(tmp_path / "new" / "case")


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def entry(case, name):
    return next(item for item in case.manifest["inputs"] if item["file"] == name)


def test_a_second_import_changes_nothing(evidence, tmp_path):
    first = import_folder(evidence, tmp_path / "case")
    before = hashes(tmp_path / "case")
    written = (tmp_path / "case" / "manifest.json").stat().st_mtime_ns
    second = import_folder(evidence, tmp_path / "case")
    assert first.changed
    assert not second.changed
    assert hashes(tmp_path / "case") == before
    assert (tmp_path / "case" / "manifest.json").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (ACCESS + ACCESS, ["problem-grew"]),
        (ACCESS.replace("504", "200"), ["problem-changed"]),
        (None, ["problem-gone"]),
    ],
)
def test_a_file_that_changes_while_it_is_imported_is_said(evidence, tmp_path, later, said):
    path = evidence / "access.log"
    path.write_text(ACCESS)

    def change(_):
        if later is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(later)

    case = import_folder(evidence, tmp_path / "case", progress=change).case
    reason = entry(case, "access.log")["reason"]
    assert list(messages_in(message_of(reason))) == said
    assert len(case.table("probes")) == 2


APP = "from fastapi import FastAPI\napp = FastAPI()\n\n@app.get('/health')\ndef health():\n    return 1\n"
PACKERS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


@pytest.mark.slow
@pytest.mark.parametrize(("ending", "pack"), PACKERS.items())
def test_packing_makes_no_difference_to_the_tables(evidence, tmp_path, ending, pack):
    (evidence / "app-emotion").mkdir()
    (evidence / "app-emotion" / "main.py").write_text(APP)
    (evidence / "nginx.conf").write_text("http { include conf.d/*.conf; }\n")
    (evidence / "conf.d").mkdir()
    (evidence / "conf.d" / "api.conf").write_text("server { listen 8080; }\n")
    plain = import_folder(evidence, tmp_path / "plain").case
    for path in [path for path in evidence.rglob("*") if path.is_file()]:
        path.with_name(path.name + ending).write_bytes(pack(path.read_bytes()))
        path.unlink()

    packed = import_folder(evidence, tmp_path / "packed").case

    assert {"access_log", "app_handlers", "config_directives"} <= set(plain.tables)
    assert packed.tables == plain.tables
    for name in plain.tables:
        columns = [column for column in plain.table(name) if column not in ("file", "id", "parent")]
        assert len(packed.table(name)) == len(plain.table(name)) > 0, name
        pd.testing.assert_frame_equal(packed.table(name)[columns], plain.table(name)[columns])


@pytest.mark.slow
def test_a_file_broken_half_way_keeps_its_good_half_and_says_so(evidence, tmp_path):
    lines = (evidence / "access.log").read_bytes() * 20_000
    packed = gzip.compress(lines)
    (evidence / "access.log").unlink()
    (evidence / "access.log.gz").write_bytes(packed[: len(packed) // 2])
    case = import_folder(evidence, tmp_path / "case").case
    rows = len(case.table("access_log"))
    assert 20_000 < rows < 60_000
    assert "ends early" in entry(case, "access.log.gz")["reason"]
    assert case.coverage()["access_log"]["truncated"]


def test_rejected_lines_are_kept_with_their_place(evidence, tmp_path):
    with (evidence / "access.log").open("a") as file:
        file.write("this is no access line\n")
    case = import_folder(evidence, tmp_path / "case").case
    rejected = case.table("rejected_lines")
    assert rejected[["file", "line", "table", "text"]].values.tolist() == [
        ["access.log", 4, "access_log", "this is no access line"]
    ]
    assert case.coverage()["access_log"]["rejected"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hour", "doubt"), [("01", ""), ("10", "9 h after everything else"), ("23", ""), ("00", "1 h before")]
)
def test_a_log_without_a_zone_that_fits_nothing_else_is_doubted(evidence, tmp_path, hour, doubt):
    text = "".join(f"2025-12-11 {hour}:00:{second:02},000 INFO [7] app: done\n" for second in range(30))
    (evidence / "app.log").write_text(text)
    notes = " ".join(import_folder(evidence, tmp_path / "case").case.manifest["tables"]["app_log"]["notes"])
    assert ("time_zone" in notes) is bool(doubt)
    assert doubt in notes


def outside(tmp_path):
    """Return a folder beside the evidence with files of the reader's own machine."""
    folder = tmp_path / "machine"
    folder.mkdir()
    (folder / "app.py").write_text("SECRET = 'of this machine'\n")
    (folder / "dump.json").write_text('{"Messages": [{"MessageId": "m", "Body": "of this machine"}]}')
    (folder / "app.log").write_text("2025-12-11 01:00:05,000 INFO [7] app: of this machine\n")
    return folder


@pytest.mark.slow
def test_links_out_of_the_folder_are_refused_and_named(evidence, tmp_path):
    machine = outside(tmp_path)
    (evidence / "queues").mkdir()
    for name, target in (
        ("app.py", machine / "app.py"),
        ("queues/jobs-dlq-messages.json", machine / "dump.json"),
        ("logs", machine),
        ("notes.txt", machine / "app.log"),
        ("broken.log", machine / "missing"),
        ("loop.log", evidence / "loop.log"),
    ):
        (evidence / name).symlink_to(target)
    (evidence / "access-copy.log").symlink_to("access.log")

    case = import_folder(evidence, tmp_path / "case").case

    for name in ("app.py", "queues/jobs-dlq-messages.json", "logs", "notes.txt"):
        assert entry(case, name)["source"] is None
        assert entry(case, name)["reason"].startswith("a symbolic link that leads out of the folder, to "), (
            name
        )
    assert entry(case, "broken.log")["reason"] == "a symbolic link that leads nowhere"
    assert entry(case, "loop.log")["reason"] == "a symbolic link that leads nowhere"
    assert {one.file for one in case.unread} == {"logs", "queues/jobs-dlq-messages.json"}
    assert entry(case, "access.log")["reason"].startswith("the same as access-copy.log"), (
        "followed, counted once"
    )
    assert len(case.table("access_log")) == 3
    for path in (path for path in case.path.rglob("*") if path.is_file()):
        assert b"of this machine" not in path.read_bytes(), path
    (evidence / "more.txt").symlink_to(machine / "app.py")
    assert import_folder(evidence, tmp_path / "case").changed


def test_settings_from_outside_of_the_folder_are_refused(evidence, tmp_path):
    (tmp_path / "other.toml").write_text('title = "of this machine"\n')
    (evidence / "case.toml").symlink_to(tmp_path / "other.toml")
    with pytest.raises(InputError, match="leads out of the folder"):
        import_folder(evidence, tmp_path / "case")


@pytest.mark.slow(fast=2)
@pytest.mark.parametrize("how", ["include", "link", "include of a link", "link beside"])
def test_formats_are_not_looked_for_outside_of_the_folder(evidence, tmp_path, how):
    machine = outside(tmp_path)
    text = "log_format timed '$msec $status $request_uri';"
    (machine / "formats.conf").write_text(text)
    (evidence / "access.log").write_text("1765415430.250 200 /health\n")
    log = "access_log /var/log/nginx/access.log timed;"
    if how == "include":
        (evidence / "nginx.conf").write_text(f"http {{\n  include {machine}/formats.conf;\n  {log}\n}}\n")
    elif how == "include of a link":
        (evidence / "nginx.conf").write_text(f"http {{\n  include formats/*;\n  {log}\n}}\n")
        (evidence / "formats").symlink_to(machine, target_is_directory=True)
    elif how == "link":
        (evidence / "nginx.conf").symlink_to(machine / "formats.conf")
    else:
        (evidence / "other.conf").symlink_to(machine / "formats.conf")

    case = import_folder(evidence, tmp_path / "case").case

    assert entry(case, "access.log")["source"] is None, "the format stands outside"
    assert len(case.table("config_directives")) == ("include" in how) * 3
    text = import_text(case.manifest, UTC)
    assert ("which is not here" if "include" in how else "leads out of the folder") in " ".join(text.split())

    stay = RawFile(evidence, "access.log")
    notes = candidate_formats(stay).notes
    assert [note for note in notes if "nginx.conf:2 includes" in note] == notes
    assert bool(notes) == ("include" in how)


def test_case_toml_wins_over_recognition(evidence, tmp_path):
    (evidence / "probes.csv").rename(evidence / "export.txt")
    (evidence / "case.toml").write_text(
        'title = "December"\ntime_zone = "Asia/Tokyo"\n'
        "[window]\nstart = 2025-12-11T10:00:00\nend = 2025-12-11T11:00:00\n"
        '[files]\n"export.txt" = "probes.csv"\n'
    )
    case = import_folder(evidence, tmp_path / "case").case
    assert len(case.table("probes")) == 2
    assert case.title == "December"
    assert case.window.start.isoformat() == "2025-12-11T01:00:00+00:00"


def test_bad_folders_are_refused(evidence, tmp_path):
    with pytest.raises(InputError, match="There is no folder"):
        import_folder(tmp_path / "nowhere", tmp_path / "case")
    (tmp_path / "hollow").mkdir()
    with pytest.raises(InputError, match="holds no files"):
        import_folder(tmp_path / "hollow", tmp_path / "case")
    (tmp_path / "hollow" / "letter.doc").write_text("Dear all")
    with pytest.raises(InputError, match="Nothing in"):
        import_folder(tmp_path / "hollow", tmp_path / "case")
    with pytest.raises(InputError, match="into the evidence itself"):
        import_folder(evidence, evidence)
    with pytest.raises(CaseError, match="is not a case"):
        import_folder(evidence, tmp_path / "hollow")
    assert not (tmp_path / "case").exists()
    assert sorted(path.name for path in evidence.iterdir()) == ["access.log", "probes.csv"]


@pytest.fixture
def locked(monkeypatch):
    """Names of files and folders that may not be read, also by root."""
    names = set()

    def unless_locked(plain):
        def opened(path, *given, **named):
            if not isinstance(path, int) and Path(path).name in names:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return plain(path, *given, **named)

        return opened

    monkeypatch.setattr(Path, "open", unless_locked(Path.open))
    monkeypatch.setattr(os, "scandir", unless_locked(os.scandir))
    return names


def test_what_may_not_be_read_is_named_and_the_others_are_read(evidence, tmp_path, locked):
    for name in ("old", ".cache"):
        (evidence / name).mkdir()
        (evidence / name / "access.log").write_text(ACCESS.replace("/health", "/old"))
    (evidence / "notes.md").write_text("x")
    locked |= {"old", ".cache", "probes.csv", "notes.md"}

    report = import_folder(evidence, tmp_path / "case")

    reason = "it can't be read: Permission denied"
    for name in ("old", "probes.csv", "notes.md"):
        assert entry(report.case, name)["reason"] == reason
    assert {one.file: one.tables for one in report.case.unread} == {"old": (), "probes.csv": ("probes",)}
    assert report.case.coverage()["probes"]["truncated"]
    assert len(report.case.table("access_log")) == 3
    assert not import_folder(evidence, tmp_path / "case").changed
    locked.clear()
    again = import_folder(evidence, tmp_path / "case")
    assert again.changed
    assert len(again.case.table("access_log")) == 6
    locked.add("evidence")
    with pytest.raises(InputError, match=r"evidence can't be read: Permission denied\.$"):
        import_folder(evidence, tmp_path / "case")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nginx.conf", "case.toml", "compose.yml", "main.py", "conf.d/x.conf"])
def test_a_pipe_beside_a_log_is_not_waited_for(evidence, tmp_path, name):
    (evidence / "conf.d").mkdir()
    (evidence / "edge.conf").write_text("http { include conf.d/*.conf; }")
    (evidence / "app.py").write_text(APP)
    os.mkfifo(evidence / name)
    case = import_folder(evidence, tmp_path / "case").case
    assert entry(case, name)["reason"] == "a pipe, not a file"


KILLED = """
import os, signal, sys
from watchme_analysis.case.importer import import_folder
def kill(event, details):
    if event == "os.mkdir" and str(details[0]).endswith("tables"):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
import_folder(*sys.argv[1:])
"""


@pytest.mark.slow
def test_a_killed_import_leaves_no_folder_behind_for_good(evidence, tmp_path, monkeypatch):
    done = subprocess.run([sys.executable, "-c", KILLED, evidence, tmp_path / "case"], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len([path for path in tmp_path.iterdir() if path.name.startswith(".case-")]) == 1

    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 3600)
    import_folder(evidence, tmp_path / "other")

    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_another_case_within_the_evidence_is_left_as_one(evidence):
    (evidence / "nginx.conf").write_text("events {}\nhttp {}\n")
    alone = import_folder(evidence, evidence / "first").case
    both = import_folder(evidence, evidence / "second").case
    assert both.coverage() == alone.coverage()
    left = {item["file"]: item["reason"] for item in both.manifest["inputs"] if item["source"] is None}
    assert left == {"first/manifest.json": "a case of its own: its folder is left"}
    (evidence.parent / "cases").mkdir()
    for name in ("first", "second"):
        (evidence / name).rename(evidence.parent / "cases" / name)
    with pytest.raises(InputError, match=r"holds no evidence, but cases: give one, such as .*first"):
        import_folder(evidence.parent / "cases", evidence / "third")


@pytest.mark.slow
def test_metrics_and_queries_last_until_their_end(tmp_path):
    series = {"Id": "a", "Label": "q", "Timestamps": ["2025-12-11T01:00:00Z", "2025-12-11T01:05:00Z"]}
    metric = {"Namespace": "AWS/SQS", "MetricName": "NumberOfMessagesSent", "Dimensions": []}
    requested = [{"Id": "a", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}}]
    folder = tmp_path / "evidence" / "metrics"
    folder.mkdir(parents=True)
    (folder / "sqs.json").write_text(json.dumps({"MetricDataResults": [series | {"Values": [1.0, 2.0]}]}))
    (folder / "metric-data-queries.json").write_text(json.dumps(requested))
    logs = tmp_path / "evidence" / "logs"
    logs.mkdir()
    (logs / "errors.json").write_text('{"status": "Complete", "results": []}')
    requested = {"logGroupName": "/aws/lambda/w", "queryString": "fields @message", "queryId": "a"}
    hour = requested | {"startTime": 1765411200, "endTime": 1765414800, "output": "errors.json"}
    (logs / "queries.json").write_text(json.dumps([hour]))
    covered = import_folder(tmp_path / "evidence", tmp_path / "case").case.coverage()
    for table, start, end in (("metrics", "01:00", "01:10"), ("log_queries", "00:00", "01:00")):
        assert covered[table]["start"].startswith(f"2025-12-11T{start}:00")
        assert covered[table]["end"].startswith(f"2025-12-11T{end}:00")


def test_cases_side_by_side_are_not_taken_for_one(evidence, tmp_path):
    for name in ("app.log", "edge.jsonl"):
        (evidence / name).write_text("{}\n")
    for name in ("monday", "tuesday"):
        shutil.copytree(evidence, tmp_path / "incidents" / name)
        with (tmp_path / "incidents" / name / "access.log").open("a") as log:
            log.write(ACCESS.replace("/health", f"/{name}"))
    folder = tmp_path / "incidents"

    with pytest.raises(
        InputError, match=r"monday and tuesday hold the same files \(access\.log, .*Give one of"
    ):
        import_folder(folder, tmp_path / "case")
    assert not (tmp_path / "case").exists()

    (folder / "case.toml").touch()
    case = import_folder(folder, tmp_path / "case").case
    assert entry(case, "monday/access.log")["source"] == entry(case, "tuesday/access.log")["source"]


def test_a_case_of_other_evidence_is_replaced_only_by_force(evidence, tmp_path, watchme):
    case, other = tmp_path / "case", tmp_path / "other"
    import_folder(evidence, case)
    (case / "notes.md").write_text("mine")
    (case / "pictures").mkdir()
    (case / "pictures" / "a.png").write_bytes(b"a")
    other.mkdir()
    (other / "probes.csv").write_bytes((evidence / "probes.csv").read_bytes())
    before = {path: path.read_bytes() for path in case.rglob("*") if path.is_file()}
    refused = watchme("case", "import", other, case)
    assert refused.returncode == 2 and "--force" in refused.stderr
    assert {path: path.read_bytes() for path in case.rglob("*") if path.is_file()} == before
    assert watchme("case", "import", other, case, "--force").returncode == 0
    assert open_case(case).tables == ["probes"]
    assert (case / "notes.md").read_text() == "mine"


def test_another_import_of_the_same_evidence_keeps_what_the_user_put_there(evidence, tmp_path):
    case = import_folder(evidence, tmp_path / "case").case.path
    (case / "notes.md").write_text("mine")
    (case / "pictures").mkdir()
    (case / "pictures" / "a.png").write_bytes(b"a")
    with (evidence / "access.log").open("a") as log:
        log.write(ACCESS.splitlines()[-1].replace("10:00:31", "10:00:41") + "\n")
    again = import_folder(evidence, case)
    assert again.changed and again.case.manifest["tables"]["access_log"]["rows"] == 4
    assert (case / "notes.md").read_text() == "mine" and (case / "pictures" / "a.png").read_bytes() == b"a"
    moved = evidence.rename(tmp_path / "moved")
    (moved / "more.csv").write_text(PROBES.replace("2025-12-11", "2025-12-12"))
    assert import_folder(moved, case).changed, "all of its files are here"


def test_the_same_log_counts_once(evidence, tmp_path):
    text = (evidence / "access.log").read_bytes()
    (evidence / "a").mkdir()
    (evidence / "a" / "access.log").write_bytes(text)
    (evidence / "access.log.1.gz").write_bytes(gzip.compress(text))
    case = import_folder(evidence, tmp_path / "case").case
    assert case.manifest["tables"]["access_log"]["rows"] == len(ACCESS.splitlines())
    left = {entry["file"]: entry for entry in case.manifest["inputs"] if entry["source"] is None}
    assert set(left) == {"access.log", "access.log.1.gz"}
    assert all(entry["reason"].startswith("the same as a/access.log") for entry in left.values())
    assert case.unread == []

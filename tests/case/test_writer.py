"""Tables of a case as they are written and read again, from parts in memory and on disk."""

import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.case import reader_registry
from watchme_analysis.case.actions import FILE, read_actions, record_actions, recorded_actions
from watchme_analysis.case.case_folder import Case, no_folder, read_case
from watchme_analysis.case.export import export_case
from watchme_analysis.case.importer import check_new_case, import_folder
from watchme_analysis.case.manifest import case_folders, read_manifest
from watchme_analysis.case.settings import CaseSettings
from watchme_analysis.case.verification import case_problems
from watchme_analysis.case.writer import FileReport, HashedFile, sha256_of, write_tables
from watchme_analysis.errors import CaseError, InputError, QueryError
from watchme_analysis.files.evidence_file import TablePart
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.schema import FORMAT_VERSION, conform
from watchme_analysis.text.message import message_of

START = datetime(2025, 12, 11, 1, tzinfo=UTC)


def at(minute):
    return START + timedelta(minutes=minute)


def table(name, **columns):
    return conform(name, pd.DataFrame(columns))


def error_of(call, *arguments):
    with pytest.raises((CaseError, InputError, QueryError)) as raised:
        call(*arguments)
    return messages_in(raised.value.args[0])


def reader(finish=None):
    return SimpleNamespace(name="reader", finish=finish)


def part(name, frame, spilled=None, **more):
    how = Retrieval("reader", more.pop("origin", "a.log"), rows=len(frame), **more)
    return TablePart(name, frame, how, spilled)


def written(folder, frames, reports=(), settings=None, kept=None):
    folder.mkdir(exist_ok=True)
    return write_tables(folder, "name", settings or CaseSettings(), list(reports), frames, kept)


def test_every_entry_of_a_manifest(tmp_path):
    first = table("access_log", time=[at(5), at(1)], line=[1, 2])
    second = table("access_log", time=[at(3), None], line=[1, 2])
    notes = {"notes": ("one",), "start": at(1), "end": at(5)}
    parts = [
        part("access_log", first, **notes),
        part("access_log", second, origin="b.log", truncated=True, notes=("one", "two")),
    ]
    rejected = Rejected("b.log", 3, "torn", "x" * 3000, 3001)
    broken = parts[1]._replace(retrieval=Retrieval("reader", "b.log", rows=2, rejected=(rejected,)))
    report = FileReport(
        "b.log", "reader", "torn", 9, "abc", (("access_log", broken.retrieval),), ("error_log",), "UTC"
    )
    kept = {}
    manifest = written(
        tmp_path / "case",
        {"access_log": [(reader(), parts[0]), (reader(), broken)]},
        [report],
        CaseSettings("case.toml", "title", zone_name="Europe/Berlin"),
        kept,
    )
    digest = hashlib.sha256((tmp_path / "case/tables/access_log.parquet").read_bytes()).hexdigest()
    assert list(manifest["tables"]) == ["access_log", "rejected_lines"]
    assert manifest["tables"]["access_log"] == {
        "rows": 4,
        "start": at(1).isoformat(),
        "end": at(5).isoformat(),
        "rejected": 1,
        "truncated": False,
        "notes": ["one"],
        "files": ["a.log", "b.log"],
        "sha256": digest,
    }
    assert manifest["inputs"] == [
        {
            "file": "b.log",
            "bytes": 9,
            "sha256": "abc",
            "source": "reader",
            "reason": "torn",
            "unread": ["error_log"],
            "tables": [{"table": "access_log", **broken.retrieval.to_dict()}],
            "assumed_zone": "UTC",
        }
    ]
    assert (manifest["format_version"], manifest["name"], manifest["title"], manifest["time_zone"]) == (
        FORMAT_VERSION,
        "name",
        "title",
        "Europe/Berlin",
    )
    assert manifest["window"] == {"start": at(1).isoformat(), "end": at(5).isoformat()}
    assert manifest["made_with"].keys() == {"watchme_analysis", "pandas"}
    rows = pd.read_parquet(tmp_path / "case/tables/access_log.parquet")
    assert rows["time"].dropna().tolist() == [at(1), at(3), at(5)]
    assert rows["line"].tolist() == [2, 1, 1, 2]  # a row without a time is last
    assert kept["access_log"].equals(conform("access_log", rows))
    (lost,) = pd.read_parquet(tmp_path / "case/tables/rejected_lines.parquet").to_dict("records")
    assert lost == {
        "file": "b.log",
        "line": 3,
        "table": "access_log",
        "reason": "torn",
        "text": "x" * 2000,
        "size_bytes": 3001,
    }
    plain = FileReport("c.log", None, "not recognised", 0, "").to_dict()
    assert (plain["unread"], "assumed_zone" in plain) == (None, False)


def test_the_last_steps_see_all_rows_and_add_notes(tmp_path):
    def finish(name, frame):
        return frame.iloc[1:], [f"{name}: {len(frame)} rows"]

    parts = [(reader(finish), part("probes", table("probes", time=[at(n)]))) for n in (2, 1)]
    manifest = written(tmp_path / "case", {"probes": [*parts, (reader(), parts[0][1])]})
    entry = manifest["tables"]["probes"]
    assert (entry["rows"], entry["notes"]) == (2, ["probes: 3 rows"])
    # A source without last steps keeps its rows.
    plain = written(tmp_path / "other", {"probes": [(reader(), part("probes", table("probes", line=[])))]})
    assert (plain["tables"]["probes"]["rows"], plain["window"]) == (0, None)


def test_a_point_counts_until_the_end_of_its_interval_and_a_query_until_its_end(tmp_path):
    metrics = table("metrics", time=[at(0), at(1)], period_s=[60, 300])
    queries = table("log_queries", start=[at(0), at(2)], end=[at(9), None])
    frames = {
        "metrics": [(reader(), part("metrics", metrics))],
        "log_queries": [(reader(), part("log_queries", queries))],
    }
    manifest = written(tmp_path / "case", frames)
    ends = {name: entry["end"] for name, entry in manifest["tables"].items()}
    assert ends == {"metrics": at(6).isoformat(), "log_queries": at(9).isoformat()}
    # Queries are no observations.
    assert manifest["window"] == {"start": at(0).isoformat(), "end": at(6).isoformat()}
    window = {"start": at(-60).isoformat(), "end": at(60).isoformat()}
    assert written(tmp_path / "other", frames, settings=CaseSettings(window=window))["window"] == window


def test_rows_on_disk_and_rows_in_memory_are_one_table(tmp_path):
    (tmp_path / "case").mkdir()
    spilled = tmp_path / "case" / "spilled.parquet"
    table("access_log", time=[at(2), None], line=[1, 2]).to_parquet(spilled, index=False)
    parts = [
        part("access_log", table("access_log", line=[])),
        part("access_log", table("access_log", time=[at(3), at(1)], line=[3, 4])),
        part("access_log", table("access_log", line=[]), spilled),
    ]
    kept = {}
    manifest = written(tmp_path / "case", {"access_log": [(reader(), each) for each in parts]}, kept=kept)
    found = pd.read_parquet(tmp_path / "case/tables/access_log.parquet")
    assert found["line"].tolist() == [4, 1, 3, 2]
    entry = manifest["tables"]["access_log"]
    assert (entry["rows"], entry["start"], entry["end"]) == (4, at(1).isoformat(), at(3).isoformat())
    assert entry["sha256"] == sha256_of(tmp_path / "case/tables/access_log.parquet")
    assert kept == {}, "a table with rows on disk may exceed memory"
    # The temporary files are gone.
    assert [path.name for path in (tmp_path / "case").rglob("*")] == ["tables", "access_log.parquet"]


@together(
    ("minutes", "noted"),
    [
        (29, None),
        (30, (1, "after")),  # 30 minutes are an hour, in whole hours
        (14 * 60, (14, "after")),
        (14 * 60 + 1, None),
        (-60, None),  # within the hour of the others
        (-91, (1, "before")),
        (-60 - 9 * 60, (9, "before")),
    ],
)
def test_a_log_without_a_zone_that_is_hours_away(minutes, noted):
    from watchme_analysis.case.writer import doubt_zones

    def entry(start, end):
        return {"start": start.isoformat(), "end": end.isoformat(), "notes": ["first"]}

    # Others from -60 to 0, and the log lasts a minute.
    tables = {"access_log": entry(at(-60), at(0)), "app_log": entry(at(minutes), at(minutes + 1))}
    doubt_zones(tables, "Asia/Tokyo")
    notes = tables["app_log"]["notes"]
    if noted is None:
        assert notes == ["first"]
        return
    assert notes[1:] == ["first"]
    ((name, values),) = messages_in(message_of(notes[0])).items()
    assert (name, values["hours"], values["side"], values["zone"]) == (
        "note-zone-apart",
        *noted,
        "Asia/Tokyo",
    )
    alone = {"app_log": entry(at(0), at(1)), "error_log": entry(at(600), at(601))}
    doubt_zones(alone, "UTC")
    assert [each["notes"] for each in alone.values()] == [["first"], ["first"]]


def test_changes_of_a_file_after_it_was_hashed(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"one\n")
    status = path.stat()
    found = HashedFile.of(path)
    assert found == HashedFile(hashlib.sha256(b"one\n").hexdigest(), 4, status.st_mtime_ns)
    assert HashedFile.of(path, 2) == HashedFile(hashlib.sha256(b"on").hexdigest(), 2, status.st_mtime_ns)
    assert found.change_of(path) == ""

    def change(data, later=0):
        path.write_bytes(data)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + later))
        note = message_of(found.change_of(path))
        return messages_in(note) if note else ""

    assert change(b"one\n", later=1) == ""  # touched
    assert change(b"one\ntwo\n") == {"problem-grew": {"bytes": 4}}
    assert change(b"two\n", later=1) == {"problem-changed": {}}
    assert change(b"on", later=1) == {"problem-changed": {}}
    path.unlink()
    assert messages_in(message_of(found.change_of(path))) == {"problem-gone": {}}
    assert next(iter(error_of(HashedFile.of, path))) == "error-case-source-unreadable"


@pytest.fixture
def case(evidence, tmp_path):
    return import_folder(evidence, tmp_path / "case").case


def test_a_case_keeps_its_tables_on_request(evidence, tmp_path):
    kept = import_folder(evidence, tmp_path / "kept", keep_tables=True).case
    assert sorted(kept._frames) == ["access_log", "probes"]
    read = import_folder(evidence, tmp_path / "read").case
    assert read._frames == {}
    assert kept.table("probes").equals(read.table("probes"))
    assert kept.table("probes") is kept.table("probes")


def test_facts_of_a_case(case):
    assert (case.name, case.title) == ("case", "case")
    assert (str(case.window.start), str(case.window.end)) == (
        "2025-12-11 01:00:00+00:00",
        "2025-12-11 01:00:31+00:00",
    )
    assert Case(case.path, {**case.manifest, "title": "t", "window": None}).title == "t"
    assert Case(case.path, {**case.manifest, "window": None}).window is None
    unread = {"file": "x.log", "reason": "torn", "unread": ["probes", "error_log"]}
    other = Case(case.path, {**case.manifest, "inputs": [*case.manifest["inputs"], unread]})
    assert other.unread == [("x.log", "torn", ("probes", "error_log"))]
    assert case.unread == []
    coverage = other.coverage()
    assert list(coverage) == ["access_log", "error_log", "probes"]
    assert coverage["access_log"] == {
        "rows": 3,
        "start": "2025-12-11T01:00:01+00:00",
        "end": "2025-12-11T01:00:31+00:00",
        "rejected": 0,
        "truncated": False,
        "notes": case.manifest["tables"]["access_log"]["notes"],
    }
    lost = coverage["error_log"]
    assert (lost["rows"], lost["start"], lost["end"], lost["rejected"], lost["truncated"]) == (
        0,
        None,
        None,
        0,
        True,
    )
    assert messages_in(message_of(lost["notes"][0])) == {"note-unread": {"file": "x.log", "reason": "torn"}}
    assert coverage["probes"]["truncated"]
    assert len(coverage["probes"]["notes"]) == len(case.manifest["tables"]["probes"]["notes"]) + 1
    assert not case.coverage()["probes"]["truncated"]


def test_queries_over_a_case(case):
    counted = case.sql("select status, count(*) as n from access_log group by all order by status")
    assert counted.to_numpy().tolist() == [[200, 1], [202, 1], [504, 1]]
    assert case.sql("select hour(time) as h from ACCESS_LOG limit 1")["h"].tolist() == [1]
    assert case.sql("select count(*) as n from metrics, actions")["n"].tolist() == [0]
    assert len(case.sql("select * from more, probes", {"more": pd.DataFrame({"a": [1, 2]})})) == 4
    for query, name in (
        ("-- no query of probes", "error-sql-empty"),
        ("create table t as select * from probes", "error-sql-only-reads"),
        ("copy probes to '/tmp/x'", "error-sql-only-reads"),
        ("select colour from probes", "error-sql-refused"),
        ("select * from read_csv('/etc/passwd'), probes", "error-sql-refused"),
    ):
        assert next(iter(error_of(case.sql, query))) == name, query
    refused = error_of(case.sql, "select colour from probes")["error-sql-refused"]
    assert refused["case"] == "case"
    assert "\n" not in refused["reason"] and not refused["reason"].endswith((".", "?", "!"))


def test_tables_that_are_not_those_of_the_manifest(case, tmp_path):
    path = case.path / "tables/probes.parquet"
    data = path.read_bytes()
    path.write_bytes(data + b"x")
    changed = Case(case.path, case.manifest)
    for call in (changed.table, lambda name: changed.sql(f"select * from {name}")):
        assert next(iter(error_of(call, "probes"))) == "error-case-table-changed"
    case.manifest["tables"]["probes"]["sha256"] = sha256_of(path)
    path.write_bytes(b"x")
    case.manifest["tables"]["probes"]["sha256"] = sha256_of(path)
    damaged = Case(case.path, case.manifest)
    for call in (damaged.table, lambda name: damaged.sql(f"select * from {name}")):
        found = error_of(call, "probes")["error-case-table-damaged"]
        assert (found["table"], found["case"]) == ("'probes'", str(case.path))
    path.unlink()
    assert next(iter(error_of(damaged.table, "probes"))) == "error-case-table-damaged"
    assert next(iter(error_of(case.check_files))) == "error-case-table-missing"
    path.write_bytes(data)
    (case.path / "tables/extra.parquet").write_bytes(data)
    (case.path / "tables/.hidden.parquet").write_bytes(data)
    found = error_of(read_case, case.path)["error-case-table-unlisted"]
    assert (found["table"], found["file"]) == ("'extra'", str(case.path / "tables/extra.parquet"))


def test_a_table_with_more_rows_than_the_limit(case, monkeypatch):
    monkeypatch.setenv("WATCHME_LIMIT_ROWS", "2")
    found = error_of(Case(case.path, case.manifest).table, "access_log")
    assert found["error-case-table-large"]["table"] == "'access_log'"
    assert len(Case(case.path, case.manifest).table("probes")) == 2


def bombs():
    """Yield small tables that take 80 MB of memory and more: repeated text, one page, constants, nulls."""
    text = pa.array(["x" * 20_000])
    yield pa.table({"error": pa.DictionaryArray.from_arrays(pa.array([0] * 5_000, pa.int32()), text)}), True
    yield pa.table({"error": pa.array(["x" * 1_000_000] * 100)}), False
    yield pa.table({"seconds": pa.array(np.zeros(12_000_000))}), True
    yield pa.table({f"c{number}": pa.nulls(1_000_000, pa.float64()) for number in range(12)}), True
    yield pa.table({"error": pa.array([["x" * 20_000] * 5_000])}), True


def test_a_small_table_file_that_takes_much_memory_is_not_loaded(case, monkeypatch):
    monkeypatch.setenv("WATCHME_LIMIT_TABLE_MIB", "64")
    path = case.path / "tables" / "probes.parquet"
    for table, use_dictionary in bombs():
        pq.write_table(table, path, compression="zstd", use_dictionary=use_dictionary)
        assert path.stat().st_size < 300_000
        case.manifest["tables"]["probes"]["sha256"] = sha256_of(path)
        hostile = Case(case.path, case.manifest)
        for call in (hostile.table, lambda name, case=hostile: case.sql(f"select * from {name}")):
            found = error_of(call, "probes")["error-case-table-large"]
            assert found["table"] == "'probes'"


def test_a_large_table_file_may_take_its_memory(case, monkeypatch):
    monkeypatch.setenv("WATCHME_LIMIT_TABLE_MIB", "1")
    path = case.path / "tables" / "probes.parquet"
    errors = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(20_000)]
    case.table("probes").iloc[[0] * 20_000].assign(error=errors).to_parquet(path)
    case.manifest["tables"]["probes"]["sha256"] = sha256_of(path)
    assert len(Case(case.path, case.manifest).table("probes")) == 20_000


def test_folders_that_are_none(tmp_path):
    (tmp_path / "cases").mkdir()
    (tmp_path / "file").write_text("")
    assert messages_in(no_folder(tmp_path / "case", "case")) == {
        "error-no-folder-near": {
            "path": str(tmp_path / "case"),
            "wanted": "case",
            "near": str(tmp_path / "cases"),
        }
    }
    for name, message_id in (
        ("file", "error-is-a-file"),
        ("other", "error-no-folder"),
        ("a/b", "error-no-folder"),
    ):
        found = messages_in(no_folder(tmp_path / name, "evidence"))
        assert found == {message_id: {"path": str(tmp_path / name), "wanted": "evidence", "near": ""}}


def test_a_path_that_is_not_utf_8_holds_no_case(tmp_path):
    odd = tmp_path / os.fsdecode(b"a\xff")
    assert next(iter(error_of(check_new_case, odd))) == "error-case-path-encoding"


def test_cases_in_a_folder(tmp_path):
    for name in ("a", "b/c", "a/inside", ".hidden/d", "1/2/3/4", "1/2/3/4/5/6"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "manifest.json").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "b")
    found = sorted(path.relative_to(tmp_path).as_posix() for path in case_folders(tmp_path))
    assert found == ["1/2/3/4", "a", "b/c"]  # four levels down
    assert [path.name for path in case_folders(tmp_path, 1)] == ["a"]
    assert list(case_folders(tmp_path / "a", 0)) == [tmp_path / "a"]


@together(
    ("path", "value"),
    [
        ("name", 5),
        ("title", 5),
        ("time_zone", None),
        ("work_items", {"item_keys": 5}),
        ("work_items", 5),
        ("log_words", {"error": [""]}),
        ("window", 5),
        ("window", {"start": "2025-12-11T01:00:00+00:00"}),
        ("window", {"start": "2025-12-11T01:00:00", "end": "2025-12-11T02:00:00"}),
        ("window", {"start": "2025-12-11T01:00:00+00:00", "end": "2025-12-11T01:00:00+00:00"}),
        ("made_with", []),
        ("tables", {"unknown": {}}),
        ("tables", []),
        ("inputs", {}),
        ("inputs", [5]),
    ],
)
def test_a_manifest_with_a_field_that_is_not_valid(path, value):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "manifest.json").write_text(json.dumps(MANIFEST | {path: value}))
        found = error_of(read_manifest, Path(folder))["error-manifest-damaged"]
        assert found["place"] == repr(path)


ENTRY = {"rows": 1, "start": None, "end": "2025-12-11T01:00:00+00:00", "rejected": 0, "truncated": False}
ENTRY |= {"notes": ["a"], "files": ["b"], "sha256": "c"}
INPUT = {"file": "a", "bytes": 1, "sha256": "b", "source": None, "unread": ["probes"], "reason": ""}
PIECE = {"table": "probes", "rows": 1, "rejected": 0, "start": None, "end": None}
MANIFEST = {
    "format_version": FORMAT_VERSION,
    "name": "n",
    "title": None,
    "time_zone": "UTC",
    "work_items": {},
    "log_words": {},
    "window": {"start": "2025-12-11T01:00:00+00:00", "end": "2025-12-11T02:00:00+00:00"},
    "made_with": {},
    "tables": {"probes": ENTRY},
    "inputs": [INPUT | {"tables": [PIECE]}],
}


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        (({"tables": {"probes": ENTRY | {name: value}}}), "tables")
        for name, value in (
            ("rows", -1),
            ("rows", "1"),
            ("start", "2025-12-11"),
            ("end", 5),
            ("rejected", None),
            ("truncated", 1),
            ("notes", "a"),
            ("files", [5]),
            ("sha256", None),
        )
    ]
    + [
        (({"inputs": [INPUT | {"tables": [PIECE]} | {name: value}]}), "inputs")
        for name, value in (
            ("file", None),
            ("bytes", -1),
            ("source", 5),
            ("unread", "probes"),
            ("reason", None),
            ("tables", None),
            ("tables", [5]),
            ("tables", [PIECE | {"rows": -1}]),
            ("tables", [PIECE | {"table": 5}]),
        )
    ],
)
def test_an_entry_of_a_manifest_that_is_not_valid(tmp_path, entry, place):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(MANIFEST))
    assert read_manifest(tmp_path)["name"] == "n"
    path.write_text(json.dumps(MANIFEST | entry))
    assert error_of(read_manifest, tmp_path)["error-manifest-damaged"]["place"] == repr(place)


def test_manifests_of_others(tmp_path):
    path = tmp_path / "manifest.json"
    for text, message_id in (
        ("[]", "error-manifest-foreign"),
        ("{}", "error-manifest-foreign"),
        (json.dumps(MANIFEST | {"format_version": FORMAT_VERSION + 1}), "error-manifest-version"),
        ("{", "error-manifest-unreadable"),
        ("[" * 100_000, "error-manifest-unreadable"),
    ):
        path.write_text(text)
        assert next(iter(error_of(read_manifest, tmp_path))) == message_id
    path.unlink()
    assert next(iter(error_of(read_manifest, tmp_path))) == "error-manifest-unreadable"


ACTION = {
    "time": "2025-11-21T01:02:03+00:00",
    "remedy": "settings",
    "step": "set VisibilityTimeout",
    "resource": "r",
    "call": "c",
    "outcome": "done",
    "message": {"b": 1, "a": "é"},
    "plan": "p",
    "number": 2,
}


def test_every_column_of_recorded_actions(tmp_path):
    earlier = ACTION | {"number": 1}
    assert record_actions(tmp_path, [ACTION, earlier]) == 2
    assert (tmp_path / FILE).read_text() == f"{json.dumps(ACTION)}\n{json.dumps(earlier)}\n"
    assert record_actions(tmp_path, [ACTION, ACTION | {"plan": "q"}]) == 1
    assert record_actions(tmp_path, []) == 0
    frame = read_actions(tmp_path)
    assert frame[["plan", "number"]].to_numpy().tolist() == [["p", 1], ["p", 2], ["q", 2]]
    stored = {"time": pd.Timestamp("2025-11-21T01:02:03Z"), "message": '{"a": "é", "b": 1}'}
    assert frame.iloc[1].to_dict() == ACTION | stored
    assert read_actions(tmp_path / "none").equals(frame.iloc[:0])


def test_lines_of_actions_that_are_none(tmp_path):
    incomplete = {name: value for name, value in ACTION.items() if name != "plan"}
    lines = ["5", json.dumps(incomplete), "{", "[" * 100_000, json.dumps(ACTION)]
    (tmp_path / FILE).write_text("\n".join(lines))
    assert recorded_actions(tmp_path) == [ACTION]
    # The last line has no end, so that the next row begins another.
    record_actions(tmp_path, [ACTION | {"number": 3}])
    assert [row["number"] for row in recorded_actions(tmp_path)] == [2, 3]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / FILE).mkdir()
    assert next(iter(error_of(recorded_actions, tmp_path / "b"))) == "error-case-unreadable"
    assert next(iter(error_of(record_actions, tmp_path / "missing", [ACTION]))) == "error-actions-unwritable"


def test_an_export_has_the_hashes_of_what_it_holds(evidence, tmp_path):
    (evidence / "nginx.conf").write_text(
        "http { server { location / { proxy_pass http://api.example.com; } } }\n"
    )
    case = import_folder(evidence, tmp_path / "case").case
    record_actions(case.path, [ACTION | {"resource": "host api.example.com"}])
    shared = export_case(case, tmp_path / "shared", "ids")
    hashes = {entry["file"]: entry["sha256"] for entry in shared.manifest["inputs"]}
    assert hashes == {
        "access.log": "",  # the hash of evidence would confirm a guess of its secrets
        "probes.csv": "",
        "nginx.conf": sha256_of(tmp_path / "shared/files/nginx.conf"),
    }
    assert "api.example.com" not in (tmp_path / "shared/files/nginx.conf").read_text()
    assert case_problems(shared.path) == []
    assert (shared.manifest["redacted"], "fingerprint" in shared.manifest) == ("ids", False)
    for key in ("format_version", "made_with", "work_items", "time_zone", "window"):
        assert shared.manifest[key] == case.manifest[key]
    assert len(shared.table("actions")) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case", "evidence", "shared"]
    assert next(iter(error_of(export_case, case, tmp_path / "shared", "ids"))) == "error-target-exists"
    found = error_of(export_case, case, tmp_path / "x", "all")["error-export-level"]
    assert found == {"level": "'all'", "known": "secrets, ids, share"}


def test_problems_of_a_case(case, tmp_path):
    assert case_problems(case.path) == []
    (case.path / "notes.txt").write_text("")
    (case.path / "other").mkdir()
    (case.path / "link").symlink_to("/etc/hostname")
    manifest = json.loads((case.path / "manifest.json").read_text())
    manifest["tables"]["probes"]["rows"] = 7
    manifest["inputs"][0]["file"] = "../a"
    (case.path / "manifest.json").write_text(json.dumps(manifest))
    found = [next(iter(messages_in(message_of(each)).items())) for each in case_problems(case.path)]
    assert found == [
        ("case-problem-outside", {"file": "../a"}),
        ("case-problem-rows", {"table": "probes", "rows": 2, "stated": 7}),
        ("case-problem-link", {"file": "link"}),
        ("case-problem-unlisted", {"file": "notes.txt"}),
        ("case-problem-neither", {"file": "other"}),
    ]
    assert next(iter(error_of(case_problems, tmp_path / "missing"))) == "error-no-folder"


def test_recorded_actions_are_part_of_a_case(case):
    record_actions(case.path, [ACTION])
    assert case_problems(case.path) == []
    record_actions(case.path, [ACTION | {"number": "x"}])
    (problem,) = case_problems(case.path)
    assert next(iter(messages_in(message_of(problem)))) == "error-actions-damaged"


def test_readers_are_those_of_the_modules_in_order(monkeypatch):
    reader_registry.sources.cache_clear()
    found = reader_registry.sources()
    assert [found[0].name, found[-1].name] == ["edge_access", found[-1].name]
    assert len({source.name for source in found}) == len(found)
    named = [source.name for source in found]
    assert named.index("probes") < named.index("app_source") < named.index("cloudtrail")
    reader_registry.aws_tables.cache_clear()
    tables = reader_registry.aws_tables()
    assert {"metrics", "log_events", "queues", "functions", "alarms", "changes"} <= tables
    assert tables.isdisjoint({"access_log", "probes", "app_handlers"})

"""Invalid input of every command ends in one sentence and exit 1 or 2, never in a traceback."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from worlds.small_evidence import ACCESS, PROBES

from watchme_analysis.cli import main

WATCHME = Path(sys.executable).with_name("watchme")
DEEP = 20_000
NO_SPANS = ["", " ", "h", "2houres", "-1h", "nan", "inf", "1e99", "1.5.5h", "\u0661h", "2h and more"]
TOO_LONG = ["99999999999999h", "9" * 310 + "w", "9" * 400 + "h", "999999999d"]
NO_MOMENTS = [
    *NO_SPANS,
    *TOO_LONG,
    "0001-01-01",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "10000-01-01",
    "2025-13-01",
    "2025-12-11T25:00",
    "2025-12-11T10:00+99:00",
    "now+1h",
]
NO_ZONES = ["", ".", "..", "/etc/hostname", "../UTC", "Mars/Olympus", "a" * 5000, "Asia", "\u00e9"]
NO_FOLDERS = ["nowhere", "a" * 5000, "caf\udce9", "loop", "/dev/null"]
NO_COUNTS = ["x", "-1", "1e3", "", "nan", "0x10"]
NO_URLS = [
    "http://",
    "ftp://example.com",
    "http://ex\u00e4mple.com/",
    "http://127.0.0.1:9/\u00e9",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:\u0669/",
    "http://[::1",
    "http://127.0.0.1:9/a b",
    "http://127.0.0.1:9/\r\nX: y",
    "http://\u2603.example/",
    "http://user:p\u00e4ss@127.0.0.1:9/",
    "http://127.0.0.1:9/\u202e",
    "http://127.0.0.1:9/\udcff",
]
NO_QUERIES = [
    "",
    "select",
    "copy (select 1) to 'x'",
    "select * from nowhere",
    "(" * 5000,
    "select error('x')",
]
NO_QUERIES += ["attach 'x'", "select 9e999::int", "select '\udcff'"]


ACCESS_OF = ("access", "evidence/access.log", "--errors", "none")
PROBE = ("probe", "http://127.0.0.1:9/")
PULL = ("case", "pull", "backlog", "--queue", "q")
QUERY = ("query", "run", "worker_errors", "--log-group", "/x")
SPANS = [text for text in NO_SPANS if text not in ("nan", "inf", "1e99")]
# Words of a command, to which each of the values is added.
INVALID = {
    "times": [
        (("diagnose", "health", "case", "--since"), NO_MOMENTS),
        ((*ACCESS_OF, "--until"), NO_MOMENTS),
        ((*ACCESS_OF, "--slow"), [*NO_SPANS, *TOO_LONG]),
        ((*PROBE, "--curl", "--for"), [*SPANS, *TOO_LONG]),
    ],
    "zones": [
        (("case", "import", "evidence", "other", "--timezone"), NO_ZONES),
        (("diagnose", "health", "case", "--timezone"), NO_ZONES),
        ((*ACCESS_OF, "--log-timezone"), NO_ZONES[1:]),
    ],
    "names": [
        (("case", "import"), NO_FOLDERS),
        *(((*words,), NO_FOLDERS) for words in (("case", "show"), ("diagnose", "backlog"), ("redrive",))),
        (("report", "health", "case", "--notebooks"), NO_FOLDERS),
        *(
            ((*words,), NO_FOLDERS)
            for words in (("query", "run"), ("case", "pull"), ("probe",), (), ("case",))
        ),
        ((*ACCESS_OF, "--only"), NO_FOLDERS),
        *(((*words,), NO_FOLDERS[:3]) for words in (("access",), (*ACCESS_OF, "--nginx-conf"))),
        (("alarms", "backtest", "case", "--spec"), NO_FOLDERS[:3]),
    ],
    "counts": [
        ((*ACCESS_OF, "--top"), NO_COUNTS),
        (("simulate", "case", "--replications"), NO_COUNTS),
        (("redrive", "case", "--send"), NO_COUNTS),
        ((*PULL, "--offline", "--max-scan-gb"), ("nan", "inf", "-inf", "x")),
        ((*QUERY, "--offline", "--deadline"), ("nan", "inf", "0", "x")),
    ],
    "addresses": [
        (("probe", "--for", "0s", "--timeout", "1s", "--host"), NO_URLS),
        (("probe", "--curl"), NO_URLS),
        (
            (*PROBE, "--for", "0s", "--header"),
            ("x", "a: b\r\nc: d", "a: \u00e9", ": x", "@nowhere", "@binary"),
        ),
    ],
    "queries": [(("case", "sql", "case"), NO_QUERIES)],
}
# AWS must not be called for these, and nothing be written.
INVALID_BEFORE_CALLS = {
    "windows": [
        *(((*words, option), NO_MOMENTS) for words in (PULL, QUERY) for option in ("--since", "--until")),
        *(((*words, "--timezone"), NO_ZONES) for words in (PULL, QUERY)),
        ((*PULL, "--since", "1h", "--until"), ["2h"]),
    ],
    "places": [
        ((*PULL, "--raw"), ("evidence", "/dev/null", "binary", "a" * 5000)),
        (("case", "pull", "--queue", "q", "backlog"), ("evidence", "/dev/null/case", "binary", "a" * 5000)),
        (("query", "run"), ["nowhere"]),
    ],
    "without_effect": [
        (("simulate", "--timezone"), NO_ZONES),
        *(
            ((*PROBE, option), ("nan", "inf", "-1", *TOO_LONG))
            for option in ("--every", "--for", "--timeout")
        ),
    ],
}

CASE_TOMLS = {
    "deep": "x = " + "[" * DEEP + "]" * DEEP,
    "deep_tables": "x = " + "{a = " * DEEP + "1" + "}" * DEEP,
    "binary": b"\xff\xfe",
    "zone": "time_zone = 3",
    "files": "files = [1]",
    "missing_file": "[files]\n'nowhere' = 'access.log'",
    "number": "window = 3",
    "span": "[window]\nstart = '99999999999999h'\nend = 'now'",
    "early": "[window]\nstart = 0001-01-01T00:00:00+23:59\nend = 2025-01-01",
    "late": "[window]\nstart = 2025-01-01\nend = 9999-12-31T23:59:59-23:59",
}
MANIFESTS = {
    "deep": "[" * DEEP + "]" * DEEP,
    "deep_objects": '{"a":' * DEEP + "1" + "}" * DEEP,
    "list": "[]",
    "number": "3",
    "null": "null",
    "binary": b"\xff",
    "empty": "",
}
CHANGES = {
    "name": 3,
    "title": 3,
    "time_zone": 3,
    "window": {"start": "99999999999999h", "end": "now"},
    "made_with": 3,
    "tables": {"access_log": 3},
    "inputs": 3,
    "format_version": "x",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with evidence, the case made of it, and files that hold nothing of use."""
    root = tmp_path_factory.mktemp("bad-input")
    (root / "evidence").mkdir()
    (root / "evidence" / "access.log").write_text(ACCESS)
    (root / "evidence" / "probes.csv").write_text(PROBES)
    (root / "binary").write_bytes(b"\xff\xfe\0\0")
    (root / "loop").symlink_to("loop")
    subprocess.run([WATCHME, "case", "import", "evidence", "case"], cwd=root, check=True, capture_output=True)
    return root


@pytest.fixture
def fault_of(folder, monkeypatch, capsys):
    """What is wrong with how a command ends: empty for exit 1 or 2 with one sentence."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    usual = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def run(words, codes=(1, 2)):
        monkeypatch.setattr(sys, "argv", ["watchme", *map(str, words)])
        shown = [ascii(str(word)[:60]) for word in words]
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        except Exception as error:
            capsys.readouterr()
            return f"{shown}: {type(error).__name__}: {error}"[:400]
        err = capsys.readouterr().err
        lines = err.splitlines()
        is_sentence = len(lines) == 1 and err.startswith("watchme: ") and err.rstrip().endswith((".", "?"))
        return "" if code in codes and is_sentence else f"{shown}: exit {code}: {err[:300]}"

    yield run
    for number, handler in usual.items():
        signal.signal(number, handler)


@pytest.mark.slow
@pytest.mark.parametrize("kind", INVALID)
def test_invalid_words_are_one_sentence(fault_of, kind):
    asked = [(*words, value) for words, values in INVALID[kind] for value in values]
    assert [fault for fault in map(fault_of, asked) if fault] == []


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("kind", INVALID_BEFORE_CALLS)
def test_invalid_words_end_a_command_before_it_calls_or_writes(fault_of, folder, kind):
    before = sorted(folder.rglob("*"))
    asked = [(*words, value) for words, values in INVALID_BEFORE_CALLS[kind] for value in values]
    # A call would end with exit code 1, since nothing answers.
    assert [fault for fault in (fault_of(words, codes=(2,)) for words in asked) if fault] == []
    assert sorted(folder.rglob("*")) == before


UNRELATED = {
    "text": b"a letter",
    "lines": b"a letter\n{}\n",
    "page": b"<!DOCTYPE html><p>mine",
    "binary": b"\xff\0",
}
OUTPUTS = {
    "parquet": ("access", "evidence/access.log", "--errors", "none", "--parquet"),
    "list of messages": ("redrive", "case", "--to"),
    "journal": ("redrive", "case", "--journal"),
    "probes": ("probe", "http://127.0.0.1:9/", "--for", "0s", "--to"),
    "case": ("case", "import", "evidence"),
    "exported case": ("case", "export", "case", "--redact", "ids"),
    "report folder": ("report", "health", "case", "--to"),
}


@pytest.mark.slow
@pytest.mark.parametrize("content", UNRELATED)
@pytest.mark.parametrize("output", OUTPUTS)
def test_an_output_never_overwrites_an_unrelated_file(fault_of, folder, output, content):
    target = folder / "letter"
    target.write_bytes(UNRELATED[content])
    assert fault_of((*OUTPUTS[output], "letter")) == ""
    assert target.read_bytes() == UNRELATED[content]


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("name", CASE_TOMLS)
def test_a_case_toml_that_can_not_be_used_is_one_sentence(fault_of, folder, name):
    evidence = folder / f"toml-{name}"
    shutil.copytree(folder / "evidence", evidence)
    write(evidence / "case.toml", CASE_TOMLS[name])

    for_import, for_diagnosis = ("case", "import", evidence, "new"), ("diagnose", "health", evidence)
    assert [fault_of(words) for words in (for_import, for_diagnosis)] == ["", ""]


@pytest.mark.parametrize("name", [*MANIFESTS, *CHANGES])
def test_a_manifest_that_is_none_or_has_a_wrong_or_missing_field_is_one_sentence(fault_of, folder, name):
    manifest = json.loads((folder / "case" / "manifest.json").read_text())
    wrong = {**manifest, name: CHANGES.get(name)}
    missing = {key: manifest[key] for key in manifest if key != name}
    for content in [MANIFESTS[name]] if name in MANIFESTS else map(json.dumps, (wrong, missing)):
        case = folder / "damaged"
        shutil.rmtree(case, ignore_errors=True)
        shutil.copytree(folder / "case", case)
        write(case / "manifest.json", content)
        commands = ("case show", "diagnose health", "alarms backtest", "redrive", "simulate")
        faults = [fault_of((*words.split(), case)) for words in commands]
        assert [fault for fault in (*faults, fault_of(("case", "sql", case, "select 1"))) if fault] == []


@pytest.mark.slow
def test_files_whose_names_are_not_utf_8_are_read(watchme, tmp_path):
    evidence = tmp_path / os.fsdecode(b"\xe9vidence")
    evidence.mkdir()
    for name in (b"access-caf\xe9.log", b"notes-\xff.txt"):
        (evidence / os.fsdecode(name)).write_text(ACCESS)

    def run(*words):
        done = watchme(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert r"access-caf\xe9.log" in run("case", "import", evidence, "case")
    assert r"access-caf\xe9.log" in run("case", "show", "case")
    assert r"access-caf\xe9.log" in run("case", "sql", "case", "select distinct file from access_log")
    assert "/health" in run("diagnose", "health", evidence, "--all")
    page = run("access", evidence / os.fsdecode(b"access-caf\xe9.log"), "--parquet", "rows.parquet")
    assert r"access-caf\xe9.log" in page
    assert r"access-caf\xe9.log" in run("access", evidence, "--json").replace("\\\\", "\\")

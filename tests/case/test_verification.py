"""A case that somebody else made: every problem is one sentence, whatever its files hold."""

import json
import os
import random
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from worlds.hostile_rows import hostile_documents
from worlds.small_evidence import ACCESS, PROBES

from watchme_analysis.case.case_folder import read_case
from watchme_analysis.case.importer import import_folder
from watchme_analysis.case.verification import case_problems
from watchme_analysis.case.writer import sha256_of
from watchme_analysis.errors import WatchmeError

ALARM = {"AlarmName": "a", "MetricName": "m", "Threshold": 1.0, "Period": 60, "ComparisonOperator": "x"}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    root = tmp_path_factory.mktemp("verify")
    evidence = root / "evidence"
    evidence.mkdir()
    (evidence / "access.log").write_text(ACCESS)
    (evidence / "probes.csv").write_text(PROBES)
    (evidence / "compose.yml").write_text("services: {web: {image: nginx}}\n")
    (evidence / "alarms.json").write_text(json.dumps({"MetricAlarms": [ALARM], "CompositeAlarms": []}))
    import_folder(evidence, root / "case")
    return root / "case"


@pytest.fixture
def case(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "case")


@pytest.mark.slow
def test_a_sound_case_has_no_problem(case):
    assert case_problems(case) == []


def rewrite(case, name, change):
    """Change a table and its hash in the manifest, as an attacker would."""
    path = case / "tables" / f"{name}.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    sign(case, name)


def sign(case, name):
    manifest = json.loads((case / "manifest.json").read_text())
    manifest["tables"][name]["sha256"] = sha256_of(case / "tables" / f"{name}.parquet")
    (case / "manifest.json").write_text(json.dumps(manifest))


DAMAGES = {
    "manifest": lambda case: (case / "manifest.json").write_text("{"),
    "added table": lambda case: shutil.copy(
        case / "tables" / "probes.parquet", case / "tables" / "x.parquet"
    ),
    "missing table": lambda case: (case / "tables" / "probes.parquet").unlink(),
    "changed table": lambda case: (case / "tables" / "probes.parquet").write_bytes(b"PAR1"),
    "rows": lambda case: rewrite(case, "probes", lambda table: table.slice(1)),
    "column": lambda case: rewrite(case, "probes", lambda table: table.append_column("x", table["path"])),
    "type": lambda case: rewrite(
        case,
        "probes",
        lambda table: table.drop(["status"]).append_column("status", pa.array(["x"] * len(table))),
    ),
    "changed copy": lambda case: (case / "files" / "compose.yml").write_text("services: {}\n"),
    "added copy": lambda case: (case / "files" / "nginx.conf").write_text("events {}"),
    "link": lambda case: (case / "files" / "passwd").symlink_to("/etc/hostname"),
    "pipe": lambda case: os.mkfifo(case / "pipe"),
    "program": lambda case: (case / "run.sh").write_text("true"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_problem_is_one_sentence(case, damage):
    DAMAGES[damage](case)
    (problem,) = case_problems(case)
    assert "\n" not in problem


@pytest.mark.slow
def test_a_manifest_with_any_value_is_used_or_refused_in_one_sentence(case):
    manifest = json.loads((case / "manifest.json").read_text())
    for content in hostile_documents(manifest, 60):
        (case / "manifest.json").write_bytes(content)
        for use in (
            read_case,
            lambda folder: read_case(folder).coverage(),
            lambda folder: read_case(folder).unread,
        ):
            try:
                use(case)
            except WatchmeError as error:
                assert "\n" not in str(error)
        assert all("\n" not in problem for problem in case_problems(case))


def test_files_outside_of_the_evidence_are_named(case):
    manifest = json.loads((case / "manifest.json").read_text())
    manifest["inputs"][0]["file"] = "../../home/.ssh/id_rsa"
    (case / "manifest.json").write_text(json.dumps(manifest))
    assert any("../../home" in problem for problem in case_problems(case))


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("seed", range(20))
def test_parquet_from_outside_is_read_or_refused_in_one_sentence(case, seed):
    rng = random.Random(seed)
    path = case / "tables" / "access_log.parquet"
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 3, 30])):
        at = rng.randrange(len(data))
        data[at : at + rng.randrange(4)] = rng.randbytes(rng.randrange(4))
    path.write_bytes(data)
    sign(case, "access_log")
    for use in (
        lambda: read_case(case).table("access_log"),
        lambda: read_case(case).sql("select * from access_log"),
    ):
        try:
            use()
        except WatchmeError as error:
            assert "\n" not in str(error)
    assert all("\n" not in problem for problem in case_problems(case))

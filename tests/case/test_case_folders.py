"""Folders of several cases, distinguished from those of one."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from watchme_analysis.case.folders import far_apart, side_by_side
from watchme_analysis.case.importer import import_folder

CASE = ("access.log", "error.log", "probes.csv", "nginx.conf")
HOST = CASE[:2] + CASE[3:]
MODULES = ("routes.py", "models.py", "services.py", "schemas.py", "app.py")


def below(*folders, files=CASE):
    return [f"{folder}/{file}" for folder in folders for file in files]


def test_folders_with_the_same_evidence_are_cases():
    found = side_by_side(Path("incidents"), [*below("b", "a"), *below("hosts/one", files=HOST), "README.md"])
    assert found == (".", ["a", "b"], sorted(CASE), ["hosts"])


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst"])
def test_they_are_found_further_down_and_packed(ending):
    packed = [f"{name}{ending}" for name in below("old/b")]
    found = side_by_side(Path("incidents"), [*below("old/a"), *packed])
    assert found is not None
    assert (found.parent, found.folders) == ("old", ["a", "b"])


@pytest.mark.parametrize(
    "names",
    [
        below("web-1", "web-2", files=HOST),
        below("a"),
        [*below("a", "b"), "cloudtrail.json"],
        [],
        [*below("src/jobs", "src/users", files=MODULES), "src/nginx.conf"],
    ],
    ids=["hosts", "one case", "evidence of its own", "nothing", "modules"],
)
def test_parts_of_one_case_are_not(names):
    assert side_by_side(Path("incident"), names) is None


def test_folders_of_different_days_are_named_and_those_of_one_incident_are_not():
    def during(month, first, last):
        return [(datetime(2025, month, first, tzinfo=UTC), datetime(2025, month, last, tzinfo=UTC))]

    metrics, logs = during(11, 1, 9), during(11, 5, 5)
    one = {"metrics/sqs.json": metrics, "logs/a.json": logs, "queues/a.json": [], "b.log": during(1, 1, 2)}
    assert far_apart(one) == ""
    assert far_apart({**one, "later/b.log": during(11, 10, 10)}) == "", "a day is not over a day"
    reported = far_apart({**one, "other/c.log": during(11, 12, 13)})
    assert reported.startswith(
        "the folders metrics (from 2025-11-01), logs (from 2025-11-05), other (from 2025"
    )
    assert "(dates in UTC): if they are not of one incident, import each by itself" in reported


@pytest.mark.slow
def test_an_import_says_so_unless_it_is_stated_that_all_is_one(tmp_path):
    evidence = tmp_path / "evidence"
    for folder, day in (("may", "03/May"), ("june", "03/Jun")):
        (evidence / folder).mkdir(parents=True)
        line = f'192.0.2.1 - - [{day}/2025:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"\n'
        (evidence / folder / "access.log").write_text(line)

    def noted(case):
        manifest = import_folder(evidence, tmp_path / case).case.manifest
        return [note for note in manifest["tables"]["access_log"]["notes"] if "over a day apart" in note]

    assert noted("first")
    (evidence / "case.toml").write_text("")
    assert noted("second") == []

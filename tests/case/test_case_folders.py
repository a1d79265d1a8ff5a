"""Folders of several cases, told from those of one."""

from pathlib import Path

import pytest

from watchme_analysis.case.folders import side_by_side

CASE = ("access.log", "error.log", "probes.csv", "nginx.conf")
HOST = CASE[:2] + CASE[3:]
MODULES = ("routes.py", "models.py", "services.py", "schemas.py", "app.py")


def below(*folders, files=CASE):
    return [f"{folder}/{file}" for folder in folders for file in files]


def test_folders_with_the_same_evidence_are_cases():
    found = side_by_side(Path("incidents"), [*below("b", "a"), *below("hosts/one", files=HOST), "README.md"])
    assert found == (".", ["a", "b"], sorted(CASE))


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

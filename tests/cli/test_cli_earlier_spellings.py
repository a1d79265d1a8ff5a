"""Spellings of the release before, which work and are neither listed nor documented."""

import re
from pathlib import Path

from watchme_analysis.cli import cli

ROOT = Path(__file__).resolve().parent.parent.parent
FORMER = re.compile(r"watchme (?:import|pull)\b")


def test_import_and_pull_are_the_verbs_of_case(watchme, evidence, tmp_path):
    new = watchme("case", "import", evidence, tmp_path / "new")
    former = watchme("import", evidence, tmp_path / "former")
    assert (new.returncode, former.returncode) == (0, 0)
    assert former.stdout.replace("former", "new") == new.stdout
    policies = [watchme(*words, "--print-policy").stdout for words in (("case", "pull"), ("pull",))]
    assert policies[0] == policies[1] != ""


def test_earlier_spellings_are_not_listed():
    assert not {"import", "pull"} & set(cli.list_commands(None))


def test_one_spelling_is_documented_and_printed():
    places = [ROOT, ROOT / "docs", ROOT / "data", ROOT / "notebooks", ROOT / "watchme_analysis"]
    files = {
        path
        for place in places
        for pattern in (
            ["*.md"] if place == ROOT else ["**/*.md", "**/*.py", "**/*.ftl", "**/*.toml", "**/*.ipynb"]
        )
        for path in place.glob(pattern)
    } - {ROOT / "CHANGELOG.md"}
    assert len(files) > 300
    assert [str(path) for path in sorted(files) if FORMER.search(path.read_text(encoding="utf-8"))] == []

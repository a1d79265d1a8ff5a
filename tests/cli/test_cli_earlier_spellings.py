"""Spellings of the release before, which work and are neither listed nor documented."""

import re
from pathlib import Path

import pytest

from watchme_analysis.cli import cli

ROOT = Path(__file__).resolve().parent.parent.parent
FORMER = re.compile(
    r"watchme (?:import|pull)\b"
    r"|watchme (?:report|demo|redrive|loadtest)\b[^`\"\n]* --(?:out|audit|result)\b"
    r"|watchme probe\b[^`\"\n]* --output\b"
)


@pytest.mark.slow
def test_import_and_pull_are_the_verbs_of_case(watchme, evidence, tmp_path):
    new = watchme("case", "import", evidence, tmp_path / "new")
    former = watchme("import", evidence, tmp_path / "former")
    assert (new.returncode, former.returncode) == (0, 0)
    assert former.stdout.replace("former", "new") == new.stdout
    policies = [watchme(*words, "--print-policy").stdout for words in (("case", "pull"), ("pull",))]
    assert policies[0] == policies[1] != ""


@pytest.mark.parametrize(
    ("words", "to"),
    [
        ("redrive CASE --out list.jsonl", "list.jsonl"),
        ("redrive CASE --apply --audit=audit.json", "audit.json"),
        ("report health CASE --out reports", "reports"),
        ("demo --out reports", "reports"),
        ("probe https://example.com/ --output p.csv", "p.csv"),
    ],
)
def test_earlier_names_of_to_are_taken_with_a_note(words, to, capsys):
    name, *arguments = words.split()
    context = cli.get_command(None, name).make_context(name, arguments)
    assert str(context.params["to"]) == to
    assert "--to" in capsys.readouterr().err


def test_earlier_spellings_are_not_listed():
    assert not {"import", "pull"} & set(cli.list_commands(None))


@pytest.mark.slow
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

"""Shell completion: commands, cases, queues, systems and queries, as a shell asks for them."""

import pytest
from click.shell_completion import ShellComplete
from worlds.small_evidence import ACCESS

from watchme_analysis.case.importer import import_folder
from watchme_analysis.cli import cli

SYSTEMS = '[systems.orders]\nqueue = "orders"\n[systems.mails]\nqueue = "mails"\n'
ATTRIBUTES = '{"Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:uploads"}}'


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a watchme.toml and a case with the queue ``uploads``."""
    home = tmp_path_factory.mktemp("completion")
    (home / "evidence" / "queues").mkdir(parents=True)
    (home / "evidence" / "access.log").write_text(ACCESS)
    (home / "evidence" / "queues" / "uploads-attributes.json").write_text(ATTRIBUTES)
    import_folder(home / "evidence", home / "cases" / "one")
    (home / "watchme.toml").write_text(SYSTEMS)
    return home


@pytest.fixture
def completed(home, monkeypatch):
    """Return a function that completes the last word of a command."""
    monkeypatch.chdir(home)

    def complete(*words):
        found = ShellComplete(cli, {}, "watchme", "_WATCHME_COMPLETE").get_completions(
            [*words[:-1]], words[-1]
        )
        return [(item.value, item.type) for item in found]

    return complete


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (("dia",), ["diagnose"]),
        (("case", "l"), ["list"]),
        (("case", "show", ""), ["cases/one"]),
        (("case", "show", "cases/o"), ["cases/one"]),
        (("diagnose", ""), ["health", "backlog", "all", "cases/one"]),
        (("report", "all", "cases/one", ""), ["cases/one"]),
        (("redrive", "cases/one", "--queue", ""), ["mails", "orders", "uploads"]),
        (("diagnose", "backlog", "cases/one", "--queue", "u"), ["uploads"]),
        (("case", "pull", "backlog", "--queue", ""), ["mails", "orders"]),
        (("config", "check", "--system", "o"), ["orders"]),
        (("query", "run", "errors_by"), ["errors_by_type"]),
        (("diagnose", "health", "cases/one", "--fail-on", "s"), ["supported"]),
    ],
)
def test_words_are_completed(completed, words, values):
    assert completed(*words) == [(value, "plain") for value in values]


def test_a_damaged_case_and_invalid_settings_complete_nothing_and_raise_nothing(
    home, completed, tmp_path, monkeypatch
):
    (tmp_path / "bad" / "tables").mkdir(parents=True)
    (tmp_path / "bad" / "manifest.json").write_text("{")
    (tmp_path / "bad" / "tables" / "queues.parquet").write_text("no table")
    (tmp_path / "watchme.toml").write_text("colour = 1")
    monkeypatch.chdir(tmp_path)
    assert completed("redrive", "bad", "--queue", "") == []

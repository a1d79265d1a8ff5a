"""Errors for mistyped words name the word that was meant."""

import pytest

from watchme_analysis.cli import main


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("diagnoze", "health", "evidence"), "diagnose"),
        (("diagnose", "helth", "evidence"), "health"),
        (("case", "pull", "backlogs", "case"), "backlog"),
        (("report", "healht", "evidence"), "health"),
        (("access", "evidence", "--by", "pth"), "path"),
        (("access", "evidence", "--sort", "p9"), "p99"),
        (("diagnose", "health", "evidenze"), "evidence"),
        (("case", "show", "evidenc/"), "evidence"),
        (("case", "import", "evidence2", "case"), "evidence"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_one_it_resembles(watchme, evidence, words, meant):
    answer = watchme(*words, cwd=evidence.parent)
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert f"Did you mean `{meant}`?" in answer.stderr


def test_a_mistyped_verb_is_answered_in_japanese_as_well(capsys, monkeypatch):
    for language, said in (("en", "Did you mean 'archive'?"), ("ja", "`archive` のことですか")):
        monkeypatch.setattr("sys.argv", ["watchme", "queue", "achive", "--language", language])
        with pytest.raises(SystemExit) as ended:
            main()
        assert (ended.value.code, said in capsys.readouterr().err) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("weather",),
        ("diagnose", "weather", "evidence"),
        ("diagnose", "health", "nowhere"),
        ("diagnose", "health", "nowhere/evidence"),
        ("case", "show", "evid"),
    ],
)
def test_nothing_is_suggested_for_a_word_that_resembles_none(watchme, evidence, words):
    answer = watchme(*words, cwd=evidence.parent)
    assert answer.returncode == 2
    assert "Did you mean" not in answer.stderr


def test_a_file_beside_the_case_is_not_suggested(watchme, evidence):
    (evidence / "notes").write_text("x")
    assert "Did you mean" not in watchme("case", "show", evidence / "note").stderr
    (evidence / "notes").unlink()
    (evidence / "notes").mkdir()
    assert f"Did you mean `{evidence / 'notes'}`?" in watchme("case", "show", evidence / "note").stderr

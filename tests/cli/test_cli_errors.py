"""Errors of the command line: one sentence in the language of the reader, with the word that was meant."""

import re

import click
import pytest
from worlds.printed import one_line, said
from worlds.together import together

from watchme_analysis.cli.error_sentences import language_of_words, sentence_of
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.text.message import message


@together(
    ("error", "code"),
    [
        (InputError("It is wrong."), 2),
        (ServiceError("It failed."), 1),
        (click.UsageError("Wrong use"), 2),
        (click.ClickException("Wrong."), 2),
        (FileNotFoundError(2, "No such file", "x"), 2),
        (OSError(28, "No space"), 2),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
)
def test_each_kind_of_error_has_a_sentence_and_a_code(error, code):
    for language in ("en", "ja"):
        reported, found = sentence_of(error, language)
        assert (found, "\n" in reported, bool(reported)) == (code, False, True)


def test_an_error_of_the_program_has_none():
    assert sentence_of(KeyError("x"), "en") is None
    assert sentence_of(OSError("no file"), "en") is None


def test_an_error_of_a_file_names_it_and_the_reason():
    missing = sentence_of(FileNotFoundError(2, "No such file", "x" * 501), "en")[0]
    assert missing == said("command-file", file="x" * 500 + "…", reason=message("reason-missing"))


def test_the_language_is_that_of_the_option_else_the_setting(monkeypatch):
    monkeypatch.setenv("WATCHME_LANGUAGE", "ja")
    assert language_of_words(["diagnose"]) == "ja"
    assert language_of_words(["diagnose", "--language", "en"]) == "en"
    assert language_of_words(["diagnose", "--language=fr", "--language=en"]) == "en"
    monkeypatch.setenv("WATCHME_LANGUAGE", "xx")
    assert language_of_words(["diagnose"]) == "en"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["diagnose"], "CASE"),
        (["case", "list", "--limits"], "--limits"),
        (["case", "sql", "x", "y", "--limit", "many"], "--limit"),
        (["case", "sql", "x", "y", "--limit", "-1"], "-1"),
        (["case", "lits"], "list"),
        (["queue", "achive"], "archive"),
        (["case", "list", "nowhere"], "nowhere"),
        (["access", "--since"], "--since"),
        (["diagnose", "health", "x", "extra"], "extra"),
        (["case", "list", "--output", "csv", "--json"], "json"),
        (["queue", "archive", "orders", "--queue", "refunds"], "refunds"),
    ],
)
def test_invalid_uses_are_in_the_language_of_the_reader(watchme, monkeypatch, words, named):
    english = watchme(*words).stderr
    monkeypatch.setenv("WATCHME_LANGUAGE", "ja")
    japanese = watchme(*words).stderr
    assert named in english and named in japanese
    assert english.isascii() and english.count("\n") == japanese.count("\n") == 1
    # No two English words in a row, apart from commands and options.
    assert not re.search(r"[a-z]{2,} (?!--)(?:is|not|of|a|each|requires|such)\b", japanese), japanese


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("diagnoze", "health", "evidence"), "diagnose"),
        (("diagnose", "helth", "evidence"), "health"),
        (("case", "pull", "backlogs", "case"), "backlog"),
        (("access", "evidence", "--sort", "p9"), "p99"),
        (("cause", "consumer_falling"), "consumer_failing"),
        (("diagnose", "health", "evidenze"), "evidence"),
        (("case", "import", "evidence2", "case"), "evidence"),
        (("weather",), None),
        (("diagnose", "weather", "evidence"), None),
        (("diagnose", "health", "nowhere/evidence"), None),
        (("case", "show", "evid"), None),
    ],
)
def test_a_mistyped_word_is_answered_with_the_one_it_resembles(watchme, evidence, words, meant):
    answer = watchme(*words, cwd=evidence.parent)
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
    assert ("Did you mean" in answer.stderr) == (meant is not None)
    assert meant is None or f"`{meant}`?" in answer.stderr.replace("'", "`")


def test_debug_prints_the_traceback_of_an_expected_error(watchme, tmp_path):
    plain = watchme("diagnose", tmp_path / "nowhere")
    whole = watchme("--debug", "diagnose", tmp_path / "nowhere")
    assert plain.returncode == whole.returncode == 2 and "Traceback" not in plain.stderr
    assert "Traceback" in whole.stderr and whole.stderr.endswith(plain.stderr)


@pytest.mark.parametrize(
    ("words", "message_id"),
    [
        (("probe", "https://example.com/", "--curl", "--for", "1m"), "error-for-without-curl"),
        (("probe", "https://example.com/", "--slower-than", "1s"), "error-slower-needs-publish"),
        (("probe", "https://example.com/", "--every", "0.5s"), "error-probe-every"),
        (("config", "init", "--no-aws"), "error-no-aws-needs-files"),
        (("config", "check"), "error-no-system"),
        (("lab", "--folder", "x"), "error-folder-needs-case"),
        (
            ("report", "health", "x", "--format", "markdown", "--notebooks", "."),
            "error-markdown-no-notebooks",
        ),
        (("case", "pull"), "error-question-missing"),
        (("case", "pull", "backlog"), "error-pull-nothing-named"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_done(watchme, tmp_path, words, message_id):
    ended = watchme(*words, cwd=tmp_path)
    assert (ended.returncode, said(message_id) in one_line(ended.stderr)) == (2, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_wrong_region_is_named_before_the_network_is_blamed(watchme, front, monkeypatch, language):
    # Nothing listens there.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    pull = ("case", "pull", "backlog", "--since", "1h", "--language", language, "--queue")
    url = "https://sqs.us-east-1.amazonaws.com/123456789012/uploads"
    elsewhere = watchme(*pull, url, "--region", "ap-northeast-1")
    assert elsewhere.returncode == 2
    assert all(region in elsewhere.stderr for region in (url, "--region us-east-1", "ap-northeast-1"))
    invented = watchme(*pull, "uploads", "--region", "ap-northest-1")
    assert invented.returncode == 1
    assert "`ap-northeast-1`" in invented.stderr and "127.0.0.1" not in invented.stderr

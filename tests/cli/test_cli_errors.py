"""Errors of the command line: one sentence in the language of the reader, and a traceback with --debug."""

import re

import click
import pytest
from worlds.together import together

from watchme_analysis.cli.error_sentences import language_of_words, sentence_of
from watchme_analysis.errors import InputError, ServiceError


@together(
    ("error", "code"),
    [
        (InputError("It is wrong."), 2),
        (ServiceError("It failed."), 1),
        (click.UsageError("Wrong use"), 2),
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


def test_the_language_is_that_of_the_option_else_the_setting(monkeypatch):
    monkeypatch.setenv("WATCHME_LANGUAGE", "ja")
    assert language_of_words(["diagnose"]) == "ja"
    assert language_of_words(["diagnose", "--language", "en"]) == "en"
    assert language_of_words(["diagnose", "--language=en"]) == "en"
    monkeypatch.setenv("WATCHME_LANGUAGE", "xx")
    assert language_of_words(["diagnose"]) == "en"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["diagnose"], "CASE"),
        (["case", "list", "--limits"], "--limits"),
        (["case", "sql", "x", "y", "--limit", "many"], "--limit"),
    ],
)
def test_the_frame_of_usage_errors_is_japanese(watchme, monkeypatch, words, named):
    english = watchme(*words).stderr
    monkeypatch.setenv("WATCHME_LANGUAGE", "ja")
    japanese = watchme(*words).stderr
    assert named in english and named in japanese
    assert english.isascii()
    assert japanese.startswith("watchme: ") and japanese.endswith("確認できます。\n")
    assert "--help" in japanese


@pytest.mark.parametrize(
    "words",
    [
        ["case", "lits"],
        ["case", "sql", "x", "y", "--limit", "-1"],
        ["case", "list", "nowhere"],
        ["access", "--since"],
        ["diagnose", "health", "x", "extra"],
        ["case", "list", "--output", "csv", "--json"],
    ],
)
def test_problems_of_usage_are_in_the_language_of_the_reader(watchme, monkeypatch, words):
    monkeypatch.setenv("WATCHME_LANGUAGE", "ja")
    reported = watchme(*words).stderr
    # No two English words in a row, apart from commands and options.
    assert not re.search(r"[a-z]{2,} (?!--)(?:is|not|of|a|each|requires|such)\b", reported), reported


def test_debug_prints_the_traceback_of_an_expected_error(watchme, tmp_path):
    plain = watchme("diagnose", tmp_path / "nowhere")
    whole = watchme("--debug", "diagnose", tmp_path / "nowhere")
    assert plain.returncode == whole.returncode == 2
    assert "Traceback" not in plain.stderr
    assert "Traceback" in whole.stderr and whole.stderr.endswith(plain.stderr)


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

"""Errors of the command line: one sentence in the language of the reader, with the word that was meant."""

import re

import pytest


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
        (("case", "show", "evid"), "evidence"),
        (("diag",), "diagnose"),
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

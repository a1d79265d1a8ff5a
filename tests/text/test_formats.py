import pytest

from watchme_analysis.text.formats import as_sentence, counted


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (0, ["row"], "0 rows"),
        (1, ["row"], "1 row"),
        (1500, ["row"], "1,500 rows"),
        (1, ["query", "queries"], "1 query"),
        (2, ["query", "queries"], "2 queries"),
    ],
)
def test_a_number_stands_with_its_noun(count, words, text):
    assert counted(count, *words) == text


@pytest.mark.parametrize(
    ("clause", "sentence"),
    [
        ("all threads are taken", "All threads are taken."),
        ("/health waits for a thread", "/health waits for a thread."),
        ("`sleep` in `main` blocks", "`sleep` in `main` blocks."),
        ("Task timed out.", "Task timed out."),
    ],
)
def test_a_clause_becomes_a_sentence(clause, sentence):
    assert as_sentence(clause) == sentence

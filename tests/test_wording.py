import pytest

from watchme_analysis.wording import counted


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

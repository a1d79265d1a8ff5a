import pytest
from worlds.together import together

from watchme_analysis.aws_shapes.responses import integer, number


@pytest.mark.parametrize(
    ("value", "expected"),
    [("12345678", 12345678.0), (" 1e3 ", 1000.0), (0.25, 0.25), (None, None), ("-", None)],
)
def test_numbers_of_responses_are_parsed(value, expected):
    assert number(value) == expected


@together("value", ["1_000", "Infinity", "nan", "12x", True, [1], {}, "1" * 400])
def test_values_that_are_not_numbers_are_unknown(value):
    assert number(value) is None


def test_whole_numbers_follow_the_same_rules():
    assert integer("9007199254740993") == 9007199254740993
    assert integer("1_000") is None

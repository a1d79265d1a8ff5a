import pytest

from watchme_analysis.files.field_values import whole_number


def test_large_whole_numbers_keep_their_digits():
    assert whole_number("9007199254740993") == 9007199254740993
    assert whole_number(" 12 ") == 12
    assert whole_number("12.0") == 12
    assert whole_number("-") is None


@pytest.mark.parametrize("value", ["1.5", "99999999999999999999", 2**63, "12x", True])
def test_what_is_no_whole_number_or_too_large_is_refused(value):
    with pytest.raises(ValueError, match=r"number|larger"):
        whole_number(value)

import pytest

from watchme_analysis.files.field_values import microseconds, whole_number


def test_large_whole_numbers_keep_their_digits():
    assert whole_number("9007199254740993") == 9007199254740993
    assert whole_number(" 12 ") == 12
    assert whole_number("12.0") == 12
    assert whole_number("-") is None


@pytest.mark.parametrize("value", ["1.5", "99999999999999999999", 2**63, "12x", True])
def test_what_is_no_whole_number_or_too_large_is_refused(value):
    with pytest.raises(ValueError, match=r"number|larger"):
        whole_number(value)


@pytest.mark.parametrize("value", [True, False, None, "", "soon"])
def test_what_is_no_time_has_no_microseconds(value):
    assert microseconds(value) is None


@pytest.mark.parametrize(
    "value", [1764370800, "1764370800000", "2025-11-29 08:00:00+09:00", "28/Nov/2025:23:00:00 +0000"]
)
def test_a_time_is_the_same_however_it_is_written(value):
    assert microseconds(value) == 1_764_370_800_000_000

import pytest

from watchme_analysis.aws_shapes.prices import cost_usd, scan_cost_message, size_message, usd_message
from watchme_analysis.text.render import render


def test_a_scan_costs_its_decimal_gigabytes():
    assert cost_usd(2e9) == pytest.approx(0.01)
    assert cost_usd(2e9, 0.0076) == pytest.approx(0.0152)
    assert render(scan_cost_message(5e8)) == "0.500 GB, about 0.0025 USD at 0.005 USD a GB"


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0.000 GB"), (999_999, "less than 0.001 GB"), (1_000_000, "0.001 GB")]
)
def test_a_size_that_would_be_shown_as_none_is_less_than_the_least(size, shown):
    assert render(size_message(size)) == shown


@pytest.mark.parametrize(
    ("usd", "shown"),
    [(0, "about 0.0000 USD"), (0.00009, "less than 0.0001 USD"), (0.0001, "about 0.0001 USD")],
)
def test_a_price_that_would_be_shown_as_none_is_less_than_the_least(usd, shown):
    assert render(usd_message(usd)) == shown

import pytest

from watchme_analysis.aws_shapes import prices
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


def test_list_prices_are_those_that_aws_publishes_for_us_east_1():
    """By million, month or gigabyte, as the pages of prices of CloudWatch, Lambda and SQS state them."""
    million = 1e6
    assert (prices.USD_PER_GB, prices.LOG_INGESTION_USD_PER_GB) == (0.005, 0.5)
    assert (prices.ALARM_USD_PER_MONTH, prices.COMPOSITE_ALARM_USD_PER_MONTH) == (0.1, 0.5)
    assert prices.CUSTOM_METRIC_USD_PER_MONTH == 0.3
    metrics = (prices.METRIC_REQUEST_USD, prices.PUT_METRIC_DATA_USD, prices.GET_METRIC_DATA_USD)
    assert [usd * million for usd in metrics] == pytest.approx([10.0] * 3)
    assert prices.SQS_REQUEST_USD * million == pytest.approx(0.4)
    assert prices.LAMBDA_REQUEST_USD * million == pytest.approx(0.2)
    assert (prices.LAMBDA_GB_SECOND_USD, prices.CANARY_RUN_USD) == (0.0000166667, 0.0012)
    assert (prices.HOURS_PER_MONTH, prices.MINUTES_PER_MONTH, prices.BYTES_PER_GB) == (730, 43_800, 10**9)

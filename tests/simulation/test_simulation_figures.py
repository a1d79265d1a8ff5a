"""Tables and figures of simulated measures by cells, points and colours, and the numbers behind them."""

from worlds.together import together

from watchme_analysis.simulation.scenarios import (
    Estimate,
)


@together(
    ("found", "unit", "text"),
    [
        (Estimate(None, None, 0), 1.0, "none"),
        (Estimate(9.94, None, 1), 1.0, "10"),
        (Estimate(9.5 * 60, 0.0, 2), 60.0, "9.5"),
        (Estimate(10.0 * 60, 0.0, 2), 60.0, "10"),
        (Estimate(5.0, 1.0, 2), 1.0, "5 ± 1"),
        (Estimate(5.0, 0.99, 2), 1.0, "5.0 ± 1.0"),
        (Estimate(5.0, 0.01, 2), 1.0, "5.0 ± <0.1"),
        (Estimate(1234.0, 12.0, 2), 1.0, "1,234 ± 12"),
    ],
)
def test_an_estimate_has_as_many_decimals_as_its_interval(found, unit, text):
    assert found.text(unit) == text

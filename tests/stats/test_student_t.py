"""Quantiles compared with scipy."""

import pytest

from watchme_analysis.stats.student_t import half_width_factor


@pytest.mark.slow
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_quantiles_are_those_of_scipy(confidence):
    from scipy.stats import t  # takes a second, which each worker would wait for

    for degrees in (*range(1, 40), 99, 100, 999):
        assert half_width_factor(confidence, degrees) == pytest.approx(
            t.ppf((1 + confidence) / 2, degrees), rel=1e-9
        )

"""Rank correlation compared with scipy, and where it is not defined."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from watchme_analysis.stats.comparison import rank_correlation


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_it_is_that_of_scipy_with_ties(seed: int) -> None:
    from scipy.stats import spearmanr  # takes a second, which each worker would wait for

    rng = np.random.default_rng(seed)
    one = pd.Series(rng.integers(0, 8, 60).astype(float))
    other = one * 2 + rng.integers(0, 8, 60)
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)

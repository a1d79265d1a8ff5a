from math import isnan

import pytest

from watchme_analysis.stats.comparison import cliffs_delta, dominance, probability_larger


@pytest.mark.parametrize(
    ("first", "second", "pairs", "probability", "delta"),
    [
        ([1, 2], [3], (2, 0, 0), 1.0, 1.0),
        ([3], [1, 2], (0, 0, 2), 0.0, -1.0),
        ([2, 2], [2], (0, 2, 0), 0.5, 0.0),
        ([1, 2, 3, 4], [2, 5], (5, 1, 2), 5.5 / 8, 3 / 8),
    ],
)
def test_pairs_are_counted_by_which_value_is_larger(first, second, pairs, probability, delta):
    assert dominance(first, second) == pairs
    assert probability_larger(first, second) == probability
    assert cliffs_delta(first, second) == delta


@pytest.mark.parametrize(("first", "second"), [([], [1]), ([1], []), ([], [])])
def test_an_empty_sample_compares_with_nothing(first, second):
    assert probability_larger(first, second) is None
    assert isnan(cliffs_delta(first, second))

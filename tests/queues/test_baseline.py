import numpy as np
import pandas as pd

from watchme_analysis.queues.baseline import has_moved
from watchme_analysis.stats.comparison import probability_larger


def detected_rises(shift, before, during):
    """Return in how many of sixty metrics, each drawn anew, a rise of so many spreads is detected."""
    rng = np.random.default_rng(before + during)
    draws = [(rng.normal(0, 1, before), rng.normal(shift, 1, during)) for _ in range(60)]
    effects = [probability_larger(*map(pd.Series, pair)) for pair in draws]
    return sum(has_moved(effect, before, during) for effect in effects)


def test_few_points_of_metrics_that_stand_still_are_not_reported_to_have_moved():
    assert detected_rises(0.0, 60, 11) + detected_rises(0.0, 60, 45) + detected_rises(0.0, 90, 300) <= 1


def test_what_moved_is_recognised_by_few_points_if_far_and_by_many_if_little():
    assert detected_rises(2.5, 60, 11) == detected_rises(0.4, 600, 400) == 60
    assert detected_rises(0.05, 3000, 3000) == 0, "so little that nobody needs to know"

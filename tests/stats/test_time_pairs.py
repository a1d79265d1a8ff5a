import numpy as np
import pandas as pd

from watchme_analysis.stats.time_pairs import Pairs, possible_pairs


def frame(*rows):
    return pd.DataFrame(rows, columns=["path", "second"]).astype({"path": "string", "second": "float64"})


def pairs(one, other, early=1.0, late=1.0, **options):
    bounds = (one["second"].to_numpy() - early, one["second"].to_numpy() + late)
    found = possible_pairs(one, other, bounds, ["path"], **options)
    return sorted(zip(found.one.tolist(), found.other.tolist(), strict=True))


def test_records_agree_in_their_keys_and_lie_within_the_bounds_of_the_first():
    one = frame(("/a", 10.0), ("/b", 10.0), (None, 10.0))
    other = frame(("/a", 9.0), ("/a", 11.0), ("/a", 11.1), ("/b", 10.5), (None, 10.2), ("/c", 10.0))
    assert pairs(one, other) == [(0, 0), (0, 1), (1, 3), (2, 4)]
    assert pairs(one, other, early=0.0) == [(0, 1), (1, 3), (2, 4)]
    assert pairs(one[:0], other) == pairs(one, other[:0]) == []


def test_each_record_is_taken_once_and_rivals_are_counted():
    found = Pairs(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]))
    assert found.taken(np.array([1, 0, 2, 3]), (3, 3)).tolist() == [1, 3]
    assert found.taken(np.array([0, 1, 2, 3]), (3, 3)).tolist() == [0, 2, 3]
    assert [part.tolist() for part in found.rivals((3, 3))] == [[2, 2, 1, 1], [1, 2, 2, 1]]
    assert found.where(np.array([3])).one.tolist() == [2]

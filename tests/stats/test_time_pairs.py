import numpy as np
import pandas as pd

from watchme_analysis.stats.time_pairs import Pairs, in_whole_seconds, place_in_second, possible_pairs


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


def test_of_too_many_records_the_earliest_are_compared_or_the_nearest():
    one, other = frame(("/a", 50.0)), frame(*(("/a", float(second)) for second in range(100)))
    assert pairs(one, other, 50, 50, most=4) == [(0, place) for place in range(4)]
    near = pairs(one, other, 50, 50, most=4, around=np.array([50.0]))
    assert near == [(0, 48), (0, 49), (0, 50), (0, 51)]
    late = pairs(one, other, 50, 50, most=4, around=np.array([99.0]))
    assert late == [(0, 96), (0, 97), (0, 98), (0, 99)]


def test_each_record_is_taken_once_and_rivals_are_counted():
    found = Pairs(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]))
    assert found.taken(np.array([1, 0, 2, 3]), (3, 3)).tolist() == [1, 3]
    assert found.taken(np.array([0, 1, 2, 3]), (3, 3)).tolist() == [0, 2, 3]
    assert [part.tolist() for part in found.rivals((3, 3))] == [[2, 2, 1, 1], [1, 2, 2, 1]]
    assert found.where(np.array([3])).one.tolist() == [2]


def test_records_of_one_second_share_it_in_the_order_of_their_lines():
    times = pd.Series(pd.to_datetime(["2026-03-02T04:00:00Z"] * 4 + ["2026-03-02T04:00:01Z"]))
    file, line = pd.Series(["a", "a", "b", "a", "a"]), pd.Series([7, 3, 1, 9, 10])
    assert place_in_second(times, file, line).tolist() == [0.5, 0.5 / 3, 0.5, 2.5 / 3, 0.5]
    assert in_whole_seconds(times)
    assert not in_whole_seconds(times + pd.Timedelta(milliseconds=1))
    assert in_whole_seconds(pd.Series([pd.NaT], dtype="datetime64[us, UTC]"))

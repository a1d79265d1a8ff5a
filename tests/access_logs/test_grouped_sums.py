import math
import pickle
import sys

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from worlds.together import together

from watchme_analysis.access_logs import grouped_sums
from watchme_analysis.access_logs.grouped_sums import GroupedSums, KeySums, Names, sums_by
from watchme_analysis.access_logs.latency_histogram import bucket_of, coarsened

# A far number makes so many groups possible that none has a place of its own.
rows = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 3), st.just(10**9)), st.integers(-1, 2), st.integers(0, 9), st.integers(0, 9)
    ),
    max_size=8,
)


def columns(part):
    found = [np.array([row[at] for row in part], np.int64) for at in range(3)]
    return *found, np.array([row[3] or math.nan for row in part], np.float64)


def plain(parts):
    """Return the same, sum and largest by group, the plain way."""
    found = {}
    for first, second, value, most in (row for part in parts for row in part):
        known = found.setdefault((first, second), [0, 0])
        known[0] += value
        known[1] = max(known[1], most)
    return {group: tuple(values) for group, values in found.items()}


def as_dict(sums):
    first, second, value, most = sums.columns()
    most = np.nan_to_num(most)
    return {
        (a, b): (c, d)
        for a, b, c, d in zip(*(one.tolist() for one in (first, second, value, most)), strict=True)
    }


@given(st.lists(rows, max_size=40), st.integers(0, 40))
def test_parts_add_up_wherever_they_are_put_together(parts, cut):
    whole, left, right = GroupedSums(2, 1, 1), GroupedSums(2, 1, 1), GroupedSums(2, 1, 1)
    for at, part in enumerate(parts):
        whole.add(*columns(part))
        (left if at < cut else right).add(*columns(part))
    left.merge(pickle.loads(pickle.dumps(right)))

    assert as_dict(whole) == as_dict(left) == plain(parts)


def test_groups_that_get_one_name_become_one():
    sums = GroupedSums(2, 1, 1)
    sums.add(*columns([(0, 0, 1, 5), (1, 0, 2, 9), (2, 0, 4, 1)]))

    sums.rename(0, np.array([7, 7, 0]))

    assert as_dict(sums) == {(7, 0): (3, 9), (0, 0): (4, 1)}


def test_names_are_numbered_as_they_come():
    names = Names()
    values = pa.chunked_array(
        [pa.array(["b", None, "a"], pa.large_string()), pa.array(["b"], pa.large_string())]
    )

    found = names.numbers(values, lambda texts: [text.upper() for text in texts], "-")

    assert [names.texts()[number] for number in found] == ["B", "-", "A", "B"]
    assert names.numbers(values.slice(3), list, None).tolist() == [len(names) - 1]


def test_columns_that_came_from_another_process_are_renamed_too():
    gathered = GroupedSums(keys=1, sums=1)
    gathered.add(np.array([3, 1, 2]), np.array([1.0, 2.0, 4.0]))
    gathered.columns()
    gathered = pickle.loads(pickle.dumps(gathered, 5))
    gathered.rename(0, np.array([9, 8, 7, 6]))
    assert [column.tolist() for column in gathered.columns()] == [[6, 7, 8], [1.0, 4.0, 2.0]]


def literal(sums):
    return [column.tolist() for column in sums.columns()]


@together("far", [0, 10**12, 2**61])
def test_sums_and_maxima_are_those_of_each_group(far):
    """With a far group there are too many possible groups for a place each, and then for 63 bits."""
    sums = GroupedSums(2, 1, 1)
    assert (literal(sums), len(sums)) == ([[], [], [], []], 0)
    keys, others = np.array([3, 1, 3, far, 1]), np.array([0, -1, 0, far, 2])
    sums.add(
        keys, others, np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.array([0.5, math.nan, 2.5, 1.0, math.nan])
    )
    sums.add(np.array([3, 2]), np.array([0, 0]), np.array([32.0, 64.0]), np.array([1.5, 0.25]))
    sums.add(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    groups = {(3, 0): (37.0, 2.5), (1, -1): (2.0, None), (1, 2): (16.0, None), (2, 0): (64.0, 0.25)}
    groups[far, far] = (8.0, 1.0)
    order = sorted(groups)
    first, second, summed, most = literal(sums)
    assert [*zip(first, second, strict=True)] == order
    assert summed == [groups[one][0] for one in order]
    assert [None if math.isnan(one) else one for one in most] == [groups[one][1] for one in order]
    assert len(sums) == len(order)
    # Further rows are added in place, before and behind those that are known.
    sums.add(np.array([0, 3]), np.array([0, 0]), np.array([1.0, 1.0]), np.array([7.0, math.nan]))
    groups[0, 0] = (groups.get((0, 0), (0.0,))[0] + 1.0, 7.0)
    groups[3, 0] = (38.0, 2.5)
    order = sorted(groups)
    first, second, summed, most = literal(sums)
    assert [*zip(first, second, strict=True)] == order
    assert summed == [groups[one][0] for one in order]
    assert [None if math.isnan(one) else one for one in most] == [groups[one][1] for one in order]


def test_rows_wait_until_there_are_many_parts_or_rows(monkeypatch):
    monkeypatch.setattr(grouped_sums, "_MOST_PARTS", 3)
    sums = GroupedSums(1, 1)
    for at in range(1, 5):
        sums.add(np.array([at]), np.array([1.0]))
        assert len(sums) == (3 if at >= 3 else 0)
    monkeypatch.setattr(grouped_sums, "_MOST_ROWS", 2)
    few = GroupedSums(1, 1)
    few.add(np.array([1, 2]), np.array([1.0, 1.0]))
    assert len(few) == 0
    few.add(np.array([3]), np.array([1.0]))
    assert len(few) == 3
    # Parts of a large table are renamed one after the other.
    few.rename(0, np.array([0, 5, 5, 4]))
    assert literal(few) == [[4, 5], [1.0, 2.0]]


def test_few_groups_keep_the_types_of_their_keys():
    sums = GroupedSums(2, 1)
    sums.add(np.array([1, 0], np.int8), np.array([7, 7], np.int32), np.array([1.0, 2.0]))
    assert [column.dtype for column in sums.columns()] == [np.int8, np.int32, np.float64]
    sums.rename(1, np.arange(8)[::-1])
    assert literal(sums) == [[0, 1], [0, 0], [2.0, 1.0]]
    assert sums.columns()[1].dtype == np.int32


def test_names_of_another_instance_have_numbers_here():
    names, others = Names(), Names()
    assert [names.number(text) for text in ("a", "b", "a", None)] == [0, 1, 0, 2]
    assert [others.number(text) for text in ("c", None, "a")] == [0, 1, 2]
    assert (names.of(others).tolist(), names.texts(), len(names)) == ([3, 2, 0], ["a", "b", None, "c"], 4)
    assert names.size == sum(map(sys.getsizeof, ("a", "b", None, "c")))
    assert names.numbers(pa.array([], pa.large_string()), list, "-").tolist() == []
    assert len(names) == 4, "without nulls their name has no number"


def test_sums_of_groups_have_a_place_for_each():
    assert sums_by(np.array([2, 0, 2]), np.array([1.0, 2.0, 4.0]), 4).tolist() == [2.0, 0.0, 5.0, 0.0]


def key_sums(*keys, seconds=0.5):
    found = KeySums()
    add(found, *keys, seconds=seconds)
    return found


def add(found, *keys, seconds=0.5):
    numbers = np.array([found.keys.number(key) for key in keys])
    took = [np.full(len(keys), seconds), np.full(len(keys), np.nan)]
    found.add(numbers, np.full(len(keys), 200), np.ones(len(keys)), took)


def test_sums_of_keys_add_up_with_the_precision_of_the_coarser(monkeypatch):
    one, other = key_sums("a", "b", "a"), key_sums("b", "c", seconds=3.0)
    one.missed, other.missed = 2, 3
    other._widen(1)
    one.merge(other)
    assert (one.keys.texts(), one.missed, one.wider) == (["a", "b", "c"], 5, 1)
    key, status, count, sent, longest, upstream = literal(one.counts)
    assert (key, status, count, sent) == ([0, 1, 2], [200] * 3, [2.0, 2.0, 1.0], [2.0, 2.0, 1.0])
    assert (longest, [math.isnan(value) for value in upstream]) == ([0.5, 3.0, 3.0], [True] * 3)
    measure, bucket, count, seconds = literal(one.all_buckets)
    assert (measure, count, seconds) == ([0, 0], [3.0, 2.0], [1.5, 6.0])
    # Of keys the buckets are twice as wide, and those of all keep their width.
    assert bucket == [int(bucket_of(np.array([took]))[0]) for took in (0.5, 3.0)]
    keys, _, wide, count, _ = literal(one.buckets)
    assert (keys, count) == ([0, 1, 1, 2], [2.0, 1.0, 1.0, 1.0])
    assert set(wide) == set(coarsened(np.array(bucket), 1).tolist())


def test_the_rarest_keys_become_one(monkeypatch):
    monkeypatch.setattr(grouped_sums, "_MOST_KEYS", 2)
    found = key_sums("a", "a", "a", "b", "c", "d")
    assert (found.keys.texts(), found.missed) == (["a", "b", "c", "d"], 0)
    add(found, "e", "e")
    # Of equally rare keys the earlier stay; none of the others had more than one request.
    assert (found.keys.texts(), found.missed) == (["a", "e", "(others)"], 1)
    key, _, count, *_ = literal(found.counts)
    assert (key, count) == ([0, 1, 2], [3.0, 2.0, 3.0])

import math
import pickle

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from watchme_analysis.access_logs.grouped_sums import GroupedSums, Names

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

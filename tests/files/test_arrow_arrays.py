"""Arrow arrays without pandas."""

import math
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from worlds.together import together

from watchme_analysis.files.arrow_arrays import array_of, even_offsets, number_array, numbers_of, text_array


@together(
    ("values", "kind", "plain"),
    [
        ([1, None, -(2**63) + 1], "int", pa.int64()),
        ([0.5, None, math.inf], "float", pa.float64()),
        ([None, 1_765_415_400_000_001], "time", pa.timestamp("us", "UTC")),
        (["é", "", None, "a\nb"], "text", pa.large_string()),
        ([], "text", pa.large_string()),
        ([None, None], "json", pa.large_string()),
    ],
)
def test_values_become_what_arrow_makes_of_them(values, kind, plain):
    found = array_of(values, kind)
    found.validate(full=True)
    assert found.equals(pa.array(values, plain))


def test_numbers_share_memory_and_come_back():
    values = np.arange(5, dtype=np.int64)
    column = pa.chunked_array([number_array(values).slice(1), number_array(values).slice(3)])
    assert numbers_of(column).tolist() == [1, 2, 3, 4, 3, 4]
    seconds = np.array([0.5, np.nan])
    found = number_array(seconds, ~np.isnan(seconds))
    assert found.to_pylist() == [0.5, None] and found.null_count == 1


def test_texts_are_found_by_their_offsets():
    found = text_array(np.array([0, 1, 1, 3], np.int64), b"abc", np.array([True, False, True]))
    assert found.to_pylist() == ["a", None, "bc"]


@pytest.mark.slow
def test_no_pandas_is_needed():
    code = (
        "import sys; from watchme_analysis.files.arrow_arrays import array_of;"
        "array_of(['a', None], 'text'); array_of([1], 'int'); sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_offsets_of_texts_of_one_width_share_their_memory_and_cant_be_written_to():
    few, many = even_offsets(700, 7), even_offsets(900, 7)

    assert few.tolist() == list(range(0, 4901, 7))
    assert (many[-1], np.shares_memory(few, many), few.flags.writeable) == (6300, True, False)

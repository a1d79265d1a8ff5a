"""Arrow arrays from numpy arrays and rows, and back, without pandas.

``pyarrow.array``, ``pyarrow.scalar``, functions that take a plain value for a scalar, and ``to_numpy`` import
pandas (40 MB) to check types.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from watchme_analysis.schema import Kind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

# Smaller arrays use memory that the allocator already holds.
_WORTH_BYTES = 1 << 20


@cache
def arrow_type(kind: Kind) -> pa.DataType:
    """Return the Arrow type of a kind of column; times are microseconds since the epoch."""
    import pyarrow as pa

    return {
        "int": pa.int64(),
        "float": pa.float64(),
        "time": pa.timestamp("us", "UTC"),
        "bool": pa.bool_(),
    }.get(kind, pa.large_string())


def room_for(*shape: int, kind: type[np.generic] | type[bool]) -> Array:
    """Return an uninitialized array in Arrow's memory.

    Arrow requests large pages and keeps them. Fresh memory of numpy takes several times as long to write, and
    a frame of many requests is mostly fresh memory.
    """
    import numpy as np
    import pyarrow as pa

    size = math.prod(shape) * np.dtype(kind).itemsize
    if size < _WORTH_BYTES:
        return np.empty(shape, kind)
    return np.frombuffer(pa.allocate_buffer(size), kind).reshape(shape)


def number_array(values: Array, valid: Array | None = None, kind: Kind | None = None) -> pa.Array:
    """Return 8-byte numbers as an array that shares their memory.

    ``valid`` is a mask of the values that are not null, all by default; ``kind`` is needed for times.
    """
    import numpy as np
    import pyarrow as pa

    plain = np.ascontiguousarray(values)
    target = arrow_type(kind or ("float" if plain.dtype.kind == "f" else "int"))
    return pa.Array.from_buffers(target, len(plain), [_bitmap(valid), pa.py_buffer(plain)])


def numbers_of(column: pa.Array | pa.ChunkedArray) -> Array:
    """Return a column of 8-byte numbers as a numpy array; values of nulls are undefined."""
    import numpy as np

    array = whole(column)
    kind = np.float64 if str(array.type) == "double" else np.int64
    found: Array = np.frombuffer(array.buffers()[1], kind)[array.offset : array.offset + len(array)]
    return found


def text_array(offsets: Array, data: Array | bytes, valid: Array | None = None) -> pa.Array:
    """Return consecutive UTF-8 texts as an array that shares their memory.

    ``offsets`` holds the start of each text and the end of the last: ``int64[texts + 1]``.
    """
    import pyarrow as pa

    buffers = [_bitmap(valid), pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)


def bool_array(values: Array) -> pa.Array:
    """Return booleans as an array."""
    import numpy as np
    import pyarrow as pa

    bits = pa.py_buffer(np.packbits(values, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, bits])


def truths_of(array: pa.Array, *, null: bool = False) -> Array:
    """Return booleans as a numpy array, with ``null`` for nulls."""
    import numpy as np

    bits = np.unpackbits(np.frombuffer(array.buffers()[1], np.uint8), bitorder="little")
    return np.where(nulls_of(array), null, bits[array.offset : array.offset + len(array)] == 1)


def whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column as a single array, copied only if it has several chunks."""
    import pyarrow as pa

    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def nulls_of(array: pa.Array) -> Array:
    """Return a mask of the nulls of an array."""
    import numpy as np

    bits = array.buffers()[0]
    if array.null_count == 0 or bits is None:
        return np.full(len(array), array.null_count > 0)
    valid = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")
    found: Array = valid[array.offset : array.offset + len(array)] == 0
    return found


def text_parts(texts: pa.Array) -> tuple[Array, Array]:
    """Return offsets (start of each text, end of the last) and bytes of texts, as for `text_array`."""
    import numpy as np

    _, bounds, held = texts.buffers()
    if bounds is None or not bounds.size:
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    offsets: Array = np.frombuffer(bounds, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data: Array = np.frombuffer(held, np.uint8) if held is not None and held.size else np.zeros(0, np.uint8)
    return offsets, data


def slices_of(data: Array, starts: Array, ends: Array, missing: Array) -> pa.Array:
    """Return the texts between positions of some bytes, in ascending order, null where missing.

    The positions of a missing text may be any.
    """
    import numpy as np
    import pyarrow as pa

    # Every other slice is a text; the slices in between are skipped.
    offsets = np.empty(2 * len(starts) + 1, np.int64)
    # Arrow refuses a first offset below 0, where a text may be missing.
    offsets[:-1:2], offsets[1::2], offsets[-1] = np.where(missing, 0, starts), ends, len(data)
    slices = pa.LargeStringArray.from_buffers(2 * len(starts), pa.py_buffer(offsets), pa.py_buffer(data))
    return slices.take(number_array(np.arange(0, 2 * len(starts), 2), ~missing))


def array_of(values: Sequence[Any], kind: Kind) -> pa.Array:
    """Return a column's values, None for null, as an array; times are microseconds since the epoch."""
    import numpy as np

    missing = values.count(None)
    if missing == len(values):
        return nulls(len(values), arrow_type(kind))
    valid = np.array([value is not None for value in values], bool) if missing else None
    if kind in ("text", "json"):
        texts = ["" if value is None else str(value) for value in values]
        joined_texts = "".join(texts)
        data = joined_texts.encode()
        # Characters beyond ASCII take several bytes.
        sized = texts if len(data) == len(joined_texts) else [text.encode() for text in texts]
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, sized), np.int64, len(texts)), out=offsets[1:])
        return text_array(offsets, data, valid)
    dtype = np.float64 if kind == "float" else np.int64
    return number_array(np.array([0 if value is None else value for value in values], dtype), valid, kind)


def scalar_of(value: Any, kind: Kind) -> pa.Scalar:
    """Return a value as an Arrow scalar."""
    return array_of([value], kind)[0]


def repeated(text: str | None, count: int) -> pa.Array:
    """Return a column that repeats a text or null; columns of the same text share their memory."""
    if text is None:
        return nulls(count, arrow_type("text"))
    return _repeated(text, _even(count)).slice(0, count)


def nulls(count: int, kind: pa.DataType) -> pa.Array:
    """Return a column of nulls; columns of the same type share their memory."""
    return _nulls(kind, _even(count)).slice(0, count)


def _even(count: int) -> int:
    """Return a power of two not below a count, so that columns of similar length share memory."""
    return 1 << max(10, count - 1).bit_length()


@lru_cache(maxsize=8)
def _repeated(text: str, count: int) -> pa.Array:
    import numpy as np

    data = text.encode()
    return text_array(np.arange(count + 1) * len(data), data * count)


@lru_cache(maxsize=8)
def _nulls(kind: pa.DataType, count: int) -> pa.Array:
    import pyarrow as pa

    return pa.nulls(count, kind)


def _bitmap(valid: Array | None) -> pa.Buffer | None:
    """Return a bit per value, lowest bit first, of a mask of values that are not null; None if all are."""
    import numpy as np
    import pyarrow as pa

    # Arrow takes values without nulls several times faster.
    if valid is None or bool(valid.all()):
        return None
    return pa.py_buffer(np.packbits(valid, bitorder="little"))

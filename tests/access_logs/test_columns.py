"""Columns of a chunk, merged with rows that were parsed elsewhere."""

from datetime import UTC

import numpy as np
import pyarrow as pa
from worlds.together import together

from watchme_analysis.access_logs.engine.columns import ACCESS_COLUMNS, NULL, MergedRows, Spans, rows_table
from watchme_analysis.access_logs.engine.engine import Engine
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.access_logs.line_blocks import ROOM_BYTES


def rows_of(lines, *further):
    """Return rows in which some lines were parsed in the chunk, and others elsewhere."""
    return MergedRows.of(np.array(lines, np.int64), rows_table(further, ACCESS_COLUMNS))


def test_rows_are_in_the_order_of_their_lines():
    rows = rows_of([0, 2, 5], {"line": 2}, {"line": 7})
    assert (rows.lines.tolist(), rows.places.tolist()) == ([0, 1, 2, 5, 6], [1, 4])


def test_numbers_of_further_rows_stand_among_the_others():
    rows = rows_of([0, 2], {"line": 2, "status": 404, "request_time_s": 0.5}, {"line": 4})
    held = np.array([[200, 77, NULL, 77], np.array([1.5, 0, np.nan, 0]).view(np.int64), [9] * 4, [9] * 4])
    columns = ["status", "request_time_s", "body_bytes", "time"]
    found = rows.numbers(columns, held, {"status", "request_time_s"})
    assert {name: values.to_pylist() for name, values in found.items()} == {
        "status": [200, 404, None, None],
        "request_time_s": [1.5, 0.5, None, None],
        "body_bytes": [None] * 4,
        "time": [None] * 4,
    }
    assert [str(values.type) for values in found.values()] == [
        "int64", "double", "int64", "timestamp[us, tz=UTC]",
    ]  # fmt: skip
    # Nine rows take two bytes of validity.
    nine = rows_of(range(9)).numbers(["status"], np.array([[1] * 8 + [NULL]]), {"status"})
    assert nine["status"].to_pylist() == [1] * 8 + [None]


BUF = np.frombuffer(b"abcdefghij" + bytes(ROOM_BYTES), np.uint8)


def spans(*pairs):
    return Spans(*(np.array(one, np.int32) for one in zip(*pairs, strict=True)))


def texts_of(rows, places):
    found = rows.texts(BUF, {"host": None if places is None else spans(*places)})["host"]
    found.validate(full=True)
    assert found.type == pa.large_string()
    return found.to_pylist()


@together(
    ("places", "texts"),
    [
        ([(0, 2), (2, 4), (4, 6)], ["ab", "cd", "ef"]),  # of one width
        ([(0, 1), (1, 4), (4, 4)], ["a", "bcd", ""]),
        ([(0, 2), (-1, -1), (4, 6)], ["ab", None, "ef"]),
        ([(-1, 0)] * 3, [None] * 3),
        (None, [None] * 3),
    ],
)
def test_texts_are_those_at_their_positions(places, texts):
    assert texts_of(rows_of([0, 1, 2]), places) == texts


@together(
    ("places", "further", "texts"),
    [
        ([(0, 2), (2, 4), (4, 6)], "xyz", ["ab", "xyz", "ef"]),
        ([(0, 2), (2, 4), (4, 6)], "xy", ["ab", "xy", "ef"]),
        ([(0, 2), (2, 4), (4, 6)], "", ["ab", "", "ef"]),
        ([(0, 2), (2, 4), (4, 6)], None, ["ab", None, "ef"]),
        (None, "xyz", [None, "xyz", None]),
        (None, None, [None] * 3),
    ],
)
def test_texts_of_further_rows_stand_among_the_others(places, further, texts):
    assert texts_of(rows_of([0, 2], {"line": 2, "host": further}), places) == texts


@together(
    ("values", "further", "expected"),
    [
        ([None, None], None, [None] * 3), (["a", None], None, ["a", None, None]),
        ([None, None], "x", [None, "x", None]), (["a", "b"], "x", ["a", "x", "b"]),
    ],
)  # fmt: skip
def test_a_column_mostly_of_nulls_is_merged(values, further, expected):
    rows = rows_of([0, 2], {"line": 2, "extra": further})
    assert rows.merged("extra", pa.array(values, pa.large_string())).to_pylist() == expected


def test_the_columns_of_a_chunk_with_few_ambiguous_lines_are_those_of_all_lines():
    text = '$remote_addr [$msec] "$request" $status $body_bytes_sent $bytes_sent $request_time_ms "$http_x_a"'
    text += ' "$upstream_addr" "$upstream_response_time"'
    plain = '192.0.2.{0} [17654154{0:02}.000] "GET /a?b={0} HTTP/1.1" 200 - {0} 1500 "x" "192.0.2.1:80" "0.1"'
    lines = [plain.format(at).encode() for at in range(10, 20)]
    for at in (0, 4, 9):
        lines[at] = lines[at].replace(b"/a", "/é".encode())
    lines[5] = lines[5].replace(b'1:80" "0.1"', b'1:80, 192.0.2.2:80" "0.1, 0.2"')
    data = b"\n".join(lines) + b"\n"
    plan = compile_format(text)
    found, exact = (
        Engine([plan], UTC, engine=one).read(data, {"file": "a.log"}) for one in ("numba", "exact")
    )
    assert found.reference_lines == 3
    rows = found.table.to_pylist()
    assert rows == exact.table.to_pylist()
    assert [row["body_bytes"] for row in rows] == [*range(10, 20)]
    assert {row["request_time_s"] for row in rows} == {1.5}
    assert [row["extra"] is not None for row in rows] == [True] * 10
    assert [row["upstream_raw"] is not None for row in rows] == [at == 5 for at in range(10)]
    assert {row["file"] for row in rows} == {"a.log"}

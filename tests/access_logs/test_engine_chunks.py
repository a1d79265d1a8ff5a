"""The choice of parser and format for a block, and the rows of mixed blocks with all of their counts."""

from collections import Counter
from datetime import UTC

import numpy as np
import pyarrow as pa
import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.access_logs.engine.chunk import Selection, merged, shifted
from watchme_analysis.access_logs.engine.columns import rows_table
from watchme_analysis.access_logs.engine.engine import ENGINES, Engine, chosen_engine, most_common_plan
from watchme_analysis.access_logs.engine.reference_parser import ReferenceParser
from watchme_analysis.access_logs.formats.known_formats import stock_format, stock_formats
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.errors import InputError

COMBINED = b'192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /a HTTP/1.1" 200 12 "-" "curl"'
JSON = b'{"time":"2025-12-11T01:10:30Z","status":200,"uri":"/a"}'


def test_the_fastest_engine_is_chosen_unless_one_is_named():
    assert [chosen_engine(name) for name in ENGINES] == ["numba", "numba", "exact"]


def test_an_unknown_engine_is_refused():
    with pytest.raises(InputError) as caught:
        chosen_engine("quick")
    said = messages_in(caught.value.args[0])["error-unknown-engine"]
    assert said == {"engine": "'quick'", "known": "auto, numba, exact"}


def plan_of(*lines, formats=None):
    reader = ReferenceParser(stock_formats() if formats is None else formats, UTC)
    reader.prepare(lines)
    found = most_common_plan(len(lines), reader)
    return None if found is None else found.name


@together(
    ("lines", "name"),
    [
        ([COMBINED], "combined"),
        ([COMBINED, b"junk"], "combined"),
        ([b"junk"], None),
        ([JSON, JSON, COMBINED], "JSON"),
        ([JSON, COMBINED], "combined"),  # no majority
        ([JSON, b"junk", b"junk"], None),
        ([b'{"a": [1]}'] * 2, None),  # no request
        ([b"#Fields: date time c-ip", COMBINED], None),
        ([], None),
    ],
)
def test_the_plan_of_a_block_is_that_of_most_lines(lines, name):
    assert plan_of(*lines) == name


MIXED = [
    COMBINED,
    b"",
    COMBINED.replace(b"/a", "/é".encode()),
    b"junk",
    COMBINED.replace(b"/a", b"/b"),
    b" \t\0",
    b"\0\0" + COMBINED.replace(b"/a", b"/c"),
    COMBINED.replace(b'"curl"', rb'"cu\x22rl"'),
]


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_mixed_block_is_counted_line_by_line(engine):
    chunk = Engine([stock_format("combined")], UTC, engine=engine).read(
        b"\n".join(MIXED) + b"\r\n", {"file": "a.log"}
    )
    rows = chunk.table.to_pylist()
    assert [(row["line"], row["path"], row["file"]) for row in rows] == [
        (1, "/a", "a.log"), (3, "/é", "a.log"), (5, "/b", "a.log"), (7, "/c", "a.log"), (8, "/a", "a.log"),
    ]  # fmt: skip
    assert rows[4]["user_agent"] == r"cu\x22rl"
    assert [(one.line, one.text) for one in chunk.rejected] == [(4, b"junk")]
    assert (chunk.lines, chunk.blank, chunk.filtered, chunk.has_line_end) == (8, 2, 0, True)
    assert chunk.formats == {"combined": 5}
    # The others are blank, not ASCII, junk, or begin with NUL bytes.
    assert chunk.reference_lines == (8 if engine == "exact" else 5)


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_selection_counts_what_it_leaves_out(engine):
    selection = Selection(("path", "status"), path_prefix="/a")
    chunk = Engine([stock_format("combined")], UTC, selection, engine=engine).read(b"\n".join(MIXED) + b"\n")
    assert chunk.table.to_pylist() == [{"path": "/a", "status": 200, "line": at} for at in (1, 8)]
    assert (chunk.filtered, len(chunk.rejected), chunk.blank, chunk.lines) == (3, 1, 2, 8)
    assert chunk.formats == {"combined": 5}


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_escapes_are_decoded_on_request_after_the_selection(engine):
    line = COMBINED.replace(b"/a", rb"/a\x22b").replace(b"curl", rb"\xC3\xA9")
    for lines in ([line] * 3, [line, line.replace(b"192.0.2.7", b"unix:")]):
        selection = Selection(("path", "user_agent"), path_prefix=r"/a\x22")
        read = Engine([stock_format("combined")], UTC, selection, engine=engine, decode=True).read
        chunk = read(b"\n".join(lines) + b"\n")
        assert [(row["path"], row["user_agent"]) for row in chunk.table.to_pylist()] == [('/a"b', "é")] * len(
            lines
        )


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_last_line_without_its_end_is_read_if_it_is_whole(engine):
    read = Engine([stock_format("combined")], UTC, engine=engine).read
    chunk = read(COMBINED + b"\n" + COMBINED)
    assert (len(chunk.table), chunk.has_line_end, chunk.rejected) == (2, False, [])
    bare = Engine([compile_format("$remote_addr $status")], UTC, engine=engine).read(
        b"192.0.2.7 200\n192.0.2.7 20"
    )
    assert [(one.line, one.text) for one in bare.rejected] == [(2, b"192.0.2.7 20")]
    assert messages_in(bare.rejected[0].reason.message) == {"reject-cut": {}}
    assert (len(bare.table), sum(bare.formats.values()), bare.lines) == (1, 1, 2)
    assert read(b"").lines == 0
    # A carriage return is a part of the line's end.
    assert read(COMBINED + b"\r").table["user_agent"].to_pylist() == ["curl"]


COMMON = COMBINED.partition(b' "-"')[0]


@together(
    ("total", "short", "rows"), [(8, 2, 8), (8, 3, 11), (1500, 2, 1500), (1500, 3, 1500), (1500, 4, 1504)]
)
def test_few_lines_of_a_shorter_format_are_truncated_ones(total, short, rows):
    """Beside a torn line, fewer than three, or fewer than 0.2 % of a block's lines, are torn as well."""
    formats = [stock_format("combined"), stock_format("common")]
    data = (COMBINED + b"\n") * total + (COMMON + b"\n") * short
    whole = Engine(formats, UTC, engine="exact").read(data)
    chunk = Engine(formats, UTC, engine="exact").read(data + COMBINED[:-3] + b"\n")
    assert len(whole.table) == total + short
    assert len(chunk.table) == rows
    assert len(chunk.rejected) == total + short - rows + 1
    assert +chunk.formats == Counter({"combined": total, "common": rows - total}) - Counter()
    for one in chunk.rejected[:-1]:
        assert messages_in(one.reason.message) == {"reject-truncated": {"format": "combined"}}


def test_the_compiled_parser_is_used_for_formats_that_it_reads():
    numba = Engine(stock_formats(), UTC, engine="numba")
    assert numba.uses_compiled_parser([COMBINED]) is True
    assert numba.uses_compiled_parser([b"junk"]) is False
    assert Engine(stock_formats(), UTC, engine="exact").uses_compiled_parser([COMBINED]) is False
    assert (
        Engine([compile_format("$status-$host")], UTC, engine="numba").uses_compiled_parser([b"200-a"])
        is False
    )


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_times_of_prefixes_are_read_by_the_reference_parser_alone(engine):
    timeless = compile_format('$remote_addr "$request" $status', name="own")
    line = b'2025-12-11T01:10:30.123456789Z 192.0.2.7 "GET /a HTTP/1.1" 200\n'
    chunk = Engine([timeless], UTC, engine=engine).read(line * 3)
    assert chunk.reference_lines == 3
    assert chunk.table["time"].cast("int64").to_pylist() == [1_765_415_430_123_456] * 3
    prefixed = b"web-1  | " + COMBINED + b"\n"
    chunk = Engine(stock_formats(), UTC, engine=engine).read(prefixed * 3)
    assert (len(chunk.table), chunk.reference_lines) == (3, 3 if engine == "exact" else 0)


@together(
    ("data", "lines"),
    [
        (b"", []), (b"a", [b"a"]), (b"a\n", [b"a"]), (b"\n", [b""]), (b"a\r\nb\r", [b"a", b"b"]),
        (b"\r\n\r", [b"", b""]), (b"a\n\nb\n", [b"a", b"", b"b"]),
    ],
)  # fmt: skip
def test_bounds_of_lines_leave_their_ends_out(data, lines):
    for engine in ENGINES[1:]:
        buf = np.frombuffer(data + bytes(64), np.uint8)
        starts, ends = Engine([], UTC, engine=engine)._bounds(buf, len(data))
        assert [data[start:end] for start, end in zip(starts, ends, strict=True)] == lines


def table_of(*lines):
    return pa.table(
        {"line": pa.array(lines, pa.int64()), "a": pa.array([str(one) for one in lines], pa.string())}
    )


@together(
    ("some", "further", "lines"),
    [
        ([1, 4], [2, 3], [1, 2, 3, 4]), ([], [2, 5], [2, 5]), ([3], [], [3]), ([2, 3], [1, 9], [1, 2, 3, 9]),
        ([5], [1, 2, 6, 7], [1, 2, 5, 6, 7]),
    ],
)  # fmt: skip
def test_tables_are_merged_by_line(some, further, lines):
    found = merged(table_of(*some), table_of(*further))
    assert (found["line"].to_pylist(), found["a"].to_pylist()) == (lines, [str(one) for one in lines])


def test_lines_are_numbered_on():
    table = table_of(1, 3)
    assert shifted(table, 0) is table
    found = shifted(table, 10)
    assert (found["line"].to_pylist(), found.column_names) == ([11, 13], ["line", "a"])


def test_a_selection_takes_rows_and_needs_columns():
    window = Selection(("status",), since=10, until=20, path_prefix="/a")
    assert window.needed == ("status", "line", "time", "path")
    assert Selection(("status", "line")).needed == ("status", "line")
    assert Selection(("status",), until=20).needed == ("status", "line", "time")
    rows = [
        {"time": time, "path": path, "line": at}
        for at, (time, path) in enumerate(
            [(9, "/a"), (10, "/a"), (19, "/ab"), (20, "/a"), (15, "/b"), (None, "/a"), (15, None)], 1
        )
    ]
    assert [row["line"] for row in rows if window.takes(row)] == [2, 3]
    table = rows_table(rows, ("time", "path", "line"))
    assert window.apply(table)["line"].to_pylist() == [2, 3]
    assert Selection(since=10).apply(table)["line"].to_pylist() == [2, 3, 4, 5, 7]
    assert Selection(until=10).apply(table)["line"].to_pylist() == [1]
    assert Selection().apply(table) is table

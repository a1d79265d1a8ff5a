"""The values that the compiled loop stores for a format, and the formats that it reads."""

from worlds.together import together

from watchme_analysis.access_logs.engine import value_loops as loops
from watchme_analysis.access_logs.engine.chunk import Selection
from watchme_analysis.access_logs.engine.program import compile_program
from watchme_analysis.access_logs.formats.log_format import compile_format

ALL = Selection().needed


def test_values_have_slots_of_their_own():
    text = (
        '$remote_addr $http_x_forwarded_for [$msec] "$request" $status $bytes_sent $request_time "$http_x_a"'
    )
    text += ' "$upstream_addr" "$upstream_status" "$upstream_response_time" "$args"'
    found = compile_program(compile_format(text), ALL)
    assert found.request_slot == 0
    # The five parts of the request come first; queries and alternatives are compared with what was chosen.
    assert found.spans == {
        "remote_addr": 5, "http_x_forwarded_for": 6, "upstream_addr": 7, "args": 8, "http_x_a": 9,
    }  # fmt: skip
    assert found.lists == {"upstream_addr": 10, "upstream_response_time": 11, "upstream_status": 12}
    assert found.span_count == 13
    assert found.ints == {"status": 1, "bytes_sent": 2, "upstream_status": 3, "msec": 4}
    assert found.floats == {"upstream_response_time": 0, "request_time": 1}
    assert found.further == ("args", "http_x_a", "http_x_forwarded_for")
    assert found.texts["client_addr"] == ("remote_addr", "http_x_forwarded_for")
    assert found.texts["method"] == found.texts["protocol"] == found.texts["query"] == ()
    assert found.decimals == {
        "upstream_response_time_s": "upstream_response_time",
        "request_time_s": "request_time",
    }
    joined, bounds, words, masks, kinds, roles, bare, spans, ints, floats, lists = found.kernel_plan
    literals = found.log_format.literals
    assert (bytes(joined), bounds.tolist()[:4]) == (b"".join(literals), [0, 0, 1, 3])
    assert words.tolist()[1] == ord(" ") and masks.tolist()[:2] == [0, 255]
    assert masks.tolist()[3] == 256**3 - 1  # of `] "`
    assert kinds.tolist() == [
        loops.ADDRESS, loops.TEXT, loops.MSEC, loops.QUOTED, loops.INT, loops.INT, loops.DECIMAL,
        loops.QUOTED,
        loops.LIST_ADDRESS, loops.LIST_STATUS, loops.LIST_TIME, loops.QUOTED,
    ]  # fmt: skip
    assert roles.tolist() == [0, 0, 0, loops.REQUEST] + [0] * 8
    assert not bare.any()
    assert spans.tolist() == [5, 6, -1, -1, -1, -1, -1, 9, 7, -1, -1, 8]
    assert ints.tolist() == [-1, -1, 4, -1, 1, 2, -1, -1, -1, 3, -1, -1]
    assert floats.tolist() == [-1, -1, -1, -1, -1, -1, 1, -1, -1, -1, 0, -1]
    assert lists.tolist() == [-1] * 8 + [10, 12, 11, -1]
    assert found.limits[:4] == (False, 1 << 16, 0, False)


def test_only_what_is_needed_has_a_slot():
    text = '$remote_addr [$time_iso8601] "$request" $status $request_time "$http_user_agent" "$upstream_addr"'
    found = compile_program(compile_format(text), ("status",))
    assert (found.spans, found.ints, found.floats, found.lists, found.span_count) == (
        {},
        {"status": 1},
        {},
        {},
        0,
    )
    assert (found.request_slot, found.further) == (-1, ())
    found = compile_program(compile_format(text), ("path", "time"))
    assert (found.spans, found.ints, found.request_slot, found.span_count) == ({}, {"time_iso8601": 1}, 0, 5)
    found = compile_program(compile_format(text), ("upstream_raw", "request_time_s"))
    assert (found.lists, found.floats, found.span_count) == ({"upstream_addr": 0}, {"request_time": 0}, 1)


def test_parts_of_a_request_have_variables_of_their_own():
    text = "$msec $request_method $request_uri $args $server_protocol $uri"
    found = compile_program(compile_format(text), ALL)
    assert (found.texts["method"], found.texts["protocol"]) == (("request_method",), ("server_protocol",))
    assert found.texts["query"] == ("args",)
    assert found.kernel_plan[5].tolist() == [0, 0, loops.TARGET, 0, 0, 0]
    assert found.limits[3] is False, "another target may replace it"
    assert compile_program(compile_format("$msec $request_uri $status"), ALL).limits[3] is True
    assert compile_program(compile_format("$msec $request_uri $args"), ALL).limits[3] is False
    assert compile_program(compile_format('$msec "$request" $status'), ALL).limits[3] is True
    assert compile_program(compile_format('$msec "$request" $request_method'), ALL).limits[3] is False


@together(
    ("text", "escape", "kinds"),
    [
        ('"$http_user_agent" $http_x_a', "default", [loops.QUOTED, loops.TEXT]),
        ('"$http_user_agent" $http_x_a', "none", [loops.UNESCAPED, loops.TEXT]),
        ("$time_local $time_iso8601 $host", "default", [loops.TIME_LOCAL, loops.TIME_ISO, loops.TOKEN]),
        ("$upstream_connect_time $upstream_header_time|$pid", "default", [loops.LIST_TIME] * 2 + [loops.INT]),
    ],
)
def test_values_have_kinds(text, escape, kinds):
    assert compile_program(compile_format(text, escape), ALL).kernel_plan[4].tolist() == kinds


@together(
    ("text", "escape", "compiles"),
    [
        ("$status $status", "default", False),
        ("$status é $host", "default", False),
        ("$status $args $query_string", "default", False),
        ("$status $args", "default", True),
    ],
)
def test_only_the_reference_parser_reads_some_formats(text, escape, compiles):
    assert (compile_program(compile_format(text, escape), ALL) is not None) is compiles


@together(
    ("text", "escape", "fits"),
    [
        ("$status $host", "default", True),
        ("$status-$host", "default", False),  # a dash may be a missing value, or its end
        ("$upstream_status,$host", "default", False),
        ("$upstream_status :$host", "default", False),
        ("$upstream_status;$host", "default", True),
        ("$upstream_bytes_sent;$host", "default", False),
        ("$remote_addr:$pid", "default", False),
        ("$remote_addr.$pid", "default", False),
        ("$remote_addr%$pid", "default", False),
        ("${remote_addr}a$pid", "default", False),
        ("${remote_addr}_$pid", "default", False),
        ("$remote_addr;$pid", "default", True),
        ("$status $host", "none", False),  # a blank line would be a request without values
        ("$host $http_x_a", "none", False),
        ("$host;$http_x_a", "none", True),
        ("$host $http_x_a", "default", False),
    ],
)
def test_the_compiled_loop_finds_the_ends_of_values(text, escape, fits):
    program = compile_program(compile_format(text, escape), ALL)
    assert program.fits_compiled_parser is fits

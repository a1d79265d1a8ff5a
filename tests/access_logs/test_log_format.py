"""Plans of formats: which values of a line they take, and which lines are several or of a longer format."""

from worlds.together import together

from watchme_analysis.access_logs.formats.log_format import compile_format


@together(
    ("shorter", "longer", "begins"),
    [
        ("$status $host", "$status $host $pid", True),
        ("$status $host|", "$status $host| $pid", True),
        ("$status $host;", "$status $host| $pid", False),
        ("$status $host", "$status|$host $pid", False),
        ("$status $host", "$status $http_host $pid", False),
        ("$status $host", "$status $host", False),
        ("$status $host $pid", "$status $host", False),
        ("a$status $host", "$status $host $pid", False),
    ],
)
def test_a_truncated_line_may_look_like_one_of_a_shorter_format(shorter, longer, begins):
    assert compile_format(shorter).begins(compile_format(longer)) is begins


@together(
    ("text", "escape", "line", "values"),
    [
        ("$status $upstream_status", "default", b"200 502, 200", (b"200", b"502, 200")),
        ("$status $upstream_status", "default", b"200 502, ", (b"200", b"502, ")),
        ("$status $upstream_status", "default", b"200 ", None),
        ("$status $upstream_status", "none", b"200 ", (b"200", b"")),
        ("$status $upstream_addr;", "default", b"200 , 192.0.2.1:80;", (b"200", b", 192.0.2.1:80")),
        ("$status $upstream_bytes_sent;", "default", b"200 1.5;", (b"200", b"1.5")),
        ("$status $server_protocol;", "default", b"- HTTP/1.1  ;", (b"-", b"HTTP/1.1  ")),
        ("$status;$host", "none", b";", (b"", b"")),
        ("$status;$host", "default", b";", None),
        ('"$http_x_a" $status', "default", rb'"a\"b" 200', (rb"a\"b", b"200")),
        ('"$http_x_a" $status', "none", b'"a"b" 200', (b'a"b', b"200")),
        ("$http_x_a $status", "default", b'a"b 200', None),
        ("$http_x_a $status", "none", b'a"b 200', (b'a"b', b"200")),
        ("$status $http_x_a", "default", b"200 a\0", None),
        ("$status $http_x_a", "none", b"200 a\0", (b"200", b"a\0")),
        ("[$status] x", "default", b"[200] y", None),
        ("[$status] x", "default", b"(200] x", None),
        ("$status abc $host", "default", b"200 abd a", None),
    ],
)
def test_a_line_has_the_values_of_its_format(text, escape, line, values):
    assert compile_format(text, escape).match(line) == values


def test_a_long_line_has_no_spaces_in_its_unquoted_texts():
    plan = compile_format("$status $http_x_a end $host")
    for size, spaces in ((1 << 16, True), ((1 << 16) + 1, False)):
        rest = size - len(b"200  end a")
        assert plan.match(b"200 " + b"x" * rest + b" end a") is not None
        spaced = b"200 x " + b"x" * (rest - 2) + b" end a"
        assert len(spaced) == size
        assert (plan.match(spaced) is not None) is spaces
    assert plan.match(b"200 " + b"x" * 70_000) is None
    assert plan.has_literals(b"200 a end b") and not plan.has_literals(b"200 end")


def test_a_line_in_which_another_begins_is_several():
    plan = compile_format("$time_iso8601|$http_x_a|$status")
    line = b"2025-12-11T10:10:30Z|a b|200"
    inside = b"2025-12-11T10:10:30Z|a 2025-12-11T10:10:31Z|b|200"
    assert (plan.match(line), plan.is_several(line)) == ((b"2025-12-11T10:10:30Z", b"a b", b"200"), False)
    assert (plan.match(inside), plan.is_several(inside)) == (None, True)
    assert plan.is_several(b"junk") is False
    assert compile_format("$status|$http_x_a").is_several(b"200|a 200|b") is False, (
        "its beginning is any text"
    )


@together(
    ("text", "sign"),
    [
        ("$remote_addr - $status", (1, -1, 0, 0)),
        ("$status [$time_local] $host", (1, -1, 0, 0)),
        ("$msec $status", (1, ord("."), 4, 4)),
        ("$time_local $status", (1, ord(":"), 9, 9)),
        ("$time_iso8601 $status", (1, ord(":"), 3, 4)),
        ("$status $host $http_x_a", (-1, -1, 0, 0)),
        ("$status|$time_local|$host", (2, ord(":"), 9, 9)),
    ],
)
def test_a_sign_tells_where_lines_begin(text, sign):
    assert compile_format(text).start_sign == sign

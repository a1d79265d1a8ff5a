"""Request lines in their parts, with the texts that are no request lines."""

from worlds.together import together

from watchme_analysis.files.request_line import split_request, split_target


@together(
    ("line", "parts"),
    [
        ("GET /a?b=c HTTP/1.1", ("GET", "/a", "b=c", "HTTP/1.1")),
        ("VERSION-CONTROL /a HTTP/2", ("VERSION-CONTROL", "/a", None, "HTTP/2")),
        ("GET /a b HTTP/1.0", ("GET", "/a b", None, "HTTP/1.0")),
        ("GET /a", ("GET", "/a", None, None)),
        ("GET http://example.com/a? HTTP/1.1", ("GET", "/a", None, "HTTP/1.1")),
        ("GET http://example.com?b HTTP/1.1", ("GET", None, "b", "HTTP/1.1")),
        ("GET http://example.com HTTP/1.1", ("GET", "/", None, "HTTP/1.1")),
        ("OPTIONS * HTTP/1.1", ("OPTIONS", "*", None, "HTTP/1.1")),
        ("GET /a b", None),
        ("get /a HTTP/1.1", None),
        ("GET  HTTP/1.1", None),
        ("GET /a HTTP/1.10", None),  # no protocol, and an old request has no spaces
        ("", None),
        ("\\x16\\x03", None),
    ],
)
def test_a_request_line_has_parts(line, parts):
    expected = parts and dict(zip(("method", "path", "query", "protocol"), parts, strict=True))
    assert split_request(line) == expected


@together(
    ("target", "parts"),
    [("/a?b?c", ("/a", "b?c")), ("?", (None, None)), ("", (None, None)), ("a://b#c", ("#c", None))],
)
def test_a_target_has_a_path_and_a_query(target, parts):
    assert split_target(target) == parts

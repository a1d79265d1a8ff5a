from worlds.together import together

from watchme_analysis.evidence.edge_expressions import compiled, wildcard

REQUEST = {
    "http.host": "api.example.com",
    "http.request.uri.path": "/svc/health",
    "http.request.uri.query": "a=1",
    "http.request.method": "GET",
    "ip.src": "192.0.2.7",
}


@together(
    ("expression", "holds"),
    [
        ('(http.host eq "api.example.com" and starts_with(http.request.uri.path, "/svc"))', True),
        ('http.host == "api.example.com" && http.request.uri.path != "/svc/health"', False),
        ('http.request.method in {"POST" "PUT"}', False),
        ('not http.request.method in {"POST", "PUT"}', True),
        ('http.request.uri.path matches "^/svc/(health|ready)$"', True),
        ('http.request.uri.path ~ r#"^/svc/"health"$"#', False),
        ('ends_with(http.request.uri.path, "/health") and not http.request.uri.path contains "svc"', False),
        ('http.host wildcard "API.*.com"', True),
        ('http.host strict wildcard "API.*.com"', False),
        (r'http.request.uri.path wildcard "/svc/\*"', False),
        (r'http.request.uri.path matches "^/svc/\w+$" and http.host matches "\\.com$"', True),
        ("ip.src in {192.0.2.0/24 2001:db8::/32}", True),
        ("ip.src in {192.0.2.8..192.0.2.20}", False),
        ("len(http.request.uri.path) >= 11 and len(http.request.uri.query) in {1..3}", True),
        ('lower(http.host) eq "x" xor upper(http.request.method) eq "GET"', True),
        # not binds closer than and, and closer than xor, xor closer than or
        ("not false and true", True),
        ("true xor true and false", True),
        ("true or true xor true", True),
        ("true or (true and false)", True),
        ('concat("a\\"", http.request.method) eq "a\\"GET"', True),
    ],
)
def test_an_expression_is_read_as_it_is_written(expression, holds):
    assert compiled(expression)(REQUEST).holds is holds


@together(
    ("expression", "holds", "unknown"),
    [
        ("cf.bot_management.score lt 30", None, {"cf.bot_management.score"}),
        ("cf.client.bot", None, {"cf.client.bot"}),
        ('cf.client.bot and http.request.method eq "POST"', False, set()),
        ('not cf.client.bot or http.request.method eq "GET"', True, set()),
        ('ip.src in $office and http.host eq "api.example.com"', None, {"$office"}),
        ('any(http.request.headers["x-key"][*] eq "a")', None, {"any()"}),
        ('http.request.headers["x-key"][0] eq "a"', None, {'http.request.headers["x-key"][0]'}),
        ('http.request.uri.path matches "("', None, None),
        ("http.host gt 3", None, None),
    ],
)
def test_what_no_record_tells_is_unknown_where_it_decides(expression, holds, unknown):
    answer = compiled(expression)(REQUEST)
    assert answer.holds is holds
    assert answer.unknown == unknown or (unknown is None and len(answer.unknown) == 1)


@together(
    ("pattern", "text", "matches"),
    [
        ("a*c", "abbc", True),
        ("a*c", "a\nc", True),
        ("a*", "ba", False),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
        (r"a\\*", "a\\b", True),
        ("a.c", "abc", False),
        ("A*", "abc", False),
    ],
)
def test_wildcards(pattern, text, matches):
    assert wildcard(pattern, text, ignore_case=False) is matches
    assert wildcard(pattern.lower(), text.upper(), ignore_case=True) is (matches or pattern == "A*")

import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.evidence.edge_expressions import Answer, UnreadableError, compiled, wildcard

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
    "expression",
    ["", "http.host eq", "a b", "a and", "(a", 'http.host in {"a"', "http.host in {a}", '"x" eq @'],
)
def test_what_is_no_expression_is_said(expression):
    with pytest.raises(UnreadableError):
        compiled(expression)


@together(
    ("expression", "message"),
    [
        ("a b", {"expression-behind": {"found": "'b'"}}),
        ("a eq @@@", {"expression-unreadable": {"found": "'@@@'"}}),
        ("(a", {"expression-expected": {"found": "expression-end", "expected": "')'"}, "expression-end": {}}),
        ("a in x", {"expression-expected": {"found": "'x'", "expected": "'{'"}}),
        ("f(a b)", {"expression-expected": {"found": "'b'", "expected": "')'"}}),
        ("a eq and", {"expression-no-operand": {"found": "'and'"}}),
        ("", {"expression-no-operand": {"found": "expression-end"}, "expression-end": {}}),
        ("a in {b}", {"expression-no-member": {"found": "'b'"}}),
        ("a in {1", {"expression-no-member": {"found": "expression-end"}, "expression-end": {}}),
    ],
)
def test_the_error_of_an_invalid_expression(expression, message):
    with pytest.raises(UnreadableError) as raised:
        compiled(expression)
    assert messages_in(raised.value.args[0]) == message


FIELDS = {"text": "aB.c", "n": 5, "src": "192.0.2.7", "six": "2001:db8::7", "none": None}


@together(
    ("expression", "holds"),
    [
        ("n lt 5", False),
        ("n le 5", True),
        ("n gt 5", False),
        ("n ge 5", True),
        ("n ne 5", False),
        ("n in {1..5}", True),
        ("n in {6..9}", False),
        ("n in {4 5}", True),
        ("n in {4, 6}", False),
        ('text in {"aB.c" "x"}', True),
        ("src in {192.0.2.1..192.0.2.7}", True),
        ("src in {192.0.2.8..192.0.2.9}", False),
        ("six in {2001:db8::1..2001:db8::7}", True),
        ("src in {2001:db8::1..2001:db8::7}", False),
        ("six in {192.0.2.0/24}", False),
        ("src in {192.0.2.9/24}", True),
        ("src eq 192.0.2.7", True),
        ('text wildcard "ab.*"', True),
        ('text strict wildcard "ab.*"', False),
        ('lower(text) contains "b.c"', True),
        ("len(text) eq 4", True),
        ('url_decode("%41") eq "A"', True),
        ('to_string(n) eq "5"', True),
        ('"\\x41\\"" eq "A\\""', True),
        ('text matches r"^a.\\.c$"', True),
        ('text matches r#"^"x"$"#', False),
        ("n eq 5 ^^ n eq 5", False),
        ("n eq 5 ^^ n eq 6 ^^ n eq 7", True),
        ("!(n == 5) || n != 6", True),
        ("not not true", True),
    ],
)
def test_operators_on_each_side_of_their_limits(expression, holds):
    assert compiled(expression)(FIELDS) == Answer(holds)


@together(
    ("expression", "unknown"),
    [
        ("none eq 5", {"none"}),
        ("gone eq other", {"gone", "other"}),
        ("n in $list", {"$list"}),
        ("gone in {1}", {"gone"}),
        ("custom(gone)", {"custom()"}),
        ("h[0][1] eq 5", {"h[0][1]"}),
        ("gone and true", {"gone"}),
        ("gone or false", {"gone"}),
        ("gone xor true", {"gone"}),
        ("not gone", {"gone"}),
    ],
)
def test_fields_on_which_the_result_depends(expression, unknown):
    assert compiled(expression)(FIELDS) == Answer(None, frozenset(unknown))


def test_known_parts_that_decide():
    assert compiled("gone and false")(FIELDS) == Answer(holds=False)
    assert compiled("true or gone")(FIELDS) == Answer(holds=True)


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

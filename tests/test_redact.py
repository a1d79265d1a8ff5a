import json
import time

import pytest
from click.testing import CliRunner
from worlds.backlog_world import World
from worlds.together import together

from watchme_analysis.cli.access import access
from watchme_analysis.inference.findings import Diagnosis, Evidence, Finding, Missing, Ranked
from watchme_analysis.present import style
from watchme_analysis.present.display import TableView, TextView
from watchme_analysis.present.finding import findings_view
from watchme_analysis.queues.error_kinds import logged_errors
from watchme_analysis.redact import mask_secrets, redacted, redacted_values, shortened
from watchme_analysis.window import parse_zone

MASKED = [
    ("GET /login?token=s3cr3t&page=2 HTTP/1.1", "GET /login?token=***&page=2 HTTP/1.1"),
    ("/reset/anna.smith@example.com", "/reset/***@example.com"),
    ("Authorization: Bearer abc.def, then", "Authorization: *** then"),
    ("curl -H 'Authorization: Basic YTpi' x", "curl -H 'Authorization: ***' x"),
    ("Cookie: sid=abc; theme=dark", "Cookie: ***"),
    ("sent Bearer abcdefghijklmnop123 to it", "sent Bearer *** to it"),
    ('{"password": "two words", "user": "b"}', '{"password": "***", "user": "b"}'),
    ("{'clientSecret': 'abc', 'api_key': 'd'}", "{'clientSecret': '***', 'api_key': '***'}"),
    # A name within a secret begins no secret of its own.
    ('password="a, secret: b" x', 'password="***" x'),
    ("X-Amz-Signature=dead&X-Amz-Date=2026", "X-Amz-Signature=***&X-Amz-Date=2026"),
    ("/callback?code=abc&state=x", "/callback?code=***&state=x"),
    ("postgres://me:pw@db.example.com/x", "postgres://***@db.example.com/x"),
    ("key AKIAIOSFODNN7EXAMPLE of", "key *** of"),
    ("got eyJhbGciOiJIUzI1.eyJzdWIi.sig here", "got *** here"),
    # JSON within JSON, at any depth, also with escaped quotation marks in the value.
    (r'{"body": "{\"password\": \"a b\", \"a\": 1}"}', r'{"body": "{\"password\": \"***\", \"a\": 1}"}'),
    (r"x \\\"token\\\": \\\"ab\\\", y", r"x \\\"token\\\": \\\"***\\\", y"),
    (r"{\"password\": \"a\\\"b\", \"user\": \"c\"}", r"{\"password\": \"***\", \"user\": \"c\"}"),
    (r"{\"Cookie\": \"a=b; c=d\"}", r"{\"Cookie\": \"***\"}"),
    ("password: hunter, user: b", "password: ***, user: b"),
    ("token: run-secrets-registry1", "token: ***"),
    ("db.password = hunter", "db.password = ***"),
    ("SECRET_KEY=hunter", "SECRET_KEY=***"),
    ("aws_secret_access_key = abc/def+x", "aws_secret_access_key = ***"),
    ("config['password'] = 'hunter'", "config['password'] = '***'"),
    ("session=abc; next", "session=***; next"),
    ("Set-Cookie: sid=abc; Path=/; HttpOnly", "Set-Cookie: ***"),
    ("(b'cookie', b'sid=abc'), (b'host', b'a')", "(b'cookie', b'***'), (b'host', b'a')"),
    ('proxy_set_header Authorization "Basic YTpi";', 'proxy_set_header Authorization "***";'),
    ("pw=ab pin=1234 otp=992211 done", "pw=*** pin=*** otp=*** done"),
    ("redis://:pw@cache.example.com:6379/0", "redis://***@cache.example.com:6379/0"),
    ("postgres://me:p/w@db.example.com/x", "postgres://***@db.example.com/x"),
    ("postgres://me:p@w@db.example.com/x", "postgres://***@db.example.com/x"),
    ("/u/anna%40example.com/x", "/u/***%40example.com/x"),
    ("?mail=anna%40example.com&x=1", "?mail=***%40example.com&x=1"),
    ("token%3Dabc%26x", "token%3D***%26x"),
    ('{"password": 12345, "x": 1}', '{"password": ***, "x": 1}'),
    ('{"pin": 1234}', '{"pin": ***}'),
    ('{"passwords": ["a", "b]"], "x": 1}', '{"passwords": [***], "x": 1}'),
    ('{"tokens": ["ab"]}', '{"tokens": [***]}'),
    ('"credentials": {"user": "a", "k": {"z": 1}}, "n": 2', '"credentials": {***}, "n": 2'),
    ("run --password hunter x", "run --password *** x"),
    ("<password>abc</password>", "<password>***</password>"),
    # What a cut left without its end.
    ('{"password": "two words of', '{"password": "***'),
    (r'{"body": "{\"secret\": \"two words', r'{"body": "{\"secret\": \"***'),
    # Split, so that no scanner takes them for real ones.
    ("-----BEGIN RSA " + "PRIVATE KEY-----\nMII\nabc\n-----END RSA " + "PRIVATE KEY-----\nok",
     "-----BEGIN RSA " + "PRIVATE KEY-----***-----END RSA " + "PRIVATE KEY-----\nok"),
    ("key -----BEGIN " + "PRIVATE KEY-----\\nMIIab", "key -----BEGIN " + "PRIVATE KEY-----***"),
    ("https://hooks.slack.com/" + "services/T0/B0/abc failed", "https://hooks.slack.com/services/*** failed"),
    ("xox" + "b-123-abc, next", "***, next"),
    ("gh" + "p_abcdefghij0123456789", "***"),
    ("sk" + "_live_abc123def", "***"),
    ("AIz" + "aSyA1234567890123456789", "***"),
]  # fmt: skip
# Beginnings of the tokens of services, and what follows; put together in the test, so that no scanner takes
# them for real ones.
HEX, WORD = "0123456789abcdef" * 4, "aB3dE5gH7jK9" * 6
TOKENS = [
    ("A3TX", "ABCDEFGHIJ234567"), ("ABIA", "ABCDEFGHIJ234567"), ("glrt-", WORD[:20]), ("gldt-", WORD[:20]),
    ("sk-proj-", WORD), ("sk-ant-api03-", WORD), ("GOCSPX-", WORD[:28]), ("ya29.", WORD),
    ("SG.", f"{WORD[:22]}.{WORD[:43]}"), ("xkeysib-", HEX), ("SK", HEX[:32]), ("123456789:AA", WORD[:33]),
    ("sq0csp-", WORD[:43]), ("shpat_", HEX[:32]), ("pypi-AgE", WORD), ("rubygems_", HEX[:48]),
    ("AKCp", WORD), (WORD[:12] + "aB.atlasv1.", WORD), ("hvs.", WORD[:24]), ("dp.pt.", WORD[:43]),
    ("ops_eyJ", WORD), ("AGE-SECRET-KEY-1", WORD.upper()), ("dapi", HEX[:32]), ("hf_", "aBcDeF" * 6),
    ("ATATT3", WORD), ("lin_api_", WORD[:40]), ("ntn_", WORD[:40]), ("PMAK-", f"{HEX[:24]}-{HEX[:34]}"),
    ("abc8Q~", WORD[:34]), ("LTAI", WORD[:20]), ("dop_v1_", HEX), ("NRAK-", "ABCDEFGHIJ0123456789AB7"),
    ("glsa_", WORD[:41]), ("sntrys_", WORD), ("pscale_tkn_", WORD[:43]), ("sb_secret_", WORD[:31]),
    ("sbp_", HEX[:40]),
]  # fmt: skip
PLAIN = [
    "SG.example and hvs.example, glsa_ in prose, dp.pt. of 3, at 12345678:AA",
    "global-cache-of-sessions-in-memory, glob-pattern",
    "token: /run/secrets/registry1",
    "[ERROR] Runtime.ImportModuleError: Unable to import module 'x': No module named 'requests'",
    "Unexpected token: } at 3",
    "KeyError: 'token'",
    "answered code=503 for key=audio/a.wav",
    "limiter.total_tokens = 100, tokens=12",
    "no user/password was provided: authorization is missing",
    "location = /health { proxy_pass http://127.0.0.1:8017/; }",
    "curl http://172.28.0.11:8000/health, 5.0 s @ 10:00",
    "npm package@1.2.3",
    "the password reset page at /password/reset",
    "/api/token: 12 of 15 requests failed",
    "/v1/password: 3 of 4",
    "pinned to CPU 3, spinning=5",
    "session_id  user_id  requests",
    "session_id: 12 distinct values",
    "prompt_tokens: 1234, max_tokens = 4096",
    '{"tokens": 1234, "total_tokens": [1, 2, 3]}',
    "/run/secrets/db:ro, secret:ro",
    "password: must be at least 8 characters",
    "Unexpected token: identifier",
    "DB_PASSWORD=${DB_PASSWORD}",
    "Password: null",
    "KeyError: 'session', token bucket: 12",
    '["Authorization", "Cookie", "Host"]',
    'proxy_set_header Cookie "$http_cookie";',
    "http://host.example.com:8080/a@b",
    "the signature is valid",
    "PASS: test_a",
]


@together(("text", "shown"), MASKED)
def test_a_secret_is_masked_and_its_name_stays(text, shown):
    assert redacted(text) == shown
    assert redacted(shown) == shown


def test_a_token_of_a_service_is_masked_whole():
    left = {begin: redacted(f"sent {begin}{rest} to it") for begin, rest in TOKENS}
    assert {begin: text for begin, text in left.items() if text != "sent *** to it"} == {}


@together("text", PLAIN)
def test_what_only_sounds_like_a_secret_stays(text):
    assert redacted(text) == text


# Each makes some pattern begin again and again, or never find its end.
ADVERSE = [
    "a.", "eyJ-", "a://", "x://a:", "token: ", "token:", "password='", "password=\"'", "\\", '\\"',
    "token=[", "tokens=[token=[1", "token={", "cookie: a;", "cookie: \\", "x%40", "x@a.", "%40a.a.", "@",
    "-----BEGIN " + "PRIVATE KEY-----", "pass1", "passpass_", "pin=....", "session:::",
    'password=\\"', "authorization: bearer  ",
    "/token: ", "bearer ", "--a-", "<a:", "a-.webhook", "'cookie', 'a', ", "xox" + "b-", " \t", "?code=.",
    # Those that a decoding meets.
    "%70", "%25", "%2525", "\\u0070", "\\", "\\\\u", "パスワード", "パスワードは", "「", "token=Bearer ",
    'cookie: a="', 'cookie: a="b"; ', "authorization: Digest a=\"b\", ", "name: token value: ",
    '"value":"', "curl -u a:",
    '"value": "x", "name": ', "sk-", "sk-ant-", "xoxb-", "1" * 9 + ":AA", "npm_a", "hf_", "s.",
    "é@", "basic a", "bearer 1",
]  # fmt: skip


def seconds(text):
    begun = time.process_time()
    redacted(text)
    return time.process_time() - begun


@pytest.mark.slow
@pytest.mark.parametrize("piece", ADVERSE)
def test_decoding_and_masking_take_time_in_proportion_to_the_length(piece):
    short, long = (f"{piece * (size // len(piece))}=" for size in (5_000, 40_000))
    # Eight times the length; in the square of it, it would be 64 times. A disturbed measurement is repeated.
    assert any(seconds(long) < 24 * max(seconds(short), 0.0005) for _ in range(2))


@pytest.mark.slow
def test_a_megabyte_of_names_and_quotation_marks_is_masked():
    text = ('{"password": "' + "a" * 50 + "\\") * 16_000
    assert len(text) > 990_000
    assert "aaaa" not in redacted(text)


@together(("text", "shown"), MASKED)
def test_a_text_is_masked_before_it_is_cut(text, shown):
    for longest in range(1, len(text)):
        assert shown.startswith(shortened(text, longest).rstrip()) or shortened(text, longest) == shown
    assert shortened(text, len(text)) == text
    assert shortened("a long text", 6, "...") == "a l..."


def test_a_logged_error_that_is_cut_within_a_password_shows_nothing_of_it():
    world = World()
    said = "OperationalError: " + "x" * 160 + " postgres://me:" + TOKEN * 9 + "@db.example.com/a"
    world.fail(600, 720, 0.2, said)
    found = logged_errors(world.table("log_events"), world.table("log_queries"), "job-runner")
    assert found.examples
    assert holds_none(*found.examples.values())


def test_every_text_within_a_value_is_masked_but_for_fields_that_stay_raw():
    value = {"a": ["token=x", 1, None], "sql": "token=x", "b": {"c": ("me@example.com",)}}
    assert redacted_values(value) == {
        "a": ["token=***", 1, None],
        "sql": "token=x",
        "b": {"c": ["***@example.com"]},
    }


ADDRESS, TOKEN = "anna@example.com", "s3cr3t"
SAID = f"/reset/{ADDRESS} failed with token={TOKEN}."


def holds_none(*texts):
    return not any(secret in text for text in texts for secret in (ADDRESS, TOKEN))


def test_a_table_shows_no_secret_and_leaves_commands_alone():
    command = f"watchme case pull --profile token={TOKEN}"
    shown = TableView("rows", ("what", "how"), ((SAID, command),), commands=frozenset({1}))
    for text in (shown.to_html(), shown.to_text()):
        assert ADDRESS not in text
        assert text.count(TOKEN) == 1


@pytest.mark.slow
def test_a_passage_a_figure_and_findings_show_no_secret():
    figure, (axis,) = style.new_figure([1.0])
    axis.set_title(SAID)
    picture = style.finish(figure, "one", SAID)
    assert "/reset/***@example.com failed with token=***." in picture.words
    finding = Finding("poison", (Evidence(SAID, "log_events", 1, 1.0),), detail=SAID)
    findings = findings_view((Ranked(finding, 1.0, "supported"),), {}, parse_zone("UTC"))
    for made in (TextView((SAID,), (SAID,)), findings):
        assert holds_none(*made._repr_mimebundle_().values())
    assert holds_none(picture.alt)


def test_a_diagnosis_tells_no_secret_but_in_queries_and_commands():
    query = f"select * from access_log where path = '/reset/{ADDRESS}'"
    finding = Finding("poison", (Evidence(SAID, "log_events", 1, 1.0, sql=query),), detail=SAID)
    missing = Missing("more", SAID, f"curl -H 'Cookie: {TOKEN}'", 1.0)
    found = Diagnosis(
        "health", "c", "supported", "poison", 0.9, None, None, (Ranked(finding, 1.0, "supported"),), {},
        (missing,), extra={"endpoints": [f"/reset/{ADDRESS}"]}, summary=(SAID,),
    ).to_dict()  # fmt: skip
    evidence, requested = found["ranking"][0]["evidence"][0], found["missing_evidence"][0]
    assert (evidence.pop("sql"), requested.pop("how")) == (query, f"curl -H 'Cookie: {TOKEN}'")
    assert [reason.pop("sql") for reason in found["reasons"]] == [query]
    assert holds_none(json.dumps(found))


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_access_logs_come_to_shows_no_secret_and_says_so(tmp_path, form):
    line = f'192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /reset/{ADDRESS} HTTP/1.1" 200 1 "-" "curl"\n'
    log = tmp_path / "access.log"
    log.write_text(line * 3 + f"torn password={TOKEN}\n")
    reported = CliRunner().invoke(access, [str(log), *form], standalone_mode=False).output
    assert holds_none(reported)
    assert "shown as ***; the logs hold them" in reported
    log.write_text(line.replace(ADDRESS, "7"))
    assert "***" not in CliRunner().invoke(access, [str(log), *form], standalone_mode=False).output


@together(
    ("longest", "end", "shown"),
    [
        (11, "", "a long text"),
        (10, "", "a long tex"),
        (7, "", "a long"),  # without the space at the cut
        (10, "...", "a long..."),
        (3, "...", "..."),
    ],
)
def test_a_text_is_cut_at_the_longest_length(longest, end, shown):
    assert shortened("a long text", longest, end) == shown


def test_a_text_that_masking_makes_short_enough_is_not_cut():
    text = "token=abcdefgh ok"
    assert redacted(text) == "token=*** ok"
    assert shortened(text, 12) == "token=*** ok"
    assert shortened(text, 11) == "token=*** o"


@together(
    ("value", "masked"),
    [
        ("a" * 12 + "1" * 12, False),  # few different characters
        ("aB3dE5gH7jK9mN2pQ4rS6tU8", True),
        ("aB3dE5gH7jK9mN2pQ4rS6tU", False),  # 23 characters
        ("abcdefghijklmnopqrstuvwx", False),  # no digit
        ("123456789012345678901234", False),  # no letter
        ("aB3dE5gH7jK9mN2pQ4r-S6tU8", False),  # its longest word has 19 characters
        ("aB3dE5gH7jK9mN2pQ4rS-6tU8", True),
        ("aB3dE5gH7jK9mN2pQ4rS6tU8 and", False),
    ],
)
def test_values_that_look_generated(value, masked):
    assert mask_secrets({"SETTING": value}) == {"SETTING": "***" if masked else value}


def test_values_of_variables():
    variables = {"API_KEY": 5, "URL": "https://a:b@example.com", "SIZE": 5, "NONE": None}
    assert mask_secrets(variables) == {
        "API_KEY": "***",
        "URL": "https://***@example.com",
        "SIZE": 5,
        "NONE": None,
    }


@together(
    ("text", "shown"),
    [
        ("tokens=12345", "tokens=12345"),  # a count
        ("passwords=123", "passwords=123"),
        ("passwords=1234", "passwords=***"),
        ("pin: 123", "pin: 123"),
        ("pin: 1234", "pin: ***"),
        ("pass=12", "pass=***"),
        ("token=123", "token=123"),
        ("token=1234", "token=***"),
        ("password: 12", "password: ***"),
        ("password: short", "password: ***"),
        ("token: short", "token: short"),
        ("token: sh0rt6", "token: ***"),
        ("token: sh0rt", "token: sh0rt"),
        ("token: " + "a" * 19, "token: " + "a" * 19),
        ("token: " + "a" * 20, "token: ***"),
        ('"password": ""', '"password": ""'),
        ('"password": "-"', '"password": "-"'),
        ('"password": "x"', '"password": "***"'),
        ('Authorization: "$token"', 'Authorization: "$token"'),
        ('"password": "$token"', '"password": "***"'),
        ('"password": "$TOKEN"', '"password": "$TOKEN"'),
        ('"password": [""]', '"password": [***]'),
        ('"password": []', '"password": []'),
        ('"tokens": [1, 2]', '"tokens": [1, 2]'),
        ('"passwords": [1, 2]', '"passwords": [***]'),
        ('"token": {"a": "b"}', '"token": {"a": "b"}'),
        ('"password": {"a": "]}"}, "b": 1', '"password": {***}, "b": 1'),
        ('"passwords": ["a", "b\n"c": 1', '"passwords": [***\n"c": 1'),
        ('"passwords": ["a", "b', '"passwords": [***'),
        ('"passwords": [["a"], "b"]', '"passwords": [***]'),
        ("x/token: abcdef123456", "x/token: abcdef123456"),
        ("x/token=abcdef123456", "x/token=***"),
        ("password=${X} password=***", "password=${X} password=***"),
        ("password: required", "password: required"),
        ("secret: ro", "secret: ***"),
        ("secret:ro", "secret:ro"),
        ("password:ro", "password:***"),
    ],
)
def test_values_that_are_secret_and_those_that_only_count(text, shown):
    assert redacted(text) == shown


@together(
    ("name", "value", "shown"),
    [
        ("passwords", [1], "***"),
        ("tokens", [1], [1]),
        ("tokens", [1, "a"], "***"),
        ("password", True, True),
        ("password", {"a": "token=x"}, {"a": "token=***"}),
        ("pins", 123, 123),
        ("pin", 1234, "***"),
        ("pin", 123, "***"),
        ("my password is", "x", "x"),
        (5, "token=x", "token=***"),
    ],
)
def test_fields_that_hold_secrets(name, value, shown):
    assert redacted_values({name: value}) == {name: shown}

import json

import pytest
from click.testing import CliRunner

from watchme_analysis.cli.access import access
from watchme_analysis.hypotheses.base import Diagnosis, Evidence, Finding, Missing, Ranked
from watchme_analysis.redact import redacted, redacted_values
from watchme_analysis.views import style
from watchme_analysis.views.display import Passage, Shown
from watchme_analysis.views.finding import FindingsView
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
    ("X-Amz-Signature=dead&X-Amz-Date=2026", "X-Amz-Signature=***&X-Amz-Date=2026"),
    ("/callback?code=abc&state=x", "/callback?code=***&state=x"),
    ("postgres://me:pw@db.example.com/x", "postgres://***@db.example.com/x"),
    ("key AKIAIOSFODNN7EXAMPLE of", "key *** of"),
    ("got eyJhbGciOiJIUzI1.eyJzdWIi.sig here", "got *** here"),
]
PLAIN = [
    "[ERROR] Runtime.ImportModuleError: Unable to import module 'x': No module named 'requests'",
    "Unexpected token: } at 3",
    "KeyError: 'token'",
    "answered code=503 for key=audio/a.wav",
    "limiter.total_tokens = 100, tokens=12",
    "no user/password was provided: authorization is missing",
    "location = /health { proxy_pass http://127.0.0.1:8017/; }",
    "curl http://172.28.0.11:8000/health, 5.0 s @ 10:00",
    "npm package@1.2.3",
]


@pytest.mark.parametrize(("text", "shown"), MASKED)
def test_a_secret_is_masked_and_its_name_stays(text, shown):
    assert redacted(text) == shown
    assert redacted(shown) == shown


@pytest.mark.parametrize("text", PLAIN)
def test_what_only_sounds_like_a_secret_stays(text):
    assert redacted(text) == text


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
    command = f"watchme pull --profile token={TOKEN}"
    shown = Shown("rows", ("what", "how"), ((SAID, command),), commands=frozenset({1}))
    for text in (shown.to_html(), shown.to_text()):
        assert ADDRESS not in text
        assert text.count(TOKEN) == 1


def test_a_passage_a_figure_and_findings_show_no_secret():
    figure, (axis,) = style.new_figure([1.0])
    axis.set_title(SAID)
    picture = style.finish(figure, "one", SAID)
    assert "/reset/***@example.com failed with token=***." in picture.words
    finding = Finding("poison", (Evidence(SAID, "log_events", 1, 1.0),), detail=SAID)
    findings = FindingsView((Ranked(finding, 1.0, "supported"),), {}, parse_zone("UTC"))
    for made in (Passage((SAID,), (SAID,)), findings):
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
    evidence, asked = found["ranking"][0]["evidence"][0], found["missing_evidence"][0]
    assert (evidence.pop("sql"), asked.pop("how")) == (query, f"curl -H 'Cookie: {TOKEN}'")
    assert holds_none(json.dumps(found))


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_access_logs_come_to_shows_no_secret_and_says_so(tmp_path, form):
    line = f'192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /reset/{ADDRESS} HTTP/1.1" 200 1 "-" "curl"\n'
    log = tmp_path / "access.log"
    log.write_text(line * 3 + f"torn password={TOKEN}\n")
    told = CliRunner().invoke(access, [str(log), *form], standalone_mode=False).output
    assert holds_none(told)
    assert "shown as ***; the logs hold them" in told
    log.write_text(line.replace(ADDRESS, "7"))
    assert "***" not in CliRunner().invoke(access, [str(log), *form], standalone_mode=False).output

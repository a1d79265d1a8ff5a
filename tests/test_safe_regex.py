"""Patterns that evidence or a configuration states cannot keep the analysis busy."""

import json
import signal

import pytest

from watchme_analysis.case.importer import import_folder
from watchme_analysis.evidence.edge_expressions import compiled as expression
from watchme_analysis.evidence.edge_expressions import wildcard
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.nginx_conf.parse import read_nginx_config
from watchme_analysis.nginx_conf.routing import route
from watchme_analysis.queues.work_items import work_items
from watchme_analysis.safe_regex import UnsupportedPatternError, compiled

# Each takes a backtracking engine longer than the universe has existed.
HOSTILE = (r"^/(a+)+$", r"^/(a|aa)+$", r"^/(a|a?)+$", r"^/(.*a){25}$", r"^/([a-z]+)*$")
LONG = "/" + "a" * 64 + "!"


@pytest.fixture(autouse=True)
def _ends():
    """End a test that hangs."""

    def stop(*_):
        raise TimeoutError("the pattern keeps the analysis busy")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def routed(tmp_path, server, path, host="a.test"):
    """Return the location that serves a path of one of two servers, the first with these statements."""
    text = f"http {{ server {{ {server} }} server {{ server_name b.test; location / {{ return 404; }} }} }}"
    (tmp_path / "nginx.conf").write_text(text)
    return route(read_nginx_config(RawFile(tmp_path, "nginx.conf"))[0], path, host)


@pytest.mark.parametrize("pattern", HOSTILE)
def test_patterns_of_nginx_take_linear_time(tmp_path, pattern):
    for server in (
        f'server_name a.test; location ~ "{pattern}" {{ }} location / {{ return 204; }}',
        f'server_name a.test; location / {{ rewrite "{pattern}" /x last; return 204; }}',
    ):
        assert routed(tmp_path, server, LONG)["return_status"] == 204
    assert routed(tmp_path, f'server_name "~{pattern}"; return 204;', "/", f"{LONG}.test") is not None


@pytest.mark.parametrize("pattern", HOSTILE)
def test_patterns_of_edge_rules_take_linear_time(pattern):
    held = expression(f'http.request.uri.path matches "{pattern}"')
    assert held({"http.request.uri.path": LONG}).holds is False


def test_wildcards_of_edge_rules_take_linear_time():
    assert not wildcard("*a" * 30 + "*b", "a" * 20_000, ignore_case=False)
    assert wildcard("*a" * 30 + "*", "a" * 20_000, ignore_case=False)


def test_the_day_in_a_path_takes_linear_time(tmp_path):
    (tmp_path / "queues").mkdir()
    arn = "arn:aws:sqs:us-east-1:123456789012:jobs"
    policy = json.dumps({"deadLetterTargetArn": f"{arn}-dlq", "maxReceiveCount": 3})
    queue = {"Attributes": {"QueueArn": arn, "RedrivePolicy": policy}}
    (tmp_path / "queues" / "jobs.json").write_text(json.dumps(queue))
    message = {"MessageId": "m1", "Body": json.dumps({"file": LONG}), "Attributes": {}}
    (tmp_path / "queues" / "jobs-dlq-messages.json").write_text(json.dumps({"Messages": [message]}))
    case = import_folder(tmp_path, tmp_path / "case").case
    for pattern in HOSTILE:
        case.manifest["work_items"]["day_in_path"] = pattern
        assert work_items(case)["work_date"].isna().all()


@pytest.mark.parametrize(
    "statement", ["location ~ ^/(?!api) { }", r"rewrite ^/(\w)\1$ /x;", "location ~ a++ { }"]
)
def test_a_pattern_that_cannot_be_evaluated_is_named(tmp_path, statement):
    statement = f"server_name a.test; {statement}"
    served = routed(tmp_path, f"{statement} location / {{ return 204; }}", "/v1")
    assert [said.message.id for said in served["not_covered"]] == ["route-not-followed-pattern"]
    assert routed(tmp_path, statement, "/v1", "b.test")["not_covered"] == []


def test_an_unreadable_server_name_concerns_every_server(tmp_path):
    named = 'server_name "~^(?!a)"; location / { return 204; }'
    for host in ("a.test", "b.test"):
        served = routed(tmp_path, named, "/", host)
        assert [said.message.id for said in served["not_covered"]] == ["route-not-followed-pattern"]


def test_patterns_match_as_in_pcre():
    for pattern, text, groups in (
        ("^/(?<id>[[:digit:]]+)$", "/12", ("12",)),
        ("a(?i)b", "aB", ()),
        ("(a)|(b)", "b", (None, "b")),
        ("é(.)", "xéü", ("ü",)),
        ("(x)", "\udcffx", ("x",)),
    ):
        assert compiled(pattern).search(text).groups() == groups
    for pattern in ("(", "(?=a)", r"(a)\1", "a++", "(?>a)", "((a{1000}){1000}){1000}", "\udcff("):
        with pytest.raises(UnsupportedPatternError):
            compiled(pattern)

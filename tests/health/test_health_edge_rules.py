"""Rules of an exported edge, applied to the requests that the edge logged.

`tests/evidence/test_edge_rules.py` holds what each kind of rule matches and does.
"""

import pytest
from worlds.health_world import HEALTH, JOBS, Signals, case, context_of, give, investigate
from worlds.messages import messages_in

from watchme_analysis.files.json_values import flatten
from watchme_analysis.health import diagnosis as health
from watchme_analysis.health.signals.rules import DETECTORS, unread
from watchme_analysis.inference.signals import observe

HOST = "api.example.com"

UNKNOWN = "health-edge-rule-unknown"


def refused(path, second):
    return {"at_nginx": False, "edge_status": 403} if path == HEALTH else None


def held(path, second):
    return {"edge_s": 7.0} if path == HEALTH else None


def exported(*rules, fate=refused, settings=()):
    """The world whose edge exports these rules as a phase's entry point, and zone settings."""
    made = case(fate)
    made.table("edge_log")["host"] = HOST
    made.table("edge_log")["uri"] = made.table("edge_log")["path"]
    files = {
        "edge-settings-phase.json": {"result": {"rules": list(rules)}, "success": True},
        "edge-settings.json": {"result": list(settings)},
    }
    rows = [
        {"file": file, "path": path, "value": value}
        for file, value in files.items()
        for path, value in flatten(value)
    ]
    give(made, "edge_settings", rows)
    return made


def rule(expression, action="block", **more):
    return {
        "id": "r1", "version": "1", "action": action, "expression": expression, "description": "a rule",
        "enabled": True,
    } | more  # fmt: skip


def page(pattern, *actions):
    target = {"target": "url", "constraint": {"operator": "matches", "value": pattern}}
    return {"id": "p1", "targets": [target], "actions": list(actions), "status": "active", "priority": 1}


def weigh_edge(made):
    """Return the observations of exported rules by signal, and by id the messages on what was not read."""
    found = context_of(made)
    seen = {one.signal: one for one in observe(DETECTORS, found) if one.table == "edge_settings"}
    return seen, {name: said for text in unread(found) for name, said in messages_in(text).items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "one",
    [
        rule(f'(http.host eq "{HOST}" and starts_with(http.request.uri.path, "{HEALTH}"))'),
        page(f"https://{HOST}{HEALTH}", {"id": "cache_level", "value": "cache_everything"}),
        {"threshold": 5, "period": 60, "action": {"mode": "ban"},
         "match": {"request": {"url": f"*.example.com{HEALTH}", "methods": ["GET", "POST"]}}},
    ],
)  # fmt: skip
def test_a_rule_that_concerns_the_bad_requests_alone_speaks_for_the_edge(one):
    made = exported(one)
    outcomes, _ = weigh_edge(made)
    assert set(outcomes) == {"edge_rule"}
    assert "health-edge-setting" in messages_in(outcomes["edge_rule"].statement)
    assert len(made.sql(outcomes["edge_rule"].sql)) == outcomes["edge_rule"].rows > 0
    assert outcomes["edge_rule"].detail


@pytest.mark.slow
@pytest.mark.parametrize(
    "one",
    [
        rule(f'http.host eq "else.example.com" and http.request.uri.path eq "{HEALTH}"'),
        rule(f'http.host eq "{HOST}"'),
        rule(f'http.request.uri.path eq "{JOBS}"'),
        rule(f'http.request.uri.path eq "{HEALTH}"', "redirect"),
    ],
)
def test_a_rule_for_others_or_without_such_an_effect_does_not(one):
    outcomes, left = weigh_edge(exported(one))
    assert "edge_rule" not in outcomes
    assert not {"health-edge-rule-unread", "health-edge-setting-unread"} & left.keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "message_id", "words"),
    [
        (rule(f'http.request.uri.path eq "{HEALTH}" and cf.threat_score gt 10'), UNKNOWN, "cf.threat_score"),
        (rule(f'http.request.uri.path eq "{HEALTH}"', "teleport"), "edge-rule-action", "teleport"),
        ({"kind": "unheard of", "where": HEALTH}, "health-edge-setting-unread", HEALTH),
    ],
)
def test_what_is_unread_is_said_and_weighs_nothing(one, message_id, words):
    outcomes, left = weigh_edge(exported(one))
    assert not outcomes
    assert words in str(left[message_id])


def test_the_rule_and_what_is_unread_stand_in_the_verdict():
    odd = rule(f'http.request.uri.path eq "{HEALTH}" and cf.threat_score gt 10')
    made = exported(rule(f'http.request.uri.path eq "{HEALTH}"', description="no bots"), odd)
    first = health.diagnose(investigate(made)).ranking[0].finding
    assert first.cause == "edge_config"
    assert messages_in(first.detail)["health-rule-edge-setting"]["rule"] == "no bots"
    assert any(UNKNOWN in messages_in(text) for text in first.not_covered)


def test_the_effect_of_a_rule_is_named():
    cached = rule(
        f'http.request.uri.path eq "{HEALTH}"', "set_cache_settings", action_parameters={"cache": True}
    )
    said = messages_in(weigh_edge(exported(cached, fate=held))[0]["edge_rule"].detail)
    assert said["health-rule-edge-setting"]["effect"] == "cache True"


@pytest.mark.slow
def test_a_timeout_of_the_zone_is_named_where_the_edge_gave_up():
    def cut(path, second):
        return {"header_s": 0.4, "status": 499, "edge_status": 524, "edge_s": 0.0} if path == HEALTH else None

    made = exported(fate=cut, settings=[{"id": "proxy_read_timeout", "value": "0.4", "editable": True}])
    edge, probes, access = made.table("edge_log"), made.table("probes"), made.table("access_log")
    edge.loc[edge["path"].eq(HEALTH) & edge["status"].eq(200), "duration_ms"] = 900.0
    edge.loc[edge["status"].eq(524), "origin_status"] = 0
    probes.loc[probes["status"].eq(200), "duration_s"] = 0.9
    access.loc[access["path"].eq(HEALTH) & access["status"].eq(200), "request_time_s"] = 0.9
    said = messages_in(Signals(made)["edge_impatient"].detail)
    assert said["health-rule-edge-setting"]["effect"] == "proxy_read_timeout 0.4 s"


@pytest.mark.slow
def test_without_the_edges_log_paths_and_hosts_of_other_records_do():
    made = exported(rule(f'http.host eq "{HOST}" and http.request.uri.path eq "{HEALTH}"'))
    made._frames["edge_log"] = made.table("edge_log").iloc[:0]
    made.table("access_log")["host"] = HOST
    assert set(weigh_edge(made)[0]) == {"edge_rule"}
    made.table("access_log")["host"] = None
    outcomes, left = weigh_edge(made)
    assert not outcomes
    assert left[UNKNOWN]["fields"] == ["http.host"]


@pytest.mark.slow
def test_nothing_of_a_torn_export_raises():
    torn = [{"expression": 5, "action": 7}, {"targets": {"a": 1}, "actions": "x"}, {"id": "x", "value": None}]
    values = ({"rules": [None, 3, *torn]}, {"expression": "true", "action": {"mode": {}}}, [], 3)
    files = [*map(flatten, values), [("a", "1"), ("a.b", "{")]]
    rows = [
        {"file": f"e{n}.json", "path": path, "value": value}
        for n, pairs in enumerate(files)
        for path, value in pairs
    ]
    made = exported()
    give(made, "edge_settings", rows)
    weigh_edge(made)

"""Rules of an exported edge, applied to the requests that the edge logged.

`tests/evidence/test_edge_rules.py` holds what each kind of rule matches and does.
"""

import pytest
from worlds.health_world import HEALTH, JOBS, case, context_of, give
from worlds.messages import messages_in

from watchme_analysis.files.json_values import flatten
from watchme_analysis.health.signals.rules import DETECTORS, unread
from watchme_analysis.inference.signals import observe

HOST = "api.example.com"

UNKNOWN = "health-edge-rule-unknown"


def refused(path, second):
    return {"at_nginx": False, "edge_status": 403} if path == HEALTH else None


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

"""Rules of an exported edge and what of it is unread, from literal requests."""

from worlds.health_literal import HEALTH, JOBS, at, context, request, seen
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.files.json_values import flatten
from watchme_analysis.health.signals.rules import edge_rules, unread

HOST = "svc.example.com"
BAD = [request(21 + number, bad=True, nginx_status=403.0) for number in range(6)]
CALM = [request(21 + number, JOBS) for number in range(6)]


def rule(expression, action="block", **more):
    return {
        "id": "r1", "version": "1", "action": action, "expression": expression, "description": "a rule",
        "enabled": True,
    } | more  # fmt: skip


def exported(*rules, requests=(*BAD, *CALM), hosts=(HOST,), rejected=0):
    """A case without a log of the edge, whose edge exports rules; Nginx logs these names."""
    settings = [
        {"file": "edge-settings-phase.json", "path": path, "value": value}
        for path, value in flatten({"result": {"rules": list(rules)}, "success": True})
    ]
    access = [
        {"file": "a.log", "line": number, "time": at(21), "path": HEALTH, "host": host}
        for number, host in enumerate(hosts, 1)
    ]
    found = context(*requests, edge_settings=settings, access_log=access)
    found.inv.case.manifest["tables"]["edge_settings"]["rejected"] = rejected
    return found


def of(path):
    return f'http.request.uri.path eq "{path}"'


def test_a_rule_for_the_affected_path_alone_is_named_with_its_effect():
    one = seen(edge_rules, exported(rule(f'http.host eq "{HOST}" and {of(HEALTH)}')))["edge_rule"]
    said = messages_in(one.statement)
    # The only affected path.
    assert said["health-edge-setting"] == {"paths": [HEALTH], "concerned": 1, "count": 1, "others": 0.0}
    assert said["health-rule-edge-setting"]["rule"] == "a rule"
    assert messages_in(one.detail)["health-rule-edge-setting"] == said["health-rule-edge-setting"]
    # The rule's six settings: id, version, action, expression, description and enabled.
    assert (one.table, one.rows) == ("edge_settings", 6)
    assert one.sql == (
        "select * from edge_settings where ((file = 'edge-settings-phase.json' and "
        "starts_with(path, 'result.rules.0.')))"
    )


@together(
    ("expression", "action"),
    [
        (of(JOBS), "block"),
        (f'http.host eq "{HOST}"', "block"),
        ('http.host eq "z"', "block"),
    ],
)
def test_other_rules_do_not_speak_for_the_edge(expression, action):
    assert "edge_rule" not in seen(edge_rules, exported(rule(expression, action)))


def test_rules_that_leave_the_affected_path_alone_speak_against_the_edge():
    one = seen(edge_rules, exported(rule(of(JOBS))))["edge_plain"]
    assert messages_in(one.statement) == {"health-edge-settings-plain": {"paths": [HEALTH]}}
    assert (one.table, one.rows, one.sql, one.strength) == (
        "edge_settings", 7, "select * from edge_settings", 0.5,
    )  # fmt: skip
    # A part that was rejected may hold one, and no other path did well.
    assert seen(edge_rules, exported(rule(of(JOBS)), rejected=1)) == {}
    assert seen(edge_rules, exported(rule(of(JOBS)), requests=BAD)) == {}
    assert seen(edge_rules, context(*BAD, *CALM)) == {}


def left(*rules, **more):
    return {
        name: said for text in unread(exported(*rules, **more)) for name, said in messages_in(text).items()
    }


def test_what_is_unread_is_told():
    assert left(rule(of(JOBS))) == {}
    assert left(rule(of(JOBS)), rejected=1) == {"health-edge-settings-rejected": {}}
    odd = left(rule(f"{of(HEALTH)} and cf.threat_score gt 10"))
    assert odd["health-edge-rule-unknown"] == {
        "rule": "a rule", "paths": [HEALTH], "fields": ["cf.threat_score"],
    }  # fmt: skip
    assert left(rule(of(HEALTH), "teleport"))["health-edge-rule-unread"]["rule"] == "a rule"
    assert "health-edge-rule-unread" not in left(rule(of(JOBS), "teleport"))
    other = left({"kind": "unheard of", "where": HEALTH})["health-edge-setting-unread"]
    assert other["setting"] == f'result.rules.0.where: "{HEALTH}"'
    assert left({"kind": "unheard of", "where": JOBS}) == {}
    # Two names in Nginx's log leave open which one was asked for.
    named = rule(f'http.host eq "{HOST}" and {of(HEALTH)}')
    assert left(named, hosts=(HOST, "z"))["health-edge-rule-unknown"]["fields"] == ["http.host"]
    assert unread(context(*BAD)) == ()

"""Rules of an edge's export: what they match, what they do to a request, and what of them is unread."""

import json

import pandas as pd
from worlds.together import together

from watchme_analysis.evidence.edge_rules import edge_rules_of, request_fields

REQUEST = request_fields(
    {"host": "api.example.com", "method": "GET", "path": "/health", "uri": "/health?x=1", "client_addr": None}
)


def rule_of(node):
    """Return the only rule of an export that holds a node."""
    rows = []

    def flatten(path, value):
        if isinstance(value, dict | list):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for name, inner in items:
                flatten((*path, str(name)), inner)
        else:
            rows.append({"file": "edge.json", "path": ".".join(path), "value": json.dumps(value)})

    flatten(("result", "0"), node)
    found = edge_rules_of(pd.DataFrame(rows, columns=["file", "path", "value"]))
    assert len(found) <= 1
    return found[0] if found else None


def page_rule(*actions, pattern="api.example.com/health*", **more):
    target = {"target": "url", "constraint": {"operator": "matches", "value": pattern}}
    return {"targets": [target], "actions": list(actions), **more}


BLOCK = {"expression": 'http.request.uri.path eq "/health"', "action": "block"}


@together(
    ("node", "effect", "statuses", "problem"),
    [
        (BLOCK, "action block", 403, ""),
        (BLOCK | {"enabled": False}, "", None, ""),
        (BLOCK | {"paused": True}, "", None, ""),
        (BLOCK | {"status": "disabled"}, "", None, ""),
        (BLOCK | {"status": "active", "enabled": True, "paused": False}, "action block", 403, ""),
        (BLOCK | {"action": "skip"}, "", None, ""),
        (BLOCK | {"action": "log", "action_parameters": {"cache": True}}, "", None, ""),
        (BLOCK | {"action": "unheard_of"}, "", None, "action `unheard_of`"),
        (
            BLOCK | {"ratelimit": {"requests_per_period": 5, "period": 10}},
            "rate limit 5 per 10 s, action block",
            429,
            "",
        ),
        (
            BLOCK | {"action": {"mode": "ban"}, "threshold": 9, "period": 60},
            "rate limit 9 per 60 s, action ban",
            429,
            "",
        ),
        (
            BLOCK
            | {"action": "set_config", "action_parameters": {"security_level": "high", "polish": "off"}},
            "security_level high",
            None,
            "",
        ),
        (BLOCK | {"action": "set_config", "action_parameters": {"security_level": "low"}}, "", None, ""),
        (
            BLOCK | {"action": "set_config", "action_parameters": {"novel": 1}},
            "",
            None,
            "setting `novel`",
        ),
        (BLOCK | {"action": "redirect"}, "action redirect", 302, ""),
        (
            page_rule({"id": "cache_level", "value": "cache_everything"}),
            "cache_level cache_everything",
            None,
            "",
        ),
        (page_rule({"id": "cache_level", "value": "bypass"}), "", None, ""),
        # The standard level, which caches no path without a file's ending.
        (page_rule({"id": "cache_level", "value": "aggressive"}), "", None, ""),
        (page_rule({"id": "browser_cache_ttl", "value": 60}), "", None, ""),
        (page_rule({"id": "always_use_https"}), "always_use_https True", None, ""),
        (page_rule({"id": "always_use_https", "value": "off"}), "", None, ""),
        (page_rule({"id": "forwarding_url", "value": "x"}), "forwarding_url x", 301, ""),
        ({"id": "proxy_read_timeout", "value": 5}, "proxy_read_timeout 5 s", None, ""),
        ({"id": "security_level", "value": "under_attack"}, "security_level under_attack", None, ""),
    ],
)
def test_what_a_rule_does_to_a_request(node, effect, statuses, problem):
    rule = rule_of(node)
    assert (rule.effect, rule.problem) == (effect, problem)
    assert rule.statuses == () if statuses is None else statuses in rule.statuses


@together(
    ("node", "holds"),
    [
        (BLOCK, True),
        (BLOCK | {"expression": 'http.request.uri.path eq "/other"'}, False),
        (BLOCK | {"expression": 'http.request.method eq "POST"'}, False),
        (
            BLOCK | {"expression": 'ends_with(http.request.uri.path, "lth") and not http.host contains "x."'},
            True,
        ),
        (BLOCK | {"expression": 'http.request.uri.path in {"/health" "/else"}'}, True),
        (BLOCK | {"expression": 'http.request.uri.path wildcard "/HEALTH*"'}, True),
        ({"action": "block", "filter": {"expression": 'http.request.uri.path eq "/health"'}}, True),
        (BLOCK | {"expression": "cf.bot_management.score lt 30"}, None),
        (page_rule({"id": "waf", "value": "on"}), True),
        (page_rule({"id": "waf", "value": "on"}, pattern="https://api.example.com/*"), True),
        (page_rule({"id": "waf", "value": "on"}, pattern="www.example.com/*"), False),
        (page_rule({"id": "waf", "value": "on"}, pattern="/health*"), True),
        (page_rule({"id": "waf", "value": "on"}, pattern="/jobs*"), False),
        ({"action": "ban", "match": {"request": {"url": "*example.com/health*", "methods": ["GET"]}}}, True),
        ({"action": "ban", "match": {"request": {"url": "*example.com/health*", "methods": ["PUT"]}}}, False),
        ({"action": "ban", "match": {"request": {"url": "*/health*", "methods": ["_ALL_"]}}}, True),
    ],
)
def test_the_requests_that_a_rule_matches(node, holds):
    rule = rule_of(node)
    assert rule.concerns(REQUEST).holds is holds


def test_a_plain_list_of_paths_is_a_rule_if_it_has_an_action():
    rule = rule_of({"action": "block", "paths": ["/health", "/jobs"]})
    assert rule.condition == "/health or /jobs"
    assert rule.concerns(request_fields({"path": "/health"})).holds is True
    assert rule_of({"paths": ["/health"]}) is None


def test_what_the_log_does_not_hold_stays_open():
    rule = rule_of(page_rule({"id": "waf", "value": "on"}))
    answer = rule.concerns(request_fields({"path": "/health", "method": "GET"}))
    assert (answer.holds, answer.unknown) == (None, frozenset({"http.host"}))
    limited = rule_of({"action": "ban", "match": {"request": {"url": "/health*", "methods": ["GET"]}}})
    assert limited.concerns(request_fields({"path": "/health"})).unknown == {"http.request.method"}


def test_an_expression_that_cannot_be_read_is_kept_and_named():
    rule = rule_of(BLOCK | {"expression": "http.host eq", "description": "night watch"})
    assert (rule.concerns, rule.label, rule.effect) == (None, "night watch", "action block")
    assert rule.problem.endswith("in `http.host eq`")


def test_rules_stand_in_the_order_of_the_export_and_torn_ones_are_left_out():
    rows = [
        {"file": file, "path": f"result.{place}.{name}", "value": json.dumps(value)}
        for file in ("b.json", "a.json")
        for place, expression in ((1, "true"), (0, "false"))
        for name, value in (("expression", expression), ("action", "block"))
    ]
    torn = {"targets.0.constraint.value": 5, "targets.1.constraint": "x", "actions.0.id": "waf"}
    rows += [{"file": "c.json", "path": name, "value": json.dumps(value)} for name, value in torn.items()]
    found = edge_rules_of(pd.DataFrame(rows))
    assert [(one.file, one.condition) for one in found] == [
        ("b.json", "true"),
        ("b.json", "false"),
        ("a.json", "true"),
        ("a.json", "false"),
    ]


def test_another_name_for_the_origin_is_reported():
    node = BLOCK | {"action": "route", "action_parameters": {"host_header": "inner.example.com"}}
    assert rule_of(node).host == "inner.example.com"
    assert rule_of(node | {"enabled": False}).host == ""
    assert (
        rule_of(page_rule({"id": "host_header_override", "value": "b.example.com"})).host == "b.example.com"
    )


def test_the_fields_of_a_request_are_those_that_are_known():
    fields = request_fields({"path": "/a/b.PNG", "uri": "/a/b.PNG?q", "user_agent": "", "host": None})
    assert fields["http.request.uri.path.extension"] == "png"
    assert fields["http.request.uri.query"] == "q"
    assert not {"http.host", "http.user_agent", "ip.src"} & set(fields)
    assert request_fields({"path": "/a", "uri": "/a"})["http.request.uri.path.extension"] == ""

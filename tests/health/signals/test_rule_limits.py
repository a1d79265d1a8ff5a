"""What configurations do to the affected paths alone, from literal locations."""

import json

import pandas as pd
from worlds.health_literal import HEALTH, JOBS, USUAL, context, request, seen
from worlds.health_world import _directives
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.health.configuration import (
    Routes,
    differences,
    handlers_table,
    resolved_names,
    routes,
    settings_by_path,
)
from watchme_analysis.health.signals.rules import edge_rules, limits_in_force, nginx_rules, place_of
from watchme_analysis.schema import conform, empty
from watchme_analysis.text.message import Choice
from watchme_analysis.text.render import label

BAD = [request(21 + number, bad=True, nginx_status=502.0) for number in range(6)]
CALM = [request(21 + number, JOBS) for number in range(6)]
PASS = f"http://{USUAL}"


def located(mine, rest=None, layer="nginx"):
    """The directives of an exact location of the health check beside that of all paths."""
    places = [("/", {"proxy_pass": PASS} | (rest or {}))]
    if mine is not None:
        places.append((f"= {HEALTH}", {"proxy_pass": PASS} | mine))
    return _directives(tuple(places), ()) if layer == "nginx" else _directives((), tuple(places))


def rule(detector, conf, requests=(*BAD, *CALM), **more):
    return seen(detector, context(*requests, config_directives=conf, **more))


def of_nginx(mine, rest=None):
    return rule(nginx_rules, located(mine, rest)).get("nginx_rule")


def test_a_setting_that_harms_one_location_alone_is_named():
    one = of_nginx({"limit_req": "zone=peer"})
    said = messages_in(one.statement)
    assert said["health-nginx-rule"] == {"paths": [HEALTH]}
    assert said["health-rule-nginx-location"] == {
        "location": f"location = {HEALTH}", "settings": ["health-setting"],
    }  # fmt: skip
    assert said["health-setting"] == {"setting": "limit_req zone=peer"}
    assert messages_in(one.detail)["health-rule-nginx-location"] == said["health-rule-nginx-location"]
    # The rows are those of Nginx's configuration: http, server, two locations and three settings.
    assert (one.table, one.rows, one.sql) == (
        "config_directives", 7, "select * from config_directives where layer = 'nginx'",
    )  # fmt: skip
    shorter = messages_in(of_nginx({"proxy_read_timeout": "1s"}, {"proxy_read_timeout": "60s"}).detail)
    assert shorter["health-setting-elsewhere"] == {"setting": "proxy_read_timeout 1s", "other": "60s"}


@together(
    "setting",
    [
        "return 503",
        "deny all",
        "limit_conn peer 1",
        "limit_rate 1k",
        "auth_request /x",
        "root /x",
        "send_timeout 1s",
    ],
)
def test_directives_that_fail_or_delay_requests(setting):
    name, _, value = setting.partition(" ")
    assert messages_in(of_nginx({name: value}).detail)["health-setting"] == {"setting": setting}


@together("setting", ["proxy_buffering off", "proxy_cache on", "proxy_http_version 1.1"])
def test_directives_that_do_not(setting):
    name, _, value = setting.partition(" ")
    assert of_nginx({name: value}) is None


def test_another_address_path_or_protocol_is_named():
    other = messages_in(of_nginx({"proxy_pass": "http://192.0.2.99:9"}).detail)
    assert other["health-setting-elsewhere"] == {"setting": "proxy_pass http://192.0.2.99:9", "other": PASS}
    # The same address under another path may be another resource.
    inner = messages_in(of_nginx({"proxy_pass": f"{PASS}/other"}).detail)
    assert inner["health-setting-asks-for"] == {"setting": f"proxy_pass {PASS}/other", "path": "/other"}
    tls = messages_in(of_nginx({"proxy_pass": f"https://{USUAL}"}).detail)
    assert tls["health-setting-elsewhere"] == {"setting": f"proxy_pass https://{USUAL}", "other": PASS}


def test_a_configuration_that_treats_all_paths_alike_is_plain():
    one = rule(nginx_rules, located(None))["nginx_plain"]
    assert messages_in(one.statement) == {"health-nginx-plain": {"paths": [HEALTH]}}
    assert (one.table, one.rows) == ("config_directives", 4)
    # Where half of the bad requests ended at a time limit, or no other path did well, nothing is known.
    late = [*BAD[:3], *(request(30 + number, bad=True) for number in range(3))]
    assert rule(nginx_rules, located(None), (*late, *CALM)) == {}
    assert "nginx_plain" in rule(nginx_rules, located(None), (*BAD[:4], *late[3:], *CALM))
    assert rule(nginx_rules, located(None), BAD) == {}
    assert rule(nginx_rules, located(None, layer="edge")) == {}


def of_edge(mine, rest=None, requests=(*BAD, *CALM)):
    return rule(edge_rules, located(mine, rest, "edge"), requests).get("edge_rule")


def test_a_setting_of_the_edge_that_harms_one_location_alone_is_named():
    one = of_edge({"limit_rate": "1k"})
    said = messages_in(one.statement)
    assert said["health-edge-rule"] == {"paths": [HEALTH]}
    assert said["health-rule-edge-location"]["location"] == f"location = {HEALTH}"
    assert said["health-setting"] == {"setting": "limit_rate 1k"}
    assert (one.table, one.rows, one.sql) == (
        "config_directives", 7, "select * from config_directives where layer = 'edge'",
    )  # fmt: skip
    limit = messages_in(of_edge({"proxy_read_timeout": "1s"}).detail)
    assert limit["health-setting-elsewhere"] == {
        "setting": "proxy_read_timeout 1s", "other": "health-setting-default",
    }  # fmt: skip
    stated = messages_in(of_edge({"proxy_read_timeout": "1s"}, {"proxy_read_timeout": "9s"}).detail)
    assert stated["health-setting-elsewhere"]["other"] == "9s"
    tries = messages_in(of_edge({"proxy_next_upstream_tries": "1"}).detail)
    assert tries["health-setting"] == {"setting": "proxy_next_upstream_tries 1"}
    moved = messages_in(of_edge({"proxy_pass": "http://192.0.2.99:9"}).detail)
    assert moved["health-setting"] == {"setting": "proxy_pass http://192.0.2.99:9"}
    # The same address is no harm, and a missing setting is none.
    assert of_edge({}) is None
    assert of_edge({}, {"limit_rate": "1k"}) is None
    plain = rule(edge_rules, located(None, layer="edge"))["edge_plain"]
    assert (messages_in(plain.statement), plain.rows) == ({"health-edge-plain": {"paths": [HEALTH]}}, 4)
    assert rule(edge_rules, located(None, layer="edge"), BAD) == {}
    # No location of the edge serves the affected path.
    assert set(rule(edge_rules, _directives((), (("/other", {"limit_rate": "1k"}),)))) == {"edge_plain"}


def test_a_cache_of_the_edge_harms_by_its_lock_and_by_what_it_keeps():
    def said(**settings):
        one = of_edge({"proxy_cache": "on"} | settings)
        return one and messages_in(one.detail)

    assert said(proxy_cache_lock="on")["health-setting-cache-lock"] == {
        "lock": "proxy_cache_lock_timeout 5s", "valid": "proxy_cache_valid",
    }  # fmt: skip
    timed = said(proxy_cache_lock="on", proxy_cache_lock_timeout="9s")
    assert timed["health-setting-cache-lock"]["lock"] == "proxy_cache_lock_timeout 9s"
    assert said(proxy_cache_lock="off") is None
    assert said(proxy_cache_lock="on", proxy_cache_valid="200 1m") is None
    for kept in ("any 1m", "404 1m", "502 1m"):
        assert said(proxy_cache_valid=kept)["health-setting-cache-errors"] == {
            "setting": f"proxy_cache_valid {kept}"
        }
    assert said(proxy_cache_valid="301 1m") is None
    assert said(proxy_ignore_headers="Cache-Control")["health-setting-cache-ignores"] == {
        "setting": "proxy_ignore_headers Cache-Control"
    }
    assert of_edge({"proxy_cache": "off", "proxy_cache_valid": "any 1m"}) is None


def test_without_a_limit_nginx_can_not_have_responded_with_503():
    def free(count, conf=None, others=0):
        rows = [request(21 + number, bad=True, nginx_status=503.0) for number in range(count)]
        rows += [request(21.5 + number, bad=True, nginx_status=500.0) for number in range(others)]
        return rule(limits_in_force, located(None) if conf is None else conf, rows).get("no_limit_in_force")

    one = free(6)
    assert messages_in(one.statement) == {"health-no-limit-in-force": {"paths": [HEALTH], "count": 6}}
    assert (one.table, one.rows, one.strength) == ("config_directives", 4, 1.0)
    assert free(3, others=1).strength == 0.75
    assert free(2) is None
    assert free(6, located(None, {"limit_req": "zone=peer"})) is None
    assert free(6, located(None, {"error_page": "502 /x"})) is None
    assert free(6, located(None, layer="edge")) is None


def test_the_location_of_the_affected_path_serves_none_that_did_well():
    def place(conf):
        found = place_of(context(*BAD, *CALM, config_directives=conf))
        return found and found.label

    assert place(located({})) == f"location = {HEALTH}"
    assert place(located(None)) is None
    assert place(located(None, layer="edge")) is None


def test_locations_differ_by_their_relevant_settings():
    nginx, edge = routes(located({"limit_rate": "1k", "access_log": "off"}, {"send_timeout": "9s"}))
    mine, other = nginx.serving(HEALTH), nginx.serving(JOBS)
    assert (mine.label, mine.modifier, mine.addresses) == (f"location = {HEALTH}", "=", (USUAL,))
    assert (other.label, other.modifier) == ("location /", "")
    assert mine.value("limit_rate") == "1k" and mine.value("send_timeout") is None
    assert set(mine.own) == {"proxy_pass", "limit_rate"}
    assert "access_log" not in mine.settings
    assert differences(mine, other) == {"limit_rate": ("1k", None), "send_timeout": (None, "9s")}
    assert nginx.wider(HEALTH).number == other.number
    assert nginx.wider(JOBS) is None
    assert bool(nginx) and not edge
    assert edge.passed_as([HEALTH]) == {}
    assert nginx.passed_as([HEALTH, JOBS]) == {HEALTH: HEALTH, JOBS: JOBS}
    assert isinstance(edge, Routes) and edge.serving(HEALTH) is None


def test_names_of_upstreams_are_resolved_by_requests_or_start_commands():
    conf = _directives((("/", {"proxy_pass": "http://svc:8100"}),), ())
    nginx, _ = routes(conf)
    log = conform("access_log", pd_frame([(JOBS, "192.0.2.209:8100"), (HEALTH, "192.0.2.209:8100")]))
    none = empty("app_processes")
    assert resolved_names(nginx, [log], none) == {"svc:8100": "192.0.2.209:8100"}
    # Two addresses, another port, or the name itself tell nothing.
    two = conform("access_log", pd_frame([(JOBS, "192.0.2.209:8100"), (HEALTH, "192.0.2.208:8100")]))
    assert resolved_names(nginx, [two], none) == {}
    for address in ("192.0.2.209:1", "svc:8100"):
        assert resolved_names(nginx, [conform("access_log", pd_frame([(JOBS, address)]))], none) == {}
    process = [{"file": "c", "line": 1, "service": "svc", "addr": "192.0.2.207"}]
    started = context(app_processes=process).table("app_processes")
    assert resolved_names(nginx, [], started) == {"svc:8100": "192.0.2.207:8100"}
    assert resolved_names(nginx, [log], started) == {"svc:8100": "192.0.2.209:8100"}
    plain, _ = routes(located(None))
    assert resolved_names(plain, [log], none) == {}


def pd_frame(rows):
    return pd.DataFrame([{"file": "a.log", "path": path, "upstream_addr": address} for path, address in rows])


def test_settings_of_paths_stand_side_by_side():
    conf = located({"limit_rate": "1k", "proxy_read_timeout": "5s"}, {"proxy_connect_timeout": "60s"})
    frame = settings_by_path(conf, [HEALTH, JOBS])
    own = label("directive-default", "en", value="60s")
    off = label("directive-default", "en", value="off")
    names = [label(f"directive-{name}", "en") for name in ("served-by", "asks", "as")]
    rows = frame.drop(columns=["layer", "line"]).astype(object).where(lambda part: part.notna(), None)
    assert rows.values.tolist() == [
        [names[0], True, f"location = {HEALTH}", "location /"],
        [names[1], False, USUAL, USUAL],
        [names[2], False, HEALTH, JOBS],
        ["limit_rate", True, "1k", None],
        ["proxy_cache", False, off, off],
        # What is set to Nginx's own value is the same as what is not set.
        ["proxy_connect_timeout", False, own, "60s"],
        ["proxy_read_timeout", True, "5s", own],
    ]
    assert set(frame["layer"]) == {"nginx"}
    assert set(frame["line"]) == {"nginx.conf:6, nginx.conf:3"}
    assert settings_by_path(conf[:0], [HEALTH]).empty


def calls(*rows):
    base = {"file": "app.py", "function": "f", "kind": "blocking_io", "reached_from": "GET /health"}
    return conform("app_calls", pd.DataFrame([base | {"context": "event_loop"} | row for row in rows]))


def test_handlers_name_their_six_nearest_blocking_calls():
    handlers = conform(
        "app_handlers",
        pd.DataFrame(
            [{"file": "app.py", "line": 9, "function": "health", "method": "GET", "path": "/health",
              "is_async": True, "runs_on": "event_loop", "background_tasks": json.dumps(["mail", "log"])}]
        ),
    )  # fmt: skip
    rows = [
        {"call": f"c{number}", "line": number, "chain": json.dumps(["f"] * (9 - number))}
        for number in range(8)
    ]
    (row,) = handlers_table(handlers, calls(*rows, {"call": "sleep", "kind": "async_wait"})).to_dict(
        "records"
    )
    assert row["route"] == "GET /health" and row["function"] == "health (app.py:9)"
    assert row["written_as"] == "async def"
    named = row["in_answer"].split("; ")
    # The shortest chain of calls first.
    nearest = [text.split(" ")[0] for text in named if text.startswith("c")]
    assert nearest == ["c7", "c6", "c5", "c4", "c3", "c2"]
    assert named[-1] == label("calls-more", "en", calls=2)
    none = ", ".join(label("call-none-blocks", "en", task=task) for task in ("mail", "log"))
    assert row["in_background"] == none
    limited = calls({"call": "get", "line": 3, "timeout_s": 2.5, "context": "background_thread_pool"})
    (row,) = handlers_table(handlers, limited).to_dict("records")
    said = row["in_background"]
    assert said.startswith("get (") and "2.5" in said and "app.py:3" in said
    assert row["in_answer"] == ""
    assert handlers_table(handlers[:0], limited).empty


def test_a_limit_is_told_with_its_rate_its_key_and_what_becomes_of_the_rest():
    zone = [
        ("nginx", 90, 0, "limit_req_zone", ["$binary_remote_addr", "zone=peer:1m", "rate=5r/s"]),
    ]  # fmt: skip

    def told(setting):
        table = located({"limit_req": setting}).to_dict("records") + [
            {"file": "nginx.conf", "line": 9, "layer": layer, "id": number, "parent": parent,
             "directive": name, "args": json.dumps(args), "block": False}
            for layer, number, parent, name, args in zone
        ]  # fmt: skip
        conf = conform("config_directives", pd.DataFrame(table))
        frame = settings_by_path(conf, [HEALTH, JOBS]).set_index("setting")
        return frame.loc["limit_req", HEALTH]

    key = label("directive-limit-key", "en", key="$binary_remote_addr")

    def rate(how, burst):
        return label("directive-rate", "en", rate="5", key=key, how=Choice(how), burst=burst)

    assert told("zone=peer burst=10") == rate("delayed", "10")
    assert told("zone=peer burst=10 nodelay") == rate("refused", "10")
    assert told("zone=peer") == rate("refused", "0")
    unknown = label("directive-limit-zone", "en", zone="none")
    assert told("zone=none") == label(
        "directive-rate", "en", rate="?", key=unknown, how=Choice("refused"), burst="0"
    )

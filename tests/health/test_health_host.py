"""An edge that asks Nginx for a name that callers don't use: Nginx answers by itself, and is not at fault."""

import json

import pandas as pd
import pytest
from worlds.health_world import USUAL, Signals, case, give, in_fault, moment, without
from worlds.messages import messages_in

from watchme_analysis.files.json_values import flatten
from watchme_analysis.schema import conform

CALLED, GIVEN = "api.example.com", "backend.internal"
TO_USUAL = ("/", {"proxy_pass": f"http://{USUAL}"})


def unknown_name(path, second):
    return {"status": 404, "upstream": False}


def directives(given=None):
    """Both configurations: the edge sets a name; Nginx has a server for callers' name and one for others."""
    passes = {"proxy_pass": ["http://192.0.2.1"], "proxy_set_header": ["Host", given]}
    servers = [("edge", None, CALLED, passes)] if given else []
    servers.append(("nginx", None, CALLED, {"proxy_pass": [f"http://{USUAL}"]}))
    servers.append(("nginx", "default_server", "_", {"return": ["404"]}))
    rows = []
    for layer, default, name, settings in servers:
        top, server, place = len(rows), len(rows) + 1, len(rows) + 4
        listen = ["8080", *([default] if default else [])]
        rows += [
            (layer, top, None, "http", [], True),
            (layer, server, top, "server", [], True),
            (layer, server + 1, server, "listen", listen, False),
            (layer, server + 2, server, "server_name", [name], False),
            (layer, place, server, "location", ["/"], True),
        ]
        rows += [
            (layer, place + 1 + n, place, key, args, False) for n, (key, args) in enumerate(settings.items())
        ]
    frame = pd.DataFrame(
        [
            {
                "file": f"{layer}.conf", "line": number + 1, "layer": layer, "id": number, "parent": parent,
                "directive": name, "args": json.dumps(args), "block": block,
            }
            for layer, number, parent, name, args, block in rows
        ]
    )  # fmt: skip
    return conform("config_directives", frame)


def exported(made, given, condition):
    """Put a rule into the edge's export that sets a name, as a zone's origin rules do."""
    rule = {"action": "route", "expression": condition, "action_parameters": {"host_header": given}}
    rows = [
        {"file": "rules.json", "path": path, "value": value} for path, value in flatten({"rules": [rule]})
    ]
    give(made, "edge_settings", rows)


def refused(given=None, logged=None, rule=None, missing=()):
    made = case(unknown_name, nginx=(TO_USUAL,))
    made.table("edge_log")["host"] = CALLED
    if given:
        made.frames["config_directives"] = directives(given)
    if rule:
        made.frames["config_directives"] = directives()
        exported(made, *rule)
    if logged:
        log = made.table("access_log")
        waits = [in_fault((at - moment(0)).total_seconds()) for at in log["time"]]
        log["host"] = pd.Series([logged if bad else CALLED for bad in waits], index=log.index, dtype="string")
    return Signals(without(made, *missing))


ALWAYS, NEVER = "true", 'http.request.uri.path eq "/elsewhere"'


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    "evidence",
    [
        {"given": GIVEN},
        {"logged": GIVEN},
        {"rule": (GIVEN, ALWAYS)},
        {"rule": (GIVEN, ALWAYS), "logged": GIVEN, "missing": ("edge_log",)},
    ],
)
def test_an_edge_that_asks_for_another_name_is_accused(evidence):
    said = messages_in(refused(**evidence)["edge_wrong_host"].detail)
    assert said["health-edge-wrong-host-detail"]["given"] == GIVEN


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    "evidence",
    [
        {"given": "$host"},
        {"given": CALLED},
        {"logged": CALLED},
        {"rule": (CALLED, ALWAYS)},
        {"rule": (GIVEN, NEVER)},
        {"rule": (GIVEN, NEVER), "logged": GIVEN, "missing": ("edge_log",)},
    ],
)
def test_an_edge_that_asks_for_the_callers_name_is_not(evidence):
    assert "edge_wrong_host" not in refused(**evidence)

"""Servers of an upstream that its configuration takes out of use."""

import json

import pytest
from worlds.health_world import HEALTH, USUAL, case, give, investigate
from worlds.messages import messages_in

from watchme_analysis.health import diagnosis as health

BACKUP = "192.0.2.99:8100"


def passed_to(*servers, answering):
    """No server of the group is left but for a try at the backup now and then; or that one answers late."""
    gone = {"status": 502, "header_s": 0.0, "error": "no_live_upstream", "address": "api"}
    tried = {"status": 502, "header_s": 0.0, "error": "upstream_refused", "address": BACKUP}

    def fate(path, second):
        if path != HEALTH:
            return None
        return tried | {"status": 200, "header_s": 2.0} if answering else gone if second % 10 > 1 else tried

    made = case(fate)
    log = made.table("access_log")
    if answering:
        log.loc[log["path"].eq(HEALTH), "upstream_addr"] = BACKUP
    rows = [
        (0, None, "http", [], True), (1, 0, "upstream", ["api"], True),
        *((2 + number, 1, "server", words, False) for number, words in enumerate(servers)),
        (10, 0, "server", [], True), (11, 10, "location", ["/"], True),
        (12, 11, "proxy_pass", ["http://api"], False),
    ]  # fmt: skip
    names = ("id", "parent", "directive", "args", "block")
    directives = [dict(zip(names, row, strict=True)) for row in rows]
    where = {"file": "nginx.conf", "layer": "nginx"}
    give(
        made,
        "config_directives",
        [where | row | {"line": row["id"] + 1, "args": json.dumps(row["args"])} for row in directives],
    )
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("servers", "answering", "is_seen"),
    [
        ([[USUAL, "down"], [BACKUP, "backup"]], False, True),
        ([[USUAL], [BACKUP, "backup"]], False, False),
        ([[USUAL, "down"], [BACKUP, "backup"]], True, False),
    ],
)
def test_a_server_that_is_marked_down_is_at_fault_where_none_of_the_others_serves(
    servers, answering, is_seen
):
    inv = investigate(passed_to(*servers, answering=answering))
    outcomes = {one.signal for one in inv.once(health.observed)}
    assert ("server_down" in outcomes) is is_seen
    said = health.diagnose(inv)
    if is_seen:
        assert said.cause == "nginx_config"
        assert messages_in(said.ranking[0].finding.detail)["health-server-down"]["servers"] == [USUAL]

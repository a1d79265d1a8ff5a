"""Servers of an upstream that its configuration takes out of use."""

import json

import pytest
from worlds.health_constructed import DEAD, server_marked_down
from worlds.health_scenarios import on
from worlds.health_world import HEALTH, USUAL, Signals, case
from worlds.messages import messages_in


@pytest.mark.slow
def test_a_server_that_is_marked_down_is_at_fault_where_none_of_the_others_serves():
    made = server_marked_down()
    directives = made.table("config_directives")
    said = messages_in(Signals(made)["server_down"].detail)
    assert said["health-server-down"]["servers"] == [USUAL]

    late = case(on(HEALTH, header_s=2.0, error="upstream_refused", address=DEAD))
    log = late.table("access_log")
    log.loc[log["path"].eq(HEALTH), "upstream_addr"] = DEAD
    late._frames["config_directives"] = directives
    assert "server_down" not in Signals(late), "the backup serves"

    in_use = directives["args"].where(directives["args"] != json.dumps([USUAL, "down"]), json.dumps([USUAL]))
    made._frames["config_directives"] = directives.assign(args=in_use)
    assert "server_down" not in Signals(made)

"""What single checks see and say, one small world each, for the rarer ways of failing."""

import pytest
from worlds.health_world import (
    FAULT,
    HEALTH,
    Signals,
    case,
    moment,
)
from worlds.messages import messages_in

from watchme_analysis.schema import conform


def to_health(**fate):
    return lambda path, second: fate if path == HEALTH else None


def seen(made):
    """What every check saw, by outcome."""
    return Signals(made)


@pytest.mark.slow
def test_what_ended_after_a_cut_log_of_nginx_did_not_fail_to_arrive_there():
    made = case(to_health(header_s=3.0, status=504))
    log = made.table("access_log")
    made._frames["access_log"] = conform("access_log", log[log["time"] < moment(FAULT[0] + 10)])
    found = seen(made)
    assert "fate_never_arrived" not in found
    assert "edge_passes_on" in found


CACHED = {"proxy_pass": "http://origin.example.com", "proxy_cache": "answers"}


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    ("settings", "message_id", "values"),
    [
        (
            {"proxy_cache_lock": "on"},
            "health-setting-cache-lock",
            {"lock": "proxy_cache_lock_timeout 5s", "valid": "proxy_cache_valid"},
        ),
        (
            {"proxy_cache_valid": "any 1m"},
            "health-setting-cache-errors",
            {"setting": "proxy_cache_valid any 1m"},
        ),
        (
            {"proxy_ignore_headers": "Cache-Control"},
            "health-setting-cache-ignores",
            {"setting": "proxy_ignore_headers Cache-Control"},
        ),
        (
            {"proxy_read_timeout": "2s"},
            "health-setting-elsewhere",
            {"setting": "proxy_read_timeout 2s", "other": "30s"},
        ),
        ({"limit_rate": "10"}, "health-setting", {"setting": "limit_rate 10"}),
    ],
)
def test_what_an_edge_sets_for_the_affected_path_alone_is_named(settings, message_id, values):
    plain = {"proxy_pass": "http://origin.example.com", "proxy_read_timeout": "30s"}
    made = case(to_health(edge_s=4.0), edge=((f"= {HEALTH}", CACHED | settings), ("/", plain)))
    assert messages_in(seen(made)["edge_rule"].statement)[message_id] == values

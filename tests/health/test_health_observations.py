"""What single checks see and say, one small world each, for the rarer ways of failing."""

import pytest
from worlds.health_world import (
    FAULT,
    HEALTH,
    Signals,
    case,
    moment,
)

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
    made.frames["access_log"] = conform("access_log", log[log["time"] < moment(FAULT[0] + 10)])
    found = seen(made)
    assert "fate_never_arrived" not in found
    assert "edge_passes_on" in found

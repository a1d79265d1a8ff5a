"""New connections that alone fare badly, distinguished from a process that is stuck for kept ones as well."""

import pytest
from worlds.health_world import JOBS, case, investigate
from worlds.messages import messages_in

from watchme_analysis.health.context import health_context
from watchme_analysis.health.signals.network import OF_CONNECTING, network, new_connections

IN_VAIN = {"status": 504, "connect_s": 3.0, "error": "upstream_timeout_connect"}
STUCK = {"header_s": 4.0}


def seen(made):
    return {one.signal: one for one in new_connections(investigate(made).once(health_context))}


def requests_of_new_connections(others=None):
    """In the fault half of the requests find no connection; all others go over kept ones."""
    made = case(lambda path, second: IN_VAIN if int(second) % 2 else others)
    log = made.table("app_log")
    log["client_addr"], log["client_port"] = "192.0.2.1", [41000 + line % 4 for line in log["line"]]
    return made


def test_who_has_a_connection_is_answered_while_no_new_one_is_made():
    found = seen(requests_of_new_connections())["new_alone_bad"]
    assert messages_in(found.statement)["health-new-alone-bad"]["bad_kept"] == 0
    assert found.effect == pytest.approx(1.0)
    assert found.sql.startswith("select * from access_log")


@pytest.mark.slow
def test_connections_that_the_access_log_tells_of_are_not_reported_again_by_the_error_log():
    found = network(investigate(requests_of_new_connections()).once(health_context))
    assert [one.table for one in found if one.signal in OF_CONNECTING] == ["access_log"]


@pytest.mark.slow
@pytest.mark.parametrize("others", [STUCK, {"status": 502}])
def test_kept_connections_that_fare_badly_too_say_nothing_of_opening_one(others):
    assert "new_alone_bad" not in seen(requests_of_new_connections(others))


@pytest.mark.slow
def test_where_the_log_does_not_tell_kept_connections_nothing_is_compared():
    made = requests_of_new_connections()
    log = made.table("app_log")
    log["client_port"] = log["client_port"].where(log["line"] % 3 > 0)
    assert "new_alone_bad" not in seen(made)


@pytest.mark.slow
def test_another_address_that_takes_no_connection_is_not_the_usual_one():
    vain = IN_VAIN | {"address": "192.0.2.99:8100"}
    made = case(lambda path, second: vain if path == JOBS and int(second) % 2 else None)
    log = made.table("app_log")
    log["client_addr"], log["client_port"] = "192.0.2.1", [41000 + line % 4 for line in log["line"]]
    assert "new_alone_bad" not in seen(made)

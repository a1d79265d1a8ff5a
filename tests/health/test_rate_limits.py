"""Limits of Nginx: what they explain, and what they have nothing to do with."""

import pytest
from worlds.health_world import (
    FAULT,
    HEALTH,
    JOBS,
    LENGTH,
    REPORT,
    USUAL,
    Signals,
    case,
    context_of,
    give,
    moment,
)
from worlds.messages import messages_in

from watchme_analysis.health.summary import what_happened

LIMITED = 'limiting requests, excess: 20.100 by zone "search"'
SEARCH = "/api/search"
FLOODER = "192.0.2.250"


def nothing(path, second):
    return None


def flooded(
    made, *, status=503, rate=40, served=2, message=LIMITED, always=False, callers=(FLOODER,), spares=True
):
    """Add a search that is requested once a second, flooded during the fault and limited then."""
    requests, lines, number = [], [], 100_000
    first, last = (0.0, LENGTH) if always else FAULT
    for second in range(int(LENGTH)):
        is_flood = first <= second < last
        for k in range(1 + rate * is_flood):
            number += 1
            refused = k > served or (is_flood and not spares and k == 0)
            end = moment(second + k / (rate + 2))
            caller = callers[k % len(callers)] if k else "192.0.2.101"
            requests.append(
                {
                    "file": "access.log", "line": number, "time": end, "method": "GET", "path": SEARCH,
                    "status": status if refused else 200, "body_bytes": 90, "client_addr": caller,
                    "request_time_s": 0.0 if refused else 0.05,
                    "upstream_response_time_s": None if refused else 0.05,
                    "upstream_addr": None if refused else USUAL,
                    "upstream_status": None if refused else 200,
                }
            )  # fmt: skip
            if refused:
                lines.append(
                    {
                        "file": "error.log", "line": number, "time": end.floor("s"), "level": "error",
                        "kind": "limit_req", "message": message, "path": SEARCH, "client_addr": caller,
                    }
                )  # fmt: skip
    for name, rows in (("access_log", requests), ("error_log", lines)):
        old = made.table(name)
        give(made, name, [*old.to_dict("records"), *rows] if len(old) else rows)
    return made


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(("status", "always"), [(503, False), (429, True)])
def test_a_limit_that_held_back_a_flood_is_no_incident_and_is_reported(status, always):
    found = context_of(flooded(case(nothing), status=status, always=always))
    assert found.incident is None
    reported = messages_in(what_happened(found, None))["health-held-back"]
    assert (reported["path"], reported["statuses"]) == (SEARCH, [str(status)])


@pytest.mark.slow
def test_a_dry_run_of_a_limit_refuses_nothing():
    dry = 'limiting requests, dry run, excess: 20.100 by zone "search"'
    assert context_of(flooded(case(nothing), message=dry)).held_back.empty


@pytest.mark.slow
def test_a_limit_that_refuses_those_who_requested_no_more_than_usual_is_not_spared():
    """The zone counts all callers together, so that the flood takes what the usual caller had."""
    found = context_of(flooded(case(nothing), spares=False))
    assert found.held_back.empty
    assert SEARCH in found.endpoints


@pytest.mark.slow
def test_other_failures_beside_a_limit_that_worked_are_not_its_doing():
    """The service is refused for all other paths, which the limit does not stand over."""

    def down(path, second):
        return {"status": 502, "header_s": 0.001, "error": "upstream_refused", "inside_status": 502}

    seen = Signals(flooded(case(down)))
    assert SEARCH not in seen.found.endpoints
    assert "fate_limited" not in seen


@pytest.mark.slow
@pytest.mark.parametrize(("status", "message"), [(503, None), (429, LIMITED)])
def test_a_limit_that_refuses_the_health_check_is_found(status, message):
    def refused(path, second):
        limited = {"status": status, "upstream": False, "error": "limit_req", "message": message}
        return limited if path == HEALTH else None

    seen = Signals(case(refused))
    assert "fate_limited" in seen
    assert seen.found.endpoints == (HEALTH,)


def test_a_limit_that_leaves_a_path_less_than_its_usual_is_accused():
    """One of four requests passes, of as many as are sent at other times."""
    refused = {"status": 503, "upstream": False, "error": "limit_req", "message": LIMITED}

    def limited(path, second):
        return refused if path in (REPORT, JOBS) and int(4 * second) % 4 else None

    assert "fate_limited" in Signals(case(limited))

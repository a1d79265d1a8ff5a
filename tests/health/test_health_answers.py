"""What the bad answers were, who gave them, and lost packets that hold a process up."""

import pytest
from worlds.health_alike import chance
from worlds.health_world import (
    HEALTH,
    OTHER,
    USUAL,
    Signals,
    case,
    context_of,
    in_fault,
    investigate,
    moment,
)
from worlds.messages import messages_in

from watchme_analysis.health import diagnosis as health
from watchme_analysis.health.missing import missing_evidence
from watchme_analysis.text.render import render


def without_upstreams(made):
    """Nginx's stock log: no upstream, no times."""
    names = ["upstream_addr", "upstream_status", "upstream_response_time_s", "request_time_s"]
    made.table("access_log")[names] = None
    return made


def test_a_refusal_that_the_application_knows_nothing_of_is_nginx_own():
    """503 to callers, at once; the application goes on answering what reaches it."""

    def refused(path, second):
        return {"status": 503, "upstream": False} if path == HEALTH else None

    made = without_upstreams(case(refused))
    assert "health-nginx-alone-detail" in messages_in(Signals(made)["nginx_alone"].detail)
    log = made.table("app_log")
    log.loc[log["time"].map(lambda at: in_fault((at - moment(0)).total_seconds())), "status"] = 503
    assert "nginx_alone" not in Signals(made)


def lossy(backlog):
    """First packets are lost, and each job waits for such in the loop: nothing is answered for long."""

    def lost(path, second):
        turn = int(chance(path, second) * 3)
        if path == OTHER:
            return None
        wait = 6 - second % 6
        return {"connect_s": (1.01, 3.04, 0.0)[turn], "header_s": wait, "inside_s": wait}

    command = "uvicorn app:app --host 0.0.0.0 --port 8100"
    processes = [{"addr": "192.0.2.11", "port": 8100, "command": command, "backlog": backlog}]
    return case(lost, processes=processes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backlog", "outcome"), [(None, "connect_lost"), (64, "connect_lost"), (16, "queue_full")]
)
def test_first_packets_are_lost_where_the_queue_of_connections_had_room(backlog, outcome):
    assert outcome in Signals(lossy(backlog))


@pytest.mark.slow
def test_a_loop_that_lost_packets_hold_up_is_not_accused_but_they_are():
    said = health.diagnose(investigate(lossy(None)))
    assert said.cause == "docker_network"
    assert USUAL in str(messages_in(said.ranking[0].finding.detail))


@pytest.mark.slow
def test_an_error_log_without_errors_is_not_requested():
    made = case(lambda path, second: {"header_s": 2.0 + second % 1} if path == HEALTH else None)
    said = health.diagnose(investigate(made))
    assert not any("error log" in render(item.what) for item in said.missing_evidence)
    assert not any(
        "error_log" in render(text) for entry in said.ranking for text in entry.finding.not_covered
    )
    del made.manifest["tables"]["error_log"]
    assert any("error log" in render(item.what) for item in missing_evidence(context_of(made), {}))

"""What Nginx's notices, ports and paths tell of a configuration that changed when the incident began."""

import pytest
from worlds.health_world import (
    FAULT,
    HEALTH,
    JOBS,
    OTHER,
    REPORT,
    Signals,
    case,
    give,
    investigate,
    moment,
    without,
)

from watchme_analysis.health import diagnosis as health

SERVICE = (HEALTH, JOBS, REPORT)
ELSEWHERE = "192.0.2.11:8071"


def refused(path, _, *, address=None):
    """Connections to the service are refused at once."""
    if path in SERVICE:
        return {"status": 502, "error": "upstream_refused", "header_s": 0.0, "address": address}
    return None


def noticing(made, *seconds, message="reconfiguring"):
    """Add Nginx's notices at some seconds to the error log."""
    errors = made.table("error_log").to_dict("records")
    errors += [
        {
            "file": "error.log", "line": 9000 + number, "time": moment(second), "level": "notice",
            "kind": "reload", "message": message,
        }
        for number, second in enumerate(seconds)
    ]  # fmt: skip
    give(made, "error_log", errors)
    return made


def of_stock_logs(made):
    """The case as Nginx's stock log shows it: no times, upstreams, edge, probes or anything else."""
    thin = without(made, *(set(made.manifest["tables"]) - {"access_log", "error_log"}))
    log = thin.table("access_log")
    log["time"] = log["time"].dt.floor("s")
    log["client_addr"] = [f"192.0.2.{100 + number % 5}" for number in range(len(log))]
    log.loc[:, [name for name in log if name.startswith("upstream_") or name == "request_time_s"]] = None
    log["edge_ray_id"] = None
    return thin


def test_reloads_at_both_ends_of_an_incident_lay_it_at_the_configuration():
    made = noticing(case(refused), FAULT[0], FAULT[1])
    ends = {"reloaded_at_onset", "reloaded_at_end"}
    assert Signals(made).among(*ends) == ends
    said = health.diagnose(investigate(of_stock_logs(made)))
    assert (said.verdict, said.cause, said.extra["layer"]) == ("supported", "nginx_config", "nginx")
    for language in ("en", "ja"):
        remedy = said.to_dict(language)["summary"][2]
        assert "nginx -s reload" in remedy
        assert "*" not in remedy, "its path can be requested"


@pytest.mark.slow
def test_a_log_of_notices_without_a_reload_shows_that_the_configuration_was_the_same():
    made = noticing(case(refused), 1.0)
    assert Signals(made).among("not_reloaded", "reloaded_at_onset") == {"not_reloaded"}
    assert health.diagnose(investigate(of_stock_logs(made))).extra["layer"] == "process"


@pytest.mark.slow
@pytest.mark.parametrize(
    "seconds", [(), range(0, 75, 2)], ids=["a log without notices", "a log with reloads all the time"]
)
def test_what_may_be_chance_or_was_not_logged_says_nothing_of_reloads(seconds):
    made = noticing(case(refused), *seconds)
    assert not Signals(made).among("reloaded_at_onset", "reloaded_at_end", "not_reloaded")


def test_refusals_in_stock_logs_leave_nginx_and_the_process():
    said = health.diagnose(investigate(of_stock_logs(case(refused))))
    assert said.verdict == "inconclusive"
    assert said.extra["layer"] is None
    left = {one["layer"] for one in said.extra["layers"] if one["status"] != "refuted"}
    assert left == {"nginx", "process"}


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(("port", "is_wrong"), [(8100, True), (8071, False)])
def test_a_port_that_no_start_command_names_is_the_wrong_one(port, is_wrong):
    process = {"file": "command.txt", "line": 1, "service": "", "addr": "192.0.2.11", "port": port}
    made = case(lambda path, second: refused(path, second, address=ELSEWHERE), processes=[process])
    assert ("wrong_port" in Signals(made)) == is_wrong


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gone", "keeps_times"),
    [
        ({"status": 504, "error": "upstream_timeout_connect", "connect_s": 6.0}, False),
        ({"status": 502, "error": "upstream_unreachable", "connect_s": 3.0, "header_s": 0.0}, True),
    ],
)
def test_without_connections_the_container_or_its_network_may_be_gone(gone, keeps_times):
    made = case(lambda path, _: gone if path in SERVICE else None)
    log = made.table("access_log")
    log.loc[log["status"] >= 500, "upstream_connect_time_s"] = None
    assert "none_connected" in Signals(made)
    alone = ("edge_log", "probes", "app_log", "host_metrics")
    thin = without(made, *alone) if keeps_times else of_stock_logs(made)
    said = health.diagnose(investigate(thin))
    statuses = {one["layer"]: one["status"] for one in said.extra["layers"]}
    assert "refuted" not in (statuses["network"], statuses["process"])
    assert said.extra["layer"] is None


@pytest.mark.slow
def test_services_without_known_upstreams_are_distinguished_by_their_health_checks():
    made = of_stock_logs(case(refused))
    assert "all_paths" in Signals(made)
    log = made.table("access_log")
    log["path"] = log["path"].where(log["path"] != OTHER, "/neighbour/report")
    assert "all_paths" not in Signals(made), "the service of that route is unknown"

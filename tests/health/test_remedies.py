"""Remedies of causes: each names what was observed, in both languages."""

import pytest
from worlds.health_constructed import (
    another_name_for_nginx,
    another_path_for_nginx,
    connections_kept_for_too_long,
    container_created_anew,
    dead_server_beside_a_good_one,
    disk_without_space,
    edge_that_distrusts_nginx,
    edge_without_patience,
    header_too_big,
    host_that_the_application_refuses,
    listening_on_loopback,
    memory_grown_without_a_limit,
    no_common_network,
    no_connections_left,
    origin_of_its_own,
    pool_of_connections,
    port_published_no_more,
    server_marked_down,
    tls_to_a_plain_port,
)
from worlds.health_scenarios import (
    cpu_held,
    edge_holds,
    edge_refuses,
    flood,
    host_out_of_cpu,
    nginx_gives_up,
    nginx_misdirects,
    nginx_refuses,
    packets_lost,
    process_down,
    slow_dependency,
)
from worlds.health_world import HEALTH, USUAL, Signals

from watchme_analysis.health.detectors import health_causes
from watchme_analysis.health.summary import OF_CASE, remedy_in
from watchme_analysis.inference.findings import Diagnosis, Evidence, Finding, Ranked
from watchme_analysis.text.catalogue import catalogue
from watchme_analysis.text.message import sentences
from watchme_analysis.text.render import placeholders, render

CAUSES = {one.cause: one for one in health_causes()}


REMEDIES = [
    (nginx_refuses, "nginx_config", "fate_limited", [HEALTH, "nginx -s reload"]),
    (no_connections_left, "nginx_config", "nginx_short_of", ["`worker_connections`"]),
    (nginx_misdirects, "nginx_config", "moved_upstream", [USUAL, "198.51.100.9:8017"]),
    (server_marked_down, "nginx_config", "server_down", [USUAL, "`down`"]),
    (dead_server_beside_a_good_one, "nginx_config", "dead_server", ["192.0.2.99:8100"]),
    (connections_kept_for_too_long, "nginx_config", "keepalive_race", ["keepalive_timeout", "60"]),
    (
        container_created_anew,
        "nginx_config",
        "stale_address",
        [USUAL, "`nginx -t && nginx -s reload`", "`resolver`"],
    ),
    (header_too_big, "nginx_config", "header_too_big", ["`proxy_buffer_size 16k`", HEALTH]),
    (tls_to_a_plain_port, "nginx_config", "fate_tls_failed", [f"`location = {HEALTH}`", "`proxy_ssl_name`"]),
    (edge_that_distrusts_nginx, "nginx_config", "fate_edge_tls_failed", ["`ssl_certificate`"]),
    (nginx_gives_up, "nginx_config", "nginx_impatient", ["`proxy_read_timeout`", "900"]),
    (another_name_for_nginx, "nginx_config", "fate_nginx_responded", ["404", "`return, try_files, root`"]),
    (host_that_the_application_refuses, "nginx_config", "nginx_mangles", ["`proxy_set_header Host`", "400"]),
    (origin_of_its_own, "edge_config", "fate_sent_elsewhere", ["192.0.2.1", "198.51.100.9", HEALTH]),
    (another_name_for_nginx, "edge_config", "edge_wrong_host", ["backend.internal", "api.example.com"]),
    (another_path_for_nginx, "edge_config", "edge_renames", ["/state/healthz", HEALTH]),
    (edge_without_patience, "edge_config", "edge_impatient", ["1.5"]),
    (edge_refuses, "edge_config", "fate_edge_responded", ["403", HEALTH]),
    (edge_holds, "edge_config", "fate_held_by_edge", [HEALTH]),
    (port_published_no_more, "docker_network", "not_published", ["8100", "docker compose up -d api"]),
    (no_common_network, "docker_network", "networks_apart", ["api", "gate", "`networks:`"]),
    (listening_on_loopback, "docker_network", "listens_locally", ["`--host 0.0.0.0`"]),
    (
        packets_lost,
        "docker_network",
        None,
        ["docker restart", "`nginx -s reload`", f"http://{USUAL}{HEALTH}"],
    ),
    (pool_of_connections, "app_saturation", "connections_full", ["`asyncpg.create_pool`", "5", "app.py:4"]),
    (memory_grown_without_a_limit, "app_saturation", "memory_full", ["`mem_limit`"]),
    (host_out_of_cpu, "app_saturation", "host_cpu_full", ["`docker stats --no-stream`"]),
    (cpu_held, "app_saturation", "cpu_held", ["4%", "`cpus`"]),
    (disk_without_space, "app_saturation", "disk_full", ["`df -h`"]),
    (process_down, "app_down", None, ["docker compose up -d"]),
    (slow_dependency, "dependency_slow", "callers_wait", ["`httpx.AsyncClient().get`", "app.py:9"]),
    (flood, "traffic_surge", "arrivals_up", ["192.0.2.66", "`limit_req`"]),
]


@pytest.mark.slow(fast=6)
@pytest.mark.parametrize(
    ("build", "cause", "signal", "named"),
    [pytest.param(*row, id=f"{number}-{row[1]}-{row[2]}") for number, row in enumerate(REMEDIES)],
)
def test_a_remedy_names_what_was_observed(build, cause, signal, named):
    seen = Signals(build())
    observations = [
        one for each in CAUSES[cause].remedies for name in each.signals if (one := seen.get(name))
    ]
    assert signal is None or signal in {one.signal for one in observations}
    evidence = [Evidence("", "", 1, 1.0, check=one.signal, signal=one.signal) for one in observations]
    ranking = (Ranked(Finding(cause, tuple(evidence)), 1.0, "supported"),)
    found = Diagnosis("health", "", "supported", cause, 1.0, None, None, ranking, {})
    remedy = remedy_in(seen.found, found, CAUSES[cause], observations)
    for language in ("en", "ja"):
        text = render(sentences(remedy.title, remedy.text), language)
        assert [words for words in named if words not in text] == [], text
        assert not placeholders(text)


def test_only_a_changed_start_command_recreates_a_container():
    """Nobody's address gets right by it: Nginx has to resolve the name again."""
    for cause in CAUSES.values():
        texts = [((), cause.remedy.text), *((each.signals, each.text) for each in cause.remedies)]
        for signals, text in texts:
            said = render(text, "en")
            assert "--force-recreate" not in said or "listens_locally" in signals, (cause.cause, said)


def test_every_value_that_a_remedy_names_is_stated_somewhere():
    words = catalogue("en")
    stated = {name for each in words.ids if each.startswith("health-") for name in words.names(each)}
    stated |= {"setting", "directives", "limit", "quota", "client", "agent", "route", *OF_CASE}
    for cause in CAUSES.values():
        for remedy in cause.remedies:
            assert placeholders(render(sentences(remedy.title, remedy.text))) <= stated, (
                cause.cause,
                remedy.signals,
            )

"""Lookups that fail, and certificates that are not trusted: which cause they name, without a known line."""

import pytest
from worlds.health_constructed import failing_lookups
from worlds.health_scenarios import on_service
from worlds.health_world import case, investigate, without

from watchme_analysis.health.diagnosis import diagnose

EXPIRED = (
    "upstream SSL certificate verify error: (10:certificate has expired) while SSL handshaking to upstream"
)


def distrusting_edge(status):
    return case(on_service(at_nginx=False, edge_status=status, header_s=0.0))


def resolving(reason):
    message = f"api.internal could not be resolved ({reason})"
    return case(on_service(status=502, upstream=False, error="resolver", message=message))


@pytest.mark.slow(fast=2)
@pytest.mark.parametrize(
    ("made", "cause"),
    [
        (lambda: distrusting_edge(525), "nginx_config"),
        (lambda: failing_lookups("[Errno -2] Name or service not known"), "dependency_slow"),
        (lambda: distrusting_edge(522), "edge_config"),
        (lambda: resolving("2: Server failure"), "docker_network"),
        (lambda: case(on_service(status=502, error="tls", message=EXPIRED)), "nginx_config"),
    ],
)
def test_evidence_of_lookups_and_certificates_names_the_cause(made, cause):
    found = diagnose(investigate(made()))
    assert (found.verdict, found.cause) == ("supported", cause)


def test_unknown_name_accuses_nobody_without_further_evidence():
    """It is wrong in the configuration, or gone with its container."""
    found = diagnose(investigate(without(resolving("3: Host not found"), "probes", "host_metrics")))
    assert found.verdict == "inconclusive"
    assert {entry.finding.cause for entry in found.ranking[:2]} == {"nginx_config", "app_down"}

"""Evidence of probes alone: what failed is stated, and layers are left out by where probes were answered."""

from datetime import UTC, datetime, timedelta

import pytest

from watchme_analysis.services.diagnose import diagnose

START = datetime(2026, 3, 2, 4, tzinfo=UTC)
WELL, LATE, REFUSED = ("200", "0.012", ""), ("", "10.0", "timed out"), ("", "0.001", "Connection refused")
GATEWAY_TIMEOUT, BAD_GATEWAY = ("504", "10.02", ""), ("502", "0.01", "")


@pytest.mark.parametrize(
    ("inside", "outside", "left"),
    [
        (WELL, LATE, {"edge_config", "nginx_config", "docker_network"}),
        (LATE, GATEWAY_TIMEOUT, {"app_event_loop", "app_threadpool", "app_saturation", "dependency_slow"}),
        (REFUSED, BAD_GATEWAY, {"app_down"}),
    ],
)
def test_probes_inside_and_outside_tell_which_side_is_at_fault(tmp_path, inside, outside, left):
    rows = ["timestamp,vantage,path,status,seconds,error"]
    for number in range(180):
        at = (START + timedelta(seconds=10 * number)).isoformat()
        is_bad = 60 <= number < 120
        for vantage, answer in (("inside", inside), ("outside", outside)):
            rows.append(",".join([at, vantage, "/health", *(answer if is_bad else WELL)]))
    (tmp_path / "probes.csv").write_text("\n".join(rows) + "\n")
    found = diagnose("health", tmp_path)
    facts = {one.id: one.value for one in found.facts}
    assert (facts["affected_resource"], facts["failed_requests"]) == (["/health"], 60)
    highest = found.ranking[0].probability
    assert {one.finding.cause for one in found.ranking if one.probability > highest / 2} == left

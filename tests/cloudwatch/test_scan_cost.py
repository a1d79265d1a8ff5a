"""The share of a log group's size that a window is expected to scan."""

from datetime import UTC, datetime, timedelta

import pytest
from worlds.scripted_aws import ScriptedAws

from watchme_analysis.cloudwatch.insights.scan_cost import estimate_scan
from watchme_analysis.errors import ServiceError
from watchme_analysis.window import Window


@pytest.mark.parametrize(
    ("age", "more", "share"),
    [
        (timedelta(days=10), {}, 0.1),
        (timedelta(days=10), {"retentionInDays": 5}, 0.2),
        (timedelta(hours=12), {}, 1.0),
    ],
    ids=["kept for ever", "kept for five days", "younger than the window"],
)
def test_a_window_holds_its_share_of_what_is_kept(age, more, share):
    now = datetime.now(UTC)
    created = (now - age).timestamp() * 1000
    group = {"logGroupName": "/app/a", "creationTime": created, "storedBytes": 1000} | more
    other = {"logGroupName": "/app/a-longer", "creationTime": created, "storedBytes": 7}
    aws = ScriptedAws(
        get_metric_data=[ServiceError("denied")],
        describe_log_groups=[{"logGroups": [other, group]}, {"logGroups": []}],
    )
    _, sizes = estimate_scan(aws, ["/app/a", "/app/missing"], Window(now - timedelta(days=1), now))
    assert sizes == {"/app/a": pytest.approx(1000 * share, rel=0.01), "/app/missing": 0.0}

"""The share of a log group's size that a window is expected to scan."""

from datetime import UTC, datetime, timedelta

import pytest

from watchme_analysis.cloudwatch.insights.scan_cost import _stored_bytes
from watchme_analysis.window import Window


class Groups:
    """Log groups as an account lists them."""

    def __init__(self, *groups):
        self.groups = groups

    def items(self, service, operation, key, **parameters):
        assert (service, operation, key) == ("logs", "describe_log_groups", "logGroups")
        prefix = parameters["logGroupNamePrefix"]
        return [group for group in self.groups if group["logGroupName"].startswith(prefix)]


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
    found = _stored_bytes(
        Groups(other, group), ["/app/a", "/app/missing"], Window(now - timedelta(days=1), now)
    )
    assert found == {"/app/a": pytest.approx(1000 * share, rel=0.01)}

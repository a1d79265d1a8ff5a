"""Arrivals during an incident in contrast to usual ones: a surge begins before the first request fails."""

from types import SimpleNamespace

import pandas as pd
import pytest
from worlds.health_world import moment

from watchme_analysis.health.signals.arrivals import arrivals


def during(start, end, *spans):
    """Return an incident of a service that receives so many requests per second in each span."""
    at = [second + part / rate for a, b, rate in spans for second in range(a, b) for part in range(rate)]
    rows = pd.DataFrame({"nginx_start": [moment(second) for second in at], "route": "/jobs"})
    rows = rows.assign(seen_nginx=True, nginx_file="access.log", nginx_line=range(len(rows)))
    bad = pd.DataFrame({"failed": [True], "bad": [True]})
    return SimpleNamespace(
        joined=rows,
        has=lambda name: name == "access_log",
        upstreams={},
        services=(),
        start=moment(start),
        end=moment(end),
        outer_affected=bad,
    )


@pytest.mark.parametrize(
    ("since", "signal"),
    [
        pytest.param(112, "arrivals_up", id="several lengths of the incident before"),
        pytest.param(136, "arrivals_up", id="one length before"),
        pytest.param(139, "arrivals_up", id="a part of its length before"),
        # A burst that had ended when the incident began does not belong to it.
        pytest.param(None, "arrivals_usual", id="a burst that was over"),
    ],
)
def test_a_short_incident_belongs_to_the_rise_that_led_to_it(since, signal):
    """Where a log has only the ends of requests, failures appear when the flood is over."""
    usual = ((0, 200, 2),)
    rise = ((since, 140, 20),) if since is not None else ((100, 120, 20),)
    assert [one.signal for one in arrivals(during(140, 144, *usual, *rise))] == [signal]

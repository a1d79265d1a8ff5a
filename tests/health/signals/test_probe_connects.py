"""Probes that fare badly from the host and well from inside: the way between is at fault."""

import pandas as pd
import pytest
from worlds.health_world import HEALTH, JOBS, REPORT, USUAL, Signals, case, in_fault, moment
from worlds.messages import messages_in

from watchme_analysis.schema import conform

HANDLERS = [
    {
        "file": "app.py", "line": line, "function": "f", "method": "GET", "path": path.removeprefix("/svc"),
        "runs_on": "event_loop",
    }
    for line, path in enumerate((HEALTH, JOBS, REPORT))
]  # fmt: skip


def stuck(path, second):
    """A narrow link delays answers, and a job that loads over it holds the loop: the inside waits too."""
    if path not in (HEALTH, JOBS, REPORT):
        return None
    wait = 2.0 + (len(path) * 0.37 + second * 1.7) % 2.9
    return {"header_s": wait, "inside_s": wait}


def probed(host_s, inside_s):
    """The world with host probes whose connects, and those from inside, take so long in the fault."""
    made = case(stuck, handlers=HANDLERS)
    probes = made.table("probes")
    outside = probes[probes["vantage"] == "outside"]
    rows = pd.concat([probes, outside.assign(vantage="host", line=outside["line"] + 1000)])
    slow = {"host": host_s, "inside": inside_s, "outside": 0.0}
    times = [(at - moment(0)).total_seconds() for at in rows["time"]]
    rows["connect_s"] = [
        slow[vantage] if in_fault(second) else 0.0
        for vantage, second in zip(rows["vantage"], times, strict=True)
    ]
    made.frames["probes"] = conform("probes", rows.reset_index(drop=True))
    return Signals(made)


def test_connects_that_are_slow_from_the_host_alone_accuse_the_way():
    seen = probed(1.8, 0.001)["connect_slow_from_host"]
    reported = messages_in(seen.detail)["health-connect-slow-from-host-detail"]
    assert reported == {"services": [USUAL], "longest": pytest.approx(1.8)}


@pytest.mark.slow
@pytest.mark.parametrize(("host_s", "inside_s"), [(1.8, 1.8), (0.01, 0.001)])
def test_connects_that_are_alike_do_not(host_s, inside_s):
    assert "connect_slow_from_host" not in probed(host_s, inside_s)

"""An edge that asks Nginx for a path that callers don't ask for: who refuses it is not at fault."""

import pandas as pd
import pytest
from worlds.health_world import FAULT, HEALTH, Signals, case, moment

from watchme_analysis.schema import conform

GIVEN = "/state/healthz"


def refused(upstream):
    def fault(path, second):
        return {"status": 404, "upstream": upstream} if path == HEALTH else None

    return fault


def renamed(path=GIVEN, *, upstream=False, since=FAULT[0], errors=None):
    """Nginx logs another path for the health check, without a common id, since some second."""
    made = case(refused(upstream))
    log = made.table("access_log")
    log["edge_ray_id"] = None
    changed = log["path"].eq(HEALTH) & (log["time"] >= moment(since)) & log["status"].eq(404)
    log.loc[changed, "path"] = path
    if since < FAULT[0]:
        requested = log[changed].assign(
            time=log.loc[changed, "time"] - pd.Timedelta(seconds=FAULT[0] - since)
        )
        log = pd.concat([log, requested.assign(line=requested["line"] + 5000)])
    made._frames["access_log"] = conform("access_log", log.reset_index(drop=True))
    if errors:
        rows = [
            {
                "file": "error.log", "line": line, "time": moment(FAULT[0] + 2 * line), "level": "error",
                "kind": "other", "message": "open() failed", "path": errors,
            }
            for line in range(1, 9)
        ]  # fmt: skip
        made._frames["error_log"] = conform("error_log", pd.DataFrame(rows))
    return Signals(made)


def test_another_path_under_the_same_id_is_the_edges_doing_unless_it_was_so_at_all_times():
    """The edge puts a word before every path, beside a fault of the way to the container."""

    def both(path, second):
        refused = {"status": 404, "upstream": False}
        return refused if second > FAULT[0] + 10 else {"status": 502, "error": "upstream_unreachable"}

    made = case(both)
    log = made.table("access_log")
    asked = log["path"].where((log["time"] > moment(FAULT[1])) | log["status"].eq(502), "/live" + log["path"])
    log["path"] = log["path"].where(log["time"] < moment(FAULT[0]), asked)
    assert "edge_renames" in Signals(made)
    log["path"] = asked
    assert "edge_renames" not in Signals(made)


@pytest.mark.slow
@pytest.mark.parametrize("evidence", [{"path": HEALTH}, {"since": FAULT[0] - 20}, {"errors": HEALTH}])
def test_a_path_that_arrives_or_was_always_requested_accuses_no_edge(evidence):
    assert "edge_renames" not in renamed(**evidence)

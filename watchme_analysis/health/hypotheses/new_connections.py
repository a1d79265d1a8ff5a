"""Check whether new connections alone fare badly, while whoever has one to the application is answered."""

from __future__ import annotations

from watchme_analysis.health.hypotheses.facts import Facts, followed
from watchme_analysis.health.hypotheses.sql import of_joined
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.requests.connection_reuse import KEPT, NEW, NOT_TOLD, connections_used
from watchme_analysis.text.message import message

# So many of each at least, so large a share of the new ones bad, and so small a one of the others: a process
# that is stuck now and then is stuck for kept connections too, and more new ones are opened in the jam.
FEWEST, MOST, HARDLY_ANY = 20, 0.9, 0.05
UNTOLD_SHARE = 0.1


@detects("new_alone_bad", group="new and kept connections", needs=("access_log/times",))
def new_connections(found: Facts) -> list[Observation]:
    """Compare requests to the affected services over new connections with those over kept ones."""
    frame = found.inv.once(followed).frame
    mine = frame[frame["during"] & frame["seen_nginx"] & frame["route"].isin(found.routes)]
    mine = mine[mine["upstream_addr"].isin(found.services)]
    used = connections_used(frame)["to_app"].reindex(mine.index)
    new, kept = mine[used.eq(NEW).fillna(False)], mine[used.eq(KEPT).fillna(False)]
    if min(len(new), len(kept)) < FEWEST or used.eq(NOT_TOLD).sum() > UNTOLD_SHARE * len(mine):
        return []
    bad, bad_kept = int(new["nginx_bad"].sum()), int(kept["nginx_bad"].sum())
    if bad < MOST * len(new) or bad_kept > HARDLY_ANY * len(kept):
        return []
    text = message(
        "health-new-alone-bad",
        services=found.services,
        bad_new=bad,
        new=len(new),
        bad_kept=bad_kept,
        kept=len(kept),
    )
    rows = mine[used.isin([NEW, KEPT]).fillna(False)]
    sql = of_joined("nginx", rows)
    effect = bad / len(new) - bad_kept / len(kept)
    seen = Observation("new_alone_bad", text, "access_log", len(rows), sql, effect, "difference of shares")
    return [seen]

"""Check of the path that the edge asks Nginx for: what it rewrites arrives under a path of no caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.rules import edge_rule
from watchme_analysis.health.hypotheses.sql import of_joined
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.requests.edge_join import JOIN_TOLERANCE_WHOLE_S
from watchme_analysis.text.message import Choice, Names, Resource, Value, message, sentences

if TYPE_CHECKING:
    import pandas as pd

# Requests that count, and how far the two layers' numbers may differ.
FEWEST, ALIKE = 3, 0.5
# Share of other requests that may have another path at Nginx all the same.
FEW = 0.02


@detects(
    "edge_renames",
    group="edge",
    needs=(
        "edge_log",
        "access_log",
    ),
)
def rewritten(found: Facts) -> list[Observation]:
    """Find bad answers that the edge got for a path that no caller asked it for.

    Nginx or the application then refuses what is strange to them, and look at fault.
    """
    bad = found.rows("edge", bad=True)
    if seen := _renamed(found, bad):
        return seen
    lost = bad[~bad["seen_nginx"] & bad["origin_status"].between(300, 599)]
    if len(lost) < FEWEST or len(lost) < ALIKE * len(bad) or _arrived(found):
        return []
    status = int(lost["origin_status"].mode().iloc[0])
    strange = _strange(found, status)
    if strange.empty:
        return []
    # What is put before every path makes as many strange routes as it hides.
    often = strange["route"].value_counts().index[: lost["route"].nunique()]
    hits = strange[strange["route"].isin(often)]
    path = str(hits["path"].mode().iloc[0])
    if len(hits) < FEWEST or not ALIKE <= len(hits) / len(lost) <= 1 / ALIKE:
        return []
    values: dict[str, Value] = {
        "paths": Names(found.endpoints),
        "other": Resource(path),
        "number": Choice("one" if len(often) == 1 else "several"),
    }
    text = message(
        "health-edge-renames-unjoined",
        **values,
        lost=len(lost),
        hits=len(hits),
        status=Resource(str(status)),
    )
    detail = sentences(message("health-edge-renames-unjoined-detail", **values), edge_rule(found))
    sql = of_joined("nginx", hits)
    strength, share = by_count(len(hits)), len(lost) / len(bad)
    return [
        Observation(
            "edge_renames",
            text,
            "access_log",
            len(hits),
            sql,
            strength=strength,
            detail=detail,
            share=share,
        )
    ]


def _renamed(found: Facts, bad: pd.DataFrame) -> list[Observation]:
    """Find bad requests that Nginx logged, by their common id, under another path than their caller's."""
    requests = _with_nginx_path(found, found.joined)
    other = requests["nginx_path"].astype(object) != requests["path"].astype(object)
    # A log of paths that Nginx has rewritten itself differs from the edge's at all times.
    if other[~requests["during"]].sum() > FEW * len(requests):
        return []
    mine = requests[requests.index.isin(bad.index) & other]
    if len(mine) < FEWEST or len(mine) < ALIKE * len(bad):
        return []
    path, name = (str(mine[column].mode().iloc[0]) for column in ("nginx_path", "path"))
    example: dict[str, Value] = {"other": Resource(path), "path": Resource(name)}
    text = message("health-edge-renames", **example, renamed=len(mine), bad=len(bad), paths=found.endpoints)
    detail = sentences(message("health-edge-renames-detail", **example), edge_rule(found))
    sql, strength, share = of_joined("nginx", mine), by_count(len(mine)), len(mine) / len(bad)
    return [
        Observation(
            "edge_renames",
            text,
            "access_log",
            len(mine),
            sql,
            strength=strength,
            detail=detail,
            share=share,
        )
    ]


def _with_nginx_path(found: Facts, joined: pd.DataFrame) -> pd.DataFrame:
    """Return requests joined by a common id, with the path that Nginx logged as ``nginx_path``."""
    both = joined[joined["joined_by"].eq("ray").fillna(False) & joined["path"].notna()]
    log = found.table("access_log")[["file", "line", "path"]].dropna()
    known = {(str(file), int(line)): path for file, line, path in log.itertuples(index=False)}
    places = zip(both["nginx_file"], both["nginx_line"], strict=True)
    paths = [known.get((str(file), int(line))) for file, line in places]
    return both.assign(nginx_path=paths).dropna(subset=["nginx_path"])


def _arrived(found: Facts) -> bool:
    """Tell whether Nginx's errors name the affected paths: a log of rewritten paths then hides them."""
    paths = found.errors["path"].dropna()
    return bool(route_templates(paths).isin(found.routes).any())


def _strange(found: Facts, status: int) -> pd.DataFrame:
    """Return Nginx's requests of the incident with a status, of paths that were never asked for elsewhere."""
    import pandas as pd

    joined = found.joined
    # A log with whole seconds puts the first of the incident before it.
    begun = pd.Timestamp(found.start) - pd.Timedelta(seconds=JOIN_TOLERANCE_WHOLE_S)
    known = joined.loc[joined["seen_edge"] | (joined["start"] < begun), "route"].dropna()
    single = joined[joined["during"] & joined["seen_nginx"] & ~joined["seen_edge"]]
    return single[~single["route"].isin(known) & (single["nginx_status"] == status)]

"""Two faults at once, told apart by the layer that each bad request died at.

What one fault does contradicts another of another layer: an edge that refuses some requests itself clears
the application of those, not of the others. So where the edge or Nginx spoiled some requests by their own
doing, or the way to the process lost some, and others went badly further in, the question is asked twice:
once as if the former had never been made, once as if the others had not. Each cause is then weighed by the
requests that its layer answers for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from watchme_analysis.case.case_folder import Case
from watchme_analysis.health.hypotheses.edge import spoilt_by_edge
from watchme_analysis.health.hypotheses.facts import Facts, facts
from watchme_analysis.health.hypotheses.network import lost_on_the_way
from watchme_analysis.health.hypotheses.nginx import spoilt_by_nginx
from watchme_analysis.health.hypotheses.sql import LOGS
from watchme_analysis.inference.findings import Diagnosis, Investigation
from watchme_analysis.inference.signals import ENOUGH
from watchme_analysis.requests.observations import INNER
from watchme_analysis.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

# A probe from outside is the request that a log has within so many seconds of it, and a line of Nginx's error
# log, in whole seconds, is of the request that ended within so many.
SAME_PROBE_S, SAME_ERROR_S = 1.0, 1.5


def told_apart(inv: Investigation, ask: Callable[[Investigation], Diagnosis]) -> tuple[Diagnosis, ...]:
    """Return the diagnoses of two faults, each by its own requests; empty when not two hold.

    Parameters
    ----------
    inv
        The investigation.
    ask
        Diagnoses an investigation as if there were one fault.
    """
    found = inv.once(facts)
    if found.incident is None:
        return ()
    bad = found.joined.index[found.joined["edge_bad"] | found.joined["nginx_bad"]]
    for cause, of_layer in (
        ("edge_config", spoilt_by_edge),
        ("nginx_config", spoilt_by_nginx),
        ("docker_network", lost_on_the_way),
    ):
        mine = of_layer(found)
        others = bad.difference(mine)
        if min(len(mine), len(others)) < ENOUGH:
            continue
        rest = ask(_without(found, mine, of_others=False))
        if rest.cause in (None, "none", cause):
            continue
        own = ask(_without(found, others, of_others=True))
        if own.cause == cause:
            return own, rest
    return ()


def _without(found: Facts, gone: pd.Index, *, of_others: bool) -> Investigation:
    """Return the investigation as if some requests had not been made, nor noted anywhere.

    What went badly inside or on the host had nothing to do with edge and Nginx, so that it goes with what
    went badly further in (``of_others``).
    """
    case = found.inv.case
    frames = {name: case.table(name) for name in TABLES}
    rows = found.joined.loc[gone]
    for side, table in LOGS.items():
        names = {f"{side}_file": "file", f"{side}_line": "line"}
        logged = rows[rows[f"seen_{side}"]]
        frames[table] = _left(frames[table], logged[list(names)].rename(columns=names))
    probes = found.observed[(found.observed["row"] < 0) & found.observed["bad"]]
    outside = probes[probes["vantage"] == "outside"]
    asked = _same(outside, found.joined, "start", SAME_PROBE_S, ["path"])
    probed = outside[asked.isin(gone) | (asked.isna() & of_others)]
    inner = probes[probes["vantage"].isin(INNER) & of_others]
    for part in (probed, inner):
        frames["probes"] = _left(frames["probes"], part[part["table"] == "probes"])
    errors = frames["error_log"]
    failed = found.joined[found.joined["nginx_bad"]]
    # What a line says of another address is of a request that went on to the next one.
    exact, near = (
        _same(errors.rename(columns={"time": "nginx_end"}), failed, "nginx_end", SAME_ERROR_S, names)
        for names in (["path", "upstream_addr"], ["path"])
    )
    frames["error_log"] = errors[~exact.fillna(near).isin(gone)]
    return Investigation(
        Case(case.path, case.manifest, frames), found.inv.question, found.inv.window, found.inv.options
    )


def _left(frame: pd.DataFrame, gone: pd.DataFrame) -> pd.DataFrame:
    """Return a table without the rows that stand in some files and lines."""
    import pandas as pd

    keys = [pd.MultiIndex.from_arrays([one["file"].astype(object), one["line"]]) for one in (frame, gone)]
    return frame[~keys[0].isin(keys[1])]


def _same(notes: pd.DataFrame, rows: pd.DataFrame, at: str, within_s: float, by: list[str]) -> pd.Series:
    """Return for notes the request, by index, that they are of: nearest in time of those alike; else null."""
    import pandas as pd

    known, asked = (
        part.dropna(subset=[at, "path"]).reset_index(names=name).sort_values(at)[[at, name, *by]]
        for part, name in ((notes, "note"), (rows, "request"))
    )
    texts = dict.fromkeys(by, object)
    pairs = pd.merge_asof(
        known.fillna(dict.fromkeys(by, "")).astype(texts),
        asked.fillna(dict.fromkeys(by, "")).astype(texts),
        on=at,
        by=by,
        direction="nearest",
        tolerance=pd.Timedelta(seconds=within_s),
    )
    return pairs.set_index("note")["request"].reindex(notes.index)

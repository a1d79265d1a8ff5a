"""The rhythm of an application's responses: steady, or silent and then many at once.

A blocked event loop sends no response, whatever the path, and when the block ends all waiting responses leave
within milliseconds. Slowness by load alone is steady.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.health.incident import INSTANT_S
from watchme_analysis.health.thresholds import FEWEST, MANY
from watchme_analysis.requests.layers import SLOW_MARGIN_S

if TYPE_CHECKING:
    import pandas as pd

# Seconds between responses that leave in one turn of the event loop, at most.
BURST_S = 0.01
# The same for responses that come through a proxy.
BUNCH_S = 0.02
# Other requests that must have arrived in a wait, early enough for a response before its end.
OTHERS = 2


@dataclass(frozen=True)
class Rhythm:
    """The distribution of an application's responses over the incident and over the rest.

    Attributes
    ----------
    answers
        Number of answers in the incident.
    burst_share, usual_burst_share
        Share of answers that left within :data:`BURST_S` of the one before.
    silent_share, usual_silent_share
        Share of time in gaps longer than the silence limit.
    longest_silence_s
        Longest gap between answers in the incident.
    silence_limit_s
        Gap from which time counts as silent: what one gap in fifty exceeds outside the incident, at
        least what makes a request slow.
    """

    answers: int
    burst_share: float
    usual_burst_share: float
    silent_share: float
    usual_silent_share: float
    longest_silence_s: float
    silence_limit_s: float


def response_rhythm(moments: pd.Series, start: datetime, end: datetime) -> Rhythm | None:
    """Return the rhythm of responses, None when it is not known.

    Parameters
    ----------
    moments
        When the application answered (time), of all paths of one process, to the millisecond.
    start, end
        Bounds of the incident.

    Returns
    -------
    Rhythm or None
        None with under 10 answers outside the incident, with times to the whole second, or when the
        incident is no longer than a second.
    """
    import numpy as np
    import pandas as pd

    times = moments.dropna().sort_values()
    if times.empty:
        return None
    seconds = (times - pd.Timestamp(start)).dt.total_seconds().to_numpy()
    length = (pd.Timestamp(end) - pd.Timestamp(start)).total_seconds()
    if length < 1 or np.allclose(seconds % 1, (seconds % 1)[0]):
        return None
    inside = (seconds >= 0) & (seconds <= length)
    gaps = np.diff(seconds)
    spans = (seconds[:-1] < 0) & (seconds[1:] > length)
    usual = gaps[~inside[1:] & ~inside[:-1] & ~spans]
    if len(usual) < MANY:
        return None
    in_incident = seconds[inside]
    edges = np.concatenate([[0.0], in_incident, [length]])
    within = np.diff(edges)
    limit = max(float(np.quantile(usual, 0.98)), SLOW_MARGIN_S)
    return Rhythm(
        answers=int(inside.sum()),
        burst_share=float((np.diff(in_incident) < BURST_S).mean()) if len(in_incident) > 1 else 0.0,
        usual_burst_share=float((usual < BURST_S).mean()),
        silent_share=float(within[within > limit].sum() / length),
        usual_silent_share=float(usual[usual > limit].sum() / max(usual.sum(), 1e-9)),
        longest_silence_s=float(within.max()),
        silence_limit_s=limit,
    )


def count_bunched_responses(slow: pd.DataFrame) -> tuple[int, int, int]:
    """Return counts of slow responses of several routes that waited together and left together.

    Parameters
    ----------
    slow
        Rows of :func:`watchme_analysis.requests.observations.join_requests` that were slow and answered:
        ``nginx_start``, ``nginx_end`` (or ``start``, ``end``), ``route``.

    Returns
    -------
    in_bunches, answers, bunches
        Answers in bunches of three and more of at least two endpoints whose starts lie a fifth of a
        second apart at least; all answers; number of bunches.
    """
    import pandas as pd

    if slow.empty:
        return 0, 0, 0
    named = "nginx_end" if slow["nginx_end"].notna().any() else "end"
    begun = "nginx_start" if named == "nginx_end" else "start"
    rows = slow.dropna(subset=[named]).sort_values(named)
    apart = rows[named].diff().dt.total_seconds().fillna(9.0)
    groups: Any = rows.groupby((apart > BUNCH_S).cumsum())
    spread = groups[begun].agg(lambda column: (column.max() - column.min()).total_seconds())
    sizes = pd.DataFrame({"n": groups.size(), "routes": groups["route"].nunique(), "spread": spread})
    kept = sizes[(sizes["n"] >= FEWEST) & (sizes["routes"] >= 2) & (sizes["spread"] >= 0.2)]
    return int(kept["n"].sum()), len(rows), len(kept)


def held_waits(requests: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Return long waits for a service, and whether it responded to no other request meanwhile.

    Parameters
    ----------
    requests
        Rows of :func:`watchme_analysis.requests.observations.join_requests` that Nginx passed to one service.

    Returns
    -------
    waits, held
        The rows that were answered slowly, counted from being connected, while at least :data:`OTHERS` others
        asked; and whether the first answer to anyone came when theirs did.
    """
    import numpy as np
    import pandas as pd

    if requests.empty:
        return requests, pd.Series(False, index=requests.index)
    rows = requests[requests["nginx_s"].notna()].sort_values("nginx_end").reset_index(drop=True)
    zero = requests["nginx_start"].min()
    begun = (rows["nginx_start"] - zero).dt.total_seconds() + rows["connect_s"].fillna(0.0)
    ended = (rows["nginx_end"] - zero).dt.total_seconds()
    answered = rows["nginx_status"] < 499
    long = answered & (ended - begun >= SLOW_MARGIN_S)
    starts, ends = np.sort(begun.to_numpy()), ended[answered].to_numpy()
    start, end = begun[long].to_numpy(), ended[long].to_numpy()
    others = np.searchsorted(starts, end - INSTANT_S) - np.searchsorted(starts, start) - 1
    between = np.searchsorted(ends, end - BUNCH_S) - np.searchsorted(ends, start + BUNCH_S, side="right")
    held = pd.Series(between <= 0, index=rows.index[long])
    contested = others >= OTHERS
    return rows[long][contested], held[contested]

"""The queue of connections that the kernel has made and the server has not taken yet (listen(2)).

A full queue and lost packets both keep connections from coming about. Only a queue fills up first: requests
that were connected in time wait in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchme_analysis.health.app_server import own_processes, server_kind
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.signals.vantages import at_bad_moments
from watchme_analysis.health.thresholds import FEWEST, MANY, MOST, WHOLE
from watchme_analysis.text.message import Text, message

if TYPE_CHECKING:
    import pandas as pd

# Default of --backlog of uvicorn and gunicorn; Linux allows up to 4096 (net.core.somaxconn).
OWN_BACKLOG = 2048
# The shortest queue that a common server asks for (request_queue_size of Python's socketserver). Node.js asks
# for 511, Go for net.core.somaxconn.
SHORTEST_BACKLOG = 5
# A healthy link needs less than a millisecond to connect.
SLOW_CONNECT_S = 0.2
# Share of responses that may come late from a server that is not stuck.
LATE_SHARE = 0.05
# Standard deviations below the runs that chance would make (Wald and Wolfowitz 1940).
IN_RUNS = 3.0


def state(
    context: HealthContext, passed_on: pd.DataFrame, parts: pd.DataFrame, *, is_sent_again: bool
) -> tuple[str, Text]:
    """Return the signal that slow connections are, and what it says about the queue.

    ``passed_on`` are the requests of the incident that Nginx passed to the affected service, ``parts`` their
    :func:`requests.layers.layer_times`. ``is_sent_again``: connecting took as long as it does when a lost
    first packet is sent again.
    """
    room, waiting = _room(context), most_waiting(passed_on, parts)
    if room is not None and waiting < room:
        text = message("health-queue-never-full", room=room, waiting=waiting)
        return ("connect_lost", text) if is_sent_again else ("connect_slow", "")
    if room is not None and (through := _through_the_queue(context)):
        return "connect_slow", message("health-queue-had-room", room=room, probes=through)
    # A loop takes connections while its handlers run. Workers take one when they are free.
    full_queue = "worker_queue_full" if server_kind(context) == "workers" else "queue_full"
    if fills := filled(passed_on, parts):
        return full_queue, fills
    served = _served_between(passed_on, parts)
    if room is None:
        is_lost = is_sent_again and waiting <= SHORTEST_BACKLOG and served >= MANY
        text = message("health-queue-hardly-used", waiting=waiting, served=served)
        return ("connect_lost", text) if is_lost else ("connect_slow", "")
    full = message("health-queue-maybe-full", room=room, waiting=waiting)
    return ("connect_slow", full) if served else (full_queue, full)


def filled(passed_on: pd.DataFrame, parts: pd.DataFrame) -> Text:
    """Return the sentence that connections failed in runs, and that what was connected between them waited.

    Lost packets make no such order: they hit one connection and spare the next, which is served at once. On a
    way that is cut for seconds, connections fail while no other waits as well.
    """
    import numpy as np

    rows = passed_on.sort_values("nginx_start")
    late = (parts["connect_s"] > SLOW_CONNECT_S).reindex(rows.index).to_numpy()
    if late.sum() < MANY:
        return ""
    until = int(np.flatnonzero(late).max()) + 1
    rows, late = rows.iloc[:until], late[:until]
    failed, connected = int(late.sum()), int((~late).sum())
    waited = int(rows.loc[~late, "nginx_bad"].sum())
    if connected < MANY or waited < MOST * connected:
        return ""
    moments_s = (rows.loc[late, "nginx_start"] - passed_on["nginx_start"].min()).dt.total_seconds()
    if (_waiting(passed_on, parts, moments_s.to_numpy()) > 0).mean() < WHOLE:
        return ""
    runs = 1 + int((late[1:] != late[:-1]).sum())
    pairs = 2 * failed * connected
    expected = pairs / until + 1
    deviation = (pairs * (pairs - until) / (until**2 * (until - 1))) ** 0.5
    if runs > expected - IN_RUNS * deviation:
        return ""
    return message(
        "health-queue-fills",
        failed=failed,
        connected=connected,
        waited=waited,
        runs=runs,
        expected=round(expected),
    )


def most_waiting(passed_on: pd.DataFrame, parts: pd.DataFrame) -> int:
    """Return the most connected requests that waited at one time: so many at most were queued."""
    return int(_waiting(passed_on, parts).max(initial=0))


def _waiting(passed_on: pd.DataFrame, parts: pd.DataFrame, moments_s: Any = None) -> Any:
    """Return how many connected requests waited at some moments, or when each of them was connected.

    The moments are seconds after the first of all requests. A caller that leaves remains in the queue until
    the server takes the connection, at the latest when it responds to one that was made later.
    """
    import numpy as np

    gave_up = parts["gave_up_in"].astype(object)
    connected = parts["connect_s"].notna() & gave_up.ne("connect")
    starts_s = (passed_on["nginx_start"] - passed_on["nginx_start"].min()).dt.total_seconds()
    entered = (starts_s + parts["connect_s"])[connected].sort_values(kind="stable")
    waits_s = parts["header_s"].where(gave_up.ne("header"))[entered.index].to_numpy()
    entered = entered.to_numpy()
    responded = entered + waits_s
    later = np.fmin.accumulate(responded[::-1])[::-1]
    left = np.sort(np.nan_to_num(np.where(np.isnan(responded), later, responded), nan=np.inf))
    moments_s = entered if moments_s is None else moments_s
    return np.searchsorted(entered, moments_s, side="right") - np.searchsorted(left, moments_s, side="left")


def _served_between(passed_on: pd.DataFrame, parts: pd.DataFrame) -> int:
    """Return how many requests were served at once while connecting failed; 0 when what was connected waited.

    A server that is stuck lets the connections wait that it has taken as well.
    """
    late = parts["connect_s"] > SLOW_CONNECT_S
    waits = parts.loc[parts["gave_up_in"].astype(object).ne("connect"), "header_s"].dropna()
    if waits.empty or (waits > SLOW_CONNECT_S).mean() > LATE_SHARE:
        return 0
    starts = passed_on["nginx_start"]
    return int((~late & starts.between(starts[late].min(), starts[late].max())).sum())


def _room(context: HealthContext) -> int | None:
    """Return how many connections wait in the kernel until the affected server takes them; None: unknown."""
    mine = own_processes(context)
    return int(mine["backlog"].fillna(OWN_BACKLOG).min()) if len(mine) else None


def _through_the_queue(context: HealthContext) -> int:
    """Return how many probes from inside were answered at moments of trouble; 0 when some were not."""
    inside, _ = at_bad_moments(context, "inside")
    return len(inside) if len(inside) >= FEWEST and not inside["bad"].any() else 0

"""Errors of the application: exceptions in its log, and refusals by unmonitored handlers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchme_analysis.health.thresholds import FEWEST, WHOLE
from watchme_analysis.text.message import CodePlace

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.health.incident import Incident

# Statuses by which a handler refuses what its caller asks for. Not here: statuses that a proxy may cause by a
# wrong path, method or name (redirects, 400, 404, 405).
_REFUSED = (401, 403, 409, 410, 422, 429)
# How Python begins a traceback.
TRACEBACK = "Traceback (most recent call last)"
# Characters of an error that are quoted at most.
MOST_QUOTED = 160
# The last line of a traceback, the type of its error first; those of exception groups are indented with bars.
_ERROR = re.compile(r"^[ |]*((?:\w+\.)*[A-Z]\w*)(?:: .*)?$")
_FRAME = re.compile(r'^[ |]*File "(?P<file>[^"]+)", line (?P<line>\d+), in ', re.MULTILINE)
# Folders of the interpreter and of installed packages.
_NOT_OWN = re.compile(r"/(?:site|dist)-packages/|/lib/python3|^<")
# Usual names of health checks.
_CHECK = re.compile(r"health|ready|readi|alive|live|ping|heartbeat|status", re.IGNORECASE)


def is_health_check(route: str) -> bool:
    """Return True when a route has a name of health checks."""
    return bool(_CHECK.search(route))


def monitored_routes(observed: pd.DataFrame) -> set[str]:
    """Return the monitored routes: those probed that are named like a health check, else all probed ones."""
    probed = {str(route) for route in observed.loc[observed["table"] == "probes", "route"].unique()}
    return {route for route in probed if is_health_check(route)} or probed


def handler_refusals(joined: pd.DataFrame, observed: pd.DataFrame, incident: Incident | None) -> pd.Series:
    """Return which judged observations are the refusals that make up an incident.

    An application that refuses fast is not blocked, has resources and is reachable: where the monitored
    endpoint is well, refusals are a matter between another handler and its callers. So are callers that
    always leave before a handler responds. None are where the incident contains other failures, where a
    monitored endpoint is affected, and without probes.
    """
    import pandas as pd

    none = pd.Series(False, index=observed.index)
    monitored = monitored_routes(observed)
    if incident is None or not monitored or monitored & set(incident.routes):
        return none
    status = joined["upstream_status" if joined["upstream_status"].notna().any() else "nginx_status"]
    status = status.where(joined["seen_nginx"], joined["origin_status"])
    mine = observed["route"].isin(incident.routes) & observed["bad"]
    refused = observed["row"].map(status.isin(_REFUSED)).fillna(False).astype(bool)
    refused |= (observed["table"] == "probes") & observed["status"].isin(_REFUSED)
    # A route whose clients always leave takes longer than they wait, so its usual status is unknown.
    answered = set(observed.loc[observed["status"] < 400, "route"])
    refused |= (observed["status"] == 499) & ~observed["route"].isin(answered)
    own = refused & ~observed["slow"] & mine
    during = observed["start"].between(pd.Timestamp(incident.start), pd.Timestamp(incident.end))
    return own if own[during].sum() >= WHOLE * max(int(mine[during].sum()), 1) else none


def says(messages: pd.Series, words: str) -> pd.Series:
    """Return which lines of an application contain a pattern; a line without a message contains none.

    Each different text is searched once: a process out of descriptors writes one line by the thousand.
    """
    import numpy as np
    import pandas as pd

    codes, texts = messages.factorize()
    known = pd.Series(texts, dtype=messages.dtype).str.contains(words, regex=True).to_numpy(dtype=bool)
    # The code of a missing message is -1.
    return pd.Series(np.append(known, False)[codes], index=messages.index)


@dataclass(frozen=True)
class LoggedException:
    """An exception that the application logged with its traceback, and how often.

    ``error`` has type and message, as the last line of the traceback; ``place`` is the innermost line of the
    application's own source, None where all are those of packages.
    """

    error: str
    place: CodePlace | None
    count: int


def commonest_exception(log: pd.DataFrame) -> LoggedException | None:
    """Return the exception that was logged most often in rows of ``app_log``; None where few have any."""
    texts = log["message"].dropna()
    raised = map(_exception, texts[texts.str.contains(TRACEBACK, regex=False)])
    for (error, place), count in Counter(one for one in raised if one is not None).most_common(1):
        if count >= FEWEST:
            return LoggedException(error, place, count)
    return None


def _exception(text: str) -> tuple[str, CodePlace | None] | None:
    """Return the error of a logged traceback and where it was raised."""
    error = next((line for line in reversed(text.splitlines()) if _ERROR.match(line)), None)
    if error is None:
        return None
    own = [found for found in _FRAME.finditer(text) if not _NOT_OWN.search(found["file"])]
    place = CodePlace(own[-1]["file"].rpartition("/")[2], int(own[-1]["line"])) if own else None
    return error.strip(" |"), place

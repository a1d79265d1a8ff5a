"""API of the notebooks: each cell calls one method and displays its result.

The ``open_*`` functions validate the parameters of a notebook, mostly plain strings, and return a page. The
methods of the page are the sections of the notebook. A page is imported when it is opened, since a notebook
has one page, and the others would load alarms and the simulation.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from watchme_analysis.errors import InputError
from watchme_analysis.notebook.page import open_page
from watchme_analysis.text.render import error_message
from watchme_analysis.window import parse_time

if TYPE_CHECKING:
    from watchme_analysis.notebook.alarms import AlarmPage
    from watchme_analysis.notebook.backlog import BacklogPage
    from watchme_analysis.notebook.health import HealthPage
    from watchme_analysis.notebook.what_if import WhatIfPage

__all__ = [
    "AlarmPage",
    "BacklogPage",
    "HealthPage",
    "WhatIfPage",
    "open_alarms",
    "open_backlog",
    "open_health",
    "open_what_if",
]
_PAGES = {
    "AlarmPage": "alarms",
    "BacklogPage": "backlog",
    "HealthPage": "health",
    "WhatIfPage": "what_if",
}

if not TYPE_CHECKING:  # a checker knows the pages from above

    def __getattr__(name: str) -> object:
        """Fetch the class of a page from its module."""
        if name not in _PAGES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_PAGES[name]}"), name)


def open_health(
    *,
    case: str,
    since: str = "",
    until: str = "",
    timezone: str = "",
    language: str = "",
    endpoint: str = "",
) -> HealthPage:
    """Return the page of a health diagnosis: the causes of an endpoint's timeouts.

    Parameters
    ----------
    case
        Folder of a case or of raw evidence, relative to the working directory or to the project.
    since, until
        Bounds of the window to analyse: ISO 8601 (in ``timezone`` when without a zone) or a span such as
        ``2h`` before the end of the case; the bounds of the case when empty.
    timezone
        IANA name of the time zone of the times shown; ``time_zone`` of ``watchme.toml``, else UTC, when
        empty.
    language
        Language of the texts, ``en`` or ``ja``; ``language`` of ``watchme.toml``, else of the locale, when
        empty.
    endpoint
        Path of the endpoint to examine; found from the data when empty.

    Raises
    ------
    InputError
        When a parameter is malformed, or the case does not contain it.
    CaseError
        When the case can't be opened.
    """
    from watchme_analysis.notebook.health import HealthPage

    return HealthPage(*open_page("health", case, (since, until), endpoint, (timezone, language)))


def open_backlog(
    *,
    case: str,
    since: str = "",
    until: str = "",
    timezone: str = "",
    language: str = "",
    queue: str = "",
) -> BacklogPage:
    """Return the page of a backlog diagnosis; errors as for :func:`open_health`.

    Parameters
    ----------
    case, since, until, timezone, language
        As for :func:`open_health`.
    queue
        Queue to examine; all queues when empty.
    """
    from watchme_analysis.notebook.backlog import BacklogPage

    return BacklogPage(*open_page("backlog", case, (since, until), queue, (timezone, language)))


def open_alarms(
    *,
    case: str,
    since: str = "",
    until: str = "",
    timezone: str = "",
    language: str = "",
    queue: str = "",
    **alarms: str,
) -> AlarmPage:
    """Return the page of an alarm back-test; errors as for :func:`open_backlog`.

    Parameters
    ----------
    case, since, until, timezone, language, queue
        As for :func:`open_backlog`.
    alarms
        ``spec``: YAML file of alarms; that of ``watchme.toml`` when empty. ``noticed``: time at which people
        noticed (ISO 8601); the first reaction in the data when empty.
    """
    from watchme_analysis.alarms.specification import read_specs
    from watchme_analysis.notebook.alarms import AlarmPage

    unknown = sorted(set(alarms) - {"spec", "noticed"})
    if unknown:
        raise InputError(error_message("error-alarms-parameter", name=repr(unknown[0])))
    opened = open_page("backlog", case, (since, until), queue, (timezone, language))
    page = AlarmPage(*opened, read_specs(alarms.get("spec", "")), alarms.get("noticed", ""))
    if page.noticed_at:
        parse_time(page.noticed_at, page.zone, now=page.window.end)
    return page


def open_what_if(
    *,
    case: str,
    since: str = "",
    until: str = "",
    timezone: str = "",
    language: str = "",
    queue: str = "",
    **runs: int,
) -> WhatIfPage:
    """Return the page of a simulation of countermeasures; errors as for :func:`open_backlog`.

    Parameters
    ----------
    case, since, until, timezone, language, queue
        As for :func:`open_backlog`; the affected queue with the oldest message is simulated when empty.
    runs
        ``replications``: runs of each measure, at least 2. ``seed``: equal seeds result in equal figures.
    """
    from watchme_analysis.notebook.what_if import WhatIfPage

    replications, seed = runs.pop("replications", 8), runs.pop("seed", 0)
    if runs:
        raise InputError(error_message("error-what-if-parameter", name=repr(next(iter(runs)))))
    if not isinstance(replications, int) or replications < 2:
        raise InputError(error_message("error-replications", value=repr(replications)))
    if not isinstance(seed, int) or seed < 0:
        raise InputError(error_message("error-seed", value=repr(seed)))
    return WhatIfPage(
        *open_page("backlog", case, (since, until), queue, (timezone, language)), replications, seed
    )

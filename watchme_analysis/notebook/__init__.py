"""API of the notebooks: each step shows the data of a section, its figure and what they say.

The ``open_*`` functions validate the parameters of a notebook, mostly plain strings, and return a page. The
sections of the page are the steps of the notebook. A page is imported when it is opened, since a notebook has
one page, and the others would load alarms and the simulation.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Unpack

from watchme_analysis.errors import InputError
from watchme_analysis.notebook.page import PageParameters, open_page
from watchme_analysis.text.render import error_message
from watchme_analysis.window import parse_time

if TYPE_CHECKING:
    from watchme_analysis.notebook.alarms import AlarmPage
    from watchme_analysis.notebook.backlog import BacklogPage
    from watchme_analysis.notebook.health import HealthPage
    from watchme_analysis.notebook.what_if import WhatIfPage

__all__ = [
    "AlarmPage",
    "AlarmParameters",
    "BacklogPage",
    "HealthPage",
    "WhatIfPage",
    "WhatIfParameters",
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


class HealthParameters(PageParameters, total=False):
    """Parameters of :func:`open_health`."""

    endpoint: str


class BacklogParameters(PageParameters, total=False):
    """Parameters of :func:`open_backlog`."""

    queue: str


class AlarmParameters(BacklogParameters, total=False):
    """Parameters of :func:`open_alarms`."""

    spec: str
    noticed: str


class WhatIfParameters(BacklogParameters, total=False):
    """Parameters of :func:`open_what_if`."""

    replications: int
    seed: int


def open_health(**parameters: Unpack[HealthParameters]) -> HealthPage:
    """Return the page of a health diagnosis: the causes of an endpoint's timeouts.

    Parameters
    ----------
    case
        Folder of a case or of raw evidence, relative to the working directory or to the project.
    system, profile, region, max_usd
        Instead of a case: the evidence is pulled from AWS and stored as a case, see
        :func:`watchme_analysis.services.collect.pull`. ``page.pulled`` has its price and completeness.
    example
        Case to show when neither a case nor anything to pull is named.
    since, until
        Bounds of the window to pull. For a case, those of the window to analyse: ISO 8601 (in ``timezone``
        when without a zone) or a span such as ``2h`` before the end of the case; its bounds when empty.
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
        When a parameter is unknown or malformed, or the case does not contain it. Parameters that papermill
        gave to the notebook count, so that a misspelt one has an effect.
    CaseError
        When the case can't be opened.
    ServiceError
        When nothing could be pulled.
    """
    from watchme_analysis.notebook.health import HealthPage

    investigation, zone, language, pulled = open_page("health", parameters, HealthParameters.__annotations__)
    return HealthPage(investigation, zone, language, pulled=pulled)


def open_backlog(**parameters: Unpack[BacklogParameters]) -> BacklogPage:
    """Return the page of a backlog diagnosis; errors as for :func:`open_health`.

    Parameters
    ----------
    queue
        Queue to examine; all queues when empty. Without a case, the queue to pull.
    case, system, profile, region, max_usd, example, since, until, timezone, language
        As for :func:`open_health`.
    """
    from watchme_analysis.notebook.backlog import BacklogPage

    investigation, zone, language, pulled = open_page(
        "backlog", parameters, BacklogParameters.__annotations__
    )
    return BacklogPage(investigation, zone, language, pulled=pulled)


def open_alarms(**parameters: Unpack[AlarmParameters]) -> AlarmPage:
    """Return the page of an alarm back-test; errors as for :func:`open_backlog`.

    Parameters
    ----------
    spec
        YAML file of alarms; that of ``watchme.toml`` when empty.
    noticed
        Time at which people noticed (ISO 8601); the first reaction in the data when empty.
    queue, case, system, profile, region, max_usd, example, since, until, timezone, language
        As for :func:`open_backlog`.
    """
    from watchme_analysis.alarms.specification import read_specs
    from watchme_analysis.notebook.alarms import AlarmPage

    investigation, zone, language, pulled = open_page("backlog", parameters, AlarmParameters.__annotations__)
    specs = read_specs(parameters.get("spec", ""))
    page = AlarmPage(investigation, zone, language, specs, parameters.get("noticed", ""), pulled=pulled)
    if page.noticed_at:
        parse_time(page.noticed_at, page.zone, now=page.window.end)
    return page


def open_what_if(**parameters: Unpack[WhatIfParameters]) -> WhatIfPage:
    """Return the page of a simulation of countermeasures; errors as for :func:`open_backlog`.

    Parameters
    ----------
    queue
        Queue to simulate; the affected queue with the oldest message when empty.
    replications
        Runs of each measure, at least 2; 8 by default.
    seed
        Equal seeds result in equal figures; 0 by default.
    case, system, profile, region, max_usd, example, since, until, timezone, language
        As for :func:`open_backlog`.
    """
    from watchme_analysis.notebook.what_if import WhatIfPage

    replications, seed = parameters.get("replications", 8), parameters.get("seed", 0)
    if not isinstance(replications, int) or replications < 2:
        raise InputError(error_message("error-replications", value=repr(replications)))
    if not isinstance(seed, int) or seed < 0:
        raise InputError(error_message("error-seed", value=repr(seed)))
    investigation, zone, language, pulled = open_page("backlog", parameters, WhatIfParameters.__annotations__)
    return WhatIfPage(investigation, zone, language, replications, seed, pulled=pulled)

"""Pull the evidence of an incident from AWS by plain names, as a person types them in a notebook.

:func:`pull` completes its parameters with the settings of ``watchme.toml`` and calls
:func:`watchme_analysis.services.collect.pull`, as the command ``watchme case pull`` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from watchme_analysis.aws_shapes.prices import BYTES_PER_GB, USD_PER_GB, check_price
from watchme_analysis.cloudwatch.insights.cached import QueryOptions
from watchme_analysis.cloudwatch.response_cache import account_cache, requested_window
from watchme_analysis.cloudwatch.session import Aws, SessionTarget
from watchme_analysis.config import FILE, load_config
from watchme_analysis.errors import InputError
from watchme_analysis.services import collect
from watchme_analysis.services.collect import Pulled, Request, named_resources
from watchme_analysis.services.diagnose import QUESTIONS
from watchme_analysis.text.file_names import slug
from watchme_analysis.text.render import error_message
from watchme_analysis.window import Window, parse_zone

# Names that a folder of a case is called after.
_MOST_NAMES = 2


def pull(  # noqa: PLR0913  all that a request may name
    question: str,
    *,
    queue: str | Iterable[str] = (),
    function: str | Iterable[str] = (),
    instance: str | Iterable[str] = (),
    log_group: str | Iterable[str] = (),
    system: str = "",
    since: str = "24h",
    until: str = "now",
    profile: str = "",
    region: str = "",
    max_usd: float = 0.5,
    to: str | Path = "",
    offline: bool = False,
) -> Pulled:
    """Return the evidence of an incident, pulled from AWS into a case, with its price.

    Retrieved are metrics, logs, the state of queues and functions, alarms and recorded changes, also of the
    functions and queues that are connected to the named ones.

    Parameters
    ----------
    question
        ``backlog`` also reads up to 1,000 messages of each dead-letter queue, which stay there; ``health``
        reads none.
    queue, function, instance, log_group
        Names to start from, each a text or several; those of the system by default.
    system
        System of ``watchme.toml``; by default the one that the file chooses, or its only one.
    since, until
        Window: ISO 8601 (in ``time_zone`` of ``watchme.toml`` when without a zone), or a span before now.
    profile, region
        As for the AWS CLI; those of ``watchme.toml`` by default.
    max_usd
        Log queries that would cost more in USD, at the list price of us-east-1, raise an error before they
        run.
    to
        Folder of the case; by default named after the question, the resources and the window's start.
    offline
        True to use cached responses only; a span such as ``24h`` is then that of the last run.

    Raises
    ------
    InputError
        When nothing is named, a parameter is invalid, or the log queries would cost more than ``max_usd``.
    CaseError
        When the folder holds something else.
    ServiceError
        When AWS can't be called, or nothing could be retrieved.
    """
    if question not in QUESTIONS:
        raise InputError(
            error_message("error-question-unknown", question=repr(question), known=", ".join(QUESTIONS))
        )
    check_price(max_usd)
    settings = load_config()
    names = {"queues": queue, "functions": function, "instances": instance, "log_groups": log_group}
    named = resources({kind: _texts(value) for kind, value in names.items()}, system or None)
    if not any(named.values()):
        raise InputError(error_message("error-pull-names", file=FILE))
    aws = Aws(SessionTarget(profile or settings.profile, region or settings.region))
    cache = account_cache(aws, offline=offline)
    parts = ["pull", question, *map(list, named.values())]
    window = requested_window(cache, parts, (since or "24h", until or "now"), parse_zone(settings.time_zone))
    most_gb = max_usd / USD_PER_GB
    request = Request(
        window,
        **named,
        sample=0 if question == "health" else Request.sample,
        max_scan_gb=most_gb,
        options=QueryOptions(cache, max_scan_bytes=most_gb * BYTES_PER_GB),
    )
    return collect.pull(aws, request, Path(to) if to else case_folder(question, named, window))


def resources(named: Mapping[str, tuple[str, ...]], system: str | None) -> dict[str, Any]:
    """Return the names to start from: those given, else those of a system, by attribute of a ``Request``.

    Raises an InputError when there is no system of that name, or several of which none is chosen.
    """
    if any(named.values()):
        return dict(named)
    config = load_config()
    chosen = config.chosen_system(system)
    if chosen is not None:
        return named_resources(chosen)
    if config.systems:
        raise InputError(error_message("error-several-systems", file=FILE, systems=", ".join(config.systems)))
    return dict(named)


def case_folder(question: str, named: Mapping[str, tuple[str, ...]], window: Window) -> Path:
    """Return the folder of a pulled case that names none: question, resources and start of the window."""
    names = [name for kind in named.values() for name in kind][:_MOST_NAMES]
    return Path(slug("-".join([question, *names])) + f"-{window.start:%Y%m%dT%H%MZ}")


def _texts(value: str | Iterable[str]) -> tuple[str, ...]:
    return ((value,) if value else ()) if isinstance(value, str) else tuple(value)

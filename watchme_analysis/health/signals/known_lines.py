"""Signals of known log lines, which say what happened where too few requests show an incident.

Each message of :mod:`watchme_analysis.log_messages` is a signal with its own id. Its weights follow from its
entry: the likeliest cause most, excluded layers decisively against. A single line counts in full, since its
meaning is stated by whoever writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.affected_service import service_name
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.rows import lines
from watchme_analysis.health.thresholds import MANY
from watchme_analysis.inference.causes import GRADES, LAYERS, Cause, causes
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.log_messages.known_messages import KnownMessage, known_message, known_messages
from watchme_analysis.requests.fates import OF_LINES
from watchme_analysis.text.message import Quotation, in_each_language, message, value_of
from watchme_analysis.text.render import filled

if TYPE_CHECKING:
    import pandas as pd

# Different texts of a table that are searched, by choice: an application may log millions.
MOST_TEXTS = 20_000
# Kinds of lines of Nginx's error log that are weighed as the fates of their requests. A full listen queue is
# weighed there as a connection that timed out, which says less.
_FATES = OF_LINES.keys() - {"upstream_queue_full"}
# Group of these signals: of several lines, the strongest counts in full.
GROUP = "known lines"
# Grades of the causes of a message, in their order; further ones have the last.
_BY_ORDER = ("strong", "fair", "weak")


@cache
def weighed_messages() -> dict[str, KnownMessage]:
    """Return the known messages of the question that name a fault, by id."""
    own = {cause.cause for cause in causes("health")}
    layers = {*LAYERS["health"]}
    return {
        known.id: known
        for known in known_messages()
        if known.causes and not known.ordinary and {*known.causes} <= own and {*known.excluded} <= layers
    }


def grades_of(cause: Cause) -> dict[str, float]:
    """Return the log-odds of each known message for a cause, by id."""
    found = {}
    for known in weighed_messages().values():
        if cause.complement:
            found[known.id] = -GRADES["strong"]
        elif cause.cause in known.causes:
            found[known.id] = GRADES[_BY_ORDER[min(known.causes.index(cause.cause), len(_BY_ORDER) - 1)]]
        elif cause.layer in known.excluded:
            found[known.id] = -GRADES["decisive"]
    return found


@detects(*weighed_messages(), group=GROUP, needs=("error_log", "app_log", "access_log"))
def known_lines(context: HealthContext) -> list[Observation]:
    """Return an observation of each known message that names a fault."""
    found: dict[str, list[tuple[str, pd.DataFrame, str, dict[str, str]]]] = {}
    for table, texts in _texts(context):
        for text, rows in texts.groupby(texts, sort=False).groups.items():
            match = known_message(str(text).replace("\n", " "))
            if match is not None and match[0].id in weighed_messages():
                frame = context.table(table).loc[rows]
                if not _is_over(context, frame):
                    found.setdefault(match[0].id, []).append((table, frame, str(text), match[1]))
    return [_observation(weighed_messages()[name], shown) for name, shown in found.items()]


def _is_over(context: HealthContext, written: pd.DataFrame) -> bool:
    """Return True when many callers fared well after some lines: what these say holds no more."""
    later = context.outer[context.outer["start"] > written["time"].max()]
    return int((~later["bad"]).sum()) >= MANY


def _texts(context: HealthContext) -> Iterator[tuple[str, pd.Series]]:
    """Yield the tables, with the text of each row as far as the table keeps it.

    Of an incident, lines that say more than the fates of requests, which are weighed as such, and lines that
    are about no other service.
    """
    import pandas as pd

    errors, application = context.table("error_log"), context.table("app_log")
    if context.incident is not None:
        errors, application = (
            pd.concat([context.of_incident(frame), frame[frame["time"].isna()]])
            for frame in (errors, application)
        )
        is_own = errors["path"].isna() | route_templates(errors["path"]).isin(context.routes)
        errors = errors[is_own & ~errors["kind"].isin(_FATES)]
        # A log with requests is that of one server.
        serving = set(application.loc[application["kind"].eq("access"), "service"])
        others = serving - {service_name(context, context.table("app_log"))}
        application = application[~application["service"].isin(others)]
    if len(errors):
        upstream = (', upstream: "' + errors["upstream"].astype("string") + '"').fillna("")
        yield "error_log", _first(errors["message"].astype("string").fillna("") + _limited(errors) + upstream)
    if len(application):
        yield "app_log", _first(application["message"].astype("string").fillna(""))
    requests = context.table("access_log")
    if len(requests) and context.incident is None:
        status = requests["status"].astype("string").fillna("-")
        yield "access_log", 'HTTP/1.1" ' + status + " "


def _limited(errors: pd.DataFrame) -> pd.Series:
    """Return the clients of requests that a limit held back, which tell whose limit it was."""
    client = (", client: " + errors["client_addr"].astype("string") + ",").fillna("")
    return client.where(errors["kind"].isin(["limit_req", "limit_conn"]), "")


def _first(texts: pd.Series) -> pd.Series:
    """Return the rows with the first different texts."""
    known = texts.drop_duplicates().head(MOST_TEXTS)
    return texts[texts.isin(known)]


def _observation(
    known: KnownMessage, shown: list[tuple[str, pd.DataFrame, str, dict[str, str]]]
) -> Observation:
    import pandas as pd

    table, _, sample, values = shown[0]
    rows = lines(table, pd.concat([frame for of_table, frame, _, _ in shown if of_table == table]))
    meaning = in_each_language(known.meaning, lambda language, text: filled(text, values, language))
    statement = message(
        "health-known-line", count=rows.rows, error=Quotation(sample), meaning=value_of(meaning)
    )
    return Observation(known.id, statement, *rows)


def has_several_causes(signal: str) -> bool:
    """Return whether a signal is a known line whose causes it does not tell apart."""
    known = weighed_messages().get(signal)
    return known is not None and len(known.causes) > 1


def excluding_line(layer: str, observations: Iterable[Observation]) -> Observation | None:
    """Return the observation of a known line that excludes a layer; None without one."""
    known = weighed_messages()
    return next(
        (one for one in observations if one.signal in known and layer in known[one.signal].excluded), None
    )

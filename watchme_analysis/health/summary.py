"""The summary of a `/health` diagnosis: what happened, why, and what to do now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from watchme_analysis.health.affected_service import own_rows, pool_threads
from watchme_analysis.health.app_server import server_kind
from watchme_analysis.health.application_errors import MOST_QUOTED, LoggedException, commonest_exception
from watchme_analysis.health.context import HealthContext, edge_visible, is_timed, once_per_context, spared
from watchme_analysis.health.incident import find_brief_failure
from watchme_analysis.health.judge import BEFORE_APPLICATION, LayerFinding, cause_of, named_layer
from watchme_analysis.health.missing import addresses, service_address
from watchme_analysis.health.running_platform import (
    SETTINGS,
    commands,
    in_words_of,
    known_platform,
    settings,
)
from watchme_analysis.health.running_source import LOOPBACK
from watchme_analysis.health.signals.arrivals import calm_message
from watchme_analysis.health.signals.nginx import SEVERE
from watchme_analysis.health.thresholds import FEWEST, MOST
from watchme_analysis.inference.causes import Cause, Remedy, saves
from watchme_analysis.inference.findings import Diagnosis, Ranked, Verdict
from watchme_analysis.inference.known_lines import known_line
from watchme_analysis.inference.signals import Observation
from watchme_analysis.inference.weighing import not_separated, remedy_of
from watchme_analysis.requests.observations import CLIENT_CLOSED
from watchme_analysis.text.command_words import with_meanings
from watchme_analysis.text.message import (
    Choice,
    Code,
    Duration,
    Message,
    Names,
    Phrases,
    Probability,
    Quotation,
    Resource,
    Text,
    TimeSpan,
    in_each_language,
    message,
    parts_of,
    sentences,
    translated,
    value_of,
)
from watchme_analysis.text.render import filled, placeholders, render
from watchme_analysis.text.shell_quoting import shell_word

if TYPE_CHECKING:
    import pandas as pd

# Placeholders of texts that each case fills.
OF_CASE = {
    "host_url", "public_url", "public_host", "origin_ip", "container_url", "service", "container",
    "container_ip", "detail", "pool_threads", "paths", "assumed", "rollback", *SETTINGS,
    *commands("docker", "", ""),
}  # fmt: skip
# Endpoints that a title names; the headline counts the others as well.
MOST_PATHS = 2
# Ratio of median response times from which on they differ, by choice.
SLOWER = 1.5
# Signals of a process that starts again and again by itself.
RESTARTING = {"container_crash_loop", "restarted_often"}
# Frameworks answer with this status where a handler raises an exception (RFC 9110, section 15.6.1).
SERVER_ERROR = 500


def filled_in(context: HealthContext, text: Text, one: Observation | None = None) -> Text:
    """Return the text of a next test or remedy with the addresses and numbers of a case.

    Placeholders are those of :data:`OF_CASE` and the values that the observation ``one`` states; its detail
    is ``{detail}``. A value that is not known keeps a word in capitals, with what to put there. A sentence
    about a command that the platform does not have is left out.
    """
    at = addresses(context)
    lacking = {name for name, command in at.commands.items() if not command}
    text = sentences(*(part for part in parts_of(text) if not placeholders(render(part)) & lacking))
    shown_by = commands(at.platform, at.service, at.container, "shown_by")

    def said(language: str, words: str) -> str:
        return in_words_of(context, _filled_in_language(context, words, one, language), language)

    return with_meanings(in_each_language(text, said), shown_by)


def name_in(context: HealthContext, cause: Cause) -> Text:
    """Return the name of a cause within a sentence, in the words of a case."""
    return in_each_language(cause.name, lambda language, text: in_words_of(context, text, language))


def _paths(context: HealthContext) -> Message:
    """Return the affected paths as a text names them; where they are unknown, that it is about requests."""
    if not context.endpoints:
        return message("these-requests")
    return message("value", value=Names(context.endpoints, limit=MOST_PATHS))


def _filled_in_language(context: HealthContext, text: str, one: Observation | None, language: str) -> str:
    if "{" not in text:
        return text
    endpoint = context.example_path
    inner = context.nginx_routes.passed_as([endpoint]).get(endpoint, endpoint)
    at = addresses(context)
    service = at.upstream if service_address(context) else "CONTAINER:PORT"
    # What answers at a published port of loopback is a program of the host: no way into the container.
    local = service.rsplit(":", 1)[0] in LOOPBACK
    container = "CONTAINER_IP:PORT" if local else service
    values = {
        "host_url": shell_word(f"http://{service}{inner}", "URL"),
        "public_url": shell_word(at.outside, "URL"),
        "public_host": at.public_host,
        "origin_ip": at.origin_ip,
        "container_url": shell_word(f"http://{container}{inner}", "URL"),
        "service": at.service,
        "container": at.container,
        **at.commands,
        **{name: render(place, language) for name, place in settings(at.platform).items()},
        "container_ip": shell_word(container.rsplit(":", 1)[0], "CONTAINER_IP"),
        "detail": render(one.detail, language) if one is not None and one.detail else "",
        "paths": render(_paths(context), language),
        "assumed": "" if known_platform(context) else f" ({render(message('platform-assumed'), language)})",
        "rollback": f" (`{back}`)" if (back := at.commands.get("rollback")) else "",
    }
    if "{pool_threads}" in text:
        values["pool_threads"] = render(_pool_threads(context), language)
    stated = one.values() if one is not None else {}
    for name in (placeholders(text) & stated.keys()) - values.keys():
        values[name] = render(message("cause-text", text=stated[name]), language)
    return filled(text, values, language)


def remedy_in(
    context: HealthContext, found: Diagnosis, cause: Cause, observations: Sequence[Observation]
) -> Remedy:
    """Return what to do about a cause of a diagnosis, in the words and with the values of a case."""
    remedy, one = remedy_of(cause, found, observations, OF_CASE)
    return _beside_restarts(remedy, observations).filled(lambda text: filled_in(context, text, one))


def _beside_restarts(remedy: Remedy, observations: Sequence[Observation]) -> Remedy:
    """Return a remedy without a restart where the process restarts by itself: its prevention restores."""
    restarts = "restart" in placeholders(render(remedy.restore))
    if not (restarts and remedy.prevent and RESTARTING & {one.signal for one in observations}):
        return remedy
    return replace(remedy, restore=sentences(saves("health")["restarts"], remedy.prevent), prevent="")


@once_per_context
def _pool_threads(context: HealthContext) -> Message:
    """Return what the threads or workers that handlers share do when none is free, with their number."""
    if server_kind(context) == "workers":
        return message("health-pool-workers")
    if tokens := pool_threads(context):
        return message("health-pool-threads", threads=tokens)
    return message("health-pool-threads-unknown", name=Code("asyncio_N"))


def layer_name(context: HealthContext, layer: str) -> Text:
    """Return the name of a layer within a sentence, with that of the proxy that spoke."""
    english, japanese = (
        in_words_of(context, render(message(f"layer-{layer}"), language), language)
        for language in ("en", "ja")
    )
    return translated(english, japanese)


def known_layer(context: HealthContext, layers: Sequence[LayerFinding], stopped: Text | None) -> Text:
    """Return which layer is at fault, or which two remain, and what shows it; empty where more remain.

    ``stopped`` says that requests stopped arriving, which the summary begins with, if they did.
    """
    remaining = [layer for layer in layers if layer.status != "refuted"]
    if named := named_layer(layers):
        probability = Probability(layers[0].probability)
        name = value_of(layer_name(context, named))
        said = message("health-layer-named", layer=name, probability=probability)
        return sentences(said, layers[0].sentence)
    if len(remaining) > 2:
        return ""
    names = Phrases(tuple(layer_name(context, layer.layer) for layer in remaining))
    shown = next((layer.sentence for layer in remaining if layer.sentence), None)
    if stopped is not None and shown == stopped:
        shown = message("health-arrivals-held")
    number = Choice(("none", "one", "several")[len(remaining)])
    return sentences(message("health-layers-left", number=number, layers=names), shown)


def what_happened(context: HealthContext, begun: datetime | None, stopped: Text | None = None) -> Text:
    """Return how many requests of which endpoints failed or were slow, and since when."""
    incident = context.incident
    if incident is None:
        judged = context.outer_requests
        bad, total = int(judged["bad"].sum()), len(judged)
        calm = calm_message(context, bad, total)
        if stopped is not None:
            calm = message("health-arrived", bad=bad, total=total)
        brief = find_brief_failure(context.observed)
        short = _brief(*brief) if brief else None
        return sentences(stopped, calm, short, _alerts(context), *_refusals(context), *_held_back(context))
    middle, usual = medians_s(context)
    piled = begun is not None and begun < incident.start
    return sentences(
        message(
            "health-incident",
            paths=context.endpoints,
            bad=int(incident.count),
            requests=int(incident.base),
            failed=len(failed_requests(context)),
            span=TimeSpan(incident.start, None if incident.is_open else incident.end),
        ),
        *_failures(context),
        message("health-median-rose", usual=Duration(usual), during=Duration(middle))
        if middle > SLOWER * usual
        else None,
        message("health-piled-up", begun=begun) if piled and begun is not None else None,
        *_held_back(context),
    )


def failed_requests(context: HealthContext) -> pd.DataFrame:
    """Return the failed requests of the incident, as the vantage saw them whose requests it counts."""
    outer, incident = context.outer, context.incident
    counted = outer["vantage"] == (incident.vantage if incident else None)
    return outer[counted & outer["during"] & outer["route"].isin(context.routes) & outer["failed"]]


def kinds_of_failure(failed: pd.DataFrame) -> Phrases:
    """Return how requests failed, the commonest kind first, as phrases."""
    kinds = [
        *(
            (int(count), _with_status(int(status), int(count)))
            for status, count in failed["status"].value_counts().items()
        ),
        *(
            (int(count), message("health-failed-error", error=Resource(str(error)), count=int(count)))
            for error, count in failed.loc[failed["status"].isna(), "error"].value_counts().items()
        ),
    ]
    if silent := int((failed["status"].isna() & failed["error"].isna()).sum()):
        kinds.append((silent, message("health-failed-silent", count=silent)))
    return Phrases(tuple(said for _, said in sorted(kinds, key=lambda kind: -kind[0])))


def error_of(context: HealthContext, failed: pd.DataFrame) -> Message | None:
    """Return the error of the failed requests in its own words: an exception, else most lines of Nginx."""
    if (failed["status"] == SERVER_ERROR).sum() >= FEWEST and (raised := _raised(context)) is not None:
        return _exception(raised)
    lines = context.lines_of(context.fates[context.fates["route"].isin(context.routes)])
    for words, count in lines["message"].value_counts().head(1).items():
        if count > len(failed) / 2:
            of_words = lines["message"] == words
            return _error_line(str(words), int(count), lines.loc[of_words, "upstream_addr"])
    return None


def _failures(context: HealthContext) -> Iterator[Message]:
    """Yield how the requests of the incident failed, and the error in its own words."""
    failed = failed_requests(context)
    if failed.empty:
        return
    yield message("health-failed-with", kinds=kinds_of_failure(failed))
    if (error := error_of(context, failed)) is not None:
        yield error


@once_per_context
def _raised(context: HealthContext) -> LoggedException | None:
    """Return the exception that the affected service logged most often during the incident."""
    return commonest_exception(context.of_incident(own_rows(context, "app_log")))


def _exception(raised: LoggedException) -> Message:
    return message(
        "health-exception",
        error=Quotation(raised.error[:MOST_QUOTED]),
        count=raised.count,
        about=Choice("place" if raised.place else "none"),
        place=raised.place or Resource(""),
    )


def _container_log(context: HealthContext) -> Code:
    moments = (context.start, context.end)
    since_utc, until_utc = (f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in moments)
    return Code(addresses(context).log_between(since_utc, until_utc))


def _with_status(status: int, count: int) -> Message:
    by = Choice("client" if status == CLIENT_CLOSED else "server")
    return message("health-failed-status", status=Resource(str(status)), by=by, count=count)


def _alerts(context: HealthContext) -> Message | None:
    """Return what Nginx's error log says most often at the levels of what it could not do at all.

    A connection that Nginx could not accept is in no access log, whatever became of its requests.
    """
    errors = context.table("error_log")
    severe = errors[errors["level"].isin(SEVERE)]
    for words, count in severe["message"].value_counts().head(1).items():
        if count >= FEWEST:
            return _error_line(
                str(words), int(count), severe.loc[severe["message"] == words, "upstream_addr"]
            )
    return None


def _error_line(words: str, count: int, addresses: pd.Series) -> Message:
    """Return words of Nginx's error log, with the upstream where all are about one."""
    upstreams = addresses.dropna().unique()
    upstream = Resource(str(upstreams[0])) if len(upstreams) == 1 else None
    return message(
        "health-error-line",
        error=Quotation(words),
        count=count,
        about=Choice("upstream" if upstream else "none"),
        upstream=upstream or Resource(""),
    )


def _refusals(context: HealthContext) -> list[Message]:
    """Return which unmonitored endpoints the application refused to its callers, or whose callers left."""
    once = context.handler_refusals.drop_duplicates("row")
    said = []
    for route, rows in once.groupby("route"):
        path = Resource(str(route))
        if rows["status"].eq(CLIENT_CLOSED).all():
            said.append(message("health-callers-left", path=path, requests=len(rows)))
            continue
        statuses = [int(status) for status in rows["status"].value_counts().index]
        said.append(message("health-own-errors", path=path, requests=len(rows), statuses=statuses))
    return said


def _held_back(context: HealthContext) -> list[Message]:
    """Return a sentence for each path on which a limit of Nginx refused requests beyond the usual."""
    said = []
    for route, seen in context.held_back.groupby("route"):
        rows = seen[seen["vantage"] == seen["vantage"].mode().iloc[0]]
        said.append(
            message(
                "health-held-back",
                path=Resource(str(route)),
                requests=len(rows),
                statuses=[int(status) for status in rows["status"].value_counts().index],
                span=TimeSpan(rows["start"].min().to_pydatetime(), rows["start"].max().to_pydatetime()),
            )
        )
    return said


def _brief(start: datetime, end: datetime, bad: int) -> Message:
    lasted = Duration((end - start).total_seconds())
    return message("health-brief-failure", start=start, bad=bad, lasted=lasted)


def medians_s(context: HealthContext) -> tuple[float, float]:
    """Return the median response time in seconds during the incident and outside; NaN where unknown."""
    rows = context.observed[context.observed["route"].isin(context.routes[:1])]
    for vantage in ("outside", "edge", "nginx"):
        mine = rows[(rows["vantage"] == vantage) & rows["duration_s"].notna()]
        during, usual = mine.loc[mine["during"], "duration_s"], mine.loc[~mine["during"], "duration_s"]
        if min(len(during), len(usual)) >= FEWEST:
            return float(during.median()), float(usual.median())
    return float("nan"), float("nan")


def _not_cleared(context: HealthContext) -> Message:
    """Return why a record without an incident does not show that nothing happened."""
    if not is_timed(context):
        return message("health-no-times")
    return message("health-too-little" if edge_visible(context) else "health-edge-not-cleared")


def why(
    context: HealthContext,
    ranking: Sequence[Ranked],
    verdict: Verdict,
    confidence: float,
    others: Sequence[str] = (),
) -> Text:
    """Return the cause with its mechanism, or why none is named."""
    first = ranking[0]
    if verdict == "no_incident":
        return _no_cause(context)
    if verdict == "inconclusive" and context.incident is None:
        line = known_line(ranking)
        return _not_cleared(context) if line is None else sentences(line, not_separated(ranking))
    if (
        verdict == "inconclusive"
        and cause_of(first).layer not in BEFORE_APPLICATION
        and (well := spared(context))
    ):
        return message(
            "health-spared",
            spared=well,
            paths=context.endpoints,
            cause=value_of(first.finding.name),
            probability=Probability(first.probability),
            option=Code("--endpoint"),
        )
    if verdict == "inconclusive":
        return not_separated(ranking)
    finding = first.finding
    best = next((item for item in finding.evidence if item.weight > 0), None)
    reason = finding.detail or (best.statement if best else None)
    cause = value_of(finding.name)
    second = next((entry.finding for entry in ranking[1:] if entry.finding.cause in others), None)
    if second is not None:
        both = message("health-two-causes", first=cause, second=value_of(second.name))
        return sentences(both, reason, second.detail)
    return sentences(message("health-cause", cause=cause, confidence=Probability(confidence)), reason)


def _no_cause(context: HealthContext) -> Message:
    if context.slowdown is not None:
        return message("health-degradation-no-incident")
    brief = find_brief_failure(context.observed)
    return message("health-no-cause-needed" if brief is None else "health-brief-no-cause")


def what_to_do(context: HealthContext, found: Diagnosis, *, is_known: bool) -> Text:
    """Return the steps of a fault that is known, else the evidence to collect or the next test."""
    if found.verdict == "no_incident":
        return message("health-do-nothing")
    if (
        found.verdict == "inconclusive"
        and context.incident is not None
        and (raised := _raised(context)) is not None
    ):
        rows = context.outer_affected[context.outer_affected["failed"]]
        if (rows["status"] == SERVER_ERROR).sum() >= MOST * len(rows):
            return message(
                "health-correct-exception",
                about=Choice("place" if raised.place else "none"),
                place=raised.place or Resource(""),
                command=_container_log(context),
            )
    if is_known:
        return message("health-remedy", remedy=value_of(sentences(*(step.text for step in found.now))))
    if found.missing_evidence:
        item = found.missing_evidence[0]
        return message("health-collect-next", what=value_of(item.what), why=value_of(item.why))
    return message("health-next-test", test=value_of(found.ranking[0].finding.next_test))

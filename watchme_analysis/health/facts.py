"""What is known of an incident of endpoints without any cause: headline and figures; and what to do now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isnan
from typing import TYPE_CHECKING, Any

from watchme_analysis.evidence.app_log import lifecycle_state
from watchme_analysis.health.affected_service import own_rows
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.summary import (
    SLOWER,
    error_of,
    failed_requests,
    filled_in,
    kinds_of_failure,
    medians_s,
    what_happened,
)
from watchme_analysis.health.thresholds import MOST
from watchme_analysis.inference.causes import Remedy, saves
from watchme_analysis.inference.findings import (
    Diagnosis,
    Fact,
    Ranked,
    Step,
    begun,
    error_times_fact,
    fact,
    iso_time,
    state_fact,
    time_span,
)
from watchme_analysis.inference.known_lines import brief_line, unknown_lines
from watchme_analysis.present.short_answer import next_steps, remedy_steps
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Message,
    Names,
    Quotation,
    Resource,
    Text,
    message,
    sentences,
)
from watchme_analysis.text.render import value_message

if TYPE_CHECKING:
    import pandas as pd

# Nginx responds with this status after its time limit for the upstream (ngx_http_upstream_module).
GATEWAY_TIMEOUT = 504
# Slowdowns that are facts, by choice; the field ``degradation`` holds all.
MOST_SLOWED = 3
# Texts of probers and of the table of requests for a response that did not come in time.
TIMED_OUT = r"time[d ]*_?\s*out"


def headline(context: HealthContext, found: Diagnosis) -> Text:
    """Return in one sentence which endpoint fails or is slow, since when, with the error in its own words."""
    incident = context.incident
    if incident is None:
        line = brief_line(found.ranking) if found.verdict == "inconclusive" else None
        if line is None and context.outer.empty:
            line = _strongest(found.ranking) or unknown_lines(context.table("app_log"))
        return line or _first(what_happened(context, None))
    failed = failed_requests(context)
    error = error_of(context, failed) if len(failed) else None
    lost = min(len(failed), int(incident.count))
    mostly_failed = lost > MOST * incident.count
    during_s, usual_s = medians_s(context)
    how = _how(failed) if mostly_failed else message("headline-slow")
    if not lost and during_s > usual_s:
        how = message("headline-slower", usual=Duration(usual_s), during=Duration(during_s))
    bad = lost if mostly_failed else int(incident.count) - lost
    part = "every" if bad == incident.base else "counts" if mostly_failed or not lost else "both"
    first = _record_start(context)
    return message(
        "headline-requests",
        paths=Names(context.endpoints, limit=3),
        how=how,
        part=Choice(part),
        bad=bad,
        failed=lost,
        requests=int(incident.base),
        state=Choice("open" if incident.is_open else "ended"),
        start=begun(incident.start, first),
        span=time_span(incident.start, incident.end, first),
        said=Choice("error" if error else "none"),
        error=error.values["error"] if error else Resource(""),
    )


def _strongest(ranking: Sequence[Ranked]) -> Text | None:
    """Return the statement that speaks most for the likeliest cause, None where none does."""
    evidence = [item for item in ranking[0].finding.evidence if item.weight > 0]
    return max(evidence, key=lambda item: item.weight).statement if evidence else None


def _first(text: Text) -> Text:
    """Return the first of several sentences."""
    return text.items_of("sentences")[0] if isinstance(text, Message) and text.id == "sentences" else text


def _how(failed: pd.DataFrame) -> Message:
    """Return how most of the failed requests failed."""
    status = failed["status"]
    late = (status == GATEWAY_TIMEOUT) | failed["error"].str.contains(TIMED_OUT, case=False).fillna(False)
    if late.sum() > MOST * len(failed):
        return message("headline-timed-out")
    if status.isna().sum() > MOST * len(failed):
        return message("headline-silent")
    commonest = [int(value) for value in status.value_counts().index]
    return message("headline-status", statuses=Names(tuple(map(str, commonest)), limit=2))


def facts(context: HealthContext, found: Diagnosis) -> tuple[Fact, ...]:
    """Return the figures of an incident, or those of all requests without one."""
    incident, calm = context.incident, found.verdict == "no_incident"
    paths = context.endpoints
    if incident is None:
        requests = context.outer_requests
        failing = requests["failed"]
        lost = int(failing.sum()) if len(requests) else None
        # Lines of errors have no duration, and show neither all requests nor the late ones.
        timed = bool(requests["duration_s"].notna().any())
        total = len(requests) if timed else None
        late = int((requests["bad"] & ~failing).sum()) if timed else None
        hit = [] if calm else [*requests.loc[failing, "route"].dropna().unique()]
        affected = fact("affected_resource", hit if hit or calm else None, Names(tuple(hit), limit=3))
        times = [] if calm else _error_times(context, requests)
        slowed = [_slowed(entry) for entry in found.extra["degradation"][:MOST_SLOWED]]
        state = [state_fact(None, None)] if times else []
        return (affected, *times, *state, context.inv.data_end(), *slowed, *_of_requests(lost, late, total))
    failed = failed_requests(context)
    lost = min(len(failed), int(incident.count))
    timed = bool(context.outer_affected["duration_s"].notna().any())
    late = int(incident.count) - lost
    listed = [
        fact("affected_resource", list(paths), Names(paths)),
        fact("first_harm", iso_time(incident.start), begun(incident.start, _record_start(context))),
        state_fact("open" if incident.is_open else "ended", incident.end, _ending(context)),
        context.inv.data_end(),
        _preceding(context),
        *_of_requests(lost, late if late or timed else None, int(incident.base), incident.vantage),
    ]
    if (replicas := context.replicas)["failing"].any():
        failing = list(map(str, replicas.index[replicas["failing"]]))
        shown = message("fact-failing-replicas-value", failing=Names(tuple(failing)), replicas=len(replicas))
        listed.append(fact("failing_replicas", failing, shown))
    if len(failed):
        counts = {str(int(status)): int(count) for status, count in failed["status"].value_counts().items()}
        if silent := int(failed["status"].isna().sum()):
            counts["none"] = silent
        shown = message("fact-statuses-value", kinds=kinds_of_failure(failed))
        listed.append(fact("statuses", counts, shown, "requests"))
    during_s, usual_s = medians_s(context)
    # A median that is as usual explains nothing.
    if not max(during_s, usual_s) <= SLOWER * min(during_s, usual_s):
        medians = message("fact-response-time-value", during=Duration(during_s), usual=Duration(usual_s))
        listed.append(fact("response_time", None if isnan(during_s) else round(during_s, 3), medians, "s"))
    error = error_of(context, failed) if len(failed) else None
    if error is not None and isinstance(words := error.values["error"], Quotation):
        listed.append(fact("error", words.text, words))
    return tuple(listed)


def _slowed(entry: Mapping[str, Any]) -> Fact:
    """Return a slowdown that is no incident, from the field ``degradation``."""
    shown = message(
        "fact-degradation-value",
        path=Resource(entry["route"]),
        during=Duration(entry["now_s"]),
        usual=Duration(entry["usual_s"]),
    )
    return fact("degradation", dict(entry), shown)


def _of_requests(failed: int | None, late: int | None, total: int | None, vantage: str = "") -> list[Fact]:
    """Return the facts on failed and on late requests, of all if these are known, as a vantage saw them."""

    def counted(name: str, part: int | None) -> Fact:
        value = message("count-unknown")
        if part is not None:
            of_unknown = message("fact-of-unknown", part=part)
            value = of_unknown if total is None else message("fact-of-total", part=part, total=total)
        seen_by = value_message("vantage", vantage) if vantage else Resource("")
        phrase = message(
            f"fact-{name}-requests", value=value, seen=Choice("known" if vantage else "all"), vantage=seen_by
        )
        return Fact(f"{name}_requests", part, "requests", phrase)

    return [counted("failed", failed), counted("late", late)]


def _error_times(context: HealthContext, requests: pd.DataFrame) -> list[Fact]:
    """Return when requests failed, else when Nginx or the application logged errors."""
    app_log = context.table("app_log")
    errors = app_log.loc[app_log["level"].isin(["ERROR", "CRITICAL"]), "time"]
    for times in (requests.loc[requests["failed"], "start"], context.table("error_log")["time"], errors):
        if len(known := times.dropna()):
            return [error_times_fact(known.min().to_pydatetime(), known.max().to_pydatetime())]
    return []


def _preceding(context: HealthContext) -> Fact:
    """Return the last recorded change before the first harm."""
    changes, errors, log = context.table("changes"), context.table("error_log"), own_rows(context, "app_log")
    changes = changes[changes["error_code"].isna() & ~changes["read_only"].fillna(False)]
    named = changes["event_name"].fillna("") + " " + changes["resource"].fillna("")
    seen = [
        (time, message("mark-change", change=Resource(name.strip())))
        for time, name in zip(changes["time"], named, strict=True)
    ]
    for kind in ("reload", "startup"):
        mark = message(f"mark-nginx-{kind}")
        seen += [(time, mark) for time in errors.loc[errors["kind"].eq(kind), "time"]]
    starts_or_stops = log[log["kind"].eq("lifecycle")]
    states = starts_or_stops["message"].map(lifecycle_state)
    seen += [
        (time, message("mark-application", state=Choice(state)))
        for time, state in zip(starts_or_stops["time"], states, strict=True)
    ]
    # Not a number, a missing time is not before the harm.
    before = [one for one in seen if context.incident and one[0] <= context.incident.start]
    if before:
        moment, change = max(before, key=lambda one: one[0])
        moment = moment.to_pydatetime()
        return fact("preceding_change", iso_time(moment), message("fact-mark", time=moment, change=change))
    covered = context.inv.case.coverage().get("changes")
    none_seen = message("fact-no-change") if covered and not covered["truncated"] else None
    return fact("preceding_change", "none" if none_seen else None, none_seen)


def _record_start(context: HealthContext) -> datetime | None:
    """Return when the vantage that counts the incident saw its endpoints first."""
    rows, incident = context.outer, context.incident
    seen = rows["route"].isin(context.routes) & (rows["vantage"] == (incident.vantage if incident else None))
    return rows.loc[seen, "start"].min().to_pydatetime() if seen.any() else None


def _ending(context: HealthContext) -> Text | None:
    """Return the start of the application, or of Nginx, with which bad requests ended; None where unknown."""
    incident, rows = context.incident, context.outer_affected
    if incident is None or not rows["bad"].any():
        return None
    last = rows.loc[rows["bad"], "start"].max().floor("s")  # Nginx logs whole seconds.
    until = incident.end + timedelta(seconds=1)
    log, errors = own_rows(context, "app_log"), context.table("error_log")
    logged = log.loc[log["kind"].eq("lifecycle") & log["time"].between(last, until), "message"]
    if len(logged):
        return message("mark-application", state=Choice(lifecycle_state(logged.iloc[-1])))
    for kind in ("reload", "startup"):
        if (errors.loc[errors["kind"].eq(kind), "time"].between(last, until)).any():
            return message(f"mark-nginx-{kind}")
    return None


def steps(
    context: HealthContext,
    found: Diagnosis,
    remedies: Sequence[Remedy],
    candidates: Sequence[tuple[Text, Text]],
) -> tuple[Step, ...]:
    """Return what to do now: save evidence, then restore and prevent, or without a remedy the next test.

    ``candidates`` are the causes of an open verdict, each with what restores service.
    """
    if found.verdict == "no_incident":
        return ()
    usual = filled_in(context, saves("health")["log"])
    if not remedies:
        return next_steps(found.ranking, found.missing_evidence, usual, candidates)

    def joined(kind: str) -> Text | None:
        return sentences(*dict.fromkeys(getattr(remedy, kind) for remedy in remedies))

    return remedy_steps(
        save=remedies[0].save or usual,
        restore=joined("restore"),
        verify=joined("verify"),
        prevent=joined("prevent"),
        ended=context.incident is not None and not context.incident.is_open,
    )

"""From weighed findings to a verdict, its sentences, and the next test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from watchme_analysis.health.application_errors import monitored_routes
from watchme_analysis.health.hypotheses.facts import Facts, listed, seconds, share
from watchme_analysis.health.hypotheses.lookalikes import Lookalike, deciding_tables
from watchme_analysis.health.hypotheses.missing import missing_evidence
from watchme_analysis.health.hypotheses.process import gauges
from watchme_analysis.health.hypotheses.second import second_fault, weaker_second, with_pair
from watchme_analysis.health.hypotheses.weights import BEFORE_APPLICATION, CEILING, OF_PROCESS, SUPPORTED_AT
from watchme_analysis.health.incident import find_brief_failure, judge_requests
from watchme_analysis.inference.findings import Diagnosis, Finding, Missing, Ranked, Verdict
from watchme_analysis.inference.weighing import weigh
from watchme_analysis.requests.concurrency import pile_up_start
from watchme_analysis.text.render import render

# That all is well inside says that the fault lies before the application, not where: one of these needs a
# mark of its own this strong.
OWN_MARK = 0.85
# Few double faults were recorded: no more is promised of them.
TWO_FAULTS_CONFIDENCE = 0.75
# What hangs on one observation is wrong where that one is misread or has a reason nobody thought of.
ONE_OBSERVATION_CONFIDENCE = 0.89
# Share of what callers met that must have a duration before slowness can be ruled out; else so many probes
# from outside, over so much of the record, would have met it.
TIMED_SHARE = 0.3
ENOUGH_PROBES, PROBED_SHARE = 20, 0.8

CAUSE_WORDS = {
    "nginx_config": "Nginx's configuration",
    "edge_config": "the edge's configuration",
    "docker_network": "the network between the host and the container",
    "app_event_loop": "a blocked event loop in the application",
    "app_threadpool": "a used-up thread pool in the application",
    "app_saturation": "a process or host out of resources",
    "none": "none of the causes considered",
}


def conclude(
    found: Facts,
    findings: Sequence[Finding],
    priors: Mapping[str, float],
    alike: Sequence[Lookalike] = (),
    pair: Sequence[Diagnosis] = (),
) -> Diagnosis:
    """Rank the findings and state the verdict.

    Parameters
    ----------
    found
        The facts.
    findings
        One for each cause.
    priors
        Log-odds before the evidence.
    alike
        Causes that the case does not tell apart.
    pair
        Diagnoses of two faults, each by the requests that its layer answers for.
    """
    ranking = weigh(findings, priors, supported_at=SUPPORTED_AT, complement="none")
    first = ranking[0]
    verdict: Verdict
    cause: str | None
    if found.incident is None and not (_timed(found) and first.probability >= SUPPORTED_AT):
        verdict, cause, confidence = "inconclusive", None, min(first.probability, 0.5)
    elif found.incident is None:
        verdict, cause, confidence = "no_incident", "none", min(first.probability, CEILING)
    elif first.finding.cause != "none" and first.status == "supported" and _has_mark(found, first):
        verdict, cause = "supported", first.finding.cause
        most = ONE_OBSERVATION_CONFIDENCE if _hangs_on_one(findings, priors, cause) else CEILING
        confidence = min(first.probability, most)
    else:
        verdict, cause, confidence = "inconclusive", None, min(first.probability, CEILING)
    second = second_fault(ranking) if found.incident is not None else None
    if pair:
        ranking = with_pair(findings, priors, [one.ranking[0].finding for one in pair], first.finding.cause)
        first, second = ranking[:2]
        confidence = confidence if cause in {one.cause for one in pair} else TWO_FAULTS_CONFIDENCE
        verdict, cause = "supported", first.finding.cause
    elif second is not None:
        if verdict == "inconclusive":
            verdict, cause, confidence = "supported", first.finding.cause, TWO_FAULTS_CONFIDENCE
        both = (first, second)
        ranking = tuple(replace(one, status="supported") if one in both else one for one in ranking)
        first = ranking[0]
    probability = {entry.finding.cause: entry.probability for entry in ranking}
    missing = missing_evidence(found, probability, deciding_tables(alike, probability))
    also = second.finding.cause if second is not None else weaker_second(ranking)
    begun, ended = _span(found, cause, pair)
    return Diagnosis(
        question="health",
        case=found.inv.case.name,
        verdict=verdict,
        cause=cause,
        secondary_cause=also if verdict == "supported" else None,
        confidence=confidence,
        incident_start=begun,
        incident_end=ended,
        ranking=ranking,
        coverage=found.inv.case.coverage(),
        missing_evidence=missing,
        extra={"endpoints": _endpoints(found, pair)},
        summary=(
            _what_each(pair) if pair else _what(found, begun),
            _why(found, ranking, verdict, confidence),
            _next(found, first, verdict, missing),
        ),
    )


def _hangs_on_one(findings: Sequence[Finding], priors: Mapping[str, float], cause: str) -> bool:
    """Tell whether one observation carries the verdict: without it the cause is not supported."""
    mine = next(finding for finding in findings if finding.cause == cause)
    for statement in {item.statement for item in mine.evidence}:
        poorer = [
            replace(one, evidence=tuple(item for item in one.evidence if item.statement != statement))
            for one in findings
        ]
        first = weigh(poorer, priors, supported_at=SUPPORTED_AT, complement="none")[0]
        if first.finding.cause != cause or first.status != "supported":
            return True
    return False


def _span(
    found: Facts, cause: str | None, pair: Sequence[Diagnosis]
) -> tuple[datetime | None, datetime | None]:
    """Return when the trouble began and ended (None while open): both faults, where two are told apart."""
    incident = found.incident
    if incident is None:
        return None, None
    starts = [_began(found, cause), *(one.incident_start for one in pair if one.incident_start)]
    ends = [None if incident.is_open else incident.end, *(one.incident_end for one in pair)]
    known = [end for end in ends if end is not None]
    return min(starts), max(known) if len(known) == len(ends) else None


def _endpoints(found: Facts, pair: Sequence[Diagnosis]) -> list[str]:
    """Return the paths affected by the incident, then those that only one fault of a pair did harm to."""
    return list(dict.fromkeys([*found.endpoints, *(path for one in pair for path in one.extra["endpoints"])]))


def _began(found: Facts, cause: str | None) -> datetime:
    """Return when the trouble began: for a pool of threads, when it began to fill."""
    if cause == "app_threadpool":
        wide = gauges(found)
        if "in_flight" in wide:
            return pile_up_start(wide["in_flight"], found.start)
    return found.start


def _timed(found: Facts) -> bool:
    """Tell whether the evidence would have shown a slow endpoint."""
    outer = found.outer
    timed = outer["duration_s"].notna()
    if len(outer) > 0 and timed.mean() >= TIMED_SHARE:
        return True
    probed = outer.loc[timed & (outer["vantage"] == "outside"), "start"]
    if len(probed) < ENOUGH_PROBES:
        return False
    whole, covered = (moments.max() - moments.min() for moments in (outer["start"], probed))
    return bool(covered >= PROBED_SHARE * whole)


def _spared(found: Facts) -> list[str]:
    """Return the endpoints asked about that the affected process served well all along."""
    if found.inv.options.get("endpoint"):
        return []
    return sorted(monitored_routes(found.observed) & set(found.calm_neighbours()))


def _has_mark(found: Facts, entry: Ranked) -> bool:
    """Tell whether a cause shows by more than that others are ruled out, where it has to.

    A cause before the application has to, and one of the process while that serves the endpoint asked about
    well.
    """
    if entry.finding.cause not in BEFORE_APPLICATION and not _spared(found):
        return True
    return max((item.weight for item in entry.finding.evidence), default=0.0) >= OWN_MARK


def _what(found: Facts, begun: datetime | None) -> str:
    incident = found.incident
    outer = found.outer
    if incident is None:
        judged = judge_requests(outer)
        bad = share(int(judged["bad"].sum()), len(judged))
        said = f"No endpoint was slow or failing for long: {bad} requests and probes were bad."
        brief = find_brief_failure(found.observed)
        return " ".join([said, *([_brief(*brief)] if brief else []), *_own_errors(found), *_held_back(found)])
    rows = outer[outer["during"] & outer["family"].isin(incident.families)]
    failed = int(judge_requests(rows)["failed"].sum())
    how_many = f"{failed:,d}" if failed else "none"
    bad_of_all = share(int(incident.count), int(incident.base))
    middle, usual = _medians(found)
    end = (
        "UTC to the end of the data, still open then"
        if incident.is_open
        else f"to {incident.end:%H:%M:%S} UTC"
    )
    times = f"; the median went from {seconds(usual)} to {seconds(middle)}" if middle > 1.5 * usual else ""
    piled = (
        f"From {begun:%Y-%m-%d %H:%M:%S} UTC on requests piled up in the process. "
        if begun is not None and begun < incident.start
        else ""
    )
    return (
        f"{piled}From {incident.start:%Y-%m-%d %H:%M:%S} {end}, {bad_of_all} "
        f"requests of {listed(found.endpoints)} were slow or failed ({how_many} failed){times}."
        + "".join(f" {sentence}" for sentence in _held_back(found))
    )


def _what_each(pair: Sequence[Diagnosis]) -> str:
    """Say of each of two faults what it did and when, the earlier one first."""
    told = sorted(pair, key=lambda one: (one.incident_start is None, one.incident_start))
    return " ".join(f"{one.summary[0]} That was {CAUSE_WORDS[str(one.cause)]}." for one in told)


def _own_errors(found: Facts) -> list[str]:
    """Say which endpoints, beside those probed, the application answered with errors of its own."""
    once = found.own_errors.drop_duplicates("row")
    said = []
    for family, rows in once.groupby("family"):
        statuses = listed(int(status) for status in rows["status"].value_counts().index)
        if rows["status"].eq(499).all():
            said.append(
                f"Callers left all {len(rows):,d} requests of {family} before an answer: they wait for less "
                "time than that handler takes."
            )
            continue
        said.append(
            f"The application itself answered {len(rows):,d} requests of {family} at once with {statuses}: a "
            "fault of that handler, or of its callers."
        )
    return said


def _held_back(found: Facts) -> list[str]:
    """Return a sentence for each path on which a limit of Nginx refused requests beyond the usual."""
    said = []
    for family, seen in found.held_back.groupby("family"):
        rows = seen[seen["vantage"] == seen["vantage"].mode().iloc[0]]
        statuses = listed(int(status) for status in rows["status"].value_counts().index)
        said.append(
            f"A limit of Nginx refused {len(rows):,d} requests of {family} with {statuses} from "
            f"{rows['start'].min():%Y-%m-%d %H:%M:%S} to {rows['start'].max():%H:%M:%S} UTC: it held back "
            "what was beyond the usual, and explains no other failure."
        )
    return said


def _brief(start: datetime, end: datetime, bad: int) -> str:
    lasted = seconds((end - start).total_seconds())
    return (
        f"At {start:%Y-%m-%d %H:%M:%S} UTC {bad:,d} requests were slow or failed within {lasted}: too short "
        "to tell a fault from a restart or reload."
    )


def _medians(found: Facts) -> tuple[float, float]:
    rows = found.observed[found.observed["family"].isin(found.families[:1])]
    for vantage in ("outside", "edge", "nginx"):
        mine = rows[(rows["vantage"] == vantage) & rows["duration_s"].notna()]
        during, usual = mine.loc[mine["during"], "duration_s"], mine.loc[~mine["during"], "duration_s"]
        if len(during) >= 3 and len(usual) >= 3:
            return float(during.median()), float(usual.median())
    return float("nan"), float("nan")


def _why(found: Facts, ranking: Sequence[Ranked], verdict: Verdict, confidence: float) -> str:
    first = ranking[0]
    if verdict == "no_incident":
        brief = find_brief_failure(found.observed)
        said = "Nothing needs a cause." if brief is None else "What passes so quickly is given no cause."
        if not set(found.observed["vantage"]) & {"edge", "outside"}:
            said += " This is what Nginx saw: an edge before it may still hold or refuse requests."
        return said
    if verdict == "inconclusive" and found.incident is None:
        lacks = (
            "there are too few observations, or too many strained ones, to rule trouble out"
            if _timed(found)
            else "the evidence holds no times, so that slowness can't be ruled out"
        )
        return f"No endpoint was bad for long, but {lacks}."
    if verdict == "inconclusive" and first.finding.cause in OF_PROCESS and (spared := _spared(found)):
        return (
            f"{listed(spared)} did well all along. What held up {listed(found.endpoints)} was most likely "
            f"{CAUSE_WORDS[first.finding.cause]} ({first.probability:.0%}); --endpoint asks about one alone."
        )
    if verdict == "inconclusive":
        open_causes = [entry for entry in ranking if entry.probability >= 0.1]
        said = listed(
            f"{CAUSE_WORDS[entry.finding.cause]} ({entry.probability:.0%})" for entry in open_causes
        )
        return f"The evidence does not separate the causes: {said}."
    finding = first.finding
    best = next((item for item in finding.evidence if item.weight > 0), None)
    reason = finding.detail or (render(best.statement).rstrip(".") if best else "")
    second = next((entry.finding for entry in ranking[1:] if entry.status == "supported"), None)
    if second is not None:
        also = f"{CAUSE_WORDS[second.cause]}" + (f": {second.detail}" if second.detail else "")
        return f"Two causes hold: {CAUSE_WORDS[finding.cause]}: {reason}; and {also}."
    return f"The cause is {CAUSE_WORDS[finding.cause]} ({confidence:.0%}): {reason}."


def _next(found: Facts, first: Ranked, verdict: Verdict, missing: Sequence[Missing]) -> str:
    if verdict == "no_incident":
        return "Do nothing, or widen the window if the trouble lay outside of it."
    if verdict == "inconclusive" and missing:
        item = missing[0]
        return f"Collect {item.what} next: {item.why}."
    return f"Next: {first.finding.next_test}"

"""Causes that lie in how much arrives and how much may run."""

from __future__ import annotations

from dataclasses import replace

from watchme_analysis.backlog.hypotheses.evidence import arrivals_column, error_evidence, share_evidence
from watchme_analysis.backlog.hypotheses.leads import slow_leads, surge_leads
from watchme_analysis.backlog.hypotheses.picture import change_evidence, picture
from watchme_analysis.backlog.hypotheses.rows import matching, points
from watchme_analysis.backlog.hypotheses.weights import weight
from watchme_analysis.inference.findings import Evidence, Finding, Investigation, hypothesis
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.stats.intervals import Interval


@hypothesis(
    "backlog",
    title="More messages arrive than the function can take",
    needs=("metrics", "event_source_mappings"),
    cannot_see=("Who sent the messages, and why.",),
)
def arrival_surge(inv: Investigation) -> Finding:
    """Arrivals leave their rhythm before anything else moves."""
    view = inv.once(picture)
    signs = next((item for item in view.affected if surge_leads(item)), view.focus)
    evidence: list[Evidence] = []
    if signs is not None and {"sent", "invocations"} & signs.pipeline.asked:
        surge = signs.surge
        if surge is None or signs.surge_daily:
            counted = "sent" in signs.pipeline.asked
            words = "kept to their rhythm" + ("" if counted else ", as far as the runs tell")
            evidence.append(
                _arrivals(inv, signs, words, weight("no_surge") if counted else weight("no_surge_of_runs"))
            )
        else:
            leads, troubled = surge_leads(signs), signs.first_trouble() is not None
            when = (
                f"{'before' if leads else 'after'} the first trouble"
                if troubled
                else "and none waited for it"
            )
            evidence.append(
                _arrivals(
                    inv,
                    signs,
                    f"were {surge.count:,.0f} from {surge.start:%Y-%m-%d %H:%M} to {_until(surge)} UTC, "
                    f"{surge.rate:.0f} times the usual, {when}",
                    weight("surge_first") if leads else weight("surge_after"),
                )
            )
            if leads:
                evidence += [*_at_capacity(inv, signs), *_no_load_error(inv, signs)]
    return Finding(
        "arrival_surge",
        tuple(evidence),
        next_test="Count the surge's messages by recorded_at: recordings sent again carry old dates.",
    )


def _arrivals(inv: Investigation, signs: QueueAnalysis, words: str, value: float) -> Evidence:
    surge = signs.surge
    return Evidence(
        f"Arrivals at {signs.pipeline.queue} {words}.",
        weight=value,
        effect=surge.rate if surge is not None and not signs.surge_daily else None,
        effect_unit="ratio" if surge is not None and not signs.surge_daily else None,
        check="arrivals",
        **points(inv, signs.pipeline, (arrivals_column(signs),)),
    )


def _until(surge: Interval) -> str:
    """Return a surge's end, with its day where that is another one."""
    return f"{surge.end:%H:%M}" if surge.start.date() == surge.end.date() else f"{surge.end:%Y-%m-%d %H:%M}"


def _no_load_error(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh that what came beyond the usual failed of itself, not of being too much."""
    kinds = ("message", "code_or_message", "function")
    if signs.failures is None or signs.errors.share(*kinds) < 0.5:
        return []
    return [
        replace(item, weight=weight("load_breaks_no_message", signs.errors.share(*kinds)))
        for item in error_evidence(inv, signs, (), "timeout_error")
    ]


def _at_capacity(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh that the function ran at its maximum while messages waited."""
    limits = [
        limit
        for limit in (signs.pipeline.settings.max_concurrency, signs.pipeline.settings.reserved_concurrency)
        if limit
    ]
    frame = signs.pipeline.frame
    waiting = frame[frame["visible"].fillna(0.0) > 0]["concurrency"].dropna()
    if not limits or waiting.empty:
        return []
    share = float((waiting >= min(limits)).mean())
    return [
        Evidence(
            f"{signs.pipeline.function} ran at its limit of {min(limits)} in {share:.0%} of the intervals in "
            "which messages waited.",
            weight=weight("capacity_reached", share),
            effect=share,
            effect_unit="share",
            check="capacity",
            **points(inv, signs.pipeline, ("concurrency", "visible")),
        )
    ]


@hypothesis(
    "backlog",
    title="Concurrency is too low: deliveries are throttled and count as receives",
    needs=("metrics", "functions", "changes"),
    cannot_see=("The account's concurrency limit and what other functions used of it.",),
)
def throttled(inv: Investigation) -> Finding:
    """Deliveries refused for want of concurrency."""
    view = inv.once(picture)
    signs = next((item for item in view.affected if "throttles" in item.harms), view.focus)
    evidence: list[Evidence] = []
    if signs is not None and "throttles" in signs.pipeline.asked:
        throttles = signs.throttles
        known = throttles is not None and "throttles" in signs.harms
        number = throttles.count if throttles else 0.0
        since = f" since {throttles.start:%Y-%m-%d %H:%M} UTC" if throttles else ""
        evidence.append(
            Evidence(
                f"{number:,.0f} deliveries to {signs.pipeline.function} were throttled{since}, "
                f"{signs.throttled_share:.0%} of all attempts.",
                weight=weight("throttles") if known else weight("no_throttles"),
                effect=signs.throttled_share,
                effect_unit="share",
                check="throttles",
                **points(inv, signs.pipeline, ("throttles", "invocations")),
            )
        )
        if known:
            reserved, slowed = signs.pipeline.settings.reserved_concurrency, _slowed_first(inv, signs)
            evidence += slowed
            if reserved is not None and not slowed:
                evidence.append(
                    Evidence(
                        f"{signs.pipeline.function} may run {reserved} at a time, while the poller "
                        "asks for five "
                        "or more at once.",
                        weight=weight("low_reserve"),
                        effect=float(reserved),
                        effect_unit="executions",
                        check="settings",
                        **matching(inv, "functions", ("function", "=", signs.pipeline.function)),
                    )
                )
            evidence += change_evidence(inv, view, "throttled")
            if signs.failures is not None:
                evidence += share_evidence(inv, signs, "failures_lead", "failures_lead")
            if surge_leads(signs):
                evidence.append(
                    _arrivals(inv, signs, "rose before the first throttle", weight("surge_explains"))
                )
    return Finding(
        "throttled",
        tuple(evidence),
        next_test=(
            "`aws lambda get-function-concurrency` and `aws lambda get-account-settings`, and the mapping's "
            "maximum."
        ),
    )


def _slowed_first(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh that runs got slower first."""
    slow = signs.slow
    if slow is None or not slow_leads(signs):
        return []
    return [
        Evidence(
            f"Runs of {signs.pipeline.function} took several times as long from "
            f"{slow.start:%Y-%m-%d %H:%M} UTC "
            + (
                "on, under a limit that had always been there."
                if signs.throttled_always
                else "on, before that."
            ),
            weight=weight("slow_explains"),
            effect=slow.minutes,
            effect_unit="min",
            check="run time",
            **points(inv, signs.pipeline, ("duration_avg_s", "invocations"), slow.start, slow.end),
        )
    ]

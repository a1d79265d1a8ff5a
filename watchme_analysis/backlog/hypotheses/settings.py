"""Causes that lie in the settings of a queue or its mapping."""

from __future__ import annotations

from watchme_analysis.backlog.hypotheses.picture import change_evidence, picture
from watchme_analysis.backlog.hypotheses.rows import matching, points
from watchme_analysis.backlog.hypotheses.weights import weight
from watchme_analysis.inference.findings import Evidence, Finding, Investigation, hypothesis
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.retries import well_between

# Failing runs are what a mapping is switched off for where hardly one of them goes well.
FEW_WELL = 0.15


@hypothesis(
    "backlog",
    title="The visibility timeout does not fit the runs",
    needs=("metrics", "queues", "changes"),
    cannot_see=("How often the same message ran: the workers' full log is needed.",),
)
def visibility_misconfig(inv: Investigation) -> Finding:
    """Messages show again while they are being worked on, or hours after a failed try."""
    view = inv.once(picture)
    signs = next((item for item in view.affected if item.redelivery or item.hidden), view.focus)
    evidence: list[Evidence] = []
    if signs is not None and signs.hidden is not None and signs.redelivery is None:
        evidence = [*_hidden(inv, signs), *change_evidence(inv, view, "visibility_misconfig")]
    elif signs is not None and "received" in signs.pipeline.asked:
        evidence += _redelivery(inv, signs)
        evidence += _visibility(inv, signs)
        if signs.redelivery is not None:
            evidence += change_evidence(inv, view, "visibility_misconfig")
            if signs.balance.duplicate_deletes:
                evidence.append(
                    Evidence(
                        f"{signs.pipeline.queue}: {signs.balance.duplicate_deletes} more deletes than "
                        "messages.",
                        weight=weight("repeated_deletes"),
                        effect=float(signs.balance.duplicate_deletes),
                        effect_unit="messages",
                        check="deletes",
                        **points(inv, signs.pipeline, ("deleted", "sent")),
                    )
                )
    return Finding(
        "visibility_misconfig",
        tuple(evidence),
        next_test=(
            "`aws sqs get-queue-attributes`: VisibilityTimeout against six times the function's timeout."
        ),
    )


def _hidden(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh messages that stand in flight for hours though no run works on them."""
    hidden, settings = signs.hidden, signs.pipeline.settings
    assert hidden is not None
    return [
        Evidence(
            f"From {hidden.start:%Y-%m-%d %H:%M} UTC on up to {hidden.count:,.0f} messages of "
            f"{signs.pipeline.queue} stood in flight for hours and no run worked on them: it hides a "
            "message for "
            f"{settings.visibility_timeout_s:,.0f} s after a failed try, and the function may take "
            f"{settings.function_timeout_s:,.0f} s.",
            weight=weight("hidden_long"),
            effect=hidden.count,
            effect_unit="messages",
            check="settings",
            **points(inv, signs.pipeline, ("in_flight", "visible", "age_s"), hidden.start, hidden.end),
        )
    ]


def _redelivery(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    received, sent = signs.pipeline.count("received") or 0.0, signs.pipeline.count("sent") or 0.0
    failed = signs.pipeline.count("failed") or 0.0
    found = signs.redelivery is not None
    tries = "tries" if signs.pipeline.by_message else "runs"
    # Messages came back, but nobody counted the failures and throttles that bring them back.
    uncounted = not {"sent", "invocations", "errors", "throttles", "failed"} <= signs.pipeline.asked
    if uncounted and received > 1.03 * sent:
        return []
    return [
        Evidence(
            f"{signs.pipeline.queue} handed out {received:,.0f} messages for {sent:,.0f} sent and "
            f"{failed:,.0f} "
            f"failed {tries}{' and throttles' if signs.throttles else ''}"
            + (
                f", the surplus since {signs.redelivery.start:%Y-%m-%d %H:%M} UTC."
                if signs.redelivery
                else "."
            ),
            weight=weight("redelivered") if found else weight("not_redelivered"),
            effect=received / sent if sent else None,
            effect_unit="receives a message" if sent else None,
            check="redelivery",
            **points(inv, signs.pipeline, ("received", "sent", "failed")),
        )
    ]


def _visibility(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    limit = signs.pipeline.settings.visibility_timeout_s
    longest = signs.pipeline.frame["duration_max_s"].dropna()
    if limit is None or longest.empty:
        return []
    run = float(longest.quantile(0.9))
    timeout = signs.pipeline.settings.function_timeout_s
    short = limit < run
    advice = timeout is not None and limit < 6 * timeout and not short
    return [
        Evidence(
            f"{signs.pipeline.queue} hides a message for {limit:.0f} s; long runs take {run:.1f} s "
            "(p90 of the "
            "longest run an interval)" + (f", the function may take {timeout:.0f} s." if timeout else "."),
            weight=weight("visibility_short")
            if short
            else weight("visibility_long") + advice * weight("visibility_advice"),
            effect=limit / run if run else None,
            effect_unit="ratio" if run else None,
            check="settings",
            **matching(inv, "queues", ("queue", "=", signs.pipeline.queue)),
        )
    ]


@hypothesis(
    "backlog",
    title="Nobody polls the queue: its mapping is off",
    needs=("metrics", "event_source_mappings", "changes"),
    cannot_see=("Pollers other than Lambda.",),
)
def mapping_disabled(inv: Investigation) -> Finding:
    """Messages wait and none is received."""
    view = inv.once(picture)
    signs = next((item for item in view.affected if item.unpolled or item.stalled), view.focus)
    evidence: list[Evidence] = []
    if signs is not None:
        answered = _after_failures(inv, signs)
        evidence = [*_starvation(inv, signs), *_mapping(inv, signs), *answered]
        if (signs.unpolled is not None or signs.stalled) and not answered:
            evidence += change_evidence(inv, view, "mapping_disabled")
    return Finding(
        "mapping_disabled",
        tuple(evidence),
        next_test="`aws lambda list-event-source-mappings`: state and reason of the queue's mapping.",
    )


def off_after_failures(signs: QueueAnalysis) -> bool:
    """Tell whether runs had failed, and none went well any more, before nobody asked for messages."""
    failures, starved = signs.failures, signs.unpolled
    if failures is None or starved is None or failures.start >= starved.start:
        return False
    well = well_between(signs, failures.start, starved.start)
    return well is not None and well <= FEW_WELL


def _after_failures(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh that the mapping was switched off as an answer to failing runs."""
    failures, starved = signs.failures, signs.unpolled
    if failures is None or starved is None or not off_after_failures(signs):
        return []
    return [
        Evidence(
            f"{signs.pipeline.tries.capitalize()} had failed from {failures.start:%Y-%m-%d %H:%M} UTC "
            "on before "
            f"messages waited unread from {starved.start:%Y-%m-%d %H:%M} UTC.",
            weight=weight("off_after_failures"),
            check="order",
            **points(inv, signs.pipeline, ("failed", "tried", "received"), failures.start, starved.start),
        )
    ]


def _starvation(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    if not {"visible", "received"} <= signs.pipeline.asked:
        return _waiting(inv, signs)
    starved = signs.unpolled
    words = (
        f"Messages waited in {signs.pipeline.queue} for {starved.minutes:,.0f} min from "
        f"{starved.start:%Y-%m-%d %H:%M} UTC and none was received"
        if starved
        else f"{signs.pipeline.queue} was never left unread for long: messages were received while any waited"
    )
    return [
        Evidence(
            words + ".",
            weight=weight("starved") if starved else weight("still_received"),
            effect=starved.minutes if starved else None,
            effect_unit="min" if starved else None,
            check="receives",
            **points(
                inv,
                signs.pipeline,
                ("received", "visible"),
                starved.start if starved else None,
                starved.end if starved else None,
            ),
        )
    ]


def _waiting(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh the snapshot of the queue where its metrics are missing."""
    if not signs.stalled:
        return []
    return [
        Evidence(
            f"{signs.balance.visible:,d} messages waited in {signs.pipeline.queue} when its attributes were "
            "read, and its mapping is off.",
            weight=weight("waiting_unpolled"),
            effect=float(signs.balance.visible),
            effect_unit="messages",
            check="receives",
            **matching(inv, "queues", ("queue", "=", signs.pipeline.queue)),
        )
    ]


def _mapping(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    state = signs.pipeline.settings.mapping_state
    if state is None:
        return []
    off = state.startswith("Disabl")
    return [
        Evidence(
            f"The mapping of {signs.pipeline.queue} to {signs.pipeline.function} is {state}.",
            weight=weight("mapping_off") if off else weight("mapping_on"),
            check="mapping",
            **matching(inv, "event_source_mappings", ("queue", "=", signs.pipeline.queue)),
        )
    ]

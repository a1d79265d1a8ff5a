"""Causes that lie in the arrivals, the settings or the messages; and that nothing is wrong."""

from __future__ import annotations

from watchme_analysis.analysis.backlog_signs import Signs
from watchme_analysis.hypotheses.backlog_evidence import error_evidence, no_failures_evidence, share_evidence
from watchme_analysis.hypotheses.backlog_picture import (
    FUNCTION_METRICS,
    QUEUE_METRICS,
    Picture,
    change_evidence,
    function_sql,
    picture,
    surge_leads,
)
from watchme_analysis.hypotheses.backlog_weights import weight
from watchme_analysis.hypotheses.base import Evidence, Finding, Investigation, hypothesis


@hypothesis(
    "backlog",
    "arrival_surge",
    title="More messages arrive than the function can take",
    needs=("metrics", "event_source_mappings"),
    cannot_see=("Who sent the messages, and why.",),
)
def arrival_surge(inv: Investigation) -> Finding:
    """Arrivals leave their rhythm before anything else moves."""
    view = inv.once(picture)
    signs = next((item for item in view.affected if surge_leads(item)), view.focus)
    evidence: list[Evidence] = []
    if signs is not None and {"sent", "invocations"} & signs.flow.asked:
        surge = signs.surge
        if surge is None or signs.surge_daily:
            evidence.append(_arrivals(signs, "kept to their rhythm", weight("no_surge")))
        else:
            leads = surge_leads(signs)
            evidence.append(
                _arrivals(
                    signs,
                    f"were {surge.observed:.0f} from {surge.start:%Y-%m-%d %H:%M} to {surge.end:%H:%M} UTC, "
                    f"{surge.rate:.0f} times the usual, {'before' if leads else 'after'} the first trouble",
                    weight("surge_first") if leads else weight("surge_after"),
                )
            )
            if leads:
                evidence += _at_capacity(signs)
    return Finding(
        "arrival_surge",
        tuple(evidence),
        next_test="Count the surge's messages by recorded_at: recordings sent again carry old dates.",
    )


def _arrivals(signs: Signs, words: str, value: float) -> Evidence:
    surge = signs.surge
    return Evidence(
        f"Arrivals at {signs.flow.queue} {words}.",
        "metrics",
        int(signs.flow.frame["sent"].notna().sum()),
        value,
        effect=surge.rate if surge is not None and not signs.surge_daily else None,
        effect_unit="ratio" if surge is not None and not signs.surge_daily else None,
        sql=function_sql(signs, ("NumberOfMessagesSent",)),
        check="arrivals",
    )


def _at_capacity(signs: Signs) -> list[Evidence]:
    """Weigh that the function ran at its maximum while messages waited."""
    limits = [
        limit
        for limit in (signs.flow.settings.max_concurrency, signs.flow.settings.reserved_concurrency)
        if limit
    ]
    frame = signs.flow.frame
    waiting = frame[frame["visible"].fillna(0.0) > 0]["concurrency"].dropna()
    if not limits or waiting.empty:
        return []
    share = float((waiting >= min(limits)).mean())
    return [
        Evidence(
            f"{signs.flow.function} ran at its limit of {min(limits)} in {share:.0%} of the intervals in "
            "which messages waited.",
            "metrics",
            len(waiting),
            weight("capacity_reached", share),
            effect=share,
            effect_unit="share",
            sql=function_sql(signs, ("ConcurrentExecutions",)),
            check="capacity",
        )
    ]


@hypothesis(
    "backlog",
    "throttled",
    title="Concurrency is too low: deliveries are throttled and count as receives",
    needs=("metrics", "functions", "changes"),
    cannot_see=("The account's concurrency limit and what other functions used of it.",),
)
def throttled(inv: Investigation) -> Finding:
    """Deliveries refused for want of concurrency."""
    view = inv.once(picture)
    signs = next((item for item in view.affected if "throttles" in item.harms), view.focus)
    evidence: list[Evidence] = []
    if signs is not None and "throttles" in signs.flow.asked:
        throttles = signs.throttles
        known = throttles is not None and "throttles" in signs.harms
        number = throttles.count if throttles else 0.0
        since = f" since {throttles.start:%Y-%m-%d %H:%M} UTC" if throttles else ""
        evidence.append(
            Evidence(
                f"{number:.0f} deliveries to {signs.flow.function} were throttled{since}, "
                f"{signs.throttled_share:.0%} of all attempts.",
                "metrics",
                int(signs.flow.frame["invocations"].notna().sum()),
                weight("throttles") if known else weight("no_throttles"),
                effect=signs.throttled_share,
                effect_unit="share",
                sql=function_sql(signs, ("Throttles", "Invocations")),
                check="throttles",
            )
        )
        if known:
            reserved = signs.flow.settings.reserved_concurrency
            if reserved is not None:
                evidence.append(
                    Evidence(
                        f"{signs.flow.function} may run {reserved} at a time, while the poller asks for five "
                        "or more at once.",
                        "functions",
                        1,
                        weight("low_reserve"),
                        effect=float(reserved),
                        effect_unit="executions",
                        sql=f"select * from functions where function = '{signs.flow.function}'",
                        check="settings",
                    )
                )
            evidence += change_evidence(inv, view, "throttled")
            if signs.failures is not None:
                evidence += share_evidence(signs, "failures_lead", "failures_lead")
            if surge_leads(signs):
                evidence.append(_arrivals(signs, "rose before the first throttle", weight("surge_explains")))
    return Finding(
        "throttled",
        tuple(evidence),
        next_test="aws lambda get-function-concurrency and get-account-settings, and the mapping's maximum.",
    )


@hypothesis(
    "backlog",
    "poison_messages",
    title="Some messages can never succeed",
    needs=("metrics", "queue_messages", "log_events"),
    cannot_see=("Whether the files that the messages name exist.",),
)
def poison_messages(inv: Investigation) -> Finding:
    """Few messages fail every try while the others pass."""
    view = inv.once(picture)
    signs = view.focus
    evidence: list[Evidence] = []
    if signs is not None:
        evidence = [
            *error_evidence(signs, ("message", "code_or_message"), "message_error"),
            *share_evidence(signs, "all_fail_poison", "others_pass"),
            *_same_messages(signs),
            *_devices(signs),
            *no_failures_evidence(signs, weight("no_failures")),
        ]
    return Finding(
        "poison_messages",
        tuple(evidence),
        detail=_device_detail(signs) if signs else None,
        next_test="Take one dead letter's file_path and look for the object: aws s3api head-object.",
    )


def _same_messages(signs: Signs) -> list[Evidence]:
    """Weigh that failed runs are whole sets of tries: dead letters times the allowed receives."""
    tries, failures = signs.flow.settings.max_receive_count, signs.failures
    failed, passed = signs.flow.count("errors"), signs.passed_share
    if not tries or failures is None or not failed or passed is None or not signs.dead_lettered:
        return []
    spent = min(1.0, signs.dead_lettered * tries / failed)
    if passed < 0.3:
        return []
    return [
        Evidence(
            f"{signs.dead_lettered} dead letters used up {signs.dead_lettered * tries} tries of "
            f"{failed:.0f} failed ones: what fails once fails {'always' if spent > 0.8 else 'not always'}.",
            "metrics",
            int(failed),
            weight("same_messages_fail") if spent > 0.8 else weight("tries_succeed") if spent < 0.4 else 0.0,
            effect=spent,
            effect_unit="share",
            sql=function_sql(signs, ("Errors", "ApproximateNumberOfMessagesVisible")),
            check="same messages fail",
        )
    ]


def _devices(signs: Signs) -> list[Evidence]:
    """Weigh how far dead letters pile up on few devices."""
    total = sum(signs.devices.values())
    if total < 5:
        return []
    device, number = signs.devices.most_common(1)[0]
    share, even = number / total, 1.0 / len(signs.devices)
    piled = share >= 0.4 and share >= 3.0 * even if len(signs.devices) > 1 else True
    return [
        Evidence(
            f"{number} of {total} dead letters of {signs.flow.queue} ({share:.0%}) come from device "
            f"{device}, the rest from {len(signs.devices) - 1} others.",
            "queue_messages",
            total,
            weight("one_device") if piled else weight("many_devices", 1.0 - share),
            effect=share,
            effect_unit="share",
            sql=f"select device_id, count(*) n from queue_messages where queue = '{signs.flow.dlq}' "
            "group by 1 order by 2 desc",
            check="devices",
        )
    ]


def _device_detail(signs: Signs) -> str | None:
    if not signs.devices:
        return None
    device, number = signs.devices.most_common(1)[0]
    return f"Device {device} sent {number} of {sum(signs.devices.values())} dead letters."


@hypothesis(
    "backlog",
    "visibility_misconfig",
    title="The visibility timeout is shorter than a run",
    needs=("metrics", "queues", "changes"),
    cannot_see=("How often the same message ran: the workers' full log is needed.",),
)
def visibility_misconfig(inv: Investigation) -> Finding:
    """Messages show again while they are being worked on."""
    view = inv.once(picture)
    signs = next((item for item in view.affected if item.surplus), view.focus)
    evidence: list[Evidence] = []
    if signs is not None and "received" in signs.flow.asked:
        evidence += _redelivery(signs)
        evidence += _visibility(signs)
        if signs.surplus is not None:
            evidence += change_evidence(inv, view, "visibility_misconfig")
            if signs.balance.duplicate_deletes:
                evidence.append(
                    Evidence(
                        f"{signs.flow.queue}: {signs.balance.duplicate_deletes} more deletes than messages.",
                        "metrics",
                        int(signs.flow.count("deleted") or 0),
                        weight("repeated_deletes"),
                        effect=float(signs.balance.duplicate_deletes),
                        effect_unit="messages",
                        sql=function_sql(signs, ("NumberOfMessagesDeleted", "NumberOfMessagesSent")),
                        check="deletes",
                    )
                )
    return Finding(
        "visibility_misconfig",
        tuple(evidence),
        next_test="aws sqs get-queue-attributes: VisibilityTimeout against six times the function's timeout.",
    )


def _redelivery(signs: Signs) -> list[Evidence]:
    received, sent = signs.flow.count("received") or 0.0, signs.flow.count("sent") or 0.0
    failed = signs.flow.count("errors") or 0.0
    found = signs.surplus is not None
    return [
        Evidence(
            f"{signs.flow.queue} handed out {received:.0f} messages for {sent:.0f} sent and {failed:.0f} "
            f"failed runs{' and throttles' if signs.throttles else ''}"
            + (f", the surplus since {signs.surplus.start:%Y-%m-%d %H:%M} UTC." if signs.surplus else "."),
            "metrics",
            int(received),
            weight("redelivered") if found else weight("not_redelivered"),
            effect=received / sent if sent else None,
            effect_unit="receives a message" if sent else None,
            sql=function_sql(signs, ("NumberOfMessagesReceived", "NumberOfMessagesSent", "Errors")),
            check="redelivery",
        )
    ]


def _visibility(signs: Signs) -> list[Evidence]:
    limit = signs.flow.settings.visibility_timeout_s
    longest = signs.flow.frame["duration_max_s"].dropna()
    if limit is None or longest.empty:
        return []
    run = float(longest.quantile(0.9))
    timeout = signs.flow.settings.function_timeout_s
    short = limit < run
    advice = timeout is not None and limit < 6 * timeout and not short
    return [
        Evidence(
            f"{signs.flow.queue} hides a message for {limit:.0f} s; long runs take {run:.1f} s (p90 of the "
            "longest run an interval)" + (f", the function may take {timeout:.0f} s." if timeout else "."),
            "queues",
            1,
            weight("visibility_short")
            if short
            else weight("visibility_long") + advice * weight("visibility_advice"),
            effect=limit / run if run else None,
            effect_unit="ratio" if run else None,
            sql=f"select queue, visibility_timeout_s from queues where queue = '{signs.flow.queue}'",
            check="settings",
        )
    ]


@hypothesis(
    "backlog",
    "mapping_disabled",
    title="Nobody polls the queue: its mapping is off",
    needs=("metrics", "event_source_mappings", "changes"),
    cannot_see=("Pollers other than Lambda.",),
)
def mapping_disabled(inv: Investigation) -> Finding:
    """Messages wait and none is received."""
    view = inv.once(picture)
    signs = next((item for item in view.affected if item.starved), view.focus)
    evidence: list[Evidence] = []
    if signs is not None:
        evidence = [*_starvation(signs), *_mapping(signs)]
        if signs.starved is not None:
            evidence += change_evidence(inv, view, "mapping_disabled")
    return Finding(
        "mapping_disabled",
        tuple(evidence),
        next_test="aws lambda list-event-source-mappings: state and reason of the queue's mapping.",
    )


def _starvation(signs: Signs) -> list[Evidence]:
    if not {"visible", "received"} <= signs.flow.asked:
        return []
    starved = signs.starved
    waiting = int((signs.flow.frame["visible"].fillna(0.0) > 0).sum())
    words = (
        f"Messages waited in {signs.flow.queue} for {starved.minutes:.0f} min from "
        f"{starved.start:%Y-%m-%d %H:%M} UTC and none was received"
        if starved
        else f"{signs.flow.queue} was never left unread for long: messages were received while any waited"
    )
    return [
        Evidence(
            words + ".",
            "metrics",
            waiting,
            weight("starved") if starved else weight("still_received"),
            effect=starved.minutes if starved else None,
            effect_unit="min" if starved else None,
            sql=function_sql(signs, ("NumberOfMessagesReceived", "ApproximateNumberOfMessagesVisible")),
            check="receives",
        )
    ]


def _mapping(signs: Signs) -> list[Evidence]:
    state = signs.flow.settings.mapping_state
    if state is None:
        return []
    off = state.startswith("Disabl")
    return [
        Evidence(
            f"The mapping of {signs.flow.queue} to {signs.flow.function} is {state}.",
            "event_source_mappings",
            1,
            weight("mapping_off") if off else weight("mapping_on"),
            sql=f"select * from event_source_mappings where queue = '{signs.flow.queue}'",
            check="mapping",
        )
    ]


@hypothesis(
    "backlog",
    "healthy",
    title="Nothing is wrong",
    needs=("metrics",),
    cannot_see=("Queues and functions whose metrics were not collected.",),
)
def healthy(inv: Investigation) -> Finding:
    """No work was late, repeated or lost."""
    view = inv.once(picture)
    return Finding(
        "healthy",
        tuple(_harm(view) if view.affected else _no_harm(view)),
        next_test="Look at a wider window, and at the alarms of the people who called.",
    )


def _harm(view: Picture) -> list[Evidence]:
    signs = view.affected[0]
    return [
        Evidence(
            f"{len(view.affected)} of {len(view.signs)} queues show trouble; {signs.flow.queue} the most: "
            f"{', '.join(signs.harms).replace('_', ' ')}.",
            "metrics",
            len(signs.flow.frame),
            weight("harm") * (1.0 + 0.5 * (len(signs.harms) > 1)),
            check="harm",
        )
    ]


def _no_harm(view: Picture) -> list[Evidence]:
    found = []
    seen = {
        name: sum(name in item.flow.asked and len(item.flow.frame) > 0 for item in view.signs)
        for name in (*QUEUE_METRICS, *FUNCTION_METRICS, "throttles")
    }
    watched = [name for name, number in seen.items() if view.signs and number == len(view.signs)]
    share = len(watched) / len(seen)
    if watched:
        found.append(
            Evidence(
                f"In {len(view.signs)} queues nothing was late, repeated, failing in numbers or lost "
                f"({', '.join(watched)} were looked at).",
                "metrics",
                sum(len(item.flow.frame) for item in view.signs),
                weight("no_harm", share),
                effect=share,
                effect_unit="share of metrics",
                check="harm",
            )
        )
    blind = [name for name, number in seen.items() if number < max(1, len(view.signs))]
    if blind:
        found.append(
            Evidence(
                f"Not all queues have {', '.join(blind)}: trouble can hide there.",
                "metric_queries",
                0,
                weight("blind_to_harm", len(blind)),
                check="blind spots",
            )
        )
    daily = [item for item in view.signs if any(episode.daily for episode in item.episodes)]
    if daily:
        found.append(
            Evidence(
                f"{daily[0].flow.queue} holds a backlog at the same time every day and drains it by itself.",
                "metrics",
                len(daily[0].flow.frame),
                weight("daily_peak"),
                check="daily peak",
            )
        )
    return found

"""Causes that lie in the messages; and that nothing is wrong."""

from __future__ import annotations

from watchme_analysis.backlog.hypotheses.evidence import error_evidence, no_failures_evidence, share_evidence
from watchme_analysis.backlog.hypotheses.leads import surge_leads
from watchme_analysis.backlog.hypotheses.outside import taken_evidence
from watchme_analysis.backlog.hypotheses.picture import FUNCTION_METRICS, QUEUE_METRICS, Picture, picture
from watchme_analysis.backlog.hypotheses.rows import matching, points
from watchme_analysis.backlog.hypotheses.weights import weight
from watchme_analysis.inference.findings import Evidence, Finding, Investigation, hypothesis
from watchme_analysis.queues.anomalies import LEAST_PILED, QueueAnalysis, piled_on_one
from watchme_analysis.queues.pipeline import METRIC_NAMES
from watchme_analysis.queues.pipeline_anomalies import BY_CHANCE, TOGETHER
from watchme_analysis.queues.retries import retries, well_after

# Dead letters of fewer senders than this don't say that all are hit alike.
SEVERAL_SENDERS = 4
MESSAGE_KINDS = ("message", "code_or_message")


@hypothesis(
    "backlog",
    title="Some messages can never succeed",
    needs=("metrics", "queue_messages", "log_events"),
    cannot_see=("Whether the files that the messages name exist.",),
)
def poison_messages(inv: Investigation) -> Finding:
    """Few messages fail every try while the others pass."""
    view = inv.once(picture)
    signs = view.focus
    evidence: list[Evidence] = []
    if signs is None:
        evidence = [item for stray in view.signs if stray.only_sporadic for item in _together(inv, stray)]
    else:
        evidence = [
            *error_evidence(inv, signs, MESSAGE_KINDS, "message_error", _unclear_kinds(signs)),
            *share_evidence(inv, signs, _all_fail(signs), "others_pass"),
            *_same_messages(inv, signs),
            *_devices(inv, signs),
            *(_held_up(inv, signs) or no_failures_evidence(inv, signs, weight("no_failures"))),
        ]
    return Finding(
        "poison_messages",
        tuple(evidence),
        detail=_device_detail(signs) if signs else None,
        next_test="Take one dead letter's file_path and look for the object: `aws s3api head-object`.",
    )


def _held_up(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh that messages of a FIFO queue waited while one of their group was tried to its death."""
    worst, tries = signs.worst, signs.pipeline.settings.max_receive_count
    if not signs.pipeline.settings.is_fifo or signs.failures is not None or worst is None or not tries:
        return []
    frame = signs.pipeline.frame
    inside = frame[(frame.index >= worst.start) & (frame.index < worst.end)]
    failed = float(inside["failed"].fillna(0.0).sum())
    if not signs.dead_lettered or failed < tries:
        return []
    return [
        Evidence(
            f"{failed:,.0f} tries failed in {signs.pipeline.queue} while messages waited there from "
            f"{worst.start:%Y-%m-%d %H:%M} UTC on, {tries} before one dies: a FIFO queue gives out no other "
            "message of the group meanwhile.",
            weight=weight("group_held_up"),
            effect=failed,
            effect_unit="tries",
            check="order",
            **points(inv, signs.pipeline, ("failed", "visible"), worst.start, worst.end),
        )
    ]


def _together(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh that few bad messages came closer together than chance would have most of them."""
    beyond = _beyond_chance(signs)
    if not beyond:
        return []
    sent = signs.pipeline.count("sent") or 0.0
    return [
        Evidence(
            f"The {signs.dead_lettered:,d} of {sent:,.0f} messages of {signs.pipeline.queue} that died came "
            f"closer together than in {'99' if beyond >= 0.5 else '9'} of {'100' if beyond >= 0.5 else '10'} "
            "sets that come as chance has it: there may be more to it than single bad messages.",
            weight=weight("stray_together", beyond),
            effect=signs.clustering,
            effect_unit="log-likelihood ratio",
            check="dead letters",
            **points(inv, signs.pipeline, ("failed", "sent", "dlq_visible")),
        )
    ]


def _beyond_chance(signs: QueueAnalysis) -> float:
    """Return how far stray messages came together: 0 as chance has it, 1 as no chance would."""
    return min(max((signs.clustering - BY_CHANCE) / (TOGETHER - BY_CHANCE), 0.0), 1.0)


def _same_messages(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh that failed runs are whole sets of tries: dead letters times the allowed receives."""
    tried = retries(signs)
    if tried is None or signs.passed_share is None or signs.passed_share < 0.3:
        return []
    return [
        Evidence(
            f"{signs.dead_lettered:,d} dead letters used up {tried.spent:,.0f} of {tried.failed:,.0f} "
            f"failed tries: what fails once fails {'always' if tried.always_fail else 'not always'}.",
            weight=weight("same_messages_fail")
            if tried.always_fail
            else weight("tries_succeed")
            if tried.pass_later
            else 0.0,
            effect=tried.spent / tried.failed,
            effect_unit="share",
            check="same messages fail",
            **points(inv, signs.pipeline, ("failed", "dlq_visible")),
        )
    ]


def _unclear_kinds(signs: QueueAnalysis) -> tuple[str, ...]:
    """Return the kinds of errors that a bad message can bring about as well: it may hang or kill its run."""
    tried = retries(signs)
    return ("timeout", "function") if tried is not None and tried.lies_in_the_message else ()


def _all_fail(signs: QueueAnalysis) -> str:
    """Return which weight it has that all runs failed; another where they are those of a surge."""
    if not surge_leads(signs) or signs.errors.share(*MESSAGE_KINDS) < 0.5:
        return "all_fail_poison"
    after = None if signs.failures is None else well_after(signs, signs.failures.end)
    return "only_surge_fails" if after is not None and after >= 0.9 else "others_silent"


def _devices(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh how far dead letters pile up on few devices."""
    total = sum(signs.devices.values())
    if total < LEAST_PILED:
        return []
    device, number = signs.devices.most_common(1)[0]
    share = number / total
    return [
        Evidence(
            f"{number:,d} of {total:,d} dead letters of {signs.pipeline.queue} ({share:.0%}) come from "
            "device "
            f"{device}, the rest from {len(signs.devices) - 1} others.",
            weight=weight("one_device")
            if piled_on_one(signs.devices)
            else weight("many_devices", 1.0 - share)
            if len(signs.devices) >= SEVERAL_SENDERS
            else 0.0,
            effect=share,
            effect_unit="share",
            check="devices",
            **matching(
                inv,
                "queue_messages",
                ("queue", "=", signs.pipeline.dlq),
                ("source_queue", "null or", signs.pipeline.queue),
                ("device_id", "known", None),
            ),
        )
    ]


def _device_detail(signs: QueueAnalysis) -> str | None:
    if not signs.devices:
        return None
    device, number = signs.devices.most_common(1)[0]
    first = signs.first_sent_by_main_device
    since = f", the first at {first:%Y-%m-%d %H:%M} UTC" if first is not None else ""
    return f"Device {device} sent {number:,d} of {sum(signs.devices.values()):,d} dead letters{since}."


@hypothesis(
    "backlog",
    title="Nothing is wrong",
    needs=("metrics",),
    cannot_see=("Queues and functions whose metrics were not collected.",),
)
def healthy(inv: Investigation) -> Finding:
    """No work was late, repeated or lost."""
    view = inv.once(picture)
    return Finding(
        "healthy",
        tuple(_harm(inv, view) if view.affected else _no_harm(inv, view)),
        next_test="Look at a wider window, and at the alarms of the people who called.",
    )


def _harm(inv: Investigation, view: Picture) -> list[Evidence]:
    signs = view.affected[0]
    return [
        Evidence(
            f"{len(view.affected)} of {len(view.signs)} queues show trouble; {signs.pipeline.queue} "
            "the most: "
            f"{', '.join(signs.harms).replace('_', ' ')}.",
            weight=weight("harm") * (1.0 + 0.5 * (len(signs.harms) > 1)),
            check="harm",
            **points(inv, signs.pipeline, (*QUEUE_METRICS, "dlq_visible", *FUNCTION_METRICS, "throttles")),
        ),
        *taken_evidence(inv, view),
    ]


def _no_harm(inv: Investigation, view: Picture) -> list[Evidence]:
    found = []
    seen = {
        name: sum(name in item.pipeline.asked and len(item.pipeline.frame) > 0 for item in view.signs)
        for name in (*QUEUE_METRICS, *FUNCTION_METRICS, "throttles")
    }
    watched = [name for name, number in seen.items() if view.signs and number == len(view.signs)]
    share = len(watched) / len(seen)
    if watched:
        found.append(
            Evidence(
                f"In {len(view.signs)} queues nothing was late, repeated, failing in numbers or lost "
                f"({', '.join(watched)} were looked at).",
                weight=weight("no_harm", share),
                effect=share,
                effect_unit="share of metrics",
                check="harm",
                **points(inv, view.flows, watched),
            )
        )
    blind = [name for name, number in seen.items() if number < max(1, len(view.signs))]
    work = sorted(set(blind) & {"age_s", "visible", "invocations", "errors"})
    if blind:
        found.append(
            Evidence(
                f"Not all queues have {', '.join(blind)}: trouble can hide there.",
                weight=weight("blind_to_harm", len(blind)) + (weight("blind_to_work") if work else 0.0),
                check="blind spots",
                **matching(inv, "metric_queries", ("metric", "in", [METRIC_NAMES[name] for name in blind])),
            )
        )
    stray = [signs for signs in view.signs if signs.only_sporadic]
    # That single messages die says one thing, of however many queues.
    found += [_stray(inv, signs, 1 / len(stray)) for signs in stray]
    found += [_slower(inv, signs) for signs in view.signs if signs.slow_harmless]
    daily = [item for item in view.signs if any(episode.daily for episode in item.episodes)]
    if daily:
        found.append(
            Evidence(
                f"{daily[0].pipeline.queue} holds a backlog at the same time every day and drains it "
                "by itself.",
                weight=weight("daily_peak"),
                check="daily peak",
                **points(inv, daily[0].pipeline, ("visible", "in_flight", "age_s")),
            )
        )
    return found


def _slower(inv: Investigation, signs: QueueAnalysis) -> Evidence:
    """Weigh that runs took longer for a while, for which nobody had to wait."""
    slow = signs.slow
    assert slow is not None
    return Evidence(
        f"Runs of {signs.pipeline.function} took several times as long from {slow.start:%Y-%m-%d %H:%M} to "
        f"{slow.end:%Y-%m-%d %H:%M} UTC; no message failed or waited for it.",
        weight=weight("slow_harmless"),
        effect=slow.minutes,
        effect_unit="min",
        check="run time",
        **points(inv, signs.pipeline, ("duration_avg_s", "invocations"), slow.start, slow.end),
    )


def _stray(inv: Investigation, signs: QueueAnalysis, part: float) -> Evidence:
    """Weigh, as a part of the whole, that single messages died, here and there among good ones."""
    sent, pipeline = signs.pipeline.count("sent") or 0.0, signs.pipeline
    return Evidence(
        f"{signs.dead_lettered:,d} of {sent:,.0f} messages of {pipeline.queue} "
        f"({signs.dead_lettered / sent:.1%}) failed every try, "
        "one here and one there: single bad messages, and no stretch of failures.",
        weight=weight("stray_dead", part) - weight("stray_together", 0.5 * _beyond_chance(signs)),
        effect=signs.dead_lettered / sent,
        effect_unit="share",
        check="dead letters",
        **points(inv, pipeline, ("failed", "sent", "dlq_visible")),
    )

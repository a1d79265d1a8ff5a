"""The diagnosis of a backlog in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from watchme_analysis.backlog.chain import SIGNALS
from watchme_analysis.backlog.changes import FUNCTION_EVENTS, Change, change_before
from watchme_analysis.backlog.context import BacklogContext
from watchme_analysis.backlog.judge import QUESTION, Judgement
from watchme_analysis.backlog.other_incidents import apart, trouble_span
from watchme_analysis.backlog.signals.polling import unmatched_words
from watchme_analysis.inference.causes import load_causes
from watchme_analysis.inference.findings import Diagnosis, Ranked
from watchme_analysis.inference.quoted_error import quoted_error
from watchme_analysis.inference.weighing import aftermath
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.text.formats import counted, within_sentence
from watchme_analysis.text.render import render

NEXT_TEST_UNMATCHED = (
    "Look for FilterCriteria, State and StateTransitionReason in aws lambda list-event-source-mappings, "
    "and in the queue's policy for who else may receive from it."
)
# Causes count as equally likely from this share of the likeliest one's probability on.
AS_LIKELY = 0.8


def summary(
    found: Diagnosis, context: BacklogContext, judged: Judgement, change: Change | None, unread: int
) -> tuple[str, ...]:
    """Return a diagnosis in three sentences, and in more what is not the work of its cause.

    Parameters
    ----------
    found, context, judged
        The diagnosis without its summary, the queues, and the judgement.
    change
        The change that brought it about.
    unread
        DLQ messages that name no work.
    """
    ranking, extra, missing = found.ranking, found.extra, found.missing_evidence
    start, end = found.incident_start, found.incident_end
    titles = {cause.cause: render(cause.title) for cause in load_causes(QUESTION, SIGNALS)}
    lost = f"{extra['lost']:,d} {'was' if extra['lost'] == 1 else 'were'} lost"
    collect = (
        f"Collect next: {missing[0].what}." if missing else "The case holds all that this question asks for."
    )
    if found.verdict == "no_incident":
        return (
            f"Nothing was late, failing in numbers or lost in {counted(len(context.queues), 'queue')}.",
            f"{counted(extra['dead_letters'], 'message')} reached dead-letter queues and {lost}.",
            collect,
        )
    top = ranking[0]
    quote = f"{quoted_error(extra['error'])} ".lstrip()
    shows = "show" if len(extra["queues"]) > 1 else "shows"
    since = f" from {start:%Y-%m-%d %H:%M} UTC." if start else "."
    taken = [words for item in context.affected if (words := unmatched_words(item))]
    if found.cause is None and context.focus is not None and context.focus.unmatched_receives is not None:
        return (
            f"{taken[0]} None of {len(ranking)} causes does that.",
            f"{', '.join(extra['queues'])} {shows} trouble{since}",
            f"Next: {NEXT_TEST_UNMATCHED}",
        )
    if found.cause is None:
        return (
            f"{quote}{_undecided(ranking, titles)}",
            f"{', '.join(extra['queues']) or 'No queue'} {shows} trouble{since}",
            collect if _level(ranking) else f"{collect} {top.finding.next_test}",
            *_one_try(context),
        )
    others = apart(context, start, end)
    elsewhere = {item.pipeline.queue for item in others}
    touched = ", ".join(queue for queue in extra["queues"] if queue not in elsewhere)
    span = f"from {start:%Y-%m-%d %H:%M} UTC " if start else ""
    span += f"to {end:%Y-%m-%d %H:%M} UTC" if end else "and was still open at the end"
    days = _failing_days(context, found.cause)
    span += f", on {days} days at the same time" if days > 1 else ""
    began = f", after {change.what} on {change.resource}" if change else ""
    sure = f"(confidence {found.confidence:.0%})"
    waiting = _still_waiting(context) if end is None else ""
    return (
        f"{quote}{titles[found.cause]}{began}{aftermath(found.secondary_cause)} {sure}.",
        f"It touched {touched} {span}{_bounds(context, judged)}; "
        f"{counted(extra['dead_letters'], 'message')} reached dead-letter queues, {lost}, "
        f"{_missing_work(extra, context.affected, unread)}{waiting}.",
        f"Next: {top.finding.next_test}",
        *_also_changed(found, context),
        *_one_try(context),
        *map(other_trouble, others),
        *taken,
    )


def other_trouble(queue: QueueAnalysis) -> str:
    """Return in a sentence when another queue had trouble, and how to ask for it alone."""
    span = trouble_span(queue)
    assert span is not None
    name, kinds = queue.pipeline.queue, ", ".join(queue.harms).replace("_", " ")
    return (
        f"At another time, from {span[0]:%Y-%m-%d %H:%M} UTC to {span[1]:%Y-%m-%d %H:%M} UTC, {name} had "
        f"trouble of its own ({kinds}), which this does not explain: ask again with --queue {name}."
    )


def older_dead_letters(context: BacklogContext) -> list[str]:
    """Return in a sentence each what DLQs held when the window began."""
    held = {item.pipeline.dlq: item.balance.dead_letters.held for item in context.queues}
    return [
        f"{dlq} held {counted(number, 'dead letter')} when this window began, of which nothing here tells: "
        "their work is not counted as missing."
        for dlq, number in held.items()
        if number
    ]


def _failing_days(context: BacklogContext, cause: str) -> int:
    """Return on how many days invocations failed at the same time."""
    own = next(one for one in load_causes(QUESTION, SIGNALS) if one.cause == cause)
    if context.focus is None or own.layer not in ("function", "api"):
        return 0
    return len(context.focus.failing_days)


def _bounds(context: BacklogContext, judged: Judgement) -> str:
    """Return between which moments an incident can have begun, where that is more than its period tells."""
    begun = judged.span
    if begun is None or context.focus is None:
        return ""
    if begun.perhaps_before:
        return " (or before this window: none of its runs was well until then)"
    if (begun.latest - begun.earliest).total_seconds() <= 2.0 * context.focus.pipeline.period_s:
        return ""
    return f" (it began between {_time(begun.earliest)} and {_time(begun.latest)})"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _still_waiting(context: BacklogContext) -> str:
    """Return in words how many messages of the affected queues wait at the end, where any do."""
    waiting = sum(item.balance.visible + item.balance.in_flight for item in context.affected)
    off = " behind a mapping that is off" if any(item.stalled for item in context.affected) else ""
    verb = "waits" if waiting == 1 else "wait"
    return f"; {counted(waiting, 'message')} still {verb}{off}" if waiting else ""


def _missing_work(extra: Mapping[str, Any], affected: Sequence[QueueAnalysis] = (), unread: int = 0) -> str:
    """Return in words how much work is missing, and whether that is sure."""
    number, gone = len(extra["missed_work"]), extra["lost"]
    work = f"{counted(number, 'device-day')} of work {'is' if number == 1 else 'are'} missing"
    if gone:
        # Deleted unread: no body is left that would name device and day.
        return (
            f"{work} by what is left, and nothing tells which work the {counted(gone, 'lost message')} held"
        )
    if dumps := extra.get("unread_dumps"):
        return f"{work} by what could be read, and {', '.join(dumps)} could not be"
    if unread:
        letters = counted(unread, "dead letter")
        return f"{work} by the bodies at hand, and nothing here tells which work {letters} held"
    if extra["missed_work_certain"]:
        return work
    late = "throttled" if any(item.throttles for item in affected) else "shown again during a run"
    return f"up to {work} (a message {late} can end well all the same; nothing recorded tells which did)"


def _one_try(context: BacklogContext) -> list[str]:
    """Return in a sentence the queues whose messages have no second try, where that cost some."""
    once = [
        item.pipeline.queue
        for item in context.affected
        if item.dead_lettered and item.pipeline.settings.max_receive_count == 1
    ]
    if not once:
        return []
    return [
        f"A message of {', '.join(once)} has one receive (maxReceiveCount 1): each failed try is a dead "
        "letter, however rare, where three receives or more would let a second try pass."
    ]


def _level(ranking: Sequence[Ranked]) -> int:
    """Return how many causes are about as likely as the likeliest where these are more than two, else 0."""
    level = sum(item.probability >= AS_LIKELY * ranking[0].probability for item in ranking)
    return level if level > 2 else 0


def _undecided(ranking: Sequence[Ranked], titles: Mapping[str, str]) -> str:
    """Return in a sentence between which causes the evidence does not decide."""
    level, first = _level(ranking), within_sentence(titles[ranking[0].finding.cause])
    if ranking[0].finding.log_odds <= 0:
        return f"Nothing speaks for any of {len(ranking)} causes; " + (
            "none stands out." if level else f"least speaks against “{first}”."
        )
    likely = " or ".join(
        f"“{within_sentence(titles[item.finding.cause])}” ({item.probability:.0%})" for item in ranking[:2]
    )
    if level:
        likely = f"{level} of {len(ranking)} are equally likely, none stands out"
    return f"The evidence does not separate the causes: {likely}."


def _also_changed(found: Diagnosis, context: BacklogContext) -> list[str]:
    """Return in a sentence a change of the function that came right before, where the API is named for it."""
    focus = context.focus
    if found.cause not in ("downstream_slow", "downstream_down") or focus is None or focus.failures is None:
        return []
    change = change_before(context.changes, FUNCTION_EVENTS, focus.pipeline, focus.failures.start)
    if change is None or not change.is_recorded:
        return []
    return [
        f"{change.what[:1].upper()}{change.what[1:]} on {change.resource} came right before, at "
        f"{_time(change.time)}, with no good run in between: rule it out, though what the runs say speaks "
        "for the API."
    ]

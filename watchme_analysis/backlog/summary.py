"""The summary of a backlog diagnosis: cause, extent and the next step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from watchme_analysis.backlog.chain import cause_named
from watchme_analysis.backlog.changes import FUNCTION_EVENTS, Change, change_before
from watchme_analysis.backlog.context import BacklogContext
from watchme_analysis.backlog.judge import Judgement
from watchme_analysis.backlog.missing import shown_by_queue
from watchme_analysis.backlog.other_incidents import apart, trouble_span
from watchme_analysis.backlog.signals.harm import kinds_of_harm
from watchme_analysis.backlog.signals.queue_context import QueueObservation
from watchme_analysis.backlog.signals.sqs import unmatched_receives
from watchme_analysis.inference.causes import Cause, Remedy
from watchme_analysis.inference.findings import Diagnosis, Missing
from watchme_analysis.inference.signals import Observation
from watchme_analysis.inference.weighing import not_separated, remedy_of, undecided
from watchme_analysis.present.cause_words import consequence, quoted_error
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.pipeline import RecordedSettings
from watchme_analysis.text.command_words import with_meanings
from watchme_analysis.text.message import (
    Code,
    Message,
    Probability,
    Resource,
    Text,
    TimeSpan,
    in_each_language,
    message,
    parts_of,
    sentences,
    value_of,
)
from watchme_analysis.text.render import filled, render
from watchme_analysis.text.shell_quoting import shell_option, shell_word

# Visibility timeout that AWS recommends, in timeouts of the function ("Using Lambda with Amazon SQS").
SAFE_TIMEOUTS = 6
# Least maximum concurrency of an event source mapping (API reference of Lambda, ScalingConfig).
_LEAST_MAX_CONCURRENCY = 2
# From when on a log is read where nothing dates the trouble.
_SINCE = "1h"


def summary(
    found: Diagnosis, context: BacklogContext, judged: Judgement, change: Change | None
) -> tuple[Text, ...]:
    """Return a diagnosis as cause and next steps, then what its cause does not explain.

    Its figures are facts, which stand above the summary everywhere. ``change`` brought the cause about.
    """
    collect = _collect(found.missing_evidence)
    if found.verdict == "no_incident":
        return (message("backlog-all-well", queues=len(context.queues)), collect)
    if found.cause is None:
        return _undecided(found, context, collect)
    others = apart(context, found.incident_start, found.incident_end)
    cause = cause_of(context, found.cause, judged.shown_by.get(found.cause))
    return (
        sentences(
            quoted_error(found.extra["error"]),
            message(
                "backlog-cause",
                title=value_of(found.extra["fault"] or cause.title),
                confidence=Probability(found.confidence),
            ),
            None if change is None else _began_with(change),
            consequence(found.secondary_cause),
            _days(context, found.cause),
            _bounds(context, judged),
        ),
        message("backlog-remedy", remedy=value_of(sentences(*(step.text for step in found.now)))),
        *_also_changed(found, context),
        *_one_receive(context),
        *map(other_trouble, others),
        *_unmatched(context),
    )


def cause_of(context: BacklogContext, name: str, queue: str | None) -> Cause:
    """Return a cause in the words for the consumer of a queue; of the worst-hit queue for None."""
    named = queue or (context.by_harm[0].pipeline.queue if context.by_harm else None)
    cause = cause_named(name)
    return cause if context.consumer(named) is None else cause.of_consumer()


def remedy_in(
    context: BacklogContext,
    found: Diagnosis,
    cause: Cause,
    queue: str | None,
    observations: Iterable[QueueObservation],
    change: Change | None = None,
) -> Remedy:
    """Return what to do about a cause of a diagnosis, in the words and with the values of a queue.

    Service is restored by undoing the ``change`` that began it, where the cause knows how.
    """
    own = sorted(observations, key=lambda one: one.queue != queue)
    remedy, one = remedy_of(cause, found, own, _values(context, queue).keys())
    remedy = remedy.filled(lambda text: filled_in(text, context, queue, one=one))
    if change is None or change.kind not in cause.undo:
        return remedy
    how = remedy.restore if remedy.undoes else filled_in(cause.undo[change.kind], context, queue)
    first, *further = parts_of(how)
    undo = {"resource": change.of, "time": change.time, "change": change.what, "how": value_of(first)}
    return replace(remedy, restore=sentences(message("step-undo-change", **undo), *further))


def _since(queue: QueueAnalysis) -> str:
    """Return from when on a consumer's log is of interest: the first trouble, else the first metric."""
    frame = queue.pipeline.frame
    start = queue.first_trouble() or (frame.index[0] if len(frame) else None)
    return f"{start:%Y-%m-%dT%H:%M:%SZ}" if start else _SINCE


def filled_in(
    text: Text,
    context: BacklogContext,
    queue: str | None,
    more: Mapping[str, str] = MappingProxyType({}),
    one: Observation | None = None,
) -> Text:
    """Return the text of a next test or remedy with the names and numbers of a queue.

    Placeholders: ``{case}``; ``{function_option}``; ``{queue_option}``, with a space before it, and empty
    where several queues are affected; ``{queue}``; ``{mapping}`` (UUID of the event source mapping);
    ``{max_concurrency}`` (the function's reserved concurrency, as the mapping's maximum concurrency);
    ``{visibility_s}`` (six times the function's timeout); those of
    :meth:`watchme_analysis.queues.consumers.Consumer.commands`, ``more``, and what the observation ``one``
    states.

    Without a queue, that of the most harm counts. A value that is not known keeps a word that says what to
    put there, with the command that shows it.
    """
    values = {**_values(context, queue), **more}
    stated = one.values() if one is not None else {}

    def fill(language: str, words: str) -> str:
        shown = {name: render(message("cause-text", text=value), language) for name, value in stated.items()}
        return filled(words, {**shown, **values}, language)

    shown_by = shown_by_queue(values["queue"])
    if "consumer" in values:
        shown_by["REVISION"] = values["consumer_revisions"]
    shown_by["VERSION"] = f"aws lambda list-versions-by-function {values['function_option']}"
    shown_by["ALIAS"] = f"aws lambda list-aliases {values['function_option']}"
    return with_meanings(in_each_language(text, fill), shown_by)


def _values(context: BacklogContext, queue: str | None) -> dict[str, str]:
    """Return what a text may name of a queue, by placeholder; see :func:`filled_in`."""
    if queue is None and context.by_harm:
        queue = context.by_harm[0].pipeline.queue
    pipeline = context.queue(queue).pipeline if queue is not None else None
    function = pipeline.function if pipeline is not None else None
    settings = pipeline.settings if pipeline is not None else RecordedSettings()
    timeout_s = settings.function_timeout_s
    reserved = settings.reserved_concurrency
    only = len(context.affected) <= 1
    option = shell_option("--function-name", function or "FUNCTION", "FUNCTION")
    consumer = context.consumer(queue)
    since = _since(context.queue(queue)) if queue is not None else _SINCE
    return {
        **(consumer.commands(since) if consumer is not None else {}),
        "case": context.case,
        "function_option": option,
        "queue_option": f" {shell_option('--queue', queue or 'QUEUE', 'QUEUE')}" if only else "",
        "queue": shell_word(queue or "QUEUE", "QUEUE"),
        "mapping": shell_word(settings.mapping_uuid or "UUID", "UUID"),
        "max_concurrency": f"$(aws lambda get-function-concurrency {option} --output text "
        "--query ReservedConcurrentExecutions)"
        if reserved is None
        else str(max(reserved, _LEAST_MAX_CONCURRENCY)),
        "visibility_s": "SECONDS" if timeout_s is None else f"{SAFE_TIMEOUTS * timeout_s:.0f}",
    }


def other_trouble(queue: QueueAnalysis) -> Message:
    """Return that another queue had trouble at another time, and the option that diagnoses it."""
    span, name = trouble_span(queue), queue.pipeline.queue
    assert span is not None
    return message(
        "backlog-trouble-elsewhere",
        queue=Resource(name),
        span=TimeSpan(*span),
        kinds=kinds_of_harm(queue),
        option=Code(shell_option("--queue", name)),
    )


def older_dead_letters(context: BacklogContext) -> list[Message]:
    """Return the number of messages that each DLQ held when the window began."""
    held = {item.pipeline.dlq: item.balance.dead_letters.held for item in context.queues}
    return [
        message("backlog-older-dead-letters", dlq=Resource(str(dlq)), dead=number)
        for dlq, number in held.items()
        if number
    ]


def _unmatched(context: BacklogContext) -> list[Text]:
    return [said for queue in context.affected if (said := unmatched_receives(queue))]


def _collect(missing: Sequence[Missing]) -> Message:
    if not missing:
        return message("backlog-nothing-to-collect")
    return message("backlog-collect-next", what=value_of(missing[0].what), why=value_of(missing[0].why))


def _undecided(found: Diagnosis, context: BacklogContext, collect: Message) -> tuple[Text, ...]:
    ranking = found.ranking
    if context.focus is not None and context.focus.unmatched_receives is not None:
        return (
            sentences(
                _unmatched(context)[0],
                message("backlog-no-cause-explains", causes=len(ranking)),
            ),
            message("backlog-look-for-consumer"),
        )
    likely = undecided(ranking)
    test = message("backlog-next-test", test=value_of(likely[0].finding.next_test)) if likely else None
    return (
        sentences(quoted_error(found.extra["error"]), not_separated(ranking)),
        sentences(collect, test),
        *_one_receive(context),
    )


def _began_with(change: Change) -> Message:
    return message("backlog-began-with-change", time=change.time, change=change.what, resource=change.of)


def _days(context: BacklogContext, cause: str) -> Message | None:
    """Return on how many days invocations failed at the same time, where these are several."""
    if context.focus is None or cause_named(cause).layer not in ("function", "api"):
        return None
    days = len(context.focus.failing_days)
    return message("backlog-failing-days", days=days) if days > 1 else None


def _bounds(context: BacklogContext, judged: Judgement) -> Message | None:
    """Return between which times an incident can have begun, where these lie several intervals apart."""
    begun = judged.span
    if begun is None or context.focus is None:
        return None
    if begun.perhaps_before:
        return message("backlog-perhaps-before")
    if (begun.latest - begun.earliest).total_seconds() <= 2.0 * context.focus.pipeline.period_s:
        return None
    return message("backlog-began-between", earliest=begun.earliest, latest=begun.latest)


def _one_receive(context: BacklogContext) -> list[Message]:
    """Return the queues that lost messages to their DLQ because these have a single receive."""
    once = [
        item.pipeline.queue
        for item in context.affected
        if item.dead_lettered and item.pipeline.settings.max_receive_count == 1
    ]
    return [message("backlog-one-receive", queues=once, setting=Code("maxReceiveCount"))] if once else []


def _also_changed(found: Diagnosis, context: BacklogContext) -> list[Message]:
    """Return a change of the function that came right before, where the API is named for it."""
    focus = context.focus
    if found.cause not in ("downstream_slow", "downstream_down") or focus is None or focus.failures is None:
        return []
    change = change_before(context.changes, FUNCTION_EVENTS, focus.pipeline, focus.failures.start)
    if change is None or not change.is_recorded:
        return []
    return [message("backlog-also-changed", time=change.time, change=change.what, resource=change.of)]

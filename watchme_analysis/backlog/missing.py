"""What to collect next for a backlog, with the commands that do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchme_analysis.backlog.context import FUNCTION_METRICS, QUEUE_METRICS, BacklogContext
from watchme_analysis.inference.findings import Investigation, Missing
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.pipeline import FUNCTION_SERIES, QUEUE_SERIES
from watchme_analysis.queues.work_items import work_items
from watchme_analysis.text.shell_quoting import shell_option, shell_word


def missing_evidence(inv: Investigation, context: BacklogContext) -> tuple[Missing, ...]:
    """Return the evidence that the case lacks, best first; commands name the affected resources."""
    focus = context.affected[0] if context.affected else context.queues[0] if context.queues else None
    queue = focus.pipeline.queue if focus else "QUEUE"
    function = (focus.pipeline.function if focus else None) or "FUNCTION"
    dlq = (focus.pipeline.dlq if focus else None) or f"{queue}-dlq"
    start, end = _window(context)
    found: list[Missing] = []

    def add(value: float, what: str, why: str, how: str) -> None:
        found.append(Missing(what, why, how, value))

    looked_at = context.affected[:1] or context.queues
    of_queue, of_function = shell_option("--queue", queue), shell_option("--function-name", function)
    metrics = f"watchme pull backlog CASE {of_queue} --since {start} --until {end}  # with all of this list"
    runs = {*FUNCTION_METRICS, "throttles"}
    if names := _lacking(looked_at, runs, [item.pipeline.function or "FUNCTION" for item in looked_at]):
        why = "Errors, throttles and run times tell causes apart." + _unusable(inv, FUNCTION_SERIES)
        add(10.0, f"the metrics of {names}", why, metrics)
    if names := _lacking(looked_at, set(QUEUE_METRICS), [item.pipeline.queue for item in looked_at]):
        why = "Arrivals and age show whether work was late." + _unusable(inv, QUEUE_SERIES)
        add(9.0, f"the metrics of {names}", why, metrics)
    if inv.table("log_queries").empty:
        add(
            8.0 if context.affected and focus and focus.failures else 4.0,
            f"the errors that {function} logged",
            "They name the function, the API or the message as the place of the fault.",
            f"aws logs start-query --log-group-name {shell_word(f'/aws/lambda/{function}')} "
            f"--start-time {_epoch(start)} --end-time {_epoch(end)} "
            "--query-string 'fields @timestamp, @message, @requestId "
            "| filter @message like /ERROR|Task timed out|Exception|exited/ "
            "| sort @timestamp asc | limit 10000'\n"
            f"aws logs get-query-results --query-id ID > {_file('logs', function, '-errors')}",
        )
    elif focus is not None and focus.failures is not None and focus.errors.truncated:
        add(
            2.0,
            f"the rest of {function}'s errors",
            "The query returned fewer rows than matched, so the first or last errors are not there.",
            f"watchme pull backlog CASE {shell_option('--function', function)} --since {start} --until {end}"
            "  # asks on where one query ends",
        )
    if inv.table("changes").empty:
        add(
            5.0 if context.affected else 1.0,
            "the recorded changes",
            "A deployment or a setting changed right before the trouble is the commonest cause.",
            f"aws cloudtrail lookup-events --start-time {start} --end-time {end} "
            "--lookup-attributes AttributeKey=ReadOnly,AttributeValue=false > FOLDER/cloudtrail.json",
        )
    if focus is not None and focus.pipeline.settings.mapping_state is None:
        add(
            4.0,
            f"the event source mapping of {queue}",
            "It says whether the queue is polled and how many runs it may start.",
            f"aws lambda list-event-source-mappings {of_function} "
            f"> {_file('functions', function, '-mappings')}",
        )
    if focus is not None and focus.pipeline.settings.visibility_timeout_s is None:
        add(
            4.0,
            f"the attributes of {queue}",
            "Visibility timeout, retention and redrive policy decide when a message returns or dies.",
            f"aws sqs get-queue-attributes --queue-url {shell_word(f'URL_OF_{queue}')} --attribute-names All "
            f"> {_file('queues', queue)}",
        )
    messages = inv.table("queue_messages")
    # What was purged or sent back is not there any more.
    left = focus.balance.dead_letters.at_end if focus and focus.dead_lettered else 0
    held = int((messages["queue"] == dlq).sum())
    if left > held:
        add(
            6.0,
            f"{left - held:,d} dead letters of {dlq}",
            "Only their bodies tell which device and day to run again; they pass with their retention.",
            f"aws sqs receive-message --queue-url {shell_word(f'URL_OF_{dlq}')} --max-number-of-messages 10 "
            f"--attribute-names All --visibility-timeout 600 >> {_file('queues', dlq, '-messages')}"
            "  # again and again until it is empty",
        )
    functions = inv.table("functions")
    own = functions[functions["function"] == function]
    if own.empty or not bool(own.iloc[-1]["concurrency_known"]):
        add(
            2.0,
            f"the concurrency reserved for {function}",
            "Too little of it throttles deliveries, which count as receives.",
            f"aws lambda get-function-concurrency {of_function} "
            f"> {_file('functions', function, '-concurrency')}",
        )
    if focus is not None and focus.pipeline.frame["cpu_pct"].isna().all():
        add(
            1.0,
            "the API host's CPU",
            "A host out of CPU explains a slow API.",
            f"watchme pull backlog CASE {of_queue} --instance INSTANCE_ID --since {start} --until {end}",
        )
    return tuple(sorted(found, key=lambda item: -item.value))


def _file(folder: str, name: str, ending: str = "") -> str:
    """Return the path of a file for a resource, which stays in its folder whatever the name."""
    return shell_word(f"FOLDER/{folder}/{name.replace('/', '-')}{ending}.json")


def _lacking(looked_at: Sequence[QueueAnalysis], metrics: set[str], names: Sequence[str]) -> str:
    """Return the names of which not all metrics were answered, for a sentence."""
    if not looked_at:
        return "all queues and their functions"
    lacking = [
        name for item, name in zip(looked_at, names, strict=True) if not metrics <= item.pipeline.queried
    ]
    return ", ".join(dict.fromkeys(lacking))


def _unusable(inv: Investigation, series: Mapping[str, tuple[str, str, tuple[str, ...], str]]) -> str:
    """Return a sentence about metrics that came with statistics which don't tell what is needed."""
    asked = inv.table("metric_queries").dropna(subset=["metric", "stat"])
    wanted: dict[str, list[str]] = {}
    for _, metric, stats, _ in series.values():
        wanted.setdefault(metric, []).extend(stats)
    found = []
    for metric, serving in wanted.items():
        came = set(asked.loc[asked["metric"] == metric, "stat"])
        if came and not came & set(serving):
            usable = " or ".join(dict.fromkeys(serving[:2]))
            found.append(f"{metric} came as {', '.join(sorted(map(str, came)))}, ask for {usable}")
    return f" {'; '.join(found)}." if found else ""


def _window(context: BacklogContext) -> tuple[str, str]:
    """Return the window of the metrics as the AWS CLI takes it."""
    frames = [item.pipeline.frame for item in context.queues if len(item.pipeline.frame)]
    if not frames:
        return "START", "END"
    return (
        f"{min(frame.index[0] for frame in frames):%Y-%m-%dT%H:%M:%SZ}",
        f"{max(frame.index[-1] for frame in frames):%Y-%m-%dT%H:%M:%SZ}",
    )


def _epoch(text: str) -> str:
    from datetime import datetime

    try:
        return str(int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()))
    except ValueError:
        return text


def unread_dumps(inv: Investigation) -> list[str]:
    """Return the dumps of messages that could not be read: nothing tells which work is in them."""
    return [file.file for file in inv.case.unread if "queue_messages" in file.tables]


def unread_dead_letters(inv: Investigation, context: BacklogContext) -> int:
    """Return how many dead letters name no work: the case holds no body of theirs, or it names no day."""
    held = inv.table("queue_messages")["queue"].value_counts()
    left = {
        item.pipeline.dlq: item.balance.dead_letters.at_end for item in context.queues if item.dead_lettered
    }
    work = work_items(inv)
    dead = work[(work["state"] == "dead_lettered") & ~work["before_window"].fillna(False)]
    dead = dead[
        ~dead["processed"].fillna(False)
        & dead["queue"].isin([pipeline.queue for pipeline in context.pipelines])
    ]
    nameless = int(dead[["device_id", "local_date"]].isna().any(axis=1).sum())
    return nameless + sum(max(0, number - int(held.get(dlq, 0))) for dlq, number in left.items())

"""What to collect next for a backlog, with the commands that do it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from watchme_analysis.backlog.context import FUNCTION_METRICS, QUEUE_METRICS, BacklogContext
from watchme_analysis.config import load_config
from watchme_analysis.inference.findings import Investigation, Missing
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.pipeline import FUNCTION_SERIES, QUEUE_SERIES, Pipeline
from watchme_analysis.queues.work_items import work_items
from watchme_analysis.text.message import (
    Commands,
    Message,
    Phrases,
    Resource,
    Text,
    message,
    sentences,
    value_of,
)
from watchme_analysis.text.shell_quoting import shell_option, shell_word

# Start and end where neither metrics nor logs have a time: the last day, by choice. The AWS CLI takes seconds
# since 1970, and `date` of Linux and macOS have no other way in common.
_LAST_DAY = ("$(($(date +%s) - 86400))", "$(date +%s)")
# What may receive from a queue besides a Lambda function, each a file that is recognised.
_CONSUMERS = """\
SERVICES=$(aws ecs list-services --cluster CLUSTER --max-items 10 --query 'serviceArns[]' --output text)
aws ecs describe-services --cluster CLUSTER --services $SERVICES > FOLDER/ecs-services.json
aws autoscaling describe-auto-scaling-groups > FOLDER/auto-scaling-groups.json
kubectl get deployments -o json > FOLDER/deployments.json"""
# Metrics by column, as `queues.pipeline` states them.
Series = Mapping[str, tuple[str, str, tuple[str, ...], str]]
# Ids of EC2 instances: 8 or 17 hexadecimal digits.
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")


def missing_evidence(inv: Investigation, context: BacklogContext) -> tuple[Missing, ...]:
    """Return the evidence that the case lacks, best first; commands name the affected resources."""
    looked_at = context.affected[:1] or context.queues
    focus = looked_at[0] if looked_at else None
    pipeline = focus.pipeline if focus else None
    consumer = pipeline.consumer if pipeline else None
    queue, function = (pipeline.queue, pipeline.function or "FUNCTION") if pipeline else ("QUEUE", "FUNCTION")
    named = value_of(_function_of(pipeline) if pipeline else function)
    start, end = _window(inv, context)
    window = _options(start, end)
    of_function = shell_option("--function-name", function)
    found = _missing_metrics(inv, context, looked_at, has_function=consumer is None)

    def add(worth: float, name: str, commands: str, how: str = "value", **values: Any) -> None:
        """Add the evidence that messages name and justify; ``how`` is the message around the commands."""
        form = message(how, **{"value" if how == "value" else "commands": Commands(commands)})
        what, why = message(f"missing-{name}-what", **values), message(f"missing-{name}-why")
        found.append(Missing(what, why, form, worth, shown_by_queue(queue)))

    if pipeline and pipeline.function is None and (consumer is None or consumer.platform == "program"):
        add(4.5, "consumer", _CONSUMERS, queue=Resource(queue))
    elif consumer is not None and consumer.service is None and focus and not focus.errors.total:
        since = "24h" if start == _LAST_DAY[0] else start
        log = f"{consumer.commands(since)['consumer_log']} > {shell_word(f'FOLDER/app-{consumer.name}.log')}"
        add(8.0, "consumer-log", log, consumer=Resource(consumer.name))
    if consumer is None and inv.table("log_queries").empty:
        query = (
            "ID=$(aws logs start-query --query queryId --output text "
            f"--log-group-name {shell_word(f'/aws/lambda/{function}')} "
            f"--start-time {_epoch(start)} --end-time {_epoch(end)} "
            "--query-string 'fields @timestamp, @message, @requestId "
            "| filter @message like /ERROR|Task timed out|Exception|exited/ "
            "| sort @timestamp asc | limit 10000')\n"
            f"sleep 30; aws logs get-query-results --query-id $ID > {_file('logs', function, '-errors')}"
        )
        add(
            8.0 if context.affected and focus and focus.failures else 4.0,
            "function-errors",
            query,
            function=named,
        )
    elif consumer is None and focus and focus.failures and focus.errors.truncated:
        pull = f"watchme case pull backlog {shell_option('--function', function)} {window}"
        add(2.0, "more-errors", pull, "collect-in-parts", function=named)
    if "changes" not in inv.case.coverage():  # An empty list of events is evidence, too.
        trail = (
            f"aws cloudtrail lookup-events --start-time {start} --end-time {end} "
            "--lookup-attributes AttributeKey=ReadOnly,AttributeValue=false > FOLDER/cloudtrail.json"
        )
        add(5.0 if context.affected else 1.0, "changes", trail)
    if pipeline and consumer is None and pipeline.settings.mapping_state is None:
        listing = f"aws lambda list-event-source-mappings {of_function}"
        add(4.0, "mapping", f"{listing} > {_file('functions', function, '-mappings')}", queue=Resource(queue))
    if pipeline and pipeline.settings.visibility_timeout_s is None:
        attributes = (
            f"{_url_of(queue)}\naws sqs get-queue-attributes --queue-url $URL "
            f"--attribute-names All > {_file('queues', queue)}"
        )
        add(4.0, "queue-attributes", attributes, queue=Resource(queue))
    # Messages that were purged or redriven are no longer there.
    left = focus.balance.dead_letters.at_end if focus and focus.dead_lettered else 0
    dlq = (pipeline and pipeline.dlq) or f"{queue}-dlq"
    held = int((inv.table("queue_messages")["queue"] == dlq).sum())
    if left > held:
        receive = (
            f"{_url_of(dlq)}\naws sqs receive-message --queue-url $URL --max-number-of-messages 10 "
            f"--attribute-names All --visibility-timeout 600 >> {_file('queues', dlq, '-messages')}"
        )
        add(6.0, "dead-letters", receive, "collect-until-empty", dead=left - held, dlq=Resource(dlq))
    configured = inv.table("functions")
    own = configured[configured["function"] == function]
    if consumer is None and (own.empty or not bool(own.iloc[-1]["concurrency_known"])):
        limit = f"aws lambda get-function-concurrency {of_function}"
        add(2.0, "concurrency", f"{limit} > {_file('functions', function, '-concurrency')}", function=named)
    if pipeline and pipeline.frame["cpu_pct"].isna().all():
        add(
            1.0,
            "host-cpu",
            f"watchme case pull backlog {shell_option('--queue', queue)} "
            f"{_instances(inv, pipeline)} {window}",
        )
    return tuple(sorted(found, key=lambda item: -item.value))


def asks_for_consumer(missing: Missing) -> bool:
    """Return whether evidence is about who receives from a queue."""
    return isinstance(missing.what, Message) and missing.what.id == "missing-consumer-what"


def pull_command(inv: Investigation, context: BacklogContext) -> str:
    """Return the command that pulls the evidence on the worst-hit queue, in the window of the metrics."""
    queue = context.by_harm[0].pipeline.queue if context.queues else "QUEUE"
    start, end = _window(inv, context)
    return f"watchme case pull backlog {shell_option('--queue', queue, 'QUEUE')} {_options(start, end)}"


def shown_by_queue(queue: str) -> dict[str, str]:
    """Return the command that shows the function and the mapping of a queue; empty for an unusual name."""
    if queue == "QUEUE" or not re.fullmatch(r"[\w.-]+", queue, re.ASCII):
        return {}
    mappings = f"EventSourceMappings[?ends_with(EventSourceArn, ':{queue}')]"
    command = f'aws lambda list-event-source-mappings --query "{mappings}"'
    return {"FUNCTION": command, "UUID": command}


def _options(start: str, end: str) -> str:
    """Return the options of `case pull` for a window; its end is now by default."""
    return "--since 24h" if (start, end) == _LAST_DAY else f"--since {start} --until {end}"


def _url_of(queue: str) -> str:
    return f"URL=$(aws sqs get-queue-url {shell_option('--queue-name', queue)} --output text)"


def _file(folder: str, name: str, ending: str = "") -> str:
    """Return the path of a file for a resource, which stays in its folder whatever the name."""
    return shell_word(f"FOLDER/{folder}/{name.replace('/', '-')}{ending}.json")


def _function_of(pipeline: Pipeline) -> Text:
    """Return the name of the function of a queue, else what is known of it."""
    return pipeline.function or message("missing-unknown-function", queue=Resource(pipeline.queue))


def _missing_metrics(
    inv: Investigation, context: BacklogContext, looked_at: Sequence[QueueAnalysis], *, has_function: bool
) -> list[Missing]:
    """Return the metrics of functions, and of queues, that were not all answered."""
    pull = message("collect-whole-list", commands=Commands(pull_command(inv, context)))
    kinds: list[tuple[float, str, set[str], Series]] = [
        (10.0, "function", {*FUNCTION_METRICS, "throttles"}, FUNCTION_SERIES),
        (9.0, "queue", {*QUEUE_METRICS}, QUEUE_SERIES),
    ]
    found = []
    for worth, kind, metrics, series in kinds if has_function else kinds[1:]:
        lacking = [item.pipeline for item in looked_at if not metrics <= item.pipeline.queried]
        names = [_function_of(one) if kind == "function" else one.queue for one in lacking]
        if lacking or not looked_at:
            what = message("missing-metrics-of-what", resources=Phrases(tuple(dict.fromkeys(names))))
            why = sentences(message(f"missing-{kind}-metrics-why"), *_unusable(inv, series))
            found.append(Missing(what if lacking else message("missing-all-metrics-what"), why, pull, worth))
    return found


def _unusable(inv: Investigation, series: Series) -> Iterator[Message]:
    """Yield the metrics that came with statistics which do not show what is needed."""
    queried = inv.table("metric_queries").dropna(subset=["metric", "stat"])
    wanted: dict[str, list[str]] = {}
    for _, metric, stats, _ in series.values():
        wanted.setdefault(metric, []).extend(stats)
    for metric, serving in wanted.items():
        came = set(queried.loc[queried["metric"] == metric, "stat"])
        if came and not came & set(serving):
            yield message(
                "missing-statistic",
                metric=Resource(metric),
                returned=sorted(map(str, came)),
                usable=dict.fromkeys(serving[:2]),
            )


def _window(inv: Investigation, context: BacklogContext) -> tuple[str, str]:
    """Return the window of the metrics, else that asked for, else that of the case and a day before it."""
    frames = [item.pipeline.frame for item in context.queues if len(item.pipeline.frame)]
    whole = inv.window or inv.case.window
    if frames:
        start, end = min(frame.index[0] for frame in frames), max(frame.index[-1] for frame in frames)
    elif whole is not None:
        start, end = whole.start.astimezone(UTC), whole.end.astimezone(UTC)
        # Lines of logs do not show when messages began to wait.
        start -= timedelta(0) if inv.window else timedelta(days=1)
    else:
        return _LAST_DAY
    return f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{end:%Y-%m-%dT%H:%M:%SZ}"


def _epoch(text: str) -> str:
    return text if text in _LAST_DAY else str(int(datetime.fromisoformat(text).timestamp()))


def _instances(inv: Investigation, pipeline: Pipeline) -> str:
    """Return the options of the instances that the case names, else those of the queue's system."""
    named = (inv.table(table)["resource"].dropna() for table in ("metrics", "metric_queries"))
    known = sorted({str(name) for names in named for name in names if _INSTANCE.fullmatch(str(name))})
    if not known:
        systems = load_config().systems.values()
        known = [name for one in systems if pipeline.queue in one.queues for name in one.instances]
    return " ".join(shell_option("--instance", name) for name in known or ["INSTANCE_ID"])


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
    nameless = int(dead[["work_item", "work_date"]].isna().any(axis=1).sum())
    return nameless + sum(max(0, number - int(held.get(dlq, 0))) for dlq, number in left.items())

"""What to collect next for a backlog, with the commands that do it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

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

# What may receive from a queue besides a Lambda function, each a file that is recognised.
_CONSUMERS = """\
SERVICES=$(aws ecs list-services --cluster CLUSTER --max-items 10 --query 'serviceArns[]' --output text)
aws ecs describe-services --cluster CLUSTER --services $SERVICES > FOLDER/ecs-services.json
aws autoscaling describe-auto-scaling-groups > FOLDER/auto-scaling-groups.json
kubectl get deployments -o json > FOLDER/deployments.json"""
# Ids of EC2 instances: 8 or 17 hexadecimal digits.
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")


def missing_evidence(inv: Investigation, context: BacklogContext) -> tuple[Missing, ...]:
    """Return the evidence that the case lacks, best first; commands name the affected resources."""
    focus = context.affected[0] if context.affected else context.queues[0] if context.queues else None
    queue = focus.pipeline.queue if focus else "QUEUE"
    function = (focus.pipeline.function if focus else None) or "FUNCTION"
    named = value_of(_function_of(focus.pipeline) if focus else function)
    dlq = (focus.pipeline.dlq if focus else None) or f"{queue}-dlq"
    consumer = focus.pipeline.consumer if focus else None
    start, end = _window(inv, context)
    pull = pull_command(inv, context)
    found: list[Missing] = []

    def add(value: float, what: Text, why: Text, how: Message) -> None:
        found.append(Missing(what, why, how, value))

    looked_at = context.affected[:1] or context.queues
    of_queue, of_function = shell_option("--queue", queue), shell_option("--function-name", function)
    runs = {*FUNCTION_METRICS, "throttles"}
    if consumer is None and (
        what := _metrics_of(looked_at, runs, [_function_of(item.pipeline) for item in looked_at])
    ):
        why = sentences(message("missing-function-metrics-why"), *_unusable(inv, FUNCTION_SERIES))
        add(10.0, what, why, message("collect-whole-list", commands=Commands(pull)))
    if what := _metrics_of(looked_at, set(QUEUE_METRICS), [item.pipeline.queue for item in looked_at]):
        why = sentences(message("missing-queue-metrics-why"), *_unusable(inv, QUEUE_SERIES))
        add(9.0, what, why, message("collect-whole-list", commands=Commands(pull)))
    found += _of_consumer(focus)
    if consumer is None and inv.table("log_queries").empty:
        add(
            8.0 if context.affected and focus and focus.failures else 4.0,
            message("missing-function-errors-what", function=named),
            message("missing-function-errors-why"),
            _commands(
                "ID=$(aws logs start-query --query queryId --output text "
                f"--log-group-name {shell_word(f'/aws/lambda/{function}')} "
                f"--start-time {_epoch(start)} --end-time {_epoch(end)} "
                "--query-string 'fields @timestamp, @message, @requestId "
                "| filter @message like /ERROR|Task timed out|Exception|exited/ "
                "| sort @timestamp asc | limit 10000')\n"
                f"sleep 30; aws logs get-query-results --query-id $ID > {_file('logs', function, '-errors')}"
            ),
        )
    elif consumer is None and focus is not None and focus.failures and focus.errors.truncated:
        option = shell_option("--function", function)
        command = f"watchme case pull backlog {option} --since {start} --until {end}"
        add(
            2.0,
            message("missing-more-errors-what", function=named),
            message("missing-more-errors-why"),
            message("collect-in-parts", commands=Commands(command)),
        )
    if inv.table("changes").empty:
        add(
            5.0 if context.affected else 1.0,
            message("missing-changes-what"),
            message("missing-changes-why"),
            _commands(
                f"aws cloudtrail lookup-events --start-time {start} --end-time {end} "
                "--lookup-attributes AttributeKey=ReadOnly,AttributeValue=false > FOLDER/cloudtrail.json"
            ),
        )
    if focus is not None and consumer is None and focus.pipeline.settings.mapping_state is None:
        add(
            4.0,
            message("missing-mapping-what", queue=Resource(queue)),
            message("missing-mapping-why"),
            _commands(
                f"aws lambda list-event-source-mappings {of_function} "
                f"> {_file('functions', function, '-mappings')}"
            ),
        )
    if focus is not None and focus.pipeline.settings.visibility_timeout_s is None:
        add(
            4.0,
            message("missing-queue-attributes-what", queue=Resource(queue)),
            message("missing-queue-attributes-why"),
            _commands(
                f"{_url_of(queue)}\naws sqs get-queue-attributes --queue-url $URL "
                f"--attribute-names All > {_file('queues', queue)}"
            ),
        )
    messages = inv.table("queue_messages")
    # Messages that were purged or redriven are no longer there.
    left = focus.balance.dead_letters.at_end if focus and focus.dead_lettered else 0
    held = int((messages["queue"] == dlq).sum())
    if left > held:
        command = (
            f"{_url_of(dlq)}\naws sqs receive-message --queue-url $URL --max-number-of-messages 10 "
            f"--attribute-names All --visibility-timeout 600 >> {_file('queues', dlq, '-messages')}"
        )
        add(
            6.0,
            message("missing-dead-letters-what", dead=left - held, dlq=Resource(dlq)),
            message("missing-dead-letters-why"),
            message("collect-until-empty", commands=Commands(command)),
        )
    functions = inv.table("functions")
    own = functions[functions["function"] == function]
    if consumer is None and (own.empty or not bool(own.iloc[-1]["concurrency_known"])):
        add(
            2.0,
            message("missing-concurrency-what", function=named),
            message("missing-concurrency-why"),
            _commands(
                f"aws lambda get-function-concurrency {of_function} "
                f"> {_file('functions', function, '-concurrency')}"
            ),
        )
    if focus is not None and focus.pipeline.frame["cpu_pct"].isna().all():
        add(
            1.0,
            message("missing-host-cpu-what"),
            message("missing-host-cpu-why"),
            _commands(
                f"watchme case pull backlog {of_queue} {_instances(inv, focus.pipeline)} "
                f"--since {start} --until {end}"
            ),
        )
    return tuple(sorted(found, key=lambda item: -item.value))


def _of_consumer(focus: QueueAnalysis | None) -> list[Missing]:
    """Return the log of a consumer that is no function, or what shows an unknown consumer."""
    if focus is None or focus.pipeline.function is not None:
        return []
    consumer, queue = focus.pipeline.consumer, Resource(focus.pipeline.queue)
    if consumer is None:
        why = message("missing-consumer-why")
        return [Missing(message("missing-consumer-what", queue=queue), why, _commands(_CONSUMERS), 4.5)]
    if focus.errors.total:
        return []
    command = f"{consumer.commands()['consumer_log']} > {shell_word(f'FOLDER/app-{consumer.name}.log')}"
    what = message("missing-consumer-log-what", consumer=Resource(consumer.name))
    return [Missing(what, message("missing-function-errors-why"), _commands(command), 8.0)]


def pull_command(inv: Investigation, context: BacklogContext) -> str:
    """Return the command that pulls the evidence on the worst-hit queue, in the window of the metrics."""
    queue = context.by_harm[0].pipeline.queue if context.queues else "QUEUE"
    start, end = _window(inv, context)
    return f"watchme case pull backlog {shell_option('--queue', queue)} --since {start} --until {end}"


def _url_of(queue: str) -> str:
    """Return the command that stores the URL of a queue as ``$URL``."""
    return f"URL=$(aws sqs get-queue-url {shell_option('--queue-name', queue)} --output text)"


def _commands(text: str) -> Message:
    return message("value", value=Commands(text))


def _file(folder: str, name: str, ending: str = "") -> str:
    """Return the path of a file for a resource, which stays in its folder whatever the name."""
    return shell_word(f"FOLDER/{folder}/{name.replace('/', '-')}{ending}.json")


def _function_of(pipeline: Pipeline) -> Text:
    """Return the name of the function of a queue, else what is known of it."""
    return pipeline.function or message("missing-unknown-function", queue=Resource(pipeline.queue))


def _metrics_of(looked_at: Sequence[QueueAnalysis], metrics: set[str], names: Sequence[Text]) -> Text:
    """Return whose metrics to collect, since not all of them were answered; empty where all were."""
    if not looked_at:
        return message("missing-all-metrics-what")
    lacking = [
        name for item, name in zip(looked_at, names, strict=True) if not metrics <= item.pipeline.queried
    ]
    resources = Phrases(tuple(dict.fromkeys(lacking)))
    return message("missing-metrics-of-what", resources=resources) if lacking else ""


def _unusable(
    inv: Investigation, series: Mapping[str, tuple[str, str, tuple[str, ...], str]]
) -> Iterator[Message]:
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
    """Return the window of the metrics, else that of the case, as the AWS CLI takes it."""
    frames = [item.pipeline.frame for item in context.queues if len(item.pipeline.frame)]
    whole = inv.window or inv.case.window
    if frames:
        start, end = min(frame.index[0] for frame in frames), max(frame.index[-1] for frame in frames)
    elif whole is not None:
        start, end = whole.start.astimezone(UTC), whole.end.astimezone(UTC)
    else:
        return "START", "END"
    return f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{end:%Y-%m-%dT%H:%M:%SZ}"


def _epoch(text: str) -> str:
    try:
        return str(int(datetime.fromisoformat(text).timestamp()))
    except ValueError:
        return f"$(date -d {text} +%s)"


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

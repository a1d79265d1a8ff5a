"""Links of a page into the AWS console."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from watchme_analysis.aws_shapes.console_links import Place
from watchme_analysis.case.case_folder import Case
from watchme_analysis.queues.pipeline import Pipeline
from watchme_analysis.text.message import Message, Names, Resource, message
from watchme_analysis.window import Window

if TYPE_CHECKING:
    import pandas as pd

# Levels of redaction at which account and resources are stand-ins, so that a link would lead nowhere.
_WITHOUT_LINKS = ("ids", "share")
_ERRORS = """fields @timestamp, @message, @logStream, @requestId
| filter @message like /ERROR|Task timed out|Exception|Runtime exited/
| sort @timestamp asc"""
_LINES = """fields @timestamp, @message, @logStream
| filter @message like /PATH|ERROR|Exception|timed out/
| sort @timestamp asc"""
# Changes, and resources with metrics, that get a link of their own.
_MOST_EVENTS = 5
_MOST_RESOURCES = 5
# Columns with ARNs in a case without queues: those of the functions, else those of the alarms.
_ARNS = (("functions", "arn"), ("alarms", "definition"))
_ARN = re.compile(r"arn:aws[\w-]*:(?:lambda|cloudwatch):([a-z0-9-]+):(\d{12}):")


def place_of(case: Case) -> Place | None:
    """Return region and account of a case; None where they are unknown, several, or redacted."""
    if case.manifest.get("redacted") in _WITHOUT_LINKS:
        return None
    known = case.table("queues")[["region", "account_id"]].dropna().drop_duplicates()
    if len(known) == 1:
        return Place(*map(str, known.iloc[0]))
    if not known.empty:
        return None
    for table, column in _ARNS:
        places = {
            match.groups()
            for text in case.table(table)[column].dropna()
            for match in _ARN.finditer(str(text))
        }
        if places:
            return Place(*places.pop()) if len(places) == 1 else None
    return None


def links(
    case: Case, pipelines: Iterable[Pipeline], window: Window, changes: pd.DataFrame
) -> list[tuple[Message, str]]:
    """Return the links of a page, each with its text.

    Parameters
    ----------
    case
        The case.
    pipelines
        Queues with their functions and DLQs.
    window
        Window of graphs and queries.
    changes
        Rows of the table ``changes`` to link to.
    """
    place = place_of(case)
    if place is None:
        return []
    groups = dict(case.table("functions")[["function", "log_group"]].dropna().itertuples(index=False))
    found = [link for pipeline in pipelines for link in _of_pipeline(place, pipeline, groups, window)]
    found += _of_changes(place, changes)
    return list({url: (text, url) for text, url in found}.values())


def links_of_endpoint(
    case: Case, path: str, window: Window, changes: pd.DataFrame
) -> list[tuple[Message, str]]:
    """Return the links of a page about an endpoint: metrics, lines of its log groups, changes.

    Parameters
    ----------
    case
        The case.
    path
        Path of the endpoint, which the query looks for beside errors.
    window
        Window of graphs and queries.
    changes
        Rows of the table ``changes`` to link to.
    """
    place = place_of(case)
    if place is None:
        return []
    metrics = case.table("metrics")
    named = metrics.dropna(subset=["namespace", "metric", "resource", "dimensions"])
    found: list[tuple[Message, str]] = []
    for resource, rows in list(named.groupby("resource", sort=False))[:_MOST_RESOURCES]:
        series = rows[["namespace", "metric", "dimensions"]].drop_duplicates().itertuples(index=False)
        shown = [
            [each.namespace, each.metric, *chain.from_iterable(json.loads(each.dimensions).items())]
            for each in series
        ]
        url = place.metrics(shown, window, "Maximum")
        found.append((message("console-metrics", resource=Resource(str(resource))), url))
    groups = [str(group) for group in case.table("log_queries")["log_group"].dropna().unique()]
    if groups:
        url = place.logs_insights(_LINES.replace("PATH", _pattern(path)), groups, window)
        found.append((message("console-lines", path=Resource(path), groups=Names(tuple(groups))), url))
    return [*found, *_of_changes(place, changes)]


def _pattern(path: str) -> str:
    """Return a path as a regular expression of Logs Insights, between slashes."""
    return re.escape(path).replace("/", r"\/")


def _of_changes(place: Place, changes: pd.DataFrame) -> list[tuple[Message, str]]:
    known = changes[changes["event_id"].notna()][:_MOST_EVENTS]
    return [
        (
            message("console-event", event=Resource(str(row.event_name)), time=row.time.to_pydatetime()),
            place.event(str(row.event_id)),
        )
        for row in known.itertuples()
    ]


def _of_pipeline(
    place: Place, pipeline: Pipeline, groups: dict[str, str], window: Window
) -> Iterator[tuple[Message, str]]:
    sqs, queue, dlq, function = "AWS/SQS", pipeline.queue, pipeline.dlq, pipeline.function
    waiting = [
        [sqs, metric, "QueueName", name]
        for metric in ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")
        for name in (queue, dlq)
        if name is not None
    ]
    yield message("console-queue", queue=Resource(queue)), place.queue(queue)
    if dlq is not None:
        yield message("console-dlq", queue=Resource(dlq)), place.queue(dlq)
    yield message("console-queue-metrics", queue=Resource(queue)), place.metrics(waiting, window, "Maximum")
    if function is None:
        return
    runs = [
        ["AWS/Lambda", metric, "FunctionName", function] for metric in ("Invocations", "Errors", "Throttles")
    ]
    yield message("console-function", function=Resource(function)), place.function(function)
    yield message("console-function-metrics", function=Resource(function)), place.metrics(runs, window, "Sum")
    group = groups.get(function, f"/aws/lambda/{function}")
    errors = place.logs_insights(_ERRORS, [group], window)
    yield message("console-errors", function=Resource(function)), errors

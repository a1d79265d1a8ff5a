"""Recorded events for the test of a deployment: from files, and from the DLQ messages of a case."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import InputError
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.remedies.deployment import sqs_event
from watchme_analysis.text.message import Resource, message
from watchme_analysis.text.render import error_message, render


def recorded_events(
    files: Sequence[Path], case: Path | None, function: str, language: str
) -> list[tuple[str, Any]]:
    """Return the events to invoke a function with, and what to call each.

    Parameters
    ----------
    files
        JSON files with one event each.
    case
        Case with messages; of each DLQ that belongs to a queue of the function, the newest message.
    function
        Name of the function.
    language
        Language of the names.

    Raises
    ------
    InputError
        When a file is no JSON, or the case has no message for the function.
    """
    events: list[tuple[str, Any]] = [(path.name, _event(path)) for path in files]
    if case is None:
        return events
    opened = open_case(case)
    of_function = [each for each in pipelines(opened) if each.function == function]
    queues = {each.queue for each in of_function}
    dlqs = {each.dlq: each.queue for each in of_function if each.dlq}
    messages = opened.table("queue_messages")
    # Not every reader of a DLQ asks for the attribute that names the source queue.
    from_dlq = messages["source_queue"].isin(queues) | messages["queue"].isin(dlqs)
    wanted = messages[from_dlq & messages["body"].notna()]
    if wanted.empty:
        known = ", ".join(sorted(queues)) or "no queue"
        raise InputError(
            error_message("error-deploy-no-message", case=opened.name, function=function, known=known)
        )
    for row in wanted.sort_values("sent_at").groupby("queue", sort=True).tail(1).itertuples():
        attributes = json.loads(row.attributes) if isinstance(row.attributes, str) else {}
        source = row.source_queue if isinstance(row.source_queue, str) else dlqs[row.queue]
        arn = attributes.get("DeadLetterQueueSourceArn") or f"arn:aws:sqs:::{source}"
        region = arn.split(":")[3]
        label = render(message("deploy-event-dlq", queue=Resource(row.queue)), language)
        events.append((label, sqs_event(row.body, row.message_id, arn, attributes, region)))
    return events


def _event(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(error_message("error-event-unreadable", path=path, reason=error)) from error
    except (ValueError, RecursionError) as error:
        raise InputError(error_message("error-event-no-json", path=path, problem=error)) from error

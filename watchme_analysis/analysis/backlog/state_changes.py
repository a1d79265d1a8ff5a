"""Changes that configurations tell of: AWS keeps when a queue, a function and a mapping last changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from watchme_analysis.analysis.backlog.changes import Change
from watchme_analysis.analysis.backlog.flows import Flow, Tables

if TYPE_CHECKING:
    import pandas as pd

# A mapping that is switched off is modified once more when it has come to rest.
SAME = timedelta(minutes=2)
CAUSES = {
    "queues": ("visibility_misconfig", "undo:visibility_misconfig"),
    "functions": ("consumer_failing", "undo:consumer_failing"),
}
WORDS = {"queues": "queue attributes changed", "functions": "new code or configuration"}


def state_changes(
    tables: Tables, flows: tuple[Flow, ...], recorded: tuple[Change, ...]
) -> tuple[Change, ...]:
    """Return the last change of each queue, function and mapping within the metrics, oldest first.

    Parameters
    ----------
    tables
        ``queues``, ``functions`` and ``event_source_mappings`` are read.
    flows
        What the changes may touch.
    recorded
        Changes that a trail recorded: of the same change it tells more, so that it is not told again.

    Notes
    -----
    Only the last change is kept by AWS, and neither who made it nor, but for a mapping's state, what it was.
    A reserved concurrency leaves no such time.
    """
    found = []
    for flow in (flow for flow in flows if len(flow.frame)):
        for table, moment, what, causes, value in _modified(tables, flow):
            if not flow.frame.index[0] <= moment < flow.frame.index[-1] + timedelta(seconds=flow.period_s):
                continue
            if any(
                abs(other.time - moment) <= SAME
                and flow.queue in other.queues
                and set(causes) & set(other.causes)
                for other in recorded
            ):
                continue
            resource = flow.function if table == "functions" else flow.queue
            found.append(
                Change(
                    time=moment,
                    event_id=None,
                    event_name="",
                    user=None,
                    resource=resource,
                    what=what,
                    queues=(flow.queue,),
                    causes=causes,
                    value=value,
                    table=table,
                )
            )
    return tuple(sorted(found, key=lambda change: change.time))


def _modified(
    tables: Tables, flow: Flow
) -> Iterator[tuple[str, datetime, str, tuple[str, ...], float | None]]:
    """Yield table, time, meaning, causes and value of the last changes that touch a flow."""
    queues, functions = tables.table("queues"), tables.table("functions")
    for moment in _times(queues.loc[queues["queue"] == flow.queue, "modified_at"]):
        yield "queues", moment, WORDS["queues"], CAUSES["queues"], flow.settings.visibility_timeout_s
    for moment in _times(functions.loc[functions["function"] == flow.function, "last_modified"]):
        yield "functions", moment, WORDS["functions"], CAUSES["functions"], None
    mappings = tables.table("event_source_mappings")
    for row in mappings[mappings["queue"] == flow.queue].itertuples():
        off = str(row.state).startswith("Disabl")
        causes = ("mapping_disabled",) if off else ("undo:mapping_disabled",)
        what = f"event source mapping {'switched off' if off else 'changed'}"
        for moment in _times(mappings.loc[[row.Index], "last_modified"]):
            yield "event_source_mappings", moment, what, causes, None


def _times(column: pd.Series) -> list[datetime]:
    return [moment.to_pydatetime() for moment in column.dropna()]

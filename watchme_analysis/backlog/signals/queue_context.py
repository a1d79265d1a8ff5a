"""What a detector of signals receives and returns: the analysis of a queue, and observations with a span."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from watchme_analysis.backlog.changes import FUNCTION_EVENTS, Change, change_before
from watchme_analysis.backlog.rows import Condition, Rows, matching, points
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.signals import Observation
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.pipeline import Pipeline, RecordedSettings
from watchme_analysis.queues.work_items import unit_of, work_item_settings
from watchme_analysis.text.message import Choice, Resource, Text, Translated, message, sentences


@dataclass(frozen=True)
class Span:
    """The interval of a signal.

    ``shown`` is the start of the first metric interval in which it shows, ``start`` the likeliest moment at
    which it began, at or before it, between ``earliest`` and ``latest``. At ``until`` its effects ended:
    invocations succeeded again, or what had piled up was drained. ``end`` and ``until`` are None while they
    last. ``perhaps_before`` is true where nothing tells that it began within the window.
    """

    shown: datetime
    start: datetime
    earliest: datetime
    latest: datetime
    end: datetime | None = None
    until: datetime | None = None
    perhaps_before: bool = False


@dataclass(frozen=True)
class QueueObservation(Observation):
    """An observation of one queue; a setting has no time (``span``).

    ``event`` is the name of the CloudTrail event of a recorded change, else the kind of change.
    """

    queue: str = ""
    span: Span | None = None
    event: str | None = None


@dataclass(frozen=True)
class QueueContext:
    """The analysis of a queue with the changes that touch it."""

    inv: Investigation
    queue: QueueAnalysis
    changes: tuple[Change, ...]

    @property
    def pipeline(self) -> Pipeline:
        """The queue with its function, DLQ, settings and metrics."""
        return self.queue.pipeline

    @property
    def settings(self) -> RecordedSettings:
        """Recorded settings."""
        return self.queue.pipeline.settings

    @property
    def name(self) -> Resource:
        """Name of the queue."""
        return Resource(self.queue.pipeline.queue)

    @property
    def unit(self) -> Translated:
        """What the value is called that a message's work is about."""
        return unit_of(work_item_settings(self.inv))

    @property
    def function(self) -> Resource:
        """Name of the function, or of another consumer."""
        return Resource(self.queue.pipeline.drained_by or "Lambda")

    @property
    def attempts(self) -> Choice:
        """Unit of ``tried`` and ``failed``: invocations, or messages where failed messages are reported."""
        return Choice("messages" if self.queue.pipeline.by_message else "invocations")

    @property
    def step(self) -> timedelta:
        """Length of a metric interval."""
        return timedelta(seconds=self.queue.pipeline.period_s)

    @property
    def function_change(self) -> Change | None:
        """The change of the function right before its failures, with hardly a good run in between."""
        failures = self.queue.failures
        if failures is None:
            return None
        return change_before(self.changes, FUNCTION_EVENTS, self.pipeline, failures.start)

    def has(self, *columns: str) -> bool:
        """Return whether the series of all columns were queried and returned completely."""
        return set(columns) <= self.queue.pipeline.queried

    def points(self, columns: Iterable[str], start: Any = None, end: Any = None) -> Rows:
        """Return the metric points behind columns of this queue."""
        return points(self.inv, self.queue.pipeline, columns, start, end)

    def matching(self, table: str, *conditions: Condition, once_by: Sequence[str] = ()) -> Rows:
        """Return the rows of a table that meet conditions."""
        return matching(self.inv, table, *conditions, once_by=once_by)

    def settings_rows(self, table: str) -> Rows:
        """Return the configuration of the function, the queue or its mapping."""
        if table == "functions":
            return self.matching(table, ("function", "=", self.pipeline.function))
        return self.matching(table, ("queue", "=", self.pipeline.queue))

    def observation(  # noqa: PLR0913 - the fields of an observation
        self,
        signal: str,
        rows: Rows,
        *more: Text | None,
        text: Text | None = None,
        said: str | None = None,
        effect: tuple[float | None, str] = (None, ""),
        strength: float = 1.0,
        lasting: Span | None = None,
        event: str | None = None,
        detail: Text | None = None,
        **values: Any,
    ) -> QueueObservation:
        """Return an observation of this queue.

        Its sentence is the message of the signal's name, or that of ``said``, with these values, the queue,
        the function and the unit of its attempts; ``more`` sentences follow. ``effect`` has its unit.
        """
        named: dict[str, Any] = {"queue": self.name, "function": self.function, "attempts": self.attempts}
        own = text or message(f"backlog-{said or signal.replace('_', '-')}", **named | values)
        size, unit = effect
        return QueueObservation(
            signal, sentences(own, *more), rows["table"], rows["rows"], rows["sql"], size,
            None if size is None else unit, strength, detail,
            queue=self.pipeline.queue, span=lasting, event=event,
        )  # fmt: skip

"""The context of a backlog diagnosis: the analysis of every queue, the worst-hit one, and the changes."""

from __future__ import annotations

from dataclasses import dataclass

from watchme_analysis.backlog.changes import Change, recorded_changes, state_changes
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.anomalies import QueueAnalysis, analyse_queues
from watchme_analysis.queues.consumers import Consumer, only_program
from watchme_analysis.queues.pipeline import Pipeline, pipelines

QUEUE_METRICS = ("sent", "received", "visible", "age_s")
FUNCTION_METRICS = ("invocations", "errors", "duration_avg_s")


@dataclass(frozen=True)
class BacklogContext:
    """The queues of a case, the harmed ones among them (the worst first), and changes, oldest first.

    ``case`` is the case as an argument of a command. ``program`` logged what is known of a queue that nothing
    names; None for a Lambda function.
    """

    queues: tuple[QueueAnalysis, ...]
    affected: tuple[QueueAnalysis, ...]
    changes: tuple[Change, ...]
    case: str = "CASE"
    program: Consumer | None = None

    @property
    def pipelines(self) -> tuple[Pipeline, ...]:
        """All queues with their functions and DLQs."""
        return tuple(item.pipeline for item in self.queues)

    @property
    def by_harm(self) -> tuple[QueueAnalysis, ...]:
        """All queues, the affected ones first."""
        return (*self.affected, *(item for item in self.queues if item not in self.affected))

    @property
    def focus(self) -> QueueAnalysis | None:
        """The worst-hit queue."""
        return self.affected[0] if self.affected else None

    def consumer(self, queue: str | None) -> Consumer | None:
        """Return the consumer of a queue if it is no Lambda function; without a queue, the program."""
        return self.program if queue is None else self.queue(queue).pipeline.consumer

    def queue(self, name: str) -> QueueAnalysis:
        """Return the analysis of a queue."""
        return next(item for item in self.queues if item.pipeline.queue == name)


def backlog_context(inv: Investigation) -> BacklogContext:
    """Return the context of an investigation; ask for it through ``inv.once``."""
    found = pipelines(inv, inv.options.get("queue"))
    names = {pipeline.queue for pipeline in found}
    queues = tuple(item for item in analyse_queues(inv) if item.pipeline.queue in names)
    affected = sorted((item for item in queues if item.harms), key=_severity, reverse=True)
    recorded = recorded_changes(inv, found)
    changes = sorted([*recorded, *state_changes(inv, found, recorded)], key=lambda change: change.time)
    program = None if queues else only_program(inv)
    return BacklogContext(queues, tuple(affected), tuple(changes), inv.case.argument, program)


def _severity(queue: QueueAnalysis) -> float:
    """Return how much harm a queue shows, for sorting: messages dead, lost, failed and delayed."""
    worst = queue.worst
    return (
        3.0 * queue.dead_lettered
        + 3.0 * queue.balance.lost
        + (queue.failures.count if queue.failures else 0.0)
        + (worst.peak * 2.0 if worst else 0.0)
        + (queue.redelivery.count * 0.2 if queue.redelivery else 0.0)
        + (queue.throttles.count * 0.01 if queue.throttles else 0.0)
        + (20.0 if queue.creeping else 0.0)
    )

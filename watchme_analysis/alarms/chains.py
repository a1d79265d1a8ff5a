"""Chains of queue, function and DLQ that alarms watch, and the alarms that can never fire on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from watchme_analysis.alarms.advice import AGE, EARLY
from watchme_analysis.alarms.specification import AlarmSpec
from watchme_analysis.queues.pipeline import Pipeline, RecordedSettings
from watchme_analysis.text.message import Count, Duration, Message, Names, Resource, message

_MILLISECONDS = 1000.0


@dataclass(frozen=True)
class Chain:
    """The names of a queue, the function that drains it, and its DLQ; None where there is none."""

    queue: str | None
    function: str | None
    dlq: str | None
    settings: RecordedSettings = field(default_factory=RecordedSettings)

    @classmethod
    def of(cls, pipeline: Pipeline) -> Chain:
        """Return the chain of a pipeline."""
        return cls(pipeline.queue, pipeline.function, pipeline.dlq, pipeline.settings)

    def resource(self, kind: str) -> str | None:
        """Return the resource that an alarm over ``queue``, ``function``, ``dlq`` or a name watches."""
        by_kind = {"queue": self.queue, "function": self.function, "dlq": self.dlq}
        if kind in by_kind:
            return by_kind[kind]
        return kind if kind in by_kind.values() else None

    def kind_of(self, resource: str) -> str:
        """Return whether a resource of the chain is its ``queue``, ``function`` or ``dlq``."""
        return next(kind for kind in ("queue", "function", "dlq") if self.resource(kind) == resource)


def cannot_fire(spec: AlarmSpec, chains: Iterable[Chain]) -> tuple[Message, ...]:
    """Return the arithmetic by which an alarm can never fire for a failure, once for equal settings.

    Unknown settings of a chain prove nothing.
    """
    if not spec.rule.comparison.startswith("Greater"):
        return ()
    if spec.metrics == (AGE,):
        return _never_so_old(spec, chains)
    if spec.metrics == ("Duration",) and spec.of_timeout is None:
        return _never_so_long(spec, chains)
    return ()


def _never_so_old(spec: AlarmSpec, chains: Iterable[Chain]) -> tuple[Message, ...]:
    # The age must stay above the threshold for M periods.
    needed_s = spec.rule.threshold + (spec.rule.datapoints_to_alarm - 1) * spec.rule.period_s
    queues: dict[tuple[int, float], list[str]] = {}
    for chain in chains:
        receives, hidden_s = chain.settings.max_receive_count, chain.settings.visibility_timeout_s
        if chain.resource(spec.over) is None or chain.queue is None or receives is None or hidden_s is None:
            continue
        if receives * hidden_s <= needed_s:
            queues.setdefault((receives, hidden_s), []).append(chain.queue)
    return tuple(
        message(
            "alarm-age-is-never-reached",
            alarm=Resource(spec.name),
            queues=Names(tuple(dict.fromkeys(names))),
            receives=Count(receives),
            visibility=Duration(hidden_s),
            total=Duration(receives * hidden_s),
            needed=Duration(needed_s),
            better=Duration(EARLY * receives * hidden_s),
        )
        for (receives, hidden_s), names in queues.items()
    )


def _never_so_long(spec: AlarmSpec, chains: Iterable[Chain]) -> tuple[Message, ...]:
    limit_s = spec.rule.threshold / _MILLISECONDS
    functions: dict[float, list[str]] = {}
    for chain in chains:
        timeout_s = chain.settings.function_timeout_s
        if chain.resource(spec.over) is None or chain.function is None or timeout_s is None:
            continue
        if limit_s >= timeout_s:
            functions.setdefault(timeout_s, []).append(chain.function)
    return tuple(
        message(
            "alarm-duration-is-never-reached",
            alarm=Resource(spec.name),
            functions=Names(tuple(dict.fromkeys(names))),
            threshold=Duration(limit_s),
            timeout=Duration(timeout_s),
        )
        for timeout_s, names in functions.items()
    )

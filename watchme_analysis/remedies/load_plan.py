"""The plan of a load test: every message with its time and body, the limits, the watch and the prediction.

It is a JSON file that people review. :mod:`watchme_analysis.remedies.loadtest` carries it out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import jmespath

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.errors import InputError
from watchme_analysis.prices import (
    GET_METRIC_DATA_USD,
    LAMBDA_GB_SECOND_USD,
    LAMBDA_REQUEST_USD,
    SQS_REQUEST_USD,
)
from watchme_analysis.remedies.allowed_calls import check_conditions
from watchme_analysis.remedies.harm_watch import HarmLimit
from watchme_analysis.remedies.plan import Condition, StoredPlan
from watchme_analysis.simulation.replay import Predicted, rate_steps
from watchme_analysis.simulation.settings import Settings
from watchme_analysis.text.message import (
    Code,
    Duration,
    Message,
    Names,
    Number,
    Resource,
    Share,
    message,
)
from watchme_analysis.text.render import error_message

# Marks of a load test: an attribute of each message and a header of each request.
ATTRIBUTE, HEADER = "watchme_loadtest", "X-Watchme-Loadtest"
# Attribute with the number of the message in its test.
NUMBER_ATTRIBUTE = "watchme_loadtest_number"
# Least and largest ratio of the replayed to the recorded rate.
FACTORS = (1, 10)
# Whatever the options: a test is bounded, because a mistake in it must be.
MOST_MESSAGES, LONGEST_S = 10_000, 3600.0
_REQUESTS_PER_MESSAGE = 3  # send, receive, delete
_SHOWN_STEPS = 5


@dataclass(frozen=True)
class LoadItem:
    """A message or request of a load test, ``at_s`` seconds from its start.

    ``group`` is the message group of a FIFO queue; ``method`` and ``target``, the path with query, are those
    of a request and empty for a message.
    """

    at_s: float
    body: str
    group: str | None = None
    method: str = ""
    target: str = ""


@dataclass(frozen=True)
class LoadTarget:
    """The queue or endpoint that is tested, of a system that is declared as a test system."""

    system: str
    kind: Literal["queue", "endpoint"]
    url: str
    dlq_url: str | None = None
    function: str | None = None  # drains the queue
    reports_failures: bool = False  # whether it reports the failed messages of a batch
    memory_mb: int | None = None

    @property
    def name(self) -> str:
        """Return the name of the queue, or the URL of the endpoint."""
        return resource_name(self.url) if self.kind == "queue" else self.url


@dataclass(frozen=True)
class LoadLimits:
    """Bounds of a load test."""

    # Longest wait for messages to be processed after the last one was sent; how far sending may fall behind.
    drain_s: float = 600.0
    timeout_s: float = 30.0  # of a request
    most_errors: float = 0.1  # share of failures of the test itself above which it stops
    poll_s: float = 5.0  # between two readings of queues and of the function's log
    metrics_s: float = 60.0  # between two readings of CloudWatch, which has a point a minute


@dataclass(frozen=True)
class LoadPlan(StoredPlan):
    """What a load test would send, watch and compare.

    ``id`` marks the messages. ``source`` is the queue or path of the case whose arrivals are replayed,
    ``factor`` times as fast, from ``recorded_start`` on. Account and region are empty when no call to AWS is
    needed. If a reading of ``relies_on`` differs when the plan is applied, it is refused. ``predicted`` are
    the figures of ``replications`` simulated runs of ``model``, ``notes`` the assumptions.
    """

    FORMAT: ClassVar[str] = "watchme-loadtest"
    KIND: ClassVar[str] = "load-plan"

    id: str
    case: str
    source: str
    made: datetime
    account: str
    region: str
    target: LoadTarget
    factor: float
    recorded_start: datetime
    recorded_s: float
    items: tuple[LoadItem, ...]
    limits: LoadLimits
    model: Settings
    replications: int
    relies_on: tuple[Condition, ...] = ()
    watched: tuple[HarmLimit, ...] = ()
    predicted: Mapping[str, Predicted] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()

    @property
    def sending_s(self) -> float:
        """Return the time from the first to the last message in seconds."""
        return self.items[-1].at_s if self.items else 0.0

    @property
    def groups(self) -> tuple[int, ...]:
        """Return a number for the message group of each message; empty when one has none."""
        return groups_of(self.items)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the plan of such data, with the errors of its parts."""
        plan = super().from_dict(data)
        times = [item.at_s for item in plan.items]
        if times != sorted(times) or len(times) > MOST_MESSAGES or plan.sending_s > LONGEST_S:
            raise ValueError("its messages are not in order, or exceed the bounds of a load test")
        return plan


def groups_of(items: Sequence[LoadItem]) -> tuple[int, ...]:
    """Return a number for the message group of each message; empty when one has none."""
    names = [item.group for item in items]
    if None in names:
        return ()
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return tuple(known[name] for name in names)


def read_load_plan(path: Path) -> LoadPlan:
    """Return the plan of a file; a plan that relies on something else than readings is refused."""
    try:
        plan = LoadPlan.from_dict(json.loads(path.read_bytes()))
    except OSError as error:
        raise InputError(error_message("error-plan-unreadable", path=path, reason=error)) from error
    except (
        ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError,
        InputError, jmespath.exceptions.JMESPathError,
    ) as error:  # fmt: skip
        raise InputError(error_message("error-loadtest-no-plan", path=path)) from error
    check_conditions(plan.relies_on, path)
    return plan


def load_plan_sentences(plan: LoadPlan) -> list[Message]:
    """Return what a load test would do, for review: messages, rate, cost, prediction, watch and bounds."""
    kind, count, name = plan.target.kind, len(plan.items), Resource(plan.target.name)
    return [
        message(f"loadtest-plan-{kind}", count=count, target=name, system=Resource(plan.target.system)),
        message(
            "loadtest-plan-record",
            case=Resource(plan.case),
            source=Resource(plan.source),
            start=plan.recorded_start,
            recorded=Duration(plan.recorded_s),
            duration=Duration(plan.sending_s),
            factor=Number(plan.factor),
        ),
        message("loadtest-plan-rate", rates=Names(tuple(_rates(plan)), _SHOWN_STEPS)),
        message(
            f"loadtest-plan-mark-{kind}",
            mark=Code(ATTRIBUTE if kind == "queue" else HEADER),
            id=Code(plan.id),
        ),
        _cost(plan) if plan.region else message("loadtest-plan-no-cost"),
        *_prediction(plan),
        *plan.notes,
        *(each.sentence for each in plan.watched),
        message("loadtest-plan-errors", share=Share(plan.limits.most_errors)),
        message("loadtest-plan-bounds", drain=Duration(plan.limits.drain_s), count=count),
        message(f"loadtest-plan-undo-{kind}", target=name),
    ]


def _rates(plan: LoadPlan) -> list[str]:
    """Return the number of messages per minute in equal intervals."""
    steps = rate_steps([item.at_s for item in plan.items], _SHOWN_STEPS)
    starts = [0.0, *(end for end, _ in steps)]
    return [
        f"{60 * number / (end - start):,.0f}"
        for (end, number), start in zip(steps, starts, strict=False)
        if end > start
    ] or [f"{len(plan.items):,d}"]


def _cost(plan: LoadPlan) -> Message:
    """Return the price of a test at list prices, the readings of the watch included."""
    target, count = plan.target, len(plan.items)
    lasting_s = plan.sending_s + plan.limits.drain_s
    queues = sum(each.is_in_sqs for each in plan.watched) + 2 * (target.kind == "queue")
    metrics = sum(each.is_metric for each in plan.watched)
    sqs = queues * (1 + lasting_s / max(plan.limits.poll_s, 1.0))
    usd = metrics * (1 + lasting_s / max(plan.limits.metrics_s, 1.0)) * GET_METRIC_DATA_USD
    if target.kind == "queue":
        sqs += count * _REQUESTS_PER_MESSAGE
        gb_s = (target.memory_mb or 128) / 1024 * plan.model.api.mean_s
        usd += count * (LAMBDA_REQUEST_USD + gb_s * LAMBDA_GB_SECOND_USD)
    usd += sqs * SQS_REQUEST_USD
    return message("loadtest-plan-cost", usd=Number(usd, 2), requests=round(sqs))


def _prediction(plan: LoadPlan) -> list[Message]:
    found, mean = plan.predicted, Duration(plan.model.api.mean_s)
    said = [message("loadtest-plan-model", mean=mean, runs=plan.replications)]
    for name in ("most_waiting", "p95_s", "drain_s"):
        values = asdict(found[name])
        if None not in values.values():
            shown = {key: figure_value(name, value) for key, value in values.items()}
            said.append(message(f"loadtest-predicted-{name.replace('_', '-')}", **shown))
    if found["done"].lowest is not None and found["done"].lowest < len(plan.items):
        said.append(message("loadtest-predicted-undone", count=round(len(plan.items) - found["done"].lowest)))
    return said


def figure_value(name: str, value: float) -> Duration | Number:
    """Return the value of a figure for a sentence: a duration, or a number of messages."""
    return Duration(value) if name.endswith("_s") else Number(value)

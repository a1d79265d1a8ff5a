"""Settings of a simulated queue, poller, function and API, and the outcome of a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Choice
from watchme_analysis.text.render import error_message


@dataclass(frozen=True)
class QueueSettings:
    """An SQS queue; a message received ``max_receive_count`` times without success moves to the DLQ.

    ``returns_first`` is True if messages that return are received before messages that were never received;
    SQS guarantees no order. Groups of a FIFO queue keep theirs. A standard queue with groups is fair if
    ``is_fair`` is set.
    """

    visibility_timeout_s: float = 300.0
    retention_s: float = 345_600.0
    max_receive_count: int | None = 3
    is_fifo: bool = False
    is_fair: bool = False
    returns_first: bool = True


@dataclass(frozen=True)
class Backoff:
    """Back-off of a poller in a minute with a larger share of failed and throttled attempts."""

    above_share: float = 0.0
    factor: float = 0.5
    least_batches: int = 5


@dataclass(frozen=True)
class PollerSettings:
    """The event source mapping and the function's concurrency."""

    batch_size: int = 1
    start_batches: int = 5  # processed at once before scaling
    # Batches added in the first minute with a backlog, and in each minute after it.
    first_ramp: int = 60
    further_ramp: int = 300
    max_batches: int = 1250  # of scaling without other limits
    max_concurrency: int | None = None  # of the mapping: the poller receives no message above it
    # Of the function: messages are received above it, and their invocations throttled.
    reserved_concurrency: int | None = None
    # Mean time between two attempts to invoke a throttled batch, which AWS does not publish. Each interval is
    # drawn between half and one and a half times the mean, to avoid synchronous retries.
    throttle_retry_s: float = 5.0
    # Time after which a throttled batch is dropped; its messages return when their visibility timeout ends.
    # None retries until the visibility timeout has passed, as the Developer Guide describes.
    throttle_patience_s: float | None = None
    # Errors and throttles reduce the concurrent batches, as the Developer Guide describes, which does not
    # publish the parameters. Otherwise the poller only scales up.
    backs_off: bool = True
    backoff: Backoff = Backoff()
    partial_batch_responses: bool = False  # only the failed messages of a batch return
    # Seconds in which no message is received, such as those of a disabled mapping.
    pauses: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class FaultInterval:
    """An interval in which the API behaves differently, half-open, from the start of the simulation."""

    start_s: float
    end_s: float
    mean_s: float | None = None  # service time; None for the usual one
    failing_share: float = 0.0  # of calls that fail at their end, instead of the usual share
    # Number of calls from which that share was counted. As many calls then contain exactly that many
    # failures, in random order; 0 draws each call independently.
    calls: int = 0
    repeats: int = 0  # of these calls were retries, which follow the failures, and do not fail themselves
    is_unhealthy: bool = False  # health checks fail in it
    is_cured_by_restart: bool = False
    # Start of the consecutive intervals that a single restart ends; this interval's own start when None.
    stretch_s: float | None = None
    run_s: float | None = None  # of invocations, all messages together; None where it equals ``mean_s``

    @property
    def longest_s(self) -> float:
        """Duration of an invocation in seconds within the interval; 0 where it is as usual."""
        return (self.mean_s or 0.0) if self.run_s is None else self.run_s


@dataclass(frozen=True)
class ApiSettings:
    """The service that the function calls and waits for.

    ``variation`` is the standard deviation over the mean of the service time of a message, which is
    lognormal; 0 makes all times equal, and exactly 1 selects an exponential distribution.
    """

    mean_s: float = 15.0
    variation: float = 0.3
    # Calls processed at once; None for no limit. Others wait, and are processed even after their caller timed
    # out.
    slots: int | None = 2
    failing_share: float = 0.0  # of calls that fail at their end at random
    # A health check fails when the first waiting call has waited longer than the timeout.
    check_interval_s: float = 30.0
    check_timeout_s: float = 10.0
    checks_to_unhealthy: int = 3
    restarts_when_unhealthy: bool = False
    restart_s: float = 60.0  # downtime of a restart, in which calls are lost
    faults: tuple[FaultInterval, ...] = ()  # in order of their start, without overlaps
    restarts_at_s: tuple[float, ...] = ()  # whatever its health, such as those of an operator


@dataclass(frozen=True)
class BreakerSettings:
    """A circuit breaker: after consecutive failures, receives pause, then a single batch is tried."""

    failures_to_open: int = 5
    pause_s: float = 120.0


@dataclass(frozen=True)
class EarlierSetting:
    """The value of a setting until it is changed within the simulation.

    ``field`` is one of ``visibility_timeout_s``, ``max_receive_count``, ``reserved_concurrency``,
    ``max_concurrency`` and ``function_timeout_s``.
    """

    field: str
    until_s: float
    value: float | None


@dataclass(frozen=True)
class Settings:
    """All settings of a simulation; ``horizon_s`` ends it if the queue has not drained before.

    ``earlier`` holds the previous values of changed settings, in order of time. ``run_s`` is the fixed part
    of a duration in seconds, which an invocation spends before its first message.
    """

    queue: QueueSettings = QueueSettings()
    poller: PollerSettings = PollerSettings()
    api: ApiSettings = ApiSettings()
    function_timeout_s: float = 30.0
    breaker: BreakerSettings | None = None
    horizon_s: float = 86_400.0
    earlier: tuple[EarlierSetting, ...] = ()
    run_s: float = 0.0

    def __post_init__(self) -> None:
        """Check the settings; a time or a count that is not above zero is an InputError."""
        positive = {
            "visibility_timeout_s": self.queue.visibility_timeout_s,
            "retention_s": self.queue.retention_s,
            "max_receive_count": self.queue.max_receive_count,
            "batch_size": self.poller.batch_size,
            "start_batches": self.poller.start_batches,
            "max_concurrency": self.poller.max_concurrency,
            "reserved_concurrency": self.poller.reserved_concurrency,
            "throttle_retry_s": self.poller.throttle_retry_s,
            "slots": self.api.slots,
            "check_interval_s": self.api.check_interval_s,
            "mean_s": self.api.mean_s,
            "function_timeout_s": self.function_timeout_s,
            "horizon_s": self.horizon_s,
        }
        for name, value in positive.items():
            if value is not None and not value > 0:
                raise InputError(error_message("error-simulate-setting", setting=Choice(name), value=value))


def configured(settings: Settings, field: str) -> float | None:
    """Return the value of a field at the end of a simulation."""
    for owner in (settings, settings.queue, settings.poller):
        if hasattr(owner, field):
            value: float | None = getattr(owner, field)
            return value
    raise AttributeError(field)


@dataclass(frozen=True)
class Arrivals:
    """The messages that producers send, in ascending seconds from the start of the simulation."""

    sent_s: Sequence[float]
    groups: Sequence[int] = ()  # of each message, for FIFO and fair queues; empty for a single group
    # Positions of messages for which every invocation fails.
    failing: frozenset[int] = field(default=frozenset(), repr=False)


@dataclass(frozen=True)
class Outcome:
    """Outcome of a simulation.

    ``sent = deleted + visible + in_flight + dead_lettered + expired`` holds exactly.
    """

    # Messages at the end of the simulation.
    sent: int
    deleted: int
    visible: int
    in_flight: int
    dead_lettered: int
    expired: int
    dead_unfailed: int  # in the DLQ without a failed invocation: throttling alone used up their receives
    # Messages whose work was never completed and that no queue holds: moved to the DLQ, expired, or deleted
    # although the API lost its work in a restart.
    lost: int
    duplicates: int  # completions of work that had been completed before
    invocations: int
    errors: int
    timeouts: int
    throttles: int
    restarts: int  # of the API
    breaker_openings: int
    # Sampled each minute as CloudWatch does.
    peak_visible: int
    peak_age_s: float
    drained_s: float | None  # when the last message left the queue; None when messages were left
    # Longest interval in which some message had waited for more than a minute (or two mean service times),
    # counted from the sending of the first of them.
    behind_s: float
    # Mean time from sending to the start of processing, over messages that were started, and over those of
    # all groups but the one with most messages; None without.
    mean_wait_s: float | None
    others_wait_s: float | None = None
    # Each minute: time, messages visible, in flight, dead-lettered, and age in seconds.
    series: tuple[tuple[float, int, int, int, float], ...] = field(default=(), repr=False)
    # End of the first invocation that processed each message; NaN where there was none. Empty unless it was
    # asked for.
    done_s: tuple[float, ...] = field(default=(), repr=False)

    @property
    def drain_s(self) -> float | None:
        """Return the time in seconds to clear the longest backlog; None when messages were left."""
        return None if self.drained_s is None else self.behind_s

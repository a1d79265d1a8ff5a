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
    """Back-off of a poller: threshold share of failed attempts, factor, and smallest number of batches."""

    above_share: float = 0.0
    factor: float = 0.5
    least_batches: int = 5


@dataclass(frozen=True)
class PollerSettings:
    """The event source mapping and the function's concurrency.

    Attributes
    ----------
    batch_size, batching_window_s
        Messages per batch, and the longest time in seconds that a batch may wait to fill.
    start_batches
        Batches processed at once before scaling.
    first_ramp, further_ramp
        Batches added in the first minute with a backlog, and in each minute after it.
    max_batches
        Upper limit of scaling without other limits.
    max_concurrency
        Maximum concurrency of the mapping: the poller receives no message above it.
    reserved_concurrency
        Reserved concurrency of the function: messages are received above it, and their invocations throttled.
    throttle_retry_s
        Mean time in seconds between two attempts to invoke a throttled batch, which AWS does not publish.
        Each interval is drawn between half and one and a half times the mean, to avoid synchronous retries.
    throttle_patience_s
        Time in seconds after which a throttled batch is dropped; its messages return when their visibility
        timeout ends. None retries until the visibility timeout has passed, as the Developer Guide describes.
    backs_off
        True if errors and throttles reduce the concurrent batches, as the Developer Guide describes. False
        for a poller that only scales up.
    backoff
        Parameters of the back-off, which the guide does not publish: threshold share of failed and throttled
        attempts in a minute, factor for the number of batches, and their smallest number.
    partial_batch_responses
        True if only the failed messages of a batch return.
    pauses
        Intervals in seconds in which no message is received, such as those of a disabled mapping.
    """

    batch_size: int = 1
    batching_window_s: float = 0.0
    start_batches: int = 5
    first_ramp: int = 60
    further_ramp: int = 300
    max_batches: int = 1250
    max_concurrency: int | None = None
    reserved_concurrency: int | None = None
    throttle_retry_s: float = 5.0
    throttle_patience_s: float | None = None
    backs_off: bool = True
    backoff: Backoff = Backoff()
    partial_batch_responses: bool = False
    pauses: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class FaultInterval:
    """An interval in which the API behaves differently.

    Attributes
    ----------
    start_s, end_s
        Seconds from the start of the simulation, half-open.
    mean_s
        Mean service time in seconds; None for the usual service time.
    failing_share
        Share of calls that fail at their end, instead of the usual share.
    calls
        Number of calls from which that share was counted. As many calls then contain exactly that many
        failures, in random order; 0 draws each call independently.
    repeats
        Number of these calls that were retries. They follow the failures, and do not fail themselves.
    is_unhealthy
        True if health checks fail in it.
    is_cured_by_restart
        True if a restart ends it.
    stretch_s
        Start of the consecutive intervals that a single restart ends; this interval's own start when None.
    run_s
        Duration of invocations in seconds, all messages together; None where it equals ``mean_s``.
    """

    start_s: float
    end_s: float
    mean_s: float | None = None
    failing_share: float = 0.0
    calls: int = 0
    repeats: int = 0
    is_unhealthy: bool = False
    is_cured_by_restart: bool = False
    stretch_s: float | None = None
    run_s: float | None = None

    @property
    def longest_s(self) -> float:
        """Duration of an invocation in seconds within the interval; 0 where it is as usual."""
        return (self.mean_s or 0.0) if self.run_s is None else self.run_s


@dataclass(frozen=True)
class ApiSettings:
    """The service that the function calls and waits for.

    Attributes
    ----------
    mean_s, variation
        Service time of a message: mean in seconds, and standard deviation over mean of a lognormal
        distribution. A variation of 0 makes all times equal; exactly 1 selects an exponential distribution.
    slots
        Number of calls processed at once. Others wait, and are processed even after the caller timed out.
        None: no limit.
    failing_share
        Share of calls that fail at their end at random.
    check_interval_s, check_timeout_s, checks_to_unhealthy
        The health check fails when the first waiting call has waited longer than the timeout.
    restarts_when_unhealthy, restart_s
        True if an unhealthy API is restarted, and its downtime in seconds. Its calls are lost.
    faults
        Fault intervals in order of their start, without overlaps.
    restarts_at_s
        Times in seconds at which the API is restarted whatever its health, such as those of an operator.
    """

    mean_s: float = 15.0
    variation: float = 0.3
    slots: int | None = 2
    failing_share: float = 0.0
    check_interval_s: float = 30.0
    check_timeout_s: float = 10.0
    checks_to_unhealthy: int = 3
    restarts_when_unhealthy: bool = False
    restart_s: float = 60.0
    faults: tuple[FaultInterval, ...] = ()
    restarts_at_s: tuple[float, ...] = ()


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
        """Check the settings.

        Raises
        ------
        InputError
            If a time or a count is not above zero.
        """
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
    """The messages that producers send.

    Attributes
    ----------
    sent_s
        Ascending, in seconds from the start of the simulation.
    groups
        Message group of each message; empty for a single group. Used by FIFO and fair queues.
    failing
        Positions of messages for which every invocation fails, such as those without an audio file.
    """

    sent_s: Sequence[float]
    groups: Sequence[int] = ()
    failing: frozenset[int] = field(default=frozenset(), repr=False)


@dataclass(frozen=True)
class Outcome:
    """Outcome of a simulation.

    ``sent = deleted + visible + in_flight + dead_lettered + expired`` holds exactly.

    Attributes
    ----------
    sent, deleted, visible, in_flight, dead_lettered, expired
        Messages at the end of the simulation.
    dead_unfailed
        DLQ messages without a failed invocation: throttling alone used up their receives.
    lost
        Messages whose work was never completed and that no queue holds: moved to the DLQ, expired, or
        deleted although the API lost its work in a restart.
    duplicates
        Completions of work that had been completed before.
    invocations, errors, timeouts, throttles
        Invocations of the function, failed invocations, invocations that timed out, and throttled attempts.
    restarts, breaker_openings
        Number of times that the API was restarted, and that the breaker opened.
    peak_visible, peak_age_s
        Highest backlog, and highest age of the oldest message, sampled each minute as CloudWatch does.
    drained_s
        Time at which the last message left the queue; None when messages were left.
    behind_s
        Time to clear the longest backlog: the longest interval in which some message had waited for more
        than a minute (or two mean service times), counted from the sending of the first of them.
    mean_wait_s
        Mean time from sending to the start of processing, over messages that were started; None without.
    others_wait_s
        The same over messages of all groups but the one with most messages; None without.
    series
        Each minute: time in seconds, messages visible, in flight, dead-lettered, and age in seconds.
    done_s
        End of the first invocation that processed each message, in seconds; NaN where there was none. Empty
        unless it was asked for.
    """

    sent: int
    deleted: int
    visible: int
    in_flight: int
    dead_lettered: int
    expired: int
    dead_unfailed: int
    lost: int
    duplicates: int
    invocations: int
    errors: int
    timeouts: int
    throttles: int
    restarts: int
    breaker_openings: int
    peak_visible: int
    peak_age_s: float
    drained_s: float | None
    behind_s: float
    mean_wait_s: float | None
    others_wait_s: float | None = None
    series: tuple[tuple[float, int, int, int, float], ...] = field(default=(), repr=False)
    done_s: tuple[float, ...] = field(default=(), repr=False)

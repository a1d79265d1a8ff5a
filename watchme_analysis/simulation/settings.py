"""Settings of a simulated queue, poller, function and API, and the outcome of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from watchme_analysis.errors import InputError


@dataclass(frozen=True)
class QueueSettings:
    """An SQS queue; a message received ``max_receive_count`` times without success moves to the DLQ.

    ``returns_first`` tells whether what comes back is received before what has not been yet; SQS promises no
    order. Groups of a FIFO queue keep theirs.
    """

    visibility_timeout_s: float = 300.0
    retention_s: float = 345_600.0
    max_receive_count: int | None = 3
    is_fifo: bool = False
    returns_first: bool = True


@dataclass(frozen=True)
class Backoff:
    """Back-off of a poller: above which share of failed attempts, by what factor, to how many batches."""

    above_share: float = 0.0
    factor: float = 0.5
    least_batches: int = 5


@dataclass(frozen=True)
class PollerSettings:
    """The event source mapping and the function's concurrency.

    Attributes
    ----------
    batch_size, batching_window_s
        Messages of a batch, and how long a batch may wait to fill.
    start_batches
        Batches processed at once before scaling.
    first_ramp, further_ramp
        Batches added in the first minute with a backlog, and in each minute after it.
    max_batches
        Where scaling ends without other limits.
    max_concurrency
        Maximum concurrency of the mapping: no message is received above it.
    reserved_concurrency
        Of the function: messages are received above it, and their invocations throttled.
    throttle_retry_s
        Mean time between two attempts to invoke a throttled batch, which AWS doesn't publish. Each is drawn
        between half and one and a half of it, as clients do that must not come back in step.
    throttle_patience_s
        After how long a throttled batch is given up; its messages come back when their visibility timeout
        ends. None is what the Developer Guide says: it is tried until the visibility timeout has passed.
    backs_off
        True when errors and throttles reduce the batches processed at once, as the Developer Guide says.
        False is a poller that only ever scales up.
    backoff
        How, which the guide doesn't say: from which share of failed and throttled attempts in a minute on,
        to which part of the batches, and to how many at the least.
    partial_batch_responses
        Only the failed messages of a batch come back.
    pauses
        Stretches, in seconds, in which nothing is received, such as a disabled mapping's.
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
        From the start of the run; the end is not part of it.
    mean_s
        Mean service time; None for the usual one.
    failing_share
        Share of calls that fail at their end, in place of the usual one.
    calls
        How many calls that share was counted over. So many calls then hold exactly that many failures, in
        random order; 0 draws each on its own.
    repeats
        How many of these calls were tries again. They come after the failures, and are none of them.
    is_unhealthy
        Health checks fail in it.
    is_cured_by_restart
        A restart ends it.
    stretch_s
        Start of the spells that follow on one another and that one restart ends; this one's own when None.
    run_s
        How long runs took in it, all their messages together; None where that is the same as ``mean_s``.
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
        Service time of one message: mean, and standard deviation over mean of a lognormal distribution. A
        variation of 0 makes all alike, exactly 1 an exponential distribution.
    slots
        Calls worked on at once; others wait, and are worked on even when the caller has given up. None: any.
    failing_share
        Share of calls that fail at their end for no lasting reason.
    check_interval_s, check_timeout_s, checks_to_unhealthy
        The health check fails when the call at the head has waited longer than the timeout.
    restarts_when_unhealthy, restart_s
        True when an unhealthy API is restarted; for how many seconds it is away. Its calls are lost.
    spells
        In order of their start, without overlaps.
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
    spells: tuple[FaultInterval, ...] = ()


@dataclass(frozen=True)
class BreakerSettings:
    """A circuit breaker: after failed runs in a row nothing is received for a while, then one batch tries."""

    failures_to_open: int = 5
    pause_s: float = 120.0


@dataclass(frozen=True)
class EarlierSetting:
    """The value of a setting until it is changed within the run.

    ``field`` is one of ``visibility_timeout_s``, ``max_receive_count``, ``reserved_concurrency``,
    ``max_concurrency`` and ``function_timeout_s``.
    """

    field: str
    until_s: float
    value: float | None


@dataclass(frozen=True)
class Settings:
    """All settings of a run; ``horizon_s`` ends it if the queue has not drained before.

    ``earlier`` tells what was set otherwise for a part of the run, in order of time. ``run_s`` is what a run
    of the function takes whatever its messages, before the first of them.
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
            "visibility timeout": self.queue.visibility_timeout_s,
            "retention": self.queue.retention_s,
            "receives before the dead-letter queue": self.queue.max_receive_count,
            "batch size": self.poller.batch_size,
            "concurrent batches at the start": self.poller.start_batches,
            "maximum concurrency": self.poller.max_concurrency,
            "reserved concurrency": self.poller.reserved_concurrency,
            "pause between throttled attempts": self.poller.throttle_retry_s,
            "slots of the API": self.api.slots,
            "health check interval": self.api.check_interval_s,
            "mean service time": self.api.mean_s,
            "function timeout": self.function_timeout_s,
            "horizon": self.horizon_s,
        }
        for name, value in positive.items():
            if value is not None and not value > 0:
                raise InputError(f"A simulation needs a {name} above 0, not {value}: correct the settings.")


def configured(settings: Settings, field: str) -> float | None:
    """Return the value of a field at the end of a run."""
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
        Ascending, seconds from the start of the run.
    groups
        Message group of each; empty when there is only one kind. Used by FIFO queues.
    failing
        Positions of messages whose every run fails, such as those whose audio file does not exist.
    """

    sent_s: Sequence[float]
    groups: Sequence[int] = ()
    failing: frozenset[int] = field(default=frozenset(), repr=False)


@dataclass(frozen=True)
class Outcome:
    """Outcome of a run.

    ``sent = deleted + visible + in_flight + dead_lettered + expired`` holds exactly.

    Attributes
    ----------
    sent, deleted, visible, in_flight, dead_lettered, expired
        Messages, at the end of the run.
    dead_unfailed
        Dead-lettered messages of which no run ever failed: throttling alone used up their receives.
    lost
        Messages whose work was never completed and that no queue holds any more: dead-lettered, expired, or
        deleted because an API had accepted what it then lost in a restart.
    duplicates
        Completions of work that had been completed before.
    invocations, errors, timeouts, throttles
        Runs of the function, those that failed, those of them that ran into the timeout, and attempts to
        invoke that were turned away.
    unhealthy, restarts, breaker_openings
        Times that the API turned unhealthy and was restarted, and that the breaker opened.
    peak_visible, peak_age_s
        Highest backlog, and highest age of the oldest message, sampled each minute as CloudWatch does.
    drained_s
        When the last message left the queue; None when some were left.
    behind_s
        The longest stretch in which some message had waited for more than a minute (or two mean service
        times), from the sending of the first of them on: how long it took to work off a backlog.
    mean_wait_s
        From sending to the start of the first work on a message, over those with a start; None without.
    series
        Each minute: time in seconds, messages visible, in flight, dead-lettered, and age in seconds.
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
    unhealthy: int
    restarts: int
    breaker_openings: int
    peak_visible: int
    peak_age_s: float
    drained_s: float | None
    behind_s: float
    mean_wait_s: float | None
    series: tuple[tuple[float, int, int, int, float], ...] = field(default=(), repr=False)

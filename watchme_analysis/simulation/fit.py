"""Settings and load of a simulation, fitted to the configuration, arrivals and durations of a pipeline.

Assumptions about unrecorded values are kept as messages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from watchme_analysis.errors import InputError
from watchme_analysis.queues.pipeline import RecordedSettings
from watchme_analysis.queues.pipeline_anomalies import messages_a_run
from watchme_analysis.simulation.durations import (
    MAX_DEVIATION,
    RunTime,
    in_messages,
    run_time,
    usual_duration,
)
from watchme_analysis.simulation.scenarios import ASSUMED_GROUPS, Load
from watchme_analysis.simulation.settings import (
    ApiSettings,
    EarlierSetting,
    FaultInterval,
    PollerSettings,
    QueueSettings,
    Settings,
)
from watchme_analysis.stats.intervals import runs_of_true
from watchme_analysis.text.message import Choice, Duration, Message, Number, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.queues.pipeline import Pipeline, Tables


# Assumed where a setting is unknown; retention is SQS's default.
ASSUMED_TIMEOUT_S = 30.0
ASSUMED_VISIBILITY_S = 300.0
ASSUMED_RETENTION_S = 345_600.0


def assumed(known: RecordedSettings) -> list[Message]:
    """Return messages on the values that replace unknown settings."""
    notes = []
    if known.function_timeout_s is None:
        notes.append(message("fit-timeout-assumed", timeout=Duration(ASSUMED_TIMEOUT_S)))
    if known.visibility_timeout_s is None:
        notes.append(
            message(
                "fit-queue-assumed",
                visibility=Duration(ASSUMED_VISIBILITY_S),
                retention=Duration(ASSUMED_RETENTION_S),
            )
        )
    if known.max_receive_count is None:
        notes.append(message("fit-no-redrive-policy"))
    return notes


def timing(api: ApiSettings, period_s: int, timeout_s: float, spent: RunTime | None) -> tuple[Message, ...]:
    """Return messages on the service times of the fit and on values that were not measured."""
    faults = api.faults
    found = [
        message(
            "fit-service-time",
            usual=Duration(api.mean_s),
            variation=Number(api.variation, 2),
            intervals=len(faults),
            period=Duration(period_s),
        )
    ]
    if spent is not None:
        found.append(
            message("fit-fixed-time", fixed=Duration(spent.fixed_s))
            if spent.is_measured
            else message("fit-fixed-time-unknown")
        )
    cut_off = sum(fault.longest_s >= timeout_s for fault in faults)
    if cut_off:
        found.append(message("fit-cut-off", intervals=cut_off))
    return (*found, message("fit-capacity"))


# Share of the function's timeout from which an invocation counts as timed out.
CUT_OFF = 0.98
# Share of an interval's attempts from which all are assumed to have failed for one reason.
ALL_FAIL = 0.9
DRAIN_S = 86_400.0
# Seconds without a receive, while messages wait, that indicate a disabled poller.
PAUSE_S = 600.0
# If all invocations timed out, this share is assumed instead, because their full durations are unknown.
SURE = 0.999


@dataclass(frozen=True)
class Fit:
    """Settings and load of a pipeline, and the assumptions as messages."""

    settings: Settings
    load: Load
    notes: tuple[Message, ...]


@dataclass(frozen=True)
class Recorded:
    """Recorded figures with which a simulation is compared; None where the metrics lack them.

    ``dead_receives`` is the number of receives of its DLQ messages before their move, ``groups`` the number
    of message groups, or of items that the messages are about.
    """

    sent: float | None
    dead_lettered: float | None
    peak_visible: float | None
    peak_age_s: float | None
    dead_receives: int | None = None
    groups: int | None = None


def recorded(pipeline: Pipeline, tables: Tables) -> Recorded:
    """Return the recorded figures with which a simulation under the pipeline's own settings is compared."""
    from watchme_analysis.queues.dlq_stock import dead_letter_stock

    def highest(column: str) -> float | None:
        values = pipeline.frame[column].dropna()
        return float(values.max()) if len(values) else None

    dead = None if pipeline.dlq is None else dead_letter_stock(pipeline, tables).moved
    return Recorded(
        pipeline.count("sent"),
        dead,
        highest("visible"),
        highest("age_s"),
        _dead_receives(pipeline, tables),
        _groups(pipeline, tables),
    )


def _groups(pipeline: Pipeline, tables: Tables) -> int | None:
    """Return the number of message groups, or of items, that the queue's messages name."""
    messages = tables.table("queue_messages")
    own = messages["source_queue"].fillna(messages["queue"]) == pipeline.queue
    named = messages.loc[own, "group_id"].fillna(messages.loc[own, "work_item"])
    return int(named.nunique()) or None


def _dead_receives(pipeline: Pipeline, tables: Tables) -> int | None:
    """Return the receives of a DLQ message before its move; the last counted receive was by the dump."""
    messages = tables.table("queue_messages")
    own = messages["source_queue"].fillna(pipeline.queue) == pipeline.queue
    counts = messages.loc[(messages["queue"] == pipeline.dlq) & own, "receive_count"].dropna()
    return int(counts.min()) - 1 if len(counts) and counts.min() > 1 else None


def fit(pipeline: Pipeline, measured: Recorded, earlier: tuple[EarlierSetting, ...] = ()) -> Fit:
    """Return the settings and load that represent a pipeline.

    Service times follow the measured durations interval by interval, so they include contention in the API.
    Durations limited by a timeout are extrapolated with a lognormal distribution, whose mean is chosen so
    that the measured share of invocations exceeds the timeout. If no message is known to have been sent, or
    durations are missing, an error is raised.
    """
    frame = pipeline.frame
    if not pipeline.count("sent"):
        raise InputError(error_message("error-simulate-no-arrivals", queue=pipeline.queue))
    if not frame["duration_avg_s"].notna().any():
        raise InputError(error_message("error-simulate-no-duration", queue=pipeline.queue))
    notes: list[Message] = []
    if pipeline.settings.max_receive_count is None and measured.dead_lettered and measured.dead_receives:
        receives = measured.dead_receives
        pipeline = replace(pipeline, settings=replace(pipeline.settings, max_receive_count=receives))
        notes.append(message("fit-receives-of-dlq", receives=receives))
    known = pipeline.settings
    timeout_s = known.function_timeout_s or ASSUMED_TIMEOUT_S
    notes += assumed(known)
    spent = run_time(pipeline)
    usual_s, variation = (
        usual_duration(frame) if spent is None else usual_duration(in_messages(pipeline, spent), batched=True)
    )
    waiting = frame["visible"].dropna()
    if len(waiting) and waiting.iloc[0] > 0:
        notes.append(message("fit-waiting-left-out", messages=round(waiting.iloc[0])))
    faults = faults_of(pipeline, usual_s, max(variation, 0.2), timeout_s, spent)
    poison, passing = failing_shares(pipeline, measured, faults)
    if passing and not poison:
        # Without messages that always fail, all failures occurred at known intervals.
        faults, passing = faults_of(pipeline, usual_s, max(variation, 0.2), timeout_s, spent, True), 0.0
    pauses = pauses_of(frame, pipeline.period_s)
    if pauses:
        total_s = sum(end_s - start_s for start_s, end_s in pauses)
        notes.append(message("fit-paused", paused=Duration(total_s)))
    groups = measured.groups or ASSUMED_GROUPS
    source = Choice("assumed" if measured.groups is None else "messages")
    notes.append(message("fit-groups", groups=groups, source=source))
    counts = tuple(float(value) for value in frame["sent"].fillna(0.0))
    load = Load(counts, float(pipeline.period_s), groups=groups, failing_share=poison)
    poller = PollerSettings(
        batch_size=known.batch_size or 1,
        max_concurrency=known.max_concurrency,
        reserved_concurrency=known.reserved_concurrency or None,
        pauses=pauses,
        partial_batch_responses=bool(known.reports_failures),
    )
    queue = QueueSettings(
        visibility_timeout_s=known.visibility_timeout_s or ASSUMED_VISIBILITY_S,
        retention_s=known.retention_s or ASSUMED_RETENTION_S,
        max_receive_count=known.max_receive_count,
        is_fifo=bool(known.is_fifo),
    )
    api = ApiSettings(usual_s, variation, slots=None, failing_share=passing, faults=faults)
    horizon_s = len(frame) * pipeline.period_s + DRAIN_S
    settings = Settings(
        queue,
        poller,
        api,
        function_timeout_s=timeout_s,
        horizon_s=horizon_s,
        earlier=earlier,
        run_s=0.0 if spent is None else spent.fixed_s,
    )
    return Fit(settings, load, (*timing(api, pipeline.period_s, timeout_s, spent), *notes))


def faults_of(
    pipeline: Pipeline,
    usual_s: float,
    variation: float,
    timeout_s: float,
    spent: RunTime | None = None,
    with_passing: bool = False,
) -> tuple[FaultInterval, ...]:
    """Return an interval for each period that was not as usual, up to the next with invocations.

    With ``with_passing``, intervals in which only some invocations failed are included.
    """
    frame = pipeline.frame
    ran = frame[frame["duration_avg_s"].notna() & (frame["invocations"] > 0)]
    at_s = [(time - frame.index[0]).total_seconds() for time in ran.index]
    all_fail = _all_fail(pipeline, ran)
    taken = messages_a_run(pipeline)[ran.index]
    found: list[FaultInterval] = []
    for row, fails, start_s, end_s, messages in zip(
        ran.itertuples(), all_fail, at_s, [*at_s[1:], math.inf], taken, strict=True
    ):
        run_s = float(row.duration_avg_s)
        share = _share(row)
        is_cut_off = share > 0 and row.duration_max_s >= CUT_OFF * timeout_s
        failing = share if (fails or with_passing) and not is_cut_off else 0.0
        if is_cut_off:
            beyond = NormalDist().inv_cdf(min(max(share, 1 - SURE), SURE))
            # The messages of a batch vary independently, so the variation of their sum is smaller.
            sigma = math.sqrt(math.log1p(variation**2 / (1.0 if spent is None else messages)))
            run_s = timeout_s * math.exp(sigma * beyond + sigma**2 / 2)
        # If nearly all invocations time out, only the first message is processed; without partial batch
        # responses, the failed message ends the invocation.
        all_cut_off = is_cut_off and share >= ALL_FAIL
        ends_early = fails and not is_cut_off and not pipeline.settings.reports_failures
        worked = 1.0 if all_cut_off or ends_early else messages
        mean_s = run_s if spent is None else spent.of_message(run_s, worked)
        if not is_cut_off and usual_s / MAX_DEVIATION < mean_s < usual_s * MAX_DEVIATION:
            if not failing:
                continue
            mean_s = usual_s if with_passing and not fails else mean_s
        is_next = bool(found) and found[-1].end_s == start_s
        stretch_s = found[-1].stretch_s if is_next else start_s
        calls = int(row.tried) if failing else 0
        repeats = _repeats(row) if failing else 0
        fault = FaultInterval(
            start_s, end_s, max(mean_s, 0.001), failing, calls, repeats, stretch_s=stretch_s
        )
        found.append(fault if spent is None else replace(fault, run_s=run_s))
    return tuple(found)


def _repeats(row: Any) -> int:
    """Return the number of an interval's attempts with messages that had failed in it."""
    return int(row.tried - row.sent) if row.failed <= row.sent <= row.tried else 0


def _share(row: Any) -> float:
    return min(row.failed / row.tried, 1.0) if row.tried > 0 and row.failed > 0 else 0.0


def _all_fail(pipeline: Pipeline, ran: pd.DataFrame) -> list[bool]:
    """Return for each interval with invocations whether it belongs to a period in which every message fails.

    More than one message must have arrived in such a period; otherwise the message is the cause.
    """
    bad = [_share(row) >= ALL_FAIL for row in ran.itertuples()]
    sent = pipeline.frame["sent"].fillna(0.0)
    found = [False] * len(bad)
    for start, end in runs_of_true(bad):
        came = sent[(sent.index >= ran.index[start]) & (sent.index <= ran.index[end - 1])].sum()
        found[start:end] = [bool(came > 1)] * (end - start)
    return found


def failing_shares(
    pipeline: Pipeline, measured: Recorded, faults: tuple[FaultInterval, ...]
) -> tuple[float, float]:
    """Return the share of messages that fail at every attempt, and the share of random failures.

    They are separated by the errors outside the fault intervals: a message that always fails uses all its
    receives and is moved to the DLQ.
    """
    frame, receives = pipeline.frame, pipeline.settings.max_receive_count
    limit_s = pipeline.settings.function_timeout_s or math.inf
    bad = [fault for fault in faults if fault.failing_share or fault.longest_s >= limit_s / 2]
    starts = {fault.start_s for fault in bad}
    at_s = (frame.index - frame.index[0]).total_seconds()
    outside = [time_s not in starts for time_s in at_s]
    errors = float(frame["failed"].fillna(0.0)[outside].sum())
    runs = float(frame["tried"].fillna(0.0)[outside].sum())
    sent = measured.sent or 0.0
    if not errors or not runs or not sent:
        return 0.0, 0.0
    dead = min(measured.dead_lettered or 0.0, errors / receives) if receives else 0.0
    passing = max(errors - dead * (receives or 0), 0.0)
    return min(dead / sent, 1.0), min(passing / runs, 1.0)


def pauses_of(frame: pd.DataFrame, period_s: int) -> tuple[tuple[float, float], ...]:
    """Return start and end, in seconds, of the intervals in which messages waited and none was received."""
    # A lost point does not end an interval, because the messages are still waiting.
    waits = frame["visible"].ffill().fillna(0.0) > 0
    if not frame["received"].notna().any() and not frame["invocations"].notna().any():
        return ()
    idle = (frame["received"].fillna(0.0) == 0) & (frame["invocations"].fillna(0.0) == 0)
    # The interval before contains arrivals that were no longer received.
    still = waits & idle
    return tuple(
        (start * float(period_s), end * float(period_s))
        for start, end in runs_of_true(still)
        if (end - start) * period_s >= PAUSE_S
    )

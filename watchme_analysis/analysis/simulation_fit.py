"""Settings and load of a simulation taken from a flow: its configuration, arrivals and durations."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

from watchme_analysis.analysis.simulation_scenarios import Load
from watchme_analysis.analysis.simulation_settings import (
    ApiSettings,
    PollerSettings,
    QueueSettings,
    Settings,
    Spell,
)
from watchme_analysis.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.analysis.flows import Flow, Tables

# A run this near to its function's timeout was cut off.
CUT_OFF = 0.98
# From which share of an interval's runs on all of them are taken to have failed for one reason.
ALL_FAIL = 0.9
# An interval whose durations differ by less from the usual ones is a usual one.
UNUSUAL = 1.5
DRAIN_S = 86_400.0
# Where all runs were cut off, as if this share had been: how long they would have taken is not known.
SURE = 0.999


@dataclass(frozen=True)
class Fit:
    """What was taken from a flow, and in sentences what had to be assumed."""

    settings: Settings
    load: Load
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Recorded:
    """What the flow's own metrics say of the figures that a simulation answers; None where they don't."""

    sent: float | None
    dead_lettered: float | None
    peak_visible: float | None
    peak_age_s: float | None


def recorded(flow: Flow, tables: Tables) -> Recorded:
    """Return what was measured, to be held against a run with the flow's own settings."""
    from watchme_analysis.analysis.dead_letter_stock import dead_letter_stock

    def highest(column: str) -> float | None:
        values = flow.frame[column].dropna()
        return float(values.max()) if len(values) else None

    dead = None if flow.dlq is None else dead_letter_stock(flow, tables).moved
    return Recorded(flow.count("sent"), dead, highest("visible"), highest("age_s"))


def fit(flow: Flow, measured: Recorded) -> Fit:
    """Return the settings and load that stand for a flow.

    Parameters
    ----------
    flow
        Queue with function and metrics.
    measured
        What :func:`recorded` tells of it.

    Raises
    ------
    InputError
        If nothing was sent as far as is known, or durations are missing.

    Notes
    -----
    Service times follow the measured durations interval by interval, so that contention in the API is in them
    as it was. Durations that a timeout cut off are continued by a lognormal distribution: its mean is such
    that the measured share of runs lies beyond the timeout.
    """
    frame = flow.frame
    if not flow.count("sent"):
        raise InputError(
            f"{flow.queue} can't be simulated: the case has no NumberOfMessagesSent above 0 for it; "
            "pull the metrics of its queue."
        )
    if not frame["duration_avg_s"].notna().any():
        raise InputError(
            f"{flow.queue} can't be simulated: the case has no Duration of its function; pull its metrics."
        )
    known = flow.settings
    notes = []
    timeout_s = known.function_timeout_s or 30.0
    if known.function_timeout_s is None:
        notes.append("The function's timeout is unknown: 30 s is assumed.")
    if known.visibility_timeout_s is None:
        notes.append("The queue's attributes are unknown: visibility 300 s, 4 days' retention.")
    if known.max_receive_count is None:
        notes.append("No redrive policy is known: nothing is dead-lettered.")
    usual_s, variation = _usual(frame)
    waiting = frame["visible"].dropna()
    if len(waiting) and waiting.iloc[0] > 0:
        notes.append(f"{waiting.iloc[0]:.0f} messages that waited at the start are left out.")
    if known.mapping_state not in {None, "Enabled"} or known.reserved_concurrency == 0:
        notes.append("The function is kept from receiving by its configuration: simulated as if it were not.")
    spells = _spells(flow, usual_s, max(variation, 0.2), timeout_s)
    share = _failing_share(flow, measured, spells)
    notes.append(
        f"Usual service time {usual_s:.1f} s with a variation of {variation:.2f}; other times in "
        f"{len(spells)} intervals of {flow.period_s} s."
    )
    cut_off = sum(spell.mean_s is not None and spell.mean_s >= timeout_s for spell in spells)
    if cut_off:
        notes.append(
            f"In {cut_off} of them most runs were cut off by the timeout: how much longer they would have "
            "taken is extrapolated, and so is what a longer timeout helps."
        )
    notes.append(
        "The API's capacity and health are not in the metrics: durations stay as measured whatever the load, "
        "and restarts change nothing, unless its slots are given. For FIFO 30 devices are assumed."
    )
    counts = tuple(float(value) for value in frame["sent"].fillna(0.0))
    load = Load(counts, float(flow.period_s), failing_share=share)
    poller = PollerSettings(
        batch_size=known.batch_size or 1,
        max_concurrency=known.max_concurrency,
        reserved_concurrency=known.reserved_concurrency or None,
    )
    queue = QueueSettings(
        visibility_timeout_s=known.visibility_timeout_s or 300.0,
        retention_s=known.retention_s or 345_600.0,
        max_receive_count=known.max_receive_count,
        is_fifo=bool(known.is_fifo),
    )
    api = ApiSettings(mean_s=usual_s, variation=variation, slots=None, spells=spells)
    horizon_s = len(frame) * flow.period_s + DRAIN_S
    settings = Settings(queue, poller, api, function_timeout_s=timeout_s, horizon_s=horizon_s)
    return Fit(settings, load, tuple(notes))


def with_slots(fitted: Fit, slots: int) -> Fit:
    """Return the fit with an API that works on so many calls at once and lets others wait."""
    settings = replace(fitted.settings, api=replace(fitted.settings.api, slots=slots))
    return replace(fitted, settings=settings)


def _usual(frame: pd.DataFrame) -> tuple[float, float]:
    """Return mean and variation of the durations of intervals without a failed run."""
    measured = frame[frame["duration_avg_s"].notna()]
    calm = measured[measured["errors"].fillna(0) == 0]
    chosen = calm if len(calm) else measured
    usual_s = max(float(chosen["duration_avg_s"].median()), 0.001)
    # Averages of n runs vary by a factor of the square root of n less than the runs.
    off = (chosen["duration_avg_s"] / usual_s - 1) * chosen["invocations"].fillna(1).clip(lower=1) ** 0.5
    near = off[off.abs() < UNUSUAL]
    return usual_s, min(float((near**2).mean() ** 0.5) if len(near) else 0.3, 2.0)


def _spells(flow: Flow, usual_s: float, variation: float, timeout_s: float) -> tuple[Spell, ...]:
    """Return a spell for each interval that was not as usual, up to the next with runs of the function."""
    sigma = math.sqrt(math.log1p(variation**2))
    frame = flow.frame
    ran = frame[frame["duration_avg_s"].notna() & (frame["invocations"] > 0)]
    at_s = [(time - frame.index[0]).total_seconds() for time in ran.index]
    found = []
    for row, start_s, end_s in zip(ran.itertuples(), at_s, [*at_s[1:], math.inf], strict=True):
        mean_s = float(row.duration_avg_s)
        share = 0.0 if math.isnan(row.errors) else min(row.errors / row.invocations, 1.0)
        is_cut_off = share > 0 and row.duration_max_s >= CUT_OFF * timeout_s
        failing = share if share >= ALL_FAIL and not is_cut_off else 0.0
        if is_cut_off:
            beyond = NormalDist().inv_cdf(min(max(share, 1 - SURE), SURE))
            mean_s = timeout_s * math.exp(sigma * beyond + sigma**2 / 2)
        elif not failing and usual_s / UNUSUAL < mean_s < usual_s * UNUSUAL:
            continue
        found.append(Spell(start_s, end_s, max(mean_s, 0.001), failing))
    return tuple(found)


def _failing_share(flow: Flow, measured: Recorded, spells: tuple[Spell, ...]) -> float:
    """Return the share of messages that fail at every try: dead letters that no spell explains."""
    limit_s = flow.settings.function_timeout_s or math.inf
    if any(spell.failing_share or (spell.mean_s or 0.0) >= limit_s / 2 for spell in spells):
        return 0.0
    dead, sent = measured.dead_lettered, measured.sent
    return min(dead / sent, 1.0) if dead and sent else 0.0

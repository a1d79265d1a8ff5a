"""Calibration of a fit: settings that no metric shows are chosen to match the record best."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from watchme_analysis.simulation.fit import Fit, Recorded
from watchme_analysis.simulation.scenarios import Comparison, Scenario, compare
from watchme_analysis.simulation.settings import Backoff, Settings
from watchme_analysis.text.message import Choice, Duration, Message, Share, message

# Compared figures, and the difference in each that counts as none.
FIGURES = (("peak_visible", 3.0), ("peak_age_s", 60.0), ("dead_lettered", 2.0))
# A simulation that deviates by less than this share in every figure reproduces the record.
TOLERANCE = 0.2
REPLICATIONS = 3
_RETRIES_S = (1.0, 2.0, 7.5, 10.0, 12.0, 15.0, 20.0, 30.0, 45.0, 60.0)
# Shares of an interval, from its start on, since schedules begin on the minute.
_WIDTHS = (0.25, 0.05)
_GROUPS = (5, 100, 1000)
# Smallest reduction of the distance (natural logarithms of the figures) for which a setting is changed.
WORTH = 0.1


@dataclass(frozen=True)
class Agreement:
    """A recorded figure, compared with simulations under the settings of the fit.

    ``simulated`` is the mean of the simulations, between ``lowest`` and ``highest`` of a single one. It is
    near when the two differ by at most :data:`TOLERANCE`.
    """

    figure: str
    recorded: float
    simulated: float
    is_near: bool
    lowest: float
    highest: float


def calibrated(fitted: Fit, measured: Recorded) -> Fit:
    """Return the fit with the settings that no metric shows, chosen so that simulations match the record.

    Settings that neither AWS publishes nor metrics show are varied in turn: the retry interval of a throttled
    batch, the back-off of the poller, the order of returning messages, and the arrival times within an
    interval. A fit that reproduces the record within 20 % is not changed.
    """
    best, agreements = fitted, agreement(fitted, measured)
    nearest = distance(agreements)
    for vary in (_retries, _groups, _arrivals, _orders, _backoffs):
        if all(each.is_near for each in agreements):
            break
        for candidate in vary(best):
            found = agreement(candidate, measured)
            if distance(found) < nearest - WORTH:
                best, agreements, nearest = candidate, found, distance(found)
    return best


def agreement(fitted: Fit, measured: Recorded) -> tuple[Agreement, ...]:
    """Return the agreement of simulations with the pipeline's own settings with its record, per figure."""
    [found] = compare([Scenario("own", fitted.settings, fitted.load)], REPLICATIONS)
    return agreement_of(found, measured)


def agreement_of(found: Comparison, measured: Recorded) -> tuple[Agreement, ...]:
    """Return the agreement of simulations of one queue with its record, per figure."""
    result = []
    for name, small in FIGURES:
        wanted, got = getattr(measured, name), found.estimate(name).mean
        if wanted is not None and got is not None:
            is_near = abs(got - wanted) <= max(TOLERANCE * wanted, small)
            each = [getattr(outcome, name) for outcome in found.outcomes]
            result.append(Agreement(name, wanted, got, is_near, min(each), max(each)))
    return tuple(result)


def distance(agreements: tuple[Agreement, ...]) -> float:
    """Return the distance of figures from the record: the sum of absolute differences of logarithms."""
    small = dict(FIGURES)
    return sum(
        abs(math.log((each.simulated + small[each.figure]) / (each.recorded + small[each.figure])))
        for each in agreements
    )


def _arrivals(fitted: Fit) -> Iterator[Fit]:
    for share in _WIDTHS:
        width_s = share * fitted.load.interval_s
        note = message("fit-arrivals-nearest", width=Duration(width_s))
        yield replace(fitted, load=replace(fitted.load, within_s=width_s), notes=(*fitted.notes, note))


def _groups(fitted: Fit) -> Iterator[Fit]:
    others = tuple(note for note in fitted.notes if note.id != "fit-groups")
    for many in _GROUPS if fitted.settings.queue.is_fifo else ():
        notes = (*others, message("fit-groups-nearest", groups=many))
        yield replace(fitted, load=replace(fitted.load, groups=many), notes=notes)


def _orders(fitted: Fit) -> Iterator[Fit]:
    queue = fitted.settings.queue
    if not queue.is_fifo:
        first = not queue.returns_first
        note = message("fit-order-nearest", order=Choice("first" if first else "later"))
        yield _with(fitted, note, queue=replace(queue, returns_first=first))


def _retries(fitted: Fit) -> Iterator[Fit]:
    poller = fitted.settings.poller
    for retry_s in _RETRIES_S if poller.reserved_concurrency is not None else ():
        note = message("fit-retries-nearest", interval=Duration(retry_s))
        yield _with(fitted, note, poller=replace(poller, throttle_retry_s=retry_s))


def _backoffs(fitted: Fit) -> Iterator[Fit]:
    poller = fitted.settings.poller
    for changed in BACKOFFS if fails(fitted.settings) or poller.reserved_concurrency is not None else ():
        note = message(
            "fit-backoff-nearest",
            share=Share(changed.above_share),
            factor=Share(changed.factor),
            least=changed.least_batches,
        )
        yield _with(fitted, note, poller=replace(poller, backoff=changed))


def _with(fitted: Fit, note: Message, **parts: Any) -> Fit:
    """Return a fit with other parts of its settings, and a note that says so."""
    return replace(fitted, settings=replace(fitted.settings, **parts), notes=(*fitted.notes, note))


# Back-off that starts later or reduces the batches further than the default.
BACKOFFS = (Backoff(0.5, 0.7, 2), Backoff(0.67, 0.7, 2), Backoff(0.5, 0.5, 2), Backoff(0.0, 0.5, 2))


def fails(settings: Settings) -> bool:
    """Return whether invocations fail, so that a poller would back off."""
    api, timeout_s = settings.api, settings.function_timeout_s
    return bool(api.failing_share) or any(
        fault.failing_share or fault.longest_s > timeout_s / 2 for fault in api.faults
    )

"""What metrics don't tell of a flow, chosen so that a simulation gives back what was recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from watchme_analysis.analysis.simulation_fit import Fit, Recorded
from watchme_analysis.analysis.simulation_scenarios import Scenario, compare

# Figures that are compared, and how much of a difference in each is none.
FIGURES = (("peak_visible", 3.0), ("peak_age_s", 60.0), ("dead_lettered", 2.0))
# A run that is off by less than this share in every figure gives back the record.
TOLERANCE = 0.2
_REPLICATIONS = 2
_RETRIES_S = (1.0, 2.0, 10.0, 20.0, 30.0, 45.0, 60.0)
# Another setting must be this much nearer, in natural logarithms of the figures, to be taken.
_WORTH = 0.1


@dataclass(frozen=True)
class Agreement:
    """A figure as it was recorded, and as the fit's own run gives it back."""

    figure: str
    recorded: float
    simulated: float
    is_near: bool


def calibrated(fitted: Fit, measured: Recorded) -> Fit:
    """Return the fit with what the metrics don't tell, set so that its run comes nearest to the record.

    Parameters
    ----------
    fitted
        Of :func:`watchme_analysis.analysis.simulation_fit.fit`.
    measured
        What was recorded of the flow.

    Notes
    -----
    Tried is how often a throttled batch is tried again, where concurrency is reserved. A fit that gives back
    the record within 20 % stays as it is.
    """
    agreements = agreement(fitted, measured)
    if all(each.is_near for each in agreements):
        return fitted
    best, nearest = fitted, _distance(agreements) - _WORTH
    for candidate in _candidates(fitted):
        distance = _distance(agreement(candidate, measured))
        if distance < nearest:
            best, nearest = candidate, distance
    return best


def agreement(fitted: Fit, measured: Recorded, replications: int = _REPLICATIONS) -> tuple[Agreement, ...]:
    """Return how near a run with the flow's own settings comes to what was recorded of it."""
    [found] = compare([Scenario("own", fitted.settings, fitted.load)], replications)
    result = []
    for name, small in FIGURES:
        wanted, got = getattr(measured, name), found.estimate(name).mean
        if wanted is not None and got is not None:
            result.append(Agreement(name, wanted, got, abs(got - wanted) <= max(TOLERANCE * wanted, small)))
    return tuple(result)


def _distance(agreements: tuple[Agreement, ...]) -> float:
    small = dict(FIGURES)
    return sum(
        abs(math.log((each.simulated + small[each.figure]) / (each.recorded + small[each.figure])))
        for each in agreements
    )


def _candidates(fitted: Fit) -> Iterator[Fit]:
    settings = fitted.settings
    if settings.poller.reserved_concurrency is None:
        return
    for retry_s in _RETRIES_S:
        changed = replace(settings, poller=replace(settings.poller, throttle_retry_s=retry_s))
        note = (
            f"Throttled batches are tried again every {retry_s:.0f} s, which comes nearest to the record; "
            "AWS doesn't publish it."
        )
        yield replace(fitted, settings=changed, notes=(*fitted.notes, note))

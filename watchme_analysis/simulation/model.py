"""The model of a queue: fitted alone, or together with those that share its host where that is nearer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from watchme_analysis.errors import InputError
from watchme_analysis.queues.pipeline import Pipeline, Tables
from watchme_analysis.simulation.calibration import (
    BACKOFFS,
    REPLICATIONS,
    Agreement,
    agreement_of,
    calibrated,
    distance,
    in_words,
)
from watchme_analysis.simulation.fit import Fit, Recorded, fit, recorded, with_slots
from watchme_analysis.simulation.scenarios import Comparison, Scenario, compare, scenarios
from watchme_analysis.simulation.setting_changes import earlier_settings
from watchme_analysis.simulation.settings import Backoff, Host
from watchme_analysis.simulation.shared_host import CORES, SharedFit, late_shares, shared_fit, sharing


@dataclass(frozen=True)
class Model:
    """What stands for one or several queues.

    Attributes
    ----------
    flows, measured, fits
        The queue that was asked about, or all that are simulated together, by name.
    host
        What their APIs share; None for a queue alone.
    notes
        What was taken from the record and what was assumed, in sentences.
    """

    flows: tuple[Pipeline, ...]
    measured: tuple[Recorded, ...]
    fits: tuple[Fit, ...]
    host: Host | None
    notes: tuple[str, ...]

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """Every measure, on all the queues."""
        first, *others = self.fits
        beside = tuple((each.settings, each.load) for each in others)
        return scenarios(first.settings, first.load, beside, self.host)

    @property
    def in_all(self) -> Recorded:
        """What was recorded of all the queues: counts added up, the highest age."""
        return Recorded(
            sent=_added([each.sent for each in self.measured]),
            dead_lettered=_added([each.dead_lettered for each in self.measured]),
            peak_visible=_added([each.peak_visible for each in self.measured]),
            peak_age_s=max(
                (each.peak_age_s for each in self.measured if each.peak_age_s is not None), default=None
            ),
        )

    def agreements(self, found: Comparison) -> tuple[tuple[str, Agreement], ...]:
        """Return how near runs with the queues' own settings come to the record, for each queue."""
        return tuple(
            (flow.queue, each)
            for place, (flow, measured) in enumerate(zip(self.flows, self.measured, strict=True))
            for each in agreement_of(found.of_line(place), measured)
        )


def _added(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def model_of(
    tables: Tables,
    flows: Sequence[Pipeline],
    flow: Pipeline,
    slots: int | None = None,
    cores: float | None = None,
) -> Model:
    """Return the model of a flow that comes nearest to its record.

    Parameters
    ----------
    tables
        Case or investigation.
    flows
        All flows of the case.
    flow
        The one that is asked about.
    slots
        Calls that its API works on at once; it is then fitted alone.
    cores
        Processors of a host that APIs share; :data:`CORES` unless given.

    Raises
    ------
    InputError
        When the flow can't be fitted.
    """
    if slots is None:
        found = _together(tables, flows, flow, CORES if cores is None else cores)
        if found is not None:
            return found
    own, measured = _alone(tables, flow)
    if slots is not None:
        own = with_slots(own, slots)
    idle = () if cores is None else (f"--cores has no effect: {flow.queue} is simulated alone.",)
    return Model((flow,), (measured,), (own,), None, (*own.timing, *own.notes, *idle))


def _alone(tables: Tables, flow: Pipeline, with_calibration: bool = True) -> tuple[Fit, Recorded]:
    measured = recorded(flow, tables)
    earlier, notes = earlier_settings(flow, tables)
    fitted = fit(flow, measured, earlier)
    fitted = replace(fitted, notes=(*fitted.notes, *notes))
    return (calibrated(fitted, measured) if with_calibration else fitted), measured


def _off(model: Model) -> float:
    """Return how far runs of a model are from the record."""
    [found] = compare(model.scenarios[:1], REPLICATIONS)
    return distance(tuple(each for _, each in model.agreements(found)))


def _together(tables: Tables, flows: Sequence[Pipeline], flow: Pipeline, cores: float) -> Model | None:
    """Return the model of a flow and those that share its host; None unless it beats each of them alone."""
    group = sharing(flows, tables)
    if flow.queue not in {each.queue for each in group}:
        return None
    # In one order whichever is asked about, so that the answer is the same.
    ordered = tuple(sorted(group, key=lambda each: each.queue))
    try:
        pairs = [_alone(tables, each, with_calibration=False) for each in ordered]
    except InputError:
        return None  # to one of them nothing was sent, or durations are missing
    fits, measured = zip(*pairs, strict=True)
    base = shared_fit(ordered, fits, cores)
    if base is None:
        return None
    alone = [
        Model((each,), (own,), (fitted,), None, ())
        for each, own, fitted in zip(ordered, measured, fits, strict=True)
    ]
    shared, nearest = base, float("inf")
    for vary in (_backoffs, late_shares):
        best = shared
        for candidate in vary(shared):
            off = _off(_model(ordered, measured, candidate))
            if off < nearest:
                best, nearest = candidate, off
        shared = best
    return _model(ordered, measured, shared) if nearest < sum(map(_off, alone)) else None


def _backoffs(shared: SharedFit) -> Iterator[SharedFit]:
    return (_backing_off(shared, backoff) for backoff in (Backoff(), *BACKOFFS))


def _backing_off(shared: SharedFit, backoff: Backoff) -> SharedFit:
    fits = tuple(
        replace(
            each,
            settings=replace(each.settings, poller=replace(each.settings.poller, backoff=backoff)),
        )
        for each in shared.fits
    )
    return replace(shared, fits=fits, note=f"{shared.note} {in_words(backoff)}.")


def _model(flows: Sequence[Pipeline], measured: Sequence[Recorded], shared: SharedFit) -> Model:
    notes = [shared.note]
    for each in shared.fits:
        notes += [note for note in each.notes if note not in notes]
    return Model(tuple(flows), tuple(measured), shared.fits, shared.host, tuple(notes))

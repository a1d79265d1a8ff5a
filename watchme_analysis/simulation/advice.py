"""Messages on the simulated measures that help and those that harm."""

from __future__ import annotations

from collections.abc import Sequence

from watchme_analysis.simulation.calibration import Agreement
from watchme_analysis.simulation.scenarios import Comparison, Estimate
from watchme_analysis.simulation.settings import Settings
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Message,
    Number,
    Phrases,
    Resource,
    Text,
    message,
    sentences,
    value_of,
)

# Field of an outcome, and the smallest relevant difference in it.
_FIGURES = {"dead_lettered": 1.0, "lost": 1.0, "duplicates": 1.0, "peak_age_s": 60.0}
# The same fields in order of importance.
_RANKED = ("lost", "dead_lettered", "peak_age_s", "duplicates")
# Significant figures of a rounded mean: all of them.
_DIGITS = 9
# Largest number of measures that are named for each figure.
_NAMED = 3
# A measure that leaves more than this share of the DLQ messages does not help against them.
HELPS = 0.9


def advice(found: Sequence[Comparison]) -> tuple[Text, ...]:
    """Return the best measure, then the measures that lower or raise each figure beyond its interval.

    The first comparison is the queue as configured. Scenarios of another load are ignored.
    """
    base, others = _of_the_same_load(found)
    said: list[Text] = [sentences(*best) for best in [best_measure(found)] if best]
    for name, least in _FIGURES.items():
        now = base.estimate(name)
        if now.mean is None:
            continue
        changes = [
            (moved(base, row, name, least), row.scenario.name, _with_value(row, name)) for row in others
        ]
        changes = sorted((each for each in changes if each[0]), key=lambda each: each[:2])
        better = [phrase for change, _, phrase in changes if change < 0][:_NAMED]
        worse = [phrase for change, _, phrase in reversed(changes) if change > 0][:_NAMED]
        figure = Choice(name)
        said.append(
            sentences(
                message("measures-now", figure=figure, now=estimate_of_figure(name, now)),
                message("measures-lower", figure=figure, measures=Phrases(tuple(better))) if better else None,
                message("measures-higher", figure=figure, measures=Phrases(tuple(worse))) if worse else None,
                None if changes else message("measures-unmoved"),
            )
        )
    return tuple(said)


def moved(base: Comparison, row: Comparison, name: str, least: float) -> float:
    """Return by how much a measure changes the mean of a figure, beyond the intervals of both; else 0.

    ``least`` is the smallest relevant difference.
    """
    now, then = base.estimate(name), row.estimate(name)
    if now.mean is None or then.mean is None:
        return 0.0
    change = then.mean - now.mean
    is_clear = abs(change) > (now.half_width or 0.0) + (then.half_width or 0.0)
    return change if is_clear and abs(change) >= least else 0.0


def estimate_of_figure(name: str, found: Estimate) -> Message:
    """Return the mean of a figure with half the width of its interval; fields in seconds are durations."""
    mean, half = found.mean or 0.0, found.half_width or 0.0
    # More decimals than the interval would suggest a precision that the simulations do not have.
    decimals = 1 if 0 < half < 1 else 0
    values = {"mean": round(mean, decimals), "half": round(half, decimals)}
    shown = {
        key: Duration(value) if name.endswith("_s") else Number(value, _DIGITS)
        for key, value in values.items()
    }
    return message("estimate", **shown, spread=Choice("some" if values["half"] else "none"))


def _with_value(row: Comparison, name: str) -> Message:
    value = estimate_of_figure(name, row.estimate(name))
    return message("measures-value", measure=value_of(row.scenario.measure), value=value)


def _of_the_same_load(found: Sequence[Comparison]) -> tuple[Comparison, list[Comparison]]:
    return found[0], [row for row in found[1:] if row.scenario.load == found[0].scenario.load]


def best_measure(found: Sequence[Comparison]) -> tuple[Message, ...]:
    """Return the measure with the least lost work, then DLQ messages, then waiting time, and its assumption.

    The result is empty when none is better than the queue as configured.
    """
    base, others = _of_the_same_load(found)

    def rank(row: Comparison) -> tuple[float, ...]:
        return tuple(round((row.estimate(name).mean or 0.0) / _FIGURES[name]) for name in _RANKED)

    emptied = [row for row in others if row.estimate("drain_s").seen == len(row.outcomes)]
    best = min(emptied, key=rank, default=None)
    dead, left = (0.0 if row is None else row.estimate("dead_lettered").mean or 0.0 for row in (base, best))
    if best is None or (left > HELPS * dead and rank(best)[0] >= HELPS * rank(base)[0]):
        return (message("measures-no-help"),)
    if rank(best) >= rank(base):
        return ()
    figures = tuple(
        message(
            "measures-instead",
            figure=Choice(name),
            then=estimate_of_figure(name, then),
            now=estimate_of_figure(name, now),
        )
        for name, least in _FIGURES.items()
        for then, now in [[row.estimate(name) for row in (best, base)]]
        if round((then.mean or 0.0) / least) or round((now.mean or 0.0) / least)
    )
    api = best.scenario.settings.api
    cured = any(fault.is_cured_by_restart for fault in api.faults) and api.restarts_when_unhealthy
    said = message("measures-best", measure=value_of(best.scenario.measure), figures=Phrases(figures))
    return (said, message("measures-restart-assumed")) if cured else (said,)


def warnings(found: Sequence[Comparison]) -> tuple[Message, ...]:
    """Return warnings where reserved concurrency alone fills the DLQ, with the assumption behind each."""
    alike: dict[tuple[str, str, int], list[Message]] = {}
    for row in found:
        poller, dead = row.scenario.settings.poller, row.estimate("dead_unfailed")
        if poller.reserved_concurrency is None or poller.max_concurrency is not None:
            continue
        if not dead.mean or (dead.low is not None and dead.low <= 0):
            continue
        mapped = [
            other.estimate("dead_unfailed").mean or 0.0
            for other in found
            if other.scenario.load == row.scenario.load
            and other.scenario.settings.poller.max_concurrency is not None
            and other.scenario.settings.poller.reserved_concurrency is None
        ]
        others = round(max(mapped, default=0.0))
        beside = ("some" if others else "none") if mapped else "unknown"
        assumption = "guide" if poller.throttle_patience_s is None else "at_once"
        alike.setdefault((assumption, beside, others), []).append(_with_value(row, "dead_unfailed"))
    return tuple(
        message(
            "measures-warning",
            measures=Phrases(tuple(rows)),
            assumption=Choice(assumption),
            mapped=Choice(beside),
            others=others,
        )
        for (assumption, beside, others), rows in alike.items()
    )


def doubts(near: Sequence[tuple[str, Agreement]]) -> tuple[Message, ...]:
    """Return messages on the figures that simulations with the case's own settings do not reproduce."""
    found = []
    for queue, each in near:
        if each.is_near:
            continue
        kind: type[Duration | Number] = Duration if each.figure.endswith("_s") else Number
        values = {name: kind(getattr(each, name)) for name in ("recorded", "simulated", "lowest", "highest")}
        found.append(message("measures-doubt", queue=Resource(queue), figure=Choice(each.figure), **values))
    return tuple(found)


def configured(settings: Settings) -> Message:
    """Return a message on the settings of a queue."""
    queue, poller = settings.queue, settings.poller
    most, reserved, receives = poller.max_concurrency, poller.reserved_concurrency, queue.max_receive_count
    phrases = [
        message("measure-function-timeout", seconds=round(settings.function_timeout_s)),
        message("measure-visibility-timeout", seconds=round(queue.visibility_timeout_s)),
    ]
    if most is not None:
        phrases.append(message("measure-maximum-concurrency", limit=most))
    if reserved is not None:
        phrases.append(message("simulated-reserved-concurrency", limit=reserved))
    if most is None and reserved is None:
        phrases.append(message("simulated-no-limit"))
    phrases += [
        message("simulated-no-dlq")
        if receives is None
        else message("measure-receives", receives=round(receives)),
        message("simulated-batches", messages=poller.batch_size),
        *([message("simulated-fifo")] if queue.is_fifo else []),
    ]
    return message("simulated-settings", settings=Phrases(tuple(phrases)))

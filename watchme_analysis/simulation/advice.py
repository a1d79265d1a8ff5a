"""Sentences on the simulated measures that help and those that harm."""

from __future__ import annotations

from collections.abc import Sequence

from watchme_analysis.simulation.calibration import Agreement
from watchme_analysis.simulation.scenarios import Comparison, Estimate
from watchme_analysis.simulation.settings import Settings

# Field of an outcome, its words, its divisor for display, and the smallest relevant difference.
_FIGURES = (
    ("dead_lettered", "messages in the DLQ", 1.0, 1.0),
    ("lost", "lost work items", 1.0, 1.0),
    ("duplicates", "duplicates", 1.0, 1.0),
    ("peak_age_s", "minutes of waiting at most", 60.0, 60.0),
)
FIGURE_WORDS = {
    "peak_visible": "the peak backlog (messages)",
    "peak_age_s": "the age of the oldest message (s)",
    "dead_lettered": "the number of messages in the DLQ",
}
_NAMED = 3
# A measure that leaves more than this share of the DLQ messages does not help against them.
HELPS = 0.9
# In order of importance.
_RANKED = (_FIGURES[1], _FIGURES[0], _FIGURES[3], _FIGURES[2])


def advice(found: Sequence[Comparison]) -> tuple[str, ...]:
    """Return the best measure, then the measures that lower or raise each figure beyond its interval.

    Parameters
    ----------
    found
        Result of :func:`watchme_analysis.simulation.scenarios.compare`, as configured first. Scenarios of
        another load are ignored.
    """
    base = found[0]
    others = [row for row in found[1:] if row.scenario.load == base.scenario.load]
    said = list(_best(base, others))
    for name, words, unit, least in _FIGURES:
        now = base.estimate(name)
        if now.mean is None:
            continue
        moved = []
        for row in others:
            then = row.estimate(name)
            if then.mean is None or abs(then.mean - now.mean) < least:
                continue
            apart = abs(then.mean - now.mean) - (then.half_width or 0.0) - (now.half_width or 0.0)
            if apart > 0:
                moved.append((then.mean - now.mean, row.scenario.name, then.text(unit)))
        better = [each for each in sorted(moved) if each[0] < 0][:_NAMED]
        worse = [each for each in sorted(moved, reverse=True) if each[0] > 0][:_NAMED]
        sentence = f"As configured: {now.text(unit)} {words}."
        if better:
            sentence += " Fewer with " + _listed(better) + "."
        if worse:
            sentence += " More with " + _listed(worse) + "."
        if not moved:
            sentence += " No measure moves that beyond the runs' own spread."
        said.append(sentence)
    return tuple(said)


def _listed(moved: Sequence[tuple[float, str, str]]) -> str:
    return "; ".join(f"“{name}” ({figure})" for _, name, figure in moved)


def _best(base: Comparison, others: Sequence[Comparison]) -> tuple[str, ...]:
    """Return a sentence on the measure with the least lost work, then DLQ messages, then waiting time."""

    def rank(row: Comparison) -> tuple[float, ...]:
        figures = [row.estimate(name).mean or 0.0 for name, _, _, _ in _RANKED]
        return tuple(round(figure / least) for figure, (_, _, _, least) in zip(figures, _RANKED, strict=True))

    emptied = [row for row in others if row.drain_s().seen == len(row.outcomes)]
    best = min(emptied, key=rank, default=None)
    dead, left = (0.0 if row is None else row.estimate("dead_lettered").mean or 0.0 for row in (base, best))
    if best is None or (left > HELPS * dead and rank(best)[0] >= HELPS * rank(base)[0]):
        return (
            "No measure keeps these messages out of the dead-letter queue. Remove the cause of the failures "
            "first, then redrive the messages.",
        )
    if rank(best) >= rank(base):
        return ()
    figures = ", ".join(
        f"{then.text(unit)} {words} instead of {now.text(unit)}"
        for name, words, unit, _ in _FIGURES
        for then, now in [[row.estimate(name) for row in (best, base)]]
        if round((then.mean or 0.0) / unit) or round((now.mean or 0.0) / unit)
    )
    api = best.scenario.settings.api
    cured = any(fault.is_cured_by_restart for fault in api.faults) and api.restarts_when_unhealthy
    doubt = " A restart is taken to cure what makes runs slow: try it by hand first." if cured else ""
    return (f"“{best.scenario.name}” does best: {figures}.{doubt}",)


def warnings(found: Sequence[Comparison]) -> tuple[str, ...]:
    """Return warnings where reserved concurrency alone fills the DLQ, with the assumption behind each.

    Parameters
    ----------
    found
        Result of :func:`watchme_analysis.simulation.scenarios.compare`.
    """
    alike: dict[tuple[str, str], list[tuple[str, Estimate]]] = {}
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
        others = f"{max(mapped):,.0f} do" if max(mapped, default=0.0) >= 0.5 else "none do"
        beside = f" With a maximum concurrency, {others}." if mapped else ""
        assumed = (
            "This follows AWS's guide on throttling."
            if poller.throttle_patience_s is None
            else "This is the worst that AWS's guide leaves open: a throttled batch is given up at once."
        )
        alike.setdefault((assumed, beside), []).append((row.scenario.name, dead))
    return tuple(
        "WARNING: reserved concurrency sends healthy messages to the DLQ: each throttled receive counts, so "
        f"that messages get there without one failed run. {_reached(rows)}. "
        f"{assumed}{beside} Limit the mapping's maximum concurrency instead: then nothing is received that "
        "can't be run."
        for (assumed, beside), rows in alike.items()
    )


def _reached(rows: Sequence[tuple[str, Estimate]]) -> str:
    """Return the measures with the number of messages that reach the DLQ under each."""
    one = len(rows) == 1 and rows[0][1].text() == "1"
    return (
        f"With {'; with '.join(f'“{name}” {dead.text()}' for name, dead in rows)} {'does' if one else 'do'}"
    )


def doubts(near: Sequence[tuple[str, Agreement]]) -> tuple[str, ...]:
    """Return sentences on the figures that simulations with the case's own settings do not reproduce.

    Parameters
    ----------
    near
        Result of :meth:`watchme_analysis.simulation.model.Model.agreements`.
    """
    return tuple(
        f"READ WITH CARE: {queue}: {FIGURE_WORDS.get(each.figure, each.figure)} was {each.recorded:,.0f} on "
        f"record, and is {each.simulated:,.0f} in runs with the same settings ({each.lowest:,.0f} to "
        f"{each.highest:,.0f})."
        for queue, each in near
        if not each.is_near
    )


def configured(settings: Settings) -> str:
    """Return a sentence on the settings of a queue."""
    queue, poller = settings.queue, settings.poller
    limits = [
        f"{name} {value}"
        for name, value in (
            ("maximum concurrency", poller.max_concurrency),
            ("reserved concurrency", poller.reserved_concurrency),
        )
        if value is not None
    ]
    receives = queue.max_receive_count
    return (
        f"Configured: function timeout {settings.function_timeout_s:.0f} s, visibility timeout "
        f"{queue.visibility_timeout_s:.0f} s, {', '.join(limits) or 'no limit of concurrency'}, "
        + ("no dead-letter queue" if receives is None else f"{receives:.0f} receives before the DLQ")
        + f", batches of {poller.batch_size}{', FIFO' if queue.is_fifo else ''}."
    )

"""What a fit assumes where the records don't tell, in sentences."""

from __future__ import annotations

from watchme_analysis.analysis.backlog.flows import Settings
from watchme_analysis.analysis.simulation.durations import RunTime
from watchme_analysis.analysis.simulation.settings import ApiSettings


def assumed(known: Settings) -> list[str]:
    """Say what stands in for settings that are not known."""
    notes = []
    if known.function_timeout_s is None:
        notes.append("The function's timeout is unknown: 30 s is assumed.")
    if known.visibility_timeout_s is None:
        notes.append("The queue's attributes are unknown: visibility 300 s, 4 days' retention.")
    if known.max_receive_count is None:
        notes.append("No redrive policy is known: nothing is dead-lettered.")
    return notes


def timing(api: ApiSettings, period_s: int, timeout_s: float, spent: RunTime | None) -> tuple[str, ...]:
    """Say how long runs take in the fit, and what of it was not measured."""
    spells = api.spells
    found = [
        f"Usual service time {api.mean_s:.1f} s with a variation of {api.variation:.2f}; other times in "
        f"{len(spells)} intervals of {period_s} s."
    ]
    if spent is not None:
        found.append(
            f"That is for one message; a run takes {spent.fixed_s:.1f} s besides."
            if spent.is_told
            else "That is for one message: runs are too alike to tell what they take besides."
        )
    cut_off = sum(spell.longest_s >= timeout_s for spell in spells)
    if cut_off:
        found.append(
            f"In {cut_off} of them most runs were cut off by the timeout: how much longer they would have "
            "taken is extrapolated, and so is what a longer timeout helps."
        )
    found.append(
        "The API's capacity and health are not in the metrics: durations stay as measured whatever the load, "
        "unless its slots are given, and a restart is taken to cure what makes runs longer than half the "
        "timeout."
    )
    return tuple(found)

"""What a process without CPU looks like where nobody measured its CPU: as a blocked event loop does.

It stands still, and answers in bunches. What was seen is then an observation of the other cause as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.signals.cpu import is_sampled
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.text.message import message, sentences

STANDS_STILL = ("stop_and_go", "held_waits", "bunched")


@detects(*(f"{name}_or_no_cpu" for name in STANDS_STILL), group="rhythm", needs=("host_metrics",))
def lookalikes(context: HealthContext, seen: Sequence[Observation]) -> list[Observation]:
    """Return a standstill once more, for the cause that would look the same.

    Parameters
    ----------
    context
        Facts of the investigation.
    seen
        What all other detectors saw.
    """
    if is_sampled(context):
        return []
    text = message("health-or-no-cpu")
    return [
        replace(one, signal=f"{one.signal}_or_no_cpu", statement=sentences(one.statement, text), detail=None)
        for one in seen
        if one.signal in STANDS_STILL
    ]

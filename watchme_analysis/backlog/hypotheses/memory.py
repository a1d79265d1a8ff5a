"""A function that was given less memory, and so less of a processor, than its work needs."""

from __future__ import annotations

from datetime import datetime

from watchme_analysis.backlog.hypotheses.picture import Picture, change_for
from watchme_analysis.backlog.hypotheses.rows import matching
from watchme_analysis.backlog.hypotheses.weights import weight
from watchme_analysis.inference.findings import Evidence, Investigation
from watchme_analysis.queues.anomalies import QueueAnalysis

# Work that shares the processor with little else slows down by the ratio of memory, and hardly by more.
AND_SOME = 1.5
# Without a change on record the logs alone tell that it fell, some time between two of their records.
UNDATED = 0.6


def memory_evidence(inv: Investigation, view: Picture, signs: QueueAnalysis, name: str) -> list[Evidence]:
    """Weigh that the function got less memory before its runs grew as long as that can make them.

    Lambda allots processor in proportion to memory (AWS Lambda Developer Guide, "Configure Lambda function
    memory").
    """
    change, before_s, during_s = change_for(view, "consumer_failing"), signs.run_before_s, signs.run_during_s
    if signs.failures is None or before_s is None or during_s is None:
        return []
    if change is None and len(inv.table("changes")):
        # Whatever was changed was survived, or is another function's.
        return []
    moment = signs.failures.start if change is None else change.time
    given = _memory(inv, signs.pipeline.function, moment)
    if given is None or given[1] >= given[0]:
        return []
    before, after = given
    # A step of the API's answer that less processor doesn't explain stays the API's.
    if not AND_SOME * before_s < during_s <= AND_SOME * before_s * before / after:
        return []
    return [
        Evidence(
            f"{signs.pipeline.function} had {before:.0f} MB of memory in its last runs before "
            f"{moment:%Y-%m-%d %H:%M} UTC and {after:.0f} after it, and its processor shrinks with it: "
            f"runs of {before_s:.1f} s (median) now take {during_s:.1f} s or are cut off there.",
            weight=weight(name, 1.0 if change else UNDATED),
            effect=before / after,
            effect_unit="times less",
            check="settings",
            **matching(
                inv, "log_events", ("function", "=", signs.pipeline.function), ("memory_mb", "known", None)
            ),
        )
    ]


def _memory(inv: Investigation, function: str | None, moment: datetime) -> tuple[float, float] | None:
    """Return the memory of a function's runs before and after a moment, in MB; None where nothing tells."""
    events = inv.table("log_events")
    own = events[(events["function"] == function) & events["memory_mb"].notna()].sort_values("time")
    before, after = own[own["time"] < moment]["memory_mb"], own[own["time"] >= moment]["memory_mb"]
    return None if before.empty or after.empty else (float(before.iloc[-1]), float(after.iloc[0]))

"""What a case shows that is the work of none of the causes: said, so that nobody takes it for one of them."""

from __future__ import annotations

import json

from watchme_analysis.backlog.hypotheses.picture import Picture
from watchme_analysis.backlog.hypotheses.rows import points
from watchme_analysis.inference.findings import Evidence, Investigation
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.redact import shortened
from watchme_analysis.text.formats import counted

NEXT_TEST = (
    "Look for FilterCriteria, State and StateTransitionReason in aws lambda list-event-source-mappings, "
    "and in the queue's policy for who else may receive from it."
)
LONGEST_SHOWN = 160


def taken_words(signs: QueueAnalysis) -> str:
    """Return in a sentence what was received without a run and what became of it; empty without any."""
    taken = signs.unmatched_receives
    if taken is None:
        return ""
    said = (
        f"{counted(round(taken.count), 'message')} of {signs.pipeline.queue} went to no run of "
        f"{signs.pipeline.function}, received between {taken.start:%Y-%m-%d %H:%M} and "
        f"{taken.end:%Y-%m-%d %H:%M} UTC"
    )
    if taken.deleted >= 0.5 * taken.count:
        return f"{said}, and were deleted: {_who_deletes(signs)}."
    return (
        f"{said}, and came back: somebody else receives them, as a look into the queue does, or Lambda can't "
        "start the function."
    )


def _who_deletes(signs: QueueAnalysis) -> str:
    """Return in words who can have deleted messages unread, as far as the mapping's configuration tells."""
    settings = signs.pipeline.settings
    if settings.mapping_filters:
        return f"the mapping's filter drops what doesn't match {_patterns(settings.mapping_filters)}"
    if settings.mapping_state is None:
        return "a filter of the mapping drops them, or another consumer takes them"
    return "another consumer takes them, or a filter that the mapping had then; it has none now"


def _patterns(filters: str) -> str:
    """Return a mapping's filter patterns for a sentence, cut where they are long."""
    text = " or ".join(map(str, json.loads(filters)))
    return shortened(text, LONGEST_SHOWN, "...")


def taken_evidence(inv: Investigation, view: Picture) -> list[Evidence]:
    """Return what went to no run, of all queues; no cause of the list brings that about."""
    return [
        Evidence(
            taken_words(signs),
            weight=0.0,
            effect=signs.unmatched_receives.count,
            effect_unit="messages",
            check="received without a run",
            **points(
                inv,
                signs.pipeline,
                ("received", "deleted", "invocations", "throttles"),
                signs.unmatched_receives.start,
                signs.unmatched_receives.end,
            ),
        )
        for signs in view.affected
        if signs.unmatched_receives is not None
    ]

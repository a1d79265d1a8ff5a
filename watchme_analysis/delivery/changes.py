"""The state of a question of a system, and its changes: a pure comparison of a diagnosis with the last one.

Missing data is neutral: an inconclusive diagnosis without an incident neither opens nor resolves one, and a
window that ends before the last one that was looked at changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from watchme_analysis.window import Window

NEW_INCIDENT, CAUSE_KNOWN, WORSE = "new-incident", "cause-known", "worse"
RESOLVED, RECURRING = "resolved", "recurring"
# The same order decides which of several changes of one run is the headline.
# A measure of the impact that has grown by this factor since it was last delivered is worth another message:
# each message then tells of a doubling, so that a growing incident sends a few and not one per run.
_WORSE_FACTOR = 2.0
# Incidents of a question that are remembered; an earlier one does not count as recurring.
_REMEMBERED = 50
# Facts that count what was harmed; the first of a loss is worth a message by itself.
LOSSES = ("affected_resource", "dead_letters", "lost_messages", "work_items")
COUNTS = (*LOSSES, "waiting_peak", "failed_invocations", "late_messages", "failed_requests", "late_requests")


@dataclass(frozen=True)
class Incident:
    """An incident as it is stored; ``end`` is None while it is open.

    Its id stays the same over its life, such as a thread in chat. The causes are those of the last diagnosis
    that named one, None while unknown, with its confidence, 0 to 1. ``impact`` is the largest value of each
    fact that was delivered, such as ``dead_letters``.
    """

    id: str
    start: datetime
    end: datetime | None = None
    cause: str | None = None
    secondary_cause: str | None = None
    confidence: float = 0.0
    impact: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class QuestionState:
    """What is known of a question of a system: the open incident, and those that have ended, latest first.

    ``seen_until`` is the end of the latest window that was looked at.
    """

    open: Incident | None = None
    past: tuple[Incident, ...] = ()
    seen_until: datetime | None = None


@dataclass(frozen=True)
class Change:
    """A change of an incident that is worth a message; the first of its kinds is the headline.

    ``before`` is the incident as it was known before, None for a new one; ``earlier`` are earlier incidents
    with the same cause, latest first, of a recurring one.
    """

    kinds: tuple[str, ...]
    incident: Incident
    before: Incident | None = None
    earlier: tuple[Incident, ...] = ()


def compare(
    system: str, question: str, state: QuestionState, diagnosis: Mapping[str, Any], window: Window
) -> tuple[QuestionState, tuple[Change, ...]]:
    """Return the state after a diagnosis of a window, and what has changed.

    The names of system and question are part of the id of a new incident. The diagnosis is a dictionary from
    :meth:`watchme_analysis.inference.findings.Diagnosis.to_dict`.
    """
    if state.seen_until is not None and window.end <= state.seen_until:
        return state, ()
    seen, current = (
        replace(state, seen_until=window.end),
        _current(system, question, diagnosis, window, state.open),
    )
    if current is None:
        if state.open is None or diagnosis["verdict"] != "no_incident":
            return seen, ()
        # The data shows no end of its own: the incident ended at the latest where trouble-free data ends.
        return _closed(seen, replace(state.open, end=max(state.open.start, state.seen_until or window.end)))
    if state.open is None:
        return _without_open(seen, current)
    if state.seen_until is not None and current.start > state.seen_until:
        ended, resolved = _closed(seen, replace(state.open, end=state.seen_until))
        begun, more = _without_open(ended, current)
        return begun, resolved + more
    return _continued(seen, state.open, current)


def _current(
    system: str, question: str, diagnosis: Mapping[str, Any], window: Window, known: Incident | None
) -> Incident | None:
    """Return the incident of a diagnosis, which may be the known one that is open; None without one."""
    if diagnosis["verdict"] == "no_incident":
        return None
    figures = {one["id"]: one["value"] for one in diagnosis.get("facts") or ()}
    counts = {name: figures[name] for name in COUNTS if figures.get(name)}
    impact = {name: len(found) if isinstance(found, list) else int(found) for name, found in counts.items()}
    bounds = diagnosis.get("incident") or {}
    begun = bounds.get("start") or figures.get("first_harm")
    if not begun and not (figures.get("affected_resource") and figures.get("waiting_now")):
        return None
    # Messages that wait since an unknown time were first seen at the end of the data.
    seen_since = window.end if known is None else known.start
    start = datetime.fromisoformat(begun) if begun else seen_since
    end = datetime.fromisoformat(bounds["end"]) if bounds.get("end") else None
    supported = diagnosis["verdict"] == "supported"
    digest = hashlib.sha256(f"{system}/{question}/{start.isoformat()}".encode()).hexdigest()[:6]
    return Incident(
        f"{system}-{question}-{start:%Y%m%dT%H%M%SZ}-{digest}",
        start,
        end,
        diagnosis["cause"] if supported else None,
        diagnosis.get("secondary_cause") if supported else None,
        float(diagnosis["confidence"]),
        impact,
    )


def _without_open(state: QuestionState, current: Incident) -> tuple[QuestionState, tuple[Change, ...]]:
    """Return the state after an incident was found while none was open."""
    known = next((past for past in state.past if _overlap(past, current)), None)
    if known is not None and current.end is not None:  # it is still in the window
        if known.cause is None and current.cause is not None:
            merged = _merged(known, current)
            past = tuple(merged if one is known else one for one in state.past)
            return replace(state, past=past), (Change((CAUSE_KNOWN,), merged, known),)
        return state, ()
    earlier = tuple(past for past in state.past if current.cause is not None and past.cause == current.cause)
    if known is not None:  # it goes on after it seemed to have ended
        incident = _merged(known, replace(current, end=None))
        rest = tuple(one for one in state.past if one is not known)
        return replace(state, open=incident, past=rest), (Change((RECURRING,), incident, known, (known,)),)
    kinds = (RECURRING,) if earlier else (NEW_INCIDENT,)
    if current.end is None:
        return replace(state, open=current), (Change(kinds, current, None, earlier),)
    past = (current, *state.past)[:_REMEMBERED]
    return replace(state, past=past), (Change((*kinds, RESOLVED), current, None, earlier),)


def _continued(
    state: QuestionState, before: Incident, current: Incident
) -> tuple[QuestionState, tuple[Change, ...]]:
    """Return the state after the open incident was seen again."""
    after, kinds = _merged(before, current), []
    if current.end is not None:
        kinds.append(RESOLVED)
    if current.cause is not None and current.cause != before.cause:
        kinds.append(CAUSE_KNOWN)
    if current.end is None and _is_worse(before.impact, current.impact):
        kinds.append(WORSE)
    else:  # what was delivered is what the next growth is compared with
        after = replace(after, impact=before.impact)
    if not kinds:
        return replace(state, open=after), ()
    change = Change(tuple(kinds), after, before)
    if after.end is None:
        return replace(state, open=after), (change,)
    return replace(state, open=None, past=(after, *state.past)[:_REMEMBERED]), (change,)


def _closed(state: QuestionState, incident: Incident) -> tuple[QuestionState, tuple[Change, ...]]:
    past = (incident, *state.past)[:_REMEMBERED]
    change = Change((RESOLVED,), incident, state.open)
    return replace(state, open=None, past=past), (change,)


def _merged(before: Incident, current: Incident) -> Incident:
    """Return an incident with what a later diagnosis says; a cause that is known is kept until another is."""
    named = current if current.cause is not None else before
    return Incident(
        before.id,
        # A later window may begin within the incident and cut its start.
        min(before.start, current.start),
        current.end,
        named.cause,
        named.secondary_cause,
        named.confidence,
        {
            measure: max(before.impact.get(measure, 0), current.impact.get(measure, 0))
            for measure in dict.fromkeys((*before.impact, *current.impact))
        },
    )


def _is_worse(before: Mapping[str, int], now: Mapping[str, int]) -> bool:
    return any(
        number >= _WORSE_FACTOR * before[name] if before.get(name) else name in LOSSES
        for name, number in now.items()
    )


def _overlap(one: Incident, other: Incident) -> bool:
    return (other.end is None or one.start <= other.end) and (one.end is None or other.start <= one.end)

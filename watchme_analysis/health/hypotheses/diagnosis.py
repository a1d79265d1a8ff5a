"""The diagnosis of a slow or failing ``/health``: detected signals, weighed for each cause."""

from __future__ import annotations

from dataclasses import replace

from watchme_analysis.health.hypotheses.decision import decide
from watchme_analysis.health.hypotheses.edge_rules import unread
from watchme_analysis.health.hypotheses.explains import EXPLAINS
from watchme_analysis.health.hypotheses.facts import facts
from watchme_analysis.health.hypotheses.next import filled_in
from watchme_analysis.health.hypotheses.signals import CHECKS, SIGNALS, WITHOUT_INCIDENT, health_causes
from watchme_analysis.health.hypotheses.starved import starved
from watchme_analysis.health.hypotheses.verdict import conclude, situation
from watchme_analysis.inference.causes import Cause
from watchme_analysis.inference.engine import explained_away, finding, next_test
from watchme_analysis.inference.findings import Diagnosis, Finding, Investigation
from watchme_analysis.inference.signals import Observation, observe
from watchme_analysis.text.formats import as_sentence
from watchme_analysis.text.message import Resource, Text, in_each_language, message, value_of


def detected(inv: Investigation) -> tuple[Observation, ...]:
    """Return the observations of all detectors; use as ``inv.once(detected)``."""
    found = inv.once(facts)
    if found.incident is None:
        return observe(WITHOUT_INCIDENT, found)
    seen = observe(CHECKS, found)
    return (*seen, *starved(found, seen))


def observed(inv: Investigation) -> tuple[Observation, ...]:
    """Return the observations, weakened where one follows from another; use as ``inv.once(observed)``."""
    return explained_away(inv.once(detected), SIGNALS, EXPLAINS)


def _finding(inv: Investigation, cause: Cause) -> Finding:
    """Return the finding for one cause, with its blind spots and next test in this case."""
    found, seen = inv.once(facts), inv.once(observed)
    absent: list[Text] = [
        message("health-not-collected", table=Resource(table), what=value_of(what))
        for table, what in cause.needs.items()
        if not found.collected(table) and not cause.complement
    ]
    if cause.layer == "edge":
        absent += unread(found)
    blind = [in_each_language(text, _sentence) for text in cause.cannot_see]
    return replace(
        finding(cause, health_causes(), seen, SIGNALS),
        not_covered=(*absent, *blind),
        next_test=next_test(cause, seen, lambda text, one: filled_in(found, text, one)),
    )


def _sentence(language: str, text: str) -> str:
    """Return a noun phrase of a cause file as a sentence."""
    return f"{text.rstrip('。')}。" if language == "ja" else as_sentence(text)


def diagnose(inv: Investigation) -> Diagnosis:
    """Return the cause of a slow or failing ``/health``, from the evidence of a case."""
    found, seen = inv.once(facts), inv.once(detected)
    findings = {cause.cause: _finding(inv, cause) for cause in health_causes()}
    return conclude(found, decide(seen, situation(found)), findings, seen)

"""Findings: what a hypothesis predicts, what was seen, how much it weighs.

A hypothesis is one registered function. It gets an :class:`Investigation`, returns a :class:`Finding`
made of weighed :class:`Evidence`, and knows nothing of the others; :func:`.weighing.weigh` turns the findings
of a question into a ranking with probabilities.

Weights are natural log-odds, as in I. J. Good's *weight of evidence*: the logarithm of how many times
likelier the observation is when the cause holds than when it doesn't. 0 says nothing, 2.3 is ten to one
for, -2.3 ten to one against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from watchme_analysis.errors import InputError
from watchme_analysis.redact import redacted_values
from watchme_analysis.text.formats import as_sentence

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.case.case_folder import Case
    from watchme_analysis.window import Window

T = TypeVar("T")
Status = Literal["supported", "refuted", "inconclusive"]
Verdict = Literal["supported", "inconclusive", "no_incident"]
SCHEMA_VERSION = "1"
# MIME type of a diagnosis in a notebook, for nbval to compare and the report to collect.
FINDING_MIME = "application/vnd.watchme.finding+json"


@dataclass(frozen=True, slots=True)
class Evidence:
    """An observation and its weight for or against a cause.

    Attributes
    ----------
    statement
        A sentence with its numbers.
    table
        Table that it was read from; several stand with a comma between them.
    rows
        How many rows stand behind it.
    weight
        Log-odds: positive supports, negative contradicts, 0 is silent.
    effect
        Size of the effect in ``effect_unit``, where there is one.
    effect_unit
        Such as ``s``, ``ratio``, ``pct``, ``requests``.
    sql
        Query for ``case.sql`` that returns the rows.
    check
        Short name of the check, a row of the matrix figure (such as ``upstream errors``).
    """

    statement: str
    table: str
    rows: int
    weight: float
    effect: float | None = None
    effect_unit: str | None = None
    sql: str | None = None
    check: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "statement": self.statement,
            "check": self.check,
            "table": self.table,
            "rows": int(self.rows),
            "weight": round(float(self.weight), 3),
            "effect": None if self.effect is None else round(float(self.effect), 6),
            "effect_unit": self.effect_unit,
            "sql": self.sql,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding of a hypothesis.

    Attributes
    ----------
    cause
        A word of the question's list.
    evidence
        Observations; none at all means that nothing needed could be seen.
    detail
        The sub-cause in a sentence, or None.
    not_covered
        Blind spots, as sentences.
    next_test
        The one check that would settle it.
    """

    cause: str
    evidence: tuple[Evidence, ...]
    detail: str | None = None
    not_covered: tuple[str, ...] = ()
    next_test: str = ""

    @property
    def log_odds(self) -> float:
        """Sum of the weights."""
        return sum(item.weight for item in self.evidence)


@dataclass(frozen=True, slots=True)
class Missing:
    """Missing evidence: its name, why it would help, and how to collect it."""

    what: str
    why: str
    how: str
    value: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {"what": self.what, "why": self.why, "how": self.how}


@dataclass(frozen=True, slots=True)
class Ranked:
    """A finding with its probability among all causes considered."""

    finding: Finding
    probability: float
    status: Status

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of ``ranking`` in a diagnosis."""
        found = self.finding
        return {
            "cause": found.cause,
            "probability": round(self.probability, 4),
            "status": self.status,
            "detail": found.detail,
            "log_odds": round(found.log_odds, 3),
            "evidence": [item.to_dict() for item in found.evidence],
            "not_covered": list(found.not_covered),
            "next_test": found.next_test,
        }


@dataclass
class Investigation:
    """A case, seen through one question.

    Attributes
    ----------
    case
        The case.
    question
        ``health`` or ``backlog``.
    window
        Window looked at; everything the case holds when None.
    options
        Options of the caller: ``endpoint``, ``queue``.
    """

    case: Case
    question: str
    window: Window | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    _memory: dict[Any, Any] = field(default_factory=dict, repr=False)

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the case, cut to the window by its time column; never change it."""
        from watchme_analysis.schema import TABLES

        key = ("table", name)
        if key not in self._memory:
            frame = self.case.table(name)
            column = TABLES[name].time
            if self.window is not None and column is not None and len(frame):
                moments = frame[column]
                inside = (moments >= self.window.start) & (moments < self.window.end)
                frame = frame[(inside | moments.isna()).fillna(True)]
            self._memory[key] = frame
        return self._memory[key]

    def once(self, compute: Callable[[Investigation], T]) -> T:
        """Return ``compute(self)``, computed once however many hypotheses ask."""
        if compute not in self._memory:
            self._memory[compute] = compute(self)
        return self._memory[compute]  # type: ignore[no-any-return]


Check = Callable[[Investigation], Finding]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A registered hypothesis.

    Attributes
    ----------
    question, cause
        Question and cause id.
    title
        The cause in words for a reader.
    needs
        Tables that it looks at.
    cannot_see
        Blind spots that no amount of this evidence removes.
    prior
        Log-odds before any evidence, relative to the others.
    check
        The function.
    """

    question: str
    cause: str
    title: str
    needs: tuple[str, ...]
    cannot_see: tuple[str, ...]
    prior: float
    check: Check

    def found(self, investigation: Investigation) -> Finding:
        """Return what the check finds, what it can never see among what it could not see here."""
        finding = self.check(investigation)
        blind = tuple(as_sentence(text) for text in self.cannot_see)
        return replace(finding, not_covered=(*finding.not_covered, *blind))


_REGISTRY: dict[tuple[str, str], Hypothesis] = {}


def hypothesis(
    question: str,
    *,
    title: str,
    needs: Iterable[str],
    cannot_see: Iterable[str] = (),
    prior: float = 0.0,
) -> Callable[[Check], Check]:
    """Register a function as the hypothesis for the cause of its name; see :class:`Hypothesis`."""

    def register(check: Check) -> Check:
        cause = check.__name__
        key = (question, cause)
        if key in _REGISTRY and _REGISTRY[key].check.__module__ != check.__module__:
            raise InputError(f"The cause {cause!r} of {question!r} is registered twice.")
        _REGISTRY[key] = Hypothesis(question, cause, title, tuple(needs), tuple(cannot_see), prior, check)
        return check

    return register


def registered(question: str) -> tuple[Hypothesis, ...]:
    """Return the hypotheses of a question, in the order of registration.

    Raises
    ------
    InputError
        When the question is unknown.
    """
    found = tuple(entry for (asked, _), entry in _REGISTRY.items() if asked == question)
    if not found:
        known = sorted({asked for asked, _ in _REGISTRY})
        raise InputError(f"The question {question!r} is unknown: ask {' or '.join(known)}.")
    return found


@dataclass(frozen=True)
class Diagnosis:
    """The answer to a question about a case.

    ``extra`` holds the fields that only one question has (``endpoints``; ``queues``, ``dead_letters``
    and so on), JSON-ready.
    """

    question: str
    case: str
    verdict: Verdict
    cause: str | None
    confidence: float
    incident_start: datetime | None
    incident_end: datetime | None
    ranking: tuple[Ranked, ...]
    coverage: Mapping[str, Any]
    missing_evidence: tuple[Missing, ...] = ()
    secondary_cause: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    summary: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object that ``watchme diagnose --json`` prints, secrets in its sentences masked."""
        between = self.incident_start, self.incident_end
        start, end = (moment and moment.isoformat(timespec="milliseconds") for moment in between)
        told = {
            "question": self.question,
            "case": self.case,
            "schema_version": SCHEMA_VERSION,
            "verdict": self.verdict,
            "cause": self.cause,
            "secondary_cause": self.secondary_cause,
            "confidence": round(self.confidence, 4),
            "incident": {"start": start, "end": end},
            "summary": list(self.summary),
            "ranking": [entry.to_dict() for entry in self.ranking],
            "coverage": dict(self.coverage),
            "missing_evidence": [item.to_dict() for item in self.missing_evidence],
            **self.extra,
        }
        return redacted_values(told)  # type: ignore[no-any-return]

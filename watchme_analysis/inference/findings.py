"""Findings for the causes of a question, made of weighted evidence, and the diagnosis that they lead to.

A :class:`Finding` holds the :class:`Evidence` for and against one cause. :func:`.weighing.weigh` turns the
findings of a question into a ranking with probabilities.

Weights are natural log-odds, as in I. J. Good's *weight of evidence*: the logarithm of the likelihood ratio
of the observation, with the cause present against absent. A weight of 0 is neutral, 2.3 is ten to one for the
cause, and -2.3 is ten to one against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from watchme_analysis.redact import described, redacted_values, shortened
from watchme_analysis.text.command_words import commands_in
from watchme_analysis.text.message import (
    Choice,
    Instant,
    Message,
    Text,
    TimeSpan,
    Value,
    message,
    message_of,
    value_of,
)
from watchme_analysis.text.render import render

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.case.case_folder import Case
    from watchme_analysis.window import Window

T = TypeVar("T")
Status = Literal["supported", "refuted", "inconclusive"]
Verdict = Literal["supported", "inconclusive", "no_incident"]
StepKind = Literal["save", "restore", "verify", "redrive", "prevent", "test"]
SCHEMA_VERSION = "2"
# MIME type of a diagnosis in a notebook, for nbval to compare and the report to collect.
FINDING_MIME = "application/vnd.watchme.finding+json"


@dataclass(frozen=True, slots=True, repr=False)
class Fact:
    """A figure that holds without any cause, such as ``waiting_now``.

    ``value`` is ready for JSON, None where unknown, never 0; ``message`` is a phrase without a full stop.
    """

    id: str
    value: Any
    unit: Text | None
    message: Text

    def __repr__(self) -> str:
        """Return id and value in one line."""
        return described(self, f"{self.id}: {self.value!r}")


def fact(fact_id: str, value: Any, shown: Value | int | None = None, unit: Text | None = None) -> Fact:
    """Return a fact whose phrase is the message ``fact-ID`` with its value, or with "unknown" for None.

    ``shown`` is the value within the phrase: by default the value itself, a whole number.
    """
    said = message("count-unknown") if value is None else value if shown is None else shown
    return Fact(fact_id, value, unit, message(f"fact-{fact_id.replace('_', '-')}", value=said))


def state_fact(state: str | None, end: datetime | None, change: Text | None = None) -> Fact:
    """Return whether an incident is ``open`` or has ``ended``, when, and after which change.

    ``state`` is None where it is unknown. ``change`` is empty where evidence that would show a change shows
    none, and None without such evidence.
    """
    shown = message(
        "fact-state",
        state=Choice(state or "unknown"),
        end=message("count-unknown") if end is None else Instant(end),
        after=Choice("unknown" if change is None else "change" if change else "none"),
        change=value_of(change or ""),
    )
    return Fact("state", state, None, shown)


def error_times_fact(first: datetime | str, last: datetime | str) -> Fact:
    """Return when errors were logged or requests failed, for harm whose start is not known."""
    times = [datetime.fromisoformat(one) if isinstance(one, str) else one for one in (first, last)]
    shown = Instant(times[0]) if times[0] == times[1] else TimeSpan(times[0], times[1])
    return fact("error_times", [iso_time(one) for one in times], shown)


def begun(start: datetime, record_start: datetime | None) -> Value:
    """Return the start of harm for a sentence, with "or earlier" where the data begin no earlier."""
    if record_start is not None and start <= record_start:
        return message("instant-or-earlier", start=start)
    return Instant(start)


def time_span(start: datetime, end: datetime, record_start: datetime | None) -> Value:
    """Return the time of harm for a sentence, with a note where the data begin no earlier."""
    span = TimeSpan(start, max(start, end))
    if record_start is not None and start <= record_start:
        return message("time-span-or-earlier", span=span)
    return span


def iso_time(moment: datetime | None) -> str | None:
    """Return a time as a diagnosis writes it in JSON; None for None."""
    return None if moment is None else moment.isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True, repr=False)
class Step:
    """A step of what to do: ``save`` evidence, ``restore`` service, ``verify`` it, ``redrive``, ``prevent``.

    While the cause is open, it is to ``test`` it. A step that is ``later`` follows when service is restored,
    or only if the incident returns, as its text says.
    """

    kind: StepKind
    text: Text
    later: bool = False

    def __repr__(self) -> str:
        """Return kind and text in one line."""
        return described(self, f"{self.kind}: {render(self.text)}")


@dataclass(frozen=True, slots=True, repr=False)
class Evidence:
    """An observation and its weight for or against a cause.

    ``statement`` is a sentence with its numbers, based on so many ``rows`` of ``table`` (several names are
    separated by commas), which the query ``sql`` returns. ``weight`` is in log-odds: positive supports the
    cause, negative contradicts it. ``effect`` is None where it is not measured, its unit such as ``s``,
    ``ratio``, ``pct`` or ``requests``. ``check`` is the group of the signal, a row of the matrix figure.
    """

    statement: Text
    table: str
    rows: int
    weight: float
    effect: float | None = None
    effect_unit: str | None = None
    sql: str | None = None
    check: str = ""
    signal: str = ""

    def __repr__(self) -> str:
        """Return weight and statement in one line."""
        return described(self, f"{self.weight:+.1f}: {render(self.statement)}")

    def to_dict(self, language: str = "en", zone: tzinfo = UTC) -> dict[str, Any]:
        """Return a JSON-ready dictionary, with the statement rendered and, beside it, its message."""
        said = {"message": self.statement.to_dict()} if isinstance(self.statement, Message) else {}
        return {
            "statement": render(self.statement, language, zone),
            **said,
            "check": self.check,
            "signal": self.signal,
            "table": self.table,
            "rows": int(self.rows),
            "weight": round(float(self.weight), 3),
            "effect": None if self.effect is None else round(float(self.effect), 6),
            "effect_unit": self.effect_unit,
            "sql": self.sql,
        }


@dataclass(frozen=True, slots=True, repr=False)
class Finding:
    """The finding for a cause: its evidence, none where the case has no data for it.

    ``detail`` is a sentence on the sub-cause, or None; ``not_covered`` are blind spots, as sentences;
    ``next_test`` would confirm or refute the cause; ``name`` is that of the cause within a sentence.
    """

    cause: str
    evidence: tuple[Evidence, ...]
    detail: Text | None = None
    not_covered: tuple[Text, ...] = ()
    next_test: Text = ""
    name: Text = ""

    def __repr__(self) -> str:
        """Return cause and number of statements in one line."""
        return described(self, f"{self.cause}: {len(self.evidence)} statements")

    @property
    def log_odds(self) -> float:
        """Return the sum of the weights of the evidence."""
        return sum(item.weight for item in self.evidence)

    @property
    def speaks_for(self) -> bool:
        """Return True when something speaks for the cause, whatever speaks against it."""
        return any(item.weight > 0 for item in self.evidence)


@dataclass(frozen=True, slots=True, repr=False)
class Missing:
    """Evidence that the case lacks, with the reason to collect it and the steps to do so.

    ``shown_by`` has commands that show the value of a word in the steps, where they differ from the usual.
    """

    what: Text
    why: Text
    how: Text
    value: float = 1.0
    shown_by: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return the missing evidence in one line."""
        return described(self, render(self.what))

    def to_dict(self, language: str = "en", zone: tzinfo = UTC) -> dict[str, Any]:
        """Return a JSON-ready dictionary, with the sentences rendered and, beside them, their messages."""
        return _in_json({"what": self.what, "why": self.why, "how": self.how}, language, zone)


@dataclass(frozen=True, slots=True, repr=False)
class Ranked:
    """A finding with the probability of its cause among all causes of the question."""

    finding: Finding
    probability: float
    status: Status

    def __repr__(self) -> str:
        """Return cause, status and probability in one line."""
        return described(self, f"{self.finding.cause}: {self.status}, {self.probability:.0%}")

    def to_dict(self, language: str = "en", zone: tzinfo = UTC) -> dict[str, Any]:
        """Return the entry of ``ranking`` in a diagnosis."""
        found = self.finding
        return _in_json(
            {
                "cause": found.cause,
                "probability": round(self.probability, 4),
                "status": self.status,
                "detail": found.detail,
                "log_odds": round(found.log_odds, 3),
                "evidence": [item.to_dict(language, zone) for item in found.evidence],
                "not_covered": found.not_covered,
                "next_test": found.next_test,
            },
            language,
            zone,
        )


def _in_json(fields: Mapping[str, Any], language: str, zone: tzinfo) -> dict[str, Any]:
    """Return fields with each text rendered and, beside a message, the message itself.

    ``NAME_message`` stands beside a sentence, ``NAME_messages`` beside a list of them, with null for a plain
    string.
    """
    found: dict[str, Any] = {}
    for name, value in fields.items():
        several = isinstance(value, list | tuple)
        parts = [
            message_of(part) if isinstance(part, str | Message) else part
            for part in (value if several else (value,))
        ]
        shown = [
            _in_json(part, language, zone)
            if isinstance(part, Mapping)
            else render(part, language, zone)
            if isinstance(part, Message)
            else part
            for part in parts
        ]
        messages = [part.to_dict() if isinstance(part, Message) else None for part in parts]
        found[name] = shown if several else shown[0]
        if any(messages):
            found[f"{name}_messages" if several else f"{name}_message"] = messages if several else messages[0]
    return found


@dataclass(repr=False)
class Investigation:
    """A case together with the question and the window of an analysis.

    Without a window, all data of the case count. ``options`` are those of the caller: ``endpoint`` or
    ``queue``.
    """

    case: Case
    question: str
    window: Window | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    _memory: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        """Return question and case in one line."""
        return described(self, f"{self.question} of {self.case.name}")

    def table(self, name: str) -> pd.DataFrame:
        """Return the rows of a table inside the window, and rows without a time; do not modify the frame."""
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

    def data_end(self) -> Fact:
        """Return until when the data reach, as a fact; unknown where no table has times."""
        bounds = [found.end for found in (self.case.window, self.window) if found is not None]
        end = min(bounds, default=None)
        return fact("data_end", iso_time(end), None if end is None else Instant(end))

    def once(self, compute: Callable[[Investigation], T]) -> T:
        """Return ``compute(self)``, computed on the first call and shared by all causes."""
        if compute not in self._memory:
            self._memory[compute] = compute(self)
        return self._memory[compute]  # type: ignore[no-any-return]


def _answers() -> ModuleType:
    """Return the module of the short answer, by name, since `present` builds on this package."""
    return import_module("watchme_analysis.present.short_answer")


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """The diagnosis of a case for a question.

    ``headline`` says in one sentence what happened, ``facts`` give its figures, both without any cause.
    ``now`` has the steps in their order, also while the cause is open.
    ``secondary_cause`` is what the cause set off or is fed by; ``other_causes`` are faults independent of it.
    ``extra`` holds the fields that exist for a single question, such as ``endpoints`` for health, and
    ``queues`` and ``dead_letters`` for backlog. They are ready for JSON, except for messages, which
    :meth:`to_dict` renders.
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
    other_causes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    summary: tuple[Text, ...] = ()
    headline: Text = ""
    facts: tuple[Fact, ...] = ()
    now: tuple[Step, ...] = ()

    def __repr__(self) -> str:
        """Return question, case, verdict and cause in one line."""
        about = f"{self.question} of {shortened(self.case, 80)!r}"
        return described(self, f"{about}: {self.verdict}, {self.cause or 'open'}, {self.confidence:.0%}")

    def __str__(self) -> str:
        """Return :meth:`text` in English."""
        return self.text()

    def _repr_html_(self) -> str:
        """Return the answer as HTML, which a notebook displays."""
        answer_html = import_module("watchme_analysis.present.finding").answer_html
        return answer_html(_answers().stored_answer(self.to_dict()))  # type: ignore[no-any-return]

    @property
    def first_harm(self) -> datetime | None:
        """Return the beginning that surfaces name and durations count from: the first harm.

        It is that of :attr:`facts`, at or after ``incident_start``, which may be a change before any harm.
        """
        begun = next((one.value for one in self.facts if one.id == "first_harm"), None)
        return self.incident_start if begun is None else datetime.fromisoformat(str(begun))

    @property
    def last_harm(self) -> datetime | None:
        """Return the end that surfaces name and figures shade; None while harm goes on or if unknown."""
        if self.incident_end is None:
            return None
        states = (one.message for one in self.facts if one.id == "state")
        named = (state.values.get("end") for state in states if isinstance(state, Message))
        return next((end.time for end in named if isinstance(end, Instant)), self.incident_end)

    @property
    def cause_line(self) -> Text:
        """Return in one sentence whether the cause was found, which it is, and how sure that is."""
        return _answers().cause_line(self)  # type: ignore[no-any-return]

    @property
    def reasons(self) -> tuple[Evidence, ...]:
        """Return the strongest evidence for the cause, of an open one for the likeliest."""
        return _answers().reasons(self)  # type: ignore[no-any-return]

    def text(self, language: str = "en", zone: tzinfo = UTC) -> str:
        """Return headline, facts, cause, steps and reasons as `watchme diagnose` prints them."""
        answer = _answers().stored_answer(self.to_dict(language, zone), language, zone)
        return "\n".join(line for _, line in _answers().short_answer(answer))

    def to_dict(self, language: str = "en", zone: tzinfo = UTC) -> dict[str, Any]:
        """Return the JSON object that ``watchme diagnose --json`` prints, with secrets masked.

        Parameters
        ----------
        language
            Language of the sentences, ``en`` or ``ja``.
        zone
            Time zone of the times within sentences; all other times are in UTC.

        Returns
        -------
        question, case, schema_version
            The question, the case, the version of this format.
        headline
            One sentence: the affected resource, what fails or waits, since when, and the error in its own
            words; no cause.
        facts
            Figures that hold without any cause: ``id``, ``value`` (null if unknown, never 0), ``unit``,
            ``message``. Of both questions: ``affected_resource`` (a list), ``first_harm`` (time), ``state``
            (``open`` or ``ended``), ``data_end`` (time), ``error`` (absent without one). ``health``:
            ``failed_requests``, ``late_requests``, ``statuses`` (``none`` without a response),
            ``response_time`` (median during the incident, s; absent if as usual). ``backlog``:
            ``preceding_change`` (time, or ``none`` where the recorded changes show none), ``waiting_now``,
            ``waiting_peak``, ``oldest_age`` (s, at the end), ``oldest_age_peak``, ``growth`` (messages per
            hour at the end),
            ``drained_at`` (both absent if nothing waits), ``failed_invocations`` (with ``unit``
            ``messages``: failed receives, where the function reports failed messages), ``late_messages``,
            ``dead_letters`` (of the incident), ``lost_messages``, ``work_items`` (missing; the unit is that
            of ``watchme.toml``).
        cause_line
            One sentence: the cause, if any, and how sure it is.
        now
            Steps in their order: ``kind`` (``save`` evidence, ``restore`` service, ``verify``, ``redrive``,
            ``prevent``; while the cause is open, ``save``, the next ``test`` and what each result asks for),
            ``text``, ``commands``, and ``later`` for what is not to do now; empty without an incident.
        reasons
            At most three entries of ``evidence`` for the cause, or for the likeliest while it is open.
        verdict
            ``supported``, ``inconclusive`` or ``no_incident``.
        cause
            The cause, or null.
        secondary_cause
            A consequence of the cause, or what feeds it; or null.
        other_causes
            Independent faults.
        confidence
            0 to 1: of all verdicts with 0.9, nine in ten should be right.
        incident
            ``start`` and ``end``, ISO 8601 in UTC; ``end`` is null if it continues.
        summary
            Three sentences: what was affected, why, what to do now.
        ranking
            Every cause with ``probability`` (the sum may exceed 1), ``status``, ``detail``, ``evidence``
            (statement, tables, rows, weight, effect, SQL), ``not_covered`` and ``next_test``.
        coverage
            For each table: rows, window, rejected lines, truncation.
        missing_evidence
            What to collect next and how, most useful first.
        """
        start, end = iso_time(self.incident_start), iso_time(self.incident_end)
        result = {
            "question": self.question,
            "case": self.case,
            "schema_version": SCHEMA_VERSION,
            "headline": self.headline,
            "facts": [
                {
                    "id": fact.id,
                    "value": fact.value,
                    "unit": None if fact.unit is None else render(fact.unit, language),
                    "message": fact.message,
                }
                for fact in self.facts
            ],
            "cause_line": self.cause_line,
            "now": [
                {
                    "kind": step.kind,
                    "later": step.later,
                    "text": step.text,
                    "commands": commands_in(render(step.text, language, zone)),
                }
                for step in self.now
            ],
            "reasons": [item.to_dict(language, zone) for item in self.reasons],
            "verdict": self.verdict,
            "cause": self.cause,
            "secondary_cause": self.secondary_cause,
            "other_causes": list(self.other_causes),
            "confidence": round(self.confidence, 4),
            "incident": {"start": start, "end": end},
            "summary": self.summary,
            "ranking": [entry.to_dict(language, zone) for entry in self.ranking],
            "coverage": {
                table: {**entry, "notes": list(entry.get("notes") or ())}
                for table, entry in self.coverage.items()
            },
            "missing_evidence": [item.to_dict(language, zone) for item in self.missing_evidence],
            **self.extra,
        }
        return redacted_values(_in_json(result, language, zone))  # type: ignore[no-any-return]

"""Notebook views of a diagnosis: the verdict, the hypotheses with their evidence, and the conclusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from html import escape
from typing import TYPE_CHECKING, Any

from watchme_analysis.inference.findings import FINDING_MIME
from watchme_analysis.inference.quoted_error import quoted_error
from watchme_analysis.inference.weighing import aftermath
from watchme_analysis.present.display import TableView, TextView, coded
from watchme_analysis.redact import redacted
from watchme_analysis.text.formats import (
    as_sentence,
    counted,
    format_duration,
    format_probability,
    format_time,
    in_zone,
)

if TYPE_CHECKING:
    from watchme_analysis.inference.findings import Diagnosis, Evidence, Missing, Ranked

_SIGNS = {1: ("▲", "supports"), -1: ("▼", "contradicts"), 0: ("·", "silent")}
# Hypotheses below this probability and refuted hypotheses are collapsed.
OPEN_FROM = 0.05


@dataclass(frozen=True, slots=True)
class VerdictView:
    """The verdict as a sentence and, for programs, the full diagnosis as JSON.

    ``track_record`` is a sentence on the accuracy of such verdicts in recorded cases; empty if unknown.
    """

    diagnosis: Diagnosis
    zone: tzinfo
    titles: Mapping[str, str]
    track_record: str = ""

    def sentence(self) -> str:
        """Return the verdict in a sentence, followed by a sentence that quotes the leading error."""
        return " ".join(filter(None, (self._verdict(), quoted_error(self.diagnosis.extra.get("error")))))

    def _verdict(self) -> str:
        found = self.diagnosis
        if found.verdict == "no_incident":
            return f"No incident ({found.confidence:.0%} sure)."
        when = _when(found.incident_start, found.incident_end, self.zone)
        if found.verdict == "inconclusive":
            likely = [entry for entry in found.ranking if entry.probability >= OPEN_FROM]
            named = ", ".join(
                f"{_words(entry.finding.cause)} {entry.probability:.0%}" for entry in likely[:3]
            )
            return f"Inconclusive: the evidence does not settle the cause (likeliest: {named}){when}."
        second = aftermath(found.secondary_cause)
        cause = found.cause or ""
        named = f"{cause} ({found.confidence:.0%} sure){second}{when}"
        return (
            f"Supported: {named}. {self.titles[cause]}." if cause in self.titles else f"Supported: {named}."
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        sentence = self.sentence()
        return {
            FINDING_MIME: self.diagnosis.to_dict(),
            "text/html": f"<p><strong>{coded(sentence)}</strong></p>"
            + (f"\n<p>{escape(self.track_record)}</p>" if self.track_record else ""),
            "text/plain": "\n".join(filter(None, (sentence, self.track_record))),
        }


@dataclass(frozen=True, slots=True)
class FindingsView:
    """All hypotheses, most probable first, with evidence, numbers, blind spots and next test."""

    ranking: tuple[Ranked, ...]
    titles: Mapping[str, str]
    zone: tzinfo

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        told: dict[str, int] = {}
        return {
            "text/html": in_zone("\n".join(self._html(entry, told) for entry in self.ranking), self.zone),
            "text/plain": redacted(
                in_zone("\n\n".join(self._text(entry) for entry in self.ranking), self.zone)
            ),
        }

    def _head(self, entry: Ranked) -> str:
        cause = entry.finding.cause
        title = self.titles.get(cause, _words(cause))
        return f"{title}: {entry.status}, {format_probability(entry.probability)}"

    def _html(self, entry: Ranked, told: dict[str, int]) -> str:
        found = entry.finding
        body = [f"<p>{coded(as_sentence(found.detail))}</p>"] if found.detail else []
        body += [
            "<ul>",
            *(f"<li>{coded(_evidence(item))} {_rows(item, told)}</li>" for item in _ordered(found.evidence)),
            "</ul>",
        ]
        if not found.evidence:
            body = ["<p>Nothing that it needs could be seen.</p>"]
        if found.not_covered:
            body.append(f"<p><em>Not seen:</em> {coded(' '.join(found.not_covered))}</p>")
        if found.next_test:
            body.append(f"<p><em>Next test:</em> {coded(found.next_test)}</p>")
        is_open = entry.probability >= OPEN_FROM and entry.status != "refuted"
        head = escape(self._head(entry))
        return (
            f"<details{' open' if is_open else ''}><summary><strong>{head}</strong></summary>\n"
            + "\n".join(body)
            + "\n</details>"
        )

    def _text(self, entry: Ranked) -> str:
        found = entry.finding
        lines = [self._head(entry), *([as_sentence(found.detail)] if found.detail else [])]
        lines += [f"  {_evidence(item)}" for item in _ordered(found.evidence)]
        lines += [f"  Not seen: {text}" for text in found.not_covered]
        lines += [f"  Next test: {found.next_test}"] if found.next_test else []
        return "\n".join(lines)


def conclusion(diagnosis: Diagnosis, zone: tzinfo) -> TextView:
    """Return the summary of a diagnosis, with times in the given zone."""
    return TextView(tuple(in_zone(sentence, zone) for sentence in diagnosis.summary))


def next_evidence(missing: Sequence[Missing]) -> TableView:
    """Return a table of the evidence to collect next, most useful first."""
    rows = tuple((item.what, item.why, item.how) for item in missing)
    note = "" if rows else "Nothing that these hypotheses need is missing."
    heads = ("what", "why", "how")
    return TableView("What to collect next, best first", heads, rows, note, commands=frozenset({2}))


def _ordered(evidence: Sequence[Evidence]) -> list[Evidence]:
    return sorted(evidence, key=lambda item: -abs(item.weight))


def _evidence(item: Evidence) -> str:
    side = (item.weight > 0.05) - (item.weight < -0.05)
    sign, word = _SIGNS[side]
    weight = f" {abs(item.weight):.1f}" if side else ""
    rows = f"{counted(item.rows, 'row')} of {item.table}"
    return f"{sign} {as_sentence(item.statement)} [{word}{weight}; {rows}]"


def _rows(item: Evidence, told: dict[str, int]) -> str:
    """Return the collapsed query for the rows of an observation; a link if the page already has the query."""
    if not item.sql:
        return ""
    if item.sql in told:
        return f'<a href="#rows-{told[item.sql]}">its rows</a>'
    place = told[item.sql] = len(told) + 1
    style = "white-space:pre-wrap;overflow-wrap:anywhere;max-height:12em;overflow-y:auto"
    query = f'<pre style="{style}"><code>{escape(item.sql)}</code></pre>'
    return (
        f'<details id="rows-{place}"><summary>its rows</summary>\n<p><code>watchme case sql CASE</code> or '
        f"<code>page.sql</code> with</p>\n{query}</details>"
    )


def _words(cause: str) -> str:
    return cause.replace("_", " ")


def _when(start: datetime | None, end: datetime | None, zone: tzinfo) -> str:
    if start is None:
        return ""
    if end is None:
        return f"; since {format_time(start, zone)} {zone}, still open"
    return f"; from {format_time(start, zone)} {zone}, for {format_duration(end - start)}"

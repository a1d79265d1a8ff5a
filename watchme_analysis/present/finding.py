"""Notebook views of a diagnosis: the verdict, the hypotheses with their evidence, and the conclusion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from html import escape
from typing import TYPE_CHECKING, Any

from watchme_analysis.files.attachments import is_report
from watchme_analysis.inference.engine import undecided
from watchme_analysis.inference.findings import FINDING_MIME
from watchme_analysis.present.display import STRIP_WIDTH_IN, SVG, FigureView, TableView, TextView, coded
from watchme_analysis.present.short_answer import Answer, short_answer, stored_answer
from watchme_analysis.redact import described, redacted
from watchme_analysis.text.formats import as_sentence
from watchme_analysis.text.message import (
    Choice,
    Code,
    Number,
    Probability,
    Resource,
    Text,
    message,
    sentences,
)
from watchme_analysis.text.render import label, render

if TYPE_CHECKING:
    from watchme_analysis.inference.findings import Diagnosis, Evidence, Missing, Ranked

_SIGNS = {1: "▲", -1: "▼", 0: "·"}
_SIDES = {1: "supports", -1: "contradicts", 0: "neutral"}
# Hypotheses below this probability and refuted hypotheses are collapsed.
OPEN_FROM = 0.05


@dataclass(frozen=True, slots=True, repr=False)
class VerdictView:
    """The short answer of a diagnosis and, for programs, the full diagnosis as JSON.

    ``track_record`` is a sentence on the accuracy of such verdicts in recorded cases; empty if unknown.
    ``strip`` returns the figure that a page shows beside the answer.
    """

    diagnosis: Diagnosis
    zone: tzinfo
    track_record: Text = ""
    language: str = "en"
    strip: Callable[[], FigureView | None] = lambda: None

    def __repr__(self) -> str:
        """Return the diagnosis in one line."""
        return described(self, f"of {self.diagnosis!r}")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        record = render(self.track_record, self.language, self.zone)
        answer = stored_answer(self.diagnosis.to_dict(), self.language, self.zone)
        text = [line for _, line in short_answer(answer)]
        strip = self.strip() if is_report() else None
        return {
            **({SVG: strip.svg(STRIP_WIDTH_IN)} if strip is not None else {}),
            FINDING_MIME: self.diagnosis.to_dict(),
            "text/html": answer_html(answer, self.language)
            + (f"\n<p>{escape(record)}</p>" if record else ""),
            "text/plain": "\n".join(filter(None, ("\n".join(text), record))),
        }


def answer_html(answer: Answer, language: str = "en") -> str:
    """Return headline, facts, cause, steps and reasons as HTML for a notebook."""
    facts = " · ".join(f"{escape(name)}: <b>{escape(value)}</b>" for name, value in answer.facts)
    parts = [
        f"<p><b>{coded(answer.headline)}</b></p>",
        f"<p>{facts}</p>",
        f"<p><b>{coded(answer.cause)}</b></p>",
    ]
    reasons = [f"{coded(text)} <small>{escape(rows)}</small>" for text, rows in answer.reasons]
    for heading, tag, items in (("now", "ol", [*map(coded, answer.now)]), ("reasons", "ul", reasons)):
        if items:
            listed = "".join(f"<li>{item}</li>" for item in items)
            parts.append(f"<p>{escape(label(f'answer-{heading}', language))}</p><{tag}>{listed}</{tag}>")
    return "\n".join(parts)


@dataclass(frozen=True, slots=True, repr=False)
class FindingsView:
    """All hypotheses, most probable first, with evidence, numbers, blind spots and next test.

    ``case`` is the case as an argument of a command.
    """

    ranking: tuple[Ranked, ...]
    titles: Mapping[str, Text]
    zone: tzinfo
    language: str = "en"
    case: str = "CASE"

    def __repr__(self) -> str:
        """Return the number of causes in one line."""
        return described(self, f"of {len(self.ranking)} causes")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        linked: dict[str, int] = {}
        return {
            "text/html": "\n".join(self._html(entry, linked) for entry in self.ranking),
            "text/plain": redacted("\n\n".join(self._text(entry) for entry in self.ranking)),
        }

    def _render(self, text: Text) -> str:
        return render(text, self.language, self.zone)

    def _head(self, entry: Ranked) -> str:
        cause = entry.finding.cause
        named = self.titles.get(cause) or Resource(_words(cause))
        title = Resource(named) if isinstance(named, str) else named
        is_open = all(one.status != "supported" for one in self.ranking)
        if is_open and entry in undecided(self.ranking):
            return self._render(message("finding-head-in-question", title=title))
        return self._render(
            message(
                "finding-head",
                title=title,
                status=Choice(entry.status),
                probability=Probability(entry.probability),
            )
        )

    def _html(self, entry: Ranked, linked: dict[str, int]) -> str:
        found = entry.finding
        body = [f"<p>{coded(self._sentence(found.detail))}</p>"] if found.detail else []
        items = [
            f"<li>{coded(self._evidence(item))} {self._rows(item, linked)}</li>"
            for item in _ordered(found.evidence)
        ]
        body += ["<ul>", *items, "</ul>"]
        if not found.evidence:
            body = [f"<p>{escape(label('finding-no-evidence', self.language))}</p>"]
        if found.not_covered:
            text = self._render(sentences(*found.not_covered))
            body.append(f"<p><em>{self._label('finding-not-seen')}</em> {coded(text)}</p>")
        if found.next_test:
            text = self._render(found.next_test)
            body.append(f"<p><em>{self._label('finding-next-test')}</em> {coded(text)}</p>")
        is_open = entry.probability >= OPEN_FROM and entry.status != "refuted"
        head = escape(self._head(entry))
        return (
            f"<details{' open' if is_open else ''}><summary><strong>{head}</strong></summary>\n"
            + "\n".join(body)
            + "\n</details>"
        )

    def _label(self, message_id: str) -> str:
        return escape(label(message_id, self.language))

    def _sentence(self, text: Text) -> str:
        return rendered_sentence(text, self.language, self.zone)

    def _text(self, entry: Ranked) -> str:
        found = entry.finding
        lines = [self._head(entry), *([self._sentence(found.detail)] if found.detail else [])]
        lines += [f"  {self._evidence(item)}" for item in _ordered(found.evidence)]
        not_seen = label("finding-not-seen", self.language)
        lines += [f"  {not_seen} {self._render(text)}" for text in found.not_covered]
        if found.next_test:
            lines.append(f"  {label('finding-next-test', self.language)} {self._render(found.next_test)}")
        return "\n".join(lines)

    def _evidence(self, item: Evidence) -> str:
        side = (item.weight > 0.05) - (item.weight < -0.05)
        basis = message(
            "finding-basis",
            side=Choice(_SIDES[side]),
            weight=Number(round(abs(item.weight), 1)),
            rows=item.rows,
            table=Resource(item.table),
        )
        return f"{_SIGNS[side]} {self._sentence(item.statement)} [{self._render(basis)}]"

    def _rows(self, item: Evidence, linked: dict[str, int]) -> str:
        """Return the collapsed query for the rows of an observation; a link if the page already has it."""
        if not item.sql:
            return ""
        its_rows = self._label("finding-its-rows")
        if item.sql in linked:
            return f'<a href="#rows-{linked[item.sql]}">{its_rows}</a>'
        place = linked[item.sql] = len(linked) + 1
        style = "white-space:pre-wrap;overflow-wrap:anywhere;max-height:12em;overflow-y:auto"
        query = f'<pre style="{style}"><code>{escape(item.sql)}</code></pre>'
        how = message("finding-query", command=Code(f"watchme case sql {self.case}"), method=Code("page.sql"))
        return (
            f'<details id="rows-{place}"><summary>{its_rows}</summary>\n<p>{coded(self._render(how))}</p>\n'
            f"{query}</details>"
        )


def rendered_sentence(text: Text, language: str, zone: tzinfo) -> str:
    """Return a text as a sentence: messages are sentences, plain strings may be clauses."""
    return render(as_sentence(text) if isinstance(text, str) else text, language, zone)


def conclusion(diagnosis: Diagnosis, zone: tzinfo, language: str = "en") -> TextView:
    """Return the summary of a diagnosis, with times in the given zone."""
    return TextView(tuple(render(sentence, language, zone) for sentence in diagnosis.summary))


def next_evidence(missing: Sequence[Missing], zone: tzinfo = UTC, language: str = "en") -> TableView:
    """Return a table of the evidence to collect next, most useful first."""
    rows = tuple(
        (*(render(text, language, zone) for text in (item.what, item.why, item.how)),) for item in missing
    )
    note = "" if rows else label("next-evidence-none", language)
    heads = (*(label(f"next-evidence-{name}", language) for name in ("what", "why", "how")),)
    caption = label("next-evidence-caption", language)
    return TableView(caption, heads, rows, note, commands=frozenset({2}))


def _ordered(evidence: Sequence[Evidence]) -> list[Evidence]:
    return sorted(evidence, key=lambda item: -abs(item.weight))


def _words(cause: str) -> str:
    return cause.replace("_", " ")

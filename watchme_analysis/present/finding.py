"""Notebook views of a diagnosis: the verdict, the hypotheses with their evidence, and the conclusion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from html import escape
from typing import TYPE_CHECKING, Any

from watchme_analysis.files.attachments import is_report
from watchme_analysis.inference.findings import FINDING_MIME
from watchme_analysis.inference.weighing import undecided
from watchme_analysis.present.display import (
    SECTION_MIME,
    STRIP_WIDTH_IN,
    FigureView,
    TableView,
    TextView,
    View,
    coded,
)
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
            **({SECTION_MIME: strip.page_data(STRIP_WIDTH_IN)} if strip is not None else {}),
            FINDING_MIME: self.diagnosis.to_dict(),
            "text/html": answer_html(answer, self.language)
            + (f"\n<p>{escape(record)}</p>" if record else ""),
            "text/plain": "\n".join(filter(None, ("\n".join(text), record))),
        }


def answer_html(answer: Answer, language: str = "en") -> str:
    """Return headline, facts, cause, steps and reasons as HTML for a notebook."""
    facts = "<br>".join(f"{escape(name)}: <b>{escape(value)}</b>" for name, value in answer.facts)
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
    parts += (f"<p>{coded(step)}</p>" for step in answer.later)
    return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A cause as texts: its heading, mechanism, evidence with SQL, blind spots and next test."""

    head: str
    is_open: bool
    detail: str
    evidence: tuple[tuple[str, str], ...]
    not_seen: str
    next_test: str


@dataclass(frozen=True, slots=True, repr=False)
class FindingsView(View):
    """All hypotheses, most probable first.

    ``case`` is the case as an argument of a command.
    """

    hypotheses: tuple[Hypothesis, ...]
    language: str = "en"
    case: str = "CASE"

    def __repr__(self) -> str:
        """Return the number of causes in one line."""
        return described(self, f"of {len(self.hypotheses)} causes")

    def to_html(self) -> str:
        """Return each hypothesis folded, those that are still open unfolded."""
        linked: dict[str, int] = {}
        return "\n".join(self._html(entry, linked) for entry in self.hypotheses)

    def to_text(self) -> str:
        """Return the hypotheses as paragraphs."""
        return redacted("\n\n".join(self._text(entry) for entry in self.hypotheses))

    def _html(self, entry: Hypothesis, linked: dict[str, int]) -> str:
        body = [f"<p>{coded(entry.detail)}</p>"] if entry.detail else []
        items = [f"<li>{coded(text)} {self._rows(sql, linked)}</li>" for text, sql in entry.evidence]
        body += ["<ul>", *items, "</ul>"]
        if not entry.evidence:
            body = [f"<p>{escape(label('finding-no-evidence', self.language))}</p>"]
        body += [f"<p><em>{escape(name)}</em> {coded(text)}</p>" for name, text in self._rest(entry)]
        return (
            f"<details{' open' if entry.is_open else ''}><summary><strong>{escape(entry.head)}</strong>"
            "</summary>\n" + "\n".join(body) + "\n</details>"
        )

    def _rest(self, entry: Hypothesis) -> list[tuple[str, str]]:
        """Return blind spots and next test, each after its name."""
        rest = (
            (label("finding-not-seen", self.language), entry.not_seen),
            (label("finding-next-test", self.language), entry.next_test),
        )
        return [(name, text) for name, text in rest if text]

    def _text(self, entry: Hypothesis) -> str:
        lines = [entry.head, *([entry.detail] if entry.detail else [])]
        lines += [f"  {text}" for text, _ in entry.evidence]
        return "\n".join([*lines, *(f"  {name} {text}" for name, text in self._rest(entry))])

    def _rows(self, sql: str, linked: dict[str, int]) -> str:
        """Return the collapsed query for the rows of an observation; a link if the page already has it."""
        if not sql:
            return ""
        its_rows = escape(label("finding-its-rows", self.language))
        if sql in linked:
            return f'<a href="#rows-{linked[sql]}">{its_rows}</a>'
        place = linked[sql] = len(linked) + 1
        style = "white-space:pre-wrap;overflow-wrap:anywhere;max-height:12em;overflow-y:auto"
        query = f'<pre style="{style}"><code>{escape(sql)}</code></pre>'
        how = message("finding-query", command=Code(f"watchme case sql {self.case}"), method=Code("page.sql"))
        return (
            f'<details id="rows-{place}"><summary>{its_rows}</summary>\n'
            f"<p>{coded(render(how, self.language))}</p>\n{query}</details>"
        )


def findings_view(
    ranking: Sequence[Ranked],
    titles: Mapping[str, Text],
    zone: tzinfo,
    language: str = "en",
    case: str = "CASE",
) -> FindingsView:
    """Return the hypotheses of a ranking with evidence, numbers, blind spots and next test.

    ``titles`` has the title of each cause by its id, and ``case`` is the case as an argument of a command.
    """

    def said(text: Text) -> str:
        # Messages are sentences; plain texts may be clauses.
        return render(as_sentence(text) if isinstance(text, str) else text, language, zone)

    return FindingsView(
        tuple(
            Hypothesis(
                render(_head(entry, ranking, titles), language, zone),
                entry.probability >= OPEN_FROM and entry.status != "refuted",
                said(entry.finding.detail) if entry.finding.detail else "",
                tuple(
                    (_evidence(item, said(item.statement), language), item.sql or "")
                    for item in sorted(entry.finding.evidence, key=lambda item: -abs(item.weight))
                ),
                render(sentences(*entry.finding.not_covered), language, zone),
                render(entry.finding.next_test, language, zone),
            )
            for entry in ranking
        ),
        language,
        case,
    )


def _head(entry: Ranked, ranking: Sequence[Ranked], titles: Mapping[str, Text]) -> Text:
    cause = entry.finding.cause
    named = titles.get(cause) or cause.replace("_", " ")
    title = Resource(named) if isinstance(named, str) else named
    is_open = all(one.status != "supported" for one in ranking)
    if is_open and entry in undecided(ranking):
        return message("finding-head-in-question", title=title)
    probability = Probability(entry.probability)
    return message("finding-head", title=title, status=Choice(entry.status), probability=probability)


def _evidence(item: Evidence, statement: str, language: str) -> str:
    side = (item.weight > 0.05) - (item.weight < -0.05)
    basis = message(
        "finding-basis",
        side=Choice(_SIDES[side]),
        weight=Number(round(abs(item.weight), 1)),
        rows=item.rows,
        table=Resource(item.table),
    )
    return f"{_SIGNS[side]} {statement} [{render(basis, language)}]"


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

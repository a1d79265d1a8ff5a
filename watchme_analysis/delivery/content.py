"""Texts of a notice in a language, for every destination that sends texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from watchme_analysis.delivery.changes import CAUSE_KNOWN, RECURRING, RESOLVED, WORSE
from watchme_analysis.delivery.notice import Notice
from watchme_analysis.inference.findings import stored_sentences
from watchme_analysis.report.summary import facts
from watchme_analysis.services.diagnose import causes_of
from watchme_analysis.text.formats import MISSING
from watchme_analysis.text.message import (
    Duration,
    Message,
    MessageText,
    Quotation,
    Resource,
    Text,
    TimeSpan,
    message,
    message_from_dict,
    value_of,
)
from watchme_analysis.text.render import label, render

# Messages of a summary that say what to do.
_STEPS = ("remedy", "next-test", "collect-next", "correct-exception", "do-nothing")


@dataclass(frozen=True)
class Content:
    """Texts of a notice.

    Attributes
    ----------
    title
        Headline in one line.
    changes
        Sentences on what has changed.
    sentences
        Sentences of the diagnosis: what happened, since when, who is affected, why.
    steps
        Sentences on what to do now.
    facts
        Label and value of the main facts.
    language
        Language of the texts.
    link
        URL of the report; None without one.
    """

    title: str
    changes: tuple[str, ...]
    sentences: tuple[str, ...]
    steps: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    language: str
    link: str | None = None

    @property
    def link_label(self) -> str:
        """Label of the link."""
        return label("delivery-open-report", self.language)

    @property
    def steps_label(self) -> str:
        """Heading of the steps."""
        return label("delivery-what-to-do", self.language)

    def lines(self) -> list[str]:
        """Return the content as lines of plain text; an empty line separates paragraphs."""
        parts = [*self.changes, "", *self.sentences, ""]
        if self.steps:
            parts += [*self.steps, ""]
        parts += [f"{name}: {value}" for name, value in self.facts]
        if self.link:
            parts += ["", f"{self.link_label}: {self.link}"]
        found = [self.title, ""]
        for part in parts:
            if part or found[-1]:
                found.append(part)
        return found


def content_of(
    notice: Notice,
    diagnosis: Mapping[str, Any] | None,
    language: str,
    zone: tzinfo,
    link: str | None = None,
) -> Content:
    """Return the texts of a notice.

    Parameters
    ----------
    notice
        The notice.
    diagnosis
        Its diagnosis at the level of redaction of the destination; None for a failure.
    language, zone
        Language and time zone of the reader.
    link
        URL of the report.
    """

    def rendered(text: Message) -> str:
        return render(text, language, zone)

    kind = label(f"delivery-kind-{notice.kind}", language)
    if diagnosis is None:
        title = rendered(message("delivery-title-plain", kind=Resource(kind), system=Resource(notice.system)))
        error = (rendered(message("delivery-error", error=_error(notice.error))),) if notice.error else ()
        return Content(title, (), error, (), (), language, link)
    zone_name = str(zone)
    result = {
        "status": "ok",
        "question": notice.question,
        "diagnosis": diagnosis,
        "parameters": {"language": language, "timezone": zone_name},
    }
    shown = facts(result)
    title = rendered(
        message(
            "delivery-title",
            kind=Resource(kind),
            system=Resource(notice.system),
            what=_headline(notice, shown.headline, language),
        )
    )
    found = [
        (text, _is_step(stored))
        for text, stored in zip(
            stored_sentences(diagnosis, "summary", language, zone),
            diagnosis.get("summary_messages") or [None] * len(diagnosis.get("summary") or ()),
            strict=True,
        )
    ]
    named = [
        (label("delivery-system", language), notice.system),
        (label("page-cause", language), " + ".join(shown.causes) or MISSING),
        (label("page-confidence", language), shown.confidence),
        (label("page-incident", language), shown.incident),
        (label("page-impact", language), shown.impact or MISSING),
    ]
    return Content(
        title,
        tuple(map(rendered, _changes(notice))),
        tuple(text for text, is_step in found if not is_step),
        tuple(text for text, is_step in found if is_step),
        tuple((name, value) for name, value in named if value != MISSING),
        language,
        link,
    )


def _headline(notice: Notice, headline: str, language: str) -> Resource:
    """Return the cause in words, that of the incident where the diagnosis names none any more."""
    if notice.incident is None:
        return Resource(headline or label("delivery-cause-unknown", language))
    titles = {one.cause: one.title for one in causes_of(str(notice.question))}
    cause = titles.get(str(notice.incident.cause))
    return Resource(label("delivery-cause-unknown", language) if cause is None else render(cause, language))


def _is_step(stored: Mapping[str, Any] | None) -> bool:
    """Return whether a text of a summary says what to do: of several sentences the first one decides."""
    if stored is None:
        return False
    said: Text = message_from_dict(stored)
    if isinstance(said, Message) and said.id == "sentences":
        said = said.items_of("sentences")[0]
    return isinstance(said, Message) and said.id.partition("-")[2] in _STEPS


def _changes(notice: Notice) -> list[Message]:
    """Return the sentences on what has changed."""
    incident, before = notice.incident, notice.before
    if incident is None:
        return []
    found = []
    if RECURRING in notice.kinds:
        found.append(message("delivery-recurring", count=notice.earlier))
    if RESOLVED in notice.kinds and incident.end is not None:
        span = TimeSpan(incident.start, incident.end)
        length = Duration((incident.end - incident.start).total_seconds())
        found.append(message("delivery-resolved", span=span, duration=length))
    if CAUSE_KNOWN in notice.kinds:
        titles = {one.cause: one.title for one in causes_of(str(notice.question))}
        cause, former = (titles.get(str(one and one.cause)) for one in (incident, before))
        if cause is not None and former is None:
            found.append(message("delivery-cause-known", cause=value_of(cause)))
        elif cause is not None and former is not None:
            found.append(message("delivery-cause-changed", cause=value_of(cause), before=value_of(former)))
    if WORSE in notice.kinds and before is not None:
        for measure, now in incident.impact.items():
            if now > before.impact.get(measure, 0):
                found.append(
                    message(f"delivery-worse-{measure}", before=before.impact.get(measure, 0), now=now)
                )
    return found


def _error(text: str) -> Message | Resource | Quotation:
    """Return an error as the value of a message; one that another system wrote is quoted."""
    return value_of(text) if isinstance(text, MessageText) else Quotation(text)

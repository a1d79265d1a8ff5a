"""Texts of a notice in a language, for every destination that sends texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import partial
from typing import Any

from watchme_analysis.delivery.changes import CAUSE_KNOWN, RECURRING, RESOLVED, WORSE
from watchme_analysis.delivery.notice import Notice
from watchme_analysis.inference.causes import causes
from watchme_analysis.present.short_answer import stored_answer
from watchme_analysis.text.message import (
    Duration,
    Message,
    MessageText,
    Quotation,
    Resource,
    TimeSpan,
    message,
    message_from_dict,
    value_of,
)
from watchme_analysis.text.render import label, render


@dataclass(frozen=True)
class Content:
    """Texts of a notice in one language.

    ``title`` is one line; ``facts`` are name and figure of each fact, which come before the sentences.
    ``sentences`` say whether the cause was found, which it is, and how sure that is; or the error of a
    failure. ``steps`` are what to do now, in this order.
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
        return label("answer-now", self.language)

    def lines(self) -> list[str]:
        """Return the content as lines of plain text; an empty line separates paragraphs."""
        parts = [*self.changes, "", *(f"{name}: {value}" for name, value in self.facts), ""]
        parts += [*self.sentences, ""]
        if self.steps:
            parts += [f"{self.steps_label}:", *(f"{at}. {step}" for at, step in enumerate(self.steps, 1))]
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
    """Return the texts of a notice in the language and time zone of the reader.

    The diagnosis is at the level of redaction of the destination; None for a failure. ``link`` is the URL of
    the report.
    """
    rendered = partial(render, language=language, zone=zone)
    kind = label(f"delivery-kind-{notice.kind}", language)
    if diagnosis is None:
        title = rendered(message("delivery-title-plain", kind=Resource(kind), system=Resource(notice.system)))
        error = (rendered(message("delivery-error", error=_error(notice.error))),) if notice.error else ()
        return Content(title, (), error, (), (), language, link)
    found = stored_answer(diagnosis, language, zone, notice.created_at)
    said = message(
        "delivery-title", kind=Resource(kind), system=Resource(notice.system), what=Resource(found.headline)
    )
    return Content(
        rendered(said),
        tuple(map(rendered, _changes(notice, diagnosis.get("facts") or ()))),
        tuple(filter(None, [found.cause])),
        (*found.now, *found.later),
        found.facts,
        language,
        link,
    )


def with_id(content: Content, notice: Notice) -> Content:
    """Return the texts with the id of the notice, by which a reader recognises a message that came twice."""
    short = hashlib.sha256(notice.id.encode()).hexdigest()[:8]
    return replace(content, sentences=(*content.sentences, label("delivery-id", content.language, id=short)))


def _changes(notice: Notice, facts: Iterable[Mapping[str, Any]]) -> list[Message]:
    """Return the sentences on what has changed, of a notice and the facts of its diagnosis."""
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
        titles = {one.cause: one.title for one in causes(str(notice.question))}
        cause, former = (titles.get(str(one and one.cause)) for one in (incident, before))
        if cause is not None and former is None:
            found.append(message("delivery-cause-known", cause=value_of(cause)))
        elif cause is not None and former is not None:
            found.append(message("delivery-cause-changed", cause=value_of(cause), before=value_of(former)))
    if WORSE in notice.kinds and before is not None:
        for fact in facts:
            now, was = (one.impact.get(fact["id"], 0) for one in (incident, before))
            if now > was:
                phrase = message_from_dict(fact["message_message"])
                found.append(message("delivery-worse", now=phrase, before=was))
    return found


def _error(text: str) -> Message | Resource | Quotation:
    """Return an error as the value of a message; one that another system wrote is quoted."""
    return value_of(text) if isinstance(text, MessageText) else Quotation(text)

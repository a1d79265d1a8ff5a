"""The short answer of a diagnosis: headline, facts, cause, steps and reasons, in this order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, TypeGuard

from watchme_analysis.inference.causes import causes
from watchme_analysis.inference.findings import Diagnosis, Evidence, Missing, Ranked, Step, StepKind
from watchme_analysis.inference.weighing import undecided
from watchme_analysis.present.cause_words import consequence
from watchme_analysis.redact import redacted
from watchme_analysis.text.command_words import held_words
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Message,
    Phrases,
    Probability,
    Resource,
    Text,
    message,
    message_from_dict,
    parts_of,
    sentences,
    value_of,
)
from watchme_analysis.text.printable import printable
from watchme_analysis.text.render import label, render
from watchme_analysis.text.wrapping import display_width, wrapped

# Reasons for a cause that are shown.
MOST_REASONS = 3
# Lines and columns of the short answer: a screen of a terminal.
MOST_LINES, COLUMNS = 25, 80
# Facts that the phrase of another fact states as well.
_STATED_BESIDE = ("waiting_peak", "oldest_age_peak")
# Facts of an incident by row of the first screen: when, after which change, what, and how much harm.
_ROWS = (
    ("first_harm", "error_times", "state", "data_end"), ("preceding_change",),
    ("affected_resource", "failing_replicas", "consumer"),
    ("failed_requests", "failed_invocations", "late_requests", "statuses", "response_time"),
    ("waiting_now", "oldest_age", "growth", "drained_at", "late_messages", "arrivals_stopped"),
    ("dead_letters", "lost_messages", "work_items"),
)  # fmt: skip
# Data that end longer before an answer is written do not show the present, by choice.
OLD = timedelta(hours=1)
# CloudWatch keeps points of a minute for so long ("Metrics retention"): then little is left to save.
KEPT = timedelta(days=15)
# From twice this age on, only whole days are stated.
DAY = timedelta(days=1)
# Unknown facts that the first screen names, those first that decide what to do.
MOST_UNKNOWN = 3
_DECIDING = (
    "affected_resource", "state", "first_harm", "preceding_change", "work_items", "failed_requests",
    "failed_invocations", "waiting_now", "dead_letters", "lost_messages", "consumer", "oldest_age",
)  # fmt: skip
# Ids within a quoted error: of a message, request, task or receipt. They differ from line to line.
_ID = re.compile(
    r"(?:\bRequestId:?\s+)?\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b(?:\d{12,}|(?=[a-z]*\d[a-z]*\d)(?=\d*[a-z])[a-z\d]{16,})\b",
    re.IGNORECASE,
)
_QUOTED = re.compile("“[^”]*”|「[^」]*」")
# Characters by which an error is recognised in a headline, which shortens long ones.
_COMPARED = 100


@dataclass(frozen=True)
class Answer:
    """The short answer of a diagnosis as texts of one language, the same on every surface.

    ``headline`` is a sentence on what happened, empty where the diagnosis has none. ``known`` are name and
    figure of each fact, without an error that the headline quotes and without those that are unknown, which
    ``unknown`` names. ``facts`` are the rows of the first screen: those of an incident by what they are
    about, without a row in which all is zero, then the names of the unknown ones that matter most.
    ``cause`` says whether the cause was found, which it is, and how sure that is. ``now`` is what to do, in
    this order, and ``later`` what comes after it, or only if the incident returns; ``reasons`` are the
    strongest statements, each with its table and number of rows.
    """

    headline: str
    known: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    cause: str
    now: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...] = ()
    later: tuple[str, ...] = ()


def stored_answer(
    diagnosis: Mapping[str, Any], language: str = "en", zone: tzinfo = UTC, written: datetime | None = None
) -> Answer:
    """Return the short answer of a stored diagnosis.

    It is a dictionary from :meth:`watchme_analysis.inference.findings.Diagnosis.to_dict`, of any language.
    ``written`` is when the answer is, or was, given: if its data ended long before, it says so and speaks in
    the past tense.
    """
    age = _age(diagnosis, written)
    if age is not None:
        past = {name: _in_past(diagnosis.get(name)) for name in ("headline_message", "facts")}
        diagnosis = {**diagnosis, **past}

    def said(stored: Mapping[str, Any], name: str, kept: str = "") -> str:
        found = stored.get(kept or f"{name}_message")
        return render(message_from_dict(found), language, zone) if found else str(stored.get(name) or "")

    headline = said(diagnosis, "headline")
    figures: dict[str, tuple[str, str]] = {}
    for one in diagnosis.get("facts") or ():
        quoted = one["id"] == "error" and str(one["value"]).rstrip(". ")[:_COMPARED] in headline
        if one["id"] not in _STATED_BESIDE and not quoted:
            name, _, value = said(one, "message").partition(": ")
            aged = message("fact-data-age", time=Resource(value), age=Duration(age or 0.0))
            is_old = age is not None and one["id"] == "data_end"
            figures[one["id"]] = (name, render(aged, language) if is_old else value)
    unknown = label("count-unknown", language)
    shown = {one: pair for one, pair in figures.items() if pair[1] != unknown}
    # Beside the times of errors, an unknown start says nothing more.
    lacking = sorted(
        (
            one
            for one in figures
            if one not in shown and (one != "first_harm" or "error_times" not in figures)
        ),
        key=lambda one: _DECIDING.index(one) if one in _DECIDING else len(_DECIDING),
    )
    harm = {one["id"] for one in diagnosis.get("facts") or () if one["value"]}
    if diagnosis.get("verdict") == "no_incident":
        harm |= shown.keys()
    # The first time names the zone for all.
    again = label("instant", language, time="", zone=str(zone)).rstrip()
    rows_shown, is_named = [], False
    for name, text in _rows(shown, harm):
        head, found, rest = ("", "", text) if is_named else text.partition(again)
        rows_shown.append((name, head + found + rest.replace(again, "")))
        is_named = is_named or bool(found)
    # As they stand within a sentence.
    names = [figures[one][0] for one in lacking]
    unsaid = tuple(name[0].lower() + name[1:] if name[1:2].islower() else name for name in names)
    if unsaid:
        # As "affected" and the like are no nouns, they are not listed in words.
        head, left = " · ".join(unsaid[:MOST_UNKNOWN]), len(unsaid) - MOST_UNKNOWN
        listed = label("list-more", language, head=head, count=left) if left > 0 else head
        rows_shown.append((label("facts-unknown", language), listed))
    reasons = []
    for one in diagnosis.get("reasons") or ():
        about = message("page-rows", table=Resource(str(one["table"])), rows=int(one["rows"]))
        reasons.append((said(one, "statement", "message"), render(about, language)))
    is_kept = age is None or age < KEPT.total_seconds()
    stated = diagnosis.get("now") or ()
    needed = held_words(" ".join(said(step, "text") for step in stated if step.get("kind") != "save"))
    steps = [
        (bool(step.get("later")), said(step, "text"))
        for step in stated
        if is_kept or step.get("kind") != "save" or _found_word(step) in needed
    ]
    now = [text for later, text in steps if not later]
    has_ended = any(one["id"] == "state" and one["value"] == "ended" for one in diagnosis.get("facts") or ())
    if age is not None and now and not has_ended:
        now.insert(0, label("step-is-old", language, age=Duration(age)))
    return Answer(
        _QUOTED.sub(lambda found: _ID.sub("…", found[0]), headline),
        tuple(shown.values()),
        tuple(rows_shown),
        said(diagnosis, "cause_line"),
        tuple(now),
        tuple(reasons),
        unsaid,
        tuple(text for later, text in steps if later),
    )


def _found_word(step: Mapping[str, Any]) -> str | None:
    """Return the word in capitals whose value a step finds; None for any other step."""
    stated = step.get("text_message") or {}
    return str(stated["values"]["word"]["resource"]) if stated.get("id") == "value-shown-by" else None


def _rows(figures: Mapping[str, tuple[str, str]], harm: Set[str]) -> Iterator[tuple[str, str]]:
    """Yield facts row by row; the first of a row names it, and the others follow with their own names.

    A fact that is not of ``harm``, whose value is zero, says something only at the beginning of a row with
    harm; but that nothing is lost is good to know.
    """
    left = dict(figures)
    for ids in (*_ROWS, *((one,) for one in figures)):
        row = {one: left.pop(one) for one in ids if one in left}
        bad = {one for one in row if {one, f"{one.removesuffix('_now')}_peak"} & harm}
        if bad:
            name, value = next(iter(row.values()))
            others = [pair for one, pair in row.items() if one in bad or one == "lost_messages"]
            rest = (f"{other}: {shown}" if shown else other for other, shown in others if other != name)
            yield name, " · ".join([value, *rest])


def _age(diagnosis: Mapping[str, Any], written: datetime | None) -> float | None:
    """Return how many seconds before an answer its data ended; None for recent or undated data."""
    ends = [one["value"] for one in diagnosis.get("facts") or () if one["id"] == "data_end" and one["value"]]
    age = written - datetime.fromisoformat(ends[0]) if written and ends else timedelta()
    if age > 2 * DAY:
        age -= age % DAY
    return age.total_seconds() if age > OLD else None


def _in_past(stored: Any) -> Any:
    """Return a stored message in which what is open was open when the data ended."""
    if isinstance(stored, list):
        return [*map(_in_past, stored)]
    if not isinstance(stored, Mapping):
        return stored
    if stored.get("choice") == "open":
        return {**stored, "choice": "past"}
    return {name: _in_past(value) for name, value in stored.items()}


def short_answer(found: Answer, width: int = COLUMNS, more: str = "") -> list[tuple[str, str]]:
    """Return headline, facts, cause, steps and reasons as lines, at most :data:`MOST_LINES`.

    Each line comes with its part (``headline``, ``facts``, ``cause``, ``now``, ``reasons`` or ``more``). It
    has at most ``width`` columns, but a word that is longer, such as a path, is not broken. ``more`` is a
    sentence on how to see the rest, the last line.
    """

    def paragraph(text: str, mark: str = "") -> list[str]:
        return wrapped(printable(redacted(text)), width, mark, " " * len(mark))

    column = max((display_width(name) for name, _ in found.facts), default=0)
    facts = [
        line
        for name, value in found.facts
        for line in wrapped(
            printable(redacted(value)),
            width,
            f"{name}{' ' * (column - display_width(name))}  ",
            " " * (column + 2),
        )
    ]
    last = [("more", line) for line in paragraph(more)] if more else []
    now = [paragraph(step, f"{at}. ") for at, step in enumerate(found.now, 1)]
    later = [paragraph(step) for step in found.later]

    def laid_out(steps: Sequence[list[str]], *, is_spaced: bool) -> list[tuple[str, str]]:
        parts = [
            ("headline", paragraph(found.headline) if found.headline else []),
            ("facts", facts),
            ("cause", paragraph(found.cause)),
            ("now", [line for step in steps for line in step]),
        ]
        blank = {"headline", "facts", "now"} if is_spaced else set()
        return [(name, line) for name, some in parts if some for line in (*some, *[""] * (name in blank))]

    # Part of a command or of a reason is of no use: it stands as a whole, or in the full answer alone. What
    # is to do now comes before the first reason, and that before blank lines and what is to do later.
    reasons = [paragraph(text, "- ") for text, _ in found.reasons]
    room, why = MOST_LINES - len(last), len(reasons[0]) if reasons else 0
    # Room is kept only for a reason that fits.
    why *= len(laid_out(now, is_spaced=False)) + why <= room
    is_spaced = len(laid_out(now, is_spaced=True)) + why <= room
    while len(now) > 1 and len(laid_out(now, is_spaced=is_spaced)) > room:
        now.pop()
    while later and len(laid_out([*now, *later], is_spaced=is_spaced)) + why > room:
        later.pop()
    lines = laid_out([*now, *later], is_spaced=is_spaced)[:room]
    for reason in reasons:
        if len(lines) + len(reason) <= room:
            lines += [("reasons", line) for line in reason]
    return [*lines, *last]


def _said(item: Evidence, headline: Text) -> bool:
    """Return whether a headline says what evidence states, or more than it.

    It may shorten it after the line that both quote. The status of a response in an access log says less
    than a line of a headline that explains it.
    """
    said = item.statement
    if not (_is_line(said) and _is_line(headline)):
        return said == headline
    return item.table == "access_log" or said.values["error"] == headline.values["error"]


def _is_line(text: Text) -> TypeGuard[Message]:
    return isinstance(text, Message) and text.id == "known-line"


def reasons(found: Diagnosis) -> tuple[Evidence, ...]:
    """Return the strongest evidence for the cause, of an open one for the likeliest.

    The last is on what is involved as well, if anything is.
    """
    by_cause = {entry.finding.cause: entry for entry in found.ranking}
    likeliest = by_cause.get(str(found.cause)) or next(iter(undecided(found.ranking)), None)
    beside = by_cause.get(str(found.secondary_cause))

    def strongest(entry: Ranked | None) -> list[Evidence]:
        known = [item for item in entry.finding.evidence if item.weight > 0] if entry else []
        new = [item for item in known if not _said(item, found.headline)]
        return sorted(new, key=lambda item: -item.weight)[:MOST_REASONS]

    own = strongest(likeliest)
    other = [item for item in strongest(beside) if item not in own][:1]
    return (*own[: MOST_REASONS - len(other)], *other)


def remedy_steps(
    *,
    save: Text | None,
    restore: Text | None,
    verify: Text | None,
    redrive: Text | None = None,
    prevent: Text | None,
    ended: bool,
) -> tuple[Step, ...]:
    """Return what to do about a known cause, one action a step, in this order.

    Prevention comes later. After an incident that ended by itself, only a redrive or a check is left:
    nothing is to restore unless it returns.
    """
    later = [Step("prevent", message("step-later", step=value_of(prevent)), later=True)] if prevent else []
    if ended:
        again = message("step-if-it-returns", step=value_of(sentences(save, restore)))
        left = sentences(message("step-ended"), redrive or verify)
        returned = [Step("restore", again, later=True)] if restore else []
        return (Step("redrive" if redrive else "verify", left), *later, *returned)
    tonight: tuple[tuple[StepKind, Text | None], ...] = (
        ("save", save), ("restore", restore), ("verify", verify), ("redrive", redrive),
    )  # fmt: skip
    return (*_apart(tonight), *later)


def _apart(steps: Iterable[tuple[StepKind, Text | None]]) -> tuple[Step, ...]:
    """Return each sentence as a step of its own, once; what a word stands for stays in the step before."""
    found: list[Step] = []
    for kind, part in ((kind, part) for kind, text in steps for part in parts_of(text)):
        if found and isinstance(part, Message) and part.id.startswith("placeholder-"):
            found[-1] = replace(found[-1], text=sentences(found[-1].text, part))
        elif part not in (step.text for step in found):
            found.append(Step(kind, part))
    return tuple(found)


def next_steps(
    ranking: Sequence[Ranked],
    missing: Sequence[Missing],
    save: Text | None,
    remedies: Sequence[tuple[Text, Text]] = (),
) -> tuple[Step, ...]:
    """Return what to do while the cause is open: save, then one test, and later what its result asks for.

    The test of the likeliest cause counts, else the evidence to collect. A command that the first step
    (``save``) names is not repeated. ``remedies`` are the names of the causes in question, each with what
    restores service.
    """
    saved = _apart([("save", save)])
    if group := undecided(ranking):
        known = [(value_of(name), value_of(how)) for name, how in remedies if how]
        cases = [message("step-if-cause", cause=name, step=how) for name, how in known]
        later = [Step("restore", one, later=True) for one in cases if 1 < len(cases) <= MOST_REASONS]
        return (*_apart([("save", save), ("test", group[0].finding.next_test)]), *later)
    if not missing:
        return saved
    first = missing[0]
    lines = [line.partition("  #")[0] for line in render(first.how).splitlines() if line[:1] != "#"]
    collect = message("step-collect", what=value_of(first.what), why=value_of(first.why))
    # Several lines belong together; they stand in the list of missing evidence.
    said = render(save) if save else ""
    shown = f"`{lines[0]}`" if len(lines) == 1 and lines[0] not in said else None
    return (*saved, Step("test", sentences(collect, shown)))


def _named(names: Sequence[Text]) -> Phrases:
    return Phrases(tuple(message("value", value=value_of(name)) for name in names))


def cause_line(found: Diagnosis) -> Text:
    """Return whether the cause was found, which it is, and how sure that is."""
    sure = Probability(found.confidence)
    known = {one.cause: one for one in causes(found.question)}
    if found.verdict == "no_incident":
        return message("answer-no-incident", confidence=sure)
    exact = found.extra.get("fault")
    if found.cause is not None:
        cause = known.get(found.cause)
        title = value_of(found.cause if cause is None else exact or cause.title)
        if exact is None and cause is not None and cause.layer == "api" and (api := found.extra.get("api")):
            title = message("answer-cause-named", title=title, name=Resource(api))
        linked = [known[name].name for name in (found.secondary_cause,) if name in known]
        others = [known[name].name for name in found.other_causes if name in known]
        has_ended = any(one.id == "state" and one.value == "ended" for one in found.facts)
        line = message(
            "answer-cause-found",
            confidence=sure,
            state=Choice("ended" if has_ended else "open"),
            title=title,
            beside=Choice(
                "both" if linked and others else "linked" if linked else "others" if others else "none"
            ),
            linked=_named(linked),
            others=_named(others),
        )
        return sentences(line, None if linked else consequence(found.secondary_cause))
    group = undecided(found.ranking)
    names = _named([entry.finding.name for entry in group])
    if exact is not None:
        return message("answer-cause-narrowed", title=value_of(exact), number=len(group), causes=names)
    layer, layers = found.extra.get("layer"), found.extra.get("layers", ())
    left = [one["name"] for one in layers if one["status"] != "refuted"]
    named = [one["name"] for one in layers if one["layer"] == layer]
    left = named or (left if len(left) == 2 else [])
    # Where few places are left, the others need no names.
    excluded = [one["name"] for one in layers if one["status"] == "refuted" and group and not left]
    return message(
        "answer-cause-open",
        number=len(group),
        causes=names,
        known=Choice(("none", "layer", "layers")[len(left)]),
        layer=_named(left),
        excluded=_named(excluded),
        **{"ruled-out": Choice("some" if excluded else "none")},
        considered=len(found.ranking),
    )

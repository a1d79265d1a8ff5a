"""Explain pasted lines: the known message of each line, and the number of those without one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from watchme_analysis.errors import InputError
from watchme_analysis.health.running_platform import name_in_message
from watchme_analysis.inference.causes import LAYERS, cause_names
from watchme_analysis.inference.known_lines import weighed_messages
from watchme_analysis.log_messages.known_messages import NO_SITE, KnownMessage, known_message
from watchme_analysis.redact import described, redacted, shortened
from watchme_analysis.text.message import (
    Bytes,
    Choice,
    Commands,
    Message,
    Phrases,
    Resource,
    Text,
    in_each_language,
    message,
    value_of,
)
from watchme_analysis.text.printable import printable
from watchme_analysis.text.render import error_message, filled, render

# Characters and lines of a paste that are read, by choice: far more than a person copies.
MOST_CHARACTERS = 4 << 20
MOST_LINES = 20_000
# Characters of a line that are searched and of a sample that is shown, by choice.
_LINE_CHARACTERS = 8_000
_SAMPLE_CHARACTERS = 400
# Different unknown lines that are shown, by choice.
_UNKNOWN_SAMPLES = 3
# The host that a line names: of an https address, a connection or a Host header, but no numeric address.
_SITE = re.compile(
    r"""(?:https://|Connected to |[Hh]ost[:=] ?["']?)((?:[A-Za-z0-9][\w-]*\.)+[A-Za-z]{2,})(?::(\d{1,5}))?""",
    re.ASCII,
)
# Lines of a stack trace, and indented ones, say where and not what: they belong to those beside them.
_STACK_TRACE = re.compile(r"\s|Traceback \(most recent|During handling of the above|The above exception")
_WORD = re.compile(r"[^\W_]{2}")
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


@dataclass(frozen=True, repr=False)
class Explained:
    """A kind of message in the text, with the number of its lines and the first of them, masked.

    ``speaker`` is the layer that wrote it, ``excluded`` are the layers that cannot be its cause. ``causes``
    has the likeliest first, and none for a message that names no fault. A message of a function has
    those behind a queue, and ``endpoint`` has causes and excluded layers behind an endpoint. A message
    of another program has those behind an endpoint, and ``queue`` those of a queue that this program
    works on. Both are empty for other messages. At most two ``commands`` would decide between them;
    none has a placeholder. ``source`` is the vendor's page.
    """

    kind: str
    lines: int
    sample: str
    speaker: str
    meaning: Text
    excluded: tuple[str, ...]
    causes: tuple[str, ...]
    commands: tuple[str, ...]
    source: str
    endpoint: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    queue: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return kind and number of lines in one line."""
        return described(self, f"{self.kind}: {self.lines} lines")

    def to_dict(self, language: str = "en") -> dict[str, Any]:
        """Return the fields, ready for JSON, with the meaning in a language."""
        by_place = {
            place: {name: list(names) for name, names in judged.items()}
            for place, judged in (("endpoint", self.endpoint), ("queue", self.queue))
        }
        return {**vars(self), "meaning": render(self.meaning, language), "excluded": list(self.excluded),
                "causes": list(self.causes), "commands": list(self.commands), **by_place}  # fmt: skip


@dataclass(frozen=True)
class Explanation:
    """The meaning of pasted lines, each counted once: kinds with a cause first.

    ``unknown_samples`` are the first different lines without a known message, masked. ``trace_lines`` are
    indented lines and those of stack traces, which belong to their neighbours. ``is_cut`` says whether lines
    beyond the limit were not read.
    """

    kinds: tuple[Explained, ...]
    unknown_lines: int = 0
    unknown_samples: tuple[str, ...] = ()
    trace_lines: int = 0
    is_cut: bool = False

    def __repr__(self) -> str:
        """Return the numbers in one line."""
        return f"<Explanation: {len(self.kinds)} known messages, {self.unknown_lines:,} unknown lines>"

    def __str__(self) -> str:
        """Return the English text."""
        return self.text()

    def text(self, language: str = "en") -> str:
        """Return the explanation for people, a paragraph for each kind of message."""
        paragraphs = [each for kind in self.kinds for each in _paragraph(kind)]
        return "\n".join(render(each, language) for each in [*paragraphs, *_notes(self)])

    def to_list(self, language: str = "en") -> list[dict[str, Any]]:
        """Return an object for each kind, and a last one of the kind ``unknown`` where lines are unknown."""
        found = [each.to_dict(language) for each in self.kinds]
        if self.unknown_lines:
            unknown = Explained(
                "unknown", self.unknown_lines, self.unknown_samples[0], "", "", (), (), (), ""
            )
            found.append(unknown.to_dict() | {"speaker": None, "meaning": None, "source": None})
        return found


@dataclass
class _Kind:
    known: KnownMessage
    values: Mapping[str, str]
    sample: str
    lines: int = field(default=1)


def explain(text: str) -> Explanation:
    """Return what pasted log lines mean, one kind of message at a time.

    Lines of several programs may be mixed, cut at either end, and lack a time.

    Parameters
    ----------
    text
        The lines. Beyond 4 MiB or 20,000 lines they are not read.

    Raises
    ------
    InputError
        When the text is empty, or no text but binary data.

    Examples
    --------
    >>> explain("[alert] 7#7: 1024 worker_connections are not enough").kinds[0].causes
    ('nginx_config', 'traffic_surge')
    """
    lines = text[:MOST_CHARACTERS].splitlines()
    is_cut = len(text) > MOST_CHARACTERS or len(lines) > MOST_LINES
    lines = [line[:_LINE_CHARACTERS] for line in lines[:MOST_LINES] if line.strip()]
    if not lines:
        raise InputError(error_message("error-explain-empty"))
    if _CONTROL_CHARACTERS.search(text, 0, _LINE_CHARACTERS):
        raise InputError(error_message("error-explain-binary"))
    kinds: dict[str, _Kind] = {}
    unknown: list[str] = []
    trace_lines = 0
    site = NO_SITE
    for line in lines:
        if named := _SITE.search(line):
            site = {"site": named[1], "site_port": named[2] or "443"}
        found = known_message(line)
        if found is None and _STACK_TRACE.match(line):
            trace_lines += 1
        elif found is None:
            unknown.append(line)
        elif found[0].id in kinds:
            kinds[found[0].id].lines += 1
        else:
            kinds[found[0].id] = _Kind(found[0], site | found[1], line)
    ordered = sorted(kinds.values(), key=lambda kind: not kind.known.causes)
    # Lines with a word come before brackets and rules.
    different = sorted(dict.fromkeys(unknown), key=lambda line: not _WORD.search(line))
    samples = tuple(map(_sample, different[:_UNKNOWN_SAMPLES]))
    return Explanation(tuple(map(_explained, ordered)), len(unknown), samples, trace_lines, is_cut)


def _explained(kind: _Kind) -> Explained:
    known, values = kind.known, kind.values
    shown = {name: shortened(redacted(value), 200, "…") for name, value in values.items()}
    translated = weighed_messages("backlog").get(known.id)
    of_consumer = translated if known.causes and known.speaker in LAYERS["health"] else None
    return Explained(
        known.id,
        kind.lines,
        _sample(kind.sample),
        known.speaker,
        in_each_language(known.meaning, lambda language, text: filled(text, shown, language)),
        known.excluded,
        known.causes,
        known.commands_with(values),
        known.source,
        known.questions.get("health", {}),
        {"excluded": of_consumer.excluded, "causes": of_consumer.causes} if of_consumer else {},
    )


def _paragraph(kind: Explained) -> Iterator[Message]:
    """Yield the lines about a kind of message: its meaning, its causes for each question, its commands."""
    yield message(
        "explain-kind",
        speaker=Choice(kind.speaker),
        kind=Resource(kind.kind),
        count=kind.lines,
        sample=Resource(kind.sample),
        meaning=value_of(kind.meaning),
    )
    own = {"excluded": kind.excluded, "causes": kind.causes}
    places = {"endpoint": kind.endpoint or own, "queue": kind.queue or own}
    for place, judged in places.items() if kind.endpoint or kind.queue else [("any", own)]:
        if judged["excluded"]:
            layers = tuple(message("explain-layer", layer=Choice(each)) for each in judged["excluded"])
            yield message("explain-excluded", place=Choice(place), layers=Phrases(layers))
        if judged["causes"]:
            yield _likely(kind.kind, place, judged["causes"])
    yield message("explain-commands", commands=Commands("".join(f"    $ {each}\n" for each in kind.commands)))


def _likely(message_id: str, place: str, causes: tuple[str, ...]) -> Message:
    names = {cause: value_of(name_in_message(message_id, _cause_names()[cause])) for cause in causes}
    named = (message("explain-cause", name=name, cause=Resource(cause)) for cause, name in names.items())
    number = Choice("several" if causes[1:] else "one")
    return message("explain-causes", place=Choice(place), number=number, causes=Phrases(tuple(named)))


def _notes(explanation: Explanation) -> list[Message]:
    """Return what is to be said about the lines that no known message explains."""
    notes = []
    if explanation.unknown_lines:
        samples = "".join(f"\n    {printable(each)}" for each in explanation.unknown_samples)
        notes.append(message("explain-unknown", count=explanation.unknown_lines, samples=Commands(samples)))
    if explanation.trace_lines:
        notes.append(message("explain-traces", count=explanation.trace_lines))
    if explanation.is_cut:
        notes.append(message("explain-cut", lines=MOST_LINES, size=Bytes(MOST_CHARACTERS)))
    return notes


@cache
def _cause_names() -> dict[str, Text]:
    return {cause: name for question in LAYERS for cause, name in cause_names(question).items()}


def _sample(line: str) -> str:
    return shortened(redacted(line.strip()), _SAMPLE_CHARACTERS, "…")

"""Known log lines as signals: each message of :mod:`watchme_analysis.log_messages` is one, with its own id.

Its weights follow from its entry: the first two causes most, excluded layers decisively against. A single
line counts in full, since its vendor states its meaning. What a caller writes about a service that it calls
counts for both questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from watchme_analysis.inference.causes import GRADES, LAYERS, Cause, causes
from watchme_analysis.inference.findings import Evidence, Ranked
from watchme_analysis.inference.signals import Observation
from watchme_analysis.log_messages.known_messages import (
    KnownMessage,
    known_message,
    known_messages,
    safe_values,
)
from watchme_analysis.redact import shortened
from watchme_analysis.text.message import (
    Code,
    Message,
    Phrases,
    Quotation,
    Text,
    Value,
    in_each_language,
    message,
    value_of,
)
from watchme_analysis.text.render import filled

if TYPE_CHECKING:
    import pandas as pd

# Different texts of a table that are searched, by choice: an application may log millions.
MOST_TEXTS = 20_000
# Characters of a line that are quoted at most.
MOST_QUOTED = 120
# Group of these signals: of several lines, the strongest counts in full.
GROUP = "known lines"
# What ends a clause, and a sentence, by language.
_CLAUSE_END, _STOP = re.compile(r"; |\.(?: |$)|。"), {"en": ".", "ja": "。"}
# Fact of an observation that holds commands.
COMMANDS = "commands"
# Grades of the causes of a message, in their order; further ones have the last. A line that has two likely
# causes does not tell them apart. Its order is that of the likelihood once the line is there, so that what is
# usual in general does not move a cause before another one that its entry names first.
_BY_ORDER = ("strong", "strong", "fair")
# Causes and layers of a backlog by those of an endpoint, for what a program prints, a consumer as well: it
# starts, ends, waits and fails to connect in the same words. What only a proxy or a caller does is left out.
_CAUSES_OF_CONSUMERS = {
    "app_down": ("consumer_failing",),
    "app_event_loop": ("consumer_failing",),
    "app_saturation": ("consumer_failing",),
    "app_threadpool": ("consumer_failing",),
    "docker_network": ("consumer_failing",),
}
_LAYERS_OF_CONSUMERS = {"client": "senders", "dependency": "api"}
_SPEAKERS_OF_CONSUMERS = ("process", "dependency", "network")
# Beside the first, a line is about an answer that takes long; beside the others, about one that never began.
_WAITS = {"app_event_loop", "app_threadpool", "app_saturation"}
_UNCONNECTED = {"app_down", "docker_network", "edge_config", "nginx_config"}


class Written(NamedTuple):
    """Rows of a table with one known message, the text of the first, and what it states."""

    table: str
    rows: pd.DataFrame
    sample: str
    values: dict[str, str]


@cache
def weighed_messages(question: str) -> dict[str, KnownMessage]:
    """Return the known messages of a question that name a fault, by id."""
    own = {cause.cause for cause in causes(question)}
    layers = {*LAYERS[question]}
    stated = [known.of_question(question) for known in known_messages()]
    if question == "backlog":
        stated = [
            _of_consumer(known) if known.speaker in _SPEAKERS_OF_CONSUMERS else known for known in stated
        ]
    faults = [known for known in stated if known.causes and not known.ordinary]
    return {known.id: known for known in faults if {*known.causes} <= own and {*known.excluded} <= layers}


def _of_consumer(known: KnownMessage) -> KnownMessage:
    """Return a message of a program in the causes and layers of a backlog; those of its own entry stay."""
    if "backlog" in known.questions:
        return known
    own = {*known.causes}
    calls: tuple[str, ...] = ("downstream_down", "downstream_slow")
    if _WAITS & own:
        calls = calls[::-1]
    elif _UNCONNECTED & own:
        calls = ("downstream_down",)
    named = [
        name
        for cause in known.causes
        for name in (calls if cause == "dependency_slow" else _CAUSES_OF_CONSUMERS.get(cause, ()))
    ]
    if known.causes[:1] == ("app_down",) and not {"dependency", "dependency_slow"} & {*known.excluded, *own}:
        # It ended without saying why: what it calls or what it read can have ended it.
        named += ["downstream_down", "poison_messages"]
    excluded = [_LAYERS_OF_CONSUMERS[layer] for layer in known.excluded if layer in _LAYERS_OF_CONSUMERS]
    if known.causes[:1] == ("dependency_slow",) and known.speaker != "network":
        excluded.append("message")
    return replace(known, causes=tuple(dict.fromkeys(named)), excluded=tuple(excluded))


def grades_of(cause: Cause) -> dict[str, float]:
    """Return the log-odds of each known message for a cause, by id."""
    found = {}
    for known in weighed_messages(cause.question).values():
        if cause.complement:
            found[known.id] = -GRADES["strong"]
        elif cause.cause in known.causes:
            at = known.causes.index(cause.cause)
            least = min(_priors(cause.question)[name] for name in known.causes[: at + 1])
            found[known.id] = GRADES[_BY_ORDER[min(at, len(_BY_ORDER) - 1)]] + least - cause.prior
        elif cause.layer in known.excluded:
            found[known.id] = -GRADES["decisive"]
    return found


@cache
def _priors(question: str) -> dict[str, float]:
    return {cause.cause: cause.prior for cause in causes(question)}


def written(question: str, table: str, frame: pd.DataFrame, texts: pd.Series) -> list[tuple[str, Written]]:
    """Return the rows of a table that hold known messages, by the text of each row, with the ids of these."""
    known = texts.drop_duplicates().head(MOST_TEXTS)
    found = []
    for text, rows in texts[texts.isin(known)].groupby(texts, sort=False).groups.items():
        match = known_message(str(text).replace("\n", " "))
        if match is not None and match[0].id in weighed_messages(question):
            # Of a traceback or several lines, the one that says it.
            said = ((line, known_message(line)) for line in str(text).splitlines())
            sample = next((line for line, known in said if known and known[0] == match[0]), str(text))
            found.append((match[0].id, Written(table, frame.loc[rows], sample, match[1])))
    return found


def statement(question: str, name: str, shown: Written, count: int) -> Message:
    """Return the sentence on so many rows with a known message."""
    known = weighed_messages(question)[name]
    meaning = in_each_language(known.meaning, lambda language, text: filled(text, shown.values, language))
    return message("known-line", count=count, error=Quotation(shown.sample), meaning=value_of(meaning))


def facts_of(question: str, name: str, shown: Written, elsewhere: tuple[str, ...] = ()) -> dict[str, Value]:
    """Return what a line states, and the commands that decide between its causes as :data:`COMMANDS`.

    ``elsewhere``: programs that do not run where the line was written.
    """
    known = weighed_messages(question)[name].commands_with(shown.values)
    found = [command for command in known if command.split()[0] not in elsewhere]
    commands = Phrases(tuple(message("value", value=Code(each)) for each in found))
    return {**safe_facts(shown.values), **({COMMANDS: commands} if found else {})}


def safe_facts(values: Mapping[str, str]) -> dict[str, Value]:
    """Return those of the values that a line states which may stand in a command."""
    return {name: Code(value) for name, value in safe_values(values).items()}


def known_line(ranking: Sequence[Ranked]) -> Text | None:
    """Return what a line of a known program says for the likeliest cause; None without one.

    Of several, the line that leaves the fewest causes open says most.
    """
    lines = [item for item in ranking[0].finding.evidence if item.check == GROUP and item.weight > 0]
    causes_of = {known.id: len(known.causes) for known in known_messages()}
    return min(lines, key=lambda item: causes_of[item.signal]).statement if lines else None


def brief_line(ranking: Sequence[Ranked]) -> Text | None:
    """Return :func:`known_line` with the first clause of what it means alone, for a headline."""
    said = known_line(ranking)
    if not (isinstance(said, Message) and isinstance(meaning := said.values["meaning"], Message)):
        return said
    brief = in_each_language(meaning, lambda language, text: _CLAUSE_END.split(text)[0] + _STOP[language])
    return message(said.id, **{**said.values, "meaning": value_of(brief)})


def unknown_lines(log: pd.DataFrame) -> Message | None:
    """Return a sentence on lines of an application's log that no known program wrote.

    It is None without a line, or where some are of a known server: then it wrote the others as well.
    """
    if log.empty or (log["kind"] != "application").any():
        return None
    first = str(log["message"].iloc[0]).splitlines()[0]
    return message("unknown-lines", count=len(log), first=Quotation(shortened(first, MOST_QUOTED)))


def excluding_line(question: str, layer: str, observations: Iterable[Observation]) -> Observation | None:
    """Return the observation of a known line that excludes a layer; None without one."""
    known = weighed_messages(question)
    return next(
        (one for one in observations if one.signal in known and layer in known[one.signal].excluded), None
    )


def names_one_cause(question: str, evidence: Evidence) -> bool:
    """Return False for a known line with several causes, which does not tell them apart."""
    known = weighed_messages(question).get(evidence.signal)
    return known is None or len(known.causes) == 1

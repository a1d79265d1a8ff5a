"""Causes as data: one TOML file per cause in ``watchme_analysis/<question>/causes``.

A file states what its cause predicts. Everything that lists causes (ranking, matrix, ``--json``, reports,
documentation) reads it from here, so that adding a cause means adding one file, its signals and its page::

    title = "The edge holds, refuses or misdirects the endpoint"
    name = "the edge's configuration"            # within a sentence
    layer = "edge"
    prior = 0.0                                  # log-odds before any evidence
    page = "edge_config.md"                      # in docs/causes
    blind_spots = ["rules of the edge that it does not export"]
    next_test = "Ask the origin without the edge: ..."
    remedy = "Remove the rule, then check ..."   # what to do once the cause is known ...

    [needs]                                      # tables, and what they show
    edge_log = "what the edge did with each request"

    [signals.edge_alone]
    grade = "decisive"
    reason = "The edge refused, redirected or answered from its cache without asking the origin."

    [[remedies]]                                 # ... and what exactly, by what was observed: the first one
    signal = "edge_elsewhere"                    # counts whose signal is there and names all of its values
    text = "Let the edge send {paths} to {usual} again, then check ..."
    ja = "..."

    [ja]                                         # the same texts in Japanese, each optional
    title = "..."
    blind_spots = ["..."]
    needs = {edge_log = "..."}
    next_tests = {edge_alone = "..."}            # of signals that have one
    confounders = ["..."]                        # reasons, in the order of the confounders

    [[confounders]]
    cause = "app_saturation"                     # predicts these signals as well ...
    signals = ["stop_and_go"]
    separated_by = "cpu_sampled"                 # ... and looks the same until this signal is there,
    table = "host_metrics"                       # which needs this table
    reason = "A process without CPU shows the same, and its CPU is not known."

A file that refers to something unknown is rejected at load time with one sentence.
"""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from itertools import starmap, zip_longest
from typing import Any

from watchme_analysis.errors import InputError
from watchme_analysis.inference.signals import Signal
from watchme_analysis.schema import TABLES
from watchme_analysis.text.message import Text, translated
from watchme_analysis.text.render import placeholders

# Log-odds by grade: two to one, about five to one, twelve to one, and more than fifty to one.
GRADES = {"weak": 0.7, "fair": 1.5, "strong": 2.5, "decisive": 4.0}
# Layers that a request passes, from the caller inwards, and nodes that a message passes; `none` is that of a
# cause that stands for no fault.
LAYERS = {
    "health": ("client", "edge", "nginx", "network", "process", "dependency", "none"),
    "backlog": (
        "senders", "queue_settings", "polling", "concurrency", "function", "api", "message", "none",
    ),
}  # fmt: skip
# Grades that all causes of a layer share.
_LAYERS_FILE = "_layers.toml"
_TEXTS = ("title", "name", "layer", "next_test")
# Texts that a file may also hold in Japanese, in [ja].
_TRANSLATED = {
    "title", "name", "next_test", "next_tests", "needs", "blind_spots", "confounders", "remedy",
}  # fmt: skip
_OPTIONAL = {
    "prior", "page", "needs", "blind_spots", "signals", "confounders", "complement", "order", "events", "ja",
    "secondary", "remedy", "remedies",
}  # fmt: skip


@dataclass(frozen=True)
class Grade:
    """What a signal says about a cause: its grade, the log-odds of the grade, and why."""

    grade: str
    log_odds: float
    reason: str
    next_test: Text | None = None


@dataclass(frozen=True)
class Confounder:
    """Another cause that predicts the same signals until a separating signal is there.

    Attributes
    ----------
    cause
        Id of the other cause, which gets the same grades meanwhile.
    signals
        Ids of the signals that both predict.
    separated_by
        Id of the signal that separates them.
    table
        Evidence that the separating signal needs.
    reason
        Sentence that is appended to the statements meanwhile.
    """

    cause: str
    signals: tuple[str, ...]
    separated_by: str
    table: str
    reason: Text


@dataclass(frozen=True)
class Remedy:
    """What to do once a cause is known and a signal shows what exactly is at fault.

    Attributes
    ----------
    signal
        Id of the signal.
    text
        Text with placeholders: values that the signal states
        (:meth:`watchme_analysis.inference.signals.Observation.values`), and those of
        :attr:`Cause.next_test`.
    """

    signal: str
    text: Text


@dataclass(frozen=True)
class Cause:
    """A cause as its file states it.

    Attributes
    ----------
    cause
        Id, the name of the file.
    question
        ``health`` or ``backlog``.
    title
        Display name, a whole sentence without a full stop.
    name
        Name within a sentence.
    layer
        Layer or node at which the cause acts.
    next_test
        The check that would confirm or refute the cause; may contain ``{placeholders}`` that the question
        fills in.
    remedy
        What to do once the cause is known, with the same placeholders; empty for a cause without a fault.
    remedies
        What to do where a signal shows what exactly is at fault, in the order of preference.
    prior
        Log-odds before any evidence, relative to the other causes.
    page
        File in ``docs/causes`` that explains the fix; None for a cause that needs none.
    needs
        What each table shows of this cause, by table.
    cannot_see
        Blind spots that remain however much evidence there is.
    signals
        Grades by signal id; a signal that is absent says nothing about this cause.
    confounders
        Causes that look the same without certain evidence.
    complement
        True for the cause that stands for "none of the others".
    events
        Names of events that begin the cause (``begins``) or undo it (``undoes``).
    secondary
        Ids of causes that may be named beside this one, because it sets them off or is fed by them.
    """

    cause: str
    question: str
    title: Text
    name: Text
    layer: str
    next_test: Text
    remedy: Text = ""
    remedies: tuple[Remedy, ...] = ()
    prior: float = 0.0
    page: str | None = None
    needs: Mapping[str, Text] = field(default_factory=dict)
    cannot_see: tuple[Text, ...] = ()
    signals: Mapping[str, Grade] = field(default_factory=dict)
    confounders: tuple[Confounder, ...] = ()
    complement: bool = False
    events: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secondary: tuple[str, ...] = ()

    def log_odds(self, signal: str) -> float:
        """Return the log-odds of a signal for this cause; 0 where the signal says nothing about it."""
        grade = self.signals.get(signal)
        return grade.log_odds if grade is not None else 0.0


def cause_folder(question: str) -> Any:
    """Return the folder with the cause files of a question."""
    return files("watchme_analysis").joinpath(question, "causes")


@cache
def causes(question: str) -> tuple[Cause, ...]:
    """Return the causes of a question in their order; the complement comes last.

    References to signals are not checked here; :func:`load_causes` does that.

    Raises
    ------
    InputError
        When a file is invalid, or the question has no cause files.
    """
    found = [
        _parsed(question, entry.name, entry.read_text(encoding="utf-8"))
        for entry in cause_folder(question).iterdir()
        if entry.name.endswith(".toml") and entry.name != _LAYERS_FILE
    ]
    if not found:
        raise InputError(f"The question {question!r} has no cause files.")
    ordered = sorted(found, key=lambda one: (one[0], one[1].cause))
    shared = _layer_signals(question)
    return tuple(
        replace(cause, signals={**shared.get(cause.layer, {}), **cause.signals}) for _, cause in ordered
    )


def _layer_signals(question: str) -> dict[str, dict[str, Grade]]:
    """Return the grades that all causes of a layer share, by layer: those of ``causes/_layers.toml``.

    A signal states a reason and a grade for each layer on which it bears; a cause may state another one::

        [signals.refused]
        reason = "A port without a listener refuses: the process is down, or the port is wrong."
        process = "strong"
        network = "-decisive"
    """
    file = cause_folder(question).joinpath(_LAYERS_FILE)
    if not file.is_file():
        return {}
    where = _where(question, _LAYERS_FILE)
    found: dict[str, dict[str, Grade]] = {}
    layers = LAYERS[question]
    for name, entry in tomllib.loads(file.read_text(encoding="utf-8"))["signals"].items():
        if unknown := sorted(entry.keys() - {"reason", *layers}):
            raise InputError(f"{where} has the unknown layer {unknown[0]!r}: use {', '.join(layers)}.")
        for layer in entry.keys() - {"reason"}:
            grade = _grade(where, name, {"grade": entry[layer], "reason": entry.get("reason", "")}, None)
            found.setdefault(layer, {})[name] = grade
    return found


def priors(causes: Iterable[Cause]) -> dict[str, float]:
    """Return the log-odds of each cause before any evidence.

    The causes of a layer share the prior of their layer, so that a layer with many causes is no likelier than
    one with a single cause.
    """
    known = list(causes)
    count = Counter(cause.layer for cause in known)
    return {cause.cause: cause.prior - math.log(count[cause.layer]) for cause in known}


@cache
def layer_grades(question: str, layer: str) -> Mapping[str, Grade]:
    """Return the grades that all causes of a layer share, by signal id."""
    return _layer_signals(question).get(layer, {})


def load_causes(question: str, signals: Mapping[str, Signal]) -> tuple[Cause, ...]:
    """Return the causes of a question, checked against its signals and against each other.

    Parameters
    ----------
    question
        ``health`` or ``backlog``.
    signals
        Signals of the question by id.

    Raises
    ------
    InputError
        When a file refers to an unknown signal or cause.
    """
    found = causes(question)
    ids = {one.cause for one in found}
    for one in found:
        where = _where(question, f"{one.cause}.toml")
        named = {*one.signals, *(name for pair in one.confounders for name in pair.signals)}
        named |= {pair.separated_by for pair in one.confounders} | {each.signal for each in one.remedies}
        if unknown := sorted(named - signals.keys()):
            raise InputError(f"{where} refers to the signal {unknown[0]!r}, which no detector returns.")
        named_causes = [*(pair.cause for pair in one.confounders), *one.secondary]
        if strange := [name for name in named_causes if name not in ids]:
            raise InputError(f"{where} names the cause {strange[0]!r}, which has no cause file.")
    return found


def cause_names(question: str) -> dict[str, Text]:
    """Return the name of each cause within a sentence, by id."""
    return {one.cause: one.name for one in causes(question)}


def _where(question: str, file: str) -> str:
    return f"The cause file {question}/causes/{file}"


def _parsed(question: str, file: str, text: str) -> tuple[tuple[bool, int], Cause]:
    """Return a cause and the key by which causes are ordered."""
    where = _where(question, file)
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where} is not valid TOML: {error}.") from error
    for name in _TEXTS:
        if not isinstance(found.get(name), str) or not found[name].strip():
            raise InputError(f"{where} lacks the text {name!r}.")
    if unknown := sorted(found.keys() - {*_TEXTS, *_OPTIONAL}):
        raise InputError(f"{where} has the unknown key {unknown[0]!r}.")
    complement = bool(found.get("complement", False))
    page = found.get("page")
    if not complement and not (isinstance(page, str) and page.endswith(".md")):
        raise InputError(f"{where} lacks 'page', the file in docs/causes that explains the fix.")
    if found["layer"] not in (layers := LAYERS[question]):
        raise InputError(f"{where} has the unknown layer {found['layer']!r}: use {', '.join(layers)}.")
    needs = found.get("needs", {})
    _check_tables(where, [*needs, *(one.get("table", "") for one in found.get("confounders", []))])
    japanese = _japanese(where, found)
    tests, reasons = japanese.get("next_tests", {}), japanese.get("confounders", [])
    cause = Cause(
        cause=file.removesuffix(".toml"),
        question=question,
        title=translated(found["title"], japanese.get("title")),
        name=translated(found["name"], japanese.get("name")),
        layer=found["layer"],
        next_test=translated(found["next_test"], japanese.get("next_test")),
        remedy=translated(found.get("remedy", ""), japanese.get("remedy")),
        remedies=tuple(_remedy(where, entry) for entry in found.get("remedies", ())),
        prior=float(found.get("prior", 0.0)),
        page=page,
        needs={name: translated(text, japanese.get("needs", {}).get(name)) for name, text in needs.items()},
        cannot_see=_paired(found.get("blind_spots", ()), japanese.get("blind_spots", ())),
        signals={
            name: _grade(where, name, entry, tests.get(name))
            for name, entry in found.get("signals", {}).items()
        },
        confounders=tuple(
            _confounder(where, entry, reason)
            for entry, reason in zip_longest(found.get("confounders", ()), reasons)
        ),
        complement=complement,
        secondary=tuple(found.get("secondary", ())),
        events={name: tuple(names) for name, names in found.get("events", {}).items()},
    )
    return (complement, int(found.get("order", 0))), cause


def _japanese(where: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Japanese texts of a cause file, checked against the English ones."""
    texts = found.get("ja", {})
    if not isinstance(texts, dict):
        raise InputError(f"{where} must hold its Japanese texts in the table [ja].")
    if unknown := sorted(texts.keys() - _TRANSLATED):
        raise InputError(f"{where} has the unknown key {unknown[0]!r} in [ja].")
    for name in ("blind_spots", "confounders"):
        count, expected = len(texts.get(name, ())), len(found.get(name, ()))
        if count not in (0, expected):
            raise InputError(f"{where} has {expected} {name}, but {count} of them in [ja].")
    return texts


def _paired(english: Sequence[str], japanese: Sequence[str]) -> tuple[Text, ...]:
    return tuple(starmap(translated, zip_longest(english, japanese)))


def _check_tables(where: str, names: Iterable[str]) -> None:
    unknown = [name for name in names if name.partition("/")[0] not in TABLES]
    if unknown:
        raise InputError(f"{where} refers to the table {unknown[0]!r}, which the data dictionary lacks.")


def _grade(where: str, name: str, entry: Any, japanese_test: str | None) -> Grade:
    if not isinstance(entry, dict) or entry.keys() - {"grade", "reason", "next_test"}:
        raise InputError(f"{where} must give the signal {name!r} a 'grade' and a 'reason'.")
    grade, reason = str(entry.get("grade", "")), str(entry.get("reason", "")).strip()
    size = GRADES.get(grade.removeprefix("-"))
    if size is None:
        known = ", ".join(GRADES)
        raise InputError(f"{where} gives the signal {name!r} the grade {grade!r}: use {known}, or -{known}.")
    if not reason:
        raise InputError(f"{where} gives no reason for the grade of the signal {name!r}.")
    test = translated(entry["next_test"], japanese_test) if entry.get("next_test") else None
    return Grade(grade, -size if grade.startswith("-") else size, reason, test)


def _remedy(where: str, entry: Any) -> Remedy:
    if missing := [name for name in ("signal", "text") if not entry.get(name)]:
        raise InputError(f"{where} has a remedy without {missing[0]!r}.")
    if unknown := sorted(entry.keys() - {"signal", "text", "ja"}):
        raise InputError(f"{where} has the unknown key {unknown[0]!r} in a remedy.")
    english, japanese = str(entry["text"]), entry.get("ja")
    if japanese is not None and placeholders(english) != placeholders(japanese):
        raise InputError(f"{where} has a remedy for {entry['signal']!r} with other values in Japanese.")
    return Remedy(str(entry["signal"]), translated(english, japanese))


def _confounder(where: str, entry: Any, japanese_reason: str | None) -> Confounder:
    needed = ("cause", "signals", "separated_by", "table", "reason")
    if missing := [name for name in needed if not entry.get(name)]:
        raise InputError(f"{where} has a confounder without {missing[0]!r}.")
    return Confounder(
        str(entry["cause"]),
        tuple(entry["signals"]),
        str(entry["separated_by"]),
        str(entry["table"]),
        translated(str(entry["reason"]), japanese_reason),
    )

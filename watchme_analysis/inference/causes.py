"""Causes as data: one TOML file per cause in ``watchme_analysis/<question>/causes``.

A file states what its cause predicts. Everything that lists causes (ranking, matrix, ``--json``, reports,
documentation) reads it from here, so that adding a cause means adding one file, its signals and its page::

    title = "The edge holds, refuses or misdirects the endpoint"
    name = "the edge's configuration"            # within a sentence
    layer = "edge"
    prior = -0.7                                 # log-odds beside a usual cause before any evidence
    page = "edge_config.md"                      # in docs/causes
    blind_spots = ["rules of the edge that it does not export"]
    next_test = "Ask the origin without the edge: ..."
    save = ["log", "stacks"]                     # what to save first, entries of `_saves.toml`; optional
    restore = "Remove the rule."                 # what to do once the cause is known, or a list ...
    verify = "Check it with ..."                 # ... how to see that it worked; optional ...
    prevent = "Set an alarm."                    # ... and later, to keep it from coming back; optional
    follows = ["app_down"]                       # causes that this one sets off or is fed by

    [needs]                                      # tables, and what they show
    edge_log = "what the edge did with each request"

    [ja]                                         # the same texts in Japanese, each optional
    title = "..."
    blind_spots = ["..."]
    needs = {edge_log = "..."}
    next_tests = {fate_edge_responded = "..."}   # of signals that have one

    [grades]                                     # what each signal says, and why
    fate_edge_responded = "decisive"  # The edge refused, redirected or answered without asking the origin.

    [next_tests]                                 # of signals that call for another one
    fate_edge_responded = "..."

    [[remedies]]                                 # ... and what exactly, by the strongest signal that has an
    signals = ["fate_sent_elsewhere"]            # entry: the first one whose values are all known. Its title
    title = "The edge asks a wrong origin"       # says more exactly what is at fault; optional. Known log
    restore = "Let the edge send {paths} to {usual} again, then check ..."  # messages are signals as well.
    consumer = true                              # for a consumer that is no Lambda function; optional
    undoes = true                                # `restore` undoes a change that began the cause; optional
    ja.restore = "..."                           # by default as the cause, as `save` and `prevent`

``tests/inference/test_cause_files.py`` checks the files: their keys, and all that they refer to.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from itertools import starmap, zip_longest
from typing import Any

from watchme_analysis.text.message import Text, sentences, translated

# Log-odds by grade: two to one, about five to one, twelve to one, and more than fifty to one.
GRADES = {"weak": 0.7, "fair": 1.5, "strong": 2.5, "decisive": 4.0}
# Parts of a remedy after what is saved first, in their order.
PARTS = ("restore", "verify", "prevent")
# Layers that a request passes, from the caller inwards, and nodes that a message passes; `none` is that of a
# cause that stands for no fault.
LAYERS = {
    "health": ("client", "edge", "nginx", "network", "process", "dependency", "none"),
    "backlog": (
        "senders", "queue_settings", "polling", "concurrency", "function", "api", "message", "none",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Remedy:
    """What to do once a cause is known: save what the next part destroys, restore, verify, prevent.

    A part may be empty. The texts have the placeholders of :attr:`Cause.next_test`, and values that the
    signal states (:meth:`.signals.Observation.values`). ``signals`` show what exactly is at fault, which
    ``title`` says; they are empty for the remedy of the cause itself. ``consumer``: for a consumer that is no
    Lambda function. ``undoes``: ``restore`` says how to undo a change that began the cause.
    """

    save: Text = ""
    restore: Text = ""
    verify: Text = ""
    prevent: Text = ""
    signals: tuple[str, ...] = ()
    title: Text = ""
    consumer: bool = False
    undoes: bool = False

    @property
    def text(self) -> Text:
        """All parts as one text."""
        return sentences(self.save, self.restore, self.verify, self.prevent)

    def filled(self, fill: Callable[[Text], Text]) -> Remedy:
        """Return the remedy with each of its texts filled in."""
        names = ("title", "save", *PARTS)
        return replace(self, **{name: fill(getattr(self, name)) for name in names})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Cause:
    """A cause as its file states it; the module's docstring explains the fields.

    ``title`` is a whole sentence without a full stop, ``name`` stands within one. ``next_test`` and remedies
    may contain ``{placeholders}`` that the question fills in. ``cannot_see`` are blind spots that remain
    however much evidence there is, ``grades`` log-odds by signal id, and ``events`` names of events that
    begin the cause (``begins``) or undo it (``undoes``). The ``complement`` stands for "none of the others".
    ``consumer`` holds ``next_test`` and parts of the remedy for a consumer of a queue that is no Lambda
    function, where they differ. ``undo`` says how to undo a change that began the cause, by its kind.
    """

    cause: str
    question: str
    title: Text
    name: Text
    layer: str
    next_test: Text
    remedy: Remedy = Remedy()
    remedies: tuple[Remedy, ...] = ()
    prior: float = 0.0
    page: str | None = None
    needs: Mapping[str, Text] = field(default_factory=dict)
    cannot_see: tuple[Text, ...] = ()
    grades: Mapping[str, float] = field(default_factory=dict)
    next_tests: Mapping[str, Text] = field(default_factory=dict)
    undo: Mapping[str, Text] = field(default_factory=dict)
    complement: bool = False
    events: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    follows: tuple[str, ...] = ()
    consumer: Mapping[str, Text] = field(default_factory=dict)

    def of_consumer(self) -> Cause:
        """Return the cause in the words for a consumer that is no Lambda function."""
        own, usual = self.consumer, self.remedy
        restore, verify, prevent = (own.get(name, getattr(usual, name)) for name in PARTS)
        remedy = replace(usual, restore=restore, verify=verify, prevent=prevent)
        return replace(
            self,
            next_test=self.consumer.get("next_test", self.next_test),
            remedy=remedy,
            remedies=tuple(sorted(self.remedies, key=lambda each: not each.consumer)),
        )

    def remedies_for(self, signals: Mapping[str, float]) -> list[Remedy]:
        """Return the remedies of signals (with weights), the strongest first, then that of the cause.

        A signal is as strong as its grade: in a weight, signals of one group count less beside each other.
        """

        def strength(remedy: Remedy) -> float:
            return max(max(signals[name], self.log_odds(name)) for name in remedy.signals if name in signals)

        own = [remedy for remedy in self.remedies if not signals.keys().isdisjoint(remedy.signals)]
        return [*sorted(own, key=strength, reverse=True), self.remedy]

    def log_odds(self, signal: str) -> float:
        """Return the log-odds of a signal for this cause; 0 where the signal says nothing about it."""
        return self.grades.get(signal, 0.0)


def cause_folder(question: str) -> Any:
    """Return the folder with the cause files of a question."""
    return files("watchme_analysis").joinpath(question, "causes")


@cache
def causes(question: str) -> tuple[Cause, ...]:
    """Return the causes of a question in their order; the complement comes last."""
    found = [
        _parsed(question, entry.name, entry.read_text(encoding="utf-8"))
        for entry in cause_folder(question).iterdir()
        if entry.name.endswith(".toml") and not entry.name.startswith("_")
    ]
    ordered = sorted(found, key=lambda one: (one[0], one[1].cause))
    return tuple(
        replace(cause, grades={**layer_grades(question).get(cause.layer, {}), **cause.grades})
        for _, cause in ordered
    )


def _shared(question: str, name: str) -> dict[str, Any]:
    """Return what the causes of a question share: the file ``causes/_NAME.toml``, if there is one."""
    file = cause_folder(question).joinpath(f"_{name}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


@cache
def saves(question: str) -> Mapping[str, Text]:
    """Return what to save before service is restored, by name, the usual first: ``causes/_saves.toml``."""
    return {
        name: translated(entry["text"], entry["ja"]) for name, entry in _shared(question, "saves").items()
    }


@cache
def explained(question: str) -> Mapping[str, tuple[str, ...]]:
    """Return which signals follow from a signal whatever the cause: ``causes/_explained.toml``."""
    found = _shared(question, "explained")
    groups = found.get("groups", {})
    return {
        name: tuple(each for one in listed for each in groups.get(one, (one,)))
        for name, listed in found.get("explains", {}).items()
    }


@cache
def layer_grades(question: str) -> Mapping[str, Mapping[str, float]]:
    """Return the log-odds that all causes of a layer share, by layer and signal: ``causes/_layers.toml``.

    A signal states a grade for each layer on which it bears; a cause may state another one::

        [grades]
        # A port without a listener refuses: the process is down, or the port is wrong.
        refused = { process = "strong", network = "-decisive" }
    """
    found: dict[str, dict[str, float]] = {}
    for name, entry in _shared(question, "layers").get("grades", {}).items():
        for layer, grade in entry.items():
            found.setdefault(layer, {})[name] = _log_odds(grade)
    return found


def cause_names(question: str) -> dict[str, Text]:
    """Return the name of each cause within a sentence, by id."""
    return {one.cause: one.name for one in causes(question)}


def _parsed(question: str, file: str, text: str) -> tuple[tuple[bool, int], Cause]:
    """Return a cause and the key by which causes are ordered."""
    found = tomllib.loads(text)
    complement, japanese = bool(found.get("complement", False)), found.get("ja", {})

    def named(table: str) -> dict[str, Text]:
        other = japanese.get(table, {})
        return {name: _said(words, other.get(name)) for name, words in found.get(table, {}).items()}

    consumer, consumer_ja = found.get("consumer", {}), found.get("consumer", {}).get("ja", {})
    usual = _remedy(question, found)
    usual = replace(usual, verify=usual.verify or saves(question).get("verify", ""))
    of_consumer = {
        name: translated(consumer[name], consumer_ja.get(name)) for name in consumer if name != "ja"
    }
    cause = Cause(
        cause=file.removesuffix(".toml"),
        question=question,
        title=translated(found["title"], japanese.get("title")),
        name=translated(found["name"], japanese.get("name")),
        layer=found["layer"],
        next_test=translated(found["next_test"], japanese.get("next_test")),
        remedy=usual,
        remedies=tuple(
            replace(
                own,
                save=own.save or usual.save,
                restore=own.restore or shared.get("restore", usual.restore),
                verify=own.verify or shared.get("verify", usual.verify),
                prevent=own.prevent or ("" if own.restore else shared.get("prevent", usual.prevent)),
                signals=tuple(entry["signals"]),
                title=translated(entry.get("title", ""), entry.get("ja", {}).get("title")),
                consumer=bool(entry.get("consumer", False)),
                undoes=bool(entry.get("undoes", False)),
            )
            for entry in found.get("remedies", ())
            for own, shared in [(_remedy(question, entry), of_consumer if entry.get("consumer") else {})]
        ),
        prior=float(found.get("prior", 0.0)),
        page=found.get("page"),
        needs=named("needs"),
        cannot_see=tuple(
            starmap(translated, zip_longest(found.get("blind_spots", ()), japanese.get("blind_spots", ())))
        ),
        grades={name: _log_odds(grade) for name, grade in found.get("grades", {}).items()},
        next_tests=named("next_tests"),
        undo=named("undo"),
        complement=complement,
        follows=tuple(found.get("follows", ())),
        consumer=of_consumer,
        events={name: tuple(names) for name, names in found.get("events", {}).items()},
    )
    return (complement, int(found.get("order", 0))), cause


def _log_odds(grade: str) -> float:
    """Return the log-odds of a grade such as ``fair`` or ``-strong``."""
    size = GRADES[grade.removeprefix("-")]
    return -size if grade.startswith("-") else size


def _remedy(question: str, entry: Mapping[str, Any]) -> Remedy:
    """Return the remedy of a cause's file, or of one of its entries ``remedies``."""
    japanese = entry.get("ja", {})
    save = sentences(*(saves(question)[name] for name in entry.get("save", ())))
    restore, verify, prevent = (_said(entry.get(name, ""), japanese.get(name)) for name in PARTS)
    return Remedy(save, restore, verify, prevent)


def _said(english: str | list[str], japanese: str | list[str] | None) -> Text:
    """Return a text, or several of them, of which each is one step."""
    if isinstance(english, str):
        return translated(english, japanese)  # type: ignore[arg-type]
    return sentences(*starmap(translated, zip_longest(english, japanese or ())))

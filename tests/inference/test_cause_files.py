"""The cause files that ship: each has the keys that are read, and refers to what exists."""

import tomllib
from itertools import chain, product

import pytest

from watchme_analysis.backlog import chain as backlog
from watchme_analysis.health import detectors
from watchme_analysis.inference.causes import GRADES, LAYERS, cause_folder, causes, explained, saves
from watchme_analysis.log_messages.known_messages import known_messages
from watchme_analysis.schema import TABLES
from watchme_analysis.text.render import placeholders, render

SIGNALS = {"health": detectors.SIGNALS, "backlog": backlog.SIGNALS}
TRANSLATED = {
    "title",
    "name",
    "next_test",
    "next_tests",
    "needs",
    "blind_spots",
    "restore",
    "verify",
    "prevent",
    "undo",
}
KEYS = TRANSLATED | {
    "layer", "save", "prior", "page", "grades", "complement", "order", "events", "ja", "follows", "remedies",
    "consumer",
}  # fmt: skip
REMEDY = {"signals", "title", "consumer", "undoes", "save", "restore", "verify", "prevent", "ja"}
FILES = [
    pytest.param(question, file.name, id=f"{question}-{file.name}")
    for question in LAYERS
    for file in sorted(cause_folder(question).iterdir(), key=lambda file: file.name)
    if file.name.endswith(".toml") and not file.name.startswith("_")
]


def read(question, name):
    return tomllib.loads(cause_folder(question).joinpath(name).read_text(encoding="utf-8"))


def are_grades(values):
    return {str(value).removeprefix("-") for value in values} <= GRADES.keys()


@pytest.mark.parametrize(("question", "name"), FILES)
def test_a_cause_file_refers_to_what_exists(question, name):
    found, signals = read(question, name), SIGNALS[question].keys()
    japanese = found.get("ja", {})
    assert {"title", "name", "layer", "next_test"} <= found.keys() <= KEYS
    assert found.get("complement") or found["page"]
    assert japanese.keys() <= TRANSLATED
    assert found["layer"] in LAYERS[question]
    assert {need.partition("/")[0] for need in found.get("needs", {})} <= TABLES.keys()
    assert len(japanese.get("blind_spots", ())) in (0, len(found.get("blind_spots", ())))
    assert are_grades(found.get("grades", {}).values())
    assert {*found.get("grades", {}), *found.get("next_tests", {})} <= signals
    assert {*found.get("follows", ())} <= {one.cause for one in causes(question)}
    for remedy in (found, *found.get("remedies", ())):
        assert {*remedy.get("save", ())} <= saves(question).keys()
    for remedy in found.get("remedies", ()):
        assert "signals" in remedy.keys() <= REMEDY
        assert {*remedy["signals"]} <= {*signals, *(known.id for known in known_messages())}
        for part, text in remedy.get("ja", {}).items():
            assert placeholders(f"{remedy[part]}") == placeholders(f"{text}"), text


@pytest.mark.parametrize("question", LAYERS)
def test_what_causes_share_refers_to_what_exists(question):
    links, signals = explained(question), SIGNALS[question].keys()
    assert {*links, *chain.from_iterable(links.values())} <= signals
    folder = cause_folder(question)
    shared = read(question, "_layers.toml")["grades"] if folder.joinpath("_layers.toml").is_file() else {}
    assert shared.keys() <= signals
    for grades in shared.values():
        assert grades.keys() <= {*LAYERS[question]}
        assert are_grades(grades.values())


def test_the_complement_comes_last_and_a_causes_own_grade_prevails():
    for question in LAYERS:
        assert [one.complement for one in causes(question)][-1:] == [True]
    own = read("health", "app_saturation.toml")["grades"]
    found = next(one for one in causes("health") if one.cause == "app_saturation")
    assert all(abs(found.log_odds(name)) == GRADES[grade.removeprefix("-")] for name, grade in own.items())


@pytest.mark.parametrize("question", LAYERS)
def test_a_signal_names_one_mechanism_for_every_consumer(question):
    """A signal's titles differ only by the values that they name, whichever consumer is drained."""
    for cause in causes(question):
        titles, usual, others = {}, set(), set()
        for remedy in cause.remedies:
            assert render(remedy.restore), cause.cause
            (others if remedy.consumer else usual).update(remedy.signals)
            for signal, language in product(remedy.signals, ("en", "ja")):
                title = render(remedy.title, language)
                named = *placeholders(title), *placeholders(render(remedy.restore))
                titles.setdefault((signal, language, frozenset(named)), set()).add(title)
        assert [key for key, words in titles.items() if len(words - {""}) > 1] == [], cause.cause
        assert others <= usual, cause.cause


def test_a_decisive_signal_comes_before_a_weak_one():
    cause = next(one for one in causes("health") if one.cause == "app_saturation")
    for signals in ({"memory_full": 2.5, "cpu_held": 4.0}, {"cpu_held": 4.0, "memory_full": 2.5}):
        assert "cpu_held" in cause.remedies_for(signals)[0].signals
    assert cause.remedies_for({}) == [cause.remedy]

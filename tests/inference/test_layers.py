"""Layers that observations exclude, and faults of two layers at once, with grades of three layers."""

from dataclasses import replace

import pytest

from watchme_analysis.inference import causes as module
from watchme_analysis.inference.causes import GRADES, Cause, Grade
from watchme_analysis.inference.findings import Evidence, Finding, Ranked
from watchme_analysis.inference.layers import MARK, both_faults, refuting, second_fault
from watchme_analysis.inference.signals import Observation, Signal

LAYERS = """
[signals.at_edge]
reason = "The edge refused it."
edge = "decisive"
process = "-decisive"
[signals.at_process]
reason = "The process refused it."
process = "strong"
edge = "-decisive"
[signals.at_either]
reason = "Either refused it."
edge = "fair"
process = "weak"
[signals.inside]
reason = "The process alone is concerned."
process = "fair"
[signals.slow]
reason = "Slow."
process = "weak"
"""
SIGNALS = {
    name: Signal(name, group, ())
    for name, group in (
        ("at_edge", "fate"), ("at_process", "fate"), ("at_either", "fate"), ("inside", "fate"),
        ("slow", "time"), ("own", "rules"), ("other", "pool"),
    )
}  # fmt: skip


@pytest.fixture(autouse=True)
def grades(tmp_path, monkeypatch):
    (tmp_path / "_layers.toml").write_text(LAYERS)
    monkeypatch.setattr(module, "cause_folder", lambda question: tmp_path)
    module.layer_grades.cache_clear()
    yield
    module.layer_grades.cache_clear()


def seen(signal, strength=1.0, share=None):
    return Observation(signal, "Saw it.", "probes", 7, strength=strength, share=share)


def cause(name, layer, **more):
    return Cause(name, "health", name, name, layer, "Look.", **more)


def entry(name, probability=0.5, **weights):
    evidence = [
        Evidence("", "probes", 1, weight, signal=signal, check=SIGNALS[signal].group)
        for signal, weight in weights.items()
    ]
    return Ranked(Finding(name, tuple(evidence)), probability, "inconclusive")


def test_a_layer_is_refuted_by_what_excludes_it_for_most_bad_requests():
    for strengths, strongest in (
        ((0.85,), 0.85),
        ((0.84,), None),
        ((0.3, 0.55), 0.55),
        ((0.3, 0.5), None),
        ((), None),
    ):
        found = refuting("health", "process", [seen("at_edge", one) for one in strengths])
        assert (found and found.strength) == strongest
    # A grade that is not decisive excludes nothing, nor does a grade for the layer.
    assert refuting("health", "process", [seen("slow"), seen("at_process"), seen("unknown")]) is None
    assert refuting("health", "client", [seen("at_edge")]) is None


def test_grades_of_layers_are_read_by_layer():
    assert module.layer_grades("health", "process") == {
        "at_edge": Grade("-decisive", -GRADES["decisive"], "The edge refused it."),
        "at_process": Grade("strong", GRADES["strong"], "The process refused it."),
        "at_either": Grade("weak", GRADES["weak"], "Either refused it."),
        "inside": Grade("fair", GRADES["fair"], "The process alone is concerned."),
        "slow": Grade("weak", GRADES["weak"], "Slow."),
    }
    assert module.layer_grades("health", "nginx") == {}


CAUSES = (cause("rule", "edge"), cause("down", "process"), cause("else", "none", complement=True))
RANKING = (
    entry("rule", 0.6, own=4.0, at_edge=4.0),
    entry("down", 0.3, other=MARK, at_edge=-4.0, at_process=2.5),
)


def second(ranking=RANKING, causes=CAUSES, fates=(0.7, 0.3), located=("fate",), more=()):
    observations = [seen("at_edge", fates[0]), seen("at_process", fates[1]), seen("own"), *more]
    found = second_fault(causes, ranking, observations, SIGNALS, located)
    return found and found.finding.cause


def test_a_second_fault_has_a_mark_of_its_own_and_bad_requests_that_it_explains_better():
    assert second() == "down"
    for fates, found in (
        ((0.8, 0.2), "down"),
        ((0.81, 0.19), None),
        ((0.1, 0.84), "down"),
        ((0, 0.85), None),
    ):
        assert second(fates=fates) == found, fates
    # Of a fate that both layers explain, the better explanation counts.
    assert second(fates=(0.5, 0.1), more=[seen("at_either", 0.4)]) is None
    assert second(fates=(0.5, 0.1), more=[seen("inside", 0.1)]) == "down"
    # A layer that the evidence refutes explains nothing better ...
    assert second(fates=(0.85, 0.3)) is None
    # ... but requests that a mark counts itself are the cause's, however often other endpoints are called.
    for share, found in ((0.01, "down"), (0.84, "down"), (0.85, None)):
        assert second(fates=(0.85, 0.3), more=[seen("other", share=share)]) == found, share


def test_one_fault_is_enough_where_one_explains_the_marks_of_the_other():
    first, beside = RANKING
    weak = entry("down", 0.3, other=MARK - 0.1, at_edge=-4.0, at_process=2.5)
    for ranking in (
        (first, weak),  # too weak a mark
        (first, entry("down", 0.3, at_process=4.0)),  # where it failed is no mark
        (entry("rule", 0.6, own=4.0, other=0.1), beside),  # the first explains the second's mark
        (entry("rule", 0.6, own=1.0), beside),  # the first has no mark
        (entry("else", 0.6, own=4.0), beside),  # no fault
        (first, entry("else", 0.3, other=4.0)),
    ):
        assert second(ranking=ranking) is None, ranking
    for causes in (
        (cause("rule", "process"), *CAUSES[1:]),  # the same layer
        (cause("rule", "edge", secondary=("down",)), *CAUSES[1:]),  # what the first sets off
    ):
        assert second(causes=causes) is None


def test_of_several_second_faults_the_one_with_most_evidence_left_is_named():
    causes = (*CAUSES, cause("pool", "process"))
    # What the first fault did (at_edge) does not count against a second one.
    more = entry("pool", 0.1, slow=MARK, at_edge=-8.0, at_process=3.0)
    assert second(ranking=(*RANKING, more), causes=causes) == "pool"
    less = entry("pool", 0.1, slow=MARK, at_process=2.0)
    assert second(ranking=(*RANKING, less), causes=causes) == "down"


def test_two_faults_share_their_probability_and_bear_no_evidence_of_the_other():
    third = entry("else", 0.1)
    pair = both_faults(CAUSES, (RANKING[0], third, RANKING[1]), "down")
    assert [one.finding.cause for one in pair] == ["rule", "down", "else"]
    assert [(one.status, one.probability) for one in pair[:2]] == [("supported", pytest.approx(0.45))] * 2
    assert [[item.signal for item in one.finding.evidence] for one in pair] == [
        ["own", "at_edge"], ["other", "at_process"], [],
    ]  # fmt: skip
    assert pair[2] is third
    against = replace(RANKING[1], finding=entry("down", at_edge=4.0, slow=-1.0).finding)
    # What speaks for both, or against one without the other, stays.
    kept = both_faults(CAUSES, (RANKING[0], against), "down")[1]
    assert [item.signal for item in kept.finding.evidence] == ["at_edge", "slow"]


def test_of_two_faults_the_one_that_requests_meet_first_comes_first():
    likelier_behind = (replace(RANKING[1], probability=0.6), replace(RANKING[0], probability=0.3))
    pair = both_faults(CAUSES, likelier_behind, "rule")
    assert [one.finding.cause for one in pair] == ["rule", "down"]

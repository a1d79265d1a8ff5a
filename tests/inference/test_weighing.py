"""Laws of the engine, on drawn causes and observations, and what a finding says."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchme_analysis.errors import InputError
from watchme_analysis.inference.causes import GRADES, Cause
from watchme_analysis.inference.signals import Observation, Signal, by_id, detects, observe
from watchme_analysis.inference.weighing import (
    next_test,
    undecided,
    weigh,
)

SIGNALS = {
    name: Signal(name, group, (need,))
    for name, group, need in (
        ("loss", "network", "probes/host"),
        ("delay", "network", "access_log/times"),
        ("stop", "rhythm", "app_log"),
        ("cpu_known", "cpu", "host_metrics"),
    )
}
LOG_ODDS = {f"{sign}{grade}": float(f"{sign}{size}") for grade, size in GRADES.items() for sign in ("", "-")}


def cause(name, layer="process", **grades):
    more = {key: grades.pop(key) for key in ("complement", "prior", "next_tests") if key in grades}
    by_signal = {signal: LOG_ODDS[grade] for signal, grade in grades.items()}
    return Cause(name, "health", name, name, layer, "Look.", grades=by_signal, **more)


def seen(signal, strength=1.0, **more):
    return Observation(signal, f"Saw {signal}.", "probes", 7, strength=strength, **more)


def weights(found):
    return {item.signal: item.weight for item in found.evidence}


def chances(causes, observations):
    return {entry.finding.cause: entry.probability for entry in weigh(causes, observations, SIGNALS).ranking}


GRADES_DRAWN = st.dictionaries(st.sampled_from([*SIGNALS]), st.sampled_from([*LOG_ODDS]))
CAUSES = st.lists(
    st.builds(
        lambda grades, layer, prior: cause("", layer, prior=prior, **grades),
        GRADES_DRAWN,
        st.sampled_from(["edge", "nginx", "process"]),
        st.floats(-2, 1),
    ),
    min_size=1,
    max_size=5,
).map(lambda drawn: [replace(one, cause=f"cause{place}") for place, one in enumerate(drawn)])
OBSERVATIONS = st.lists(
    st.builds(seen, st.sampled_from([*SIGNALS]), st.floats(0.1, 1)),
    max_size=4,
    unique_by=lambda one: one.signal,
)


@given(CAUSES, OBSERVATIONS)
def test_probability_of_a_layer_lies_between_its_largest_cause_and_their_sum(causes, observed):
    weighed = weigh(causes, observed, SIGNALS)
    for layer, probability in weighed.layers.items():
        names = {one.cause for one in causes if one.layer == layer}
        mine = [entry.probability for entry in weighed.ranking if entry.finding.cause in names]
        assert max(mine) - 1e-9 <= probability <= min(sum(mine), 1.0) + 1e-9


@given(CAUSES, OBSERVATIONS)
def test_the_order_of_causes_and_observations_changes_nothing(causes, observed):
    usual, turned = chances(causes, observed), chances(causes[::-1], observed[::-1])
    assert turned == pytest.approx(usual)


@given(CAUSES, OBSERVATIONS, GRADES_DRAWN)
def test_a_cause_of_which_nothing_was_observed_changes_no_other_one(causes, observed, grades):
    for one in observed:
        grades.pop(one.signal, None)
    more = chances([*causes, cause("invented", **grades)], observed)
    invented = more.pop("invented")
    assert more == pytest.approx(chances(causes, observed))
    assert invented <= 0.05


@given(CAUSES, OBSERVATIONS)
def test_more_evidence_for_a_cause_never_makes_it_less_probable(causes, observed):
    first = replace(causes[0], grades={**causes[0].grades, "loss": 1.5})
    others = [replace(one, grades={**one.grades, "loss": 0.0}) for one in causes[1:]]
    strengths = [
        chances(
            [first, *others], [*(one for one in observed if one.signal != "loss"), seen("loss", strength)]
        )
        for strength in (0.25, 0.5, 1.0)
    ]
    for less, more in pairwise(strengths):
        assert more[first.cause] >= less[first.cause] - 1e-9


def test_two_causes_are_named_where_neither_explains_what_the_other_does():
    one = cause("one", "edge", loss="decisive", stop="-decisive", delay="-decisive")
    two = cause("two", "nginx", loss="-decisive", stop="decisive", cpu_known="decisive")
    none = cause("none", "none", complement=True, loss="-strong")
    both = weigh([one, two, none], [seen("loss"), seen("stop"), seen("cpu_known")], SIGNALS)
    status = {entry.finding.cause: entry.status for entry in both.ranking}
    assert status == {"one": "supported", "two": "supported", "none": "refuted"}
    # Evidence for one cause does not count against the other.
    against = {
        name: min(weights(entry.finding).values()) for entry in both.ranking if (name := entry.finding.cause)
    }
    assert against["one"] > 0 and against["two"] > 0
    alone = weigh([one, two, none], [seen("loss")], SIGNALS)
    assert [entry.status for entry in alone.ranking].count("supported") == 1


def test_signals_of_one_group_count_less_than_those_of_two():
    one = cause("one", loss="strong", delay="strong", stop="strong")
    alone, alike, apart = (
        chances([one], [seen(name) for name in names])["one"]
        for names in (["loss"], ["loss", "delay"], ["loss", "stop"])
    )
    assert alone < alike < apart


def test_a_refuted_cause_is_none_of_those_left_open():
    usual = cause("usual", loss="strong", stop="-decisive", prior=1.0)
    other = cause("other", loss="weak", stop="-fair")
    ranking = weigh([usual, other], [seen("loss"), seen("stop")], SIGNALS).ranking
    assert [(entry.finding.cause, entry.status) for entry in ranking] == [
        ("usual", "refuted"),
        ("other", "inconclusive"),
    ]
    assert [entry.finding.cause for entry in undecided(ranking)] == ["other"]


def test_a_signal_may_bring_its_own_next_test():
    one = cause("one", loss="strong", next_tests={"loss": "Count {detail}."})

    def fill(text, observation):
        return text.replace("{detail}", observation.detail if observation else "nothing")

    assert next_test(one, [seen("loss", detail="packets")], fill) == "Count packets."
    assert next_test(one, [seen("stop")], fill) == "Look."
    two = cause("two", stop="decisive", loss="strong", next_tests={**one.next_tests, "stop": "Stop it."})
    assert next_test(two, [seen("loss", detail="all"), seen("stop", 0.5, detail="-")], fill) == "Count all."
    assert next_test(two, [seen("loss", detail="all"), seen("stop", 0.7, detail="-")], fill) == "Stop it."


def test_a_detector_returns_only_signals_that_it_declares():
    @detects("a", "b", group="one", needs=("probes",))
    @detects("c", group="two", needs=("app_log",))
    def detector(context):
        return [seen(name) for name in context]

    assert {one.id: one.group for one in by_id([detector]).values()} == {"a": "one", "b": "one", "c": "two"}
    assert [one.signal for one in observe([detector], "ac")] == ["a", "c"]
    with pytest.raises(InputError, match="'x' undeclared"):
        observe([detector], "x")

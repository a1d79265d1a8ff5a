"""Laws of the engine, on drawn causes and observations, and what a finding says."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds.messages import messages_in

from watchme_analysis.errors import InputError
from watchme_analysis.inference.causes import GRADES, Cause
from watchme_analysis.inference.engine import (
    check_name,
    explained_away,
    finding,
    independent_signals,
    next_test,
    separation,
    weigh,
)
from watchme_analysis.inference.signals import Observation, Signal, by_count, by_id, detects, observe
from watchme_analysis.text.message import Quotation, message

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
def test_a_layer_is_as_probable_as_its_causes_together_at_most_and_as_each_of_them_at_least(causes, observed):
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


def test_probabilities_are_those_of_added_log_odds():
    one, two = cause("one", loss="strong", stop="-weak", prior=-0.7), cause("two", stop="weak")
    found = chances([one, two], [seen("loss", 0.5), seen("stop")])
    # The third is something else, the fourth both: the better grade of each, and a second cause is rare.
    odds = [math.exp(1.25 - 0.7 - 0.7), math.exp(0.7), math.exp(-1), math.exp(1.25 + 0.7 - 0.7 - 5.5)]
    assert found["one"] == pytest.approx((odds[0] + odds[3]) / sum(odds))
    assert found["two"] == pytest.approx((odds[1] + odds[3]) / sum(odds))


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


def test_a_weak_sign_names_nothing_though_it_is_the_likeliest_explanation():
    statuses = {}
    for grade in ("weak", "fair"):
        (entry,) = weigh([cause("one", loss=grade)], [seen("loss")], SIGNALS).ranking
        statuses[grade] = entry.status, round(entry.probability, 1)
    assert statuses == {"weak": ("inconclusive", 0.8), "fair": ("supported", 0.9)}


def test_a_weight_is_the_grade_times_the_strength():
    one = cause("one", loss="strong", stop="-weak")
    found = finding(one, [one], [seen("loss", 0.5), seen("stop"), seen("cpu_known")], SIGNALS)
    assert weights(found) == {"loss": 1.25, "stop": -0.7}
    assert found.log_odds == pytest.approx(0.55)
    assert [item.check for item in found.evidence] == ["network", "rhythm"]


def test_of_one_group_and_sign_the_strongest_counts_in_full_and_others_a_quarter():
    one = cause("one", loss="fair", delay="decisive", stop="-weak")
    found = finding(one, [one], [seen("loss"), seen("delay"), seen("stop")], SIGNALS)
    assert weights(found) == {"delay": 4.0, "loss": 1.5 / 4, "stop": -0.7}
    assert independent_signals(found) == 1
    assert (
        independent_signals(
            finding(cause("two", loss="fair", stop="weak"), [one], [*map(seen, SIGNALS)], SIGNALS)
        )
        == 2
    )


def test_what_follows_from_a_clear_observation_counts_a_quarter():
    explains = {"loss": ("stop",)}
    for strength, left in ((0.4, 1.0), (0.5, 0.25)):
        found = explained_away([seen("loss", strength), seen("stop")], SIGNALS, explains)
        assert [one.strength for one in found] == [strength, left]
    assert messages_in(found[1].statement)["finding-follows"]["check"] in ("network", "check-network")
    apart = explained_away([seen("loss"), seen("stop")], SIGNALS, explains, lambda earlier, later: False)
    assert [one.strength for one in apart] == [1.0, 1.0]


def test_observations_count_for_the_causes_that_they_are_about():
    one, two = cause("one", loss="strong"), cause("two", loss="strong")
    weighed = weigh([one, two], [seen("loss")], SIGNALS, lambda about, _: about.cause == "one")
    assert [(entry.finding.cause, len(entry.finding.evidence)) for entry in weighed.ranking] == [
        ("one", 1),
        ("two", 0),
    ]


def test_missing_evidence_is_worth_what_it_would_separate():
    causes = [cause("one", loss="strong", stop="weak"), cause("two", loss="-strong", stop="weak")]
    even, settled = {"one": 0.5, "two": 0.5}, {"one": 1.0, "two": 0.0}
    assert separation(["probes"], causes, SIGNALS.values(), even) == pytest.approx(GRADES["strong"])
    assert separation(["probes/host"], causes, SIGNALS.values(), even) == pytest.approx(GRADES["strong"])
    assert separation(["probes/inside"], causes, SIGNALS.values(), even) == 0
    assert separation(["app_log"], causes, SIGNALS.values(), even) == 0
    assert separation(["probes"], causes, SIGNALS.values(), settled) == 0
    # Only the causes that have a probability take part, and their shares sum to one.
    causes.append(cause("three", loss="decisive"))
    assert separation(["probes"], causes, SIGNALS.values(), {"one": 0.25, "two": 0.25}) == pytest.approx(2.5)
    assert separation(["probes"], causes, SIGNALS.values(), {}) == 0


def test_the_mechanism_is_reported_for_the_cause_that_its_signal_supports_most():
    strong, weak = cause("strong", loss="decisive"), cause("weak", loss="weak")
    observations = [seen("loss", detail="packets are lost")]
    assert finding(strong, [strong, weak], observations, SIGNALS).detail == "packets are lost"
    assert finding(weak, [strong, weak], observations, SIGNALS).detail is None
    # A signal that says nothing about any cause names no mechanism.
    assert finding(strong, [strong], [seen("stop", detail="it stops")], SIGNALS).detail is None


def test_of_several_mechanisms_the_strongest_is_reported_and_then_the_place_in_the_source():
    signals = {**SIGNALS, "line": Signal("line", "source", ("app_calls",))}
    one = cause("one", loss="strong", delay="strong", stop="fair", line="weak")
    error = message("quotation", text=Quotation("reset by peer"))
    for observations, said in (
        ([seen("stop", detail="it stops"), seen("loss", detail="loss")], "loss"),
        ([seen("stop", detail="it stops"), seen("loss", 0.5, detail="loss")], "it stops"),
        # Of equally strong ones, the one that quotes an error.
        ([seen("loss", detail="loss"), seen("delay", detail=error)], error),
        ([seen("line", detail="app.py:3")], "app.py:3"),
    ):
        assert finding(one, [one], observations, signals).detail == said
    observations = [
        seen("stop", detail="it stops"),
        seen("loss", detail="loss"),
        seen("line", detail="app.py:3"),
    ]
    assert finding(one, [one], observations, signals).detail.items_of("sentences") == ("loss", "app.py:3")


def test_a_group_is_named_by_the_catalogue_or_by_its_own_words():
    assert check_name("host and inside").id == "check-host-and-inside"
    assert check_name("no_such group") == "no such group"


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


def test_a_signal_is_declared_in_one_way():
    @detects("a", group="one", needs=("probes",))
    def first(context):
        return []

    @detects("a", group="two", needs=("probes",))
    def second(context):
        return []

    assert len(by_id([first, first])) == 1
    with pytest.raises(InputError, match="'a' is declared twice"):
        by_id([first, second])


def test_six_rows_count_in_full():
    assert [by_count(count) for count in (0, 3, 6, 60)] == [0, 0.5, 1, 1]

"""Observations, groups, explaining away, confounders, and the worth of missing evidence."""

import math

import pytest
from worlds.messages import messages_in

from watchme_analysis.errors import InputError
from watchme_analysis.inference.causes import GRADES, Cause, Confounder, Grade
from watchme_analysis.inference.engine import (
    DEPENDENT,
    check_name,
    confounded,
    deciding_evidence,
    explained_away,
    finding,
    group_factors,
    next_test,
    separation,
)
from watchme_analysis.inference.signals import Observation, Signal, by_count, by_id, detects, observe
from watchme_analysis.text.message import Quotation, message
from watchme_analysis.text.render import render

SIGNALS = {
    name: Signal(name, group, (need,))
    for name, group, need in (
        ("loss", "network", "probes/host"),
        ("delay", "network", "access_log/times"),
        ("stop", "rhythm", "app_log"),
        ("cpu_known", "cpu", "host_metrics"),
    )
}


def cause(name, confounders=(), **grades):
    signals = {
        signal: Grade(grade, math.copysign(GRADES[grade.lstrip("-")], -grade.startswith("-") or 1), "Why.")
        for signal, grade in grades.items()
    }
    return Cause(name, "health", name, name, "process", "Look.", signals=signals, confounders=confounders)


def seen(signal, strength=1.0, **more):
    return Observation(signal, f"Saw {signal}.", "probes", 7, strength=strength, **more)


def weights(found):
    return {item.signal: item.weight for item in found.evidence}


def test_a_weight_is_the_grade_times_the_strength():
    one = cause("one", loss="strong", stop="-weak")
    found = finding(one, [one], [seen("loss", 0.5), seen("stop"), seen("cpu_known")], SIGNALS)
    assert weights(found) == {"loss": 1.25, "stop": -0.7}
    assert found.log_odds == pytest.approx(0.55)
    assert [item.check for item in found.evidence] == ["network", "rhythm"]


def test_of_one_group_and_sign_the_strongest_counts_in_full_and_others_a_quarter():
    assert group_factors([("a", 4.0), ("b", -3.0), ("a", 2.5), ("a", -2.0), ("a", 1.0)]) == [
        1.0, 1.0, 0.25, 1.0, 0.25,
    ]  # fmt: skip
    one = cause("one", loss="fair", delay="decisive")
    found = finding(one, [one], [seen("loss"), seen("delay")], SIGNALS)
    assert weights(found) == {"delay": 4.0, "loss": 1.5 * DEPENDENT}


def test_what_follows_from_a_clear_observation_counts_a_quarter():
    explains = {"loss": ("stop",)}
    both = explained_away([seen("loss"), seen("stop")], SIGNALS, explains)
    assert [one.strength for one in both] == [1.0, DEPENDENT]
    assert messages_in(both[1].statement)["finding-follows"]["check"] in ("network", "check-network")
    for strength, left in ((0.4, 1.0), (0.5, 0.25)):
        found = explained_away([seen("loss", strength), seen("stop")], SIGNALS, explains)
        assert [one.strength for one in found] == [strength, left]


def alike():
    pair = Confounder("quota", ("stop",), "cpu_known", "host_metrics", "The CPU is not known.")
    return cause("loop", (pair,), stop="decisive"), cause("quota", stop="weak")


def test_causes_that_look_alike_share_grades_until_something_separates_them():
    loop, quota = alike()
    shared = finding(quota, [loop, quota], [seen("stop")], SIGNALS)
    assert weights(shared) == {"stop": GRADES["decisive"]}
    assert render(shared.evidence[0].statement).endswith("The CPU is not known.")
    apart = finding(quota, [loop, quota], [seen("stop"), seen("cpu_known")], SIGNALS)
    assert weights(apart) == {"stop": GRADES["weak"]}
    assert confounded([loop, quota], [seen("loss")]) == []


def test_evidence_that_separates_two_likely_causes_decides():
    both = alike()
    likely, clear = {"loop": 0.5, "quota": 0.4}, {"loop": 0.95, "quota": 0.05}
    assert deciding_evidence(both, [seen("stop")], likely) == {"host_metrics"}
    assert deciding_evidence(both, [seen("stop")], clear) == set()
    assert deciding_evidence(both, [seen("stop"), seen("cpu_known")], likely) == set()
    # A cause that has no probability is not in question.
    for known in ({"loop": 0.9}, {"quota": 0.9}):
        assert deciding_evidence(both, [seen("stop")], known) == set()
    for probability, tables in ((0.1, {"host_metrics"}), (0.09, set())):
        assert deciding_evidence(both, [seen("stop")], {"loop": 0.8, "quota": probability}) == tables


def test_missing_evidence_is_worth_what_it_would_separate():
    causes = [cause("one", loss="strong", stop="weak"), cause("two", loss="-strong", stop="weak")]
    even, settled = {"one": 0.5, "two": 0.5}, {"one": 1.0, "two": 0.0}
    assert separation(["probes"], causes, SIGNALS, even) == pytest.approx(GRADES["strong"])
    assert separation(["probes/host"], causes, SIGNALS, even) == pytest.approx(GRADES["strong"])
    assert separation(["probes/inside"], causes, SIGNALS, even) == 0
    assert separation(["app_log"], causes, SIGNALS, even) == 0
    assert separation(["probes"], causes, SIGNALS, settled) == 0
    # Only the causes that have a probability take part, and their shares sum to one.
    causes.append(cause("three", loss="decisive"))
    assert separation(["probes"], causes, SIGNALS, {"one": 0.25, "two": 0.25}) == pytest.approx(2.5)
    assert separation(["probes"], causes, SIGNALS, {}) == 0


def test_the_mechanism_is_reported_for_the_cause_that_its_signal_supports_most():
    strong, weak = cause("strong", loss="decisive"), cause("weak", loss="weak")
    observations = [seen("loss", detail="packets are lost")]
    assert finding(strong, [strong, weak], observations, SIGNALS).detail == "packets are lost"
    assert finding(weak, [strong, weak], observations, SIGNALS).detail is None
    # A signal that says nothing about any cause names no mechanism.
    assert finding(strong, [strong], [seen("stop", detail="it stops")], SIGNALS).detail is None


def test_of_several_mechanisms_the_strongest_is_reported_and_then_the_place_in_the_source():
    signals = {**SIGNALS, "line": Signal("line", "source", ())}
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
    own = Grade("strong", 2.5, "Why.", "Count {detail}.")
    one = Cause("one", "health", "one", "one", "process", "Look.", signals={"loss": own})

    def fill(text, observation):
        return text.replace("{detail}", observation.detail if observation else "nothing")

    assert next_test(one, [seen("loss", detail="packets")], fill) == "Count packets."
    assert next_test(one, [seen("stop")], fill) == "Look."
    both = {"stop": Grade("decisive", 4.0, "Why.", "Stop it."), "loss": own}
    two = Cause("two", "health", "two", "two", "process", "Look.", signals=both)
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

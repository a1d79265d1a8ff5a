"""The measures that are compared, the estimates of their figures, and the sentences on them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from worlds.messages import messages_in, plain

from watchme_analysis.config import LoadSettings
from watchme_analysis.simulation.advice import advice, warnings
from watchme_analysis.simulation.scenarios import (
    Comparison,
    Scenario,
    estimate,
    usual_load,
    usual_settings,
)
from watchme_analysis.simulation.settings import PollerSettings

SETTINGS, LOAD = usual_settings(), usual_load(LoadSettings(30, 1800.0, together=True))


def test_a_mean_has_the_interval_of_students_t():
    found = estimate([1.0, 2.0, None, 3.0, 4.0])
    assert (found.mean, found.seen) == (2.5, 4)
    # The quantile of 3 degrees of freedom is 3.182, the standard deviation 1.291.
    assert found.half_width == pytest.approx(2.054, abs=0.001)
    assert (found.low, found.high) == pytest.approx((0.446, 4.554), abs=0.001)
    assert (estimate([7.0]).mean, estimate([7.0]).half_width) == (7.0, None)
    assert (estimate([None]).mean, estimate([None]).low, estimate([]).text()) == (None, None, "none")


def outcomes(*dead, age_s=600.0, unfailed=0.0, left=False):
    return tuple(
        SimpleNamespace(
            dead_lettered=float(count),
            lost=0.0,
            duplicates=5.0,
            peak_age_s=age_s,
            dead_unfailed=unfailed,
            drain_s=None if left else 50.0,
        )
        for count in dead
    )


def row(name, *dead, settings=SETTINGS, load=LOAD, **further):
    return Comparison(Scenario(name, settings, load), outcomes(*dead, **further))


def named(said):
    """Return the measures that a message lists."""
    return [plain(phrase.values["measure"]) for phrase in said.items_of("measures")]


def figures_of(said):
    """Return the messages on each figure, by their ids."""
    found = {}
    for text in said:
        parts = text.items_of("sentences") if text.id == "sentences" else (text,)
        found[plain(parts[0].values["figure"])] = {part.id: part for part in parts}
    return found


def test_what_helps_is_named_and_what_harms_and_what_is_no_more_than_chance_is_not():
    said = advice(
        [
            row("as configured", 100, 102),
            row("better", 10, 12),
            row("worse", 200, 202),
            row("same", 101, 103),
            row("of another load", 1, 1, load=replace(LOAD, factor=10.0)),
            row("not emptied", 0, 0, left=True),
        ]
    )
    assert messages_in(said[0])["measures-best"]["measure"] == "better"
    dead = figures_of(said[1:])["dead_lettered"]
    assert named(dead["measures-lower"]) == ["not emptied", "better"]
    assert named(dead["measures-higher"]) == ["worse"]
    assert figures_of(said[1:])["duplicates"].keys() == {"measures-now", "measures-unmoved"}


def reserved(**changes):
    return replace(SETTINGS, poller=replace(PollerSettings(reserved_concurrency=2), **changes))


def test_reserved_concurrency_that_alone_fills_the_dlq_is_a_warning():
    rows = [
        row("own", 30, settings=reserved(throttle_patience_s=None), unfailed=30.0),
        row("worst", 40, settings=reserved(throttle_patience_s=0.0), unfailed=40.0),
        row("well", 0, settings=reserved(), unfailed=0.0),
        row("mapped", 0, settings=reserved(max_concurrency=2), unfailed=9.0),
        row("only mapped", 0, settings=replace(SETTINGS, poller=PollerSettings(max_concurrency=2))),
    ]
    own, worst = warnings(rows)
    assert (named(own), named(worst)) == (["own"], ["worst"])
    [phrase] = own.items_of("measures")
    assert messages_in(phrase)["estimate"] == {"mean": 30.0, "half": 0.0, "spread": "none"}
    about = [{name: plain(said.values[name]) for name in ("assumption", "mapped")} for said in (own, worst)]
    assert about == [
        {"assumption": "guide", "mapped": "none"},
        {"assumption": "at_once", "mapped": "none"},
    ]
    assert warnings(rows[2:]) == ()
    assert plain(warnings(rows[:1])[0].values["mapped"]) == "unknown"

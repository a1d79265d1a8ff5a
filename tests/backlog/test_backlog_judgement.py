"""The judgement on signals: start, end and queue of a cause, and the order of queues."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
from worlds.messages import messages_in
from worlds.queue_contexts import at, frame_of, queue_of
from worlds.together import together

from watchme_analysis.backlog.chain import QueueSignals
from watchme_analysis.backlog.context import BacklogContext, _severity
from watchme_analysis.backlog.judge import Undoing, judge
from watchme_analysis.backlog.recurrence import _item, _latency_drift, _weekday
from watchme_analysis.backlog.signals.queue_context import QueueObservation, Span
from watchme_analysis.stats.intervals import Interval
from watchme_analysis.text.message import Translated
from watchme_analysis.window import parse_zone


def test_a_queue_is_the_worse_the_more_messages_were_harmed():
    nothing = SimpleNamespace(lost=0)
    assert _severity(queue_of(balance=nothing)) == 0.0
    facts = {
        "dead_lettered": 2, "balance": SimpleNamespace(lost=3), "failures": Interval(at(0), at(1), "f", 7.0),
        "worst": SimpleNamespace(peak=4.0), "redelivery": Interval(at(0), at(1), "r", 10.0),
        "throttles": Interval(at(0), at(1), "t", 200.0), "creeping": True,
    }  # fmt: skip
    assert _severity(queue_of(**facts)) == 6.0 + 9.0 + 7.0 + 8.0 + 2.0 + 2.0 + 20.0
    one, two = queue_of(), queue_of(first_trouble=lambda: at(3))
    two.pipeline = replace(two.pipeline, queue="more")
    context = BacklogContext((one, two), (two,), ())
    assert context.by_harm == (two, one) and context.focus is two
    assert context.first_trouble == at(3) and BacklogContext((), (), ()).first_trouble is None
    assert context.pipelines == (one.pipeline, two.pipeline)


def signals(name, *observations, harmed=True):
    return QueueSignals(name, 300, harmed, observations)


def seen(signal, queue="jobs", start=6, event=None):
    """Return a signal that lasted up to the ninth interval."""
    span = Span(at(start), at(start), at(start - 1), at(start + 1), at(9))
    return QueueObservation(signal, "", "metrics", 1, queue=queue, span=span, event=event)


CODE = (seen("all_invocations_fail"), seen("errors_of_function"), seen("invocations_short"))


@together(
    ("undone", "queue", "causes", "end"),
    [
        (10, "jobs", ("consumer_failing",), 10),  # changed an interval after the last failure
        (10, "other", ("consumer_failing",), 9),
        (10, "jobs", ("throttled",), 9),
        (6, "jobs", ("consumer_failing",), 9),  # not after the start
    ],
)
def test_a_change_that_ends_a_cause_dates_its_end(undone, queue, causes, end):
    found = judge([signals("jobs", *CODE)], [Undoing(at(undone), queue, causes)])
    assert found.likeliest == "consumer_failing"
    assert (found.span.start, found.end) == (at(6), at(end))


def test_a_change_after_all_was_well_again_ended_nothing():
    well = tuple(replace(one, span=replace(one.span, until=at(9))) for one in CODE)
    late = judge([signals("jobs", *well)], [Undoing(at(40), "jobs", ("consumer_failing",))])
    assert late.end == at(9)
    open_ = tuple(replace(one, span=replace(one.span, end=None)) for one in CODE)
    found = judge([signals("jobs", *open_)], [Undoing(at(10), "jobs", ("consumer_failing",))])
    assert found.end is None


def test_a_recorded_change_dates_the_start_of_what_it_brought():
    changed = seen("function_changed", start=4, event="UpdateFunctionCode")
    found = judge([signals("jobs", *CODE, changed)])
    assert found.leads["consumer_failing"] == changed
    assert (found.span, found.end) == (changed.span, at(9))
    assert found.shown_by["consumer_failing"] == "jobs"


def test_the_worst_queue_that_shows_a_cause_is_the_one_that_it_is_judged_by():
    found = judge([signals("worst", seen("polled", "worst")), signals("jobs", *CODE)])
    assert found.shown_by["consumer_failing"] == "jobs"
    assert found.shown_by["mapping_disabled"] == "worst"
    calm = judge([signals("jobs", *CODE, harmed=False)])
    assert (calm.span, calm.end, dict(calm.shown_by), dict(calm.leads)) == (None, None, {}, {})


def analysed(**facts):
    queue = queue_of(frame_of(dlq_visible=[0.0] * 12), **facts)
    return queue


def test_patterns_state_their_effect_and_their_sentence():
    found = _item(analysed(by_item=Counter(a=9, b=1, c=1, d=1)), Translated("device", "機器"))
    assert (found["pattern"], found["effect"], found["effect_unit"], found["chance"]) == (
        "one item", 0.75, "share", None
    )  # fmt: skip
    assert messages_in(found["says"])["pattern-says-item"]["share"] == 0.75
    assert messages_in(found["says"])["pattern-says-item"]["even"] == 0.25
    drift = SimpleNamespace(
        growth=2.0, hours=36.0, correlation=0.9, steepest_share=0.2, before_s=1.0, after_s=2.0,
        start_low=at(1), start_high=at(2),
    )  # fmt: skip
    found = _latency_drift(analysed(drift=drift, settings={"function_timeout_s": 30.0}))
    assert {name: found[name] for name in ("pattern", "effect", "effect_unit", "chance")} == {
        "pattern": "creeping run time", "effect": 2.0, "effect_unit": "ratio", "chance": None
    }  # fmt: skip
    texts = messages_in(found["says"])
    assert texts["pattern-says-drift"] == {"function": "worker", "before": 1.0, "after": 2.0, "days": 1.5}
    assert texts["pattern-says-timeout"] == {"timeout": 30.0}
    assert texts["pattern-says-began"] == {"earliest": at(1), "latest": at(2)}
    assert "pattern-says-timeout" not in messages_in(_latency_drift(analysed(drift=drift))["says"])
    assert _latency_drift(analysed()) is None
    nothing = queue_of(frame_of(dlq_visible=[]))
    assert _weekday(nothing, pd.DataFrame({"sent_at": []}), parse_zone("UTC")) is None

"""The judgement on signals: start, end and queue of a cause, and the order of queues."""

from dataclasses import replace

from worlds.queue_contexts import at
from worlds.together import together

from watchme_analysis.backlog.chain import QueueSignals
from watchme_analysis.backlog.judge import Undoing, judge
from watchme_analysis.backlog.signals.queue_context import QueueObservation, Span


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

"""Other incidents beside the one that a diagnosis explains: which parts are looked at, and what is reported.

A day of twenty hours in intervals of five minutes. The incident takes the eleventh hour, and another one the
third.
"""

from dataclasses import replace
from types import SimpleNamespace

from worlds.messages import messages_in
from worlds.queue_contexts import at, frame_of, queue_of
from worlds.together import together

from watchme_analysis.backlog import other_incidents as others
from watchme_analysis.backlog.chain import QueueSignals
from watchme_analysis.backlog.context import BacklogContext
from watchme_analysis.backlog.other_incidents import OtherIncident
from watchme_analysis.backlog.signals.queue_context import QueueObservation, Span
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.stats.intervals import Interval
from watchme_analysis.text.message import message
from watchme_analysis.window import Window

HOUR = 12  # intervals
DAY = 20 * HOUR
INCIDENT = {"incident_start": at(10 * HOUR), "incident_end": at(11 * HOUR)}


def day(*failing, **columns):
    """Return a frame of ten attempts in each interval, of which those of some hours fail."""
    failed = [10.0 if place // HOUR in failing else 0.0 for place in range(DAY)]
    return frame_of(tried=[10.0] * DAY, failed=failed, **columns)


def found_of(cause="consumer_failing", verdict="supported", **more):
    return SimpleNamespace(cause=cause, verdict=verdict, extra={}, **INCIDENT | more)


def looked(queue, answers=("downstream_down",), found=None, **answer):
    """Return the other incidents of a queue, and the windows that were diagnosed alone."""
    windows, answers = [], list(answers)

    def ask(inv):
        windows.append(inv.window)
        assert inv.options == {"queue": "jobs"}
        fields = {"verdict": "supported", "confidence": 0.8, "incident_start": None, "incident_end": None}
        return SimpleNamespace(cause=answers.pop(0), **fields | answer)

    context = BacklogContext((queue,), (queue,), ())
    inv = Investigation(SimpleNamespace(), "backlog", options={"other": 1})
    return others.other_incidents(inv, context, found or found_of(), ask), windows


def test_an_earlier_incident_is_diagnosed_by_the_time_before_alone():
    queue = queue_of(day(2, 10, age_s=[0.0] * 30 + [700.0] + [0.0] * (DAY - 31)))
    [other], windows = looked(queue, incident_start=at(23))
    # Up to an hour before the incident's start.
    before = Window(at(0), at(9 * HOUR))
    assert windows == [before]
    assert (other.queue, other.start, other.end) == ("jobs", at(23), at(3 * HOUR))
    assert (other.cause, other.confidence, other.asked) == ("downstream_down", 0.8, before)
    assert messages_in(other.moved) == {
        "value": {"value": ["backlog-observed-failures", "backlog-observed-age"]},
        "backlog-observed-failures": {"failed": 120, "tried": 120},
        "backlog-observed-age": {"age": 700.0},
    }


def test_a_later_incident_is_open_where_it_reaches_the_windows_end():
    [other], windows = looked(queue_of(day(10, 15)))
    assert windows == [Window(at(12 * HOUR), at(DAY))]
    # The diagnosis states no start, so that of its trouble counts.
    assert (other.start, other.end) == (at(15 * HOUR), None)
    [closed], _ = looked(queue_of(day(10, 15)), incident_end=at(16 * HOUR))
    assert closed.end == at(16 * HOUR)


def test_retries_after_an_incident_belong_to_it():
    # Three tries, each hidden for half an hour: for an hour and a half after the end nothing is another's.
    settings = {"visibility_timeout_s": 1800.0, "max_receive_count": 3}
    _, windows = looked(queue_of(day(10, 15), settings=settings))
    assert windows == [Window(at(12.5 * HOUR), at(DAY))]


def test_incidents_are_ordered_and_the_rest_beside_each_is_looked_at_too():
    queue = queue_of(day(2, 6, 10, 15))
    answers = ["downstream_down", "throttled", None]
    found, windows = looked(queue, answers)
    # The time before is looked at first, of which one of two equal troubles is found, then the time after,
    # then what is left of the time before.
    assert windows[:2] == [Window(at(0), at(9 * HOUR)), Window(at(12 * HOUR), at(DAY))]
    assert len(windows) == 3
    assert [item.start for item in found] == sorted(item.start for item in found)
    assert sorted(item.start for item in found) == [at(2 * HOUR), at(6 * HOUR), at(15 * HOUR)]


@together(
    ("queue", "found", "answers", "answer"),
    [
        (queue_of(day(2, 10)), found_of(verdict="no_incident"), [], {}),
        (queue_of(day(2, 10)), found_of(incident_start=None), [], {}),
        (queue_of(frame_of(tried=[], failed=[])), None, [], {}),
        (queue_of(day(2, 10)), None, [None], {"verdict": "no_incident"}),
        # The same incident that comes and goes.
        (queue_of(day(2, 10)), found_of("throttled"), ["throttled"], {}),
        (queue_of(day(10)), None, [], {}),
        (queue_of(day(8, 10)), None, [], {}),  # trouble that leads into the incident
        (queue_of(day(10, 12)), None, [], {}),  # and what it leads to
    ],
)
def test_what_is_no_other_incident(queue, found, answers, answer):
    assert looked(queue, answers, found, **answer)[0] == ()


def test_the_same_cause_again_is_another_incident_unless_it_comes_and_goes():
    queue = queue_of(day(2, 10))
    [other], _ = looked(queue, ["consumer_failing"])
    assert other.cause == "consumer_failing"
    [unclear], _ = looked(queue, [None])
    assert unclear.cause is None


def other(start=2, end=4, cause="downstream_down", queue="jobs"):
    """Return another incident between two intervals."""
    moved = message("backlog-observed-unpolled")
    closed = None if end is None else at(end)
    return OtherIncident(queue, at(start), closed, cause, 0.81234, moved, Window(at(0), at(HOUR)))


def test_another_incident_states_its_cause_and_the_options_that_diagnose_it():
    assert other().to_dict() == {
        "queue": "jobs",
        "start": "2026-11-24T10:10:00.000+00:00",
        "end": "2026-11-24T10:20:00.000+00:00",
        "cause": "downstream_down",
        "confidence": 0.8123,
        "moved": message("backlog-observed-unpolled"),
    }
    assert other(end=None).to_dict()["end"] is None
    said = messages_in(other(queue="my jobs").in_words())
    assert said["backlog-other-incident"] == {
        "queue": "my jobs", "span": (at(2), at(4)), "observed": "backlog-observed-unpolled"
    }  # fmt: skip
    assert said["backlog-other-cause"]["confidence"] == 0.81234
    options = "--queue 'my jobs' --since 2026-11-24T10:00Z --until 2026-11-24T11:00Z"
    assert said["backlog-diagnose-other"] == {"options": options}
    unclear = messages_in(other(cause=None).in_words())
    assert "backlog-other-cause-unclear" in unclear and "backlog-other-cause" not in unclear


def observed(signal, *interval, queue="jobs"):
    span = None
    if interval:
        start, end = interval
        closed = None if end is None else at(end)
        span = Span(at(start), at(start), at(start), at(start), closed)
    return QueueObservation(signal, "", "metrics", 1, queue=queue, span=span)


@together(
    ("one", "stays"),
    [
        (observed("errors_unreachable", 2, 3), False),
        (observed("errors_unreachable"), False),
        (observed("errors_unreachable", 1, None), False),
        (observed("errors_unreachable", 0, 2), True),
        (observed("errors_unreachable", 4, 5), True),
        (observed("errors_unreachable", 2, 3, queue="other"), True),
        (observed("throttled", 2, 3), True),  # does not speak for the other incident's cause
    ],
)
def test_signals_of_another_incident_are_set_apart_by_queue_time_and_cause(one, stays):
    queues = [QueueSignals(one.queue, 300, True, (one,))]
    [found] = others.set_apart(queues, [other()])
    assert found.observations == ((one,) if stays else ())
    [untouched] = others.set_apart(queues, [other(cause=None)])
    assert untouched.observations == (one,)
    if one.span is not None and one.span.start == at(4):
        assert others.set_apart(queues, [other(end=None)])[0].observations == ()


def troubled(first, last, name="other"):
    """Return a queue with failures between two intervals."""
    queue = queue_of(
        day(), failures=Interval(at(first), at(last), "failures"), first_trouble=lambda: at(first)
    )
    queue.pipeline = replace(queue.pipeline, queue=name, dlq=f"{name}-dlq")
    return queue


@together(
    ("first", "last", "start", "end", "is_apart"),
    [
        (0, 87, 100, 110, True),
        (0, 88, 100, 110, False),  # ended an hour before
        (122, 130, 100, 110, False),
        (123, 130, 100, 110, True),
        (123, 130, 100, None, False),
        (0, 87, None, None, False),
    ],
)
def test_trouble_of_another_queue_an_hour_away_is_apart(first, last, start, end, is_apart):
    focus, queue = queue_of(day()), troubled(first, last)
    context = BacklogContext((focus, queue), (focus, queue), ())
    start, end = (None if moment is None else at(moment) for moment in (start, end))
    assert others.apart(context, start, end) == ((queue,) if is_apart else ())
    found = found_of(incident_start=start, incident_end=end)
    found.extra = {"queues": ["jobs", "other"]}
    assert others.own_queues(context, found) == ({"jobs"} if is_apart else {"jobs", "other"})
    spans = others.spans_of_others(context, found)
    own = ((at(first), at(last)),)
    assert spans == (dict.fromkeys(("other", "other-dlq", "worker"), own) if is_apart else {})

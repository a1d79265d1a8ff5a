"""What counts as a change of an incident, and what does not."""

from datetime import UTC, datetime, timedelta

import pytest

from watchme_analysis.delivery.changes import (
    CAUSE_KNOWN,
    NEW_INCIDENT,
    RECURRING,
    RESOLVED,
    WORSE,
    QuestionState,
    compare,
)
from watchme_analysis.storage.records import from_json, to_json
from watchme_analysis.window import Window

DAY = datetime(2025, 11, 25, tzinfo=UTC)


def at(hour):
    return DAY + timedelta(hours=hour)


def found(start=None, end=None, cause=None, verdict=None, **facts):
    """Return a diagnosis; hours of the day, None for an incident that is open, and the values of facts."""
    default = "no_incident" if start is None else "supported" if cause else "inconclusive"
    return {
        "verdict": verdict or default,
        "cause": cause,
        "confidence": 0.9,
        "incident": {
            "start": None if start is None else at(start).isoformat(),
            "end": None if end is None else at(end).isoformat(),
        },
        "facts": [{"id": name, "value": value} for name, value in facts.items()],
    }


def looks(*steps):
    """Return the kinds of changes of each look (until, diagnosis), and the state after the last."""
    state, kinds = QuestionState(), []
    for until, diagnosis in steps:
        state, changes = compare("orders", "backlog", state, diagnosis, Window(at(until - 24), at(until)))
        state = from_json(QuestionState, to_json(state))
        kinds.append([change.kinds for change in changes])
    return kinds, state


def test_an_incident_from_its_beginning_to_its_end():
    kinds, state = looks(
        (1, found()),
        (2, found(start=1.5)),
        (3, found(start=1.5)),
        (4, found(start=1.5, cause="consumer_failing", dead_letters=10)),
        (5, found(start=1.5, cause="consumer_failing", dead_letters=19)),
        (6, found(start=1.5, cause="consumer_failing", dead_letters=20)),
        (7, found(start=1.5, end=6.5, cause="consumer_failing", dead_letters=21)),
        (8, found(start=1.5, end=6.5, cause="consumer_failing", dead_letters=21)),
        (9, found()),
    )
    assert kinds == [[], [(NEW_INCIDENT,)], [], [(CAUSE_KNOWN, WORSE)], [], [(WORSE,)], [(RESOLVED,)], [], []]
    assert state.open is None
    assert [(past.start, past.end, past.cause) for past in state.past] == [
        (at(1.5), at(6.5), "consumer_failing")
    ]


def test_slow_growth_is_delivered_when_it_has_doubled_since_the_last_message():
    kinds, _ = looks(
        *(
            (hour, found(start=0.5, cause="throttled", lost_messages=count))
            for hour, count in enumerate((5, 6, 7, 9, 10, 11, 19, 20), 1)
        )
    )
    assert [hour for hour, changes in enumerate(kinds, 1) if changes] == [1, 5, 8]


def test_data_without_an_incident_resolves_one_and_missing_data_does_not():
    kinds, state = looks((2, found(start=1)), (3, found(verdict="inconclusive")))
    assert kinds[-1] == [] and state.open is not None
    kinds, state = looks((2, found(start=1)), (3, found()))
    assert kinds[-1] == [(RESOLVED,)]
    assert state.past[0].end == at(2)


def test_the_same_window_again_and_an_earlier_window_change_nothing():
    kinds, _ = looks(
        (2, found(start=1, cause="throttled")),
        (3, found(start=1, end=2.5, cause="throttled")),
        (2, found(start=1, cause="throttled")),
        (3, found(start=1, end=2.5, cause="throttled")),
        (3, found(start=2.8, cause="unpolled")),
    )
    assert kinds == [[(NEW_INCIDENT,)], [(RESOLVED,)], [], [], []]


@pytest.mark.parametrize(("second", "kind"), [("throttled", RECURRING), ("unpolled", NEW_INCIDENT)])
def test_a_later_incident_recurs_if_its_cause_is_the_same(second, kind):
    kinds, _ = looks((3, found(start=1, end=2, cause="throttled")), (9, found(start=8, cause=second)))
    assert kinds[-1] == [(kind,)]


def test_an_incident_that_goes_on_after_its_end_is_the_same_incident():
    kinds, state = looks(
        (3, found(start=1, end=2, cause="throttled")), (4, found(start=1, cause="throttled"))
    )
    assert kinds[-1] == [(RECURRING,)]
    assert state.open.start == at(1) and state.past == ()


def test_an_incident_that_began_after_the_last_look_is_another_one():
    kinds, state = looks((2, found(start=1, cause="throttled")), (9, found(start=8, cause="unpolled")))
    assert kinds[-1] == [(RESOLVED,), (NEW_INCIDENT,)]
    assert state.past[0].cause == "throttled" and state.open.cause == "unpolled"


def test_another_cause_is_a_change_and_an_unknown_cause_is_none():
    kinds, state = looks(
        (2, found(start=1, cause="throttled")), (3, found(start=1)), (4, found(start=1, cause="unpolled"))
    )
    assert kinds == [[(NEW_INCIDENT,)], [], [(CAUSE_KNOWN,)]]
    assert state.open.cause == "unpolled"


def test_messages_that_wait_are_an_incident_also_without_a_cause_or_a_beginning():
    waiting = {"affected_resource": ["uploads"], "waiting_now": 890, "waiting_peak": 890}
    more = {**waiting, "waiting_now": 1780, "waiting_peak": 1780}
    kinds, state = looks(
        (2, found(verdict="inconclusive")),
        (3, found(verdict="inconclusive", **waiting)),
        (4, found(verdict="inconclusive", **waiting)),
        (5, found(verdict="inconclusive", **more)),
        (6, found()),
    )
    assert kinds == [[], [(NEW_INCIDENT,)], [], [(WORSE,)], [(RESOLVED,)]]
    assert state.past[0].impact == {"affected_resource": 1, "waiting_peak": 1780}
    # A first message that waits is no harm, a first one that is lost is.
    for name, kind in (("waiting_peak", []), ("lost_messages", [(WORSE,)])):
        kinds, _ = looks((2, found(start=1, **{name: 0})), (3, found(start=1, **{name: 1})))
        assert kinds[-1] == kind

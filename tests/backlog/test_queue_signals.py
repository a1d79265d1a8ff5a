"""Signals of poller, queue, senders, concurrency, API and messages: each observation as a whole."""

import json
from collections import Counter
from types import SimpleNamespace

import pandas as pd
import pytest
from worlds.queue_contexts import at, context_of, frame_of, said
from worlds.together import together

from watchme_analysis.backlog.changes import Change
from watchme_analysis.backlog.signals import api, concurrency, polling, queue_settings, senders
from watchme_analysis.backlog.signals import message as of_messages
from watchme_analysis.backlog.signals.queue_context import Span
from watchme_analysis.config import WorkItemSettings
from watchme_analysis.queues.error_kinds import LoggedErrors
from watchme_analysis.queues.latency_drift import LatencyDrift
from watchme_analysis.queues.redelivery import UnmatchedReceives
from watchme_analysis.stats.intervals import Interval
from watchme_analysis.text.message import message

UNPOLLED = Interval(at(6), at(9), "unpolled", count=3.0)
RUNS = {"tried": [10.0] * 12, "failed": [0.0] * 12, "invocations": [10.0] * 12}
FRAME = frame_of(**RUNS)
# Between the last good interval's start and the first bad interval's end.
SPAN = Span(at(6), at(6), at(5), at(7), end=at(9), until=at(9))


def changed(kind, interval=5, **settings):
    """Return a change of the queue's settings, one interval before trouble in the sixth."""
    return Change(
        time=at(interval), event_id="e-1", event_name="Changed", user="admin", resource="jobs",
        what=message("backlog-changed-code"), queues=("jobs",), kind=kind, settings=settings,
    )  # fmt: skip


def signals(found):
    return [one["signal"] for one in said(found)]


def test_messages_that_no_one_received_are_reported_with_their_interval():
    seen = context_of(FRAME, queried=("visible", "received"), unpolled=UNPOLLED)
    assert said(polling.receives(seen)) == [
        {
            "signal": "unpolled",
            "says": {"backlog-unpolled": {"queue": "jobs", "lasted": 900.0, "since": at(6)}},
            "rows": ("metrics", (("received", "visible"), at(6), at(9))),
            "effect": 15.0,
            "unit": "min",
            "span": SPAN,
        }
    ]
    assert said(polling.receives(context_of(FRAME, queried=("visible", "received")))) == [
        {
            "signal": "polled",
            "says": {"backlog-polled": {"queue": "jobs"}},
            "rows": ("metrics", (("received", "visible"), None, None)),
        }
    ]
    for queried in (("visible",), ("received",)):
        assert said(polling.receives(context_of(FRAME, queried=queried, unpolled=UNPOLLED))) == []


def test_messages_wait_behind_a_disabled_mapping_where_no_metric_shows_it():
    facts = {"stalled": True, "balance": SimpleNamespace(visible=7)}
    assert said(polling.waiting(context_of(FRAME, **facts))) == [
        {
            "signal": "waiting_behind_disabled_mapping",
            "says": {"backlog-waiting-behind-mapping": {"queue": "jobs", "waiting": 7}},
            "rows": ("queues", (("queue", "=", "jobs"),)),
            "effect": 7.0,
            "unit": "messages",
        }
    ]
    assert said(polling.waiting(context_of(FRAME, queried=("visible", "received"), **facts))) == []
    assert said(polling.waiting(context_of(FRAME, **facts | {"stalled": False}))) == []


def test_a_mapping_that_is_off_is_reported_with_its_state_and_the_open_interval():
    off = context_of(FRAME, settings={"mapping_state": "Disabling"}, unpolled=UNPOLLED)
    assert said(polling.mapping(off)) == [
        {
            "signal": "mapping_off",
            "says": {"backlog-mapping-state": {"queue": "jobs", "function": "worker", "state": "Disabling"}},
            "rows": ("event_source_mappings", (("queue", "=", "jobs"),)),
            "span": Span(at(6), at(6), at(5), at(7)),
        }
    ]
    for state in ("Enabled", None):
        assert said(polling.mapping(context_of(FRAME, settings={"mapping_state": state}))) == []


def taken(count=40.0, deleted=20.0, **settings):
    """Return the context of receives without an invocation."""
    receives = UnmatchedReceives(
        start=at(2), end=at(8), kind="unmatched_receives", count=count, base=50.0, deleted=deleted
    )
    frame = frame_of(**{name: [1.0] * 30 for name in RUNS})
    return context_of(frame, settings=settings, unmatched_receives=receives)


def test_receives_without_an_invocation_say_who_can_have_deleted_the_messages():
    values = {"received": 40, "queue": "jobs", "function": "worker", "span": (at(2), at(8))}
    filters = json.dumps(["a" * 160, "b" * 161])
    assert said(polling.unmatched(taken(mapping_filters=filters))) == [
        {
            "signal": "received_without_invocation",
            "says": {
                "backlog-unmatched-receives": values,
                "backlog-unmatched-filtered": {"patterns": ["a" * 160, "b" * 157 + "..."]},
            },
            "rows": ("metrics", (("received", "deleted", "invocations", "throttles"), at(2), at(8))),
            "effect": 40.0,
            "unit": "messages",
            "span": Span(at(2), at(2), at(2), at(2), at(8), at(8)),
        }
    ]
    assert said(polling.unmatched(context_of(FRAME))) == []
    assert polling.unmatched_receives(context_of(FRAME).queue) == ""


@together(
    ("facts", "message_id"),
    [
        ({}, "backlog-unmatched-deleted"),
        ({"mapping_state": "Enabled"}, "backlog-unmatched-deleted-without-filter"),
        ({"deleted": 19.0}, "backlog-unmatched-returned"),
        ({"mapping_filters": "[]", "deleted": 0.0}, "backlog-unmatched-returned"),
    ],
)
def test_receives_without_an_invocation_returned_or_were_deleted(facts, message_id):
    [found] = said(polling.unmatched(taken(**facts)))
    assert set(found["says"]) == {"backlog-unmatched-receives", message_id}


def test_the_change_of_the_mapping_is_the_one_before_messages_waited_or_the_last():
    off = [changed("mapping_updated", enabled="false")]
    [found] = said(polling.changed(context_of(FRAME, changes=off, unpolled=UNPOLLED)))
    assert (found["signal"], found["span"].start) == ("mapping_changed", at(5))
    # Nothing shows since when it stands still; after the change hardly an invocation ran.
    few = frame_of(invocations=[1.0] * 6 + [0.0] * 6)
    assert signals(polling.changed(context_of(few, changes=off, stalled=True))) == ["mapping_changed"]
    assert signals(polling.changed(context_of(frame_of(invocations=[]), changes=off, stalled=True))) == [
        "mapping_changed"
    ]
    many = context_of(FRAME, changes=off, stalled=True)
    assert signals(polling.changed(many)) == []
    for facts in ({"stalled": True}, {"changes": off}):
        assert signals(polling.changed(context_of(few, **facts))) == [], facts
    # A change after the last metrics is a change before trouble too.
    late = [changed("mapping_updated", interval=20, enabled="false")]
    assert signals(polling.changed(context_of(few, changes=late, stalled=True))) == ["mapping_changed"]


COUNTERS = ("sent", "received", "invocations", "errors", "throttles", "failed")
RECEIVES = frame_of(
    sent=[10.0] * 12, received=[10.0] * 11 + [13.0], failed=[0.0] * 11 + [2.0], tried=[10.0] * 12
)
REDELIVERY = Interval(at(6), at(9), "redelivery", count=30.0)


def test_receives_are_compared_with_the_messages_sent():
    seen = context_of(RECEIVES, queried=COUNTERS)
    values = {"queue": "jobs", "received": 123, "sent": 120, "failed": 2, "attempts": "invocations"}
    expected = {
        "signal": "received_once",
        "says": {"backlog-receives": values},
        "rows": ("metrics", (("received", "sent", "failed"), None, None)),
        "effect": 1.025,
        "unit": "receives a message",
    }
    assert said(queue_settings.redelivery(seen)) == [expected]
    facts = {"redelivery": REDELIVERY, "throttles": Interval(at(1), at(2), "throttles")}
    again = context_of(RECEIVES, queried=COUNTERS, settings={"reports_failures": False}, **facts)
    assert said(queue_settings.redelivery(again)) == [
        expected
        | {
            "signal": "redelivered",
            "says": {
                "backlog-receives": values,
                "backlog-receives-throttled": {},
                "backlog-receives-beyond": {"since": at(6)},
            },
            "span": Span(at(6), at(6), at(5), at(7), end=at(9)),
        }
    ]


@together(
    ("facts", "found"),
    [
        ({"queried": ("sent", "invocations")}, []),  # the receives were not counted
        ({"queried": ("sent", "received")}, ["received_once"]),  # 123 is up to 1.03 times 120
        ({"frame": RECEIVES.assign(received=[10.0] * 11 + [13.7])}, ["received_once"]),
        ({"frame": RECEIVES.assign(received=[10.0] * 11 + [13.7]), "queried": ("sent", "received")}, []),
        ({"hidden": REDELIVERY}, []),  # hidden messages are another signal
        ({"hidden": REDELIVERY, "redelivery": REDELIVERY}, []),  # and failed messages may be reported
        ({"redelivery": REDELIVERY, "balance": SimpleNamespace(duplicate_deletes=1)}, ["redelivered"]),
        ({"redelivery": REDELIVERY, "settings": {"reports_failures": False}}, ["redelivered"]),
        ({"redelivery": REDELIVERY, "settings": {"reports_failures": True}}, ["redelivered"]),
    ],
)
def test_receives_say_whether_messages_came_back_where_it_was_counted(facts, found):
    facts = {"frame": RECEIVES, "queried": COUNTERS} | facts
    assert signals(queue_settings.redelivery(context_of(**facts))) == found


def test_without_messages_sent_there_are_no_receives_per_message():
    nothing = RECEIVES.assign(received=0.0)
    [found] = said(queue_settings.redelivery(context_of(nothing, queried=("received",))))
    assert found["signal"] == "received_once" and "effect" not in found


@together(
    ("limit", "timeout", "signal"),
    [(30.0, None, "visibility_short"), (31.0, 20.0, "visibility_long"), (30.9, 20.0, "visibility_short")],
)
def test_the_visibility_timeout_is_compared_with_long_invocations(limit, timeout, signal):
    # Nine of ten invocations took 30.9 s at most: the 0.9 quantile of 30, 30, ..., 30 and 39 among eleven
    # is 30; among ten, it lies a tenth of the way from the ninth to the tenth value.
    frame = frame_of(duration_max_s=[30.0] * 9 + [40.0])
    run = 31.0
    settings = {"visibility_timeout_s": limit, "function_timeout_s": timeout}
    says = {"backlog-visibility-timeout": {"queue": "jobs", "limit": limit, "duration": pytest.approx(run)}}
    if timeout:
        says["backlog-function-timeout"] = {"timeout": timeout}
    assert said(queue_settings.visibility_timeout(context_of(frame, settings=settings))) == [
        {
            "signal": signal,
            "says": says,
            "rows": ("queues", (("queue", "=", "jobs"),)),
            "effect": pytest.approx(limit / run),
            "unit": "ratio",
        }
    ]
    hidden = {"hidden": REDELIVERY, "settings": settings}
    assert signals(queue_settings.visibility_timeout(context_of(frame, **hidden))) == []
    assert signals(queue_settings.visibility_timeout(context_of(frame, redelivery=REDELIVERY, **hidden))) == [
        signal
    ]


def test_no_visibility_timeout_or_duration_is_compared_with_nothing():
    settings = {"visibility_timeout_s": 30.0}
    assert signals(queue_settings.visibility_timeout(context_of(FRAME, settings=settings))) == []
    frame = frame_of(duration_max_s=[0.0])
    assert signals(queue_settings.visibility_timeout(context_of(frame))) == []
    [found] = said(queue_settings.visibility_timeout(context_of(frame, settings=settings)))
    assert found["signal"] == "visibility_long" and "effect" not in found


def test_hidden_messages_are_reported_with_both_timeouts():
    facts = {
        "hidden": Interval(at(6), at(9), "hidden_messages", count=5.0),
        "settings": {"visibility_timeout_s": 43_200.0, "function_timeout_s": 30.0},
    }
    assert said(queue_settings.hidden(context_of(FRAME, **facts))) == [
        {
            "signal": "hidden_long",
            "says": {
                "backlog-hidden": {
                    "queue": "jobs", "since": at(6), "hidden": 5, "limit": 43_200.0, "timeout": 30.0
                }
            },
            "rows": ("metrics", (("in_flight", "visible", "age_s"), at(6), at(9))),
            "effect": 5.0,
            "unit": "messages",
            # No invocation was longer than the timeout, so none shows when all was well: it may have begun
            # with the window, but the likeliest start is two intervals before its first effect.
            "span": Span(at(6), at(5), at(0), at(7), end=at(9)),
        }
    ]  # fmt: skip
    [unknown] = said(queue_settings.hidden(context_of(FRAME, hidden=facts["hidden"])))
    values = unknown["says"]["backlog-hidden"]
    assert (values["limit"], values["timeout"]) == (None, None)
    assert signals(queue_settings.hidden(context_of(FRAME, redelivery=REDELIVERY, **facts))) == []
    assert signals(queue_settings.hidden(context_of(FRAME))) == []


def test_messages_deleted_more_often_than_they_exist_were_worked_on_twice():
    facts = {"redelivery": REDELIVERY, "balance": SimpleNamespace(duplicate_deletes=4)}
    assert said(queue_settings.repeated_deletes(context_of(FRAME, **facts))) == [
        {
            "signal": "deleted_repeatedly",
            "says": {"backlog-deleted-repeatedly": {"queue": "jobs", "deletes": 4}},
            "rows": ("metrics", (("deleted", "sent"), None, None)),
            "effect": 4.0,
            "unit": "messages",
        }
    ]
    for lacking in ({"redelivery": None}, {"balance": SimpleNamespace(duplicate_deletes=0)}):
        assert said(queue_settings.repeated_deletes(context_of(FRAME, **facts | lacking))) == []


@pytest.mark.parametrize("name", ["redelivery", "hidden"])
def test_the_change_before_messages_came_back_or_hid_is_reported(name):
    change = [changed("queue_attributes", visibilitytimeout="8")]
    found = said(queue_settings.changed(context_of(FRAME, changes=change, **{name: REDELIVERY})))
    assert [(one["signal"], one["span"].start) for one in found] == [("visibility_changed", at(5))]
    assert said(queue_settings.changed(context_of(FRAME, changes=change))) == []


SURGE = Interval(at(4), at(8), "surge", count=400.0, base=40.0)
LATE = {"first_trouble": lambda: at(9)}


def test_a_surge_of_arrivals_is_reported_with_its_ratio_and_what_it_came_before():
    facts = {"queried": ("sent",), "surge": SURGE, "first_trouble": lambda: at(6)}
    expected = {
        "signal": "arrivals_rose",
        "says": {
            "backlog-arrivals-rose": {
                "queue": "jobs", "arrivals": 400, "span": (at(4), at(8)), "ratio": 10.0, "when": "before"
            }
        },
        "rows": ("metrics", (("sent",), None, None)),
        "effect": 10.0,
        "unit": "ratio",
        "span": Span(at(4), at(4), at(3), at(5), at(8), at(8)),
    }  # fmt: skip
    assert said(senders.arrivals(context_of(FRAME, **facts))) == [expected]


@together(
    ("facts", "signal", "when"),
    [
        ({"first_trouble": lambda: None}, "arrivals_rose_apart", "no-trouble"),
        ({"first_trouble": lambda: at(2)}, "arrivals_rose", "before"),  # within two intervals
        ({"first_trouble": lambda: at(1)}, "arrivals_rose_apart", "after"),
        ({"first_trouble": lambda: at(8)}, "arrivals_rose", "before"),
        (LATE, "arrivals_rose_apart", "after"),  # its backlog had drained
        # Counted as invocations, which retries raise too, it must rise two intervals before.
        ({"first_trouble": lambda: at(6), "queried": ("invocations",)}, "arrivals_rose", "before"),
        ({"first_trouble": lambda: at(5), "queried": ("invocations",)}, "arrivals_rose_apart", "after"),
        # A backlog that stood since the surge began is its work, however late it peaked.
        (LATE | {"worst": SimpleNamespace(start=at(4))}, "arrivals_rose", "before"),
        (LATE | {"worst": SimpleNamespace(start=at(3))}, "arrivals_rose_apart", "after"),
    ],
)
def test_arrivals_rose_before_the_trouble_or_apart_from_it(facts, signal, when):
    [found] = said(senders.arrivals(context_of(FRAME, **{"queried": ("sent",), "surge": SURGE} | facts)))
    assert (found["signal"], found["says"]["backlog-arrivals-rose"]["when"]) == (signal, when)


@together(
    ("facts", "by", "strength"),
    [
        ({"queried": ("sent", "invocations")}, "sent", None),
        ({"queried": ("invocations",)}, "invocations", 0.4),
        ({"queried": ("sent",), "surge": SURGE, "surge_daily": True}, "sent", None),
        ({"queried": ("received",)}, None, None),
    ],
)
def test_arrivals_that_kept_their_rhythm_are_usual(facts, by, strength):
    expected = {
        "signal": "arrivals_usual",
        "says": {"backlog-arrivals-usual": {"queue": "jobs", "by": by}},
        "rows": ("metrics", ((by,), None, None)),
    }
    expected |= {} if strength is None else {"strength": strength}
    assert said(senders.arrivals(context_of(FRAME, **facts))) == ([] if by is None else [expected])


def test_a_function_at_its_maximum_while_messages_waited_is_at_capacity():
    frame = frame_of(visible=[0.0, 1.0, 5.0, 5.0, 5.0, None], concurrency=[9.0, 2.0, 3.0, 4.0, None, 9.0])
    facts = {"surge": SURGE, "settings": {"max_concurrency": 3, "reserved_concurrency": 5}}
    assert said(senders.capacity(context_of(frame, **facts))) == [
        {
            "signal": "at_capacity",
            "says": {
                "backlog-at-capacity": {"function": "worker", "limit": 3, "share": pytest.approx(2 / 3)}
            },
            "rows": ("metrics", (("concurrency", "visible"), None, None)),
            "effect": pytest.approx(2 / 3),
            "unit": "share",
            "strength": pytest.approx(2 / 3),
        }
    ]
    for lacking in ({"surge": None}, {"settings": {}}, {"settings": {"max_concurrency": 5}}):
        assert said(senders.capacity(context_of(frame, **facts | lacking))) == []
    assert said(senders.capacity(context_of(frame_of(visible=[5.0], concurrency=[None]), **facts))) == []


THROTTLES = Interval(at(6), at(9), "throttles", count=60.0)


def test_throttled_deliveries_that_did_harm_have_a_span_unless_they_were_always_throttled():
    facts = {"queried": ("throttles",), "throttles": THROTTLES, "throttled_share": 0.2}
    facts["harms"] = ("throttles",)
    expected = {
        "signal": "throttled",
        "says": {"backlog-throttled": {"function": "worker", "deliveries": 60, "since": at(6), "share": 0.2}},
        "rows": ("metrics", (("throttles", "invocations"), None, None)),
        "effect": 0.2,
        "unit": "share",
        # In the third interval six ran at once, more than the five that ran while others were throttled.
        "span": Span(at(6), at(5), at(2), at(7), end=at(9)),
    }
    frame = frame_of(
        **RUNS, throttles=[0.0] * 6 + [20.0] * 3 + [0.0] * 3, concurrency=[6.0] * 3 + [5.0] * 5 + [4.0] * 4
    )
    assert said(concurrency.throttles(context_of(frame, **facts))) == [expected]
    [always] = said(concurrency.throttles(context_of(frame, **facts | {"throttled_always": True})))
    assert always == {name: value for name, value in expected.items() if name != "span"}
    [harmless] = said(concurrency.throttles(context_of(frame, **facts | {"harms": ("failures",)})))
    assert (harmless["signal"], harmless["says"]) == ("unthrottled", expected["says"])
    assert "span" not in harmless
    [none] = said(concurrency.throttles(context_of(FRAME, queried=("throttles",))))
    assert none["says"] == {"backlog-not-throttled": {"function": "worker"}}
    assert none["effect"] == 0.0
    assert said(concurrency.throttles(context_of(FRAME, throttles=THROTTLES))) == []


def test_the_reserved_concurrency_of_a_throttled_function_is_reported():
    facts = {"harms": ("throttles",), "settings": {"reserved_concurrency": 2}}
    assert said(concurrency.reserve(context_of(FRAME, **facts))) == [
        {
            "signal": "reserved_concurrency_low",
            "says": {"backlog-reserved-concurrency": {"function": "worker", "reserved": 2}},
            "rows": ("functions", (("function", "=", "worker"),)),
            "effect": 2.0,
            "unit": "executions",
        }
    ]
    assert (
        said(concurrency.reserve(context_of(FRAME, **facts | {"harms": (), "queried": ("throttles",)}))) == []
    )
    assert said(concurrency.reserve(context_of(FRAME, **facts | {"settings": {}}))) == []


def test_the_change_of_concurrency_before_the_first_throttle_is_reported():
    change = [changed("concurrency_set", reservedconcurrentexecutions="1")]
    found = said(concurrency.changed(context_of(FRAME, changes=change, throttles=THROTTLES)))
    assert [(one["signal"], one["span"].start) for one in found] == [("concurrency_changed", at(5))]
    assert said(concurrency.changed(context_of(FRAME, changes=change))) == []


DRIFT = LatencyDrift(at(2), at(1), at(3), 15.0, 1.0, 4.0, 0.2, 0.9)


@together(
    ("facts", "expected"),
    [
        (
            {"drift": DRIFT, "creeping": DRIFT},
            {
                "signal": "duration_drifts",
                "says": {
                    "backlog-duration-drifts": {
                        "function": "worker", "before": 1.0, "after": 4.0, "lasted": 54_000.0,
                        "correlation": 0.9, "share": 0.2,
                    }
                },
                "effect": 4.0,
                "unit": "ratio",
                # The last durations are as long as those after the drift, so it lasts.
                "span": Span(at(2), at(2), at(1), at(3)),
            },
        ),
        (
            {"drift": DRIFT},
            {
                "signal": "duration_steady",
                "says": {
                    "backlog-duration-steps": {"function": "worker", "lasted": 54_000.0, "share": 0.2}
                },
            },
        ),
        ({}, {"signal": "duration_steady", "says": {"backlog-duration-steady": {"function": "worker"}}}),
    ],
)  # fmt: skip
def test_a_duration_drifts_steps_or_is_steady(facts, expected):
    frame = frame_of(duration_avg_s=[1.0] * 3 + [4.0] * 9)
    rows = {"rows": ("metrics", (("duration_avg_s",), None, None))}
    assert said(api.drift(context_of(frame, queried=("duration_avg_s",), **facts))) == [expected | rows]
    assert said(api.drift(context_of(frame, **facts))) == []


def slow_look(during_s=2.0, each=1.0, slow=True, **facts):
    """Return the context of invocations that take longer from the sixth interval on, with messages each."""
    frame = frame_of(
        duration_avg_s=[1.0] * 6 + [during_s] * 3 + [9.0] * 3,
        received=[10.0] * 6 + [10.0 * each] * 6,
        invocations=[10.0] * 12,
        tried=[10.0] * 12,
        failed=[0.0] * 12,
    )
    interval = SimpleNamespace(start=at(6), end=at(9), grew_from=at(6), is_open=False)
    facts = {"settings": {"batch_size": 10}} | facts
    return context_of(frame, **{"slow" if slow else "worst": interval}, **facts)


def test_slower_invocations_are_compared_with_those_before():
    values = {"function": "worker", "during": 2.0, "before": 1.0, "since": at(6)}
    expected = {
        "signal": "slower_without_failures",
        "says": {"backlog-durations-compared": values, "backlog-failures-unknown": {}},
        "rows": ("metrics", (("duration_avg_s",), None, at(9))),
        "effect": 2.0,
        "unit": "ratio",
        "span": SPAN,
    }
    assert said(api.slower(slow_look())) == [expected]
    [waited] = said(api.slower(slow_look(slow=False, queried=("failed",))))
    says = {"backlog-durations-compared": values, "backlog-no-more-failures": {}}
    assert waited == expected | {"says": says}
    [same] = said(api.slower(slow_look(1.9)))
    assert (same["signal"], same["effect"]) == ("not_slower", 1.9) and "span" not in same
    assert said(api.slower(slow_look(failures=UNPOLLED))) == []
    assert said(api.slower(context_of(FRAME))) == []


def test_invocations_with_more_messages_may_take_as_many_times_as_long():
    [fuller] = said(api.slower(slow_look(3.0, each=1.5)))
    assert (fuller["signal"], fuller["effect"]) == ("slower_without_failures", 2.0)
    assert fuller["says"]["backlog-more-messages-each"] == {"ratio": 1.5}
    [hardly] = said(api.slower(slow_look(3.0, each=1.04)))
    assert "backlog-more-messages-each" not in hardly["says"]
    [little] = said(api.slower(slow_look(3.0, each=1.05)))
    assert "backlog-more-messages-each" in little["says"]
    [emptier] = said(api.slower(slow_look(3.0, each=0.5)))
    assert emptier["effect"] == 3.0


@pytest.mark.parametrize("name", ["failures", "slow"])
def test_a_change_of_the_host_before_failures_or_slow_invocations_is_reported(name):
    change = [changed("host")]
    found = said(api.changed(context_of(FRAME, changes=change, **{name: UNPOLLED})))
    assert [(one["signal"], one["span"].start) for one in found] == [("host_changed", at(5))]
    assert said(api.changed(context_of(FRAME, changes=change))) == []


# Thirty of forty attempts failed within three intervals, one at a time.
FAILURES = Interval(at(6), at(9), "failures", count=30.0, base=40.0)


def failing(failed=(1.0, 0.0, 1.0, 0.0, 1.0, 0.0), tried=2.0, dead=1, **facts):
    """Return the context of failures between good attempts."""
    frame = frame_of(failed=[0.0] * 3 + list(failed) + [0.0] * 3, tried=[tried] * 12)
    facts = {
        "failures": Interval(at(3), at(9), "failures"),
        "failing_days": ((at(3), at(9)),),
        "dead_lettered": dead,
        "settings": {"max_receive_count": 3},
    } | facts
    return context_of(frame, **facts)


def test_messages_that_failed_and_pass_later_are_counted():
    # Four failed tries and one dead message that took three of them: one of two messages passed later.
    seen = failing((1.0, 1.0, 1.0, 1.0, 0.0, 0.0))
    assert said(of_messages.retried(seen)) == [
        {
            "signal": "messages_pass_later",
            "says": {"backlog-messages-pass-later": {"dead": 1, "spent": 3, "failed": 4}},
            "rows": ("metrics", (("failed", "dlq_visible"), None, None)),
            "effect": 0.75,
            "unit": "share",
        }
    ]
    assert said(of_messages.retried(failing())) == [], "the dead message explains all failed tries"
    assert said(of_messages.retried(failing(dead=0))) == []


def test_the_same_messages_fail_at_every_try_while_others_pass():
    assert said(of_messages.alone(failing())) == [
        {
            "signal": "only_these_messages_fail",
            "says": {
                "backlog-only-these-fail": {
                    "dead": 1, "spent": 3, "failed": 3, "passed": 9, "function": "worker",
                    "attempts": "invocations",
                }
            },
            "rows": ("metrics", (("failed", "dlq_visible"), None, None)),
            "effect": 9.0,
            "unit": "messages",
        }
    ]  # fmt: skip
    assert said(of_messages.alone(failing((1.0, 1.0, 1.0, 1.0, 0.0, 0.0)))) == []
    assert said(of_messages.alone(failing(dead=0))) == []


@together(
    ("facts", "share"),
    [
        ({}, 1.0),
        ({"surge": None}, None),
        ({"surge_daily": True}, None),
        ({"failures": None}, None),
        ({"errors": {"message": 2, "code_or_message": 2, "timeout": 4}}, 1.0),
        ({"errors": {"message": 3, "timeout": 4}}, None),
        ({"surge": Interval(at(5), at(9), "surge")}, 1.0),  # two intervals before it at most
        ({"surge": Interval(at(6), at(9), "surge")}, None),
        ({"late": (0.2, 0.2, 0.2)}, 0.9),
        ({"late": (0.2, 0.2, 0.3)}, None),
    ],
)
def test_only_the_messages_of_a_surge_fail_and_later_ones_pass(facts, share):
    facts = dict(facts)
    late, counts = facts.pop("late", (0.0,) * 3), facts.pop("errors", {"message": 4})
    errors = LoggedErrors(Counter(counts), {}, sum(counts.values()), False)
    seen = failing(
        **{"surge": Interval(at(3), at(9), "surge"), "errors": errors} | facts,
    )
    seen.pipeline.frame.iloc[9:, seen.pipeline.frame.columns.get_loc("failed")] = late
    # The interval that the failures' end lies in is the first after them.
    expected = {
        "signal": "only_added_messages_fail",
        "says": {
            "backlog-only-added-fail": {
                "since": at(3), "share": pytest.approx(share), "function": "worker",
                "attempts": "invocations",
            }
        },
        "rows": ("metrics", (("failed", "sent"), None, None)),
        "effect": pytest.approx(share),
        "unit": "share",
    }  # fmt: skip
    assert said(of_messages.added(seen)) == ([] if share is None else [expected])


def test_after_failures_to_the_last_interval_nothing_is_known():
    seen = failing(
        surge=Interval(at(3), at(9), "surge"),
        errors=LoggedErrors(Counter(message=4), {}, 4, False),
        failures=Interval(at(3), at(13), "failures"),
    )
    assert said(of_messages.added(seen)) == []


def held_look(failed=3.0, **facts):
    """Return the context of a FIFO queue whose messages waited from the fourth interval to the seventh."""
    frame = frame_of(failed=[5.0] * 4 + [1.0, failed - 1.0, None, 5.0], visible=[5.0] * 8)
    facts = {
        "worst": SimpleNamespace(start=at(4), end=at(7)),
        "settings": {"is_fifo": True, "max_receive_count": 3},
        "dead_lettered": 1,
    } | facts
    return context_of(frame, **facts)


def test_messages_of_a_fifo_queue_wait_for_one_of_their_group():
    assert said(of_messages.held_up(held_look())) == [
        {
            "signal": "group_held_up",
            "says": {"backlog-group-held-up": {"failed": 3, "queue": "jobs", "since": at(4), "receives": 3}},
            "rows": ("metrics", (("failed", "visible"), at(4), at(7))),
            "effect": 3.0,
            "unit": "tries",
        }
    ]
    for facts in (
        {"failed": 2.0},
        {"dead_lettered": 0},
        {"worst": None},
        {"failures": FAILURES},
        {"settings": {"is_fifo": False, "max_receive_count": 3}},
        {"settings": {"is_fifo": True}},
    ):
        assert said(of_messages.held_up(held_look(**facts))) == [], facts


def items_look(counts, first=None, **facts):
    """Return the context of dead letters of items, which the settings call devices."""
    settings = WorkItemSettings(unit_en="device", unit_ja="機器", item_keys=("device_id",))
    table = {"queue_messages": pd.DataFrame({"body": []})}.get
    inv = SimpleNamespace(table=table, work_items=settings)
    frame = FRAME.assign(failed=[0.0] * 6 + [10.0] * 3 + [0.0] * 3)
    return context_of(frame, inv=inv, by_item=Counter(counts), main_item_first_sent=first, **facts)


def test_dead_letters_of_one_item_name_it_and_since_when():
    facts = {"failures": Interval(at(6), at(9), "failures"), "failing_days": ((at(6), at(9)),)}
    unit = {"en": "device", "ja": "機器"}
    values = {"dead": 4, "total": 5, "unit": unit, "item": "a"}
    expected = {
        "signal": "one_sender",
        "says": {"backlog-items": values | {"queue": "jobs", "share": 0.8, "others": 1}},
        "rows": (
            "queue_messages",
            (
                ("queue", "=", "jobs-dlq"), ("source_queue", "null or", "jobs"),
                ("work_item", "known", None),
            ),
        ),
        "effect": 0.8,
        "unit": "share",
        # Its first bad message was sent within the fourth interval.
        "span": Span(at(4), at(4), at(3), at(5), end=at(9), until=at(9)),
        "detail": {"backlog-item-dead-since": values | {"since": at(4.5)}},
    }  # fmt: skip
    assert said(of_messages.senders(items_look({"a": 4, "b": 1}, at(4.5), **facts))) == [expected]
    [undated] = said(of_messages.senders(items_look({"a": 4, "b": 1}, **facts)))
    assert undated["detail"] == {"backlog-item-dead": values}


def test_dead_letters_of_many_items_count_by_the_share_of_the_rest():
    [many] = said(of_messages.senders(items_look({"a": 2, "b": 1, "c": 1, "d": 1})))
    assert (many["signal"], many["effect"], many["strength"]) == ("many_senders", 0.4, 0.6)
    assert "span" not in many

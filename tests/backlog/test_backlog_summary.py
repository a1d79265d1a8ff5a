"""The summary of a diagnosis: which sentences it has, and their values."""

from dataclasses import replace
from types import SimpleNamespace

from worlds.messages import messages_in
from worlds.queue_contexts import at, frame_of, queue_of
from worlds.together import together

from watchme_analysis.backlog import summary
from watchme_analysis.backlog.changes import Change
from watchme_analysis.backlog.context import BacklogContext
from watchme_analysis.backlog.signals.queue_context import Span
from watchme_analysis.inference.findings import Evidence, Finding, Ranked
from watchme_analysis.queues.redelivery import UnmatchedReceives
from watchme_analysis.stats.intervals import Interval
from watchme_analysis.text.message import message

CALM = SimpleNamespace(visible=0, in_flight=0, dead_letters=SimpleNamespace(held=0))
CHANGE = Change(
    time=at(5), event_id="e-1", event_name="UpdateFunctionCode20150331v2", user="deployer",
    resource="worker", what=message("backlog-changed-code"), queues=("jobs",), kind="function_code",
)  # fmt: skip
EXTRA = {
    "dead_letters": 3, "lost": 0, "missed_work": [["a", "b"]] * 2, "missed_work_certain": True,
    "missed_work_may_have_run": None, "queues": ["jobs"], "error": None,
}  # fmt: skip
NEXT, LATER = message("missing-changes-what"), message("missing-changes-why")
BOUNDS = Span(at(6), at(6), at(5), at(7))


def context_of(*affected, others=(), changes=()):
    return BacklogContext((*affected, *others), affected, tuple(changes))


def named(queue, name, **settings):
    """Return a queue's analysis under another name."""
    pipeline = replace(queue.pipeline, queue=name, settings=replace(queue.pipeline.settings, **settings))
    queue.pipeline = pipeline
    return queue


def found_of(cause, verdict="supported", end=None, extra=(), **more):
    """Return a diagnosis of an incident that began in the sixth interval."""
    fields = {"secondary_cause": None, "confidence": 0.9, "missing_evidence": (), "ranking": ()}
    fields |= {"incident_start": at(6), "incident_end": end, "extra": EXTRA | dict(extra)} | more
    return SimpleNamespace(cause=cause, verdict=verdict, **fields)


def said(found, context, span=BOUNDS, change=None, unread=0, shown_by=()):
    """Return the messages of each paragraph of a summary."""
    judged = SimpleNamespace(span=span, shown_by=dict(shown_by))
    texts = summary.summary(found, context, judged, change, unread)
    return [
        {name: values for name, values in messages_in(text).items() if name != "sentences"} for text in texts
    ]


def test_a_healthy_system_is_said_with_what_is_dead_and_what_to_collect():
    found = found_of("healthy", "no_incident")
    assert said(found, context_of(others=[queue_of(), queue_of()])) == [
        {"backlog-all-well": {"queues": 2}},
        {"backlog-dead-and-lost": {"dead": 3, "lost": 0}},
        {"backlog-nothing-to-collect": {}},
    ]
    missing = SimpleNamespace(what=message("missing-changes-what"), why=message("missing-changes-why"))
    found.missing_evidence = (missing, None)
    [*_, collect] = said(found, context_of(queue_of()))
    values = {"what": "missing-changes-what", "why": "missing-changes-why"}
    assert collect["backlog-collect-next"] == values


def test_a_supported_cause_is_said_with_extent_remedy_and_all_beside_it():
    failures = Interval(at(6), at(9), "failures")
    worst = queue_of(
        failures=failures, dead_lettered=3, failing_days=((at(1), at(2)), (at(6), at(9))),
        balance=SimpleNamespace(visible=4, in_flight=2, dead_letters=SimpleNamespace(held=0)),
        settings={"max_receive_count": 1},
    )  # fmt: skip
    other = named(
        queue_of(
            frame_of(invocations=[1.0] * 60),
            slow=Interval(at(30), at(33), "slow"),
            first_trouble=lambda: at(30),
            harms=("slow",),
            balance=CALM,
            unmatched_receives=UnmatchedReceives(
                start=at(30), end=at(40), kind="unmatched_receives", count=40.0, base=50.0, deleted=0.0
            ),
        ),
        "other jobs",
    )
    found = found_of(
        "consumer_failing",
        end=at(9),
        extra={"queues": ["jobs", "other jobs"]},
        secondary_cause="arrival_surge",
    )
    context = context_of(worst, other)
    wide = replace(BOUNDS, earliest=at(4))
    first, second, remedy, *rest = said(found, context, wide, CHANGE, shown_by={"consumer_failing": "jobs"})
    assert first["backlog-cause"]["confidence"] == 0.9
    assert first["backlog-began-with-change"] == {
        "time": at(5), "change": "backlog-changed-code", "resource": "worker"
    }  # fmt: skip
    assert set(second) == {
        "backlog-queues-affected-during", "backlog-failing-days", "backlog-began-between",
        "backlog-dead-and-lost", "backlog-missing-work",
    }  # fmt: skip
    # The other queue's trouble began well after the incident's end.
    assert second["backlog-queues-affected-during"] == {
        "queues": ["jobs"],
        "number": 1,
        "span": (at(6), at(9)),
    }
    assert second["backlog-failing-days"] == {"days": 2}
    assert second["backlog-began-between"] == {"earliest": at(4), "latest": at(7)}
    assert second["backlog-missing-work"] == {"missing": 2}
    assert "backlog-remedy" in remedy
    assert rest == [
        {"backlog-one-receive": {"queues": ["jobs"], "setting": "maxReceiveCount"}},
        {
            "backlog-trouble-elsewhere": {
                "queue": "other jobs", "span": (at(30), at(40)), "kinds": ["backlog-harm-slow"],
                "option": "--queue 'other jobs'",
            },
            "backlog-harm-slow": {},
        },
        {
            "backlog-unmatched-receives": {
                "received": 40, "queue": "other jobs", "function": "worker", "span": (at(30), at(40))
            },
            "backlog-unmatched-returned": {},
        },
    ]  # fmt: skip


@together(
    ("visible", "in_flight", "stalled", "expected"),
    [
        (4, 2, False, {"backlog-still-waiting": {"waiting": 6}}),
        (4, 2, True, {"backlog-still-waiting-behind-mapping": {"waiting": 6}}),
        (0, 0, True, None),
        (0, 1, False, {"backlog-still-waiting": {"waiting": 1}}),
    ],
)
def test_messages_that_wait_are_said_while_the_incident_is_open(visible, in_flight, stalled, expected):
    balance = SimpleNamespace(visible=visible, in_flight=in_flight)
    context = context_of(queue_of(balance=balance, stalled=stalled))
    # Slow invocations of several days are said of causes at the function or the API only.
    _, second, *_ = said(found_of("arrival_surge"), context)
    waiting = {name: values for name, values in second.items() if "still-waiting" in name}
    assert waiting == (expected or {})
    assert second["backlog-queues-affected-during"]["span"] == (at(6), None)
    assert "backlog-failing-days" not in second


@together(
    ("cause", "days", "is_said"),
    [
        ("consumer_failing", 2, True),
        ("consumer_failing", 1, False),
        ("downstream_down", 2, True),
        ("arrival_surge", 2, False),
    ],
)
def test_failures_of_several_days_are_said_of_function_and_api(cause, days, is_said):
    context = context_of(queue_of(failing_days=((at(1), at(2)),) * days, balance=CALM))
    assert (summary._days(context, cause) is not None) is is_said
    assert summary._days(context_of(), cause) is None


@together(
    ("span", "expected"),
    [
        (BOUNDS, {}),  # two intervals
        (replace(BOUNDS, latest=at(7.1)), {"backlog-began-between": {"earliest": at(5), "latest": at(7.1)}}),
        (replace(BOUNDS, perhaps_before=True, latest=at(9)), {"backlog-perhaps-before": {}}),
        (None, {}),
    ],
)
def test_the_bounds_of_a_start_are_said_where_they_are_far_apart(span, expected):
    judged = SimpleNamespace(span=span)
    assert messages_in(summary._bounds(context_of(queue_of()), judged)) == expected
    assert summary._bounds(context_of(), judged) is None


@together(
    ("extra", "unread", "message_id", "values"),
    [
        ({"lost": 4, "unread_dumps": ["f"]}, 1, "backlog-missing-work-lost", {"lost": 4}),
        ({"unread_dumps": ["f"]}, 1, "backlog-missing-work-unread-files", {"files": ["f"]}),
        ({}, 5, "backlog-missing-work-unread", {"unread": 5}),
        ({}, 0, "backlog-missing-work", {}),
    ],
)
def test_the_number_of_missing_work_says_how_certain_it_is(extra, unread, message_id, values):
    found = summary._missing_work(EXTRA | extra, unread)
    assert messages_in(found) == {message_id: {"missing": 2} | values}


def test_an_incident_without_a_start_is_said_without_a_time():
    _, second, *_ = said(found_of("arrival_surge", incident_start=None), context_of(queue_of(balance=CALM)))
    assert second["backlog-queues-affected"] == {"queues": ["jobs"], "number": 1}


def ranked(*shares, weight=1.0):
    causes = ("consumer_failing", "throttled", "arrival_surge", "slow_leak")
    evidence = (Evidence("", "metrics", 1, weight),) if weight else ()
    return [
        Ranked(Finding(cause, evidence, next_test=message("missing-changes-what")), share, "inconclusive")
        for cause, share in zip(causes, shares, strict=False)
    ]


def undecided(ranking, queues=("jobs",), **more):
    return found_of(None, "inconclusive", ranking=ranking, extra={"queues": queues}, **more)


def test_an_open_verdict_says_the_causes_the_queues_and_the_next_step():
    once = queue_of(dead_lettered=1, settings={"max_receive_count": 1})
    first, second, third, one = said(undecided(ranked(0.5, 0.3)), context_of(once))
    assert first["backlog-not-separated"]["number"] == 2
    assert second == {"backlog-queues-affected-since": {"queues": ["jobs"], "number": 1, "since": at(6)}}
    assert third["backlog-nothing-to-collect"] == {}
    assert third["backlog-next-test"] == {"test": "missing-changes-what"}
    assert one == {"backlog-one-receive": {"queues": ["jobs"], "setting": "maxReceiveCount"}}


@together(
    ("queues", "start", "expected"),
    [
        ([], at(6), {"backlog-no-queue-measured": {}}),
        (["a", "b"], None, {"backlog-queues-affected": {"queues": ["a", "b"], "number": 2}}),
    ],
)
def test_an_open_verdict_names_the_queues_with_trouble(queues, start, expected):
    _, second, _ = said(undecided(ranked(0.5, 0.3), queues, incident_start=start), context_of(queue_of()))
    assert second == expected
    _, none, _ = said(undecided(ranked(0.5, 0.3), ()), context_of())
    assert none == {"backlog-no-queue-recorded": {}}


@together(
    ("shares", "number"),
    [((0.5, 0.4, 0.25), 3), ((0.5, 0.4, 0.24), 2), ((0.6, 0.2), 1), ((0.2, 0.2, 0.2, 0.2), 4)],
)
def test_causes_that_the_evidence_does_not_tell_apart_are_one_group(shares, number):
    first, _, third = said(undecided(ranked(*shares)), context_of(queue_of()))
    assert first["backlog-not-separated"]["number"] == number
    assert "backlog-next-test" in third


@together(("weight", "is_supported"), [(0.0, False), (-0.1, False), (0.1, True)])
def test_causes_that_nothing_supports_are_said_to_be_so(weight, is_supported):
    found = undecided(ranked(0.5, 0.3, weight=weight))
    first, *_ = said(found, context_of(queue_of()))
    assert ("backlog-nothing-supports" not in first) is is_supported
    if not is_supported:
        assert first["backlog-nothing-supports"] == {"causes": 2}


def test_receives_that_no_cause_explains_lead_to_another_consumer():
    taken = UnmatchedReceives(
        start=at(2), end=at(8), kind="unmatched_receives", count=40.0, base=50.0, deleted=0.0
    )
    found = undecided(ranked(0.5, 0.3, 0.1))
    first, second, third = said(found, context_of(queue_of(unmatched_receives=taken)))
    assert first["backlog-no-cause-explains"] == {"causes": 3}
    assert first["backlog-unmatched-receives"]["received"] == 40
    assert "backlog-queues-affected-since" in second
    assert third == {"backlog-look-for-consumer": {}}


@together(
    ("cause", "facts", "changes", "is_said"),
    [
        ("downstream_slow", {}, [CHANGE], True),
        ("downstream_down", {}, [CHANGE], True),
        ("consumer_failing", {}, [CHANGE], False),
        ("downstream_slow", {"failures": None}, [CHANGE], False),
        ("downstream_slow", {}, [], False),
        ("downstream_slow", {}, [replace(CHANGE, table="functions")], False),
    ],
)
def test_a_change_right_before_an_api_failed_is_mentioned(cause, facts, changes, is_said):
    facts = {"failures": Interval(at(6), at(9), "failures")} | facts
    context = context_of(queue_of(**facts), changes=changes)
    found = summary._also_changed(found_of(cause), context)
    expected = {"time": at(5), "change": "backlog-changed-code", "resource": "worker"}
    assert [messages_in(one)["backlog-also-changed"] for one in found] == [expected] * is_said
    assert summary._also_changed(found_of(cause), context_of(changes=changes)) == []


def test_messages_that_a_dlq_held_before_are_said_once_for_each_dlq():
    older = SimpleNamespace(dead_letters=SimpleNamespace(held=7))
    context = context_of(queue_of(balance=older), others=[queue_of(balance=older)])
    assert [messages_in(one) for one in summary.older_dead_letters(context)] == [
        {"backlog-older-dead-letters": {"dlq": "jobs-dlq", "dead": 7}}
    ]
    assert summary.older_dead_letters(context_of(queue_of(balance=CALM))) == []


@together(
    ("dead", "receives", "number"),
    [(1, 1, 1), (0, 1, 0), (1, 2, 0), (1, None, 0)],
)
def test_one_receive_is_said_of_queues_with_dead_letters(dead, receives, number):
    queue = queue_of(dead_lettered=dead, settings={"max_receive_count": receives})
    assert len(summary._one_receive(context_of(queue))) == number

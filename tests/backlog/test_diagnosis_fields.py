"""The fields of a diagnosis: its change, its error, its dead letters and its verdict."""

from types import SimpleNamespace

from worlds.one_queue import Tables, investigation
from worlds.queue_contexts import at, queue_of
from worlds.together import together

from watchme_analysis.backlog import diagnosis
from watchme_analysis.backlog.changes import Change
from watchme_analysis.backlog.context import BacklogContext, backlog_context
from watchme_analysis.backlog.judge import Judgement, Undoing
from watchme_analysis.backlog.missing import unread_dead_letters, unread_dumps
from watchme_analysis.backlog.signals.queue_context import QueueObservation, Span
from watchme_analysis.stats.intervals import Interval
from watchme_analysis.text.message import message


def change(kind="function_code", interval=5, queues=("jobs", "more"), **settings):
    what = message("backlog-changed-code")
    return Change(at(interval), "e", "UpdateFunctionCode", None, None, what, queues, kind, settings)


def context_of(*affected, others=(), changes=()):
    return BacklogContext((*affected, *others), affected, tuple(changes))


SPAN = Span(at(5), at(5), at(4), at(6))


def judgement(cause="consumer_failing", probability=0.9, secondary=None, lead=None, span=SPAN, end=None):
    top = SimpleNamespace(probability=probability, finding=SimpleNamespace(cause=cause, evidence=()))
    return Judgement((top,), cause, secondary, {}, {cause: lead} if lead else {}, span, end)


@together(
    ("event", "interval", "is_found"),
    [
        ("UpdateFunctionCode", 5, True),
        ("function_code", 5, True),
        ("alias_updated", 5, False),
        ("UpdateFunctionCode", 6, False),
        (None, 5, False),
    ],
)
def test_the_change_of_a_cause_is_the_one_that_dates_it(event, interval, is_found):
    lead = QueueObservation("function_changed", "", "changes", 1, queue="jobs", span=SPAN, event=event)
    given = change(interval=interval)
    context = context_of(changes=[change(interval=4), given])
    found = diagnosis._change(context, judgement(lead=lead), "consumer_failing")
    assert found == (given if is_found else None)
    assert diagnosis._change(context_of(changes=[given]), judgement(), "consumer_failing") is None


def test_changes_that_end_a_cause_are_listed_for_each_queue():
    on = change("mapping_updated", enabled="true")
    found = diagnosis._undoing(context_of(changes=[on, change("purge")]))
    assert found == [Undoing(at(5), name, on.undoes) for name in ("jobs", "more")]
    assert on.undoes


def logged(leading="KeyError: 'x'", count=3, total=4):
    return SimpleNamespace(leading=leading, leading_count=count, total=total)


FAILURES = Interval(at(4), at(8), "failures")


@together(
    ("facts", "cause", "secondary", "is_quoted"),
    [
        ({}, "consumer_failing", None, True),
        ({}, None, None, True),
        ({}, "mapping_disabled", None, False),  # errors say nothing for it
        ({}, "mapping_disabled", "downstream_saturated", True),
        ({"failures": None}, "consumer_failing", None, False),
        ({"errors": logged("")}, "consumer_failing", None, False),
    ],
)
def test_the_leading_error_is_that_of_the_worst_failing_function(facts, cause, secondary, is_quoted):
    worst = queue_of(**{"failures": FAILURES, "errors": logged()} | facts)
    found = diagnosis.leading_error(context_of(worst), judgement(cause, secondary=secondary))
    quoted = {"function": "worker", "text": "KeyError: 'x'", "count": 3, "total": 4}
    assert found == (quoted if is_quoted else None)


def test_a_log_alone_leads_with_the_function_that_logged_one_error_most():
    def event(place, function, text):
        return {"ptr": str(place), "function": function, "kind": "error", "message": text, "time": at(place)}

    texts = (("a", "KeyError: 1"), ("b", "TypeError: x"), ("b", "TypeError: x"), ("b", "OSError: y"))
    events = [event(place, *text) for place, text in enumerate(texts)]
    found = diagnosis.error_of_logs(investigation(log_events=events))
    assert found == {"function": "b", "text": "TypeError: x", "count": 2, "total": 3}
    assert diagnosis.error_of_logs(investigation()) is None
    end = event(0, "a", "END") | {"kind": "end"}
    assert diagnosis.error_of_logs(investigation(log_events=[end])) is None


@together(
    ("cause", "verdict"),
    [("healthy", "no_incident"), (None, "inconclusive"), ("throttled", "supported")],
)
def test_a_verdict_follows_from_the_named_cause(cause, verdict):
    found = diagnosis._concluded(investigation(), judgement(cause, end=at(9), secondary="x"))
    assert (found.question, found.case, found.verdict, found.cause) == ("backlog", "made-up", verdict, cause)
    assert (found.incident_start, found.incident_end, found.secondary_cause) == (at(5), at(9), "x")
    assert (found.confidence == 0.9) == (cause is None)
    assert diagnosis._concluded(investigation(), judgement(cause, span=None)).incident_start is None


def test_times_are_written_with_their_milliseconds():
    assert diagnosis._in_iso({"first": at(0), "times_raised": 1}) == {
        "first": "2026-11-24T10:00:00.000+00:00", "times_raised": 1
    }  # fmt: skip


def test_a_context_has_the_worst_queue_first_and_all_changes_in_order():
    queues = [
        {"queue": name, "visible": 0, "in_flight": 0, "modified_at": at(1)} for name in ("jobs", "more")
    ]
    metrics = [
        {
            "time": at(place), "namespace": "AWS/SQS", "metric": "NumberOfMessagesSent", "resource": name,
            "stat": "Sum", "period_s": 300, "value": 1.0,
        }
        for name in ("jobs", "more")
        for place in range(12)
    ]  # fmt: skip
    purge = {
        "time": at(0), "event_id": "e", "event_name": "PurgeQueue", "read_only": False, "resource": "jobs",
        "resources": "[]", "parameters": "{}",
    }  # fmt: skip
    found = backlog_context(investigation(queues=queues, metrics=metrics, changes=[purge]))
    assert [item.pipeline.queue for item in found.queues] == ["jobs", "more"] and found.affected == ()
    assert [one.time for one in found.changes] == [at(0), at(1), at(1)]
    inv = investigation(queues=queues, metrics=metrics)
    inv.options["queue"] = "more"
    assert [item.pipeline.queue for item in backlog_context(inv).queues] == ["more"]


def test_dead_letters_without_work_are_those_without_a_body_or_a_day():
    messages = [
        {
            "queue": "jobs-dlq", "message_id": f"m-{place}", "source_queue": "jobs", "sent_at": at(2),
            "body": body,
        }
        for place, body in enumerate(('{"a": 1}', None))
    ]  # fmt: skip
    queues = [{"queue": "jobs", "dlq": "jobs-dlq"}, {"queue": "jobs-dlq", "visible": 5}]
    inv = investigation(queue_messages=messages, queues=queues)
    [queue] = backlog_context(inv).queues
    # Five were left, of which two were read, and neither names a day.
    assert queue.dead_lettered == 5
    assert unread_dead_letters(inv, BacklogContext((queue,), (), ())) == 3 + 2
    assert unread_dumps(inv) == []
    broken = Tables()
    broken.unread = (
        SimpleNamespace(file="a.json", tables=("queue_messages",)), SimpleNamespace(file="b.json", tables=())
    )  # fmt: skip
    assert unread_dumps(SimpleNamespace(case=broken)) == ["a.json"]

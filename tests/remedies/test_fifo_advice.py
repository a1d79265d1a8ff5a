"""Advice on FIFO and fair queues: what is recommended, why, and the groups of a case."""

from dataclasses import fields, replace

from worlds.messages import messages_in
from worlds.stored_case import case_of

from watchme_analysis.remedies.fifo_advice import Groups, advice_of, groups_of_case, kinds_of
from watchme_analysis.simulation.scenarios import Comparison, Load
from watchme_analysis.simulation.settings import Outcome, PollerSettings, QueueSettings, Settings


def outcomes(steps=(-1, 0, 1), in_flight=30, **values):
    empty = {each.name: 0 for each in fields(Outcome)} | {
        "series": ((0.0, 0, in_flight, 0, 0.0), (60.0, 0, 1, 0, 0.0)),
        "drained_s": None,
        "mean_wait_s": None,
    }
    return tuple(
        Outcome(**{**empty, **{name: mean + step for name, mean in values.items()}}) for step in steps
    )


BASE = Settings(QueueSettings(180.0), PollerSettings(10, max_concurrency=2))


def advised(now, fifo, fair, settings=BASE):
    rows = [
        Comparison(scenario, outcomes(**values))
        for scenario, values in zip(kinds_of(settings, Load((1.0,))), (now, fifo, fair), strict=True)
    ]
    return advice_of("orders", rows, Groups({"a": 8, "b": 2}, {"b": 1}))


def test_the_advice_prefers_what_needs_no_migration_and_accepts_no_harm():
    slow, quick = {"others_wait_s": 600.0}, {"others_wait_s": 60.0}
    assert advised(slow, quick, quick).kind == "fair"
    assert advised(slow, quick, slow).kind == "fifo"
    assert advised(slow, slow, slow).kind == "neither"
    assert advised(slow, {**quick, "dead_lettered": 90}, slow).kind == "neither"
    twice = {"duplicates": 90}
    assert advised({**slow, **twice}, quick, {**quick, **twice}).kind == "fifo"


def test_the_reasons_have_the_numbers_of_the_case():
    reasons = {each.id: messages_in(each)[each.id] for each in advised({}, {}, {}).reasons}
    assert reasons["fifo-advice-groups"] == {"count": 2, "messages": 10, "name": "a", "share": 0.8}
    assert reasons["fifo-advice-unreached"]["in_flight"] == 20
    assert reasons["fifo-advice-blocks"] == {
        "blocked": 540.0, "receives": 3, "visibility": 180.0, "failing": 1, "groups": 1
    }  # fmt: skip
    free = replace(BASE, poller=PollerSettings(10))
    assert "fifo-advice-criterion" in {each.id for each in advised({}, {}, {}, free).reasons}


def row(message_id, body, queue="orders-dlq", source="orders", **more):
    return {"message_id": message_id, "queue": queue, "source_queue": source, "body": body, **more}


def test_groups_are_those_of_failed_messages_and_of_work_in_the_log():
    def logged(request, text, kind="application", function="worker"):
        return {"request_id": request, "kind": kind, "function": function, "message": text}

    done = 'order_id="o-1" placed_at=2026-03-02T04:00:00Z'
    case = case_of(
        queue_messages=[
            row("1", '{"order_id": "o-2", "placed_at": "2026-03-02T04:00:00Z"}', group_id="eu"),
            row("2", '{"order_id": "o-2", "placed_at": "2026-03-02T04:01:00Z"}', work_item="o-2"),
            row("3", '{"order_id": "o-2", "placed_at": "2026-03-02T04:02:00Z"}', work_item="o-2"),
            row("4", "no work", None),
            row("5", '{"order_id": "o-9"}', queue="orders", source=None, work_item="o-9"),
            row("6", '{"order_id": "o-8"}', source="other", work_item="o-8"),
        ],
        log_events=[
            logged("r1", done),
            logged("r1", "END", "end"),
            logged("r2", done.replace("04:00", "04:05")),
            logged("r2", "END", "end"),
            logged("r3", done, function="another"),
            logged("r3", "END", "end", "another"),
        ],
    )
    # The group id, else the work item; work of another function is not that of the queue.
    failing = {"eu": 1, "o-2": 2, "o-9": 1}
    assert groups_of_case(case, "orders", "worker") == Groups({**failing, "o-1": 2}, failing)
    assert groups_of_case(case, "orders", None) == Groups(failing, failing)
    assert groups_of_case(case, "absent", None) == Groups({}, {})

"""Signals of harm over all queues: each observation as a whole."""

from dataclasses import replace
from types import SimpleNamespace

from worlds.backlog_world import World
from worlds.messages import messages_in, plain
from worlds.queue_contexts import at, context_of, frame_of, said
from worlds.together import together

from watchme_analysis.backlog.signals import harm
from watchme_analysis.backlog.signals.harm import OF_WORK, WATCHED
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.stats.intervals import Interval


def test_the_worst_queue_is_named_with_the_kinds_of_its_harm():
    calm, worst = context_of(), context_of(harms=("dead_letters", "failures"))
    assert said(harm.harm([calm, worst, context_of(harms=("slow",))])) == [
        {
            "signal": "harm",
            "says": {
                "backlog-harmed": {
                    "affected": 2, "queues": 3, "worst": "jobs",
                    "kinds": ["backlog-harm-dead-letters", "backlog-harm-failures"],
                },
                "backlog-harm-dead-letters": {},
                "backlog-harm-failures": {},
            },
            "rows": (
                "metrics",
                (
                    (
                        "sent", "received", "visible", "age_s", "dlq_visible", "invocations", "errors",
                        "duration_avg_s", "throttles",
                    ),
                    None,
                    None,
                ),
            ),
        }
    ]  # fmt: skip
    assert said(harm.harm([calm])) == []


def of_world(*facts):
    """Return contexts of the queue of a world, one for each set of facts, that read its tables."""
    inv = Investigation(World(hours=1), "backlog")
    return [context_of(inv=inv, **each) for each in facts]


def test_no_harm_is_as_sure_as_metrics_are_watched():
    both = of_world({"queried": ("sent", "errors", "in_flight")}, {"queried": ("errors", "throttles")})
    [found] = harm.no_harm(both)
    assert messages_in(found.statement) == {"backlog-no-harm": {"queues": 2, "metrics": ["Errors"]}}
    assert (found.signal, found.strength, found.effect) == ("no_harm", 1 / 8, 1 / 8)
    assert (found.effect_unit, found.table, found.rows) == ("share of metrics", "metrics", 0)
    [found] = harm.no_harm(of_world({"queried": WATCHED}))
    assert found.strength == 1.0
    # The world's queue is called `jobs` as well: 60 points each of four series.
    assert found.rows == 4 * 60
    assert "NumberOfMessagesSent" in found.sql and "where" in found.sql


@together(
    "facts",
    [
        [],
        [{"queried": ()}],
        [{"queried": WATCHED, "frame": frame_of(invocations=[])}],
        [{"queried": WATCHED}, {"queried": WATCHED, "harms": ("slow",)}],
    ],
)
def test_without_metrics_or_with_harm_nothing_is_well(facts):
    assert list(harm.no_harm(of_world(*facts))) == []


def test_metrics_of_work_that_a_queue_lacks_are_named():
    partly = tuple(name for name in OF_WORK if name != "age_s")
    [found] = harm.blind(of_world({"queried": OF_WORK}, {"queried": partly}))
    missing = ["ApproximateAgeOfOldestMessage"]
    assert found.signal == "metrics_of_work_missing"
    assert messages_in(found.statement) == {"backlog-metrics-missing": {"metrics": missing}}
    # The queries of the world name the metric once.
    assert (found.table, found.rows) == ("metric_queries", 1)
    assert found.sql == "select * from metric_queries where metric in ('ApproximateAgeOfOldestMessage')"
    assert list(harm.blind(of_world({"queried": OF_WORK}))) == []
    assert list(harm.blind(of_world({"harms": ("slow",)}))) == []
    assert list(harm.blind([])) == []


def receives_look(received, sent=1000.0, failed=0.0, throttles=0.0, **facts):
    """Return the context of a queue with these sums."""
    counts = {"sent": sent, "received": received, "failed": failed, "throttles": throttles}
    frame = frame_of(**{name: [value] for name, value in counts.items()})
    return context_of(frame, **{"queried": tuple(counts)} | facts)


def test_messages_that_came_back_without_a_failure_are_counted():
    assert said(harm.received_again([receives_look(1038.0, failed=5.0, throttles=2.0)])) == [
        {
            "signal": "received_again",
            "says": {
                "backlog-received-again": {"queue": "jobs", "received": 1038, "sent": 1000, "explained": 7}
            },
            "rows": ("metrics", (("sent", "received", "failed", "throttles"), None, None)),
            "effect": 1.038,
            "unit": "receives per message",
        }
    ]


@together(
    ("seen", "number"),
    [
        (receives_look(1029.9), 0),  # up to 3 % are ordinary
        (receives_look(1030.1), 1),
        (receives_look(110.0, sent=100.0), 1),
        (receives_look(109.9, sent=100.0), 0),  # fewer than ten
        (receives_look(1050.0, failed=21.0), 0),
        (receives_look(1050.0, throttles=21.0), 0),
        (receives_look(1050.0, settings={"reports_failures": False}), 0),
        (receives_look(1050.0, queried=("sent",)), 0),
        (receives_look(1050.0, queried=("sent", "received"), failed=1000.0), 1),  # not counted, 0
        (receives_look(1050.0, harms=("slow",)), 0),
    ],
)
def test_receives_beyond_the_messages_and_their_failures_are_from_three_percent_on_again(seen, number):
    assert len(said(harm.received_again([seen]))) == number


def test_each_queue_is_looked_at_and_without_messages_sent_the_ratio_is_unknown():
    settled = receives_look(1050.0, settings={"reports_failures": True})
    [found] = said(harm.received_again([settled, receives_look(20.0, sent=0.0)]))
    assert "effect" not in found


def test_slow_hours_without_waiting_messages_are_ordinary():
    slow = Interval(at(2), at(8), "slow")
    assert said(harm.ordinary([context_of(), context_of(slow=slow, slow_harmless=True)])) == [
        {
            "signal": "slower_without_harm",
            "says": {"backlog-slow-without-harm": {"function": "worker", "span": (at(2), at(8))}},
            "rows": ("metrics", (("duration_avg_s", "invocations"), at(2), at(8))),
            "effect": 30.0,
            "unit": "min",
        }
    ]
    assert said(harm.ordinary([context_of(slow=slow)])) == []
    assert said(harm.ordinary([context_of(slow=slow, slow_harmless=True), context_of(harms=("slow",))])) == []


def test_a_daily_peak_is_reported_once():
    peaks = [SimpleNamespace(daily=False), SimpleNamespace(daily=True)]
    assert said(harm.ordinary([context_of(), context_of(episodes=peaks), context_of(episodes=peaks)])) == [
        {
            "signal": "daily_peak",
            "says": {"backlog-daily-peak": {"queue": "jobs"}},
            "rows": ("metrics", (("visible", "in_flight", "age_s"), None, None)),
        }
    ]
    assert said(harm.ordinary([context_of(episodes=peaks[:1])])) == []


def test_single_bad_messages_are_a_share_of_those_sent_and_may_come_together():
    # Twelve is the clustering of one random set in a thousand, seven of one in ten.
    frame = frame_of(sent=[100.0, 60.0])
    facts = {"queried": ("sent",), "only_sporadic": True, "dead_lettered": 4, "clustering": 12.0}
    alone = {
        "signal": "sporadic_dead_letters",
        "says": {"backlog-sporadic": {"dead": 4, "sent": 160, "queue": "jobs", "share": 0.025}},
        "rows": ("metrics", (("failed", "sent", "dlq_visible"), None, None)),
        "effect": 0.025,
        "unit": "share",
    }
    together = {
        "signal": "dead_letters_close_together",
        "says": {
            "backlog-clustered": {"dead": 4, "sent": 160, "queue": "jobs", "beyond": "more-than-99-of-100"}
        },
        "rows": alone["rows"],
        "effect": 12.0,
        "unit": "log-likelihood ratio",
    }
    assert said(harm.sporadic([context_of(), context_of(frame, **facts)])) == [alone, together]
    assert said(harm.sporadic([context_of(frame, **facts | {"clustering": 7.0})])) == [alone]


def test_a_look_names_the_queue_its_function_and_what_is_counted():
    seen = context_of(queried=("sent",))
    assert (plain(seen.name), plain(seen.function)) == ("jobs", "worker")
    assert plain(seen.attempts) == "invocations"
    assert seen.step == at(1) - at(0) and seen.function_change is None
    assert seen.has("sent") and not seen.has("sent", "received") and seen.has()
    unnamed = context_of()
    unnamed.queue.pipeline = replace(unnamed.queue.pipeline, function=None, by_message=True)
    assert (plain(unnamed.function), plain(unnamed.attempts)) == ("Lambda", "messages")

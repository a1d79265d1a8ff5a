"""The digest of a period: figures, texts, and one delivery."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count

import pandas as pd
import pytest
from worlds.deliveries import DAY, NO_WAIT, Checkpoints, Killed, Received, at, diagnosis, killable, world

from watchme_analysis.config import System
from watchme_analysis.delivery.digest import Digest, digest_content, period_of
from watchme_analysis.delivery.run import Run, run_system
from watchme_analysis.delivery.state import State
from watchme_analysis.delivery.telemetry import Telemetry, TelemetryCost, cost_of, telemetry_of
from watchme_analysis.errors import ServiceError
from watchme_analysis.storage.records import from_json
from watchme_analysis.text.render import label
from watchme_analysis.window import Window, parse_zone

WEEK = timedelta(days=7)
FAILING = {"start": 1, "cause": "consumer_failing"}
HARM = {"dead_letters": 5, "lost_messages": 1, "late_messages": 7, "work_items": 1}


def standard_alarm(name, first):
    """Return a standard alarm that first fires at a time, and an hour later by periods of the clock."""
    late = None if first is None else first + timedelta(hours=1)
    by_clock, sliding = (
        {"times_raised": int(each is not None), "first": None if each is None else each.isoformat()}
        for each in (late, first)
    )
    return {"alarm": name, "resource": "orders-dlq", **by_clock, "sliding": sliding}


def test_a_period_ends_at_the_last_midnight_of_the_reader():
    tokyo, now = parse_zone("Asia/Tokyo"), datetime(2025, 11, 25, 16, tzinfo=UTC)  # there it is one o'clock
    midnights = [datetime(2025, 11, day, tzinfo=tokyo) for day in (25, 26)]
    assert period_of(timedelta(days=1), now, tokyo) == Window(*midnights)


def week(folder, **senders):
    """Return a world after a day with one incident, a failed run and two alarms."""
    found = world(folder, **senders)
    found.telemetry = Telemetry(2, 1, 0, 3.0, 100)
    found.run(2, diagnosis(**FAILING, facts={"dead_letters": 3}))
    found.run(3, diagnosis(**FAILING, facts=HARM))
    found.run(4, diagnosis(**FAILING, end=3.5, facts={"dead_letters": 4}))
    found.run(5, ServiceError("AWS is down."))
    alarms = [standard_alarm("dlq", at(5.5)), standard_alarm("age", at(-400)), standard_alarm("quiet", None)]
    found.run(30, diagnosis(alarms=alarms))
    found.run(31, diagnosis(start=30.5))
    return found


def digest(found, hour, kill_at=None):
    checkpoints = Checkpoints(kill_at)
    for sender in found.senders.values():
        sender.checkpoint = checkpoints
    run = Run(
        System("orders"),
        found.destinations,
        found.senders,
        None,
        State(found.folder),
        pace=NO_WAIT,
        clock=lambda: at(hour),
    )
    try:
        with killable(checkpoints):
            return run_system(run, WEEK)
    except Killed:
        return None


def test_the_figures_are_those_of_the_incidents_and_runs_of_the_period(tmp_path):
    chat = Received()
    result = digest(week(tmp_path, chat=chat), 32)
    found = from_json(Digest, result["digest"])
    assert (found.window.start, found.window.end) == (DAY + timedelta(days=1) - WEEK, DAY + timedelta(days=1))
    assert [(question, each.cause, each.end) for question, each in found.incidents] == [
        ("backlog", "consumer_failing", at(3.5))
    ]
    assert found.impact_s == 2.5 * 3600
    assert (found.dead_letters, found.lost, found.missed_work, found.late) == (5, 1, 1, 7)
    assert found.telemetry.alarms == 3 and found.telemetry.metrics_requested == 400
    assert (found.runs, found.failed_runs) == (4, 1)
    assert (found.gb, found.usd) == (2.0, 0.01)  # the run that failed had scanned as well
    assert found.alarms == ()
    assert chat.arrived[-1] == ("digest",)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_texts_hold_the_figures(tmp_path, language):
    found = from_json(Digest, digest(week(tmp_path, chat=Received()), 60)["digest"])
    content = digest_content(found, "orders", language, parse_zone("UTC"))
    text = "\n".join(content.lines())
    for part in ("orders", "dlq (orders-dlq)", "20", "0.015"):
        assert part in text, part
    assert len(content.sentences) == 9


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_digest_states_no_zero_for_an_unknown_count(tmp_path, language):
    found = world(tmp_path, chat=Received())
    found.run(2, diagnosis(**FAILING))
    made = from_json(Digest, digest(found, 32)["digest"])
    assert (made.dead_letters, made.lost, made.missed_work, made.late) == (None,) * 4
    sentences = digest_content(made, "orders", language, parse_zone("UTC")).sentences
    unknown = [text.count(label("count-unknown", language)) for text in sentences]
    assert (3 in unknown, 1 in unknown) == (True, True)
    # Without an incident, no message was harmed.
    calm = world(tmp_path / "calm", chat=Received())
    calm.run(2, diagnosis())
    assert from_json(Digest, digest(calm, 32)["digest"]).lost == 0


def alarm(name, *metrics, rule=None):
    """Return a row of the table of alarms: a composite one, one of a metric, or one of metric math."""
    found = {"AlarmName": name}
    stats = [
        {"Namespace": space, "MetricName": metric, "Dimensions": [{"Name": "Any", "Value": value}]}
        for space, metric, value in metrics
    ]
    if rule is not None:
        found["AlarmRule"] = rule
    elif len(stats) == 1:
        found |= stats[0]
    else:
        found["Metrics"] = [{"Id": f"m{n}", "MetricStat": {"Metric": each}} for n, each in enumerate(stats)]
        found["Metrics"].append({"Id": "e", "Expression": "m0 / m1"})
    return {"alarm": name, "definition": json.dumps(found)}


def test_telemetry_counts_the_alarms_of_the_system_and_prices_them():
    age, depth = ("AWS/SQS", "Age", "orders"), ("AWS/SQS", "Depth", "orders")
    alarms = pd.DataFrame(
        [
            alarm("age", age),
            alarm("share", depth, ("Team", "Done", "orders")),
            alarm("foreign", ("AWS/SQS", "Age", "refunds")),
            alarm("any", rule='ALARM("age") OR ALARM("foreign")'),
            alarm("other", rule='ALARM("foreign")'),
        ]
    )
    found = telemetry_of(alarms, ["orders"], 36e9, Window(at(0), at(12)), 40)
    assert found == Telemetry(3, 1, 1, 72.0, 40)
    later = Telemetry(3, 1, 1, None, 60)
    cost = cost_of([vars(found), vars(later)], timedelta(hours=73))
    assert (cost.alarms, cost.metrics_requested) == (4, 100)
    assert cost.alarm_usd == pytest.approx((3 * 0.10 + 0.50 + 0.30) / 10)
    assert cost.request_usd == pytest.approx(0.001)
    assert (cost.log_gb, cost.log_usd) == (pytest.approx(219), pytest.approx(109.5))
    assert cost_of([vars(later)], WEEK).log_usd is None and cost_of([], WEEK) == TelemetryCost()


@pytest.mark.slow
def test_a_digest_is_delivered_for_its_days_also_after_a_kill(tmp_path):
    for kill_at in count(1):
        chat = Received()
        found = week(tmp_path / str(kill_at), chat=chat)
        was_killed = digest(found, 32, kill_at) is None
        for hour in (32, 33):
            digest(found, hour)
        ids = [each.content.sentences[-1] for each in chat.deliveries if each.notice.kinds == ("digest",)]
        assert len({*ids}) == 1 and len(ids) <= 1 + was_killed, kill_at
        if not was_killed:
            break
    digest(found, 60)
    assert chat.arrived[-1] == ("digest",) and len(chat.arrived) == 6

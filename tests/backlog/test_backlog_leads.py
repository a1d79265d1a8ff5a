"""Which trouble led to which, where two show in one queue."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from worlds.backlog_world import START, World
from worlds.messages import messages_in

from watchme_analysis.backlog.chain import QueueSignals
from watchme_analysis.backlog.context import backlog_context
from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.backlog.judge import judge
from watchme_analysis.backlog.signals.queue_context import QueueObservation
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.queues.work_done import surely_ran

REFUSED = "ConnectionError: [Errno 111] Connection refused"
TIMED_OUT = "Task timed out after 30.00 seconds"
FULL = "OSError: [Errno 28] No space left on device: '/tmp/in.wav'"
COUNTED = ("received", "deleted", "invocations")


def slow_under_a_limit_of_always():
    world = World()
    world.reserved = 3
    world.at["throttles"][1::30] = 4
    for minute in range(601, 900, 30):
        world.run(minute, 10, 20.0)
        world.at["throttles"][minute] = 60
        world.at["received"][minute + 3] += 6
    return world


def creep_until_it_dies():
    world = World(96)
    for minute in range(1, 96 * 60, 30):
        hour = minute / 60
        world.run(minute, 10, 1.5 + max(0.0, hour - 24) * 0.35)
    world.fail(5000, 96 * 60 - 20, 0.1, REFUSED)
    return world


def let_loose():
    world = World()
    for minute in range(601, 900, 30):
        for name in COUNTED:
            world.at[name][minute] = 0
    waited = np.arange(300)
    world.at["visible"][601:901], world.at["age_s"][601:901] = waited // 30 * 10 + 10, waited * 60
    world.at["visible"][901:930], world.at["age_s"][901:930] = 60, 18000
    world.change(590, "UpdateEventSourceMapping20150331", "job-runner", enabled=False)
    world.at["sent"][901:930] += 4
    world.fail(901, 930, 30.0, TIMED_OUT)
    return world


def full_disk_now_and_then():
    world = World()
    world.fail(600, 1400, 0.8, FULL, share=0.1)
    for minute in range(601, 1400, 30):
        world.at["errors"][minute] += 3
        world.at["deleted"][minute] -= 3
        for name in COUNTED:
            world.at[name][minute + 4] += 3
        world.at["duration_avg_s"][minute + 4] = world.at["duration_max_s"][minute + 4] = 1.5
    world.table("functions")["last_modified"] = START
    return world


def surge_whose_worst_comes_a_day_later():
    world = World(72)
    for minute in range(1441, 72 * 60):
        late = minute > 2880
        world.at["visible"][minute] = 2 + (150 if late else 60) * ((minute - 1) % 30 < 15)
        world.at["age_s"][minute] = 900
    for minute in range(1441, 72 * 60, 30):
        for name in ("sent", *COUNTED):
            world.at[name][minute] = 90
    return world


def two_senders_of_messages_that_hang():
    world = World()
    world.fail(600, 1400, 30.0, TIMED_OUT, share=0.1)
    for minute in range(601, 1400, 30):
        world.at["duration_avg_s"][minute] = 4.5
    world.dead = [(minute, f"device-{i % 2}") for i, (minute, _) in enumerate(world.dead)]
    return world


def slow_for_most_of_the_window():
    world = World()
    for minute in range(450, 1440):
        for name in ("sent", *COUNTED):
            world.at[name][minute] = 2
        world.at["duration_avg_s"][minute] = world.at["duration_max_s"][minute] = 20.0
        world.at["visible"][minute], world.at["age_s"][minute] = minute - 450, 10 * (minute - 450)
    return world


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "cause", "secondary"),
    [
        (slow_under_a_limit_of_always, "downstream_slow", "throttled"),
        (creep_until_it_dies, "slow_leak", "downstream_down"),
        (let_loose, "mapping_disabled", "downstream_saturated"),
        (full_disk_now_and_then, "consumer_failing", None),
        (surge_whose_worst_comes_a_day_later, "arrival_surge", None),
        (two_senders_of_messages_that_hang, "poison_messages", None),
    ],
)
def test_what_came_first_is_the_cause(make, cause, secondary):
    found = diagnose(Investigation(make(), "backlog"))
    assert (found.cause, found.secondary_cause) == (cause, secondary)


@pytest.mark.slow
def test_dead_letters_that_nobody_read_leave_the_missing_work_open():
    world = World()
    world.fail(600, 700, 0.1, REFUSED)
    known, unknown = (
        diagnose(Investigation(case, "backlog")) for case in (world, world.without("queue_messages"))
    )
    assert known.extra["missed_work_certain"]
    assert not unknown.extra["missed_work_certain"]
    assert unknown.extra["dead_letters_without_work"] == 40
    assert "dead_letters_without_work" not in known.extra
    assert [one.value for one in unknown.facts if one.id == "work_items"] == [None]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("Task timed out after 30.00 seconds", "timed_out"),
        ("ReadTimeout: HTTPConnectionPool(host='192.0.2.7', port=80): Read timed out.", "timed_out"),
        ("HTTPError: 504 Server Error: Gateway Time-out for url: http://192.0.2.7/x", "timed_out"),
        ("ConnectionError: ('Connection aborted.', RemoteDisconnected('closed'))", "timed_out"),
        ("ECONNRESET: socket hang up", "timed_out"),
        (None, "no_errors"),
        ("ConnectTimeout: Connection to 192.0.2.7 timed out. (connect timeout=5)", None),
        ("HTTPError: 503 Server Error: Service Unavailable for url: http://192.0.2.7/x", None),
        ("Runtime.ImportModuleError: No module named 'requests'", None),
    ],
)
def test_work_of_calls_without_a_response_may_have_been_done(error, reason):
    world = World()
    world.fail(600, 700, 30.0, error or REFUSED)
    found = diagnose(Investigation(world if error else world.without("log_events"), "backlog"))
    stated = found.to_dict()
    assert stated["missed_work"]
    assert (stated["missed_work_certain"], stated["missed_work_may_have_run"]) == (reason is None, reason)
    missing = next(one.value for one in found.facts if one.id == "work_items")
    assert missing == (None if reason else len(stated["missed_work"]))


@pytest.mark.slow
def test_the_path_of_a_file_names_the_day_of_its_work_and_a_body_without_any_leaves_it_open():
    world = World()
    world.fail(600, 700, 0.1, REFUSED)
    messages = world.table("queue_messages")
    messages["work_key"] = None
    messages["body"] = '{"device_id": "device-1", "file_path": "files/device-1/2025-12-10/19-00/audio.wav"}'
    found = diagnose(Investigation(world, "backlog")).extra
    assert found["missed_work"][0][1] == "2025-12-10"
    assert found["missed_work_certain"]
    world.tables["queue_messages"] = messages.assign(body='{"device_id": "device-1"}')
    nameless = diagnose(Investigation(world, "backlog"))
    assert not nameless.extra["missed_work_certain"]


@pytest.mark.slow
def test_a_stray_failure_before_a_fault_that_lets_runs_pass_is_none_of_its_own():
    world = World()
    world.at["errors"][601], world.at["deleted"][601], world.at["received"][604] = 1, 9, 1
    world.errors_logged.append((601, "HTTPError: 500 Server Error"))
    for minute in range(631, 1440, 30):
        world.at["errors"][minute], world.at["deleted"][minute] = 4, 6
        world.errors_logged += [(minute, "TypeError: float() argument must be a string")] * 4
    (signs,) = Investigation(world, "backlog").once(backlog_context).affected
    assert signs.failures.start == signs.pipeline.frame.index[631].to_pydatetime()
    assert signs.failures.count == signs.errors.total == 4 * 27


def test_a_message_that_waited_for_hours_is_not_said_to_have_run_before_it_was_read():
    """Its receives, and the failures that fill them, lie behind the wait, not right after its sending."""
    (pipeline,) = pipelines(let_loose())
    sent = pipeline.frame.index[631].to_pydatetime()
    assert not surely_ran(pipeline)(sent)
    assert surely_ran(pipeline)(pipeline.frame.index[331].to_pydatetime())


@pytest.mark.slow
def test_runs_that_are_slow_for_most_of_the_window_are_slow_from_where_they_became_so():
    (signs,) = Investigation(slow_for_most_of_the_window(), "backlog").once(backlog_context).affected
    assert signs.slow is not None
    assert signs.slow.start == signs.pipeline.frame.index[450].to_pydatetime()


def test_a_cause_is_judged_by_the_worst_queue_that_shows_it():
    def seen(queue, *signals):
        found = tuple(QueueObservation(name, "", "metrics", 1, queue=queue) for name in signals)
        return QueueSignals(queue, 60, True, found)

    queues = [seen("worst", "all_invocations_fail", "received_once"), seen("other", "redelivered")]
    shown_by = judge(queues).shown_by
    assert shown_by["visibility_misconfig"] == "other"
    assert shown_by["consumer_failing"] == shown_by["throttled"] == "worst"


@pytest.mark.slow
def test_a_queue_is_affected_from_its_first_failure_and_not_from_the_change():
    """The queue was idle after the deployment: the change began it, and nothing was harmed before it ran."""
    world = World()
    world.change(605, "UpdateFunctionCode20150331v2", "job-runner")
    world.fail(631, 1000, 0.2, "Runtime.ImportModuleError: no module")
    found = diagnose(Investigation(world, "backlog"))
    said = messages_in(found.summary[0])
    start = START.to_pydatetime()
    assert said["backlog-began-with-change"]["time"] == start + timedelta(minutes=605)
    [first] = [fact.value for fact in found.facts if fact.id == "first_harm"]
    assert datetime.fromisoformat(first) == start + timedelta(minutes=631)

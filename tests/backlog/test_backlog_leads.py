"""Which trouble led to which, where two show in one queue."""

import numpy as np
import pytest
from worlds.backlog_world import START, World

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.inference.findings import Investigation

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
def test_the_path_of_a_file_names_the_day_of_its_work_else_it_is_unknown():
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

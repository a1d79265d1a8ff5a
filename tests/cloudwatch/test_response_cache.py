"""Responses on disk: which are used again, when, and what is stored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from worlds.messages import messages_in

from watchme_analysis.cloudwatch.response_cache import (
    CacheMissError,
    ResponseCache,
    request_identity,
    requested_window,
)
from watchme_analysis.window import Window

START = datetime(2025, 12, 11, 1, tzinfo=UTC)
HOUR = Window(START, START + timedelta(hours=1))


@pytest.mark.parametrize(
    ("taken", "how", "used"),
    [
        # Settled a quarter of an hour after the end of the window.
        (timedelta(hours=1, minutes=15), {}, True),
        (timedelta(hours=1, minutes=14, seconds=59), {}, False),
        (timedelta(0), {"offline": True}, True),
        (timedelta(hours=9), {"refresh": True}, False),
    ],
)
def test_a_settled_response_is_not_retrieved_again(tmp_path, taken, how, used):
    store = ResponseCache(tmp_path, "here")
    identity = request_identity("changes", "x", start=START, end=HOUR.end)
    store.save(identity, "stored", START + taken)
    cache = replace(store, **how)
    assert cache.get("changes", ["x"], lambda: "fresh", HOUR) == ("stored" if used else "fresh")
    assert cache.oldest == (START + taken if used else None)
    assert store.load(identity).value == ("stored" if used else "fresh")


def test_a_current_state_is_retrieved_each_time_except_offline(tmp_path):
    store = ResponseCache(tmp_path, "here")
    states = iter("ab")
    assert [replace(store).get("queue", [], lambda: next(states)) for _ in "ab"] == ["a", "b"]
    assert replace(store, offline=True).get("queue", [], None) == "b"
    with pytest.raises(CacheMissError) as raised:
        replace(store, offline=True).get("alarms", [], None)
    assert messages_in(raised.value.args[0]) == {
        "error-cache-lacks": {"name": "alarms", "has": "none", "window": ""}
    }
    with pytest.raises(CacheMissError) as raised:
        replace(store, offline=True).check_online("alarms", HOUR)
    assert messages_in(raised.value.args[0])["error-cache-lacks"] == {
        "name": "alarms",
        "has": "window",
        "window": "2025-12-11T01:00:00+00:00 .. 2025-12-11T02:00:00+00:00",
    }


def test_offline_the_same_request_means_the_same_window(tmp_path):
    store = ResponseCache(tmp_path, "here")

    def window(*bounds, offline=False, parts=("query",)):
        return requested_window(replace(store, offline=offline), parts, bounds, UTC)

    before = datetime.now(UTC)
    first = window("24h", "now")
    assert before <= first.end <= datetime.now(UTC)
    assert first.seconds == 86400
    assert window("24h", "now", offline=True) == first
    assert window("24h", "now") != first
    # Another request, or one that was not made before.
    assert window("24h", "now", offline=True, parts=("other",)) != first
    assert window(START, HOUR.end) == HOUR
    # A window ends now at the latest.
    assert window(START, "2100-01-01").end <= datetime.now(UTC)

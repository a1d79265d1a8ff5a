"""Responses on disk: which are used again, when, and what is stored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from worlds.messages import messages_in
from worlds.scripted_aws import ScriptedAws

from watchme_analysis.cloudwatch.response_cache import (
    CacheMissError,
    ResponseCache,
    account_cache,
    request_identity,
    requested_window,
)
from watchme_analysis.cloudwatch.session import SessionTarget
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


def test_the_cache_of_an_account(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    aws = ScriptedAws(get_caller_identity=[{"Account": "123456789012"}] * 9)
    found = account_cache(aws, refresh=True)
    folder = tmp_path / "own/watchme/answers"
    assert found == ResponseCache(folder, "123456789012/eu-west-1", refresh=True)
    # Offline, the account of the profile is known from before.
    assert account_cache(aws, offline=True) == replace(found, refresh=False, offline=True)
    assert len(aws.calls) == 1
    monkeypatch.setenv("AWS_PROFILE", "night")
    with pytest.raises(CacheMissError) as raised:
        account_cache(aws, offline=True)
    assert messages_in(raised.value.args[0])["error-cache-lacks"]["has"] == "none"
    account_cache(aws)
    monkeypatch.delenv("AWS_PROFILE")
    aws.target = SessionTarget("day", "eu-west-1")
    account_cache(aws)
    assert len(aws.calls) == 3, "each profile may be another account"
    assert account_cache(aws, offline=True).account_region == found.account_region
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert account_cache(aws).folder == tmp_path / "home/.cache/watchme/answers"
    assert account_cache(aws, tmp_path / "x").folder == tmp_path / "x"


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

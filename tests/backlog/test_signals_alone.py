"""Single signals of a queue on the fewest facts, at their thresholds."""

from collections import Counter
from types import SimpleNamespace

import pandas as pd
import pytest
from worlds.messages import messages_in

from watchme_analysis.backlog.signals import api, function, harm, message
from watchme_analysis.text.message import Resource, Translated

TIMES = pd.date_range("2026-11-24T10:00Z", periods=36, freq="5min")
FAILURES = SimpleNamespace(start=TIMES[26], end=TIMES[29])


def context_of(frame=None, **queue):
    """Return a context whose observations are signal, values of the sentence, and options."""
    facts = {"failures": FAILURES, "harms": (), "errors": None, "surge": None} | queue
    pipeline = SimpleNamespace(frame=frame, queue="q", dlq="d", count=queue.get)
    return SimpleNamespace(
        queue=SimpleNamespace(**facts),
        pipeline=pipeline,
        function=Resource("worker"),
        name=Resource("q"),
        unit=Translated("device", "機器"),
        attempts=7,
        step=pd.Timedelta("5min"),
        function_change=None,
        settings=SimpleNamespace(function_modified_at=queue.get("modified")),
        points=lambda *_: (),
        matching=lambda *_: (),
        settings_rows=lambda *_: (),
        observation=lambda signal, words, rows, **options: (signal, messages_in(words), options),
    )


def signals(found):
    return [signal for signal, *_ in found]


@pytest.mark.parametrize(
    ("silent", "durations_s", "found"),
    [
        (range(26, 36), (1, 1), ["host_silent"]),
        (range(24, 36), (1, 1), ["host_silent"]),
        (range(23, 36), (1, 1), []),  # too few points
        ((), (1, 3), ["host_running"]),
        ((), (1, 2.9), []),
        ((), (None, 3), []),
    ],
)
def test_a_host_without_points_is_silent_and_one_with_waiting_calls_runs(
    silent, durations_s, found, monkeypatch
):
    monkeypatch.setattr(api, "failures_span", lambda queue: "span")
    cpu = pd.Series([None if at in silent else 50.0 for at in range(36)], index=TIMES)
    seen = context_of(
        pd.DataFrame({"cpu_pct": cpu}), run_before_s=durations_s[0], run_during_s=durations_s[1]
    )
    observed = list(api.host(seen))
    assert signals(observed) == found
    if found == ["host_silent"]:
        since = observed[0][1]["backlog-host-silent"]["since"]
        assert (since, observed[0][2]["span"]) == (TIMES[min(silent)], "span")
    frame = pd.DataFrame({"cpu_pct": cpu})
    short = SimpleNamespace(start=TIMES[26], end=TIMES[28])  # a point or two may be late
    early = SimpleNamespace(start=TIMES[0], end=TIMES[9])
    for failures in (None, early, *([short] if min(silent, default=0) == 26 else [])):
        assert list(api.host(context_of(frame, failures=failures, run_before_s=1, run_during_s=1))) == []


def test_few_bad_messages_among_many_are_sporadic_and_may_come_together():
    def seen(**changes):
        facts = {"only_sporadic": True, "dead_lettered": 4, "clustering": 0.0, "sent": 400.0} | changes
        return context_of(**facts)

    (only,) = harm.sporadic([seen()])
    assert only[1]["backlog-sporadic"]["sent"] == 400
    assert (only[0], only[2]["effect"], only[2]["unit"]) == ("sporadic_dead_letters", 0.01, "share")
    assert list(harm.sporadic([seen(only_sporadic=False)])) == []
    assert list(harm.sporadic([seen(), seen(harms=("dead_letters",))])) == []
    middle = (harm.BY_CHANCE + harm.TOGETHER) / 2
    for clustering, strength, beyond in (
        (harm.BY_CHANCE, None, None),
        (middle - 0.01, pytest.approx(0.5, abs=0.05), "more-than-9-of-10"),
        (middle, pytest.approx(0.5), "more-than-99-of-100"),
        (99.0, 1.0, "more-than-99-of-100"),
    ):
        _, *together = harm.sporadic([seen(clustering=clustering)])
        assert [one[2]["strength"] for one in together] == ([] if strength is None else [strength])
        assert [one[1]["backlog-clustered"]["beyond"] for one in together] == (
            [] if beyond is None else [beyond]
        )


def test_messages_of_many_items_are_of_many_senders():
    for items, each, found in (
        (40, 1, ["many_senders"]),
        (4, 5, ["many_senders"]),
        (3, 7, ["many_senders"]),
        (2, 3, ["many_senders"]),
        (4, 1, []),
        (0, 1, []),
    ):
        counts = Counter(dict.fromkeys(range(items), each))
        observed = list(message.senders(context_of(by_item=counts, main_item_first_sent=None)))
        assert signals(observed) == found, (items, each)
    (one,) = message.senders(context_of(by_item=Counter(dict.fromkeys("abcd", 5)), main_item_first_sent=None))
    said = one[1]["backlog-items"]
    assert (said["dead"], said["total"], said["others"], said["item"]) == (5, 20, 3, "a")


def test_many_good_runs_since_the_last_change_clear_it():
    frame = pd.DataFrame({"tried": 3.0, "failed": [None, 1.0] * 18}, index=TIMES)
    for modified, well in ((TIMES[20], 15.0), (TIMES[22], 10.0), (TIMES[23], None), (None, None)):
        observed = list(function.changed(context_of(frame, modified=modified)))
        assert [one[2]["effect"] for one in observed] == ([] if well is None else [well])
    assert signals(function.changed(context_of(frame, modified=TIMES[0]))) == ["unchanged_and_ran_well"]
    assert list(function.changed(context_of(frame, modified=TIMES[0], failures=None))) == []

"""Tables and figures of simulated measures by cells, points and colours, and the numbers behind them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from worlds.together import together

from watchme_analysis.config import LoadSettings
from watchme_analysis.errors import InputError
from watchme_analysis.simulation import figures
from watchme_analysis.simulation.scenarios import (
    Comparison,
    Estimate,
    Load,
    Scenario,
    failing_chances,
    usual_load,
)
from watchme_analysis.simulation.settings import (
    Outcome,
    PollerSettings,
    QueueSettings,
    Settings,
)
from watchme_analysis.simulation.throttling import ThrottlingPoint
from watchme_analysis.text.message import Resource, message
from watchme_analysis.text.render import label

NOTHING = dict.fromkeys(Outcome.__dataclass_fields__, 0) | {"drained_s": 1.0, "series": (), "done_s": ()}


def row(name, *outcomes):
    """Return the comparison of a measure with these outcomes; what is not named is 0."""
    measure = message("value", value=Resource(name))
    return Comparison(
        Scenario(measure, Settings(), Load((1.0,))),
        tuple(Outcome(**NOTHING | outcome) for outcome in outcomes),
    )


def test_measures_are_rows_of_means_after_the_record():
    recorded = SimpleNamespace(dead_lettered=12.0, peak_age_s=90.0, peak_visible=None)
    outcome = {"dead_lettered": 4, "peak_age_s": 600.0, "behind_s": 120.0}
    drained = row("as is", outcome, outcome)
    left = row("worse", {"duplicates": 7, "behind_s": 60.0}, {"duplicates": 7, "drained_s": None})
    first, second, third = figures.measures_rows([drained, left], recorded)
    # Columns: DLQ, never failed, lost, duplicates, backlog, oldest in minutes, drained after minutes.
    assert first == (label("measures-recorded", "en"), "12", "–", "–", "–", "–", "1.5", "–")
    assert second == ("as is", "4", "0", "0", "0", "0", "10", "2.0")
    assert third == ("worse", "0", "0", "0", "7", "0", "0.0", label("measures-not-drained", "en"))
    assert figures.measures_rows([drained], None) == [second]
    table = figures.measures_table([drained, left], recorded)
    assert table.rows == (first, second, third)
    names = (
        "measure", "in-dlq", "never-failed", "work-lost", "done-twice", "peak-backlog", "oldest-min",
        "drain-min",
    )  # fmt: skip
    assert table.heads == tuple(label(f"column-{name}", "en") for name in names)
    assert table.numeric == set(range(1, 8)) and table.caption == label("measures-caption", "en")
    assert label("measures-note", "en") in table.note
    assert figures.measures_table([]).note.startswith(label("measures-runs", "en", count=0))


def throttling(patience_s=0.0, mean=10.0, half=1.0, limit="reserved", retry_s=5.0, backs_off=True):
    return ThrottlingPoint(limit, 300.0, patience_s, retry_s, backs_off, Estimate(mean, half, 3))


@together(
    ("found", "unit", "text"),
    [
        (Estimate(None, None, 0), 1.0, "none"),
        (Estimate(9.94, None, 1), 1.0, "10"),
        (Estimate(9.5 * 60, 0.0, 2), 60.0, "9.5"),
        (Estimate(10.0 * 60, 0.0, 2), 60.0, "10"),
        (Estimate(5.0, 1.0, 2), 1.0, "5 ± 1"),
        (Estimate(5.0, 0.99, 2), 1.0, "5.0 ± 1.0"),
        (Estimate(5.0, 0.01, 2), 1.0, "5.0 ± <0.1"),
        (Estimate(1234.0, 12.0, 2), 1.0, "1,234 ± 12"),
    ],
)
def test_an_estimate_has_as_many_decimals_as_its_interval(found, unit, text):
    assert found.text(unit) == text


def test_senders_send_together_or_spread_over_their_interval():
    spread = usual_load(LoadSettings(30, 1800.0, together=False))
    assert spread == Load((1.0,) * 480, groups=30)
    # Each half hour, that is in every thirtieth minute, thirty messages.
    together_ = usual_load(LoadSettings(30, 1800.0, together=True))
    assert together_ == Load(tuple(30.0 if minute % 30 == 0 else 0.0 for minute in range(480)), groups=30)
    often = usual_load(LoadSettings(3, 30.0, together=True))
    assert often.counts == (6.0,) * 480


def test_groups_fail_by_their_share_of_the_failures():
    assert failing_chances(Load((1.0,), failing_share=0.1)) == []
    # A quarter of the messages has all failures: four times as many of its messages fail.
    chances = failing_chances(
        Load((1.0,), groups=2, failing_share=0.1, shares=(1.0, 3.0), failing_shares=(1.0, 0.0))
    )
    assert chances == [pytest.approx(0.4), 0.0]
    even = failing_chances(Load((1.0,), groups=2, failing_share=0.8, failing_shares=(1.0, 0.0)))
    assert even == [1.0, 0.0], "at most all of them"
    none = failing_chances(
        Load((1.0,), groups=2, failing_share=0.1, shares=(0.0, 1.0), failing_shares=(1.0, 1.0))
    )
    assert none == [0.0, pytest.approx(0.05)]


@together(
    "changes",
    [
        {"queue": QueueSettings(0.0)},
        {"queue": QueueSettings(retention_s=-1.0)},
        {"queue": QueueSettings(max_receive_count=0)},
        {"poller": PollerSettings(batch_size=0)},
        {"poller": PollerSettings(start_batches=0)},
        {"poller": PollerSettings(max_concurrency=0)},
        {"poller": PollerSettings(reserved_concurrency=0)},
        {"poller": PollerSettings(throttle_retry_s=0.0)},
        {"function_timeout_s": float("nan")},
        {"horizon_s": 0.0},
    ],
)
def test_times_and_counts_of_nothing_are_refused(changes):
    with pytest.raises(InputError):
        Settings(**changes)
    assert Settings(queue=replace(QueueSettings(), max_receive_count=None))

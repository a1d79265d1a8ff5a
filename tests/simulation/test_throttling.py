"""Conditions under which throttling alone fills a DLQ: the simulated settings, and what is counted."""

import pytest

from watchme_analysis.simulation.scenarios import Load
from watchme_analysis.simulation.settings import ApiSettings, QueueSettings, Settings
from watchme_analysis.simulation.throttling import burst_settings, throttling_sweep


def test_a_burst_is_of_two_hundred_messages_before_a_healthy_function():
    settings, load = burst_settings()
    assert settings == Settings(
        queue=QueueSettings(max_receive_count=3),
        api=ApiSettings(mean_s=15.0, slots=None),
        function_timeout_s=60.0,
    )
    assert load == Load((200.0,))


def test_every_combination_is_simulated_with_the_same_arrivals():
    """Six messages of a minute, which take 200 s each and are received once."""
    settings = Settings(
        queue=QueueSettings(max_receive_count=1), api=ApiSettings(200.0, 0.0, slots=None),
        function_timeout_s=250.0,
    )  # fmt: skip
    found = throttling_sweep(settings, Load((6.0,)), replications=1)
    combinations = [
        ("reserved", visibility_s, share * visibility_s, retry_s, backs_off)
        for visibility_s in (300.0, 900.0)
        for backs_off in (True, False)
        for retry_s in (5.0, 45.0)
        for share in (0.0, 0.25, 0.5, 1.0)
    ]
    combinations += [("maximum", visibility_s, visibility_s, 5.0, True) for visibility_s in (300.0, 900.0)]
    assert [
        (one.limit, one.visibility_timeout_s, one.patience_s, one.retry_s, one.backs_off) for one in found
    ] == combinations
    died = {key: one.dead_unfailed_pct.mean for key, one in zip(combinations, found, strict=True)}
    assert {died[combination] for combination in combinations[-2:]} == {0.0}
    for combination in combinations[:-2]:
        patience_s = combination[2]
        if patience_s == 0.0:
            # What is not one of the first two is dropped at once, and dies without a failure.
            assert died[combination] == pytest.approx(100 * 4 / 6)
        if patience_s == 900.0:
            # Within a quarter of an hour, all three pairs have run.
            assert died[combination] == 0.0

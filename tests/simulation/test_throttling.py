"""Conditions under which throttling alone fills a DLQ: the simulated settings, and what is counted."""

from dataclasses import replace

import pytest
from worlds.together import together

from watchme_analysis.simulation.scenarios import Load
from watchme_analysis.simulation.settings import ApiSettings, PollerSettings, QueueSettings, Settings
from watchme_analysis.simulation.throttling import _limited, burst_settings, throttling_sweep


def test_a_burst_is_of_two_hundred_messages_before_a_healthy_function():
    settings, load = burst_settings()
    assert settings == Settings(
        queue=QueueSettings(max_receive_count=3),
        api=ApiSettings(mean_s=15.0, slots=None),
        function_timeout_s=60.0,
    )
    assert load == Load((200.0,))


@together(
    ("limit", "reserved", "most"),
    [("reserved", 2, None), ("maximum", None, 2)],
)
def test_a_limit_of_two_is_reserved_or_the_mappings_maximum(limit, reserved, most):
    settings = Settings(poller=PollerSettings(batch_size=7, max_concurrency=9, reserved_concurrency=9))
    assert _limited(settings, limit, 900.0, 225.0, 45.0, False) == replace(
        settings,
        queue=replace(settings.queue, visibility_timeout_s=900.0),
        poller=replace(
            settings.poller, reserved_concurrency=reserved, max_concurrency=most, throttle_patience_s=225.0,
            throttle_retry_s=45.0, backs_off=False,
        ),
    )  # fmt: skip


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

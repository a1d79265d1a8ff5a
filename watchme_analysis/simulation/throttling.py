"""Reserved against maximum concurrency: conditions under which throttling alone fills a DLQ.

According to Lambda's Developer Guide, a throttled batch is retried until its visibility timeout has passed,
while the poller gradually reduces its batches; the guide publishes neither the retry interval nor the rate.
Each receive counts towards the redrive policy, with or without an invocation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from watchme_analysis.simulation.scenarios import Estimate, Load, Scenario, compare, estimate
from watchme_analysis.simulation.settings import ApiSettings, PollerSettings, QueueSettings, Settings

LIMIT = 2
# Retry time of a throttled batch as a share of the visibility timeout; the guide describes 1.
PATIENCE = (0.0, 0.25, 0.5, 1.0)
RETRIES_S = (5.0, 45.0)
VISIBILITIES_S = (300.0, 900.0)
BURST = 200


@dataclass(frozen=True)
class ThrottlingPoint:
    """An assumption on throttling and its effect; patience and retry have none for ``maximum``."""

    limit: str  # ``reserved`` or ``maximum``
    visibility_timeout_s: float
    patience_s: float
    retry_s: float
    backs_off: bool  # throttles make the poller reduce its batches
    dead_unfailed_pct: Estimate  # moved to the DLQ without a failed invocation, of those sent


def burst_settings() -> tuple[Settings, Load]:
    """Return a healthy function behind a queue of 3 receives, and a burst of 200 messages in a minute."""
    settings = Settings(
        queue=QueueSettings(max_receive_count=3),
        api=ApiSettings(mean_s=15.0, slots=None),
        function_timeout_s=60.0,
    )
    return settings, Load((float(BURST),))


def throttling_sweep(
    settings: Settings, load: Load, replications: int = 5, seed: int = 0, processes: int = 1
) -> tuple[ThrottlingPoint, ...]:
    """Return the effect of a limit of two on healthy messages, under each assumption.

    Concurrency limits and visibility timeout of the settings are replaced.
    """
    limits = [
        ("reserved", visibility_s, share * visibility_s, retry_s, backs_off)
        for visibility_s in VISIBILITIES_S
        for backs_off in (True, False)
        for retry_s in RETRIES_S
        for share in PATIENCE
    ]
    limits += [("maximum", visibility_s, visibility_s, 5.0, True) for visibility_s in VISIBILITIES_S]
    wanted = [Scenario("", _limited(settings, *each), load) for each in limits]
    found = compare(wanted, replications, seed, processes)
    return tuple(
        ThrottlingPoint(*each, _percent([(run.dead_unfailed, run.sent) for run in row.outcomes]))
        for each, row in zip(limits, found, strict=True)
    )


def _limited(
    settings: Settings, limit: str, visibility_s: float, patience_s: float, retry_s: float, backs_off: bool
) -> Settings:
    is_reserved = limit == "reserved"
    poller: PollerSettings = replace(
        settings.poller,
        reserved_concurrency=LIMIT if is_reserved else None,
        max_concurrency=None if is_reserved else LIMIT,
        throttle_patience_s=patience_s,
        throttle_retry_s=retry_s,
        backs_off=backs_off,
    )
    return replace(settings, poller=poller, queue=replace(settings.queue, visibility_timeout_s=visibility_s))


def _percent(pairs: Sequence[tuple[int, int]]) -> Estimate:
    return estimate([100.0 * dead / sent if sent else None for dead, sent in pairs])

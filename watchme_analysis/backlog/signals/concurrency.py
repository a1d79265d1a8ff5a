"""Signals of concurrency: how many invocations may run at a time."""

from __future__ import annotations

from collections.abc import Iterator

from watchme_analysis.backlog.changes import CONCURRENCY_EVENTS
from watchme_analysis.backlog.signals.change import change_observation
from watchme_analysis.backlog.signals.look import Look, QueueObservation
from watchme_analysis.backlog.signals.onset import throttled_span
from watchme_analysis.inference.signals import detects


@detects("throttled", "unthrottled", group="throttles", needs=["metrics"])
def throttles(look: Look) -> Iterator[QueueObservation]:
    """Return throttled deliveries that did harm, or that there were none."""
    if not look.has("throttles"):
        return
    queue, found = look.queue, look.queue.throttles
    harmful = "throttles" in queue.harms
    since = f" since {found.start:%Y-%m-%d %H:%M} UTC" if found else ""
    yield look.found(
        "throttled" if harmful else "unthrottled",
        f"{found.count if found else 0.0:,.0f} deliveries to {look.pipeline.function} were throttled{since}, "
        f"{queue.throttled_share:.0%} of all attempts.",
        look.points(("throttles", "invocations")),
        effect=queue.throttled_share,
        unit="share",
        # Throttles of a permanent limit have no beginning: they become harmful by what comes later.
        span=throttled_span(queue) if harmful and not queue.throttled_always else None,
    )


@detects("reserved_concurrency_low", group="concurrency limit", needs=["functions"])
def reserve(look: Look) -> Iterator[QueueObservation]:
    """Return the reserved concurrency of a function whose deliveries are throttled."""
    reserved = look.settings.reserved_concurrency
    if reserved is not None and "throttles" in look.queue.harms:
        yield look.found(
            "reserved_concurrency_low",
            f"{look.pipeline.function} may run {reserved} at a time, while the poller asks for five or more "
            "at once.",
            look.settings_rows("functions"),
            effect=float(reserved),
            unit="executions",
        )


@detects("concurrency_changed", group="change", needs=["changes"])
def changed(look: Look) -> Iterator[QueueObservation]:
    """Return the change of the concurrency right before the first throttle."""
    if look.queue.throttles is not None:
        first = look.queue.throttles.start
        yield from change_observation(look, "concurrency_changed", CONCURRENCY_EVENTS, first)


DETECTORS = (throttles, reserve, changed)

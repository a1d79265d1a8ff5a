"""What an outcome of a check of the ``/health`` question says, in log-odds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Weight:
    """What an outcome of a check says.

    Attributes
    ----------
    check
        Short name of the check, a row of the matrix figure.
    by_cause
        Log-odds by cause; a cause that is not named gets 0.
    reason
        Why.
    """

    check: str
    by_cause: dict[str, float]
    reason: str


def weight(check: str, reason: str, **short: float) -> Weight:
    """Return a weight whose causes go by short names: nginx, edge, network, loop, pool, saturation, none."""
    names = {
        "nginx": "nginx_config",
        "edge": "edge_config",
        "network": "docker_network",
        "loop": "app_event_loop",
        "pool": "app_threadpool",
        "saturation": "app_saturation",
        "none": "none",
    }
    return Weight(check, {names[name]: value for name, value in short.items()}, reason)

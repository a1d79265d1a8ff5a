"""Thresholds that signals share: how many rows show something, and how large a share is a part, most or all.

They are counts and shares of the data at hand, so that the pace of a record does not matter. A threshold that
one signal alone has stands beside it, with its source.
"""

from __future__ import annotations

# Requests, probes or lines that show something: one or two may have a cause of their own, such as a client
# that leaves and tries again.
FEWEST = 3
# Requests of a route from which it shows how the route fares.
FEWEST_OF_ROUTE = 5
# Requests by which a rate or a usual value is known, and that would hardly all have been spared.
MANY = 10
# Share of bad requests from which a manner of failing is a fault, perhaps beside another one.
PART = 0.3
# Share from which something is the rule.
MOST = 0.5
# Share from which something holds for an incident as a whole. Requests that were under way at its bounds may
# differ.
WHOLE = 0.85
# Share of bad requests up to which a route is served well. Clients make mistakes of their own.
CALM_SHARE = 0.1
# Probability below which something did not happen by chance.
BY_CHANCE = 0.05


def concerns(count: int, total: int, share: float = PART) -> bool:
    """Return True when ``count`` rows are more than single ones, and at least a share of all."""
    return count >= FEWEST and count >= share * total

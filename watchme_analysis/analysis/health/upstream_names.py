"""The address behind the name by which a configuration knows an upstream.

Nginx resolves the names of its configuration when it starts, and logs addresses: the one that requests of a
location went to is the name's, where there is one alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from watchme_analysis.analysis.configuration.nginx_upstreams import upstream_addresses
from watchme_analysis.analysis.health.config import Routes
from watchme_analysis.analysis.health.paths import path_families

if TYPE_CHECKING:
    import pandas as pd


def resolved_names(
    routes: Routes, logs: Iterable[pd.DataFrame], app_processes: pd.DataFrame
) -> dict[str, str]:
    """Return ``address:port`` by the ``name:port`` of the configuration, where it can be told.

    Parameters
    ----------
    routes
        Nginx's locations.
    logs
        Frames with ``path`` and ``upstream_addr`` of requests that Nginx passed on.
    app_processes
        Table of the glossary: a start command that is a service's tells its name and address.
    """
    import pandas as pd

    asked = [log[["path", "upstream_addr"]].dropna().astype(object) for log in logs]
    rows = pd.concat(asked, ignore_index=True) if asked else pd.DataFrame(columns=["path", "upstream_addr"])
    families = path_families(rows["path"]).astype(object)
    seen: dict[str, set[str]] = {}
    for _, group in rows.groupby(families):
        place = routes.serving(str(group["path"].iloc[0]))
        if place is None or len(place.addresses) != 1:
            continue
        name = place.addresses[0]
        if re.fullmatch(r"[\d.]+:\d+|\[.*", name):
            # An address is what it says: what else went well there was so before the configuration changed.
            continue
        seen.setdefault(name, set()).update(
            str(address)
            for address in group["upstream_addr"].unique()
            if address != name and _port(str(address)) == _port(name)
        )
    found = {name: addresses.pop() for name, addresses in seen.items() if len(addresses) == 1}
    hosts = dict(zip(app_processes["service"], app_processes["addr"], strict=True))
    for name in {address for place in routes.places for address in upstream_addresses(place)}:
        host = hosts.get(name.rpartition(":")[0])
        if isinstance(host, str):
            found.setdefault(name, f"{host}:{_port(name)}")
    return found


def _port(address: str) -> str:
    return address.rpartition(":")[2]

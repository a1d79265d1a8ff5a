"""Limits of what the log queries of runs may scan: per run, and per day in UTC over all systems.

The limit of a run is recorded before it begins and replaced by what it scanned. A run that is killed counts
with its limit, so that runs that are killed again and again can't exceed that of the day.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from watchme_analysis.config import RunSettings
from watchme_analysis.delivery.storage import Storage
from watchme_analysis.errors import ServiceError
from watchme_analysis.text.render import error_message

_FILE = "spending.json"
_LOCK = "spending.lock"
# Entries of earlier days are removed; the day before stays for whoever looks it up.
_KEPT = timedelta(days=2)


class BudgetError(ServiceError):
    """The log queries of a day have reached their limit."""


@dataclass(frozen=True)
class Budget:
    """The spending of all systems.

    Attributes
    ----------
    storage
        State folder of all systems.
    limits
        Limits per run and per day, and the price of a GB.
    """

    storage: Storage
    limits: RunSettings

    def reserve(self, run: str, now: datetime) -> float:
        """Return the GB that a run may scan, after recording them.

        Raises
        ------
        BudgetError
            When the runs of this day have reached a limit.
        """
        limits = self.limits
        with self._entries() as entries:
            today = [entry for entry in entries.values() if entry["at"][:10] == now.isoformat()[:10]]
            left_gb = limits.max_gb_per_day - sum(entry["gb"] for entry in today)
            left_usd = limits.max_usd_per_day - sum(entry["usd"] for entry in today)
            if left_gb <= 0 or left_usd <= 0:
                reached = (
                    f"max_gb_per_day ({limits.max_gb_per_day:g} GB)"
                    if left_gb <= 0
                    else f"max_usd_per_day ({limits.max_usd_per_day:g} USD)"
                )
                raise BudgetError(
                    error_message("error-budget-reached", day=f"{now:%Y-%m-%d}", reached=reached)
                )
            allowed = min(
                limits.max_gb, limits.max_usd / limits.usd_per_gb, left_gb, left_usd / limits.usd_per_gb
            )
            entries[run] = self._entry(allowed, now)
        return float(allowed)

    def settle(self, run: str, gb: float, now: datetime) -> None:
        """Replace the limit of a run by the GB that it scanned."""
        with self._entries() as entries:
            entries[run] = self._entry(gb, now)

    def _entry(self, gb: float, now: datetime) -> dict[str, Any]:
        return {"at": now.isoformat(timespec="seconds"), "gb": gb, "usd": gb * self.limits.usd_per_gb}

    @contextmanager
    def _entries(self) -> Iterator[dict[str, dict[str, Any]]]:
        """Yield the entry of each run under a lock, and store them afterwards."""
        self.storage.create()
        with (self.storage.folder / _LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            entries = (self.storage.read(_FILE) or {}).get("runs", {})
            yield entries
            newest = max((datetime.fromisoformat(entry["at"]) for entry in entries.values()), default=None)
            kept = {
                run: entry
                for run, entry in entries.items()
                if newest is None or datetime.fromisoformat(entry["at"]) > newest - _KEPT
            }
            self.storage.write(_FILE, {"runs": kept})

"""Journal of the deliveries to one destination, written before and after each step.

The entries of a notice are, in this order: ``intent`` (the delivery is due), ``sent`` (written immediately
before the call, so that from here on the destination may have received it), then ``confirmed``, or ``failed``
if the destination certainly did not receive it, or ``uncertain`` if it may have. A run that is killed after
``sent`` leaves the delivery uncertain. It is repeated only where the destination removes duplicates;
otherwise it is reported and not sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watchme_analysis.delivery.storage import Storage

INTENT, SENT, CONFIRMED, FAILED, UNCERTAIN = "intent", "sent", "confirmed", "failed", "uncertain"
# No more calls follow these.
FINAL = (CONFIRMED, UNCERTAIN)
# Entries of finished notices are only history; a longer journal is cut to its newest entries.
_MOST_ENTRIES = 2000
_KEPT_ENTRIES = 500


@dataclass
class Journal:
    """The journal of a destination.

    Attributes
    ----------
    storage
        Folder of the system's journals.
    destination
        Name of the destination.
    """

    storage: Storage
    destination: str

    def __post_init__(self) -> None:
        self._entries = list(self.storage.lines(self._file))
        if len(self._entries) > _MOST_ENTRIES:
            self._shorten()

    @property
    def _file(self) -> str:
        return f"{self.destination}.jsonl"

    def last(self, notice: str) -> Mapping[str, Any]:
        """Return the last entry of a notice; empty without one."""
        return next((entry for entry in reversed(self._entries) if entry.get("notice") == notice), {})

    def write(self, notice: str, event: str, now: datetime, **more: Any) -> None:
        """Record an event of a notice, on disk when this returns."""
        entry = {"notice": notice, "event": event, "at": now.isoformat(timespec="milliseconds"), **more}
        self._entries.append(entry)
        self.storage.append(self._file, entry)

    def _shorten(self) -> None:
        """Keep the newest entries, and those of notices without an end."""
        latest = {str(entry.get("notice")): entry for entry in self._entries}
        unfinished = {name for name, entry in latest.items() if entry.get("event") not in FINAL}
        old = [entry for entry in self._entries[:-_KEPT_ENTRIES] if str(entry.get("notice")) in unfinished]
        self._entries = [*old, *self._entries[-_KEPT_ENTRIES:]]
        self.storage.rewrite(self._file, self._entries)

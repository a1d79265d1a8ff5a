"""Journal of the deliveries to one destination, written before and after each step.

The entries of a notice are, in this order: ``intended`` (the delivery is due), ``sent`` (written immediately
before the call, so that from here on the destination may have received it), then ``confirmed``, or ``failed``
if the destination certainly did not receive it, or ``uncertain`` if it may have. A run that is killed after
``sent`` leaves the delivery uncertain. It is repeated only where the destination removes duplicates;
otherwise it is reported and not sent again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from watchme_analysis.delivery.storage import Storage
from watchme_analysis.files.journal import FAILED, INTENDED, Journal, open_journal, read_journal

__all__ = [
    "CONFIRMED",
    "FAILED",
    "FINAL",
    "INTENDED",
    "SENT",
    "UNCERTAIN",
    "DeliveryJournal",
    "open_deliveries",
]

SENT, CONFIRMED, UNCERTAIN = "sent", "confirmed", "uncertain"
# No more calls follow these.
FINAL = (CONFIRMED, UNCERTAIN)
# Entries of finished notices are only history; a longer journal is cut to its newest entries.
_MOST_ENTRIES = 2000
_KEPT_ENTRIES = 500


@dataclass(frozen=True)
class DeliveryJournal:
    """The journal of a destination; from :func:`open_deliveries`.

    Attributes
    ----------
    journal
        The opened journal; its keys are ids of notices.
    storage
        Folder of the system's journals.
    """

    journal: Journal
    storage: Storage

    def last(self, notice: str) -> Mapping[str, Any]:
        """Return the last entry of a notice; empty without one."""
        return self.journal.last.get(notice, {})

    def write(self, notice: str, event: str, **details: Any) -> None:
        """Record an event of a notice, on disk when this returns."""
        self.journal.write(notice, event, **details)
        self.storage.checkpoint(f"appended to {self.journal.path.name}")

    def thread_root(self, thread: str) -> str | None:
        """Return the receipt of the first confirmed notice of a thread; None before one."""
        return next(
            (
                str(entry["receipt"])
                for entry in self.journal.entries
                if entry["event"] == CONFIRMED and entry.get("thread") == thread
            ),
            None,
        )


@contextmanager
def open_deliveries(storage: Storage, destination: str) -> Iterator[DeliveryJournal]:
    """Open the journal of a destination, cut to its newest entries when it is long.

    Raises
    ------
    InputError
        When the journal can't be read or written, or is something else.
    """
    storage.create()
    name = f"{destination}.jsonl"
    path = storage.folder / name
    if len(entries := read_journal(path).entries) > _MOST_ENTRIES:
        storage.rewrite(name, shortened(entries, _KEPT_ENTRIES))
    with open_journal(path) as journal:
        yield DeliveryJournal(journal, storage)


def shortened(entries: list[dict[str, Any]], newest: int) -> list[dict[str, Any]]:
    """Return the newest entries, those of unfinished notices, and the first ones of threads that go on."""
    latest = {entry["key"]: entry for entry in entries}
    unfinished = {key for key, entry in latest.items() if entry["event"] not in FINAL}
    kept = entries[-newest:]
    threads = {entry.get("thread") for entry in kept} - {None}
    old = []
    for entry in entries[:-newest]:
        is_root = entry["event"] == CONFIRMED and entry.get("thread") in threads
        if is_root:
            threads.remove(entry["thread"])
        if is_root or entry["key"] in unfinished:
            old.append(entry)
    return [*old, *kept]

"""Answers of AWS kept on disk: what can't change any more is asked once, the rest is there offline."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from watchme_analysis.aws_shapes.responses import SETTLED_AFTER, iso_time
from watchme_analysis.errors import ServiceError
from watchme_analysis.files.atomic_write import write_atomically
from watchme_analysis.window import Window

_LOG = logging.getLogger(__name__)
# Some points of metrics come hours late, and asking for them again costs next to nothing.
POINTS_KEPT_AFTER = timedelta(hours=3)


class CacheMissError(ServiceError):
    """What was asked for offline was never asked before."""


class CacheEntry(NamedTuple):
    """A kept answer, as JSON gives it back, and when it was asked."""

    value: Any
    taken_at: datetime


@dataclass(frozen=True)
class ResponseStore:
    """Kept answers of one account and region, each under the hash of what was asked.

    Attributes
    ----------
    folder
        Where they lie.
    place
        Account and region that they are of.
    """

    folder: Path
    place: str

    def _path(self, identity: Sequence[Any]) -> Path:
        text = json.dumps([self.place, *identity], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return self.folder / digest[:2] / f"{digest}.json.gz"

    def load(self, identity: Sequence[Any]) -> CacheEntry | None:
        """Return what is kept under an identity (JSON-ready), None when nothing is or it can't be read."""
        path = self._path(identity)
        # An identity may hold the text of a query, so an entry is logged by its hash.
        try:
            data = json.loads(gzip.decompress(path.read_bytes()))
            kept = CacheEntry(data["value"], datetime.fromisoformat(data["taken_at"]))
        except (OSError, ValueError, KeyError, EOFError) as error:
            _LOG.debug("cache miss: entry %.12s (%s)", path.name, type(error).__name__)
            return None
        _LOG.debug("cache hit: entry %.12s, taken at %s", path.name, data["taken_at"])
        return kept

    def save(self, identity: Sequence[Any], value: Any, now: datetime) -> Any:
        """Keep an answer and return it as it will be read again: times as ISO texts."""
        text = json.dumps({"taken_at": now, "value": value}, ensure_ascii=False, default=iso_time)
        path = self._path(identity)
        _LOG.debug("cache write: entry %.12s, %d characters", path.name, len(text))
        path.parent.mkdir(parents=True, exist_ok=True)
        # Answers hold what was logged, which is nobody else's business.
        write_atomically(path, gzip.compress(text.encode(), 6), mode=0o600)
        return json.loads(text)["value"]


@dataclass
class ResponseCache:
    """Asks, or takes what is kept.

    Attributes
    ----------
    store
        Where answers are kept; None keeps none.
    refresh
        Ask anew what is kept.
    offline
        Ask nothing.
    oldest
        When the oldest answer was asked that was taken instead of asking.
    """

    store: ResponseStore | None = None
    refresh: bool = False
    offline: bool = False
    oldest: datetime | None = field(default=None, init=False)

    def kept(self, identity: Sequence[Any]) -> CacheEntry | None:
        """Return what may be used of what is kept."""
        return None if self.store is None or self.refresh else self.store.load(identity)

    def use(self, entry: CacheEntry) -> Any:
        """Return an entry's value and remember its age."""
        self.oldest = min(self.oldest or entry.taken_at, entry.taken_at)
        return entry.value

    def save(self, identity: Sequence[Any], value: Any) -> Any:
        """Keep an answer that was asked now."""
        return value if self.store is None else self.store.save(identity, value, datetime.now(UTC))

    def get(
        self, what: str, identity: Sequence[Any], ask_for: Callable[[], Any], window: Window | None = None
    ) -> Any:
        """Return an answer, asked unless it is kept and can't have changed.

        Parameters
        ----------
        what
            What is asked, for the reader.
        identity
            What tells it from other answers, JSON-ready.
        ask_for
            Asks.
        window
            Window of an answer that a window bounds; None for the state of now, which is asked each time.

        Raises
        ------
        NotKeptError
            When it is not kept and asking is forbidden.
        """
        bounds = [window.start.isoformat(), window.end.isoformat()] if window else []
        whole = [what, *identity, *bounds]
        entry = self.kept(whole)
        settled = entry is not None and window is not None and entry.taken_at >= window.end + SETTLED_AFTER
        if entry is not None and (settled or self.offline):
            return self.use(entry)
        if self.offline:
            raise CacheMissError(f"{cache_miss(what, window)}.")
        return self.save(whole, ask_for())


def cache_miss(what: str, window: Window | None = None) -> str:
    """Return the sentence, without its end, that says what the cache lacks."""
    asked = f" for {window}" if window else ""
    return f"The cache lacks {what}{asked}: ask once without --offline"

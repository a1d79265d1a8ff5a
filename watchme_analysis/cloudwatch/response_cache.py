"""Store responses of AWS on disk: settled responses are retrieved once, and all responses work offline.

Users: :meth:`ResponseCache.get` for whole responses (state of queues, alarms, changes), and
``cloudwatch.metrics`` and ``insights.cached``. Results of queries grow with their window: the settled part is
kept, and only the tail is retrieved again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.aws_shapes.responses import SETTLED_AFTER, iso_time
from watchme_analysis.errors import ServiceError
from watchme_analysis.storage.atomic_write import write_atomically
from watchme_analysis.text.message import Choice, value_of
from watchme_analysis.text.render import error_message, note
from watchme_analysis.window import Window, moment_of

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

_LOG = logging.getLogger(__name__)
# gzip level of entries; higher levels take longer and save little.
_GZIP_LEVEL = 6


class CacheMissError(ServiceError):
    """A response was requested offline and is not in the cache."""


class CacheEntry(NamedTuple):
    """Response in the cache as JSON returns it, and the time at which it was retrieved.

    A response that grows with its window has ``until`` (end of the settled part) and ``end`` (end of the
    window), both ISO 8601.
    """

    value: Any
    taken_at: datetime


def request_identity(*parts: Any, start: datetime | None = None, end: datetime | None = None) -> list[Any]:
    """Return the identity of a request, under which its response is stored: JSON-ready parts, and its window.

    Without an end, requests that end later share the entry.
    """
    return [*parts, *(bound.isoformat() for bound in (start, end) if bound is not None)]


@dataclass
class ResponseCache:
    """Folder of responses of one account and region, each stored under the hash of its request's identity."""

    folder: Path | None = None  # None stores nothing
    account_region: str = ""
    refresh: bool = False  # retrieves everything again
    offline: bool = False  # retrieves nothing: a response that is not stored raises CacheMissError
    # time at which the oldest response was retrieved that was used instead of a call
    oldest: datetime | None = field(default=None, init=False)

    def _path(self, folder: Path, identity: Sequence[Any]) -> Path:
        text = json.dumps([self.account_region, *identity], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return folder / digest[:2] / f"{digest}.json.gz"

    def load(self, identity: Sequence[Any]) -> CacheEntry | None:
        """Return the entry of a request; None without a readable entry, and always with ``refresh``."""
        if self.folder is None or self.refresh:
            return None
        path = self._path(self.folder, identity)
        # An identity may contain the text of a query, so the log names an entry by its hash.
        try:
            data = json.loads(gzip.decompress(path.read_bytes()))
            entry = CacheEntry(data["value"], datetime.fromisoformat(data["taken_at"]))
        except (OSError, ValueError, KeyError, EOFError) as error:
            _LOG.debug("cache miss: entry %.12s (%s)", path.name, type(error).__name__)
            return None
        _LOG.debug("cache hit: entry %.12s, taken at %s", path.name, data["taken_at"])
        return entry

    def save(self, identity: Sequence[Any], value: Any, now: datetime | None = None) -> Any:
        """Return a response as it will be loaded (times as text), stored as retrieved at ``now``."""
        if self.folder is None:
            return value
        stored = {"taken_at": now or datetime.now(UTC), "value": value}
        text = json.dumps(stored, ensure_ascii=False, default=iso_time)
        path = self._path(self.folder, identity)
        _LOG.debug("cache write: entry %.12s, %d characters", path.name, len(text))
        path.parent.mkdir(parents=True, exist_ok=True)
        # Responses contain log messages, so other users of the machine must not read them.
        write_atomically(path, gzip.compress(text.encode(), _GZIP_LEVEL), mode=0o600)
        return json.loads(text)["value"]

    def use(self, entry: CacheEntry) -> Any:
        """Return an entry's value, and record its age in ``oldest``."""
        self.oldest = min(self.oldest or entry.taken_at, entry.taken_at)
        return entry.value

    def covered_until(self, entry: CacheEntry) -> datetime:
        """Return the time up to which an entry that grows with its window may be used.

        Online this is the end of its settled part; offline it is the end of the retrieved part.
        """
        return datetime.fromisoformat(entry.value["end" if self.offline else "until"])

    def check_online(self, name: str, window: Window | None = None) -> None:
        """Raise CacheMissError in offline mode: the cache lacks ``name`` (for a window)."""
        if self.offline:
            bounds = {"has": Choice("window" if window else "none"), "window": str(window or "")}
            raise CacheMissError(error_message("error-cache-lacks", name=name, **bounds))

    def get(
        self,
        name: str,
        parameters: Sequence[Any],
        retrieve: Callable[[], Any],
        window: Window | None = None,
    ) -> Any:
        """Return a whole response: from the store if it is settled, else retrieved.

        ``name`` is used in messages; it is part of the identity, as are the JSON-ready ``parameters`` and the
        window that bounds the response. Without a window it is a current state, which is retrieved each time.
        CacheMissError if it is not stored and the cache is offline.
        """
        start, end = (window.start, window.end) if window else (None, None)
        identity = request_identity(name, *parameters, start=start, end=end)
        entry = self.load(identity)
        if entry is not None:
            is_settled = window is not None and entry.taken_at >= window.end + SETTLED_AFTER
            if is_settled or self.offline:
                return self.use(entry)
        self.check_online(name, window)
        return self.save(identity, retrieve())


def account_cache(
    aws: Aws, folder: Path | None = None, *, refresh: bool = False, offline: bool = False
) -> ResponseCache:
    """Return the cache of the account and region that calls go to, by default in the user's cache folder.

    The account's id is asked for, except offline, where CacheMissError is raised if the cache has no entry
    for the profile and region.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = folder or home / "watchme" / "answers"
    accounts = ResponseCache(folder, "accounts", offline=offline)
    profile = aws.target.profile or os.environ.get("AWS_PROFILE") or "default"
    account = accounts.get(
        note("cache-account", target=value_of(str(aws.target))), [profile, aws.region], aws.account
    )
    return ResponseCache(folder, f"{account}/{aws.region}", refresh, offline)


def requested_window(
    cache: ResponseCache,
    identity_parts: Sequence[Any],
    bounds: tuple[str | datetime | timedelta, str | datetime | timedelta],
    zone: tzinfo,
) -> Window:
    """Return the window of two bounds, as for :func:`~watchme_analysis.window.moment_of`.

    It ends now at the latest, and is cached under the parts of the request, so that offline the same request
    means the same window. InputError when a bound is no time, or the end is not after the start.
    """
    identity = request_identity("window", *identity_parts, *map(str, bounds), str(zone))
    entry = cache.load(identity) if cache.offline else None
    if entry is not None:
        return Window(*map(datetime.fromisoformat, entry.value))
    now = datetime.now(UTC)
    since, until = bounds
    window = Window(moment_of(since, zone, now), min(moment_of(until, zone, now), now))
    cache.save(identity, [window.start.isoformat(), window.end.isoformat()])
    return window

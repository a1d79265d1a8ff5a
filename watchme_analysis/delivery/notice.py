"""Notices: what is to be delivered, stored until every destination has received it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from watchme_analysis.config import Destination
from watchme_analysis.delivery.changes import Incident

# Kinds beside those of a change.
NO_CHANGE, RUN_FAILED, DELIVERY_FAILED, DIGEST = "no-change", "run-failed", "delivery-failed", "digest"
SAMPLE = "sample"
_FAILURES = (RUN_FAILED, DELIVERY_FAILED)
# Values of ``when`` of the destinations that a kind of notice reaches.
_READERS_OF_CHANGES = ("changes", "every-run")
_READERS = {
    NO_CHANGE: ("every-run",),
    RUN_FAILED: ("failures", "every-run"),
    DELIVERY_FAILED: ("failures",),
}
# Types of destinations that hold reports only.
PUBLISHERS = ("files", "s3")


@dataclass(frozen=True)
class Notice:
    """A message about a system, the same for all destinations.

    Its unique id is part of the names of files and of deduplication keys. ``kinds`` are those of
    :mod:`.changes`, or one of this module; the first is the headline. A failure has an ``error`` and no
    question. ``before`` is the incident as it was known before; ``earlier`` the number of earlier ones with
    the same cause. ``due`` are the names of the destinations that receive it, and ``pages`` folder or file of
    the report of each below the folder of the notice.
    """

    id: str
    kinds: tuple[str, ...]
    system: str
    question: str | None
    created_at: datetime
    incident: Incident | None = None
    before: Incident | None = None
    earlier: int = 0
    error: str = ""
    due: tuple[str, ...] = ()
    pages: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def kind(self) -> str:
        """The headline."""
        return self.kinds[0]

    @property
    def thread(self) -> str:
        """Name that all notices of one incident share."""
        return self.incident.id if self.incident is not None else f"{self.system}-{self.question or 'runs'}"


def notice_of(
    kind: str,
    system: str,
    question: str | None,
    now: datetime,
    error: str = "",
    incident: Incident | None = None,
) -> Notice:
    """Return a notice without destinations."""
    about = f"{system}-{question or 'run'}" if incident is None else incident.id
    name = f"{now:%Y%m%dT%H%M%S}{now.microsecond:06d}Z-{kind}-{about}"
    return Notice(name, (kind,), system, question, now, incident, error=error)


def with_due(notice: Notice, destinations: Mapping[str, Destination]) -> Notice:
    """Return a notice with the names of the destinations that are to receive it."""
    readers = _READERS.get(notice.kind, _READERS_OF_CHANGES)
    is_failure, has_report = notice.kind in _FAILURES, notice.kind not in (*_FAILURES, DIGEST)
    due = (
        name
        for name, each in destinations.items()
        if (each.when in readers or (is_failure and each.errors))
        and (has_report or each.type not in PUBLISHERS)
    )
    return replace(notice, due=tuple(due))

"""Rows of ``container_events`` and ``container_settings``, whichever platform they come from."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.names import queues_named
from watchme_analysis.aws_shapes.responses import json_text, of_file, table_frame, table_result
from watchme_analysis.files.evidence_file import RawFile, TablePart
from watchme_analysis.files.lines import TEXT_LIMIT
from watchme_analysis.files.storable_values import escape_surrogates
from watchme_analysis.redact import redacted, shortened
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    from watchme_analysis.files.line_accounting import TextAccounting

# What the kubelet, Docker and load balancers write about a failed probe: Go's net package names the errors of
# connections, and a status is one that the process answered with.
_FAILURES = (
    ("probe_refused", re.compile(r"connection refused|no route to host", re.I)),
    (
        "probe_timed_out",
        re.compile(r"deadline exceeded|timed? ?out|timeout|Client\.Timeout|health check exceeded", re.I),
    ),
)
# Exit code of a process that SIGKILL ended: 128 + 9.
KILLED = 137
_URL = re.compile(r"https?://(?P<address>\[?[\w.:%-]+\]?:\d+|[\w.-]+)(?P<path>/[^\s\"'?]*)?")


def failure_kind(reason: str) -> str:
    """Return the kind of event that a failed probe is: refused, timed out, or failed in another way."""
    return next((kind for kind, pattern in _FAILURES if pattern.search(reason)), "probe_failed")


def asked_by(reason: str) -> tuple[str | None, str | None]:
    """Return the address and the path of the URL that a probe's message quotes; None where it has none."""
    found = _URL.search(reason)
    return (found["address"], found["path"]) if found else (None, None)


# Kinds of events by platform.
KINDS: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("container_kinds.toml").read_text(encoding="utf-8")
)


@dataclass
class ContainerRows:
    """The rows that a file gives, collected one by one."""

    raw: RawFile
    platform: str
    events: list[dict[str, Any]] = field(default_factory=list)
    settings: list[dict[str, Any]] = field(default_factory=list)
    consumers: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)  # what could not become a row
    ages: int = 0  # events of which only an age is known, and no moment at which it was stated

    def event(self, kind: str, reason: str = "", **values: Any) -> None:
        """Add an event; ``values`` are further columns."""
        row = {"file": self.raw.relative, "platform": self.platform, "kind": kind, **values}
        row["reason"] = redacted(reason.strip()) or None
        self.events.append({"time": None, "line": len(self.events) + 1} | row)

    def failed_probe(self, reason: str, **values: Any) -> None:
        """Add a probe that failed, with the address and path of the URL that its message quotes."""
        address, path = asked_by(reason)
        found = {"address": address, "path": path} | {name: value for name, value in values.items() if value}
        self.event(failure_kind(reason), reason, **found)

    def setting(self, **values: Any) -> None:
        """Add a health check or limits, if any of them is stated."""
        if any(value is not None for name, value in values.items() if name not in _IDENTITY):
            self.settings.append({"file": self.raw.relative, "platform": self.platform, **values})

    def consumer(self, kind: str, variables: Iterable[Any] = (), **values: Any) -> None:
        """Add what may receive from queues; ``variables`` are name and value of its environment variables."""
        queues = sorted({name for one in variables for name in queues_named(*one)})
        row = {"file": self.raw.relative, "platform": self.platform, "kind": kind, **values}
        self.consumers.append(row | {"queues": json_text(queues) if queues else None})

    def each(self, items: Iterable[Any], add: Callable[[ContainerRows, dict[str, Any]], None]) -> None:
        """Add the rows of each item by a function; an item that it can't read is rejected as a whole."""
        for item in items:
            before = [len(rows) for rows in (self.events, self.settings, self.consumers)]
            try:
                add(self, item)
            except (AttributeError, LookupError, OverflowError, TypeError, ValueError):
                for rows, length in zip((self.events, self.settings, self.consumers), before, strict=True):
                    del rows[length:]
                kind = str(item.get("kind") or "?") if isinstance(item, dict) else type(item).__name__
                reason = note("problem-kind-not-read", kind=Resource(shortened(kind, 40)))
                text = shortened(json_text(item) or "", TEXT_LIMIT)
                self.rejected.append(Rejected(self.raw.relative, 0, reason, escape_surrogates(text)))

    def parts(self, source: str, damage: Sequence[str] = ()) -> tuple[TablePart, ...]:
        """Return the rows of a JSON file as parts of both tables."""
        frame, retrieval = table_result(self.raw, source, "container_events", self.events)
        problems = tuple(Rejected(self.raw.relative, 0, problem) for problem in damage)
        notes = (*self._notes(), *(one for one in damage))
        counted = replace(
            retrieval, rejected=(*problems, *self.rejected), truncated=bool(damage), notes=notes
        )
        return (TablePart("container_events", frame, counted), *self._other_tables(source))

    def parts_of_lines(self, account: TextAccounting) -> tuple[TablePart, ...]:
        """Return the rows of a text file as parts of both tables; ``account`` has counted its lines."""
        account.notes += self._notes()
        for row in self.events:
            account.add(row)
        frame, retrieval = account.finish([])
        times = [row["time"] for row in self.events if row["time"] is not None]
        bounds = {"start": min(times), "end": max(times)} if times else {}
        return (
            TablePart("container_events", frame, replace(retrieval, **bounds)),
            *self._other_tables(account.source),
        )

    def _notes(self) -> list[str]:
        untimed = sum(row["time"] is None for row in self.events) - self.ages
        found = [of_file(self.raw, "note-only-ages", entries=self.ages)] if self.ages else []
        return [*found, *([of_file(self.raw, "note-states-untimed", entries=untimed)] if untimed else [])]

    def _other_tables(self, source: str) -> Iterator[TablePart]:
        for table, rows in (("container_settings", self.settings), ("consumers", self.consumers)):
            if rows:
                frame = table_frame(table, rows, self.raw.remarks)
                yield TablePart(table, frame, Retrieval(source, self.raw.relative, rows=len(frame)))


_IDENTITY = ("object", "service", "address", "container", "probe")


def within_year_one(moment: datetime | None) -> datetime | None:
    """Return a time, None for the zero time of Go, which Docker and Kubernetes write for none."""
    return None if moment is None or moment.year == 1 else moment


def cells_of(line: str, header: Sequence[re.Match[str]]) -> dict[str, str] | None:
    """Return the cells of a line by the columns of the header above; None where they do not fit."""
    starts = [one.start() for one in header]
    names = [one[0].upper() for one in header]
    aligned = all(start <= len(line) and line[start - 1 : start].strip() == "" for start in starts[1:])
    if aligned:
        bounds = pairwise([*starts, len(line)])
        cells = [line[start:end].strip() for start, end in bounds]
    else:
        cells = re.split(r"\s{2,}", line.strip(), maxsplit=len(names) - 1)
    return dict(zip(names, cells, strict=True)) if len(cells) == len(names) else None


def header_of(line: str) -> list[re.Match[str]]:
    """Return the names of the columns of a table as its first line has them."""
    return list(re.finditer(r"\S+(?: \S+)*", line))

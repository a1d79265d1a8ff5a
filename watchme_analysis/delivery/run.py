"""One run of a system: pull, case, diagnosis, changes, reports, delivery.

The order makes a kill harmless at every moment: reports are made and stored first, then one transaction
stores the new state together with the notices that are due, and then each notice is delivered and recorded. A
run that is killed before the transaction has changed nothing; one that is killed later is continued by the
next run.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Protocol

from watchme_analysis.config import Destination, RunSettings, System
from watchme_analysis.delivery.changes import QuestionState, compare
from watchme_analysis.delivery.content import content_of, with_id
from watchme_analysis.delivery.destinations.base import Delivery, Sender
from watchme_analysis.delivery.digest import Digest, digest_content, digest_of, figures_of, period_of
from watchme_analysis.delivery.notice import (
    DELIVERY_FAILED,
    DIGEST,
    NO_CHANGE,
    PUBLISHERS,
    RUN_FAILED,
    Notice,
    notice_of,
    with_due,
)
from watchme_analysis.delivery.outbox import CONFIRMED, Outbox, Pace, delivered
from watchme_analysis.delivery.ownership import OwnedElsewhereError, Ownership
from watchme_analysis.delivery.run_lock import system_lock
from watchme_analysis.delivery.state import State, SystemState
from watchme_analysis.delivery.telemetry import Telemetry
from watchme_analysis.errors import ServiceError, WatchmeError
from watchme_analysis.redact import redacted
from watchme_analysis.stand_ins import LEVELS, Redactor
from watchme_analysis.storage.log_output import log_output
from watchme_analysis.storage.records import from_json, to_json
from watchme_analysis.text.message import Choice, Resource, restored_texts, stored_texts, value_of
from watchme_analysis.text.render import error_message, masked_text, note, text_of_error
from watchme_analysis.window import Window

_LOG = logging.getLogger(__name__)
_OUTBOX, _CASES, _DIGEST = "outbox", "cases", "digest"
# Cases of earlier runs that are kept beside the latest, to look into.
_KEPT_CASES = 3


@dataclass(frozen=True)
class Collected:
    """The evidence of a run: the path of its case, its window, and the GB that log queries scanned.

    ``missing`` are parts that could not be retrieved. ``telemetry`` is what its alarms, metrics and logs are
    billed by; None if that is not known.
    """

    case: Path
    window: Window
    gb: float = 0.0
    missing: tuple[str, ...] = ()
    telemetry: Telemetry | None = None


@dataclass(frozen=True)
class Variant:
    """A variant of a report: form (see :mod:`.destinations.base`), language and level of redaction.

    Destinations that want the same share it.
    """

    form: str
    language: str
    level: str

    @property
    def name(self) -> str:
        """Name of the folder of the variant."""
        return f"{self.form}-{self.language}-{self.level}"


class Source(Protocol):
    """What a run does with the world."""

    def collect(self, cases: Path, most_gb: float, seconds: float) -> Collected:
        """Pull the evidence into a folder of cases within so many GB and seconds; return it."""

    def diagnose(self, case: Path, level: str) -> Mapping[str, Mapping[str, Any]]:
        """Return each diagnosis of a case at a level of redaction, ready for JSON, by its question."""

    def report(self, case: Path, question: str, wanted: Variant, out: Path, seconds: float) -> str:
        """Write a report of a case into a new folder; return its name in there."""


@dataclass(frozen=True)
class Run:
    """A run of one system, with the state folder of all systems.

    Destinations are in the order of their delivery. An offline run scans nothing, so that no limit of log
    queries counts. ``language`` is that of destinations that state none; ``wait_s`` seconds are waited for
    another run of the same system. A dry run stores and delivers nothing. ``ownership`` is the record of the
    machine that runs the system; None without one.
    """

    system: System
    destinations: Mapping[str, Destination]
    senders: Mapping[str, Sender]
    source: Source | None
    state: State
    settings: RunSettings = field(default_factory=RunSettings)
    is_offline: bool = False
    language: str = "en"
    zone: tzinfo = UTC
    wait_s: float = 0.0
    is_dry: bool = False
    ownership: Ownership | None = None
    pace: Pace = field(default_factory=Pace)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


def run_system(run: Run, digest_span: timedelta | None = None) -> dict[str, Any]:
    """Return the result of a run, ready for JSON.

    It has ``system``; ``status`` (``ok``; ``partial`` if evidence or a report is missing or a delivery
    failed; ``failed``); ``error``; ``window``; ``case``; ``questions`` with headline, ``cause_line``,
    verdict, cause, confidence, incident and changes; ``deliveries``; ``gb_scanned``; ``telemetry``, by which
    alarms, metrics and logs are billed; ``killed_before`` if the run before was killed; ``seconds``.

    With ``digest_span``, no evidence is pulled: the run delivers a digest of so many days until the last
    midnight, once, and its figures are ``digest``.

    Another run in progress is a RunInProgressError, another machine that runs the system from a state folder
    of its own an OwnedElsewhereError, and a state folder that can't be used an InputError.
    """
    folder = run.state.system_folder(run.system.name)
    with system_lock(folder, run.system.name, run.wait_s) as killed:
        if killed is not None:
            _LOG.info("%s: the run before was killed (%s)", run.system.name, killed)
        work = _Work(run, folder)
        work.check_owner()
        if digest_span is None:
            work.look()
        else:
            work.digest(digest_span)
        work.result["seconds"] = round(time.monotonic() - work.began, 1)
        return work.result | ({} if killed is None else {"killed_before": True})


class _Work:
    """A run while it holds the lock of its system."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder, self.name = run, folder, run.system.name
        self.now = run.clock()
        self.began = time.monotonic()
        self.state = run.state.system(self.name)
        self.result: dict[str, Any] = {
            "system": run.system.name,
            "status": "ok",
            "error": None,
            "started_at": self.now.isoformat(timespec="seconds"),
            "window": None,
            "case": None,
            "questions": {},
            "missing": [],
            "deliveries": [],
            "gb_scanned": 0.0,
            "telemetry": None,
        }
        self.diagnoses: dict[str, Mapping[str, Mapping[str, Any]]] = {}
        self.case: Path | None = None
        self.variants = {
            name: Variant(sender.form, each.language or run.language, each.redact)
            for name, sender in run.senders.items()
            for each in (run.destinations[name],)
        }
        pace = replace(run.pace, deadline=min(run.pace.deadline, self.began + run.settings.deadline_s))
        self.outbox = Outbox(run.state, self.name, run.senders, self._prepared, pace)

    def check_owner(self) -> None:
        """Check that no other machine runs the system; a record that can't be read keeps nobody from running.

        Otherwise a bucket that is down would keep an incident from all other destinations.
        """
        owner = self.run.ownership
        if owner is None or self.run.is_dry:
            return
        try:
            owner.check(self.run.state, self.name, self.now)
        except OwnedElsewhereError:
            raise
        except ServiceError as error:
            self._miss(note("run-owner-unknown", reason=value_of(masked_text(text_of_error(error)))))
        # Only once: a machine that takes over later must not lose it again.
        self.run = replace(self.run, ownership=replace(owner, takes_over=False))

    def look(self) -> None:
        """Run all steps; a step that fails is reported and delivered as a failed run."""
        if not self.run.is_dry:
            self._remove_orphans()
            self._deliver()  # what a killed run or an unreachable destination has left
        try:
            questions, notices = self._changes()
            failure = ""
        except (WatchmeError, OSError) as error:
            failure = masked_text(text_of_error(error))
            self.result |= {"status": "failed", "error": failure}
            _LOG.info("%s: failed: %s", self.name, failure)
            is_known = failure == self.state.failure
            questions = self.state.questions
            notices = [] if is_known else [notice_of(RUN_FAILED, self.name, None, self.now, failure)]
        due = [with_due(notice, self.run.destinations) for notice in notices]
        if self.run.is_dry:
            self._plan(due)
            return
        self.check_owner()  # another machine may have taken over meanwhile
        made = [self._with_texts(notice) for notice in due if notice.due]
        failing = {name: error for name, error in self.state.failing.items() if name in self.run.senders}
        pending = (*self.state.pending, *(notice for notice in made if notice.due))
        self._save(SystemState(questions, pending, failure, failing))
        self._deliver()
        self._remove_orphans()
        others = sorted(
            (path for path in (self.folder / _CASES).glob("*") if path != self.case), reverse=True
        )
        _remove(others[_KEPT_CASES:])
        self._remember()

    def digest(self, span: timedelta) -> None:
        """Deliver the digest of the days before the last midnight."""
        window = period_of(span, self.now, self.run.zone)
        usd_per_gb = self.run.settings.usd_per_gb
        found = to_json(digest_of(window, self.state.questions, self.run.state.runs(self.name), usd_per_gb))
        self.result |= {"window": to_json(window), "digest": found}
        days = f"{window.start:%Y%m%dT%H%MZ}-{window.end:%Y%m%dT%H%MZ}"
        made = replace(notice_of(DIGEST, self.name, None, self.now), id=f"{DIGEST}-{days}-{self.name}")
        notice = with_due(made, self.run.destinations)
        if self.run.is_dry:
            self._plan([notice])
            return
        self._remove_orphans()
        if notice.due:
            self.run.state.store_document(self.name, notice.id, _DIGEST, found)
            others = (each for each in self.state.pending if each.id != notice.id)
            self._save(replace(self.state, pending=(*others, notice)))
        self._deliver()
        self._remove_orphans()

    def _changes(self) -> tuple[Mapping[str, QuestionState], list[Notice]]:
        """Pull the evidence and diagnose it; return the new state of the questions, and the notices."""
        collected = self._collect()
        window, self.case = collected.window, collected.case
        self.result |= {
            "window": to_json(window),
            "case": str(collected.case),
            "gb_scanned": round(collected.gb, 6),
            "telemetry": to_json(collected.telemetry),
        }
        for part in collected.missing:
            self._miss(part)
        self._check_deadline("diagnosis")
        states: dict[str, QuestionState] = dict(self.state.questions)
        notices: list[Notice] = []
        for question, diagnosis in self._diagnosed(LEVELS[0]).items():
            before = states.get(question, QuestionState())
            states[question], changes = compare(self.name, question, before, diagnosis, window)
            for change in changes:
                made = notice_of(change.kinds[0], self.name, question, self.now, incident=change.incident)
                earlier = len(change.earlier)
                notices.append(replace(made, kinds=change.kinds, before=change.before, earlier=earlier))
            if not changes:
                unchanged = notice_of(NO_CHANGE, self.name, question, self.now)
                notices.append(replace(unchanged, incident=states[question].open))
            self.result["questions"][question] = {
                **{
                    name: restored_texts(
                        {"text": diagnosis.get(name) or "", "message": diagnosis.get(f"{name}_message")}
                    )
                    for name in ("headline", "cause_line")
                },
                **{name: diagnosis.get(name) for name in ("verdict", "cause", "confidence", "incident")},
                "changes": [kind for change in changes for kind in change.kinds],
            }
        return states, notices

    def _collect(self) -> Collected:
        """Return the evidence; if that fails, how much was scanned is unknown, so the reservation stays."""
        run, name = self.run, f"{self.name}-{self.now.isoformat()}"
        allowed = float("inf") if run.is_offline else run.state.reserve(name, run.settings, self.now)
        cases = self.folder / _CASES
        cases.mkdir(exist_ok=True, mode=0o700)
        collected = self._source.collect(cases, allowed, self._left_s())
        if not run.is_offline:
            run.state.settle(name, collected.gb, run.settings, self.now)
        return collected

    @property
    def _source(self) -> Source:
        assert self.run.source is not None  # only a digest has none
        return self.run.source

    def _diagnosed(self, level: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the diagnoses at a level of redaction, each made once."""
        if level not in self.diagnoses and self.case is not None:
            self.diagnoses[level] = self._source.diagnose(self.case, level)
        return self.diagnoses.get(level, {})

    def _left_s(self) -> float:
        return max(0.0, self.began + self.run.settings.deadline_s - time.monotonic())

    def _check_deadline(self, step: str) -> None:
        if self._left_s() == 0:
            seconds = f"{self.run.settings.deadline_s:g}"
            raise ServiceError(
                error_message("error-run-deadline", system=self.name, seconds=seconds, step=Choice(step))
            )

    def _with_texts(self, notice: Notice) -> Notice:
        """Return a notice whose diagnosis and reports are stored, for those who can receive it."""
        if notice.question is None:
            return notice
        pages: dict[str, str] = {}
        wanted = [self.variants[name] for name in notice.due]
        for level in {each.level for each in wanted}:
            diagnosis = self._diagnosed(level)[notice.question]
            self.run.state.store_document(self.name, notice.id, level, diagnosis)
        for variant in dict.fromkeys(wanted):
            if not variant.form or self.case is None:
                continue
            try:
                self._check_deadline("report")
                out = self.folder / _OUTBOX / notice.id / variant.name
                made = self._source.report(self.case, notice.question, variant, out, self._left_s())
                users = (name for name in notice.due if self.variants[name] == variant)
                pages |= dict.fromkeys(users, f"{variant.name}/{made}")
            except (WatchmeError, OSError) as error:
                reason = value_of(masked_text(text_of_error(error)))
                self._miss(note("run-report-failed", report=Resource(variant.name), reason=reason))
        # A report that could not be made is never delivered, and must not keep later ones waiting.
        due = tuple(
            name for name in notice.due if self.run.destinations[name].type not in PUBLISHERS or name in pages
        )
        return replace(notice, due=due, pages=pages)

    def _page(self, notice: Notice, name: str) -> Path | None:
        """Return folder or file of the report that a destination receives; None without one."""
        page = notice.pages.get(name)
        return None if page is None else self.folder / _OUTBOX / notice.id / page

    def _miss(self, part: str) -> None:
        """Add a missing part to the result."""
        if part not in self.result["missing"]:
            self.result["missing"].append(part)
        if self.result["status"] == "ok":
            self.result["status"] = "partial"

    def _prepared(self, notice: Notice, name: str) -> Delivery:
        """Return a notice as a destination is to receive it."""
        variant, zone = self.variants[name], self.run.zone
        # Errors and figures name accounts and hosts, which have stand-ins at the stricter levels.
        if notice.error:
            error = Redactor(variant.level).value(stored_texts(notice.error))
            notice = replace(notice, error=restored_texts(error))
        stored_as = _DIGEST if notice.kind == DIGEST else variant.level
        document = self.run.state.document(self.name, notice.id, stored_as)
        if notice.kind == DIGEST and document is not None:
            digest: Digest = from_json(Digest, Redactor(variant.level).value(document))
            content = digest_content(digest, self.name, variant.language, zone)
        else:
            content = content_of(notice, document, variant.language, zone, self._link(notice, variant))
        page = self._page(notice, name)
        incidents = (each.open.id for each in self.state.questions.values() if each.open is not None)
        return Delivery(notice, with_id(content, notice), page, frozenset(incidents))

    def _link(self, notice: Notice, reader: Variant) -> str | None:
        """Return the URL of the report for readers of a language, at a level of redaction.

        It is that of the first destination that has confirmed the report, in the language of the reader where
        there is one. A report at a weaker level of redaction than that of the reader is not linked.
        """
        candidates = [
            name
            for name, each in self.variants.items()
            if name in notice.due and LEVELS.index(each.level) >= LEVELS.index(reader.level)
        ]
        candidates.sort(key=lambda name: self.variants[name].language != reader.language)
        for name in candidates:
            page = self._page(notice, name)
            if page is not None and self.outbox.was_confirmed(notice, name):
                empty = content_of(notice, None, "en", self.run.zone)
                link = self.run.senders[name].link(Delivery(notice, empty, page))
                if link is not None:
                    return link
        return None

    def _plan(self, notices: Iterable[Notice]) -> None:
        """Add the deliveries of a dry run to the result."""
        self.result["deliveries"] = [
            delivered(name, notice, "planned") for notice in notices for name in notice.due
        ]

    def _deliver(self) -> None:
        """Deliver all pending notices, forget those that are finished, and report failures.

        Finished notices and the reports on failures are stored together, so that a kill loses no failure.
        """
        if not self.state.pending:
            return
        failing, reports = self._failures(self._delivered(self.state.pending))
        self._forget(failing, reports)
        if reports:
            self._delivered(reports)
            self._forget(failing, ())

    def _delivered(self, notices: Sequence[Notice]) -> list[dict[str, str]]:
        """Deliver notices; return the outcomes, which are part of the result."""
        outcomes = self.outbox.deliver(notices)
        self.result["deliveries"] += outcomes
        if any(each["status"] != CONFIRMED for each in outcomes) and self.result["status"] == "ok":
            self.result["status"] = "partial"
        return outcomes

    def _forget(self, failing: Mapping[str, str], reports: Sequence[Notice]) -> None:
        """Store the state without the notices that are finished, and with those on failed deliveries."""
        kept = (notice for notice in self.state.pending if not self.outbox.is_finished(notice, self.now))
        self._save(replace(self.state, pending=(*kept, *reports), failing=failing))

    def _save(self, state: SystemState) -> None:
        self.state = state
        self.run.state.store_system(self.name, state)

    def _failures(
        self, outcomes: Sequence[Mapping[str, str]]
    ) -> tuple[Mapping[str, str], tuple[Notice, ...]]:
        """Return the error of each destination, and notices on those errors that are new."""
        failing, reports = dict(self.state.failing), []
        for name, each in {each["destination"]: each for each in outcomes}.items():
            if each["status"] == CONFIRMED or each["kind"] == DELIVERY_FAILED:
                failing.pop(name, None)
            elif failing.get(name) != each["detail"]:
                failing[name] = each["detail"]
                error = note("problem-of", of=Resource(name), problem=value_of(each["detail"]))
                made = notice_of(DELIVERY_FAILED, self.name, None, self.now, error)
                notice = with_due(replace(made, id=f"{made.id}-{name}"), self.run.destinations)
                reports.append(replace(notice, due=tuple(one for one in notice.due if one != name)))
        return failing, tuple(notice for notice in reports if notice.due)

    def _remove_orphans(self) -> None:
        """Remove the folders of notices that are delivered, or that a killed run did not store."""
        pending = {notice.id for notice in self.state.pending}
        _remove(path for path in (self.folder / _OUTBOX).glob("*") if path.name not in pending)

    def _remember(self) -> None:
        """Append the run to the history, from which the digest is made."""
        names = ("started_at", "status", "error", "window", "questions", "gb_scanned", "telemetry")
        diagnoses = self.diagnoses.get(LEVELS[0], {})
        figures = {question: figures_of(diagnosis) for question, diagnosis in diagnoses.items()}
        about = {name: self.result[name] for name in names} | {"figures": figures}
        self.run.state.add_run(self.name, about, self.now)


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def logged(path: Path) -> AbstractContextManager[None]:
    """Return a context that logs the package to a file of limited size; secrets in errors are masked."""
    handler = RotatingFileHandler(
        path, maxBytes=1_000_000, backupCount=3, encoding="utf-8", errors="backslashreplace"
    )
    with suppress(OSError):
        path.chmod(0o600)
    return log_output(handler, logging.INFO, lambda line: redacted(line).replace("\n", " "))

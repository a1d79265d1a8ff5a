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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from watchme_analysis.config import Destination, RunSettings, System
from watchme_analysis.delivery.changes import QuestionState, compare
from watchme_analysis.delivery.content import content_of, with_id
from watchme_analysis.delivery.destinations.base import Delivery, Sender
from watchme_analysis.delivery.digest import Digest, digest_content, digest_of, period_of
from watchme_analysis.delivery.notice import (
    DELIVERY_FAILED,
    DIGEST,
    NO_CHANGE,
    PUBLISHERS,
    RUN_FAILED,
    Notice,
    notice_of,
    notice_of_change,
    with_due,
)
from watchme_analysis.delivery.outbox import CONFIRMED, Delivered, Outbox, Pace
from watchme_analysis.delivery.ownership import OwnedElsewhereError, Ownership
from watchme_analysis.delivery.run_lock import system_lock
from watchme_analysis.delivery.state import State, SystemState
from watchme_analysis.delivery.telemetry import Telemetry
from watchme_analysis.errors import ServiceError, WatchmeError
from watchme_analysis.redact import redacted
from watchme_analysis.stand_ins import LEVELS, Redactor
from watchme_analysis.text.message import Choice, Resource, restored_texts, stored_texts, value_of
from watchme_analysis.text.render import error_message, masked_text, note, text_of_error
from watchme_analysis.window import Window

_LOG = logging.getLogger(__name__)
_OUTBOX, _CASES, _DIGEST = "outbox", "cases", "digest"
# Signals whose statement the digest repeats.
_DRIFTS = ("duration_drifts",)
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


@dataclass(frozen=True)
class Stages:
    """What a run does with the world, as functions.

    ``collect`` receives the folder of cases, the most GB to scan and the seconds left, and returns the
    evidence. ``diagnose`` receives the path of a case and a level of redaction, and returns each diagnosis by
    its question, as from :meth:`watchme_analysis.inference.findings.Diagnosis.to_dict`. ``report`` receives
    the path of a case, a question, the wanted variant, a new folder and the seconds left; it writes a report
    into the folder and returns its name in there.
    """

    collect: Callable[[Path, float, float], Collected]
    diagnose: Callable[[Path, str], Mapping[str, Mapping[str, Any]]]
    report: Callable[[Path, str, Variant, Path, float], str]


@dataclass(frozen=True)
class Run:
    """A run of one system, with the state folder of all systems.

    Destinations are in the order of their delivery. ``limits`` are those of the log queries, None for a run
    that scans nothing; ``language`` is that of destinations that state none. No further step begins after
    ``deadline_s`` seconds; ``wait_s`` seconds are waited for another run of the same system. A dry run stores
    and delivers nothing. ``ownership`` is the record of the machine that runs the system; None without one.
    """

    system: System
    destinations: Mapping[str, Destination]
    senders: Mapping[str, Sender]
    stages: Stages
    state: State
    limits: RunSettings | None = None
    language: str = "en"
    zone: tzinfo = UTC
    deadline_s: float = 1800.0
    wait_s: float = 0.0
    is_dry: bool = False
    ownership: Ownership | None = None
    pace: Pace = field(default_factory=Pace)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


def run_system(run: Run) -> dict[str, Any]:
    """Return the result of a run, ready for JSON.

    It has ``system``; ``status`` (``ok``; ``partial`` if evidence or a report is missing or a delivery
    failed; ``failed``); ``error``; ``window``; ``case``; ``questions`` with headline, ``cause_line``,
    verdict, cause, confidence, incident and changes; ``deliveries``; ``gb_scanned``; ``telemetry``, by which
    alarms, metrics and logs are billed; ``killed_before`` if the run before was killed; ``seconds``.

    Another run in progress is a RunInProgressError, another machine that runs the system from a state folder
    of its own an OwnedElsewhereError, and a state folder that can't be used an InputError.
    """
    return _locked(run, _Work.run)


def run_digest(run: Run, span: timedelta, usd_per_gb: float) -> dict[str, Any]:
    """Return the result of a digest, ready for JSON: as :func:`run_system`, with the figures as ``digest``.

    The digest covers whole days until the last midnight; no evidence is pulled. Another one for the same days
    is not delivered. A run in progress is a RunInProgressError, a state folder that can't be used an
    InputError.
    """
    return _locked(run, lambda work: work.digest(span, usd_per_gb))


def _locked(run: Run, job: Callable[[_Work], dict[str, Any]]) -> dict[str, Any]:
    """Return the result of a job that holds the lock of the system."""
    folder = run.state.system_folder(run.system.name)
    with system_lock(folder, run.system.name, run.wait_s) as killed:
        if killed is not None:
            _LOG.info("%s: the run before was killed (%s)", run.system.name, killed)
        work = _Work(run, folder)
        work.check_owner()
        result = job(work)
        if killed is not None:
            result["killed_before"] = True
        return result


class _Work:
    """A run while it holds the lock of its system."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run_, self.folder, self.name = run, folder, run.system.name
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
        pace = replace(run.pace, deadline=min(run.pace.deadline, self.began + run.deadline_s))
        self.outbox = Outbox(run.state, self.name, run.senders, self._prepared, pace)

    def check_owner(self) -> None:
        """Check that no other machine runs the system; a record that can't be read keeps nobody from running.

        Otherwise a bucket that is down would keep an incident from all other destinations.
        """
        owner = self.run_.ownership
        if owner is None or self.run_.is_dry:
            return
        try:
            owner.check(self.run_.state, self.name, self.now)
        except OwnedElsewhereError:
            raise
        except ServiceError as error:
            self._partial(note("run-owner-unknown", reason=value_of(masked_text(text_of_error(error)))))
        # Only once: whoever takes over later is not to lose it again.
        self.run_ = replace(self.run_, ownership=replace(owner, takes_over=False))

    def run(self) -> dict[str, Any]:
        """Run all steps; a step that fails is reported and delivered as a failed run."""
        if not self.run_.is_dry:
            self._remove_orphans()
            self._deliver()  # what a killed run or an unreachable destination has left
        try:
            questions, notices = self._look()
            failure = ""
        except (WatchmeError, OSError) as error:
            failure = masked_text(text_of_error(error))
            self.result |= {"status": "failed", "error": failure}
            _LOG.info("%s: failed: %s", self.name, failure)
            questions, notices = self.state.questions, []
            if failure != self.state.failure:
                notices = [notice_of(RUN_FAILED, self.name, None, self.now, failure)]
        notices = [with_due(notice, self.run_.destinations) for notice in notices]
        if self.run_.is_dry:
            self.result["deliveries"] = [
                Delivered(name, notice.id, notice.kind, "planned").to_dict()
                for notice in notices
                for name in notice.due
            ]
        else:
            self.check_owner()  # another machine may have taken over meanwhile
            self._store(questions, notices, failure)
            self._deliver()
            self._clean()
            self._remember()
        self.result["seconds"] = round(time.monotonic() - self.began, 1)
        return self.result

    def digest(self, span: timedelta, usd_per_gb: float) -> dict[str, Any]:
        """Deliver the digest of the days before the last midnight."""
        window = period_of(span, self.now, self.run_.zone)
        history = self.run_.state.runs(self.name)
        found = digest_of(window, self.state.questions, history, usd_per_gb)
        self.result |= {
            "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
            "digest": found.to_dict(),
        }
        name = self.name
        made = notice_of(DIGEST, name, None, self.now)
        days = f"{window.start:%Y%m%dT%H%MZ}-{window.end:%Y%m%dT%H%MZ}"
        notice = with_due(replace(made, id=f"{DIGEST}-{days}-{name}"), self.run_.destinations)
        if self.run_.is_dry:
            self.result["deliveries"] = [
                Delivered(each, notice.id, DIGEST, "planned").to_dict() for each in notice.due
            ]
        else:
            self._remove_orphans()
            if notice.due:
                self.run_.state.store_document(self.name, notice.id, _DIGEST, found.to_dict())
                others = (each for each in self.state.pending if each.id != notice.id)
                self.state = replace(self.state, pending=(*others, notice))
                self.run_.state.store_system(self.name, self.state)
            self._deliver()
            self._remove_orphans()
        self.result["seconds"] = round(time.monotonic() - self.began, 1)
        return self.result

    def _look(self) -> tuple[Mapping[str, QuestionState], list[Notice]]:
        """Pull the evidence and diagnose it; return the new state of the questions, and the notices."""
        collected = self._collect()
        window, self.case = collected.window, collected.case
        self.result |= {
            "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
            "case": str(collected.case),
            "missing": [*self.result["missing"], *collected.missing],
            "gb_scanned": round(collected.gb, 6),
            "telemetry": collected.telemetry and collected.telemetry.to_dict(),
        }
        if collected.missing:
            self.result["status"] = "partial"
        self._check_deadline("diagnosis")
        system = self.name
        states, notices = dict(self.state.questions), []
        for question, diagnosis in self._diagnosed(LEVELS[0]).items():
            before = states.get(question, QuestionState())
            states[question], changes = compare(system, question, before, diagnosis, window)
            notices += [notice_of_change(change, system, question, self.now) for change in changes]
            if not changes:
                incident = states[question].open
                notice = notice_of(NO_CHANGE, system, question, self.now)
                notices.append(replace(notice, incident=incident))
            self.result["questions"][question] = {
                **{name: _said(diagnosis, name) for name in ("headline", "cause_line")},
                **{name: diagnosis.get(name) for name in ("verdict", "cause", "confidence", "incident")},
                "changes": [kind for change in changes for kind in change.kinds],
            }
        return states, notices

    def _collect(self) -> Collected:
        run, name = self.run_, f"{self.name}-{self.now.isoformat()}"
        allowed = float("inf") if run.limits is None else run.state.reserve(name, run.limits, self.now)
        cases = self.folder / _CASES
        cases.mkdir(exist_ok=True, mode=0o700)
        try:
            collected = run.stages.collect(cases, allowed, self._left_s())
        except Exception:
            # How much was scanned is unknown, so the reservation stays.
            _LOG.info("%s: the evidence could not be collected", run.system.name)
            raise
        if run.limits is not None:
            run.state.settle(name, collected.gb, run.limits, self.now)
        return collected

    def _diagnosed(self, level: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the diagnoses at a level of redaction, each made once."""
        if level not in self.diagnoses:
            if self.case is None:
                return {}
            self.diagnoses[level] = self.run_.stages.diagnose(self.case, level)
        return self.diagnoses[level]

    def _left_s(self) -> float:
        return max(0.0, self.began + self.run_.deadline_s - time.monotonic())

    def _check_deadline(self, step: str) -> None:
        if self._left_s() == 0:
            raise ServiceError(
                error_message(
                    "error-run-deadline",
                    system=self.name,
                    seconds=f"{self.run_.deadline_s:g}",
                    step=Choice(step),
                )
            )

    def _store(self, questions: Mapping[str, QuestionState], notices: Sequence[Notice], failure: str) -> None:
        """Make what is to be delivered, then store the new state and the notices together."""
        made = [self._with_texts(notice) for notice in notices if notice.due]
        made = [notice for notice in made if notice.due]
        failing = {name: error for name, error in self.state.failing.items() if name in self.run_.senders}
        self.state = SystemState(questions, (*self.state.pending, *made), failure, failing)
        self.run_.state.store_system(self.name, self.state)

    def _with_texts(self, notice: Notice) -> Notice:
        """Return a notice whose diagnosis and reports are stored in its folder."""
        if notice.question is None:
            return notice
        folder = self.folder / _OUTBOX / notice.id
        pages: dict[str, str] = {}
        levels = set()
        for name in notice.due:
            destination = self.run_.destinations[name]
            level = destination.redact
            if level not in levels:
                diagnosis = self._diagnosed(level)[notice.question]
                self.run_.state.store_document(self.name, notice.id, level, diagnosis)
                levels.add(level)
            which = self._variant(name)
            if not which.form or which.name in pages or self.case is None:
                continue
            try:
                self._check_deadline("report")
                out = folder / which.name
                made = self.run_.stages.report(self.case, notice.question, which, out, self._left_s())
            except (WatchmeError, OSError) as error:
                reason = value_of(masked_text(text_of_error(error)))
                self._partial(note("run-report-failed", report=Resource(which.name), reason=reason))
                continue
            pages[which.name] = f"{which.name}/{made}"
        # A report that could not be made is never delivered, and must not keep later ones waiting.
        due = tuple(
            name
            for name in notice.due
            if self.run_.destinations[name].type not in PUBLISHERS or self._variant(name).name in pages
        )
        return replace(notice, due=due, pages=pages, has_diagnosis=True)

    def _variant(self, name: str) -> Variant:
        """Return the variant of a report that a destination receives."""
        destination = self.run_.destinations[name]
        language = destination.language or self.run_.language
        return Variant(self.run_.senders[name].form, language, destination.redact)

    def _partial(self, error: str) -> None:
        if error not in self.result["missing"]:
            self.result["missing"].append(error)
        if self.result["status"] == "ok":
            self.result["status"] = "partial"

    def _prepared(self, notice: Notice, name: str) -> Delivery:
        """Return a notice as a destination is to receive it."""
        destination = self.run_.destinations[name]
        diagnosis = None
        # Errors and figures name accounts and hosts, which have stand-ins at the stricter levels.
        redactor = Redactor(destination.redact)
        notice = replace(notice, error=restored_texts(redactor.value(stored_texts(notice.error))))
        document = self.run_.state.document
        if notice.has_diagnosis:
            diagnosis = document(self.name, notice.id, destination.redact)
        language = destination.language or self.run_.language
        if notice.kind == DIGEST and (stored := document(self.name, notice.id, _DIGEST)) is not None:
            texts = digest_content(
                Digest.from_dict(redactor.value(stored)), self.name, language, self.run_.zone
            )
            return Delivery(notice, with_id(texts, notice), None)
        link = self._link(notice, destination)
        content = content_of(notice, diagnosis, language, self.run_.zone, link)
        page = notice.pages.get(self._variant(name).name)
        folder = self.folder / _OUTBOX / notice.id
        return Delivery(
            notice,
            with_id(content, notice),
            None if page is None else folder / page,
            self.state.open_incidents,
        )

    def _link(self, notice: Notice, reader: Destination) -> str | None:
        """Return the URL of the report for the readers of a destination.

        It is that of the first destination that has confirmed the report. A report at a weaker level of
        redaction than that of the reader is not linked.
        """
        candidates = sorted(
            (
                (each.language != reader.language, name)
                for name, each in self.run_.destinations.items()
                if name in notice.due and LEVELS.index(each.redact) >= LEVELS.index(reader.redact)
            ),
            key=lambda item: item[0],
        )
        folder = self.folder / _OUTBOX / notice.id
        for _, name in candidates:
            page = notice.pages.get(self._variant(name).name)
            if page is None or not self.outbox.was_confirmed(notice, name):
                continue
            empty = content_of(notice, None, "en", self.run_.zone)
            link = self.run_.senders[name].link(Delivery(notice, empty, folder / page))
            if link is not None:
                return link
        return None

    def _deliver(self) -> None:
        """Deliver all pending notices, forget those that are finished, and report failures.

        Finished notices and the reports on failures are stored together, so that a kill loses no failure.
        """
        if not self.state.pending:
            return
        delivered = self.outbox.deliver(self.state.pending)
        self._count(delivered)
        failing, reports = self._failures(delivered)
        self._save_state(failing, reports)
        if reports:
            self._count(self.outbox.deliver(reports))
            self._save_state(failing, ())

    def _count(self, delivered: Sequence[Delivered]) -> None:
        self.result["deliveries"] += [each.to_dict() for each in delivered]
        if any(each.status != CONFIRMED for each in delivered) and self.result["status"] == "ok":
            self.result["status"] = "partial"

    def _save_state(self, failing: Mapping[str, str], reports: Sequence[Notice]) -> None:
        kept = (notice for notice in self.state.pending if not self.outbox.is_finished(notice, self.now))
        state = replace(self.state, pending=(*kept, *reports), failing=failing)
        if state != self.state:
            self.state = state
            self.run_.state.store_system(self.name, state)

    def _failures(self, delivered: Sequence[Delivered]) -> tuple[Mapping[str, str], tuple[Notice, ...]]:
        """Return the error of each destination, and notices on those errors that are new."""
        failing, reports = dict(self.state.failing), []
        for name, each in {each.destination: each for each in delivered}.items():
            if each.status == CONFIRMED or each.kind == DELIVERY_FAILED:
                failing.pop(name, None)
            elif failing.get(name) != each.detail:
                failing[name] = each.detail
                error = note("problem-of", of=Resource(name), problem=value_of(each.detail))
                made = notice_of(DELIVERY_FAILED, self.name, None, self.now, error)
                notice = with_due(replace(made, id=f"{made.id}-{name}"), self.run_.destinations)
                reports.append(replace(notice, due=tuple(one for one in notice.due if one != name)))
        return failing, tuple(notice for notice in reports if notice.due)

    def _remove_orphans(self) -> None:
        """Remove the folders of notices that are delivered, or that a killed run did not store."""
        pending = {notice.id for notice in self.state.pending}
        for folder in (self.folder / _OUTBOX).glob("*"):
            if folder.name not in pending:
                shutil.rmtree(folder, ignore_errors=True)

    def _clean(self) -> None:
        self._remove_orphans()
        cases = self.folder / _CASES
        names = sorted((path for path in cases.glob("*") if path != self.case), reverse=True)
        for path in names[_KEPT_CASES:]:
            shutil.rmtree(path, ignore_errors=True)

    def _remember(self) -> None:
        """Append the run to the history, from which the digest is made."""
        about = {
            name: self.result[name]
            for name in ("started_at", "status", "error", "window", "questions", "gb_scanned", "telemetry")
        }
        diagnoses = self.diagnoses.get(LEVELS[0], {})
        figures = {question: _figures(diagnosis) for question, diagnosis in diagnoses.items()}
        self.run_.state.add_run(self.name, about | {"figures": figures}, self.now)


def _said(diagnosis: Mapping[str, Any], name: str) -> Any:
    """Return a sentence of a diagnosis, which the language of the run renders."""
    text, stored = str(diagnosis.get(name) or ""), diagnosis.get(f"{name}_message")
    return restored_texts({"text": text, "message": stored}) if stored else text


def _figures(diagnosis: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a diagnosis that the digest adds up."""
    start = (diagnosis.get("incident") or {}).get("start")
    alarms = [
        {"alarm": alarm["alarm"], "resource": alarm["resource"], "first": alarm["sliding"]["first"]}
        for alarm in diagnosis.get("alarms") or ()
        if alarm["sliding"]["times_raised"]
    ]
    facts = {one["id"]: one["value"] for one in diagnosis.get("facts") or ()}
    return {
        "dead_letters": facts.get("dead_letters"),
        "lost": facts.get("lost_messages"),
        "late": facts.get("late_messages"),
        "missed_work": facts.get("work_items"),
        "drifts": [
            item["message"]
            for ranked in diagnosis.get("ranking") or ()
            for item in ranked["evidence"]
            if item.get("signal") in _DRIFTS and item.get("message")
        ][:1],
        "alarms_without_cause": [
            alarm
            for alarm in alarms
            if diagnosis["verdict"] == "no_incident" or (start and alarm["first"] and alarm["first"] < start)
        ],
    }


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Log the package to a file of limited size while the context lasts."""
    from logging.handlers import RotatingFileHandler

    logger = logging.getLogger("watchme_analysis")
    before = logger.level
    handler = RotatingFileHandler(
        path, maxBytes=1_000_000, backupCount=3, encoding="utf-8", errors="backslashreplace"
    )
    form = _MaskingFormatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    form.converter = time.gmtime
    handler.setFormatter(form)
    handler.setLevel(logging.INFO)
    logger.addHandler(handler)
    if logger.getEffectiveLevel() > logging.INFO:
        logger.setLevel(logging.INFO)
    with suppress(OSError):
        path.chmod(0o600)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        handler.close()


class _MaskingFormatter(logging.Formatter):
    """Formatter that masks secrets, which the error of a service may quote."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a log record as a line."""
        return redacted(super().format(record)).replace("\n", " ")

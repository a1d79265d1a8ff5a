"""Pull the evidence of an incident from AWS into a case.

:func:`pull` completes its parameters with the settings of ``watchme.toml``. :func:`pull_case` retrieves the
state of queues and functions, metrics, alarms, recorded changes and logs. The raw
responses are written to a folder as the AWS CLI would print them and imported from there, so that a pulled
case does not differ from one whose evidence was collected by hand (decision 8).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from watchme_analysis.access_logs import access_log, error_log
from watchme_analysis.aws_shapes.names import LAMBDA_LOG_GROUP, resource_name
from watchme_analysis.case.case_folder import Case
from watchme_analysis.case.importer import EvidenceOrigin, ImportReport, check_new_case, import_folder
from watchme_analysis.cloudwatch.account_state import (
    CHANGES_BEFORE,
    HISTORY_RETENTION,
    TRAIL_RETENTION,
    Scope,
    describe_alarm_history,
    describe_alarms,
    describe_function,
    discover_scope,
    lookup_changes,
    sample_messages,
)
from watchme_analysis.cloudwatch.cli_output import write_response
from watchme_analysis.cloudwatch.insights.cached import QueryOptions
from watchme_analysis.cloudwatch.insights.incident_queries import pull_queries, run_log_queries
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery
from watchme_analysis.cloudwatch.insights.scan_cost import check_ceiling, estimate_scan, with_scan_estimate
from watchme_analysis.cloudwatch.metrics import (
    finest_period_s,
    incident_metrics,
    metric_data_cached,
    metric_queries,
)
from watchme_analysis.cloudwatch.queue_consumers import describe_groups, describe_services, log_groups_of
from watchme_analysis.cloudwatch.response_cache import account_cache, requested_window
from watchme_analysis.cloudwatch.session import Aws, SessionTarget
from watchme_analysis.config import FILE, System, load_config
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.evidence import app_log
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.prices import (
    BYTES_PER_GB,
    USD_PER_GB,
    check_price,
    cost_usd,
    scan_cost_message,
)
from watchme_analysis.redact import described
from watchme_analysis.services.diagnose import QUESTIONS
from watchme_analysis.storage.process_temp_dir import process_temp_dir
from watchme_analysis.text.catalogue import LANGUAGES
from watchme_analysis.text.file_names import slug
from watchme_analysis.text.message import Choice, Phrases, Resource, Sentences, message, message_of, value_of
from watchme_analysis.text.render import error_message, note, render, text_of_error
from watchme_analysis.window import Window, parse_zone


class BackgroundCall:
    """A background thread for the calls to a slow service; cancelled when its context ends.

    It shares the credentials of the account, so that the MFA code is requested once.
    """

    def __init__(self, aws: Aws, service: str, work: Callable[[Aws], None]) -> None:
        self._main, self._aws = aws, aws.clone(service)
        self._pool = ThreadPoolExecutor(1)
        self._future = self._pool.submit(work, self._aws)

    def __enter__(self) -> BackgroundCall:
        return self

    def __exit__(self, *_: object) -> None:
        self._aws.cancelled.set()
        self._pool.shutdown()
        self._main.actions |= self._aws.actions
        self._main.calls += self._aws.calls

    def finish(self) -> None:
        """Wait until the work is done; raise its error if it failed."""
        self._future.result()


@dataclass(frozen=True)
class Request:
    """Resources, window and limits of a pull.

    The queues and functions that belong to the named resources are found. ``sample`` is the largest number of
    messages to read of each dead-letter queue. ``usd_per_gb`` is the price of scanning in the region;
    ``options`` hold the cache, deadline, row limit and scan ceiling of the log queries.
    """

    window: Window
    queues: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    log_groups: tuple[str, ...] = ()
    sample: int = 1000
    usd_per_gb: float = USD_PER_GB
    options: QueryOptions = field(default_factory=QueryOptions)


def named_resources(system: System) -> dict[str, tuple[str, ...]]:
    """Return the resources of a system that a :class:`Request` starts from, by its attribute.

    Log groups of functions are pulled with them, and a pattern may name any number of others, so neither of
    them is among them.
    """
    groups = (name for name in system.log_groups if "*" not in name and not name.startswith(LAMBDA_LOG_GROUP))
    return {
        "queues": system.queues,
        "functions": system.functions,
        "instances": system.instances,
        "log_groups": tuple(groups),
    }


@dataclass(repr=False)
class Pulled:
    """Outcome of a pull.

    ``failures`` has the error message of each part that could not be retrieved, ``notes`` sentences on limits
    of the data. ``bytes_scanned`` and ``usd`` are of log queries; ``log_bytes`` arrived in the log groups
    within the window, None if that is not known.
    """

    report: ImportReport
    scope: Scope
    failures: dict[str, str]
    notes: list[str]
    bytes_scanned: float
    usd: float
    log_bytes: float | None = None

    @property
    def case(self) -> Case:
        """Return the case that was written."""
        return self.report.case

    @property
    def is_complete(self) -> bool:
        """Return True if every part was retrieved."""
        return not self.failures

    def __repr__(self) -> str:
        """Return case, completeness, scanned gigabytes and price in one line."""
        state = "complete" if self.is_complete else f"{len(self.failures)} parts missing"
        price = render(scan_cost_message(self.bytes_scanned))
        return described(self, f"into {self.case.name!r}: {state}; log queries scanned {price}")


def pull_case(  # noqa: PLR0913  the parameters of a request, its folders and its callbacks
    aws: Aws,
    request: Request,
    case: Path,
    *,
    raw: Path | None = None,
    progress: Callable[[str], None] | None = None,
    announce: Callable[[str], None] | None = None,
    force: bool = False,
) -> Pulled:
    """Retrieve the evidence of a request, write a case, and return the outcome.

    A part that cannot be retrieved is reported with the reason, and the other parts are still retrieved. Of
    the named queues and functions, at least one must exist. ``raw`` is a new folder that keeps the raw
    responses. ``progress`` is called with the name of each part, ``announce`` with the largest amount that
    log queries will scan. ``force`` replaces a case of other evidence; a case of the same account, window and
    names is always replaced, since the same request fills its gaps.

    Raises a CaseError when the folder holds something other than a case, or a case of other evidence; an
    InputError when nothing is named or log queries would scan too much; a ServiceError when AWS cannot be
    called, or nothing could be retrieved.
    """
    if not (request.queues or request.functions or request.instances or request.log_groups):
        raise InputError(error_message("error-collect-nothing-named"))
    check_new_case(case)
    check_raw(raw)
    origin = _origin(aws, request)
    if not force:
        origin.check(case)
    if raw is not None:
        return PullRun(aws, request, raw, progress, announce).write(case, origin, force=force)
    with tempfile.TemporaryDirectory(dir=process_temp_dir()) as folder:
        return PullRun(aws, request, Path(folder), progress, announce).write(case, origin, force=force)


def _origin(aws: Aws, request: Request) -> EvidenceOrigin:
    """Return what identifies the evidence of a request."""
    place = request.options.cache.account_region or f"{aws.account()}/{aws.region}"
    kinds = (request.queues, request.functions, request.instances, request.log_groups)
    window = request.window
    bounds = [window.start.isoformat(), window.end.isoformat()]
    identity = json.dumps([place, bounds, *map(sorted, kinds)])
    return EvidenceOrigin(
        identity.encode(), f"{', '.join(name for kind in kinds for name in kind)} ({window})"
    )


def pull_settings(aws: Aws, queues: tuple[str, ...], functions: tuple[str, ...], case: Path) -> Case:
    """Retrieve the settings of queues, functions and alarms as they are now, write a case, and return it.

    Raises an InputError when nothing is named, and a ServiceError when a part can't be retrieved.
    """
    if not (queues or functions):
        raise InputError(error_message("error-collect-no-queue"))
    now = datetime.now(UTC)
    request = Request(Window(now - timedelta(hours=1), now), queues, functions, sample=0)
    with tempfile.TemporaryDirectory(dir=process_temp_dir()) as folder:
        return PullRun(aws, request, Path(folder), None, None).write_settings(case)


def check_raw(raw: Path | None) -> None:
    """Raise an error if the folder of the raw responses is a file, or holds something already."""
    if raw is not None and raw.exists() and not (raw.is_dir() and not any(raw.iterdir())):
        raise InputError(error_message("error-raw-folder", folder=raw))


class PullRun:
    """A single pull: retrieves the parts in turn, writes them to a folder, and records failures."""

    def __init__(
        self,
        aws: Aws,
        request: Request,
        folder: Path,
        progress: Callable[[str], None] | None,
        announce: Callable[[str], None] | None,
    ) -> None:
        self.aws, self.request, self.folder = aws, request, folder
        self.progress = progress or (lambda _: None)
        self.announce = announce or (lambda _: None)
        self.cache = request.options.cache
        self.scope = Scope()
        # Consumers that are no functions, by the log group that each writes to.
        self.written_by: dict[str, str] = {}
        self.consumers = False
        self.failures: dict[str, str] = {}
        self.notes: list[str] = []
        self.bytes_scanned = 0.0
        self.log_bytes: float | None = None

    def write(self, case: Path, origin: EvidenceOrigin, *, force: bool) -> Pulled:
        """Retrieve all parts, state first and logs last, and import them into a case."""
        request = self.request
        self.progress(note("pull-part-scope"))
        self.scope = self._scope()
        self._note_retention()
        with BackgroundCall(self.aws, "cloudtrail", self._changes) as changes:
            self._retrieve_parts()
            self._part(note("pull-part-changes"), changes.finish)
        self._settings()
        if self._is_empty():
            reasons = Sentences(tuple(dict.fromkeys(map(message_of, self.failures.values()))))
            raise ServiceError(error_message("error-nothing-retrieved", reasons=reasons))
        if self.cache.offline and self.cache.oldest is not None:
            oldest = self.cache.oldest.isoformat(timespec="seconds")
            self.notes.append(note("pull-offline", time=Resource(oldest)))
        report = import_folder(self.folder, case, origin=origin, force=force)
        usd = cost_usd(self.bytes_scanned, request.usd_per_gb)
        return Pulled(report, self.scope, self.failures, self.notes, self.bytes_scanned, usd, self.log_bytes)

    def write_settings(self, case: Path) -> Case:
        """Retrieve the state of the account alone, and import it into a case."""
        self.scope = self._scope()
        self._state()
        self._record(note("pull-part-alarms"), "alarms.json", partial(describe_alarms, self.aws))
        if self.failures:
            reasons = Sentences(tuple(dict.fromkeys(map(message_of, self.failures.values()))))
            raise ServiceError(error_message("sentences", sentences=reasons))
        return import_folder(self.folder, case).case

    def _note_retention(self) -> None:
        """Add notes on expired records: AWS returns an empty response for them, as if nothing happened."""
        age = datetime.now(UTC) - self.request.window.start
        if age + CHANGES_BEFORE > TRAIL_RETENTION:
            self.notes.append(
                note("pull-trail-retention", kept=TRAIL_RETENTION.days, before=CHANGES_BEFORE.days)
            )
        if age > HISTORY_RETENTION:
            self.notes.append(note("pull-alarm-history", days=HISTORY_RETENTION.days))

    def _is_empty(self) -> bool:
        """Return True if nothing was retrieved for the named resources; alarms alone do not suffice."""
        groups = self.request.log_groups
        found = self.scope.queues or self.scope.functions or self.request.instances
        if not found and all(f"logs of {group}" in self.failures for group in groups):
            return True
        return all(path.name == "queries.json" for path in self.folder.rglob("*.json*"))

    def _retrieve_parts(self) -> None:
        """Retrieve all parts except the recorded changes, one after the other."""
        self._state()
        self._part(note("pull-part-metrics"), self._metrics)
        window = self.request.window
        self._record(note("pull-part-alarms"), "alarms.json", partial(describe_alarms, self.aws))
        history = partial(describe_alarm_history, self.aws, window)
        self._record(note("pull-part-alarm-history"), "alarm-history.json", history, window)
        if lone := self._queues_without_function():
            # Each has permissions of its own.
            for name, describe in (
                (note("pull-part-services"), describe_services),
                (note("pull-part-groups"), describe_groups),
            ):
                self._part(name, partial(self._consumers, name, partial(describe, self.aws, lone), lone))
            if not self.consumers:
                self.notes.append(note("pull-no-consumer", queues=lone))
        self._logs()

    def _changes(self, aws: Aws) -> None:
        """Retrieve the recorded changes from CloudTrail (two calls a second), in a background thread."""
        window = self.request.window
        cache = replace(self.cache)
        changes = cache.get(note("pull-part-changes"), [], partial(lookup_changes, aws, window), window)
        self._write("cloudtrail.json", changes)
        if cache.oldest is not None:
            self.cache.oldest = min(self.cache.oldest or cache.oldest, cache.oldest)

    def _scope(self) -> Scope:
        request = self.request
        named = [sorted(request.queues), sorted(request.functions)]
        return Scope(
            **self.cache.get(
                note("pull-part-scope"),
                named,
                lambda: asdict(
                    discover_scope(self.aws, request.queues, request.functions, all_must_exist=False)
                ),
            )
        )

    def _part(self, name: str, retrieve: Callable[[], None]) -> None:
        """Retrieve a part; a service error is recorded in ``failures`` and does not affect other parts."""
        self.progress(name)
        try:
            retrieve()
        except ServiceError as error:
            self.failures[name] = text_of_error(error)

    def _write(self, name: str, value: Any) -> None:
        write_response(self.folder, name, value)

    def _state(self) -> None:
        for name, attributes in self.scope.queues.items():
            self._write(f"queues/{name}.json", {"Attributes": attributes})
        for name in self.scope.missing:
            self.failures[note("pull-part-queue", name=Resource(name))] = note("pull-queue-missing")
        for name in self.scope.functions:
            self._part(note("pull-part-function", name=Resource(name)), partial(self._function, name))
        for name in self.scope.dead_letter if self.request.sample else []:
            self._part(note("pull-part-messages", queue=Resource(name)), partial(self._messages, name))

    def _function(self, name: str) -> None:
        mappings = {"EventSourceMappings": self.scope.mappings[name]}
        self._write(f"functions/{name}-mappings.json", mappings)
        configuration, concurrency = self.cache.get(
            note("pull-part-function", name=Resource(name)), [], lambda: describe_function(self.aws, name)
        )
        self._write(f"functions/{name}.json", configuration)
        self._write(f"functions/{name}-concurrency.json", concurrency)

    def _queues_without_function(self) -> list[str]:
        """Return the queues that no function drains, without dead-letter queues."""
        drained = {
            resource_name(str(mapping.get("EventSourceArn")))
            for mappings in self.scope.mappings.values()
            for mapping in mappings
        }
        return sorted(set(self.scope.queues) - set(self.scope.dead_letter) - drained)

    def _consumers(self, name: str, describe: Callable[[], dict[str, Any]], queues: list[str]) -> None:
        """Retrieve what a service states of the consumers of queues."""
        for file, response in self.cache.get(name, queues, describe).items():
            self._write(file, response)
            self.consumers = True
            definition = response.get("taskDefinition", {})
            for group in log_groups_of(definition, self.aws.region):
                self.written_by[group] = str(definition["family"])

    def _messages(self, name: str) -> None:
        attributes = self.scope.queues[name]
        if attributes.get("RedrivePolicy"):
            self.notes.append(note("pull-own-redrive", queue=Resource(name)))
            return
        messages = self.cache.get(
            note("pull-part-messages", queue=Resource(name)),
            [],
            lambda: sample_messages(self.aws, self.scope.urls[name], self.request.sample, self.notes),
        )
        self._write(f"queues/{name}-messages.json", {"Messages": messages})
        held = int(attributes.get("ApproximateNumberOfMessages", 0))
        if len(messages) < held:
            is_fifo = name.endswith(".fifo")
            self.notes.append(
                note(
                    "pull-sample-fifo" if is_fifo else "pull-sample",
                    read=len(messages),
                    held=held,
                    queue=Resource(name),
                )
            )
        if hidden := int(attributes.get("ApproximateNumberOfMessagesNotVisible", 0)):
            self.notes.append(note("pull-hidden", hidden=hidden, queue=Resource(name)))
        if messages:
            self.notes.append(note("pull-receive", queue=Resource(name)))

    def _metrics(self) -> None:
        request = self.request
        metrics = incident_metrics(list(self.scope.queues), self.scope.functions, request.instances)
        if not metrics:
            return
        queries = metric_queries(metrics, finest_period_s(request.window.start, datetime.now(UTC)))
        self._write("metrics/metric-data-queries.json", queries)
        response = metric_data_cached(self.aws, queries, request.window, self.cache)
        self._write("metrics/metrics.json", response)

    def _record(
        self, name: str, file: str, retrieve: Callable[[], Any], window: Window | None = None
    ) -> None:
        """Retrieve and write a record of the account: its current state, or the events of a window."""
        self._part(name, lambda: self._write(file, self.cache.get(name, [], retrieve, window)))

    def _logs(self) -> None:
        """Run the log queries of the functions, of named log groups and of consumers."""
        request = self.request
        groups = dict.fromkeys((*request.log_groups, *self.written_by))
        queries = pull_queries(self.scope.functions, groups, request.window)
        if queries and not self.cache.offline:
            self._part(note("pull-part-estimate"), lambda: self._plan(queries))
        self.progress(note("pull-part-logs"))
        logs = run_log_queries(self.aws, queries, request.options, request.usd_per_gb, self._log_progress)
        named = {query.name: group for group in groups for query in queries[group]}
        for name, response in logs.responses.items():
            self._write(f"logs/{name}.json", response)
            if name in named:
                self._write_lines(name, response, self.written_by.get(named[name]))
        if logs.query_entries:
            self._write("logs/queries.json", logs.query_entries)
        self.failures |= logs.failures
        self.notes += logs.notes
        self.bytes_scanned += logs.bytes_scanned

    def _write_lines(self, name: str, response: dict[str, Any], consumer: str | None) -> None:
        """Write the lines of a log group as a log file if a proxy, a server or a consumer wrote them."""
        name = f"{name}.log" if consumer is None else f"app-{consumer}.log"
        fields = [{cell["field"]: cell["value"] for cell in row} for row in response["results"]]
        lines = [row["@message"].rstrip("\n") for row in fields if "@message" in row]
        if consumer is not None:
            # As `docker logs --timestamps` prints them: a line need not state its time.
            lines = [
                f"{row['@timestamp'].replace(' ', 'T')}000000Z {line}"
                for row, line in zip((row for row in fields if "@message" in row), lines, strict=True)
            ]
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="replace")
        raw = RawFile(self.folder, name)
        written_by = (access_log.looks_like, error_log.looks_like, app_log.looks_like_uvicorn)
        if not lines or not (consumer or any(looks_like(raw) for looks_like in written_by)):
            path.unlink()

    def _log_progress(self, text: str) -> None:
        self.progress(note("pull-progress-logs", text=value_of(text)))

    def _plan(self, queries: dict[str, list[InsightsQuery]]) -> None:
        """Add the scan estimates of their log groups to the queries; raise an error above the ceiling."""
        volumes, sizes = estimate_scan(self.aws, list(queries), self.request.window)
        known = [each.size_bytes for each in volumes.values() if each.size_bytes is not None]
        self.log_bytes = sum(known) if known else None
        total = 0.0
        for group, group_queries in queries.items():
            group_queries[:] = [with_scan_estimate(query, volumes) for query in group_queries]
            total += len(group_queries) * sizes[group]
        price = self.request.usd_per_gb
        check_ceiling(total, self.request.options.max_scan_bytes / BYTES_PER_GB, price)
        if total:
            self.announce(note("pull-scan-at-most", cost=scan_cost_message(total, price)))

    def _settings(self) -> None:
        request, window = self.request, self.request.window
        named = (*request.queues, *request.functions, *request.instances, *request.log_groups)
        # Missing parts stand in the title, because a later reader has not seen the output of the command.
        title = message(
            "pull-title",
            named=Resource(", ".join(named)),
            region=Resource(self.aws.region),
            has=Choice("gaps" if self.failures else "everything"),
            missing=Phrases(tuple(map(message_of, self.failures))),
        )
        titles = ", ".join(f"{language} = {json.dumps(render(title, language))}" for language in LANGUAGES)
        start, end = window.start.isoformat(), window.end.isoformat()
        text = f'title = {{ {titles} }}\n\n[window]\nstart = "{start}"\nend = "{end}"\n'
        (self.folder / "case.toml").write_text(text, encoding="utf-8")


# Pulls by plain names

# Names that a folder of a case is called after.
_MOST_NAMES = 2


def pull(  # noqa: PLR0913  all that a request may name
    question: str,
    *,
    queue: str | Iterable[str] = (),
    function: str | Iterable[str] = (),
    instance: str | Iterable[str] = (),
    log_group: str | Iterable[str] = (),
    system: str = "",
    since: str = "24h",
    until: str = "now",
    profile: str = "",
    region: str = "",
    max_usd: float = 0.5,
    to: str | Path = "",
    offline: bool = False,
) -> Pulled:
    """Return the evidence of an incident, pulled from AWS into a case, with its price.

    Retrieved are metrics, logs, the state of queues and functions, alarms and recorded changes, also of the
    functions and queues that are connected to the named ones.

    Parameters
    ----------
    question
        ``backlog`` also reads up to 1,000 messages of each dead-letter queue, which stay there; ``health``
        reads none.
    queue, function, instance, log_group
        Names to start from, each a text or several; those of the system by default.
    system
        System of ``watchme.toml``; by default the one that the file chooses, or its only one.
    since, until
        Window: ISO 8601 (in ``time_zone`` of ``watchme.toml`` when without a zone), or a span before now.
    profile, region
        As for the AWS CLI; those of ``watchme.toml`` by default.
    max_usd
        Log queries that would cost more in USD, at the list price of us-east-1, raise an error before they
        run.
    to
        Folder of the case; by default named after the question, the resources and the window's start.
    offline
        True to use cached responses only; a span such as ``24h`` is then that of the last run.

    Raises
    ------
    InputError
        When nothing is named, a parameter is invalid, or the log queries would cost more than ``max_usd``.
    CaseError
        When the folder holds something else.
    ServiceError
        When AWS can't be called, or nothing could be retrieved.
    """
    if question not in QUESTIONS:
        raise InputError(
            error_message("error-question-unknown", question=repr(question), known=", ".join(QUESTIONS))
        )
    check_price(max_usd)
    settings = load_config()
    names = {"queues": queue, "functions": function, "instances": instance, "log_groups": log_group}
    named = resources({kind: _texts(value) for kind, value in names.items()}, system or None)
    if not any(named.values()):
        raise InputError(error_message("error-pull-names", file=FILE))
    aws = Aws(SessionTarget(profile or settings.profile, region or settings.region))
    cache = account_cache(aws, offline=offline)
    parts = ["pull", question, *map(list, named.values())]
    window = requested_window(cache, parts, (since or "24h", until or "now"), parse_zone(settings.time_zone))
    request = Request(
        window,
        **named,
        sample=0 if question == "health" else Request.sample,
        options=QueryOptions(cache, max_scan_bytes=max_usd / USD_PER_GB * BYTES_PER_GB),
    )
    return pull_case(aws, request, Path(to) if to else case_folder(question, named, window))


def resources(named: Mapping[str, tuple[str, ...]], system: str | None) -> dict[str, Any]:
    """Return the names to start from: those given, else those of a system, by attribute of a ``Request``.

    Raises an InputError when there is no system of that name, or several of which none is chosen.
    """
    if any(named.values()):
        return dict(named)
    config = load_config()
    chosen = config.chosen_system(system)
    if chosen is not None:
        return named_resources(chosen)
    if config.systems:
        raise InputError(error_message("error-several-systems", file=FILE, systems=", ".join(config.systems)))
    return dict(named)


def case_folder(question: str, named: Mapping[str, tuple[str, ...]], window: Window) -> Path:
    """Return the folder of a pulled case that names none: question, resources and start of the window."""
    names = [name for kind in named.values() for name in kind][:_MOST_NAMES]
    return Path(slug("-".join([question, *names])) + f"-{window.start:%Y%m%dT%H%MZ}")


def _texts(value: str | Iterable[str]) -> tuple[str, ...]:
    return ((value,) if value else ()) if isinstance(value, str) else tuple(value)

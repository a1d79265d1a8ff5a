"""Something slow asked of AWS while other things are asked.

From boto3 to a case: asks what an incident needs and writes it in the shapes that an import reads.

The raw answers are laid in a folder as the AWS CLI would print them and imported, so that a case that was
pulled can't be told from one that was brought.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from watchme_analysis.aws_shapes.prices import BYTES_PER_GB, USD_PER_GB, cost_usd, format_scan_cost
from watchme_analysis.case.importer import ImportReport, import_folder
from watchme_analysis.cloudwatch.account_state import (
    CHANGES_BEFORE,
    HISTORY_KEPT,
    TRAIL_KEPT,
    Scope,
    discover,
    get_alarm_history,
    get_alarms,
    get_changes,
    get_function,
    sample_messages,
)
from watchme_analysis.cloudwatch.cli_output import write_answer
from watchme_analysis.cloudwatch.insights.cached import QueryOptions
from watchme_analysis.cloudwatch.insights.incident_queries import ask_logs, pull_queries
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery
from watchme_analysis.cloudwatch.insights.scan_cost import check_ceiling, estimate_scan, with_scan_estimate
from watchme_analysis.cloudwatch.metrics import catalogue, kept_metric_data, metric_queries, period_for
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.files.process_temp_dir import process_temp_dir
from watchme_analysis.window import Window


class BackgroundCall:
    """Asks one service in a thread of its own, and gives up when its context ends.

    Parameters
    ----------
    aws
        Account and region; its credentials are used, so that nobody is asked for a second factor twice.
    service
        Service that is asked.
    work
        What to do; it is given an :class:`Aws` of its own.
    """

    def __init__(self, aws: Aws, service: str, work: Callable[[Aws], None]) -> None:
        self._main, self._aws = aws, aws.beside(service)
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
        """Wait for it, and raise what it raised."""
        self._future.result()


@dataclass(frozen=True)
class Request:
    """What to pull.

    Attributes
    ----------
    window
        Window of metrics and logs.
    queues, functions, instances, log_groups
        Names to begin with; what belongs to them is found.
    sample
        Dead-letter messages to read of each queue at most; 0 reads none.
    max_scan_gb, usd_per_gb
        Ceiling of what log queries may scan, and the price of scanning in the region.
    asking
        Cache, and deadline and cap of the log queries.
    """

    window: Window
    queues: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    log_groups: tuple[str, ...] = ()
    sample: int = 1000
    max_scan_gb: float = 100.0
    usd_per_gb: float = USD_PER_GB
    asking: QueryOptions = field(default_factory=QueryOptions)


@dataclass
class Pulled:
    """What a pull brought.

    Attributes
    ----------
    report
        The case and whether it changed.
    scope
        Queues and functions that were found to belong together.
    failures
        Sentence for each part that could not be had, by the part's name.
    notes
        Sentences for the reader.
    bytes_scanned, usd
        What log queries scanned, and its price.
    """

    report: ImportReport
    scope: Scope
    failures: dict[str, str]
    notes: list[str]
    bytes_scanned: float
    usd: float


def pull(
    aws: Aws,
    request: Request,
    case: Path,
    *,
    raw: Path | None = None,
    progress: Callable[[str], None] | None = None,
    announce: Callable[[str], None] | None = None,
) -> Pulled:
    """Ask AWS for all that a request needs and write a case of it.

    A part that can't be had doesn't cost the others: it is named with the reason. What was named in the
    request must exist.

    Parameters
    ----------
    aws
        Account and region.
    request
        What to pull.
    case
        Folder of the case to write.
    raw
        Folder that keeps the raw answers; they are dropped after the import unless given.
    progress
        Called with what is being asked.
    announce
        Called with what log queries will scan at most, before they do.

    Raises
    ------
    InputError
        When nothing is named, or log queries would scan more than the ceiling.
    ServiceError
        When AWS can't be asked, or nothing could be had.
    """
    if not (request.queues or request.functions or request.instances or request.log_groups):
        raise InputError("Nothing is named: give --queue, --function, --instance or --log-group.")
    if raw is not None:
        if raw.exists() and any(raw.iterdir()):
            raise InputError(f"The folder {raw} is not empty: give a new one for the raw answers.")
        return _Pull(aws, request, raw, progress, announce).into(case)
    with tempfile.TemporaryDirectory(dir=process_temp_dir()) as folder:
        return _Pull(aws, request, Path(folder), progress, announce).into(case)


class _Pull:
    """One pull under way: what it writes and what it could not have."""

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
        self.keeper = request.asking.keeper()
        self.scope = Scope()
        self.failures: dict[str, str] = {}
        self.notes: list[str] = []
        self.scanned = 0.0

    def into(self, case: Path) -> Pulled:
        """Ask for everything, cheapest and most telling first, and import it."""
        request = self.request
        self.progress("queues and functions")
        self.scope = self._discovered()
        self._note_what_is_forgotten()
        with BackgroundCall(self.aws, "cloudtrail", self._changes) as changes:
            self._ask(request)
            self._part("changes (CloudTrail)", changes.finish)
        self._settings()
        if self._has_nothing():
            raise ServiceError("Nothing could be had: " + " ".join(dict.fromkeys(self.failures.values())))
        if request.asking.offline and self.keeper.oldest is not None:
            oldest = self.keeper.oldest.isoformat(timespec="seconds")
            self.notes.append(f"Offline: nothing was asked, state is as of {oldest}.")
        report = import_folder(self.folder, case)
        usd = cost_usd(self.scanned, request.usd_per_gb)
        return Pulled(report, self.scope, self.failures, self.notes, self.scanned, usd)

    def _note_what_is_forgotten(self) -> None:
        """Note what AWS no longer holds of the window, as it answers like nothing had happened."""
        age = datetime.now(UTC) - self.request.window.start
        if age + CHANGES_BEFORE > TRAIL_KEPT:
            self.notes.append(
                f"Only CloudTrail's events of the last {TRAIL_KEPT.days} days can be looked up, and changes "
                f"from {CHANGES_BEFORE.days} days before the window on are asked for."
            )
        if age > HISTORY_KEPT:
            self.notes.append(
                f"CloudWatch keeps what happened to alarms of the last {HISTORY_KEPT.days} days."
            )

    def _has_nothing(self) -> bool:
        """Tell whether nothing came of what was named; what the account has anyway is no case."""
        groups = self.request.log_groups
        found = self.scope.queues or self.scope.functions or self.request.instances
        if not found and all(f"logs of {group}" in self.failures for group in groups):
            return True
        return all(path.name == "queries.json" for path in self.folder.rglob("*.json*"))

    def _ask(self, request: Request) -> None:
        """Ask for what is known of the scope, one part after the other."""
        self._state()
        self._part("metrics", self._metrics)
        window = request.window
        self._record("alarms", "alarms.json", partial(get_alarms, self.aws))
        history = partial(get_alarm_history, self.aws, window)
        self._record("alarm history", "alarm-history.json", history, window)
        self._logs()

    def _changes(self, aws: Aws) -> None:
        """Ask for recorded changes, at two calls a second."""
        window = self.request.window
        keeper = self.request.asking.keeper()
        changes = keeper.get("changes (CloudTrail)", [], partial(get_changes, aws, window), window)
        self._write("cloudtrail.json", changes)
        if keeper.oldest is not None:
            self.keeper.oldest = min(self.keeper.oldest or keeper.oldest, keeper.oldest)

    def _discovered(self) -> Scope:
        request = self.request
        named = [sorted(request.queues), sorted(request.functions)]
        return Scope(
            **self.keeper.get(
                "queues and functions",
                named,
                lambda: asdict(discover(self.aws, request.queues, request.functions)),
            )
        )

    def _part(self, name: str, ask_for: Callable[[], None]) -> None:
        """Ask for a part; its failure is noted and costs no other part."""
        self.progress(name)
        try:
            ask_for()
        except ServiceError as error:
            self.failures[name] = str(error)

    def _write(self, name: str, value: Any) -> None:
        write_answer(self.folder, name, value)

    def _state(self) -> None:
        for name, attributes in self.scope.queues.items():
            self._write(f"queues/{name}.json", {"Attributes": attributes})
        for name in self.scope.functions:
            self._part(f"function {name}", partial(self._function, name))
        for name in self.scope.dead_letter if self.request.sample else []:
            self._part(f"messages of {name}", partial(self._messages, name))

    def _function(self, name: str) -> None:
        mappings = {"EventSourceMappings": self.scope.mappings[name]}
        self._write(f"functions/{name}-mappings.json", mappings)
        configuration, concurrency = self.keeper.get(
            f"function {name}", [], lambda: get_function(self.aws, name)
        )
        self._write(f"functions/{name}.json", configuration)
        self._write(f"functions/{name}-concurrency.json", concurrency)

    def _messages(self, name: str) -> None:
        attributes = self.scope.queues[name]
        if attributes.get("RedrivePolicy"):
            self.notes.append(
                f"{name} has a redrive policy of its own, so reading would move its messages on."
            )
            return
        messages = self.keeper.get(
            f"messages of {name}",
            [],
            lambda: sample_messages(self.aws, self.scope.urls[name], self.request.sample),
        )
        self._write(f"queues/{name}-messages.json", {"Messages": messages})
        held = int(attributes.get("ApproximateNumberOfMessages", 0))
        if len(messages) < held:
            why = (
                ": a FIFO queue hands out no more of a group while some of it are being read"
                if name.endswith(".fifo")
                else ""
            )
            self.notes.append(f"{len(messages):,d} of about {held:,d} messages of {name} were read{why}.")
        if hidden := int(attributes.get("ApproximateNumberOfMessagesNotVisible", 0)):
            self.notes.append(
                f"About {hidden:,d} more messages of {name} were hidden just then, being read by somebody or "
                "by a run that was stopped: pull again with --refresh in a few minutes."
            )
        if messages:
            self.notes.append(f"Reading {name} counts as one receive of each message read.")

    def _metrics(self) -> None:
        request = self.request
        wanted = catalogue(list(self.scope.queues), self.scope.functions, request.instances)
        if not wanted:
            return
        queries = metric_queries(wanted, period_for(request.window.start, datetime.now(UTC)))
        self._write("metrics/metric-data-queries.json", queries)
        answer = kept_metric_data(self.aws, queries, request.window, self.keeper)
        self._write("metrics/metrics.json", answer)

    def _record(self, name: str, file: str, ask_for: Callable[[], Any], window: Window | None = None) -> None:
        """Write what the account recorded: the state of now, or what happened in a window."""
        self._part(name, lambda: self._write(file, self.keeper.get(name, [], ask_for, window)))

    def _logs(self) -> None:
        """Ask each function's and each named log group's queries."""
        request = self.request
        queries = pull_queries(self.scope.functions, request.log_groups, request.window)
        if queries and not request.asking.offline:
            self._part("estimate of the logs", lambda: self._plan(queries))
        self.progress("logs")
        asking = replace(request.asking, max_scan_bytes=request.max_scan_gb * BYTES_PER_GB)
        logs = ask_logs(self.aws, queries, asking, request.usd_per_gb, self._log_progress)
        for name, answer in logs.answers.items():
            self._write(f"logs/{name}.json", answer)
        if logs.listed:
            self._write("logs/queries.json", logs.listed)
        self.failures |= logs.failures
        self.notes += logs.notes
        self.scanned += logs.scanned

    def _log_progress(self, text: str) -> None:
        self.progress(f"logs: {text}")

    def _plan(self, queries: dict[str, list[InsightsQuery]]) -> None:
        """Plan queries by what came into their groups, and refuse them above the ceiling."""
        known, sizes = estimate_scan(self.aws, list(queries), self.request.window)
        total = 0.0
        for group, own in queries.items():
            own[:] = [with_scan_estimate(query, known) for query in own]
            total += len(own) * sizes[group]
        price = self.request.usd_per_gb
        check_ceiling(total, self.request.max_scan_gb, price)
        if total:
            self.announce(f"The log queries will scan at most {format_scan_cost(total, price)}.")

    def _settings(self) -> None:
        request, window = self.request, self.request.window
        named = (*request.queues, *request.functions, *request.instances, *request.log_groups)
        title = f"{', '.join(named)} in {self.aws.region}"
        if self.failures:  # whoever opens the case later has not seen what the command said
            title += f"; could not be had: {', '.join(self.failures)}"
        start, end = window.start.isoformat(), window.end.isoformat()
        text = f'title = {json.dumps(title)}\n\n[window]\nstart = "{start}"\nend = "{end}"\n'
        (self.folder / "case.toml").write_text(text, encoding="utf-8")

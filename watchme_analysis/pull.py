"""From boto3 to a case: asks what an incident needs and writes it in the shapes that an import reads.

The raw answers are laid in a folder as the AWS CLI would print them and imported, so that a case that was
pulled can't be told from one that was brought.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from watchme_analysis.errors import InputError, ServiceError, WatchmeError
from watchme_analysis.importer import ImportReport, import_folder
from watchme_analysis.sources.aws_client import Aws
from watchme_analysis.sources.aws_names import LAMBDA_LOG_GROUP
from watchme_analysis.sources.aws_state import (
    Scope,
    discover,
    get_alarm_history,
    get_alarms,
    get_changes,
    get_function,
    sample_messages,
)
from watchme_analysis.sources.insights_ask import Asking, ask
from watchme_analysis.sources.insights_calls import InsightsQuery
from watchme_analysis.sources.insights_cost import (
    check_ceiling,
    cost_usd,
    estimate_bytes,
    incoming_counts,
)
from watchme_analysis.sources.metrics import catalogue, get_metric_data, metric_queries, period_for
from watchme_analysis.sources.query_library import library_query
from watchme_analysis.sources.raw_answers import query_answer, query_entry, write_answer
from watchme_analysis.window import Window

# Queries of the library asked of each function, and how their answers are called.
FUNCTION_QUERIES = {"errors": "worker_errors", "first": "worker_first", "recent": "worker_recent"}


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
    max_scan_gb
        Ceiling of what log queries may scan.
    asking
        Cache, deadline and cap of the log queries.
    """

    window: Window
    queues: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    log_groups: tuple[str, ...] = ()
    sample: int = 1000
    max_scan_gb: float = 100.0
    asking: Asking = field(default_factory=Asking)


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
        What log queries scanned, and its list price.
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
        return _Pull(aws, request, raw, progress).into(case)
    with tempfile.TemporaryDirectory(prefix="watchme-pull-") as folder:
        return _Pull(aws, request, Path(folder), progress).into(case)


class _Pull:
    """One pull under way: what it writes and what it could not have."""

    def __init__(
        self, aws: Aws, request: Request, folder: Path, progress: Callable[[str], None] | None
    ) -> None:
        self.aws, self.request, self.folder = aws, request, folder
        self.progress = progress or (lambda _: None)
        self.scope = Scope()
        self.failures: dict[str, str] = {}
        self.notes: list[str] = []
        self.scanned = 0.0

    def into(self, case: Path) -> Pulled:
        """Ask for everything, cheapest and most telling first, and import it."""
        request = self.request
        if request.asking.offline:
            self.notes.append("Offline: only log answers that are kept.")
        else:
            self.progress("queues and functions")
            self.scope = discover(self.aws, request.queues, request.functions)
            self._state()
            self._part("metrics", self._metrics)
            self._part("alarms", lambda: self._write("alarms.json", get_alarms(self.aws)))
            self._part("alarm history", self._history)
            self._part("changes (CloudTrail)", self._changes)
        self._logs()
        self._settings()
        if all(path.name == "queries.json" for path in self.folder.rglob("*.json*")):
            raise ServiceError("Nothing could be had: " + " ".join(self.failures.values()))
        report = import_folder(self.folder, case)
        usd = cost_usd(self.scanned)
        return Pulled(report, self.scope, self.failures, self.notes, self.scanned, usd)

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
            self._part(f"function {name}", lambda name=name: self._function(name))  # type: ignore[misc]
        for name in self.scope.dead_letter if self.request.sample else []:
            self._part(f"messages of {name}", lambda name=name: self._messages(name))  # type: ignore[misc]

    def _function(self, name: str) -> None:
        mappings = {"EventSourceMappings": self.scope.mappings[name]}
        self._write(f"functions/{name}-mappings.json", mappings)
        configuration, concurrency = get_function(self.aws, name)
        self._write(f"functions/{name}.json", configuration)
        self._write(f"functions/{name}-concurrency.json", concurrency)

    def _messages(self, name: str) -> None:
        attributes = self.scope.queues[name]
        if attributes.get("RedrivePolicy"):
            self.notes.append(
                f"{name} has a redrive policy of its own, so reading would move its messages on."
            )
            return
        messages = sample_messages(self.aws, self.scope.urls[name], self.request.sample)
        self._write(f"queues/{name}-messages.json", {"Messages": messages})
        held = int(attributes.get("ApproximateNumberOfMessages", 0))
        if len(messages) < held:
            self.notes.append(f"{len(messages)} of about {held} messages of {name} were read.")
        if messages:
            self.notes.append(f"Reading {name} counts as one receive of each message read.")

    def _metrics(self) -> None:
        request = self.request
        wanted = catalogue(list(self.scope.queues), self.scope.functions, request.instances)
        if not wanted:
            return
        queries = metric_queries(wanted, period_for(request.window.start, datetime.now(UTC)))
        self._write("metrics/metric-data-queries.json", queries)
        self._write("metrics/metrics.json", get_metric_data(self.aws, queries, request.window))

    def _history(self) -> None:
        self._write("alarm-history.json", get_alarm_history(self.aws, self.request.window))

    def _changes(self) -> None:
        self._write("cloudtrail.json", get_changes(self.aws, self.request.window))

    def _logs(self) -> None:
        """Ask each function's and each named log group's queries, one group's failure costing no other."""
        queries = self._log_queries()
        if queries and not self.request.asking.offline:
            self._part("estimate of the logs", lambda: self._check_cost(queries))
        listed: list[dict[str, Any]] = []
        groups = list(dict.fromkeys(query.log_groups[0] for query in queries))
        for group in groups:
            own = [query for query in queries if query.log_groups[0] == group]
            listed += [query_entry(query, None) for query in own]
            self.progress(f"logs of {group}")
            try:
                answers = ask(self.aws, own, self.request.asking, self.progress)
            except WatchmeError as error:
                self.failures[f"logs of {group}"] = str(error)
                continue
            del listed[-len(own) :]
            for answer in answers:
                listed.append(query_entry(answer.query, answer))
                self._write(f"logs/{answer.query.name}.json", query_answer(answer))
                self.scanned += answer.bytes_scanned
                self.notes += [f"{answer.query.name}: {note}" for note in answer.notes]
        if listed:
            self._write("logs/queries.json", listed)

    def _log_queries(self) -> list[InsightsQuery]:
        window = self.request.window
        functions = self.scope.functions
        if self.request.asking.offline:
            functions = list(self.request.functions)
        queries = [
            InsightsQuery(
                library_query(name).filled(), (LAMBDA_LOG_GROUP + function,), window, f"{function}-{ending}"
            )
            for function in functions
            for ending, name in FUNCTION_QUERIES.items()
        ]
        return queries + [self._whole_group(group) for group in self.request.log_groups]

    def _whole_group(self, group: str) -> InsightsQuery:
        """Return the query for everything in a log group, with what plans its windows."""
        text = "fields @timestamp, @message, @logStream | sort @timestamp asc"
        name = group.strip("/").replace("/", "-")
        query = InsightsQuery(text, (group,), self.request.window, name)
        if self.request.asking.offline:
            return query
        counts, bin_s = incoming_counts(self.aws, group, self.request.window)
        return replace(query, counts=counts, counts_bin_s=bin_s)

    def _check_cost(self, queries: Sequence[InsightsQuery]) -> None:
        groups = list(dict.fromkeys(query.log_groups[0] for query in queries))
        expected = estimate_bytes(self.aws, groups, self.request.window)
        total = sum(expected.get(query.log_groups[0]) or 0 for query in queries)
        check_ceiling(total, self.request.max_scan_gb)
        if total:
            self.notes.append(f"The log queries were expected to scan at most {total / 1e9:.3f} GB.")

    def _settings(self) -> None:
        request, window = self.request, self.request.window
        named = (*request.queues, *request.functions, *request.instances, *request.log_groups)
        title = f"{', '.join(named)} in {self.aws.region}"
        start, end = window.start.isoformat(), window.end.isoformat()
        text = f'title = {json.dumps(title)}\n\n[window]\nstart = "{start}"\nend = "{end}"\n'
        (self.folder / "case.toml").write_text(text, encoding="utf-8")

"""Logs and metrics of AWS accounts and regions as frames: what a person types first.

:func:`connect` returns a :class:`Connection`. Its methods take plain texts, complete them with the settings
of ``watchme.toml``, and call the modules of this package, which also take prepared queries:
:func:`watchme_analysis.cloudwatch.insights.cached.get_log_rows` and
:func:`watchme_analysis.cloudwatch.metrics.get_metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from watchme_analysis.aws_shapes.insights_query_text import command_name
from watchme_analysis.cloudwatch import session
from watchme_analysis.cloudwatch.insights.cached import (
    QueryOptions,
    queries_by_groups,
    query_cached,
    query_targets,
    result_frames,
)
from watchme_analysis.cloudwatch.insights.frame import retrieval_of
from watchme_analysis.cloudwatch.insights.log_groups import matching_log_groups, queryable_log_groups
from watchme_analysis.cloudwatch.insights.query_api import INSIGHTS_LANGUAGE, InsightsQuery
from watchme_analysis.cloudwatch.insights.query_library import LibraryQuery, library, library_query
from watchme_analysis.cloudwatch.insights.scan_cost import ScanEstimate, estimate_scan, planned_queries
from watchme_analysis.cloudwatch.metrics import Metric, catalogue, get_metrics, incident_metrics
from watchme_analysis.cloudwatch.response_cache import ResponseCache, account_cache, requested_window
from watchme_analysis.config import FILE, load_config
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.prices import BYTES_PER_GB, USD_PER_GB
from watchme_analysis.retrieval import Retrieval, combined
from watchme_analysis.text.message import MessageText, Names, Resource, Sentences, message, value_of
from watchme_analysis.text.render import as_message, error_message, note
from watchme_analysis.window import parse_span, parse_zone

if TYPE_CHECKING:
    import pandas as pd

# A bound of a window: ISO 8601 or a span before now as text, a datetime, or a span.
Bound = str | datetime | timedelta
_T = TypeVar("_T")
# Column with account and region of a row, when there are several.
_PLACE = "place"


def connect(
    profile: str | Sequence[str] | None = None,
    region: str | Sequence[str] | None = None,
    *,
    system: str | None = None,
    cache: str | Path | bool = True,
    offline: bool = False,
    refresh: bool = False,
    **limits: float,
) -> Connection:
    """Return a connection to AWS, for logs, metrics and prices; AWS is called when it is used.

    Parameters
    ----------
    profile, region
        As for the AWS CLI; several are asked at once. By default those of ``watchme.toml``, else those of
        the AWS configuration.
    system
        System of ``watchme.toml`` whose log groups queries search when they name none; by default the one
        that the file chooses, or its only one.
    cache
        Folder of cached responses. True for the folder in your user's cache, False to store nothing.
    offline
        True to use cached responses only; a span such as 24h is then that of the last run.
    refresh
        True to repeat requests whose responses are cached.
    limits
        ``max_scan_gb`` (100): queries that would scan more raise an error before they run. ``usd_per_gb``
        (0.005): price of scanning one GB in your region. ``deadline_s`` (900): queries are stopped after so
        many seconds.

    Raises
    ------
    InputError
        When a limit or the system is unknown, or offline is combined with no cache or with refresh.
    """
    if offline and (cache is False or refresh):
        raise InputError(error_message("error-offline-with-cache"))
    unknown = sorted(set(limits) - {"max_scan_gb", "usd_per_gb", "deadline_s"})
    if unknown:
        raise InputError(error_message("error-connection-limit", name=unknown[0]))
    settings = load_config()
    profiles: Sequence[str | None] = _texts(profile) or [settings.profile]
    regions: Sequence[str | None] = _texts(region) or [settings.region]
    places = tuple(session.SessionTarget(one, other) for one in profiles for other in regions)
    folder = None if isinstance(cache, bool) else Path(cache)

    def cache_of(aws: session.Aws) -> ResponseCache:
        if cache is False:
            return ResponseCache()
        return account_cache(aws, folder, refresh=refresh, offline=offline)

    chosen = settings.chosen_system(system)
    groups = () if chosen is None else chosen.log_groups
    return Connection(places, cache_of, offline, settings.time_zone, groups, **limits)


@dataclass
class Connection:
    """Accounts and regions of AWS; :func:`connect` makes it.

    Attributes
    ----------
    targets
        Accounts and regions. With several, frames have the column ``place``.
    cache_of, offline
        Returns the cache of an account and region; whether nothing else is asked.
    time_zone
        IANA name of the zone of times without one in ``since`` and ``until``.
    system_log_groups
        Names and patterns of log groups of queries that name none, see :func:`connect`.
    max_scan_gb, usd_per_gb, deadline_s
        Limits, see :func:`connect`.
    """

    targets: tuple[session.SessionTarget, ...]
    cache_of: Callable[[session.Aws], ResponseCache] = field(repr=False)
    offline: bool = False
    time_zone: str = "UTC"
    system_log_groups: tuple[str, ...] = ()
    max_scan_gb: float = 100.0
    usd_per_gb: float = USD_PER_GB
    deadline_s: float = 900.0
    _sessions: dict[str, session.Aws] = field(default_factory=dict, init=False, repr=False)
    _caches: dict[str, ResponseCache] = field(default_factory=dict, init=False, repr=False)

    def __repr__(self) -> str:
        places = ", ".join(map(str, self.targets))
        return f"<Connection to {places}{', offline' if self.offline else ''}>"

    def logs(
        self,
        query: str,
        groups: str | Iterable[str] | None = None,
        since: Bound = "24h",
        until: Bound = "now",
        *,
        query_language: str = INSIGHTS_LANGUAGE,
        flatten: bool = False,
    ) -> tuple[pd.DataFrame, Retrieval]:
        """Return the rows of a Logs Insights query, each once, and how they were obtained.

        Parameters
        ----------
        query
            Text of the query, or the name of one in :meth:`query_library` that needs no parameters.
        groups
            Names, ARNs or patterns of log groups, such as ``/aws/lambda/*``; by default those of the system
            in ``watchme.toml``, else those that a query of the library names.
        since, until
            Window: ISO 8601 or a span before now as text (``24h``), a datetime, or a timedelta.
        query_language
            ``CWLI`` (Logs Insights), ``SQL`` or ``PPL``. SQL, and a query that begins with ``SOURCE``, names
            its log groups itself; ``groups`` then only serves the estimate of the scan.
        flatten
            True adds a column ``message.NAME`` for each field of messages that are JSON objects.

        Returns
        -------
        frame
            Columns named as in the query, with times in UTC (``datetime64[us, UTC]``), numbers (``Int64``,
            ``Float64``) and texts (``string``). A query over several events, such as ``stats``, over more
            than 50 log groups has rows for every 50, with the column ``log_groups``.
        retrieval
            Rows, completeness, scanned bytes and price; ``parts`` by query.

        Raises
        ------
        InputError
            If the window is invalid, no log group is named or matches, or the query would scan more than
            ``max_scan_gb``.
        ServiceError
            If AWS refuses the request, or the cache lacks the response offline.
        """
        request = self._log_request(query, groups, since, until, query_language)

        def ask(aws: session.Aws) -> tuple[list[pd.DataFrame], list[Retrieval]]:
            cache = self._cache(aws)
            options = QueryOptions(
                cache, deadline_s=self.deadline_s, max_scan_bytes=self.max_scan_gb * BYTES_PER_GB
            )
            queries, notes = self._planned(aws, request(aws))
            results = query_cached(aws, queries, options)
            first, *others = [retrieval_of(result, self.usd_per_gb) for result in results]
            frames = result_frames(results, self._place(aws), flatten=flatten)
            return frames, [first.with_notes(*notes), *others]

        return self._joined(ask)

    def query(
        self,
        name: str,
        groups: str | Iterable[str] | None = None,
        since: Bound = "24h",
        until: Bound = "now",
        **parameters: object,
    ) -> tuple[pd.DataFrame, Retrieval]:
        """Return the rows of a query of the library, as :meth:`logs`.

        Parameters
        ----------
        name
            Name in :meth:`query_library`.
        groups
            As for :meth:`logs`.
        since, until
            As for :meth:`logs`.
        parameters
            Parameters of the query, such as ``request_id="…"``.

        Raises
        ------
        InputError
            As for :meth:`logs`; and if there is no such query, or a parameter is missing, unknown or invalid.
        ServiceError
            As for :meth:`logs`.
        """
        item = library_query(name)
        text = item.filled({key: str(value) for key, value in parameters.items()})
        return self.logs(text, groups or self.system_log_groups or [item.log_groups], since, until)

    def price(
        self,
        query: str,
        groups: str | Iterable[str] | None = None,
        since: Bound = "24h",
        until: Bound = "now",
    ) -> ScanEstimate:
        """Return the bytes that a query is expected to scan, and their price, without running it.

        The bytes that came into a log group (a metric, which costs no scan) are what a query scans there,
        whatever it filters.

        Parameters
        ----------
        query, groups, since, until
            As for :meth:`logs`.

        Returns
        -------
        ScanEstimate
            ``bytes_expected``, ``cost_usd``, and ``frame`` by log group.

        Raises
        ------
        InputError
            As for :meth:`logs`; and offline, since the estimate asks AWS.
        ServiceError
            If AWS refuses the request.
        """
        if self.offline:
            raise InputError(error_message("error-price-offline"))
        request = self._log_request(query, groups, since, until)

        def ask(aws: session.Aws) -> dict[str, float]:
            queries = request(aws)
            names = [group for one in queries for group in one.log_groups]
            return estimate_scan(aws, names, queries[0].window)[1]

        results = self._each(ask)
        several = len(self.targets) > 1
        sizes = {
            f"{place} {group}" if several else group: size
            for place, found in results.items()
            for group, size in found.items()
        }
        return ScanEstimate(sizes, self.usd_per_gb)

    def metrics(  # noqa: PLR0913  one request names all of these
        self,
        namespace: str,
        name: str | Sequence[str],
        dimensions: Mapping[str, str] | None = None,
        *,
        stat: str | Sequence[str] = "Average",
        period: int | str | timedelta | None = None,
        account_id: str | None = None,
        since: Bound = "24h",
        until: Bound = "now",
    ) -> tuple[pd.DataFrame, Retrieval]:
        """Return the history of a metric, one row per interval, and how it was obtained.

        Parameters
        ----------
        namespace, name, dimensions
            Such as ``AWS/SQS``, ``ApproximateAgeOfOldestMessage`` and ``{"QueueName": "uploads"}``. Several
            names are one request.
        stat
            Statistic, such as ``Maximum``, ``Sum`` or ``p99``; several are one request.
        period
            Length of an interval: seconds, a text such as ``5m``, or a timedelta. By default the finest that
            CloudWatch keeps for the window's start.
        account_id
            Account that the metric belongs to, where a monitoring account reads metrics of others.
        since, until
            As for :meth:`logs`.

        Returns
        -------
        frame
            As :func:`watchme_analysis.cloudwatch.metrics.get_metrics`: ``time`` is the start of the interval
            in UTC, ``value`` is null without a point, and ``completeness`` separates value, zero, missing,
            not settled and not kept.
        retrieval
            Rows and completeness.

        Raises
        ------
        InputError
            If the window or the period is invalid.
        ServiceError
            If CloudWatch refuses the request, or the cache lacks the response offline.
        """
        series = tuple((dimensions or {}).items())
        metrics = [
            Metric(namespace, one, series, statistic, account_id)
            for one in _texts(name)
            for statistic in _texts(stat)
        ]
        return self._metric_rows(metrics, period, since, until)

    def metrics_of(
        self,
        *,
        queues: str | Sequence[str] = (),
        functions: str | Sequence[str] = (),
        instances: str | Sequence[str] = (),
        since: Bound = "24h",
        until: Bound = "now",
    ) -> tuple[pd.DataFrame, Retrieval]:
        """Return all metrics of the catalogue for queues, functions or EC2 instances, as :meth:`metrics`.

        Parameters
        ----------
        queues, functions, instances
            Names; ids of instances.
        since, until
            As for :meth:`logs`.

        Raises
        ------
        InputError
            If nothing is named, or the window is invalid.
        ServiceError
            As for :meth:`metrics`.
        """
        metrics = incident_metrics(_texts(queues), _texts(functions), _texts(instances))
        if not metrics:
            raise InputError(error_message("error-metrics-nothing-named"))
        return self._metric_rows(metrics, None, since, until)

    def log_groups(self, pattern: str = "*") -> list[str]:
        """Return the names of the log groups that match a pattern, of all accounts and regions, sorted.

        Raises
        ------
        InputError
            If no log group matches.
        ServiceError
            If AWS refuses the request.
        """
        found = self._each(lambda aws: matching_log_groups(aws, self._cache(aws), [pattern]))
        return sorted({name for names in found.values() for name in names})

    def queues(self) -> list[str]:
        """Return the names of the SQS queues of all accounts and regions, sorted.

        This and :meth:`functions` need the permissions ``sqs:ListQueues`` and ``lambda:ListFunctions``.

        Raises
        ------
        ServiceError
            If AWS refuses the request.
        """
        urls = self._listed("sqs", "list_queues", "QueueUrls", MaxResults=1000)
        return sorted({str(url).rpartition("/")[2] for url in urls})

    def functions(self) -> list[str]:
        """Return the names of the Lambda functions of all accounts and regions, sorted; see :meth:`queues`.

        Raises
        ------
        ServiceError
            If AWS refuses the request.
        """
        found = self._listed("lambda", "list_functions", "Functions")
        return sorted({str(function["FunctionName"]) for function in found})

    @staticmethod
    def query_library() -> pd.DataFrame:
        """Return the queries for :meth:`query`: name, description, parameters, columns and log groups."""
        import pandas as pd

        def row(item: LibraryQuery) -> dict[str, str]:
            return {
                "name": item.name,
                "description": item.description,
                "parameters": ", ".join(parameter.name for parameter in item.parameters),
                "columns": ", ".join(item.columns),
                "log_groups": item.log_groups,
            }

        return pd.DataFrame([row(item) for item in library().values()], dtype="string")

    @staticmethod
    def metric_catalogue() -> pd.DataFrame:
        """Return the metrics of :meth:`metrics_of`: namespace, dimension, metric and statistic."""
        import pandas as pd

        return pd.DataFrame(catalogue(), columns=["namespace", "dimension", "metric", "stat"], dtype="string")

    def _cache(self, aws: session.Aws) -> ResponseCache:
        """Return the cache of an account and region, which is looked up once."""
        if aws.label not in self._caches:
            self._caches[aws.label] = self.cache_of(aws)
        return self._caches[aws.label]

    def _targets(self) -> dict[str, session.Aws]:
        """Return the accounts and regions by label; their clients are made once."""
        if not self._sessions:
            found = [session.Aws(target) for target in self.targets]
            self._sessions = {aws.label: aws for aws in found}
        return self._sessions

    def _each(self, ask: Callable[[session.Aws], _T]) -> dict[str, _T]:
        """Return the results by label; any account or region that fails raises its error."""
        results, failures = self._results(ask)
        if failures:
            raise ServiceError(_sentence(failures))
        return results

    def _results(self, ask: Callable[[session.Aws], _T]) -> tuple[dict[str, _T], dict[str, str]]:
        targets = self._targets()
        if len(targets) == 1:
            (place, aws) = next(iter(targets.items()))
            return {place: ask(aws)}, {}
        try:
            return query_targets(targets, ask)
        finally:  # an interrupt cancels the running queries, not those of the next cell
            for aws in targets.values():
                aws.cancelled.clear()

    def _place(self, aws: session.Aws) -> str | None:
        """Return the account and region of rows; None if there are no others."""
        return aws.label if len(self.targets) > 1 else None

    def _joined(
        self, ask: Callable[[session.Aws], tuple[list[pd.DataFrame], list[Retrieval]]]
    ) -> tuple[pd.DataFrame, Retrieval]:
        """Return one frame and one retrieval of all accounts and regions; those that failed are noted.

        If all of them fail, that is a ServiceError.
        """
        import pandas as pd

        results, failures = self._results(ask)
        if not results:
            raise ServiceError(_sentence(failures))
        frames = [frame for found, _ in results.values() for frame in found]
        retrievals = [retrieval for _, found in results.values() for retrieval in found]
        filled = [frame for frame in frames if len(frame)] or frames[:1]
        how = combined(retrievals)
        if failures:
            how = replace(how, truncated=True).with_notes(_sentence(failures))
        return pd.concat(filled, ignore_index=True) if len(filled) > 1 else filled[0], how

    def _log_request(
        self,
        query: str,
        groups: str | Iterable[str] | None,
        since: Bound,
        until: Bound,
        query_language: str = INSIGHTS_LANGUAGE,
    ) -> Callable[[session.Aws], list[InsightsQuery]]:
        """Return a function that returns the queries for an account and region."""
        name = query.strip()
        # The text of a query is no name, and reading the library takes longer than all the rest.
        item = library().get(name) if name.isidentifier() else None
        text = query if item is None else item.filled()
        own = [] if item is None else [item.log_groups]
        names_groups = query_language == "SQL" or command_name(text) == "source"
        patterns = _texts(groups) or ([] if names_groups else [*self.system_log_groups] or own)
        if not (patterns or names_groups):
            raise InputError(error_message("error-query-no-groups", file=FILE))

        def queries(aws: session.Aws) -> list[InsightsQuery]:
            cache = self._cache(aws)
            window = requested_window(
                cache, ["query", text, *patterns], (since, until), parse_zone(self.time_zone)
            )
            groups, notes = queryable_log_groups(aws, cache, patterns, text)
            return queries_by_groups(text, groups, window, query_language=query_language, notes=notes)

        return queries

    def _planned(
        self, aws: session.Aws, queries: list[InsightsQuery]
    ) -> tuple[list[InsightsQuery], tuple[str, ...]]:
        """Return queries with scan estimates, and a note if the scan can't be estimated."""
        if self.offline:
            return queries, ()
        try:
            return planned_queries(aws, queries, self.max_scan_gb, self.usd_per_gb)[0], ()
        except ServiceError as error:
            gigabytes = Resource(f"{self.max_scan_gb:g}")
            return queries, (note("insights-no-estimate", gigabytes=gigabytes, error=as_message(error)),)

    def _metric_rows(
        self, metrics: Sequence[Metric], period: int | str | timedelta | None, since: Bound, until: Bound
    ) -> tuple[pd.DataFrame, Retrieval]:
        period_s = _period_s(period)
        identity = ["metrics", *(repr(metric) for metric in metrics), period_s]

        def ask(aws: session.Aws) -> tuple[list[pd.DataFrame], list[Retrieval]]:
            cache = self._cache(aws)
            window = requested_window(cache, identity, (since, until), parse_zone(self.time_zone))
            frame, how = get_metrics(aws, metrics, window, period_s=period_s, cache=cache)
            if place := self._place(aws):
                frame.insert(0, _PLACE, place)
            return [frame], [how]

        return self._joined(ask)

    def _listed(self, service: str, operation: str, key: str, **parameters: Any) -> list[Any]:
        """Return the items of a list, through the cache."""

        def ask(aws: session.Aws) -> list[Any]:
            found: list[Any] = self._cache(aws).get(
                f"{service}:{operation}", [], lambda: aws.items(service, operation, key, **parameters)
            )
            return found

        return [item for items in self._each(ask).values() for item in items]


def _texts(value: str | Iterable[str] | None) -> list[str]:
    """Return one text or several as a list."""
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _period_s(period: int | str | timedelta | None) -> int | None:
    """Return a period in seconds; InputError if it is not a whole number of them, at least one."""
    if period is None:
        return None
    span = parse_span(period) if isinstance(period, str) else period
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    if seconds < 1 or seconds != int(seconds):
        raise InputError(error_message("error-metric-period", period=repr(period)))
    return int(seconds)


def _sentence(failures: Mapping[str, str]) -> MessageText:
    """Return the accounts and regions that failed, each with its reason."""
    reasons = tuple(
        message("insights-refused", groups=Names((place,)), error=value_of(why))
        for place, why in failures.items()
    )
    return note("sentences", sentences=Sentences(reasons))

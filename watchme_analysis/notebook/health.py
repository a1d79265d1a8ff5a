"""Page of the health notebook: causes of timeouts of an endpoint such as ``/health``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from watchme_analysis.evidence.compose import compose_services
from watchme_analysis.health.affected_service import service_name
from watchme_analysis.health.calibration import track_record
from watchme_analysis.health.configuration import handlers_table, settings_by_path
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.context_builder import followed, health_context
from watchme_analysis.health.frames import (
    baseline_comparison,
    change_marks,
    dense_bins,
    error_counts,
    status_counts,
)
from watchme_analysis.health.handlers import handlers_by_route
from watchme_analysis.health.sections.configuration import code_table, processes_table, settings_table
from watchme_analysis.health.sections.figures import plot_in_flight, plot_vantages, plot_where_time_goes
from watchme_analysis.health.sections.followed import clocks, fates_table, layers_table, plot_waterfall
from watchme_analysis.health.sections.tables import by_connection_table, comparison_table, status_table
from watchme_analysis.health.sections.timeline import chosen_panels, plot_health_timeline
from watchme_analysis.notebook import readings
from watchme_analysis.notebook.console_links import links_of_endpoint
from watchme_analysis.notebook.page import Page
from watchme_analysis.notebook.section import Section, section
from watchme_analysis.present.display import FigureView
from watchme_analysis.present.style import Mark
from watchme_analysis.requests.concurrency import (
    latency_lag,
    open_requests,
    other_requests_in_flight,
    sampling_step_s,
)
from watchme_analysis.requests.connection_reuse import connections_used, outcome_by_connection
from watchme_analysis.requests.followed import FollowedRequests, fate_counts
from watchme_analysis.requests.layers import layer_shares, layer_times
from watchme_analysis.requests.observations import INNER, phases
from watchme_analysis.requests.waterfall import chosen_requests, waterfall
from watchme_analysis.text.message import Text
from watchme_analysis.text.render import render

if TYPE_CHECKING:
    import pandas as pd

# Headings by column, as the catalogues name them.
_SHARES = {
    "route": "endpoint",
    "phase": "phase",
    "requests": "requests",
    "edge_s": "at-edge",
    "nginx_s": "in-nginx",
    "connect_s": "connect",
    "header_s": "wait-for-header",
    "body_s": "read-body",
    "gave_up": "time-limit-passed",
}
_ERRORS = {
    "kind": "kind",
    "route": "endpoint",
    "upstream_addr": "upstream",
    "phase": "phase",
    "count": "lines",
    "first": "first",
    "last": "last",
}
# Number of unaffected endpoints shown for comparison.
_CONTRAST = 3
_AFFECTED = 5
# Number of paths with settings side by side.
_COMPARED = 3


@dataclass(repr=False)
class HealthPage(Page):
    """Sections of the health notebook, one method each."""

    @cached_property
    def context(self) -> HealthContext:
        """Return the context that the signals share."""
        return self.investigation.once(health_context)

    @property
    def routes(self) -> list[str]:
        """Return the endpoints to show: affected, unaffected of the same service, and the most probed."""
        affected = list(self.context.routes)[:_AFFECTED]
        calm = self.context.calm_neighbours() if affected else []
        observed = self.context.observed
        probes = observed[observed["row"] < 0]
        known = [*probes["route"].value_counts().index, *observed["route"].value_counts().index]
        usual = list(dict.fromkeys(map(str, known)))
        shown = [*affected, *sorted(calm, key=usual.index), *usual]
        return list(dict.fromkeys(shown))[: len(affected) + _CONTRAST]

    def subjects(self) -> list[str]:
        """Return the endpoints of the case, those with the most requests first."""
        return [str(name) for name in self.context.observed["route"].value_counts().index]

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """Return the changes recorded in the case."""
        return tuple(Mark(row.time.to_pydatetime(), str(row.what)) for row in self._change_rows.itertuples())

    @cached_property
    def _change_rows(self) -> pd.DataFrame:
        changes, error_log, app_log = map(self.investigation.table, ("changes", "error_log", "app_log"))
        return change_marks(changes, error_log, app_log, self.language)

    @property
    def _track_record(self) -> Text:
        return track_record(self.diagnosis.verdict, self.diagnosis.confidence)

    @section
    def console(self) -> Section:
        """Return links into the AWS console: metrics, a query of the log groups, changes."""
        path = self.routes[0] if self.routes else self.context.checked_path
        changes = self.investigation.table("changes")
        found = links_of_endpoint(self.investigation.case, path, self.window, changes)
        return self._links(found, "metrics")

    @section
    def timeline(self) -> Section:
        """Return a figure of all layers on one time axis."""
        frame = self._observed_by_phase
        return Section(
            self._plot_timeline(),
            frame,
            self._rows("access_log"),
            reading=lambda: readings.observations(frame),
        )

    def strip(self) -> FigureView | None:
        """Return a small timeline of what the reasons of the diagnosis are about."""
        reasons = ((reason.table, reason.sql or "") for reason in self.diagnosis.reasons)
        metrics = self.investigation.table("host_metrics")
        panels = chosen_panels(self.context.observed, metrics, reasons)
        return self._noted(self._plot_timeline(panels, "strip"), self.marks)

    def _named(self, metrics: pd.DataFrame) -> pd.DataFrame:
        """Return metrics of a file without a suffix with the name of the one service that it can be of."""
        named = metrics["service"].fillna("")
        left = set(self.investigation.table("app_processes")["service"].dropna()) - set(named)
        return metrics.assign(service=named.replace("", left.pop())) if len(left) == 1 else metrics

    def _plot_timeline(self, only: Collection[str] = (), name: str = "timeline") -> FigureView:
        tables = {name: self.investigation.table(name) for name in ("error_log", "app_log", "host_metrics")}
        tables["bins"] = dense_bins(self.context.observed)
        tables["host_metrics"] = self._named(tables["host_metrics"])
        span, routes = self.span(self.marks), self.context.routes
        return plot_health_timeline(self.context.observed, tables, span, routes, only, name)

    @section
    def changes(self) -> Section:
        """Return a table of the changes on the timeline by letter."""
        return Section(
            self._marks_table(self.marks),
            self._change_rows,
            self._rows("changes"),
            plot="timeline",
        )

    @section
    def comparison(self) -> Section:
        """Return a table that compares the incident with all other time, by endpoint and vantage."""
        start, end = self.incident or (self.window.end, None)
        frame = baseline_comparison(self.context.observed, start, end)
        frame = frame[frame["route"].isin(self.routes)]
        return Section(
            comparison_table(frame, self.zone, self.language),
            frame,
            self._rows("access_log"),
            plot="vantages",
            reading=lambda: readings.comparison(frame),
        )

    @cached_property
    def _observed_by_phase(self) -> pd.DataFrame:
        observed = self.context.observed
        return observed.assign(phase=phases(observed["start"], *self._bounds))

    @section
    def vantages(self) -> Section:
        """Return a figure comparing vantages (inside, host, outside), and affected with other endpoints."""
        frame = self._observed_by_phase
        return Section(plot_vantages(frame, self.routes, self.language), frame, self._rows("probes"))

    @section
    def where_time_goes(self) -> Section:
        """Return a figure of the time spent in each layer."""
        frame = layer_shares(self._layers, self.routes)
        return Section(plot_where_time_goes(frame, self.language), frame, self._rows("access_log"))

    @section
    def layer_table(self) -> Section:
        """Return a table of the mean time in each layer."""
        frame = layer_shares(self._layers, self.routes)
        named = self._with_words(frame, phase="phase")
        return Section(
            self._table(named, _SHARES, "layer-times-caption", "layer-times-none"),
            frame,
            self._rows("access_log"),
            plot="where_time_goes",
            reading=lambda: readings.layers(frame),
        )

    @cached_property
    def _waterfall(self) -> pd.DataFrame:
        chosen = list(self.context.routes) or self.routes[:1]
        return waterfall(self.followed, chosen_requests(self._layers, chosen))

    @property
    def _slowest_probe_s(self) -> float:
        """Return the longest probe past Nginx of the endpoints in :attr:`waterfall`, in seconds."""
        observed, shown = self.context.observed, self.context.routes or self.routes[:1]
        rows = observed["vantage"].isin(INNER) & observed["route"].isin(list(shown))
        return float(observed.loc[rows, "duration_s"].max())

    @cached_property
    def _waterfall_rows(self) -> pd.DataFrame:
        found = self._waterfall
        return found.assign(note=[render(note, self.language, self.zone) for note in found["note"]])

    @section
    def waterfall(self) -> Section:
        """Return a figure of the slowest and a typical request in all layers, also those without a record."""
        figure = plot_waterfall(self._waterfall, self.zone, self.language)
        return Section(figure, self._waterfall_rows, self._rows("access_log"))

    @section
    def followed_layers(self) -> Section:
        """Return a table of the two requests in :attr:`waterfall`."""
        return Section(
            layers_table(self._waterfall, self.language),
            self._waterfall_rows,
            self._rows("access_log"),
            plot="waterfall",
            reading=lambda: readings.followed(self._waterfall, self._slowest_probe_s),
        )

    @section
    def fates(self) -> Section:
        """Return the number of requests by fate, and how many of their responses the application logged."""
        frame = fate_counts(self.followed.frame, self.routes)
        counts = {"baseline": "baseline", "incident": "incident"}
        return Section(
            fates_table(frame, clocks(self.followed.skews), self.language),
            frame,
            "select * from requests",
            plot=lambda: self._plot_named(frame, ("route", "fate"), "fate", counts, "fates"),
            reading=lambda: readings.fates(frame),
        )

    @section
    def in_flight(self) -> Section:
        """Return a figure of requests in flight, and the latency of the most affected endpoint."""
        found, metrics = self.context, self.investigation.table("host_metrics")
        route = self.routes[0] if self.routes else found.checked_path
        opened = open_requests(found.joined)
        opened = opened.assign(phase=phases(opened["time"], *self._bounds))
        service = service_name(found, metrics)
        jobs = other_requests_in_flight(opened, metrics, route, found.upstreams.get(route), service)
        lag = latency_lag(found.observed, route, jobs, sampling_step_s(found.joined))
        return Section(
            plot_in_flight(opened, found.observed, jobs, (route, lag), self.span()),
            opened,
            self._rows("access_log"),
            reading=lambda: readings.in_flight(opened),
        )

    @section
    def by_connection(self) -> Section:
        """Return a table that compares requests over new connections and keep-alive connections."""
        frame, affected = self.followed.frame, list(self.context.routes)
        shown = self.routes[: min(len(affected), _COMPARED) + 1] if affected else self.routes[:_COMPARED]
        compared = outcome_by_connection(frame, connections_used(frame), shown)
        return Section(by_connection_table(compared, self.language), compared, "select * from requests")

    @property
    def followed(self) -> FollowedRequests:
        """Return the requests matched across edge, Nginx and application; in queries, ``requests``."""
        return self.investigation.once(followed)

    def sql(self, query: str) -> pd.DataFrame:
        """Return the rows of a query over the tables of the case and ``requests`` (:attr:`followed`).

        Parameters
        ----------
        query
            SQL for :meth:`watchme_analysis.case.case_folder.Case.sql`.

        Raises
        ------
        QueryError
            When DuckDB rejects the query.
        """
        return self.investigation.case.sql(query, {"requests": self.followed.frame})

    @cached_property
    def _layers(self) -> pd.DataFrame:
        return layer_times(self.context.joined, *self._bounds)

    @section
    def locations(self) -> Section:
        """Return a table of the Nginx settings by path: location, address, limits and cache."""
        paths = self.compared_paths()
        frame = settings_by_path(self.investigation.table("config_directives"), paths, self.language)
        return Section(
            settings_table(frame, paths, self.language),
            frame,
            self._rows("config_directives"),
            reading=lambda: readings.settings(frame),
        )

    @section
    def handlers(self) -> Section:
        """Return a table of the request handlers in the source, their execution model and blocking calls."""
        handlers, calls = (self.investigation.table(name) for name in ("app_handlers", "app_calls"))
        routes = [str(name) for name in self.context.observed["route"].dropna().unique()]
        called = {each.path for each in handlers_by_route(handlers, calls, routes).values()}
        frame = handlers_table(handlers, calls, self.language)
        return Section(code_table(frame, called, self.language), frame, self._rows("app_handlers"))

    @section
    def processes(self) -> Section:
        """Return a table of the start commands, container limits and health checks of the processes."""
        frame, metrics = (self.investigation.table(name) for name in ("app_processes", "host_metrics"))
        memory_mb = metrics[metrics["metric"] == "rss_mb"].groupby("service")["value"].max().to_dict()
        services = compose_services(self.investigation.table("compose_settings"))
        view = processes_table(frame, services, memory_mb, self.language)
        return Section(view, frame, self._rows("app_processes"))

    def compared_paths(self) -> list[str]:
        """Return the affected paths and those to compare: same service first, by number of requests."""
        found = self.context
        counts = found.observed["route"].value_counts()
        routes = list(found.routes) or self.routes[:1]
        service = found.upstreams.get(routes[0]) if routes else None
        others = [str(name) for name in counts.index if name not in routes]
        others.sort(key=lambda name: found.upstreams.get(name) != service)
        chosen = list(dict.fromkeys([*routes[:2], *others, *routes]))[:_COMPARED]
        return [name.replace("*", "1") for name in chosen]

    @section
    def statuses(self) -> Section:
        """Return the number of responses by status, endpoint and vantage."""
        frame = status_counts(self.context.observed, *self._bounds)
        frame = frame[frame["route"].isin(self.routes)]
        return Section(status_table(frame, self.language), frame, self._rows("access_log"))

    @section
    def errors(self) -> Section:
        """Return the number of lines in Nginx's error log by kind."""
        frame = error_counts(self.investigation.table("error_log"), *self._bounds)
        named = self._with_words(frame, phase="phase", kind="nginx-error")
        counts = {"count": "lines"}
        return Section(
            self._table(named, _ERRORS, "errors-caption", "errors-none", limit=20),
            frame,
            self._rows("error_log"),
            plot=lambda: self._plot_named(frame, ("route", "kind"), "nginx-error", counts, "errors"),
            reading=lambda: readings.errors(frame),
        )

"""Page of the health notebook: causes of timeouts of an endpoint such as ``/health``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
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
from watchme_analysis.notebook.console_links import console_view, links_of_endpoint
from watchme_analysis.notebook.page import Page
from watchme_analysis.notebook.section import Rows, records, section
from watchme_analysis.present.display import FigureView, LinksView, TableView
from watchme_analysis.present.finding import VerdictView
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
from watchme_analysis.requests.observations import phases
from watchme_analysis.requests.waterfall import chosen_requests, waterfall
from watchme_analysis.text.render import render, value_label

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

    @section(lambda page: page._verdict_row(), lambda page: page._leading_query())
    def verdict(self) -> VerdictView:
        """Return the verdict, with the accuracy of such verdicts in recorded cases."""
        found = self.diagnosis
        return replace(super().verdict(), track_record=track_record(found.verdict, found.confidence))

    @section(lambda page: records(page._console_links, ("link", "url")), Rows("metrics"))
    def console(self) -> LinksView:
        """Return links into the AWS console: metrics, a query of the log groups, changes."""
        return console_view(self._console_links, self.language)

    @cached_property
    def _console_links(self) -> list[dict[str, str]]:
        path = self.routes[0] if self.routes else self.context.checked_path
        found = links_of_endpoint(
            self.investigation.case, path, self.window, self.investigation.table("changes")
        )
        return [{"link": render(text, self.language, self.zone), "url": url} for text, url in found]

    @section(
        lambda page: page._observed_by_phase(),
        Rows("access_log"),
        reading=lambda page: readings.observations(page.timeline.frame),
    )
    def timeline(self) -> FigureView:
        """Return a figure of all layers on one time axis."""
        return self._plot_timeline()

    def strip(self) -> FigureView | None:
        """Return a small timeline of what the reasons of the diagnosis are about."""
        reasons = ((reason.table, reason.sql or "") for reason in self.diagnosis.reasons)
        metrics = self.investigation.table("host_metrics")
        return self._plot_timeline(chosen_panels(self.context.observed, metrics, reasons), "strip")

    def _plot_timeline(self, only: Collection[str] = (), name: str = "timeline") -> FigureView:
        tables = {name: self.investigation.table(name) for name in ("error_log", "app_log", "host_metrics")}
        tables["bins"] = dense_bins(self.context.observed)
        span, routes = self.span(self.marks), self.context.routes
        return plot_health_timeline(self.context.observed, tables, span, routes, only, name)

    @section(lambda page: page._change_rows, Rows("changes"), plot="timeline")
    def changes(self) -> TableView:
        """Return a table of the changes on the timeline by letter."""
        return self._marks_table(self.marks)

    @section(
        lambda page: page._compared,
        Rows("access_log"),
        plot="vantages",
        reading=lambda page: readings.comparison(
            page._compared, page._words("vantage", page._compared["vantage"])
        ),
    )
    def comparison(self) -> TableView:
        """Return a table that compares the incident with all other time, by endpoint and vantage."""
        return comparison_table(self._compared, self.zone, self.language)

    @cached_property
    def _compared(self) -> pd.DataFrame:
        start, end = self.incident or (self.window.end, None)
        frame = baseline_comparison(self.context.observed, start, end)
        return frame[frame["route"].isin(self.routes)]

    def _observed_by_phase(self) -> pd.DataFrame:
        observed = self.context.observed
        return observed.assign(phase=phases(observed["start"], *self._bounds))

    @section(lambda page: page._observed_by_phase(), Rows("probes"))
    def vantages(self) -> FigureView:
        """Return a figure comparing vantages (inside, host, outside), and affected with other endpoints."""
        return plot_vantages(self._observed_by_phase(), self.routes, self.language)

    @section(lambda page: layer_shares(page._layers, page.routes), Rows("access_log"))
    def where_time_goes(self) -> FigureView:
        """Return a figure of the time spent in each layer."""
        return plot_where_time_goes(layer_shares(self._layers, self.routes), self.language)

    @section(
        lambda page: layer_shares(page._layers, page.routes),
        Rows("access_log"),
        plot="where_time_goes",
        reading=lambda page: readings.layers(page.layer_table.frame),
    )
    def layer_table(self) -> TableView:
        """Return a table of the mean time in each layer."""
        return self._table(
            self._named_phases(layer_shares(self._layers, self.routes)),
            _SHARES,
            self._label("layer-times-caption"),
            self._label("layer-times-none"),
        )

    @section(lambda page: page._waterfall_rows(), Rows("access_log"))
    def waterfall(self) -> FigureView:
        """Return a figure of the slowest and a typical request in all layers, also those without a record."""
        return plot_waterfall(self._waterfall, self.zone, self.language)

    @section(
        lambda page: page._waterfall_rows(),
        Rows("access_log"),
        plot="waterfall",
        reading=lambda page: readings.followed(page._waterfall, page._words("on", page._waterfall["layer"])),
    )
    def followed_layers(self) -> TableView:
        """Return a table of the two requests in :meth:`waterfall`."""
        return layers_table(self._waterfall, self.language)

    @section(
        lambda page: fate_counts(page.followed.frame, page.routes),
        lambda page: "select * from requests",
        plot=lambda page: page._plot_named(
            page.fates.frame,
            ("route", "fate"),
            "fate",
            {"baseline": "baseline", "incident": "incident"},
            "fates",
        ),
        reading=lambda page: readings.fates(page.fates.frame, page._words("fate", page.fates.frame["fate"])),
    )
    def fates(self) -> TableView:
        """Return the number of requests by fate, and how many of their responses the application logged."""
        counts = fate_counts(self.followed.frame, list(self.routes))
        return fates_table(counts, clocks(self.followed.skews), self.language)

    @section(
        lambda page: open_requests(page.context.joined),
        Rows("access_log"),
        reading=lambda page: readings.in_flight(page.in_flight.frame),
    )
    def in_flight(self) -> FigureView:
        """Return a figure of requests in flight, and the latency of the most affected endpoint."""
        found, metrics = self.context, self.investigation.table("host_metrics")
        route = self.routes[0] if self.routes else self.context.checked_path
        opened = open_requests(found.joined)
        service = service_name(found, metrics)
        jobs = other_requests_in_flight(opened, metrics, route, found.upstreams.get(route), service)
        lag = latency_lag(found.observed, route, jobs, sampling_step_s(found.joined))
        return plot_in_flight(opened, found.observed, jobs, (route, lag), self.span())

    @section(lambda page: page._by_connection, lambda page: "select * from requests")
    def by_connection(self) -> TableView:
        """Return a table that compares requests over new connections and keep-alive connections."""
        return by_connection_table(self._by_connection, self.language)

    @cached_property
    def _by_connection(self) -> pd.DataFrame:
        frame, affected = self.followed.frame, list(self.context.routes)
        shown = self.routes[: min(len(affected), _COMPARED) + 1] if affected else self.routes[:_COMPARED]
        return outcome_by_connection(frame, connections_used(frame), shown)

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
    def _waterfall(self) -> pd.DataFrame:
        chosen = list(self.context.routes) or self.routes[:1]
        return waterfall(self.followed, chosen_requests(self._layers, chosen))

    def _waterfall_rows(self) -> pd.DataFrame:
        found = self._waterfall
        return found.assign(note=[render(note, self.language, self.zone) for note in found["note"]])

    @cached_property
    def _layers(self) -> pd.DataFrame:
        return layer_times(self.context.joined, *self._bounds)

    @section(
        lambda page: page._locations[0],
        Rows("config_directives"),
        reading=lambda page: readings.settings(page._locations[0]),
    )
    def locations(self) -> TableView:
        """Return a table of the Nginx settings by path: location, address, limits and cache."""
        return settings_table(*self._locations, self.language)

    @cached_property
    def _locations(self) -> tuple[pd.DataFrame, list[str]]:
        paths = self._compared_paths()
        return settings_by_path(self.investigation.table("config_directives"), paths, self.language), paths

    @section(lambda page: page._handlers[0], Rows("app_handlers"))
    def handlers(self) -> TableView:
        """Return a table of the request handlers in the source, their execution model and blocking calls."""
        return code_table(*self._handlers, self.language)

    @cached_property
    def _handlers(self) -> tuple[pd.DataFrame, set[str]]:
        """Return the handlers with their blocking calls, and the paths of those that are called."""
        handlers, calls = (self.investigation.table(name) for name in ("app_handlers", "app_calls"))
        routes = [str(name) for name in self.context.observed["route"].dropna().unique()]
        known = handlers_by_route(handlers, calls, routes)
        return handlers_table(handlers, calls, self.language), {each.path for each in known.values()}

    @section(lambda page: page.investigation.table("app_processes"), Rows("app_processes"))
    def processes(self) -> TableView:
        """Return a table of the start commands, container limits and health checks of the processes."""
        metrics = self.investigation.table("host_metrics")
        memory = metrics[metrics["metric"] == "rss_mb"].groupby("service")["value"].max()
        services = compose_services(self.investigation.table("compose_settings"))
        return processes_table(
            self.investigation.table("app_processes"), services, memory.to_dict(), self.language
        )

    def _compared_paths(self) -> list[str]:
        """Return the affected paths and those to compare: same service first, by number of requests."""
        found = self.context
        counts = found.observed["route"].value_counts()
        routes = list(found.routes) or self.routes[:1]
        service = found.upstreams.get(routes[0]) if routes else None
        others = [str(name) for name in counts.index if name not in routes]
        others.sort(key=lambda name: found.upstreams.get(name) != service)
        chosen = list(dict.fromkeys([*routes[:2], *others, *routes]))[:_COMPARED]
        return [name.replace("*", "1") for name in chosen]

    @section(lambda page: page._statuses, Rows("access_log"))
    def statuses(self) -> TableView:
        """Return the number of responses by status, endpoint and vantage."""
        return status_table(self._statuses, self.language)

    @cached_property
    def _statuses(self) -> pd.DataFrame:
        frame = status_counts(self.context.observed, *self._bounds)
        return frame[frame["route"].isin(self.routes)]

    @section(
        lambda page: page._errors,
        Rows("error_log"),
        plot=lambda page: page._plot_named(
            page._errors, ("route", "kind"), "nginx-error", {"count": "lines"}, "errors"
        ),
        reading=lambda page: readings.errors(page._errors, page._words("nginx-error", page._errors["kind"])),
    )
    def errors(self) -> TableView:
        """Return the number of lines in Nginx's error log by kind."""
        return self._table(
            self._named_kinds(self._named_phases(self._errors)),
            _ERRORS,
            self._label("errors-caption"),
            self._label("errors-none"),
            limit=20,
        )

    def _named_kinds(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame with the kinds of Nginx's errors in the language of the page."""
        return frame.assign(
            kind=[value_label("nginx-error", str(kind), self.language) for kind in frame["kind"]]
        )

    def _named_phases(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame with the phases in the language of the page."""
        names = {
            phase: value_label("phase", str(phase), self.language)
            for phase in frame["phase"].dropna().unique()
        }
        return frame.assign(phase=frame["phase"].map(names))

    @cached_property
    def _errors(self) -> pd.DataFrame:
        return error_counts(self.investigation.table("error_log"), *self._bounds)

"""Page of the backlog notebook: causes of a queue backlog."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from watchme_analysis.alarms.sections import plot_alarm_times
from watchme_analysis.alarms.specification import STANDARD
from watchme_analysis.alarms.trials import backtest_alarms
from watchme_analysis.backlog.frames import changes_near, dead_letters_by
from watchme_analysis.backlog.onset_order import onset_order
from watchme_analysis.backlog.recurrence import patterns
from watchme_analysis.backlog.sections.tables import (
    alarm_table,
    change_table,
    comparison_table,
    missed_work_table,
    onset_table,
    redrive_table,
)
from watchme_analysis.backlog.sections.timeline import PANELS, Panel, chosen_panels, plot_backlog_timeline
from watchme_analysis.files.attachments import attach
from watchme_analysis.notebook import readings
from watchme_analysis.notebook.console_links import links
from watchme_analysis.notebook.page import Page, records, utc_times
from watchme_analysis.notebook.section import Section, section
from watchme_analysis.present.bars import plot_bars
from watchme_analysis.present.display import FigureView
from watchme_analysis.present.style import Mark
from watchme_analysis.queues.accounting import balance_frame
from watchme_analysis.queues.baseline import STEPS_S, baseline_comparison, binned
from watchme_analysis.queues.drain import drain_rows
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.queues.redrive_list import FILE, messages_to_redrive
from watchme_analysis.queues.work_items import unit_of, work_item_settings, work_items
from watchme_analysis.text.formats import MISSING
from watchme_analysis.text.message import Duration, Translated
from watchme_analysis.text.render import duration_label, render

if TYPE_CHECKING:
    import pandas as pd

# Headings by column, as the catalogues name them.
_BALANCE = {
    "queue": "queue",
    "stock_before": "stock-before",
    "sent": "sent",
    "received": "received",
    "deleted": "deleted",
    "visible": "visible",
    "in_flight": "in-flight",
    "dead_lettered": "dead-lettered",
    "expired": "expired",
    "purged": "purged",
    "unexplained": "unexplained",
    "retry_amplification": "receives-per-message",
    "mean_stay_s": "mean-stay",
    "reasons": "reasons",
}
# Where the messages of a queue are, as bars.
_STAGES = {
    name: _BALANCE[name] for name in ("deleted", "visible", "in_flight", "dead_lettered", "expired", "purged")
}
# All of these are 0 in a step in which every message was deleted.
_STANDING = ("stock_before", "visible", "in_flight", "dead_lettered", "unexplained")
# Columns that are known only for the whole window.
_OF_THE_WHOLE = ("expired", "purged", "mean_stay_s")
_FORECAST = {
    "queue": "queue",
    "at": "as-of",
    "backlog": "backlog",
    "arrivals_per_min": "arrivals-per-min",
    "capacity_per_min": "capacity-per-min",
    "drained_at": "drained-at",
    "drained_at_low": "drained-earliest",
    "drained_at_high": "drained-latest",
    "head_of_line_delay_s": "wait-of-new-message",
    "note": "note",
}
_DEAD = {
    "queue": "queue",
    "work_item": "unit",
    "error": "error",
    "receive_count": "receives",
    "age_days": "age-days",
    "messages": "messages",
    "share": "share-of-queue",
    "first_sent": "first-sent",
    "last_sent": "last-sent",
}
_WORK = {
    "queue": "queue",
    "state": "state",
    "work_item": "unit",
    "work_time": "work-time",
    "work_date": "work-date",
    "sent_at": "sent",
    "receive_count": "receives",
    "processed": "processed",
    "recoverable": "can-succeed",
    "expires_at": "expires",
    "passed_retention": "expired-since",
    "before_window": "before-window",
}
_PATTERNS = {
    "queue": "queue",
    "pattern": "pattern",
    "says": "observation",
    "chance": "chance",
}
_FEW = 15
_OF_SQS = "namespace = 'AWS/SQS'"


@dataclass(repr=False)
class BacklogPage(Page):
    """Sections of the backlog notebook, one method each."""

    @property
    def _queue(self) -> str | None:
        return self.investigation.options.get("queue")

    def subjects(self) -> list[str]:
        """Return the queues of the case."""
        return [pipeline.queue for pipeline in pipelines(self.investigation)]

    @property
    def affected(self) -> list[str]:
        """Return the affected queues of the diagnosis, else the queue of the parameter ``queue``."""
        named = [str(queue) for queue in self.diagnosis.extra.get("queues", ())]
        return named or ([self._queue] if self._queue else [])

    @cached_property
    def _unit(self) -> Translated:
        """Return what the value is called that a message's work is about."""
        return unit_of(work_item_settings(self.investigation))

    def _of_the_queue(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the queue in the parameter ``queue``; all rows without it."""
        return frame if self._queue is None else frame[frame["queue"] == self._queue]

    @cached_property
    def _changes(self) -> pd.DataFrame:
        # An incident that a change caused starts with it, before the first harm.
        frame = changes_near(self.investigation, self._start, self.diagnosis.incident_start)
        inside = (frame["time"] >= self.window.start) & (frame["time"] < self.window.end)
        return frame[inside].sort_values("time", kind="stable")

    @cached_property
    def _series(self) -> pd.DataFrame:
        return binned(pipelines(self.investigation, self._queue))

    @section
    def timeline(self) -> Section:
        """Return a figure of arrivals, backlog and function metrics on one time axis."""
        return Section(self._plot_timeline(PANELS), self._series, self._rows("metrics"))

    def strip(self) -> FigureView | None:
        """Return a small timeline of what the reasons of the diagnosis are about."""
        queries = [reason.sql or "" for reason in self.diagnosis.reasons]
        panels = chosen_panels(self._series, queries)
        return self._noted(self._plot_timeline(panels, "strip"), self._marks)

    @cached_property
    def _marks(self) -> tuple[Mark, ...]:
        named = self._changes.assign(of=(self._changes["resource"] + ": ").fillna(""))
        return tuple(
            Mark(row.time.to_pydatetime(), f"{row.of}{render(row.description, self.language)}")
            for row in named.itertuples()
        )

    def _plot_timeline(self, panels: Sequence[Panel], name: str = "timeline") -> FigureView:
        return plot_backlog_timeline(self._series, self.span(self._marks), self.affected, panels, name)

    @section
    def changes(self) -> Section:
        """Return a table of the changes on the timeline by letter, with the possible effects of each."""
        return Section(
            change_table(self._changes, self.zone, self.language),
            self._changes,
            self._rows("changes"),
            plot="timeline",
        )

    @section
    def onsets(self) -> Section:
        """Return a table of the order in which the metrics of the affected queues changed."""
        frame = self._of_the_queue(onset_order(self.investigation))
        return Section(
            onset_table(frame, self.zone, self._bounds[1], self.language),
            frame,
            self._rows("metrics"),
            plot="timeline",
            reading=lambda: readings.onsets(frame),
        )

    @section
    def comparison(self) -> Section:
        """Return a table that compares each metric in the incident with the time before."""
        chosen = {
            name
            for pipeline in pipelines(self.investigation)
            if pipeline.queue in self.affected
            for name in (pipeline.queue, pipeline.function, pipeline.dlq)
            if name is not None
        }
        frame = baseline_comparison(self.investigation, *self._bounds)
        mine = frame[frame["resource"].isin(self.affected) & frame["incident_per_h"].notna()]
        rates = {"baseline_per_h": "usual-per-hour", "incident_per_h": "incident-per-hour"}
        return Section(
            comparison_table(frame, chosen, self.language),
            frame,
            self._rows("metrics"),
            plot=lambda: self._plot_named(mine, ("resource", "metric"), "queue-metric", rates, "rates"),
            reading=lambda: readings.rates(frame, self.affected),
        )

    @section
    def balance(self) -> Section:
        """Return the message balance of every queue."""
        frame = balance_frame(self.investigation, language=self.language)
        return Section(
            self._table(frame, _BALANCE, "balance-caption", "balance-empty"),
            frame,
            self._rows("metrics", _OF_SQS),
            plot=lambda: plot_bars(frame, "queue", _STAGES, "balance", self.language),
            reading=lambda: readings.balance(frame),
        )

    @section
    def balance_over_time(self) -> Section:
        """Return the message balance of the affected queues by time step."""
        window = self.window
        seconds = (window.end - window.start).total_seconds()
        step_s = next((step for step in STEPS_S if seconds / step <= _FEW), STEPS_S[-1])
        frame = balance_frame(self.investigation, step_s, self.language)
        frame = frame[frame["queue"].isin(self.affected)]
        # Steps are aligned to the clock in UTC, so the first may begin before the window.
        frame = frame.assign(start=frame["start"].clip(lower=window.start))
        shown = frame[~frame[list(_STANDING)].eq(0).all(axis="columns")]
        heads = {"queue": "queue", "start": "from", **_BALANCE}
        for name in _OF_THE_WHOLE:
            del heads[name]
        empty = "balance-steps-empty" if len(frame) else "balance-steps-none-affected"
        view = self._table(
            shown, heads, "balance-steps-caption", empty, limit=4 * _FEW, step=Duration(step_s)
        )
        if len(shown) < len(frame):
            left_out = self._label("balance-steps-left-out", steps=len(frame) - len(shown))
            view = replace(view, note=f"{view.note} {left_out}".strip())
        sql = self._rows("metrics", _OF_SQS)
        return Section(view, frame, sql, plot="timeline")

    @section
    def forecast(self) -> Section:
        """Return a forecast of the drain time of each remaining backlog."""
        frame = drain_rows(pipelines(self.investigation), self.language)
        view = self._table(frame, _FORECAST, "forecast-caption", "forecast-empty")
        sql = self._rows("metrics", _OF_SQS)
        return Section(view, frame, sql, plot="timeline")

    @section
    def dead_letters_by_work_item(self) -> Section:
        """Return the number of DLQ messages by what their work is about, such as a device or an order."""
        return self._dead_letters("work_item")

    @section
    def dead_letters_by_error(self) -> Section:
        """Return the number of DLQ messages by the error of the function."""
        return self._dead_letters("error")

    @section
    def dead_letters_by_receives(self) -> Section:
        """Return the number of DLQ messages by receive count."""
        return self._dead_letters("receive_count")

    @section
    def dead_letters_by_age(self) -> Section:
        """Return the number of DLQ messages by whole days between sending and the end of the data."""
        return self._dead_letters("age_days")

    def _dead_letters(self, key: str) -> Section:
        import pandas as pd

        frame = self._of_the_queue(dead_letters_by(self.investigation, key, self.language))

        def names(language: str) -> list[str]:
            """Return queue and age of each row; a message without a time has no age."""
            ages = [
                MISSING if pd.isna(days) else f"{days}–{duration_label(86400.0 * (days + 1), language)}"
                for days in frame["age_days"]
            ]
            return [f"{queue} · {age}" for queue, age in zip(frame["queue"], ages, strict=True)]

        counts, items = {"messages": "messages"}, key == "work_item"
        plots = {
            "work_item": lambda: plot_bars(frame, key, counts, "dead-letters", self.language),
            "age_days": lambda: self._plot_rows(frame, names, counts, "ages"),
        }
        caption = f"dead-letters-caption-{key.replace('_', '-')}"
        return Section(
            self._table(frame, _DEAD, caption, "dead-letters-empty", limit=_FEW, unit=self._unit),
            frame,
            self._rows("queue_messages"),
            plot=plots.get(key, ""),
            reading=(lambda: readings.dead_letters(frame, self._unit)) if items else None,
        )

    @section
    def patterns(self) -> Section:
        """Return a table of patterns: drifts of duration, and DLQ messages by weekday or work item."""
        frame = patterns(self.investigation, self.zone, self.language)
        named = self._with_words(frame, pattern="pattern")
        view = self._table(named, _PATTERNS, "patterns-caption", "patterns-empty", unit=self._unit)
        return Section(view, frame, self._rows("queue_messages"))

    @section
    def missed_work(self) -> Section:
        """Return a table of the missed work by what it is about."""
        extra, columns = self.diagnosis.extra, ("work_item", "time_or_day")
        items = extra.get("missed_work") or ()
        return Section(
            missed_work_table(
                extra.get("missed_work"),
                self._unit,
                extra.get("unread_dumps", ()),
                self.language,
                perhaps_done=bool(extra.get("missed_work_may_have_run")),
            ),
            records((dict(zip(columns, item, strict=False)) for item in items), columns),
            self._rows("queue_messages"),
        )

    @section
    def messages(self) -> Section:
        """Return a table of the messages read from queues and DLQs, with their work items."""
        frame = self._of_the_queue(work_items(self.investigation))
        heads = dict(_WORK)
        if frame["work_time"].notna().all():
            # The date is redundant when each message has a time, and the table is wide.
            del heads["work_date"]
        if not frame["before_window"].any():
            del heads["before_window"]
        named = self._with_words(frame, state="message-state")
        about = {"messages": len(frame), "unit": self._unit}
        return Section(
            self._table(named, heads, "messages-caption", "messages-empty", limit=10, **about),
            frame,
            self._rows("queue_messages"),
            plot="dead_letters_by_age",
            reading=lambda: readings.work(frame),
        )

    @section
    def redrive(self) -> Section:
        """Return the number of DLQ messages to redrive, and the reasons for those left out.

        The messages are attached to a report as a file beside its page.
        """
        found = messages_to_redrive(self.investigation, self._queue)
        if found.lines:
            attach(FILE, found.text)
        lines = [json.loads(line) for line in found.lines]
        names = ("QueueUrl", "MessageBody", "MessageAttributes", *(name for line in lines for name in line))
        return Section(
            redrive_table(found, self.language, self.investigation.case.argument),
            records(lines, tuple(dict.fromkeys(names))),
            self._rows("queue_messages"),
        )

    @section
    def console(self) -> Section:
        """Return links into the AWS console: queues, functions, metrics, a query of their logs, changes."""
        shown = [one for one in pipelines(self.investigation, self._queue) if one.queue in self.affected]
        near, recorded = self._changes, self.investigation.table("changes")
        is_near = recorded["time"].isin(near["time"]) & recorded["event_name"].isin(near["event_name"])
        found = links(self.investigation.case, shown, self.window, recorded[is_near])
        return self._links(found, "queues")

    @section
    def alarms(self) -> Section:
        """Return a table of the times at which the standard alarms would first have fired."""
        alarms = self.diagnosis.extra.get("alarms", ())
        # Evaluated every minute over a sliding window where that is known.
        sliding = [{**alarm, **(alarm.get("sliding") or {})} for alarm in alarms]
        names = dict.fromkeys(name for alarm in sliding for name in alarm if name != "sliding")
        frame = records(({name: alarm.get(name) for name in names} for alarm in sliding), tuple(names))
        frame = frame.assign(first=utc_times(frame["first"])) if len(frame) else frame

        def plot() -> FigureView:
            tested = backtest_alarms(self.investigation, pipelines(self.investigation), STANDARD)
            bars = [
                (f"{item.spec.name}\n{item.resource}", item.run.raised)
                for item in tested
                if item.run and item.run.raised
            ]
            bars.sort(key=lambda bar: bar[1][0][0])
            return plot_alarm_times(bars[:_FEW], self.span())

        return Section(
            alarm_table(alarms, self._start, self.zone, self.language),
            frame,
            self._rows("metrics"),
            plot=plot,
            reading=lambda: readings.first_alarm(frame, self._start),
        )

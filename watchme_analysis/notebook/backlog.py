"""Page of the backlog notebook: causes of a queue backlog."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from watchme_analysis.alarms.sections import plot_alarm_times
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
from watchme_analysis.notebook.console_links import console_view, links
from watchme_analysis.notebook.page import Page, utc_times
from watchme_analysis.notebook.section import Rows, records, section
from watchme_analysis.present.bars import plot_bars
from watchme_analysis.present.display import FigureView, LinksView, TableView, column_heads, table
from watchme_analysis.present.style import Mark, drawn_language
from watchme_analysis.queues.accounting import balance_frame
from watchme_analysis.queues.baseline import STEPS_S, baseline_comparison, binned
from watchme_analysis.queues.drain import drain_rows
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.queues.redrive_list import FILE, messages_to_redrive
from watchme_analysis.queues.work_done import unit_of, work_item_settings
from watchme_analysis.queues.work_items import work_items
from watchme_analysis.text.message import Duration, Translated, message
from watchme_analysis.text.render import duration_label, render, value_label

if TYPE_CHECKING:
    import pandas as pd

# Heading that names the unit of the work items.
_UNIT = "unit"
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
    "work_item": _UNIT,
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
    "work_item": _UNIT,
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

    def _work_heads(self, columns: Mapping[str, str]) -> dict[str, str]:
        """Return headings with that of the work item, which is its unit."""
        plain = column_heads({name: each for name, each in columns.items() if each != _UNIT}, self.language)
        unit = render(message("unit", unit=self._unit), self.language)
        return {name: plain.get(name, unit) for name in columns}

    def _of_the_queue(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the queue in the parameter ``queue``; all rows without it."""
        return frame if self._queue is None else frame[frame["queue"] == self._queue]

    @cached_property
    def _changes(self) -> Any:
        frame = changes_near(self.investigation, self._start)
        inside = (frame["time"] >= self.window.start) & (frame["time"] < self.window.end)
        return frame[inside].sort_values("time", kind="stable")

    @section(lambda page: binned(pipelines(page.investigation, page._queue)), Rows("metrics"))
    def timeline(self) -> FigureView:
        """Return a figure of arrivals, backlog and function metrics on one time axis."""
        return self._plot_timeline(PANELS)

    def strip(self) -> FigureView | None:
        """Return a small timeline of what the reasons of the diagnosis are about."""
        queries = [reason.sql or "" for reason in self.diagnosis.reasons]
        return self._plot_timeline(
            chosen_panels(binned(pipelines(self.investigation, self._queue)), queries), "strip"
        )

    def _plot_timeline(self, panels: Sequence[Panel], name: str = "timeline") -> FigureView:
        marks = tuple(
            Mark(row.time.to_pydatetime(), str(row.event_name)) for row in self._changes.itertuples()
        )
        series = binned(pipelines(self.investigation, self._queue))
        return plot_backlog_timeline(series, self.span(marks), self.affected, panels, name)

    @section(lambda page: page._changes, Rows("changes"), plot="timeline")
    def changes(self) -> TableView:
        """Return a table of the changes on the timeline by letter, with the possible effects of each."""
        return change_table(self._changes, self.zone, self.language)

    @section(
        lambda page: page._of_the_queue(onset_order(page.investigation)),
        Rows("metrics"),
        plot="timeline",
        reading=lambda page: readings.onsets(page.onsets.frame, page._metric_words(page.onsets.frame)),
    )
    def onsets(self) -> TableView:
        """Return a table of the order in which the metrics of the affected queues changed."""
        moved = self._of_the_queue(onset_order(self.investigation))
        return onset_table(moved, self.zone, self._bounds[1], self.language)

    @section(
        lambda page: baseline_comparison(page.investigation, *page._bounds),
        Rows("metrics"),
        plot=lambda page: page._plot_rates(),
        reading=lambda page: readings.rates(
            page.comparison.frame, page.affected, page._metric_words(page.comparison.frame)
        ),
    )
    def comparison(self) -> TableView:
        """Return a table that compares each metric in the incident with the time before."""
        chosen = {
            name
            for pipeline in pipelines(self.investigation)
            if pipeline.queue in self.affected
            for name in (pipeline.queue, pipeline.function, pipeline.dlq)
            if name is not None
        }
        compared = baseline_comparison(self.investigation, *self._bounds)
        return comparison_table(compared, chosen, self.language)

    @section(
        lambda page: balance_frame(page.investigation, language=page.language),
        Rows("metrics", "namespace = 'AWS/SQS'"),
        plot=lambda page: plot_bars(page.balance.frame, "queue", _STAGES, "balance", page.language),
        reading=lambda page: readings.balance(page.balance.frame),
    )
    def balance(self) -> TableView:
        """Return the message balance of every queue."""
        return self._table(
            balance_frame(self.investigation, language=self.language),
            _BALANCE,
            self._label("balance-caption"),
            self._label("balance-empty"),
        )

    @section(lambda page: page._balance_steps[0], Rows("metrics", "namespace = 'AWS/SQS'"), plot="timeline")
    def balance_over_time(self) -> TableView:
        """Return the message balance of the affected queues by time step."""
        frame, step_s = self._balance_steps
        shown_rows = frame[~frame[list(_STANDING)].eq(0).all(axis="columns")]
        shown = {"queue": "queue", "start": "from", **_BALANCE}
        for name in _OF_THE_WHOLE:
            del shown[name]
        step = message("balance-steps-caption", step=Duration(step_s))
        found = table(
            shown_rows,
            render(step, self.language),
            self.zone,
            column_heads(shown, self.language),
            limit=4 * _FEW,
            empty=self._label("balance-steps-empty" if len(frame) else "balance-steps-none-affected"),
            language=self.language,
        )
        if len(shown_rows) == len(frame):
            return found
        note = render(message("balance-steps-left-out", steps=len(frame) - len(shown_rows)), self.language)
        return replace(found, note=f"{found.note} {note}".strip())

    @section(
        lambda page: drain_rows(pipelines(page.investigation), page.language),
        Rows("metrics", "namespace = 'AWS/SQS'"),
        plot="timeline",
    )
    def forecast(self) -> TableView:
        """Return a forecast of the drain time of each remaining backlog."""
        return self._table(
            drain_rows(pipelines(self.investigation), self.language),
            _FORECAST,
            self._label("forecast-caption"),
            self._label("forecast-empty"),
        )

    @section(
        lambda page: page._dead_letter_rows("work_item"),
        Rows("queue_messages"),
        plot=lambda page: plot_bars(
            page._dead_letter_rows("work_item"),
            "work_item",
            {"messages": "messages"},
            "dead-letters",
            page.language,
        ),
        reading=lambda page: readings.dead_letters(page._dead_letter_rows("work_item"), page._unit),
    )
    def dead_letters_by_work_item(self) -> TableView:
        """Return the number of DLQ messages by what their work is about, such as a device or an order."""
        return self._dead_letters("work_item")

    @section(lambda page: page._dead_letter_rows("error"), Rows("queue_messages"))
    def dead_letters_by_error(self) -> TableView:
        """Return the number of DLQ messages by the error of the function."""
        return self._dead_letters("error")

    @section(lambda page: page._dead_letter_rows("receive_count"), Rows("queue_messages"))
    def dead_letters_by_receives(self) -> TableView:
        """Return the number of DLQ messages by receive count."""
        return self._dead_letters("receive_count")

    @section(
        lambda page: page._dead_letter_rows("age_days"),
        Rows("queue_messages"),
        plot=lambda page: page._plot_ages(),
    )
    def dead_letters_by_age(self) -> TableView:
        """Return the number of DLQ messages by whole days between sending and the end of the data."""
        return self._dead_letters("age_days")

    @cached_property
    def _balance_steps(self) -> tuple[pd.DataFrame, float]:
        """Return the balance of the affected queues by time step, and the length of a step in seconds."""
        window = self.window
        seconds = (window.end - window.start).total_seconds()
        step_s = next((step for step in STEPS_S if seconds / step <= _FEW), STEPS_S[-1])
        frame = balance_frame(self.investigation, step_s, self.language)
        frame = frame[frame["queue"].isin(self.affected)]
        # Steps are aligned to the clock in UTC, so the first may begin before the window.
        return frame.assign(start=frame["start"].clip(lower=window.start)), step_s

    def _dead_letter_rows(self, key: str) -> pd.DataFrame:
        return self._of_the_queue(dead_letters_by(self.investigation, key, self.language))

    def _missed_rows(self) -> pd.DataFrame:
        columns = ("work_item", "time_or_day")
        items = self.diagnosis.extra.get("missed_work") or ()
        return records((dict(zip(columns, item, strict=False)) for item in items), columns)

    def _alarm_rows(self) -> pd.DataFrame:
        """Return the standard alarms, evaluated every minute over a sliding window where that is known."""
        alarms = [
            {**alarm, **(alarm.get("sliding") or {})} for alarm in self.diagnosis.extra.get("alarms", ())
        ]
        names = dict.fromkeys(name for alarm in alarms for name in alarm if name != "sliding")
        rows = records(({name: alarm.get(name) for name in names} for alarm in alarms), tuple(names))
        return rows.assign(first=utc_times(rows["first"])) if len(rows) else rows

    def _redrive_rows(self) -> pd.DataFrame:
        """Return the messages to send, as ``redrive.jsonl`` holds them."""
        lines = [json.loads(line) for line in messages_to_redrive(self.investigation, self._queue).lines]
        return records(lines, tuple(dict.fromkeys(name for line in lines for name in line)))

    def _dead_letters(self, key: str) -> TableView:
        caption = render(
            message(f"dead-letters-caption-{key.replace('_', '-')}", unit=self._unit), self.language
        )
        return table(
            self._dead_letter_rows(key),
            caption,
            self.zone,
            self._work_heads(_DEAD),
            limit=_FEW,
            empty=self._label("dead-letters-empty"),
            language=self.language,
        )

    @section(lambda page: patterns(page.investigation, page.zone, page.language), Rows("queue_messages"))
    def patterns(self) -> TableView:
        """Return a table of patterns: drifts of duration, and DLQ messages by weekday or work item."""
        frame = patterns(self.investigation, self.zone, self.language)
        kinds = [value_label("pattern", str(pattern), self.language) for pattern in frame["pattern"]]
        frame = frame.assign(pattern=kinds)
        empty = render(message("patterns-empty", unit=self._unit), self.language)
        return self._table(frame, _PATTERNS, self._label("patterns-caption"), empty)

    @section(lambda page: page._missed_rows(), Rows("queue_messages"))
    def missed_work(self) -> TableView:
        """Return a table of the missed work by what it is about."""
        extra = self.diagnosis.extra
        return missed_work_table(
            extra.get("missed_work"),
            self._unit,
            extra.get("unread_dumps", ()),
            self.language,
            perhaps_done=bool(extra.get("missed_work_may_have_run")),
        )

    @section(
        lambda page: page._of_the_queue(work_items(page.investigation)),
        Rows("queue_messages"),
        plot="dead_letters_by_age",
        reading=lambda page: readings.work(page.messages.frame),
    )
    def messages(self) -> TableView:
        """Return a table of the messages read from queues and DLQs, with their work items."""
        frame = self._of_the_queue(work_items(self.investigation))
        caption = render(message("messages-caption", messages=len(frame)), self.language)
        shown = dict(_WORK)
        if frame["work_time"].notna().all():
            # The date is redundant when each message has a time, and the table is wide.
            del shown["work_date"]
        if not frame["before_window"].any():
            del shown["before_window"]
        states = [value_label("message-state", str(state), self.language) for state in frame["state"]]
        return table(
            frame.assign(state=states),
            caption,
            self.zone,
            self._work_heads(shown),
            limit=10,
            empty=self._label("messages-empty"),
            language=self.language,
        )

    @section(lambda page: page._redrive_rows(), Rows("queue_messages"))
    def redrive(self) -> TableView:
        """Return the number of DLQ messages to redrive, and the reasons for those left out.

        The messages are attached to a report as a file beside its page.
        """
        found = messages_to_redrive(self.investigation, self._queue)
        if found.lines:
            attach(FILE, found.text)
        return redrive_table(found, self.language, self.investigation.case.argument)

    @section(lambda page: records(page._console_links, ("link", "url")), Rows("queues"))
    def console(self) -> LinksView:
        """Return links into the AWS console: queues, functions, metrics, a query of their logs, changes."""
        return console_view(self._console_links, self.language)

    @cached_property
    def _console_links(self) -> list[dict[str, str]]:
        shown = [one for one in pipelines(self.investigation, self._queue) if one.queue in self.affected]
        near, recorded = self._changes, self.investigation.table("changes")
        recorded = recorded[
            recorded["time"].isin(near["time"]) & recorded["event_name"].isin(near["event_name"])
        ]
        found = links(self.investigation.case, shown, self.window, recorded)
        return [{"link": render(text, self.language, self.zone), "url": url} for text, url in found]

    def _metric_words(self, frame: pd.DataFrame) -> dict[str, str]:
        return self._words("queue-metric", frame["metric"])

    def _plot_rates(self) -> FigureView:
        frame = self.comparison.frame
        chosen = frame[frame["resource"].isin(self.affected) & frame["incident_per_h"].notna()]
        rates = {"baseline_per_h": "usual-per-hour", "incident_per_h": "incident-per-hour"}
        return self._plot_named(chosen, ("resource", "metric"), "queue-metric", rates, "rates")

    def _plot_ages(self) -> FigureView:
        frame = self._dead_letter_rows("age_days")

        def names(language: str) -> list[str]:
            ends = [duration_label(86400.0 * (days + 1), language) for days in frame["age_days"]]
            return [f"{row.queue} · {row.age_days}–{end}" for row, end in zip(rows, ends, strict=True)]

        rows = [*frame.itertuples()]
        drawn = names(drawn_language(self.language))
        named = frame.assign(name=names(self.language))
        return plot_bars(named, "name", {"messages": "messages"}, "ages", self.language, drawn=drawn)

    def _plot_alarms(self) -> FigureView:
        rows = self.alarms.frame.dropna(subset=["first"]).sort_values("first", kind="stable").head(_FEW)
        times = [time.to_pydatetime() for time in rows["first"]]
        names = [f"{row.alarm}\n{row.resource}" for row in rows.itertuples()]
        bars = [(name, [(time, None)]) for name, time in zip(names, times, strict=True)]
        return plot_alarm_times(bars, self.span())

    @section(
        lambda page: page._alarm_rows(),
        Rows("metrics"),
        plot=lambda page: page._plot_alarms(),
        reading=lambda page: readings.first_alarm(page._alarm_rows(), page._start),
    )
    def alarms(self) -> TableView:
        """Return a table of the times at which the standard alarms would first have fired."""
        alarms = self.diagnosis.extra.get("alarms", ())
        return alarm_table(alarms, self._start, self.zone, self.language)

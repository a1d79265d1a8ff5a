"""Page of the alarms notebook: back-test of proposed and existing alarms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from watchme_analysis.alarms.sections import (
    advice_table,
    alarm_advice,
    backtest_table,
    plot_alarm_sensitivity,
    plot_alarm_times,
    ranges_table,
    rules_table,
    spared_by_a_check,
)
from watchme_analysis.alarms.sensitivity import UNPUBLISHED
from watchme_analysis.alarms.specification import AlarmSpec
from watchme_analysis.alarms.time_to_detect import Detection
from watchme_analysis.notebook import readings
from watchme_analysis.notebook.page import Page, records
from watchme_analysis.notebook.section import Section, section
from watchme_analysis.present.display import TableView, TextView
from watchme_analysis.services.backtest import CaseBacktest
from watchme_analysis.text.formats import format_time
from watchme_analysis.text.message import Duration, Resource, message, value_of
from watchme_analysis.text.render import note, render, value_label
from watchme_analysis.window import parse_time

_MOST_BARS = 14


@dataclass(repr=False)
class AlarmPage(Page):
    """Sections of the alarms notebook, one method each.

    Attributes
    ----------
    specs
        Alarms of the specification.
    noticed_at
        Time at which people noticed, from the parameter ``noticed``; empty for the first reaction in the
        data.
    """

    specs: tuple[AlarmSpec, ...] = ()
    noticed_at: str = ""

    @cached_property
    def _tests(self) -> CaseBacktest:
        noticed = None
        if self.noticed_at:
            moment = parse_time(self.noticed_at, self.zone, now=self.window.end)
            noticed = Detection(moment, note("detect-stated"))
        return CaseBacktest(self.investigation, self.diagnosis, self.specs, noticed)

    @section
    def rules(self) -> Section:
        """Return a table of the alarms of the specification."""
        shown = (
            (
                f"{spec.name} ({spec.label})" if spec.label else spec.name,
                render(spec.summary, self.language),
                value_label("alarm-over", spec.over, self.language),
            )
            for spec in self.specs
        )
        rows = (
            {"name": spec.name, "over": spec.over, "rule": spec.in_words, "stat": spec.stat}
            for spec in self.specs
        )
        frame = records(rows, ("name", "over", "rule", "stat"))
        return Section(rules_table(shown, self.language), frame)

    @section
    def time_to_detect(self) -> Section:
        """Return sentences on the start of the incident and the time at which people noticed."""
        found = self._tests.detection
        if self._start is None:
            said = message("detect-no-incident")
        else:
            start = {
                "start": Resource(format_time(self._start, self.zone)), "zone": Resource(str(self.zone))
            }  # fmt: skip
            said = message("detect-nobody", **start)
            if found is not None:
                late = Duration((found.at - self._start).total_seconds())
                time = Resource(format_time(found.at, self.zone))
                said = message("detect-noticed", **start, time=time, late=late, how=value_of(found.how))
        return Section(TextView((render(said, self.language),)), sql=self._rows("alarm_history"))

    @section
    def backtest(self) -> Section:
        """Return a table of the times at which the alarms of the specification would have fired."""
        frame = self._tests.frame(self._tests.proposed_results)
        return Section(
            backtest_table(frame, self.zone, self.language),
            frame,
            self._rows("metrics"),
            plot="fires",
            reading=lambda: readings.first_alarm(frame, self._start),
        )

    @section
    def existing(self) -> Section:
        """Return a table of the times at which the existing alarms would have fired."""
        tested = self._tests.existing_results
        frame = self._tests.frame(tested)
        view = backtest_table(frame, self.zone, self.language, existing=True)
        if not tested:
            view = TableView(
                self._label("existing-alarms-caption"), (), (), self._label("existing-alarms-none")
            )
        return Section(view, frame, self._rows("metrics"), plot="fires")

    @section
    def fires(self) -> Section:
        """Return a figure of the times in alarm."""
        tests = self._tests
        raised = [
            (f"{item.spec.name}\n{item.resource}", item.run.raised)
            for item in tests.results
            if item.run and item.run.raised
        ]
        raised.sort(key=lambda bar: bar[1][0][0])
        noticed = None if tests.detection is None else tests.detection.at
        figure = plot_alarm_times(raised[:_MOST_BARS], self.span(), noticed)
        return Section(figure, tests.frame(tests.results), self._rows("metrics"))

    @section
    def sensitivity(self) -> Section:
        """Return a figure of the delay of alarms on affected queues at other thresholds and M of N."""
        frame = self._tests.sensitivity(self._tests.affected, self.specs)
        return Section(
            plot_alarm_sensitivity(frame, self.language),
            frame,
            self._rows("metrics"),
            reading=lambda: readings.thresholds(frame),
        )

    @section
    def ranges(self) -> Section:
        """Return a table of the alarms that depend on the unpublished length of the evaluation range."""
        frame = self._tests.ranges()
        view = ranges_table(frame, UNPUBLISHED, self.zone, self.language)
        return Section(view, frame, self._rows("metrics"))

    @section
    def improvements(self) -> Section:
        """Return a table of improvements to the alarms of the specification."""
        columns = ("alarm", "resource", "finding", "instead", "effect")
        advice = self._tests.advice(self.specs)
        frame = records(({name: getattr(one, name) for name in columns} for one in advice), columns)
        return Section(
            advice_table(advice, self.language),
            frame,
            self._rows("metrics"),
            reading=lambda: readings.improvements(frame),
        )

    @section
    def advice(self) -> Section:
        """Return sentences on the alarm to create first."""
        found, tests = self.diagnosis, self._tests
        dead = found.extra.get("dead_letters_of_incident") or 0
        noticed = None if tests.detection is None else tests.detection.at
        first = alarm_advice(
            tests.frame(tests.proposed_results), self._start, tests.affected, dead, self.zone, noticed
        )
        said = (*first, *spared_by_a_check(found, self.zone))
        view = TextView(tuple(render(each, self.language) for each in said))
        return Section(view, sql=self._rows("metrics"), plot="fires")
